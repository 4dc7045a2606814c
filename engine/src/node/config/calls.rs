//! Calls: settings, `File` and its like, and what is noted but not done.
use std::path::Path;

use super::{
    MOST_BYTES, Value,
    construct::Construct,
    defaults,
    evaluator::{CONFIGURATIONS, Evaluator},
    parser::Skip,
    paths,
    slot::{Base, CONTEXTS, Slot, is_without_effect, position},
    syntax::{Binary, Call, Expression, Kind},
};
use crate::host::FileKind;

/// Functions of Ruby that do something: taken for a setting they would be lost without a word.
const DOING: &[&str] = &[
    "system",
    "exec",
    "spawn",
    "fork",
    "send",
    "public_send",
    "define_method",
    "open",
    "gets",
    "sleep",
    "trap",
    "at_exit",
    "autoload",
    "include",
    "extend",
    "prepend",
    "attr_accessor",
    "catch",
    "throw",
    "loop",
    "format",
    "sprintf",
    "printf",
    "rand",
    "srand",
    "syscall",
    "test",
    "binding",
    "caller",
    "method",
    "private",
    "gem",
    "block_given?",
    "set_trace_func",
    "private_constant",
    "using",
    "refine",
];

/// What comes with Ruby and Chef: `require` of these changes no setting.
const LIBRARIES: &[&str] = &[
    "English",
    "base64",
    "bundler",
    "chef",
    "chef-config",
    "chef-utils",
    "date",
    "digest",
    "erb",
    "etc",
    "fileutils",
    "find",
    "io",
    "ipaddr",
    "json",
    "logger",
    "mixlib",
    "monitor",
    "net",
    "ohai",
    "open-uri",
    "open3",
    "openssl",
    "optparse",
    "ostruct",
    "pathname",
    "pp",
    "rbconfig",
    "resolv",
    "rubygems",
    "securerandom",
    "set",
    "shellwords",
    "singleton",
    "socket",
    "stringio",
    "syslog",
    "tempfile",
    "time",
    "timeout",
    "tmpdir",
    "uri",
    "win32",
    "yajl",
    "yaml",
    "zlib",
];

/// Constants of Ruby and Chef that files call: whatever else could not be read, these are not set by it.
const OF_RUBY: &[&str] = &[
    "Addrinfo",
    "Base64",
    "CSV",
    "Chef",
    "Date",
    "DateTime",
    "Dir",
    "Digest",
    "ENV",
    "Etc",
    "File",
    "Gem",
    "IO",
    "IPAddr",
    "IPSocket",
    "JSON",
    "Kernel",
    "Logger",
    "Mixlib",
    "Ohai",
    "Open3",
    "OpenStruct",
    "Process",
    "Psych",
    "Random",
    "Resolv",
    "STDIN",
    "STDOUT",
    "STDERR",
    "SecureRandom",
    "Socket",
    "Struct",
    "Syslog",
    "TCPSocket",
    "Time",
    "URI",
    "YAML",
];

/// Methods that change what they are called on.
const CHANGING: &[&str] = &["push", "append", "unshift", "prepend", "insert", "concat", "merge!", "store", "update"];

/// Methods of values, which settings have too.
const OF_VALUES: &[&str] =
    &["nil?", "empty?", "to_s", "key?", "has_key?", "include?", "fetch", "merge", "is_a?", "dig", "to_h"];

/// Whether `require` of it changes nothing.
pub(super) fn is_library(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    LIBRARIES.contains(&first) || first.split_once('-').is_some_and(|(word, _)| LIBRARIES.contains(&word))
}

fn is_of_ruby(constant: &str) -> bool {
    is_without_effect(constant) || OF_RUBY.contains(&constant.split("::").next().unwrap_or_default())
}

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<Value, Skip> {
        let Some(receiver) = &call.receiver else { return self.function(call) };
        let name = call.name.as_str();
        if let Some(constant) = self.foreign_constant(receiver).filter(|name| defaults::constant(name).is_none()) {
            let constant = constant.to_owned();
            return self.of_constant(&constant, receiver, call);
        }
        if let Kind::Global(global) = &receiver.kind
            && !self.has_local(global)
        {
            self.note(receiver.at, format!("`{global}.{name}` has no effect here"));
            return Ok(Value::Nil);
        }
        if CHANGING.contains(&name)
            && let Some(slot) = self.slot(receiver)?
        {
            return self.change(&slot, call);
        }
        if !OF_VALUES.contains(&name)
            && let Some(slot) = self.slot_named(receiver, name)?
            && (slot.base != Base::Root || slot.keys.len() > 1 || receiver.kind == Kind::Itself)
        {
            return self.part(&slot, call);
        }
        let value = match self.slot(receiver)? {
            // A part that is not there: `knife[:x].nil?`, `node_name.nil?`.
            Some(slot) if OF_VALUES.contains(&name) && matches!(slot.base, Base::Root | Base::Setting(_)) => {
                match self.read(&slot) {
                    Some(value) => value,
                    None if slot.keys.is_empty()
                        && !matches!(&slot.base, Base::Setting(name) if CONTEXTS.contains(&name.as_str())) =>
                    {
                        self.value(receiver)?
                    }
                    None => Value::Nil,
                }
            }
            _ => self.value(receiver)?,
        };
        if call.safe && value == Value::Nil {
            return Ok(Value::Nil);
        }
        let arguments = self.all(&call.arguments)?;
        self.method(value, name, &arguments, call.block.as_ref(), call.at)
    }

    /// A part of a setting that holds others: read without arguments, set with them.
    fn part(&mut self, slot: &Slot, call: &Call) -> Result<Value, Skip> {
        if let Base::Nothing(what) = &slot.base {
            let what = format!("`{what}` has no effect here");
            self.note(call.at, what);
            return Ok(Value::Nil);
        }
        match call.arguments.as_slice() {
            [] => match self.read(slot) {
                Some(value) => Ok(value),
                None => match slot.keys.last() {
                    Some(Value::String(name)) if slot.base == Base::Root => self.setting(name, call.at),
                    Some(_) | None => Ok(Value::Nil),
                },
            },
            _ => {
                let value = self.one_or_all(&call.arguments).inspect_err(|_| self.spoil(slot, call.at))?;
                self.write(slot, value.clone(), &call.arguments, call.at)?;
                Ok(value)
            }
        }
    }

    fn setting(&mut self, name: &str, at: usize) -> Result<Value, Skip> {
        self.value(&Expression { kind: Kind::Name(name.to_owned()), at, height: 1 })
    }

    /// Mixlib's rule: one argument is the value, several are a list.
    fn one_or_all(&mut self, arguments: &[Expression]) -> Result<Value, Skip> {
        let mut values = self.all(arguments)?;
        Ok(if values.len() == 1 { values.remove(0) } else { Value::Array(values) })
    }

    fn function(&mut self, call: &Call) -> Result<Value, Skip> {
        let (name, at) = (call.name.as_str(), call.at);
        match name {
            "require" => return self.require(call),
            "require_relative" | "load" | "from_file" | "eval" | "instance_eval" | "class_eval" => {
                return Err(self.foreign(at, &Construct::File(name.to_owned())));
            }
            "defined?" => return self.defined(call),
            "puts" | "p" | "pp" | "print" | "warn" => {
                self.all(&call.arguments)?;
                return Ok(Value::Nil);
            }
            "raise" | "fail" | "abort" | "exit" | "exit!" => {
                let said = match call.arguments.last() {
                    Some(last) => Some(self.value(last)?),
                    None => None,
                };
                return Err(self.ends_here(name, said.as_ref(), at));
            }
            "Array" => {
                return Ok(match self.only(call)? {
                    Value::Nil => Value::Array(Vec::new()),
                    list @ Value::Array(_) => list,
                    other => Value::Array(vec![other]),
                });
            }
            "String" => return Ok(Value::String(self.only(call)?.to_text())),
            "Integer" => return self.integer(call),
            "Pathname" => return Ok(Value::Path(self.path_argument(call, 0)?)),
            _ if DOING.contains(&name) || name.starts_with(char::is_uppercase) => {
                let construct = match name {
                    "system" | "exec" | "spawn" => Construct::Command(name.to_owned()),
                    _ => Construct::Call(name.to_owned()),
                };
                return Err(self.foreign(at, &construct));
            }
            _ => {}
        }
        // A method of one's own was told where it is defined.
        if self.has_local(name) && self.local(name).is_none() {
            return Err(Skip);
        }
        if call.block.is_some() {
            self.failed.insert(name.to_owned());
            return Err(self.foreign(at, &Construct::Block(name.to_owned())));
        }
        if call.arguments.is_empty() {
            return self.setting(name, at);
        }
        match self.one_or_all(&call.arguments).and_then(|value| self.weighed(value, at)) {
            Ok(value) => {
                self.set(name, value.clone(), &call.arguments, at);
                Ok(value)
            }
            Err(Skip) => {
                self.failed.insert(name.to_owned());
                Err(Skip)
            }
        }
    }

    fn require(&mut self, call: &Call) -> Result<Value, Skip> {
        let library = self.only(call)?.to_text();
        if is_library(&library) {
            return Ok(Value::Bool(true));
        }
        let message = format!("`require` of `{library}` brings in Ruby code, which brasa does not run");
        let skip = self.fault(call.at, message, "remove the line, and what uses the library");
        self.set_in_doubt();
        Err(skip)
    }

    /// `defined?(name)`: what Ruby would know, when only Chef is loaded.
    fn defined(&mut self, call: &Call) -> Result<Value, Skip> {
        let known = match call.arguments.first().map(|argument| &argument.kind) {
            Some(Kind::Constant(name)) => {
                let first = name.split("::").next().unwrap_or_default();
                self.has_constant(name) || matches!(first, "Chef" | "Ohai" | "ENV" | "File" | "Dir" | "Gem" | "STDOUT")
            }
            Some(Kind::Name(name) | Kind::Global(name)) => {
                self.has_local(name) || self.settings.get(name).is_some() || defaults::of(name).is_some()
            }
            _ => return Err(self.foreign(call.at, &Construct::Keyword("defined?".to_owned()))),
        };
        Ok(if known { Value::String("expression".to_owned()) } else { Value::Nil })
    }

    fn integer(&mut self, call: &Call) -> Result<Value, Skip> {
        let value = self.only(call)?;
        let number = match &value {
            Value::Integer(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => Ok(Value::Integer(number)),
            None => Err(self.fault(call.at, format!("`{value}` is no whole number"), "write a number as `10`")),
        }
    }

    /// `CONSTANT.name(...)`.
    fn of_constant(&mut self, constant: &str, receiver: &Expression, call: &Call) -> Result<Value, Skip> {
        let (name, at) = (call.name.as_str(), receiver.at);
        match (constant, name) {
            ("File", _) => self.of_file(call, at),
            ("Dir", _) => self.of_directory(call, at),
            ("ENV", _) => self.of_environment(call, at),
            ("Pathname", "new") => Ok(Value::Path(self.path_argument(call, 0)?)),
            ("Pathname", "pwd" | "getwd") => self.here(at).map(Value::Path),
            ("Process", "euid" | "uid") => Ok(Value::Integer(self.around.effective_user().into())),
            ("Socket" | "Addrinfo", "gethostname") => match self.around.host_name() {
                Some(name) => Ok(Value::String(name)),
                None => Err(self.foreign(at, &Construct::Call("Socket.gethostname".to_owned()))),
            },
            ("Etc", "getlogin") => Ok(self.variable("USER")),
            ("ChefUtils" | "ChefConfig" | "Chef::Platform", "windows?") | ("Gem", "win_platform?") => {
                Ok(Value::Bool(false))
            }
            ("IO", "read" | "readlines") => self.of_file(call, at),
            ("Chef::Application", "fatal!" | "exit!") => {
                let said = match call.arguments.first() {
                    Some(first) => Some(self.value(first)?),
                    None => None,
                };
                Err(self.ends_here(&format!("{constant}.{name}"), said.as_ref(), at))
            }
            ("FileUtils", _) => {
                self.all(&call.arguments)?;
                self.note(at, format!("`FileUtils.{name}` is not done: reading settings changes nothing"));
                Ok(Value::Nil)
            }
            ("Chef::Config", "from_file" | "instance_eval" | "class_eval" | "from_string") => {
                Err(self.foreign(at, &Construct::File(format!("Chef::Config.{name}"))))
            }
            ("Chef::Config", "key?" | "has_key?") => {
                let key = self.only(call)?.to_text();
                Ok(Value::Bool(self.settings.get(&key).is_some()))
            }
            ("Chef::Config", "merge!") => {
                let Value::Hash(pairs) = self.only(call)? else {
                    return Err(self.fault(at, "`merge!` takes a hash".to_owned(), "set one setting a line"));
                };
                for (key, value) in pairs {
                    self.set(&key.to_text(), value, &call.arguments, at);
                }
                Ok(Value::Nil)
            }
            ("Chef::Config" | "Ohai::Config", "tap") if call.block.is_some() => {
                let arguments = [Value::Constant(constant.to_owned())];
                call.block.as_ref().map_or(Ok(Value::Nil), |block| self.block(block, &arguments, at))
            }
            ("Chef::Config" | "Ohai::Config", _) => match self.slot_named(receiver, name)? {
                Some(slot) => self.part(&slot, call),
                None => Err(self.foreign(at, &Construct::Call(format!("{constant}.{name}")))),
            },
            ("Ohai", "config") => {
                Ok(self.settings.get("ohai").map_or(Value::Hash(Vec::new()), |ohai| ohai.value.clone()))
            }
            ("Mixlib::ShellOut", _) => Err(self.foreign(at, &Construct::Command(format!("{constant}.{name}")))),
            ("Array", "new") if call.arguments.is_empty() => Ok(Value::Array(Vec::new())),
            ("Hash", "new") if call.arguments.is_empty() => Ok(Value::Hash(Vec::new())),
            _ if self.is_doubtful() && !is_of_ruby(constant) => Err(Skip),
            (_, "new") => Err(self.foreign(at, &Construct::Object(format!("{constant}.new")))),
            _ if is_without_effect(constant) => {
                self.note(at, format!("`{constant}.{name}` has no effect here"));
                Ok(Value::Nil)
            }
            ("STDIN" | "Kernel" | "Open3" | "IO", "popen" | "capture2" | "capture3" | "system" | "exec") => {
                Err(self.foreign(at, &Construct::Command(format!("{constant}.{name}"))))
            }
            _ => Err(self.foreign(at, &Construct::Call(format!("{constant}.{name}")))),
        }
    }

    fn of_file(&mut self, call: &Call, at: usize) -> Result<Value, Skip> {
        match call.name.as_str() {
            "join" => {
                let mut parts = Vec::new();
                for value in self.all(&call.arguments)? {
                    self.flat_texts(value, &mut parts, "File.join", at)?;
                }
                Ok(Value::String(paths::join(&parts)))
            }
            "expand_path" | "absolute_path" => self.expanded(call, call.name == "expand_path").map(Value::String),
            "dirname" => Ok(Value::String(paths::directory(&self.path_argument(call, 0)?))),
            "extname" => Ok(Value::String(paths::extension(&self.path_argument(call, 0)?))),
            "basename" => {
                let path = self.path_argument(call, 0)?;
                let suffix = if call.arguments.len() > 1 { Some(self.path_argument(call, 1)?) } else { None };
                Ok(Value::String(paths::name(&path, suffix.as_deref())))
            }
            "realpath" | "realdirpath" => {
                let path = self.path_argument(call, 0)?;
                self.real(&path, at).map(Value::String)
            }
            "exist?" | "exists?" | "readable?" => Ok(Value::Bool(self.kind_at(call)?.is_some())),
            "file?" => Ok(Value::Bool(self.kind_at(call)? == Some(FileKind::File))),
            "directory?" => Ok(Value::Bool(self.kind_at(call)? == Some(FileKind::Directory))),
            "read" => Ok(Value::String(self.content(call)?)),
            "write" | "delete" | "unlink" | "rename" | "symlink" | "chmod" | "chown" => {
                self.all(&call.arguments)?;
                self.note(at, format!("`File.{}` is not done: reading settings changes nothing", call.name));
                Ok(Value::Nil)
            }
            "readlines" => {
                let content = self.content(call)?;
                Ok(Value::Array(content.split_inclusive('\n').map(|line| Value::String(line.to_owned())).collect()))
            }
            name => Err(self.foreign(at, &Construct::Call(format!("File.{name}")))),
        }
    }

    /// What a file holds.
    fn content(&mut self, call: &Call) -> Result<String, Skip> {
        let path = self.path_argument(call, 0)?;
        let path = self.absolute(&path, call.at)?;
        let found = self.around.content(Path::new(&path), MOST_BYTES);
        match found.map(String::from_utf8) {
            Some(Ok(content)) => Ok(content),
            Some(Err(_)) => Err(self.fault(call.at, format!("`{path}` is not UTF-8"), "write the value itself")),
            None => {
                let message = format!("`{path}` cannot be read: it has to be a file of at most {MOST_BYTES} bytes");
                let hint = format!("write the value itself, or read it only `if File.exist?({path:?})`");
                Err(self.fault(call.at, message, hint))
            }
        }
    }

    fn of_directory(&mut self, call: &Call, at: usize) -> Result<Value, Skip> {
        match call.name.as_str() {
            "pwd" | "getwd" => self.here(at).map(Value::String),
            "tmpdir" => {
                let set = ["TMPDIR", "TMP", "TEMP"].iter().map(|name| self.variable(name));
                let found = set.into_iter().find(|value| matches!(value, Value::String(text) if !text.is_empty()));
                Ok(found.unwrap_or_else(|| Value::String("/tmp".to_owned())))
            }
            "home" if call.arguments.is_empty() => self.home(at).map(Value::String),
            "exist?" | "exists?" => Ok(Value::Bool(self.kind_at(call)? == Some(FileKind::Directory))),
            "mkdir" => {
                self.all(&call.arguments)?;
                self.note(at, "`Dir.mkdir` is not done: reading settings changes nothing");
                Ok(Value::Nil)
            }
            name => Err(self.foreign(at, &Construct::Call(format!("Dir.{name}")))),
        }
    }

    fn of_environment(&mut self, call: &Call, at: usize) -> Result<Value, Skip> {
        match call.name.as_str() {
            "fetch" => {
                let name = self.path_argument(call, 0)?;
                match (self.variable(&name), call.arguments.get(1), &call.block) {
                    (Value::Nil, Some(other), _) => self.value(other),
                    (Value::Nil, None, Some(block)) => self.block(block, &[Value::String(name)], at),
                    (Value::Nil, None, None) => {
                        let message = format!("the environment variable `{name}` is not set");
                        Err(self.fault(
                            at,
                            message,
                            format!("set it, or give what holds without it: `ENV.fetch({name:?}, ...)`"),
                        ))
                    }
                    (value, ..) => Ok(value),
                }
            }
            "key?" | "has_key?" | "include?" | "member?" => {
                let name = self.path_argument(call, 0)?;
                Ok(Value::Bool(self.variable(&name) != Value::Nil))
            }
            "delete" => {
                let name = self.path_argument(call, 0)?;
                let before = self.variable(&name);
                let slot = Slot { base: Base::Environment, keys: vec![Value::String(name)] };
                self.write(&slot, Value::Nil, &[], at)?;
                Ok(before)
            }
            name => Err(self.foreign(at, &Construct::Call(format!("ENV.{name}")))),
        }
    }

    /// What changes a list, hash or text in its place.
    fn change(&mut self, slot: &Slot, call: &Call) -> Result<Value, Skip> {
        if let Base::Nothing(what) = &slot.base {
            let what = format!("`{what}.{}` has no effect here", call.name);
            self.note(call.at, what);
            return Ok(Value::Nil);
        }
        let arguments = self.all(&call.arguments).inspect_err(|_| self.spoil(slot, call.at))?;
        let Some(before) = self.before(slot, call.at)? else { return Err(Skip) };
        let after = match (before, call.name.as_str()) {
            (Value::Array(mut items), "push" | "append") => {
                items.extend(arguments);
                Value::Array(items)
            }
            (Value::Array(items), "unshift" | "prepend") => Value::Array(arguments.into_iter().chain(items).collect()),
            (Value::Array(mut items), "insert") => {
                let mut arguments = arguments.into_iter();
                let place = arguments.next().and_then(|place| position(&place, items.len()));
                let Some(place) = place.filter(|place| *place <= items.len()) else {
                    return Err(self.fault(call.at, "`insert` names no place in the list".to_owned(), "add with `<<`"));
                };
                items.splice(place..place, arguments);
                Value::Array(items)
            }
            (Value::Array(mut items), "concat") => {
                for other in arguments {
                    items.extend(other.each().to_vec());
                }
                Value::Array(items)
            }
            (mut hash @ Value::Hash(_), "merge!" | "update") => {
                for other in arguments {
                    let Value::Hash(pairs) = other else {
                        return Err(self.fault(
                            call.at,
                            format!("`{}` takes a hash", call.name),
                            "write `{ key => value }`",
                        ));
                    };
                    pairs.into_iter().for_each(|(key, value)| hash.put(key, value));
                }
                hash
            }
            (mut hash @ Value::Hash(_), "store") => {
                let [key, value] = arguments.as_slice() else {
                    return Err(self.fault(
                        call.at,
                        "`store` takes a key and a value".to_owned(),
                        "write `x[key] = value`",
                    ));
                };
                hash.put(key.clone(), value.clone());
                hash
            }
            (Value::String(text), "concat") => {
                Value::String(arguments.iter().fold(text, |text, other| text + &other.to_text()))
            }
            (Value::String(text), "prepend") => {
                Value::String(arguments.iter().rev().fold(text, |text, other| other.to_text() + &text))
            }
            (before, name) => {
                let message = format!("{} has no method `{name}`", before.kind());
                return Err(self.fault(call.at, message, "set the whole value"));
            }
        };
        let after = self.weighed(after, call.at)?;
        self.write(slot, after.clone(), &call.arguments, call.at)?;
        Ok(after)
    }

    /// What a list, hash or text was before it is changed; a setting that was not set is an empty list.
    fn before(&mut self, slot: &Slot, at: usize) -> Result<Option<Value>, Skip> {
        match self.read(slot) {
            Some(Value::Nil) if slot.base == Base::Environment => {}
            Some(Value::Nil) | None if matches!(slot.base, Base::Root | Base::Setting(_)) => {
                return Ok(if self.is_in_doubt(slot) { None } else { Some(Value::Array(Vec::new())) });
            }
            Some(value) => return Ok(Some(value)),
            None => {}
        }
        if self.is_in_doubt(slot) {
            return Err(Skip);
        }
        Err(self.fault(at, "nothing is there that could be added to".to_owned(), "set it first: `name = []`"))
    }

    /// `list << item`.
    pub(super) fn append(&mut self, list: &Expression, item: &Expression, at: usize) -> Result<Value, Skip> {
        // In `list << a << b` it is the list that grows, twice.
        let (mut root, mut chained) = (list, None);
        if let Kind::Binary(Binary::Append, ..) = &list.kind {
            chained = Some(self.value(list)?);
        }
        while let Kind::Binary(Binary::Append, inner, _) = &root.kind {
            root = inner;
        }
        let Some(slot) = self.slot(root)? else {
            let before = match chained {
                Some(before) => before,
                None => self.value(list)?,
            };
            let item = self.value(item)?;
            let value = self.binary(Binary::Append, before, item, at)?;
            return self.weighed(value, at);
        };
        if let Base::Nothing(what) = &slot.base {
            let what = format!("`{what} <<` has no effect here");
            self.note(at, what);
            return Ok(Value::Nil);
        }
        let added = self.value(item).inspect_err(|_| self.spoil(&slot, at))?;
        let Some(before) = self.before(&slot, at)? else { return Err(Skip) };
        let grown = self.binary(Binary::Append, before, added, at).and_then(|value| self.weighed(value, at));
        let value = grown.inspect_err(|_| self.spoil(&slot, at))?;
        self.write(&slot, value.clone(), std::slice::from_ref(item), at)?;
        Ok(value)
    }

    /// `receiver[keys]`.
    pub(super) fn index(&mut self, receiver: &Expression, keys: &[Expression], at: usize) -> Result<Value, Skip> {
        if let Kind::Constant(name) = &receiver.kind
            && !self.has_constant(name)
            && name != "ENV"
            && !CONFIGURATIONS.contains(&name.as_str())
            && defaults::constant(name).is_none()
        {
            return Err(self.foreign(at, &Construct::Call(format!("{name}[...]"))));
        }
        if let Some(slot) = self.slot_at(receiver, keys)? {
            if let Some(value) = self.read(&slot) {
                return self.weighed(value, at);
            }
            let named = match (&slot.base, slot.keys.as_slice()) {
                (Base::Root, [name]) => Some(name.to_text()),
                _ => None,
            };
            match (named, &slot.base) {
                (Some(name), _) => return self.setting(&name, at),
                (None, Base::Root) => return Ok(Value::Nil),
                (None, Base::Setting(name)) if CONTEXTS.contains(&name.as_str()) => return Ok(Value::Nil),
                (None, Base::Environment | Base::Nothing(_)) => return Ok(Value::Nil),
                (None, Base::Setting(_) | Base::Local(_) | Base::Constant(_)) => {}
            }
        }
        let value = self.value(receiver)?;
        let keys = self.all(keys)?;
        self.method(value, "[]", &keys, None, at)
    }

    /// The only argument.
    fn only(&mut self, call: &Call) -> Result<Value, Skip> {
        match call.arguments.as_slice() {
            [one] => self.value(one),
            all => {
                let message = format!("`{}` takes one argument, here are {}", call.name, all.len());
                Err(self.fault(call.at, message, "give it one value"))
            }
        }
    }

    /// An argument that is a text or a path.
    fn path_argument(&mut self, call: &Call, number: usize) -> Result<String, Skip> {
        let Some(argument) = call.arguments.get(number) else {
            let message = format!("`{}` is called without an argument that it needs", call.name);
            return Err(self.fault(call.at, message, "give it a path in quotes"));
        };
        match self.value(argument)? {
            Value::String(text) | Value::Path(text) => Ok(text),
            other => Err(self.no_text(&other, &call.name, argument.at)),
        }
    }

    pub(super) fn no_text(&mut self, value: &Value, method: &str, at: usize) -> Skip {
        let hint = if *value == Value::Nil {
            "an environment variable that is not set is nil: give what holds without it, as in `ENV.fetch(\"NAME\", \"/root\")`"
        } else {
            "write text in quotes, or make it text with `.to_s`"
        };
        self.fault(at, format!("`{method}` takes text, not {}", value.kind()), hint)
    }

    fn flat_texts(&mut self, value: Value, parts: &mut Vec<String>, method: &str, at: usize) -> Result<(), Skip> {
        match value {
            Value::String(text) | Value::Path(text) => parts.push(text),
            Value::Array(items) => {
                for item in items {
                    self.flat_texts(item, parts, method, at)?;
                }
            }
            other => return Err(self.no_text(&other, method, at)),
        }
        Ok(())
    }

    fn expanded(&mut self, call: &Call, home: bool) -> Result<String, Skip> {
        let path = self.path_argument(call, 0)?;
        let base = match call.arguments.get(1) {
            None => None,
            Some(base) if matches!(base.kind, Kind::Nil) => None,
            Some(_) => Some(self.path_argument(call, 1)?),
        };
        self.expand(&path, base.as_deref(), home, call.at)
    }

    /// `File.expand_path`.
    pub(super) fn expand(&mut self, path: &str, base: Option<&str>, home: bool, at: usize) -> Result<String, Skip> {
        let base = match base {
            Some(base) => self.expand(base, None, home, at)?,
            None if path.starts_with(['/', '~']) => "/".to_owned(),
            None => self.here(at)?,
        };
        match path.strip_prefix('~') {
            Some(rest) if home => {
                if !rest.is_empty() && !rest.starts_with('/') {
                    let message = format!("`{path}` names the home of a user");
                    return Err(self.fault(at, message, "write the directory out"));
                }
                Ok(paths::expand(rest.trim_start_matches('/'), &self.home(at)?))
            }
            Some(_) | None => Ok(paths::expand(path, &base)),
        }
    }

    fn home(&mut self, at: usize) -> Result<String, Skip> {
        match self.variable("HOME") {
            Value::String(home) if home.starts_with('/') => Ok(home),
            _ => {
                let message = "the home directory is not known: `HOME` is not set".to_owned();
                Err(self.fault(at, message, "write the directory out"))
            }
        }
    }

    pub(super) fn real(&mut self, path: &str, at: usize) -> Result<String, Skip> {
        let path = self.absolute(path, at)?;
        match self.around.real_path(Path::new(&path)) {
            Some(found) => Ok(found.to_string_lossy().into_owned()),
            None => {
                Err(self.fault(at, format!("`{path}` does not exist"), "use `File.expand_path`, which needs no file"))
            }
        }
    }

    fn kind_at(&mut self, call: &Call) -> Result<Option<FileKind>, Skip> {
        let path = self.path_argument(call, 0)?;
        self.kind_of(&path, call.at)
    }

    pub(super) fn kind_of(&mut self, path: &str, at: usize) -> Result<Option<FileKind>, Skip> {
        if path.is_empty() || path.contains('\0') {
            return Ok(None);
        }
        let path = self.absolute(path, at)?;
        Ok(self.around.kind_of(Path::new(&path)))
    }
}
