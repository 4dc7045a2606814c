//! What goes on, told to people as it happens, and how long each phase took.
use std::{
    cell::RefCell,
    thread,
    time::{Duration, Instant, SystemTime},
};

use brasa::{Error, host::environment};
use serde_json::{Value, json};

use crate::{failure::Failure, report::printable};

/// The phases of a command on one server.
pub struct Steps {
    name: String,
    quiet: bool,
    started: Instant,
    phase: RefCell<Instant>,
    done: RefCell<Vec<(&'static str, f64)>>,
    tell: fn(&str),
}

impl Steps {
    /// Begins; `tell` prints a line to standard error.
    pub fn of(name: &str, quiet: bool, tell: fn(&str)) -> Self {
        let now = Instant::now();
        Self { name: name.to_owned(), quiet, started: now, phase: now.into(), done: RefCell::default(), tell }
    }

    /// Says what is going on.
    pub fn say(&self, what: &str) {
        if !self.quiet {
            self.warn(what);
        }
    }

    /// Says what people must know in any case.
    pub fn warn(&self, what: &str) {
        (self.tell)(&format!("{}: {}", self.name, printable(what)));
    }

    /// A phase has ended: says so, with its seconds.
    pub fn done(&self, phase: &'static str) {
        let seconds = self.phase.replace(Instant::now()).elapsed().as_secs_f64();
        self.done.borrow_mut().push((phase, seconds));
        self.say(&format!("{phase} ({seconds:.1} s)"));
    }

    /// Seconds since the beginning.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The phases that have ended, for reports.
    pub fn to_json(&self) -> Value {
        self.done.borrow().iter().map(|(phase, seconds)| json!({"phase": phase, "seconds": seconds})).collect()
    }
}

/// A time by which something must have happened, looked at again and again.
pub struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    /// So many seconds from now, with pauses of at most `longest` seconds.
    pub fn of(seconds: u64) -> Self {
        Self { until: Instant::now() + Duration::from_secs(seconds), pause: Duration::from_millis(250) }
    }

    /// Seconds that are left.
    pub fn left(&self) -> u64 {
        self.until.saturating_duration_since(Instant::now()).as_secs()
    }

    /// Waits a while, each time longer up to three seconds; false when time is up.
    ///
    /// # Errors
    /// That a signal asked to stop.
    pub fn wait(&mut self) -> Result<bool, Failure> {
        let left = self.until.saturating_duration_since(Instant::now());
        let end = Instant::now() + self.pause.min(left);
        self.pause = (self.pause * 3 / 2).min(Duration::from_secs(3));
        while Instant::now() < end {
            if let Some(signal) = environment::stop_signal() {
                return Err(Failure::from(Error::Interrupted(signal)).hint("the same command goes on from here"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(!left.is_zero())
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    environment::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
