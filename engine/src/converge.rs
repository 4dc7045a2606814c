//! The loop: resources in order, each brought to its state, with notices, guards, retries and failures.
mod batch;
mod ledger;
mod notices;
#[cfg(test)]
mod tests;
mod whole;

use std::time::{Duration, Instant};

pub use self::ledger::{Ledger, NoLedger};
use self::whole::Frame;
use crate::{
    Error, Kind, Result,
    compile::Run,
    event::{Cause, Debt, Event, Outcome, Rebooting, Summary},
    host::{Act, Host, LogLevel, Op, Reboot},
    recipe::{
        Acts, Timing,
        declared::{AnyAction, Attempt},
    },
    resource::{Pending, groups},
    values::Seconds,
};

/// What a run is given beside the host.
pub struct Context<'a> {
    /// Where promises are kept.
    pub ledger: &'a mut dyn Ledger,
    /// Who is told what happens.
    pub listen: &'a mut dyn FnMut(&Event),
    /// Notices that earlier runs still owe.
    pub owed: Vec<Debt>,
    /// The number of a signal that asked the run to stop, if one has come.
    pub stop: &'a dyn Fn() -> Option<i32>,
}

/// How deep immediate notices may call each other before it is taken for a circle.
const DEPTH: usize = 100;

/// Chef's default wait before a retry.
const RETRY_DELAY: Seconds = Seconds(2);

impl Run {
    /// Brings `host` to the declared state, in order. On a dry host this is the plan.
    ///
    /// Converging stops at the first failure and still delivers the delayed notices; a plan goes on, so that it shows
    /// every failure at once.
    ///
    /// # Errors
    /// The failures, each with its resource and place. The counts were told to the listener before.
    pub fn converge(&self, host: &mut dyn Host, context: Context) -> Result<Summary> {
        let Context { ledger, listen, owed, stop } = context;
        let mut converge = Converge {
            run: self,
            dry: host.is_dry(),
            host,
            ledger,
            listen,
            stop,
            frames: vec![Frame::default()],
            summary: Summary::default(),
            failures: Vec::new(),
            over: false,
        };
        let event = Event::Started {
            recipes: self.recipes(),
            resources: self.entries.len(),
            cookbooks: self.origins(),
            dry: converge.dry,
        };
        (converge.listen)(&event);
        converge.take_over(owed);
        converge.queue_delayed_actions(None);
        converge.declared();
        converge.delayed();
        if let Err(error) = converge.host.finish() {
            converge.failures.push(error);
        }
        // Also one that came during the last step: whoever sent it is to see that it was heard.
        converge.interrupted();
        // After that: a reboot begins by ending whatever runs.
        converge.reboot();
        converge.finish()
    }
}

struct Converge<'a> {
    run: &'a Run,
    host: &'a mut dyn Host,
    dry: bool,
    ledger: &'a mut dyn Ledger,
    listen: &'a mut dyn FnMut(&Event),
    stop: &'a dyn Fn() -> Option<i32>,
    /// The run, and the composites inside each other whose parts are being converged. Never empty.
    frames: Vec<Frame>,
    summary: Summary,
    failures: Vec<Error>,
    /// A reboot was asked for that waits for nothing but delayed notices.
    over: bool,
}

/// Why an action is taken, and how sure that is.
#[derive(Clone, Copy)]
struct Why<'c> {
    cause: Cause<'c>,
    /// In a plan: whatever told it may not change at all.
    uncertain: bool,
    depth: usize,
}

impl Why<'static> {
    const DECLARED: Self = Self { cause: Cause::Declared, uncertain: false, depth: 0 };
}

/// A step failed; the error is in `failures` already.
struct Stopped;

type Flow<T> = std::result::Result<T, Stopped>;

impl Converge<'_> {
    /// Every resource's own actions, in order, until something fails; in a plan all of them.
    fn declared(&mut self) {
        let mut index = 0;
        while index < self.run.entries.len() && (self.dry || self.failures.is_empty()) {
            if self.run.entries[index].whole.is_some() {
                index += 1; // a part acts where its composite does
                continue;
            }
            let end = self.batch_end(index);
            if end - index > 1 {
                index = self.batch(index, end);
                continue;
            }
            for action in self.run.entries[index].actions() {
                if self.over || self.interrupted() || self.act(index, &action, Why::DECLARED).is_err() && !self.dry {
                    return;
                }
            }
            index += 1;
        }
    }

    /// Schedules the reboot that was asked for.
    fn reboot(&mut self) {
        let Some(reboot) = self.host.take_reboot() else { return };
        let reason = &reboot.reason;
        let message = if !reboot.now && !self.failures.is_empty() {
            format!("the machine is not rebooted, as the run failed: {reason}")
        } else {
            if let Err(error) = self.host.reboot(&reboot) {
                self.summary.reboot = Rebooting::Failed;
                return self.failures.push(error);
            }
            self.summary.reboot = Rebooting::Scheduled;
            format!("the machine is rebooted {}: {reason}", reboot.when())
        };
        (self.listen)(&Event::Noted { resource: "", level: LogLevel::Warn, message: &message });
    }

    fn finish(self) -> Result<Summary> {
        let Self { mut failures, summary, listen, .. } = self;
        let sentences = failures.iter().map(ToString::to_string).collect();
        listen(&Event::Finished { summary, failures: sentences });
        match failures.len() {
            0 => Ok(summary),
            1 => Err(failures.remove(0)),
            _ => Err(Error::Several(failures)),
        }
    }

    fn interrupted(&mut self) -> bool {
        let Some(signal) = (self.stop)() else { return false };
        if !self.failures.iter().any(|failure| matches!(failure.kind(), Kind::Interrupted(_))) {
            self.failures.push(Error::Interrupted(signal));
        }
        true
    }

    /// One action of one resource, with everything that follows from it.
    fn act(&mut self, index: usize, action: &AnyAction, why: Why) -> Flow<()> {
        let started = Instant::now();
        let entry = &self.run.entries[index];
        if why.depth > DEPTH {
            let error = Error::failed(format!("immediate notices go round in a circle through {}", entry.id))
                .hint("make one of them delayed");
            return self.failed(index, action, why, started, error);
        }
        (self.listen)(&Event::Begun { resource: &entry.id, action: action.name, cause: why.cause });
        let common = entry.item.common();
        let mut left = if common.ignore_failure || self.dry { 0 } else { common.retries };
        loop {
            let attempt = match entry.acts {
                Acts::Itself => self.attempt(index, action, why, started),
                Acts::ByParts { .. } => self.attempt_whole(index, action, why, started),
            };
            match attempt {
                Ok(done) => return done,
                Err(error) if left > 0 && !matches!(error, Error::Interrupted(_)) => {
                    left -= 1;
                    let event =
                        Event::Retried { resource: &entry.id, action: action.name, error: error.to_string(), left };
                    (self.listen)(&event);
                    self.pause(common.retry_delay.unwrap_or(RETRY_DELAY));
                    if self.interrupted() {
                        return Err(Stopped);
                    }
                }
                Err(error) => return self.failed(index, action, why, started, error),
            }
        }
    }

    /// Sleeps, and wakes early when a signal asks to stop.
    fn pause(&self, delay: Seconds) {
        let until = Instant::now() + Duration::from(delay);
        while Instant::now() < until && (self.stop)().is_none() {
            std::thread::sleep(Duration::from_millis(100).min(until - Instant::now()));
        }
    }

    /// Guards, the first half of the step, `before` notices, the second half. The outer result is this attempt's own; the
    /// inner one that of the notices it sent.
    fn attempt(&mut self, index: usize, action: &AnyAction, why: Why, started: Instant) -> Result<Flow<()>> {
        let run = self.run;
        let entry = &run.entries[index];
        let mut attempt = entry.item.attempt(action, self.host.as_probe())?;
        if matches!(attempt, Attempt::Pending(_)) && !self.notices(index, Timing::Before).is_empty() {
            if self.tell_before(index, why).is_err() {
                return Ok(Err(Stopped));
            }
            // What was told may have changed what the guards or the resource see.
            attempt = entry.item.attempt(action, self.host.as_probe())?;
        }
        let mut doubts = self.doubts(why);
        if !matches!(attempt, Attempt::Skipped(_)) {
            let notes = entry.item.notes(action, self.host.as_probe())?;
            // What is yet to come keeps a plan from telling it, and is no doubt about the action itself.
            let told = self.host.take_doubts().is_empty();
            for (level, message) in notes.into_iter().filter(|_| told) {
                (self.listen)(&Event::Noted { resource: &entry.id, level, message: &message });
            }
        }
        let pending = match attempt {
            Attempt::Skipped(reason) => {
                self.ended(index, action, why, started, Outcome::Skipped { reason: &reason, doubts: &doubts });
                return Ok(Ok(()));
            }
            Attempt::UpToDate => {
                self.ended(index, action, why, started, Outcome::UpToDate { doubts: &doubts });
                return Ok(Ok(()));
            }
            Attempt::Pending(pending) => pending,
        };
        let debts = self.debts(index);
        self.ledger.begin(&entry.id, action.name, &debts)?;
        if let Err((error, touched)) = self.carry_out(&*pending) {
            if touched {
                self.touch(index, None);
                self.keep_promises(index, 1);
            }
            self.ledger.end(&entry.id, action.name, touched)?;
            if !touched {
                self.settle(&debts);
            }
            return Err(error);
        }
        if let Err(error) = self.ledger.end(&entry.id, action.name, true) {
            self.touch(index, None);
            self.keep_promises(index, 1);
            return Err(error);
        }
        let more = self.host.take_doubts();
        doubts.extend(more.into_iter().filter(|doubt| !doubts.contains(doubt)).collect::<Vec<_>>());
        let mut changed = pending.into_changed();
        changed.packages = self.host.take_package_changes();
        let ends = |op: &Op| matches!(op, Op::Act(Act::Reboot(Reboot { now: true, .. })));
        self.over |= doubts.is_empty() && changed.operations.iter().any(ends);
        self.ended(index, action, why, started, Outcome::Changed { changed: &changed, doubts: &doubts });
        Ok(self.tell(index, 1, !doubts.is_empty(), why.depth))
    }

    /// Performs and reads back; on failure says whether anything may have been changed.
    fn carry_out(&mut self, pending: &dyn Pending) -> std::result::Result<(), (Error, bool)> {
        let mut done = 0;
        let mut known = true;
        for group in groups(pending.operations()) {
            match self.host.perform_all(group) {
                Ok(performed) => known &= performed == crate::host::Performed::Done,
                Err(error) => {
                    let untouched = group.len() == 1 && group.iter().all(all_or_nothing);
                    return Err((error, !(untouched && self.take_back(&pending.operations()[..done]))));
                }
            }
            done += group.len();
        }
        if known { pending.verify(self.host.as_probe()).map_err(|error| (error, true)) } else { Ok(()) }
    }

    /// Removes the directories that a step made for something that was then refused; whether nothing is left of the step.
    fn take_back(&mut self, done: &[Op]) -> bool {
        let made: Option<Vec<_>> = done
            .iter()
            .rev()
            .map(|op| if let Op::Mkdir { path, .. } = op { Some(path.clone()) } else { None })
            .collect();
        let mut remove = |path| self.host.perform(&Op::Remove { path, recursive: false, backup: 0 }).is_ok();
        made.is_some_and(|made| made.into_iter().all(&mut remove))
    }

    fn doubts(&mut self, why: Why) -> Vec<String> {
        let mut doubts: Vec<String> = Vec::new();
        for doubt in self.host.take_doubts() {
            if !doubts.contains(&doubt) {
                doubts.push(doubt);
            }
        }
        if let (true, Cause::Notified { by, .. } | Cause::Owed { by }) = (why.uncertain, why.cause) {
            doubts.insert(0, format!("only if {by} changes"));
        }
        for doubt in self.frame_doubts() {
            if !doubts.contains(doubt) {
                doubts.push(doubt.clone());
            }
        }
        doubts
    }

    fn ended(&mut self, index: usize, action: &AnyAction, why: Why, started: Instant, outcome: Outcome) {
        match &outcome {
            Outcome::Skipped { doubts: [], .. } => self.summary.skipped += 1,
            Outcome::UpToDate { doubts: [] } => self.summary.up_to_date += 1,
            Outcome::Changed { doubts: [], .. } => self.summary.changed += 1,
            Outcome::Skipped { .. } | Outcome::UpToDate { .. } | Outcome::Changed { .. } | Outcome::Unknown { .. } => {
                self.summary.uncertain += 1;
            }
            Outcome::Failed { .. } => self.summary.failed += 1,
        }
        let run = self.run;
        let entry = &run.entries[index];
        match &outcome {
            Outcome::Changed { doubts: [], .. } => self.touch(index, None),
            Outcome::Changed { .. } | Outcome::Unknown { .. } => self.touch(index, Some(&entry.id)),
            Outcome::Skipped { .. } | Outcome::UpToDate { .. } | Outcome::Failed { .. } => {}
        }
        (self.listen)(&Event::Ended {
            resource: &entry.id,
            action: action.name,
            recipe: &entry.recipe,
            place: &entry.place,
            cause: why.cause,
            outcome,
            seconds: started.elapsed().as_secs_f64(),
        });
    }

    fn failed(&mut self, index: usize, action: &AnyAction, why: Why, started: Instant, error: Error) -> Flow<()> {
        let entry = &self.run.entries[index];
        let mut doubts = self.doubts(why);
        if self.dry && !doubts.is_empty() {
            let sentence = error.to_string();
            if !doubts.contains(&sentence) {
                doubts.insert(0, sentence);
            }
            self.ended(index, action, why, started, Outcome::Unknown { doubts: &doubts });
            // Whether it changes is unknown, so whether it tells anybody is, too.
            return self.tell(index, 1, true, why.depth);
        }
        let ignored = entry.item.common().ignore_failure && !matches!(error, Error::Interrupted(_));
        let (sentence, hints) = (error.to_string(), error.hints());
        self.ended(index, action, why, started, Outcome::Failed { error: sentence, hints, ignored });
        if ignored {
            return Ok(());
        }
        self.failures.push(Error::Step {
            id: entry.id.clone(),
            place: entry.place.clone(),
            action: action.name,
            source: Box::new(error),
        });
        Err(Stopped)
    }
}

/// Whether a failed operation of this kind leaves the machine as it was.
const fn all_or_nothing(operation: &Op) -> bool {
    match operation {
        Op::Write(_) | Op::SetMeta { .. } | Op::Mkdir { .. } | Op::Link { .. } | Op::Log { .. } => true,
        Op::Remove { recursive, .. } => !*recursive,
        // A server carries an update out as a whole, or not at all.
        Op::UpdatePackageLists { .. } | Op::Records(_) => true,
        Op::Packages(_) | Op::Service { .. } | Op::Account(_) | Op::Kept(_) | Op::Foreseen(_) => false,
        Op::Run(_) | Op::Act(_) => false,
    }
}
