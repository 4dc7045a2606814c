//! Locks, signals, and runs that are cut off.
use std::process::Command;

use serde_json::{Value, json};

use crate::kitchen::Kitchen;

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}

/// A file that owes a restart, a command that takes its time, and a file behind it.
fn slow(command: &str) -> Value {
    json!({
        "run_list": ["kitchen"],
        "kitchen": {
            "files": [{"path": "ROOT/srv/one", "content": "1\n", "notifies": [{"execute": "restart"}]}],
            "execute": [
                {"name": "restart", "command": "echo restarted >> ROOT/srv/log", "action": ["nothing"]},
                {"name": "slow", "command": command, "creates": "ROOT/srv/done"}
            ],
            "dish": {"directory": "ROOT/srv", "content": "x", "run": "true"}
        }
    })
}

const WAITS: &str = "touch ROOT/srv/started; while [ ! -e ROOT/srv/go ]; do sleep 0.05; done; touch ROOT/srv/done";

#[test]
fn one_run_at_a_time() {
    let place = Kitchen::with(slow(WAITS));
    let first = place.start(&["converge"]);
    place.await_file("srv/started");
    let second = place.here(&["converge", "--run-lock-timeout", "0"]).code(75);
    assert!(second.stderr.contains(&first.id().to_string()), "the holder is named: {}", second.whole());
    place.plan().code(0);
    place.write("srv/go", "");
    place.wait(first).code(0);
    place.here(&["converge", "--run-lock-timeout", "0"]).code(0);
}

#[test]
fn a_signal_stops_before_the_next_resource_and_owed_notices_run() {
    let place = Kitchen::with(slow(WAITS));
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let run = place.start(&["converge"]);
        place.await_file("srv/started");
        signal(name, run.id());
        std::thread::sleep(std::time::Duration::from_millis(300));
        place.write("srv/go", "");
        let ran = place.wait(run).code(code);
        assert_eq!(place.text("srv/main"), None, "{}", ran.whole());
        assert_eq!(place.text("srv/log").as_deref(), Some("restarted\n"), "{}", ran.whole());
        for made in ["srv/started", "srv/go", "srv/done", "srv/log", "srv/one"] {
            std::fs::remove_file(place.path(made)).unwrap_or_default();
        }
    }
    place.write("srv/go", "");
    let ran = place.converge().code(0);
    assert_eq!(place.text("srv/main").as_deref(), Some("x"), "{}", ran.whole());
}

/// A file that owes a restart, and a command behind which nothing comes.
fn slow_at_the_end(command: &str) -> Value {
    let mut dna = slow(command);
    dna["run_list"] = json!(["kitchen::files", "kitchen::execute"]);
    dna
}

#[test]
fn a_signal_during_the_last_resource_is_told_and_heeded() {
    let place = Kitchen::with(slow_at_the_end(WAITS));
    let run = place.start(&["converge"]);
    place.await_file("srv/started");
    signal("TERM", run.id());
    std::thread::sleep(std::time::Duration::from_millis(300));
    place.write("srv/go", "");
    let ran = place.wait(run).code(143);
    assert!(
        ran.stderr.starts_with("stopping after execute[slow] (signal 15); again to end it\n"),
        "it is told: {}",
        ran.whole()
    );
    assert!(ran.stderr.contains("stopped by signal 15"), "{}", ran.whole());
    assert_eq!(place.text("srv/log").as_deref(), Some("restarted\n"), "{}", ran.whole());
    assert!(place.path("srv/done").exists(), "the command went on to its end");
    place.converge().code(0);
}

#[test]
fn a_second_signal_ends_the_command() {
    let place = Kitchen::with(slow_at_the_end("echo $$ > ROOT/srv/started; sleep 600; true"));
    let run = place.start(&["converge"]);
    place.await_file("srv/started");
    std::thread::sleep(std::time::Duration::from_millis(100));
    for _ in 0..2 {
        signal("INT", run.id());
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let ran = place.wait(run).code(130);
    let told = "stopping after execute[slow] (signal 2); again to end it\nending execute[slow] (signal 2)\n";
    assert!(ran.stderr.starts_with(told), "{}", ran.whole());
    let command = place.text("srv/started").unwrap();
    assert!(!std::path::Path::new("/proc").join(command.trim()).exists(), "its process is gone");
    assert_eq!(place.text("srv/log").as_deref(), Some("restarted\n"), "owed notices still run: {}", ran.whole());
    let shown = place.call(&["show", "last", "--state-dir", "ROOT/state"]).code(0);
    assert!(shown.stdout.contains("(failed: stopped by signal 2)"), "{}", shown.whole());
}

#[test]
fn after_a_kill_the_next_run_says_where_it_stopped_and_runs_what_is_owed() {
    let place = Kitchen::with(slow(WAITS));
    let run = place.start(&["converge"]);
    place.await_file("srv/started");
    signal("KILL", run.id());
    assert_eq!(place.wait(run).code, None);
    assert_eq!(place.text("srv/log"), None);
    place.write("srv/go", "");
    let plan = place.plan().code(0);
    assert!(plan.whole().contains("run RUN was cut off at execute[slow] (run)"), "{}", plan.whole());
    let next = place.converge().code(0);
    assert!(next.whole().contains("was cut off at execute[slow] (run)"), "{}", next.whole());
    assert!(next.stdout.contains("execute[restart] run"), "{}", next.whole());
    assert_eq!(place.text("srv/log").as_deref(), Some("restarted\n"));
    let last = place.converge().code(0);
    assert_eq!(last.stdout, "converged in TIME: 0 changed, 5 up to date, 0 skipped\n", "{}", last.whole());
    assert_eq!(last.stderr, "");
    assert_eq!(place.text("srv/log").as_deref(), Some("restarted\n"));
}

#[test]
fn what_is_asked_for_twice_or_by_itself_is_not_owed_by_the_next_run() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen"],
        "kitchen": {
            "files": [{"path": "ROOT/srv/one", "content": "1\n", "notifies": [{"execute": "b"}, {"execute": "a"}]}],
            "execute": [
                {"name": "a", "command": "echo a >> ROOT/srv/log", "action": ["nothing"], "notifies": [{"execute": "b"}]},
                {"name": "b", "command": "echo b >> ROOT/srv/log", "action": ["nothing"]},
                {
                    "name": "c", "command": "echo c >> ROOT/srv/log", "notifies": [{"execute": "c"}],
                    "not_if": "test $(grep -c c ROOT/srv/log) = 2"
                }
            ]
        }
    }));
    place.converge().code(0);
    let done = place.text("srv/log");
    assert_eq!(done.as_deref(), Some("c\nb\na\nc\n"));
    for _ in 0..2 {
        let again = place.converge().code(0);
        assert!(!again.whole().contains("owed"), "{}", again.whole());
        assert_eq!(place.text("srv/log"), done);
    }
    assert!(!place.call(&["show", "last", "--state-dir", "ROOT/state"]).code(0).stdout.contains("owed"));
}

#[test]
fn what_is_owed_waits_for_a_run_that_declares_it() {
    let place = Kitchen::with(slow(WAITS));
    let run = place.start(&["converge"]);
    place.await_file("srv/started");
    signal("KILL", run.id());
    place.wait(run);
    place.write("srv/go", "");
    let kept =
        "kept for a run that declares it: execute[restart] to run (because of file[ROOT/srv/one], in a run of kitchen";
    for _ in 0..2 {
        let other = place.here(&["converge", "-o", "kitchen::links"]).code(0);
        assert!(other.stdout.contains(kept), "{}", other.whole());
        assert_eq!(place.text("srv/log"), None);
    }
    let same = place.converge().code(0);
    assert!(same.stdout.contains("still owed by an earlier run: execute[restart] to run"), "{}", same.whole());
    assert_eq!(place.text("srv/log").as_deref(), Some("restarted\n"));
    assert!(!place.converge().code(0).stdout.contains("owed"));
}

#[test]
fn what_a_custom_resource_owes_survives_a_kill_between_its_parts() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen::dish"],
        "kitchen": {"dish": {
            "directory": "ROOT/srv",
            "content": "x",
            "between": "touch ROOT/srv/started; [ -e ROOT/srv/go ] || sleep 60",
            "run": "echo served >> ROOT/srv/log"
        }}
    }));
    if !crate::kitchen::is_root(&place) {
        return;
    }
    let run = place.start(&["converge"]);
    place.await_file("srv/started");
    signal("KILL", run.id());
    assert_eq!(place.wait(run).code, None);
    place.write("srv/go", "");
    place.converge().code(0);
    assert_eq!(place.text("srv/log").as_deref(), Some("served\n"));
}

#[test]
fn directories_that_others_use_are_left_as_they_are() {
    use std::os::unix::fs::PermissionsExt;
    let place = Kitchen::with(slow("touch ROOT/srv/done"));
    let mode = |name: &str| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o7777;
    for (name, bits) in [("tmp", 0o1777), ("opt", 0o755)] {
        std::fs::create_dir(place.path(name)).unwrap();
        std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(bits)).unwrap();
        place.write("solo.rb", format!("lockfile '{}'\n", place.path(name).join("chef-solo.lock").display()));
        place.converge().code(0);
        assert_eq!(mode(name), bits);
        place.write("solo.rb", "");
        let directory = format!("ROOT/{name}");
        let there = ["converge", "-c", "ROOT/solo.rb", "-j", "ROOT/dna.json", "--state-dir", &directory];
        std::fs::remove_file(place.path("srv/main")).unwrap();
        let refused = place.call(&there).code(65);
        assert!(refused.stderr.contains("cannot be the state directory"), "{}", refused.whole());
        assert!(refused.stderr.contains("hint: name a directory of its own"), "{}", refused.whole());
        assert_eq!((mode(name), place.text("srv/main")), (bits, None), "nothing is done");
    }
}

/// Moments that nobody chose: spread over the time of a run by a generator with a fixed seed. Whatever is cut off, the next run
/// ends it, and no restart is lost: the service has read what the files hold at the end.
#[test]
fn runs_killed_at_moments_that_nobody_chose_are_taken_up_again() {
    const FILES: usize = 24;
    let order = |round: usize| {
        let file = |n: usize| {
            let (path, content) = (format!("ROOT/srv/f{n:02}"), format!("{round} {n}\n"));
            json!({"path": path, "content": content, "notifies": [{"execute": "restart"}]})
        };
        json!({
            "run_list": ["kitchen"],
            "kitchen": {
                "files": (0..FILES).map(file).collect::<Vec<_>>(),
                "execute": [
                    {"name": "slow", "command": "sleep 0.1", "not_if": format!("grep -q '^{round} ' ROOT/srv/read")},
                    {"name": "restart", "command": "cat ROOT/srv/f?? > ROOT/srv/read", "action": ["nothing"]}
                ]
            }
        })
    };
    let read = |round: usize| (0..FILES).map(|n| format!("{round} {n}\n")).collect::<String>();
    let place = Kitchen::with(order(0));
    let started = std::time::Instant::now();
    place.converge().code(0);
    let whole = u64::try_from(started.elapsed().as_millis()).unwrap().max(1);
    let (mut seed, mut killed) = (20_101_123_u64, 0);
    for round in 1..=12 {
        place.order(order(round));
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let run = place.start(&["converge"]);
        std::thread::sleep(std::time::Duration::from_millis((seed >> 33) % whole));
        signal("KILL", run.id());
        killed += usize::from(place.wait(run).code.is_none());
        let next = place.converge().code(0);
        assert_eq!(place.text("srv/read"), Some(read(round)), "round {round}: {}", next.whole());
        let names = std::fs::read_dir(place.path("srv")).unwrap().count();
        assert_eq!(names, FILES + 1, "round {round}: nothing half-written is left: {}", next.whole());
    }
    assert!(killed > 2, "most were cut off, not {killed}");
    let last = place.converge().code(0);
    let expected = format!("converged in TIME: 0 changed, {FILES} up to date, 1 skipped\n");
    assert_eq!((last.stdout, last.stderr), (expected, String::new()));
    let history = place.call(&["history", "--state-dir", "ROOT/state"]).code(0);
    assert!(!history.stdout.contains("damaged"), "{}", history.whole());
    assert!(history.stdout.contains("was cut off"), "{}", history.whole());
}
