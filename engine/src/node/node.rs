use std::marker::PhantomData;

use super::Attributes;

/// What recipes see of the machine they are for: who it is and what was written about it. It does not change during a run.
#[derive(Clone, Debug)]
pub struct Node<'m> {
    name: String,
    environment: String,
    attributes: Attributes,
    machine: PhantomData<&'m ()>,
}

/// A node that nothing was written about.
impl Default for Node<'_> {
    fn default() -> Self {
        Self::new("localhost", None, Attributes::default())
    }
}

impl<'m> Node<'m> {
    /// The environment of a node that names none, as in Chef.
    pub const NO_ENVIRONMENT: &'static str = "_default";

    /// A node by its name, environment and attributes.
    #[must_use]
    pub fn new(name: impl Into<String>, environment: Option<String>, attributes: Attributes) -> Self {
        let environment = environment.unwrap_or_else(|| Self::NO_ENVIRONMENT.to_owned());
        Self { name: name.into(), environment, attributes, machine: PhantomData }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its environment.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}
