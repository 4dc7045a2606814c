//! Programs that work for the user who started this one: `ssh`, `ssh-keygen`, a hypervisor, a program of the user's own. They get
//! the user's environment and terminal, so that agents and questions for a passphrase work as they always do.
use std::{
    fs::File,
    io::{Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::environment;
use crate::{Error, Result, values::Seconds};

/// How often is looked whether a signal asks to stop.
const TICK: Duration = Duration::from_millis(50);
/// How long what a program left behind may keep its output open.
const GRACE: Duration = Duration::from_millis(500);
/// How long a program may take to end after it was asked to.
const MERCY: Duration = Duration::from_secs(5);
/// Bytes kept of each stream; what comes after them is read and forgotten.
const KEPT: usize = 1 << 20;

/// A program with what goes in and where its output goes.
#[derive(Clone, Copy, Debug)]
pub struct Tool<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// What it reads.
    pub input: Input<'a>,
    /// Where its output goes.
    pub output: Output,
    /// When it is ended.
    pub limit: Option<Duration>,
    /// Whether it and all that it starts are a group of their own, ended together; it has no terminal then.
    pub apart: bool,
}

/// What a program reads.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Nothing.
    Nothing,
    /// These bytes.
    Bytes(&'a [u8]),
    /// A file.
    File(&'a Path),
    /// What another program prints; when that fails, so has the whole.
    Of(&'a [String]),
    /// What this program would read: the terminal.
    Ours,
}

/// Where a program's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Into [`Ended`].
    Kept,
    /// To our own standard output and standard error.
    Shown,
    /// Both to our own standard error.
    Aside,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; 128+N when signal N ended it.
    pub code: i32,
    /// Standard output, where it was kept.
    pub stdout: Vec<u8>,
    /// Standard error, where it was kept.
    pub stderr: String,
}

impl<'a> Tool<'a> {
    /// A program that reads nothing, whose output is kept, with this many seconds.
    #[must_use]
    pub const fn new(argv: &'a [String], seconds: u64) -> Self {
        let limit = Some(Duration::from_secs(seconds));
        Self { argv, input: Input::Nothing, output: Output::Kept, limit, apart: false }
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such program; [`Error::Timeout`]; [`Error::Interrupted`] when a signal asked this
    /// process to stop: it is ended in both cases.
    pub fn run(&self) -> Result<Ended> {
        let mut feeder = match self.input {
            Input::Of(argv) => Some(Self::feeder(argv)?),
            Input::Nothing | Input::Bytes(_) | Input::File(_) | Input::Ours => None,
        };
        let started = self.start(feeder.as_mut().and_then(|feeder| feeder.stdout.take()));
        let mut child = match (started, &mut feeder) {
            (Err(error), Some(feeder)) => {
                self.end(feeder);
                return Err(error);
            }
            (started, _) => started?,
        };
        let (out, errors) = (Kept::default(), Kept::default());
        let (say, heard) = mpsc::channel();
        let mut open = 0;
        for (stream, kept) in [
            (child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>), &out),
            (child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>), &errors),
            (
                feeder
                    .as_mut()
                    .and_then(|feeder| feeder.stderr.take())
                    .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
                &errors,
            ),
        ] {
            let (Some(stream), kept, say) = (stream, kept.clone(), say.clone()) else { continue };
            open += 1;
            thread::spawn(move || {
                kept.fill(stream);
                // Whoever waited may have given up.
                say.send(()).unwrap_or_default();
            });
        }
        drop(say);
        let waited = self.wait(&mut child);
        let mut code = match (waited, &mut feeder) {
            (Err(error), Some(feeder)) => {
                self.end(feeder);
                return Err(error);
            }
            (waited, _) => waited?,
        };
        if let Some(feeder) = &mut feeder {
            let fed = self.wait(feeder)?;
            code = if code == 0 { fed } else { code };
        }
        let until = Instant::now() + GRACE;
        while open > 0 {
            match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(()) => open -= 1,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(Ended { code, stdout: out.bytes(), stderr: String::from_utf8_lossy(&errors.bytes()).into_owned() })
    }

    fn feeder(argv: &[String]) -> Result<Child> {
        let mut command = command(argv)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        spawn(&mut command, argv)
    }

    fn start(&self, fed: Option<ChildStdout>) -> Result<Child> {
        let mut command = command(self.argv)?;
        command.stdin(match self.input {
            Input::Of(_) => fed.map_or_else(Stdio::null, Stdio::from),
            Input::Nothing => Stdio::null(),
            Input::Bytes(_) => Stdio::piped(),
            Input::File(path) => File::open(path).map_err(Error::io("read", path))?.into(),
            Input::Ours => Stdio::inherit(),
        });
        match self.output {
            Output::Kept => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Output::Shown => command.stdout(Stdio::inherit()).stderr(Stdio::inherit()),
            Output::Aside => command.stdout(std::io::stderr()).stderr(Stdio::inherit()),
        };
        if self.apart {
            command.process_group(0);
        }
        let mut child = spawn(&mut command, self.argv)?;
        if let (Input::Bytes(bytes), Some(mut stdin)) = (self.input, child.stdin.take()) {
            let bytes = bytes.to_vec();
            // A program that does not read its input ends the pipe early: its exit code tells how it went.
            thread::spawn(move || stdin.write_all(&bytes).unwrap_or_default());
        }
        Ok(child)
    }

    /// Waits for the end, and brings it about when time is up or a signal asks for it.
    fn wait(&self, child: &mut Child) -> Result<i32> {
        let started = Instant::now();
        let program = self.argv.first().map_or("", String::as_str);
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(status) = child.try_wait().map_err(Error::io("wait for", program))? {
                return Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
            }
            if let Some(signal) = environment::stop_signal() {
                self.end(child);
                return Err(Error::Interrupted(signal));
            }
            if let Some(limit) = self.limit.filter(|limit| started.elapsed() >= *limit) {
                self.end(child);
                let (what, limit) = (format!("`{program}`"), Seconds(limit.as_secs()));
                return Err(Error::Timeout { what, limit, output: String::new() });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(TICK);
        }
    }

    fn end(&self, child: &mut Child) {
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            // It may have ended by itself.
            if self.apart { killpg(id, signal) } else { kill(id, signal) }.unwrap_or_default();
            let until = Instant::now() + MERCY;
            while Instant::now() < until {
                if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    return;
                }
                thread::sleep(TICK);
            }
        }
    }
}

fn command(argv: &[String]) -> Result<Command> {
    let (program, arguments) = argv.split_first().ok_or_else(|| Error::failed("a command needs a program"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn spawn(command: &mut Command, argv: &[String]) -> Result<Child> {
    let program = argv.first().map_or("", String::as_str);
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { kind: "program", name: program.to_owned(), why: None },
        _ => Error::io("start", program)(error),
    })
}

/// A stream as far as it is kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn fill(&self, mut from: Box<dyn Read + Send>) {
        let mut buffer = [0; 8192];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = KEPT.saturating_sub(kept.len()).min(read);
                    kept.extend_from_slice(&buffer[..room]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, Tool};
    use crate::Error;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn output_and_exit_code_are_told() {
        let argv = shell("cat; echo oops >&2; exit 3");
        let ended = Tool { input: Input::Bytes(b"in"), ..Tool::new(&argv, 60) }.run().unwrap();
        assert_eq!((ended.code, ended.stdout.as_slice(), ended.stderr.as_str()), (3, &b"in"[..], "oops\n"));
        assert_eq!(Tool::new(&shell("kill -9 $$"), 60).run().unwrap().code, 137);
        let none = Tool::new(&["/no/such".to_owned()], 60).run();
        assert!(matches!(none, Err(Error::Missing { kind: "program", .. })), "{none:?}");
    }

    #[test]
    fn a_program_is_fed_by_another_whose_failure_counts() {
        let run = |from: &str, to: &str| {
            let (from, to) = (shell(from), shell(to));
            let ended = Tool { input: Input::Of(&from), ..Tool::new(&to, 60) }.run().unwrap();
            (ended.code, String::from_utf8(ended.stdout).unwrap(), ended.stderr)
        };
        assert_eq!(run("echo in", "cat"), (0, "in\n".to_owned(), String::new()));
        assert_eq!(run("echo in; echo oops >&2; exit 2", "cat"), (2, "in\n".to_owned(), "oops\n".to_owned()));
        assert_eq!(run("yes", "exit 3").0, 3);
    }

    #[test]
    fn who_feeds_a_program_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let id = directory.path().join("id");
        let from = shell(&format!("echo $$ >{}; exec sleep 603", id.display()));
        let ended = Tool { input: Input::Of(&from), ..Tool::new(&shell("exec sleep 604"), 1) }.run();
        assert!(matches!(ended, Err(Error::Timeout { .. })), "{ended:?}");
        let id: i32 = std::fs::read_to_string(id).unwrap().trim().parse().unwrap();
        assert!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), None).is_err(), "it goes on");
    }

    #[test]
    fn what_is_left_behind_with_the_output_open_is_not_waited_for() {
        let ended = Tool::new(&shell("sleep 600 & echo $!"), 60).run().unwrap();
        let id: i32 = String::from_utf8(ended.stdout).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::SIGKILL).unwrap();
    }

    #[test]
    fn when_time_is_up_a_group_ends_with_all_that_is_in_it() {
        let argv = shell("sleep 601 & wait");
        let ended = Tool { apart: true, ..Tool::new(&argv, 1) }.run();
        assert!(matches!(ended, Err(Error::Timeout { .. })), "{ended:?}");
    }
}
