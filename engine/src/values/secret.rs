use std::{cell::RefCell, fmt, rc::Rc, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Unexpected, Visitor},
};

/// Text that must not be seen: `Debug` and serialization show `(secret)`, and there is no `Display`.
///
/// It is read from text, and from `{"age": "..."}` where attributes and data bags are read: nothing else takes that.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Arc<str>);

/// The key of an object that holds a value encrypted with age.
pub(crate) const SEALED: &str = "age";

/// How text encrypted with age begins.
pub(crate) const ARMORED: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// How base64 of the binary form begins: `age-encryption.org/v1`.
pub(crate) const BINARY: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3Yx";

/// Whether text holds a value that was printed as it is, encrypted.
pub(crate) fn is_printed(text: &str) -> bool {
    let after = |key: &str| {
        text.split(key).skip(1).any(|rest| {
            let value = rest.trim_start_matches([':', ' ', '"', '\'']);
            value.starts_with(ARMORED) || value.starts_with(BINARY)
        })
    };
    after("\"age\"") || after("'age'")
}

/// What decrypts; the sentence says why it could not, without anything of the value.
pub(crate) type Opener = Rc<dyn Fn(&str) -> Result<Secret, String>>;

thread_local! {
    /// What decrypts for the reading that is going on in this thread. serde hands no context down to `deserialize`; see
    /// `docs/decisions/0051-age-values.md`.
    static OPENER: RefCell<Option<Opener>> = const { RefCell::new(None) };
}

/// Decrypts by `opener` what is read as a [`Secret`] during `work`, and by nothing when that has ended, however it ends.
pub(crate) fn opening<T>(opener: Opener, work: impl FnOnce() -> T) -> T {
    struct Before(Option<Opener>);
    impl Drop for Before {
        fn drop(&mut self) {
            OPENER.set(self.0.take());
        }
    }
    let _before = Before(OPENER.replace(Some(opener)));
    work()
}

impl Secret {
    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is any text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrSealed)
    }
}

struct TextOrSealed;

impl<'de> Visitor<'de> for TextOrSealed {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Secret, E> {
        Ok(text.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let no_text = || A::Error::invalid_type(Unexpected::Map, &self);
        if map.next_key::<String>()?.as_deref() != Some(SEALED) {
            return Err(no_text());
        }
        let sealed: String = map.next_value()?;
        if map.next_key::<String>()?.is_some() {
            return Err(no_text());
        }
        let Some(opener) = OPENER.with_borrow(Clone::clone) else {
            return Err(A::Error::custom("is encrypted with age, which is read in attributes and data bags alone"));
        };
        opener(&sealed).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde::Deserialize;
    use serde_json::json;

    use super::{Secret, opening};

    #[test]
    fn sealed_text_is_opened_while_something_is_read_and_only_then() {
        #[derive(Deserialize)]
        #[serde(tag = "kind")]
        enum Key {
            Shared { text: Secret },
        }
        let read = || serde_json::from_value::<Key>(json!({"kind": "Shared", "text": {"age": "xyz"}}));
        assert!(read().err().unwrap().to_string().contains("encrypted with age"));
        let Key::Shared { text } = opening(Rc::new(|sealed| Ok(sealed.to_uppercase().into())), read).unwrap();
        assert_eq!(text.expose(), "XYZ");
        assert!(read().is_err());
        let failing = opening(Rc::new(|_| Err("no key".to_owned())), read);
        assert_eq!(failing.err().unwrap().to_string(), "no key");
        for other in [json!({"age": 3}), json!({"aged": "x"}), json!({"age": "x", "b": 1}), json!({}), json!(3)] {
            assert!(opening(Rc::new(|_| Ok("x".into())), || serde_json::from_value::<Secret>(other.clone())).is_err());
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::from("canary");
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"(secret)\"");
        assert_eq!(secret.expose(), "canary");
    }
}
