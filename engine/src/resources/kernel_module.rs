//! `kernel_module[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{path_faults, stems, text},
    file::{self, File, MANAGED},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, LogLevel, Op, Probe},
    properties,
    resource::{Action as _, Change, Found, Goal, Resource},
    values::{Blob, Words},
};

/// Where files say what is loaded at boot, and by which rules.
const LOAD: &str = "/etc/modules-load.d";
const PROBE: &str = "/etc/modprobe.d";

properties! {
    /// A module of the kernel: whether it is loaded now, and what becomes of it at boot. Its files are Chef's, in
    /// `/etc/modules-load.d` and `/etc/modprobe.d`; modules are loaded and unloaded by modprobe(8). One that is built into
    /// the kernel counts as loaded. Unlike in Chef, the initial RAM disk is not made anew when files change: where a
    /// module is loaded from there, have an `execute` notified that runs `update-initramfs -u` or `dracut -f`. A module that
    /// is in use stays loaded until the next boot: `unload` is refused, and the other actions change their files and warn of it.
    pub struct KernelModule("module name") {
        name: String;
        /// The module, when it is not the name of the resource.
        modname: String,
        /// Options that it is loaded with, as `max_loop=4`. A module that is loaded already takes them at the next load.
        options: Words,
        /// The directory of what is loaded at boot; `/etc/modules-load.d` when not given.
        load_dir: PathBuf,
        /// The directory of options and of what is not to be loaded; `/etc/modprobe.d` when not given.
        unload_dir: PathBuf,
    }
    example r#"r.add(KernelModule::named("loop").options(["max_loop=4"]));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Install = "install": "Has it loaded, now and at each boot, with its options when there are any.",
        Uninstall = "uninstall": "Unloads it and removes what `install` and `blacklist` wrote.",
        Blacklist = "blacklist": "Unloads it, and has no alias load it: only who names it.",
        Disable = "disable": "Unloads it, and has nobody load it.",
        Enable = "enable": "Takes `disable` back.",
        Load = "load": "Loads it, until the next boot.",
        Unload = "unload": "Unloads it, until something loads it again.",
    }
}
pub use Action::*;

/// Whether a module is in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loaded {
    /// It was loaded.
    Yes,
    /// It is not there.
    No,
    /// It is a part of the kernel itself.
    BuiltIn,
}

/// The module in the kernel, and its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether it is in the kernel now.
    pub loaded: Loaded,
    /// The file that loads it at boot.
    pub load: file::State,
    /// The file with its options.
    pub options: file::State,
    /// The file that keeps aliases from loading it.
    pub blacklist: file::State,
    /// The file that keeps everybody from loading it.
    pub disable: file::State,
}

impl KernelModule {
    /// The module with this name, as `loop`.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn module(&self) -> &str {
        self.modname.as_ref().unwrap_or(&self.name)
    }

    /// As the kernel writes it: modprobe takes `-` for `_`.
    fn listed(&self) -> String {
        self.module().replace('-', "_")
    }

    fn load_file(&self) -> File {
        let directory = self.load_dir.as_deref().unwrap_or_else(|| Path::new(LOAD));
        File::whole(directory.join(format!("{}.conf", self.module())))
    }

    fn modprobe_file(&self, what: &str) -> File {
        let directory = self.unload_dir.as_deref().unwrap_or_else(|| Path::new(PROBE));
        File::whole(directory.join(format!("{what}_{}.conf", self.module())))
    }

    fn loaded(&self, probe: &dyn Probe) -> Result<Loaded> {
        if probe.offline() {
            return Ok(Loaded::No);
        }
        let name = self.listed();
        let own = Path::new("/sys/module").join(&name);
        // Only what was loaded has a state of its own there.
        if probe.entry(&own.join("initstate"))?.is_some() {
            return Ok(Loaded::Yes);
        }
        let modules = text("/proc/modules".as_ref(), probe)?.unwrap_or_default();
        if modules.lines().any(|line| line.split_whitespace().next() == Some(name.as_str())) {
            return Ok(Loaded::Yes);
        }
        if probe.entry(&own)?.is_some() {
            return Ok(Loaded::BuiltIn);
        }
        let list = Path::new("/lib/modules").join(probe.kernel()?.release).join("modules.builtin");
        let is_it = |line: &str| {
            let file = line.rsplit('/').next().unwrap_or_default();
            file.split('.').next().is_some_and(|stem| stem.replace('-', "_") == name)
        };
        Ok(if text(&list, probe)?.unwrap_or_default().lines().any(is_it) { Loaded::BuiltIn } else { Loaded::No })
    }

    /// Those of which a file says what becomes of them at boot.
    fn named_in_files(probe: &dyn Probe) -> Result<Vec<String>> {
        let (mut names, files) = (stems(LOAD, ".conf", probe)?, stems(PROBE, ".conf", probe)?);
        for what in ["blacklist_", "disable_"] {
            names.extend(files.iter().filter_map(|file| file.strip_prefix(what)).map(str::to_owned));
        }
        names.sort();
        names.dedup();
        let mut told = Vec::new();
        for name in names {
            let module = Self::named(name.as_str());
            // Others write files of other forms there.
            if module.check().is_empty() && module.found(probe)?.is_some_and(|found| !found.actions.is_empty()) {
                told.push(name);
            }
        }
        Ok(told)
    }

    /// Why it cannot be unloaded now, where modprobe would refuse to. Source: proc_modules(5), modprobe(8).
    fn obstacle(&self, probe: &dyn Probe) -> Result<Option<String>> {
        if probe.offline() {
            return Ok(None);
        }
        let (name, modules) = (self.listed(), text(Path::new("/proc/modules"), probe)?.unwrap_or_default());
        let mut rows = modules.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let Some(row) = rows.find(|row| row.first() == Some(&name.as_str())) else { return Ok(None) };
        let users: Vec<_> = row.get(3).unwrap_or(&"-").split(',').filter(|user| !matches!(*user, "" | "-")).collect();
        let is_used = row.get(2).and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 0);
        let sentence = match users.as_slice() {
            [] if is_used => format!("`{}` is in use", self.module()),
            ["[permanent]"] => format!("`{}` stays in the kernel, which calls it permanent", self.module()),
            users if is_used => format!("`{}` is in use by `{}`", self.module(), users.join("`, `")),
            _ => return Ok(None),
        };
        if !probe.stays_in_use(&sentence) || is_used && unloads_more(&name, probe)? {
            return Ok(None);
        }
        Ok(Some(sentence))
    }

    /// Out of the kernel, as far as that is possible. Of what is built in, or in use, only the files can be managed.
    fn absent(&self, now: Loaded, probe: &dyn Probe) -> Result<Loaded> {
        Ok(if now == Loaded::Yes && self.obstacle(probe)?.is_none() { Loaded::No } else { now })
    }

    /// In the kernel, one way or the other.
    fn present(&self, now: &State) -> Result<Loaded> {
        if now.loaded == Loaded::No && now.disable.entry.is_some() {
            let path = self.modprobe_file("disable").path;
            let sentence = format!("`{}` is disabled by `{}`, so it cannot be loaded", self.module(), path.display());
            return Err(Error::failed(sentence).hint("put the action `enable` in front"));
        }
        Ok(if now.loaded == Loaded::No { Loaded::Yes } else { now.loaded })
    }
}

fn saying(file: &File, line: &str, now: &file::State, probe: &dyn Probe) -> Result<file::State> {
    file.becoming(Some(Blob::from(format!("{MANAGED}{line}\n").as_str())), now, probe)
}

fn gone(file: &File, now: &file::State, probe: &dyn Probe) -> Result<file::State> {
    file.becoming(None, now, probe)
}

/// Whether modprobe is told what to do when this one is removed, or to remove others before it: it alone knows what it can
/// unload then. Source: modprobe.d(5).
fn unloads_more(name: &str, probe: &dyn Probe) -> Result<bool> {
    let mut files = vec![Path::new("/lib/modules").join(probe.kernel()?.release).join("modules.softdep")];
    for directory in ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"] {
        let directory = Path::new(directory).join("modprobe.d");
        let names = probe.list(&directory)?.into_iter().map(|name| directory.join(name));
        files.extend(names.filter(|path| path.extension().is_some_and(|extension| extension == "conf")));
    }
    let tells = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let (Some(word), Some(of)) = (words.first(), words.get(1)) else { return false };
        of.replace('-', "_") == name && (*word == "remove" || *word == "softdep" && words.contains(&"post:"))
    };
    for file in files {
        if text(&file, probe)?.unwrap_or_default().replace("\\\n", " ").lines().any(tells) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Resource for KernelModule {
    const KIND: &'static str = "kernel_module";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let name = self.module();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
            let fault = Fault::new(format!("`{}` is no name of a module", name.escape_debug()));
            faults.push(fault.hint("it is written without its directory and without `.ko`, as `loop`"));
        }
        for option in self.options.iter().flat_map(|options| &options.0) {
            faults.extend(line_fault("option", option));
            if option.trim().is_empty() || option.contains('#') || option.ends_with('\\') {
                let fault = Fault::new(format!("option {option:?} cannot be written in modprobe.d"));
                faults.push(fault.hint("an option is a name and a value, as `max_loop=4`"));
            }
        }
        for directory in [&self.load_dir, &self.unload_dir].into_iter().flatten() {
            faults.extend(path_faults(directory));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        Ok(State {
            loaded: self.loaded(probe)?,
            load: self.load_file().read(probe)?,
            options: self.modprobe_file("options").read(probe)?,
            blacklist: self.modprobe_file("blacklist").read(probe)?,
            disable: self.modprobe_file("disable").read(probe)?,
        })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        if probe.offline() {
            return Self::named_in_files(probe).map(Some);
        }
        let modules = text(Path::new("/proc/modules"), probe)?.unwrap_or_default();
        let names = modules.lines().filter_map(|line| line.split(' ').next());
        Ok(Some(names.map(str::to_owned).collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let now = self.read(probe)?;
        let mut found = Found::new(Self::KIND, self.module());
        for action in [Install, Load, Blacklist, Disable, Uninstall] {
            let more = match action {
                Load | Uninstall => found.actions.is_empty(),
                Install | Blacklist | Disable | Enable | Unload => true,
            };
            if more && self.want(action, &now, probe).is_ok_and(|goal| goal == Goal::State(now.clone())) {
                found = found.action(action.name());
            }
        }
        if now.options.entry.is_some() {
            found = found.unsaid(format!("its options, which `{}` has", self.modprobe_file("options").path.display()));
        }
        Ok(Some(found))
    }

    fn notes_for(&self, action: Action, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let obstacle = match action {
            Uninstall | Blacklist | Disable => self.obstacle(probe)?,
            Install | Enable | Load | Unload => None,
        };
        let note = |sentence| (LogLevel::Warn, format!("{sentence}: it stays loaded until the next boot"));
        Ok(obstacle.map(note).into_iter().collect())
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let (name, mut to) = (self.module(), now.clone());
        let (options, blacklist) = (self.modprobe_file("options"), self.modprobe_file("blacklist"));
        let disable = self.modprobe_file("disable");
        match action {
            Install => {
                if let Some(words) = &self.options {
                    let line = format!("options {name} {}", words.0.join(" "));
                    to.options = saying(&options, &line, &now.options, probe)?;
                }
                if !probe.offline() {
                    to.loaded = self.present(now)?;
                }
                to.load = saying(&self.load_file(), name, &now.load, probe)?;
            }
            Uninstall => {
                to.load = gone(&self.load_file(), &now.load, probe)?;
                to.blacklist = gone(&blacklist, &now.blacklist, probe)?;
                to.options = gone(&options, &now.options, probe)?;
                to.loaded = self.absent(now.loaded, probe)?;
            }
            Blacklist => {
                to.blacklist = saying(&blacklist, &format!("blacklist {name}"), &now.blacklist, probe)?;
                to.loaded = self.absent(now.loaded, probe)?;
            }
            Disable => {
                to.disable = saying(&disable, &format!("install {name} /bin/false"), &now.disable, probe)?;
                to.loaded = self.absent(now.loaded, probe)?;
            }
            Enable => to.disable = gone(&disable, &now.disable, probe)?,
            Load | Unload if probe.offline() => {
                let error = Error::failed(format!("`{name}` is not loaded or unloaded here: the kernel is another's"));
                return Err(error.hint("leave the action out for a root directory; `install` has it loaded at boot"));
            }
            Load => to.loaded = self.present(now)?,
            Unload if now.loaded == Loaded::BuiltIn => {
                let error = Error::failed(format!("`{name}` is built into the kernel and cannot be unloaded"));
                return Err(
                    error.hint("leave the action out; a parameter of the kernel's command line may turn it off")
                );
            }
            Unload => {
                if let (Loaded::Yes, Some(sentence)) = (now.loaded, self.obstacle(probe)?) {
                    let error = Error::failed(format!("cannot unload a module: {sentence}"));
                    return Err(error.hint(
                        "end what uses it before this, or have it kept out at the next boot: `blacklist`, `disable`",
                    ));
                }
                to.loaded = Loaded::No;
            }
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        // The module comes with its options, and is not loaded at boot when it cannot be loaded now.
        let mut operations = self.modprobe_file("options").steps(&from.options, &to.options)?;
        operations.extend(self.modprobe_file("blacklist").steps(&from.blacklist, &to.blacklist)?);
        operations.extend(self.modprobe_file("disable").steps(&from.disable, &to.disable)?);
        match (from.loaded, to.loaded) {
            (Loaded::No, Loaded::Yes) => operations.push(Op::Run(Command::new(["modprobe", "--", self.module()]))),
            (Loaded::Yes, Loaded::No) => {
                operations.push(Op::Run(Command::new(["modprobe", "-r", "--", self.module()])))
            }
            (Loaded::Yes | Loaded::No | Loaded::BuiltIn, _) => {}
        }
        operations.extend(self.load_file().steps(&from.load, &to.load)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Blacklist, Disable, Enable, Install, KernelModule, Load, Loaded, Uninstall, Unload};
    use crate::{
        host::{Command, Dry, Fake, Host as _, Kernel, LogLevel, Op, Write},
        resource::{Resource as _, Step, step},
        resources::trial::{done, faults, refused},
        spec::laws,
    };

    const LISTED: &str = "dm_mod 155648 0 - Live 0x0000000000000000\n";

    fn module() -> KernelModule {
        KernelModule::named("dm-mod").options(["a=1", "b=2"])
    }

    fn listing(text: &str) -> Op {
        Op::Write(Write {
            path: "/proc/modules".into(),
            content: text.into(),
            mode: 0o444.into(),
            owner: "root".into(),
            group: "root".into(),
            backup: 0,
            verify: Vec::new(),
            sensitive: false,
        })
    }

    fn machine() -> Fake {
        Fake::new()
            .with_directory("/etc/modules-load.d")
            .with_directory("/etc/modprobe.d")
            .with_kernel(Kernel { release: "6.1.0".into(), ..Kernel::default() })
            .with_file("/proc/modules", "")
            .with_file("/lib/modules/6.1.0/modules.builtin", "kernel/drivers/tty/serial-core.ko\n")
            .with_effect("modprobe -- dm-mod", [listing(LISTED)])
            .with_effect("modprobe -r -- dm-mod", [listing("")])
    }

    /// What an action does, in short; the second time it does nothing.
    fn acts(action: Action, machine: &mut Fake) -> Vec<String> {
        laws(module(), action, machine);
        let Step::Changed(changed) = step(&module(), action, machine).unwrap() else { return Vec::new() };
        assert_eq!(step(&module(), action, machine).unwrap(), Step::UpToDate);
        let shown = |op: &Op| match op {
            Op::Run(command) => command.to_string(),
            Op::Write(write) => {
                let text = String::from_utf8_lossy(write.content.bytes().unwrap());
                format!("{}: {}", write.path.display(), text.lines().skip(1).collect::<Vec<_>>().join("|"))
            }
            Op::Remove { path, .. } => format!("no {}", path.display()),
            other => format!("{other:?}"),
        };
        changed.operations.iter().map(shown).collect()
    }

    #[test]
    fn a_module_is_installed_and_uninstalled() {
        let mut machine = machine();
        let options = "/etc/modprobe.d/options_dm-mod.conf: options dm-mod a=1 b=2";
        let load = "/etc/modules-load.d/dm-mod.conf: dm-mod";
        assert_eq!(acts(Install, &mut machine), [options, "modprobe -- dm-mod", load]);
        assert_eq!(acts(Install, &mut machine), [""; 0]);
        assert_eq!(acts(Load, &mut machine), [""; 0]);
        assert_eq!(acts(Unload, &mut machine), ["modprobe -r -- dm-mod"]);
        assert_eq!(acts(Unload, &mut machine), [""; 0]);
        assert_eq!(acts(Install, &mut machine), ["modprobe -- dm-mod"]);
        acts(Blacklist, &mut machine);
        acts(Load, &mut machine);
        assert_eq!(
            acts(Uninstall, &mut machine),
            [
                "no /etc/modprobe.d/options_dm-mod.conf",
                "no /etc/modprobe.d/blacklist_dm-mod.conf",
                "modprobe -r -- dm-mod",
                "no /etc/modules-load.d/dm-mod.conf"
            ]
        );
        assert_eq!(acts(Uninstall, &mut machine), [""; 0]);
    }

    #[test]
    fn of_another_root_those_with_files_are_listed() {
        let mut other = Fake::new().with_directory("/etc/modules-load.d").with_directory("/etc/modprobe.d");
        other = other.with_file("/proc/modules", LISTED).with_file("/sys/module/dm_mod/initstate", "live\n");
        assert_eq!(KernelModule::all(&other).unwrap().unwrap(), ["dm_mod"]);
        let mut other = other.as_image();
        assert_eq!(KernelModule::all(&other).unwrap().unwrap(), [""; 0]);
        done(&KernelModule::named("loop"), Install, &mut other);
        done(&KernelModule::named("pcspkr").options(["a=1"]), Blacklist, &mut other);
        done(&KernelModule::named("floppy"), Disable, &mut other);
        let other =
            other.with_file("/etc/modprobe.d/dist-alias.conf", "").with_file("/etc/modules-load.d/modules.conf", "");
        let found = |name: &str| KernelModule::named(name).found(&other).unwrap().unwrap().actions;
        assert_eq!(KernelModule::all(&other).unwrap().unwrap(), ["floppy", "loop", "pcspkr"]);
        let actions = ["floppy", "loop", "pcspkr"].map(found);
        assert_eq!(actions, [vec!["disable"], vec!["install"], vec!["blacklist"]]);
    }

    #[test]
    fn a_module_is_kept_out() {
        let mut machine = machine().with_file("/proc/modules", LISTED);
        assert_eq!(
            acts(Blacklist, &mut machine),
            ["/etc/modprobe.d/blacklist_dm-mod.conf: blacklist dm-mod", "modprobe -r -- dm-mod"]
        );
        assert_eq!(acts(Disable, &mut machine), ["/etc/modprobe.d/disable_dm-mod.conf: install dm-mod /bin/false"]);
        for action in [Load, Install] {
            assert_eq!(
                refused(&module(), action, &mut machine),
                "`dm-mod` is disabled by `/etc/modprobe.d/disable_dm-mod.conf`, so it cannot be loaded\n\
                 hint: put the action `enable` in front"
            );
        }
        assert_eq!(acts(Enable, &mut machine), ["no /etc/modprobe.d/disable_dm-mod.conf"]);
        assert_eq!(acts(Load, &mut machine), ["modprobe -- dm-mod"]);
    }

    #[test]
    fn a_module_may_be_a_part_of_the_kernel() {
        let serial = |name: &str| KernelModule::named("by another name").modname(name);
        let with_parameters = machine().with_directory("/sys/module/printk/parameters");
        let loaded = |name: &str, machine: &Fake| serial(name).read(machine).unwrap().loaded;
        assert_eq!(loaded("serial_core", &machine()), Loaded::BuiltIn);
        assert_eq!(loaded("serial-core", &machine()), Loaded::BuiltIn);
        assert_eq!(loaded("printk", &with_parameters), Loaded::BuiltIn);
        assert_eq!(loaded("dm-mod", &machine().with_file("/sys/module/dm_mod/initstate", "live\n")), Loaded::Yes);
        assert_eq!(loaded("dm", &machine().with_file("/proc/modules", LISTED)), Loaded::No);
        assert_eq!(done(&serial("printk"), Load, &mut with_parameters.clone()), [""; 0]);
        assert_eq!(done(&serial("printk"), Blacklist, &mut with_parameters.clone()).len(), 1);
        assert_eq!(
            refused(&serial("printk"), Unload, &mut with_parameters.clone()),
            "`printk` is built into the kernel and cannot be unloaded\n\
             hint: leave the action out; a parameter of the kernel's command line may turn it off"
        );
    }

    #[test]
    fn a_module_in_use_stays_until_the_next_boot() {
        let used =
            |users: &str| machine().with_file("/proc/modules", format!("dm_mod 155648 {users} Live 0x0\n").as_str());
        for (users, why) in [
            ("2 dm_mirror,dm_log,", "`dm-mod` is in use by `dm_mirror`, `dm_log`"),
            ("1 -", "`dm-mod` is in use"),
            ("0 [permanent],", "`dm-mod` stays in the kernel, which calls it permanent"),
        ] {
            let mut machine = used(users);
            assert_eq!(
                refused(&module(), Unload, &mut machine),
                format!(
                    "cannot unload a module: {why}\n\
                     hint: end what uses it before this, or have it kept out at the next boot: `blacklist`, `disable`"
                )
            );
            let warning = vec![(LogLevel::Warn, format!("{why}: it stays loaded until the next boot"))];
            assert_eq!(module().notes_for(Disable, &machine).unwrap(), warning);
            assert_eq!(acts(Blacklist, &mut machine), ["/etc/modprobe.d/blacklist_dm-mod.conf: blacklist dm-mod"]);
            assert_eq!(acts(Uninstall, &mut machine), ["no /etc/modprobe.d/blacklist_dm-mod.conf"]);
            // By then something before it may have ended that.
            let mut dry = Dry::preflight(&machine);
            dry.perform(&Op::Run(Command::new(["modprobe", "-r", "--", "dm_mirror"]))).unwrap();
            dry.take_doubts();
            assert!(step(&module(), Unload, &mut dry).is_ok());
            let doubt = format!("{why}, unless an earlier step changes that");
            assert_eq!(dry.take_doubts().last(), Some(&doubt));
        }
        for configured in ["softdep dm-mod pre: a \\\n post: dm-mirror\n", "remove dm_mod /sbin/x\n"] {
            let mut machine = used("1 dm_mirror,").with_file("/usr/lib/modprobe.d/dm.conf", configured);
            assert_eq!(acts(Unload, &mut machine), ["modprobe -r -- dm-mod"]);
        }
        assert_eq!(module().notes_for(Disable, &machine()).unwrap(), []);
    }

    #[test]
    fn what_modprobe_refuses_is_an_error_and_not_loaded_at_boot() {
        let mut machine = machine().with_answer("modprobe -- dm-mod", 1, "FATAL: Module dm-mod not found.");
        let error = step(&KernelModule::named("dm-mod"), Install, &mut machine).unwrap_err();
        assert!(error.to_string().contains("Module dm-mod not found"), "{error}");
        assert_eq!(KernelModule::named("dm-mod").read(&machine).unwrap().load.entry, None);
    }

    #[test]
    fn bad_declarations() {
        assert_eq!(
            faults(&KernelModule::named("/lib/modules/x.ko").options(["", "a=1\nb", "c#"]).load_dir("etc")),
            [
                "`/lib/modules/x.ko` is no name of a module\n\
                 hint: it is written without its directory and without `.ko`, as `loop`",
                "option \"\" cannot be written in modprobe.d\nhint: an option is a name and a value, as `max_loop=4`",
                "option is more than one line",
                "option \"c#\" cannot be written in modprobe.d\nhint: an option is a name and a value, as `max_loop=4`",
                "path `etc` is relative\n\
                 hint: a run has no current directory to start from: write it from the root, as `/etc/motd`",
            ]
        );
        assert_eq!(faults(&KernelModule::named("-r")).len(), 1);
        assert_eq!(faults(&module()), [""; 0]);
    }
}
