//! The stock kinds, one file each.
pub mod apt_package;
pub mod apt_update;
pub mod command;
pub mod cookbook_file;
pub mod cron_d;
pub mod directory;
mod entry;
pub mod execute;
pub mod file;
pub mod gem_package;
pub mod link;
pub mod log;
pub mod package;
pub mod remote_file;
pub mod script;
pub mod selection;
pub mod service;
pub mod systemd_unit;
pub mod template;
#[cfg(test)]
mod trial;
pub mod unit;

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {
    pub use crate::host::LogLevel;

    pub use super::apt_package::{self, AptPackage};
    pub use super::apt_update::{self, AptUpdate};
    pub use super::cookbook_file::{self, CookbookFile};
    pub use super::cron_d::{self, CronD};
    pub use super::directory::{self, Directory};
    pub use super::execute::{self, Execute};
    pub use super::file::{self, File};
    pub use super::gem_package::{self, GemPackage};
    pub use super::link::{self, Link, LinkType};
    pub use super::log::{self, Log};
    pub use super::package::{self, Package};
    pub use super::remote_file::{self, RemoteFile};
    pub use super::script::{self, Bash, Script, Sh};
    pub use super::service::{self, Service};
    pub use super::systemd_unit::{self, SystemdUnit};
    pub use super::template::{self, Template};
}
