//! `brasa explain attribute`: every layer that says something, lowest first, with its place, which one wins and why.
use std::fs;

use serde_json::json;

use crate::kitchen::Kitchen;

/// A site whose every layer says something of `app`.
fn site() -> Kitchen {
    let place = Kitchen::with(json!({}));
    for folder in ["roles", "environments", "cookbooks/app/recipes", "cookbooks/app/attributes"] {
        fs::create_dir_all(place.path(folder)).expect("a directory can be made");
    }
    place.write("solo.rb", format!("chef_repo_path \"{}\"\n", place.root()));
    place.write(
        "dna.json",
        "{\n  \"run_list\": [\"role[web]\"],\n  \"chef_environment\": \"test\",\n  \"app\": {\"port\": 8080, \"names\": [\"c\"]}\n}\n",
    );
    place.write(
        "roles/web.json",
        "{\n  \"name\": \"web\",\n  \"default_attributes\": {\"app\": {\"port\": 1, \"names\": [\"a\"]}},\n  \
         \"override_attributes\": {\"app\": {\"port\": 9090}},\n  \"run_list\": [\"recipe[app]\"]\n}\n",
    );
    place.write(
        "environments/test.json",
        "{\n  \"name\": \"test\",\n  \"default_attributes\": {\"app\": {\"names\": [\"b\"]}},\n  \
         \"override_attributes\": {\"app\": {\"tls\": null}}\n}\n",
    );
    place.write("cookbooks/app/attributes/default.yml", "default:\n  app: {port: 80, user: www, tls: {cert: /a}}\n");
    place.write(
        "cookbooks/app/recipes/default.yml",
        "resources:\n- attribute: {level: default, path: app.user, value: app}\n- {type: log, name: x}\n",
    );
    place
}

fn explain(place: &Kitchen, words: &[&str]) -> crate::kitchen::Ran {
    place.here(&[&["explain", "attribute"], words].concat())
}

#[test]
fn every_layer_is_shown_and_who_wins() {
    let place = site();
    let told: String = ["app.port", "app.names", "app.user", "app.tls.cert", "app"]
        .iter()
        .map(|name| format!("$ {name}\n{}", explain(&place, &[name]).code(0).stdout))
        .collect();
    insta::assert_snapshot!("explain_attribute", told);
}

#[test]
fn a_document_has_the_same() {
    let place = site();
    let document = explain(&place, &["app.port", "--format", "json"]).code(0).json();
    let says = |layer: &str, value: u16, by: &str, place: &str| json!({"layer": layer, "value": value, "by": by, "place": place, "decides": false});
    let mut wins = says("role override", 9090, "role web", "ROOT/roles/web.json:4:43");
    wins["decides"] = json!(true);
    wins["why"] = json!("the highest layer that has a value");
    let layers = [
        says("default", 80, "set", "ROOT/cookbooks/app/attributes/default.yml:2:9"),
        says("role default", 1, "role web", "ROOT/roles/web.json:3:42"),
        says("normal", 8080, "dna.json", "ROOT/dna.json:4:19"),
        wins,
    ];
    let wanted = json!({"schema_version": 1, "attribute": ["app", "port"], "value": 9090, "layers": layers});
    assert_eq!(document, wanted);
}

#[test]
fn a_slip_is_told_with_what_is_near() {
    let place = site();
    for (name, code, said) in [
        ("ap.port", 65, "error: nobody says anything of attribute `ap.port`\nhint: did you mean `app`?\n"),
        ("app.prt", 65, "error: nobody says anything of attribute `app.prt`\nhint: did you mean `app.port`?\n"),
        (
            "app[port",
            64,
            "error: `app[port` is no name of an attribute: what `[port` is cannot be told\nhint: write `at.port`, or ",
        ),
    ] {
        let ran = explain(&place, &[name]).code(code);
        assert!(ran.stderr.starts_with(said), "{}", ran.whole());
    }
}
