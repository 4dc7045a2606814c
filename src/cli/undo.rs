//! `brasa undo`.
use std::rc::Rc;

use brasa::{
    host::{Grade, Probe, Real, environment},
    state::{Unable, UndoItem, UndoPlan, Undoing},
    values::Seconds,
};
use serde_json::json;

use super::{
    Code, Failure, Output,
    arguments::{self, Format},
    complain,
    converge::{heard, needs_root},
    logging, print, print_json,
    session::{Directories, command_line},
};
use crate::report::{Progress, describe, printable};

/// Takes back what a run did; says beforehand what can be taken back, and how well.
pub fn undo(options: &arguments::Undo, output: &Output) -> Result<Code, Failure> {
    logging::start(output.log_level, output.log_file.as_deref())?;
    let places = Directories::of(&options.kept)?;
    let state = places.state();
    let progress = Rc::new(Progress::start(!output.quiet));
    let handle = Rc::clone(&progress);
    let mut real = Real::new(places.host_settings(), move |told| heard(&handle, told));
    let command = command_line();
    // Nothing may change between the plan and its execution: the lock comes first.
    let lock = if options.dry_run {
        None
    } else {
        needs_root(&real, &places)?;
        let mut told = 0;
        Some(state.lock(
            &places.lock,
            &command,
            real.now(),
            Seconds(options.run_lock_timeout),
            &mut |holder, waited| {
                if waited.0 >= told {
                    complain(&format!("waiting for another run to finish: {holder} ({waited})"));
                    told = waited.0 + 30;
                }
            },
        )?)
    };
    let plan = state.undo_plan(&options.run, &real)?;
    if output.format == Format::Human && !output.quiet {
        print(&text(&plan))?;
    }
    let Some(lock) = lock else {
        if output.format != Format::Human {
            print_json(&json!({"schema_version": crate::report::SCHEMA_VERSION, "plan": plan}), output.format)?;
        }
        return Ok(Code::Success);
    };
    let previous = state.previous()?;
    let mut begin = |item: &UndoItem| {
        progress.end();
        progress.begin(&format!("taking back: {}", describe(&item.does)));
    };
    let undoing = Undoing {
        command: &command,
        previous: &previous,
        force: options.force,
        begin: &mut begin,
        stop: &environment::stop_signal,
    };
    let undone = state.undo(&plan, &mut real, &lock, undoing);
    // The init system reads the unit files that were put back, as at the end of a run.
    let finished = real.finish();
    progress.end();
    let undone = undone?;
    finished?;
    match output.format {
        Format::Human => {
            let mut said = format!("took back {} of {} operations", undone.taken_back.len(), plan.items.len());
            if let Some(run) = &undone.run {
                said += &format!(
                    " (this is run {}, which can be undone too)",
                    run.split('-').next().unwrap_or(run).trim_start_matches('0')
                );
            }
            for Unable { number, error } in &undone.unable {
                for item in plan.items.iter().filter(|item| item.number == *number) {
                    let line = format!("{}: {error}", describe(&item.does));
                    said += &format!("\n  could not be taken back: {}", printable(&line));
                }
            }
            for stays in &undone.stays {
                said += &format!("\n  stays: {}", printable(stays));
            }
            print(&(said + "\n"))?;
        }
        Format::Json | Format::Ndjson => {
            print_json(
                &json!({"schema_version": crate::report::SCHEMA_VERSION, "plan": plan, "undone": undone}),
                output.format,
            )?;
        }
    }
    Ok(if undone.failed == 0 { Code::Success } else { Code::Failed })
}

fn text(plan: &UndoPlan) -> String {
    let mut text =
        format!("taking back run {}:\n", plan.run.split('-').next().unwrap_or(&plan.run).trim_start_matches('0'));
    for item in &plan.items {
        let first = plan.items.iter().find(|other| other.with.contains(&item.number));
        text += &format!("  {}\n", printable(&line(item, first.is_some())));
        if let Some(first) = first {
            text += &format!("      together with: {}\n", printable(&describe(&first.does)));
        }
        if let Some(note) = &item.note {
            text += &format!("      {}\n", printable(note));
        }
    }
    if plan.items.is_empty() {
        text += "  nothing of it is left\n";
    }
    for conflict in &plan.conflicts {
        text += &format!("  ! {}\n", printable(&conflict.to_string()));
    }
    text += &format!(
        "{} exactly, {} as well as can be, {} not at all\n",
        plan.count(Grade::Exact),
        plan.count(Grade::BestEffort),
        plan.count(Grade::Impossible)
    );
    text
}

/// `joined`: it is taken back together with another one.
fn line(item: &UndoItem, joined: bool) -> String {
    let grade = match item.grade {
        Grade::Exact => "exact      ",
        Grade::BestEffort => "best effort",
        Grade::Impossible => "impossible ",
        Grade::Needless => "needless   ",
    };
    let ways: Vec<_> = item.operations.iter().map(describe).collect();
    let way = match ways.as_slice() {
        [] if joined => "taken back later".to_owned(),
        [] => "stays as it is".to_owned(),
        ways => ways.join("; "),
    };
    format!("{grade}  {} -> {way}", describe(&item.does))
}

#[cfg(test)]
mod tests {
    use brasa::{
        host::{Grade, Op, ServiceVerb},
        state::{UndoItem, UndoPlan},
    };

    use super::text;

    #[test]
    fn what_is_taken_back_together_is_named() {
        let service = |verb| Op::Service { unit: "named".into(), verb };
        let item = |number, does, operations, with| UndoItem {
            number,
            does,
            grade: Grade::Exact,
            operations,
            note: None,
            with,
        };
        let back = vec![service(ServiceVerb::Unmask), service(ServiceVerb::Start)];
        let plan = UndoPlan {
            run: "000012-20260131120000".into(),
            items: vec![
                item(8, service(ServiceVerb::Stop), Vec::new(), Vec::new()),
                item(7, service(ServiceVerb::Mask), back, vec![8]),
            ],
            conflicts: Vec::new(),
            services: Vec::new(),
        };
        insta::assert_snapshot!(text(&plan), @"
        taking back run 12:
          exact        stop named -> taken back later
              together with: mask named
          exact        mask named -> unmask named; start named
        2 exactly, 0 as well as can be, 0 not at all
        ");
    }
}
