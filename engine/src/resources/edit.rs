//! What the kinds that edit a part of a file share: its text before and after, and everything but its text kept.
use std::path::Path;

use regex_lite::Regex;

use super::{
    entry::{in_the_way, leaf_faults, require_parent},
    file::{self, File, State},
};
use crate::{
    Error, Fault, Result,
    host::{EntryKind, Probe},
    resource::{Content, Found, Goal},
};

/// Longest pattern, in characters: no line of a configuration needs more.
const PATTERN_LIMIT: usize = 1000;

/// Reads a pattern.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn pattern(what: &str, text: &str) -> Result<Regex, Fault> {
    if text.chars().count() > PATTERN_LIMIT {
        return Err(Fault::new(format!("{what} is longer than {PATTERN_LIMIT} characters")));
    }
    Regex::new(text).map_err(|error| {
        Fault::new(format!("{what} `{}` is no regular expression: {error}", text.escape_debug()))
            .hint("a character that is meant itself takes a `\\` before it, as in `\\[`")
    })
}

/// What is wrong with text that is to be one line of a file.
pub(crate) fn line_fault(what: &str, text: &str) -> Option<Fault> {
    let fault = |why: &str| Some(Fault::new(format!("{what} {why}")));
    match text {
        _ if text.contains(['\n', '\r']) => fault("is more than one line"),
        _ if text.contains('\0') => fault("holds a NUL byte"),
        _ => None,
    }
}

/// What is wrong with the path of the file to edit.
pub(crate) fn path_faults(path: Option<&Path>) -> Vec<Fault> {
    match path {
        Some(path) => leaf_faults(path),
        None => vec![Fault::new("no file is named").hint("say which with `path`")],
    }
}

/// Text in lines, each with the end that it has in the file.
pub(crate) struct Lines {
    lines: Vec<String>,
    /// What ends a line here: as the first one ends.
    end: &'static str,
}

impl Lines {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        let end = match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => "\r\n",
            Some(_) | None => "\n",
        };
        Self { lines: text.split_inclusive('\n').map(str::to_owned).collect(), end }
    }

    /// The text with everything that was put into it.
    pub fn text(self) -> String {
        self.lines.concat()
    }

    /// Each line without its end.
    pub fn bare(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.lines.iter().map(|line| line.strip_suffix('\n').map_or(line.as_str(), |line| line.trim_end_matches('\r')))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Puts lines in place of those from `start` to `end`.
    pub fn replace<'l>(&mut self, start: usize, end: usize, with: impl IntoIterator<Item = &'l str>) {
        // What follows the file's last line would otherwise be joined to it.
        if start > 0
            && let Some(last) = self.lines.get_mut(start - 1)
            && !last.ends_with('\n')
        {
            last.push_str(self.end);
        }
        let ends = self.end;
        self.lines.splice(start..end, with.into_iter().map(|line| format!("{line}{ends}")));
    }

    /// Keeps the lines that are wanted; the rest goes.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.lines.retain(|line| wanted(line.trim_end_matches(['\n', '\r'])));
    }

    /// Puts a line in place of the one there, or at the end when there is none.
    pub fn put(&mut self, at: Option<usize>, line: &str) {
        let at = at.unwrap_or(self.len());
        self.replace(at, self.len().min(at + 1), [line]);
    }

    /// Where new lines belong: behind the last that matches `after`, before the first that matches `before`, else at the end.
    pub fn place(&self, after: Option<&Regex>, before: Option<&Regex>) -> usize {
        let after = after.and_then(|after| self.bare().rposition(|line| after.is_match(line)).map(|at| at + 1));
        let before = || before.and_then(|before| self.bare().position(|line| before.is_match(line)));
        after.or_else(before).unwrap_or(self.lines.len())
    }
}

/// The file in which something is edited, as the other kinds see it.
pub(crate) fn file(
    path: Option<&Path>,
    backup: Option<u32>,
    verify: Option<&crate::values::Words>,
    follow: bool,
) -> File {
    let mut file = File::at(path.unwrap_or_else(|| Path::new("")));
    if let Some(backup) = backup {
        file = file.backup(backup);
    }
    if let Some(verify) = verify {
        file = file.verify(verify.clone());
    }
    if follow {
        file = file.manage_symlink_source(true);
    }
    file
}

/// With the file that it is in.
pub(crate) fn told(found: Found, file: &File) -> Found {
    found.with("path", file.path.display().to_string()).with("manage_symlink_source", file.manage_symlink_source)
}

/// With a part of the file's text, which is shown to everybody only where everybody may read it.
pub(crate) fn with_text(mut found: Found, property: &str, text: &str, now: &State) -> Found {
    if now.entry.as_ref().is_some_and(|entry| entry.mode.bits() & 0o004 == 0) {
        found.private.insert(property.to_owned(), text.into());
        return found;
    }
    found.with(property, text)
}

/// The file's text as it is; empty when there is no file.
pub(crate) fn text<'s>(file: &File, now: &'s State) -> Result<&'s str> {
    match now.entry.as_ref().map(|entry| &entry.kind) {
        Some(EntryKind::File { content }) => match content.bytes() {
            Some(bytes) => std::str::from_utf8(bytes).map_err(|error| {
                let at = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
                Error::failed(format!("`{}` is no UTF-8 text: line {at} is not", file.path.display()))
                    .hint("what is not text cannot be edited by lines; manage the whole file instead")
            }),
            None => {
                let error = Error::failed(format!("`{}` is too large to be edited", file.path.display()));
                Err(error.hint("use a command for it"))
            }
        },
        Some(kind @ EntryKind::Link { .. }) => {
            let error = in_the_way(&file.path, kind, "file");
            Err(error.hint(match file.manage_symlink_source {
                Some(true) => "it leads nowhere: make what it leads to, or remove it",
                Some(false) | None => "set `manage_symlink_source` to edit the file it leads to",
            }))
        }
        Some(kind @ (EntryKind::Directory | EntryKind::Other { .. })) => {
            Err(in_the_way(&file.path, kind, "file").hint("correct the path"))
        }
        None => Ok(""),
    }
}

/// [`goal`] for a file that is one part of a kind's state.
pub(crate) fn edited(
    file: &File,
    now: &State,
    probe: &dyn Probe,
    edit: &dyn Fn(&mut Lines) -> Result<()>,
) -> Result<State> {
    let (Goal::State(to) | Goal::Event(_, to)) = goal(file, now, probe, true, edit)?;
    Ok(to)
}

/// The file with its text edited. A file that is not there is empty; it stays away when nothing is to be in it.
pub(crate) fn goal(
    file: &File,
    now: &State,
    probe: &dyn Probe,
    create: bool,
    edit: impl FnOnce(&mut Lines) -> Result<()>,
) -> Result<Goal<State>> {
    let text = text(file, now)?;
    let mut lines = Lines::of(text);
    edit(&mut lines)?;
    let new = lines.text();
    if now.entry.is_none() {
        if new.is_empty() {
            return Ok(Goal::State(now.clone()));
        }
        require_parent(&file.path, probe)?;
        if !create {
            let (kind, name) = ("file", file.path.display().to_string());
            let why = Some("only a file that is there can be edited".to_owned());
            return Err(Error::Missing { kind, name, why });
        }
    }
    let same = now.entry.is_some() && new == text;
    let new = (!same).then(|| Content::from(new).blob);
    file.goal(file::Create, now, probe, &|| Ok(new.clone()))
}
