//! Slips that rustc finds, each with what it says. `UPDATE=1` writes down what it says now.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The engine as this test was built with it: the newest there is, so that nothing is compiled a second time.
fn engine(libraries: &Path) -> PathBuf {
    let entries = fs::read_dir(libraries).expect("a test lies beside its libraries");
    let found = entries.map(|entry| entry.expect("a directory can be read").path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libbrasa-") && name.ends_with(".rlib")
    });
    let age = |path: &PathBuf| fs::metadata(path).and_then(|about| about.modified()).expect("a file has a time");
    found.max_by_key(age).expect("the engine is among the libraries")
}

/// What rustc says of the slip, without the places in the engine that it names besides.
fn said(case: &Path, libraries: &Path, scratch: &Path) -> String {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "--emit=metadata", "--error-format=json", "--out-dir"]).arg(scratch);
    rustc.arg("-L").arg(format!("dependency={}", libraries.display()));
    rustc.arg("--extern").arg(format!("brasa={}", engine(libraries).display())).arg(case);
    let output = rustc.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("rustc runs");
    assert!(!output.status.success(), "`{}` compiles", case.display());
    let mut said = String::new();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let told: serde_json::Value = serde_json::from_str(line).expect("rustc writes JSON");
        let rendered = told["rendered"].as_str().expect("a message has its text");
        if told["level"] == "error" && told["spans"].as_array().is_some_and(|spans| !spans.is_empty()) {
            // The margin is as wide as the longest number of a line, wherever that is.
            let margin = |c: char| c.is_ascii_digit() || c == ' ';
            let lines: Vec<&str> = rendered.lines().map(|line| line.trim_end().trim_start_matches(margin)).collect();
            // A remark begins with a line of its own, before the place that it is about.
            let elsewhere = lines.iter().position(|line| line.starts_with("--> engine/"));
            said += &lines[..elsewhere.map_or(lines.len(), |at| at.saturating_sub(1))].join("\n");
            said += "\n";
        }
    }
    said.trim_end_matches(['\n', '|']).to_owned() + "\n"
}

#[test]
fn slips_do_not_compile() {
    let scratch = tempfile::tempdir().expect("there is room for a directory");
    let own = env::current_exe().expect("a process knows its program");
    let libraries = own.parent().expect("a program lies in a directory");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(here.join("tests/compile_fail")).expect("the slips are there");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory can be read").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    cases.sort();
    assert!(cases.len() >= 6, "slips are missing: {cases:?}");
    for case in cases {
        let said = said(case.strip_prefix(here).unwrap_or(&case), libraries, scratch.path());
        let expected = case.with_extension("stderr");
        if env::var_os("UPDATE").is_some() {
            fs::write(&expected, &said).expect("the expectation can be written");
        }
        assert_eq!(said, fs::read_to_string(&expected).unwrap_or_default(), "{}", case.display());
    }
}
