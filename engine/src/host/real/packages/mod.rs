//! Package managers: each one's state is read natively or in one call for all names, and changed by its own tool in one
//! call for a whole transaction.
mod apt;
mod directory;
mod dnf;
mod gem;
mod leftovers;
mod lists;
mod locks;
mod tools;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
    time::SystemTime,
};

use lists::Lists;
pub use tools::Tools;

use crate::{
    Error, Result,
    host::{Candidate, LogLevel, PackageChange, PackageState, Progress, Provider, Transaction},
    values::Seconds,
};

/// What to do when an earlier run of dpkg was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repair {
    /// Finish it (`dpkg --configure -a`), once, before anything else.
    #[default]
    Auto,
    /// Refuse to change packages until somebody has finished it.
    Never,
}

/// All package managers of a machine, with what was read of them.
pub struct Packages {
    root: PathBuf,
    state: PathBuf,
    repair: Repair,
    changes: RefCell<Vec<PackageChange>>,
    dpkg: RefCell<Option<Rc<apt::Database>>>,
    dnf: RefCell<dnf::Memory>,
    gem: RefCell<gem::Memory>,
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
}

/// A provider that was found on the machine.
#[derive(Clone, Copy)]
enum Found<'a> {
    Apt,
    Dnf,
    Gem { binary: Option<&'a Path>, source: Option<&'a str> },
}

impl Packages {
    /// Nothing is read before it is asked for. `state` is the engine's own directory for what it has to remember.
    pub fn new(root: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            state: state.into(),
            repair: Repair::default(),
            changes: RefCell::default(),
            dpkg: RefCell::default(),
            dnf: RefCell::default(),
            gem: RefCell::default(),
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
        self.dpkg.take();
        self.dnf.borrow_mut().forget();
        self.gem.borrow_mut().forget();
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
        let context = self.context(tools, &|_| {});
        match self.find(provider)? {
            Found::Apt => {
                let database = self.database(tools)?;
                Ok(names.iter().map(|name| database.state(name)).collect())
            }
            Found::Dnf => self.dnf.borrow_mut().packages(&context, names),
            Found::Gem { binary, .. } => self.gem.borrow_mut().packages(&context, binary, names),
        }
    }

    /// What would be installed for each name, in order; `None` for a name that is not known or stands for several.
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
        let context = self.context(tools, &|_| {});
        match self.find(provider)? {
            Found::Apt => Ok(apt::resolve(tools, names)?.into_iter().map(apt::Resolution::candidate).collect()),
            Found::Dnf => dnf::candidates(&context, names),
            Found::Gem { binary, source } => gem::candidates(&context, binary, source, names),
        }
    }

    /// Everything that carrying out `transaction` would change, dependencies included.
    ///
    /// # Errors
    /// What the package manager would refuse.
    pub fn simulate(&self, tools: &dyn Tools, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let context = self.context(tools, &|_| {});
        match self.find(&transaction.provider)? {
            Found::Apt => apt::simulate(&context, transaction),
            Found::Dnf => dnf::simulate(&context, transaction),
            Found::Gem { binary, source } => {
                gem::simulate(&mut self.gem.borrow_mut(), &context, binary, source, transaction)
            }
        }
    }

    /// Seconds since the package lists were refreshed; `None` when they should be: there are none, their age is not
    /// known, or the sources have changed since. Gems have no lists; they are always fresh.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn lists_age(&self, provider: &Provider) -> Result<Option<Seconds>> {
        match self.find(provider)? {
            Found::Apt => lists::age(&apt::LISTS, &self.root, &self.state, SystemTime::now()),
            Found::Dnf => lists::age(&dnf::LISTS, &self.root, &self.state, SystemTime::now()),
            Found::Gem { .. } => Ok(Some(Seconds(0))),
        }
    }

    /// Whether there are package lists, whatever their age. Gems need none.
    ///
    /// # Errors
    /// Directories that cannot be read.
    pub fn has_lists(&self, provider: &Provider) -> Result<bool> {
        match self.find(provider)? {
            Found::Apt => (apt::LISTS.any)(&self.root),
            // dnf keeps lists for each repository, and reads none of one whose key it was not told yet: that there are some
            // says nothing of the others until all were fetched once.
            Found::Dnf => Ok(self.lists_age(provider)?.is_some()),
            Found::Gem { .. } => Ok(true),
        }
    }

    /// Carries out a transaction, and forgets what was read before it.
    ///
    /// # Errors
    /// Names that are not known, conflicts, failing scripts, a lock that is not released before the deadline.
    pub fn perform(&self, tools: &dyn Tools, transaction: &Transaction, progress: &dyn Fn(&Progress)) -> Result<()> {
        let context = self.context(tools, progress);
        let before = leftovers::find(&self.root);
        let outcome = match self.find(&transaction.provider)? {
            Found::Apt => apt::perform(&context, transaction),
            Found::Dnf => dnf::perform(&context, transaction),
            Found::Gem { binary, source } => {
                gem::perform(&mut self.gem.borrow_mut(), &context, binary, source, transaction)
            }
        };
        self.forget();
        for path in leftovers::find(&self.root).difference(&before) {
            let path = Path::new("/").join(path.strip_prefix(&self.root).unwrap_or(path));
            progress(&Progress::Note { level: LogLevel::Warn, message: leftovers::sentence(&path) });
        }
        outcome
    }

    /// Whether the lists of one source were fetched as its file and keys are now, and are still there.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn is_fetched(&self, provider: &Provider, source: &Path) -> Result<bool> {
        match self.find(provider)? {
            Found::Apt | Found::Dnf => lists::is_fetched(&self.root, &self.state, source),
            Found::Gem { .. } => Ok(true),
        }
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
        let context = self.context(tools, progress);
        match self.find(provider)? {
            Found::Apt => apt::update_lists(&context, source),
            Found::Dnf => dnf::update_lists(&context, source),
            Found::Gem { .. } => Ok(()),
        }
    }

    fn context<'a>(&'a self, tools: &'a dyn Tools, progress: &'a dyn Fn(&Progress)) -> Context<'a> {
        Context { root: &self.root, state: &self.state, repair: self.repair, tools, progress, changes: &self.changes }
    }

    fn database(&self, tools: &dyn Tools) -> Result<Rc<apt::Database>> {
        if let Some(database) = self.dpkg.borrow().as_ref() {
            return Ok(Rc::clone(database));
        }
        let database = Rc::new(apt::Database::read(&self.root, tools)?);
        // A dpkg at work changes it from one moment to the next: such a reading is not worth keeping.
        if !database.unmerged {
            self.dpkg.replace(Some(Rc::clone(&database)));
        }
        Ok(database)
    }

    fn find<'a>(&self, provider: &'a Provider) -> Result<Found<'a>> {
        let has = |program: &str| has_program(&self.root, program);
        let dpkg = || self.root.join("var/lib/dpkg").is_dir();
        match provider {
            Provider::Gem { binary, source } => Ok(Found::Gem { binary: binary.as_deref(), source: source.as_deref() }),
            Provider::Apt if dpkg() => Ok(Found::Apt),
            Provider::Apt => Err(Error::Unsupported(
                "this machine has no dpkg (`/var/lib/dpkg` does not exist): apt packages cannot be managed here"
                    .to_owned(),
            )),
            Provider::Dnf if has("rpm") => Ok(Found::Dnf),
            Provider::Dnf => {
                Err(Error::Unsupported("this machine has no `rpm`: dnf packages cannot be managed here".to_owned()))
            }
            // Some have both: a Debian to build RPMs on, an EL with dpkg to unpack. The distribution's own name decides.
            Provider::Platform if has("dpkg") && has("apt-get") => {
                let rpm = has("rpm") && dnf::PROGRAMS.iter().any(|program| has(program));
                Ok(if rpm && names_itself_rpm(&self.root) { Found::Dnf } else { Found::Apt })
            }
            Provider::Platform if has("rpm") && dnf::PROGRAMS.iter().any(|program| has(program)) => Ok(Found::Dnf),
            Provider::Platform if dpkg() => Ok(Found::Apt),
            Provider::Platform => Err(Error::Unsupported(format!(
                "no package manager that brasa knows is on this machine: neither `apt-get` with `dpkg`, nor {} with `rpm`",
                dnf::PROGRAMS.map(|program| format!("`{program}`")).join(", ")
            ))),
        }
    }
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

/// Whether the distribution calls itself one of those that are made of RPMs.
fn names_itself_rpm(root: &Path) -> bool {
    let text = std::fs::read_to_string(root.join("etc/os-release")).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
    let mut words = names.flat_map(|names| names.trim_matches(['"', '\'']).split_ascii_whitespace());
    words.any(|word| matches!(word, "rhel" | "fedora" | "centos" | "amzn" | "ol" | "rocky" | "almalinux"))
}

/// Whether a program is where distributions put programs.
fn has_program(root: &Path, name: &str) -> bool {
    ["usr/bin", "bin", "usr/sbin", "sbin"].iter().any(|directory| root.join(directory).join(name).exists())
}

#[cfg(test)]
mod platform_tests {
    use super::names_itself_rpm;

    #[test]
    fn the_distribution_says_what_it_is_made_of() {
        for (text, rpm) in [
            ("NAME=x\nID=\"rhel\"\nID_LIKE=\"fedora\"\n", true),
            ("ID=nobara\nID_LIKE='rhel fedora'\n", true),
            ("ID=debian\n", false),
            ("ID=ubuntu\nID_LIKE=debian\n", false),
            ("", false),
        ] {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir(root.path().join("etc")).unwrap();
            std::fs::write(root.path().join("etc/os-release"), text).unwrap();
            assert_eq!(names_itself_rpm(root.path()), rpm, "{text}");
        }
    }
}
