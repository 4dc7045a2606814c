//! `apt_package[name]`
use std::path::{Path, PathBuf};

use crate::{
    Fault,
    host::{ConfigFiles, Provider, Transaction},
    properties,
    resource::Content,
    resources::selection::{self, packages},
    values::{Seconds, Words},
};

properties! {
    /// Packages of apt, whatever the platform's own package manager is: as `package`, with the settings that only apt has.
    pub struct AptPackage("package name") {
        names: Words;
        /// The packages, when they differ from the resource's name.
        package_name: Words,
        /// The version, a pattern (`1.2*`) or bounds (`~> 1.2`, `>= 1.2, < 2`): one for all names, or one for each (an empty
        /// one means any). What is installed and meets it stays; else the newest that meets it is put in.
        version: Words,
        /// Answers to what packages ask through debconf, a line `PACKAGE QUESTION TYPE ANSWER` each. They are given before an
        /// installation; action `reconfig` gives them to what is installed.
        response_file: Content,
        /// A file to install the package from, in place of what sources offer; what it needs comes from those.
        source: PathBuf,
        /// Further options for apt-get's command line, a word each.
        options: Words,
        /// The release to prefer, as `bookworm-backports`.
        default_release: String,
        /// Whether an older version than the installed one may be put in, also by `upgrade` where all on offer is older. False
        /// when not given.
        allow_downgrade: bool,
        /// Whether installing may take away packages that no resource removes. False when not given: it is refused, and they
        /// are named.
        allow_removals: bool,
        /// Whether recommended packages come along. apt's configuration decides when not given.
        install_recommends: bool,
        /// Whether the package's configuration files replace those that were changed here. They are kept when not given.
        overwrite_config_files: bool,
        /// Deadline in seconds, waiting for locks included; 3600 when not given.
        timeout: Seconds,
    }
    example r#"r.add(AptPackage::named("nginx").default_release("bookworm-backports"));"#
}

pub use crate::resources::package::Action::{self, *};

impl AptPackage {
    fn settings(&self) -> Transaction {
        let mut settings = Transaction::new(Provider::Apt);
        settings.allow_downgrade = self.allow_downgrade.unwrap_or(false);
        settings.allow_removals = self.allow_removals.unwrap_or(false);
        settings.recommends = self.install_recommends;
        if let Some(release) = &self.default_release {
            settings.options.extend(["-o".to_owned(), format!("APT::Default-Release={release}")]);
        }
        settings.options.extend(self.options.clone().unwrap_or_default().0);
        if self.overwrite_config_files == Some(true) {
            settings.config_files = ConfigFiles::Replace;
        }
        settings
    }

    fn file(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    const fn flush(&self) -> Option<&Words> {
        None
    }

    const fn answers(&self) -> Option<&Content> {
        self.response_file.as_ref()
    }

    fn own_faults(&self) -> Vec<Fault> {
        let sound = |release: &&String| release.chars().all(|c| c.is_ascii_alphanumeric() || "._+~/-".contains(c));
        let release = self.default_release.as_ref().filter(|release| !sound(release));
        release.map(|release| Fault::new(format!("`{release}` is no release"))).into_iter().collect()
    }
}

packages!(
    AptPackage,
    "apt_package",
    batch "packages",
    fn check_action(&self, action: Action) -> Vec<Fault> {
        selection::lacks_answers(action, self.response_file.as_ref()).into_iter().collect()
    }
);

/// What is wrong with the name of a Debian package: `NAME` or `NAME:ARCHITECTURE`.
///
/// Source: Debian policy 5.6.1; a trailing `-` is an order to remove for apt-get(8).
fn name_fault(name: &str) -> Option<String> {
    let (bare, architecture) = match name.split_once(':') {
        Some((bare, architecture)) => (bare, Some(architecture)),
        None => (name, None),
    };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let sound = bare.len() > 1
        && bare.starts_with(lower)
        && bare.chars().all(|c| lower(c) || "+.-".contains(c))
        && !bare.ends_with('-')
        && architecture.is_none_or(|text| !text.is_empty() && text.chars().all(|c| lower(c) || c == '-'));
    (!sound).then(|| {
        format!("`{name}` is no name of a Debian package: lower case letters, digits and `+.-`, two at least, are")
    })
}

#[cfg(test)]
mod tests {
    use super::name_fault;

    #[test]
    fn names() {
        for good in ["g++", "bind9-utils", "libc6:i386", "0ad", "linux-image-6.1.0-18-amd64"] {
            assert_eq!(name_fault(good), None, "{good}");
        }
        for bad in ["", "a", "-y", "vim-", "Vim", "lab*", "a b", "libc6:", "libc6:I386", "perl(JSON)", "/x.deb"] {
            assert!(name_fault(bad).is_some(), "{bad}");
        }
    }
}
