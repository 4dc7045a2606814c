//! `systemd_unit[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    entry::{require_parent, text_of},
    file::{self, File},
    preset::{self, Preset},
    unit::{self, UnitState},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, Init, Op, Probe, ServiceVerb, unit_name},
    properties,
    resource::{Change, Content, Found, Goal, Property, Resource},
    values::Mode,
};

/// The text of a unit file. From data, also an object of sections: `{"Unit": {"After": ["a", "b"]}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitText(String);

impl From<&str> for UnitText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for UnitText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Property for UnitText {
    const TYPE: &'static str = "text, or an object of sections";

    fn from_json(value: &Json) -> Result<Self, String> {
        if let Some(text) = value.as_str() {
            return Ok(Self(text.to_owned()));
        }
        let wrong = |found: &Json| format!("expected text, or an object of sections, found {found}");
        let mut text = String::new();
        for (section, settings) in value.as_object().ok_or_else(|| wrong(value))? {
            if !text.is_empty() {
                text.push('\n');
            }
            text += &format!("[{section}]\n");
            for (name, value) in settings.as_object().ok_or_else(|| wrong(settings))? {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for value in values {
                    text += &format!("{name}={}\n", setting(value).ok_or_else(|| wrong(value))?);
                }
            }
        }
        Ok(Self(text))
    }
}

fn setting(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.contains('\n') => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Json::String(_) | Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

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
        if self.verify.unwrap_or(false) { file.verify(self.judge()) } else { file }
    }

    fn read_file(&self, unit: UnitState, about: About, probe: &dyn Probe) -> Result<State> {
        let (mut directory, mut shared) = (None, false);
        if let Some(drop_in) = self.addition() {
            directory = probe.entry(&self.directory())?;
            shared = probe.list(&self.directory())?.iter().any(|name| name != drop_in);
        }
        Ok(State { file: self.file().read(probe)?, directory, shared, unit, about })
    }

    /// Where `preset` leads; `None`: they say nothing of it.
    fn by_preset(&self, probe: &dyn Probe) -> Result<Option<ServiceVerb>> {
        match probe.init()? {
            Init::Systemd | Init::SystemdOffline => {}
            Init::OpenRc | Init::SysV | Init::None => {
                return Err(Error::failed(format!("unit `{}` has no preset: this is no systemd", self.unit()))
                    .hint("say `enable` or `disable`"));
            }
        }
        Ok(match preset::of(&self.unit(), probe)? {
            Preset::Enable => Some(ServiceVerb::Enable),
            Preset::Disable => Some(ServiceVerb::Disable),
            Preset::Ignore => None,
        })
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

    /// A command that has systemd judge a unit with the new file. It goes by the names of files, which one that is not in place
    /// yet does not have, so both lie in a directory that comes before the others. What is only ignored is no failure to it, so
    /// what it says of these files counts.
    fn judge(&self) -> String {
        let (user, unit, drop_in) = self.parts();
        let manager = if user.is_some() { "XDG_RUNTIME_DIR=$d " } else { "" };
        let scope = if user.is_some() { "--user " } else { "" };
        let name = unit.replace('\\', "\\\\");
        let put = match drop_in {
            None => format!("cp %{{path}} \"$d/{name}\""),
            Some(drop_in) => {
                let places = unit_name::PLACES.map(|place| match user {
                    Some(_) => place.replace("/systemd/system", "/systemd/user"),
                    None => place.to_owned(),
                });
                let template = unit_name::template(unit).unwrap_or_default().replace('\\', "\\\\");
                format!(
                    "for place in {places}; do for unit in \"{name}\" \"{template}\"; do \
                     [ -f \"$d/{name}\" ] || [ ! -f \"$place/$unit\" ] || cp \"$place/$unit\" \"$d/{name}\"; done; done; \
                     [ -f \"$d/{name}\" ] || {{ rm -rf \"$d\"; exit 0; }}; \
                     mkdir \"$d/{name}.d\" && cp %{{path}} \"$d/{name}.d/{drop_in}\"",
                    places = places.join(" ")
                )
            }
        };
        format!(
            "command -v systemd-analyze >/dev/null || exit 0; umask 022; d=$(mktemp -d) || exit 1; \
             {put} && said=$({manager}systemd-analyze {scope}verify --man=no \"$d/{name}\" 2>&1); code=$?; rm -rf \"$d\"; \
             echo \"$said\" >&2; case $said in *\"$d/\"*) exit 1;; esac; exit $code"
        )
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
            ByPreset => match self.by_preset(probe)? {
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
mod tests {
    use serde_json::json;

    use super::{
        ByPreset, Create, Delete, Disable, Enable, Mask, Nothing, Reenable, Restart, Revert, Start, Stop, SystemdUnit,
        TryRestart, UnitText, Unmask,
    };
    use crate::{
        host::{Active, Enabled, Fake, Init},
        resource::{Described as _, Property as _, Resource as _},
        resources::trial::{done, faults, faults_of, refused},
    };

    const PATH: &str = "/etc/systemd/system/ddns.service";

    fn ddns() -> SystemdUnit {
        SystemdUnit::named("ddns.service").content("[Install]\nWantedBy=multi-user.target\n")
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/etc/systemd/system")
    }

    #[test]
    fn the_file_is_written_and_the_unit_can_then_be_enabled_and_started() {
        let mut machine = machine();
        let write = "write /etc/systemd/system/ddns.service \"[Install]\\nWantedBy=multi-user.target\\n\" \
                     0644 root:root backup 5";
        assert_eq!(done(&ddns(), Nothing, &mut machine), Vec::<String>::new());
        assert_eq!(done(&ddns(), Create, &mut machine), [write]);
        assert_eq!(done(&ddns(), Enable, &mut machine), ["enable ddns.service"]);
        assert_eq!(done(&ddns(), TryRestart, &mut machine), Vec::<String>::new());
        assert_eq!(done(&ddns(), Start, &mut machine), ["start ddns.service"]);
        assert_eq!(done(&ddns(), Restart, &mut machine), ["restart ddns.service"]);
        assert_eq!(done(&ddns(), TryRestart, &mut machine), ["restart ddns.service"]);
        assert_eq!(done(&ddns(), Stop, &mut machine), ["stop ddns.service"]);
        assert_eq!(done(&ddns(), Disable, &mut machine), ["disable ddns.service"]);
        let remove = format!("remove {PATH} backup 5");
        assert_eq!(done(&ddns(), Delete, &mut machine), [remove]);
        assert_eq!(
            refused(&ddns(), Start, &mut machine),
            "unit `ddns.service` does not exist: the init system knows no such unit, so there is nothing to start"
        );
    }

    #[test]
    fn a_unit_without_an_installation_section_is_created_all_the_same() {
        let plain = SystemdUnit::named("ddns.service").content("[Service]\nExecStart=/bin/true\n");
        assert_eq!(done(&plain, Create, &mut machine()).len(), 1);
    }

    #[test]
    fn it_is_enabled_anew_as_often_as_that_is_asked() {
        let mut machine = machine();
        done(&ddns(), Create, &mut machine);
        assert_eq!(done(&ddns(), Reenable, &mut machine), ["enable ddns.service"]);
        assert_eq!(done(&ddns(), Reenable, &mut machine), ["disable ddns.service", "enable ddns.service"]);
        let plain = SystemdUnit::named("plain.service").content("[Service]\nExecStart=/bin/true\n");
        done(&plain, Create, &mut machine);
        assert_eq!(done(&plain, Reenable, &mut machine), [""; 0]);
    }

    #[test]
    fn a_list_is_of_the_files_of_the_administrator() {
        let machine = machine()
            .with_file("/etc/systemd/system/a.timer", "[Timer]\n")
            .with_file("/etc/systemd/system/b.service.d/x.conf", "[Service]\n")
            .with_file("/etc/systemd/system/b.service.d/notes", "")
            .with_link("/etc/systemd/system/c.service", "/lib/systemd/system/d.service")
            .with_directory("/etc/systemd/system/multi-user.target.wants");
        assert_eq!(SystemdUnit::all(&machine).unwrap().unwrap(), ["a.timer", "b.service.d/x.conf"]);
    }

    #[test]
    fn a_mask_hides_the_file_and_is_taken_away() {
        let mut machine = machine().with_service("ddns.service", Enabled::No, Active::No);
        assert_eq!(done(&ddns(), Mask, &mut machine), ["mask ddns.service"]);
        assert_eq!(done(&ddns(), Unmask, &mut machine), ["unmask ddns.service"]);
        let mut linked = self::machine().with_link(PATH, "/dev/null");
        assert_eq!(
            refused(&ddns(), Create, &mut linked),
            "unit `ddns.service` is masked, so there is no file to be changed\n\
             hint: put the action `unmask` in front"
        );
    }

    #[test]
    fn the_file_can_be_judged_under_its_own_name() {
        let shown = done(&ddns().verify(true), Create, &mut machine()).remove(0);
        assert!(
            shown.ends_with(
                " verify command -v systemd-analyze >/dev/null || exit 0; umask 022; d=$(mktemp -d) || exit 1; \
             cp %{path} \"$d/ddns.service\" && said=$(systemd-analyze verify --man=no \"$d/ddns.service\" 2>&1); \
             code=$?; rm -rf \"$d\"; echo \"$said\" >&2; case $said in *\"$d/\"*) exit 1;; esac; exit $code"
            ),
            "{shown}"
        );
    }

    #[test]
    fn a_drop_in_is_put_beside_the_unit_and_judged_with_it() {
        let mut machine = machine();
        let limits = || SystemdUnit::named("getty@tty1.service").drop_in("limits.conf").content("[Service]\n");
        assert_eq!(
            done(&limits(), Create, &mut machine),
            [
                "mkdir /etc/systemd/system/getty@tty1.service.d 0755 root:root",
                "write /etc/systemd/system/getty@tty1.service.d/limits.conf \"[Service]\\n\" 0644 root:root backup 5",
            ]
        );
        let other = SystemdUnit::named("getty@tty1.service.d/other.conf").content("[Unit]\n").verify(true);
        let judged = done(&other, Create, &mut machine).remove(0);
        let expected = " verify command -v systemd-analyze >/dev/null || exit 0; umask 022; d=$(mktemp -d) || exit 1; \
             for place in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system \
             /lib/systemd/system; do for unit in \"getty@tty1.service\" \"getty@.service\"; do \
             [ -f \"$d/getty@tty1.service\" ] || [ ! -f \"$place/$unit\" ] || cp \"$place/$unit\" \"$d/getty@tty1.service\"; \
             done; done; [ -f \"$d/getty@tty1.service\" ] || { rm -rf \"$d\"; exit 0; }; \
             mkdir \"$d/getty@tty1.service.d\" && cp %{path} \"$d/getty@tty1.service.d/other.conf\" && \
             said=$(systemd-analyze verify --man=no \"$d/getty@tty1.service\" 2>&1); code=$?; rm -rf \"$d\"; \
             echo \"$said\" >&2; case $said in *\"$d/\"*) exit 1;; esac; exit $code";
        assert!(judged.ends_with(expected), "{judged}");
        let remove = |name: &str| format!("remove /etc/systemd/system/getty@tty1.service.d{name}");
        assert_eq!(done(&limits(), Delete, &mut machine), [remove("/limits.conf backup 5")]);
        assert_eq!(done(&other, Delete, &mut machine), [remove("/other.conf backup 5"), remove(" backup 0")]);
        assert_eq!(done(&other, Delete, &mut machine), [""; 0]);
        let nowhere = refused(&limits(), Create, &mut Fake::new());
        assert!(nowhere.starts_with("directory `/etc/systemd/system` does not exist"), "{nowhere}");
    }

    #[test]
    fn a_drop_in_has_a_name_of_its_own() {
        let nginx = || SystemdUnit::named("nginx.service");
        assert_eq!(nginx().drop_in("a.conf").name(), "nginx.service.d/a.conf");
        assert_eq!(SystemdUnit::named("limits").unit_name("nginx.service").drop_in("a.conf").name(), "limits");
        for good in [nginx().drop_in("a.conf"), SystemdUnit::named("nginx.service.d/a.conf").triggers_reload(true)] {
            assert_eq!(faults(&good), [""; 0]);
        }
        assert_eq!(
            faults(&nginx().drop_in("limits")),
            ["`limits` is no drop-in: systemd reads only what ends in `.conf`\n\
              hint: name it as `limits.conf`: letters, digits and `:-_.@`"]
        );
        assert_eq!(faults(&nginx().drop_in("../a.conf")).len(), 1);
        assert_eq!(
            faults(&nginx().triggers_reload(false)),
            ["systemd reads changed unit files again in any case, once for all of them\n\
              hint: leave `triggers_reload` out"]
        );
    }

    #[test]
    fn a_preset_enables_or_disables() {
        let mut machine = machine()
            .with_service("ddns.service", Enabled::No, Active::No)
            .with_service("other.service", Enabled::Yes, Active::Yes)
            .with_file("/usr/lib/systemd/system-preset/90.preset", "enable ddns.*\nignore third.*\ndisable *\n");
        assert_eq!(done(&ddns(), ByPreset, &mut machine), ["enable ddns.service"]);
        assert_eq!(done(&SystemdUnit::named("other.service"), ByPreset, &mut machine), ["disable other.service"]);
        assert_eq!(done(&SystemdUnit::named("third.service"), ByPreset, &mut machine), [""; 0]);
        assert_eq!(
            refused(&ddns(), ByPreset, &mut machine.with_init(Init::OpenRc)),
            "unit `ddns.service` has no preset: this is no systemd\nhint: say `enable` or `disable`"
        );
    }

    #[test]
    fn a_unit_is_as_its_package_brought_it() {
        let of_package = || machine().with_file("/usr/lib/systemd/system/ddns.service", "[Service]\n");
        let drop_in = "/etc/systemd/system/ddns.service.d/limits.conf";
        let mut changed = of_package().with_file(PATH, "[Unit]\n").with_file(drop_in, "[Unit]\n");
        let directory = "remove /etc/systemd/system/ddns.service.d recursive backup 0".to_owned();
        assert_eq!(done(&ddns(), Revert, &mut changed), [format!("remove {PATH} backup 5"), directory.clone()]);
        assert_eq!(done(&ddns(), Revert, &mut of_package()), [""; 0]);
        let mut masked = of_package().with_link(PATH, "/dev/null");
        assert_eq!(done(&ddns(), Revert, &mut masked), [format!("remove {PATH} backup 0")]);
        // What only the administrator has is no change of anything.
        let mut own = machine().with_file(PATH, "[Unit]\n").with_file(drop_in, "[Unit]\n");
        assert_eq!(done(&ddns(), Revert, &mut own), [directory]);
        assert_eq!(
            faults_of(&ddns().drop_in("a.conf"), Revert),
            ["`revert` is of a whole unit, with all its drop-ins\n\
              hint: leave `drop_in` out, or remove this one alone with `delete`"]
        );
    }

    #[test]
    fn the_content_may_be_sections() {
        let sections = json!({
            "Unit": {"Description": "d", "After": ["a.service", "b.service"]},
            "Service": {"RemainAfterExit": true, "RestartSec": 5},
        });
        let text = "[Unit]\nDescription=d\nAfter=a.service\nAfter=b.service\n\n\
                    [Service]\nRemainAfterExit=yes\nRestartSec=5\n";
        assert_eq!(UnitText::from_json(&sections), Ok(UnitText(text.to_owned())));
        assert_eq!(UnitText::from_json(&json!("[Unit]\n")), Ok(UnitText("[Unit]\n".to_owned())));
        for bad in [json!(1), json!({"Unit": 1}), json!({"Unit": {"After": null}}), json!({"Unit": {"A": "b\nc"}})] {
            assert!(UnitText::from_json(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_declarations() {
        assert_eq!(
            faults(&SystemdUnit::named("ddns")),
            ["unit `ddns` does not say its type\nhint: end the name with it, as in `ddns.service`"]
        );
        assert_eq!(faults(&SystemdUnit::named("a/b/c.service")).len(), 1);
        assert_eq!(
            faults_of(&SystemdUnit::with_name("ddns.timer"), Create),
            ["it has no content\nhint: say with `content` what the file is to say"]
        );
        assert_eq!(faults_of(&SystemdUnit::with_name("ddns.timer"), Start), [""; 0]);
        assert_eq!(faults_of(&SystemdUnit::with_name("ddns@.service"), Enable), [""; 0]);
        assert_eq!(
            faults_of(&SystemdUnit::with_name("ddns@.service"), Start),
            ["`ddns@.service` is a template, of which only instances run\nhint: name one, as in `ddns@NAME.service`"]
        );
    }
}
