//! What can go wrong in the lab itself, as opposed to in a scenario.

use std::fmt;
use std::io;

/// The result of a step of the lab.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the lab. `Debug` prints the message, so that a scenario returning it reads well.
#[derive(thiserror::Error)]
pub enum Error {
    /// Containers need root.
    #[error(
        "{doing} needs root: run the tests as root (`sudo -E env PATH=\"$PATH\" cargo xtask test`), or `cargo xtask test --fast` without containers"
    )]
    NotRoot {
        /// What was asked for.
        doing: String,
    },
    /// A file of the lab could not be read or written.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// A command of the host failed.
    #[error("cannot {doing}: `{command}` ended with {status}\n{output}")]
    Call {
        /// What was being done.
        doing: String,
        /// The command, for reading.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of its output.
        output: String,
    },
    /// A container did not come up.
    #[error("container of `{root}` did not start: {reason}\n{console}")]
    Container {
        /// The root's name.
        root: String,
        /// What was waited for.
        reason: String,
        /// What its console said.
        console: String,
    },
    /// A virtual machine did not come up.
    #[error("virtual machine of `{root}` did not start: {reason}\n{console}")]
    Vm {
        /// The root's name.
        root: String,
        /// What was waited for.
        reason: String,
        /// What its console said.
        console: String,
    },
}

impl Error {
    /// Wraps the cause of a failed file operation with what was being done.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
