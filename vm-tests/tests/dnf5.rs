//! What is dnf 5's own, on rpm 6: its names, its tables, its locks. What it shares with dnf 4 is in the files beside.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, FEDORA, LONG_NAME, Result, converge, settle, site};

fn fedora() -> Result<Container> {
    let machine = site(Container::of(lab::root(FEDORA)?).repository(&lab::rpm_repo()?))?;
    machine.run(["dnf", "-q", "-y", "makecache"]).success();
    Ok(machine)
}

#[test]
fn packages_come_with_what_they_need_and_go_with_it() -> Result<()> {
    let machine = fedora()?;
    for (program, word) in [("dnf", "dnf5 version 5."), ("rpm", "RPM version 6.")] {
        assert!(machine.run([program, "--version"]).success().stdout.contains(word), "the lab has another {program}");
    }
    let app = |rest: &str| format!("- {{type: package, name: lab-app{rest}}}\n");
    let version = || machine.sh("rpm -q --qf '%{VERSION}' lab-app").stdout;

    let plan = lab::plan(&machine, &app(", version: '1.0'"));
    for change in ["+ lab-app 1.0-1", "+ lab-lib 1.1-1", "+ lab-doc 1.0-1"] {
        assert!(plan.stdout.contains(change), "{plan}");
    }
    assert_ne!(machine.sh("rpm -q lab-app lab-lib lab-doc").code, 0, "a plan changes nothing");
    settle(&machine, &app(", version: '1.0'"));
    assert_eq!(version(), "1.0");
    // What is there in any version is left alone, and so is what another package provides.
    converge(&machine, &app("")).success();
    converge(&machine, &app("").replace("lab-app", "lab-virtual")).success();
    converge(&machine, &app("").replace("lab-app", "/etc/lab-app.conf")).success();

    let plan = lab::plan(&machine, &app(", action: upgrade"));
    assert!(plan.stdout.contains("lab-app 1.0-1 -> 2.0-1"), "{plan}");
    settle(&machine, &app(", action: upgrade"));
    assert_eq!(version(), "2.0");
    let refused = converge(&machine, &app(", version: '1.1'")).exits(1);
    assert!(refused.stderr.contains("allow_downgrade"), "{refused}");
    settle(&machine, &app(", version: '1.1', allow_downgrade: true"));
    assert_eq!(version(), "1.1");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(version(), "2.0");

    // What is not known is told by a plan too, and nothing of the rest is done.
    let unknown = format!("{}{}", app("").replace("lab-app", "lab-nope"), app("").replace("lab-app", "lab-other"));
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{unknown}"));
    assert!(machine.run(["brasa", "plan"]).exits(1).stderr.contains("lab-nope"));
    assert!(converge(&machine, &unknown).exits(1).stderr.contains("lab-nope"));

    let plan = lab::plan(&machine, &app(", action: remove"));
    assert!(plan.stdout.contains("- lab-lib 1.1-1"), "what nothing needs goes along, and that is told: {plan}");
    settle(&machine, &app(", action: remove"));
    converge(&machine, &app("")).exits(2);
    machine.run(["brasa", "undo", "last"]).success();
    assert_ne!(machine.sh("rpm -q lab-app || rpm -q lab-lib").code, 0, "undo takes what came along, too");
    Ok(())
}

#[test]
fn a_name_is_read_whole_from_the_table() -> Result<()> {
    let machine = fedora()?;
    let long = format!("- {{type: package, name: {LONG_NAME}}}\n");
    let plan = lab::plan(&machine, &long);
    assert!(plan.stdout.contains(&format!("+ {LONG_NAME} 1.0-1")), "{plan}");
    settle(&machine, &long);
    Ok(())
}

#[test]
fn a_lock_that_is_held_is_waited_for_and_its_holder_named() -> Result<()> {
    let machine = fedora()?;
    let small = |rest: &str| format!("- {{type: package, name: lab-small-01{rest}}}\n");
    let other = machine.spawn(["dnf", "-y", "install", "lab-slow"]);
    // It stands still in the script of the package for as long as it takes to look.
    machine.until("pkill -STOP -x sleep");
    let refused = converge(&machine, &small(", timeout: 10")).exits(1);
    assert!(refused.stderr.contains("lock `/var/lib/rpm/.rpm.lock` is held by"), "{refused}");
    assert!(refused.stderr.contains("dnf (process "), "{refused}");
    // In time, it is waited for.
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{}", small("")));
    let waiting = machine.spawn(["sh", "-c", "brasa converge 2>/run/told"]);
    machine.sh("timeout 60 sh -c 'until grep -q waiting /run/told; do sleep 0.05; done'").success();
    machine.run(["pkill", "-CONT", "-x", "sleep"]).success();
    other.wait().success();
    waiting.wait().success();
    machine.run(["rpm", "-q", "lab-slow", "lab-small-01"]).success();
    Ok(())
}
