use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    act::Act,
    command::Command,
    dns::RecordChange,
    inverse::Seen,
    kept::Kept,
    packages::{Provider, Transaction},
    probe::{Group, User},
};
use crate::values::{Blob, Mode};

/// Every way this program can change a machine: a closed list, as data.
///
/// File content appears in it by checksum only, so an operation can be logged, journalled and reported as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "operations are few and short-lived")]
pub enum Op {
    /// Puts a regular file in place, atomically.
    Write(Write),
    /// Sets mode, owner or group of what is there.
    SetMeta {
        /// Of what.
        path: PathBuf,
        /// New permission bits.
        mode: Mode,
        /// New owner.
        owner: String,
        /// New group.
        group: String,
    },
    /// Makes one directory; its parent must exist.
    Mkdir {
        /// Where.
        path: PathBuf,
        /// Permission bits.
        mode: Mode,
        /// Owner.
        owner: String,
        /// Group.
        group: String,
    },
    /// Puts a link in place, atomically; replaces a link, never a file or directory.
    Link {
        /// Where.
        path: PathBuf,
        /// What it points to.
        target: PathBuf,
        /// A hard link in place of a symbolic one.
        #[serde(default)]
        hard: bool,
    },
    /// Removes a file, link or directory.
    Remove {
        /// What.
        path: PathBuf,
        /// A directory with everything in it; without it only an empty one goes.
        #[serde(default)]
        recursive: bool,
        /// How many backups of a removed file to keep.
        #[serde(default)]
        backup: u32,
    },
    /// Installs, upgrades and removes packages.
    Packages(Transaction),
    /// Refreshes the package lists (`apt-get update`).
    UpdatePackageLists {
        /// Whose.
        provider: Provider,
        /// The file of the one source to ask; `None` is all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<PathBuf>,
    },
    /// Changes the state of a service.
    Service {
        /// The unit; `USER/UNIT` is one of a user's own systemd.
        unit: String,
        /// How.
        verb: ServiceVerb,
    },
    /// Changes the account databases.
    Account(AccountChange),
    /// Has a program change a line of a file that it alone writes.
    Kept(Kept),
    /// Has a program change files that it alone writes.
    Foreseen(Foreseen),
    /// Changes what a name has in a zone of the domain name system.
    Records(RecordChange),
    /// Runs a command whose effect the engine cannot see.
    Run(Command),
    /// Does something once that leaves nothing to be read back.
    Act(Act),
    /// Writes a line to the log.
    Log {
        /// `debug`, `info`, `warn`, `error`.
        level: LogLevel,
        /// The line.
        message: String,
    },
}

impl Op {
    /// The content it holds that is known by checksum only once it was written down: a file's, or a password hash.
    #[must_use]
    pub const fn content(&self) -> Option<&Blob> {
        match self {
            Self::Write(write) => Some(&write.content),
            Self::Account(
                AccountChange::CreateUser { user, .. }
                | AccountChange::ModifyUser { to: user, .. }
                | AccountChange::RemoveUser { user, .. },
            ) => user.password.as_ref(),
            Self::Account(
                AccountChange::CreateGroup { .. }
                | AccountChange::ModifyGroup { .. }
                | AccountChange::RemoveGroup { .. },
            )
            | Self::SetMeta { .. }
            | Self::Mkdir { .. }
            | Self::Link { .. }
            | Self::Remove { .. }
            | Self::Packages(_)
            | Self::UpdatePackageLists { .. }
            | Self::Service { .. }
            | Self::Kept(_)
            | Self::Foreseen(_)
            | Self::Records(_)
            | Self::Run(_)
            | Self::Act(_)
            | Self::Log { .. } => None,
        }
    }

    /// The same, to be replaced by one that has its bytes.
    pub const fn content_mut(&mut self) -> Option<&mut Blob> {
        match self {
            Self::Write(write) => Some(&mut write.content),
            Self::Account(
                AccountChange::CreateUser { user, .. }
                | AccountChange::ModifyUser { to: user, .. }
                | AccountChange::RemoveUser { user, .. },
            ) => user.password.as_mut(),
            Self::Account(
                AccountChange::CreateGroup { .. }
                | AccountChange::ModifyGroup { .. }
                | AccountChange::RemoveGroup { .. },
            )
            | Self::SetMeta { .. }
            | Self::Mkdir { .. }
            | Self::Link { .. }
            | Self::Remove { .. }
            | Self::Packages(_)
            | Self::UpdatePackageLists { .. }
            | Self::Service { .. }
            | Self::Kept(_)
            | Self::Foreseen(_)
            | Self::Records(_)
            | Self::Run(_)
            | Self::Act(_)
            | Self::Log { .. } => None,
        }
    }
}

/// A command of which it is known what it makes of which files and links. So a plan shows what will be there, and an undo puts
/// back what was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The command.
    pub by: Command,
    /// Every path that it may change, as it will be by then. The file that a program keeps may come out in other words.
    pub leaves: Vec<Seen>,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub content: Blob,
    /// Permission bits, set before the file is visible.
    pub mode: Mode,
    /// Owner.
    pub owner: String,
    /// Group.
    pub group: String,
    /// How many backups of the replaced file to keep.
    #[serde(default)]
    pub backup: u32,
    /// Commands that judge the new content before it replaces the old; `%{path}` in them is the file to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// Whether the content is in no diff, and what these commands say, for they may quote it, in no report and record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// What can be done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceVerb {
    /// Start at boot.
    Enable,
    /// Do not start at boot.
    Disable,
    /// Start now.
    Start,
    /// Stop now.
    Stop,
    /// Stop and start.
    Restart,
    /// Read the configuration again; restarts where the unit cannot reload.
    Reload,
    /// Make it impossible to start.
    Mask,
    /// Take a mask away.
    Unmask,
}

impl ServiceVerb {
    /// The word for it, as systemctl and Chef have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Mask => "mask",
            Self::Unmask => "unmask",
        }
    }
}

/// What can be done to accounts. States are whole: only what differs is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "operations are few and short-lived")]
pub enum AccountChange {
    /// Makes an account.
    CreateUser {
        /// As it should be.
        user: User,
        /// In the range of system accounts.
        system: bool,
        /// Make the home directory too.
        manage_home: bool,
    },
    /// Changes an account.
    ModifyUser {
        /// As it is.
        from: User,
        /// As it should be.
        to: User,
        /// Move the home directory when it changes.
        manage_home: bool,
    },
    /// Removes an account.
    RemoveUser {
        /// As it is.
        user: User,
        /// Remove the home directory too.
        manage_home: bool,
    },
    /// Makes a group.
    CreateGroup {
        /// As it should be.
        group: Group,
        /// In the range of system groups.
        system: bool,
    },
    /// Changes a group.
    ModifyGroup {
        /// As it is.
        from: Group,
        /// As it should be.
        to: Group,
    },
    /// Removes a group.
    RemoveGroup {
        /// As it is.
        group: Group,
    },
}

/// Weight of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For authors.
    Debug,
    /// Worth knowing.
    #[default]
    Info,
    /// Worth looking at.
    Warn,
    /// Wrong.
    Error,
}
