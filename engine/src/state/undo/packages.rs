//! Packages that are not as a run left them, and those of others that would go with it.
use std::collections::{BTreeMap, BTreeSet};

use super::{super::Operation, Conflict, UndoItem};
use crate::{
    Result,
    host::{Op, Probe, Provider, Transaction},
};

/// What a run changed of each provider's packages, to tell it from what others did. What cannot be asked about it is met
/// again, and told, when it is taken back.
#[derive(Default)]
pub struct Own(BTreeSet<(Provider, String)>);

impl Own {
    /// Takes note of an operation, the last one on a package first. Returns the packages that are neither in the version in
    /// which it left them nor in that before.
    pub fn note(&mut self, operation: &Operation, probe: &dyn Probe) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for back in transactions(&operation.way_back().operations) {
            let changes: Vec<_> = operation.ended.iter().flat_map(|ended| &ended.packages).collect();
            for name in back.names() {
                let first = self.0.insert((back.provider.clone(), name.clone()));
                let Some(change) = changes.iter().find(|change| first && change.name == *name) else { continue };
                let Ok(state) = probe.packages(&back.provider, std::slice::from_ref(name)) else { continue };
                let now = state.into_iter().next().and_then(|state| state.version);
                if now == change.to || now == change.from {
                    continue;
                }
                let version = |version: &Option<String>| match version {
                    Some(version) => format!("installed in version `{version}`"),
                    None => "not installed".to_owned(),
                };
                let why = format!("is {} now: the run left it {}", version(&now), version(&change.to));
                conflicts.push(Conflict { path: name.into(), why });
            }
        }
        conflicts
    }

    /// What would go, or change, with what is taken back.
    pub fn taken_along(&self, items: &[UndoItem], probe: &dyn Probe) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        for back in items.iter().flat_map(|item| transactions(&item.operations)) {
            let Ok(Some(Op::Packages(left))) = needed(back, probe) else { continue };
            for change in probe.simulate(&left).unwrap_or_default() {
                if change.from.is_none() || self.0.contains(&(back.provider.clone(), change.name.clone())) {
                    continue;
                }
                let becomes = change.to.map_or_else(|| "go".to_owned(), |to| format!("become `{to}`"));
                let why = format!("would {becomes} with it, and the run did not bring it");
                let conflict = Conflict { path: change.name.into(), why };
                if !conflicts.contains(&conflict) {
                    conflicts.push(conflict);
                }
            }
        }
        conflicts
    }
}

/// Those by which packages come or go.
fn transactions(operations: &[Op]) -> impl Iterator<Item = &Transaction> {
    operations.iter().filter_map(|operation| {
        let Op::Packages(transaction) = operation else { return None };
        (!transaction.moves_nothing()).then_some(transaction)
    })
}

/// What of a transaction is not so already.
pub fn needed(transaction: &Transaction, probe: &dyn Probe) -> Result<Option<Op>> {
    let mut left = transaction.clone();
    let names: Vec<_> = transaction.install.iter().map(|spec| spec.name.clone()).collect();
    let states: BTreeMap<_, _> = names.iter().cloned().zip(probe.packages(&transaction.provider, &names)?).collect();
    left.install.retain(|spec| match (states.get(&spec.name), &spec.version) {
        (Some(state), None) => state.version.is_none(),
        (Some(state), asked) => state.version != *asked,
        (None, _) => true,
    });
    let states = probe.packages(&transaction.provider, &transaction.remove)?;
    let present: BTreeMap<_, _> = transaction.remove.iter().zip(states).collect();
    left.remove.retain(|name| present.get(name).is_none_or(|state| state.version.is_some()));
    for (names, held) in [(&mut left.hold, true), (&mut left.release, false)] {
        let states = probe.packages(&transaction.provider, names)?;
        let mut differs = states.iter().map(|state| state.held != held);
        names.retain(|_| differs.next().unwrap_or(true));
    }
    let comes: Vec<_> = left.install.iter().map(|spec| spec.name.clone()).collect();
    for (names, automatic) in [(&mut left.manual, false), (&mut left.automatic, true)] {
        let states = probe.packages(&transaction.provider, names)?.into_iter();
        let marked = states.map(|state| state.version.map(|_| state.automatic));
        let mut marked: BTreeMap<_, _> = names.iter().cloned().zip(marked).collect();
        // One that comes again is marked by that; one that has gone has no mark.
        names.retain(|name| comes.contains(name) || marked.remove(name).flatten().is_some_and(|now| now != automatic));
    }
    Ok((!left.is_empty()).then_some(Op::Packages(left)))
}
