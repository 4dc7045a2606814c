//! `sysctl[key]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    entry::{path_faults, stems, text_of},
    file::{self, File, MANAGED},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, LogLevel, Op, Probe, Write},
    properties,
    resource::{Change, Content, Found, Goal, Property, Resource},
    values::{Blob, Words},
};

/// Where the running kernel has its settings.
const RUNNING: &str = "/proc/sys";

const DIRECTORY: &str = "/etc/sysctl.d";

const PREFIX: &str = "99-chef-";

/// A value of the kernel: text, a number, or several of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting(String);

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<i64> for Setting {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl<const N: usize> From<[i64; N]> for Setting {
    fn from(numbers: [i64; N]) -> Self {
        Self(numbers.map(|number| number.to_string()).join(" "))
    }
}

impl Property for Setting {
    const TYPE: &'static str = "text, a number, or a list of them";

    fn from_json(value: &Json) -> Result<Self, String> {
        let words = match value {
            Json::Array(words) => words.iter().map(String::from_json).collect::<Result<Vec<_>, _>>()?,
            Json::Bool(_) => return Err(format!("expected {}, found `{value}`; the kernel knows 1 and 0", Self::TYPE)),
            Json::Null | Json::Number(_) | Json::String(_) | Json::Object(_) => vec![String::from_json(value)?],
        };
        Ok(Self(words.join(" ")))
    }
}

properties! {
    /// A setting of the kernel: its running value, and a file that sets it at each boot. The file is Chef's,
    /// `/etc/sysctl.d/99-chef-KEY.conf`, so that what chef-solo has set is taken over and not set twice. The running value
    /// is read from `/proc/sys` and set there, without sysctl(8); unlike in Chef, either half is repaired by itself. With
    /// `--root`, the file alone is managed: the kernel is another's.
    pub struct Sysctl("key") {
        name: String;
        /// The key, when it is not the name of the resource: `vm.swappiness`, or with slashes as sysctl(8) takes it.
        key: String,
        /// The value. Several, as `[4096, 65536]`, are separated by blanks.
        value: Setting,
        /// A line, or several, for whoever reads the file.
        comment: Words,
        /// The directory of the file; `/etc/sysctl.d` when not given.
        conf_dir: PathBuf,
        /// Whether a running value that cannot be set here, as the kernel does not have it or lets nobody set it in this
        /// container, is a warning and the file alone is managed. A value that the kernel refuses is an error all the same.
        ignore_error: bool,
    }
    example r#"r.add(Sysctl::key_named("vm.swappiness").value(10));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Apply = "apply": "Has it this value, now and after each boot.",
        Remove = "remove": "Removes the file. The running value stays until the next boot.",
    }
}
pub use Action::*;

/// The file, and the running value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The file in `/etc/sysctl.d`.
    #[serde(flatten)]
    pub file: file::State,
    /// The running value, with a blank between its parts. `None`: the kernel has no such setting.
    pub value: Option<String>,
    /// How the kernel shows it.
    #[serde(skip)]
    shown: Option<Entry>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.value == other.value
    }
}

impl Sysctl {
    /// The setting with this key, as `vm.swappiness`.
    #[must_use]
    pub fn key_named(key: impl Into<String>) -> Self {
        Self::bare(key.into())
    }

    fn what(&self) -> &str {
        self.key.as_ref().unwrap_or(&self.name)
    }

    /// The key as a path. When its first separator is a dot, dots and slashes change places: a slash then stands for a
    /// dot in a name. Source: sysctl.d(5).
    fn slashed(&self) -> String {
        let key = self.what();
        let dotted = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.'));
        let turned = |c| match c {
            '.' => '/',
            '/' => '.',
            other => other,
        };
        if dotted { key.chars().map(turned).collect() } else { key.to_owned() }
    }

    /// The setting in `/proc/sys`.
    fn running(&self) -> PathBuf {
        Path::new(RUNNING).join(self.slashed())
    }

    fn file(&self) -> File {
        let directory = self.conf_dir.as_deref().unwrap_or_else(|| Path::new(DIRECTORY));
        let path = directory.join(format!("{PREFIX}{}.conf", self.what().replace('/', ".")));
        File::whole(path)
    }

    /// The value, with one blank between its parts.
    fn wanted(&self) -> Result<String> {
        self.value.as_ref().map(|value| parts(&value.0)).ok_or_else(|| no_value().into())
    }

    /// What the file says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = MANAGED.to_owned();
        for line in self.comment.iter().flat_map(|comment| &comment.0).flat_map(|comment| comment.lines()) {
            text += format!("# {}", line.trim()).trim_end();
            text.push('\n');
        }
        let value = self.value.as_ref().map(|value| parts(&value.0)).unwrap_or_default();
        text += &format!("{} = {value}\n", self.what());
        text
    }

    /// Why the running value cannot be what is wanted, if that can be seen.
    fn unsettable(&self, now: &State, probe: &dyn Probe) -> Option<Error> {
        let (key, path) = (self.what(), self.running());
        let alone = "with `ignore_error`, the file alone is managed";
        let Some(value) = &now.value else {
            let error = Error::failed(format!("the kernel has no setting `{key}`: there is no `{}`", path.display()));
            let hint = "correct the key, or load the kernel module that brings it before this; a root directory or container \
                        may have no `/proc/sys` at all";
            return Some(error.hint(hint).hint(alone));
        };
        let error = probe.writable(&path, 0).err()?;
        let sentence = format!("the running value of `{key}` is `{value}` and cannot be set here: {error}");
        Some(Error::failed(sentence).hint("containers share the kernel of their host: set it there").hint(alone))
    }

    fn may_be_unsettable(&self) -> bool {
        self.ignore_error.unwrap_or(false)
    }
}

fn parts(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn no_value() -> Fault {
    Fault::new("it has no value").hint("say with `value` what it is to be")
}

impl Resource for Sysctl {
    const KIND: &'static str = "sysctl";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let key = self.what();
        let below = self.slashed();
        // A part that is `..` or empty leads elsewhere; `*` and `-` mean something in the file.
        let sound = |part: &str| !matches!(part, "" | "." | "..");
        let plain = !key.contains(|c: char| c.is_whitespace() || c.is_control() || "=#;*".contains(c));
        if !plain || key.starts_with('-') || !below.contains('/') || !below.split('/').all(sound) {
            let fault = Fault::new(format!("`{}` is no key of the kernel", key.escape_debug()));
            faults.push(fault.hint("write it as `vm.swappiness`, or as `net/ipv4/conf/eth0.1/forwarding`"));
        }
        if let Some(value) = &self.value
            && (value.0.trim().is_empty() || value.0.contains(['\n', '\r', '\0']))
        {
            faults.push(Fault::new(format!("value {:?} is not one line", value.0)));
        }
        faults.extend(self.conf_dir.as_deref().map(path_faults).unwrap_or_default());
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Apply if self.value.is_none() => vec![no_value()],
            Apply | Remove => Vec::new(),
        }
    }

    fn notes(&self, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let Some(wanted) = self.value.as_ref().map(|value| parts(&value.0)) else { return Ok(Vec::new()) };
        if probe.offline() {
            let note = format!("`{}` is set when this system is booted: the kernel is another's", self.what());
            return Ok(vec![(LogLevel::Info, note)]);
        }
        if !self.may_be_unsettable() {
            return Ok(Vec::new());
        }
        let now = self.read(probe)?;
        let error = if now.value.as_ref() == Some(&wanted) { None } else { self.unsettable(&now, probe) };
        Ok(error.into_iter().map(|error| (LogLevel::Warn, format!("{error}; it is set at the next boot"))).collect())
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        // Whatever `/proc` there is in a root directory, it is that of the machine around it.
        let shown = if probe.offline() { None } else { probe.entry(&self.running())? };
        let value = match shown.as_ref().map(|entry| &entry.kind) {
            Some(EntryKind::File { content }) => {
                Some(parts(&String::from_utf8_lossy(content.bytes().unwrap_or_default())))
            }
            Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => None,
        };
        Ok(State { file: self.file().read(probe)?, value, shown })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let files = stems(DIRECTORY, ".conf", probe)?;
        Ok(Some(files.iter().filter_map(|file| file.strip_prefix(PREFIX)).map(str::to_owned).collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.what());
        let now = self.read(probe)?;
        let of_file = || {
            let text = text_of(now.file.entry.as_ref())?;
            text.lines().find_map(|line| Some(parts(line.strip_prefix(self.what())?.trim_start().strip_prefix('=')?)))
        };
        let value = if probe.offline() { of_file() } else { now.value.clone() };
        let Some(value) = &value else {
            return Ok(Some(found.unsaid("a value: nothing here has one")));
        };
        // What a comment or another directory adds, a value alone does not say.
        let plain = Self::key_named(self.what()).value(value.as_str());
        let of_boot = self.conf_dir.is_none() && text_of(now.file.entry.as_ref()) == Some(plain.text().as_str());
        let found = found.with("value", value.as_str());
        Ok(Some(if of_boot {
            found.action("apply")
        } else {
            found.unsaid("its value at boot: no file of brasa sets it")
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let of_file = match action {
            Apply => file::Create,
            Remove => file::Delete,
        };
        let content = || self.wanted().map(|_| Some(Content::from(self.text()).blob));
        let (Goal::State(file) | Goal::Event(_, file)) = self.file().goal(of_file, &now.file, probe, &content)?;
        let mut to = State { file, ..now.clone() };
        if action == Apply && !probe.offline() {
            let wanted = Some(self.wanted()?);
            let obstacle = if now.value == wanted { None } else { self.unsettable(now, probe) };
            match obstacle {
                Some(_) if self.may_be_unsettable() => {}
                Some(error) => return Err(error),
                None => to.value = wanted,
            }
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        // First the value: one that the kernel refuses is not to be tried again at each boot.
        let mut operations = Vec::new();
        if let (true, Some(value), Some(shown)) = (from.value != to.value, &to.value, &from.shown) {
            let tabs = match &shown.kind {
                EntryKind::File { content } => content.bytes().unwrap_or_default().contains(&b'\t'),
                EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. } => false,
            };
            // As the kernel will show it, so that an undo finds what was left.
            let value = if tabs { value.replace(' ', "\t") } else { value.clone() };
            let content = Blob::from(format!("{value}\n").as_str());
            let Entry { mode, owner, group, .. } = shown.clone();
            let (path, verify) = (self.running(), Vec::new());
            operations.push(Op::Write(Write {
                path,
                content,
                mode,
                owner,
                group,
                backup: 0,
                verify,
                sensitive: false,
            }));
        }
        let file = Change { from: from.file.clone(), to: to.file.clone(), event: None };
        operations.extend(self.file().ops(&file)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Apply, Remove, Setting, Sysctl};
    use crate::{
        host::Fake,
        resource::{Property as _, Resource as _},
        resources::trial::{done, faults, faults_of, refused, text},
        spec::laws,
    };

    const FILE: &str = "/etc/sysctl.d/99-chef-vm.swappiness.conf";
    const WRITE: &str = "write /etc/sysctl.d/99-chef-vm.swappiness.conf \
                         \"# Managed by brasa: changes are overwritten.\\nvm.swappiness = 10\\n\" 0644 root:root backup 0";
    const SET: &str = "write /proc/sys/vm/swappiness \"10\\n\" 0644 root:root backup 0";

    fn swappiness() -> Sysctl {
        Sysctl::key_named("vm.swappiness").value(10)
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/etc/sysctl.d").with_file("/proc/sys/vm/swappiness", "60\n")
    }

    #[test]
    fn value_and_file_are_each_brought_to_what_is_wanted() {
        let mut machine = machine();
        assert_eq!(done(&swappiness(), Apply, &mut machine), [SET, WRITE]);
        let set = machine.clone();
        assert_eq!(done(&swappiness(), Apply, &mut machine), [""; 0]);
        assert_eq!(done(&swappiness(), Apply, &mut set.clone().with_file("/proc/sys/vm/swappiness", "1\n")), [SET]);
        assert_eq!(done(&swappiness(), Apply, &mut set.clone().with_file(FILE, "vm.swappiness = 1\n")), [WRITE]);
        let remove = format!("remove {FILE} backup 0");
        assert_eq!(done(&swappiness(), Remove, &mut machine), [remove]);
        assert_eq!(text(&machine, "/proc/sys/vm/swappiness"), "10\n");
        assert_eq!(done(&swappiness(), Remove, &mut machine), [""; 0]);
    }

    #[test]
    fn the_laws_hold_also_of_values_in_parts() {
        let range =
            || Sysctl::key_named("net.ipv4.ip_local_port_range").value([9000, 65500]).comment(["Ports.", "More."]);
        let machine = Fake::new()
            .with_directory("/etc/sysctl.d")
            .with_file("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
        for action in [Apply, Remove] {
            laws(range(), action, &machine);
            laws(swappiness(), action, &self::machine());
        }
        let shown = done(&range(), Apply, &mut machine.clone());
        let set = "write /proc/sys/net/ipv4/ip_local_port_range \"9000\\t65500\\n\" 0644 root:root backup 0";
        assert_eq!(shown[0], set);
        assert_eq!(
            range().text(),
            "# Managed by brasa: changes are overwritten.\n# Ports.\n# More.\nnet.ipv4.ip_local_port_range = 9000 65500\n"
        );
        let same = machine.with_file("/proc/sys/net/ipv4/ip_local_port_range", "9000\t65500\n");
        assert_eq!(done(&range(), Apply, &mut same.clone()).len(), 1);
    }

    #[test]
    fn keys_lead_to_settings_as_with_sysctl() {
        for (key, path, file) in [
            ("vm.swappiness", "vm/swappiness", "vm.swappiness"),
            ("vm/swappiness", "vm/swappiness", "vm.swappiness"),
            ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding", "net.ipv4.conf.eth0.1.forwarding"),
            ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding", "net.ipv4.conf.eth0.1.forwarding"),
        ] {
            let sysctl = Sysctl::key_named("by another name").key(key).value("1");
            assert_eq!(faults(&sysctl), [""; 0], "{key}");
            assert_eq!(sysctl.running().to_str(), Some(format!("/proc/sys/{path}").as_str()));
            assert_eq!(sysctl.file().path.to_str(), Some(format!("/etc/sysctl.d/99-chef-{file}.conf").as_str()));
        }
        for bad in
            ["", "vm", "vm..x", "../vm", "vm/../../../etc/passwd", ".vm.x", "vm.x.", "a b.c", "-vm.x", "/vm/x", "vm.*"]
        {
            assert_eq!(faults(&Sysctl::key_named(bad).value("1")).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_an_error_or_a_warning() {
        let lenient = || swappiness().ignore_error(true);
        let mut absent = Fake::new().with_directory("/etc/sysctl.d");
        let alone = "hint: with `ignore_error`, the file alone is managed";
        assert_eq!(
            refused(&swappiness(), Apply, &mut absent),
            format!(
                "the kernel has no setting `vm.swappiness`: there is no `/proc/sys/vm/swappiness`\n\
                 hint: correct the key, or load the kernel module that brings it before this; a root directory or \
                 container may have no `/proc/sys` at all\n{alone}"
            )
        );
        let mut fixed = machine().with_read_only("/proc/sys");
        let sentence = "the running value of `vm.swappiness` is `60` and cannot be set here: \
                        cannot write `/proc/sys/vm/swappiness`: the file system is mounted read-only";
        let host = "hint: containers share the kernel of their host: set it there";
        assert_eq!(refused(&swappiness(), Apply, &mut fixed), format!("{sentence}\n{host}\n{alone}"));
        for machine in [&mut absent, &mut fixed] {
            assert_eq!(lenient().notes(machine).unwrap().len(), 1);
            assert_eq!(done(&lenient(), Apply, machine), [WRITE]);
            assert_eq!(lenient().notes(machine).unwrap().len(), 1);
        }
        let mut same = machine().with_file("/proc/sys/vm/swappiness", "10\n").with_read_only("/proc/sys");
        assert_eq!(lenient().notes(&same).unwrap(), []);
        assert_eq!(done(&swappiness(), Apply, &mut same), [WRITE]);
        assert_eq!(done(&lenient(), Apply, &mut machine()), [SET, WRITE]);
    }

    #[test]
    fn values_are_text_numbers_or_lists() {
        for (json, text) in [(json!(10), "10"), (json!("a b"), "a b"), (json!([4096, "1", -1]), "4096 1 -1")] {
            assert_eq!(Setting::from_json(&json), Ok(Setting::from(text)));
        }
        assert_eq!(
            Setting::from_json(&json!(true)).unwrap_err(),
            "expected text, a number, or a list of them, found `true`; the kernel knows 1 and 0"
        );
        assert!(Setting::from_json(&json!(1.5)).is_err());
        assert_eq!(faults(&swappiness().value("1\n2")), ["value \"1\\n2\" is not one line"]);
        assert_eq!(faults(&swappiness().value(" ")).len(), 1);
        assert_eq!(faults(&swappiness().conf_dir("etc")).len(), 1);
        assert_eq!(
            faults_of(&Sysctl::key_named("vm.swappiness"), Apply),
            ["it has no value\nhint: say with `value` what it is to be"]
        );
        assert_eq!(faults_of(&Sysctl::key_named("vm.swappiness"), Remove), [""; 0]);
    }
}
