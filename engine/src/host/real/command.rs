//! Running commands: no terminal, a process group of their own, a deadline, bounded output.
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{self, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{
    Error, Result,
    host::{Answer, Command},
};

/// Directories that every command can rely on, whatever this process was started with.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes kept of the beginning and of the end of each stream.
const HEAD: usize = 64 * 1024;
const TAIL: usize = 192 * 1024;
/// How long a command's daemon may keep its output open after the command itself has ended.
const GRACE: Duration = Duration::from_secs(2);
/// How long a command may take to end after it was asked to.
const MERCY: Duration = Duration::from_secs(5);

/// Runs a command to its end. A program that does not exist is the answer 127.
///
/// # Errors
/// No such user or working directory; the deadline passed (the whole process group is ended then).
pub fn run(command: &Command) -> Result<Answer> {
    Running::start(command)?.finish(&mut |_| {})
}

/// Runs a command that writes progress lines to its descriptor 3, as apt does; `line` is handed each of them as it comes.
///
/// # Errors
/// As [`run`].
pub fn run_with_status(command: &Command, line: &mut dyn FnMut(&str)) -> Result<Answer> {
    let pipe = |error: rustix::io::Errno| Error::failed(format!("cannot make a pipe: {error}"));
    // The write end must outlive exec, the read end must not leak into the command.
    let (reader, writer) = rustix::pipe::pipe().map_err(pipe)?;
    rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::CLOEXEC).map_err(pipe)?;
    // Safe code cannot choose the number that a child sees, but a shell can, and it goes away at once.
    let number = writer.as_raw_fd();
    let mut command = command.clone();
    let open = format!("exec 3>/proc/self/fd/{number} && exec \"$@\"");
    command.argv.splice(0..0, ["/bin/sh".to_owned(), "-c".to_owned(), open, "sh".to_owned()]);
    let mut running = Running::start(&command)?;
    drop(writer);
    running.listen(reader);
    running.finish(line)
}

enum Heard {
    Output(Stream, Vec<u8>),
    Closed,
    Status(String),
    Ended(std::io::Result<process::ExitStatus>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Error,
}

struct Running<'c> {
    command: &'c Command,
    group: Pid,
    heard: mpsc::Receiver<Heard>,
    say: mpsc::Sender<Heard>,
    started: Instant,
    missing: bool,
    /// Streams that may still say something.
    open: usize,
}

impl<'c> Running<'c> {
    fn start(command: &'c Command) -> Result<Self> {
        let (say, heard) = mpsc::channel();
        let mut running =
            Self { command, group: Pid::from_raw(0), heard, say, started: Instant::now(), missing: false, open: 2 };
        let directory = command.cwd.as_deref().unwrap_or(Path::new("/"));
        if !directory.is_dir() {
            return Err(Error::Missing {
                kind: "directory",
                name: directory.display().to_string(),
                why: Some(format!("it is to be the working directory of `{command}`")),
            });
        }
        let mut process = process(command)?;
        process.current_dir(directory).process_group(0);
        process.stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match process.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                running.missing = true;
                return Ok(running);
            }
            Err(error) => {
                return Err(Error::Command {
                    command: command.to_string(),
                    how: format!("could not be started: {error}"),
                    output: String::new(),
                });
            }
        };
        running.group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), command.stdin.clone()) {
            // A command that does not read its input ends the pipe early: its exit code tells how it went.
            thread::spawn(move || stdin.write_all(&text).unwrap_or_default());
        }
        if let Some(stdout) = child.stdout.take() {
            running.drain(Stream::Out, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            running.drain(Stream::Error, stderr);
        }
        let say = running.say.clone();
        thread::spawn(move || say.send(Heard::Ended(child.wait())).unwrap_or_default());
        Ok(running)
    }

    fn drain(&self, stream: Stream, mut from: impl Read + Send + 'static) {
        let say = self.say.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                match from.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => {
                        if say.send(Heard::Output(stream, buffer[..read].to_vec())).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            say.send(Heard::Closed).unwrap_or_default();
        });
    }

    fn listen(&mut self, reader: OwnedFd) {
        self.open += 1;
        let say = self.say.clone();
        thread::spawn(move || {
            for line in BufReader::new(File::from(reader)).lines().map_while(|line| line.ok()) {
                if say.send(Heard::Status(line)).is_err() {
                    return;
                }
            }
            say.send(Heard::Closed).unwrap_or_default();
        });
    }

    fn finish(self, line: &mut dyn FnMut(&str)) -> Result<Answer> {
        if self.missing {
            let program = self.command.argv.first().map_or("", String::as_str);
            return Ok(Answer { code: 127, stdout: String::new(), stderr: format!("{program}: no such program") });
        }
        let (mut out, mut error) = (Capped::default(), Capped::default());
        let mut open = self.open;
        let mut status = None;
        let mut deadline = self.started + Duration::from(self.command.timeout);
        let mut asked = Asked::Nothing;
        while status.is_none() || open > 0 {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(wait) {
                Ok(Heard::Output(Stream::Out, bytes)) => out.push(&bytes),
                Ok(Heard::Output(Stream::Error, bytes)) => error.push(&bytes),
                Ok(Heard::Closed) => open -= 1,
                Ok(Heard::Status(text)) => line(&text),
                Ok(Heard::Ended(ended)) => {
                    status = Some(ended.map_err(|cause| Error::Command {
                        command: self.command.to_string(),
                        how: format!("could not be waited for: {cause}"),
                        output: String::new(),
                    })?);
                    deadline = Instant::now() + GRACE;
                }
                // A daemon that the command started keeps its output open: the command itself has ended.
                Err(RecvTimeoutError::Timeout) if status.is_some() => break,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let signal = if asked == Asked::Nothing { Signal::SIGTERM } else { Signal::SIGKILL };
                    asked = if asked == Asked::Nothing { Asked::ToEnd } else { Asked::Killed };
                    killpg(self.group, signal).unwrap_or_default();
                    deadline = Instant::now() + MERCY;
                }
            }
        }
        if asked != Asked::Nothing {
            // Whatever of its group is still there goes too.
            killpg(self.group, Signal::SIGKILL).unwrap_or_default();
            let output = if self.command.sensitive { String::new() } else { last_lines(&(out.text() + &error.text())) };
            return Err(Error::Timeout {
                what: format!("command `{}`", self.command),
                limit: self.command.timeout,
                output,
            });
        }
        let code =
            status.map_or(-1, |status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
        Ok(Answer { code, stdout: out.text(), stderr: error.text() })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    ToEnd,
    Killed,
}

/// The process to start: environment, and wrappers for user and umask.
fn process(command: &Command) -> Result<process::Command> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(Error::failed("a command needs a program"));
    };
    let mut argv: Vec<String> = Vec::new();
    if let Some(user) = &command.user {
        // setpriv (util-linux) knows network users too, and takes their supplementary groups along; setting them here would
        // take unsafe code between fork and exec.
        argv.extend(["setpriv".to_owned(), format!("--reuid={user}"), "--init-groups".to_owned()]);
        argv.push(match &command.group {
            Some(group) => format!("--regid={group}"),
            None => format!("--regid={}", primary_group(user)?),
        });
        argv.push("--".to_owned());
    } else if let Some(group) = &command.group {
        argv.extend(["setpriv".to_owned(), format!("--regid={group}"), "--keep-groups".to_owned(), "--".to_owned()]);
    }
    if let Some(umask) = command.umask {
        let set = format!("umask {umask} && exec \"$@\"");
        argv.extend(["/bin/sh".to_owned(), "-c".to_owned(), set, "sh".to_owned()]);
    }
    argv.push(program.clone());
    argv.extend(arguments.iter().cloned());
    let mut process = process::Command::new(&argv[0]);
    process.args(&argv[1..]);
    let inherited = std::env::var("PATH").unwrap_or_default();
    let missing = PATH.split(':').filter(|directory| !inherited.split(':').any(|known| known == *directory));
    let path: Vec<&str> = inherited.split(':').filter(|part| !part.is_empty()).chain(missing).collect();
    process.env("PATH", path.join(":"));
    process.env("LC_ALL", "C.UTF-8").env_remove("LANG").env_remove("LANGUAGE");
    if std::env::var_os("HOME").is_none() {
        process.env("HOME", "/root");
    }
    if let Some(user) = &command.user
        && let Some(home) = super::accounts::home_of(user)?
    {
        process.env("HOME", home).env("USER", user).env("LOGNAME", user);
    }
    process.envs(&command.environment);
    Ok(process)
}

fn primary_group(user: &str) -> Result<String> {
    super::accounts::primary_group_of(user)?.ok_or_else(|| Error::Missing {
        kind: "user",
        name: user.to_owned(),
        why: Some("a command is to run as this user".to_owned()),
    })
}

/// The beginning and the end of a stream, whatever its length.
#[derive(Default)]
struct Capped {
    head: Vec<u8>,
    tail: Vec<u8>,
    dropped: u64,
}

impl Capped {
    fn push(&mut self, bytes: &[u8]) {
        let to_head = bytes.len().min(HEAD - self.head.len());
        self.head.extend_from_slice(&bytes[..to_head]);
        self.tail.extend_from_slice(&bytes[to_head..]);
        if self.tail.len() > 2 * TAIL {
            let cut = self.tail.len() - TAIL;
            self.tail.drain(..cut);
            self.dropped += cut as u64;
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        let mut tail = self.tail.as_slice();
        let mut dropped = self.dropped;
        if tail.len() > TAIL {
            dropped += (tail.len() - TAIL) as u64;
            tail = &tail[tail.len() - TAIL..];
        }
        if dropped > 0 {
            text += &format!("\n[... {dropped} bytes left out ...]\n");
        }
        text + &String::from_utf8_lossy(tail)
    }
}

/// The last lines of an output: what an error shows.
pub fn last_lines(output: &str) -> String {
    let lines: Vec<_> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// Turns an answer into an error when its code is none of those that mean success.
///
/// # Errors
/// [`Error::Command`] with the end of what was printed (nothing of a sensitive command).
pub fn check(command: &Command, answer: Answer) -> Result<Answer> {
    if command.returns.contains(&answer.code) {
        return Ok(answer);
    }
    let how = match answer.code {
        127 if answer.stderr.ends_with("no such program") => "could not be started: no such program".to_owned(),
        code if code > 128 => format!("was ended by signal {}", code - 128),
        code if command.returns == [0] => format!("exited with {code}"),
        code => format!("exited with {code}; expected is one of {:?}", command.returns),
    };
    let output = if command.sensitive {
        "(not shown: sensitive)".to_owned()
    } else {
        last_lines(&format!("{}\n{}", answer.stdout, answer.stderr))
    };
    Err(Error::Command { command: command.to_string(), how, output })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{check, run, run_with_status};
    use crate::{Error, host::Command, values::Seconds};

    #[test]
    fn a_command_is_answered_with_code_and_output() {
        let answer = run(&Command::shell("echo out; echo err >&2; exit 3")).unwrap();
        assert_eq!((answer.code, answer.stdout.as_str(), answer.stderr.as_str()), (3, "out\n", "err\n"));
    }

    #[test]
    fn a_program_that_is_not_there_is_127() {
        assert_eq!(run(&Command::new(["no-such-program-here"])).unwrap().code, 127);
    }

    #[test]
    fn the_environment_is_tame() {
        let answer =
            run(&Command::shell("echo $LC_ALL/$LANG; case :$PATH: in *:/usr/sbin:*) echo ok;; esac; cat")).unwrap();
        assert_eq!(answer.stdout, "C.UTF-8/\nok\n", "no locale but ours, the usual directories, and an empty input");
    }

    #[test]
    fn input_goes_in() {
        let mut command = Command::new(["cat"]);
        command.stdin = Some(b"hello".to_vec());
        assert_eq!(run(&command).unwrap().stdout, "hello");
    }

    #[test]
    fn the_deadline_ends_the_whole_group() {
        let mut command = Command::shell("sleep 600 & echo $!; trap '' TERM; sleep 600");
        command.timeout = Seconds(1);
        let error = run(&command).unwrap_err();
        let Error::Timeout { output, .. } = &error else { panic!("{error}") };
        let child = output.lines().next().unwrap().to_owned();
        std::thread::sleep(Duration::from_millis(200));
        let gone = run(&Command::shell(format!("kill -0 {child}"))).unwrap();
        assert_ne!(gone.code, 0, "the background child is gone too");
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_does_not_hold_us() {
        let started = Instant::now();
        let answer = run(&Command::shell("sleep 30 & echo started")).unwrap();
        assert_eq!(answer.stdout, "started\n");
        assert!(started.elapsed() < Duration::from_secs(20), "it waited for the daemon");
        run(&Command::shell("pkill -f '^sleep 30$' || true")).unwrap();
    }

    #[test]
    fn a_flood_is_drained_and_cut() {
        let answer = run(&Command::shell("head -c 5000000 /dev/zero | tr '\\0' a; echo end")).unwrap();
        assert!(answer.stdout.len() < 300_000);
        assert!(answer.stdout.ends_with("end\n") && answer.stdout.contains("bytes left out"));
    }

    #[test]
    fn umask_and_directory() {
        let mut command = Command::shell("umask; pwd");
        command.umask = Some(crate::values::Mode::from(0o027));
        command.cwd = Some("/usr".into());
        assert_eq!(run(&command).unwrap().stdout, "0027\n/usr\n");
        command.cwd = Some("/no/such/directory".into());
        assert!(run(&command).unwrap_err().to_string().contains("/no/such/directory"));
    }

    #[test]
    fn status_lines_come_by_their_own_descriptor() {
        let mut lines = Vec::new();
        let command = Command::shell("echo one >&3; echo two >&3; echo out");
        let answer = run_with_status(&command, &mut |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(answer.stdout, "out\n");
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_sensitive_command_shows_nothing() {
        let mut command = Command::shell("echo canary; exit 1");
        command.sensitive = true;
        let answer = run(&command).unwrap();
        assert!(!check(&command, answer).unwrap_err().to_string().contains("canary"));
    }
}
