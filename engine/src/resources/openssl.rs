//! Private keys and certificates by the program `openssl` (1.1.1 or later). Keys are handed to it on standard input and
//! passwords in its environment; nothing of them is on a command line or in a file but their own.
use super::{
    entry::{another_kind, in_the_way},
    file::{self, File},
};
use crate::{
    Error, Result,
    host::{Command, Entry, EntryKind, Op, Probe},
    resource::{Found, Resource as _},
    values::{Blob, Mode, Secret},
};

/// Where openssl finds the password of a key. It is always told, so that it never asks a person.
pub(crate) const PASSWORD: &str = "BRASA_KEY_PASS";

/// What a new key is encrypted with, when it is.
pub(crate) const CIPHER: &str = "aes-256-cbc";

/// Bits of an RSA key, and the curve of another one, when the recipe names none; Chef's.
pub(crate) const LENGTH: u32 = 2048;
/// Lengths that Chef knows, and the one that is asked for today.
pub(crate) const LENGTHS: [u32; 5] = [1024, 2048, 3072, 4096, 8192];
pub(crate) const CURVE: &str = "prime256v1";

/// A sort of private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort<'a> {
    /// RSA with so many bits.
    Rsa(u32),
    /// On this curve.
    Ec(&'a str),
}

impl Sort<'_> {
    fn option(&self) -> [String; 4] {
        let (algorithm, option) = match self {
            Self::Rsa(bits) => ("RSA", format!("rsa_keygen_bits:{bits}")),
            Self::Ec(curve) => ("EC", format!("ec_paramgen_curve:{curve}")),
        };
        ["-algorithm".to_owned(), algorithm.to_owned(), "-pkeyopt".to_owned(), option]
    }

    /// Whether the text that openssl prints of a public key is that of one of this sort.
    fn is_told_by(&self, text: &str) -> bool {
        match self {
            Self::Rsa(bits) => text.contains(&format!("({bits} bit)")) && text.contains("Modulus:"),
            Self::Ec(curve) => {
                // NIST has a name of its own for some of them. Openssl 3 takes each name in any case.
                let name = |line: &'_ str| match line.trim().split_once(": ") {
                    Some(("ASN1 OID" | "NIST CURVE", name)) => name.eq_ignore_ascii_case(curve),
                    Some(_) | None => false,
                };
                text.lines().any(name)
            }
        }
    }
}

/// What is to be asked of openssl.
pub(crate) struct Question<'a> {
    pub words: &'a [&'a str],
    /// A key or a certificate.
    pub input: Option<&'a [u8]>,
    pub password: Option<&'a Secret>,
    pub environment: &'a [(&'a str, String)],
}

impl Question<'_> {
    /// What it prints; `Err` is what it says when it fails.
    ///
    /// # Errors
    /// That it is not there, or cannot be started.
    pub fn ask(&self, probe: &dyn Probe) -> Result<Result<String, String>> {
        let mut command = Command::new(self.words.iter().copied());
        let password = self.password.map_or("", Secret::expose).to_owned();
        command.secrets.push(password.clone());
        command.environment.insert(PASSWORD.to_owned(), password);
        command.environment.extend(self.environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        command.stdin = Some(self.input.unwrap_or_default().to_vec());
        let answer = probe.query(&command)?;
        if answer.code == 127 {
            let error = Error::failed("there is no program `openssl` here");
            return Err(error.hint("declare the package `openssl` before it"));
        }
        if answer.success() {
            return Ok(Ok(answer.stdout));
        }
        let said = answer.stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
        Ok(Err(command.without_secrets(said.trim())))
    }
}

/// The public half of a private key, in PEM.
///
/// # Errors
/// [`Error::Failed`]: that it is no key, or the password is another. `name` is what is said of it.
pub(crate) fn public(key: &Blob, password: Option<&Secret>, name: &str, probe: &dyn Probe) -> Result<(String, String)> {
    let words = ["openssl", "pkey", "-in", "/dev/stdin", "-passin", &format!("env:{PASSWORD}"), "-pubout", "-text_pub"];
    let question = Question { words: &words, input: key.bytes(), password, environment: &[] };
    match question.ask(probe)? {
        Ok(told) => Ok((block(&told, "PUBLIC KEY").to_owned(), told)),
        Err(why) => {
            let error = Error::failed(format!("{name} is no private key that openssl can read: {why}"));
            Err(error.hint(
                "is `key_pass` its password? a resource of the key itself makes it anew with `force`; or remove it",
            ))
        }
    }
}

/// A block of PEM in a text.
pub(crate) fn block<'t>(text: &'t str, label: &str) -> &'t str {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = text.find(&begin).unwrap_or(text.len());
    let to = text[from..].find(&end).map_or(from, |at| from + at + end.len());
    &text[from..to]
}

/// The file of a private key.
pub(crate) struct Key<'a> {
    pub file: File,
    pub sort: Sort<'a>,
    pub password: Option<&'a Secret>,
    pub cipher: &'a str,
    /// Whether one that is no key, or of another sort, is replaced.
    pub force: bool,
}

impl Key<'_> {
    /// The key as it should be: what is there when it is one.
    pub fn wanted(&self, now: &file::State, probe: &dyn Probe) -> Result<file::State> {
        let there = match &now.entry {
            Some(Entry { kind: EntryKind::File { content }, .. }) => Some(content),
            Some(_) | None => None,
        };
        let name = format!("`{}`", self.file.path.display());
        let kept = match there.map(|key| (key, public(key, self.password, &name, probe))) {
            Some((key, Ok((_, told)))) => Some(key).filter(|_| !self.force || self.sort.is_told_by(&told)),
            Some((_, Err(Error::Failed { .. }))) if self.force => None,
            Some((_, Err(error))) => return Err(error),
            None => None,
        };
        // What is in the way is told before a key is made.
        may_be_put(&self.file, now, probe)?;
        let content = match kept {
            Some(key) if self.password.is_some() && !is_encrypted(key) => self.encrypted(key, probe)?,
            Some(key) => key.clone(),
            None => self.made(probe)?,
        };
        self.file.becoming(Some(content), now, probe)
    }

    /// The same key, which openssl could read without the password.
    fn encrypted(&self, key: &Blob, probe: &dyn Probe) -> Result<Blob> {
        let (cipher, password) = (format!("-{}", self.cipher), format!("env:{PASSWORD}"));
        let words = ["openssl", "pkey", "-in", "/dev/stdin", &cipher, "-passout", &password];
        let question = Question { words: &words, input: key.bytes(), password: self.password, environment: &[] };
        match question.ask(probe)? {
            Ok(key) => Ok(Blob::from(key.as_str())),
            Err(why) => Err(Error::failed(format!("openssl could not encrypt `{}`: {why}", self.file.path.display()))),
        }
    }

    /// How the key is; of what is in it, no more than its sort.
    pub fn found(&self, kind: &'static str, name: String, probe: &dyn Probe) -> Result<Found> {
        let Some(Entry { kind: there, mode, owner, group }) = self.file.read(probe)?.entry else {
            return Ok(Found::new(kind, name).unsaid("that there is no key"));
        };
        let EntryKind::File { content } = there else { return Err(another_kind(&self.file.path, &there, "file")) };
        let owned = |found: Found| found.with("mode", mode.to_string()).with("owner", owner).with("group", group);
        let told = match public(&content, self.password, &format!("`{}`", self.file.path.display()), probe) {
            Ok((_, told)) => told,
            Err(Error::Failed { .. }) if self.password.is_none() && is_encrypted(&content) => {
                return Ok(owned(Found::new(kind, name)).unsaid("what sort of key it is: it is encrypted"));
            }
            Err(error) => return Err(error),
        };
        let bits = told.split_once("Public-Key: (").and_then(|(_, rest)| rest.split_once(" bit"));
        let bits = bits.and_then(|(bits, _)| bits.parse::<u32>().ok()).filter(|bits| LENGTHS.contains(bits));
        let curve = told.lines().find_map(|line| line.trim().strip_prefix("ASN1 OID: "));
        let found = match curve {
            Some(curve) => Found::new("openssl_ec_private_key", name).with("key_curve", curve),
            None if told.contains("Modulus:") => Found::new("openssl_rsa_private_key", name).with("key_length", bits),
            None => {
                let found = owned(Found::new(kind, name));
                return Ok(found.unsaid("what sort of key it is: neither one of RSA nor one on a curve with a name"));
            }
        };
        let found = owned(found);
        Ok(if is_encrypted(&content) { found.unsaid("its password") } else { found.action("create") })
    }

    fn made(&self, probe: &dyn Probe) -> Result<Blob> {
        let option = self.sort.option();
        let (cipher, password) = (format!("-{}", self.cipher), format!("env:{PASSWORD}"));
        let mut words = vec!["openssl", "genpkey"];
        words.extend(option.iter().map(String::as_str));
        if self.password.is_some() {
            words.extend([&cipher, "-pass", &password]);
        }
        let question = Question { words: &words, input: None, password: self.password, environment: &[] };
        match question.ask(probe)? {
            Ok(key) => Ok(Blob::from(key.as_str())),
            Err(why) => Err(Error::failed(format!("openssl made no key: {why}"))),
        }
    }

    /// Operations from one state to another. What is in the key is in no diff.
    pub fn steps(&self, from: &file::State, to: &file::State) -> Result<Vec<Op>> {
        let mut operations = self.file.steps(from, to)?;
        for operation in &mut operations {
            if let Op::Write(write) = operation {
                write.sensitive = true;
            }
        }
        Ok(operations)
    }
}

/// Whether a key cannot be read without a password. Source: RFC 5958, RFC 1421.
fn is_encrypted(key: &Blob) -> bool {
    let text = key.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// That a file can be there.
///
/// # Errors
/// What is in its way, or missing.
pub(crate) fn may_be_put(file: &File, now: &file::State, probe: &dyn Probe) -> Result<()> {
    match &now.entry {
        Some(Entry { kind: EntryKind::File { .. }, .. }) | None => {}
        Some(Entry { kind, .. }) => {
            return Err(in_the_way(&file.path, kind, "file").hint("remove it, or choose another path"));
        }
    }
    file.becoming(Some(Blob::from("")), now, probe).map(drop)
}

/// The file of a key or certificate, with the mode that it has when the recipe gives none.
pub(crate) fn file(
    path: impl Into<std::path::PathBuf>,
    mode: Mode,
    owner: Option<&String>,
    group: Option<&String>,
) -> File {
    let mut file = File::at(path).mode(mode);
    file.owner = owner.cloned();
    file.group = group.cloned();
    file
}
