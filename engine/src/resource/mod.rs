//! One definition per resource: read, want, ops. Diff, plan, verification, journal and reports are derived from it.
mod action;
mod diff;
mod found;
mod properties;
mod step;
mod value;

use serde::{Serialize, de::DeserializeOwned};

pub use action::Action;
pub use diff::{Field, diff, unified};
pub use found::Found;
pub(crate) use properties::position;
#[doc(hidden)]
pub use properties::put;
pub use properties::{Described, Environment, Priority, Property, PropertyInfo, Setter};
pub use step::{Changed, Pending, Step, prepare, step};
pub(crate) use step::{carry_out, groups};
pub use value::{Content, Later, Value, lazy};

use crate::{
    Fault, Result,
    host::{LogLevel, Op, Probe},
};

/// A thing the engine can bring to a wanted state.
pub trait Resource: Send + Sync + 'static {
    /// The word before the brackets in `file[/etc/motd]`.
    const KIND: &'static str;

    /// Neighbouring resources of one class are carried out together: `packages` in one transaction, `files` synced as
    /// one group. Only for kinds whose steps do not depend on each other.
    const BATCH: Option<&'static str> = None;

    /// The word of this very one: [`Resource::KIND`], unless it goes by another name.
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    /// What can be asked of it; the default is what happens when a recipe names no action.
    type Action: Action;

    /// A full picture of the thing, used for *is* and *should be* alike.
    type State: Clone + PartialEq + Serialize + DeserializeOwned;

    /// The words inside the brackets.
    fn name(&self) -> String;

    /// What is wrong with the declaration itself, found before anything is changed: a mode beyond 7777, a relative path.
    fn check(&self) -> Vec<Fault> {
        Vec::new()
    }

    /// What is wrong with asking this action of it, beside what [`Resource::check`] tells: it lacks what the action needs.
    fn check_action(&self, _: Self::Action) -> Vec<Fault> {
        Vec::new()
    }

    /// The class of this very one: [`Resource::BATCH`], unless what it says makes it depend on its neighbours.
    fn batch(&self) -> Option<&'static str> {
        Self::BATCH
    }

    /// What it has to say each time it acts, beside what it changes: told as an event, in a plan too, and no change.
    ///
    /// # Errors
    /// When a message is worked out from the machine, and that fails.
    fn notes(&self, _: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        Ok(Vec::new())
    }

    /// The same, where it depends on the action.
    ///
    /// # Errors
    /// As [`Resource::notes`].
    fn notes_for(&self, _: Self::Action, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        self.notes(probe)
    }

    /// How the thing is, as the declaration that would have it so. `None`: the kind does something once, or
    /// what is there does not tell how it was asked for.
    ///
    /// # Errors
    /// As [`Resource::read`]; when there is a thing of another kind.
    fn found(&self, _: &dyn Probe) -> Result<Option<Found>> {
        Ok(None)
    }

    /// The names of all there are, where a machine has a list of them.
    ///
    /// # Errors
    /// When the list cannot be read.
    fn all(_: &dyn Probe) -> Result<Option<Vec<String>>>
    where
        Self: Sized,
    {
        Ok(None)
    }

    /// Whether what it holds must never be shown.
    fn is_sensitive(&self) -> bool {
        false
    }

    /// How the thing is. Read only: a `Probe` cannot change the machine.
    ///
    /// # Errors
    /// When the state cannot be found out; never to say that the thing is absent.
    fn read(&self, probe: &dyn Probe) -> Result<Self::State>;

    /// As [`Resource::read`], for one action. A kind of two halves leaves out what the action is not about: asking for it
    /// could cost something, or be in doubt in a plan.
    ///
    /// # Errors
    /// As [`Resource::read`].
    fn read_for(&self, _: Self::Action, probe: &dyn Probe) -> Result<Self::State> {
        self.read(probe)
    }

    /// How it should be: `now` with the named properties replaced. No side effects.
    ///
    /// # Errors
    /// When the goal cannot be reached from here, said before anything is done.
    fn want(&self, action: Self::Action, now: &Self::State, probe: &dyn Probe) -> Result<Goal<Self::State>>;

    /// The operations that make `change.to` true, in order. A pure function: the engine performs them.
    ///
    /// # Errors
    /// When no operations lead there.
    fn ops(&self, change: &Change<Self::State>) -> Result<Vec<Op>>;
}

/// Where an action leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal<S> {
    /// Be like this; nothing happens when it already is.
    State(S),
    /// Do the thing once (restart, run), after which it is like this.
    Event(&'static str, S),
}

/// The way from what is to what should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<S> {
    /// As it is.
    pub from: S,
    /// As it should be.
    pub to: S,
    /// What to do once on the way, as `restart`.
    pub event: Option<&'static str>,
}
