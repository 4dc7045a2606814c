//! `measure RUNS COMMAND [ARGUMENT]...`: runs a command, and prints what each run cost the processor in microseconds (user
//! and system, everything it started and waited for included), one a line, then the peak of its resident memory in KiB.
//!
//! A program of its own, and a small one: a process inherits the peak of whoever started it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures the program from outside and is no part of it"
)]

use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{Usage, UsageWho, getrusage};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match measure(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("measure: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Result<(), String> {
    let [runs, program, arguments @ ..] = words else { return Err("usage: measure RUNS COMMAND...".to_owned()) };
    let runs: u32 = runs.parse().map_err(|error| format!("`{runs}` is no number of runs: {error}"))?;
    let mut before = spent(&usage()?);
    for _ in 0..runs {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().map_err(|error| format!("cannot start `{program}`: {error}"))?;
        if !status.success() {
            return Err(format!("`{}` ended with {status}", words[1..].join(" ")));
        }
        let after = spent(&usage()?);
        println!("{}", after - before);
        before = after;
    }
    println!("{}", usage()?.max_rss());
    Ok(())
}

fn usage() -> Result<Usage, String> {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| format!("cannot ask what the children used: {error}"))
}

/// Microseconds of processor time.
fn spent(usage: &Usage) -> i64 {
    let (user, system) = (usage.user_time(), usage.system_time());
    (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec()
}
