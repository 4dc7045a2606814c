//! What it costs to read and compile a large repository, beside a plain parse of the same bytes.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Figures, measure, part};
use crate::Failure;
use crate::steps::step;

const COOKBOOKS: usize = 200;
const ROLES: usize = 500;
/// Attributes that the merged tree holds, one for each value that is no object.
const ATTRIBUTES: usize = 20_000;
/// What each cookbook says of its own.
const OF_A_COOKBOOK: usize = 50;
/// What each role adds to a cookbook's attributes, and how many values of it it changes.
const OF_A_ROLE: usize = (ATTRIBUTES - COOKBOOKS * OF_A_COOKBOOK) / ROLES;
const CHANGED_BY_A_ROLE: usize = 5;

/// Reading, merging and compiling may cost so many times what parsing the same bytes costs.
const MOST: f64 = 5.0;
const RUNS: usize = 31;

pub fn run() -> Result<(), Failure> {
    let (brasa, parse, measurer) = step("static binaries", || {
        crate::test::install(false)?;
        let brasa = part("brasa-cli", "--bin", "brasa")?;
        Ok((brasa, part("xtask", "--bin", "parse")?, part("xtask", "--bin", "measure")?))
    })?;
    let repository = lab::target_directory().map_err(|error| error.to_string())?.join("bench-repository");
    step("a large repository", || {
        if repository.exists() {
            fs::remove_dir_all(&repository).map_err(|error| format!("cannot empty the repository: {error}"))?;
        }
        Repository(&repository).write()
    })?;
    let at = |name: &str| repository.join(name).display().to_string();
    let (solo, dna) = (at("solo.rb"), at("dna.json"));
    let options = ["-c", &solo, "-j", &dna];
    whole(&brasa, &options)?;
    let plain = measure(&measurer, RUNS, &parse, &[&at("")])?;
    let checked = measure(&measurer, RUNS, &brasa, &[&["check"][..], &options].concat())?;

    println!("{:<24} {:>9} {:>9} {:>9} {:>9}", "200 cookbooks, 500 roles", "CPU ms", "x plain", "at most", "MiB");
    let row = |name: &str, figures: &Figures, most: &str| {
        let ratio = figures.time / plain.time;
        println!("{name:<24} {:>9.2} {ratio:>9.1} {most:>9} {:>9.1}", figures.time, figures.memory);
        ratio
    };
    row("plain serde_json", &plain, "-");
    let ratio = row("brasa check", &checked, &MOST.to_string());
    if ratio > MOST {
        return Err(format!("`brasa check` costs {ratio:.1} times a plain parse, more than {MOST} times"));
    }
    Ok(())
}

/// Makes sure that all of the repository takes part in what is measured.
fn whole(brasa: &Path, options: &[&str]) -> Result<(), Failure> {
    let mut inspect = std::process::Command::new(brasa);
    inspect.arg("inspect").args(options).args(["--format", "json"]);
    let seen = lab::call("inspect the repository", &mut inspect).map_err(|error| error.to_string())?;
    let seen: Value = serde_json::from_str(&seen).map_err(|error| format!("`inspect` printed no JSON: {error}"))?;
    let recipes = seen["recipes"].as_array().map_or(0, Vec::len);
    let attributes: usize = seen["attributes"]
        .as_object()
        .map_or(0, |tree| tree.iter().filter(|(key, _)| key.starts_with("app_")).map(|(_, value)| leaves(value)).sum());
    let expected = (COOKBOOKS, ATTRIBUTES);
    if (recipes, attributes) == expected {
        Ok(())
    } else {
        Err(format!("the run has {recipes} recipes and {attributes} attributes, not {expected:?}"))
    }
}

fn leaves(value: &Value) -> usize {
    value.as_object().map_or(1, |entries| entries.values().map(leaves).sum())
}

/// A repository as chef-solo knows them, every file but solo.rb in JSON.
struct Repository<'r>(&'r Path);

impl Repository<'_> {
    fn write(&self) -> Result<(), Failure> {
        let root = self.0.display();
        let settings = format!("cookbook_path \"{root}/cookbooks\"\nrole_path \"{root}/roles\"\nnode_name \"bench\"\n");
        self.file("solo.rb", &settings)?;
        // Twenty roles name the others, as a site's base roles do.
        let bases: Vec<String> = (0..ROLES).step_by(25).map(|number| format!("role[role-{number:03}]")).collect();
        self.json("dna.json", &json!({"run_list": bases, "app_000": {"group_0": {"value_0": "of the node"}}}))?;
        for number in 0..ROLES {
            self.json(&format!("roles/role-{number:03}.json"), &role(number))?;
        }
        for number in 0..COOKBOOKS {
            let folder = format!("cookbooks/app-{number:03}");
            let depends: Map<String, Value> =
                (number.saturating_sub(2)..number).map(|other| (format!("app-{other:03}"), json!(">= 1.0"))).collect();
            let metadata = json!({"name": format!("app-{number:03}"), "version": "1.0.0", "dependencies": depends});
            self.json(&format!("{folder}/metadata.json"), &metadata)?;
            let values = (0..OF_A_COOKBOOK).map(|index| (index, value(number, index)));
            let attributes = json!({"default": {format!("app_{number:03}"): grouped(values)}});
            self.json(&format!("{folder}/attributes/default.json"), &attributes)?;
            self.json(&format!("{folder}/recipes/default.json"), &recipe(number))?;
        }
        Ok(())
    }

    fn json(&self, name: &str, value: &Value) -> Result<(), Failure> {
        self.file(name, &format!("{value:#}\n"))
    }

    fn file(&self, name: &str, content: &str) -> Result<(), Failure> {
        let path = self.0.join(name);
        let parent = path.parent().unwrap_or(self.0);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, content));
        written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }
}

/// Each role is about one cookbook; every 25th names those up to the next as well.
fn role(number: usize) -> Value {
    let app = number % COOKBOOKS;
    let others = if number.is_multiple_of(25) { number + 1..number + 25 } else { 0..0 };
    let run_list = others.map(|other| format!("role[role-{other:03}]"));
    let run_list: Vec<String> = run_list.chain([format!("recipe[app-{app:03}]")]).collect();
    let own = OF_A_COOKBOOK + number / COOKBOOKS * OF_A_ROLE;
    let added = (own..own + OF_A_ROLE).map(|index| (index, value(number, index)));
    let changed = (0..CHANGED_BY_A_ROLE).map(|index| (index, json!(format!("of role {number}"))));
    json!({
        "name": format!("role-{number:03}"),
        "description": "One of many.",
        "default_attributes": {format!("app_{app:03}"): grouped(added)},
        "override_attributes": {format!("app_{app:03}"): grouped(changed)},
        "run_list": run_list,
    })
}

/// What an application declares.
fn recipe(number: usize) -> Value {
    let app = format!("app_{number:03}");
    json!({"resources": [
        {"type": "directory", "name": format!("/srv/{app}"), "mode": "0755"},
        {
            "type": "file",
            "name": format!("/srv/{app}/settings"),
            "content": format!("first {{{{ node.{app}.group_0.value_0 }}}}\nlast {{{{ node.{app}.group_4.value_49 }}}}\n"),
            "notifies": {"resource": format!("service[{app}]"), "action": "restart"},
        },
        {"type": "service", "name": app, "action": ["enable", "start"]},
    ]})
}

/// Values in groups of ten.
fn grouped(values: impl IntoIterator<Item = (usize, Value)>) -> Value {
    let mut groups = Map::new();
    for (index, value) in values {
        let group = groups.entry(format!("group_{}", index / 10)).or_insert_with(|| json!({}));
        if let Value::Object(entries) = group {
            entries.insert(format!("value_{index}"), value);
        }
    }
    Value::Object(groups)
}

/// What people write: texts most of all.
fn value(of: usize, index: usize) -> Value {
    match index % 5 {
        0 => json!(of * 100 + index),
        1 => json!(index.is_multiple_of(2)),
        2 => json!(["one", "two", format!("{of}.{index}")]),
        _ => json!(format!("a text of some length, number {index} of {of}")),
    }
}
