use std::{any::TypeId, collections::HashMap, panic::Location};

use super::{
    Composed, Composite, Declared, IntoComposed,
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
    /// Last declared resource of each id, of the run itself (`None`) and of each composite: as in Chef, the parts of a
    /// composite are names of its own.
    pub by_id: HashMap<(Option<usize>, String), usize>,
    /// Recipe functions that have run, by type.
    included: Vec<TypeId>,
    /// Names of the recipes in compiled-in cookbooks.
    pub names: HashMap<TypeId, String>,
    /// `cookbook::recipe` in the order in which they were compiled.
    pub recipes: Vec<String>,
    pub faults: Vec<Fault>,
}

pub(crate) struct Entry {
    pub id: String,
    pub item: Box<dyn Item>,
    pub recipe: String,
    pub place: Place,
    /// The composite it is a part of.
    pub whole: Option<usize>,
    pub acts: Acts,
}

/// What acting means for an entry.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Acts {
    /// It is a resource, brought to its state by a step.
    Itself,
    /// It is a composite: its parts, which follow it, are brought to theirs.
    ByParts { unified: bool },
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
        Ref::new(self.declare(declared.into(), Location::caller().into(), Acts::Itself))
    }

    fn declare<R: Resource>(&mut self, declared: Declared<R>, place: Place, acts: Acts) -> usize {
        let id = Item::id(&declared);
        for fault in Item::check(&declared) {
            let fault = Fault { message: format!("{id}: {}", fault.message), ..fault };
            let place = fault.place.clone().unwrap_or_else(|| place.clone());
            self.compiling.faults.push(fault.at(place));
        }
        let index = self.compiling.entries.len();
        let last = self.compiling.by_id.insert((self.group, id.clone()), index);
        if let Some(first) = last.map(|first| &self.compiling.entries[first])
            && first.recipe == self.name
        {
            let fault = Fault::new(format!("`{id}` is already declared at {}", first.place))
                .at(place.clone())
                .hint("give one of them another name, or put their properties together");
            self.compiling.faults.push(fault);
        }
        let (recipe, whole) = (self.name.clone(), self.group);
        self.compiling.entries.push(Entry { id, item: Box::new(declared), recipe, place, whole, acts });
        index
    }

    /// Declares a custom resource with all its parts. It changes when any of its parts does, and tells its notices once, after
    /// the last part; delayed notices between parts are delivered then too. [`Composed::of`] gives it guards, notices and
    /// whatever else a declaration can have.
    ///
    /// # Errors
    /// What declaring the parts returned.
    #[track_caller]
    pub fn compose<C: Composite>(&mut self, composite: impl IntoComposed<C>) -> Result<Ref<Composed<C>>> {
        let mut declared = composite.into_composed();
        let composite = declared.resource.take_up();
        let acts = Acts::ByParts { unified: C::UNIFIED };
        let whole = self.declare(declared, Location::caller().into(), acts);
        let outer = self.group.replace(whole);
        let done = composite.declare(self);
        self.group = outer;
        done.map(|()| Ref::new(whole))
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
