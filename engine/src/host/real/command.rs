//! Running commands: no terminal, a process group of their own, a deadline, bounded output.
//!
//! On `std::process` and not on duct: duct reads a command's output until the last holder of the pipe closes it, so a daemon
//! that a command starts would hold us for ever, and it knows no process groups.
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
    host::{Answer, Command, User, environment::Endable},
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
/// How often is looked whether a signal asks to end a command.
const TICK: Duration = Duration::from_millis(100);
/// Pieces of output on their way at most: a flood waits in the command's pipe, not in our memory.
const QUEUE: usize = 64;
/// Longest status line that is handed on.
const LINE: usize = 64 * 1024;

/// Runs a command to its end. A program that does not exist is the answer 127.
///
/// # Errors
/// No such user or working directory; the deadline passed (the whole process group is ended then).
pub fn run(command: &Command) -> Result<Answer> {
    Running::start(command)?.finish(&mut |_| {})
}

/// Runs a command of the recipe's: a second signal that asks to stop ends it, with its whole process group.
///
/// # Errors
/// As [`run`]; [`Error::Interrupted`] when it was ended so.
pub fn run_endable(command: &Command) -> Result<Answer> {
    let endable = Endable::begin();
    let mut running = Running::start(command)?;
    running.endable = Some(endable);
    running.finish(&mut |_| {})
}

/// Runs a command that writes progress lines to its descriptor 3, as apt does; `line` is handed each of them as it comes.
///
/// # Errors
/// As [`run`].
pub fn run_with_status(command: &Command, line: &mut dyn FnMut(&str)) -> Result<Answer> {
    let pipe = |error: rustix::io::Errno| Error::failed(format!("cannot make a pipe: {error}"));
    // The write end must outlive exec, the read end must not leak into the command.
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(pipe)?;
    rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).map_err(pipe)?;
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
    say: mpsc::SyncSender<Heard>,
    started: Instant,
    missing: bool,
    /// Streams that may still say something.
    open: usize,
    /// Whether a signal may end it.
    endable: Option<Endable>,
}

impl<'c> Running<'c> {
    fn start(command: &'c Command) -> Result<Self> {
        let (say, heard) = mpsc::sync_channel(QUEUE);
        let mut running = Self {
            command,
            group: Pid::from_raw(0),
            heard,
            say,
            started: Instant::now(),
            missing: false,
            open: 2,
            endable: None,
        };
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
            Err(error) => {
                let program = command.argv.first().map_or("", String::as_str);
                let not_there = error.kind() == std::io::ErrorKind::NotFound;
                if not_there && process.get_program() == SETPRIV {
                    return Err(Error::Unsupported(format!(
                        "`{command}` is to run as another user, and that takes `{SETPRIV}` (package util-linux), which is \
                         not here"
                    )));
                }
                if not_there && !(program.contains('/') && directory.join(program).exists()) {
                    running.missing = true;
                    return Ok(running);
                }
                let how = if not_there {
                    "could not be started: the interpreter that its first line names does not exist".to_owned()
                } else {
                    format!("could not be started: {error}")
                };
                return Err(Error::Command { command: command.to_string(), how, output: String::new() });
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
            let mut reader = BufReader::new(File::from(reader));
            let mut line = Vec::new();
            while let Ok(1..) = (&mut reader).take(LINE as u64).read_until(b'\n', &mut line) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
                line.clear();
                if say.send(Heard::Status(text)).is_err() {
                    return;
                }
            }
            say.send(Heard::Closed).unwrap_or_default();
        });
    }

    fn finish(self, line: &mut dyn FnMut(&str)) -> Result<Answer> {
        if self.missing {
            let program = self.command.argv.first().map_or("", String::as_str);
            tracing::debug!("command `{}` was not run: there is no `{program}`", self.command);
            return Ok(Answer { code: 127, stdout: String::new(), stderr: format!("{program}: no such program") });
        }
        let (mut out, mut error) = (Capped::default(), Capped::default());
        let mut open = self.open;
        let mut status = None;
        let mut deadline = after(self.started, self.command.timeout.into());
        let mut asked = Asked::Nothing;
        let mut ended_by = None;
        while status.is_none() || open > 0 {
            // Looked at before the queue: a command that never stops printing never leaves it empty.
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if self.endable.is_some() { left.min(TICK) } else { left };
            let heard = if left.is_zero() { Err(RecvTimeoutError::Timeout) } else { self.heard.recv_timeout(wait) };
            if status.is_none()
                && let Some(signal) = self.endable.as_ref().and_then(Endable::asked)
            {
                // Asked once more, it need not be patient.
                deadline = if ended_by.is_none() { Instant::now() + MERCY } else { Instant::now() };
                if asked == Asked::Nothing {
                    asked = Asked::ToEnd;
                    killpg(self.group, Signal::SIGTERM).unwrap_or_default();
                }
                ended_by = Some(signal);
            }
            match heard {
                // Only a look at what signals ask for.
                Err(RecvTimeoutError::Timeout) if wait < left => {}
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
                // Killed and still not gone: the kernel holds it (a dead network disk). Nothing is left to try.
                Err(RecvTimeoutError::Timeout) if asked == Asked::Killed => break,
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
            if let Some(signal) = ended_by {
                return Err(Error::Interrupted(signal));
            }
            let said = || last_lines(&self.command.without_secrets(&(out.text() + &error.text())));
            let output = if self.command.sensitive { String::new() } else { said() };
            return Err(Error::Timeout {
                what: format!("command `{}`", self.command),
                limit: self.command.timeout,
                output,
            });
        }
        let code =
            status.map_or(-1, |status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
        let took = self.started.elapsed().as_millis();
        tracing::debug!("command `{}` ended with {code} after {took} ms", self.command);
        Ok(Answer { code, stdout: out.text(), stderr: error.text() })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    ToEnd,
    Killed,
}

/// A point in time that no span of seconds, however long, makes overflow.
fn after(start: Instant, span: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    start.checked_add(span.min(CENTURY)).unwrap_or(start)
}

/// The program of util-linux that changes user and groups. Doing so here would take unsafe code between fork and exec.
const SETPRIV: &str = "setpriv";

/// The process to start: environment, and wrappers for user and umask.
fn process(command: &Command) -> Result<process::Command> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(Error::failed("a command needs a program"));
    };
    let user = command.user.as_deref().map(|name| user(name, command)).transpose()?;
    let mut argv: Vec<String> = Vec::new();
    if let Some(user) = &user {
        let group = command.group.clone().or_else(|| user.group.clone()).unwrap_or_default();
        argv.extend([SETPRIV.to_owned(), format!("--reuid={}", user.name), "--init-groups".to_owned()]);
        argv.extend([format!("--regid={group}"), "--".to_owned()]);
    } else if let Some(group) = &command.group {
        argv.extend([SETPRIV.to_owned(), format!("--regid={group}"), "--keep-groups".to_owned(), "--".to_owned()]);
    }
    if let Some(umask) = command.umask {
        let set = format!("umask {umask} && exec \"$@\"");
        argv.extend(["/bin/sh".to_owned(), "-c".to_owned(), set, "sh".to_owned()]);
    }
    argv.push(program.clone());
    argv.extend(arguments.iter().cloned());
    let mut process = process::Command::new(&argv[0]);
    process.args(&argv[1..]);
    process.env("PATH", path(&std::env::var("PATH").unwrap_or_default()));
    process.env("LC_ALL", "C.UTF-8").env_remove("LANG").env_remove("LANGUAGE");
    if std::env::var_os("HOME").is_none_or(|home| home.is_empty()) {
        process.env("HOME", if rustix::process::geteuid().is_root() { "/root" } else { "/" });
    }
    if let Some(user) = &user {
        let home = user.home.as_deref().unwrap_or(Path::new("/"));
        process.env("HOME", home).env("USER", &user.name).env("LOGNAME", &user.name);
    }
    process.envs(&command.environment);
    Ok(process)
}

/// What was inherited, then the usual directories that it lacks. A relative part would be looked for wherever the command
/// happens to run, so it goes.
fn path(inherited: &str) -> String {
    let inherited: Vec<&str> = inherited.split(':').filter(|part| part.starts_with('/')).collect();
    let lacking = PATH.split(':').filter(|directory| !inherited.contains(directory));
    inherited.iter().copied().chain(lacking).collect::<Vec<_>>().join(":")
}

fn user(name: &str, command: &Command) -> Result<User> {
    super::accounts::Accounts::read(Path::new("/"))?.user(name)?.ok_or_else(|| Error::Missing {
        kind: "user",
        name: name.to_owned(),
        why: Some(format!("`{command}` is to run as this user")),
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
        // No signal has a higher number; 255 is how perl, php and ssh say that they failed.
        code @ 129..=192 => format!("was ended by signal {}", code - 128),
        code if command.returns == [0] => format!("exited with {code}"),
        code => format!("exited with {code}; expected is one of {:?}", command.returns),
    };
    let output = if command.sensitive {
        "(not shown: sensitive)".to_owned()
    } else {
        last_lines(&command.without_secrets(&format!("{}\n{}", answer.stdout, answer.stderr)))
    };
    Err(Error::Command { command: command.to_string(), how, output })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{check, path, run, run_with_status};
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
        let answer = run(&Command::shell("sleep 30 & echo $!")).unwrap();
        assert!(started.elapsed() < Duration::from_secs(20), "it waited for the daemon");
        let daemon = answer.stdout.trim();
        let ended = run(&Command::shell(format!("kill {daemon}"))).unwrap();
        assert_eq!(ended.code, 0, "a daemon that a command started in time is left alone: {ended:?}");
    }

    #[test]
    fn a_daemon_that_never_stops_printing_does_not_hold_us() {
        let started = Instant::now();
        let answer = run(&Command::shell("yes & echo $! >&2")).unwrap();
        assert!(started.elapsed() < Duration::from_secs(20), "it listened to the daemon");
        assert_eq!(answer.code, 0);
        let daemon = answer.stderr.lines().next().unwrap().to_owned();
        run(&Command::shell(format!("kill {daemon} 2>&1 || true"))).unwrap();
    }

    #[test]
    fn a_flood_without_end_meets_the_deadline() {
        let started = Instant::now();
        let mut command = Command::new(["yes"]);
        command.timeout = Seconds(1);
        let error = run(&command).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(15), "the flood outran the deadline");
    }

    #[test]
    fn no_deadline_is_too_far_away() {
        let mut command = Command::new(["true"]);
        command.timeout = Seconds(u64::MAX);
        assert!(run(&command).unwrap().success());
    }

    #[test]
    fn an_empty_environment_still_has_the_usual_directories() {
        assert_eq!(path(""), super::PATH);
        assert_eq!(path(".:bin::/opt/bin:/usr/bin"), {
            "/opt/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin"
        });
    }

    #[test]
    fn how_it_ended_is_told_as_it_was() {
        for (line, how) in [("exit 255", "exited with 255"), ("kill -9 $$", "was ended by signal 9")] {
            let command = Command::shell(line);
            let error = check(&command, run(&command).unwrap()).unwrap_err();
            assert_eq!(error.to_string(), format!("command `{line}` {how}"));
        }
    }

    #[test]
    fn a_missing_interpreter_is_not_a_missing_program() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = run(&Command::new([script.display().to_string()])).unwrap_err().to_string();
        assert!(error.ends_with("could not be started: the interpreter that its first line names does not exist"));
    }

    #[test]
    fn a_user_that_is_not_there_is_named() {
        let mut command = Command::new(["true"]);
        command.user = Some("no-such-user-here".into());
        let error = run(&command).unwrap_err().to_string();
        assert_eq!(error, "user `no-such-user-here` does not exist: `true` is to run as this user");
    }

    /// Only root may become somebody else; anybody else is refused, and told so.
    #[test]
    fn a_command_runs_as_the_user_asked_for() {
        let mut command = Command::shell("id -un; echo $USER $LOGNAME $HOME; id -G");
        command.user = Some("daemon".into());
        let answer = run(&command).unwrap();
        if rustix::process::geteuid().is_root() {
            let lines: Vec<&str> = answer.stdout.lines().collect();
            assert_eq!(lines[0], "daemon", "{answer:?}");
            assert!(lines[1].starts_with("daemon daemon /"), "{answer:?}");
            assert!(!lines[2].split(' ').any(|group| group == "0"), "root's groups are gone: {answer:?}");
        } else {
            assert_ne!(answer.code, 0);
        }
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
