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
    recipe::cookbook::{ANY_VERSION, Dependency},
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
    /// Reads a metadata file, as far as it can be read: what is wrong is added to the faults. Keys that say nothing to a program (`maintainer`, `license`) are passed over.
    pub fn read(path: &Path, all: &mut Vec<Fault>) -> Self {
        let (mut metadata, mut faults) = (Self::default(), Vec::new());
        let Some(document) = file::read(path, &mut faults) else {
            all.append(&mut faults);
            return metadata;
        };
        let (root, told) = (document.root(), faults.clone());
        if !root.value().is_object() {
            faults.push(root.fault(format!("metadata is an object, not {}", kind(root.value()))));
        }
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
        file::without_follow_ups(&mut faults, &told);
        faults.sort_by_key(|fault| position(fault.place.as_ref()));
        all.append(&mut faults);
        metadata
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
        let constraint = constraint(version, faults);
        if named(value, name, faults) {
            let place = version.key_place().or_else(|| Some(version.place()));
            found.push(Dependency { name: name.to_owned(), version: constraint, place });
        }
    }
    for item in value.items() {
        if faults.len() >= ENOUGH {
            break;
        }
        if let Some(name) = text(item, "the name of a dependency", faults)
            && named(item, &name, faults)
        {
            found.push(Dependency { name, version: ANY_VERSION.to_owned(), place: Some(item.place()) });
        }
    }
    found
}

/// What is asked of a dependency's version. Nothing, as older programs also wrote by an empty list, means any.
fn constraint(version: Located<'_>, faults: &mut Vec<Fault>) -> String {
    const WHAT: &str = "the version of a dependency";
    let items: Vec<Located<'_>> = version.items().collect();
    let asked = match items.as_slice() {
        _ if version.value().is_null() => None,
        [one] => text(*one, WHAT, faults),
        [] if version.value().is_array() => None,
        [] => text(version, WHAT, faults),
        [_, second, ..] => {
            faults.push(second.fault(format!("{WHAT} is one constraint")).hint("keep the one that is meant"));
            None
        }
    };
    asked.filter(|asked| !asked.trim().is_empty()).unwrap_or_else(|| ANY_VERSION.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{ANY_VERSION, depends};
    use crate::node::json::Document;

    #[test]
    fn a_dependency_without_a_constraint_takes_any_version() {
        let asked = |depends_on: serde_json::Value| {
            let document = Document::parse(Path::new("metadata.json"), depends_on.to_string().into_bytes()).unwrap();
            let mut faults = Vec::new();
            let found = depends(document.root(), &mut faults);
            let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
            (found.into_iter().map(|on| on.version).collect::<Vec<_>>(), said.join("\n"))
        };
        for nothing in [json!([]), json!(""), json!(" "), json!(null), json!([""])] {
            assert_eq!(asked(json!({"a": nothing})), (vec![ANY_VERSION.to_owned()], String::new()), "{nothing}");
        }
        assert_eq!(asked(json!(["a"])), (vec![ANY_VERSION.to_owned()], String::new()));
        assert_eq!(asked(json!({"a": ["~> 1.2"]})), (vec!["~> 1.2".to_owned()], String::new()));
        let wrong = |version: serde_json::Value| asked(json!({"a": version})).1;
        for (version, said) in [
            (
                json!(["> 1.0", "< 2.0"]),
                "1:15: the version of a dependency is one constraint\nhint: keep the one that is meant",
            ),
            (json!([1]), "1:7: the version of a dependency is text, not a number\nhint: put it into quotes"),
            (json!({}), "1:6: the version of a dependency is text, not an object\nhint: put it into quotes"),
        ] {
            assert_eq!(wrong(version), format!("metadata.json:{said}"));
        }
    }
}
