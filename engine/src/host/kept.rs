//! A line of a file that a program alone writes.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    command::Command,
    probe::{Entry, EntryKind, Probe},
};
use crate::Result;

/// A line of a file that only a program of its own may change, and does: where it is, what it is to be, and by which commands
/// that comes about and is taken back. So a plan shows what will be there, and an undo knows the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// Whether it is a directory that comes and goes: a line, an empty one, then means that it is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
    /// The words that the line begins with; one more follows, behind a blank or `=`. Empty: it is the file's first line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The line as it is; `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The line as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Commands that make it so, in order.
    pub by: Vec<Command>,
    /// Commands that take it back, in order.
    pub back: Vec<Command>,
    /// The line that they leave, where its program has no way to have it as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty())
}

/// Whether a line is the one that begins with these words.
fn is_of(line: &str, key: &str) -> bool {
    let mut left = words(line);
    !line.starts_with('#') && words(key).all(|word| left.next() == Some(word)) && (key.is_empty() || left.count() == 1)
}

/// The line of a text that begins with the words of a key.
#[must_use]
pub fn line_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find(|line| is_of(line, key))
}

/// Whether two lines say the same: programs differ in the blanks that they put between words.
#[must_use]
pub fn same(one: Option<&str>, other: Option<&str>) -> bool {
    one.map(|line| line.split_whitespace().collect::<Vec<_>>())
        == other.map(|line| line.split_whitespace().collect::<Vec<_>>())
}

fn text(entry: Option<&Entry>) -> String {
    match entry.map(|entry| &entry.kind) {
        Some(EntryKind::File { content }) => String::from_utf8_lossy(content.bytes().unwrap_or_default()).into_owned(),
        Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => String::new(),
    }
}

impl Kept {
    /// What takes it back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let Self { path, directory, key, from, to, by, back, left } = self.clone();
        Self { path, directory, key, from: to, to: left.or(from), by: back, back: by, left: None }
    }

    /// The line as it is now.
    pub(crate) fn now(&self, probe: &dyn Probe) -> Result<Option<String>> {
        let now = probe.entry(&self.path)?;
        if self.directory {
            return Ok(now.map(|_| String::new()));
        }
        Ok(line_of(&text(now.as_ref()), &self.key).map(str::to_owned))
    }

    /// Whether it is as it should be.
    pub(crate) fn is_done(&self, probe: &dyn Probe) -> Result<bool> {
        Ok(same(self.now(probe)?.as_deref(), self.to.as_deref()))
    }

    /// The file as it will be; `None`: there is nothing left to be in one.
    pub(super) fn applied(&self, now: Option<&Entry>) -> Option<Entry> {
        let mut to = self.to.as_deref();
        let new =
            |kind, mode: u32| Entry { kind, mode: mode.into(), owner: "root".to_owned(), group: "root".to_owned() };
        if self.directory {
            return to.map(|_| new(EntryKind::Directory, 0o700));
        }
        let mut after = String::new();
        let before = text(now);
        for line in before.lines() {
            if !is_of(line, &self.key) {
                after += line;
            } else if let Some(line) = to.take() {
                after += line;
            } else {
                continue;
            }
            after.push('\n');
        }
        if let Some(line) = to {
            after += line;
            after.push('\n');
        }
        if after.is_empty() {
            return None;
        }
        // Files of the kernel's have no end of line.
        if !before.is_empty() && !before.ends_with('\n') {
            after.pop();
        }
        let kind = EntryKind::File { content: after.as_str().into() };
        Some(match now {
            Some(now) => Entry { kind, ..now.clone() },
            None => new(kind, 0o600),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, line_of, text};

    #[test]
    fn a_line_is_found_by_the_words_it_begins_with() {
        let file = "# a b\n\n/srv    --    x_t\n/srv    y_t\nswitch=1\nportcon tcp 80 z_t\n";
        assert_eq!(line_of(file, "/srv"), Some("/srv    y_t"));
        assert_eq!(line_of(file, "/srv --"), Some("/srv    --    x_t"));
        assert_eq!(line_of(file, "switch"), Some("switch=1"));
        assert_eq!(line_of(file, "portcon tcp 80"), Some("portcon tcp 80 z_t"));
        assert_eq!((line_of(file, "portcon"), line_of(file, "a")), (None, None));
        assert_eq!(line_of("1 1", ""), Some("1 1"));
    }

    #[test]
    fn a_line_comes_changes_and_goes() {
        let kept = |from: Option<&str>, to: Option<&str>| Kept {
            path: "/x".into(),
            directory: false,
            key: "a".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            by: Vec::new(),
            back: Vec::new(),
            left: None,
        };
        let made = kept(None, Some("a=1")).applied(None);
        assert_eq!(text(made.as_ref()), "a=1\n");
        let other = kept(Some("a=1"), Some("a=2")).applied(made.as_ref());
        assert_eq!(text(other.as_ref()), "a=2\n");
        assert_eq!(kept(Some("a=1"), Some("a=2")).inverse().applied(other.as_ref()), made);
        assert_eq!(kept(Some("a=1"), None).applied(made.as_ref()), None);
    }
}
