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
    let told = succeeded(&brasa(directory.path(), &["new", "cookbook", "my-site", "--rust"]));
    assert!(told.ends_with("hand `my_site::cookbook()` to `brasa_cli::run`\n"), "{told}");
    let cookbook = directory.path().join("my-site");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The versions that this workspace uses, compiled as it compiles them: without a network, and nothing is compiled twice.
    fs::copy(here.join("Cargo.lock"), cookbook.join("Cargo.lock")).expect("the lock file can be copied");
    let target = Path::new(env!("CARGO_BIN_EXE_brasa")).ancestors().nth(2).expect("a binary is in a target directory");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--offline"]).current_dir(&cookbook).env("CARGO_TARGET_DIR", target);
    for setting in ["profile.dev.debug=\"line-tables-only\"", "profile.dev.package.sha2.opt-level=3"] {
        cargo.args(["--config", setting]);
    }
    let said = succeeded(&cargo.output().expect("cargo runs"));
    assert!(said.contains("1 passed"), "{said}");
}

/// What the manifest of a new cookbook says of the engine, and whether it stands alone.
fn manifest(directory: &Path, name: &str, words: &[&str]) -> (String, bool) {
    let words = [&["new", "cookbook", name, "--rust", "--quiet"], words].concat();
    assert_eq!(succeeded(&brasa(directory, &words)), "");
    let text = fs::read_to_string(directory.join(name).join("Cargo.toml")).expect("it was made");
    let engine: Vec<_> = text.lines().filter(|line| line.starts_with("brasa =")).collect();
    assert_eq!(engine.len(), 1, "{text}");
    let alone =
        text.ends_with("\n\n# Without this, cargo takes it for a member of the workspace around it.\n[workspace]\n");
    assert_eq!(alone, text.contains("workspace"), "{text}");
    (engine[0].to_owned(), alone)
}

#[test]
fn the_engine_is_the_one_that_is_asked_for_or_near() {
    let directory = TempDir::new().expect("there is room for a directory");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = format!("brasa = {{ path = \"{}\" }}", here.join("engine").display());
    assert_eq!(manifest(directory.path(), "near-the-program", &[]), (own.clone(), false));
    let asked = here.join("src/../engine").display().to_string();
    assert_eq!(manifest(directory.path(), "by-path", &["--engine", &asked]), (own, false));
    let address = "https://example.com/brasa.git";
    let git = format!("brasa = {{ git = \"{address}\" }}");
    assert_eq!(manifest(directory.path(), "by-address", &["--engine", address]), (git, false));

    // A copy of the sources elsewhere is nearer than the program's; a workspace there has this cookbook as a member, or not.
    fs::create_dir_all(directory.path().join("engine")).expect("a directory can be made");
    fs::write(directory.path().join("engine/Cargo.toml"), "[package]\nname = \"brasa\"\n").expect("it can be written");
    let members = "[workspace]\nmembers = [\"mine\", \"all/*\"]\nexclude = [\"other\"]\n";
    fs::write(directory.path().join("Cargo.toml"), members).expect("it can be written");
    let nearer = format!("brasa = {{ path = \"{}\" }}", directory.path().join("engine").display());
    for (path, name, alone) in
        [(".", "mine", false), ("all", "any", false), ("other", "any", false), (".", "any", true)]
    {
        fs::create_dir_all(directory.path().join(path)).expect("a directory can be made");
        assert_eq!(manifest(&directory.path().join(path), name, &[]), (nearer.clone(), alone), "{path}/{name}");
    }
}

#[test]
fn without_the_engine_no_cookbook_in_rust_is_begun() {
    let directory = TempDir::new().expect("there is room for a directory");
    let elsewhere = directory.path().join("brasa");
    fs::copy(env!("CARGO_BIN_EXE_brasa"), &elsewhere).expect("the program can be copied");
    let words = |more: &[&str]| -> Output {
        let words = [&["new", "cookbook", "mine", "--rust"], more].concat();
        Command::new(&elsewhere).args(words).current_dir(directory.path()).output().expect("brasa runs")
    };
    for (more, said) in [
        (
            &[][..],
            "error: a cookbook in Rust is compiled with brasa's sources, and none are near; nothing was written\n\
             hint: say where they are: `--engine DIR`, or `--engine https://...` for a git repository\n\
             hint: a cookbook in YAML needs none: leave out `--rust`\n",
        ),
        (
            &["--engine", "/etc"],
            "error: `/etc` does not hold brasa's sources; nothing was written\n\
             hint: name the directory that they lie in, or the address of a git repository\n",
        ),
    ] {
        let output = words(more);
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(64), said));
    }
    assert!(!directory.path().join("mine").exists());
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::create_dir(directory.path().join("there")).expect("a directory can be made");
    for (words, said) in [
        (&["new", "cookbook", "there"][..], "error: `./there` is there already; nothing was written\n"),
        (&["new", "cookbook", "There"], "error: `There` is no name for a cookbook\n"),
        (&["new", "cookbook", "../x"], "error: `../x` is no name for a cookbook\n"),
        (
            &["new", "cookbook", "brasa", "--rust"],
            "error: a cookbook in Rust cannot be called `brasa`: a crate that it needs is\n",
        ),
        (
            &["new", "cookbook", "brasa_cli", "--rust"],
            "error: a cookbook in Rust cannot be called `brasa_cli`: a crate that it needs is\n",
        ),
    ] {
        let output = brasa(directory.path(), words);
        assert_eq!(output.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(said), "{output:?}");
    }
    assert_eq!(fs::read_dir(directory.path().join("there")).expect("it is there").count(), 0);
}
