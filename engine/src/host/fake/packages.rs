use std::{cmp::Ordering, collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Brings;
use crate::{
    Error, Result,
    host::{Candidate, PackageChange, PackageSpec, PackageState, Pin, Scheme, Transaction},
    values::{Digest, Seconds},
};

/// What one package manager knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Packages {
    pub(super) installed: BTreeMap<String, PackageState>,
    pub(super) available: BTreeMap<String, Available>,
    /// What the repositories offer only after the lists were refreshed.
    pub(super) after_update: BTreeMap<String, Available>,
    /// Real packages by the virtual name that they provide.
    pub(super) provides: BTreeMap<String, Vec<String>>,
    /// Seconds since the lists were refreshed.
    pub(super) lists_age: Option<Seconds>,
    /// There are lists, and nobody knows how old they are.
    pub(super) undated_lists: bool,
    /// What the sources have is read, whatever the age of the lists.
    pub(super) readable_sources: bool,
    /// Files of sources whose lists were fetched, with what they said then.
    pub(super) fetched: BTreeMap<PathBuf, Digest>,
    /// What installing a package puts on the machine.
    pub(super) brings: BTreeMap<String, Brings>,
    /// What comes along with others is marked so.
    pub(super) marks_automatic: bool,
    /// Whether versions lie side by side (gems).
    pub(super) side_by_side: bool,
}

/// A package in a repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Available {
    /// Versions, the candidate last.
    pub(super) versions: Vec<String>,
    /// Names that come along.
    pub(super) depends: Vec<String>,
}

impl Packages {
    pub(super) fn state(&self, name: &str) -> PackageState {
        let state = self.installed.get(name).cloned().unwrap_or_default();
        if state.version.is_some() || state.broken.is_some() {
            return state;
        }
        let provider = self.provides.get(name).into_iter().flatten().find(|real| self.has(real));
        PackageState { provided_by: provider.cloned(), ..state }
    }

    fn has(&self, name: &str) -> bool {
        self.installed.get(name).is_some_and(|state| state.version.is_some())
    }

    /// A virtual name has a candidate only where one package alone provides it: else a package manager does not choose.
    pub(super) fn candidate(&self, name: &str) -> Option<Candidate> {
        let newest = |name: &str| {
            let version = self.available.get(name)?.versions.last()?.clone();
            Some(Candidate { name: name.to_owned(), version })
        };
        newest(name).or_else(|| match self.provides.get(name)?.as_slice() {
            [only] => newest(only),
            [] | [_, ..] => None,
        })
    }

    /// Carries out a transaction, or fails before anything has happened.
    pub(super) fn carry_out(&mut self, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let mut after = self.clone();
        let mut changes = Vec::new();
        after.hold(&transaction.release, false)?;
        for spec in &transaction.install {
            after.install(spec, transaction.allow_downgrade, &mut changes)?;
        }
        for name in &transaction.remove {
            after.remove(name, false, &mut changes);
        }
        for name in &transaction.purge {
            after.remove(name, true, &mut changes);
        }
        after.hold(&transaction.hold, true)?;
        for (names, automatic) in [(&transaction.manual, false), (&transaction.automatic, true)] {
            for name in names {
                after.installed_mut(name)?.automatic = automatic;
            }
        }
        *self = after;
        Ok(changes)
    }

    fn hold(&mut self, names: &[String], held: bool) -> Result<()> {
        for name in names {
            self.installed_mut(name)?.held = held;
        }
        Ok(())
    }

    fn installed_mut(&mut self, name: &str) -> Result<&mut PackageState> {
        let state = self.installed.get_mut(name).filter(|state| state.version.is_some());
        state.ok_or_else(|| Error::Missing {
            kind: "package",
            name: name.to_owned(),
            why: Some("it is not installed".into()),
        })
    }

    fn install(&mut self, spec: &PackageSpec, downgrade: bool, changes: &mut Vec<PackageChange>) -> Result<()> {
        let missing = |why: Option<String>| Error::Missing { kind: "package", name: spec.name.clone(), why };
        let candidate = self.candidate(&spec.name).ok_or_else(|| missing(None))?;
        let offered = self.available.get(&candidate.name).cloned().unwrap_or_default();
        let version = match &spec.version {
            None => candidate.version,
            Some(version) => {
                let pin: Pin = version.parse().map_err(Error::failed)?;
                let scheme = if self.side_by_side { Scheme::Gem } else { Scheme::Debian };
                let among = format!("version `{version}` is not among `{}`", offered.versions.join("`, `"));
                pin.newest(&offered.versions, scheme).ok_or_else(|| missing(Some(among)))?.clone()
            }
        };
        let name = candidate.name;
        let mut state = self.installed.get(&name).cloned().unwrap_or_default();
        state.automatic = false;
        if state.versions.contains(&version) {
            // One that was left unconfigured is finished, which no package manager calls an installation.
            if state.broken.take().is_some() {
                self.installed.insert(name, state);
            }
            return Ok(());
        }
        if state.held {
            return Err(Error::failed(format!("package `{name}` is held at its version")));
        }
        if let Some(now) = &state.version
            && !self.side_by_side
            && !downgrade
            && compare(&version, now) == Ordering::Less
        {
            return Err(Error::failed(format!("package `{name}` would go back from `{now}` to `{version}`"))
                .hint("set `allow_downgrade true` if that is meant"));
        }
        for dependency in &offered.depends {
            if !self.state(dependency).present() {
                let spec = PackageSpec::any(dependency);
                self.install(&spec, downgrade, changes)?;
                if let (true, Some(state)) = (self.marks_automatic, self.installed.get_mut(dependency)) {
                    state.automatic = true;
                }
            }
        }
        changes.push(PackageChange { name: name.clone(), from: state.version.clone(), to: Some(version.clone()) });
        if !self.side_by_side {
            state.versions.clear();
        }
        state.versions.push(version);
        state.versions.sort_by(|a, b| compare(a, b));
        state.version = state.versions.last().cloned();
        state.config_files = false;
        state.broken = None;
        self.installed.insert(name, state);
        Ok(())
    }

    /// Removing takes along what depends on it; a name that is not installed is nothing to do.
    fn remove(&mut self, name: &str, purge: bool, changes: &mut Vec<PackageChange>) {
        let Some(state) = self.installed.remove(name) else { return };
        let needs = |(other, offered): (&String, &Available)| {
            (offered.depends.iter().any(|needed| needed == name) && self.has(other)).then(|| other.clone())
        };
        for dependant in self.available.iter().filter_map(needs).collect::<Vec<_>>() {
            self.remove(&dependant, purge, changes);
        }
        if state.version.is_some() {
            changes.push(PackageChange { name: name.to_owned(), from: state.version.clone(), to: None });
        }
        let leaves_files = state.config_files || self.brings.get(name).is_some_and(|brings| !brings.files.is_empty());
        if !purge && leaves_files {
            let left = PackageState { config_files: true, ..PackageState::default() };
            self.installed.insert(name.to_owned(), left);
        }
    }

    pub(super) fn refresh(&mut self) {
        self.lists_age = Some(Seconds(0));
        self.available.append(&mut self.after_update);
    }
}

/// Compares versions part by part, numbers as numbers: enough for versions made up for tests.
fn compare(a: &str, b: &str) -> Ordering {
    let parts = |version: &str| -> Vec<(u64, String)> {
        version
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(|part| {
                let digits = part.bytes().take_while(u8::is_ascii_digit).count();
                (part[..digits].parse().unwrap_or(0), part[digits..].to_owned())
            })
            .collect()
    };
    parts(a).cmp(&parts(b))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::compare;

    #[test]
    fn numbers_in_versions_are_numbers() {
        assert_eq!(compare("1.10.0", "1.9.0"), Ordering::Greater);
        assert_eq!(compare("1:9.18", "1:9.18"), Ordering::Equal);
        assert_eq!(compare("2.0", "2.0.1"), Ordering::Less);
    }
}
