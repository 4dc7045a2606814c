//! solo.rb: settings, read without Ruby and without running anything.
//!
//! [`lexer`] makes tokens, [`parser`] statements, [`evaluator`] values. What is read is one `setting value` a line; all other
//! Ruby is a fault with its place and what to write instead.
mod construct;
mod evaluator;
pub mod known;
mod lexer;
mod option;
mod parser;
mod value;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

pub use self::{
    known::{Fate, KNOWN, Known, Shape},
    value::Value,
};
use super::source::{Source, position};
use crate::{Fault, suggest, values::Place};

/// The settings that a file sets, in its order.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: IndexMap<String, Setting>,
    warnings: Vec<Fault>,
}

/// A setting that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// To what.
    pub value: Value,
    /// Where its value was written.
    pub place: Place,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Everything.
    Trace,
    /// For authors.
    Debug,
    /// Worth knowing.
    Info,
    /// What the report asks for.
    #[default]
    Auto,
    /// Worth looking at.
    Warn,
    /// Wrong.
    Error,
    /// Only what ends the run.
    Fatal,
}

impl Verbosity {
    /// By Chef's word for it.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "auto" => Self::Auto,
            "warn" => Self::Warn,
            "error" => Self::Error,
            "fatal" => Self::Fatal,
            _ => return None,
        })
    }
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLocation {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The system's log.
    Syslog,
    /// A file.
    File(PathBuf),
}

/// A settings file is at most so many bytes long.
pub const MOST_BYTES: u64 = 1 << 20;

impl Settings {
    /// Reads a settings file. `path` is for messages.
    ///
    /// # Errors
    /// Everything that is not read, and every setting of a wrong type, each at its place.
    pub fn parse(path: impl Into<Arc<Path>>, bytes: Vec<u8>) -> Result<Self, Vec<Fault>> {
        let path = path.into();
        if let Some(fault) = Self::size_fault(&path, bytes.len() as u64) {
            return Err(vec![fault]);
        }
        let source = Source::of_bytes(path, bytes).map_err(|fault| vec![fault])?;
        let (lexemes, mut faults) = lexer::tokens(&source);
        let mut settings = Self::default();
        for statement in parser::statements(&source, &lexemes, &mut faults) {
            let value = evaluator::value(&source, &statement.argument, &mut faults);
            let place = source.place(statement.argument.at);
            if !KNOWN.iter().any(|known| known.name == statement.name)
                && let Some(near) = suggest::nearest(&statement.name, KNOWN.iter().map(|known| known.name))
            {
                let message = format!("setting `{}` is not known and has no effect", statement.name);
                let warning = Fault::new(message).at(source.place(statement.at));
                settings.warnings.push(warning.hint(format!("did you mean `{near}`?")));
            }
            settings.values.insert(statement.name, Setting { value, place });
        }
        // Where a value could not be read, its type says nothing.
        let wrong_types: Vec<_> =
            settings.wrong_types().filter(|fault| faults.iter().all(|f| f.place != fault.place)).collect();
        faults.extend(wrong_types);
        faults.sort_by_key(|fault| position(fault.place.as_ref()));
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// What is wrong with a file of this size, if anything: to be asked before it is read.
    #[must_use]
    pub fn size_fault(path: &Path, bytes: u64) -> Option<Fault> {
        (bytes > MOST_BYTES).then(|| {
            let message = format!("`{}` has {bytes} bytes; a settings file has at most {MOST_BYTES}", path.display());
            Fault::new(message).hint("is it the right file?")
        })
    }

    /// What looks like a slip: unknown settings whose name is close to a known one.
    #[must_use]
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// The settings that are set but not used, with the reason.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, &Setting, &'static str)> {
        self.values.iter().filter_map(|(name, setting)| {
            let known = KNOWN.iter().find(|known| known.name == name)?;
            match known.fate {
                Fate::Ignored(why) => Some((name.as_str(), setting, why)),
                Fate::Used => None,
            }
        })
    }

    /// A setting, known or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.values.get(name)
    }

    /// Every setting, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.values.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// Text; `nil` is as good as not set, here and in the other readers.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        self.read(name, "a string", |value| if let Value::String(text) = value { Some(text.as_str()) } else { None })
    }

    /// A path, as it was written.
    ///
    /// # Errors
    /// When it is something else, or empty, or holds a NUL.
    pub fn path(&self, name: &str) -> Result<Option<PathBuf>, Fault> {
        self.read(name, "a path in quotes", path_of)
    }

    /// A list of paths; one alone is a list of one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn paths(&self, name: &str) -> Result<Option<Vec<PathBuf>>, Fault> {
        self.read(name, "a path in quotes, or a list of them", |value| value.each().iter().map(path_of).collect())
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.read(name, "`true` or `false`", |value| if let Value::Bool(flag) = value { Some(*flag) } else { None })
    }

    /// A whole number, 0 or more.
    ///
    /// # Errors
    /// When it is something else.
    pub fn count(&self, name: &str) -> Result<Option<u64>, Fault> {
        self.read(name, "a whole number, 0 or more", |value| {
            if let Value::Integer(number) = value { u64::try_from(*number).ok() } else { None }
        })
    }

    /// `log_level`.
    ///
    /// # Errors
    /// When it is none of the levels.
    pub fn log_level(&self) -> Result<Option<Verbosity>, Fault> {
        Ok(self.one_of("log_level", known::LOG_LEVELS)?.and_then(Verbosity::named))
    }

    /// `log_location`: one or several.
    ///
    /// # Errors
    /// When it is something else.
    pub fn log_locations(&self) -> Result<Option<Vec<LogLocation>>, Fault> {
        self.log_locations_of("log_location")
    }

    fn log_locations_of(&self, name: &str) -> Result<Option<Vec<LogLocation>>, Fault> {
        let one = |value: &Value| {
            let special = match value {
                Value::Constant(word) | Value::String(word) if word == "STDOUT" => Some(LogLocation::Stdout),
                Value::Constant(word) | Value::String(word) if word == "STDERR" => Some(LogLocation::Stderr),
                Value::Symbol(word) if word == "syslog" => Some(LogLocation::Syslog),
                Value::String(_)
                | Value::Symbol(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Bool(_)
                | Value::Nil
                | Value::Array(_)
                | Value::Constant(_) => None,
            };
            special.or_else(|| path_of(value).map(LogLocation::File))
        };
        self.read(name, "`STDOUT`, `STDERR`, `:syslog`, a path in quotes, or a list of them", |value| {
            value.each().iter().map(one).collect()
        })
    }

    fn one_of(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Fault> {
        let Some(Setting { value, place }) = self.given(name) else { return Ok(None) };
        let (Value::Symbol(word) | Value::String(word)) = value else {
            return Err(wrong(name, "a symbol", value, place).hint(suggest::hint("", words.iter().copied())));
        };
        match words.iter().find(|known| *known == word) {
            Some(known) => Ok(Some(known)),
            None => {
                let fault = Fault::new(format!("setting `{name}`: `{value}` is not known")).at(place.clone());
                Err(fault.hint(suggest::hint(word, words.iter().copied())))
            }
        }
    }

    fn read<'s, T>(
        &'s self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'s Value) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(Setting { value, place }) = self.given(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(wrong(name, wanted, value, place)),
        }
    }

    fn given(&self, name: &str) -> Option<&Setting> {
        self.values.get(name).filter(|setting| setting.value != Value::Nil)
    }

    fn wrong_types(&self) -> impl Iterator<Item = Fault> {
        self.values.keys().filter_map(|name| {
            let known = KNOWN.iter().find(|known| known.name == name)?;
            match known.shape {
                Shape::Text => self.text(name).err(),
                Shape::Path => self.path(name).err(),
                Shape::Paths => self.paths(name).err(),
                Shape::Flag => self.flag(name).err(),
                Shape::Count => self.count(name).err(),
                Shape::OneOf(words) => self.one_of(name, words).err(),
                Shape::LogLocations => self.log_locations_of(name).err(),
                Shape::Any => None,
            }
        })
    }
}

/// Names and values, as `config show` prints them.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, setting)| (name, &setting.value)))
    }
}

fn path_of(value: &Value) -> Option<PathBuf> {
    let Value::String(text) = value else { return None };
    (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
}

fn wrong(name: &str, wanted: &str, found: &Value, place: &Place) -> Fault {
    let found = match found {
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(_) | Value::Array(_) => found.kind().to_owned(),
        Value::Symbol(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Nil | Value::Constant(_) => {
            format!("`{found}`")
        }
    };
    Fault::new(format!("setting `{name}`: expected {wanted}, got {found}")).at(place.clone())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;
    use serde_json::json;

    use super::{KNOWN, LogLocation, Settings, Value, Verbosity};
    use crate::Fault;

    fn parse(text: impl Into<Vec<u8>>) -> Result<Settings, Vec<Fault>> {
        Settings::parse(Path::new("solo.rb"), text.into())
    }

    fn shown(faults: &[Fault]) -> String {
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_file_of_the_article() {
        let text = "file_cache_path \"/tmp/chef-solo\"\ncookbook_path [\"/var/chef-solo/site-cookbooks\", \
            \"/var/chef-solo/cookbooks\"]\nlog_level :info\nlog_location STDOUT\nssl_verify_mode :verify_none\n";
        let settings = parse(text).unwrap();
        assert_eq!(settings.path("file_cache_path").unwrap(), Some(PathBuf::from("/tmp/chef-solo")));
        assert_eq!(
            settings.paths("cookbook_path").unwrap(),
            Some(vec!["/var/chef-solo/site-cookbooks".into(), "/var/chef-solo/cookbooks".into()])
        );
        assert_eq!(settings.log_level().unwrap(), Some(Verbosity::Info));
        assert_eq!(settings.log_locations().unwrap(), Some(vec![LogLocation::Stdout]));
        assert_eq!(settings.get("log_level").unwrap().place.to_string(), "solo.rb:3:11");
        assert!(settings.warnings().is_empty());
        assert_eq!(settings.ignored().map(|(name, ..)| name).collect::<Vec<_>>(), ["ssl_verify_mode"]);
        assert_eq!(
            serde_json::to_value(&settings).unwrap(),
            json!({
                "file_cache_path": "/tmp/chef-solo",
                "cookbook_path": ["/var/chef-solo/site-cookbooks", "/var/chef-solo/cookbooks"],
                "log_level": ":info",
                "log_location": "STDOUT",
                "ssl_verify_mode": ":verify_none"
            })
        );
    }

    #[test]
    fn every_form_of_a_value() {
        let text = r##"
=begin
b "not read"
=end
s1 'it\'s \\ \n #{x}' # behind
s2 "tab\t quote\" hash \#{x} \x41\101\u00e9\u{1f600}\e[0m"; s3 ""
n1 10
n2 -5
n3 1_000
n4 0644
n5 0x1f
f1 0.5
f2 1e3
t true
f(false)
z nil
y :"two words"
l [
  "a", # first

  'b',
  [:c, 1],
]
c(
  "x"
)
k OpenSSL::SSL::VERIFY_NONE
o $stdout
w "one \
line"
node_name nil
__END__
anything (goes
"##;
        let settings = parse(text.replace("\\\\", "\\")).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
        assert_eq!(
            serde_json::to_value(&settings).unwrap(),
            json!({
                "s1": r"it's \ \n #{x}",
                "s2": "tab\t quote\" hash #{x} AAé😀\u{1b}[0m", "s3": "",
                "n1": 10, "n2": -5, "n3": 1000, "n4": 420, "n5": 31, "f1": 0.5, "f2": 1000.0, "t": true, "f": false, "z": null,
                "y": ":two words", "l": ["a", "b", [":c", 1]], "c": "x", "k": "OpenSSL::SSL::VERIFY_NONE", "o": "STDOUT",
                "w": "one line", "node_name": null
            })
        );
        assert_eq!(settings.text("node_name"), Ok(None));
        assert_eq!(settings.get("l").unwrap().value.to_string(), r#"["a", "b", [:c, 1]]"#);
    }

    #[test]
    fn the_last_one_counts() {
        let settings = parse("log_level :info\r\nlog_level :debug\r\n").unwrap();
        assert_eq!(settings.get("log_level").unwrap().value, Value::Symbol("debug".into()));
        assert_eq!(settings.iter().count(), 1);
    }

    #[test]
    fn names_close_to_known_ones_are_warned_about() {
        let settings = parse("cookbok_path '/a'\nmy_own 5\n").unwrap();
        assert_eq!(
            shown(settings.warnings()),
            "solo.rb:1:1: setting `cookbok_path` is not known and has no effect\nhint: did you mean `cookbook_path`?"
        );
        assert_eq!(settings.get("my_own").unwrap().value, Value::Integer(5));
    }

    #[test]
    fn locations_of_the_log() {
        let settings = parse("log_location [STDERR, :syslog, '/var/log/x']").unwrap();
        let expected = vec![LogLocation::Stderr, LogLocation::Syslog, LogLocation::File("/var/log/x".into())];
        assert_eq!(settings.log_locations().unwrap(), Some(expected));
    }

    #[test]
    fn each_known_setting_is_there_once() {
        let mut names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KNOWN.len());
    }

    #[test]
    fn wrong_types_are_found_at_once() {
        let text = "file_cache_path :x\ncookbook_path [1]\nlog_level :lound\nlog_level 5\nwhy_run 'yes'\n\
            log_location 7\nrun_lock_timeout -1\nnode_name [\"a\"]\njson_attribs STDOUT\nlockfile ''\nenvironment FOO";
        insta::assert_snapshot!(shown(&parse(text).unwrap_err()), @"
        solo.rb:1:17: setting `file_cache_path`: expected a path in quotes, got `:x`
        solo.rb:2:15: setting `cookbook_path`: expected a path in quotes, or a list of them, got a list
        solo.rb:4:11: setting `log_level`: expected a symbol, got `5`
        hint: known are `auto`, `trace`, `debug`, `info`, `warn`, `error`, `fatal`
        solo.rb:5:9: setting `why_run`: expected `true` or `false`, got a string
        solo.rb:6:14: setting `log_location`: expected `STDOUT`, `STDERR`, `:syslog`, a path in quotes, or a list of them, got `7`
        solo.rb:7:18: setting `run_lock_timeout`: expected a whole number, 0 or more, got `-1`
        solo.rb:8:11: setting `node_name`: expected a string, got a list
        solo.rb:9:14: setting `json_attribs`: expected a string, got `STDOUT`
        solo.rb:10:10: setting `lockfile`: expected a path in quotes, got an empty string
        solo.rb:11:13: constant `FOO` is not known
          11 | environment FOO
             |             ^
        hint: known are `STDOUT`, `STDERR`, `OpenSSL::SSL::VERIFY_NONE`, `OpenSSL::SSL::VERIFY_PEER`
        ");
        insta::assert_snapshot!(shown(&parse("log_level :inf").unwrap_err()), @"
        solo.rb:1:11: setting `log_level`: `:inf` is not known
        hint: did you mean `info`?
        ");
    }

    const BAD: &[&str] = &[
        "log_level",
        "log_level = :info",
        "cache = '/x'",
        "cookbook_path File.expand_path('../a', __FILE__)",
        "cookbook_path __FILE__",
        "cookbook_path \"/a\", \"/b\"",
        "cookbook_path %w[/a it's]\nnope nope",
        "file_cache_path \"/a/#{\"x\" + 'y'}/b\"",
        "file_cache_path \"/a\" + base",
        "file_cache_path ENV['HOME']",
        "file_cache_path <<~PATH\n  it's\nPATH\nlog_level info",
        "file_cache_path `pwd`",
        "http_proxy nil if ENV['x']",
        "if true\n  log_level :info\nelse\n  log_level\nend\nlog_level",
        "end",
        "require 'chef'",
        "ohai.disabled_plugins = [:A]",
        "Ohai::Config[:plugin_path] << '/x'",
        "Chef::Log.level = :info",
        "knife[:x] = {\n  'a' => 1\n}\nlog_level",
        "report_handlers << Handler.new",
        "options({ :a => 1 })",
        "options key: 1",
        "cookbook_path [\"/a\" \"/b\"]",
        "cookbook_path [\"/a\",\nlog_level :info\nlog_level",
        "cookbook_path [\"/a\"",
        "log_level(:info",
        "cookbook_path '/a",
        "number 12x",
        "log_level :info :debug",
        "/regex it's/",
        "name @variable",
        "\"text\"",
        "=begin\nnever ended",
        "path \"\\xff \\u{}\"",
        "café é°",
    ];

    #[test]
    fn ruby_that_is_not_read_is_named_with_what_to_write_instead() {
        let all: Vec<_> =
            BAD.iter().map(|text| format!("{text}\n-> {}\n", shown(&parse(*text).expect_err(text)))).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        log_level
        -> solo.rb:1:1: setting `log_level` has no value
           1 | log_level
             | ^
        hint: write `log_level VALUE`

        log_level = :info
        -> solo.rb:1:1: the assignment `log_level =` is Ruby that brasa does not read
           1 | log_level = :info
             | ^
        hint: a setting is written without `=`: `log_level VALUE`

        cache = '/x'
        -> solo.rb:1:1: the assignment `cache =` is Ruby that brasa does not read
           1 | cache = '/x'
             | ^
        hint: remove the line, and write the value where `cache` is used; a setting is written without `=`

        cookbook_path File.expand_path('../a', __FILE__)
        -> solo.rb:1:15: the method call `File.expand_path` is Ruby that brasa does not read
           1 | cookbook_path File.expand_path('../a', __FILE__)
             |               ^
        hint: write the value itself, as in `"/var/chef/cache"`

        cookbook_path __FILE__
        -> solo.rb:1:15: `__FILE__` is Ruby that brasa does not read
           1 | cookbook_path __FILE__
             |               ^
        hint: write the value itself, as in `"/var/chef/cache"`

        cookbook_path "/a", "/b"
        -> solo.rb:1:19: a list without brackets is Ruby that brasa does not read
           1 | cookbook_path "/a", "/b"
             |                   ^
        hint: write several values as a list: `["one", "two"]`

        cookbook_path %w[/a it's]
        nope nope
        -> solo.rb:1:15: a `%` literal is Ruby that brasa does not read
           1 | cookbook_path %w[/a it's]
             |               ^
        hint: write a list as `["one", "two"]` and text as `"text"`
        solo.rb:2:6: expected a value, found `nope`
           2 | nope nope
             |      ^
        hint: text is written in quotes (`"nope"`), a symbol as `:nope`

        file_cache_path "/a/#{"x" + 'y'}/b"
        -> solo.rb:1:21: `#{...}` inside text is Ruby that brasa does not read
           1 | file_cache_path "/a/#{"x" + 'y'}/b"
             |                     ^
        hint: write the whole text out; a plain `#{` is written `\#{`, or with single quotes

        file_cache_path "/a" + base
        -> solo.rb:1:22: the operator `+` is Ruby that brasa does not read
           1 | file_cache_path "/a" + base
             |                      ^
        hint: write the result as one value

        file_cache_path ENV['HOME']
        -> solo.rb:1:17: the look-up `ENV[...]` is Ruby that brasa does not read
           1 | file_cache_path ENV['HOME']
             |                 ^
        hint: write the value itself, as in `"/var/chef/cache"`

        file_cache_path <<~PATH
          it's
        PATH
        log_level info
        -> solo.rb:1:17: a heredoc (`<<`) is Ruby that brasa does not read
           1 | file_cache_path <<~PATH
             |                 ^
        hint: write text as `"text"`
        solo.rb:4:11: expected a value, found `info`
           4 | log_level info
             |           ^
        hint: text is written in quotes (`"info"`), a symbol as `:info`

        file_cache_path `pwd`
        -> solo.rb:1:17: a command in backticks is Ruby that brasa does not read
           1 | file_cache_path `pwd`
             |                 ^
        hint: brasa runs nothing while it reads settings; write the result as `"text"`

        http_proxy nil if ENV['x']
        -> solo.rb:1:16: a condition (`if`) after the value is Ruby that brasa does not read
           1 | http_proxy nil if ENV['x']
             |                ^
        hint: write one value for each machine, without a condition

        if true
          log_level :info
        else
          log_level
        end
        log_level
        -> solo.rb:1:1: `if` is Ruby that brasa does not read
           1 | if true
             | ^
        hint: write one value for each machine, without a condition
        solo.rb:4:3: setting `log_level` has no value
           4 |   log_level
             |   ^
        hint: write `log_level VALUE`
        solo.rb:6:1: setting `log_level` has no value
           6 | log_level
             | ^
        hint: write `log_level VALUE`

        end
        -> solo.rb:1:1: `end` closes nothing
           1 | end
             | ^
        hint: remove it

        require 'chef'
        -> solo.rb:1:1: `require` is Ruby that brasa does not read
           1 | require 'chef'
             | ^
        hint: remove the line; brasa needs no Ruby library and prints nothing here

        ohai.disabled_plugins = [:A]
        -> solo.rb:1:1: `ohai.disabled_plugins` is Ruby that brasa does not read
           1 | ohai.disabled_plugins = [:A]
             | ^
        hint: remove the line: only settings are read, one `setting value` a line

        Ohai::Config[:plugin_path] << '/x'
        -> solo.rb:1:1: `Ohai::Config[...]` is Ruby that brasa does not read
           1 | Ohai::Config[:plugin_path] << '/x'
             | ^
        hint: remove the line: only settings are read, one `setting value` a line

        Chef::Log.level = :info
        -> solo.rb:1:1: `Chef::Log.level` is Ruby that brasa does not read
           1 | Chef::Log.level = :info
             | ^
        hint: remove the line: only settings are read, one `setting value` a line

        knife[:x] = {
          'a' => 1
        }
        log_level
        -> solo.rb:1:1: `knife[...]` is Ruby that brasa does not read
           1 | knife[:x] = {
             | ^
        hint: remove the line: only settings are read, one `setting value` a line
        solo.rb:4:1: setting `log_level` has no value
           4 | log_level
             | ^
        hint: write `log_level VALUE`

        report_handlers << Handler.new
        -> solo.rb:1:1: the operator `<<` is Ruby that brasa does not read
           1 | report_handlers << Handler.new
             | ^
        hint: set it once, as a whole: `setting value`

        options({ :a => 1 })
        -> solo.rb:1:9: a hash (`{...}`) is Ruby that brasa does not read
           1 | options({ :a => 1 })
             |         ^
        hint: write simple values: text, numbers, `true`, `false`, `nil`, `:symbols` and lists of them

        options key: 1
        -> solo.rb:1:9: a hash (`{...}`) is Ruby that brasa does not read
           1 | options key: 1
             |         ^
        hint: write simple values: text, numbers, `true`, `false`, `nil`, `:symbols` and lists of them

        cookbook_path ["/a" "/b"]
        -> solo.rb:1:21: expected `,` or `]`, found text
           1 | cookbook_path ["/a" "/b"]
             |                     ^
        hint: put a comma between one element and the next

        cookbook_path ["/a",
        log_level :info
        log_level
        -> solo.rb:1:15: this list does not end
           1 | cookbook_path ["/a",
             |               ^
        hint: close it with `]`
        solo.rb:3:1: setting `log_level` has no value
           3 | log_level
             | ^
        hint: write `log_level VALUE`

        cookbook_path ["/a"
        -> solo.rb:1:15: this list does not end
           1 | cookbook_path ["/a"
             |               ^
        hint: close it with `]`

        log_level(:info
        -> solo.rb:1:1: the parentheses of `log_level` do not end
           1 | log_level(:info
             | ^
        hint: close them with `)`

        cookbook_path '/a
        -> solo.rb:1:15: this text does not end
           1 | cookbook_path '/a
             |               ^
        hint: close it with `'`

        number 12x
        -> solo.rb:1:8: `12x` is no number, or too large for one
           1 | number 12x
             |        ^
        hint: write a number as `10`, `0644` (octal), `0.5`, and text in quotes

        log_level :info :debug
        -> solo.rb:1:17: expected the end of the line, found `:debug`
           1 | log_level :info :debug
             |                 ^
        hint: a line is `setting value`

        /regex it's/
        -> solo.rb:1:1: a regular expression is Ruby that brasa does not read
           1 | /regex it's/
             | ^
        hint: write text as `"text"`

        name @variable
        -> solo.rb:1:6: a variable is Ruby that brasa does not read
           1 | name @variable
             |      ^
        hint: write the value itself, as in `"/var/chef/cache"`

        "text"
        -> solo.rb:1:1: expected the name of a setting
           1 | "text"
             | ^
        hint: a line is `setting value`

        =begin
        never ended
        -> solo.rb:1:1: this comment does not end
           1 | =begin
             | ^
        hint: close it with `=end` at the start of a line

        path "\xff \u{}"
        -> solo.rb:1:7: `\x` is not followed by the code of a character
           1 | path "\xff \u{}"
             |       ^
        hint: write the character itself, or `\u{e9}`; a backslash itself is `\\`
        solo.rb:1:12: `\u` is not followed by the code of a character
           1 | path "\xff \u{}"
             |            ^
        hint: write the character itself, or `\u{e9}`; a backslash itself is `\\`

        café é°
        -> solo.rb:1:6: expected a value, found `é`
           1 | café é°
             |      ^
        hint: text is written in quotes (`"é"`), a symbol as `:é`
        "#);
    }

    #[test]
    fn depth_size_and_encoding_are_bounded() {
        assert!(parse("a ".to_owned() + &"[".repeat(100_000)).is_err());
        assert!(parse("a ".to_owned() + &"[".repeat(64) + &"]".repeat(64)).is_ok());
        assert!(parse(vec![b'#'; 2 << 20]).is_err());
        assert_eq!(
            shown(&parse(b"a 'x\xe9'".to_vec()).unwrap_err()).lines().next(),
            Some("solo.rb:1:5: byte 0xe9 is not UTF-8")
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r#"([a-z]{1,3}|[A-Z]::?|[ \n\t;,.]|[\[\](){}<>=|&!?%/`~^*+-]|["'][a\\#{}é]{0,3}["']?|:[a"]|[0-9]{1,3}[._xe]?|<<~A|=begin|__END__|\PC){0,20}"#) {
            if let Err(faults) = parse(text) {
                prop_assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()));
            }
        }

        #[test]
        fn text_comes_back(text: String) {
            let quoted = text.replace('\\', "\\\\").replace('\'', "\\'");
            prop_assume!(!text.contains('\0'));
            let settings = parse(format!("a '{quoted}'")).unwrap();
            prop_assert_eq!(&settings.get("a").unwrap().value, &Value::String(text));
        }
    }
}
