//! Notices: what changing something promises, when it is delivered, and when it no longer need be.
use super::{Converge, Flow, Why};
use crate::{
    compile::Notice,
    event::{Cause, Debt, Event},
    recipe::Timing,
};

pub(super) struct Queued {
    pub notice: Notice,
    pub by: String,
    pub owed: bool,
    pub uncertain: bool,
    /// Every debt that delivering it settles.
    pub debts: Vec<Debt>,
    /// Whether it was delivered. It is not delivered again: as in Chef, whoever asks for the same later asks for nothing.
    pub delivered: bool,
}

impl Converge<'_> {
    /// Queues what earlier runs owe.
    pub(super) fn take_over(&mut self, owed: Vec<Debt>) {
        if owed.is_empty() {
            return;
        }
        let (mut taken, mut kept, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for debt in owed {
            let target = self.run.entries.iter().rposition(|entry| entry.id == debt.to);
            let action = target.and_then(|to| self.run.entries[to].item.action_named(&debt.action));
            match (target, action) {
                (Some(to), Some(action)) => {
                    let notice = Notice { to, action, timing: Timing::Delayed };
                    self.enqueue(notice, &debt.by, vec![debt.clone()], true, false);
                    taken.push(debt);
                }
                // With another run-list it may be declared again: only the one that promised it can tell.
                _ if !debt.run_list.is_empty() && debt.run_list != self.run.wanted() => kept.push(debt),
                (Some(_) | None, _) => dropped.push(debt),
            }
        }
        (self.listen)(&Event::Owed { debts: &taken, kept: &kept, dropped: &dropped });
        for debt in &dropped {
            if let Err(error) = self.ledger.settle(debt) {
                self.failures.push(error);
            }
        }
    }

    /// Queues what acts at the end in any case: of the run itself, or of a composite's parts.
    pub(super) fn queue_delayed_actions(&mut self, whole: Option<usize>) {
        let run = self.run;
        for (index, entry) in run.entries.iter().enumerate().filter(|(_, entry)| entry.whole == whole) {
            for action in &entry.item.common().delayed {
                let notice = Notice { to: index, action: action.clone(), timing: Timing::Delayed };
                self.enqueue(notice, &entry.id, Vec::new(), false, false);
            }
        }
    }

    /// The delayed notices of what is being converged, also those that are queued meanwhile. A failing one does not stop
    /// the others.
    pub(super) fn delayed(&mut self) {
        let mut next = 0;
        while let Some(queued) = self.frames.last().and_then(|frame| frame.queue.get(next)) {
            let at = next;
            next += 1;
            let (notice, by) = (queued.notice.clone(), queued.by.clone());
            let cause = if queued.owed {
                Cause::Owed { by: &by }
            } else {
                Cause::Notified { by: &by, timing: Timing::Delayed }
            };
            let why = Why { cause, uncertain: queued.uncertain, depth: self.frames.len() - 1 };
            if self.act(notice.to, &notice.action, why).is_ok()
                && let Some(queued) = self.frames.last_mut().and_then(|frame| frame.queue.get_mut(at))
            {
                // Also what was promised meanwhile: by what it changed, or by itself.
                queued.delivered = true;
                let debts = std::mem::take(&mut queued.debts);
                self.settle(&debts);
            }
        }
    }

    /// Tells those that are to act before an entry does.
    pub(super) fn tell_before(&mut self, index: usize, why: Why) -> Flow<()> {
        let run = self.run;
        for notice in self.notices(index, Timing::Before) {
            let cause = Cause::Notified { by: &run.entries[index].id, timing: Timing::Before };
            self.act(notice.to, &notice.action, Why { cause, uncertain: why.uncertain, depth: why.depth + 1 })?;
        }
        Ok(())
    }

    /// The notices were delivered.
    pub(super) fn settle(&mut self, debts: &[Debt]) {
        for debt in debts {
            if let Err(error) = self.ledger.settle(debt) {
                self.failures.push(error);
            }
        }
    }

    pub(super) fn enqueue(&mut self, notice: Notice, by: &str, debts: Vec<Debt>, owed: bool, uncertain: bool) {
        let same =
            |queued: &&mut Queued| queued.notice.to == notice.to && queued.notice.action.name == notice.action.name;
        let queue = &mut self.frame_of(notice.to).queue;
        if let Some(queued) = queue.iter_mut().find(same) {
            queued.uncertain &= uncertain;
            if queued.delivered {
                self.settle(&debts);
            } else {
                queued.debts.extend(debts);
            }
        } else {
            queue.push(Queued { notice, by: by.to_owned(), owed, uncertain, debts, delivered: false });
        }
    }

    pub(super) fn notices(&self, index: usize, timing: Timing) -> Vec<Notice> {
        self.run.notices[index].iter().filter(|notice| notice.timing == timing).cloned().collect()
    }

    /// What changing entry `index` promises: its immediate and delayed notices, and as a part of composites what those
    /// promise.
    pub(super) fn debts(&self, index: usize) -> Vec<Debt> {
        let promises = self.run.notices[index].iter().filter(|notice| notice.timing != Timing::Before);
        let mut debts: Vec<_> = promises.map(|notice| self.debt(index, notice)).collect();
        if let Some(whole) = self.run.entries[index].whole {
            debts.extend(self.debts(whole));
        }
        debts
    }

    pub(super) fn debt(&self, by: usize, notice: &Notice) -> Debt {
        Debt {
            by: self.run.entries[by].id.clone(),
            to: self.run.entries[notice.to].id.clone(),
            action: notice.action.name.to_owned(),
            run_list: Vec::new(),
        }
    }

    /// Immediate notices at once, then the delayed ones into the queue (also when an immediate one failed). `copies` is how
    /// often they were promised: of a composite, by each part that changed.
    pub(super) fn tell(&mut self, index: usize, copies: usize, uncertain: bool, depth: usize) -> Flow<()> {
        let run = self.run;
        let id = &run.entries[index].id;
        self.promised_by_part(index, copies);
        let mut flow = Ok(());
        for notice in self.notices(index, Timing::Immediately) {
            let settles = vec![self.debt(index, &notice); copies];
            if self.put_off(id, &notice, uncertain, depth, &settles) {
                continue;
            }
            let cause = Cause::Notified { by: id, timing: Timing::Immediately };
            flow = self.act(notice.to, &notice.action, Why { cause, uncertain, depth: depth + 1 });
            if flow.is_err() {
                break;
            }
            self.settle(&settles);
        }
        self.promise(index, copies, uncertain);
        flow
    }

    /// After a failure that may have changed something: what was promised is delivered all the same, at the end of the run
    /// also what was to be told at once.
    pub(super) fn keep_promises(&mut self, index: usize, copies: usize) {
        let run = self.run;
        self.promised_by_part(index, copies);
        for notice in self.notices(index, Timing::Immediately) {
            let debts = vec![self.debt(index, &notice); copies];
            self.enqueue(notice, &run.entries[index].id, debts, false, false);
        }
        self.promise(index, copies, false);
    }

    fn promise(&mut self, index: usize, copies: usize, uncertain: bool) {
        let run = self.run;
        for notice in self.notices(index, Timing::Delayed) {
            let debts = vec![self.debt(index, &notice); copies];
            self.enqueue(notice, &run.entries[index].id, debts, false, uncertain);
        }
    }
}
