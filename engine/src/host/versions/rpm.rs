use std::cmp::Ordering;

/// Compares two versions `[epoch:]version[-release]` as rpm does. A release that is missing on one side is not compared.
///
/// Source: rpm-version(7).
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    compare_by(&|left, right| compare_part(left, right), left, right)
}

/// The same as pacman's library does it.
///
/// Source: vercmp(8), and `rpmvercmp` of libalpm.
pub fn compare_as_alpm(left: &str, right: &str) -> Ordering {
    compare_by(&|left, right| compare_part_as_alpm(left, right), left, right)
}

fn compare_by(part: &dyn Fn(&[u8], &[u8]) -> Ordering, left: &str, right: &str) -> Ordering {
    let (left, right) = (Version::split(left), Version::split(right));
    left.epoch.cmp(&right.epoch).then_with(|| part(left.version.as_bytes(), right.version.as_bytes())).then_with(|| {
        match (left.release, right.release) {
            (Some(left), Some(right)) => part(left.as_bytes(), right.as_bytes()),
            (Some(_) | None, None) | (None, Some(_)) => Ordering::Equal,
        }
    })
}

/// Whether an installed version is the one asked for, which may leave out release and epoch.
pub fn matches(asked: &str, installed: &str) -> bool {
    let (asked, have) = (Version::split(asked), Version::split(installed));
    asked.version == have.version
        && asked.release.is_none_or(|release| have.release == Some(release))
        && (!asked.with_epoch || asked.epoch == have.epoch)
}

struct Version<'a> {
    epoch: u64,
    with_epoch: bool,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn split(text: &'a str) -> Self {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (Some(epoch), rest),
            None => (None, text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        Self {
            epoch: epoch.and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
            with_epoch: epoch.is_some(),
            version,
            release,
        }
    }
}

/// Runs of digits and runs of letters are compared one by one; other signs only part them. `~` sorts before everything,
/// even the end; `^` after the end and before everything else.
fn compare_part<'a>(mut left: &'a [u8], mut right: &'a [u8]) -> Ordering {
    let parts = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"~^".contains(byte);
    let skip = |text: &mut &[u8]| {
        let start = text.iter().position(|byte| !parts(byte)).unwrap_or(text.len());
        *text = &text[start..];
    };
    loop {
        skip(&mut left);
        skip(&mut right);
        match (left.first(), right.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => (left, right) = (&left[1..], &right[1..]),
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Less,
            (Some(a), Some(b)) => {
                // A number is newer than a word.
                let order = a.is_ascii_digit().cmp(&b.is_ascii_digit());
                if order != Ordering::Equal {
                    return order;
                }
                let order;
                (order, left, right) = compare_run(left, right, a.is_ascii_digit());
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// All signs part runs, as many on one side as on the other. Where one side ends, a word that goes on is older, and anything else
/// is newer.
fn compare_part_as_alpm<'a>(mut left: &'a [u8], mut right: &'a [u8]) -> Ordering {
    let skip = |text: &mut &[u8]| {
        let start = text.iter().position(u8::is_ascii_alphanumeric).unwrap_or(text.len());
        *text = &text[start..];
        start
    };
    while !left.is_empty() && !right.is_empty() {
        let signs = skip(&mut left).cmp(&skip(&mut right));
        let (Some(a), Some(b)) = (left.first(), right.first()) else { break };
        let mut order = signs.then_with(|| a.is_ascii_digit().cmp(&b.is_ascii_digit()));
        if order.is_eq() {
            (order, left, right) = compare_run(left, right, a.is_ascii_digit());
        }
        if order.is_ne() {
            return order;
        }
    }
    let word = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
    match (left.is_empty(), right.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if !word(right) => Ordering::Less,
        _ if word(left) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn compare_run<'a>(left: &'a [u8], right: &'a [u8], digits: bool) -> (Ordering, &'a [u8], &'a [u8]) {
    let split = |text: &'a [u8]| {
        let of_run = |byte: &u8| if digits { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
        let (run, rest) = text.split_at(text.iter().position(|byte| !of_run(byte)).unwrap_or(text.len()));
        let zeros = if digits { run.iter().position(|byte| *byte != b'0').unwrap_or(run.len()) } else { 0 };
        (&run[zeros..], rest)
    };
    let ((a, left), (b, right)) = (split(left), split(right));
    let length = if digits { a.len().cmp(&b.len()) } else { Ordering::Equal };
    (length.then_with(|| a.cmp(b)), left, right)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{compare, compare_as_alpm, matches};

    #[test]
    fn libalpm_has_an_order_of_its_own() {
        // Those of vercmp(8).
        let words = ["1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.1"];
        for versions in
            [&words[..], &["1", "1.0", "1.1", "1.1.1", "1.2", "2.0", "3.0.0"], &["10.0rc6-1", "10.0-1", "1:0.1-1"]]
        {
            for (n, left) in versions.iter().enumerate() {
                for (m, right) in versions.iter().enumerate() {
                    assert_eq!(compare_as_alpm(left, right), n.cmp(&m), "{left} and {right}");
                }
            }
        }
        assert!(compare_as_alpm("1.0", "1.0-3").is_eq() && compare_as_alpm("1.0-2", "1.0-10").is_lt());
    }

    #[test]
    fn the_order_is_that_of_the_manual() {
        let ascending =
            ["1.0~beta", "1.0~rc1", "1.0", "1.0^git1", "1.0.a", "1.0.1", "1.1", "1.10", "2.a", "2.1", "10", "1:0.1"];
        for (n, left) in ascending.iter().enumerate() {
            for (m, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), n.cmp(&m), "{left} and {right}");
            }
        }
    }

    #[test]
    fn a_missing_release_is_not_compared() {
        assert_eq!(compare("1.0", "1.0-5.el9"), Ordering::Equal);
        assert_eq!(compare("1.0-4.el9", "1.0-5.el9"), Ordering::Less);
        assert_eq!(compare("1.0-5.el9_2", "1.0-5.el9"), Ordering::Greater);
    }

    #[test]
    fn a_version_asked_for_may_be_short() {
        for asked in ["1.0", "1.0-1.el9", "2:1.0", "2:1.0-1.el9"] {
            assert!(matches(asked, "2:1.0-1.el9"), "{asked}");
        }
        for asked in ["1", "1.0-1", "1:1.0", "1.0.0"] {
            assert!(!matches(asked, "2:1.0-1.el9"), "{asked}");
        }
    }
}
