//! The node: what a recipe knows of the machine before anything is done.
mod dna;
pub mod json;
mod source;

pub use dna::{Dna, Named, RunListItem, override_run_list};
use serde::{Serialize, de::DeserializeOwned};

use crate::Fault;

/// A cookbook's typed attributes.
pub trait AttributeSet: Default + Serialize + DeserializeOwned {
    /// Key.
    const KEY: &'static str;
}
/// Attributes.
#[derive(Default)]
pub struct Attributes;
impl Attributes {
    /// Reads.
    pub fn read<A: AttributeSet>(&self) -> Result<A, Vec<Fault>> {
        Ok(A::default())
    }
}
/// Node.
#[derive(Default)]
pub struct Node<'m> {
    attributes: Attributes,
    x: std::marker::PhantomData<&'m ()>,
}
impl Node<'_> {
    /// Attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}
