//! brasa's engine.
mod error;
pub mod host;
pub mod suggest;
pub mod values;

pub use error::{Error, Fault, Kind, Result};
