//! The schemas that `brasa schema` prints take what brasa takes, and refuse what it refuses.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

mod json_schema;

use std::{fs, path::Path, process::Command};

use brasa::node::{Dna, json::Document};
use serde_json::{Value, json};

use self::json_schema::Schema;

fn schema(of: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_brasa")).args(["schema", of]).output().expect("brasa runs");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("a schema is JSON")
}

fn faults(schema: &Value, value: &Value) -> Vec<String> {
    Schema(schema).faults(schema, value)
}

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let bytes = fs::read(&path).expect("the file is there");
    let document = match path.extension().is_some_and(|ending| ending == "json") {
        true => Document::parse(path, bytes),
        false => Document::parse_yaml(path, bytes),
    };
    document.expect("it can be read").value().clone()
}

#[test]
fn good_files_are_taken() {
    for (of, path) in [
        ("recipe", "tests/data_cookbooks/site/cookbooks/web/recipes/default.yml"),
        ("recipe", "tests/data_cookbooks/site/cookbooks/web/recipes/last.json"),
        ("recipe", "src/cli/new/data/recipe.yml"),
        ("attributes", "src/cli/new/data/attributes.yml"),
        ("metadata", "src/cli/new/data/metadata.yml"),
        ("metadata", "tests/data_cookbooks/site/cookbooks/web/metadata.yml"),
        ("dna", "tests/data_cookbooks/site/dna.json"),
    ] {
        assert_eq!(faults(&schema(of), &read(path)), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn slips_are_refused() {
    let recipe = schema("recipe");
    let resource = |of: Value| json!({"resources": [of]});
    for wrong in [
        json!({"resource": []}),
        json!([]),
        resource(json!({"type": "flie", "name": "/x"})),
        resource(json!({"type": "file"})),
        resource(json!({"type": "file", "name": "/x", "conten": "x"})),
        resource(json!({"type": "file", "name": "/x", "mode": 644})),
        resource(json!({"type": "file", "name": "/x", "action": "crate"})),
        resource(json!({"type": "file", "name": "/x", "sensitive": "very"})),
        resource(json!({"type": "file", "name": "/x", "only_if": {"comand": "x"}})),
        resource(json!({"type": "user", "name": "x", "notifies": {"action": "run"}})),
        resource(json!({"include_recipe": 5})),
        resource(json!({"include_recipe": "x", "name": "y"})),
        resource(json!({"attribute": {"level": "defautl", "path": "a", "value": 1}})),
    ] {
        assert!(!faults(&recipe, &wrong).is_empty(), "{wrong}");
    }
    let good = json!({"type": "file", "name": "/x", "mode": "{{ node.mode }}", "action": ["create", "{{ item }}"]});
    assert_eq!(faults(&recipe, &resource(good)), Vec::<String>::new());
    let good = json!({"type": "file", "name": "/x", "not_if": {"command": ["test", "-e", "/"]}});
    assert_eq!(faults(&recipe, &resource(good)), Vec::<String>::new());
    for (of, wrong) in [
        ("attributes", json!({"defautl": {}})),
        ("attributes", json!([{"level": "default"}])),
        ("metadata", json!({"name": 5})),
    ] {
        assert!(!faults(&schema(of), &wrong).is_empty(), "{of}: {wrong}");
    }
}

#[test]
fn the_schema_of_dna_takes_what_brasa_takes() {
    let schema = schema("dna");
    let (mut taken, mut refused) = (0, 0);
    for document in [
        json!({}),
        json!([]),
        json!(null),
        json!({"run_list": "a"}),
        json!({"run_list": ""}),
        json!({"run_list": []}),
        json!({"run_list": null}),
        json!({"run_list": 5}),
        json!({"run_list": true}),
        json!({"run_list": [["a"], [["role[b]"], []]]}),
        json!({"run_list": ["a", null]}),
        json!({"run_list": ["a", [5]]}),
        json!({"run_list": ["recipe[a::b@1.2.3]", "recipe[a@1.2]", "a::b@1.2.3", "a@x", "role[x@1]", "a,b"]}),
        json!({"run_list": ["recipe[a@1]"]}),
        json!({"run_list": ["recipe[]"]}),
        json!({"run_list": ["role[]"]}),
        json!({"run_list": ["Recipe[a]"]}),
        json!({"run_list": [" recipe[a]"]}),
        json!({"run_list": ["recipe[a"]}),
        json!({"run_list": ["recipe[a],recipe[b]"]}),
        json!({"run_list": ["recipe[a\n]"]}),
        json!({"run_list": {"type": "role", "name": "a"}}),
        json!({"run_list": [{"type": "recipe", "name": "a", "version": "1.2.3", "more": 1}]}),
        json!({"run_list": [{"type": "recipe", "name": "a", "version": null}]}),
        json!({"run_list": [{"type": "recipe", "name": "a", "version": 1}]}),
        json!({"run_list": [{"type": "recipe", "name": "a", "version": "1"}]}),
        json!({"run_list": [{"type": "cookbook", "name": "a"}]}),
        json!({"run_list": [{"type": "recipe"}]}),
        json!({"run_list": [{"type": "recipe", "name": ""}]}),
        json!({"run_list": [{"type": "recipe", "name": "a[b]"}]}),
        json!({"recipes": ["a"]}),
        json!({"recipes": null}),
        json!({"recipes": 5}),
        json!({"recipes": null, "run_list": ["a"]}),
        json!({"recipes": ["a"], "run_list": null}),
        json!({"recipes": ["a"], "run_list": ["a"]}),
        json!({"recipes": [], "run_list": []}),
        json!({"chef_environment": "prod"}),
        json!({"chef_environment": null}),
        json!({"chef_environment": ""}),
        json!({"chef_environment": 7}),
        json!({"policy_name": null, "policy_group": null}),
        json!({"policy_name": "p"}),
        json!({"policy_group": "p"}),
        json!({"app": {"run_list": 5, "policy_name": "p"}, "name": []}),
    ] {
        let mut said = Vec::new();
        let parsed = Document::parse(Path::new("dna.json"), document.to_string().into_bytes()).expect("it is JSON");
        let _dna = Dna::new(parsed, &mut said);
        let by_schema = faults(&schema, &document);
        assert_eq!(by_schema.is_empty(), said.is_empty(), "{document}: {by_schema:?}, {said:?}");
        *(if said.is_empty() { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken > 10 && refused > 10, "{taken} taken, {refused} refused");
}

#[test]
fn the_schema_of_reports_is_the_one_that_is_kept() {
    assert_eq!(schema("report"), read("docs/report.schema.json"));
}
