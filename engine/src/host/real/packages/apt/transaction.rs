use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::{
    super::{Context, lists, locks},
    INSTALLING, LISTS, UPDATING,
    call::{Call, apt_get, environment, options},
    diagnosis::Diagnosis,
    progress::Status,
    quoted, repair,
    status::Database,
    work::{Work, differently_marked},
};
use crate::{
    Error, Result,
    host::{Answer, Command, ConfigFiles, LogLevel, Progress, Transaction},
    values::Seconds,
};

/// Lists older than this are refreshed before a name is called unknown.
const STALE: Seconds = Seconds(24 * 3600);

/// How long `apt-get update` may take, waiting for its lock included.
const UPDATE: Duration = Duration::from_secs(1800);

/// Carries out a transaction: waits for locks, finishes what an interrupted dpkg has left, finds the candidates, calls
/// `apt-get` once (twice where it cannot purge and remove in one call) and judges by the state it reads back.
pub fn perform(context: &Context<'_>, transaction: &Transaction) -> Result<()> {
    let clock = Clock::start(transaction.timeout.into());
    let mut before = Database::read(context.root, context.tools)?;
    if before.read_only {
        return Err(Error::Unsupported(
            "this image records its packages but has no dpkg: packages cannot be changed in it".to_owned(),
        ));
    }
    let mut work = Work::needed(transaction, &before)?;
    if work.is_empty() {
        return Ok(());
    }
    // What goes along with what is removed is in the plan; whoever holds the lock may install more that needs it.
    let waits = work.only_removes() && locks::first_held(context.root, &INSTALLING)?.is_some();
    // In the middle of its work nothing may be told: then it is as if nothing had been planned.
    let known = if waits { work.gone(context, transaction).ok() } else { None };
    locks::wait(context.root, &INSTALLING, clock.started, clock.deadline, context.progress)?;
    // Whoever held the lock may have changed packages since.
    before = Database::read(context.root, context.tools)?;
    if repair::finish(context, &before, &clock)? {
        before = Database::read(context.root, context.tools)?;
    }
    work = Work::needed(transaction, &before)?;
    if work.is_empty() {
        return Ok(());
    }
    let refreshed = std::cell::Cell::new(false);
    let stale = std::cell::RefCell::new(None);
    let resolved = work.resolve(context, &|| {
        if refreshed.replace(true) {
            return Ok(false);
        }
        let age = lists::age(&LISTS, context.root, context.state, SystemTime::now())?;
        if age.is_some_and(|age| age < STALE) {
            return Ok(false);
        }
        stale.replace(update_lists(context, None).err());
        Ok(true)
    });
    match (resolved, stale.into_inner()) {
        // What old lists do not have is no wrong name.
        (Err(error), Some(why)) => {
            let told = Error::failed(format!("{error}; the package lists could not be refreshed: {why}"));
            return Err(why.hints().into_iter().fold(told, Error::hint));
        }
        (Err(error), None) => return Err(error),
        (Ok(()), Some(why)) => not_refreshed(context, &why),
        (Ok(()), None) => {}
    }
    if !transaction.allow_removals {
        work.refuse_unasked_removals(context, transaction)?;
        if let Some(known) = known.filter(|_| !work.is_empty()) {
            work.refuse_beyond(&known, context, transaction)?;
        }
    }
    // Not before: a run that is refused leaves holds as they are.
    select(context, &work.release, "install", &clock)?;
    let mut outputs = String::new();
    let mut failed = false;
    let mut ended = Ok(());
    for call in work.calls() {
        match run(context, transaction, &call, &clock, &refreshed) {
            Ok(answer) => {
                failed |= !answer.success();
                outputs.push_str(&answer.stdout);
                outputs.push_str(&answer.stderr);
            }
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    let ended = ended.and_then(|()| select(context, &work.hold, "hold", &clock));
    // Also of a transaction that was stopped half way, the changes are told.
    let mut after = Database::read(context.root, context.tools)?;
    context.changes.borrow_mut().extend(before.changes(&after));
    ended?;
    for (names, verb) in [(&work.manual, MANUAL), (&work.automatic, AUTOMATIC)] {
        if mark(context, &after, names, verb, &clock)? {
            after = Database::read(context.root, context.tools)?;
        }
    }
    judge(context, &work, &before, &after, failed, &Diagnosis::of(&outputs))
}

/// Refreshes the package lists, all or those of one source; one that cannot be reached or is not signed well is an error.
pub fn update_lists(context: &Context<'_>, source: Option<&Path>) -> Result<()> {
    let clock = Clock::start(UPDATE);
    loop {
        locks::wait(context.root, &UPDATING, clock.started, clock.deadline, context.progress)?;
        let mut arguments = apt_get();
        arguments.extend(options(["APT::Update::Error-Mode=any", "APT::Status-Fd=3"]));
        if let Some(source) = source {
            let file = format!("Dir::Etc::sourcelist={}", source.display());
            arguments.extend(options([&file, "Dir::Etc::sourceparts=-", "APT::Get::List-Cleanup=0"]));
        }
        arguments.push("update".to_owned());
        let answer = watched(context, command(arguments, ConfigFiles::Keep, &clock))?;
        let output = format!("{}\n{}", answer.stdout, answer.stderr);
        let diagnosis = Diagnosis::of(&output);
        if diagnosis.locked() && !clock.passed() {
            std::thread::sleep(Duration::from_millis(500));
            continue;
        }
        // apt before 2.1.11 does not know the error mode, and only warns.
        let warned = output.lines().any(|line| {
            line.starts_with("W: Failed to fetch") || line.starts_with("W: Some index files failed to download")
        });
        if !answer.success() || warned {
            return Err(diagnosis.error(&match source {
                Some(source) => format!("apt cannot use the source `{}`", source.display()),
                None => "`apt-get update` failed".to_owned(),
            }));
        }
        return match source {
            Some(source) => lists::fetched(context.root, context.state, source, fetched_from(context, source)?),
            None => lists::stamp(&LISTS, context.root, context.state, SystemTime::now()),
        };
    }
}

/// Lists that apt has of one source, by its own word: an exit code alone does not say that there are any. All sources are
/// read for it, so that one which contradicts another is found here and not by the next who needs apt.
fn fetched_from(context: &Context<'_>, source: &Path) -> Result<Vec<PathBuf>> {
    let doing = format!("apt has no package lists of the source `{}`", source.display());
    let words = ["apt-get", "indextargets", "--format", "$(SOURCESENTRY)\t$(FILENAME)", "Created-By: Packages"];
    let answer = context.tools.query(&Command::new(words))?;
    if !answer.success() {
        return Err(Diagnosis::of(&format!("{}\n{}", answer.stdout, answer.stderr)).error(&doing));
    }
    let of_source = |line: &str| {
        let (entry, file) = line.split_once('\t')?;
        (Path::new(entry.rsplit_once(':')?.0) == source).then(|| PathBuf::from(file))
    };
    let files: Vec<PathBuf> = answer.stdout.lines().filter_map(of_source).collect();
    if files.is_empty() {
        let hint = "its components or architectures may not exist: compare them with the source's own `Release` file";
        return Err(Error::failed(format!("{doing}, though it could be reached")).hint(hint));
    }
    Ok(files)
}

/// A refresh on the way to something else: its failure is told, and what is wanted may succeed all the same.
fn refresh(context: &Context<'_>) {
    if let Err(error) = update_lists(context, None) {
        not_refreshed(context, &error);
    }
}

fn not_refreshed(context: &Context<'_>, why: &Error) {
    note(context, format!("the package lists could not be refreshed: {why}"));
}

pub(super) struct Clock {
    started: Instant,
    deadline: Instant,
    limit: Duration,
}

impl Clock {
    pub(super) fn start(limit: Duration) -> Self {
        let started = Instant::now();
        Self { started, deadline: started + limit, limit }
    }

    fn passed(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Whole seconds that are left, at least one.
    pub(super) fn left(&self) -> Seconds {
        let gone = self.started.elapsed();
        Seconds(self.limit.saturating_sub(gone).as_secs().max(1))
    }
}

/// Tells dpkg which packages are held and which are not any more.
fn select(context: &Context<'_>, names: &[String], selection: &str, clock: &Clock) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let arguments = ["dpkg", "--set-selections"].map(ToOwned::to_owned).into();
    let mut command = command(arguments, ConfigFiles::Keep, clock);
    command.stdin = Some(names.iter().flat_map(|name| format!("{name} {selection}\n").into_bytes()).collect());
    let answer = watched(context, command)?;
    if answer.success() {
        return Ok(());
    }
    let diagnosis = Diagnosis::of(&format!("{}\n{}", answer.stdout, answer.stderr));
    Err(diagnosis.error(&format!("dpkg could not mark {} as `{selection}`", quoted(names))))
}

/// The verbs of `apt-mark` for what is asked for, and for what came along with others.
const MANUAL: &str = "manual";
const AUTOMATIC: &str = "auto";

/// Tells apt why packages are there. Whether that was needed still: what was installed by its name is marked by that.
fn mark(context: &Context<'_>, now: &Database, names: &[String], verb: &str, clock: &Clock) -> Result<bool> {
    let names = differently_marked(names, verb == AUTOMATIC, now);
    if names.is_empty() {
        return Ok(false);
    }
    let arguments = ["apt-mark", verb, "--"].map(ToOwned::to_owned).into_iter().chain(names.iter().cloned());
    let answer = watched(context, command(arguments.collect(), ConfigFiles::Keep, clock))?;
    if answer.success() {
        return Ok(true);
    }
    let diagnosis = Diagnosis::of(&format!("{}\n{}", answer.stdout, answer.stderr));
    Err(diagnosis.error(&format!("apt could not mark {} as `{verb}`", quoted(&names))))
}

pub(super) fn command(arguments: Vec<String>, config_files: ConfigFiles, clock: &Clock) -> Command {
    let mut command = Command::new(arguments);
    environment(&mut command, config_files);
    command.timeout = clock.left();
    command
}

/// Runs with both streams in one, since a script's complaint stands between apt's own lines, and tells the progress.
pub(super) fn watched(context: &Context<'_>, mut command: Command) -> Result<Answer> {
    let shell = ["/bin/sh", "-c", r#"exec "$@" 2>&1"#, "sh"].map(ToOwned::to_owned);
    command.argv.splice(0..0, shell);
    let mut status = Status::default();
    context.tools.watch(&command, &mut |line| {
        if let Some(progress) = status.read(line) {
            (context.progress)(&progress);
        }
    })
}

fn run(
    context: &Context<'_>,
    transaction: &Transaction,
    call: &Call,
    clock: &Clock,
    refreshed: &std::cell::Cell<bool>,
) -> Result<Answer> {
    let mut repaired = false;
    loop {
        let timeout = format!("DPkg::Lock::Timeout={}", clock.left().0);
        let mut command =
            call.command(transaction, &["-o", &timeout, "-o", "Dpkg::Use-Pty=0", "-o", "APT::Status-Fd=3"]);
        command.timeout = clock.left();
        let answer = watched(context, command)?;
        if answer.success() {
            return Ok(answer);
        }
        let diagnosis = Diagnosis::of(&format!("{}\n{}", answer.stdout, answer.stderr));
        if clock.passed() {
            return Ok(answer);
        }
        if diagnosis.locked() {
            // apt before 1.9.11 waits for no lock, later ones not for every lock.
            std::thread::sleep(Duration::from_millis(500));
            locks::wait(context.root, &INSTALLING, clock.started, clock.deadline, context.progress)?;
        } else if diagnosis.interrupted() && !repaired {
            repaired = true;
            repair::configure(context, clock)?;
        } else if diagnosis.outdated() && !refreshed.replace(true) {
            refresh(context);
        } else {
            return Ok(answer);
        }
    }
}

pub(super) fn note(context: &Context<'_>, message: String) {
    (context.progress)(&Progress::Note { level: LogLevel::Warn, message });
}

/// Compares the state read back with the one asked for. The exit code alone says little: it is 100 when an older broken
/// package is in the way of nothing, too.
fn judge(
    context: &Context<'_>,
    work: &Work,
    before: &Database,
    after: &Database,
    failed: bool,
    diagnosis: &Diagnosis,
) -> Result<()> {
    let mut left = Vec::new();
    for wanted in &work.install {
        let name = &wanted.package;
        let state = after.state(name);
        let Some(version) = &state.version else {
            left.push(format!("`{name}` is not installed"));
            continue;
        };
        if let Some(broken) = &state.broken {
            left.push(format!("`{name}` is {broken}"));
        } else if let Some(asked) = wanted.spec.version.as_ref().filter(|asked| *asked != version) {
            left.push(format!("`{name}` has version `{version}`, not `{asked}`"));
        } else if failed && wanted.spec.version.is_none() && wanted.before == state {
            left.push(format!("`{name}` is still at version `{version}`"));
        }
    }
    for (names, purged) in [(&work.remove, false), (&work.purge, true)] {
        for name in names {
            let state = after.state(name);
            if state.version.is_some() || state.broken.is_some() {
                left.push(format!("`{name}` is still installed"));
            } else if purged && state.config_files {
                left.push(format!("configuration files of `{name}` are still there"));
            }
        }
    }
    for (names, held) in [(&work.hold, true), (&work.release, false)] {
        let differ = names.iter().filter(|name| after.state(name).held != held);
        left.extend(differ.map(|name| format!("`{name}` is {} held", if held { "not" } else { "still" })));
    }
    for (names, verb) in [(&work.manual, MANUAL), (&work.automatic, AUTOMATIC)] {
        let differ = differently_marked(names, verb == AUTOMATIC, after);
        left.extend(differ.into_iter().map(|name| format!("`{name}` is not marked as `{verb}`")));
    }
    let was = [before.unconfigured(), before.half_installed()].concat();
    for (name, state) in after.unconfigured().into_iter().chain(after.half_installed()) {
        if !was.iter().any(|(old, _)| *old == name) && !left.iter().any(|text| text.starts_with(&format!("`{name}` ")))
        {
            left.push(format!("`{name}` is {state}"));
        }
    }
    if left.is_empty() {
        if failed {
            let summary = diagnosis.summary();
            note(context, format!("apt did everything asked for, but complains of something else: {summary}"));
        }
        return Ok(());
    }
    // What dpkg itself gives a reason for is not said twice.
    left.retain(|text| !diagnosis.packages.iter().any(|failed| text.starts_with(&format!("`{}` ", failed.name))));
    let doing = [if failed { "apt failed" } else { "apt reports success, but" }.to_owned()]
        .into_iter()
        .chain(left)
        .collect::<Vec<_>>()
        .join(", ")
        .replace("but, ", "but ");
    let error = diagnosis.error(&doing);
    let broken = after.half_installed();
    Err(if broken.is_empty() {
        error
    } else {
        let names: Vec<&str> = broken.iter().map(|(name, _)| name.as_str()).collect();
        error.hint(format!(
            "dpkg was ended while it unpacked {}: `apt-get install --reinstall {}` repairs it",
            quoted(&names),
            names.join(" ")
        ))
    })
}

#[cfg(test)]
mod tests;
