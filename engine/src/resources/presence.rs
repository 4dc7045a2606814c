//! Whether packages are there, as a report and the journal have it.
use std::borrow::Cow;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Result,
    host::{Pin, Scheme},
};

/// State of packages, by the name that the recipe uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Presences(pub IndexMap<String, Package>);

/// Whether a package is there, and whether it is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Whether it is there.
    pub presence: Presence,
    /// Whether it is held at its version.
    pub held: bool,
    /// Whether debconf knows other answers than those that the resource gives.
    pub answers_differ: bool,
    /// Whether somebody asked for it.
    pub mark: Mark,
}

/// What a package manager remembers of why a package is there.
#[derive(Clone, Copy, Debug, Eq)]
pub enum Mark {
    /// Nothing, or that somebody asked for it.
    Plain,
    /// It came along with others, and may go when nothing needs it.
    Automatic,
    /// As [`Plain`](Self::Plain), of what was [`Automatic`](Self::Automatic) before.
    Manual,
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        matches!(self, Self::Automatic) == matches!(other, Self::Automatic)
    }
}

impl Mark {
    const ALL: [(Self, &str); 2] =
        [(Self::Automatic, ", automatically installed"), (Self::Manual, ", marked as manually installed")];

    fn words(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Automatic => Self::ALL[0].1,
            Self::Manual => Self::ALL[1].1,
        }
    }
}

const HELD: &str = ", held";
const ANSWERS: &str = ", with other answers";

impl Serialize for Package {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let held = if self.held { HELD } else { "" };
        let answers = if self.answers_differ { ANSWERS } else { "" };
        serializer.collect_str(&format_args!("{}{}{held}{answers}", self.presence.words(), self.mark.words()))
    }
}

impl<'de> Deserialize<'de> for Package {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let without =
            |text: &'_ str, suffix| text.strip_suffix(suffix).map_or((text.len(), false), |rest| (rest.len(), true));
        let (end, answers_differ) = without(&text, ANSWERS);
        let (end, held) = without(&text[..end], HELD);
        let marked = Mark::ALL.into_iter().find_map(|(mark, words)| Some((text[..end].strip_suffix(words)?, mark)));
        let (rest, mark) = marked.unwrap_or((&text[..end], Mark::Plain));
        Ok(Self { presence: Presence::of_words(rest), held, answers_differ, mark })
    }
}

/// Whether a package is there.
///
/// [`Installed`](Self::Installed), [`Matching`](Self::Matching), [`Upgraded`](Self::Upgraded), [`Removed`](Self::Removed) and
/// [`Purged`](Self::Purged) are wishes that several states fulfil, and equal each of them: which version comes, and whether
/// configuration files stay behind, is up to the package, and another one may provide its name.
#[derive(Clone, Debug, Eq)]
pub enum Presence {
    /// Nothing of it is there.
    Absent,
    /// It is removed; configuration files are left.
    ConfigFiles,
    /// It is there only in part; what is wrong with it.
    Broken(String),
    /// This version is installed; of gems several, joined by `, `.
    Version(String),
    /// An installed package of another name provides it.
    Provided(String),
    /// Wish: installed in any version, or provided.
    Installed,
    /// Wish: installed in a version that meets bounds.
    Matching(Pin, Scheme),
    /// Wish: installed in this version, or in a newer one: what is on offer may be another by the time that it is put in.
    Upgraded(String, Scheme),
    /// Wish: not installed, with or without configuration files.
    Removed,
    /// Wish: not installed, and without configuration files.
    Purged,
}

impl PartialEq for Presence {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Installed, Self::Installed | Self::Version(_) | Self::Provided(_))
            | (Self::Version(_) | Self::Provided(_), Self::Installed)
            | (Self::Removed, Self::Removed | Self::Absent | Self::ConfigFiles | Self::Provided(_))
            | (Self::Absent | Self::ConfigFiles | Self::Provided(_), Self::Removed)
            | (Self::Purged, Self::Purged | Self::Absent | Self::Provided(_))
            | (Self::Absent | Self::Provided(_), Self::Purged)
            | (Self::Absent, Self::Absent)
            | (Self::ConfigFiles, Self::ConfigFiles) => true,
            (Self::Broken(a), Self::Broken(b))
            | (Self::Version(a), Self::Version(b))
            | (Self::Provided(a), Self::Provided(b)) => a == b,
            (Self::Matching(pin, scheme), Self::Version(version))
            | (Self::Version(version), Self::Matching(pin, scheme)) => pin.meets(version, *scheme),
            (Self::Upgraded(least, scheme), Self::Version(version))
            | (Self::Version(version), Self::Upgraded(least, scheme)) => scheme.compare(version, least).is_ge(),
            (Self::Matching(a, _), Self::Matching(b, _)) => a == b,
            (Self::Upgraded(a, _), Self::Upgraded(b, _)) => a == b,
            (
                Self::Absent
                | Self::ConfigFiles
                | Self::Broken(_)
                | Self::Version(_)
                | Self::Provided(_)
                | Self::Installed
                | Self::Matching(..)
                | Self::Upgraded(..)
                | Self::Removed
                | Self::Purged,
                _,
            ) => false,
        }
    }
}

const CONFIG_FILES: &str = "config files";
const BROKEN: &str = "broken: ";
const PROVIDED: &str = "provided by ";

impl Presence {
    fn words(&self) -> Cow<'_, str> {
        match self {
            Self::Absent | Self::Purged => "absent".into(),
            Self::ConfigFiles => CONFIG_FILES.into(),
            Self::Broken(why) => format!("{BROKEN}{why}").into(),
            Self::Version(version) | Self::Upgraded(version, _) => version.into(),
            Self::Provided(by) => format!("{PROVIDED}{by}").into(),
            Self::Installed => "installed".into(),
            Self::Matching(pin, _) => pin.text().into(),
            Self::Removed => "removed".into(),
        }
    }

    fn of_words(text: &str) -> Self {
        match text {
            "absent" => Self::Absent,
            CONFIG_FILES => Self::ConfigFiles,
            "installed" => Self::Installed,
            "removed" => Self::Removed,
            other => match (other.strip_prefix(BROKEN), other.strip_prefix(PROVIDED), bounds(other)) {
                (Some(why), _, _) => Self::Broken(why.to_owned()),
                (None, Some(by), _) => Self::Provided(by.to_owned()),
                (None, None, Some(pin)) => Self::Matching(pin, Scheme::Platform),
                (None, None, None) => Self::Version(text.to_owned()),
            },
        }
    }

    /// Whether there is nothing to remove. A name that another package provides stands for no package that could be removed.
    pub(crate) const fn is_lacking(&self) -> bool {
        match self {
            Self::Absent | Self::ConfigFiles | Self::Provided(_) | Self::Removed | Self::Purged => true,
            Self::Version(_) | Self::Broken(_) | Self::Installed | Self::Matching(..) | Self::Upgraded(..) => false,
        }
    }
}

/// What is said of a version, when it leaves a choice.
pub(crate) fn bounds(version: &str) -> Option<Pin> {
    version.parse().ok().filter(|pin: &Pin| pin.exact().is_none())
}

#[cfg(test)]
mod tests {
    use super::{Mark, Package, Presence, bounds};
    use crate::host::Scheme;

    #[test]
    fn a_wish_is_fulfilled_by_several_states() {
        let version = || Presence::Version("1".to_owned());
        let provided = || Presence::Provided("mawk".to_owned());
        assert!(Presence::Installed == version() && provided() == Presence::Installed && version() != provided());
        assert!(Presence::Removed == Presence::Absent && Presence::ConfigFiles == Presence::Removed);
        assert!(Presence::Installed != Presence::Absent && Presence::Broken("x".to_owned()) != Presence::Installed);
        assert!(Presence::Absent != Presence::ConfigFiles && Presence::Removed != version());
        // Its name is left, as that of another.
        assert!(Presence::Removed == provided() && provided() == Presence::Purged && Presence::Absent != provided());
        assert!(Presence::Purged == Presence::Absent && Presence::Purged != Presence::ConfigFiles);
        let upgraded = |version: &str| Presence::Upgraded(version.to_owned(), Scheme::Debian);
        assert!(upgraded("1") == version() && version() == upgraded("0.9") && upgraded("1.1") != version());
        assert!(upgraded("1") != Presence::Absent && upgraded("1") != upgraded("0.9"));
    }

    #[test]
    fn presences_come_back_from_json() {
        let all = [
            Presence::Absent,
            Presence::ConfigFiles,
            Presence::Broken("unpacked".to_owned()),
            Presence::Version("1:2.3-4".to_owned()),
            Presence::Provided("mawk".to_owned()),
        ];
        let matching = Presence::Matching(bounds("~> 1.2").unwrap(), Scheme::Platform);
        for presence in all.into_iter().chain([matching]) {
            for (held, answers_differ) in [(false, false), (true, false), (true, true)] {
                for mark in [Mark::Plain, Mark::Automatic, Mark::Manual] {
                    let package = Package { presence: presence.clone(), held, answers_differ, mark };
                    let json = serde_json::to_value(&package).unwrap();
                    assert_eq!(serde_json::from_value::<Package>(json).unwrap(), package);
                }
            }
        }
    }
}
