use std::{
    cell::RefCell,
    io::{IsTerminal, Write},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use brasa::host::environment;

use super::printable;

/// How often a line says that work goes on, where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How often the live line of a terminal is drawn anew.
const FRAME: Duration = Duration::from_millis(120);
/// What takes less than this is not worth a live line.
const PATIENCE: Duration = Duration::from_millis(300);

/// Progress of long steps on standard error: one live line on a terminal, a line every 30 s elsewhere.
pub struct Progress {
    shared: Arc<Shared>,
    enabled: bool,
    /// Started by the first step: a run that finds nothing to do has none.
    thread: RefCell<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    terminal: bool,
}

#[derive(Default)]
struct State {
    /// What is being done, and since when.
    step: Option<(String, Instant)>,
    /// Further steps that are done together with it.
    more: usize,
    detail: String,
    /// What is waited for, once people were told.
    waiting: String,
    drawn: bool,
    beats: u32,
    stop: bool,
}

impl Progress {
    /// Watches steps from the first one on. `enabled` false keeps silent, as `--quiet` wants it.
    #[must_use]
    pub fn start(enabled: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && environment::var("TERM").is_none_or(|term| term != "dumb");
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), terminal });
        Self { shared, enabled, thread: RefCell::default() }
    }

    /// A handle for whoever reports progress from inside a step.
    #[must_use]
    pub fn handle(&self) -> ProgressHandle {
        ProgressHandle(Arc::clone(&self.shared))
    }

    /// A step begins.
    pub fn begin(&self, step: &str) {
        if self.enabled {
            self.thread.borrow_mut().get_or_insert_with(|| {
                let shared = Arc::clone(&self.shared);
                std::thread::spawn(move || shared.watch())
            });
        }
        let mut state = self.shared.lock();
        if state.step.is_some() {
            // Begun before the first has ended: they are carried out together.
            state.more += 1;
            return;
        }
        state.step = Some((step.to_owned(), Instant::now()));
        state.more = 0;
        state.detail.clear();
        state.beats = 0;
    }

    /// The step has ended, or something is about to be printed: the live line goes away.
    pub fn end(&self) {
        let mut state = self.shared.lock();
        state.step = None;
        self.shared.clear(&mut state);
    }

    /// Stops watching.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stop = true;
            self.shared.clear(&mut state);
        }
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.get_mut().take() {
            thread.join().unwrap_or_default();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Takes progress from inside a step; may be called from any thread.
#[derive(Clone)]
pub struct ProgressHandle(Arc<Shared>);

impl ProgressHandle {
    /// What is going on inside the step.
    pub fn detail(&self, text: &str) {
        text.clone_into(&mut self.0.lock().detail);
    }

    /// The resource whose action is going on.
    #[must_use]
    pub fn resource(&self) -> Option<String> {
        let state = self.0.lock();
        let (step, _) = state.step.as_ref()?;
        Some(step.rsplit_once(' ').map_or(step.as_str(), |(resource, _)| resource).to_owned())
    }

    /// A line to be read: the live line makes room for it.
    pub fn note(&self, line: &str) {
        let mut state = self.0.lock();
        self.0.clear(&mut state);
        eprint_line(line);
    }
}

impl ProgressHandle {
    /// `line` is going on inside the step; said once for each `what` that is waited for, since it may take long.
    pub fn waiting(&self, what: &str, line: &str) {
        let mut state = self.0.lock();
        line.clone_into(&mut state.detail);
        if state.waiting != what {
            what.clone_into(&mut state.waiting);
            self.0.clear(&mut state);
            eprint_line(line);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut state = self.lock();
        while !state.stop {
            let wait = if self.terminal { FRAME } else { HEARTBEAT / 30 };
            state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            let Some((mut step, since)) = state.step.clone() else { continue };
            if state.more > 0 {
                step += &format!(" and {} more", state.more);
            }
            let elapsed = since.elapsed();
            if self.terminal {
                if elapsed > PATIENCE {
                    let detail = if state.detail.is_empty() { String::new() } else { format!(": {}", state.detail) };
                    let line = format!("{step} ({} s){detail}", elapsed.as_secs());
                    let line: String = printable(&line).replace('\n', " ").chars().take(width()).collect();
                    write(&format!("\r\x1b[2K{line}"));
                    state.drawn = true;
                }
            } else if elapsed >= HEARTBEAT * (state.beats + 1) {
                state.beats += 1;
                let detail = if state.detail.is_empty() { String::new() } else { format!(": {}", state.detail) };
                eprint_line(&format!("still at {step} after {} s{detail}", elapsed.as_secs()));
            }
        }
    }

    fn clear(&self, state: &mut State) {
        if state.drawn {
            write("\r\x1b[2K");
            state.drawn = false;
        }
    }
}

fn width() -> usize {
    environment::var("COLUMNS").and_then(|columns| columns.parse::<usize>().ok()).unwrap_or(80).saturating_sub(1)
}

fn eprint_line(line: &str) {
    write(&format!("{}\n", printable(line)));
}

fn write(text: &str) {
    // Standard error may be closed; there is nobody left to tell then.
    std::io::stderr().write_all(text.as_bytes()).unwrap_or_default();
}
