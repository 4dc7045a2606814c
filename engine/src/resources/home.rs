//! What becomes of a home directory together with its account, and what must not.
use std::path::Path;

use super::{entry::resolve, fstab};
use crate::{
    Error, Result,
    host::{Entry, EntryKind, Probe, User, is_small, mailbox},
};

/// Directories of the system, whoever calls them his home. Source: hier(7).
const OF_SYSTEM: [&str; 31] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/var/tmp",
];

/// Refuses to remove the account together with a home that is not its own alone.
///
/// # Errors
/// Why it stays.
pub(crate) fn may_be_removed(account: &User, probe: &dyn Probe) -> Result<()> {
    let Some((shown, entry)) = is_alone_in_it(account, probe)? else { return Ok(()) };
    // Several names may share a number.
    let owner = probe.user(&entry.owner)?.and_then(|owner| owner.uid);
    if entry.owner == account.name || owner.is_some() && owner == account.uid {
        return Ok(());
    }
    Err(stays(format!("{shown} belongs to `{}`", entry.owner)))
}

/// Refuses to move the home to where something is, and to move what is not the account's alone.
///
/// # Errors
/// What is in the way.
pub(crate) fn may_be_moved(account: &User, to: &Path, probe: &dyn Probe) -> Result<()> {
    if account.home.as_deref() == Some(to) {
        return Ok(());
    }
    is_alone_in_it(account, probe)?;
    let Some(entry) = probe.entry(to)? else { return Ok(()) };
    let name = &account.name;
    Err(stays(format!("the home of `{name}` cannot be moved to `{}`: a {} is there", to.display(), entry.kind.noun())))
}

/// The home as it is called in messages, and what is there.
fn is_alone_in_it(account: &User, probe: &dyn Probe) -> Result<Option<(String, Entry)>> {
    let Some(home) = &account.home else { return Ok(None) };
    let (place, Some(entry)) = resolve(home, probe)? else { return Ok(None) };
    let shown = format!("the home `{}` of `{}`", home.display(), account.name);
    if OF_SYSTEM.iter().any(|directory| place == Path::new(directory)) {
        return Err(stays(format!("{shown} is a directory of the system")));
    }
    if place == Path::new("/root") && account.name != "root" {
        return Err(stays(format!("{shown} is that of `root`")));
    }
    let mounts = fstab::mounts(probe)?.unwrap_or_default();
    if let Some(row) = mounts.iter().find(|row| row.point.starts_with(&place)) {
        return Err(match row.point == place {
            true => stays(format!("{shown} is a mount point")),
            false => stays(format!("in {shown} is a mount point, `{}`", row.point.display())),
        });
    }
    for name in probe.own_users()?.into_iter().filter(|name| *name != account.name) {
        let Some(other) = probe.user(&name)?.and_then(|other| other.home) else { continue };
        if other.starts_with(&place) || other.starts_with(home) {
            return Err(match other == *home {
                true => stays(format!("{shown} is that of `{name}` too")),
                false => stays(format!("in {shown} is that of `{name}`, `{}`", other.display())),
            });
        }
    }
    Ok(Some((shown, entry)))
}

fn stays(why: String) -> Error {
    Error::failed(why).hint("without `manage_home` the account alone is changed, and its files stay where they are")
}

/// What should be known of that which goes with the account: mail, and what an undo will not bring back.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn goes_along(account: &User, probe: &dyn Probe) -> Result<Vec<String>> {
    let mut sentences = Vec::new();
    let mailbox = mailbox(&account.name, probe)?.filter(|(_, entry)| entry.owner == account.name);
    if let Some((path, Entry { kind: EntryKind::File { content }, .. })) = &mailbox
        && content.size() > 0
    {
        sentences.push(format!("the mail in `{}` goes with the account", path.display()));
    }
    let mailbox = mailbox.map(|(path, _)| (path, "mail"));
    for (path, what) in account.home.clone().map(|home| (home, "files")).into_iter().chain(mailbox) {
        if !is_small(&path, probe)? {
            let shown = path.display();
            let lost = format!("an undo brings the account back, and not its {what}");
            sentences.push(format!("`{shown}` is too large to be kept: {lost}"));
        }
    }
    Ok(sentences)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{goes_along, may_be_moved, may_be_removed};
    use crate::{
        host::{AccountChange, Entry, EntryKind, Fake, Grade, Op, Probe as _, Undo, User},
        resources::trial::with_hints,
        values::{Blob, Mode},
    };

    const HINT: &str = "\nhint: without `manage_home` the account alone is changed, and its files stay where they are";

    fn of(owner: &str) -> Entry {
        Entry { kind: EntryKind::Directory, mode: Mode::from(0o755), owner: owner.to_owned(), group: "root".to_owned() }
    }

    fn deploy(home: &str, machine: Fake) -> (Fake, User) {
        let machine = machine.with_user("deploy", 1000);
        let account = User { home: Some(home.into()), ..machine.user("deploy").unwrap().unwrap() };
        (machine.with_account(account.clone()), account)
    }

    #[test]
    fn a_home_goes_only_when_nobody_loses_anything_by_it() {
        let mount =
            "22 1 253:0 / /srv/deploy/data rw - ext4 /dev/vdb rw\n23 1 253:0 / /mnt/disk rw - ext4 /dev/vdc rw\n";
        let machine = || {
            let other =
                User { home: Some("/srv/two".into()), ..Fake::new().with_user("ann", 7).user("ann").unwrap().unwrap() };
            let inside =
                User { home: Some("/srv/all/bob".into()), name: "bob".to_owned(), uid: Some(8), ..other.clone() };
            let directories =
                ["/", "/usr/sbin", "/var/lib", "/root", "/srv/two", "/srv/all", "/srv/deploy", "/mnt/disk"];
            let machine = Fake::new().with_account(other).with_account(inside).with_link("/srv/link", "/var/lib");
            let machine = machine.with_file("/proc/self/mountinfo", mount);
            directories.into_iter().fold(machine, |machine, path| machine.with_entry(path, of("deploy")))
        };
        for (home, why) in [
            ("/", "the home `/` of `deploy` is a directory of the system"),
            ("/usr/sbin", "the home `/usr/sbin` of `deploy` is a directory of the system"),
            ("/srv/link", "the home `/srv/link` of `deploy` is a directory of the system"),
            ("/root", "the home `/root` of `deploy` is that of `root`"),
            ("/srv/two", "the home `/srv/two` of `deploy` is that of `ann` too"),
            ("/srv/all", "in the home `/srv/all` of `deploy` is that of `bob`, `/srv/all/bob`"),
            ("/mnt/disk", "the home `/mnt/disk` of `deploy` is a mount point"),
            ("/srv/deploy", "in the home `/srv/deploy` of `deploy` is a mount point, `/srv/deploy/data`"),
        ] {
            let (machine, account) = deploy(home, machine());
            for refused in
                [may_be_removed(&account, &machine), may_be_moved(&account, Path::new("/home/new"), &machine)]
            {
                assert_eq!(with_hints(&refused.unwrap_err()), format!("{why}{HINT}"));
            }
        }
        let (machine, account) = deploy("/home/deploy", Fake::new());
        may_be_removed(&account, &machine).expect("there is none");
        let machine = machine.with_entry("/home/deploy", of("deploy"));
        may_be_removed(&account, &machine).expect("it is its own");
        may_be_moved(&account, Path::new("/home/new"), &machine).expect("nothing is there");
        let machine = machine.with_entry("/home/deploy", of("root"));
        assert!(may_be_removed(&account, &machine).unwrap_err().to_string().ends_with("of `deploy` belongs to `root`"));
        may_be_moved(&account, Path::new("/home/new"), &machine).expect("it moves as it is");
    }

    #[test]
    fn a_large_home_comes_back_empty() {
        let (machine, account) = deploy("/home/deploy", Fake::new().with_entry("/home/deploy", of("deploy")));
        let removal = Op::Account(AccountChange::RemoveUser { user: account.clone(), manage_home: true });
        let machine = machine.with_file("/home/deploy/small", "x");
        assert_eq!(goes_along(&account, &machine).unwrap(), [""; 0]);
        assert_eq!(Undo::of(&removal, &machine).unwrap().grade, Grade::Exact);
        let letter = Entry { kind: EntryKind::File { content: "dear".into() }, ..of("deploy") };
        let with_mail = machine.clone().with_entry("/var/mail/deploy", letter);
        assert_eq!(goes_along(&account, &with_mail).unwrap(), ["the mail in `/var/mail/deploy` goes with the account"]);
        let of_another = machine.clone().with_file("/var/mail/deploy", "dear");
        assert_eq!(goes_along(&account, &of_another).unwrap(), [""; 0], "userdel leaves it");
        let machine = machine.with_file("/home/deploy/large", Blob::from(vec![0; (64 << 20) + 1]));
        assert!(goes_along(&account, &machine).unwrap()[0].contains("too large to be kept"));
        let undo = Undo::of(&removal, &machine).unwrap();
        assert_eq!(undo.grade, Grade::BestEffort);
        assert_eq!(undo.note.as_deref(), Some("`/home/deploy` comes back empty: it was too large to be kept"));
        assert!(matches!(undo.operations.last(), Some(Op::Mkdir { path, .. }) if path == Path::new("/home/deploy")));
    }
}
