//! What `execute` and the script kinds have in common: the circumstances in which a command runs, and whether it has to.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    Fault, Result,
    host::{Command, Probe},
    resource::{Environment, Goal, Property},
    values::{Mode, Seconds, Words},
};

/// A program with its arguments, or a line for the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// Program and arguments, each as it is: no shell sees them.
    Words(Vec<String>),
    /// A line for `/bin/sh`.
    Shell(String),
}

impl From<&str> for CommandLine {
    fn from(line: &str) -> Self {
        Self::Shell(line.to_owned())
    }
}

impl From<String> for CommandLine {
    fn from(line: String) -> Self {
        Self::Shell(line)
    }
}

impl<W: Into<String>, const N: usize> From<[W; N]> for CommandLine {
    fn from(words: [W; N]) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }
}

impl<W: Into<String>> From<Vec<W>> for CommandLine {
    fn from(words: Vec<W>) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }
}

impl Property for CommandLine {
    const TYPE: &'static str = "line for the shell, or list of words";
    fn from_json(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(line) => Ok(Self::Shell(line.clone())),
            Json::Array(_) => Words::from_json(value).map(|words| Self::Words(words.0)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
                Err(format!("expected {}, found `{value}`", Self::TYPE))
            }
        }
    }
}

/// Whether what the command makes is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether the path of `creates` exists; `None` when there is no such property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
}

/// The circumstances that a recipe names, beside the command itself.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub cwd: Option<&'a PathBuf>,
    pub environment: Option<&'a Environment>,
    pub user: Option<&'a String>,
    pub group: Option<&'a String>,
    pub umask: Option<Mode>,
    pub timeout: Option<Seconds>,
    pub creates: Option<&'a PathBuf>,
    pub returns: Option<&'a Vec<i32>>,
}

impl Circumstances<'_> {
    pub(crate) fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(cwd) = self.cwd.filter(|cwd| !cwd.is_absolute()) {
            faults.push(Fault::new(format!("`cwd` must be an absolute path, `{}` is not", cwd.display())));
        }
        if let Some(creates) = self.creates.filter(|creates| !creates.is_absolute() && self.cwd.is_none()) {
            faults.push(
                Fault::new(format!("`creates` is relative (`{}`), and there is no `cwd`", creates.display()))
                    .hint("write the whole path, or give `cwd`"),
            );
        }
        if let Some(fault) = self.umask.and_then(Mode::fault) {
            faults.push(Fault::new(format!("`umask`: {fault}")));
        }
        for (property, name) in [("user", self.user), ("group", self.group)] {
            if let Some(name) = name.filter(|name| name.is_empty() || name.contains([':', '/', '\0', '\n'])) {
                faults.push(Fault::new(format!("`{property}`: {name:?} is no account name")));
            }
        }
        if let Some(cwd) = self.cwd.filter(|cwd| cwd.as_os_str().as_encoded_bytes().contains(&0)) {
            faults.push(Fault::new(format!("`cwd` holds a NUL byte: {:?}", cwd.display().to_string())));
        }
        if self.returns.is_some_and(Vec::is_empty) {
            faults.push(Fault::new("`returns` is empty, so no exit code could mean success"));
        }
        for code in self.returns.into_iter().flatten().filter(|code| !(0..=255).contains(*code)) {
            faults.push(Fault::new(format!("`returns`: {code} is no exit code; they go from 0 to 255")));
        }
        if self.timeout == Some(Seconds(0)) {
            faults.push(Fault::new("`timeout` is 0, so the command could never end in time"));
        }
        for name in self.environment.into_iter().flat_map(|environment| environment.0.keys()) {
            if name.is_empty() || name.contains(['=', '\0']) {
                faults.push(Fault::new(format!("`environment`: `{}` is no name of a variable", name.escape_debug())));
            }
        }
        faults
    }

    fn created(&self) -> Option<PathBuf> {
        let creates = self.creates?;
        Some(self.cwd.map_or_else(|| creates.clone(), |cwd| cwd.join(creates)))
    }

    pub(crate) fn read(&self, probe: &dyn Probe) -> Result<State> {
        let created = self.created().map(|path| probe.entry(&path).map(|entry| entry.is_some())).transpose()?;
        Ok(State { created })
    }

    /// Runs unless what it creates is there; and when it has run, it must be.
    pub(crate) fn want(&self, now: &State) -> Goal<State> {
        match now.created {
            Some(true) => Goal::State(now.clone()),
            Some(false) => Goal::Event("run", State { created: Some(true) }),
            None => Goal::Event("run", now.clone()),
        }
    }

    pub(crate) fn command(&self, argv: Vec<String>, stdin: Option<Vec<u8>>) -> Command {
        let mut command = Command::new(argv);
        command.cwd = self.cwd.cloned();
        command.environment = self.environment.cloned().unwrap_or_default().0;
        command.user = self.user.cloned();
        command.group = self.group.cloned();
        command.umask = self.umask;
        command.timeout = self.timeout.unwrap_or(Command::TIMEOUT);
        command.returns = self.returns.cloned().unwrap_or_else(|| vec![0]);
        command.stdin = stdin;
        command
    }
}

/// Defines a kind that runs something: its own properties, and after them those that every such kind has.
macro_rules! command_properties {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident($named:literal) {
            $key:ident: $key_type:ty;
            $($(#[doc = $doc:literal])+ $property:ident: $type:ty),* $(,)?
        }
        example $example:literal
    ) => {
        $crate::properties! {
            $(#[doc = $about])+
            pub struct $name($named) {
                $key: $key_type;
                $($(#[doc = $doc])+ $property: $type,)*
                /// Directory it runs in; `/` when not given.
                cwd: std::path::PathBuf,
                /// Variables added to its environment.
                environment: $crate::resource::Environment,
                /// User it runs as, with the groups that user belongs to.
                user: String,
                /// Primary group it runs with.
                group: String,
                /// File creation mask.
                umask: $crate::values::Mode,
                /// Deadline in seconds; 3600 when not given.
                timeout: $crate::values::Seconds,
                /// A path that it makes: it runs only while there is nothing at it, and has failed when there is nothing
                /// afterwards. Relative to `cwd`.
                creates: std::path::PathBuf,
                /// Exit codes that mean success; `[0]` when not given.
                returns: Vec<i32>,
            }
            example $example
        }

        impl $name {
            fn circumstances(&self) -> $crate::resources::command::Circumstances<'_> {
                $crate::resources::command::Circumstances {
                    cwd: self.cwd.as_ref(),
                    environment: self.environment.as_ref(),
                    user: self.user.as_ref(),
                    group: self.group.as_ref(),
                    umask: self.umask,
                    timeout: self.timeout,
                    creates: self.creates.as_ref(),
                    returns: self.returns.as_ref(),
                }
            }
        }
    };
}
pub(crate) use command_properties;
