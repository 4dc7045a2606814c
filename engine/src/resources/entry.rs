//! What the kinds that manage a path share: checks of the path itself, owners by name, links, what stands in the way.
use std::{
    ffi::OsString,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path},
};

pub(crate) use crate::host::{resolve, text};
use crate::{
    Error, Fault, Result,
    host::{Entry, EntryKind, Probe},
    values::Mode,
};

/// What is wrong with a path that is to be managed, whatever lies there.
pub(crate) fn path_faults(path: &Path) -> Vec<Fault> {
    let shown = format!("`{}`", path.display()).replace('\0', "\\0");
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return vec![Fault::new("the path is empty")];
    }
    let mut faults = Vec::new();
    if bytes.contains(&0) {
        faults.push(Fault::new(format!("path {shown} contains a NUL byte")).hint("no file can have such a name"));
    }
    if !path.is_absolute() {
        let hint = "a run has no current directory to start from: write it from the root, as `/etc/motd`";
        faults.push(Fault::new(format!("path {shown} is relative")).hint(hint));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        let hint = "write the path it leads to; what comes from attributes must not climb out of its directory";
        faults.push(Fault::new(format!("path {shown} contains `..`")).hint(hint));
    }
    faults
}

/// What is wrong with a path that names a file or link: also a slash at its end.
pub(crate) fn leaf_faults(path: &Path) -> Vec<Fault> {
    let mut faults = path_faults(path);
    if path.as_os_str().as_bytes().ends_with(b"/") {
        let fault = Fault::new(format!("path `{}` ends in `/`, so it means a directory", path.display()));
        faults.push(fault.hint("leave the `/` out, or declare a `directory`"));
    }
    faults
}

/// What is wrong with permission bits and the names of owner and group.
pub(crate) fn meta_faults(mode: Option<Mode>, owner: Option<&str>, group: Option<&str>) -> Vec<Fault> {
    let mut faults: Vec<_> = mode.and_then(Mode::fault).map(Fault::new).into_iter().collect();
    for (what, name) in [("owner", owner), ("group", group)] {
        if let Some(name) = name
            && (name.is_empty() || name.contains([':', '\0', '\n', '/']))
        {
            faults.push(Fault::new(format!("{what} {name:?} is no account name")));
        }
    }
    faults
}

/// Mode, owner and group as they should be: what a recipe names, else what is there, else the default of a new entry.
pub(crate) struct Meta {
    pub mode: Mode,
    pub owner: String,
    pub group: String,
}

impl Meta {
    /// `new_mode` is what a new entry gets when the recipe names no mode. Owner and group of a new entry are those that
    /// this process acts as: `root` and `root`.
    ///
    /// # Errors
    /// [`Error::Missing`] when an account that the recipe names does not exist.
    pub fn wanted(
        (mode, owner, group): (Option<Mode>, Option<&str>, Option<&str>),
        new_mode: Mode,
        now: Option<&Entry>,
        probe: &dyn Probe,
    ) -> Result<Self> {
        Ok(Self {
            mode: mode.or(now.map(|entry| entry.mode)).unwrap_or(new_mode),
            owner: match (owner, now) {
                (Some(owner), now) => user_name(owner, now.map(|entry| entry.owner.as_str()), probe)?,
                (None, Some(entry)) => entry.owner.clone(),
                (None, None) => own_user(probe)?.0,
            },
            group: match (group, now) {
                (Some(group), now) => group_name(group, now.map(|entry| entry.group.as_str()), probe)?,
                (None, Some(entry)) => entry.group.clone(),
                (None, None) => own_user(probe)?.1,
            },
        })
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The name under which [`Entry`] shows this owner. A number that no account has stays a number: `chown` takes it.
fn user_name(owner: &str, now: Option<&str>, probe: &dyn Probe) -> Result<String> {
    if now == Some(owner) && !is_number(owner) {
        return Ok(owner.to_owned());
    }
    match probe.user(owner)? {
        Some(user) => Ok(user.name),
        None if is_number(owner) => Ok(owner.to_owned()),
        None => Err(Error::Missing { kind: "user", name: owner.to_owned(), why: None }),
    }
}

fn group_name(group: &str, now: Option<&str>, probe: &dyn Probe) -> Result<String> {
    if now == Some(group) && !is_number(group) {
        return Ok(group.to_owned());
    }
    match probe.group(group)? {
        Some(group) => Ok(group.name),
        None if is_number(group) => Ok(group.to_owned()),
        None => Err(Error::Missing { kind: "group", name: group.to_owned(), why: None }),
    }
}

/// The account and group that new entries get when nobody names others: `root:root`, save in a run without root rights.
fn own_user(probe: &dyn Probe) -> Result<(String, String)> {
    let uid = probe.effective_user();
    if uid == 0 {
        return Ok(("root".to_owned(), "root".to_owned()));
    }
    let uid = uid.to_string();
    let Some(user) = probe.user(&uid)? else { return Ok((uid.clone(), uid)) };
    let group = match user.group {
        Some(group) => group_name(&group, None, probe)?,
        None => user.name.clone(),
    };
    Ok((user.name, group))
}

/// Refuses a path whose directory is not there.
///
/// # Errors
/// [`Error::Missing`], or that something else is in its place.
pub(crate) fn require_parent(path: &Path, probe: &dyn Probe) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    match resolve(parent, probe)?.1.map(|entry| entry.kind) {
        Some(EntryKind::Directory) => Ok(()),
        Some(kind @ (EntryKind::File { .. } | EntryKind::Link { .. } | EntryKind::Other { .. })) => {
            Err(in_the_way(parent, &kind, "directory"))
        }
        // The root is always there, also where a pretended machine does not list it.
        None if parent == Path::new("/") => Ok(()),
        None => Err(Error::Missing {
            kind: "directory",
            name: parent.display().to_string(),
            why: Some(format!("`{}` is to be in it", path.display())),
        }),
    }
}

/// Something of another type is where a `wanted` should be.
pub(crate) fn in_the_way(path: &Path, found: &EntryKind, wanted: &str) -> Error {
    let path = path.display();
    match found {
        EntryKind::Link { target } => {
            Error::failed(format!("`{path}` is a symbolic link to `{}`, not a {wanted}", target.display()))
        }
        EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. } => {
            Error::failed(format!("`{path}` is a {}, not a {wanted}", found.noun()))
        }
    }
}

/// Something of another type is where this kind looks for its own.
pub(crate) fn another_kind(path: &Path, found: &EntryKind, wanted: &str) -> Error {
    let error = in_the_way(path, found, wanted);
    match found {
        EntryKind::File { .. } | EntryKind::Directory | EntryKind::Link { .. } => {
            let kind = if matches!(found, EntryKind::Link { .. }) { "link" } else { found.noun() };
            error.hint(format!("ask for `{kind}` in place of `{wanted}`"))
        }
        EntryKind::Other { .. } => error,
    }
}

/// Names of the files in a directory that end in a suffix, without it, in order; none where there is no directory.
pub(crate) fn stems(directory: &str, suffix: &str, probe: &dyn Probe) -> Result<Vec<String>> {
    let directory = Path::new(directory);
    if resolve(directory, probe)?.1.is_none() {
        return Ok(Vec::new());
    }
    let files = probe.list(directory)?;
    let stem = |file: &OsString| file.to_str().and_then(|file| file.strip_suffix(suffix)).map(str::to_owned);
    let mut stems: Vec<_> = files.iter().filter_map(stem).collect();
    stems.sort();
    Ok(stems)
}

/// The text of a file that is there, when it is text and was small enough to be read.
pub(crate) fn text_of(entry: Option<&Entry>) -> Option<&str> {
    let Some(Entry { kind: EntryKind::File { content }, .. }) = entry else { return None };
    content.bytes().and_then(|bytes| str::from_utf8(bytes).ok())
}

/// Refuses to act through a link that somebody else may have put there: one that is not root's, in a directory that
/// everybody may write to. Source: proc_sys_fs(5), `protected_symlinks`.
pub(crate) fn refuse_planted_link(path: &Path, probe: &dyn Probe) -> Result<()> {
    let parent = resolve(path.parent().unwrap_or(Path::new("/")), probe)?.1;
    let open = parent.is_some_and(|parent| parent.mode.bits() & 0o002 != 0);
    match probe.entry(path)? {
        Some(Entry { kind: EntryKind::Link { .. }, owner, .. }) if open && owner != "root" => {
            Err(Error::failed(format!(
                "`{}` is a symbolic link of `{owner}` in a directory that everybody may write to, and is not followed",
                path.display()
            ))
            .hint("manage the file it leads to by its own path"))
        }
        Some(_) | None => Ok(()),
    }
}
