use std::cmp::Ordering;

/// Compares two versions of npm's or cargo's packages: a prerelease comes before its release, and the build (`+BUILD`) counts
/// for nothing.
///
/// Source: Semantic Versioning 2.0.0.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let split = |text: &str| -> (Vec<Part>, Option<Vec<Part>>) {
        let text = text.trim().split('+').next().unwrap_or_default().to_owned();
        let (release, pre) = text.split_once('-').map_or((text.as_str(), None), |(text, pre)| (text, Some(pre)));
        let mut release: Vec<Part> = release.split('.').map(part).collect();
        while release.last() == Some(&Part::Number(0)) {
            release.pop();
        }
        (release, pre.map(|pre| pre.split('.').map(part).collect()))
    };
    let ((left, left_pre), (right, right_pre)) = (split(left), split(right));
    let release = left_pre.is_none().cmp(&right_pre.is_none());
    left.cmp(&right).then(release).then_with(|| left_pre.cmp(&right_pre))
}

/// A number comes before a word.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

fn part(text: &str) -> Part {
    text.parse().map_or_else(|_| Part::Word(text.to_owned()), Part::Number)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::compare;

    #[test]
    fn the_order_is_that_of_the_specification() {
        let ascending = [
            "0.9.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.9.0",
            "1.10.0",
            "2.0.0",
        ];
        for (n, left) in ascending.iter().enumerate() {
            for (m, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), n.cmp(&m), "{left} and {right}");
            }
        }
        assert_eq!(compare("1.0.0+zstd.1.5", "1.0.0"), Ordering::Equal);
    }
}
