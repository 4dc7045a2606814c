//! What shadow's tools do where they are not told.
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{Entry, Probe, follow};
use crate::{Error, Result};

/// What `useradd` puts into a new home. Source: useradd(8).
pub(super) const SKELETON: &str = "/etc/skel";

/// Settings of useradd(8) and login.defs(5).
#[derive(Debug, Default)]
pub(super) struct AccountDefaults {
    useradd: String,
    login: Option<String>,
}

impl AccountDefaults {
    /// As the machine's files have them.
    ///
    /// # Errors
    /// When one is there and cannot be read.
    pub(super) fn read(probe: &dyn Probe) -> Result<Self> {
        let useradd = first_text(["/etc/default/useradd", "/usr/etc/default/useradd"], probe)?;
        let login = first_text(["/etc/login.defs", "/usr/etc/login.defs"], probe)?;
        Ok(Self { useradd: useradd.unwrap_or_default(), login })
    }

    fn of_useradd(&self, key: &str) -> Option<&str> {
        let lines = self.useradd.lines().filter_map(|line| line.split_once('='));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim()).next_back()
    }

    /// What `/etc/login.defs` says.
    pub(super) fn of_login(&self, key: &str) -> Option<&str> {
        let lines = self.login.as_deref()?.lines().filter_map(|line| line.trim_start().split_once([' ', '\t']));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim().trim_matches('"')).next_back()
    }

    /// Where the home of an account is for which none is named. Source: useradd(8), `-b`.
    pub(super) fn home(&self, name: &str) -> PathBuf {
        Path::new(self.of_useradd("HOME").unwrap_or("/home")).join(name)
    }

    /// The primary group, by name or number, of an account for which none is named; `None`: one of its own name, which is
    /// made with it. Source: useradd(8), `-g`.
    pub(super) fn group(&self) -> Option<&str> {
        let own = match self.of_login("USERGROUPS_ENAB") {
            Some(word) => word.eq_ignore_ascii_case("yes"),
            None => self.login.is_none(),
        };
        (!own).then(|| self.of_useradd("GROUP").unwrap_or("100"))
    }
}

/// What the first of these files that is there says.
fn first_text(files: [&str; 2], probe: &dyn Probe) -> Result<Option<String>> {
    for file in files.map(Path::new) {
        if is_listed(file, probe)? {
            return follow::text(file, probe);
        }
    }
    Ok(None)
}

/// Whether it is there, by its directory: to ask for what is not there may leave a doubt in a plan.
fn is_listed(path: &Path, probe: &dyn Probe) -> Result<bool> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    Ok(probe.list(directory)?.iter().any(|other| OsStr::new(other) == name))
}

/// The mailbox of an account, where it has one: `userdel --remove` takes it along when it is the account's. Source: userdel(8).
///
/// # Errors
/// When it cannot be read.
pub(crate) fn mailbox(name: &str, probe: &dyn Probe) -> Result<Option<(PathBuf, Entry)>> {
    let defaults = AccountDefaults::read(probe)?;
    for spool in defaults.of_login("MAIL_DIR").into_iter().chain(["/var/mail", "/var/spool/mail"]) {
        let path = Path::new(spool).join(name);
        if is_listed(&path, probe)?
            && let Some(entry) = probe.entry(&path)?
        {
            return Ok(Some((path, entry)));
        }
    }
    Ok(None)
}

/// That `useradd` would make a group that is there.
pub(super) fn group_in_the_way(name: &str) -> Error {
    Error::failed(format!("cannot make user `{name}`: `useradd` makes a group of this name with it, and there is one"))
        .hint(format!("set `gid` to `{name}` if that is to be its primary group, or to another one"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{AccountDefaults, mailbox};
    use crate::host::Fake;

    #[test]
    fn what_the_tools_do_is_in_their_files() {
        let read = |files: &[(&str, &str)]| {
            let machine = files.iter().fold(Fake::new(), |machine, (path, text)| machine.with_file(path, *text));
            let defaults = AccountDefaults::read(&machine).unwrap();
            (defaults.home("ann").display().to_string(), defaults.group().map(str::to_owned))
        };
        let (useradd, login) = ("/etc/default/useradd", "/etc/login.defs");
        let own = |home: &str| (home.to_owned(), None);
        let with = |home: &str, group: &str| (home.to_owned(), Some(group.to_owned()));
        assert_eq!(read(&[]), own("/home/ann"));
        assert_eq!(read(&[(useradd, "# HOME=/x\nHOME=/srv/a\nHOME=/srv/b\nGROUP=7\n")]), own("/srv/b/ann"));
        assert_eq!(read(&[(login, "# USERGROUPS_ENAB yes\n")]), with("/home/ann", "100"));
        assert_eq!(read(&[(login, "USERGROUPS_ENAB\tYes\n")]), own("/home/ann"));
        assert_eq!(
            read(&[(login, "USERGROUPS_ENAB yes\nUSERGROUPS_ENAB no\n"), (useradd, "GROUP=users\n")]),
            with("/home/ann", "users")
        );
        assert_eq!(read(&[("/usr/etc/login.defs", "USERGROUPS_ENAB no\n")]), with("/home/ann", "100"));
    }

    #[test]
    fn a_mailbox_is_where_login_defs_says() {
        let machine = || Fake::new().with_file("/var/spool/mail/ann", "dear");
        let found = |machine: &Fake| mailbox("ann", machine).unwrap().map(|(path, _)| path);
        assert_eq!(found(&Fake::new()), None);
        assert_eq!(found(&machine()).as_deref(), Some(Path::new("/var/spool/mail/ann")));
        let set = machine().with_file("/etc/login.defs", "MAIL_DIR\t\"/srv/mail\"\n").with_file("/srv/mail/ann", "");
        assert_eq!(found(&set).as_deref(), Some(Path::new("/srv/mail/ann")));
    }
}
