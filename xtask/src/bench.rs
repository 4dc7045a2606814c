//! `cargo xtask bench`: what brasa costs and how much of Chef it is, beside what was promised.

mod compile;
mod ddns;
mod golden;
mod machine;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::Failure;
use crate::steps::{cargo, show};
use crate::test::TARGET;

/// What was measured.
struct Figures {
    /// The median of the processor time, user and system, in milliseconds.
    time: f64,
    /// The peak, in MiB.
    memory: f64,
}

pub fn run(arguments: &[&str]) -> Result<ExitCode, Failure> {
    match arguments {
        [] => {
            // All of them, though one may be over: the figures of the others are wanted too.
            let missed = [golden::run(), compile::run(), machine::run(), ddns::run()];
            let missed: Vec<Failure> = missed.into_iter().filter_map(Result::err).collect();
            if !missed.is_empty() {
                return Err(missed.join("\n"));
            }
        }
        ["compile"] => compile::run()?,
        ["ddns"] => ddns::run()?,
        ["golden"] => golden::run()?,
        ["machine"] => machine::run()?,
        [other, ..] => return Err(format!("`bench` takes `compile`, `ddns`, `golden` or `machine`, not `{other}`")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a program of this machine some times.
fn measure(measurer: &Path, runs: usize, program: &Path, arguments: &[&str]) -> Result<Figures, Failure> {
    let mut command = Command::new(measurer);
    command.arg(runs.to_string()).arg(program).args(arguments);
    let what = format!("measure `{}`", program.display());
    figures(&lab::call(&what, &mut command).map_err(|error| error.to_string())?)
}

/// What the program `measure` printed.
fn figures(printed: &str) -> Result<Figures, Failure> {
    let numbers = printed.lines().map(str::parse::<f64>).collect::<Result<Vec<_>, _>>();
    let mut numbers = numbers.map_err(|error| format!("`measure` printed `{printed}`: {error}"))?;
    let memory = numbers.pop().ok_or("`measure` printed nothing")? / 1024.0;
    numbers.sort_by(f64::total_cmp);
    let time = numbers.get(numbers.len() / 2).ok_or("`measure` printed no time")? / 1000.0;
    Ok(Figures { time, memory })
}

/// Builds a part of the workspace as the program is built.
fn part(package: &str, kind: &str, name: &str) -> Result<PathBuf, Failure> {
    show(&mut cargo(&["build", "--quiet", "--release", "--target", TARGET, "--package", package, kind, name]))?;
    let target = lab::target_directory().map_err(|error| error.to_string())?.join(TARGET).join("release");
    Ok(if kind == "--example" { target.join("examples").join(name) } else { target.join(name) })
}
