//! Machines that are reached by SSH and need no boot: a root of their own, a real sshd on a port of the host.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cache::{self, Artefact};
use crate::container::{children, shared, text};
use crate::error::{Error, Result};
use crate::host::{need, require_root};
use crate::roots::{CLOUD, root};

/// The script that holds them.
const SCRIPT: &str = include_str!("sshd.sh");

/// How long one may take to come up or to go.
const LIMIT: Duration = Duration::from_secs(60);

/// A place where one machine at a time is. It comes when it is given a host key and who may log in, and goes when the host key is
/// taken away; dropped, all of it goes. `user` in the keys' directory names who logs in, when it is not root, and `sudoers` what
/// that user may do.
#[derive(Debug)]
pub struct SshMachine {
    holder: Child,
    port: u16,
    share: PathBuf,
    work: PathBuf,
    log: File,
    _root: Artefact,
}

impl SshMachine {
    /// Makes the place. `share` is a directory for the keys: `host_key`, `authorized_keys`.
    ///
    /// # Errors
    /// [`Error::NotRoot`]; what the host lacks.
    pub fn at(share: &Path) -> Result<Self> {
        require_root("making a machine with sshd")?;
        need(&[("unshare", "util-linux"), ("ssh", "openssh-client")])?;
        let root = root(CLOUD)?;
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(Error::io("find a free port"))?.port();
        let work = cache::directory()?.join(format!("sshd-{}-{port}", std::process::id()));
        fs::create_dir_all(&work).map_err(Error::io(format!("make `{}`", work.display())))?;
        let log = crate::container::buffer("sshd")?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash", "-c", SCRIPT]);
        command.arg("sshd").arg(&work).arg(root.path()).arg(port.to_string()).arg(share);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(shared(&log)?);
        let holder = command.spawn().map_err(Error::io("start `unshare`"))?;
        Ok(Self { holder, port, share: share.to_owned(), work, log, _root: root })
    }

    /// The port of 127.0.0.1 that its sshd listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until a machine is up.
    ///
    /// # Panics
    /// If none comes up.
    #[track_caller]
    pub fn up(&self) {
        self.wait(|| self.share.join("up").exists());
    }

    /// Waits until none is there.
    ///
    /// # Panics
    /// If it does not go.
    #[track_caller]
    pub fn gone(&self) {
        self.wait(|| !self.share.join("up").exists());
    }

    #[track_caller]
    fn wait(&self, reached: impl Fn() -> bool) {
        let until = Instant::now() + LIMIT;
        while !reached() {
            let log = fs::read_to_string(self.share.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "the machine does not come or go\n{}\n{log}", text(&self.log));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where a path of the machine is for the host, as long as the machine is up.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn path(&self, path: &str) -> PathBuf {
        let inner = children(self.holder.id());
        let inner = inner.first().expect("the machine's holder runs");
        let work = self.work.strip_prefix("/").expect("the lab's directory is absolute");
        Path::new(&format!("/proc/{inner}/root")).join(work).join("root").join(path.trim_start_matches('/'))
    }

    /// The text of a file of the machine; nothing when there is none.
    #[track_caller]
    pub fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }
}

impl Drop for SshMachine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        drop(self.holder.kill());
        drop(self.holder.wait());
        drop(fs::remove_dir(&self.work));
    }
}
