use std::cmp::Ordering;

/// Compares part by part, numbers as numbers: `_alpha`, `_beta`, `_pre` and `_rc` come before the version itself, then its
/// packagings (`-r`), then what comes after it.
///
/// Source: APKBUILD(5), pkgver.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    /// A number, or the rank of a word; the word; the number after it.
    type Part = (i64, String, i64);
    const END: Part = (-1, String::new(), 0);
    fn part(piece: &str) -> Part {
        let number = |text: &str| if text.is_empty() { 0 } else { text.parse().unwrap_or(i64::MAX) };
        let (digits, rest) = piece.split_at(piece.bytes().take_while(u8::is_ascii_digit).count());
        let (word, after) = rest.split_at(rest.bytes().take_while(|byte| !byte.is_ascii_digit()).count());
        let rank = ["alpha", "beta", "pre", "rc", "r"].iter().position(|known| digits.is_empty() && word == *known);
        let rank = rank.and_then(|rank| i64::try_from(rank).ok()).map(|rank| rank - 5);
        (rank.unwrap_or_else(|| number(digits)), word.to_owned(), number(after))
    }
    let parts = |version: &str| -> Vec<Part> { version.replace('-', "_").split(['.', '_']).map(part).collect() };
    let (mut a, mut b) = (parts(a), parts(b));
    let longest = a.len().max(b.len());
    a.resize(longest, END);
    b.resize(longest, END);
    a.cmp(&b)
}

/// Whether a version is the one asked for, in which the number of the packaging may be left out.
#[must_use]
pub fn matches(asked: &str, version: &str) -> bool {
    asked == version || version.rsplit_once("-r").is_some_and(|(bare, _)| bare == asked)
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn versions_are_in_order() {
        for (older, newer) in [
            ("1.2.3-r1", "1.2.3-r2"),
            ("1.9-r0", "1.10-r0"),
            ("1.0_rc1-r0", "1.0-r0"),
            ("1.0_alpha2", "1.0_beta1"),
            ("1.0-r9", "1.0-r10"),
            ("1.0-r0", "1.0.1-r0"),
            ("1.0-r0", "1.0_p1-r0"),
            ("1.0a-r0", "1.0b-r0"),
        ] {
            assert!(compare(older, newer).is_lt(), "{older} {newer}");
        }
    }
}
