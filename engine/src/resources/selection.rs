//! Packages by name, as they are and as they should be: shared by `package`, `apt_package` and `gem_package`.
use std::{
    cmp::Ordering,
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    answers::{self, Answers},
    package, package_file,
    presence::{Mark, Package, Presence, Presences, bounds},
};
use crate::{
    Error, Fault, Result,
    host::{Candidate, Command, Op, PackageSpec, PackageState, Pin, Probe, Provider, Scheme, Transaction},
    resource::{Change, Content, Found, Goal},
    values::{Seconds, Words},
};

/// What to do with packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    Install,
    Upgrade,
    Remove,
    Purge,
    Reconfigure,
    Lock,
    Unlock,
}

/// Names with their versions, and how to change them.
pub(crate) struct Selection<'a> {
    names: &'a [String],
    versions: &'a [String],
    /// The transaction without packages in it: provider and settings.
    settings: Transaction,
    answers: Option<Answers<'a>>,
    /// The file that the one package is in.
    file: Option<&'a Path>,
    /// Whether the lists are fetched anew before and after a change.
    flush: (bool, bool),
}

impl<'a> Selection<'a> {
    pub(crate) fn new(names: &'a Words, versions: Option<&'a Words>, settings: Transaction) -> Self {
        Self {
            names: &names.0,
            versions: versions.map_or(&[], |versions| &versions.0),
            settings,
            answers: None,
            file: None,
            flush: (false, false),
        }
    }

    /// With answers for debconf.
    pub(crate) fn answers(self, content: Option<&'a Content>) -> Self {
        Self { answers: content.map(Answers::of), ..self }
    }

    /// With package lists that are fetched anew `before` or `after` a change.
    pub(crate) fn flushing(self, words: Option<&Words>) -> Self {
        let has = |word: &str| words.is_some_and(|words| words.0.iter().any(|one| one == word));
        Self { flush: (has("before"), has("after")), ..self }
    }

    /// With the file that the package is in.
    pub(crate) fn in_file(self, file: Option<&'a Path>) -> Self {
        Self { file, ..self }
    }

    /// Several versions of a package lie side by side, as gems do.
    fn side_by_side(&self) -> bool {
        matches!(self.settings.provider, Provider::Gem { .. })
    }

    /// What npm, pip or cargo would take for something else than a version: a tag, a file, a server.
    fn tag<'v>(&self, pin: &'v Pin) -> Option<&'v str> {
        let by = &self.settings.provider;
        let strict = matches!(by, Provider::Npm { .. } | Provider::Pip { .. } | Provider::Cargo { .. });
        pin.named().find(|version| strict && !version.starts_with(|c: char| c.is_ascii_digit() || c == '*'))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The version asked for; an empty one means any.
    fn pin(&self, name: &str) -> Option<&'a str> {
        // A file is in one version, which is compared with the one asked for.
        if self.file.is_some() {
            return None;
        }
        let index = if self.versions.len() == 1 { 0 } else { self.position(name)? };
        self.versions.get(index).map(String::as_str).filter(|version| !version.is_empty())
    }

    /// What is wrong with names and versions; `invalid` tells what is wrong with one name.
    pub(crate) fn check(&self, invalid: impl Fn(&str) -> Option<String>) -> Vec<Fault> {
        let named = |name: &str| invalid(name).or_else(|| self.settings.provider.name_fault(name)).map(Fault::new);
        let named = |name: &str| more_than_a_name(name).or_else(|| named(name));
        // The name of what is in a file is in the file too.
        let named = self.names.iter().filter(|name| self.file != Some(Path::new(name))).filter_map(|name| named(name));
        let mut faults: Vec<Fault> = named.collect();
        if let Some(file) = self.file {
            faults.extend(package_file::faults(file, self.names, &self.settings.provider));
        }
        if self.names.is_empty() {
            faults.push(Fault::new("no package is named"));
        }
        for (n, name) in self.names.iter().enumerate() {
            if self.names[..n].contains(name) {
                faults.push(Fault::new(format!("package `{name}` is named twice")));
            }
        }
        let (names, versions) = (self.names.len(), self.versions.len());
        if versions > 1 && versions != names {
            faults.push(
                Fault::new(format!("{versions} versions for {names} packages"))
                    .hint("give one version for all, or one for each name; an empty one means any"),
            );
        }
        faults.extend(self.versions.iter().filter_map(|version| self.version_fault(version)));
        if self.settings.timeout == Seconds(0) {
            faults.push(Fault::new("`timeout` is 0, so the package manager could never end in time"));
        }
        for option in &self.settings.options {
            if !option.starts_with('-') && !self.settings.options.iter().any(|other| other.starts_with('-')) {
                faults.push(
                    Fault::new(format!("option `{option}` would be taken for the name of a package"))
                        .hint("options begin with `-`"),
                );
            } else if option.split_once(' ').is_some_and(|(first, _)| first.starts_with('-')) {
                faults.push(
                    Fault::new(format!("option `{option}` holds a blank"))
                        .hint("options are words: give them as a list, as in `[\"-o\", \"Name=value\"]`"),
                );
            }
        }
        faults
    }

    fn version_fault(&self, version: &str) -> Option<Fault> {
        const FORMS: &str = "a version is one as `1.2-3`, a pattern as `1.2*`, or bounds as `~> 1.2` and `>= 1.2, < 2`";
        let pin = match version.parse::<Pin>() {
            _ if version.is_empty() => return None,
            Ok(pin) => pin,
            Err(why) => return Some(Fault::new(why).hint(FORMS)),
        };
        if let Some(tag) = self.tag(&pin) {
            let provider = self.settings.provider.name();
            let fault = Fault::new(format!("`{tag}` is no version of a package of {provider}"));
            return Some(fault.hint("a version begins with a digit; where none is given, the newest is installed"));
        }
        (self.side_by_side() && version.contains('*')).then(|| {
            Fault::new(format!("`{version}` is a pattern, which gem does not know"))
                .hint("give bounds: `~> 1.2.0` is any version that begins with `1.2.`")
        })
    }

    /// As they are, as far as an aim is about them.
    pub(crate) fn read(&self, aim: Aim, probe: &dyn Probe) -> Result<Presences> {
        let inside = match self.inside(probe) {
            // A name that is given is known without the file: a package may be removed long after that has gone.
            Err(Error::Missing { .. }) if !self.names[0].starts_with('/') => None,
            inside => inside?.map(|inside| vec![inside.name]),
        };
        let names = inside.as_deref().unwrap_or(self.names);
        let states = probe.packages(&self.settings.provider, names)?;
        let differing = self.answers.as_ref().map_or(Ok(Vec::new()), |answers| answers.differing(names, probe))?;
        let package = |(name, state): (&String, &PackageState)| {
            let (presence, answers_differ) = (self.presence(name, state, aim), differing.contains(name));
            let mark = if state.automatic { Mark::Automatic } else { Mark::Plain };
            (name.clone(), Package { presence, held: state.held, answers_differ, mark })
        };
        Ok(Presences(names.iter().zip(&states).map(package).collect()))
    }

    /// The package in the file, where there is one.
    fn inside(&self, probe: &dyn Probe) -> Result<Option<Candidate>> {
        self.file.map(|file| package_file::read(file, self.names, &self.settings.provider, probe)).transpose()
    }

    /// One action that has all of them as they are, if there is one.
    pub(crate) fn found(&self, kind: &'static str, probe: &dyn Probe) -> Result<Found> {
        let now = self.read(Aim::Install, probe)?.0;
        let names: Vec<&String> = now.keys().collect();
        let provider = &self.settings.provider;
        // What is installed tells no file that it came from.
        let kind = match provider {
            Provider::Dpkg => "apt_package",
            Provider::Rpm => "dnf_package",
            Provider::Platform
            | Provider::Apt
            | Provider::Dnf
            | Provider::Zypper
            | Provider::Pacman
            | Provider::Apk
            | Provider::Gem { .. }
            | Provider::Pip { .. }
            | Provider::Npm { .. }
            | Provider::Cargo { .. }
            | Provider::Snap => kind,
        };
        let name = if self.file.is_some() { names[0].clone() } else { self.names.join(", ") };
        let mut found = Found::new(kind, name);
        if self.names.len() > 1 {
            found = found.with("package_name", self.names);
        }
        if kind == "package" && *provider != Provider::Platform {
            found = found.with("provider", provider.name());
        }
        if let Some((binary, source)) = provider.own() {
            let word = if kind == "gem_package" { "gem_binary" } else { "binary" };
            found = found.with(word, binary.map(|binary| binary.display().to_string())).with("source", source);
        }
        let (mut actions, mut versions) = (Vec::new(), Vec::new());
        let held = now.values().filter(|package| package.held).count();
        let automatic = now.iter().filter(|(_, package)| package.mark == Mark::Automatic).map(|(name, _)| name);
        let unsaid =
            automatic.map(|name| format!("that `{name}` came along with others, and goes when nothing needs it"));
        found.unsaid.extend(unsaid);
        let marked = !found.unsaid.is_empty();
        for (name, Package { presence, .. }) in now {
            let (action, version, unsaid) = match presence {
                Presence::Absent | Presence::ConfigFiles | Presence::Removed | Presence::Purged => {
                    let of_pin = self.pin(&name).filter(|_| self.side_by_side()).unwrap_or_default();
                    ("remove", of_pin.to_owned(), None)
                }
                Presence::Version(all) if all.contains(", ") => {
                    ("install", String::new(), Some(format!("that `{name}` is there in several versions: {all}")))
                }
                // Channels are what a declaration of a snap can name.
                Presence::Version(_) if self.settings.provider == Provider::Snap => ("install", String::new(), None),
                Presence::Version(version) | Presence::Upgraded(version, _) => ("install", version, None),
                Presence::Provided(by) => ("install", String::new(), Some(format!("that `{by}` provides `{name}`"))),
                Presence::Installed | Presence::Matching(..) => ("install", String::new(), None),
                Presence::Broken(why) => ("repair", String::new(), Some(format!("that `{name}` is broken: {why}"))),
            };
            actions.push(action);
            versions.push(version);
            found.unsaid.extend(unsaid);
        }
        actions.dedup();
        found.actions = match actions.as_slice() {
            // Installed is what somebody asked for.
            _ if marked => Vec::new(),
            ["install"] if held == self.names.len() => vec!["install", "lock"],
            // A hold outlives the package, and is about the one that comes again.
            ["remove"] => actions,
            [action] if *action != "repair" && held == 0 => actions,
            _ => Vec::new(),
        };
        Ok(match versions.as_slice() {
            _ if versions.iter().all(String::is_empty) => found,
            [version] => found.with("version", version.as_str()),
            _ => found.with("version", versions),
        })
    }

    fn presence(&self, name: &str, state: &PackageState, aim: Aim) -> Presence {
        if let Some(why) = &state.broken {
            return Presence::Broken(why.clone());
        }
        let leaves = matches!(aim, Aim::Remove | Aim::Purge);
        if self.side_by_side() && !state.versions.is_empty() {
            // The version named is what it is about; others lie beside it.
            let Some(pin) = self.pin(name) else { return Presence::Version(state.versions.join(", ")) };
            let met = state.versions.iter().filter(|version| self.matches(pin, version));
            let met: Vec<&str> = met.map(String::as_str).collect();
            let newest = met.iter().max_by(|left, right| Scheme::Gem.compare(left, right));
            return match newest {
                None => Presence::Absent,
                Some(_) if leaves => Presence::Version(met.join(", ")),
                Some(_) if bounds(pin).is_none() => Presence::Version(exact(pin).to_owned()),
                Some(newest) => Presence::Version((*newest).to_owned()),
            };
        }
        match (&state.version, &state.provided_by) {
            (Some(version), _) => Presence::Version(match self.pin(name) {
                Some(pin) if bounds(pin).is_none() && self.matches(pin, version) => exact(pin).to_owned(),
                Some(_) | None => version.clone(),
            }),
            // Another package that has the name is no reason to leave the files of this one.
            (None, _) if leaves && state.config_files => Presence::ConfigFiles,
            (None, Some(by)) => Presence::Provided(by.clone()),
            (None, None) if state.config_files => Presence::ConfigFiles,
            (None, None) => Presence::Absent,
        }
    }

    /// Whether an installed version is one asked for.
    fn matches(&self, pin: &str, installed: &str) -> bool {
        pin.parse::<Pin>().is_ok_and(|pin| pin.meets(installed, self.scheme()))
    }

    const fn scheme(&self) -> Scheme {
        Scheme::of(&self.settings.provider)
    }

    /// The state that a pin asks for.
    fn pinned(pin: &str, scheme: Scheme) -> Presence {
        match bounds(pin) {
            Some(pin) => Presence::Matching(pin, scheme),
            None => Presence::Version(exact(pin).to_owned()),
        }
    }

    pub(crate) fn want(&self, aim: Aim, now: &Presences, probe: &dyn Probe) -> Result<Goal<Presences>> {
        let mut to = now.clone();
        let inside = if matches!(aim, Aim::Install | Aim::Upgrade) { self.inside(probe)? } else { None };
        if let Some(inside) = inside {
            self.refuse_other_version(&inside)?;
            for Package { presence, .. } in to.0.values_mut() {
                *presence = match presence {
                    Presence::Version(_) if matches!(aim, Aim::Install) => continue,
                    _ if inside.version.is_empty() => Presence::Installed,
                    _ => Presence::Version(inside.version.clone()),
                };
            }
            return self.settled(aim, now, to);
        }
        let scheme = Scheme::of(&probe.provider(&self.settings.provider)?);
        match aim {
            Aim::Install => {
                for (name, Package { presence, .. }) in &mut to.0 {
                    let wanted = match (self.pin(name), &presence) {
                        (None, Presence::Version(_) | Presence::Provided(_) | Presence::Installed) => continue,
                        (Some(pin), _) => Self::pinned(pin, scheme),
                        (None, _) => Presence::Installed,
                    };
                    if *presence != wanted {
                        *presence = wanted;
                    }
                }
            }
            Aim::Upgrade => self.upgrade(&mut to, scheme, probe)?,
            Aim::Remove => {
                for Package { presence, mark, .. } in to.0.values_mut() {
                    if !presence.is_lacking() {
                        (*presence, *mark) = (Presence::Removed, Mark::Plain);
                    }
                }
            }
            Aim::Purge => {
                for Package { presence, mark, .. } in to.0.values_mut() {
                    if !presence.is_lacking() || *presence == Presence::ConfigFiles {
                        (*presence, *mark) = (Presence::Purged, Mark::Plain);
                    }
                }
            }
            Aim::Reconfigure => {
                for (name, package) in &mut to.0 {
                    if package.presence.is_lacking() {
                        return Err(Error::failed(format!(
                            "package `{name}` is not installed, so it cannot be reconfigured"
                        ))
                        .hint("install it: the answers are given before it is installed"));
                    }
                    package.answers_differ = false;
                }
            }
            Aim::Lock => {
                for (name, package) in &mut to.0 {
                    if !matches!(package.presence, Presence::Version(_) | Presence::Broken(_)) {
                        return Err(Error::failed(format!(
                            "package `{name}` is not installed, so there is no version to hold it at"
                        ))
                        .hint("install it first: `action [\"install\", \"lock\"]`"));
                    }
                    package.held = true;
                }
            }
            Aim::Unlock => to.0.values_mut().for_each(|package| package.held = false),
        }
        self.settled(aim, now, to)
    }

    /// The goal, once it is known that nothing stands in its way.
    fn settled(&self, aim: Aim, now: &Presences, mut to: Presences) -> Result<Goal<Presences>> {
        refuse_held(now, &to)?;
        // What a recipe names is not to go with what needed it before.
        if matches!(aim, Aim::Install | Aim::Upgrade) {
            let automatic = to.0.values_mut().filter(|package| package.mark == Mark::Automatic);
            automatic.for_each(|package| package.mark = Mark::Manual);
        }
        // Answers are given before what asks for them comes.
        if matches!(aim, Aim::Install | Aim::Upgrade) {
            let comes = to.0.iter().any(|(name, package)| package.presence != now.0[name].presence);
            to.0.values_mut().filter(|_| comes).for_each(|package| package.answers_differ = false);
        }
        Ok(Goal::State(to))
    }

    /// Refuses a file in which another version is than the one asked for.
    fn refuse_other_version(&self, inside: &Candidate) -> Result<()> {
        match (self.versions.first().filter(|version| !version.is_empty()), self.file) {
            (Some(asked), Some(file)) if !inside.version.is_empty() && !self.matches(asked, &inside.version) => {
                Err(Error::failed(format!(
                    "`{}` holds version `{}` of `{}`, not `{asked}`",
                    file.display(),
                    inside.version,
                    inside.name
                ))
                .hint("correct the version, or give the file that has it"))
            }
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    fn upgrade(&self, to: &mut Presences, scheme: Scheme, probe: &dyn Probe) -> Result<()> {
        let choice = |name: &&String| self.pin(name).is_none_or(|pin| bounds(pin).is_some());
        let open: Vec<String> = to.0.keys().filter(choice).cloned().collect();
        let newest = if open.is_empty() { Vec::new() } else { self.newest(&open, probe)? };
        for (name, Package { presence, .. }) in &mut to.0 {
            let newest = open.iter().position(|known| known == name).and_then(|n| newest[n].as_deref());
            *presence = match (self.pin(name), newest, &presence) {
                (Some(pin), Some(newest), now) if bounds(pin).is_some() && self.matches(pin, newest) => match now {
                    Presence::Version(now) if scheme.compare(newest, now).is_lt() => {
                        Presence::Version(newest.to_owned())
                    }
                    _ => Presence::Upgraded(newest.to_owned(), scheme),
                },
                (Some(pin), _, Presence::Version(now)) if self.matches(pin, now) => continue,
                (Some(pin), _, _) => Self::pinned(pin, scheme),
                (None, Some(newest), Presence::Version(now)) => match self.upgraded(now, newest, scheme) {
                    Some(upgraded) => upgraded,
                    None => continue,
                },
                (None, Some(newest), Presence::Broken(_)) => Presence::Upgraded(newest.to_owned(), scheme),
                // No candidate: it came from elsewhere and there is nothing newer.
                (
                    None,
                    _,
                    Presence::Version(_)
                    | Presence::Provided(_)
                    | Presence::Installed
                    | Presence::Matching(..)
                    | Presence::Upgraded(..),
                ) => continue,
                (
                    None,
                    _,
                    Presence::Absent
                    | Presence::ConfigFiles
                    | Presence::Broken(_)
                    | Presence::Removed
                    | Presence::Purged,
                ) => Presence::Installed,
            };
        }
        Ok(())
    }

    /// What comes of an installed version where another is on offer; `None` where it stays.
    fn upgraded(&self, now: &str, offered: &str, scheme: Scheme) -> Option<Presence> {
        // What is newer of a snap, its channel says and not its version.
        if self.settings.provider == Provider::Snap {
            return (now != offered).then(|| Presence::Version(offered.to_owned()));
        }
        match scheme.compare(offered, self.newest_of(now)) {
            // A new gem lies beside the old ones.
            Ordering::Greater if self.side_by_side() => Some(Presence::Version(format!("{now}, {offered}"))),
            Ordering::Greater => Some(Presence::Upgraded(offered.to_owned(), scheme)),
            Ordering::Less if self.goes_back() => Some(Presence::Version(offered.to_owned())),
            Ordering::Less | Ordering::Equal => None,
        }
    }

    /// Whether an upgrade brings what is on offer although it is older.
    fn goes_back(&self) -> bool {
        self.settings.allow_downgrade && !self.side_by_side()
    }

    /// What installing each name would lead to. Options may move the candidate (`-t backports`), and bounds may exclude it,
    /// so with any the package manager is asked for its whole plan.
    fn newest(&self, names: &[String], probe: &dyn Probe) -> Result<Vec<Option<String>>> {
        if self.settings.options.is_empty() && names.iter().all(|name| self.pin(name).is_none()) {
            let candidates = probe.candidates(&self.settings.provider, names)?;
            let version = |(name, candidate): (&String, Option<Candidate>)| {
                candidate.filter(|candidate| candidate.name == *name).map(|candidate| candidate.version)
            };
            return Ok(names.iter().zip(candidates).map(version).collect());
        }
        let mut transaction = self.settings.clone();
        let spec = |name: &String| PackageSpec { version: self.pin(name).map(str::to_owned), ..PackageSpec::any(name) };
        transaction.install = names.iter().map(spec).collect();
        let changes = probe.simulate(&transaction)?;
        let version = |name: &String| changes.iter().find(|change| change.name == *name).and_then(|c| c.to.clone());
        Ok(names.iter().map(version).collect())
    }

    fn newest_of<'v>(&self, installed: &'v str) -> &'v str {
        if self.side_by_side() { installed.rsplit(", ").next().unwrap_or(installed) } else { installed }
    }

    /// One transaction with the names that differ, and no others: `install` upgrades what is installed already.
    pub(crate) fn ops(self, change: &Change<Presences>) -> Vec<Op> {
        let mut transaction = self.settings.clone();
        let mut operations = Vec::new();
        let (mut answered, mut again) = (false, Vec::new());
        for (name, to) in &change.to.0 {
            let from = change.from.0.get(name);
            if from.is_some_and(|from| from.answers_differ) && !to.answers_differ {
                answered = true;
                again.push(name.clone());
            }
            match (from.is_some_and(|from| from.held), to.held) {
                (false, true) => transaction.hold.push(name.clone()),
                (true, false) => transaction.release.push(name.clone()),
                (true, true) | (false, false) => {}
            }
            if matches!(to.mark, Mark::Manual) {
                transaction.manual.push(name.clone());
            }
            if from.is_some_and(|from| from.presence == to.presence) {
                continue;
            }
            match &to.presence {
                Presence::Installed
                | Presence::Matching(..)
                | Presence::Upgraded(..)
                | Presence::Version(_)
                | Presence::Provided(_)
                | Presence::Broken(_) => {
                    let version = match (self.file, &to.presence, self.pin(name)) {
                        (Some(_), Presence::Version(inside), _) => Some(inside.clone()),
                        // Without its version, an older one would be left out.
                        (None, Presence::Version(older), None) if self.goes_back() => Some(older.clone()),
                        (Some(_) | None, _, pin) => pin.map(str::to_owned),
                    };
                    let file = self.file.map(Path::to_owned);
                    let broken = from.is_some_and(|from| matches!(from.presence, Presence::Broken(_)));
                    if broken && matches!(to.presence, Presence::Installed) {
                        transaction.repair.push(name.clone());
                    }
                    transaction.install.push(PackageSpec { name: name.clone(), version, file });
                }
                Presence::Removed | Presence::ConfigFiles => match (&self.settings.provider, from) {
                    (Provider::Gem { binary, .. }, Some(Package { presence: Presence::Version(all), .. }))
                        if self.pin(name).is_some() =>
                    {
                        let each = |version| self.uninstall(binary.as_ref(), name, version);
                        operations.extend(all.split(", ").map(each));
                    }
                    (_, Some(_) | None) => transaction.remove.push(name.clone()),
                },
                Presence::Absent | Presence::Purged => transaction.purge.push(name.clone()),
            }
        }
        if let Some(answers) = self.answers.as_ref().filter(|_| answered) {
            operations.push(answers.give());
            if transaction.is_empty() {
                operations.push(answers::reconfigure(&again));
            }
        }
        let lists = || Op::UpdatePackageLists { provider: self.settings.provider.clone(), source: None };
        if !transaction.is_empty() {
            let moves = !transaction.moves_nothing();
            operations.extend((moves && self.flush.0).then(lists));
            operations.push(Op::Packages(transaction));
            operations.extend((moves && self.flush.1).then(lists));
        }
        operations
    }

    /// One version of a gem goes, others stay: a transaction removes whole gems, so this is a command. It takes one version
    /// only, whatever the bounds, and of one that is there for several platforms it asks without `--all` which is meant.
    fn uninstall(&self, binary: Option<&PathBuf>, name: &str, version: &str) -> Op {
        let program = binary.map_or_else(|| "gem".to_owned(), |binary| binary.display().to_string());
        let flags = ["uninstall", "--all", "--executables", "--ignore-dependencies", "--version", version];
        let flags = flags.map(str::to_owned);
        let argv = [program].into_iter().chain(flags).chain(self.settings.options.iter().cloned());
        let mut command = Command::new(argv.chain([name.to_owned()]));
        command.timeout = self.settings.timeout;
        Op::Run(command)
    }
}

/// What is wrong with an address that command lines and reports would show.
pub(crate) fn told_source(source: Option<&str>) -> Option<Fault> {
    let (_, rest) = source?.split_once("://")?;
    let told = rest.split('/').next().is_some_and(|server| server.contains('@'));
    told.then(|| {
        Fault::new("`source` holds a user or a password, which command lines and reports would show")
            .hint("put it into the package manager's own configuration")
    })
}

/// What is wrong with asking debconf again and having no answers for it.
pub(crate) fn lacks_answers(action: package::Action, answers: Option<&Content>) -> Option<Fault> {
    let fault = || Fault::new("there are no answers to reconfigure it with").hint("give them with `response_file`");
    (action == package::Reconfig && answers.is_none()).then(fault)
}

/// The version itself of one that may be written as `= 1.2-3`.
fn exact(pin: &str) -> &str {
    pin.trim_start_matches('=').trim_start()
}

fn refuse_held(now: &Presences, to: &Presences) -> Result<()> {
    for (name, Package { presence, held, .. }) in &now.0 {
        if let (true, Presence::Version(version)) = (held, presence)
            && *presence != to.0[name].presence
        {
            return Err(Error::failed(format!(
                "package `{name}` is held at version `{version}`, so it cannot be changed"
            ))
            .hint("release it with action `unlock` before, or leave it out"));
        }
    }
    Ok(())
}

/// The names of all that is installed and did not come along with others, where a package manager tells them.
pub(crate) fn all(provider: &Provider, probe: &dyn Probe) -> Result<Option<Vec<String>>> {
    let of_dpkg = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n"];
    let of_rpm = ["rpm", "-qa", "--queryformat=installed %{NAME}\n"];
    let of_pacman = ["sh", "-c", "pacman -Qq | sed 's/^/installed /'"];
    let of_apk = ["sh", "-c", "apk info -q | sed 's/^/installed /'"];
    let questions: &[[&str; 3]] = match provider {
        Provider::Platform => &[of_dpkg, of_rpm, of_pacman, of_apk],
        Provider::Apt | Provider::Dpkg => &[of_dpkg],
        Provider::Dnf | Provider::Rpm | Provider::Zypper => &[of_rpm],
        Provider::Pacman => &[of_pacman],
        Provider::Apk => &[of_apk],
        Provider::Gem { .. }
        | Provider::Pip { .. }
        | Provider::Npm { .. }
        | Provider::Cargo { .. }
        | Provider::Snap => &[],
    };
    for question in questions {
        let answer = probe.query(&Command::new(*question))?;
        let lines = answer.stdout.lines().filter_map(|line| line.strip_prefix("installed "));
        let names: Vec<String> = lines.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect();
        // A machine of the one family may have the tools of the other.
        let states = probe.packages(provider, &names)?;
        let there: Vec<_> = names.into_iter().zip(states).filter(|(_, state)| state.version.is_some()).collect();
        if answer.success() && !there.is_empty() {
            // What came along with others comes along with them again.
            let asked_for = there.into_iter().filter(|(_, state)| !state.automatic);
            return Ok(Some(asked_for.map(|(name, _)| name).collect()));
        }
    }
    Ok(None)
}

/// What is wrong with `NAME=VERSION` and `NAME/SUITE`, as apt and others take them on their command lines.
fn more_than_a_name(name: &str) -> Option<Fault> {
    // Capabilities and groups of rpm have such signs too, and scopes of npm.
    if name.starts_with(['@', '/']) || name.contains(['(', ' ']) {
        return None;
    }
    let fault = |what: &str, hint: &str| Some(Fault::new(format!("`{name}` is a name and {what}")).hint(hint));
    match name.split_once(['=', '/']) {
        Some((bare, rest)) if bare.is_empty() || rest.is_empty() => None,
        Some(_) if name.contains('=') => fault("a version", "give the version by itself, as the property `version`"),
        Some(_) => fault(
            "a suite",
            "name the package alone, and say with `options` as `[\"-t\", \"SUITE\"]` or an `apt_preference` where it comes from",
        ),
        None => None,
    }
}

/// Makes a kind of packages out of its property table, `settings()`, `own_faults()` and `name_fault()`.
macro_rules! packages {
    ($name:ident, $kind:literal, batch $batch:literal $(, $more:item)* $(,)?) => {
        impl $name {
            /// The one with this name.
            #[must_use]
            pub fn named(name: impl Into<String>) -> Self {
                Self::bare($crate::values::Words(vec![name.into()]).into())
            }

            /// Several in one transaction; the resource's name is theirs, joined by `, `.
            #[must_use]
            pub fn all<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
                Self::bare(names.into_iter().collect::<$crate::values::Words>().into())
            }

            /// What is asked for, with the transaction's settings.
            fn selection(&self) -> $crate::resources::selection::Selection<'_> {
                let names = self.package_name.as_ref().unwrap_or(&self.names);
                let mut settings = self.settings();
                settings.timeout = self.timeout.unwrap_or(settings.timeout);
                $crate::resources::selection::Selection::new(names, self.version.as_ref(), settings)
                    .in_file(self.file())
                    .answers(self.answers())
                    .flushing(self.flush())
            }
        }

        impl $crate::resource::Resource for $name {
            const KIND: &'static str = $kind;
            const BATCH: Option<&'static str> = Some($batch);
            type Action = Action;
            type State = $crate::resources::presence::Presences;

            $($more)*

            fn name(&self) -> String {
                self.names.0.join(", ")
            }

            fn check(&self) -> Vec<$crate::Fault> {
                let mut faults = self.selection().check(name_fault);
                faults.extend(self.own_faults());
                faults.extend(self.answers().map($crate::resources::answers::check).unwrap_or_default());
                faults
            }

            fn read(&self, probe: &dyn $crate::host::Probe) -> $crate::Result<Self::State> {
                self.selection().read($crate::resources::selection::Aim::Install, probe)
            }

            fn read_for(&self, action: Action, probe: &dyn $crate::host::Probe) -> $crate::Result<Self::State> {
                self.selection().read(action.into(), probe)
            }

            fn all(probe: &dyn $crate::host::Probe) -> $crate::Result<Option<Vec<String>>> {
                $crate::resources::selection::all(&Self::named("").settings().provider, probe)
            }

            fn found(&self, probe: &dyn $crate::host::Probe) -> $crate::Result<Option<$crate::resource::Found>> {
                self.selection().found($crate::resource::Resource::kind(self), probe).map(Some)
            }

            fn want(
                &self,
                action: Action,
                now: &Self::State,
                probe: &dyn $crate::host::Probe,
            ) -> $crate::Result<$crate::resource::Goal<Self::State>> {
                self.selection().want(action.into(), now, probe)
            }

            fn ops(&self, change: &$crate::resource::Change<Self::State>) -> $crate::Result<Vec<$crate::host::Op>> {
                Ok(self.selection().ops(change))
            }
        }
    };
}
pub(crate) use packages;

#[cfg(test)]
mod tests {
    use super::{Mark, Package, Presence, Presences, Selection};
    use crate::{
        host::{Dry, Fake, Op, Provider, Transaction},
        resource::{Change, Step, prepare, step},
        resources::{gem_package::GemPackage, package},
        values::Words,
    };

    #[test]
    fn only_what_differs_is_in_the_transaction() {
        let names = Words::from(["a", "b", "c"]);
        let versions = Words::from(["", "2", ""]);
        let selection = Selection::new(&names, Some(&versions), Transaction::new(Provider::Platform));
        let package = |presence| Package { presence, held: false, answers_differ: false, mark: Mark::Plain };
        let state = |states: [Presence; 3]| Presences(names.0.iter().cloned().zip(states.map(package)).collect());
        let from = state([Presence::Absent, Presence::Version("1".to_owned()), Presence::Version("7".to_owned())]);
        let to = state([Presence::Installed, Presence::Version("2".to_owned()), Presence::Installed]);
        let ops = selection.ops(&Change { from, to, event: None });
        let [Op::Packages(transaction)] = ops.as_slice() else { panic!("{ops:?}") };
        let specs: Vec<_> = transaction.install.iter().map(|s| (s.name.as_str(), s.version.as_deref())).collect();
        assert_eq!(specs, [("a", None), ("b", Some("2"))]);
        assert!(transaction.remove.is_empty() && transaction.purge.is_empty());
    }

    #[test]
    fn what_is_newer_than_the_lists_said_is_an_upgrade_too() {
        let machine = |version: &str| Fake::debian("12").with_installed("a", version).with_candidate("a", "2.0");
        for bounds in [None, Some("< 3")] {
            let mut package = package::Package::named("a");
            if let Some(bounds) = bounds {
                package = package.version(bounds);
            }
            let before = machine("1.0");
            let pending = prepare(&package, package::Upgrade, false, &before).unwrap().unwrap();
            assert!(pending.verify(&machine("2.1")).is_ok() && pending.verify(&machine("2.0")).is_ok(), "{bounds:?}");
            assert!(pending.verify(&machine("1.9")).is_err(), "{bounds:?}");
        }
    }

    #[test]
    fn all_versions_of_a_gem_that_meet_bounds_go() {
        let by = Provider::Gem { binary: None, source: None };
        let machine = ["12.0", "13.0.0", "13.1"]
            .into_iter()
            .fold(Fake::debian("12"), |machine, version| machine.with_installed_by(&by, "rake", version));
        let gone = |version: &str| {
            let mut dry = Dry::preflight(&machine);
            let gem = GemPackage::named("rake").version(version);
            match step(&gem, crate::resources::gem_package::Remove, &mut dry).unwrap() {
                Step::UpToDate => "nothing".to_owned(),
                Step::Changed(changed) => format!("{}: {}", changed.fields[0], dry.operations().len()),
            }
        };
        assert_eq!(gone("~> 13"), "rake 13.0.0, 13.1 -> removed: 2");
        assert_eq!(gone("13"), "rake 13.0.0 -> removed: 1");
        assert_eq!(gone("~> 14"), "nothing");
    }

    #[test]
    fn an_rpm_is_known_without_epoch_and_release() {
        let names = Words::from("a");
        let dnf = Selection::new(&names, None, Transaction::new(Provider::Dnf));
        for pin in ["1:2.3-4.el9", "2.3-4.el9", "2.3", "1:2.3"] {
            assert!(dnf.matches(pin, "1:2.3-4.el9"), "{pin}");
        }
        assert!(!dnf.matches("2", "1:2.3-4.el9"));
        let apt = Selection::new(&names, None, Transaction::new(Provider::Apt));
        assert!(apt.matches("2.3-4", "2.3-4") && !apt.matches("2.3", "2.3-4"));
    }
}
