use std::cmp::Ordering;

/// Compares two gem versions: numbers by value, a word (which makes a prerelease) before any number, missing parts as 0.
///
/// Source: the documentation of `Gem::Version`.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (segments(left), segments(right));
    for n in 0..left.len().max(right.len()) {
        let part = |of: &[Segment]| of.get(n).cloned().unwrap_or(Segment::Number(String::new()));
        let order = part(&left).cmp(&part(&right));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Word(String),
    /// Without leading zeros, so that 0 is empty and numbers may be of any length.
    Number(String),
}

impl Ord for Segment {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (Self::Word(_), Self::Number(_)) => Ordering::Less,
            (Self::Number(_), Self::Word(_)) => Ordering::Greater,
            (Self::Number(a), Self::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        }
    }
}

impl PartialOrd for Segment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `1.2.0.rc1` is 1, 2, 0, rc, 1; a `-` stands for `.pre.`.
fn segments(version: &str) -> Vec<Segment> {
    let version = version.trim().replace('-', ".pre.");
    let mut segments = Vec::new();
    let mut rest = version.as_str();
    while let Some(first) = rest.chars().next() {
        let kind = |letter: char| (letter.is_ascii_digit(), letter.is_ascii_alphabetic());
        let end = rest.find(|letter| kind(letter) != kind(first)).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        match kind(first) {
            (true, _) => segments.push(Segment::Number(part.trim_start_matches('0').to_owned())),
            (false, true) => segments.push(Segment::Word(part.to_owned())),
            (false, false) => {}
        }
        rest = tail;
    }
    // Zeros at the end of the release, before a word or the end, count for nothing: 1.0.a is 1.a.
    let zero = Segment::Number(String::new());
    let release = segments.iter().position(|one| matches!(one, Segment::Word(_))).unwrap_or(segments.len());
    let kept = segments[..release].iter().rposition(|one| *one != zero).map_or(0, |n| n + 1);
    segments.drain(kept..release);
    while segments.last() == Some(&zero) {
        segments.pop();
    }
    segments
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::compare;

    #[test]
    fn the_order_is_that_of_rubygems() {
        let ascending = ["0.9", "1.0.a", "1.0.b1", "1.0.b10", "1.0.rc1", "1.0", "1.0.1", "1.2", "1.10", "2.0.0-1", "2"];
        for (n, left) in ascending.iter().enumerate() {
            for (m, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), n.cmp(&m), "{left} and {right}");
            }
        }
    }

    #[test]
    fn zeros_at_the_end_count_for_nothing() {
        for (left, right) in [("1", "1.0.0"), ("1.0.a", "1.a"), ("1.01", "1.1"), ("", "0")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} and {right}");
        }
    }
}
