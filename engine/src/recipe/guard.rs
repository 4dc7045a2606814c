use std::path::PathBuf;

use crate::{
    Error, Result,
    host::{Command, Probe},
    resource::Environment,
    resources::command::CommandLine,
    values::Seconds,
};

type Test = Box<dyn Fn(&dyn Probe) -> Result<bool> + Send + Sync>;

/// A condition that is checked on the machine just before the step: a shell command, or a closure over a [`Probe`].
pub struct Guard {
    about: String,
    test: Condition,
}

enum Condition {
    Command(Command),
    Closure(Test),
}

impl Guard {
    /// Whether it holds now.
    ///
    /// # Errors
    /// When it cannot be found out: the command's user or directory does not exist, or its deadline passed.
    pub fn holds(&self, probe: &dyn Probe) -> Result<bool> {
        match &self.test {
            Condition::Command(command) => {
                let answer = probe.query(command)?;
                match command.argv.as_slice() {
                    [shell, flag, line]
                        if answer.code == 127 && shell == "/bin/sh" && flag == "-c" && is_plain(line) =>
                    {
                        Err(not_there(line))
                    }
                    _ => Ok(answer.success()),
                }
            }
            Condition::Closure(test) => test(probe),
        }
    }

    /// What it asks, for people.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Runs the command of a [`shell`] guard as this user.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        self.with(|command| command.user = Some(user.into()))
    }

    /// Runs the command of a [`shell`] guard with this group.
    #[must_use]
    pub fn group(self, group: impl Into<String>) -> Self {
        self.with(|command| command.group = Some(group.into()))
    }

    /// Runs the command of a [`shell`] guard in this directory.
    #[must_use]
    pub fn cwd(self, directory: impl Into<PathBuf>) -> Self {
        self.with(|command| command.cwd = Some(directory.into()))
    }

    /// Adds variables to the environment of a [`shell`] guard's command.
    #[must_use]
    pub fn environment(self, variables: impl Into<Environment>) -> Self {
        self.with(|command| command.environment.extend(variables.into().0))
    }

    /// Gives the command of a [`shell`] guard another deadline than an hour.
    #[must_use]
    pub fn timeout(self, limit: impl Into<Seconds>) -> Self {
        self.with(|command| command.timeout = limit.into())
    }

    fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        if let Condition::Command(command) = &mut self.test {
            change(command);
        }
        self
    }
}

/// Whether a line is one command with its words, without anything that only a shell understands. As in Chef, such a command
/// that does not exist is an error, not a guard that does not hold: a slip in a guard must not go unseen.
fn is_plain(line: &str) -> bool {
    const SHELL: &str = "*?{}[]<>()~&|\\$;'`\"\n#=%!";
    const WORDS: [&str; 30] = [
        "!", ".", ":", "[", "alias", "break", "case", "cd", "command", "continue", "do", "eval", "exec", "exit",
        "export", "for", "hash", "if", "readonly", "set", "shift", "test", "times", "trap", "type", "ulimit", "umask",
        "unset", "until", "while",
    ];
    let first = line.split_whitespace().next();
    !line.contains(|c| SHELL.contains(c)) && first.is_some_and(|first| !WORDS.contains(&first))
}

fn not_there(line: &str) -> Error {
    let program = line.split_whitespace().next().unwrap_or_default();
    Error::failed(format!("there is no command `{program}`"))
        .hint("a command that may be absent is asked for with `command -v NAME >/dev/null`")
}

/// A guard that runs a line in `/bin/sh`; exit code 0 means that it holds. The command must not change anything.
pub fn shell(line: impl Into<String>) -> Guard {
    let line = line.into();
    Guard { about: format!("`{line}`"), test: Condition::Command(Command::shell(line)) }
}

impl From<CommandLine> for Guard {
    fn from(line: CommandLine) -> Self {
        match line {
            CommandLine::Shell(line) => shell(line),
            CommandLine::Words(words) => {
                let command = Command::new(words);
                Self { about: format!("`{command}`"), test: Condition::Command(command) }
            }
        }
    }
}

/// A guard that asks the machine by a closure; `about` says what, for people.
pub fn when(about: impl Into<String>, test: impl Fn(&dyn Probe) -> Result<bool> + Send + Sync + 'static) -> Guard {
    Guard { about: about.into(), test: Condition::Closure(Box::new(test)) }
}

/// A guard that holds when there is something at `path`.
pub fn exists(path: impl Into<PathBuf>) -> Guard {
    let path = path.into();
    when(format!("`{}` exists", path.display()), move |probe| Ok(probe.entry(&path)?.is_some()))
}

impl From<&str> for Guard {
    fn from(line: &str) -> Self {
        shell(line)
    }
}

impl From<String> for Guard {
    fn from(line: String) -> Self {
        shell(line)
    }
}

/// Checks guards in order; the reason to skip, if there is one: every `only_if` must hold, any `not_if` skips.
pub(crate) fn skip_reason(guards: &[(bool, Guard)], probe: &dyn Probe) -> Result<Option<String>> {
    for (wanted, guard) in guards {
        let word = if *wanted { "only_if" } else { "not_if" };
        let holds = guard.holds(probe).map_err(|source| {
            let error = Error::failed(format!("guard {word} {} could not be evaluated: {source}", guard.about));
            source.hints().into_iter().fold(error, Error::hint)
        })?;
        if holds != *wanted {
            return Ok(Some(format!("{word} {}", guard.about)));
        }
    }
    Ok(None)
}
