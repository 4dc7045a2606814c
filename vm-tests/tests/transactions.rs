//! What package managers are asked for and what they do: versions, holds, groups, answers to debconf, and failures.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, DEBIAN, EL9, Result, converge, settle, site};

fn debian() -> Result<Container> {
    let machine = site(Container::of(lab::root(DEBIAN)?).repository(&lab::deb_repo()?))?;
    machine.run(["apt-get", "-qq", "update"]).success();
    Ok(machine)
}

fn el9() -> Result<Container> {
    let machine = site(Container::of(lab::root(EL9)?).repository(&lab::rpm_repo()?))?;
    machine.run(["dnf", "-q", "-y", "makecache", "--timer"]).success();
    Ok(machine)
}

/// Bounds, holds and their undo; `version` tells that of `lab-app`, `held` whether it is held, `release` does away with it.
fn bounds_and_holds(machine: &Container, version: &str, held: &str, release: &str) {
    let app = |rest: &str| format!("- {{type: package, name: lab-app, {rest}}}\n");
    let version = || machine.sh(version).success().stdout.trim().to_owned();
    let is_held = || machine.sh(held).code == 0;

    let bounded = app("version: '~> 1.0'");
    let plan = lab::plan(machine, &bounded);
    assert!(plan.stdout.contains("1.1"), "the plan names the version that will come: {plan}");
    settle(machine, &bounded);
    assert!(version().starts_with("1.1"), "{}", version());
    settle(machine, &app("version: '< 1.1', allow_downgrade: true"));
    assert!(version().starts_with("1.0"), "{}", version());
    let refused = converge(machine, &app("version: '>= 3'")).exits(1);
    assert!(refused.stderr.contains("`>= 3`") && refused.stderr.contains("2.0"), "{refused}");

    let lock = app("version: '~> 1.0', action: [install, lock]");
    settle(machine, &lock);
    assert!(is_held());
    let refused = converge(machine, &app("action: upgrade")).exits(1);
    assert!(refused.stderr.contains("package `lab-app` is held at version `1.0"), "{refused}");
    assert!(version().starts_with("1.0"));
    // Somebody lets it go.
    machine.sh(release).success();
    assert!(!is_held());
    settle(machine, &lock);
    assert!(is_held());
    settle(machine, &app("action: unlock"));
    assert!(!is_held());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(is_held(), "undo holds it again");
    converge(machine, &app("action: [unlock, upgrade, lock]")).exits(2);
    assert!(version().starts_with("2.0") && is_held(), "{}", version());
    settle(machine, &app("action: [unlock, remove]"));
}

#[test]
fn apt_keeps_to_bounds_and_holds() -> Result<()> {
    let version = "dpkg-query -W -f '${Version}' lab-app";
    bounds_and_holds(&debian()?, version, "apt-mark showhold | grep -qx lab-app", "apt-mark -qq unhold lab-app");
    Ok(())
}

#[test]
fn dnf_keeps_to_bounds_and_holds() -> Result<()> {
    let version = "rpm -q --qf '%{VERSION}-%{RELEASE}' lab-app";
    let held = "dnf -q versionlock list | grep -q '^lab-app-'";
    bounds_and_holds(&el9()?, version, held, "dnf -q versionlock delete lab-app");
    Ok(())
}

#[test]
fn answers_reach_debconf_before_the_package_asks() -> Result<()> {
    let machine = debian()?;
    let ask = |port: &str, rest: &str| {
        format!("- {{type: package, name: lab-ask, response_file: 'lab-ask lab-ask/port string {port}', {rest}}}\n")
    };
    let port = || machine.read("/etc/lab-ask.port");
    settle(&machine, &ask("8080", "action: install"));
    assert_eq!(port(), "port=8080\n");
    // What is installed keeps its answers until it is told to ask again.
    assert_eq!(converge(&machine, &ask("9090", "action: install")).code, 0);
    let told = settle(&machine, &ask("9090", "action: reconfig"));
    assert!(told.stdout.contains("with other answers"), "{told}");
    assert_eq!(port(), "port=9090\n");
    machine.sh("echo 'lab-ask lab-ask/port string 1' | debconf-set-selections").success();
    settle(&machine, &ask("9090", "action: reconfig"));
    settle(&machine, &ask("9090", "action: purge"));
    let secret = ask("s3cret", "action: install").replace("lab-ask/port string", "lab-ask/word password");
    let told = settle(&machine, &secret);
    assert!(!format!("{told}").contains("s3cret"), "{told}");
    assert_eq!(machine.sh("grep -rl s3cret /var/lib/brasa /var/log; true").success().stdout, "");
    Ok(())
}

#[test]
fn a_group_of_dnf_is_there_or_not() -> Result<()> {
    let machine = el9()?;
    let group = |rest: &str| format!("- {{type: package, name: '@lab-tools', {rest}}}\n");
    let members = || machine.sh("rpm -q lab-small-01 lab-small-02 >/dev/null").code == 0;
    let plan = lab::plan(&machine, &group("action: install"));
    assert!(plan.stdout.contains("lab-small-01 1.0-1") && plan.stdout.contains("lab-small-02 1.0-1"), "{plan}");
    settle(&machine, &group("action: install"));
    assert!(members());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!members());
    settle(&machine, &group("action: install"));
    settle(&machine, &group("action: remove"));
    assert!(!members());
    let refused = converge(&machine, &group("action: install").replace("lab-tools", "lab-nothing")).exits(1);
    assert!(refused.stderr.contains("lab-nothing"), "{refused}");
    Ok(())
}
