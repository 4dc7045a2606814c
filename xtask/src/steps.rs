//! Steps with a heading each, and the commands in them.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Failure;

/// Runs one step under its heading and says how long it took. All of it on stderr: stdout is the tests'.
pub fn step<T>(heading: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    eprintln!("==> {heading}");
    let started = Instant::now();
    let result = work();
    let seconds = started.elapsed().as_secs_f64();
    match result {
        Ok(value) => {
            eprintln!("    {seconds:.1} s");
            Ok(value)
        }
        Err(failure) => Err(format!("{heading}: failed after {seconds:.1} s\n{failure}")),
    }
}

/// cargo, the one that runs this, at the root of the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(lab::workspace());
    cargo
}

/// Runs a command that writes to our own output, without input.
pub fn show(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("cannot start `{name}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{name}` ended with {status}")) }
}
