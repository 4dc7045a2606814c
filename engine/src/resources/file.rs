//! `file[path]`
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::entry::{
    Meta, another_kind, in_the_way, leaf_faults, meta_faults, refuse_planted_link, require_parent, resolve,
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Entry, EntryKind, Op, Probe, Write},
    resource::{Change, Content, Found, Goal, Resource, Value},
    values::{Blob, Mode},
};

/// Backups kept of a file that is replaced or removed, when the recipe gives no number; Chef's.
pub(crate) const BACKUP: u32 = 5;

/// Permission bits of a new file, when the recipe gives none. Chef leaves it to the umask; here it is always the same.
const NEW: u32 = 0o644;

/// The first line of a file that a kind writes as a whole, where `#` begins a comment.
pub(crate) const MANAGED: &str = "# Managed by brasa: changes are overwritten.\n";

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
                /// SHA-256 that the content must have, in hex. With another one nothing is written.
                checksum: $crate::values::Digest,
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

    /// A file of root's that everybody may read, and that a kind writes as a whole.
    pub(crate) fn whole(path: impl Into<PathBuf>) -> Self {
        Self::at(path).mode(Mode::from(0o644)).owner("root").group("root").backup(0_u32)
    }

    /// The state of a file that is to have this content, or with `None` to be gone.
    pub(crate) fn becoming(&self, content: Option<Blob>, now: &State, probe: &dyn Probe) -> Result<State> {
        let action = if content.is_some() { Create } else { Delete };
        let (Goal::State(to) | Goal::Event(_, to)) = self.goal(action, now, probe, &|| Ok(content.clone()))?;
        Ok(to)
    }

    /// The operations from one state to another.
    pub(crate) fn steps(&self, from: &State, to: &State) -> Result<Vec<Op>> {
        self.ops(&Change { from: from.clone(), to: to.clone(), event: None })
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
        content: &dyn Fn() -> Result<Option<Blob>>,
    ) -> Result<Goal<State>> {
        match action {
            Create => self.present(now, probe, content).map(Goal::State),
            CreateIfMissing if now.entry.is_some() => Ok(Goal::State(now.clone())),
            CreateIfMissing => self.present(now, probe, content).map(Goal::State),
            Touch => self.present(now, probe, content).map(|to| Goal::Event("touch", to)),
            Delete => match now.entry.as_ref().map(|entry| &entry.kind) {
                Some(kind @ (EntryKind::Directory | EntryKind::Other { .. })) if !self.may_unlink() => {
                    Err(in_the_way(&self.path, kind, "file").hint("set `force_unlink` to have it removed"))
                }
                Some(_) | None => Ok(Goal::State(State::ABSENT)),
            },
        }
    }

    fn present(&self, now: &State, probe: &dyn Probe, content: &dyn Fn() -> Result<Option<Blob>>) -> Result<State> {
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
        let (content, there) = match (content()?, old) {
            (Some(content), _) => (content, false),
            (None, Some((_, content))) => (content.clone(), true),
            (None, None) => (Blob::from(""), false),
        };
        self.require_checksum(&content, there)?;
        let Meta { mode, owner, group } = meta;
        Ok(State { entry: Some(Entry { kind: EntryKind::File { content }, mode, owner, group }), source })
    }

    /// Holds a content that is known before the run to the `checksum`.
    pub(crate) fn checksum_fault(&self, content: Option<&Content>) -> Option<Fault> {
        let (checksum, content) = (self.checksum?, content?);
        // What its SHA-256 is instead is not said: of a short secret it would tell it.
        let fault = || Fault::new(format!("the SHA-256 of the content is not the `checksum` `{checksum}`"));
        (content.blob.digest() != checksum).then(|| fault().hint("correct `checksum`, or the content"))
    }

    /// Holds the content that the file is going to have, also one that it has already, to the `checksum`.
    fn require_checksum(&self, content: &Blob, there: bool) -> Result<()> {
        let Some(checksum) = self.checksum.filter(|checksum| content.digest() != *checksum) else { return Ok(()) };
        let path = self.path.display();
        Err(if there {
            Error::failed(format!("the SHA-256 of `{path}`, whose content is not managed, is not `{checksum}`"))
                .hint("see who changed the file; the content that it is to have is said with `content`")
        } else {
            Error::failed(format!("the SHA-256 of the content for `{path}` is not `{checksum}`; nothing was written"))
                .hint("correct `checksum`, or the content")
        })
    }

    fn refused(&self, found: &EntryKind) -> Error {
        let error = in_the_way(&self.path, found, "file");
        match found {
            EntryKind::Link { .. } if self.manage_symlink_source.unwrap_or(false) => {
                error.hint("it leads nowhere: make what it leads to, or set `force_unlink` to replace the link")
            }
            EntryKind::Link { .. } => error.hint(
                "set `manage_symlink_source` to manage the file it leads to, or `force_unlink(true)` to replace the link",
            ),
            EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. } => {
                error.hint("remove it, or set `force_unlink` to have it replaced")
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
        faults.extend(self.checksum_fault(self.known_content()));
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

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.name());
        let Some(Entry { kind, mode, owner, group }) = self.read(probe)?.entry else {
            return Ok(Some(found.action("delete")));
        };
        let EntryKind::File { content } = kind else { return Err(another_kind(&self.path, &kind, "file")) };
        let mut found = found.action("create").with("mode", mode.to_string()).with("owner", owner).with("group", group);
        match content.bytes().and_then(|bytes| str::from_utf8(bytes).ok()) {
            None => found = found.unsaid("its content, which is no text or too large"),
            // Whoever describes a machine passes the description on.
            Some(text) if mode.bits() & 0o004 == 0 => drop(found.private.insert("content".to_owned(), text.into())),
            Some(text) => found = found.with("content", text),
        }
        Ok(Some(found))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.goal(action, now, probe, &|| {
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
            let path = path.clone();
            operations.push(Op::Write(Write { path, content, mode, owner, group, backup, verify, sensitive: false }));
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

#[cfg(test)]
mod tests {
    use super::{Create, CreateIfMissing, Delete, File, Touch};
    use crate::{
        host::{Entry, EntryKind, Fake},
        resource::{Resource as _, lazy, prepare},
        resources::trial::{done, faults, refused},
        values::{Digest, Mode, Secret},
    };

    const MOTD: &str = "/etc/motd";

    fn motd() -> File {
        File::at(MOTD).content("hello\n")
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/etc").with_user("www", 33).with_group("adm", 4)
    }

    fn entry(kind: EntryKind, mode: u32, owner: &str, group: &str) -> Entry {
        Entry { kind, mode: mode.into(), owner: owner.into(), group: group.into() }
    }

    fn pipe() -> Entry {
        entry(EntryKind::Other { what: "named pipe".into() }, 0o600, "root", "root")
    }

    #[test]
    fn a_new_file_has_mode_0644_and_is_roots_unless_said_otherwise() {
        assert_eq!(done(&motd(), Create, &mut machine()), ["write /etc/motd \"hello\\n\" 0644 root:root backup 5"]);
        let file = motd().mode(0o640).owner("www").group("adm").backup(0_u32).verify("test -s %{path}");
        assert_eq!(
            done(&file, Create, &mut machine()),
            ["write /etc/motd \"hello\\n\" 0640 www:adm backup 0 verify test -s %{path}"]
        );
        assert_eq!(done(&File::at(MOTD), Create, &mut machine()), ["write /etc/motd \"\" 0644 root:root backup 5"]);
    }

    #[test]
    fn only_what_differs_is_changed_and_what_is_not_said_stays() {
        let there = entry(EntryKind::File { content: "hello\n".into() }, 0o600, "www", "adm");
        let machine = || machine().with_entry(MOTD, there.clone());
        assert_eq!(done(&motd(), Create, &mut machine()), Vec::<String>::new());
        assert_eq!(done(&motd().mode(0o644), Create, &mut machine()), ["set /etc/motd 0644 www:adm"]);
        assert_eq!(done(&File::at(MOTD).owner("root"), Create, &mut machine()), ["set /etc/motd 0600 root:adm"]);
        let other = File::at(MOTD).content("bye\n");
        assert_eq!(done(&other, Create, &mut machine()), ["write /etc/motd \"bye\\n\" 0600 www:adm backup 5"]);
    }

    #[test]
    fn accounts_go_by_name_or_number_and_must_exist() {
        let file = motd().owner("33").group("4");
        assert_eq!(done(&file, Create, &mut machine()), ["write /etc/motd \"hello\\n\" 0644 www:adm backup 5"]);
        let numbers = motd().owner("1234").group("1235");
        let wanted = numbers.want(Create, &super::State::ABSENT, &machine()).unwrap();
        let shown = format!("{wanted:?}");
        assert!(shown.contains("owner: \"1234\", group: \"1235\""), "{shown}");
        assert_eq!(
            refused(&motd().owner("wwww"), Create, &mut machine()),
            "user `wwww` does not exist\nhint: declare the account before it, or correct the name"
        );
        assert_eq!(
            refused(&motd().group("staff"), Create, &mut machine()),
            "group `staff` does not exist\nhint: declare the account before it, or correct the name"
        );
    }

    #[test]
    fn the_directory_must_exist() {
        let deep = File::at("/srv/a/b").content("");
        assert_eq!(
            refused(&deep, Create, &mut machine()),
            "directory `/srv/a` does not exist: `/srv/a/b` is to be in it\n\
             hint: declare the directory before it, or make it `recursive`"
        );
        let file = Fake::new().with_file("/srv/a", "");
        assert_eq!(refused(&deep, Create, &mut file.clone()), "`/srv/a` is a file, not a directory");
        let linked = Fake::new().with_directory("/data").with_link("/srv/a", "../data");
        assert_eq!(done(&deep, Create, &mut linked.clone()), ["write /srv/a/b \"\" 0644 root:root backup 5"]);
        assert_eq!(done(&deep, Delete, &mut machine()), Vec::<String>::new());
    }

    #[test]
    fn create_if_missing_leaves_what_is_there() {
        let file = motd().mode(0o600);
        assert_eq!(done(&file, CreateIfMissing, &mut machine().with_file(MOTD, "old")), Vec::<String>::new());
        assert_eq!(
            done(&file, CreateIfMissing, &mut machine()),
            ["write /etc/motd \"hello\\n\" 0600 root:root backup 5"]
        );
        let never = File::at(MOTD).content(lazy(|_| -> crate::Result<String> { panic!("not needed") }));
        assert_eq!(done(&never, CreateIfMissing, &mut machine().with_file(MOTD, "old")), Vec::<String>::new());
    }

    #[test]
    fn the_content_has_to_have_the_checksum() {
        let right = || motd().checksum(Digest::of(b"hello\n"));
        assert_eq!(faults(&right()), Vec::<String>::new());
        assert_eq!(done(&right(), Create, &mut machine()), ["write /etc/motd \"hello\\n\" 0644 root:root backup 5"]);
        let wanted = Digest::of(b"x");
        assert_eq!(
            faults(&motd().checksum(wanted)),
            [format!(
                "the SHA-256 of the content is not the `checksum` `{wanted}`\nhint: correct `checksum`, or the content"
            )]
        );
        let worked_out = File::at(MOTD).content(lazy(|_| Ok("hello\n".to_owned()))).checksum(wanted);
        assert_eq!(
            refused(&worked_out, Create, &mut machine()),
            format!(
                "the SHA-256 of the content for `/etc/motd` is not `{wanted}`; nothing was written\n\
                 hint: correct `checksum`, or the content"
            )
        );
        // Without a content, that of the file that is there; what a missing one would be is judged too.
        let there = File::at(MOTD).mode(0o600).checksum(wanted);
        assert_eq!(done(&there, Create, &mut machine().with_file(MOTD, "x")), ["set /etc/motd 0600 root:root"]);
        assert_eq!(
            refused(&there, Create, &mut machine().with_file(MOTD, "y")),
            format!(
                "the SHA-256 of `/etc/motd`, whose content is not managed, is not `{wanted}`\n\
                 hint: see who changed the file; the content that it is to have is said with `content`"
            )
        );
        assert!(refused(&there, Create, &mut machine()).contains("nothing was written"));
        // What is left as it is, is not judged: as in Chef.
        assert_eq!(done(&there, CreateIfMissing, &mut machine().with_file(MOTD, "y")), Vec::<String>::new());
        assert_eq!(done(&there, Delete, &mut machine().with_file(MOTD, "y")), ["remove /etc/motd backup 5"]);
    }

    #[test]
    fn touch_is_a_change_each_time() {
        let file = File::at(MOTD);
        assert_eq!(done(&file, Touch, &mut machine()), ["write /etc/motd \"\" 0644 root:root backup 5"]);
        assert_eq!(done(&file, Touch, &mut machine().with_file(MOTD, "old")), ["run touch -c -- /etc/motd"]);
        assert_eq!(
            done(&file.mode(0o600), Touch, &mut machine().with_file(MOTD, "old")),
            ["set /etc/motd 0600 root:root", "run touch -c -- /etc/motd"]
        );
    }

    #[test]
    fn delete_removes_a_file_or_a_link_and_nothing_else() {
        let file = File::at(MOTD).backup(2_u32);
        assert_eq!(done(&file, Delete, &mut machine().with_file(MOTD, "old")), ["remove /etc/motd backup 2"]);
        let linked = machine().with_file("/srv/motd", "x").with_link(MOTD, "/srv/motd");
        assert_eq!(done(&file, Delete, &mut linked.clone()), ["remove /etc/motd backup 0"]);
        let followed = File::at(MOTD).manage_symlink_source(true);
        assert_eq!(done(&followed, Delete, &mut linked.clone()), ["remove /etc/motd backup 0"]);
        assert_eq!(
            refused(&file, Delete, &mut machine().with_directory(MOTD)),
            "`/etc/motd` is a directory, not a file\nhint: set `force_unlink` to have it removed"
        );
        let forced = File::at(MOTD).force_unlink(true);
        assert_eq!(
            done(&forced, Delete, &mut machine().with_file("/etc/motd/x", "")),
            ["remove /etc/motd recursive backup 0"]
        );
    }

    #[test]
    fn what_is_in_the_way_is_named_with_a_cure() {
        let cases = [
            (machine().with_directory(MOTD), "`/etc/motd` is a directory, not a file", "remove"),
            (machine().with_entry(MOTD, pipe()), "`/etc/motd` is a named pipe, not a file", "remove"),
        ];
        for (mut machine, sentence, _) in cases {
            let hint = "\nhint: remove it, or set `force_unlink` to have it replaced";
            assert_eq!(refused(&motd(), Create, &mut machine), format!("{sentence}{hint}"));
        }
        let forced = motd().force_unlink(true);
        assert_eq!(
            done(&forced, Create, &mut machine().with_file("/etc/motd/x", "")),
            ["remove /etc/motd recursive backup 0", "write /etc/motd \"hello\\n\" 0644 root:root backup 5"]
        );
        assert_eq!(
            done(&forced, Create, &mut machine().with_entry(MOTD, pipe())),
            ["remove /etc/motd backup 0", "write /etc/motd \"hello\\n\" 0644 root:root backup 5"]
        );
    }

    #[test]
    fn a_link_is_refused_followed_or_replaced() {
        let linked = || machine().with_file("/srv/motd", "old").with_link(MOTD, "../srv/motd");
        assert_eq!(
            refused(&motd(), Create, &mut linked()),
            "`/etc/motd` is a symbolic link to `../srv/motd`, not a file\n\
             hint: set `manage_symlink_source` to manage the file it leads to, or `force_unlink(true)` to replace the link"
        );
        let followed = || motd().manage_symlink_source(true);
        assert_eq!(done(&followed(), Create, &mut linked()), ["write /srv/motd \"hello\\n\" 0644 root:root backup 5"]);
        let replaced = ["remove /etc/motd backup 0", "write /etc/motd \"hello\\n\" 0644 root:root backup 5"];
        assert_eq!(done(&motd().force_unlink(true), Create, &mut linked()), replaced);
        let to_directory = machine().with_directory("/srv").with_link(MOTD, "/srv");
        assert_eq!(
            refused(&followed(), Create, &mut to_directory.clone()),
            "`/etc/motd` is a directory, not a file\nhint: remove it, or set `force_unlink` to have it replaced"
        );
        assert_eq!(done(&followed().force_unlink(true), Create, &mut to_directory.clone()), replaced);
    }

    #[test]
    fn a_link_that_leads_nowhere_or_in_a_circle_is_an_error() {
        let followed = motd().manage_symlink_source(true);
        assert_eq!(
            refused(&followed, Create, &mut machine().with_link(MOTD, "/gone")),
            "`/etc/motd` is a symbolic link to `/gone`, not a file\n\
             hint: it leads nowhere: make what it leads to, or set `force_unlink` to replace the link"
        );
        assert_eq!(
            refused(&followed, Create, &mut machine().with_link(MOTD, "motd")),
            "the links at `/etc/motd` go round in a circle"
        );
    }

    #[test]
    fn a_link_that_anybody_may_have_put_there_is_not_followed() {
        let file = File::at("/tmp/out").content("x").manage_symlink_source(true);
        let tmp = entry(EntryKind::Directory, 0o1777, "root", "root");
        let link = |owner| entry(EntryKind::Link { target: MOTD.into() }, 0o777, owner, "www");
        let machine = machine().with_file(MOTD, "old").with_entry("/tmp", tmp);
        assert_eq!(
            refused(&file, Create, &mut machine.clone().with_entry("/tmp/out", link("www"))),
            "`/tmp/out` is a symbolic link of `www` in a directory that everybody may write to, and is not followed\n\
             hint: manage the file it leads to by its own path"
        );
        let mut own = machine.with_entry("/tmp/out", link("root"));
        assert_eq!(done(&file, Create, &mut own), ["write /etc/motd \"x\" 0644 root:root backup 5"]);
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        let at = |path: &str| faults(&File::at(path));
        assert_eq!(at(""), ["the path is empty"]);
        assert_eq!(
            at("etc/motd"),
            ["path `etc/motd` is relative\n\
              hint: a run has no current directory to start from: write it from the root, as `/etc/motd`"]
        );
        let climbs = "hint: write the path it leads to; what comes from attributes must not climb out of its directory";
        assert_eq!(at("/etc/../root/x"), [format!("path `/etc/../root/x` contains `..`\n{climbs}")]);
        assert_eq!(at("/etc/\0x"), ["path `/etc/\\0x` contains a NUL byte\nhint: no file can have such a name"]);
        assert_eq!(
            at("/etc/x/"),
            ["path `/etc/x/` ends in `/`, so it means a directory\nhint: leave the `/` out, or declare a `directory`"]
        );
        assert_eq!(at("/etc/..x/.y"), Vec::<String>::new());
        assert_eq!(
            faults(&motd().mode(99999).owner("").group("a:b")),
            [
                "mode 99999 (octal 303237) is beyond 7777; write permission bits in octal, as in `0o644`",
                "owner \"\" is no account name",
                "group \"a:b\" is no account name"
            ]
        );
    }

    #[test]
    fn secrets_are_known_as_such_also_before_they_are_worked_out() {
        assert!(!motd().is_sensitive());
        assert!(File::at(MOTD).content(Secret::from("canary")).is_sensitive());
        assert!(File::at(MOTD).content(lazy(|_| Ok(Secret::from("canary")))).is_sensitive());
        assert!(!File::at(MOTD).content(lazy(|_| Ok("plain".to_owned()))).is_sensitive());
        let secret = File::at(MOTD).content(Secret::from("canary"));
        let machine = machine().with_file(MOTD, "canary of old");
        let changed = prepare(&secret, Create, false, &machine).unwrap().unwrap().into_changed();
        let report = serde_json::to_string(&changed).unwrap();
        assert!(!report.contains("canary") && changed.diffs.is_empty(), "{report}");
    }

    #[test]
    fn what_depends_on_a_neighbour_stands_alone() {
        assert_eq!(motd().batch(), Some("files"));
        assert_eq!(motd().verify("true").batch(), None);
        assert_eq!(File::at(MOTD).content(lazy(|_| Ok(String::new()))).batch(), None);
    }

    #[test]
    fn without_root_rights_a_new_file_is_ones_own() {
        let mut machine: Fake = serde_json::from_value(serde_json::json!({
            "effective_user": 1000,
            "entries": { "/home/me": { "type": "directory" } },
        }))
        .unwrap();
        machine = machine.with_user("me", 1000);
        assert_eq!(
            done(&File::at("/home/me/x").content(""), Create, &mut machine),
            ["write /home/me/x \"\" 0644 me:me backup 5"]
        );
    }

    #[test]
    fn a_state_comes_back_from_json() {
        let there = super::State {
            entry: Some(entry(EntryKind::File { content: "x".into() }, 0o644, "root", "root")),
            source: Some(MOTD.into()),
        };
        for state in [super::State::ABSENT, there] {
            let json = serde_json::to_value(&state).unwrap();
            assert_eq!(serde_json::from_value::<super::State>(json).unwrap(), state);
        }
        assert_eq!(Mode::from(super::NEW).to_string(), "0644");
    }
}
