//! Imports go down the floors only: a module of the engine may name modules of its own floor and of lower ones.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Modules of the engine by floor. `host` has two sides; everything in it is floor 1.
const FLOORS: [&[&str]; 8] = [
    &["values", "error", "suggest"],
    &["host"],
    &["facts", "resource"],
    &["resources"],
    &["node", "recipe"],
    &["run_list", "compile", "converge", "event"],
    &["state", "spec"],
    &["lib"],
];

/// Neighbours on one floor that must not know each other.
const STRANGERS: [(&str, &str); 2] = [("facts", "resource"), ("node", "recipe")];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// Names that the crate root re-exports, with the module they come from.
fn home(name: &str) -> Option<&'static str> {
    Some(match name {
        "Error" | "Fault" | "Kind" | "Result" => "error",
        "Outline" | "OutlineNotice" | "Run" | "compile_function" => "compile",
        "actions" | "properties" | "__serde_json" => "resource",
        _ => return None,
    })
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first names after `crate::` in a source text without its comments, also those in a `use crate::{...}` list.
fn imports(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut names = Vec::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find("crate::") {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + "crate::".len()..];
        if before == Some('$') {
            continue; // a macro's text: checked where it is expanded
        }
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut word)),
                    _ => {}
                }
                if depth == 0 && c != ',' && c != '}' {
                    word.push(c);
                }
            }
            names.push(word);
        } else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
        .into_iter()
        .map(|name| name.trim().split([':', ' ']).next().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn imports_go_down_the_floors() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("engine/src");
    let mut files = Vec::new();
    sources(&engine, &mut files);
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in files {
        let relative = file.strip_prefix(&engine).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        let mine = floor(&module).unwrap_or_else(|| panic!("module `{module}` stands on no floor: add it to FLOORS"));
        let text = fs::read_to_string(&file).unwrap();
        // Tests may look anywhere: they stand beside the code, not below it.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for import in imports(code) {
            let target = home(&import).unwrap_or(&import);
            if target == module || module == "lib" {
                continue;
            }
            let Some(theirs) = floor(target) else {
                wrong.push(format!("{}: `crate::{import}` is a name this test does not know", relative.display()));
                continue;
            };
            checked += 1;
            let strangers = STRANGERS.iter().any(|(a, b)| (*a, *b) == (module.as_str(), target));
            if theirs > mine || strangers {
                wrong.push(format!("{}: floor {mine} imports `{target}` of floor {theirs}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 50, "only {checked} imports were found: the test reads the sources wrongly");
}

#[test]
fn imports_are_found() {
    let text = "use crate::{\n    Error, Result,\n    host::{Op, Probe},\n    values::Blob,\n};\nfn f() -> crate::node::Node {}\n// crate::state\n";
    assert_eq!(imports(text), ["Error", "Result", "host", "values", "node"]);
}
