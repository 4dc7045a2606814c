//! Where paths lead, whatever the host: each step is asked of the probe.
use std::{
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

use super::probe::{Entry, EntryKind, Probe};
use crate::{Error, Result};

/// As many links as the kernel follows before it gives up with `ELOOP`. Source: path_resolution(7).
const LINKS: usize = 40;

/// Where a path leads when every symbolic link in it is followed, and what is there.
///
/// # Errors
/// When the links go round in a circle.
pub(crate) fn resolve(path: &Path, probe: &dyn Probe) -> Result<(PathBuf, Option<Entry>)> {
    let mut links = 0;
    let mut done = PathBuf::from("/");
    let mut rest: Vec<OsString> = parts(path);
    let mut here = None;
    while let Some(part) = rest.pop() {
        here = None;
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        let entry = probe.entry(&next)?;
        if let Some(Entry { kind: EntryKind::Link { target }, .. }) = &entry {
            links += 1;
            if links > LINKS {
                return Err(Error::failed(format!("the links at `{}` go round in a circle", path.display())));
            }
            if target.is_absolute() {
                done = PathBuf::from("/");
            }
            rest.extend(parts(target));
            continue;
        }
        done = next;
        here = entry;
    }
    if here.is_none() {
        here = probe.entry(&done)?;
    }
    Ok((done, here))
}

/// What a small file says, links followed; `None` when there is none.
pub(crate) fn text(path: &Path, probe: &dyn Probe) -> Result<Option<String>> {
    Ok(match resolve(path, probe)?.1.map(|entry| entry.kind) {
        Some(EntryKind::File { content }) => {
            Some(String::from_utf8_lossy(content.bytes().unwrap_or_default()).into_owned())
        }
        Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => None,
    })
}

/// Names in a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |part: Component| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}
