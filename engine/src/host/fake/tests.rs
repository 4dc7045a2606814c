use std::path::Path;

use super::{Brings, Fake, Start};
use crate::{
    Error, Result,
    host::{
        AccountChange, Active, Command, Enabled, Entry, EntryKind, Group, Host, Init, Op, PackageSpec, Probe, Provider,
        Request, ServiceState, ServiceVerb, Transaction, User, Write,
    },
    values::{Blob, Digest, Mode, Seconds},
};

fn write(path: &str, content: &str) -> Op {
    Op::Write(Write {
        path: path.into(),
        content: content.into(),
        mode: Mode::from(0o640),
        owner: "root".to_owned(),
        group: "0".to_owned(),
        backup: 5,
        verify: Vec::new(),
        sensitive: false,
    })
}

fn mkdir(path: &str) -> Op {
    Op::Mkdir { path: path.into(), mode: Mode::from(0o755), owner: "root".into(), group: "root".into() }
}

fn link(path: &str, target: &str, hard: bool) -> Op {
    Op::Link { path: path.into(), target: target.into(), hard }
}

fn remove(path: &str, recursive: bool) -> Op {
    Op::Remove { path: path.into(), recursive, backup: 0 }
}

fn service(unit: &str, verb: ServiceVerb) -> Op {
    Op::Service { unit: unit.to_owned(), verb }
}

fn install(names: &[&str]) -> Op {
    let spec = |name: &&str| PackageSpec::any(name);
    Op::Packages(Transaction { install: names.iter().map(spec).collect(), ..Transaction::new(Provider::Platform) })
}

/// What a failed operation says; it must leave no trace.
fn refusal(fake: &Fake, op: Op) -> String {
    let mut after = fake.clone();
    let said = after.perform(&op).expect_err("it must be refused").to_string();
    assert_eq!(after.differences(fake), Vec::<String>::new(), "{op:?}");
    said
}

fn text(fake: &Fake, path: &str) -> Option<String> {
    match fake.entry(Path::new(path)).unwrap()?.kind {
        EntryKind::File { content } => Some(String::from_utf8(content.bytes()?.to_vec()).unwrap()),
        EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. } => None,
    }
}

#[test]
fn files_are_written_where_there_is_a_directory_and_nothing_else_in_the_way() -> Result<()> {
    let mut fake = Fake::new().with_directory("/etc").with_link("/etc/link", "motd");
    fake.perform(&write("/etc/motd", "one"))?;
    fake.perform(&write("/etc/motd", "two"))?;
    assert_eq!(text(&fake, "/etc/motd").as_deref(), Some("two"));
    assert_eq!(fake.entry("/etc/motd".as_ref())?.map(|e| (e.mode, e.group)), Some((Mode::from(0o640), "root".into())));
    assert_eq!(
        [
            refusal(&fake, write("/srv/a/b", "")),
            refusal(&fake, write("/etc/link", "")),
            refusal(&fake, write("/etc", "")),
            refusal(&fake, write("/etc/motd/x", "")),
            refusal(&fake, mkdir("/etc/a/b")),
            refusal(&fake, mkdir("/etc")),
        ],
        [
            "directory `/srv/a` does not exist: cannot write `/srv/a/b`",
            "cannot write `/etc/link`: it is a symbolic link",
            "cannot write `/etc`: is a directory",
            "cannot write `/etc/motd/x`: not a directory",
            "directory `/etc/a` does not exist: cannot make directory `/etc/a/b`",
            "cannot make directory `/etc`: entity already exists",
        ]
    );
    Ok(())
}

#[test]
fn links_are_followed_in_directories_and_never_at_the_end() -> Result<()> {
    let mut fake = Fake::new().with_directory("/usr/bin").with_link("/bin", "usr/bin").with_link("/loop", "loop");
    fake.perform(&write("/bin/x", "x"))?;
    assert_eq!(text(&fake, "/usr/bin/x").as_deref(), Some("x"));
    assert_eq!(text(&fake, "/bin/../bin/x").as_deref(), Some("x"));
    assert_eq!(fake.list("/bin".as_ref())?, ["x"]);
    assert!(matches!(fake.entry("/bin".as_ref())?.map(|e| e.kind), Some(EntryKind::Link { .. })));
    assert!(fake.entry("/loop/x".as_ref()).is_err());
    fake.perform(&link("/bin/x2", "x", false))?;
    fake.perform(&link("/bin/x2", "y", false))?;
    assert_eq!(refusal(&fake, link("/bin/x", "y", false)), "cannot link `/bin/x`: entity already exists");
    Ok(())
}

#[test]
fn hard_links_share_mode_and_owner_until_one_is_replaced() -> Result<()> {
    let mut fake = Fake::new().with_file("/a", "a").with_user("ana", 1000);
    fake.perform(&link("/b", "/a", true))?;
    let meta = |path: &str, mode| Op::SetMeta {
        path: path.into(),
        mode: Mode::from(mode),
        owner: "ana".into(),
        group: "1000".into(),
    };
    fake.perform(&meta("/b", 0o600))?;
    let entry = fake.entry("/a".as_ref())?.unwrap();
    assert_eq!((entry.mode, entry.owner.as_str(), entry.group.as_str()), (Mode::from(0o600), "ana", "ana"));
    fake.perform(&write("/b", "b"))?;
    fake.perform(&meta("/a", 0o644))?;
    assert_eq!(fake.entry("/b".as_ref())?.unwrap().mode, Mode::from(0o640));
    assert!(refusal(&fake, link("/c", "/nowhere", true)).starts_with("cannot link `/nowhere`"));
    Ok(())
}

#[test]
fn only_an_empty_directory_goes_alone() -> Result<()> {
    let mut fake = Fake::new().with_file("/srv/a/b", "").with_file("/srv/a.b", "");
    assert_eq!(refusal(&fake, remove("/srv/a", false)), "cannot remove `/srv/a`: directory not empty");
    assert!(fake.perform(&remove("/", true)).is_err());
    fake.perform(&remove("/srv/a", true))?;
    assert_eq!(fake.list("/srv".as_ref())?, ["a.b"]);
    assert_eq!(refusal(&fake, remove("/srv/a", true)), "cannot remove `/srv/a`: entity not found");
    fake.perform(&remove("/srv/a.b", false))?;
    fake.perform(&remove("/srv", false))?;
    assert_eq!(fake.list("/".as_ref())?, [""; 0]);
    Ok(())
}

#[test]
fn owners_have_to_exist_unless_they_are_numbers() -> Result<()> {
    let mut fake = Fake::new();
    let own = |owner: &str, group: &str| Op::Mkdir {
        path: "/srv".into(),
        mode: Mode::from(0o700),
        owner: owner.into(),
        group: group.into(),
    };
    assert_eq!(refusal(&fake, own("nobody", "root")), "user `nobody` does not exist");
    assert_eq!(refusal(&fake, own("root", "wheel")), "group `wheel` does not exist");
    fake.perform(&own("4711", "0"))?;
    let entry = fake.entry("/srv".as_ref())?.unwrap();
    assert_eq!((entry.owner.as_str(), entry.group.as_str()), ("4711", "root"));
    Ok(())
}

#[test]
fn a_read_only_directory_and_an_unreadable_path_say_so() {
    let fake = Fake::new().with_directory("/ro").with_read_only("/ro").with_file("/s", "").with_unreadable("/s");
    assert_eq!(refusal(&fake, write("/ro/x", "")), "cannot write `/ro/x`: the file system is mounted read-only");
    assert_eq!(fake.entry("/s".as_ref()).unwrap_err().to_string(), "cannot read `/s`: permission denied");
}

#[test]
fn a_package_brings_what_it_was_told_to() -> Result<()> {
    let mut fake = Fake::debian("12")
        .with_candidate("bind9", "1:9.18.24-1")
        .with_candidate("bind9-utils", "1:9.18.24-1")
        .with_dependencies("bind9", ["bind9-utils"])
        .package_brings(
            "bind9",
            Brings::new().service("named").user("bind").file("/etc/bind/named.conf", "options {};"),
        );
    let before = fake.clone();
    let op = install(&["bind9"]);
    let Op::Packages(transaction) = &op else { unreachable!() };
    let planned = fake.simulate(transaction)?;
    assert!(fake.same_state(&before));
    fake.perform(&op)?;
    assert_eq!(fake.take_package_changes(), planned);
    assert_eq!(planned.iter().map(|change| change.name.as_str()).collect::<Vec<_>>(), ["bind9-utils", "bind9"]);
    assert_eq!(fake.service("named.service")?.active, Active::Yes);
    assert_eq!(fake.user("bind")?.and_then(|user| user.group).as_deref(), Some("bind"));
    assert_eq!(text(&fake, "/etc/bind/named.conf").as_deref(), Some("options {};"));

    let gone = |remove: &[&str], purge: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Op::Packages(Transaction { remove: owned(remove), purge: owned(purge), ..Transaction::new(Provider::Platform) })
    };
    fake.perform(&gone(&["bind9-utils"], &[]))?;
    let [bind] = &fake.packages(&Provider::Apt, &["bind9".to_owned()])?[..] else { unreachable!() };
    assert!(!bind.present() && bind.config_files, "what depends on it goes too, its configuration stays");
    assert_eq!(fake.service("named")?, ServiceState::ABSENT);
    fake.perform(&gone(&[], &["bind9"]))?;
    assert!(!fake.packages(&Provider::Apt, &["bind9".to_owned()])?[0].config_files);
    Ok(())
}

#[test]
fn packages_that_cannot_be_installed_leave_everything_as_it_was() {
    let held = crate::host::PackageState {
        version: Some("1.0".into()),
        versions: vec!["1.0".into()],
        held: true,
        ..Default::default()
    };
    let fake = Fake::new()
        .with_candidate("tool", "1.0")
        .with_candidate("held", "2.0")
        .with_package("held", held)
        .with_installed("new", "2.0")
        .with_candidate("new", "1.0")
        .with_provided("virtual", "tool")
        .with_provided("virtual", "new");
    assert_eq!(refusal(&fake, install(&["tool", "nope"])), "package `nope` does not exist");
    assert_eq!(refusal(&fake, install(&["held"])), "package `held` is held at its version");
    assert_eq!(refusal(&fake, install(&["new"])), "package `new` would go back from `2.0` to `1.0`");
    let state = fake.packages(&Provider::Platform, &["virtual".to_owned()]).unwrap();
    assert_eq!(state[0].provided_by.as_deref(), Some("new"));
    assert_eq!(fake.candidates(&Provider::Platform, &["virtual".to_owned()]).unwrap(), [None]);
}

#[test]
fn gems_lie_side_by_side_and_lists_bring_news() -> Result<()> {
    let gem = Provider::Gem { binary: None, source: None };
    let mut fake = Fake::debian("12")
        .with_installed_by(&gem, "rake", "13.0.6")
        .with_candidate_by(&gem, "rake", "13.1.0")
        .with_candidate_after_update("new", "1");
    let spec = PackageSpec::any("rake");
    fake.perform(&Op::Packages(Transaction { install: vec![spec], ..Transaction::new(gem.clone()) }))?;
    let rake = &fake.packages(&gem, &["rake".to_owned()])?[0];
    assert_eq!((rake.version.as_deref(), rake.versions.len()), (Some("13.1.0"), 2));
    assert_eq!(fake.package_lists_age(&Provider::Platform)?, Some(Seconds(600)));
    assert_eq!(fake.candidates(&Provider::Platform, &["new".to_owned()])?, [None]);
    fake.perform(&Op::UpdatePackageLists { provider: Provider::Platform, source: None })?;
    assert!(fake.candidates(&Provider::Platform, &["new".to_owned()])?[0].is_some());
    assert_eq!(fake.package_lists_age(&Provider::Apt)?, Some(Seconds(0)));
    assert!(Fake::new().with_package_manager(None).packages(&Provider::Platform, &[]).is_err());
    Ok(())
}

#[test]
fn services_do_what_systemd_would_do() -> Result<()> {
    let mut fake = Fake::debian("12")
        .with_service("web", Enabled::No, Active::No)
        .with_service_alias("www", "web")
        .with_service("bad", Enabled::No, Active::No)
        .with_start("bad", Start::Fails);
    let before = fake.clone();
    for verb in [ServiceVerb::Enable, ServiceVerb::Start, ServiceVerb::Mask] {
        fake.perform(&service("www.service", verb))?;
    }
    assert_eq!(fake.service("web")?, ServiceState { exists: true, enabled: Enabled::Masked, active: Active::Yes });
    assert!(fake.clone().perform(&service("web", ServiceVerb::Restart)).is_err());
    for verb in [ServiceVerb::Unmask, ServiceVerb::Disable, ServiceVerb::Stop] {
        fake.perform(&service("web", verb))?;
    }
    assert_eq!(fake.differences(&before), Vec::<String>::new());
    assert_eq!(fake.service_events().len(), 6);
    assert_eq!(refusal(&fake, service("nope", ServiceVerb::Enable)), "unit `nope` does not exist");
    assert!(refusal(&fake, service("web", ServiceVerb::Reload)).ends_with("it does not run"));
    assert!(fake.perform(&service("bad", ServiceVerb::Start)).is_err());
    assert_eq!(fake.service("bad")?.active, Active::Failed);

    let offline = fake.clone().with_init(Init::SystemdOffline);
    assert!(refusal(&offline, service("web", ServiceVerb::Start)).contains("does not run here"));
    offline.clone().perform(&service("web", ServiceVerb::Enable))?;
    let bare = fake.with_init(Init::None);
    assert!(matches!(bare.clone().perform(&service("web", ServiceVerb::Enable)), Err(Error::Unsupported(_))));
    Ok(())
}

#[test]
fn a_unit_file_makes_a_unit() -> Result<()> {
    let mut fake = Fake::debian("12");
    let before = fake.clone();
    fake.perform(&write("/etc/systemd/system/job.timer", "[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n"))?;
    fake.perform(&write("/etc/systemd/system/job.service", "[Service]\nExecStart=/bin/true\n"))?;
    assert_eq!(fake.service("job.timer")?, ServiceState { exists: true, enabled: Enabled::No, active: Active::No });
    assert_eq!(fake.service("job")?.enabled, Enabled::Static);
    fake.perform(&service("job.timer", ServiceVerb::Enable))?;
    fake.perform(&service("job", ServiceVerb::Enable))?;
    assert_eq!(fake.service("job.timer")?.enabled, Enabled::Yes);
    assert_eq!(fake.service("job")?.enabled, Enabled::Static);
    fake.perform(&service("job.timer", ServiceVerb::Disable))?;
    fake.perform(&remove("/etc/systemd/system/job.timer", false))?;
    fake.perform(&remove("/etc/systemd/system/job.service", false))?;
    assert_eq!(fake.differences(&before), Vec::<String>::new());
    fake.perform(&link("/etc/systemd/system/gone.service", "/dev/null", false))?;
    assert_eq!(fake.service("gone")?.enabled, Enabled::Masked);
    Ok(())
}

#[test]
fn accounts_are_made_and_go_as_the_tools_do_it() -> Result<()> {
    let mut fake = Fake::debian("12");
    let before = fake.clone();
    let ana = User {
        name: "ana".into(),
        uid: None,
        group: None,
        comment: String::new(),
        home: None,
        shell: None,
        password: None,
        locked: false,
        expires: None,
        inactive: None,
    };
    fake.perform(&Op::Account(AccountChange::CreateUser { user: ana.clone(), system: false, manage_home: true }))?;
    let made = fake.user("ana")?.unwrap();
    assert_eq!((made.uid, made.group.as_deref(), made.locked), (Some(1000), Some("ana"), true));
    assert_eq!(fake.entry("/home/ana".as_ref())?.map(|home| home.owner).as_deref(), Some("ana"));
    assert_eq!(fake.user("1000")?, Some(made.clone()));

    let group = |name: &str, members: &[&str]| Group {
        name: name.into(),
        gid: None,
        members: members.iter().map(|member| (*member).to_owned()).collect(),
    };
    let team = AccountChange::CreateGroup { group: group("team", &["root", "ana", "ana"]), system: true };
    fake.perform(&Op::Account(team.clone()))?;
    assert_eq!(fake.group("999")?.map(|group| group.members), Some(vec!["ana".to_owned(), "root".to_owned()]));
    assert_eq!(refusal(&fake, Op::Account(team)), "group `team` exists already");
    let stranger = AccountChange::ModifyGroup { from: group("team", &[]), to: group("team", &["eve"]) };
    assert_eq!(refusal(&fake, Op::Account(stranger)), "user `eve` does not exist");

    let moved = User { home: Some("/srv/ana".into()), ..made.clone() };
    fake.perform(&write("/home/ana/notes", "n"))?;
    fake.perform(&Op::Account(AccountChange::ModifyUser { from: made, to: moved.clone(), manage_home: true }))?;
    assert_eq!(text(&fake, "/srv/ana/notes").as_deref(), Some("n"));
    let own = Op::Account(AccountChange::RemoveGroup { group: group("ana", &[]) });
    assert!(refusal(&fake, own).contains("primary group of user `ana`"));
    fake.perform(&Op::Account(AccountChange::RemoveUser { user: moved, manage_home: true }))?;
    fake.perform(&Op::Account(AccountChange::RemoveGroup { group: group("team", &[]) }))?;
    assert_eq!(fake.differences(&before), Vec::<String>::new());
    Ok(())
}

#[test]
fn commands_answer_what_was_told_and_do_what_was_told() -> Result<()> {
    let mut fake = Fake::new()
        .with_answer("which ruby", 1, "")
        .with_answer("make", 2, "no rule")
        .with_effect("make install", [mkdir("/opt")]);
    assert_eq!(fake.query(&Command::new(["which", "ruby"]))?.code, 1);
    assert_eq!(fake.asked(), [Command::new(["which", "ruby"])]);
    let unknown = fake.query(&Command::new(["id"])).unwrap_err();
    assert_eq!(unknown.to_string(), "the pretend machine was not told what `id` answers");
    fake.perform(&Op::Run(Command::new(["make", "install"])))?;
    assert!(fake.entry("/opt".as_ref())?.is_some());
    let failed = refusal(&fake, Op::Run(Command::new(["make"])));
    assert_eq!(failed, "command `make` exited with 2; it printed:\nno rule");
    fake.perform(&Op::Run(Command { returns: vec![2], ..Command::new(["make"]) }))?;
    let stranger = Command { user: Some("eve".into()), ..Command::new(["true"]) };
    assert_eq!(refusal(&fake, Op::Run(stranger)), "user `eve` does not exist");
    assert_eq!(fake.ran().len(), 2);
    Ok(())
}

#[test]
fn downloads_are_checked() -> Result<()> {
    let fake = Fake::new().with_url("https://example.com/a", "bytes").with_file("/a", "local");
    let request = |url: &str, checksum| Request {
        url: url.into(),
        checksum,
        headers: Vec::new(),
        conditional: true,
        timeout: Seconds(5),
    };
    let first = fake.fetch(&request("https://example.com/a", Some(Digest::of(b"bytes"))))?;
    assert_eq!((first.content, first.not_modified), (Blob::from("bytes"), false));
    assert!(fake.fetch(&request("https://example.com/a", None))?.not_modified);
    assert_eq!(fake.fetch(&request("file:///a", None))?.content, Blob::from("local"));
    assert!(fake.fetch(&request("https://example.com/a", Some(Digest::of(b"other")))).is_err());
    assert!(fake.fetch(&request("https://example.com/b", None)).is_err());
    Ok(())
}

#[test]
fn a_machine_survives_json() {
    let machine = Fake::rhel("9")
        .with_file("/bin/tool", vec![0, 159, 146, 150])
        .with_url("https://example.com/", "page")
        .with_candidate("bind", "9.16")
        .with_service("named", Enabled::No, Active::Failed);
    let json = serde_json::to_string(&machine).unwrap();
    let back: Fake = serde_json::from_str(&json).unwrap();
    assert_eq!(back.differences(&machine), Vec::<String>::new());
    assert!(back.same_state(&machine));
}

#[test]
fn a_case_says_only_what_matters() {
    let fake: Fake = serde_json::from_value(serde_json::json!({
        "entries": {
            "/etc/motd": "hello\n",
            "/srv/www": { "type": "directory", "mode": "2775", "group": "www-data" },
        },
        "services": { "web": { "enabled": "yes" } },
        "packages": { "apt": { "available": { "vim": { "versions": ["9.0"] } } } },
    }))
    .unwrap();
    assert_eq!(text(&fake, "/etc/motd").as_deref(), Some("hello\n"));
    let www =
        Entry { kind: EntryKind::Directory, mode: Mode::from(0o2775), owner: "root".into(), group: "www-data".into() };
    assert_eq!(fake.entry("/srv/www".as_ref()).unwrap(), Some(www));
    assert_eq!(fake.service("web").unwrap().enabled, Enabled::Yes);
    assert!(fake.candidates(&Provider::Platform, &["vim".to_owned()]).unwrap()[0].is_some());
    let slip = serde_json::from_value::<Fake>(serde_json::json!({ "entires": {} })).unwrap_err();
    assert!(slip.to_string().contains("entires"), "{slip}");
}

#[test]
fn differences_name_the_place() {
    let machine = Fake::new().with_file("/a", "1");
    let other = Fake::new().with_file("/a", "2");
    assert_eq!(machine.differences(&other), [r#"[entries][/a][content]: "1" and "2""#]);
    assert_ne!(machine, other);
}
