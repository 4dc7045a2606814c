//! `brasa converge` and `brasa plan`.
use std::{cell::RefCell, io::IsTerminal, rc::Rc, time::Instant};

use brasa::{
    Error,
    converge::{Context, NoLedger},
    event::{Event, Outcome, ProgressLine, Rebooting, Summary},
    host::{
        Dry, Host, Journal, LogLevel, Probe, Progress as HostProgress, Real, clean_leftovers,
        environment::{self, Asked},
    },
    prelude::Cookbook,
    resource::Changed,
    state::{Preflight, Previous, preflight},
    values::Seconds,
};

use super::{
    Code, Failure, Output, arguments,
    arguments::{Colour, Format, Input},
    coloured, complain,
    handlers::Handlers,
    logging,
    session::{Directories, Session, command_line},
};
use crate::report::{Careful, Document, Human, Lines, Progress, Report, ReportedFailure, Style, Unwritten, Verdict};

type Shared = Rc<RefCell<Box<dyn Report>>>;

/// A run that is being prepared: what was read, whom it is told to, and the machine.
struct Stage {
    session: Session,
    /// Whether nobody is shown the content of files, as diffs show it.
    bare: bool,
    report: Shared,
    unwritten: Unwritten,
    progress: Rc<Progress>,
    real: Real,
    started: Instant,
    summary: Rc<RefCell<Option<Summary>>>,
    handlers: Rc<RefCell<Option<Handlers>>>,
    quiet: bool,
}

/// Brings this machine to the state that the run-list describes.
pub fn converge(options: &arguments::Converge, output: &Output, cookbooks: &[Cookbook]) -> Result<Code, Failure> {
    let mut stage =
        Stage::set("converge", &options.input, output).inspect_err(|failure| unstaged("converge", output, failure))?;
    let outcome = match stage.session.flag("why_run") {
        Ok(true) => stage.plan(&options.input, cookbooks),
        Ok(false) => stage.converge(options, output, cookbooks),
        Err(failure) => Err(failure),
    };
    stage.end(outcome, options.detailed_exitcode)
}

/// Shows what `converge` would do.
pub fn plan(options: &arguments::Plan, output: &Output, cookbooks: &[Cookbook]) -> Result<Code, Failure> {
    let mut stage =
        Stage::set("plan", &options.input, output).inspect_err(|failure| unstaged("plan", output, failure))?;
    let outcome = stage.plan(&options.input, cookbooks);
    stage.end(outcome, options.detailed_exitcode)
}

impl Stage {
    fn set(command: &'static str, input: &Input, output: &Output) -> Result<Self, Failure> {
        let started = Instant::now();
        let session = Session::for_run(input)?;
        let file = output.log_file.clone().or(session.log_file()?);
        let level = output.log_level.or(session.log_level()?);
        logging::start(level, file.as_deref())?;
        let out = logging::report_to(file.as_deref())?;
        let terminal = file.is_none() && std::io::stdout().is_terminal();
        let plain = output.color == Colour::Auto && session.settings.flag("color").map_err(Error::from)? == Some(false);
        let style = Style::new(!plain && coloured(output.color, terminal));
        let (out, unwritten) = Careful::new(out);
        let report: Box<dyn Report> = match output.format {
            Format::Human => {
                let human = Human::new(out, style, output.verbose, output.quiet);
                Box::new(human.slowest(output.slowest.unwrap_or_default()))
            }
            Format::Json => Box::new(Document::new(out, command)),
            Format::Ndjson => Box::new(Lines::new(out, command)),
        };
        let report = Rc::new(RefCell::new(report));
        let progress = Rc::new(Progress::start(!output.quiet));
        let real = Real::new(session.places.host_settings(), teller(Rc::clone(&report), Rc::clone(&progress)));
        let (summary, quiet) = (Rc::default(), output.quiet);
        let handlers = Rc::new(RefCell::new(Handlers::of(&session.settings)?));
        let bare = session.flag("diff_disabled")?;
        Ok(Self { session, bare, report, unwritten, progress, real, started, summary, handlers, quiet })
    }

    fn converge(
        &mut self,
        options: &arguments::Converge,
        output: &Output,
        cookbooks: &[Cookbook],
    ) -> Result<Summary, Failure> {
        self.session.unpack(&options.input, &self.real)?;
        self.session.read_dna(&options.input, &self.real)?;
        let node = self.session.node(&self.real)?;
        let run = self.session.compile(&node, cookbooks)?;
        needs_root(&self.real, &self.session.places)?;
        let command = command_line();
        let patience = options.run_lock_timeout.or(self.session.run_lock_timeout()?);
        let state = self.session.places.state();
        let progress = Rc::clone(&self.progress);
        let mut told = 0;
        let lock = state.lock(
            &self.session.places.lock,
            &command,
            self.real.now(),
            Seconds(patience.unwrap_or(arguments::RUN_LOCK_TIMEOUT)),
            &mut |holder, waited| {
                if waited.0 >= told {
                    progress.handle().note(&format!("waiting for another run to finish: {holder} ({waited})"));
                    told = waited.0 + 30;
                }
            },
        )?;
        if let Some(handlers) = &*self.handlers.borrow() {
            handlers.begin(node.name(), run.recipes(), &self.real);
        }
        let previous = state.previous()?;
        let mut listen = self.listener();
        self.tell_of(&previous, &mut listen)?;
        // Only the human report can leave out what is up to date; the others list every action.
        // After a run that was cut off units are read anew in any case.
        let terse = output.format == Format::Human && output.verbose == 0 && previous.interrupted.is_none();
        let mut notes: Vec<(LogLevel, String)> = Vec::new();
        let ahead = preflight(&run, &self.real, &previous.owed, &mut |event| {
            if let Event::Noted { level, message, .. } = event {
                notes.push((*level, (*message).to_owned()));
            }
        });
        let mut recorder = state.begin(&lock, &command, run.wanted(), &previous, self.real.now())?;
        match ahead {
            Preflight::Refused(error) => {
                recorder.finish(Err(&error.to_string()), self.real.now())?;
                return Err(refused(error));
            }
            Preflight::UpToDate(summary) if terse => {
                let (recipes, cookbooks) = (run.recipes(), run.origins());
                listen(&Event::Started { recipes, resources: run.len(), cookbooks, dry: false });
                for (level, message) in &notes {
                    listen(&Event::Noted { resource: "", level: *level, message });
                }
                listen(&Event::Finished { summary, failures: Vec::new() });
                recorder.finish(Ok(&summary), self.real.now())?;
                return Ok(summary);
            }
            Preflight::UpToDate(_) | Preflight::Converge => {}
        }
        let mut ledger = recorder.clone();
        self.hear_signals();
        let outcome = {
            let mut journal = Journal::new(&mut self.real, &mut recorder);
            let context = Context {
                ledger: &mut ledger,
                listen: &mut listen,
                owed: previous.owed,
                stop: &environment::stop_signal,
            };
            run.converge(&mut journal, context)
        };
        let finished = match &outcome {
            Ok(summary) => recorder.finish(Ok(summary), self.real.now()),
            Err(error) => recorder.finish(Err(&error.to_string()), self.real.now()),
        };
        match (outcome, finished) {
            (Ok(summary), Ok(_)) => Ok(summary),
            (Ok(_), Err(error)) => Err(error.into()),
            (Err(error), Ok(_)) => Err(error.into()),
            (Err(error), Err(other)) => Err(Error::Several(vec![error, other]).into()),
        }
    }

    fn plan(&mut self, input: &Input, cookbooks: &[Cookbook]) -> Result<Summary, Failure> {
        // A plan changes nothing, so there is nothing to tell handlers of.
        self.handlers.borrow_mut().take();
        self.session.unpack(input, &self.real)?;
        self.session.read_dna(input, &self.real)?;
        let run = self.session.compile(&self.session.node(&self.real)?, cookbooks)?;
        let mut listen = self.listener();
        let own = may_keep_state(&self.real, &self.session.places);
        let previous = if own {
            self.session.places.state().previous()?
        } else {
            let message =
                "this plan is of what root will do; what earlier runs still owe only root can tell, so it is left out";
            listen(&Event::Noted { resource: "", level: LogLevel::Info, message });
            Previous::default()
        };
        if let Some(stopped) = previous.stopped_at() {
            listen(&Event::Noted { resource: "", level: LogLevel::Warn, message: &stopped });
        }
        self.hear_signals();
        let dry = Dry::new(&self.real);
        let mut dry = if own { dry } else { dry.for_root() };
        let context = Context {
            ledger: &mut NoLedger,
            listen: &mut listen,
            owed: previous.owed,
            stop: &environment::stop_signal,
        };
        Ok(run.converge(&mut dry as &mut dyn Host, context)?)
    }

    /// Says of each signal from now on what comes of it.
    fn hear_signals(&self) {
        let handle = self.progress.handle();
        environment::watch_signals(move |asked| handle.note(&heeded(asked, handle.resource().as_deref())));
    }

    /// Whoever hears what happens: progress, report, and the counts for the verdict.
    fn listener(&self) -> impl FnMut(&Event) + use<> {
        let (report, progress, summary) =
            (Rc::clone(&self.report), Rc::clone(&self.progress), Rc::clone(&self.summary));
        let (handlers, bare) = (Rc::clone(&self.handlers), self.bare);
        move |event: &Event| {
            let (without, of_bare);
            let event = match event {
                Event::Ended {
                    outcome: Outcome::Changed { changed, doubts },
                    resource,
                    action,
                    recipe,
                    place,
                    cause,
                    seconds,
                } if bare && !changed.diffs.is_empty() => {
                    without = Changed { diffs: Vec::new(), ..(*changed).clone() };
                    let outcome = Outcome::Changed { changed: &without, doubts };
                    of_bare =
                        Event::Ended { outcome, resource, action, recipe, place, cause: *cause, seconds: *seconds };
                    &of_bare
                }
                other => other,
            };
            match event {
                Event::Begun { resource, action, .. } => progress.begin(&format!("{resource} {action}")),
                Event::Ended { .. } | Event::Noted { .. } | Event::Retried { .. } => progress.end(),
                Event::Finished { summary: counts, .. } => {
                    progress.end();
                    *summary.borrow_mut() = Some(*counts);
                }
                Event::Started { .. } | Event::Owed { .. } | Event::Progress(_) => {}
            }
            report.borrow_mut().event(event);
            if let Some(handlers) = &mut *handlers.borrow_mut() {
                handlers.event(event);
            }
        }
    }

    /// Says where the last run stopped, and clears away what it left lying about.
    fn tell_of(&self, previous: &Previous, listen: &mut impl FnMut(&Event)) -> Result<(), Failure> {
        let mut warn = |message: &str| listen(&Event::Noted { resource: "", level: LogLevel::Warn, message });
        for warning in &previous.warnings {
            warn(warning);
        }
        if let Some(stopped) = previous.stopped_at() {
            warn(&format!("the last run did not end: {stopped}; this one goes on from there"));
            self.real.units_may_be_stale();
            for leftover in clean_leftovers(&previous.unfinished_paths())? {
                warn(&format!("removed the unfinished file {}", leftover.display()));
            }
        }
        Ok(())
    }

    fn end(self, mut outcome: Result<Summary, Failure>, detailed: bool) -> Result<Code, Failure> {
        self.progress.end();
        // Whoever waits for the machine has to hear of the reboot, whatever else became of the run.
        let code = match (self.summary.borrow().unwrap_or_default().reboot, &outcome) {
            (Rebooting::Scheduled, _) => Code::Reboot,
            (Rebooting::Failed, _) => Code::RebootFailed,
            (Rebooting::No, Ok(summary)) if detailed && summary.changed + summary.uncertain > 0 => Code::Changes,
            (Rebooting::No, Ok(_)) => Code::Success,
            (Rebooting::No, Err(failure)) => failure.code,
        };
        if let Err(failure) = &mut outcome {
            failure.code = code;
        }
        let verdict = Verdict {
            summary: *self.summary.borrow(),
            exit_code: code.number(),
            failure: outcome.as_ref().err().map(ReportedFailure::from),
            seconds: self.started.elapsed().as_secs_f64(),
        };
        self.report.borrow_mut().end(&verdict);
        if let Some(handlers) = self.handlers.borrow_mut().take() {
            handlers.end(&verdict, &self.real);
        }
        if !self.quiet && self.summary.borrow().is_none() && code == Code::Success {
            complain("nothing was converged");
        }
        match (outcome, self.unwritten.take()) {
            (Ok(_), Some(error)) => {
                let done = if self.summary.borrow().is_some() { "the run itself ended well, but " } else { "" };
                Err(Failure::failed(format!("{done}its report could not be written: {error}"))
                    .hint("`brasa history` and `brasa show last` tell what was done"))
            }
            (outcome, _) => outcome.map(|_| code),
        }
    }
}

/// What comes of a signal while `resource` acts.
fn heeded(Asked { signal, again, ends }: Asked, resource: Option<&str>) -> String {
    match (resource, again, ends) {
        (None, _, _) => format!("stopping (signal {signal})"),
        (Some(resource), false, true) => format!("stopping after {resource} (signal {signal}); again to end it"),
        (Some(resource), true, true) => format!("ending {resource} (signal {signal})"),
        (Some(resource), _, false) => format!("stopping after {resource}, which is not cut off (signal {signal})"),
    }
}

/// Tells whoever asked for JSON of a failure before there was a report.
fn unstaged(command: &'static str, output: &Output, failure: &Failure) {
    let mut report: Box<dyn Report> = match output.format {
        Format::Human => return,
        Format::Json => Box::new(Document::new(std::io::stdout(), command)),
        Format::Ndjson => Box::new(Lines::new(std::io::stdout(), command)),
    };
    let (code, failure) = (failure.code.number(), Some(ReportedFailure::from(failure)));
    report.end(&Verdict { summary: None, exit_code: code, failure, seconds: 0.0 });
}

/// Hears of progress inside a step.
fn teller(report: Shared, progress: Rc<Progress>) -> impl Fn(&HostProgress) {
    move |told: &HostProgress| {
        heard(&progress, told);
        report.borrow_mut().event(&Event::Progress(ProgressLine::from(told)));
    }
}

/// Shows what the host says while it works.
pub fn heard(progress: &Progress, told: &HostProgress) {
    match told {
        HostProgress::Step { text, percent } => match percent {
            Some(percent) => progress.handle().detail(&format!("{percent:.0} %, {text}")),
            None => progress.handle().detail(text),
        },
        HostProgress::Waiting { what, .. } => {
            progress.handle().waiting(what, &ProgressLine::from(told).text);
        }
        HostProgress::Note { level, message } => {
            progress.end();
            logging::line(*level, message);
        }
    }
}

/// Only root can read and write where brasa keeps its state by default.
fn may_keep_state(real: &Real, places: &Directories) -> bool {
    real.effective_user() == 0 || places.state.as_os_str() != "/var/lib/brasa"
}

pub fn needs_root(real: &Real, places: &Directories) -> Result<(), Failure> {
    if may_keep_state(real, places) {
        return Ok(());
    }
    Err(Failure::failed("converging needs root rights; nothing was changed")
        .hint("run it as root (`sudo`), or look at `brasa plan`, which needs none")
        .hint("to converge only what you own, name a state directory of yours with --state-dir"))
}

/// What the look ahead found impossible.
fn refused(error: Error) -> Failure {
    let mut failure = Failure::from(error);
    failure.message += "\nnothing was changed: this was found before the first change";
    failure
}
