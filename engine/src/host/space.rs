use std::{fs, io, path::Path};

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};

use crate::{Error, Result};

/// Whether `bytes` more can be written at `path`: asked of the nearest directory above it that is there.
///
/// # Errors
/// When its file system is mounted read-only or full, or this user may not write there.
pub(super) fn writable(path: &Path, bytes: u64) -> Result<()> {
    let mut directory = path.parent().unwrap_or(Path::new("/"));
    let there = loop {
        match fs::metadata(directory) {
            Ok(_) => break directory,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                directory = directory.parent().unwrap_or(Path::new("/"));
            }
            Err(error) => return Err(Error::io("look at", directory)(error)),
        }
    };
    let system = statvfs(there).map_err(|error| Error::io("look at the file system of", there)(error.into()))?;
    if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(Error::io("write", path)(io::ErrorKind::ReadOnlyFilesystem.into()));
    }
    // Root's share counts for root; a file system without a limit (most virtual ones) says that it has no blocks at all.
    let free = if rustix::process::geteuid().is_root() { system.f_bfree } else { system.f_bavail };
    if system.f_blocks > 0 && free.saturating_mul(system.f_frsize) < bytes {
        return Err(Error::io("write", path)(io::ErrorKind::StorageFull.into()));
    }
    accessat(CWD, there, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|error| Error::io("write", path)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::writable;

    #[test]
    fn what_cannot_be_written_is_known_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("not/yet/there");
        writable(&path, 1).unwrap();
        let error = writable(&path, u64::MAX).unwrap_err().to_string();
        assert!(error.ends_with("the disk is full (no space left on device)"), "{error}");
    }
}
