//! microdnf, by the texts that it prints as its sources have them.
use std::{cell::RefCell, fs};

use super::super::{Packages, Tools};
use crate::{
    Result,
    host::{Answer, Command, PackageSpec, Provider, Transaction},
};

/// A machine with a microdnf that prints this when asked what it would do, and what it was told.
struct Micro {
    root: tempfile::TempDir,
    prints: &'static str,
    code: i32,
    said: RefCell<Vec<String>>,
}

impl Tools for Micro {
    fn query(&self, command: &Command) -> Result<Answer> {
        let line = command.argv.join(" ");
        if line.starts_with("rpm -q ") {
            let there = |name: &&String| line.contains(" -- ") && name.starts_with("lab-");
            let bare = command.argv.iter().filter(there).map(|name| name.trim_end_matches(".noarch"));
            let own = bare.filter(|name| ["lab-old", "lab-app"].contains(name));
            let own = own.map(|name| format!("=\t{name}\t0\t1.0\t1\tnoarch\n"));
            let stdout = if line.contains("--whatprovides") { String::new() } else { own.collect() };
            return Ok(Answer { stdout: format!("{stdout}no package provides brasa-divider\n"), ..Answer::default() });
        }
        self.said.borrow_mut().push(line);
        Ok(Answer { code: self.code, stdout: self.prints.to_owned(), ..Answer::default() })
    }

    fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
        self.said.borrow_mut().push(command.argv[4..].join(" "));
        Ok(Answer::default())
    }
}

impl Micro {
    fn printing(prints: &'static str, code: i32) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        for program in ["rpm", "microdnf"] {
            fs::write(root.path().join("usr/bin").join(program), "").unwrap();
        }
        Self { root, prints, code, said: RefCell::default() }
    }

    fn packages(&self) -> Packages {
        Packages::new(self.root.path(), self.root.path().join("state"))
    }
}

const PLAN: &str = "Package                   Repository            Size\nInstalling:                                            \n \
                    lab-new-2.0-1.noarch     lab-rpm             6.2 kB\n   replacing lab-old-1.0-1.noarch                       \n\
                    Upgrading:                                             \n lab-app-1:2.0-1.noarch   lab-rpm             6.1 \
                    kB\n   replacing lab-app-1.0-1.noarch                       \nTransaction Summary:\n Installing:        1 \
                    packages\n Reinstalling:      0 packages\n Upgrading:         1 packages\n Obsoleting:        1 packages\n \
                    Removing:          0 packages\n Downgrading:       0 packages\nOperation aborted.\n";

fn installing(name: &str) -> Transaction {
    Transaction { install: vec![PackageSpec::any(name)], ..Transaction::new(Provider::Dnf) }
}

#[test]
fn the_plan_of_microdnf_is_read() {
    let machine = Micro::printing(PLAN, 1);
    let mut transaction = Transaction { allow_removals: true, recommends: Some(false), ..installing("lab-new") };
    let changes = machine.packages().simulate(&machine, &transaction).unwrap();
    let version = |version: Option<String>| version.unwrap_or_else(|| "-".to_owned());
    let told: Vec<_> =
        changes.into_iter().map(|change| (change.name, version(change.from), version(change.to))).collect();
    let told: Vec<_> = told.iter().map(|(name, from, to)| format!("{name} {from} {to}")).collect();
    assert_eq!(told, ["lab-new - 2.0-1", "lab-app 1.0-1 1:2.0-1", "lab-old 1.0-1 -"]);
    assert_eq!(*machine.said.borrow(), ["microdnf --assumeno install --setopt=install_weak_deps=0 lab-new"]);
    // What is obsolete goes by a yes alone, and nothing was done.
    transaction.allow_removals = false;
    let refused = machine.packages().perform(&machine, &transaction, &|_| {}).unwrap_err().to_string();
    assert_eq!(refused, "microdnf would remove `lab-old`, which nothing asks for");
    assert!(machine.said.borrow().iter().all(|line| line.contains(" --assumeno ")), "{:?}", machine.said);
}

#[test]
fn what_microdnf_would_upgrade_to_is_asked_by_trying() {
    let machine = Micro::printing(PLAN, 1);
    let names = ["lab-app".to_owned(), "lab-other".to_owned()];
    let found = machine.packages().candidates(&machine, &Provider::Dnf, &names).unwrap();
    let versions: Vec<_> = found.into_iter().map(|found| found.map(|found| found.version)).collect();
    assert_eq!(versions, [Some("1:2.0-1".to_owned()), None]);
    let unknown = Micro::printing("error: No package matches 'lab-nope'\n", 1);
    let names = ["lab-nope".to_owned()];
    assert_eq!(unknown.packages().candidates(&unknown, &Provider::Dnf, &names).unwrap(), [None]);
    let refused = unknown.packages().simulate(&unknown, &installing("lab-nope")).unwrap_err().to_string();
    assert_eq!(refused, "package `lab-nope` does not exist: no enabled repository has it");
}

#[test]
fn a_name_with_its_architecture_is_followed_through() {
    let machine = Micro::printing(PLAN, 1);
    let name = "lab-app.noarch".to_owned();
    let found = machine
        .packages()
        .candidates(&machine, &Provider::Dnf, std::slice::from_ref(&name))
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!((&found.name, found.version.as_str()), (&name, "1:2.0-1"));
    for (version, asked) in [("1:2.0-1", "lab-app-1:2.0-1.noarch"), ("2.0", "lab-app-2.0-*.noarch")] {
        let spec = PackageSpec { version: Some(version.to_owned()), ..PackageSpec::any(&name) };
        let transaction = Transaction { install: vec![spec], allow_removals: true, ..Transaction::new(Provider::Dnf) };
        let changes = machine.packages().simulate(&machine, &transaction).unwrap();
        let change = changes.into_iter().find(|change| change.name == name).unwrap();
        assert_eq!((change.from.as_deref(), change.to.as_deref()), (Some("1.0-1"), Some("1:2.0-1")));
        assert_eq!(machine.said.borrow().last().unwrap(), &format!("microdnf --assumeno install {asked}"));
    }
}

#[test]
fn what_microdnf_lacks_is_refused_before_anything_is_done() {
    let old = Micro::printing("error: Unknown option --assumeno\n", 1);
    let hold = Transaction { hold: vec!["lab-app".to_owned()], ..Transaction::new(Provider::Dnf) };
    let bounds = PackageSpec { version: Some("~> 1.0".to_owned()), ..PackageSpec::any("lab-new") };
    let bounds = Transaction { install: vec![bounds], ..Transaction::new(Provider::Dnf) };
    for (transaction, words) in [
        (hold, "`microdnf` cannot hold `lab-app` at its version, or release it"),
        (bounds, "`microdnf` cannot tell which versions of `lab-new` are on offer"),
        (installing("@core"), "`microdnf` cannot install groups of packages"),
        (installing("lab-new"), "`microdnf` would refuse to install `lab-new`: Unknown option --assumeno"),
    ] {
        for told in [
            old.packages().simulate(&old, &transaction).unwrap_err(),
            old.packages().perform(&old, &transaction, &|_| {}).unwrap_err(),
        ] {
            assert!(told.to_string().contains(words), "{told}");
            assert!(told.hints().iter().any(|hint| hint.contains("`dnf`")), "{told:?}");
        }
    }
    assert!(old.said.borrow().iter().all(|line| line.contains("--assumeno") || line.contains("makecache")));
}
