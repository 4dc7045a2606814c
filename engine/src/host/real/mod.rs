//! The real machine.
mod accounts;
mod command;
mod fetch;
pub(super) mod files;
pub mod http;
mod labels;
mod network;
pub(super) mod packages;
mod services;

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use self::{
    accounts::Accounts,
    labels::Labels,
    packages::{Packages, Tools},
    services::Services,
};
use super::{
    Act, Answer, Candidate, Command, Enabled, Entry, Fetched, Group, Host, Init, Interface, Kernel, LogLevel, Op,
    PackageChange, PackageState, Performed, Probe, Progress, Provider, Proxies, Reboot, Request, ServiceState,
    Transaction, User, Write,
    dns::{Authority, Name, RecordSet, RecordType, Ttls},
    environment, unit_name,
};
use crate::{
    Error, Result,
    values::{Day, Seconds},
};

pub(super) use fetch::ask;
pub use fetch::shown as shown_address;
pub use files::clean_leftovers;
pub(super) use network::interfaces;
use packages::Policy;
pub use packages::Repair;

/// Where the real host keeps what it needs, and how long it waits.
#[derive(Clone)]
pub struct Settings {
    /// brasa's state directory.
    pub state: PathBuf,
    /// Downloads.
    pub cache: PathBuf,
    /// Backups of replaced files.
    pub backups: PathBuf,
    /// What becomes of a package manager that was interrupted.
    pub repair: Repair,
    /// What downloads and commands reach other machines by.
    pub proxies: Proxies,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state: "/var/lib/brasa".into(),
            cache: "/var/cache/brasa".into(),
            backups: "/var/lib/brasa/backups".into(),
            repair: Repair::default(),
            proxies: Proxies::default(),
        }
    }
}

type Tell = Box<dyn Fn(&Progress)>;

/// The machine this process runs on. What was read is remembered until something of ours may have changed it.
pub struct Real {
    settings: Settings,
    tell: Tell,
    accounts: RefCell<Option<Rc<Accounts>>>,
    packages: Packages,
    services: Rc<Services>,
    labels: Labels,
    /// Files of weak keys that were told of.
    weak_keys: RefCell<BTreeSet<PathBuf>>,
    /// What was asked for, and is still to be done.
    reboot: Option<Reboot>,
}

impl Real {
    /// Nothing is read before it is asked for. `tell` hears of progress, from this thread.
    pub fn new(settings: Settings, tell: impl Fn(&Progress) + 'static) -> Self {
        Self {
            packages: Packages::new("/", &settings.state).repair(settings.repair),
            settings,
            tell: Box::new(tell),
            accounts: RefCell::default(),
            services: Rc::default(),
            labels: Labels::default(),
            weak_keys: RefCell::default(),
            reboot: None,
        }
    }

    fn accounts(&self) -> Result<Rc<Accounts>> {
        if let Some(accounts) = self.accounts.borrow().as_ref() {
            return Ok(Rc::clone(accounts));
        }
        let accounts = Rc::new(Accounts::read(Path::new("/"))?);
        self.accounts.replace(Some(Rc::clone(&accounts)));
        Ok(accounts)
    }

    /// The services of the system, or of the user whose systemd a unit belongs to, and the unit's name there.
    fn services_of<'u>(&self, unit: &'u str) -> Result<(Rc<Services>, &'u str)> {
        Ok(match unit_name::of_user(unit) {
            (None, unit) => (Rc::clone(&self.services), unit),
            (Some(user), unit) => (self.services.of_user(user, self.accounts()?.user(user)?), unit),
        })
    }

    /// Ends a run: the init system reads the unit files that were written last, when nothing asked it to before.
    ///
    /// # Errors
    /// When it refuses to.
    pub fn finish(&mut self) -> Result<()> {
        let labelled = self.labels.settle(&*self.tell);
        let done = self.services.finish();
        self.warn();
        labelled.and(done)
    }

    /// Says what turned out while something was read, or when systemd read changed units.
    fn warn(&self) {
        for message in self.packages.take_warnings().into_iter().chain(self.services.take_warnings()) {
            (self.tell)(&Progress::Note { level: LogLevel::Warn, message });
        }
    }

    /// Says once of each key that it is weak.
    fn warn_of_key(&self, authority: &Authority) -> Result<()> {
        let (Some(file), Some(key)) = (&authority.key_file, authority.key()?) else { return Ok(()) };
        if let Some(weakness) = key.algorithm().weakness().filter(|_| self.weak_keys.borrow_mut().insert(file.clone()))
        {
            let message = format!("the key in `{}` is one for {weakness}", file.display());
            (self.tell)(&Progress::Note { level: LogLevel::Warn, message });
        }
        Ok(())
    }

    /// Forgets everything read: a command or a package may have changed anything.
    fn forget(&self) {
        self.accounts.take();
        self.packages.forget();
        self.services.forget();
    }

    /// Units may differ from what the init system knows of them, as after a run that was cut off.
    pub fn units_may_be_stale(&self) {
        self.services.units_changed();
    }

    fn run(&self, command: &Command) -> Result<()> {
        self.packages.await_debconf(command, &*self.tell)?;
        let answer = command::run_endable(&with(&self.settings.proxies, command));
        self.forget();
        command::check(command, answer?).map(drop)
    }

    fn write_all(&self, writes: &[&Write]) -> Result<()> {
        let accounts = self.accounts()?;
        let now = || time_stamp(SystemTime::now());
        // Before, not after: when a later one fails, the earlier ones are in place.
        for write in writes {
            self.services.path_changed(&write.path);
        }
        self.labels.coming(writes.iter().map(|write| write.path.as_path()));
        files::write_all(writes, &accounts, &self.settings.backups, &now, &*self.tell)
    }
}

impl Probe for Real {
    fn entry(&self, path: &Path) -> Result<Option<Entry>> {
        files::entry(path, &*self.accounts()?)
    }

    fn same_file(&self, one: &Path, other: &Path) -> Result<bool> {
        files::same(one, other)
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        files::list(path)
    }

    fn packages(&self, provider: &Provider, names: &[String]) -> Result<Vec<PackageState>> {
        let states = self.packages.packages(&Runner(&self.settings.proxies), provider, names);
        self.warn();
        states
    }

    fn candidates(&self, provider: &Provider, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        self.packages.candidates(&Runner(&self.settings.proxies), provider, names)
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        self.packages.simulate(&Runner(&self.settings.proxies), transaction)
    }

    fn package_lists_age(&self, provider: &Provider) -> Result<Option<Seconds>> {
        self.packages.lists_age(provider)
    }

    fn has_package_lists(&self, provider: &Provider) -> Result<bool> {
        self.packages.has_lists(provider)
    }

    fn reads_all_sources(&self, provider: &Provider) -> Result<bool> {
        self.packages.reads_all_sources(&Runner(&self.settings.proxies), provider)
    }

    fn provider(&self, provider: &Provider) -> Result<Provider> {
        self.packages.provider(provider)
    }

    fn marks_automatic(&self, provider: &Provider) -> Result<bool> {
        self.packages.marks_automatic(provider)
    }

    fn may_change_packages(&self, provider: &Provider) -> Result<()> {
        self.packages.may_change(&Runner(&self.settings.proxies), provider)
    }

    fn source_is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool> {
        self.packages.is_fetched(provider, source)
    }

    fn service(&self, unit: &str) -> Result<ServiceState> {
        let (services, unit) = self.services_of(unit)?;
        let state = services.service(unit);
        self.warn();
        state
    }

    fn unit(&self, unit: &str) -> Result<String> {
        let (services, of_user) = self.services_of(unit)?;
        let name = services.real_name(of_user)?;
        Ok(unit_name::of_user(unit).0.map_or_else(|| name.clone(), |user| format!("{user}/{name}")))
    }

    fn reloads(&self, unit: &str) -> Result<Option<bool>> {
        let (services, unit) = self.services_of(unit)?;
        services.reloads(unit)
    }

    fn unmasked(&self, unit: &str) -> Result<Option<Enabled>> {
        let (services, unit) = self.services_of(unit)?;
        services.unmasked(unit)
    }

    fn init(&self) -> Result<Init> {
        Ok(self.services.init())
    }

    fn user(&self, name: &str) -> Result<Option<User>> {
        self.accounts()?.user(name)
    }

    fn group(&self, name: &str) -> Result<Option<Group>> {
        self.accounts()?.group(name)
    }

    fn own_users(&self) -> Result<Vec<String>> {
        Ok(self.accounts()?.own_users())
    }

    fn own_groups(&self) -> Result<Vec<String>> {
        Ok(self.accounts()?.own_groups())
    }

    fn groups_of(&self, member: &str) -> Result<Vec<String>> {
        Ok(self.accounts()?.groups_of(member))
    }

    fn query(&self, command: &Command) -> Result<Answer> {
        command::run_endable(&with(&self.settings.proxies, command))
    }

    fn fetch(&self, request: &Request) -> Result<Fetched> {
        fetch::fetch(request, &self.settings.cache, &self.settings.proxies)
    }

    fn kernel(&self) -> Result<Kernel> {
        let mut kernel = network::kernel();
        if self.offline() {
            // The name and the network are those of the machine around it.
            kernel.node_name = network::name_of_image();
        }
        Ok(kernel)
    }

    fn records(&self, authority: &Authority, name: &Name, kind: RecordType) -> Result<RecordSet> {
        self.warn_of_key(authority)?;
        let ttls = Ttls::open(&self.settings.state, &authority.server, name);
        let mut sets = authority.sets(name, &[kind], &ttls)?;
        Ok(sets.pop().unwrap_or_default())
    }

    fn interfaces(&self) -> Result<Vec<Interface>> {
        if self.offline() { Ok(Vec::new()) } else { network::interfaces() }
    }

    fn offline(&self) -> bool {
        crate::host::environment::in_another_root()
    }

    fn effective_user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn writable(&self, path: &Path, bytes: u64) -> Result<()> {
        files::writable(path, bytes)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl Host for Real {
    fn perform(&mut self, op: &Op) -> Result<Performed> {
        match op {
            Op::Write(_)
            | Op::SetMeta { .. }
            | Op::Mkdir { .. }
            | Op::Link { .. }
            | Op::Remove { .. }
            | Op::Log { .. } => {}
            // What was written before may be what these read.
            Op::Packages(_)
            | Op::UpdatePackageLists { .. }
            | Op::Service { .. }
            | Op::Account(_)
            | Op::Kept(_)
            | Op::Foreseen(_)
            | Op::Records(_)
            | Op::Run(_)
            | Op::Act(_) => self.labels.settle(&*self.tell)?,
        }
        match op {
            Op::Write(write) => self.write_all(&[write])?,
            Op::SetMeta { path, mode, owner, group } => {
                files::set_meta(path, *mode, owner, group, &*self.accounts()?)?;
            }
            Op::Mkdir { path, mode, owner, group } => {
                self.services.path_changed(path);
                self.labels.coming([path.as_path()]);
                files::make_directory(path, *mode, owner, group, &*self.accounts()?)?;
            }
            Op::Link { path, target, hard } => {
                self.services.path_changed(path);
                self.labels.coming([path.as_path()]);
                files::link(path, target, *hard)?;
            }
            Op::Remove { path, recursive, backup } => {
                self.services.path_changed(path);
                files::remove(path, *recursive, *backup, &self.settings.backups)?;
            }
            Op::Packages(transaction) => {
                let done = self.packages.perform(&Runner(&self.settings.proxies), transaction, &*self.tell);
                self.forget();
                done?;
            }
            Op::UpdatePackageLists { provider, source } => {
                let source = source.as_deref();
                let done = self.packages.update_lists(&Runner(&self.settings.proxies), provider, source, &*self.tell);
                self.packages.forget();
                done?;
            }
            Op::Service { unit, verb } => {
                let (services, unit) = self.services_of(unit)?;
                services.perform(unit, *verb)?;
            }
            Op::Account(change) => {
                let done = accounts::perform(change, &*self.tell);
                self.accounts.take();
                done?;
            }
            Op::Run(command) => {
                // In an image it may start what it configures.
                let configures = command.argv.first().is_some_and(|program| program == "dpkg-reconfigure");
                let _quiet = configures.then(|| Policy::hold(Path::new("/"), self.offline())).transpose()?;
                self.run(command)?;
            }
            Op::Kept(kept) => kept.by.iter().try_for_each(|command| self.run(command))?,
            Op::Foreseen(foreseen) => self.run(&foreseen.by)?,
            Op::Records(change) => change.perform(&self.settings.state)?,
            Op::Act(Act::Send(message)) => fetch::send(message, &self.settings.proxies)?,
            Op::Act(Act::Reboot(reboot)) => self.reboot = Some(reboot.clone()),
            Op::Act(Act::CancelReboot) => self.reboot = None,
            Op::Act(Act::Wait { seconds }) => wait(*seconds)?,
            Op::Act(Act::Call(code)) => {
                let done = code.run(self);
                self.forget();
                done?;
            }
            Op::Log { level, message } => {
                (self.tell)(&Progress::Note { level: *level, message: message.clone() });
            }
        }
        Ok(Performed::Done)
    }

    fn perform_all(&mut self, operations: &[Op]) -> Result<Performed> {
        let writes: Vec<&Write> = operations
            .iter()
            .filter_map(|operation| if let Op::Write(write) = operation { Some(write) } else { None })
            .collect();
        if writes.len() == operations.len() {
            self.write_all(&writes)?;
            return Ok(Performed::Done);
        }
        for operation in operations {
            self.perform(operation)?;
        }
        Ok(Performed::Done)
    }

    fn finish(&mut self) -> Result<()> {
        Self::finish(self)
    }

    fn take_package_changes(&mut self) -> Vec<PackageChange> {
        self.packages.take_changes()
    }

    fn take_reboot(&mut self) -> Option<Reboot> {
        self.reboot.take()
    }

    fn reboot(&mut self, Reboot { delay_mins, reason, .. }: &Reboot) -> Result<()> {
        let command = shutdown(self.init()?, *delay_mins, reason);
        command::check(&command, command::run(&command)?).map(drop)
    }

    fn as_probe(&self) -> &dyn Probe {
        self
    }
}

/// Schedules a reboot.
fn shutdown(init: Init, delay_mins: u32, reason: &str) -> Command {
    let minutes = format!("+{delay_mins}");
    match init {
        Init::Systemd => Command::new(["shutdown", "-r", &minutes, reason]),
        // That of System V stays until the time has come.
        Init::SystemdOffline | Init::OpenRc | Init::SysV | Init::None => {
            let line = r#"command -v shutdown >/dev/null || { echo 'there is no shutdown' >&2; exit 127; }
                shutdown -r "$0" "$1" </dev/null >/dev/null 2>&1 &"#;
            Command::new(["/bin/sh", "-c", line, &minutes, reason])
        }
    }
}

/// Lets time pass, until a signal asks to stop.
fn wait(seconds: Seconds) -> Result<()> {
    let until = Instant::now().checked_add(seconds.into());
    loop {
        if let Some(signal) = environment::stop_signal() {
            return Err(Error::Interrupted(signal));
        }
        let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// Runs the programs of package managers.
struct Runner<'p>(&'p Proxies);

impl Tools for Runner<'_> {
    fn query(&self, command: &Command) -> Result<Answer> {
        command::run(&with(self.0, command))
    }

    fn watch(&self, command: &Command, on_status: &mut dyn FnMut(&str)) -> Result<Answer> {
        command::run_with_status(&with(self.0, command), on_status)
    }
}

/// A command in whose environment the proxies are, where it does not name others.
fn with<'c>(proxies: &Proxies, command: &'c Command) -> Cow<'c, Command> {
    let mut command = Cow::Borrowed(command);
    for (name, value) in proxies.variables() {
        if !command.environment.contains_key(&name) {
            command.to_mut().environment.insert(name, value.to_owned());
        }
    }
    command
}

/// A point in time as `YYYYmmddHHMMSS` (UTC), for names of files.
#[must_use]
pub fn time_stamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = Day(u32::try_from(days).unwrap_or(u32::MAX)).civil();
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Act, Host as _, Op, Real, Settings, time_stamp};
    use crate::host::Code;

    #[test]
    fn code_of_a_recipe_runs_and_time_passes() {
        let mut real = Real::new(Settings::default(), |_| {});
        let (sender, receiver) = std::sync::mpsc::channel();
        let code = move |probe: &dyn super::Probe| {
            sender.send(probe.entry("/".as_ref())?.is_some()).map_err(|_| crate::Error::failed("nobody listens"))
        };
        real.perform(&Op::Act(Act::Call(Code::new("x".into(), std::sync::Arc::new(code))))).unwrap();
        assert!(receiver.recv().unwrap());
        let before = std::time::Instant::now();
        real.perform(&Op::Act(Act::Wait { seconds: crate::values::Seconds(1) })).unwrap();
        assert!(before.elapsed() >= Duration::from_secs(1));
    }

    /// Stands for the one of System V, which stays until the time has come; no test may schedule a real reboot.
    const SHUTDOWN: &str =
        "#!/bin/sh\nprintf '%s|' \"$@\" > \"${0%/*}/said.new\"\nmv \"${0%/*}/said.new\" \"${0%/*}/said\"\nsleep 20\n";

    #[test]
    fn a_shutdown_that_stays_is_not_waited_for() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::TempDir::new().unwrap();
        let program = place.path().join("shutdown");
        std::fs::write(&program, SHUTDOWN).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        for init in [super::Init::SysV, super::Init::OpenRc] {
            let mut command = super::shutdown(init, 5, "new kernel, $HOME; 'x'");
            command.environment.insert("PATH".to_owned(), format!("{}:/bin:/usr/bin", place.path().display()));
            let before = std::time::Instant::now();
            super::command::check(&command, super::command::run(&command).unwrap()).unwrap();
            assert!(before.elapsed() < Duration::from_secs(15));
            let said = place.path().join("said");
            while !said.exists() {
                assert!(before.elapsed() < Duration::from_secs(15), "it was never started");
                std::thread::yield_now();
            }
            assert_eq!(std::fs::read_to_string(&said).unwrap(), "-r|+5|new kernel, $HOME; 'x'|");
            std::fs::remove_file(said).unwrap();
        }
        let mut none = super::shutdown(super::Init::SysV, 0, "x");
        none.environment.insert("PATH".to_owned(), "/nowhere".to_owned());
        let error = super::command::check(&none, super::command::run(&none).unwrap()).unwrap_err();
        assert!(error.to_string().contains("there is no shutdown"), "{error}");
    }

    #[test]
    fn stamps_are_right_across_leap_days() {
        for (seconds, stamp) in [
            (0, "19700101000000"),
            (951_782_400, "20000229000000"),
            (1_709_251_199, "20240229235959"),
            (1_709_251_200, "20240301000000"),
            (4_102_444_800, "21000101000000"),
        ] {
            assert_eq!(time_stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), stamp);
        }
    }
}
