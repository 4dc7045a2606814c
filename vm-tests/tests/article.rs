//! The article's run-list on a real Debian: its files unchanged, real apt, dpkg and systemd, no network.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lab::{Container, DEBIAN, Output, Result, Snapshot};
use serde_json::Value;

const CHEF_SOLO: [&str; 5] = ["/usr/local/bin/chef-solo", "-c", "/etc/chef/solo.rb", "-j", "/etc/chef/dna.json"];

/// A booted Debian with the program, the article's files and its packages' repository.
fn machine() -> Result<Container> {
    let machine = Container::of(lab::root(DEBIAN)?).repository(&lab::article_repo()?).brasa(lab::binary()?).start()?;
    machine.copy_in(lab::workspace().join("nodes/article"), "/etc/chef");
    Ok(machine)
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON on standard output ({error}): {output}"))
}

fn plan(machine: &Container) -> Value {
    document(&machine.run(["brasa", "plan", "--format", "json"]).success())
}

fn converge(machine: &Container) -> Value {
    document(&machine.run(["brasa", "converge", "--format", "json"]).success())
}

fn actions(report: &Value) -> &[Value] {
    report["actions"].as_array().expect("a report lists its actions")
}

fn doubtful(action: &Value) -> bool {
    action["doubts"].as_array().is_some_and(|doubts| !doubts.is_empty())
}

/// `resource action` of everything that changes without a doubt, with its operations and package changes.
fn changes(report: &Value) -> BTreeMap<String, (Value, BTreeSet<String>)> {
    actions(report)
        .iter()
        .filter(|action| action["outcome"] == "changed" && !doubtful(action))
        .map(|action| (step(action), (action["operations"].clone(), packages(action))))
        .collect()
}

fn uncertain(report: &Value) -> BTreeSet<String> {
    actions(report).iter().filter(|action| doubtful(action)).map(step).collect()
}

fn step(action: &Value) -> String {
    format!("{} {}", action["resource"].as_str().unwrap(), action["action"].as_str().unwrap())
}

fn packages(action: &Value) -> BTreeSet<String> {
    let none = Vec::new();
    let list = action["packages"].as_array().unwrap_or(&none);
    list.iter().map(|change| format!("{} {}", change["name"], change["to"])).collect()
}

fn steps(report: &Value) -> BTreeSet<String> {
    changes(report).into_keys().collect()
}

fn set(steps: &[&str]) -> BTreeSet<String> {
    steps.iter().map(|step| (*step).to_owned()).collect()
}

const COMPILERS: &str = "package[build-essential, binutils-doc, autoconf, flex, bison] install";
const SCRIPT: &str = "template[/usr/local/sbin/dyndns-update] create";

#[test]
fn the_articles_files_converge_and_a_plan_told_the_truth() -> Result<()> {
    let machine = machine()?;
    machine.run(["apt-get", "-qq", "update"]).success();

    let installed = || -> BTreeSet<String> {
        let list = machine.sh("dpkg-query -W -f '\"${Package}\" \"${Version}\"\\n'").success().stdout;
        list.lines().map(str::to_owned).collect()
    };
    let there = installed();

    // The plan beforehand: it leaves no trace.
    let before = machine.snapshot();
    let planned = plan(&machine);
    assert_eq!(before.difference(&machine.snapshot()), [""; 0], "a plan changes nothing");
    assert!(!machine.exists("/var/lib/brasa"), "not even brasa's own state");

    // As a cloud's bootstrap script calls it: no environment, no terminal.
    let output = machine.command(CHEF_SOLO).bare_env().limit(Duration::from_secs(900)).run().success();
    let verdict = output.stdout.lines().last().unwrap_or_default().to_owned();
    assert!(verdict.starts_with("converged in ") && verdict.contains(" changed, "), "{output}");

    // What was planned is what was done, package by package.
    let record = document(&machine.run(["brasa", "show", "last", "--format", "json"]).success());
    let done: Vec<&Value> = record["run"]["operations"].as_array().unwrap().iter().map(|op| &op["does"]).collect();
    let mut foreseen: Vec<&Value> = Vec::new();
    for action in actions(&planned).iter().filter(|action| action["outcome"] == "changed" && !doubtful(action)) {
        foreseen.extend(action["operations"].as_array().unwrap());
    }
    // Neighbouring packages are one transaction when it comes to it: compare what they install.
    let installs = |operations: &[&Value]| -> BTreeSet<String> {
        let of = |op: &&&Value| op["op"] == "packages";
        let specs = operations.iter().filter(of).flat_map(|op| op["install"].as_array().unwrap().clone());
        specs.map(|spec| spec["name"].as_str().unwrap().to_owned()).collect()
    };
    let others = |operations: &[&Value]| -> Vec<String> {
        operations.iter().filter(|op| op["op"] != "packages").map(|op| op.to_string()).collect()
    };
    assert_eq!(installs(&done), installs(&foreseen));
    assert_eq!(others(&done), others(&foreseen));
    let closure: BTreeSet<String> = actions(&planned).iter().flat_map(packages).collect();
    // The gem is in doubt: Debian's package of the same name may bring it, and does.
    let planned_packages: BTreeSet<String> =
        closure.into_iter().filter(|package| !package.starts_with("\"rake\" \"(")).collect();
    let new: BTreeSet<String> = installed().difference(&there).cloned().collect();
    assert_eq!(new, planned_packages, "every package, its dependencies included, and no other");
    let gem = actions(&planned).iter().find(|action| action["resource"] == "gem_package[rake]").expect("it is planned");
    let doubt = gem["doubts"][0].as_str().unwrap_or_default();
    assert!(doubt.contains("ruby") || doubt.contains("gem"), "the reason is said: {gem}");
    assert_eq!(
        uncertain(&planned).iter().filter(|step| !step.starts_with("template[/etc/")).cloned().collect::<Vec<_>>(),
        ["gem_package[rake] install"],
        "all else is certain on a fresh system"
    );

    // What the run-list promises.
    for package in ["build-essential", "flex", "bison", "autoconf", "ruby", "dnsutils"] {
        machine.run(["dpkg", "-s", package]).success();
    }
    assert_eq!(machine.run(["stat", "-c", "%a %U:%G", "/etc/dyndns_keys"]).success().stdout, "700 root:root\n");
    assert_eq!(machine.run(["systemctl", "is-enabled", "dyndns-update.timer"]).success().stdout, "enabled\n");
    assert_eq!(machine.run(["systemctl", "is-active", "dyndns-update.timer"]).success().stdout, "active\n");
    machine.run(["gem", "list", "--exact", "--installed", "rake"]).success();
    let said = machine.run(["/usr/local/sbin/dyndns-update"]).success().stdout;
    assert!(said.contains("no name server is configured"), "{said}");

    // The second run changes nothing, and starts no package manager.
    let settled = machine.snapshot();
    let log = machine.sh("cat /var/log/dpkg.log /var/log/apt/history.log | sha256sum").success().stdout;
    let again = machine.command(CHEF_SOLO).bare_env().run().success();
    assert!(again.stdout.lines().last().unwrap_or_default().contains(": 0 changed, "), "{again}");
    assert_eq!(settled.difference(&machine.snapshot()), [""; 0]);
    assert_eq!(machine.sh("cat /var/log/dpkg.log /var/log/apt/history.log | sha256sum").success().stdout, log);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(converge(&machine)["summary"]["changed"], 0);

    drift_is_found_and_repaired(&machine, &settled);
    a_run_is_taken_back(&machine, &settled);
    Ok(())
}

/// What is different now, but for two files in which dpkg and apt write down the same in another order.
fn difference(settled: &Snapshot, machine: &Container) -> Vec<String> {
    let own = ["/var/lib/dpkg/status-old ", "/var/lib/apt/extended_states "];
    let lines = settled.difference(&machine.snapshot());
    lines.into_iter().filter(|line| !own.iter().any(|path| line[2..].starts_with(path))).collect()
}

/// Each kind of drift alone: the plan finds it and nothing else, converging repairs it and touches nothing else.
fn drift_is_found_and_repaired(machine: &Container, settled: &Snapshot) {
    let cases: [(&str, &str, &[&str]); 5] = [
        ("an edited file", "echo '# edited' >> /usr/local/sbin/dyndns-update", &[SCRIPT]),
        ("a wrong mode", "chmod 0777 /etc/dyndns_keys", &["directory[/etc/dyndns_keys] create"]),
        ("a removed package", "DEBIAN_FRONTEND=noninteractive apt-get -qq -y remove flex >/dev/null", &[COMPILERS]),
        ("a stopped service", "systemctl stop dyndns-update.timer", &["service[dyndns-update.timer] start"]),
        (
            "a disabled service",
            "systemctl -q disable dyndns-update.timer",
            &["systemd_unit[dyndns-update.timer] enable"],
        ),
    ];
    for (what, drift, steps_expected) in cases {
        machine.sh(drift).success();
        assert_eq!(steps(&plan(machine)), set(steps_expected), "the plan finds {what} and nothing else");
        let report = converge(machine);
        assert_eq!(steps(&report), set(steps_expected), "converging repairs {what} and nothing else");
        assert_eq!(difference(settled, machine), [""; 0], "all is as before {what}");
        assert_eq!(converge(machine)["summary"]["changed"], 0, "after {what} a further run changes nothing");
    }
    assert_eq!(machine.run(["systemctl", "is-active", "dyndns-update.timer"]).success().stdout, "active\n");
    assert_eq!(machine.run(["systemctl", "is-enabled", "dyndns-update.timer"]).success().stdout, "enabled\n");
}

/// Undo puts files, modes and services back exactly, and refuses what somebody changed since.
fn a_run_is_taken_back(machine: &Container, settled: &Snapshot) {
    let drift = "echo '# edited' >> /usr/local/sbin/dyndns-update; chmod 0755 /etc/dyndns_keys; \
                 systemctl -q disable --now dyndns-update.timer";
    machine.sh(drift).success();
    let drifted = machine.snapshot();
    assert_eq!(converge(machine)["summary"]["changed"], 4);
    assert_eq!(difference(settled, machine), [""; 0]);

    machine.sh("echo '# by hand' >> /usr/local/sbin/dyndns-update").success();
    let refused = machine.run(["brasa", "undo", "last"]).exits(1);
    assert!(refused.stderr.contains("`/usr/local/sbin/dyndns-update` was changed since"), "{refused}");
    assert!(machine.read("/usr/local/sbin/dyndns-update").ends_with("# by hand\n"), "nothing was done");

    machine.run(["brasa", "undo", "last", "--force"]).success();
    assert_eq!(drifted.difference(&machine.snapshot()), [""; 0], "as before the run");
    let history = machine.run(["brasa", "history"]).success().stdout;
    assert!(history.lines().last().unwrap_or_default().contains("takes back run"), "{history}");
    assert_eq!(machine.run(["systemctl", "is-enabled", "dyndns-update.timer"]).exits(1).stdout, "disabled\n");
}

#[test]
fn a_fresh_server_without_package_lists_converges() -> Result<()> {
    let machine = machine()?;
    machine.sh("rm -rf /var/lib/apt/lists/*").success();
    machine.write("/etc/chef/small.json", r#"{"run_list": ["dnsutils", "bind::dynamic_dns"]}"#);
    let planned = document(&machine.run(["brasa", "plan", "-j", "/etc/chef/small.json", "--format", "json"]).success());
    let package = actions(&planned).iter().find(|action| action["resource"] == "package[dnsutils]").unwrap();
    assert!(package["doubts"][0].as_str().unwrap_or_default().contains("no package lists"), "{package}");
    let run = ["chef-solo", "-c", "/etc/chef/solo.rb", "-j", "/etc/chef/small.json"];
    machine.run_bare_env(["/usr/local/bin/chef-solo"].iter().chain(&run[1..])).success();
    machine.run(["nsupdate", "-V"]).success();
    machine.run(["brasa", "converge", "-j", "/etc/chef/small.json", "--detailed-exitcode"]).success();
    Ok(())
}

#[test]
fn packages_of_a_run_are_taken_back_and_that_is_said_beforehand() -> Result<()> {
    let machine = machine()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    machine.write("/etc/chef/small.json", r#"{"run_list": ["dnsutils"]}"#);
    let packages =
        || machine.sh("dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n' | grep ^ii").success().stdout;
    let before = packages();
    machine.run(["brasa", "converge", "-j", "/etc/chef/small.json"]).success();
    assert_ne!(packages(), before);
    let said = machine.run(["brasa", "undo", "last", "--dry-run"]).success();
    assert!(said.stdout.contains("best effort") && said.stdout.contains("bind9-dnsutils"), "{said}");
    assert_ne!(packages(), before, "that was a dry run");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(packages(), before, "with everything that had come along");
    machine.run(["brasa", "plan", "-j", "/etc/chef/small.json", "--detailed-exitcode"]).exits(2);
    Ok(())
}

/// Moments that nobody chose: spread over the time of a run by a generator with a fixed seed.
#[test]
fn runs_killed_at_moments_that_nobody_chose_are_taken_up_again() -> Result<()> {
    let machine = machine()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    let mut seed = 20_101_123_u64;
    let mut killed = 0;
    for _ in 0..8 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis(40 + (seed >> 33) % 2500);
        let mut run = machine.spawn(CHEF_SOLO);
        std::thread::sleep(moment);
        killed += usize::from(run.is_running());
        run.kill();
        machine.sh("pkill -9 -x apt-get; pkill -9 -x dpkg; sleep 0.1; true").success();
        // Whatever was cut off: history and plan can be read.
        machine.run(["brasa", "history"]).success();
        machine.run(["brasa", "plan"]).success();
    }
    assert!(killed > 2, "most were cut off, not {killed}");
    machine.command(CHEF_SOLO).bare_env().limit(Duration::from_secs(900)).run().success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(machine.sh("dpkg --audit").success().stdout, "", "dpkg is whole");
    assert_eq!(machine.sh("find /etc /usr/local -name '.brasa-*'").success().stdout, "", "no temporary file is left");
    let timer = machine.run(["systemctl", "is-active", "dyndns-update.timer"]).success().stdout;
    assert_eq!(timer, "active\n");
    Ok(())
}

#[test]
fn a_run_killed_at_any_moment_is_taken_up_again() -> Result<()> {
    let machine = machine()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    // While apt unpacks, while it configures, and as soon as the first of brasa's own files is there.
    for (moment, reached) in [
        ("unpacking", "grep -q ' status unpacked m4:' /var/log/dpkg.log"),
        ("configuring", "grep -q ' configure make:' /var/log/dpkg.log"),
        ("the first own change", "test -e /etc/dyndns_keys"),
    ] {
        let mut run = machine.spawn(CHEF_SOLO);
        let mut seen = false;
        for _ in 0..6000 {
            seen = machine.sh(reached).code == 0;
            if seen || !run.is_running() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(seen, "{moment} was not reached");
        run.kill();
        // dpkg is in a group of its own and goes on, as after a closed connection; a machine that lost power has none.
        machine.sh("pkill -9 -x apt-get; pkill -9 -x dpkg; sleep 0.2; true").success();
    }
    let next = machine.command(CHEF_SOLO).bare_env().limit(Duration::from_secs(900)).run().success();
    assert!(next.stdout.contains("the last run did not end: run ") && next.stdout.contains("converged in"), "{next}");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(machine.sh("dpkg --audit").success().stdout, "", "dpkg is whole again");
    let left = machine.sh("find /etc /usr/local -name '.brasa-*'").success().stdout;
    assert_eq!(left, "", "no temporary file is left");
    Ok(())
}
