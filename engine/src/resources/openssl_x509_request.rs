//! `openssl_x509_request[path]`
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use super::private_key::{Action, Action::*};
use super::{
    edit::line_fault,
    file::{self, File},
    openssl::{self, CIPHER, CURVE, Key, LENGTH, PASSWORD, Question, Sort, block, may_be_put, public},
};
use crate::{
    Error, Fault, Result,
    host::{Entry, EntryKind, Op, Probe},
    resource::{Change, Goal, Property, Resource},
    values::{Blob, Mode, Secret},
};

/// Sorts of names that a certificate may have beside its subject, as openssl prints and takes them. Source: x509v3_config(5).
const NAMES: [(&str, &str); 4] = [("DNS", "DNS:"), ("IP", "IP Address:"), ("email", "email:"), ("URI", "URI:")];

/// Which sort of key a new one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// On an elliptic curve.
    Ec,
}

impl Property for KeyType {
    const TYPE: &'static str = "rsa or ec";

    fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        match value.as_str() {
            Some("rsa") => Ok(Self::Rsa),
            Some("ec") => Ok(Self::Ec),
            Some(_) | None => Err(format!("expected `rsa` or `ec`, found {value}")),
        }
    }
}

/// Hands the properties of every kind that asks for a certificate to a macro, behind whatever else it is given.
macro_rules! with_request_properties {
    ($($table:tt)*) => {
        $crate::properties! {
            $($table)*
            shared {
                /// The name that it is for (CN), as `www.example.com`.
                common_name: String,
                /// The country, by two letters (C).
                country: String,
                /// The state or province (ST).
                state: String,
                /// The city (L).
                city: String,
                /// The organization (O).
                org: String,
                /// The unit of the organization (OU).
                org_unit: String,
                /// An e-mail address.
                email: String,
                /// Further names that it is for, as `DNS:www.example.com` and `IP:192.0.2.1`.
                subject_alt_name: $crate::values::Words,
                /// The file of the private key: that of the resource with the ending `.key` when not given. Where there is
                /// none, one is made (0600).
                key_file: ::std::path::PathBuf,
                /// The password of the key.
                key_pass: $crate::values::Secret,
                /// Which sort of key is made: `rsa` or `ec`.
                key_type: $crate::resources::openssl_x509_request::KeyType,
                /// How many bits a new RSA key has; 2048 when not given.
                key_length: u32,
                /// The curve of a new key of the sort `ec`; `prime256v1` when not given.
                key_curve: String,
                /// Name or number of the owner. What is new belongs to root; what is there keeps its owner.
                owner: String,
                /// Name or number of the group. What is new belongs to root's; what is there keeps its group.
                group: String,
                /// Permission bits of the file, not of the key; 0644 when not given.
                mode: $crate::values::Mode,
            }
        }
    };
}
pub(crate) use with_request_properties;

with_request_properties! {
    /// A request for a certificate (CSR), and its private key where there is none, made by `openssl`. One that is there and
    /// says something else, or is of another key, is made anew.
    pub struct OpensslX509Request("path") {
        path: PathBuf;
    }
    example r#"r.add(OpensslX509Request::at("/etc/ssl/web.csr").common_name("www.example.com"));"#
}

/// The file and its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The file of the private key.
    pub key: file::State,
    /// The file itself.
    pub file: file::State,
    /// What is in it; `None` when it cannot be read.
    pub says: Option<Says>,
}

/// What a request or a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Says {
    /// Whom it is for, as `CN=www.example.com`, in order.
    pub subject: Vec<String>,
    /// Who signed it, if anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuer: Vec<String>,
    /// Further names, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether it is of the private key that is there.
    pub of_this_key: bool,
    /// The day at whose end, or during which, it ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<crate::values::Day>,
}

impl std::fmt::Display for Says {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` by `{}`", self.subject.join(", "), self.issuer.join(", "))?;
        let key = if self.of_this_key { "" } else { ", by another key" };
        write!(f, " with the names `{}`{key}", self.names.join(", "))
    }
}

impl Says {
    /// Reads what openssl prints with `-nameopt utf8,sname,sep_multiline`.
    pub(crate) fn read(text: &str, public: &str) -> Self {
        let mut says = Self::default();
        let mut lines = text.lines().peekable();
        let mut part = "";
        while let Some(line) = lines.next() {
            match line.trim() {
                "subject=" | "issuer=" => part = line.trim(),
                "X509v3 Subject Alternative Name:" => {
                    let names = lines.next().unwrap_or_default();
                    says.names = names.split(", ").map(|name| plain(name.trim())).collect();
                    says.names.sort();
                }
                value if line.starts_with("    ") && part == "subject=" => says.subject.push(value.to_owned()),
                value if line.starts_with("    ") && part == "issuer=" => says.issuer.push(value.to_owned()),
                value => {
                    part = "";
                    says.expires = value.strip_prefix("notAfter=").and_then(day).or(says.expires);
                }
            }
        }
        says.of_this_key = !public.is_empty() && block(text, "PUBLIC KEY") == public;
        says
    }
}

/// A name as one writes it, of an address in its shortest form.
fn plain(name: &str) -> String {
    let known = NAMES.iter().find_map(|(word, printed)| Some((word, name.strip_prefix(printed)?)));
    match known.or_else(|| name.strip_prefix("IP:").map(|rest| (&"IP", rest))) {
        Some((word, rest)) => match rest.parse::<IpAddr>() {
            Ok(address) if *word == "IP" => format!("{word}:{address}"),
            Ok(_) | Err(_) => format!("{word}:{rest}"),
        },
        None => name.to_owned(),
    }
}

/// The day of `Nov 28 20:14:09 2027 GMT`.
fn day(text: &str) -> Option<crate::values::Day> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = text.split_whitespace().collect();
    let [month, day, _, year, _] = words[..] else { return None };
    let month = MONTHS.find(month)? / 3 + 1;
    crate::values::Day::parse(&format!("{year}-{month:02}-{:02}", day.parse::<u32>().ok()?)).ok()
}

/// A value in a configuration of openssl. Source: config(5).
pub(crate) fn escaped(value: &str) -> String {
    value.chars().fold(String::new(), |text, c| {
        let text = if r##"\"'#$`"##.contains(c) { text + "\\" } else { text };
        text + c.encode_utf8(&mut [0; 4])
    })
}

/// Reads its configuration from an environment variable, so that no file is made of it.
pub(crate) const WITH_CONFIG: &str = "exec \"$@\" 3<<EOF\n$BRASA_CONFIG\nEOF";

impl OpensslX509Request {
    /// The request at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    pub(crate) fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.path.with_extension("key"))
    }

    pub(crate) fn key(&self, usual: KeyType) -> Key<'_> {
        let mode = Mode::from(0o600);
        Key {
            file: openssl::file(self.key_path(), mode, self.owner.as_ref(), self.group.as_ref()),
            sort: match self.key_type.unwrap_or(usual) {
                KeyType::Rsa => Sort::Rsa(self.key_length.unwrap_or(LENGTH)),
                KeyType::Ec => Sort::Ec(self.key_curve.as_deref().unwrap_or(CURVE)),
            },
            password: self.key_pass.as_ref(),
            cipher: CIPHER,
            force: false,
        }
    }

    pub(crate) fn file(&self) -> File {
        openssl::file(&self.path, self.mode.unwrap_or(Mode::from(0o644)), self.owner.as_ref(), self.group.as_ref())
    }

    fn subject_parts(&self) -> [(&'static str, Option<&String>); 7] {
        [
            ("C", self.country.as_ref()),
            ("ST", self.state.as_ref()),
            ("L", self.city.as_ref()),
            ("O", self.org.as_ref()),
            ("OU", self.org_unit.as_ref()),
            ("CN", self.common_name.as_ref()),
            ("emailAddress", self.email.as_ref()),
        ]
    }

    pub(crate) fn subject(&self) -> Vec<String> {
        let parts = self.subject_parts().into_iter();
        parts.filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.subject_alt_name.iter().flat_map(|names| &names.0);
        let mut names: Vec<String> = names.map(|name| plain(name)).collect();
        names.sort();
        names
    }

    /// What openssl is to know: the subject, and extensions with these lines first.
    pub(crate) fn config(&self, extensions: &str) -> String {
        let mut config = "[req]\nprompt=no\nstring_mask=utf8only\ndistinguished_name=dn\n[dn]\n".to_owned();
        for (name, value) in self.subject_parts() {
            config += &value.map_or(String::new(), |value| format!("{name}={}\n", escaped(value)));
        }
        config += &format!("[ext]\n{extensions}");
        let names = self.names();
        if !names.is_empty() {
            config += "subjectAltName=@names\n[names]\n";
            for (number, name) in names.iter().enumerate() {
                let (word, value) = name.split_once(':').unwrap_or(("DNS", name));
                config += &format!("{word}.{number}={}\n", escaped(value));
            }
        }
        config
    }

    /// A request by this key, with the names in it.
    pub(crate) fn made(&self, key: &Blob, probe: &dyn Probe) -> Result<String> {
        let password = format!("env:{PASSWORD}");
        let mut words = vec!["/bin/sh", "-c", WITH_CONFIG, "sh", "openssl", "req", "-new", "-utf8", "-sha256"];
        words.extend(["-key", "/dev/stdin", "-passin", &password, "-config", "/dev/fd/3"]);
        words.extend((!self.names().is_empty()).then_some(["-reqexts", "ext"]).into_iter().flatten());
        let environment = [("BRASA_CONFIG", self.config(""))];
        let question =
            Question { words: &words, input: key.bytes(), password: self.key_pass.as_ref(), environment: &environment };
        question.ask(probe)?.map_err(|why| Error::failed(format!("openssl made no request: {why}")))
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.file().check();
        faults.extend(self.key(KeyType::Rsa).file.check());
        for (name, value) in self.subject_parts() {
            let Some(value) = value else { continue };
            faults.extend(line_fault(name, value));
            if value.is_empty() || value.trim() != value {
                faults.push(Fault::new(format!("{name} is empty, or begins or ends with a blank")));
            }
        }
        if self.country.as_ref().is_some_and(|country| country.chars().count() != 2) {
            faults.push(Fault::new("a country has two letters").hint("as `DE`: see ISO 3166-1"));
        }
        for name in self.subject_alt_name.iter().flat_map(|names| &names.0) {
            let (word, value) = name.split_once(':').unwrap_or_default();
            let sound = NAMES.iter().any(|(known, _)| *known == word) && !value.is_empty();
            let address = word != "IP" || value.parse::<IpAddr>().is_ok();
            if !sound || !address || value.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control()) {
                let fault = Fault::new(format!("subject_alt_name `{}` is no name", name.escape_debug()));
                faults.push(fault.hint("write it as `DNS:www.example.com`, `IP:192.0.2.1`, `email:` or `URI:`"));
            }
        }
        faults.extend(super::private_key::name_fault("key_curve", self.key_curve.as_deref()));
        faults
    }

    /// The file, its key, and what it says by `words` of openssl.
    pub(crate) fn read_by(&self, words: &[&str], key: &Key<'_>, probe: &dyn Probe) -> Result<State> {
        let (key_now, file) = (key.file.read(probe)?, self.file().read(probe)?);
        let mut says = None;
        if let Some(there) = content(&file) {
            let public = match content(&key_now) {
                Some(key) => public_or_none(key, self.key_pass.as_ref(), probe)?,
                None => String::new(),
            };
            says = told(words, there, probe)?.map(|text| Says::read(&text, &public));
        }
        Ok(State { key: key_now, file, says })
    }
}

/// What openssl tells of a request or certificate, if it is one.
pub(crate) fn told(words: &[&str], content: &Blob, probe: &dyn Probe) -> Result<Option<String>> {
    Ok(Question { words, input: content.bytes(), password: None, environment: &[] }.ask(probe)?.ok())
}

fn public_or_none(key: &Blob, password: Option<&Secret>, probe: &dyn Probe) -> Result<String> {
    match public(key, password, "the key", probe) {
        Ok((pem, _)) => Ok(pem),
        // What is wrong with it is said when it is needed.
        Err(Error::Failed { .. }) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// What is in a file, if it is one.
pub(crate) fn content(state: &file::State) -> Option<&Blob> {
    match &state.entry {
        Some(Entry { kind: EntryKind::File { content }, .. }) => Some(content),
        Some(_) | None => None,
    }
}

/// What a request says.
const SHOW: [&str; 11] = [
    "openssl",
    "req",
    "-in",
    "/dev/stdin",
    "-noout",
    "-subject",
    "-nameopt",
    "utf8,sname,sep_multiline",
    "-pubkey",
    "-text",
    "-verify",
];

impl Resource for OpensslX509Request {
    const KIND: &'static str = "openssl_x509_request";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.faults();
        if self.common_name.is_none() {
            faults.push(Fault::new("it does not say what it is for").hint("name it with `common_name`"));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.read_by(&SHOW, &self.key(KeyType::Ec), probe)
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let key = self.key(KeyType::Ec).wanted(&now.key, probe)?;
        let says = Says { subject: self.subject(), names: self.names(), of_this_key: true, ..Says::default() };
        may_be_put(&self.file(), &now.file, probe)?;
        let request = match (content(&now.file), &now.says) {
            (Some(there), Some(said)) if *said == says && key == now.key => there.clone(),
            (_, _) => Blob::from(self.made(content(&key).unwrap_or(&Blob::from("")), probe)?.as_str()),
        };
        let file = self.file().becoming(Some(request), &now.file, probe)?;
        Ok(Goal::State(State { key, file, says: Some(says) }))
    }

    fn ops(&self, Change { from, to, .. }: &Change<State>) -> Result<Vec<Op>> {
        let mut operations = self.key(KeyType::Ec).steps(&from.key, &to.key)?;
        operations.extend(self.file().steps(&from.file, &to.file)?);
        Ok(operations)
    }
}

/// The path of a file that is given, its bytes read.
pub(crate) fn required(path: &Path, why: &str, probe: &dyn Probe) -> Result<Blob> {
    match super::entry::resolve(path, probe)?.1.map(|entry| entry.kind) {
        Some(EntryKind::File { content }) => Ok(content),
        Some(kind) => Err(super::entry::in_the_way(path, &kind, "file")),
        None => Err(Error::Missing { kind: "file", name: path.display().to_string(), why: Some(why.to_owned()) }),
    }
}
