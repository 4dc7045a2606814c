//! `cargo xtask scenario`: scenarios one by one, for people who are at work on them.

use std::process::ExitCode;
use std::time::Instant;

use crate::Failure;
use crate::steps::step;
use crate::test::{build, install};

pub fn run(arguments: &[&str]) -> Result<ExitCode, Failure> {
    lab::require_root("`cargo xtask scenario`").map_err(|error| error.to_string())?;
    let all = lab::scenario::names()?;
    let names: Vec<&str> =
        if arguments.is_empty() { all.iter().map(String::as_str).collect() } else { arguments.to_vec() };
    step("the static binary", || {
        install(false)?;
        build()
    })?;
    let mut failed = Vec::new();
    for name in names {
        println!("==> scenario {name}");
        let started = Instant::now();
        let mut tell = |what: &str| println!("    {:6.1} s  {what}", started.elapsed().as_secs_f64());
        match lab::scenario::run(name, &mut tell) {
            Ok(()) => tell("passed"),
            Err(why) => {
                tell("failed");
                failed.push(format!("{name}: {why}"));
            }
        }
    }
    if failed.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(failed.join("\n")) }
}
