//! Reports: listeners to the engine's events. Standard output carries the report alone, everything else is on standard error.
mod describe;
mod human;
mod json;
mod progress;
mod style;

pub use describe::{Sign, describe, sign};
pub use human::Human;
pub use json::{Document, Lines, SCHEMA_VERSION};
pub use progress::Progress;
pub use style::{Style, printable};

use brasa::event::{Event, Summary};

/// What a report is told at the end.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The counts; absent when the run ended before anything was converged.
    pub summary: Option<Summary>,
    /// The exit code of the program.
    pub exit_code: u8,
    /// What went wrong, when something did: the sentence and what to do about it.
    pub failure: Option<(String, Vec<String>)>,
    /// Seconds the run took, by the monotonic clock.
    pub seconds: f64,
}

/// Who makes a report out of what happens.
pub trait Report {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// The run has ended; the last thing it is told.
    fn end(&mut self, verdict: &Verdict);
}
