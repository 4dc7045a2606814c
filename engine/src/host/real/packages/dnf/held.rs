//! Packages that are held at their versions: the lists of the versionlock plugin of dnf 4 and of yum, and dnf 5's own.
use std::path::Path;

use super::super::directory::text_of;
use crate::Result;

/// The lists, with how each of them writes a package.
const LISTS: [(&str, Form); 3] = [
    ("etc/dnf/plugins/versionlock.list", Form::Lines),
    ("etc/yum/pluginconf.d/versionlock.list", Form::Lines),
    ("etc/dnf/versionlock.toml", Form::Tables),
];

#[derive(Clone, Copy)]
enum Form {
    /// `NAME-EPOCH:VERSION-RELEASE.ARCH` of dnf, `EPOCH:NAME-VERSION-RELEASE.ARCH` of yum; with `!` in front, a version is
    /// kept out, which holds nothing.
    Lines,
    /// `name = "NAME"` below `[[packages]]`.
    Tables,
}

/// Names of packages that are held.
pub fn held(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (path, form) in LISTS {
        let Some(text) = text_of(&root.join(path))? else { continue };
        match form {
            Form::Lines => names.extend(text.lines().filter_map(of_line).map(str::to_owned)),
            Form::Tables => names.extend(of_tables(&text)),
        }
    }
    Ok(names)
}

fn of_line(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', '!']) {
        return None;
    }
    let line = match line.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        Some(_) | None => line,
    };
    let mut parts = line.rsplitn(3, '-');
    let (release, version, name) = (parts.next(), parts.next(), parts.next());
    let begins =
        |part: Option<&str>| part.is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit() || c == '*'));
    // A name alone is a line too, whatever dashes it has; a pattern of names is for dnf to judge.
    Some(name.filter(|_| begins(version) && release.is_some()).unwrap_or(line))
}

fn of_tables(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut in_package = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_package = line.replace(' ', "").starts_with("[[packages]]");
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|first| "\"'".contains(*first));
        let Some(text) = quote.and_then(|quote| value[1..].split(quote).next()) else { continue };
        match (in_package, key.trim()) {
            (true, "name") => names.push(text.to_owned()),
            // A version that is kept out holds nothing.
            (false, "comparator") if text == "!=" => drop(names.pop()),
            (true | false, _) => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{of_line, of_tables};

    #[test]
    fn the_name_in_a_line() {
        for (line, name) in [
            ("lab-app-0:1.0-1.*", Some("lab-app")),
            ("bind-utils-32:9.16.23-18.el9.x86_64", Some("bind-utils")),
            ("32:bind-9.11.4-26.el7.*", Some("bind")),
            ("lab-app", Some("lab-app")),
            ("lab-app-*", Some("lab-app-*")),
            ("!lab-app-0:1.0-1.*", None),
            ("# Added locks on Sat Nov 28", None),
            ("", None),
        ] {
            assert_eq!(of_line(line), name, "{line}");
        }
    }

    #[test]
    fn names_in_tables() {
        let text = "version = \"1.0\"\n\n[[packages]]\nname = \"lab-app\"\n[[packages.conditions]]\nkey = \"evr\"\n\
                    comparator = \"=\"\nvalue = \"1.0-1\"\n[[packages]]\ncomment = \"x\"\nname = 'lab-doc' # both\n\
                    [[packages]]\nname = \"lab-out\"\n[[packages.conditions]]\ncomparator = \"!=\"\n";
        assert_eq!(of_tables(text), ["lab-app", "lab-doc"]);
    }
}
