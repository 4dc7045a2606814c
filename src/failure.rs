use std::io;

use brasa::{Error, Fault, Kind};

use crate::report::ReportedFailure;

/// Why the program ends without having done what was asked, and the exit code that says so.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// The sentence; several lines when there are several faults.
    pub message: String,
    /// What to do about it, a sentence each.
    pub hints: Vec<String>,
    /// What is wrong with the input, one by one; the message holds them all.
    pub faults: Vec<Fault>,
}

/// The program's exit codes. They are an interface: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// All is as it should be.
    Success,
    /// Something failed.
    Failed,
    /// Something was (or would be) changed; only with `--detailed-exitcode`.
    Changes,
    /// The command line is wrong.
    Usage,
    /// The input is wrong; nothing was changed.
    Input,
    /// Who was to be asked cannot be reached or was not ready in time; later it may be otherwise.
    Unavailable,
    /// Another run holds the lock.
    Busy,
    /// A provider would not make what was asked for, or made something broken.
    Refused,
    /// One side does not accept who the other is: credentials, keys.
    Denied,
    /// The machine is about to be rebooted: Chef's number, which goes before every other.
    Reboot,
    /// The machine would not schedule the reboot that was asked for: Chef's number.
    RebootFailed,
    /// A signal ended it.
    Signal(u8),
    /// That of the run that was started.
    Of(u8),
}

impl Code {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::Usage => 64,
            Self::Input => 65,
            Self::Unavailable => 69,
            Self::Refused => 73,
            Self::Denied => 77,
            Self::Reboot => 35,
            Self::RebootFailed => 41,
            Self::Busy => 75,
            Self::Of(code) => code,
            Self::Signal(signal) => 128_u8.saturating_add(signal),
        }
    }
}

impl Failure {
    /// A wrong command line.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: Code::Usage, message: message.into(), hints: Vec::new(), faults: Vec::new() }
    }

    /// Wrong input.
    #[must_use]
    pub fn input(message: impl Into<String>) -> Self {
        Self { code: Code::Input, ..Self::usage(message) }
    }

    /// Anything else that failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: Code::Failed, ..Self::usage(message) }
    }

    /// A provider or a server that cannot be reached, or was not ready in time.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { code: Code::Unavailable, ..Self::usage(message) }
    }

    /// What a provider would not make: an unknown image, a quota that is used up, a server that it calls broken.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self { code: Code::Refused, ..Self::usage(message) }
    }

    /// Credentials or keys that are missing, or that the other side does not accept.
    #[must_use]
    pub fn denied(message: impl Into<String>) -> Self {
        Self { code: Code::Denied, ..Self::usage(message) }
    }

    /// What was to be printed could not be.
    #[must_use]
    pub fn unwritten(error: &io::Error) -> Self {
        Self::failed(format!("cannot write to standard output: {error}"))
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<&Failure> for ReportedFailure {
    fn from(failure: &Failure) -> Self {
        let Failure { message, hints, faults, .. } = failure;
        Self { message: message.clone(), hints: hints.clone(), faults: faults.clone() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            Kind::Failed => Code::Failed,
            Kind::Input => Code::Input,
            Kind::Busy => Code::Busy,
            Kind::Interrupted(signal) => Code::Signal(u8::try_from(signal).unwrap_or(127)),
        };
        let mut hints = error.hints();
        hints.dedup();
        let message = error.to_string();
        let faults = if let Error::Faults(faults) = error { faults } else { Vec::new() };
        Self { code, message, hints, faults }
    }
}
