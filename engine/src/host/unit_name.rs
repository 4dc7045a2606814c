//! Names of units: of the system's, `web.service`, and of those of a user's own systemd, `ana/web.service`.
use std::path::{Path, PathBuf};

/// Suffixes that name a unit's kind. Source: systemd.unit(5).
pub(crate) const KINDS: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

/// Where unit files lie, the strongest place first.
pub(crate) const PLACES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// What a unit's name may be at most, in bytes.
const LONGEST: usize = 255;

/// The user whose systemd a unit belongs to, and its name there.
pub(crate) fn of_user(unit: &str) -> (Option<&str>, &str) {
    unit.split_once('/').map_or((None, unit), |(user, unit)| (Some(user), unit))
}

/// The paths of the files that may define a unit, the strongest first: its own, then its template's. `home` is its user's.
pub(crate) fn files(whole: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let (user, name) = of_user(whole);
    let mut places: Vec<PathBuf> = PLACES.iter().map(PathBuf::from).collect();
    if user.is_some() {
        places = places.iter().map(|place| place.with_file_name("user")).collect();
        places.splice(0..0, home.map(|home| home.join(".config/systemd/user")));
    }
    let names = [Some(name.to_owned()), template(name)];
    names.iter().flatten().flat_map(|name| places.iter().map(move |place| place.join(name))).collect()
}

/// The whole name of a unit: a name without the suffix of a unit kind means a service (`foo.bar` is `foo.bar.service`).
///
/// # Errors
/// The sentence to show when it can name no unit. What passes is safe as a file name and as a command's argument.
pub(crate) fn whole(name: &str) -> Result<String, String> {
    if let (Some(user), unit) = of_user(name) {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        let sound = user.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && user.bytes().all(letter);
        return if sound && !unit.contains('/') {
            whole(unit).map(|unit| format!("{user}/{unit}"))
        } else {
            Err(format!("`{name}` is no unit of a user: `USER/UNIT` is one"))
        };
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let kind = name.rsplit_once('.').filter(|(stem, kind)| !stem.is_empty() && KINDS.contains(kind));
    let whole = if kind.is_some() { name.to_owned() } else { format!("{name}.service") };
    let sound = !name.is_empty()
        && !name.starts_with(['-', '.', '@'])
        && name.bytes().all(known)
        && name.matches('@').count() <= 1
        && whole.len() <= LONGEST;
    if sound { Ok(whole) } else { Err(format!("`{name}` is no unit name: letters, digits and `:-_.\\@` make one")) }
}

/// The template that an instance is made from: `getty@.service` of `getty@tty1.service`.
pub(crate) fn template(whole: &str) -> Option<String> {
    let (prefix, rest) = whole.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{files, template, whole};

    #[test]
    fn a_plain_name_is_a_service() {
        for (name, unit) in [
            ("named", "named.service"),
            ("named.service", "named.service"),
            ("apt-daily.timer", "apt-daily.timer"),
            ("getty@tty1", "getty@tty1.service"),
            ("php8.2-fpm", "php8.2-fpm.service"),
            ("dev-sda1.swap", "dev-sda1.swap"),
            (r"mnt-a\x2db.mount", r"mnt-a\x2db.mount"),
        ] {
            assert_eq!(whole(name).as_deref(), Ok(unit));
        }
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for name in [
            "",
            "-a",
            "--root=/x",
            "a b",
            "../x",
            "/x",
            "-a/b",
            "a/",
            "a/b/c",
            "a/../b",
            "a b/c",
            ".service",
            "@x",
            "a@b@c",
            "ä",
            "a\n",
            &"x".repeat(249),
        ] {
            assert!(whole(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_unit_of_a_user_is_searched_where_users_have_theirs() {
        assert_eq!(whole("ana/web").as_deref(), Ok("ana/web.service"));
        let paths = files("ana/web@a.service", Some("/home/ana".as_ref()));
        assert_eq!(
            paths[..2],
            [Path::new("/home/ana/.config/systemd/user/web@a.service"), Path::new("/etc/systemd/user/web@a.service")]
        );
        assert_eq!(paths[6], Path::new("/home/ana/.config/systemd/user/web@.service"));
        assert_eq!(files("web.service", None)[0], Path::new("/etc/systemd/system/web.service"));
    }

    #[test]
    fn instances_know_their_template() {
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template("a@b.c.timer").as_deref(), Some("a@.timer"));
        assert_eq!(template("getty@.service"), None);
        assert_eq!(template("named.service"), None);
    }
}
