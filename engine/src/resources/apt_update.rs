//! `apt_update[name]`
use serde::{Deserialize, Serialize};

use crate::{
    Result, actions,
    host::{Op, Probe, Provider},
    properties,
    resource::{Change, Goal, Resource},
    values::Seconds,
};

properties! {
    /// apt's package lists. The name is free text.
    pub struct AptUpdate("any text") {
        name: String;
        /// Seconds for which lists count as fresh; 86400 (a day) when not given.
        frequency: Seconds,
    }
    example r#"r.add(AptUpdate::new("daily").frequency(86_400));"#
}

actions! {
    /// What can be asked of the package lists.
    pub enum Action {
        Periodic = "periodic": "Refreshes them when there are none, or when they are older than `frequency`.",
        Update = "update": "Refreshes them, each time it is asked.",
    }
}
pub use Action::*;

/// How old the lists are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// In words.
    pub lists: Lists,
}

/// How old the lists are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lists {
    /// There are none, or nobody knows from when they are.
    Absent,
    /// Older than the frequency.
    Stale,
    /// Not older.
    Fresh,
}

impl AptUpdate {
    /// A day, as in Chef.
    pub const FREQUENCY: Seconds = Seconds(86_400);

    /// The lists of all sources; `name` is what reports call it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }
}

impl Resource for AptUpdate {
    const KIND: &'static str = "apt_update";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let lists = match probe.package_lists_age(&Provider::Apt)? {
            None => Lists::Absent,
            Some(age) if age > self.frequency.unwrap_or(Self::FREQUENCY) => Lists::Stale,
            Some(_) => Lists::Fresh,
        };
        Ok(State { lists })
    }

    fn want(&self, action: Action, _: &State, _: &dyn Probe) -> Result<Goal<State>> {
        let fresh = State { lists: Lists::Fresh };
        Ok(match action {
            Periodic => Goal::State(fresh),
            Update => Goal::Event("update", fresh),
        })
    }

    fn ops(&self, _: &Change<State>) -> Result<Vec<Op>> {
        Ok(vec![Op::UpdatePackageLists { provider: Provider::Apt, source: None }])
    }
}
