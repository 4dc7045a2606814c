//! The same program run again and again, each time as a process of its own, until a signal ends it.
use std::{
    ffi::OsString,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use crate::{Error, Result, values::Seconds};

/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Runs and the waits between them, and the signals meant for them: USR1 begins the next run now, TERM ends after the run that is
/// going on, INT stops that too. HUP has nothing to do: every run reads its settings anew.
pub struct Again {
    wake: Arc<AtomicBool>,
    stop: Arc<AtomicUsize>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The time is over.
    Due,
    /// By USR1.
    Woken,
    /// By this signal, which asks to end.
    Stopped(i32),
}

impl Again {
    /// Starts to watch for signals.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn watch() -> Result<Self> {
        let again = Self { wake: Arc::default(), stop: Arc::default() };
        let refused = |error: std::io::Error| Error::failed(format!("cannot watch for signals: {error}"));
        signal_hook::flag::register(SIGUSR1, Arc::clone(&again.wake)).map_err(refused)?;
        signal_hook::flag::register(SIGHUP, Arc::default()).map_err(refused)?;
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, Arc::clone(&again.stop), number).map_err(refused)?;
        }
        Ok(again)
    }

    /// The signal that asks to end, when one has come.
    #[must_use]
    pub fn stopped(&self) -> Option<i32> {
        i32::try_from(self.stop.load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
    }

    /// Waits so long, and anything up to `splay` more, so that many machines do not come at once.
    #[must_use]
    pub fn wait(&self, interval: Seconds, splay: Seconds) -> Waited {
        let until = Instant::now().checked_add(Duration::from(interval) + random(splay));
        loop {
            if let Some(signal) = self.stopped() {
                return Waited::Stopped(signal);
            }
            if self.wake.swap(false, Ordering::Relaxed) {
                return Waited::Woken;
            }
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Waited::Due,
                Some(left) => std::thread::sleep(TICK.min(left)),
                None => std::thread::sleep(TICK),
            }
        }
    }

    /// Runs this program with these arguments (the first is the name it is called by) to its end; returns its exit code.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[OsString]) -> Result<i32> {
        let failed = |error: std::io::Error| Error::failed(format!("cannot start the next run: {error}"));
        let mut command = Command::new("/proc/self/exe");
        if let Some((name, rest)) = arguments.split_first() {
            command.arg0(name).args(rest);
        }
        // A group of its own: what a terminal sends reaches this process, which decides.
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(failed)?;
        let mut told = false;
        loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1));
            }
            if self.stopped() == Some(SIGINT) && !told {
                told = true;
                let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
                if let Some(Err(error)) = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::INT)) {
                    tracing::warn!("cannot stop the run that is going on: {error}");
                }
            }
            std::thread::sleep(TICK);
        }
    }
}

/// Anything from nothing up to `most`.
fn random(most: Seconds) -> Duration {
    let mut bytes = [0; 8];
    // Without random bytes machines merely come at once.
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() || most.0 == 0 {
        return Duration::ZERO;
    }
    Duration::from_millis(u64::from_le_bytes(bytes) % most.0.saturating_mul(1000).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::random;
    use crate::values::Seconds;

    #[test]
    fn a_splay_is_never_longer_than_asked_for() {
        assert!(random(Seconds(0)).is_zero());
        assert!((0..1000).all(|_| random(Seconds(2)).as_millis() <= 2000));
        assert!(random(Seconds(u64::MAX)).as_millis() > 0);
    }
}
