//! `systemd_unit[name]`
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    entry::text_of,
    file::{self, File},
    unit::{self, UnitState},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, Op, Probe, ServiceVerb},
    properties,
    resource::{Change, Content, Found, Goal, Property, Resource},
    values::Mode,
};

/// Types of units. Source: systemd.unit(5).
const SUFFIXES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

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
    /// that is asked of a unit, once for all of them.
    pub struct SystemdUnit("unit name") {
        name: String;
        /// What the unit file says. From data, also an object of sections.
        content: UnitText,
        /// Whether `systemd-analyze verify` judges the file before it is put in place. Off when not given: it also refuses
        /// units whose programs are installed later in the run.
        verify: bool,
    }
    example r#"r.add(SystemdUnit::named("ddns.timer").content(TIMER).action([systemd_unit::Create, systemd_unit::Enable]));"#
}

actions! {
    /// What can be asked of a unit.
    pub enum Action {
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
        Create = "create": "Has the unit file exist and say this.",
        Delete = "delete": "Removes the unit file. Stop and disable the unit first.",
        Enable = "enable": "Has it start at boot.",
        Disable = "disable": "Has it not start at boot.",
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
        let (same_file, same_unit) = (self.file == other.file, self.unit == other.unit);
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

    fn file(&self) -> File {
        let file = File::at(format!("/etc/systemd/system/{}", self.name));
        let file = file.mode(Mode::from(0o644)).owner("root").group("root");
        if !self.verify.unwrap_or(false) {
            return file;
        }
        // The judge goes by the file's name, which a file that is not in place yet does not have.
        file.verify(format!(
            "command -v systemd-analyze >/dev/null || exit 0; d=$(mktemp -d) || exit 1; \
             cp %{{path}} \"$d/{name}\" && systemd-analyze verify --man=no \"$d/{name}\"; code=$?; rm -rf \"$d\"; exit $code",
            name = self.name.replace('\\', "\\\\")
        ))
    }

    fn file_goal(&self, action: file::Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        if let Some(Entry { kind: EntryKind::Link { target }, .. }) = &now.file.entry
            && target == Path::new("/dev/null")
        {
            let error = Error::failed(format!("unit `{}` is masked, so there is no file to be changed", self.name));
            return Err(error.hint("put the action `unmask` in front"));
        }
        let goal = self.file().goal(action, &now.file, probe, &|| match &self.content {
            Some(content) => Ok(Some(Content::from(&content.0).blob)),
            None => Err(no_content().into()),
        })?;
        let (Goal::State(file) | Goal::Event(_, file)) = goal;
        Ok(Goal::State(State { file, about: About::File, ..now.clone() }))
    }

    fn unit_goal(&self, verb: ServiceVerb, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let state = |unit| State { unit, about: About::Unit, ..now.clone() };
        Ok(match unit::want(&self.name, verb, &now.unit, probe)? {
            Goal::State(unit) => Goal::State(state(unit)),
            Goal::Event(event, unit) => Goal::Event(event, state(unit)),
        })
    }
}

fn no_content() -> Fault {
    Fault::new("it has no content").hint("say with `content` what the unit file is to say")
}

impl Resource for SystemdUnit {
    const KIND: &'static str = "systemd_unit";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = unit::fault(&self.name).into_iter().map(Fault::new).collect();
        let suffix = self.name.rsplit_once('.').map(|(_, suffix)| suffix);
        if !suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix)) {
            let fault = Fault::new(format!("unit `{}` does not say its type", self.name));
            faults.push(fault.hint(format!("end the name with it, as in `{}.service`", self.name)));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create if self.content.is_none() => vec![no_content()],
            Start | Restart | TryRestart | Reload | ReloadOrRestart | ReloadOrTryRestart => {
                unit::no_instance(&self.name).into_iter().collect()
            }
            Create | Nothing | Delete | Enable | Disable | Stop | Mask | Unmask => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        Ok(State { file: self.file().read(probe)?, unit: unit::read(&self.name, probe)?, about: About::Both })
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        match action {
            // The file alone: asking systemd would have it read all unit files again after each one that was written.
            Create | Delete => {
                Ok(State { file: self.file().read(probe)?, unit: UnitState::UNKNOWN, about: About::File })
            }
            Nothing | Enable | Disable | Start | Stop | Restart | TryRestart | Reload | ReloadOrRestart
            | ReloadOrTryRestart | Mask | Unmask => self.read(probe),
        }
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let file = self.file().read(probe)?;
        let mut found = Found::new(Self::KIND, &self.name);
        if let Some(text) = text_of(file.entry.as_ref()) {
            found = found.action("create").with("content", text);
        }
        Ok(Some(unit::found(found, &self.name, probe)?))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let verb = match action {
            Nothing => return Ok(Goal::State(now.clone())),
            Create => return self.file_goal(file::Create, now, probe),
            Delete => return self.file_goal(file::Delete, now, probe),
            TryRestart => match unit::try_restart(&self.name, &now.unit, probe)? {
                Some(verb) => verb,
                None => return Ok(Goal::State(now.clone())),
            },
            ReloadOrRestart => unit::reload_or_restart(&now.unit),
            Restart => ServiceVerb::Restart,
            Enable => ServiceVerb::Enable,
            Disable => ServiceVerb::Disable,
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
        let file = Change { from: from.file.clone(), to: to.file.clone(), event: None };
        let unit = Change { from: from.unit.clone(), to: to.unit.clone(), event: *event };
        let mut operations = self.file().ops(&file)?;
        operations.extend(unit::ops(&self.name, &unit));
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        Create, Delete, Disable, Enable, Mask, Nothing, Restart, Start, Stop, SystemdUnit, TryRestart, UnitText, Unmask,
    };
    use crate::{
        host::{Active, Enabled, Fake},
        resource::{Described as _, Property as _},
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
                " verify command -v systemd-analyze >/dev/null || exit 0; d=$(mktemp -d) || exit 1; \
             cp %{path} \"$d/ddns.service\" && systemd-analyze verify --man=no \"$d/ddns.service\"; \
             code=$?; rm -rf \"$d\"; exit $code"
            ),
            "{shown}"
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
        assert_eq!(faults(&SystemdUnit::named("a/b.service")).len(), 1);
        assert_eq!(
            faults_of(&SystemdUnit::with_name("ddns.timer"), Create),
            ["it has no content\nhint: say with `content` what the unit file is to say"]
        );
        assert_eq!(faults_of(&SystemdUnit::with_name("ddns.timer"), Start), [""; 0]);
        assert_eq!(faults_of(&SystemdUnit::with_name("ddns@.service"), Enable), [""; 0]);
        assert_eq!(
            faults_of(&SystemdUnit::with_name("ddns@.service"), Start),
            ["`ddns@.service` is a template, of which only instances run\nhint: name one, as in `ddns@NAME.service`"]
        );
    }
}
