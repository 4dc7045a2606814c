//! Merging trees of attributes, and reaching into them.
use serde_json::{Map, Value};

/// `above` over `below` where lists are united: left order kept, each element of the right that is not there yet behind it.
/// Equal is equal by value and type: `1` and `1.0` differ.
pub(super) fn united(below: Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(mut below), Value::Object(above)) => {
            merge_objects(&mut below, above, united);
            Value::Object(below)
        }
        (Value::Array(below), Value::Array(above)) => {
            let mut all: Vec<Value> = Vec::with_capacity(below.len() + above.len());
            for element in below.into_iter().chain(above.iter().cloned()) {
                if !all.contains(&element) {
                    all.push(element);
                }
            }
            Value::Array(all)
        }
        (_, above) => above.clone(),
    }
}

/// `above` over `below` where lists are replaced.
pub(super) fn replaced(below: Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(mut below), Value::Object(above)) => {
            merge_objects(&mut below, above, replaced);
            Value::Object(below)
        }
        (_, above) => above.clone(),
    }
}

fn merge_objects(below: &mut Map<String, Value>, above: &Map<String, Value>, merge: fn(Value, &Value) -> Value) {
    for (key, value) in above {
        match below.get_mut(key) {
            Some(slot) => *slot = merge(std::mem::take(slot), value),
            None => {
                below.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The value at a path; a number leads into a list.
pub(super) fn at<'v>(tree: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(tree, |value, key| match value {
        Value::Object(entries) => entries.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// What a tree says of a path, as merging sees it: a list is as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen<'v> {
    /// This.
    Value(&'v Value),
    /// So many keys of the path lead to this, which is no object.
    Cut(usize, &'v Value),
    /// Nothing.
    Nothing,
}

impl Seen<'_> {
    /// Whether it leaves nothing that a path could lead into.
    pub const fn hides(self) -> bool {
        matches!(self, Self::Cut(_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)))
    }
}

pub(super) fn seen<'v>(tree: &'v Value, path: &[String]) -> Seen<'v> {
    let mut value = tree;
    for (depth, key) in path.iter().enumerate() {
        let Value::Object(entries) = value else { return Seen::Cut(depth, value) };
        let Some(entry) = entries.get(key) else { return Seen::Nothing };
        value = entry;
    }
    Seen::Value(value)
}

/// The slot at a path, null when it is new; objects on the way are made. What is there and no object is in the way.
pub(super) fn reach<'v>(tree: &'v mut Value, path: &[String]) -> Result<&'v mut Value, String> {
    let Some((last, parents)) = path.split_last() else { return Ok(tree) };
    let entries = enter(tree, parents).map_err(|sentence| format!("{sentence}, so `{last}` cannot be set in it"))?;
    Ok(entries.entry(last.clone()).or_insert(Value::Null))
}

/// The object at a path; objects are made where there is nothing. What is there and no object is in the way.
pub(super) fn enter<'v>(tree: &'v mut Value, path: &[String]) -> Result<&'v mut Map<String, Value>, String> {
    let mut value = tree;
    let mut depth = 0;
    loop {
        let kind = super::json::kind(value);
        let Value::Object(entries) = value else {
            return Err(format!("`{}` is {kind} at this level", path[..depth].join(".")));
        };
        let Some(key) = path.get(depth) else { return Ok(entries) };
        value = entries.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        depth += 1;
    }
}

/// The same, with an object put in place of whatever is in the way.
pub(super) fn force<'v>(tree: &'v mut Value, path: &[String]) -> &'v mut Value {
    path.iter().fold(tree, |value, key| {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        match value {
            Value::Object(entries) => entries.entry(key.clone()).or_insert(Value::Null),
            other => other,
        }
    })
}

/// Removes the value at a path, and says whether there was one.
pub(super) fn take_out(tree: &mut Value, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let parent = parents.iter().try_fold(tree, |value, key| value.as_object_mut()?.get_mut(key));
    parent.and_then(Value::as_object_mut).is_some_and(|entries| entries.shift_remove(last).is_some())
}
