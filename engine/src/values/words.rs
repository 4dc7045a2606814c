use serde::{Deserialize, Serialize};

/// A list of words; one word alone is a list of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

impl From<&str> for Words {
    fn from(word: &str) -> Self {
        Self(vec![word.to_owned()])
    }
}

impl From<String> for Words {
    fn from(word: String) -> Self {
        Self(vec![word])
    }
}

impl<W: Into<String>> From<Vec<W>> for Words {
    fn from(words: Vec<W>) -> Self {
        words.into_iter().collect()
    }
}

impl<W: Into<String>, const N: usize> From<[W; N]> for Words {
    fn from(words: [W; N]) -> Self {
        words.into_iter().collect()
    }
}

impl From<&[&str]> for Words {
    fn from(words: &[&str]) -> Self {
        words.iter().copied().collect()
    }
}

impl<W: Into<String>> FromIterator<W> for Words {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }
}
