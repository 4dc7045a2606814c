//! `systemd_unit[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use super::unit_text::UnitText;
use super::{
    entry::{require_parent, text_of},
    file::{self, File},
    preset,
    unit::{self, Boot, Running, UnitState},
    unit_verify,
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, LogLevel, Op, Probe, ServiceVerb, unit_name},
    properties,
    resource::{Change, Content, Found, Goal, Resource},
    values::Mode,
};

properties! {
    /// A unit file of the administrator's, `/etc/systemd/system/NAME` (0644, root's), and the unit itself. By default it
    /// does nothing and waits to be told: name the actions. systemd reads changed unit files again before the next thing
    /// that is asked of a unit, once for all of them. With `drop_in` the file is a part of the configuration of a unit that
    /// somebody else brings: `/etc/systemd/system/UNIT.d/DROP_IN`, in a directory that is made, and removed when it is empty.
    /// Its resource is then known as `systemd_unit[UNIT.d/DROP_IN]`, and a user's unit as `systemd_unit[USER/UNIT]`, which may
    /// be their names from the start.
    pub struct SystemdUnit("unit name") {
        name: String;
        /// The unit, when it differs from the resource's name.
        unit_name: String,
        /// The user whose own systemd runs the unit. As in Chef the file is then one for all users, `/etc/systemd/user/UNIT`, and
        /// it is enabled for this user alone: it starts with the user's systemd, which is at boot for a user who lingers.
        user: String,
        /// What the file says. From data, also an object of sections.
        content: UnitText,
        /// A file beside the unit's own that adds to it, as `limits.conf`. A list, as `ExecStart`, is set anew by an empty
        /// line in front: `ExecStart=`.
        drop_in: String,
        /// Whether `systemd-analyze verify` judges the file before it is put in place. Off when not given: it also refuses
        /// units whose programs are installed later in the run. A drop-in is judged together with its unit, where that is
        /// installed.
        verify: bool,
        /// Whether systemd reads its unit files again: it always does, so only `true` may be said.
        triggers_reload: bool,
    }
    example r#"r.add(SystemdUnit::named("ddns.timer").content(TIMER).action([systemd_unit::Create, systemd_unit::Enable]));
r.add(SystemdUnit::named("nginx.service").drop_in("limits.conf").content("[Service]\nLimitNOFILE=65536\n").action(systemd_unit::Create));"#
}

actions! {
    /// What can be asked of a unit.
    pub enum Action {
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
        Create = "create": "Has the file exist and say this.",
        Delete = "delete": "Removes the file. Stop and disable a unit first; of a drop-in its directory goes too, when nothing else is in it.",
        Revert = "revert": "Has it be as its package brought it: removes the file when there is one below it, the mask, and all drop-ins of the administrator.",
        Enable = "enable": "Has it start at boot.",
        Disable = "disable": "Has it not start at boot.",
        ByPreset = "preset": "Has it start at boot or not, as the presets of systemd say.",
        Reenable = "reenable": "Enables it anew, each time it is asked: what its file says of that may have changed.",
        Start = "start": "Starts it, unless it runs.",
        Stop = "stop": "Stops it, if it runs.",
        Restart = "restart": "Stops and starts it, each time it is asked.",
        TryRestart = "try_restart": "Restarts it if it runs.",
        Reload = "reload": "If it runs, has it read its configuration again; restarts it where it cannot do that.",
        ReloadOrRestart = "reload_or_restart": "As `reload`; starts it if it does not run.",
        ReloadOrTryRestart = "reload_or_try_restart": "The same as `reload`, by its long name.",
        Mask = "mask": "Makes it impossible to start.",
        Unmask = "unmask": "Takes the mask away.",
    }
}
pub use Action::*;

/// The unit file, and the unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The file in `/etc/systemd/system`.
    #[serde(flatten)]
    pub file: file::State,
    /// The directory of a drop-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<Entry>,
    /// Whether others have drop-ins there too.
    #[serde(skip)]
    shared: bool,
    /// The unit as the init system has it.
    #[serde(flatten)]
    pub unit: UnitState,
    #[serde(skip)]
    about: About,
}

/// Which half an action is about. The other half may change with it: a unit file that goes takes the unit along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum About {
    #[default]
    Both,
    File,
    Unit,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let about = if self.about == About::Both { other.about } else { self.about };
        let same_file = self.file == other.file && self.directory == other.directory;
        let same_unit = self.unit == other.unit;
        match about {
            About::Both => same_file && same_unit,
            About::File => same_file,
            About::Unit => same_unit,
        }
    }
}

impl SystemdUnit {
    /// The unit with this name, which ends in its type: `ddns.service`.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    /// The user, the unit, and the name of its drop-in.
    fn parts(&self) -> (Option<&str>, &str, Option<&str>) {
        let named = self.unit_name.as_deref().unwrap_or(&self.name);
        let (named, drop_in) = match (named.split_once(".d/"), &self.drop_in) {
            (_, Some(drop_in)) => (named, Some(drop_in.as_str())),
            (Some((unit, drop_in)), None) => (unit, Some(drop_in)),
            (None, None) => (named, None),
        };
        match &self.user {
            Some(user) => (Some(user), named, drop_in),
            None => {
                let (user, unit) = unit_name::of_user(named);
                (user, unit, drop_in)
            }
        }
    }

    /// The unit, as the host knows it.
    fn unit(&self) -> String {
        let (user, unit, _) = self.parts();
        user.map_or_else(|| unit.to_owned(), |user| format!("{user}/{unit}"))
    }

    fn addition(&self) -> Option<&str> {
        self.parts().2
    }

    /// The name by which it is known wherever it is declared.
    fn own_name(&self) -> String {
        self.addition().map_or_else(|| self.unit(), |drop_in| format!("{}.d/{drop_in}", self.unit()))
    }

    fn place(&self) -> &'static Path {
        Path::new(if self.parts().0.is_some() { "/etc/systemd/user" } else { "/etc/systemd/system" })
    }

    /// Where the drop-ins of the unit are.
    fn directory(&self) -> PathBuf {
        self.place().join(format!("{}.d", self.parts().1))
    }

    fn file(&self) -> File {
        let (_, unit, drop_in) = self.parts();
        let path = drop_in.map_or_else(|| self.place().join(unit), |drop_in| self.directory().join(drop_in));
        let file = File::at(path).mode(Mode::from(0o644)).owner("root").group("root");
        if self.verify.unwrap_or(false) { file.verify(unit_verify::command(self.parts())) } else { file }
    }

    fn read_file(&self, unit: UnitState, about: About, probe: &dyn Probe) -> Result<State> {
        let (mut directory, mut shared) = (None, false);
        if let Some(drop_in) = self.addition() {
            directory = probe.entry(&self.directory())?;
            shared = probe.list(&self.directory())?.iter().any(|name| name != drop_in);
        }
        Ok(State { file: self.file().read(probe)?, directory, shared, unit, about })
    }

    /// What is left when the administrator's part is gone.
    fn reverted(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        let mut to = State { about: About::File, directory: None, ..now.clone() };
        let masked = is_mask(now.file.entry.as_ref());
        if masked || self.is_of_a_package(probe)? {
            to.file = self.file().becoming(None, &now.file, probe)?;
        }
        Ok(to)
    }

    /// Whether a package brought a file of the unit, which that of the administrator only hides.
    fn is_of_a_package(&self, probe: &dyn Probe) -> Result<bool> {
        for path in unit_name::files(&self.unit(), None) {
            let brought = !path.starts_with("/etc") && !path.starts_with("/run");
            if brought && probe.entry(&path)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn file_goal(&self, action: file::Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        if is_mask(now.file.entry.as_ref()) {
            let error = Error::failed(format!("unit `{}` is masked, so there is no file to be changed", self.unit()));
            return Err(error.hint("put the action `unmask` in front"));
        }
        let content = || match &self.content {
            Some(content) => Ok(Some(Content::from(&content.0).blob)),
            None => Err(no_content().into()),
        };
        let mut to = State { about: About::File, ..now.clone() };
        if self.addition().is_some() {
            if action == file::Delete {
                to.directory = now.directory.clone().filter(|there| now.shared || there.kind != EntryKind::Directory);
            } else if now.directory.is_none() {
                require_parent(&self.directory(), probe)?;
                to.directory = Some(of_root(EntryKind::Directory, 0o755));
                let content = content()?.unwrap_or_else(|| "".into());
                to.file.entry = Some(of_root(EntryKind::File { content }, 0o644));
                return Ok(Goal::State(to));
            }
        }
        let (Goal::State(file) | Goal::Event(_, file)) = self.file().goal(action, &now.file, probe, &content)?;
        to.file = file;
        Ok(Goal::State(to))
    }

    fn unit_goal(&self, verb: ServiceVerb, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let state = |unit| State { unit, about: About::Unit, ..now.clone() };
        Ok(match unit::want(&self.unit(), verb, &now.unit, probe)? {
            Goal::State(unit) => Goal::State(state(unit)),
            Goal::Event(event, unit) => Goal::Event(event, state(unit)),
        })
    }
}

fn is_mask(entry: Option<&Entry>) -> bool {
    matches!(entry, Some(Entry { kind: EntryKind::Link { target }, .. }) if target == Path::new("/dev/null"))
}

fn no_content() -> Fault {
    Fault::new("it has no content").hint("say with `content` what the file is to say")
}

fn of_root(kind: EntryKind, mode: u32) -> Entry {
    Entry { kind, mode: Mode::from(mode), owner: "root".to_owned(), group: "root".to_owned() }
}

impl Resource for SystemdUnit {
    const KIND: &'static str = "systemd_unit";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        if self.unit_name.is_some() { self.name.clone() } else { self.own_name() }
    }

    fn check(&self) -> Vec<Fault> {
        let (_, unit, drop_in) = self.parts();
        let mut faults: Vec<_> = unit::fault(unit).into_iter().map(Fault::new).collect();
        faults.extend(unit::owner_fault(&self.unit()));
        let suffix = unit.rsplit_once('.').map(|(_, suffix)| suffix);
        if !suffix.is_some_and(|suffix| unit_name::KINDS.contains(&suffix)) {
            let fault = Fault::new(format!("unit `{unit}` does not say its type"));
            faults.push(fault.hint(format!("end the name with it, as in `{unit}.service`")));
        }
        let known = |c: char| c.is_ascii_alphanumeric() || ":-_.@".contains(c);
        if let Some(drop_in) = drop_in
            && (!drop_in.ends_with(".conf") || drop_in.starts_with(['.', '-']) || !drop_in.chars().all(known))
        {
            let fault = Fault::new(format!("`{drop_in}` is no drop-in: systemd reads only what ends in `.conf`"));
            faults.push(fault.hint("name it as `limits.conf`: letters, digits and `:-_.@`"));
        }
        if self.triggers_reload == Some(false) {
            let fault = Fault::new("systemd reads changed unit files again in any case, once for all of them");
            faults.push(fault.hint("leave `triggers_reload` out"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create if self.content.is_none() => vec![no_content()],
            Start | Restart | TryRestart | Reload | ReloadOrRestart | ReloadOrTryRestart => {
                unit::no_instance(&self.unit()).into_iter().collect()
            }
            Revert if self.addition().is_some() => vec![
                Fault::new("`revert` is of a whole unit, with all its drop-ins")
                    .hint("leave `drop_in` out, or remove this one alone with `delete`"),
            ],
            Create | Nothing | Delete | Revert | Enable | Disable | ByPreset | Reenable | Stop | Mask | Unmask => {
                Vec::new()
            }
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.read_file(unit::read(&self.unit(), probe)?, About::Both, probe)
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        match action {
            // The file alone: asking systemd would have it read all unit files again after each one that was written.
            Create | Delete => self.read_file(UnitState::UNKNOWN, About::File, probe),
            Revert => {
                let directory = probe.entry(&self.directory())?;
                Ok(State { directory, ..self.read_file(UnitState::UNKNOWN, About::File, probe)? })
            }
            Nothing | Enable | Disable | ByPreset | Reenable | Start | Stop | Restart | TryRestart | Reload
            | ReloadOrRestart | ReloadOrTryRestart | Mask | Unmask => self.read(probe),
        }
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let place = Path::new("/etc/systemd/system");
        let is_file = |path: &Path| {
            probe.entry(path).map(|entry| entry.is_some_and(|entry| matches!(entry.kind, EntryKind::File { .. })))
        };
        let mut names = Vec::new();
        for name in probe.list(place)?.into_iter().filter_map(|name| name.into_string().ok()) {
            let Some((_, suffix)) = name.rsplit_once('.') else { continue };
            if unit_name::KINDS.contains(&suffix) && is_file(&place.join(&name))? {
                names.push(name);
            } else if suffix == "d" {
                for file in probe.list(&place.join(&name))?.into_iter().filter_map(|file| file.into_string().ok()) {
                    let named = format!("{name}/{file}");
                    if Self::named(&named).check().is_empty() && is_file(&place.join(&named))? {
                        names.push(named);
                    }
                }
            }
        }
        Ok(Some(names))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let file = self.file().read(probe)?;
        let mut found = Found::new(Self::KIND, self.own_name());
        match text_of(file.entry.as_ref()) {
            // Whoever describes a machine passes the description on.
            Some(text) if file.entry.as_ref().is_some_and(|entry| entry.mode.bits() & 0o004 == 0) => {
                found = found.action("create");
                found.private.insert("content".to_owned(), text.into());
            }
            Some(text) => found = found.action("create").with("content", text),
            None if self.addition().is_some() && file.entry.is_none() => found = found.action("delete"),
            None => {}
        }
        if self.addition().is_some() {
            // What the unit does is for a resource of the unit to say.
            return Ok(Some(found));
        }
        Ok(Some(unit::found(found, &self.unit(), probe)?))
    }

    fn notes_for(&self, action: Action, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let goes = action == Delete && self.addition().is_none();
        if !goes || probe.entry(&self.place().join(self.parts().1))?.is_none() || self.is_of_a_package(probe)? {
            return Ok(Vec::new());
        }
        let now = unit::read(&self.unit(), probe)?;
        let enabled = matches!(now.boot, Boot::Enabled).then_some("enabled");
        let running = matches!(now.running, Running::Running | Running::Starting).then_some("running");
        let still = enabled.into_iter().chain(running).collect::<Vec<_>>().join(" and ");
        let sentence = format!("unit `{}` is still {still}: use `[stop, disable, delete]`", self.unit());
        Ok((!still.is_empty()).then_some((LogLevel::Warn, sentence)).into_iter().collect())
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let verb = match action {
            Nothing => return Ok(Goal::State(now.clone())),
            Create => return self.file_goal(file::Create, now, probe),
            Delete => return self.file_goal(file::Delete, now, probe),
            TryRestart => match unit::try_restart(&self.unit(), &now.unit, probe)? {
                Some(verb) => verb,
                None => return Ok(Goal::State(now.clone())),
            },
            ReloadOrRestart => unit::reload_or_restart(&now.unit),
            Restart => ServiceVerb::Restart,
            Enable => ServiceVerb::Enable,
            Reenable => {
                let to = unit::reenable(&self.unit(), &now.unit, probe)?.map(|unit| State {
                    unit,
                    about: About::Unit,
                    ..now.clone()
                });
                return Ok(to.map_or_else(|| Goal::State(now.clone()), |to| Goal::Event("reenable", to)));
            }
            Disable => ServiceVerb::Disable,
            Revert => return self.reverted(now, probe).map(Goal::State),
            ByPreset => match preset::verb(&self.unit(), probe)? {
                Some(verb) => verb,
                None => return Ok(Goal::State(now.clone())),
            },
            Start => ServiceVerb::Start,
            Stop => ServiceVerb::Stop,
            Reload | ReloadOrTryRestart => ServiceVerb::Reload,
            Mask => ServiceVerb::Mask,
            Unmask => ServiceVerb::Unmask,
        };
        self.unit_goal(verb, now, probe)
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, event } = change;
        let unit = Change { from: from.unit.clone(), to: to.unit.clone(), event: *event };
        let mut operations = Vec::new();
        if let (None, Some(Entry { mode, owner, group, .. })) = (&from.directory, &to.directory) {
            let (path, mode, owner, group) = (self.directory(), *mode, owner.clone(), group.clone());
            operations.push(Op::Mkdir { path, mode, owner, group });
        }
        operations.extend(self.file().steps(&from.file, &to.file)?);
        if let (Some(there), None) = (&from.directory, &to.directory) {
            // A drop-in takes only an empty directory along.
            let recursive = there.kind == EntryKind::Directory && self.addition().is_none();
            operations.push(Op::Remove { path: self.directory(), recursive, backup: 0 });
        }
        operations.extend(unit::ops(&self.unit(), &unit));
        Ok(operations)
    }
}

#[cfg(test)]
mod tests;
