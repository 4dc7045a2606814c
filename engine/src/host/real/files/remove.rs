//! Removing, by descriptors, so that nothing outside the tree is ever touched.
use std::{ffi::OsStr, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{AtFlags, Dir, FileType},
    io::Errno,
};

use super::{Parent, directory_at, failed, stage};
use crate::{Error, Result};

/// Removes what is at `path`. A file is kept as a backup first, if wanted.
///
/// # Errors
/// What the system refused; a directory that is not empty (without `recursive`) or holds a mount point.
pub fn remove(path: &Path, recursive: bool, backup: u32, backups: &Path) -> Result<()> {
    let parent = Parent::open(path)?;
    let stat = match rustix::fs::statat(&parent.fd, &parent.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        if recursive {
            let fd = directory_at(&parent.fd, &parent.name).map_err(failed("open", path))?;
            empty(&fd, stat.st_dev, path)?;
        }
        rustix::fs::unlinkat(&parent.fd, &parent.name, AtFlags::REMOVEDIR).map_err(|error| match error {
            Errno::NOTEMPTY | Errno::EXIST => Error::failed(format!("the directory `{}` is not empty", path.display()))
                .hint("set `recursive` to remove it with everything in it"),
            Errno::BUSY => Error::failed(format!("`{}` is a mount point, so it is not removed", path.display())),
            error => failed("remove", path)(error),
        })?;
    } else {
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            stage::keep_backup(&parent, path, backup, backups)?;
        }
        rustix::fs::unlinkat(&parent.fd, &parent.name, AtFlags::empty()).map_err(failed("remove", path))?;
    }
    parent.sync()
}

/// Removes everything in a directory, on this file system only.
fn empty(directory: &OwnedFd, device: u64, path: &Path) -> Result<()> {
    let entries = Dir::read_from(directory).map_err(failed("list", path))?;
    for entry in entries {
        let entry = entry.map_err(failed("list", path))?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(name);
        let inner = path.join(name);
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("look at", &inner))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            if stat.st_dev != device {
                return Err(Error::failed(format!(
                    "`{}` is a mount point, so it and what is above it are not removed",
                    inner.display()
                )));
            }
            let fd = directory_at(directory, name).map_err(failed("open", &inner))?;
            empty(&fd, device, &inner)?;
            rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR).map_err(failed("remove", &inner))?;
        } else {
            rustix::fs::unlinkat(directory, name, AtFlags::empty()).map_err(failed("remove", &inner))?;
        }
    }
    Ok(())
}
