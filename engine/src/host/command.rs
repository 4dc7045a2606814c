use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::values::{Mode, Seconds};

/// A command as data: what [`Op::Run`](super::Op::Run) performs and what a guard or a query asks.
///
/// It runs without a terminal (standard input is `/dev/null`), in its own process group, with a deadline, `LC_ALL=C.UTF-8`
/// and a usable `PATH`.
///
/// What is `sensitive` is written out without its words and the values of its environment, in JSON and by `Debug`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Command {
    /// Program and arguments. The program is searched on `PATH`.
    pub argv: Vec<String>,
    /// Working directory; `/` when absent.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// Variables added to the environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Run as this user, with the groups it belongs to.
    #[serde(default)]
    pub user: Option<String>,
    /// Run with this primary group.
    #[serde(default)]
    pub group: Option<String>,
    /// File creation mask.
    #[serde(default)]
    pub umask: Option<Mode>,
    /// Deadline, after which the whole process group is ended.
    pub timeout: Seconds,
    /// Exit codes that mean success.
    pub returns: Vec<i32>,
    /// Whether command line and output are kept out of every log, report and error.
    #[serde(default)]
    pub sensitive: bool,
    /// Text given on standard input in place of `/dev/null`. Never serialized: it may be a script with secrets.
    #[serde(skip)]
    pub stdin: Option<Vec<u8>>,
}

/// What may be shown of a [`Command`].
#[derive(Debug, Serialize)]
struct Shown<'c> {
    argv: Vec<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'c PathBuf>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<&'c str, &'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    umask: Option<Mode>,
    timeout: Seconds,
    returns: &'c [i32],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sensitive: bool,
}

impl<'c> From<&'c Command> for Shown<'c> {
    fn from(command: &'c Command) -> Self {
        let Command { argv, cwd, environment, user, group, umask, timeout, returns, sensitive, stdin: _ } = command;
        let shown = |text: &'c String| if *sensitive { "(sensitive)" } else { text.as_str() };
        Self {
            argv: if *sensitive { vec!["(sensitive)"] } else { argv.iter().map(String::as_str).collect() },
            cwd: cwd.as_ref(),
            environment: environment.iter().map(|(name, value)| (name.as_str(), shown(value))).collect(),
            user: user.as_deref(),
            group: group.as_deref(),
            umask: *umask,
            timeout: *timeout,
            returns,
            sensitive: *sensitive,
        }
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown::from(self).serialize(serializer)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown::from(self).fmt(f)
    }
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

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn a_sensitive_command_is_written_out_nowhere() {
        let environment = [("TOKEN".to_owned(), "canary".to_owned())].into();
        let command = Command {
            environment,
            stdin: Some(b"canary".to_vec()),
            sensitive: true,
            ..Command::new(["login", "canary"])
        };
        let written = serde_json::to_string(&command).unwrap();
        assert_eq!(
            written,
            r#"{"argv":["(sensitive)"],"environment":{"TOKEN":"(sensitive)"},"timeout":3600,"returns":[0],"sensitive":true}"#
        );
        assert!(!format!("{command} {command:?} {command:#?}").contains("canary"));
        let plain = Command { sensitive: false, ..command };
        let written = serde_json::to_value(&plain).unwrap();
        assert_eq!(written["argv"], serde_json::json!(["login", "canary"]));
        let read: Command = serde_json::from_value(written).unwrap();
        assert_eq!(read, Command { stdin: None, ..plain });
    }
}
