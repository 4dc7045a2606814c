use std::fmt;

use super::methods;
use crate::suggest;

/// What is read of `File` and `Dir`.
const FUNCTIONS: &[(&str, &[&str])] = &[
    (
        "File",
        &[
            "absolute_path",
            "basename",
            "directory?",
            "dirname",
            "exist?",
            "expand_path",
            "extname",
            "file?",
            "join",
            "read",
            "readable?",
            "readlines",
            "realpath",
        ],
    ),
    ("Dir", &["exist?", "home", "pwd", "tmpdir"]),
];

const HAND_IN: &str = "write the value itself, or hand it in by `ENV['NAME']`";

/// Ruby that is recognised but not read: its name, and what to write in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Construct {
    Interpolation,
    PercentLiteral,
    Regex,
    /// A command in backticks.
    Backticks(String),
    /// `system` and its like.
    Command(String),
    /// `$name`, where Ruby sets it.
    Global(String),
    Special(String),
    Call(String),
    /// A method, and of what.
    Method(String, &'static str),
    /// `Name.new`.
    Object(String),
    Operator(String),
    Keyword(String),
    Loop(String),
    Lambda(String),
    /// `def`, `class` or `module`, and what it defines.
    Definition(String, Option<String>),
    /// `name do ... end`.
    Block(String),
    /// Another file of Ruby.
    File(String),
    SeveralValues,
    /// `a, b = 1, 2`.
    SeveralNames,
}

impl Construct {
    pub fn cure(&self) -> String {
        match self {
            Self::Interpolation => "write the symbol out, or use a text: `\"a#{b}\"`".to_owned(),
            Self::PercentLiteral => "write a list as `[\"one\", \"two\"]` and text as `\"text\"`".to_owned(),
            Self::Regex => "compare with `.include?`, `.start_with?` or `.end_with?`, or write it without `(?=`, `(?!`, `\\1`, \
                            `#{...}` and the like"
                .to_owned(),
            Self::Backticks(command) if command.trim_start().starts_with("hostname") => {
                "brasa runs nothing while it reads settings; the machine's name is `Socket.gethostname`".to_owned()
            }
            Self::Backticks(_) | Self::Command(_) => {
                "brasa runs nothing while it reads settings; write the result as `\"text\"`, or hand it in by `ENV['NAME']`"
                    .to_owned()
            }
            Self::Global(name) if matches!(name.as_str(), "$0" | "$PROGRAM_NAME") => {
                "the file itself is `__FILE__`".to_owned()
            }
            Self::Global(name) if name[1..].starts_with(|c: char| c.is_ascii_digit() || c == '~') => {
                "a part of a text is `text[/the (part)/, 1]`".to_owned()
            }
            Self::Global(_) => "leave it out: no code of Ruby is loaded".to_owned(),
            Self::Special(_) => "write the value itself; text stands in quotes".to_owned(),
            Self::Call(name) => of_call(name),
            Self::Method(name, kind) => {
                of_unknown(name, "", methods::known(kind), &format!("{kind} has"))
            }
            Self::Object(name) => of_object(name).to_owned(),
            Self::Operator(_) => "write the result as one value".to_owned(),
            Self::Keyword(word) if matches!(word.as_str(), "return" | "break" | "next") => {
                "put the lines that it passes over between `unless` and `end`".to_owned()
            }
            Self::Keyword(_) => "leave it out, and write the value itself".to_owned(),
            Self::Loop(_) => "write the values out as a list, or go through one: `list.each do |one| ... end`".to_owned(),
            Self::Lambda(_) => "write the value that it gives: nothing is run later".to_owned(),
            Self::Definition(word, _) if word == "def" => "set a variable in place of it: `name = value`".to_owned(),
            Self::Definition(..) => {
                "leave it out: no code of Ruby is loaded; a handler is a command: `report_handlers [\"/usr/local/bin/report\"]`"
                    .to_owned()
            }
            Self::Block(name) => format!("write its settings in lines of their own, as `{name}.key value`"),
            Self::File(_) => "write its settings into this file, or into `solo.d/NAME.rb` beside it".to_owned(),
            Self::SeveralValues => "write several values as a list: `[\"one\", \"two\"]`".to_owned(),
            Self::SeveralNames => "set each in a line of its own: `name = value`".to_owned(),
        }
    }
}

fn of_call(name: &str) -> String {
    let (owner, method) = match name.find(['.', '[']) {
        Some(end) if end > 0 => (&name[..end], name[end..].trim_start_matches('.')),
        Some(_) | None => ("", name),
    };
    let cure = match (owner, method) {
        ("Dir", "[...]" | "glob" | "entries" | "children" | "each_child" | "foreach") => {
            "write the names out as a list: `[\"/srv/a\", \"/srv/b\"]`; settings files in `solo.d` beside this one are read anyway"
        }
        ("", "open") | ("File" | "IO", "open" | "new") => {
            "write the path itself: `\"/var/log/chef.log\"`; what a file holds is `File.read(\"/path\")`"
        }
        ("JSON" | "YAML" | "Psych" | "CSV" | "TOML" | "Chef::JSONCompat", _) => {
            "write the values themselves; settings as data go into `brasa.toml` beside this file"
        }
        ("Socket" | "IPSocket" | "TCPSocket" | "Addrinfo" | "Resolv", _) => {
            "the machine's name is `Socket.gethostname`; write anything else out, or hand it in by `ENV['NAME']`"
        }
        ("Etc", _) => {
            "the home directory is `Dir.home`, the user `Etc.getlogin`; write anything else out, or hand it in by `ENV['NAME']`"
        }
        ("ENV", _) => "ask for one variable: `ENV['NAME']`, `ENV.fetch('NAME', 'default')`, `ENV.key?('NAME')`",
        ("", "format" | "sprintf" | "printf") => "put the values into a text: `\"#{one}/#{other}\"`",
        ("", "test") => "ask `File.exist?(\"/path\")`",
        ("", "rand" | "srand") => HAND_IN,
        ("", "[]=") => "set the whole value",
        ("", attribute) if attribute.ends_with('=') => "a part of a hash is set by `hash[:key] = value`",
        ("", function) if function.starts_with(char::is_uppercase) => {
            return suggest::hint(function, ["Array", "Integer", "Pathname", "String"]);
        }
        ("", _) => "leave it out: nothing is run or loaded while settings are read",
        _ => match FUNCTIONS.iter().find(|(of, _)| *of == owner) {
            Some((_, known)) => {
                return of_unknown(method, &format!("{owner}."), known.iter().copied(), "known are");
            }
            None => HAND_IN,
        },
    };
    cure.to_owned()
}

fn of_unknown(name: &str, before: &str, known: impl Iterator<Item = &'static str> + Clone, all: &str) -> String {
    match suggest::nearest(name, known.clone()) {
        Some(near) if near == name => "it is not read with these arguments: write the value itself".to_owned(),
        Some(near) => format!("did you mean `{before}{near}`?"),
        None => {
            let known: Vec<_> = known.map(|known| format!("`{before}{known}`")).collect();
            format!("write the value itself; {all} {}", known.join(", "))
        }
    }
}

fn of_object(name: &str) -> &'static str {
    match name {
        "Ohai::System.new" => "facts are read after the settings; the machine's name is `Socket.gethostname`",
        "Gem::Version.new" => "there is no Ruby whose version could matter: leave the condition out",
        "Struct.new" | "OpenStruct.new" | "Hash.new" => "write a hash: `{ \"key\" => value }`",
        // `Logger.new`, `Chef::Log::Syslog.new`.
        _ if name.contains("Log") => {
            "where the log goes is a path: `log_location \"/var/log/chef.log\"`; without one it goes to standard error, which \
             systemd keeps in the journal"
        }
        _ => {
            "no code of Ruby is loaded: write the value itself; a handler is a command: \
             `report_handlers [\"/usr/local/bin/report\"]` gets the report as JSON on standard input"
        }
    }
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interpolation => f.write_str("`#{...}` inside a symbol"),
            Self::PercentLiteral => f.write_str("a `%` literal of this kind"),
            Self::Regex => f.write_str("this regular expression"),
            Self::Backticks(_) => f.write_str("a command in backticks"),
            Self::Command(name) => write!(f, "`{name}`, which runs a command,"),
            Self::Global(name) => write!(f, "the global variable `{name}`"),
            Self::Special(word) | Self::Keyword(word) | Self::Loop(word) | Self::Lambda(word) => write!(f, "`{word}`"),
            Self::Call(name) => write!(f, "the method call `{name}`"),
            Self::Method(name, kind) => write!(f, "the method `{name}` of {kind}"),
            Self::Object(name) => write!(f, "the Ruby object `{name}`"),
            Self::Operator(operator) => write!(f, "the operator `{operator}`"),
            Self::Definition(word, _) if word == "def" => f.write_str("a method of one's own (`def`)"),
            Self::Definition(word, _) => write!(f, "a {word} of one's own"),
            Self::Block(name) => write!(f, "`{name} do ... end`"),
            Self::File(name) => write!(f, "`{name}`, which brings in other code,"),
            Self::SeveralValues => f.write_str("a list without brackets"),
            Self::SeveralNames => f.write_str("setting several variables at once"),
        }
    }
}
