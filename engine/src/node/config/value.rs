use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::pattern::Pattern;

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `"text"`.
    String(String),
    /// `:name`.
    Symbol(String),
    /// `10`.
    Integer(i64),
    /// `0.5`.
    Float(f64),
    /// `true`, `false`.
    Bool(bool),
    /// `nil`.
    Nil,
    /// `["a", "b"]`.
    Array(Vec<Value>),
    /// `{ "a" => 1 }`, in the order of the file, each key once.
    Hash(Vec<(Value, Value)>),
    /// `Pathname.new("/a")`.
    Path(String),
    /// `STDOUT`.
    Constant(String),
    /// `/mswin|mingw/`.
    Pattern(Pattern),
}

impl Value {
    /// The elements of a list; anything else is a list of one.
    #[must_use]
    pub fn each(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { std::slice::from_ref(self) }
    }

    /// What it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Symbol(_) => "a symbol",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Nil => "nil",
            Self::Array(_) => "a list",
            Self::Hash(_) => "a hash",
            Self::Path(_) => "a path",
            Self::Constant(_) => "a constant",
            Self::Pattern(_) => "a regular expression",
        }
    }

    /// Whether a condition holds with it: everything but `false` and `nil`.
    pub(super) const fn holds(&self) -> bool {
        !matches!(self, Self::Nil | Self::Bool(false))
    }

    /// Whether it is made of other values.
    pub(super) const fn is_compound(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Hash(_))
    }

    /// What `to_s` and `#{...}` make of it.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::String(text) | Self::Symbol(text) | Self::Path(text) | Self::Constant(text) => text.clone(),
            Self::Nil => String::new(),
            Self::Integer(_) | Self::Float(_) | Self::Bool(_) | Self::Array(_) | Self::Hash(_) | Self::Pattern(_) => {
                self.to_string()
            }
        }
    }

    /// The value of a key, when this is a hash that has it.
    #[must_use]
    pub fn get(&self, key: &Self) -> Option<&Self> {
        let Self::Hash(pairs) = self else { return None };
        pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Sets a key of a hash; anything else becomes one.
    pub(super) fn put(&mut self, key: Self, value: Self) {
        if !matches!(self, Self::Hash(_)) {
            *self = Self::Hash(Vec::new());
        }
        let Self::Hash(pairs) = self else { return };
        match pairs.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => pairs.push((key, value)),
        }
    }

    /// Its size (values and bytes in it) and how deep lists and hashes lie in each other.
    pub(super) fn weight(&self) -> (usize, usize) {
        let inner = |sum: (usize, usize), value: &Self| {
            let (size, depth) = value.weight();
            (sum.0 + size, sum.1.max(depth))
        };
        let (size, depth) = match self {
            Self::String(text) | Self::Symbol(text) | Self::Path(text) | Self::Constant(text) => (text.len(), 0),
            Self::Pattern(pattern) => (pattern.len(), 0),
            Self::Integer(_) | Self::Float(_) | Self::Bool(_) | Self::Nil => (0, 0),
            Self::Array(items) => items.iter().fold((0, 0), inner),
            Self::Hash(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).fold((0, 0), inner),
        };
        (size + 1, depth + 1)
    }
}

/// As solo.rb writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "{text:?}"),
            Self::Path(text) => write!(f, "Pathname({text:?})"),
            Self::Symbol(name) if name.chars().all(|c| c.is_alphanumeric() || "_?!".contains(c)) => {
                write!(f, ":{name}")
            }
            Self::Symbol(name) => write!(f, ":{name:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Nil => f.write_str("nil"),
            Self::Constant(name) => f.write_str(name),
            Self::Pattern(pattern) => write!(f, "{pattern}"),
            Self::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Hash(pairs) => {
                f.write_str("{")?;
                for (n, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key} => {value}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// JSON has no symbols, constants and regular expressions: they become the strings `":name"`, `"STDOUT"`, `"/x/"`. The keys of a hash become plain
/// text, as names of settings do.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) | Self::Path(text) | Self::Constant(text) => serializer.serialize_str(text),
            Self::Symbol(name) => serializer.collect_str(&format_args!(":{name}")),
            Self::Pattern(pattern) => serializer.collect_str(pattern),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Nil => serializer.serialize_unit(),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Hash(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    map.serialize_entry(&key.to_text(), value)?;
                }
                map.end()
            }
        }
    }
}
