use std::fmt;

/// Ruby that is recognised but not read: its name, and what to write in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Construct {
    Interpolation,
    PercentLiteral,
    Regex,
    Backticks,
    /// `system` and its like.
    Command(String),
    /// `$name`.
    Global(String),
    Special(String),
    Call(String),
    /// A method, and of what.
    Method(String, &'static str),
    /// `Name.new`.
    Object(String),
    Operator(String),
    Keyword(String),
    Definition,
    /// Another file of Ruby.
    File(String),
    SeveralValues,
}

impl Construct {
    pub fn cure(&self) -> String {
        match self {
            Self::Interpolation => "write the symbol out, or use a text: `\"a#{b}\"`".to_owned(),
            Self::PercentLiteral => "write a list as `[\"one\", \"two\"]` and text as `\"text\"`".to_owned(),
            Self::Regex => {
                "compare with `==`, `.include?`, `.start_with?` or `.end_with?`, and replace plain text: `.sub(\"a\", \"b\")`"
                    .to_owned()
            }
            Self::Backticks | Self::Command(_) => {
                "brasa runs nothing while it reads settings; write the result as `\"text\"`, or hand it in by `ENV['NAME']`"
                    .to_owned()
            }
            Self::Global(_) | Self::Special(_) | Self::Call(_) | Self::Method(..) => "write the value itself, as in `\"/var/chef/cache\"`".to_owned(),
            Self::Object(_) => {
                "no Ruby code is loaded; a handler is a command: `report_handlers [\"/usr/local/bin/report\"]` gets the report \
                 as JSON on standard input"
                    .to_owned()
            }
            Self::Operator(_) => "write the result as one value".to_owned(),
            Self::Keyword(_) => {
                "write one value for each machine, or choose with `if`, `unless` or `condition ? one : other`".to_owned()
            }
            Self::Definition => "set a variable in place of it: `name = value`".to_owned(),
            Self::File(_) => "write its settings into this file, or into `solo.d/NAME.rb` beside it".to_owned(),
            Self::SeveralValues => "write several values as a list: `[\"one\", \"two\"]`".to_owned(),
        }
    }
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interpolation => f.write_str("`#{...}` inside a symbol"),
            Self::PercentLiteral => f.write_str("a `%` literal of this kind"),
            Self::Regex => f.write_str("a regular expression"),
            Self::Backticks => f.write_str("a command in backticks"),
            Self::Command(name) => write!(f, "`{name}`, which runs a command,"),
            Self::Global(name) => write!(f, "the global variable `{name}`"),
            Self::Special(word) | Self::Keyword(word) => write!(f, "`{word}`"),
            Self::Call(name) => write!(f, "the method call `{name}`"),
            Self::Method(name, kind) => write!(f, "the method `{name}` of {kind}"),
            Self::Object(name) => write!(f, "the Ruby object `{name}`"),
            Self::Operator(operator) => write!(f, "the operator `{operator}`"),
            Self::Definition => f.write_str("a method of one's own (`def`)"),
            Self::File(name) => write!(f, "`{name}`, which reads another file,"),
            Self::SeveralValues => f.write_str("a list without brackets"),
        }
    }
}
