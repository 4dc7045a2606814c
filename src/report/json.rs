use std::io::Write;

use brasa::event::Event;
use serde_json::{Value, json};

use super::{Report, Verdict};

/// Version of the report's form. A change that old readers cannot take raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// The report as one JSON document, printed at the end. Its schema is `docs/report.schema.json`.
pub struct Document<W> {
    out: W,
    command: &'static str,
    recipes: Value,
    cookbooks: Value,
    dry: bool,
    owed: Vec<Value>,
    notes: Vec<Value>,
    actions: Vec<Value>,
    failures: Vec<String>,
}

impl<W: Write> Document<W> {
    /// A report to `out` of a run of this command.
    pub fn new(out: W, command: &'static str) -> Self {
        Self {
            out,
            command,
            recipes: Value::Null,
            cookbooks: Value::Null,
            dry: command == "plan",
            owed: Vec::new(),
            notes: Vec::new(),
            actions: Vec::new(),
            failures: Vec::new(),
        }
    }
}

fn value(event: &Event) -> Value {
    serde_json::to_value(event).expect("an event serializes")
}

impl<W: Write> Report for Document<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started { recipes, cookbooks, dry, .. } => {
                self.recipes = json!(recipes);
                if !cookbooks.is_empty() {
                    self.cookbooks = json!(cookbooks);
                }
                self.dry = *dry;
            }
            Event::Owed { .. } => self.owed.push(value(event)),
            Event::Ended { .. } => {
                let mut action = value(event);
                if let Some(fields) = action.as_object_mut() {
                    fields.shift_remove("event");
                }
                self.actions.push(action);
            }
            Event::Finished { failures, .. } => self.failures.clone_from(failures),
            Event::Noted { .. } => self.notes.push(value(event)),
            Event::Begun { .. } | Event::Retried { .. } | Event::Progress(_) => {}
        }
    }

    fn end(&mut self, verdict: &Verdict) {
        let mut document = json!({
            "schema_version": SCHEMA_VERSION,
            "brasa": env!("CARGO_PKG_VERSION"),
            "command": self.command,
            "dry": self.dry,
            "success": verdict.failure.is_none(),
            "exit_code": verdict.exit_code,
            "seconds": verdict.seconds,
            "summary": verdict.summary,
            "recipes": self.recipes,
            "actions": self.actions,
            "failures": self.failures,
        });
        if !self.cookbooks.is_null() {
            document["cookbooks"] = self.cookbooks.clone();
        }
        if !self.notes.is_empty() {
            document["notes"] = json!(self.notes);
        }
        if !self.owed.is_empty() {
            document["owed"] = json!(self.owed);
        }
        if let Some(failure) = &verdict.failure {
            document["error"] = failure.to_json();
        }
        writeln!(self.out, "{document:#}").and_then(|()| self.out.flush()).unwrap_or_default();
    }
}

/// The report as events, one JSON line each, as they happen.
pub struct Lines<W> {
    out: W,
    command: &'static str,
    started: bool,
}

impl<W: Write> Lines<W> {
    /// A report to `out` of a run of this command.
    pub const fn new(out: W, command: &'static str) -> Self {
        Self { out, command, started: false }
    }

    fn line(&mut self, value: &Value) {
        if !self.started {
            self.started = true;
            let head = json!({
                "event": "report",
                "schema_version": SCHEMA_VERSION,
                "brasa": env!("CARGO_PKG_VERSION"),
                "command": self.command,
            });
            writeln!(self.out, "{head}").unwrap_or_default();
        }
        writeln!(self.out, "{value}").and_then(|()| self.out.flush()).unwrap_or_default();
    }
}

impl<W: Write> Report for Lines<W> {
    fn event(&mut self, event: &Event) {
        self.line(&value(event));
    }

    fn end(&mut self, verdict: &Verdict) {
        let mut line = json!({
            "event": "ended_run",
            "success": verdict.failure.is_none(),
            "exit_code": verdict.exit_code,
            "seconds": verdict.seconds,
            "summary": verdict.summary,
        });
        if let Some(failure) = &verdict.failure {
            line["error"] = failure.to_json();
        }
        self.line(&line);
    }
}
