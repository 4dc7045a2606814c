//! Services, by their init system.
use std::path::Path;

use super::command::{check, run};
use crate::{
    Result,
    host::{Active, Command, Enabled, Init, ServiceState, ServiceVerb},
};

/// Services.
#[derive(Default)]
pub struct Services {}

/// Which init system there is.
pub fn detect() -> Init {
    if Path::new("/run/systemd/system").is_dir() { Init::Systemd } else { Init::None }
}

impl Services {
    /// State.
    pub fn service(&self, unit: &str, _: Init) -> Result<ServiceState> {
        let answer = run(&Command::new(["systemctl", "show", "-p", "LoadState,ActiveState,UnitFileState", unit]))?;
        let field = |name: &str| {
            answer
                .stdout
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
                .to_owned()
        };
        Ok(ServiceState {
            exists: field("LoadState") == "loaded",
            enabled: if field("UnitFileState") == "enabled" { Enabled::Yes } else { Enabled::No },
            active: if field("ActiveState") == "active" { Active::Yes } else { Active::No },
        })
    }

    /// Changes.
    pub fn perform(&self, unit: &str, verb: ServiceVerb, _: Init) -> Result<()> {
        let command = Command::new(["systemctl", verb.name(), unit]);
        check(&command, run(&command)?).map(|_| ())
    }

    /// Forgets.
    pub fn forget(&self) {}

    /// A path was changed.
    pub fn path_changed(&self, _: &Path) {}
}
