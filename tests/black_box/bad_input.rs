//! Bad input, one table: the exit code, what is said, and that nothing was changed or made.
use std::{os::unix::process::ExitStatusExt as _, process::Command};

use serde_json::json;

use crate::kitchen::{Kitchen, is_root, program};

/// What is in dna.json, and the beginning of what standard error then says. `ROOT` is the place in both.
const REFUSED: &[(&str, &[u8], &str)] = &[
    (
        "malformed",
        b"{\n  \"run_list\": [\"kitchen::files\"],\n  \"kitchen\": {\"files\": [}\n}\n",
        "error: ROOT/dna.json:3:25: expected a value, found `}`\n   3 |   \"kitchen\": {\"files\": [}\n     |                         ^\n",
    ),
    (
        "a key given twice",
        b"{\"run_list\": [],\n \"run_list\": [\"kitchen\"]}",
        "error: ROOT/dna.json:2:2: key `run_list` is given twice; the first is at ROOT/dna.json:1:2\n   2 |  \"run_list\": [\"kitchen\"]}\n",
    ),
    ("not UTF-8", b"{\"run_list\": [\"\xff\"]}", "error: ROOT/dna.json:1:16: byte 0xff is not UTF-8\n"),
    ("empty", b"", "error: ROOT/dna.json:1:1: the file is empty; a JSON value was expected\n"),
    (
        "a byte order mark",
        b"\xef\xbb\xbf{}",
        "error: ROOT/dna.json:1:1: the file begins with a byte order mark, which JSON does not allow\n",
    ),
    ("a number", b"3", "error: ROOT/dna.json:1:1: dna.json is an object, this is a number\n"),
    ("cut off", b"{\"run_list\": [\"kitchen\"", "error: ROOT/dna.json:1:"),
    (
        "an unknown recipe",
        b"{\"run_list\": [\"kitchen::fils\"]}",
        "error: ROOT/dna.json:1:15: cookbook `kitchen` has no recipe `fils`\nhint: did you mean `kitchen::files`?\nhint: it has `kitchen::default`, ",
    ),
    (
        "an unknown cookbook",
        b"{\"run_list\": [\"kichen\"]}",
        "error: ROOT/dna.json:1:15: no cookbook `kichen` is on `cookbook_path` or compiled in\nhint: did you mean `kitchen`?\nhint: there are `kitchen`, ",
    ),
    (
        "an environment that is not there",
        b"{\"run_list\": [\"kitchen\"],\n \"chef_environment\": \"ghost\"}",
        "error: ROOT/dna.json:2:22: there is no environment `ghost`\n",
    ),
    (
        "an environment with directories in its name",
        b"{\"run_list\": [\"kitchen\"], \"chef_environment\": \"../roles/x\"}",
        "error: ROOT/dna.json:1:47: `../roles/x` is no name of an environment\n",
    ),
    (
        "both run-lists",
        b"{\"run_list\": [\"kitchen\"], \"recipes\": [\"kitchen\"]}",
        "error: ROOT/dna.json:1:38: the run-list is given twice: `run_list` at ROOT/dna.json:1:2 means the same as this\n",
    ),
    (
        "an unknown attribute",
        b"{\"run_list\": [\"kitchen\"], \"kitchen\": {\"fiels\": []}}",
        "error: ROOT/dna.json:1:39: unknown attribute `kitchen.fiels`\nhint: did you mean `files`?\n",
    ),
    (
        "an attribute of another type",
        b"{\"run_list\": [\"kitchen\"], \"kitchen\": {\"files\": 3}}",
        "error: ROOT/dna.json:1:48: `kitchen.files`: expected a list, got ",
    ),
    (
        "a template's variable that is not set, in a branch not taken",
        b"{\"run_list\": [\"kitchen::unset\"]}",
        "error: unset.tera:3:13: template `unset.tera` uses `surname`, which `Empty` does not have\n3 |   name = {{ surname }}\n",
    ),
    (
        "a mode",
        b"{\"run_list\": [\"kitchen::files\"], \"kitchen\": {\"files\": [{\"path\": \"ROOT/srv/x\", \"mode\": \"99999\"}]}}",
        "error: ROOT/dna.json:1:56: `kitchen.files[0]`: `99999` is no octal number from `0` to `7777`\n",
    ),
    (
        "a path that climbs",
        b"{\"run_list\": [\"kitchen::files\"], \"kitchen\": {\"files\": [{\"path\": \"ROOT/srv/../x\"}]}}",
        "error: examples/kitchen.rs:",
    ),
    (
        "a NUL in a path",
        b"{\"run_list\": [\"kitchen::files\"], \"kitchen\": {\"files\": [{\"path\": \"ROOT/srv/\\u0000x\"}]}}",
        "error: examples/kitchen.rs:",
    ),
];

#[test]
fn what_cannot_be_read_or_compiled_is_refused() {
    for (name, dna, said) in REFUSED {
        let place = Kitchen::with(json!({}));
        let text = dna.windows(4).any(|bytes| bytes == b"ROOT");
        let dna =
            if text { String::from_utf8_lossy(dna).replace("ROOT", &place.root()).into_bytes() } else { dna.to_vec() };
        place.write("dna.json", dna);
        let before = place.tree();
        for command in ["converge", "plan", "check", "inspect"] {
            let ran = place.here(&[command]);
            // What is wrong in a line that names the place stands further right than in the table.
            assert!(ran.stderr.starts_with(said), "{name}: {command}: {}", ran.whole());
            assert_eq!((ran.code, ran.stdout.lines().count() <= 1), (Some(65), true), "{name}: {}", ran.whole());
        }
        assert_eq!(place.tree(), before, "{name}: nothing is made, not even a state directory");
    }
}

#[test]
fn faults_are_told_all_at_once() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::files", "kitchen::directories"],
        "kitchen": {
            "files": [{"path": "srv/relative"}, {"path": "ROOT/srv/../up"}],
            "directories": [{"path": "ROOT/srv/\0"}]
        }
    }));
    let ran = place.converge().code(65);
    assert_eq!(ran.stderr.matches("error: ").count() + ran.stderr.matches("\nexamples/").count(), 3, "{}", ran.whole());
    for part in ["file[srv/relative]", "contains `..`", "contains a NUL byte"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.whole());
    }
}

#[test]
fn good_input_of_unusual_form_is_taken() {
    for dna in ["{}", "// comments\n{\"run_list\": [] /* are read over */}", "{\"recipes\": [\"kitchen\"]}"] {
        let place = Kitchen::with(json!({}));
        place.write("dna.json", dna);
        place.converge().code(0);
    }
}

#[test]
fn deep_and_large_documents_are_refused_at_once() {
    let place = Kitchen::with(json!({}));
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        place.write("dna.json", deep);
        let ran = place.converge().code(65);
        assert!(ran.stderr.contains("lists and objects lie more than 128 deep in each other"), "{}", ran.whole());
        assert!(ran.stderr.len() < 2000, "the line is shown in part");
    }
    std::fs::OpenOptions::new().write(true).open(place.path("dna.json")).unwrap().set_len(1 << 30).unwrap();
    let words = Kitchen::arguments(&["converge"]);
    // The limit of address space ends whoever reads it all.
    let mut limited = place.command(std::path::Path::new("sh"), &["-c", "ulimit -v 500000; exec \"$@\"", "sh"]);
    let all: Vec<_> = words.iter().map(|word| word.replace("ROOT", &place.root())).collect();
    let output = limited.arg(program()).args(all).output().unwrap();
    assert_eq!(output.status.signal(), None);
    let ran = place.ran(&output).code(65);
    assert!(ran.stderr.contains("is larger than 16 MiB"), "{}", ran.whole());
}

#[test]
fn a_flood_of_values_is_refused_before_it_takes_the_memory() {
    let place = Kitchen::with(json!({}));
    place.write("dna.json", format!("{{\"a\": [{}1]}}", "1,".repeat(5_000_000)));
    let ran = place.converge().code(65);
    assert!(ran.stderr.starts_with("error: ROOT/dna.json:1:"), "{}", ran.whole());
    assert!(ran.stderr.contains(": there are more than 250000 values in this file\n"), "{}", ran.whole());
}

#[test]
fn names_that_are_missing_are_told_at_once() {
    let place =
        Kitchen::with(json!({"run_list": ["role[web]", "kitchen::fils", "nothing"], "chef_environment": "staging"}));
    let ran = place.converge().code(65);
    let told: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| !line.starts_with("hint: "))
        .map(|line| line.rsplit_once(": ").map_or(line, |(_, sentence)| sentence))
        .collect();
    assert_eq!(
        told,
        [
            "there is no role `web`",
            "cookbook `kitchen` has no recipe `fils`",
            "no cookbook `nothing` is on `cookbook_path` or compiled in",
            "there is no environment `staging`",
        ],
        "{}",
        ran.whole()
    );
    // It is named where it counts: an option counts more than the settings, and dna.json more than both.
    assert!(ran.stderr.starts_with("error: ROOT/dna.json:1:"), "{}", ran.whole());
    place.order(json!({}));
    let ran = place.here(&["check", "-E", "ghost"]).code(65);
    assert!(ran.stderr.contains("-E:1:1: there is no environment `ghost`"), "{}", ran.whole());
    // What is no item hides none of them, neither in dna.json nor in -o.
    place.order(json!({"run_list": ["kitchen::fils", "recipe[kitchen", 5, "nothing"], "policy_name": "p"}));
    let ran = place.here(&["check", "-o", "role[db],role[a"]).code(65);
    let told: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(": ") && !line.starts_with("hint")).collect();
    assert_eq!(
        told,
        [
            "error: -o:1:1: there is no role `db`",
            "-o:1:10: `role[a` is no item of a run-list",
            "ROOT/dna.json:1:30: `recipe[kitchen` is no item of a run-list",
            "ROOT/dna.json:1:47: `5` is no item of a run-list",
            "ROOT/dna.json:1:74: `policy_name` asks for a Policyfile, which brasa does not read",
        ],
        "{}",
        ran.whole()
    );
    let ran = place.converge().code(65);
    let missing = ["`recipe[kitchen`", "`5` is no item", "no recipe `fils`", "no cookbook `nothing`"];
    assert!(missing.iter().all(|part| ran.stderr.contains(part)), "{}", ran.whole());
    // What is wrong in a recipe that is there is told with them, and no notice to what the missing one may declare.
    place.order(json!({"run_list": ["nothing", "kitchen"], "kitchen": {"fiels": []}}));
    let ran = place.converge().code(65);
    assert!(ran.stderr.contains("no cookbook `nothing`"), "{}", ran.whole());
    assert!(ran.stderr.contains("unknown attribute `kitchen.fiels`"), "{}", ran.whole());
}

#[test]
fn files_that_are_not_there_or_not_understood() {
    let place = Kitchen::with(json!({}));
    let missing = place.call(&["converge", "-c", "ROOT/none.rb"]).code(65);
    assert!(missing.stderr.starts_with("error: the settings file `ROOT/none.rb` does not exist\nhint: "));
    let missing = place.call(&["converge", "-c", "ROOT/solo.rb", "-j", "ROOT/none.json"]).code(65);
    assert!(missing.stderr.starts_with("error: `ROOT/none.json` does not exist\nhint: "), "{}", missing.whole());
    let directory = place.call(&["converge", "-c", "ROOT/solo.rb", "-j", "ROOT/srv"]).code(65);
    assert!(directory.stderr.starts_with("error: `ROOT/srv` is a directory"), "{}", directory.whole());
    for (text, said) in [
        ("cookbook_path [", "error: ROOT/solo.rb:1:15: this list does not end\n   1 | cookbook_path ["),
        ("log_level :info\nif true\n", "error: ROOT/solo.rb:2:1: this `if` has no `end`\n   2 | if true\n"),
    ] {
        place.write("solo.rb", text);
        let ran = place.converge().code(65);
        assert!(ran.stderr.starts_with(said), "{}", ran.whole());
    }
    assert!(!place.path("state").exists());
}

#[test]
fn a_user_that_is_missing_is_found_before_the_first_change() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::files"],
        "kitchen": {"files": [{"path": "ROOT/srv/x", "content": "x"}, {"path": "ROOT/srv/y", "owner": "nobody-here"}]}
    }));
    let ran = place.converge().code(1);
    assert!(ran.stderr.contains("user `nobody-here` does not exist\nnothing was changed"), "{}", ran.whole());
    assert_eq!(place.text("srv/x"), None);
}

/// A full disk and a file system that cannot be written, which only root can bring about, in a mount namespace of its own.
#[test]
fn a_disk_that_is_full_or_read_only_loses_nothing() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::files"],
        "kitchen": {"files": [{"path": "ROOT/srv/x", "content": "y".repeat(200_000)}]}
    }));
    let namespaces =
        is_root(&place) && Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !namespaces {
        return;
    }
    let all: Vec<_> =
        Kitchen::arguments(&["converge"]).iter().map(|word| word.replace("ROOT", &place.root())).collect();
    let mounted = |options: &str| {
        let script = format!(
            "mount -t tmpfs -o size=64k tmpfs ROOT/srv && printf old > ROOT/srv/x && mount -o remount,{options} ROOT/srv\n\
             \"$@\"; code=$?; printf 'has: '; cat ROOT/srv/x; ls -A ROOT/srv | tr '\\n' ' '; exit $code"
        );
        let mut command = place.command(std::path::Path::new("unshare"), &["-m", "sh", "-c", &script, "sh"]);
        place.ran(&command.arg(program()).args(&all).output().unwrap()).code(1)
    };
    let full = mounted("size=64k");
    assert!(full.stdout.ends_with("has: oldx "), "{}", full.whole());
    assert!(full.stderr.contains("ROOT/srv") && full.stderr.to_lowercase().contains("space"), "{}", full.whole());
    let read_only = mounted("ro");
    assert!(read_only.stdout.ends_with("has: oldx "), "{}", read_only.whole());
    assert!(read_only.stderr.to_lowercase().contains("read-only"), "{}", read_only.whole());
}

#[test]
fn without_root_rights_nothing_is_begun() {
    let place = Kitchen::with(json!({"run_list": ["kitchen::files"]}));
    let setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    if !is_root(&place) || !setpriv {
        return;
    }
    // Nobody can enter the directory that cargo builds in, so the program is brought along.
    let copy = place.path("kitchen");
    std::fs::copy(program(), &copy).unwrap();
    let open = Command::new("chmod").args(["-R", "a+rX"]).arg(place.path("")).status().unwrap();
    assert!(open.success());
    let words = ["--reuid=65534", "--regid=65534", "--clear-groups", "ROOT/kitchen", "converge"];
    let words = [&words[..], &["-c", "ROOT/solo.rb", "-j", "ROOT/dna.json"]].concat();
    let ran = place.ran(&place.command(std::path::Path::new("setpriv"), &words).output().unwrap()).code(1);
    assert!(
        ran.stderr.starts_with("error: converging needs root rights; nothing was changed\nhint: "),
        "{}",
        ran.whole()
    );
}

#[test]
fn where_faults_are_cut_off_it_is_said() {
    let many: Vec<String> = (0..30).map(|n| format!("nothing{n}")).collect();
    let place = Kitchen::with(json!({"run_list": many}));
    let ran = place.converge().code(65);
    assert_eq!(ran.stderr.matches("no cookbook `nothing").count(), 20, "{}", ran.whole());
    assert!(ran.stderr.ends_with("\nand perhaps more: they are told when these are mended\n"), "{}", ran.whole());
    let error = |ran: crate::kitchen::Ran| {
        serde_json::from_str::<serde_json::Value>(&ran.stdout).expect("a document")["error"].clone()
    };
    let cut = error(place.here(&["check", "--format", "json"]).code(65));
    assert_eq!((cut["faults"].as_array().map(Vec::len), &cut["more"]), (Some(20), &json!(true)));
    place.order(json!({"run_list": &many[..19]}));
    let whole = error(place.here(&["check", "--format", "json"]).code(65));
    assert_eq!((whole["faults"].as_array().map(Vec::len), whole.get("more")), (Some(19), None));
}
