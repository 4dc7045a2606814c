//! chef-solo's interval: runs as processes of their own, one after the other, in the foreground.
use std::ffi::OsString;

use brasa::{
    host::{Again, Waited},
    values::Seconds,
};

use super::{Code, Failure, complain};

/// How a run is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Seconds between the runs; without it there is one run, after the splay.
    pub interval: Option<u64>,
    /// Seconds at most that are added to each wait, at random.
    pub splay: u64,
}

/// Waits and runs, as chef-solo does: also before the first run. A failed run is told, and the next one comes.
pub fn repeat(repeat: Repeat, arguments: &[OsString]) -> Result<Code, Failure> {
    let again = Again::watch()?;
    let mut arguments = arguments.to_vec();
    arguments.push("--run-of-an-interval".into());
    let (interval, splay) = (Seconds(repeat.interval.unwrap_or_default()), Seconds(repeat.splay));
    let most = interval.0.saturating_add(splay.0);
    complain(&format!("the first run begins in {interval} to {} (signal USR1 begins it now)", Seconds(most)));
    loop {
        match again.wait(interval, splay) {
            Waited::Due => {}
            Waited::Woken => complain("woken by a signal: the run begins now"),
            Waited::Stopped(signal) => return Ok(ended(signal)),
        }
        let code = again.run(&arguments)?;
        if repeat.interval.is_none() {
            return Ok(Code::Of(u8::try_from(code).unwrap_or(1)));
        }
        if code != 0 {
            complain(&format!(
                "the run ended with exit code {code}; the next one begins in {interval} to {}",
                Seconds(most)
            ));
        }
        if let Some(signal) = again.stopped() {
            return Ok(ended(signal));
        }
    }
}

/// TERM is how a supervisor ends what has no end of its own: that is no failure. INT is somebody at the keyboard.
fn ended(signal: i32) -> Code {
    const TERM: i32 = 15;
    if signal == TERM { Code::Success } else { Code::Signal(u8::try_from(signal).unwrap_or(127)) }
}
