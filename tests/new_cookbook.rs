//! What `brasa new cookbook` writes compiles, and its own tests pass.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

fn brasa(directory: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_brasa")).args(words).current_dir(directory).output().expect("brasa runs")
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn one_in_data_is_checked_and_its_test_passes() {
    let directory = TempDir::new().expect("there is room for a directory");
    let told = succeeded(&brasa(directory.path(), &["new", "cookbook", "my-site"]));
    assert!(told.contains("made ./my-site/recipes/default.yml\n"), "{told}");
    let cookbook = directory.path().join("my-site");
    let checked = succeeded(&brasa(&cookbook, &["check", "-c", "test/solo.rb", "-j", "test/dna.json", "-N", "test"]));
    assert_eq!(checked, "no fault found: 1 recipes, 3 resources\n");

    let bin = Path::new(env!("CARGO_BIN_EXE_brasa")).parent().expect("a binary is in a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let own = || Command::new("sh").arg(cookbook.join("test/run")).env("PATH", &path).output().expect("sh runs");
    assert_eq!(succeeded(&own()), "my-site declares what test/expected says\n");
    let recipe = cookbook.join("recipes/default.yml");
    let text = fs::read_to_string(&recipe).expect("the recipe is there").replace("/etc/motd", "/etc/issue");
    fs::write(&recipe, text).expect("the recipe can be changed");
    assert!(!own().status.success(), "the test does not see that the recipe has changed");
}

#[test]
fn one_in_rust_compiles_and_its_test_passes() {
    let directory = TempDir::new().expect("there is room for a directory");
    succeeded(&brasa(directory.path(), &["new", "cookbook", "my-site", "--rust"]));
    let cookbook = directory.path().join("my-site");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::copy(here.join("Cargo.lock"), cookbook.join("Cargo.lock")).expect("the lock file can be copied");
    let target = Path::new(env!("CARGO_BIN_EXE_brasa")).ancestors().nth(2).expect("a binary is in a target directory");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--offline"]).current_dir(&cookbook).env("CARGO_TARGET_DIR", target);
    // The engine is this one, compiled as this workspace compiles it, so that nothing is compiled twice.
    for setting in [
        format!("patch.crates-io.brasa.path={:?}", here.join("engine")),
        "profile.dev.debug=\"line-tables-only\"".to_owned(),
        "profile.dev.package.sha2.opt-level=3".to_owned(),
    ] {
        cargo.args(["--config", &setting]);
    }
    let said = succeeded(&cargo.output().expect("cargo runs"));
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::create_dir(directory.path().join("there")).expect("a directory can be made");
    for (words, said) in [
        (["new", "cookbook", "there"], "error: `./there` is there already; nothing was written\n"),
        (["new", "cookbook", "There"], "error: `There` is no name for a cookbook\n"),
        (["new", "cookbook", "../x"], "error: `../x` is no name for a cookbook\n"),
    ] {
        let output = brasa(directory.path(), &words);
        assert_eq!(output.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(said), "{output:?}");
    }
    assert_eq!(fs::read_dir(directory.path().join("there")).expect("it is there").count(), 0);
}
