use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    AccountChange, Active, Command, Enabled, Entry, EntryKind, Group, Init, Op, PackageChange, PackageSpec, Probe,
    Provider, ServiceState, ServiceVerb, Transaction, User, Write,
    account_defaults::{AccountDefaults, mailbox},
    account_loss,
};
use crate::{Result, values::Blob};

/// How well an operation can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// It leaves no state behind: nothing to take back.
    Needless,
    /// What it changed will be as it was.
    Exact,
    /// As near as the platform's tools come to it.
    BestEffort,
    /// It cannot be taken back.
    Impossible,
}

/// How to take one operation back, worked out before it is performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// How well that works.
    pub grade: Grade,
    /// What to perform, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Op>,
    /// What people should know beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The paths that it changes, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Seen>,
}

/// What was at a path at some moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Where.
    pub path: PathBuf,
    /// What; `None` when nothing was there.
    pub entry: Option<Entry>,
}

impl Undo {
    fn exact(operations: impl IntoIterator<Item = Op>) -> Self {
        Self { grade: Grade::Exact, operations: operations.into_iter().collect(), note: None, before: Vec::new() }
    }

    /// Best effort, where there is something to be known of it.
    fn noted(operations: Vec<Op>, notes: &[String]) -> Self {
        let undo = Self::exact(operations);
        if notes.is_empty() {
            return undo;
        }
        Self { grade: Grade::BestEffort, note: Some(notes.join("; ")), ..undo }
    }

    fn none(grade: Grade, note: impl Into<String>) -> Self {
        Self { grade, operations: Vec::new(), note: Some(note.into()), before: Vec::new() }
    }

    /// The home directory that it removes, when that did not exist before.
    pub(crate) fn new_home(&self) -> Option<(&User, &Path)> {
        self.operations.iter().find_map(|operation| match operation {
            Op::Account(AccountChange::RemoveUser { user, manage_home: true }) => Some((user, user.home.as_deref()?)),
            _ => None,
        })
    }

    /// Packages that it marks again as come along with others.
    pub(super) fn automatic(&self) -> Vec<String> {
        let marked = self.operations.iter().filter_map(|operation| match operation {
            Op::Packages(transaction) => Some(transaction.automatic.clone()),
            _ => None,
        });
        marked.flatten().collect()
    }

    /// Contents that taking it back needs, in memory or in files.
    pub(super) fn contents(&self) -> impl Iterator<Item = &Blob> {
        self.operations.iter().filter_map(Op::content)
    }

    /// Works out how to take `op` back, by reading what it will change.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn of(op: &Op, probe: &dyn Probe) -> Result<Self> {
        let before = touched(op)
            .into_iter()
            .map(|path| Ok(Seen { entry: probe.entry(&path)?, path }))
            .collect::<Result<Vec<_>>>()?;
        let undo = match op {
            Op::Write(Write { path, .. })
            | Op::SetMeta { path, .. }
            | Op::Mkdir { path, .. }
            | Op::Link { path, .. }
            | Op::Remove { path, .. } => of_path(op, path, probe)?,
            Op::Packages(transaction) if transaction.moves_nothing() => of_marks(transaction, probe)?,
            Op::Packages(transaction) => {
                let changes = match probe.simulate(transaction) {
                    Ok(changes) => changes,
                    // Whatever keeps it from being foreseen is met again, and reported, when it is performed.
                    Err(_) => named_changes(transaction, probe)?,
                };
                let there = changes.iter().filter(|change| change.from.is_some()).map(|change| change.name.clone());
                let names: Vec<String> = there.chain(transaction.manual.iter().cloned()).collect();
                let automatic = marked(&transaction.provider, &names, true, probe)?;
                of_packages(&transaction.provider, &changes, automatic)
            }
            Op::UpdatePackageLists { .. } => Self::none(Grade::Needless, "refreshed package lists stay as they are"),
            Op::Service { unit, verb } => {
                let undo = of_service(unit, *verb, &probe.service(unit)?);
                match early_level(unit, *verb, probe)? {
                    Some(level) => Self {
                        grade: Grade::BestEffort,
                        note: Some(format!("`{unit}` was in the run-level `{level}`, and comes back in `default`")),
                        ..undo
                    },
                    None => undo,
                }
            }
            Op::Account(change) => of_account(change, probe)?,
            Op::Kept(kept) => {
                let note = kept.loss();
                let grade = if note.is_some() { Grade::BestEffort } else { Grade::Exact };
                Self { grade, note, ..Self::exact([Op::Kept(kept.inverse())]) }
            }
            Op::Foreseen(foreseen) => of_paths(&foreseen.leaves, probe)?,
            Op::Records(change) => Self::exact([Op::Records(change.inverse())]),
            Op::Run(command) => {
                Self::none(Grade::Impossible, format!("`{command}` was run: nobody knows how to take it back"))
            }
            Op::Act(act) => {
                let (grade, note) = act.undo();
                Self::none(grade, note)
            }
            Op::Log { .. } => Self::none(Grade::Needless, "a log line stays"),
        };
        Ok(Self { before, ..undo })
    }
}

/// The paths that an operation changes by itself.
pub(super) fn touched(op: &Op) -> Vec<PathBuf> {
    match op {
        Op::Write(Write { path, .. })
        | Op::SetMeta { path, .. }
        | Op::Mkdir { path, .. }
        | Op::Link { path, .. }
        | Op::Remove { path, .. } => vec![path.clone()],
        Op::Foreseen(foreseen) => foreseen.leaves.iter().map(|seen| seen.path.clone()).collect(),
        Op::Packages(_)
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

/// What puts back what is at these paths now, wherever something else will be.
fn of_paths(leaves: &[Seen], probe: &dyn Probe) -> Result<Undo> {
    let (mut operations, mut others) = (Vec::new(), Vec::new());
    for Seen { path, entry } in leaves {
        match probe.entry(path)? {
            Some(now) => put_back(path, now, probe, &mut operations, &mut others)?,
            None if entry.is_some() => {
                operations.push(Op::Remove { path: path.clone(), recursive: false, backup: 0 });
            }
            None => {}
        }
    }
    let mut undo = Undo::exact(operations);
    if !others.is_empty() {
        undo.grade = Grade::BestEffort;
        undo.note = Some(format!("cannot be made again: {}", others.join(", ")));
    }
    Ok(undo)
}

fn of_path(op: &Op, path: &Path, probe: &dyn Probe) -> Result<Undo> {
    let Some(now) = probe.entry(path)? else {
        let creates = !matches!(op, Op::Remove { .. } | Op::SetMeta { .. });
        let remove = Op::Remove { path: path.to_owned(), recursive: false, backup: 0 };
        return Ok(Undo::exact(creates.then_some(remove)));
    };
    let mut others = Vec::new();
    let operations = match op {
        Op::SetMeta { .. } => vec![Op::SetMeta {
            path: path.to_owned(),
            mode: now.mode,
            owner: now.owner.clone(),
            group: now.group.clone(),
        }],
        // What stands in the way of these makes them fail: then there is nothing to take back.
        Op::Mkdir { .. } => Vec::new(),
        Op::Write(_) if now.kind == EntryKind::Directory => Vec::new(),
        Op::Link { hard: false, .. } if !matches!(now.kind, EntryKind::Link { .. }) => Vec::new(),
        Op::Link { .. } if matches!(now.kind, EntryKind::Directory | EntryKind::Other { .. }) => Vec::new(),
        Op::Write(_) | Op::Link { .. } => {
            let mut operations = Vec::new();
            let is_file = matches!(now.kind, EntryKind::File { .. });
            if !(matches!(op, Op::Write(_)) && is_file || matches!(op, Op::Link { hard: false, .. })) {
                operations.push(Op::Remove { path: path.to_owned(), recursive: false, backup: 0 });
            }
            put_back(path, now, probe, &mut operations, &mut others)?;
            operations
        }
        Op::Remove { recursive, .. } => {
            let mut operations = Vec::new();
            if *recursive || now.kind != EntryKind::Directory || probe.list(path)?.is_empty() {
                put_back(path, now, probe, &mut operations, &mut others)?;
            }
            operations
        }
        Op::Packages(_)
        | Op::UpdatePackageLists { .. }
        | Op::Service { .. }
        | Op::Account(_)
        | Op::Kept(_)
        | Op::Foreseen(_)
        | Op::Records(_)
        | Op::Run(_)
        | Op::Act(_)
        | Op::Log { .. } => Vec::new(),
    };
    let mut undo = Undo::exact(operations);
    if !others.is_empty() {
        undo.grade = if undo.operations.is_empty() { Grade::Impossible } else { Grade::BestEffort };
        undo.note = Some(format!("cannot be made again: {}", others.join(", ")));
    }
    Ok(undo)
}

/// Everything in a tree, its root first.
pub(super) fn tree(path: &Path, probe: &dyn Probe) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let Some(entry) = probe.entry(&path)? else { continue };
        if entry.kind == EntryKind::Directory {
            left.extend(probe.list(&path)?.into_iter().map(|name| path.join(name)));
        }
        seen.push(Seen { path, entry: Some(entry) });
    }
    Ok(seen)
}

/// How many bytes of a home are kept for an undo, and how many files.
const KEPT_OF_HOME: (u64, usize) = (64 << 20, 10_000);

/// Whether a home is kept for an undo when its account goes.
///
/// # Errors
/// When it cannot be read.
pub fn is_small(home: &Path, probe: &dyn Probe) -> Result<bool> {
    let (mut bytes, mut files) = KEPT_OF_HOME;
    let mut left = vec![home.to_owned()];
    while let Some(path) = left.pop() {
        let Some(entry) = probe.entry(&path)? else { continue };
        let size = match entry.kind {
            EntryKind::File { content } => content.size(),
            EntryKind::Directory => {
                left.extend(probe.list(&path)?.into_iter().map(|name| path.join(name)));
                0
            }
            EntryKind::Link { .. } | EntryKind::Other { .. } => 0,
        };
        match (bytes.checked_sub(size), files.checked_sub(1)) {
            (Some(fewer_bytes), Some(fewer_files)) => (bytes, files) = (fewer_bytes, fewer_files),
            (Some(_) | None, Some(_) | None) => return Ok(false),
        }
    }
    Ok(true)
}

/// Operations that make an entry, and everything below it, as it is now.
fn put_back(
    path: &Path,
    entry: Entry,
    probe: &dyn Probe,
    operations: &mut Vec<Op>,
    others: &mut Vec<String>,
) -> Result<()> {
    let Entry { kind, mode, owner, group } = entry;
    match kind {
        EntryKind::File { content } => operations.push(Op::Write(Write {
            path: path.to_owned(),
            content,
            mode,
            owner,
            group,
            backup: 0,
            verify: Vec::new(),
            sensitive: false,
        })),
        EntryKind::Link { target } => {
            operations.push(Op::Link { path: path.to_owned(), target, hard: false });
            // Who owns a link means next to nothing, and no operation of ours sets it.
            if owner != "root" {
                others.push(format!("the owner `{owner}` of link `{}`", path.display()));
            }
        }
        EntryKind::Directory => {
            operations.push(Op::Mkdir { path: path.to_owned(), mode, owner, group });
            for name in probe.list(path)? {
                let child = path.join(name);
                if let Some(entry) = probe.entry(&child)? {
                    put_back(&child, entry, probe, operations, others)?;
                }
            }
        }
        EntryKind::Other { what } => others.push(format!("{what} `{}`", path.display())),
    }
    Ok(())
}

/// What a transaction names itself, for when the package manager cannot foresee the rest.
fn named_changes(transaction: &Transaction, probe: &dyn Probe) -> Result<Vec<PackageChange>> {
    let mut names: Vec<String> = transaction.install.iter().map(|spec| spec.name.clone()).collect();
    names.extend(transaction.remove.iter().chain(&transaction.purge).cloned());
    let states = probe.packages(&transaction.provider, &names)?;
    let installs = transaction.install.len();
    let change = |(n, (name, state)): (usize, (String, super::PackageState))| {
        let to = (n < installs).then(|| transaction.install[n].version.clone().unwrap_or_default());
        PackageChange { name, from: state.version, to }
    };
    Ok(names.into_iter().zip(states).enumerate().map(change).collect())
}

/// Those of some packages that are marked as come along with others, or not.
fn marked(provider: &Provider, names: &[String], automatic: bool, probe: &dyn Probe) -> Result<Vec<String>> {
    if names.is_empty() || !probe.marks_automatic(provider)? {
        return Ok(Vec::new());
    }
    let states = probe.packages(provider, names)?;
    let marked = names.iter().zip(states).filter(|(_, state)| state.version.is_some() && state.automatic == automatic);
    Ok(marked.map(|(name, _)| name.clone()).collect())
}

/// Holds and marks are put back as they were.
fn of_marks(transaction: &Transaction, probe: &dyn Probe) -> Result<Undo> {
    let held = |names: &[String], held: bool| -> Result<Vec<String>> {
        let states = probe.packages(&transaction.provider, names)?;
        Ok(names.iter().zip(states).filter(|(_, state)| state.held == held).map(|(name, _)| name.clone()).collect())
    };
    let mut back = Transaction::new(transaction.provider.clone());
    back.hold = held(&transaction.release, true)?;
    back.release = held(&transaction.hold, false)?;
    back.automatic = marked(&transaction.provider, &transaction.manual, true, probe)?;
    back.manual = marked(&transaction.provider, &transaction.automatic, false, probe)?;
    Ok(Undo::exact((!back.is_empty()).then_some(Op::Packages(back))))
}

/// The way back from what a package manager changed; `automatic` is what was marked as come along with others.
pub(super) fn of_packages(provider: &Provider, changes: &[PackageChange], automatic: Vec<String>) -> Undo {
    // dpkg and rpm know what is in files alone; older versions are had from what is above them.
    let by = match provider {
        Provider::Dpkg => Provider::Apt,
        Provider::Rpm => Provider::Dnf,
        other => other.clone(),
    };
    // All that came is named: what else nothing needs by then was there before.
    let mut back = Transaction {
        allow_downgrade: true,
        allow_removals: true,
        keep_unneeded: true,
        recommends: Some(false),
        automatic,
        ..Transaction::new(by)
    };
    let mut notes = Vec::new();
    for change in changes {
        match (&change.from, &change.to) {
            // RubyGems keeps versions beside each other, and no transaction removes just one of them.
            (Some(_), Some(to)) if matches!(provider, Provider::Gem { .. }) => {
                notes.push(format!("gem {} {to} stays beside the older one", change.name));
            }
            // Only what was there before a refresh is kept.
            (Some(_), None) if *provider == Provider::Snap => {
                notes.push(format!(
                    "snap {} comes back as its usual channel has it now; `snap saved` tells whether its data was kept",
                    change.name
                ));
                back.install.push(PackageSpec::any(&change.name));
            }
            (Some(from), _) => {
                back.install.push(PackageSpec { version: Some(from.clone()), ..PackageSpec::any(&change.name) });
            }
            (None, Some(_)) => back.remove.push(change.name.clone()),
            (None, None) => {}
        }
    }
    let note = if notes.is_empty() {
        "packages: what was added is removed, old versions are put back where they can still be had; \
         what their scripts did stays"
            .to_owned()
    } else {
        notes.join("; ")
    };
    Undo {
        grade: Grade::BestEffort,
        operations: if back.is_empty() { Vec::new() } else { vec![Op::Packages(back)] },
        note: Some(note),
        before: Vec::new(),
    }
}

fn of_service(unit: &str, verb: ServiceVerb, now: &ServiceState) -> Undo {
    let back = |verb| Op::Service { unit: unit.to_owned(), verb };
    let runs = matches!(now.active, Active::Yes | Active::Starting);
    match verb {
        ServiceVerb::Enable => Undo::exact((now.enabled == Enabled::No).then(|| back(ServiceVerb::Disable))),
        ServiceVerb::Disable => Undo::exact((now.enabled == Enabled::Yes).then(|| back(ServiceVerb::Enable))),
        ServiceVerb::Start => Undo::exact((!runs).then(|| back(ServiceVerb::Stop))),
        ServiceVerb::Stop => Undo::exact(runs.then(|| back(ServiceVerb::Start))),
        ServiceVerb::Restart | ServiceVerb::Reload if runs => Undo::none(
            Grade::Needless,
            format!(
                "`{unit}` is {} again, once what it reads is as it was",
                if verb == ServiceVerb::Reload { "reloaded" } else { "restarted" }
            ),
        ),
        ServiceVerb::Restart | ServiceVerb::Reload => Undo::exact([back(ServiceVerb::Stop)]),
        ServiceVerb::Mask if now.enabled == Enabled::Masked => Undo::exact([]),
        ServiceVerb::Mask => {
            let enable = (now.enabled == Enabled::Yes).then(|| back(ServiceVerb::Enable));
            Undo::exact(std::iter::once(back(ServiceVerb::Unmask)).chain(enable))
        }
        ServiceVerb::Unmask => Undo::exact((now.enabled == Enabled::Masked).then(|| back(ServiceVerb::Mask))),
    }
}

/// The run-level of OpenRC before `default` that a service is taken from: who enables it again says only `default`.
fn early_level(unit: &str, verb: ServiceVerb, probe: &dyn Probe) -> Result<Option<&'static str>> {
    if verb != ServiceVerb::Disable || probe.init()? != Init::OpenRc {
        return Ok(None);
    }
    let name = unit.strip_suffix(".service").unwrap_or(unit);
    for level in ["sysinit", "boot"] {
        if probe.entry(&Path::new("/etc/runlevels").join(level).join(name))?.is_some() {
            return Ok(Some(level));
        }
    }
    Ok(None)
}

/// Numbers below this are for system accounts (`SYS_UID_MAX` of login.defs is 999 on every platform we know).
const FIRST_PERSON: u32 = 1000;

fn of_account(change: &AccountChange, probe: &dyn Probe) -> Result<Undo> {
    let account = Op::Account;
    Ok(match change {
        AccountChange::CreateUser { user, manage_home, .. } => {
            let (mut operations, mut notes) = (Vec::new(), Vec::new());
            if probe.user(&user.name)?.is_none() {
                let home = match &user.home {
                    Some(home) => home.clone(),
                    None => AccountDefaults::read(probe)?.home(&user.name),
                };
                let manage_home = *manage_home && probe.entry(&home)?.is_none();
                let made = User { home: Some(home), ..user.clone() };
                operations.push(account(AccountChange::RemoveUser { user: made, manage_home }));
                match probe.group(&user.name)? {
                    None if user.group.is_none() => {
                        let group = Group { name: user.name.clone(), gid: None, members: Vec::new() };
                        operations.push(account(AccountChange::RemoveGroup { group }));
                    }
                    None => {}
                    Some(group) => notes.extend(group_back(group, &mut operations, probe)?),
                }
            }
            Undo::noted(operations, &notes)
        }
        AccountChange::ModifyUser { from, to, manage_home } => match probe.user(&from.name)? {
            Some(now) => Undo::exact([account(AccountChange::ModifyUser {
                from: to.clone(),
                to: now,
                manage_home: *manage_home,
            })]),
            None => Undo::exact([]),
        },
        AccountChange::RemoveUser { user, manage_home } => {
            let Some(now) = probe.user(&user.name)? else { return Ok(Undo::exact([])) };
            let (mut operations, mut notes) = (Vec::new(), Vec::new());
            if let Some(group) = probe.group(&now.name)? {
                notes.extend(group_back(group, &mut operations, probe)?);
            }
            let (home, name) = (now.home.clone(), now.name.clone());
            let system = now.uid.is_some_and(|uid| uid < FIRST_PERSON);
            notes.extend(lost_of("user", &name, &account_loss::of_user(&now, system, probe)?));
            operations.push(account(AccountChange::CreateUser { user: now, system, manage_home: false }));
            for group in memberships(&name, probe)? {
                let without = group.members.iter().filter(|member| **member != name).cloned().collect();
                let from = Group { members: without, ..group.clone() };
                operations.push(account(AccountChange::ModifyGroup { from, to: group }));
            }
            let mut others = Vec::new();
            let home = match home {
                Some(home) if *manage_home => probe.entry(&home)?.map(|entry| (home, entry)),
                Some(_) | None => None,
            };
            let mailbox = if *manage_home { mailbox(&name, probe)? } else { None };
            for (path, mut entry) in home.into_iter().chain(mailbox.filter(|(_, entry)| entry.owner == name)) {
                if is_small(&path, probe)? {
                    put_back(&path, entry, probe, &mut operations, &mut others)?;
                    continue;
                }
                notes.push(format!("`{}` comes back empty: it was too large to be kept", path.display()));
                match &mut entry.kind {
                    EntryKind::File { content } => {
                        *content = Blob::from("");
                        put_back(&path, entry, probe, &mut operations, &mut others)?;
                    }
                    EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. } => {
                        let Entry { mode, owner, group, .. } = entry;
                        operations.push(Op::Mkdir { path, mode, owner, group });
                    }
                }
            }
            if !others.is_empty() {
                notes.push(format!("cannot be made again: {}", others.join(", ")));
            }
            Undo::noted(operations, &notes)
        }
        AccountChange::CreateGroup { group, .. } => {
            let absent = probe.group(&group.name)?.is_none();
            Undo::exact(absent.then(|| account(AccountChange::RemoveGroup { group: group.clone() })))
        }
        AccountChange::ModifyGroup { from, to } => match probe.group(&from.name)? {
            Some(now) => {
                let (now, strangers) = account_loss::members_there(now, &to.members, probe);
                let notes = strangers_of(&now.name, &strangers);
                Undo::noted(vec![account(AccountChange::ModifyGroup { from: to.clone(), to: now })], notes.as_slice())
            }
            None => Undo::exact([]),
        },
        AccountChange::RemoveGroup { group } => match probe.group(&group.name)? {
            Some(now) => {
                let system = now.gid.is_some_and(|gid| gid < FIRST_PERSON);
                let (now, strangers) = account_loss::members_there(now, &[], probe);
                let lost = lost_of("group", &now.name, &account_loss::of_group(&now.name, probe)?);
                let notes: Vec<_> = lost.into_iter().chain(strangers_of(&now.name, &strangers)).collect();
                Undo::noted(vec![account(AccountChange::CreateGroup { group: now, system })], &notes)
            }
            None => Undo::exact([]),
        },
    })
}

/// Makes again, where it is gone, the group of an account's name: `userdel` takes it along. What should be known of it.
fn group_back(mut group: Group, operations: &mut Vec<Op>, probe: &dyn Probe) -> Result<Option<String>> {
    // The account itself is no member before it is there; a group that has others is left by `userdel`.
    let own = group.name.clone();
    group.members.retain(|member| *member != own);
    if !group.members.is_empty() {
        return Ok(None);
    }
    let lost = lost_of("group", &group.name, &account_loss::of_group(&group.name, probe)?);
    let system = group.gid.is_some_and(|gid| gid < FIRST_PERSON);
    operations.push(Op::Account(AccountChange::CreateGroup { group, system }));
    Ok(lost)
}

fn lost_of(kind: &str, name: &str, lost: &[String]) -> Option<String> {
    (!lost.is_empty()).then(|| format!("of {kind} `{name}` stays lost: {}", lost.join(", ")))
}

fn strangers_of(group: &str, strangers: &[String]) -> Option<String> {
    let listed = strangers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!strangers.is_empty())
        .then(|| format!("no members of group `{group}` again: {listed}, for no account is named so"))
}

/// The groups that list `user` as a member. Source: group(5).
fn memberships(user: &str, probe: &dyn Probe) -> Result<Vec<Group>> {
    let Some(Entry { kind: EntryKind::File { content }, .. }) = probe.entry(Path::new("/etc/group"))? else {
        return Ok(Vec::new());
    };
    let text = String::from_utf8_lossy(content.bytes().unwrap_or_default()).into_owned();
    let lists = |line: &&str| line.rsplit(':').next().is_some_and(|members| members.split(',').any(|m| m == user));
    let names = text.lines().filter(lists).filter_map(|line| line.split(':').next());
    let groups: Result<Vec<_>> = names.map(|name| probe.group(name)).collect();
    Ok(groups?.into_iter().flatten().collect())
}

/// An operation as it may be written down: no secret of a command in it.
pub(super) fn redacted(op: &Op) -> Op {
    let Op::Run(command) = op else { return op.clone() };
    // Values in an environment are where passwords are handed over.
    let environment = command.environment.keys().map(|name| (name.clone(), "(not kept)".to_owned())).collect();
    let argv = match command.sensitive {
        true => vec!["(sensitive)".to_owned()],
        false => command.argv.iter().map(|word| command.without_secrets(word)).collect(),
    };
    Op::Run(Command { argv, environment, stdin: None, ..command.clone() })
}
