//! TOML with its places: into the same [`Document`] as JSON, and the syntax that brasa.toml is read by.
use std::{path::Path, sync::Arc};

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    json::{Document, NO_KEY, Spot, short},
    source::Source,
};
use crate::{Fault, error::ENOUGH};

/// A TOML file is at most so many bytes long: it is written by people.
const MOST_BYTES: usize = 1 << 20;

impl Document {
    /// Reads a TOML document; `path` is for messages. Dates become text.
    ///
    /// # Errors
    /// What is no TOML, each at its place.
    pub fn parse_toml(path: impl Into<Arc<Path>>, bytes: Vec<u8>) -> Result<Self, Vec<Fault>> {
        let path = path.into();
        if bytes.len() > MOST_BYTES {
            let fault = Fault::new(format!("`{}` has {} bytes; it may have {MOST_BYTES}", path.display(), bytes.len()));
            return Err(vec![fault.hint("is it the right file?")]);
        }
        let source = Source::of_bytes(path, bytes).map_err(|fault| vec![fault])?;
        let Syntax { table, mut faults, skipped, .. } = Syntax::of(&source, ENOUGH);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut flat = Flat { spots: Vec::new(), skipped };
        let value = flat.value(DeValue::Table(table), 0, NO_KEY).map_err(|(at, message)| {
            faults.push(source.fault(at, message).hint("write a number that fits into 64 bits"));
            faults
        })?;
        Ok(Self::assemble(value, source, flat.spots))
    }
}

struct Flat {
    spots: Vec<Spot>,
    skipped: usize,
}

impl Flat {
    fn value(&mut self, value: DeValue<'_>, at: usize, key: u32) -> Result<Value, (usize, String)> {
        let (spot, at) = (self.spots.len(), at + self.skipped);
        self.spots.push(Spot { at: short(at), key, size: 1 });
        let number = |number: Option<Number>, text: &str| {
            number.map(Value::Number).ok_or_else(|| (at, format!("the number `{text}` is none that can be used")))
        };
        let value = match value {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Boolean(flag) => Value::Bool(flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(digits) => {
                number(i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(Number::from), digits.as_str())?
            }
            DeValue::Float(digits) => number(digits.as_str().parse().ok().and_then(Number::from_f64), digits.as_str())?,
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| {
                    let at = item.span().start;
                    self.value(Spanned::into_inner(item), at, NO_KEY)
                });
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => {
                let mut entries = Map::new();
                for (name, value, key_at, at) in sorted(table) {
                    entries.insert(name, self.value(value, at, short(key_at + self.skipped))?);
                }
                Value::Object(entries)
            }
        };
        self.spots[spot].size = short(self.spots.len() - spot);
        Ok(value)
    }
}

/// What the parser makes of a text, and what it cannot make anything of.
pub(super) struct Syntax<'t> {
    pub table: DeTable<'t>,
    pub faults: Vec<Fault>,
    /// Where a list or a table begins that is not closed: its value is not to be looked at.
    pub unclosed: Option<usize>,
    /// Bytes before the text that the parser got: a byte order mark.
    pub skipped: usize,
}

impl<'t> Syntax<'t> {
    pub fn of(source: &'t Source, most_faults: usize) -> Self {
        let text = source.text().strip_prefix('\u{feff}').unwrap_or(source.text());
        let skipped = source.text().len() - text.len();
        let (table, errors) = DeTable::parse_recoverable(text);
        let table = table.into_inner();
        let unclosed = unclosed(&table, &errors);
        let mut faults = Vec::new();
        let mut line_of_last = None;
        for error in errors.iter().take(most_faults) {
            let at = error.span().map_or(text.len(), |span| span.start);
            if unclosed.is_some_and(|(opened, _)| opened < at) {
                continue;
            }
            if let Some(fault) = twice(source, &table, error, skipped) {
                faults.push(fault);
                continue;
            }
            // On one line the first fault is the cause of the others.
            let line = text[..at].matches('\n').count();
            if line_of_last.replace(line) != Some(line) {
                let (message, hint) = told(error.message(), text[at..].lines().next().unwrap_or_default());
                faults.push(source.fault(at + skipped, format!("this is no TOML: {message}")).hint(hint));
            }
        }
        if let Some((opened, close)) = unclosed {
            let fault = source.fault(opened + skipped, "this is no TOML: what is opened here is not closed");
            faults.push(fault.hint(format!("close it with `{close}`")));
        }
        Self { table, faults, unclosed: unclosed.map(|(opened, _)| opened), skipped }
    }
}

/// Where the list or the table begins that is not closed, and how it would be: what follows it is read as a part of it.
fn unclosed(table: &DeTable<'_>, errors: &[toml::de::Error]) -> Option<(usize, char)> {
    let error = errors.iter().find(|error| {
        let message = error.message();
        message.starts_with("unclosed array") || message.starts_with("unclosed inline table")
    })?;
    let end = error.span()?.start;
    let opened = table.values().filter_map(|value| match value.get_ref() {
        DeValue::Array(_) => Some((value.span().start, ']')),
        DeValue::Table(_) => Some((value.span().start, '}')),
        _ => None,
    });
    opened.filter(|(at, _)| *at < end).max()
}

/// A key that is given twice, with the place of the first.
fn twice(source: &Source, table: &DeTable<'_>, error: &toml::de::Error, skipped: usize) -> Option<Fault> {
    let span = error.span().filter(|_| error.message().starts_with("duplicate key"))?;
    let key = source.text().get(span.start + skipped..span.end + skipped)?;
    let first = key_before(table, key.trim_matches(['"', '\'']), span.start);
    let first = first.map(|at| format!("; the first is at {}", source.place(at + skipped))).unwrap_or_default();
    let fault = source.fault(span.start + skipped, format!("key `{key}` is given twice{first}"));
    Some(fault.hint("keep one of them"))
}

/// Where the last key of this name before a place stands.
fn key_before(table: &DeTable<'_>, name: &str, before: usize) -> Option<usize> {
    let own = table.keys().filter(|key| key.get_ref() == name).map(|key| key.span().start).filter(|at| *at < before);
    let inner = table.values().filter_map(|value| match value.get_ref() {
        DeValue::Table(inner) => key_before(inner, name, before),
        _ => None,
    });
    own.chain(inner).max()
}

/// What the parser says of the rest of a line, in other words where those are better, and what to write.
fn told(message: &str, rest: &str) -> (String, String) {
    let word = rest.split('#').next().unwrap_or_default().trim();
    let is = |start: &str| message.starts_with(start);
    let hint = if is("string values must be quoted") || is("invalid float") && word.starts_with(char::is_alphabetic) {
        return match word {
            "" => ("a value is missing".to_owned(), "write it behind the `=`".to_owned()),
            "yes" | "no" | "on" | "off" => (format!("`{word}` is no value"), "write `true` or `false`".to_owned()),
            word => ("text is written in quotes".to_owned(), format!("write `\"{}\"`", word.replace('"', ""))),
        };
    } else if is("invalid basic string") {
        "close the text with `\"`; a backslash in it is `\\\\`"
    } else if is("invalid literal string") {
        "close the text with `'`"
    } else if is("key with no value") {
        "write `=` between the setting and its value"
    } else if is("missing comma") {
        "put a comma between one element and the next"
    } else if is("unclosed table") {
        "close the name with `]`"
    } else if is("invalid unquoted key") {
        "the name of a setting has letters, digits and `_`"
    } else {
        "a line is `setting = value`, text in quotes"
    };
    (message.to_owned(), hint.to_owned())
}

/// In the order of the file.
pub(super) fn sorted(table: DeTable<'_>) -> Vec<(String, DeValue<'_>, usize, usize)> {
    let mut pairs: Vec<_> = table
        .into_iter()
        .map(|(key, value)| {
            let (key_at, at) = (key.span().start, value.span().start);
            (key.into_inner().into_owned(), value.into_inner(), key_at, at)
        })
        .collect();
    pairs.sort_by_key(|(_, _, key_at, _)| *key_at);
    pairs
}
