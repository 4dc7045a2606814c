//! brasa.toml: the same settings in a form without a language.
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Setting, Settings, Value};
use crate::{Fault, node::source::Source};

pub(super) fn read(source: &Source, settings: &mut Settings) -> Vec<Fault> {
    let text = source.text().strip_prefix('\u{feff}').unwrap_or(source.text());
    let skipped = source.text().len() - text.len();
    let (table, errors) = DeTable::parse_recoverable(text);
    let table = table.into_inner();
    let unclosed = unclosed(&table, &errors);
    let mut faults = Vec::new();
    let mut line_of_last = None;
    for error in errors.iter().take(super::parser::MOST_FAULTS) {
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
    for (name, value, key_at, at) in sorted(table) {
        if unclosed.is_some_and(|(opened, _)| opened == at) {
            continue;
        }
        let elements = match &value {
            DeValue::Array(items) => items.iter().map(|item| source.place(item.span().start + skipped)).collect(),
            _ => Vec::new(),
        };
        match value_of(value).map_err(|(found, message)| (if found == 0 { at } else { found }, message)) {
            Ok(value) => {
                settings.warn_of_slip(&name, source.place(key_at + skipped));
                settings.values.insert(name, Setting { value, place: source.place(at + skipped), elements });
            }
            Err((at, message)) => {
                faults.push(source.fault(at + skipped, message).hint("write a number that fits into 64 bits"));
            }
        }
    }
    faults
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
fn sorted(table: DeTable<'_>) -> Vec<(String, DeValue<'_>, usize, usize)> {
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

fn value_of(value: DeValue<'_>) -> Result<Value, (usize, String)> {
    Ok(match value {
        DeValue::String(text) => match text.strip_prefix(':') {
            Some(name) if is_name(name) => Value::Symbol(name.to_owned()),
            Some(_) | None => Value::String(text.into_owned()),
        },
        DeValue::Integer(number) => {
            let digits = number.as_str();
            match i64::from_str_radix(digits, number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => return Err((0, format!("the number `{digits}` is too large"))),
            }
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            Ok(_) | Err(_) => {
                return Err((0, format!("the number `{}` is none that a setting can have", number.as_str())));
            }
        },
        DeValue::Boolean(flag) => Value::Bool(flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let items = items.into_iter().map(placed);
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let mut pairs = Vec::new();
            for (name, value, _, at) in sorted(table) {
                let value =
                    value_of(value).map_err(|(found, message)| (if found == 0 { at } else { found }, message))?;
                pairs.push((Value::String(name), value));
            }
            Value::Hash(pairs)
        }
    })
}

fn placed(value: Spanned<DeValue<'_>>) -> Result<Value, (usize, String)> {
    let at = value.span().start;
    value_of(value.into_inner()).map_err(|(found, message)| (if found == 0 { at } else { found }, message))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
