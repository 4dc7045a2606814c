use std::{
    ffi::OsString,
    net::IpAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use super::{
    command::{Answer, Command},
    dns::{Authority, Name, RecordSet, RecordType},
    packages::{Candidate, PackageChange, PackageState, Provider, Transaction},
};
use crate::{
    Result,
    values::{Blob, Day, Digest, Mode, Seconds},
};

/// Reading the machine. Nothing here changes it.
///
/// Answers may be remembered during a run; a host forgets what an operation may have changed.
pub trait Probe {
    /// The thing at `path` itself (a symbolic link is not followed), or `None`. Content of regular files included.
    ///
    /// # Errors
    /// When the path cannot be looked at (permission, I/O error), never because nothing is there.
    fn entry(&self, path: &Path) -> Result<Option<Entry>>;

    /// Whether two paths are names of one and the same file, which is what a hard link is.
    ///
    /// A host that knows the answer itself gives it; the others ask the machine's `test`.
    ///
    /// # Errors
    /// As [`Probe::entry`] and [`Probe::query`].
    fn same_file(&self, one: &Path, other: &Path) -> Result<bool> {
        // Names of one file agree in everything, so most differences are seen without asking.
        if one == other || self.entry(one)? != self.entry(other)? {
            return Ok(one == other && self.entry(one)?.is_some());
        }
        let word = |path: &Path| path.display().to_string();
        let question = Command::new(["test".to_owned(), word(one), "-ef".to_owned(), word(other)]);
        Ok(self.query(&question)?.success())
    }

    /// Names in a directory, sorted; empty when there is no such directory.
    fn list(&self, path: &Path) -> Result<Vec<OsString>>;

    /// State of packages, one answer for each name, in order.
    fn packages(&self, provider: &Provider, names: &[String]) -> Result<Vec<PackageState>>;

    /// What the provider would install for each name, in order; `None` for a name it does not know.
    fn candidates(&self, provider: &Provider, names: &[String]) -> Result<Vec<Option<Candidate>>>;

    /// Everything the package manager would do to carry out `transaction`, dependencies included.
    fn simulate(&self, transaction: &Transaction) -> Result<Vec<PackageChange>>;

    /// Seconds since the package lists were last refreshed; `None` when there are none, or nobody knows how old they are.
    fn package_lists_age(&self, provider: &Provider) -> Result<Option<Seconds>>;

    /// Whether there are package lists at all, whatever their age.
    ///
    /// # Errors
    /// As [`Probe::package_lists_age`].
    fn has_package_lists(&self, provider: &Provider) -> Result<bool> {
        Ok(self.package_lists_age(provider)?.is_some())
    }

    /// Whether the package manager reads now what each of its sources has, whatever the age of its lists, and asks for
    /// nothing more when it installs.
    ///
    /// # Errors
    /// A package manager that cannot be run.
    fn reads_all_sources(&self, _provider: &Provider) -> Result<bool> {
        Ok(false)
    }

    /// The provider itself, which the platform's own is in each case.
    ///
    /// # Errors
    /// A machine without a package manager that brasa knows.
    fn provider(&self, provider: &Provider) -> Result<Provider> {
        Ok(provider.clone())
    }

    /// Whether the package manager marks what comes along with others, and tells it.
    ///
    /// # Errors
    /// A package manager that is not on this machine.
    fn marks_automatic(&self, _provider: &Provider) -> Result<bool> {
        Ok(false)
    }

    /// Whether the lists of the source that this file declares were fetched since it, or its key, was last changed, and are
    /// still there.
    ///
    /// # Errors
    /// As [`Probe::package_lists_age`].
    fn source_is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool>;

    /// Refuses where packages must not be changed before somebody has finished what an interrupted package manager left.
    ///
    /// # Errors
    /// What is left, and how to finish it.
    fn may_change_packages(&self, provider: &Provider) -> Result<()>;

    /// State of a service or another unit of the init system, or, as `USER/UNIT`, of a user's own systemd.
    fn service(&self, unit: &str) -> Result<ServiceState>;

    /// The whole name of a unit, and of an alias that of the unit it means.
    ///
    /// # Errors
    /// As [`Probe::service`].
    fn unit(&self, unit: &str) -> Result<String>;

    /// Whether a unit can read its configuration again without a restart. `None`: only trying tells.
    ///
    /// # Errors
    /// As [`Probe::service`].
    fn reloads(&self, unit: &str) -> Result<Option<bool>>;

    /// Whether a unit that is masked will be enabled once it is not, where its files tell.
    ///
    /// # Errors
    /// As [`Probe::service`].
    fn unmasked(&self, _: &str) -> Result<Option<Enabled>> {
        Ok(None)
    }

    /// The init system that starts and stops services here.
    fn init(&self) -> Result<Init>;

    /// An account by name (or by number, as text).
    fn user(&self, name: &str) -> Result<Option<User>>;

    /// A group by name (or by number, as text).
    fn group(&self, name: &str) -> Result<Option<Group>>;

    /// Names of the accounts in the machine's own files, which are those that can be changed: a name service may know more.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn own_users(&self) -> Result<Vec<String>>;

    /// The same of groups.
    ///
    /// # Errors
    /// As [`Probe::own_users`].
    fn own_groups(&self) -> Result<Vec<String>>;

    /// Names of the local groups that have this account as a supplementary member, sorted.
    fn groups_of(&self, member: &str) -> Result<Vec<String>>;

    /// Runs a command that only reads. Its author promises that, not the type system.
    ///
    /// # Errors
    /// When it cannot be started as asked (no such user or directory) or its deadline passes. A program that does not
    /// exist is the answer 127.
    fn query(&self, command: &Command) -> Result<Answer>;

    /// Downloads `request.url` (http, https, file) or finds it unchanged since an earlier download.
    fn fetch(&self, request: &Request) -> Result<Fetched>;

    /// The kernel's name, release, version and machine (`uname`).
    fn kernel(&self) -> Result<Kernel>;

    /// Network interfaces with their addresses.
    fn interfaces(&self) -> Result<Vec<Interface>>;

    /// What a name has of one type, asked of the zone's primary name server.
    ///
    /// # Errors
    /// A server that does not answer or refuses; a key that cannot be read.
    fn records(&self, authority: &Authority, name: &Name, kind: RecordType) -> Result<RecordSet>;

    /// Number of the user this process acts as; 0 is root.
    fn effective_user(&self) -> u32;

    /// Whether this is the system in a directory, as an image or a mounted disk, and not the one that runs: the kernel, its
    /// settings and what is started are those of the machine around it.
    fn offline(&self) -> bool;

    /// Whether `bytes` more can be written at `path`, as far as that is known without trying: a file system that is
    /// mounted read-only, one that is full, missing rights.
    ///
    /// # Errors
    /// Why it would certainly fail.
    fn writable(&self, _path: &Path, _bytes: u64) -> Result<()> {
        Ok(())
    }

    /// Whether what is in use now, told as a sentence, will be so when it comes to it. In a plan an earlier step may end that,
    /// which leaves a doubt.
    fn stays_in_use(&self, _told: &str) -> bool {
        true
    }

    /// The wall clock. May be wrong: nothing may depend on its order.
    fn now(&self) -> SystemTime;
}

/// A file system entry, as it is or as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    #[serde(flatten)]
    pub kind: EntryKind,
    /// Permission bits; of a symbolic link always 0777.
    pub mode: Mode,
    /// Owner's name, or number where no account has it.
    pub owner: String,
    /// Group's name, or number where no group has it.
    pub group: String,
}

/// Kinds of file system entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File {
        /// What is in it.
        content: Blob,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link {
        /// Where it points, as written in it.
        target: PathBuf,
    },
    /// A device, socket or named pipe.
    Other {
        /// `block device`, `character device`, `socket`, `named pipe`.
        what: String,
    },
}

impl EntryKind {
    /// The word people use for it.
    #[must_use]
    pub fn noun(&self) -> &str {
        match self {
            Self::File { .. } => "file",
            Self::Directory => "directory",
            Self::Link { .. } => "symbolic link",
            Self::Other { what } => what,
        }
    }
}

/// State of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Whether the init system knows it at all.
    pub exists: bool,
    /// Whether it starts at boot.
    pub enabled: Enabled,
    /// Whether it runs now.
    pub active: Active,
}

impl ServiceState {
    /// The state of a unit nobody has heard of.
    pub const ABSENT: Self = Self { exists: false, enabled: Enabled::No, active: Active::No };
}

/// Whether a unit starts at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// It is.
    Yes,
    /// It is not, and could be.
    No,
    /// It has no installation section (static, indirect, generated, transient, alias, linked): enabling means nothing.
    Static,
    /// It is masked: it cannot be started at all.
    Masked,
}

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Active {
    /// It runs (or reloads, or is a oneshot that remains after exit).
    Yes,
    /// It is on its way up.
    Starting,
    /// It does not run.
    No,
    /// It does not run because it failed.
    Failed,
}

/// Init systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// systemd is running.
    Systemd,
    /// systemd is installed but not running, as in a chroot or an image build: units can be enabled, not started.
    SystemdOffline,
    /// OpenRC.
    OpenRc,
    /// System V scripts.
    SysV,
    /// None that is known.
    None,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Number; `None` leaves the choice to `useradd`.
    pub uid: Option<u32>,
    /// Name (or number) of the primary group.
    pub group: Option<String>,
    /// The comment field (GECOS).
    #[serde(default)]
    pub comment: String,
    /// Home directory.
    pub home: Option<PathBuf>,
    /// Login shell.
    pub shell: Option<PathBuf>,
    /// Password hash as in `/etc/shadow`, held as a blob so that it is never printed; `None` where it cannot be read.
    pub password: Option<Blob>,
    /// Whether the password is locked (a leading `!`).
    #[serde(default)]
    pub locked: bool,
    /// The day from which on the account is closed; `None`: never, or it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Day>,
    /// Days from the end of the password to the end of the account; `None`: it goes on, or it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive: Option<u32>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Number; `None` leaves the choice to `groupadd`.
    pub gid: Option<u32>,
    /// Supplementary members, sorted.
    #[serde(default)]
    pub members: Vec<String>,
}

/// What to download.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// `http:`, `https:` or `file:` address.
    pub url: String,
    /// The SHA-256 it must have.
    pub checksum: Option<Digest>,
    /// Extra request headers.
    pub headers: Vec<(String, String)>,
    /// Whether a server's "not modified" may be relied on (ETag, Last-Modified).
    pub conditional: bool,
    /// Deadline of the whole download.
    pub timeout: Seconds,
}

/// What was downloaded: content, in memory when small, else in a file of brasa's cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The bytes.
    pub content: Blob,
    /// Whether the server said that an earlier download still holds.
    pub not_modified: bool,
}

/// What `uname` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// `Linux`.
    pub name: String,
    /// As `6.1.0-18-amd64`.
    pub release: String,
    /// Build text.
    pub version: String,
    /// As `x86_64`.
    pub machine: String,
    /// The node name: what `hostname` prints.
    pub node_name: String,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// As `eth0`.
    pub name: String,
    /// Hardware address, `AA:BB:..` in upper case as ohai writes it; `None` for loopback and tunnels.
    pub hardware_address: Option<String>,
    /// Addresses with their prefix length in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Maximum transmission unit in bytes.
    pub mtu: Option<u32>,
}
