//! The node: what a recipe knows of the machine before anything is done.
mod attributes;
pub mod config;
mod dna;
pub mod json;
mod levels;
#[allow(clippy::module_inception, reason = "the type gives the module its name")]
mod node;
mod source;
mod yaml;

pub use attributes::{AttributeSet, Attributes};
pub use dna::{Dna, Named, RunListItem, override_run_list};
pub(crate) use levels::Levels;
pub use levels::{AttributeWrite, Level, WriteOp};
pub use node::Node;
pub(crate) use source::position;
