//! The system's own `ssh`: settings, agents and jump hosts of the user work as they always do.
//!
//! A server that was made here is known by its name and not by its address: its host key was made before it was, and stands in a
//! file of known hosts of its own. So a recycled address raises no alarm, and another key is never taken.
use std::path::{Path, PathBuf};

use brasa::{
    Error,
    host::{
        disk, environment,
        tool::{Ended, Input, Output, Tool},
    },
    values::Digest,
};

use super::record::Record;
use crate::failure::Failure;

/// The file of known hosts in a server's directory.
pub const KNOWN_HOSTS: &str = "known_hosts";
/// The private key in a server's directory by which its maker logs in.
pub const LOGIN_KEY: &str = "login";

/// Bytes of a socket's path, with what ssh adds to it while it makes one.
///
/// Source: unix(7), `sun_path`; ssh appends `.` and 16 characters.
const LONGEST_SOCKET: usize = 104 - 17;

/// Lists of what was put there before, each called by its directory's path: who is root there has the machine anyway.
const UPLOADED: &str = "/var/lib/brasa/uploaded";

/// Seconds for a command that only looks or moves something.
const SHORT: u64 = 120;
/// Seconds for a file to get there.
const UPLOAD: u64 = 1800;
/// The exit code by which ssh tells of itself and not of the command.
///
/// Source: ssh(1), "EXIT STATUS".
const OF_SSH: i32 = 255;

/// What a user may have set for a machine and what is in the way of a command.
const NO_SESSION: [&str; 3] = ["RequestTTY=no", "RemoteCommand=none", "ForwardX11=no"];

/// A machine that is reached by SSH.
pub struct Ssh {
    /// Settings, as ssh_config(5) has them.
    options: Vec<String>,
    /// Key, port and user, and the host at the end.
    target: Vec<String>,
    /// What it is called in messages.
    name: String,
    /// Words before a command that root must run.
    sudo: &'static str,
}

impl Ssh {
    /// A server with a record in `directory`: nothing of the user's known hosts is read or written.
    pub fn to(record: &Record, directory: &Path) -> Self {
        let (host, port) = record.ssh.clone().unwrap_or_default();
        let known = directory.join(KNOWN_HOSTS);
        let key = record.ssh_key.clone().unwrap_or_else(|| directory.join(LOGIN_KEY));
        let mut ssh = Self::with_options(
            &[
                ("HostKeyAlias", record.fqdn.clone()),
                ("UserKnownHostsFile", quoted(&known)),
                ("GlobalKnownHostsFile", "/dev/null".to_owned()),
                ("StrictHostKeyChecking", "yes".to_owned()),
                ("CheckHostIP", "no".to_owned()),
                ("UpdateHostKeys", "no".to_owned()),
                ("VerifyHostKeyDNS", "no".to_owned()),
                ("IdentitiesOnly", "yes".to_owned()),
                ("BatchMode", "yes".to_owned()),
                ("ConnectTimeout", "10".to_owned()),
            ],
            &record.name,
        );
        ssh.share(&directory.join(format!("ssh-{}", record.token.get(..8).unwrap_or_default())), &record.token);
        let port = port.to_string();
        let key = key.to_string_lossy().replace('%', "%%");
        ssh.target = ["-i", &key, "-p", &port, "-l", &record.user, "--", &host].map(str::to_owned).to_vec();
        if record.user != "root" {
            ssh.sudo = "sudo -n ";
        }
        ssh
    }

    /// Any machine, by the user's own settings. `sockets` is a private directory for the connection that is shared.
    pub fn of(host: &str, port: Option<u16>, sockets: &Path, id: &str) -> Self {
        let mut ssh = Self::with_options(&[], host);
        ssh.share(&sockets.join(format!("ssh-{}", id.get(..8).unwrap_or_default())), id);
        if let Some(port) = port {
            ssh.target.extend(["-p".to_owned(), port.to_string()]);
        }
        ssh.target.extend(["--".to_owned(), host.to_owned()]);
        // Who logs in is settled by the user's settings: the machine knows.
        ssh.sudo = "$(test \"$(id -u)\" = 0 || echo sudo -n) ";
        ssh
    }

    fn with_options(options: &[(&str, String)], name: &str) -> Self {
        let options = options.iter().map(|(name, value)| format!("{name}={value}"));
        let options = options.chain(["ServerAliveInterval=15".to_owned()]).collect();
        Self { options, target: Vec::new(), name: name.to_owned(), sudo: "" }
    }

    /// `ssh` with these settings before its own.
    fn argv(&self, before: &[&str]) -> Vec<String> {
        let options = before.iter().copied().chain(self.options.iter().map(String::as_str));
        let options = options.flat_map(|option| ["-o", option]);
        std::iter::once("ssh").chain(options).chain(self.target.iter().map(String::as_str)).map(str::to_owned).collect()
    }

    /// The words that run a line of shell there as root.
    fn command(&self, line: &str) -> Vec<String> {
        let mut argv = self.argv(&NO_SESSION);
        argv.push(self.as_root(line));
        argv
    }

    /// Shares one connection. It skips the look at the host key as long as it lives, so its socket is called by the server's id.
    fn share(&mut self, socket: &Path, id: &str) {
        let runtime = environment::var("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let elsewhere = runtime.map(|runtime| runtime.join(format!("brasa-{}", id.get(..16).unwrap_or(id))));
        let fits = |path: &PathBuf| path.as_os_str().len() <= LONGEST_SOCKET;
        let Some(socket) = Some(socket.to_owned()).filter(fits).or(elsewhere.filter(fits)) else { return };
        let path = format!("ControlPath={}", quoted(&socket));
        self.options.extend(["ControlMaster=auto", &path, "ControlPersist=60"].map(str::to_owned));
    }

    /// Ends the shared connection. That there is none is as good.
    pub fn close(&self) {
        let mut argv = self.argv(&[]);
        argv.splice(1..1, ["-O".to_owned(), "exit".to_owned()]);
        if let Err(error) = Tool::new(&argv, 10).run() {
            tracing::debug!("the connection to `{}` was not closed: {error}", self.name);
        }
    }

    /// Runs a line of shell as root and hands back how it ended. 255 is ssh's own: the line itself never ends so.
    fn ask(&self, line: &str, input: Input<'_>, seconds: u64) -> Result<Ended, Error> {
        let argv = self.command(line);
        tracing::debug!("on `{}`: {line}", self.name);
        Tool { input, ..Tool::new(&argv, seconds) }.run()
    }

    fn as_root(&self, line: &str) -> String {
        let told = format!("({line}); code=$?; test $code != {OF_SSH} || code=254; exit $code");
        format!("{}sh -c {}", self.sudo, shell_word(&told))
    }

    /// Runs a line of shell as root, which must succeed; hands back what it printed.
    ///
    /// # Errors
    /// As [`Trouble`] tells them; that it failed.
    pub fn run(&self, line: &str, what: &str) -> Result<String, Failure> {
        self.fed(line, Input::Nothing, SHORT, what)
    }

    fn fed(&self, line: &str, input: Input<'_>, seconds: u64, what: &str) -> Result<String, Failure> {
        let ended = self.ask(line, input, seconds).map_err(no_ssh)?;
        match ended.code {
            0 => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
            OF_SSH => Err(Trouble::of(&ended.stderr).failure(&self.name, &ended.stderr)),
            code => {
                let said = last_line(&ended.stderr);
                Err(if is_of_sudo(&said) {
                    Trouble::NotRoot.failure(&self.name, &said)
                } else {
                    Failure::failed(format!("`{}`: {what} failed ({code}){}", self.name, after_colon(&said)))
                })
            }
        }
    }

    /// Tries to connect once, and says what the machine answers to a line of shell.
    ///
    /// # Errors
    /// What stood in the way, with ssh's words.
    pub fn attempt(&self, line: &str, seconds: u64) -> Result<Result<Ended, (Trouble, String)>, Failure> {
        match self.ask(line, Input::Nothing, seconds) {
            Ok(ended) if ended.code == OF_SSH => Ok(Err((Trouble::of(&ended.stderr), last_line(&ended.stderr)))),
            Ok(ended) => Ok(Ok(ended)),
            Err(Error::Timeout { limit, .. }) => {
                // What hangs on a connection hangs on what shares it.
                self.close();
                Ok(Err((Trouble::Silent, format!("nothing came back within {limit}"))))
            }
            Err(error) => Err(no_ssh(error)),
        }
    }

    /// Whether a new connection succeeds by these known hosts alone.
    ///
    /// # Errors
    /// That there is no ssh.
    pub fn shows(&self, known: &Path) -> Result<bool, Failure> {
        let known = format!("UserKnownHostsFile={}", quoted(known));
        let [tty, command, x11] = NO_SESSION;
        let mut argv = self.argv(&[&known, "ControlPath=none", "ControlMaster=no", tty, command, x11]);
        argv.push("true".to_owned());
        Ok(Tool::new(&argv, 60).run().map_err(no_ssh)?.code == 0)
    }

    /// Runs a line of shell as root with its output shown as it comes; its exit code.
    ///
    /// # Errors
    /// That the connection was lost or never came about.
    pub fn stream(&self, line: &str, output: Output) -> Result<u8, Failure> {
        let argv = self.command(line);
        let tool = Tool { output, limit: None, ..Tool::new(&argv, 0) };
        match tool.run().map_err(no_ssh)?.code {
            OF_SSH => {
                let message = format!("the connection to `{}` was lost, or never came about", self.name);
                Err(Failure::unavailable(message).hint("what runs there goes on, or has ended; run it again to see"))
            }
            code => Ok(u8::try_from(code).unwrap_or(1)),
        }
    }

    /// Hands the terminal over: a shell, or a command as the user wrote it.
    ///
    /// # Errors
    /// That there is no ssh.
    pub fn session(&self, words: &[String]) -> Result<u8, Failure> {
        // A shell is asked questions; of two settings of one name ssh takes the first.
        let mut argv = self.argv(&["BatchMode=no"]);
        argv.extend(words.iter().cloned());
        let tool = Tool { input: Input::Ours, output: Output::Shown, limit: None, ..Tool::new(&argv, 0) };
        Ok(u8::try_from(tool.run().map_err(no_ssh)?.code).unwrap_or(1))
    }

    /// Puts bytes into a file of this mode: beside it first, whole, then in its place.
    ///
    /// # Errors
    /// What the machine refused.
    pub fn put(&self, path: &str, mode: u32, bytes: &[u8], private: bool) -> Result<(), Failure> {
        self.upload(path, mode, Input::Bytes(bytes), bytes.len() as u64, private)
    }

    /// The same with a file from here.
    ///
    /// # Errors
    /// As [`Ssh::put`].
    pub fn put_file(&self, path: &str, mode: u32, from: &Path, private: bool) -> Result<(), Failure> {
        let size = disk::size(from)?;
        self.upload(path, mode, Input::File(from), size, private)
    }

    /// A connection that is lost ends the stream early, and looks like the end of the file: so the size is told.
    fn upload(&self, path: &str, mode: u32, input: Input<'_>, size: u64, private: bool) -> Result<(), Failure> {
        let directory = match path.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((directory, _)) => directory,
        };
        let (path, directory) = (shell_word(path), shell_word(directory));
        let (mask, mask_of_file) = (if private { "077" } else { "022" }, "077");
        let line = format!(
            "set -e; umask {mask}; mkdir -p {directory}; umask {mask_of_file}; new=$(mktemp {path}.XXXXXX); \
             trap 'rm -f \"$new\"' EXIT; cat >\"$new\"; test \"$(wc -c <\"$new\")\" -eq {size} || {{ echo it came incomplete >&2; \
             exit 1; }}; chmod {mode:o} \"$new\"; mv -f \"$new\" {path}"
        );
        self.fed(&line, input, UPLOAD, &format!("putting {path} there")).map(drop)
    }

    /// Puts a directory there, with all that is in it. What was put there before and is no longer in it goes; what others put
    /// there stays.
    ///
    /// # Errors
    /// As [`Ssh::put`]; that there is no `tar` here.
    pub fn put_tree(&self, path: &str, from: &Path, private: bool) -> Result<(), Failure> {
        let pack = ["tar", "-C", &from.to_string_lossy(), "--owner=0", "--group=0", "-cf", "-", "."].map(str::to_owned);
        let target = shell_word(path);
        let mask = if private { "077" } else { "022" };
        let line =
            format!("umask {mask}; mkdir -p {target} && tar -C {target} --no-same-permissions -xf - && cat >/dev/null");
        let mut names = Vec::new();
        names_in(from, ".", &mut names)?;
        let argv = self.command(&line);
        let ended = Tool { input: Input::Of(&pack), ..Tool::new(&argv, UPLOAD) }.run()?;
        match ended.code {
            0 => self.tidy(path, &(names.join("\n") + "\n")),
            OF_SSH => Err(Trouble::of(&ended.stderr).failure(&self.name, &ended.stderr)),
            code => {
                // The last line of tar's is of no file.
                let first = ended.stderr.lines().find(|line| line.starts_with("tar:")).map(str::to_owned);
                let said = after_colon(&first.unwrap_or_else(|| last_line(&ended.stderr)));
                Err(Failure::failed(format!("`{}`: putting `{path}` there failed ({code}){said}", self.name)))
            }
        }
    }

    /// Removes what an earlier list of a directory has and this one has not: only now that all of it is there.
    fn tidy(&self, path: &str, names: &str) -> Result<(), Failure> {
        let (list, target) = (shell_word(&format!("{UPLOADED}/{}", Digest::of(path.as_bytes()))), shell_word(path));
        let size = names.len();
        // Names are bytes, whatever the locale says of them.
        let line = format!(
            "export LC_ALL=C; umask 077; mkdir -p {UPLOADED} && cat >{list}.new && test \"$(wc -c <{list}.new)\" -eq {size} && \
             cd {target} && {{ test ! -s {list} || grep -Fvx -f {list}.new {list} | sort -r | while IFS= read -r old; do \
             if test -d \"$old\" && test ! -L \"$old\"; then rmdir \"$old\" 2>/dev/null || :; else rm -f -- \"$old\"; fi; \
             done; }} && mv -f {list}.new {list}"
        );
        let what = format!("removing what is no longer in `{path}`");
        self.fed(&line, Input::Bytes(names.as_bytes()), SHORT, &what).map(drop)
    }
}

/// The names of all that is in a directory, `./a` and `./a/b`. One with a line's end in it cannot stand in a list of lines, and is
/// never removed.
fn names_in(directory: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Failure> {
    for name in disk::list(directory)? {
        let path = directory.join(&name);
        let Some(name) = name.to_str().filter(|name| !name.contains('\n')) else { continue };
        let name = format!("{prefix}/{name}");
        if disk::is_directory(&path) && !disk::is_link(&path) {
            names_in(&path, &name, names)?;
        }
        names.push(name);
    }
    Ok(())
}

/// Refuses what cannot be the name of a machine.
///
/// # Errors
/// That it cannot.
pub fn check_host(host: &str) -> Result<(), Failure> {
    if host.is_empty() || host.starts_with('-') || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Failure::usage(format!("`{host}` is no machine's name"))
            .hint("name it as ssh does: HOST, USER@HOST, or a name in ~/.ssh/config"));
    }
    Ok(())
}

/// What stood in the way of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers.
    Silent,
    /// The other side shows another host key, or none that is known.
    WrongHostKey,
    /// It does not let us in.
    NotLetIn,
    /// Who is let in may not become root.
    NotRoot,
    /// The settings of ssh are wrong.
    Settings,
}

impl Trouble {
    /// Judges by what ssh says: its exit code is always the same.
    pub fn of(said: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED", "host key is known for"]) {
            Self::WrongHostKey
        } else if says(&["Permission denied", "Too many authentication failures", "No supported authentication"]) {
            Self::NotLetIn
        } else if says(&["Bad configuration option", "terminating,", "command-line line 0", "Bad owner or permissions"])
        {
            Self::Settings
        } else {
            Self::Silent
        }
    }

    /// As the end of a command.
    pub fn failure(self, name: &str, said: &str) -> Failure {
        let said = after_colon(&last_line(said));
        match self {
            Self::Silent => Failure::unavailable(format!("`{name}` does not answer by SSH{said}"))
                .hint("is it running, and is its SSH port open to this machine?"),
            Self::WrongHostKey => Failure::denied(format!("`{name}` shows another host key than it must have{said}"))
                .hint("it is another machine, or somebody stands between; nothing was sent to it"),
            Self::NotLetIn => Failure::denied(format!("`{name}` does not let us in{said}"))
                .hint("is the key that logs in the one that was put there, and is `user` right?"),
            Self::NotRoot => Failure::denied(format!("`{name}` lets us in, but does not let us become root{said}"))
                .hint("log in as root, or let the user become root by sudo without a password"),
            Self::Settings => Failure::input(format!("ssh does not take its settings{said}"))
                .hint("look into ~/.ssh/config; `ssh -G HOST` shows what is made of it"),
        }
    }
}

/// Whether it is sudo that refused, or is not there. That it cannot look its own host up is no refusal.
fn is_of_sudo(said: &str) -> bool {
    let missing = ["sudo: not found", "sudo: command not found"].iter().any(|words| said.contains(words));
    missing || said.starts_with("sudo: ") && !said.contains("unable to resolve host")
}

fn no_ssh(error: Error) -> Failure {
    match error {
        Error::Missing { kind: "program", .. } => Failure::failed("there is no `ssh` on this machine")
            .hint("install the package openssh-client (openssh-clients)"),
        Error::Timeout { limit, .. } => Failure::unavailable(format!("a command over SSH took longer than {limit}")),
        other => other.into(),
    }
}

/// A path as a value in ssh's settings.
///
/// Source: ssh_config(5): arguments with blanks are quoted, `%` begins a token.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('%', "%%"))
}

/// A word for a POSIX shell.
pub fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The last line that says something.
pub fn last_line(said: &str) -> String {
    said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

/// `: words`, or nothing.
fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// Makes a key pair without a passphrase: `PATH` and `PATH.pub`. Returns the public half, type and key alone.
///
/// # Errors
/// That there is no `ssh-keygen`, or what it says.
pub fn make_key(path: &Path, comment: &str) -> Result<String, Failure> {
    let public = path.with_added_extension("pub");
    disk::remove(path)?;
    disk::remove(&public)?;
    let words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &path.to_string_lossy()];
    let argv: Vec<String> = words.map(str::to_owned).to_vec();
    let ended = Tool::new(&argv, 60).run().map_err(|error| match error {
        Error::Missing { kind: "program", .. } => Failure::failed("there is no `ssh-keygen` on this machine")
            .hint("install the package openssh-client (openssh-clients)"),
        other => other.into(),
    })?;
    if ended.code != 0 {
        return Err(Failure::failed(format!("`ssh-keygen` made no key{}", after_colon(&last_line(&ended.stderr)))));
    }
    public_key(&public)
}

/// Type and key of a public key's file.
///
/// # Errors
/// That it cannot be read or is none.
pub fn public_key(path: &Path) -> Result<String, Failure> {
    let bytes = disk::read_limited(path, 64 << 10)?;
    let bytes = bytes.ok_or_else(|| Failure::input(format!("there is no public key `{}`", path.display())))?;
    let text = String::from_utf8_lossy(&bytes);
    let key = text.split_whitespace().take(2).collect::<Vec<_>>();
    match key.as_slice() {
        [kind, key] if kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-") => {
            Ok(format!("{kind} {key}"))
        }
        _ => Err(Failure::input(format!("`{}` is no public key of SSH", path.display()))
            .hint("name the file that ends in `.pub`; `ssh-keygen -y` makes it of a private key")),
    }
}
