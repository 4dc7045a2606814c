//! `archive_file[path]`
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    directory::{self, Directory},
    entry::{Meta, in_the_way, leaf_faults, meta_faults, path_faults, resolve},
    remote_directory::{entries_at, place, steps},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Bounds, Contents, Entry, EntryKind, Op, Piece, Probe, contents},
    properties,
    resource::{Change, Goal, Property, Resource},
    values::{Mode, Words},
};

/// What may come out of an archive in MiB, when the recipe does not say.
const LIMIT: u32 = 4096;

/// What becomes of files that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// They are left as they are.
    #[default]
    No,
    /// Those that differ are replaced.
    Yes,
}

impl From<bool> for Overwrite {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Property for Overwrite {
    const TYPE: &'static str = "true, false or `auto`";

    fn from_json(value: &Json) -> Result<Self, String> {
        match value {
            Json::Bool(yes) => Ok(Self::from(*yes)),
            Json::String(word) if word == "auto" => Ok(Self::Yes),
            _ => Err(format!("expected {}, found {value}", Self::TYPE)),
        }
    }
}

properties! {
    /// What is in an archive, put into a directory: tar, plain or compressed with gzip, xz or zstd, or zip. The whole archive is
    /// judged before anything is written: with an absolute path in it, `..`, a link that leads out of the directory, a path that
    /// goes through a link, or a device, nothing is. It is read in each run: what is missing is put in place, and files that
    /// are to be replaced are compared by their content. What else is in the directory stays. Times are not those of the archive.
    pub struct ArchiveFile("name") {
        name: String;
        /// The archive, when it is not the name of the resource.
        path: PathBuf,
        /// The directory that it is unpacked into; made, with its parents, when it is not there.
        destination: PathBuf,
        /// Permission bits of the directory, when it is made; 0755 when not given.
        mode: Mode,
        /// Owner of what comes out of it. What is new belongs to root; what is there keeps its owner.
        owner: String,
        /// Group of what comes out of it. What is new belongs to root's; what is there keeps its group.
        group: String,
        /// `permissions`: modes are those of the archive. Without it group and others may not write, and the bits for
        /// set-user-ID, set-group-ID and the sticky one do not count.
        options: Words,
        /// Whether files that are there are replaced when they differ; not when not given. `auto` is the same as true.
        overwrite: Overwrite,
        /// How many directories at the beginning of each path are left out.
        strip_components: u32,
        /// How much may come out of it, in MiB; 4096 when not given.
        size_limit: u32,
    }
    example r#"r.add(ArchiveFile::at("/var/cache/app-1.2.tar.gz").destination("/opt/app").strip_components(1_u32));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Extract = "extract": "Has everything that is in the archive be in the directory.",
    }
}
pub use Action::*;

/// The directory and what is in it of all that is in the archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The directory itself.
    pub directory: directory::State,
    /// What is in it, by the path from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<String, Entry>,
    /// What the archive has.
    #[serde(skip)]
    archive: Shelf,
}

/// What an archive has. It is no state: it only comes along, so that it is read once.
#[derive(Clone, Debug, Default)]
struct Shelf(Arc<Contents>);

impl PartialEq for Shelf {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl ArchiveFile {
    /// The archive at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<String>) -> Self {
        Self::bare(path.into())
    }

    fn archive(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(&self.name))
    }

    fn directory(&self) -> Directory {
        let mut directory = Directory::at(self.destination.clone().unwrap_or_default()).recursive(true);
        directory.owner.clone_from(&self.owner);
        directory.group.clone_from(&self.group);
        directory
    }

    fn keeps_modes(&self) -> bool {
        self.options.iter().flat_map(|options| &options.0).any(|option| option == "permissions")
    }

    fn mode_of(&self, mode: u32) -> Mode {
        Mode::from(if self.keeps_modes() { mode } else { mode & 0o755 })
    }

    fn contents(&self, probe: &dyn Probe) -> Result<Contents> {
        let path = self.archive();
        let archive = match resolve(path, probe)?.1.map(|entry| entry.kind) {
            Some(EntryKind::File { content }) => content,
            Some(kind) => return Err(in_the_way(path, &kind, "file")),
            None => {
                let why = format!("it is to be unpacked into `{}`", self.directory().name());
                return Err(Error::Missing { kind: "file", name: path.display().to_string(), why: Some(why) });
            }
        };
        let unpacked = u64::from(self.size_limit.unwrap_or(LIMIT)) << 20;
        let hint = "is it the right archive? `size_limit` allows more";
        let bounds = Bounds { packed: u64::MAX, unpacked, hint, ..Bounds::default() };
        let strip = usize::try_from(self.strip_components.unwrap_or(0)).unwrap_or(usize::MAX);
        let contents = contents(&archive, bounds, strip).map_err(|error| self.refused(error))?;
        match contents.pieces.keys().find(|path| path.to_str().is_none()) {
            Some(path) => {
                let why = format!("`{}` in it is a name that is not UTF-8", path.display());
                Err(self.refused(Fault::new(why).hint("pack it anew").into()))
            }
            None => Ok(contents),
        }
    }

    /// What is wrong with an archive, said of it.
    fn refused(&self, error: Error) -> Error {
        match error {
            Error::Faults(faults) => faults.into_iter().fold(
                Error::failed(format!("`{}` is not unpacked", self.archive().display())),
                |error, fault| {
                    let Error::Failed { message, hints } = error else { return error };
                    let error = Error::Failed { message: format!("{message}: {}", fault.message), hints };
                    fault.hints.into_iter().fold(error, Error::hint)
                },
            ),
            other => other,
        }
    }

    /// As it should be: what the archive has, with what the recipe says.
    fn wanted(&self, path: &Path, piece: &Piece, now: Option<&Entry>, probe: &dyn Probe) -> Result<Entry> {
        let replaces = self.overwrite.unwrap_or_default() == Overwrite::Yes;
        let blocked = |kind: &EntryKind, wanted| {
            Err(in_the_way(path, kind, wanted).hint("remove it, or unpack into another directory"))
        };
        let is_leaf = !matches!(piece, Piece::Directory { .. });
        match now {
            Some(Entry { kind: kind @ EntryKind::Directory, .. }) if is_leaf => return blocked(kind, "file"),
            Some(Entry { kind: kind @ EntryKind::Other { .. }, .. }) => return blocked(kind, "file"),
            Some(Entry { kind, .. }) if !is_leaf && *kind != EntryKind::Directory => return blocked(kind, "directory"),
            Some(entry) if is_leaf && !replaces => return Ok(entry.clone()),
            Some(_) | None => {}
        }
        let named = (self.owner.as_deref(), self.group.as_deref());
        let (kind, mode, named, now) = match piece {
            // One that is there may be one that others use: its mode stays.
            Piece::Directory { mode } => {
                (EntryKind::Directory, now.map_or_else(|| self.mode_of(*mode), |now| now.mode), named, now)
            }
            Piece::File { content, mode, .. } => {
                let now = now.filter(|now| matches!(now.kind, EntryKind::File { .. }));
                (EntryKind::File { content: content.clone() }, self.mode_of(*mode), named, now)
            }
            Piece::Link(target) => {
                let kind = EntryKind::Link { target: target.clone() };
                let now = now.filter(|now| now.kind == kind);
                // Who owns a link means nothing.
                (kind, Mode::from(0o777), (None, None), now)
            }
        };
        let Meta { mode, owner, group } = Meta::wanted((Some(mode), named.0, named.1), mode, now, probe)?;
        Ok(Entry { kind, mode, owner, group })
    }
}

/// Everything that an archive has, and the directories that it is in.
fn managed(contents: &Contents) -> BTreeMap<String, Piece> {
    let mut managed = BTreeMap::new();
    for (path, piece) in &contents.pieces {
        let path = path.to_string_lossy();
        for (at, _) in path.match_indices('/') {
            managed.entry(path[..at].to_owned()).or_insert(Piece::Directory { mode: 0o755 });
        }
        managed.insert(path.into_owned(), piece.clone());
    }
    managed
}

impl Resource for ArchiveFile {
    const KIND: &'static str = "archive_file";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = leaf_faults(self.archive());
        match &self.destination {
            Some(destination) => faults.extend(path_faults(destination)),
            None => faults
                .push(Fault::new("it does not say where to unpack it").hint("name the directory with `destination`")),
        }
        faults.extend(meta_faults(self.mode, self.owner.as_deref(), self.group.as_deref()));
        for option in self.options.iter().flat_map(|options| &options.0).filter(|option| *option != "permissions") {
            let hint = match option.as_str() {
                "owner" => "name them with `owner` and `group`: those of the archive do not count",
                "no_overwrite" | "no_overwrite_newer" => "leave it out: files are replaced only with `overwrite`",
                "time" => "leave it out: files have the time at which they were written",
                _ => "leave it out: there is only `permissions`",
            };
            faults.push(Fault::new(format!("there is no option `{option}`")).hint(hint));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let directory = self.directory().read(probe)?;
        let contents = self.contents(probe)?;
        let mut entries = BTreeMap::new();
        if directory.entry.as_ref().is_some_and(|entry| entry.kind == EntryKind::Directory) {
            let managed = managed(&contents);
            entries =
                entries_at(place(&self.destination.clone().unwrap_or_default(), &directory), managed.keys(), probe)?;
        }
        Ok(State { directory, entries, archive: Shelf(Arc::new(contents)) })
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let mut directory = self.directory();
        directory.mode = self.mode.filter(|_| now.directory.entry.is_none());
        let (Goal::State(directory) | Goal::Event(_, directory)) =
            directory.want(directory::Create, &now.directory, probe)?;
        let destination = self.destination.clone().unwrap_or_default();
        let place = place(&destination, &directory);
        let mut entries = BTreeMap::new();
        let mut bytes = 0;
        for (path, piece) in managed(&now.archive.0) {
            let before = now.entries.get(&path);
            let entry = self.wanted(&place.join(&path), &piece, before, probe)?;
            if let EntryKind::File { content } = &entry.kind
                && before.is_none_or(|before| before.kind != entry.kind)
            {
                bytes += content.size();
            }
            entries.insert(path, entry);
        }
        // Each file is looked at by itself when it is written; that all of them have room is known only here.
        if bytes > 0 {
            probe.writable(&place.join("."), bytes)?;
        }
        Ok(Goal::State(State { directory, entries, archive: now.archive.clone() }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = Vec::new();
        if from.directory != to.directory {
            let change = Change { from: from.directory.clone(), to: to.directory.clone(), event: None };
            operations = self.directory().ops(&change)?;
        }
        let destination = self.destination.clone().unwrap_or_default();
        let place = place(&destination, &to.directory);
        let mut changed: Vec<_> =
            to.entries.iter().filter(|(path, entry)| from.entries.get(*path) != Some(entry)).collect();
        // Directories, files in the order in which the archive has them, so that it is read once, and links.
        changed.sort_by_key(|(path, entry)| match (&entry.kind, to.archive.0.pieces.get(Path::new(path))) {
            (EntryKind::Directory, _) => (0, 0),
            (_, Some(Piece::File { at, .. })) => (1, *at),
            (_, _) => (2, 0),
        });
        let mut written: BTreeMap<u64, (&String, &Entry)> = BTreeMap::new();
        for (path, entry) in changed {
            let now = from.entries.get(path);
            let at = match to.archive.0.pieces.get(Path::new(path)) {
                Some(Piece::File { at, .. }) => *at,
                Some(Piece::Directory { .. } | Piece::Link(_)) | None => u64::MAX,
            };
            match written.get(&at) {
                // Hard links of the archive become hard links.
                Some((first, same)) if now.is_none() && *same == entry => {
                    operations.push(Op::Link { path: place.join(path), target: place.join(first), hard: true });
                }
                Some(_) | None => {
                    operations.extend(steps(place.join(path), now, entry, 0)?);
                    if at != u64::MAX {
                        written.insert(at, (path, entry));
                    }
                }
            }
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{ArchiveFile, Extract};
    use crate::{
        host::{Entry, EntryKind, Fake},
        resource::Resource as _,
        resources::trial::{done, faults, refused},
        spec::laws,
    };

    const TAR: &[u8] = include_bytes!("../host/archive/samples/app.tar.gz");
    const ZIP: &[u8] = include_bytes!("../host/archive/samples/app.zip");

    fn app() -> ArchiveFile {
        ArchiveFile::at("/var/cache/app.tar.gz").destination("/opt/app").strip_components(1_u32)
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/opt").with_user("app", 1000).with_file("/var/cache/app.tar.gz", TAR.to_vec())
    }

    #[test]
    fn everything_is_put_in_place_once() {
        let mut machine = machine();
        assert_eq!(
            done(&app(), Extract, &mut machine),
            [
                "mkdir /opt/app 0755 root:root",
                "mkdir /opt/app/bin 0755 root:root",
                "mkdir /opt/app/lib 0755 root:root",
                "write /opt/app/README \"\" 0644 root:root backup 0",
                "hard link /opt/app/lib/same -> /opt/app/README",
                "write /opt/app/bin/run \"\" 0755 root:root backup 0",
                "link /opt/app/lib/link -> ../README",
            ]
        );
        let modes = done(&app().options(["permissions"]).overwrite(true).owner("app"), Extract, &mut machine);
        assert_eq!(
            modes,
            [
                "set /opt/app 0755 app:root",
                "set /opt/app/bin 0755 app:root",
                "set /opt/app/lib 0755 app:root",
                "set /opt/app/README 0664 app:root",
                "set /opt/app/lib/same 0664 app:root",
                "set /opt/app/bin/run 4775 app:root",
            ]
        );
        let zip = ArchiveFile::at("app").path("/var/cache/app.zip").destination("/opt/zip").mode(0o700);
        let did = done(&zip, Extract, &mut machine.with_file("/var/cache/app.zip", ZIP.to_vec()));
        assert_eq!((did.len(), did[0].as_str()), (8, "mkdir /opt/zip 0700 root:root"));
        laws(app(), Extract, &self::machine());
    }

    #[test]
    fn what_is_there_stays_unless_it_is_to_be_replaced() {
        let there = machine().with_file("/opt/app/README", "mine").with_file("/opt/app/own", "mine");
        let did = done(&app(), Extract, &mut there.clone());
        assert!(did.len() == 5 && did.iter().all(|did| !did.contains("README \"")), "{did:?}");
        let there = there.with_link("/opt/app/bin/run", "elsewhere").with_file("/opt/app/lib/link", "a file");
        let did = done(&app().overwrite(true), Extract, &mut there.clone());
        assert_eq!(
            did,
            [
                "write /opt/app/README \"\" 0644 root:root backup 0",
                "hard link /opt/app/lib/same -> /opt/app/README",
                "remove /opt/app/bin/run backup 0",
                "write /opt/app/bin/run \"\" 0755 root:root backup 0",
                "remove /opt/app/lib/link backup 0",
                "link /opt/app/lib/link -> ../README",
            ]
        );
        assert_eq!(done(&app(), Extract, &mut there.clone()), ["write /opt/app/lib/same \"\" 0644 root:root backup 0"]);
        laws(app().overwrite(true), Extract, &there);
    }

    #[test]
    fn what_stands_in_the_way_is_an_error() {
        let elsewhere = machine().with_directory("/opt/app").with_link("/opt/app/bin", "/etc");
        let hint = "hint: remove it, or unpack into another directory";
        for overwrite in [false, true] {
            assert_eq!(
                refused(&app().overwrite(overwrite), Extract, &mut elsewhere.clone()),
                format!("`/opt/app/bin` is a symbolic link to `/etc`, not a directory\n{hint}")
            );
            assert_eq!(
                refused(&app().overwrite(overwrite), Extract, &mut machine().with_directory("/opt/app/README")),
                format!("`/opt/app/README` is a directory, not a file\n{hint}")
            );
        }
        let file = refused(&app(), Extract, &mut machine().with_file("/opt/app", ""));
        assert!(file.starts_with("`/opt/app` is a file, not a directory"), "{file}");
    }

    #[test]
    fn an_archive_that_cannot_be_had_is_an_error() {
        assert_eq!(
            refused(&app(), Extract, &mut Fake::new().with_directory("/opt")),
            "file `/var/cache/app.tar.gz` does not exist: it is to be unpacked into `/opt/app`"
        );
        let page = Fake::new().with_directory("/opt").with_file("/var/cache/app.tar.gz", "<html>not found");
        let said = refused(&app(), Extract, &mut page.clone());
        assert!(said.starts_with("`/var/cache/app.tar.gz` is not unpacked: it is damaged, or no archive"), "{said}");
        assert!(refused(&app().size_limit(0_u32), Extract, &mut machine()).contains("more than 0 bytes"));
        let twice = refused(&app().strip_components(2_u32), Extract, &mut machine());
        assert!(twice.contains("out of it"), "{twice}");
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        assert_eq!(faults(&app().options(["permissions"])), [""; 0]);
        assert_eq!(
            faults(&ArchiveFile::at("app.zip").options(["owner"]).mode(99999)),
            [
                "path `app.zip` is relative\n\
                 hint: a run has no current directory to start from: write it from the root, as `/etc/motd`",
                "it does not say where to unpack it\nhint: name the directory with `destination`",
                "mode 99999 (octal 303237) is beyond 7777; write permission bits in octal, as in `0o644`",
                "there is no option `owner`\n\
                 hint: name them with `owner` and `group`: those of the archive do not count",
            ]
        );
    }

    #[test]
    fn a_state_comes_back_from_json_and_holds_no_content() {
        let state = app().read(&machine().with_file("/opt/app/README", "x")).unwrap();
        let Some(Entry { kind: EntryKind::File { content }, .. }) = state.entries.get("README") else { panic!() };
        assert!(content.bytes().is_none());
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(serde_json::from_value::<super::State>(json).unwrap(), state);
    }
}
