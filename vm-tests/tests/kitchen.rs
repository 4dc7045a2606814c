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
    for _ in 0..1000 {
        if machine.sh("grep -q 'configure lab-slow' /var/log/dpkg.log").code == 0 {
            break;
        }
    }
    let run = machine.run(["brasa", "converge"]).success();
    assert!(run.stderr.contains("waiting for ") && run.stderr.contains("held by apt-get"), "{run}");
    assert!(holder.wait().code == 0, "the other one was left in peace");
    machine.run(["dpkg", "-s", "lab-slow", "lab-small-01", "lab-small-02"]).success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
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
