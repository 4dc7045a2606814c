//! Scenarios as folders: a node's `dna.json` and `solo.rb`, the machine it is for, and what has to be so when it has converged.
//!
//! `scenario.json` says which machine: `{"base": "debian-12", "repository": "deb", "reboot": true}`. `expect` is a shell script
//! that runs in it with `set -eu`: every command has to succeed. Cookbooks as data lie in `scenarios/cookbooks`. The scenario
//! `article` is a story of several machines, told in [`story`](crate::story).

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Container, DEBIAN, DEBIAN13, EL9, FEDORA, Output, Repository, binary, deb_repo, root, rpm_repo, story, workspace,
};

/// Where the scenarios are.
#[must_use]
pub fn directory() -> PathBuf {
    workspace().join("vm-tests/scenarios")
}

/// The names of all, in order.
///
/// # Errors
/// When they cannot be read.
pub fn names() -> Result<Vec<String>, String> {
    let directory = directory();
    let failed = |error| format!("cannot read `{}`: {error}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().join("scenario.json").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// What a scenario is for.
#[derive(Debug)]
struct Scenario {
    folder: PathBuf,
    base: crate::Base,
    repository: Option<Repository>,
    reboot: bool,
}

impl Scenario {
    fn read(name: &str) -> Result<Self, String> {
        let folder = directory().join(name);
        let file = folder.join("scenario.json");
        let Ok(text) = fs::read_to_string(&file) else {
            return Err(format!("there is no scenario `{name}`; there are {}", names()?.join(", ")));
        };
        let wrong = |what: &str| format!("`{}`: {what}", file.display());
        let about: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        let lab = |error: crate::Error| error.to_string();
        let base = match about["base"].as_str() {
            Some("debian-12") => DEBIAN,
            Some("debian-13") => DEBIAN13,
            Some("el-9") => EL9,
            Some("fedora") => FEDORA,
            _ => return Err(wrong("`base` is one of debian-12, debian-13, el-9 and fedora")),
        };
        let repository = match &about["repository"] {
            Value::Null => None,
            Value::String(word) if word == "deb" => Some(deb_repo().map_err(lab)?),
            Value::String(word) if word == "rpm" => Some(rpm_repo().map_err(lab)?),
            _ => return Err(wrong("`repository` is deb or rpm")),
        };
        let reboot = about["reboot"].as_bool().ok_or_else(|| wrong("`reboot` is true or false"))?;
        Ok(Self { folder, base, repository, reboot })
    }

    fn start(&self) -> crate::Result<Container> {
        let mut options = Container::of(root(self.base)?).brasa(binary()?);
        if let Some(repository) = &self.repository {
            options = options.repository(repository);
        }
        let machine = options.start()?;
        for file in ["dna.json", "solo.rb"] {
            machine.copy_in(self.folder.join(file), &format!("/etc/brasa/{file}"));
        }
        machine.copy_in(directory().join("cookbooks"), "/etc/brasa/cookbooks");
        Ok(machine)
    }
}

/// Converges the machine of a scenario, looks, converges again, which must change nothing, and does both again after a
/// reboot. `tell` hears what is being done.
///
/// # Errors
/// What was not as it has to be, with what the program or the check said.
///
/// # Panics
/// As [`Container::run`].
pub fn run(name: &str, tell: &mut dyn FnMut(&str)) -> Result<(), String> {
    if fs::read_to_string(directory().join(name).join("scenario.json")).is_ok_and(|text| text.contains("\"story\"")) {
        return story::article(&directory().join(name), tell);
    }
    let scenario = Scenario::read(name)?;
    tell("start");
    let mut machine = scenario.start().map_err(|error| error.to_string())?;
    tell("plan");
    let planned = converge(&machine, "plan");
    ended(&planned, 2, "a plan that has something to do")?;
    tell("converge");
    ended(&converge(&machine, "converge"), 2, "a first run that changes something")?;
    looks(&machine, &scenario.folder, tell)?;
    if scenario.reboot {
        tell("reboot");
        machine.reboot().map_err(|error| error.to_string())?;
        looks(&machine, &scenario.folder, tell)?;
    }
    Ok(())
}

fn converge(machine: &Container, command: &str) -> Output {
    machine.run(["brasa", command, "--detailed-exitcode"])
}

/// What the folder expects, before and after a run that has nothing to change.
fn looks(machine: &Container, folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<(), String> {
    let script = folder.join("expect");
    let script = fs::read_to_string(&script).map_err(|error| format!("cannot read `{}`: {error}", script.display()))?;
    tell("expect");
    ended(&machine.sh(&format!("set -eu\n{script}")), 0, "everything as expected")?;
    tell("converge again");
    ended(&converge(machine, "converge"), 0, "a run that changes nothing")?;
    ended(&machine.sh(&format!("set -eu\n{script}")), 0, "everything as expected after it")
}

fn ended(output: &Output, code: i32, what: &str) -> Result<(), String> {
    if output.code == code { Ok(()) } else { Err(format!("expected {what}: {output}")) }
}
