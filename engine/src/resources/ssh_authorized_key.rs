//! `ssh_authorized_key[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    edit::{self, Lines},
    entry::{in_the_way, resolve},
    file::{self, File},
    ssh_key::{self, PublicKey},
    user::User as UserAccount,
};
use crate::{
    Error, Fault, Result, actions,
    host::{Entry, EntryKind, Op, Probe, User},
    properties,
    resource::{Change, Content, Found, Goal, Resource},
    values::{Mode, Words},
};

/// Permission bits of the directory and of the file: sshd takes no keys from what others may write to. Source: sshd(8).
const DIRECTORY: u32 = 0o700;
const FILE: u32 = 0o600;

properties! {
    /// Who may log in as a user by a key: lines of `~/.ssh/authorized_keys`. The directory is the user's with the mode 0700,
    /// the file with 0600. Lines of others stay, unless `exclusive` says otherwise. A key is known by itself and not by its
    /// comment: one in whose place there is another now has to be deleted, or `exclusive` set. What the user may have put
    /// there to mislead root, as a link in place of the directory or the file, is never followed.
    pub struct SshAuthorizedKey("name") {
        name: String;
        /// The user who is logged in to, when it is not the name of the resource.
        user: String,
        /// The public key, or several: each a line as `ssh-ed25519 AAAA.. comment`.
        key: Words,
        /// Options in front of each key, as `restrict` or `from="10.0.0.0/8"`; none when not given.
        options: Words,
        /// Whether the user has no other keys than these: every other line goes.
        exclusive: bool,
    }
    example r#"r.add(SshAuthorizedKey::of("deploy").key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz ann").options("restrict"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the keys let in.",
        Delete = "delete": "Has the keys not let in any more; without the user there is nothing to do.",
    }
}
pub use Action::*;

/// The directory and the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// `~/.ssh`.
    pub directory: Option<Entry>,
    /// The file in it.
    pub file: file::State,
    /// The path of the directory.
    #[serde(skip)]
    path: PathBuf,
}

impl SshAuthorizedKey {
    /// Keys that let in as this user.
    #[must_use]
    pub fn of(user: impl Into<String>) -> Self {
        Self::bare(user.into())
    }

    fn who(&self) -> &str {
        self.user.as_ref().unwrap_or(&self.name)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.key.iter().flat_map(|key| &key.0).map(|key| key.trim())
    }

    fn all_options(&self) -> String {
        self.options.iter().flat_map(|options| &options.0).map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// A key as its line is to be.
    fn line(&self, key: &PublicKey) -> String {
        let PublicKey { kind, body, comment } = key;
        let options = self.all_options();
        [options.as_str(), kind, body, comment]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn account(&self, probe: &dyn Probe) -> Result<User> {
        let name = self.who();
        let missing = || Error::Missing { kind: "user", name: name.to_owned(), why: None };
        probe.user(name)?.ok_or_else(missing)
    }

    /// Refuses what the user may have put there: what is read through it could be anybody's, and what is written too.
    fn require_own(&self, now: &State, account: &User) -> Result<()> {
        let file = now.path.join("authorized_keys");
        match &now.directory {
            Some(Entry { kind: EntryKind::Directory, .. }) | None => {}
            Some(Entry { kind, .. }) => return Err(planted(&now.path, kind, "directory")),
        }
        match &now.file.entry {
            Some(Entry { kind: EntryKind::File { .. }, mode, owner, .. }) => {
                // It would be given to the user with all that it says.
                if *owner != account.name && mode.bits() & 0o004 == 0 {
                    let sentence = format!("`{}` belongs to `{owner}`, not to `{}`", file.display(), account.name);
                    return Err(Error::failed(sentence).hint("give it to the user, or take it away, when you know why"));
                }
                Ok(())
            }
            Some(Entry { kind, .. }) => Err(planted(&file, kind, "file")),
            None => Ok(()),
        }
    }

    fn let_in(&self, lines: &mut Lines) {
        let wanted: Vec<_> = self.keys().filter_map(PublicKey::parse).collect();
        if self.exclusive.unwrap_or(false) {
            lines.retain(|line| {
                let (_, key) = parted(line);
                key.is_some_and(|key| wanted.iter().any(|wanted| wanted.body == key.body))
            });
        }
        for key in wanted {
            let line = self.line(&key);
            let has = |line: &str| parted(line).1.is_some_and(|there| there.body == key.body);
            // Whatever more of them there are would let in by other options.
            let mut places: Vec<_> = (0..lines.len()).filter(|at| lines.bare().nth(*at).is_some_and(has)).collect();
            let first = if places.is_empty() { None } else { Some(places.remove(0)) };
            for at in places.into_iter().rev() {
                lines.replace(at, at + 1, []);
            }
            if !first.and_then(|at| lines.bare().nth(at)).is_some_and(|there| self.says(there, &key)) {
                lines.put(first, &line);
            }
        }
    }

    /// Whether a line lets this key in as is wanted.
    fn says(&self, line: &str, key: &PublicKey) -> bool {
        let (options, there) = parted(line);
        options == self.all_options() && there.is_some_and(|there| there == *key || key.comment.is_empty())
    }

    fn shut_out(&self, lines: &mut Lines) {
        let unwanted: Vec<_> = self.keys().filter_map(PublicKey::parse).collect();
        lines.retain(|line| parted(line).1.is_none_or(|key| unwanted.iter().all(|unwanted| unwanted.body != key.body)));
    }
}

fn planted(path: &Path, kind: &EntryKind, wanted: &str) -> Error {
    in_the_way(path, kind, wanted).hint("look at who put it there, and take it away: nothing is written through it")
}

/// Options and key of a line: options may have blanks in quotes. Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
fn parted(line: &str) -> (&str, Option<PublicKey<'_>>) {
    let line = line.trim();
    if line.starts_with('#') {
        return ("", None);
    }
    if let Some(key) = PublicKey::parse(line) {
        return ("", Some(key));
    }
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|c: char| {
        quoted ^= c == '"' && !escaped;
        // A `\` before a quote takes its meaning away, and means nothing else: two of them are not one. Source: sshd's own reader.
        escaped = c == '\\';
        !quoted && (c == ' ' || c == '\t')
    });
    end.map_or(("", None), |end| (&line[..end], PublicKey::parse(&line[end..])))
}

/// The name of a user's primary group.
fn primary_group(account: &User, probe: &dyn Probe) -> Result<String> {
    let group = account.group.as_deref().unwrap_or(&account.name);
    Ok(probe.group(group)?.map_or_else(|| group.to_owned(), |group| group.name))
}

fn file_in(directory: &Path) -> File {
    File::at(directory.join("authorized_keys"))
}

impl Resource for SshAuthorizedKey {
    const KIND: &'static str = "ssh_authorized_key";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = self.keys().flat_map(ssh_key::faults).collect();
        for option in self.options.iter().flat_map(|options| &options.0) {
            let line = format!("{option} ssh-rsa A");
            let is_one = parted(&line).0 == option;
            if option.is_empty() || option.contains(['\n', '\r', '\0']) || !is_one || option.starts_with('#') {
                let fault = Fault::new(format!("option {option:?} is none"));
                faults.push(fault.hint("write it as `restrict`, or as `command=\"/usr/bin/backup --all\"`"));
            }
        }
        faults
    }

    fn check_action(&self, _: Action) -> Vec<Fault> {
        if self.keys().next().is_some() {
            return Vec::new();
        }
        vec![Fault::new("it has no key").hint("give it with `key`, as `ssh-ed25519 AAAA..`")]
    }

    /// The users who have such a file.
    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let mut users = Vec::new();
        for name in UserAccount::all(probe)?.unwrap_or_default() {
            if Self::of(&name).read(probe)?.file.entry.is_some() {
                users.push(name);
            }
        }
        Ok(Some(users))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let state = self.read(probe)?;
        let text = edit::text(&file_in(&state.path), &state.file)?;
        let keys: Vec<_> = text.lines().map(parted).filter_map(|(options, key)| Some((options, key?))).collect();
        let found = Found::new(Self::KIND, &self.name).with("user", self.user.clone());
        let Some((options, _)) = keys.first().copied() else { return Ok(Some(found.unsaid("that no key lets in"))) };
        let (same, other): (Vec<_>, Vec<_>) = keys.iter().partition(|(others, _)| *others == options);
        let line = |(_, PublicKey { kind, body, comment }): &(&str, PublicKey<'_>)| {
            format!("{kind} {body} {comment}").trim_end().to_owned()
        };
        let mut found = found
            .with("key", same.iter().map(line).collect::<Vec<_>>())
            .with("options", Some(options).filter(|options| !options.is_empty()))
            .with("exclusive", (same.len() == text.lines().count()).then_some(true));
        for key in &other {
            found = found.unsaid(format!("`{}`, which lets in by other options", line(key)));
        }
        found.settled::<Self>(Create, probe).map(Some)
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        // Nobody is let in who is not there.
        if action == Delete && probe.user(self.who())?.is_none() {
            return Ok(State { directory: None, file: file::State::ABSENT, path: PathBuf::new() });
        }
        self.read(probe)
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let account = self.account(probe)?;
        let home = account.home.clone().unwrap_or_else(|| Path::new("/home").join(&account.name));
        let path = home.join(".ssh");
        let directory = probe.entry(&path)?;
        // Behind a link that the user made lies what is not the user's.
        let is_directory = directory.as_ref().is_some_and(|entry| entry.kind == EntryKind::Directory);
        let file = if is_directory { file_in(&path).read(probe)? } else { file::State::ABSENT };
        Ok(State { directory, file, path })
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        if action == Delete && now.path.as_os_str().is_empty() {
            return Ok(Goal::State(now.clone()));
        }
        let account = self.account(probe)?;
        self.require_own(now, &account)?;
        let file = file_in(&now.path);
        if action == Delete && now.file.entry.is_none() {
            return Ok(Goal::State(now.clone()));
        }
        let home = now.path.parent().unwrap_or(Path::new("/"));
        if !matches!(resolve(home, probe)?.1, Some(Entry { kind: EntryKind::Directory, .. })) {
            let why = Some(format!("it is to be the home of `{}`", account.name));
            return Err(Error::Missing { kind: "directory", name: home.display().to_string(), why });
        }
        let mut lines = Lines::of(edit::text(&file, &now.file)?);
        match action {
            Create => self.let_in(&mut lines),
            Delete => self.shut_out(&mut lines),
        }
        let (owner, group) = (account.name.clone(), primary_group(&account, probe)?);
        let entry =
            |kind, mode: u32| Some(Entry { kind, mode: Mode::from(mode), owner: owner.clone(), group: group.clone() });
        let content = Content::from(lines.text()).blob;
        Ok(Goal::State(State {
            directory: entry(EntryKind::Directory, DIRECTORY),
            file: file::State { entry: entry(EntryKind::File { content }, FILE), source: None },
            path: now.path.clone(),
        }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = Vec::new();
        if let (true, Some(Entry { mode, owner, group, .. })) = (from.directory != to.directory, &to.directory) {
            let (path, mode, owner, group) = (to.path.clone(), *mode, owner.clone(), group.clone());
            operations.push(match from.directory {
                None => Op::Mkdir { path, mode, owner, group },
                Some(_) => Op::SetMeta { path, mode, owner, group },
            });
        }
        let file = Change { from: from.file.clone(), to: to.file.clone(), event: None };
        operations.extend(file_in(&to.path).ops(&file)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Create, Delete, SshAuthorizedKey};
    use crate::{
        host::{Entry, EntryKind, Fake},
        resource::Resource as _,
        resources::{
            ssh_key::tests::{ED25519, OTHER},
            trial::{done, faults, faults_of, refused, text},
        },
        spec::laws,
    };

    const FILE: &str = "/home/ann/.ssh/authorized_keys";

    fn entry(kind: EntryKind, mode: u32, owner: &str) -> Entry {
        Entry { kind, mode: mode.into(), owner: owner.into(), group: owner.into() }
    }

    fn machine() -> Fake {
        Fake::new().with_user("ann", 1000).with_entry("/home/ann", entry(EntryKind::Directory, 0o755, "ann"))
    }

    fn with_file(text: &str) -> Fake {
        let file = EntryKind::File { content: text.into() };
        machine()
            .with_entry("/home/ann/.ssh", entry(EntryKind::Directory, 0o700, "ann"))
            .with_entry(FILE, entry(file, 0o600, "ann"))
    }

    fn ann() -> SshAuthorizedKey {
        SshAuthorizedKey::of("ann").key(format!("{ED25519} ann"))
    }

    #[test]
    fn options_end_where_they_end_for_sshd() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz";
        for options in [r#"command="x y""#, r#"command="x \" y""#, r#"command="x \\" y""#, "no-pty"] {
            let (found, parsed) = parted_line(&format!("{options} {key}"));
            assert_eq!((found.as_str(), parsed), (options, true), "{options}");
        }
    }

    fn parted_line(line: &str) -> (String, bool) {
        let (options, key) = super::parted(line);
        (options.to_owned(), key.is_some())
    }

    #[test]
    fn a_key_lets_in_and_no_more() {
        let mut machine = machine();
        laws(ann(), Create, &machine);
        assert_eq!(done(&ann(), Delete, &mut machine), [""; 0]);
        assert_eq!(
            done(&ann(), Create, &mut machine),
            [
                "mkdir /home/ann/.ssh 0700 ann:ann".to_owned(),
                format!("write {FILE} {:?} 0600 ann:ann backup 5", format!("{ED25519} ann\n"))
            ]
        );
        done(&SshAuthorizedKey::of("x").user("ann").key(OTHER).options(["restrict"]), Create, &mut machine);
        assert_eq!(text(&machine, FILE), format!("{ED25519} ann\nrestrict {OTHER}\n"));
        done(&ann(), Delete, &mut machine);
        assert_eq!(text(&machine, FILE), format!("restrict {OTHER}\n"));
    }

    #[test]
    fn lines_of_others_stay_unless_they_are_to_go() {
        let lines =
            format!("# by hand\ncommand=\"a \\\" b\",no-pty {OTHER} bob\nfrom=\"10.0.0.1\" {ED25519} old\n{ED25519}\n");
        let mut machine = with_file(&lines);
        let restricted = ann().options(["restrict", "command=\"/bin/x y\""]);
        done(&restricted, Create, &mut machine);
        let mine = format!("restrict,command=\"/bin/x y\" {ED25519} ann\n");
        assert_eq!(text(&machine, FILE), format!("# by hand\ncommand=\"a \\\" b\",no-pty {OTHER} bob\n{mine}"));
        // A key that is given without a comment takes any.
        let bare = SshAuthorizedKey::of("ann").key(ED25519).options(["restrict", "command=\"/bin/x y\""]);
        assert_eq!(done(&bare, Create, &mut machine), [""; 0]);
        done(&bare.exclusive(true), Create, &mut machine);
        assert_eq!(text(&machine, FILE), mine);
    }

    #[test]
    fn what_the_user_planted_is_not_followed() {
        let hint = "\nhint: look at who put it there, and take it away: nothing is written through it";
        let mut link =
            machine().with_file("/root/.ssh/authorized_keys", "secret").with_link("/home/ann/.ssh", "/root/.ssh");
        assert_eq!(
            refused(&ann(), Create, &mut link),
            format!("`/home/ann/.ssh` is a symbolic link to `/root/.ssh`, not a directory{hint}")
        );
        let mut link = with_file("").without(FILE).with_link(FILE, "/etc/shadow").with_file("/etc/shadow", "secret");
        assert_eq!(
            refused(&ann(), Create, &mut link),
            format!("`{FILE}` is a symbolic link to `/etc/shadow`, not a file{hint}")
        );
        let secret = EntryKind::File { content: "secret".into() };
        let mut hard = with_file("").with_entry(FILE, entry(secret, 0o640, "root"));
        assert_eq!(
            refused(&ann(), Create, &mut hard),
            format!(
                "`{FILE}` belongs to `root`, not to `ann`\nhint: give it to the user, or take it away, when you know why"
            )
        );
        // What everybody may read anyway is taken over.
        let old = EntryKind::File { content: format!("{OTHER}\n").as_str().into() };
        let mut copied = with_file("")
            .with_entry(FILE, entry(old, 0o644, "root"))
            .with_entry("/home/ann/.ssh", entry(EntryKind::Directory, 0o755, "root"));
        let did = done(&ann(), Create, &mut copied);
        assert_eq!(did[0], "set /home/ann/.ssh 0700 ann:ann");
        assert_eq!(text(&copied, FILE), format!("{OTHER}\n{ED25519} ann\n"));
    }

    #[test]
    fn keys_that_let_in_are_shown_with_their_options() {
        let told = |text: &str| {
            let found = SshAuthorizedKey::of("ann").found(&with_file(text)).unwrap().unwrap();
            (serde_json::to_value(found.properties).unwrap(), found.actions, found.unsaid)
        };
        let key = format!("{ED25519} me");
        assert_eq!(
            told(&format!("restrict,pty {key}\nrestrict,pty {OTHER}\n")),
            (json!({"key": [key, OTHER], "options": "restrict,pty", "exclusive": true}), vec!["create"], vec![])
        );
        assert_eq!(
            told(&format!("# by hand\n{key}\nrestrict {OTHER} you\n")),
            (json!({"key": [key]}), vec!["create"], vec![format!("`{OTHER} you`, which lets in by other options")])
        );
        assert_eq!(told("# none\n"), (json!({}), vec![], vec!["that no key lets in".to_owned()]));
        assert_eq!(SshAuthorizedKey::all(&with_file("")).unwrap().unwrap(), ["ann"]);
    }

    #[test]
    fn a_user_has_to_have_a_home() {
        assert_eq!(
            refused(&ann(), Create, &mut Fake::new()),
            "user `ann` does not exist\nhint: declare the account before it, or correct the name"
        );
        assert_eq!(done(&ann(), Delete, &mut Fake::new()), [""; 0], "nobody is let in");
        assert_eq!(
            refused(&ann(), Create, &mut Fake::new().with_user("ann", 1000)),
            "directory `/home/ann` does not exist: it is to be the home of `ann`\n\
             hint: declare the directory before it, or make it `recursive`"
        );
    }

    #[test]
    fn keys_and_options_are_checked() {
        assert_eq!(
            faults_of(&SshAuthorizedKey::of("ann"), Create),
            ["it has no key\nhint: give it with `key`, as `ssh-ed25519 AAAA..`"]
        );
        assert_eq!(faults(&ann().key(["ssh-rsa AAAA", "x"])).len(), 2);
        for bad in ["", "a b", "command=\"x", "a\nb", "#"] {
            assert_eq!(faults(&ann().options([bad])).len(), 1, "{bad:?}");
        }
        assert_eq!(faults(&ann().options(["restrict", "command=\"/bin/x \\\"y\\\" z\""])), [""; 0]);
    }
}
