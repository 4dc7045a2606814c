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
    /// Texts that are cut out of all that is shown of it: of its words, its environment and what it prints.
    #[serde(skip)]
    pub secrets: Vec<String>,
    /// Whether the text on standard input is the program, whose beginning people may see.
    #[serde(skip)]
    pub script: bool,
    /// Text given on standard input in place of `/dev/null`. Never serialized: it may be a script with secrets.
    #[serde(skip)]
    pub stdin: Option<Vec<u8>>,
}

/// In place of what is not shown.
const HIDDEN: &str = "(sensitive)";

/// What may be shown of a [`Command`].
#[derive(Debug, Serialize)]
struct Shown<'c> {
    argv: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'c PathBuf>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<&'c str, String>,
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
        let Command { argv, cwd, environment, user, group, umask, timeout, returns, sensitive, .. } = command;
        let shown = |text: &String| if *sensitive { HIDDEN.to_owned() } else { command.without_secrets(text) };
        Self {
            argv: if *sensitive { vec![HIDDEN.to_owned()] } else { argv.iter().map(shown).collect() },
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
            secrets: Vec::new(),
            script: false,
            stdin: None,
        }
    }

    /// What may be shown of a text that it is made of, or has printed.
    #[must_use]
    pub fn without_secrets(&self, text: &str) -> String {
        let mut secrets: Vec<&str> = self.secrets.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        // One may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }

    /// Reads a shell's whole program from standard input before any of it runs.
    pub(crate) const READ_ALL: &'static str = r#"eval "$(cat)" </dev/null"#;

    /// The words before those by which a shell is told to read its program from standard input.
    fn told_to_read(&self) -> Option<&[String]> {
        match self.argv.as_slice() {
            [words @ .., flag, program, _] if flag == "-c" && program == Self::READ_ALL => Some(words),
            _ => None,
        }
    }

    /// The first line of a script that says something, and how many more there are.
    fn beginning(&self) -> Option<String> {
        const LONGEST: usize = 100;
        let text = String::from_utf8_lossy(self.stdin.as_deref().filter(|_| self.script)?);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next()?;
        let mut shown: String = first.chars().take(LONGEST).collect();
        if shown.len() < first.len() {
            shown += "...";
        }
        Some(match lines.count() {
            0 => shown,
            1 => format!("{shown} (and 1 more line)"),
            more => format!("{shown} (and {more} more lines)"),
        })
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
            return f.write_str(HIDDEN);
        }
        if let [shell, flag, line] = self.argv.as_slice()
            && shell == "/bin/sh"
            && flag == "-c"
        {
            return f.write_str(&self.without_secrets(line));
        }
        let plain = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&b))
        };
        let told_to_read = self.told_to_read();
        let words = told_to_read.unwrap_or(&self.argv);
        for (n, word) in words.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            let word = self.without_secrets(word);
            if plain(&word) { f.write_str(&word)? } else { write!(f, "'{}'", word.replace('\'', r"'\''"))? }
        }
        match (self.beginning(), told_to_read, self.argv.last()) {
            (Some(beginning), ..) => write!(f, ": {beginning}"),
            (None, Some(_), Some(name)) => write!(f, ", script `{name}`"),
            (None, ..) => Ok(()),
        }
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
    fn of_a_script_people_see_the_interpreter_and_its_beginning() {
        let shell = ["bash", "-e", "-c", Command::READ_ALL, "unpack"];
        let script = |argv: &[&str], code: &str| Command {
            script: true,
            stdin: Some(code.as_bytes().to_vec()),
            ..Command::new(argv.iter().copied())
        };
        let code = "# unpacks it\n\ntar xf tool.tar\n./install\n./clean\n";
        assert_eq!(script(&shell, code).to_string(), "bash -e: tar xf tool.tar (and 2 more lines)");
        assert_eq!(script(&["python3"], "print(1)\nprint(2)").to_string(), "python3: print(1) (and 1 more line)");
        let long = "x".repeat(200);
        assert_eq!(script(&["/bin/sh"], &long).to_string(), format!("/bin/sh: {}...", "x".repeat(100)));
        // What a journal kept has no standard input any more, and input that is no program is nobody's business.
        assert_eq!(Command::new(shell).to_string(), "bash -e, script `unpack`");
        let input = Command { script: false, ..script(&["cat"], "canary") };
        assert_eq!(input.to_string(), "cat");
        assert_eq!(Command { sensitive: true, ..script(&shell, "canary") }.to_string(), "(sensitive)");
    }

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
        let secrets = vec!["ana".to_owned(), "canary".to_owned()];
        let cut = Command { sensitive: false, secrets, ..command.clone() };
        assert_eq!(cut.to_string(), "login '(sensitive)'");
        assert!(!format!("{cut:?} {}", serde_json::to_string(&cut).unwrap()).contains("canary"));
        assert_eq!(cut.without_secrets("wrong password canary, banana"), "wrong password (sensitive), b(sensitive)na");
        let plain = Command { sensitive: false, ..command };
        let written = serde_json::to_value(&plain).unwrap();
        assert_eq!(written["argv"], serde_json::json!(["login", "canary"]));
        let read: Command = serde_json::from_value(written).unwrap();
        assert_eq!(read, Command { stdin: None, ..plain });
    }
}
