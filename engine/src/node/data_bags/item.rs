use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    PLAIN_KEYS,
    encrypted::{self, ItemSecret},
};
use crate::{
    Fault,
    node::{
        age::{self, Identities},
        json::{self, Document, Located},
        merge,
        reading::{self, Reading, written},
        source::position,
    },
    suggest,
    values::Place,
};

/// An item of a data bag, with what was encrypted in it decrypted.
pub struct Item {
    document: Arc<Document>,
    value: Value,
    encrypted: bool,
}

/// Values may be secret.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Item({})", self.document.path().display())
    }
}

/// The secret that an encrypted item needs, or what is wrong with it.
pub type Needed<'s> = &'s dyn Fn() -> Result<ItemSecret, Fault>;

impl Item {
    /// Reads an item; `secret` is asked for when something in it is encrypted with Chef's own scheme, and only versions from
    /// `lowest` on are read.
    ///
    /// # Errors
    /// Everything that is wrong with it, each at its place: its `id`, plain text beside what is encrypted, what cannot be
    /// decrypted.
    pub fn open(document: Arc<Document>, secret: Needed<'_>, lowest: u64) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        check(document.root(), &mut faults);
        let sealed: Vec<(&str, Located<'_>)> =
            document.root().entries().filter(|(_, at)| encrypted::is_encrypted(at.value())).collect();
        if sealed.is_empty() || !faults.is_empty() {
            let value = document.value().clone();
            return if faults.is_empty() { Ok(Self { document, value, encrypted: false }) } else { Err(faults) };
        }
        for (key, at) in document.root().entries() {
            if !PLAIN_KEYS.contains(&key) && !encrypted::is_encrypted(at.value()) && !age::is_sealed(at.value()) {
                let fault = at.fault(format!("`{key}` is plain text in an item whose other values are encrypted"));
                faults.push(
                    fault.hint("encrypt it too: `brasa data-bag encrypt BAG ITEM`, or keep it in an item of its own"),
                );
            }
        }
        let secret = match secret() {
            Ok(secret) => secret,
            Err(fault) => {
                faults.push(if fault.place.is_some() { fault } else { fault.at(sealed[0].1.place()) });
                return Err(faults);
            }
        };
        let mut value = document.value().clone();
        let (values, mut unopened) = (sealed.len(), Vec::new());
        for (key, at) in sealed {
            match encrypted::open(key, at, &secret, lowest) {
                Ok(opened) => value[key] = opened,
                Err(fault) => unopened.push(fault),
            }
        }
        faults.extend(encrypted::together(document.root(), values, unopened));
        if faults.is_empty() { Ok(Self { document, value, encrypted: true }) } else { Err(faults) }
    }

    /// The item; its `id` is among the values.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Whether anything in it was encrypted with the data bags' secret: then none of it may be shown.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The value at a path; a number leads into a list.
    ///
    /// # Errors
    /// That there is none.
    pub fn at(&self, path: &[String]) -> Result<&Value, Fault> {
        if let Some(value) = merge::at(&self.value, path) {
            return Ok(value);
        }
        let fault = Fault::new(format!("item `{}` has no `{}`", self.id(), written("", path)));
        let fault = match Reading::place(self, path) {
            Some(place) => fault.at(place),
            None => fault,
        };
        // Names below what was decrypted were decrypted too.
        match (path, self.value.as_object()) {
            ([key], Some(entries)) => Err(fault.hint(suggest::hint(key, entries.keys().map(String::as_str)))),
            _ => Err(fault),
        }
    }

    /// Whether the value at a path was encrypted with the data bags' secret.
    #[must_use]
    pub fn is_secret(&self, path: &[String]) -> bool {
        self.is_hidden(path)
    }

    /// The file it was read from.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Its `id`.
    #[must_use]
    pub fn id(&self) -> &str {
        id_of(self.document.value()).unwrap_or_default()
    }

    /// The item as a type of the recipe's own. Keys that the type does not have are passed over, unless it denies them; `id`
    /// is there for those who want it. What is encrypted with age is decrypted by `identities`.
    ///
    /// # Errors
    /// Every value of another type and every one that is missing, each at its place. Nothing that was decrypted is in the
    /// sentences.
    pub fn read<T: DeserializeOwned>(&self, identities: &Identities<'_>) -> Result<T, Vec<Fault>> {
        let read = || reading::read(self, &Value::Null, self.value.clone());
        identities.within(&self.value, read).map_err(|mut faults| {
            faults.sort_by_key(|fault| position(fault.place.as_ref()));
            faults
        })
    }
}

impl Reading for Item {
    const WORD: &'static str = "key";
    const STRICT: bool = false;

    fn name(&self, steps: &[String]) -> String {
        if steps.is_empty() { self.id().to_owned() } else { written("", steps) }
    }

    /// Of what was encrypted, where it was encrypted in.
    fn place(&self, steps: &[String]) -> Option<Place> {
        let shown = if self.is_hidden(steps) { &steps[..1] } else { steps };
        (0..=shown.len()).rev().find_map(|length| self.document.place_of(&json::pointer(&shown[..length])))
    }

    fn key_place(&self, steps: &[String]) -> Option<Place> {
        if self.is_hidden(steps) && steps.len() > 1 { None } else { self.document.key_place_of(&json::pointer(steps)) }
    }

    fn is_hidden(&self, steps: &[String]) -> bool {
        let key = steps.first().and_then(|key| self.document.value().get(key));
        key.is_some_and(encrypted::is_encrypted)
    }

    fn is_given(&self, steps: &[String]) -> bool {
        matches!(steps, [key] if PLAIN_KEYS.contains(&key.as_str()))
    }
}

/// The `id` of what is written as an item.
pub(super) fn id_of(value: &Value) -> Option<&str> {
    value.get("id").and_then(Value::as_str)
}

/// What is wrong with an item that has nothing to do with encryption.
fn check(root: Located<'_>, faults: &mut Vec<Fault>) {
    const FORM: &str = "an item is `{\"id\": \"NAME\", ...}`";
    if !root.value().is_object() {
        let found = json::kind(root.value());
        faults.push(root.fault(format!("an item of a data bag is an object, this is {found}")).hint(FORM));
        return;
    }
    let Some(id) = root.get("id") else {
        faults.push(root.fault("the item has no `id`").hint(FORM).hint("the id is the file's name without `.json`"));
        return;
    };
    let Some(text) = id.value().as_str() else {
        faults.push(id.fault(format!("`id` is text, this is {}", json::kind(id.value()))));
        return;
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if text.is_empty() || !text.chars().all(allowed) {
        let fault = id.fault(format!("`{}` is no id", text.escape_debug()));
        faults.push(fault.hint("an id is made of letters, digits, `.`, `-` and `_`"));
    }
}
