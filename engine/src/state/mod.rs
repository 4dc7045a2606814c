//! What outlives a run: the lock, the journal of every run that changed something, the contents it replaced.
//!
//! ```text
//! /var/lib/brasa/                          0700
//!   runs/000012-20260131120000/journal.ndjson
//!   store/<sha256>                         contents, each once
//!   history                                a line for every run that changed nothing
//!   quarantine/                            journals that cannot be read
//! ```
mod book;
mod line;
mod preflight;
mod record;
mod recorder;
mod undo;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

pub use line::{Finish, Header, SCHEMA_VERSION};
pub use preflight::{Preflight, preflight};
pub use record::{Operation, Record, Step};
pub use recorder::Recorder;
pub use undo::{Conflict, Unable, UndoItem, UndoPlan, Undoing, Undone};

use crate::{
    Error, Fault, Result,
    event::{Debt, Summary},
    host::{
        disk::{self, Lock, Log},
        own::{Directory, Store, process_number},
        time_stamp,
    },
    suggest,
    values::{Digest, Seconds},
};
use record::Unreadable;

const JOURNAL: &str = "journal.ndjson";
const HISTORY: &str = "history";

/// Size beyond which the older half of the history of idle runs is dropped, in bytes.
const HISTORY_LIMIT: u64 = 256 << 10;

/// The end of a journal in which its last line is looked for before all of it is read, in bytes.
const TAIL: u64 = 16 << 10;

/// The state directory.
#[derive(Clone, Debug)]
pub struct State {
    path: PathBuf,
    keep: usize,
}

/// The right to be the only run.
pub struct RunLock {
    _lock: Lock,
}

/// What earlier runs left behind.
#[derive(Clone, Debug, Default)]
pub struct Previous {
    /// The last run, when it was cut off: where it stopped.
    pub interrupted: Option<Record>,
    /// Notices still owed, of all earlier runs.
    pub owed: Vec<Debt>,
    /// Journals that could not be read as they should.
    pub warnings: Vec<String>,
    /// Names of run directories without a readable journal.
    unreadable: Vec<String>,
}

/// A run in the history.
#[derive(Clone, Debug, Serialize)]
pub struct Past {
    /// Its name; `None` when it changed nothing and left no journal.
    pub run: Option<String>,
    /// Seconds since 1970, by the wall clock.
    pub started: u64,
    /// How long it took, in seconds by the wall clock; `None` when it was cut off.
    pub seconds: Option<u64>,
    /// What was asked for.
    pub command: String,
    /// How it ended.
    pub outcome: PastOutcome,
    /// The counts, when it converged.
    pub summary: Option<Summary>,
    /// The run that it took back.
    pub undoes: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PastOutcome {
    /// Everything is as it should be.
    Converged,
    /// Something failed.
    Failed {
        /// What.
        error: String,
    },
    /// It was cut off.
    Stopped,
    /// Its journal cannot be read.
    Damaged {
        /// What is wrong with it.
        why: String,
    },
}

/// A run that changed nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Idle {
    started: u64,
    finished: u64,
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Sequence number of the next run that changes something.
    before: u64,
}

impl State {
    /// How many runs are kept when nothing else is said.
    pub const KEEP: usize = 50;

    /// The state in the directory `path`. Nothing is made before something is to be kept.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), keep: Self::KEEP }
    }

    /// Keeps the newest `runs` runs (at least one) and forgets older ones; never one that still owes a notice.
    #[must_use]
    pub fn keep(mut self, runs: usize) -> Self {
        self.keep = runs.max(1);
        self
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself, made when it is not there, and closed to others when it is known to be brasa's.
    fn home(&self) -> Result<Directory> {
        let home = self.existing_home()?;
        home.map_or_else(|| Directory::private(&self.path), |home| home.close().map(|()| home))
    }

    /// The directory, when there is one that brasa may keep things in: one that is private already, or that holds what only
    /// brasa makes. Any other may be in use by others, and is never changed.
    fn existing_home(&self) -> Result<Option<Directory>> {
        let Some(home) = Directory::existing(&self.path)? else { return Ok(None) };
        let mode = home.mode()?;
        let shown = self.path.display();
        let refused = |why: &str| {
            Fault::new(format!("`{shown}` cannot be the state directory: {why} (mode {mode:04o}); nothing was changed"))
                .hint(format!(
                    "name a directory of its own, as `{}`: brasa makes it",
                    self.path.join("brasa").display()
                ))
        };
        // What lies in it may have been put there by anybody, so it says nothing.
        if mode & 0o022 != 0 {
            return Err(refused("others can write to it").into());
        }
        if mode & 0o077 != 0 && !self.is_known(&home)? {
            let hint = format!("if it is for brasa alone, close it to others before: `chmod 0700 {shown}`");
            return Err(refused("others can read it, and brasa has not made it").hint(hint).into());
        }
        Ok(Some(home))
    }

    /// Whether there is something in it that only brasa makes.
    fn is_known(&self, home: &Directory) -> Result<bool> {
        if home.read(HISTORY)?.is_some_and(|history| serde_json::from_slice::<Idle>(first_line(&history)).is_ok()) {
            return Ok(true);
        }
        let Some(runs) = Directory::existing(self.path.join("runs"))? else { return Ok(false) };
        Ok(names(&runs)?.iter().any(|name| disk::exists(&runs.path().join(name).join(JOURNAL))))
    }

    fn runs(&self) -> Result<Directory> {
        self.home()?;
        Directory::private(self.path.join("runs"))
    }

    fn store(&self) -> Result<Store> {
        self.home()?;
        Store::open(self.path.join("store"))
    }

    /// Makes this the only run, waiting at most `wait` for another one to end. `listen` hears, again and again, who is
    /// waited for and for how long already.
    ///
    /// # Errors
    /// [`Error::Busy`] when another run goes on; when the lock file cannot be made, or is not ours alone; when the state
    /// directory is one that others use.
    pub fn lock(
        &self,
        file: &Path,
        command: &str,
        now: SystemTime,
        wait: Seconds,
        listen: &mut dyn FnMut(&str, Seconds),
    ) -> Result<RunLock> {
        self.existing_home()?;
        let label = format!("process {} (`{command}`), started at {} UTC", process_number(), time_stamp(now));
        let mut hear = |holder: &str, waited: Duration| listen(holder, Seconds(waited.as_secs()));
        Lock::take(file, wait.into(), &label, &mut hear).map(|lock| RunLock { _lock: lock })
    }

    /// What earlier runs left behind. Reads only: a damaged journal is set aside by the next run that changes something.
    ///
    /// # Errors
    /// When the directory cannot be read, belongs to somebody else, or was written by a newer version.
    pub fn previous(&self) -> Result<Previous> {
        let mut previous = Previous::default();
        let Some(runs) = self.existing_runs()? else { return Ok(previous) };
        for name in names(&runs)?.into_iter().rev() {
            // The end of a run that was not cut off tells all there is to know.
            if let Some(finish) = finish(&runs, &name)? {
                previous.owed = finish.owed;
                return Ok(previous);
            }
            match self.read(&runs, &name)? {
                Ok(record) => {
                    previous.owed.clone_from(&record.owed);
                    if let Some(damage) = &record.damage {
                        previous.warnings.push(format!("run {name}: {damage}; what can be read of it is heeded"));
                    }
                    if record.finish.is_none() && previous.unreadable.is_empty() {
                        previous.interrupted = Some(record);
                    }
                    return Ok(previous);
                }
                Err(why) => {
                    previous.warnings.push(format!("run {name}: {why}; it is set aside in `quarantine`"));
                    previous.unreadable.push(name);
                }
            }
        }
        Ok(previous)
    }

    /// Opens the books of a new run of `run_list`, the recipes that are asked for. `lock` is held as long as it goes on.
    ///
    /// # Errors
    /// When the directory cannot be read or made private.
    pub fn begin(
        &self,
        _lock: &RunLock,
        command: &str,
        run_list: &[String],
        previous: &Previous,
        now: SystemTime,
    ) -> Result<Recorder> {
        self.open(command, run_list, previous, now, None)
    }

    fn open(
        &self,
        command: &str,
        run_list: &[String],
        previous: &Previous,
        now: SystemTime,
        undoes: Option<String>,
    ) -> Result<Recorder> {
        let sequence = self.next_sequence()?;
        let header = Header {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sequence,
            started: recorder::seconds(now),
            process: process_number(),
            command: command.to_owned(),
            undoes,
            run_list: run_list.to_vec(),
            owed: previous.owed.clone(),
        };
        if !previous.unreadable.is_empty() {
            let (runs, quarantine) = (self.runs()?, Directory::private(self.path.join("quarantine"))?);
            for name in &previous.unreadable {
                disk::rename(&runs.path().join(name), &quarantine.path().join(name))?;
            }
        }
        let name = format!("{sequence:06}-{}", time_stamp(now));
        // A run that picks up after a cut-off one is written down even if it finds nothing to do: that one is then past.
        let always = previous.interrupted.is_some();
        Ok(Recorder::new(self.clone(), header, name, always))
    }

    fn existing_runs(&self) -> Result<Option<Directory>> {
        match Directory::existing(&self.path)? {
            Some(_) => Directory::existing(self.path.join("runs")),
            None => Ok(None),
        }
    }

    fn next_sequence(&self) -> Result<u64> {
        let mut last = 0;
        for directory in ["runs", "quarantine"] {
            if let Some(directory) = Directory::existing(self.path.join(directory))? {
                last = last.max(directory.names()?.iter().filter_map(|name| sequence(name)).max().unwrap_or(0));
            }
        }
        Ok(last + 1)
    }

    /// Reads one run; the inner error says why it cannot be read.
    fn read(&self, runs: &Directory, name: &str) -> Result<std::result::Result<Record, String>> {
        let Some(bytes) = runs.read(Path::new(name).join(JOURNAL))? else {
            return Ok(Err("it has no journal".to_owned()));
        };
        match Record::read(name, &bytes) {
            Ok(record) => Ok(Ok(record)),
            Err(Unreadable::NoHeader) => Ok(Err("the first line of its journal is damaged".to_owned())),
            Err(Unreadable::Newer(version)) => Err(Error::failed(format!(
                "the state in `{}` was written by a newer brasa (form {version}, this one knows {SCHEMA_VERSION}); nothing was changed",
                self.path.display()
            ))
            .hint("use that newer version")),
        }
    }

    fn records(&self) -> Result<Vec<std::result::Result<Record, (String, String)>>> {
        let Some(runs) = self.existing_runs()? else { return Ok(Vec::new()) };
        let read = |name: String| Ok(self.read(&runs, &name)?.map_err(|why| (name, why)));
        names(&runs)?.into_iter().map(read).collect()
    }

    /// Every run that is remembered, the oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn history(&self) -> Result<Vec<Past>> {
        let mut history = Vec::new();
        for idle in self.idle()? {
            history.push((
                idle.before,
                false,
                Past {
                    run: None,
                    started: idle.started,
                    seconds: Some(idle.finished.saturating_sub(idle.started)),
                    command: idle.command,
                    outcome: idle.error.map_or(PastOutcome::Converged, |error| PastOutcome::Failed { error }),
                    summary: idle.summary,
                    undoes: None,
                },
            ));
        }
        for record in self.records()? {
            let past = match record {
                Ok(record) => past(record),
                Err((run, why)) => (
                    sequence(&run).unwrap_or(0),
                    true,
                    Past {
                        run: Some(run),
                        started: 0,
                        seconds: None,
                        command: String::new(),
                        outcome: PastOutcome::Damaged { why },
                        summary: None,
                        undoes: None,
                    },
                ),
            };
            history.push(past);
        }
        history.sort_by_key(|(sequence, is_run, _)| (*sequence, *is_run));
        Ok(history.into_iter().map(|(_, _, past)| past).collect())
    }

    /// One run: by its name, its number, or `last`.
    ///
    /// # Errors
    /// When there is no such run, or its journal cannot be read.
    pub fn show(&self, run: &str) -> Result<Record> {
        let runs = self.existing_runs()?;
        let known = match &runs {
            Some(runs) => names(runs)?,
            None => Vec::new(),
        };
        let number = run.parse().ok();
        let found = if run == "last" {
            known.last()
        } else {
            known.iter().find(|name| *name == run || number.is_some() && sequence(name) == number)
        };
        let (Some(runs), Some(name)) = (&runs, found) else {
            let hint = match known.len() {
                0 => "no run has changed anything yet".to_owned(),
                1..=10 => suggest::hint(run, known.iter().map(String::as_str)),
                _ => "`brasa history` lists them".to_owned(),
            };
            return Err(Error::failed(format!("there is no run `{run}`")).hint(hint));
        };
        self.read(runs, name)?.map_err(|why| Error::failed(format!("run {name} cannot be read: {why}")))
    }

    fn idle(&self) -> Result<Vec<Idle>> {
        let Some(directory) = Directory::existing(&self.path)? else { return Ok(Vec::new()) };
        let bytes = directory.read(HISTORY)?.unwrap_or_default();
        Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    fn note_idle(&self, idle: &Idle) -> Result<()> {
        let directory = self.home()?;
        let mut line = Vec::new();
        recorder::push(&mut line, idle);
        let mut log = Log::open(&self.path.join(HISTORY))?;
        log.append(&line)?;
        if log.size()? > HISTORY_LIMIT
            && let Some((bytes, false)) = directory.read_end(HISTORY, HISTORY_LIMIT)?
        {
            let half = &bytes[bytes.len() / 2..];
            let start = half.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            disk::write_atomic(&self.path.join(HISTORY), &half[start..])?;
        }
        Ok(())
    }

    /// Forgets the oldest runs beyond the limit, and contents that no remaining run needs. Stops at a run that promised
    /// a notice which is still `owed`.
    fn retain(&self, owed: &[Debt]) -> Result<()> {
        let runs = self.runs()?;
        let all = names(&runs)?;
        let surplus = all.len().saturating_sub(self.keep);
        if surplus == 0 {
            return Ok(());
        }
        for name in &all[..surplus] {
            let promised = |record: Record| record.owed.iter().any(|debt| owed.contains(debt));
            if !owed.is_empty() && self.read(&runs, name)?.is_ok_and(promised) {
                break;
            }
            disk::remove_dir(&runs.path().join(name))?;
        }
        let mut wanted = HashSet::new();
        for name in names(&runs)? {
            if let Some(bytes) = runs.read(Path::new(&name).join(JOURNAL))? {
                digests(&bytes, &mut wanted);
            }
        }
        self.store()?.collect(|digest| wanted.contains(&digest))?;
        Ok(())
    }
}

impl Previous {
    /// Paths at which the last run may have left temporary files behind: what it was at when it was cut off.
    #[must_use]
    pub fn unfinished_paths(&self) -> Vec<PathBuf> {
        let unfinished = self.interrupted.iter().flat_map(Record::unfinished);
        unfinished.filter_map(|operation| operation.undo.before.first()).map(|seen| seen.path.clone()).collect()
    }

    /// Where the last run stopped, for people; `None` when it was not cut off.
    #[must_use]
    pub fn stopped_at(&self) -> Option<String> {
        let record = self.interrupted.as_ref()?;
        let begun = record.unfinished().next().map(|operation| operation.steps.as_slice());
        let open = record.open_steps.last().map(std::slice::from_ref);
        let last = || record.operations.last().map(|operation| operation.steps.as_slice());
        let place = match (begun.filter(|steps| !steps.is_empty()).or(open), last()) {
            (Some(steps), _) => format!("at {}", some(steps)),
            (None, Some(steps)) if !steps.is_empty() => format!("after {}", some(steps)),
            (None, Some(_) | None) => "before it changed anything".to_owned(),
        };
        Some(format!("run {} was cut off {place}", record.name))
    }
}

/// Steps for people, the first few of them.
fn some(steps: &[Step]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<_> =
        steps.iter().take(SHOWN).map(|Step { resource, action }| format!("{resource} ({action})")).collect();
    match steps.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn past(record: Record) -> (u64, bool, Past) {
    let Header { sequence, started, command, undoes, .. } = record.header;
    let outcome = match (&record.damage, &record.finish) {
        (Some(why), _) => PastOutcome::Damaged { why: why.clone() },
        (None, None) => PastOutcome::Stopped,
        (None, Some(Finish { error: Some(error), .. })) => PastOutcome::Failed { error: error.clone() },
        (None, Some(Finish { error: None, .. })) => PastOutcome::Converged,
    };
    let seconds = record.finish.as_ref().map(|finish| finish.finished.saturating_sub(started));
    let summary = record.finish.and_then(|finish| finish.summary);
    (sequence, true, Past { run: Some(record.name), started, seconds, command, outcome, summary, undoes })
}

/// Names of runs, by sequence number.
fn names(runs: &Directory) -> Result<Vec<String>> {
    let mut names: Vec<_> =
        runs.names()?.into_iter().filter_map(|name| sequence(&name).map(|number| (number, name))).collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

fn sequence(name: &str) -> Option<u64> {
    name.split_once('-')?.0.parse().ok()
}

/// The last line of a journal, when it is the end of a run.
fn finish(runs: &Directory, name: &str) -> Result<Option<Finish>> {
    let Some((bytes, whole)) = runs.read_end(Path::new(name).join(JOURNAL), TAIL)? else { return Ok(None) };
    // A journal so short is read as a whole, its header's version checked.
    if whole {
        return Ok(None);
    }
    let Some(lines) = bytes.strip_suffix(b"\n") else { return Ok(None) };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice(last) {
        Ok(line::Line::Finish(finish)) if finish.schema_version <= SCHEMA_VERSION => Ok(Some(finish)),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Every checksum that a journal names, found in its text: cheaper than its meaning, and never too few.
fn digests(journal: &[u8], into: &mut HashSet<Digest>) {
    const KEY: &[u8] = b"\"sha256\":\"";
    let mut rest = journal;
    while let Some(at) = rest.windows(KEY.len()).position(|window| window == KEY) {
        rest = &rest[at + KEY.len()..];
        into.extend(rest.get(..64).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(Digest::parse));
    }
}

#[cfg(test)]
mod tests;
