//! Reports: listeners to the engine's events. Standard output carries the report alone, everything else is on standard error.
mod careful;
mod describe;
mod human;
mod json;
mod progress;
mod style;

pub use careful::{Careful, Unwritten};
pub use describe::{Sign, describe, sign};
pub use human::{Human, hides};
pub use json::{Document, Lines, SCHEMA_VERSION};
pub use progress::Progress;
pub use style::{Style, printable};

use brasa::{
    Fault,
    event::{Event, Summary},
    may_be_more,
};
use serde_json::{Value, json};

/// What a report is told at the end.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The counts; absent when the run ended before anything was converged.
    pub summary: Option<Summary>,
    /// The exit code of the program.
    pub exit_code: u8,
    /// What went wrong, when something did.
    pub failure: Option<ReportedFailure>,
    /// Seconds the run took, by the monotonic clock.
    pub seconds: f64,
}

/// What went wrong, for people and for programs.
#[derive(Clone, Debug)]
pub struct ReportedFailure {
    /// The sentence; several lines when there are several faults.
    pub message: String,
    /// What to do about it, a sentence each.
    pub hints: Vec<String>,
    /// What is wrong with the input, one by one.
    pub faults: Vec<Fault>,
}

impl ReportedFailure {
    /// As an object with `message`, `hints` and `faults`, and `more` where they may not be all.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut error = json!({"message": self.message, "hints": self.hints});
        if !self.faults.is_empty() {
            error["faults"] = self.faults.iter().map(fault).collect();
        }
        if may_be_more(&self.faults) {
            error["more"] = json!(true);
        }
        error
    }
}

fn fault(fault: &Fault) -> Value {
    let mut value = json!({"message": fault.message, "hints": fault.hints});
    if let Some(place) = &fault.place {
        value["place"] = json!(place.to_string());
    }
    if let Some(excerpt) = &fault.excerpt {
        value["excerpt"] = json!(excerpt);
    }
    value
}

/// Who makes a report out of what happens.
pub trait Report {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// The run has ended; the last thing it is told.
    fn end(&mut self, verdict: &Verdict);
}
