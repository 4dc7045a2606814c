//! Attributes as data: a tree for each level, or a list of writes.
use std::path::Path;

use serde_json::Value as Json;

use super::{
    expression::Scope,
    file,
    order::{text_of, words},
};
use crate::{
    Error, Fault, Result,
    error::ENOUGH,
    node::{
        AttributeWrite, Level, WriteOp,
        json::{self, Located},
    },
    recipe::AttributeFile,
    suggest,
};

/// What a file of attributes says, in order.
pub(super) enum Statement<'d> {
    /// A write, worked out when it is its turn: it may use what was written before it.
    Write(Located<'d>),
    /// A value of a tree: level, path and value.
    Leaf(Level, Vec<String>, Located<'d>),
    /// Another file of attributes comes first.
    Include(String, Located<'d>),
}

const LEVELS: [(&str, Level); 5] = [
    ("default", Level::Default),
    ("force_default", Level::ForceDefault),
    ("normal", Level::Normal),
    ("override", Level::Override),
    ("force_override", Level::ForceOverride),
];

/// Words of `op`; `bang` and `rm` are Chef's `default!` and `rm`.
const OPS: [(&str, WriteOp); 11] = [
    ("set", WriteOp::Set),
    ("unless", WriteOp::Unless),
    ("push", WriteOp::Push),
    ("replace", WriteOp::Replace),
    ("bang", WriteOp::Replace),
    ("write", WriteOp::Write),
    ("remove", WriteOp::Remove),
    ("rm", WriteOp::Remove),
    ("remove_level", WriteOp::RemoveLevel),
    ("rm_level", WriteOp::RemoveLevel),
    ("delete_key", WriteOp::DeleteKey),
];

const FIELDS: [&str; 4] = ["level", "path", "value", "op"];

/// Reads a file of attributes: writes what it says.
pub(super) fn read(a: &mut AttributeFile<'_, '_>, path: &Path) -> Result<()> {
    let mut faults = Vec::new();
    let Some(document) = file::read(path, &mut faults) else { return Err(Error::Faults(faults)) };
    let told = faults.clone();
    for statement in statements(document.root(), &mut faults) {
        if faults.len() >= ENOUGH {
            break;
        }
        // A scope is made anew each time: what was written must be seen by what follows.
        let write = match statement {
            Statement::Write(at) => write(at, &Scope::new(a.node(), a.view()), &mut faults),
            Statement::Leaf(level, path, at) if is_plain(at.value()) => {
                let place = at.key_place().unwrap_or_else(|| at.place());
                Some(AttributeWrite { level, path, op: WriteOp::Set, value: at.value().clone(), place })
            }
            Statement::Leaf(level, path, at) => leaf(level, path, at, &Scope::new(a.node(), a.view()), &mut faults),
            Statement::Include(name, at) => {
                match a.include(&name) {
                    Ok(()) => {}
                    Err(Error::Faults(more)) => faults.extend(
                        more.into_iter().map(|fault| if fault.place.is_some() { fault } else { fault.at(at.place()) }),
                    ),
                    Err(error) => faults.push(at.fault(error.to_string())),
                }
                None
            }
        };
        if let Some(write) = write {
            a.apply(write);
        }
    }
    file::without_follow_ups(&mut faults, &told);
    if faults.is_empty() { Ok(()) } else { Err(Error::Faults(faults)) }
}

/// Whether there is nothing to be worked out in a value.
fn is_plain(value: &Json) -> bool {
    match value {
        Json::String(text) => !text.contains('{'),
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(entries) => entries.iter().all(|(key, value)| !key.contains('{') && is_plain(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
    }
}

/// What the file says.
pub(super) fn statements<'d>(root: Located<'d>, faults: &mut Vec<Fault>) -> Vec<Statement<'d>> {
    let mut statements = Vec::new();
    match root.value() {
        Json::Null => {}
        Json::Object(_) => {
            for (key, tree) in root.entries() {
                if faults.len() >= ENOUGH {
                    break;
                }
                match LEVELS.iter().find(|(word, _)| *word == key) {
                    Some((_, level)) if tree.value().is_object() => {
                        leaves(*level, &mut Vec::new(), tree, &mut statements)
                    }
                    Some(_) => {
                        let found = json::kind(tree.value());
                        faults.push(tree.fault(format!("`{key}` is an object of attributes, not {found}")));
                    }
                    None => {
                        let place = tree.key_place().unwrap_or_else(|| tree.place());
                        let fault = Fault::new(format!("no level of attributes `{key}`")).at(place);
                        let fault = fault.hint(suggest::hint(key, LEVELS.map(|(word, _)| word)));
                        faults.push(fault.hint("attributes stand below their level: `default:`, then the attributes"));
                    }
                }
            }
        }
        Json::Array(_) => {
            for item in root.items() {
                match item.get("include_attribute") {
                    Some(at) => match at.value().as_str() {
                        Some(name) => statements.push(Statement::Include(name.to_owned(), at)),
                        None if faults.len() >= ENOUGH => break,
                        None => faults.push(at.fault("`include_attribute` names a cookbook or `COOKBOOK::FILE`")),
                    },
                    None => statements.push(Statement::Write(item)),
                }
            }
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            let fault = root.fault(format!("attributes are an object or a list, not {}", json::kind(root.value())));
            faults.push(fault.hint("write `default:`, and below it the attributes"));
        }
    }
    statements
}

/// Each value of a tree is a write of its own, so that objects merge and the origin of each is known.
fn leaves<'d>(level: Level, path: &mut Vec<String>, tree: Located<'d>, statements: &mut Vec<Statement<'d>>) {
    for (key, value) in tree.entries() {
        path.push(key.to_owned());
        if value.value().as_object().is_some_and(|object| !object.is_empty()) {
            leaves(level, path, value, statements);
        } else {
            statements.push(Statement::Leaf(level, path.clone(), value));
        }
        path.pop();
    }
}

/// A value of a tree as a write.
pub(super) fn leaf(
    level: Level,
    path: Vec<String>,
    at: Located<'_>,
    scope: &Scope<'_>,
    faults: &mut Vec<Fault>,
) -> Option<AttributeWrite> {
    let before = faults.len();
    let value = scope.shown(at, "an attribute", faults);
    let place = at.key_place().unwrap_or_else(|| at.place());
    (faults.len() == before).then_some(AttributeWrite { level, path, op: WriteOp::Set, value, place })
}

/// `{level, path, value, op}` as a write.
pub(super) fn write(at: Located<'_>, scope: &Scope<'_>, faults: &mut Vec<Fault>) -> Option<AttributeWrite> {
    let before = faults.len();
    if !at.value().is_object() {
        let fault = at.fault(format!("a write of an attribute is an object, not {}", json::kind(at.value())));
        faults.push(fault.hint("write `{level: default, path: [app, port], value: 80}`"));
        return None;
    }
    for (key, value) in at.entries().filter(|(key, _)| !FIELDS.contains(key)) {
        let fault = Fault::new(format!("a write of an attribute has no `{key}`"));
        let fault = fault.at(value.key_place().unwrap_or_else(|| value.place()));
        faults.push(fault.hint(suggest::hint(key, FIELDS)));
    }
    let op = match at.get("op") {
        None => WriteOp::Set,
        Some(op) => one_of(op, "op", &OPS, faults)?,
    };
    let level = match at.get("level") {
        Some(level) => one_of(level, "level", &LEVELS, faults)?,
        // `rm` takes an attribute out of every level.
        None if op == WriteOp::Remove => Level::Default,
        None => {
            faults.push(at.fault("the write of an attribute needs a `level`").hint("`default` is the usual one"));
            return None;
        }
    };
    let path = match at.get("path") {
        Some(at) => path_of(at, scope, faults),
        None => {
            faults.push(at.fault("the write of an attribute needs a `path`").hint("as in `path: [app, port]`"));
            Vec::new()
        }
    };
    let takes_value = match op {
        WriteOp::Set | WriteOp::Unless | WriteOp::Push | WriteOp::Replace | WriteOp::Write => true,
        WriteOp::Remove | WriteOp::RemoveLevel | WriteOp::DeleteKey => false,
    };
    let value = match (at.get("value"), takes_value) {
        (Some(value), true) => scope.shown(value, "an attribute", faults),
        (None, true) => {
            faults.push(at.fault("the write of an attribute needs a `value`").hint("`null` is a value too"));
            Json::Null
        }
        (Some(value), false) => {
            faults.push(value.fault("what takes an attribute away has no `value`").hint("remove it"));
            Json::Null
        }
        (None, false) => Json::Null,
    };
    (faults.len() == before).then(|| AttributeWrite { level, path, op, value, place: at.place() })
}

fn one_of<T: Copy>(at: Located<'_>, what: &str, known: &[(&'static str, T)], faults: &mut Vec<Fault>) -> Option<T> {
    let word = at.value().as_str().unwrap_or_default();
    let found = known.iter().find(|(name, _)| *name == word);
    if found.is_none() {
        let fault = at.fault(format!("`{word}` is no `{what}` of an attribute"));
        faults.push(fault.hint(suggest::hint(word, known.iter().map(|(name, _)| *name))));
    }
    found.map(|(_, value)| *value)
}

/// A list of keys, or keys with dots between them.
fn path_of(at: Located<'_>, scope: &Scope<'_>, faults: &mut Vec<Fault>) -> Vec<String> {
    let before = faults.len();
    match scope.shown(at, "an attribute", faults) {
        _ if faults.len() > before => Vec::new(),
        Json::String(text) if !text.is_empty() => text.split('.').map(str::to_owned).collect(),
        value @ Json::Array(_) => {
            let path = words(at, &value, "`path`", faults);
            if path.is_empty() {
                faults.push(at.fault("`path` is empty"));
            }
            path
        }
        other => text_of(at, &other, "`path`", faults).into_iter().collect(),
    }
}
