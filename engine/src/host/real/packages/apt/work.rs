//! What is left to do of a transaction, and the calls that it takes.
use super::{
    super::{Context, refuse_removals, refused_downgrade},
    call::Call,
    candidates::{Resolution, resolve, valid_name, valid_version},
    quoted, simulation,
    status::Database,
};
use crate::{
    Error, Result,
    host::{Command, PackageSpec, PackageState, Pin, Scheme, Transaction, versions::debian::compare},
    suggest,
};

/// What is left to do of a transaction, once the state is known.
#[derive(Debug, Default)]
pub struct Work {
    pub install: Vec<Wanted>,
    pub remove: Vec<String>,
    pub purge: Vec<String>,
    pub hold: Vec<String>,
    pub release: Vec<String>,
    /// To mark as asked for, and as come along with others.
    pub manual: Vec<String>,
    pub automatic: Vec<String>,
    allow_downgrade: bool,
}

#[derive(Clone, Debug)]
pub struct Wanted {
    pub spec: PackageSpec,
    /// Which versions will do, as the transaction says it.
    pin: Option<Pin>,
    /// The real package, once the name is resolved.
    pub package: String,
    pub before: PackageState,
}

impl Work {
    /// Leaves out what is in the state asked for.
    pub fn needed(transaction: &Transaction, database: &Database) -> Result<Self> {
        let names = transaction.install.iter().map(|spec| &spec.name);
        let holds = transaction.hold.iter().chain(&transaction.release);
        let marks = transaction.manual.iter().chain(&transaction.automatic);
        for name in names.chain(&transaction.remove).chain(&transaction.purge).chain(holds).chain(marks) {
            if !valid_name(name) {
                return Err(Error::failed(format!("`{name}` is not a package name for apt")).hint(
                    "a name has lower-case letters, digits, `+`, `-` and `.`, and may end in `:ARCHITECTURE`; patterns, \
                     suites and versions have properties of their own",
                ));
            }
        }
        let mut work = Self { allow_downgrade: transaction.allow_downgrade, ..Self::default() };
        for spec in &transaction.install {
            let pin = spec.version.as_deref().map(|version| pin(&spec.name, version)).transpose()?;
            let before = database.state(&spec.name);
            let satisfied = match &pin {
                // Bounds ask for the newest that meets them, which the sources know.
                Some(pin) => pin.exact().is_some_and(|exact| before.version.as_deref() == Some(exact)),
                None => before.provided_by.is_some() || Self::is_mended(transaction, &spec.name, &before),
            };
            if let Some(asked) = pin.as_ref().and_then(Pin::exact) {
                work.refuse_downgrade(&spec.name, asked, before.version.as_deref())?;
            }
            if !(satisfied && before.broken.is_none()) {
                let version = pin.as_ref().map(|pin| pin.exact().unwrap_or(pin.text()).to_owned());
                let spec = PackageSpec { version, ..spec.clone() };
                work.install.push(Wanted { package: spec.name.clone(), spec, pin, before });
            }
        }
        for name in &transaction.remove {
            let state = database.state(name);
            if state.version.is_some() || state.broken.is_some() {
                work.remove.push(name.clone());
            }
        }
        for name in &transaction.purge {
            let state = database.state(name);
            if state.version.is_some() || state.broken.is_some() || state.config_files {
                work.purge.push(name.clone());
            }
        }
        let held = |name: &&String, held| database.state(name).held == held;
        work.hold = transaction.hold.iter().filter(|name| held(name, false)).cloned().collect();
        work.release = transaction.release.iter().filter(|name| held(name, true)).cloned().collect();
        work.manual = differently_marked(&transaction.manual, false, database);
        // What is to come is marked by that as asked for.
        let comes = |name: &&String| transaction.install.iter().any(|spec| spec.name == **name);
        work.automatic = transaction.automatic.iter().filter(comes).cloned().collect();
        let there = differently_marked(&transaction.automatic, true, database);
        work.automatic.extend(there.into_iter().filter(|name| !comes(&name)));
        Ok(work)
    }

    /// Whether a package was only to be made whole, and is.
    fn is_mended(transaction: &Transaction, name: &String, now: &PackageState) -> bool {
        transaction.repair.contains(name) && now.version.is_some() && now.broken.is_none()
    }

    /// Leaves out what dpkg finishes by itself, in the version that is there.
    pub fn leave_to_repair(&mut self, transaction: &Transaction) {
        self.install
            .retain(|wanted| !(transaction.repair.contains(&wanted.spec.name) && wanted.before.version.is_some()));
    }

    pub fn is_empty(&self) -> bool {
        let lists = [&self.remove, &self.purge, &self.hold, &self.release, &self.manual, &self.automatic];
        self.install.is_empty() && lists.iter().all(|names| names.is_empty())
    }

    /// What goes beside the packages that are to be removed, and those that cannot be without them, is asked for by
    /// nobody. A call that only installs tells apt so itself.
    pub fn refuse_unasked_removals(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        if self.install.is_empty() || (self.remove.is_empty() && self.purge.is_empty()) {
            return Ok(());
        }
        let alone = Self { remove: self.remove.clone(), purge: self.purge.clone(), ..Self::default() };
        self.refuse_beyond(&alone.gone(context, transaction)?, context, transaction)
    }

    /// Refuses what would be removed and is not among these.
    pub fn refuse_beyond(&self, known: &[String], context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        let unasked: Vec<String> =
            self.gone(context, transaction)?.into_iter().filter(|name| !known.contains(name)).collect();
        refuse_removals("apt", &unasked)
    }

    /// Everything that would be removed.
    pub fn gone(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<String>> {
        let changes = simulation::changes(context, self, transaction)?;
        Ok(changes.into_iter().filter(|change| change.to.is_none()).map(|change| change.name).collect())
    }

    /// Whether packages go, and none comes.
    pub fn only_removes(&self) -> bool {
        self.install.is_empty() && !(self.remove.is_empty() && self.purge.is_empty())
    }

    fn refuse_downgrade(&self, name: &str, asked: &str, installed: Option<&str>) -> Result<()> {
        match installed {
            Some(installed) if !self.allow_downgrade && compare(asked, installed).is_lt() => {
                Err(refused_downgrade(name, installed, asked))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Of bounds it is known now which version meets them: it may be installed already, or an older one.
    fn settle(&mut self) -> Result<()> {
        for wanted in &self.install {
            let asked = wanted.spec.version.as_deref().unwrap_or_default();
            if wanted.pin.as_ref().is_some_and(|pin| pin.exact().is_none()) {
                self.refuse_downgrade(&wanted.spec.name, asked, wanted.before.version.as_deref())?;
            }
        }
        self.install.retain(|wanted| {
            wanted.pin.is_none() || wanted.before.broken.is_some() || wanted.before.version != wanted.spec.version
        });
        Ok(())
    }

    /// Finds the real package and checks the version of everything to be installed. `refresh` is asked once for newer
    /// lists when something is not found, and says whether there are any.
    pub fn resolve(&mut self, context: &Context<'_>, refresh: &dyn Fn() -> Result<bool>) -> Result<()> {
        if self.install.is_empty() {
            return Ok(());
        }
        loop {
            // What is in a file needs no source that offers it.
            let mut offered: Vec<&mut Wanted> =
                self.install.iter_mut().filter(|wanted| wanted.spec.file.is_none()).collect();
            let names: Vec<String> = offered.iter().map(|wanted| wanted.spec.name.clone()).collect();
            let resolutions = if names.is_empty() { Vec::new() } else { resolve(context.tools, &names)? };
            let mut troubles = Vec::new();
            for (wanted, resolution) in offered.iter_mut().zip(resolutions) {
                match wanted.accept(resolution) {
                    Ok(()) => {}
                    Err(trouble) => troubles.push(trouble),
                }
            }
            if troubles.is_empty() {
                return self.settle();
            }
            if refresh()? {
                continue;
            }
            let mut errors = troubles.into_iter().map(|trouble| trouble.error(context)).collect::<Result<Vec<_>>>()?;
            return Err(if errors.len() == 1 { errors.remove(0) } else { Error::Several(errors) });
        }
    }

    /// The calls it takes: one, or two when some packages are to be purged and others only removed.
    pub fn calls(&self) -> Vec<Call> {
        let install: Vec<String> = self.install.iter().map(Wanted::argument).collect();
        let removals = |names: &[String]| names.iter().map(|name| format!("{name}-")).collect::<Vec<_>>();
        let removes = !(self.remove.is_empty() && self.purge.is_empty());
        let call = |verb, purge, names| Call { verb, purge, removes, names };
        match (install.is_empty(), self.remove.is_empty(), self.purge.is_empty()) {
            (true, true, true) => Vec::new(),
            (true, false, true) => vec![call("remove", false, self.remove.clone())],
            (true, true, false) => vec![call("purge", true, self.purge.clone())],
            (true, false, false) => {
                vec![call("remove", false, self.remove.clone()), call("purge", true, self.purge.clone())]
            }
            (false, _, true) => vec![call("install", false, [install, removals(&self.remove)].concat())],
            (false, true, false) => vec![call("install", true, [install, removals(&self.purge)].concat())],
            (false, false, false) => vec![
                call("install", false, [install, removals(&self.remove), removals(&self.purge)].concat()),
                call("purge", true, self.purge.clone()),
            ],
        }
    }
}

impl Wanted {
    fn argument(&self) -> String {
        match (&self.spec.file, &self.spec.version) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(version)) => format!("{}={version}", self.package),
            (None, None) => self.package.clone(),
        }
    }

    fn accept(&mut self, resolution: Resolution) -> Result<(), Trouble> {
        let name = self.spec.name.clone();
        match resolution {
            Resolution::Unknown => Err(Trouble::Unknown(name)),
            Resolution::NotOffered => Err(Trouble::NotOffered(name)),
            Resolution::Ambiguous(providers) => Err(Trouble::Ambiguous(name, providers)),
            Resolution::Known { candidate, versions } => {
                if let Some(pin) = &self.pin {
                    // What apt prefers, by its own pins, comes before what is newest.
                    let preferred = pin.meets(&candidate.version, Scheme::Debian).then_some(&candidate.version);
                    let Some(version) = preferred.or_else(|| pin.newest(&versions, Scheme::Debian)) else {
                        return Err(Trouble::NoVersion(name, pin.text().to_owned(), versions));
                    };
                    self.spec.version = Some(version.clone());
                }
                self.package = candidate.name;
                Ok(())
            }
        }
    }
}

enum Trouble {
    Unknown(String),
    NotOffered(String),
    Ambiguous(String, Vec<String>),
    NoVersion(String, String, Vec<String>),
}

impl Trouble {
    fn error(self, context: &Context<'_>) -> Result<Error> {
        let missing = |name, why| Error::Missing { kind: "package", name, why: Some(why) };
        Ok(match self {
            Self::Unknown(name) => {
                let known = context.tools.query(&Command::new(["apt-cache", "pkgnames", &name[..1]]))?.stdout;
                let near = suggest::nearest(&name, known.lines());
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                missing(name, format!("none of apt's sources has it{near}"))
            }
            Self::NotOffered(name) => {
                missing(name, "apt knows the name but no source offers it, or a pin forbids it".to_owned())
            }
            Self::Ambiguous(name, providers) => Error::failed(format!(
                "`{name}` is a virtual package that several packages provide: {}",
                quoted(&providers)
            ))
            .hint("name the one that is wanted"),
            Self::NoVersion(name, version, versions) => Error::failed(format!(
                "package `{name}` is not on offer in version `{version}`, only in {}",
                quoted(&versions)
            ))
            .hint("correct the version, or add the repository that has it before the package"),
        })
    }
}

/// Those of some packages that are installed and not marked so.
pub fn differently_marked(names: &[String], automatic: bool, database: &Database) -> Vec<String> {
    let differs = |name: &&String| {
        let state = database.state(name);
        state.version.is_some() && state.automatic != automatic
    };
    names.iter().filter(differs).cloned().collect()
}

/// Reads what is said of a version.
fn pin(name: &str, version: &str) -> Result<Pin> {
    let wrong = || {
        Error::failed(format!("`{version}` is not a version of the package `{name}`"))
            .hint(format!("`apt-cache policy {name}` lists the versions on offer"))
    };
    let pin: Pin = version.parse().map_err(|_| wrong())?;
    if pin.exact().is_some_and(|exact| !valid_version(exact)) { Err(wrong()) } else { Ok(pin) }
}
