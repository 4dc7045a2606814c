//! "Did you mean": the nearest known word to one that is not known.

/// Words of more characters are no slips of anything; comparing them costs the product of their lengths.
const LONGEST: usize = 100;

/// The nearest of `known` by edit distance, when it is near enough to be a slip of the hand.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    let near = |candidate: &'a str| {
        let most = |length: usize| 1 + length / 5;
        // Bytes first: nearly all of many candidates are out of the question by their length.
        if candidate.len() + most(LONGEST) < word.len() || candidate.len() > 4 * LONGEST {
            return None;
        }
        let other: Vec<char> = candidate.chars().collect();
        if other.len().abs_diff(word.len()) > most(other.len()) {
            return None;
        }
        let distance = distance(&word, &other);
        (distance <= most(other.len())).then_some((distance, candidate))
    };
    known.into_iter().filter_map(near).min().map(|(_, candidate)| candidate)
}

/// A hint sentence for an unknown word: the nearest known one, or else all of them.
#[must_use]
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<_> = known.into_iter().map(|k| format!("`{k}`")).collect();
            if all.is_empty() { "none is known".to_owned() } else { format!("known are {}", all.join(", ")) }
        }
    }
}

/// Edit distance in which swapping two neighbouring letters counts once (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    // The row of the letter at hand, that of the letter before it, and that of the one before that.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let (mut last, mut before_last) = (row.clone(), row.clone());
    for i in 1..=a.len() {
        std::mem::swap(&mut last, &mut before_last);
        std::mem::swap(&mut row, &mut last);
        row[0] = i;
        for j in 1..=b.len() {
            let substitute = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, hint, nearest};

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["build-essential", "bind", "dnsutils", "gems"];
        assert_eq!(nearest("build-esential", known), Some("build-essential"));
        assert_eq!(nearest("bnid", known), Some("bind"));
        assert_eq!(nearest("gem", known), Some("gems"));
        assert_eq!(nearest("postgresql", known), None);
    }

    #[test]
    fn what_is_very_long_is_not_compared() {
        let (long, longer) = ("é".repeat(100), "x".repeat(10_000_000));
        assert_eq!(nearest(&long, [&*long]), Some(&*long));
        assert_eq!(nearest(&longer, [&*longer, "x"]), None);
        assert_eq!(nearest("x", [&*longer]), None);
    }

    #[test]
    fn distances() {
        for (a, b, d) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("tll", "ttl", 1),
            ("abdc", "abcd", 1),
            ("kitten", "sitting", 3),
        ] {
            let letters = |word: &str| word.chars().collect::<Vec<_>>();
            assert_eq!(distance(&letters(a), &letters(b)), d, "{a} {b}");
        }
    }

    #[test]
    fn a_hint_names_the_near_one_or_all() {
        assert_eq!(hint("bnd", ["bind", "gems"]), "did you mean `bind`?");
        assert_eq!(hint("zzz", ["bind", "gems"]), "known are `bind`, `gems`");
        assert_eq!(hint("zzz", []), "none is known");
    }
}
