//! Init scripts: System V (Debian's and Red Hat's tools) and OpenRC. Source: LSB 5 "Init Script Actions", update-rc.d(8),
//! chkconfig(8), rc-service(8), rc-update(8).
use std::{fs, path::Path, thread, time::Duration};

use super::{Services, unit_files};
use crate::{
    Error, Result,
    host::{Active, Enabled, Init, ServiceState, ServiceVerb},
};

/// Exit codes of a script that does not know an action: LSB's "invalid argument" and "unimplemented".
const UNKNOWN: [i32; 2] = [2, 3];

/// What OpenRC's `status` ends with when a service crashed.
const CRASHED: i32 = 32;

/// OpenRC's run-levels of a boot, in order. In the others, as `shutdown` and `nonetwork`, something is enabled for another time.
const LEVELS: [&str; 3] = ["sysinit", "boot", "default"];

/// How often, and after which pause, a service that was started is looked at before it is told that it does not run: 3 s in all.
const STEPS: u32 = 30;
const STEP: Duration = Duration::from_millis(100);

/// Where OpenRC has its run-level, once it has booted the system.
const SOFT_LEVEL: &str = "run/openrc/softlevel";

/// Whether a link in the run-levels starts a script.
pub(super) fn starts_at_boot(root: &Path, name: &str) -> Result<bool> {
    for levels in ["etc", "etc/rc.d"] {
        // What is started once, early in the boot, is in `S` alone.
        for level in ["S", "2", "3", "4", "5"] {
            let links = unit_files::names(&root.join(format!("{levels}/rc{level}.d")))?;
            let starts = |link: &String| link.len() > 3 && link.starts_with('S') && link[3..] == *name;
            if links.iter().filter(|link| link.is_char_boundary(3)).any(starts) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The run-levels of a boot that a service of OpenRC is in.
fn levels(root: &Path, name: &str) -> Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for level in LEVELS {
        if unit_files::names(&root.join("etc/runlevels").join(level))?.iter().any(|link| link == name) {
            found.push(level);
        }
    }
    Ok(found)
}

/// Whether services can be started: not in an image, nor where OpenRC is installed but has not booted the system.
fn is_live(services: &Services, init: Init) -> bool {
    services.is_live() && (init != Init::OpenRc || services.root.join(SOFT_LEVEL).exists())
}

/// Whether a script can be told to reload. Those of OpenRC say so; of others only trying tells.
pub(super) fn reloads(root: &Path, name: &str) -> Option<bool> {
    let text = fs::read_to_string(root.join("etc/init.d").join(name)).ok()?;
    let of_open_rc = text.lines().next().is_some_and(|line| line.contains("openrc-run") || line.contains("runscript"));
    let says = |line: &str| {
        let line = line.trim();
        let commands = line.starts_with("extra_") || line.starts_with("opts=");
        line.starts_with("reload()")
            || commands && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "reload")
    };
    of_open_rc.then(|| text.lines().any(says))
}

pub(super) fn state(services: &Services, init: Init, name: &str) -> Result<ServiceState> {
    if !services.root.join("etc/init.d").join(name).is_file() {
        return Ok(ServiceState::ABSENT);
    }
    let open_rc = init == Init::OpenRc;
    let enabled =
        if open_rc { !levels(&services.root, name)?.is_empty() } else { starts_at_boot(&services.root, name)? };
    let active = if !is_live(services, init) {
        Active::No
    } else if open_rc {
        match services.ask(["rc-service", name, "status"])?.code {
            0 => Active::Yes,
            8 => Active::Starting,
            CRASHED => Active::Failed,
            _ => Active::No,
        }
    } else if services.ask(["service", name, "status"])?.success() {
        Active::Yes
    } else {
        Active::No
    };
    Ok(ServiceState { exists: true, enabled: if enabled { Enabled::Yes } else { Enabled::No }, active })
}

pub(super) fn perform(services: &Services, init: Init, name: &str, verb: ServiceVerb) -> Result<()> {
    let starts = !matches!(verb, ServiceVerb::Enable | ServiceVerb::Disable);
    if starts && !is_live(services, init) {
        return Err(Error::Unsupported(format!(
            "cannot {} `{name}`: this system does not run (a chroot or image), so services can only be enabled and disabled",
            verb.name(),
        )));
    }
    let open_rc = init == Init::OpenRc;
    let chkconfig = !open_rc && services.program("update-rc.d").is_none();
    match verb {
        ServiceVerb::Enable if open_rc => services.change(["rc-update", "add", name, "default"]),
        // `--all` fails for every run-level that the service is not in.
        ServiceVerb::Disable if open_rc => levels(&services.root, name)?
            .into_iter()
            .try_for_each(|level| services.change(["rc-update", "del", name, level])),
        ServiceVerb::Enable if chkconfig => {
            services.change(["chkconfig", "--add", name])?;
            services.change(["chkconfig", name, "on"])
        }
        ServiceVerb::Disable if chkconfig => services.change(["chkconfig", name, "off"]),
        ServiceVerb::Enable => {
            // `enable` only turns links that `defaults` has made; where there are some, `defaults` changes nothing.
            services.change(["update-rc.d", name, "defaults"])?;
            services.change(["update-rc.d", name, "enable"])
        }
        ServiceVerb::Disable => services.change(["update-rc.d", name, "disable"]),
        ServiceVerb::Start if open_rc => {
            start(services, name)?;
            await_start(services, init, name)
        }
        ServiceVerb::Start | ServiceVerb::Restart => {
            services.change([if open_rc { "rc-service" } else { "service" }, name, verb.name()])?;
            await_start(services, init, name)
        }
        ServiceVerb::Stop => services.change([if open_rc { "rc-service" } else { "service" }, name, "stop"]),
        ServiceVerb::Reload => {
            let tool = if open_rc { "rc-service" } else { "service" };
            let answer = services.ask([tool, name, "reload"])?;
            match answer.code {
                0 => Ok(()),
                code if UNKNOWN.contains(&code) => services.change([tool, name, "restart"]),
                _ if open_rc && reloads(&services.root, name) == Some(false) => {
                    services.change([tool, name, "restart"])
                }
                _ => Err(services.failed(&[tool, name, "reload"], &answer)),
            }
        }
        ServiceVerb::Mask | ServiceVerb::Unmask => {
            Err(Error::Unsupported(format!("cannot {} `{name}`: only systemd masks units", verb.name())))
        }
    }
}

/// Waits a little for a service that was started: a script may end before its daemon has written the file by which `status`
/// knows it. Whether it runs in the end is for whoever reads the state again.
fn await_start(services: &Services, init: Init, name: &str) -> Result<()> {
    for _ in 0..STEPS {
        if state(services, init, name)?.active != Active::No {
            break;
        }
        thread::sleep(STEP);
    }
    Ok(())
}

/// Starts a service of OpenRC, which takes one that crashed for started until it is told that it is not.
pub(super) fn start(services: &Services, name: &str) -> Result<()> {
    if services.ask(["rc-service", name, "status"])?.code == CRASHED {
        services.change(["rc-service", name, "zap"])?;
    }
    services.change(["rc-service", name, "start"])
}
