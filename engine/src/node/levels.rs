//! Attributes by level, and what they are together. Source: chef-solo 18, as it was seen to behave.
use serde_json::{Map, Value};

use super::json;
use crate::{Fault, values::Place};

/// Levels that cookbooks write, low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Chef's `default`.
    Default,
    /// Chef's `force_default`: counts more than what roles and environments default to.
    ForceDefault,
    /// Chef's `normal`, which holds dna.json too.
    Normal,
    /// Chef's `override`.
    Override,
    /// Chef's `force_override`: counts more than what roles and environments override.
    ForceOverride,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOp {
    /// Sets the value; what lies on the way to it must be objects.
    Set,
    /// Sets it if its level has none, or `null`.
    Unless,
    /// Appends to a list.
    Push,
    /// Chef's `default!`: sets it whatever lies on the way; at a forced level what lower ones of its group say goes.
    Replace,
    /// Chef's `write`: sets it whatever lies on the way.
    Write,
    /// Chef's `rm`: takes it out of every level.
    Remove,
    /// Chef's `rm_default` and the like: takes it out of its level and those of its group.
    RemoveLevel,
    /// Takes it out of its level alone.
    DeleteKey,
}

/// A write of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeWrite {
    /// To which level.
    pub level: Level,
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// What it does.
    pub op: WriteOp,
    /// The value; nothing to those that take away.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
}

/// A tree for each level, low to high.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels {
    trees: [Map<String, Value>; 5],
    /// Whether there is more than what dna.json said.
    pub written: bool,
}

impl Levels {
    /// With this at the normal level.
    pub fn new(normal: &Value) -> Self {
        let mut levels = Self::default();
        levels.trees[Level::Normal as usize] = normal.as_object().cloned().unwrap_or_default();
        levels
    }

    /// All of them together.
    pub fn merged(&self) -> Value {
        let [default, force_default, normal, over, force_over] = &self.trees;
        let tree = |tree: &Map<String, Value>| Value::Object(tree.clone());
        let united = |low: &Map<String, Value>, high: &Map<String, Value>| merge(tree(low), high, true);
        let all = merge_value(united(default, force_default), &tree(normal), false);
        merge_value(all, &united(over, force_over), false)
    }

    /// Carries a write out.
    ///
    /// # Errors
    /// When something on the way is no object, or what is appended to is no list.
    pub fn write(&mut self, write: &AttributeWrite) -> Result<(), Fault> {
        self.written = true;
        let AttributeWrite { level, path, op, value, place } = write;
        let Some((last, parents)) = path.split_last() else {
            return Err(Fault::new("an attribute is written that has no name").at(place.clone()));
        };
        let tree = &mut self.trees[*level as usize];
        match op {
            WriteOp::Set => {
                reach(tree, parents, false)
                    .map_err(|fault| fault.at(place.clone()))?
                    .insert(last.clone(), value.clone());
            }
            WriteOp::Unless => {
                let parent = reach(tree, parents, false).map_err(|fault| fault.at(place.clone()))?;
                if parent.get(last).is_none_or(Value::is_null) {
                    parent.insert(last.clone(), value.clone());
                }
            }
            WriteOp::Push => {
                let parent = reach(tree, parents, false).map_err(|fault| fault.at(place.clone()))?;
                match parent.entry(last.clone()).or_insert_with(|| Value::Array(Vec::new())) {
                    Value::Array(items) => items.push(value.clone()),
                    other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                        let message = format!("`{}` is {}, not a list to append to", path.join("."), json::kind(other));
                        return Err(Fault::new(message).at(place.clone()));
                    }
                }
            }
            WriteOp::Replace | WriteOp::Write => {
                if *op == WriteOp::Replace && matches!(level, Level::ForceDefault | Level::ForceOverride) {
                    self.remove(*level, path);
                }
                let tree = &mut self.trees[*level as usize];
                reach(tree, parents, true)
                    .map_err(|fault| fault.at(place.clone()))?
                    .insert(last.clone(), value.clone());
            }
            WriteOp::Remove => self.trees.iter_mut().for_each(|tree| delete(tree, parents, last)),
            WriteOp::RemoveLevel => self.remove(*level, path),
            WriteOp::DeleteKey => delete(tree, parents, last),
        }
        Ok(())
    }

    /// Takes a path out of every level of a group.
    fn remove(&mut self, level: Level, path: &[String]) {
        let group = match level {
            Level::Default | Level::ForceDefault => 0..2,
            Level::Normal => 2..3,
            Level::Override | Level::ForceOverride => 3..5,
        };
        if let Some((last, parents)) = path.split_last() {
            self.trees[group].iter_mut().for_each(|tree| delete(tree, parents, last));
        }
    }
}

/// The object that these keys lead to; it is made where it is not there. What is no object is replaced only if `clear`.
fn reach<'t>(
    tree: &'t mut Map<String, Value>,
    keys: &[String],
    clear: bool,
) -> Result<&'t mut Map<String, Value>, Fault> {
    let mut at = tree;
    for (depth, key) in keys.iter().enumerate() {
        let value = at.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        if clear && !value.is_object() {
            *value = Value::Object(Map::new());
        }
        match value {
            Value::Object(object) => at = object,
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                let message =
                    format!("`{}` is {} at this level, not an object", keys[..=depth].join("."), json::kind(other));
                return Err(Fault::new(message).hint("write with `op: replace` to put an object in its place"));
            }
        }
    }
    Ok(at)
}

fn delete(tree: &mut Map<String, Value>, parents: &[String], last: &str) {
    let mut at = Some(tree);
    for key in parents {
        at = at.and_then(|object| object.get_mut(key)).and_then(Value::as_object_mut);
    }
    if let Some(object) = at {
        object.shift_remove(last);
    }
}

/// Objects are merged; lists are united within a group of levels and replaced between groups; of all else the higher counts.
fn merge_value(low: Value, high: &Value, unite: bool) -> Value {
    match (low, high) {
        (low @ Value::Object(_), Value::Object(high)) => merge(low, high, unite),
        (Value::Array(low), Value::Array(high)) if unite => {
            let mut all: Vec<Value> = Vec::with_capacity(low.len() + high.len());
            for item in low.into_iter().chain(high.iter().cloned()) {
                if !all.contains(&item) {
                    all.push(item);
                }
            }
            Value::Array(all)
        }
        (_, high) => high.clone(),
    }
}

fn merge(low: Value, high: &Map<String, Value>, unite: bool) -> Value {
    let Value::Object(mut all) = low else { return Value::Object(high.clone()) };
    for (key, value) in high {
        match all.get_mut(key) {
            Some(slot) => *slot = merge_value(slot.take(), value, unite),
            None => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::{AttributeWrite, Level, Levels, WriteOp};
    use crate::values::Place;

    fn write(levels: &mut Levels, level: Level, path: &str, op: WriteOp, value: Value) -> Result<(), String> {
        let place = Place::File { path: Path::new("a.yml").into(), line: 1, column: 1 };
        let path = path.split('.').map(str::to_owned).collect();
        levels.write(&AttributeWrite { level, path, op, value, place }).map_err(|fault| fault.to_string())
    }

    #[test]
    fn lists_are_united_within_a_group_and_replaced_between_groups() {
        let mut levels = Levels::new(&json!({"b": [9], "h": {"x": 1}}));
        for (level, path, value) in [
            (Level::Default, "a", json!([1, 2, 2])),
            (Level::Default, "b", json!([1])),
            (Level::Default, "h.y", json!(2)),
            (Level::Default, "n", json!(1)),
            (Level::ForceDefault, "a", json!([2, 1.0, 3])),
            (Level::ForceDefault, "n", json!(null)),
            (Level::Override, "h.y", json!({"z": 1})),
            (Level::ForceOverride, "h.y", json!({"w": 2})),
            (Level::Default, "alone", json!([1, 1])),
        ] {
            write(&mut levels, level, path, WriteOp::Set, value).unwrap();
        }
        let wanted = json!({
            "a": [1, 2, 1.0, 3], "b": [9], "h": {"x": 1, "y": {"z": 1, "w": 2}}, "n": null, "alone": [1, 1],
        });
        assert_eq!(levels.merged(), wanted);
    }

    #[test]
    fn writes_do_what_their_words_say() {
        let mut levels = Levels::new(&json!({"dna": 1}));
        let mut on = |level, path: &str, op, value| write(&mut levels, level, path, op, value);
        on(Level::Default, "a.b", WriteOp::Set, json!(1)).unwrap();
        on(Level::Default, "a.b", WriteOp::Unless, json!(2)).unwrap();
        on(Level::Default, "a.c", WriteOp::Unless, json!(3)).unwrap();
        on(Level::Default, "list", WriteOp::Push, json!(1)).unwrap();
        on(Level::Default, "list", WriteOp::Push, json!(2)).unwrap();
        assert_eq!(
            on(Level::Default, "a.b.c", WriteOp::Set, json!(1)).unwrap_err(),
            "a.yml:1:1: `a.b` is a number at this level, not an object\n\
             hint: write with `op: replace` to put an object in its place"
        );
        assert_eq!(
            on(Level::Default, "a.b", WriteOp::Push, json!(1)).unwrap_err(),
            "a.yml:1:1: `a.b` is a number, not a list to append to"
        );
        on(Level::Default, "a.b.c", WriteOp::Replace, json!(4)).unwrap();
        on(Level::Default, "gone", WriteOp::Set, json!({"x": 1, "y": 2})).unwrap();
        on(Level::ForceDefault, "gone", WriteOp::Replace, json!({"z": 3})).unwrap();
        on(Level::Override, "over", WriteOp::Set, json!(1)).unwrap();
        on(Level::Override, "dna", WriteOp::Set, json!(2)).unwrap();
        on(Level::Override, "dna", WriteOp::RemoveLevel, json!(null)).unwrap();
        on(Level::Default, "over", WriteOp::Remove, json!(null)).unwrap();
        on(Level::Default, "a.c", WriteOp::DeleteKey, json!(null)).unwrap();
        on(Level::Default, "no.such", WriteOp::DeleteKey, json!(null)).unwrap();
        assert_eq!(levels.merged(), json!({"a": {"b": {"c": 4}}, "list": [1, 2], "gone": {"z": 3}, "dna": 1}));
    }
}
