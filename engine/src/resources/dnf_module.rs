//! `dnf_module[NAME:STREAM]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::entry::{resolve, text};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Op, Probe},
    properties,
    resource::{Action as _, Change, Found, Goal, Resource},
};

/// Where dnf 4 remembers what was asked of each module.
const FILES: &str = "/etc/dnf/modules.d";

/// Where dnf 5 does, for all modules.
const TABLE: &str = "/usr/lib/sysimage/libdnf5/modules.toml";

properties! {
    /// A module of dnf: a set of packages in several streams, of which one at most is enabled, as on Enterprise Linux 8 and 9.
    /// The packages themselves are installed by `package`. What is enabled is read from dnf's own files, which dnf alone
    /// changes.
    pub struct DnfModule("MODULE:STREAM, or the module") {
        name: String;
        /// The stream, when the name does not have it.
        stream: String,
        /// Whether another stream that is enabled may be given up for this one. Packages of it stay as they are until they
        /// are upgraded or removed. False when not given: it is refused.
        allow_stream_switch: bool,
    }
    example r#"r.add(DnfModule::named("nodejs:20"));"#
}

actions! {
    /// What can be asked of a module.
    pub enum Action {
        Enable = "enable": "Has the packages of this stream on offer.",
        Disable = "disable": "Has the packages of none of its streams on offer.",
        Reset = "reset": "Leaves it to the module's defaults again.",
    }
}
pub use Action::*;

/// What was asked of a module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// `enabled`, `disabled`, or `default`: nothing was asked.
    pub module: Asked,
    /// The stream that is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The program that is asked; none when there is no such program.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// What was asked of a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Nothing.
    #[default]
    Default,
    /// A stream of it is enabled.
    Enabled,
    /// None of its streams is.
    Disabled,
}

impl State {
    fn of(word: &str, stream: &str) -> Self {
        let module = match word.to_ascii_lowercase().as_str() {
            "enabled" => Asked::Enabled,
            "disabled" => Asked::Disabled,
            _ => Asked::Default,
        };
        let stream = (module == Asked::Enabled && !stream.is_empty()).then(|| stream.to_owned());
        Self { module, stream, by: String::new() }
    }
}

/// The program that knows of modules, and whether it is dnf 5.
struct Program {
    name: &'static str,
    five: bool,
}

impl Program {
    fn of(probe: &dyn Probe) -> Result<Option<Self>> {
        for name in ["dnf", "dnf5"] {
            let (path, entry) = resolve(&Path::new("/usr/bin").join(name), probe)?;
            if entry.is_some() {
                let own = path.file_name().and_then(|own| own.to_str());
                return Ok(Some(Self { name, five: own.is_some_and(|own| own.starts_with("dnf5")) }));
            }
        }
        Ok(None)
    }
}

impl DnfModule {
    /// The stream of a module, as `nodejs:20`.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn module(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(module, _)| module)
    }

    fn of_name(&self) -> Option<&str> {
        self.name.split_once(':').map(|(_, stream)| stream)
    }

    fn wanted(&self) -> Option<&str> {
        self.of_name().or(self.stream.as_deref())
    }

    /// Refuses a stream that no repository has, and names those that there are.
    fn require(&self, program: &str, stream: Option<&str>, probe: &dyn Probe) -> Result<()> {
        let module = self.module();
        let list = Command::new([program, "-y", "module", "list", module]);
        let answer = probe.query(&list)?;
        // Not a word: a look ahead, which asks nobody. dnf always says that it loads its repositories.
        if answer.success() && answer.stdout.is_empty() && answer.stderr.is_empty() {
            return Ok(());
        }
        // dnf 4 says by its exit code that there is none, dnf 5 by no word.
        if !answer.success() && !answer.stderr.contains("No matching Modules") {
            return Err(Error::failed(format!("cannot ask `{list}`: {}", answer.stderr.trim())));
        }
        let known = streams(&answer.stdout, module);
        if known.is_empty() {
            let why = Some("no enabled repository has it".to_owned());
            return Err(Error::Missing { kind: "module", name: module.to_owned(), why });
        }
        let Some(stream) = stream.filter(|stream| !known.contains(stream)) else { return Ok(()) };
        let error = Error::failed(format!("module `{module}` has no stream `{stream}`"));
        Err(error.hint(format!("it has `{}`", known.join("`, `"))))
    }
}

/// Streams of a module, from rows as `nodejs  20 [d][e]  common [d], development  Javascript runtime`.
fn streams<'a>(table: &'a str, module: &str) -> Vec<&'a str> {
    let mut streams: Vec<&str> = Vec::new();
    for line in table.lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some(module)
            && let Some(stream) = words.next()
            && !streams.contains(&stream)
        {
            streams.push(stream);
        }
    }
    streams
}

/// From a section as dnf 4 writes it: `[nodejs]`, `stream=20`, `state=enabled`.
fn of_file(text: &str) -> State {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| name.trim() == key).map_or("", |(_, value)| value.trim())
    };
    State::of(value("state"), value("stream"))
}

/// From the table of dnf 5.
fn of_table(text: &str) -> Result<Vec<(String, State)>> {
    let table = DeTable::parse(text)
        .map(Spanned::into_inner)
        .map_err(|error| Error::failed(format!("`{TABLE}` is not as dnf writes it: {}", error.message())))?;
    let Some(DeValue::Table(modules)) = table.get("modules").map(Spanned::get_ref) else { return Ok(Vec::new()) };
    let states = modules.iter().filter_map(|(name, module)| {
        let module = module.get_ref().as_table()?;
        let word = |key: &str| module.get(key).and_then(|value| value.get_ref().as_str()).unwrap_or_default();
        Some((name.get_ref().clone().into_owned(), State::of(word("state"), word("enabled_stream"))))
    });
    Ok(states.collect())
}

fn file_of(module: &str) -> PathBuf {
    Path::new(FILES).join(format!("{module}.module"))
}

impl Resource for DnfModule {
    const KIND: &'static str = "dnf_module";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let plain = |word: &str| {
            let sign = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
            !word.is_empty() && !word.starts_with(['-', '.']) && word.chars().all(sign)
        };
        for (what, word) in
            [("module", Some(self.module())), ("stream", self.of_name()), ("stream", self.stream.as_deref())]
        {
            if let Some(word) = word.filter(|word| !plain(word)) {
                let fault = Fault::new(format!("`{}` is no name of a {what}", word.escape_debug()));
                faults.push(fault.hint("write module and stream as `nodejs:20`; profiles are not managed"));
            }
        }
        if let (Some(one), Some(other)) = (self.of_name(), self.stream.as_deref())
            && one != other
        {
            faults.push(Fault::new(format!("it has two streams, `{one}` and `{other}`")).hint("keep one of them"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        let fault = || Fault::new("it has no stream").hint("write it behind the name, as in `nodejs:20`");
        if action == Enable && self.wanted().is_none() { vec![fault()] } else { Vec::new() }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let program = Program::of(probe)?;
        let own = if program.as_ref().is_some_and(|program| program.five) {
            let modules = of_table(&text(Path::new(TABLE), probe)?.unwrap_or_default())?;
            modules.into_iter().find(|(name, _)| name == self.module()).map(|(_, state)| state)
        } else {
            text(&file_of(self.module()), probe)?.map(|text| of_file(&text))
        };
        let by = program.map(|program| program.name.to_owned()).unwrap_or_default();
        Ok(State { by, ..own.unwrap_or_default() })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        if Program::of(probe)?.is_some_and(|program| program.five) {
            let modules = of_table(&text(Path::new(TABLE), probe)?.unwrap_or_default())?;
            let asked = modules.into_iter().filter(|(_, state)| state.module != Asked::Default);
            return Ok(Some(asked.map(|(name, _)| name).collect()));
        }
        let mut names = Vec::new();
        if probe.entry(Path::new(FILES))?.is_some() {
            for file in probe.list(Path::new(FILES))? {
                let Some(module) = file.to_str().and_then(|file| file.strip_suffix(".module")) else { continue };
                if Self::named(module).read(probe)?.module != Asked::Default {
                    names.push(module.to_owned());
                }
            }
        }
        names.sort();
        Ok(Some(names))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let now = self.read(probe)?;
        let name = now.stream.as_ref().map_or(self.module().to_owned(), |stream| format!("{}:{stream}", self.module()));
        let action = match now.module {
            Asked::Default => Reset,
            Asked::Enabled => Enable,
            Asked::Disabled => Disable,
        };
        Ok(Some(Found::new(Self::KIND, name).action(action.name())))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let (module, stream) = match action {
            Enable => (Asked::Enabled, self.wanted().map(str::to_owned)),
            Disable => (Asked::Disabled, None),
            Reset => (Asked::Default, None),
        };
        let to = State { module, stream, by: now.by.clone() };
        if to == *now {
            return Ok(Goal::State(to));
        }
        if now.by.is_empty() {
            let error = Error::failed("this machine has no `dnf`, so it has no modules");
            return Err(error.hint("leave it out on other platforms"));
        }
        if let (Enable, Some(other)) = (action, &now.stream)
            && !self.allow_stream_switch.unwrap_or(false)
        {
            let error = Error::failed(format!("module `{}` has the stream `{other}` enabled", self.module()));
            return Err(error.hint(
                "set `allow_stream_switch` to give it up, or put the action `reset` in front; its packages stay as they are",
            ));
        }
        if action != Reset {
            self.require(&now.by, to.stream.as_deref(), probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let module = self.module();
        let run = |words: &[&str]| Op::Run(Command::new([&[from.by.as_str(), "-y", "module"], words].concat()));
        Ok(match (to.module, &to.stream) {
            (Asked::Enabled, Some(stream)) => {
                let enable = run(&["enable", &format!("{module}:{stream}")]);
                // It does not go from one stream to another by itself.
                if from.stream.is_some() { vec![run(&["reset", module]), enable] } else { vec![enable] }
            }
            (Asked::Disabled, _) => vec![run(&["disable", module])],
            (Asked::Default | Asked::Enabled, _) => vec![run(&["reset", module])],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Disable, DnfModule, Enable, Reset, TABLE, of_file, of_table, streams};
    use crate::{
        host::{Fake, Op, Write},
        resource::{Step, step},
        resources::trial::{faults, faults_of, refused},
        spec::laws,
    };

    const FILE: &str = "/etc/dnf/modules.d/lab-web.module";
    const LIST: &str = "lab-rpm\nName    Stream Profiles        Summary           \nlab-web 1 [e]  minimal, server A synthetic \
                        module\nlab-web 2      minimal, server A synthetic module\n\nHint: [d]efault, [e]nabled, [x]disabled, \
                        [i]nstalled\n";

    fn of4(stream: &str, state: &str) -> String {
        format!("[lab-web]\nname=lab-web\nstream={stream}\nprofiles=\nstate={state}\n\n")
    }

    fn of5(stream: &str, state: &str) -> String {
        format!(
            "version = \"1.0\"\n\n[modules]\n[modules.lab-web]\nenabled_stream = \"{stream}\"\ninstalled_profiles = []\nstate = \
             \"{state}\"\n"
        )
    }

    fn effect(machine: Fake, words: &str, path: &str, text: &str) -> Fake {
        let write = Write {
            path: path.into(),
            content: text.into(),
            mode: 0o644.into(),
            owner: "root".into(),
            group: "root".into(),
            backup: 0,
            verify: Vec::new(),
            sensitive: false,
        };
        machine.with_effect(format!("dnf -y module {words}"), [Op::Write(write)])
    }

    /// With dnf 4, or dnf 5 under the name of dnf.
    fn machine(five: bool) -> Fake {
        let (path, text): (_, fn(&str, &str) -> String) = if five { (TABLE, of5) } else { (FILE, of4) };
        let words = if five { ["Enabled", "Disabled", "Available"] } else { ["enabled", "disabled", ""] };
        let program = if five { "/usr/bin/dnf5" } else { "/usr/bin/dnf-3" };
        let mut machine = Fake::new().with_file(program, "").with_link("/usr/bin/dnf", &program[9..]);
        machine = machine.with_directory("/etc/dnf/modules.d").with_directory("/usr/lib/sysimage/libdnf5");
        machine = effect(machine, "enable lab-web:1", path, &text("1", words[0]));
        machine = effect(machine, "enable lab-web:2", path, &text("2", words[0]));
        machine = effect(machine, "disable lab-web", path, &text("", words[1]));
        machine = effect(machine, "reset lab-web", path, &text("", words[2]));
        machine.with_answer("dnf -y module list lab-web", 0, LIST).with_answer(
            "dnf -y module list lab-no",
            0,
            "Updating and loading repositories:\nRepositories loaded.\n",
        )
    }

    fn web(stream: &str) -> DnfModule {
        DnfModule::named("lab-web").stream(stream)
    }

    /// The commands of an action, which then has nothing more to do.
    fn ran(of: impl Fn() -> DnfModule, action: super::Action, machine: &mut Fake) -> Vec<String> {
        laws(of(), action, machine);
        let Step::Changed(changed) = step(&of(), action, machine).unwrap() else { return Vec::new() };
        assert_eq!(step(&of(), action, machine).unwrap(), Step::UpToDate);
        let command = |op: &Op| if let Op::Run(command) = op { command.to_string() } else { format!("{op:?}") };
        changed.operations.iter().map(command).collect()
    }

    #[test]
    fn a_stream_is_enabled_given_up_and_reset() {
        for five in [false, true] {
            let mut machine = machine(five);
            assert_eq!(ran(|| web("1"), Reset, &mut machine), [""; 0]);
            assert_eq!(ran(|| web("1"), Enable, &mut machine), ["dnf -y module enable lab-web:1"]);
            assert_eq!(ran(|| DnfModule::named("lab-web:1"), Enable, &mut machine), [""; 0]);
            assert_eq!(
                refused(&web("2"), Enable, &mut machine),
                "module `lab-web` has the stream `1` enabled\nhint: set `allow_stream_switch` to give it up, or put the \
                 action `reset` in front; its packages stay as they are"
            );
            assert_eq!(
                ran(|| web("2").allow_stream_switch(true), Enable, &mut machine),
                ["dnf -y module reset lab-web", "dnf -y module enable lab-web:2"]
            );
            assert_eq!(ran(|| web("2"), Disable, &mut machine), ["dnf -y module disable lab-web"]);
            assert_eq!(ran(|| web("2"), Disable, &mut machine), [""; 0]);
            assert_eq!(ran(|| web("2"), Enable, &mut machine), ["dnf -y module enable lab-web:2"]);
            assert_eq!(ran(|| web("2"), Reset, &mut machine), ["dnf -y module reset lab-web"]);
        }
    }

    #[test]
    fn what_nobody_offers_is_refused() {
        let mut machine = machine(false);
        assert_eq!(
            refused(&web("3"), Enable, &mut machine),
            "module `lab-web` has no stream `3`\nhint: it has `1`, `2`"
        );
        let unknown = refused(&DnfModule::named("lab-no:1"), Enable, &mut machine);
        assert!(unknown.starts_with("module `lab-no` does not exist: no enabled repository has it"), "{unknown}");
        let without = refused(&web("1"), Enable, &mut Fake::new());
        assert!(without.starts_with("this machine has no `dnf`, so it has no modules"), "{without}");
    }

    #[test]
    fn what_dnf_writes_is_read() {
        assert_eq!(of_file(&of4("1", "enabled")).stream.as_deref(), Some("1"));
        assert_eq!(of_file(&of4("", "")), super::State::default());
        assert_eq!(of_table("").unwrap(), []);
        let told = of_table("modules = \n").unwrap_err().to_string();
        assert!(told.starts_with("`/usr/lib/sysimage/libdnf5/modules.toml` is not as dnf writes it: "), "{told}");
        assert_eq!(streams(LIST, "lab-web"), ["1", "2"]);
    }

    #[test]
    fn bad_declarations_are_found_before_anything_is_done() {
        for bad in ["", ":1", "a:", "a b:1", "-a:1", "a:1/server", "a:1:2"] {
            assert_eq!(faults(&DnfModule::named(bad)).len(), 1, "{bad:?}");
        }
        assert_eq!(
            faults(&DnfModule::named("a:1").stream("2")),
            ["it has two streams, `1` and `2`\nhint: keep one of them"]
        );
        assert_eq!(
            faults_of(&DnfModule::named("a"), Enable),
            ["it has no stream\nhint: write it behind the name, as in `nodejs:20`"]
        );
        assert_eq!(faults_of(&DnfModule::named("a"), Disable), [""; 0]);
    }
}
