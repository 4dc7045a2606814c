use super::{Attributes, DataBags, age::Identities};
use crate::{Error, Fault, facts::Facts};

/// What recipes see of the machine they are for: who it is and what was written about it. It does not change during a run.
pub struct Node<'m> {
    name: String,
    environment: String,
    attributes: Attributes,
    facts: Facts<'m>,
    data_bags: DataBags<'m>,
    identities: Identities<'m>,
}

impl<'m> Node<'m> {
    /// The environment of a node that names none, as in Chef.
    pub const NO_ENVIRONMENT: &'static str = "_default";

    /// A node by its name, environment, attributes and machine; without data bags, and without identities of age.
    #[must_use]
    pub fn new(name: impl Into<String>, environment: Option<String>, attributes: Attributes, facts: Facts<'m>) -> Self {
        let environment = environment.unwrap_or_else(|| Self::NO_ENVIRONMENT.to_owned());
        let (data_bags, identities) = (DataBags::default(), Identities::default());
        Self { name: name.into(), environment, attributes, facts, data_bags, identities }
    }

    /// Gives it data bags.
    #[must_use]
    pub fn with_data_bags(mut self, data_bags: DataBags<'m>) -> Self {
        self.data_bags = data_bags;
        self
    }

    /// Gives it the identities that values encrypted with age are decrypted with.
    #[must_use]
    pub fn with_identities(mut self, identities: Identities<'m>) -> Self {
        self.identities = identities;
        self
    }

    /// Its data bags.
    #[must_use]
    pub const fn data_bags(&self) -> &DataBags<'m> {
        &self.data_bags
    }

    /// The identities that values encrypted with age are decrypted with.
    #[must_use]
    pub const fn identities(&self) -> &Identities<'m> {
        &self.identities
    }

    pub(crate) const fn data_bags_mut(&mut self) -> &mut DataBags<'m> {
        &mut self.data_bags
    }

    pub(crate) const fn identities_mut(&mut self) -> &mut Identities<'m> {
        &mut self.identities
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
