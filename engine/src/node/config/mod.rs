//! Settings: solo.rb, read without Ruby and without running anything, and brasa.toml.
//!
//! [`lexer`] and [`quoted`] make tokens, [`parser`] and [`expressions`] make [`syntax`], [`evaluator`] makes values of it, with
//! [`calls`], [`methods`] and [`pattern`]; [`slot`] is what can be set. What the file may know of the machine comes from
//! [`Surroundings`]; nothing is run and nothing is changed. Other Ruby is a fault with its place and what to write instead.
mod calls;
mod construct;
mod defaults;
mod discretion;
mod evaluator;
mod expressions;
pub mod known;
mod lexer;
mod methods;
mod option;
mod parser;
mod paths;
mod pattern;
mod quoted;
mod slot;
mod syntax;
#[cfg(test)]
mod tests;
mod toml;
mod value;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

pub use self::{
    known::{Fate, KNOWN, Known, Shape},
    pattern::Pattern,
    value::Value,
};
use super::source::{Source, position};
use crate::{Fault, host::Surroundings, suggest, values::Place};

/// The settings that a file sets, in its order.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: IndexMap<String, Setting>,
    warnings: Vec<Fault>,
    notes: Vec<Fault>,
}

/// A setting that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// To what.
    pub value: Value,
    /// Where its value was written.
    pub place: Place,
    /// Where each element of a list was written, as far as they are in one place.
    elements: Vec<Place>,
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
    /// Reads solo.rb. `path` is for messages, and what `__FILE__` gives.
    ///
    /// # Errors
    /// Everything that is not read, and every setting of a wrong type, each at its place.
    pub fn parse(
        path: impl Into<Arc<Path>>,
        bytes: Vec<u8>,
        surroundings: &dyn Surroundings,
    ) -> Result<Self, Vec<Fault>> {
        let path = path.into();
        if let Some(fault) = Self::size_fault(&path, bytes.len() as u64) {
            return Err(vec![fault]);
        }
        let source = source_of(path, bytes)?;
        let (lexemes, mut faults) = lexer::tokens(&source);
        let mut settings = Self::default();
        let statements = parser::statements(&source, &lexemes, &mut faults);
        evaluator::Evaluator::new(&source, surroundings, &mut settings, &mut faults).run(&statements);
        settings.checked(&source, faults)
    }

    /// Reads brasa.toml: the same settings by the same names. A text like `":info"` is a symbol.
    ///
    /// # Errors
    /// What is no TOML, and every setting of a wrong type, each at its place.
    pub fn parse_toml(path: impl Into<Arc<Path>>, bytes: Vec<u8>) -> Result<Self, Vec<Fault>> {
        let path = path.into();
        if let Some(fault) = Self::size_fault(&path, bytes.len() as u64) {
            return Err(vec![fault]);
        }
        let source = source_of(path, bytes)?;
        let mut settings = Self::default();
        let faults = toml::read(&source, &mut settings);
        settings.checked(&source, faults)
    }

    /// Puts the settings of another file above these: what both set, the other one sets.
    pub fn overlay(&mut self, above: Self) {
        for (name, setting) in above.values {
            self.values.insert(name, setting);
        }
        self.warnings.extend(above.warnings);
        self.notes.extend(above.notes);
    }

    fn checked(mut self, source: &Source, mut faults: Vec<Fault>) -> Result<Self, Vec<Fault>> {
        // Where a value could not be read, its type says nothing.
        let mut wrong_types = self.wrong_types();
        wrong_types.retain(|fault| faults.iter().all(|f| f.place != fault.place));
        faults.extend(wrong_types);
        faults.sort_by_key(|fault| position(fault.place.as_ref()));
        // What was found there first is the cause of what else is.
        faults.dedup_by(|next, first| next.place == first.place);
        for told in [&mut faults, &mut self.warnings, &mut self.notes] {
            discretion::hide_secrets(source.text(), told);
        }
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// Warns about a name that nobody knows and that looks like a slip.
    fn warn_of_slip(&mut self, name: &str, place: Place) {
        if KNOWN.iter().all(|known| known.name != name)
            && !slot::CONTEXTS.contains(&name)
            && let Some(near) = suggest::nearest(name, KNOWN.iter().map(|known| known.name))
        {
            let message = format!("setting `{name}` is not known and has no effect");
            self.warnings.push(Fault::new(message).at(place).hint(format!("did you mean `{near}`?")));
        }
    }

    /// What is wrong with a file of this size, if anything: to be asked before it is read.
    #[must_use]
    pub fn size_fault(path: &Path, bytes: u64) -> Option<Fault> {
        (bytes > MOST_BYTES).then(|| {
            let message = format!("`{}` has {bytes} bytes; a settings file has at most {MOST_BYTES}", path.display());
            Fault::new(message).hint("is it the right file?")
        })
    }

    /// What the files would do beside setting settings, which is not done.
    #[must_use]
    pub fn notes(&self) -> &[Fault] {
        &self.notes
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
                Fate::Ignored(why) | Fate::Noted(why) | Fate::Refused(why) => Some((name.as_str(), setting, why)),
                Fate::Used => None,
            }
        })
    }

    /// The settings that no run begins with: Chef would do something else altogether for them.
    #[must_use]
    pub fn refused(&self) -> Vec<Fault> {
        let all = self.in_force().filter_map(|(name, setting, fate)| {
            let Fate::Refused(why) = fate else { return None };
            let fault = Fault::new(format!("setting `{name}` is refused: {why}")).at(setting.place.clone());
            Some(fault.hint("take it out of the settings"))
        });
        all.collect()
    }

    /// The settings for which Chef would do something that brasa does not.
    #[must_use]
    pub fn without_effect(&self) -> Vec<Fault> {
        let all = self.in_force().filter_map(|(name, setting, fate)| {
            let why = match (fate, setting.value.each()) {
                (Fate::Noted(why), _) => why,
                (Fate::Used, [one]) if name == "log_location" => match log_location_of(one)? {
                    LogLocation::Stderr => "the log goes to standard error anyway, the report to standard output",
                    LogLocation::Syslog => "the log goes to standard error, which systemd keeps in the journal",
                    LogLocation::Stdout | LogLocation::File(_) => return None,
                },
                (Fate::Used | Fate::Ignored(_) | Fate::Refused(_), _) => return None,
            };
            Some(Fault::new(format!("setting `{name}` has no effect: {why}")).at(setting.place.clone()))
        });
        all.collect()
    }

    /// The known settings that are set to something other than what holds without them.
    fn in_force(&self) -> impl Iterator<Item = (&str, &Setting, Fate)> {
        self.values.iter().filter_map(|(name, setting)| {
            let known = KNOWN.iter().find(|known| known.name == name)?;
            let usual = match &setting.value {
                Value::Nil | Value::Bool(false) | Value::Integer(0) => true,
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Hash(pairs) => pairs.is_empty(),
                Value::Symbol(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Bool(true)
                | Value::Path(_)
                | Value::Constant(_)
                | Value::Pattern(_) => false,
            };
            let same = match known.shape {
                // The mask of every run.
                Shape::Mode => setting.value == Value::Nil || matches!(self.mode(name), Ok(Some(0o022))),
                _ => usual,
            };
            (!same).then_some((name.as_str(), setting, known.fate))
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

    /// A path from `/` on.
    ///
    /// # Errors
    /// When it is something else, or begins elsewhere.
    pub fn absolute_path(&self, name: &str) -> Result<Option<PathBuf>, Fault> {
        let Some(path) = self.path(name)? else { return Ok(None) };
        if path.is_absolute() {
            return Ok(Some(path));
        }
        let fault = Fault::new(format!("setting `{name}`: `{}` is not absolute", path.display()));
        let hint = "begin it with `/`; in solo.rb, `File.expand_path(\"...\", __dir__)` is a path beside the file";
        Err(fault.at(self.values[name].place.clone()).hint(hint))
    }

    /// A list of texts; one alone is a list of one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Fault> {
        self.read_each(name, "text in quotes", text_of).map_err(first)
    }

    /// Permission bits: a number (`0022`) or their digits as text (`"0022"`).
    ///
    /// # Errors
    /// When it is something else, or more than 07777.
    pub fn mode(&self, name: &str) -> Result<Option<u32>, Fault> {
        self.read(name, "permission bits like `0022`", |value| {
            let bits = match value {
                Value::Integer(bits) => u32::try_from(*bits).ok()?,
                Value::String(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 8).ok()?,
                _ => return None,
            };
            (bits <= 0o7777).then_some(bits)
        })
    }

    /// A list of paths; one alone is a list of one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn paths(&self, name: &str) -> Result<Option<Vec<PathBuf>>, Fault> {
        self.read_each(name, "a path in quotes", path_of).map_err(first)
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

    /// What becomes of a package manager that was interrupted: `auto`, `ask` or `never`.
    ///
    /// # Errors
    /// Another word.
    pub fn package_repair(&self) -> Result<Option<&'static str>, Fault> {
        self.one_of("package_repair", known::PACKAGE_REPAIR)
    }

    /// `log_location`: one or several.
    ///
    /// # Errors
    /// When it is something else.
    pub fn log_locations(&self) -> Result<Option<Vec<LogLocation>>, Fault> {
        self.read_each("log_location", LOG_LOCATION, log_location_of).map_err(first)
    }

    /// Whether servers are verified: `:verify_peer`, `:verify_none`, or OpenSSL's constants for them.
    ///
    /// # Errors
    /// When it is something else.
    pub fn verification(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.read(name, "`:verify_peer` or `:verify_none`", |value| match value {
            Value::Symbol(word) | Value::String(word) | Value::Constant(word) => match word.as_str() {
                "verify_peer" | "OpenSSL::SSL::VERIFY_PEER" => Some(true),
                "verify_none" | "OpenSSL::SSL::VERIFY_NONE" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    fn one_of(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Fault> {
        let Some(Setting { value, place, .. }) = self.given(name) else { return Ok(None) };
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
        let Some(Setting { value, place, .. }) = self.given(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(wrong(name, wanted, value, place)),
        }
    }

    /// A list, or one alone; a fault for each element that is something else.
    fn read_each<'s, T>(
        &'s self,
        name: &str,
        wanted: &str,
        read: impl Fn(&'s Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Vec<Fault>> {
        let Some(Setting { value, place, elements }) = self.given(name) else { return Ok(None) };
        let Value::Array(items) = value else {
            let one =
                read(value).ok_or_else(|| vec![wrong(name, &format!("{wanted}, or a list of them"), value, place)])?;
            return Ok(Some(vec![one]));
        };
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        for (n, item) in items.iter().enumerate() {
            match read(item) {
                Some(read) => all.push(read),
                None => {
                    let place = elements.get(n).unwrap_or(place);
                    faults.push(wrong(&format!("{name}[{n}]"), wanted, item, place));
                }
            }
        }
        if faults.is_empty() { Ok(Some(all)) } else { Err(faults) }
    }

    fn given(&self, name: &str) -> Option<&Setting> {
        self.values.get(name).filter(|setting| setting.value != Value::Nil)
    }

    fn wrong_types(&self) -> Vec<Fault> {
        let mut all = Vec::new();
        for name in self.values.keys() {
            let Some(known) = KNOWN.iter().find(|known| known.name == name) else { continue };
            match known.shape {
                Shape::Text | Shape::Secret => all.extend(self.text(name).err()),
                Shape::Path => all.extend(self.path(name).err()),
                Shape::AbsolutePath => all.extend(self.absolute_path(name).err()),
                Shape::Paths => all.extend(self.read_each(name, "a path in quotes", path_of).err().unwrap_or_default()),
                Shape::Texts => all.extend(self.read_each(name, "text in quotes", text_of).err().unwrap_or_default()),
                Shape::Mode => all.extend(self.mode(name).err()),
                Shape::Verification => all.extend(self.verification(name).err()),
                Shape::Flag => all.extend(self.flag(name).err()),
                Shape::Count => all.extend(self.count(name).err()),
                Shape::OneOf(words) => all.extend(self.one_of(name, words).err()),
                Shape::LogLocations => {
                    all.extend(self.read_each(name, LOG_LOCATION, log_location_of).err().unwrap_or_default());
                }
                Shape::Commands => all.extend(self.each_command(name).err().unwrap_or_default()),
                Shape::Any => {}
            }
        }
        all
    }
}

/// Names and values, as `config show` prints them.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, setting)| (name, &setting.value)))
    }
}

fn source_of(path: Arc<Path>, bytes: Vec<u8>) -> Result<Source, Vec<Fault>> {
    let broken = std::str::from_utf8(&bytes).is_err().then(|| String::from_utf8_lossy(&bytes).into_owned());
    Source::of_bytes(path, bytes).map_err(|fault| {
        let mut faults = vec![fault];
        discretion::hide_secrets(&broken.unwrap_or_default(), &mut faults);
        faults
    })
}

const LOG_LOCATION: &str = "`STDOUT`, `STDERR`, `:syslog` or a path in quotes";

fn first(mut faults: Vec<Fault>) -> Fault {
    faults.swap_remove(0)
}

fn text_of(value: &Value) -> Option<&str> {
    if let Value::String(text) = value { Some(text) } else { None }
}

fn log_location_of(value: &Value) -> Option<LogLocation> {
    match value {
        Value::Constant(word) | Value::String(word) if word == "STDOUT" => Some(LogLocation::Stdout),
        Value::Constant(word) | Value::String(word) if word == "STDERR" => Some(LogLocation::Stderr),
        Value::Symbol(word) if word == "syslog" => Some(LogLocation::Syslog),
        value => path_of(value).map(LogLocation::File),
    }
}

fn path_of(value: &Value) -> Option<PathBuf> {
    let (Value::String(text) | Value::Path(text)) = value else { return None };
    (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
}

fn wrong(name: &str, wanted: &str, found: &Value, place: &Place) -> Fault {
    let found = match found {
        secret if discretion::is_secret(name) => secret.kind().to_owned(),
        Value::String(text) if text.trim().is_empty() => "an empty string".to_owned(),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::String(_) | Value::Path(_) | Value::Array(_) | Value::Hash(_) => found.kind().to_owned(),
        Value::Symbol(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Nil
        | Value::Constant(_)
        | Value::Pattern(_) => format!("`{found}`"),
    };
    Fault::new(format!("setting `{name}`: expected {wanted}, got {found}")).at(place.clone())
}
