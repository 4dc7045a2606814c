//! Keys that sign updates, in the forms in which they lie about.
use std::{fmt, path::Path, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::{
    Error, Result,
    host::{Entry, EntryKind, Probe, disk, environment},
};

/// Bytes that a file with keys may have.
const LIMIT: u64 = 1 << 20;

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Algorithm {
    /// HMAC-MD5: for servers that know nothing better.
    Md5,
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA224.
    Sha224,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
    /// HMAC-SHA512.
    Sha512,
}

impl Algorithm {
    /// All, the weakest first.
    pub const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// As BIND writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "hmac-md5",
            Self::Sha1 => "hmac-sha1",
            Self::Sha224 => "hmac-sha224",
            Self::Sha256 => "hmac-sha256",
            Self::Sha384 => "hmac-sha384",
            Self::Sha512 => "hmac-sha512",
        }
    }

    /// Why a key should be replaced, after the words that it is one for it.
    #[must_use]
    pub const fn weakness(self) -> Option<&'static str> {
        match self {
            Self::Md5 => Some("hmac-md5, which is weak: make a new one where the name server knows hmac-sha256"),
            Self::Sha1 | Self::Sha224 | Self::Sha256 | Self::Sha384 | Self::Sha512 => None,
        }
    }

    /// As it stands in messages. Source: RFC 8945, section 6.
    pub(super) fn wire_name(self) -> Name {
        let text = if self == Self::Md5 { "hmac-md5.sig-alg.reg.int" } else { self.name() };
        text.parse().expect("a constant name is one")
    }

    /// The number in key files. Source: BIND, `dst/dst.h`.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Md5 => 157,
            Self::Sha1 => 161,
            Self::Sha224 => 162,
            Self::Sha256 => 163,
            Self::Sha384 => 164,
            Self::Sha512 => 165,
        }
    }

    /// The word in the comment of a private key file.
    #[must_use]
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::Md5 => "HMAC_MD5",
            Self::Sha1 => "HMAC_SHA1",
            Self::Sha224 => "HMAC_SHA224",
            Self::Sha256 => "HMAC_SHA256",
            Self::Sha384 => "HMAC_SHA384",
            Self::Sha512 => "HMAC_SHA512",
        }
    }

    /// Bytes of a signature, and of a good secret.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn numbered(number: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number().to_string() == number)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Algorithm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.name()
    }
}

/// In any case, with `hmac-` or without, and as messages have it.
impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let bare = lower.trim_end_matches('.').trim_end_matches(".sig-alg.reg.int");
        let same = |algorithm: &Self| {
            let name = algorithm.name();
            bare == name
                || Some(bare) == name.strip_prefix("hmac-")
                || bare == algorithm.mnemonic().to_ascii_lowercase()
        };
        Self::ALL.into_iter().find(same).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|one| one.name()).collect();
            format!("`{text}` is no algorithm for keys; there are {}", all.join(", "))
        })
    }
}

/// A shared key: its name, and a secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Key {
    /// A new key, whose secret nobody can guess.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn generate(name: Name, algorithm: Algorithm) -> Result<Self> {
        let bytes: [u8; 64] = environment::random()?;
        Ok(Self::new(name, algorithm, bytes[..algorithm.length()].to_vec()))
    }

    /// A key of these.
    #[must_use]
    pub fn new(name: Name, algorithm: Algorithm, secret: Vec<u8>) -> Self {
        Self { name, algorithm, secret }
    }

    /// Its name, by which the server finds it.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Reads the key of a file: a stanza `key NAME { ... };` as `tsig-keygen` writes it (or several, of which `name` says
    /// which), one of the two files `NAME.private` and `NAME.key` that dnssec-keygen made, or the secret alone, whose name
    /// and algorithm are then given.
    ///
    /// # Errors
    /// A file that cannot be read or holds no such key. Nothing of the secret is in any of them.
    pub fn read(path: &Path, name: Option<&Name>, algorithm: Option<Algorithm>) -> Result<Self> {
        Self::of_file(path, name, algorithm, &|path| disk::read_limited(path, LIMIT))
    }

    /// The same of a file as a probe sees it.
    ///
    /// # Errors
    /// As [`Key::read`].
    pub fn found(path: &Path, name: Option<&Name>, algorithm: Option<Algorithm>, probe: &dyn Probe) -> Result<Self> {
        Self::of_file(path, name, algorithm, &|path| {
            let Some(Entry { kind: EntryKind::File { content }, .. }) = probe.entry(path)? else { return Ok(None) };
            Ok(content.bytes().map(<[u8]>::to_vec))
        })
    }

    /// A key of a secret as base64.
    ///
    /// # Errors
    /// A sentence, with nothing of the secret in it.
    pub fn of_base64(name: Name, algorithm: Algorithm, base64: &str) -> Result<Self, String> {
        Ok(Self::new(name, algorithm, secret(base64)?))
    }

    fn of_file(path: &Path, name: Option<&Name>, algorithm: Option<Algorithm>, reader: &Reader<'_>) -> Result<Self> {
        let text = text(path, reader)?;
        let told = |why: String| Error::failed(format!("`{}` holds no key that can be used: {why}", path.display()));
        let key = if text.contains("Private-key-format:") {
            of_private(path, &text, name, reader).map_err(told)?
        } else if let Some((_, rest)) =
            text.trim_start().split_once("IN KEY ").or(text.trim_start().split_once("IN\tKEY\t"))
        {
            of_public(&text, rest).map_err(told)?
        } else if text.contains('{') {
            of_stanzas(&text, name).map_err(told)?
        } else {
            let Some(name) = name else {
                let hint = "give its name as the server has it, and the algorithm when it is not hmac-sha256";
                return Err(told("it is a secret alone, and nothing says the key's name".to_owned()).hint(hint));
            };
            let secret = secret(&text).map_err(told)?;
            Self::new(name.clone(), algorithm.unwrap_or(Algorithm::Sha256), secret)
        };
        if let Some(wanted) = name.filter(|wanted| **wanted != key.name) {
            return Err(told(format!("its name is `{}`, and that of `{wanted}` is wanted", key.name)));
        }
        if let Some(wanted) = algorithm.filter(|wanted| *wanted != key.algorithm) {
            return Err(told(format!("it is for {}, and one for {wanted} is wanted", key.algorithm)));
        }
        Ok(key)
    }

    /// A stanza of BIND's settings, as `tsig-keygen` writes it.
    #[must_use]
    pub fn stanza(&self) -> String {
        let secret = STANDARD.encode(&self.secret);
        format!("key \"{}\" {{\n\talgorithm {};\n\tsecret \"{secret}\";\n}};\n", self.name, self.algorithm)
    }

    /// What dnssec-keygen wrote into `NAME.private`.
    #[must_use]
    pub fn private_file(&self) -> String {
        format!(
            "Private-key-format: v1.3\nAlgorithm: {} ({})\nKey: {}\nBits: AAA=\n",
            self.algorithm.number(),
            self.algorithm.mnemonic(),
            STANDARD.encode(&self.secret)
        )
    }

    /// What it wrote into `NAME.key`.
    #[must_use]
    pub fn public_file(&self) -> String {
        format!("{}. IN KEY 512 3 {} {}\n", self.name, self.algorithm.number(), STANDARD.encode(&self.secret))
    }
}

/// Reads a file; `None` when there is none.
type Reader<'r> = dyn Fn(&Path) -> Result<Option<Vec<u8>>> + 'r;

fn text(path: &Path, reader: &Reader<'_>) -> Result<String> {
    let Some(bytes) = reader(path)? else {
        let why = Some("the key that signs updates was to be read from it".to_owned());
        return Err(Error::Missing { kind: "file", name: path.display().to_string(), why });
    };
    String::from_utf8(bytes).map_err(|_| Error::failed(format!("`{}` is no text, so it holds no key", path.display())))
}

fn secret(text: &str) -> Result<Vec<u8>, String> {
    let bare: String = text.split_whitespace().collect();
    match STANDARD.decode(&bare) {
        Ok(secret) if secret.is_empty() => Err("its secret is empty".to_owned()),
        Ok(secret) => Ok(secret),
        Err(_) => Err("its secret is not base64".to_owned()),
    }
}

/// The name stands in the other file of the pair alone.
fn of_private(path: &Path, text: &str, name: Option<&Name>, reader: &Reader<'_>) -> Result<Key, String> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    let number = field("Algorithm").and_then(|value| value.split_whitespace().next()).unwrap_or_default();
    let Some(algorithm) = Algorithm::numbered(number) else {
        return Err(format!("its algorithm is `{number}`, and only those of HMAC sign updates (157, 161 to 165)"));
    };
    let secret = secret(field("Key").ok_or("it has no line `Key:`")?)?;
    let name = match name {
        Some(name) => name.clone(),
        None => {
            let partner = path.with_extension("key");
            let other = reader(&partner).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
            let missing = || format!("its name is in `{}`, which cannot be read; or give the name", partner.display());
            let other = other.ok_or_else(missing)?;
            let word = other.split_whitespace().next().unwrap_or_default();
            word.parse().map_err(|why| format!("`{word}` in `{}` is no name: {why}", partner.display()))?
        }
    };
    Ok(Key::new(name, algorithm, secret))
}

/// `NAME IN KEY FLAGS PROTOCOL ALGORITHM SECRET`, whose secret may have blanks in it. Source: RFC 2535, section 7.1.
fn of_public(text: &str, rest: &str) -> Result<Key, String> {
    let name = text.split_whitespace().next().unwrap_or_default();
    let name = name.parse().map_err(|why| format!("`{name}` is no name: {why}"))?;
    let words: Vec<&str> = rest.lines().next().unwrap_or_default().split_whitespace().collect();
    let [_, _, number, base64 @ ..] = words.as_slice() else { return Err("its line is cut off".to_owned()) };
    let Some(algorithm) = Algorithm::numbered(number) else {
        return Err(format!("its algorithm is `{number}`, and only those of HMAC sign updates (157, 161 to 165)"));
    };
    Ok(Key::new(name, algorithm, secret(&base64.concat())?))
}

/// The words of BIND's settings: comments are left out, and what is in quotes is one word.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = |at: Option<usize>, length: usize| at.map_or(rest.len(), |at| at + length);
        let taken = if rest.starts_with("//") || first == '#' {
            end(rest.find('\n'), 1)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            end(comment.find("*/"), 4)
        } else if first == '"' {
            let word = rest[1..].split('"').next().unwrap_or_default();
            words.push(word.to_owned());
            word.len() + 2
        } else if "{};".contains(first) {
            words.push(first.to_string());
            1
        } else {
            let length = rest.find(|c: char| c.is_whitespace() || "{};\"".contains(c)).unwrap_or(rest.len());
            words.push(rest[..length].to_owned());
            length
        };
        rest = rest[taken.min(rest.len())..].trim_start();
    }
    words
}

fn of_stanzas(text: &str, name: Option<&Name>) -> Result<Key, String> {
    let words = words(text);
    let mut keys = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if word != "key" || words.get(at + 2).map(String::as_str) != Some("{") {
            continue;
        }
        let inside = words[at + 3..].split(|word| word == "}").next().unwrap_or_default();
        let after = |field: &str| inside.iter().position(|word| word == field).and_then(|at| inside.get(at + 1));
        keys.push((&words[at + 1], after("algorithm"), after("secret")));
    }
    let parsed = |text: &str| text.parse::<Name>().map_err(|why| format!("`{text}` is no name: {why}"));
    let mut found = Vec::new();
    for (text, algorithm, secret) in keys {
        let own = parsed(text)?;
        if name.is_none_or(|wanted| *wanted == own) {
            found.push((own, algorithm, secret));
        }
    }
    let names: Vec<String> = found.iter().map(|(name, ..)| format!("`{name}`")).collect();
    let [(own, algorithm, base64)] = found.as_slice() else {
        return Err(match (found.is_empty(), name) {
            (true, Some(name)) => format!("there is no key of the name `{name}` in it"),
            (true, None) => "there is no `key NAME { ... };` in it".to_owned(),
            (false, _) => format!("there are several keys in it ({}): give the name of the one", names.join(", ")),
        });
    };
    let algorithm = algorithm.ok_or_else(|| format!("the key `{own}` has no `algorithm`"))?.parse()?;
    let base64 = base64.ok_or_else(|| format!("the key `{own}` has no `secret`"))?;
    Ok(Key::new(own.clone(), algorithm, secret(base64)?))
}
