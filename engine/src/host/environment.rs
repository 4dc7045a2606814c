//! This process: its arguments, its environment, its signals.
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// The signals that ask this process to stop.
const STOPS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

use crate::{Error, Fault, Result};

/// The command line, the program's name first.
#[must_use]
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// An environment variable, when it is set and is UTF-8.
#[must_use]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The directory this process was started in.
#[must_use]
pub fn current_dir() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

/// The time of day, for a program that has no [`Probe`](super::Probe) to ask.
#[must_use]
pub fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// The file this process was started from.
#[must_use]
pub fn program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// The number of the user this process acts as; 0 is root.
#[must_use]
pub fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Bytes that nobody can guess.
///
/// # Errors
/// When the kernel gives none.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(length) if length == N => Ok(bytes),
        Ok(_) => Err(Error::failed("the kernel gave too few random bytes")),
        Err(error) => Err(Error::failed(format!("the kernel gives no random bytes: {error}"))),
    }
}

/// Makes this process independent of how it was started: files get the mode they are declared with whatever the umask was.
/// (Rust's runtime has opened `/dev/null` for closed standard streams already, so no data file lands on one of them.)
pub fn prepare_process() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// Has a panic, in the program or in a cookbook, end this process with this exit code, once `tell` has said what it was and
/// where. What a private file holds is removed; for all else it is as if the process had been killed, which the next run puts
/// right. No core dump is left, which could hold secrets.
pub fn end_on_panic(code: u8, tell: fn(message: &str, place: &str)) {
    std::panic::set_hook(Box::new(move |panic| {
        super::disk::remove_private();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tell(panic.payload_as_str().unwrap_or("it does not say why"), &place);
        std::process::exit(i32::from(code));
    }));
}

/// A process has one root directory.
static IN_ANOTHER_ROOT: AtomicBool = AtomicBool::new(false);

/// Whether this process has entered another root than that of the running system.
#[must_use]
pub fn in_another_root() -> bool {
    IN_ANOTHER_ROOT.load(Ordering::Relaxed)
}

/// What has rpm, from version 4.20 on, hide `/home` from the scripts of packages: for that `/` has to be a mount.
/// Source: rpm-plugin-unshare(8).
const UNSHARES: &str = "usr/lib/rpm/macros.d/macros.transaction_unshare";

fn is_mount(directory: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let told = statx(CWD, directory, AtFlags::empty(), StatxFlags::BASIC_STATS);
    told.is_ok_and(|told| told.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Makes a directory a mount, of itself, as this process and those that it starts see it: around them nothing changes.
fn make_mount(directory: &Path) -> nix::Result<()> {
    use nix::{
        mount::{MsFlags, mount},
        sched::{CloneFlags, unshare},
    };
    const NOTHING: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_SLAVE, NOTHING)?;
    mount(Some(directory), directory, NOTHING, MsFlags::MS_REC | MsFlags::MS_BIND, NOTHING)
}

/// Makes a directory the root of all that this process does from now on, as chroot(8) does.
///
/// # Errors
/// That it is no directory, or that this process may not (it takes root's rights).
pub fn enter_root(directory: &Path) -> Result<()> {
    if directory.join(UNSHARES).exists() && !is_mount(directory) {
        // Who may not do so is told by rpm what it could not.
        make_mount(directory).unwrap_or_else(|error| tracing::debug!("`{}`: {error}", directory.display()));
    }
    let entered = rustix::process::chroot(directory).and_then(|()| rustix::process::chdir("/"));
    IN_ANOTHER_ROOT.store(entered.is_ok(), Ordering::Relaxed);
    entered.map_err(|error| {
        let fault = Fault::new(format!("cannot make `{}` the root directory: {error}", directory.display()));
        match error {
            rustix::io::Errno::PERM | rustix::io::Errno::ACCESS => fault.hint("run it as root"),
            _ => fault.hint("name the directory that holds the other system's `etc`, `usr` and `var`"),
        }
        .into()
    })
}

/// Columns of the terminal that standard error is; `None` when it is none, or does not know.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

static STOPPED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// The number of the signal (INT, TERM or HUP) that asked this process to stop, if one has come. The first call starts
/// watching for them; commands that run meanwhile are in process groups of their own and go on.
#[must_use]
pub fn stop_signal() -> Option<i32> {
    i32::try_from(stopped().load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
}

/// Forgets the signal that asked to stop, for what must be done all the same: the next one asks again.
pub fn go_on() {
    stopped().store(0, Ordering::Relaxed);
}

fn stopped() -> &'static AtomicUsize {
    STOPPED.get_or_init(|| {
        let stopped = Arc::new(AtomicUsize::new(0));
        for signal in STOPS {
            let number = usize::try_from(signal).unwrap_or_default();
            if let Err(error) = signal_hook::flag::register_usize(signal, Arc::clone(&stopped), number) {
                tracing::warn!("cannot watch for signal {signal}: {error}");
            }
        }
        stopped
    })
}

/// A signal that asks this process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number.
    pub signal: i32,
    /// Whether it is not the first one.
    pub again: bool,
    /// Whether what is going on is a command that a further signal ends. Package managers are waited for: what they leave behind
    /// when they are cut off takes more time to repair.
    pub ends: bool,
}

/// Whether a command is going on that may be ended, and whether it is to be.
static ENDABLE: AtomicBool = AtomicBool::new(false);
static END: AtomicBool = AtomicBool::new(false);

/// Watches for the signals of [`stop_signal`] from now on: `tell` hears of each as it comes, on a thread of its own, and from the
/// second one on each ends the command that is going on.
pub fn watch_signals(tell: impl Fn(Asked) + Send + 'static) {
    stopped();
    let mut signals = match Signals::new(STOPS) {
        Ok(signals) => signals,
        Err(error) => return tracing::warn!("cannot watch for signals: {error}"),
    };
    thread::spawn(move || {
        for (n, signal) in signals.forever().enumerate() {
            let (again, ends) = (n > 0, ENDABLE.load(Ordering::Relaxed));
            if again && ends {
                END.store(true, Ordering::Relaxed);
            }
            tell(Asked { signal, again, ends });
        }
    });
}

/// While it lives, a command goes on that a second signal ends.
pub(super) struct Endable(());

impl Endable {
    pub fn begin() -> Self {
        END.store(false, Ordering::Relaxed);
        ENDABLE.store(true, Ordering::Relaxed);
        Self(())
    }

    /// The signal that asks to end the command, once for each time it asks.
    pub fn asked(&self) -> Option<i32> {
        if END.swap(false, Ordering::Relaxed) { stop_signal() } else { None }
    }
}

impl Drop for Endable {
    fn drop(&mut self) {
        ENDABLE.store(false, Ordering::Relaxed);
    }
}
