//! Runs every case of `tests/cases/KIND/*.json`: a machine and a resource in, operations or an error out.
//!
//! `UPDATE_CASES=1 cargo test --test cases` writes what came out into the cases; look at the difference before you keep it.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use brasa::{recipe::kinds, spec::Case};
use serde_json::Value as Json;

/// Held by the test that reads or writes the cases, so that none is read half-written.
static CASES: Mutex<()> = Mutex::new(());

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(path: &Path) -> (Json, Case) {
    let text = fs::read_to_string(path).unwrap();
    let read = |error: serde_json::Error| format!("{}: {error}", path.display());
    (serde_json::from_str(&text).map_err(read).unwrap(), serde_json::from_str(&text).map_err(read).unwrap())
}

#[test]
fn every_case_comes_out_as_written() {
    let _held = CASES.lock();
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for folder in files(&directory()) {
        for path in files(&folder) {
            let (mut json, case) = read(&path);
            if update {
                let outcome = case.run().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let object = json.as_object_mut().unwrap();
                object.insert("operations".to_owned(), Json::Array(outcome.operations_as_json()));
                match outcome.error {
                    Some(error) => object.insert("error".to_owned(), Json::String(error)),
                    None => object.shift_remove("error"),
                };
                fs::write(&path, format!("{json:#}\n")).unwrap();
            }
            if let Err(difference) = read(&path).1.check() {
                wrong.push(format!("{}: {}\n{difference}", path.display(), case.about));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn every_kind_has_cases_that_succeed_and_cases_that_fail() {
    let _held = CASES.lock();
    let mut wrong = Vec::new();
    for kind in kinds() {
        let folder = directory().join(kind.name);
        let cases: Vec<_> =
            if folder.is_dir() { files(&folder).iter().map(|path| read(path).1).collect() } else { Vec::new() };
        let failing = cases.iter().filter(|case| case.error.is_some()).count();
        if cases.len() < 5 || failing == 0 || failing == cases.len() {
            wrong.push(format!("{}: {} cases, {failing} of them fail", kind.name, cases.len()));
        }
        for case in cases.iter().filter(|case| case.resource.get("type") != Some(&Json::from(kind.name))) {
            wrong.push(format!("`{}` lies in the folder of {}", case.about, kind.name));
        }
    }
    assert!(wrong.is_empty(), "each kind has at least five cases, both sorts among them:\n{}", wrong.join("\n"));
}

#[test]
fn the_schema_of_reports_knows_every_operation() {
    let _held = CASES.lock();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    let schema: Json = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let known = schema["$defs"]["operation"]["properties"]["op"]["enum"].as_array().unwrap();
    for path in files(&directory()).iter().flat_map(|folder| files(folder)) {
        for operation in read(&path).0["operations"].as_array().into_iter().flatten() {
            assert!(known.contains(&operation["op"]), "{}: {}", path.display(), operation["op"]);
        }
    }
}
