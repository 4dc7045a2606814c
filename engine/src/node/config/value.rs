use std::fmt;

use serde::{Serialize, Serializer};

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
    /// `STDOUT`.
    Constant(String),
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
            Self::Constant(_) => "a constant",
        }
    }
}

/// As solo.rb writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "{text:?}"),
            Self::Symbol(name) => write!(f, ":{name}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Nil => f.write_str("nil"),
            Self::Constant(name) => f.write_str(name),
            Self::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// JSON has neither symbols nor constants: they become the strings `":name"` and `"STDOUT"`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => serializer.serialize_str(text),
            Self::Symbol(_) | Self::Constant(_) => serializer.collect_str(self),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Nil => serializer.serialize_unit(),
            Self::Array(items) => serializer.collect_seq(items),
        }
    }
}
