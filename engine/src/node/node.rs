use super::Attributes;
use crate::{Error, Fault, facts::Facts};

/// What recipes see of the machine they are for: who it is and what was written about it. It does not change during a run.
pub struct Node<'m> {
    name: String,
    environment: String,
    attributes: Attributes,
    facts: Facts<'m>,
}

impl<'m> Node<'m> {
    /// The environment of a node that names none, as in Chef.
    pub const NO_ENVIRONMENT: &'static str = "_default";

    /// A node by its name, environment, attributes and machine.
    #[must_use]
    pub fn new(name: impl Into<String>, environment: Option<String>, attributes: Attributes, facts: Facts<'m>) -> Self {
        let environment = environment.unwrap_or_else(|| Self::NO_ENVIRONMENT.to_owned());
        Self { name: name.into(), environment, attributes, facts }
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

    /// What is known of its machine.
    #[must_use]
    pub const fn facts(&self) -> &Facts<'m> {
        &self.facts
    }

    /// What a recipe returns that knows nothing to install on this platform.
    #[must_use]
    pub fn unsupported(&self, cookbook: &str) -> Error {
        let platform = self.facts.platform().unwrap_or("unknown");
        Fault::new(format!("cookbook `{cookbook}` knows no packages for platform `{platform}`"))
            .hint("take it out of the run-list, or use a cookbook of your own in its place")
            .into()
    }
}
