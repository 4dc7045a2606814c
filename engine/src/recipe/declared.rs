use std::{any::Any, fmt, panic::Location, sync::Arc};

use serde::Serialize;

use super::{
    guard::{Guard, skip_reason},
    reference::{Address, Target},
};
use crate::{
    Fault, Result,
    host::{LogLevel, Probe},
    resource::{Action, Found, Pending, Resource, prepare},
    values::{Place, Seconds},
};

/// When a notice is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Before the notifier changes anything, if it is going to.
    Before,
    /// Right after the notifier has changed something.
    Immediately,
    /// Once, at the end of the run, also after a failure.
    Delayed,
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Immediately => "immediately",
            Self::Delayed => "delayed",
        })
    }
}

/// An action whose kind is not known here: its word, and its typed value for the kind that takes it back.
#[derive(Clone)]
pub(crate) struct AnyAction {
    pub name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl AnyAction {
    pub fn of<A: Action>(action: A) -> Self {
        Self { name: action.name(), value: Arc::new(action) }
    }
}

pub(crate) struct Tell {
    pub place: Place,
    pub to: Address,
    pub action: AnyAction,
    pub timing: Timing,
}

pub(crate) struct Listen {
    pub place: Place,
    pub from: Address,
    pub action: AnyAction,
    pub timing: Timing,
}

/// A resource as a recipe declares it: what it is, when it acts, whom it tells.
pub struct Declared<R: Resource> {
    pub(crate) resource: R,
    pub(crate) actions: Vec<R::Action>,
    common: Common,
}

/// What every declaration has, whatever its kind.
#[derive(Default)]
pub(crate) struct Common {
    pub guards: Vec<(bool, Guard)>,
    pub notifies: Vec<Tell>,
    pub subscribes: Vec<Listen>,
    /// What it does at the end of the run in any case.
    pub delayed: Vec<AnyAction>,
    pub ignore_failure: bool,
    pub retries: u32,
    pub retry_delay: Option<Seconds>,
    pub sensitive: bool,
}

impl<R: Resource> From<R> for Declared<R> {
    fn from(resource: R) -> Self {
        Self { resource, actions: vec![R::Action::default()], common: Common::default() }
    }
}

impl<R: Resource> Declared<R> {
    /// The resource itself.
    pub const fn resource(&self) -> &R {
        &self.resource
    }
}

/// What can be said of every resource in a recipe. Each method turns a resource into its declaration.
pub trait Declare<R: Resource>: Into<Declared<R>> {
    /// Chef's `action`: one, or several that are carried out in order.
    #[must_use]
    fn action(self, actions: impl IntoActions<R::Action>) -> Declared<R> {
        let mut declared = self.into();
        declared.actions = actions.into_actions();
        declared
    }

    /// Chef's `action :nothing`: acts only when told to.
    #[must_use]
    fn nothing(self) -> Declared<R> {
        let mut declared = self.into();
        declared.actions.clear();
        declared
    }

    /// Acts only if this holds. Several must all hold.
    #[must_use]
    fn only_if(self, guard: impl Into<Guard>) -> Declared<R> {
        let mut declared = self.into();
        declared.common.guards.push((true, guard.into()));
        declared
    }

    /// Acts only if this does not hold. Any of several that holds is enough to skip.
    #[must_use]
    fn not_if(self, guard: impl Into<Guard>) -> Declared<R> {
        let mut declared = self.into();
        declared.common.guards.push((false, guard.into()));
        declared
    }

    /// When this changes something, `target` does `action`.
    #[track_caller]
    #[must_use]
    fn notifies<T: Resource>(self, action: T::Action, target: impl Target<T>, timing: Timing) -> Declared<R> {
        let place = Location::caller().into();
        let mut declared = self.into();
        declared.common.notifies.push(Tell { place, to: target.address(), action: AnyAction::of(action), timing });
        declared
    }

    /// When `source` changes something, this does `action`.
    #[track_caller]
    #[must_use]
    fn subscribes<S: Resource>(self, action: R::Action, source: impl Target<S>, timing: Timing) -> Declared<R> {
        let place = Location::caller().into();
        let mut declared = self.into();
        declared.common.subscribes.push(Listen {
            place,
            from: source.address(),
            action: AnyAction::of(action),
            timing,
        });
        declared
    }

    /// Chef's `delayed_action`: does this at the end of the run, with the delayed notices, whether anything changed or not.
    #[must_use]
    fn delayed_action(self, actions: impl IntoActions<R::Action>) -> Declared<R> {
        let mut declared = self.into();
        declared.common.delayed.extend(actions.into_actions().into_iter().map(AnyAction::of));
        declared
    }

    /// Goes on with the run when this fails. As in Chef, what fails is then not retried, and tells nobody.
    #[must_use]
    fn ignore_failure(self) -> Declared<R> {
        let mut declared = self.into();
        declared.common.ignore_failure = true;
        declared
    }

    /// Tries again this many times when it fails.
    #[must_use]
    fn retries(self, times: u32) -> Declared<R> {
        let mut declared = self.into();
        declared.common.retries = times;
        declared
    }

    /// Seconds to wait before each retry; 2 when not given.
    #[must_use]
    fn retry_delay(self, delay: impl Into<Seconds>) -> Declared<R> {
        let mut declared = self.into();
        declared.common.retry_delay = Some(delay.into());
        declared
    }

    /// Shows neither diff nor values nor command of it anywhere.
    #[must_use]
    fn sensitive(self) -> Declared<R> {
        let mut declared = self.into();
        declared.common.sensitive = true;
        declared
    }
}

impl<R: Resource> Declare<R> for R {}
impl<R: Resource> Declare<R> for Declared<R> {}

/// One action, or a list of them.
pub trait IntoActions<A> {
    /// The list.
    fn into_actions(self) -> Vec<A>;
}

impl<A: Action> IntoActions<A> for A {
    fn into_actions(self) -> Vec<A> {
        vec![self]
    }
}

impl<A: Action, const N: usize> IntoActions<A> for [A; N] {
    fn into_actions(self) -> Vec<A> {
        self.into()
    }
}

impl<A: Action> IntoActions<A> for Vec<A> {
    fn into_actions(self) -> Vec<A> {
        self
    }
}

/// What trying an action led to, before anything is changed.
pub(crate) enum Attempt<'r> {
    Skipped(String),
    UpToDate,
    Pending(Box<dyn Pending + 'r>),
}

/// The engine's untyped view of a [`Declared`].
pub(crate) trait Item: Send + Sync + Any {
    fn id(&self) -> String;
    fn batch(&self) -> Option<&'static str>;
    fn check(&self) -> Vec<Fault>;
    /// What is wrong with another's asking this action of it.
    fn check_asked(&self, action: &AnyAction) -> Vec<Fault>;
    fn actions(&self) -> Vec<AnyAction>;
    fn action_named(&self, word: &str) -> Option<AnyAction>;
    fn common(&self) -> &Common;
    fn common_mut(&mut self) -> &mut Common;
    /// Guards, then the first half of the step.
    fn attempt(&self, action: &AnyAction, probe: &dyn Probe) -> Result<Attempt<'_>>;
    /// How the thing is, as a declaration.
    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>>;
    /// What it has to say when it acts.
    fn notes(&self, action: &AnyAction, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>>;
    fn as_any(&self) -> &dyn Any;
}

impl<R: Resource> Item for Declared<R> {
    fn id(&self) -> String {
        format!("{}[{}]", self.resource.kind(), self.resource.name())
    }

    fn batch(&self) -> Option<&'static str> {
        self.resource.batch()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.resource.check();
        for fault in self.actions.iter().flat_map(|action| self.resource.check_action(*action)) {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        faults
    }

    fn check_asked(&self, action: &AnyAction) -> Vec<Fault> {
        let action = action.value.downcast_ref::<R::Action>().expect("a notice is typed by its target's kind");
        self.resource.check_action(*action)
    }

    fn actions(&self) -> Vec<AnyAction> {
        self.actions.iter().map(|action| AnyAction::of(*action)).collect()
    }

    fn action_named(&self, word: &str) -> Option<AnyAction> {
        R::Action::named(word).map(AnyAction::of)
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn attempt(&self, action: &AnyAction, probe: &dyn Probe) -> Result<Attempt<'_>> {
        let action = action.value.downcast_ref::<R::Action>().expect("a notice is typed by its target's kind");
        if let Some(reason) = skip_reason(&self.common.guards, probe)? {
            return Ok(Attempt::Skipped(reason));
        }
        Ok(match prepare(&self.resource, *action, self.common.sensitive, probe)? {
            None => Attempt::UpToDate,
            Some(pending) => Attempt::Pending(pending),
        })
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        self.resource.found(probe)
    }

    fn notes(&self, action: &AnyAction, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let action = action.value.downcast_ref::<R::Action>().expect("a notice is typed by its target's kind");
        let mut notes = self.resource.notes_for(*action, probe)?;
        if self.common.sensitive || self.resource.is_sensitive() {
            for (_, message) in &mut notes {
                "(sensitive)".clone_into(message);
            }
        }
        Ok(notes)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
