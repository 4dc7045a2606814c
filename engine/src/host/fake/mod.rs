//! A machine in memory: for tests, and for the pretend nodes of cookbook tests.
mod machines;
mod packages;
mod perform;
#[cfg(test)]
mod tests;
mod tree;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use self::{
    packages::{Available, Packages},
    tree::{Bytes, Tree},
};
use super::{
    Active, Answer, Candidate, Command, Enabled, Entry, EntryKind, Fetched, Group, Init, Interface, Kernel, Op,
    PackageChange, PackageState, Probe, Provider, Request, ServiceState, ServiceVerb, Transaction, User,
    dns::{Authority, Name, RecordSet, RecordType},
    unit_name,
};
use crate::{
    Error, Result,
    values::{Blob, Digest, Seconds},
};

/// A machine in memory.
///
/// Two machines are equal when their states are; what happened to them (commands run, services restarted) is not state.
/// It is read from JSON where everything may be left out, and where text alone is a file:
///
/// ```
/// use brasa::host::{Fake, Host, Op, Probe};
///
/// let mut fake: Fake = serde_json::from_str(
///     r#"{ "entries": { "/etc/motd": "welcome\n", "/srv/old": { "type": "link", "target": "/etc/motd" } } }"#,
/// )?;
/// fake.perform(&Op::Remove { path: "/srv/old".into(), recursive: false, backup: 0 })?;
/// assert_eq!(fake.entry("/srv/old".as_ref())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fake {
    state: State,
    #[serde(skip)]
    log: Log,
}

/// All that can be read of the machine, and all that it has been told about how it behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct State {
    entries: Tree,
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, Group>,
    /// By provider: `apt`, `dnf`, `gem`, `gem PROGRAM`.
    packages: BTreeMap<String, Packages>,
    /// Whose the packages of `Provider::Platform` are.
    package_manager: Option<String>,
    services: BTreeMap<String, FakeService>,
    /// Other names of units, each with the unit's.
    service_aliases: BTreeMap<String, String>,
    init: Init,
    /// What commands answer, by the command as people type it.
    answers: BTreeMap<String, FakeAnswer>,
    /// What commands do to the machine.
    effects: BTreeMap<String, Vec<Op>>,
    urls: BTreeMap<String, Page>,
    /// What names have, by server, name and type: `ns1 www.example.com A`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    records: BTreeMap<String, RecordSet>,
    interfaces: Vec<Interface>,
    kernel: Kernel,
    effective_user: u32,
    /// Whether it is a system in a directory, that does not run.
    offline: bool,
    /// Seconds since 1970.
    clock: u64,
    /// Accounts and groups that come from a name service.
    name_service: BTreeSet<String>,
    /// Paths that cannot be looked at.
    unreadable: BTreeSet<PathBuf>,
    /// Directories in which nothing can be changed.
    read_only: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct Log {
    performed: Vec<Op>,
    reboot: Option<crate::host::Reboot>,
    ran: Vec<Command>,
    service_events: Vec<(String, ServiceVerb)>,
    package_changes: Vec<PackageChange>,
    asked: RefCell<Vec<Command>>,
    fetched: RefCell<BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Bytes", into = "Bytes")]
struct Page(Blob);

impl From<Bytes> for Page {
    fn from(bytes: Bytes) -> Self {
        Self(bytes.into())
    }
}

impl From<Page> for Bytes {
    fn from(page: Page) -> Self {
        page.0.into()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FakeAnswer {
    code: i32,
    stdout: String,
    stderr: String,
}

/// A service of a [`Fake`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FakeService {
    #[serde(default = "no_enabled")]
    enabled: Enabled,
    #[serde(default = "no_active")]
    active: Active,
    /// What happens when it is started.
    #[serde(default)]
    start: Start,
    /// Known only by its unit file: gone when that goes.
    #[serde(default)]
    by_file: bool,
    /// What a mask hides.
    #[serde(default)]
    hidden: Option<Enabled>,
    /// Whether it can be reloaded; what its unit file says when this is not told.
    #[serde(default)]
    reloads: Option<bool>,
}

const fn no_enabled() -> Enabled {
    Enabled::No
}

const fn no_active() -> Active {
    Active::No
}

/// What happens when a service of a [`Fake`] is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It runs from then on.
    #[default]
    Runs,
    /// It does its work and ends (a oneshot).
    Ends,
    /// It fails.
    Fails,
}

/// What a package puts on the machine when it is installed. Services and files go with it, accounts stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Brings {
    /// Services, enabled and running or not.
    pub services: BTreeMap<String, ServiceState>,
    /// System users, each with a group of its name.
    pub users: Vec<String>,
    /// System groups.
    pub groups: Vec<String>,
    /// Text files of root's.
    pub files: BTreeMap<PathBuf, String>,
}

impl Brings {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A service that the package enables and starts, as packages of Debian do.
    #[must_use]
    pub fn service(self, unit: impl Into<String>) -> Self {
        self.service_as(unit, ServiceState { exists: true, enabled: Enabled::Yes, active: Active::Yes })
    }

    /// A service in another state.
    #[must_use]
    pub fn service_as(mut self, unit: impl Into<String>, state: ServiceState) -> Self {
        self.services.insert(unit.into(), state);
        self
    }

    /// A system user and its group.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.users.push(name.into());
        self
    }

    /// A system group.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.groups.push(name.into());
        self
    }

    /// A file.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Default for State {
    fn default() -> Self {
        let root = User {
            name: "root".to_owned(),
            uid: Some(0),
            group: Some("root".to_owned()),
            comment: "root".to_owned(),
            home: Some("/root".into()),
            shell: Some("/bin/bash".into()),
            password: Some(Blob::from("*")),
            locked: false,
            expires: None,
            inactive: None,
        };
        let root_group = Group { name: "root".to_owned(), gid: Some(0), members: Vec::new() };
        Self {
            entries: Tree::default(),
            users: BTreeMap::from([("root".to_owned(), root)]),
            groups: BTreeMap::from([("root".to_owned(), root_group)]),
            packages: BTreeMap::new(),
            package_manager: Some("apt".to_owned()),
            services: BTreeMap::new(),
            service_aliases: BTreeMap::new(),
            init: Init::Systemd,
            answers: BTreeMap::new(),
            effects: BTreeMap::new(),
            urls: BTreeMap::new(),
            records: BTreeMap::new(),
            interfaces: Vec::new(),
            kernel: Kernel {
                name: "Linux".to_owned(),
                release: "6.1.0-18-amd64".to_owned(),
                version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)".to_owned(),
                machine: "x86_64".to_owned(),
                node_name: "fake".to_owned(),
            },
            effective_user: 0,
            offline: false,
            clock: 1_700_000_000,
            name_service: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            read_only: BTreeSet::new(),
        }
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Fake {
    fn eq(&self, other: &Self) -> bool {
        self.same_state(other)
    }
}

impl Fake {
    /// A machine with an empty root directory, the account `root`, systemd and apt.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::default(), log: Log::default() }
    }

    /// Whether all that can be read is the same; what happened on the way is not looked at.
    #[must_use]
    pub fn same_state(&self, other: &Self) -> bool {
        self.state == other.state
    }

    /// Where two machines differ, a line each, for the message of a failed test.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        match (serde_json::to_value(&self.state), serde_json::to_value(&other.state)) {
            (Ok(mine), Ok(theirs)) => differences("", &mine, &theirs, &mut found),
            (Err(error), _) | (_, Err(error)) => found.push(error.to_string()),
        }
        found
    }

    /// Operations carried out, in order. Failed ones are not among them.
    #[must_use]
    pub fn performed(&self) -> &[Op] {
        &self.log.performed
    }

    /// Commands run as operations, in order.
    #[must_use]
    pub fn ran(&self) -> &[Command] {
        &self.log.ran
    }

    /// Commands asked as queries, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Command> {
        self.log.asked.borrow().clone()
    }

    /// What was done to services, in order.
    #[must_use]
    pub fn service_events(&self) -> &[(String, ServiceVerb)] {
        &self.log.service_events
    }

    /// Forgets what happened; the state stays.
    pub fn forget_events(&mut self) {
        self.log = Log::default();
    }

    /// A text file of root's with mode 0644, and the directories above it.
    #[must_use]
    pub fn with_file(self, path: impl AsRef<Path>, content: impl Into<Blob>) -> Self {
        self.with_entry(path, Tree::usual(EntryKind::File { content: content.into() }))
    }

    /// A directory of root's with mode 0755.
    #[must_use]
    pub fn with_directory(self, path: impl AsRef<Path>) -> Self {
        self.with_entry(path, Tree::usual(EntryKind::Directory))
    }

    /// A symbolic link.
    #[must_use]
    pub fn with_link(self, path: impl AsRef<Path>, target: impl Into<PathBuf>) -> Self {
        self.with_entry(path, Tree::usual(EntryKind::Link { target: target.into() }))
    }

    /// Any entry, and the directories above it.
    #[must_use]
    pub fn with_entry(mut self, path: impl AsRef<Path>, entry: Entry) -> Self {
        self.state.entries.put(path.as_ref(), entry);
        self
    }

    /// Takes away whatever is at `path`.
    #[must_use]
    pub fn without(mut self, path: impl AsRef<Path>) -> Self {
        // Nothing there is what was asked for.
        self.state.entries.remove(path.as_ref(), true).ok();
        self
    }

    /// A path that cannot be looked at.
    #[must_use]
    pub fn with_unreadable(mut self, path: impl Into<PathBuf>) -> Self {
        self.state.unreadable.insert(path.into());
        self
    }

    /// A directory in which nothing can be changed.
    #[must_use]
    pub fn with_read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.state.read_only.insert(path.into());
        self
    }

    /// A user with a group of its name and the same number.
    #[must_use]
    pub fn with_user(self, name: impl Into<String>, uid: u32) -> Self {
        let name = name.into();
        let user = User {
            name: name.clone(),
            uid: Some(uid),
            group: Some(name.clone()),
            comment: String::new(),
            home: Some(PathBuf::from(format!("/home/{name}"))),
            shell: Some("/bin/sh".into()),
            password: Some(Blob::from("!")),
            locked: true,
            expires: None,
            inactive: None,
        };
        self.with_group(name, uid).with_account(user)
    }

    /// A user in full.
    #[must_use]
    pub fn with_account(mut self, user: User) -> Self {
        self.state.users.insert(user.name.clone(), user);
        self
    }

    /// A group without members.
    #[must_use]
    pub fn with_group(mut self, name: impl Into<String>, gid: u32) -> Self {
        let name = name.into();
        self.state.groups.insert(name.clone(), Group { name, gid: Some(gid), members: Vec::new() });
        self
    }

    /// Members of a group.
    #[must_use]
    pub fn with_members<M: Into<String>>(mut self, group: &str, members: impl IntoIterator<Item = M>) -> Self {
        if let Some(group) = self.state.groups.get_mut(group) {
            group.members.extend(members.into_iter().map(Into::into));
            group.members.sort();
        }
        self
    }

    /// Says of an account or group that it comes from a name service, and is in none of the machine's own files.
    #[must_use]
    pub fn with_name_service(mut self, name: impl Into<String>) -> Self {
        self.state.name_service.insert(name.into());
        self
    }

    fn own<'n>(&self, names: impl Iterator<Item = &'n String>) -> Vec<String> {
        names.filter(|name| !self.state.name_service.contains(*name)).cloned().collect()
    }

    /// A service in a state.
    #[must_use]
    pub fn with_service(mut self, unit: &str, enabled: Enabled, active: Active) -> Self {
        let service = FakeService { enabled, active, start: Start::Runs, by_file: false, hidden: None, reloads: None };
        self.state.services.insert(short(unit), service);
        self
    }

    /// What happens when a service is started. A service that was not known is one by its unit file.
    #[must_use]
    pub fn with_start(mut self, unit: &str, start: Start) -> Self {
        let unknown =
            FakeService { enabled: Enabled::No, active: Active::No, start, by_file: true, hidden: None, reloads: None };
        self.state.services.entry(short(unit)).or_insert(unknown).start = start;
        self
    }

    /// Another name of a unit.
    #[must_use]
    pub fn with_service_alias(mut self, alias: &str, unit: &str) -> Self {
        self.state.service_aliases.insert(short(alias), short(unit));
        self
    }

    /// Another init system than systemd.
    #[must_use]
    pub const fn with_init(mut self, init: Init) -> Self {
        self.state.init = init;
        self
    }

    /// Another package manager of the platform than apt; `None` for a machine that has none.
    #[must_use]
    pub fn with_package_manager(mut self, provider: Option<&Provider>) -> Self {
        self.state.package_manager = provider.map(|provider| provider.name().to_owned());
        self
    }

    /// An installed package of the platform.
    #[must_use]
    pub fn with_installed(self, name: &str, version: &str) -> Self {
        self.with_installed_by(&Provider::Platform, name, version)
    }

    /// An installed package of a provider. Of gems a further version lies beside those there are.
    #[must_use]
    pub fn with_installed_by(mut self, provider: &Provider, name: &str, version: &str) -> Self {
        let packages = self.packages_mut(provider);
        let side_by_side = packages.side_by_side;
        let state = packages.installed.entry(name.to_owned()).or_default();
        if !side_by_side {
            state.versions.clear();
        }
        state.versions.push(version.to_owned());
        state.version = Some(version.to_owned());
        self
    }

    /// A package of the platform in any state: held, broken, with configuration files left.
    #[must_use]
    pub fn with_package(mut self, name: &str, state: PackageState) -> Self {
        self.packages_mut(&Provider::Platform).installed.insert(name.to_owned(), state);
        self
    }

    /// A package that the platform's repositories offer; the last version told is the candidate.
    #[must_use]
    pub fn with_candidate(self, name: &str, version: &str) -> Self {
        self.with_candidate_by(&Provider::Platform, name, version)
    }

    /// A package that a provider's repositories offer; the last version told is the candidate.
    #[must_use]
    pub fn with_candidate_by(mut self, provider: &Provider, name: &str, version: &str) -> Self {
        let offered = self.packages_mut(provider).available.entry(name.to_owned()).or_default();
        offered.versions.push(version.to_owned());
        self
    }

    /// A package that the platform's repositories offer only once the lists have been refreshed.
    #[must_use]
    pub fn with_candidate_after_update(mut self, name: &str, version: &str) -> Self {
        let offered = Available { versions: vec![version.to_owned()], depends: Vec::new() };
        self.packages_mut(&Provider::Platform).after_update.insert(name.to_owned(), offered);
        self
    }

    /// Names that come along when `name` is installed, and that cannot go without it going too.
    #[must_use]
    pub fn with_dependencies<D: Into<String>>(mut self, name: &str, on: impl IntoIterator<Item = D>) -> Self {
        let offered = self.packages_mut(&Provider::Platform).available.entry(name.to_owned()).or_default();
        offered.depends.extend(on.into_iter().map(Into::into));
        self
    }

    /// A package manager of the platform that marks what comes along with others.
    #[must_use]
    pub fn marking_automatic(mut self) -> Self {
        self.packages_mut(&Provider::Platform).marks_automatic = true;
        self
    }

    /// A virtual package that `real` provides.
    #[must_use]
    pub fn with_provided(mut self, name: &str, real: &str) -> Self {
        let packages = self.packages_mut(&Provider::Platform);
        packages.provides.entry(name.to_owned()).or_default().push(real.to_owned());
        self
    }

    /// What installing a package of the platform puts on the machine.
    #[must_use]
    pub fn package_brings(mut self, name: &str, brings: Brings) -> Self {
        self.packages_mut(&Provider::Platform).brings.insert(name.to_owned(), brings);
        self
    }

    /// How long ago the platform's package lists were refreshed.
    #[must_use]
    pub fn with_lists_age(mut self, age: impl Into<Seconds>) -> Self {
        self.packages_mut(&Provider::Platform).lists_age = Some(age.into());
        self
    }

    /// The platform has package lists of which nobody knows how old they are.
    #[must_use]
    pub fn with_undated_lists(mut self) -> Self {
        self.packages_mut(&Provider::Platform).undated_lists = true;
        self
    }

    /// The platform's package manager reads what each of its sources has, whatever the age of its lists.
    #[must_use]
    pub fn with_readable_sources(mut self) -> Self {
        self.packages_mut(&Provider::Platform).readable_sources = true;
        self
    }

    /// What a command answers, written as people type it. A query that nobody told the answer of is an error.
    #[must_use]
    pub fn with_answer(mut self, command: impl Into<String>, code: i32, stdout: impl Into<String>) -> Self {
        let answer = FakeAnswer { code, stdout: stdout.into(), stderr: String::new() };
        self.state.answers.insert(command.into(), answer);
        self
    }

    /// What a command does to the machine when it is run.
    #[must_use]
    pub fn with_effect(mut self, command: impl Into<String>, operations: impl IntoIterator<Item = Op>) -> Self {
        self.state.effects.insert(command.into(), operations.into_iter().collect());
        self
    }

    /// What can be downloaded.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>, content: impl Into<Blob>) -> Self {
        self.state.urls.insert(url.into(), Page(content.into()));
        self
    }

    /// A network interface.
    #[must_use]
    pub fn with_interface(mut self, interface: Interface) -> Self {
        self.state.interfaces.push(interface);
        self
    }

    /// Another set of interfaces.
    #[must_use]
    pub fn with_interfaces(mut self, interfaces: impl IntoIterator<Item = Interface>) -> Self {
        self.state.interfaces = interfaces.into_iter().collect();
        self
    }

    /// Another kernel.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Self {
        self.state.kernel = kernel;
        self
    }

    /// Another node name, in the kernel and in `/etc/hostname`.
    #[must_use]
    pub fn with_hostname(mut self, name: &str) -> Self {
        name.clone_into(&mut self.state.kernel.node_name);
        self.with_file("/etc/hostname", format!("{name}\n").as_str())
    }

    /// Seconds since 1970 on the wall clock.
    #[must_use]
    pub const fn at_time(mut self, seconds: u64) -> Self {
        self.state.clock = seconds;
        self
    }

    /// A system in a directory, as an image, that does not run.
    #[must_use]
    pub const fn as_image(mut self) -> Self {
        self.state.offline = true;
        self
    }

    /// The number of the user this process acts as. Only told, not enforced.
    #[must_use]
    pub const fn as_user(mut self, uid: u32) -> Self {
        self.state.effective_user = uid;
        self
    }

    fn provider_key(&self, provider: &Provider) -> Result<String> {
        match provider {
            Provider::Platform => self
                .state
                .package_manager
                .clone()
                .ok_or_else(|| Error::Unsupported("this machine has no package manager that is known".to_owned())),
            Provider::Apt | Provider::Dpkg => Ok("apt".to_owned()),
            Provider::Dnf | Provider::Rpm => Ok("dnf".to_owned()),
            Provider::Zypper
            | Provider::Pacman
            | Provider::Apk
            | Provider::Gem { .. }
            | Provider::Pip { .. }
            | Provider::Npm { .. }
            | Provider::Cargo { .. }
            | Provider::Snap => Ok(match provider.own() {
                Some((Some(binary), _)) => format!("{} {}", provider.name(), binary.display()),
                Some((None, _)) | None => provider.name().to_owned(),
            }),
        }
    }

    /// The packages of a provider; of a machine without a package manager, ones that nobody can ask for.
    fn packages_mut(&mut self, provider: &Provider) -> &mut Packages {
        let key = self.provider_key(provider).unwrap_or_default();
        let side_by_side = matches!(provider, Provider::Gem { .. });
        let packages = self.state.packages.entry(key).or_default();
        packages.side_by_side |= side_by_side;
        packages
    }

    fn packages_of(&self, provider: &Provider) -> Result<Packages> {
        let key = self.provider_key(provider)?;
        Ok(self.state.packages.get(&key).cloned().unwrap_or_default())
    }

    /// The service behind a name: one it was told of, or else one that has a unit file.
    fn find_service(&self, unit: &str) -> Option<FakeService> {
        let name = self.service_key(unit);
        let told = self.state.services.get(&name);
        if let Some(service) = told
            && !service.by_file
        {
            return Some(service.clone());
        }
        let file = self.unit_file(&name)?;
        if file.is_empty() {
            return Some(FakeService {
                enabled: Enabled::Masked,
                active: Active::No,
                ..told.cloned().unwrap_or(BY_FILE)
            });
        }
        let install = std::str::from_utf8(&file).is_ok_and(|text| text.lines().any(|line| line.trim() == "[Install]"));
        let usual = if install { Enabled::No } else { Enabled::Static };
        let mut service = told.cloned().unwrap_or(FakeService { enabled: usual, ..BY_FILE });
        if service.enabled != Enabled::Masked && (!install || service.enabled == Enabled::Static) {
            service.enabled = usual;
        }
        Some(service)
    }

    fn service_key(&self, unit: &str) -> String {
        let name = short(unit);
        self.state.service_aliases.get(&name).cloned().unwrap_or(name)
    }

    /// Text of the unit file that defines a unit; empty when it is masked by a link to `/dev/null`.
    fn unit_file(&self, name: &str) -> Option<Vec<u8>> {
        let whole = unit_name::whole(name).ok()?;
        let owner = unit_name::of_user(&whole).0.and_then(|user| self.state.users.get(user));
        for path in unit_name::files(&whole, owner.and_then(|user| user.home.as_deref())) {
            if let Ok(Some(Entry { kind: EntryKind::Link { target }, .. })) = self.state.entries.get(&path)
                && target == Path::new("/dev/null")
            {
                return Some(Vec::new());
            }
            if let Some(Entry { kind: EntryKind::File { content }, .. }) = self.state.entries.follow(&path) {
                return Some(content.bytes().unwrap_or_default().to_vec());
            }
        }
        None
    }

    fn answer(&self, command: &Command) -> Option<Answer> {
        let plain = Command { sensitive: false, ..command.clone() };
        let told = self.state.answers.get(&plain.to_string())?;
        Some(Answer { code: told.code, stdout: told.stdout.clone(), stderr: told.stderr.clone() })
    }

    /// Refuses a command whose user or directory is not there, as starting it would.
    fn check_command(&self, command: &Command) -> Result<()> {
        if let Some(user) = &command.user {
            self.owner(user)?;
        }
        if let Some(group) = &command.group {
            self.owning_group(group)?;
        }
        if let Some(cwd) = &command.cwd
            && self.state.entries.follow(cwd).is_none_or(|entry| entry.kind != EntryKind::Directory)
        {
            return Err(Error::Missing { kind: "directory", name: cwd.display().to_string(), why: None });
        }
        Ok(())
    }

    /// The name of an owner given by name or number; a number needs no account.
    fn owner(&self, name: &str) -> Result<String> {
        match (self.user(name)?, name.parse::<u32>()) {
            (Some(user), _) => Ok(user.name),
            (None, Ok(number)) => Ok(number.to_string()),
            (None, Err(_)) => Err(Error::Missing { kind: "user", name: name.to_owned(), why: None }),
        }
    }

    fn owning_group(&self, name: &str) -> Result<String> {
        match (self.group(name)?, name.parse::<u32>()) {
            (Some(group), _) => Ok(group.name),
            (None, Ok(number)) => Ok(number.to_string()),
            (None, Err(_)) => Err(Error::Missing { kind: "group", name: name.to_owned(), why: None }),
        }
    }
}

const BY_FILE: FakeService = FakeService {
    enabled: Enabled::No,
    active: Active::No,
    start: Start::Runs,
    by_file: true,
    hidden: None,
    reloads: None,
};

/// Services are known without the suffix of their kind, other units with it.
fn short(unit: &str) -> String {
    unit.strip_suffix(".service").unwrap_or(unit).to_owned()
}

fn differences(at: &str, mine: &serde_json::Value, theirs: &serde_json::Value, found: &mut Vec<String>) {
    use serde_json::Value;
    match (mine, theirs) {
        (Value::Object(mine), Value::Object(theirs)) => {
            let keys: BTreeSet<_> = mine.keys().chain(theirs.keys()).collect();
            for key in keys {
                let value = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                differences(&format!("{at}[{key}]"), &value(mine), &value(theirs), found);
            }
        }
        (mine, theirs) if mine == theirs => {}
        (mine, theirs) => found.push(format!("{at}: {mine} and {theirs}")),
    }
}

impl Fake {
    /// What the file of a source says now.
    fn source(&self, path: &Path) -> Result<Option<Digest>> {
        Ok(self.entry(path)?.and_then(|entry| match entry.kind {
            EntryKind::File { content } => Some(content.digest()),
            EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. } => None,
        }))
    }
}

/// The place of what a name has.
fn record_key(authority: &Authority, name: &Name, kind: RecordType) -> String {
    format!("{} {name} {}", authority.server, kind.name())
}

impl Probe for Fake {
    fn entry(&self, path: &Path) -> Result<Option<Entry>> {
        if self.state.unreadable.contains(path) {
            return Err(Error::io("read", path)(std::io::ErrorKind::PermissionDenied.into()));
        }
        Ok(self.state.entries.get(path)?.cloned())
    }

    fn same_file(&self, one: &Path, other: &Path) -> Result<bool> {
        Ok(self.state.entries.same(one, other))
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        if self.state.unreadable.contains(path) {
            return Err(Error::io("list", path)(std::io::ErrorKind::PermissionDenied.into()));
        }
        self.state.entries.list(path)
    }

    fn packages(&self, provider: &Provider, names: &[String]) -> Result<Vec<PackageState>> {
        let packages = self.packages_of(provider)?;
        Ok(names.iter().map(|name| packages.state(name)).collect())
    }

    fn candidates(&self, provider: &Provider, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        let packages = self.packages_of(provider)?;
        Ok(names.iter().map(|name| packages.candidate(name)).collect())
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        self.packages_of(&transaction.provider)?.carry_out(transaction)
    }

    fn package_lists_age(&self, provider: &Provider) -> Result<Option<Seconds>> {
        Ok(self.packages_of(provider)?.lists_age)
    }

    fn has_package_lists(&self, provider: &Provider) -> Result<bool> {
        let packages = self.packages_of(provider)?;
        Ok(packages.undated_lists || packages.lists_age.is_some())
    }

    fn reads_all_sources(&self, provider: &Provider) -> Result<bool> {
        Ok(self.packages_of(provider)?.readable_sources)
    }

    fn provider(&self, provider: &Provider) -> Result<Provider> {
        let own = match provider {
            Provider::Platform => Provider::named(&self.provider_key(provider)?, None, None),
            _ => None,
        };
        Ok(own.unwrap_or_else(|| provider.clone()))
    }

    fn marks_automatic(&self, provider: &Provider) -> Result<bool> {
        Ok(self.packages_of(provider)?.marks_automatic)
    }

    fn may_change_packages(&self, _: &Provider) -> Result<()> {
        Ok(())
    }

    fn source_is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool> {
        let said = self.source(source)?;
        Ok(said.is_some() && self.packages_of(provider)?.fetched.get(source).copied() == said)
    }

    fn service(&self, unit: &str) -> Result<ServiceState> {
        unit_name::whole(unit).map_err(Error::failed)?;
        if self.state.init == Init::None {
            return Ok(ServiceState::ABSENT);
        }
        Ok(self.find_service(unit).map_or(ServiceState::ABSENT, |service| ServiceState {
            exists: true,
            enabled: service.enabled,
            active: service.active,
        }))
    }

    fn unit(&self, unit: &str) -> Result<String> {
        unit_name::whole(&self.service_key(unit)).map_err(Error::failed)
    }

    fn reloads(&self, unit: &str) -> Result<Option<bool>> {
        let name = self.service_key(unit);
        if let Some(told) = self.state.services.get(&name).and_then(|service| service.reloads) {
            return Ok(Some(told));
        }
        let of_file =
            |file: Vec<u8>| String::from_utf8_lossy(&file).lines().any(|line| line.starts_with("ExecReload="));
        Ok(self.unit_file(&name).map(of_file))
    }

    fn init(&self) -> Result<Init> {
        Ok(self.state.init)
    }

    fn user(&self, name: &str) -> Result<Option<User>> {
        let by_name = self.state.users.get(name);
        let number = name.parse::<u32>().ok();
        let by_number = || self.state.users.values().find(|user| number.is_some() && user.uid == number);
        Ok(by_name.or_else(by_number).cloned())
    }

    fn group(&self, name: &str) -> Result<Option<Group>> {
        let by_name = self.state.groups.get(name);
        let number = name.parse::<u32>().ok();
        let by_number = || self.state.groups.values().find(|group| number.is_some() && group.gid == number);
        Ok(by_name.or_else(by_number).cloned())
    }

    fn own_users(&self) -> Result<Vec<String>> {
        Ok(self.own(self.state.users.keys()))
    }

    fn own_groups(&self) -> Result<Vec<String>> {
        Ok(self.own(self.state.groups.keys()))
    }

    fn groups_of(&self, member: &str) -> Result<Vec<String>> {
        let has = |group: &&Group| group.members.iter().any(|name| name == member);
        Ok(self.state.groups.values().filter(has).map(|group| group.name.clone()).collect())
    }

    fn query(&self, command: &Command) -> Result<Answer> {
        self.check_command(command)?;
        self.log.asked.borrow_mut().push(command.clone());
        self.answer(command).ok_or_else(|| {
            Error::failed(format!("the pretend machine was not told what `{command}` answers"))
                .hint("tell it by `.with_answer(COMMAND, CODE, OUTPUT)`")
        })
    }

    fn fetch(&self, request: &Request) -> Result<Fetched> {
        let refused = |why: String| Error::failed(format!("cannot download `{}`: {why}", request.url));
        let local = request.url.strip_prefix("file://").and_then(|path| self.state.entries.follow(Path::new(path)));
        let content = match (self.state.urls.get(&request.url), local.map(|entry| &entry.kind)) {
            (Some(page), _) => page.0.clone(),
            (None, Some(EntryKind::File { content })) => content.clone(),
            (None, Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None) => {
                return Err(refused("not found (404)".to_owned()));
            }
        };
        if let Some(wanted) = request.checksum
            && wanted != content.digest()
        {
            return Err(refused(format!("its SHA-256 is `{}`, not `{wanted}`", content.digest())));
        }
        let first = self.log.fetched.borrow_mut().insert(request.url.clone());
        Ok(Fetched { content, not_modified: request.conditional && !first })
    }

    fn kernel(&self) -> Result<Kernel> {
        Ok(self.state.kernel.clone())
    }

    fn records(&self, authority: &Authority, name: &Name, kind: RecordType) -> Result<RecordSet> {
        let found = self.state.records.get(&record_key(authority, name, kind)).cloned();
        Ok(found.unwrap_or(RecordSet { kind, ..RecordSet::default() }))
    }

    fn interfaces(&self) -> Result<Vec<Interface>> {
        Ok(self.state.interfaces.clone())
    }

    fn offline(&self) -> bool {
        self.state.offline
    }

    fn effective_user(&self) -> u32 {
        self.state.effective_user
    }

    fn writable(&self, path: &Path, _bytes: u64) -> Result<()> {
        self.check_writable("write", path)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.state.clock)
    }
}
