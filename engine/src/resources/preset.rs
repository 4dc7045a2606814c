//! Presets of systemd: what the distribution, and the administrator before it, say of which units start at boot.
//!
//! Source: systemd.preset(5).
use std::{collections::BTreeMap, path::Path};

use super::entry::{resolve, text_of};
use crate::{
    Error, Result,
    host::{Init, Probe, ServiceVerb, unit_name},
};

/// What the presets say of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    /// It starts at boot, as does a unit that none of them names.
    Enable,
    /// It does not.
    Disable,
    /// That is left as it is.
    Ignore,
}

/// What to do with a unit that is to be as they say; `None`: nothing.
pub(crate) fn verb(unit: &str, probe: &dyn Probe) -> Result<Option<ServiceVerb>> {
    match probe.init()? {
        Init::Systemd | Init::SystemdOffline => {}
        Init::OpenRc | Init::SysV | Init::None => {
            return Err(Error::failed(format!("unit `{}` has no preset: this is no systemd", unit))
                .hint("say `enable` or `disable`"));
        }
    }
    Ok(match of(unit, probe)? {
        Preset::Enable => Some(ServiceVerb::Enable),
        Preset::Disable => Some(ServiceVerb::Disable),
        Preset::Ignore => None,
    })
}

/// What they say of this unit, which as `USER/UNIT` is one of a user's own systemd.
fn of(unit: &str, probe: &dyn Probe) -> Result<Preset> {
    let (user, unit) = unit_name::of_user(unit);
    let folder = if user.is_some() { "user-preset" } else { "system-preset" };
    // A file hides those of the same name in weaker places; together they are read in the order of their names.
    let mut files = BTreeMap::new();
    for place in unit_name::PLACES {
        let place = Path::new(place).with_file_name(folder);
        for name in probe.list(&place)? {
            if Path::new(&name).extension().is_some_and(|end| end == "preset") {
                let path = place.join(&name);
                files.entry(name).or_insert(path);
            }
        }
    }
    for path in files.values() {
        let (_, entry) = resolve(path, probe)?;
        if let Some(preset) = text_of(entry.as_ref()).and_then(|text| text.lines().find_map(|line| said(line, unit))) {
            return Ok(preset);
        }
    }
    Ok(Preset::Enable)
}

/// What a line says of a unit, if it is about it.
fn said(line: &str, unit: &str) -> Option<Preset> {
    let mut words = line.split_whitespace();
    let preset = match words.next()? {
        "enable" => Preset::Enable,
        "disable" => Preset::Disable,
        "ignore" => Preset::Ignore,
        _ => return None,
    };
    let pattern = words.next()?;
    // `enable getty@.service tty1 tty2` is about these instances.
    let instance = unit.split_once('@').and_then(|(_, rest)| rest.rsplit_once('.')).map(|(instance, _)| instance);
    let named = unit_name::template(unit).is_some_and(|template| template == pattern)
        && words.any(|word| Some(word) == instance);
    (named || matches(pattern.as_bytes(), unit.as_bytes())).then_some(preset)
}

/// Whether a name is as a shell's pattern says: `*`, `?` and `[a-z]`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        b'*' => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        b'[' if rest.iter().skip(1).any(|byte| *byte == b']') => {
            let end = rest.iter().skip(1).position(|byte| *byte == b']').map_or(0, |at| at + 1);
            name.split_first()
                .is_some_and(|(byte, name)| in_set(&rest[..end], *byte) && matches(&rest[end + 1..], name))
        }
        _ => name.split_first().is_some_and(|(byte, name)| (*first == b'?' || first == byte) && matches(rest, name)),
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let (negated, mut set) = match set {
        [b'!' | b'^', set @ ..] => (true, set),
        set => (false, set),
    };
    let mut found = false;
    while let [low, rest @ ..] = set {
        (found, set) = match rest {
            [b'-', high, rest @ ..] => (found || (*low..=*high).contains(&byte), rest),
            rest => (found || *low == byte, rest),
        };
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::{Preset, matches, of};
    use crate::host::Fake;

    const ETC: &str = "/etc/systemd/system-preset";
    const LIB: &str = "/usr/lib/systemd/system-preset";

    fn machine() -> Fake {
        Fake::new()
            .with_file(
                format!("{LIB}/90-systemd.preset"),
                "# all of them\nenable getty@.service tty1 tty2\nenable a*.service\n",
            )
            .with_file(format!("{LIB}/99-default-disable.preset"), "disable *\n")
            .with_file(format!("{LIB}/notes"), "enable *\n")
    }

    #[test]
    fn the_first_line_that_names_a_unit_holds() {
        let of = |unit: &str| of(unit, &machine()).unwrap();
        assert_eq!(of("apache.service"), Preset::Enable);
        assert_eq!(of("nginx.service"), Preset::Disable);
        assert_eq!((of("getty@tty1.service"), of("getty@tty3.service")), (Preset::Enable, Preset::Disable));
        // Those of the system are none of a user's.
        assert_eq!(of("ana/nginx.service"), Preset::Enable);
    }

    #[test]
    fn a_file_of_the_administrator_comes_before_that_of_the_same_name_and_by_its_own() {
        let own = machine().with_file(format!("{ETC}/50-own.preset"), "disable apache.service\nignore b.service\n");
        assert_eq!(of("apache.service", &own).unwrap(), Preset::Disable);
        assert_eq!(of("b.service", &own).unwrap(), Preset::Ignore);
        let hidden = machine().with_link(format!("{ETC}/99-default-disable.preset"), "/dev/null");
        assert_eq!(of("nginx.service", &hidden).unwrap(), Preset::Enable);
    }

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name) in
            [("a*", "a"), ("*.s", "a.b.s"), ("a?c", "abc"), ("[a-c]x", "bx"), ("[!a]x", "bx"), ("[", "[")]
        {
            assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("a?", "a"), ("[a-c]x", "dx"), ("[!a]x", "ax"), ("", "a"), ("*b", "abc")] {
            assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }
}
