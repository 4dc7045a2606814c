//! A machine on which nothing happens: what a run would do is kept in memory, and later reads see it.
//!
//! Where an answer may differ from what converging will see, it is given all the same and a doubt is noted: one sentence
//! that says why. A plan without doubts is a promise.
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    slice::from_ref,
    time::SystemTime,
};

use super::{
    AccountChange, Act, Active, Answer, Candidate, Command, Enabled, Entry, EntryKind, Fetched, Group, Host, Init,
    Interface, Kernel, Op, PackageChange, PackageState, Performed, Probe, Provider, Request, ServiceState, ServiceVerb,
    Transaction, User, Write,
    account_defaults::{AccountDefaults, SKELETON, group_in_the_way, mailbox},
    dns::{Authority, Name, RecordSet, RecordType},
    inverse::{Seen, tree},
    overlay::Overlay,
    unit_name,
};
use crate::{
    Error, Result,
    values::{Blob, Digest, Mode, Seconds},
};

/// Version shown for a package whose lists are yet to be fetched.
const NEWEST: &str = "(newest)";

/// Directories of files that name sources of packages.
const SOURCES: [&str; 3] = ["/etc/yum.repos.d", "/etc/apt/sources.list.d", "/etc/zypp/repos.d"];

/// A dry host: see the module.
pub struct Dry<'a> {
    below: &'a dyn Probe,
    /// Whether this is a plan: commands and downloads are asked for, and what root would do is shown to everybody.
    asks: bool,
    /// Whether root converges, whoever plans.
    for_root: bool,
    files: Overlay,
    packages: BTreeMap<Registry, Packages>,
    services: BTreeMap<String, ServiceState>,
    users: BTreeMap<String, Option<User>>,
    groups: BTreeMap<String, Option<Group>>,
    /// Homes that `useradd` will make, with modes of its own choice.
    homes: BTreeSet<PathBuf>,
    /// Records that will be there, by server, name and type.
    records: BTreeMap<(String, Name, RecordType), RecordSet>,
    /// Located paths that will be names of one file.
    hard_links: Vec<(PathBuf, PathBuf)>,
    commands: Vec<String>,
    operations: Vec<Op>,
    changes: Vec<(Provider, PackageChange)>,
    /// How many of `changes` were told already.
    told: usize,
    doubts: RefCell<Vec<String>>,
}

/// One collection of installed packages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Registry {
    Platform,
    /// That of another package manager, by its program where one is named.
    Own(&'static str, Option<PathBuf>),
}

impl Registry {
    fn of(provider: &Provider) -> Self {
        if provider.of_platform() {
            return Self::Platform;
        }
        let binary = provider.own().and_then(|(binary, _)| binary);
        Self::Own(provider.name(), binary.map(Path::to_owned))
    }
}

/// What is pending in one registry.
#[derive(Default)]
struct Packages {
    /// Names that transactions ask for, in order: the ones to name to people.
    asked: Vec<String>,
    /// Every package that changes, dependencies included.
    changed: BTreeMap<String, Shadow>,
    /// Virtual names and the packages that will provide them.
    provides: BTreeMap<String, String>,
    /// Packages that will be held, or not.
    held: BTreeMap<String, bool>,
    /// Packages that will be marked as come along with others, or not.
    automatic: BTreeMap<String, bool>,
    /// Package lists will have been refreshed, be it those of one source alone.
    refreshed: bool,
    /// All of them will have been.
    all_refreshed: bool,
    /// Sources whose lists will have been fetched, as they are by then.
    fetched: BTreeMap<PathBuf, Option<Digest>>,
}

#[derive(Clone)]
struct Shadow {
    version: Option<String>,
    purged: bool,
}

impl<'a> Dry<'a> {
    /// For a plan: guards and lazy values are asked of the machine as it is. Rights to change something are taken for
    /// granted; what this user may not even look at leaves a doubt.
    #[must_use]
    pub fn new(below: &'a dyn Probe) -> Self {
        Self {
            below,
            asks: true,
            for_root: false,
            files: Overlay::default(),
            packages: BTreeMap::new(),
            services: BTreeMap::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            homes: BTreeSet::new(),
            records: BTreeMap::new(),
            hard_links: Vec::new(),
            commands: Vec::new(),
            operations: Vec::new(),
            changes: Vec::new(),
            told: 0,
            doubts: RefCell::default(),
        }
    }

    /// A plan of what root will do, whoever asks: what is made is root's.
    #[must_use]
    pub fn for_root(self) -> Self {
        Self { for_root: true, ..self }
    }

    /// For the look ahead before converging: no command is run and nothing is downloaded, each leaves a doubt, and what
    /// this user has no right to change fails.
    #[must_use]
    pub fn preflight(below: &'a dyn Probe) -> Self {
        Self { asks: false, ..Self::new(below) }
    }

    /// Everything that would have been performed, in order.
    #[must_use]
    pub fn operations(&self) -> &[Op] {
        &self.operations
    }

    /// Everything that package managers would change, dependencies included, in order.
    #[must_use]
    pub fn package_changes(&self) -> &[(Provider, PackageChange)] {
        &self.changes
    }

    fn doubt(&self, sentence: impl Into<String>) {
        let (sentence, mut doubts) = (sentence.into(), self.doubts.borrow_mut());
        if !doubts.contains(&sentence) {
            doubts.push(sentence);
        }
    }

    fn registry(&self, provider: &Provider) -> Option<&Packages> {
        self.packages.get(&Registry::of(provider))
    }

    /// Notes that pending packages or commands may bring `what`; `related` tells of a package whether it likely does.
    /// Returns whether there is such a doubt.
    fn may_come(&self, what: &str, related: impl Fn(&str) -> bool) -> bool {
        let asked: Vec<&str> = self.packages.values().flat_map(|p| &p.asked).map(String::as_str).collect();
        let all = self.packages.values().flat_map(|p| &p.changed).filter(|(_, shadow)| shadow.version.is_some());
        let near: Vec<&str> = all.map(|(name, _)| name.as_str()).filter(|name| related(name)).collect();
        let packages = if near.is_empty() { asked } else { near };
        match packages.as_slice() {
            [] => {}
            [one] => self.doubt(format!("package {one} is to be installed and may bring {what}")),
            many => self.doubt(format!("packages {} are to be installed and may bring {what}", listed(many))),
        }
        if let Some(command) = self.commands.last() {
            self.doubt(format!("`{command}` is to be run and may bring {what}"));
        }
        !packages.is_empty() || !self.commands.is_empty()
    }

    /// Whether packages, once installed, may well bring `path`. No package manager can say before the download, so
    /// this goes by place: a package owns directories that are not there yet, `/usr`, `/opt`, `/var`, and what bears its
    /// name; what an administrator keeps directly in `/etc`, `/root`, `/srv` or `/usr/local` is not a package's.
    fn may_own(&self, path: &Path) -> Result<bool> {
        if !self.commands.is_empty() {
            return Ok(true);
        }
        if self.packages.values().all(|packages| packages.asked.is_empty()) {
            return Ok(false);
        }
        let own = ["/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/etc"];
        if path.parent().is_some_and(|parent| own.iter().any(|own| parent == Path::new(own))) {
            return Ok(false);
        }
        if ["/usr", "/bin", "/sbin", "/lib", "/opt", "/var"].iter().any(|area| path.starts_with(area)) {
            return Ok(true);
        }
        if self.packages.values().flat_map(|p| p.changed.keys()).any(|name| named_after(path, name)) {
            return Ok(true);
        }
        match path.parent() {
            Some(parent) if parent != Path::new("/") => Ok(self.peek(parent)?.is_none()),
            Some(_) | None => Ok(false),
        }
    }

    /// What is at a path, without a word about doubts.
    fn peek(&self, path: &Path) -> Result<Option<Entry>> {
        self.files.at(self.below, &self.files.locate(self.below, path)?)
    }

    fn doubtful(&self) -> usize {
        self.doubts.borrow().len()
    }

    /// An error, or (when a doubt noted since `before` explains it) an assumption.
    fn unless_doubtful(&self, before: usize, error: Error) -> Result<Performed> {
        if self.doubtful() > before { Ok(Performed::Assumed) } else { Err(error) }
    }

    fn root(&self, doing: &str) -> Result<()> {
        match self.below.effective_user() {
            _ if self.asks => Ok(()),
            0 => Ok(()),
            user => Err(Error::Unsupported(format!("{doing} needs root; this is user number {user}"))),
        }
    }

    /// In a plan: a look that this user is refused leaves a doubt, for root will see.
    fn unless_refused<T>(&self, looked: Result<T>) -> Result<T> {
        if let Err(error) = &looked
            && self.asks
            && self.below.effective_user() != 0
            && is_refused(error)
        {
            self.doubt(error.to_string());
        }
        looked
    }

    /// What the machine's own user may ask as `command` wants it.
    fn may_ask(&self, command: &Command) -> Result<()> {
        let user = self.below.effective_user();
        if user == 0 || !self.asks {
            return Ok(());
        }
        let other = match &command.user {
            Some(name) => self.below.user(name)?.and_then(|account| account.uid) != Some(user),
            None => false,
        };
        if let (true, Some(name)) = (other, &command.user) {
            let sentence = format!("`{command}` is asked as user `{name}`, which only root can do");
            self.doubt(sentence.clone());
            return Err(Error::Unsupported(sentence));
        }
        if self.for_root && command.user.is_none() {
            self.doubt(format!("`{command}` was asked by user number {user}; root may get another answer"));
        }
        Ok(())
    }

    /// Checks that a file may be put at a path: its directory, its owner and group, the file system.
    fn may_put(&self, doing: &'static str, path: &Path, bytes: u64, owner: &str, group: &str) -> Result<Performed> {
        let before = self.doubtful();
        let mut performed = Performed::Done;
        let mut assume = |result: Result<Performed>| {
            if result? == Performed::Assumed {
                performed = Performed::Assumed;
            }
            Ok::<(), Error>(())
        };
        if let Some(parent) = path.parent()
            && !self.leads_to_directory(parent)?
        {
            let error = match self.entry(parent)? {
                None => Error::Missing { kind: "directory", name: parent.display().to_string(), why: None },
                Some(_) => Error::io(doing, path)(io::ErrorKind::NotADirectory.into()),
            };
            assume(self.unless_doubtful(before, error))?;
        }
        assume(self.known_user(owner))?;
        assume(self.known_group(group))?;
        self.may_change(path, bytes)?;
        Ok(performed)
    }

    /// As [`Probe::writable`]; what is against it may be gone when a command has run.
    fn may_change(&self, path: &Path, bytes: u64) -> Result<()> {
        match self.writable(path, bytes) {
            Err(error) if !self.commands.is_empty() => {
                self.doubt(format!("{error}, unless a command before it changes that"));
                Ok(())
            }
            writable => writable,
        }
    }

    fn leads_to_directory(&self, path: &Path) -> Result<bool> {
        let mut at = path.to_owned();
        for _ in 0..40 {
            match self.peek(&at)?.map(|entry| entry.kind) {
                Some(EntryKind::Directory) => return Ok(true),
                Some(EntryKind::Link { target }) => at = at.parent().unwrap_or(Path::new("/")).join(target),
                Some(EntryKind::File { .. } | EntryKind::Other { .. }) | None => return Ok(at == Path::new("/")),
            }
        }
        Ok(false)
    }

    fn known_user(&self, name: &str) -> Result<Performed> {
        let before = self.doubtful();
        if name.parse::<u32>().is_ok() || self.user(name)?.is_some() {
            return Ok(Performed::Done);
        }
        self.unless_doubtful(before, Error::Missing { kind: "user", name: name.to_owned(), why: None })
    }

    fn known_group(&self, name: &str) -> Result<Performed> {
        let before = self.doubtful();
        if name.parse::<u32>().is_ok() || self.group(name)?.is_some() {
            return Ok(Performed::Done);
        }
        self.unless_doubtful(before, Error::Missing { kind: "group", name: name.to_owned(), why: None })
    }

    fn put(&mut self, path: &Path, mut entry: Entry) -> Result<()> {
        let located = self.files.place(self.below, path)?;
        // A number is shown as the name that has it.
        if entry.owner.parse::<u32>().is_ok()
            && let Some(user) = self.user(&entry.owner)?
        {
            entry.owner = user.name;
        }
        if entry.group.parse::<u32>().is_ok()
            && let Some(group) = self.group(&entry.group)?
        {
            entry.group = group.name;
        }
        self.files.set(located, entry);
        Ok(())
    }

    fn predict(&mut self, op: &Op) -> Result<Performed> {
        match op {
            Op::Write(write) => self.write(write),
            Op::SetMeta { path, mode, owner, group } => self.set_meta(path, *mode, owner, group),
            Op::Mkdir { path, mode, owner, group } => {
                if self.peek(path)?.is_some() {
                    return Err(Error::io("make directory", path)(io::ErrorKind::AlreadyExists.into()));
                }
                let performed = self.may_put("make directory", path, 0, owner, group)?;
                let entry =
                    Entry { kind: EntryKind::Directory, mode: *mode, owner: owner.clone(), group: group.clone() };
                self.put(path, entry)?;
                Ok(performed)
            }
            Op::Link { path, target, hard } => self.link(path, target, *hard),
            Op::Remove { path, recursive, .. } => self.remove(path, *recursive),
            Op::Packages(transaction) => self.transact(transaction),
            Op::UpdatePackageLists { provider, source } => {
                if Registry::of(provider) == Registry::Platform {
                    self.root("refreshing the package lists")?;
                }
                let said = source.as_deref().map(|path| self.peek(path)).transpose()?.flatten();
                let pending = self.packages.entry(Registry::of(provider)).or_default();
                pending.refreshed = true;
                pending.all_refreshed |= source.is_none();
                pending.fetched.extend(source.clone().map(|path| (path, said.and_then(digest))));
                Ok(Performed::Done)
            }
            Op::Service { unit, verb } => self.serve(unit, *verb),
            Op::Account(change) => self.account(change),
            Op::Kept(kept) => {
                self.root("changing what a program keeps")?;
                let Some(file) = kept.file() else {
                    self.commands.extend(kept.by.iter().map(ToString::to_string));
                    return Ok(Performed::Assumed);
                };
                match kept.applied(self.peek(file)?.as_ref()) {
                    Some(entry) => self.put(file, entry)?,
                    None => self.files.remove(&self.files.place(self.below, file)?),
                }
                Ok(Performed::Done)
            }
            Op::Foreseen(foreseen) => {
                self.root("changing what a program keeps")?;
                for Seen { path, entry } in &foreseen.leaves {
                    match entry {
                        Some(entry) => self.put(path, entry.clone())?,
                        None => self.files.remove(&self.files.place(self.below, path)?),
                    }
                }
                Ok(Performed::Done)
            }
            Op::Records(change) => {
                let place = (change.authority.server.clone(), change.name.clone(), change.to.kind);
                self.records.insert(place, change.to.clone());
                Ok(Performed::Done)
            }
            Op::Run(command) => {
                let mut performed = Performed::Assumed;
                if let Some(user) = &command.user {
                    performed = worse(performed, self.known_user(user)?);
                }
                if let Some(directory) = &command.cwd
                    && !self.leads_to_directory(directory)?
                {
                    let before = self.doubtful();
                    self.entry(directory)?;
                    let name = directory.display().to_string();
                    self.unless_doubtful(before, Error::Missing { kind: "directory", name, why: None })?;
                }
                self.commands.push(command.to_string());
                Ok(performed)
            }
            Op::Act(Act::Call(code)) => {
                self.commands.push(code.to_string());
                Ok(Performed::Assumed)
            }
            Op::Act(Act::Send(_) | Act::Wait { .. } | Act::Reboot(_) | Act::CancelReboot) | Op::Log { .. } => {
                Ok(Performed::Done)
            }
        }
    }

    fn write(&mut self, write: &Write) -> Result<Performed> {
        let Write { path, content, mode, owner, group, .. } = write;
        match self.peek(path)?.map(|entry| entry.kind) {
            None | Some(EntryKind::File { .. }) => {}
            Some(EntryKind::Directory) => return Err(Error::io("write", path)(io::ErrorKind::IsADirectory.into())),
            Some(kind @ (EntryKind::Link { .. } | EntryKind::Other { .. })) => {
                return Err(Error::failed(format!("cannot write `{}`: a {} is there", path.display(), kind.noun())));
            }
        }
        let performed = self.may_put("write", path, content.size(), owner, group)?;
        for judge in &write.verify {
            self.try_judge(judge, content)?;
        }
        let kind = EntryKind::File { content: content.clone() };
        self.put(path, Entry { kind, mode: *mode, owner: owner.clone(), group: group.clone() })?;
        Ok(performed)
    }

    /// Has a command of `verify` judge the content on its standard input, so that nothing is written. What accepts it there will
    /// accept it; what does not may only have missed what lies beside the file.
    fn try_judge(&self, judge: &str, content: &Blob) -> Result<()> {
        let bytes = content.bytes().filter(|_| self.asks);
        let Some(bytes) = bytes else {
            self.doubt(format!("`{judge}` judges the content only when converging"));
            return Ok(());
        };
        let mut command = Command::shell(judge.replace("%{path}", "/dev/stdin"));
        command.timeout = Seconds(300);
        command.stdin = Some(bytes.to_vec());
        self.may_ask(&command)?;
        match self.below.query(&command) {
            Ok(answer) if answer.success() => {}
            Ok(answer) => self.doubt(format!(
                "`{judge}` did not accept the content when it was tried (exit code {}); it judges again before the file is put in place",
                answer.code
            )),
            Err(error) => self.doubt(format!("`{judge}` could not be tried: {error}")),
        }
        Ok(())
    }

    fn set_meta(&mut self, path: &Path, mode: Mode, owner: &str, group: &str) -> Result<Performed> {
        let before = self.doubtful();
        let performed = worse(self.known_user(owner)?, self.known_group(group)?);
        let Some(now) = self.entry(path)? else {
            let error = Error::Missing { kind: "file", name: path.display().to_string(), why: None };
            return self.unless_doubtful(before, error);
        };
        self.may_change(path, 0)?;
        if matches!(now.kind, EntryKind::Link { .. }) {
            let sentence = format!("`{}` is a symbolic link, and a link has no mode of its own", path.display());
            return Err(Error::failed(sentence).hint("name the file that it leads to"));
        }
        self.put(path, Entry { kind: now.kind, mode, owner: owner.to_owned(), group: group.to_owned() })?;
        Ok(performed)
    }

    fn link(&mut self, path: &Path, target: &Path, hard: bool) -> Result<Performed> {
        if let Some(entry) = self.peek(path)?
            && !matches!(entry.kind, EntryKind::Link { .. })
            && !(hard && matches!(entry.kind, EntryKind::File { .. }))
        {
            let error =
                Error::failed(format!("cannot put a link at `{}`: a {} is there", path.display(), entry.kind.noun()));
            return Err(error.hint("remove it first"));
        }
        let mut performed = self.may_put("link", path, 0, "0", "0")?;
        let entry = if hard {
            let before = self.doubtful();
            match self.entry(target)? {
                Some(entry) if entry.kind != EntryKind::Directory => entry,
                Some(_) => return Err(Error::io("link to", target)(io::ErrorKind::IsADirectory.into())),
                None => {
                    let name = target.display().to_string();
                    performed = self.unless_doubtful(before, Error::Missing { kind: "file", name, why: None })?;
                    return Ok(performed);
                }
            }
        } else {
            let (owner, group) = self.own_names()?;
            Entry { kind: EntryKind::Link { target: target.to_owned() }, mode: Mode::from(0o777), owner, group }
        };
        if hard {
            let both = (self.files.place(self.below, path)?, self.files.place(self.below, target)?);
            self.hard_links.push(both);
        }
        self.put(path, entry)?;
        Ok(performed)
    }

    /// Names of the account that a new link will belong to.
    fn own_names(&self) -> Result<(String, String)> {
        let number = self.effective_user().to_string();
        let user = self.below.user(&number)?;
        let group = user.as_ref().and_then(|user| user.group.clone());
        Ok((user.map_or_else(|| number.clone(), |user| user.name), group.unwrap_or(number)))
    }

    fn remove(&mut self, path: &Path, recursive: bool) -> Result<Performed> {
        let Some(entry) = self.peek(path)? else {
            let before = self.doubtful();
            self.entry(path)?;
            return self.unless_doubtful(before, Error::io("remove", path)(io::ErrorKind::NotFound.into()));
        };
        let located = self.files.place(self.below, path)?;
        if entry.kind == EntryKind::Directory && !recursive && !self.files.list(self.below, &located)?.is_empty() {
            return Err(Error::io("remove", path)(io::ErrorKind::DirectoryNotEmpty.into()));
        }
        self.may_change(path, 0)?;
        self.files.remove(&located);
        Ok(Performed::Done)
    }
}

/// Names as they will be: without what is to go, and with what is to be made.
fn to_come<T>(mut names: Vec<String>, changed: &BTreeMap<String, Option<T>>) -> Vec<String> {
    names.retain(|name| !changed.contains_key(name));
    names.extend(changed.iter().filter(|(_, now)| now.is_some()).map(|(name, _)| name.clone()));
    names
}

/// Which content a file has.
fn digest(entry: Entry) -> Option<Digest> {
    match entry.kind {
        EntryKind::File { content } => Some(content.digest()),
        EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. } => None,
    }
}

// Packages.
impl Dry<'_> {
    fn transact(&mut self, transaction: &Transaction) -> Result<Performed> {
        let provider = &transaction.provider;
        if Registry::of(provider) == Registry::Platform {
            self.root("changing packages")?;
        }
        let removed = |pending: &Packages, name: &String| {
            pending.changed.get(name).is_some_and(|shadow| shadow.version.is_none())
        };
        let mut performed = Performed::Done;
        if !transaction.moves_nothing()
            && let Err(error) = self.below.may_change_packages(provider)
        {
            if self.commands.is_empty() {
                return Err(error);
            }
            self.doubt(format!("{error}, unless a command before it changes that"));
            performed = Performed::Assumed;
        }
        let foreseen = if transaction.moves_nothing() { Ok(Vec::new()) } else { self.foreseen(transaction) };
        let mut changes = match foreseen {
            Ok(changes) => changes,
            Err(error) => {
                let to_come = self.file_to_come(transaction)?;
                let Some(doubt) = to_come.map_or_else(|| self.not_final(provider, &error), |doubt| Ok(Some(doubt)))?
                else {
                    self.doubt_old_lists(provider)?;
                    // What comes after it would not come to pass, so nothing is certain of that either.
                    self.ask_for(transaction);
                    return Err(error);
                };
                self.doubt(doubt);
                performed = Performed::Assumed;
                self.bare_changes(transaction)?
            }
        };
        // The simulation does not know of what is pending: a package that goes first and then comes back, and the reverse.
        let pending = self.packages.entry(Registry::of(provider)).or_default();
        let mut extra = Vec::new();
        for spec in &transaction.install {
            if removed(pending, &spec.name) && !changes.iter().any(|change| change.name == spec.name) {
                let version = match &spec.version {
                    Some(version) => version.clone(),
                    None => candidate(self.below, provider, &spec.name)?.map_or(NEWEST.to_owned(), |c| c.version),
                };
                extra.push(PackageChange { name: spec.name.clone(), from: None, to: Some(version) });
            } else if Registry::of(provider) == Registry::Platform
                && pending.changed.contains_key(&spec.name)
                && !changes.iter().any(|change| change.name == spec.name)
            {
                // The machine has now what this asks for, and another version by then: it comes back to this one.
                let now = self.below.packages(provider, from_ref(&spec.name))?.remove(0).version;
                extra.extend(now.map(|now| PackageChange { name: spec.name.clone(), from: None, to: Some(now) }));
            }
        }
        for name in transaction.remove.iter().chain(&transaction.purge) {
            let installed = pending.changed.get(name).and_then(|shadow| shadow.version.clone());
            if installed.is_some() && !changes.iter().any(|change| change.name == *name) {
                extra.push(PackageChange { name: name.clone(), from: installed, to: None });
            }
        }
        changes.extend(extra);
        // What was unpacked and left unconfigured is finished without being installed anew: no simulation names it.
        let names: Vec<String> = transaction.install.iter().map(|spec| spec.name.clone()).collect();
        // Gems are whole or not there.
        let gems = Registry::of(provider) != Registry::Platform;
        let states = if gems { Vec::new() } else { self.below.packages(provider, &names)? };
        let finished: Vec<(String, String)> = names
            .into_iter()
            .zip(states)
            .filter(|(name, state)| state.broken.is_some() && !changes.iter().any(|change| change.name == *name))
            .filter_map(|(name, state)| Some((name, state.version?)))
            .collect();
        let mut provides = Vec::new();
        for spec in &transaction.install {
            let plain = spec.name.split(':').next().unwrap_or(&spec.name);
            if !changes.iter().any(|change| change.name == spec.name)
                && let Some(by) = changes.iter().find(|change| change.name == plain).map(|c| c.name.clone()).or(
                    match candidate(self.below, provider, &spec.name) {
                        Ok(found) => found.map(|c| c.name).filter(|name| *name != spec.name),
                        Err(_) if performed == Performed::Assumed => None,
                        Err(error) => return Err(error),
                    },
                )
            {
                provides.push((spec.name.clone(), by));
            }
        }
        self.ask_for(transaction);
        let marks = self.below.marks_automatic(provider).unwrap_or(false);
        let pending = self.packages.entry(Registry::of(provider)).or_default();
        pending.provides.extend(provides);
        for mut change in changes {
            match pending.changed.get(&change.name) {
                Some(known) if known.version == change.to => continue,
                Some(known) => change.from.clone_from(&known.version),
                None => {}
            }
            if marks && (change.from.is_none() || change.to.is_none()) {
                pending.automatic.insert(change.name.clone(), change.to.is_some());
            }
            let purged = transaction.purge.contains(&change.name);
            pending.changed.insert(change.name.clone(), Shadow { version: change.to.clone(), purged });
            self.changes.push((provider.clone(), change));
        }
        for (name, version) in finished {
            pending.changed.entry(name).or_insert(Shadow { version: Some(version), purged: false });
        }
        for name in &transaction.purge {
            pending.changed.entry(name.clone()).or_insert(Shadow { version: None, purged: true }).purged = true;
        }
        pending.asked.retain(|name| !transaction.remove.contains(name) && !transaction.purge.contains(name));
        let holds = |names: &'_ [String], held| names.iter().cloned().map(move |name| (name, held)).collect::<Vec<_>>();
        pending.held.extend(holds(&transaction.release, false).into_iter().chain(holds(&transaction.hold, true)));
        let asked = transaction.install.iter().map(|spec| &spec.name).chain(&transaction.manual);
        let marks = asked.map(|name| (name, false)).chain(transaction.automatic.iter().map(|name| (name, true)));
        pending.automatic.extend(marks.map(|(name, automatic)| (name.clone(), automatic)));
        Ok(performed)
    }

    /// What the machine says of a transaction. What will be marked as asked for by then, does not go because nothing needs
    /// it; what else goes for that reason, may be needed by it.
    fn foreseen(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let mut changes = self.simulated(transaction)?;
        let pending = self.registry(&transaction.provider).map(|pending| &pending.automatic);
        let stays = |change: &PackageChange| {
            let marked = pending.and_then(|pending| pending.get(&change.name)) == Some(&false);
            let named = [&transaction.remove, &transaction.purge].iter().any(|names| names.contains(&change.name));
            change.to.is_none() && marked && !named
        };
        if !changes.iter().any(stays) {
            return Ok(changes);
        }
        let needed = self.simulated(&Transaction { keep_unneeded: true, ..transaction.clone() })?;
        changes.retain(|change| !stays(change) || needed.contains(change));
        let unneeded = changes.iter().find(|change| change.to.is_none() && !needed.contains(change));
        if let Some(change) = unneeded {
            self.doubt(format!("package {} stays where one that is marked before needs it", change.name));
        }
        Ok(changes)
    }

    /// What the machine says of a transaction. What is in its way now, and will have gone by then, is in nobody's way.
    fn simulated(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let mut transaction = self.with_pending_releases(transaction);
        self.below.simulate(&transaction).or_else(|refusal| {
            let pending = self.registry(&transaction.provider).map(|pending| &pending.changed);
            let gone = pending.into_iter().flatten().filter(|(_, shadow)| shadow.version.is_none());
            let gone: Vec<String> = gone.map(|(name, _)| name.clone()).collect();
            if transaction.install.is_empty() || gone.is_empty() {
                return Err(refusal);
            }
            transaction.remove.extend(gone);
            self.below.simulate(&transaction).map_err(|_| refusal)
        })
    }

    /// What is still held on the machine, and will not be by then, does not stand in the way of a transaction.
    fn with_pending_releases(&self, transaction: &Transaction) -> Transaction {
        let mut transaction = transaction.clone();
        let pending = self.registry(&transaction.provider).map(|pending| &pending.held);
        let released = pending.into_iter().flatten().filter(|(_, held)| !**held);
        transaction.release.extend(released.map(|(name, _)| name.clone()));
        transaction
    }

    /// Remembers which packages are to be there from now on.
    fn ask_for(&mut self, transaction: &Transaction) {
        let pending = self.packages.entry(Registry::of(&transaction.provider)).or_default();
        for spec in &transaction.install {
            if !pending.asked.contains(&spec.name) {
                pending.asked.push(spec.name.clone());
            }
        }
    }

    /// Why a package manager cannot be asked yet; `None` when it can.
    fn unforeseeable(&self, provider: &Provider) -> Result<Option<String>> {
        if let Provider::Gem { .. } = provider {
            return Ok(self
                .ruby()
                .map(|ruby| format!("package {ruby} is to be installed first: gems cannot be known before that")));
        }
        if !provider.of_platform() {
            let binary = provider.own().and_then(|(binary, _)| binary);
            let program = binary.map_or_else(|| PathBuf::from(provider.name()), Path::to_owned);
            let there = self.has_program(&program)?;
            let doubt = || format!("there is no `{}` yet: what it would install is not known", program.display());
            return Ok((!there).then(doubt));
        }
        if self.registry(provider).is_some_and(|pending| pending.refreshed) {
            return Ok(Some(
                "the package lists are to be refreshed first: dependencies and versions are known only then".to_owned(),
            ));
        }
        // A module that is enabled, a repository that is switched on.
        let changes_offers = |command: &&String| {
            matches!(command.split(' ').next(), Some("dnf" | "dnf5" | "yum"))
                && Registry::of(provider) == Registry::Platform
        };
        if let Some(command) = self.commands.iter().find(changes_offers) {
            return Ok(Some(format!("`{command}` is to run first: what is on offer is known only then")));
        }
        if self.below.has_package_lists(provider)? {
            return Ok(None);
        }
        if !self.below.reads_all_sources(provider)? {
            return Ok(Some("there are no package lists yet: dependencies and versions are not known".to_owned()));
        }
        let command = self.commands.first();
        Ok(command.map(|command| format!("`{command}` is to be run and may bring a repository")))
    }

    /// Why what no source has now may be on offer by then: a source is to come.
    fn source_to_come(&self, provider: &Provider) -> Result<Option<String>> {
        if Registry::of(provider) != Registry::Platform {
            return Ok(None);
        }
        let pending = self.registry(provider).map(|pending| &pending.changed);
        let brings = |name: &str| name.contains("release") || name.contains("-repo");
        let coming = |(name, shadow): &(&String, &Shadow)| shadow.version.is_some() && brings(name);
        if let Some((name, _)) = pending.into_iter().flatten().find(coming) {
            return Ok(Some(format!("package {name} is to be installed and may bring a repository")));
        }
        for directory in SOURCES.map(Path::new) {
            let located = self.files.locate(self.below, directory)?;
            for name in self.files.list(self.below, &located)? {
                if let Some(Some(_)) = self.files.changed(&located.join(&name)) {
                    let path = directory.join(name);
                    let path = path.display();
                    return Ok(Some(format!("`{path}` is to be written first: what is on offer is known only then")));
                }
            }
        }
        Ok(None)
    }

    /// Why the package manager's refusal is not its last word.
    fn not_final(&self, provider: &Provider, refusal: &Error) -> Result<Option<String>> {
        if let Some(doubt) = self.unforeseeable(provider)? {
            return Ok(Some(doubt));
        }
        // Without lists of a known age, only that a name is missing is certain: it may be slow this time, or wait.
        let missing = |error: &Error| matches!(error, Error::Missing { .. });
        let certain = match refusal {
            Error::Several(errors) => errors.iter().all(missing),
            error => missing(error),
        };
        if !certain && !self.below.has_package_lists(provider)? {
            return Ok(Some("what the package manager would do cannot be told beforehand".to_owned()));
        }
        self.source_to_come(provider)
    }

    /// Why packages in files cannot be asked yet: earlier steps are to bring a file.
    fn file_to_come(&self, transaction: &Transaction) -> Result<Option<String>> {
        for file in transaction.install.iter().filter_map(|spec| spec.file.as_ref()) {
            if self.below.entry(file)?.is_none() && self.entry(file)?.is_some() {
                return Ok(Some(format!("`{}` is to come first: what it needs is not known", file.display())));
            }
        }
        Ok(None)
    }

    /// Whether a program is there now: at its path, or where distributions put programs.
    fn has_program(&self, program: &Path) -> Result<bool> {
        let directories = match program.parent() {
            Some(directory) if program.is_absolute() => vec![directory],
            Some(_) | None => {
                ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin"]
                    .map(Path::new)
                    .to_vec()
            }
        };
        for directory in directories {
            if self.below.list(directory)?.iter().any(|name| Some(name.as_os_str()) == program.file_name()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that what is not possible by the lists at hand may be by those that converging fetches then.
    fn doubt_old_lists(&self, provider: &Provider) -> Result<()> {
        if self.below.package_lists_age(provider)?.is_none() && !self.below.reads_all_sources(provider)? {
            self.doubt("the package lists are of unknown age, so they are fetched first");
        }
        Ok(())
    }

    /// What a transaction names itself, when nothing can tell what comes along.
    fn bare_changes(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let mut names: Vec<String> = transaction.install.iter().map(|spec| spec.name.clone()).collect();
        names.extend(transaction.remove.iter().chain(&transaction.purge).cloned());
        let now = self.packages(&transaction.provider, &names)?;
        let mut changes = Vec::new();
        for (n, (name, state)) in names.into_iter().zip(now).enumerate() {
            let to = transaction.install.get(n).map(|spec| spec.version.clone().unwrap_or_else(|| NEWEST.to_owned()));
            if to.is_some() || state.version.is_some() {
                changes.push(PackageChange { name, from: state.version, to });
            }
        }
        Ok(changes)
    }

    /// The pending platform package that brings Ruby itself.
    fn ruby(&self) -> Option<&str> {
        let packages = self.packages.get(&Registry::Platform)?;
        let is_ruby = |name: &str| {
            name.strip_prefix("ruby").is_some_and(|rest| {
                rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') || rest == "gems" || rest == "-full"
            })
        };
        let coming = packages.changed.iter().filter(|(_, shadow)| shadow.version.is_some());
        coming.map(|(name, _)| name.as_str()).find(|name| is_ruby(name))
    }

    /// Notes what pending platform packages may do to a gem that is not installed.
    fn doubt_gem(&self, gem: &str) {
        let Some(packages) = self.packages.get(&Registry::Platform) else { return };
        let names = [
            gem.to_owned(),
            format!("ruby-{gem}"),
            format!("rubygem-{gem}"),
            format!("ruby-{}", gem.replace('_', "-")),
        ];
        let coming = |name: &&String| packages.changed.get(*name).is_some_and(|shadow| shadow.version.is_some());
        if let Some(package) = names.iter().find(coming) {
            self.doubt(format!("package {package}, to be installed, probably brings gem {gem}"));
        } else if let Some(ruby) = self.ruby() {
            self.doubt(format!("package {ruby} is to be installed first: gems cannot be known before that"));
        }
    }
}

// Services.
impl Dry<'_> {
    fn serve(&mut self, unit: &str, verb: ServiceVerb) -> Result<Performed> {
        self.root("changing services")?;
        let before = self.doubtful();
        let now = self.service(unit)?;
        if !now.exists && verb != ServiceVerb::Mask {
            let error = Error::Missing { kind: "unit", name: unit.to_owned(), why: None };
            return self.unless_doubtful(before, error);
        }
        let starts = matches!(verb, ServiceVerb::Start | ServiceVerb::Restart | ServiceVerb::Reload);
        if starts && now.enabled == Enabled::Masked {
            let error = Error::failed(format!("cannot {} `{unit}`: it is masked", verb.name()));
            return Err(error.hint("unmask it first (action `unmask`)"));
        }
        let name = self.unit(unit)?;
        let next = match verb {
            ServiceVerb::Enable if now.enabled == Enabled::Static => now,
            ServiceVerb::Enable => ServiceState { enabled: Enabled::Yes, ..now },
            ServiceVerb::Disable if now.enabled == Enabled::No || now.enabled == Enabled::Yes => {
                ServiceState { enabled: Enabled::No, ..now }
            }
            ServiceVerb::Disable => now,
            ServiceVerb::Start | ServiceVerb::Restart => ServiceState { active: Active::Yes, ..now },
            ServiceVerb::Stop => ServiceState { active: Active::No, ..now },
            ServiceVerb::Reload => now,
            ServiceVerb::Mask => ServiceState { exists: true, enabled: Enabled::Masked, ..now },
            ServiceVerb::Unmask => {
                // Only the mask hid what the unit's own files and links say.
                let told = match self.below.service(unit)?.enabled {
                    Enabled::Masked => self.below.unmasked(unit)?,
                    told => Some(told),
                };
                let (known, enabled) = (told.is_some(), told.unwrap_or(Enabled::No));
                self.services.insert(name, ServiceState { enabled, ..now });
                if !known {
                    self.doubt(format!("whether `{unit}` is enabled shows only when it is unmasked"));
                }
                return Ok(if known { Performed::Done } else { Performed::Assumed });
            }
        };
        self.services.insert(name, next);
        Ok(Performed::Done)
    }

    /// The pending file of a unit, or that it will be gone; `None` when no pending file concerns it.
    fn unit_file(&self, unit: &str) -> Result<Option<Option<Blob>>> {
        let whole = whole_name(unit);
        let owner = unit_name::of_user(&whole).0.map(|user| self.user(user)).transpose()?.flatten();
        let mut removed = false;
        for path in unit_name::files(&whole, owner.and_then(|user| user.home).as_deref()) {
            let located = self.files.locate(self.below, &path)?;
            match self.files.changed(&located) {
                Some(Some(Entry { kind: EntryKind::File { content }, .. })) => return Ok(Some(Some(content.clone()))),
                Some(Some(_)) => return Ok(None),
                Some(None) => removed = true,
                None if self.below.entry(&located)?.is_some() => return Ok(None),
                None => {}
            }
        }
        Ok(removed.then_some(None))
    }
}

// Accounts.
impl Dry<'_> {
    fn account(&mut self, change: &AccountChange) -> Result<Performed> {
        self.root("changing accounts")?;
        match change {
            AccountChange::CreateUser { user, manage_home, .. } => {
                if self.user(&user.name)?.is_some() {
                    return Err(Error::failed(format!("user `{}` exists already", user.name)));
                }
                if let Some(uid) = user.uid
                    && let Some(other) = self.user(&uid.to_string())?
                {
                    return Err(Error::failed(format!("user number {uid} belongs to `{}` already", other.name)));
                }
                let defaults = self.account_defaults()?;
                let mut performed = Performed::Done;
                let group = match (&user.group, defaults.group()) {
                    (Some(group), _) => {
                        performed = self.known_group(group)?;
                        group.clone()
                    }
                    (None, Some(usual)) => self.group(usual)?.map_or_else(|| usual.to_owned(), |group| group.name),
                    (None, None) => {
                        self.add_private_group(&user.name)?;
                        user.name.clone()
                    }
                };
                let home = user.home.clone().unwrap_or_else(|| defaults.home(&user.name));
                let made = User { home: Some(home.clone()), group: Some(group.clone()), ..user.clone() };
                self.users.insert(user.name.clone(), Some(made));
                if *manage_home && self.peek(&home)?.is_none() {
                    self.add_home(home, &user.name, &group)?;
                }
                Ok(performed)
            }
            AccountChange::ModifyUser { from, to, manage_home } => {
                let mut performed = self.known_user(&from.name)?;
                if let Some(group) = &to.group {
                    performed = worse(performed, self.known_group(group)?);
                }
                if from.name != to.name {
                    self.users.insert(from.name.clone(), None);
                }
                if let (true, Some(old), Some(new)) = (manage_home, &from.home, &to.home)
                    && old != new
                    && let Some(entry) = self.peek(old)?
                {
                    self.put(new, entry)?;
                    let located = self.files.place(self.below, old)?;
                    self.files.remove(&located);
                }
                self.users.insert(to.name.clone(), Some(to.clone()));
                Ok(performed)
            }
            AccountChange::RemoveUser { user, manage_home } => {
                self.known_user(&user.name)?;
                self.users.insert(user.name.clone(), None);
                if let (true, Some(home)) = (manage_home, &user.home) {
                    let located = self.files.place(self.below, home)?;
                    self.files.remove(&located);
                }
                let mailbox = match mailbox(&user.name, self.below) {
                    Err(error) if self.asks && is_refused(&error) => None,
                    mailbox => mailbox?,
                };
                if let (true, Some((path, entry))) = (manage_home, mailbox)
                    && entry.owner == user.name
                {
                    let located = self.files.place(self.below, &path)?;
                    self.files.remove(&located);
                }
                // `userdel` takes the private group along.
                if user.group.as_ref() == Some(&user.name)
                    && self.group(&user.name)?.is_some_and(|group| group.members.is_empty())
                {
                    self.groups.insert(user.name.clone(), None);
                }
                Ok(Performed::Done)
            }
            AccountChange::CreateGroup { group, .. } => {
                if self.group(&group.name)?.is_some() {
                    return Err(Error::failed(format!("group `{}` exists already", group.name)));
                }
                if let Some(gid) = group.gid
                    && let Some(other) = self.group(&gid.to_string())?
                {
                    return Err(Error::failed(format!("group number {gid} belongs to `{}` already", other.name)));
                }
                self.groups.insert(group.name.clone(), Some(group.clone()));
                Ok(Performed::Done)
            }
            AccountChange::ModifyGroup { from, to } => {
                let mut performed = self.known_group(&from.name)?;
                for member in to.members.iter().filter(|member| !from.members.contains(member)) {
                    performed = worse(performed, self.known_user(member)?);
                }
                if from.name != to.name {
                    self.groups.insert(from.name.clone(), None);
                }
                self.groups.insert(to.name.clone(), Some(to.clone()));
                Ok(performed)
            }
            AccountChange::RemoveGroup { group } => {
                if self.group(&group.name)?.is_none() {
                    let before = self.doubtful();
                    return self.unless_doubtful(
                        before,
                        Error::Missing { kind: "group", name: group.name.clone(), why: None },
                    );
                }
                self.may_lose(group)?;
                self.groups.insert(group.name.clone(), None);
                Ok(Performed::Done)
            }
        }
    }

    /// In a plan, what this user may not read leaves a doubt.
    fn account_defaults(&self) -> Result<AccountDefaults> {
        match AccountDefaults::read(self) {
            Err(error) if self.asks && is_refused(&error) => Ok(AccountDefaults::default()),
            defaults => defaults,
        }
    }

    fn add_private_group(&mut self, name: &str) -> Result<()> {
        let there = match self.groups.get(name) {
            Some(group) => group.is_some(),
            None => self.below.group(name)?.is_some(),
        };
        if there {
            return Err(group_in_the_way(name));
        }
        self.groups.insert(name.to_owned(), Some(Group { name: name.to_owned(), gid: None, members: Vec::new() }));
        Ok(())
    }

    /// A home as `useradd` makes it.
    fn add_home(&mut self, home: PathBuf, owner: &str, group: &str) -> Result<()> {
        let own = |entry: Entry| Entry { owner: owner.to_owned(), group: group.to_owned(), ..entry };
        let directory =
            Entry { kind: EntryKind::Directory, mode: Mode::from(0o700), owner: String::new(), group: String::new() };
        self.put(&home, own(directory))?;
        if self.peek(Path::new(SKELETON))?.is_some() {
            let inside = match tree(Path::new(SKELETON), self) {
                // Whoever plans without being root may not read all of it.
                Err(error) if self.asks && is_refused(&error) => Vec::new(),
                inside => inside?,
            };
            for Seen { path, entry } in inside {
                if let (Ok(name), Some(entry)) = (path.strip_prefix(SKELETON), entry)
                    && name != Path::new("")
                {
                    self.put(&home.join(name), own(entry))?;
                }
            }
        }
        self.homes.insert(home);
        Ok(())
    }

    /// Refuses to remove the primary group of an account, as `groupdel` does; a command may change that before.
    fn may_lose(&self, group: &Group) -> Result<()> {
        for name in self.own_users()? {
            let primary = self.user(&name)?.and_then(|user| user.group);
            if primary.is_none_or(|primary| primary != group.name) {
                continue;
            }
            let sentence = format!("cannot remove group `{}`: it is the primary group of user `{name}`", group.name);
            if self.commands.is_empty() {
                return Err(Error::failed(sentence).hint("give the account another `gid`, or remove it, before this"));
            }
            self.doubt(format!("{sentence}, unless a command before it changes that"));
        }
        Ok(())
    }
}

impl Probe for Dry<'_> {
    fn entry(&self, path: &Path) -> Result<Option<Entry>> {
        let located = self.unless_refused(self.files.locate(self.below, path))?;
        let found = self.unless_refused(self.files.at(self.below, &located))?;
        if self.homes.contains(path) {
            self.doubt(format!(
                "`{}` is made together with its user, with a mode of the system's choice",
                path.display()
            ));
        }
        if found.is_none() && self.files.changed(&located).is_none() && self.may_own(path)? {
            self.may_come(&format!("`{}`", path.display()), |name| named_after(path, name));
        }
        Ok(found)
    }

    fn same_file(&self, one: &Path, other: &Path) -> Result<bool> {
        let (one, other) = (self.files.locate(self.below, one)?, self.files.locate(self.below, other)?);
        if self.files.changed(&one).is_none() && self.files.changed(&other).is_none() {
            return self.unless_refused(self.below.same_file(&one, &other));
        }
        let joined = |(a, b): &(PathBuf, PathBuf)| (*a == one && *b == other) || (*a == other && *b == one);
        Ok(self.hard_links.iter().any(joined)
            && self.files.at(self.below, &one)? == self.files.at(self.below, &other)?)
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        let located = self.unless_refused(self.files.locate(self.below, path))?;
        let names = self.unless_refused(self.files.list(self.below, &located))?;
        if names.is_empty() && self.peek(path)?.is_none() {
            self.entry(path)?;
        }
        Ok(names)
    }

    fn packages(&self, provider: &Provider, names: &[String]) -> Result<Vec<PackageState>> {
        let gems = matches!(provider, Provider::Gem { .. });
        let states = match self.below.packages(provider, names) {
            // Without Ruby there is nobody to ask, and no gem either.
            Err(_) if gems && self.ruby().is_some() => vec![PackageState::default(); names.len()],
            states => states?,
        };
        let pending = self.registry(provider);
        let mut answers = Vec::with_capacity(states.len());
        for (name, mut state) in names.iter().zip(states) {
            let shadow = pending.and_then(|pending| pending.changed.get(name));
            match shadow {
                Some(Shadow { version: Some(version), .. }) => {
                    if !gems {
                        state.versions.clear();
                    }
                    if !state.versions.contains(version) {
                        state.versions.push(version.clone());
                    }
                    state = PackageState { version: Some(version.clone()), broken: None, provided_by: None, ..state };
                }
                Some(Shadow { version: None, purged }) => {
                    let config_files = state.config_files && !purged;
                    state = PackageState { config_files, ..PackageState::default() };
                }
                None => {
                    let by = pending.and_then(|pending| pending.provides.get(name)).or(state.provided_by.as_ref());
                    let gone = |by: &&String| {
                        pending.and_then(|p| p.changed.get(*by)).is_some_and(|shadow| shadow.version.is_none())
                    };
                    state.provided_by = by.filter(|by| !gone(by)).cloned();
                    if gems && state.version.is_none() {
                        self.doubt_gem(name);
                    }
                }
            }
            if let Some(held) = pending.and_then(|pending| pending.held.get(name)) {
                state.held = *held;
            }
            if let Some(automatic) = pending.and_then(|pending| pending.automatic.get(name)) {
                state.automatic = *automatic;
            }
            answers.push(state);
        }
        Ok(answers)
    }

    fn candidates(&self, provider: &Provider, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        let mut unforeseeable = self.unforeseeable(provider)?;
        let found = match (self.below.candidates(provider, names), &unforeseeable) {
            (Err(_), Some(_)) => vec![None; names.len()],
            (found, Some(_) | None) => found?,
        };
        if unforeseeable.is_none() && found.contains(&None) {
            unforeseeable = self.source_to_come(provider)?;
        }
        let Some(doubt) = unforeseeable else { return Ok(found) };
        // What is already there may get a newer candidate; what is absent is installed in any case.
        let now = self.packages(provider, names)?;
        let mut answers = Vec::with_capacity(found.len());
        for ((name, candidate), state) in names.iter().zip(found).zip(now) {
            if candidate.is_none() || state.version.is_some() {
                self.doubt(doubt.clone());
            }
            let unknown =
                || Candidate { name: name.clone(), version: state.version.unwrap_or_else(|| NEWEST.to_owned()) };
            answers.push(Some(candidate.unwrap_or_else(unknown)));
        }
        Ok(answers)
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let changes = match self.foreseen(transaction) {
            Ok(changes) => changes,
            Err(error) => {
                let Some(doubt) = self.not_final(&transaction.provider, &error)? else {
                    self.doubt_old_lists(&transaction.provider)?;
                    return Err(error);
                };
                self.doubt(doubt);
                self.bare_changes(transaction)?
            }
        };
        let pending = self.registry(&transaction.provider);
        let known = |change: &PackageChange| {
            pending.and_then(|p| p.changed.get(&change.name)).is_some_and(|shadow| shadow.version == change.to)
        };
        Ok(changes.into_iter().filter(|change| !known(change)).collect())
    }

    fn package_lists_age(&self, provider: &Provider) -> Result<Option<Seconds>> {
        if self.registry(provider).is_some_and(|pending| pending.all_refreshed) {
            return Ok(Some(Seconds(0)));
        }
        self.below.package_lists_age(provider)
    }

    fn provider(&self, provider: &Provider) -> Result<Provider> {
        self.below.provider(provider)
    }

    fn marks_automatic(&self, provider: &Provider) -> Result<bool> {
        self.below.marks_automatic(provider)
    }

    fn has_package_lists(&self, provider: &Provider) -> Result<bool> {
        Ok(self.registry(provider).is_some_and(|pending| pending.refreshed)
            || self.below.has_package_lists(provider)?)
    }

    fn may_change_packages(&self, provider: &Provider) -> Result<()> {
        self.below.may_change_packages(provider)
    }

    fn source_is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool> {
        if let Some(then) = self.registry(provider).and_then(|pending| pending.fetched.get(source)) {
            return Ok(self.peek(source)?.and_then(digest) == *then);
        }
        let located = self.files.locate(self.below, source)?;
        Ok(self.files.changed(&located).is_none() && self.below.source_is_fetched(provider, source)?)
    }

    fn service(&self, unit: &str) -> Result<ServiceState> {
        let name = self.unit(unit).unwrap_or_else(|_| whole_name(unit));
        if let Some(state) = self.services.get(&name) {
            return Ok(state.clone());
        }
        let mut state = self.unless_refused(self.below.service(unit))?;
        match self.unit_file(unit)? {
            Some(Some(file)) => {
                let installs = says(&file, |line| line == "[Install]");
                state.enabled = match state.enabled {
                    Enabled::No | Enabled::Static if installs => Enabled::No,
                    Enabled::No | Enabled::Static => Enabled::Static,
                    Enabled::Yes => Enabled::Yes,
                    Enabled::Masked => Enabled::Masked,
                };
                state.exists = true;
            }
            Some(None) => state = ServiceState { exists: false, ..state },
            None => {}
        }
        if !state.exists {
            let stem = unit.split(['.', '@']).next().unwrap_or(unit);
            self.may_come(&format!("unit `{unit}`"), |name| akin(name, stem));
        }
        Ok(state)
    }

    fn unit(&self, unit: &str) -> Result<String> {
        // A file of this name that is to come makes it a unit of its own.
        match self.unit_file(unit)? {
            Some(_) => Ok(whole_name(unit)),
            None => self.below.unit(unit),
        }
    }

    fn reloads(&self, unit: &str) -> Result<Option<bool>> {
        match self.unit_file(unit)? {
            Some(Some(file)) => Ok(Some(says(&file, |line| line.starts_with("ExecReload=")))),
            Some(None) => Ok(None),
            None => self.below.reloads(unit),
        }
    }

    fn init(&self) -> Result<Init> {
        self.below.init()
    }

    fn user(&self, name: &str) -> Result<Option<User>> {
        if let Some(user) = self.users.get(name) {
            return Ok(user.clone());
        }
        let number = name.parse::<u32>().ok();
        if number.is_some()
            && let Some(user) = self.users.values().flatten().find(|user| user.uid == number)
        {
            return Ok(Some(user.clone()));
        }
        let found = self.below.user(name)?;
        let found = found.filter(|user| self.users.get(&user.name).is_none_or(Option::is_some));
        if found.is_none() && number.is_none() {
            self.may_come(&format!("user `{name}`"), |package| akin(package, name));
        }
        Ok(found)
    }

    fn own_users(&self) -> Result<Vec<String>> {
        Ok(to_come(self.below.own_users()?, &self.users))
    }

    fn own_groups(&self) -> Result<Vec<String>> {
        Ok(to_come(self.below.own_groups()?, &self.groups))
    }

    fn groups_of(&self, member: &str) -> Result<Vec<String>> {
        let mut names = self.below.groups_of(member)?;
        names.retain(|name| !self.groups.contains_key(name));
        let of_plan = self.groups.values().flatten().filter(|group| group.members.iter().any(|name| name == member));
        names.extend(of_plan.map(|group| group.name.clone()));
        names.sort();
        Ok(names)
    }

    fn group(&self, name: &str) -> Result<Option<Group>> {
        if let Some(group) = self.groups.get(name) {
            return Ok(group.clone());
        }
        let number = name.parse::<u32>().ok();
        if number.is_some()
            && let Some(group) = self.groups.values().flatten().find(|group| group.gid == number)
        {
            return Ok(Some(group.clone()));
        }
        let found = self.below.group(name)?;
        let found = found.filter(|group| self.groups.get(&group.name).is_none_or(Option::is_some));
        if found.is_none() && number.is_none() {
            self.may_come(&format!("group `{name}`"), |package| akin(package, name));
        }
        Ok(found)
    }

    fn query(&self, command: &Command) -> Result<Answer> {
        if !self.asks {
            self.doubt(format!("`{command}` is asked only when converging"));
            return Ok(Answer::default());
        }
        let leaves_all = |op: &Op| match op {
            Op::Act(act) => !matches!(act, Act::Call(_)),
            op => matches!(op, Op::Log { .. }),
        };
        if self.operations.iter().any(|operation| !leaves_all(operation)) {
            self.doubt(format!(
                "`{command}` was asked of the machine as it is now; earlier steps may change its answer"
            ));
        }
        self.may_ask(command)?;
        self.unless_refused(self.below.query(command))
    }

    fn fetch(&self, request: &Request) -> Result<Fetched> {
        if let Some(path) = request.url.strip_prefix("file://") {
            let located = self.files.locate(self.below, Path::new(path))?;
            if let Some(Some(Entry { kind: EntryKind::File { content }, .. })) = self.files.changed(&located) {
                return Ok(Fetched { content: content.clone(), not_modified: false });
            }
            if self.files.changed(&located).is_none() && self.below.entry(&located)?.is_none() {
                self.entry(Path::new(path))?;
            }
        } else if !self.asks {
            self.doubt(format!("`{}` is downloaded only when converging", without_credentials(&request.url)));
            return Err(Error::failed("nothing is downloaded before converging"));
        }
        self.unless_refused(self.below.fetch(request))
    }

    fn kernel(&self) -> Result<Kernel> {
        self.below.kernel()
    }

    fn records(&self, authority: &Authority, name: &Name, kind: RecordType) -> Result<RecordSet> {
        if let Some(set) = self.records.get(&(authority.server.clone(), name.clone(), kind)) {
            return Ok(set.clone());
        }
        let nothing = || RecordSet { kind, ..RecordSet::default() };
        if !self.asks {
            self.doubt(format!("`{}` is asked for `{name}` only when converging", authority.server));
            return Ok(nothing());
        }
        match self.below.records(authority, name, kind) {
            // The key, or the server itself, may be what earlier steps bring.
            Err(error)
                if self.operations.iter().any(|operation| !matches!(operation, Op::Log { .. } | Op::Records(_))) =>
            {
                self.doubt(format!("{error}, unless an earlier step changes that"));
                Ok(nothing())
            }
            found => self.unless_refused(found),
        }
    }

    fn interfaces(&self) -> Result<Vec<Interface>> {
        self.below.interfaces()
    }

    fn offline(&self) -> bool {
        self.below.offline()
    }

    fn effective_user(&self) -> u32 {
        if self.for_root { 0 } else { self.below.effective_user() }
    }

    fn now(&self) -> SystemTime {
        self.below.now()
    }

    fn stays_in_use(&self, told: &str) -> bool {
        let may_end = self.operations.iter().any(|operation| match operation {
            Op::Packages(_) | Op::Service { .. } | Op::Kept(_) | Op::Foreseen(_) | Op::Run(_) => true,
            Op::Act(act) => matches!(act, Act::Call(_)),
            Op::Write(_)
            | Op::SetMeta { .. }
            | Op::Mkdir { .. }
            | Op::Link { .. }
            | Op::Remove { .. }
            | Op::UpdatePackageLists { .. }
            | Op::Account(_)
            | Op::Records(_)
            | Op::Log { .. } => false,
        });
        if may_end {
            self.doubt(format!("{told}, unless an earlier step changes that"));
        }
        !may_end
    }

    fn writable(&self, path: &Path, bytes: u64) -> Result<()> {
        match self.below.writable(path, bytes) {
            Err(error) if self.asks && is_refused(&error) => Ok(()),
            writable => writable,
        }
    }
}

impl Host for Dry<'_> {
    fn perform(&mut self, op: &Op) -> Result<Performed> {
        let predicted = self.predict(op);
        let performed = self.unless_refused(predicted)?;
        self.operations.push(op.clone());
        Ok(performed)
    }

    fn as_probe(&self) -> &dyn Probe {
        self
    }

    fn take_doubts(&mut self) -> Vec<String> {
        self.doubts.take()
    }

    fn take_package_changes(&mut self) -> Vec<PackageChange> {
        let new = self.changes[self.told..].iter().map(|(_, change)| change.clone()).collect();
        self.told = self.changes.len();
        new
    }

    fn is_dry(&self) -> bool {
        true
    }
}

fn candidate(below: &dyn Probe, provider: &Provider, name: &str) -> Result<Option<Candidate>> {
    Ok(below.candidates(provider, &[name.to_owned()])?.into_iter().next().flatten())
}

/// Whether it is for lack of rights that something was not done.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
}

const fn worse(one: Performed, other: Performed) -> Performed {
    match (one, other) {
        (Performed::Done, Performed::Done) => Performed::Done,
        (Performed::Assumed, _) | (_, Performed::Assumed) => Performed::Assumed,
    }
}

/// Whether a line of a file is as asked; of a file whose content is not at hand that is assumed.
fn says(file: &Blob, asked: fn(&str) -> bool) -> bool {
    let text = file.bytes().map(String::from_utf8_lossy);
    text.is_none_or(|text| text.lines().any(|line| asked(line.trim())))
}

/// A unit's full name; one that is none stays as it is, for the machine to refuse.
fn whole_name(unit: &str) -> String {
    unit_name::whole(unit).unwrap_or_else(|_| unit.to_owned())
}

/// The part of a package's name that its files and accounts tend to share: `bind9` and `bind9-utils` give `bind`.
fn stem(package: &str) -> &str {
    let end = package.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(package.len());
    &package[..end]
}

/// Whether a package and a unit or account seem to be named after each other.
fn akin(package: &str, name: &str) -> bool {
    let (package, name) = (stem(package), stem(name));
    package.len() > 2 && package == name
}

/// Whether some part of a path below `/etc` or such bears the package's name.
fn named_after(path: &Path, package: &str) -> bool {
    let stem = stem(package);
    stem.len() > 2 && path.iter().filter_map(|part| part.to_str()).any(|part| self::stem(part) == stem)
}

fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if names.len() <= 4 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..3].join(", "), names.len() - 3),
    }
}

/// An address without the user name and password it may carry.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
            format!("{scheme}://{host}{}", rest[end..].split('?').next().unwrap_or_default())
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
