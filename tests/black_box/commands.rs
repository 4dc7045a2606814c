//! converge, plan, check, inspect, facts, history, show, undo, explain, completions, man.
use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use crate::kitchen::Kitchen;

fn dinner() -> Kitchen {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen"],
        "kitchen": {
            "directories": [{"path": "ROOT/srv/menu", "mode": "0750"}],
            "files": [
                {"path": "ROOT/srv/menu/today", "content": "soup\n", "mode": "0640", "notifies": [{"execute": "serve"}]},
                {"path": "ROOT/srv/old", "content": "new\n"},
                {"path": "ROOT/srv/stale", "action": ["delete"]}
            ],
            "links": [{"path": "ROOT/srv/link", "to": "menu/today"}],
            "execute": [
                {"name": "serve", "command": "echo served >> ROOT/srv/log", "action": ["nothing"]},
                {"name": "wash", "command": "touch ROOT/srv/clean", "creates": "ROOT/srv/clean"}
            ]
        }
    }));
    place.write("srv/old", "old\n");
    place.write("srv/stale", "stale\n");
    place
}

#[test]
fn a_plan_says_what_a_run_then_does_and_leaves_no_trace() {
    let place = dinner();
    let before = place.tree();
    let plan = place.plan().code(0);
    assert_eq!(place.tree(), before, "not even a state directory");
    insta::assert_snapshot!("plan", plan.whole());
    let done = place.converge().code(0);
    insta::assert_snapshot!("converge", done.whole());
    assert_eq!(place.text("srv/log").as_deref(), Some("served\n"));
    assert_eq!(place.text("srv/link").as_deref(), Some("soup\n"));
    assert_eq!(place.text("srv/old").as_deref(), Some("new\n"));
    assert_eq!((place.text("srv/stale"), place.text("srv/clean").as_deref()), (None, Some("")));
}

#[test]
fn a_plan_needs_no_root_rights() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::files"],
        "kitchen": {
            "files": [
                {"path": "ROOT/srv/first", "content": "x\n"},
                {"path": "ROOT/closed/secret", "content": "y\n"},
                {"path": "ROOT/srv/known", "content": "z\n", "owner": "no-such-account"}
            ]
        }
    }));
    std::fs::create_dir(place.path("closed")).unwrap();
    for (name, mode) in [("", 0o755), ("srv", 0o555), ("closed", 0)] {
        place.mode(name, mode);
    }
    let plan = place.call_as_nobody(&["plan", "-c", "ROOT/solo.rb", "-j", "ROOT/dna.json"]).code(1);
    place.mode("closed", 0o700);
    place.mode("srv", 0o755);
    insta::assert_snapshot!("plan_without_root", plan.whole());
}

#[test]
fn a_plan_shows_every_failure_and_the_rest() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::files"],
        "kitchen": {
            "files": [
                {"path": "ROOT/srv/one", "content": "x\n", "owner": "nobody-1"},
                {"path": "ROOT/srv/two", "content": "x\n", "owner": "nobody-2"},
                {"path": "ROOT/srv/three", "content": "x\n"}
            ]
        }
    }));
    insta::assert_snapshot!("plan_failures", place.plan().code(1).whole());
    let refused = place.converge().code(1);
    for said in ["`nobody-1` does not exist", "`nobody-2` does not exist", "nothing was changed"] {
        assert!(refused.stderr.contains(said), "{}", refused.whole());
    }
    assert_eq!(place.text("srv/three"), None);
}

#[test]
fn the_second_run_changes_nothing() {
    let place = dinner();
    place.converge().code(0);
    let before = place.tree();
    let again = place.converge().code(0);
    assert_eq!(again.whole(), "exit 0\n--- stdout\nconverged in TIME: 0 changed, 6 up to date, 0 skipped\n");
    let mut after = place.tree();
    assert!(after.remove(&place.path("state/history")).is_some());
    assert_eq!(after, before, "but for a line of history");
    let plan = place.plan().code(0);
    assert_eq!(plan.stdout, "plan: 0 to add, 0 to change, 0 to remove; 6 up to date, 0 skipped\n");
}

#[test]
fn drift_is_found_by_a_plan_and_repaired_alone() {
    let place = dinner();
    place.converge().code(0);
    place.write("srv/menu/today", "burnt\n");
    insta::assert_snapshot!("drift_plan", place.plan().code(0).whole());
    insta::assert_snapshot!("drift_converge", place.converge().code(0).whole());
    assert_eq!(place.text("srv/log").as_deref(), Some("served\nserved\n"));
}

#[test]
fn history_and_undo_find_the_state_directory_in_the_settings() {
    let place = dinner();
    place.write("solo.rb", format!("state_dir '{}/kept'\n", place.root()));
    let before = place.text("srv/old");
    place.call(&["converge", "-c", "ROOT/solo.rb", "-j", "ROOT/dna.json"]).code(0);
    assert!(place.path("kept/runs").is_dir());
    let history = place.call(&["history", "-c", "ROOT/solo.rb"]).code(0);
    assert!(history.stdout.contains("changed"), "{}", history.whole());
    place.call(&["show", "last", "-c", "ROOT/solo.rb"]).code(0);
    place.call(&["undo", "last", "-c", "ROOT/solo.rb"]).code(0);
    assert_eq!(place.text("srv/old"), before);
}

#[test]
fn detailed_exit_codes_tell_whether_there_is_something_to_do() {
    let place = dinner();
    place.here(&["plan", "--detailed-exitcode"]).code(2);
    place.here(&["converge", "--detailed-exitcode"]).code(2);
    place.here(&["plan", "--detailed-exitcode"]).code(0);
    place.here(&["converge", "--detailed-exitcode"]).code(0);
}

#[test]
fn a_failing_command_ends_the_run_and_owed_notices_still_run() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::notices", "kitchen::fail", "kitchen::files"],
        "kitchen": {
            "notices": [{"file": "ROOT/srv/a", "content": "a\n", "run": "echo told > ROOT/srv/told"}],
            "files": [{"path": "ROOT/srv/never", "content": "x"}],
            "fail": "the soup is burnt"
        }
    }));
    if !crate::kitchen::is_root(&place) {
        return;
    }
    let ran = place.converge().code(1);
    insta::assert_snapshot!("failure", ran.whole());
    assert_eq!(place.text("srv/told").as_deref(), Some("told\n"));
    assert_eq!(place.text("srv/never"), None);
}

#[test]
fn check_compiles_and_inspect_shows_the_node() {
    let place = dinner();
    let before = place.tree();
    let ran = place.here(&["check"]);
    assert_eq!(ran.whole(), "exit 0\n--- stdout\nno fault found: 2 recipes, 7 resources\n");
    let node = place.here(&["inspect", "--format", "json", "-N", "stove"]).code(0).json();
    assert_eq!(node["schema_version"], 1);
    assert_eq!(node["name"], "stove");
    assert_eq!(node["recipes"], json!(["kitchen::default"]));
    assert_eq!(node["loaded_recipes"], json!(["kitchen::default", "kitchen::dish"]));
    assert_eq!(node["run_list"], json!(["recipe[kitchen]"]));
    assert_eq!(node["attributes"]["kitchen"]["links"][0]["to"], "menu/today");
    let shown = place.here(&["inspect"]).code(0).stdout;
    let (_, attributes) = shown.split_once("\nattributes  ").expect("there are attributes");
    let (attributes, _) = attributes.split_once("\n\n").expect("there are resources");
    assert_eq!(serde_json::from_str::<serde_json::Value>(attributes).expect("they are JSON"), node["attributes"]);
    let ids: Vec<_> = node["resources"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let root = "ROOT";
    assert_eq!(
        ids,
        [
            format!("directory[{root}/srv/menu]"),
            format!("file[{root}/srv/menu/today]"),
            format!("file[{root}/srv/old]"),
            format!("file[{root}/srv/stale]"),
            format!("link[{root}/srv/link]"),
            "execute[serve]".to_owned(),
            "execute[wash]".to_owned(),
        ]
    );
    assert_eq!(place.tree(), before);
}

#[test]
fn runs_are_listed_shown_and_taken_back() {
    let place = dinner();
    let before = place.tree();
    place.converge().code(0);
    place.converge().code(0);
    let state = ["--state-dir", "ROOT/state"];
    let with = |words: &[&'static str]| -> Vec<&str> { words.iter().chain(&state).copied().collect() };
    insta::assert_snapshot!("history", place.call(&with(&["history"])).code(0).whole());
    insta::assert_snapshot!("show", place.call(&with(&["show", "1"])).code(0).whole().replace(&program(), "kitchen"));
    insta::assert_snapshot!("undo_dry_run", place.call(&with(&["undo", "1", "--dry-run"])).code(0).whole());
    place.call(&with(&["undo", "1"])).code(0);
    let mut after = place.tree();
    after.retain(|path, _| !path.starts_with(place.path("state")));
    for made_by_commands in ["srv/log", "srv/clean"] {
        assert!(after.remove(&place.path(made_by_commands)).is_some());
    }
    assert_eq!(after, before);
    let unknown = place.call(&with(&["show", "77"]));
    assert_eq!((unknown.code, unknown.stderr.starts_with("error: there is no run `77`")), (Some(1), true));
}

fn program() -> String {
    crate::kitchen::program().display().to_string()
}

#[test]
fn undo_refuses_what_was_changed_since_unless_forced() {
    let place = dinner();
    place.converge().code(0);
    place.write("srv/old", "mine\n");
    let state = ["--state-dir", "ROOT/state"];
    let refused = place.call(&[&["undo", "last"], &state[..]].concat());
    assert_ne!(refused.code, Some(0), "{}", refused.whole());
    assert!(refused.stderr.contains("`ROOT/srv/old` was changed since"), "{}", refused.whole());
    assert_eq!(place.text("srv/old").as_deref(), Some("mine\n"));
    place.call(&[&["undo", "last", "--force"], &state[..]].concat()).code(0);
    assert_eq!(place.text("srv/old").as_deref(), Some("old\n"));
}

#[test]
fn facts_are_json_and_can_be_asked_one_by_one() {
    let place = Kitchen::with(json!({}));
    let all = place.call(&["facts"]).code(0).json();
    for name in ["platform", "platform_family", "platform_version", "hostname", "kernel", "memory", "cpu"] {
        assert!(!all[name].is_null(), "{name}: {all}");
    }
    let one = place.call(&["facts", "kernel.name"]).code(0);
    assert_eq!(one.json(), json!({"kernel.name": "Linux"}));
    let unknown = place.call(&["facts", "platfrom"]);
    assert_ne!(unknown.code, Some(0));
    assert!(unknown.stderr.contains("did you mean `platform`"), "{}", unknown.whole());
}

#[test]
fn every_kind_is_explained() {
    let place = Kitchen::with(json!({}));
    insta::assert_snapshot!("explain_link", place.call(&["explain", "link"]).code(0).whole());
    let all = place.call(&["explain"]).code(0);
    for kind in brasa::recipe::kinds() {
        assert!(all.stdout.contains(kind.name), "{}", kind.name);
        let one = place.call(&["explain", kind.name]).code(0);
        assert!(kind.example.lines().all(|line| one.stdout.contains(line)), "{}", kind.name);
    }
    let which = place.call(&["explain", "attribute"]).code(64);
    assert!(
        which.stderr.starts_with("error: `explain attribute` is not told which: a KEY is missing\n"),
        "{}",
        which.whole()
    );
    let unknown = place.call(&["explain", "serivce"]);
    assert_ne!(unknown.code, Some(0));
    assert!(unknown.stderr.contains("did you mean `service`?"), "{}", unknown.whole());
}

#[test]
fn completions_and_manual_pages_are_printed() {
    let place = Kitchen::with(json!({}));
    for shell in ["bash", "zsh", "fish"] {
        let script = place.call(&["completions", shell]).code(0).stdout;
        assert!(script.contains("converge") && script.contains("brasa"), "{shell}");
    }
    assert!(place.call(&["man"]).code(0).stdout.contains(".TH brasa"));
    place.call(&["man", "--out", "ROOT/man"]).code(0);
    assert!(place.text("man/brasa-converge.1").unwrap().contains(".TH brasa-converge"));
}

#[test]
fn a_wrong_command_line_is_64() {
    let place = Kitchen::with(json!({}));
    for words in [&["convrege"][..], &["converge", "--nonsense"], &["show"], &[], &["converge", "--format", "xml"]] {
        let ran = place.call(words).code(64);
        assert_eq!(ran.stdout, "", "{words:?}");
    }
    assert!(place.call(&["convrege"]).stderr.contains("converge"));
    assert!(place.call(&["--help"]).code(0).stdout.contains("Exit codes:"));
    assert!(place.call(&["--version"]).code(0).stdout.starts_with("brasa "));
}

/// Needs root: chroot(2) does.
#[test]
fn another_root_is_converged_and_this_one_left_alone() {
    let place = Kitchen::with(json!({}));
    if !crate::kitchen::is_root(&place) {
        return;
    }
    for directory in ["image", "image/etc", "image/srv"] {
        std::fs::create_dir(place.path(directory)).unwrap();
    }
    place.write("image/etc/passwd", "root:x:0:0::/root:/bin/sh\ncook:x:4711:4711::/:/bin/sh\n");
    place.write("image/etc/group", "root:x:0:\ncook:x:4711:\n");
    let dna = json!({
        "run_list": ["kitchen::files"],
        "kitchen": {"files": [{"path": "/srv/dish", "content": "x\n", "owner": "cook", "group": "cook"}]}
    });
    place.write("image/dna.json", dna.to_string());
    let call = |words: &[&str]| place.call(&[words, &["--root", "ROOT/image", "-j", "/dna.json"]].concat());
    let plan = call(&["plan"]).code(0);
    assert!(plan.stdout.contains("will    file[/srv/dish] create"), "{}", plan.whole());
    assert_eq!(place.text("image/srv/dish"), None);
    call(&["converge"]).code(0);
    assert_eq!(std::fs::metadata(place.path("image/srv/dish")).unwrap().uid(), 4711);
    assert!(place.path("image/var/lib/brasa").is_dir());
    let again = call(&["converge"]).code(0);
    assert_eq!(again.stdout, "converged in TIME: 0 changed, 1 up to date, 0 skipped\n");
    place.call(&["undo", "last", "--root", "ROOT/image"]).code(0);
    assert_eq!(place.text("image/srv/dish"), None);
    let none = place.call(&["converge", "--root", "ROOT/none"]).code(65);
    assert!(none.stderr.starts_with("error: cannot make `ROOT/none` the root directory: "), "{}", none.whole());
}

#[test]
fn the_log_tells_more_when_it_is_asked_to() {
    let place = Kitchen::with(json!({"run_list": ["role[web]"]}));
    std::fs::create_dir(place.path("roles")).unwrap();
    place.write("roles/web.json", r#"{"name": "web", "run_list": ["kitchen::execute"]}"#);
    place.write("solo.rb", format!("role_path \"{}/roles\"\n", place.root()));
    place.order(json!({"run_list": ["role[web]"], "kitchen": {"execute": [{"name": "true"}, {"name": "echo c4nary", "sensitive": true}]}}));
    let levels = ["warn", "info", "debug"].map(|level| {
        let ran = place.here(&["converge", "--node-name", "ana", "--log-level", level]).code(0);
        assert!(!ran.stderr.contains("c4nary"), "{}", ran.whole());
        ran.stderr
    });
    let node = " INFO node `ana` in environment `_default`: kitchen::execute\n";
    assert_eq!(levels[..2], [String::new(), node.to_owned()]);
    for line in [
        "DEBUG read `ROOT/roles/web.json`\n",
        "DEBUG cookbook `kitchen` ",
        "DEBUG command `true` ended with 0 after ",
        node,
    ] {
        assert!(levels[2].contains(line), "{line}: {}", levels[2]);
    }
}
