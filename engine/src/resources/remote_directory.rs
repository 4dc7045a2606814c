//! `remote_directory[path]`
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    directory::{self, Directory},
    entry::{Meta, in_the_way, meta_faults, resolve},
    file::{self, File},
    fstab::{self, Row},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, Op, Probe},
    properties,
    resource::{Change, Goal, Property, Resource},
    values::{Blob, Mode},
};

/// Permission bits of new directories and of new files, when the recipe gives none.
const NEW: (u32, u32) = (0o755, 0o644);

/// The files of a directory: their paths from it, with `/` between the parts, and what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub BTreeMap<String, Blob>);

impl<const N: usize> From<[(&str, &[u8]); N]> for Files {
    fn from(files: [(&str, &[u8]); N]) -> Self {
        Self(files.into_iter().map(|(path, bytes)| (path.to_owned(), Blob::from(bytes.to_vec()))).collect())
    }
}

impl Property for Files {
    const TYPE: &'static str = "object of text values";
    fn from_json(value: &Json) -> Result<Self, String> {
        let files = crate::resource::Environment::from_json(value)?.0;
        Ok(Self(files.into_iter().map(|(path, text)| (path, Blob::from(text.into_bytes()))).collect()))
    }
}

/// Files of a directory, put into the program: what a `remote_directory` takes as its `source`. The directory is looked for from
/// the file that this stands in; one that is named and not there does not compile.
///
/// ```text
/// RemoteDirectory::at("/srv/www").source(files!("../files/site", "index.html", "css/site.css"));
/// ```
#[macro_export]
macro_rules! files {
    ($directory:literal, $($path:literal),+ $(,)?) => {
        [$(($path, include_bytes!(concat!($directory, "/", $path)).as_slice())),+]
    };
}

properties! {
    /// A directory with everything in it, as it comes with the cookbook: in Rust the files that `files!` names and puts into
    /// the program, in a data recipe a folder of the cookbook's `files/`. All files have the same mode: whether they may be
    /// executed in the cookbook does not count. Directories that are missing are made. Links below the directory are never
    /// followed: one in the place of a directory is an error.
    pub struct RemoteDirectory("path") {
        path: PathBuf;
        /// The files, as `files!("../files/site", "index.html")`.
        source: Files,
        /// Permission bits of the files. A new file gets 0644; one that is there keeps its own.
        files_mode: Mode,
        /// Owner of the files. A new file belongs to root; one that is there keeps its owner.
        files_owner: String,
        /// Group of the files. A new file belongs to root's; one that is there keeps its group.
        files_group: String,
        /// Permission bits of the directory and those in it. New ones get 0755; one that is there keeps its own.
        mode: Mode,
        /// Owner of the directory and those in it.
        owner: String,
        /// Group of the directory and those in it.
        group: String,
        /// Whether a file that is there is replaced when it differs; true when not given.
        overwrite: bool,
        /// Whether to remove what is in the directory and not in the source. Links are removed and not followed.
        purge: bool,
        /// Whether to make missing parents, and, when deleting, to remove everything in it; true when not given.
        recursive: bool,
        /// How many earlier versions of a file to keep when it is replaced or removed; 5 when not given, 0 for none.
        files_backup: u32,
    }
    example r#"r.add(RemoteDirectory::at("/srv/www").source(files!("../files/site", "index.html", "css/site.css")));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the directory and all files of the source exist.",
        CreateIfMissing = "create_if_missing": "Makes what is missing; files that are there are left as they are, and nothing is purged.",
        Delete = "delete": "Removes the directory with everything in it.",
    }
}
pub use Action::*;

/// The directory and what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The directory itself.
    pub directory: directory::State,
    /// What is in it, as far as it is managed, by the path from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<String, Entry>,
}

impl RemoteDirectory {
    /// The directory at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn directory(&self) -> Directory {
        let mut directory = Directory::at(&self.path).recursive(self.recursive.unwrap_or(true));
        directory.mode = self.mode;
        directory.owner.clone_from(&self.owner);
        directory.group.clone_from(&self.group);
        directory
    }

    fn files(&self) -> impl Iterator<Item = (&String, &Blob)> {
        self.source.iter().flat_map(|source| &source.0)
    }

    /// Everything that is managed: the files, and the directories they are in.
    fn managed(&self) -> BTreeMap<String, Option<&Blob>> {
        let mut managed = BTreeMap::new();
        for (path, content) in self.files() {
            let above = path.match_indices('/').map(|(at, _)| (path[..at].to_owned(), None));
            managed.extend(above);
            managed.insert(path.clone(), Some(content));
        }
        managed
    }

    /// As it should be: what is there with what the recipe says.
    fn wanted(
        &self,
        path: &Path,
        content: Option<&Blob>,
        now: Option<&Entry>,
        replaces: bool,
        probe: &dyn Probe,
    ) -> Result<Entry> {
        let named = match content {
            Some(_) => (self.files_mode, self.files_owner.as_deref(), self.files_group.as_deref()),
            None => (self.mode, self.owner.as_deref(), self.group.as_deref()),
        };
        let new = if content.is_some() { NEW.1 } else { NEW.0 };
        match (now.map(|entry| &entry.kind), content) {
            (None, _) | (Some(EntryKind::Directory), None) => {}
            (Some(EntryKind::File { .. }), Some(_)) if replaces => {}
            (Some(EntryKind::File { .. }), Some(_)) => return Ok(now.cloned().unwrap_or_else(|| unreachable!())),
            (Some(kind), _) => {
                let wanted = if content.is_some() { "file" } else { "directory" };
                return Err(in_the_way(path, kind, wanted).hint("remove it, or take it out of the source"));
            }
        }
        let Meta { mode, owner, group } = Meta::wanted(named, Mode::from(new), now, probe)?;
        let kind = content.map_or(EntryKind::Directory, |content| EntryKind::File { content: content.clone() });
        Ok(Entry { kind, mode, owner, group })
    }
}

/// What is at these paths below a directory, a directory before what is in it; not what is only there through a link.
pub(crate) fn entries_at<'p>(
    place: &Path,
    paths: impl Iterator<Item = &'p String>,
    probe: &dyn Probe,
) -> Result<BTreeMap<String, Entry>> {
    let mut entries = BTreeMap::new();
    for path in paths {
        let above = path.rsplit_once('/').and_then(|(above, _)| entries.get(above));
        // Below a link would be somewhere else.
        let reachable = !path.contains('/') || above.is_some_and(|entry: &Entry| entry.kind == EntryKind::Directory);
        if reachable && let Some(mut entry) = probe.entry(&place.join(path))? {
            if let EntryKind::File { content } = &mut entry.kind {
                *content = content.without_bytes();
            }
            entries.insert(path.clone(), entry);
        }
    }
    Ok(entries)
}

/// Operations that make what is at a path what it should be, keeping so many backups of a file.
pub(crate) fn steps(path: PathBuf, now: Option<&Entry>, entry: &Entry, backup: u32) -> Result<Vec<Op>> {
    let Entry { kind, mode, owner, group } = entry.clone();
    Ok(match (kind, now) {
        (EntryKind::Directory, None) => vec![Op::Mkdir { path, mode, owner, group }],
        (EntryKind::Directory, Some(_)) => vec![Op::SetMeta { path, mode, owner, group }],
        (EntryKind::Link { target }, now) => {
            let in_the_way = now.is_some_and(|now| !matches!(now.kind, EntryKind::Link { .. }));
            let remove = in_the_way.then(|| Op::Remove { path: path.clone(), recursive: false, backup });
            remove.into_iter().chain([Op::Link { path: path.clone(), target, hard: false }]).collect()
        }
        (EntryKind::File { .. } | EntryKind::Other { .. }, now) => {
            let state = |entry: Option<&Entry>| file::State { entry: entry.cloned(), source: None };
            File::at(path).backup(backup).steps(&state(now), &state(Some(entry)))?
        }
    })
}

/// Where the files are: where the link at the path leads, when it leads to a directory.
pub(crate) fn place<'a>(path: &'a Path, directory: &'a directory::State) -> &'a Path {
    directory.source.as_deref().unwrap_or(path)
}

/// Everything below a directory, by the path from it. Links are not followed.
fn below(place: &Path, probe: &dyn Probe) -> Result<BTreeMap<String, Entry>> {
    let mut found = BTreeMap::new();
    let mut left = vec![(place.to_owned(), String::new())];
    while let Some((directory, prefix)) = left.pop() {
        for name in probe.list(&directory)? {
            let path = directory.join(&name);
            let Some(name) = name.to_str() else {
                let error = Error::failed(format!("`{}` has a name that is not UTF-8", path.display()));
                return Err(error.hint("remove or rename it by hand, or leave `purge` out"));
            };
            let Some(entry) = probe.entry(&path)? else { continue };
            let shown = format!("{prefix}{name}");
            if entry.kind == EntryKind::Directory {
                left.push((path, format!("{shown}/")));
            }
            found.insert(shown, entry);
        }
    }
    Ok(found)
}

/// Refuses to remove what is mounted below a directory: it is somebody else's, on another file system.
fn refuse_to_purge_mounts<'p>(place: &Path, gone: impl Iterator<Item = &'p String>, probe: &dyn Probe) -> Result<()> {
    let mut gone = gone.peekable();
    if gone.peek().is_none() {
        return Ok(());
    }
    // The kernel tells of points by the paths that links lead to.
    let place = resolve(place, probe)?.0;
    let place = place.as_path();
    let mut gone = gone.map(|path| place.join(path));
    let rows = fstab::mounts(probe)?.unwrap_or_default();
    let below = |row: &&Row| row.point != place && row.point.starts_with(place);
    let points: Vec<&Path> = rows.iter().filter(below).map(|row| row.point.as_path()).collect();
    match gone.find_map(|path| points.iter().find(|point| path.starts_with(point)).copied()) {
        Some(point) => Err(Error::failed(format!(
            "`{}` is a mount point, so what is there is not purged from `{}`",
            point.display(),
            place.display()
        ))
        .hint("unmount it first, mount it elsewhere, or leave `purge` out")),
        None => Ok(()),
    }
}

fn no_source() -> Fault {
    let hint = "name them with `source`; in Rust that is `files!(\"../files/NAME\", \"FILE\")`";
    Fault::new("it has no files").hint(hint)
}

impl Resource for RemoteDirectory {
    const KIND: &'static str = "remote_directory";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.directory().check();
        faults.extend(meta_faults(self.files_mode, self.files_owner.as_deref(), self.files_group.as_deref()));
        let managed = self.managed();
        for (path, _) in self.files() {
            let plain = |part: Component| matches!(part, Component::Normal(_));
            let sound = !path.is_empty() && !path.contains(['\0', '\n']) && Path::new(path).components().all(plain);
            if !sound || Path::new(path).components().count() != path.split('/').count() {
                let fault = Fault::new(format!("`{}` is no path of a file in a directory", path.escape_debug()));
                faults.push(fault.hint("write it from the directory on, as `css/site.css`"));
            } else if managed
                .range(format!("{path}/")..)
                .next()
                .is_some_and(|(next, _)| next.starts_with(&format!("{path}/")))
            {
                faults.push(Fault::new(format!("`{path}` is a file and a directory")));
            }
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create | CreateIfMissing if self.source.is_none() => vec![no_source()],
            Create | CreateIfMissing => Vec::new(),
            Delete => self.directory().check_action(directory::Delete),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.read_for(Create, probe)
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        let directory = self.directory().read(probe)?;
        let mut entries = BTreeMap::new();
        let is_there = directory.entry.as_ref().is_some_and(|entry| entry.kind == EntryKind::Directory);
        if is_there && action != Delete {
            let place = place(&self.path, &directory);
            if self.purge.unwrap_or(false) && action != CreateIfMissing {
                entries = below(place, probe)?;
            } else {
                entries = entries_at(place, self.managed().keys(), probe)?;
            }
        }
        Ok(State { directory, entries })
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let of_directory = if action == Delete { directory::Delete } else { directory::Create };
        let (Goal::State(directory) | Goal::Event(_, directory)) =
            self.directory().want(of_directory, &now.directory, probe)?;
        let mut entries = BTreeMap::new();
        if action != Delete {
            if self.source.is_none() {
                return Err(no_source().into());
            }
            let replaces = action == Create && self.overwrite.unwrap_or(true);
            let place = place(&self.path, &directory);
            for (path, content) in self.managed() {
                let wanted = self.wanted(&place.join(&path), content, now.entries.get(&path), replaces, probe)?;
                entries.insert(path, wanted);
            }
            refuse_to_purge_mounts(place, now.entries.keys().filter(|path| !entries.contains_key(*path)), probe)?;
        }
        Ok(Goal::State(State { directory, entries }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = Vec::new();
        if from.directory != to.directory {
            let change = Change { from: from.directory.clone(), to: to.directory.clone(), event: None };
            operations = self.directory().ops(&change)?;
        }
        let place = place(&self.path, &to.directory);
        // What goes may stand in the way of what comes; what is in a directory goes before it.
        let gone = from.entries.iter().rev().filter(|(path, _)| !to.entries.contains_key(*path));
        for (path, entry) in gone {
            let is_file = matches!(entry.kind, EntryKind::File { .. });
            let backup = if is_file { self.files_backup.unwrap_or(file::BACKUP) } else { 0 };
            operations.push(Op::Remove { path: place.join(path), recursive: false, backup });
        }
        for (path, entry) in &to.entries {
            let now = from.entries.get(path);
            if now != Some(entry) {
                let backup = self.files_backup.unwrap_or(file::BACKUP);
                operations.extend(steps(place.join(path), now, entry, backup)?);
            }
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, CreateIfMissing, Delete, Files, RemoteDirectory};
    use crate::{
        host::{Entry, EntryKind, Fake},
        resource::Resource as _,
        resources::trial::{done, faults, faults_of, refused},
        spec::laws,
    };

    const FILES: [(&str, &[u8]); 3] = [("a", b"1"), ("sub/b", b"2"), ("sub/c/d", b"3")];

    fn site() -> RemoteDirectory {
        RemoteDirectory::at("/srv/www").source(FILES).files_backup(0_u32)
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/srv").with_user("www", 33)
    }

    #[test]
    fn everything_is_put_in_place_and_repaired() {
        let mut machine = machine();
        assert_eq!(
            done(&site().mode(0o750).owner("www").files_mode(0o640), Create, &mut machine),
            [
                "mkdir /srv/www 0750 www:root",
                "write /srv/www/a \"1\" 0640 root:root backup 0",
                "mkdir /srv/www/sub 0750 www:root",
                "write /srv/www/sub/b \"2\" 0640 root:root backup 0",
                "mkdir /srv/www/sub/c 0750 www:root",
                "write /srv/www/sub/c/d \"3\" 0640 root:root backup 0",
            ]
        );
        let mut machine = machine.with_file("/srv/www/sub/b", "x").with_file("/srv/www/own", "mine");
        assert_eq!(
            done(&site().mode(0o755), Create, &mut machine),
            [
                "set /srv/www 0755 www:root",
                "set /srv/www/sub 0755 www:root",
                "write /srv/www/sub/b \"2\" 0644 root:root backup 0",
                "set /srv/www/sub/c 0755 www:root",
            ]
        );
        let mut deep = Fake::new();
        let deep = done(&RemoteDirectory::at("/opt/x/y").source([("a", b"".as_slice())]), Create, &mut deep);
        assert_eq!(deep[..2], ["mkdir /opt 0755 root:root", "mkdir /opt/x 0755 root:root"]);
        assert_eq!(
            refused(&site().files_owner("eve"), Create, &mut self::machine()),
            "user `eve` does not exist\nhint: declare the account before it, or correct the name"
        );
    }

    #[test]
    fn files_that_are_there_are_left_when_nothing_is_to_be_replaced() {
        let machine = || machine().with_file("/srv/www/a", "mine");
        let expected = ["/srv/www/sub ", "/srv/www/sub/b ", "/srv/www/sub/c ", "/srv/www/sub/c/d "];
        for (site, action) in [(site(), CreateIfMissing), (site().overwrite(false), Create)] {
            let did = done(&site.files_mode(0o600), action, &mut machine());
            assert!(did.len() == 4 && did.iter().zip(expected).all(|(did, path)| did.contains(path)), "{did:?}");
        }
    }

    #[test]
    fn purging_names_what_goes_and_follows_no_link() {
        let is = machine()
            .with_file("/srv/www/a", "1")
            .with_file("/srv/www/sub/old", "x")
            .with_file("/srv/www/old/deep/x", "x")
            .with_file("/srv/elsewhere/precious", "x")
            .with_link("/srv/www/out", "../elsewhere");
        let mut machine = is.clone();
        assert_eq!(
            done(&site().purge(true), Create, &mut machine),
            [
                "remove /srv/www/sub/old backup 0",
                "remove /srv/www/out backup 0",
                "remove /srv/www/old/deep/x backup 0",
                "remove /srv/www/old/deep backup 0",
                "remove /srv/www/old backup 0",
                "write /srv/www/sub/b \"2\" 0644 root:root backup 0",
                "mkdir /srv/www/sub/c 0755 root:root",
                "write /srv/www/sub/c/d \"3\" 0644 root:root backup 0",
            ]
        );
        laws(site().purge(true), Create, &is);
        let empty = RemoteDirectory::at("/srv/www").source(Files::default()).purge(true);
        assert!(done(&empty, Create, &mut machine).iter().all(|did| !did.starts_with("remove /srv/www ")));
    }

    #[test]
    fn what_stands_in_the_way_is_an_error() {
        let linked = machine().with_directory("/srv/www").with_link("/srv/www/sub", "/etc");
        for site in [site(), site().purge(true)] {
            assert_eq!(
                refused(&site, Create, &mut linked.clone()),
                "`/srv/www/sub` is a symbolic link to `/etc`, not a directory\n\
                 hint: remove it, or take it out of the source"
            );
        }
        assert_eq!(
            refused(&site(), Create, &mut machine().with_directory("/srv/www/a")),
            "`/srv/www/a` is a directory, not a file\nhint: remove it, or take it out of the source"
        );
        // The directory itself may be a link.
        let mut through = machine().with_directory("/data").with_link("/srv/www", "/data");
        assert!(done(&site(), Create, &mut through)[0].starts_with("write /data/a "));
    }

    #[test]
    fn deleting_takes_everything_along_unless_it_must_not() {
        let there = machine().with_file("/srv/www/a", "1");
        assert_eq!(done(&site(), Delete, &mut there.clone()), ["remove /srv/www recursive backup 0"]);
        assert_eq!(
            refused(&site().recursive(false), Delete, &mut there.clone()),
            "directory `/srv/www` is not empty: 1 entry in it\n\
             hint: set `recursive` to remove it with everything in it"
        );
        assert_eq!(done(&site(), Delete, &mut machine()), [""; 0]);
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        assert_eq!(faults(&site()), [""; 0]);
        assert_eq!(
            faults_of(&RemoteDirectory::at("/srv/www"), Create),
            ["it has no files\nhint: name them with `source`; in Rust that is `files!(\"../files/NAME\", \"FILE\")`"]
        );
        assert_eq!(site().check_action(Delete), []);
        for bad in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a"] {
            let faults = faults(&RemoteDirectory::at("/srv/www").source([(bad, b"".as_slice())]));
            assert_eq!(faults.len(), 1, "{bad}: {faults:?}");
        }
        let both = RemoteDirectory::at("/srv/www").source([("a", b"".as_slice()), ("a/b", b"".as_slice())]);
        assert_eq!(faults(&both), ["`a` is a file and a directory"]);
    }

    #[test]
    fn a_state_comes_back_from_json() {
        let entry =
            Entry { kind: EntryKind::Directory, mode: 0o755.into(), owner: "root".into(), group: "root".into() };
        let state = site().read(&machine().with_entry("/srv/www/sub", entry)).unwrap();
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(serde_json::from_value::<super::State>(json).unwrap(), state);
    }
}
