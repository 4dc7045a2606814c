//! The real machine.
pub mod packages;
