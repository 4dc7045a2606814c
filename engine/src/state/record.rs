use serde::{Deserialize, Serialize};

use super::{
    book::Book,
    line::{Finish, Header, Line, SCHEMA_VERSION},
};
use crate::{
    event::Debt,
    host::{Ended, Op, Undo},
};

/// A run as its journal tells it.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// `<sequence>-<time>`.
    pub name: String,
    /// What it was.
    pub header: Header,
    /// How it ended; `None` when it was cut off.
    pub finish: Option<Finish>,
    /// Its operations, in order.
    pub operations: Vec<Operation>,
    /// Steps that had begun and not ended.
    pub open_steps: Vec<Step>,
    /// Notices that were owed when it ended or was cut off, each once.
    pub owed: Vec<Debt>,
    /// What is wrong with the journal itself, if anything.
    pub damage: Option<String>,
    /// Operations of the run it takes back, each with those of its own that did it.
    #[serde(skip)]
    pub(super) reverted: Vec<(u64, Vec<u64>)>,
}

/// A resource and what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `kind[name]`.
    pub resource: String,
    /// The action's word.
    pub action: String,
}

/// An operation of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// Its number within the run.
    pub number: u64,
    /// The steps it belongs to: several when they were carried out together, none when it takes back another.
    pub steps: Vec<Step>,
    /// What was done.
    pub does: Op,
    /// How to take it back, as foreseen.
    pub undo: Undo,
    /// How it ended; `None` when the run was cut off meanwhile.
    pub ended: Option<Ended>,
}

impl Operation {
    /// How to take it back, by what really happened.
    #[must_use]
    pub fn way_back(&self) -> &Undo {
        self.ended.as_ref().and_then(|ended| ended.undo.as_ref()).unwrap_or(&self.undo)
    }

    /// Whether it was carried out for certain.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.error.is_none())
    }
}

/// Why a journal cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Written by a newer program, in this version.
    Newer(u64),
    /// Its first line is missing or damaged.
    NoHeader,
}

impl Record {
    /// Reads a journal. Half a line at its end is what a cut-off run leaves, and no damage.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header = header(lines.next().unwrap_or_default())?;
        let mut book = Book::default();
        book.apply(&Line::Header(header.clone()));
        let mut record = Self {
            name: name.to_owned(),
            header,
            finish: None,
            operations: Vec::new(),
            open_steps: Vec::new(),
            owed: Vec::new(),
            damage: None,
            reverted: Vec::new(),
        };
        let mut bad = None;
        for (n, line) in lines.enumerate() {
            let Ok(line) = serde_json::from_slice::<Line>(line) else {
                bad = bad.or(Some(n + 2));
                continue;
            };
            // Only a bad line that good ones follow is damage.
            if let Some(number) = bad {
                record.damage = Some(format!("line {number} of its journal is damaged"));
            }
            book.apply(&line);
            record.take(line, &book);
        }
        record.open_steps = steps(&book);
        record.owed = book.debts();
        Ok(record)
    }

    fn take(&mut self, line: Line, book: &Book) {
        match line {
            Line::Op { number, does, undo, steps: named } => {
                let steps = if named.is_empty() { steps(book).pop().into_iter().collect() } else { named };
                self.operations.push(Operation { number, steps, does, undo, ended: None });
            }
            Line::Done { number, ended } => {
                if let Some(operation) = self.operations.iter_mut().rev().find(|op| op.number == number) {
                    operation.ended = Some(ended);
                }
            }
            Line::Reverted { of, by } => self.reverted.push((of, by)),
            Line::Finish(finish) => self.finish = Some(finish),
            Line::Header(_) | Line::Begin { .. } | Line::End { .. } | Line::Settle { .. } => {}
        }
    }

    /// Operations that had begun and not ended when the run was cut off.
    pub fn unfinished(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.ended.is_none())
    }
}

fn steps(book: &Book) -> Vec<Step> {
    book.open.iter().map(|open| Step { resource: open.resource.clone(), action: open.action.clone() }).collect()
}

fn header(line: &[u8]) -> Result<Header, Unreadable> {
    let json: serde_json::Value = serde_json::from_slice(line).map_err(|_| Unreadable::NoHeader)?;
    match json.get("schema_version").and_then(serde_json::Value::as_u64) {
        Some(version) if version > u64::from(SCHEMA_VERSION) => return Err(Unreadable::Newer(version)),
        Some(_) => {}
        None => return Err(Unreadable::NoHeader),
    }
    match serde_json::from_value(json) {
        Ok(Line::Header(header)) => Ok(header),
        Ok(_) | Err(_) => Err(Unreadable::NoHeader),
    }
}
