//! `setting[name]`
use std::{ops::Range, path::PathBuf};

use super::{
    edit,
    file::{File, State},
};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::Words,
};

mod style;

use style::Parts;

properties! {
    /// One setting of a file of `key = value` lines, with or without `[sections]`. A setting that is there keeps its
    /// place, a second one of the same key in the section goes; a new one goes to the end of its section. Of several
    /// sections of the same name it is the last one with the key that is changed, which counts for most programs; where
    /// none has it, the last one. Lines that are comments are left alone, and so is the rest of the file, its mode and its
    /// owner. A line `export KEY=value` is one of the key, and stays exported.
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
        /// What is written between key and value. When not given, what the line has that is there; of a new one what the
        /// other lines of the section have, or of the file, and ` = ` where there are none. Files are read whatever blanks
        /// are around it.
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
        Set = "set": "Has the key be there, once in its section, with this value.",
        Unset = "unset": "Removes the key, from all sections of this name.",
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

    /// Where lines of the section are: from behind a head of it to the next head.
    fn sections_in(&self, lines: &edit::Lines) -> Vec<Range<usize>> {
        let heads: Vec<_> = lines.bare().enumerate().filter_map(|(at, line)| Some((at, style::head(line)?))).collect();
        let end = |next: usize| heads.get(next).map_or(lines.len(), |(at, _)| *at);
        match self.section.as_deref() {
            None => Vec::from([Range { start: 0, end: end(0) }]),
            Some(wanted) => {
                let own = heads.iter().enumerate().filter(|(_, (_, name))| *name == wanted);
                own.map(|(nth, (at, _))| at + 1..end(nth + 1)).collect()
            }
        }
    }

    /// The section that counts: the last one that has the key, else the last one. `None`: there is no such section.
    fn section_in(&self, lines: &edit::Lines) -> Option<Range<usize>> {
        let mut sections = self.sections_in(lines);
        let last = sections.pop()?;
        let has_key = |section: &Range<usize>| {
            let separator = self.separator_in(lines, section);
            lines.bare().take(section.end).skip(section.start).any(|line| self.parts(line, &separator).is_some())
        };
        if has_key(&last) {
            return Some(last);
        }
        sections.into_iter().rfind(has_key).or(Some(last))
    }

    /// What is written between key and value of a line that is new.
    fn separator_in(&self, lines: &edit::Lines, section: &Range<usize>) -> String {
        let all: Vec<_> = lines.bare().collect();
        let given = self.separator.clone();
        let usual = || style::usual(&all[section.clone()]).or_else(|| style::usual(&all));
        given.or_else(usual).unwrap_or_else(|| " = ".to_owned())
    }

    /// What a line that sets the key says.
    fn parts<'l>(&self, line: &'l str, separator: &str) -> Option<Parts<'l>> {
        let sign = separator.trim();
        // Whatever else is usual in the file, this is what most files have.
        let any = self.separator.is_none().then_some("=");
        any.into_iter().chain([sign]).find_map(|sign| Parts::of(line, self.key.as_deref()?, sign))
    }

    /// The value that the file has of the key.
    fn present(&self, text: &str) -> Option<String> {
        let lines = edit::Lines::of(text);
        let section = self.section_in(&lines)?;
        let separator = self.separator_in(&lines, &section);
        let lines = lines.bare().take(section.end).skip(section.start);
        lines.filter_map(|line| self.parts(line, &separator)).next_back().map(|parts| parts.value.to_owned())
    }

    fn edit(&self, action: Action, lines: &mut edit::Lines) {
        match action {
            Set => self.edit_section(Set, self.section_in(lines), lines),
            // From behind, so that what is removed moves nothing that is still to be looked at.
            Unset => {
                for section in self.sections_in(lines).into_iter().rev() {
                    self.edit_section(Unset, Some(section), lines);
                }
            }
        }
    }

    fn edit_section(&self, action: Action, section: Option<Range<usize>>, lines: &mut edit::Lines) {
        let is_new = section.is_none();
        let section = section.unwrap_or(lines.len()..lines.len());
        let separator = self.separator_in(lines, &section);
        let Range { start, end } = section;
        let value = self.value.as_deref().unwrap_or_default().trim();
        let line_of = |parts: &Parts| {
            let between = self.separator.as_deref().unwrap_or_else(|| parts.between(&separator));
            format!("{}{}{between}{value}", parts.lead, parts.key)
        };
        let of_key: Vec<(usize, bool, String)> = (lines.bare().enumerate().take(end).skip(start))
            .filter_map(|(at, line)| {
                let parts = self.parts(line, &separator)?;
                Some((at, parts.value == value, line_of(&parts)))
            })
            .collect();
        let keep = match action {
            Set => of_key.iter().find(|(_, same, _)| *same).or(of_key.first()),
            Unset => None,
        };
        for (at, ..) in of_key.iter().rev().filter(|(at, ..)| keep.is_none_or(|(kept, ..)| kept != at)) {
            lines.replace(*at, at + 1, []);
        }
        if action == Unset {
            return;
        }
        let line = format!("{}{separator}{value}", self.key.as_deref().unwrap_or_default());
        let line = line.trim_end();
        match keep {
            Some((_, true, _)) => {}
            Some((at, false, line)) => {
                let at = at - of_key.iter().filter(|(other, ..)| other < at).count();
                lines.replace(at, at + 1, [line.trim_end()]);
            }
            None => match &self.section {
                Some(name) if is_new => {
                    let head = format!("[{name}]");
                    let gap = (lines.len() > 0).then_some("");
                    lines.replace(end, end, gap.into_iter().chain([head.as_str(), line]));
                }
                Some(_) | None => {
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
        let file = self.file();
        let state = file.read(probe)?;
        let found = edit::told(Found::new(Self::KIND, &self.name), &file).with("section", self.section.clone());
        let found = found.with("key", self.key.clone()).with("separator", self.separator.clone());
        match self.present(edit::text(&file, &state)?) {
            Some(value) => edit::with_text(found, "value", &value, &state).settled::<Self>(Set, probe).map(Some),
            None => Ok(Some(found.action("unset"))),
        }
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
        resource::Resource as _,
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
    fn what_counts_is_shown() {
        let told = |text: &str| {
            let machine = Fake::new().with_file(PATH, text);
            let found = Setting::in_file(PATH, "a", "").section("s").found(&machine).unwrap().unwrap();
            (found.properties.get("value").and_then(|value| value.as_str()).map(str::to_owned), found.actions)
        };
        assert_eq!(told("[s]\na=1\n"), (Some("1".to_owned()), vec!["set"]));
        assert_eq!(told("[s]\na=1\n[t]\n[s]\na=2\n"), (Some("2".to_owned()), vec!["set"]));
        assert_eq!(told("[s]\na=1\n[t]\n[s]\nb=2\n"), (Some("1".to_owned()), vec!["set"]));
        // One of them would go.
        assert_eq!(told("[s]\na=1\na=2\n"), (Some("2".to_owned()), vec![]));
        assert_eq!(told("[t]\na=1\n"), (None, vec!["unset"]));
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
            ("[Journal] # ours\n[x];y\n", "[Journal] # ours\nSystemMaxUse=200M\n[x];y\n"),
            ("[Journal] x\n", "[Journal] x\n\n[Journal]\nSystemMaxUse=200M\n"),
            ("[Journal]\nA=1\n[x]\n[Journal]\nB=1\n", "[Journal]\nA=1\n[x]\n[Journal]\nB=1\nSystemMaxUse=200M\n"),
            (
                "[Journal]\nSystemMaxUse=1\n[x]\n[Journal]\nSystemMaxUse=2\n[Journal]\n",
                "[Journal]\nSystemMaxUse=1\n[x]\n[Journal]\nSystemMaxUse=200M\n[Journal]\n",
            ),
            (
                "[Journal]\nSystemMaxUse=200M\n[Journal]\nSystemMaxUse=1\nSystemMaxUse=2\n",
                "[Journal]\nSystemMaxUse=200M\n[Journal]\nSystemMaxUse=200M\n",
            ),
        ] {
            assert_eq!(edited(&setting(), Set, before), after, "{before:?}");
        }
        let twice = "[Journal]\nSystemMaxUse=1\nA=1\n[x]\nSystemMaxUse=1\n[Journal] ; again\nSystemMaxUse=2\n";
        assert_eq!(edited(&setting(), Unset, twice), "[Journal]\nA=1\n[x]\nSystemMaxUse=1\n[Journal] ; again\n");
        let table = setting().section("[a]");
        assert_eq!(edited(&table, Set, "[[a]] # x\n"), "[[a]] # x\nSystemMaxUse=200M\n");
    }

    #[test]
    fn a_blank_may_be_the_separator() {
        let setting = || Setting::in_file(PATH, "PermitRootLogin", "no").separator(" ");
        assert_eq!(edited(&setting(), Set, "PermitRootLogin\tyes\n"), "PermitRootLogin no\n");
        assert_eq!(edited(&setting(), Set, "PermitRootLoginX yes\n"), "PermitRootLoginX yes\nPermitRootLogin no\n");
        assert_eq!(edited(&setting(), Set, "PermitRootLogin   no\n"), "PermitRootLogin   no\n");
    }

    #[test]
    fn without_a_separator_it_is_as_in_the_file() {
        let setting = || Setting::in_file(PATH, "A", "5");
        for (before, after) in [
            ("", "A = 5\n"),
            ("A=3\n", "A=5\n"),
            ("A=\"3\"\nB = 1\n", "A=5\nB = 1\n"),
            ("A   =\t3\n", "A   =\t5\n"),
            ("A =\n", "A = 5\n"),
            ("A=\n", "A=5\n"),
            ("  export A=3\n", "  export A=5\n"),
            ("export A=5\n", "export A=5\n"),
            ("A=1\nexport A=2\n", "A=5\n"),
            ("# x y\nB=1\nif x; then\n  C=2\nfi\n", "# x y\nB=1\nif x; then\n  C=2\nfi\nA=5\n"),
            ("export B=1\n", "export B=1\nA=5\n"),
            ("B    = 1\n", "B    = 1\nA = 5\n"),
            ("# All of it:\n#B=1\n", "# All of it:\n#B=1\nA=5\n"),
            ("B 1\nSetEnv X=1\nA  3\n", "B 1\nSetEnv X=1\nA  5\n"),
            ("B 1\n", "B 1\nA 5\n"),
            ("B: 1\nA: 3\n", "B: 1\nA: 5\n"),
            ("B: 1\n[s]\nC=1\n", "B: 1\nA: 5\n[s]\nC=1\n"),
            ("[s]\nC=1\n", "A=5\n[s]\nC=1\n"),
        ] {
            assert_eq!(edited(&setting(), Set, before), after, "{before:?}");
        }
        assert_eq!(edited(&setting(), Unset, "export A=1\nB=1\n"), "B=1\n");
        assert_eq!(edited(&setting().separator(" = "), Set, "export A=1\n"), "export A = 5\n");
        let in_section = || setting().section("s");
        assert_eq!(edited(&in_section(), Set, "B=1\n[s]\nC = 1\n"), "B=1\n[s]\nC = 1\nA = 5\n");
        assert_eq!(edited(&in_section(), Set, "B=1\n"), "B=1\n\n[s]\nA=5\n");
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
