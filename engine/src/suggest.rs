//! "Did you mean": the nearest known word to one that is not known.

/// The nearest of `known` by edit distance, when it is near enough to be a slip of the hand.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 5)
        .min()
        .map(|(_, candidate)| candidate)
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
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substitute = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
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
    fn distances() {
        for (a, b, d) in [("", "abc", 3), ("abc", "abc", 0), ("tll", "ttl", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn a_hint_names_the_near_one_or_all() {
        assert_eq!(hint("bnd", ["bind", "gems"]), "did you mean `bind`?");
        assert_eq!(hint("zzz", ["bind", "gems"]), "known are `bind`, `gems`");
        assert_eq!(hint("zzz", []), "none is known");
    }
}
