//! What of an account or a group shadow's tools do not bring back once it is gone: its lines in files that no change of ours is about.
use std::path::Path;

use super::{Group, Probe, User, account_defaults::AccountDefaults, follow};
use crate::Result;

/// Days from which on a password does not end. Source: chage(1).
const NEVER: u32 = 10_000;

/// What of an account is lost with it, beside its files. Source: userdel(8).
pub(super) fn of_user(user: &User, system: bool, probe: &dyn Probe) -> Result<Vec<String>> {
    let mut lost = Vec::new();
    if ages(&user.name, system, probe)? {
        lost.push("the limits of its password's age".to_owned());
    }
    for file in ["/etc/subuid", "/etc/subgid"] {
        let number = user.uid.map(|uid| uid.to_string());
        let of_it = |fields: &Vec<&str>| fields[0] == user.name || Some(fields[0]) == number.as_deref();
        if rows(&text(file, probe)?).any(|fields| of_it(&fields)) {
            lost.push(format!("its ranges in `{file}`"));
        }
    }
    for fields in rows(&text("/etc/gshadow", probe)?) {
        if fields.get(2).is_some_and(|names| names.split(',').any(|name| name == user.name)) {
            lost.push(format!("that it administers group `{}`", fields[0]));
        }
    }
    Ok(lost)
}

/// What of a group is lost with it, beside its number and members. Source: gshadow(5).
pub(super) fn of_group(name: &str, probe: &dyn Probe) -> Result<Vec<String>> {
    let text = text("/etc/gshadow", probe)?;
    let Some(fields) = rows(&text).find(|fields| fields[0] == name) else { return Ok(Vec::new()) };
    let field = |at: usize| fields.get(at).copied().unwrap_or_default();
    let mut lost = Vec::new();
    if !["", "!", "*", "!!", "!*", "x"].contains(&field(1)) {
        lost.push("its password".to_owned());
    }
    if !field(2).is_empty() {
        lost.push("its administrators".to_owned());
    }
    Ok(lost)
}

/// A group without those of its members that are to go from it, or go with it, and that no account is named as any more: none
/// of the tools takes such a one back. And these.
pub(super) fn members_there(mut group: Group, staying: &[String], probe: &dyn Probe) -> (Group, Vec<String>) {
    // Of what cannot be asked for, the tools tell.
    let gone = |member: &String| !staying.contains(member) && matches!(probe.user(member), Ok(None));
    let (lost, members) = group.members.into_iter().partition(gone);
    group.members = members;
    (group, lost)
}

/// Whether limits of a password's age are lost: `useradd` gives those of login.defs, and none to a system account.
/// Source: shadow(5), useradd(8).
fn ages(name: &str, system: bool, probe: &dyn Probe) -> Result<bool> {
    let text = text("/etc/shadow", probe)?;
    let Some(fields) = rows(&text).find(|fields| fields[0] == name) else { return Ok(false) };
    let defaults = AccountDefaults::read(probe)?;
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    // Its warning means something only where a password ends.
    let limits = |min: Option<&str>, max: Option<&str>, warn: Option<&str>| {
        let end = number(max).filter(|days| *days < NEVER);
        (number(min).unwrap_or(0), end.map(|days| (days, number(warn))))
    };
    let field = |at: usize| fields.get(at).copied();
    let usual = |key: &str| defaults.of_login(key).filter(|_| !system);
    let now = limits(field(3), field(4), field(5));
    // The day of the last change will be that of the undo.
    let counts_days = now.1.is_some() || field(2) == Some("0");
    Ok(counts_days || now != limits(usual("PASS_MIN_DAYS"), usual("PASS_MAX_DAYS"), usual("PASS_WARN_AGE")))
}

fn text(file: &str, probe: &dyn Probe) -> Result<String> {
    Ok(follow::text(Path::new(file), probe)?.unwrap_or_default())
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::{of_group, of_user};
    use crate::host::{Fake, Probe as _};

    fn lost(files: &[(&str, &str)], system: bool) -> Vec<String> {
        let machine = files.iter().fold(Fake::new(), |machine, (path, text)| machine.with_file(path, *text));
        let machine = machine.with_user("ann", 1000);
        of_user(&machine.user("ann").unwrap().unwrap(), system, &machine).unwrap()
    }

    #[test]
    fn limits_of_a_password_that_useradd_gives_anyway_are_not_lost() {
        let defs = ("/etc/login.defs", "PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\n");
        let strict = ("/etc/login.defs", "PASS_MAX_DAYS 90\n");
        let of =
            |fields: &str, defs| lost(&[("/etc/shadow", &format!("root:*:1::::::\nann:!:{fields}:::\n")), defs], false);
        let ages = ["the limits of its password's age"];
        assert_eq!(of("20000:0:99999:7", defs), [""; 0]);
        assert_eq!(of("20000:::", defs), [""; 0], "it never ends either");
        assert_eq!(of("20000:0:99999:7", strict), ages, "it did not end before");
        for fields in ["20000:0:90:7", "20000:2:99999:7", "0:0:99999:7"] {
            assert_eq!(of(fields, defs), ages, "{fields}");
        }
        assert_eq!(of("20000:0:90:7", strict), ages, "the day of its last change");
        assert_eq!(lost(&[("/etc/shadow", "ann:*:20000:0:99999:7:::\n"), strict], true), [""; 0]);
    }

    #[test]
    fn ranges_and_offices_are_lost() {
        assert_eq!(
            lost(
                &[
                    ("/etc/subuid", "bob:1:1\nann:100000:65536\n"),
                    ("/etc/subgid", "1000:100000:65536\n"),
                    ("/etc/gshadow", "adm:*::ann\nops:!:bob,ann:\n"),
                ],
                false
            ),
            ["its ranges in `/etc/subuid`", "its ranges in `/etc/subgid`", "that it administers group `ops`"]
        );
        let machine = Fake::new().with_file("/etc/gshadow", "adm:*::ann\nops:$6$x:bob:\nweb:!::\n");
        assert_eq!(of_group("ops", &machine).unwrap(), ["its password", "its administrators"]);
        assert_eq!(of_group("web", &machine).unwrap(), [""; 0]);
        assert_eq!(of_group("none", &machine).unwrap(), [""; 0]);
    }
}
