//! What a resource looks like as data: one of its test cases, which therefore works.
use std::fs;

use serde_json::{Map, Value};

use crate::Failure;

/// Those that a case does not show well: a `source` that is a file of a cookbook is text there, and others say odd things.
const GIVEN: [(&str, &str); 6] = [
    ("file", "- type: file\n  name: /etc/motd\n  content: \"welcome\\n\"\n  mode: \"0644\"\n"),
    (
        "http_request",
        "- type: http_request\n  name: deployed\n  action: post\n  url: \"https://example.com/hook\"\n  message: \"web1\"\n",
    ),
    (
        "systemd_unit",
        "- type: systemd_unit\n  name: web.service\n  action: [create, enable, start]\n  content:\n    Service: {ExecStart: /usr/bin/web}\n    Install: {WantedBy: multi-user.target}\n",
    ),
    ("cookbook_file", "- type: cookbook_file\n  name: /etc/motd\n  source: motd\n  mode: \"0644\"\n"),
    ("remote_directory", "- type: remote_directory\n  name: /srv/www\n  source: www\n  files_mode: \"0644\"\n"),
    ("template", "- type: template\n  name: /etc/motd\n  source: motd.tera\n  variables: {\"name\":\"web1\"}\n"),
];

/// More properties than so many make no example.
const MOST: usize = 6;

/// A resource of this kind as an entry of a recipe in YAML.
pub fn of(kind: &str) -> Result<String, Failure> {
    if let Some((_, example)) = GIVEN.iter().find(|(known, _)| *known == kind) {
        return Ok((*example).to_owned());
    }
    let directory = lab::workspace().join("tests/cases").join(kind);
    let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", directory.display());
    let entries = fs::read_dir(&directory).map_err(|error| failed(&error))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&error))?;
    paths.sort_unstable();
    let mut cases = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
        cases.push(serde_json::from_str::<Value>(&text).map_err(|error| failed(&error))?);
    }
    let resources =
        cases.iter().filter(|case| case.get("error").is_none()).filter_map(|case| case["resource"].as_object());
    let best = best(resources).ok_or_else(|| failed(&"no case is an example"))?;
    Ok(yaml(best))
}

/// The one that says most, with the usual action if there is one.
fn best<'c>(resources: impl Iterator<Item = &'c Map<String, Value>>) -> Option<&'c Map<String, Value>> {
    let ends = |resource: &Map<String, Value>| {
        let action = resource.get("action").map(Value::to_string).unwrap_or_default();
        ["delete", "remove", "absent", "purge", "disable", "nothing"].iter().any(|word| action.contains(word))
    };
    let rank = |resource: &Map<String, Value>| {
        let said = resource.len();
        (!ends(resource), said <= MOST + 2, said.min(MOST + 2))
    };
    // The first of the best.
    resources.fold(None, |best: Option<&Map<_, _>>, next| match best {
        Some(best) if rank(best) >= rank(next) => Some(best),
        Some(_) | None => Some(next),
    })
}

fn yaml(resource: &Map<String, Value>) -> String {
    let first = ["type", "name", "action"].into_iter().filter_map(|key| Some((key, resource.get(key)?)));
    let rest = resource.iter().map(|(key, value)| (key.as_str(), value));
    let rest = rest.filter(|(key, _)| !["type", "name", "action"].contains(key));
    let lines = first.chain(rest).map(|(key, value)| format!("{key}: {}\n", scalar(value)));
    format!("- {}", lines.collect::<Vec<_>>().join("  "))
}

/// A value, plain where that is surely a text; JSON is YAML too.
fn scalar(value: &Value) -> String {
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
            && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&text.to_lowercase().as_str())
    };
    match value.as_str() {
        Some(text) if word(text) => text.to_owned(),
        Some(_) | None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{best, yaml};

    #[test]
    fn the_case_that_says_most_is_shown() {
        let cases = [
            json!({"type": "dish", "name": "soup", "action": "delete", "salt": 1, "hot": true}),
            json!({"type": "dish", "name": "soup", "salt": "no", "with": ["bread", "a spoon"]}),
            json!({"type": "dish", "name": "stew"}),
        ];
        let shown = yaml(best(cases.iter().filter_map(Value::as_object)).unwrap());
        assert_eq!(shown, "- type: dish\n  name: soup\n  salt: \"no\"\n  with: [\"bread\",\"a spoon\"]\n");
    }
}
