use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{authority::Authority, message::RecordSet, name::Name, ttls::Ttls};
use crate::{Error, Result, host::Probe};

/// What a name is to have of one type, and what it has: so an undo knows the way back. The key is in its file only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordChange {
    /// Who keeps the zone.
    #[serde(flatten)]
    pub authority: Authority,
    /// The name.
    pub name: Name,
    /// What it has.
    pub from: RecordSet,
    /// What it is to have; no values: it is to have none.
    pub to: RecordSet,
}

impl RecordChange {
    /// What takes it back: a server that forces times is told again what it was told.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut to = self.from.clone();
        to.ttl = to.told.take().unwrap_or(to.ttl);
        Self { from: self.to.clone(), to, ..self.clone() }
    }

    /// What is changed, for people: `www.example.com A`.
    #[must_use]
    pub fn what(&self) -> PathBuf {
        format!("{} {}", self.name, self.to.kind.name()).into()
    }

    pub(crate) fn now(&self, probe: &dyn Probe) -> Result<RecordSet> {
        probe.records(&self.authority, &self.name, self.to.kind)
    }

    /// `state` is brasa's directory of state: what the server makes of the time that it is told is remembered there.
    pub(crate) fn perform(&self, state: &Path) -> Result<()> {
        let ttls = Ttls::open(state, &self.authority.server, &self.name);
        let outcome = self.authority.bring(&self.name, std::slice::from_ref(&self.to), Some(&ttls), false);
        ttls.keep(&outcome.map_err(Error::from)?)
    }
}

/// As one line: what is to be there.
impl std::fmt::Display for RecordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { authority, name, to, .. } = self;
        let (kind, server) = (to.kind.name(), &authority.server);
        if to.values.is_empty() {
            return write!(f, "remove {kind} of {name} at {server}");
        }
        let values: Vec<String> = to.values.iter().map(ToString::to_string).collect();
        write!(f, "set {kind} of {name} to {} for {} s at {server}", values.join(", "), to.ttl)
    }
}
