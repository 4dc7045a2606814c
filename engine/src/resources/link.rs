//! `link[path]`
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::entry::{another_kind, in_the_way, leaf_faults, require_parent};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, Op, Probe},
    properties,
    resource::{Change, Found, Goal, Property, Resource},
};

/// Backups kept of a file that a hard link replaces.
const BACKUP: u32 = 5;

/// What a link is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkType {
    /// A path that leads to the target, which need not exist.
    #[default]
    Symbolic,
    /// Another name of the target's own content, on the same file system.
    Hard,
}

impl Property for LinkType {
    const TYPE: &'static str = "symbolic or hard";

    fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        match value.as_str() {
            Some("symbolic") => Ok(Self::Symbolic),
            Some("hard") => Ok(Self::Hard),
            Some(_) | None => Err(format!("expected `symbolic` or `hard`, found {value}")),
        }
    }
}

properties! {
    /// A symbolic or hard link. One that leads elsewhere is put right; a directory, or a file where a symbolic link should
    /// be, is never replaced.
    pub struct Link("path") {
        path: PathBuf;
        /// What it leads to. Of a symbolic link it may be relative, and need not exist.
        to: PathBuf,
        /// `symbolic` (when not given) or `hard`.
        link_type: LinkType,
    }
    example r#"r.add(Link::at("/usr/local/bin/python").to("/usr/bin/python3"));"#
}

actions! {
    /// What can be asked of a link.
    pub enum Action {
        Create = "create": "Has the link exist and lead there.",
        Delete = "delete": "Removes the link, and never what it leads to.",
    }
}
pub use Action::*;

/// What is at the path. Serialized, nothing is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Option<There>", into = "Option<There>")]
pub enum State {
    /// Nothing.
    Absent,
    /// A symbolic link.
    Symbolic {
        /// Where it leads, as written in it.
        to: PathBuf,
    },
    /// A file; of a hard link: whether it is the target's.
    File {
        /// The target whose other name it is.
        hard_link_to: Option<PathBuf>,
    },
    /// Something that is never replaced.
    Other {
        /// What it is.
        what: EntryKind,
    },
}

/// [`State`] of something that is there, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum There {
    Symbolic {
        to: PathBuf,
    },
    File {
        hard_link_to: Option<PathBuf>,
    },
    Other {
        #[serde(flatten)]
        what: EntryKind,
    },
}

impl From<Option<There>> for State {
    fn from(there: Option<There>) -> Self {
        match there {
            None => Self::Absent,
            Some(There::Symbolic { to }) => Self::Symbolic { to },
            Some(There::File { hard_link_to }) => Self::File { hard_link_to },
            Some(There::Other { what }) => Self::Other { what },
        }
    }
}

impl From<State> for Option<There> {
    fn from(state: State) -> Self {
        match state {
            State::Absent => None,
            State::Symbolic { to } => Some(There::Symbolic { to }),
            State::File { hard_link_to } => Some(There::File { hard_link_to }),
            State::Other { what } => Some(There::Other { what }),
        }
    }
}

impl Link {
    /// The link at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    /// Makes it a hard link.
    #[must_use]
    pub fn hard(self) -> Self {
        self.link_type(LinkType::Hard)
    }

    fn kind(&self) -> LinkType {
        self.link_type.unwrap_or_default()
    }

    fn create(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        let shown = self.path.display();
        let Some(to) = self.to.clone() else { return Err(no_target().into()) };
        let wanted = match self.kind() {
            LinkType::Symbolic => State::Symbolic { to },
            LinkType::Hard => match probe.entry(&to)?.map(|entry| entry.kind) {
                Some(EntryKind::File { .. }) => State::File { hard_link_to: Some(to) },
                Some(kind @ (EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. })) => {
                    return Err(in_the_way(&to, &kind, "file").hint("only a file can have a hard link"));
                }
                None => {
                    let why = Some(format!("`{shown}` is to be a hard link to it"));
                    return Err(Error::Missing { kind: "file", name: to.display().to_string(), why });
                }
            },
        };
        match (now, self.kind()) {
            (State::Absent, LinkType::Symbolic | LinkType::Hard) => require_parent(&self.path, probe)?,
            (State::Symbolic { .. }, LinkType::Symbolic | LinkType::Hard) | (State::File { .. }, LinkType::Hard) => {}
            (State::File { .. }, LinkType::Symbolic) => {
                let error = Error::failed(format!("`{shown}` is a file, not a symbolic link"));
                return Err(error.hint("move it away first; a link never replaces a file"));
            }
            (State::Other { what }, LinkType::Symbolic | LinkType::Hard) => {
                let error = in_the_way(&self.path, what, "link");
                return Err(error.hint("move it away first, or choose another path"));
            }
        }
        Ok(wanted)
    }

    fn delete(&self, now: &State) -> Result<State> {
        match now {
            State::Absent | State::Symbolic { .. } | State::File { hard_link_to: Some(_) } => Ok(State::Absent),
            State::File { hard_link_to: None } => {
                let error = Error::failed(format!("`{}` is a file, not this link", self.path.display()));
                Err(error.hint("declare a `file` with the action `delete`"))
            }
            State::Other { what } => {
                Err(in_the_way(&self.path, what, "link").hint("declare what it is with the action `delete`"))
            }
        }
    }
}

fn no_target() -> Fault {
    Fault::new("it has no target").hint("say where it leads with `to`")
}

impl Resource for Link {
    const KIND: &'static str = "link";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = leaf_faults(&self.path);
        if let Some(to) = &self.to {
            let shown = to.display().to_string().replace('\0', "\\0");
            if shown.is_empty() {
                faults.push(Fault::new("the target is empty"));
            } else if shown.contains("\\0") {
                faults.push(Fault::new(format!("target `{shown}` contains a NUL byte")));
            } else if self.kind() == LinkType::Hard && !to.is_absolute() {
                let fault = Fault::new(format!("target `{shown}` of a hard link is relative"));
                faults.push(fault.hint("write it from the root"));
            } else if *to == self.path {
                faults.push(Fault::new("it leads to itself"));
            }
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create if self.to.is_none() => vec![no_target()],
            Create | Delete => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let Some(Entry { kind, .. }) = probe.entry(&self.path)? else { return Ok(State::Absent) };
        Ok(match kind {
            EntryKind::Link { target } => State::Symbolic { to: target },
            EntryKind::File { .. } => {
                let hard = self.to.as_ref().filter(|_| self.kind() == LinkType::Hard);
                let hard_link_to = match hard {
                    Some(to) if probe.same_file(&self.path, to)? => Some(to.clone()),
                    Some(_) | None => None,
                };
                State::File { hard_link_to }
            }
            EntryKind::Directory | EntryKind::Other { .. } => State::Other { what: kind },
        })
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.name());
        Ok(Some(match self.read(probe)? {
            State::Absent => found.action("delete"),
            State::Symbolic { to } => found.action("create").with("to", to.display().to_string()),
            State::File { .. } => {
                let error = Error::failed(format!("`{}` is a file, not a link", self.path.display()));
                return Err(error.hint("ask for `file` in place of `link`"));
            }
            State::Other { what } => return Err(another_kind(&self.path, &what, "link")),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        match action {
            Create => self.create(now, probe),
            Delete => self.delete(now),
        }
        .map(Goal::State)
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let path = self.path.clone();
        let link = |target: &PathBuf, hard| Op::Link { path: self.path.clone(), target: target.clone(), hard };
        let remove = |backup| Op::Remove { path: self.path.clone(), recursive: false, backup };
        Ok(match (&change.from, &change.to) {
            (State::Absent, State::Absent) => Vec::new(),
            (State::Absent | State::Symbolic { .. } | State::File { .. }, State::Symbolic { to }) => {
                vec![link(to, false)]
            }
            (State::Absent | State::Symbolic { .. }, State::File { hard_link_to: Some(to) }) => vec![link(to, true)],
            // Another name of an older content: what is replaced was written elsewhere, and is kept all the same.
            (State::File { .. }, State::File { hard_link_to: Some(to) }) => vec![remove(BACKUP), link(to, true)],
            (State::Symbolic { .. } | State::File { .. }, State::Absent) => vec![remove(0)],
            (
                State::Other { .. } | State::Absent | State::Symbolic { .. } | State::File { .. },
                State::Other { .. } | State::File { hard_link_to: None } | State::Absent,
            )
            | (State::Other { .. }, State::Symbolic { .. } | State::File { hard_link_to: Some(_) }) => {
                return Err(Error::failed(format!("nothing makes a link of what is at `{}`", path.display())));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Create, Delete, Link, LinkType, State};
    use crate::{
        host::{EntryKind, Fake},
        resource::{Described as _, prepare},
        resources::trial::{done, faults, faults_of, refused},
    };

    const AT: &str = "/usr/bin/python";

    fn python() -> Link {
        Link::at(AT).to("python3")
    }

    fn machine() -> Fake {
        Fake::new().with_file("/usr/bin/python3", "ELF")
    }

    #[test]
    fn a_symbolic_link_is_made_and_put_right() {
        assert_eq!(done(&python(), Create, &mut machine()), ["link /usr/bin/python -> python3"]);
        let elsewhere = machine().with_link(AT, "/usr/bin/python2");
        assert_eq!(done(&python(), Create, &mut elsewhere.clone()), ["link /usr/bin/python -> python3"]);
        assert_eq!(done(&python(), Create, &mut machine().with_link(AT, "python3")), Vec::<String>::new());
        assert_eq!(done(&Link::at(AT).to("/gone"), Create, &mut machine()), ["link /usr/bin/python -> /gone"]);
        assert_eq!(
            refused(&Link::at("/opt/x/y").to("/z"), Create, &mut machine()),
            "directory `/opt/x` does not exist: `/opt/x/y` is to be in it\n\
             hint: declare the directory before it, or make it `recursive`"
        );
    }

    #[test]
    fn what_is_no_link_is_never_replaced_by_a_symbolic_one() {
        assert_eq!(
            refused(&python(), Create, &mut machine().with_file(AT, "mine")),
            "`/usr/bin/python` is a file, not a symbolic link\n\
             hint: move it away first; a link never replaces a file"
        );
        for link in [python(), Link::at(AT).to("/usr/bin/python3").hard()] {
            assert_eq!(
                refused(&link, Create, &mut machine().with_directory(AT)),
                "`/usr/bin/python` is a directory, not a link\nhint: move it away first, or choose another path"
            );
        }
    }

    #[test]
    fn a_hard_link_is_made_and_made_again_when_the_target_is_another_file() {
        let hard = Link::at(AT).to("/usr/bin/python3").hard();
        let made = "hard link /usr/bin/python -> /usr/bin/python3";
        assert_eq!(done(&hard, Create, &mut machine()), [made]);
        // The same content in another file is no link.
        let copy = machine().with_file(AT, "ELF");
        assert_eq!(done(&hard, Create, &mut copy.clone()), ["remove /usr/bin/python backup 5", made]);
        assert_eq!(done(&hard, Create, &mut machine().with_link(AT, "python3")), [made]);
        assert_eq!(
            refused(&Link::at(AT).to("/gone").hard(), Create, &mut machine()),
            "file `/gone` does not exist: `/usr/bin/python` is to be a hard link to it"
        );
        assert_eq!(
            refused(&Link::at(AT).to("/usr").hard(), Create, &mut machine()),
            "`/usr` is a directory, not a file\nhint: only a file can have a hard link"
        );
    }

    #[test]
    fn nothing_is_null_so_that_a_new_link_is_something_new() {
        let states = [
            (State::Absent, json!(null)),
            (State::Symbolic { to: "a".into() }, json!({"kind": "symbolic", "to": "a"})),
            (State::File { hard_link_to: Some("/a".into()) }, json!({"kind": "file", "hard_link_to": "/a"})),
            (State::Other { what: EntryKind::Directory }, json!({"kind": "other", "type": "directory"})),
        ];
        for (state, written) in states {
            assert_eq!(serde_json::to_value(&state).unwrap(), written);
            assert_eq!(serde_json::from_value::<State>(written).unwrap(), state);
        }
        for (link, machine) in [(python(), machine()), (Link::at(AT).to("/usr/bin/python3").hard(), machine())] {
            let pending = prepare(&link, Create, false, &machine).unwrap().expect("it is not there");
            let fields = pending.into_changed().fields;
            assert!(fields.len() == 2 && fields.iter().all(|field| field.from.is_null()), "{fields:?}");
        }
    }

    #[test]
    fn delete_removes_the_link_alone() {
        assert_eq!(
            done(&python(), Delete, &mut machine().with_link(AT, "elsewhere")),
            ["remove /usr/bin/python backup 0"]
        );
        assert_eq!(done(&Link::at(AT), Delete, &mut machine()), Vec::<String>::new());
        let hard = Link::at(AT).to("/usr/bin/python3").hard();
        let mut linked = machine();
        done(&hard, Create, &mut linked);
        assert_eq!(done(&hard, Delete, &mut linked), ["remove /usr/bin/python backup 0"]);
        for link in [python(), hard] {
            assert_eq!(
                refused(&link, Delete, &mut machine().with_file(AT, "mine")),
                "`/usr/bin/python` is a file, not this link\nhint: declare a `file` with the action `delete`"
            );
        }
        assert_eq!(
            refused(&python(), Delete, &mut machine().with_directory(AT)),
            "`/usr/bin/python` is a directory, not a link\nhint: declare what it is with the action `delete`"
        );
    }

    #[test]
    fn bad_declarations_are_found_before_anything_is_done() {
        assert_eq!(
            refused(&Link::at(AT), Create, &mut machine()),
            "it has no target\nhint: say where it leads with `to`"
        );
        assert_eq!(faults(&Link::at(AT).to("")), ["the target is empty"]);
        assert_eq!(faults(&Link::at(AT).to("a\0b")), ["target `a\\0b` contains a NUL byte"]);
        assert_eq!(faults(&Link::at(AT).to(AT)), ["it leads to itself"]);
        assert_eq!(
            faults(&python().hard()),
            ["target `python3` of a hard link is relative\nhint: write it from the root"]
        );
        assert_eq!(faults(&Link::at("/a/").to("/b")).len(), 1);
        assert_eq!(faults_of(&Link::at(AT), Create), ["it has no target\nhint: say where it leads with `to`"]);
        assert_eq!(faults_of(&Link::at(AT), Delete), [""; 0]);
        let mut link = python();
        assert_eq!(link.set("link_type", &json!("hard")), Ok(()));
        assert_eq!(link.link_type, Some(LinkType::Hard));
        let wrong = "expected `symbolic` or `hard`, found \"soft\"".to_owned();
        assert_eq!(link.set("link_type", &json!("soft")), Err(wrong));
    }
}
