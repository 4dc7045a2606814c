//! Attribute files: what a cookbook says of attributes before any recipe is compiled; and the words for writing them.
use std::panic::Location;

use serde_json::Value;

use super::{Cookbook, RecipeName, cookbook::Dependency};
use crate::{
    Error, Fault, Result,
    node::{AttributeWrite, Attributes, Constraint, CookbookVersion, Level, Node, View, WriteOp},
    suggest,
    values::Place,
};

/// The keys of an attribute: `"bind.port"`, or `["bind", "port"]` where a key holds a dot.
pub trait AttributePath {
    /// The keys.
    fn keys(self) -> Vec<String>;
}

impl AttributePath for &str {
    fn keys(self) -> Vec<String> {
        self.split('.').map(str::to_owned).collect()
    }
}

impl<const N: usize> AttributePath for [&str; N] {
    fn keys(self) -> Vec<String> {
        self.iter().map(|key| (*key).to_owned()).collect()
    }
}

impl AttributePath for Vec<String> {
    fn keys(self) -> Vec<String> {
        self
    }
}

/// Writes to one level: what an attribute file and a recipe say `default`, `normal` or `override` for.
pub struct AtLevel<'a> {
    attributes: &'a mut Attributes,
    faults: &'a mut Vec<Fault>,
    level: Level,
}

impl<'a> AtLevel<'a> {
    pub(super) const fn new(attributes: &'a mut Attributes, faults: &'a mut Vec<Fault>, level: Level) -> Self {
        Self { attributes, faults, level }
    }

    #[track_caller]
    fn write_as(&mut self, op: WriteOp, path: impl AttributePath, value: Value) -> &mut Self {
        let place = Place::from(Location::caller());
        let write = AttributeWrite { level: self.level, path: path.keys(), op, value, place };
        if let Err(fault) = self.attributes.write(write) {
            self.faults.push(fault);
        }
        self
    }

    /// Sets it.
    #[track_caller]
    pub fn set(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.write_as(WriteOp::Set, path, value.into())
    }

    /// Sets it as `write` does, unless the level has a value for it.
    #[track_caller]
    pub fn set_unless(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.write_as(WriteOp::Unless, path, value.into())
    }

    /// Appends to the list at the level.
    #[track_caller]
    pub fn push(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.write_as(WriteOp::Push, path, value.into())
    }

    /// Chef's `default!`, `force_default!` and so on.
    #[track_caller]
    pub fn replace(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.write_as(WriteOp::Replace, path, value.into())
    }

    /// Sets it, with objects put in place of what is in the way.
    #[track_caller]
    pub fn write(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.write_as(WriteOp::Write, path, value.into())
    }

    /// Removes it from the level and its whole group: Chef's `rm_default`, `rm_normal`, `rm_override`.
    #[track_caller]
    pub fn remove(&mut self, path: impl AttributePath) -> &mut Self {
        self.write_as(WriteOp::RemoveLevel, path, Value::Null)
    }

    /// Deletes a key of the level alone; objects on the way are made.
    #[track_caller]
    pub fn delete_key(&mut self, path: impl AttributePath) -> &mut Self {
        self.write_as(WriteOp::DeleteKey, path, Value::Null)
    }
}

/// What an attribute file is given: the node, its attributes so far, and the levels to write to.
pub struct AttributeFile<'f, 'n> {
    node: &'f Node<'n>,
    loader: &'f mut Loader,
    cookbook: String,
}

/// What loading attribute files gathers.
pub(crate) struct Loader {
    pub cookbooks: Vec<Cookbook>,
    pub attributes: Attributes,
    /// `cookbook::file` in the order in which they were loaded.
    pub loaded: Vec<String>,
    /// Cookbooks whose files are loaded, or are just being.
    begun: Vec<String>,
    pub faults: Vec<Fault>,
}

impl<'n> AttributeFile<'_, 'n> {
    /// The node: its facts, name and environment.
    #[must_use]
    pub const fn node(&self) -> &Node<'n> {
        self.node
    }

    /// The merged value as it is now.
    #[must_use]
    pub fn get(&self, path: impl AttributePath) -> Option<Value> {
        self.loader.attributes.at(&path.keys())
    }

    /// The merged attributes as they are now.
    #[must_use]
    pub fn merged(&self) -> Value {
        self.loader.attributes.tree().clone()
    }

    /// The writes of one level.
    pub fn level(&mut self, level: Level) -> AtLevel<'_> {
        AtLevel::new(&mut self.loader.attributes, &mut self.loader.faults, level)
    }

    /// Sets a default: what holds unless a role, an environment or dna.json says otherwise.
    #[track_caller]
    pub fn default(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.level(Level::Default).set(path, value);
        self
    }

    /// Sets a default above those of roles and environments.
    #[track_caller]
    pub fn force_default(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.level(Level::ForceDefault).set(path, value);
        self
    }

    /// Sets what dna.json says, too.
    #[track_caller]
    pub fn normal(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.level(Level::Normal).set(path, value);
        self
    }

    /// Sets it above dna.json.
    #[track_caller]
    pub fn override_(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.level(Level::Override).set(path, value);
        self
    }

    /// Sets it above all that anybody else says.
    #[track_caller]
    pub fn force_override(&mut self, path: impl AttributePath, value: impl Into<Value>) -> &mut Self {
        self.level(Level::ForceOverride).set(path, value);
        self
    }

    /// The merged attributes as they are now, for expressions.
    pub(crate) fn view(&self) -> View {
        self.loader.attributes.view()
    }

    /// Carries out a write that has its place already. What is wrong with it is gathered.
    pub fn apply(&mut self, write: AttributeWrite) {
        if let Err(fault) = self.loader.attributes.write(write) {
            self.loader.faults.push(fault);
        }
    }

    /// Removes an attribute from every level: Chef's `rm`.
    #[track_caller]
    pub fn remove(&mut self, path: impl AttributePath) {
        let place = Place::from(Location::caller());
        let (level, op) = (Level::Default, WriteOp::Remove);
        self.apply(AttributeWrite { level, path: path.keys(), op, value: Value::Null, place });
    }

    /// Chef's `include_attribute`: loads another file now, unless it was loaded before: `COOKBOOK`, `COOKBOOK::FILE`, or
    /// `::FILE` of this cookbook.
    ///
    /// # Errors
    /// That there is none of this name; what the file returned.
    pub fn include(&mut self, name: &str) -> Result<()> {
        // Files of attributes are named as recipes are.
        let current = self.cookbook.clone();
        let Some(RecipeName { cookbook, recipe: file }) = RecipeName::parse(name, Some(&current)) else {
            return Ok(());
        };
        self.loader.file(self.node, cookbook, file)
    }
}

/// What is wrong with the version of a cookbook that another depends on.
fn version_fault(name: &str, known: &Cookbook, asked: &str) -> Option<Fault> {
    let (wanted, version) = (known.name(), known.version());
    match Constraint::parse(asked) {
        Ok(constraint) if CookbookVersion::parse(version).is_none_or(|version| constraint.allows(version)) => None,
        Ok(_) => {
            let fault =
                Fault::new(format!("cookbook `{name}` depends on `{wanted}` {asked}; version {version} is there"));
            Some(fault.hint("use another version of it, or change the metadata"))
        }
        Err(sentence) => Some(Fault::new(format!("cookbook `{name}` depends on `{wanted}`: {sentence}"))),
    }
}

impl Loader {
    pub fn new(cookbooks: Vec<Cookbook>, attributes: Attributes) -> Self {
        Self { cookbooks, attributes, loaded: Vec::new(), begun: Vec::new(), faults: Vec::new() }
    }

    /// Loads every attribute file of a cookbook, those of its dependencies first, each once.
    pub fn cookbook(&mut self, node: &Node, name: &str) {
        // A list of what is still to be done in place of recursion: dependencies may form a long chain.
        let mut left = vec![(name.to_owned(), false)];
        while let Some((name, ready)) = left.pop() {
            let Some(cookbook) = self.cookbooks.iter().find(|cookbook| cookbook.name == name).cloned() else {
                continue;
            };
            if ready {
                for file in cookbook.attribute_files() {
                    match self.file(node, &name, file) {
                        Ok(()) => {}
                        Err(Error::Faults(faults)) => self.faults.extend(faults),
                        Err(error) => {
                            let mut fault = Fault::new(format!("attributes `{name}::{file}`: {error}"));
                            fault.hints = error.hints();
                            self.faults.push(fault);
                        }
                    }
                }
                continue;
            }
            if self.begun.contains(&name) {
                continue;
            }
            self.begun.push(name.clone());
            left.push((name.clone(), true));
            let mut depends: Vec<&Dependency> = cookbook.depends.iter().collect();
            depends.sort_unstable_by_key(|dependency| (&dependency.name, &dependency.version));
            for Dependency { name: wanted, version: asked, place } in depends.into_iter().rev() {
                let placed = |fault| place.iter().cloned().fold(fault, Fault::at);
                if let Some(known) = self.cookbooks.iter().find(|known| known.name == *wanted) {
                    self.faults.extend(version_fault(&name, known, asked).map(placed));
                    left.push((wanted.clone(), false));
                } else {
                    let names = self.cookbooks.iter().map(Cookbook::name);
                    let fault = Fault::new(format!("cookbook `{name}` depends on `{wanted}`, which is not there"));
                    self.faults.push(placed(fault).hint(suggest::hint(wanted, names)));
                }
            }
        }
    }

    fn file(&mut self, node: &Node, cookbook: &str, file: &str) -> Result<()> {
        let whole = format!("{cookbook}::{file}");
        if self.loaded.contains(&whole) {
            return Ok(());
        }
        let of = self.cookbooks.iter().find(|known| known.name == cookbook);
        let Some(run) =
            of.and_then(|of| of.attributes.iter().find(|entry| entry.name == file)).map(|entry| entry.run.clone())
        else {
            let names: Vec<&str> = of.map(|of| of.attribute_files().collect()).unwrap_or_default();
            let fault = Fault::new(format!("there are no attributes `{whole}`"));
            return Err(if names.is_empty() { fault } else { fault.hint(suggest::hint(file, names)) }.into());
        };
        self.loaded.push(whole);
        run(&mut AttributeFile { node, loader: self, cookbook: cookbook.to_owned() })
    }
}
