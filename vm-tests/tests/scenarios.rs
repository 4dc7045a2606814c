//! Every scenario in `scenarios/`: converged twice, and after a reboot.

use std::collections::BTreeSet;

use lab::scenario;

fn run(name: &str) {
    let started = std::time::Instant::now();
    let mut tell = |what: &str| lab::announce(&format!("{name}: {:.0} s: {what}", started.elapsed().as_secs_f64()));
    if let Err(why) = scenario::run(name, &mut tell) {
        panic!("{name}: {why}");
    }
}

macro_rules! scenarios {
    ($($test:ident = $name:literal),* $(,)?) => {
        const TESTED: &[&str] = &[$($name),*];

        $(#[test]
        fn $test() {
            run($name);
        })*
    };
}

scenarios!(article = "article", debian_12 = "debian-12", debian_13 = "debian-13", el_9 = "el-9", fedora = "fedora");

#[test]
fn each_folder_is_run() {
    let folders: BTreeSet<_> = scenario::names().expect("they can be read").into_iter().collect();
    assert_eq!(folders, TESTED.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn a_scenario_that_is_not_there_is_told_with_those_that_are() {
    let why = scenario::run("debain-12", &mut |_| {}).expect_err("there is none");
    assert!(why.starts_with("there is no scenario `debain-12`; there are ") && why.contains("debian-12"), "{why}");
}
