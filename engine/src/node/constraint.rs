//! Versions of cookbooks and what is asked of them.
//!
//! Source: Chef, measured: `=`, `<`, `>`, `<=`, `>=`, `~>`; versions of two or three numbers, `1.2` is `1.2.0`.
use std::fmt;

/// A version: three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CookbookVersion([u64; 3]);

impl CookbookVersion {
    /// Reads two or three numbers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::numbers(text)?.0)
    }

    /// The version, and how many numbers were given.
    fn numbers(text: &str) -> Option<(Self, usize)> {
        let mut numbers = [0_u64; 3];
        let mut count = 0;
        for part in text.split('.') {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            *numbers.get_mut(count)? = digits.then(|| part.parse().ok()).flatten()?;
            count += 1;
        }
        (count >= 2).then_some((Self(numbers), count))
    }
}

impl fmt::Display for CookbookVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What is asked of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    sign: Sign,
    version: CookbookVersion,
    /// The first version too new for `~>`.
    below: CookbookVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Equal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Pessimistic,
}

const SIGNS: [(&str, Sign); 6] = [
    ("~>", Sign::Pessimistic),
    ("<=", Sign::LessOrEqual),
    (">=", Sign::GreaterOrEqual),
    ("=", Sign::Equal),
    ("<", Sign::Less),
    (">", Sign::Greater),
];

impl Constraint {
    /// Reads a sign and a version; a version alone means `=`.
    ///
    /// # Errors
    /// What it should look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let (sign, version) = SIGNS
            .iter()
            .find_map(|(word, sign)| Some((*sign, trimmed.strip_prefix(word)?)))
            .unwrap_or((Sign::Equal, trimmed));
        let Some((version, count)) = CookbookVersion::numbers(version.trim()) else {
            let text = text.escape_debug();
            return Err(format!(
                "`{text}` is no version constraint: it is `=`, `<`, `>`, `<=`, `>=` or `~>` and two or three numbers"
            ));
        };
        let CookbookVersion([major, minor, _]) = version;
        let below = CookbookVersion(if count == 2 {
            [major.saturating_add(1), 0, 0]
        } else {
            [major, minor.saturating_add(1), 0]
        });
        Ok(Self { sign, version, below })
    }

    /// Whether a version is one.
    #[must_use]
    pub fn allows(&self, version: CookbookVersion) -> bool {
        match self.sign {
            Sign::Equal => version == self.version,
            Sign::Less => version < self.version,
            Sign::Greater => version > self.version,
            Sign::LessOrEqual => version <= self.version,
            Sign::GreaterOrEqual => version >= self.version,
            Sign::Pessimistic => version >= self.version && version < self.below,
        }
    }
}
