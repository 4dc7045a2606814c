//! What chef-solo made of run-lists, roles, environments and attributes (`tests/golden/expand`), and what brasa makes of them.
#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

mod tally;

use std::{cell::RefCell, path::Path};

use brasa::{
    Error, Result, compile,
    facts::Facts,
    host::Fake,
    node::{
        AttributeWrite, Attributes, Dna, Expansion, Level, Library, Named, Node, RunListItem, WriteOp, json::Document,
        override_run_list,
    },
    recipe::{AttributeFile, Cookbook, Recipe},
    run_list::expand,
    values::Place,
};
use serde_json::{Map, Value, json};
use tally::Tally;

/// What Chef forces or invents at the automatic level, and the golden files leave out.
const LEFT_OUT: [&str; 13] = [
    "chef_guid",
    "name",
    "recipes",
    "expanded_run_list",
    "roles",
    "cookbooks",
    "chef_environment",
    "platform",
    "platform_version",
    "platform_family",
    "os",
    "fqdn",
    "hostname",
];

fn cases(folder: &str) -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &Path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read(path))).collect()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn level(word: &str) -> Level {
    match word {
        "default" => Level::Default,
        "force_default" => Level::ForceDefault,
        "normal" => Level::Normal,
        "override" => Level::Override,
        "force_override" => Level::ForceOverride,
        other => panic!("no level `{other}`"),
    }
}

/// A statement that writes, with the value that it copies from what is there.
fn write(statement: &Value, read: impl Fn(Vec<String>) -> Option<Value>) -> AttributeWrite {
    let path = |key: &str| -> Vec<String> {
        let keys = statement[key].as_array().map(Vec::as_slice).unwrap_or_default();
        keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    };
    let op = match statement["op"].as_str() {
        None => WriteOp::Set,
        Some("unless") => WriteOp::Unless,
        Some("bang") => WriteOp::Replace,
        Some("write") => WriteOp::Write,
        Some("push") => WriteOp::Push,
        Some("rm") => WriteOp::Remove,
        Some("rm_level") => WriteOp::RemoveLevel,
        Some("delete_key") => WriteOp::DeleteKey,
        Some(other) => panic!("no operation `{other}`"),
    };
    let value = match statement.get("copy_of") {
        Some(_) => read(path("copy_of")).unwrap_or_default(),
        None => statement["value"].clone(),
    };
    let level = statement["level"].as_str().map_or(Level::Default, level);
    AttributeWrite { level, path: path("path"), op, value, place: Place::from(std::panic::Location::caller()) }
}

fn attribute_file(a: &mut AttributeFile, statements: &Value) -> Result<()> {
    for statement in statements.as_array().unwrap() {
        match statement.get("include_attribute").and_then(Value::as_str) {
            Some(name) => a.include(name)?,
            None => {
                let write = write(statement, |path| a.get(path));
                a.apply(write);
            }
        }
    }
    Ok(())
}

fn recipe(r: &mut Recipe, statements: &Value) -> Result<()> {
    for statement in statements.as_array().unwrap() {
        match statement.get("include_recipe").and_then(Value::as_str) {
            Some(name) => r.include_recipe(name)?,
            None => {
                let write = write(statement, |path| r.attribute(path));
                r.write_attribute(write);
            }
        }
    }
    Ok(())
}

fn cookbooks(inputs: &Value) -> Vec<Cookbook> {
    let mut all = Vec::new();
    for (name, of) in object(&inputs["cookbooks"]) {
        let version = of["version"].as_str().unwrap_or("1.0.0").to_owned();
        let depends = of["depends"].as_array().cloned().unwrap_or_default();
        let depends = depends.into_iter().map(|name| name.as_str().unwrap().to_owned());
        let mut cookbook = Cookbook::new(name, version).depends(depends);
        for (file, statements) in object(&of["attributes"]) {
            cookbook = cookbook.attributes(file, move |a: &mut AttributeFile| attribute_file(a, &statements));
        }
        let mut recipes = object(&of["recipes"]);
        if of.get("recipes").is_none() {
            recipes.insert("default".to_owned(), json!([]));
        }
        for (name, statements) in recipes {
            cookbook = cookbook.recipe_by_name(name, move |r: &mut Recipe| recipe(r, &statements));
        }
        all.push(cookbook);
    }
    all
}

/// What brasa makes of a case, in the words of the golden files.
fn made(inputs: &Value) -> Result<Map<String, Value>, Map<String, Value>> {
    let made = RefCell::new(Map::new());
    let run = || -> Result<()> {
        let mut machine = Fake::debian("12");
        for (folder, files) in [("roles", &inputs["roles"]), ("environments", &inputs["environments"])] {
            machine = machine.with_directory(format!("/repo/{folder}"));
            for (name, content) in object(files) {
                machine = machine.with_file(format!("/repo/{folder}/{name}.json"), content.to_string().into_bytes());
            }
        }
        let document = Document::parse(Path::new("dna.json"), inputs["dna"].to_string().into_bytes());
        let mut faults = Vec::new();
        let dna = Dna::new(document.map_err(Error::Faults)?, &mut faults);
        let items: Vec<RunListItem> = match inputs["override_runlist"].as_str() {
            Some(words) => override_run_list(words, &mut faults),
            None => dna.run_list.clone(),
        };
        if !faults.is_empty() {
            return Err(Error::Faults(faults));
        }
        let set = |key: &str, value: Value| {
            made.borrow_mut().insert(key.to_owned(), value);
        };
        let asked = inputs["environment"].as_str().map(str::to_owned);
        let environment = dna.environment.clone().or(asked).unwrap_or_else(|| "_default".to_owned());
        let mut attributes = Attributes::from(&dna).with_tags();
        let library = Library::new(vec!["/repo/roles".into()], vec!["/repo/environments".into()], &machine);
        let expansion = Expansion::of(&items, &environment, &library, &mut attributes)?;
        if !expansion.faults.is_empty() {
            return Err(Error::Faults(expansion.faults));
        }
        let mut automatic = object(&expansion.automatic("node1", &environment));
        automatic.extend(object(&inputs["automatic"]));
        set("node_recipes_attribute", automatic["recipes"].clone());
        attributes.set_automatic(Value::Object(automatic));
        set("run_list", items.iter().map(|item| json!(item.named.to_string())).collect());
        let names = |whole: bool| -> Value {
            let mut names: Vec<String> = Vec::new();
            for item in &expansion.recipes {
                let Named::Recipe { name, version } = &item.named else { panic!("a role is left") };
                let long = if name.contains("::") { name.clone() } else { format!("{name}::default") };
                names.push(match (whole, version) {
                    (false, _) => name.clone(),
                    (true, None) => long,
                    (true, Some(version)) => format!("{long}@{version}"),
                });
            }
            json!(names)
        };
        set("expanded_recipes", names(false));
        set("expanded_run_list", names(true));
        set("roles", json!(expansion.roles));
        set("environment", json!(environment));
        let cookbooks = cookbooks(inputs);
        let recipes = expand(&expansion, &cookbooks)?;
        let node = Node::new("node1", Some(environment), attributes, Facts::new(&machine));
        let run = compile(&node, &cookbooks, &recipes)?;
        set("loaded_recipes", json!(run.recipes()));
        set("attribute_files", json!(run.attribute_files()));
        let keep =
            |list: &str, key: &str| inputs[list].as_array().is_some_and(|kept| kept.iter().any(|kept| kept == key));
        let mut merged = object(&run.attributes().whole());
        merged.retain(|key, _| !LEFT_OUT.contains(&key.as_str()) || keep("keep_automatic", key));
        if inputs["keep_tags"] != json!(true) {
            merged.shift_remove("tags");
        }
        set("merged_attributes", Value::Object(merged));
        Ok(())
    };
    match run() {
        Ok(()) => Ok(made.into_inner()),
        Err(error) => {
            made.borrow_mut().insert("error".to_owned(), json!(error.to_string()));
            Err(made.into_inner())
        }
    }
}

/// How a case differs from what Chef made of it.
fn difference(inputs: &Value, expected: &Value) -> Option<String> {
    let refused = expected.get("error").is_some();
    let made = match (made(inputs), refused) {
        (Ok(made), false) | (Err(made), true) => made,
        (Ok(made), true) => return Some(format!("it is not refused, as Chef does ({}): {made:?}", expected["error"])),
        (Err(made), false) => return Some(format!("it is refused: {}", made["error"])),
    };
    let keys = ["run_list", "expanded_recipes", "expanded_run_list", "node_recipes_attribute", "roles", "environment"];
    let more = ["loaded_recipes", "attribute_files", "merged_attributes"];
    let compared = keys.iter().chain(if refused { &[][..] } else { &more[..] });
    let wrong: Vec<String> = compared
        .filter(|key| expected.get(**key).is_some() && made.get(**key) != expected.get(**key))
        .filter(|key| !(refused && made.get(**key).is_none()))
        .map(|key| format!("{key}: expected {}, got {}", expected[key], made.get(*key).unwrap_or(&Value::Null)))
        .collect();
    (!wrong.is_empty()).then(|| wrong.join("\n    "))
}

#[test]
fn run_lists_and_attributes_are_what_chef_makes_of_them() {
    let mut tally = Tally::of("expand");
    for (name, case) in cases("expand") {
        let mut difference_found = difference(&case["inputs"], &case["expected"]);
        if let (Some(_), Some(legacy)) = (&difference_found, case.get("expected_legacy_mode")) {
            // Without a server, what chef-solo does in its legacy mode is as good.
            difference_found = difference(&case["inputs"], legacy);
        }
        tally.count(case["group"].as_str().unwrap(), &name, difference_found);
    }
    tally.finish(126);
}

#[test]
fn every_value_knows_who_said_it() {
    let machine = Fake::debian("12")
        .with_file("/repo/roles/web.json", "{\"default_attributes\": {\"port\": 1},\n \"run_list\": [\"a\"]}")
        .with_directory("/repo/environments");
    let dna =
        Document::parse(Path::new("dna.json"), b"{\"run_list\": [\"role[web]\"],\n \"port\": 2}".to_vec()).unwrap();
    let dna = Dna::new(dna, &mut Vec::new());
    let mut attributes = Attributes::from(&dna);
    let library = Library::new(vec!["/repo/roles".into()], Vec::new(), &machine);
    let expansion = Expansion::of(&dna.run_list, "_default", &library, &mut attributes).unwrap();
    let cookbook = Cookbook::new("a", "1.0.0")
        .attributes("default", |a: &mut AttributeFile| {
            a.default("port", 3).override_("port", 4);
            Ok(())
        })
        .recipe("default", |_: &mut Recipe| Ok(()));
    let cookbooks = [cookbook];
    let node = Node::new("n", None, attributes, Facts::new(&machine));
    let run = compile(&node, &cookbooks, &expand(&expansion, &cookbooks).unwrap()).unwrap();
    let said: Vec<String> = run
        .attributes()
        .explain(&["port".to_owned()])
        .into_iter()
        .map(|said| {
            let place = said.place.map(|place| place.to_string()).unwrap_or_default();
            let place = if place.contains("golden_expand.rs") { "rust" } else { &place };
            format!(
                "{} {} {place} {}{}",
                said.layer,
                said.value.unwrap(),
                said.by,
                if said.decides { " wins" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "default 3 rust set",
            "role default 1 /repo/roles/web.json:1:33 role web",
            "normal 2 dna.json:2:10 dna.json",
            "override 4 rust set wins"
        ]
    );
    assert_eq!(run.attributes().tree()["port"], 4);
}
