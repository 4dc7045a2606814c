use std::sync::Arc;

use super::{Declared, Recipe};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    resource::{Change, Goal, Resource},
};

/// A custom resource made of other resources. Declared by [`Recipe::compose`]; it changes when any of its parts does.
///
/// Its parts have names and delayed notices of their own, as in Chef: a name is looked for among the parts first, then
/// outside; nobody outside can name a part.
pub trait Composite: Send + Sync + 'static {
    /// The word before the brackets.
    const KIND: &'static str;

    /// Chef's `unified_mode`, on by default as there: a part that is told something at once by one before it acts first in
    /// its own turn, and is told right after. Without it it is told before its turn comes.
    const UNIFIED: bool = true;

    /// The words inside the brackets.
    fn name(&self) -> String;

    /// Declares its parts.
    ///
    /// # Errors
    /// What a recipe function returns.
    fn declare(&self, recipe: &mut Recipe) -> Result<()>;
}

actions! {
    /// What can be asked of a composite.
    pub enum Action {
        Run = "run": "Brings its parts to their states, in order.",
    }
}

/// The whole of a [`Composite`], as its declaration and its notices see it.
pub struct Composed<C> {
    composite: Arc<C>,
    with_parts: bool,
}

impl<C: Composite> Composed<C> {
    /// A composite to be declared with guards, notices and the rest, by [`Recipe::compose`]:
    /// `r.compose(Composed::of(site).not_if(exists("/srv/kept")))`.
    #[must_use]
    pub fn of(composite: C) -> Self {
        Self { composite: Arc::new(composite), with_parts: false }
    }

    pub(crate) fn take_up(&mut self) -> Arc<C> {
        self.with_parts = true;
        Arc::clone(&self.composite)
    }
}

/// What [`Recipe::compose`] takes: a composite, or one with guards and notices (`Composed::of(..).only_if(..)`).
pub trait IntoComposed<C: Composite> {
    /// The declaration.
    fn into_composed(self) -> Declared<Composed<C>>;
}

impl<C: Composite> IntoComposed<C> for C {
    fn into_composed(self) -> Declared<Composed<C>> {
        Composed::of(self).into()
    }
}

impl<C: Composite> IntoComposed<C> for Composed<C> {
    fn into_composed(self) -> Declared<Composed<C>> {
        self.into()
    }
}

impl<C: Composite> IntoComposed<C> for Declared<Composed<C>> {
    fn into_composed(self) -> Declared<Composed<C>> {
        self
    }
}

impl<C: Composite> Resource for Composed<C> {
    const KIND: &'static str = C::KIND;
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.composite.name()
    }

    fn check(&self) -> Vec<Fault> {
        if self.with_parts {
            return Vec::new();
        }
        vec![Fault::new("a composite was declared without its parts").hint("declare it with `r.compose(..)`")]
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
