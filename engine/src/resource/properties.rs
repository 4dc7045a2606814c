use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value as Json;

use super::{Content, Value};
use crate::suggest;
use crate::values::{Digest, Mode, Seconds, Secret, Words};

/// One row of `brasa explain KIND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyInfo {
    /// Its name, the same in Rust and in data.
    pub name: &'static str,
    /// Its type, in words.
    pub kind: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// A kind with a property table: it can be made from data and explained. Written with [`properties!`](crate::properties).
pub trait Described: super::Resource + Sized {
    /// What it is, in a few sentences.
    const ABOUT: &'static str;
    /// A recipe line in Rust that a reader can copy.
    const EXAMPLE: &'static str;
    /// What the name in brackets means: `path`, `package name`.
    const NAME: &'static str;
    /// Every property.
    const PROPERTIES: &'static [PropertyInfo];

    /// What sets each of [`Described::PROPERTIES`], in their order.
    const SETTERS: &'static [Setter<Self>];

    /// One with this name and no property set.
    fn with_name(name: &str) -> Self;

    /// Sets a property from data.
    ///
    /// # Errors
    /// A sentence: no such property (with the nearest), or a value of another type.
    fn set(&mut self, property: &str, value: &Json) -> Result<(), String> {
        Self::SETTERS[position(Self::PROPERTIES, property)?](self, value)
    }
}

/// Sets one property from data, or says what was expected and what was found.
pub type Setter<R> = fn(&mut R, &Json) -> Result<(), String>;

/// Which of these a property is, or a sentence with the nearest one.
pub(crate) fn position(properties: &[PropertyInfo], name: &str) -> Result<usize, String> {
    properties.iter().position(|property| property.name == name).ok_or_else(|| {
        format!("no property `{name}`; {}", suggest::hint(name, properties.iter().map(|property| property.name)))
    })
}

/// What a property is set by: compiled once for a type, not once for each property.
///
/// # Errors
/// As [`Property::from_json`].
#[doc(hidden)]
#[inline(never)]
pub fn put<T: Property>(slot: &mut Option<T>, value: &Json) -> Result<(), String> {
    *slot = Some(T::from_json(value)?);
    Ok(())
}

/// A type that a property may have: it can be given as JSON.
pub trait Property: Sized {
    /// Its name in words, as `octal mode`.
    const TYPE: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn from_json(value: &Json) -> Result<Self, String>;
}

/// Environment variables of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(pub BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Environment {
    fn from(pairs: [(K, V); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }
}

/// How much one of several things is preferred: the highest wins. It may be below 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(pub i32);

impl From<i32> for Priority {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

impl Property for Priority {
    const TYPE: &'static str = "whole number, also below 0";

    fn from_json(value: &Json) -> Result<Self, String> {
        let number = match value {
            Json::String(text) => text.trim().parse().ok(),
            Json::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        };
        number.map(Self).ok_or_else(|| wrong::<Self>(value))
    }
}

fn wrong<T: Property>(value: &Json) -> String {
    let found = match value {
        Json::Null => "null".to_owned(),
        Json::Bool(b) => format!("`{b}`"),
        Json::Number(n) => format!("the number {n}"),
        Json::String(s) => format!("the text `{s}`"),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    };
    format!("expected {}, found {found}", T::TYPE)
}

impl Property for String {
    const TYPE: &'static str = "text";
    fn from_json(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(text) => Ok(text.clone()),
            // `owner: 0`, or an expression that gave a number: there is one way to write it. 1.0 and 1.10 have several.
            Json::Number(number) if !number.is_f64() => Ok(number.to_string()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                Err(wrong::<Self>(value))
            }
        }
    }
}

impl Property for bool {
    const TYPE: &'static str = "true or false";
    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| wrong::<Self>(value))
    }
}

impl Property for u32 {
    const TYPE: &'static str = "whole number";
    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_u64().and_then(|n| Self::try_from(n).ok()).ok_or_else(|| wrong::<Self>(value))
    }
}

impl Property for Seconds {
    const TYPE: &'static str = "seconds";
    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_u64().map(Self).ok_or_else(|| wrong::<Self>(value))
    }
}

impl Property for PathBuf {
    const TYPE: &'static str = "path";
    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_str().map(Self::from).ok_or_else(|| wrong::<Self>(value))
    }
}

impl Property for Mode {
    const TYPE: &'static str = "octal mode";
    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_str().map_or_else(|| Err(wrong::<Self>(value) + "; write it as text, `\"0644\"`"), Self::parse)
    }
}

impl Property for Digest {
    const TYPE: &'static str = "SHA-256 in hex";
    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_str().and_then(Self::parse).ok_or_else(|| wrong::<Self>(value))
    }
}

impl Property for Secret {
    const TYPE: &'static str = "secret text";
    fn from_json(value: &Json) -> Result<Self, String> {
        // The value itself must not come back in the sentence.
        value.as_str().map(Self::from).ok_or_else(|| "expected secret text, found something else".to_owned())
    }
}

impl Property for Words {
    const TYPE: &'static str = "list of words";
    fn from_json(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(word) => Ok(word.as_str().into()),
            Json::Array(words) => words.iter().map(String::from_json).collect::<Result<Vec<_>, _>>().map(Self),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => Err(wrong::<Self>(value)),
        }
    }
}

impl Property for Vec<i32> {
    const TYPE: &'static str = "list of whole numbers";
    fn from_json(value: &Json) -> Result<Self, String> {
        let one = |n: &Json| n.as_i64().and_then(|n| i32::try_from(n).ok()).ok_or_else(|| wrong::<Self>(value));
        match value {
            Json::Array(numbers) => numbers.iter().map(one).collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                one(value).map(|n| vec![n])
            }
        }
    }
}

impl Property for Environment {
    const TYPE: &'static str = "object of text values";
    fn from_json(value: &Json) -> Result<Self, String> {
        let object = value.as_object().ok_or_else(|| wrong::<Self>(value))?;
        object.iter().map(|(k, v)| Ok((k.clone(), String::from_json(v)?))).collect::<Result<_, _>>().map(Self)
    }
}

impl Property for Content {
    const TYPE: &'static str = "text";
    fn from_json(value: &Json) -> Result<Self, String> {
        String::from_json(value).map(Self::from)
    }
}

impl<T: Property> Property for Value<T> {
    const TYPE: &'static str = T::TYPE;
    fn from_json(value: &Json) -> Result<Self, String> {
        T::from_json(value).map(Value::Now)
    }
}

/// Defines a kind from its property table: the struct, its setters, and what `brasa explain` and data recipes need.
///
/// The first field is the name in brackets; each property becomes an `Option` field with a setter of the same name that
/// takes anything convertible.
///
/// ```text
/// properties! {
///     /// A regular file.
///     pub struct File("path") {
///         path: PathBuf;
///         /// The whole content.
///         content: Value<Content>,
///         /// Permission bits.
///         mode: Mode,
///     }
///     example r#"r.add(File::at("/etc/motd").content("hello\n").mode(0o644));"#
/// }
/// ```
///
/// A kind that is another one with more to it names that one: `pub struct Template("path") extends file: File { .. }`, and
/// after the example the rows it takes over, `shared { .. }`. They get setters here that set them there, and stand in both
/// tables.
#[macro_export]
macro_rules! properties {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident($named:literal) extends $base:ident: $base_type:ty {
            $($(#[doc = $doc:literal])+ $property:ident: $type:ty),* $(,)?
        }
        example $example:literal
        shared { $($shared:tt)* }
    ) => {
        $crate::properties! {
            @kind
            $(#[doc = $about])+
            $name($named) $base: $base_type = <$base_type as $crate::resource::Described>::with_name;
            { $($(#[doc = $doc])+ $property: $type,)* }
            example $example
            shared { $($shared)* }
        }
    };
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident($named:literal) {
            $key:ident: $key_type:ty;
            $($(#[doc = $doc:literal])+ $property:ident: $type:ty),* $(,)?
        }
        example $example:literal
        $(shared { $($shared:tt)* })?
    ) => {
        $crate::properties! {
            @kind
            $(#[doc = $about])+
            $name($named) $key: $key_type = <$key_type as ::core::convert::From<&str>>::from;
            { $($(#[doc = $doc])+ $property: $type,)* $($($shared)*)? }
            example $example
            shared {}
        }
    };
    // A struct of a key (the name, or the kind that it extends) and properties, with the properties that the key has, too.
    (
        @kind
        $(#[doc = $about:literal])+
        $name:ident($named:literal) $key:ident: $key_type:ty = $from_name:expr;
        { $($(#[doc = $doc:literal])+ $property:ident: $type:ty),* $(,)? }
        example $example:literal
        shared { $($(#[doc = $shared_doc:literal])+ $shared:ident: $shared_type:ty),* $(,)? }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        pub struct $name {
            pub(crate) $key: $key_type,
            $($(#[doc = $doc])+ pub(crate) $property: Option<$type>,)*
        }

        impl $name {
            fn bare($key: $key_type) -> Self {
                Self { $key, $($property: None,)* }
            }

            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $property(mut self, value: impl Into<$type>) -> Self {
                    self.$property = Some(value.into());
                    self
                }
            )*

            $(
                $(#[doc = $shared_doc])+
                #[must_use]
                pub fn $shared(mut self, value: impl Into<$shared_type>) -> Self {
                    self.$key = self.$key.$shared(value);
                    self
                }
            )*
        }

        impl $crate::resource::Described for $name {
            const ABOUT: &'static str = concat!($($about, "\n"),+);
            const EXAMPLE: &'static str = $example;
            const NAME: &'static str = $named;
            const PROPERTIES: &'static [$crate::resource::PropertyInfo] = &[
                $($crate::resource::PropertyInfo {
                    name: stringify!($property),
                    kind: <$type as $crate::resource::Property>::TYPE,
                    about: concat!($($doc, "\n"),+),
                },)*
                $($crate::resource::PropertyInfo {
                    name: stringify!($shared),
                    kind: <$shared_type as $crate::resource::Property>::TYPE,
                    about: concat!($($shared_doc, "\n"),+),
                },)*
            ];

            const SETTERS: &'static [$crate::resource::Setter<Self>] = &[
                $(|it, value| $crate::resource::put(&mut it.$property, value),)*
                $(|it, value| $crate::resource::Described::set(&mut it.$key, stringify!($shared), value),)*
            ];

            fn with_name(name: &str) -> Self {
                Self::bare(($from_name)(name))
            }
        }
    };
}
