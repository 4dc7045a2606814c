use super::line::Line;
use crate::event::Debt;

/// Which notices are owed, and which steps and operations are under way: kept while writing, worked out again when reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// A notice promised twice stands here twice, and is settled twice.
    pub owed: Vec<Debt>,
    /// What the run itself was asked for: what it owes, it owes because of that.
    run_list: Vec<String>,
    /// Steps that have begun and not ended, in order.
    pub open: Vec<Open>,
}

#[derive(Clone, Debug)]
pub(super) struct Open {
    pub resource: String,
    pub action: String,
    owes: Vec<Debt>,
    /// Whether an operation has begun since: only then is anything owed.
    touched: bool,
}

impl Book {
    pub fn apply(&mut self, line: &Line) {
        match line {
            Line::Header(header) => {
                self.owed.clone_from(&header.owed);
                self.run_list.clone_from(&header.run_list);
            }
            Line::Begin { resource, action, owes } => {
                // One that is tried again, alone after a batch failed, promises the same once more and not twice.
                if !self.open.iter().any(|open| open.resource == *resource && open.action == *action) {
                    let (resource, action) = (resource.clone(), action.clone());
                    self.open.push(Open { resource, action, owes: owes.clone(), touched: false });
                }
            }
            Line::Op { .. } => {
                for open in self.open.iter_mut().filter(|open| !open.touched) {
                    open.touched = true;
                    self.owed.append(&mut open.owes.clone());
                }
            }
            Line::End { resource, action, changed } => {
                let same = |open: &Open| open.resource == *resource && open.action == *action;
                if let Some(at) = self.open.iter().position(same) {
                    let open = self.open.remove(at);
                    if *changed && !open.touched {
                        self.owed.extend(open.owes);
                    }
                }
            }
            Line::Settle { debt } => {
                if let Some(at) = self.owed.iter().position(|owed| owed == debt) {
                    self.owed.remove(at);
                }
            }
            Line::Done { .. } | Line::Reverted { .. } | Line::Finish(_) => {}
        }
    }

    /// Each debt once, as it is handed on to later runs: with what was asked for when it was promised.
    pub fn debts(&self) -> Vec<Debt> {
        let mut debts: Vec<Debt> = Vec::new();
        for debt in &self.owed {
            let mut debt = debt.clone();
            if debt.run_list.is_empty() {
                debt.run_list.clone_from(&self.run_list);
            }
            if !debts.contains(&debt) {
                debts.push(debt);
            }
        }
        debts
    }
}
