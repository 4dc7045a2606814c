//! The node: what a recipe knows of the machine before anything is done.
pub mod age;
mod attributes;
pub mod config;
mod constraint;
pub mod data_bags;
mod dna;
mod expansion;
mod folders;
pub mod json;
mod layered;
mod levels;
mod library;
mod merge;
#[allow(clippy::module_inception, reason = "the type gives the module its name")]
mod node;
mod reading;
mod source;
mod toml;
mod tree;
mod typed;
mod yaml;

pub use attributes::Attributes;
pub(crate) use attributes::View;
pub use constraint::{Constraint, CookbookVersion};
pub use data_bags::{DataBags, Item};
pub use dna::{Dna, Named, RunListItem, override_run_list};
pub use expansion::Expansion;
pub use layered::Layered;
pub use levels::{AttributeWrite, Layer, Level, WriteOp};
pub use library::{Asked, Environment, Library, Role};
pub use node::Node;
pub(crate) use source::position;
pub use typed::AttributeSet;
