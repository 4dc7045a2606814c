//! Start, report and exception handlers: commands of the settings that are told how a run goes.
use std::{cell::RefCell, io, io::Write, rc::Rc};

use brasa::{
    Error,
    event::Event,
    host::{Command, Probe},
    node::config::Settings,
    values::Seconds,
};
use serde_json::json;

use super::{Failure, complain};
use crate::report::{Document, Report, SCHEMA_VERSION, Verdict, printable};

/// How long a handler may take.
const DEADLINE: Seconds = Seconds(60);

/// The handlers of a run, and the report that they are given.
pub struct Handlers {
    start: Vec<Vec<String>>,
    report: Vec<Vec<String>>,
    exception: Vec<Vec<String>>,
    document: Document<Buffer>,
    text: Buffer,
}

#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Handlers {
    /// Those that the settings name; `None` when there are none.
    pub fn of(settings: &Settings) -> Result<Option<Self>, Failure> {
        let commands = |name: &str| settings.commands(name).map_err(|fault| Failure::from(Error::from(fault)));
        let (start, report, exception) =
            (commands("start_handlers")?, commands("report_handlers")?, commands("exception_handlers")?);
        if start.is_empty() && report.is_empty() && exception.is_empty() {
            return Ok(None);
        }
        let text = Buffer::default();
        Ok(Some(Self { start, report, exception, document: Document::new(text.clone(), "converge"), text }))
    }

    /// Takes note of what happens.
    pub fn event(&mut self, event: &Event) {
        self.document.event(event);
    }

    /// The run begins: nothing has been changed yet.
    pub fn begin(&self, node: &str, recipes: &[String], probe: &dyn Probe) {
        let told = json!({
            "schema_version": SCHEMA_VERSION,
            "brasa": env!("CARGO_PKG_VERSION"),
            "event": "start",
            "node": node,
            "recipes": recipes,
        });
        run("start", &self.start, told.to_string().as_bytes(), probe);
    }

    /// The run has ended.
    pub fn end(mut self, verdict: &Verdict, probe: &dyn Probe) {
        self.document.end(verdict);
        let text = self.text.0.take();
        if verdict.failure.is_none() {
            run("report", &self.report, &text, probe);
        } else {
            run("exception", &self.exception, &text, probe);
        }
    }
}

/// Runs handlers one after the other. One that fails is told, and changes nothing.
fn run(kind: &str, commands: &[Vec<String>], input: &[u8], probe: &dyn Probe) {
    for words in commands {
        let mut command = Command::new(words.iter().cloned());
        command.stdin = Some(input.to_vec());
        command.timeout = DEADLINE;
        command.environment.insert("BRASA_HANDLER".to_owned(), kind.to_owned());
        let why = match probe.query(&command) {
            Ok(answer) if answer.success() => continue,
            Ok(answer) => {
                let output = answer.stderr.trim().lines().last().map(|line| format!(": {line}")).unwrap_or_default();
                format!("exit code {}{output}", answer.code)
            }
            Err(error) => error.to_string(),
        };
        complain(&printable(&format!("warning: the {kind} handler `{command}` failed: {why}")));
    }
}
