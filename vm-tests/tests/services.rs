//! Services and units on real init systems.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, EL9, Result, converge, settle, site};

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
    // What it said when it was last started is not what it says now.
    machine.sh("printf '[Service]\\nExecStart=/bin/sh -c \"echo port 79 is in use; exit 3\"\\n' > /etc/systemd/system/sick.service; systemctl start sick; systemctl reset-failed sick; journalctl --sync; journalctl -u sick | grep -q 'port 79'").success();
    // One that says so at once, one that dies after systemd called it started, and one that is tried again and again.
    for (more, state) in [
        ("Type=oneshot\\n", "the unit is failed (failed), result exit-code"),
        ("", "does not stay up: the unit is failed (failed), result exit-code"),
        ("Restart=always\\n", "does not stay up: the unit is activating (auto-restart)"),
    ] {
        let failed = converge(&machine, &unit("exit 3", more)).exits(1);
        assert!(failed.stderr.contains("port 80 is in use") && failed.stderr.contains(state), "{more}: {failed}");
        assert!(!failed.stderr.contains("port 79"), "{more}: {failed}");
        machine.run(["systemctl", "stop", "sick"]).success();
    }
    settle(&machine, &unit("exec sleep infinity", ""));
    Ok(())
}

#[test]
fn a_unit_that_systemd_cannot_load_is_told_of() -> Result<()> {
    let machine = machine()?;
    let broken = "- {type: systemd_unit, name: broken.service, content: \"[Service]\\nExecStart=notabsolute/x\\n\", action: create}\n\
                  - {type: systemd_unit, name: bad.timer, content: {Timer: {OnCalendar: nonsense}}, action: create}\n\
                  - {type: systemd_unit, name: good.service, content: {Service: {ExecStart: /bin/sleep infinity}, Install: {WantedBy: multi-user.target}}, action: [create, enable, start]}\n";
    let done = converge(&machine, broken).exits(2);
    let said = format!("{}{}", done.stdout, done.stderr);
    for unit in ["broken.service", "bad.timer"] {
        let sentence = format!("systemd cannot load `{unit}` (bad-setting), so it will not start");
        assert_eq!(said.matches(&sentence).count(), 1, "{done}");
    }
    assert!(!said.contains("load `good"), "{done}");
    // One that nothing follows is told of at the end of the run.
    let last =
        "- {type: systemd_unit, name: last.service, content: \"[Service]\\nType=nonsense\\n\", action: create}\n";
    let done = converge(&machine, last).exits(2);
    assert!(format!("{}{}", done.stdout, done.stderr).contains("systemd cannot load `last.service`"), "{done}");

    let delete = |actions: &str| format!("- {{type: systemd_unit, name: good.service, action: {actions}}}\n");
    let done = converge(&machine, &delete("delete")).exits(2);
    let sentence = "unit `good.service` is still enabled and running: use `[stop, disable, delete]`";
    assert!(format!("{}{}", done.stdout, done.stderr).contains(sentence), "{done}");
    machine.run(["brasa", "undo", "last"]).success();
    let done = converge(&machine, &delete("[stop, disable, delete]")).exits(2);
    assert!(!format!("{}{}", done.stdout, done.stderr).contains("is still"), "{done}");
    Ok(())
}

#[test]
fn a_change_that_breaks_a_service_is_taken_back() -> Result<()> {
    let machine = machine()?;
    let web = |runs: &str| {
        format!(
            "- {{type: systemd_unit, name: web.service, action: create, content: {{Service: {{ExecStart: \"{runs}\"}}, Install: {{WantedBy: multi-user.target}}}}, notifies: [restart, \"service[web]\"]}}\n\
             - {{type: service, name: web, action: [enable, start]}}\n"
        )
    };
    let (good, bad) = (web("/bin/sleep infinity"), web("/bin/sh -c 'echo port 80 is in use; exit 3'"));
    let file = "/etc/systemd/system/web.service";
    let is_active = || machine.run(["systemctl", "is-active", "web"]).stdout;
    settle(&machine, &good);
    let before = machine.read(file);
    let failed = converge(&machine, &bad).exits(1);
    assert!(failed.stderr.contains("port 80 is in use") && machine.read(file) != before, "{failed}");
    // It is owed by whoever comes next, and fails as long as the file is wrong.
    let again = converge(&machine, &bad).exits(1);
    assert!(again.stderr.contains("port 80 is in use"), "{again}");
    machine.run(["brasa", "undo", "last"]).success();
    converge(&machine, &good).exits(2);
    converge(&machine, &good).success();
    assert_eq!((machine.read(file), is_active().as_str()), (before.clone(), "active\n"));
    // A failure is taken back whole, with what had been changed before it.
    let other = "- {type: file, name: /root/before, content: x}\n";
    converge(&machine, &format!("{other}{bad}")).exits(1);
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.read(file) == before && !machine.exists("/root/before"));
    // Drift of the file and of what runs.
    machine.sh(&format!("systemctl disable --now web; echo '# mine' >> {file}")).success();
    settle(&machine, &good);
    assert_eq!((machine.read(file), is_active().as_str()), (before, "active\n"));
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
    assert_ne!(machine.run(["test", "-e", "/etc/systemd/system/cron.service.d"]).code, 0);
    assert_eq!(machine.read("/lib/systemd/system/cron.service"), vendor);
    Ok(())
}

#[test]
fn a_unit_is_as_the_presets_say_and_as_its_package_brought_it() -> Result<()> {
    let machine = machine()?;
    let at_boot = || machine.run(["systemctl", "is-enabled", "cron.service"]).stdout.trim().to_owned();
    let preset = "- {type: systemd_unit, name: cron.service, action: preset}\n";
    machine.sh("mkdir -p /etc/systemd/system-preset").success();
    let say = |lines: &str| machine.write("/etc/systemd/system-preset/10-own.preset", lines);
    say("disable c[a-z]on.service\n");
    settle(&machine, preset);
    assert_eq!(at_boot(), "disabled");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(at_boot(), "enabled");
    // Drift is repaired, and the other way round.
    settle(&machine, preset);
    say("# nothing\n");
    settle(&machine, preset);
    machine.sh("systemctl disable cron.service").success();
    settle(&machine, preset);
    assert_eq!(at_boot(), "enabled");

    let revert = "- {type: systemd_unit, name: cron.service, action: revert}\n";
    let files = || machine.run(["systemctl", "cat", "cron.service"]).success().stdout;
    // What nobody sets is what the container itself was started with.
    let (vendor, nice) = (files(), shown(&machine, "cron", "Nice"));
    let change = "cp /lib/systemd/system/cron.service /etc/systemd/system/ && mkdir -p /etc/systemd/system/cron.service.d && \
                  printf '[Service]\\nNice=-3\\n' > /etc/systemd/system/cron.service.d/nice.conf && systemctl daemon-reload";
    machine.sh(change).success();
    let changed = files();
    settle(&machine, revert);
    assert_eq!(files(), vendor);
    assert_eq!(shown(&machine, "cron", "Nice"), nice, "systemd knows that it is gone");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(files(), changed);
    settle(&machine, revert);
    machine.sh("systemctl stop cron && systemctl mask cron").success();
    settle(&machine, revert);
    assert_eq!(at_boot(), "enabled");
    Ok(())
}

/// A service that a timer and a socket start, with the schedule and the port to be filled in.
const STARTED_BY_OTHERS: &str = r#"- {type: systemd_unit, name: tick.service, action: create, content: {Service: {Type: oneshot, ExecStart: /bin/touch /run/ticked}}}
- {type: systemd_unit, name: tick.timer, action: [create, enable, start], content: {Timer: {OnCalendar: SCHEDULE, OnActiveSec: 1s, AccuracySec: 1ms}, Install: {WantedBy: timers.target}}, notifies: [restart, "systemd_unit[tick.timer]"]}
- {type: systemd_unit, name: echo@.service, action: create, content: {Service: {ExecStart: /bin/cat, StandardInput: socket}}}
- {type: systemd_unit, name: echo.socket, action: [create, enable, start], content: {Socket: {ListenStream: "127.0.0.1:PORT", Accept: true}, Install: {WantedBy: sockets.target}}, notifies: [restart, "systemd_unit[echo.socket]"]}
"#;

#[test]
fn timers_and_sockets_start_their_services() -> Result<()> {
    started_by_others(&machine()?);
    Ok(())
}

#[test]
fn timers_and_sockets_start_their_services_on_enterprise_linux() -> Result<()> {
    started_by_others(&site(Container::of(lab::root(EL9)?))?);
    Ok(())
}

fn started_by_others(machine: &Container) {
    let with = |schedule: &str, port: &str| STARTED_BY_OTHERS.replace("SCHEDULE", schedule).replace("PORT", port);
    let answers = |port: &str| {
        machine.run(["bash", "-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo hi >&3 && head -n1 <&3")]).stdout
            == "hi\n"
    };
    settle(machine, &with("daily", "7777"));
    machine.sh("for n in $(seq 100); do test -e /run/ticked && exit 0; sleep 0.1; done; exit 1").success();
    assert!(answers("7777"));
    assert_eq!(machine.sh("systemctl is-enabled tick.timer echo.socket").success().stdout, "enabled\nenabled\n");

    // Another schedule and another port are in use at once.
    settle(machine, &with("hourly", "7778"));
    assert!(shown(machine, "tick.timer", "TimersCalendar").contains("OnCalendar=*-*-* *:00:00"));
    assert!(answers("7778") && !answers("7777"));
    let found = machine.run(["brasa", "resource", "systemd_unit", "tick.timer"]).success().stdout;
    assert!(found.contains("action: [create, enable, start]") && found.contains("OnCalendar=hourly"), "{found}");

    let stop = "- {type: service, name: tick.timer, action: [stop, disable]}\n- {type: service, name: echo.socket, action: [stop, disable]}\n";
    settle(machine, stop);
    assert!(!answers("7778"));
    let ended =
        machine.sh("systemctl is-enabled tick.timer echo.socket; systemctl is-active tick.timer echo.socket").stdout;
    assert_eq!(ended, "disabled\ndisabled\ninactive\ninactive\n");
    machine.run(["brasa", "undo", "last"]).success();
    assert!(answers("7778"));
}

#[test]
fn a_unit_is_enabled_anew_where_its_file_now_says() -> Result<()> {
    let machine = machine()?;
    let unit = |action: &str, target: &str| {
        format!(
            "- {{type: systemd_unit, name: web.service, action: {action}, content: {{Service: {{ExecStart: /bin/true}}, Install: {{WantedBy: {target}}}}}}}\n"
        )
    };
    let wants = || machine.sh("cd /etc/systemd/system && ls -d *.wants/web.service").success().stdout;
    settle(&machine, &unit("[create, enable]", "multi-user.target"));
    settle(&machine, &unit("[create, enable]", "rescue.target"));
    assert_eq!(wants(), "multi-user.target.wants/web.service\n", "enabled is enabled");
    converge(&machine, &unit("reenable", "rescue.target")).exits(2);
    assert_eq!(wants(), "rescue.target.wants/web.service\n");
    machine.sh("mkdir /etc/systemd/system/cron.service.d && printf '[Service]\\nNice=3\\n' > /etc/systemd/system/cron.service.d/nice.conf && chmod 600 /etc/systemd/system/cron.service.d/nice.conf").success();
    let all = machine.run(["brasa", "resource", "systemd_unit"]).success().stdout;
    assert!(all.contains("    name: web.service\n    action: [create, enable, stop]\n    content: |\n"), "{all}");
    assert!(
        all.contains("    name: cron.service.d/nice.conf\n    action: create\n") && !all.contains("Nice=3"),
        "{all}"
    );
    Ok(())
}

/// Units in every state that systemd has a word for.
const STATES: &str = r"
cd /etc/systemd/system
printf '[Service]\nExecStart=/bin/true\n[Install]\nAlso=drum.socket\n' > indirect.service
printf '[Socket]\nListenStream=/run/drum\nService=indirect.service\n[Install]\nWantedBy=sockets.target\n' > drum.socket
printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' > /srv/linked.service
systemctl link -q /srv/linked.service
cp /srv/linked.service fleeting.service
systemctl enable -q --runtime fleeting.service
systemctl mask -q --runtime e2scrub_all.timer
printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: old\n# Required-Start:\n# Required-Stop:\n# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n### END INIT INFO\nexit 0\n' > /etc/init.d/old
chmod 755 /etc/init.d/old
systemctl daemon-reload
for unit in indirect.service linked.service fleeting.service e2scrub_all.timer old.service systemd-tmpfiles-clean.service sshd.service; do
    systemctl is-enabled $unit
done";

#[test]
fn each_state_of_being_enabled_is_told_for_what_it_is() -> Result<()> {
    let machine = machine()?;
    // Of a unit that was generated from a script systemctl asks Debian's own tool.
    let states = machine.sh(STATES).stdout;
    assert_eq!(states, "indirect\nlinked\nenabled-runtime\nmasked-runtime\ndisabled\nstatic\nalias\n");
    let found = |unit: &str| machine.run(["brasa", "resource", "service", unit]).success().stdout;
    for unit in ["indirect", "systemd-tmpfiles-clean"] {
        assert!(found(unit).contains("something else decides that"), "{}", found(unit));
        assert!(!found(unit).contains("enable"), "{}", found(unit));
        converge(&machine, &format!("- {{type: service, name: {unit}, action: [enable, disable]}}\n")).success();
    }
    for unit in ["linked", "fleeting", "old"] {
        assert!(found(unit).contains("action: [disable, "), "{}", found(unit));
        settle(&machine, &format!("- {{type: service, name: {unit}, action: enable}}\n"));
        assert!(found(unit).contains("action: [enable, "), "{}", found(unit));
    }
    machine.sh("test -L /etc/systemd/system/multi-user.target.wants/fleeting.service && ls /etc/rc2.d/S*old").success();
    assert!(found("e2scrub_all.timer").contains("action: [mask, "), "{}", found("e2scrub_all.timer"));
    settle(&machine, "- {type: service, name: e2scrub_all.timer, action: unmask}\n");
    Ok(())
}

#[test]
fn a_service_goes_by_each_of_its_names() -> Result<()> {
    let machine = machine()?;
    let sshd = |action: &str| format!("- {{type: service, name: sshd, action: {action}}}\n");
    let enabled = || machine.sh("systemctl is-enabled ssh").stdout;
    converge(&machine, &sshd("enable")).success();
    // systemd knows the other name only while the unit is enabled.
    settle(&machine, &sshd("[disable, stop]"));
    assert_eq!(
        (machine.run(["systemctl", "is-enabled", "sshd"]).stdout, enabled()),
        (String::new(), "disabled\n".into())
    );
    machine.run(["brasa", "plan", "--detailed-exitcode"]).success();
    let found = machine.run(["brasa", "resource", "service", "sshd"]).success().stdout;
    assert!(found.contains("    name: sshd\n    action: [disable, stop]\n"), "{found}");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(enabled(), "enabled\n");
    settle(&machine, &sshd("mask"));
    assert_eq!(enabled(), "masked\n");
    settle(&machine, &sshd("[unmask, disable]"));
    settle(&machine, &sshd("mask"));
    settle(&machine, &sshd("unmask"));
    settle(&machine, &sshd("[enable, start]"));
    assert_eq!((enabled(), shown(&machine, "sshd", "ActiveState")), ("enabled\n".to_owned(), "active\n".to_owned()));
    Ok(())
}

/// Debian with System V's init and its tools.
const SYSV: Base = Base {
    name: "debian-sysv",
    suite: "bookworm",
    packages: &["sysvinit-core", "initscripts", "sysv-rc", "insserv", "cron"],
    el: false,
};

/// Debian with OpenRC.
const OPENRC: Base = Base {
    name: "debian-openrc",
    suite: "bookworm",
    packages: &["openrc", "sysvinit-core", "initscripts", "insserv", "cron"],
    el: false,
};

/// A script that fails and says why.
const SICK: &str = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: sick\n# Required-Start:\n# Required-Stop:\n# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n### END INIT INFO\ncase $1 in start) echo port 80 is in use; exit 1;; *) exit 3;; esac\n";

fn service(name: &str, action: &str) -> String {
    format!("- {{type: service, name: {name}, action: {action}}}\n")
}

/// What holds of init scripts whoever calls them: `status` is what the init system's own tool says, `starts` whether the
/// service starts at boot.
fn scripts(machine: &Container, tool: &str, starts: &dyn Fn(&str) -> bool) {
    let runs = |name: &str| machine.run([tool, name, "status"]).code == 0;
    assert!(starts("cron") && !runs("cron"), "as packages are installed where nothing runs");
    settle(machine, &service("cron", "[enable, start]"));
    assert!(starts("cron") && runs("cron"));
    let process = || machine.read("/run/crond.pid");
    let before = process();
    for action in ["reload", "reload_or_restart", "reload_or_try_restart"] {
        converge(machine, &service("cron", action)).exits(2);
    }
    assert_eq!(process(), before, "it was reloaded");
    for action in ["restart", "try_restart"] {
        let before = process();
        converge(machine, &service("cron", action)).exits(2);
        assert_ne!(process(), before);
    }
    settle(machine, &service("cron", "[disable, stop]"));
    assert!(!starts("cron") && !runs("cron"));
    converge(machine, &service("cron", "[try_restart, reload]")).success();
    let found = machine.run(["brasa", "resource", "service", "cron"]).success().stdout;
    assert!(found.contains("action: [disable, stop]"), "{found}");
    machine.run(["brasa", "undo", "last"]).success();
    assert!(starts("cron") && runs("cron"));
    machine.run([tool, "cron", "stop"]).success();
    settle(machine, &service("cron", "[enable, start]"));

    machine.write("/etc/init.d/sick", SICK);
    machine.run(["chmod", "755", "/etc/init.d/sick"]).success();
    let failed = converge(machine, &service("sick", "[enable, start]")).exits(1);
    assert!(failed.stderr.contains("port 80 is in use"), "{failed}");
    assert!(starts("sick"));
    let refused = converge(machine, &service("cron", "mask")).exits(1);
    assert!(refused.stderr.contains("only systemd masks units"), "{refused}");
    let missing = converge(machine, &service("nope", "start")).exits(1);
    assert!(missing.stderr.contains("unit `nope` does not exist"), "{missing}");
    settle(machine, &service("sick", "disable"));
}

/// All services, as brasa lists them.
fn listed(machine: &Container) -> Vec<String> {
    let all = machine.run(["brasa", "resource", "service"]).success().stdout;
    all.lines().filter_map(|line| line.strip_prefix("    name: ")).map(str::to_owned).collect()
}

#[test]
fn scripts_of_system_v_are_enabled_and_started_by_its_own_tools() -> Result<()> {
    let machine = site(Container::of(lab::root(SYSV)?).without_init())?;
    let starts = |name: &str| machine.sh(&format!("ls /etc/rc[2-5].d/S??{name}")).code == 0;
    scripts(&machine, "service", &starts);
    let own = machine.sh("service --status-all 2>&1 | sed 's/.* //' | LC_ALL=C sort").success().stdout;
    assert_eq!(listed(&machine), own.lines().collect::<Vec<_>>());

    in_an_image(&machine, "service", "ls /image/etc/rc[2-5].d/S??cron");
    Ok(())
}

/// In a directory nothing is started, for it would run here; `starts` succeeds where cron starts at boot.
fn in_an_image(machine: &Container, tool: &str, starts: &str) {
    machine.run([tool, "cron", "stop"]).success();
    machine
        .sh("mkdir /image && cp -a /bin /sbin /lib /lib64 /usr /etc /var /image 2>/dev/null; \
             cd /image && mkdir -p tmp run root home proc sys dev srv && mount --rbind /proc /image/proc && mount --bind /dev /image/dev")
        .success();
    let around = || machine.sh("ls -R /etc/runlevels /etc/rc*.d 2>&1; ls /run").stdout;
    let before = around();
    let all = machine.run(["brasa", "--root", "/image", "resource", "service"]).success().stdout;
    assert!(all.contains("    name: cron\n"), "{all}");
    let at_image = |action: &str| {
        machine.write(
            "/image/etc/brasa/cookbooks/site/recipes/default.yml",
            format!("resources:\n{}", service("cron", action)),
        );
        machine.run(["brasa", "--root", "/image", "converge", "--detailed-exitcode"])
    };
    at_image("[disable, stop]").exits(2);
    at_image("[disable, stop]").success();
    assert_ne!(machine.sh(starts).code, 0);
    at_image("enable").exits(2);
    at_image("enable").success();
    machine.sh(starts).success();
    machine.run(["brasa", "--root", "/image", "undo", "last"]).success();
    assert_ne!(machine.sh(starts).code, 0);
    let refused = at_image("start").exits(1);
    assert!(refused.stderr.contains("unit `cron` cannot be started: this is a system in a directory"), "{refused}");
    assert_ne!(machine.run([tool, "cron", "status"]).code, 0);
    assert_eq!(around(), before, "nothing leaks out");
}

#[test]
fn services_of_openrc_are_enabled_and_started_by_its_own_tools() -> Result<()> {
    let machine = site(Container::of(lab::root(OPENRC)?).without_init())?;
    let starts = |name: &str| machine.sh(&format!("rc-update show default | grep -w {name}")).code == 0;
    // Before OpenRC has booted the system.
    settle(&machine, &service("cron", "disable"));
    settle(&machine, &service("cron", "enable"));
    converge(&machine, &service("cron", "stop")).success();
    let refused = converge(&machine, &service("cron", "start")).exits(1);
    assert!(
        refused.stderr.contains("cannot be started: OpenRC is installed but did not boot this system"),
        "{refused}"
    );
    // What it makes when it boots.
    machine
        .sh("cd /run && mkdir openrc && cd openrc && mkdir daemons exclusive failed hotplugged inactive options scheduled started \
             starting stopping tmp wasinactive && echo default > softlevel && rc-update -u")
        .success();
    scripts(&machine, "rc-service", &starts);
    let own = machine.run(["rc-service", "--list"]).success().stdout;
    let own = own.lines().filter(|name| !["halt", "rc", "rcS", "reboot", "single"].contains(name));
    assert_eq!(listed(&machine), own.collect::<Vec<_>>());

    // A script of OpenRC's own says whether it can be reloaded.
    let native = |more: &str| {
        format!(
            "#!/sbin/openrc-run\ncommand=/bin/sleep\ncommand_args=infinity\ncommand_background=true\npidfile=/run/bell.pid\n{more}"
        )
    };
    machine.write("/etc/init.d/bell", native(""));
    machine.run(["chmod", "755", "/etc/init.d/bell"]).success();
    settle(&machine, &service("bell", "[enable, start]"));
    let done = converge(&machine, &service("bell", "reload")).exits(2);
    assert!(done.stdout.contains("restart bell"), "{done}");
    machine.write(
        "/etc/init.d/bell",
        native("extra_started_commands=reload\nreload() { echo no such setting; return 1; }\n"),
    );
    let before = machine.read("/run/bell.pid");
    let failed = converge(&machine, &service("bell", "reload")).exits(1);
    assert!(failed.stderr.contains("no such setting"), "{failed}");
    assert_eq!(machine.read("/run/bell.pid"), before, "what refuses its configuration is not restarted with it");
    settle(&machine, &service("bell", "[stop, disable]"));
    assert!(!starts("bell"));
    // What was in another run-level of a boot comes back in `default`, and an undo says so.
    machine.sh("rc-update -q add bell boot").success();
    settle(&machine, &service("bell", "disable"));
    let undone = machine.run(["brasa", "undo", "last"]).success();
    assert!(format!("{undone}").contains("was in the run-level `boot`, and comes back in `default`"), "{undone}");
    assert!(starts("bell"));
    in_an_image(&machine, "rc-service", "ls /image/etc/runlevels/default/cron");
    Ok(())
}

const WEB: &str = "- {type: systemd_unit, name: web.service, user: ana, action: ACTION, content: {Service: {ExecStart: CODE}, Install: {WantedBy: default.target}}}\n";

#[test]
fn a_user_has_units_of_a_systemd_of_its_own() -> Result<()> {
    let machine = machine()?;
    machine.run(["useradd", "-m", "ana"]).success();
    let web = |action: &str, code: &str| WEB.replace("ACTION", action).replace("CODE", code);
    let sleep = "/bin/sleep infinity";
    let link = "/home/ana/.config/systemd/user/default.target.wants/web.service";

    // While nobody is logged in: enabled by ana's own links, and not started.
    let refused = converge(&machine, &web("[create, enable, start]", sleep)).exits(1);
    assert!(
        refused.stderr.contains("unit `ana/web.service` cannot be started: the systemd of user `ana` does not run"),
        "{refused}"
    );
    assert!(refused.stderr.contains("loginctl enable-linger ana"), "{refused}");
    settle(&machine, &web("[create, enable]", sleep));
    assert_eq!(machine.run(["stat", "-c", "%U", link]).success().stdout, "ana\n");
    settle(&machine, &web("disable", sleep));
    assert_ne!(machine.run(["test", "-L", link]).code, 0);
    settle(&machine, &web("mask", sleep));
    settle(&machine, &web("[unmask, enable]", sleep));

    // With a systemd that stays, also one that the same run has just asked for.
    let linger = "- {type: execute, name: linger, command: [loginctl, enable-linger, ana], creates: /var/lib/systemd/linger/ana}\n";
    let all = format!("{linger}{}", web("[create, enable, start]", sleep));
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{all}"));
    machine.run(["brasa", "plan", "--detailed-exitcode"]).exits(2);
    settle(&machine, &all);
    let asked = |words: &str| machine.sh(&format!("systemctl --user --machine=ana@ {words}"));
    assert_eq!(asked("is-active web").stdout, "active\n");
    let found = machine.run(["brasa", "resource", "service", "ana/web"]).success().stdout;
    assert!(found.contains("    name: ana/web\n    action: [enable, start]\n"), "{found}");

    // A changed file is read again before the restart, and drift is repaired.
    let changed = web("[create, enable, start]", "/bin/sleep 54321")
        .replace("content:", "notifies: [restart, \"service[ana/web]\"], content:");
    settle(&machine, &format!("{changed}- {{type: service, name: web, user: ana}}\n"));
    assert!(asked("show -p ExecStart web").stdout.contains("54321"));
    machine.run(["pgrep", "-u", "ana", "-f", "sleep 54321"]).success();
    asked("disable --now web").success();
    settle(&machine, &web("[create, enable, start]", "/bin/sleep 54321"));
    settle(
        &machine,
        "- {type: systemd_unit, name: web.service, user: ana, drop_in: nice.conf, verify: true, action: create, content: {Service: {Nice: 7}}}\n",
    );
    assert_eq!(asked("show -p Nice --value web").stdout, "7\n", "its systemd was told");
    let wrong = converge(&machine, "- {type: systemd_unit, name: ana/web.service.d/x.conf, verify: true, action: create, content: {Service: {Nicer: 7}}}\n").exits(1);
    assert!(wrong.stderr.contains("Nicer' in section [Service], ignoring"), "{wrong}");
    settle(&machine, &service("ana/web", "[stop, disable]"));
    assert_eq!(asked("is-active web").stdout, "inactive\n");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(
        (asked("is-active web").stdout, asked("is-enabled web").stdout),
        ("active\n".to_owned(), "enabled\n".to_owned())
    );

    let sick =
        web("[create, start]", "/bin/sh -c 'echo port 80 is in use; exit 3'").replace("web.service", "sick.service");
    let failed =
        converge(&machine, &sick.replace("ExecStart: /bin", "ExecStart: \"/bin").replace("exit 3'", "exit 3'\""))
            .exits(1);
    assert!(failed.stderr.contains("port 80 is in use"), "{failed}");
    let missing = converge(&machine, &service("eve/web", "enable")).exits(1);
    assert!(missing.stderr.contains("user `eve` does not exist"), "{missing}");
    assert_ne!(machine.sh("systemctl is-enabled web").code, 0, "nothing of it is the system's");
    Ok(())
}
