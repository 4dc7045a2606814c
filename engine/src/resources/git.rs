//! `git[destination]`
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{in_the_way, leaf_faults, require_parent, resolve},
    git_address::{Address, secrets},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Answer, Command, EntryKind, Op, Probe, shown_address},
    properties,
    resource::{Change, Environment, Found, Goal, Resource},
    values::{Mode, Seconds},
};

/// What was put in place last: so what is there beside it is somebody's own work.
const DEPLOYED: &str = "refs/brasa/deployed";

/// Moves all that is in one directory into another one, where it has no name twice.
const FILL: &str = r#"find "$1" -mindepth 1 -maxdepth 1 -exec mv -nt "$2" -- {} +; rmdir "$1""#;

properties! {
    /// A clone of a git repository, or what is in one. Which commit a branch or tag is at is asked of the repository each
    /// time, in a plan too; a commit that is given by its 40 digits takes no network. Nothing ever prompts: keys and
    /// passwords must be at hand. A user name and password in an `https:` address are kept out of the clone, of command
    /// lines and of reports (git 2.31 or later). Unlike in Chef, work that exists only in the clone, as changed files or
    /// own commits, is not thrown away: with such, a clone that would have to change is an error unless `force` is set.
    pub struct Git("destination path") {
        path: PathBuf;
        /// The address of the repository.
        repository: String,
        /// A branch, a tag, or the 40 digits of a commit; the repository's `HEAD` when not given.
        revision: String,
        /// The name of the local branch; that of the remote branch when not given. A tag or commit has none.
        checkout_branch: String,
        /// How many commits of the history to fetch; all when not given.
        depth: u32,
        /// Whether submodules are put in place too.
        enable_submodules: bool,
        /// What the clone calls the repository; `origin` when not given.
        remote: String,
        /// Further repositories that the clone knows, by their names.
        additional_remotes: Environment,
        /// Whether what was changed in the clone by others is thrown away when another revision is put in place.
        force: bool,
        /// Who runs git and owns the clone.
        user: String,
        /// Primary group it runs with.
        group: String,
        /// Variables added to its environment.
        environment: Environment,
        /// A program in place of `ssh` (`GIT_SSH`).
        ssh_wrapper: PathBuf,
        /// Deadline of each command in seconds; 3600 when not given.
        timeout: Seconds,
    }
    example r#"r.add(Git::at("/srv/app").repository("https://git.example.com/app.git").revision("v1.2"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Sync = "sync": "Has a clone there that is at the revision.",
        Checkout = "checkout": "Makes a clone where there is nothing; what is there is left as it is.",
        Export = "export": "Puts the files of the revision where there is nothing, without a clone.",
    }
}
pub use Action::*;

/// What is at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Nothing.
    Absent,
    /// An empty directory.
    Empty,
    /// A clone.
    Clone,
    /// Other files.
    Files,
}

/// The clone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What is there.
    pub destination: Presence,
    /// The commit that is checked out.
    pub revision: Option<String>,
    /// The local branch; none when a commit itself is checked out.
    pub branch: Option<String>,
    /// Addresses by the names of remotes, of those that are managed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remotes: BTreeMap<String, String>,
    /// Submodules that are not at their revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_submodules: Vec<String>,
    /// Whether an export that was cut off has left something beside the destination.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// What is to be checked out.
    #[serde(skip)]
    target: Option<Target>,
}

/// A revision, as the repository has it.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    commit: String,
    /// The local branch.
    branch: Option<String>,
    /// Whose the directory will be, when it is made for another user.
    made_for: Option<(String, String)>,
}

impl Git {
    /// The clone at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn remote_name(&self) -> &str {
        self.remote.as_deref().unwrap_or("origin")
    }

    fn wanted_revision(&self) -> &str {
        self.revision.as_deref().filter(|revision| !revision.is_empty()).unwrap_or("HEAD")
    }

    fn address(&self) -> Address<'_> {
        Address::of(self.repository.as_deref().unwrap_or_default())
    }

    fn branches(&self) -> String {
        format!("+refs/heads/*:refs/remotes/{}/*", self.remote_name())
    }

    /// The remotes that are managed, their addresses without the credentials in their addresses.
    fn remotes(&self) -> BTreeMap<String, String> {
        let more = self.additional_remotes.iter().flat_map(|remotes| &remotes.0);
        let all =
            more.map(|(name, url)| (name.as_str(), url.as_str())).chain([(self.remote_name(), self.address().whole)]);
        all.map(|(name, url)| (name.to_owned(), Address::of(url).clean)).collect()
    }

    /// A command of git in the clone.
    fn git(&self, words: &[&str]) -> Command {
        self.git_in(&self.path, words)
    }

    fn git_in(&self, place: &Path, words: &[&str]) -> Command {
        let place = place.display().to_string();
        self.git_anywhere(&[&["-C", &place], words].concat())
    }

    /// Where an export is made ready, beside its destination: what is at that is whole.
    fn beside(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.brasa-export"))
    }

    fn git_anywhere(&self, words: &[&str]) -> Command {
        let mut command = Command::new([&["git"], words].concat());
        // No terminal, no window: what would have to be asked for fails.
        let quiet = [("GIT_TERMINAL_PROMPT", "0"), ("GIT_ASKPASS", "/bin/false"), ("SSH_ASKPASS", "/bin/false")];
        let quiet = quiet.into_iter().chain([("SSH_ASKPASS_REQUIRE", "force")]);
        command.environment = quiet.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if let Some(wrapper) = &self.ssh_wrapper {
            command.environment.insert("GIT_SSH".to_owned(), wrapper.display().to_string());
        }
        command.environment.extend(self.environment.clone().unwrap_or_default().0);
        command.user.clone_from(&self.user);
        command.group.clone_from(&self.group);
        command.timeout = self.timeout.unwrap_or(Command::TIMEOUT);
        command
    }

    /// A command that asks the repository. Credentials are told by the environment, and cut out of what is shown of it.
    fn over_network(&self, mut command: Command) -> Command {
        let Address { whole, clean, credentials } = self.address();
        if let Some(credentials) = credentials {
            let settings = [
                ("GIT_CONFIG_COUNT", "1".to_owned()),
                ("GIT_CONFIG_KEY_0", format!("url.{whole}.insteadOf")),
                ("GIT_CONFIG_VALUE_0", clean),
            ];
            command.environment.extend(settings.map(|(name, value)| (name.to_owned(), value)));
            command.secrets = secrets(credentials);
        }
        command
    }

    /// What git says, when it ended with one of these codes.
    fn ask(&self, command: &Command, codes: &[i32], probe: &dyn Probe) -> Result<Answer> {
        let mut command = command.clone();
        // Else `status` writes the clone's index anew.
        command.environment.insert("GIT_OPTIONAL_LOCKS".to_owned(), "0".to_owned());
        let answer = probe.query(&command)?;
        if codes.contains(&answer.code) {
            return Ok(answer);
        }
        if answer.code == 127 {
            let error = Error::failed("there is no program `git` here");
            return Err(error.hint("declare the package `git` before it"));
        }
        let said = command.without_secrets(answer.stderr.trim());
        Err(Error::failed(format!("git cannot tell of `{command}`: {said}")))
    }

    fn presence(&self, probe: &dyn Probe) -> Result<Presence> {
        match resolve(&self.path, probe)?.1.map(|entry| entry.kind) {
            None => return Ok(Presence::Absent),
            Some(EntryKind::Directory) => {}
            Some(kind) => {
                return Err(in_the_way(&self.path, &kind, "directory").hint("remove it, or choose another path"));
            }
        }
        Ok(match probe.list(&self.path)?.as_slice() {
            [] => Presence::Empty,
            names if names.iter().any(|name| name == ".git") => Presence::Clone,
            _ => Presence::Files,
        })
    }

    /// git does not touch what belongs to another user than the one who runs it, as its settings are commands.
    fn refuse_anothers(&self, probe: &dyn Probe) -> Result<()> {
        let number = probe.effective_user().to_string();
        let own = match &self.user {
            Some(user) => probe.user(user)?.map_or_else(|| user.clone(), |user| user.name),
            None => probe.user(&number)?.map_or(number, |user| user.name),
        };
        match resolve(&self.path, probe)?.1 {
            Some(entry) if entry.owner != own => {
                let (path, owner) = (self.path.display(), entry.owner);
                let error =
                    Error::failed(format!("the clone `{path}` belongs to `{owner}`, and git would run as `{own}`"));
                Err(error.hint(format!("set `user` to `{owner}`, or give the clone to `{own}`")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn read_clone(&self, state: &mut State, probe: &dyn Probe) -> Result<()> {
        self.refuse_anothers(probe)?;
        let line = |answer: Answer| Some(answer.stdout.trim().to_owned()).filter(|_| answer.code == 0);
        state.revision = line(self.ask(&self.git(&["rev-parse", "-q", "--verify", "HEAD"]), &[0, 1], probe)?);
        state.branch = line(self.ask(&self.git(&["symbolic-ref", "-q", "--short", "HEAD"]), &[0, 1], probe)?);
        let listed = self.ask(&self.git(&["config", "--get-regexp", r"^remote\..*\.url$"]), &[0, 1], probe)?.stdout;
        let managed = self.remotes();
        for (key, url) in listed.lines().filter_map(|line| line.split_once(' ')) {
            let name = key.trim_start_matches("remote.").trim_end_matches(".url");
            if managed.contains_key(name) {
                // With several addresses it is as none that can be wanted.
                let known = state.remotes.entry(name.to_owned()).or_default();
                *known = if known.is_empty() { shown_address(url) } else { format!("{known} {}", shown_address(url)) };
            }
        }
        if self.enable_submodules.unwrap_or(false) {
            let listed = self.ask(&self.git(&["submodule", "status", "--recursive"]), &[0], probe)?.stdout;
            let stale = listed.lines().filter(|line| line.starts_with(['-', '+', 'U']));
            state.stale_submodules = stale.filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect();
        }
        Ok(())
    }

    /// The commit that the revision means, and whether that is a branch.
    fn commit(&self, probe: &dyn Probe) -> Result<(String, bool)> {
        let revision = self.wanted_revision();
        if is_commit(revision) {
            return Ok((revision.to_owned(), false));
        }
        let (tag, branch) = (format!("refs/tags/{revision}"), format!("refs/heads/{revision}"));
        let names = match revision {
            "HEAD" => vec!["HEAD".to_owned()],
            whole if whole.starts_with("refs/") => vec![format!("{whole}^{{}}"), whole.to_owned()],
            _ => vec![format!("{tag}^{{}}"), tag, branch.clone()],
        };
        let address = self.address().clean;
        let mut words = vec!["ls-remote", "--", &address];
        words.extend(names.iter().map(String::as_str));
        let command = self.over_network(self.git_anywhere(&words));
        let listed = self.ask(&command, &[0], probe)?.stdout;
        let lines: Vec<_> = listed.lines().filter_map(|line| line.split_once('\t')).collect();
        let found = names.iter().find_map(|name| lines.iter().find(|(_, known)| known == name));
        let Some((commit, name)) = found else {
            let shown = shown_address(self.address().whole);
            let error = Error::failed(format!("`{shown}` has no branch or tag `{revision}`"));
            return Err(error.hint("a branch is named without `origin/`, a commit by all its 40 digits"));
        };
        Ok(((*commit).to_owned(), *name == branch))
    }

    /// Refuses to throw away what is only here.
    fn refuse_own_work(&self, now: &State, branch: Option<&str>, probe: &dyn Probe) -> Result<()> {
        if self.force.unwrap_or(false) || now.revision.is_none() {
            return Ok(());
        }
        let path = self.path.display();
        let force = "or set `force` to have it thrown away";
        let changed = self.ask(&self.git(&["status", "--porcelain", "--untracked-files=no"]), &[0], probe)?.stdout;
        let mut files = changed.lines().filter_map(|line| line.get(3..));
        if let Some(first) = files.next() {
            let more = match files.count() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let error = Error::failed(format!("somebody changed `{first}`{more} in the clone `{path}`"));
            return Err(error.hint(format!("commit and push it, {force}")));
        }
        let branch = branch.map(|branch| format!("refs/heads/{branch}"));
        let mut asked = vec!["rev-list", "--max-count=1", "--ignore-missing", "HEAD"];
        asked.extend(branch.as_deref());
        asked.extend(["--not", "--remotes", "--tags", DEPLOYED]);
        let own = self.ask(&self.git(&asked), &[0], probe)?.stdout;
        if !own.trim().is_empty() {
            let error = Error::failed(format!("commit `{}` is only in the clone `{path}`", own.trim()));
            return Err(error.hint(format!("push it, {force}")));
        }
        Ok(())
    }

    fn target(&self, now: &State, exports: bool, probe: &dyn Probe) -> Result<Target> {
        let (commit, is_branch) = self.commit(probe)?;
        let branch = match &self.checkout_branch {
            Some(branch) => Some(branch.clone()),
            None => is_branch.then(|| self.wanted_revision().to_owned()),
        };
        let mut made_for = None;
        if now.destination == Presence::Absent {
            require_parent(&self.path, probe)?;
        }
        if (now.destination == Presence::Absent || exports)
            && let Some(name) = &self.user
        {
            let missing = || Error::Missing { kind: "user", name: name.clone(), why: None };
            let user = probe.user(name)?.ok_or_else(missing)?;
            let group = self.group.clone().or(user.group).unwrap_or_else(|| user.name.clone());
            made_for = Some((user.name, group));
        }
        Ok(Target { commit, branch, made_for })
    }

    fn synced(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        let target = self.target(now, false, probe)?;
        let (revision, branch) = (Some(target.commit.clone()), target.branch.clone());
        if now.destination == Presence::Clone && (now.revision != revision || now.branch != branch) {
            self.refuse_own_work(now, branch.as_deref(), probe)?;
        }
        let shown = |(name, url): (String, String)| (name, shown_address(&url));
        let remotes = self.remotes().into_iter().map(shown).collect();
        let (destination, stale_submodules) = (Presence::Clone, Vec::new());
        Ok(State { destination, revision, branch, remotes, stale_submodules, unfinished: false, target: Some(target) })
    }

    /// Commands that make the clone.
    fn clone_ops(&self, place: &Path, target: &Target) -> Vec<Op> {
        let mut operations = Vec::new();
        if let Some((owner, group)) = target.made_for.clone() {
            let (path, mode) = (place.to_owned(), Mode::from(0o755));
            operations.push(Op::Mkdir { path, mode, owner, group });
        }
        let (depth, address, path) =
            (self.depth.map(|n| n.to_string()), self.address().clean, place.display().to_string());
        let mut words = vec!["clone", "-q", "-o", self.remote_name()];
        if let Some(depth) = &depth {
            words.extend(["--depth", depth, "--no-single-branch"]);
        }
        if !is_commit(self.wanted_revision())
            && self.wanted_revision() != "HEAD"
            && !self.wanted_revision().starts_with("refs/")
        {
            words.extend(["--branch", self.wanted_revision()]);
        }
        words.extend(["--", &address, &path]);
        operations.push(Op::Run(self.over_network(self.git_anywhere(&words))));
        if is_commit(self.wanted_revision()) || self.wanted_revision().starts_with("refs/") {
            operations.push(Op::Run(self.fetch(place)));
        }
        operations
    }

    fn fetch(&self, place: &Path) -> Command {
        let (depth, branches) = (self.depth.map(|n| n.to_string()), self.branches());
        let mut words = vec!["fetch", "-q", "--force", "--prune", "--tags"];
        words.extend(depth.iter().flat_map(|depth| ["--depth", depth]));
        words.extend([self.remote_name(), &branches]);
        // A commit, or a name that is neither branch nor tag, may be on no branch.
        let alone = is_commit(self.wanted_revision()) || self.wanted_revision().starts_with("refs/");
        words.extend(alone.then(|| self.wanted_revision()));
        self.over_network(self.git_in(place, &words))
    }

    fn checkout(&self, place: &Path, Target { commit, branch, .. }: &Target) -> Vec<Command> {
        let mut words = vec!["checkout", "-q"];
        words.extend(self.force.unwrap_or(false).then_some("--force"));
        match branch {
            Some(branch) => words.extend(["-B", branch, commit]),
            None => words.extend(["--detach", commit]),
        }
        words.push("--");
        let mut commands = vec![self.git_in(place, &words)];
        if let (Some(branch), None) = (branch, &self.checkout_branch) {
            let upstream = format!("--set-upstream-to={}/{branch}", self.remote_name());
            commands.push(self.git_in(place, &["branch", "-q", &upstream, branch]));
        }
        commands.push(self.git_in(place, &["update-ref", DEPLOYED, commit]));
        commands
    }

    /// Commands that have remotes with these addresses, where they differ.
    fn set_remotes(&self, from: &State, fresh: bool) -> Vec<Command> {
        let mut commands = Vec::new();
        for (name, url) in self.remotes() {
            match from.remotes.get(&name) {
                Some(known) if *known == shown_address(&url) => {}
                None if fresh && name == self.remote_name() => {}
                Some(_) => commands.push(self.git(&["config", "--replace-all", &format!("remote.{name}.url"), &url])),
                None => commands.push(self.git(&["remote", "add", "--", &name, &url])),
            }
        }
        commands
    }
}

fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn no_repository() -> Fault {
    Fault::new("it has no repository").hint("say with `repository` which one to clone")
}

impl Resource for Git {
    const KIND: &'static str = "git";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = leaf_faults(&self.path);
        match self.repository.as_deref() {
            Some(url) if url.starts_with('-') || line_fault("", url).is_some() => {
                faults
                    .push(Fault::new(format!("`{}` is no address of a repository", shown_address(url).escape_debug())));
            }
            Some(_) | None => {}
        }
        let remotes = self.additional_remotes.iter().flat_map(|remotes| remotes.0.keys()).map(|name| ("remote", name));
        let names =
            [("revision", &self.revision), ("checkout_branch", &self.checkout_branch), ("remote", &self.remote)];
        for (what, name) in names.into_iter().filter_map(|(what, name)| Some((what, name.as_ref()?))).chain(remotes) {
            // Source: git-check-ref-format(1).
            let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
            if name.starts_with('-') || name.contains(odd) || name.contains("..") || name.ends_with('/') {
                faults.push(Fault::new(format!("{what} `{}` is no name that git takes", name.escape_debug())));
            }
        }
        if let Some(branch) = self.revision.as_deref().and_then(|name| name.strip_prefix("origin/")) {
            let fault = Fault::new(format!("revision `origin/{branch}` is how a clone calls it"));
            faults.push(fault.hint(format!("write `{branch}`, as the repository calls it")));
        }
        if self.depth == Some(0) {
            faults.push(Fault::new("a depth of 0 has no commit").hint("leave it out to have the whole history"));
        }
        faults
    }

    fn check_action(&self, _: Action) -> Vec<Fault> {
        if self.repository.as_deref().is_none_or(str::is_empty) { vec![no_repository()] } else { Vec::new() }
    }

    /// With the commit, so that it stays as it is when the repository goes on.
    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.name());
        match self.presence(probe)? {
            Presence::Absent | Presence::Empty => return Ok(Some(found.unsaid("that there is no clone"))),
            Presence::Files => return Ok(Some(found.unsaid("files that are no clone"))),
            Presence::Clone => {}
        }
        let mut clone = Self::bare(self.path.clone());
        (clone.user, clone.remote) = (self.user.clone(), self.remote.clone());
        let own = probe.user(&probe.effective_user().to_string())?.map(|user| user.name);
        let owner = resolve(&self.path, probe)?.1.map(|entry| entry.owner);
        if clone.user.is_none() && owner != own {
            clone.user = owner;
        }
        let now = clone.read(probe)?;
        let Some(url) = now.remotes.get(clone.remote_name()) else {
            return Ok(Some(found.unsaid(format!("a clone that has no remote `{}`", clone.remote_name()))));
        };
        let found = found.with("repository", url.as_str()).with("revision", now.revision.clone());
        let found = found.with("checkout_branch", now.branch.clone());
        found.with("user", clone.user).with("remote", clone.remote).settled::<Self>(Sync, probe).map(Some)
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.read_for(Sync, probe)
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        let destination = self.presence(probe)?;
        let mut state = State {
            destination,
            revision: None,
            branch: None,
            remotes: BTreeMap::new(),
            stale_submodules: Vec::new(),
            unfinished: false,
            target: None,
        };
        if action == Export {
            let beside = self.beside();
            // Where files are, it was whole, and is still to be moved there.
            state.unfinished = probe.entry(&beside)?.is_some()
                && (destination != Presence::Files || probe.entry(&beside.join(".git"))?.is_none());
        }
        if action == Sync && destination == Presence::Clone {
            self.read_clone(&mut state, probe)?;
        }
        Ok(state)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let path = self.path.display();
        let to = match (action, now.destination) {
            (Sync, Presence::Files) => {
                let error = Error::failed(format!("`{path}` is not empty and no clone of git"));
                return Err(error.hint("remove what is there, or choose another path"));
            }
            (Checkout, Presence::Clone | Presence::Files) => now.clone(),
            (Export, Presence::Files) => State { unfinished: false, ..now.clone() },
            (Export, Presence::Clone) => {
                let error = Error::failed(format!("`{path}` is a clone, and `export` makes a directory that is none"));
                return Err(error.hint("remove it first, or use the action `sync`"));
            }
            (Sync, _) => self.synced(now, probe)?,
            (Checkout | Export, _) => {
                let destination = if action == Export { Presence::Files } else { Presence::Clone };
                let target = Some(self.target(now, action == Export, probe)?);
                State { destination, target, unfinished: false, ..now.clone() }
            }
        };
        Ok(Goal::State(to))
    }

    fn ops(&self, Change { from, to, .. }: &Change<State>) -> Result<Vec<Op>> {
        let beside = self.beside();
        let fill = || {
            let (from, to) = (beside.display().to_string(), self.path.display().to_string());
            Op::Run(Command::new(["/bin/sh", "-ec", FILL, "fill", &from, &to]))
        };
        let Some(target) = &to.target else { return Ok(from.unfinished.then(fill).into_iter().collect()) };
        let fresh = from.destination != Presence::Clone;
        let moves = fresh || from.revision != to.revision;
        let exports = to.destination == Presence::Files;
        let place = if exports { beside.clone() } else { self.path.clone() };
        let shown = place.display().to_string();
        let mut operations = Vec::new();
        if from.unfinished {
            operations.push(Op::Run(Command::new(["rm", "-rf", "--", &shown])));
        }
        operations.extend(if fresh { self.clone_ops(&place, target) } else { Vec::new() });
        let mut run = |commands: Vec<Command>| operations.extend(commands.into_iter().map(Op::Run));
        if to.destination == Presence::Clone {
            run(self.set_remotes(from, fresh));
        }
        if !fresh && moves {
            run(vec![self.fetch(&place)]);
        }
        if moves || from.branch != to.branch {
            run(self.checkout(&place, target));
        }
        if self.enable_submodules.unwrap_or(false) && (moves || !from.stale_submodules.is_empty()) {
            run(vec![
                self.git_in(&place, &["submodule", "-q", "sync", "--recursive"]),
                self.over_network(self.git_in(&place, &["submodule", "-q", "update", "--init", "--recursive"])),
            ]);
        }
        if exports {
            // Also those of submodules.
            let words = ["find", &shown, "-name", ".git", "-prune", "-exec", "rm", "-rf", "{}", "+"];
            run(vec![Command { user: self.user.clone(), group: self.group.clone(), ..Command::new(words) }]);
            operations.push(match from.destination {
                Presence::Absent => Op::Run(Command::new(["mv", "-T", "--", &shown, &self.path.display().to_string()])),
                // The directory keeps its owner and mode, and may be a mount of its own.
                Presence::Empty | Presence::Clone | Presence::Files => fill(),
            });
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests;
