//! What comes and goes, by names that tell packages apart: of one name there may be several, for other architectures or, as
//! of a kernel, in several versions.
use std::collections::BTreeMap;

use super::query::{Installed, newest};
use crate::host::PackageChange;

/// A row of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub package: Installed,
    pub does: Does,
}

/// What becomes of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It comes, beside what is there of its name.
    Come,
    /// It comes in the place of what is there of its name.
    Replace,
    Go,
}

impl Row {
    pub fn comes(&self) -> bool {
        self.does != Does::Go
    }
}

/// What differs between two moments.
pub fn between(before: &[Installed], after: &[Installed]) -> Vec<PackageChange> {
    differing(before, after).into_iter().map(|(_, change)| change).collect()
}

/// What a plan would change. A package is called as it was `asked` for: by that it is looked up later.
pub fn planned(rows: &[Row], before: &[Installed], asked: &[String]) -> Vec<PackageChange> {
    let after = carried_out(rows, before);
    let mut all = differing(before, &after);
    all.sort_by_key(|(package, _)| rows.iter().position(|row| row.package.name == package.name));
    for name in asked {
        let version =
            |packages: &[Installed]| newest(packages.iter().filter(|one| one.answers(name))).map(Installed::version);
        let (from, to) = (version(before), version(&after));
        if from == to || all.iter().any(|(_, change)| change.name == *name) {
            continue;
        }
        let change = PackageChange { name: name.clone(), from, to };
        let meant = newest(all.iter().map(|(package, _)| package).filter(|package| package.answers(name))).cloned();
        let Some(meant) = meant else { continue };
        match all.iter_mut().find(|(package, known)| *package == meant && !asked.contains(&known.name)) {
            Some((_, known)) => *known = change,
            None => all.push((meant, change)),
        }
    }
    all.into_iter().map(|(_, change)| change).collect()
}

/// What is installed once a plan is carried out.
fn carried_out(rows: &[Row], before: &[Installed]) -> Vec<Installed> {
    let mut after = before.to_vec();
    for Row { package, does } in rows {
        match does {
            Does::Come => {}
            Does::Replace => after.retain(|one| !package.replaces(one)),
            Does::Go => after.retain(|one| one != package),
        }
    }
    let come = rows.iter().filter(|row| row.comes()).map(|row| &row.package);
    after.extend(come.cloned());
    after
}

/// What differs, with the package that has come or else has gone.
fn differing(before: &[Installed], after: &[Installed]) -> Vec<(Installed, PackageChange)> {
    let mut by_name: BTreeMap<&str, [Vec<&Installed>; 2]> = BTreeMap::new();
    for (moment, packages) in [before, after].into_iter().enumerate() {
        packages.iter().for_each(|one| by_name.entry(&one.name).or_default()[moment].push(one));
    }
    // Keys that signatures are checked by.
    by_name.remove("gpg-pubkey");
    let mut all = Vec::new();
    let mut tell = |name: String, from: Option<&Installed>, to: Option<&Installed>| {
        let version = |one: Option<&Installed>| one.map(Installed::version);
        let change = PackageChange { name, from: version(from), to: version(to) };
        if let Some(package) = to.or(from).filter(|_| change.from != change.to) {
            all.push((package.clone(), change));
        }
    };
    for (name, [before, after]) in by_name {
        if before.len() <= 1 && after.len() <= 1 {
            tell(name.to_owned(), before.first().copied(), after.first().copied());
            continue;
        }
        let mut architectures: Vec<&str> = before.iter().chain(&after).map(|one| one.architecture()).collect();
        architectures.sort_unstable();
        architectures.dedup();
        for architecture in &architectures {
            let end = if architectures.len() > 1 { format!(".{architecture}") } else { String::new() };
            let of = |packages: &[&Installed]| -> Vec<Installed> {
                packages.iter().filter(|one| one.architecture() == *architecture).map(|one| (*one).clone()).collect()
            };
            let (old, new) = (of(&before), of(&after));
            if old.len() <= 1 && new.len() <= 1 {
                tell(format!("{name}{end}"), old.first(), new.first());
                continue;
            }
            let one = |package: &Installed| format!("{name}-{}{end}", package.version());
            old.iter().filter(|package| !new.contains(package)).for_each(|gone| tell(one(gone), Some(gone), None));
            new.iter().filter(|package| !old.contains(package)).for_each(|come| tell(one(come), None, Some(come)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Does, Row, between, planned};
    use crate::host::{
        PackageChange,
        real::packages::dnf::query::{Installed, parse},
    };

    fn packages(words: &[&str]) -> Vec<Installed> {
        let line = |word: &&str| {
            let [name, version, architecture] = word.split(' ').collect::<Vec<_>>()[..] else { panic!("{word}") };
            format!("=\t{name}\t0\t{version}\t1\t{architecture}\n")
        };
        parse(&words.iter().map(line).collect::<String>())
    }

    fn told(changes: Vec<PackageChange>) -> Vec<String> {
        let version = |version: Option<String>| version.unwrap_or_else(|| "-".to_owned());
        changes.into_iter().map(|c| format!("{} {} {}", c.name, version(c.from), version(c.to))).collect()
    }

    #[test]
    fn packages_of_one_name_are_told_apart() {
        let both = ["lib 1 i686", "lib 1 x86_64"];
        for (before, after, changes) in [
            (&["lib 1 x86_64"][..], &["lib 2 x86_64"][..], &["lib 1-1 2-1"][..]),
            (&["lib 1 noarch"], &["lib 2 x86_64"], &["lib 1-1 2-1"]),
            (&[], &["lib 1 i686"], &["lib - 1-1"]),
            (&["lib 1 x86_64"], &both, &["lib.i686 - 1-1"]),
            (&both, &["lib 1 x86_64"], &["lib.i686 1-1 -"]),
            (&both, &[], &["lib.i686 1-1 -", "lib.x86_64 1-1 -"]),
            (&both, &["lib 2 i686", "lib 2 x86_64"], &["lib.i686 1-1 2-1", "lib.x86_64 1-1 2-1"]),
            (&["k 1 x86_64"], &["k 1 x86_64", "k 2 x86_64"], &["k-2-1 - 2-1"]),
            (&["k 1 x86_64", "k 2 x86_64"], &["k 2 x86_64", "k 3 x86_64"], &["k-1-1 1-1 -", "k-3-1 - 3-1"]),
            (&["gpg-pubkey 1 (none)"], &["gpg-pubkey 1 (none)", "gpg-pubkey 2 (none)"], &[]),
        ] {
            assert_eq!(told(between(&packages(before), &packages(after))), changes, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_plan_calls_packages_as_they_were_asked_for() {
        use Does::{Come, Go, Replace};
        let both = &["lib 1 i686", "lib 1 x86_64"][..];
        for (rows, before, asked, changes) in [
            (&[(Replace, "lib 2 x86_64")][..], &["lib 1 x86_64"][..], &["lib.x86_64"][..], &["lib.x86_64 1-1 2-1"][..]),
            (&[(Come, "lib 1 i686")], &["lib 1 x86_64"], &["lib.i686"], &["lib.i686 - 1-1"]),
            // What comes along is not what the name means.
            (&[(Come, "lib 1 i686")], &["lib 1 x86_64"], &["lib"], &["lib.i686 - 1-1"]),
            (&[(Go, "lib 1 i686"), (Go, "lib 1 x86_64")], both, &["lib"], &["lib.i686 1-1 -", "lib 1-1 -"]),
            (
                &[(Replace, "lib 2 x86_64")],
                &["lib 1 x86_64"],
                &["lib", "lib.x86_64"],
                &["lib 1-1 2-1", "lib.x86_64 1-1 2-1"],
            ),
            // The older kernel stays, and what is asked for is the newest.
            (
                &[(Come, "k 2 x86_64"), (Come, "k-core 2 x86_64")],
                &["k 1 x86_64", "k-core 1 x86_64"],
                &["k"],
                &["k 1-1 2-1", "k-core-2-1 - 2-1"],
            ),
        ] {
            let rows: Vec<Row> =
                rows.iter().map(|(does, word)| Row { package: packages(&[word]).remove(0), does: *does }).collect();
            let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(told(planned(&rows, &packages(before), &asked)), changes, "{rows:?}");
        }
    }
}
