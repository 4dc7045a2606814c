//! `servers/NAME.toml`: what a server is to be.
use std::path::{Path, PathBuf};

use brasa::{
    Error,
    host::{disk, environment},
    node::json::Document,
    values::Place as Position,
};

use super::{
    bootstrap,
    keys::Keys,
    provider::{self, Place, Provider},
};
use crate::failure::Failure;

/// A description has at most so many bytes.
const LIMIT: u64 = 1 << 20;

/// Names have at most so many characters: clouds keep them as a tag, and paths of sockets are short.
const LONGEST_NAME: usize = 63;

/// Seconds in which a server must be ready, where its description does not say.
const READY_WITHIN: u64 = 900;

/// A server as it is described.
pub struct Description {
    /// What the server is called here: the file's name without its end.
    pub name: String,
    /// Its fully qualified name.
    pub fqdn: String,
    /// The provider's name.
    pub provider: String,
    /// The provider with what its table says of the place where servers are: where it is another, they are not found.
    pub place: String,
    /// What the environment says of that place now, where the server was made in another one.
    pub moved: Option<String>,
    /// The file, to be kept with the record.
    pub text: Vec<u8>,
    /// The directory that relative paths start in.
    pub base: PathBuf,
    /// Who logs in; anybody else than root takes `sudo`.
    pub user: String,
    /// Run-list and attributes.
    pub dna: PathBuf,
    /// Settings; without them brasa's own defaults.
    pub solo: Option<PathBuf>,
    /// The program to put on the server; without it the one that runs now.
    pub binary: Option<PathBuf>,
    /// The private key to log in by (or only its public half, `.pub`, where an agent holds it); without it one is made.
    pub ssh_key: Option<PathBuf>,
    /// More who may log in: lines of `authorized_keys`, or files of them.
    pub authorized_keys: Vec<String>,
    /// Files and directories to put on the server: where there, and from where here.
    pub files: Vec<(String, PathBuf)>,
    /// The same for files that nobody else may read (0600, in directories of 0700).
    pub keys: Vec<(String, PathBuf)>,
    /// Seconds in which it must be ready.
    pub ready_within: u64,
    /// The script that checks it, for `brasa server test`.
    pub verify: Option<PathBuf>,
    /// The key file of dynamic DNS by which the name's records are removed when the server is destroyed, with its server.
    pub dns: Option<Dns>,
}

/// A provider with its name, where there is one.
type Opened = Option<(String, Box<dyn Provider>)>;

/// How a server's name is taken out of the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// The key file.
    pub key: PathBuf,
    /// The zone's primary name server.
    pub server: String,
    /// The zone; without it the one that the server has the name in.
    pub zone: Option<String>,
}

impl Description {
    /// Reads `DIRECTORY/NAME.toml`, or the file itself where `name` is a path of one. `kept` is where the server is, when there is
    /// a record of it.
    ///
    /// # Errors
    /// That there is none, and all that is wrong in it.
    pub fn read(
        directory: &Path,
        name: &str,
        state: &Path,
        kept: &[(String, String)],
    ) -> Result<(Self, Box<dyn Provider>), Failure> {
        let (name, path, base, text) = file(directory, name)?;
        let place = Place { base: &base, state, kept };
        Self::parse(name, &path, text, &place)
    }

    /// The same for a server that other tools make: of its provider nothing is looked at.
    ///
    /// # Errors
    /// As [`Description::read`].
    pub fn read_alone(directory: &Path, name: &str) -> Result<Self, Failure> {
        let (name, path, base, text) = file(directory, name)?;
        let place = Place { base: &base, state: Path::new(""), kept: &[] };
        Ok(Self::of(name, &path, text, &place, &|keys| {
            provider::pass_over(keys);
            None
        })?
        .0)
    }

    /// Reads the text of one; `path` is for messages.
    ///
    /// # Errors
    /// All that is wrong in it.
    pub fn parse(
        name: String,
        path: &Path,
        text: Vec<u8>,
        place: &Place<'_>,
    ) -> Result<(Self, Box<dyn Provider>), Failure> {
        let (described, provider) = Self::of(name, path, text, place, &|keys| provider::open(keys, place))?;
        // Without one there was a fault.
        provider.map(|provider| (described, provider)).ok_or_else(|| Failure::input("no provider is named"))
    }

    fn of(
        name: String,
        path: &Path,
        text: Vec<u8>,
        place: &Place<'_>,
        open: &dyn Fn(&mut Keys<'_>) -> Opened,
    ) -> Result<(Self, Option<Box<dyn Provider>>), Failure> {
        let document = Document::parse_toml(path, text.clone()).map_err(Error::Faults)?;
        let mut keys = Keys::of(&document);
        let opened = open(&mut keys);
        let paths = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(to, from)| (to, place.path(&from)));
        let fqdn = keys.text("fqdn").unwrap_or(&name).to_owned();
        let user = keys.text("user").unwrap_or("root").to_owned();
        let dna = place.path(keys.required("dna", "name the file with the run-list: `dna = \"dna.json\"`"));
        let solo = keys.text("solo").map(|path| place.path(path));
        let binary = keys.text("binary").map(|path| place.path(path));
        let ssh_key = keys.text("ssh_key").map(|path| place.path(path));
        let authorized_keys = keys.texts("authorized_keys");
        let (files, secret) = (paths(keys.pairs("files")).collect(), paths(keys.pairs("keys")).collect());
        let ready_within = keys.number("ready_within", 1..=86_400).unwrap_or(READY_WITHIN);
        let verify = keys.text("verify").map(|path| place.path(path));
        let mut table = keys.table("dns");
        let dns = table.is_there().then(|| Dns {
            key: place.path(table.required("key", "name the key file: `key = \"tsig.private\"`")),
            server: table
                .required("server", "name the zone's primary name server: `server = \"ns1.example.com\"`")
                .to_owned(),
            zone: table.text("zone").map(str::to_owned),
        });
        keys.close(table);
        if !is_host_name(&fqdn) {
            keys.fault("fqdn", format!("is no host name: `{fqdn}`"), "it has letters, digits, `-` and `.`");
        }
        if !is_word(&user) {
            keys.fault("user", format!("is no user's name: `{user}`"), "it has letters, digits, `-`, `.` and `_`");
        }
        let described = Self {
            name,
            fqdn,
            place: opened.as_ref().map(|(name, _)| provider::place(name, &document, place.kept)).unwrap_or_default(),
            moved: opened.as_ref().and_then(|(name, _)| provider::moved(name, &document, place.kept)),
            provider: opened.as_ref().map(|(name, _)| name.clone()).unwrap_or_default(),
            text,
            user,
            dna,
            solo,
            binary,
            ssh_key,
            authorized_keys,
            files,
            keys: secret,
            ready_within,
            verify,
            dns,
            base: place.base.to_owned(),
        };
        for (key, entries) in [("files", &described.files), ("keys", &described.keys)] {
            for (to, _) in entries.iter().filter(|(to, _)| !is_target(to)) {
                keys.fault(
                    key,
                    format!("names a place that is no absolute path: `{to}`"),
                    "begin it with `/`, without `..`",
                );
            }
        }
        let mut faults = keys.end();
        if faults.is_empty() {
            return Ok((described, opened.map(|(_, provider)| provider)));
        }
        faults.sort_by_key(|fault| match &fault.place {
            Some(Position::File { line, column, .. }) => (*line, *column),
            Some(Position::Rust(_)) | None => (0, 0),
        });
        Err(Error::Faults(faults).into())
    }
}

impl Description {
    /// More who may log in, as lines of `authorized_keys`.
    ///
    /// # Errors
    /// That a file of them is not there, or holds none.
    pub fn authorized(&self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        for written in &self.authorized_keys {
            if written.contains(' ') {
                lines.push(written.trim().to_owned());
                continue;
            }
            let path = (Place { base: &self.base, state: Path::new(""), kept: &[] }).path(written);
            let text = bootstrap::input(&path, LIMIT)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            lines.extend(
                text.lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .map(str::to_owned),
            );
        }
        if let Some(private) = lines.iter().find(|line| line.contains("PRIVATE KEY")) {
            return Err(Failure::input(format!("`authorized_keys` names a private key: `{private}`"))
                .hint("name the file that ends in `.pub`"));
        }
        Ok(lines)
    }
}

/// Name, path, directory and text of a description.
fn file(directory: &Path, name: &str) -> Result<(String, PathBuf, PathBuf, Vec<u8>), Failure> {
    let path = if Path::new(name).extension().is_some_and(|end| end == "toml") {
        PathBuf::from(name)
    } else {
        check_name(name)?;
        directory.join(format!("{name}.toml"))
    };
    let Some(text) = disk::read_limited(&path, LIMIT)? else {
        let shown = path.display();
        return Err(Failure::input(format!("there is no description `{shown}` of a server"))
            .hint("write one: `dna = \"dna.json\"` is the least; `brasa server create --help` tells more"));
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    check_name(&stem)?;
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let here = environment::current_dir().unwrap_or_default();
    Ok((stem, path, here.join(base), text))
}

/// Refuses what cannot be a server's name.
///
/// # Errors
/// Why it cannot.
pub fn check_name(name: &str) -> Result<(), Failure> {
    if is_word(name) && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    let message = format!("`{name}` cannot be the name of a server");
    Err(Failure::input(message).hint(format!(
        "a name has letters, digits, `-`, `.` and `_`, begins with a letter or a digit, and has at most {LONGEST_NAME} characters"
    )))
}

fn is_word(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(plain)
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Whether it is a path that a shell may be told without harm, and that leads nowhere else.
fn is_target(path: &str) -> bool {
    path.starts_with('/') && !path.split('/').any(|part| part == "..") && !path.contains(char::is_control)
}
