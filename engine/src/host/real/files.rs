//! Files: read in one pass, written so that at any moment there is the old content or the new, never a part.
mod directory;
mod remove;
mod stage;

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode as Bits, OFlags, Stat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use self::directory::Parent;
use super::accounts::Accounts;
use crate::{
    Error, Result,
    host::{Entry, EntryKind},
    values::{Blob, Digest, Mode},
};

pub use remove::remove;
pub use stage::{clean_leftovers, write_all};

/// Files up to this size are held in memory; larger ones are streamed.
const IN_MEMORY: u64 = 4 * 1024 * 1024;

/// Whether two paths are names of one file. Links are not followed.
pub fn same(one: &Path, other: &Path) -> Result<bool> {
    let identity = |path: &Path| match rustix::fs::lstat(path) {
        Ok(stat) => Ok(Some((stat.st_dev, stat.st_ino))),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(failed("look at", path)(error)),
    };
    let one = identity(one)?;
    Ok(one.is_some() && one == identity(other)?)
}

/// The thing at `path` itself.
///
/// # Errors
/// When it cannot be looked at.
pub fn entry(path: &Path, accounts: &Accounts) -> Result<Option<Entry>> {
    let stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => match content(path, &stat)? {
            Some(content) => EntryKind::File { content },
            None => return Ok(None), // it went away meanwhile
        },
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => {
            let target = rustix::fs::readlink(path, Vec::new()).map_err(failed("read the link", path))?;
            EntryKind::Link { target: bytes_path(target.into_bytes()) }
        }
        FileType::BlockDevice => EntryKind::Other { what: "block device".to_owned() },
        FileType::CharacterDevice => EntryKind::Other { what: "character device".to_owned() },
        FileType::Socket => EntryKind::Other { what: "socket".to_owned() },
        FileType::Fifo => EntryKind::Other { what: "named pipe".to_owned() },
        FileType::Unknown => EntryKind::Other { what: "something unknown".to_owned() },
    };
    Ok(Some(Entry {
        kind,
        mode: Mode::from(stat.st_mode & 0o7777),
        owner: accounts.user_name(stat.st_uid),
        group: accounts.group_name(stat.st_gid),
    }))
}

fn content(path: &Path, stat: &Stat) -> Result<Option<Blob>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = match rustix::fs::open(path, flags, Bits::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    let mut file = File::from(fd);
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    if size > IN_MEMORY {
        let (digest, size) = hash(&mut file).map_err(Error::io("read", path))?;
        return Ok(Some(Blob::in_file(path, size, digest)));
    }
    // One more byte than expected: the read that meets the end is saved, and files of /proc (size 0) are read whole.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    file.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(Some(Blob::from(bytes)))
}

/// Checksum and size of a stream, in constant memory.
///
/// # Errors
/// What reading met.
pub fn hash(from: &mut impl Read) -> std::io::Result<(Digest, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut size = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_raw(hasher.finalize().into()), size)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Names in a directory, sorted; empty when there is none.
///
/// # Errors
/// When it cannot be read.
pub fn list(path: &Path) -> Result<Vec<OsString>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io("list", path)(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<std::io::Result<Vec<_>>>();
    let mut names = names.map_err(Error::io("list", path))?;
    names.sort_unstable();
    Ok(names)
}

/// Sets mode, owner and group of what is there.
///
/// # Errors
/// What the system refused; an unknown account.
pub fn set_meta(path: &Path, mode: Mode, owner: &str, group: &str, accounts: &Accounts) -> Result<()> {
    let (uid, gid) = (accounts.uid(owner)?, accounts.gid(group)?);
    let parent = Parent::open(path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()).map_err(failed("open", path))?;
    own(&fd, uid, gid, mode).map_err(failed("set the mode and owner of", path))
}

/// Owner first: changing it clears the set-user-id bits that the mode may hold.
fn own(fd: impl AsFd, uid: u32, gid: u32, mode: Mode) -> rustix::io::Result<()> {
    let stat = rustix::fs::fstat(&fd)?;
    if (stat.st_uid, stat.st_gid) != (uid, gid) {
        rustix::fs::fchown(&fd, Some(rustix::fs::Uid::from_raw(uid)), Some(rustix::fs::Gid::from_raw(gid)))?;
    }
    rustix::fs::fchmod(&fd, Bits::from_raw_mode(mode.bits()))
}

/// Makes one directory.
///
/// # Errors
/// What the system refused; an unknown account; a parent that is not there.
pub fn make_directory(path: &Path, mode: Mode, owner: &str, group: &str, accounts: &Accounts) -> Result<()> {
    let (uid, gid) = (accounts.uid(owner)?, accounts.gid(group)?);
    let parent = Parent::open(path)?;
    // Closed to everybody until it belongs to its owner.
    rustix::fs::mkdirat(&parent.fd, &parent.name, Bits::RWXU).map_err(failed("make the directory", path))?;
    let fd = directory_at(&parent.fd, &parent.name).map_err(failed("open", path))?;
    own(&fd, uid, gid, mode).map_err(failed("set the mode and owner of", path))?;
    parent.sync()
}

/// Puts a link in place, replacing another link at once.
///
/// # Errors
/// What the system refused; something that is no link in the way.
pub fn link(path: &Path, target: &Path, hard: bool) -> Result<()> {
    let parent = Parent::open(path)?;
    let temporary = temporary_name(&parent.name);
    if hard {
        rustix::fs::linkat(rustix::fs::CWD, target, &parent.fd, &temporary, AtFlags::empty())
            .map_err(failed("link to", target))?;
    } else {
        if let Ok(stat) = rustix::fs::statat(&parent.fd, &parent.name, AtFlags::SYMLINK_NOFOLLOW)
            && FileType::from_raw_mode(stat.st_mode) != FileType::Symlink
        {
            return Err(Error::failed(format!("`{}` is in the way of a symbolic link", path.display())));
        }
        rustix::fs::symlinkat(target, &parent.fd, &temporary).map_err(failed("make the link", path))?;
    }
    if let Err(error) = rustix::fs::renameat(&parent.fd, &temporary, &parent.fd, &parent.name) {
        forget(&parent.fd, &temporary);
        return Err(failed("put the link in place at", path)(error));
    }
    // Renaming one hard link over another of the same file leaves both.
    forget(&parent.fd, &temporary);
    parent.sync()
}

/// Removes a temporary file; that it is gone already is as good.
fn forget(directory: impl AsFd, name: &OsStr) {
    rustix::fs::unlinkat(directory, name, AtFlags::empty()).unwrap_or_default();
}

fn directory_at(parent: impl AsFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Bits::empty())
}

/// The beginning of every temporary name, by which leftovers of a killed run are recognised.
const TEMPORARY: &str = ".brasa-";

/// A name nobody can guess, with the suffix of the file it will become: programs that judge it may look at that.
fn temporary_name(name: &OsStr) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut random = [0_u8; 8];
    if rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).is_err() {
        // Before the kernel has gathered randomness: names are still exclusive, only guessable.
        random = (u64::from(std::process::id()) << 32 | u64::from(counter())).to_le_bytes();
    }
    let mut temporary = format!("{TEMPORARY}{:016x}.", u64::from_le_bytes(random)).into_bytes();
    let keep = name.as_bytes().len().min(200);
    temporary.extend_from_slice(&name.as_bytes()[name.as_bytes().len() - keep..]);
    OsString::from_vec(temporary)
}

fn counter() -> u32 {
    static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn bytes_path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes).into()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(Errno) -> Error {
    let wrap = Error::io(doing, path);
    move |error| wrap(error.into())
}

#[cfg(test)]
mod tests;
