//! Commands in a container.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{self, Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use crate::container::{Container, buffer, children, shared, text};
use crate::host;
use crate::tested;

/// How long a command may run before the scenario fails.
const LIMIT: Duration = Duration::from_secs(600);

/// A command about to be run in a container.
#[derive(Debug)]
pub struct Command<'a> {
    container: &'a Container,
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    limit: Duration,
}

impl<'a> Command<'a> {
    pub(crate) fn new<Word: AsRef<OsStr>>(container: &'a Container, words: impl IntoIterator<Item = Word>) -> Self {
        let environment = [
            ("LAB", "1"),
            ("HOME", "/root"),
            ("TERM", "dumb"),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ];
        Self {
            container,
            words: words.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
            stdin: None,
            limit: LIMIT,
        }
    }

    /// Runs it with no environment at all.
    pub fn bare_env(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// Sets one variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Gives it this input instead of none.
    pub fn stdin(mut self, content: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(content.as_ref().to_vec());
        self
    }

    /// Lets it run for at most this long.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If the container is gone or the limit passes.
    #[track_caller]
    pub fn run(self) -> Output {
        let (limit, container) = (self.limit, self.container);
        let output = self.spawn().wait_at_most(limit);
        tested::note(container.root_name(), &output).unwrap_or_else(|error| panic!("{error}"));
        output
    }

    /// Starts it and leaves it running.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn spawn(self) -> Running<'a> {
        let line = self.line();
        let stdout = buffer("stdout").unwrap_or_else(|error| panic!("{error}"));
        let stderr = buffer("stderr").unwrap_or_else(|error| panic!("{error}"));
        let mut nsenter = self.nsenter();
        nsenter.stdout(shared(&stdout).unwrap_or_else(|error| panic!("{error}")));
        nsenter.stderr(shared(&stderr).unwrap_or_else(|error| panic!("{error}")));
        let child = nsenter.spawn().unwrap_or_else(|error| panic!("cannot start `{line}`: {error}"));
        Running { child, line, stdout, stderr, started: Instant::now(), container: self.container }
    }

    /// Runs it on this process's own terminal, for a person to watch, and returns its exit code.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn show(self) -> i32 {
        let line = self.line();
        let status = self.nsenter().status().unwrap_or_else(|error| panic!("cannot start `{line}`: {error}"));
        code(status)
    }

    fn line(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[track_caller]
    fn nsenter(&self) -> process::Command {
        let nsenter = host::find("nsenter").expect("a started container found `nsenter`");
        let mut command = process::Command::new(nsenter);
        command.arg("--target").arg(self.container.leader().to_string());
        // The root too: that of the mount namespace is another one if the host is itself in a chroot.
        command.args(["--root", "--wd", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]).args(&self.words);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(match &self.stdin {
            None => Stdio::null(),
            Some(content) => {
                let mut file = buffer("stdin").unwrap_or_else(|error| panic!("{error}"));
                file.write_all(content).and_then(|()| file.seek(SeekFrom::Start(0))).expect("memory can be written");
                Stdio::from(file)
            }
        });
        command
    }
}

/// A command that runs in a container. Dropping it kills it.
#[derive(Debug)]
pub struct Running<'a> {
    child: Child,
    line: String,
    stdout: File,
    stderr: File,
    started: Instant,
    container: &'a Container,
}

impl Running<'_> {
    /// What it has written to stdout so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Sends it a signal; one that has ended is left alone.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        while self.is_running() {
            // nsenter waits outside for its child, which is the command.
            if let Some(&inner) = children(self.child.id()).first() {
                send(inner, signal);
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills it with SIGKILL, as a crash would end it, and waits until it is gone.
    #[track_caller]
    pub fn kill(mut self) -> Output {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Whether it has not ended yet.
    #[track_caller]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap_or_else(|error| panic!("cannot wait for `{}`: {error}", self.line)).is_none()
    }

    /// Waits until `seen` holds of what it has written to stdout and stderr.
    ///
    /// # Panics
    /// If it ends first, or a minute passes.
    #[track_caller]
    pub fn wait_until(&mut self, seen: impl Fn(&str, &str) -> bool) {
        let started = Instant::now();
        loop {
            let running = self.is_running();
            let (stdout, stderr) = (self.stdout(), self.stderr());
            if seen(&stdout, &stderr) {
                return;
            }
            assert!(running, "`{}` ended before what was waited for:\n{stdout}{stderr}", self.line);
            assert!(started.elapsed() < Duration::from_secs(60), "`{}` took too long:\n{stdout}{stderr}", self.line);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If ten minutes pass.
    #[track_caller]
    pub fn wait(self) -> Output {
        self.wait_at_most(LIMIT)
    }

    #[track_caller]
    fn wait_at_most(mut self, limit: Duration) -> Output {
        let (ended, watched) = mpsc::channel::<()>();
        let outer = self.child.id();
        let watchdog = thread::spawn(move || {
            let late = watched.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                for inner in children(outer) {
                    send(inner, Signal::KILL);
                }
            }
            late
        });
        let status = self.child.wait().unwrap_or_else(|error| panic!("cannot wait for `{}`: {error}", self.line));
        drop(ended);
        let late = watchdog.join().expect("the watchdog does not panic");
        let output = Output {
            line: self.line.clone(),
            code: code(status),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
            duration: self.started.elapsed(),
        };
        assert!(!late, "killed after {} s in {}: {output}", limit.as_secs(), self.container.name());
        output
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // After `wait` there is nothing left to end, and the process id may be another's.
        if let Ok(None) = self.child.try_wait() {
            for inner in children(self.child.id()) {
                send(inner, Signal::KILL);
            }
            drop(self.child.wait());
        }
    }
}

/// Sends a signal to a process that may have ended meanwhile.
fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        match rustix::process::kill_process(pid, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => panic!("cannot signal process {pid}: {error}"),
        }
    }
}

/// The exit code as a shell gives it.
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// How a command in a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The command, for reading.
    pub line: String,
    /// Its exit code; 128 and the signal's number if it was killed.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it ran.
    pub duration: Duration,
}

impl Output {
    /// Asserts that it succeeded, and gives it back.
    ///
    /// # Panics
    /// With everything that it wrote, if it did not.
    #[track_caller]
    pub fn success(self) -> Self {
        self.exits(0)
    }

    /// Asserts its exit code, and gives it back.
    ///
    /// # Panics
    /// With everything that it wrote, if it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == code, "expected exit code {code}\n{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` ended with {}\n--- stdout\n{}", self.line, self.code, self.stdout)?;
        write!(formatter, "--- stderr\n{}---", self.stderr)
    }
}
