//! RubyGems: installed gems are read from the specification directories, changes are made by `gem`.
mod specifications;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{Context, Manager, difference, has_program};
use crate::{
    Error, Result,
    host::{
        Answer, Candidate, Command, PackageChange, PackageSpec, PackageState, Pin, Progress, Scheme, Transaction,
        versions::gem::compare,
    },
    values::Seconds,
};

/// RubyGems by one `gem` program, with what is remembered of it.
#[derive(Default)]
pub struct Gem {
    /// The program; the one on `PATH` when not given.
    binary: Option<PathBuf>,
    /// The gem server, in place of the configured ones.
    source: Option<String>,
    memory: RefCell<Memory>,
}

impl Gem {
    pub fn new(binary: Option<PathBuf>, source: Option<String>) -> Self {
        Self { binary, source, ..Self::default() }
    }
}

impl Manager for Gem {
    fn packages(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<PackageState>> {
        self.memory.borrow_mut().packages(context, self.binary.as_deref(), names)
    }

    fn candidates(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        candidates(context, self.binary.as_deref(), self.source.as_deref(), names)
    }

    fn simulate(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let (binary, source) = (self.binary.as_deref(), self.source.as_deref());
        simulate(&mut self.memory.borrow_mut(), context, binary, source, transaction)
    }

    fn perform(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        let (binary, source) = (self.binary.as_deref(), self.source.as_deref());
        perform(&mut self.memory.borrow_mut(), context, binary, source, transaction)
    }

    fn forget(&self) {
        self.memory.borrow_mut().forget();
    }
}

/// What is remembered of gems.
#[derive(Default)]
struct Memory {
    /// Gem homes of programs that are not the platform's own: these do not change.
    homes: HashMap<PathBuf, Vec<PathBuf>>,
    /// Specifications by program; `None` is the platform's.
    specifications: HashMap<Option<PathBuf>, Vec<String>>,
}

impl Memory {
    /// Forgets what is installed.
    fn forget(&mut self) {
        self.specifications.clear();
    }

    /// State of gems, one answer for each name, in order.
    fn packages(
        &mut self,
        context: &Context<'_>,
        binary: Option<&Path>,
        names: &[String],
    ) -> Result<Vec<PackageState>> {
        let specifications = self.read(context, binary)?;
        let state = |name: &String| {
            let versions = specifications::versions(specifications, name);
            PackageState { version: versions.last().cloned(), versions, ..PackageState::default() }
        };
        Ok(names.iter().map(state).collect())
    }

    fn read(&mut self, context: &Context<'_>, binary: Option<&Path>) -> Result<&Vec<String>> {
        let binary = foreign(context.root, binary);
        if !self.specifications.contains_key(&binary) {
            let directories = match &binary {
                None => specifications::platform_directories(context.root)?,
                Some(binary) => self
                    .homes(context, binary)?
                    .iter()
                    .flat_map(|home| specifications::specifications_of(home))
                    .collect(),
            };
            self.specifications.insert(binary.clone(), specifications::read(&directories)?);
        }
        Ok(&self.specifications[&binary])
    }

    fn homes(&mut self, context: &Context<'_>, binary: &Path) -> Result<Vec<PathBuf>> {
        if !self.homes.contains_key(binary) {
            let command = Command::new([program(Some(binary)).as_str(), "environment", "gempath"]);
            let answer = context.tools.query(&command)?;
            // A Ruby that an earlier resource is to install: it has no gems yet, and its homes are asked for later.
            if answer.code == 127 {
                return Ok(Vec::new());
            }
            if !answer.success() {
                return Err(Error::Command {
                    command: command.to_string(),
                    how: format!("exited with {}", answer.code),
                    output: answer.stderr,
                });
            }
            let homes = answer.stdout.trim().split(':').filter(|home| !home.is_empty());
            let homes = homes.map(|home| context.root.join(home.trim_start_matches('/'))).collect();
            self.homes.insert(binary.to_owned(), homes);
        }
        Ok(self.homes[binary].clone())
    }
}

/// The program when it is not the platform's own, whose directories have to be asked for.
fn foreign(root: &Path, binary: Option<&Path>) -> Option<PathBuf> {
    let local = Path::new("/usr/local/bin/gem");
    match binary {
        None if root.join("usr/local/bin/gem").exists() => Some(local.to_owned()),
        None => None,
        Some(binary) if [Path::new("/usr/bin/gem"), Path::new("/bin/gem")].contains(&binary) => None,
        Some(binary) if binary == Path::new("gem") => foreign(root, None),
        Some(binary) => Some(binary.to_owned()),
    }
}

fn program(binary: Option<&Path>) -> String {
    binary.map_or_else(|| "gem".to_owned(), |binary| binary.display().to_string())
}

fn absent(binary: Option<&Path>) -> Error {
    Error::failed(format!("there is no program `{}`: gems cannot be managed here", program(binary)))
        .hint("install Ruby with its `gem` program before the gem, or correct `gem_binary`")
}

/// What the gem server has, for each name.
fn candidates(
    context: &Context<'_>,
    binary: Option<&Path>,
    source: Option<&str>,
    names: &[String],
) -> Result<Vec<Option<Candidate>>> {
    names
        .iter()
        .map(|name| {
            let mut arguments: Vec<String> = vec![program(binary)];
            arguments.extend(["list", "--remote", "--quiet", "--exact"].map(ToOwned::to_owned));
            arguments.extend(from(source));
            arguments.push(valid(name)?.to_owned());
            let answer = context.tools.query(&Command::new(arguments))?;
            if !answer.success() {
                return Err(failure(&format!("cannot ask the gem server about `{name}`"), binary, &answer));
            }
            let version = parse_list(&answer.stdout, name);
            if version.is_none() {
                reachable(context, binary, source, name)?;
            }
            Ok(version.map(|version| Candidate { name: name.clone(), version: version.to_owned() }))
        })
        .collect()
}

/// An empty list may mean that the server cannot be reached: only `install` says so.
fn reachable(context: &Context<'_>, binary: Option<&Path>, source: Option<&str>, name: &str) -> Result<()> {
    let mut arguments: Vec<String> = ["install", "--explain", name].map(ToOwned::to_owned).into();
    arguments.extend(from(source));
    let answer = context.tools.query(&gem(binary, &arguments))?;
    if answer.stderr.contains("here is why") || answer.stderr.contains("Unable to download") {
        return Err(failure(&format!("cannot ask the gem server about `{name}`"), binary, &answer));
    }
    Ok(())
}

/// From lines as `nokogiri (1.15.4 ruby java x86_64-linux)`.
fn parse_list<'a>(output: &'a str, name: &str) -> Option<&'a str> {
    output.lines().find_map(|line| {
        let versions = line.strip_prefix(name)?.strip_prefix(" (")?;
        versions.split([' ', ',', ')']).next().filter(|version| !version.is_empty())
    })
}

/// What `gem` would install, by its own explanation; removals are taken from the transaction.
fn simulate(
    memory: &mut Memory,
    context: &Context<'_>,
    binary: Option<&Path>,
    source: Option<&str>,
    transaction: &Transaction,
) -> Result<Vec<PackageChange>> {
    let work = Work::needed(memory, context, binary, transaction)?;
    let mut changes: Vec<PackageChange> = Vec::new();
    for (name, versions) in &work.remove {
        changes.push(PackageChange { name: name.clone(), from: versions.last().cloned(), to: None });
    }
    for arguments in work.installs(source, transaction) {
        let mut command = gem(binary, &arguments);
        command.argv.push("--explain".to_owned());
        let answer = context.tools.query(&command)?;
        if !answer.success() {
            return Err(failure("`gem` would refuse", binary, &answer));
        }
        let planned: Vec<(String, String)> = parse_explanation(&answer.stdout);
        let names: Vec<String> = planned.iter().map(|(name, _)| name.clone()).collect();
        let states = memory.packages(context, binary, &names)?;
        for ((name, version), state) in planned.into_iter().zip(states) {
            if !state.versions.contains(&version) && changes.iter().all(|change| change.name != name) {
                changes.push(PackageChange { name, from: state.version, to: Some(version) });
            }
        }
    }
    Ok(changes)
}

fn parse_explanation(output: &str) -> Vec<(String, String)> {
    output
        .lines()
        .filter_map(|line| specifications::split(line.strip_prefix("  ")?.trim()))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// Carries out a transaction: one call for all gems without a version, one for each with a version, one for removals.
fn perform(
    memory: &mut Memory,
    context: &Context<'_>,
    binary: Option<&Path>,
    source: Option<&str>,
    transaction: &Transaction,
) -> Result<()> {
    let work = Work::needed(memory, context, binary, transaction)?;
    if work.install.is_empty() && work.remove.is_empty() {
        return Ok(());
    }
    if binary.is_none() && !has_program(context.root, "gem") && foreign(context.root, None).is_none() {
        return Err(absent(None));
    }
    let before = newest(memory.read(context, binary)?);
    let started = Instant::now();
    let (mut failures, mut ended) = (Vec::new(), Ok(()));
    let mut calls = Vec::new();
    if !work.remove.is_empty() {
        let mut arguments: Vec<String> = ["uninstall", "-x", "-a", "-I"].map(ToOwned::to_owned).into();
        arguments.extend(work.remove.iter().map(|(name, _)| name.clone()));
        calls.push(arguments);
    }
    calls.extend(work.installs(source, transaction));
    for arguments in calls {
        let verb = if arguments[0] == "install" { "installing" } else { "removing" };
        let names = arguments.iter().skip(1).filter(|word| work.names(word)).cloned().collect::<Vec<_>>().join(", ");
        (context.progress)(&Progress::Step { text: format!("{verb} gem {names}"), percent: None });
        match run(context, binary, &arguments, transaction.timeout, started) {
            Ok(answer) if answer.success() => {}
            Ok(answer) => failures.push(answer),
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    memory.forget();
    let after = memory.read(context, binary)?;
    // Also of a transaction that was stopped half way, the changes are told.
    context.changes.borrow_mut().extend(difference(&before, &newest(after)));
    ended?;
    let left = work.left(after);
    match (left.is_empty(), failures.first()) {
        (true, None) => Ok(()),
        (true, Some(answer)) => {
            (context.progress)(&Progress::Note {
                level: crate::host::LogLevel::Warn,
                message: failure("`gem` did everything asked for, but complains", binary, answer).to_string(),
            });
            Ok(())
        }
        (false, Some(answer)) => Err(failure(&left.join(", "), binary, answer)),
        (false, None) => Err(Error::failed(format!("`gem` reports success, but {}", left.join(", ")))
            .hint("another `gem` may be first on PATH than the one whose directories are read: set `gem_binary`")),
    }
}

fn is_bounds(version: &str) -> bool {
    version.parse::<Pin>().is_ok_and(|pin| pin.exact().is_none())
}

fn meets(asked: &str, installed: &str) -> bool {
    asked.parse::<Pin>().is_ok_and(|pin| pin.meets(installed, Scheme::Gem))
}

#[derive(Debug)]
struct Work {
    install: Vec<(PackageSpec, PackageState)>,
    /// With the versions that are installed.
    remove: Vec<(String, Vec<String>)>,
}

impl Work {
    fn needed(
        memory: &mut Memory,
        context: &Context<'_>,
        binary: Option<&Path>,
        transaction: &Transaction,
    ) -> Result<Self> {
        let installs: Vec<String> = transaction.install.iter().map(|spec| spec.name.clone()).collect();
        let removals: Vec<String> = transaction.remove.iter().chain(&transaction.purge).cloned().collect();
        for name in installs.iter().chain(&removals) {
            valid(name)?;
        }
        let states = memory.packages(context, binary, &installs)?;
        let present = memory.packages(context, binary, &removals)?;
        let missing = |(spec, state): &(PackageSpec, PackageState)| {
            // Bounds ask for the newest that meets them, which the gem server knows.
            let there = |version: &String| state.versions.iter().any(|one| meets(version, one));
            spec.version.as_ref().is_none_or(|version| is_bounds(version) || !there(version))
        };
        Ok(Self {
            install: transaction.install.iter().cloned().zip(states).filter(missing).collect(),
            remove: removals
                .into_iter()
                .zip(present)
                .map(|(name, state)| (name, state.versions))
                .filter(|(_, versions)| !versions.is_empty())
                .collect(),
        })
    }

    fn names(&self, word: &str) -> bool {
        self.install.iter().any(|(spec, _)| spec.name == word) || self.remove.iter().any(|(name, _)| name == word)
    }

    /// Arguments of the calls that install.
    fn installs(&self, source: Option<&str>, transaction: &Transaction) -> Vec<Vec<String>> {
        let call = |names: Vec<String>, version: Option<&String>| {
            let mut arguments = vec!["install".to_owned()];
            arguments.extend(names);
            if let Some(version) = version {
                arguments.extend(["--version".to_owned(), version.clone()]);
            }
            arguments.push(QUIET.to_owned());
            arguments.extend(from(source));
            arguments.extend(transaction.options.iter().cloned());
            arguments
        };
        let (pinned, free): (Vec<_>, Vec<_>) = self.install.iter().partition(|(spec, _)| spec.version.is_some());
        let free: Vec<String> = free.iter().map(|(spec, _)| spec.name.clone()).collect();
        let mut calls = Vec::new();
        if !free.is_empty() {
            calls.push(call(free, None));
        }
        calls.extend(pinned.iter().map(|(spec, _)| call(vec![spec.name.clone()], spec.version.as_ref())));
        calls
    }

    fn left(&self, specifications: &[String]) -> Vec<String> {
        let mut left = Vec::new();
        for (spec, _) in &self.install {
            let versions = specifications::versions(specifications, &spec.name);
            match &spec.version {
                Some(version) if !versions.iter().any(|one| meets(version, one)) => {
                    left.push(format!("gem `{}` is not installed in version `{version}`", spec.name));
                }
                None if versions.is_empty() => left.push(format!("gem `{}` is not installed", spec.name)),
                Some(_) | None => {}
            }
        }
        for (name, _) in &self.remove {
            if !specifications::versions(specifications, name).is_empty() {
                left.push(format!("gem `{name}` is still installed"));
            }
        }
        left
    }
}

/// No documentation; RubyGems before 2.0 says it with two other words.
const QUIET: &str = "--no-document";
const QUIET_BEFORE_2: [&str; 2] = ["--no-ri", "--no-rdoc"];

fn gem(binary: Option<&Path>, arguments: &[String]) -> Command {
    Command::new([program(binary)].into_iter().chain(arguments.iter().cloned()))
}

fn run(
    context: &Context<'_>,
    binary: Option<&Path>,
    arguments: &[String],
    limit: Seconds,
    started: Instant,
) -> Result<Answer> {
    let mut command = gem(binary, arguments);
    let left = Duration::from(limit).saturating_sub(started.elapsed()).as_secs().max(1);
    command.timeout = Seconds(left);
    let answer = context.tools.watch(&command, &mut |_| {})?;
    if !answer.success() && answer.stderr.contains(&format!("invalid option: {QUIET}")) {
        let at = command.argv.iter().position(|word| word == QUIET).unwrap_or(command.argv.len() - 1);
        command.argv.splice(at..=at, QUIET_BEFORE_2.map(ToOwned::to_owned));
        return context.tools.watch(&command, &mut |_| {});
    }
    Ok(answer)
}

fn from(source: Option<&str>) -> Vec<String> {
    source.map_or_else(Vec::new, |source| ["--clear-sources", "--source", source].map(ToOwned::to_owned).into())
}

/// Source: the documentation of `Gem::Specification::VALID_NAME_PATTERN`.
fn valid(name: &str) -> Result<&str> {
    let good = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if good {
        Ok(name)
    } else {
        Err(Error::failed(format!("`{name}` is not the name of a gem"))
            .hint("a name has letters, digits, `_`, `-` and `.`; a version is a property of its own"))
    }
}

fn failure(what: &str, binary: Option<&Path>, answer: &Answer) -> Error {
    if answer.code == 127 {
        return absent(binary);
    }
    let output = format!("{}\n{}", answer.stdout, answer.stderr);
    let said = said(&output);
    let tail: Vec<&str> = output.lines().rev().filter(|line| !line.trim().is_empty()).take(15).collect();
    let reason = if said.is_empty() { tail.into_iter().rev().collect::<Vec<_>>().join("\n  ") } else { said };
    let build = build_output(&output);
    let reason = if build.is_empty() { reason } else { format!("{reason}; it printed:\n  {}", build.join("\n  ")) };
    let error = Error::failed(format!("{what}: {reason}"));
    if output.contains("native extension") {
        error.hint("a gem with compiled parts needs a compiler, `make` and Ruby's headers: install them before it")
    } else if output.contains("Could not find a valid gem") {
        error.hint("correct the name or the version, or give the `source` that has it")
    } else {
        error
    }
}

/// The end of what the build of a gem's compiled parts printed.
fn build_output(output: &str) -> Vec<&str> {
    let lines = output.lines().skip_while(|line| !line.contains("Failed to build gem native extension")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("Gem files will remain")).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(15)..].to_vec()
}

/// `gem` puts its reason on lines below the one that says that there is one.
fn said(output: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut more = false;
    for line in output.lines() {
        let text = line.trim();
        let error = text.strip_prefix("ERROR:").map(str::trim);
        match (error, said.last_mut()) {
            (Some(error), _) => said.push(error.trim_end_matches(", here is why:").to_owned()),
            (None, Some(last)) if more && line.starts_with(' ') && !text.is_empty() => {
                last.push_str(": ");
                last.push_str(text);
            }
            (None, Some(_) | None) => {}
        }
        more = error.is_some() || (more && line.starts_with(' '));
    }
    said.dedup();
    said.join("; ")
}

fn newest(specifications: &[String]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, version) in specifications.iter().filter_map(|file| specifications::split(file)) {
        let newest = all.entry(name.to_owned()).or_insert_with(|| version.to_owned());
        if compare(newest, version).is_lt() {
            version.clone_into(newest);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{build_output, parse_explanation, parse_list, said, valid};

    #[test]
    fn the_output_of_a_failed_build_is_kept() {
        let output = "Building native extensions. This could take a while...\nERROR:  Error installing x-1.gem:\n\tERROR: Failed to \
                      build gem native extension.\n\n    current directory: /var/lib/gems/x/ext\nno compiler here\n\nextconf \
                      failed, exit code 1\n\nGem files will remain installed in /var/lib/gems\n";
        assert_eq!(
            build_output(output),
            ["current directory: /var/lib/gems/x/ext", "no compiler here", "extconf failed, exit code 1"]
        );
        assert_eq!(said(output), "Error installing x-1.gem:; Failed to build gem native extension.");
    }

    #[test]
    fn the_reason_below_an_error_is_kept() {
        let output = "Fetching x\nERROR:  Could not find a valid gem 'rack' (>= 0), here is why:\n          Unable to download \
                      data from https://rubygems.org/ - no route to host\nmore\nERROR:  While executing gem ...\n";
        assert_eq!(
            said(output),
            "Could not find a valid gem 'rack' (>= 0): Unable to download data from https://rubygems.org/ - no route to \
             host; While executing gem ..."
        );
    }

    #[test]
    fn the_servers_answer_is_read() {
        let output = "nokogiri (1.15.4 ruby java x86_64-linux)\nnokogiri-x (2.0)\nrack (3.0.8)\n";
        assert_eq!(parse_list(output, "nokogiri"), Some("1.15.4"));
        assert_eq!(parse_list(output, "rack"), Some("3.0.8"));
        assert_eq!(parse_list(output, "rac"), None);
    }

    #[test]
    fn the_explanation_is_read() {
        let output = "Gems to install:\n  rack-3.0.8\n  nokogiri-1.15.4-x86_64-linux\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(parse_explanation(output), [pair("rack", "3.0.8"), pair("nokogiri", "1.15.4")]);
    }

    #[test]
    fn only_names_are_names() {
        for good in ["rack", "net-ssh", "ruby_parser", "a.b", "RedCloth"] {
            assert!(valid(good).is_ok(), "{good}");
        }
        for bad in ["", "-v", "a b", "rack:1.0", "x;y", "../x"] {
            assert!(valid(bad).is_err(), "{bad}");
        }
    }
}
