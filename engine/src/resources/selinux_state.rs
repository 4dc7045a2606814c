//! `selinux_state[name]`
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    edit,
    file::{self, File},
    selinux::{CONFIG, KERNEL, absent, running, set_in, word_fault},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Kept, LogLevel, Op, Probe, Shape},
    properties,
    resource::{Action as _, Change, Found, Goal, Resource},
};

properties! {
    /// Whether SELinux is enforced, only watches, or is off: in the kernel now, and in `/etc/selinux/config` for each boot.
    /// Everything else in that file stays as it is, where Chef writes it anew. A kernel that was booted with SELinux cannot be
    /// rid of it, nor get it without a reboot: then the file alone is changed, and each run says so until that was done. Unlike
    /// in Chef, nothing is rebooted: have a `reboot` notified.
    pub struct SelinuxState("any name") {
        name: String;
        /// The policy, as `targeted`; as it is in the file when not given.
        policy: String,
        /// Whether the file is to say so, too. True when not given.
        persistent: bool,
    }
    example r#"r.add(SelinuxState::named("mode").action(selinux_state::Enforcing));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Enforcing = "enforcing": "Has the policy enforced.",
        Permissive = "permissive": "Has what the policy forbids noted, and not kept from happening.",
        Disabled = "disabled": "Has no policy from the next boot on.",
    }
}
pub use Action::*;

/// The file, and the kernel's mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// `/etc/selinux/config`.
    #[serde(flatten)]
    pub file: file::State,
    /// `enforcing` or `permissive`. `None`: the kernel runs without SELinux, or is another's.
    pub running: Option<String>,
}

impl SelinuxState {
    /// The state of this machine, under any name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn persists(&self) -> bool {
        self.persistent.unwrap_or(true)
    }

    /// A policy that is not there keeps the machine from booting.
    fn require_policy(&self, text: &str, probe: &dyn Probe) -> Result<()> {
        let name = self.policy.as_deref().or(set_in(text, "SELINUXTYPE")).unwrap_or("targeted");
        let directory = Path::new("/etc/selinux").join(name).join("policy");
        if !probe.list(&directory)?.is_empty() {
            return Ok(());
        }
        let sentence = format!("there is no policy `{name}`: nothing is in `{}`", directory.display());
        Err(Error::failed(sentence).hint(format!(
            "declare its package before this, as `selinux-policy-{name}`; a machine that lacks its policy does not boot"
        )))
    }

    /// What only a reboot brings about, if there is such.
    fn awaited(action: Action, running: Option<&str>, offline: bool) -> Option<(LogLevel, String)> {
        let (level, sentence) = match (action, running) {
            (Disabled, Some(mode)) => {
                (LogLevel::Warn, format!("SELinux stays {mode} until the machine is booted again"))
            }
            (Enforcing | Permissive, None) if offline => {
                let sentence = "SELinux is on when this system is booted: the kernel is another's".to_owned();
                (LogLevel::Info, sentence)
            }
            (Enforcing | Permissive, None) => (
                LogLevel::Warn,
                "the kernel runs without SELinux, which only a reboot changes; on the Debian family `selinux-activate` is to \
                 be run before. Files get their labels when there is a `/.autorelabel`: be permissive until they have"
                    .to_owned(),
            ),
            (Enforcing | Permissive, Some(_)) | (Disabled, None) => return None,
        };
        Some((level, sentence))
    }
}

fn config() -> File {
    File::at(CONFIG)
}

/// Has a key of the file say this, where it counts; nothing else is changed.
fn set(lines: &mut edit::Lines, key: &str, value: &str) {
    let says = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
    let mut found = lines.bare().enumerate().filter(|(_, line)| says(line)).map(|(at, _)| at);
    let at = if key == "SELINUX" { found.next() } else { found.next_back() };
    drop(found);
    lines.put(at, &format!("{key}={value}"));
}

impl Resource for SelinuxState {
    const KIND: &'static str = "selinux_state";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        self.policy.iter().filter_map(|policy| word_fault("name of a policy", policy)).collect()
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Disabled if !self.persists() => {
                let fault = Fault::new("SELinux cannot be disabled without the file: only a boot does that");
                vec![fault.hint("leave `persistent` out, or use the action `permissive`")]
            }
            Enforcing | Permissive | Disabled => Vec::new(),
        }
    }

    fn notes_for(&self, action: Action, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        Ok(Self::awaited(action, running(probe)?, probe.offline()).into_iter().collect())
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        Ok(State { file: config().read(probe)?, running: running(probe)?.map(str::to_owned) })
    }

    fn all(_: &dyn Probe) -> Result<Option<Vec<String>>> {
        Ok(Some(vec!["mode".to_owned()]))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let now = self.read(probe)?;
        let found = Found::new(Self::KIND, &self.name);
        if now.file.entry.is_none() {
            return Ok(Some(found.unsaid("a mode: SELinux is not installed")));
        }
        let text = edit::text(&config(), &now.file)?;
        let action = set_in(text, "SELINUX").and_then(|mode| Action::named(&mode.to_ascii_lowercase()));
        let found = found.with("policy", set_in(text, "SELINUXTYPE"));
        Ok(Some(match (action, now.running.as_deref()) {
            (None, _) => found.unsaid(format!("a mode: `{CONFIG}` names none")),
            (Some(action), Some(mode)) if action != Disabled && action.name() != mode => {
                found.unsaid(format!("that the kernel is {mode} now, and {} when it is booted", action.name()))
            }
            (Some(action), _) => found.action(action.name()),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        if now.file.entry.is_none() {
            return Err(absent());
        }
        let mut to = now.clone();
        let text = edit::text(&config(), &now.file)?;
        if action != Disabled {
            self.require_policy(text, probe)?;
            match to.running.as_mut() {
                Some(mode) => action.name().clone_into(mode),
                None if self.persists() => {}
                None => {
                    let error = Error::failed("the kernel runs without SELinux, which only a reboot changes");
                    return Err(error.hint("leave `persistent` out: then it is so from the next boot on"));
                }
            }
        }
        if self.persists() {
            let unlike = |key: &str, value: &str| !set_in(text, key).is_some_and(|is| is.eq_ignore_ascii_case(value));
            to.file = edit::edited(&config(), &now.file, probe, &|lines| {
                if unlike("SELINUX", action.name()) {
                    set(lines, "SELINUX", action.name());
                }
                if let Some(policy) = self.policy.as_deref().filter(|policy| unlike("SELINUXTYPE", policy)) {
                    set(lines, "SELINUXTYPE", policy);
                }
                Ok(())
            })?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = config().steps(&from.file, &to.file)?;
        if let (true, Some(was), Some(mode)) = (from.running != to.running, &from.running, &to.running) {
            let number = |mode: &str| if mode == "enforcing" { "1" } else { "0" };
            let command = |mode| vec![Command::new(["setenforce", number(mode)])];
            operations.push(Op::Kept(Kept {
                path: Path::new(KERNEL).join("enforce"),
                shape: Shape::Line,
                key: String::new(),
                from: Some(number(was).to_owned()),
                to: Some(number(mode).to_owned()),
                by: command(mode),
                back: command(was),
                left: None,
                note: None,
            }));
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Disabled, Enforcing, Permissive, SelinuxState};
    use crate::{
        host::{Fake, LogLevel},
        resource::Resource as _,
        resources::trial::{done, faults_of, refused, text},
        spec::laws,
    };

    const CONFIG: &str = "/etc/selinux/config";
    const TEXT: &str = "# SELINUX= says\nSELINUX=permissive\nSELINUXTYPE=default\n\nSETLOCALDEFS=0\n";

    fn mode() -> SelinuxState {
        SelinuxState::named("mode")
    }

    fn machine() -> Fake {
        Fake::new()
            .with_directory("/etc/selinux/default/policy")
            .with_file("/etc/selinux/default/policy/policy.33", "")
            .with_file(CONFIG, TEXT)
    }

    fn running(mode: &str) -> Fake {
        machine().with_file("/sys/fs/selinux/enforce", mode)
    }

    #[test]
    fn the_kernel_and_the_file_are_each_brought_to_what_is_wanted() {
        let mut machine = running("0");
        laws(mode(), Enforcing, &machine);
        let ran = done(&mode(), Enforcing, &mut machine);
        assert!(ran[0].starts_with("write /etc/selinux/config") && ran[1] == "run setenforce 1", "{ran:?}");
        assert_eq!(text(&machine, CONFIG), TEXT.replace("=permissive", "=enforcing"));
        assert_eq!(
            done(&mode(), Enforcing, &mut machine.clone().with_file("/sys/fs/selinux/enforce", "0")),
            ["run setenforce 1"]
        );
        assert_eq!(done(&mode().persistent(false), Permissive, &mut machine), ["run setenforce 0"]);
        assert_eq!(mode().notes_for(Permissive, &machine).unwrap(), []);
    }

    #[test]
    fn what_only_a_reboot_brings_is_said_each_time() {
        let mut machine = running("1");
        laws(mode(), Disabled, &machine);
        assert_eq!(done(&mode(), Disabled, &mut machine).len(), 1);
        let sentence = "SELinux stays enforcing until the machine is booted again".to_owned();
        assert_eq!(mode().notes_for(Disabled, &machine).unwrap(), [(LogLevel::Warn, sentence)]);
        let mut off = self::machine();
        done(&mode(), Enforcing, &mut off);
        assert!(mode().notes_for(Enforcing, &off).unwrap()[0].1.contains("only a reboot changes"));
        assert_eq!(mode().notes_for(Disabled, &off).unwrap(), []);
        assert!(refused(&mode().persistent(false), Permissive, &mut off).contains("leave `persistent` out"));
        assert_eq!(faults_of(&mode().persistent(false), Disabled).len(), 1);
    }

    #[test]
    fn where_it_is_not_what_is_missing_is_said() {
        assert!(refused(&mode(), Enforcing, &mut Fake::new()).contains("SELinux is not installed"));
        let mls = mode().policy("mls");
        assert!(refused(&mls, Enforcing, &mut machine()).contains("there is no policy `mls`"));
        let mut both = machine().with_directory("/etc/selinux/mls/policy").with_file("/etc/selinux/mls/policy/x", "");
        done(&mls, Enforcing, &mut both);
        assert!(text(&both, CONFIG).contains("SELINUXTYPE=mls\n\nSETLOCALDEFS"));
    }
}
