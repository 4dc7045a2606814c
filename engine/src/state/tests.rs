use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{Previous, Record, Recorder, RunLock, State, UndoPlan, Undone, record::Unreadable};
use crate::{
    Error, Kind, Result,
    converge::Ledger,
    event::{Debt, Summary},
    host::{
        AccountChange, Active, Brings, Command, Enabled, EntryKind, Fake, Grade, Group, Host, Journal, Op, PackageSpec,
        Probe, Provider, ServiceVerb, Transaction, User, Write,
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
        let previous = self.state.previous().unwrap();
        self.state.begin(&self.lock(), "brasa converge", &previous, Fake::new().now()).unwrap()
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
        self.state.undo(plan, fake, &self.lock(), "brasa undo", &previous, force)
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
    transaction.install.push(PackageSpec { name: name.into(), version: None });
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
        vec![service(ServiceVerb::Start), service(ServiceVerb::Restart), service(ServiceVerb::Stop)],
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
        assert_eq!(undone.stays, [""; 0], "{operations:?}");
    }
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
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn undo_brings_back_any_run(operations in prop::collection::vec(some_operation(), 1..12)) {
        there_and_back(&machine(), &operations);
    }
}
