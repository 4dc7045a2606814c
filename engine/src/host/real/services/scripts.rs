//! Init scripts: System V (Debian's and Red Hat's tools) and OpenRC. Source: LSB 5 "Init Script Actions", update-rc.d(8),
//! chkconfig(8), rc-service(8), rc-update(8).
use std::path::Path;

use super::{Services, unit_files};
use crate::{
    Error, Result,
    host::{Active, Enabled, Init, ServiceState, ServiceVerb},
};

/// An init script is not implemented for an action: LSB's exit code.
const UNIMPLEMENTED: i32 = 3;

/// Whether a link in the run-levels starts a script.
pub(super) fn starts_at_boot(root: &Path, name: &str) -> Result<bool> {
    for levels in ["etc", "etc/rc.d"] {
        for level in 2..=5 {
            let links = unit_files::names(&root.join(format!("{levels}/rc{level}.d")))?;
            let starts = |link: &String| link.len() > 3 && link.starts_with('S') && link[3..] == *name;
            if links.iter().filter(|link| link.is_char_boundary(3)).any(starts) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn in_a_runlevel(root: &Path, name: &str) -> Result<bool> {
    let levels = root.join("etc/runlevels");
    for level in unit_files::names(&levels)? {
        if unit_files::names(&levels.join(level))?.iter().any(|link| link == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn state(services: &Services, init: Init, name: &str) -> Result<ServiceState> {
    if !services.root.join("etc/init.d").join(name).is_file() {
        return Ok(ServiceState::ABSENT);
    }
    let open_rc = init == Init::OpenRc;
    let enabled = if open_rc { in_a_runlevel(&services.root, name)? } else { starts_at_boot(&services.root, name)? };
    let active = if !services.is_live() {
        Active::No
    } else if open_rc {
        match services.ask(["rc-service", name, "status"])?.code {
            0 => Active::Yes,
            8 => Active::Starting,
            32 => Active::Failed,
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
    if !services.is_live() {
        return Err(Error::Unsupported(format!(
            "cannot {} `{name}` below `{}`: only systemd's units can be changed in another root",
            verb.name(),
            services.root.display()
        )));
    }
    let open_rc = init == Init::OpenRc;
    let chkconfig = !open_rc && services.program("update-rc.d").is_none();
    match verb {
        ServiceVerb::Enable if open_rc => services.change(["rc-update", "add", name, "default"]),
        ServiceVerb::Disable if open_rc => services.change(["rc-update", "--all", "del", name]),
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
        ServiceVerb::Start | ServiceVerb::Stop | ServiceVerb::Restart => {
            services.change([if open_rc { "rc-service" } else { "service" }, name, verb.name()])
        }
        ServiceVerb::Reload => {
            let tool = if open_rc { "rc-service" } else { "service" };
            let answer = services.ask([tool, name, "reload"])?;
            match answer.code {
                0 => Ok(()),
                // OpenRC has no code of its own for an action that a script lacks.
                code if code == UNIMPLEMENTED || open_rc => services.change([tool, name, "restart"]),
                _ => Err(services.failed(&[tool, name, "reload"], &answer)),
            }
        }
        ServiceVerb::Mask | ServiceVerb::Unmask => {
            Err(Error::Unsupported(format!("cannot {} `{name}`: only systemd masks units", verb.name())))
        }
    }
}
