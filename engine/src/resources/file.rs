//! `file[path]`
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::entry::{Meta, in_the_way, leaf_faults, meta_faults, refuse_planted_link, require_parent, resolve};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Entry, EntryKind, Op, Probe, Write},
    resource::{Change, Content, Goal, Resource, Value},
    values::{Blob, Mode},
};

/// Backups kept of a file that is replaced or removed, when the recipe gives no number; Chef's.
const BACKUP: u32 = 5;

/// Permission bits of a new file, when the recipe gives none. Chef leaves it to the umask; here it is always the same.
const NEW: u32 = 0o644;

/// Hands the properties of every file-like kind to a macro, behind whatever else it is given: one list for all of them.
macro_rules! with_file_properties {
    ($($table:tt)*) => {
        $crate::properties! {
            $($table)*
            shared {
                /// Permission bits in octal, as `0o644`. A new file gets 0644; one that is there keeps its own.
                mode: $crate::values::Mode,
                /// Name or number of the owner. A new file belongs to root; one that is there keeps its owner.
                owner: String,
                /// Name or number of the group. A new file belongs to root's; one that is there keeps its group.
                group: String,
                /// How many earlier versions to keep when it is replaced or removed; 5 when not given, 0 for none.
                backup: u32,
                /// Commands that judge a new content before it replaces the old; `%{path}` in them is the file to judge.
                verify: $crate::values::Words,
                /// Whether to manage the file that a symbolic link at this path leads to. Without it, a link is refused.
                manage_symlink_source: bool,
                /// Whether to remove what is in the way: a link, or a directory with everything in it.
                force_unlink: bool,
            }
        }
    };
}
pub(crate) use with_file_properties;

with_file_properties! {
    /// A regular file: its content, permission bits and owner. Without `content`, only existence, mode and owner are
    /// managed, and a new file is empty. The directory it is in must exist. Content is replaced atomically, and only
    /// when it differs.
    pub struct File("path") {
        path: PathBuf;
        /// The whole content: text, bytes or a secret; `lazy` works it out just before the step.
        content: Value<Content>,
    }
    example r#"r.add(File::at("/etc/motd").content("welcome\n").mode(0o644));"#
}

actions! {
    /// What can be asked of a file, and of every kind that is one.
    pub enum Action {
        Create = "create": "Has it exist with this content, mode and owner.",
        CreateIfMissing = "create_if_missing": "Makes it when there is none; one that is there is left as it is.",
        Touch = "touch": "Makes it when there is none, and sets its time to now. Counts as a change each time.",
        Delete = "delete": "Removes it. Of a symbolic link, the link and never what it leads to.",
    }
}
pub use Action::*;

/// What is at the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The file, or what is in its way. `None`: nothing.
    #[serde(flatten)]
    pub entry: Option<Entry>,
    /// Where the link at the path leads, when that file is managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
}

impl State {
    /// Nothing is there.
    pub const ABSENT: Self = Self { entry: None, source: None };
}

impl File {
    /// The file at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn may_unlink(&self) -> bool {
        self.force_unlink.unwrap_or(false)
    }

    /// The content that is known before the run, if any: what a test of a recipe looks at.
    #[must_use]
    pub fn known_content(&self) -> Option<&Content> {
        self.content.as_ref().and_then(Value::now)
    }

    /// [`Resource::want`] for every file-like kind; `content` is asked for only when it is needed.
    pub(crate) fn goal(
        &self,
        action: Action,
        now: &State,
        probe: &dyn Probe,
        content: impl FnOnce() -> Result<Option<Blob>>,
    ) -> Result<Goal<State>> {
        match action {
            Create => self.present(now, probe, content).map(Goal::State),
            CreateIfMissing if now.entry.is_some() => Ok(Goal::State(now.clone())),
            CreateIfMissing => self.present(now, probe, content).map(Goal::State),
            Touch => self.present(now, probe, content).map(|to| Goal::Event("touch", to)),
            Delete => match now.entry.as_ref().map(|entry| &entry.kind) {
                Some(kind @ (EntryKind::Directory | EntryKind::Other { .. })) if !self.may_unlink() => {
                    Err(in_the_way(&self.path, kind, "file").hint("say `force_unlink(true)` to have it removed"))
                }
                Some(_) | None => Ok(Goal::State(State::ABSENT)),
            },
        }
    }

    fn present(&self, now: &State, probe: &dyn Probe, content: impl FnOnce() -> Result<Option<Blob>>) -> Result<State> {
        let old = match &now.entry {
            Some(entry @ Entry { kind: EntryKind::File { content }, .. }) => Some((entry, content)),
            Some(Entry { kind, .. }) if !self.may_unlink() => return Err(self.refused(kind)),
            Some(_) | None => None,
        };
        if now.source.is_some() {
            refuse_planted_link(&self.path, probe)?;
        }
        if old.is_none() {
            require_parent(&self.path, probe)?;
        }
        let source = now.source.clone().filter(|_| old.is_some());
        let named = (self.mode, self.owner.as_deref(), self.group.as_deref());
        let meta = Meta::wanted(named, Mode::from(NEW), old.map(|(entry, _)| entry), probe)?;
        let content = match (content()?, old) {
            (Some(content), _) => content,
            (None, Some((_, content))) => content.clone(),
            (None, None) => Blob::from(""),
        };
        let Meta { mode, owner, group } = meta;
        Ok(State { entry: Some(Entry { kind: EntryKind::File { content }, mode, owner, group }), source })
    }

    fn refused(&self, found: &EntryKind) -> Error {
        let error = in_the_way(&self.path, found, "file");
        match found {
            EntryKind::Link { .. } if self.manage_symlink_source.unwrap_or(false) => {
                error.hint("it leads nowhere: make what it leads to, or say `force_unlink(true)` to replace the link")
            }
            EntryKind::Link { .. } => error.hint(
                "say `manage_symlink_source(true)` to manage the file it leads to, or `force_unlink(true)` to replace the link",
            ),
            EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. } => {
                error.hint("remove it, or say `force_unlink(true)` to have it replaced")
            }
        }
    }
}

impl Resource for File {
    const KIND: &'static str = "file";
    const BATCH: Option<&'static str> = Some("files");
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = leaf_faults(&self.path);
        faults.extend(meta_faults(self.mode, self.owner.as_deref(), self.group.as_deref()));
        faults
    }

    fn batch(&self) -> Option<&'static str> {
        // Lazy content may read, and a verification may judge, what a neighbour is about to write.
        let alone = matches!(self.content, Some(Value::Later(_))) || self.verify.is_some();
        Self::BATCH.filter(|_| !alone)
    }

    fn is_sensitive(&self) -> bool {
        self.content.as_ref().is_some_and(Value::is_secret)
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let entry = probe.entry(&self.path)?;
        let follow = self.manage_symlink_source.unwrap_or(false);
        if !follow || !matches!(&entry, Some(Entry { kind: EntryKind::Link { .. }, .. })) {
            return Ok(State { entry, source: None });
        }
        Ok(match resolve(&self.path, probe)? {
            (source, Some(found)) => State { entry: Some(found), source: Some(source) },
            // What to make of a link that leads nowhere is decided with the link in view.
            (_, None) => State { entry, source: None },
        })
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.goal(action, now, probe, || {
            self.content.as_ref().map(|content| content.get(probe).map(|content| content.blob)).transpose()
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let backup = self.backup.unwrap_or(BACKUP);
        let remove = |kind: &EntryKind| {
            let (recursive, backup) = match kind {
                EntryKind::File { .. } => (false, backup),
                EntryKind::Directory => (true, 0),
                EntryKind::Link { .. } | EntryKind::Other { .. } => (false, 0),
            };
            Op::Remove { path: self.path.clone(), recursive, backup }
        };
        let State { entry: from, source: followed } = &change.from;
        let State { entry: to, source } = &change.to;
        let link = EntryKind::Link { target: PathBuf::new() };
        let Some(to) = to else {
            let there = |entry: &Entry| remove(if followed.is_some() { &link } else { &entry.kind });
            return Ok(from.iter().map(there).collect());
        };
        let path = source.clone().unwrap_or_else(|| self.path.clone());
        let Entry { kind: EntryKind::File { content }, mode, owner, group } = to.clone() else {
            return Err(in_the_way(&path, &to.kind, "file"));
        };
        let mut operations = Vec::new();
        let mut same_content = false;
        match from {
            Some(Entry { kind: EntryKind::File { content: old }, .. }) => same_content = *old == content,
            Some(_) if followed.is_some() => operations.push(remove(&link)),
            Some(Entry { kind, .. }) => operations.push(remove(kind)),
            None => {}
        }
        let same = from.as_ref() == Some(to);
        if !same_content {
            let verify = self.verify.clone().unwrap_or_default().0;
            operations.push(Op::Write(Write { path: path.clone(), content, mode, owner, group, backup, verify }));
        } else if !same {
            operations.push(Op::SetMeta { path: path.clone(), mode, owner, group });
        }
        if change.event == Some("touch") && same_content {
            // In place: writing it anew would cut off whoever has it open.
            let path = path.display().to_string();
            operations.push(Op::Run(Command::new(["touch", "-c", "--", path.as_str()])));
        }
        Ok(operations)
    }
}
