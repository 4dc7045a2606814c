use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    io::{self, ErrorKind},
    ops::Bound,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    host::{Entry, EntryKind},
    values::{Blob, Digest, Mode},
};

/// Links followed in one path before it is taken for a circle, as in Linux.
const LINKS: usize = 40;

/// A file system: every entry by its path.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "BTreeMap<PathBuf, Written>", into = "BTreeMap<PathBuf, Written>")]
pub(super) struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
    /// Paths that are hard links of one file share a number.
    inodes: BTreeMap<PathBuf, u64>,
}

/// Compares what can be read; which files are hard links of each other cannot.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Default for Tree {
    fn default() -> Self {
        let root = Entry { kind: EntryKind::Directory, mode: Mode::from(0o755), owner: root(), group: root() };
        Self { entries: BTreeMap::from([(PathBuf::from("/"), root)]), inodes: BTreeMap::new() }
    }
}

fn root() -> String {
    "root".to_owned()
}

/// The mode that a kind of entry has when nothing else is said.
fn usual_mode(kind: &EntryKind) -> Mode {
    Mode::from(match kind {
        EntryKind::File { .. } => 0o644,
        EntryKind::Directory => 0o755,
        EntryKind::Link { .. } => 0o777,
        EntryKind::Other { .. } => 0o660,
    })
}

impl Tree {
    /// An entry of root with the usual mode.
    pub(super) fn usual(kind: EntryKind) -> Entry {
        Entry { mode: usual_mode(&kind), kind, owner: root(), group: root() }
    }

    /// Puts an entry there, whatever was; makes the directories above it.
    pub(super) fn put(&mut self, path: &Path, entry: Entry) {
        let path = self.resolve(path, false).unwrap_or_else(|| path.to_path_buf());
        for above in path.ancestors().skip(1) {
            self.entries.entry(above.to_path_buf()).or_insert_with(|| Self::usual(EntryKind::Directory));
        }
        self.inodes.remove(&path);
        self.entries.insert(path, entry);
    }

    /// The path without links in its directories; with `last`, the last part is followed too. `None` is a circle.
    fn resolve(&self, path: &Path, last: bool) -> Option<PathBuf> {
        let parts = |path: &Path| -> Vec<OsString> {
            path.components()
                .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
                .map(|part| part.as_os_str().to_owned())
                .collect()
        };
        let mut pending = VecDeque::from(parts(path));
        let (mut at, mut followed) = (PathBuf::from("/"), 0);
        while let Some(part) = pending.pop_front() {
            if part == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            let target = match self.entries.get(&next) {
                Some(Entry { kind: EntryKind::Link { target }, .. }) if last || !pending.is_empty() => target,
                Some(_) | None => {
                    at = next;
                    continue;
                }
            };
            followed += 1;
            if followed > LINKS {
                return None;
            }
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for part in parts(target).into_iter().rev() {
                pending.push_front(part);
            }
        }
        Some(at)
    }

    fn resolved(&self, doing: &'static str, path: &Path, last: bool) -> Result<PathBuf> {
        const TOO_MANY_LINKS: i32 = 40; // ELOOP, which std has no stable name for
        self.resolve(path, last).ok_or_else(|| Error::io(doing, path)(io::Error::from_raw_os_error(TOO_MANY_LINKS)))
    }

    pub(super) fn get(&self, path: &Path) -> Result<Option<&Entry>> {
        Ok(self.entries.get(&self.resolved("read", path, false)?))
    }

    /// What is at the end of the links.
    pub(super) fn follow(&self, path: &Path) -> Option<&Entry> {
        self.entries.get(&self.resolve(path, true)?)
    }

    fn below<'a>(&'a self, directory: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let after = (Bound::Excluded(directory), Bound::Unbounded);
        self.entries.range::<Path, _>(after).map(|(path, _)| path).take_while(move |path| path.starts_with(directory))
    }

    pub(super) fn list(&self, directory: &Path) -> Result<Vec<OsString>> {
        let directory = self.resolved("list", directory, true)?;
        let inside = self.below(&directory).filter(|path| path.parent() == Some(&directory));
        Ok(inside.filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect())
    }

    /// The place of a new entry, whose directory has to be there.
    fn place(&self, doing: &'static str, path: &Path) -> Result<PathBuf> {
        let place = self.resolved(doing, path, false)?;
        let Some(parent) = place.parent() else {
            return Err(Error::io(doing, path)(ErrorKind::AlreadyExists.into()));
        };
        match self.entries.get(parent).map(|entry| &entry.kind) {
            Some(EntryKind::Directory) => Ok(place),
            Some(EntryKind::File { .. } | EntryKind::Link { .. } | EntryKind::Other { .. }) => {
                Err(Error::io(doing, path)(ErrorKind::NotADirectory.into()))
            }
            None => Err(Error::Missing {
                kind: "directory",
                name: path.parent().unwrap_or(parent).display().to_string(),
                why: Some(format!("cannot {doing} `{}`", path.display())),
            }),
        }
    }

    pub(super) fn write(&mut self, path: &Path, entry: Entry) -> Result<()> {
        let place = self.place("write", path)?;
        match self.entries.get(&place).map(|there| &there.kind) {
            None | Some(EntryKind::File { .. }) => {}
            Some(EntryKind::Directory) => return Err(Error::io("write", path)(ErrorKind::IsADirectory.into())),
            Some(there @ (EntryKind::Link { .. } | EntryKind::Other { .. })) => {
                return Err(Error::failed(format!("cannot write `{}`: it is a {}", path.display(), there.noun())));
            }
        }
        self.inodes.remove(&place);
        self.entries.insert(place, entry);
        Ok(())
    }

    pub(super) fn mkdir(&mut self, path: &Path, entry: Entry) -> Result<()> {
        let place = self.place("make directory", path)?;
        if self.entries.contains_key(&place) {
            return Err(Error::io("make directory", path)(ErrorKind::AlreadyExists.into()));
        }
        self.entries.insert(place, entry);
        Ok(())
    }

    pub(super) fn link(&mut self, path: &Path, target: &Path, hard: bool) -> Result<()> {
        let place = self.place("link", path)?;
        let there = self.entries.get(&place).map(|there| &there.kind);
        if hard {
            // A hard link may take the place of another link of the same kind: of a file, that is.
            if let Some(EntryKind::Directory | EntryKind::Other { .. }) = there {
                return Err(Error::io("link", path)(ErrorKind::AlreadyExists.into()));
            }
            let source = self.resolved("link", target, false)?;
            let entry =
                self.entries.get(&source).ok_or_else(|| Error::io("link", target)(ErrorKind::NotFound.into()))?;
            if entry.kind == EntryKind::Directory {
                return Err(Error::io("link", target)(ErrorKind::PermissionDenied.into()));
            }
            let entry = entry.clone();
            let next = self.inodes.values().max().map_or(0, |last| last + 1);
            let inode = *self.inodes.entry(source).or_insert(next);
            self.inodes.insert(place.clone(), inode);
            self.entries.insert(place, entry);
            return Ok(());
        }
        match there {
            None | Some(EntryKind::Link { .. }) => {
                self.entries.insert(place, Self::usual(EntryKind::Link { target: target.to_path_buf() }));
                Ok(())
            }
            Some(EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. }) => {
                Err(Error::io("link", path)(ErrorKind::AlreadyExists.into()))
            }
        }
    }

    pub(super) fn remove(&mut self, path: &Path, recursive: bool) -> Result<()> {
        let place = self.resolved("remove", path, false)?;
        if !self.entries.contains_key(&place) {
            return Err(Error::io("remove", path)(ErrorKind::NotFound.into()));
        }
        let below: Vec<_> = self.below(&place).cloned().collect();
        if place == Path::new("/") || (!below.is_empty() && !recursive) {
            return Err(Error::io("remove", path)(ErrorKind::DirectoryNotEmpty.into()));
        }
        for gone in below.iter().chain([&place]) {
            self.entries.remove(gone);
            self.inodes.remove(gone);
        }
        Ok(())
    }

    pub(super) fn set_meta(&mut self, path: &Path, mode: Mode, owner: &str, group: &str) -> Result<()> {
        let place = self.resolved("set mode and owner of", path, false)?;
        if !self.entries.contains_key(&place) {
            return Err(Error::io("set mode and owner of", path)(ErrorKind::NotFound.into()));
        }
        let inode = self.inodes.get(&place).copied();
        let linked = self.inodes.iter().filter(|(_, other)| Some(**other) == inode).map(|(path, _)| path.clone());
        for place in linked.chain([place.clone()]).collect::<Vec<_>>() {
            if let Some(entry) = self.entries.get_mut(&place) {
                if !matches!(entry.kind, EntryKind::Link { .. }) {
                    entry.mode = mode;
                }
                entry.owner = owner.to_owned();
                entry.group = group.to_owned();
            }
        }
        Ok(())
    }

    /// Puts a whole directory in another place, as `usermod --move-home` does.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let moved: Vec<_> = self.below(from).cloned().chain([from.to_path_buf()]).collect();
        for path in moved {
            if let (Some(entry), Ok(rest)) = (self.entries.remove(&path), path.strip_prefix(from)) {
                let place = if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) };
                self.put(&place, entry);
            }
        }
    }
}

/// An entry as it is written in a case file: text alone is a file of root's with mode 0644.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Whole(Whole),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(default = "root")]
    owner: String,
    #[serde(default = "root")]
    group: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// Content in a case file: text; or a list of bytes where it is no text; or its checksum where there are no bytes.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Bytes {
    Text(String),
    Raw(Vec<u8>),
    Known { sha256: Digest, size: u64 },
}

impl From<Blob> for Bytes {
    fn from(blob: Blob) -> Self {
        match blob.bytes().map(|bytes| (std::str::from_utf8(bytes), bytes)) {
            Some((Ok(text), _)) => Self::Text(text.to_owned()),
            Some((Err(_), bytes)) => Self::Raw(bytes.to_vec()),
            None => Self::Known { sha256: blob.digest(), size: blob.size() },
        }
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        match bytes {
            Bytes::Text(text) => Self::from(text.as_str()),
            Bytes::Raw(bytes) => Self::from(bytes),
            Bytes::Known { sha256, size } => Self::known_by(sha256, size),
        }
    }
}

impl From<Written> for Entry {
    fn from(written: Written) -> Self {
        let whole = match written {
            Written::Text(text) => return Tree::usual(EntryKind::File { content: Blob::from(text.as_str()) }),
            Written::Whole(whole) => whole,
        };
        let kind = match whole.kind {
            Kind::File => EntryKind::File { content: whole.content.map_or_else(|| Blob::from(""), Blob::from) },
            Kind::Directory => EntryKind::Directory,
            Kind::Link => EntryKind::Link { target: whole.target.unwrap_or_default() },
            Kind::Other => EntryKind::Other { what: whole.what.unwrap_or_else(|| "device".to_owned()) },
        };
        Self { mode: whole.mode.unwrap_or_else(|| usual_mode(&kind)), kind, owner: whole.owner, group: whole.group }
    }
}

impl From<Entry> for Written {
    fn from(entry: Entry) -> Self {
        let Entry { kind, mode, owner, group } = entry;
        let mut whole =
            Whole { kind: Kind::Directory, content: None, target: None, what: None, mode: Some(mode), owner, group };
        match kind {
            EntryKind::File { content } => {
                whole.kind = Kind::File;
                whole.content = Some(content.into());
            }
            EntryKind::Directory => {}
            EntryKind::Link { target } => {
                whole.kind = Kind::Link;
                whole.target = Some(target);
            }
            EntryKind::Other { what } => {
                whole.kind = Kind::Other;
                whole.what = Some(what);
            }
        }
        Self::Whole(whole)
    }
}

impl From<BTreeMap<PathBuf, Written>> for Tree {
    fn from(written: BTreeMap<PathBuf, Written>) -> Self {
        let mut tree = Self::default();
        for (path, entry) in written {
            tree.put(&path, entry.into());
        }
        tree
    }
}

impl From<Tree> for BTreeMap<PathBuf, Written> {
    fn from(tree: Tree) -> Self {
        tree.entries.into_iter().map(|(path, entry)| (path, entry.into())).collect()
    }
}
