use serde_json::{Map, Value as Json};

use super::{Action, Described, prepare};
use crate::{Error, Result, host::Probe};

/// How a thing is, as the declaration that would have it so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The kind to declare: of a kind that makes a file by its own rules, `file`.
    pub kind: &'static str,
    /// The words inside the brackets.
    pub name: String,
    /// What to ask of it; empty: nothing, for no action has it so.
    pub actions: Vec<&'static str>,
    /// Properties, as data has them.
    pub properties: Map<String, Json>,
    /// Properties that are shown only to whoever asks for them: the content of a file that not everybody may read.
    pub private: Map<String, Json>,
    /// What a declaration cannot say, a sentence each.
    pub unsaid: Vec<String>,
}

impl Found {
    /// A thing of which nothing is known yet.
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), ..Self::default() }
    }

    /// With this asked of it.
    #[must_use]
    pub fn action(mut self, action: &'static str) -> Self {
        self.actions.push(action);
        self
    }

    /// With this property; one that is nothing is left out.
    #[must_use]
    pub fn with(mut self, property: &str, value: impl Into<Json>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.properties.insert(property.to_owned(), value);
        }
        self
    }

    /// With this asked of it, where that finds nothing to do; else that is a sentence about what it cannot say.
    pub(crate) fn settled<R: Described>(self, action: R::Action, probe: &dyn Probe) -> Result<Self> {
        let mut resource = R::with_name(&self.name);
        for (property, value) in self.properties.iter().chain(&self.private) {
            resource.set(property, value).map_err(Error::failed)?;
        }
        let sound = resource.check().is_empty() && resource.check_action(action).is_empty();
        let word = Action::name(action);
        if sound && matches!(prepare(&resource, action, false, probe), Ok(None)) {
            return Ok(self.action(word));
        }
        Ok(self.unsaid(format!("how it is written or kept: `{word}` would change that")))
    }

    /// With a sentence about what it cannot say.
    #[must_use]
    pub fn unsaid(mut self, sentence: impl Into<String>) -> Self {
        self.unsaid.push(sentence.into());
        self
    }
}
