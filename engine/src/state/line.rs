use serde::{Deserialize, Serialize};

use super::record::Step;
use crate::{
    event::{Debt, Summary},
    host::{Ended, Op, Undo},
};

/// Version of the journal's form. A higher one is refused before anything is changed.
pub const SCHEMA_VERSION: u32 = 1;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "lines are read and written one at a time")]
pub(super) enum Line {
    /// The first line.
    Header(Header),
    /// A step is about to change something; these notices are then owed.
    Begin {
        resource: String,
        action: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        owes: Vec<Debt>,
    },
    /// An operation is about to be performed, for the last of the steps that are open or for those it names.
    Op {
        number: u64,
        does: Op,
        undo: Undo,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        steps: Vec<Step>,
    },
    /// It has ended.
    Done {
        number: u64,
        #[serde(flatten)]
        ended: Ended,
    },
    /// The step has ended.
    End { resource: String, action: String, changed: bool },
    /// A notice was delivered, or is void.
    Settle { debt: Debt },
    /// Operation `of` of the run that this one takes back was taken back by these of its own.
    Reverted { of: u64, by: Vec<u64> },
    /// The last line of a run that was not cut off.
    Finish(Finish),
}

/// What a run was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of this form.
    pub schema_version: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Runs are ordered by this, never by a clock.
    pub sequence: u64,
    /// Seconds since 1970, by the wall clock.
    pub started: u64,
    /// Number of the process.
    pub process: u32,
    /// What was asked for, for people.
    pub command: String,
    /// The run that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The recipes that were asked for, roles expanded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_list: Vec<String>,
    /// Notices that earlier runs still owed when it started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Debt>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// Version of this form, said again for those who read no more than the end.
    pub schema_version: u32,
    /// Seconds since 1970, by the wall clock.
    pub finished: u64,
    /// The counts; those of a failed run are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Notices that are still owed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Debt>,
}
