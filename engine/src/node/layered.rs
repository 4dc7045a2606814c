//! Who said what of an attribute, at which layer, and what became of it.
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Attributes,
    attributes::{Said, Source, below},
    dna,
    levels::{LAYERS, Layer, WriteOp},
    merge::{self, Seen},
};
use crate::values::Place;

/// What one layer says of an attribute, for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Layered {
    /// The layer.
    pub layer: &'static str,
    /// What is said, where a value is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The attribute around it that the value is of, where that is no object: there can be nothing below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<String>,
    /// Where it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Who said it: a role, an environment, dna.json, or what a write did.
    pub by: String,
    /// What became of it where it does not stand: that it had no effect, or by what it was removed or replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Whether it is this that decides the value.
    pub decides: bool,
    /// Why it is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a source did to a path at a layer.
enum Act {
    /// Says a value of it, or of what it is in.
    Says { value: Value, around: Option<usize> },
    /// Sets what it is in to something without it.
    Empties,
    /// Removes it, or something in it.
    Removes,
    /// Does nothing, for a reason.
    Fails(&'static str),
}

/// A line, and whom it is of.
struct Line<'s> {
    of: &'s Source,
    said: Layered,
    /// Whether it gives a value that still stands.
    stands: bool,
}

impl Attributes {
    /// Who said something of an attribute, the lowest layer first, and what became of it.
    #[must_use]
    pub fn explain(&self, path: &[String]) -> Vec<Layered> {
        let mut layers = LAYERS.into_iter().rev();
        let deciding = layers.find(|layer| merge::seen(self.tower.layer(*layer), path) != Seen::Nothing);
        LAYERS.into_iter().flat_map(|layer| self.said(layer, path, deciding == Some(layer))).collect()
    }

    fn said(&self, layer: Layer, path: &[String], deciding: bool) -> Vec<Layered> {
        let mut lines: Vec<Line> = Vec::new();
        for of in &self.sources {
            let Some(act) = of.act(layer, path) else { continue };
            let by = of.by(path);
            let mut said = Layered { layer: layer.name(), by, place: of.place_for(path), ..Layered::default() };
            let ended = match act {
                Act::Says { .. } | Act::Fails(_) => of.end(&mut lines, path, "replaced"),
                Act::Empties | Act::Removes => of.end(&mut lines, path, "removed"),
            };
            let idle = of.is_idle();
            let stands = !idle && matches!(act, Act::Says { .. });
            if idle {
                said.outcome = Some("no effect: the level has a value already".to_owned());
            }
            match act {
                Act::Says { value, around } => {
                    said.value = Some(value);
                    said.around = around.map(|depth| dotted(&path[..depth]));
                }
                // It is about the path only if it took something of it away.
                Act::Empties if !ended => continue,
                Act::Removes if !ended && of.is_around(path) => continue,
                Act::Empties | Act::Removes => {}
                Act::Fails(why) => said.outcome = Some(format!("no effect: {why}")),
            }
            lines.push(Line { of, said, stands });
        }
        let seen = merge::seen(self.tower.layer(layer), path);
        let last = lines.iter().rposition(|line| line.stands);
        let mut all: Vec<Layered> = lines.into_iter().map(|line| line.said).collect();
        let (value, around) = match seen {
            Seen::Nothing => return all,
            Seen::Value(value) => (value, None),
            Seen::Cut(depth, value) => (value, Some(dotted(&path[..depth]))),
        };
        let decider = last.unwrap_or_else(|| {
            let by = match layer {
                Layer::Automatic => "the machine",
                _ if all.is_empty() => "this run",
                _ => "what is left",
            };
            let (value, around) = (Some(value.clone()), around.clone());
            all.push(Layered { layer: layer.name(), value, around, by: by.to_owned(), ..Layered::default() });
            all.len() - 1
        });
        if deciding {
            all[decider].decides = true;
            all[decider].why = Some(match (around, value) {
                (None, Value::Object(_)) => "the highest layer that has a value: its keys count most".to_owned(),
                (None, _) => "the highest layer that has a value".to_owned(),
                (Some(name), Value::Array(_)) => format!("the highest layer that has a value for `{name}`"),
                (Some(name), value) => {
                    format!("`{name}` is {} here, which hides what lower layers say below it", super::json::kind(value))
                }
            });
        }
        all
    }
}

impl Source {
    fn act(&self, layer: Layer, path: &[String]) -> Option<Act> {
        let says = |value: &Value, around| Act::Says { value: value.clone(), around };
        match &self.said {
            Said::Document(document, root) => {
                let of_dna = root.is_empty() && path.first().is_some_and(|key| dna::TAKEN_OUT.contains(&key.as_str()));
                if self.layer != layer || of_dna {
                    return None;
                }
                match merge::seen(document.at(&below(root, &[]))?.value(), path) {
                    Seen::Value(value) => Some(says(value, None)),
                    Seen::Cut(depth, value) => Some(says(value, Some(depth))),
                    Seen::Nothing => None,
                }
            }
            Said::Write { path: written, op, value, effect, .. } => {
                let removes = effect.removed.contains(&layer);
                if !path.starts_with(written) && !written.starts_with(path) {
                    return None;
                }
                if self.layer != layer {
                    return removes.then_some(Act::Removes);
                }
                Some(match op {
                    WriteOp::Remove | WriteOp::RemoveLevel if removes => Act::Removes,
                    WriteOp::Remove | WriteOp::RemoveLevel if effect.removed.is_empty() => {
                        Act::Fails("there is nothing to remove")
                    }
                    WriteOp::Remove | WriteOp::RemoveLevel => return None,
                    WriteOp::DeleteKey if removes => Act::Removes,
                    WriteOp::DeleteKey => match written[..written.len() - 1].strip_prefix(path) {
                        Some(rest) if effect.written => says(&nested(rest, json!({})), None),
                        Some(_) | None => Act::Fails("there is nothing to delete"),
                    },
                    WriteOp::Set | WriteOp::Unless | WriteOp::Push | WriteOp::Replace | WriteOp::Write => {
                        match path.strip_prefix(written.as_slice()) {
                            None => says(&nested(&written[path.len()..], value.clone()), None),
                            Some(rest) if *op == WriteOp::Push && !rest.is_empty() => says(value, Some(written.len())),
                            Some(rest) => match merge::seen(value, rest) {
                                Seen::Value(value) => says(value, None),
                                Seen::Cut(depth, value) => says(value, Some(written.len() + depth)),
                                Seen::Nothing => Act::Empties,
                            },
                        }
                    }
                })
            }
        }
    }

    /// Tells lines what this put an end to, and says whether there was any.
    fn end(&self, lines: &mut [Line], path: &[String], how: &str) -> bool {
        let Said::Write { path: written, op, place, effect, .. } = &self.said else { return false };
        if *op == WriteOp::Push || (!effect.written && effect.removed.is_empty()) {
            return false;
        }
        let mut any = false;
        for line in lines.iter_mut().filter(|line| line.stands) {
            let inside = matches!(&line.of.said, Said::Write { path: of, .. } if of.starts_with(written));
            // What is no object was replaced by one to write into.
            let in_the_way = how == "replaced" && line.said.value.as_ref().is_some_and(|value| !value.is_object());
            if self.is_around(path) || path == written || inside || in_the_way {
                line.stands = false;
                line.said.outcome = Some(format!("{how} at {place}"));
                any = true;
            }
        }
        any
    }

    /// Whether it would have set something if there had been nothing.
    fn is_idle(&self) -> bool {
        matches!(&self.said, Said::Write { op: WriteOp::Unless, effect, .. } if !effect.written)
    }

    /// Whether it is a write to what the path is in.
    fn is_around(&self, path: &[String]) -> bool {
        matches!(&self.said, Said::Write { path: written, .. } if path.len() > written.len() && path.starts_with(written))
    }

    /// Where it speaks of the path: where a write is, and the nearest value around it in a document.
    fn place_for(&self, path: &[String]) -> Option<Place> {
        match &self.said {
            Said::Document(..) => (0..=path.len()).rev().find_map(|length| self.place(&path[..length])),
            Said::Write { place, .. } => Some(place.clone()),
        }
    }

    fn by(&self, path: &[String]) -> String {
        match (&self.of, &self.said) {
            (Some(of), _) => of.clone(),
            (None, Said::Document(..)) => "dna.json".to_owned(),
            (None, Said::Write { op, path: written, .. }) => {
                let name = dotted(written);
                let did = match op {
                    WriteOp::Set => "set",
                    WriteOp::Unless => "set unless it is there",
                    WriteOp::Push => "appended",
                    WriteOp::Replace => "replaced",
                    WriteOp::Write => "written",
                    WriteOp::Remove => return format!("removes `{name}` from every level"),
                    WriteOp::RemoveLevel => return format!("removes `{name}` from the level and its group"),
                    WriteOp::DeleteKey => return format!("deletes the key `{name}`"),
                };
                if path == written { did.to_owned() } else { format!("`{name}` {did}") }
            }
        }
    }
}

/// A value within objects that have one key each.
fn nested(keys: &[String], value: Value) -> Value {
    keys.iter().rev().fold(value, |value, key| json!({ key: value }))
}

/// Keys as one asks for them: `at.port`, `at["dot.key"]`.
fn dotted(path: &[String]) -> String {
    let mut name = String::new();
    for key in path {
        if key.is_empty() || key.contains(['.', '[', '"', '\'']) {
            name += &format!("[{}]", Value::from(key.as_str()));
        } else {
            name += if name.is_empty() { "" } else { "." };
            name += key;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::node::{AttributeWrite, Dna, Level, json::Document};

    fn keys(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    fn attributes(dna: &str) -> Attributes {
        let document = Document::parse(Path::new("dna.json"), dna.as_bytes().to_vec()).unwrap();
        Attributes::from(&Dna::new(document, &mut Vec::new()))
    }

    /// Writes, each at a line of its own.
    fn written(dna: &str, writes: &[(Level, WriteOp, &str, Value)]) -> Attributes {
        let mut attributes = attributes(dna);
        for (line, (level, op, path, value)) in (1..).zip(writes) {
            let place = Place::File { path: Path::new("a.yml").into(), line, column: 1 };
            let write = AttributeWrite { level: *level, path: keys(path), op: *op, value: value.clone(), place };
            attributes.write(write).unwrap();
        }
        attributes
    }

    fn lines(attributes: &Attributes, path: &[String]) -> Vec<String> {
        let line = |said: Layered| {
            let around = said.around.map(|name| format!("{name} = ")).unwrap_or_default();
            let value = said.value.map_or_else(|| "-".to_owned(), |value| value.to_string());
            let place = said.place.map(|place| format!(" {place}")).unwrap_or_default();
            let outcome = said.outcome.map(|outcome| format!(", {outcome}")).unwrap_or_default();
            let why = said.why.map(|why| format!(" <- {why}")).unwrap_or_default();
            format!("{}: {around}{value} ({}{place}{outcome}){why}", said.layer, said.by)
        };
        attributes.explain(path).into_iter().map(line).collect()
    }

    use Level::{Default, ForceDefault, Normal, Override};
    use WriteOp::{DeleteKey, Push, Remove, RemoveLevel, Replace, Set, Unless, Write};

    #[test]
    fn what_was_removed_and_what_did_nothing_does_not_win() {
        let made = written(
            "{\"at\": {\"port\": 2}}",
            &[
                (Default, Set, "at.port", json!(1)),
                (Override, Set, "at.port", json!(3)),
                (Default, Remove, "at.port", json!(null)),
                (Default, Unless, "at.port", json!(7)),
                (Default, Unless, "at.port", json!(8)),
                (Override, RemoveLevel, "at.port", json!(null)),
            ],
        );
        assert_eq!(
            lines(&made, &keys("at.port")),
            [
                "default: 1 (set a.yml:1:1, removed at a.yml:3:1)",
                "default: - (removes `at.port` from every level a.yml:3:1)",
                "default: 7 (set unless it is there a.yml:4:1) <- the highest layer that has a value",
                "default: 8 (set unless it is there a.yml:5:1, no effect: the level has a value already)",
                "normal: 2 (dna.json dna.json:1:17, removed at a.yml:3:1)",
                "normal: - (removes `at.port` from every level a.yml:3:1)",
                "override: 3 (set a.yml:2:1, removed at a.yml:3:1)",
                "override: - (removes `at.port` from every level a.yml:3:1)",
                "override: - (removes `at.port` from the level and its group a.yml:6:1, no effect: there is nothing to remove)",
            ]
        );
    }

    #[test]
    fn null_around_it_hides_it() {
        let made = written("{}", &[(Default, Set, "q.b", json!(1)), (Override, Set, "q", json!(null))]);
        assert_eq!(made.at(&keys("q.b")), None);
        assert_eq!(
            lines(&made, &keys("q.b")),
            [
                "default: 1 (set a.yml:1:1)",
                "override: q = null (`q` set a.yml:2:1) <- `q` is null here, which hides what lower layers say below it",
            ]
        );
    }

    #[test]
    fn what_was_said_of_something_in_it_is_shown_in_it() {
        let made = written("{}", &[(Default, Set, "q.b", json!(1)), (Default, Set, "q.c.d", json!(2))]);
        assert_eq!(
            lines(&made, &keys("q")),
            [
                "default: {\"b\":1} (`q.b` set a.yml:1:1)",
                "default: {\"c\":{\"d\":2}} (`q.c.d` set a.yml:2:1) <- the highest layer that has a value: its keys count most",
            ]
        );
    }

    #[test]
    fn a_list_is_decided_as_a_whole() {
        let list = [(Default, Set, "at.list", json!(["x", "y"])), (Default, Push, "at.list", json!("z"))];
        let made = written("{\"at\": {\"list\": \"dna\"}}", &list);
        assert_eq!(
            lines(&made, &keys("at.list.0")),
            [
                "default: at.list = [\"x\",\"y\"] (`at.list` set a.yml:1:1)",
                "default: at.list = \"z\" (`at.list` appended a.yml:2:1)",
                "normal: at.list = \"dna\" (dna.json dna.json:1:17) <- `at.list` is a string here, which hides what lower layers say below it",
            ]
        );
        assert_eq!(made.found(&keys("at.list.0")), None);
        let made = written("{}", &list);
        assert_eq!(made.found(&keys("at.list.2")), Some(json!("z")));
        let wins = lines(&made, &keys("at.list.2")).pop().unwrap();
        assert!(wins.ends_with("<- the highest layer that has a value for `at.list`"), "{wins}");
    }

    #[test]
    fn what_is_known_of_the_machine_is_automatic() {
        let mut made = attributes("{\"platform\": \"mine\"}");
        made.add_automatic("platform", json!("debian"));
        assert_eq!(
            lines(&made, &keys("platform")),
            [
                "normal: \"mine\" (dna.json dna.json:1:14)",
                "automatic: \"debian\" (the machine) <- the highest layer that has a value",
            ]
        );
    }

    #[test]
    fn a_removal_is_told_in_every_layer_that_it_touched() {
        let made = written(
            "{}",
            &[
                (Default, Set, "q.b", json!(1)),
                (ForceDefault, Set, "q.b", json!(2)),
                (Normal, Set, "q.c", json!(3)),
                (ForceDefault, Replace, "q", json!({"b": 4})),
            ],
        );
        assert_eq!(
            lines(&made, &keys("q.b")),
            [
                "default: 1 (set a.yml:1:1, removed at a.yml:4:1)",
                "default: - (`q` replaced a.yml:4:1)",
                "force_default: 2 (set a.yml:2:1, replaced at a.yml:4:1)",
                "force_default: 4 (`q` replaced a.yml:4:1) <- the highest layer that has a value",
            ]
        );
    }

    #[test]
    fn what_is_set_without_it_ends_it_and_objects_replace_what_is_in_the_way() {
        let writes = [
            (Default, Set, "q.b", json!(1)),
            (Default, Set, "q", json!({"c": 2})),
            (Default, Set, "q.c", json!("text")),
            (Default, Write, "q.c.d", json!(3)),
        ];
        let made = written("{}", &writes);
        assert_eq!(
            lines(&made, &keys("q.b")),
            ["default: 1 (set a.yml:1:1, removed at a.yml:2:1)", "default: - (`q` set a.yml:2:1)"]
        );
        assert_eq!(
            lines(&made, &keys("q.c")),
            [
                "default: 2 (`q` set a.yml:2:1, replaced at a.yml:3:1)",
                "default: \"text\" (set a.yml:3:1, replaced at a.yml:4:1)",
                "default: {\"d\":3} (`q.c.d` written a.yml:4:1) <- the highest layer that has a value: its keys count most",
            ]
        );
    }

    #[test]
    fn what_a_deleted_key_leaves_is_told() {
        let made = written("{}", &[(Override, DeleteKey, "a.b", json!(null))]);
        assert_eq!(
            lines(&made, &keys("a")),
            [
                "override: {} (deletes the key `a.b` a.yml:1:1) <- the highest layer that has a value: its keys count most"
            ]
        );
        assert_eq!(
            lines(&made, &keys("a.b")),
            ["override: - (deletes the key `a.b` a.yml:1:1, no effect: there is nothing to delete)"]
        );
        let made = written("{\"a\": {\"b\": 1}}", &[(Normal, DeleteKey, "a.b", json!(null))]);
        assert_eq!(
            lines(&made, &keys("a.b")),
            ["normal: 1 (dna.json dna.json:1:13, removed at a.yml:1:1)", "normal: - (deletes the key `a.b` a.yml:1:1)"]
        );
    }

    #[test]
    fn names_are_as_one_asks_for_them() {
        let path = ["at", "dot.key", "", "b"].map(str::to_owned);
        assert_eq!(dotted(&path), "at[\"dot.key\"][\"\"].b");
    }
}
