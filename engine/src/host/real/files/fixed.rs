//! Files and directories that are marked as not to be changed. Source: chattr(1), ioctl_iflags(2).
use std::path::Path;

use rustix::{
    fs::{AtFlags, CWD, StatxAttributes, StatxFlags},
    io::Errno,
};

use crate::{Error, Result};

/// That neither `path` nor the directory it is in keeps it from being replaced, or (with `itself`) from being changed itself.
/// A new file is put under another name first, which a directory that may only be added to would keep.
///
/// # Errors
/// Which of them is marked, and how the mark is taken away.
pub fn refuse(path: &Path, itself: bool) -> Result<()> {
    let own = marks(path);
    if own.contains(StatxAttributes::IMMUTABLE) {
        return Err(marked(path, "is immutable", 'i'));
    }
    if own.contains(StatxAttributes::APPEND) {
        return Err(marked(path, "may only be appended to", 'a'));
    }
    let Some(directory) = path.parent().filter(|_| !itself) else { return Ok(()) };
    let above = marks(directory);
    if above.contains(StatxAttributes::IMMUTABLE) {
        return Err(marked(directory, "is immutable", 'i'));
    }
    if above.contains(StatxAttributes::APPEND) {
        return Err(marked(directory, "may only be added to", 'a'));
    }
    Ok(())
}

/// What the system refused, with the mark that is the reason for it, if there is one.
pub fn explained(path: &Path, error: Errno) -> Option<Error> {
    if error == Errno::PERM { refuse(path, false).err() } else { None }
}

fn marked(path: &Path, what: &str, letter: char) -> Error {
    let path = path.display();
    Error::failed(format!("`{path}` {what}"))
        .hint(format!("somebody has marked it so (`lsattr -d {path}`); `chattr -{letter} {path}` takes the mark away"))
}

/// None where nothing is, or where the file system or the kernel knows of none.
fn marks(path: &Path) -> StatxAttributes {
    let found = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    found.map_or(StatxAttributes::empty(), |found| found.stx_attributes)
}
