//! What goes to standard output, in which form and colour.
use std::process::Stdio;

use serde_json::{Value, json};

use crate::kitchen::{Kitchen, program};

fn place() -> Kitchen {
    Kitchen::with(json!({
        "run_list": ["kitchen::files", "kitchen::execute"],
        "kitchen": {
            "files": [{"path": "ROOT/srv/motd", "content": "hello\n", "notifies": [{"execute": "tell"}]}],
            "execute": [{"name": "tell", "command": "echo OUTPUT; echo ERRORS >&2", "action": ["nothing"]}]
        }
    }))
}

#[test]
fn a_json_report_is_one_document() {
    let place = place();
    let report = place.here(&["converge", "--format", "json"]).code(0).json();
    assert_eq!(report["schema_version"], 1);
    assert_eq!(
        (&report["command"], &report["success"], &report["dry"]),
        (&json!("converge"), &json!(true), &json!(false))
    );
    assert_eq!(report["summary"]["changed"], 2);
    let actions: Vec<_> = report["actions"].as_array().unwrap().iter().map(|one| &one["resource"]).collect();
    assert_eq!(actions, ["file[ROOT/srv/motd]", "execute[tell]"]);
    let again = place.here(&["converge", "--format", "json"]).code(0).json();
    assert_eq!((&again["summary"]["changed"], &again["summary"]["up_to_date"]), (&json!(0), &json!(1)));
    let plan = place.here(&["plan", "--format", "json"]).code(0).json();
    assert_eq!(plan["dry"], true);
}

#[test]
fn a_failed_run_is_a_document_too() {
    let place = Kitchen::with(json!({"run_list": ["kitchen::fail"]}));
    let report = place.here(&["converge", "--format", "json"]).code(1).json();
    assert_eq!((&report["success"], &report["exit_code"]), (&json!(false), &json!(1)));
    assert!(report["error"]["message"].as_str().unwrap().contains("the kitchen is on fire"), "{report}");
    place.write("dna.json", "{\"run_list\": [\"kitchen::fils\", \"kitchen::linx\"]}");
    let report = place.here(&["converge", "--format", "json"]).code(65).json();
    let faults = report["error"]["faults"].as_array().unwrap();
    let places: Vec<_> = faults.iter().map(|fault| fault["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["ROOT/dna.json:1:15", "ROOT/dna.json:1:32"]);
    assert_eq!(faults[1]["hints"][0], "did you mean `kitchen::links`?");
    place.write("dna.json", "{");
    let report = place.here(&["converge", "--format", "json"]).code(65).json();
    assert_eq!((&report["success"], &report["exit_code"]), (&json!(false), &json!(65)));
}

#[test]
fn events_are_json_lines() {
    let place = place();
    let ran = place.here(&["converge", "--format", "ndjson"]).code(0);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["schema_version"], 1);
    let mut events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    events.retain(|event| *event != "progress");
    assert_eq!(events, ["report", "started", "begun", "ended", "begun", "ended", "finished", "ended_run"]);
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure_of_its_own() {
    for format in ["human", "json", "ndjson"] {
        let place = place();
        let words = Kitchen::arguments(&["converge", "-v", "--format", format]);
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(program(), &words).stdout(full).output().unwrap();
        let ran = place.ran(&output).code(1);
        assert!(
            ran.stderr.contains("the run itself ended well, but its report could not be written"),
            "{}",
            ran.whole()
        );
        assert_eq!(place.text("srv/motd").as_deref(), Some("hello\n"));
        place.here(&["converge"]).code(0);
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place().command(program(), &["facts"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = place();
    for words in [&["converge"][..], &["plan"], &["converge", "--format", "json"], &["inspect"], &["converge", "-vv"]] {
        let mut command = place.command(program(), &Kitchen::arguments(words));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let ran = place.ran(&output);
        assert!(!ran.stderr.contains("panic") && ran.code == Some(0), "{words:?}: {}", ran.whole());
    }
    for words in [&["explain"][..], &["man"], &["completions", "bash"], &["facts"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(program(), words).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let ran = place.ran(&output);
        assert!(!ran.stderr.contains("panic") && ran.code == Some(0), "{words:?}: {}", ran.whole());
    }
}

#[test]
fn colour_is_for_terminals_and_whoever_asks() {
    let place = place();
    let coloured = |name: Option<(&str, &str)>, words: &[&str]| {
        let mut command = place.command(program(), &Kitchen::arguments(&[&["plan"], words].concat()));
        command.envs(name);
        place.ran(&command.output().unwrap()).code(0).stdout.contains('\x1b')
    };
    assert!(!coloured(None, &[]));
    assert!(coloured(Some(("CLICOLOR_FORCE", "1")), &[]));
    assert!(!coloured(Some(("CLICOLOR_FORCE", "0")), &[]));
    assert!(!coloured(Some(("NO_COLOR", "1")), &[]));
    assert!(coloured(Some(("NO_COLOR", "1")), &["--color", "always"]));
    assert!(!coloured(Some(("CLICOLOR_FORCE", "1")), &["--color", "never"]));
}

#[test]
fn quiet_and_verbose() {
    let place = place();
    place.converge().code(0);
    assert_eq!(
        place.here(&["converge", "-v"]).code(0).stdout.lines().next(),
        Some("kitchen::files"),
        "what is up to date is listed"
    );
    assert_eq!(place.here(&["converge", "-q"]).code(0).whole().lines().count(), 3);
}
