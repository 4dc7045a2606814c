//! How a file writes its settings.

/// A line that sets a key.
pub(super) struct Parts<'l> {
    /// What stands before the key: blanks, and `export` in a file of the shell.
    pub lead: &'l str,
    pub key: &'l str,
    between: &'l str,
    pub value: &'l str,
}

impl<'l> Parts<'l> {
    /// The line as one of this key; an empty sign is a blank.
    pub fn of(line: &'l str, key: &str, sign: &str) -> Option<Self> {
        let bare = line.trim_start();
        let of = |body: &'l str| {
            let (key, rest) = body.split_at_checked(key.len()).filter(|(start, _)| *start == key)?;
            let after = rest.trim_start();
            let is_apart = !sign.is_empty() || rest.is_empty() || after.len() < rest.len();
            let value = after.strip_prefix(sign).filter(|_| is_apart)?.trim_start();
            let lead = &line[..line.len() - body.len()];
            Some(Self { lead, key, between: &rest[..rest.len() - value.len()], value: value.trim_end() })
        };
        of(bare).or_else(|| exported(bare).filter(|_| sign == "=").and_then(of))
    }

    /// What it has between key and value; where the value is empty, what is usual may say more.
    pub fn between<'s>(&'s self, usual: &'s str) -> &'s str {
        if self.value.is_empty() && self.between.trim() == usual.trim() && self.between.trim() != self.between {
            usual
        } else if self.between.is_empty() {
            " "
        } else {
            self.between
        }
    }
}

fn exported(bare: &str) -> Option<&str> {
    bare.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim_start)
}

/// The name of the section that a line begins. A comment may stand behind it.
pub(super) fn head(line: &str) -> Option<&str> {
    let line = line.trim().strip_prefix('[')?;
    let ends = |at: &usize| {
        let behind = line[at + 1..].trim_start();
        behind.is_empty() || behind.starts_with(['#', ';'])
    };
    // Names may have brackets of their own, as `[[table]]`.
    let end = line.match_indices(']').map(|(at, _)| at).find(ends)?;
    Some(line[..end].trim())
}

/// What most lines have between key and value. One with a sign tells more than one with a blank, which may be anything;
/// comments only tell where no line does.
pub(super) fn usual(lines: &[&str]) -> Option<String> {
    let is_comment = |line: &str| line.trim_start().starts_with(['#', ';']);
    let all: Vec<_> = lines.iter().filter(|line| !is_comment(line)).filter_map(|line| separator(line)).collect();
    let most = |sign: &str| {
        let of_sign = all.iter().filter(|found| found.trim() == sign);
        of_sign.rev().max_by_key(|found| all.iter().filter(|other| other == found).count())
    };
    let found = ["=", ":", ""].iter().find_map(|sign| most(sign)).cloned();
    found.or_else(|| {
        let commented = lines.iter().filter_map(|line| line.trim_start().strip_prefix(['#', ';']));
        let mut told = commented.filter(|line| line.starts_with(char::is_alphanumeric)).filter_map(separator);
        told.find(|found| found.trim() == "=")
    })
}

/// What a line has between its first word and the rest, of several blanks the first.
fn separator(line: &str) -> Option<String> {
    let line = line.trim();
    let line = exported(line).unwrap_or(line);
    let is_colon = |rest: &str| rest.strip_prefix(':').is_some_and(|rest| rest.starts_with([' ', '\t']));
    let ends = |at: usize, c: char| c == '=' || c.is_whitespace() || is_colon(&line[at..]);
    let (at, _) =
        line.char_indices().find(|(at, c)| ends(*at, *c)).filter(|(at, _)| *at > 0 && !line.starts_with('['))?;
    let rest = &line[at..];
    let after = rest.trim_start();
    let sign = if after.starts_with('=') {
        "="
    } else if is_colon(after) {
        ":"
    } else {
        ""
    };
    let behind = &after[sign.len()..];
    let blank = |text: &str| text.chars().next().filter(|c| c.is_whitespace()).map(String::from).unwrap_or_default();
    (!behind.is_empty()).then(|| blank(rest) + sign + &blank(behind))
}
