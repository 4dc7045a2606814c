//! `parse DIRECTORY`: reads every `.json` file below a directory with plain `serde_json`, and keeps all of it until the end:
//! what a run's compilation is measured against.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it is what the program is measured against and no part of it"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

/// The program's own, so that both pay as much for memory.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let mut values = Vec::new();
    let Some(directory) = std::env::args_os().nth(1) else {
        eprintln!("usage: parse DIRECTORY");
        return ExitCode::FAILURE;
    };
    match parse(&PathBuf::from(directory), &mut values) {
        Ok(bytes) => {
            println!("{} files, {bytes} bytes", values.len());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("parse: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn parse(directory: &Path, values: &mut Vec<Value>) -> Result<usize, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let mut bytes = 0;
    for entry in fs::read_dir(directory).map_err(|error| wrong(directory, &error))? {
        let entry = entry.map_err(|error| wrong(directory, &error))?;
        let path = entry.path();
        if entry.file_type().map_err(|error| wrong(&path, &error))?.is_dir() {
            bytes += parse(&path, values)?;
        } else if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read(&path).map_err(|error| wrong(&path, &error))?;
            values.push(serde_json::from_slice(&text).map_err(|error| wrong(&path, &error))?);
            bytes += text.len();
        }
    }
    Ok(bytes)
}
