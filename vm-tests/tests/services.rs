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

const LIMITS: &str = "- {type: systemd_unit, name: cron.service, drop_in: limits.conf, action: create, content: {Service: {LimitNOFILE: 4321}}, verify: true, notifies: [restart, \"service[cron]\"]}\n- {type: service, name: cron}\n";

#[test]
fn a_drop_in_adds_to_the_unit_of_a_package() -> Result<()> {
    let machine = machine()?;
    let vendor = machine.read("/lib/systemd/system/cron.service");
    let limit =
        || machine.sh("grep 'open files' /proc/$(systemctl show --value -p MainPID cron)/limits").success().stdout;
    let reloads = || {
        machine.sh("journalctl -b -q -o cat _PID=1 | grep -c '^Reloading'").stdout.trim().parse::<u32>().unwrap_or(0)
    };
    let before = reloads();
    settle(&machine, LIMITS);
    assert_eq!(reloads(), before + 1, "systemd reads its files once, before the restart");
    assert!(limit().contains(" 4321 "), "{}", limit());
    assert!(
        machine
            .run(["systemctl", "cat", "cron"])
            .success()
            .stdout
            .contains("# /etc/systemd/system/cron.service.d/limits.conf")
    );

    // Drift is repaired, and what others put beside it stays.
    machine.sh("echo LimitNOFILE=5 >> /etc/systemd/system/cron.service.d/limits.conf").success();
    settle(&machine, LIMITS);
    assert!(limit().contains(" 4321 "), "{}", limit());
    machine.write("/etc/systemd/system/cron.service.d/z.conf", "[Service]\nNice=3\n");
    let found = machine.run(["brasa", "resource", "systemd_unit", "cron.service.d/limits.conf"]).success().stdout;
    assert!(found.contains("name: cron.service.d/limits.conf\n    action: create\n"), "{found}");
    let delete = "- {type: systemd_unit, name: cron.service.d/limits.conf, action: delete}\n";
    settle(&machine, delete);
    assert_eq!(machine.sh("ls /etc/systemd/system/cron.service.d").success().stdout, "z.conf\n");
    assert_eq!(shown(&machine, "cron", "LimitNOFILE"), "524288\n", "systemd knows that it is gone");
    settle(&machine, &delete.replace("limits.conf", "z.conf"));
    assert_ne!(machine.run(["test", "-e", "/etc/systemd/system/cron.service.d"]).code, 0);

    settle(&machine, &LIMITS.replace("verify: true, ", ""));
    machine.run(["brasa", "undo", "last"]).success();
    assert_ne!(machine.run(["test", "-e", "/etc/systemd/system/cron.service.d"]).code, 0);
    // What systemd does not understand is not put in place.
    let wrong = converge(&machine, &LIMITS.replace("LimitNOFILE: 4321", "LimitNOFILES: many")).exits(1);
    assert!(wrong.stderr.contains("LimitNOFILES' in section [Service], ignoring"), "{wrong}");
    assert_ne!(machine.run(["test", "-e", "/etc/systemd/system/cron.service.d/limits.conf"]).code, 0);
    assert_eq!(machine.read("/lib/systemd/system/cron.service"), vendor);
    Ok(())
}
