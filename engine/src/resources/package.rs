//! `package[name]`, or several names in one transaction; and the kinds that are this one with the package manager fixed.
use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use crate::{
    Fault, actions,
    host::{Probe, Provider, Transaction},
    properties,
    resource::Content,
    resources::selection::{self, Aim, packages},
    suggest,
    values::{Seconds, Words},
};

properties! {
    /// Packages of the platform's own package manager: apt on the Debian family, dnf or yum on the RHEL family, zypper on
    /// SUSE's, pacman on Arch's, apk on Alpine; or of another one, by `provider`. Several names are one transaction, and so
    /// are neighbouring package resources. `install` never upgrades what is installed; a package that another one provides
    /// counts as installed; one that is installed only in part is repaired. One that came along with others is marked as asked
    /// for, so that a clean-up leaves it: by apt and dnf 5, whose marks can be read. dnf 4 and yum keep theirs in databases of their
    /// own, and marks of other package managers are left alone: there, name it before what brings it along, or together with it.
    /// `@NAME` is a group of dnf or yum.
    pub struct Package("package name") {
        names: Names;
        /// The packages, when they differ from the resource's name.
        package_name: Words,
        /// The version, a pattern (`1.2*`) or bounds (`~> 1.2`, `>= 1.2, < 2`): one for all names, or one for each (an empty
        /// one means any). What is installed and meets it stays; else the newest that meets it is put in.
        version: Words,
        /// Answers to what packages ask through debconf, a line `PACKAGE QUESTION TYPE ANSWER` each. They are given before an
        /// installation; action `reconfig` gives them to what is installed.
        response_file: Content,
        /// A file to install the package from (`.deb`, `.rpm`); what it needs comes from the usual sources. Of gem, pip, npm
        /// and cargo the server or index, in place of the configured one; of pip also a directory of packages.
        source: String,
        /// Further options for the package manager's command line, a word each.
        options: Words,
        /// Whether an older version than the installed one may be put in, also by `upgrade` where all on offer is older. False
        /// when not given.
        allow_downgrade: bool,
        /// Whether installing may take away packages that no resource removes. False when not given: it is refused, and they
        /// are named.
        allow_removals: bool,
        /// `before` or `after` (or both): when something is installed or removed, the package lists are fetched anew then. Of dnf
        /// and yum.
        flush_cache: Words,
        /// Whether recommended packages come along. The system's configuration decides when not given.
        install_recommends: bool,
        /// Deadline in seconds, waiting for locks included; 3600 when not given.
        timeout: Seconds,
        /// The package manager: apk, apt, cargo, dnf, dpkg, gem, npm, pacman, pip, rpm, snap, yum or zypper. The platform's
        /// own one when not given.
        provider: String,
        /// The program, of gem, pip, npm and cargo: that of a virtual environment (`/opt/app/bin/pip`) manages this one. The
        /// one on `PATH` when not given.
        binary: PathBuf,
    }
    example r#"r.add(Package::all(["bind9", "bind9-utils"]));"#
}

/// The words in the brackets, and the kind by whose name they are declared.
#[derive(Debug)]
pub struct Names {
    words: Words,
    kind: Option<&'static Fixed>,
}

impl Deref for Names {
    type Target = Words;

    fn deref(&self) -> &Words {
        &self.words
    }
}

impl From<Words> for Names {
    fn from(words: Words) -> Self {
        Self { words, kind: None }
    }
}

impl From<&str> for Names {
    fn from(name: &str) -> Self {
        Words::from(name).into()
    }
}

/// A kind that is `package` by another name, with its provider.
#[derive(Debug)]
pub struct Fixed {
    pub(crate) kind: &'static str,
    provider: &'static str,
    pub(crate) about: &'static str,
    pub(crate) example: &'static str,
}

/// Makes these kinds: a row of the table, and in Rust a name that makes a [`Package`].
macro_rules! fixed {
    ($($name:ident $nth:literal $kind:literal by $provider:literal: $about:literal, as $example:literal;)*) => {
        pub(crate) static FIXED: [Fixed; 8] =
            [$(Fixed { kind: $kind, provider: $provider, about: concat!($about, "\n"), example: $example }),*];

        $(
            #[doc = $about]
            pub struct $name;

            impl $name {
                /// The one with this name.
                #[must_use]
                pub fn named(name: impl Into<String>) -> Package {
                    FIXED[$nth].make(Words(vec![name.into()]))
                }

                /// Several in one transaction.
                #[must_use]
                pub fn all<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Package {
                    FIXED[$nth].make(names.into_iter().collect())
                }
            }
        )*
    };
}

fixed! {
    ApkPackage 0 "apk_package" by "apk":
        "Packages of apk, as on Alpine: as `package`.",
        as r#"r.add(ApkPackage::named("nginx"));"#;
    DnfPackage 1 "dnf_package" by "dnf":
        "Packages of dnf (or yum), whatever the platform's own package manager is: as `package`.",
        as r#"r.add(DnfPackage::named("httpd"));"#;
    DpkgPackage 2 "dpkg_package" by "dpkg":
        "Debian packages in files, by dpkg alone: nothing that they need is installed along with them, and nothing is done where that is missing. `package` with a `source` brings it along.",
        as r#"r.add(DpkgPackage::named("tool").source("/srv/tool_1.0_all.deb"));"#;
    PacmanPackage 3 "pacman_package" by "pacman":
        "Packages of pacman, as on Arch: as `package`. A version is the one that the lists have, or none.",
        as r#"r.add(PacmanPackage::named("nginx"));"#;
    RpmPackage 4 "rpm_package" by "rpm":
        "RPM packages in files, by rpm alone: nothing that they need is installed along with them, and nothing is done where that is missing. `package` with a `source` brings it along.",
        as r#"r.add(RpmPackage::named("tool").source("/srv/tool-1.0-1.noarch.rpm"));"#;
    SnapPackage 5 "snap_package" by "snap":
        "Snaps, which have channels in place of versions: another one than `stable` is an option, as `--channel=beta`, and so is `--classic`.",
        as r#"r.add(SnapPackage::named("hello").options("--channel=beta"));"#;
    YumPackage 6 "yum_package" by "yum":
        "Packages of yum (or dnf), whatever the platform's own package manager is: as `package`.",
        as r#"r.add(YumPackage::named("httpd"));"#;
    ZypperPackage 7 "zypper_package" by "zypper":
        "Packages of zypper, as on SUSE's distributions: as `package`.",
        as r#"r.add(ZypperPackage::named("nginx"));"#;
}

impl Fixed {
    /// The names of all that is installed.
    pub(crate) fn all(&self, probe: &dyn Probe) -> crate::Result<Option<Vec<String>>> {
        let provider = Provider::named(self.provider, None, None);
        provider.map_or(Ok(None), |provider| selection::all(&provider, probe))
    }

    /// Whether a property or an action of `package` is none of this kind: it names neither provider nor program.
    pub(crate) fn lacks(&self, word: &str) -> bool {
        ["provider", "binary"].contains(&word) || self.elsewhere(word).is_some()
    }

    /// For whose packages it is then.
    pub(crate) fn elsewhere(&self, word: &str) -> Option<String> {
        Provider::named(self.provider, None, None)?.elsewhere(word)
    }

    /// One with these names.
    pub(crate) fn make(&'static self, words: Words) -> Package {
        Package::bare(Names { words, kind: Some(self) })
    }
}

actions! {
    /// What can be asked of packages.
    pub enum Action {
        Install = "install": "Installs what is not installed; with a version, brings it to that version.",
        Upgrade = "upgrade": "Installs, or brings to the newest version on offer.",
        Remove = "remove": "Removes; configuration files stay.",
        Purge = "purge": "Removes, configuration files too.",
        Reconfig = "reconfig": "Has debconf ask again where it knows other answers than `response_file`.",
        Lock = "lock": "Holds what is installed at its version: nothing changes or removes it until it is unlocked.",
        Unlock = "unlock": "Holds no longer.",
    }
}
pub use Action::*;

impl From<Action> for Aim {
    fn from(action: Action) -> Self {
        match action {
            Install => Self::Install,
            Upgrade => Self::Upgrade,
            Remove => Self::Remove,
            Purge => Self::Purge,
            Reconfig => Self::Reconfigure,
            Lock => Self::Lock,
            Unlock => Self::Unlock,
        }
    }
}

impl Package {
    /// Who installs it; an unknown word is a fault of its own.
    fn by(&self) -> Provider {
        let word = self.names.kind.map(|kind| kind.provider).or(self.provider.as_deref());
        let named = word.and_then(|word| Provider::named(word, self.binary.clone(), self.source.clone()));
        named.unwrap_or(Provider::Platform)
    }

    /// The file that it is in: named as the source, or by its name, as in Chef.
    fn file(&self) -> Option<&Path> {
        let by = self.by();
        if !by.of_platform() {
            return None;
        }
        let path = |word: &&str| word.starts_with('/') && (word.ends_with(".deb") || word.ends_with(".rpm"));
        let named = || self.names.0.first().map(String::as_str).filter(path);
        self.source.as_deref().or_else(named).map(Path::new)
    }

    fn settings(&self) -> Transaction {
        let mut settings = Transaction::new(self.by());
        settings.allow_downgrade = self.allow_downgrade.unwrap_or(false);
        settings.allow_removals = self.allow_removals.unwrap_or(false);
        settings.recommends = self.install_recommends;
        settings.options = self.options.clone().unwrap_or_default().0;
        settings
    }

    const fn flush(&self) -> Option<&Words> {
        self.flush_cache.as_ref()
    }

    const fn answers(&self) -> Option<&Content> {
        self.response_file.as_ref()
    }

    fn own_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let by = self.by();
        if let Some(word) = self.provider.as_deref().filter(|word| !Provider::WORDS.contains(word)) {
            let fault = Fault::new(format!("no package manager `{word}`"));
            faults.push(fault.hint(suggest::hint(word, Provider::WORDS)));
        }
        if let Some(binary) = &self.binary {
            if by.own().is_none() {
                faults.push(Fault::new(format!("`binary` is for gem, pip, npm and cargo, not for {}", by.name())));
            } else if !binary.is_absolute() {
                faults.push(Fault::new(format!("`binary` must be an absolute path, `{}` is not", binary.display())));
            }
        }
        faults.extend(selection::told_source(self.source.as_deref()));
        let options = self.options.as_ref().map_or(&[][..], |options| &options.0);
        let elsewhere: (&[&str], _) = match by.name() {
            "cargo" => (&["--root"], "set `install.root` in cargo's `config.toml`"),
            "npm" => (&["--prefix", "--location"], "set `prefix` in npm's own configuration"),
            "pip" => (
                &["--target", "-t", "--prefix", "--root", "--user"],
                "name the program of a virtual environment as `binary`",
            ),
            _ => (&[], ""),
        };
        let plain = |option: &str| option.split('=').next().is_some_and(|word| elsewhere.0.contains(&word));
        if let Some(option) = options.iter().find(|option| plain(option)) {
            let fault = Fault::new(format!("`{option}` would hide what {} has installed", by.name()));
            faults.push(fault.hint(elsewhere.1));
        }
        if let Some(Words(words)) = &self.flush_cache {
            let known = |word: &&String| word == &"before" || word == &"after";
            if let Some(word) = words.iter().find(|word| !known(word)) {
                faults.push(Fault::new(format!("`flush_cache` is `before`, `after` or both, not `{word}`")));
            }
        }
        let said = [
            ("version", self.version.is_some()),
            ("response_file", self.response_file.is_some()),
            ("source", self.source.is_some()),
            ("allow_downgrade", self.allow_downgrade.is_some()),
            ("allow_removals", self.allow_removals.is_some()),
            ("flush_cache", self.flush_cache.is_some()),
            ("install_recommends", self.install_recommends.is_some()),
        ];
        faults.extend(said.into_iter().filter(|(_, said)| *said).filter_map(|(word, _)| self.lacks(word)));
        faults
    }

    /// A property or an action that its package manager has nothing for.
    fn lacks(&self, word: &str) -> Option<Fault> {
        let by = self.by();
        let elsewhere = by.elsewhere(word)?;
        Some(Fault::new(format!("`{word}` is not for packages of {}", by.name())).hint(elsewhere))
    }

    /// dpkg and rpm take what they install from files alone.
    fn lacks_file(&self, action: Action) -> Vec<Fault> {
        let alone = matches!(self.by(), Provider::Dpkg | Provider::Rpm) && self.file().is_none();
        if !alone || !matches!(action, Install | Upgrade) {
            return Vec::new();
        }
        let fault = Fault::new(format!("{} installs packages from files alone, and none is given", self.by().name()));
        vec![fault.hint("give it as `source`, or use `package`")]
    }
}

packages!(
    Package,
    "package",
    batch "packages",
    fn kind(&self) -> &'static str {
        self.names.kind.map_or(<Self as crate::resource::Resource>::KIND, |kind| kind.kind)
    },
    // Not joined with the platform's packages: those may bring the very program that is to install these.
    fn batch(&self) -> Option<&'static str> {
        let by = self.by();
        Some(match by.name() {
            _ if by.of_platform() => "packages",
            "gem" => "gems",
            name => name,
        })
    },
    fn check_action(&self, action: Action) -> Vec<Fault> {
        let mut faults = self.lacks_file(action);
        faults.extend(self.lacks(crate::resource::Action::name(action)));
        faults.extend(selection::lacks_answers(action, self.response_file.as_ref()));
        faults
    }
);

/// What is wrong with a name for whichever package manager is there. rpm has upper case, paths, groups (`@core`) and
/// capabilities (`perl(JSON)`); none has an option, a pattern, or a trailing `-`, which apt takes for an order to remove.
fn name_fault(name: &str) -> Option<String> {
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || "/@_".contains(c));
    let known = |c: char| c.is_ascii_alphanumeric() || "/@_.+:()~^=<> -".contains(c);
    // A blank stands only around a comparison of versions: `perl(JSON) >= 4`.
    let blanks = match name.split(' ').collect::<Vec<_>>()[..] {
        [_] => true,
        [_, sign, version] => ["<", "<=", "=", ">=", ">"].contains(&sign) && !version.is_empty(),
        _ => false,
    };
    let sound = begins && blanks && name.chars().all(known) && !name.ends_with('-');
    (!sound).then(|| format!("`{name}` is no package name"))
}

#[cfg(test)]
mod tests {
    use super::{Package, name_fault};
    use crate::resource::Resource;

    #[test]
    fn names() {
        for good in [
            "g++",
            "bind9-utils",
            "libc6:i386",
            "perl(JSON)",
            "perl(JSON) >= 4",
            "@development-tools",
            "/usr/bin/env",
            "NetworkManager",
        ] {
            assert_eq!(name_fault(good), None, "{good}");
        }
        for bad in
            ["", "-y", "vim-", "lab*", "a;b", "a\nb", " a", "lab-sm.ll?", "$x", "Foo Bar", "a > ", "a b c", "a  b"]
        {
            assert_eq!(name_fault(bad), Some(format!("`{bad}` is no package name")));
        }
    }

    #[test]
    fn faults_of_a_declaration() {
        let faults = |package: &Package| package.check().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(faults(&Package::all(["a1", "b1"]).version(["1", ""]).options(["-o", "A=b"])).is_empty());
        assert_eq!(faults(&Package::all(Vec::<String>::new())), ["no package is named"]);
        assert_eq!(faults(&Package::all(["a1", "a1"])), ["package `a1` is named twice"]);
        assert_eq!(
            faults(&Package::all(["vim=2:9.0-1", "curl/bookworm-backports", "perl(A::B) = 4"])),
            [
                "`vim=2:9.0-1` is a name and a version\nhint: give the version by itself, as the property `version`",
                "`curl/bookworm-backports` is a name and a suite\nhint: name the package alone, and say with `options` as \
                 `[\"-t\", \"SUITE\"]` or an `apt_preference` where it comes from",
            ]
        );
        assert_eq!(
            faults(&Package::all(["a1", "b1", "c1"]).version(["1", "2"])),
            ["2 versions for 3 packages\nhint: give one version for all, or one for each name; an empty one means any"]
        );
        assert_eq!(
            faults(&Package::named("a1").timeout(0)),
            ["`timeout` is 0, so the package manager could never end in time"]
        );
        assert_eq!(
            faults(&Package::named("a1").version("1 || true")),
            [
                "`1 || true` is no package version\nhint: a version is one as `1.2-3`, a pattern as `1.2*`, or bounds as `~> 1.2` and `>= 1.2, < 2`"
            ]
        );
        assert_eq!(
            faults(&Package::named("a1").options("b1")),
            ["option `b1` would be taken for the name of a package\nhint: options begin with `-`"]
        );
        assert_eq!(
            faults(&Package::named("a1").options("-o A=b")),
            [
                "option `-o A=b` holds a blank\nhint: options are words: give them as a list, as in `[\"-o\", \"Name=value\"]`"
            ]
        );
    }
}
