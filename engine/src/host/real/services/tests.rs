use std::{
    cell::RefCell,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{Services, systemd};
use crate::{
    Error, Result,
    host::{Active, Answer, Command, Enabled, Init, ServiceState, ServiceVerb, User},
};

thread_local! {
    /// Commands that were run, and answers by the beginning of the command line.
    static RAN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static ANSWERS: RefCell<Vec<(&'static str, i32, &'static str)>> = const { RefCell::new(Vec::new()) };
}

fn run(command: &Command) -> Result<Answer> {
    let line = command.to_string();
    let told = ANSWERS.with_borrow(|answers| answers.iter().find(|(start, ..)| line.starts_with(start)).copied());
    RAN.with_borrow_mut(|ran| ran.push(line));
    let (_, code, stdout) = told.unwrap_or_default();
    Ok(Answer { code, stdout: stdout.to_owned(), stderr: String::new() })
}

fn ran() -> Vec<String> {
    RAN.take()
}

struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn services(&self) -> Services {
        Services::below(self.root(), run)
    }

    fn offline(&self, unit: &str) -> Option<Enabled> {
        let state = systemd::offline_state(&self.services(), unit).unwrap();
        state.exists.then_some(state.enabled)
    }
}

const UNIT: &str = "[Service]\nExecStart=/bin/x\n";
const INSTALL: &str = "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn init_systems_are_told_apart_by_their_files() {
    let init = |machine: Machine| machine.services().init();
    let systemd = || Machine::new().file("usr/bin/systemctl", "").file("etc/systemd/system.conf", "");
    assert_eq!(init(systemd()), Init::SystemdOffline);
    assert_eq!(init(systemd().file("run/systemd/system/x", "")), Init::SystemdOffline, "another root does not run");
    assert_eq!(init(Machine::new().file("usr/bin/systemctl", "")), Init::None);
    assert_eq!(init(Machine::new().file("sbin/openrc-run", "").file("etc/init.d/x", "")), Init::OpenRc);
    assert_eq!(init(Machine::new().file("usr/sbin/update-rc.d", "").file("etc/init.d/x", "")), Init::SysV);
    assert_eq!(init(Machine::new().file("sbin/chkconfig", "").file("etc/init.d/x", "")), Init::SysV);
    assert_eq!(init(Machine::new().file("etc/init.d/x", "")), Init::None);
    assert_eq!(init(Machine::new()), Init::None);
}

#[test]
fn links_tell_what_is_enabled_where_systemd_does_not_run() {
    let machine = Machine::new()
        .file("usr/lib/systemd/system/plain.service", INSTALL)
        .file("usr/lib/systemd/system/on.service", INSTALL)
        .link("etc/systemd/system/multi-user.target.wants/on.service", "/lib/systemd/system/on.service")
        .file("lib/systemd/system/vendor.service", UNIT)
        .link("lib/systemd/system/multi-user.target.wants/vendor.service", "../vendor.service")
        .file("usr/lib/systemd/system/masked.service", INSTALL)
        .link("etc/systemd/system/masked.service", "/dev/null")
        .file("etc/systemd/system/empty.service", "")
        .file("usr/lib/systemd/system/named.service", "[Install]\nWantedBy=a.target\nAlias=bind9.service\n")
        .link("etc/systemd/system/bind9.service", "/usr/lib/systemd/system/named.service")
        .file("usr/lib/systemd/system/getty@.service", "[Install]\nWantedBy=getty.target\n")
        .link("etc/systemd/system/getty.target.wants/getty@tty1.service", "/lib/systemd/system/getty@.service")
        .file("usr/lib/systemd/system/also.service", "[Install]\nAlso=other.socket\n")
        .file("usr/lib/systemd/system/hollow.service", "[Install]\nWantedBy=\n#WantedBy=x\n[Service]\nAlias=x\n")
        .file("srv/own.service", INSTALL)
        .link("etc/systemd/system/own.service", "/srv/own.service")
        .link("etc/systemd/system/gone.service", "/srv/gone.service")
        .file("usr/lib/systemd/system/ssh.service", "[Install]\nWantedBy=a.target\nAlias=x.service sshd.service\n")
        .link("usr/lib/systemd/system/autovt@.service", "getty@.service")
        .file("usr/lib/systemd/system/hidden.service", "[Install]\nWantedBy=a.target\nAlias=other.service\n")
        .link("etc/systemd/system/hidden.service", "/dev/null")
        .link("run/systemd/system/multi-user.target.wants/plain.service", "/lib/systemd/system/plain.service")
        .link("etc/systemd/system/rescue.target.requires/plain.timer", "/x")
        .file("etc/systemd/system/plain.timer", "[Install]\nWantedBy=timers.target\n")
        .file("etc/init.d/script", "")
        .link("etc/rc3.d/S01script", "../init.d/script")
        .file("etc/init.d/asleep", "")
        .link("etc/rc3.d/K01asleep", "../init.d/asleep")
        .file("usr/bin/systemctl", "");
    let expected = [
        ("plain.service", Some(Enabled::No)),
        ("on.service", Some(Enabled::Yes)),
        ("vendor.service", Some(Enabled::Static)),
        ("masked.service", Some(Enabled::Masked)),
        ("empty.service", Some(Enabled::Masked)),
        ("named.service", Some(Enabled::Yes)),
        ("bind9.service", Some(Enabled::Yes)),
        ("sshd.service", Some(Enabled::No)),
        ("sshd.socket", None),
        ("other.service", Some(Enabled::Masked)),
        ("autovt@tty1.service", Some(Enabled::Yes)),
        ("autovt@tty2.service", Some(Enabled::No)),
        ("getty@tty1.service", Some(Enabled::Yes)),
        ("getty@tty2.service", Some(Enabled::No)),
        ("also.service", Some(Enabled::Static)),
        ("hollow.service", Some(Enabled::Static)),
        ("own.service", Some(Enabled::No)),
        ("gone.service", None),
        ("plain.timer", Some(Enabled::Yes)),
        ("script.service", Some(Enabled::Yes)),
        ("asleep.service", Some(Enabled::No)),
        ("script.timer", None),
        ("nope.service", None),
    ];
    for (unit, state) in expected {
        assert_eq!(machine.offline(unit), state, "{unit}");
    }
    let unmasked = |unit: &str| machine.services().unmasked(unit).unwrap();
    for (unit, state) in
        [("masked", Some(Enabled::No)), ("other", Some(Enabled::No)), ("on", Some(Enabled::Yes)), ("nope", None)]
    {
        assert_eq!(unmasked(unit), state, "{unit} below its mask");
    }
}

#[test]
fn what_is_done_by_an_alias_is_done_to_the_unit() {
    let machine = Machine::new()
        .file("usr/bin/systemctl", "")
        .file("etc/systemd/system.conf", "")
        .file("usr/lib/systemd/system/ssh.service", "[Install]\nWantedBy=a.target\nAlias=sshd.service\n")
        .file("usr/lib/systemd/system/getty@.service", INSTALL)
        .link("usr/lib/systemd/system/autovt@.service", "getty@.service")
        .link("usr/lib/systemd/system/mysql.service", "mariadb.service")
        .file("usr/lib/systemd/system/mariadb.service", INSTALL);
    let services = machine.services();
    for alias in ["sshd", "autovt@tty1", "mysql"] {
        services.perform(alias, ServiceVerb::Enable).unwrap();
    }
    let enabled: Vec<_> = ran().into_iter().filter_map(|line| Some(line.rsplit_once(' ')?.1.to_owned())).collect();
    assert_eq!(enabled, ["ssh.service", "getty@tty1.service", "mariadb.service"]);
}

#[test]
fn aliases_in_a_circle_are_an_error() {
    let machine = Machine::new()
        .link("etc/systemd/system/a.service", "b.service")
        .link("etc/systemd/system/b.service", "a.service");
    assert!(systemd::offline_state(&machine.services(), "a.service").is_err());
}

#[test]
fn an_image_is_enabled_by_systemctl_and_never_started() {
    let machine = Machine::new()
        .file("usr/bin/systemctl", "")
        .file("etc/systemd/system.conf", "")
        .file("usr/lib/systemd/system/web.service", INSTALL);
    let services = machine.services();
    services.perform("web", ServiceVerb::Enable).unwrap();
    services.perform("other", ServiceVerb::Mask).unwrap();
    let root = machine.root().display().to_string();
    assert_eq!(
        ran(),
        [
            format!("systemctl --root={root} enable -- web.service"),
            format!("systemctl --root={root} mask -- other.service")
        ]
    );
    assert!(matches!(services.perform("nope", ServiceVerb::Enable), Err(Error::Missing { kind: "unit", .. })));
    for verb in [ServiceVerb::Start, ServiceVerb::Stop, ServiceVerb::Restart, ServiceVerb::Reload] {
        assert!(matches!(services.perform("web", verb), Err(Error::Unsupported(_))));
    }
    services.units_changed();
    services.finish().unwrap();
    assert_eq!(ran(), [""; 0], "nobody is there to reload");
}

#[test]
fn where_nothing_starts_services_that_is_said() {
    let services = Machine::new().services();
    let error = services.perform("web", ServiceVerb::Start).unwrap_err().to_string();
    assert!(error.starts_with("cannot start `web`: no init system is known here"), "{error}");
    assert_eq!(services.service("web").unwrap(), ServiceState::ABSENT);
    assert!(services.service("../x").is_err());
    assert!(services.perform("--now", ServiceVerb::Start).is_err());
}

#[test]
fn scripts_are_known_by_their_links() {
    let sysv = Machine::new()
        .file("usr/sbin/update-rc.d", "")
        .file("etc/init.d/web", "")
        .file("etc/init.d/off", "")
        .file("etc/init.d/early", "")
        .link("etc/rcS.d/S01early", "../init.d/early")
        .link("etc/rc2.d/S20web", "../init.d/web")
        .link("etc/rc2.d/S20webx", "../init.d/webx");
    let state = |machine: &Machine, name: &str| machine.services().service(name).unwrap();
    assert_eq!(state(&sysv, "web"), ServiceState { exists: true, enabled: Enabled::Yes, active: Active::No });
    assert_eq!(state(&sysv, "off.service").enabled, Enabled::No);
    assert_eq!(state(&sysv, "early").enabled, Enabled::Yes);
    assert_eq!(state(&sysv, "webx"), ServiceState::ABSENT);
    assert_eq!(state(&sysv, "web.timer"), ServiceState::ABSENT);
    let red_hat = Machine::new()
        .file("sbin/chkconfig", "")
        .file("etc/init.d/web", "")
        .link("etc/rc.d/rc3.d/S85web", "../init.d/web");
    assert_eq!(state(&red_hat, "web").enabled, Enabled::Yes);
    let open_rc = Machine::new()
        .file("sbin/openrc-run", "")
        .file("etc/init.d/web", "")
        .link("etc/runlevels/default/web", "/etc/init.d/web");
    assert_eq!(state(&open_rc, "web").enabled, Enabled::Yes);
    let error = open_rc.services().perform("web", ServiceVerb::Start).unwrap_err().to_string();
    assert!(error.contains("this system does not run"), "{error}");
    assert_eq!(ran(), [""; 0]);
    open_rc.services().perform("web", ServiceVerb::Disable).unwrap();
    assert_eq!(ran(), ["rc-update del web default"]);
    let elsewhere = open_rc.link("etc/runlevels/shutdown/late", "/etc/init.d/late").file("etc/init.d/late", "");
    assert_eq!(state(&elsewhere, "late").enabled, Enabled::No, "what is not started at boot is not enabled");
    for (text, reloads) in [
        ("#!/sbin/openrc-run\nextra_started_commands=\"checkconfig reload\"\n", Some(true)),
        ("#!/sbin/openrc-run\nreload() {\n", Some(true)),
        ("#!/sbin/openrc-run\n# reload\n", Some(false)),
        ("#!/bin/sh\n", None),
    ] {
        let machine = Machine::new().file("sbin/openrc-run", "").file("etc/init.d/web", text);
        assert_eq!(machine.services().reloads("web").unwrap(), reloads, "{text}");
    }
}

#[test]
fn tools_of_scripts_are_called_as_their_manuals_say() {
    let calls = |init, verbs: &[ServiceVerb], answers: &[(&'static str, i32, &'static str)]| {
        ANSWERS.set(answers.to_vec());
        let services = Services::below("/", run);
        for verb in verbs {
            super::scripts::perform(&services, init, "web", *verb).unwrap();
        }
        ran()
    };
    let verbs = [ServiceVerb::Start, ServiceVerb::Stop, ServiceVerb::Restart];
    assert_eq!(calls(Init::SysV, &verbs, &[]), ["service web start", "service web stop", "service web restart"]);
    assert_eq!(
        calls(Init::OpenRc, &[ServiceVerb::Enable, ServiceVerb::Disable], &[]),
        ["rc-update add web default"],
        "it is in no run-level to be taken from"
    );
    ANSWERS.set(vec![("rc-service web status", 32, "")]);
    super::scripts::start(&Services::below("/", run), "web").unwrap();
    assert_eq!(ran(), ["rc-service web status", "rc-service web zap", "rc-service web start"]);
    let unimplemented = [("service web reload", 3, "")];
    assert_eq!(
        calls(Init::SysV, &[ServiceVerb::Reload], &unimplemented),
        ["service web reload", "service web restart"]
    );
    ANSWERS.set(vec![("service web start", 1, "port in use\n")]);
    let services = Services::below("/", run);
    let error = super::scripts::perform(&services, Init::SysV, "web", ServiceVerb::Start).unwrap_err();
    assert_eq!(error.to_string(), "command `service web start` exited with 1; it printed:\nport in use");
    let masked = super::scripts::perform(&services, Init::SysV, "web", ServiceVerb::Mask);
    assert!(matches!(masked, Err(Error::Unsupported(_))));
}

#[test]
fn only_unit_files_make_systemd_read_again() {
    let due = |path: &str| {
        let services = Machine::new().services();
        services.path_changed(Path::new(path));
        services.reload_due.get()
    };
    assert!(due("/etc/systemd/system/x.service.d/limits.conf"));
    assert!(due("/lib/systemd/system/x.timer"));
    assert!(!due("/etc/systemd/journald.conf"));
    assert!(!due("/etc/motd"));
}

const SHOWN: &str = "Id=web.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\
    NeedDaemonReload=no\nCanReload=no\nType=notify\nResult=success\nJob=\n";

#[test]
fn one_reload_comes_before_the_next_change() {
    ANSWERS.set(vec![("systemctl show", 0, SHOWN)]);
    let services = Services::below("/", run);
    services.units_changed();
    services.units_changed();
    systemd::perform(&services, "web.service", ServiceVerb::Stop).unwrap();
    systemd::perform(&services, "web.service", ServiceVerb::Disable).unwrap();
    let changes: Vec<_> = ran().into_iter().filter(|line| !line.starts_with("systemctl show")).collect();
    assert_eq!(
        changes,
        [
            "systemctl --no-ask-password daemon-reload",
            "systemctl --no-ask-password --no-pager stop -- web.service",
            "systemctl --no-ask-password --no-pager disable -- web.service",
        ]
    );
}

#[test]
fn what_fails_to_start_shows_its_state_and_its_last_words() {
    let shown = "Id=web.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=enabled\nResult=exit-code\n";
    ANSWERS.set(vec![
        ("systemctl show", 0, shown),
        ("systemctl --no-ask-password --no-pager start", 1, "Job for web.service failed.\n"),
        ("journalctl", 0, "web: bad configuration\n"),
    ]);
    let services = Services::below("/", run);
    let error = systemd::perform(&services, "web.service", ServiceVerb::Start).unwrap_err();
    assert_eq!(
        error.to_string(),
        "command `systemctl --no-ask-password --no-pager start -- web.service` exited with 1: the unit is failed (failed), \
         result exit-code; it printed:\nJob for web.service failed.\nweb: bad configuration"
    );
    // Of earlier attempts nothing is shown.
    assert!(ran().iter().any(|line| line.starts_with("journalctl -u web.service --since=@1")));
    let reload = systemd::perform(&services, "web.service", ServiceVerb::Reload).unwrap_err();
    assert_eq!(reload.to_string(), "cannot reload `web.service`: it does not run (it is failed)");
}

#[test]
fn what_systemd_cannot_load_is_said_once_it_has_read_it() {
    ANSWERS.set(vec![(
        "systemctl show",
        0,
        "Id=web.service\nLoadState=bad-setting\nActiveState=inactive\nUnitFileState=bad\n",
    )]);
    let services = Services::below("/", run);
    services.silent.set(true);
    for path in ["web.service", "web.service.d/limits.conf", "web@.service", "notes"] {
        services.path_changed(&Path::new("/etc/systemd/system").join(path));
    }
    assert_eq!(services.take_warnings(), [""; 0]);
    services.reload_units().unwrap();
    let sentence = "systemd cannot load `web.service` (bad-setting), so it will not start: \
                    `systemd-analyze verify web.service` says why";
    assert_eq!(services.take_warnings(), [sentence]);
    services.reload_units().unwrap();
    assert_eq!(services.take_warnings(), [""; 0]);
}

#[test]
fn a_unit_that_is_not_there_is_looked_for_once_more() {
    ANSWERS.set(vec![(
        "systemctl show",
        0,
        "Id=web.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n",
    )]);
    let services = Services::below("/", run);
    let error = systemd::perform(&services, "web.service", ServiceVerb::Start).unwrap_err();
    assert_eq!(error.to_string(), "unit `web.service` does not exist");
    assert_eq!(ran().iter().filter(|line| line.ends_with("daemon-reload")).count(), 1);
}

fn ana() -> User {
    let text = r#"{"name": "ana", "uid": 1000, "group": null, "home": "/home/ana", "shell": null, "password": null}"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn units_of_a_user_are_told_by_the_links_of_the_user_and_of_all() {
    let machine = Machine::new()
        .file("usr/bin/systemctl", "")
        .file("etc/systemd/user/web.service", INSTALL)
        .file("etc/systemd/user/all.service", INSTALL)
        .link("etc/systemd/user/default.target.wants/all.service", "../all.service")
        .file("home/ana/.config/systemd/user/own.service", UNIT)
        .link("home/ana/.config/systemd/user/default.target.wants/web.service", "/etc/systemd/user/web.service")
        .file("usr/lib/systemd/system/cron.service", INSTALL)
        .file("etc/init.d/old", "");
    let services = machine.services();
    let state = |account: Option<User>, unit: &str| {
        let state = services.of_user("ana", account).service(unit).unwrap();
        state.exists.then_some(state.enabled)
    };
    let expected = [
        ("web", Some(Enabled::Yes)),
        ("all", Some(Enabled::Yes)),
        ("own", Some(Enabled::Static)),
        ("cron", None),
        ("old", None),
    ];
    for (unit, enabled) in expected {
        assert_eq!(state(Some(ana()), unit), enabled, "{unit}");
    }
    assert_eq!(state(None, "web"), Some(Enabled::No), "an account that is yet to be made has no links");
    assert_eq!(state(None, "own"), None);

    let own = services.of_user("ana", Some(ana()));
    own.perform("web", ServiceVerb::Disable).unwrap();
    assert_eq!(ran(), ["systemctl --user disable -- web.service"]);
    let command = own.command(&["systemctl", "start"]);
    assert_eq!(command.user.as_deref(), Some("ana"));
    assert_eq!(command.environment.get("SYSTEMD_OFFLINE").map(String::as_str), Some("1"));
    let error = own.perform("web", ServiceVerb::Start).unwrap_err().to_string();
    assert!(error.contains("the systemd of its user does not run"), "{error}");
}

#[test]
fn files_of_users_units_make_their_systemd_read_again() {
    let services = Machine::new().services();
    let own = services.of_user("ana", Some(ana()));
    services.path_changed(Path::new("/etc/systemd/user/web.service"));
    assert!(own.reload_due.get() && !services.reload_due.get());
    assert!(services.of_user("eve", None).reload_due.get(), "also of one that is asked later");
    services.finish().unwrap();
    assert_eq!(ran(), [""; 0], "of those that do not run nobody is told");
}
