//! Writing: staged beside the target under a name of our own, synced, judged, and renamed into place.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, FallocateFlags, FileType, Mode as Bits, OFlags, Stat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use super::{
    super::{accounts::Accounts, command},
    LONGEST, Parent, TEMPORARY, failed, fixed, forget, kernel, own, temporary_name,
};
use crate::{
    Error, Result,
    host::{Command, LogLevel, Progress, Write},
    values::{Blob, Digest, Held, Mode, Seconds},
};

/// Threads that sync staged files: eight share one commit of the file system's journal; more gain nothing.
const POOL: usize = 8;

/// Files staged at a time: each holds two descriptors at most, and a process may have as few as 256 or 1,024.
const STAGED: usize = 100;

/// Writes files, each atomically; their content is synced together. Renamed in the order given, so that a reader never sees
/// a later one before an earlier one. Settings of the kernel (`/proc/sys`) are set.
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
    let alike = |one: &&Write, other: &&Write| kernel::is_setting(&one.path) == kernel::is_setting(&other.path);
    writes.chunk_by(alike).try_for_each(|writes| match writes {
        [first, ..] if kernel::is_setting(&first.path) => writes.iter().try_for_each(|write| kernel::set(write)),
        files => files.chunks(STAGED).try_for_each(|files| write_some(files, accounts, backups, now, tell)),
    })
}

fn write_some(
    writes: &[&Write],
    accounts: &Accounts,
    backups: &Path,
    now: &dyn Fn() -> String,
    tell: &dyn Fn(&Progress),
) -> Result<()> {
    let mut staged = Vec::with_capacity(writes.len());
    let mut opened = HashMap::new();
    let mut failure = None;
    for write in writes {
        match Staged::create(write, accounts, &mut opened) {
            Ok(one) => staged.push(one),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    sync(&staged)?;
    let mut directories = BTreeMap::new();
    for staged in staged {
        match staged.put(backups, now, tell) {
            Ok(parent) => _ = directories.insert(parent.path.clone(), parent),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let synced = directories.values().try_for_each(Parent::sync);
    failure.map_or(synced, Err)
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
    /// How many names the replaced file has.
    names: u64,
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            forget(&parent.fd, &self.temporary);
        }
    }
}

impl<'w> Staged<'w> {
    fn create(write: &'w Write, accounts: &Accounts, opened: &mut HashMap<PathBuf, Arc<OwnedFd>>) -> Result<Self> {
        let path = &write.path;
        let ids = (accounts.uid(&write.owner)?, accounts.gid(&write.group)?);
        let parent = Parent::open_once(path, opened)?;
        let old = replaced(&parent, path)?;
        fixed::refuse(path, false)?;
        let temporary = temporary_name(&parent.name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent.fd, &temporary, flags, Bits::RUSR | Bits::WUSR)
            .map_err(failed("make a file in the directory of", path))?;
        let names = old.as_ref().map_or(0, |(_, stat)| stat.st_nlink);
        let mut staged = Staged { write, parent: Some(parent), temporary, file: File::from(fd), ids, names };
        copy_content(&write.content, &mut staged.file, path)?;
        if let Some((old, _)) = old {
            copy_attributes(&old, &staged.file).map_err(failed("keep the attributes of", path))?;
        }
        own(&staged.file, ids.0, ids.1, write.mode).map_err(failed("set the mode and owner of", path))?;
        Ok(staged)
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::io("sync", &self.write.path))
    }

    /// Judges the new content, keeps the old as a backup, and renames.
    fn put(mut self, backups: &Path, now: &dyn Fn() -> String, tell: &dyn Fn(&Progress)) -> Result<Parent> {
        let path = &self.write.path;
        let Some(parent) = &self.parent else { return Err(Error::failed("a staged file was put in place twice")) };
        for line in &self.write.verify {
            // What a file that only its owner may read holds must not come out by way of an error.
            let hidden = match (self.write.sensitive, self.write.mode.bits() & 0o077) {
                (true, _) => Some("(not shown: sensitive)"),
                (false, 0) => Some("(not shown: only the file's owner may read it)"),
                (false, _) => None,
            };
            judge(line, &parent.path.join(&self.temporary), path, hidden)?;
        }
        let stamp = if self.write.backup > 0 { now() } else { String::new() };
        let kept = backup(parent, path, self.write.backup, backups, &stamp)?;
        if let Err(error) = self.replace(parent, tell) {
            // Nothing was replaced, so there is nothing to have a backup of.
            if let Some(kept) = kept {
                forget(rustix::fs::CWD, kept.as_os_str());
            }
            return Err(error);
        }
        if let Some(kept) = kept {
            prune(&kept, path, self.write.backup)?;
        }
        self.parent.take().ok_or_else(|| Error::failed("a staged file was put in place twice"))
    }

    fn replace(&self, parent: &Parent, tell: &dyn Fn(&Progress)) -> Result<()> {
        let path = &self.write.path;
        let warn = |message: String| tell(&Progress::Note { level: LogLevel::Warn, message });
        match rustix::fs::renameat(&parent.fd, &self.temporary, &parent.fd, &parent.name) {
            Ok(()) if self.names > 1 => {
                warn(format!(
                    "`{}` had {} names (hard links): the others still name the old content",
                    path.display(),
                    self.names
                ));
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(Errno::BUSY) => {
                warn(format!(
                    "`{}` is a mount point of its own, so it is rewritten in place and not atomically",
                    path.display()
                ));
                self.rewrite(parent)?;
                forget(&parent.fd, &self.temporary);
                Ok(())
            }
            Err(error) => Err(failed("replace", path)(error)),
        }
    }

    /// For what cannot be renamed over: a file that is bind-mounted, as `/etc/hosts` in containers.
    fn rewrite(&self, parent: &Parent) -> Result<()> {
        let path = &self.write.path;
        // Cut to size at the end and not at the beginning: on a full disk as much of it stays as can.
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()).map_err(failed("open", path))?;
        let mut file = File::from(fd);
        copy_content(&self.write.content, &mut file, path)?;
        file.set_len(self.write.content.size()).map_err(Error::io("cut", path))?;
        own(&file, self.ids.0, self.ids.1, self.write.mode).map_err(failed("set the mode and owner of", path))?;
        file.sync_all().map_err(Error::io("sync", path))
    }
}

/// What the file replaces, opened; refuses to replace anything but a regular file.
fn replaced(parent: &Parent, path: &Path) -> Result<Option<(OwnedFd, Stat)>> {
    let stat = match rustix::fs::statat(&parent.fd, &parent.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    let in_the_way = |what: &str| Error::failed(format!("`{}` is {what}, not a regular file", path.display()));
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(&parent.fd, &parent.name, Vec::new());
            let target = target.map_err(failed("read the link", path))?.to_string_lossy().into_owned();
            return Err(in_the_way(&format!("a symbolic link to `{target}`"))
                .hint("remove the link to have a file in its place, or name the file that it leads to"));
        }
        FileType::Directory => return Err(in_the_way("a directory")),
        FileType::BlockDevice | FileType::CharacterDevice | FileType::Socket | FileType::Fifo | FileType::Unknown => {
            return Err(in_the_way("a device, socket or pipe"));
        }
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&parent.fd, &parent.name, flags, Bits::empty()).map_err(failed("open", path))?;
    Ok(Some((fd, stat)))
}

/// Copies a content, in constant memory when it is large.
///
/// # Errors
/// What the system refused; that it is another by now.
pub fn copy_content(content: &Blob, to: &mut File, path: &Path) -> Result<()> {
    match content.held() {
        Held::Memory(bytes) => to.write_all(bytes).map_err(|error| no_room(error, to, content.size(), path)),
        Held::File(from) => {
            let mut source = File::open(from).map_err(Error::io("read", from))?;
            pour_whole(&mut source, from, content, to, path)
        }
        Held::Part(part) => {
            let mut source = part.open().map_err(Error::io("read", part.path()))?;
            pour_whole(&mut *source, part.path(), content, to, path)
        }
        Held::Nowhere => Err(Error::failed(format!("the content of `{}` is no longer at hand", path.display()))),
    }
}

fn pour_whole(source: &mut dyn Read, from: &Path, content: &Blob, to: &mut File, path: &Path) -> Result<()> {
    // Asked for at once, so that a disk too small is known before gigabytes were written to it.
    if let Err(error @ (Errno::NOSPC | Errno::DQUOT)) =
        rustix::fs::fallocate(&*to, FallocateFlags::empty(), 0, content.size())
    {
        return Err(no_room(error.into(), to, content.size(), path));
    }
    let (digest, size) = pour(source, from, to, content.size(), path)?;
    if size == content.size() && digest == content.digest() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "`{}` changed while it was copied to `{}`: {} bytes with the checksum {} were expected",
        from.display(),
        path.display(),
        content.size(),
        content.digest().short()
    )))
}

/// Copies a stream in constant memory; what it is is known only by what was read of it.
fn pour(source: &mut dyn Read, from: &Path, to: &mut File, expected: u64, path: &Path) -> Result<(Digest, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut size = 0;
    // A source that grows meanwhile is given up soon.
    while size <= expected {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read", from)(error)),
        };
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(|error| no_room(error, to, expected, path))?;
        size += read as u64;
    }
    Ok((Digest::from_raw(hasher.finalize().into()), size))
}

/// What a failed write means: of a full disk, how much is needed and how much there is.
fn no_room(error: io::Error, file: &File, needed: u64, path: &Path) -> Error {
    let free = || {
        let stat = rustix::fs::fstatvfs(file).ok()?;
        Some((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_favail == 0 && stat.f_files > 0))
    };
    match (error.kind(), free()) {
        (io::ErrorKind::StorageFull, Some((free, false))) => Error::failed(format!(
            "cannot write `{}`: the disk is full ({needed} bytes are needed, {free} are free)",
            path.display()
        ))
        .hint("free some space and run again; the old content is untouched"),
        (_, Some(_) | None) => Error::io("write", path)(error),
    }
}

/// Attributes that belong to the content or to the kernel, not to the place.
const NOT_COPIED: [&[u8]; 3] = [b"security.capability", b"security.ima", b"security.evm"];
/// The access control list.
const ACL: &[u8] = b"system.posix_acl_access";

/// Copies access control lists, labels and other extended attributes of the replaced file. Without the list its mask, which
/// the mode shows in place of the group's bits, would widen what the group may do.
fn copy_attributes(from: impl AsFd, to: impl AsFd) -> rustix::io::Result<()> {
    let names = match attribute_names(&from) {
        Ok(names) => names,
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(()),
        Err(error) => return Err(error),
    };
    let names: Vec<&[u8]> = names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    if !names.contains(&ACL) {
        // A directory with a default list gives one to every new file: the old file had none, so this one gets none.
        match rustix::fs::fremovexattr(&to, ACL) {
            Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => {}
            Err(error) => return Err(error),
        }
    }
    let mut value = Vec::new();
    for name in names.into_iter().filter(|name| !NOT_COPIED.contains(name)) {
        value.resize(64 * 1024, 0);
        match rustix::fs::fgetxattr(&from, name, value.as_mut_slice()) {
            Ok(length) => value.truncate(length),
            Err(Errno::NODATA) => continue, // it was taken away meanwhile
            Err(error) => return Err(error),
        }
        match rustix::fs::fsetxattr(&to, name, &value, rustix::fs::XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            // Labels may be set by few, but the directory has given the file the same one mostly.
            Err(error @ (Errno::PERM | Errno::ACCESS)) => {
                let mut has = vec![0; value.len() + 1];
                if rustix::fs::fgetxattr(&to, name, has.as_mut_slice()).map(|length| &has[..length]) != Ok(&value) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The names, each ended by NUL. Most files have none: that takes one call.
fn attribute_names(file: impl AsFd) -> rustix::io::Result<Vec<u8>> {
    if rustix::fs::flistxattr_query(&file)? == 0 {
        return Ok(Vec::new());
    }
    let mut names = vec![0; 64 * 1024]; // as many as there can be: xattr(7)
    let length = rustix::fs::flistxattr(&file, names.as_mut_slice())?;
    names.truncate(length);
    Ok(names)
}

/// Runs a command on the new content; `%{path}` in it is where that lies. What it says may be `hidden`, for a reason.
fn judge(line: &str, temporary: &Path, path: &Path, hidden: Option<&str>) -> Result<()> {
    let quoted = format!("'{}'", temporary.display().to_string().replace('\'', r"'\''"));
    let mut command = Command::shell(line.replace("%{path}", &quoted));
    command.timeout = Seconds(300);
    let answer = command::run(&command)?;
    if answer.success() {
        return Ok(());
    }
    let said =
        hidden.map_or_else(|| command::last_lines(&format!("{}\n{}", answer.stdout, answer.stderr)), str::to_owned);
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
    match backup(parent, path, keep, backups, &super::super::time_stamp(std::time::SystemTime::now()))? {
        Some(kept) => prune(&kept, path, keep),
        None => Ok(()),
    }
}

/// Keeps the file as `BACKUPS/full/path.brasa-STAMP`; where, if there was a file to keep.
fn backup(parent: &Parent, path: &Path, keep: u32, backups: &Path, stamp: &str) -> Result<Option<PathBuf>> {
    if keep == 0 {
        return Ok(None);
    }
    // Names only: no `..` leads out of the backups.
    let place = path.components().filter(|part| matches!(part, Component::Normal(_)));
    let place = place.fold(backups.to_owned(), |place, part| place.join(part));
    let Some(directory) = place.parent() else { return Ok(None) };
    super::super::super::disk::create_private_dirs(directory)?;
    // Behind those of the same second: the numbers of removed ones are not used again.
    let of_this_second = backups_in(directory, path)?.into_iter().filter(|((known, _), _)| known == stamp);
    let mut number = of_this_second.map(|((_, number), _)| number + 1).max().unwrap_or(1);
    loop {
        let mut name = backup_prefix(path);
        name.push(stamp);
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let target = directory.join(name);
        let linked = rustix::fs::linkat(&parent.fd, &parent.name, rustix::fs::CWD, &target, AtFlags::empty());
        let kept = match linked {
            // Another file system, or one without hard links.
            Err(Errno::XDEV | Errno::PERM | Errno::NOTSUP | Errno::MLINK) => copy_to_backup(parent, path, &target),
            Ok(()) | Err(_) => linked,
        };
        match kept {
            Ok(()) => return Ok(Some(target)),
            Err(Errno::NOENT) => return Ok(None), // there was nothing
            Err(Errno::EXIST) => number += 1,
            Err(error) => return Err(failed("back up", path)(error)),
        }
    }
}

/// A copy of its own, durable, with the mode and owner of the file.
fn copy_to_backup(parent: &Parent, path: &Path, target: &Path) -> rustix::io::Result<()> {
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut from = File::from(rustix::fs::openat(&parent.fd, &parent.name, read, Bits::empty())?);
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut to = File::from(rustix::fs::open(target, write, Bits::RUSR | Bits::WUSR)?);
    let copied = (|| {
        io::copy(&mut from, &mut to)?;
        let stat = rustix::fs::fstat(&from)?;
        own(&to, stat.st_uid, stat.st_gid, Mode::from(stat.st_mode & 0o7777))?;
        to.sync_all()
    })();
    copied.map_err(|error: io::Error| {
        tracing::debug!("the backup of `{}` failed: {error}", path.display());
        forget(rustix::fs::CWD, target.as_os_str());
        Errno::from_io_error(&error).unwrap_or(Errno::IO)
    })
}

/// `NAME.brasa-`, before the stamp in the name of a backup.
fn backup_prefix(path: &Path) -> OsString {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".brasa-");
    prefix
}

/// The backups of `path`, oldest first: stamp and number (of those made in one second the first has none, so 1), and name.
fn backups_in(directory: &Path, path: &Path) -> Result<Vec<((String, u32), OsString)>> {
    let prefix = backup_prefix(path);
    let order = |name: &OsStr| {
        let rest = std::str::from_utf8(name.as_bytes().strip_prefix(prefix.as_bytes())?).ok()?;
        let (stamp, number) = rest.split_once('-').unwrap_or((rest, "1"));
        (!stamp.is_empty() && stamp.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
        Some((stamp.to_owned(), number.parse().ok()?))
    };
    let names = super::list(directory)?;
    let mut backups: Vec<_> = names.into_iter().filter_map(|name| Some((order(&name)?, name))).collect();
    backups.sort_unstable();
    Ok(backups)
}

/// Removes all backups of `path` but the newest `keep`, in the directory of the one just made.
fn prune(made: &Path, path: &Path, keep: u32) -> Result<()> {
    let Some(directory) = made.parent() else { return Ok(()) };
    let kept = backups_in(directory, path)?;
    let surplus = kept.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
    kept[..surplus]
        .iter()
        .map(|(_, name)| directory.join(name))
        .try_for_each(|path| fs::remove_file(&path).map_err(Error::io("remove the backup", &path)))
}

/// Removes temporary files of ours that a killed run left beside these paths.
///
/// # Errors
/// What the system refused.
pub fn clean_leftovers(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut beside: BTreeMap<&Path, HashSet<&OsStr>> = BTreeMap::new();
    for path in paths {
        if let (Some(directory), Some(name)) = (path.parent(), path.file_name()) {
            beside.entry(directory).or_default().insert(name);
        }
    }
    let mut removed = Vec::new();
    for (directory, names) in beside {
        for found in super::list(directory)? {
            if names.iter().any(|name| is_leftover(&found, name)) {
                let leftover = directory.join(&found);
                fs::remove_file(&leftover).map_err(Error::io("remove the leftover", &leftover))?;
                removed.push(leftover);
            }
        }
    }
    Ok(removed)
}

/// `.brasa-` and sixteen hex digits before the name of the file, of which a long one has lost its beginning.
fn is_leftover(found: &OsStr, name: &OsStr) -> bool {
    let (found, name) = (found.as_bytes(), name.as_bytes());
    let Some((digits, rest)) = found.strip_prefix(TEMPORARY.as_bytes()).and_then(|rest| rest.split_at_checked(16))
    else {
        return false;
    };
    let tail = &name[name.len() - name.len().min(LONGEST)..];
    digits.iter().all(u8::is_ascii_hexdigit) && rest.strip_prefix(b".") == Some(tail)
}
