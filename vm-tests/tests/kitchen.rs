//! Recipes of a third party's program on real package managers: held locks, the RHEL side, a full disk.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, DEBIAN, EL9, Result};

const DNA: &str = "/etc/brasa/dna.json";

fn order(machine: &Container, dna: &str) {
    machine.write(DNA, dna);
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).repository(&lab::deb_repo()?).brasa(lab::kitchen()?).start()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    order(
        &machine,
        r#"{"run_list": ["kitchen::packages"], "kitchen": {"packages": [{"names": ["lab-small-01", "lab-small-02"]}]}}"#,
    );
    // lab-slow holds dpkg's locks for three seconds while it is configured.
    let holder = machine.spawn(["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install lab-slow"]);
    machine.until("grep -q 'configure lab-slow' /var/log/dpkg.log");
    let run = machine.run(["brasa", "converge"]).success();
    assert!(run.stderr.contains("waiting for ") && run.stderr.contains("held by apt-get"), "{run}");
    assert!(holder.wait().code == 0, "the other one was left in peace");
    machine.run(["dpkg", "-s", "lab-slow", "lab-small-01", "lab-small-02"]).success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    Ok(())
}

#[test]
fn an_interrupted_dpkg_is_named_and_finished_before_anything_else() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).repository(&lab::deb_repo()?).brasa(lab::kitchen()?).start()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    order(&machine, r#"{"run_list": ["kitchen::packages"], "kitchen": {"packages": [{"names": ["lab-small-01"]}]}}"#);
    let other = machine.spawn(["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install lab-slow"]);
    machine.until("grep -q 'half-configured lab-slow' /var/log/dpkg.log");
    machine.sh("pkill -9 -x apt-get; pkill -9 -x dpkg; sleep 0.2; true").success();
    other.wait();
    assert_ne!(machine.sh("dpkg --audit").success().stdout, "", "dpkg is in the middle of something");
    let run = machine.run(["brasa", "converge"]).success();
    let said = "an earlier run of dpkg was not finished";
    assert!(run.stderr.contains(said) || run.stdout.contains(said), "{run}");
    assert!(format!("{run}").contains("lab-slow"), "it says at which package: {run}");
    assert_eq!(machine.sh("dpkg --audit").success().stdout, "", "dpkg is whole again");
    machine.run(["dpkg", "-s", "lab-slow", "lab-small-01"]).success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    Ok(())
}

#[test]
fn a_restart_that_a_killed_run_owed_is_done_by_the_next_one() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).brasa(lab::kitchen()?).start()?;
    let dna = |pause: &str| {
        format!(
            r#"{{"run_list": ["kitchen::units", "kitchen::services", "kitchen::files", "kitchen::execute"], "kitchen": {{
            "units": [{{"name": "bell.service", "content": "[Service]\nExecStart=/bin/sleep infinity\n", "action": ["create"]}}],
            "services": [{{"name": "bell.service", "action": ["start"]}}],
            "files": [{{"path": "/etc/bell.conf", "content": "loud\n", "notifies": [{{"service": "bell.service"}}]}}],
            "execute": [{{"name": "pause", "command": "{pause}", "creates": "/srv/rested"}}]}}}}"#
        )
    };
    order(&machine, &dna("touch /srv/resting; sleep 600"));
    let run = machine.spawn(["brasa", "converge"]);
    machine.until("test -e /srv/resting");
    assert_eq!(machine.read("/etc/bell.conf"), "loud\n", "the change is made, its restart is owed");
    let process = || machine.sh("systemctl show -p MainPID --value bell.service").success().stdout;
    let first = process();
    assert_ne!(first, "0\n", "it runs");
    run.kill();
    machine.sh("pkill -9 -f '[s]leep 600'; true").success();
    assert_eq!(process(), first);

    order(&machine, &dna("touch /srv/rested"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("service[bell.service] restart"), "the plan knows of it: {plan}");
    let next = machine.run(["brasa", "converge"]).success();
    assert!(next.stdout.contains("the last run did not end: run "), "{next}");
    assert!(
        next.stdout.contains("service[bell.service] restart, still owed because of file[/etc/bell.conf]"),
        "{next}"
    );
    let second = process();
    assert!(second != first && second != "0\n", "it was restarted: {next}");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(process(), second, "once");
    Ok(())
}

#[test]
fn dnf_installs_once_and_then_leaves_things_alone() -> Result<()> {
    let machine = Container::of(lab::root(EL9)?).repository(&lab::rpm_repo()?).brasa(lab::kitchen()?).start()?;
    let dna = r#"{"run_list": ["kitchen::packages", "kitchen::services"], "kitchen": {
        "packages": [{"names": ["lab-app"]}, {"names": ["lab-small-01"]}],
        "services": [{"name": "lab-app", "action": ["enable", "start"]}]}}"#;
    order(&machine, dna);
    machine.run(["brasa", "plan", "--detailed-exitcode"]).exits(2);
    assert_eq!(machine.run(["rpm", "-q", "lab-app"]).code, 1, "a plan installs nothing");
    machine.run(["brasa", "converge"]).success();
    machine.run(["rpm", "-q", "lab-app", "lab-lib", "lab-small-01"]).success();
    assert_eq!(machine.run(["systemctl", "is-active", "lab-app"]).success().stdout, "active\n");
    assert_eq!(machine.run(["systemctl", "is-enabled", "lab-app"]).success().stdout, "enabled\n");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    Ok(())
}

#[test]
fn a_full_disk_leaves_the_old_content_whole() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).brasa(lab::kitchen()?).start()?;
    machine
        .sh("mkdir /srv/small && mount -t tmpfs -o size=64k small /srv/small && echo old > /srv/small/file")
        .success();
    let content = "x".repeat(200_000);
    order(
        &machine,
        &format!(
            r#"{{"run_list": ["kitchen::files"], "kitchen": {{"files": [{{"path": "/srv/small/file", "content": "{content}"}}]}}}}"#
        ),
    );
    let failed = machine.run(["brasa", "converge"]).exits(1);
    assert!(failed.stderr.contains("the disk is full"), "{failed}");
    assert_eq!(machine.sh("cat /srv/small/file; ls -A /srv/small").success().stdout, "old\nfile\n");
    machine.sh("mount -o remount,ro /srv/small").success();
    order(
        &machine,
        r#"{"run_list": ["kitchen::files"], "kitchen": {"files": [{"path": "/srv/small/file", "content": "new"}]}}"#,
    );
    let failed = machine.run(["brasa", "converge"]).exits(1);
    assert!(failed.stderr.contains("read-only"), "{failed}");
    assert_eq!(machine.read("/srv/small/file"), "old\n");
    Ok(())
}

#[test]
fn two_hundred_services_are_asked_about_in_one_conversation() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).brasa(lab::kitchen()?).start()?;
    machine
        .sh("for n in $(seq 200); do
                 printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n[Install]\nWantedBy=multi-user.target\n' \
                     > /etc/systemd/system/lab-$n.service
             done
             systemctl daemon-reload && systemctl enable -q --now $(seq -f 'lab-%g' 200)")
        .success();
    let services: Vec<_> =
        (1..=200).map(|n| format!(r#"{{"name": "lab-{n}", "action": ["enable", "start"]}}"#)).collect();
    let dna = format!(r#"{{"run_list": ["kitchen::services"], "kitchen": {{"services": [{}]}}}}"#, services.join(", "));
    order(&machine, &dna);
    let run = machine.run(["brasa", "converge", "--detailed-exitcode", "--log-level", "debug"]).success();
    assert_eq!(run.stderr.matches("systemd is asked over `/run/systemd/private`").count(), 1, "{run}");
    assert_eq!(run.stderr.matches("command `").count(), 0, "{run}");
    assert!(run.stdout.contains("400 up to date"), "{run}");
    Ok(())
}

/// What a run says of the package's new configuration when the administrator has changed the old one.
fn keeps_a_changed_file(machine: &Container, new: &str) -> Result<()> {
    let dna = |version: &str| {
        format!(
            r#"{{"run_list": ["kitchen::packages"], "kitchen": {{"packages": [{{"names": ["lab-app"], "version": ["{version}"]}}]}}}}"#
        )
    };
    order(machine, &dna("1.0"));
    machine.run(["brasa", "converge"]).success();
    machine.write("/etc/lab-app.conf", "mine\n");
    order(machine, &dna("2.0"));
    let run = machine.run(["brasa", "converge"]).success();
    let told = format!(
        "`/etc/lab-app.conf` was changed on this machine and is kept: the package's own is `/etc/lab-app.conf{new}`"
    );
    assert_eq!(format!("{run}").matches(&told).count(), 1, "{run}");
    assert_eq!(machine.read("/etc/lab-app.conf"), "mine\n");
    machine.run(["test", "-e", &format!("/etc/lab-app.conf{new}")]).success();
    Ok(())
}

#[test]
fn what_a_package_ships_beside_a_changed_configuration_is_told() -> Result<()> {
    let machine = Container::of(lab::root(DEBIAN)?).repository(&lab::deb_repo()?).brasa(lab::kitchen()?).start()?;
    keeps_a_changed_file(&machine, ".dpkg-dist")?;
    let machine = Container::of(lab::root(EL9)?).repository(&lab::rpm_repo()?).brasa(lab::kitchen()?).start()?;
    keeps_a_changed_file(&machine, ".rpmnew")
}
