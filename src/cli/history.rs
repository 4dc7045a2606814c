//! `brasa history` and `brasa show`.
use std::time::{Duration, SystemTime};

use brasa::{
    host::{Grade, time_stamp},
    state::{Past, PastOutcome, Record, Step},
};
use serde_json::json;

use super::{
    Code, Failure, Output,
    arguments::{Format, Kept},
    print, print_json,
    session::Directories,
};
use crate::report::{describe, printable};

/// Lists the runs, newest last.
pub fn history(kept: &Kept, output: &Output) -> Result<Code, Failure> {
    let state = Directories::of(kept)?.state();
    let runs = state.history()?;
    match output.format {
        Format::Human if runs.is_empty() => print("no run yet\n")?,
        Format::Human => print(&runs.iter().map(line).collect::<String>())?,
        Format::Json => {
            print_json(&json!({"schema_version": crate::report::SCHEMA_VERSION, "runs": runs}), output.format)?
        }
        Format::Ndjson => {
            for run in &runs {
                print(&format!("{}\n", json!(run)))?;
            }
        }
    }
    Ok(Code::Success)
}

fn line(past: &Past) -> String {
    let number = past.run.as_deref().map_or("-", number);
    let outcome = match &past.outcome {
        PastOutcome::Converged => match past.summary {
            Some(summary) => format!("{} changed, {} up to date", summary.changed, summary.up_to_date),
            None => "done".to_owned(),
        },
        PastOutcome::Failed { error } => format!("failed: {}", error.lines().next().unwrap_or_default()),
        PastOutcome::Stopped => "was cut off".to_owned(),
        PastOutcome::Damaged { why } => format!("damaged: {why}"),
    };
    let undoes = past.undoes.as_deref().map_or(String::new(), |run| format!(", takes back run {}", number_of(run)));
    format!("{number:>5}  {}  {}{undoes}\n", moment(past.started), printable(&outcome))
}

/// A run's number without its leading zeros: what people type.
fn number(run: &str) -> &str {
    let number = run.split('-').next().unwrap_or(run).trim_start_matches('0');
    if number.is_empty() { run } else { number }
}

fn number_of(run: &str) -> String {
    number(run).to_owned()
}

/// Seconds since 1970 as `2026-01-31 12:00:00` (UTC).
pub fn moment(seconds: u64) -> String {
    let stamp = time_stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let part = |from: usize, to: usize| stamp.get(from..to).unwrap_or_default();
    format!("{}-{}-{} {}:{}:{}", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14))
}

/// Shows what a run did.
pub fn show(run: &str, kept: &Kept, output: &Output) -> Result<Code, Failure> {
    let state = Directories::of(kept)?.state();
    let record = state.show(run)?;
    match output.format {
        Format::Human => print(&text(&record))?,
        Format::Json | Format::Ndjson => {
            print_json(&json!({"schema_version": crate::report::SCHEMA_VERSION, "run": record}), output.format)?;
        }
    }
    Ok(Code::Success)
}

/// `package[a], package[b] install`.
fn steps(steps: &[Step]) -> String {
    let mut text = String::new();
    for (n, step) in steps.iter().enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        text += &format!("{separator}{}", step.resource);
        if steps.get(n + 1).is_none_or(|next| next.action != step.action) {
            text += &format!(" {}", step.action);
        }
    }
    text
}

fn text(record: &Record) -> String {
    let header = &record.header;
    let mut text =
        format!("run {} of {} UTC\n  {}\n", number(&record.name), moment(header.started), printable(&header.command));
    if let Some(undoes) = &header.undoes {
        text += &format!("  takes back run {}\n", number(undoes));
    }
    if let Some(damage) = &record.damage {
        text += &format!("  ! {}\n", printable(damage));
    }
    let mut step = String::new();
    for operation in &record.operations {
        let now = steps(&operation.steps);
        if now != step && !now.is_empty() {
            text += &format!("{}\n", printable(&now));
        }
        step = now;
        let ended = match &operation.ended {
            None => " (was cut off)".to_owned(),
            Some(ended) => ended.error.as_ref().map_or(String::new(), |error| format!(" (failed: {error})")),
        };
        let grade = match operation.way_back().grade {
            Grade::Exact | Grade::Needless => "",
            Grade::BestEffort => " [undo: best effort]",
            Grade::Impossible => " [cannot be undone]",
        };
        let line = format!("{}{ended}{grade}", describe(&operation.does));
        text += &format!("  {}\n", printable(&line));
    }
    match &record.finish {
        None => {
            text += "it was cut off";
            if !record.open_steps.is_empty() {
                text += &format!(" at {}", printable(&steps(&record.open_steps)));
            }
            text.push('\n');
        }
        Some(finish) => match (&finish.error, &finish.summary) {
            (Some(error), _) => text += &format!("failed: {}\n", printable(error)),
            (None, Some(summary)) => {
                text += &format!(
                    "{} changed, {} up to date, {} skipped\n",
                    summary.changed, summary.up_to_date, summary.skipped
                );
            }
            (None, None) => {}
        },
    }
    for debt in &record.owed {
        text += &format!("still owed: {} to {} because of {}\n", debt.to, debt.action, debt.by);
    }
    text
}
