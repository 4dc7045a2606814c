//! The stock kinds, one file each.

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {}
