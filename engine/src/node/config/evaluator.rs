//! Statements into values.
use super::{
    Value,
    parser::{Expression, ExpressionKind},
};
use crate::{Fault, node::source::Source, suggest};

/// Constants that have a meaning in solo.rb.
const CONSTANTS: [&str; 4] = ["STDOUT", "STDERR", "OpenSSL::SSL::VERIFY_NONE", "OpenSSL::SSL::VERIFY_PEER"];

pub(super) fn value(source: &Source, expression: &Expression, faults: &mut Vec<Fault>) -> Value {
    match &expression.kind {
        ExpressionKind::Text(text) => Value::String(text.clone()),
        ExpressionKind::Symbol(name) => Value::Symbol(name.clone()),
        ExpressionKind::Integer(number) => Value::Integer(*number),
        ExpressionKind::Float(number) => Value::Float(*number),
        ExpressionKind::Bool(flag) => Value::Bool(*flag),
        ExpressionKind::Nil => Value::Nil,
        ExpressionKind::List(items) => Value::Array(items.iter().map(|item| value(source, item, faults)).collect()),
        ExpressionKind::Constant(name) => {
            let known = name.strip_prefix("::").unwrap_or(name);
            if !CONSTANTS.contains(&known) {
                let fault = source.fault(expression.at, format!("constant `{name}` is not known"));
                faults.push(fault.hint(suggest::hint(known, CONSTANTS)));
            }
            Value::Constant(known.to_owned())
        }
    }
}
