//! `package[name]`, or several names in one transaction.
use crate::{
    Fault, actions,
    host::{Provider, Transaction},
    properties,
    resource::Content,
    resources::selection::{Aim, packages},
    values::{Seconds, Words},
};

properties! {
    /// Packages of the platform's own package manager: apt on the Debian family, dnf or yum on the RHEL family, zypper on
    /// SUSE's, pacman on Arch's, apk on Alpine. Several names are one transaction, and so are neighbouring package resources. `install` never upgrades what is
    /// installed; a package that another one provides counts as installed; one that is installed only in part is repaired.
    /// `@NAME` is a group of dnf or yum.
    pub struct Package("package name") {
        names: Words;
        /// The packages, when they differ from the resource's name.
        package_name: Words,
        /// The version, a pattern (`1.2*`) or bounds (`~> 1.2`, `>= 1.2, < 2`): one for all names, or one for each (an empty
        /// one means any). What is installed and meets it stays; else the newest that meets it is put in.
        version: Words,
        /// Answers to what packages ask through debconf, a line `PACKAGE QUESTION TYPE ANSWER` each. They are given before an
        /// installation; action `reconfig` gives them to what is installed.
        response_file: Content,
        /// Further options for the package manager's command line, a word each.
        options: Words,
        /// Whether an older version than the installed one may be put in. False when not given.
        allow_downgrade: bool,
        /// Whether installing may take away packages that no resource removes. False when not given: it is refused, and they
        /// are named.
        allow_removals: bool,
        /// Whether recommended packages come along. The system's configuration decides when not given.
        install_recommends: bool,
        /// Deadline in seconds, waiting for locks included; 3600 when not given.
        timeout: Seconds,
    }
    example r#"r.add(Package::all(["bind9", "bind9-utils"]));"#
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
    fn settings(&self) -> Transaction {
        let mut settings = Transaction::new(Provider::Platform);
        settings.allow_downgrade = self.allow_downgrade.unwrap_or(false);
        settings.allow_removals = self.allow_removals.unwrap_or(false);
        settings.recommends = self.install_recommends;
        settings.options = self.options.clone().unwrap_or_default().0;
        settings
    }

    const fn own_faults(&self) -> Vec<Fault> {
        Vec::new()
    }
}

packages!(Package, "package", batch "packages", answers response_file);

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
