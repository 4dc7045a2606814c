//! Writing: staged beside the target under a name of our own, synced, judged, and renamed into place.
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode as Bits, OFlags},
    io::Errno,
};

use super::{
    super::{accounts::Accounts, command},
    Parent, TEMPORARY, failed, forget, own, temporary_name,
};
use crate::{
    Error, Result,
    host::{Command, LogLevel, Progress, Write},
    values::{Blob, Held, Seconds},
};

/// Threads that sync staged files: eight share one commit of the file system's journal; more gain nothing.
const POOL: usize = 8;

/// Writes files, each atomically; their content is synced together. Renamed in the order given, so that a reader never sees
/// a later one before an earlier one.
///
/// # Errors
/// The first failure. Files before it are in place, the others untouched; nothing of ours is left behind.
pub fn write_all(
    writes: &[&Write],
    accounts: &Accounts,
    backups: &Path,
    now: &dyn Fn() -> String,
    tell: &dyn Fn(&Progress),
) -> Result<()> {
    let mut staged = Vec::with_capacity(writes.len());
    for write in writes {
        staged.push(Staged::create(write, accounts)?);
    }
    sync(&staged)?;
    let mut directories: Vec<Parent> = Vec::new();
    for staged in staged {
        let parent = staged.put(backups, now, tell)?;
        if !directories.iter().any(|known| known.path == parent.path) {
            directories.push(parent);
        }
    }
    directories.iter().try_for_each(Parent::sync)
}

fn sync(staged: &[Staged]) -> Result<()> {
    if let [one] = staged {
        return one.sync();
    }
    let share = staged.len().div_ceil(POOL).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            staged.chunks(share).map(|chunk| scope.spawn(move || chunk.iter().try_for_each(Staged::sync))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::failed("a thread that synced files failed")))
        })
    })
}

/// A file under its temporary name. Dropped before it is put in place, it is removed.
struct Staged<'w> {
    write: &'w Write,
    parent: Option<Parent>,
    temporary: OsString,
    file: File,
    ids: (u32, u32),
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            forget(&parent.fd, &self.temporary);
        }
    }
}

impl<'w> Staged<'w> {
    fn create(write: &'w Write, accounts: &Accounts) -> Result<Self> {
        let path = &write.path;
        let ids = (accounts.uid(&write.owner)?, accounts.gid(&write.group)?);
        let parent = Parent::open(path)?;
        let old = replaced(&parent, path)?;
        let temporary = temporary_name(&parent.name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent.fd, &temporary, flags, Bits::RUSR | Bits::WUSR)
            .map_err(failed("make a file in the directory of", path))?;
        let mut staged = Staged { write, parent: Some(parent), temporary, file: File::from(fd), ids };
        staged.fill()?;
        if let Some(old) = old {
            copy_attributes(&old, &staged.file).map_err(failed("keep the attributes of", path))?;
        }
        own(&staged.file, ids.0, ids.1, write.mode).map_err(failed("set the mode and owner of", path))?;
        Ok(staged)
    }

    fn fill(&mut self) -> Result<()> {
        copy_content(&self.write.content, &mut self.file, &self.write.path)
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::io("sync", &self.write.path))
    }

    /// Judges the new content, keeps the old as a backup, and renames.
    fn put(mut self, backups: &Path, now: &dyn Fn() -> String, tell: &dyn Fn(&Progress)) -> Result<Parent> {
        let path = &self.write.path;
        let Some(parent) = &self.parent else { return Err(Error::failed("a staged file was put in place twice")) };
        for line in &self.write.verify {
            judge(line, &parent.path.join(&self.temporary), path)?;
        }
        let stamp = if self.write.backup > 0 { now() } else { String::new() };
        backup(parent, path, self.write.backup, backups, &stamp)?;
        match rustix::fs::renameat(&parent.fd, &self.temporary, &parent.fd, &parent.name) {
            Ok(()) => {}
            Err(Errno::BUSY) => {
                let message = format!(
                    "`{}` is a mount point of its own, so it is rewritten in place and not atomically",
                    path.display()
                );
                tell(&Progress::Note { level: LogLevel::Warn, message });
                self.rewrite(parent)?;
                forget(&parent.fd, &self.temporary);
            }
            Err(Errno::PERM) => {
                return Err(Error::failed(format!(
                    "cannot replace `{}`: it or its directory is immutable",
                    path.display()
                ))
                .hint("`lsattr` shows it; `chattr -i` or `chattr -a` takes the attribute away"));
            }
            Err(error) => return Err(failed("replace", path)(error)),
        }
        self.parent.take().ok_or_else(|| Error::failed("a staged file was put in place twice"))
    }

    /// For what cannot be renamed over: a file that is bind-mounted, as `/etc/hosts` in containers.
    fn rewrite(&self, parent: &Parent) -> Result<()> {
        let path = &self.write.path;
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()).map_err(failed("open", path))?;
        let mut file = File::from(fd);
        copy_content(&self.write.content, &mut file, path)?;
        own(&file, self.ids.0, self.ids.1, self.write.mode).map_err(failed("set the mode and owner of", path))?;
        file.sync_all().map_err(Error::io("sync", path))
    }
}

/// What the file replaces, opened; refuses to replace anything but a regular file.
fn replaced(parent: &Parent, path: &Path) -> Result<Option<OwnedFd>> {
    let stat = match rustix::fs::statat(&parent.fd, &parent.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    let in_the_way = |what: &str| Error::failed(format!("`{}` is {what}, not a regular file", path.display()));
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(in_the_way("a symbolic link")),
        FileType::Directory => return Err(in_the_way("a directory")),
        FileType::BlockDevice | FileType::CharacterDevice | FileType::Socket | FileType::Fifo | FileType::Unknown => {
            return Err(in_the_way("a device, socket or pipe"));
        }
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()).map(Some).map_err(failed("open", path))
}

fn copy_content(content: &Blob, to: &mut File, path: &Path) -> Result<()> {
    match content.held() {
        Held::Memory(bytes) => io::Write::write_all(to, bytes).map_err(Error::io("write", path)),
        Held::File(from) => {
            let mut source = File::open(from).map_err(Error::io("read", from))?;
            let copied = io::copy(&mut source, to).map_err(Error::io("write", path))?;
            if copied == content.size() {
                return Ok(());
            }
            Err(Error::failed(format!(
                "`{}` has {copied} bytes where {} were expected: it changed meanwhile",
                from.display(),
                content.size()
            )))
        }
        Held::Nowhere => Err(Error::failed(format!("the content of `{}` is no longer at hand", path.display()))),
    }
}

/// Attributes that belong to the content or to the kernel, not to the place.
const NOT_COPIED: [&str; 3] = ["security.capability", "security.ima", "security.evm"];

/// Copies access control lists, labels and other extended attributes of the replaced file. Without the list its mask, which
/// the mode shows in place of the group's bits, would widen what the group may do.
fn copy_attributes(from: impl AsFd, to: impl AsFd) -> rustix::io::Result<()> {
    let mut names = vec![0; 16 * 1024];
    let length = match rustix::fs::flistxattr(&from, names.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut value = vec![0; 64 * 1024];
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if NOT_COPIED.contains(&name) {
            continue;
        }
        let length = rustix::fs::fgetxattr(&from, name, value.as_mut_slice())?;
        match rustix::fs::fsetxattr(&to, name, &value[..length], rustix::fs::XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Runs a command on the new content; `%{path}` in it is where that lies.
fn judge(line: &str, temporary: &Path, path: &Path) -> Result<()> {
    let quoted = format!("'{}'", temporary.display().to_string().replace('\'', r"'\''"));
    let mut command = Command::shell(line.replace("%{path}", &quoted));
    command.timeout = Seconds(300);
    let answer = command::run(&command)?;
    if answer.success() {
        return Ok(());
    }
    let said = command::last_lines(&format!("{}\n{}", answer.stdout, answer.stderr));
    let name = temporary.display().to_string();
    Err(Error::failed(format!(
        "the new content of `{}` was not accepted by `{line}` (exit code {}); the old one is untouched{}{}",
        path.display(),
        answer.code,
        if said.is_empty() { "" } else { "; it said:\n" },
        said.replace(&name, &path.display().to_string())
    )))
}

/// Keeps the file as a backup before it is removed.
pub fn keep_backup(parent: &Parent, path: &Path, keep: u32, backups: &Path) -> Result<()> {
    backup(parent, path, keep, backups, &super::super::time_stamp(std::time::SystemTime::now()))
}

/// Keeps the file as `BACKUPS/full/path.brasa-STAMP`, and of those the newest `keep`.
fn backup(parent: &Parent, path: &Path, keep: u32, backups: &Path, stamp: &str) -> Result<()> {
    if keep == 0 {
        return Ok(());
    }
    let place = backups.join(path.strip_prefix("/").unwrap_or(path));
    let (Some(directory), Some(name)) = (place.parent(), place.file_name()) else { return Ok(()) };
    super::super::super::disk::create_dirs(directory)?;
    let prefix = format!("{}.brasa-", name.display());
    let mut target = directory.join(format!("{prefix}{stamp}"));
    let mut number = 1;
    loop {
        match rustix::fs::linkat(&parent.fd, &parent.name, rustix::fs::CWD, &target, AtFlags::empty()) {
            Ok(()) => break,
            Err(Errno::NOENT) => return Ok(()), // there was nothing
            Err(Errno::EXIST) => {
                number += 1;
                target = directory.join(format!("{prefix}{stamp}-{number}"));
            }
            // Another file system, or one without hard links.
            Err(Errno::XDEV | Errno::PERM | Errno::NOTSUP | Errno::MLINK) => {
                fs::copy(parent.path.join(&parent.name), &target).map_err(Error::io("back up", path))?;
                break;
            }
            Err(error) => return Err(failed("back up", path)(error)),
        }
    }
    prune(directory, &prefix, keep)
}

fn prune(directory: &Path, prefix: &str, keep: u32) -> Result<()> {
    let mut kept: Vec<PathBuf> = super::list(directory)?
        .into_iter()
        .filter(|name| name.to_string_lossy().starts_with(prefix))
        .map(|name| directory.join(name))
        .collect();
    kept.sort();
    let surplus = kept.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
    kept[..surplus].iter().try_for_each(|path| fs::remove_file(path).map_err(Error::io("remove the backup", path)))
}

/// Removes temporary files of ours that a killed run left beside these paths.
///
/// # Errors
/// What the system refused.
pub fn clean_leftovers(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for path in paths {
        let Some(directory) = path.parent() else { continue };
        let name = path.file_name().unwrap_or_default();
        for found in super::list(directory)? {
            if is_leftover(&found, name) {
                let leftover = directory.join(&found);
                fs::remove_file(&leftover).map_err(Error::io("remove the leftover", &leftover))?;
                removed.push(leftover);
            }
        }
    }
    Ok(removed)
}

/// `.brasa-` and sixteen hex digits before the name of the file.
fn is_leftover(found: &OsStr, name: &OsStr) -> bool {
    let (found, name) = (found.to_string_lossy(), name.to_string_lossy());
    let Some(rest) = found.strip_prefix(TEMPORARY) else { return false };
    let Some((digits, tail)) = rest.split_once('.') else { return false };
    digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()) && !tail.is_empty() && name.ends_with(tail)
}
