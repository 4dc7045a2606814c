use crate::{
    Result,
    host::{Dry, Fake, Host, Op},
    recipe::{
        Declared,
        declared::{AnyAction, Attempt, Item},
    },
    resource::{Action, Resource, carry_out},
};

/// Checks on a pretend machine what holds for every kind and action:
///
/// - *plan = done*: a plan without doubts shows exactly the operations that are then performed, and the machine it
///   predicts needs nothing more;
/// - *twice = once*: what has been done is up to date, unless the action is one to be done each time (restart, run).
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
    }
    broken
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
    operations.iter().all(|op| !matches!(op, Op::Run(_)))
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
