//! What is remembered of a server between commands: a directory for each, for its owner alone.
//!
//! The record is written before the provider is asked to make anything, so that what an interrupted command made is found again
//! by its name and token. The provider has the last word on what there is.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use brasa::{
    Error,
    host::{
        disk::{self, Lock},
        environment,
    },
};
use serde_json::{Value, json};

use super::{
    description::check_name,
    provider::{Kept, Machine},
};
use crate::failure::Failure;

/// The record's file in a server's directory.
const RECORD: &str = "server.json";
/// The description that the server was made by.
const DESCRIPTION: &str = "server.toml";
/// A record has at most so many bytes.
const LIMIT: u64 = 1 << 20;

/// The directory of all servers' records.
pub struct Records {
    directory: PathBuf,
}

/// A server's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Its fully qualified name, by which its host key is known.
    pub fqdn: String,
    /// Its provider.
    pub provider: String,
    /// 32 hexadecimal digits, new for each making.
    pub token: String,
    /// How far the making got.
    pub phase: Phase,
    /// The provider's id, as soon as there is one.
    pub id: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Where SSH is reached.
    pub ssh: Option<(String, u16)>,
    /// Who logs in.
    pub user: String,
    /// The private key to log in by; without it the one in its directory.
    pub ssh_key: Option<PathBuf>,
    /// The directory that relative paths of the description start in.
    pub base: PathBuf,
    /// Where it is, in its provider's keys: also what was in the environment alone.
    pub place: Kept,
    /// When the making began, in seconds since 1970.
    pub since: u64,
}

/// How far a server got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The provider is about to be asked, or was.
    #[default]
    Asked,
    /// There is an id.
    Made,
    /// SSH answers with the right key, and cloud-init is done.
    Ready,
    /// It was converged once: its host key is its own.
    Converged,
    /// It is being destroyed.
    Going,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Asked, Self::Made, Self::Ready, Self::Converged, Self::Going];

    /// Its word, in the record and in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Made => "made",
            Self::Ready => "ready",
            Self::Converged => "converged",
            Self::Going => "going",
        }
    }
}

impl Records {
    /// The records in `given`, else in `$XDG_STATE_HOME/brasa/servers`, else in `~/.local/state/brasa/servers`. Nothing is made
    /// before something is written: who only looks needs no place to write.
    ///
    /// # Errors
    /// That there is neither a directory of state nor a home.
    pub fn open(given: Option<&Path>) -> Result<Self, Failure> {
        let absolute = |name: &str| environment::var(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let usual = || absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        let here = || environment::current_dir().unwrap_or_default();
        let directory = match given {
            Some(given) => Some(here().join(given)),
            None => usual().map(|state| state.join("brasa/servers")),
        };
        let directory = directory.ok_or_else(|| {
            Failure::input("there is no place for the records of servers: neither HOME nor XDG_STATE_HOME is set")
                .hint("name a directory with --state")
        })?;
        // A virtual machine is known by its files' path: however the directory is written, it is one.
        let known = directory.ancestors().find_map(|there| Some((there, disk::canonical(there).ok()?)));
        let whole = known.and_then(|(there, path)| Some(path.join(directory.strip_prefix(there).ok()?)));
        Ok(Self { directory: whole.unwrap_or(directory) })
    }

    /// The directory of all records.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of a server.
    pub fn of(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The names of all servers that there is a record of.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Failure> {
        let names = disk::list(&self.directory)?.into_iter().filter_map(|name| name.into_string().ok());
        Ok(names.filter(|name| disk::exists(&self.of(name).join(RECORD))).collect())
    }

    /// Takes the lock of a server: one command at a time works on it.
    ///
    /// # Errors
    /// That another command does.
    pub fn lock(&self, name: &str, now: &str) -> Result<Lock, Failure> {
        check_name(name)?;
        disk::create_private_dirs(&self.directory)?;
        let label = format!("process {}: {now}", std::process::id());
        let taken = Lock::take(&self.directory.join(format!(".{name}.lock")), Duration::ZERO, &label, &mut |_, _| {});
        taken.map_err(|error| match error {
            Error::Busy { holder, .. } => {
                let message = format!("another command works on the server `{name}`: {holder}");
                Failure { code: crate::failure::Code::Busy, ..Failure::failed(message) }
                    .hint("run again when it has ended")
            }
            other => other.into(),
        })
    }

    /// The record of a server; `None` when there is none.
    ///
    /// # Errors
    /// That it cannot be read, or is none.
    pub fn read(&self, name: &str) -> Result<Option<Record>, Failure> {
        check_name(name)?;
        let path = self.of(name).join(RECORD);
        let Some(bytes) = disk::read_limited(&path, LIMIT)? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes).ok().and_then(|value| Record::of(name, &value));
        read.map(Some).ok_or_else(|| {
            Failure::failed(format!("`{}` is no record of a server", path.display()))
                .hint("another version of brasa may have written it; move it away, and `brasa server list` shows what there is")
        })
    }

    /// Writes a record, durably.
    ///
    /// # Errors
    /// What the system refused.
    pub fn write(&self, record: &Record) -> Result<(), Failure> {
        self.put(&record.name, RECORD, format!("{:#}\n", record.to_json()).as_bytes())
    }

    /// Writes a file beside a record (0600), durably.
    ///
    /// # Errors
    /// What the system refused.
    pub fn put(&self, name: &str, file: &str, bytes: &[u8]) -> Result<(), Failure> {
        let directory = self.of(name);
        disk::create_private_dirs(&directory)?;
        Ok(disk::write_atomic(&directory.join(file), bytes)?)
    }

    /// Keeps the description that a server is made by.
    ///
    /// # Errors
    /// What the system refused.
    pub fn keep_description(&self, name: &str, text: &[u8]) -> Result<(), Failure> {
        self.put(name, DESCRIPTION, text)
    }

    /// The file with the description that a server was made by.
    pub fn description(&self, name: &str) -> PathBuf {
        self.of(name).join(DESCRIPTION)
    }

    /// Forgets a server: the last thing that is done about it.
    ///
    /// # Errors
    /// What the system refused.
    pub fn forget(&self, name: &str) -> Result<(), Failure> {
        check_name(name)?;
        Ok(disk::remove_dir(&self.of(name))?)
    }
}

impl Record {
    /// Whether this is the server that the record is of.
    pub fn is_of(&self, machine: &Machine) -> bool {
        let by_token = !machine.token.is_empty() && machine.token == self.token;
        // A provider that keeps no token, asked by a command that did not live to see the id.
        let unfinished = self.id.is_empty() && machine.token.is_empty();
        by_token || unfinished || machine.id == self.id
    }

    /// As it is kept, and as reports show it.
    pub fn to_json(&self) -> Value {
        let ssh = self.ssh.as_ref().map(|(host, port)| json!({"host": host, "port": port}));
        json!({
            "version": 1,
            "name": self.name,
            "fqdn": self.fqdn,
            "provider": self.provider,
            "token": self.token,
            "phase": self.phase.word(),
            "id": self.id,
            "addresses": self.addresses,
            "ssh": ssh,
            "user": self.user,
            "ssh_key": self.ssh_key.as_ref().map(|path| path.to_string_lossy()),
            "base": self.base.to_string_lossy(),
            "place": self.place.iter().cloned().collect::<BTreeMap<_, _>>(),
            "since": self.since,
        })
    }

    fn of(name: &str, value: &Value) -> Option<Self> {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let ssh = value["ssh"]
            .as_object()
            .and_then(|ssh| Some((ssh["host"].as_str()?.to_owned(), u16::try_from(ssh["port"].as_u64()?).ok()?)));
        let addresses = value["addresses"].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let word = text("phase")?;
        // A record of an older version has none.
        let place = value["place"].as_object().into_iter().flatten();
        let place = place.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        (value["version"] == 1 && value["name"] == name).then_some(())?;
        Some(Self {
            name: name.to_owned(),
            fqdn: text("fqdn")?,
            provider: text("provider")?,
            token: text("token")?,
            phase: Phase::ALL.into_iter().find(|phase| phase.word() == word)?,
            id: text("id")?,
            addresses,
            ssh,
            user: text("user")?,
            ssh_key: text("ssh_key").map(PathBuf::from),
            base: text("base")?.into(),
            place,
            since: value["since"].as_u64()?,
        })
    }
}
