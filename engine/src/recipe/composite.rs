use std::marker::PhantomData;

use super::Recipe;
use crate::{
    Result, actions,
    host::{Op, Probe},
    resource::{Change, Goal, Resource},
};

/// A custom resource made of other resources. Declared by [`Recipe::compose`]; whoever subscribes to it is told when any
/// of its parts changed something.
pub trait Composite: Send + Sync + 'static {
    /// The word before the brackets.
    const KIND: &'static str;

    /// The words inside the brackets.
    fn name(&self) -> String;

    /// Declares its parts.
    ///
    /// # Errors
    /// What a recipe function returns.
    fn declare(&self, recipe: &mut Recipe) -> Result<()>;
}

actions! {
    /// What happens to a composite.
    pub enum Action {
        Changed = "changed": "One of its parts changed something.",
    }
}

/// The whole of a [`Composite`], as notices see it.
pub struct Composed<C> {
    name: String,
    kind: PhantomData<fn() -> C>,
}

impl<C: Composite> Composed<C> {
    pub(crate) fn of(composite: &C) -> Self {
        Self { name: composite.name(), kind: PhantomData }
    }
}

impl<C: Composite> Resource for Composed<C> {
    const KIND: &'static str = C::KIND;
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.name.clone()
    }

    fn read(&self, _: &dyn Probe) -> Result<()> {
        Ok(())
    }

    fn want(&self, _: Action, (): &(), _: &dyn Probe) -> Result<Goal<()>> {
        Ok(Goal::Event("changed", ()))
    }

    fn ops(&self, _: &Change<()>) -> Result<Vec<Op>> {
        Ok(Vec::new())
    }
}
