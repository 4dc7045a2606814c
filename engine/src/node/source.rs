use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use crate::{Fault, values::Place};

/// How many characters of a long line are shown on each side of the caret.
const AROUND: usize = 60;

/// The text of an input file: turns byte offsets into places, and shows the line a fault is in.
#[derive(Debug)]
pub(crate) struct Source {
    path: Arc<Path>,
    text: String,
    /// Where each line begins, found when a place is first asked for.
    lines: OnceLock<Vec<usize>>,
    /// How many characters begin before each stretch of the text, counted when a place far into a line is first asked for: the
    /// whole file may be one line.
    stretches: OnceLock<Vec<usize>>,
}

/// Bytes in a stretch.
const STRETCH: usize = 512;

impl Source {
    pub fn new(path: impl Into<Arc<Path>>, text: String) -> Self {
        Self { path: path.into(), text, lines: OnceLock::new(), stretches: OnceLock::new() }
    }

    /// Takes bytes that must be UTF-8; the fault says where they are not.
    pub fn of_bytes(path: impl Into<Arc<Path>>, bytes: Vec<u8>) -> Result<Self, Fault> {
        let path = path.into();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => Err(not_utf8(&path, error)),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn place(&self, offset: usize) -> Place {
        let (line, start) = self.line_at(offset);
        let end = self.boundary(offset);
        let before = if end - start <= STRETCH {
            characters(&self.text.as_bytes()[start..end])
        } else {
            self.characters_before(end) - self.characters_before(start)
        };
        Place::File { path: Arc::clone(&self.path), line: line + 1, column: before + 1 }
    }

    /// A fault at this offset that shows the line.
    pub fn fault(&self, offset: usize, message: impl Into<String>) -> Fault {
        Fault { excerpt: Some(self.excerpt(offset)), ..Fault::new(message).at(self.place(offset)) }
    }

    /// The line around an offset, numbered, with a caret below; a very long line is cut on both sides.
    pub fn excerpt(&self, offset: usize) -> String {
        let (line, start) = self.line_at(offset);
        let offset = self.boundary(offset);
        let before: Vec<char> = self.text[start..offset].chars().rev().take(AROUND + 1).collect();
        let after = self.text[offset..].chars().take_while(|c| !matches!(c, '\n' | '\r'));
        let after: Vec<char> = after.take(AROUND + 1).collect();
        let mut shown = String::new();
        if before.len() > AROUND {
            shown.push('…');
        }
        shown.extend(before.iter().take(AROUND).rev().map(|c| printable(*c)));
        let caret = " ".repeat(shown.chars().count());
        shown.extend(after.iter().take(AROUND).map(|c| printable(*c)));
        if after.len() > AROUND {
            shown.push('…');
        }
        let number = format!("{:>4}", line + 1);
        format!("{number} | {shown}\n{} | {caret}^", " ".repeat(number.len()))
    }

    /// Index and start of the line that holds an offset.
    fn line_at(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let line = lines.partition_point(|start| *start <= offset).saturating_sub(1);
        (line, lines[line])
    }

    /// How many characters begin before an offset.
    fn characters_before(&self, offset: usize) -> usize {
        let stretches = self.stretches.get_or_init(|| {
            let mut before = 0;
            let counted = self.text.as_bytes().chunks(STRETCH).map(|stretch| {
                before += characters(stretch);
                before
            });
            std::iter::once(0).chain(counted).collect()
        });
        let stretch = offset / STRETCH;
        stretches[stretch] + characters(&self.text.as_bytes()[stretch * STRETCH..offset])
    }

    /// The start of the character that an offset lies in.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// How many characters of UTF-8 begin in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

/// Line and column, to sort by; what has no place in a file comes first.
pub(crate) fn position(place: Option<&Place>) -> (usize, usize) {
    match place {
        Some(Place::File { line, column, .. }) => (*line, *column),
        Some(Place::Rust(_)) | None => (0, 0),
    }
}

/// Keeps one column for each character, and terminals safe from what a file may hold.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        other if other.is_control() || other == '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

fn not_utf8(path: &Arc<Path>, error: std::string::FromUtf8Error) -> Fault {
    let offset = error.utf8_error().valid_up_to();
    let bytes = error.into_bytes();
    let source = Source::new(Arc::clone(path), String::from_utf8_lossy(&bytes).into_owned());
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Fault::new("the file is UTF-16; it must be UTF-8")
            .at(source.place(0))
            .hint(format!("convert it: `iconv -f UTF-16 -t UTF-8 {}`", path.display()));
    }
    source
        .fault(offset, format!("byte {:#04x} is not UTF-8", bytes[offset]))
        .hint("save the file as UTF-8, or convert it: `iconv -f LATIN1 -t UTF-8`")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Source;

    fn source(text: &str) -> Source {
        Source::new(Path::new("f"), text.to_owned())
    }

    #[test]
    fn columns_count_characters() {
        let source = source("aé\nüx\n");
        for (offset, place) in [(0, "f:1:1"), (1, "f:1:2"), (3, "f:1:3"), (4, "f:2:1"), (6, "f:2:2"), (99, "f:3:1")] {
            assert_eq!(source.place(offset).to_string(), place, "{offset}");
        }
    }

    #[test]
    fn columns_far_into_a_line_count_characters() {
        let text = format!("x\n{}", "aé€🙂".repeat(500));
        let source = source(&text);
        for (column, (offset, _)) in text.char_indices().skip(2).enumerate() {
            assert_eq!(source.place(offset).to_string(), format!("f:2:{}", column + 1), "{offset}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_control_characters_are_not_printed() {
        assert_eq!(source("a\tb\u{1b}[31m\n").excerpt(2), "   1 | a b\u{fffd}[31m\n     |   ^");
        let excerpt = source(&"x".repeat(1000)).excerpt(500);
        let (line, caret) = excerpt.split_once('\n').unwrap();
        assert_eq!(line, format!("   1 | …{}…", "x".repeat(120)));
        assert_eq!(caret, format!("     | {}^", " ".repeat(61)));
    }

    #[test]
    fn the_end_of_a_file_has_a_place() {
        assert_eq!(source("").excerpt(0), "   1 | \n     | ^");
        assert_eq!(source("ab").excerpt(2), "   1 | ab\n     |   ^");
    }
}
