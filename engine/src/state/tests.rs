#![allow(clippy::disallowed_methods, reason = "tests look at the files themselves")]
mod mounts;

use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{Previous, Record, Recorder, RunLock, State, UndoPlan, Undoing, Undone, record::Unreadable};
use crate::{
    Error, Kind, Result,
    converge::Ledger,
    event::{Debt, Summary},
    host::{
        AccountChange, Active, Brings, Command, Enabled, Entry, EntryKind, Fake, Grade, Group, Host, Journal, Op,
        PackageSpec, Probe, Provider, ServiceVerb, Transaction, User, Write,
    },
    values::{Blob, Mode, Seconds},
};

struct Place {
    directory: TempDir,
    state: State,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = State::at(directory.path().join("state"));
        Self { directory, state }
    }

    fn lock(&self) -> RunLock {
        self.try_lock().unwrap()
    }

    fn try_lock(&self) -> Result<RunLock> {
        let file = self.directory.path().join("lock/run");
        self.state.lock(&file, "brasa converge", Fake::new().now(), Seconds(0), &mut |_, _| {})
    }

    fn begin(&self) -> Recorder {
        self.begin_of(&[])
    }

    fn begin_of(&self, run_list: &[&str]) -> Recorder {
        let previous = self.state.previous().unwrap();
        let run_list: Vec<_> = run_list.iter().map(ToString::to_string).collect();
        self.state.begin(&self.lock(), "brasa converge", &run_list, &previous, Fake::new().now()).unwrap()
    }

    /// Performs operations as one step of one run; those that the machine refuses are passed over.
    fn run(&self, fake: &mut Fake, operations: &[Op]) -> Option<String> {
        let mut recorder = self.begin();
        let mut ledger = recorder.clone();
        ledger.begin("thing[x]", "do", &[]).unwrap();
        let counter = recorder.clone();
        let mut journal = Journal::new(fake, &mut recorder);
        for operation in operations {
            journal.perform(operation).ok();
        }
        ledger.end("thing[x]", "do", true).unwrap();
        counter.finish(Ok(&Summary::default()), Fake::new().now()).unwrap()
    }

    fn undo(&self, fake: &mut Fake, run: &str, force: bool) -> Result<Undone> {
        let plan = self.state.undo_plan(run, fake)?;
        self.carry_out(&plan, fake, force)
    }

    fn carry_out(&self, plan: &UndoPlan, fake: &mut Fake, force: bool) -> Result<Undone> {
        let previous = self.state.previous()?;
        self.carry_out_until(plan, fake, &previous, force, &|| None)
    }

    fn carry_out_until(
        &self,
        plan: &UndoPlan,
        fake: &mut Fake,
        previous: &Previous,
        force: bool,
        stop: &dyn Fn() -> Option<i32>,
    ) -> Result<Undone> {
        let undoing = Undoing { command: "brasa undo", previous, force, begin: &mut |_| {}, stop };
        self.state.undo(plan, fake, &self.lock(), undoing)
    }

    fn journal(&self, run: &str) -> std::path::PathBuf {
        self.state.path().join("runs").join(run).join("journal.ndjson")
    }
}

fn write(path: &str, text: &str, mode: u32) -> Op {
    Op::Write(Write {
        path: path.into(),
        content: Blob::from(text),
        mode: Mode::from(mode),
        owner: "root".into(),
        group: "root".into(),
        backup: 0,
        verify: Vec::new(),
        sensitive: false,
    })
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

fn service(verb: ServiceVerb) -> Op {
    Op::Service { unit: "named".into(), verb }
}

fn install(name: &str) -> Op {
    let mut transaction = Transaction::new(Provider::Platform);
    transaction.install.push(PackageSpec { name: name.into(), version: None, file: None });
    Op::Packages(transaction)
}

fn ana(comment: &str) -> User {
    User {
        name: "ana".into(),
        uid: None,
        group: None,
        comment: comment.into(),
        home: Some("/home/ana".into()),
        shell: Some("/bin/sh".into()),
        password: Some(Blob::from("$y$hash")),
        locked: false,
        expires: None,
        inactive: None,
    }
}

fn machine() -> Fake {
    Fake::new()
        .with_file("/etc/motd", "welcome\n")
        .with_file("/etc/old/a/one", "1")
        .with_file("/etc/old/two", "2")
        .with_link("/etc/old/a/link", "../two")
        .with_link("/etc/current", "old")
        .with_directory("/home")
        .with_directory("/srv/empty")
        .with_user("bob", 1000)
        .with_group("staff", 50)
        .with_members("staff", ["bob"])
        .with_service("named", Enabled::No, Active::No)
        .with_candidate("bind9", "9.18")
        .with_lists_age(1_u64)
}

/// Undoing brings back the machine exactly, and undoing that brings back what the run left.
fn there_and_back(before: &Fake, operations: &[Op]) -> Undone {
    let place = Place::new();
    let mut fake = before.clone();
    let Some(run) = place.run(&mut fake, operations) else { return Undone::default() };
    let after = fake.clone();
    let undone = place.undo(&mut fake, &run, false).unwrap_or_else(|error| panic!("{operations:?}: {error}"));
    assert_eq!(fake.differences(before), [""; 0], "after {operations:?}");
    if let Some(second) = &undone.run {
        assert_eq!(
            place
                .state
                .undo_plan(&run, &fake)
                .unwrap()
                .items
                .iter()
                .filter(|i| i.grade == Grade::Exact && !i.operations.is_empty())
                .count(),
            0
        );
        place.undo(&mut fake, second, false).unwrap();
        assert_eq!(fake.differences(&after), [""; 0], "after {operations:?} twice undone");
        place.undo(&mut fake, &run, false).unwrap();
        assert_eq!(fake.differences(before), [""; 0], "after {operations:?} thrice undone");
    }
    undone
}

#[test]
fn a_package_in_another_version_than_the_run_left_is_a_conflict() {
    let place = Place::new();
    let mut fake = machine();
    let run = place.run(&mut fake, &[install("bind9")]).unwrap();
    assert_eq!(place.state.undo_plan(&run, &fake).unwrap().conflicts, []);
    let mut fake = fake.with_installed("bind9", "9.20");
    let refused = place.undo(&mut fake, &run, false).unwrap_err().to_string();
    let told = "`bind9` is installed in version `9.20` now: the run left it installed in version `9.18`";
    assert!(refused.ends_with(told), "{refused}");
    assert!(fake.packages(&Provider::Platform, &["bind9".into()]).unwrap()[0].present());
    assert_eq!(place.undo(&mut fake, &run, true).unwrap().failed, 0);
    assert!(!fake.packages(&Provider::Platform, &["bind9".into()]).unwrap()[0].present());
}

#[test]
fn every_kind_of_operation_is_taken_back_exactly() {
    let account = Op::Account;
    let staff = Group { name: "staff".into(), gid: Some(50), members: vec!["bob".into()] };
    let meta =
        Op::SetMeta { path: "/etc/motd".into(), mode: Mode::from(0o600), owner: "bob".into(), group: "staff".into() };
    let bob = machine().user("bob").unwrap().unwrap();
    for operations in [
        vec![write("/etc/motd", "new", 0o600)],
        vec![write("/etc/new", "new", 0o600)],
        vec![mkdir("/srv/a"), mkdir("/srv/a/b"), write("/srv/a/b/c", "c", 0o644)],
        vec![meta],
        vec![link("/etc/current", "elsewhere"), link("/etc/other", "x")],
        vec![Op::Link { path: "/etc/hard".into(), target: "/etc/motd".into(), hard: true }],
        vec![remove("/etc/motd", false)],
        vec![remove("/etc/current", false), write("/etc/current", "now a file", 0o644)],
        vec![remove("/srv/empty", false)],
        vec![remove("/etc/old", true), mkdir("/etc/old"), write("/etc/old/two", "other", 0o644)],
        vec![service(ServiceVerb::Enable), service(ServiceVerb::Start)],
        vec![service(ServiceVerb::Start), service(ServiceVerb::Restart)],
        vec![service(ServiceVerb::Restart)],
        vec![service(ServiceVerb::Enable), service(ServiceVerb::Mask)],
        vec![account(AccountChange::CreateUser { user: ana(""), system: false, manage_home: true })],
        vec![account(AccountChange::ModifyUser {
            from: bob.clone(),
            to: User { comment: "Bob".into(), password: Some(Blob::from("$6$x")), ..bob.clone() },
            manage_home: false,
        })],
        vec![account(AccountChange::CreateGroup {
            group: Group { name: "ops".into(), gid: Some(77), members: vec![] },
            system: true,
        })],
        vec![account(AccountChange::ModifyGroup {
            from: staff.clone(),
            to: Group { members: vec![], ..staff.clone() },
        })],
        vec![account(AccountChange::RemoveGroup { group: staff.clone() })],
        vec![
            account(AccountChange::ModifyGroup { from: staff.clone(), to: Group { members: vec![], ..staff } }),
            account(AccountChange::RemoveUser { user: bob, manage_home: true }),
        ],
    ] {
        let undone = there_and_back(&machine(), &operations);
        assert!(!undone.taken_back.is_empty(), "{operations:?}");
        assert_eq!((undone.stays, undone.unable), (Vec::new(), Vec::new()), "{operations:?}");
    }
}

#[test]
fn a_service_is_started_again_after_it_is_unmasked() {
    use ServiceVerb::{Mask, Start, Stop, Unmask};
    let running = machine().with_service("named", Enabled::Yes, Active::Yes);
    let mut masked = machine();
    masked.perform(&service(Mask)).unwrap();
    for (before, verbs) in [
        (machine(), vec![Start, Mask, Stop]),
        (running.clone(), vec![Mask, Stop]),
        (running, vec![Stop, Mask, Unmask, Start, Mask, Stop]),
        (masked, vec![Unmask, Start, Mask, Stop]),
    ] {
        let operations: Vec<_> = verbs.into_iter().map(service).collect();
        let undone = there_and_back(&before, &operations);
        assert_eq!(undone.failed, 0, "{operations:?}");
    }
}

#[test]
fn a_signal_stops_between_two_operations_and_the_rest_can_be_taken_back_later() {
    let (place, mut fake) = (Place::new(), machine());
    let run = place.run(&mut fake, &[write("/etc/a", "a", 0o644), write("/etc/b", "b", 0o644)]).unwrap();
    let plan = place.state.undo_plan(&run, &fake).unwrap();
    let asked = std::cell::Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        (asked.get() > 1).then_some(15)
    };
    let previous = place.state.previous().unwrap();
    let error = place.carry_out_until(&plan, &mut fake, &previous, false, &stop).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(15));
    assert!(fake.entry(Path::new("/etc/b")).unwrap().is_none());
    assert!(fake.entry(Path::new("/etc/a")).unwrap().is_some());
    assert_eq!(place.undo(&mut fake, &run, false).unwrap().taken_back, [1]);
    assert_eq!(fake.differences(&machine()), [""; 0]);
}

fn some_operation() -> impl Strategy<Value = Op> {
    let paths = [
        "/etc/motd",
        "/etc/new",
        "/etc/old",
        "/etc/old/a",
        "/etc/old/two",
        "/etc/current",
        "/srv/empty",
        "/srv/d",
        "/srv/d/e",
    ];
    let path = prop::sample::select(paths.to_vec());
    let mode = prop::sample::select(vec![0o600_u32, 0o644, 0o755]);
    let owner = prop::sample::select(vec!["root", "bob"]);
    let verbs = [
        ServiceVerb::Enable,
        ServiceVerb::Disable,
        ServiceVerb::Start,
        ServiceVerb::Stop,
        ServiceVerb::Restart,
        ServiceVerb::Mask,
        ServiceVerb::Unmask,
    ];
    prop_oneof![
        (path.clone(), "[a-c]{0,3}", mode.clone()).prop_map(|(path, text, mode)| write(path, &text, mode)),
        path.clone().prop_map(mkdir),
        (path.clone(), any::<bool>()).prop_map(|(path, recursive)| remove(path, recursive)),
        (path.clone(), prop::sample::select(vec!["a", "old"])).prop_map(|(path, target)| link(path, target)),
        (path, mode, owner).prop_map(|(path, mode, owner)| Op::SetMeta {
            path: path.into(),
            mode: Mode::from(mode),
            owner: owner.into(),
            group: "root".into(),
        }),
        prop::sample::select(verbs.to_vec()).prop_map(service),
        Just(Op::Account(AccountChange::CreateUser { user: ana(""), system: false, manage_home: true })),
        Just(Op::Account(AccountChange::RemoveUser { user: ana(""), manage_home: true })),
    ]
}

proptest! {
    #[test]
    fn undo_brings_back_any_run(operations in prop::collection::vec(some_operation(), 1..12)) {
        there_and_back(&machine(), &operations);
    }
}

fn debt(by: &str) -> Debt {
    Debt { by: by.into(), to: "service[named]".into(), action: "restart".into(), run_list: Vec::new() }
}

/// A run that is cut off while it writes the second of two files, each of which owes a restart.
fn cut_off(place: &Place, fake: &mut Fake) -> String {
    let mut recorder = place.begin();
    let mut ledger = recorder.clone();
    for (name, text) in [("/etc/one", "1"), ("/etc/two", "2")] {
        let resource = format!("file[{name}]");
        ledger.begin(&resource, "create", &[debt(&resource)]).unwrap();
        Journal::new(fake, &mut recorder).perform(&write(name, text, 0o644)).unwrap();
        if text == "1" {
            ledger.end(&resource, "create", true).unwrap();
        }
    }
    recorder.run().unwrap()
}

#[test]
fn a_journal_cut_anywhere_keeps_its_promises() {
    let place = Place::new();
    let run = cut_off(&place, &mut machine());
    let bytes = std::fs::read(place.journal(&run)).unwrap();
    let at = |needle: &str, from: usize| {
        let text = std::str::from_utf8(&bytes).unwrap();
        from + text[from..].find(needle).unwrap()
    };
    let line_end = |from: usize| from + bytes[from..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let first = line_end(at(r#"{"line":"op","number":1"#, 0));
    let second = line_end(at(r#"{"line":"op","number":2"#, 0));
    for length in 0..=bytes.len() {
        match Record::read(&run, &bytes[..length]) {
            Ok(record) => {
                let mut owed = Vec::new();
                owed.extend((length >= first).then(|| debt("file[/etc/one]")));
                owed.extend((length >= second).then(|| debt("file[/etc/two]")));
                assert_eq!(record.owed, owed, "cut at {length}");
                assert_eq!(record.damage, None, "cut at {length}");
            }
            Err(unreadable) => {
                assert_eq!(unreadable, Unreadable::NoHeader);
                assert!(length < line_end(0));
            }
        }
        // Whatever is left, the next run begins.
        std::fs::write(place.journal(&run), &bytes[..length]).unwrap();
        let previous = place.state.previous().unwrap();
        assert_eq!(previous.owed.len(), usize::from(length >= first) + usize::from(length >= second));
        assert_eq!(previous.stopped_at().is_some(), length >= line_end(0));
    }
    let previous = place.state.previous().unwrap();
    assert_eq!(previous.stopped_at(), Some(format!("run {run} was cut off at file[/etc/two] (create)")));
    assert!(previous.unfinished_paths().is_empty(), "the operation itself had ended");
}

#[test]
fn a_notice_is_owed_until_it_is_settled_over_any_number_of_runs() {
    let (place, mut fake) = (Place::new(), machine());
    cut_off(&place, &mut fake);
    // The next run is cut off, too, before it settles anything.
    let mut recorder = place.begin();
    Journal::new(&mut fake, &mut recorder).perform(&write("/etc/three", "3", 0o644)).unwrap();
    drop(recorder);
    let owed = place.state.previous().unwrap().owed;
    assert_eq!(owed, [debt("file[/etc/one]"), debt("file[/etc/two]")]);
    let mut third = place.begin();
    third.settle(&owed[0]).unwrap();
    third.finish(Err("it failed"), fake.now()).unwrap();
    assert_eq!(place.state.previous().unwrap().owed, owed[1..]);
    let mut fourth = place.begin();
    fourth.settle(&owed[1]).unwrap();
    fourth.finish(Ok(&Summary::default()), fake.now()).unwrap();
    let previous = place.state.previous().unwrap();
    assert_eq!((previous.owed.len(), previous.stopped_at()), (0, None));
}

#[test]
fn what_is_owed_goes_with_the_run_list_that_promised_it() {
    let (place, mut fake) = (Place::new(), machine());
    let owes = [debt("file[/etc/motd]")];
    let mut recorder = place.begin_of(&["web::default"]);
    let mut ledger = recorder.clone();
    ledger.begin("file[/etc/motd]", "create", &owes).unwrap();
    Journal::new(&mut fake, &mut recorder).perform(&write("/etc/motd", "x", 0o644)).unwrap();
    drop((recorder, ledger));
    let of_web = [Debt { run_list: vec!["web::default".into()], ..owes[0].clone() }];
    assert_eq!(place.state.previous().unwrap().owed, of_web);
    // A run of something else keeps it, and owes the same because of itself.
    let mut recorder = place.begin_of(&["db::default"]);
    let mut ledger = recorder.clone();
    ledger.begin("file[/etc/motd]", "create", &owes).unwrap();
    Journal::new(&mut fake, &mut recorder).perform(&write("/etc/motd", "y", 0o644)).unwrap();
    let of_db = Debt { run_list: vec!["db::default".into()], ..owes[0].clone() };
    assert_eq!(place.state.previous().unwrap().owed, [of_web[0].clone(), of_db]);
    ledger.settle(&owes[0]).unwrap();
    recorder.finish(Ok(&Summary::default()), fake.now()).unwrap();
    assert_eq!(place.state.previous().unwrap().owed, of_web);
    let mut recorder = place.begin_of(&["web::default"]);
    recorder.settle(&of_web[0]).unwrap();
    recorder.finish(Ok(&Summary::default()), fake.now()).unwrap();
    assert_eq!(place.state.previous().unwrap().owed, []);
}

/// A composite of two files, whose change restarts a service at the end; and a file after it.
fn site(r: &mut crate::recipe::Recipe) -> Result<()> {
    use crate::{
        recipe::{Composite, Declare as _, Recipe, Timing},
        resources::prelude::{File, Service, service},
    };
    struct Site;
    impl Composite for Site {
        const KIND: &'static str = "site";
        fn name(&self) -> String {
            "x".to_owned()
        }
        fn declare(&self, r: &mut Recipe) -> Result<()> {
            r.add(File::at("/etc/one").content("1"));
            r.add(File::at("/etc/two").content("2"));
            Ok(())
        }
    }
    let site = r.compose(Site)?;
    r.add(Service::named("named").subscribes(service::Restart, site, Timing::Delayed));
    r.add(File::at("/etc/three").content("3"));
    Ok(())
}

#[test]
fn what_a_composite_promises_is_owed_from_its_first_part_on() {
    use crate::{
        compile_function,
        converge::Context,
        facts::Facts,
        node::{Attributes, Node},
    };
    let place = Place::new();
    let mut fake = machine();
    let run = {
        let pretend = fake.clone();
        let node = Node::new("test", None, Attributes::default(), Facts::new(&pretend));
        compile_function(&node, "test::site", site).unwrap()
    };
    let mut recorder = place.begin();
    let mut ledger = recorder.clone();
    let counter = recorder.clone();
    let mut journal = Journal::new(&mut fake, &mut recorder);
    let context = Context { ledger: &mut ledger, listen: &mut |_| {}, owed: Vec::new(), stop: &|| None };
    let summary = run.converge(&mut journal, context).unwrap();
    let name = counter.run().unwrap();
    let bytes = std::fs::read(place.journal(&name)).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let line_end = |needle: &str| {
        let at = text.find(needle).unwrap();
        at + text[at..].find('\n').unwrap() + 1
    };
    let first = line_end(r#"{"line":"op","number":1"#);
    let settled = text.rfind(r#"{"line":"settle""#).unwrap();
    let settled = settled + text[settled..].find('\n').unwrap() + 1;
    for length in line_end("")..=bytes.len() {
        let owed = Record::read(&name, &bytes[..length]).unwrap().owed;
        let expected = length >= first && length < settled;
        assert_eq!(owed.contains(&debt("site[x]")), expected, "cut at {length} of {}: {text}", bytes.len());
        assert!(owed.len() <= 1, "{owed:?}");
    }
    counter.finish(Ok(&summary), machine().now()).unwrap();
    assert_eq!(place.state.previous().unwrap().owed, []);
}

#[test]
fn a_batch_that_fails_and_is_repeated_owes_no_more_than_it_settles() {
    let (place, mut fake) = (Place::new(), machine());
    let mut recorder = place.begin();
    let mut ledger = recorder.clone();
    let owes = [debt("package[a]")];
    ledger.begin("package[a]", "install", &owes).unwrap();
    Journal::new(&mut fake, &mut recorder).perform(&install("nonesuch")).unwrap_err();
    ledger.begin("package[a]", "install", &owes).unwrap();
    Journal::new(&mut fake, &mut recorder).perform(&install("bind9")).unwrap();
    ledger.end("package[a]", "install", true).unwrap();
    ledger.settle(&owes[0]).unwrap();
    drop((recorder, ledger));
    assert_eq!(place.state.previous().unwrap().owed, []);
}

#[test]
fn operations_are_those_of_every_step_they_were_done_for() {
    use crate::{
        compile_function,
        converge::Context,
        facts::Facts,
        node::{Attributes, Node},
        recipe::Recipe,
        resources::prelude::{File, Package},
    };
    fn recipe(r: &mut Recipe) -> Result<()> {
        for name in ["a", "b", "c"] {
            r.add(Package::named(name));
        }
        r.add(File::at("/etc/one").content("1"));
        r.add(File::at("/etc/two").content("2"));
        Ok(())
    }
    let place = Place::new();
    let packages = |fake: Fake| fake.with_candidate("a", "1").with_candidate("b", "1").with_candidate("c", "1");
    let mut fake = packages(machine());
    let node = Node::new("test", None, Attributes::default(), Facts::new(&fake));
    let run = compile_function(&node, "test", recipe).unwrap();
    drop(node);
    let mut recorder = place.begin();
    let mut ledger = recorder.clone();
    let counter = recorder.clone();
    let context = Context { ledger: &mut ledger, listen: &mut |_| {}, owed: Vec::new(), stop: &|| None };
    let summary = run.converge(&mut Journal::new(&mut fake, &mut recorder), context).unwrap();
    counter.finish(Ok(&summary), fake.now()).unwrap();
    let record = place.state.show("last").unwrap();
    let steps = |op: &super::Operation| op.steps.iter().map(|step| step.resource.clone()).collect::<Vec<_>>().join(" ");
    let shown: Vec<_> = record.operations.iter().map(steps).collect();
    assert_eq!(shown, ["package[a] package[b] package[c]", "file[/etc/one]", "file[/etc/two]"]);
}

#[test]
fn a_run_that_changes_nothing_leaves_a_line_of_history_and_no_journal() {
    let place = Place::new();
    assert_eq!(
        place.begin().finish(Ok(&Summary { up_to_date: 3, ..Summary::default() }), Fake::new().now()).unwrap(),
        None
    );
    let mut fake = machine();
    let run = place.run(&mut fake, &[write("/etc/motd", "x", 0o644)]).unwrap();
    assert_eq!(place.begin().finish(Err("no"), Fake::new().now()).unwrap(), None);
    assert_eq!(run, "000001-20231114221320");
    let history = place.state.history().unwrap();
    let shown: Vec<_> = history.iter().map(|past| (past.run.is_some(), past.summary.map(|s| s.up_to_date))).collect();
    assert_eq!(shown, [(false, Some(3)), (true, Some(0)), (false, None)]);
    assert_eq!(place.state.show("last").unwrap().name, run);
    assert_eq!(place.state.show("1").unwrap().operations.len(), 1);
    assert_eq!(place.state.show("7").unwrap_err().to_string(), "there is no run `7`");
}

#[test]
fn what_was_changed_since_is_not_lost_unless_forced() {
    let (place, mut fake) = (Place::new(), machine());
    let run = place
        .run(&mut fake, &[write("/etc/motd", "ours", 0o644), mkdir("/srv/d"), write("/etc/new", "n", 0o644)])
        .unwrap();
    for change in [
        write("/etc/motd", "theirs", 0o644),
        write("/srv/d/file", "theirs", 0o644),
        Op::SetMeta { path: "/etc/new".into(), mode: Mode::from(0o600), owner: "root".into(), group: "root".into() },
    ] {
        fake.perform(&change).unwrap();
    }
    let changed = fake.clone();
    let error = place.undo(&mut fake, &run, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "run {run} is not taken back, for what was changed since would be lost:\n\
             `/etc/new` was changed since: mode 0644 -> 0600\n\
             `/srv/d` holds `file`, which the run did not put there\n\
             `/etc/motd` was changed since: its content is another"
        )
    );
    assert_eq!(fake, changed);
    let undone = place.undo(&mut fake, &run, true).unwrap();
    assert_eq!(undone.stays, ["`/srv/d` stays: there are things in it that brasa did not put there"]);
    assert_eq!(fake.entry(Path::new("/etc/new")).unwrap(), None);
    let EntryKind::File { content } = fake.entry(Path::new("/etc/motd")).unwrap().unwrap().kind else { panic!() };
    assert_eq!(content, Blob::from("welcome\n"));
    // Forced or not, it can be taken back in its turn.
    place.undo(&mut fake, "last", false).unwrap();
    assert_eq!(fake, changed);
}

#[test]
fn a_home_that_its_user_has_used_is_not_removed_unless_forced() {
    let before = machine().with_file("/etc/skel/.profile", "hello").with_file("/etc/skel/.config/x", "y");
    let create = || Op::Account(AccountChange::CreateUser { user: ana(""), system: false, manage_home: true });
    // What the run itself put there goes with it.
    let undone = there_and_back(&before, &[create(), write("/home/ana/.ours", "x", 0o600)]);
    assert_eq!(undone.failed, 0);
    let (place, mut fake) = (Place::new(), before.clone());
    let run = place.run(&mut fake, &[create()]).unwrap();
    assert_eq!(place.state.undo_plan(&run, &fake).unwrap().conflicts, []);
    let made = std::fs::read_to_string(place.journal(&run)).unwrap();
    fake.perform(&remove("/home/ana/.config", true)).unwrap();
    assert_eq!(place.state.undo_plan(&run, &fake).unwrap().conflicts, [], "what is gone is not lost");
    fake.perform(&write("/home/ana/.profile", "mine", 0o644)).unwrap();
    fake.perform(&write("/home/ana/thesis", "years", 0o644)).unwrap();
    let used = fake.clone();
    let error = place.undo(&mut fake, &run, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "run {run} is not taken back, for what was changed since would be lost:\n\
             `/home/ana/.profile` was changed since: its content is another\n\
             `/home/ana` holds `thesis`, which the run did not put there"
        )
    );
    assert_eq!(fake, used);
    let plan = place.state.undo_plan(&run, &fake).unwrap();
    assert_eq!((plan.items[0].grade, plan.items[0].note.is_some()), (Grade::BestEffort, true));
    // A journal of an earlier version does not say what the home held: what is as in /etc/skel was put there by useradd.
    let line = |text: &str, from: &str| text.lines().position(|line| line.starts_with(from)).unwrap();
    let done = line(&made, r#"{"line":"done""#);
    let old: Vec<_> = made
        .lines()
        .enumerate()
        .map(|(n, text)| if n == done { r#"{"line":"done","number":1}"# } else { text })
        .collect();
    std::fs::write(place.journal(&run), old.join("\n") + "\n").unwrap();
    let told: Vec<_> = place.state.undo_plan(&run, &fake).unwrap().conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["`/home/ana` holds `.profile` and 1 more, which the run did not put there"]);
    std::fs::write(place.journal(&run), made).unwrap();
    place.undo(&mut fake, &run, true).unwrap();
    assert_eq!(fake.entry(Path::new("/home/ana")).unwrap(), None);
}

#[test]
fn mail_that_has_come_is_not_lost() {
    let (place, mut fake) = (Place::new(), machine().with_directory("/var/mail"));
    let create = Op::Account(AccountChange::CreateUser { user: ana(""), system: false, manage_home: true });
    let run = place.run(&mut fake, &[create]).unwrap();
    fake.perform(&write("/var/mail/ana", "dear", 0o600)).unwrap();
    let error = place.undo(&mut fake, &run, false).unwrap_err();
    assert!(error.to_string().ends_with("`/var/mail/ana` holds mail, which came since"), "{error}");
}

#[test]
fn mail_comes_back_with_its_account() {
    let letter = Entry {
        kind: EntryKind::File { content: Blob::from("dear") },
        mode: Mode::from(0o660),
        owner: "bob".into(),
        group: "staff".into(),
    };
    let before = machine().with_entry("/var/mail/bob", letter);
    let bob = before.user("bob").unwrap().unwrap();
    let remove = Op::Account(AccountChange::RemoveUser { user: bob, manage_home: true });
    let (place, mut fake) = (Place::new(), before.clone());
    let run = place.run(&mut fake, std::slice::from_ref(&remove)).unwrap();
    assert_eq!(fake.entry(Path::new("/var/mail/bob")).unwrap(), None);
    place.undo(&mut fake, &run, false).unwrap();
    assert_eq!(fake.entry(Path::new("/var/mail/bob")).unwrap(), before.entry(Path::new("/var/mail/bob")).unwrap());
    // What no operation is about is told.
    let (place, mut fake) = (Place::new(), before.with_file("/etc/subuid", "bob:100000:65536\n"));
    let run = place.run(&mut fake, &[remove]).unwrap();
    let plan = place.state.undo_plan(&run, &fake).unwrap();
    let told = plan.items.iter().map(|item| (item.grade, item.note.as_deref())).collect::<Vec<_>>();
    assert_eq!(told, [(Grade::BestEffort, Some("of user `bob` stays lost: its ranges in `/etc/subuid`"))]);
}

#[test]
fn a_group_comes_back_without_members_that_nobody_knows() {
    let staff = Group { name: "staff".into(), gid: Some(50), members: vec!["bob".into(), "ghost".into()] };
    for change in [
        AccountChange::RemoveGroup { group: staff.clone() },
        AccountChange::ModifyGroup { from: staff.clone(), to: Group { members: Vec::new(), ..staff } },
    ] {
        let (place, mut fake) = (Place::new(), machine().with_members("staff", ["ghost"]));
        let run = place.run(&mut fake, &[Op::Account(change)]).unwrap();
        let plan = place.state.undo_plan(&run, &fake).unwrap();
        let told = plan.items.iter().map(|item| (item.grade, item.note.as_deref())).collect::<Vec<_>>();
        let why = "no members of group `staff` again: `ghost`, for no account is named so";
        assert_eq!(told, [(Grade::BestEffort, Some(why))]);
        place.undo(&mut fake, &run, false).unwrap();
        assert_eq!(fake.group("staff").unwrap().unwrap().members, ["bob"]);
    }
}

#[test]
fn a_plan_to_undo_says_what_it_can_do() {
    let (place, mut fake) = (Place::new(), machine().package_brings("bind9", Brings::new().service("bind")));
    let secret = Command { sensitive: true, ..Command::new(["login", "s3cret-canary"]) };
    let spoken =
        Command { environment: [("TOKEN".to_owned(), "t0ken-canary".to_owned())].into(), ..Command::new(["make"]) };
    let operations = [install("bind9"), write("/etc/motd", "f1le-canary", 0o600), Op::Run(secret), Op::Run(spoken)];
    let run = place.run(&mut fake, &operations).unwrap();
    let plan = place.state.undo_plan(&run, &fake).unwrap();
    let shown: Vec<_> = plan.items.iter().map(|item| (item.grade, item.operations.len())).collect();
    assert_eq!(shown, [(Grade::Impossible, 0), (Grade::Impossible, 0), (Grade::Exact, 1), (Grade::BestEffort, 1)]);
    assert_eq!(plan.count(Grade::Impossible), 2);
    let undone = place.carry_out(&plan, &mut fake, false).unwrap();
    assert_eq!(undone.taken_back, [2, 1]);
    assert_eq!(undone.stays.len(), 2);
    assert!(undone.stays.iter().any(|stays| stays.contains("`(sensitive)`")), "{:?}", undone.stays);
    assert!(!fake.packages(&Provider::Platform, &["bind9".into()]).unwrap()[0].present());
    let kept = std::fs::read_to_string(place.journal(&run)).unwrap();
    assert!(!kept.contains("canary"), "{kept}");
}

#[test]
fn services_that_read_what_is_taken_back_are_told() {
    let place = Place::new();
    let mut fake = machine().with_service("named", Enabled::Yes, Active::Yes);
    let run = place.run(&mut fake, &[write("/etc/motd", "x", 0o644), service(ServiceVerb::Restart)]).unwrap();
    fake.forget_events();
    place.undo(&mut fake, &run, false).unwrap();
    assert_eq!(fake.service_events(), [("named".to_owned(), ServiceVerb::Restart)]);
}

#[test]
fn a_newer_form_is_refused_and_a_broken_one_set_aside() {
    let (place, mut fake) = (Place::new(), machine());
    let first = place.run(&mut fake, &[write("/etc/motd", "1", 0o644)]).unwrap();
    let second = place.run(&mut fake, &[write("/etc/motd", "2", 0o644)]).unwrap();
    let good = std::fs::read_to_string(place.journal(&second)).unwrap();
    std::fs::write(place.journal(&second), good.replace("\"schema_version\":1", "\"schema_version\":9")).unwrap();
    let error = place.state.previous().unwrap_err();
    assert!(error.to_string().contains("was written by a newer brasa (form 9, this one knows 1)"), "{error}");
    assert_eq!(error.hints(), ["use that newer version"]);

    std::fs::write(place.journal(&second), "\0\0not a journal\n").unwrap();
    let previous = place.state.previous().unwrap();
    assert_eq!(
        previous.warnings,
        [format!("run {second}: the first line of its journal is damaged; it is set aside in `quarantine`")]
    );
    let third = place.run(&mut fake, &[write("/etc/motd", "3", 0o644)]).unwrap();
    assert!(third.starts_with("000003-"), "{third}");
    assert!(place.state.path().join("quarantine").join(&second).is_dir());
    assert!(place.state.previous().unwrap().warnings.is_empty());

    let mut lines: Vec<_> = good.lines().collect();
    lines[1] = "garbage";
    std::fs::write(place.journal(&first), lines.join("\n") + "\n").unwrap();
    let error = place.undo(&mut fake, &first, true).unwrap_err();
    assert!(error.to_string().ends_with("line 2 of its journal is damaged"), "{error}");
}

#[test]
fn old_runs_and_their_contents_are_forgotten() {
    let mut place = Place::new();
    place.state = place.state.keep(3);
    let mut fake = machine();
    for n in 0..6 {
        place.run(&mut fake, &[write("/etc/motd", &format!("text {n}"), 0o644)]).unwrap();
    }
    let runs: Vec<_> = place.state.history().unwrap().into_iter().filter_map(|past| past.run).collect();
    assert_eq!(runs.iter().map(|run| &run[..6]).collect::<Vec<_>>(), ["000004", "000005", "000006"]);
    let stored: Vec<_> = std::fs::read_dir(place.state.path().join("store")).unwrap().collect();
    assert_eq!(stored.len(), 3, "what each of the three replaced");
    place.undo(&mut fake, "last", false).unwrap();
    let EntryKind::File { content } = fake.entry(Path::new("/etc/motd")).unwrap().unwrap().kind else { panic!() };
    assert_eq!(content, Blob::from("text 4"));
}

#[test]
fn a_run_that_owes_is_never_forgotten() {
    let mut place = Place::new();
    place.state = place.state.keep(2);
    let mut fake = machine();
    let owing = cut_off(&place, &mut fake);
    for n in 0..4 {
        place.run(&mut fake, &[write("/etc/motd", &format!("text {n}"), 0o644)]).unwrap();
    }
    assert_eq!(place.state.show("1").unwrap().name, owing);
    assert_eq!(place.state.previous().unwrap().owed.len(), 2);
}

#[test]
fn only_one_run_at_a_time() {
    let place = Place::new();
    let held = place.lock();
    let error = std::thread::scope(|scope| scope.spawn(|| place.try_lock().err()).join().unwrap()).unwrap();
    assert_eq!(error.kind(), Kind::Busy);
    let own = std::process::id();
    let Error::Busy { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*holder, format!("process {own} (`brasa converge`), started at 20231114221320 UTC"));
    drop(held);
    place.lock();
}

#[test]
fn state_that_others_can_write_is_not_trusted() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::new();
    let elsewhere = place.directory.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, place.state.path()).unwrap();
    assert!(place.state.previous().unwrap_err().to_string().ends_with("is no directory, so nothing can be kept in it"));
    std::fs::remove_file(place.state.path()).unwrap();
    let run = place.run(&mut machine(), &[write("/etc/motd", "x", 0o644)]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let journal = place.journal(&run);
    assert_eq!([place.state.path(), journal.parent().unwrap(), &journal].map(mode), [0o700, 0o700, 0o600]);
    let stored = std::fs::read_dir(place.state.path().join("store")).unwrap().next().unwrap().unwrap();
    assert_eq!(mode(&stored.path()), 0o600);
    // Its own content shows that it is brasa's, and what can be read by others is closed again.
    std::fs::set_permissions(place.state.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    place.run(&mut machine(), &[write("/etc/motd", "y", 0o644)]).unwrap();
    assert_eq!(mode(place.state.path()), 0o700);
    std::fs::set_permissions(place.state.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = place.try_lock().err().unwrap();
    assert!(error.to_string().contains("others can write to it (mode 0777)"), "{error}");
    assert_eq!(mode(place.state.path()), 0o777);
}

#[test]
fn directories_of_others_are_left_as_they_are() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let now = Fake::new().now();
    let take = |state: &State, lock: &Path| state.lock(lock, "brasa", now, Seconds(0), &mut |_, _| {});
    for (name, bits) in [("tmp", 0o1777), ("run", 0o755)] {
        let shared = directory.path().join(name);
        std::fs::create_dir(&shared).unwrap();
        std::fs::write(shared.join("theirs"), "").unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(bits)).unwrap();
        let own = State::at(directory.path().join("own"));
        drop(take(&own, &shared.join("chef-solo.lock")).unwrap());
        drop(take(&own, &shared.join("made/lock")).unwrap());
        assert_eq!((mode(&shared), mode(&shared.join("made"))), (bits, 0o700));
        let error = take(&State::at(&shared), &shared.join("lock")).err().unwrap();
        assert_eq!(error.kind(), Kind::Input, "{error}");
        assert!(error.to_string().contains("cannot be the state directory"), "{error}");
        assert_eq!((mode(&shared), shared.join("lock").exists()), (bits, false));
    }
}

#[test]
fn a_lock_is_a_file_of_our_own() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("theirs"), "precious").unwrap();
    symlink(at("theirs"), at("link")).unwrap();
    std::fs::hard_link(at("theirs"), at("second")).unwrap();
    let state = State::at(at("own"));
    std::fs::write(at("hosts"), "127.0.0.1 localhost\n").unwrap();
    for (name, why) in [
        ("link", "it is a symbolic link"),
        ("second", "it is no file of its own"),
        ("hosts", "it holds something else"),
    ] {
        let error = state.lock(&at(name), "brasa", Fake::new().now(), Seconds(0), &mut |_, _| {}).err().unwrap();
        assert_eq!(error.kind(), Kind::Input);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(std::fs::read_to_string(at("theirs")).unwrap(), "precious");
    assert_eq!(std::fs::read_to_string(at("hosts")).unwrap(), "127.0.0.1 localhost\n");
    for left in ["4711\n", "process 4711 (`brasa converge`), started at 20231114221320 UTC"] {
        std::fs::write(at("left"), left).unwrap();
        state.lock(&at("left"), "brasa", Fake::new().now(), Seconds(0), &mut |_, _| {}).unwrap();
    }
}

#[test]
fn a_failing_undo_tells_how_far_it_came() {
    let (place, mut fake) = (Place::new(), machine());
    let run = place.run(&mut fake, &[write("/etc/motd", "x", 0o644), write("/srv/empty/file", "x", 0o644)]).unwrap();
    let mut fake = fake.with_read_only("/etc");
    let error = place.undo(&mut fake, &run, false).unwrap_err();
    assert!(error.to_string().contains("mounted read-only"), "{error}");
    let plan = place.state.undo_plan(&run, &fake).unwrap();
    assert_eq!(plan.items.iter().map(|item| item.number).collect::<Vec<_>>(), [1], "the other one is taken back");
    assert_eq!(place.state.previous().unwrap().stopped_at(), None);
}

#[test]
fn a_look_ahead_tells_whether_converging_is_needed() {
    use super::{Preflight, preflight};
    use crate::{
        compile_function,
        facts::Facts,
        node::{Attributes, Node},
        recipe::{Declare as _, Recipe, shell},
        resources::prelude::File,
    };
    let ahead = |recipe: fn(&mut Recipe) -> Result<()>, fake: &Fake, owed: &[Debt]| {
        let node = Node::new("test", None, Attributes::default(), Facts::new(fake));
        let run = compile_function(&node, "test::ahead", recipe).unwrap();
        preflight(&run, fake, owed, &mut |_| {})
    };
    fn one_file(r: &mut Recipe) -> Result<()> {
        r.add(File::at("/etc/motd").content("welcome\n"));
        Ok(())
    }
    fn guarded(r: &mut Recipe) -> Result<()> {
        r.add(File::at("/etc/motd").content("welcome\n").only_if(shell("false")));
        Ok(())
    }
    fn late_mistake(r: &mut Recipe) -> Result<()> {
        r.add(File::at("/etc/new").content("x"));
        r.add(File::at("/nowhere/at/all").content("x"));
        r.add(File::at("/etc/another").content("x"));
        r.add(File::at("/not/here/either").content("x"));
        Ok(())
    }
    let fake = machine();
    assert!(matches!(ahead(one_file, &fake, &[]), Preflight::UpToDate(Summary { up_to_date: 1, .. })));
    assert!(matches!(ahead(one_file, &fake, &[debt("file[x]")]), Preflight::Converge));
    assert!(matches!(ahead(one_file, &Fake::new().with_directory("/etc"), &[]), Preflight::Converge));
    assert!(matches!(ahead(guarded, &fake, &[]), Preflight::Converge), "the guard is asked only when converging");
    assert!(fake.asked().is_empty());
    let Preflight::Refused(error) = ahead(late_mistake, &fake, &[]) else { panic!() };
    for named in ["`/nowhere/at`", "`/not/here`"] {
        assert!(error.to_string().contains(named), "every failure at once: {error}");
    }
    assert_eq!(fake, machine());
}
