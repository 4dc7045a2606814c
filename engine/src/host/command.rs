use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::values::{Mode, Seconds};

/// A command as data: what [`Op::Run`](super::Op::Run) performs and what a guard or a query asks.
///
/// It runs without a terminal (standard input is `/dev/null`), in its own process group, with a deadline, `LC_ALL=C.UTF-8`
/// and a usable `PATH`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments. The program is searched on `PATH`.
    pub argv: Vec<String>,
    /// Working directory; `/` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// Variables added to the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Run as this user, with the groups it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Run with this primary group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// File creation mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<Mode>,
    /// Deadline, after which the whole process group is ended.
    pub timeout: Seconds,
    /// Exit codes that mean success.
    pub returns: Vec<i32>,
    /// Whether command line and output are kept out of every log, report and error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// Text given on standard input in place of `/dev/null`. Never serialized: it may be a script with secrets.
    #[serde(skip)]
    pub stdin: Option<Vec<u8>>,
}

impl Command {
    /// An hour: the deadline of a command that names none, as in Chef.
    pub const TIMEOUT: Seconds = Seconds(3600);

    /// A command by its program and arguments.
    pub fn new<W: Into<String>>(argv: impl IntoIterator<Item = W>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            cwd: None,
            environment: BTreeMap::new(),
            user: None,
            group: None,
            umask: None,
            timeout: Self::TIMEOUT,
            returns: vec![0],
            sensitive: false,
            stdin: None,
        }
    }

    /// A line for `/bin/sh`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(["/bin/sh".to_owned(), "-c".to_owned(), line.into()])
    }
}

/// The command as people type it; `(sensitive)` when it must not be shown.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive {
            return f.write_str("(sensitive)");
        }
        if let [shell, flag, line] = self.argv.as_slice()
            && shell == "/bin/sh"
            && flag == "-c"
        {
            return f.write_str(line);
        }
        let plain = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&b))
        };
        for (n, word) in self.argv.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            if plain(word) { f.write_str(word)? } else { write!(f, "'{}'", word.replace('\'', r"'\''"))? }
        }
        Ok(())
    }
}

/// How a command ended and what it printed (each stream capped: its head and its tail are kept).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Exit code; 128+N when ended by signal N; 127 when there is no such program.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// Whether it exited with 0.
    #[must_use]
    pub const fn success(&self) -> bool {
        self.code == 0
    }
}
