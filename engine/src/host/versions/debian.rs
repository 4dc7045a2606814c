use std::cmp::Ordering;

/// Compares two Debian versions, `[epoch:]upstream[-revision]`, as `dpkg --compare-versions` does.
///
/// Source: deb-version(7).
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (Version::split(left), Version::split(right));
    left.epoch
        .cmp(&right.epoch)
        .then_with(|| compare_part(left.upstream, right.upstream))
        .then_with(|| compare_part(left.revision, right.revision))
}

struct Version<'a> {
    epoch: u64,
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Version<'a> {
    fn split(text: &'a str) -> Self {
        let text = text.trim();
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch, upstream: upstream.as_bytes(), revision: revision.as_bytes() }
    }
}

/// Runs of non-digits (letters before other signs, `~` before everything, even the end) take turns with runs of digits.
fn compare_part<'a>(mut left: &'a [u8], mut right: &'a [u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (words, numbers);
        (words, left, right) = compare_words(left, right);
        if words != Ordering::Equal {
            return words;
        }
        (numbers, left, right) = compare_numbers(left, right);
        if numbers != Ordering::Equal {
            return numbers;
        }
    }
    Ordering::Equal
}

fn compare_words<'a>(left: &'a [u8], right: &'a [u8]) -> (Ordering, &'a [u8], &'a [u8]) {
    let at = |text: &[u8], n: usize| text.get(n).copied().filter(|byte| !byte.is_ascii_digit());
    let mut n = 0;
    loop {
        let (a, b) = (at(left, n), at(right, n));
        if a.is_none() && b.is_none() {
            return (Ordering::Equal, &left[n..], &right[n..]);
        }
        let order = weight(a).cmp(&weight(b));
        if order != Ordering::Equal {
            return (order, left, right);
        }
        n += 1;
    }
}

fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(sign) => i32::from(sign) + 256,
    }
}

/// Numbers of any length: the one with more digits is greater, else the text decides.
fn compare_numbers<'a>(left: &'a [u8], right: &'a [u8]) -> (Ordering, &'a [u8], &'a [u8]) {
    let split = |text: &'a [u8]| {
        let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        let zeros = digits.iter().position(|b| *b != b'0').unwrap_or(digits.len());
        (&digits[zeros..], rest)
    };
    let ((a, left), (b, right)) = (split(left), split(right));
    (a.len().cmp(&b.len()).then_with(|| a.cmp(b)), left, right)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::compare;

    #[test]
    fn the_order_is_that_of_the_policy_manual() {
        let ascending = [
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0",
            "1.0-0.1",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0a",
            "1.0+dfsg",
            "1.0.1",
            "1.9",
            "1.10",
            "2.0",
            "1:0.9",
            "2:0.1",
        ];
        for (n, left) in ascending.iter().enumerate() {
            for (m, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), n.cmp(&m), "{left} and {right}");
            }
        }
    }

    #[test]
    fn equal_versions_may_be_written_differently() {
        for (left, right) in [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1"), ("1.0", "1.00")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} and {right}");
        }
    }

    #[test]
    fn numbers_longer_than_any_integer_are_compared() {
        assert_eq!(compare("1.99999999999999999999999999999", "1.100000000000000000000000000000"), Ordering::Less);
    }
}
