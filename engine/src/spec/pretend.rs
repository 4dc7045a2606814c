use serde_json::Value as Json;

use crate::{
    Fault, Result,
    node::{Node, data_bags::ItemSecret},
};

/// What a pretend node has beside its attributes.
impl Node<'_> {
    /// Pretends that a data bag has this item; its `id` is added.
    ///
    /// # Errors
    /// [`Error::Faults`](crate::Error::Faults): what is wrong with the item.
    pub fn with_data_bag_item(mut self, bag: &str, item: &str, value: &Json) -> Result<Self> {
        self.data_bags_mut().pretend(bag, item, value)?;
        Ok(self)
    }

    /// Pretends that this is the content of the file that `encrypted_data_bag_secret` names.
    ///
    /// # Errors
    /// That it is empty.
    pub fn with_data_bag_secret(mut self, secret: &str) -> Result<Self> {
        let secret = ItemSecret::of_file(secret.as_bytes()).ok_or_else(|| Fault::new("the secret is empty"))?;
        self.data_bags_mut().pretend_secret(secret);
        Ok(self)
    }

    /// Pretends that there is this identity of age (`AGE-SECRET-KEY-1...`).
    ///
    /// # Errors
    /// That it is none.
    pub fn with_age_identity(mut self, identity: &str) -> Result<Self> {
        self.identities_mut().pretend(identity)?;
        Ok(self)
    }
}
