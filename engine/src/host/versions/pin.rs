use std::{cmp::Ordering, fmt, str::FromStr};

use super::{Scheme, python};

/// Which versions of a package are wanted: one version, a pattern (`1.2*`), or bounds (`~> 1.2`, `>= 1.2, < 2`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    text: String,
    /// All of them have to be met.
    bounds: Vec<Bound>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    Exact(String),
    /// With at least one `*` in it.
    Pattern(String),
    /// Those orders to the version that meet it.
    Ordered(Vec<Ordering>, String),
    Not(String),
    /// At least this, and the same up to the last part but one; of a single part, that one.
    Near(String),
}

/// The signs of bounds; one that another begins with comes after it.
const SIGNS: [&str; 7] = ["~>", ">=", "<=", "!=", ">", "<", "="];

impl FromStr for Pin {
    type Err = String;

    /// # Errors
    /// In words, when the text is no version and no bounds.
    fn from_str(text: &str) -> Result<Self, String> {
        let bounds: Result<Vec<Bound>, String> = text.split(',').map(|part| bound(part.trim())).collect();
        let bounds = bounds.map_err(|part| match part == text {
            true => format!("`{text}` is no package version"),
            false => format!("`{part}` in `{text}` is no package version"),
        })?;
        let single = |bound: &Bound| matches!(bound, Bound::Exact(_) | Bound::Pattern(_));
        if bounds.len() > 1 && bounds.iter().any(single) {
            return Err(format!(
                "`{text}` is no package version: only bounds, as in `>= 1.2, < 2`, are joined by a comma"
            ));
        }
        Ok(Self { text: text.to_owned(), bounds })
    }
}

/// Reads one of them; the error is the part that is wrong.
fn bound(part: &str) -> Result<Bound, String> {
    let sign = SIGNS.into_iter().find(|sign| part.starts_with(sign));
    let version = sign.map_or(part, |sign| part[sign.len()..].trim_start());
    let known = |c: char| c.is_ascii_alphanumeric() || ".+:!~^_-".contains(c) || (c == '*' && sign.is_none());
    let begins = version.starts_with(|c: char| c.is_ascii_alphanumeric() || (c == '*' && version.len() > 1));
    if !begins || !version.chars().all(known) {
        return Err(part.to_owned());
    }
    let text = version.to_owned();
    Ok(match sign {
        None if version.contains('*') => Bound::Pattern(text),
        None | Some("=") => Bound::Exact(text),
        Some("~>") => Bound::Near(text),
        Some("!=") => Bound::Not(text),
        Some(">") => Bound::Ordered(vec![Ordering::Greater], text),
        Some("<") => Bound::Ordered(vec![Ordering::Less], text),
        Some(">=") => Bound::Ordered(vec![Ordering::Greater, Ordering::Equal], text),
        Some(_) => Bound::Ordered(vec![Ordering::Less, Ordering::Equal], text),
    })
}

impl Pin {
    /// As the recipe wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The version, when it is exactly one.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        match self.bounds.as_slice() {
            [Bound::Exact(version)] => Some(version),
            _ => None,
        }
    }

    /// The versions that are named in it, each without its sign.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.bounds.iter().map(|bound| match bound {
            Bound::Exact(version)
            | Bound::Pattern(version)
            | Bound::Ordered(_, version)
            | Bound::Not(version)
            | Bound::Near(version) => version.as_str(),
        })
    }

    /// Whether a version is one of those wanted.
    ///
    /// What a bound leaves out, epoch or release, is not compared: `<= 1.2` is met by `1:1.2-4`. One exact version of an
    /// rpm may leave them out too, as for dnf.
    #[must_use]
    pub fn meets(&self, version: &str, scheme: Scheme) -> bool {
        self.bounds.iter().all(|bound| bound.meets(version, scheme))
    }

    /// The newest of some versions that is wanted.
    pub fn newest<'v>(&self, versions: impl IntoIterator<Item = &'v String>, scheme: Scheme) -> Option<&'v String> {
        let wanted = versions.into_iter().filter(|version| self.meets(version, scheme));
        wanted.max_by(|left, right| scheme.compare(left, right))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Bound {
    fn meets(&self, version: &str, scheme: Scheme) -> bool {
        match self {
            Self::Exact(exact) => scheme.matches(exact, version),
            Self::Pattern(pattern) => {
                let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
                [version, without_epoch].iter().any(|text| fits(pattern, text))
            }
            Self::Ordered(orders, limit) => orders.contains(&order(version, limit, scheme)),
            Self::Not(other) => order(version, other, scheme) != Ordering::Equal,
            Self::Near(least) => order(version, least, scheme).is_ge() && near(version, least),
        }
    }
}

/// The order of a version to the limit of a bound, as far as the limit goes.
fn order(version: &str, limit: &str, scheme: Scheme) -> Ordering {
    match scheme {
        Scheme::Gem | Scheme::Semantic => return scheme.compare(version, limit),
        Scheme::Python if limit.contains('+') => return scheme.compare(version, limit),
        Scheme::Python => return scheme.compare(python::public(version), limit),
        Scheme::Debian | Scheme::Rpm | Scheme::Alpm | Scheme::Apk | Scheme::Platform => {}
    }
    let mut version = version;
    if !limit.contains(':') {
        version = version.split_once(':').map_or(version, |(_, rest)| rest);
    }
    if !limit.contains('-') {
        version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    }
    scheme.compare(version, limit)
}

/// Whether all parts of `least` but the last, of a single part that one, are those that the version begins with: `~> 1` is
/// `>= 1, < 2`.
///
/// Source: the documentation of `Gem::Version`, pessimistic version constraint.
fn near(version: &str, least: &str) -> bool {
    let epoch = |text: &str| text.split_once([':', '!']).map(|(epoch, _)| epoch.to_owned());
    let parts = |text: &str| -> Vec<String> {
        let text = text.split_once([':', '!']).map_or(text, |(_, rest)| rest);
        let upstream = text.split(['-', '~', '+', '^']).next().unwrap_or(text);
        upstream.split('.').map(|part| part.trim_start_matches('0').to_owned()).collect()
    };
    let (mut version_parts, least_parts) = (parts(version), parts(least));
    let fixed = &least_parts[..(least_parts.len() - 1).max(1)];
    // Parts that are missing are 0.
    version_parts.resize(version_parts.len().max(fixed.len()), String::new());
    epoch(least).is_none_or(|asked| epoch(version).unwrap_or("0".to_owned()) == asked)
        && version_parts.starts_with(fixed)
}

/// Whether a pattern, in which `*` stands for anything, fits the whole text.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{Pin, Scheme};

    fn meets(pin: &str, version: &str) -> bool {
        let pin: Pin = pin.parse().unwrap();
        let met = [Scheme::Debian, Scheme::Rpm, Scheme::Platform].map(|scheme| pin.meets(version, scheme));
        assert!(met.iter().all(|one| *one == met[0]), "{pin} {version}: {met:?}");
        met[0]
    }

    #[test]
    fn bounds_and_patterns() {
        for (pin, version, met) in [
            ("1.2-3", "1.2-3", true),
            ("= 1.2-3", "1.2-3", true),
            ("1.2-3", "1.2-4", false),
            ("1.2*", "1.2-3", true),
            ("1.2*", "1:1.20-3", true),
            ("1.2.*", "1.20-3", false),
            ("*-3", "1.2-3", true),
            ("1*2*3", "1.2-3", true),
            ("1*2*4", "1.2-3", false),
            ("1:1.2*", "1.2-3", false),
            (">= 1.2", "1.2-0.1", true),
            (">= 1.2", "1.2~rc1-1", false),
            ("> 1.2", "1.2-3", false),
            ("> 1.2-2", "1.2-3", true),
            ("<= 1.2", "1:1.2-3", true),
            ("< 1:1.2", "1.9-3", true),
            ("!= 1.2", "1.2-3", false),
            ("~> 1.2", "1.10-1", true),
            ("~> 1.2", "2.0-1", false),
            ("~> 1.2", "1.1-9", false),
            ("~> 1.2.3", "1.2.10-1", true),
            ("~> 1.2.3", "1.3.0~rc1-1", false),
            ("~> 1.2.3", "5:1.2.4-1", true),
            ("~> 4:1.2.3", "5:1.2.4-1", false),
            ("~> 1", "1.9-1", true),
            ("~> 1", "5.0-1", false),
            ("~> 1", "2~rc1-1", false),
            (">= 1.2, < 2", "1.9-1", true),
            (">= 1.2, < 2", "2.0-1", false),
            (">=1.2,!=1.5", "1.5-1", false),
        ] {
            assert_eq!(meets(pin, version), met, "{pin} {version}");
        }
    }

    #[test]
    fn one_version_of_an_rpm_may_leave_out_epoch_and_release() {
        let pin = |text: &str| text.parse::<Pin>().unwrap();
        for text in ["1:2.3-4.el9", "2.3-4.el9", "2.3", "1:2.3"] {
            assert!(pin(text).meets("1:2.3-4.el9", Scheme::Rpm), "{text}");
        }
        assert!(!pin("2").meets("1:2.3-4.el9", Scheme::Rpm));
        assert!(!pin("2.3").meets("2.3-4", Scheme::Debian));
        assert!(pin("~> 2.3").meets("2.3.pre", Scheme::Gem) == (Scheme::Gem.compare("2.3.pre", "2.3").is_ge()));
    }

    #[test]
    fn bounds_of_python_and_of_semantic_versions() {
        for (pin, version, scheme, met) in [
            (">= 2.9.0", "2.9.0.post0", Scheme::Python, true),
            (">= 2.9", "2.9.0", Scheme::Python, true),
            (">= 2.9", "2.9rc1", Scheme::Python, false),
            (">= 2.9", "2.9.dev1", Scheme::Python, false),
            (">= 2.9", "2.9+cpu", Scheme::Python, true),
            ("<= 2.9", "2.9+cpu", Scheme::Python, true),
            ("> 2.9", "2.9+cpu", Scheme::Python, false),
            ("!= 2.9", "2.9+cpu", Scheme::Python, false),
            ("2.9", "2.9.0+cpu", Scheme::Python, true),
            ("2.9+gpu", "2.9+cpu", Scheme::Python, false),
            (">= 2.9", "1!0.1", Scheme::Python, true),
            ("~> 1.0.0", "1", Scheme::Python, true),
            ("~> 1!2.1", "1!2.3", Scheme::Python, true),
            (">= 1.2.0", "1.2.0+zstd.1", Scheme::Semantic, true),
            ("1.2.0", "1.2.0+zstd.1", Scheme::Semantic, true),
            (">= 1.2.0", "1.2.0-rc.1", Scheme::Semantic, false),
            ("1.2", "1.2-r3", Scheme::Apk, true),
            (">= 1.2", "1.2_rc1-r0", Scheme::Apk, false),
        ] {
            assert_eq!(pin.parse::<Pin>().unwrap().meets(version, scheme), met, "{pin} {version}");
        }
    }

    #[test]
    fn the_newest_that_is_wanted() {
        let versions = ["1.9-1", "1.10-1", "2.0-1", "1.2-1"].map(str::to_owned);
        let newest = |text: &str| text.parse::<Pin>().unwrap().newest(&versions, Scheme::Debian).cloned();
        assert_eq!(newest("~> 1.2").as_deref(), Some("1.10-1"));
        assert_eq!(newest(">= 1").as_deref(), Some("2.0-1"));
        assert_eq!(newest("> 3"), None);
    }

    #[test]
    fn what_is_no_version_is_said() {
        for text in ["", "-1", "1 2", "1;2", "~>", ">= 1.*", "*", "$x", ">= 1, ", "1.2, 1.3"] {
            let error = text.parse::<Pin>().unwrap_err();
            assert!(error.contains("is no package version"), "{text}: {error}");
        }
        assert_eq!(">= 1, x y".parse::<Pin>().unwrap_err(), "`x y` in `>= 1, x y` is no package version");
    }
}
