//! `metadata.json` and `metadata.yml`: a cookbook's name, version and dependencies.
use std::path::Path;

use super::file;
use crate::{
    Fault,
    error::ENOUGH,
    node::{
        json::{Located, kind},
        position,
    },
    recipe::cookbook::Dependency,
};

/// What is known of a cookbook before any recipe of it is read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metadata {
    pub name: Option<String>,
    pub version: Option<String>,
    /// Other cookbooks, with the constraint on their version.
    pub depends: Vec<Dependency>,
}

/// The names under which a cookbook's metadata is looked for.
pub(super) const NAMES: [&str; 3] = ["metadata.json", "metadata.yml", "metadata.yaml"];

impl Metadata {
    /// Reads a metadata file. Keys that say nothing to a program (`maintainer`, `license`) are passed over.
    pub fn read(path: &Path) -> Result<Self, Vec<Fault>> {
        let document = file::read(path)?;
        let root = document.root();
        let mut faults = Vec::new();
        if !root.value().is_object() {
            return Err(vec![root.fault(format!("metadata is an object, not {}", kind(root.value())))]);
        }
        let mut metadata = Self::default();
        for (key, value) in root.entries() {
            match key {
                "name" => {
                    metadata.name = text(value, "`name`", &mut faults).filter(|name| named(value, name, &mut faults))
                }
                "version" => {
                    metadata.version =
                        text(value, "`version`", &mut faults).filter(|version| versioned(value, version, &mut faults));
                }
                "depends" | "dependencies" => metadata.depends.extend(depends(value, &mut faults)),
                _ => {}
            }
        }
        faults.sort_by_key(|fault| position(fault.place.as_ref()));
        if faults.is_empty() { Ok(metadata) } else { Err(faults) }
    }
}

fn text(value: Located<'_>, what: &str, faults: &mut Vec<Fault>) -> Option<String> {
    let text = value.value().as_str();
    if text.is_none() {
        faults.push(value.fault(format!("{what} is text, not {}", kind(value.value()))).hint("put it into quotes"));
    }
    text.map(str::to_owned)
}

fn named(at: Located<'_>, name: &str, faults: &mut Vec<Fault>) -> bool {
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if !good {
        let fault = at.fault(format!("`{name}` is no name of a cookbook"));
        faults.push(fault.hint("a name is made of letters, digits, `_`, `-` and `.`"));
    }
    good
}

fn versioned(at: Located<'_>, version: &str, faults: &mut Vec<Fault>) -> bool {
    let parts: Vec<_> = version.split('.').collect();
    let good = (2..=3).contains(&parts.len()) && parts.iter().all(|part| part.parse::<u32>().is_ok());
    if !good {
        let fault = at.fault(format!("`{version}` is no version"));
        faults.push(fault.hint("a version is two or three numbers, as in `1.2.0`"));
    }
    good
}

/// An object of names and constraints, as Chef writes it, or a list of names.
fn depends(value: Located<'_>, faults: &mut Vec<Fault>) -> Vec<Dependency> {
    let mut found = Vec::new();
    if !value.value().is_object() && !value.value().is_array() {
        let fault = value.fault(format!("`depends` is an object of names and versions, not {}", kind(value.value())));
        faults.push(fault.hint("write `depends: {apt: \">= 0.0.0\"}`, or a list of names"));
    }
    for (name, version) in value.entries() {
        if faults.len() >= ENOUGH {
            break;
        }
        let constraint = match version.value().as_array().map(Vec::as_slice) {
            Some([]) => Some(String::new()),
            Some([one]) => one.as_str().map(str::to_owned),
            Some(_) => None,
            None if version.value().is_null() => Some(String::new()),
            None => text(version, "the version of a dependency", faults),
        };
        if named(value, name, faults) {
            let place = version.key_place().or_else(|| Some(version.place()));
            found.push(Dependency { name: name.to_owned(), version: constraint.unwrap_or_default(), place });
        }
    }
    for item in value.items() {
        if faults.len() >= ENOUGH {
            break;
        }
        if let Some(name) = text(item, "the name of a dependency", faults)
            && named(item, &name, faults)
        {
            found.push(Dependency { name, version: String::new(), place: Some(item.place()) });
        }
    }
    found
}
