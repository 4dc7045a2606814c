//! Services and units on real init systems.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, Result, converge, settle, site};

/// Debian with units of every sort, and users who may have a systemd of their own.
const SERVICES: Base = Base {
    name: "debian-services",
    suite: "bookworm",
    packages: &["cron", "openssh-server", "libpam-systemd", "dbus-user-session"],
    el: false,
};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(SERVICES)?))
}

/// What systemd says of a unit's properties, a line each.
fn shown(machine: &Container, unit: &str, properties: &str) -> String {
    machine.run(["systemctl", "show", "--value", "-p", properties, unit]).success().stdout
}

const BELL: &str = "- {type: systemd_unit, name: bell.service, action: [create, start], content: \"[Service]\\nExecStart=/bin/sleep infinity\\nExecReload=/bin/touch /run/reloaded\\n\"}\n";
const DRUM: &str = "- {type: systemd_unit, name: drum.service, action: [create, start], content: \"[Service]\\nExecStart=/bin/sleep infinity\\n\"}\n";

#[test]
fn what_can_be_reloaded_is_and_what_cannot_is_restarted_as_the_plan_says() -> Result<()> {
    let machine = machine()?;
    settle(&machine, &format!("{BELL}{DRUM}"));
    let processes = || (shown(&machine, "bell", "MainPID"), shown(&machine, "drum", "MainPID"));
    let asked = |kind: &str, action: &str| {
        let one = |unit| format!("- {{type: {kind}, name: {unit}.service, action: {action}}}\n");
        one("bell") + &one("drum")
    };
    for action in ["reload", "reload_or_restart", "reload_or_try_restart"] {
        let (bell, drum) = processes();
        let done = converge(&machine, &asked("service", action)).exits(2);
        let said = |line: &str| done.stdout.contains(line);
        assert!(said("reload bell.service") && said("restart drum.service"), "{action}: {done}");
        assert_eq!(processes().0, bell, "{action}");
        assert_ne!(processes().1, drum, "{action}");
        machine.run(["rm", "/run/reloaded"]).success();
    }
    let (bell, drum) = processes();
    converge(&machine, &asked("systemd_unit", "try_restart")).exits(2);
    assert!(processes().0 != bell && processes().1 != drum);

    // What does not run is started by one of them alone.
    machine.run(["systemctl", "stop", "bell", "drum"]).success();
    for action in ["reload", "try_restart", "reload_or_try_restart"] {
        converge(&machine, &asked("service", action)).success();
    }
    assert_eq!(processes(), ("0\n".to_owned(), "0\n".to_owned()));
    converge(&machine, &asked("service", "reload_or_restart")).exits(2);
    assert!(processes().0 != "0\n" && processes().1 != "0\n");
    Ok(())
}

#[test]
fn a_unit_that_does_not_start_shows_its_last_words() -> Result<()> {
    let machine = machine()?;
    let unit = |code: &str, more: &str| {
        format!(
            "- {{type: systemd_unit, name: sick.service, action: [create, start], content: \"[Service]\\n{more}ExecStart=/bin/sh -c 'echo port 80 is in use; {code}'\\n\"}}\n"
        )
    };
    // One that says so at once, one that dies after systemd called it started, and one that is tried again and again.
    for (code, more) in [("exit 3", "Type=oneshot\\n"), ("exit 3", ""), ("exit 3", "Restart=always\\n")] {
        let failed = converge(&machine, &unit(code, more)).exits(1);
        assert!(failed.stderr.contains("port 80 is in use"), "{more}: {failed}");
        assert!(failed.stderr.contains("result exit-code"), "{more}: {failed}");
        machine.run(["systemctl", "stop", "sick"]).success();
    }
    settle(&machine, &unit("exec sleep infinity", ""));
    Ok(())
}
