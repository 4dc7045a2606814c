//! What a program alone changes, and the machine shows: a line of its file, what is mounted, what is swapped to.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{
    command::Command,
    follow,
    probe::{Entry, EntryKind, Probe},
};
use crate::Result;

/// The kernel's table of mounts.
pub(crate) const MOUNTS: &str = "/proc/self/mountinfo";

const MIB: u64 = 1024 * 1024;

/// A word as it is meant: blanks and such are written as `\040` there and in mountinfo. Source: fstab(5), proc_pid_mountinfo(5).
pub(crate) fn plain(word: &str) -> String {
    let mut parts = word.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(&part.as_bytes()[3..]);
            }
            None => {
                bytes.push(b'\\');
                bytes.extend(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn escaped(word: &str) -> String {
    word.chars().fold(String::new(), |text, c| match c {
        ' ' | '\t' | '\n' | '\\' | '#' => text + &format!("\\{:03o}", u32::from(c)),
        c => text + c.encode_utf8(&mut [0; 4]),
    })
}

/// What is told by a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A line of a file.
    #[default]
    Line,
    /// A directory that comes and goes: a line, an empty one, then means that it is there.
    Directory,
    /// What is mounted there: the last line with this mount point in the kernel's table.
    Mount,
    /// A swap file: its size in MiB, and whether it is in use.
    Swap,
}

impl Shape {
    fn is_line(&self) -> bool {
        *self == Self::Line
    }

    /// Journals of old have `directory`, true or false, in its place.
    fn read<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::Bool(directory) => Ok(if directory { Self::Directory } else { Self::Line }),
            word => serde_json::from_value(word).map_err(D::Error::custom),
        }
    }
}

/// A line of a file that only a program of its own may change, and does: where it is, what it is to be, and by which commands
/// that comes about and is taken back. So a plan shows what will be there, and an undo knows the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// What its line tells.
    #[serde(default, alias = "directory", deserialize_with = "Shape::read", skip_serializing_if = "Shape::is_line")]
    pub shape: Shape,
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
    /// What does not come back with it, beside what its lines tell: then taking it back is best effort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
fn same(one: Option<&str>, other: Option<&str>) -> bool {
    one.map(|line| line.split_whitespace().collect::<Vec<_>>())
        == other.map(|line| line.split_whitespace().collect::<Vec<_>>())
}

/// A line of the kernel's table: root, mount point, type and source. Source: proc_pid_mountinfo(5).
fn mount_of(line: &str) -> Option<[&str; 4]> {
    let (front, back) = line.split_once(" - ")?;
    let (mut front, mut back) = (front.split(' ').skip(3), back.split(' '));
    Some([front.next()?, front.next()?, back.next()?, back.next()?])
}

/// Whether a file system of this type lies in memory alone, and is gone once nothing has it mounted.
pub(crate) fn is_memory(fstype: &str) -> bool {
    matches!(fstype, "tmpfs" | "ramfs")
}

fn is_at(line: &str, point: &Path) -> bool {
    // Where something is only to be mounted once it is used, nothing is yet.
    mount_of(line).is_some_and(|[_, at, fstype, _]| Path::new(&plain(at)) == point && fstype != "autofs")
}

/// Whether two lines are about the same mount, one of which may be a forecast: that knows no number, and a loop device by its file.
fn same_mount(now: &str, line: &str, probe: &dyn Probe) -> Result<bool> {
    let (Some([root, _, _, source]), Some([of_root, _, _, of_source])) = (mount_of(now), mount_of(line)) else {
        return Ok(false);
    };
    let landed = |source: &str| -> Result<PathBuf> {
        let source = PathBuf::from(plain(source));
        Ok(if source.is_absolute() { follow::resolve(&source, probe)?.0 } else { source })
    };
    let looped = |one: &str, other: &str| one.starts_with("/dev/loop") && !other.starts_with("/dev/");
    let same_source = looped(source, of_source) || looped(of_source, source) || landed(source)? == landed(of_source)?;
    Ok(same_source && (root == of_root || of_root == "/" || root == "/"))
}

/// How the line of a swap file ends while it is in use.
const IN_USE: &str = ", in use";

/// What a swap file is, in words.
#[must_use]
pub(crate) fn swap_line(mib: u64, used: bool) -> String {
    format!("a swap file of {mib} MiB{}", if used { IN_USE } else { "" })
}

fn swap_now(path: &Path, probe: &dyn Probe) -> Result<Option<String>> {
    let (parent, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    if !probe.list(parent)?.iter().any(|other| other == name) {
        return Ok(None);
    }
    let size = probe.query(&Command::new(["stat", "-c", "%s", "--", &path.display().to_string()]))?;
    let Ok(bytes) = size.stdout.trim().parse::<u64>() else { return Ok(Some("a file of unknown size".to_owned())) };
    let table = if probe.offline() { None } else { follow::text(Path::new("/proc/swaps"), probe)? }.unwrap_or_default();
    let used = table.lines().filter_map(|line| line.split_whitespace().next()).any(|at| Path::new(&plain(at)) == path);
    Ok(Some(swap_line(bytes.div_ceil(MIB), used)))
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
        let Self { path, shape, key, from, to, by, back, left, .. } = self.clone();
        Self { path, shape, key, from: to, to: left.or(from), by: back, back: by, left: None, note: None }
    }

    /// What does not come back as it was when this is taken back, which then is best effort.
    pub(crate) fn loss(&self) -> Option<String> {
        let at = self.path.display();
        let left = self.left.as_ref().map(|line| format!("in `{at}` stays `{line}`"));
        left.or_else(|| self.note.clone()).or_else(|| {
            if self.brings_memory() {
                return Some(format!("what is in `{at}` by then is lost: it lies in memory"));
            }
            let (Shape::Mount, Some(line), None) = (self.shape, &self.from, &self.to) else { return None };
            let [_, _, fstype, source] = mount_of(line)?;
            if self.binds() || (source.starts_with("/dev/") && !fstype.starts_with("fuse")) {
                None
            } else if is_memory(fstype) {
                Some(format!("what was in `{at}` is lost: it is mounted again, and empty"))
            } else {
                Some(format!("`{at}` is mounted again by what the kernel told of it"))
            }
        })
    }

    /// Whether it mounts a file system that is in memory: what is put there goes with it.
    pub(crate) fn brings_memory(&self) -> bool {
        let fstype = self.to.as_deref().and_then(mount_of).map(|[_, _, fstype, _]| fstype);
        self.shape == Shape::Mount && fstype.is_some_and(is_memory) && !self.binds()
    }

    /// Whether what it mounts, or has mounted again, is there elsewhere too.
    fn binds(&self) -> bool {
        let mut words = self.by.iter().chain(&self.back).flat_map(|command| &command.argv);
        words.any(|word| word.split(',').any(|option| matches!(option, "bind" | "rbind")))
    }

    /// The mount points that lie in what is mounted there, unless they go with it and stay where they came from.
    pub(crate) fn below(&self, table: &str) -> Vec<PathBuf> {
        let number = |line: &str| Some(line.split_once(' ')?.0.to_owned());
        let Some(own) = self.now_in(table).as_deref().and_then(number) else { return Vec::new() };
        // What came along with a tree goes with it, and is still where it came from.
        let all = self.by.iter().any(|command| command.argv.iter().any(|word| word == "-R"));
        let device = |line: &str| line.split(' ').nth(2).map(str::to_owned);
        let elsewhere = |line: &&str| table.lines().filter(|other| device(other) == device(line)).count() > 1;
        let children = table.lines().filter(|line| line.split(' ').nth(1) == Some(own.as_str()));
        let children = children.filter(|line| !(all && elsewhere(line)));
        let points = children.filter_map(|line| mount_of(line).map(|[_, at, _, _]| PathBuf::from(plain(at))));
        points.filter(|at| *at != self.path && at.starts_with(&self.path)).collect()
    }

    /// The line as it is now.
    pub(crate) fn now(&self, probe: &dyn Probe) -> Result<Option<String>> {
        Ok(match self.shape {
            Shape::Line => line_of(&text(probe.entry(&self.path)?.as_ref()), &self.key).map(str::to_owned),
            Shape::Directory => probe.entry(&self.path)?.map(|_| String::new()),
            Shape::Mount => self.now_in(&follow::text(Path::new(MOUNTS), probe)?.unwrap_or_default()),
            Shape::Swap => swap_now(&self.path, probe)?,
        })
    }

    /// What the kernel's table has mounted there.
    pub(crate) fn now_in(&self, table: &str) -> Option<String> {
        table.lines().rfind(|line| is_at(line, &self.path)).map(str::to_owned)
    }

    /// Whether the line that there is says what a line of this one says.
    pub(crate) fn says(&self, now: Option<&str>, line: Option<&str>, probe: &dyn Probe) -> Result<bool> {
        match (self.shape, now, line) {
            (Shape::Mount, Some(now), Some(line)) => same_mount(now, line, probe),
            (Shape::Line | Shape::Directory | Shape::Mount | Shape::Swap, _, _) => Ok(same(now, line)),
        }
    }

    /// The same, where a swap file may be in use or not: one that the kernel refused, or that somebody took out of use, is as
    /// good as before.
    pub(crate) fn lost_nothing(&self, now: Option<&str>, line: Option<&str>, probe: &dyn Probe) -> Result<bool> {
        let bare = |line: Option<&str>| line.map(|line| line.strip_suffix(IN_USE).unwrap_or(line).to_owned());
        if self.shape == Shape::Swap { Ok(bare(now) == bare(line)) } else { self.says(now, line, probe) }
    }

    /// What of it is not so already: a swap file that is not in use is not taken out of it.
    pub(crate) fn needed(&self, probe: &dyn Probe) -> Result<Option<Self>> {
        let now = self.now(probe)?;
        if self.says(now.as_deref(), self.to.as_deref(), probe)? {
            return Ok(None);
        }
        // What somebody else mounted over it would be unmounted in its place.
        if self.shape == Shape::Mount && self.to.is_none() && !self.says(now.as_deref(), self.from.as_deref(), probe)? {
            return Ok(None);
        }
        let mut needed = self.clone();
        if self.shape == Shape::Swap && now.as_ref().is_some_and(|line| !line.ends_with(IN_USE)) {
            let is = |command: &Command, word: &str| command.argv.first().is_some_and(|first| first == word);
            needed.by.retain(|command| !is(command, "swapoff"));
            needed.back.retain(|command| !is(command, "swapon"));
            needed.from = now;
        }
        Ok(Some(needed))
    }

    /// Whether it is as it should be.
    pub(crate) fn is_done(&self, probe: &dyn Probe) -> Result<bool> {
        self.says(self.now(probe)?.as_deref(), self.to.as_deref(), probe)
    }

    /// What is there in place of what was expected.
    pub(crate) fn told(&self, now: Option<&str>) -> String {
        match (self.shape, now) {
            (Shape::Mount, Some(line)) => {
                let source = mount_of(line).map(|[_, _, _, source]| plain(source)).unwrap_or_default();
                format!("`{source}` is mounted there now")
            }
            (Shape::Mount, None) => "nothing is mounted there now".to_owned(),
            (Shape::Swap, Some(line)) => format!("it is {line} now"),
            (Shape::Line | Shape::Directory, Some(line)) => format!("it says `{}` now", line.trim_end()),
            (Shape::Line | Shape::Directory | Shape::Swap, None) => "what the run had put there is gone".to_owned(),
        }
    }

    /// The file that shows it. `None`: what a file says cannot be foreseen.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self.shape {
            Shape::Line | Shape::Directory => Some(&self.path),
            Shape::Mount => Some(Path::new(MOUNTS)),
            Shape::Swap => None,
        }
    }

    /// Its file as it will be; `None`: there is nothing left to be in one.
    pub(super) fn applied(&self, now: Option<&Entry>) -> Option<Entry> {
        let new =
            |kind, mode: u32| Entry { kind, mode: mode.into(), owner: "root".to_owned(), group: "root".to_owned() };
        if self.shape == Shape::Directory {
            return self.to.as_ref().map(|_| new(EntryKind::Directory, 0o700));
        }
        let after = if self.shape == Shape::Mount { self.remounted(&text(now)) } else { self.rewritten(&text(now)) };
        if after.is_empty() {
            return None;
        }
        let kind = EntryKind::File { content: after.as_str().into() };
        Some(match now {
            Some(now) => Entry { kind, ..now.clone() },
            None => new(kind, 0o600),
        })
    }

    /// The kernel's table, where what comes lies on top.
    fn remounted(&self, table: &str) -> String {
        let mut lines: Vec<&str> = table.lines().collect();
        match &self.to {
            Some(line) => lines.push(line),
            None => lines.retain(|line| !is_at(line, &self.path)),
        }
        lines.into_iter().fold(String::new(), |text, line| text + line + "\n")
    }

    fn rewritten(&self, before: &str) -> String {
        let mut to = self.to.as_deref();
        let mut after = String::new();
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
        // Files of the kernel's have no end of line.
        if !after.is_empty() && !before.is_empty() && !before.ends_with('\n') {
            after.pop();
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, Shape, line_of, text};

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
    fn a_journal_of_old_tells_a_directory_by_a_word_of_its_own() {
        let old = |what: &str| format!(r#"{{"path":"/x/permissive_a_t",{what}"to":"","by":[],"back":[]}}"#);
        let shape = |what: &str| serde_json::from_str::<Kept>(&old(what)).unwrap().shape;
        assert_eq!(shape(r#""directory":true,"#), Shape::Directory);
        assert_eq!(shape(r#""directory":false,"#), Shape::Line);
        assert_eq!(shape(r#""shape":"mount","#), Shape::Mount);
        assert_eq!(shape(""), Shape::Line);
        assert!(serde_json::from_str::<Kept>(&old(r#""shape":"hole","#)).is_err());
    }

    #[test]
    fn a_line_comes_changes_and_goes() {
        let kept = |from: Option<&str>, to: Option<&str>| Kept {
            path: "/x".into(),
            shape: Shape::Line,
            key: "a".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            by: Vec::new(),
            back: Vec::new(),
            left: None,
            note: None,
        };
        let made = kept(None, Some("a=1")).applied(None);
        assert_eq!(text(made.as_ref()), "a=1\n");
        let other = kept(Some("a=1"), Some("a=2")).applied(made.as_ref());
        assert_eq!(text(other.as_ref()), "a=2\n");
        assert_eq!(kept(Some("a=1"), Some("a=2")).inverse().applied(other.as_ref()), made);
        assert_eq!(kept(Some("a=1"), None).applied(made.as_ref()), None);
    }
}
