//! Input that brasa reads, and its cache. State and journal are in [`own`](super::own). The machine's files go through [`Probe`](super::Probe)
//! and [`Op`](super::Op) instead.
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::{Error, Result};

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
    let directory = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
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

/// Opens a file for appending, making it (0600) when it is not there.
///
/// # Errors
/// What the system refused.
pub fn append_to(path: &Path) -> Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(Error::io("open", path))
}
