//! The real Debian packages of the article's run-list, so that converging it depends on no mirror.

use std::fs;
use std::path::Path;

use crate::cache;
use crate::container::Container;
use crate::error::{Error, Result};
use crate::host::need;
use crate::repository::{Repository, index_apt};
use crate::roots::{DEBIAN, root};
use crate::signing;

/// What may be installed from the repository, each with everything it needs or recommends on top of [`DEBIAN`].
/// `bind9` is there for scenarios with a name server, `cron` for those with a schedule.
pub const ARTICLE_PACKAGES: &[&str] = &[
    "build-essential",
    "binutils-doc",
    "autoconf",
    "flex",
    "bison",
    "ruby",
    "ruby-dev",
    "rubygems",
    "rubygems-integration",
    "dnsutils",
    "bind9-dnsutils",
    "bind9",
    "cron",
];

/// Fetches the packages as the mirror has them. The lists in the root are as old as the root, so they are read again first.
const FETCH: &str = r#"set -e
apt-get -qq -o Acquire::Retries=5 update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=5 -o APT::Sandbox::User=root \
    -o Dir::Cache::archives=/out --download-only install "$@" >/dev/null
"#;

/// A signed apt repository with [`ARTICLE_PACKAGES`] (about 200 MB, fetched once).
///
/// # Errors
/// [`Error`] if the mirror cannot be reached or a tool fails.
pub fn article_repo() -> Result<Repository> {
    need(&[("apt-ftparchive", "apt-utils"), ("gpg", "gnupg")])?;
    let base = root(DEBIAN)?;
    let recipe = format!("{} {} {ARTICLE_PACKAGES:?} {FETCH}", base.identity(), signing::key()?.identity());
    let artefact = cache::artefact("article", &recipe, |directory| {
        let machine = Container::of(base).without_init().network().bind_writable(directory, "/out").start()?;
        let words = ["sh", "-c", FETCH, "fetch"].iter().chain(ARTICLE_PACKAGES);
        machine.run(words).success();
        drop(machine);
        cache::remove(&directory.join("partial"))?;
        cache::remove(&directory.join("lock"))?;
        plain_names(directory).map_err(Error::io(format!("name the packages in `{}`", directory.display())))?;
        index_apt(directory)
    })?;
    Ok(Repository::apt(artefact))
}

/// apt writes an epoch's colon as `%3a` in a file's name, and takes that for an encoded colon when it reads the index.
fn plain_names(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.contains("%3a") {
            fs::rename(entry.path(), directory.join(name.replace("%3a", ".")))?;
        }
    }
    Ok(())
}
