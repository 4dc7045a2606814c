//! `directory[path]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::{
    Meta, another_kind, in_the_way, meta_faults, path_faults, refuse_planted_link, require_parent, resolve,
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::Mode,
};

/// Permission bits of a new directory, when the recipe gives none.
const NEW: u32 = 0o755;

properties! {
    /// A directory. With `recursive`, missing parents are made too (0755, root's): mode, owner and group are those of the
    /// last directory of the path alone. A link that leads to a directory counts as that directory.
    pub struct Directory("path") {
        path: PathBuf;
        /// Permission bits in octal, as `0o755`. A new directory gets 0755; one that is there keeps its own.
        mode: Mode,
        /// Name or number of the owner. A new directory belongs to root; one that is there keeps its owner.
        owner: String,
        /// Name or number of the group. A new directory belongs to root's; one that is there keeps its group.
        group: String,
        /// Whether to make missing parents, and, when deleting, to remove everything in it.
        recursive: bool,
    }
    example r#"r.add(Directory::at("/etc/dyndns_keys").mode(0o700));"#
}

actions! {
    /// What can be asked of a directory.
    pub enum Action {
        Create = "create": "Has it exist with this mode and owner.",
        Delete = "delete": "Removes it; one that is not empty only when `recursive`.",
    }
}
pub use Action::*;

/// What is at the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The directory, or what is in its way. `None`: nothing.
    #[serde(flatten)]
    pub entry: Option<Entry>,
    /// Where the link at the path leads, when that is a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// Parents that do not exist, the topmost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_parents: Vec<PathBuf>,
}

impl Directory {
    /// The directory at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn is_recursive(&self) -> bool {
        self.recursive.unwrap_or(false)
    }

    fn create(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        if let Some(Entry { kind, .. }) = &now.entry
            && *kind != EntryKind::Directory
        {
            return Err(in_the_way(&self.path, kind, "directory").hint("remove it first, or choose another path"));
        }
        if now.source.is_some() {
            refuse_planted_link(&self.path, probe)?;
        }
        if now.entry.is_none() {
            let first = now.missing_parents.first().filter(|_| self.is_recursive());
            require_parent(first.unwrap_or(&self.path), probe)?;
        }
        let named = (self.mode, self.owner.as_deref(), self.group.as_deref());
        let Meta { mode, owner, group } = Meta::wanted(named, Mode::from(NEW), now.entry.as_ref(), probe)?;
        let entry = Some(Entry { kind: EntryKind::Directory, mode, owner, group });
        Ok(State { entry, source: now.source.clone(), missing_parents: Vec::new() })
    }

    fn delete(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        let shown = self.path.display();
        match &now.entry {
            None => return Ok(now.clone()),
            Some(_) if now.source.is_some() => {
                let error = Error::failed(format!("`{shown}` is a link to a directory, not a directory"));
                return Err(error.hint("declare a `link` with the action `delete`, or give the directory's own path"));
            }
            Some(Entry { kind: EntryKind::Directory, .. }) => {}
            Some(Entry { kind, .. }) => {
                let error = in_the_way(&self.path, kind, "directory");
                return Err(error.hint("declare a `file` or a `link` with the action `delete`"));
            }
        }
        if self.path.parent().is_none() {
            return Err(Error::failed("the root directory cannot be removed"));
        }
        let inside = if self.is_recursive() { 0 } else { probe.list(&self.path)?.len() };
        if inside > 0 {
            let things = if inside == 1 { "1 entry".to_owned() } else { format!("{inside} entries") };
            let error = Error::failed(format!("directory `{shown}` is not empty: {things} in it"));
            return Err(error.hint("set `recursive` to remove it with everything in it"));
        }
        Ok(State { entry: None, source: None, missing_parents: Vec::new() })
    }
}

impl Resource for Directory {
    const KIND: &'static str = "directory";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = path_faults(&self.path);
        faults.extend(meta_faults(self.mode, self.owner.as_deref(), self.group.as_deref()));
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Delete if self.path.parent().is_none() && self.path.is_absolute() => {
                vec![Fault::new("the root directory cannot be removed")]
            }
            Create | Delete => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let entry = probe.entry(&self.path)?;
        let mut missing_parents = Vec::new();
        match &entry {
            Some(Entry { kind: EntryKind::Link { .. }, .. }) => {
                if let (source, Some(found @ Entry { kind: EntryKind::Directory, .. })) = resolve(&self.path, probe)? {
                    return Ok(State { entry: Some(found), source: Some(source), missing_parents });
                }
            }
            Some(_) => {}
            None => {
                let parents = self.path.ancestors().skip(1).filter(|parent| *parent != Path::new("/"));
                for parent in parents {
                    if resolve(parent, probe)?.1.is_some() {
                        break;
                    }
                    missing_parents.insert(0, parent.to_owned());
                }
            }
        }
        Ok(State { entry, source: None, missing_parents })
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.name());
        Ok(Some(match self.read(probe)?.entry {
            None => found.action("delete"),
            Some(Entry { kind: EntryKind::Directory, mode, owner, group }) => {
                found.action("create").with("mode", mode.to_string()).with("owner", owner).with("group", group)
            }
            Some(Entry { kind, .. }) => return Err(another_kind(&self.path, &kind, "directory")),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        match action {
            Create => self.create(now, probe),
            Delete => self.delete(now, probe),
        }
        .map(Goal::State)
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Some(to) = &change.to.entry else {
            let remove = Op::Remove { path: self.path.clone(), recursive: self.is_recursive(), backup: 0 };
            return Ok(change.from.entry.iter().map(|_| remove.clone()).collect());
        };
        let Entry { mode, owner, group, .. } = to.clone();
        let path = change.to.source.clone().unwrap_or_else(|| self.path.clone());
        if change.from.entry.is_some() {
            return Ok(vec![Op::SetMeta { path, mode, owner, group }]);
        }
        let (parent_owner, parent_group) = self.parents_belong_to(to);
        let parent = |path: &PathBuf| Op::Mkdir {
            path: path.clone(),
            mode: Mode::from(NEW),
            owner: parent_owner.clone(),
            group: parent_group.clone(),
        };
        let mut operations: Vec<_> = change.from.missing_parents.iter().map(parent).collect();
        operations.push(Op::Mkdir { path, mode, owner, group });
        Ok(operations)
    }
}

impl Directory {
    /// Parents belong to whoever the run acts as, which is what the leaf belongs to unless the recipe names others.
    fn parents_belong_to(&self, leaf: &Entry) -> (String, String) {
        let named = |name: &Option<String>, of_leaf: &str| match name {
            Some(_) => "root".to_owned(),
            None => of_leaf.to_owned(),
        };
        (named(&self.owner, &leaf.owner), named(&self.group, &leaf.group))
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, Delete, Directory};
    use crate::{
        host::{Entry, EntryKind, Fake},
        resources::trial::{done, faults, refused},
    };

    const KEYS: &str = "/etc/keys";

    fn keys() -> Directory {
        Directory::at(KEYS)
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/etc").with_user("bind", 53)
    }

    #[test]
    fn a_new_directory_has_mode_0755_and_is_roots_unless_said_otherwise() {
        assert_eq!(done(&keys(), Create, &mut machine()), ["mkdir /etc/keys 0755 root:root"]);
        let own = keys().mode(0o700).owner("bind").group("53");
        assert_eq!(done(&own, Create, &mut machine()), ["mkdir /etc/keys 0700 bind:bind"]);
        assert_eq!(done(&own, Create, &mut machine().with_directory(KEYS)), ["set /etc/keys 0700 bind:bind"]);
        let there =
            Entry { kind: EntryKind::Directory, mode: 0o700.into(), owner: "bind".into(), group: "bind".into() };
        assert_eq!(done(&keys(), Create, &mut machine().with_entry(KEYS, there)), Vec::<String>::new());
        assert_eq!(
            refused(&keys().owner("named"), Create, &mut machine()),
            "user `named` does not exist\nhint: declare the account before it, or correct the name"
        );
    }

    #[test]
    fn missing_parents_are_made_only_when_asked_for_and_keep_their_own_mode() {
        let deep = || Directory::at("/etc/a/b/c").mode(0o700).owner("bind");
        assert_eq!(
            refused(&deep(), Create, &mut machine()),
            "directory `/etc/a/b` does not exist: `/etc/a/b/c` is to be in it\n\
             hint: declare the directory before it, or make it `recursive`"
        );
        assert_eq!(
            done(&deep().recursive(true), Create, &mut machine()),
            ["mkdir /etc/a 0755 root:root", "mkdir /etc/a/b 0755 root:root", "mkdir /etc/a/b/c 0700 bind:root"]
        );
        let linked = machine().with_directory("/data").with_link("/etc/a", "/data");
        assert_eq!(
            done(&deep().recursive(true), Create, &mut linked.clone()),
            ["mkdir /etc/a/b 0755 root:root", "mkdir /etc/a/b/c 0700 bind:root"]
        );
        assert_eq!(
            refused(&deep().recursive(true), Create, &mut machine().with_file("/etc/a", "")),
            "`/etc/a` is a file, not a directory"
        );
    }

    #[test]
    fn a_link_to_a_directory_is_that_directory_and_anything_else_is_in_the_way() {
        let linked = machine().with_directory("/srv/keys").with_link(KEYS, "../srv/keys");
        assert_eq!(done(&keys(), Create, &mut linked.clone()), Vec::<String>::new());
        assert_eq!(done(&keys().mode(0o700), Create, &mut linked.clone()), ["set /srv/keys 0700 root:root"]);
        assert_eq!(
            refused(&keys(), Create, &mut machine().with_file(KEYS, "")),
            "`/etc/keys` is a file, not a directory\nhint: remove it first, or choose another path"
        );
        assert_eq!(
            refused(&keys(), Create, &mut machine().with_link(KEYS, "/gone")),
            "`/etc/keys` is a symbolic link to `/gone`, not a directory\nhint: remove it first, or choose another path"
        );
    }

    #[test]
    fn one_that_is_not_empty_is_removed_only_when_asked_for() {
        let full = machine().with_file("/etc/keys/a", "").with_file("/etc/keys/b", "");
        assert_eq!(done(&keys(), Delete, &mut machine().with_directory(KEYS)), ["remove /etc/keys backup 0"]);
        assert_eq!(done(&keys(), Delete, &mut machine()), Vec::<String>::new());
        assert_eq!(done(&Directory::at("/a/b"), Delete, &mut machine()), Vec::<String>::new());
        assert_eq!(
            refused(&keys(), Delete, &mut full.clone()),
            "directory `/etc/keys` is not empty: 2 entries in it\n\
             hint: set `recursive` to remove it with everything in it"
        );
        let recursive = keys().recursive(true);
        assert_eq!(done(&recursive, Delete, &mut full.clone()), ["remove /etc/keys recursive backup 0"]);
    }

    #[test]
    fn what_is_no_directory_is_not_removed_as_one() {
        assert_eq!(
            refused(&keys(), Delete, &mut machine().with_file(KEYS, "")),
            "`/etc/keys` is a file, not a directory\nhint: declare a `file` or a `link` with the action `delete`"
        );
        assert_eq!(
            refused(&keys(), Delete, &mut machine().with_directory("/srv").with_link(KEYS, "/srv")),
            "`/etc/keys` is a link to a directory, not a directory\n\
             hint: declare a `link` with the action `delete`, or give the directory's own path"
        );
        let root = Directory::at("/").recursive(true);
        assert_eq!(refused(&root, Delete, &mut machine()), "the root directory cannot be removed");
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        assert_eq!(faults(&Directory::at("/etc/keys/")), Vec::<String>::new());
        assert_eq!(faults(&Directory::at("")), ["the path is empty"]);
        assert_eq!(
            faults(&keys().mode(0o10000)),
            ["mode 4096 (octal 10000) is beyond 7777; write permission bits in octal, as in `0o644`"]
        );
    }
}
