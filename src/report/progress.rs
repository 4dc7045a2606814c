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
    screen: Screen,
}

/// Where progress is shown, and at what pace.
struct Screen {
    terminal: bool,
    heartbeat: Duration,
    frame: Duration,
    patience: Duration,
    /// How many characters a line has room for.
    width: fn() -> usize,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Screen {
    fn standard_error() -> Self {
        let terminal = std::io::stderr().is_terminal() && environment::var("TERM").is_none_or(|term| term != "dumb");
        // Standard error may be closed; there is nobody left to tell then.
        let write = |text: &str| std::io::stderr().write_all(text.as_bytes()).unwrap_or_default();
        Self { terminal, heartbeat: HEARTBEAT, frame: FRAME, patience: PATIENCE, width, write: Box::new(write) }
    }

    fn line(&self, line: &str) {
        (self.write)(&format!("{}\n", printable(line)));
    }
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
        Self::on(Screen::standard_error(), enabled)
    }

    fn on(screen: Screen, enabled: bool) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), screen });
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
        state.waiting.clear();
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
        self.0.screen.line(line);
    }

    /// `line` is going on inside the step; said once for each `what` that is waited for, since it may take long.
    pub fn waiting(&self, what: &str, line: &str) {
        let mut state = self.0.lock();
        line.clone_into(&mut state.detail);
        if state.waiting != what {
            what.clone_into(&mut state.waiting);
            self.0.clear(&mut state);
            self.0.screen.line(line);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let Screen { terminal, heartbeat, frame, patience, width, write } = &self.screen;
        let mut state = self.lock();
        while !state.stop {
            let wait = if *terminal { *frame } else { *heartbeat / 30 };
            state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            let Some((mut step, since)) = state.step.clone() else { continue };
            if state.more > 0 {
                step += &format!(" and {} more", state.more);
            }
            let elapsed = since.elapsed();
            if *terminal {
                if elapsed > *patience {
                    let detail = if state.detail.is_empty() { String::new() } else { format!(": {}", state.detail) };
                    let line = format!("{step} ({} s){detail}", elapsed.as_secs());
                    let line: String = printable(&line).replace('\n', " ").chars().take(width()).collect();
                    write(&format!("\r\x1b[2K{line}"));
                    state.drawn = true;
                }
            } else if elapsed >= *heartbeat * (state.beats + 1) {
                state.beats += 1;
                let detail = if state.detail.is_empty() { String::new() } else { format!(": {}", state.detail) };
                self.screen.line(&format!("still at {step} after {} s{detail}", elapsed.as_secs()));
            }
        }
    }

    fn clear(&self, state: &mut State) {
        if state.drawn {
            (self.screen.write)("\r\x1b[2K");
            state.drawn = false;
        }
    }
}

/// What the terminal says of itself, for `$COLUMNS` is seldom exported and does not follow a window that changes.
fn width() -> usize {
    let told = || environment::var("COLUMNS").and_then(|columns| columns.parse().ok());
    environment::terminal_width().or_else(told).unwrap_or(80).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::{Progress, Screen};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<String>>);

    impl Written {
        fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }

        /// Waits until this was written.
        #[track_caller]
        fn expect(&self, part: &str) {
            for _ in 0..2000 {
                if self.text().contains(part) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            panic!("`{part}` was not written, but {:?}", self.text());
        }
    }

    fn progress(terminal: bool, enabled: bool) -> (Progress, Written) {
        let written = Written::default();
        let heard = written.clone();
        let write = move |text: &str| heard.0.lock().unwrap().push_str(text);
        let (heartbeat, frame) = (Duration::from_millis(30), Duration::from_millis(1));
        let screen =
            Screen { terminal, heartbeat, frame, patience: Duration::ZERO, width: || 40, write: Box::new(write) };
        (Progress::on(screen, enabled), written)
    }

    #[test]
    fn without_a_terminal_a_line_now_and_then_says_that_work_goes_on() {
        let (progress, written) = progress(false, true);
        progress.begin("package[a] install");
        written.expect("still at package[a] install after 0 s\n");
        progress.begin("package[b] install");
        progress.handle().detail("40 %, unpacking\x1b[2J");
        written.expect("still at package[a] install and 1 more after 0 s: 40 %, unpacking\\u{1b}[2J\n");
        progress.end();
        progress.stop();
        let lines = written.text();
        assert!(lines.lines().all(|line| line.starts_with("still at ")), "{lines:?}");
        assert!(!lines.contains('\r'), "{lines:?}");
    }

    #[test]
    fn on_a_terminal_one_line_is_drawn_over_and_goes_away() {
        let (progress, written) = progress(true, true);
        progress.begin("execute[a name that is far too long for this terminal] run");
        written.expect("\r\x1b[2Kexecute[a name that is far too long for \r");
        progress.handle().note("read me");
        written.expect("\r\x1b[2Kread me\n\r\x1b[2Kexecute");
        progress.end();
        let text = written.text();
        progress.stop();
        assert!(text.ends_with("\r\x1b[2K"), "{text:?}");
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    }

    #[test]
    fn what_is_waited_for_is_said_once_for_each_step() {
        let (progress, written) = progress(false, false);
        for seconds in [0, 5, 10] {
            progress.handle().waiting("dpkg's lock", &format!("waiting for dpkg's lock, held by apt ({seconds} s)"));
        }
        progress.begin("package[b] install");
        progress.handle().waiting("dpkg's lock", "again");
        assert_eq!(written.text(), "waiting for dpkg's lock, held by apt (0 s)\nagain\n");
    }

    #[test]
    fn quiet_is_quiet() {
        let (progress, written) = progress(false, false);
        progress.begin("package[a] install");
        std::thread::sleep(Duration::from_millis(60));
        progress.stop();
        assert_eq!(written.text(), "");
    }
}
