//! Neighbours that are carried out together: packages in one transaction, files synced as one group.
use std::{collections::HashSet, time::Instant};

use super::{Converge, Flow, Why};
use crate::{
    event::{Cause, Event, Outcome},
    host::{Op, Transaction},
    recipe::{
        Timing,
        declared::{AnyAction, Attempt},
    },
    resource::Pending,
};

impl Converge<'_> {
    /// Where the run of neighbours that may be carried out together with `index` ends; `index + 1` when it stands alone.
    pub(super) fn batch_end(&self, index: usize) -> usize {
        let class = self.run.entries[index].item.batch();
        let mut met = HashSet::new();
        let mut joins = |at: usize| {
            let entry = &self.run.entries[at];
            let common = entry.item.common();
            class.is_some()
                && entry.whole.is_none()
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
    pub(super) fn batch(&mut self, start: usize, end: usize) -> usize {
        let run = self.run;
        let started = Instant::now();
        let mut members: Vec<(usize, AnyAction, Attempt)> = Vec::new();
        let mut joined: Vec<Op> = Vec::new();
        let mut named: HashSet<String> = HashSet::new();
        for index in start..end {
            if self.interrupted() {
                return run.entries.len();
            }
            let action = run.entries[index].actions().remove(0);
            let attempt = match run.entries[index].item.attempt(&action, self.host.as_probe()) {
                Ok(attempt) => attempt,
                Err(_) => break, // met again when it is tried alone, and reported there
            };
            if let Attempt::Pending(pending) = &attempt {
                let names: Vec<String> = packages(pending.operations()).flat_map(Transaction::names).cloned().collect();
                // What is asked of one package twice, is asked one after the other.
                if names.iter().any(|name| named.contains(name)) || !join(&mut joined, pending.operations()) {
                    break;
                }
                named.extend(names);
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
    pub(super) fn batch_alone(&mut self, members: Vec<(usize, AnyAction, Attempt)>, started: Instant) -> usize {
        let next = members.last().map_or(self.run.entries.len(), |(index, _, _)| index + 1);
        let mut moved = false;
        for (index, action, attempt) in members {
            match attempt {
                // What came or went for one package may be another.
                Attempt::UpToDate | Attempt::Skipped(_) if moved => {
                    if self.act(index, &action, Why::DECLARED).is_err() && !self.dry {
                        return self.run.entries.len();
                    }
                }
                Attempt::Skipped(reason) => {
                    let outcome = Outcome::Skipped { reason: &reason, doubts: &[] };
                    self.ended(index, &action, Why::DECLARED, started, outcome);
                }
                Attempt::UpToDate => {
                    self.ended(index, &action, Why::DECLARED, started, Outcome::UpToDate { doubts: &[] });
                }
                Attempt::Pending(pending) => {
                    moved = packages(pending.operations()).next().is_some();
                    drop(pending);
                    if self.act(index, &action, Why::DECLARED).is_err() && !self.dry {
                        return self.run.entries.len();
                    }
                }
            }
        }
        next
    }

    pub(super) fn batch_together(
        &mut self,
        members: Vec<(usize, AnyAction, Attempt)>,
        joined: &[Op],
        started: Instant,
    ) -> usize {
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
        let mut belongs = vec![Vec::new(); joined.len()];
        let mut own = 0..0;
        for (index, action, attempt) in &members {
            let Attempt::Pending(pending) = attempt else { continue };
            own = own.end..own.end + pending.operations().len();
            // Transactions become one; other operations stay a list.
            let one = matches!(joined, [Op::Packages(_)]);
            for operation in belongs.get_mut(if one { 0..1 } else { own.clone() }).unwrap_or_default() {
                operation.push((run.entries[*index].id.as_str(), action.name));
            }
        }
        self.ledger.joined(&belongs);
        let done = self.host.perform_all(joined);
        let doubts = self.host.take_doubts();
        let mut moved = false;
        for (index, action, attempt) in members {
            let outcome = match (attempt, &done) {
                (Attempt::UpToDate | Attempt::Skipped(_), _) if moved => self.act(index, &action, Why::DECLARED),
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
                    moved |= packages(joined).next().is_some();
                    if !self.dry && pending.verify(self.host.as_probe()).is_ok() {
                        let done = crate::host::Performed::Done;
                        self.batch_member(index, &action, pending, done, &doubts, started)
                    } else {
                        drop(pending);
                        self.act(index, &action, Why::DECLARED)
                    }
                }
                (Attempt::Pending(pending), Ok(performed)) => {
                    moved |= packages(joined).next().is_some();
                    self.batch_member(index, &action, pending, *performed, &doubts, started)
                }
            };
            if outcome.is_err() && !self.dry {
                return run.entries.len();
            }
        }
        next
    }

    pub(super) fn batch_member(
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
            self.touch(index, None);
            self.keep_promises(index, 1);
            return self.failed(index, action, Why::DECLARED, started, error);
        }
        let mut changed = pending.into_changed();
        // The first member carries the package changes of the whole transaction.
        changed.packages = self.host.take_package_changes();
        self.ended(index, action, Why::DECLARED, started, Outcome::Changed { changed: &changed, doubts });
        self.tell(index, 1, !doubts.is_empty(), 0)
    }
}

/// The transactions among some operations.
fn packages(operations: &[Op]) -> impl Iterator<Item = &Transaction> {
    operations
        .iter()
        .filter_map(|operation| if let Op::Packages(transaction) = operation { Some(transaction) } else { None })
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
            | Op::Kept(_)
            | Op::Foreseen(_)
            | Op::Records(_)
            | Op::Run(_)
            | Op::Act(_)
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
