//! A machine with a cookbook that a scenario writes anew as it goes.

use std::collections::BTreeSet;

use crate::binary::binary;
use crate::command::Output;
use crate::container::{Container, ContainerOptions};
use crate::error::Result;
use crate::vm::Vm;

/// Where the recipe is.
pub const RECIPE: &str = "/etc/brasa/cookbooks/site/recipes/default.yml";

/// Where a cookbook can be converged.
pub trait Machine {
    /// Writes a file, making the directories above it.
    fn put(&self, path: &str, content: &str);

    /// Runs the program to its end.
    fn brasa(&self, words: &[&str]) -> Output;
}

impl Machine for Container {
    #[track_caller]
    fn put(&self, path: &str, content: &str) {
        self.write(path, content);
    }

    #[track_caller]
    fn brasa(&self, words: &[&str]) -> Output {
        self.run(["brasa"].iter().chain(words))
    }
}

impl Machine for Vm {
    #[track_caller]
    fn put(&self, path: &str, content: &str) {
        self.write(path, content);
    }

    #[track_caller]
    fn brasa(&self, words: &[&str]) -> Output {
        self.run(["brasa"].iter().chain(words))
    }
}

/// Starts a container with the program, and a cookbook that is still to be written.
///
/// # Errors
/// As [`ContainerOptions::start`].
pub fn site(options: ContainerOptions) -> Result<Container> {
    let machine = options.brasa(binary()?).start()?;
    prepare_site(&machine);
    Ok(machine)
}

/// Writes the settings of the cookbook that is still to be written.
///
/// # Panics
/// As [`Container::run`].
#[track_caller]
pub fn prepare_site(machine: &impl Machine) {
    machine.put("/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.put("/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.put("/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
}

/// Converges these resources, given as YAML.
///
/// # Panics
/// As [`Container::run`].
#[track_caller]
pub fn converge(machine: &impl Machine, resources: &str) -> Output {
    machine.put(RECIPE, &format!("resources:\n{resources}"));
    machine.brasa(&["converge", "--detailed-exitcode"])
}

/// Says what converging these resources, given as YAML, would change.
///
/// # Panics
/// As [`Container::run`], and if it fails.
#[track_caller]
pub fn plan(machine: &impl Machine, resources: &str) -> Output {
    machine.put(RECIPE, &format!("resources:\n{resources}"));
    machine.brasa(&["plan"]).success()
}

/// Converges twice: the first run changes something, and just what a plan said before; the second nothing.
///
/// # Panics
/// If it is otherwise.
#[track_caller]
pub fn settle(machine: &impl Machine, resources: &str) -> Output {
    let planned = plan(machine, resources);
    let first = converge(machine, resources).exits(2);
    converge(machine, resources).success();
    let (will, may) = foreseen(&planned.stdout);
    let done = done(&first.stdout);
    let unkept: Vec<_> = will.difference(&done).collect();
    let unforeseen: Vec<_> = done.iter().filter(|step| !will.contains(*step) && !may.contains(*step)).collect();
    assert!(
        unkept.is_empty() && unforeseen.is_empty(),
        "planned and not done: {unkept:?}; done and not planned: {unforeseen:?}\n{planned}\n{first}"
    );
    first
}

/// What a line of a report is about, when it begins with a sign of change: `KIND[NAME] ACTION`.
fn change(line: &str) -> Option<&str> {
    ["  + ", "  ~ ", "  - "].iter().find_map(|sign| line.strip_prefix(sign))
}

/// What a plan says will be changed, and what may be, or is not known.
fn foreseen(plan: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let of = |word: &str| -> BTreeSet<&str> {
        let lines = plan.lines().filter_map(change).filter_map(|line| line.strip_prefix(word));
        lines.map(str::trim_start).collect()
    };
    let unknown = plan.lines().filter_map(|line| line.strip_prefix("  ? unknown")).map(str::trim_start);
    (of("will "), of("may ").into_iter().chain(unknown).collect())
}

/// What a run has changed.
fn done(report: &str) -> BTreeSet<&str> {
    report.lines().filter_map(change).collect()
}

/// The number of the last run that changed something, as people type it.
///
/// # Panics
/// As [`Container::run`], and if there was none.
#[track_caller]
pub fn last_run(machine: &impl Machine) -> String {
    let history = machine.brasa(&["history"]).success().stdout;
    let mut numbers = history.lines().filter_map(|line| line.split_whitespace().next()).filter(|word| *word != "-");
    numbers.next_back().expect("a run that changed something").to_owned()
}

/// The whole life of what is declared: a plan, converged just so, converged again without a change; each drift, repaired; the
/// repair taken back and done again; the first run taken back; and that taken back. `look` is a script that shows what it is about
/// as those see it who use it.
///
/// # Panics
/// If it is otherwise.
#[track_caller]
pub fn cycle(machine: &Container, resources: &str, look: &str, drifts: &[&str]) {
    let seen = || machine.sh(&format!("exec 2>&1; {look}")).stdout;
    let undo = |run: &str| machine.brasa(&["undo", run]).success();
    let before = seen();
    settle(machine, resources);
    let run = last_run(machine);
    let after = seen();
    assert_ne!(before, after, "nothing is seen of it\n{resources}");
    for drift in drifts {
        machine.sh(drift).success();
        let drifted = seen();
        assert_ne!(drifted, after, "`{drift}` is not seen\n{resources}");
        settle(machine, resources);
        assert_eq!(seen(), after, "`{drift}` is not repaired\n{resources}");
        undo("last");
        assert_eq!(seen(), drifted, "the repair of `{drift}` is not taken back\n{resources}");
        undo("last");
        assert_eq!(seen(), after, "the repair of `{drift}` is not done again\n{resources}");
    }
    undo(&run);
    assert_eq!(seen(), before, "the first run is not taken back\n{resources}");
    undo("last");
    assert_eq!(seen(), after, "the undo is not taken back\n{resources}");
    converge(machine, resources).success();
}
