//! What a transaction still has to change, and what it has left undone.
use super::{
    super::{Context, refused_downgrade},
    MARK, REMOVE, VERSIONLOCK, groups,
    held::{Held, with_architecture},
    program::Program,
    quoted, states, versions,
};
use crate::{
    Error, Result,
    host::{PackageChange, PackageSpec, PackageState, Pin, Scheme, Transaction, versions::rpm::compare},
};

/// What is left to do.
#[derive(Debug)]
pub struct Work {
    install: Vec<PackageSpec>,
    before: Vec<PackageState>,
    remove: Vec<String>,
    pub hold: Vec<String>,
    pub release: Vec<String>,
    /// To mark as asked for, and as come along with others.
    manual: Vec<String>,
    automatic: Vec<String>,
}

impl Work {
    /// Leaves out what is in the state asked for: dnf would upgrade an installed package, add a second provider of a
    /// capability, and put in an older version without being asked.
    pub fn needed(context: &Context<'_>, transaction: &Transaction) -> Result<Self> {
        let mut remove: Vec<String> = Vec::new();
        for name in transaction.remove.iter().chain(&transaction.purge) {
            if !remove.contains(name) {
                remove.push(name.clone());
            }
        }
        let names: Vec<String> =
            transaction.install.iter().map(|spec| spec.name.clone()).chain(remove.clone()).collect();
        if let Some(name) = transaction.hold.iter().chain(&transaction.release).next() {
            Program::of(context.root)?.lacks(&format!("hold `{name}` at its version, or release it"))?;
        }
        let mut states = states(context, &names, None)?.into_iter();
        let held = Held::of(context.root)?;
        let locks = |names: &[String], done| names.iter().filter(|name| held.holds(name) != done).cloned().collect();
        let mut work = Self {
            install: Vec::new(),
            before: Vec::new(),
            remove: Vec::new(),
            hold: locks(&transaction.hold, true),
            release: locks(&transaction.release, false),
            manual: differently_marked(context, &transaction.manual, false)?,
            automatic: differently_marked(context, &transaction.automatic, true)?,
        };
        for (spec, state) in transaction.install.iter().zip(states.by_ref()) {
            let mut spec = spec.clone();
            spec.version = wanted(context, &spec, &state)?;
            let satisfied = match (&spec.version, &state.version) {
                (Some(asked), Some(installed)) => {
                    let met = state.versions.iter().any(|one| meets(asked, one));
                    if !met && !transaction.allow_downgrade && compare(asked, installed).is_lt() {
                        return Err(refused_downgrade(&spec.name, installed, asked));
                    }
                    met
                }
                (None, None) => state.provided_by.is_some(),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if !satisfied {
                work.install.push(spec);
                work.before.push(state);
            }
        }
        // What is to come is marked by that as asked for.
        let comes = |name: &&String| work.install.iter().any(|spec| spec.name == **name);
        let coming: Vec<String> = transaction.automatic.iter().filter(comes).cloned().collect();
        work.automatic.retain(|name| !coming.contains(name));
        work.automatic.extend(coming);
        work.remove =
            remove.into_iter().zip(states).filter(|(_, state)| state.version.is_some()).map(|(name, _)| name).collect();
        Ok(work)
    }

    pub fn calls(&self, program: Program) -> Vec<(&'static str, Vec<String>)> {
        let word = |name: &String| groups::word(program, name);
        let argument = |spec: &PackageSpec| if groups::is(&spec.name) { word(&spec.name) } else { argument(spec) };
        let mut calls = Vec::new();
        if !self.remove.is_empty() {
            calls.push((REMOVE, self.remove.iter().map(word).collect()));
        }
        // `install` leaves an installed name alone on dnf 5 where it would upgrade it on dnf 4.
        let (upgrade, install): (Vec<_>, Vec<_>) = self
            .install
            .iter()
            .zip(&self.before)
            .partition(|(spec, before)| spec.version.is_none() && before.version.is_some());
        for (verb, specs) in [("install", install), ("upgrade", upgrade)] {
            if !specs.is_empty() {
                calls.push((verb, specs.into_iter().map(|(spec, _)| argument(spec)).collect()));
            }
        }
        calls
    }

    /// The names of all that comes or goes, as they were asked for.
    pub fn names(&self) -> Vec<String> {
        self.install.iter().map(|spec| &spec.name).chain(&self.remove).cloned().collect()
    }

    pub fn installs(&self) -> bool {
        !self.install.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        let lists = [&self.remove, &self.hold, &self.release, &self.manual, &self.automatic];
        self.install.is_empty() && lists.iter().all(|names| names.is_empty())
    }

    /// Groups that come and go: no package's version tells of them.
    pub fn groups(&self) -> Vec<PackageChange> {
        let there = || Some(groups::INSTALLED.to_owned());
        let change = |name: &String, from, to| PackageChange { name: name.clone(), from, to };
        let come = self.install.iter().map(|spec| &spec.name).filter(|name| groups::is(name));
        let go = self.remove.iter().filter(|name| groups::is(name));
        come.map(|name| change(name, None, there())).chain(go.map(|name| change(name, there(), None))).collect()
    }

    pub fn locks(&self, verb: &str, names: &[String]) -> Option<(&'static str, Vec<String>)> {
        let words = [verb.to_owned()].into_iter().chain(names.iter().cloned());
        (!names.is_empty()).then(|| (VERSIONLOCK, words.collect()))
    }

    pub fn marks(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        let marks = [("user", &self.manual), ("dependency", &self.automatic)].into_iter();
        let marks = marks.filter(|(_, names)| !names.is_empty());
        marks.map(|(word, names)| (MARK, [word.to_owned()].into_iter().chain(names.iter().cloned()).collect()))
    }

    /// What was not done of it, and the groups of which something was.
    pub fn left(&self, context: &Context<'_>) -> Result<(Vec<String>, Vec<PackageChange>)> {
        let names: Vec<String> = self.install.iter().map(|spec| spec.name.clone()).chain(self.remove.clone()).collect();
        let mut states = states(context, &names, None)?.into_iter();
        let mut left = Vec::new();
        for (spec, state) in self.install.iter().zip(states.by_ref()) {
            match (&spec.version, &state.version) {
                (_, None) if !(spec.version.is_none() && state.provided_by.is_some()) => {
                    left.push(format!("`{}` is not installed", spec.name));
                }
                (Some(asked), Some(installed)) if !state.versions.iter().any(|one| meets(asked, one)) => {
                    left.push(format!("`{}` has version `{installed}`, not `{asked}`", spec.name));
                }
                (None | Some(_), None | Some(_)) => {}
            }
        }
        for (name, state) in self.remove.iter().zip(states) {
            if state.version.is_some() {
                left.push(format!("`{name}` is still installed"));
            }
        }
        let held = Held::of(context.root)?;
        left.extend(self.hold.iter().filter(|name| !held.holds(name)).map(|name| format!("`{name}` is not held")));
        for name in &self.release {
            // A pattern is left: it may be there for others.
            left.extend(
                held.by(name).map(|entry| format!("`{name}` is still held, by `{entry}` in the list of versionlock")),
            );
        }
        for (names, automatic, word) in [(&self.manual, false, "user"), (&self.automatic, true, "dependency")] {
            let differ = differently_marked(context, names, automatic)?.into_iter();
            left.extend(differ.map(|name| format!("`{name}` is not marked as `{word}`")));
        }
        let mut groups = self.groups();
        groups.retain(|group| !left.iter().any(|text| text.starts_with(&format!("`{}` ", group.name))));
        Ok((left, groups))
    }
}

/// `NAME`, `NAME-VERSION`, or with an architecture `NAME-VERSION-RELEASE.ARCH`, which dnf knows in no other order.
fn argument(spec: &PackageSpec) -> String {
    let (Some(version), None) = (&spec.version, &spec.file) else { return spec.joined("-") };
    let (name, architecture) = with_architecture(&spec.name);
    // One of several versions is called by its own.
    if name.strip_suffix(version.as_str()).is_some_and(|rest| rest.ends_with('-')) {
        return spec.name.clone();
    }
    match architecture {
        Some(architecture) if version.contains('-') => format!("{name}-{version}.{architecture}"),
        Some(architecture) => format!("{name}-{version}-*.{architecture}"),
        None => spec.joined("-"),
    }
}

/// Those of some packages that are installed and not marked so.
fn differently_marked(context: &Context<'_>, names: &[String], automatic: bool) -> Result<Vec<String>> {
    let states = states(context, names, None)?.into_iter();
    let differs = |(_, state): &(&String, PackageState)| state.version.is_some() && state.automatic != automatic;
    Ok(names.iter().zip(states).filter(differs).map(|(name, _)| name.clone()).collect())
}

/// The version to ask for: of bounds the newest on offer that meets them.
fn wanted(context: &Context<'_>, spec: &PackageSpec, now: &PackageState) -> Result<Option<String>> {
    let Some(text) = spec.version.as_ref().filter(|_| !groups::is(&spec.name)) else { return Ok(None) };
    let pin: Pin = text.parse().map_err(|why| Error::failed(format!("package `{}`: {why}", spec.name)))?;
    if let Some(exact) = pin.exact() {
        return Ok(Some(exact.to_owned()));
    }
    let mut versions = versions(context, &spec.name)?;
    versions.extend(now.versions.iter().cloned());
    let newest = pin.newest(&versions, Scheme::Rpm).cloned();
    if newest.is_none() && !versions.is_empty() {
        versions.sort_by(|left, right| compare(left, right));
        versions.dedup();
        return Err(Error::failed(format!(
            "package `{}` is not on offer in version `{text}`, only in {}",
            spec.name,
            quoted(&versions)
        ))
        .hint("correct the version, or add the repository that has it before the package"));
    }
    // What no repository has is said when it is installed.
    Ok(Some(newest.unwrap_or_else(|| text.clone())))
}

/// Whether an installed version is the one asked for.
fn meets(asked: &str, installed: &str) -> bool {
    asked.parse::<Pin>().is_ok_and(|pin| pin.meets(installed, Scheme::Rpm))
}
