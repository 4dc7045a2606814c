//! What becomes of a home directory together with its account, and what must not.
use std::path::Path;

use super::entry::resolve;
use crate::{
    Error, Result,
    host::{Probe, User},
};

/// Refuses to remove the account together with a home that is not its own.
///
/// # Errors
/// Why it stays.
pub(crate) fn may_be_removed(account: &User, probe: &dyn Probe) -> Result<()> {
    let Some(home) = &account.home else { return Ok(()) };
    let (_, Some(entry)) = resolve(home, probe)? else { return Ok(()) };
    // Several names may share a number.
    let owner = probe.user(&entry.owner)?.and_then(|owner| owner.uid);
    if entry.owner == account.name || owner.is_some() && owner == account.uid {
        return Ok(());
    }
    let sentence = format!("the home `{}` of `{}` belongs to `{}`", home.display(), account.name, entry.owner);
    Err(Error::failed(sentence).hint("without `manage_home` the account is removed and its home stays"))
}

/// Refuses to move the home to where something is.
///
/// # Errors
/// What is in the way.
pub(crate) fn may_be_moved(account: &User, to: &Path, probe: &dyn Probe) -> Result<()> {
    if account.home.as_deref() == Some(to) {
        return Ok(());
    }
    let Some(entry) = probe.entry(to)? else { return Ok(()) };
    let sentence = format!(
        "the home of `{}` cannot be moved to `{}`: a {} is there",
        account.name,
        to.display(),
        entry.kind.noun()
    );
    Err(Error::failed(sentence)
        .hint("without `manage_home` the account gets it as its home, and its files stay where they are"))
}
