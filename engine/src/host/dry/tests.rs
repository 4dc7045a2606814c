use std::path::Path;

use proptest::prelude::*;

use super::{Dry, NEWEST};
use crate::{
    Result,
    host::{
        AccountChange, Active, Brings, Command, Enabled, Entry, EntryKind, Fake, Group, Host, Op, PackageChange,
        PackageSpec, PackageState, Performed, Probe, Provider, Request, ServiceState, ServiceVerb, Transaction, User,
        Write,
    },
    values::{Blob, Mode, Seconds},
};

const GEM: Provider = Provider::Gem { binary: None, source: None };

fn owned(path: &str, text: &str, owner: &str) -> Op {
    Op::Write(Write {
        path: path.into(),
        content: Blob::from(text),
        mode: Mode::from(0o644),
        owner: owner.into(),
        group: "root".into(),
        backup: 0,
        verify: Vec::new(),
        sensitive: false,
    })
}

fn write(path: &str, text: &str) -> Op {
    owned(path, text, "root")
}

fn mkdir(path: &str) -> Op {
    Op::Mkdir { path: path.into(), mode: Mode::from(0o755), owner: "root".into(), group: "root".into() }
}

fn remove(path: &str, recursive: bool) -> Op {
    Op::Remove { path: path.into(), recursive, backup: 0 }
}

fn link(path: &str, target: &str) -> Op {
    Op::Link { path: path.into(), target: target.into(), hard: false }
}

fn packages(install: &[&str], remove: &[&str]) -> Op {
    by(Provider::Platform, install, remove)
}

fn by(provider: Provider, install: &[&str], remove: &[&str]) -> Op {
    let mut transaction = Transaction::new(provider);
    transaction.install = install.iter().map(|name| PackageSpec::any(name)).collect();
    transaction.remove = remove.iter().map(|name| (*name).to_owned()).collect();
    Op::Packages(transaction)
}

fn verb(unit: &str, verb: ServiceVerb) -> Op {
    Op::Service { unit: unit.into(), verb }
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        uid: None,
        group: None,
        comment: String::new(),
        home: None,
        shell: None,
        password: None,
        locked: false,
        expires: None,
        inactive: None,
    }
}

fn create(name: &str) -> Op {
    Op::Account(AccountChange::CreateUser { user: user(name), system: true, manage_home: false })
}

fn machine() -> Fake {
    Fake::new()
        .with_file("/etc/motd", "welcome\n")
        .with_file("/etc/old/a/one", "1")
        .with_link("/etc/current", "old")
        .with_directory("/etc/systemd/system")
        .with_directory("/srv")
        .with_directory("/usr/sbin")
        .with_user("bob", 1000)
        .with_service("cron", Enabled::Yes, Active::Yes)
        .with_lists_age(60_u64)
        .with_candidate("bind9", "9.18")
        .with_candidate("bind9-libs", "9.18")
        .with_dependencies("bind9", ["bind9-libs"])
        .with_candidate("ruby", "3.1")
        .with_candidate("rake", "13.0")
        .with_dependencies("ruby", ["rake"])
        .with_provided("mta", "postfix")
        .with_candidate("postfix", "3.7")
        .package_brings("bind9", Brings::new().service("named").user("bind"))
}

fn kind(probe: &dyn Probe, path: &str) -> Option<String> {
    probe.entry(Path::new(path)).unwrap().map(|entry| entry.kind.noun().to_owned())
}

#[test]
fn later_steps_see_what_earlier_ones_would_do() -> Result<()> {
    let fake = machine();
    let mut dry = Dry::new(&fake);
    for operation in [
        create("app"),
        mkdir("/srv/app"),
        owned("/srv/app/config", "x", "app"),
        write("/etc/systemd/system/app.service", "[Service]\n[Install]\nWantedBy=multi-user.target\n"),
        verb("app", ServiceVerb::Enable),
        verb("app", ServiceVerb::Start),
        write("/etc/systemd/system/run@.service", "[Service]\n"),
    ] {
        assert_eq!(dry.perform(&operation)?, Performed::Done, "{operation:?}");
    }
    assert_eq!(dry.list(Path::new("/srv/app"))?, ["config"]);
    let made = User { group: Some("app".into()), home: Some("/home/app".into()), ..user("app") };
    assert_eq!(dry.user("app")?, Some(made));
    let state = |enabled, active| ServiceState { exists: true, enabled, active };
    assert_eq!(dry.service("app.service")?, state(Enabled::Yes, Active::Yes));
    assert_eq!(dry.service("run@one")?, state(Enabled::Static, Active::No));
    assert_eq!(dry.take_doubts(), [""; 0]);
    assert_eq!(dry.operations().len(), 7);
    assert_eq!(fake, machine());
    Ok(())
}

#[test]
fn a_removed_tree_is_out_of_sight_also_below_a_new_directory() -> Result<()> {
    let fake = machine();
    let mut dry = Dry::new(&fake);
    dry.perform(&remove("/etc/old", true))?;
    assert_eq!(kind(&dry, "/etc/old/a/one"), None);
    dry.perform(&mkdir("/etc/old"))?;
    dry.perform(&write("/etc/old/b", "b"))?;
    assert_eq!(kind(&dry, "/etc/old/a"), None);
    assert_eq!(dry.list(Path::new("/etc/old"))?, ["b"]);
    assert_eq!(dry.list(Path::new("/etc"))?, ["current", "motd", "old", "systemd"]);
    Ok(())
}

#[test]
fn links_lead_to_the_same_place_as_on_the_machine() -> Result<()> {
    let fake = machine();
    let mut dry = Dry::new(&fake);
    dry.perform(&write("/etc/current/new", "x"))?;
    assert_eq!(kind(&dry, "/etc/old/new").as_deref(), Some("file"));
    dry.perform(&mkdir("/srv/next"))?;
    dry.perform(&link("/etc/current", "../srv/next"))?;
    assert_eq!(kind(&dry, "/etc/current/new"), None);
    dry.perform(&write("/etc/current/x", "x"))?;
    assert_eq!(dry.list(Path::new("/srv/next"))?, ["x"]);
    dry.perform(&link("/srv/loop", "loop"))?;
    assert!(dry.entry(Path::new("/srv/loop/x")).is_err());
    Ok(())
}

#[test]
fn what_is_done_to_a_unit_is_seen_by_its_other_name() {
    let fake = machine().with_service("web", Enabled::No, Active::No).with_service_alias("www", "web");
    for (first, second) in [("web", "www.service"), ("www", "web")] {
        let mut dry = Dry::new(&fake);
        dry.perform(&verb(first, ServiceVerb::Enable)).unwrap();
        dry.perform(&verb(second, ServiceVerb::Start)).unwrap();
        for name in [first, second] {
            assert_eq!(
                dry.service(name).unwrap(),
                ServiceState { exists: true, enabled: Enabled::Yes, active: Active::Yes }
            );
        }
    }
}

#[test]
fn what_would_certainly_fail_is_refused() {
    let fake = machine();
    let refusal = |fake: &Fake, operation: &Op| Dry::new(fake).perform(operation).unwrap_err().to_string();
    for (operation, sentence) in [
        (write("/srv/none/x", ""), "directory `/srv/none` does not exist"),
        (write("/etc", ""), "cannot write `/etc`: is a directory"),
        (write("/etc/current", ""), "cannot write `/etc/current`: a symbolic link is there"),
        (owned("/etc/x", "", "nobody"), "user `nobody` does not exist"),
        (write("/etc/motd/x", ""), "cannot write `/etc/motd/x`: not a directory"),
        (mkdir("/etc/motd"), "cannot make directory `/etc/motd`: entity already exists"),
        (remove("/etc/old", false), "cannot remove `/etc/old`: directory not empty"),
        (link("/etc/motd", "x"), "cannot put a link at `/etc/motd`: a file is there"),
        (verb("nonesuch", ServiceVerb::Start), "unit `nonesuch` does not exist"),
    ] {
        assert_eq!(refusal(&fake, &operation), sentence);
        assert!(fake.clone().perform(&operation).is_err(), "{operation:?} works after all");
    }
    assert!(Dry::new(&fake).perform(&packages(&["nonesuch"], &[])).is_err());
}

#[test]
fn a_plan_takes_rights_for_granted_and_the_look_ahead_does_not() {
    let anybody = machine().with_read_only("/srv").as_user(1000);
    for (operation, sentence) in [
        (packages(&["bind9"], &[]), "changing packages needs root; this is user number 1000"),
        (verb("cron", ServiceVerb::Stop), "changing services needs root; this is user number 1000"),
        (create("app"), "changing accounts needs root; this is user number 1000"),
    ] {
        assert_eq!(Dry::new(&anybody).perform(&operation).unwrap(), Performed::Done, "{operation:?}");
        assert_eq!(Dry::preflight(&anybody).perform(&operation).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn what_only_root_may_see_leaves_a_doubt() {
    let anybody = machine().with_unreadable("/etc/secret").with_answer("true", 0, "").as_user(1000);
    let sentence = "cannot read `/etc/secret`: permission denied";
    let look = |dry: &mut Dry| (dry.entry(Path::new("/etc/secret")).unwrap_err().to_string(), dry.take_doubts());
    assert_eq!(look(&mut Dry::new(&anybody)), (sentence.to_owned(), vec![sentence.to_owned()]));
    assert_eq!(look(&mut Dry::preflight(&anybody)), (sentence.to_owned(), Vec::new()));
    assert_eq!(look(&mut Dry::new(&anybody.clone().as_user(0))), (sentence.to_owned(), Vec::new()));
    let mut dry = Dry::new(&anybody);
    assert_eq!(dry.perform(&write("/etc/secret", "x")).unwrap_err().to_string(), sentence);
    assert_eq!(dry.take_doubts(), [sentence]);
    let ask = |user: Option<&str>, mut dry: Dry| {
        let command = Command { user: user.map(str::to_owned), ..Command::new(["true"]) };
        (dry.query(&command).map_err(|error| error.to_string()).map(|_| ()), dry.take_doubts())
    };
    let other = "`true` is asked as user `root`, which only root can do".to_owned();
    assert_eq!(ask(Some("root"), Dry::new(&anybody)), (Err(other.clone()), vec![other]));
    assert_eq!(ask(None, Dry::new(&anybody)), (Ok(()), Vec::new()));
    let mine = "`true` was asked by user number 1000; root may get another answer".to_owned();
    assert_eq!(ask(None, Dry::new(&anybody).for_root()), (Ok(()), vec![mine]));
    assert_eq!(Dry::new(&anybody).for_root().effective_user(), 0);
}

#[test]
fn content_is_promised_when_it_was_accepted() -> Result<()> {
    let fake = machine().with_answer("judge -q /dev/stdin", 0, "").with_answer("judge -x /dev/stdin", 3, "no");
    let doubts = |mut dry: Dry<'_>, judge: &str| {
        let Op::Write(plain) = write("/etc/new", "x") else { unreachable!() };
        dry.perform(&Op::Write(Write { verify: vec![judge.to_owned()], ..plain }))?;
        Ok::<_, crate::Error>(dry.take_doubts())
    };
    assert_eq!(doubts(Dry::new(&fake), "judge -q %{path}")?, [""; 0]);
    let said =
        "did not accept the content when it was tried (exit code 3); it judges again before the file is put in place";
    assert_eq!(doubts(Dry::new(&fake), "judge -x %{path}")?, [format!("`judge -x %{{path}}` {said}")]);
    let said = "`judge -q %{path}` judges the content only when converging";
    assert_eq!(doubts(Dry::preflight(&fake), "judge -q %{path}")?, [said]);
    assert!(doubts(Dry::new(&fake), "unknown")?[0].starts_with("`unknown` could not be tried: "));
    Ok(())
}

#[test]
fn packages_come_with_all_that_they_need() -> Result<()> {
    let fake = machine().with_installed("nano", "7.2").with_candidate("nano", "7.2");
    let mut dry = Dry::new(&fake);
    assert_eq!(dry.perform(&packages(&["bind9", "mta"], &["nano"]))?, Performed::Done);
    let names: Vec<_> = dry.take_package_changes().into_iter().map(|change| change.name).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let asked = ["bind9", "bind9-libs", "mta", "nano"].map(str::to_owned);
    let states = dry.packages(&Provider::Platform, &asked)?;
    let shown: Vec<_> = states.iter().map(|s| (s.version.as_deref(), s.provided_by.as_deref())).collect();
    assert_eq!(shown, [(Some("9.18"), None), (Some("9.18"), None), (None, Some("postfix")), (None, None)]);
    // Again, and the other way round, changes only what is left to change.
    dry.perform(&packages(&["bind9", "nano"], &[]))?;
    dry.perform(&packages(&[], &["bind9"]))?;
    let change = |name: &str, from: Option<&str>, to: Option<&str>| PackageChange {
        name: name.into(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    assert_eq!(dry.take_package_changes(), [change("nano", None, Some("7.2")), change("bind9", Some("9.18"), None)]);
    assert_eq!(dry.package_changes().len(), 6);
    Ok(())
}

#[test]
fn what_packages_may_bring_is_doubtful() -> Result<()> {
    let fake = machine();
    let mut dry = Dry::new(&fake);
    dry.perform(&packages(&["bind9"], &[]))?;
    dry.service("named")?;
    dry.user("bind")?;
    dry.entry(Path::new("/usr/sbin/named"))?;
    dry.entry(Path::new("/etc/bind/named.conf"))?;
    assert_eq!(
        dry.take_doubts(),
        [
            "package bind9 is to be installed and may bring unit `named`",
            "packages bind9 and bind9-libs are to be installed and may bring user `bind`",
            "package bind9 is to be installed and may bring `/usr/sbin/named`",
            "packages bind9 and bind9-libs are to be installed and may bring `/etc/bind/named.conf`",
        ]
    );
    // What an administrator keeps there is no package's.
    dry.entry(Path::new("/etc/dyndns_keys"))?;
    dry.service("cron")?;
    assert_eq!(dry.take_doubts(), [""; 0]);
    assert_eq!(dry.perform(&owned("/etc/motd", "x", "bind"))?, Performed::Assumed);
    assert_eq!(dry.perform(&verb("named", ServiceVerb::Restart))?, Performed::Assumed);
    dry.perform(&Op::Run(Command::new(["make", "install"])))?;
    dry.take_doubts();
    dry.group("app")?;
    assert!(dry.take_doubts().contains(&"`make install` is to be run and may bring group `app`".to_owned()));
    Ok(())
}

#[test]
fn lists_of_unknown_age_tell_what_they_know() -> Result<()> {
    let fake = Fake::new().with_undated_lists().with_candidate("bind9", "9.18");
    let mut dry = Dry::new(&fake);
    assert_eq!(dry.perform(&packages(&["bind9"], &[]))?, Performed::Done);
    assert_eq!((dry.take_doubts(), dry.take_package_changes().len()), (Vec::new(), 1));
    let unknown = dry.perform(&packages(&["nonesuch"], &[])).unwrap_err();
    assert_eq!(unknown.to_string(), "package `nonesuch` does not exist");
    assert_eq!(dry.take_doubts(), ["the package lists are of unknown age, so they are fetched first"]);
    Ok(())
}

#[test]
fn what_no_readable_source_has_is_missing_until_a_source_is_to_come() -> Result<()> {
    let fake =
        Fake::new().with_directory("/etc/yum.repos.d").with_readable_sources().with_candidate("lab-release", "9");
    let unknown = packages(&["nonesuch"], &[]);
    let before = [
        (None, None),
        (
            Some(packages(&["lab-release"], &[])),
            Some("package lab-release is to be installed and may bring a repository"),
        ),
        (
            Some(write("/etc/yum.repos.d/lab.repo", "[lab]\n")),
            Some("`/etc/yum.repos.d/lab.repo` is to be written first: what is on offer is known only then"),
        ),
        (
            Some(Op::Run(Command::new(["make", "install"]))),
            Some("`make install` is to be run and may bring a repository"),
        ),
    ];
    for (first, doubt) in before {
        let mut dry = Dry::new(&fake);
        first.map(|first| dry.perform(&first)).transpose()?;
        let outcome = dry.perform(&unknown);
        match doubt {
            None => assert_eq!(outcome.unwrap_err().to_string(), "package `nonesuch` does not exist"),
            Some(_) => assert_eq!(outcome?, Performed::Assumed),
        }
        assert_eq!(dry.take_doubts(), doubt.into_iter().collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn what_hangs_on_a_package_that_cannot_be_had_is_uncertain_and_not_certain_to_fail() -> Result<()> {
    let fake = machine();
    let mut dry = Dry::new(&fake);
    dry.perform(&packages(&["nonesuch"], &[])).unwrap_err();
    assert_eq!(dry.perform(&verb("nonesuch", ServiceVerb::Start))?, Performed::Assumed);
    assert_eq!(dry.take_doubts(), ["package nonesuch is to be installed and may bring unit `nonesuch`"]);
    Ok(())
}

#[test]
fn without_package_lists_a_transaction_is_assumed() -> Result<()> {
    let fake = Fake::new();
    let mut dry = Dry::new(&fake);
    let names = ["bind9".to_owned()];
    assert_eq!(dry.candidates(&Provider::Platform, &names)?[0].as_ref().map(|c| c.version.as_str()), Some(NEWEST));
    assert_eq!(dry.perform(&packages(&["bind9"], &[]))?, Performed::Assumed);
    assert_eq!(dry.take_doubts(), ["there are no package lists yet: dependencies and versions are not known"]);
    assert!(dry.packages(&Provider::Platform, &names)?[0].present());

    let mut dry = Dry::new(&fake);
    dry.perform(&Op::UpdatePackageLists { provider: Provider::Platform, source: None })?;
    assert_eq!(dry.package_lists_age(&Provider::Platform)?, Some(Seconds(0)));
    assert_eq!(dry.perform(&packages(&["bind9"], &[]))?, Performed::Assumed);
    assert_eq!(
        dry.take_doubts(),
        ["the package lists are to be refreshed first: dependencies and versions are known only then"]
    );
    Ok(())
}

#[test]
fn what_is_on_offer_hangs_on_the_commands_of_dnf() -> Result<()> {
    let fake = machine();
    let names = ["nonesuch".to_owned()];
    for (words, doubts) in [
        (
            &["dnf", "-y", "module", "enable", "x:1"][..],
            &["`dnf -y module enable x:1` is to run first: what is on offer is known only then"][..],
        ),
        (&["make", "install"], &[]),
    ] {
        let mut dry = Dry::new(&fake);
        dry.perform(&Op::Run(Command::new(words.iter().copied())))?;
        let found = dry.candidates(&Provider::Platform, &names)?;
        assert_eq!(
            (found[0].is_some(), dry.take_doubts()),
            (!doubts.is_empty(), doubts.iter().map(|doubt| (*doubt).to_owned()).collect())
        );
    }
    Ok(())
}

#[test]
fn gems_wait_for_ruby() -> Result<()> {
    let fake = machine();
    let mut dry = Dry::new(&fake);
    dry.perform(&packages(&["ruby"], &[]))?;
    dry.packages(&GEM, &["rake".into(), "puma".into()])?;
    assert_eq!(
        dry.take_doubts(),
        [
            "package rake, to be installed, probably brings gem rake",
            "package ruby is to be installed first: gems cannot be known before that",
        ]
    );
    assert_eq!(dry.perform(&by(GEM, &["puma"], &[]))?, Performed::Assumed);
    assert!(dry.packages(&GEM, &["puma".into()])?[0].present());
    Ok(())
}

#[test]
fn questions_are_asked_as_the_pass_allows() -> Result<()> {
    let fake = machine().with_answer("true", 0, "yes").with_url("https://example.org/x", "x");
    let mut dry = Dry::new(&fake);
    assert_eq!(dry.query(&Command::new(["true"]))?.stdout, "yes");
    assert_eq!(dry.take_doubts(), [""; 0]);
    dry.perform(&mkdir("/srv/a"))?;
    dry.query(&Command::new(["true"]))?;
    assert_eq!(
        dry.take_doubts(),
        ["`true` was asked of the machine as it is now; earlier steps may change its answer"]
    );

    let mut before = Dry::preflight(&fake);
    assert_eq!(before.query(&Command::new(["false"]))?.code, 0);
    let request = Request {
        url: "https://user:s3cret@example.org/x?token=s3cret".into(),
        checksum: None,
        headers: Vec::new(),
        conditional: false,
        timeout: Seconds(1),
    };
    assert!(before.fetch(&request).is_err());
    assert_eq!(
        before.take_doubts(),
        ["`false` is asked only when converging", "`https://example.org/x` is downloaded only when converging",]
    );
    assert_eq!(fake.asked().len(), 2);
    Ok(())
}

fn some_operation() -> impl Strategy<Value = Op> {
    let paths = [
        "/etc/motd",
        "/etc/new",
        "/etc/old",
        "/etc/old/a",
        "/etc/old/a/one",
        "/etc/current",
        "/etc/current/a",
        "/srv/d",
        "/srv/d/e",
    ];
    let path = prop::sample::select(paths.to_vec());
    let owner = prop::sample::select(vec!["root", "bob", "app", "1000"]);
    let verbs =
        [ServiceVerb::Enable, ServiceVerb::Disable, ServiceVerb::Start, ServiceVerb::Stop, ServiceVerb::Restart];
    let group = Group { name: "ops".into(), gid: None, members: Vec::new() };
    prop_oneof![
        (path.clone(), "[a-c]{0,3}", owner.clone()).prop_map(|(path, text, owner)| owned(path, &text, owner)),
        path.clone().prop_map(mkdir),
        (path.clone(), any::<bool>()).prop_map(|(path, recursive)| remove(path, recursive)),
        (path.clone(), prop::sample::select(vec!["a", "old", "/srv/d"])).prop_map(|(path, target)| link(path, target)),
        (path, owner).prop_map(|(path, owner)| Op::SetMeta {
            path: path.into(),
            mode: Mode::from(0o700),
            owner: owner.into(),
            group: "root".into(),
        }),
        (prop::sample::select(vec!["cron", "x"]), prop::sample::select(verbs.to_vec()))
            .prop_map(|(unit, v)| verb(unit, v)),
        Just(write("/etc/systemd/system/x.service", "[Service]\n")),
        Just(create("app")),
        Just(Op::Account(AccountChange::CreateGroup { group, system: true })),
        Just(packages(&["bind9"], &[])),
        Just(packages(&[], &["bind9"])),
    ]
}

/// All that a resource could read of the places that the operations are about.
fn picture(probe: &dyn Probe) -> Vec<String> {
    let paths = [
        "/etc",
        "/etc/motd",
        "/etc/new",
        "/etc/old",
        "/etc/old/a",
        "/etc/old/a/one",
        "/etc/current",
        "/srv/d",
        "/srv/d/e",
        "/srv/d/a",
    ];
    let mut seen: Vec<String> = Vec::new();
    for path in paths {
        // Links that lead nowhere, or in a circle, are met by both.
        let entry = probe.entry(Path::new(path)).ok();
        let is_directory = matches!(&entry, Some(Some(Entry { kind: EntryKind::Directory, .. })));
        let list = if is_directory { probe.list(Path::new(path)).ok() } else { None };
        seen.push(format!("{path} {entry:?} {list:?}"));
    }
    for unit in ["cron", "x"] {
        seen.push(format!("{unit} {:?}", probe.service(unit)));
    }
    seen.push(format!("{:?}", probe.user("app").map(|user| user.is_some())));
    seen.push(format!("{:?}", probe.group("ops").map(|group| group.is_some())));
    let names = ["bind9".to_owned(), "bind9-libs".to_owned()];
    let versions = probe.packages(&Provider::Platform, &names).unwrap();
    seen.extend(versions.into_iter().map(|state| format!("{:?}", state.version)));
    seen
}

proptest! {
    /// What is predicted without a doubt is what happens: the same refusals, and the same picture afterwards.
    #[test]
    fn a_plan_without_doubts_comes_true(operations in prop::collection::vec(some_operation(), 1..14)) {
        let below = machine();
        let mut real = below.clone();
        let mut dry = Dry::new(&below);
        for operation in &operations {
            let predicted = dry.perform(operation);
            if predicted.as_ref().is_ok_and(|p| *p == Performed::Assumed) || !dry.take_doubts().is_empty() {
                break; // from here on anything may be
            }
            let done = real.perform(operation);
            prop_assert_eq!(predicted.is_ok(), done.is_ok(), "{:?}: predicted {:?}, was {:?}", operation, predicted, done);
            prop_assert_eq!(picture(&dry), picture(&real), "after {:?}", operation);
            dry.take_doubts();
        }
        prop_assert_eq!(below, machine());
    }
}

#[test]
fn a_home_that_is_not_named_is_where_useradd_makes_it() -> Result<()> {
    for (settings, home) in [("# HOME=/x\n", "/home/app"), ("HOME=/srv/homes\n", "/srv/homes/app")] {
        let fake =
            machine().with_file("/etc/default/useradd", settings).with_file("/etc/skel/.config/x", "y").as_user(0);
        let (mut dry, mut real) = (Dry::preflight(&fake), fake.clone());
        let in_home = |name: &str| format!("{home}/{name}");
        for operation in [
            Op::Account(AccountChange::CreateUser { user: user("app"), system: false, manage_home: true }),
            mkdir(&in_home(".ssh")),
            owned(&in_home(".ssh/authorized_keys"), "key", "app"),
        ] {
            assert_eq!(dry.perform(&operation)?, Performed::Done, "{operation:?}");
            real.perform(&operation)?;
        }
        for path in ["", ".ssh/authorized_keys", ".config/x"].map(in_home) {
            let path = Path::new(&path);
            assert_eq!((dry.entry(path)?, dry.list(path)?), (real.entry(path)?, real.list(path)?));
        }
        assert_eq!(dry.user("app")?.unwrap().home, real.user("app")?.unwrap().home);
        let mut command = Command::new(["true"]);
        command.cwd = Some(home.into());
        dry.perform(&Op::Run(command))?;
    }
    // What this user may not read is taken to be as usual.
    let hidden = machine().with_file("/etc/default/useradd", "HOME=/srv").with_unreadable("/etc/default/useradd");
    let hidden = hidden.as_user(1000);
    let mut dry = Dry::new(&hidden);
    dry.perform(&create("app"))?;
    assert_eq!(dry.take_doubts(), ["cannot read `/etc/default/useradd`: permission denied"]);
    assert_eq!(dry.user("app")?.unwrap().home.as_deref(), Some(Path::new("/home/app")));
    Ok(())
}

#[test]
fn a_group_in_the_way_of_a_user_is_found_beforehand() {
    let group = Group { name: "app".into(), gid: None, members: Vec::new() };
    let made = Op::Account(AccountChange::CreateGroup { group, system: false });
    let of = |group: &str| {
        let user = User { group: Some(group.to_owned()), ..user("app") };
        Op::Account(AccountChange::CreateUser { user, system: false, manage_home: false })
    };
    let refusal = "cannot make user `app`: `useradd` makes a group of this name with it, and there is one";
    let fake = machine();
    for there in [fake.clone().with_group("app", 77), fake.clone()] {
        let (mut dry, mut real) = (Dry::new(&there), there.clone());
        for host in [&mut dry as &mut dyn Host, &mut real] {
            if there == fake {
                host.perform(&made).unwrap();
            }
            assert_eq!(host.perform(&create("app")).unwrap_err().to_string(), refusal);
            host.perform(&of("app")).unwrap();
        }
    }
    // Where there are no private groups none is in the way.
    let shared = fake.with_file("/etc/login.defs", "USERGROUPS_ENAB no\n").with_group("users", 100);
    let (mut dry, mut real) = (Dry::new(&shared), shared.clone());
    for host in [&mut dry as &mut dyn Host, &mut real] {
        host.perform(&made).unwrap();
        host.perform(&create("app")).unwrap();
        assert_eq!(host.user("app").unwrap().unwrap().group.as_deref(), Some("users"));
    }
}

#[test]
fn a_member_that_is_gone_is_in_nobodys_way() {
    let fake = machine().with_group("docker", 999).with_members("docker", ["ghost"]);
    let group = |members: &[&str]| Group {
        name: "docker".into(),
        gid: Some(999),
        members: members.iter().map(|member| (*member).to_owned()).collect(),
    };
    let change =
        |from: &[&str], to: &[&str]| Op::Account(AccountChange::ModifyGroup { from: group(from), to: group(to) });
    let (mut dry, mut real) = (Dry::new(&fake), fake.clone());
    for host in [&mut dry as &mut dyn Host, &mut real] {
        assert_eq!(host.perform(&change(&["ghost"], &["bob", "ghost"])).unwrap(), Performed::Done);
        let stranger = host.perform(&change(&["bob", "ghost"], &["bob", "eve", "ghost"]));
        assert_eq!(stranger.unwrap_err().to_string(), "user `eve` does not exist");
    }
}

#[test]
fn what_comes_along_is_marked_so_until_it_is_asked_for() {
    let machine = Fake::debian("12")
        .marking_automatic()
        .with_candidate("app", "1.0")
        .with_candidate("lib", "1.0")
        .with_dependencies("app", ["lib"]);
    let names = ["app", "lib"].map(str::to_owned);
    let marks = |probe: &dyn Probe| {
        let states = probe.packages(&Provider::Platform, &names).unwrap();
        states.into_iter().map(|state| state.automatic).collect::<Vec<_>>()
    };
    let install = Transaction { install: vec![PackageSpec::any("app")], ..Transaction::new(Provider::Platform) };
    let mark = Transaction { manual: vec!["lib".to_owned()], ..Transaction::new(Provider::Platform) };
    let remove = Transaction { remove: names.to_vec(), ..Transaction::new(Provider::Platform) };
    let (mut dry, mut real) = (Dry::new(&machine), machine.clone());
    for (transaction, marked) in [(install, [false, true]), (mark, [false, false]), (remove, [false, false])] {
        let op = Op::Packages(transaction);
        dry.perform(&op).unwrap();
        real.perform(&op).unwrap();
        assert_eq!((marks(&dry), marks(&real)), (marked.to_vec(), marked.to_vec()), "{op:?}");
    }
}

#[test]
fn what_was_left_unconfigured_is_finished_in_a_plan_too() {
    let broken = PackageState {
        version: Some("1.0".to_owned()),
        versions: vec!["1.0".to_owned()],
        broken: Some("unpacked but not configured".to_owned()),
        ..PackageState::default()
    };
    let machine = Fake::debian("12").with_package("half", broken).with_candidate("half", "1.0");
    let mut dry = Dry::new(&machine);
    let mut transaction = Transaction::new(Provider::Platform);
    transaction.install.push(PackageSpec::any("half"));
    assert_eq!(dry.perform(&Op::Packages(transaction)).unwrap(), Performed::Done);
    let state = dry.packages(&Provider::Platform, &["half".to_owned()]).unwrap().remove(0);
    assert_eq!((state.version.as_deref(), state.broken), (Some("1.0"), None));
}
