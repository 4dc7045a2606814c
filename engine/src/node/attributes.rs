//! A node's attributes: what each layer says, merged, and who said it.
use std::{cell::OnceCell, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    Dna,
    json::{Document, pointer},
    levels::{AttributeWrite, Effect, Layer, Tower, WriteOp},
    merge,
};
use crate::{Fault, values::Place};

/// The attributes of a node: a tree for each layer, and what they make together.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    pub(super) tower: Tower,
    pub(super) sources: Vec<Source>,
    merged: OnceCell<Value>,
}

/// Who said something.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub layer: Layer,
    /// Whose file it is: `role web`; nothing where the place says it.
    pub of: Option<String>,
    pub said: Said,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    /// All below this key of a document (the root when empty).
    Document(Arc<Document>, &'static str),
    /// A write, done to its layers.
    Write { op: WriteOp, path: Vec<String>, value: Value, place: Place, effect: Effect },
}

/// Merged attributes as they were at some time: what is written later does not show in it. Nothing is merged before it is
/// asked for.
pub(crate) struct View {
    tower: Tower,
}

impl View {
    /// The whole tree.
    pub fn whole(&self) -> Value {
        self.tower.merged(&[], None).unwrap_or_default()
    }

    /// What is below a key of the root.
    pub fn below(&self, key: &str) -> Option<Value> {
        self.tower.merged(&[key.to_owned()], None)
    }
}

/// Attributes that were written nowhere, as tests have them: those of a dna.json.
impl From<Value> for Attributes {
    fn from(tree: Value) -> Self {
        let mut attributes = Self::default();
        attributes.tower.set(Layer::Normal, if tree.is_object() { tree } else { Value::Object(Map::new()) });
        attributes
    }
}

impl From<&Dna> for Attributes {
    fn from(dna: &Dna) -> Self {
        let mut attributes = Self::from(dna.attributes.clone());
        let said = Said::Document(Arc::clone(&dna.document), "");
        attributes.sources.push(Source { layer: Layer::Normal, of: None, said });
        attributes
    }
}

impl Attributes {
    /// The merged tree, without the automatic level: what was written.
    #[must_use]
    pub fn tree(&self) -> &Value {
        self.merged.get_or_init(|| {
            let mut tower = self.tower.clone();
            tower.set(Layer::Automatic, Value::Object(Map::new()));
            View { tower }.whole()
        })
    }

    /// The merged tree with the automatic level, which nothing else can hide.
    #[must_use]
    pub fn whole(&self) -> Value {
        self.tower.merged(&[], None).unwrap_or_default()
    }

    /// What is merged as it is now, with the automatic level.
    pub(crate) fn view(&self) -> View {
        View { tower: self.tower.clone() }
    }

    /// The merged value at a path.
    #[must_use]
    pub fn at(&self, path: &[String]) -> Option<Value> {
        self.tower.merged(path, None)
    }

    /// The merged value at a path; a number leads into a list.
    #[must_use]
    pub fn found(&self, path: &[String]) -> Option<Value> {
        let (first, rest) = path.split_at_checked(1)?;
        merge::at(&self.at(first)?, rest).cloned()
    }

    /// The merged value at a path over what holds where nothing is said.
    pub(super) fn over(&self, path: &[String], base: &Value) -> Option<Value> {
        self.tower.merged(path, Some(base))
    }

    /// Makes sure that there are `tags` at the normal level, and that they are a list.
    ///
    /// Source: `Chef::Node#tags`, which is `Array(normal[:tags])`: null is empty, an object becomes its pairs, anything else is
    /// the only element.
    #[must_use]
    pub fn with_tags(mut self) -> Self {
        let mut normal = self.tower.layer(Layer::Normal).clone();
        if let Value::Object(entries) = &mut normal {
            let tags = entries.entry("tags").or_insert_with(|| Value::Array(Vec::new()));
            *tags = match std::mem::take(tags) {
                Value::Array(all) => Value::Array(all),
                Value::Null => Value::Array(Vec::new()),
                Value::Object(entries) => entries.into_iter().map(|(key, value)| json!([key, value])).collect(),
                only @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => Value::Array(vec![only]),
            };
        }
        self.change(|tower| tower.set(Layer::Normal, normal));
        self
    }

    /// Says what is known of the node, which nothing else can hide.
    pub fn set_automatic(&mut self, tree: Value) {
        self.change(|tower| tower.set(Layer::Automatic, tree));
    }

    /// Adds something that is known of the node.
    pub fn add_automatic(&mut self, key: &str, value: Value) {
        let mut tree = self.tower.layer(Layer::Automatic).clone();
        if let Value::Object(entries) = &mut tree {
            entries.insert(key.to_owned(), value);
        }
        self.set_automatic(tree);
    }

    /// Adds what a role or an environment says: the object below `key` of its document, united with what the layer says.
    pub(super) fn add(&mut self, layer: Layer, of: &str, document: &Arc<Document>, key: &'static str) {
        let Some(tree) = document.root().get(key).map(|located| located.value()) else { return };
        // As in Chef null says nothing; anything else that is no object is a fault.
        if !tree.is_object() {
            return;
        }
        self.change(|tower| tower.unite(layer, tree));
        let said = Said::Document(Arc::clone(document), key);
        self.sources.push(Source { layer, of: Some(of.to_owned()), said });
    }

    /// Carries out a write.
    ///
    /// # Errors
    /// What is in its way, at the write's place.
    pub fn write(&mut self, write: AttributeWrite) -> Result<(), Fault> {
        let mut done = Ok(Effect::default());
        self.change(|tower| done = tower.write(&write));
        let AttributeWrite { level, path, op, value, place } = write;
        let effect = done.map_err(|sentence| {
            let name = path.join(".");
            let done = if op == WriteOp::DeleteKey { "deleted" } else { "set" };
            let fault = Fault::new(format!("attribute `{name}` cannot be {done}: {sentence}")).at(place.clone());
            match op {
                WriteOp::Push => fault.hint("set it to a list first"),
                WriteOp::DeleteKey => fault.hint("keys are deleted from objects; `rm` passes over what is none"),
                _ => fault.hint("write to the object itself, or use `write`, which puts an object in its place"),
            }
        })?;
        let said = Said::Write { op, path, value, place, effect };
        self.sources.push(Source { layer: level.into(), of: None, said });
        Ok(())
    }

    fn change(&mut self, change: impl FnOnce(&mut Tower)) {
        self.merged.take();
        change(&mut self.tower);
    }

    /// Where the value was written, or the nearest one around it that was.
    pub(super) fn place(&self, path: &[String]) -> Option<Place> {
        (0..=path.len()).rev().find_map(|length| {
            let path = &path[..length];
            let source = self.source(self.tower.deciding(path)?, path)?;
            source.place(path)
        })
    }

    /// Where the key was written, when that is known.
    pub(super) fn key_place(&self, path: &[String]) -> Option<Place> {
        match &self.source(self.tower.deciding(path)?, path)?.said {
            Said::Document(document, root) => document.key_place_of(&below(root, path)),
            Said::Write { place, .. } => Some(place.clone()),
        }
    }

    /// Who gave a layer its value at a path: the last one that said it.
    fn source(&self, layer: Layer, path: &[String]) -> Option<&Source> {
        self.sources.iter().rev().find(|source| source.layer == layer && source.place(path).is_some())
    }
}

impl Source {
    /// Where it speaks of just this path (or of what it is in).
    pub fn place(&self, path: &[String]) -> Option<Place> {
        match &self.said {
            Said::Document(document, root) => document.place_of(&below(root, path)),
            Said::Write { path: written, place, .. } => path.starts_with(written).then(|| place.clone()),
        }
    }
}

pub(super) fn below(root: &str, path: &[String]) -> String {
    if root.is_empty() { pointer(path) } else { format!("/{root}{}", pointer(path)) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::node::Level;

    fn write(attributes: &mut Attributes, op: WriteOp, path: &str, value: Value) -> Result<(), String> {
        let path = path.split('.').map(str::to_owned).collect();
        let place = Place::File { path: Path::new("a.yml").into(), line: 1, column: 1 };
        let write = AttributeWrite { level: Level::Normal, path, op, value, place };
        attributes.write(write).map_err(|fault| fault.message)
    }

    #[test]
    fn unless_puts_objects_in_place_of_what_is_in_the_way() {
        for there in [json!("text"), json!(null), json!(["x"]), json!({"b": null})] {
            let mut attributes = Attributes::from(json!({ "a": there }));
            write(&mut attributes, WriteOp::Unless, "a.b", json!(1)).unwrap();
            assert_eq!(attributes.tree(), &json!({"a": {"b": 1}}));
        }
        let mut attributes = Attributes::from(json!({"a": {"b": false}}));
        write(&mut attributes, WriteOp::Unless, "a.b", json!(1)).unwrap();
        assert_eq!(attributes.tree(), &json!({"a": {"b": false}}));
    }

    #[test]
    fn deleting_a_key_makes_the_objects_around_it() {
        let mut attributes = Attributes::from(json!({"k": {"x": 1, "y": 2}, "text": "t", "none": null}));
        let mut delete = |path| write(&mut attributes, WriteOp::DeleteKey, path, json!(null));
        delete("k.x").unwrap();
        delete("a.b.c").unwrap();
        delete("gone").unwrap();
        for (path, sentence) in [
            ("text.x", "`text` is a string at this level"),
            ("text.x.y", "`text` is a string at this level"),
            ("none.x", "`none` is null at this level"),
        ] {
            assert_eq!(delete(path).unwrap_err(), format!("attribute `{path}` cannot be deleted: {sentence}"));
        }
        assert_eq!(attributes.tree(), &json!({"k": {"y": 2}, "text": "t", "none": null, "a": {"b": {}}}));
    }

    #[test]
    fn tags_are_a_list() {
        for (given, made) in [
            (json!(null), json!([])),
            (json!("a"), json!(["a"])),
            (json!(7), json!([7])),
            (json!(false), json!([false])),
            (json!({"a": 1, "b": [2]}), json!([["a", 1], ["b", [2]]])),
            (json!({}), json!([])),
        ] {
            assert_eq!(Attributes::from(json!({ "tags": given })).with_tags().tree()["tags"], made);
        }
    }
}
