//! The only door to the machine. [`Probe`] reads; [`Host`] also performs [`Op`]s. Dry run, journal and tests are decorators.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the one place that touches the machine"
)]
mod account_defaults;
mod account_loss;
mod act;
mod again;
mod archive;
mod command;
pub mod disk;
pub mod dns;
mod dry;
pub mod editor;
pub mod environment;
mod fake;
mod follow;
mod inverse;
mod journal;
mod kept;
mod op;
mod overlay;
pub mod own;
mod packages;
mod probe;
pub mod processes;
mod proxies;
mod real;
mod surroundings;
pub mod tool;
pub(crate) mod unit_name;
mod unpack;
mod versions;

pub(crate) use account_defaults::mailbox;
pub use act::{Act, Code, Message, Reboot};
pub use again::{Again, Waited};
pub use archive::{Bounds, Contents, Piece, contents, gzip};
pub use command::{Answer, Command};
pub use dry::Dry;
pub use fake::{Brings, Fake, Start};
pub(crate) use follow::{resolve, text};
pub use inverse::{Grade, Seen, Undo, is_small};
pub use journal::{Ended, Journal, Sink};
pub use kept::{Kept, Shape, line_of};
pub(crate) use kept::{MOUNTS, escaped, is_memory, plain, swap_line};
pub use op::{AccountChange, Foreseen, LogLevel, Op, ServiceVerb, Write};
pub(crate) use packages::config_leftover;
pub use packages::{Candidate, ConfigFiles, PackageChange, PackageSpec, PackageState, Provider, Transaction};
pub use probe::{
    Active, Enabled, Entry, EntryKind, Fetched, Group, Init, Interface, Kernel, Probe, Request, ServiceState, User,
};
pub use proxies::{Proxies, SCHEMES as PROXY_SCHEMES};
pub use real::{Real, Repair, Settings, clean_leftovers, http, shown_address, time_stamp};

pub use surroundings::{Kind as FileKind, Pretended, Process, Surroundings};
pub use unpack::{Unpacked, empty_repository, unpack};
pub use versions::{Pin, Scheme};

use crate::Result;

/// A machine that can be changed.
pub trait Host: Probe {
    /// Carries out one operation, completely or (as far as the operation allows it) not at all.
    ///
    /// # Errors
    /// What the machine refused, in the caller's terms.
    fn perform(&mut self, op: &Op) -> Result<Performed>;

    /// Carries out operations that belong together and do not depend on each other. A host may sync them as one group.
    ///
    /// # Errors
    /// The first failure; operations before it are carried out, later ones may be.
    fn perform_all(&mut self, operations: &[Op]) -> Result<Performed> {
        let mut performed = Performed::Done;
        for operation in operations {
            if self.perform(operation)? == Performed::Assumed {
                performed = Performed::Assumed;
            }
        }
        Ok(performed)
    }

    /// Reading this host as a plain probe.
    fn as_probe(&self) -> &dyn Probe;

    /// Reasons for which answers given since the last call may differ from what converging would see. Only a dry host
    /// has any: it notes them when a read depends on something it could not predict.
    fn take_doubts(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Everything the package manager changed (on a dry host: would change) since the last call, dependencies included.
    fn take_package_changes(&mut self) -> Vec<PackageChange> {
        Vec::new()
    }

    /// Ends a run: does what was put off to be done once, as having the init system read changed unit files.
    ///
    /// # Errors
    /// What the machine refused.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// The reboot that was asked for since the last call, if it was not taken back.
    fn take_reboot(&mut self) -> Option<Reboot> {
        None
    }

    /// Schedules a reboot: the last thing that a run does.
    ///
    /// # Errors
    /// What the machine refused.
    fn reboot(&mut self, _: &Reboot) -> Result<()> {
        Ok(())
    }

    /// Whether nothing is really changed here.
    fn is_dry(&self) -> bool {
        false
    }
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Performed {
    /// It was carried out (or predicted completely): reading shows the effect.
    Done,
    /// A dry host cannot know the effect: reading shows the machine as if nothing had happened.
    Assumed,
}

/// What a host says while it works on something long.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A part of the work, for people: `unpacking ruby3.1`; `percent` of the whole when known.
    Step {
        /// What is going on.
        text: String,
        /// 0 to 100.
        percent: Option<f32>,
    },
    /// Waiting for a lock.
    Waiting {
        /// Which lock.
        what: String,
        /// Who holds it.
        holder: String,
        /// Seconds waited so far.
        waited: u64,
    },
    /// A line of log or of a warning.
    Note {
        /// Weight.
        level: LogLevel,
        /// The line.
        message: String,
    },
}
