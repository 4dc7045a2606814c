//! Users whose own systemd has units. It runs while they are logged in, or always where they linger. Source: systemctl(1),
//! user@.service(5), loginctl(1).
use std::{
    fs,
    path::{Path, PathBuf},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use super::Services;
use crate::host::{Command, User};

/// How long a systemd may take to come up that was just told to stay.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(50);

/// A user with units.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Owner {
    name: String,
    /// `None` where there is no such account.
    uid: Option<u32>,
    pub(super) home: Option<PathBuf>,
}

impl Owner {
    /// Whether the user's systemd runs. One that lingers is on its way when it does not yet.
    pub(super) fn runs(&self, root: &Path) -> bool {
        let Some(uid) = self.uid else { return false };
        let socket = socket(root, uid);
        let deadline = Instant::now() + PATIENCE;
        while !socket.exists() {
            let lingers = root.join("var/lib/systemd/linger").join(&self.name).exists();
            if !lingers || !root.join("run/systemd/users").is_dir() || Instant::now() > deadline {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }

    /// A command of systemctl as the user gives it: to the systemd that runs, or else to the files alone.
    pub(super) fn asks(&self, mut command: Command, runs: bool) -> Command {
        command.argv.insert(1, "--user".to_owned());
        command.user = Some(self.name.clone());
        let (name, value) = match self.uid.filter(|_| runs) {
            Some(uid) => ("XDG_RUNTIME_DIR", format!("/run/user/{uid}")),
            None => ("SYSTEMD_OFFLINE", "1".to_owned()),
        };
        command.environment.insert(name.to_owned(), value);
        command
    }

    /// What journalctl finds the lines of a unit by. Those of a process that is gone before journald has looked where it
    /// belongs are its own alone.
    pub(super) fn lines_of(&self, unit: &str, process: &str) -> Vec<String> {
        let uid = self.uid.unwrap_or_default();
        let fields = [("_SYSTEMD_USER_UNIT", unit), ("USER_UNIT", unit), ("_PID", process)];
        let matches = fields.map(|(field, value)| vec![format!("{field}={value}"), format!("_UID={uid}")]);
        matches.join(&"+".to_owned())
    }
}

/// Where a user's systemd is spoken to.
fn socket(root: &Path, uid: u32) -> PathBuf {
    root.join(format!("run/user/{uid}/systemd/private"))
}

/// Whether a path is one where units of users are defined.
pub(super) fn concerns(path: &Path) -> bool {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str()).collect();
    parts.windows(2).any(|pair| pair[0] == "systemd" && pair[1] == "user")
}

impl Services {
    /// The services of a user's own systemd.
    pub fn of_user(&self, name: &str, account: Option<User>) -> Rc<Self> {
        let (uid, home) = account.map_or((None, None), |account| (account.uid, account.home));
        let owner = Some(Owner { name: name.to_owned(), uid, home });
        let mut users = self.users.borrow_mut();
        match users.get(name) {
            Some(services) if services.owner == owner => Rc::clone(services),
            Some(_) | None => {
                let services = Self { owner, ..Self::below(&self.root, self.run) };
                // It is not worth a connection: systemctl is asked.
                services.silent.set(true);
                services.reload_due.set(self.users_stale.get());
                let services = Rc::new(services);
                users.insert(name.to_owned(), Rc::clone(&services));
                services
            }
        }
    }

    /// Has every user's systemd that runs read its unit files again. A user's own trouble is none of the run's.
    pub(super) fn tell_users(&self) {
        let Ok(entries) = fs::read_dir(self.root.join("run/user")) else { return };
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for uid in numbers.filter(|uid| socket(&self.root, *uid).exists()) {
            let known = self.users.borrow().values().find(|known| known.is_of(uid)).map(Rc::clone);
            let services = known.unwrap_or_else(|| {
                let owner = Some(Owner { name: uid.to_string(), uid: Some(uid), home: None });
                let services = Self { owner, ..Self::below(&self.root, self.run) };
                services.reload_due.set(true);
                Rc::new(services)
            });
            if let Err(error) = services.finish() {
                tracing::warn!("the systemd of user number {uid} did not read its unit files again: {error}");
            }
        }
    }

    fn is_of(&self, uid: u32) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.uid == Some(uid))
    }
}
