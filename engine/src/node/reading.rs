//! Reading JSON as a type of the reader's own, with every fault at the place where it was written.
use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    age,
    json::{self, pointer},
};
use crate::{Fault, error::ENOUGH, suggest, values::Place};

/// What is read: where its parts were written, and what they are called.
pub(super) trait Reading {
    /// What a part is called: `attribute`.
    const WORD: &'static str;
    /// Whether a key that nothing reads is a slip.
    const STRICT: bool;

    /// A part as people write it.
    fn name(&self, steps: &[String]) -> String;

    /// Where a value was written, or the nearest one around it that was.
    fn place(&self, steps: &[String]) -> Option<Place>;

    /// Where a key was written, when that is known.
    fn key_place(&self, steps: &[String]) -> Option<Place>;

    /// Whether a value was decrypted: then nothing of it may be shown.
    fn is_hidden(&self, _steps: &[String]) -> bool {
        false
    }

    /// Whether a key is there by itself, so that nothing needs to read it.
    fn is_given(&self, _steps: &[String]) -> bool {
        false
    }
}

/// Reads a value; mends what is wrong at each fault by its default and goes on, to find them all.
pub(super) fn read<T: DeserializeOwned, R: Reading>(
    reading: &R,
    defaults: &Value,
    value: Value,
) -> Result<T, Vec<Fault>> {
    let mut trial = Trial { value, defaults, taken: HashMap::new(), gone: Vec::new() };
    let mut faults: Vec<Fault> = Vec::new();
    loop {
        let mut unread: Vec<Vec<String>> = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let deserializer = serde_path_to_error::Deserializer::new(&trial.value, &mut track);
        let read: Result<T, _> = serde_ignored::deserialize(deserializer, |path| unread.push(steps_of_unread(&path)));
        unread.retain(|_| R::STRICT);
        let error = match read {
            Ok(set) if unread.is_empty() && faults.is_empty() => return Ok(set),
            Ok(_) => None,
            Err(error) => Some((steps_in(&track.path(), &trial.value), error.to_string())),
        };
        for steps in unread.iter().take(ENOUGH) {
            if let Some((name, parent)) = steps.split_last() {
                let known = defaults.pointer(&pointer(parent)).and_then(Value::as_object);
                let known: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                faults.push(unknown(reading, &trial.as_written(parent), name, &known));
            }
            trial.take_key(steps);
        }
        let Some((steps, message)) = error else {
            return Err(faults);
        };
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let mended = match quoted.split_first() {
            Some((name, known)) if message.starts_with("unknown field") => {
                // serde stops at the key, so the path may already end in it.
                let parent = match steps.split_last() {
                    Some((last, parent)) if last == name && !has(&trial.value, &steps, name) => parent,
                    Some(_) | None => &steps,
                };
                let whole = [parent, &[(*name).to_owned()]].concat();
                if !reading.is_given(&whole) {
                    faults.push(unknown(reading, &trial.as_written(parent), name, known));
                }
                trial.take_key(&whole)
            }
            // It is missing because it was taken out: that has been told.
            Some((name, _)) if message.starts_with("missing field") && trial.was_taken(&steps, name) => {
                return Err(faults);
            }
            Some(_) | None => {
                let found = trial.value.pointer(&pointer(&steps)).unwrap_or(&Value::Null);
                let fault = wrong(reading, &trial, &steps, &message, &quoted, found);
                let new = !faults.contains(&fault);
                faults.extend(new.then_some(fault));
                new && trial.mend(&steps)
            }
        };
        if !mended || faults.len() >= ENOUGH {
            return Err(faults);
        }
    }
}

/// A fault for a value that serde refused with this message.
fn wrong<R: Reading>(
    reading: &R,
    trial: &Trial<'_>,
    steps: &[String],
    message: &str,
    quoted: &[&str],
    found: &Value,
) -> Fault {
    let steps = &trial.as_written(steps);
    let name = reading.name(steps);
    let fault = if message.starts_with("missing field") {
        let field = quoted.first().copied().unwrap_or_default();
        Fault::new(format!("`{}` is missing", reading.name(&[steps, &[field.to_owned()][..]].concat())))
    } else if let (true, Some((word, known))) = (message.starts_with("unknown variant"), quoted.split_first()) {
        let hidden = reading.is_hidden(steps);
        let fault = Fault::new(if hidden {
            format!("`{name}` is none of the words that are known")
        } else {
            format!("`{name}`: `{word}` is not known")
        });
        fault.hint(suggest::hint(if hidden { "" } else { word }, known.iter().copied()))
    } else if let (true, Some((_, expected))) = (message.starts_with("invalid "), message.rsplit_once(", expected ")) {
        if age::is_sealed(found) {
            let fault = Fault::new(format!("`{name}` is encrypted with age, and what reads it is no `Secret`"));
            fault.hint("declare the field as `Secret`; of a single value, `r.secret(...)`")
        } else {
            // Text is not shown: where it stands in place of something else it may be a secret.
            let found_word = if reading.is_hidden(steps) { json::kind(found).to_owned() } else { got(found) };
            let fault = Fault::new(format!("`{name}`: expected {}, got {found_word}", in_words(expected)));
            let has_default = found.is_null() && !trial.defaults.is_null();
            if has_default { fault.hint("leave the key out to keep the cookbook's default") } else { fault }
        }
    } else if reading.is_hidden(steps) {
        // What a type says of text often repeats it.
        Fault::new(format!("`{name}` was decrypted, and is not what the recipe reads it as"))
    } else {
        Fault::new(format!("`{name}`: {message}"))
    };
    placed(reading, fault, steps)
}

fn unknown<R: Reading>(reading: &R, parent: &[String], name: &str, known: &[&str]) -> Fault {
    let steps = [parent, &[name.to_owned()]].concat();
    // A name below what was decrypted was decrypted too.
    let fault = if reading.is_hidden(parent) {
        Fault::new(format!("`{}` has a key that is not known", reading.name(parent)))
    } else {
        Fault::new(format!("unknown {} `{}`", R::WORD, reading.name(&steps)))
    };
    let hint = |name| suggest::hint(name, known.iter().copied());
    let fault = match (known.is_empty(), reading.is_hidden(parent)) {
        (true, _) => fault,
        (false, true) => fault.hint(hint("")),
        (false, false) => fault.hint(hint(name)),
    };
    match reading.key_place(&steps) {
        Some(place) => fault.at(place),
        None => placed(reading, fault, &steps),
    }
}

fn placed<R: Reading>(reading: &R, fault: Fault, steps: &[String]) -> Fault {
    match reading.place(steps) {
        Some(place) => fault.at(place),
        None => fault,
    }
}

/// What `Secret` serializes as: such a default must not be read back as if it were text.
const HIDDEN: &str = "(secret)";

/// A default without what is hidden in it; `None` when nothing of it can be shown. What is left out, serde's own default
/// puts back.
pub(super) fn without_hidden(default: &Value) -> Option<Value> {
    match default {
        Value::String(text) if text == HIDDEN => None,
        Value::Object(entries) => {
            let shown = entries.iter().filter_map(|(key, value)| Some((key.clone(), without_hidden(value)?)));
            Some(Value::Object(shown.collect()))
        }
        Value::Array(items) => items.iter().map(without_hidden).collect::<Option<Vec<_>>>().map(Value::Array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(default.clone()),
    }
}

/// Attributes on their way into a type, with what was found wrong taken out again.
struct Trial<'d> {
    value: Value,
    defaults: &'d Value,
    /// Elements taken out of lists: the steps to the list, and the elements' places in it as written.
    taken: HashMap<Vec<String>, Vec<usize>>,
    /// Keys that were taken out because there is no default for them.
    gone: Vec<Vec<String>>,
}

impl Trial<'_> {
    /// Takes the innermost list element that holds the wrong value out, or puts the innermost default in place of it. Says
    /// whether there was anything to do.
    fn mend(&mut self, steps: &[String]) -> bool {
        for length in (0..=steps.len()).rev() {
            let (inner, at) = (&steps[..length], pointer(&steps[..length]));
            if self.take_element(inner) {
                return true;
            }
            let Some(default) = self.defaults.pointer(&at).filter(|_| !self.defaults.is_null()) else { continue };
            return match (without_hidden(default), self.value.pointer_mut(&at)) {
                (Some(default), Some(slot)) => {
                    *slot = default;
                    true
                }
                (None, Some(_)) => self.take_key(inner),
                (Some(_) | None, None) => false,
            };
        }
        let taken = self.take_key(steps);
        self.gone.extend(taken.then(|| steps.to_vec()));
        taken
    }

    fn was_taken(&self, parent: &[String], name: &str) -> bool {
        self.gone.iter().any(|steps| steps.split_last().is_some_and(|(last, of)| last == name && of == parent))
    }

    fn take_key(&mut self, steps: &[String]) -> bool {
        let Some((name, parent)) = steps.split_last() else { return false };
        let entries = self.value.pointer_mut(&pointer(parent)).and_then(Value::as_object_mut);
        entries.is_some_and(|entries| entries.shift_remove(name).is_some())
    }

    fn take_element(&mut self, steps: &[String]) -> bool {
        let Some((index, parent)) = steps.split_last() else { return false };
        let (as_written, list) = (self.as_written(steps), self.as_written(parent));
        let items = self.value.pointer_mut(&pointer(parent)).and_then(Value::as_array_mut);
        let (Some(items), Ok(index), Some(Ok(original))) =
            (items, index.parse::<usize>(), as_written.last().map(|index| index.parse()))
        else {
            return false;
        };
        if index >= items.len() {
            return false;
        }
        items.remove(index);
        let taken = self.taken.entry(list).or_default();
        taken.push(original);
        taken.sort_unstable();
        true
    }

    /// Steps to a value as they were before elements were taken out.
    fn as_written(&self, steps: &[String]) -> Vec<String> {
        let mut original: Vec<String> = Vec::new();
        for step in steps {
            let step = match (self.taken.get(&original), step.parse::<usize>()) {
                (Some(taken), Ok(index)) => {
                    taken.iter().fold(index, |at, gone| at + usize::from(*gone <= at)).to_string()
                }
                (Some(_) | None, _) => step.clone(),
            };
            original.push(step);
        }
        original
    }
}

fn has(value: &Value, steps: &[String], key: &str) -> bool {
    value.pointer(&pointer(steps)).and_then(Value::as_object).is_some_and(|entries| entries.contains_key(key))
}

/// As people write it: `gems[0].name`.
pub(super) fn written(root: &str, steps: &[String]) -> String {
    let mut text = root.to_owned();
    for step in steps {
        if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) {
            text += &format!("[{step}]");
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text += step;
        }
    }
    text
}

pub(super) fn got(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("the number `{number}`"),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            json::kind(value).to_owned()
        }
    }
}

/// What serde expected, in words for people who write JSON.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        "string only" | "a borrowed string" => "a string",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn steps_of_unread(path: &serde_ignored::Path) -> Vec<String> {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut steps = steps_of_unread(parent);
    steps.extend(step);
    steps
}

/// The steps of a path that lead somewhere in `value`: a variant's name is a key only where it is written as one.
fn steps_in(path: &serde_path_to_error::Path, value: &Value) -> Vec<String> {
    use serde_path_to_error::Segment;
    let mut steps = Vec::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => steps.push(index.to_string()),
            Segment::Map { key } => steps.push(key.clone()),
            Segment::Enum { variant } if has(value, &steps, variant) => steps.push(variant.clone()),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    steps
}
