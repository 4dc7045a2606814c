//! `selinux_boolean[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    entry::text,
    selinux::{KERNEL, Policy, require, word_fault},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Kept, LogLevel, Op, Probe, Shape, line_of},
    properties,
    resource::{Change, Found, Goal, Property, Resource},
    suggest,
};

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }

    const fn digit(self) -> &'static str {
        match self {
            Self::On => "1",
            Self::Off => "0",
        }
    }

    fn of_digit(digit: &str) -> Option<Self> {
        [Self::On, Self::Off].into_iter().find(|switch| switch.digit() == digit)
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl Property for Switch {
    const TYPE: &'static str = "true or false, or `on` or `off`";

    fn from_json(value: &Json) -> Result<Self, String> {
        match value {
            Json::Bool(on) => Ok((*on).into()),
            Json::Number(number) if number.as_u64() == Some(1) => Ok(Self::On),
            Json::Number(number) if number.as_u64() == Some(0) => Ok(Self::Off),
            Json::String(word) if matches!(word.as_str(), "on" | "true" | "1") => Ok(Self::On),
            Json::String(word) if matches!(word.as_str(), "off" | "false" | "0") => Ok(Self::Off),
            Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                Err(format!("expected {}, found `{value}`", Self::TYPE))
            }
        }
    }
}

properties! {
    /// A switch of SELinux's policy: its value in the kernel now, and what the administrator has set for each boot. Both are
    /// read from their files, and set by setsebool(8); either half is repaired by itself. A value for boot that nobody has set
    /// counts as none, whatever the policy begins with, and is set. With `--root`, the value for boot alone is managed.
    pub struct SelinuxBoolean("switch") {
        name: String;
        /// The switch, when it is not the name of the resource: `httpd_can_network_connect`.
        boolean: String,
        /// Its value.
        value: Switch,
        /// Whether it is to be so after each boot, too. True when not given.
        persistent: bool,
    }
    example r#"r.add(SelinuxBoolean::named("httpd_can_network_connect").value(true));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Set = "set": "Has it this value.",
    }
}
pub use Action::*;

/// Its values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// In the kernel. `None`: that does not have it, or runs without SELinux.
    pub running: Option<Switch>,
    /// As the administrator has set it for each boot. `None`: nobody has, and the policy's own value counts.
    pub boot: Option<Switch>,
    /// Where it is set for boot, and whether the kernel is to be left alone.
    #[serde(skip)]
    kept: Option<(PathBuf, bool)>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        (self.running, self.boot) == (other.running, other.boot)
    }
}

impl SelinuxBoolean {
    /// The switch with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn what(&self) -> &str {
        self.boolean.as_ref().unwrap_or(&self.name)
    }

    fn in_kernel(&self) -> PathBuf {
        Path::new(KERNEL).join("booleans").join(self.what())
    }

    fn persists(&self) -> bool {
        self.persistent.unwrap_or(true)
    }

    /// That the running policy has no such switch.
    fn unknown(&self, probe: &dyn Probe) -> Result<Error> {
        let names = probe.list(&Path::new(KERNEL).join("booleans"))?;
        let names: Vec<_> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
        let error = Error::failed(format!("the running policy has no switch `{}`", self.what()));
        Ok(match suggest::nearest(self.what(), names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`getsebool -a` lists those that there are"),
        })
    }
}

impl Resource for SelinuxBoolean {
    const KIND: &'static str = "selinux_boolean";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = word_fault("name of a switch", self.what()).into_iter().collect();
        if self.value.is_none() {
            faults.push(Fault::new("it has no value").hint("say with `value` whether it is on or off"));
        }
        faults
    }

    fn notes(&self, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        if Policy::of(probe)?.runs {
            return Ok(Vec::new());
        }
        let note = format!("`{}` is set when this system is booted with SELinux", self.what());
        Ok(vec![(LogLevel::Info, note)])
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let policy = Policy::of(probe)?;
        let running = match policy.runs {
            true => text(&self.in_kernel(), probe)?.and_then(|shown| Switch::of_digit(shown.split(' ').next()?.trim())),
            false => None,
        };
        // Only who manages the value for boot needs the store, which none but root may look into.
        if !self.persists() {
            return Ok(State { running, boot: None, kept: None });
        }
        let file = policy.store(probe)?.join("booleans.local");
        let set = text(&file, probe)?.unwrap_or_default();
        let boot = line_of(&set, self.what()).and_then(|line| Switch::of_digit(line.rsplit('=').next()?.trim()));
        Ok(State { running, boot, kept: Some((file, policy.runs)) })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        if probe.offline() {
            // The kernel is another's; those that the administrator has set are told by the file.
            let set = text(&Policy::of(probe)?.store(probe)?.join("booleans.local"), probe)?.unwrap_or_default();
            let names = set.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
            return Ok(Some(names.map(|(name, _)| name.trim().to_owned()).collect()));
        }
        let names = probe.list(&Path::new(KERNEL).join("booleans"))?;
        Ok(Some(names.into_iter().filter_map(|name| name.into_string().ok()).collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let (policy, found) = (Policy::of(probe)?, Found::new(Self::KIND, self.what()));
        let now = self.read(probe)?;
        let Some(value) = now.running.or(now.boot) else {
            return Ok(Some(found.unsaid("a value: the running policy has no such switch")));
        };
        let found = found.with("value", value == Switch::On);
        if now.boot == Some(value) {
            return Ok(Some(found.action("set")));
        }
        let found = found.unsaid("its value at boot: that is the policy's own, or another");
        Ok(Some(if policy.runs { found.with("persistent", false).action("set") } else { found }))
    }

    fn want(&self, Set: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let policy = Policy::of(probe)?;
        let mut to = now.clone();
        if policy.runs {
            if now.running.is_none() {
                return Err(self.unknown(probe)?);
            }
            to.running = self.value;
        } else if !self.persists() {
            let error =
                Error::failed(format!("no kernel with SELinux runs here that `{}` could be set in", self.what()));
            return Err(error.hint("leave `persistent` out: then it is set for the next boot"));
        }
        if self.persists() {
            to.boot = self.value;
        }
        if to != *now {
            require("setsebool", "policycoreutils", probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let name = self.what();
        let mut operations = Vec::new();
        if let (true, Some(was), Some(value)) = (from.running != to.running, from.running, to.running) {
            let command = |value: Switch| vec![Command::new(["setsebool", name, value.word()])];
            operations.push(Op::Kept(Kept {
                path: self.in_kernel(),
                shape: Shape::Line,
                key: String::new(),
                from: Some(format!("{0} {0}", was.digit())),
                to: Some(format!("{0} {0}", value.digit())),
                by: command(value),
                back: command(was),
                left: None,
                note: None,
            }));
        }
        if let (true, Some(value), Some((path, runs))) = (from.boot != to.boot, to.boot, &from.kept) {
            let policy = Policy { name: String::new(), runs: *runs };
            let command = |value: Switch| vec![policy.command(&["setsebool", "-P"], &[name, value.word()])];
            let line = |value: Switch| format!("{name}={}", value.digit());
            // What was set can be changed, and not be unset but with everything else that was.
            let was = from.boot.or(from.running);
            operations.push(Op::Kept(Kept {
                path: path.clone(),
                shape: Shape::Line,
                key: name.to_owned(),
                from: from.boot.map(line),
                to: Some(line(value)),
                by: command(value),
                back: was.map(command).unwrap_or_default(),
                left: if from.boot.is_none() { Some(line(was.unwrap_or(value))) } else { None },
                note: None,
            }));
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{SelinuxBoolean, Set, Switch};
    use crate::{
        host::Fake,
        resource::{Property as _, Resource as _},
        resources::trial::{done, faults, refused, text},
        spec::laws,
    };

    const LOCAL: &str = "/var/lib/selinux/default/active/booleans.local";
    const RUNNING: &str = "/sys/fs/selinux/booleans/ssh_login";

    fn login() -> SelinuxBoolean {
        SelinuxBoolean::named("ssh_login").value(true)
    }

    fn machine() -> Fake {
        Fake::new()
            .with_file("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=default\n")
            .with_directory("/var/lib/selinux/default/active")
            .with_file("/usr/sbin/setsebool", "")
    }

    fn running() -> Fake {
        machine().with_file("/sys/fs/selinux/enforce", "1").with_file(RUNNING, "0 0")
    }

    #[test]
    fn each_half_is_set_by_itself() {
        let mut machine = running();
        laws(login(), Set, &machine);
        let both = ["run setsebool ssh_login on", "run setsebool -P ssh_login on"];
        assert_eq!(done(&login(), Set, &mut machine), both);
        assert_eq!(text(&machine, LOCAL), "ssh_login=1\n");
        laws(login().value(false), Set, &machine);
        assert_eq!(done(&login(), Set, &mut machine.clone().with_file(RUNNING, "0 0")), both[..1]);
        assert_eq!(done(&login(), Set, &mut machine.with_file(LOCAL, "ssh_login=0\n")), both[1..]);
        assert_eq!(done(&login().persistent(false), Set, &mut running()), both[..1]);
    }

    #[test]
    fn without_a_kernel_the_value_for_boot_alone_is_set() {
        assert_eq!(done(&login(), Set, &mut machine()), ["run setsebool -P -N ssh_login on"]);
        assert_eq!(login().notes(&machine()).unwrap().len(), 1);
        assert!(refused(&login().persistent(false), Set, &mut machine()).contains("no kernel with SELinux"));
    }

    #[test]
    fn of_another_root_those_that_are_set_are_listed() {
        let all = |machine: &Fake| SelinuxBoolean::all(machine).unwrap().unwrap();
        let machine = running().with_file(LOCAL, "# x=1\nhttpd_enable_homedirs=1\nftpd_full_access=0\n");
        assert_eq!(all(&machine), ["ssh_login"]);
        let machine = machine.as_image();
        assert_eq!(all(&machine), ["httpd_enable_homedirs", "ftpd_full_access"]);
        let found = SelinuxBoolean::named("httpd_enable_homedirs").found(&machine).unwrap().unwrap();
        assert_eq!((&found.properties["value"], found.actions), (&true.into(), vec!["set"]));
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(refused(&login(), Set, &mut Fake::new()).contains("SELinux is not installed"));
        let slip = SelinuxBoolean::named("ssh_logim").value(true);
        assert!(refused(&slip, Set, &mut running()).ends_with("did you mean `ssh_login`?"));
        assert_eq!(faults(&SelinuxBoolean::named("a b")).len(), 2);
        assert_eq!(Switch::from_json(&"off".into()), Ok(Switch::Off));
        assert_eq!(Switch::from_json(&1.into()), Ok(Switch::On));
        assert!(Switch::from_json(&"maybe".into()).is_err());
    }
}
