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
    let mut faults: Vec<Fault> = errors
        .iter()
        .take(super::parser::MOST_FAULTS)
        .map(|error| {
            let at = error.span().map_or(text.len(), |span| span.start) + skipped;
            source
                .fault(at, format!("this is no TOML: {}", error.message()))
                .hint("a line is `setting = value`, text in quotes")
        })
        .collect();
    for (name, value, key_at, at) in sorted(table.into_inner()) {
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
