use std::{
    cell::RefCell,
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{
    Idle, State,
    book::Book,
    line::{Finish, Header, Line, SCHEMA_VERSION},
    record::Step,
};
use crate::{
    Result,
    converge::Ledger,
    event::{Debt, Summary},
    host::{
        Ended, Op, Sink, Undo,
        disk::{self, Log},
        own::Directory,
    },
    values::Blob,
};

/// Writes a run's journal: steps and promises as a [`Ledger`], operations as a [`Sink`], in one file and in order.
///
/// The file is made by the first line that has to be kept: a run that changes nothing leaves none. Handles are clones of
/// each other.
#[derive(Clone)]
pub struct Recorder(Rc<RefCell<Recording>>);

struct Recording {
    state: State,
    header: Header,
    name: String,
    log: Option<Log>,
    /// Lines that need not be kept before an operation follows.
    waiting: Vec<u8>,
    book: Book,
    next: u64,
    /// Numbers of operations performed since [`Recorder::mark`].
    since: Vec<u64>,
    /// Whether a journal is to be left in any case.
    always: bool,
    /// The step that began last and goes on.
    current: Option<Step>,
    /// The steps of each of the operations that begin next, when they are carried out together.
    joined: Vec<Vec<Step>>,
}

impl Recorder {
    pub(super) fn new(state: State, header: Header, name: String, always: bool) -> Self {
        let mut book = Book::default();
        book.apply(&Line::Header(header.clone()));
        let log = None;
        Self(Rc::new(RefCell::new(Recording {
            state,
            header,
            name,
            log,
            waiting: Vec::new(),
            book,
            next: 1,
            since: Vec::new(),
            always,
            current: None,
            joined: Vec::new(),
        })))
    }

    /// The run's name, once it has changed something.
    #[must_use]
    pub fn run(&self) -> Option<String> {
        let recording = self.0.borrow();
        recording.log.is_some().then(|| recording.name.clone())
    }

    /// Writes the end of the run: its counts, or the sentence of what failed. Old runs beyond the limit are forgotten.
    /// Returns the run's name, if it changed anything.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, outcome: std::result::Result<&Summary, &str>, now: SystemTime) -> Result<Option<String>> {
        let mut recording = self.0.borrow_mut();
        let finished = seconds(now);
        let (summary, error) = match outcome {
            Ok(summary) => (Some(*summary), None),
            Err(sentence) => (None, Some(sentence.to_owned())),
        };
        if recording.log.is_none() && !recording.always {
            let Header { started, ref command, sequence, .. } = recording.header;
            let idle = Idle { started, finished, command: command.clone(), summary, error, before: sequence };
            recording.state.note_idle(&idle)?;
            return Ok(None);
        }
        let owed = recording.book.debts();
        let schema_version = SCHEMA_VERSION;
        let finish = Finish { schema_version, finished, summary, error, owed };
        let state = recording.state.clone();
        recording.write(&[Line::Finish(finish)], true)?;
        state.retain(&recording.book.debts())?;
        Ok(Some(recording.name.clone()))
    }

    /// Starts counting operations anew.
    pub(super) fn mark(&self) {
        self.0.borrow_mut().since.clear();
    }

    /// Writes that operation `of` of the run being taken back, and others with it, are taken back by those performed since the
    /// mark.
    pub(super) fn reverted(&self, of: u64, with: &[u64]) -> Result<()> {
        let mut recording = self.0.borrow_mut();
        let by = std::mem::take(&mut recording.since);
        let lines: Vec<_> = std::iter::once(&of).chain(with).map(|&of| Line::Reverted { of, by: by.clone() }).collect();
        recording.write(&lines, false)
    }
}

impl Recording {
    /// Appends lines, after those that wait, and makes them durable when asked to.
    fn write(&mut self, lines: &[Line], durable: bool) -> Result<()> {
        let mut bytes = Vec::new();
        if self.log.is_none() {
            self.log = Some(self.create()?);
            push(&mut bytes, &Line::Header(self.header.clone()));
        }
        bytes.append(&mut self.waiting);
        for line in lines {
            push(&mut bytes, line);
            self.book.apply(line);
        }
        let log = self.log.as_mut().expect("made above");
        log.append(&bytes)?;
        if durable { log.sync() } else { Ok(()) }
    }

    /// The steps of the operations that begin now; none where that is the one that was opened last, as whoever reads takes it.
    fn steps_of(&mut self, operations: usize) -> Vec<Vec<Step>> {
        let joined = std::mem::take(&mut self.joined);
        let steps =
            if joined.len() == operations { joined } else { vec![self.current.iter().cloned().collect(); operations] };
        let last = self.book.open.last().map(|open| step((&open.resource, &open.action)));
        let told = |steps: Vec<Step>| if steps.as_slice() == last.as_slice() { Vec::new() } else { steps };
        steps.into_iter().map(told).collect()
    }

    fn create(&self) -> Result<Log> {
        let runs = self.state.runs()?;
        let directory = Directory::private(runs.path().join(&self.name))?;
        let log = Log::open(&directory.path().join(super::JOURNAL))?;
        disk::sync_dir(directory.path())?;
        disk::sync_dir(runs.path())?;
        Ok(log)
    }
}

impl Ledger for Recorder {
    fn begin(&mut self, resource: &str, action: &str, owes: &[Debt]) -> Result<()> {
        let mut recording = self.0.borrow_mut();
        let line = Line::Begin { resource: resource.to_owned(), action: action.to_owned(), owes: owes.to_vec() };
        // Nothing is owed before an operation begins, and that one takes this line along to the disk.
        push(&mut recording.waiting, &line);
        recording.book.apply(&line);
        recording.current = Some(step((resource, action)));
        Ok(())
    }

    fn joined(&mut self, members: &[Vec<(&str, &str)>]) {
        let steps = members.iter().map(|members| members.iter().copied().map(step).collect());
        self.0.borrow_mut().joined = steps.collect();
    }

    fn end(&mut self, resource: &str, action: &str, changed: bool) -> Result<()> {
        let mut recording = self.0.borrow_mut();
        let line = Line::End { resource: resource.to_owned(), action: action.to_owned(), changed };
        let before = recording.book.owed.len();
        recording.book.apply(&line);
        recording.current = None;
        push(&mut recording.waiting, &line);
        // Promises of a step without operations (a composite's) are durable once it has ended.
        let promised = recording.book.owed.len() > before;
        if promised || recording.log.is_some() { recording.write(&[], promised) } else { Ok(()) }
    }

    fn settle(&mut self, debt: &Debt) -> Result<()> {
        // Lost with the power, it is delivered once more: no need to wait for the disk.
        self.0.borrow_mut().write(&[Line::Settle { debt: debt.clone() }], false)
    }
}

impl Sink for Recorder {
    fn keep(&mut self, contents: &[Blob]) -> Result<()> {
        if contents.is_empty() { Ok(()) } else { self.0.borrow().state.store()?.keep(contents) }
    }

    fn begin(&mut self, operations: &[(Op, Undo)]) -> Result<u64> {
        let mut recording = self.0.borrow_mut();
        let first = recording.next;
        let numbered = (first..).zip(operations).zip(recording.steps_of(operations.len()));
        let lines: Vec<_> = numbered
            .map(|((number, (does, undo)), steps)| Line::Op { number, does: does.clone(), undo: undo.clone(), steps })
            .collect();
        recording.next += operations.len() as u64;
        let next = recording.next;
        recording.since.extend(first..next);
        recording.write(&lines, true)?;
        Ok(first)
    }

    fn end(&mut self, number: u64, ended: &Ended) -> Result<()> {
        self.0.borrow_mut().write(&[Line::Done { number, ended: ended.clone() }], false)
    }
}

fn step((resource, action): (&str, &str)) -> Step {
    Step { resource: resource.to_owned(), action: action.to_owned() }
}

/// Seconds since 1970; 0 for a clock before that.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) fn push(bytes: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *bytes, line).expect("a line of ours serializes into memory");
    bytes.push(b'\n');
}
