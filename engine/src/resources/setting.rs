//! `setting[name]`
use std::path::PathBuf;

use super::{
    edit,
    entry::text_of,
    file::{File, State},
};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::Words,
};

properties! {
    /// One setting of a file of `key = value` lines, with or without `[sections]`. A setting that is there keeps its
    /// place, a second one of the same key in the section goes; a new one goes to the end of its section. Lines that are
    /// comments are left alone, and so is the rest of the file, its mode and its owner.
    pub struct Setting("any name") {
        name: String;
        /// The file.
        path: PathBuf,
        /// The section, without its brackets; what stands before the first one when not given.
        section: String,
        /// The key.
        key: String,
        /// The value, as it is written in the file.
        value: String,
        /// What is written between key and value; ` = ` when not given. Files are read whatever blanks are around it.
        separator: String,
        /// Whether a file that is not there is made. False when not given.
        create_file: bool,
        /// How many earlier versions of the file to keep; 5 when not given, 0 for none.
        backup: u32,
        /// Commands that judge the new content before it replaces the old; `%{path}` in them is the file to judge.
        verify: Words,
        /// Whether to edit the file that a symbolic link at this path leads to. Without it, a link is refused.
        manage_symlink_source: bool,
    }
    example r#"r.add(Setting::in_file("/etc/systemd/journald.conf", "SystemMaxUse", "200M").section("Journal").separator("="));"#
}

actions! {
    /// What can be asked of a setting.
    pub enum Action {
        Set = "set": "Has the key be there, once, with this value.",
        Unset = "unset": "Removes the key.",
    }
}
pub use Action::*;

impl Setting {
    /// The setting of this key in the file at this absolute path.
    #[must_use]
    pub fn in_file(path: impl Into<PathBuf>, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (path, key) = (path.into(), key.into());
        Self::bare(format!("{}: {key}", path.display())).path(path).key(key).value(value)
    }

    fn file(&self) -> File {
        let follow = self.manage_symlink_source.unwrap_or(false);
        edit::file(self.path.as_deref(), self.backup, self.verify.as_ref(), follow)
    }

    fn between(&self) -> &str {
        self.separator.as_deref().unwrap_or(" = ")
    }

    /// Where the section's lines are: from behind its head to the next head. `None`: there is no such section.
    fn section_in(&self, lines: &edit::Lines) -> Option<(usize, usize)> {
        let head = |line: &str| {
            let line = line.trim();
            line.strip_prefix('[').and_then(|line| line.strip_suffix(']')).map(|name| name.trim().to_owned())
        };
        let heads: Vec<_> = lines.bare().enumerate().filter_map(|(at, line)| Some((at, head(line)?))).collect();
        let end = |next: usize| heads.get(next).map_or(lines.len(), |(at, _)| *at);
        match &self.section {
            None => Some((0, end(0))),
            Some(wanted) => {
                let at = heads.iter().position(|(_, name)| name == wanted)?;
                Some((heads[at].0 + 1, end(at + 1)))
            }
        }
    }

    /// The value of a line that sets the key.
    fn value_in<'l>(&self, line: &'l str) -> Option<&'l str> {
        let rest = line.trim_start().strip_prefix(self.key.as_deref()?)?;
        match self.between().trim() {
            "" => (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim()),
            sign => rest.trim_start().strip_prefix(sign).map(str::trim),
        }
    }

    /// The value that the file has of the key.
    fn present(&self, file: &State) -> Option<String> {
        let lines = edit::Lines::of(text_of(file.entry.as_ref())?);
        let (start, end) = self.section_in(&lines)?;
        let mut values = lines.bare().take(end).skip(start).filter_map(|line| self.value_in(line));
        values.next().map(str::to_owned)
    }

    fn edit(&self, action: Action, lines: &mut edit::Lines) {
        let section = self.section_in(lines);
        let (start, end) = section.unwrap_or((lines.len(), lines.len()));
        let of_key: Vec<(usize, bool)> = lines
            .bare()
            .enumerate()
            .take(end)
            .skip(start)
            .filter_map(|(at, line)| {
                Some((at, self.value_in(line)? == self.value.as_deref().unwrap_or_default().trim()))
            })
            .collect();
        let keep = match action {
            Set => of_key.iter().find(|(_, same)| *same).or(of_key.first()).copied(),
            Unset => None,
        };
        // From behind, so that what is removed moves nothing that is still to be looked at.
        for (at, _) in of_key.iter().rev().filter(|(at, _)| keep.is_none_or(|(kept, _)| kept != *at)) {
            lines.replace(*at, at + 1, []);
        }
        if action == Unset {
            return;
        }
        let (key, value) = (self.key.as_deref().unwrap_or_default(), self.value.as_deref().unwrap_or_default());
        let line = format!("{key}{}{value}", self.between());
        let line = line.trim_end();
        match keep {
            Some((_, true)) => {}
            Some((at, false)) => {
                let at = at - of_key.iter().filter(|(other, _)| *other < at).count();
                lines.replace(at, at + 1, [line]);
            }
            None => match (&self.section, section) {
                (Some(name), None) => {
                    let head = format!("[{name}]");
                    let gap = (lines.len() > 0).then_some("");
                    lines.replace(end, end, gap.into_iter().chain([head.as_str(), line]));
                }
                (Some(_) | None, _) => {
                    // Blank lines between sections stay between them.
                    let blank =
                        lines.bare().take(end).skip(start).rev().take_while(|line| line.trim().is_empty()).count();
                    lines.replace(end - blank, end - blank, [line]);
                }
            },
        }
    }
}

impl Resource for Setting {
    const KIND: &'static str = "setting";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = edit::path_faults(self.path.as_deref());
        let parts = [
            ("`section`", &self.section),
            ("`key`", &self.key),
            ("`value`", &self.value),
            ("`separator`", &self.separator),
        ];
        for (what, text) in parts {
            faults.extend(text.as_ref().and_then(|text| edit::line_fault(what, text)));
        }
        match &self.key {
            None => faults.push(Fault::new("no key is named").hint("say which with `key`")),
            Some(key) if key.trim() != key || key.is_empty() || key.starts_with(['#', ';', '[']) => {
                faults.push(Fault::new(format!("`{}` is no key", key.escape_debug())));
            }
            Some(_) => {}
        }
        if self.separator.as_ref().is_some_and(String::is_empty) {
            faults
                .push(Fault::new("`separator` is empty").hint("a blank is the least that tells a key from its value"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Set if self.value.is_none() => vec![Fault::new("there is no `value` to set")],
            Set | Unset => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file().read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let path = self.path.as_ref().map(|path| path.display().to_string());
        let found = Found::new(Self::KIND, &self.name).with("path", path).with("section", self.section.clone());
        let found = found.with("key", self.key.clone()).with("separator", self.separator.clone());
        let state = self.read(probe)?;
        Ok(Some(match self.present(&state) {
            Some(value) if state.entry.as_ref().is_some_and(|entry| entry.mode.bits() & 0o004 == 0) => {
                let mut found = found.action("set");
                found.private.insert("value".to_owned(), value.into());
                found
            }
            Some(value) => found.action("set").with("value", value),
            None => found.action("unset"),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let create = self.create_file.unwrap_or(false);
        edit::goal(&self.file(), now, probe, create, |lines| {
            self.edit(action, lines);
            Ok(())
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use super::{Set, Setting, Unset};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, text},
    };

    const PATH: &str = "/etc/conf";

    fn edited(setting: &Setting, action: super::Action, before: &str) -> String {
        let mut machine = Fake::new().with_file(PATH, before);
        done(setting, action, &mut machine);
        text(&machine, PATH)
    }

    #[test]
    fn a_setting_without_sections() {
        let setting = || Setting::in_file(PATH, "port", "53").separator("=");
        for (before, after) in [
            ("", "port=53\n"),
            ("# port=1\nport = 54\nx=1", "# port=1\nport=53\nx=1"),
            ("  port =  53  \n", "  port =  53  \n"),
            ("port=1\nx\nport=53\nport=2\n", "x\nport=53\n"),
            ("port=1\nport=2\n", "port=53\n"),
            ("portal=1\n", "portal=1\nport=53\n"),
            ("a=1\n\n[s]\nport=1\n", "a=1\nport=53\n\n[s]\nport=1\n"),
        ] {
            assert_eq!(edited(&setting(), Set, before), after, "{before:?}");
        }
        assert_eq!(edited(&setting(), Unset, "port=1\nx\n port=2\n"), "x\n");
    }

    #[test]
    fn a_setting_in_a_section() {
        let setting = || Setting::in_file(PATH, "SystemMaxUse", "200M").section("Journal").separator("=");
        for (before, after) in [
            ("", "[Journal]\nSystemMaxUse=200M\n"),
            ("x=1\n", "x=1\n\n[Journal]\nSystemMaxUse=200M\n"),
            ("[Journal]\n#SystemMaxUse=\n\n[Other]\n", "[Journal]\n#SystemMaxUse=\nSystemMaxUse=200M\n\n[Other]\n"),
            (
                "[Other]\nSystemMaxUse=1\n[ Journal ]\nSystemMaxUse=1",
                "[Other]\nSystemMaxUse=1\n[ Journal ]\nSystemMaxUse=200M\n",
            ),
        ] {
            assert_eq!(edited(&setting(), Set, before), after, "{before:?}");
        }
    }

    #[test]
    fn a_blank_may_be_the_separator() {
        let setting = || Setting::in_file(PATH, "PermitRootLogin", "no").separator(" ");
        assert_eq!(edited(&setting(), Set, "PermitRootLogin\tyes\n"), "PermitRootLogin no\n");
        assert_eq!(edited(&setting(), Set, "PermitRootLoginX yes\n"), "PermitRootLoginX yes\nPermitRootLogin no\n");
        assert_eq!(edited(&setting(), Set, "PermitRootLogin   no\n"), "PermitRootLogin   no\n");
    }

    #[test]
    fn faults_of_a_declaration() {
        assert_eq!(faults(&Setting::in_file(PATH, "#a", "x")), ["`#a` is no key"]);
        assert_eq!(faults(&Setting::in_file(PATH, "a", "x\ny")), ["`value` is more than one line"]);
        assert_eq!(faults(&Setting::in_file("etc/conf", "a", "x")).len(), 1);
        assert_eq!(
            faults(&Setting::in_file(PATH, "a", "x").separator("")),
            ["`separator` is empty\nhint: a blank is the least that tells a key from its value"]
        );
    }
}
