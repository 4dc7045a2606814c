//! What can go wrong, by cause; the facts stand in fields, the sentence and its hints are made from them.
use std::{fmt, io, path::PathBuf};

use crate::values::{Place, Seconds};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One thing that is wrong with the input: found before anything is changed, collected with all others.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where it was written, when that is known.
    pub place: Option<Place>,
    /// What is wrong: lower case, values in backticks.
    pub message: String,
    /// The offending line of the input and a caret below it, when there is one.
    pub excerpt: Option<String>,
    /// What to do about it, a sentence each.
    pub hints: Vec<String>,
}

/// After so many faults of one file nobody reads on.
pub(crate) const ENOUGH: usize = 20;

/// The same for settings: they are the first thing that is mended.
pub(crate) const ENOUGH_SETTINGS: usize = 100;

/// A sentence has at most so many bytes: what it quotes may be a whole file.
const LONGEST: usize = 4096;

fn cut(mut sentence: String) -> String {
    if sentence.len() > LONGEST {
        sentence.truncate(sentence.floor_char_boundary(LONGEST));
        sentence.push('…');
    }
    sentence
}

impl Fault {
    /// A fault with nothing but its sentence.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { place: None, message: cut(message.into()), excerpt: None, hints: Vec::new() }
    }

    /// Says where it was written.
    #[must_use]
    pub fn at(mut self, place: impl Into<Place>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(cut(hint.into()));
        self
    }
}

/// Whether there may be more faults than these: there are so many of input that looking for more ended.
#[must_use]
pub fn may_be_more(faults: &[Fault]) -> bool {
    let (mut settings, mut others) = (0, 0);
    for fault in faults {
        match &fault.place {
            Some(Place::File { path, .. }) if path.extension().is_some_and(|end| end == "rb" || end == "toml") => {
                settings += 1;
            }
            Some(Place::File { .. }) | None => others += 1,
            // Recipes in Rust are compiled to their end.
            Some(Place::Rust(_)) => {}
        }
    }
    settings >= ENOUGH_SETTINGS || others >= ENOUGH
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

/// Which exit code an error leads to. The numbers are chosen by the program, not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Converging failed.
    Failed,
    /// The input (dna.json, solo.rb, recipes) is wrong; nothing was changed.
    Input,
    /// Another run holds the lock.
    Busy,
    /// A signal asked the run to stop.
    Interrupted(i32),
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Faults of the input, all that could be found.
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),

    /// The operating system refused something done to a path.
    #[error("cannot {doing} `{}`: {}", path.display(), cause(source))]
    Io {
        /// What was being done, as a verb: `write`, `read`, `rename`.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// A command ended in another way than wanted.
    #[error("command `{command}` {how}{}", tail(output))]
    Command {
        /// The command as shown to people (redacted when sensitive).
        command: String,
        /// How it ended: `exited with 1`, `was ended by signal 9`, `could not be started: ...`.
        how: String,
        /// The end of what it printed.
        output: String,
    },

    /// A command or a wait took longer than allowed.
    #[error("{what} took longer than {limit} and was stopped{}", tail(output))]
    Timeout {
        /// What was waited for.
        what: String,
        /// The limit.
        limit: Seconds,
        /// The end of what was printed until then.
        output: String,
    },

    /// Something somebody else holds was not released in time.
    #[error("{what} is held by {holder}; waited {waited}")]
    Locked {
        /// Which lock, as people know it: `dpkg's lock /var/lib/dpkg/lock-frontend`.
        what: String,
        /// Who holds it: name, process number, for how long.
        holder: String,
        /// How long was waited.
        waited: Seconds,
    },

    /// Another run of brasa holds the lock.
    #[error("another run is going on: {holder}; waited {waited} for it to finish")]
    Busy {
        /// What the other run wrote about itself.
        holder: String,
        /// How long was waited.
        waited: Seconds,
    },

    /// A user, group, unit, package or file that had to be there is not.
    #[error("{kind} `{name}` does not exist{}", .why.as_deref().map(|w| format!(": {w}")).unwrap_or_default())]
    Missing {
        /// `user`, `group`, `directory`, `unit`, `package`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// More, when known.
        why: Option<String>,
    },

    /// This machine cannot do it: no init system, no such package manager, not root.
    #[error("{0}")]
    Unsupported(String),

    /// The state read back after the change is not the one asked for.
    #[error("{id} did not reach the state asked for: {left}")]
    NotConverged {
        /// The resource.
        id: String,
        /// The differences that are left.
        left: String,
    },

    /// A step failed: wraps the cause with the resource and where it was declared.
    #[error("{id} ({place}): action `{action}` failed: {source}")]
    Step {
        /// The resource, `kind[name]`.
        id: String,
        /// Where a recipe declared it.
        place: Place,
        /// The action.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<Error>,
    },

    /// Several things failed in one run.
    #[error("{} failures:\n{}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<Error>),

    /// A signal asked the run to stop.
    #[error("stopped by signal {0}")]
    Interrupted(i32),

    /// Anything else, in a whole sentence, with what to do about it.
    #[error("{message}")]
    Failed {
        /// The sentence.
        message: String,
        /// What to do, a sentence each.
        hints: Vec<String>,
    },
}

impl Error {
    /// A whole sentence for a cause that needs no variant of its own.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hints: Vec::new() }
    }

    /// Adds a hint to [`Error::Failed`]; other variants derive their own and stay as they are.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Failed { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// Wraps what the system said about a path; for `map_err`.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// Which exit code it leads to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Faults(_) => Kind::Input,
            Self::Busy { .. } => Kind::Busy,
            Self::Interrupted(signal) => Kind::Interrupted(*signal),
            Self::Step { source, .. } => match source.kind() {
                Kind::Interrupted(signal) => Kind::Interrupted(signal),
                Kind::Failed | Kind::Input | Kind::Busy => Kind::Failed,
            },
            Self::Several(all) => {
                all.iter().map(Self::kind).find(|kind| matches!(kind, Kind::Interrupted(_))).unwrap_or(Kind::Failed)
            }
            Self::Io { .. }
            | Self::Command { .. }
            | Self::Timeout { .. }
            | Self::Locked { .. }
            | Self::Missing { .. }
            | Self::Unsupported(_)
            | Self::NotConverged { .. }
            | Self::Failed { .. } => Kind::Failed,
        }
    }

    /// What to do about it, a sentence each. Faults carry their hints in their own text.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Failed { hints, .. } => hints.clone(),
            Self::Step { source, .. } => source.hints(),
            Self::Several(all) => all.iter().flat_map(Self::hints).collect(),
            // Source: umount(2), `EBUSY`.
            Self::Command { command, output, .. } if command.starts_with("umount ") && output.contains("is busy") => {
                vec!["end what uses it, which `fuser -vm` of that directory names, and try again".to_owned()]
            }
            Self::Io { source, path, .. } => io_hint(source, path).into_iter().collect(),
            Self::Missing { kind: "directory", .. } => {
                vec!["declare the directory before it, or make it `recursive`".to_owned()]
            }
            Self::Missing { kind: "user" | "group", .. } => {
                vec!["declare the account before it, or correct the name".to_owned()]
            }
            Self::Missing { kind: "package", .. } => {
                vec!["correct the name, or declare the repository that has the package before it".to_owned()]
            }
            Self::Locked { .. } | Self::Busy { .. } => vec!["run again when it has finished".to_owned()],
            Self::Missing { .. }
            | Self::Faults(_)
            | Self::Command { .. }
            | Self::Timeout { .. }
            | Self::Unsupported(_)
            | Self::NotConverged { .. }
            | Self::Interrupted(_) => Vec::new(),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }
}

fn list(faults: &[Fault]) -> String {
    let mut all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    if may_be_more(faults) {
        all.push("and perhaps more: they are told when these are mended".to_owned());
    }
    all.join("\n")
}

fn tail(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!("; it printed:\n{output}") }
}

/// The cause in words people use, where the system's own are too terse.
fn cause(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::StorageFull => "the disk is full (no space left on device)".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        _ => source.to_string(),
    }
}

fn io_hint(source: &io::Error, path: &std::path::Path) -> Option<String> {
    match source.kind() {
        io::ErrorKind::StorageFull => Some("free some space and run again; the old content is untouched".to_owned()),
        io::ErrorKind::ReadOnlyFilesystem => {
            Some(format!("mount the file system that holds `{}` read-write, and run again", path.display()))
        }
        io::ErrorKind::PermissionDenied => Some(
            "run as root; if you did, the file may be immutable (`lsattr`) or the file system restricted".to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ENOUGH, ENOUGH_SETTINGS, Error, Fault};
    use crate::values::Place;

    #[test]
    fn where_looking_for_faults_ended_there_may_be_more() {
        let last = |path: &str, count: usize| {
            let place = |line| Place::File { path: Path::new(path).into(), line, column: 1 };
            let faults = (1..=count).map(|line| Fault::new("wrong").at(place(line))).collect();
            Error::Faults(faults).to_string().lines().last().map(str::to_owned).unwrap_or_default()
        };
        let more = "and perhaps more: they are told when these are mended";
        assert_eq!(last("dna.json", ENOUGH - 1), "dna.json:19:1: wrong");
        assert_eq!(last("dna.json", ENOUGH), more);
        assert_eq!(last("solo.rb", ENOUGH), "solo.rb:20:1: wrong");
        assert_eq!(last("solo.rb", ENOUGH_SETTINGS), more);
    }
}
