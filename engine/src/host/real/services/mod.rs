//! Services, by whichever init system there is: state is read natively where that can be, changed by the system's tools.
mod bus;
mod owner;
mod scripts;
mod systemd;
mod unit_files;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
};

use self::{owner::Owner, unit_files::Places};
use super::command;
use crate::{
    Error, Result,
    host::{Answer, Command, Enabled, Init, ServiceState, ServiceVerb, environment, unit_name},
    values::Seconds,
};

/// How long a start or stop may take. A unit's own limit (`TimeoutStartSec`, 90 s by default) strikes first.
const LIMIT: Seconds = Seconds(900);

/// Directories whose files define units. A change in one of them is known to systemd only after a reload.
const UNIT_PLACES: [&str; 11] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/system.control",
    "/etc/systemd/system.conf.d",
    "/run/systemd/transient",
    // Generators make units of these.
    "/etc/fstab",
    "/etc/crypttab",
    "/etc/init.d",
];

type Run = fn(&Command) -> Result<Answer>;

/// The services of a machine, or those of a user's own systemd.
pub struct Services {
    root: PathBuf,
    /// Whose they are; `None`: the system's.
    owner: Option<Owner>,
    /// Those of users that were asked for.
    users: RefCell<BTreeMap<String, Rc<Services>>>,
    /// Something of ours changed unit files of users since their systemd was last told.
    users_stale: Cell<bool>,
    run: Run,
    init: Cell<Option<Init>>,
    bus: RefCell<Option<bus::Connection>>,
    /// systemd let a question on its socket pass unanswered.
    silent: Cell<bool>,
    /// Something of ours changed unit files since systemd last read them.
    reload_due: Cell<bool>,
    /// Units whose files were changed since then.
    changed: RefCell<BTreeSet<String>>,
    /// What there is to be said of those that systemd read.
    warnings: RefCell<Vec<String>>,
}

impl Default for Services {
    fn default() -> Self {
        Self::below("/", command::run)
    }
}

impl Services {
    fn below(root: impl Into<PathBuf>, run: Run) -> Self {
        Self {
            root: root.into(),
            owner: None,
            users: RefCell::default(),
            users_stale: Cell::new(false),
            run,
            init: Cell::new(None),
            bus: RefCell::default(),
            silent: Cell::new(false),
            reload_due: Cell::new(false),
            changed: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// The init system: found out once.
    pub fn init(&self) -> Init {
        let init = self.init.get().unwrap_or_else(|| self.detect());
        self.init.set(Some(init));
        init
    }

    /// Process 1 is never asked for its name: in a container it is anything.
    fn detect(&self) -> Init {
        let there = |path: &str| self.root.join(path).exists();
        if let Some(owner) = &self.owner {
            return match self.program("systemctl") {
                Some(_) if self.is_live() && owner.runs(&self.root) => Init::Systemd,
                Some(_) => Init::SystemdOffline,
                None => Init::None,
            };
        }
        if self.is_live() && self.root.join("run/systemd/system").is_dir() {
            Init::Systemd
        } else if self.program("systemctl").is_some() && there("etc/systemd") {
            Init::SystemdOffline
        } else if there("run/openrc/softlevel") || there("sbin/openrc-run") || there("usr/sbin/openrc-run") {
            Init::OpenRc
        } else if there("etc/init.d") && (self.program("update-rc.d").is_some() || self.program("chkconfig").is_some())
        {
            Init::SysV
        } else {
            Init::None
        }
    }

    /// The whole name of a unit, of an alias that of the unit it means.
    pub fn real_name(&self, unit: &str) -> Result<String> {
        let whole = unit_name::whole(unit).map_err(Error::failed)?;
        match self.init() {
            Init::Systemd | Init::SystemdOffline => unit_files::real_name(&self.places(), &whole),
            Init::OpenRc | Init::SysV | Init::None => Ok(whole),
        }
    }

    fn places(&self) -> Places {
        match &self.owner {
            None => Places::of_system(&self.root),
            Some(owner) => Places::of_user(&self.root, owner.home.as_deref()),
        }
    }

    /// State of a unit; a name without a unit's suffix means a service.
    pub fn service(&self, unit: &str) -> Result<ServiceState> {
        let whole = self.real_name(unit)?;
        match self.init() {
            Init::Systemd => {
                if self.reload_due.get() {
                    self.reload_units()?;
                }
                let state = systemd::state(self, &whole)?;
                // A package, or somebody, has put it there and told nobody, which is then done before it is changed.
                if !state.exists {
                    return unit_files::state(&self.places(), &whole);
                }
                Ok(state)
            }
            Init::SystemdOffline => systemd::offline_state(self, &whole),
            init @ (Init::OpenRc | Init::SysV) => match whole.strip_suffix(".service") {
                Some(name) => scripts::state(self, init, name),
                None => Ok(ServiceState::ABSENT),
            },
            Init::None => Ok(ServiceState::ABSENT),
        }
    }

    /// Whether a unit will be enabled once it is not masked, by its files.
    pub fn unmasked(&self, unit: &str) -> Result<Option<Enabled>> {
        match self.init() {
            Init::Systemd | Init::SystemdOffline => {
                unit_files::unmasked(&self.places(), &unit_name::whole(unit).map_err(Error::failed)?)
            }
            Init::OpenRc | Init::SysV | Init::None => Ok(None),
        }
    }

    /// Whether a unit can be reloaded, where that is known before it is tried.
    pub fn reloads(&self, unit: &str) -> Result<Option<bool>> {
        let whole = self.real_name(unit)?;
        match (self.init(), whole.strip_suffix(".service")) {
            (Init::Systemd, _) => systemd::reloads(self, &whole).map(Some),
            (Init::OpenRc, Some(name)) => Ok(scripts::reloads(&self.root, name)),
            (Init::OpenRc | Init::SystemdOffline | Init::SysV | Init::None, _) => Ok(None),
        }
    }

    /// Changes a unit, and waits until that is done.
    pub fn perform(&self, unit: &str, verb: ServiceVerb) -> Result<()> {
        let whole = self.real_name(unit)?;
        match self.init() {
            Init::Systemd => systemd::perform(self, &whole, verb),
            Init::SystemdOffline => systemd::perform_offline(self, &whole, verb),
            init @ (Init::OpenRc | Init::SysV) => match whole.strip_suffix(".service") {
                Some(name) if self.service(name)?.exists => scripts::perform(self, init, name, verb),
                Some(_) | None => Err(Error::Missing { kind: "unit", name: unit.to_owned(), why: None }),
            },
            Init::None => Err(Error::Unsupported(format!(
                "cannot {} `{unit}`: no init system is known here (neither systemd nor OpenRC nor System V scripts), \
                 as in a container",
                verb.name()
            ))),
        }
    }

    /// Unit files were changed: systemd reads them again before it is next asked or told anything. One reload serves all
    /// changes until then.
    pub fn units_changed(&self) {
        self.reload_due.set(true);
    }

    /// Something at `path` was changed, which may define a unit. Of lines of fstab(5) systemd makes units, too.
    pub fn path_changed(&self, path: &Path) {
        if path == Path::new("/etc/fstab") || UNIT_PLACES.iter().any(|place| path.starts_with(place)) {
            self.units_changed();
            self.changed.borrow_mut().extend(unit_of(path));
        }
        if owner::concerns(path) {
            self.users_stale.set(true);
            for services in self.users.borrow().values() {
                services.units_changed();
            }
        }
    }

    /// Ends the run: has systemd read the unit files that were changed last.
    pub fn finish(&self) -> Result<()> {
        if self.users_stale.take() {
            self.tell_users();
        }
        if self.reload_due.get() && self.init() == Init::Systemd { self.reload_units() } else { Ok(()) }
    }

    /// Forgets what is remembered: a command or package may have changed anything, even brought an init system.
    pub fn forget(&self) {
        self.init.set(None);
        self.silent.set(false);
        self.users.borrow().values().for_each(|services| services.init.set(None));
    }

    /// Whether it is the running system that is managed, not an image below another root.
    fn is_live(&self) -> bool {
        self.root == Path::new("/") && !environment::in_another_root()
    }

    /// A program of the managed system, by the directories where such tools are.
    fn program(&self, name: &str) -> Option<PathBuf> {
        let places = ["usr/sbin", "usr/bin", "sbin", "bin"];
        places.iter().map(|place| self.root.join(place).join(name)).find(|path| path.is_file())
    }

    /// Runs a tool to its end, however that is.
    fn ask<const N: usize>(&self, argv: [&str; N]) -> Result<Answer> {
        (self.run)(&self.command(&argv))
    }

    fn command(&self, argv: &[&str]) -> Command {
        let command = Command { timeout: LIMIT, ..Command::new(argv.iter().copied()) };
        match &self.owner {
            None => command,
            Some(owner) => owner.asks(command, self.init() == Init::Systemd),
        }
    }

    /// Runs a tool that must succeed.
    fn change<const N: usize>(&self, argv: [&str; N]) -> Result<()> {
        let answer = self.ask(argv)?;
        if !answer.success() {
            return Err(self.failed(&argv, &answer));
        }
        // systemctl warns of what will undo the change, as a socket that starts the stopped service again.
        for line in answer
            .stderr
            .lines()
            .filter(|line| line.to_lowercase().contains("warning") || line.starts_with("Stopping "))
        {
            tracing::warn!("{line}");
        }
        Ok(())
    }

    fn failed(&self, argv: &[&str], answer: &Answer) -> Error {
        let output = format!("{}\n{}", answer.stdout.trim(), answer.stderr.trim());
        Error::Command {
            command: self.command(argv).to_string(),
            how: format!("exited with {}", answer.code),
            output: command::last_lines(&output),
        }
    }

    fn reload_units(&self) -> Result<()> {
        self.change(["systemctl", "--no-ask-password", "daemon-reload"])?;
        self.reload_due.set(false);
        let refused = systemd::unloadable(self, self.changed.take())?;
        self.warnings.borrow_mut().extend(refused.into_iter().map(|(unit, word)| {
            format!(
                "systemd cannot load `{unit}` ({word}), so it will not start: `systemd-analyze verify {unit}` says why"
            )
        }));
        Ok(())
    }

    /// What is to be said since this was last asked.
    pub fn take_warnings(&self) -> Vec<String> {
        self.warnings.take()
    }
}

/// The unit that a file is about, itself or as a drop-in. Of templates there is nothing to load.
fn unit_of(path: &Path) -> Option<String> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let drop_in = || name(path.parent()?)?.strip_suffix(".d").map(str::to_owned);
    let unit = drop_in().or_else(|| name(path))?;
    let (stem, suffix) = unit.rsplit_once('.')?;
    (unit_name::KINDS.contains(&suffix) && !stem.ends_with('@')).then_some(unit)
}

#[cfg(test)]
mod tests;
