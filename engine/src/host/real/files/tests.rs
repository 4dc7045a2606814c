use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use super::{clean_leftovers, entry, link, make_directory, remove, set_meta, write_all};
use crate::{
    Result,
    host::{EntryKind, Write, real::accounts::Accounts},
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
        let me = accounts.user_name(rustix::process::geteuid().as_raw());
        Self { directory: tempfile::tempdir().unwrap(), accounts, me }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn group(&self) -> String {
        self.accounts.group_name(rustix::process::getegid().as_raw())
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
    assert!(error.ends_with("is a symbolic link, not a regular file"), "{error}");
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
