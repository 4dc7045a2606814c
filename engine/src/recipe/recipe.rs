use std::{any::TypeId, collections::HashMap, panic::Location};

use super::{
    Composed, Composite, Cookbook, Declare, Declared, RecipeEntry,
    declared::{AnyAction, Item},
    reference::Ref,
};
use crate::{
    Error, Fault, Result,
    node::{AttributeSet, AttributeWrite, Levels, Node},
    resource::Resource,
    suggest,
    values::Place,
};

/// What a recipe function is given: the node, its attributes, and a place to declare resources.
pub struct Recipe<'a> {
    pub(crate) node: &'a Node<'a>,
    pub(crate) compiling: &'a mut Compiling,
    /// `cookbook::recipe` that is being compiled.
    pub(crate) name: String,
    /// The composite whose parts are being declared.
    group: Option<usize>,
}

/// What compiling gathers.
#[derive(Default)]
pub(crate) struct Compiling {
    pub entries: Vec<Entry>,
    /// Last declared resource of each id.
    pub by_id: HashMap<String, usize>,
    /// Recipe functions that have run, by type.
    included: Vec<TypeId>,
    /// Names of the recipes in compiled-in cookbooks.
    pub names: HashMap<TypeId, String>,
    /// `cookbook::recipe` in the order in which they were compiled.
    pub recipes: Vec<String>,
    /// (part, whole) of composites.
    pub parts: Vec<(usize, usize)>,
    pub faults: Vec<Fault>,
    /// Every cookbook that recipes may be included from.
    pub cookbooks: Vec<Cookbook>,
    /// How many recipes are being compiled inside each other.
    depth: usize,
    /// The attributes as cookbooks have written them so far.
    pub levels: Levels,
    /// `COOKBOOK::FILE` of attributes that have been read, and `COOKBOOK` of which all have.
    read: Vec<String>,
}

/// Recipes may include each other so deep.
const MOST_DEPTH: usize = 128;

impl Compiling {
    /// A recipe by its name; of two cookbooks with one name the first counts.
    pub fn find(&self, wanted: &str) -> Option<RecipeEntry> {
        let (name, recipe) = wanted.split_once("::").unwrap_or((wanted, "default"));
        let cookbook = self.cookbooks.iter().find(|cookbook| cookbook.name == name)?;
        cookbook.recipes.iter().find(|entry| entry.name == recipe).cloned()
    }
}

pub(crate) struct Entry {
    pub id: String,
    pub item: Box<dyn Item>,
    pub recipe: String,
    pub place: Place,
}

impl Entry {
    pub fn actions(&self) -> Vec<AnyAction> {
        self.item.actions()
    }
}

impl<'a> Recipe<'a> {
    pub(crate) fn new(node: &'a Node<'a>, compiling: &'a mut Compiling) -> Self {
        Self { node, compiling, name: String::new(), group: None }
    }

    /// The node: its facts, name and environment.
    #[must_use]
    pub fn node(&self) -> &Node<'a> {
        self.node
    }

    /// A cookbook's attributes: its defaults, with what `dna.json` says in their place.
    ///
    /// # Errors
    /// [`Error::Faults`]: keys the cookbook does not have, values of another type, each with its place.
    pub fn attributes<A: AttributeSet>(&self) -> Result<A> {
        let attributes = self.node.attributes();
        if !self.compiling.levels.written {
            return attributes.read::<A>().map_err(Error::Faults);
        }
        attributes.become_tree(self.merged()).read::<A>().map_err(Error::Faults)
    }

    /// Declares a resource; resources are converged in the order of their declaration.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, declared: impl Into<Declared<R>>) -> Ref<R> {
        Ref::new(self.declare(Box::new(declared.into()), Place::from(Location::caller())))
    }

    /// Declares a resource of whatever kind; returns its number.
    pub(crate) fn declare(&mut self, item: Box<dyn Item>, place: Place) -> usize {
        let id = item.id();
        for fault in item.check() {
            let fault = Fault { message: format!("{id}: {}", fault.message), ..fault };
            let place = fault.place.clone().unwrap_or_else(|| place.clone());
            self.compiling.faults.push(fault.at(place));
        }
        let index = self.compiling.entries.len();
        if let Some(first) = self.compiling.by_id.insert(id.clone(), index).map(|first| &self.compiling.entries[first])
            && first.recipe == self.name
        {
            let fault = Fault::new(format!("`{id}` is already declared at {}", first.place))
                .at(place.clone())
                .hint("give one of them another name, or put their properties together");
            self.compiling.faults.push(fault);
        }
        if let Some(group) = self.group {
            self.compiling.parts.push((index, group));
        }
        self.compiling.entries.push(Entry { id, item, recipe: self.name.clone(), place });
        index
    }

    /// Declares a custom resource with all its parts. Whoever subscribes to it is told when any part changed something.
    ///
    /// # Errors
    /// What declaring the parts returned.
    #[track_caller]
    pub fn compose<C: Composite>(&mut self, composite: C) -> Result<Ref<Composed<C>>> {
        let whole = self.add(Composed::of(&composite).nothing());
        let outer = self.group.replace(whole.index);
        let declared = composite.declare(self);
        self.group = outer;
        declared.map(|()| whole)
    }

    /// Chef's `include_recipe`, by function: each recipe is compiled once, where it is first included.
    ///
    /// # Errors
    /// What the recipe returned.
    pub fn include<F: Fn(&mut Recipe) -> Result<()> + 'static>(&mut self, recipe: F) -> Result<()> {
        let function = TypeId::of::<F>();
        if self.compiling.included.contains(&function) {
            return Ok(());
        }
        self.compiling.included.push(function);
        let name = self.compiling.names.get(&function).cloned();
        let name = name.unwrap_or_else(|| std::any::type_name::<F>().to_owned());
        self.named(name, recipe)
    }

    /// Chef's `include_recipe`, by name: `COOKBOOK::RECIPE`, or `COOKBOOK` for its `default`. For recipes that only a run
    /// knows; what is known when a cookbook is built is better included by its function.
    ///
    /// # Errors
    /// That there is none of this name; what the recipe returned.
    pub fn include_recipe(&mut self, name: &str) -> Result<()> {
        if let Some(recipe) = self.compiling.find(name) {
            self.read_attributes(name.split_once("::").map_or(name, |(cookbook, _)| cookbook));
            return (recipe.run)(self);
        }
        let (cookbook, recipe) = name.split_once("::").unwrap_or((name, "default"));
        let cookbooks = &self.compiling.cookbooks;
        let fault = match cookbooks.iter().find(|known| known.name == cookbook) {
            Some(known) => {
                let recipes: Vec<&str> = known.recipe_names().collect();
                Fault::new(format!("cookbook `{cookbook}` has no recipe `{recipe}`"))
                    .hint(suggest::hint(recipe, recipes))
            }
            None => {
                let names: Vec<&str> = cookbooks.iter().map(Cookbook::name).collect();
                let fault = Fault::new(format!("no cookbook `{cookbook}` is on `cookbook_path` or compiled in"));
                fault.hint(suggest::hint(cookbook, names))
            }
        };
        Err(fault.into())
    }

    /// Compiles a recipe that is included by its name, once.
    pub(crate) fn enter(&mut self, name: &str, recipe: &dyn Fn(&mut Recipe) -> Result<()>) -> Result<()> {
        if self.compiling.recipes.iter().any(|known| known == name) {
            return Ok(());
        }
        self.named(name.to_owned(), recipe)
    }

    fn named(&mut self, name: String, recipe: impl Fn(&mut Recipe) -> Result<()>) -> Result<()> {
        if self.compiling.depth == MOST_DEPTH {
            let fault = Fault::new(format!("recipes include each other more than {MOST_DEPTH} deep at `{name}`"));
            return Err(fault.hint("name some of them in the run-list instead").into());
        }
        self.compiling.recipes.push(name.clone());
        let outer = std::mem::replace(&mut self.name, name);
        self.compiling.depth += 1;
        let done = recipe(self);
        self.compiling.depth -= 1;
        self.name = outer;
        done
    }

    /// The merged attributes as they are now.
    pub(crate) fn merged(&self) -> serde_json::Value {
        self.compiling.levels.merged()
    }

    /// Writes an attribute, for what is compiled after this.
    pub fn write_attribute(&mut self, write: &AttributeWrite) {
        if let Err(fault) = self.compiling.levels.write(write) {
            self.fault(fault);
        }
    }

    /// Reads the attributes of a cookbook, those of its dependencies before them, once.
    pub(crate) fn read_attributes(&mut self, name: &str) {
        let Some(cookbook) = self.compiling.cookbooks.iter().find(|cookbook| cookbook.name == name).cloned() else {
            return;
        };
        if self.compiling.read.iter().any(|read| read == name) || self.compiling.depth == MOST_DEPTH {
            return;
        }
        self.compiling.read.push(name.to_owned());
        let mut depends: Vec<&str> = cookbook.depends.iter().map(|(name, _)| name.as_str()).collect();
        depends.sort_unstable();
        self.compiling.depth += 1;
        for other in depends {
            if !self.compiling.cookbooks.iter().any(|cookbook| cookbook.name == other) {
                let fault = Fault::new(format!("cookbook `{name}` depends on `{other}`, which is nowhere"));
                let known: Vec<&str> = self.compiling.cookbooks.iter().map(Cookbook::name).collect();
                self.compiling.faults.push(fault.hint(suggest::hint(other, known)));
            }
            self.read_attributes(other);
        }
        for (file, _) in &cookbook.attributes {
            self.include_attribute(&format!("{name}::{file}"));
        }
        self.compiling.depth -= 1;
    }

    /// Chef's `include_attribute`: reads a file of attributes, once. Says whether there is one.
    pub(crate) fn include_attribute(&mut self, name: &str) -> bool {
        let (cookbook, file) = name.split_once("::").unwrap_or((name, "default"));
        let found = self.compiling.cookbooks.iter().find(|known| known.name == cookbook);
        let found = found.and_then(|known| known.attributes.iter().find(|(known, _)| known == file));
        let Some((_, run)) = found.cloned() else { return false };
        let whole = format!("{cookbook}::{file}");
        if self.compiling.read.contains(&whole) || self.compiling.depth == MOST_DEPTH {
            return true;
        }
        self.compiling.read.push(whole);
        self.compiling.depth += 1;
        let done = run(self);
        self.compiling.depth -= 1;
        match done {
            Ok(()) => {}
            Err(Error::Faults(faults)) => {
                for fault in faults {
                    if !self.compiling.faults.contains(&fault) {
                        self.fault(fault);
                    }
                }
            }
            Err(error) => self.fault(Fault::new(error.to_string())),
        }
        true
    }

    /// Records a fault of the input that only this recipe can see, and goes on compiling. Nothing will be changed.
    pub fn fault(&mut self, fault: Fault) {
        self.compiling.faults.push(fault);
    }
}
