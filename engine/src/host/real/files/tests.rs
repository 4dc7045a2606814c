use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use super::{clean_leftovers, entry, link, make_directory, remove, same, set_meta, writable, write_all};
use crate::{
    Result,
    host::{
        Command, EntryKind, Progress, Write,
        real::{accounts::Accounts, command},
    },
    values::{Blob, Mode},
};

struct Lab {
    directory: tempfile::TempDir,
    accounts: Accounts,
    me: String,
}

impl Lab {
    fn new() -> Self {
        let accounts = Accounts::read(Path::new("/")).unwrap();
        let me = accounts.user_name(rustix::process::geteuid().as_raw()).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), accounts, me }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn group(&self) -> String {
        self.accounts.group_name(rustix::process::getegid().as_raw()).unwrap()
    }

    fn writing(&self, name: &str, text: &str, mode: u32) -> Write {
        Write {
            path: self.path(name),
            content: Blob::from(text),
            mode: Mode::from(mode),
            owner: self.me.clone(),
            group: self.group(),
            backup: 0,
            verify: Vec::new(),
            sensitive: false,
        }
    }

    fn write(&self, write: &Write) -> Result<()> {
        write_all(&[write], &self.accounts, &self.path("backups"), &|| "20260101000000".to_owned(), &|_| {})
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_file_is_written_with_exactly_its_mode_and_nothing_is_left() {
    let lab = Lab::new();
    lab.write(&lab.writing("motd", "hello\n", 0o640)).unwrap();
    let found = entry(&lab.path("motd"), &lab.accounts).unwrap().unwrap();
    assert_eq!(found.mode, Mode::from(0o640));
    assert_eq!(found.kind, EntryKind::File { content: Blob::from("hello\n") });
    assert_eq!(lab.names(), ["motd"]);
}

#[test]
fn setuid_bits_survive_the_change_of_owner() {
    let lab = Lab::new();
    lab.write(&lab.writing("tool", "x", 0o4755)).unwrap();
    assert_eq!(fs::metadata(lab.path("tool")).unwrap().mode() & 0o7777, 0o4755);
    set_meta(&lab.path("tool"), Mode::from(0o2711), &lab.me, &lab.group(), &lab.accounts).unwrap();
    assert_eq!(fs::metadata(lab.path("tool")).unwrap().mode() & 0o7777, 0o2711);
}

#[test]
fn a_replaced_file_is_backed_up_and_only_so_many_backups_are_kept() {
    let lab = Lab::new();
    for (n, text) in ["one", "two", "three", "four"].iter().enumerate() {
        let write = Write { backup: 2, ..lab.writing("conf", text, 0o644) };
        let stamp = format!("2026010100000{n}");
        write_all(&[&write], &lab.accounts, &lab.path("backups"), &|| stamp.clone(), &|_| {}).unwrap();
    }
    let place = lab.path("backups").join(lab.path("conf").strip_prefix("/").unwrap());
    let mut kept: Vec<_> = fs::read_dir(place.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    kept.sort();
    let texts: Vec<_> = kept.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(texts, ["two", "three"]);
}

#[test]
fn what_verify_refuses_is_not_put_in_place() {
    let lab = Lab::new();
    lab.write(&lab.writing("conf", "old", 0o644)).unwrap();
    let write = Write { verify: vec!["grep -q new %{path} && exit 3".to_owned()], ..lab.writing("conf", "new", 0o644) };
    let error = lab.write(&write).unwrap_err().to_string();
    assert!(error.contains("was not accepted by `grep -q new %{path} && exit 3` (exit code 3)"), "{error}");
    assert_eq!(fs::read_to_string(lab.path("conf")).unwrap(), "old");
    assert_eq!(lab.names(), ["conf"]);
}

#[test]
fn links_and_directories_are_never_written_through() {
    let lab = Lab::new();
    fs::write(lab.path("secret"), "untouched").unwrap();
    symlink(lab.path("secret"), lab.path("trap")).unwrap();
    let error = lab.write(&lab.writing("trap", "x", 0o644)).unwrap_err().to_string();
    let secret = lab.path("secret");
    assert!(error.ends_with(&format!("is a symbolic link to `{}`, not a regular file", secret.display())), "{error}");
    assert_eq!(fs::read_to_string(lab.path("secret")).unwrap(), "untouched");
    fs::create_dir(lab.path("directory")).unwrap();
    assert!(lab.write(&lab.writing("directory", "x", 0o644)).is_err());
    assert_eq!(lab.names(), ["directory", "secret", "trap"]);
}

#[test]
fn a_link_on_the_way_is_followed_only_where_others_cannot_plant_it() {
    let lab = Lab::new();
    fs::create_dir(lab.path("real")).unwrap();
    symlink(lab.path("real"), lab.path("alias")).unwrap();
    lab.write(&lab.writing("alias/file", "x", 0o644)).unwrap();
    assert!(lab.path("real/file").exists(), "a link that only we can have made is followed");
    fs::create_dir(lab.path("open")).unwrap();
    fs::set_permissions(lab.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    symlink(lab.path("real"), lab.path("open/alias")).unwrap();
    let error = lab.write(&lab.writing("open/alias/other", "x", 0o644)).unwrap_err().to_string();
    assert!(error.contains("may have been put there by somebody else"), "{error}");
    assert!(!lab.path("real/other").exists());
}

#[test]
fn a_missing_directory_is_named() {
    let lab = Lab::new();
    let error = lab.write(&lab.writing("no/such/file", "x", 0o644)).unwrap_err();
    assert!(error.to_string().starts_with(&format!("directory `{}` does not exist", lab.path("no/such").display())));
}

#[test]
fn neighbours_are_written_together_or_up_to_the_first_failure() {
    let lab = Lab::new();
    let writes: Vec<Write> = (0..40).map(|n| lab.writing(&format!("f{n:02}"), &format!("{n}"), 0o644)).collect();
    let all: Vec<&Write> = writes.iter().collect();
    write_all(&all, &lab.accounts, &lab.path("backups"), &String::new, &|_| {}).unwrap();
    assert_eq!(lab.names().len(), 40);
    let good = lab.writing("good", "x", 0o644);
    let bad = Write { verify: vec!["false".to_owned()], ..lab.writing("bad", "x", 0o644) };
    let never = lab.writing("never", "x", 0o644);
    assert!(write_all(&[&good, &bad, &never], &lab.accounts, &lab.path("b"), &String::new, &|_| {}).is_err());
    let names = lab.names();
    assert!(
        names.contains(&"good".to_owned())
            && !names.contains(&"bad".to_owned())
            && !names.contains(&"never".to_owned())
    );
    assert!(names.iter().all(|name| !name.starts_with(".brasa-")), "{names:?}");
}

#[test]
fn directories_links_and_removal() {
    let lab = Lab::new();
    make_directory(&lab.path("d"), Mode::from(0o750), &lab.me, &lab.group(), &lab.accounts).unwrap();
    assert_eq!(fs::metadata(lab.path("d")).unwrap().mode() & 0o7777, 0o750);
    link(&lab.path("d/l"), Path::new("one"), false).unwrap();
    link(&lab.path("d/l"), Path::new("two"), false).unwrap();
    assert_eq!(fs::read_link(lab.path("d/l")).unwrap(), Path::new("two"));
    fs::write(lab.path("d/file"), "x").unwrap();
    assert!(link(&lab.path("d/file"), Path::new("two"), false).is_err(), "a file is not replaced by a link");
    link(&lab.path("d/hard"), &lab.path("d/file"), true).unwrap();
    assert_eq!(fs::metadata(lab.path("d/hard")).unwrap().nlink(), 2);
    fs::create_dir(lab.path("outside")).unwrap();
    fs::write(lab.path("outside/keep"), "x").unwrap();
    symlink(lab.path("outside"), lab.path("d/way-out")).unwrap();
    let error = remove(&lab.path("d"), false, 0, &lab.path("b")).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    remove(&lab.path("d"), true, 0, &lab.path("b")).unwrap();
    assert_eq!(lab.names(), ["outside"]);
    assert!(lab.path("outside/keep").exists(), "what a link points to stays");
    remove(&lab.path("d"), true, 0, &lab.path("b")).unwrap();
}

#[test]
fn attributes_of_the_replaced_file_are_kept() {
    let lab = Lab::new();
    lab.write(&lab.writing("conf", "old", 0o644)).unwrap();
    let set = rustix::fs::setxattr(lab.path("conf"), "user.note", b"keep", rustix::fs::XattrFlags::empty());
    if set.is_err() {
        return; // this file system has no user attributes
    }
    lab.write(&lab.writing("conf", "new", 0o644)).unwrap();
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(lab.path("conf"), "user.note", value.as_mut_slice()).unwrap();
    assert_eq!(&value[..length], b"keep");
}

#[test]
fn leftovers_of_a_killed_run_are_recognised_and_nothing_else() {
    let lab = Lab::new();
    for name in [".brasa-0123456789abcdef.conf", ".brasa-0123456789abcdef.other", ".brasa-nothex.conf", "conf"] {
        fs::write(lab.path(name), "x").unwrap();
    }
    let removed = clean_leftovers(&[lab.path("conf")]).unwrap();
    assert_eq!(removed, [lab.path(".brasa-0123456789abcdef.conf")]);
    assert_eq!(lab.names().len(), 3);
}

#[test]
fn large_files_are_known_by_their_checksum() {
    let lab = Lab::new();
    fs::write(lab.path("large"), vec![7; 5 << 20]).unwrap();
    let found = entry(&lab.path("large"), &lab.accounts).unwrap().unwrap();
    let EntryKind::File { content } = &found.kind else { panic!() };
    assert!(content.bytes().is_none());
    assert_eq!(content, &Blob::from(vec![7; 5 << 20]));
    let copy = Write { content: content.clone(), ..lab.writing("copy", "", 0o644) };
    lab.write(&copy).unwrap();
    assert_eq!(fs::metadata(lab.path("copy")).unwrap().len(), 5 << 20);
    assert!(
        entry(Path::new("/proc/self/status"), &lab.accounts)
            .unwrap()
            .is_some_and(|entry| { matches!(entry.kind, EntryKind::File { content } if content.size() > 100) })
    );
}

#[test]
fn a_setting_of_the_kernel_is_read_whole() {
    let lab = Lab::new();
    // Numbers in several parts: of such a file the kernel gives the beginning to whoever asks for a byte, and then no more.
    let path = Path::new("/proc/sys/kernel/printk");
    let Ok(wanted) = fs::read(path) else { return };
    let found = entry(path, &lab.accounts).unwrap().unwrap();
    assert_eq!(found.kind, EntryKind::File { content: wanted.into() });
}

#[test]
fn what_is_no_setting_of_the_kernel_cannot_be_made_one() {
    let lab = Lab::new();
    let write = Write { path: "/proc/sys/kernel/no-such-setting".into(), ..lab.writing("x", "1", 0o644) };
    let refused = lab.write(&write).unwrap_err().to_string();
    assert!(refused.starts_with("cannot set `/proc/sys/kernel/no-such-setting`: "), "{refused}");
}

/// Runs what only root may do; whether it was allowed. Where it is not, a test ends early: nothing can be shown then.
fn allowed(argv: &[&str]) -> bool {
    command::run(&Command::new(argv.iter().copied())).unwrap().success()
}

fn backups_of(lab: &Lab, name: &str) -> Vec<PathBuf> {
    let place = lab.path("backups").join(lab.path(name).strip_prefix("/").unwrap());
    let names = super::list(place.parent().unwrap()).unwrap();
    names.into_iter().map(|name| place.with_file_name(name)).collect()
}

#[test]
fn paths_that_cannot_be_meant_are_refused() {
    let lab = Lab::new();
    for (path, why) in [
        ("a/b", "the path `a/b` is not absolute"),
        ("/", "`/` names no file"),
        ("/tmp/..", "`/tmp/..` names no file"),
        ("/tmp/a\0b", "the path `/tmp/a\\0b` holds a NUL byte, which no file name can"),
    ] {
        let write = Write { path: path.into(), ..lab.writing("x", "x", 0o644) };
        assert_eq!(lab.write(&write).unwrap_err().to_string(), why);
        assert_eq!(remove(Path::new(path), true, 0, &lab.path("b")).unwrap_err().to_string(), why);
    }
}

#[test]
fn a_run_of_files_takes_few_descriptors_and_stops_at_the_first_failure() {
    let lab = Lab::new();
    let mut writes: Vec<Write> = (0..700).map(|n| lab.writing(&format!("f{n:03}"), "x", 0o644)).collect();
    writes[650].owner = "no-such-user-here".to_owned();
    let all: Vec<&Write> = writes.iter().collect();
    let most = std::cell::Cell::new(0);
    let count = || {
        most.set(most.get().max(fs::read_dir("/proc/self/fd").unwrap().count()));
        String::new()
    };
    let error = write_all(&all, &lab.accounts, &lab.path("b"), &count, &|_| {}).unwrap_err().to_string();
    assert_eq!(error, "user `no-such-user-here` does not exist");
    assert_eq!(lab.names().len(), 650, "those before it are in place, none after it, nothing is left over");
    for write in &mut writes {
        write.backup = 1; // counts the descriptors when each is put in place
    }
    writes[650].owner.clone_from(&lab.me);
    let all: Vec<&Write> = writes.iter().collect();
    write_all(&all, &lab.accounts, &lab.path("b"), &count, &|_| {}).unwrap();
    // Tests run beside this one in the same process, but none holds as many as a run without a bound would.
    assert!((1..500).contains(&most.get()), "{} descriptors", most.get());
}

#[test]
fn other_names_of_a_replaced_file_are_told() {
    let lab = Lab::new();
    fs::write(lab.path("conf"), "old").unwrap();
    fs::hard_link(lab.path("conf"), lab.path("other")).unwrap();
    assert!(same(&lab.path("conf"), &lab.path("other")).unwrap());
    let said = std::cell::RefCell::new(Vec::new());
    let tell = |progress: &Progress| match progress {
        Progress::Note { message, .. } => said.borrow_mut().push(message.clone()),
        Progress::Step { .. } | Progress::Waiting { .. } => {}
    };
    write_all(&[&lab.writing("conf", "new", 0o644)], &lab.accounts, &lab.path("b"), &String::new, &tell).unwrap();
    let expected = "had 2 names (hard links): the others still name the old content";
    assert_eq!(said.into_inner(), [format!("`{}` {expected}", lab.path("conf").display())]);
    assert_eq!(fs::read_to_string(lab.path("other")).unwrap(), "old");
}

#[test]
fn a_file_that_others_may_have_planted_keeps_its_mode() {
    let lab = Lab::new();
    fs::create_dir(lab.path("open")).unwrap();
    fs::write(lab.path("precious"), "x").unwrap();
    fs::set_permissions(lab.path("precious"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(lab.path("precious"), lab.path("open/planted")).unwrap();
    let set = || set_meta(&lab.path("open/planted"), Mode::from(0o644), &lab.me, &lab.group(), &lab.accounts);
    fs::set_permissions(lab.path("open"), fs::Permissions::from_mode(0o1777)).unwrap();
    let error = set().unwrap_err().to_string();
    assert!(error.contains("has 2 names (hard links), and others than root can write its directory"), "{error}");
    assert_eq!(fs::metadata(lab.path("precious")).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(lab.path("open"), fs::Permissions::from_mode(0o755)).unwrap();
    set().unwrap();
    assert_eq!(fs::metadata(lab.path("precious")).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn mode_and_owner_of_what_cannot_be_opened() {
    let lab = Lab::new();
    let _socket = std::os::unix::net::UnixListener::bind(lab.path("socket")).unwrap();
    set_meta(&lab.path("socket"), Mode::from(0o660), &lab.me, &lab.group(), &lab.accounts).unwrap();
    assert_eq!(fs::metadata(lab.path("socket")).unwrap().mode() & 0o777, 0o660);
    symlink("/nowhere", lab.path("link")).unwrap();
    let error = set_meta(&lab.path("link"), Mode::from(0o660), &lab.me, &lab.group(), &lab.accounts).unwrap_err();
    assert!(error.to_string().ends_with("is a symbolic link, and a link has no mode of its own"), "{error}");
}

#[test]
fn a_source_that_changes_on_the_way_is_not_put_in_place() {
    let lab = Lab::new();
    fs::write(lab.path("large"), vec![7; 5 << 20]).unwrap();
    let Some(found) = entry(&lab.path("large"), &lab.accounts).unwrap() else { panic!("it is there") };
    let EntryKind::File { content } = found.kind else { panic!("it is a file") };
    for changed in [vec![8; 5 << 20], vec![7; 6 << 20], vec![7; 4 << 20]] {
        fs::write(lab.path("large"), changed).unwrap();
        let write = Write { content: content.clone(), ..lab.writing("copy", "", 0o644) };
        let error = lab.write(&write).unwrap_err().to_string();
        assert!(error.contains("changed while it was copied"), "{error}");
    }
    assert_eq!(lab.names(), ["large"]);
}

#[test]
fn backups_of_one_second_are_kept_in_order() {
    let lab = Lab::new();
    for n in 0..14 {
        lab.write(&Write { backup: 3, ..lab.writing("conf", &n.to_string(), 0o644) }).unwrap();
    }
    fs::write(backups_of(&lab, "conf")[0].with_file_name("conf.brasa-mine"), "not ours").unwrap();
    lab.write(&Write { backup: 3, ..lab.writing("conf", "last", 0o644) }).unwrap();
    let mut texts: Vec<_> = backups_of(&lab, "conf").iter().map(|backup| fs::read_to_string(backup).unwrap()).collect();
    texts.sort();
    assert_eq!(texts, ["11", "12", "13", "not ours"]);
}

#[test]
fn a_list_of_the_directory_is_not_given_to_a_file_that_had_none() {
    /// `user::rwx group::r-x other::r-x user:1:rw- mask::rwx`, as the kernel stores it (posix_acl_xattr.h, version 2).
    const LIST: [u8; 44] = [
        2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 6, 0, 1, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7,
        0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255,
    ];
    let lab = Lab::new();
    fs::write(lab.path("old"), "x").unwrap();
    let set = |path: &Path, name: &str| rustix::fs::setxattr(path, name, &LIST, rustix::fs::XattrFlags::empty());
    if set(lab.directory.path(), "system.posix_acl_default").is_err() {
        return; // this file system has no lists
    }
    let has = |name: &str| {
        let mut value = [0; 64];
        rustix::fs::getxattr(lab.path(name), "system.posix_acl_access", value.as_mut_slice()).is_ok()
    };
    lab.write(&lab.writing("old", "y", 0o660)).unwrap();
    assert!(!has("old"), "a list came with the replacement");
    lab.write(&lab.writing("new", "y", 0o660)).unwrap();
    assert!(has("new"), "a new file gets what its directory gives");
    lab.write(&lab.writing("new", "z", 0o660)).unwrap();
    assert!(has("new"), "a list was lost");
}

#[test]
fn a_bound_directory_is_not_emptied() {
    let lab = Lab::new();
    for directory in ["tree", "tree/bound", "outside"] {
        fs::create_dir(lab.path(directory)).unwrap();
    }
    fs::write(lab.path("tree/file"), "x").unwrap();
    fs::write(lab.path("outside/keep"), "x").unwrap();
    let (outside, bound) = (lab.path("outside").display().to_string(), lab.path("tree/bound").display().to_string());
    if !allowed(&["mount", "--bind", &outside, &bound]) {
        return;
    }
    let removed =
        [remove(&lab.path("tree"), true, 0, &lab.path("b")), remove(Path::new(&bound), true, 0, &lab.path("b"))];
    assert!(allowed(&["umount", &bound]));
    for (error, path) in removed.into_iter().zip(["tree", "tree/bound"]) {
        let expected = format!("`{bound}` is a mount point, so `{}` is not removed", lab.path(path).display());
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
    assert!(lab.path("tree/file").exists() && lab.path("outside/keep").exists(), "something was removed");
    remove(&lab.path("tree"), true, 0, &lab.path("b")).unwrap();
    assert_eq!(lab.names(), ["outside"]);
}

#[test]
fn a_bound_file_is_rewritten_in_place_and_that_is_told() {
    let lab = Lab::new();
    fs::write(lab.path("hosts"), "a longer text\n").unwrap();
    fs::write(lab.path("under"), "").unwrap();
    let (hosts, under) = (lab.path("hosts").display().to_string(), lab.path("under").display().to_string());
    if !allowed(&["mount", "--bind", &hosts, &under]) {
        return;
    }
    let notes = std::cell::Cell::new(0);
    let write = Write { backup: 1, ..lab.writing("under", "short\n", 0o640) };
    let written = write_all(&[&write], &lab.accounts, &lab.path("backups"), &|| "20260101000000".to_owned(), &|_| {
        notes.set(notes.get() + 1);
    });
    assert!(allowed(&["umount", &under]));
    written.unwrap();
    assert_eq!(notes.get(), 1);
    assert_eq!(fs::read_to_string(&hosts).unwrap(), "short\n", "the bound file itself has the new content");
    assert_eq!(fs::metadata(&hosts).unwrap().mode() & 0o777, 0o640);
    assert_eq!(fs::read_to_string(&backups_of(&lab, "under")[0]).unwrap(), "a longer text\n");
    assert_eq!(lab.names(), ["backups", "hosts", "under"]);
}

#[test]
fn an_immutable_file_is_named_and_nothing_is_left() {
    let lab = Lab::new();
    fs::write(lab.path("conf"), "old").unwrap();
    let conf = lab.path("conf").display().to_string();
    if !allowed(&["chattr", "+i", &conf]) {
        return;
    }
    let error = lab.write(&Write { backup: 1, ..lab.writing("conf", "new", 0o644) });
    assert!(allowed(&["chattr", "-i", &conf]));
    assert_eq!(error.unwrap_err().to_string(), format!("`{conf}` is immutable"));
    assert_eq!(fs::read_to_string(&conf).unwrap(), "old");
    assert_eq!(lab.names(), ["conf"], "not even a backup of what was not replaced");
}

#[test]
fn a_full_disk_leaves_the_old_file_and_says_how_much_is_missing() {
    let lab = Lab::new();
    fs::create_dir(lab.path("small")).unwrap();
    let small = lab.path("small").display().to_string();
    if !allowed(&["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", &small]) {
        return;
    }
    lab.write(&lab.writing("small/conf", "old", 0o644)).unwrap();
    let big = "x".repeat(200_000);
    let planned = writable(&lab.path("small/conf"), 200_000);
    let tried = lab.write(&lab.writing("small/conf", &big, 0o644));
    let kept = (fs::read_to_string(lab.path("small/conf")), super::list(&lab.path("small")));
    let read_only = allowed(&["mount", "-o", "remount,ro", &small]);
    let refused = writable(&lab.path("small/conf"), 1);
    assert!(allowed(&["umount", &small]));
    let told = format!("cannot write `{small}/conf`: the disk is full (200000 bytes are needed, ");
    assert!(planned.unwrap_err().to_string().starts_with(&told));
    assert!(tried.unwrap_err().to_string().starts_with(&told));
    assert_eq!((kept.0.unwrap(), kept.1.unwrap()), ("old".to_owned(), vec!["conf".into()]));
    assert!(read_only);
    let told = format!("cannot write `{small}/conf`: the file system is mounted read-only");
    assert_eq!(refused.unwrap_err().to_string(), told);
}

#[test]
fn what_cannot_be_written_is_known_beforehand() {
    let lab = Lab::new();
    let path = lab.path("not/yet/there");
    super::writable(&path, 1).unwrap();
    let error = super::writable(&path, u64::MAX).unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
}

#[test]
fn what_a_judge_says_of_a_private_file_is_not_shown() {
    let lab = Lab::new();
    let verify = vec!["cat %{path}; false".to_owned()];
    let shown_to_all = Write { verify: verify.clone(), ..lab.writing("conf", "canary", 0o644) };
    let shown = lab.write(&shown_to_all).unwrap_err();
    assert!(shown.to_string().contains("canary"), "{shown}");
    let hidden = lab.write(&Write { verify, ..lab.writing("key", "canary", 0o600) }).unwrap_err();
    assert!(!hidden.to_string().contains("canary"), "{hidden}");
    let sensitive = Write { sensitive: true, ..shown_to_all };
    let hidden = lab.write(&sensitive).unwrap_err().to_string();
    assert!(hidden.ends_with("; it said:\n(not shown: sensitive)"), "{hidden}");
}
