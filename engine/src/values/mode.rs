use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Permission bits of a file (0 to 0o7777), shown and stored as octal text (`"0644"`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u32);

impl Mode {
    /// The bits as the kernel counts them. May exceed 0o7777 when a recipe gave nonsense; see [`Mode::fault`].
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Reads octal text as Chef does: `644`, `0644`, `01777`, `0o644`.
    ///
    /// # Errors
    /// The sentence to show when the text is not octal or exceeds 7777.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let octal = !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let mode = octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten().map(Mode);
        match mode {
            Some(mode) if mode.fault().is_none() => Ok(mode),
            Some(_) | None => Err(format!("`{text}` is no octal number from `0` to `7777`")),
        }
    }

    /// What is wrong with this mode, if anything: bits beyond 0o7777, which usually are a decimal number meant as octal.
    #[must_use]
    pub fn fault(self) -> Option<String> {
        (self.0 > 0o7777).then(|| {
            format!(
                "mode {} (octal {:o}) is beyond 7777; write permission bits in octal, as in `0o644`",
                self.0, self.0
            )
        })
    }
}

impl From<u32> for Mode {
    fn from(bits: u32) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mode({self})")
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn octal_text_is_read_as_chef_reads_it() {
        for (text, bits) in [("644", 0o644), ("0644", 0o644), ("01777", 0o1777), ("0o600", 0o600), ("4755", 0o4755)] {
            assert_eq!(Mode::parse(text), Ok(Mode(bits)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "u=rw", "99999", "888", "17777", "-1", "0x1ff", "0o"] {
            assert!(Mode::parse(text).is_err(), "{text}");
        }
        assert!(Mode(99999).fault().is_some());
        assert!(Mode(0o7777).fault().is_none());
    }
}
