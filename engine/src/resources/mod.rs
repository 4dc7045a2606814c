//! The stock kinds, one file each.
pub mod cookbook_file;
pub mod directory;
mod entry;
pub mod file;
pub mod link;
pub mod remote_file;
pub mod template;

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {
    pub use super::{
        cookbook_file::{self, CookbookFile},
        directory::{self, Directory},
        file::{self, File},
        link::{self, Link},
        remote_file::{self, RemoteFile},
        template::{self, Template},
    };
}
