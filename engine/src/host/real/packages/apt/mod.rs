//! apt and dpkg: state is read natively from dpkg's files, changes are made by one `apt-get` for a whole transaction.
mod candidates;
mod diagnosis;
mod progress;
mod simulation;
mod status;
mod transaction;
mod version;

use std::path::Path;

pub use candidates::{Resolution, resolve};
pub use simulation::simulate;
pub use status::Database;
pub use transaction::{perform, update_lists};

use super::{directory::files_in, lists::Lists};
use crate::Result;

/// Locks that an installation takes, with the words for them.
pub const INSTALLING: [(&str, &str); 3] = [
    ("var/lib/dpkg/lock-frontend", "dpkg's lock"),
    ("var/lib/dpkg/lock", "dpkg's lock"),
    ("var/cache/apt/archives/lock", "apt's lock"),
];

/// The lock that refreshing the lists takes.
pub const UPDATING: [(&str, &str); 1] = [("var/lib/apt/lists/lock", "apt's lock")];

/// apt's package lists. The hook is one that Ubuntu installs; apt's daily timer touches the same file.
pub const LISTS: Lists = Lists {
    stamp: "apt-lists.json",
    sources: &[
        "etc/apt/sources.list",
        "etc/apt/sources.list.d",
        "etc/apt/preferences",
        "etc/apt/preferences.d",
        "etc/apt/trusted.gpg",
        "etc/apt/trusted.gpg.d",
        "etc/apt/keyrings",
        "usr/share/keyrings",
    ],
    dated: &["etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/preferences", "etc/apt/preferences.d"],
    hook: "var/lib/apt/periodic/update-success-stamp",
    any: any_list,
};

/// Whether there is any list of packages.
fn any_list(root: &Path) -> Result<bool> {
    let lists = files_in(&root.join("var/lib/apt/lists"))?;
    Ok(lists.iter().any(|path| {
        path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once("Packages")).is_some_and(
            |(before, after)| {
                (before.is_empty() || before.ends_with('_')) && (after.is_empty() || after.starts_with('.'))
            },
        )
    }))
}
