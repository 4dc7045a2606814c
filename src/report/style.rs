use std::{borrow::Cow, fmt};

/// Whether and how text is coloured. Colour is never the only sign of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// With colour or without.
    #[must_use]
    pub const fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// Something that appears.
    pub fn green<D: fmt::Display>(self, text: D) -> Painted<D> {
        self.paint("32", text)
    }

    /// Something that changes, or deserves a look.
    pub fn yellow<D: fmt::Display>(self, text: D) -> Painted<D> {
        self.paint("33", text)
    }

    /// Something that goes, or went wrong.
    pub fn red<D: fmt::Display>(self, text: D) -> Painted<D> {
        self.paint("31", text)
    }

    /// Something by the way.
    pub fn dim<D: fmt::Display>(self, text: D) -> Painted<D> {
        self.paint("2", text)
    }

    /// Something to be seen first.
    pub fn bold<D: fmt::Display>(self, text: D) -> Painted<D> {
        self.paint("1", text)
    }

    const fn paint<D>(self, code: &'static str, text: D) -> Painted<D> {
        Painted { code: if self.colour { Some(code) } else { None }, text }
    }
}

/// Text with the escape codes that colour it.
pub struct Painted<D> {
    code: Option<&'static str>,
    text: D,
}

impl<D: fmt::Display> fmt::Display for Painted<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1b[{code}m{}\x1b[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

/// Text from a machine (file content, command output) made safe for a terminal: control characters other than newline and
/// tab are shown as `\u{1b}`, so that nothing can move the cursor or set a title.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if harmless(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect())
}

#[cfg(test)]
mod tests {
    use super::{Style, printable};

    #[test]
    fn escapes_of_others_are_defused() {
        assert_eq!(printable("a\x1b[2Jb\tc\n"), "a\\u{1b}[2Jb\tc\n");
        assert_eq!(printable("plain"), "plain");
    }

    #[test]
    fn colour_is_left_out_when_unwanted() {
        assert_eq!(Style::new(false).red("x").to_string(), "x");
        assert_eq!(Style::new(true).red("x").to_string(), "\x1b[31mx\x1b[0m");
    }
}
