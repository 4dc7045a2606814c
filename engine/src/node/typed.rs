//! Reading a part of a node's attributes as a cookbook's own type.
use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    attributes::{Attributes, pointer},
    json,
    source::position,
};
use crate::{Fault, suggest};

/// A cookbook's typed attributes: a struct whose `Default` holds the cookbook's defaults.
///
/// Give the struct, and every struct in it, `#[serde(default, deny_unknown_fields)]`: then a slip in a key is found, and a
/// field that holds a [`Secret`](crate::values::Secret) can be left out. What is not given keeps the value it has in
/// `Default`, also inside nested structs.
pub trait AttributeSet: Default + Serialize + DeserializeOwned {
    /// The key in dna.json that holds them; dots lead into objects: `gems`, `bind.dynamic_dns`.
    const KEY: &'static str;
}

impl Attributes {
    /// The attributes of a cookbook: an object under its key is merged over the defaults, anything else replaces them.
    ///
    /// # Errors
    /// Every key the cookbook does not have and every value of another type, each at its place.
    pub fn read<A: AttributeSet>(&self) -> Result<A, Vec<Fault>> {
        let steps: Vec<String> = A::KEY.split('.').map(str::to_owned).collect();
        for length in 1..steps.len() {
            match self.at(&steps[..length]) {
                None => return Ok(A::default()),
                Some(Value::Object(_)) => {}
                Some(other) => {
                    let name = steps[..length].join(".");
                    let fault = Fault::new(format!("`{name}`: expected an object, got {}", got(&other)));
                    return Err(vec![self.placed(fault, &steps[..length])]);
                }
            }
        }
        if self.at(&steps).is_none() {
            return Ok(A::default());
        }
        let defaults = serde_json::to_value(A::default())
            .map_err(|error| vec![Fault::new(format!("the defaults of `{}` are no JSON: {error}", A::KEY))])?;
        // The type's own defaults are the lowest of all: what hides a value of them hides it as a whole.
        let given = self.over(&steps, &without_hidden(&defaults).unwrap_or(Value::Null)).unwrap_or(Value::Null);
        self.deserialize(&steps, &defaults, given).map_err(|mut faults: Vec<Fault>| {
            faults.sort_by_key(|fault| position(fault.place.as_ref()));
            faults
        })
    }

    /// Deserializes; mends what is wrong at each fault and goes on, to find them all.
    fn deserialize<A: AttributeSet>(&self, key: &[String], defaults: &Value, value: Value) -> Result<A, Vec<Fault>> {
        let mut trial = Trial { value, defaults, taken: HashMap::new() };
        let mut faults: Vec<Fault> = Vec::new();
        loop {
            let mut unread: Vec<Vec<String>> = Vec::new();
            let mut track = serde_path_to_error::Track::new();
            let deserializer = serde_path_to_error::Deserializer::new(&trial.value, &mut track);
            let read: Result<A, _> =
                serde_ignored::deserialize(deserializer, |path| unread.push(steps_of_unread(&path)));
            let error = match read {
                Ok(set) if unread.is_empty() && faults.is_empty() => return Ok(set),
                Ok(_) => None,
                Err(error) => Some((steps_in(&track.path(), &trial.value), error.to_string())),
            };
            for steps in &unread {
                if let Some((name, parent)) = steps.split_last() {
                    let known = defaults.pointer(&pointer(parent)).and_then(Value::as_object);
                    let known: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                    faults.push(self.unknown(key, &trial.as_written(parent), name, &known));
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
                    faults.push(self.unknown(key, &trial.as_written(parent), name, known));
                    trial.take_key(&[parent, &[(*name).to_owned()]].concat())
                }
                Some(_) | None => {
                    let found = trial.value.pointer(&pointer(&steps)).unwrap_or(&Value::Null);
                    let fault = self.wrong(key, &trial.as_written(&steps), &message, &quoted, found);
                    let new = !faults.contains(&fault);
                    faults.extend(new.then_some(fault));
                    new && trial.mend(&steps)
                }
            };
            if !mended {
                return Err(faults);
            }
        }
    }

    /// A fault for a value that serde refused with this message.
    fn wrong(&self, key: &[String], steps: &[String], message: &str, quoted: &[&str], found: &Value) -> Fault {
        let name = written(key, steps);
        let fault = if message.starts_with("missing field") {
            let field = quoted.first().copied().unwrap_or_default();
            Fault::new(format!("`{name}.{field}` is missing"))
        } else if let (true, Some((word, known))) = (message.starts_with("unknown variant"), quoted.split_first()) {
            Fault::new(format!("`{name}`: `{word}` is not known")).hint(suggest::hint(word, known.iter().copied()))
        } else if let (true, Some((_, expected))) =
            (message.starts_with("invalid "), message.rsplit_once(", expected "))
        {
            // Text is not shown: where it stands in place of something else it may be a secret.
            let fault = Fault::new(format!("`{name}`: expected {}, got {}", in_words(expected), got(found)));
            if found.is_null() { fault.hint("leave the key out to keep the cookbook's default") } else { fault }
        } else {
            Fault::new(format!("`{name}`: {message}"))
        };
        self.placed(fault, &[key, steps].concat())
    }

    fn unknown(&self, key: &[String], parent: &[String], name: &str, known: &[&str]) -> Fault {
        let steps = [key, parent, &[name.to_owned()]].concat();
        let fault = Fault::new(format!("unknown attribute `{}`", written(key, &steps[key.len()..])));
        let fault = if known.is_empty() { fault } else { fault.hint(suggest::hint(name, known.iter().copied())) };
        match self.key_place(&steps) {
            Some(place) => fault.at(place),
            None => self.placed(fault, &steps),
        }
    }

    fn placed(&self, fault: Fault, steps: &[String]) -> Fault {
        match self.place(steps) {
            Some(place) => fault.at(place),
            None => fault,
        }
    }
}

/// What `Secret` serializes as: such a default must not be read back as if it were text.
const HIDDEN: &str = "(secret)";

/// A default without what is hidden in it; `None` when nothing of it can be shown. What is left out, serde's own default
/// puts back.
fn without_hidden(default: &Value) -> Option<Value> {
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
            let Some(default) = self.defaults.pointer(&at) else { continue };
            return match (without_hidden(default), self.value.pointer_mut(&at)) {
                (Some(default), Some(slot)) => {
                    *slot = default;
                    true
                }
                (None, Some(_)) => self.take_key(inner),
                (Some(_) | None, None) => false,
            };
        }
        false
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
fn written(key: &[String], steps: &[String]) -> String {
    let mut text = key.join(".");
    for step in steps {
        if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) {
            text += &format!("[{step}]");
        } else {
            text += &format!(".{step}");
        }
    }
    text
}

fn got(value: &Value) -> String {
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::{AttributeSet, Attributes};
    use crate::{
        Fault,
        node::{Dna, json::Document},
        values::{Mode, Secret},
    };

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct DynamicDns {
        server: Option<String>,
        ttl: u32,
        secret: Secret,
        mode: Mode,
        retry: Retry,
        records: BTreeMap<String, String>,
        kind: KeyKind,
        hosts: Vec<Host>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Retry {
        times: u8,
        wait: f64,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Host {
        name: String,
        port: u16,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum KeyKind {
        HmacSha256,
        HmacSha512,
    }

    impl Default for Retry {
        fn default() -> Self {
            Self { times: 1, wait: 0.5 }
        }
    }

    impl Default for DynamicDns {
        fn default() -> Self {
            Self {
                server: None,
                ttl: 300,
                secret: Secret::from("preset"),
                mode: Mode::from(0o600),
                retry: Retry { times: 3, wait: 2.0 },
                records: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
                kind: KeyKind::HmacSha256,
                hosts: Vec::new(),
            }
        }
    }

    impl AttributeSet for DynamicDns {
        const KEY: &'static str = "bind.dynamic_dns";
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Gems(Vec<Gem>);

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Gem {
        name: String,
        #[serde(default)]
        version: Option<String>,
    }

    impl AttributeSet for Gems {
        const KEY: &'static str = "gems";
    }

    fn read<A: AttributeSet>(text: &str) -> Result<A, Vec<Fault>> {
        let document = Document::parse(Path::new("dna.json"), text.into()).expect("well-formed");
        Attributes::from(&Dna::new(document).expect("a dna.json")).read()
    }

    fn faults<A: AttributeSet + std::fmt::Debug>(text: &str) -> String {
        let faults = read::<A>(text).expect_err("a fault was expected");
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_not_given_keeps_its_default_also_inside_and_also_when_secret() {
        let dns: DynamicDns =
            read(r#"{"bind": {"dynamic_dns": {"ttl": 60, "retry": {"wait": 1}, "records": {"b": "2"}}}}"#).unwrap();
        let records = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        let expected = DynamicDns { ttl: 60, retry: Retry { times: 3, wait: 1.0 }, records, ..DynamicDns::default() };
        assert_eq!(dns, expected);
        assert_eq!(dns.secret.expose(), "preset");
        for nothing in ["{}", r#"{"bind": {}}"#, r#"{"bind": {"dynamic_dns": {}}}"#] {
            assert_eq!(read::<DynamicDns>(nothing).unwrap(), DynamicDns::default(), "{nothing}");
        }
    }

    #[test]
    fn lists_replace_and_secrets_arrive() {
        let gems: Gems = read(r#"{"gems": [{"name": "rake"}, {"name": "rack", "version": "3"}]}"#).unwrap();
        let gem = |name: &str, version: Option<&str>| Gem { name: name.into(), version: version.map(Into::into) };
        assert_eq!(gems, Gems(vec![gem("rake", None), gem("rack", Some("3"))]));
        let tree = json!({"bind": {"dynamic_dns": {"secret": "canary", "kind": "hmac_sha512"}}});
        let dns: DynamicDns = Attributes::from(tree).read().unwrap();
        assert_eq!((dns.secret.expose(), dns.kind), ("canary", KeyKind::HmacSha512));
    }

    #[test]
    fn all_faults_are_found_each_at_its_place() {
        let text = r#"{"bind": {"dynamic_dns": {
            "tll": 5,
            "ttl": "canary",
            "server": 5,
            "secret": ["canary"],
            "mode": "99999",
            "retry": {"tims": 4, "times": 256},
            "records": {"x": null},
            "kind": "hmac_sha256x",
            "hosts": [{"name": "a", "port": -1}, {"name": "b"}, {"nmae": "c"}, 7, {"port": true}],
            "completely_else": true
        }}}"#;
        let found = faults::<DynamicDns>(text);
        assert!(!found.contains("canary"), "{found}");
        insta::assert_snapshot!(found, @"
        dna.json:2:13: unknown attribute `bind.dynamic_dns.tll`
        hint: did you mean `ttl`?
        dna.json:3:20: `bind.dynamic_dns.ttl`: expected a whole number, 0 or more, got a string
        dna.json:4:23: `bind.dynamic_dns.server`: expected a string, got the number `5`
        dna.json:5:23: `bind.dynamic_dns.secret`: expected a string, got a list
        dna.json:6:21: `bind.dynamic_dns.mode`: `99999` is no file mode: octal digits from `0` to `7777` are
        dna.json:7:23: unknown attribute `bind.dynamic_dns.retry.tims`
        hint: did you mean `times`?
        dna.json:7:43: `bind.dynamic_dns.retry.times`: expected a whole number from 0 to 255, got the number `256`
        dna.json:8:30: `bind.dynamic_dns.records.x`: expected a string, got null
        hint: leave the key out to keep the cookbook's default
        dna.json:9:21: `bind.dynamic_dns.kind`: `hmac_sha256x` is not known
        hint: did you mean `hmac_sha256`?
        dna.json:10:45: `bind.dynamic_dns.hosts[0].port`: expected a whole number from 0 to 65535, got the number `-1`
        dna.json:10:66: unknown attribute `bind.dynamic_dns.hosts[2].nmae`
        hint: did you mean `name`?
        dna.json:10:80: `bind.dynamic_dns.hosts[3]`: expected an object, got the number `7`
        dna.json:10:92: `bind.dynamic_dns.hosts[4].port`: expected a whole number from 0 to 65535, got true
        dna.json:11:13: unknown attribute `bind.dynamic_dns.completely_else`
        hint: known are `server`, `ttl`, `secret`, `mode`, `retry`, `records`, `kind`, `hosts`
        ");
    }

    #[test]
    fn faults_of_lists_and_of_the_way_there() {
        insta::assert_snapshot!(faults::<Gems>(r#"{"gems": {"name": "rake"}}"#), @"dna.json:1:10: `gems`: expected a list, got an object");
        insta::assert_snapshot!(faults::<Gems>(r#"{"gems": [{"nam": "rake"}, {"name": "a", "version": 1.0}, "rack"]}"#), @"
        dna.json:1:11: `gems[0].name` is missing
        dna.json:1:12: unknown attribute `gems[0].nam`
        hint: did you mean `name`?
        dna.json:1:53: `gems[1].version`: expected a string, got the number `1.0`
        dna.json:1:59: `gems[2]`: expected an object, got a string
        ");
        insta::assert_snapshot!(faults::<DynamicDns>(r#"{"bind": {"dynamic_dns": null}}"#), @"
        dna.json:1:26: `bind.dynamic_dns`: expected an object, got null
        hint: leave the key out to keep the cookbook's default
        ");
        insta::assert_snapshot!(faults::<DynamicDns>(r#"{"bind": 5}"#), @"dna.json:1:10: `bind`: expected an object, got the number `5`");
        let nowhere = Attributes::from(json!({"gems": 1})).read::<Gems>().unwrap_err();
        assert_eq!(nowhere[0].to_string(), "`gems`: expected a list, got the number `1`");
    }
}
