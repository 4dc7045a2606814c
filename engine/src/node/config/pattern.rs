//! Regular expressions of Ruby, as far as `regex-lite` gives them the same meaning.
use std::fmt;

use regex_lite::{Regex, RegexBuilder};

/// Bytes of a compiled expression, at most.
const MOST_BYTES: usize = 1 << 16;

/// `/mswin|mingw/i`, as it is written: one text, so that no value is larger for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub(super) fn new(body: &str, flags: &str) -> Self {
        Self(format!("/{body}/{flags}"))
    }

    /// Its length in bytes.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing where it holds what is not read: `#{...}`, looking ahead and behind, flags inside of it.
    ///
    /// Source: Ruby's documentation of class Regexp: `^` and `$` are those of lines, `m` lets `.` match their ends.
    pub(super) fn regex(&self) -> Option<Regex> {
        let (body, flags) = self.0.strip_prefix('/')?.rsplit_once('/')?;
        let flags_inside = body.match_indices("(?").any(|(at, _)| !body[at + 2..].starts_with([':', '<']));
        if flags_inside || body.contains("#{") || !flags.chars().all(|flag| "imxu".contains(flag)) {
            return None;
        }
        let regex = RegexBuilder::new(&body.replace("\\/", "/"))
            .multi_line(true)
            .dot_matches_new_line(flags.contains('m'))
            .case_insensitive(flags.contains('i'))
            .ignore_whitespace(flags.contains('x'))
            .size_limit(MOST_BYTES)
            .build();
        regex.ok()
    }
}

/// As Ruby writes it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
