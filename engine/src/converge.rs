//! The loop: resources in order, each brought to its state, with notices, guards, retries and failures.
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use crate::{
    Error, Result,
    compile::{Notice, Run},
    event::{Cause, Debt, Event, Outcome, Summary},
    host::{Host, Op, Transaction},
    recipe::{
        Timing,
        declared::{AnyAction, Attempt},
    },
    resource::Pending,
    values::Seconds,
};

/// Where steps and promised notices are written down, durably, before anything is changed.
pub trait Ledger {
    /// A step is about to change something; if it does, these notices are owed.
    ///
    /// # Errors
    /// When it cannot be written: then nothing is changed.
    fn begin(&mut self, resource: &str, action: &str, owes: &[Debt]) -> Result<()>;

    /// The step has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    fn end(&mut self, resource: &str, action: &str, changed: bool) -> Result<()>;

    /// The notice was delivered, or is void.
    ///
    /// # Errors
    /// When it cannot be written.
    fn settle(&mut self, debt: &Debt) -> Result<()>;
}

/// A ledger that forgets: for plans and tests.
pub struct NoLedger;

impl Ledger for NoLedger {
    fn begin(&mut self, _: &str, _: &str, _: &[Debt]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &str, _: &str, _: bool) -> Result<()> {
        Ok(())
    }

    fn settle(&mut self, _: &Debt) -> Result<()> {
        Ok(())
    }
}

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
            queue: Vec::new(),
            summary: Summary::default(),
            failures: Vec::new(),
        };
        let event = Event::Started {
            recipes: self.recipes(),
            resources: self.entries.len(),
            cookbooks: self.origins(),
            dry: converge.dry,
        };
        (converge.listen)(&event);
        converge.take_over(owed);
        converge.declared();
        converge.delayed();
        if let Err(error) = converge.host.finish() {
            converge.failures.push(error);
        }
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
    /// Delayed notices in the order in which they were first queued; delivered ones stay, so that none is queued twice.
    queue: Vec<Queued>,
    summary: Summary,
    failures: Vec<Error>,
}

struct Queued {
    notice: Notice,
    by: String,
    owed: bool,
    uncertain: bool,
    /// Every debt that delivering it settles.
    debts: Vec<Debt>,
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
    /// Queues what earlier runs owe.
    fn take_over(&mut self, owed: Vec<Debt>) {
        if owed.is_empty() {
            return;
        }
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for debt in owed {
            let target = self.run.entries.iter().rposition(|entry| entry.id == debt.to);
            let action = target.and_then(|to| self.run.entries[to].item.action_named(&debt.action));
            match (target, action) {
                (Some(to), Some(action)) => {
                    let notice = Notice { to, action, timing: Timing::Delayed };
                    self.enqueue(notice, &debt.by, vec![debt.clone()], true, false);
                    kept.push(debt);
                }
                (Some(_) | None, _) => dropped.push(debt),
            }
        }
        (self.listen)(&Event::Owed { debts: &kept, dropped: &dropped });
        for debt in &dropped {
            if let Err(error) = self.ledger.settle(debt) {
                self.failures.push(error);
            }
        }
    }

    /// Every resource's own actions, in order, until something fails.
    fn declared(&mut self) {
        let mut index = 0;
        while index < self.run.entries.len() && self.failures.is_empty() {
            let end = self.batch_end(index);
            if end - index > 1 {
                index = self.batch(index, end);
                continue;
            }
            for action in self.run.entries[index].actions() {
                if self.interrupted() || self.act(index, &action, Why::DECLARED).is_err() && !self.dry {
                    return;
                }
            }
            index += 1;
        }
    }

    /// The delayed notices, also those that are queued meanwhile. A failing one does not stop the others.
    fn delayed(&mut self) {
        let mut next = 0;
        while let Some(queued) = self.queue.get(next) {
            next += 1;
            let (notice, by, debts) = (queued.notice.clone(), queued.by.clone(), queued.debts.clone());
            let cause = if queued.owed {
                Cause::Owed { by: &by }
            } else {
                Cause::Notified { by: &by, timing: Timing::Delayed }
            };
            let why = Why { cause, uncertain: queued.uncertain, depth: 0 };
            if self.act(notice.to, &notice.action, why).is_ok() {
                self.settle(&debts);
            }
        }
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
        if !self.failures.iter().any(|failure| matches!(failure, Error::Interrupted(_))) {
            self.failures.push(Error::Interrupted(signal));
        }
        true
    }

    fn settle(&mut self, debts: &[Debt]) {
        for debt in debts {
            if let Err(error) = self.ledger.settle(debt) {
                self.failures.push(error);
            }
        }
    }

    fn enqueue(&mut self, notice: Notice, by: &str, debts: Vec<Debt>, owed: bool, uncertain: bool) {
        let same =
            |queued: &&mut Queued| queued.notice.to == notice.to && queued.notice.action.name == notice.action.name;
        if let Some(queued) = self.queue.iter_mut().find(same) {
            queued.uncertain &= uncertain;
            queued.debts.extend(debts);
        } else {
            self.queue.push(Queued { notice, by: by.to_owned(), owed, uncertain, debts });
        }
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
            match self.attempt(index, action, why, started) {
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
        let before: Vec<_> = self.notices(index, Timing::Before);
        if matches!(attempt, Attempt::Pending(_)) && !before.is_empty() {
            for notice in before {
                let cause = Cause::Notified { by: &entry.id, timing: Timing::Before };
                let why = Why { cause, uncertain: why.uncertain, depth: why.depth + 1 };
                if self.act(notice.to, &notice.action, why).is_err() {
                    return Ok(Err(Stopped));
                }
            }
            // What was told may have changed what the guards or the resource see.
            attempt = entry.item.attempt(action, self.host.as_probe())?;
        }
        if !matches!(attempt, Attempt::Skipped(_)) {
            for (level, message) in entry.item.notes(self.host.as_probe())? {
                (self.listen)(&Event::Noted { resource: &entry.id, level, message: &message });
            }
        }
        let mut doubts = self.doubts(why);
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
                self.keep_promises(index, &debts);
            }
            self.ledger.end(&entry.id, action.name, touched)?;
            if !touched {
                self.settle(&debts);
            }
            return Err(error);
        }
        if let Err(error) = self.ledger.end(&entry.id, action.name, true) {
            self.keep_promises(index, &debts);
            return Err(error);
        }
        let more = self.host.take_doubts();
        doubts.extend(more.into_iter().filter(|doubt| !doubts.contains(doubt)).collect::<Vec<_>>());
        let mut changed = pending.into_changed();
        changed.packages = self.host.take_package_changes();
        self.ended(index, action, why, started, Outcome::Changed { changed: &changed, doubts: &doubts });
        Ok(self.tell(index, &debts, !doubts.is_empty(), why.depth))
    }

    /// Performs and reads back; on failure says whether anything may have been changed.
    fn carry_out(&mut self, pending: &dyn Pending) -> std::result::Result<(), (Error, bool)> {
        let mut touched = false;
        let mut known = true;
        for operation in pending.operations() {
            match self.host.perform(operation) {
                Ok(performed) => known &= performed == crate::host::Performed::Done,
                Err(error) => return Err((error, touched || !all_or_nothing(operation))),
            }
            touched = true;
        }
        if known { pending.verify(self.host.as_probe()).map_err(|error| (error, true)) } else { Ok(()) }
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
        doubts
    }

    fn notices(&self, index: usize, timing: Timing) -> Vec<Notice> {
        self.run.notices[index].iter().filter(|notice| notice.timing == timing).cloned().collect()
    }

    /// What changing entry `index` promises: its immediate and delayed notices, and as a part of composites what those
    /// promise. A composite hears of its parts without doing anything itself: that notice is nothing to remember, but
    /// what follows from it is.
    fn debts(&self, index: usize) -> Vec<Debt> {
        let mut debts = Vec::new();
        for notice in &self.run.notices[index] {
            match notice.timing {
                Timing::Before => {}
                Timing::Immediately if notice.to_composite() => debts.extend(self.debts(notice.to)),
                Timing::Immediately | Timing::Delayed => debts.push(self.debt(index, notice)),
            }
        }
        debts
    }

    fn debt(&self, by: usize, notice: &Notice) -> Debt {
        Debt {
            by: self.run.entries[by].id.clone(),
            to: self.run.entries[notice.to].id.clone(),
            action: notice.action.name.to_owned(),
        }
    }

    /// Immediate notices at once, then the delayed ones into the queue (also when an immediate one failed).
    fn tell(&mut self, index: usize, debts: &[Debt], uncertain: bool, depth: usize) -> Flow<()> {
        let run = self.run;
        let id = &run.entries[index].id;
        let mut flow = Ok(());
        for notice in self.notices(index, Timing::Immediately) {
            let cause = Cause::Notified { by: id, timing: Timing::Immediately };
            flow = self.act(notice.to, &notice.action, Why { cause, uncertain, depth: depth + 1 });
            if flow.is_err() {
                break;
            }
            if notice.to_composite() {
                // It has promised the same in its own name now.
                self.settle(&self.debts(notice.to));
                continue;
            }
            let debt = self.debt(index, &notice);
            if debts.contains(&debt) && !self.delayed_too(index, &notice) {
                self.settle(&[debt]);
            }
        }
        self.promise(index, debts, uncertain);
        flow
    }

    /// Whether the same notice is promised again for the end of the run.
    fn delayed_too(&self, index: usize, notice: &Notice) -> bool {
        self.run.notices[index].iter().any(|other| {
            other.timing == Timing::Delayed && other.to == notice.to && other.action.name == notice.action.name
        })
    }

    /// After a failure that may have changed something: what was promised is delivered all the same, at the end of the run
    /// also what was to be told at once.
    fn keep_promises(&mut self, index: usize, debts: &[Debt]) {
        let run = self.run;
        let mut tellers = vec![index];
        tellers.extend(self.wholes(index));
        for teller in tellers {
            let immediate = self.notices(teller, Timing::Immediately).into_iter();
            for notice in immediate.filter(|notice| !notice.to_composite()) {
                let debt = self.debt(teller, &notice);
                let settles = debts.iter().filter(|owed| **owed == debt).cloned().collect();
                self.enqueue(notice, &run.entries[teller].id, settles, false, false);
            }
            self.promise(teller, debts, false);
        }
    }

    fn promise(&mut self, index: usize, debts: &[Debt], uncertain: bool) {
        let run = self.run;
        for notice in self.notices(index, Timing::Delayed) {
            let debt = self.debt(index, &notice);
            let settles = debts.iter().filter(|owed| **owed == debt).cloned().collect();
            self.enqueue(notice, &run.entries[index].id, settles, false, uncertain);
        }
    }

    /// The composites that entry `index` is part of, inner ones first.
    fn wholes(&self, index: usize) -> Vec<usize> {
        let mut wholes = Vec::new();
        for notice in self.run.notices[index].iter().filter(|notice| notice.to_composite()) {
            wholes.push(notice.to);
            wholes.extend(self.wholes(notice.to));
        }
        wholes
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
        let entry = &self.run.entries[index];
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
            doubts.insert(0, error.to_string());
            self.ended(index, action, why, started, Outcome::Unknown { doubts: &doubts });
            // Whether it changes is unknown, so whether it tells anybody is, too.
            let debts = self.debts(index);
            return self.tell(index, &debts, true, why.depth);
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

    /// Where the run of neighbours that may be carried out together with `index` ends; `index + 1` when it stands alone.
    fn batch_end(&self, index: usize) -> usize {
        let class = self.run.entries[index].item.batch();
        let mut met = HashSet::new();
        let mut joins = |at: usize| {
            let entry = &self.run.entries[at];
            let common = entry.item.common();
            class.is_some()
                && entry.item.batch() == class
                && entry.actions().len() == 1
                && common.guards.is_empty()
                && !common.ignore_failure
                && common.retries == 0
                && self.run.notices[at].iter().all(|notice| notice.timing == Timing::Delayed)
                && met.insert(entry.id.as_str())
        };
        let mut end = index;
        while end < self.run.entries.len() && joins(end) {
            end += 1;
        }
        end.max(index + 1)
    }

    /// Carries out neighbours together, as far as their operations join. Returns the index to go on at.
    fn batch(&mut self, start: usize, end: usize) -> usize {
        let run = self.run;
        let started = Instant::now();
        let mut members: Vec<(usize, AnyAction, Attempt)> = Vec::new();
        let mut joined: Vec<Op> = Vec::new();
        for index in start..end {
            if self.interrupted() {
                return run.entries.len();
            }
            let action = run.entries[index].actions().remove(0);
            let attempt = match run.entries[index].item.attempt(&action, self.host.as_probe()) {
                Ok(attempt) => attempt,
                Err(_) => break, // met again when it is tried alone, and reported there
            };
            if let Attempt::Pending(pending) = &attempt
                && !join(&mut joined, pending.operations())
            {
                break;
            }
            members.push((index, action, attempt));
        }
        // Doubts are told per resource: a batch in a plan that has any is carried out one by one.
        let doubtful = !self.host.take_doubts().is_empty();
        let changing = members.iter().filter(|(_, _, attempt)| matches!(attempt, Attempt::Pending(_))).count();
        if doubtful || members.is_empty() {
            let next = start + members.len().max(1);
            for index in start..next {
                let action = run.entries[index].actions().remove(0);
                if self.interrupted() || self.act(index, &action, Why::DECLARED).is_err() && !self.dry {
                    return run.entries.len();
                }
            }
            return next;
        }
        if changing < 2 {
            return self.batch_alone(members, started);
        }
        self.batch_together(members, &joined, started)
    }

    /// Neighbours of which at most one has anything to do: that one is carried out as it would be alone.
    fn batch_alone(&mut self, members: Vec<(usize, AnyAction, Attempt)>, started: Instant) -> usize {
        let next = members.last().map_or(self.run.entries.len(), |(index, _, _)| index + 1);
        for (index, action, attempt) in members {
            match attempt {
                Attempt::Skipped(reason) => {
                    let outcome = Outcome::Skipped { reason: &reason, doubts: &[] };
                    self.ended(index, &action, Why::DECLARED, started, outcome);
                }
                Attempt::UpToDate => {
                    self.ended(index, &action, Why::DECLARED, started, Outcome::UpToDate { doubts: &[] });
                }
                Attempt::Pending(pending) => {
                    drop(pending);
                    if self.act(index, &action, Why::DECLARED).is_err() && !self.dry {
                        return self.run.entries.len();
                    }
                }
            }
        }
        next
    }

    fn batch_together(&mut self, members: Vec<(usize, AnyAction, Attempt)>, joined: &[Op], started: Instant) -> usize {
        let run = self.run;
        let next = members.last().map_or(run.entries.len(), |(index, _, _)| index + 1);
        let pending = |member: &&(usize, AnyAction, Attempt)| matches!(member.2, Attempt::Pending(_));
        for (index, action, _) in members.iter().filter(pending) {
            let id = &run.entries[*index].id;
            (self.listen)(&Event::Begun { resource: id, action: action.name, cause: Cause::Declared });
            let debts = self.debts(*index);
            if let Err(error) = self.ledger.begin(id, action.name, &debts) {
                self.failures.push(error);
                return run.entries.len();
            }
        }
        let done = self.host.perform_all(joined);
        let doubts = self.host.take_doubts();
        for (index, action, attempt) in members {
            let outcome = match (attempt, &done) {
                (Attempt::Skipped(reason), _) => {
                    self.ended(
                        index,
                        &action,
                        Why::DECLARED,
                        started,
                        Outcome::Skipped { reason: &reason, doubts: &[] },
                    );
                    Ok(())
                }
                (Attempt::UpToDate, _) => {
                    self.ended(index, &action, Why::DECLARED, started, Outcome::UpToDate { doubts: &[] });
                    Ok(())
                }
                // Together it failed: what is done all the same has changed, and the others one by one tell whose fault it is.
                (Attempt::Pending(pending), Err(_)) => {
                    if !self.dry && pending.verify(self.host.as_probe()).is_ok() {
                        let done = crate::host::Performed::Done;
                        self.batch_member(index, &action, pending, done, &doubts, started)
                    } else {
                        drop(pending);
                        self.act(index, &action, Why::DECLARED)
                    }
                }
                (Attempt::Pending(pending), Ok(performed)) => {
                    self.batch_member(index, &action, pending, *performed, &doubts, started)
                }
            };
            if outcome.is_err() && !self.dry {
                return run.entries.len();
            }
        }
        next
    }

    fn batch_member(
        &mut self,
        index: usize,
        action: &AnyAction,
        pending: Box<dyn Pending + '_>,
        performed: crate::host::Performed,
        doubts: &[String],
        started: Instant,
    ) -> Flow<()> {
        let id = &self.run.entries[index].id;
        let verified = match performed {
            crate::host::Performed::Done => pending.verify(self.host.as_probe()),
            crate::host::Performed::Assumed => Ok(()),
        };
        let ended = self.ledger.end(id, action.name, true);
        if let Err(error) = verified.and(ended) {
            let debts = self.debts(index);
            self.keep_promises(index, &debts);
            return self.failed(index, action, Why::DECLARED, started, error);
        }
        let mut changed = pending.into_changed();
        // The first member carries the package changes of the whole transaction.
        changed.packages = self.host.take_package_changes();
        self.ended(index, action, Why::DECLARED, started, Outcome::Changed { changed: &changed, doubts });
        let debts = self.debts(index);
        self.tell(index, &debts, !doubts.is_empty(), 0)
    }
}

/// Whether a failed operation of this kind leaves the machine as it was.
const fn all_or_nothing(operation: &Op) -> bool {
    match operation {
        Op::Write(_) | Op::SetMeta { .. } | Op::Mkdir { .. } | Op::Link { .. } | Op::Log { .. } => true,
        Op::Remove { recursive, .. } => !*recursive,
        Op::UpdatePackageLists { .. } => true,
        Op::Packages(_) | Op::Service { .. } | Op::Account(_) | Op::Run(_) => false,
    }
}

/// Adds operations to those carried out together, when they can be: package transactions become one; writes stay a list.
fn join(joined: &mut Vec<Op>, operations: &[Op]) -> bool {
    let mut transactions: Vec<Transaction> = Vec::new();
    for operation in operations {
        match operation {
            Op::Packages(transaction) => transactions.push(transaction.clone()),
            Op::Write(_) | Op::SetMeta { .. } if !joined.iter().any(|op| matches!(op, Op::Packages(_))) => {}
            Op::Write(_)
            | Op::SetMeta { .. }
            | Op::Mkdir { .. }
            | Op::Link { .. }
            | Op::Remove { .. }
            | Op::UpdatePackageLists { .. }
            | Op::Service { .. }
            | Op::Account(_)
            | Op::Run(_)
            | Op::Log { .. } => return false,
        }
    }
    if transactions.is_empty() {
        joined.extend_from_slice(operations);
        return true;
    }
    if transactions.len() != operations.len() {
        return false;
    }
    for transaction in transactions {
        match joined.first_mut() {
            None => joined.push(Op::Packages(transaction)),
            Some(Op::Packages(first)) if first.joins(&transaction) => first.join(transaction),
            Some(_) => return false,
        }
    }
    true
}
