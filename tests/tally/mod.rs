//! How many golden cases pass, group by group. Each test that has some prints a line `golden GROUP: PASSED of ALL` for each of
//! its groups; `cargo xtask bench golden` puts them together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The cases of one part of `tests/golden`, counted.
pub struct Tally {
    part: &'static str,
    /// Those that `differences.md` gives a reason for.
    on_purpose: BTreeSet<String>,
    groups: BTreeMap<String, Group>,
    differing: BTreeSet<String>,
    wrong: Vec<String>,
}

#[derive(Default)]
struct Group {
    passed: usize,
    all: usize,
}

impl Tally {
    /// Nothing counted yet of this part, which is a heading of `differences.md` if any case of it differs.
    pub fn of(part: &'static str) -> Self {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/differences.md");
        let page = fs::read_to_string(page).expect("differences.md is there");
        let section = page.split("\n## ").find(|section| section.lines().next() == Some(part)).unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let on_purpose = rows.map(|(name, _)| name.to_owned()).collect();
        Self { part, on_purpose, groups: BTreeMap::new(), differing: BTreeSet::new(), wrong: Vec::new() }
    }

    /// Counts a case, and how it differs from what it should be, if it does.
    pub fn count(&mut self, group: &str, name: &str, difference: Option<String>) {
        let group = self.groups.entry(group.to_owned()).or_default();
        group.all += 1;
        match difference {
            None => group.passed += 1,
            Some(difference) => {
                self.differing.insert(name.to_owned());
                if !self.on_purpose.contains(name) {
                    self.wrong.push(format!("{name}:\n{difference}"));
                }
            }
        }
    }

    /// Prints the figures. Fails when a case differs without a reason, or when one is said to differ that does not, or when
    /// there are not `all` of them.
    pub fn finish(self, all: usize) {
        let Self { part, on_purpose, groups, differing, wrong } = self;
        for (name, Group { passed, all }) in &groups {
            println!("golden {part}/{name}: {passed} of {all}");
        }
        assert!(wrong.is_empty(), "{} cases differ without a reason:\n{}", wrong.len(), wrong.join("\n"));
        let stale: Vec<_> = on_purpose.difference(&differing).collect();
        assert!(stale.is_empty(), "differences.md names cases that do not differ, or are not there: {stale:?}");
        assert_eq!(groups.values().map(|group| group.all).sum::<usize>(), all, "cases of `{part}`");
    }
}
