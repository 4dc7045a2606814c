//! The stock kinds, one file each.
pub mod apt_package;
pub mod apt_update;
pub mod command;
pub mod execute;
pub mod gem_package;
pub mod group;
pub mod package;
pub mod script;
pub mod selection;
pub mod service;
pub mod unit;
pub mod user;

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {
    pub use super::apt_package::{self, AptPackage};
    pub use super::apt_update::{self, AptUpdate};
    pub use super::execute::{self, Execute};
    pub use super::gem_package::{self, GemPackage};
    pub use super::group::{self, Group};
    pub use super::package::{self, Package};
    pub use super::script::{self, Bash, Script, Sh};
    pub use super::service::{self, Service};
    pub use super::user::{self, User};
}
