use std::{
    cell::{Cell, RefCell},
    fs,
    path::Path,
};

use crate::{
    Error, Result,
    host::{
        Answer, Command, PackageChange, PackageSpec, Progress, Provider, Transaction,
        real::packages::{Packages, Repair, Tools},
    },
    values::Seconds,
};

const DPKG: &str = "Package: dpkg\nStatus: install ok installed\nVersion: 1.22\nArchitecture: amd64\n\n";

fn stanza(name: &str, state: &str, version: &str) -> String {
    format!("Package: {name}\nStatus: install ok {state}\nVersion: {version}\nArchitecture: all\n\n")
}

/// A machine on which `apt-get` leaves the status file as told, whatever it is asked.
struct Machine {
    root: tempfile::TempDir,
    /// What `apt-cache policy` knows, and what it knows after a refresh.
    known: [&'static str; 2],
    refreshed: Cell<bool>,
    /// What `apt-get update` fails with.
    unreachable: Option<&'static str>,
    leaves: String,
    answer: (i32, &'static str),
    calls: RefCell<Vec<String>>,
}

impl Machine {
    fn new(status: &str, leaves: &str, answer: (i32, &'static str)) -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["var/lib/dpkg/updates", "var/lib/apt/lists", "usr/bin"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), format!("{DPKG}{status}")).unwrap();
        let known = "lab-app:\n  Installed: (none)\n  Candidate: 2.0\n  Version table:\n     2.0 500\n     1.0 \
                     500\nlab-doc:\n  Candidate: 1.0\n  Version table:\n     1.0 500\n";
        Self {
            root,
            known: [known, known],
            refreshed: Cell::new(false),
            unreachable: None,
            leaves: format!("{DPKG}{leaves}"),
            answer,
            calls: RefCell::default(),
        }
    }

    fn perform(&self, repair: Repair, transaction: &Transaction) -> (Result<()>, Vec<String>, Vec<PackageChange>) {
        let packages = Packages::new(self.root.path(), self.root.path().join("state")).repair(repair);
        let notes = RefCell::new(Vec::new());
        let outcome = packages.perform(self, transaction, &|progress| {
            if let Progress::Note { message, .. } = progress {
                notes.borrow_mut().push(message.clone());
            }
        });
        (outcome, notes.into_inner(), packages.take_changes())
    }

    /// The calls that changed something, without the options that are always there.
    fn changes(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }
}

impl Tools for Machine {
    fn query(&self, command: &Command) -> Result<Answer> {
        let stdout = match command.argv[2].as_str() {
            "policy" => self.known[usize::from(self.refreshed.get())],
            _ if command.argv[1] == "pkgnames" => "lab-app\nlab-doc\n",
            _ if command.argv.iter().any(|word| word == "-s") => "",
            other => panic!("asked for `{other}`"),
        };
        Ok(Answer { code: 0, stdout: stdout.to_owned(), stderr: String::new() })
    }

    fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
        let words: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        assert_eq!(command.environment["DEBIAN_FRONTEND"], "noninteractive");
        if words.ends_with(&["update"]) {
            self.calls.borrow_mut().push("update".to_owned());
            if let Some(why) = self.unreachable {
                return Ok(Answer { code: 100, stdout: why.to_owned(), stderr: String::new() });
            }
            self.refreshed.set(true);
            return Ok(Answer::default());
        }
        if words.ends_with(&["--configure", "-a"]) {
            self.calls.borrow_mut().push("configure".to_owned());
            return Ok(Answer::default());
        }
        let verb = words.iter().rposition(|word| *word == "--").unwrap() - 1;
        self.calls.borrow_mut().push(words[verb..].join(" ").replace(" -- ", " "));
        fs::write(self.root.path().join("var/lib/dpkg/status"), &self.leaves).unwrap();
        Ok(Answer { code: self.answer.0, stdout: self.answer.1.to_owned(), stderr: String::new() })
    }
}

fn wants(install: &[(&str, Option<&str>)], remove: &[&str], purge: &[&str]) -> Transaction {
    let spec = |(name, version): &(&str, Option<&str>)| PackageSpec {
        name: (*name).to_owned(),
        version: version.map(ToOwned::to_owned),
        file: None,
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut transaction = Transaction::new(Provider::Apt);
    transaction.install = install.iter().map(spec).collect();
    transaction.remove = owned(remove);
    transaction.purge = owned(purge);
    transaction.timeout = Seconds(5);
    transaction
}

#[test]
fn one_call_does_it_all_where_apt_can() {
    let here = [stanza("lab-a", "installed", "1"), stanza("lab-b", "installed", "1")].concat();
    let done = [stanza("lab-app", "installed", "1.0"), stanza("lab-doc", "installed", "1.0")].concat();
    let app: &[(&str, Option<&str>)] = &[("lab-app", Some("1.0")), ("lab-doc", None)];
    for (transaction, calls) in [
        (wants(app, &[], &[]), vec!["install lab-app=1.0 lab-doc"]),
        (wants(&[], &["lab-a", "gone"], &[]), vec!["remove lab-a"]),
        (wants(&[], &[], &["lab-a"]), vec!["purge lab-a"]),
        (wants(app, &["lab-a"], &[]), vec!["install lab-app=1.0 lab-doc lab-a-"]),
        (wants(app, &[], &["lab-a"]), vec!["install lab-app=1.0 lab-doc lab-a-"]),
        (wants(app, &["lab-a"], &["lab-b"]), vec!["install lab-app=1.0 lab-doc lab-a- lab-b-", "purge lab-b"]),
        (wants(&[], &["gone"], &["gone"]), vec![]),
    ] {
        let machine = Machine::new(&here, &done, (0, ""));
        machine.perform(Repair::Auto, &transaction).0.unwrap();
        assert_eq!(machine.changes(), calls);
    }
}

#[test]
fn the_state_counts_not_the_exit_code() {
    let done = stanza("lab-app", "installed", "2.0");
    let complaint = "E: Something else is broken\n";
    let (outcome, notes, changes) =
        Machine::new("", &done, (100, complaint)).perform(Repair::Auto, &wants(&[("lab-app", None)], &[], &[]));
    outcome.unwrap();
    assert_eq!(notes, ["apt did everything asked for, but complains of something else: Something else is broken"]);
    let app = PackageChange { name: "lab-app".to_owned(), from: None, to: Some("2.0".to_owned()) };
    assert_eq!(changes, std::slice::from_ref(&app));

    let (outcome, _, _) = Machine::new("", "", (0, "")).perform(Repair::Auto, &wants(&[("lab-app", None)], &[], &[]));
    assert_eq!(outcome.unwrap_err().to_string(), "apt reports success, but `lab-app` is not installed, without a word");

    let half = stanza("lab-app", "half-configured", "2.0");
    let said = "Setting up lab-app (2.0) ...\nno database\ndpkg: error processing package lab-app (--configure):\n \
                installed lab-app package post-installation script subprocess returned error exit status 1\n";
    let (outcome, _, changes) =
        Machine::new("", &half, (100, said)).perform(Repair::Auto, &wants(&[("lab-app", None)], &[], &[]));
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "apt failed: `lab-app`: installed lab-app package post-installation script subprocess returned error exit \
         status 1; it printed:\n  no database"
    );
    assert_eq!(changes, [app], "what a failed transaction did is told too");
}

#[test]
fn an_unknown_name_is_looked_for_in_fresh_lists_once() {
    let done = stanza("lab-app", "installed", "2.0");
    let mut machine = Machine::new("", &done, (0, ""));
    machine.known[0] = "";
    machine.perform(Repair::Auto, &wants(&[("lab-app", None)], &[], &[])).0.unwrap();
    assert_eq!(machine.changes(), ["update", "install lab-app"]);

    let machine = Machine::new("", "", (0, ""));
    let (outcome, _, _) = machine.perform(Repair::Auto, &wants(&[("lab-ap", None)], &[], &[]));
    let error = outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "package `lab-ap` does not exist: none of apt's sources has it; did you mean `lab-app`?"
    );
    assert_eq!(error.hints(), ["correct the name, or declare the repository that has the package before it"]);
    assert_eq!(machine.changes(), ["update"]);
}

#[test]
fn a_name_that_old_lists_do_not_have_is_no_wrong_name() {
    let mut machine = Machine::new("", "", (0, ""));
    machine.unreachable =
        Some("E: Failed to fetch http://deb.example.com/InRelease  Could not resolve 'deb.example.com'\n");
    let (outcome, notes, _) = machine.perform(Repair::Auto, &wants(&[("lab-new", None)], &[], &[]));
    let told = outcome.unwrap_err();
    let text = told.to_string();
    assert!(text.contains("package `lab-new` does not exist") && text.contains("could not be refreshed"), "{text}");
    assert!(text.contains("deb.example.com"), "{text}");
    assert!(!told.hints().iter().any(|hint| hint.contains("correct the name")), "{:?}", told.hints());
    assert_eq!((machine.changes(), notes), (vec!["update".to_owned()], Vec::<String>::new()));
}

#[test]
fn what_is_not_a_name_or_a_version_never_reaches_apt() {
    for (name, version) in [("lab-*", None), ("-y", None), ("lab-app", Some("1.0 --force")), ("lab/sid", None)] {
        let machine = Machine::new("", "", (0, ""));
        let (outcome, _, _) = machine.perform(Repair::Auto, &wants(&[(name, version)], &[], &[]));
        assert!(matches!(outcome, Err(Error::Failed { .. })), "{name}");
        assert_eq!(machine.changes(), [""; 0]);
    }
    let machine = Machine::new("", "", (0, ""));
    let (outcome, _, _) = machine.perform(Repair::Auto, &wants(&[("lab-app", Some("9"))], &[], &[]));
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "package `lab-app` is not on offer in version `9`, only in `2.0`, `1.0`"
    );
}

#[test]
fn an_older_version_needs_leave() {
    let here = stanza("lab-app", "installed", "2.0");
    let mut transaction = wants(&[("lab-app", Some("1.0"))], &[], &[]);
    let machine = Machine::new(&here, "", (0, ""));
    let error = machine.perform(Repair::Auto, &transaction).0.unwrap_err();
    assert_eq!(error.to_string(), "package `lab-app` is installed in version `2.0`, which is newer than `1.0`");
    transaction.allow_downgrade = true;
    let machine = Machine::new(&here, &stanza("lab-app", "installed", "1.0"), (0, ""));
    machine.perform(Repair::Auto, &transaction).0.unwrap();
}

#[test]
fn an_interrupted_dpkg_is_finished_or_refused() {
    let stuck = stanza("lab-doc", "unpacked", "1.0");
    let done = [stanza("lab-doc", "installed", "1.0"), stanza("lab-app", "installed", "2.0")].concat();
    let transaction = wants(&[("lab-app", None)], &[], &[]);
    let machine = Machine::new(&stuck, &done, (0, ""));
    let (outcome, notes, _) = machine.perform(Repair::Auto, &transaction);
    outcome.unwrap();
    assert_eq!(
        notes,
        ["an earlier run of dpkg was not finished (`lab-doc` is unpacked): running `dpkg --configure -a`"]
    );
    assert_eq!(machine.changes(), ["configure", "install lab-app"]);

    let machine = Machine::new(&stuck, &done, (0, ""));
    let error = machine.perform(Repair::Never, &transaction).0.unwrap_err();
    assert_eq!(error.to_string(), "an earlier run of dpkg was not finished: `lab-doc` is unpacked");
    assert_eq!(error.hints(), ["finish it with `dpkg --configure -a` and run again"]);
    assert_eq!(machine.changes(), [""; 0]);
}

#[test]
fn images_without_dpkg_are_left_alone() {
    let machine = Machine::new("", "", (0, ""));
    let directory = machine.root.path().join("var/lib/dpkg");
    fs::remove_file(directory.join("status")).unwrap();
    fs::create_dir(directory.join("status.d")).unwrap();
    fs::write(directory.join("status.d/base"), "Package: base-files\nVersion: 1\nArchitecture: amd64\n").unwrap();
    let outcome = machine.perform(Repair::Auto, &wants(&[("lab-app", None)], &[], &[])).0;
    assert!(matches!(outcome, Err(Error::Unsupported(_))), "{outcome:?}");
}

#[test]
fn a_machine_without_a_package_manager_says_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let packages = Packages::new(root.path(), root.path());
    let error = packages.lists_age(&Provider::Platform).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no package manager that brasa knows is on this machine: neither `apt-get` with `dpkg`, nor `dnf`, `yum` \
         or `zypper` with `rpm`, nor `pacman`, nor `apk`"
    );
    assert!(Path::new(root.path()).read_dir().unwrap().next().is_none(), "asking leaves no trace");
}
