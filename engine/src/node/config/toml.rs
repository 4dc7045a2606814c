//! brasa.toml: the same settings in a form without a language.
use toml::{Spanned, de::DeValue};

use super::{Setting, Settings, Value};
use crate::{
    Fault,
    node::{
        source::Source,
        toml::{Syntax, sorted},
    },
};

pub(super) fn read(source: &Source, settings: &mut Settings) -> Vec<Fault> {
    let Syntax { table, mut faults, unclosed, skipped } = Syntax::of(source, super::parser::MOST_FAULTS);
    for (name, value, key_at, at) in sorted(table) {
        if unclosed == Some(at) {
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
