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
}

impl Source {
    pub fn new(path: impl Into<Arc<Path>>, text: String) -> Self {
        Self { path: path.into(), text, lines: OnceLock::new() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn place(&self, offset: usize) -> Place {
        let (line, start) = self.line_at(offset);
        let column = self.text[start..self.boundary(offset)].chars().count() + 1;
        Place::File { path: Arc::clone(&self.path), line: line + 1, column }
    }

    /// A fault at this offset that shows the line.
    pub fn fault(&self, offset: usize, message: impl Into<String>) -> Fault {
        Fault { excerpt: Some(self.excerpt(offset)), ..Fault::new(message).at(self.place(offset)) }
    }

    /// The line around an offset, numbered, with a caret below; a very long line is cut on both sides.
    pub fn excerpt(&self, offset: usize) -> String {
        let (line, start) = self.line_at(offset);
        let offset = self.boundary(offset);
        let end = self.text[offset..].find(['\n', '\r']).map_or(self.text.len(), |length| offset + length);
        let before: Vec<char> = self.text[start..offset].chars().rev().take(AROUND + 1).collect();
        let after: Vec<char> = self.text[offset..end].chars().take(AROUND + 1).collect();
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
        let starts = self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let line = starts.partition_point(|start| *start <= offset).saturating_sub(1);
        (line, starts[line])
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
