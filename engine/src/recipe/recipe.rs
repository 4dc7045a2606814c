use std::{any::TypeId, collections::HashMap, panic::Location};

use super::{
    Composed, Composite, Declare, Declared,
    declared::{AnyAction, Item},
    reference::Ref,
};
use crate::{
    Error, Fault, Result,
    node::{AttributeSet, Node},
    resource::Resource,
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
        self.node.attributes().read::<A>().map_err(Error::Faults)
    }

    /// Declares a resource; resources are converged in the order of their declaration.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, declared: impl Into<Declared<R>>) -> Ref<R> {
        let (declared, place) = (declared.into(), Place::from(Location::caller()));
        let id = Item::id(&declared);
        for fault in Item::check(&declared) {
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
        self.compiling.entries.push(Entry { id, item: Box::new(declared), recipe: self.name.clone(), place });
        Ref::new(index)
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
        self.compiling.recipes.push(name.clone());
        let outer = std::mem::replace(&mut self.name, name);
        let done = recipe(self);
        self.name = outer;
        done
    }

    /// Records a fault of the input that only this recipe can see, and goes on compiling. Nothing will be changed.
    pub fn fault(&mut self, fault: Fault) {
        self.compiling.faults.push(fault);
    }
}
