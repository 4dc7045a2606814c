//! The test kit for cookbooks and kinds: recipes compiled for pretend nodes, laws that every kind keeps, cases as data.
mod case;
mod laws;

pub use case::{Case, Outcome};
pub use laws::laws;
