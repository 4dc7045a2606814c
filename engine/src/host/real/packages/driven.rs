//! What package managers have in common that know no more than names and versions: all that is installed is read at once,
//! one call of the tool makes a change, and what is installed afterwards tells whether it has.
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    slice::from_ref,
    time::{Duration, Instant, SystemTime},
};

use super::{Context, Lists, Manager, difference, lists, locks, refuse_removals, refused_downgrade, unasked};
use crate::{
    Error, Result,
    host::{
        Answer, Candidate, Command, LogLevel, PackageChange, PackageSpec, PackageState, Pin, Progress, Provider,
        Scheme, Transaction, versions::fits,
    },
    values::Seconds,
};

/// How long a refresh of the lists may take.
const UPDATE: Seconds = Seconds(1800);

/// What is installed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Versions by name.
    pub versions: BTreeMap<String, String>,
    /// Packages by the other names that they provide.
    pub provides: BTreeMap<String, String>,
}

/// What to ask of a tool in one call.
pub enum Call<'a> {
    /// To install these, or to bring them to the version given.
    Install(&'a [PackageSpec]),
    /// To bring these, which are installed, to the newest version.
    Upgrade(&'a [PackageSpec]),
    Remove(&'a [String]),
    /// To remove, with what was configured.
    Purge(&'a [String]),
}

impl Call<'_> {
    fn verb(&self) -> &'static str {
        match self {
            Call::Install(_) => "install",
            Call::Upgrade(_) => "upgrade",
            Call::Remove(_) | Call::Purge(_) => "remove",
        }
    }

    pub fn names(&self) -> Vec<String> {
        match self {
            Call::Install(specs) | Call::Upgrade(specs) => specs.iter().map(|spec| spec.name.clone()).collect(),
            Call::Remove(names) | Call::Purge(names) => names.to_vec(),
        }
    }
}

/// What one tool says itself.
pub trait Tool {
    /// The program, for messages.
    fn name(&self) -> &str;

    /// Why it manages no packages on this machine; `None` when it does.
    fn absent(&self, _root: &Path) -> Option<String> {
        None
    }

    /// Everything that is installed.
    fn installed(&self, context: &Context<'_>) -> Result<Installed>;

    /// The installed package that provides a name which none has.
    fn provider(&self, _: &Context<'_>, installed: &Installed, name: &str) -> Result<Option<String>> {
        Ok(installed.provides.get(name).cloned())
    }

    /// The name as [`Installed`] has it.
    fn key(&self, name: &str) -> String {
        name.to_owned()
    }

    /// The rules of its versions.
    fn scheme(&self) -> Scheme;

    /// Whether an installed version is the one asked for.
    fn satisfies(&self, asked: &str, installed: &str) -> bool {
        self.scheme().matches(asked, installed)
    }

    /// The command that does this.
    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command;

    /// Whether one call takes one package only.
    fn one_each(&self, _: &Transaction) -> bool {
        false
    }

    /// Whether an installation may take other packages away, which its rehearsal tells.
    fn removes(&self) -> bool {
        false
    }

    /// What doing this would change: names with the versions they would have.
    ///
    /// # Errors
    /// What the tool would refuse.
    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>>;

    /// What would be installed for each name, were it asked for; `None` when it does not know.
    fn newest(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<(String, String)>> {
        let mut specs: Vec<PackageSpec> = names.iter().map(|name| PackageSpec::any(name)).collect();
        while !specs.is_empty() {
            match self.rehearse(context, &Call::Upgrade(&specs), &Transaction::new(Provider::Platform)) {
                Ok(plan) => return Ok(plan.into_iter().filter_map(|(name, to)| Some((name, to?))).collect()),
                Err(error) => {
                    // A name that is not known is no reason to say nothing of the others.
                    let unknown = self.unknown(&error.to_string());
                    let before = specs.len();
                    specs.retain(|spec| !unknown.contains(&spec.name));
                    if specs.len() == before {
                        return Err(error);
                    }
                }
            }
        }
        Ok(Vec::new())
    }

    /// All versions on offer; `None` when it tells the newest alone.
    fn versions(&self, _: &Context<'_>, _name: &str) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// Which package of the plan for this name alone is the one that the name, which is none's own, stands for.
    fn meant(&self, _: &Context<'_>, _name: &str, _plan: &[(String, String)]) -> Result<Option<(String, String)>> {
        Ok(None)
    }

    /// Names that the tool says it does not know.
    fn unknown(&self, _output: &str) -> Vec<String> {
        Vec::new()
    }

    /// The tool's reason in what it printed.
    fn reason(&self, output: &str) -> String;

    /// The way out of what it printed, where there is one that people may not know.
    fn cure(&self, _output: &str) -> Option<String> {
        None
    }

    /// Patterns of the packages that are held at their versions; `None` when it knows no holds.
    fn holds(&self, _root: &Path) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// The command that holds packages, or lets them go.
    fn hold(&self, _names: &[String], _held: bool) -> Option<Command> {
        None
    }

    /// The lock that is held, and by whom.
    fn held(&self, _root: &Path) -> Result<Option<(String, String)>> {
        Ok(None)
    }

    /// The lists it keeps.
    fn lists(&self) -> Option<&'static Lists> {
        None
    }

    /// The command that refreshes the lists, all or those of one source.
    fn refresh(&self, _source: Option<&Path>) -> Option<Command> {
        None
    }
}

/// A manager made of a tool.
pub struct Driven {
    provider: Provider,
    tool: Box<dyn Tool>,
    installed: RefCell<Option<Rc<Installed>>>,
    holds: RefCell<Option<Rc<[String]>>>,
}

impl Driven {
    pub fn new(provider: &Provider, tool: impl Tool + 'static) -> Self {
        Self {
            provider: provider.clone(),
            tool: Box::new(tool),
            installed: RefCell::default(),
            holds: RefCell::default(),
        }
    }

    /// Refuses what the tool would take for something else than a name.
    fn valid<'n>(&self, names: impl IntoIterator<Item = &'n String>) -> Result<()> {
        match names.into_iter().find_map(|name| self.provider.name_fault(name)) {
            Some(fault) => Err(Error::failed(fault)),
            None => Ok(()),
        }
    }

    fn installed(&self, context: &Context<'_>) -> Result<Rc<Installed>> {
        if let Some(installed) = self.installed.borrow().as_ref() {
            return Ok(Rc::clone(installed));
        }
        let installed = Rc::new(self.tool.installed(context)?);
        self.installed.replace(Some(Rc::clone(&installed)));
        Ok(installed)
    }

    fn state(&self, context: &Context<'_>, installed: &Installed, name: &str) -> Result<PackageState> {
        let version = installed.versions.get(&self.tool.key(name)).cloned();
        let held = self.holds(context)?.iter().any(|pattern| fits(pattern, name));
        let provided_by = if version.is_none() { self.tool.provider(context, installed, name)? } else { None };
        Ok(PackageState {
            versions: version.iter().cloned().collect(),
            version,
            provided_by,
            held,
            ..PackageState::default()
        })
    }

    fn holds(&self, context: &Context<'_>) -> Result<Rc<[String]>> {
        if let Some(holds) = self.holds.borrow().as_ref() {
            return Ok(Rc::clone(holds));
        }
        let holds: Rc<[String]> = self.tool.holds(context.root)?.unwrap_or_default().into();
        self.holds.replace(Some(Rc::clone(&holds)));
        Ok(holds)
    }

    /// Holds packages, or lets them go.
    fn select(&self, context: &Context<'_>, names: &[String], held: bool) -> Result<()> {
        let command = if names.is_empty() { None } else { self.tool.hold(names, held) };
        let Some(command) = command else { return Ok(()) };
        let answer = context.tools.watch(&command, &mut |_| {})?;
        if answer.success() {
            return Ok(());
        }
        let verb = if held { "hold" } else { "let go" };
        Err(self.failure(&format!("`{}` cannot {verb} `{}`", self.tool.name(), names.join("`, `")), &answer))
    }

    /// Leaves out what is in the state asked for: a tool would upgrade an installed package, or put in an older version.
    fn needed(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Work> {
        let marks = transaction.hold.iter().chain(&transaction.release);
        if let Some(name) = marks.clone().next().filter(|name| self.tool.hold(from_ref(name), true).is_none()) {
            let tool = self.tool.name();
            return Err(Error::Unsupported(format!("brasa cannot hold `{name}`: it knows no holds of `{tool}`")));
        }
        let names = transaction.install.iter().map(|spec| &spec.name);
        self.valid(names.chain(&transaction.remove).chain(&transaction.purge).chain(marks))?;
        let installed = self.installed(context)?;
        let mut work = Work::default();
        for spec in &transaction.install {
            let state = self.state(context, &installed, &spec.name)?;
            let spec = &self.settled(context, spec, state.version.as_ref())?;
            let satisfied = match (&spec.version, &state.version) {
                (Some(asked), Some(version)) if self.tool.satisfies(asked, version) => true,
                (Some(asked), Some(version)) => {
                    if !transaction.allow_downgrade && self.tool.scheme().compare(asked, version).is_lt() {
                        return Err(refused_downgrade(&spec.name, version, asked));
                    }
                    false
                }
                (None, None) => state.provided_by.is_some(),
                (None, Some(_)) | (Some(_), None) => false,
            };
            match (satisfied, &spec.version, &state.version) {
                (true, ..) => {}
                (false, None, Some(_)) => work.upgrade.push(spec.clone()),
                (false, ..) => work.install.push(spec.clone()),
            }
        }
        let there = |names: &[String]| -> Vec<String> {
            let names = names.iter().filter(|name| installed.versions.contains_key(&self.tool.key(name)));
            names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
        };
        (work.remove, work.purge) = (there(&transaction.remove), there(&transaction.purge));
        let marked = |names: &[String], held: bool| -> Result<Vec<String>> {
            let is = |name: &&String| self.state(context, &installed, name).map(|state| state.held != held);
            names.iter().filter_map(|name| is(&name).map(|differs| differs.then(|| name.clone())).transpose()).collect()
        };
        work.release = marked(&transaction.release, false)?;
        // What is only to come is not held yet.
        work.hold = marked(&transaction.hold, true)?;
        Ok(work)
    }

    /// With the version that bounds come to: what the tool would install, else the newest on
    /// offer that meets them, or what is there.
    fn settled(&self, context: &Context<'_>, spec: &PackageSpec, now: Option<&String>) -> Result<PackageSpec> {
        let pin = spec.version.as_deref().map(str::parse::<Pin>).transpose().map_err(Error::failed)?;
        let Some(pin) = pin else { return Ok(spec.clone()) };
        if let Some(exact) = pin.exact() {
            return Ok(PackageSpec { version: Some(exact.to_owned()), ..spec.clone() });
        }
        let newest = self.tool.newest(context, std::slice::from_ref(&spec.name))?;
        let key = self.tool.key(&spec.name);
        let offered = newest.into_iter().filter(|(name, _)| self.tool.key(name) == key).map(|(_, version)| version);
        let mut versions: Vec<String> = offered.collect();
        let scheme = self.tool.scheme();
        let meets = |version: &String| pin.meets(version, scheme);
        let newest = versions.iter().any(meets) || (versions.is_empty() && now.is_some_and(meets));
        let all = if newest { None } else { self.tool.versions(context, &spec.name)? };
        let hint = match all {
            Some(_) => "correct the version, or add the repository that has it before the package".to_owned(),
            None => format!(
                "only the newest version is looked at, for `{}` tells no other: give an exact one",
                self.tool.name()
            ),
        };
        versions = all.unwrap_or(versions);
        if let Some(now) = now.filter(|now| !versions.contains(now)) {
            versions.push(now.clone());
        }
        match pin.newest(&versions, scheme) {
            Some(version) => Ok(PackageSpec { version: Some(version.clone()), ..spec.clone() }),
            None => Err(Error::failed(format!(
                "package `{}` is not on offer in version `{pin}`, only in `{}`",
                spec.name,
                versions.join("`, `")
            ))
            .hint(hint)),
        }
    }

    fn at_once(&self, transaction: &Transaction) -> usize {
        if self.tool.one_each(transaction) { 1 } else { usize::MAX }
    }

    /// What is not as it was to be.
    fn left(&self, context: &Context<'_>, work: &Work) -> Result<Vec<String>> {
        let installed = self.installed(context)?;
        let mut left = Vec::new();
        for spec in work.install.iter().chain(&work.upgrade) {
            let state = self.state(context, &installed, &spec.name)?;
            match (&spec.version, &state.version) {
                (None, None) if state.provided_by.is_some() => {}
                (_, None) => left.push(format!("`{}` is not installed", spec.name)),
                (Some(asked), Some(version)) if !self.tool.satisfies(asked, version) => {
                    left.push(format!("`{}` has version `{version}`, not `{asked}`", spec.name));
                }
                (None | Some(_), Some(_)) => {}
            }
        }
        for (names, held) in [(&work.hold, true), (&work.release, false)] {
            for name in names {
                if self.state(context, &installed, name)?.held != held {
                    left.push(format!("`{name}` is {} held", if held { "not" } else { "still" }));
                }
            }
        }
        for name in work.remove.iter().chain(&work.purge) {
            if installed.versions.contains_key(&self.tool.key(name)) {
                left.push(format!("`{name}` is still installed"));
            }
        }
        Ok(left)
    }

    fn wait(&self, context: &Context<'_>, started: Instant, limit: Seconds) -> Result<bool> {
        locks::wait_for(started, started + Duration::from(limit), context.progress, &|| self.tool.held(context.root))
    }

    /// Says what the tool prints when it fails, with the names that it does not know first.
    fn failure(&self, what: &str, answer: &Answer) -> Error {
        failure(&*self.tool, what, answer)
    }
}

/// An error in the tool's own words.
pub fn failure(tool: &dyn Tool, what: &str, answer: &Answer) -> Error {
    let name = tool.name();
    if answer.code == 127 {
        return Error::failed(format!("there is no program `{name}`: its packages cannot be managed here"))
            .hint("install it before, or correct the `binary` that is named");
    }
    let output = format!("{}\n{}", answer.stdout, answer.stderr);
    let reason = tool.reason(&output);
    let reason = if reason.is_empty() {
        let tail: Vec<&str> = output.lines().rev().filter(|line| !line.trim().is_empty()).take(10).collect();
        format!("it printed:\n  {}", tail.into_iter().rev().collect::<Vec<_>>().join("\n  "))
    } else {
        reason
    };
    let error = Error::failed(format!("{what}: {reason}"));
    match tool.cure(&output) {
        Some(cure) => error.hint(cure),
        None => error,
    }
}

/// Asks the tool, and has what it refuses as an error.
pub fn ask(tool: &dyn Tool, context: &Context<'_>, what: &str, command: &Command) -> Result<Answer> {
    let answer = context.tools.query(command)?;
    if answer.success() { Ok(answer) } else { Err(failure(tool, what, &answer)) }
}

#[derive(Default)]
struct Work {
    install: Vec<PackageSpec>,
    upgrade: Vec<PackageSpec>,
    remove: Vec<String>,
    purge: Vec<String>,
    hold: Vec<String>,
    release: Vec<String>,
}

impl Work {
    fn is_empty(&self) -> bool {
        let lists = [&self.remove, &self.purge, &self.hold, &self.release];
        self.install.is_empty() && self.upgrade.is_empty() && lists.iter().all(|names| names.is_empty())
    }

    /// Removals first: what is to come may be in conflict with what is to go. One call installs as many as `at_once`.
    fn calls(&self, at_once: usize) -> impl Iterator<Item = Call<'_>> {
        let remove = (!self.remove.is_empty()).then_some(Call::Remove(&self.remove));
        let purge = (!self.purge.is_empty()).then_some(Call::Purge(&self.purge));
        let install = self.install.chunks(at_once).map(Call::Install);
        let upgrade = self.upgrade.chunks(at_once).map(Call::Upgrade);
        remove.into_iter().chain(purge).chain(install).chain(upgrade)
    }
}

impl Manager for Driven {
    fn absent(&self, root: &Path) -> Option<String> {
        self.tool.absent(root)
    }

    fn packages(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<PackageState>> {
        let installed = self.installed(context)?;
        names.iter().map(|name| self.state(context, &installed, name)).collect()
    }

    fn candidates(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        self.valid(names)?;
        let newest = self.tool.newest(context, names)?;
        let installed = self.installed(context)?;
        let candidate = |name: &String| {
            let key = self.tool.key(name);
            let offered = newest.iter().find(|(other, _)| self.tool.key(other) == key).map(|(_, version)| version);
            // What is there and would not be changed is the newest itself.
            let version = offered.or_else(|| installed.versions.get(&key));
            if version.is_none() && !newest.is_empty() {
                let plan = if names.len() == 1 { newest.clone() } else { self.tool.newest(context, from_ref(name))? };
                let meant = self.tool.meant(context, name, &plan)?;
                return Ok(meant.map(|(name, version)| Candidate { name, version }));
            }
            Ok(version.map(|version| Candidate { name: name.clone(), version: version.clone() }))
        };
        names.iter().map(candidate).collect()
    }

    fn simulate(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let work = self.needed(context, transaction)?;
        let installed = self.installed(context)?;
        let mut changes: Vec<PackageChange> = Vec::new();
        for call in work.calls(self.at_once(transaction)) {
            let asked = call.names();
            let before = changes.len();
            for (name, to) in self.tool.rehearse(context, &call, transaction)? {
                let key = self.tool.key(&name);
                let from = installed.versions.get(&key).cloned();
                // As the recipe spells it, by which it is looked up later in a plan.
                let name = asked.iter().find(|asked| self.tool.key(asked) == key).cloned().unwrap_or(name);
                if from != to {
                    changes.push(PackageChange { name, from, to });
                }
            }
            if !transaction.allow_removals && matches!(call, Call::Install(_) | Call::Upgrade(_)) {
                let (done, plan) = changes.split_at(before);
                let gone = done.iter().filter(|change| change.to.is_none()).map(|change| change.name.clone());
                let gone: Vec<String> = gone.collect();
                refuse_removals(self.tool.name(), &unasked(plan, &gone).cloned().collect::<Vec<_>>())?;
            }
        }
        Ok(changes)
    }

    fn perform(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        let started = Instant::now();
        if self.needed(context, transaction)?.is_empty() {
            return Ok(());
        }
        let waited = self.wait(context, started, transaction.timeout)?;
        if let Some(lists) = self.tool.lists()
            && !transaction.install.is_empty()
            && !(lists.any)(context.root)?
        {
            self.update_lists(context, None)?;
        }
        self.forget();
        let work = self.needed(context, transaction)?;
        let rehearsed = transaction.allow_removals || (context.rehearsed && !waited);
        if self.tool.removes() && !rehearsed && !(work.install.is_empty() && work.upgrade.is_empty()) {
            self.simulate(context, transaction)?;
        }
        let before = self.installed(context)?;
        let mut failed = None;
        let mut ended = Ok(());
        self.select(context, &work.release, false)?;
        for call in work.calls(self.at_once(transaction)) {
            let text = format!("{}: {} {}", self.tool.name(), call.verb(), call.names().join(", "));
            (context.progress)(&Progress::Step { text, percent: None });
            let mut command = self.tool.command(&call, transaction);
            let left = Duration::from(transaction.timeout).saturating_sub(started.elapsed());
            command.timeout = Seconds(left.as_secs().max(1));
            match context.tools.watch(&command, &mut |_| {}) {
                Ok(answer) if answer.success() => {}
                Ok(answer) => failed = Some(answer),
                Err(error) => ended = Err(error),
            }
            if failed.is_some() || ended.is_err() {
                break;
            }
        }
        let ended = ended.and_then(|()| self.select(context, &work.hold, true));
        self.forget();
        // Also of a transaction that was stopped half way, the changes are told.
        let after = self.installed(context)?;
        context.changes.borrow_mut().extend(difference(&before.versions, &after.versions));
        ended?;
        let left = self.left(context, &work)?.join(", ");
        let name = self.tool.name();
        match failed {
            Some(answer) if !left.is_empty() => Err(self.failure(&format!("`{name}` failed, {left}"), &answer)),
            Some(answer) => {
                let complaint = format!("`{name}` did everything asked for, but complains");
                let message = self.failure(&complaint, &answer).to_string();
                (context.progress)(&Progress::Note { level: LogLevel::Warn, message });
                Ok(())
            }
            None if left.is_empty() => Ok(()),
            None => Err(Error::failed(format!("`{name}` reports success, but {left}"))),
        }
    }

    fn forget(&self) {
        self.installed.take();
        self.holds.take();
    }

    fn lists(&self) -> Option<&'static Lists> {
        self.tool.lists()
    }

    fn update_lists(&self, context: &Context<'_>, source: Option<&Path>) -> Result<()> {
        let (Some(lists), Some(mut command)) = (self.tool.lists(), self.tool.refresh(source)) else { return Ok(()) };
        self.wait(context, Instant::now(), UPDATE)?;
        command.timeout = UPDATE;
        let answer = context.tools.watch(&command, &mut |_| {})?;
        if !answer.success() {
            let what = format!("`{}` cannot refresh the package lists", self.tool.name());
            return Err(self.failure(&what, &answer).hint(
                "check that the machine reaches the source, and that the key which signs it is one that is trusted",
            ));
        }
        match source {
            Some(source) => lists::fetched(context.root, context.state, source, Vec::new()),
            None => lists::stamp(lists, context.root, context.state, SystemTime::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Packages, Tools},
        Call, Context, Driven, Installed, Tool,
    };
    use crate::{
        Result,
        host::{Answer, Command, PackageSpec, Provider, Scheme, Transaction},
    };

    struct Nothing;

    impl Tools for Nothing {
        fn query(&self, _: &Command) -> Result<Answer> {
            Ok(Answer::default())
        }

        fn watch(&self, _: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            Ok(Answer::default())
        }
    }

    /// Has 2.0 as the newest version, and tells these when asked for all.
    struct Pretend(Option<Vec<String>>);

    impl Tool for Pretend {
        fn name(&self) -> &str {
            "pretend"
        }

        fn installed(&self, _: &Context<'_>) -> Result<Installed> {
            Ok(Installed::default())
        }

        fn scheme(&self) -> Scheme {
            Scheme::Python
        }

        fn versions(&self, _: &Context<'_>, _: &str) -> Result<Option<Vec<String>>> {
            Ok(self.0.clone())
        }

        fn command(&self, _: &Call<'_>, _: &Transaction) -> Command {
            Command::new(["pretend"])
        }

        fn rehearse(&self, _: &Context<'_>, call: &Call<'_>, _: &Transaction) -> Result<Vec<(String, Option<String>)>> {
            Ok(call.names().into_iter().map(|name| (name, Some("2.0".to_owned()))).collect())
        }

        fn reason(&self, output: &str) -> String {
            output.to_owned()
        }
    }

    #[test]
    fn bounds_are_met_by_the_newest_of_all_that_meet_them() {
        let settled = |all: Option<&[&str]>, version: &str, now: Option<&str>| {
            let all = all.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
            let driven = Driven::new(&Provider::Apk, Pretend(all));
            let root = tempfile::tempdir().unwrap();
            let packages = Packages::new(root.path(), root.path().join("state"));
            let spec = PackageSpec { version: Some(version.to_owned()), ..PackageSpec::any("a") };
            let context = packages.context(&Nothing, &|_| {});
            match driven.settled(&context, &spec, now.map(str::to_owned).as_ref()) {
                Ok(spec) => spec.version.unwrap(),
                Err(error) => format!("{error}: {}", error.hints().join("; ")),
            }
        };
        let all: &[&str] = &["2.0", "1.10.post1", "1.10", "1.9", "1.0"];
        assert_eq!(settled(Some(all), ">= 1.2", None), "2.0");
        assert_eq!(settled(Some(all), "~> 1.2", None), "1.10.post1");
        assert_eq!(settled(Some(all), "~> 1.2", Some("1.3")), "1.10.post1");
        assert_eq!(settled(None, "~> 1.2", Some("1.3")), "1.3");
        assert_eq!(
            settled(None, "~> 1.2", None),
            "package `a` is not on offer in version `~> 1.2`, only in `2.0`: only the newest version is looked at, for \
             `pretend` tells no other: give an exact one"
        );
    }
}
