//! rpm packages by dnf 4, dnf 5, microdnf or yum: one `rpm -qa` reads the state of all names, one call changes it.
mod changes;
mod groups;
mod held;
mod marks;
mod output;
mod program;
pub(super) mod query;
mod work;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use changes::Row;
use held::Held;
use marks::Marks;
pub use program::PROGRAMS;
use program::Program;
use work::Work;

use super::{Context, Lists, Manager, directory::files_in, has_program, lists, locks, refuse_removals};
use crate::{
    Error, Result,
    host::{
        Answer, Candidate, Command, ConfigFiles, LogLevel, PackageChange, PackageState, Progress, Provider, Transaction,
    },
    values::Seconds,
};

/// Locks taken with `fcntl`: rpm's own at its two places, and that of dnf 5.
pub const LOCKS: [(&str, &str); 3] = [
    ("var/lib/rpm/.rpm.lock", "rpm's lock"),
    ("usr/lib/sysimage/rpm/.rpm.lock", "rpm's lock"),
    ("var/lib/dnf/system-repo.lock", "dnf's lock"),
];

/// Locks of dnf 4 and yum: files that hold the number of the process.
const PROCESS_FILES: [&str; 4] = [
    "var/cache/dnf/metadata_lock.pid",
    "var/cache/dnf/download_lock.pid",
    "var/lib/dnf/rpmdb_lock.pid",
    "var/run/yum.pid",
];

/// The command that holds packages.
const VERSIONLOCK: &str = "versionlock";

/// The command that tells why packages are there.
const MARK: &str = "mark";

/// The command that removes packages.
const REMOVE: &str = "remove";

/// How long a refresh of the lists may take.
const UPDATE: Duration = Duration::from_secs(1800);

/// The repositories' lists.
static LISTS: Lists = Lists {
    stamp: "dnf-lists.json",
    sources: &["etc/yum.repos.d", "etc/dnf/dnf.conf", "etc/yum.conf"],
    hook,
    // dnf reads none of a repository whose key it was not told yet.
    in_parts: true,
    any: any_list,
};

/// The timer `dnf-makecache` touches a file. Whenever dnf asks a repository, it touches its index.
fn hook(root: &Path) -> Result<Option<SystemTime>> {
    let touched = lists::modified(&root.join("var/cache/dnf/last_makecache"))?;
    let mut oldest = None;
    let caches = [files_in(&root.join("var/cache/dnf"))?, files_in(&root.join("var/cache/libdnf5"))?];
    for repository in caches.iter().flatten().filter(|path| path.is_dir()) {
        if let Some(asked) = lists::modified(&repository.join("repodata/repomd.xml"))? {
            oldest = Some(oldest.map_or(asked, |oldest: SystemTime| oldest.min(asked)));
        }
    }
    Ok(touched.max(oldest))
}

fn any_list(root: &Path) -> Result<bool> {
    for directory in ["var/cache/dnf", "var/cache/libdnf5", "var/cache/yum"] {
        if files_in(&root.join(directory))?.iter().any(|path| path.is_dir()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// dnf, with the states that were asked for, and all that is installed: resources ask one after the other, and a call of rpm
/// for all packages of a machine costs as much as some for one each.
#[derive(Default)]
pub struct Dnf {
    asked: RefCell<HashMap<String, PackageState>>,
    installed: RefCell<Option<Vec<query::Installed>>>,
    readable: Cell<Option<bool>>,
    /// Files of repositories that could not be read, and that say themselves that this is no fault.
    passed_over: RefCell<BTreeSet<PathBuf>>,
}

impl Manager for Dnf {
    fn absent(&self, root: &Path) -> Option<String> {
        (!has_program(root, "rpm")).then(|| "this machine has no `rpm`: dnf packages cannot be managed here".to_owned())
    }

    /// Asks rpm once for all that is installed, and again only about what is no package's own name.
    fn packages(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<PackageState>> {
        let mut known = self.asked.borrow_mut();
        let mut new: Vec<String> = names.iter().filter(|name| !known.contains_key(*name)).cloned().collect();
        new.sort();
        new.dedup();
        if !new.is_empty() {
            let mut installed = self.installed.borrow_mut();
            // Whether a group is there, rpm does not know.
            if installed.is_none() && !new.iter().all(|name| groups::is(name)) {
                *installed = Some(query::whole(context.tools)?);
            }
            let states = states(context, &new, installed.as_deref())?;
            known.extend(new.into_iter().zip(states));
        }
        Ok(names.iter().map(|name| known.get(name).cloned().unwrap_or_default()).collect())
    }

    fn candidates(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        candidates(context, names)
    }

    fn simulate(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        simulate(context, transaction)
    }

    fn perform(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        perform(context, transaction)
    }

    fn forget(&self) {
        self.asked.borrow_mut().clear();
        self.installed.borrow_mut().take();
        self.readable.take();
    }

    fn lists(&self) -> Option<&'static Lists> {
        Some(&LISTS)
    }

    fn marks_automatic(&self, root: &Path) -> bool {
        marks::told(root)
    }

    fn reads_all_sources(&self, context: &Context<'_>) -> Result<bool> {
        let known = self.readable.get();
        let readable = known.map_or_else(|| reads_all_sources(context), Ok)?;
        self.readable.set(Some(readable));
        Ok(readable)
    }

    fn passed_over(&self, source: &Path) -> bool {
        self.passed_over.borrow().contains(source)
    }

    fn update_lists(&self, context: &Context<'_>, source: Option<&Path>) -> Result<()> {
        self.readable.take();
        let all_read = update_lists(context, source)?;
        if let Some(source) = source {
            let mut passed_over = self.passed_over.borrow_mut();
            passed_over.remove(source);
            passed_over.extend((!all_read).then(|| source.to_owned()));
        }
        Ok(())
    }
}

/// State of packages and groups, as `@NAME`, with the packages that are held.
fn states(context: &Context<'_>, names: &[String], known: Option<&[query::Installed]>) -> Result<Vec<PackageState>> {
    let (groups, plain): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| groups::is(name));
    let marks = if plain.is_empty() { Marks::default() } else { Marks::of(context.root)? };
    let of_plain = query::marked_states(context.tools, &plain, known, &|one| marks.automatic(&one.full()))?;
    let mut of_plain = of_plain.into_iter();
    let there = if groups.is_empty() { Vec::new() } else { groups::installed(context)? };
    // A lock outlives the package that it is about.
    let held = if plain.is_empty() { Held::default() } else { Held::of(context.root)? };
    let state = |name: &String| {
        if groups::is(name) {
            let version = there.contains(name).then(|| groups::INSTALLED.to_owned());
            return PackageState { versions: version.iter().cloned().collect(), version, ..PackageState::default() };
        }
        PackageState { held: held.holds(name), ..of_plain.next().unwrap_or_default() }
    };
    Ok(names.iter().map(state).collect())
}

/// What would be installed for each name.
fn candidates(context: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>> {
    let program = Program::of(context.root)?;
    for name in names.iter().filter(|name| !groups::is(name)) {
        query::valid(name)?;
    }
    if program.is_micro() {
        return names.iter().map(|name| tried(context, program, name)).collect();
    }
    if program.is_yum() {
        let words = ["list", "available", "-q"].into_iter().map(ToOwned::to_owned);
        let answer = context
            .tools
            .query(&Command::new([program.name.to_owned()].into_iter().chain(words).chain(names.iter().cloned())))?;
        return Ok(names.iter().map(|name| query::available(&answer.stdout, name)).collect());
    }
    let ask = |what: &[&str], names: &[String]| -> Result<Vec<query::Installed>> {
        let format = ["-q", "repoquery", "--qf", "=\t%{name}\t%{epoch}\t%{version}\t%{release}\t%{arch}\n"];
        let words = format.iter().chain(what).map(|word| (*word).to_owned());
        let command = Command::new([program.name.to_owned()].into_iter().chain(words).chain(names.iter().cloned()));
        let answer = context.tools.query(&command)?;
        if !answer.success() {
            return Err(failure(&format!("cannot ask `{program}` for {}", quoted(names)), &joined(&answer)));
        }
        Ok(query::parse(&answer.stdout))
    };
    let plain: Vec<String> = names.iter().filter(|name| !groups::is(name)).cloned().collect();
    let known = if plain.is_empty() { Vec::new() } else { ask(&["--latest-limit=1"], &plain)? };
    names
        .iter()
        .map(|name| {
            // What a group would bring is known only by trying.
            if groups::is(name) {
                return Ok(None);
            }
            if let Some(found) = query::newest(known.iter().filter(|one| one.answers(name))) {
                return Ok(Some(found.candidate(name)));
            }
            // A capability or a path.
            let providers = ask(&["--latest-limit=1", "--whatprovides"], std::slice::from_ref(name))?;
            match query::newest(providers.iter()) {
                Some(newest) if providers.iter().any(|one| one.name != newest.name) => {
                    preferred(context, program, name, &providers)
                }
                newest => Ok(newest.map(|newest| newest.candidate(name))),
            }
        })
        .collect()
}

/// What microdnf would put in for a name: it tells no versions, so it is told to install it and not allowed to.
fn tried(context: &Context<'_>, program: Program, name: &str) -> Result<Option<Candidate>> {
    if groups::is(name) {
        return Ok(None);
    }
    let command = command(program, "--assumeno", "install", &[name.to_owned()], &Transaction::new(Provider::Dnf));
    let answer = context.tools.query(&command)?;
    let output = joined(&answer);
    let plan = output::plan(&output);
    if plan.is_empty() && !answer.success() && missing(&output).is_none() {
        return Err(failure(&format!("cannot ask `{program}` for `{name}`"), &output));
    }
    let own = plan.iter().find(|row| row.comes() && row.package.answers(name));
    Ok(own.map(|row| row.package.candidate(name)))
}

/// Which of several providers of a capability dnf would take.
fn preferred(
    context: &Context<'_>,
    program: Program,
    name: &str,
    providers: &[query::Installed],
) -> Result<Option<Candidate>> {
    let command = command(program, "--assumeno", "install", &[name.to_owned()], &Transaction::new(Provider::Dnf));
    let plan = output::plan(&joined(&looked(context, program, command)?));
    Ok(query::chosen(&plan, providers))
}

/// Asks for a package that nothing has: dnf reads all repositories for that.
fn reads_all_sources(context: &Context<'_>) -> Result<bool> {
    let tells = |program: &Program| !program.is_yum() && !program.is_micro();
    let Some(program) = Program::of(context.root).ok().filter(tells) else { return Ok(false) };
    let command = Command::new([program.name, "--assumeno", "repoquery", query::DIVIDER]);
    let answer = looked(context, program, command)?;
    Ok(answer.success() && !output::leaves_out(&joined(&answer)))
}

/// All versions of a package on offer, and the one installed.
fn versions(context: &Context<'_>, name: &str) -> Result<Vec<String>> {
    let program = Program::of(context.root)?;
    program.lacks(&format!("tell which versions of `{name}` are on offer"))?;
    let words: &[&str] = if program.is_yum() {
        &["list", "-q", "--showduplicates"]
    } else {
        &["-q", "repoquery", "--qf", "=\t%{name}\t%{epoch}\t%{version}\t%{release}\t%{arch}\n"]
    };
    let command =
        Command::new([program.name].iter().chain(words).map(|word| (*word).to_owned()).chain([name.to_owned()]));
    let answer = context.tools.query(&command)?;
    if program.is_yum() {
        let candidates = answer.stdout.lines().filter_map(|line| query::available(line, name));
        return Ok(candidates.map(|candidate| candidate.version).collect());
    }
    if !answer.success() {
        return Err(failure(&format!("cannot ask `{program}` for the versions of `{name}`"), &joined(&answer)));
    }
    let found = query::parse(&answer.stdout).into_iter().filter(|one| one.answers(name));
    Ok(found.map(|one| one.version()).collect())
}

/// Everything that would be changed.
fn simulate(context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
    let program = Program::of(context.root)?;
    let work = Work::needed(context, transaction)?;
    let (rows, unasked) = rehearse(context, program, transaction, &work)?;
    refuse_removals(program.name, &unasked)?;
    let before = query::named(context.tools, rows.iter().map(|row| row.package.name.as_str()))?;
    let mut changes = changes::planned(&rows, &before, &work.names());
    changes.extend(work.groups());
    Ok(changes)
}

/// What the calls would change, by the tables that `--assumeno` shows, and what of it would go that nothing asks to remove.
fn rehearse(
    context: &Context<'_>,
    program: Program,
    transaction: &Transaction,
    work: &Work,
) -> Result<(Vec<Row>, Vec<String>)> {
    let mut rows: Vec<Row> = Vec::new();
    let mut going = Vec::new();
    for (verb, names) in work.calls(program) {
        // What is removed by a call before is still in the way of this one.
        let pending: Vec<Row> = rows.iter().filter(|row| !row.comes()).cloned().collect();
        let settings =
            Transaction { allow_removals: transaction.allow_removals || !pending.is_empty(), ..transaction.clone() };
        let mut command = command(program, "--assumeno", verb, &names, &settings);
        // A simulation cannot release anything first.
        if !transaction.release.is_empty() {
            let without = if program.is_five() { "--setopt=disable_excludes=*" } else { "--disableplugin=versionlock" };
            command.argv.insert(1, without.to_owned());
        }
        let answer = looked(context, program, command)?;
        let output = joined(&answer);
        let plan = output::plan(&output);
        // The exit code is 1 for a plan that was not agreed to, and for an error too.
        if plan.is_empty() && !answer.success() {
            return Err(missing(&output).unwrap_or_else(|| {
                failure(&format!("`{program}` would refuse to {verb} {}", quoted(&names)), &output)
            }));
        }
        if verb != REMOVE && !transaction.allow_removals {
            let same = |row: &Row| plan.iter().any(|other| other.comes() && other.package.name == row.package.name);
            let named = |row: &Row| if same(row) { row.package.full() } else { row.package.name.clone() };
            going.extend(unasked(&plan, &pending).map(named));
        }
        rows.extend(plan.into_iter().filter(|row| !pending.contains(row)));
    }
    Ok((rows, going))
}

/// What goes by the plan of an installation and did not go before. One of several versions may go: a system keeps but so
/// many kernels.
fn unasked<'p>(plan: &'p [Row], gone: &'p [Row]) -> impl Iterator<Item = &'p Row> {
    let stays = |row: &Row| plan.iter().any(|other| other.comes() && other.package.replaces(&row.package));
    plan.iter().filter(move |row| !row.comes() && !gone.contains(row) && !stays(row))
}

/// Only looks: dnf 5 would wait even for that, as long as it takes and without a word.
fn looked(context: &Context<'_>, program: Program, mut command: Command) -> Result<Answer> {
    if program.is_five() && locks::first_held(context.root, &LOCKS)?.is_some() {
        command.argv.insert(1, "--skip-file-locks".to_owned());
    }
    context.tools.query(&command)
}

/// Carries out a transaction: removals first (dnf has no one command for both), then all installations in one call.
fn perform(context: &Context<'_>, transaction: &Transaction) -> Result<()> {
    let program = Program::of(context.root)?;
    let started = Instant::now();
    let deadline = started + Duration::from(transaction.timeout);
    if Work::needed(context, transaction)?.is_empty() {
        return Ok(());
    }
    let waited = wait(context, started, deadline)?;
    let work = Work::needed(context, transaction)?;
    let rehearsed = context.rehearsed && !waited;
    if !rehearsed && !transaction.allow_removals && work.installs() {
        asks_for_all(context, program, transaction, &work)?;
    }
    if transaction.config_files == ConfigFiles::Replace {
        note(context, "rpm decides by package whose configuration files win: the setting is of no effect".to_owned());
    }
    let before = query::whole(context.tools)?;
    let mut output = String::new();
    let mut failed = false;
    let mut ended = Ok(());
    let holding = Transaction { options: Vec::new(), recommends: None, ..transaction.clone() };
    let calls = work.locks("delete", &work.release).into_iter().chain(work.calls(program));
    let calls = calls.chain(work.locks("add", &work.hold)).chain(work.marks());
    for (verb, names) in calls {
        let settings = if [VERSIONLOCK, MARK].contains(&verb) { &holding } else { transaction };
        let mut command = command(program, "-y", verb, &names, settings);
        let left = deadline.saturating_duration_since(Instant::now()).as_secs().max(1);
        command.timeout = Seconds(left);
        command.environment.insert("PYTHONUNBUFFERED".to_owned(), "1".to_owned());
        match watched(context, command) {
            Ok((answer, printed)) => {
                output.push_str(&printed);
                failed = !answer.success();
            }
            Err(error) => ended = Err(error),
        }
        if failed || ended.is_err() {
            break;
        }
    }
    // Also of a transaction that was stopped half way, the changes are told.
    context.changes.borrow_mut().extend(changes::between(&before, &query::whole(context.tools)?));
    ended?;
    let (left, groups) = work.left(context)?;
    context.changes.borrow_mut().extend(groups);
    if !left.is_empty() {
        return Err(refusal(program, &left, &output));
    }
    for script in output::scripts(&output) {
        note(context, format!("a script of a package failed, the package counts as installed all the same: {script}"));
    }
    if failed {
        let reason = output::reason(&output);
        let said = if reason.is_empty() {
            format!(
                "`{program}` did not come to its end: all that was asked for is there, but scripts of the packages may not have \
                 run; `{program} reinstall` runs them again"
            )
        } else {
            format!("`{program}` did everything asked for, but complains: {reason}")
        };
        note(context, said);
    }
    Ok(())
}

/// Refuses work by which something goes that nothing asks to remove: dnf takes away what is obsolete, and has no option
/// against it. What dnf itself would refuse is found here too.
fn asks_for_all(context: &Context<'_>, program: Program, transaction: &Transaction, work: &Work) -> Result<()> {
    let rehearse = || rehearse(context, program, transaction, work);
    let rehearsed = rehearse().or_else(|error| {
        // Only with a yes it takes the key of a repository, and knows nothing of that before.
        if program.is_yum() {
            return Err(error);
        }
        let mut command = Command::new([program.name, "-y", "makecache"]);
        command.timeout = transaction.timeout;
        watched(context, command)?;
        rehearse()
    });
    refuse_removals(program.name, &rehearsed?.1)
}

fn refusal(program: Program, left: &[String], output: &str) -> Error {
    missing(output).unwrap_or_else(|| failure(&format!("`{program}` failed, {}", left.join(", ")), output))
}

/// Of names that dnf says it does not know.
fn missing(output: &str) -> Option<Error> {
    let of_some = if output::leaves_out(output) { "that can be read " } else { "" };
    let why = || Some(format!("no enabled repository {of_some}has it"));
    let mut errors: Vec<Error> =
        output::unknown(output).into_iter().map(|name| Error::Missing { kind: "package", name, why: why() }).collect();
    if errors.len() > 1 { Some(Error::Several(errors)) } else { errors.pop() }
}

/// Refreshes the lists, all or those of the one repository that a file is called after. Whether all of them were read: dnf
/// reports success without a repository that has `skip_if_unavailable`.
fn update_lists(context: &Context<'_>, source: Option<&Path>) -> Result<bool> {
    let (program, old) = Program::of(context.root).map(|program| (program, program.is_yum()))?;
    let started = Instant::now();
    wait(context, started, started + UPDATE)?;
    // yum 3 takes no word for refreshing what it has: an expired cache makes it do so.
    if old {
        context.tools.watch(&Command::new([program.name, "-q", "clean", "expire-cache"]), &mut |_| {})?;
    }
    let refresh: &[&str] = if old { &[] } else { &["--refresh"] };
    let id = source.and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let only = id.map(|id| ["--disablerepo=*".to_owned(), format!("--enablerepo={id}")]);
    let words = [program.name, "-y"].into_iter().chain(refresh.iter().copied());
    let words = words.chain(only.iter().flatten().map(String::as_str)).chain(["makecache"]);
    let mut command = Command::new(words);
    command.timeout = Seconds(UPDATE.as_secs());
    let (answer, output) = watched(context, command)?;
    if !answer.success() {
        return Err(failure(&format!("`{program} makecache` failed"), &output)
            .hint("check that the machine reaches the repository, and that its key is given (`gpgkey`)"));
    }
    let all_read = !output::leaves_out(&output);
    if !all_read {
        let which = id.map_or_else(|| "repositories".to_owned(), |id| format!("the repository `{id}`"));
        let reason = output::reason(&output);
        note(context, format!("`{program}` goes on without {which}, which cannot be read: {reason}"));
    }
    match source {
        Some(source) if all_read => lists::fetched(context.root, context.state, source, Vec::new())?,
        Some(_) => {}
        None => lists::stamp(&LISTS, context.root, context.state, SystemTime::now())?,
    }
    Ok(all_read)
}

/// Waits for the locks, so that the holder is known; dnf itself waits for those taken later.
fn wait(context: &Context<'_>, started: Instant, deadline: Instant) -> Result<bool> {
    locks::wait_for(started, deadline, context.progress, &|| {
        if let Some(held) = locks::first_held(context.root, &LOCKS)? {
            return Ok(Some(held));
        }
        for path in PROCESS_FILES {
            if let Some(process) = locks::process_in(&context.root.join(path))? {
                return Ok(Some((format!("the lock `/{path}`"), locks::describe(process))));
            }
        }
        Ok(None)
    })
}

/// Output goes through the status descriptor: it is the only progress that dnf has.
fn watched(context: &Context<'_>, mut command: Command) -> Result<(Answer, String)> {
    let shell = ["/bin/sh", "-c", r#"exec "$@" >&3 2>&1"#, "sh"].map(ToOwned::to_owned);
    command.argv.splice(0..0, shell);
    let mut output = String::new();
    let answer = context.tools.watch(&command, &mut |line| {
        output.push_str(line);
        output.push('\n');
        if let Some((text, percent)) = output::step(line) {
            (context.progress)(&Progress::Step { text, percent: Some(percent) });
        }
    })?;
    output.push_str(&answer.stdout);
    output.push_str(&answer.stderr);
    Ok((answer, output))
}

/// Options stand behind the verb: dnf 5 does not know all of them before it.
fn command(program: Program, answer: &str, verb: &str, names: &[String], transaction: &Transaction) -> Command {
    let mut arguments = vec![program.name.to_owned(), answer.to_owned(), verb.to_owned()];
    if let Some(recommends) = transaction.recommends {
        arguments.push(format!("--setopt=install_weak_deps={}", u8::from(recommends)));
    }
    // microdnf has neither option, removes nothing that is not asked for, and lets nothing go that is in the way.
    if transaction.keep_unneeded && verb == REMOVE && !program.is_micro() {
        arguments.push("--setopt=clean_requirements_on_remove=False".to_owned());
    }
    if transaction.allow_removals && verb == "install" && !program.is_yum() && !program.is_micro() {
        arguments.push("--allowerasing".to_owned());
    }
    arguments.extend(transaction.options.iter().cloned());
    arguments.extend(names.iter().cloned());
    let mut command = Command::new(arguments);
    command.timeout = transaction.timeout;
    command
}

fn failure(what: &str, output: &str) -> Error {
    let reason = output::reason(output);
    if reason.is_empty() {
        let tail: Vec<&str> = output.lines().rev().filter(|line| !line.trim().is_empty()).take(10).collect();
        return Error::failed(format!(
            "{what}; it printed:\n  {}",
            tail.into_iter().rev().collect::<Vec<_>>().join("\n  ")
        ));
    }
    let error = Error::failed(format!("{what}: {reason}"));
    if reason.contains("nknown option --assumeno") {
        error.hint("this microdnf is too old to tell what it would do: install a newer one, or `dnf`")
    } else if reason.contains(VERSIONLOCK) && reason.contains("command") {
        error.hint("install the plugin: `python3-dnf-plugin-versionlock`, or `yum-plugin-versionlock` for yum")
    } else if output.contains("scriptlet failed") {
        error.hint("correct what the package's script complains about, and run again")
    } else if reason.contains("conflicts with") {
        error.hint("the packages cannot be installed together: leave one out, or remove the one in the way first")
    } else {
        error
    }
}

fn joined(answer: &Answer) -> String {
    format!("{}\n{}", answer.stdout, answer.stderr)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn note(context: &Context<'_>, message: String) {
    (context.progress)(&Progress::Note { level: LogLevel::Warn, message });
}

#[cfg(test)]
mod tests;
