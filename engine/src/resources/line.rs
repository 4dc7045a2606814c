//! `line[name]`
use std::path::PathBuf;

use super::{
    edit,
    file::{File, State},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::Words,
};

properties! {
    /// One line of a file that others manage the rest of. With `matching`, the lines that match become this one (the
    /// first of them; others that match go); without a match it is added. Without `matching`, a line that is there more
    /// than once stays so, for it may have to, as the `fi` of a script. Everything else in the file, its mode and its owner
    /// stay as they are.
    pub struct Line("any name") {
        name: String;
        /// The file.
        path: PathBuf,
        /// The line, without its end.
        line: String,
        /// A regular expression: lines that match it are replaced or removed.
        matching: String,
        /// A new line goes behind the last line that matches this regular expression.
        after: String,
        /// A new line goes before the first line that matches this regular expression.
        before: String,
        /// Whether the line is added where none matches. True when not given.
        append: bool,
        /// Whether a file that is not there is made. False when not given.
        create_file: bool,
        /// How many earlier versions of the file to keep; 5 when not given, 0 for none.
        backup: u32,
        /// Commands that judge the new content before it replaces the old; `%{path}` in them is the file to judge.
        verify: Words,
        /// Whether to edit the file that a symbolic link at this path leads to. Without it, a link is refused.
        manage_symlink_source: bool,
    }
    example r#"r.add(Line::in_file("/etc/ssh/sshd_config", "PermitRootLogin no").matching("^#?PermitRootLogin\\b"));"#
}

actions! {
    /// What can be asked of a line.
    pub enum Action {
        Present = "present": "Has the line be there; with `matching`, once.",
        Absent = "absent": "Removes the lines that match, or are this one.",
    }
}
pub use Action::*;

impl Line {
    /// The line in the file at this absolute path.
    #[must_use]
    pub fn in_file(path: impl Into<PathBuf>, line: impl Into<String>) -> Self {
        let (path, line) = (path.into(), line.into());
        Self::bare(format!("{}: {line}", path.display())).path(path).line(line)
    }

    fn file(&self) -> File {
        let follow = self.manage_symlink_source.unwrap_or(false);
        edit::file(self.path.as_deref(), self.backup, self.verify.as_ref(), follow)
    }

    fn pattern(&self, what: &str, text: Option<&String>) -> Result<Option<regex_lite::Regex>> {
        text.map(|text| edit::pattern(what, text)).transpose().map_err(Error::from)
    }

    fn present(&self, lines: &mut edit::Lines) -> Result<()> {
        let line = self.line.as_deref().unwrap_or_default();
        let matching = self.pattern("`matching`", self.matching.as_ref())?;
        let (after, before) =
            (self.pattern("`after`", self.after.as_ref())?, self.pattern("`before`", self.before.as_ref())?);
        let matches = |text: &str| matching.as_ref().is_some_and(|matching| matching.is_match(text));
        let there = lines.bare().position(|text| text == line);
        let first = there.or_else(|| lines.bare().position(matches));
        let Some(first) = first else {
            if self.append.unwrap_or(true) {
                let at = lines.place(after.as_ref(), before.as_ref());
                lines.replace(at, at, [line]);
            }
            return Ok(());
        };
        if there.is_none() {
            lines.replace(first, first + 1, [line]);
        }
        if matching.is_some() {
            let mut seen = false;
            lines.retain(|text| {
                let is_it = text == line;
                let keep = !matches(text) && !is_it || is_it && !seen;
                seen |= is_it;
                keep
            });
        }
        Ok(())
    }

    fn absent(&self, lines: &mut edit::Lines) -> Result<()> {
        let matching = self.pattern("`matching`", self.matching.as_ref())?;
        lines.retain(|text| match &matching {
            Some(matching) => !matching.is_match(text),
            None => self.line.as_deref() != Some(text),
        });
        Ok(())
    }
}

impl Resource for Line {
    const KIND: &'static str = "line";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = edit::path_faults(self.path.as_deref());
        faults.extend(self.line.as_ref().and_then(|line| edit::line_fault("`line`", line)));
        for (what, text) in [("`matching`", &self.matching), ("`after`", &self.after), ("`before`", &self.before)] {
            faults.extend(text.as_ref().and_then(|text| edit::pattern(what, text).err()));
        }
        if self.after.is_some() && self.before.is_some() {
            faults.push(Fault::new("it has both `after` and `before`").hint("leave one of them out"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Present if self.line.is_none() => vec![Fault::new("there is no `line` to put into the file")],
            Absent if self.line.is_none() && self.matching.is_none() => {
                vec![Fault::new("it is not said which lines are to go").hint("say it with `line` or `matching`")]
            }
            Present | Absent => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file().read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let (file, found) = (self.file(), Found::new(Self::KIND, &self.name));
        let state = file.read(probe)?;
        let lines = edit::Lines::of(edit::text(&file, &state)?);
        let matching = self.pattern("`matching`", self.matching.as_ref())?;
        let found = edit::told(found, &file).with("matching", self.matching.clone());
        let there = lines.bare().find(|line| self.line.as_deref() == Some(line));
        let matches = |line: &&str| matching.as_ref().is_some_and(|matching| matching.is_match(line));
        match there.or_else(|| lines.bare().find(matches)) {
            Some(line) => edit::with_text(found, "line", line, &state).settled::<Self>(Present, probe).map(Some),
            None if self.line.is_none() && self.matching.is_none() => {
                Ok(Some(found.unsaid("which line: ask for one with `line` or `matching`")))
            }
            None => Ok(Some(found.with("line", self.line.clone()).action("absent"))),
        }
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let create = self.create_file.unwrap_or(false);
        edit::goal(&self.file(), now, probe, create, |lines| match action {
            Present => self.present(lines),
            Absent => self.absent(lines),
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use super::{Absent, Line, Present};
    use crate::{
        host::{Entry, EntryKind, Fake, Probe as _},
        resource::Resource as _,
        resources::trial::{done, faults, refused, text},
        values::Mode,
    };

    const PATH: &str = "/etc/conf";

    #[test]
    fn a_line_is_shown() {
        let mut machine = Fake::new().with_file(PATH, "Port 22\n#Root no\nRoot yes\n");
        let told = |line: Line, machine: &Fake| {
            let found = line.path(PATH).found(machine).unwrap().unwrap();
            (serde_json::to_value(found.properties).unwrap(), found.actions, found.private.len() + found.unsaid.len())
        };
        let line = || Line::in_file(PATH, "x");
        let matching = |pattern: &str| Line { line: None, ..line().matching(pattern) };
        let of = |more: serde_json::Value| {
            let mut all = serde_json::json!({"path": PATH});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let port = of(serde_json::json!({"matching": "^Port", "line": "Port 22"}));
        assert_eq!(told(matching("^Port"), &machine), (port, vec!["present"], 0));
        // The second line that matches would go.
        assert_eq!(told(matching("Root"), &machine).1.len(), 0);
        assert_eq!(told(line(), &machine), (of(serde_json::json!({"line": "x"})), vec!["absent"], 0));
        let secret =
            Entry { kind: EntryKind::File { content: "x\n".into() }, ..machine.entry(PATH.as_ref()).unwrap().unwrap() };
        machine = machine.with_entry(PATH, Entry { mode: Mode::from(0o600), ..secret });
        assert_eq!(told(line(), &machine), (of(serde_json::json!({})), vec!["present"], 1));
    }

    fn edited(line: &Line, action: super::Action, before: &str) -> String {
        let mut machine = Fake::new().with_file(PATH, before);
        done(line, action, &mut machine);
        text(&machine, PATH)
    }

    #[test]
    fn a_line_is_added_once_and_where_it_belongs() {
        let line = || Line::in_file(PATH, "b = 2");
        for (before, after) in [
            ("", "b = 2\n"),
            ("a = 1", "a = 1\nb = 2\n"),
            ("a = 1\n", "a = 1\nb = 2\n"),
            ("b = 2\na = 1\n", "b = 2\na = 1\n"),
            ("a = 1\r\n", "a = 1\r\nb = 2\r\n"),
            ("b = 2", "b = 2"),
            ("b = 2\na = 1\nb = 2\n", "b = 2\na = 1\nb = 2\n"),
        ] {
            assert_eq!(edited(&line(), Present, before), after, "{before:?}");
        }
        let middle = "[one]\nx\n[two]\ny\n";
        assert_eq!(edited(&line().after("^x"), Present, middle), "[one]\nx\nb = 2\n[two]\ny\n");
        assert_eq!(edited(&line().before("^\\[two"), Present, middle), "[one]\nx\nb = 2\n[two]\ny\n");
        assert_eq!(edited(&line().after("^none"), Present, middle), "[one]\nx\n[two]\ny\nb = 2\n");
        assert_eq!(edited(&line().append(false), Present, middle), middle);
    }

    #[test]
    fn lines_that_match_become_this_one() {
        let line = || Line::in_file(PATH, "PermitRootLogin no").matching("^#?PermitRootLogin\\b");
        for (before, after) in [
            ("x\n#PermitRootLogin yes\ny\n", "x\nPermitRootLogin no\ny\n"),
            ("PermitRootLogin yes\nx\nPermitRootLogin no\n", "x\nPermitRootLogin no\n"),
            ("PermitRootLogin no\nPermitRootLogin no\n", "PermitRootLogin no\n"),
            ("PermitRootLoginX\n", "PermitRootLoginX\nPermitRootLogin no\n"),
            ("PermitRootLogin yes", "PermitRootLogin no\n"),
        ] {
            assert_eq!(edited(&line(), Present, before), after, "{before:?}");
        }
    }

    #[test]
    fn lines_are_removed() {
        assert_eq!(edited(&Line::in_file(PATH, "b"), Absent, "a\nb\nbb\nb"), "a\nbb\n");
        assert_eq!(edited(&Line::in_file(PATH, "b").matching("^b"), Absent, "a\nb\nbb\n"), "a\n");
        let gone = Line::in_file("/etc/none", "b");
        assert!(done(&gone, Absent, &mut Fake::new().with_directory("/etc")).is_empty());
    }

    #[test]
    fn mode_and_owner_stay() {
        let mut machine = Fake::new().with_user("bob", 1000).with_entry(
            PATH,
            Entry {
                kind: EntryKind::File { content: "a\n".into() },
                mode: Mode::from(0o640),
                owner: "bob".into(),
                group: "root".into(),
            },
        );
        let operations = done(&Line::in_file(PATH, "b").backup(0_u32), Present, &mut machine);
        assert_eq!(operations, ["write /etc/conf \"a\\nb\\n\" 0640 bob:root backup 0"]);
    }

    #[test]
    fn what_cannot_be_edited_is_refused() {
        let line = || Line::in_file(PATH, "b");
        let mut absent = Fake::new().with_directory("/etc");
        assert_eq!(
            refused(&line(), Present, &mut absent),
            "file `/etc/conf` does not exist: only a file that is there can be edited"
        );
        assert_eq!(done(&line().create_file(true), Present, &mut absent).len(), 1);
        let mut binary = Fake::new().with_file(PATH, b"a\n\xff\n".to_vec());
        assert_eq!(
            refused(&line(), Present, &mut binary),
            "`/etc/conf` is no UTF-8 text: line 2 is not\n\
             hint: what is not text cannot be edited by lines; manage the whole file instead"
        );
        assert_eq!(faults(&line().line("a\nb")), ["`line` is more than one line"]);
        assert_eq!(faults(&line().matching("[")).len(), 1);
        assert_eq!(line().after("a").before("b").check().len(), 1);
        assert_eq!(Line::bare("x".to_owned()).path(PATH).check_action(Absent).len(), 1);
    }
}
