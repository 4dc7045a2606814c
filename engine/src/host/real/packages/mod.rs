//! Package managers: each one's state is read natively or in one call for all names, and changed by its own tool in one
//! call for a whole transaction.
mod alone;
mod apk;
mod apt;
mod cargo;
mod directory;
mod dnf;
mod driven;
mod gem;
mod leftovers;
mod lists;
mod locks;
mod npm;
mod pacman;
mod pip;
mod policy;
mod snap;
mod tools;
mod zypper;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use driven::Driven;
use lists::Lists;
pub use policy::Policy;
pub use tools::Tools;

use crate::{
    Error, Result,
    host::{Candidate, Command, LogLevel, PackageChange, PackageState, Progress, Provider, Transaction, environment},
    values::Seconds,
};

/// What to do when an earlier run of dpkg was interrupted.
#[derive(Clone, Copy, Debug, Default)]
pub enum Repair {
    /// Finish it (`dpkg --configure -a`), once, before anything else.
    #[default]
    Auto,
    /// Ask first, by a function that is told what is left; no is as [`Never`](Self::Never).
    Ask(fn(&str) -> bool),
    /// Refuse to change packages until somebody has finished it.
    Never,
}

/// A package manager: the port that each of them implements. A new one is a file of its own and a line in [`manager`].
///
/// What it read may be remembered until it is told to [`forget`](Self::forget).
trait Manager {
    /// Why packages cannot be managed on this machine; `None` when they can.
    fn absent(&self, _root: &Path) -> Option<String> {
        None
    }

    /// State of packages, one answer for each name, in order.
    fn packages(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<PackageState>>;

    /// What would be installed for each name (there is one at least), in order.
    fn candidates(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>>;

    /// Everything that carrying out `transaction` would change, dependencies included.
    fn simulate(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>>;

    /// Carries out a transaction; what changed is noted in the context, also of one that failed half way.
    fn perform(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()>;

    /// Refuses what the policy for an interrupted run of it would refuse.
    fn refuse_unfinished(&self, _context: &Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Finishes what an interrupted run of it has left, where the policy lets it, once its locks are free.
    fn finish(&self, _context: &Context<'_>, _limit: Duration) -> Result<()> {
        Ok(())
    }

    /// Forgets what was read of the machine.
    fn forget(&self);

    /// The lists it keeps of what its sources have. `None` when it keeps none and asks each time.
    fn lists(&self) -> Option<&'static Lists> {
        None
    }

    /// Whether what each of its sources has can be read now, and is all that it would install from.
    fn reads_all_sources(&self, _context: &Context<'_>) -> Result<bool> {
        Ok(false)
    }

    /// Whether it marks what comes along with others, and tells it.
    fn marks_automatic(&self, _root: &Path) -> bool {
        false
    }

    /// Whether the lists of a source could not be fetched just now, and the source itself lets that pass.
    fn passed_over(&self, _source: &Path) -> bool {
        false
    }

    /// Refreshes the lists: those of one source, or all.
    fn update_lists(&self, _context: &Context<'_>, _source: Option<&Path>) -> Result<()> {
        Ok(())
    }
}

/// The package manager of a provider.
fn manager(provider: &Provider) -> Rc<dyn Manager> {
    match provider {
        Provider::Platform | Provider::Apt => Rc::new(apt::Apt::default()),
        Provider::Dnf => Rc::new(dnf::Dnf::default()),
        Provider::Zypper => Rc::new(Driven::new(provider, zypper::Zypper)),
        Provider::Pacman => Rc::new(Driven::new(provider, pacman::Pacman)),
        Provider::Apk => Rc::new(Driven::new(provider, apk::Apk)),
        Provider::Snap => Rc::new(Driven::new(provider, snap::Snap)),
        Provider::Pip { binary, source } => Rc::new(Driven::new(provider, pip::Pip::new(binary, source))),
        Provider::Npm { binary, source } => Rc::new(Driven::new(provider, npm::Npm::new(binary, source))),
        Provider::Cargo { binary, source } => Rc::new(Driven::new(provider, cargo::Cargo::new(binary, source))),
        Provider::Dpkg => Rc::new(alone::Alone::dpkg()),
        Provider::Rpm => Rc::new(alone::Alone::rpm()),
        Provider::Gem { binary, source } => Rc::new(gem::Gem::new(binary.clone(), source.clone())),
    }
}

/// debconf's database, which one program at a time may have. Source: debconf.conf(5), the driver `File`.
const DEBCONF: &str = "var/cache/debconf/config.dat";
/// Programs that take it, and end at once where another has it.
const OF_DEBCONF: [&str; 2] = ["debconf-set-selections", "dpkg-reconfigure"];

/// All package managers of a machine, with what was read of them.
pub struct Packages {
    root: PathBuf,
    state: PathBuf,
    repair: Repair,
    changes: RefCell<Vec<PackageChange>>,
    warnings: RefCell<Vec<String>>,
    /// The last one that was simulated and not refused.
    rehearsed: RefCell<Option<Transaction>>,
    /// Those that were asked for.
    managers: RefCell<BTreeMap<Provider, Rc<dyn Manager>>>,
}

/// What every package manager needs: where the machine is, how to run its tools and whom to tell.
pub(super) struct Context<'a> {
    /// Where the machine's files are; `/`, or another root in tests. The tools run inside of it.
    root: &'a Path,
    /// The engine's state directory.
    state: &'a Path,
    repair: Repair,
    tools: &'a dyn Tools,
    progress: &'a dyn Fn(&Progress),
    /// Where changes are noted, also those of a transaction that failed half way.
    changes: &'a RefCell<Vec<PackageChange>>,
    /// What turned out while the state was read, for people.
    warnings: &'a RefCell<Vec<String>>,
    /// Whether the transaction that is to be carried out was simulated just before.
    rehearsed: bool,
}

impl Packages {
    /// Nothing is read before it is asked for. `state` is the engine's own directory for what it has to remember.
    pub fn new(root: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            state: state.into(),
            repair: Repair::default(),
            changes: RefCell::default(),
            warnings: RefCell::default(),
            rehearsed: RefCell::default(),
            managers: RefCell::default(),
        }
    }

    /// Sets what becomes of an interrupted dpkg.
    #[must_use]
    pub const fn repair(mut self, repair: Repair) -> Self {
        self.repair = repair;
        self
    }

    /// Forgets everything read, because something may have changed it.
    pub fn forget(&self) {
        self.rehearsed.take();
        self.managers.borrow().values().for_each(|manager| manager.forget());
    }

    /// What turned out since the last call while the state was read.
    pub fn take_warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    /// What was changed since the last call, dependencies included, also by a transaction that failed half way.
    pub fn take_changes(&self) -> Vec<PackageChange> {
        self.changes.take()
    }

    /// State of packages, one answer for each name, in order.
    ///
    /// # Errors
    /// A database that cannot be read, or a provider that is not on this machine.
    pub fn packages(&self, tools: &dyn Tools, provider: &Provider, names: &[String]) -> Result<Vec<PackageState>> {
        self.find(provider)?.packages(&self.context(tools, &|_| {}), names)
    }

    /// What would be installed for each name, in order; `None` for a name that is not known, or stands for several of
    /// which the package manager takes none by itself.
    ///
    /// # Errors
    /// When the package manager cannot be asked.
    pub fn candidates(
        &self,
        tools: &dyn Tools,
        provider: &Provider,
        names: &[String],
    ) -> Result<Vec<Option<Candidate>>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.find(provider)?.candidates(&self.context(tools, &|_| {}), names)
    }

    /// Everything that carrying out `transaction` would change, dependencies included.
    ///
    /// # Errors
    /// What the package manager would refuse.
    pub fn simulate(&self, tools: &dyn Tools, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        self.rehearsed.take();
        let changes = self.find(&transaction.provider)?.simulate(&self.context(tools, &|_| {}), transaction)?;
        self.rehearsed.replace(Some(transaction.clone()));
        Ok(changes)
    }

    /// Seconds since the package lists were refreshed; `None` when they should be: there are none, their age is not
    /// known, or the sources have changed since. Where none are kept they are always fresh.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn lists_age(&self, provider: &Provider) -> Result<Option<Seconds>> {
        match self.find(provider)?.lists() {
            Some(lists) => lists::age(lists, &self.root, &self.state, SystemTime::now()),
            None => Ok(Some(Seconds(0))),
        }
    }

    /// Whether there are package lists, whatever their age, or none are needed.
    ///
    /// # Errors
    /// Directories that cannot be read.
    pub fn has_lists(&self, provider: &Provider) -> Result<bool> {
        match self.find(provider)?.lists() {
            Some(lists) if lists.in_parts => Ok(self.lists_age(provider)?.is_some()),
            Some(lists) => (lists.any)(&self.root),
            None => Ok(true),
        }
    }

    /// Whether what each source has can be read now, whatever the age of the lists, and is all there is to install from.
    ///
    /// # Errors
    /// When the package manager cannot be asked.
    pub fn reads_all_sources(&self, tools: &dyn Tools, provider: &Provider) -> Result<bool> {
        self.find(provider)?.reads_all_sources(&self.context(tools, &|_| {}))
    }

    /// Whether it marks what comes along with others, and tells it.
    ///
    /// # Errors
    /// A provider that is not on this machine.
    pub fn marks_automatic(&self, provider: &Provider) -> Result<bool> {
        Ok(self.find(provider)?.marks_automatic(&self.root))
    }

    /// Carries out a transaction, and forgets what was read before it.
    ///
    /// # Errors
    /// Names that are not known, conflicts, failing scripts, a lock that is not released before the deadline.
    pub fn perform(&self, tools: &dyn Tools, transaction: &Transaction, progress: &dyn Fn(&Progress)) -> Result<()> {
        let manager = self.find(&transaction.provider)?;
        self.in_working_order()?;
        let before = leftovers::find(&self.root);
        let quiet = Policy::hold(&self.root, environment::in_another_root())?;
        let rehearsed = self.rehearsed.take().is_some_and(|last| last == *transaction);
        let outcome = manager.perform(&Context { rehearsed, ..self.context(tools, progress) }, transaction);
        drop(quiet);
        self.forget();
        for path in leftovers::find(&self.root).difference(&before) {
            let path = Path::new("/").join(path.strip_prefix(&self.root).unwrap_or(path));
            progress(&Progress::Note { level: LogLevel::Warn, message: leftovers::sentence(&path) });
        }
        outcome
    }

    /// Refuses what the policy for an interrupted package manager refuses.
    ///
    /// # Errors
    /// What it left, and how to finish it.
    pub fn may_change(&self, tools: &dyn Tools, provider: &Provider) -> Result<()> {
        self.find(provider)?.refuse_unfinished(&self.context(tools, &|_| {}))
    }

    /// Waits until nobody has debconf's database, before a program that would not wait.
    ///
    /// # Errors
    /// [`Error::Locked`] when the command's time is over.
    pub fn await_debconf(&self, command: &Command, progress: &dyn Fn(&Progress)) -> Result<()> {
        if !command.argv.first().is_some_and(|program| OF_DEBCONF.contains(&program.as_str())) {
            return Ok(());
        }
        let held = || -> Result<Option<(String, String)>> {
            let held = locks::first_held(&self.root, &apt::INSTALLING)?;
            let by = || locks::flocked(&self.root.join(DEBCONF)).map(locks::describe);
            Ok(held.or_else(|| Some((format!("debconf's lock `/{DEBCONF}`"), by()?))))
        };
        let started = Instant::now();
        locks::wait_for(started, started + Duration::from(command.timeout), progress, &held).map(drop)
    }

    /// Whether the lists of one source were fetched as its file and keys are now, and are still there. In the run in which
    /// they could not be, no more is to be had.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool> {
        let manager = self.find(provider)?;
        let there = self.root.join(source.strip_prefix("/").unwrap_or(source)).exists();
        let done = manager.lists().is_none() || (there && manager.passed_over(source));
        Ok(done || lists::is_fetched(&self.root, &self.state, source)?)
    }

    /// Refreshes the package lists: those of one source, or all.
    ///
    /// # Errors
    /// A source that cannot be reached or whose signature is bad, a lock that is not released in time.
    pub fn update_lists(
        &self,
        tools: &dyn Tools,
        provider: &Provider,
        source: Option<&Path>,
        progress: &dyn Fn(&Progress),
    ) -> Result<()> {
        let manager = self.find(provider)?;
        self.in_working_order()?;
        manager.update_lists(&self.context(tools, progress), source)
    }

    /// Programs of an image run in it, and fail in strange ways without what a kernel gives: apt calls signed lists unsigned.
    fn in_working_order(&self) -> Result<()> {
        if !environment::in_another_root() {
            return Ok(());
        }
        for (file, cure) in [("proc/self", "mount -t proc proc DIR/proc"), ("dev/null", "mount --bind /dev DIR/dev")] {
            if !self.root.join(file).exists() {
                let what =
                    format!("there is no `/{file}` in the other root, which the programs for packages need there");
                return Err(
                    Error::failed(what).hint(format!("mount it before, as by `{cure}`, and take it away afterwards"))
                );
            }
        }
        Ok(())
    }

    fn context<'a>(&'a self, tools: &'a dyn Tools, progress: &'a dyn Fn(&Progress)) -> Context<'a> {
        Context {
            root: &self.root,
            state: &self.state,
            repair: self.repair,
            tools,
            progress,
            changes: &self.changes,
            warnings: &self.warnings,
            rehearsed: false,
        }
    }

    /// The provider itself, which the platform's own is in each case.
    ///
    /// # Errors
    /// A machine without a package manager that brasa knows.
    pub fn provider(&self, provider: &Provider) -> Result<Provider> {
        if *provider == Provider::Platform { platform(&self.root) } else { Ok(provider.clone()) }
    }

    fn find(&self, provider: &Provider) -> Result<Rc<dyn Manager>> {
        let provider = self.provider(provider)?;
        let found = Rc::clone(self.managers.borrow_mut().entry(provider).or_insert_with_key(manager));
        // Asked each time: it may be this very run that brings or removes it.
        found.absent(&self.root).map_or(Ok(found), |why| Err(Error::Unsupported(why)))
    }
}

/// A package manager that a distribution is made with.
struct Platform {
    provider: Provider,
    /// What such distributions call themselves, or say that they are like. Source: os-release(5), `ID` and `ID_LIKE`.
    ids: &'static [&'static str],
    /// Programs of which each is there: one of these.
    programs: &'static [&'static [&'static str]],
}

/// The first of those that are there is taken, where the distribution's own name does not decide.
static PLATFORMS: [Platform; 5] = [
    Platform { provider: Provider::Apt, ids: &["debian", "ubuntu"], programs: &[&["dpkg"], &["apt-get"]] },
    Platform {
        provider: Provider::Dnf,
        ids: &["rhel", "fedora", "centos", "amzn", "ol", "rocky", "almalinux"],
        programs: &[&["rpm"], &dnf::PROGRAMS],
    },
    Platform { provider: Provider::Zypper, ids: &["suse", "opensuse", "sles"], programs: &[&["rpm"], &["zypper"]] },
    Platform { provider: Provider::Pacman, ids: &["arch", "archlinux", "manjaro"], programs: &[&["pacman"]] },
    Platform { provider: Provider::Apk, ids: &["alpine"], programs: &[&["apk"]] },
];

/// The platform's own package manager. Some have several: a Debian to build RPMs on, an EL with dpkg to unpack.
fn platform(root: &Path) -> Result<Provider> {
    let has = |programs: &&[&str]| programs.iter().any(|program| has_program(root, program));
    let there: Vec<&Platform> = PLATFORMS.iter().filter(|platform| platform.programs.iter().all(has)).collect();
    let ids = ids(root);
    let named = there.iter().find(|platform| platform.ids.iter().any(|id| ids.iter().any(|own| own == id)));
    match named.or_else(|| there.first()) {
        Some(platform) => Ok(platform.provider.clone()),
        None if root.join(apt::STATE).is_dir() => Ok(Provider::Apt),
        None => Err(Error::Unsupported(
            "no package manager that brasa knows is on this machine: neither `apt-get` with `dpkg`, nor `dnf`, `yum` or \
             `zypper` with `rpm`, nor `pacman`, nor `apk`"
                .to_owned(),
        )),
    }
}

/// What the distribution calls itself and says that it is like.
fn ids(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("etc/os-release")).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
    names.flat_map(|names| names.trim_matches(['"', '\'']).split_ascii_whitespace()).map(str::to_owned).collect()
}

/// An older version that was asked for and not allowed.
fn refused_downgrade(name: &str, installed: &str, asked: &str) -> Error {
    Error::failed(format!("package `{name}` is installed in version `{installed}`, which is newer than `{asked}`"))
        .hint("set `allow_downgrade` on the package to let an older version replace a newer one")
}

/// What goes by the plan of an installation and is not among what is `asked` to go. One of several versions may go: a system
/// keeps but so many kernels.
fn unasked<'p>(plan: &'p [PackageChange], asked: &'p [String]) -> impl Iterator<Item = &'p String> {
    let stays = |name: &String| plan.iter().any(|other| other.name == *name && other.to.is_some());
    let going = plan.iter().filter(|change| change.to.is_none()).map(|change| &change.name);
    going.filter(move |name| !asked.contains(name) && !stays(name))
}

/// Refuses an installation that would take these away.
fn refuse_removals(program: &str, unasked: &[String]) -> Result<()> {
    if unasked.is_empty() { Ok(()) } else { Err(removals(program, unasked)) }
}

fn removals(program: &str, unasked: &[String]) -> Error {
    Error::failed(format!("{program} would remove `{}`, which nothing asks for", unasked.join("`, `"))).hint(
        "remove it by a resource of its own before, or set `allow_removals` where it may go for what is installed",
    )
}

/// Compares the versions of two moments, by name.
fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<PackageChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .map(|name| PackageChange { name: name.clone(), from: before.get(name).cloned(), to: after.get(name).cloned() })
        .filter(|change| change.from != change.to)
        .collect()
}

/// Whether a program is where distributions put programs.
fn has_program(root: &Path, name: &str) -> bool {
    ["usr/bin", "bin", "usr/sbin", "sbin"].iter().any(|directory| root.join(directory).join(name).exists())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::platform;
    use crate::host::Provider;

    #[test]
    fn the_distribution_says_what_it_is_made_with() {
        let all = ["dpkg", "apt-get", "rpm", "dnf", "zypper", "pacman", "apk"];
        for (text, programs, provider) in [
            ("NAME=x\nID=\"rhel\"\nID_LIKE=\"fedora\"\n", &all[..], Provider::Dnf),
            ("ID=nobara\nID_LIKE='rhel fedora'\n", &all, Provider::Dnf),
            ("ID=debian\n", &all, Provider::Apt),
            ("ID=ubuntu\nID_LIKE=debian\n", &all, Provider::Apt),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", &all, Provider::Zypper),
            ("ID=arch\n", &all, Provider::Pacman),
            ("ID=alpine\n", &all, Provider::Apk),
            ("ID=chimera\n", &["apk"], Provider::Apk),
            ("ID=x\n", &["dpkg", "rpm", "dnf"], Provider::Dnf),
            ("", &all, Provider::Apt),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("usr/bin")).unwrap();
            fs::create_dir(root.path().join("etc")).unwrap();
            fs::write(root.path().join("etc/os-release"), text).unwrap();
            for program in programs {
                fs::write(root.path().join("usr/bin").join(program), "").unwrap();
            }
            assert_eq!(platform(root.path()).unwrap(), provider, "{text}");
        }
        let nothing = platform(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(nothing.starts_with("no package manager that brasa knows"), "{nothing}");
    }
}
