//! For the tests of kinds: one action on a pretended machine, and everything that must hold of it whatever the kind.
use crate::{
    Error,
    host::{Dry, EntryKind, Fake, Op, Probe as _},
    resource::{Resource, Step, step},
};

/// Carries out an action and returns what was done, a line each, having checked that a plan says just that, in itself
/// reaches the goal and leaves no trace, and that the second time nothing is done.
pub fn done<R: Resource>(resource: &R, action: R::Action, machine: &mut Fake) -> Vec<String> {
    let before = machine.clone();
    let planned = planned(resource, action, machine);
    assert_eq!(machine.differences(&before), Vec::<String>::new(), "a plan leaves no trace");
    machine.forget_events();
    if let Err(error) = step(resource, action, machine) {
        panic!("{error}");
    }
    let performed: Vec<_> = machine.performed().iter().map(shown).collect();
    assert_eq!(planned, performed, "a plan says what is done");
    machine.forget_events();
    match step(resource, action, machine).expect("the second time nothing is wrong either") {
        Step::UpToDate => assert!(machine.performed().is_empty()),
        Step::Changed(changed) => assert!(changed.event.is_some(), "the second time too: {changed:?}"),
    }
    performed
}

fn planned<R: Resource>(resource: &R, action: R::Action, machine: &Fake) -> Vec<String> {
    let mut dry = Dry::new(machine);
    let mut operations = |when| match step(resource, action, &mut dry) {
        Ok(Step::UpToDate) => (Vec::new(), false),
        Ok(Step::Changed(changed)) => (changed.operations.iter().map(shown).collect(), changed.event.is_some()),
        Err(error) => panic!("the plan, {when}: {error}"),
    };
    let (planned, _) = operations("first");
    let (again, event) = operations("again");
    assert!(again.is_empty() || event, "the plan sees what it has done: {again:?}");
    planned
}

/// What an action is refused with, hints included, having checked that nothing was done.
pub fn refused<R: Resource>(resource: &R, action: R::Action, machine: &mut Fake) -> String {
    let before = machine.clone();
    let error = step(resource, action, machine).expect_err("it is refused");
    assert_eq!(machine.differences(&before), Vec::<String>::new(), "an action that is refused changes nothing");
    with_hints(&error)
}

/// What a file of the machine says.
pub fn text(machine: &Fake, path: &str) -> String {
    let entry = machine.entry(std::path::Path::new(path)).expect("it can be read").expect("it is there");
    let EntryKind::File { content } = entry.kind else { panic!("`{path}` is no file") };
    String::from_utf8(content.bytes().expect("a small file").to_vec()).expect("text")
}

/// The sentence of an error and its hints.
pub fn with_hints(error: &Error) -> String {
    error.hints().iter().fold(error.to_string(), |text, hint| text + "\nhint: " + hint)
}

/// Faults of asking an action of a declaration, hints included.
pub fn faults_of<R: Resource>(resource: &R, action: R::Action) -> Vec<String> {
    resource.check_action(action).iter().map(ToString::to_string).collect()
}

/// Faults of a declaration, hints included.
pub fn faults<R: Resource>(resource: &R) -> Vec<String> {
    resource.check().iter().map(ToString::to_string).collect()
}

fn shown(op: &Op) -> String {
    match op {
        Op::Write(write) => {
            let text = write.content.bytes().map(String::from_utf8_lossy).unwrap_or_default();
            let verify: String = write.verify.iter().map(|line| format!(" verify {line}")).collect();
            let (path, mode, owner, group) = (write.path.display(), write.mode, &write.owner, &write.group);
            format!("write {path} {text:?} {mode} {owner}:{group} backup {}{verify}", write.backup)
        }
        Op::SetMeta { path, mode, owner, group } => format!("set {} {mode} {owner}:{group}", path.display()),
        Op::Mkdir { path, mode, owner, group } => format!("mkdir {} {mode} {owner}:{group}", path.display()),
        Op::Link { path, target, hard } => {
            let kind = if *hard { "hard link" } else { "link" };
            format!("{kind} {} -> {}", path.display(), target.display())
        }
        Op::Remove { path, recursive, backup } => {
            let recursive = if *recursive { " recursive" } else { "" };
            format!("remove {}{recursive} backup {backup}", path.display())
        }
        Op::Service { unit, verb } => format!("{} {unit}", verb.name()),
        Op::Run(command) => format!("run {command}"),
        Op::Foreseen(foreseen) => format!("run {}", foreseen.by),
        Op::Kept(kept) => kept.by.iter().map(|command| format!("run {command}")).collect::<Vec<_>>().join(", "),
        Op::Records(change) => change.to_string(),
        Op::Act(act) => act.to_string(),
        Op::Packages(_) | Op::UpdatePackageLists { .. } | Op::Account(_) | Op::Log { .. } => format!("{op:?}"),
    }
}
