//! Composites: their parts are converged where the whole acts, with delayed notices of their own.
use std::time::Instant;

use super::{Converge, Flow, Stopped, Why, notices::Queued};
use crate::{
    Error, Result,
    compile::{Notice, Run},
    event::{Cause, Debt, Outcome},
    recipe::{
        Acts, Timing,
        declared::{AnyAction, Attempt},
    },
    resource::Changed,
};

/// What is being converged: the run itself, or the parts of a composite.
#[derive(Default)]
pub(super) struct Frame {
    whole: Option<usize>,
    unified: bool,
    /// The part whose turn it is, or was last.
    turn: usize,
    /// Delayed notices in the order in which they were first queued; delivered ones stay, so that none is queued twice.
    pub queue: Vec<Queued>,
    waiting: Vec<Waiting>,
    change: Option<Touch>,
    /// How often its parts have promised what it promises.
    promised: usize,
    /// In a plan: why the parts may not act at all.
    doubt: Option<String>,
}

/// Whether parts have changed something.
enum Touch {
    Certain,
    /// In a plan: this one may.
    Perhaps(String),
}

/// An immediate notice to a part whose own turn comes first.
struct Waiting {
    to: usize,
    action: AnyAction,
    by: String,
    uncertain: bool,
    depth: usize,
    settles: Vec<Debt>,
}

impl Run {
    /// The direct parts of a composite, in order.
    fn parts(&self, whole: usize) -> impl Iterator<Item = usize> {
        let inside = move |index: &usize| self.entries[*index].whole.is_some_and(|outer| outer >= whole);
        (whole + 1..self.entries.len())
            .take_while(inside)
            .filter(move |index| self.entries[*index].whole == Some(whole))
    }
}

impl Converge<'_> {
    /// Guards, `before` notices, the parts, and the notices of the whole.
    pub(super) fn attempt_whole(
        &mut self,
        index: usize,
        action: &AnyAction,
        why: Why,
        started: Instant,
    ) -> Result<Flow<()>> {
        let run = self.run;
        let entry = &run.entries[index];
        let mut attempt = entry.item.attempt(action, self.host.as_probe())?;
        if matches!(attempt, Attempt::Pending(_))
            && !self.notices(index, Timing::Before).is_empty()
            && self.would_change(index)?
        {
            if self.tell_before(index, why).is_err() {
                return Ok(Err(Stopped));
            }
            attempt = entry.item.attempt(action, self.host.as_probe())?;
        }
        let mut doubts = self.doubts(why);
        if let Attempt::Skipped(reason) = attempt {
            self.ended(index, action, why, started, Outcome::Skipped { reason: &reason, doubts: &doubts });
            return Ok(Ok(()));
        }
        let failures = self.failures.len();
        let unified = entry.acts == (Acts::ByParts { unified: true });
        let frame = Frame { whole: Some(index), unified, doubt: doubts.first().cloned(), ..Frame::default() };
        self.frames.push(frame);
        self.queue_delayed_actions(Some(index));
        self.parts(index, why);
        self.delayed();
        let Frame { change, promised, .. } = self.frames.pop().unwrap_or_default();
        let failures = self.failures.split_off(failures);
        if !failures.is_empty() {
            // What its parts have changed has changed, whatever the others met.
            if change.is_some() {
                self.touch(index, None);
                self.keep_promises(index, promised);
            }
            if failures.iter().any(|failure| matches!(failure, Error::Interrupted(_))) {
                self.failures.extend(failures);
                return Ok(Err(Stopped));
            }
            return Err(together(failures));
        }
        let uncertain = match change {
            None => {
                self.ended(index, action, why, started, Outcome::UpToDate { doubts: &doubts });
                return Ok(Ok(()));
            }
            Some(Touch::Certain) => !doubts.is_empty(),
            Some(Touch::Perhaps(part)) => {
                doubts.push(format!("only if {part} changes"));
                true
            }
        };
        let changed = Changed { event: Some("changed"), ..Changed::default() };
        self.ended(index, action, why, started, Outcome::Changed { changed: &changed, doubts: &doubts });
        Ok(self.tell(index, promised, uncertain, why.depth))
    }

    /// Every part's own actions, in order, until one fails.
    fn parts(&mut self, whole: usize, why: Why) {
        let run = self.run;
        let why = Why { cause: Cause::Declared, uncertain: why.uncertain, depth: why.depth + 1 };
        for part in run.parts(whole) {
            if let Some(frame) = self.frames.last_mut() {
                frame.turn = part;
            }
            for action in run.entries[part].actions() {
                if self.over || self.interrupted() || self.act(part, &action, why).is_err() && !self.dry {
                    return;
                }
            }
            if self.deliver_waiting(part).is_err() && !self.dry {
                return;
            }
        }
    }

    /// Whether anything would be done if its parts were converged now. Nothing changes before the first part that has
    /// something to do, so what the parts before it see is what they will see.
    fn would_change(&mut self, whole: usize) -> Result<bool> {
        let run = self.run;
        for part in run.parts(whole) {
            let entry = &run.entries[part];
            for action in entry.actions() {
                let pending = matches!(entry.item.attempt(&action, self.host.as_probe())?, Attempt::Pending(_));
                let due = match entry.acts {
                    Acts::Itself => pending,
                    Acts::ByParts { .. } => pending && self.would_change(part)?,
                };
                if due {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Puts off an immediate notice to a part of a unified composite that has not had its turn.
    pub(super) fn put_off(
        &mut self,
        by: &str,
        notice: &Notice,
        uncertain: bool,
        depth: usize,
        settles: &[Debt],
    ) -> bool {
        let (to, action) = (notice.to, notice.action.clone());
        let whole = self.run.entries[to].whole;
        let holds = |frame: &Frame| frame.unified && frame.whole.is_some() && frame.whole == whole && to > frame.turn;
        let Some(at) = self.frames.iter().rposition(holds) else { return false };
        let waiting = Waiting { to, action, by: by.to_owned(), uncertain, depth, settles: settles.to_vec() };
        self.frames[at].waiting.push(waiting);
        true
    }

    /// Takes note that a part has promised, `copies` times, what its composite promises.
    pub(super) fn promised_by_part(&mut self, index: usize, copies: usize) {
        if let Some(whole) = self.run.entries[index].whole
            && let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.whole == Some(whole))
        {
            frame.promised += copies;
        }
    }

    fn deliver_waiting(&mut self, part: usize) -> Flow<()> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let (due, kept) = std::mem::take(&mut frame.waiting).into_iter().partition(|waiting| waiting.to == part);
        frame.waiting = kept;
        let due: Vec<Waiting> = due;
        for Waiting { to, action, by, uncertain, depth, settles } in due {
            let cause = Cause::Notified { by: &by, timing: Timing::Immediately };
            self.act(to, &action, Why { cause, uncertain, depth: depth + 1 })?;
            self.settle(&settles);
        }
        Ok(())
    }

    /// Takes note that an entry has changed something; `perhaps`: only perhaps. Its composite changes with it.
    pub(super) fn touch(&mut self, index: usize, perhaps: Option<&str>) {
        let Some(whole) = self.run.entries[index].whole else { return };
        let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.whole == Some(whole)) else { return };
        match (perhaps, &frame.change) {
            (None, _) => frame.change = Some(Touch::Certain),
            (Some(_), Some(_)) => {}
            (Some(part), None) => frame.change = Some(Touch::Perhaps(part.to_owned())),
        }
    }

    /// Where delayed notices to an entry are queued: with the parts it stands among, if those are being converged.
    pub(super) fn frame_of(&mut self, index: usize) -> &mut Frame {
        let whole = self.run.entries[index].whole;
        let at = self.frames.iter().rposition(|frame| frame.whole == whole).unwrap_or_default();
        &mut self.frames[at]
    }

    /// Why nothing in the composites being converged may act at all, in a plan.
    pub(super) fn frame_doubts(&self) -> impl Iterator<Item = &String> {
        self.frames.iter().filter_map(|frame| frame.doubt.as_ref())
    }
}

fn together(mut failures: Vec<Error>) -> Error {
    if failures.len() == 1 { failures.remove(0) } else { Error::Several(failures) }
}
