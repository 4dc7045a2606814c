//! Cookbooks as data: each directory of `tests/data_cookbooks` is a place where `brasa inspect` is run; what it says is kept
//! beside it.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_cookbooks")
}

fn brasa(directory: &Path, words: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_brasa")).args(words).current_dir(directory).output().expect("brasa runs");
    let code = output.status.code().map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
    let mut whole = format!("exit {code}\n");
    for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
        if !bytes.is_empty() {
            whole += &format!("--- {name}\n{}", String::from_utf8(bytes).expect("brasa prints text"));
        }
    }
    whole
}

/// Without what only this machine is called.
fn general(said: &str) -> String {
    let line = |line: &str| {
        line.split_once("looked into host-").map_or(line.to_owned(), |(head, _)| format!("{head}looked into FOLDERS"))
    };
    said.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn each_place_is_inspected_as_it_was_written_down() {
    let mut seen = 0;
    for entry in fs::read_dir(cases()).expect("the cases are there") {
        let directory = entry.expect("a case").path();
        let said =
            general(&brasa(&directory, &["inspect", "-c", "solo.rb", "-j", "dna.json", "-N", "web1.example.test"]));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&directory);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("expected", said));
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} cases were found");
}
