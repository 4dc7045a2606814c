//! dpkg and rpm without the package manager above them: packages in files, and nothing that comes along.
use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{Context, Manager, apt, dnf, locks, refused_downgrade, unasked};
use crate::{
    Error, Result,
    host::{
        Answer, Candidate, Command, ConfigFiles, PackageChange, PackageSpec, PackageState, Progress, Provider, Scheme,
        Transaction, versions::rpm::compare,
    },
    values::Seconds,
};

/// The program, with the package manager whose state is the same.
pub struct Alone {
    program: &'static str,
    above: Box<dyn Manager>,
}

impl Alone {
    pub fn dpkg() -> Self {
        Self { program: "dpkg", above: Box::new(apt::Apt::default()) }
    }

    pub fn rpm() -> Self {
        Self { program: "rpm", above: Box::new(dnf::Dnf::default()) }
    }

    fn is_rpm(&self) -> bool {
        self.program == "rpm"
    }

    /// What is left to do: files to install, names to remove, names to purge.
    fn needed(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Work> {
        if let Some(name) = transaction.hold.iter().chain(&transaction.release).next().filter(|_| self.is_rpm()) {
            return Err(Error::Unsupported(format!("brasa cannot hold `{name}`: rpm has no holds")));
        }
        let names: Vec<String> = transaction.install.iter().map(|spec| spec.name.clone()).collect();
        let states = self.above.packages(context, &names)?;
        let mut work = Work::default();
        let scheme = Scheme::of(&transaction.provider);
        for (spec, state) in transaction.install.iter().zip(states) {
            // dpkg itself only warns.
            if let (Some(asked), Some(installed), false) = (&spec.version, &state.version, transaction.allow_downgrade)
                && scheme.compare(asked, installed).is_lt()
            {
                return Err(refused_downgrade(&spec.name, installed, asked));
            }
            if state.broken.is_some() || state.version.is_none() || spec.version != state.version {
                work.install.push(spec.clone());
            }
        }
        let there = |names: &[String], also_files: bool| -> Result<Vec<String>> {
            let states = self.above.packages(context, names)?;
            let is_there = |state: &PackageState| {
                state.version.is_some() || state.broken.is_some() || (also_files && state.config_files)
            };
            Ok(names.iter().zip(states).filter(|(_, state)| is_there(state)).map(|(name, _)| name.clone()).collect())
        };
        (work.remove, work.purge) = (there(&transaction.remove, false)?, there(&transaction.purge, true)?);
        Ok(work)
    }

    fn commands(&self, work: &Work, transaction: &Transaction, test: bool) -> Result<Vec<Command>> {
        let command = |verb: &[&str], words: Vec<String>| {
            let test = test.then_some(if self.is_rpm() { "--test" } else { "--no-act" });
            let argv = [self.program].into_iter().chain(verb.iter().copied()).chain(test).map(str::to_owned);
            let argv = argv.chain(transaction.options.iter().cloned()).chain(["--".to_owned()]).chain(words);
            let mut command = Command::new(argv);
            for (name, value) in [("DEBIAN_FRONTEND", "noninteractive"), ("DEBIAN_PRIORITY", "critical")] {
                command.environment.insert(name.to_owned(), value.to_owned());
            }
            command
        };
        let mut commands = Vec::new();
        if !work.remove.is_empty() {
            commands.push(command(if self.is_rpm() { &["-e"] } else { &["-r"] }, work.remove.clone()));
        }
        if !work.purge.is_empty() {
            commands.push(command(if self.is_rpm() { &["-e"] } else { &["-P"] }, work.purge.clone()));
        }
        if !work.install.is_empty() {
            let mut verb = if self.is_rpm() { vec!["-U", "--nomanifest"] } else { vec!["-i"] };
            match (self.is_rpm(), transaction.config_files) {
                (true, _) if transaction.allow_downgrade => verb.push("--oldpackage"),
                (true, _) => {}
                (false, ConfigFiles::Keep) => verb.extend(["--force-confdef", "--force-confold"]),
                (false, ConfigFiles::Replace) => verb.push("--force-confnew"),
            }
            let files = work.install.iter().map(|spec| self.file(spec)).collect::<Result<_>>()?;
            commands.push(command(&verb, files));
        }
        Ok(commands)
    }

    fn file(&self, spec: &PackageSpec) -> Result<String> {
        spec.file.as_ref().map(|file| file.display().to_string()).ok_or_else(|| {
            Error::failed(format!(
                "`{}` installs packages from files alone, and none is given for `{}`",
                self.program, spec.name
            ))
            .hint("give the file as `source`, or use `package`, which takes what sources offer")
        })
    }

    /// Refuses what the program would refuse, before it has done half of it: dpkg leaves a package behind that is unpacked
    /// and cannot be used.
    fn check(&self, context: &Context<'_>, work: &Work, transaction: &Transaction) -> Result<()> {
        for command in self.commands(work, transaction, true)? {
            let answer = context.tools.query(&command)?;
            if !answer.success() {
                return Err(self.failure(&format!("`{}` would refuse", self.program), &answer));
            }
        }
        // dpkg's trial does not look at what a new package needs, and apt's does.
        if !self.is_rpm() && !work.install.is_empty() && super::has_program(context.root, "apt-get") {
            let mut all = transaction.clone();
            (all.install, all.remove, all.purge) = (work.install.clone(), Vec::new(), Vec::new());
            // apt has other options than dpkg.
            (all.options, all.recommends) = (Vec::new(), Some(false));
            let changes = self.above.simulate(context, &all)?;
            let own = |change: &&PackageChange| !work.install.iter().any(|spec| spec.name == change.name);
            let others: Vec<String> = changes.iter().filter(own).map(|change| format!("`{}`", change.name)).collect();
            if !others.is_empty() {
                let names: Vec<&str> = work.install.iter().map(|spec| spec.name.as_str()).collect();
                return Err(Error::failed(format!(
                    "`dpkg` would refuse `{}`: {} would have to change with it, and dpkg leaves that alone",
                    names.join("`, `"),
                    others.join(", ")
                ))
                .hint(ALONG));
            }
        }
        Ok(())
    }

    /// What rpm takes away, for a package in a file obsoletes it: its trial does not tell.
    fn obsolete(&self, context: &Context<'_>, work: &Work) -> Result<Vec<PackageChange>> {
        let mut gone = Vec::new();
        for spec in work.install.iter().filter(|_| self.is_rpm()) {
            let answer = context.tools.query(&Command::new(["rpm", "-qp", "--obsoletes", "--", &self.file(spec)?]))?;
            for line in answer.stdout.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let Some(name) = words.first().filter(|name| **name != spec.name) else { continue };
                let from = self.above.packages(context, &[(*name).to_owned()])?.remove(0).version;
                let obsolete = |there: &String| match words.as_slice() {
                    &[_, sign, version] => dnf::query::meets(compare(there, version), sign),
                    _ => true,
                };
                if from.as_ref().is_some_and(obsolete) {
                    gone.push(PackageChange { name: (*name).to_owned(), from, to: None });
                }
            }
        }
        Ok(gone)
    }

    /// Tells the package manager above what to remember: it may know an installed package from before, as one that came
    /// along with others. rpm is also where none is above it that remembers such.
    fn mark(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        let asked = transaction.install.iter().map(|spec| &spec.name).chain(&transaction.manual);
        let manual: Vec<String> = asked.cloned().collect();
        if manual.is_empty() || !self.above.marks_automatic(context.root) {
            return Ok(());
        }
        let above = Transaction::new(if self.is_rpm() { Provider::Dnf } else { Provider::Apt });
        self.above.perform(context, &Transaction { manual, timeout: transaction.timeout, ..above })
    }

    /// Tells dpkg which packages are held and which are not any more.
    fn select(&self, context: &Context<'_>, names: &[String], selection: &str) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut command = Command::new([self.program, "--set-selections"]);
        command.stdin = Some(names.iter().flat_map(|name| format!("{name} {selection}\n").into_bytes()).collect());
        let answer = context.tools.watch(&command, &mut |_| {})?;
        if answer.success() {
            return Ok(());
        }
        let what = format!("`{}` cannot mark `{}` as `{selection}`", self.program, names.join("`, `"));
        Err(self.failure(&what, &answer))
    }

    fn failure(&self, what: &str, answer: &Answer) -> Error {
        let output = format!("{}\n{}", answer.stdout, answer.stderr);
        let noise = ["rpm: ", "(Reading database", "Preparing to", "Selecting prev", "Errors were", "Unpacking"];
        let lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
        let said: Vec<&str> =
            lines.filter(|line| !noise.iter().any(|start| line.starts_with(start))).take(12).collect();
        let error = Error::failed(format!("{what}: {}", said.join("; ")));
        if output.contains("ependenc") || output.contains("depends on") { error.hint(ALONG) } else { error }
    }
}

const ALONG: &str = "declare what it needs before it, or use `package` with the same `source`, which brings that along";

#[derive(Default)]
struct Work {
    install: Vec<PackageSpec>,
    remove: Vec<String>,
    purge: Vec<String>,
}

impl Manager for Alone {
    fn absent(&self, root: &Path) -> Option<String> {
        self.above.absent(root)
    }

    fn packages(&self, context: &Context<'_>, names: &[String]) -> Result<Vec<PackageState>> {
        self.above.packages(context, names)
    }

    /// Only a file offers something.
    fn candidates(&self, _: &Context<'_>, names: &[String]) -> Result<Vec<Option<Candidate>>> {
        Ok(vec![None; names.len()])
    }

    fn simulate(&self, context: &Context<'_>, transaction: &Transaction) -> Result<Vec<PackageChange>> {
        let work = self.needed(context, transaction)?;
        self.check(context, &work, transaction)?;
        let names: Vec<String> = [&work.remove[..], &work.purge].concat();
        let mut changes = Vec::new();
        for (name, state) in names.iter().zip(self.above.packages(context, &names)?) {
            changes.push(PackageChange { name: name.clone(), from: state.version, to: None });
        }
        for spec in &work.install {
            let state = self.above.packages(context, std::slice::from_ref(&spec.name))?.remove(0);
            changes.push(PackageChange { name: spec.name.clone(), from: state.version, to: spec.version.clone() });
        }
        changes.retain(|change| change.from != change.to);
        for change in self.obsolete(context, &work)? {
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        if let Some(name) = unasked(&changes, &names).next() {
            return Err(Error::failed(format!("{} would remove `{name}`, which nothing asks for", self.program))
                .hint("remove it by a resource of its own before"));
        }
        Ok(changes)
    }

    fn perform(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        let started = Instant::now();
        let deadline = started + Duration::from(transaction.timeout);
        let held: &[(&str, &str)] = if self.is_rpm() { &dnf::LOCKS } else { &apt::INSTALLING };
        locks::wait(context.root, held, started, deadline, context.progress)?;
        if !transaction.moves_nothing() {
            self.above.finish(context, deadline.saturating_duration_since(Instant::now()))?;
        }
        self.select(context, &transaction.release, "install")?;
        self.forget();
        let planned = self.simulate(context, transaction)?;
        let work = self.needed(context, transaction)?;
        let (mut failed, mut ended) = (None, Ok(()));
        for mut command in self.commands(&work, transaction, false)? {
            (context.progress)(&Progress::Step { text: command.to_string(), percent: None });
            command.timeout = Seconds(deadline.saturating_duration_since(Instant::now()).as_secs().max(1));
            match context.tools.watch(&command, &mut |_| {}) {
                Ok(answer) if answer.success() => {}
                Ok(answer) => {
                    failed = Some(answer);
                    break;
                }
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        self.forget();
        let names: Vec<String> = planned.iter().map(|change| change.name.clone()).collect();
        let now = self.above.packages(context, &names)?;
        let done = planned.into_iter().zip(now).filter(|(change, state)| change.from != state.version);
        let done = done.map(|(change, state)| PackageChange { to: state.version, ..change });
        // Also of a transaction that was stopped half way, the changes are told.
        context.changes.borrow_mut().extend(done);
        ended?;
        let left = self.needed(context, transaction)?;
        let left: Vec<String> =
            left.install.into_iter().map(|spec| spec.name).chain(left.remove).chain(left.purge).collect();
        match failed {
            _ if left.is_empty() => {
                self.forget();
                self.select(context, &transaction.hold, "hold")?;
                self.mark(context, transaction)
            }
            Some(answer) => Err(self.failure(&format!("`{}` failed", self.program), &answer)),
            None => Err(Error::failed(format!(
                "`{}` reports success, but nothing has become of `{}`",
                self.program,
                left.join("`, `")
            ))),
        }
    }

    fn refuse_unfinished(&self, context: &Context<'_>) -> Result<()> {
        self.above.refuse_unfinished(context)
    }

    fn forget(&self) {
        self.above.forget();
    }

    fn marks_automatic(&self, root: &Path) -> bool {
        self.above.marks_automatic(root)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs};

    use super::super::{Packages, Tools};
    use crate::{
        Result,
        host::{Answer, Command, PackageSpec, Provider, Transaction},
    };

    #[derive(Debug, Default)]
    struct Heard(RefCell<Vec<String>>);

    impl Tools for Heard {
        fn query(&self, _: &Command) -> Result<Answer> {
            Ok(Answer::default())
        }

        fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            let input = command.stdin.as_ref().map(|input| String::from_utf8_lossy(input).into_owned());
            self.0.borrow_mut().push(format!("{} <<< {:?}", command.argv.join(" "), input.unwrap_or_default()));
            Ok(Answer::default())
        }
    }

    #[test]
    fn dpkg_holds_and_releases() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/lib/dpkg")).unwrap();
        let status = "Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\n\n";
        fs::write(root.path().join("var/lib/dpkg/status"), status).unwrap();
        let packages = Packages::new(root.path(), root.path().join("state"));
        let heard = Heard::default();
        let mut transaction = Transaction::new(Provider::Dpkg);
        transaction.hold = vec!["tool".to_owned()];
        packages.perform(&heard, &transaction, &|_| {}).unwrap();
        (transaction.hold, transaction.release) = (Vec::new(), vec!["tool".to_owned()]);
        packages.perform(&heard, &transaction, &|_| {}).unwrap();
        let said = ["hold", "install"].map(|selection| format!("dpkg --set-selections <<< \"tool {selection}\\n\""));
        assert_eq!(*heard.0.borrow(), said);
    }

    #[test]
    fn rpm_needs_no_package_manager_above_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::write(root.path().join("usr/bin/rpm"), "").unwrap();
        let packages = Packages::new(root.path(), root.path().join("state"));
        let mut transaction = Transaction::new(Provider::Rpm);
        (transaction.remove, transaction.manual) = (vec!["tool".to_owned()], vec!["other".to_owned()]);
        packages.perform(&Heard::default(), &transaction, &|_| {}).unwrap();
    }

    #[test]
    fn dpkg_installs_an_older_one_only_where_that_is_allowed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/lib/dpkg")).unwrap();
        let status = "Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1.10\n\n";
        fs::write(root.path().join("var/lib/dpkg/status"), status).unwrap();
        let packages = Packages::new(root.path(), root.path().join("state"));
        let heard = Heard::default();
        let mut transaction = Transaction::new(Provider::Dpkg);
        let (version, file) = (Some("1.9".to_owned()), Some("/srv/tool.deb".into()));
        transaction.install = vec![PackageSpec { name: "tool".to_owned(), version, file }];
        let refused = packages.perform(&heard, &transaction, &|_| {}).unwrap_err().to_string();
        assert!(refused.contains("version `1.10`, which is newer than `1.9`"), "{refused}");
        assert!(heard.0.borrow().is_empty());
        transaction.allow_downgrade = true;
        packages.perform(&heard, &transaction, &|_| {}).unwrap_err();
        assert!(heard.0.borrow()[0].starts_with("dpkg -i "), "{heard:?}");
    }
}
