//! What the lab makes once and keeps.
//!
//! Each artefact is a directory `NAME-HASH`, the hash being that of everything it is made from: a changed recipe gets a
//! new directory and leaves alone whoever still uses the old one. It is made as `NAME-HASH.partial` and renamed when it
//! is complete, so a directory that is there is whole.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};

use crate::binary::target_directory;
use crate::error::{Error, Result};
use crate::host::announce;

/// An artefact that nobody has used for so long is removed when a newer one of its name is made.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A finished artefact. It stays on the disk at least as long as a clone of this value lives.
#[derive(Clone, Debug)]
pub struct Artefact {
    name: String,
    path: PathBuf,
    // A shared lock: whoever tidies up takes it exclusively first.
    _in_use: Arc<File>,
}

impl Artefact {
    /// Its name, without the hash.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name and hash: what an artefact made from this one puts into its own recipe.
    pub fn identity(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// The lab's directory: `$BRASA_LAB`, or `lab` in cargo's target directory. Made if it is missing.
pub(crate) fn directory() -> Result<&'static Path> {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    if let Some(directory) = DIRECTORY.get() {
        return Ok(directory);
    }
    let directory = match std::env::var_os("BRASA_LAB") {
        Some(directory) => PathBuf::from(directory),
        None => target_directory()?.join("lab"),
    };
    fs::create_dir_all(&directory).map_err(Error::io(format!("make `{}`", directory.display())))?;
    let directory = directory.canonicalize().map_err(Error::io(format!("resolve `{}`", directory.display())))?;
    Ok(DIRECTORY.get_or_init(|| directory))
}

/// Takes the lab-wide lock `name`, waiting for whoever has it; free again when the value is dropped.
pub(crate) fn lock(name: &str) -> Result<File> {
    let file = lock_file(&directory()?.join(format!("{name}.lock")))?;
    flock(&file, FlockOperation::LockExclusive, name)?;
    Ok(file)
}

/// Returns the artefact `name` made from `recipe`, making it with `make` (which is given an empty directory) if need be.
///
/// # Errors
/// Those of `make`, after which nothing is left of the attempt.
pub(crate) fn artefact(name: &str, recipe: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<Artefact> {
    let hash = hex(&Sha256::digest(recipe.as_bytes()));
    let directory = directory()?;
    let path = directory.join(format!("{name}-{}", &hash[..12]));
    let lock = lock_file(&path.with_added_lock())?;
    flock(&lock, FlockOperation::LockShared, name)?;
    if !path.is_dir() {
        flock(&lock, FlockOperation::LockExclusive, name)?;
        if !path.is_dir() {
            let started = Instant::now();
            announce(&format!("making {name}"));
            let partial = Partial::new(&path)?;
            make(&partial.0)?;
            fs::rename(&partial.0, &path).map_err(Error::io(format!("finish `{}`", path.display())))?;
            announce(&format!("made {name} in {:.0} s", started.elapsed().as_secs_f64()));
            tidy(directory, name, &path)?;
        }
        flock(&lock, FlockOperation::LockShared, name)?;
    }
    let now = SystemTime::now();
    lock.set_modified(now).map_err(Error::io(format!("note the use of `{}`", path.display())))?;
    Ok(Artefact { name: name.to_owned(), path, _in_use: Arc::new(lock) })
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A directory in the making: removed unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    fn new(path: &Path) -> Result<Self> {
        let partial = PathBuf::from(format!("{}.partial", path.display()));
        remove(&partial)?;
        fs::create_dir(&partial).map_err(Error::io(format!("make `{}`", partial.display())))?;
        Ok(Self(partial))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            announce(&format!("left behind: {error}"));
        }
    }
}

/// The lock file beside an artefact.
trait WithLock {
    fn with_added_lock(&self) -> PathBuf;
}

impl WithLock for Path {
    fn with_added_lock(&self) -> PathBuf {
        PathBuf::from(format!("{}.lock", self.display()))
    }
}

/// Removes other artefacts of this name that nobody uses and nobody has used for long.
fn tidy(directory: &Path, name: &str, keep: &Path) -> Result<()> {
    let reading = || Error::io(format!("read `{}`", directory.display()));
    for entry in fs::read_dir(directory).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        let Some(hash) = path.file_name().and_then(|file| file.to_str()).and_then(|file| file.strip_prefix(name))
        else {
            continue;
        };
        let ours = hash.len() == 13 && hash.starts_with('-') && hash[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
        if !ours || path == keep {
            continue;
        }
        let lock = lock_file(&path.with_added_lock())?;
        let used = lock.metadata().and_then(|about| about.modified()).map_err(reading())?;
        let old = used.elapsed().is_ok_and(|age| age > KEPT);
        if old && rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&path)?;
            remove(&path.with_added_lock())?;
        }
    }
    Ok(())
}

/// Removes a file or a tree; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    result.map_err(Error::io(format!("remove `{}`", path.display())))
}

fn lock_file(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    opened.map_err(Error::io(format!("open `{}`", path.display())))
}

fn flock(file: &File, operation: FlockOperation, name: &str) -> Result<()> {
    rustix::fs::flock(file, operation)
        .map_err(|error| Error::Io { doing: format!("lock `{name}` of the lab"), source: error.into() })
}
