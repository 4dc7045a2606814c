use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};
use sha2::{Digest as _, Sha256};

/// SHA-256 of some bytes, shown as 64 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes bytes that are in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes the 32 raw bytes that a streaming hasher ended with.
    #[must_use]
    pub const fn from_raw(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// Reads 64 hex digits, of either case.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes();
        if hex.len() != 64 {
            return None;
        }
        let mut raw = [0; 32];
        for (byte, pair) in raw.iter_mut().zip(hex.chunks_exact(2)) {
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(raw))
    }

    /// The first six hex digits, as Chef shows checksums.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..6].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 in hex"))
    }
}

/// Something that bytes can be read from again and again, as a file in an archive.
pub trait Source: Send + Sync {
    /// Reads them from the beginning.
    ///
    /// # Errors
    /// What keeps them from being read.
    fn open(&self) -> io::Result<Box<dyn Read + '_>>;

    /// The file that they come out of.
    fn path(&self) -> &Path;
}

/// Where the bytes of a [`Blob`] can be had.
#[derive(Clone)]
pub enum Held {
    /// In memory, shared.
    Memory(Arc<[u8]>),
    /// In a file of brasa's own (a download, the store) or the managed file itself, too large to hold in memory.
    File(PathBuf),
    /// A part of something else, which is read in a stream.
    Part(Arc<dyn Source>),
    /// Only size and checksum are known, as after reading a journal.
    Nowhere,
}

/// The content of a file: compared by its bytes or its checksum, and never printed or serialized.
///
/// Unless it is hidden, it serializes as `{"sha256": HEX, "size": BYTES}` and comes back as a blob that is held [`Nowhere`](Held::Nowhere).
#[derive(Clone)]
pub struct Blob {
    size: u64,
    digest: OnceLock<Digest>,
    held: Held,
    /// Whether not even size and checksum may be seen: of a short password they tell it.
    hidden: bool,
}

impl Blob {
    /// Shows and serializes as `(sensitive)` from now on. For reports: what is written down to be read back must not be hidden.
    pub const fn hide(&mut self) {
        self.hidden = true;
    }

    /// A blob whose bytes lie in `path`; size and digest were computed while streaming it.
    #[must_use]
    pub fn in_file(path: impl Into<PathBuf>, size: u64, digest: Digest) -> Self {
        Self { size, digest: OnceLock::from(digest), held: Held::File(path.into()), hidden: false }
    }

    /// A blob whose bytes are a part of something else; size and digest were computed while streaming it.
    #[must_use]
    pub fn part(source: Arc<dyn Source>, size: u64, digest: Digest) -> Self {
        Self { size, digest: OnceLock::from(digest), held: Held::Part(source), hidden: false }
    }

    /// The same without its bytes, for states of many files.
    #[must_use]
    pub fn without_bytes(&self) -> Self {
        Self::known_by(self.digest(), self.size)
    }

    /// A blob of which only size and checksum are known.
    #[must_use]
    pub fn known_by(digest: Digest, size: u64) -> Self {
        Self { size, digest: OnceLock::from(digest), held: Held::Nowhere, hidden: false }
    }

    /// Size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the content, computed when first asked for.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(self.bytes().unwrap_or_default()))
    }

    /// The bytes, when they are in memory.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.held {
            Held::Memory(bytes) => Some(bytes),
            Held::File(_) | Held::Part(_) | Held::Nowhere => None,
        }
    }

    /// Where the bytes can be had.
    #[must_use]
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// The file that holds the bytes, when they are not in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.held {
            Held::File(path) => Some(path),
            Held::Memory(_) | Held::Part(_) | Held::Nowhere => None,
        }
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size
            && match (self.bytes(), other.bytes()) {
                (Some(mine), Some(theirs)) => mine == theirs,
                (Some(_) | None, Some(_) | None) => self.digest() == other.digest(),
            }
    }
}

impl Eq for Blob {}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, digest: OnceLock::new(), held: Held::Memory(bytes.into()), hidden: false }
    }
}

impl From<Arc<[u8]>> for Blob {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self { size: bytes.len() as u64, digest: OnceLock::new(), held: Held::Memory(bytes), hidden: false }
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hidden {
            return f.write_str("Blob(sensitive)");
        }
        write!(f, "Blob({} bytes, {})", self.size, self.digest().short())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.hidden {
            return serializer.serialize_str("(sensitive)");
        }
        let mut fields = serializer.serialize_struct("Blob", 2)?;
        fields.serialize_field("sha256", &self.digest())?;
        fields.serialize_field("size", &self.size)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Known {
            sha256: Digest,
            size: u64,
        }
        Known::deserialize(deserializer).map(|known| Self::known_by(known.sha256, known.size))
    }
}

#[cfg(test)]
mod tests {
    use super::{Blob, Digest};

    #[test]
    fn content_is_never_printed() {
        let blob = Blob::from("s3cret-canary");
        assert!(!format!("{blob:?}").contains("canary"));
        let json = serde_json::to_string(&blob).unwrap();
        assert_eq!(json, format!(r#"{{"sha256":"{}","size":13}}"#, Digest::of(b"s3cret-canary")));
    }

    #[test]
    fn a_blob_that_came_back_equals_the_one_written() {
        let blob = Blob::from("text");
        let back: Blob = serde_json::from_value(serde_json::to_value(&blob).unwrap()).unwrap();
        assert_eq!(back, blob);
        assert!(back.bytes().is_none());
        assert_ne!(back, Blob::from("tex!"));
    }

    #[test]
    fn digests_are_read_in_either_case_and_nothing_else() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::parse(&digest.to_string().to_uppercase()), Some(digest));
        assert_eq!(Digest::parse("e3b0"), None);
        assert_eq!(Digest::parse(&"g".repeat(64)), None);
    }
}
