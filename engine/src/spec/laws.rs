use crate::{
    Error, Result,
    host::{Dry, Ended, Fake, Grade, Host, Journal, Op, Sink, Undo},
    recipe::{
        Declared,
        declared::{AnyAction, Attempt, Item},
        kind,
    },
    resource::{Action, Resource, carry_out},
    values::Blob,
};

/// Checks on a pretend machine what holds for every kind and action:
///
/// - *plan = done*: a plan without doubts shows exactly the operations that are then performed, and the machine it
///   predicts needs nothing more;
/// - *twice = once*: what has been done is up to date, unless the action is one to be done each time (restart, run);
/// - *undo restores*: what the journal can take back exactly leaves the machine as it was;
/// - *found = there*: the declaration that describes the thing finds nothing to do.
///
/// That a plan leaves no trace is kept by a type: it borrows the machine as a [`Probe`](crate::host::Probe), which cannot
/// change anything.
///
/// # Panics
/// With every law that is broken.
#[track_caller]
pub fn laws<R: Resource>(resource: R, action: R::Action, machine: &Fake) {
    let declared = Declared::from(resource);
    let id = declared.id();
    let Some(any) = declared.action_named(action.name()) else { unreachable!("an action has a name") };
    let broken = broken(&declared, &any, machine);
    assert!(broken.is_empty(), "{id}: action `{}` breaks laws:\n{}", action.name(), broken.join("\n"));
}

/// One action carried out: its operations, and whether it was one to be done each time.
pub(super) struct Done {
    pub operations: Vec<Op>,
    pub event: bool,
}

/// Carries out an action on any host.
pub(super) fn carry(item: &dyn Item, action: &AnyAction, host: &mut dyn Host) -> Result<Done> {
    match item.attempt(action, host.as_probe())? {
        Attempt::Skipped(_) | Attempt::UpToDate => Ok(Done { operations: Vec::new(), event: false }),
        Attempt::Pending(pending) => {
            let operations = pending.operations().to_vec();
            carry_out(&*pending, host)?;
            Ok(Done { operations, event: pending.into_changed().event.is_some() })
        }
    }
}

/// Every law that is broken, a sentence each.
pub(super) fn broken(item: &dyn Item, action: &AnyAction, machine: &Fake) -> Vec<String> {
    let mut broken = Vec::new();
    let mut dry = Dry::new(machine);
    let planned = carry(item, action, &mut dry);
    let doubts = dry.take_doubts();
    broken.extend(undone(item, action, machine));
    let mut machine = machine.clone();
    let done = carry(item, action, &mut machine);
    match (&planned, &done) {
        (Ok(planned), Ok(done)) if doubts.is_empty() && planned.operations != done.operations => {
            let (planned, done) = (&planned.operations, &done.operations);
            broken.push(format!("plan = done: planned were {}, performed were {}", shown(planned), shown(done)));
        }
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
        (Err(error), Ok(_)) if doubts.is_empty() => {
            broken.push(format!("plan = done: the plan fails ({error}), the run does not"));
        }
        (Ok(_), Err(error)) if doubts.is_empty() && predictable(&planned) => {
            broken.push(format!("plan = done: the run fails ({error}), the plan does not"));
        }
        (Err(_), Ok(_)) | (Ok(_), Err(_)) => {}
    }
    if let (Ok(planned), true) = (&planned, doubts.is_empty())
        && predictable_operations(&planned.operations)
    {
        again("plan = done: after the plan", planned, carry(item, action, &mut dry), &mut broken);
    }
    if let Ok(done) = &done {
        let before = machine.clone();
        again("twice = once: after the run", done, carry(item, action, &mut machine), &mut broken);
        if !done.event {
            broken.extend(
                machine.differences(&before).into_iter().map(|difference| format!("twice = once: {difference}")),
            );
        }
        broken.extend(described(item, &machine));
    }
    broken
}

/// Whether the declaration that is made of what is there has anything to do.
fn described(item: &dyn Item, machine: &Fake) -> Vec<String> {
    let Ok(Some(found)) = item.found(machine) else { return Vec::new() };
    let mut words: Vec<String> = found.actions.iter().map(ToString::to_string).collect();
    if words.is_empty() {
        words.push("nothing".to_owned());
    }
    let properties = found.properties.into_iter().chain(found.private).collect();
    let made = match kind(found.kind).map(|kind| kind.make(&found.name, &properties, &words)) {
        Ok(Ok(made)) => made,
        Ok(Err(sentences)) => return vec![format!("found = there: {}", sentences.join("; "))],
        Err(sentence) => return vec![format!("found = there: {sentence}")],
    };
    let mut broken: Vec<_> = made.check().iter().map(|fault| format!("found = there: {fault}")).collect();
    for action in made.0.actions() {
        match carry(&*made.0, &action, &mut machine.clone()) {
            Ok(done) if done.operations.is_empty() => {}
            Ok(done) => broken.push(format!("found = there: {} are still to be performed", shown(&done.operations))),
            Err(error) => broken.push(format!("found = there: {error}")),
        }
    }
    broken
}

/// Carries out an action with a journal, takes everything back, and tells what is not as it was.
fn undone(item: &dyn Item, action: &AnyAction, before: &Fake) -> Vec<String> {
    let mut machine = before.clone();
    let mut notebook = Notebook::default();
    // Also what an action did before it failed can be taken back.
    let carried = carry(item, action, &mut Journal::new(&mut machine, &mut notebook));
    if carried.is_err() && notebook.0.is_empty() {
        return Vec::new();
    }
    if notebook.0.iter().any(|undo| undo.grade != Grade::Exact) {
        return Vec::new();
    }
    for operation in notebook.0.iter().rev().flat_map(|undo| &undo.operations) {
        match machine.perform(operation) {
            // What is gone already need not be removed: `userdel` takes the private group along.
            Ok(_) | Err(Error::Missing { .. }) => {}
            Err(error) => {
                return vec![format!("undo restores: {} fails: {error}", shown(std::slice::from_ref(operation)))];
            }
        }
    }
    let differences = machine.differences(before).into_iter();
    // Whether a service that does not run has failed is nothing to bring back.
    let only_failed = |line: &str| {
        line.ends_with(r#"[active]: "no" and "failed""#) || line.ends_with(r#"[active]: "failed" and "no""#)
    };
    let differences = differences.filter(|difference| !only_failed(difference));
    differences.map(|difference| format!("undo restores: {difference}")).collect()
}

/// A journal in memory.
#[derive(Default)]
struct Notebook(Vec<Undo>);

impl Sink for Notebook {
    fn keep(&mut self, _: &[Blob]) -> Result<()> {
        Ok(())
    }

    fn begin(&mut self, operations: &[(Op, Undo)]) -> Result<u64> {
        let first = self.0.len() as u64;
        self.0.extend(operations.iter().map(|(_, undo)| undo.clone()));
        Ok(first)
    }

    fn end(&mut self, number: u64, ended: &Ended) -> Result<()> {
        let Some(line) = usize::try_from(number).ok().and_then(|number| self.0.get_mut(number)) else { return Ok(()) };
        if let Some(undo) = &ended.undo {
            line.clone_from(undo);
        }
        if ended.error.is_some() {
            // Nothing of it was done: on a pretend machine an operation is carried out whole or not at all.
            line.operations.clear();
        }
        Ok(())
    }
}

fn again(when: &str, first: &Done, second: Result<Done>, broken: &mut Vec<String>) {
    match second {
        Ok(second) if second.operations.is_empty() || first.event && second.event => {}
        Ok(second) => broken.push(format!("{when}, {} are still to be performed", shown(&second.operations))),
        Err(error) => broken.push(format!("{when}, the same action fails: {error}")),
    }
}

/// A command may fail, and what it leads to cannot be known beforehand.
fn predictable_operations(operations: &[Op]) -> bool {
    operations.iter().all(|op| match op {
        Op::Run(_) => false,
        Op::Kept(kept) => kept.file().is_some(),
        _ => true,
    })
}

fn predictable(done: &Result<Done>) -> bool {
    done.as_ref().is_ok_and(|done| {
        predictable_operations(&done.operations)
            // Whether a service comes up shows only when it is started.
            && done.operations.iter().all(|op| !matches!(op, Op::Service { .. }))
    })
}

fn shown(operations: &[Op]) -> String {
    serde_json::to_string(operations).unwrap_or_else(|error| error.to_string())
}
