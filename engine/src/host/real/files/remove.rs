//! Removing, by descriptors, so that nothing outside the tree is ever touched.
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::ErrorKind,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode as Bits, OFlags, ResolveFlags},
    io::Errno,
};

use super::{Parent, directory_at, failed, stage};
use crate::{Error, Result};

/// Removes what is at `path`. A file is kept as a backup first, if wanted.
///
/// # Errors
/// What the system refused; a directory that is not empty (without `recursive`) or is or holds a mount point: then nothing at
/// all was removed.
pub fn remove(path: &Path, recursive: bool, backup: u32, backups: &Path) -> Result<()> {
    let parent = Parent::open(path)?;
    let stat = match rustix::fs::statat(&parent.fd, &parent.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        if recursive {
            let fd = inside(&parent.fd, &parent.name, path)?;
            refuse_mounts(&fd, path)?;
            empty(&fd, path)?;
        }
        rustix::fs::unlinkat(&parent.fd, &parent.name, AtFlags::REMOVEDIR).map_err(|error| match error {
            Errno::NOTEMPTY | Errno::EXIST => Error::failed(format!("the directory `{}` is not empty", path.display()))
                .hint("set `recursive` to remove it with everything in it"),
            Errno::BUSY => mounted(path, path),
            error => failed("remove", path)(error),
        })?;
    } else {
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            stage::keep_backup(&parent, path, backup, backups)?;
        }
        rustix::fs::unlinkat(&parent.fd, &parent.name, AtFlags::empty()).map_err(|error| match error {
            Errno::BUSY => mounted(path, path),
            error => failed("remove", path)(error),
        })?;
    }
    parent.sync()
}

fn mounted(place: &Path, path: &Path) -> Error {
    Error::failed(format!("`{}` is a mount point, so `{}` is not removed", place.display(), path.display()))
        .hint("unmount it first")
}

/// Looks for mount points before the first file goes. A directory of the same file system that is bound into the tree cannot
/// be told by its device number.
fn refuse_mounts(directory: &OwnedFd, path: &Path) -> Result<()> {
    let table = match fs::read("/proc/self/mountinfo") {
        Ok(table) => table,
        // Without /proc each directory is still checked when it is opened.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", "/proc/self/mountinfo")(error)),
    };
    let own = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let real = fs::read_link(&own).map_err(Error::io("read the link", own))?;
    match mount_points(&table).find(|point| point.starts_with(&real)) {
        Some(point) => Err(mounted(&point, path)),
        None => Ok(()),
    }
}

/// The mount points of a `mountinfo` table: its fifth field, in which blanks are octal. Source: proc_pid_mountinfo(5).
fn mount_points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(|field| {
        let mut bytes = Vec::with_capacity(field.len());
        let mut rest = field;
        while let Some((first, after)) = rest.split_first() {
            let octal =
                after.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..b'8').contains(d)));
            let octal = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
            bytes.push(octal.unwrap_or(*first));
            rest = if octal.is_some() { &after[3..] } else { after };
        }
        OsString::from_vec(bytes).into()
    })
}

/// Opens a directory below another one, on the same mount.
fn inside(directory: impl AsFd, name: &OsStr, path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(&directory, name, flags, Bits::empty(), resolve) {
        Ok(fd) => Ok(fd),
        Err(Errno::XDEV) => Err(mounted(path, path)),
        // A kernel or sandbox without this call: the device number tells other file systems at least.
        Err(Errno::NOSYS | Errno::PERM) => {
            let device = |fd: rustix::fd::BorrowedFd<'_>| rustix::fs::fstat(fd).map(|stat| stat.st_dev);
            let fd = directory_at(&directory, name).map_err(failed("open", path))?;
            let here = device(fd.as_fd()).map_err(failed("look at", path))?;
            let above = device(directory.as_fd()).map_err(failed("look at", path))?;
            if here == above { Ok(fd) } else { Err(mounted(path, path)) }
        }
        Err(error) => Err(failed("open", path)(error)),
    }
}

/// Removes everything in a directory, on this mount only.
fn empty(directory: &OwnedFd, path: &Path) -> Result<()> {
    for name in names(directory).map_err(failed("list", path))? {
        let inner = path.join(&name);
        let stat =
            rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("look at", &inner))?;
        let flags = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            empty(&inside(directory, &name, &inner)?, &inner)?;
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        rustix::fs::unlinkat(directory, &name, flags).map_err(failed("remove", &inner))?;
    }
    Ok(())
}

/// All names at once: what is removed while a directory is read may hide others, and a deep tree takes one descriptor for each
/// level only.
fn names(directory: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::mount_points;

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let table = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n\
            40 36 0:40 / /srv/a\\040b\\134c rw - tmpfs none rw\n";
        let points: Vec<PathBuf> = mount_points(table).collect();
        assert_eq!(points, [PathBuf::from("/mnt2"), PathBuf::from("/srv/a b\\c")]);
    }
}
