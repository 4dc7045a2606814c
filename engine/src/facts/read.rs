//! Reading small system files through a probe. What cannot be read is not known: no fact is worth an error.
use std::path::{Path, PathBuf};

use crate::host::{EntryKind, Probe};

/// Links followed at the end of a path: `/etc/os-release` is one, an image may stack a few.
const LINKS: usize = 8;

/// Text of a file, links followed.
pub(super) fn text(probe: &dyn Probe, path: &str) -> Option<String> {
    let mut path = PathBuf::from(path);
    for _ in 0..LINKS {
        match probe.entry(&path).ok()??.kind {
            EntryKind::File { content } => return Some(String::from_utf8_lossy(content.bytes()?).into_owned()),
            EntryKind::Link { target } => path = path.parent()?.join(target),
            EntryKind::Directory | EntryKind::Other { .. } => return None,
        }
    }
    None
}

/// One line of text without the space around it; an empty one is not known.
pub(super) fn line(probe: &dyn Probe, path: &str) -> Option<String> {
    let text = text(probe, path)?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Where a link points, as written in it.
pub(super) fn link(probe: &dyn Probe, path: &str) -> Option<PathBuf> {
    match probe.entry(Path::new(path)).ok()??.kind {
        EntryKind::Link { target } => Some(target),
        EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. } => None,
    }
}

/// Whether anything is there.
pub(super) fn exists(probe: &dyn Probe, path: &str) -> bool {
    matches!(probe.entry(Path::new(path)), Ok(Some(_)))
}

/// Assignments as a shell reads them, in order: comments, quotes and backslashes. Source: os-release(5).
pub(super) fn assignments(text: &str) -> Vec<(String, String)> {
    let assignment = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        let sound = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        sound.then(|| (key.to_owned(), unquoted(value)))
    };
    text.lines().filter_map(assignment).collect()
}

fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inner = quote.map_or(value, |quote| {
        let inner = &value[1..];
        inner.strip_suffix(quote).unwrap_or(inner)
    });
    if quote == Some('\'') {
        return inner.to_owned();
    }
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        if c == '\\' { plain.extend(characters.next()) } else { plain.push(c) }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{assignments, line, text};
    use crate::host::Fake;

    #[test]
    fn assignments_are_read_as_a_shell_reads_them() {
        let text = "# c\nA=1\nB=\"two \\\"words\\\" \\$5\"\nC='x\"\\y'\n\nbad line\n=x\nD=\nE=\"open\n";
        let pairs: Vec<_> = assignments(text);
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "two \"words\" $5"), ("C", "x\"\\y"), ("D", ""), ("E", "open")]);
    }

    #[test]
    fn links_are_followed_and_circles_are_not_known() {
        let fake = Fake::new()
            .with_file("/usr/lib/os-release", "ID=x\n")
            .with_link("/etc/os-release", "../usr/lib/os-release")
            .with_link("/etc/a", "b")
            .with_link("/etc/b", "a")
            .with_file("/etc/empty", "\n");
        assert_eq!(text(&fake, "/etc/os-release").as_deref(), Some("ID=x\n"));
        assert_eq!(text(&fake, "/etc/a"), None);
        assert_eq!(text(&fake, "/etc"), None);
        assert_eq!(line(&fake, "/etc/empty"), None);
    }
}
