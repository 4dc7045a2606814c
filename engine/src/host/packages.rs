use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::values::Seconds;

/// Who installs a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The platform's own package manager: apt on the Debian family, dnf or yum on the RHEL family, zypper on SUSE's, pacman
    /// on Arch's, apk on Alpine.
    Platform,
    /// apt and dpkg.
    Apt,
    /// dnf 4, dnf 5 or yum.
    Dnf,
    /// zypper.
    Zypper,
    /// pacman.
    Pacman,
    /// apk.
    Apk,
    /// RubyGems, by the `gem` program given or found on `PATH`.
    Gem {
        /// The `gem` program.
        binary: Option<PathBuf>,
        /// Gem server to use in place of the default ones.
        source: Option<String>,
    },
    /// pip, by the `pip` program given or found on `PATH`: that of a virtual environment manages this one.
    Pip {
        /// The `pip` program.
        binary: Option<PathBuf>,
        /// Index, or directory of packages, to use in place of the default ones.
        source: Option<String>,
    },
    /// npm, for packages that are there for everybody (`--global`).
    Npm {
        /// The `npm` program.
        binary: Option<PathBuf>,
        /// Registry to use in place of the default one.
        source: Option<String>,
    },
    /// cargo, for programs that it builds and installs.
    Cargo {
        /// The `cargo` program.
        binary: Option<PathBuf>,
        /// Index of a registry to use in place of the default one.
        source: Option<String>,
    },
    /// snapd.
    Snap,
    /// dpkg alone, for packages in files: nothing else is installed along with them.
    Dpkg,
    /// rpm alone, for packages in files: nothing else is installed along with them.
    Rpm,
}

impl Provider {
    /// The word for it in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Platform => "package",
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Zypper => "zypper",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::Gem { .. } => "gem",
            Self::Pip { .. } => "pip",
            Self::Npm { .. } => "npm",
            Self::Cargo { .. } => "cargo",
            Self::Snap => "snap",
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
        }
    }

    /// The words by which recipes name one.
    pub(crate) const WORDS: [&'static str; 13] =
        ["apk", "apt", "cargo", "dnf", "dpkg", "gem", "npm", "pacman", "pip", "rpm", "snap", "yum", "zypper"];

    /// The one that a word names, one of [`WORDS`](Self::WORDS); program and source are for those that have them.
    pub(crate) fn named(word: &str, binary: Option<PathBuf>, source: Option<String>) -> Option<Self> {
        Some(match word {
            "apk" => Self::Apk,
            "apt" => Self::Apt,
            "cargo" => Self::Cargo { binary, source },
            "dnf" | "yum" => Self::Dnf,
            "dpkg" => Self::Dpkg,
            "gem" => Self::Gem { binary, source },
            "npm" => Self::Npm { binary, source },
            "pacman" => Self::Pacman,
            "pip" => Self::Pip { binary, source },
            "rpm" => Self::Rpm,
            "snap" => Self::Snap,
            "zypper" => Self::Zypper,
            _ => return None,
        })
    }

    /// Program and source of those that take them.
    #[must_use]
    pub fn own(&self) -> Option<(Option<&Path>, Option<&str>)> {
        match self {
            Self::Gem { binary, source }
            | Self::Pip { binary, source }
            | Self::Npm { binary, source }
            | Self::Cargo { binary, source } => Some((binary.as_deref(), source.as_deref())),
            Self::Platform
            | Self::Apt
            | Self::Dnf
            | Self::Zypper
            | Self::Pacman
            | Self::Apk
            | Self::Snap
            | Self::Dpkg
            | Self::Rpm => None,
        }
    }

    /// Whether it manages the operating system's own packages; the others each have a collection of their own.
    #[must_use]
    pub const fn of_platform(&self) -> bool {
        match self {
            Self::Platform
            | Self::Apt
            | Self::Dnf
            | Self::Zypper
            | Self::Pacman
            | Self::Apk
            | Self::Dpkg
            | Self::Rpm => true,
            Self::Gem { .. } | Self::Pip { .. } | Self::Npm { .. } | Self::Cargo { .. } | Self::Snap => false,
        }
    }

    /// What of `package` it has nothing for: properties, and actions.
    pub(crate) const fn lacks(&self) -> &'static [&'static str] {
        match self {
            // Which one it is, shows on the machine.
            Self::Platform => &[],
            Self::Apt => &["flush_cache"],
            Self::Dnf => &["response_file", "reconfig"],
            Self::Dpkg => &["allow_removals", "flush_cache", "install_recommends"],
            Self::Rpm => {
                &["response_file", "allow_removals", "flush_cache", "install_recommends", "reconfig", "lock", "unlock"]
            }
            Self::Zypper => &["response_file", "flush_cache", "reconfig"],
            Self::Apk => {
                &["response_file", "source", "flush_cache", "install_recommends", "reconfig", "lock", "unlock"]
            }
            // It refuses what is in conflict by itself.
            Self::Pacman => &[
                "response_file",
                "source",
                "allow_removals",
                "flush_cache",
                "install_recommends",
                "reconfig",
                "lock",
                "unlock",
            ],
            Self::Snap => &[
                "version",
                "response_file",
                "source",
                "allow_downgrade",
                "allow_removals",
                "flush_cache",
                "install_recommends",
                "reconfig",
                "lock",
                "unlock",
            ],
            Self::Gem { .. } | Self::Pip { .. } | Self::Npm { .. } | Self::Cargo { .. } => {
                &["response_file", "allow_removals", "flush_cache", "install_recommends", "reconfig", "lock", "unlock"]
            }
        }
    }

    /// For whose packages a property or an action of `package` is, when it is not for those of this one.
    pub(crate) fn elsewhere(&self, word: &str) -> Option<String> {
        if !self.lacks().contains(&word) {
            return None;
        }
        if let (Self::Snap, "version") = (self, word) {
            let channel = "a snap has channels in place of versions: name one as an option, as `--channel=1.0/stable`";
            return Some(channel.to_owned());
        }
        let has = |other: &&str| Self::named(other, None, None).is_some_and(|other| !other.lacks().contains(&word));
        let others: Vec<_> = Self::WORDS.into_iter().filter(has).collect();
        Some(format!("it is for packages of {}", others.join(", ")))
    }

    /// What is wrong with a name for it, beyond what no package manager takes.
    pub(crate) fn name_fault(&self, name: &str) -> Option<String> {
        let word = |text: &str, also: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let (sound, known) = match self {
            // PEP 508.
            Self::Pip { .. } => (word(name, "._-") && !name.ends_with(['.', '_', '-']), "letters, digits and `._-`"),
            Self::Npm { .. } => (
                match name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
                    Some((scope, rest)) => word(scope, "._-") && word(rest, "._-"),
                    None => word(name, "._-"),
                },
                "letters, digits and `._-`, after an `@SCOPE/` or without",
            ),
            Self::Cargo { .. } => (word(name, "_-"), "letters, digits and `_-`"),
            Self::Snap => (word(name, "-_"), "letters, digits and `-`"),
            Self::Pacman | Self::Apk => {
                (word(name.trim_start_matches(['@', '_']), "@._+-:"), "letters, digits and `@._+-:`")
            }
            // zypper takes `+` and `-` before a name for an order, and `=` in it for a version.
            Self::Zypper => (word(name, "._+-()/:"), "letters, digits and `._+-()/:`"),
            Self::Platform | Self::Apt | Self::Dnf | Self::Gem { .. } | Self::Dpkg | Self::Rpm => return None,
        };
        (!sound).then(|| format!("`{name}` is no name of a package of {}: {known} are", self.name()))
    }
}

/// A package as it is on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageState {
    /// Installed version; of gems the newest one. `None` when it is absent.
    pub version: Option<String>,
    /// All installed versions, oldest first; more than one only for gems.
    pub versions: Vec<String>,
    /// Name of an installed package that provides this name, when it is a virtual one.
    pub provided_by: Option<String>,
    /// Whether configuration files of a removed package are left (only a purge removes them).
    pub config_files: bool,
    /// What is wrong when it is half-installed, unpacked or waiting for triggers.
    pub broken: Option<String>,
    /// Whether it is held at its version.
    pub held: bool,
    /// Whether it is marked as one that came along with others, and may go when nothing needs it.
    pub automatic: bool,
}

impl PackageState {
    /// Whether the name is satisfied: installed, or provided by an installed package.
    #[must_use]
    pub const fn present(&self) -> bool {
        self.version.is_some() || self.provided_by.is_some()
    }
}

/// What a package manager would install for a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The real package: differs from the name asked for when that is virtual.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One package to be installed, at its candidate version or at the version given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageSpec {
    /// Name as the recipe wrote it.
    pub name: String,
    /// The version, or bounds as a [`Pin`](super::Pin) has them: the newest on offer that meets them. `None` is the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The file that the package is in, in place of what sources offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl PackageSpec {
    /// In any version.
    pub(crate) fn any(name: &str) -> Self {
        Self { name: name.to_owned(), version: None, file: None }
    }

    /// As a word: the file, `NAME`, or `NAME=VERSION` with that sign.
    pub(crate) fn joined(&self, sign: &str) -> String {
        match (&self.file, &self.version) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(version)) => format!("{}{sign}{version}", self.name),
            (None, None) => self.name.clone(),
        }
    }
}

/// What to do with configuration files that the administrator changed and the new package ships anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigFiles {
    /// Keep the administrator's (the new one lies beside it).
    #[default]
    Keep,
    /// Take the package's.
    Replace,
}

/// Ends of the names of files that hold what the package ships, where what was there is kept.
/// Source: dpkg(1), ucf(1), rpm's `%config(noreplace)`, pacman(8), apk(8).
const SHIPPED: [&str; 6] = [".dpkg-dist", ".dpkg-new", ".ucf-dist", ".rpmnew", ".pacnew", ".apk-new"];

/// Ends of the names of files that hold what was there, where what the package ships is in use.
const REPLACED: [&str; 4] = [".dpkg-old", ".ucf-old", ".rpmsave", ".rpmorig"];

/// Of a file that a package manager has left beside a configuration file: that one, and whether the package's own is what
/// was left, or else what was there before. `None` of any other file.
pub(crate) fn config_leftover(path: &str) -> Option<(&str, bool)> {
    let of = |ends: &[&str]| ends.iter().find_map(|end| path.strip_suffix(end));
    let shipped = of(&SHIPPED).map(|file| (file, true));
    shipped.or_else(|| Some((of(&REPLACED)?, false)))
}

/// Package changes that are made together, in one call of the package manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Who does it.
    pub provider: Provider,
    /// To install or upgrade. Holds only names that need it: `install X` upgrades an installed X everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install: Vec<PackageSpec>,
    /// To remove, configuration files kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// To remove with their configuration files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purge: Vec<String>,
    /// To hold at their versions, once the rest is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<String>,
    /// To hold no longer, before the rest is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release: Vec<String>,
    /// Those to install that are there and broken: once they are whole, nothing more is asked of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repair: Vec<String>,
    /// To mark as asked for, once the rest is done: they stay when nothing needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manual: Vec<String>,
    /// To mark as come along with others, once the rest is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automatic: Vec<String>,
    /// Whether an older version than the installed one may be put in.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Whether what is installed may take away packages that nothing asks to remove.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_removals: bool,
    /// Whether what nothing needs any more stays when packages are removed, where a package manager takes that along.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_unneeded: bool,
    /// Whether recommended packages come along; `None` leaves it to the system's configuration.
    #[serde(default)]
    pub recommends: Option<bool>,
    /// Whose configuration files win.
    #[serde(default)]
    pub config_files: ConfigFiles,
    /// Further options for the package manager's command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Deadline of the whole transaction, waiting for locks included.
    pub timeout: Seconds,
}

impl Transaction {
    /// An empty transaction.
    #[must_use]
    pub const fn new(provider: Provider) -> Self {
        Self {
            provider,
            install: Vec::new(),
            remove: Vec::new(),
            purge: Vec::new(),
            hold: Vec::new(),
            release: Vec::new(),
            repair: Vec::new(),
            manual: Vec::new(),
            automatic: Vec::new(),
            allow_downgrade: false,
            allow_removals: false,
            keep_unneeded: false,
            recommends: None,
            config_files: ConfigFiles::Keep,
            options: Vec::new(),
            timeout: Seconds(3600),
        }
    }

    /// Whether it names no package at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.moves_nothing()
            && self.hold.is_empty()
            && self.release.is_empty()
            && self.manual.is_empty()
            && self.automatic.is_empty()
    }

    /// Whether no package comes or goes by it.
    #[must_use]
    pub const fn moves_nothing(&self) -> bool {
        self.install.is_empty() && self.remove.is_empty() && self.purge.is_empty()
    }

    /// The names of all packages that it is about.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let installed = self.install.iter().map(|spec| &spec.name);
        let moved = installed.chain(&self.remove).chain(&self.purge);
        moved.chain(&self.hold).chain(&self.release).chain(&self.manual).chain(&self.automatic)
    }

    /// Whether `other` may be carried out in the same call: same provider and options. A hold stands between what comes
    /// before it and after it, so it is joined with its like only. A mark tells what a removal takes along, so either is to
    /// be over before the other begins.
    #[must_use]
    pub fn joins(&self, other: &Self) -> bool {
        let settings = |t: &Self| {
            (
                t.provider.clone(),
                t.allow_downgrade,
                t.allow_removals,
                t.keep_unneeded,
                t.recommends,
                t.config_files,
                t.options.clone(),
                t.timeout,
            )
        };
        let holds = |t: &Self| (t.hold.is_empty(), t.release.is_empty());
        let marks = |t: &Self| !(t.manual.is_empty() && t.automatic.is_empty());
        let removes = |t: &Self| !(t.remove.is_empty() && t.purge.is_empty());
        let apart = marks(self) && removes(other) || removes(self) && marks(other);
        settings(self) == settings(other) && holds(self) == holds(other) && !apart
    }

    /// Takes over the packages of `other`.
    pub fn join(&mut self, other: Self) {
        fn unite<T: PartialEq>(into: &mut Vec<T>, from: Vec<T>) {
            for item in from {
                if !into.contains(&item) {
                    into.push(item);
                }
            }
        }
        unite(&mut self.install, other.install);
        unite(&mut self.remove, other.remove);
        unite(&mut self.purge, other.purge);
        unite(&mut self.hold, other.hold);
        unite(&mut self.release, other.release);
        unite(&mut self.repair, other.repair);
        unite(&mut self.manual, other.manual);
        unite(&mut self.automatic, other.automatic);
    }
}

/// One line of what a package manager would do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageChange {
    /// Package name.
    pub name: String,
    /// Version now; `None` when absent.
    pub from: Option<String>,
    /// Version then; `None` when it is removed.
    pub to: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Provider, Transaction};

    #[test]
    fn what_is_marked_is_not_joined_with_a_removal() {
        let of = |change: fn(&mut Transaction)| {
            let mut transaction = Transaction::new(Provider::Platform);
            change(&mut transaction);
            transaction
        };
        let marked = of(|t| t.manual.push("lib".to_owned()));
        let removed = of(|t| t.remove.push("app".to_owned()));
        assert!(!marked.joins(&removed) && !removed.joins(&marked));
        assert!(marked.joins(&of(|t| t.manual.push("doc".to_owned()))));
        assert!(removed.joins(&of(|t| t.purge.push("doc".to_owned()))));
    }
}
