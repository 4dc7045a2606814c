//! Files: read in one pass, written so that at any moment there is the old content or the new, never a part.
mod directory;
mod fixed;
mod kernel;
mod remove;
mod stage;

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, AtFlags, FileType, Mode as Bits, OFlags, SeekFrom, Stat, StatVfsMountFlags},
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
pub use stage::{clean_leftovers, copy_content, write_all};

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
        owner: accounts.user_name(stat.st_uid)?,
        group: accounts.group_name(stat.st_gid)?,
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
    let bytes = read_whole(&file, size).map_err(failed("read", path))?;
    if bytes.len() as u64 <= IN_MEMORY {
        return Ok(Some(Blob::from(bytes)));
    }
    // It has grown, or it is one of the kernel's that do not tell their size.
    drop(bytes);
    rustix::fs::seek(&file, SeekFrom::Start(0)).map_err(failed("read", path))?;
    let (digest, size) = hash(&mut file).map_err(Error::io("read", path))?;
    Ok(Some(Blob::in_file(path, size, digest)))
}

/// Reads a file of about `size` bytes, or a little more than what is held in memory. In place of the standard library's: that
/// asks for size and position first, which are known here, and checking ten thousand files is nothing but such calls.
fn read_whole(file: &File, size: u64) -> rustix::io::Result<Vec<u8>> {
    let size = usize::try_from(size).unwrap_or_default();
    let limit = usize::try_from(IN_MEMORY).unwrap_or(usize::MAX);
    // Files of the kernel have size 0, and those of /proc/sys give what they hold to the first read alone.
    let mut bytes = Vec::with_capacity(if size == 0 { 4096 } else { size + 1 });
    loop {
        match rustix::io::read(file, rustix::buffer::spare_capacity(&mut bytes)) {
            Ok(0) => return Ok(bytes),
            // Room for one more byte was left and not used: that was the end. Files of /proc (size 0) are read to their own.
            Ok(_) if size > 0 && bytes.len() == size => return Ok(bytes),
            Ok(_) if bytes.len() > limit => return Ok(bytes),
            Ok(_) => {
                if bytes.len() == bytes.capacity() {
                    bytes.reserve(bytes.len().max(4096));
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
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
    let fd = match rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => {
            return Err(Error::Missing { kind: "file", name: path.display().to_string(), why: None });
        }
        Err(Errno::LOOP) => {
            return Err(Error::failed(format!(
                "`{}` is a symbolic link, and a link has no mode of its own",
                path.display()
            ))
            .hint("name the file that it leads to"));
        }
        // A socket cannot be opened, and a file that its owner may not read not by its owner.
        Err(Errno::NXIO | Errno::ACCESS) => return set_meta_unopened(&parent, path, uid, gid, mode),
        Err(error) => return Err(failed("open", path)(error)),
    };
    refuse_planted(&fd, &parent, path)?;
    own(&fd, uid, gid, mode).map_err(failed("set the mode and owner of", path))
}

/// The same by a descriptor that stands for the name alone, which mode and owner can be set by through `/proc`.
fn set_meta_unopened(parent: &Parent, path: &Path, uid: u32, gid: u32, mode: Mode) -> Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()).map_err(failed("open", path))?;
    refuse_planted(&fd, parent, path)?;
    let set = || {
        let stat = rustix::fs::fstat(&fd)?;
        if (stat.st_uid, stat.st_gid) != (uid, gid) {
            let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
            rustix::fs::chownat(&fd, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        }
        rustix::fs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), Bits::from_raw_mode(mode.bits()))
    };
    set().map_err(failed("set the mode and owner of", path))
}

/// In a directory that others can write, somebody may have linked a file of somebody else's (`/etc/shadow`) under the name.
fn refuse_planted(file: impl AsFd, parent: &Parent, path: &Path) -> Result<()> {
    let stat = rustix::fs::fstat(file).map_err(failed("look at", path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink < 2 {
        return Ok(());
    }
    let holder = rustix::fs::fstat(&parent.fd).map_err(failed("look at", &parent.path))?;
    let others_write = holder.st_mode & 0o022 != 0 || !directory::is_ours(holder.st_uid);
    if !others_write || stat.st_uid == holder.st_uid && !directory::is_ours(stat.st_uid) {
        return Ok(());
    }
    Err(Error::failed(format!(
        "`{}` has {} names (hard links), and others than root can write its directory: it may be another file than it \
         seems, so its mode and owner are left alone",
        path.display(),
        stat.st_nlink
    ))
    .hint("find its other names (`find / -xdev -samefile`), and remove this one if it should not be there"))
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
    let owned = directory_at(&parent.fd, &parent.name).and_then(|fd| own(&fd, uid, gid, mode));
    if let Err(error) = owned {
        rustix::fs::unlinkat(&parent.fd, &parent.name, AtFlags::REMOVEDIR).unwrap_or_default();
        return Err(failed("set the mode and owner of", path)(error));
    }
    parent.sync()
}

/// Whether `bytes` more can be written at `path`, by what its file system says of itself.
///
/// # Errors
/// It is mounted read-only, or full, or this user may not write there.
pub fn writable(path: &Path, bytes: u64) -> Result<()> {
    if kernel::is_settable_anyhow(path) {
        return Ok(());
    }
    // The file may be a mount of its own; what is made anew, it and its directories, lies where the nearest one is.
    let directory = path.ancestors().skip(1).find_map(|at| rustix::fs::statvfs(at).ok());
    let link = rustix::fs::lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    let itself = if link { None } else { rustix::fs::statvfs(path).ok() };
    if itself.as_ref().or(directory.as_ref()).is_some_and(|stat| stat.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return Err(failed("write", path)(Errno::ROFS));
    }
    if kernel::is_setting(path) {
        return kernel::settable(path);
    }
    // Whether an empty one is only to get another mode is not known here; then its directory does not matter.
    fixed::refuse(path, bytes == 0 && itself.is_some())?;
    // A file system without a limit (most virtual ones) says that it has no blocks at all.
    let Some(stat) = directory else { return Ok(()) };
    let blocks = if rustix::process::geteuid().is_root() { stat.f_bfree } else { stat.f_bavail };
    let free = blocks.saturating_mul(stat.f_frsize);
    if stat.f_blocks > 0 && bytes > free {
        return Err(Error::failed(format!(
            "cannot write `{}`: the disk is full ({bytes} bytes are needed, {free} are free)",
            path.display()
        ))
        .hint("free some space and run again"));
    }
    if bytes > 0 && stat.f_files > 0 && stat.f_ffree == 0 {
        return Err(Error::failed(format!("cannot write `{}`: the disk has no room for another file", path.display()))
            .hint("it is out of inodes (`df -i`): remove some files, and run again"));
    }
    let Some(there) = path.ancestors().skip(1).find(|at| rustix::fs::stat(*at).is_ok()) else { return Ok(()) };
    rustix::fs::accessat(rustix::fs::CWD, there, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(failed("write", path))
}

/// Puts a link in place, replacing another link at once.
///
/// # Errors
/// What the system refused; something that is no link in the way.
pub fn link(path: &Path, target: &Path, hard: bool) -> Result<()> {
    let parent = Parent::open(path)?;
    fixed::refuse(path, false)?;
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

/// What a temporary name keeps of the file's own, in bytes: names have at most 255.
const LONGEST: usize = 200;

/// A name nobody can guess, with the suffix of the file it will become: programs that judge it may look at that.
pub fn temporary_name(name: &OsStr) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut random = [0_u8; 8];
    if rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).is_err() {
        // Before the kernel has gathered randomness: names are still exclusive, only guessable.
        random = (u64::from(std::process::id()) << 32 | u64::from(counter())).to_le_bytes();
    }
    let mut temporary = format!("{TEMPORARY}{:016x}.", u64::from_le_bytes(random)).into_bytes();
    let keep = name.as_bytes().len().min(LONGEST);
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

fn failed<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(Errno) -> Error + 'p {
    move |error| fixed::explained(path, error).unwrap_or_else(|| Error::io(doing, path)(error.into()))
}

#[cfg(test)]
mod tests;
