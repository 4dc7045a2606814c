//! How package managers order versions, and which of them a recipe wants.
pub mod apk;
pub mod debian;
pub mod gem;
mod pin;
pub mod python;
pub mod rpm;
pub mod semver;

use std::cmp::Ordering;

pub use pin::Pin;
pub(super) use pin::fits;

use super::Provider;

/// The rules by which versions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Those of dpkg: `[epoch:]upstream[-revision]`.
    Debian,
    /// Those of rpm: `[epoch:]version[-release]`.
    Rpm,
    /// Those of libalpm: as rpm's, but a word at the end is older than no word.
    Alpm,
    /// Those of RubyGems: numbers and words, no epoch and no release.
    Gem,
    /// Those of Python: `[epoch!]release`, and what comes before and after it.
    Python,
    /// Those of Semantic Versioning, by which npm and cargo go.
    Semantic,
    /// Those of apk: `version[-rN]`.
    Apk,
    /// Those of whichever package manager the platform has.
    Platform,
}

impl Scheme {
    /// The rules of a provider.
    #[must_use]
    pub const fn of(provider: &Provider) -> Self {
        match provider {
            Provider::Platform => Self::Platform,
            Provider::Apk => Self::Apk,
            Provider::Apt | Provider::Dpkg => Self::Debian,
            Provider::Dnf | Provider::Rpm | Provider::Zypper => Self::Rpm,
            Provider::Pacman => Self::Alpm,
            Provider::Gem { .. } | Provider::Snap => Self::Gem,
            Provider::Npm { .. } | Provider::Cargo { .. } => Self::Semantic,
            Provider::Pip { .. } => Self::Python,
        }
    }

    /// Which of two versions is newer.
    #[must_use]
    pub fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Self::Debian => debian::compare(left, right),
            Self::Rpm => rpm::compare(left, right),
            Self::Alpm => rpm::compare_as_alpm(left, right),
            Self::Gem => gem::compare(left, right),
            Self::Python => python::compare(left, right),
            Self::Semantic => semver::compare(left, right),
            Self::Apk => apk::compare(left, right),
            // They differ in signs that the others do not have: no version of a Debian package has a `^`.
            Self::Platform if left.contains('^') || right.contains('^') => rpm::compare(left, right),
            Self::Platform => debian::compare(left, right),
        }
    }

    /// Whether a version is the one asked for, which may leave out what the rules let it leave out.
    #[must_use]
    pub fn matches(self, asked: &str, version: &str) -> bool {
        match self {
            Self::Debian => asked == version,
            Self::Gem => gem::compare(asked, version).is_eq(),
            Self::Rpm | Self::Alpm | Self::Platform => asked == version || rpm::matches(asked, version),
            Self::Python => python::matches(asked, version),
            Self::Semantic => semver::compare(asked, version).is_eq(),
            Self::Apk => apk::matches(asked, version),
        }
    }
}
