//! A cookbook as data, converged: files, templates, notices, twice; and a broken one, which changes nothing.
use std::{fs, os::unix::fs::MetadataExt};

use serde_json::json;

use crate::kitchen::Kitchen;

const RECIPE: &str = r#"
resources:
  - type: directory
    name: "{{ node.place }}/srv/sites"
    owner: "{{ node.me.owner }}"
    group: "{{ node.me.group }}"
    mode: "0750"

  - type: template
    for_each: "{{ node.site.names }}"
    name: "{{ node.place }}/srv/sites/{{ item }}"
    source: site.tera
    variables: {name: "{{ item }}"}
    owner: "{{ node.me.owner }}"
    group: "{{ node.me.group }}"
    notifies: [run, "execute[reload]", delayed]

  - type: cookbook_file
    name: "{{ node.place }}/srv/sites/logo.bin"
    owner: "{{ node.me.owner }}"
    group: "{{ node.me.group }}"
    not_if: "test -e {{ node.place | sh }}/srv/no-logo"

  - type: execute
    name: reload
    command: "echo reloaded >> {{ node.place | sh }}/srv/log"
    action: nothing
"#;

fn place() -> Kitchen {
    let place = Kitchen::with(json!({"run_list": ["site"]}));
    let me = fs::metadata(place.path("srv")).expect("it is there");
    place.order(json!({
        "run_list": ["site"],
        "place": "ROOT",
        "me": {"owner": me.uid().to_string(), "group": me.gid().to_string()},
    }));
    for folder in ["recipes", "attributes", "templates/default", "files/default"] {
        fs::create_dir_all(place.path("cookbooks/site").join(folder)).expect("a directory can be made");
    }
    place.write("solo.rb", format!("cookbook_path \"{}/cookbooks\"\n", place.root()));
    place.write("cookbooks/site/recipes/default.yml", RECIPE);
    place.write("cookbooks/site/attributes/default.yml", "default: {site: {names: [shop, blog]}}\n");
    place.write("cookbooks/site/templates/default/site.tera", "{{ name }} of {{ node.site.names | length }}\n");
    place.write("cookbooks/site/files/default/logo.bin", b"\xff\x00\xfe");
    place
}

#[test]
fn it_converges_once_and_then_is_up_to_date() {
    let place = place();
    let done = place.converge().code(0);
    insta::assert_snapshot!("data_cookbook", done.whole());
    assert_eq!(place.text("srv/sites/blog").as_deref(), Some("blog of 2\n"));
    assert_eq!(fs::read(place.path("srv/sites/logo.bin")).expect("it is there"), b"\xff\x00\xfe");
    assert_eq!(place.text("srv/log").as_deref(), Some("reloaded\n"));
    let again = place.converge().code(0);
    assert_eq!(again.whole(), "exit 0\n--- stdout\nconverged in TIME: 0 changed, 4 up to date, 0 skipped\n");
    place.call(&["undo", "last", "-c", "ROOT/solo.rb", "--state-dir", "ROOT/state"]).code(0);
    assert_eq!(place.text("srv/sites/blog"), None);
}

#[test]
fn what_it_hides_is_said_by_every_report() {
    let place = place();
    fs::create_dir_all(place.path("more/kitchen/recipes")).expect("a directory can be made");
    place.write("more/kitchen/recipes/default.yml", "resources: []\n");
    place.write("solo.rb", format!("cookbook_path [\"{0}/cookbooks\", \"{0}/more\"]\n", place.root()));
    place.order(json!({"run_list": ["kitchen"]}));
    let human = place.converge().code(0);
    assert!(
        human
            .stdout
            .starts_with("! cookbook `kitchen` is that of `ROOT/more/kitchen`, which hides the compiled-in one\n"),
        "{}",
        human.whole()
    );
    let inspected = place.here(&["inspect"]).code(0);
    let line = "\ncookbook    kitchen from ROOT/more/kitchen, which hides the compiled-in one\n";
    assert!(inspected.stdout.contains(line), "{}", inspected.whole());
    let document = place.here(&["plan", "--format", "json"]).code(0).json();
    let wanted = json!([{"name": "kitchen", "path": "ROOT/more/kitchen", "shadows": ["compiled in"]}]);
    assert_eq!(document["cookbooks"], wanted);
    let lines = place.here(&["plan", "--format", "ndjson"]).code(0).stdout;
    let started = lines.lines().find(|line| line.contains("\"event\":\"started\"")).expect("it starts");
    let started: serde_json::Value = serde_json::from_str(started).expect("a line is JSON");
    assert_eq!(started["cookbooks"], wanted);
}

#[test]
fn a_slip_changes_nothing() {
    let place = place();
    place.write("cookbooks/site/recipes/default.yml", RECIPE.replace("execute[reload]", "execute[relaod]"));
    let before = place.tree();
    let refused = place.converge().code(65);
    // Once, though the line declares two resources.
    assert_eq!(
        refused.stderr.matches("ROOT/cookbooks/site/recipes/default.yml:16:21: ").count(),
        1,
        "{}",
        refused.whole()
    );
    assert!(refused.stderr.contains("did you mean `execute[reload]`"), "{}", refused.whole());
    assert_eq!(place.text("srv/sites/blog"), None);
    assert!(before.iter().all(|entry| place.tree().contains_key(entry.0)));
}

/// What Chef says of a node at the automatic level is what recipes see, whatever dna.json says.
#[test]
fn recipes_see_what_is_known_of_the_node() {
    let place = place();
    fs::create_dir(place.path("roles")).expect("a directory can be made");
    place.write("roles/web.json", r#"{"run_list": ["recipe[site::known]", "recipe[site::none@1.0]"]}"#);
    place.write("cookbooks/site/metadata.yml", "name: site\nversion: 1.0.0\n");
    place.write("cookbooks/site/recipes/none.yml", "resources: []\n");
    let recipe = "resources:\n- {type: log, name: \"{{ node.name }} {{ node.roles }} {{ node.recipes }} {{ node.expanded_run_list }} {{ node.chef_environment }} {{ node.cookbooks.site.version }} {{ node.platform != 'mine' }}\"}\n";
    place.write("cookbooks/site/recipes/known.yml", recipe);
    place.write("solo.rb", format!("chef_repo_path \"{}\"\n", place.root()));
    place.order(json!({
        "run_list": ["role[web]"], "roles": ["mine"], "recipes": null, "name": "mine", "platform": "mine", "cookbooks": 1,
    }));
    let outline = place.here(&["inspect", "--node-name", "ana", "--format", "json"]).code(0).json();
    assert_eq!(
        outline["resources"][0]["id"],
        "log[ana [\"web\"] [\"site::known\", \"site::none\"] [\"site::known\", \"site::none@1.0\"] _default 1.0.0 true]"
    );
    // The attributes of the document are those that were written.
    assert_eq!(outline["attributes"]["roles"], json!(["mine"]));
    let explained = place.here(&["explain", "attribute", "roles", "--node-name", "ana"]).code(0).stdout;
    assert!(explained.ends_with("roles = [\"web\"]\nobjects of all layers are merged; lists are united within default and override, and replaced above that\n"), "{explained}");
}
