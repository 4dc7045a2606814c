use std::cmp::Ordering;

/// Compares two versions of Python packages: `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+LOCAL]`, zeros at the end of the release
/// counting for nothing.
///
/// Source: PEP 440.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    Version::of(left).cmp(&Version::of(right))
}

/// Whether a version is the one asked for, whose local part may be left out.
///
/// Source: PEP 440, version matching.
#[must_use]
pub fn matches(asked: &str, version: &str) -> bool {
    compare(asked, if asked.contains('+') { version } else { public(version) }).is_eq()
}

/// The version without its local part.
#[must_use]
pub fn public(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// What is compared, in this order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    epoch: u64,
    release: Vec<u64>,
    /// Its rank, and its number.
    pre: (u8, u64),
    post: Option<u64>,
    /// Whether there is none, and its number.
    dev: (bool, u64),
    /// What is no version, so that two of those differ.
    rest: String,
    /// Words come before numbers.
    local: Option<Vec<(bool, u64, String)>>,
}

const DEV_ALONE: u8 = 0;
const FINAL: u8 = 4;
const PRE: [(&str, u8); 8] =
    [("alpha", 1), ("a", 1), ("beta", 2), ("b", 2), ("preview", 3), ("pre", 3), ("rc", 3), ("c", 3)];
const POST: [(&str, u8); 3] = [("post", 0), ("rev", 0), ("r", 0)];
const DEV: [(&str, u8); 1] = [("dev", 0)];

impl Version {
    fn of(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (text, local) = text.split_once('+').map_or((text, None), |(text, local)| (text, Some(local)));
        let (epoch, text) = text.split_once('!').map_or((0, text), |(epoch, text)| (number(epoch).0, text));
        let (release, text) = release(text);
        let (pre, text) = word(text, &PRE).map_or((None, text), |(pre, rest)| (Some(pre), rest));
        let implicit = text.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).map(number);
        let post = implicit.or_else(|| word(text, &POST).map(|((_, number), rest)| (number, rest)));
        let (post, text) = post.map_or((None, text), |(post, rest)| (Some(post), rest));
        let (dev, rest) = word(text, &DEV).map_or((None, text), |((_, number), rest)| (Some(number), rest));
        let alone = dev.is_some() && post.is_none();
        let part = |part: &str| match part.parse() {
            Ok(number) => (true, number, String::new()),
            Err(_) => (false, 0, part.to_owned()),
        };
        Self {
            epoch,
            release,
            pre: pre.unwrap_or((if alone { DEV_ALONE } else { FINAL }, 0)),
            post,
            dev: (dev.is_none(), dev.unwrap_or(0)),
            rest: rest.to_owned(),
            local: local.map(|local| local.split(['.', '-', '_']).map(part).collect()),
        }
    }
}

/// The number that a text begins with, 0 when none does, and what follows.
fn number(text: &str) -> (u64, &str) {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    (if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) }, rest)
}

fn release(text: &str) -> (Vec<u64>, &str) {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let part = if parts.is_empty() { Some(rest) } else { rest.strip_prefix('.') };
        let Some(part) = part.filter(|part| part.starts_with(|c: char| c.is_ascii_digit())) else { break };
        let (value, after) = number(part);
        parts.push(value);
        rest = after;
    }
    while parts.last() == Some(&0) {
        parts.pop();
    }
    (parts, rest)
}

/// One of these words, with its rank, and the number after it; signs may stand around it.
fn word<'t>(text: &'t str, words: &[(&str, u8)]) -> Option<((u8, u64), &'t str)> {
    let bare = text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    let (rank, rest) = words.iter().find_map(|(word, rank)| Some((*rank, bare.strip_prefix(word)?)))?;
    let digits = rest.strip_prefix(['.', '-', '_']).filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    let (value, rest) = number(digits.unwrap_or(rest));
    Some(((rank, value), rest))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{compare, matches};

    #[test]
    fn the_order_is_that_of_pep_440() {
        let ascending = [
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "1.10",
            "1!0.1",
        ];
        for (n, left) in ascending.iter().enumerate() {
            for (m, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), n.cmp(&m), "{left} and {right}");
            }
        }
    }

    #[test]
    fn one_version_may_be_written_differently() {
        for (left, right) in [
            ("1", "1.0.0"),
            ("1.0-1", "1.0.post1"),
            ("v1.0-RC.1", "1.0rc1"),
            ("1.0alpha", "1.0a0"),
            ("1.0.c1", "1.0rc1"),
            ("1.0_dev", "1.dev0"),
            ("0!1.0", "1"),
            ("1.0+a-1", "1+a.1"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} and {right}");
        }
        assert!(matches("2.0", "2.0+cpu") && matches("2.0+cpu", "2.0+cpu") && !matches("2.0+cpu", "2.0"));
        assert!(compare("1.0x", "1.0y").is_ne());
    }
}
