//! Accounts and groups that a name service knows (LDAP, sssd): nothing here can change them.
use crate::{Error, Result, host::Probe};

/// Refuses to change an account that is not in the machine's own files.
///
/// # Errors
/// When it is in none; when they cannot be read.
pub(crate) fn refuse_user(name: &str, probe: &dyn Probe) -> Result<()> {
    refuse(name, &probe.own_users()?, "/etc/passwd")
}

/// Refuses to change a group that is not in the machine's own files.
///
/// # Errors
/// As [`refuse_user`].
pub(crate) fn refuse_group(name: &str, probe: &dyn Probe) -> Result<()> {
    refuse(name, &probe.own_groups()?, "/etc/group")
}

fn refuse(name: &str, own: &[String], file: &str) -> Result<()> {
    if own.iter().any(|own| own == name) {
        return Ok(());
    }
    let sentence = format!("`{name}` comes from the name service, not from {file}");
    Err(Error::failed(sentence).hint("change it where the name service has it from, or take another name here"))
}
