//! The host's own commands, and how the lab gets those that are missing.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cache;
use crate::error::{Error, Result};

/// How long another program may hold apt's locks before the lab gives up.
const LOCK_LIMIT: Duration = Duration::from_secs(600);

/// Tells the person who waits what takes the time. Written to stderr itself, which the test runner does not capture.
pub fn announce(message: &str) {
    // A closed stderr is no reason to fail a test.
    drop(writeln!(std::io::stderr(), "lab: {message}"));
}

/// Fails unless this process is root.
///
/// # Errors
/// [`Error::NotRoot`], which says how to run as root.
pub fn require_root(doing: &str) -> Result<()> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Error::NotRoot { doing: doing.to_owned() }) }
}

/// Runs a command of the host to its end and returns its stdout.
///
/// # Errors
/// [`Error::Io`] if it cannot be started, [`Error::Call`] with the end of its output if it fails.
pub fn call(doing: &str, command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output =
        command.stdin(Stdio::null()).output().map_err(Error::io(format!("{doing}: cannot start `{shown}`")))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let both = stdout + &String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = both.lines().collect();
    Err(Error::Call {
        doing: doing.to_owned(),
        command: shown,
        status: output.status.to_string(),
        output: lines[lines.len().saturating_sub(30)..].join("\n"),
    })
}

/// A command as a line for reading.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(200) {
        line.truncate(end);
        line.push_str(" ..");
    }
    line
}

/// Makes sure that the host has these commands; each is given with the Debian package that brings it.
///
/// # Errors
/// [`Error::NotRoot`] if something has to be installed without root, [`Error::Call`] if apt-get fails.
pub fn need(tools: &[(&str, &str)]) -> Result<()> {
    let missing = |tools: &[(&str, &str)]| {
        let mut packages: Vec<String> = Vec::new();
        for (tool, package) in tools {
            if find(tool).is_none() && !packages.iter().any(|known| known == package) {
                packages.push((*package).to_owned());
            }
        }
        packages
    };
    if missing(tools).is_empty() {
        return Ok(());
    }
    let _one_at_a_time = cache::lock("host")?;
    let packages = missing(tools);
    if packages.is_empty() {
        return Ok(());
    }
    require_root(&format!("installing {}", packages.join(", ")))?;
    announce(&format!("installing {} with apt-get", packages.join(", ")));
    let mut install = vec!["-qq", "-o", "DPkg::Lock::Timeout=600", "install", "-y", "--no-install-recommends"];
    install.extend(packages.iter().map(String::as_str));
    if apt_get(&install).is_err() {
        // A fresh machine has no package lists, an old one has lists that no longer fit the mirror.
        apt_get(&["-qq", "update"])?;
        apt_get(&install)?;
    }
    Ok(())
}

/// Runs apt-get on the host, waiting for whoever holds a lock that apt itself does not wait for.
fn apt_get(arguments: &[&str]) -> Result<()> {
    let started = Instant::now();
    loop {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
        match call("install what the lab needs", &mut command) {
            Err(Error::Call { output, .. })
                if output.contains("Could not get lock") && started.elapsed() < LOCK_LIMIT =>
            {
                thread::sleep(Duration::from_secs(2));
            }
            other => return other.map(drop),
        }
    }
}

/// Finds a command on `PATH` or among the administrator's commands, which a user's `PATH` may lack.
pub fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|directory| directory.join(tool)).find(|file| file.is_file())
}
