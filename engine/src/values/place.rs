use std::{fmt, panic::Location, path::Path, sync::Arc};

use serde::{Serialize, Serializer};

/// Where something was asked for: a line of a recipe, or of an input file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A line of Rust, as `#[track_caller]` gives it.
    Rust(&'static Location<'static>),
    /// A place in an input file; line and column count from 1, the column in characters.
    File {
        /// The file as the user named it.
        path: Arc<Path>,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
}

impl From<&'static Location<'static>> for Place {
    fn from(location: &'static Location<'static>) -> Self {
        Self::Rust(location)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rust(at) => write!(f, "{}:{}:{}", at.file(), at.line(), at.column()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
