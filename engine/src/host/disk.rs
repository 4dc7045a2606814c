//! brasa's own files: state, journal, cache, and the input it reads. The machine's files go through [`Probe`](super::Probe)
//! and [`Op`](super::Op) instead.
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::fs::FlockOperation;

use crate::{Error, Fault, Result, values::Digest};

/// Reads a file of at most `limit` bytes; `None` when there is none.
///
/// # Errors
/// When it cannot be read, or is larger: then nothing is read at all.
pub fn read_limited(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let size = file.metadata().map_err(Error::io("look at", path))?.len();
    read_stream(file.take(limit + 1), size.min(limit + 1), limit, path).map(Some)
}

/// Reads standard input, at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, or there is more.
pub fn read_standard_input(limit: u64) -> Result<Vec<u8>> {
    read_stream(io::stdin().lock().take(limit + 1), 0, limit, Path::new("standard input"))
}

fn read_stream(mut from: impl Read, size: u64, limit: u64, path: &Path) -> Result<Vec<u8>> {
    let too_large = || {
        Error::from(crate::Fault::new(format!(
            "`{}` is larger than {} MiB, which no input of this kind needs",
            path.display(),
            limit >> 20
        )))
    };
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    from.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Whether there is something at `path`.
#[must_use]
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether there is a directory, or a link to one.
#[must_use]
pub fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

/// The one path of something that is there: absolute, without links.
///
/// # Errors
/// What the system refused.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(Error::io("look at", path))
}

/// Whether there is a symbolic link, wherever it leads.
#[must_use]
pub fn is_link(path: &Path) -> bool {
    path.is_symlink()
}

/// How many bytes a file has.
///
/// # Errors
/// When there is none, or it is none.
pub fn size(path: &Path) -> Result<u64> {
    let found = fs::metadata(path).map_err(Error::io("look at", path))?;
    if found.is_file() { Ok(found.len()) } else { Err(Error::failed(format!("`{}` is no file", path.display()))) }
}

/// The SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub fn checksum(path: &Path) -> Result<Digest> {
    let read = File::open(path).and_then(|mut file| super::real::files::hash(&mut file));
    read.map(|(digest, _)| digest).map_err(Error::io("read", path))
}

/// Names in a directory, sorted; empty when there is none.
///
/// # Errors
/// When it cannot be read.
pub fn list(path: &Path) -> Result<Vec<OsString>> {
    super::real::files::list(path)
}

/// Makes a directory with its parents, for everybody to read.
///
/// # Errors
/// What the system refused.
pub fn create_dirs(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(Error::io("make the directory", path))
}

/// Makes a directory with its parents, for this user alone (0700).
///
/// # Errors
/// What the system refused; a directory that belongs to somebody else or that others can write.
pub fn create_private_dirs(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("make the directory", path))?;
    let metadata = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
    let me = rustix::process::geteuid().as_raw();
    let secure = metadata.is_dir() && metadata.uid() == me && metadata.mode() & 0o022 == 0;
    if secure {
        return Ok(());
    }
    Err(Error::failed(format!(
        "`{}` must be a directory of user {me} that nobody else can write (it has mode {:04o} and owner {})",
        path.display(),
        metadata.mode() & 0o7777,
        metadata.uid()
    ))
    .hint("look who made it; then remove it, or name another place"))
}

/// Replaces a file of ours atomically and durably (mode 0600).
///
/// # Errors
/// What the system refused; the old file is untouched then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = directory_of(path);
    // A name that nobody can have taken, so that nobody can have put a link there.
    let temporary = directory.join(super::real::files::temporary_name(path.file_name().unwrap_or_default()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        fs::remove_file(&temporary).unwrap_or_default();
    }
    written.map_err(Error::io("write", path))
}

/// A file's new content, written beside it and not yet in its place. Dropped, it is removed.
pub struct Staged {
    temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Writes the content durably beside the file, with the mode and owner of the file that is there; a new one is for this
    /// user alone (0600). Of a link, the file that it leads to is meant.
    ///
    /// # Errors
    /// What the system refused.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let path =
            if exists(path) { fs::canonicalize(path).map_err(Error::io("look at", path))? } else { path.to_owned() };
        let temporary =
            directory_of(&path).join(super::real::files::temporary_name(path.file_name().unwrap_or_default()));
        let staged = Self { temporary, path };
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged.temporary)?;
            if let Some(old) = fs::metadata(&staged.path).map(Some).or_else(|error| absent(error, None))? {
                let new = file.metadata()?;
                if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                    std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
                }
                file.set_permissions(old.permissions())?;
            }
            file.write_all(bytes)?;
            file.sync_all()
        })();
        written.map_err(Error::io("write", &staged.path))?;
        Ok(staged)
    }

    /// The file it is for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, durably.
    ///
    /// # Errors
    /// What the system refused; the old file is untouched then.
    pub fn commit(self) -> Result<()> {
        fs::rename(&self.temporary, &self.path).map_err(Error::io("write", &self.path))?;
        sync_dir(directory_of(&self.path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a commit there is nothing of this name any more.
        fs::remove_file(&self.temporary).unwrap_or_default();
    }
}

fn absent<T>(error: io::Error, instead: T) -> io::Result<T> {
    if error.kind() == io::ErrorKind::NotFound { Ok(instead) } else { Err(error) }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory == Path::new("") => Path::new("."),
        directory => directory.unwrap_or(Path::new("/")),
    }
}

/// Directories of private files that are there.
static PRIVATE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes all private files, when the process ends before they are dropped.
pub(super) fn remove_private() {
    // Whoever holds it may be the one that panics.
    let Ok(directories) = PRIVATE.try_lock() else { return };
    for directory in directories.iter() {
        fs::remove_dir_all(directory).unwrap_or_default();
    }
}

/// A file for this user alone, in a directory for this user alone; both are removed when this is dropped.
pub struct Scratch {
    directory: PathBuf,
    path: PathBuf,
}

impl Scratch {
    /// Makes it below the first of these directories in which that can be done safely.
    ///
    /// # Errors
    /// What the system refused at the last of them.
    pub fn make(below: &[PathBuf], name: &str, bytes: &[u8]) -> Result<Self> {
        let mut last = Error::failed("there is no place for a private file");
        for parent in below {
            match Self::make_in(parent, name, bytes) {
                Ok(scratch) => return Ok(scratch),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn make_in(parent: &Path, name: &str, bytes: &[u8]) -> Result<Self> {
        create_private_dirs(parent)?;
        let directory = parent.join(super::real::files::temporary_name("edit".as_ref()));
        DirBuilder::new().mode(0o700).create(&directory).map_err(Error::io("make the directory", &directory))?;
        PRIVATE.lock().unwrap_or_else(PoisonError::into_inner).push(directory.clone());
        let scratch = Self { path: directory.join(name), directory };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch.path);
        made.and_then(|mut file| file.write_all(bytes)).map_err(Error::io("write", &scratch.path))?;
        Ok(scratch)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        PRIVATE.lock().unwrap_or_else(PoisonError::into_inner).retain(|directory| *directory != self.directory);
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::error!("plain text stays in `{}`, which could not be removed: {error}", self.directory.display());
        }
    }
}

/// Makes a file that everybody may read; one that is there is left alone.
///
/// # Errors
/// That there is something at `path` already; what the system refused.
pub fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    written.and_then(|mut file| file.write_all(bytes)).map_err(Error::io("make", path))
}

/// Makes a file for this user alone (0600), durably; one that is there is left alone.
///
/// # Errors
/// That there is something at `path` already; what the system refused. Nothing new is left there then.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(Error::io("make", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        fs::remove_file(path).unwrap_or_default();
        Error::io("write", path)(error)
    })
}

/// Opens a file for appending, making it (0600) when it is not there.
///
/// # Errors
/// What the system refused.
pub fn append_to(path: &Path) -> Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(Error::io("open", path))
}

/// A file that lines are appended to, durably when asked.
pub struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens it, making it (0600) when it is not there.
    ///
    /// # Errors
    /// What the system refused.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { file: append_to(path)?, path: path.to_owned() })
    }

    /// Appends bytes in one write.
    ///
    /// # Errors
    /// What the system refused; what was written until then is cut off again, so that no half line stays.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let before = self.file.metadata().map_err(Error::io("look at", &self.path))?.len();
        let written = self.file.write_all(bytes).inspect_err(|_| {
            // The error to report is that of the write; a half line that stays is passed over when read.
            if let Err(error) = self.file.set_len(before) {
                tracing::warn!("a half line stays in `{}`: {error}", self.path.display());
            }
        });
        written.map_err(Error::io("write", &self.path))
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// What the system refused.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }

    /// Its size in bytes.
    ///
    /// # Errors
    /// What the system refused.
    pub fn size(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("look at", &self.path))?.len())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the names in a directory durable.
///
/// # Errors
/// What the system refused.
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::io("sync", path))
}

/// Removes a file; that there is none is as good.
///
/// # Errors
/// What the system refused.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// Removes a directory of ours with everything in it.
///
/// # Errors
/// What the system refused.
pub fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// Copies a file (a large one too) to `to`, durably, for this user alone; returns its checksum and size.
///
/// # Errors
/// What the system refused.
pub fn copy_durably(from: &Path, to: &Path) -> Result<(Digest, u64)> {
    let mut source = File::open(from).map_err(Error::io("read", from))?;
    let mut target = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)
        .map_err(Error::io("write", to))?;
    io::copy(&mut source, &mut target).map_err(Error::io("copy", from))?;
    target.sync_all().map_err(Error::io("sync", to))?;
    target.rewind().map_err(Error::io("read", to))?;
    super::real::files::hash(&mut target).map_err(Error::io("read", to))
}

/// Renames a file of ours.
///
/// # Errors
/// What the system refused.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::io("rename", from))
}

/// A lock that the kernel lets go when its holder ends, however it ends.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, waiting up to `patience`. `waiting` is told what the holder wrote about itself, again and again. Its
    /// directory is made (0700) when it is not there, and left as it is when it is: it may be one that others use, as `/tmp`.
    ///
    /// # Errors
    /// [`Error::Busy`] when the time is up; that the file is a link or somebody else's; what the system refused.
    pub fn take(
        path: &Path,
        patience: Duration,
        about_me: &str,
        waiting: &mut dyn FnMut(&str, Duration),
    ) -> Result<Self> {
        if let Some(parent) = path.parent() {
            super::own::make(parent)?;
        }
        let mut file = open_lock(path)?;
        let started = Instant::now();
        while let Err(error) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::AGAIN {
                return Err(Error::io("lock", path)(error.into()));
            }
            let mut holder = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut holder)).map_err(Error::io("read the lock", path))?;
            let holder = if holder.trim().is_empty() { "another run" } else { holder.trim() };
            let waited = started.elapsed();
            if waited >= patience {
                return Err(Error::Busy {
                    holder: holder.to_owned(),
                    waited: crate::values::Seconds(waited.as_secs()),
                });
            }
            waiting(holder, waited);
            std::thread::sleep(Duration::from_millis(200).min(patience - waited));
        }
        let mut before = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut before)).map_err(Error::io("read the lock", path))?;
        // A run that was killed leaves its label, one of chef-solo its number, a loss of power zeros. Anything else is no lock,
        // and worth keeping.
        let left = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'\n' | 0);
        if !before.starts_with(b"process ") && !before.iter().all(left) {
            return Err(not_the_lock(path, "it holds something else".to_owned()));
        }
        file.set_len(0).map_err(Error::io("write the lock", path))?;
        file.rewind().map_err(Error::io("write the lock", path))?;
        file.write_all(about_me.as_bytes()).map_err(Error::io("write the lock", path))?;
        Ok(Self { file })
    }
}

/// Opens a lock, making it (0600) when it is not there. In a directory that others can write somebody may have put a link there,
/// for us to write through, or a file that they hold.
fn open_lock(path: &Path) -> Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => {
            return Err(not_the_lock(path, "it is a symbolic link".to_owned()));
        }
        Err(error) => return Err(Error::io("open the lock", path)(error)),
    };
    let found = file.metadata().map_err(Error::io("look at", path))?;
    let me = rustix::process::geteuid().as_raw();
    if !found.is_file() || found.nlink() != 1 {
        return Err(not_the_lock(path, "it is no file of its own".to_owned()));
    }
    if found.uid() != me {
        let why = format!("it belongs to user number {}, not to {me} who runs this", found.uid());
        return Err(not_the_lock(path, why));
    }
    Ok(file)
}

fn not_the_lock(path: &Path, why: String) -> Error {
    Fault::new(format!("`{}` cannot be the lock: {why}; nothing was changed", path.display()))
        .hint("look who made it; then remove it, or name another file with `--lockfile` or the setting `lockfile`")
        .into()
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.file.set_len(0).unwrap_or_default();
    }
}
