//! The stock kinds, one file each.
pub mod service;
pub mod unit;

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {
    pub use super::service::{self, Service};
}
