//! The program under test, as it is shipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::cache;
use crate::error::{Error, Result};
use crate::host::{announce, call};

/// The target that releases are made for: static, for any Linux.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies inside the workspace")
}

/// Cargo's target directory, wherever the environment or a configuration file puts it.
///
/// # Errors
/// [`Error::Call`] if cargo cannot read the workspace.
pub fn target_directory() -> Result<&'static Path> {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    if let Some(directory) = DIRECTORY.get() {
        return Ok(directory);
    }
    let mut metadata = cargo();
    metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = call("find cargo's target directory", &mut metadata)?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Error::Io { doing: "read cargo's metadata".into(), source: error.into() })?;
    let directory = value["target_directory"].as_str().expect("cargo's metadata names the target directory");
    Ok(DIRECTORY.get_or_init(|| PathBuf::from(directory)))
}

/// The static release binary: `$BRASA_BINARY`, or what cargo makes now from the sources as they are.
///
/// # Errors
/// [`Error::Call`] with the compiler's words if it does not build.
pub fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("BRASA_BINARY") {
        let given = PathBuf::from(given);
        return given.canonicalize().map_err(Error::io(format!("use `{}` (BRASA_BINARY)", given.display())));
    }
    let _one_at_a_time = cache::lock("binary")?;
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(built) = BUILT.get() {
        return Ok(built.clone());
    }
    announce("building the static binary (set BRASA_BINARY to use another)");
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "--target", TARGET, "--package", "brasa-cli", "--bin", "brasa"]);
    call("build the static binary", &mut build)?;
    let built = target_directory()?.join(TARGET).join("release/brasa");
    Ok(BUILT.get_or_init(|| built).clone())
}

/// The example program `kitchen`, static too: a cookbook whose recipes do what the node's attributes say. `$BRASA_KITCHEN`
/// names one that is built already. It is not optimised, which its scenarios do not need.
///
/// # Errors
/// [`Error::Call`] with the compiler's words if it does not build.
pub fn kitchen() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("BRASA_KITCHEN") {
        let given = PathBuf::from(given);
        return given.canonicalize().map_err(Error::io(format!("use `{}` (BRASA_KITCHEN)", given.display())));
    }
    let _one_at_a_time = cache::lock("kitchen")?;
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(built) = BUILT.get() {
        return Ok(built.clone());
    }
    announce("building the example program `kitchen` (set BRASA_KITCHEN to use another)");
    let mut build = cargo();
    build.args(["build", "--quiet", "--target", TARGET, "--package", "brasa-cli", "--example", "kitchen"]);
    call("build the example program", &mut build)?;
    let built = target_directory()?.join(TARGET).join("debug/examples/kitchen");
    Ok(BUILT.get_or_init(|| built).clone())
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}
