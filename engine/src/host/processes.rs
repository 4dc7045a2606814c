//! Processes of this machine that outlive this program, found by their command lines: never by a number that was written down,
//! which another process may have by now.
use std::{
    fs, io,
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::{Error, Result};

/// How long a process may take to end after it was asked to.
const MERCY: Duration = Duration::from_secs(10);

/// A process as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    id: i32,
    /// Program and arguments.
    pub words: Vec<String>,
}

impl Running {
    /// The argument behind this one.
    #[must_use]
    pub fn after(&self, option: &str) -> Option<&str> {
        let at = self.words.iter().position(|word| word == option)?;
        self.words.get(at + 1).map(String::as_str)
    }
}

/// All processes of a program, named without its directory.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn running(program: &str) -> Result<Vec<Running>> {
    let entries = fs::read_dir("/proc").map_err(Error::io("read", "/proc"))?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let found = ids.filter_map(|id| Some(Running { id, words: words(id)? }));
    Ok(found.filter(|running| Path::new(&running.words[0]).ends_with(program)).collect())
}

/// The command line of a process; nothing of one that has ended, or is none of ours to look at.
fn words(id: i32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(bytes.strip_suffix(b"\0")?).into_owned();
    Some(text.split('\0').map(str::to_owned).collect())
}

/// Ends a process: first by TERM, after ten seconds by KILL. That it has ended already is as good.
///
/// # Errors
/// That this user may not, or that it does not end.
pub fn end(process: &Running) -> Result<()> {
    let refused = |error: rustix::io::Errno| Error::failed(format!("cannot end process {}: {error}", process.id));
    let Some(pid) = Pid::from_raw(process.id) else { return Ok(()) };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    // The handle stays with one process; that it is the one that was found is seen now.
    for signal in [Signal::TERM, Signal::KILL] {
        if words(process.id).as_ref() != Some(&process.words) {
            return Ok(());
        }
        match pidfd_send_signal(&handle, signal) {
            Ok(()) => {}
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(refused(error)),
        }
        let until = Instant::now() + MERCY;
        while Instant::now() < until {
            if words(process.id).as_ref() != Some(&process.words) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Err(Error::failed(format!("process {} does not end", process.id)))
}

/// A port of 127.0.0.1 that nobody listens on now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port())
        .map_err(|error: io::Error| Error::failed(format!("there is no free port: {error}")))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::{Running, end, running};

    #[test]
    fn a_process_is_found_by_its_words_and_ended() {
        let mut child = Command::new("sleep").arg("7654.5").spawn().unwrap();
        let mine = |all: Vec<Running>| all.into_iter().find(|found| found.after("sleep") == Some("7654.5"));
        let found = loop {
            // Between fork and exec it has our own command line.
            if let Some(found) = mine(running("sleep").unwrap()) {
                break found;
            }
        };
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        end(&found).unwrap();
        assert!(!reaper.join().unwrap().success());
        assert_eq!(mine(running("sleep").unwrap()), None);
        end(&found).unwrap();
    }

    #[test]
    fn another_process_of_the_same_number_is_left_alone() {
        let mut child = Command::new("sleep").arg("7655.5").arg0("other").spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        end(&Running { id, words: vec!["sleep".to_owned(), "7655.5".to_owned()] }).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
