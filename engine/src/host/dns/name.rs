use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Bytes in a label and in a whole name, at most. Source: RFC 1035, section 2.3.4.
const LABEL: usize = 63;
const NAME: usize = 255;

/// A name of the domain name system, always fully qualified and in lower case: names are compared without case (RFC 4343).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Vec<u8>);

impl Name {
    /// Labels, each behind its length, and an empty one.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// A name from labels as a message has them. `None` when it is too long.
    pub(super) fn of_labels<'l>(labels: impl IntoIterator<Item = &'l [u8]>) -> Option<Self> {
        let mut wire = Vec::new();
        for label in labels {
            let length =
                u8::try_from(label.len()).ok().filter(|length| usize::from(*length) <= LABEL && *length > 0)?;
            wire.push(length);
            wire.extend(label.to_ascii_lowercase());
        }
        wire.push(0);
        (wire.len() <= NAME).then_some(Self(wire))
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*length)).filter(|(label, _)| !label.is_empty())?;
            rest = after;
            Some(label)
        })
    }

    /// Whether it is `zone` or a name below it.
    #[must_use]
    pub fn is_in(&self, zone: &Self) -> bool {
        let mut rest = self.0.as_slice();
        loop {
            if rest == zone.0 {
                return true;
            }
            match rest.split_first() {
                Some((0, _)) | None => return false,
                Some((length, after)) => rest = &after[usize::from(*length)..],
            }
        }
    }
}

/// What is wrong with a text as a name, in words that begin with `a` or `it`.
impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err("a name has to have at least one label".to_owned());
        }
        if let Some(strange) = text.chars().find(|c| !c.is_ascii_graphic() || "\\\"{};".contains(*c)) {
            return Err(format!(
                "it holds {strange:?}; a name in other letters than those of ASCII is written in its form that begins with \
                 `xn--`"
            ));
        }
        if bare.is_empty() {
            return Ok(Self(vec![0]));
        }
        let labels: Vec<&[u8]> = bare.split('.').map(str::as_bytes).collect();
        if labels.iter().any(|label| label.is_empty()) {
            return Err("it has an empty label: two dots follow each other, or it begins with one".to_owned());
        }
        if let Some(long) = labels.iter().find(|label| label.len() > LABEL) {
            return Err(format!("a label of it has {} characters, and {LABEL} is the most", long.len()));
        }
        Self::of_labels(labels).ok_or_else(|| format!("it is longer than {NAME} bytes"))
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

/// Without the dot at its end, but for the root.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == [0] {
            return f.write_str(".");
        }
        for (n, label) in self.labels().enumerate() {
            if n > 0 {
                f.write_str(".")?;
            }
            for byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
