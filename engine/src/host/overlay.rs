use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
};

use super::probe::{Entry, EntryKind, Probe};
use crate::{Error, Result};

/// How many symbolic links one path may lead through, as in the kernel.
const LINKS: usize = 40;

/// The file tree as it will be: what was changed so far, laid over what is.
#[derive(Default)]
pub(super) struct Overlay {
    shadows: BTreeMap<PathBuf, Shadow>,
    /// Directories whose links are resolved already. Emptied whenever a link may have come or gone.
    resolved: RefCell<HashMap<PathBuf, PathBuf>>,
}

struct Shadow {
    /// What will be there; `None` when it will be gone.
    entry: Option<Entry>,
    /// Whether what lies below this path on the machine is out of sight, because it was removed or replaced.
    hides: bool,
}

impl Overlay {
    /// Where `path` leads once every link in its directories is followed; the last part is not followed.
    pub fn locate(&self, below: &dyn Probe, path: &Path) -> Result<PathBuf> {
        // Without a change of ours the machine resolves its links itself, in one call.
        let (false, Some(parent), Some(name)) = (self.shadows.is_empty(), path.parent(), path.file_name()) else {
            return Ok(path.to_owned());
        };
        if let Some(directory) = self.resolved.borrow().get(parent) {
            return Ok(directory.join(name));
        }
        let directory = self.follow(below, parent)?;
        let located = directory.join(name);
        self.resolved.borrow_mut().insert(parent.to_owned(), directory);
        Ok(located)
    }

    fn follow(&self, below: &dyn Probe, directory: &Path) -> Result<PathBuf> {
        let mut left: VecDeque<OsString> = parts(directory);
        let (mut here, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = left.pop_front() {
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            let Some(EntryKind::Link { target }) = self.at(below, &next)?.map(|entry| entry.kind) else {
                here = next;
                continue;
            };
            links += 1;
            if links > LINKS {
                return Err(Error::io("follow the links of", directory)(io::Error::other(
                    "too many levels of symbolic links",
                )));
            }
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                left.push_front(part);
            }
        }
        Ok(here)
    }

    /// What is at a located path.
    pub fn at(&self, below: &dyn Probe, path: &Path) -> Result<Option<Entry>> {
        if let Some(shadow) = self.shadows.get(path) {
            return Ok(shadow.entry.clone());
        }
        if self.hidden(path) { Ok(None) } else { below.entry(path) }
    }

    /// Names in the directory at a located path.
    pub fn list(&self, below: &dyn Probe, path: &Path) -> Result<Vec<OsString>> {
        let shadow = self.shadows.get(path);
        let mut names = BTreeSet::new();
        if !shadow.is_some_and(|shadow| shadow.hides) && !self.hidden(path) {
            names.extend(below.list(path)?);
        }
        for (child, shadow) in self.shadows.range(path.to_owned()..).take_while(|(child, _)| child.starts_with(path)) {
            let (true, Some(name)) = (child.parent() == Some(path), child.file_name()) else { continue };
            if shadow.entry.is_some() {
                names.insert(name.to_owned());
            } else {
                names.remove(name);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// What a change of ours made of this located path; `None` when none did.
    pub fn changed(&self, path: &Path) -> Option<Option<&Entry>> {
        self.shadows.get(path).map(|shadow| shadow.entry.as_ref())
    }

    /// Puts an entry at a located path.
    pub fn set(&mut self, path: PathBuf, entry: Entry) {
        let directory = entry.kind == EntryKind::Directory;
        let hidden = self.shadows.get(&path).is_some_and(|shadow| shadow.hides) || self.hidden(&path);
        if matches!(entry.kind, EntryKind::Link { .. }) {
            self.resolved.borrow_mut().clear();
        }
        self.shadows.insert(path, Shadow { entry: Some(entry), hides: hidden || !directory });
    }

    /// Takes away what is at a located path, with everything in it.
    pub fn remove(&mut self, path: &Path) {
        self.resolved.borrow_mut().clear();
        self.shadows.retain(|shadowed, _| !shadowed.starts_with(path));
        self.shadows.insert(path.to_owned(), Shadow { entry: None, hides: true });
    }

    fn hidden(&self, path: &Path) -> bool {
        path.ancestors().skip(1).find_map(|above| self.shadows.get(above)).is_some_and(|shadow| shadow.hides)
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}
