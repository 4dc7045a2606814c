//! What is printed is true, said once, and in words that its reader knows.
use std::{fs, os::unix::fs::MetadataExt};

use serde_json::{Value, json};

use crate::kitchen::{Kitchen, is_root};

fn only(orders: Value) -> Kitchen {
    let recipes: Vec<String> = orders.as_object().unwrap().keys().map(|name| format!("kitchen::{name}")).collect();
    Kitchen::with(json!({"run_list": recipes, "kitchen": orders}))
}

#[test]
fn a_failure_that_is_ignored_is_called_so() {
    let place = only(json!({"execute": [
        {"name": "one", "command": "exit 1", "ignore_failure": true},
        {"name": "two", "command": "touch ROOT/srv/two"}
    ]}));
    let ran = place.converge().code(0);
    let verdict = "converged in TIME: 1 changed, 1 failure ignored, 0 up to date, 0 skipped\n";
    assert!(ran.stdout.ends_with(verdict), "{}", ran.whole());
}

#[test]
fn of_what_is_sensitive_one_line_tells_what_changes() {
    let place = only(json!({"files": [{"path": "ROOT/srv/key", "secret": "new", "mode": "0600"}]}));
    place.write("srv/key", "old");
    place.mode("srv/key", 0o644);
    let plan = place.plan().code(0);
    let lines: Vec<_> = plan.stdout.lines().filter(|line| line.contains("(sensitive)")).collect();
    assert_eq!(lines, ["      content, mode (sensitive)"], "{}", plan.whole());
}

#[test]
fn content_is_promised_when_its_judge_accepts_it() {
    let place = only(json!({"files": [
        {"path": "ROOT/srv/conf", "content": "x\n", "verify": "grep y %{path}"},
        {"path": "ROOT/srv/good", "content": "x\n", "verify": "grep x %{path}"}
    ]}));
    let plan = place.plan().code(0);
    let said = "  + may     file[ROOT/srv/conf] create\n      because `grep y %{path}` did not accept the content when it was \
                tried (exit code 1); it judges again before the file is put in place\n";
    assert!(plan.stdout.contains(said), "{}", plan.whole());
    assert!(plan.stdout.contains("  + will    file[ROOT/srv/good] create\n"), "{}", plan.whole());
}

/// A place whose only cookbook is this recipe.
fn data(recipe: &str) -> Kitchen {
    let place = Kitchen::with(json!({"run_list": ["site"]}));
    fs::create_dir_all(place.path("cookbooks/site/recipes")).unwrap();
    place.write("solo.rb", format!("cookbook_path \"{}/cookbooks\"\n", place.root()));
    let me = fs::metadata(place.path("srv")).unwrap();
    let recipe = recipe.replace("ROOT", &place.root()).replace("ME", &me.uid().to_string());
    place.write("cookbooks/site/recipes/default.yml", recipe);
    place
}

#[test]
fn of_a_script_its_reader_sees_interpreter_and_code() {
    let place = data("resources:\n- {type: bash, name: b, code: \"# why\\nfalse --now\\ntrue\"}\n");
    let plan = place.plan().code(0);
    assert!(plan.stdout.contains("      run bash -e: false --now (and 1 more line)\n"), "{}", plan.whole());
    let ran = place.converge().code(1);
    assert!(ran.stderr.contains("command `bash -e: false --now (and 1 more line)` exited with 1"), "{}", ran.whole());
    let hidden = data("resources:\n- {type: bash, name: b, code: false --now, sensitive: true}\n");
    let ran = hidden.converge().code(1);
    assert!(!ran.whole().contains("--now"), "{}", ran.whole());
}

#[test]
fn hints_are_in_the_words_of_either_kind_of_recipe() {
    let place = data("resources:\n- {type: directory, name: ROOT/srv/full, action: delete}\n");
    fs::create_dir_all(place.path("srv/full/of/it")).unwrap();
    let ran = place.converge().code(1);
    assert!(ran.stderr.contains("hint: set `recursive` to remove it with everything in it\n"), "{}", ran.whole());
}

#[test]
fn addresses_that_are_not_read_are_refused_with_those_that_are() {
    let place = only(json!({}));
    let ran = place.call(&["check", "-c", "ROOT/solo.rb", "-j", "ftp://host/dna.json"]).code(65);
    assert_eq!(
        ran.stderr,
        "error: run-list and attributes cannot be read from a `ftp:` address\n\
         hint: `http:`, `https:` and `file:` addresses, files and `-` (standard input) are read\n"
    );
}

#[test]
fn bad_input_has_a_document_too() {
    let place = Kitchen::with(json!({"run_list": ["kitchen", "kichen"]}));
    for command in ["check", "inspect", "plan", "converge"] {
        let document = place.here(&[command, "--format", "json"]).code(65).json();
        assert_eq!(document["command"], command);
        assert_eq!((&document["success"], &document["exit_code"]), (&json!(false), &json!(65)));
        let fault = &document["error"]["faults"][0];
        assert!(fault["message"].as_str().unwrap().contains("kichen"), "{command}: {document:#}");
        let lines = place.here(&[command, "--format", "ndjson"]).code(65).stdout;
        let last = lines.lines().last().expect("there is a line");
        assert_eq!(serde_json::from_str::<Value>(last).unwrap()["error"]["faults"][0], *fault);
    }
    place.write("solo.rb", "cookbook_path [\n");
    for command in ["check", "inspect", "plan", "converge"] {
        let document = place.here(&[command, "--format", "json"]).code(65).json();
        assert!(document["error"]["message"].as_str().unwrap().contains("solo.rb"), "{command}: {document:#}");
    }
}

#[test]
fn lines_of_json_are_lines() {
    let place = only(json!({}));
    for words in [&["facts"][..], &["explain", "link"], &["check", "-c", "ROOT/solo.rb", "-j", "ROOT/dna.json"]] {
        let said = place.call(&[words, &["--format", "ndjson"]].concat()).code(0).stdout;
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_misspelt_key_of_a_cookbook_is_told_where_that_cookbook_runs() {
    let place = Kitchen::with(json!({"run_list": ["kitchen::files"], "kitchn": {"files": []}}));
    let ran = place.here(&["check"]).code(0);
    let warning = "warning: ROOT/dna.json:1:32: `kitchn` is taken as an attribute that nothing reads\n\
                   hint: did you mean `kitchen`?\n";
    assert_eq!(ran.stderr, warning);
    for quiet in [
        json!({"run_list": ["kitchen::files"], "kitchn": {}, "kitchen": {}}),
        json!({"run_list": ["kitchen::fail"], "kit": {}}),
        json!({"run_list": [], "kitchn": {}}),
    ] {
        place.order(quiet.clone());
        let ran = place.here(&["check"]).code(0);
        assert!(!ran.stderr.contains("did you mean"), "{quiet}: {}", ran.whole());
    }
}

#[test]
fn a_new_link_of_either_kind_is_something_new() {
    let place = data(
        "resources:\n- {type: link, name: ROOT/srv/soft, to: file}\n\
         - {type: link, name: ROOT/srv/hard, to: ROOT/srv/file, link_type: hard}\n\
         - {type: link, name: ROOT/srv/moved, to: file}\n",
    );
    place.write("srv/file", "x");
    std::os::unix::fs::symlink("elsewhere", place.path("srv/moved")).unwrap();
    let plan = place.plan().code(0);
    for line in
        ["  + will    link[ROOT/srv/soft]", "  + will    link[ROOT/srv/hard]", "  ~ will    link[ROOT/srv/moved]"]
    {
        assert!(plan.stdout.contains(line), "{}", plan.whole());
    }
    assert!(plan.stdout.ends_with("plan: 2 to add, 1 to change, 0 to remove; 0 up to date, 0 skipped\n"));
}

#[test]
fn packages_that_need_root_are_planned_without() {
    let place = data("resources:\n- {type: service, name: cron, action: stop}\n");
    if is_root(&place) {
        place.mode("", 0o755);
    }
    let plan = place.call_as_nobody(&["plan", "-c", "ROOT/solo.rb", "-j", "ROOT/dna.json"]);
    assert!(!plan.whole().contains("needs root"), "{}", plan.whole());
}
