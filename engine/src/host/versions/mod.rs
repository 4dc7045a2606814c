//! How package managers order versions, and which of them a recipe wants.
pub mod debian;
pub mod gem;
mod pin;
pub mod rpm;

use std::cmp::Ordering;

pub use pin::Pin;

use super::Provider;

/// The rules by which versions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Those of dpkg: `[epoch:]upstream[-revision]`.
    Debian,
    /// Those of rpm: `[epoch:]version[-release]`.
    Rpm,
    /// Those of RubyGems: numbers and words, no epoch and no release. npm's and cargo's are in its order too.
    Gem,
    /// Those of Python: zeros at the end count for nothing.
    Python,
    /// Those of whichever package manager the platform has.
    Platform,
}

impl Scheme {
    /// The rules of a provider.
    #[must_use]
    pub const fn of(provider: &Provider) -> Self {
        match provider {
            Provider::Platform | Provider::Apk => Self::Platform,
            Provider::Apt | Provider::Dpkg => Self::Debian,
            // libalpm took rpm's comparison over. Source: vercmp(8).
            Provider::Dnf | Provider::Rpm | Provider::Zypper | Provider::Pacman => Self::Rpm,
            Provider::Gem { .. } | Provider::Npm { .. } | Provider::Cargo { .. } | Provider::Snap => Self::Gem,
            Provider::Pip { .. } => Self::Python,
        }
    }

    /// Which of two versions is newer.
    #[must_use]
    pub fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Self::Debian => debian::compare(left, right),
            Self::Rpm => rpm::compare(left, right),
            Self::Gem | Self::Python => gem::compare(left, right),
            // They differ in signs that the others do not have: no version of a Debian package has a `^`.
            Self::Platform if left.contains('^') || right.contains('^') => rpm::compare(left, right),
            Self::Platform => debian::compare(left, right),
        }
    }
}
