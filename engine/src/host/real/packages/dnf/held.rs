//! Packages that are held at their versions: the lists of the versionlock plugin of dnf 4 and of yum, and dnf 5's own.
use std::path::Path;

use toml::de::DeTable;

use super::{
    super::directory::text_of,
    groups::table,
    program::{Generation, Program},
};
use crate::{Error, Result};

/// The list of dnf 5. Source: dnf5-versionlock(8).
const TABLES: &str = "etc/dnf/versionlock.toml";

/// Architectures of rpm, as far as packages have them.
const ARCHITECTURES: [&str; 11] =
    ["noarch", "x86_64", "i686", "i586", "i486", "i386", "aarch64", "armv7hl", "ppc64le", "s390x", "riscv64"];

/// What holds packages, in the order of the list.
#[derive(Debug, Default)]
pub struct Held(Vec<Entry>);

/// An entry of the list, with the patterns of the names that it holds.
#[derive(Debug, PartialEq)]
struct Entry {
    text: String,
    names: Vec<String>,
}

impl Held {
    /// What the list of the program that changes packages holds; where there is none, nothing does.
    pub fn of(root: &Path) -> Result<Self> {
        Program::of(root).map_or_else(|_| Ok(Self::default()), |program| Self::read(root, program.generation))
    }

    fn read(root: &Path, generation: Generation) -> Result<Self> {
        let settings = match generation {
            Generation::Three => "etc/yum/pluginconf.d/versionlock.conf",
            Generation::Four => "etc/dnf/plugins/versionlock.conf",
            // It knows no plugins of dnf's.
            Generation::Micro => return Ok(Self::default()),
            Generation::Five => {
                let Some(text) = text_of(&root.join(TABLES))? else { return Ok(Self::default()) };
                let names = of_tables(&table(TABLES, &text)?);
                return Ok(Self(
                    names.into_iter().map(|name| Entry { text: name.clone(), names: vec![name] }).collect(),
                ));
            }
        };
        let settings = text_of(&root.join(settings))?.unwrap_or_default();
        let Some(list) = list_of(&settings) else { return Ok(Self::default()) };
        let text = text_of(&root.join(list.trim_start_matches('/')))?.unwrap_or_default();
        // Neither program strips a line before it looks for the sign of a comment.
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim).filter(|line| !line.is_empty());
        let names = if generation == Generation::Three { of_yum } else { of_dnf };
        let entry = |line: &str| {
            let names = names(line).map_err(|why| {
                Error::failed(format!("the line `{line}` of `{list}`, the list of versionlock, {why}"))
                    .hint("write it as `dnf versionlock add` does, or remove it")
            })?;
            Ok(Entry { text: line.to_owned(), names })
        };
        lines.map(entry).collect::<Result<_>>().map(Self)
    }

    /// The entry by which a package is held.
    pub fn by(&self, name: &str) -> Option<&str> {
        let (plain, _) = with_architecture(name);
        let entry = self.0.iter().find(|entry| entry.names.iter().any(|pattern| like(pattern, plain)))?;
        Some(&entry.text)
    }

    /// Whether a package is held.
    pub fn holds(&self, name: &str) -> bool {
        self.by(name).is_some()
    }
}

/// A name, and its architecture where it has one.
pub fn with_architecture(name: &str) -> (&str, Option<&str>) {
    let parted = name.rsplit_once('.').filter(|(_, end)| ARCHITECTURES.contains(end));
    parted.map_or((name, None), |(name, architecture)| (name, Some(architecture)))
}

/// The list that the plugin's settings name; nothing when the plugin is not there, is off, or has no list.
fn list_of(settings: &str) -> Option<&str> {
    let mut list = None;
    let mut in_main = false;
    for line in settings.lines().filter(|line| !line.starts_with(['#', ';'])) {
        if line.starts_with('[') {
            in_main = line.trim_end() == "[main]";
        } else if let (true, Some((key, value))) = (in_main, line.split_once('=')) {
            let value = value.trim();
            match key.trim() {
                "locklist" => list = Some(value),
                "enabled" if ["0", "no", "false", "off"].contains(&value.to_ascii_lowercase().as_str()) => return None,
                _ => {}
            }
        }
    }
    list.filter(|list| !list.is_empty())
}

/// Names that a line of the plugin of dnf 4 holds: `NAME-EPOCH:VERSION-RELEASE.ARCH`, any of them a pattern.
///
/// Where it has no epoch, the plugin tries one way after the other to part it, and keeps back all versions of each name that
/// it has tried but those that the line is about: `lab-app-x` holds `lab-app`, and `lab-app`, which is about all versions,
/// does not. Source: dnf-plugins-core, versionlock.py, and what it was seen to do.
fn of_dnf(line: &str) -> Result<Vec<String>, String> {
    // It leaves out what it cannot part, and versions that are kept out hold nothing.
    if line.starts_with('!') || line.contains(|c: char| c.is_whitespace() || "(/=<>".contains(c)) {
        return Ok(Vec::new());
    }
    plain(line)?;
    if let Some((before, rest)) = line.split_once(':') {
        let Some((name, epoch)) = before.rsplit_once('-') else { return Ok(Vec::new()) };
        let sound = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) && !rest.contains(':');
        return Ok(if sound && !is_all(rest) { vec![name.to_owned()] } else { Vec::new() });
    }
    let mut names = Vec::new();
    let parts: Vec<&str> = line.rsplitn(3, '-').collect();
    if let &[release, version, name] = parts.as_slice()
        && !(is_all(version) && is_all(release))
    {
        names.push(name.to_owned());
    }
    let version = line.rsplit_once('-').filter(|(_, version)| !is_all(version));
    names.extend(version.map(|(name, _)| name.to_owned()));
    let end = line.rsplit_once('.').filter(|(_, end)| !end.contains('-') && !is_all(end));
    // One architecture of a package is all of its versions.
    names.extend(end.filter(|(_, end)| !ARCHITECTURES.contains(end)).map(|(name, _)| name.to_owned()));
    Ok(names)
}

/// The name that a line of yum's plugin holds: `EPOCH:NAME-VERSION-RELEASE.ARCH`.
fn of_yum(line: &str) -> Result<Vec<String>, String> {
    if line.starts_with('!') {
        return Ok(Vec::new());
    }
    let line = line
        .split_once(':')
        .filter(|(epoch, _)| epoch.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(line, |(_, rest)| rest);
    plain(line)?;
    let parts: Vec<&str> = line.rsplitn(3, '-').collect();
    match parts.as_slice() {
        &[release, _, name] if release.contains('.') && !name.contains(['*', '?']) => Ok(vec![name.to_owned()]),
        _ => Err("is not understood: it is no `EPOCH:NAME-VERSION-RELEASE.ARCH`".to_owned()),
    }
}

fn plain(line: &str) -> Result<(), String> {
    if line.contains(['[', ']']) { Err("is not understood: it has a set of letters".to_owned()) } else { Ok(()) }
}

/// Whether a pattern is of everything.
fn is_all(pattern: &str) -> bool {
    pattern.bytes().all(|byte| b"*-.".contains(&byte))
}

/// Whether a word is like a pattern, where `*` is any text and `?` any letter.
fn like(pattern: &str, word: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => word.is_empty(),
        Some(("*", rest)) => word.char_indices().map(|(at, _)| &word[at..]).chain([""]).any(|word| like(rest, word)),
        Some(("?", rest)) => word.chars().next().is_some_and(|first| like(rest, &word[first.len_utf8()..])),
        Some((first, rest)) => word.strip_prefix(first).is_some_and(|word| like(rest, word)),
    }
}

/// Names below `[[packages]]`. Only where a version is kept out, nothing is held.
fn of_tables(list: &DeTable<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for package in tables(list, "packages") {
        let mut signs = tables(package, "conditions").filter_map(|condition| text(condition, "comparator"));
        if signs.any(|sign| sign != "!=") {
            names.extend(text(package, "name").map(str::to_owned));
        }
    }
    names
}

fn tables<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> impl Iterator<Item = &'t DeTable<'a>> {
    let items = table.get(key).and_then(|value| value.get_ref().as_array());
    items.into_iter().flat_map(|items| items.iter()).filter_map(|item| item.get_ref().as_table())
}

fn text<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Generation, Held, list_of, of_dnf, of_yum};

    #[test]
    fn lines_of_dnf_hold_what_the_plugin_was_seen_to_hold() {
        for (line, held) in [
            ("lab-app-0:1.0-1.*", true),
            ("lab-app-0:1.*", true),
            ("lab-*-0:1.0*", true),
            ("lab-app-1.0", true),
            ("lab-app-3.0", true),
            ("lab-app-0:3.0-*", true),
            ("lab-app-0:1.0-1.x86_64", true),
            ("lab-app-foo", true),
            ("lab-app-foo-bar", true),
            ("lab-app.foo", true),
            // All versions are those of a name alone.
            ("lab-app", false),
            ("lab-ap?", false),
            ("*", false),
            ("lab-app-*", false),
            ("lab-app.noarch", false),
            ("LAB-APP-0:1.0-1.*", false),
            ("lab-small-01-0:1.0-1.*", false),
            // It says of these that it cannot part them.
            ("lab-app-1.0-1 # why", false),
            ("# lab-app-0:1.0-1.*", false),
            ("lab-app = 1.0", false),
            ("0:lab-app-1.0-1.noarch", false),
            // Kept out, not held.
            ("!lab-app-0:2.0-1.*", false),
        ] {
            let names = of_dnf(line).unwrap();
            assert_eq!(names.iter().any(|name| super::like(name, "lab-app")), held, "{line} {names:?}");
        }
        assert!(of_dnf("lab-ap[p]-0:1.0-1.*").unwrap_err().contains("a set of letters"));
    }

    #[test]
    fn lines_of_yum_hold_one_name() {
        assert_eq!(of_yum("32:bind-9.11.4-26.el7.*").unwrap(), ["bind"]);
        assert_eq!(of_yum("0:kernel-core-3.10.0-1160.el7.*").unwrap(), ["kernel-core"]);
        assert_eq!(of_yum("!0:bind-9.11.4-26.el7.*").unwrap(), [""; 0]);
        for bad in ["bind", "0:bind*-9.11.4-26.el7.*", "0:bind-9-[12].*"] {
            assert!(of_yum(bad).unwrap_err().starts_with("is not understood"), "{bad}");
        }
    }

    #[test]
    fn the_list_is_where_the_settings_say() {
        let shipped = "[main]\nenabled = 1\nlocklist = /etc/dnf/plugins/versionlock.list\n";
        assert_eq!(list_of(shipped), Some("/etc/dnf/plugins/versionlock.list"));
        for (settings, list) in [
            ("[main]\nlocklist=/etc/other.list\n", Some("/etc/other.list")),
            ("[main]\nlocklist=/etc/other.list\nenabled=0\n", None),
            ("[main]\n#locklist=/etc/other.list\n", None),
            ("[other]\nlocklist=/etc/other.list\n", None),
            ("[main]\nlocklist=\n", None),
            ("", None),
        ] {
            assert_eq!(list_of(settings), list, "{settings}");
        }
    }

    #[test]
    fn each_program_has_a_list_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let by = |generation, name: &str| {
            Held::read(root.path(), generation)
                .map(|held| held.by(name).map(str::to_owned))
                .map_err(|error| error.to_string())
        };
        assert_eq!(by(Generation::Four, "lab-app"), Ok(None));
        write("etc/dnf/plugins/versionlock.conf", "[main]\nenabled = 1\nlocklist = /srv/of dnf.list\n");
        write(
            "srv/of dnf.list",
            "\n# Added lock on Sat Nov 28 22:59:18 2026\nlab-web-0:2.0-1.*\n\n# Added exclude on Sat Nov 28 22:59:19 2026\n\
             !lab-app-0:2.0-1.*\n!lab-app-0:1.1-1.*\n\n# Added lock on Sat Nov 28 22:59:20 2026\nkernel*-0:5.*\n",
        );
        write("etc/yum/pluginconf.d/versionlock.conf", "[main]\nenabled = 1\nlocklist = /etc/yum.list\n");
        write("etc/yum.list", "0:lab-yum-1.0-1.*\n");
        write(
            "etc/dnf/versionlock.toml",
            "version = \"1.0\"\n\n[[packages]]\nname = \"lab-app\"\ncomment = \"Added by 'versionlock exclude' command on \
             2026-11-28 22:58:32\"\n\n[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"!=\"\nvalue = \"1.0-1\"\n\n\
             [[packages.conditions]]\nkey = \"evr\"\ncomparator = \"!=\"\nvalue = \"1.1-1\"\n\n[[packages]]\nname = \
             \"lab-doc\"\ncomment = \"Added by 'versionlock add' command on 2026-11-28 22:58:32\"\n\n\
             [[packages.conditions]]\nkey = \"evr\"\ncomparator = \"=\"\nvalue = \"1.0-1\"\n",
        );
        let line = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(by(Generation::Four, "lab-web.noarch"), line("lab-web-0:2.0-1.*"));
        assert_eq!(by(Generation::Four, "kernel-core"), line("kernel*-0:5.*"));
        assert_eq!(by(Generation::Three, "lab-yum"), line("0:lab-yum-1.0-1.*"));
        assert_eq!(by(Generation::Five, "lab-doc"), line("lab-doc"));
        for (generation, name) in [
            (Generation::Four, "lab-app"),
            (Generation::Four, "lab-yum"),
            (Generation::Five, "lab-app"),
            (Generation::Five, "lab-web"),
        ] {
            assert_eq!(by(generation, name), Ok(None), "{name}");
        }
        write("etc/dnf/versionlock.toml", "packages = []\nversion = \"1.0\"\n");
        assert_eq!(by(Generation::Five, "lab-doc"), Ok(None));
        write("srv/of dnf.list", "lab-ap[p]-0:1.0-1.*\n");
        assert_eq!(
            by(Generation::Four, "lab-web").unwrap_err(),
            "the line `lab-ap[p]-0:1.0-1.*` of `/srv/of dnf.list`, the list of versionlock, is not understood: it has a set of letters"
        );
    }
}
