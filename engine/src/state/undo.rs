mod mounts;
mod packages;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Serialize;

use super::{Operation, Previous, Record, RunLock, State};
use crate::{
    Error, Result,
    event::Summary,
    host::{
        AccountChange, Active, Enabled, Entry, EntryKind, Grade, Host, Journal, Kept, Op, Probe, Seen, ServiceVerb,
        Write, dns::RecordChange, mailbox,
    },
};

/// What taking back a run means, said before it is done.
#[derive(Clone, Debug, Serialize)]
pub struct UndoPlan {
    /// The run.
    pub run: String,
    /// Its operations that are not taken back yet, the latest first: the order in which they will be.
    pub items: Vec<UndoItem>,
    /// What was changed since by somebody else: taking it back would lose that.
    pub conflicts: Vec<Conflict>,
    /// Services that the run made read what is taken back: told again at the end if they run then.
    pub services: Vec<(String, ServiceVerb)>,
}

/// An operation to take back.
#[derive(Clone, Debug, Serialize)]
pub struct UndoItem {
    /// Its number within the run.
    pub number: u64,
    /// What was done.
    pub does: Op,
    /// How well it can be taken back.
    pub grade: Grade,
    /// What will be performed, where it is not so already.
    pub operations: Vec<Op>,
    /// What to know beforehand.
    pub note: Option<String>,
    /// Numbers of the run's operations that are taken back together with this one; those have no operations of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<u64>,
}

/// Something that is not as the run left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// What.
    pub path: PathBuf,
    /// How it differs.
    pub why: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.why)
    }
}

/// How a run is taken back.
pub struct Undoing<'u> {
    /// The command line, for the history.
    pub command: &'u str,
    /// What earlier runs left.
    pub previous: &'u Previous,
    /// Also what was changed since by others.
    pub force: bool,
    /// Hears of each operation before it is taken back.
    pub begin: &'u mut dyn FnMut(&UndoItem),
    /// The signal that asked the run to stop, when one did: it stops before the next operation.
    pub stop: &'u dyn Fn() -> Option<i32>,
}

/// What was taken back.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Undone {
    /// The run that did it, which can be taken back in its turn; `None` when there was nothing to do.
    pub run: Option<String>,
    /// Numbers of the operations taken back.
    pub taken_back: Vec<u64>,
    /// What stays, and why: a sentence each.
    pub stays: Vec<String>,
    /// Operations that could not be taken back.
    pub unable: Vec<Unable>,
    /// How many things were tried and failed.
    pub failed: usize,
}

/// An operation that could not be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unable {
    /// Its number within the run.
    pub number: u64,
    /// Why not.
    pub error: String,
}

impl UndoPlan {
    /// How many of its operations have this grade.
    #[must_use]
    pub fn count(&self, grade: Grade) -> usize {
        self.items.iter().filter(|item| item.grade == grade).count()
    }
}

impl State {
    /// What taking back `run` (a name, a number, or `last`) means on the machine as it is now.
    ///
    /// # Errors
    /// When there is no such run, its journal is damaged, or the machine cannot be read.
    pub fn undo_plan(&self, run: &str, probe: &dyn Probe) -> Result<UndoPlan> {
        let record = self.show(run)?;
        if let Some(damage) = &record.damage {
            let sentence = format!("run {} cannot be taken back as a whole: {damage}", record.name);
            return Err(
                Error::failed(sentence).hint("`brasa show` tells what can be read of it; put that back by hand")
            );
        }
        let undone = self.undone(&record)?;
        let left: Vec<&Operation> = record.operations.iter().filter(|op| !undone.contains(&op.number)).collect();
        let mut plan =
            UndoPlan { run: record.name.clone(), items: Vec::new(), conflicts: Vec::new(), services: Vec::new() };
        let mut checked = BTreeSet::new();
        let mut removed = BTreeSet::new();
        // Trees that the run itself removed later on: what is missing in them is no work of others.
        let mut trees: Vec<&Path> = Vec::new();
        let (mut lines, mut names) = (BTreeSet::new(), BTreeSet::new());
        let mut packages = packages::Own::default();
        for operation in left.into_iter().rev() {
            if !Self::happened(operation, probe)? {
                continue;
            }
            for expected in expected(operation) {
                let gone = trees.iter().any(|tree| expected.path.starts_with(tree));
                if checked.insert(expected.path.clone()) && !gone {
                    plan.conflicts.extend(conflict(&expected, operation, probe)?);
                }
            }
            if let Op::Remove { path, recursive: true, .. } = &operation.does {
                trees.push(path);
            }
            if let Op::Kept(kept) = &operation.does
                && lines.insert((&kept.path, &kept.key))
            {
                plan.conflicts.extend(other_line(kept, probe)?);
                if kept.brings_memory() && kept.is_done(probe)? {
                    plan.conflicts.extend(foreign(&kept.path, &removed, probe)?);
                }
            }
            if let Op::Records(change) = &operation.does
                && names.insert(change.what())
            {
                plan.conflicts.extend(other_records(change, probe)?);
            }
            plan.conflicts.extend(packages.note(operation, probe));
            let way_back = operation.way_back();
            let lost = lost_with_home(operation, &removed, probe)?;
            for op in &way_back.operations {
                if let Op::Remove { path, recursive: false, .. } = op {
                    plan.conflicts.extend(foreign(path, &removed, probe)?);
                    removed.insert(path.clone());
                }
            }
            if let Op::Service { unit, verb: verb @ (ServiceVerb::Restart | ServiceVerb::Reload) } = &operation.does
                && !plan.services.iter().any(|(known, _)| known == unit)
            {
                plan.services.push((unit.clone(), *verb));
            }
            let mut item = UndoItem {
                number: operation.number,
                does: operation.does.clone(),
                grade: way_back.grade,
                operations: way_back.operations.clone(),
                note: way_back.note.clone(),
                with: Vec::new(),
            };
            if let [first, ..] = lost.as_slice() {
                item.grade = Grade::BestEffort;
                item.note = Some(format!("with `--force` also what was put there since is gone: {first}"));
                plan.conflicts.extend(lost);
            }
            if self.lacks_content(&item)? {
                item.grade = Grade::Impossible;
                item.note = Some("the content it replaced is no longer kept".to_owned());
                item.operations.clear();
            }
            plan.items.push(item);
        }
        plan.conflicts.extend(packages.taken_along(&plan.items, probe));
        settle_services(&mut plan.items);
        Ok(plan)
    }

    /// Takes back a run's operations, the latest first, as a run of its own that can be taken back in its turn.
    ///
    /// # Errors
    /// When something was changed since and `force` is not given: then nothing is done. When an operation fails: what was
    /// taken back until then stays so and is written down as such.
    pub fn undo(&self, plan: &UndoPlan, host: &mut dyn Host, lock: &RunLock, undoing: Undoing<'_>) -> Result<Undone> {
        let Undoing { command, previous, force, begin, stop } = undoing;
        if !force && !plan.conflicts.is_empty() {
            let list: Vec<_> = plan.conflicts.iter().map(ToString::to_string).collect();
            let sentence = format!(
                "run {} is not taken back, for what was changed since would be lost:\n{}",
                plan.run,
                list.join("\n")
            );
            return Err(Error::failed(sentence).hint("take back the later changes first, or use `--force`"));
        }
        if !force {
            mounts::require_idle(&plan.items, host.as_probe())?;
        }
        let _held: &RunLock = lock;
        let now = host.now();
        let mut recorder = self.open(command, &[], previous, now, Some(plan.run.clone()))?;
        let counter = recorder.clone();
        let mut undone = Undone::default();
        let mut summary = Summary::default();
        let mut journal = Journal::new(host, &mut recorder);
        let mut failure = None;
        for item in &plan.items {
            if item.operations.is_empty() {
                if item.grade == Grade::Impossible {
                    undone.stays.extend(item.note.clone());
                }
                continue;
            }
            if let Some(signal) = stop() {
                failure = Some(Error::Interrupted(signal));
                break;
            }
            begin(item);
            counter.mark();
            match self.take_back(item, &mut journal, &mut undone.stays) {
                Ok(true) => {
                    summary.changed += 1;
                    counter.reverted(item.number, &item.with)?;
                    undone.taken_back.push(item.number);
                    undone.taken_back.extend(&item.with);
                }
                // Somebody put it back by hand.
                Ok(false) => {
                    summary.up_to_date += 1;
                    counter.reverted(item.number, &item.with)?;
                }
                // Packages may be unobtainable by now: that must not keep the files from being put back.
                Err(error) if item.grade == Grade::BestEffort && !matches!(error, Error::Interrupted(_)) => {
                    summary.failed += 1;
                    undone.failed += 1;
                    undone.unable.push(Unable { number: item.number, error: error.to_string() });
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        if failure.is_none() && summary.changed > 0 {
            for (unit, verb) in &plan.services {
                let told = journal.service(unit).and_then(|state| {
                    if state.exists && state.active == Active::Yes {
                        journal.perform(&Op::Service { unit: unit.clone(), verb: *verb })?;
                    }
                    Ok(())
                });
                if let Err(error) = told {
                    undone.failed += 1;
                    undone.stays.push(format!("`{unit}` could not be told to {}: {error}", verb.name()));
                }
            }
        }
        // What the host puts off to be done once, as labels of files that came back.
        if let Err(error) = journal.finish() {
            undone.failed += 1;
            undone.stays.push(error.to_string());
        }
        let ended: SystemTime = journal.now();
        let sentence = failure.as_ref().map(ToString::to_string);
        undone.run = counter.finish(sentence.as_deref().map_or(Ok(&summary), Err), ended)?;
        failure.map_or(Ok(undone), Err)
    }

    /// Performs what is not so already. Returns whether anything was done.
    fn take_back(&self, item: &UndoItem, host: &mut dyn Host, stays: &mut Vec<String>) -> Result<bool> {
        let mut done = false;
        for operation in &item.operations {
            let Some(operation) = still_needed(operation, host.as_probe())? else { continue };
            if let Op::Remove { path, recursive: false, .. } = &operation
                && host.entry(path)?.is_some_and(|entry| entry.kind == EntryKind::Directory)
                && !host.list(path)?.is_empty()
            {
                stays.push(format!("`{}` stays: there are things in it that brasa did not put there", path.display()));
                continue;
            }
            host.perform(&self.with_contents(operation)?)?;
            done = true;
        }
        Ok(done)
    }

    /// Operations of `record` that later runs took back (and that were not done again by taking back those).
    fn undone(&self, record: &Record) -> Result<BTreeSet<u64>> {
        let records: Vec<Record> = self.records()?.into_iter().filter_map(std::result::Result::ok).collect();
        let mut memory = HashMap::new();
        Ok(taken_back(&record.name, &records, &mut memory))
    }

    /// Whether an operation changed anything, as far as can be told: of one that failed or was cut off by what is there.
    fn happened(operation: &Operation, probe: &dyn Probe) -> Result<bool> {
        if operation.succeeded() {
            return Ok(true);
        }
        if operation.undo.before.is_empty() {
            for back in &operation.way_back().operations {
                if still_needed(back, probe)?.is_some() {
                    return Ok(true);
                }
            }
            return Ok(operation.undo.grade == Grade::Impossible);
        }
        // A directory that was to go with everything in it may have lost some of it.
        let in_part = matches!(operation.does, Op::Remove { recursive: true, .. });
        if operation.ended.as_ref().is_some_and(|ended| ended.left == operation.undo.before) {
            return Ok(in_part);
        }
        for before in &operation.undo.before {
            if probe.entry(&before.path)? != before.entry {
                return Ok(true);
            }
        }
        Ok(in_part)
    }

    fn lacks_content(&self, item: &UndoItem) -> Result<bool> {
        let mut contents = item.operations.iter().filter_map(Op::content).peekable();
        if contents.peek().is_none() {
            return Ok(false);
        }
        let store = self.store()?;
        Ok(contents.any(|blob| !store.has(blob)))
    }

    /// The operation with its content fetched from the store.
    fn with_contents(&self, mut operation: Op) -> Result<Op> {
        if let Some(blob) = operation.content_mut()
            && blob.bytes().is_none()
            && blob.path().is_none()
        {
            *blob = self.store()?.fetch(blob)?;
        }
        Ok(operation)
    }
}

/// Starts and stops each service once, when it is as enabled as it was: one that was masked and then stopped cannot be
/// started before it is unmasked, whatever the order in which that was done.
fn settle_services(items: &mut [UndoItem]) {
    fn service(operation: &Op) -> Option<(&str, ServiceVerb)> {
        if let Op::Service { unit, verb } = operation { Some((unit, *verb)) } else { None }
    }
    let starts_or_stops = |verb| matches!(verb, ServiceVerb::Start | ServiceVerb::Stop);
    for at in 0..items.len() {
        let (earlier, later) = items.split_at_mut(at + 1);
        let item = &mut earlier[at];
        // What takes back a start or a stop is one operation.
        let [operation] = item.operations.as_slice() else { continue };
        let Some((unit, verb)) = service(operation).filter(|(_, verb)| starts_or_stops(*verb)) else { continue };
        let of_unit = |other: &UndoItem| other.operations.iter().filter_map(service).any(|(of, _)| of == unit);
        let again = later
            .iter()
            .flat_map(|other| &other.operations)
            .filter_map(service)
            .any(|(of, verb)| of == unit && starts_or_stops(verb));
        let Some(last) = later.iter_mut().rev().find(|other| of_unit(other)) else { continue };
        if !again {
            let masks = |op: &Op| service(op) == Some((unit, ServiceVerb::Mask));
            let masked = last.operations.iter().position(masks).filter(|_| verb == ServiceVerb::Start);
            last.operations.insert(masked.unwrap_or(last.operations.len()), operation.clone());
        }
        last.with.push(item.number);
        last.with.append(&mut item.with);
        item.operations.clear();
    }
}

fn taken_back(run: &str, records: &[Record], memory: &mut HashMap<String, BTreeSet<u64>>) -> BTreeSet<u64> {
    if let Some(known) = memory.get(run) {
        return known.clone();
    }
    let mut undone = BTreeSet::new();
    for record in records.iter().filter(|record| record.header.undoes.as_deref() == Some(run)) {
        let done_again = taken_back(&record.name, records, memory);
        for (of, by) in &record.reverted {
            if by.iter().any(|number| done_again.contains(number)) {
                undone.remove(of);
            } else {
                undone.insert(*of);
            }
        }
    }
    memory.insert(run.to_owned(), undone.clone());
    undone
}

/// What an operation left at its paths; of one whose end is not known, what it was to leave.
fn expected(operation: &Operation) -> Vec<Seen> {
    if let Some(ended) = &operation.ended
        && ended.error.is_none()
        && !ended.left.is_empty()
    {
        return ended.left.clone();
    }
    let before = operation.undo.before.first().and_then(|seen| seen.entry.clone());
    let seen = |path: &Path, entry: Option<Entry>| vec![Seen { path: path.to_owned(), entry }];
    match &operation.does {
        Op::Write(Write { path, content, mode, owner, group, .. }) => {
            let kind = EntryKind::File { content: content.clone() };
            seen(path, Some(Entry { kind, mode: *mode, owner: owner.clone(), group: group.clone() }))
        }
        Op::SetMeta { path, mode, owner, group } => {
            seen(path, before.map(|entry| Entry { mode: *mode, owner: owner.clone(), group: group.clone(), ..entry }))
        }
        Op::Mkdir { path, mode, owner, group } => {
            let kind = EntryKind::Directory;
            seen(path, Some(Entry { kind, mode: *mode, owner: owner.clone(), group: group.clone() }))
        }
        // A tree may have been removed in part: what is left of it is no work of others.
        Op::Remove { recursive: true, .. } => Vec::new(),
        Op::Remove { path, .. } => seen(path, None),
        // A link's owner and a hard link's content are not in the operation, nor the very words of what a program keeps.
        Op::Link { .. }
        | Op::Foreseen(_)
        | Op::Packages(_)
        | Op::UpdatePackageLists { .. }
        | Op::Service { .. }
        | Op::Account(_)
        | Op::Kept(_)
        | Op::Records(_)
        | Op::Run(_)
        | Op::Act(_)
        | Op::Log { .. } => Vec::new(),
    }
}

fn conflict(expected: &Seen, operation: &Operation, probe: &dyn Probe) -> Result<Option<Conflict>> {
    let now = probe.entry(&expected.path)?;
    // What is gone from a home that is to go is not lost by that.
    if now.is_none() && matches!(operation.does, Op::Account(_)) {
        return Ok(None);
    }
    // Somebody who put it back by hand did our work.
    let was = operation.undo.before.iter().find(|seen| seen.path == expected.path).map(|seen| &seen.entry);
    if now == expected.entry || was == Some(&now) {
        return Ok(None);
    }
    let why = match (&expected.entry, &now) {
        (_, None) => "was removed since".to_owned(),
        (None, Some(now)) => format!("was removed by the run, and a {} is there now", now.kind.noun()),
        (Some(left), Some(now)) if left.kind == now.kind => {
            let mut changes = Vec::new();
            if left.mode != now.mode {
                changes.push(format!("mode {} -> {}", left.mode, now.mode));
            }
            if left.owner != now.owner {
                changes.push(format!("owner {} -> {}", left.owner, now.owner));
            }
            if left.group != now.group {
                changes.push(format!("group {} -> {}", left.group, now.group));
            }
            format!("was changed since: {}", changes.join(", "))
        }
        (Some(left), Some(now)) if left.kind.noun() == now.kind.noun() => {
            let part = if matches!(now.kind, EntryKind::Link { .. }) { "target" } else { "content" };
            format!("was changed since: its {part} is another")
        }
        (Some(left), Some(now)) => format!("was a {} and is a {} now", left.kind.noun(), now.kind.noun()),
    };
    Ok(Some(Conflict { path: expected.path.clone(), why }))
}

/// Whether a line is neither as the run left it nor as it was before.
fn other_line(kept: &Kept, probe: &dyn Probe) -> Result<Option<Conflict>> {
    let now = kept.now(probe)?;
    let is = |line: Option<&str>| kept.lost_nothing(now.as_deref(), line, probe);
    if is(kept.to.as_deref())? || is(kept.from.as_deref())? {
        return Ok(None);
    }
    let why = format!("was changed since: {}", kept.told(now.as_deref()));
    Ok(Some(Conflict { path: kept.path.clone(), why }))
}

/// Whether a name has neither what the run gave it nor what it had before.
fn other_records(change: &RecordChange, probe: &dyn Probe) -> Result<Option<Conflict>> {
    let now = change.now(probe)?;
    if now.says(&change.to) || now.says(&change.from) {
        return Ok(None);
    }
    let values: Vec<String> = now.values.iter().map(ToString::to_string).collect();
    let why = match values.as_slice() {
        [] => "was changed since: what the run had put there is gone".to_owned(),
        values => format!("was changed since: it has {} for {} s now", values.join(", "), now.ttl),
    };
    Ok(Some(Conflict { path: change.what(), why }))
}

/// Whether a directory that is to be removed holds what this undo does not remove first.
fn foreign(directory: &Path, removed: &BTreeSet<PathBuf>, probe: &dyn Probe) -> Result<Option<Conflict>> {
    if probe.entry(directory)?.is_none_or(|entry| entry.kind != EntryKind::Directory) {
        return Ok(None);
    }
    let names = probe.list(directory)?;
    let others: Vec<_> = names
        .iter()
        .filter(|name| !removed.contains(&directory.join(name)))
        .map(|name| format!("`{}`", name.to_string_lossy()))
        .collect();
    let why = match others.as_slice() {
        [] => return Ok(None),
        [one] => format!("holds {one}, which the run did not put there"),
        [one, rest @ ..] => format!("holds {one} and {} more, which the run did not put there", rest.len()),
    };
    Ok(Some(Conflict { path: directory.to_owned(), why }))
}

/// What removing the home of an account that the run made would destroy: what is in it that was not there from the first and that
/// this undo does not remove before, and mail.
fn lost_with_home(operation: &Operation, removed: &BTreeSet<PathBuf>, probe: &dyn Probe) -> Result<Vec<Conflict>> {
    let Some((user, home)) = operation.way_back().new_home() else { return Ok(Vec::new()) };
    let from_the_first = expected(operation);
    let mut others = Vec::new();
    let mut left = vec![home.to_owned()];
    while let Some(directory) = left.pop() {
        if probe.entry(&directory)?.is_none_or(|entry| entry.kind != EntryKind::Directory) {
            continue;
        }
        for path in probe.list(&directory)?.into_iter().map(|name| directory.join(name)) {
            let ours = if from_the_first.is_empty() {
                is_skeleton(&path, home, probe)?
            } else {
                from_the_first.iter().any(|seen| seen.path == path)
            };
            match (removed.contains(&path), ours) {
                (true, _) => {}
                (false, true) => left.push(path),
                (false, false) => others.push(path),
            }
        }
    }
    others.sort_unstable();
    let mut lost = Vec::new();
    if let [first, rest @ ..] = others.as_slice() {
        let first = first.strip_prefix(home).unwrap_or(first).display();
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let why = format!("holds `{first}`{more}, which the run did not put there");
        lost.push(Conflict { path: home.to_owned(), why });
    }
    if let Some((path, Entry { kind: EntryKind::File { content }, .. })) = mailbox(&user.name, probe)?
        && content.size() > 0
    {
        lost.push(Conflict { path, why: "holds mail, which came since".to_owned() });
    }
    Ok(lost)
}

/// Whether something in a home is as `useradd` puts it there: for journals that do not say what it did. Source: useradd(8).
fn is_skeleton(path: &Path, home: &Path, probe: &dyn Probe) -> Result<bool> {
    let Ok(name) = path.strip_prefix(home) else { return Ok(false) };
    let Some(skeleton) = probe.entry(&Path::new("/etc/skel").join(name))? else { return Ok(false) };
    Ok(probe.entry(path)?.is_some_and(|entry| entry.kind == skeleton.kind))
}

/// The operation as it is needed now, or `None` when its result is there already.
fn still_needed(operation: &Op, probe: &dyn Probe) -> Result<Option<Op>> {
    let needed = |needed: bool| Ok(needed.then(|| operation.clone()));
    match operation {
        Op::Write(Write { path, content, mode, owner, group, .. }) => {
            let kind = EntryKind::File { content: content.clone() };
            let wanted = Entry { kind, mode: *mode, owner: owner.clone(), group: group.clone() };
            needed(probe.entry(path)?.as_ref() != Some(&wanted))
        }
        Op::SetMeta { path, mode, owner, group } => needed(
            probe.entry(path)?.is_some_and(|now| now.mode != *mode || now.owner != *owner || now.group != *group),
        ),
        Op::Mkdir { path, mode, owner, group } => match probe.entry(path)? {
            Some(now) if now.kind == EntryKind::Directory => {
                let (path, mode, owner, group) = (path.clone(), *mode, owner.clone(), group.clone());
                let same = now.mode == mode && now.owner == owner && now.group == group;
                Ok((!same).then_some(Op::SetMeta { path, mode, owner, group }))
            }
            Some(_) | None => needed(true),
        },
        Op::Link { path, target, hard: false } => {
            let kind = EntryKind::Link { target: target.clone() };
            needed(probe.entry(path)?.is_none_or(|now| now.kind != kind))
        }
        Op::Remove { path, .. } => needed(probe.entry(path)?.is_some()),
        Op::Packages(transaction) => packages::needed(transaction, probe),
        Op::Service { unit, verb } => {
            let now = probe.service(unit)?;
            needed(match verb {
                ServiceVerb::Enable => now.enabled == Enabled::No,
                ServiceVerb::Disable => now.exists && now.enabled == Enabled::Yes,
                ServiceVerb::Start => now.active != Active::Yes,
                ServiceVerb::Stop => matches!(now.active, Active::Yes | Active::Starting),
                ServiceVerb::Mask => now.enabled != Enabled::Masked,
                ServiceVerb::Unmask => now.enabled == Enabled::Masked,
                ServiceVerb::Restart | ServiceVerb::Reload => true,
            })
        }
        Op::Account(change) => account_needed(change, probe),
        Op::Kept(kept) => Ok(kept.needed(probe)?.map(Op::Kept)),
        Op::Records(change) => needed(!change.now(probe)?.says(&change.to)),
        Op::Link { hard: true, .. }
        | Op::UpdatePackageLists { .. }
        | Op::Foreseen(_)
        | Op::Run(_)
        | Op::Act(_)
        | Op::Log { .. } => needed(true),
    }
}

fn account_needed(change: &AccountChange, probe: &dyn Probe) -> Result<Option<Op>> {
    let needed = match change.clone() {
        AccountChange::CreateUser { user, system, manage_home } => match probe.user(&user.name)? {
            None => Some(AccountChange::CreateUser { user, system, manage_home }),
            Some(now) if now == user => None,
            Some(now) => Some(AccountChange::ModifyUser { from: now, to: user, manage_home: false }),
        },
        AccountChange::ModifyUser { from, to, manage_home } => match probe.user(&from.name)? {
            Some(now) if now != to => Some(AccountChange::ModifyUser { from: now, to, manage_home }),
            Some(_) | None => None,
        },
        AccountChange::RemoveUser { user, manage_home } => {
            probe.user(&user.name)?.map(|user| AccountChange::RemoveUser { user, manage_home })
        }
        AccountChange::CreateGroup { group, system } => match probe.group(&group.name)? {
            None => Some(AccountChange::CreateGroup { group, system }),
            Some(now) if now == group => None,
            // Who came into it meanwhile is none of the undo's business.
            Some(now) if group.members.is_empty() && now.gid == group.gid => None,
            Some(now) => Some(AccountChange::ModifyGroup { from: now, to: group }),
        },
        AccountChange::ModifyGroup { from, to } => match probe.group(&from.name)? {
            Some(now) if now != to => Some(AccountChange::ModifyGroup { from: now, to }),
            Some(_) | None => None,
        },
        AccountChange::RemoveGroup { group } => {
            probe.group(&group.name)?.map(|group| AccountChange::RemoveGroup { group })
        }
    };
    Ok(needed.map(Op::Account))
}
