//! Both JSON reports of runs that meet everything a report can tell, held against `docs/report.schema.json`.
mod json_schema;

use std::{
    cell::RefCell,
    io::{self, Write},
    path::Path,
    rc::Rc,
};

use brasa::{
    Run, compile_function,
    converge::{Context, NoLedger},
    event::{Debt, Event},
    host::{Active, Dry, Enabled, Fake, Host},
    prelude::*,
    spec,
    values::Place,
};
use brasa_cli::report::{Document, Lines, Report, ReportedFailure, Verdict};
use serde_json::{Value, json};

use self::json_schema::Schema;

const SCHEMA: &str = include_str!("../docs/report.schema.json");

fn everything(r: &mut Recipe) -> Result<()> {
    r.add(Log::new("a note").level(LogLevel::Warn));
    r.add(Directory::at("/srv/new"));
    let conf = r.add(File::at("/srv/new/conf").content("one\n"));
    r.add(File::at("/etc/there").content("there\n"));
    r.add(File::at("/srv/skipped").content("x").not_if(exists("/etc/there")));
    r.add(Package::named("tool"));
    r.add(Service::named("web").nothing().subscribes(service::Restart, conf, Delayed));
    r.add(Execute::new("fails", ["false"]).ignore_failure());
    r.add(File::at("/srv/absent/file").content("x").ignore_failure());
    r.add(Execute::new("asks", ["true"]).only_if("ask"));
    Ok(())
}

/// Where a report writes to.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("a report is text")
    }
}

fn machine() -> Fake {
    Fake::debian("12")
        .with_file("/etc/there", "there\n")
        .with_candidate("tool", "1.0")
        .with_service("web.service", Enabled::Yes, Active::Yes)
        .with_answer("false", 1, "")
        .with_answer("true", 0, "")
        .with_answer("ask", 0, "")
}

/// The document and the lines of one run.
fn reports(run: &Run, host: &mut dyn Host, command: &'static str, retried: bool) -> (Value, Vec<Value>) {
    let (whole, lines) = (Paper::default(), Paper::default());
    let mut document = Document::new(whole.clone(), command);
    let mut events = Lines::new(lines.clone(), command);
    let mut summary = None;
    let debt = |to: &str, run_list: &[&str]| Debt {
        by: "file[/etc/old]".into(),
        to: to.into(),
        action: "restart".into(),
        run_list: run_list.iter().map(ToString::to_string).collect(),
    };
    let mut listen = |event: &Event| {
        if let Event::Finished { summary: counts, .. } = event {
            summary = Some(*counts);
        }
        document.event(event);
        events.event(event);
    };
    if retried {
        listen(&Event::Retried { resource: "file[/x]", action: "create", error: "no".into(), left: 2 });
        listen(&Event::Progress(brasa::event::ProgressLine { text: "unpacking".into(), percent: Some(12.5) }));
    }
    let owed =
        vec![debt("service[web]", &[]), debt("service[gone]", &["everything"]), debt("service[other]", &["other"])];
    let outcome = run.converge(host, Context { ledger: &mut NoLedger, listen: &mut listen, owed, stop: &|| None });
    let place = Place::File { path: Path::new("dna.json").into(), line: 1, column: 2 };
    let failure = outcome.err().map(|error| ReportedFailure {
        message: error.to_string(),
        hints: error.hints(),
        faults: vec![Fault::new("no such key").at(place.clone()), Fault::new("no place").hint("x")],
    });
    let exit_code = u8::from(failure.is_some());
    let verdict = Verdict { summary, exit_code, failure, seconds: 0.5 };
    document.end(&verdict);
    events.end(&verdict);
    let parse = |line: &str| serde_json::from_str(line).expect("a report is JSON");
    (parse(&whole.text()), lines.text().lines().map(parse).collect())
}

fn valid(document: &Value, lines: &[Value]) {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let schema = Schema(&schema);
    assert_eq!(schema.faults(&json!({"$ref": "#/$defs/document"}), document), Vec::<String>::new(), "{document:#}");
    for line in lines {
        assert_eq!(schema.faults(&json!({"$ref": "#/$defs/line"}), line), Vec::<String>::new(), "{line:#}");
    }
}

fn words<'v>(values: impl IntoIterator<Item = &'v Value>, key: &str) -> Vec<&'v str> {
    values.into_iter().filter_map(|value| value[key].as_str()).collect()
}

#[test]
fn a_run_and_a_plan_are_as_the_schema_says() {
    let machine = machine();
    let run = compile_function(&spec::node(&machine, json!({})), "everything", everything).expect("it compiles");
    let (document, lines) = reports(&run, &mut machine.clone(), "converge", true);
    valid(&document, &lines);
    let outcomes = words(document["actions"].as_array().expect("a list"), "outcome");
    for outcome in ["changed", "up_to_date", "skipped", "failed"] {
        assert!(outcomes.contains(&outcome), "no action {outcome}: {document:#}");
    }
    let events = words(&lines, "event");
    for event in
        ["report", "started", "owed", "begun", "noted", "retried", "ended", "progress", "finished", "ended_run"]
    {
        assert!(events.contains(&event), "no event {event}");
    }
    assert_eq!(events.first(), Some(&"report"));
    assert_eq!(events.last(), Some(&"ended_run"));

    let (plan, lines) = reports(&run, &mut Dry::new(&machine), "plan", false);
    valid(&plan, &lines);
    assert_eq!(plan["dry"], true);
    assert!(plan["actions"].as_array().is_some_and(|all| all.iter().any(|one| one["doubts"].is_array())), "{plan:#}");
}

#[test]
fn what_is_done_once_is_no_other_event() {
    let machine = machine();
    let run = compile_function(&spec::node(&machine, json!({})), "everything", everything).expect("it compiles");
    let (_, lines) = reports(&run, &mut machine.clone(), "converge", false);
    let restart = lines.iter().find(|line| line["did"] == "restart").expect("the service is restarted");
    assert_eq!(restart["event"], "ended");
}

#[test]
fn a_failed_run_is_as_the_schema_says() {
    let machine = machine();
    let failing = |r: &mut Recipe| {
        r.add(File::at("/srv/absent/file").content("x"));
        Ok(())
    };
    let run = compile_function(&spec::node(&machine, json!({})), "failing", failing).expect("it compiles");
    let (document, lines) = reports(&run, &mut machine.clone(), "converge", false);
    valid(&document, &lines);
    assert_eq!(document["success"], false);
    assert!(document["error"]["message"].is_string());
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let machine = machine();
    let run = compile_function(&spec::node(&machine, json!({})), "everything", everything).expect("it compiles");
    let (document, _) = reports(&run, &mut machine.clone(), "converge", false);
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    for (pointer, wrong) in [
        ("/schema_version", json!(2)),
        ("/actions/0/outcome", json!("eaten")),
        ("/actions/0/seconds", json!("long")),
        ("/actions/0/cause", json!({"told": 1})),
        ("/summary", json!({})),
    ] {
        let mut damaged = document.clone();
        *damaged.pointer_mut(pointer).expect("it is there") = wrong;
        assert!(!Schema(&schema).faults(&schema, &damaged).is_empty(), "{pointer}");
    }
}
