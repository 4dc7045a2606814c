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
}

impl Converge<'_> {
    /// Queues what earlier runs owe.
    pub(super) fn take_over(&mut self, owed: Vec<Debt>) {
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

    /// The delayed notices, also those that are queued meanwhile. A failing one does not stop the others.
    pub(super) fn delayed(&mut self) {
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
        if let Some(queued) = self.queue.iter_mut().find(same) {
            queued.uncertain &= uncertain;
            queued.debts.extend(debts);
        } else {
            self.queue.push(Queued { notice, by: by.to_owned(), owed, uncertain, debts });
        }
    }

    pub(super) fn notices(&self, index: usize, timing: Timing) -> Vec<Notice> {
        self.run.notices[index].iter().filter(|notice| notice.timing == timing).cloned().collect()
    }

    /// What changing entry `index` promises: its immediate and delayed notices, and as a part of composites what those
    /// promise. A composite hears of its parts without doing anything itself: that notice is nothing to remember, but
    /// what follows from it is.
    pub(super) fn debts(&self, index: usize) -> Vec<Debt> {
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

    pub(super) fn debt(&self, by: usize, notice: &Notice) -> Debt {
        Debt {
            by: self.run.entries[by].id.clone(),
            to: self.run.entries[notice.to].id.clone(),
            action: notice.action.name.to_owned(),
        }
    }

    /// Immediate notices at once, then the delayed ones into the queue (also when an immediate one failed).
    pub(super) fn tell(&mut self, index: usize, debts: &[Debt], uncertain: bool, depth: usize) -> Flow<()> {
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
    pub(super) fn delayed_too(&self, index: usize, notice: &Notice) -> bool {
        self.run.notices[index].iter().any(|other| {
            other.timing == Timing::Delayed && other.to == notice.to && other.action.name == notice.action.name
        })
    }

    /// After a failure that may have changed something: what was promised is delivered all the same, at the end of the run
    /// also what was to be told at once.
    pub(super) fn keep_promises(&mut self, index: usize, debts: &[Debt]) {
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

    pub(super) fn promise(&mut self, index: usize, debts: &[Debt], uncertain: bool) {
        let run = self.run;
        for notice in self.notices(index, Timing::Delayed) {
            let debt = self.debt(index, &notice);
            let settles = debts.iter().filter(|owed| **owed == debt).cloned().collect();
            self.enqueue(notice, &run.entries[index].id, settles, false, uncertain);
        }
    }

    /// The composites that entry `index` is part of, inner ones first.
    pub(super) fn wholes(&self, index: usize) -> Vec<usize> {
        let mut wholes = Vec::new();
        for notice in self.run.notices[index].iter().filter(|notice| notice.to_composite()) {
            wholes.push(notice.to);
            wholes.extend(self.wholes(notice.to));
        }
        wholes
    }
}
