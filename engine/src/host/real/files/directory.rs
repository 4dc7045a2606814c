//! Opening the directory that holds a path, without being led astray by links that others planted.
use std::{
    collections::{HashMap, VecDeque},
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode as Bits, OFlags, ResolveFlags, Stat},
    io::Errno,
};

use super::{bytes_path, failed};
use crate::{Error, Result};

/// Links on the way to a file that are followed at most, as the kernel has it.
const LINKS: usize = 40;

/// The directory of a path, held open, and the last name.
pub struct Parent {
    pub fd: Arc<OwnedFd>,
    pub name: OsString,
    pub path: PathBuf,
}

impl Parent {
    /// Opens the directory that holds `path`. Links on the way are followed only where nobody but root (or this user)
    /// can have put them.
    pub fn open(path: &Path) -> Result<Self> {
        let (directory, name) = split(path)?;
        Ok(Self { fd: Arc::new(open(directory, path)?), name: name.to_owned(), path: directory.to_owned() })
    }

    /// The same for the next of many paths: a directory opened before is used again.
    pub fn open_once(path: &Path, opened: &mut HashMap<PathBuf, Arc<OwnedFd>>) -> Result<Self> {
        let (directory, name) = split(path)?;
        let fd = match opened.get(directory) {
            Some(fd) => Arc::clone(fd),
            None => {
                let fd = Arc::new(open(directory, path)?);
                opened.insert(directory.to_owned(), Arc::clone(&fd));
                fd
            }
        };
        Ok(Self { fd, name: name.to_owned(), path: directory.to_owned() })
    }

    /// Makes what was done in this directory durable.
    pub fn sync(&self) -> Result<()> {
        rustix::fs::fsync(&self.fd).map_err(failed("sync the directory", &self.path))
    }
}

fn split(path: &Path) -> Result<(&Path, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        let shown = path.display().to_string().replace('\0', "\\0");
        return Err(Error::failed(format!("the path `{shown}` holds a NUL byte, which no file name can")));
    }
    if !path.is_absolute() {
        return Err(Error::failed(format!("the path `{}` is not absolute", path.display())));
    }
    match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) => Ok((directory, name)),
        (Some(_) | None, Some(_) | None) => Err(Error::failed(format!("`{}` names no file", path.display()))),
    }
}

fn open(directory: &Path, path: &Path) -> Result<OwnedFd> {
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::openat2(CWD, directory, how, Bits::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(fd) => Ok(fd),
        // A link on the way, or a kernel or sandbox without this call: step by step then.
        Err(Errno::LOOP | Errno::NOSYS | Errno::PERM) => walk(directory, path),
        Err(Errno::NOENT) => Err(missing(directory, path)),
        Err(error) => Err(failed("open the directory", directory)(error)),
    }
}

fn missing(directory: &Path, path: &Path) -> Error {
    Error::Missing {
        kind: "directory",
        name: directory.display().to_string(),
        why: Some(format!("`{}` is to be in it", path.display())),
    }
}

fn walk(directory: &Path, path: &Path) -> Result<OwnedFd> {
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let root = || rustix::fs::open("/", how, Bits::empty()).map_err(failed("open", Path::new("/")));
    let mut here = root()?;
    let mut steps: VecDeque<OsString> = parts(directory);
    let mut links = 0;
    while let Some(step) = steps.pop_front() {
        match rustix::fs::openat(&here, &step, how, Bits::empty()) {
            Ok(next) => here = next,
            Err(Errno::LOOP | Errno::NOTDIR) => {
                links += 1;
                if links > LINKS {
                    return Err(Error::failed(format!("too many links on the way to `{}`", path.display())));
                }
                let target = follow(&here, &step, path)?;
                if target.is_absolute() {
                    here = root()?;
                }
                let mut ahead = parts(&target);
                ahead.extend(steps);
                steps = ahead;
            }
            Err(Errno::NOENT) => return Err(missing(directory, path)),
            Err(error) => return Err(failed("open a directory on the way to", path)(error)),
        }
    }
    Ok(here)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// Where the link `name` leads, if it may be followed.
fn follow(directory: &OwnedFd, name: &OsStr, path: &Path) -> Result<PathBuf> {
    let look = |error| failed("look at a link on the way to", path)(error);
    let link = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(look)?;
    if FileType::from_raw_mode(link.st_mode) != FileType::Symlink {
        return Err(Error::failed(format!(
            "`{}` on the way to `{}` is not a directory",
            name.display(),
            path.display()
        )));
    }
    let holder = rustix::fs::fstat(directory).map_err(look)?;
    if !trusted(&link, &holder) {
        return Err(Error::failed(format!(
            "the symbolic link `{}` on the way to `{}` may have been put there by somebody else (owner {}), so it is \
             not followed",
            name.display(),
            path.display(),
            link.st_uid
        ))
        .hint("name the directory it points to, or take the link away"));
    }
    let target = rustix::fs::readlinkat(directory, name, Vec::new()).map_err(look)?;
    Ok(bytes_path(target.into_bytes()))
}

/// A link is trusted when only root or this user can have made it or put another in its place: whoever owns a directory can
/// do that whatever its bits, and in a sticky one everybody can make links of their own.
fn trusted(link: &Stat, holder: &Stat) -> bool {
    let others_write = holder.st_mode & 0o022 != 0;
    let sticky = holder.st_mode & 0o1000 != 0;
    is_ours(holder.st_uid) && (!others_write || sticky && is_ours(link.st_uid))
}

/// Whether an owner is root or this user.
pub fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}
