//! The stock kinds, one file each.
mod entry;
pub mod file;

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {
    pub use super::file::{self, File};
}
