//! What a settings file may ask of the process that reads it: a few facts, and nothing can be changed through it.
use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use super::environment;

/// What is at a path, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A device, a socket, a pipe.
    Other,
}

/// The facts that a settings file may ask for.
pub trait Surroundings {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The directory this process was started in, absolute.
    fn current_directory(&self) -> Option<PathBuf>;

    /// The number of the user on whose behalf this process runs.
    fn effective_user(&self) -> u32;

    /// The machine's name as the kernel has it.
    fn host_name(&self) -> Option<String>;

    /// What is at an absolute path; `None` when nothing is, or nothing can be seen.
    fn kind_of(&self, path: &Path) -> Option<Kind>;

    /// An absolute path without symbolic links; `None` when nothing is there.
    fn real_path(&self, path: &Path) -> Option<PathBuf>;

    /// What a regular file holds; `None` when there is none that can be read, or it has more bytes than `most`.
    fn content(&self, path: &Path, most: u64) -> Option<Vec<u8>>;
}

/// This process on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        // The system's call refuses such names by a panic.
        if name.is_empty() || name.contains(['=', '\0']) { None } else { environment::var(name) }
    }

    fn current_directory(&self) -> Option<PathBuf> {
        environment::current_dir()
    }

    fn effective_user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn host_name(&self) -> Option<String> {
        rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
    }

    fn kind_of(&self, path: &Path) -> Option<Kind> {
        let found = std::fs::metadata(path).ok()?.file_type();
        Some(if found.is_dir() {
            Kind::Directory
        } else if found.is_file() {
            Kind::File
        } else {
            Kind::Other
        })
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        std::fs::canonicalize(path).ok()
    }

    fn content(&self, path: &Path, most: u64) -> Option<Vec<u8>> {
        if self.kind_of(path)? != Kind::File {
            return None;
        }
        let mut content = Vec::new();
        std::fs::File::open(path).ok()?.take(most + 1).read_to_end(&mut content).ok()?;
        (content.len() as u64 <= most).then_some(content)
    }
}

/// Surroundings made up for a test: nothing of this machine shows through.
#[derive(Clone, Debug)]
pub struct Pretended {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The directory to be in.
    pub directory: PathBuf,
    /// The user's number.
    pub user: u32,
    /// The machine's name.
    pub host_name: String,
    /// What there is.
    pub files: BTreeMap<PathBuf, Kind>,
    /// What files hold.
    pub contents: BTreeMap<PathBuf, String>,
}

/// Root in `/srv` on a machine called `pretended`, without variables and files.
impl Default for Pretended {
    fn default() -> Self {
        Self {
            variables: BTreeMap::new(),
            directory: PathBuf::from("/srv"),
            user: 0,
            host_name: "pretended".to_owned(),
            files: BTreeMap::new(),
            contents: BTreeMap::new(),
        }
    }
}

impl Surroundings for Pretended {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn current_directory(&self) -> Option<PathBuf> {
        Some(self.directory.clone())
    }

    fn effective_user(&self) -> u32 {
        self.user
    }

    fn host_name(&self) -> Option<String> {
        Some(self.host_name.clone())
    }

    fn kind_of(&self, path: &Path) -> Option<Kind> {
        self.files.get(path).copied()
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        self.files.contains_key(path).then(|| path.to_owned())
    }

    fn content(&self, path: &Path, most: u64) -> Option<Vec<u8>> {
        let content = self.contents.get(path)?.clone().into_bytes();
        (content.len() as u64 <= most).then_some(content)
    }
}
