use std::fmt;

/// Ruby that is recognised but not read: its name, and what to write in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Construct {
    Interpolation,
    PercentLiteral,
    Heredoc,
    Regex,
    Backticks,
    Hash,
    Variable,
    Special(String),
    Call(String),
    Index(String),
    Operator(String),
    Keyword(String),
    Modifier(String),
    SeveralValues,
    /// `name = value` of a known setting.
    Assignment(String),
    /// `name = value` of anything else.
    LocalVariable(String),
    /// A line that calls something in place of setting something.
    Doing(String),
    /// A line that changes a setting by an operator.
    Changing(String),
}

impl Construct {
    pub fn cure(&self) -> String {
        match self {
            Self::Interpolation => {
                "write the whole text out; a plain `#{` is written `\\#{`, or with single quotes".to_owned()
            }
            Self::PercentLiteral => "write a list as `[\"one\", \"two\"]` and text as `\"text\"`".to_owned(),
            Self::Heredoc | Self::Regex => "write text as `\"text\"`".to_owned(),
            Self::Backticks => "brasa runs nothing while it reads settings; write the result as `\"text\"`".to_owned(),
            Self::Hash => {
                "write simple values: text, numbers, `true`, `false`, `nil`, `:symbols` and lists of them".to_owned()
            }
            Self::Variable | Self::Special(_) | Self::Call(_) | Self::Index(_) => {
                "write the value itself, as in `\"/var/chef/cache\"`".to_owned()
            }
            Self::Operator(_) => "write the result as one value".to_owned(),
            Self::Keyword(word)
                if matches!(word.as_str(), "require" | "require_relative" | "load" | "puts" | "p" | "print") =>
            {
                "remove the line; brasa needs no Ruby library and prints nothing here".to_owned()
            }
            Self::Keyword(_) | Self::Modifier(_) => "write one value for each machine, without a condition".to_owned(),
            Self::SeveralValues => "write several values as a list: `[\"one\", \"two\"]`".to_owned(),
            Self::LocalVariable(name) => {
                format!("remove the line, and write the value where `{name}` is used; a setting is written without `=`")
            }
            Self::Doing(_) => "remove the line: only settings are read, one `setting value` a line".to_owned(),
            Self::Changing(_) => "set it once, as a whole: `setting value`".to_owned(),
            Self::Assignment(name) => format!("a setting is written without `=`: `{name} VALUE`"),
        }
    }
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interpolation => f.write_str("`#{...}` inside text"),
            Self::PercentLiteral => f.write_str("a `%` literal"),
            Self::Heredoc => f.write_str("a heredoc (`<<`)"),
            Self::Regex => f.write_str("a regular expression"),
            Self::Backticks => f.write_str("a command in backticks"),
            Self::Hash => f.write_str("a hash (`{...}`)"),
            Self::Variable => f.write_str("a variable"),
            Self::Special(word) => write!(f, "`{word}`"),
            Self::Call(name) => write!(f, "the method call `{name}`"),
            Self::Index(name) => write!(f, "the look-up `{name}[...]`"),
            Self::Operator(operator) => write!(f, "the operator `{operator}`"),
            Self::Keyword(word) => write!(f, "`{word}`"),
            Self::Modifier(word) => write!(f, "a condition (`{word}`) after the value"),
            Self::SeveralValues => f.write_str("a list without brackets"),
            Self::Doing(call) => write!(f, "`{call}`"),
            Self::Changing(operator) => write!(f, "the operator `{operator}`"),
            Self::Assignment(name) | Self::LocalVariable(name) => write!(f, "the assignment `{name} =`"),
        }
    }
}
