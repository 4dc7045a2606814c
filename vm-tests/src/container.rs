//! Throwaway containers.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;

use crate::cache::{self, Artefact};
use crate::command::{Command, Output, Running};
use crate::error::{Error, Result};
use crate::host::{announce, need, require_root};
use crate::repository::{FORGET_APT_SOURCES, Repository};
use crate::snapshot::Snapshot;

/// How long a container may take to come up; it needs a third of a second on an idle machine.
const BOOT_LIMIT: Duration = Duration::from_secs(120);

/// The script that holds a container.
const LEASH: &str = include_str!("leash.sh");

/// What a container is to be, before it starts.
#[derive(Clone, Debug)]
pub struct ContainerOptions {
    root: Artefact,
    booted: bool,
    network: bool,
    space: String,
    binds: Vec<String>,
    repositories: Vec<Repository>,
    program: bool,
}

impl ContainerOptions {
    /// Runs no init: there is no /run/systemd/system, as in a chroot or while an image is built.
    pub fn without_init(mut self) -> Self {
        self.booted = false;
        self
    }

    /// Shares the host's network. Without it there is loopback only.
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Limits what the container may write in all, as in `64m`: it then finds its disk full.
    pub fn disk_size(mut self, size: &str) -> Self {
        self.space = format!("size={size}");
        self
    }

    /// Keeps what the container writes on the host's disk, if that can, instead of in memory, where fsync costs nothing.
    pub fn on_disk(mut self) -> Self {
        self.space = "disk".to_owned();
        self
    }

    /// Shows a file or directory of the host at `target`, read-only.
    pub fn bind(mut self, source: impl AsRef<Path>, target: &str) -> Self {
        self.binds.push(format!("--bind-ro={}:{target}", escaped(source.as_ref())));
        self
    }

    /// Shows a directory of the host at `target`, writable.
    pub fn bind_writable(mut self, source: impl AsRef<Path>, target: &str) -> Self {
        self.binds.push(format!("--bind={}:{target}", escaped(source.as_ref())));
        self
    }

    /// Puts the program at /usr/local/bin/brasa, with the link chef-solo beside it.
    pub fn brasa(mut self, binary: impl AsRef<Path>) -> Self {
        self.program = true;
        self.bind(binary, "/usr/local/bin/brasa")
    }

    /// Uses a local repository. With an apt repository, the root's own sources are taken away.
    pub fn repository(mut self, repository: &Repository) -> Self {
        self.repositories.push(repository.clone());
        self.bind(repository.artefact().path(), &repository.mount_point())
    }

    /// Starts the container and waits until it can be used.
    ///
    /// # Errors
    /// [`Error::NotRoot`]; [`Error::Container`] with the console's text if it does not come up.
    pub fn start(self) -> Result<Container> {
        require_root("starting a container")?;
        need(&[("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux"), ("unshare", "util-linux")])?;
        let container = Container::launch(&self)?;
        let mut setup = String::from("set -e\n");
        if self.program {
            setup.push_str("ln -s brasa /usr/local/bin/chef-solo\n");
        }
        if self.repositories.iter().any(Repository::is_apt) {
            setup.push_str(FORGET_APT_SOURCES);
        }
        for repository in &self.repositories {
            setup.push_str(&repository.setup());
        }
        let done = container.run(["sh", "-c", &setup]);
        if done.code == 0 { Ok(container) } else { Err(container.failure(&format!("setting it up: {done}"))) }
    }

    fn arguments(&self, name: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["--register=no", "--keep-unit", "--quiet", "--link-journal=no", "--setenv=LAB=1"]
                .map(str::to_owned)
                .into();
        arguments.push(format!("--machine={name}"));
        if self.network {
            arguments.push("--resolv-conf=replace-host".to_owned());
        } else {
            arguments.extend(["--private-network", "--resolv-conf=off"].map(str::to_owned));
        }
        arguments.extend(self.binds.iter().cloned());
        if self.booted {
            arguments.extend(["--boot", "--console=read-only"].map(str::to_owned));
        } else {
            arguments.extend(["--as-pid2", "--console=pipe", "sh", "-c"].map(str::to_owned));
            arguments.push(format!(": >{READY} && exec sleep infinity"));
        }
        arguments
    }
}

/// What a container without an init makes when it is there.
const READY: &str = "/run/lab-ready";

/// A path in the form of nspawn's options, where a colon separates.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace(':', "\\:")
}

/// A running container. Dropping it kills every process in it and leaves no mount and no file.
#[derive(Debug)]
pub struct Container {
    leash: Child,
    leader: u32,
    name: String,
    root: Artefact,
    console: File,
    // What it is bound to must stay on the disk.
    _repositories: Vec<Repository>,
}

impl Container {
    /// A container of this root: booted with systemd, without a network, in memory, unless told otherwise.
    pub fn of(root: Artefact) -> ContainerOptions {
        ContainerOptions {
            root,
            booted: true,
            network: false,
            space: "size=90%".to_owned(),
            binds: Vec::new(),
            repositories: Vec::new(),
            program: false,
        }
    }

    fn launch(options: &ContainerOptions) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lab-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = cache::directory()?.join("containers").join(&name);
        cache::remove(&directory)?;
        fs::create_dir_all(&directory).map_err(Error::io(format!("make `{}`", directory.display())))?;
        let console = buffer("console")?;
        let mut leash = process::Command::new("unshare");
        leash.args(["--mount", "--propagation", "private", "bash", "-c", LEASH, "leash"]);
        leash.arg(&directory).arg(options.root.path()).arg(&options.space).args(options.arguments(&name));
        leash.stdin(Stdio::piped()).stdout(shared(&console)?).stderr(shared(&console)?);
        // Its own group: an interrupt at the terminal ends the test, whose end then ends the container in order.
        let leash = leash.process_group(0).spawn().map_err(Error::io("start `unshare`"))?;
        let mut container = Self {
            leash,
            leader: 0,
            name,
            root: options.root.clone(),
            console,
            _repositories: options.repositories.clone(),
        };
        container.await_leader(options.booted)?;
        container.confirm_inside()?;
        if options.booted {
            // `degraded` is not for the lab to judge.
            container.run(["systemctl", "is-system-running", "--wait"]);
        }
        Ok(container)
    }

    /// Reboots it, and waits until it can be used again. What was in memory alone, as `/run` and `/tmp`, is gone then.
    ///
    /// # Errors
    /// [`Error::Container`] with the console's text if it does not come up again.
    ///
    /// # Panics
    /// As [`Container::run`].
    pub fn reboot(&mut self) -> Result<()> {
        let before = PathBuf::from(format!("/proc/{}", self.leader));
        self.run(["systemctl", "--no-block", "reboot"]);
        let started = Instant::now();
        while before.exists() {
            if started.elapsed() > BOOT_LIMIT {
                return Err(self.failure(&format!("it did not go down in {} s", BOOT_LIMIT.as_secs())));
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.await_leader(true)?;
        self.confirm_inside()?;
        self.run(["systemctl", "is-system-running", "--wait"]);
        Ok(())
    }

    /// Waits until the container's first process is there and takes commands.
    fn await_leader(&mut self, booted: bool) -> Result<()> {
        let started = Instant::now();
        loop {
            for nspawn in children(self.leash.id()).into_iter().filter(|&pid| is_nspawn(pid)) {
                for leader in children(nspawn) {
                    let inside = PathBuf::from(format!("/proc/{leader}/root"));
                    let ready = if booted {
                        let socket = fs::symlink_metadata(inside.join("run/systemd/private"));
                        socket.is_ok_and(|about| about.file_type().is_socket())
                    } else {
                        inside.join(&READY[1..]).exists()
                    };
                    if ready {
                        self.leader = leader;
                        return Ok(());
                    }
                }
            }
            let ended = self.leash.try_wait().map_err(Error::io("wait for the container"))?;
            if let Some(status) = ended {
                return Err(self.failure(&format!("it ended with {status}")));
            }
            if started.elapsed() > BOOT_LIMIT {
                return Err(self.failure(&format!("it was not ready after {} s", BOOT_LIMIT.as_secs())));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Makes sure that commands really run in the container, before one is run that could harm the host.
    fn confirm_inside(&self) -> Result<()> {
        let looking = || Error::io("look at the container's root");
        let own = fs::metadata(format!("/proc/{}/root/", self.leader)).map_err(looking())?;
        let host = fs::metadata("/").map_err(looking())?;
        let expected = format!("{} {}\n", own.dev(), own.ino());
        let seen = self.run(["stat", "-c", "%d %i", "/"]);
        if (own.dev(), own.ino()) == (host.dev(), host.ino()) || seen.stdout != expected {
            return Err(self.failure(&format!("commands would not run inside it: {seen}, expected {expected}")));
        }
        Ok(())
    }

    fn failure(&self, reason: &str) -> Error {
        Error::Container { root: self.root.name().to_owned(), reason: reason.to_owned(), console: text(&self.console) }
    }

    /// Its name on the host. Inside, every machine is `machine.example.com`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the root it was made of.
    pub fn root_name(&self) -> &str {
        self.root.name()
    }

    /// The host's process id of the container's first process.
    pub fn leader(&self) -> u32 {
        self.leader
    }

    /// What the console has shown since the start.
    pub fn console(&self) -> String {
        text(&self.console)
    }

    /// A command to be run in the container, with root's usual environment.
    pub fn command<Word: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = Word>) -> Command<'_> {
        Command::new(self, words)
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// If the container is gone or the command outlasts ten minutes; a failing command is for the caller to judge.
    #[track_caller]
    pub fn run<Word: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = Word>) -> Output {
        self.command(words).run()
    }

    /// Runs a command with no environment at all, as `env -i` does: its path has to be absolute.
    ///
    /// # Panics
    /// As [`Container::run`].
    #[track_caller]
    pub fn run_bare_env<Word: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = Word>) -> Output {
        self.command(words).bare_env().run()
    }

    /// Runs a shell script.
    ///
    /// # Panics
    /// As [`Container::run`].
    #[track_caller]
    pub fn sh(&self, script: &str) -> Output {
        self.run(["sh", "-c", script])
    }

    /// Waits until a condition of the shell holds, for two minutes at most.
    ///
    /// # Panics
    /// If it never does.
    #[track_caller]
    pub fn until(&self, condition: &str) {
        let script = format!("until {condition}; do sleep 0.02; done");
        self.run(["timeout", "120", "sh", "-c", &script]).success();
    }

    /// Starts a command and leaves it running.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn spawn<Word: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = Word>) -> Running<'_> {
        self.command(words).spawn()
    }

    /// Writes a file, making the directories above it.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let script = r#"mkdir -p "$(dirname "$1")" && cat >"$1""#;
        self.command(["sh", "-c", script, "write", path]).stdin(content).run().success();
    }

    /// Reads a text file.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        self.run(["cat", path]).success().stdout
    }

    /// Whether there is anything at this path, be it a link that leads nowhere.
    #[track_caller]
    pub fn exists(&self, path: &str) -> bool {
        self.run(["sh", "-c", r#"[ -e "$1" ] || [ -L "$1" ]"#, "exists", path]).code == 0
    }

    /// Copies a file or a tree of the host to `target`, which becomes root's.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn copy_in(&self, source: impl AsRef<Path>, target: &str) {
        let source = source.as_ref();
        for entry in walkdir::WalkDir::new(source).sort_by_file_name() {
            let entry = entry.unwrap_or_else(|error| panic!("cannot read `{}`: {error}", source.display()));
            let below = entry.path().strip_prefix(source).expect("an entry lies below its tree");
            let path = if below.as_os_str().is_empty() { target.into() } else { Path::new(target).join(below) };
            let path = path.to_str().expect("the lab's own file names are text");
            if entry.file_type().is_dir() {
                self.run(["mkdir", "-p", path]).success();
            } else {
                let content = fs::read(entry.path());
                self.write(
                    path,
                    content.unwrap_or_else(|error| panic!("cannot read `{}`: {error}", entry.path().display())),
                );
                use std::os::unix::fs::PermissionsExt as _;
                let about =
                    entry.metadata().unwrap_or_else(|error| panic!("cannot read `{}`: {error}", source.display()));
                self.run(["chmod", &format!("{:o}", about.permissions().mode() & 0o7777), path]).success();
            }
        }
    }

    /// Everything in the places that a run might touch: see [`Snapshot`].
    ///
    /// # Panics
    /// If they cannot be read.
    #[track_caller]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.leash.stdin.take());
        match self.leash.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => announce(&format!("container {} ended with {status}: {}", self.name, text(&self.console))),
            Err(error) => announce(&format!("cannot wait for container {}: {error}", self.name)),
        }
    }
}

/// The children of a process. None if it is gone.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn is_nspawn(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "systemd-nspawn")
}

/// A file in memory for a process to write into. Unlike a pipe it needs no reader and no end: a daemon that inherited it
/// and lives on does not make the lab wait.
pub(crate) fn buffer(name: &str) -> Result<File> {
    let file = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC);
    Ok(File::from(file.map_err(|error| Error::Io { doing: "make a buffer in memory".into(), source: error.into() })?))
}

/// The same buffer as a process's output.
pub(crate) fn shared(buffer: &File) -> Result<Stdio> {
    Ok(Stdio::from(buffer.try_clone().map_err(Error::io("share a buffer"))?))
}

/// What was written into a buffer so far. Reads without moving the place where the writer goes on.
pub(crate) fn text(buffer: &File) -> String {
    struct FromStart<'a>(&'a File, u64);
    impl std::io::Read for FromStart<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.read_at(into, self.1)?;
            self.1 += count as u64;
            Ok(count)
        }
    }
    let mut bytes = Vec::new();
    FromStart(buffer, 0).read_to_end(&mut bytes).expect("memory can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
