//! `user[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{entry::resolve, home, name_service};
use crate::{
    Error, Fault, Result, actions,
    host::{self, AccountChange, EntryKind, LogLevel, Op, Probe},
    properties,
    resource::{Change, Found, Goal, Property, Resource},
    values::{Blob, Day, Secret, Words},
};

properties! {
    /// A local account. Only the properties that are named are compared and changed.
    pub struct User("login name") {
        name: String;
        /// Number of the account; `useradd` chooses one when not given.
        uid: u32,
        /// Primary group, by name or number. It must exist. When not given, a new account gets one of its own name, which must not
        /// exist yet; where `USERGROUPS_ENAB` of login.defs is off, the one that `useradd` has for all.
        gid: GroupName,
        /// The comment field (GECOS), as the full name.
        comment: String,
        /// Home directory, an absolute path; of a new account that of `useradd` when not given, as `/home/NAME`.
        home: PathBuf,
        /// Whether the home directory itself is made, moved and removed with the account. False when not given. It is moved only
        /// to where nothing is, and removed only when it belongs to the account and to nobody else; the account's mailbox goes with
        /// it. Of a home with more than 64 MiB or 10,000 files, and of a mailbox as large, an undo brings back an empty one.
        manage_home: bool,
        /// Login shell, an absolute path. Setting one that does not exist or cannot be executed is warned of.
        shell: PathBuf,
        /// Password hash, as `/etc/shadow` has it (`$y$..`, `$6$..`); never the password itself. A password that is locked stays
        /// locked with a new hash, until it is asked to `unlock`.
        password: Secret,
        /// Supplementary groups: exactly these, or with `append` at least these. They must exist.
        groups: Words,
        /// Whether memberships that are not in `groups` stay. False when not given.
        append: bool,
        /// The day from which on nobody can log in, as `2027-03-31`, or `never`.
        expire_date: ExpireDate,
        /// Days from the end of the password to the end of the account, or `never`.
        inactive: Inactive,
        /// Whether its number comes from the range of system accounts when it is made. False when not given.
        system: bool,
    }
    example r#"r.add(User::named("deploy").shell("/bin/bash").home("/srv/deploy").manage_home(true));"#
}

actions! {
    /// What can be asked of an account.
    pub enum Action {
        Create = "create": "Makes it, or changes what differs.",
        Remove = "remove": "Removes it.",
        Modify = "modify": "Changes what differs; it is an error when there is no such account.",
        Manage = "manage": "Changes what differs, when there is such an account.",
        Lock = "lock": "Locks its password.",
        Unlock = "unlock": "Unlocks its password.",
    }
}
pub use Action::*;

/// A group by its name, or by its number written as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(String);

impl GroupName {
    fn is_number(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|b| b.is_ascii_digit())
    }
}

impl From<&str> for GroupName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for GroupName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl From<u32> for GroupName {
    fn from(number: u32) -> Self {
        Self(number.to_string())
    }
}

impl Property for GroupName {
    const TYPE: &'static str = "name or number of a group";
    fn from_json(value: &Json) -> Result<Self, String> {
        match value {
            Json::String(name) => Ok(Self(name.clone())),
            Json::Number(_) => u32::from_json(value).map(Self::from),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
                Err(format!("expected {}, found `{value}`", Self::TYPE))
            }
        }
    }
}

/// When an account is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpireDate(Option<Day>);

impl ExpireDate {
    /// It stays open.
    pub const NEVER: Self = Self(None);
}

impl From<Day> for ExpireDate {
    fn from(day: Day) -> Self {
        Self(Some(day))
    }
}

impl Property for ExpireDate {
    const TYPE: &'static str = "day as `2027-03-31`, or `never`";
    fn from_json(value: &Json) -> Result<Self, String> {
        match value.as_str() {
            Some(NEVER) => Ok(Self::NEVER),
            Some(text) => Day::parse(text).map(Self::from).map_err(|sentence| format!("{sentence}, and not `{NEVER}`")),
            None => Err(format!("expected {}, found {value}", Self::TYPE)),
        }
    }
}

/// Days from the end of a password to the end of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inactive(Option<u32>);

impl Inactive {
    /// The account goes on.
    pub const NEVER: Self = Self(None);
}

impl From<u32> for Inactive {
    fn from(days: u32) -> Self {
        Self(Some(days))
    }
}

impl Property for Inactive {
    const TYPE: &'static str = "number of days, or `never`";
    fn from_json(value: &Json) -> Result<Self, String> {
        match value.as_str() {
            Some(NEVER) => Ok(Self::NEVER),
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(|days| Self(Some(days))).map_err(|_| format!("`{text}` is too large"))
            }
            Some(_) | None => {
                u32::from_json(value).map(Self::from).map_err(|_| format!("expected {}, found {value}", Self::TYPE))
            }
        }
    }
}

/// What data has for an account that is not closed.
const NEVER: &str = "never";

fn or_never(text: Option<impl ToString>) -> String {
    text.map_or_else(|| NEVER.to_owned(), |text| text.to_string())
}

/// The account, as far as the resource names its properties.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whether there is such an account.
    pub exists: bool,
    /// Number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Primary group, by name or number as the recipe has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// Comment field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Home directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<PathBuf>,
    /// Login shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<PathBuf>,
    /// Password hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Blob>,
    /// Whether the password is locked; `None` where that is all the same: of an account yet to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Supplementary groups, sorted: those of the recipe that have it as a member, and without `append` all others too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Day from which on it is closed, or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_date: Option<String>,
    /// Days from the password's end to its own, or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive: Option<String>,
    /// The groups that `groups` is about, as they are.
    #[serde(skip)]
    memberships: Vec<host::Group>,
    /// The whole account: what operations start from. Not compared, for most of it is nobody's business here.
    #[serde(skip)]
    pub account: Option<host::User>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let compared = |state: &Self| {
            (state.exists, state.uid, state.gid.clone(), state.comment.clone(), state.home.clone(), state.shell.clone())
        };
        let same_lock = match (self.locked, other.locked) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (Some(_) | None, Some(_) | None) => true,
        };
        let membership = |state: &Self| (state.groups.clone(), state.expire_date.clone(), state.inactive.clone());
        compared(self) == compared(other)
            && membership(self) == membership(other)
            && self.password == other.password
            && same_lock
    }
}

impl State {
    const ABSENT: Self = Self {
        exists: false,
        uid: None,
        gid: None,
        comment: None,
        home: None,
        shell: None,
        password: None,
        locked: None,
        groups: None,
        expire_date: None,
        inactive: None,
        memberships: Vec::new(),
        account: None,
    };
}

impl User {
    /// The account with this login name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn hash(&self) -> Option<Blob> {
        self.password.as_ref().map(|hash| Blob::from(hash.expose()))
    }

    /// `now` with the named properties in place.
    fn wanted(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        if let Some(group) = &self.gid
            && now.gid.as_ref() != Some(&group.0)
            && probe.group(&group.0)?.is_none()
        {
            return Err(Error::Missing {
                kind: "group",
                name: group.0.clone(),
                why: Some(format!("it is to be the primary group of `{}`", self.name)),
            });
        }
        if self.password.is_some() && now.exists && now.password.is_none() {
            name_service::refuse_user(&self.name, probe)?;
            passwords_are_readable(now, probe)?;
            return Err(Error::failed(format!(
                "the password of `{}` cannot be read, so it cannot be compared",
                self.name
            ))
            .hint("run as root"));
        }
        if (self.expire_date.is_some() || self.inactive.is_some()) && now.exists {
            passwords_are_readable(now, probe)?;
        }
        if let (Some(true), Some(account), Some(to)) = (self.manage_home, &now.account, &self.home) {
            home::may_be_moved(account, to, probe)?;
        }
        Ok(State {
            groups: self.groups_wanted(),
            expire_date: self.expire_date.map(|ExpireDate(day)| or_never(day)),
            inactive: self.inactive.map(|Inactive(days)| or_never(days)),
            memberships: self.memberships(probe)?,
            exists: true,
            uid: self.uid,
            gid: self.gid.as_ref().map(|group| group.0.clone()),
            comment: self.comment.clone(),
            home: self.home.clone(),
            shell: self.shell.clone(),
            password: self.hash(),
            locked: match (&now.account, self.hash()) {
                // A hash of lock marks alone is a password that is locked.
                (Some(_), Some(hash)) if !is_hash(&hash) => Some(true),
                // What `useradd` left without a password bears the lock mark too, and nobody locked it.
                (Some(account), Some(hash)) if now.password.as_ref() != Some(&hash) && !has_hash(account) => {
                    Some(false)
                }
                (Some(_) | None, Some(_) | None) => now.locked,
            },
            account: now.account.clone(),
        })
    }

    fn groups_wanted(&self) -> Option<Vec<String>> {
        let Words(mut groups) = self.groups.clone()?;
        groups.sort();
        groups.dedup();
        Some(groups)
    }

    /// The groups that have it as a member, and those that are to have it.
    fn memberships(&self, probe: &dyn Probe) -> Result<Vec<host::Group>> {
        let Some(mut names) = self.groups_wanted() else { return Ok(Vec::new()) };
        if !self.append.unwrap_or(false) {
            names.extend(
                probe.groups_of(&self.name)?.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>(),
            );
        }
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let why = Some(format!("`{}` is to be a member of it", self.name));
            found.push(probe.group(&name)?.ok_or(Error::Missing { kind: "group", name, why })?);
        }
        Ok(found)
    }

    /// What makes it a member where it is to be one, and nowhere else.
    fn membership_ops(&self, goal: &State) -> Vec<Op> {
        let Some(wanted) = goal.groups.as_ref().filter(|_| goal.exists) else { return Vec::new() };
        let op = |from: &host::Group| {
            let (is, should) = (from.members.contains(&self.name), wanted.contains(&from.name));
            let mut to = from.clone();
            match (is, should) {
                (false, true) => to.members.push(self.name.clone()),
                (true, false) => to.members.retain(|member| *member != self.name),
                (true, true) | (false, false) => return None,
            }
            to.members.sort();
            Some(Op::Account(AccountChange::ModifyGroup { from: from.clone(), to }))
        };
        goal.memberships.iter().filter_map(op).collect()
    }

    /// Refuses what a name service alone could change. An account that it knows may still be a member of our groups.
    fn must_be_changeable(&self, now: &State, to: &State, probe: &dyn Probe) -> Result<()> {
        if now.account.as_ref().is_some_and(|account| !to.exists || self.account(to) != *account) {
            name_service::refuse_user(&self.name, probe)?;
        }
        for op in self.membership_ops(to) {
            if let Op::Account(AccountChange::ModifyGroup { from, .. }) = op {
                name_service::refuse_group(&from.name, probe)?;
            }
        }
        Ok(())
    }

    fn must_exist(&self, now: &State, action: &str) -> Result<()> {
        if now.exists {
            return Ok(());
        }
        Err(Error::Missing {
            kind: "user",
            name: self.name.clone(),
            why: Some(format!("there is nothing to {action}; `create` makes it")),
        })
    }

    /// The whole account after the change.
    fn account(&self, to: &State) -> host::User {
        let base = to.account.clone().unwrap_or_else(|| host::User {
            name: self.name.clone(),
            uid: None,
            group: None,
            comment: String::new(),
            home: None,
            shell: None,
            password: None,
            locked: false,
            expires: None,
            inactive: None,
        });
        host::User {
            expires: self.expire_date.map_or(base.expires, |ExpireDate(day)| day),
            inactive: self.inactive.map_or(base.inactive, |Inactive(days)| days),
            uid: to.uid.or(base.uid),
            group: to.gid.clone().or(base.group),
            comment: to.comment.clone().unwrap_or(base.comment),
            home: to.home.clone().or(base.home),
            shell: to.shell.clone().or(base.shell),
            password: to.password.clone().or(base.password),
            locked: to.locked.unwrap_or(base.locked),
            name: base.name,
        }
    }
}

/// Where the account's password is not known, for it to be said that this user may not look.
fn passwords_are_readable(now: &State, probe: &dyn Probe) -> Result<()> {
    if now.account.as_ref().is_some_and(|account| account.password.is_none()) {
        probe.entry(Path::new("/etc/shadow"))?;
    }
    Ok(())
}

impl Resource for User {
    const KIND: &'static str = "user";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = name_fault("user", &self.name).into_iter().map(Fault::new).collect();
        if let Some(group) = self.gid.as_ref().filter(|group| !group.is_number()) {
            faults.extend(name_fault("group", &group.0).map(Fault::new));
        }
        for (property, path) in [("home", &self.home), ("shell", &self.shell)] {
            let Some(path) = path else { continue };
            let text = path.to_string_lossy();
            if !path.is_absolute() || text.contains([':', '\n']) {
                faults.push(Fault::new(format!("`{property}` must be an absolute path, `{text}` is not")));
            }
        }
        if let Some(comment) = self.comment.as_ref().filter(|comment| comment.contains([':', '\n'])) {
            faults.push(Fault::new(format!(
                "`comment` may hold no `:` and no line break, `{}` does",
                comment.escape_debug()
            )));
        }
        for group in self.groups.iter().flat_map(|groups| &groups.0) {
            faults.extend(name_fault("group", group).map(Fault::new));
        }
        if self.append.is_some() && self.groups.is_none() {
            faults.push(Fault::new("`append` has no meaning without `groups`").hint("say which with `groups`"));
        }
        if let Some(hash) = &self.password {
            faults.extend(hash_fault(hash.expose()));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let Some(account) = probe.user(&self.name)? else { return Ok(State::ABSENT) };
        let groups = match self.groups {
            None => None,
            Some(_) => {
                let groups = self.memberships(probe)?.into_iter();
                let mut names: Vec<_> =
                    groups.filter(|group| group.members.contains(&self.name)).map(|group| group.name).collect();
                names.sort();
                Some(names)
            }
        };
        let gid = match (&self.gid, &account.group) {
            (Some(wanted), Some(group)) if wanted.is_number() => {
                let number = probe.group(group)?.and_then(|group| group.gid);
                Some(number.map_or_else(|| group.clone(), |number| number.to_string()))
            }
            (Some(_), group) => group.clone(),
            (None, _) => None,
        };
        Ok(State {
            exists: true,
            uid: self.uid.and(account.uid),
            gid,
            comment: self.comment.as_ref().map(|_| account.comment.clone()),
            home: self.home.as_ref().and(account.home.clone()),
            shell: self.shell.as_ref().and(account.shell.clone()),
            password: self.hash().and_then(|hash| seen(&account, hash)),
            locked: Some(account.locked),
            groups,
            expire_date: self.expire_date.map(|_| or_never(account.expires)),
            inactive: self.inactive.map(|_| or_never(account.inactive)),
            memberships: Vec::new(),
            account: Some(account),
        })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        probe.own_users().map(Some)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, &self.name);
        let Some(account) = probe.user(&self.name)? else { return Ok(Some(found.action("remove"))) };
        let path = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
        let mut found = found.action("create").with("uid", account.uid).with("gid", account.group);
        found =
            found.with("comment", account.comment).with("home", path(account.home)).with("shell", path(account.shell));
        found =
            found.with("expire_date", account.expires.map(|day| day.to_string())).with("inactive", account.inactive);
        found = found.with("groups", probe.groups_of(&self.name)?);
        let hash = account.password.as_ref().and_then(|hash| str::from_utf8(hash.bytes()?).ok());
        if let Some(hash) = hash.filter(|hash| hash_fault(hash).is_none()) {
            found.private.insert("password".to_owned(), hash.into());
        }
        Ok(Some(if account.locked { found.action("lock") } else { found }))
    }

    fn notes_for(&self, action: Action, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let sets = matches!(action, Create | Modify | Manage);
        if let Some(shell) = self.shell.as_ref().filter(|_| sets) {
            // Only when it is set: of a thousand accounts each run would read a thousand shells.
            let account = probe.user(&self.name)?;
            let differs = account.map_or(action == Create, |account| account.shell.as_ref() != Some(shell));
            let wrong = if differs { shell_fault(shell, probe)? } else { None };
            return Ok(wrong.map(|sentence| (LogLevel::Warn, sentence)).into_iter().collect());
        }
        let removes_home = action == Remove && self.manage_home == Some(true);
        let account = if removes_home { probe.user(&self.name)? } else { None };
        let goes = account.map(|account| home::goes_along(&account, probe)).transpose()?.unwrap_or_default();
        Ok(goes.into_iter().map(|sentence| (LogLevel::Warn, sentence)).collect())
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let to = match action {
            Create => self.wanted(now, probe)?,
            Modify => {
                self.must_exist(now, "modify")?;
                self.wanted(now, probe)?
            }
            Manage if now.exists => self.wanted(now, probe)?,
            Manage => now.clone(),
            Remove => {
                if now.account.as_ref().is_some_and(|account| account.uid == Some(0)) {
                    let sentence = format!("`{}` is the superuser, without whom the machine does not work", self.name);
                    return Err(Error::failed(sentence).hint("`lock` locks its password"));
                }
                if let Some(account) = now.account.as_ref().filter(|_| self.manage_home == Some(true)) {
                    home::may_be_removed(account, probe)?;
                }
                State::ABSENT
            }
            Lock => {
                self.must_exist(now, "lock")?;
                passwords_are_readable(now, probe)?;
                State { locked: Some(true), ..now.clone() }
            }
            Unlock => {
                self.must_exist(now, "unlock")?;
                passwords_are_readable(now, probe)?;
                State { locked: Some(false), ..now.clone() }
            }
        };
        if to != *now {
            self.must_be_changeable(now, &to, probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let manage_home = self.manage_home.unwrap_or(false);
        let account = match (&change.from.account, change.to.exists) {
            (None, true) => AccountChange::CreateUser {
                user: self.account(&change.to),
                system: self.system.unwrap_or(false),
                manage_home,
            },
            (Some(from), true) => match self.account(&change.to) {
                to if to == *from => return Ok(self.membership_ops(&change.to)),
                to => AccountChange::ModifyUser { from: from.clone(), to, manage_home },
            },
            (Some(user), false) => AccountChange::RemoveUser { user: user.clone(), manage_home },
            (None, false) => return Ok(Vec::new()),
        };
        Ok([Op::Account(account)].into_iter().chain(self.membership_ops(&change.to)).collect())
    }
}

/// What is wrong with the name of a user or group.
///
/// Source: useradd(8), groupadd(8): no `:` and no blank, no `-` in front, not digits alone, at most 32 bytes.
pub(crate) fn name_fault(kind: &str, name: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-$@".contains(c);
    let sound = (1..=32).contains(&name.len())
        && name.chars().all(known)
        && !name.starts_with('-')
        && !name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (!sound).then(|| {
        format!("`{}` is no {kind} name: letters, digits and `._-$@` are, not digits alone", name.escape_debug())
    })
}

/// The password of an account as it compares with `hash`: of a locked one what stands behind the marks counts.
fn seen(account: &host::User, hash: Blob) -> Option<Blob> {
    let same = account.password.as_ref().is_some_and(|now| bare(now) == bare(&hash));
    if account.locked && same { Some(hash) } else { account.password.clone() }
}

/// Why nobody gets in by this shell.
fn shell_fault(shell: &Path, probe: &dyn Probe) -> Result<Option<String>> {
    let why = match resolve(shell, probe)?.1 {
        None => "does not exist",
        Some(entry) if matches!(entry.kind, EntryKind::File { .. }) && entry.mode.bits() & 0o111 != 0 => {
            return Ok(None);
        }
        Some(_) => "cannot be executed",
    };
    Ok(Some(format!("the shell `{}` {why}: nobody can log in with it", shell.display())))
}

/// Whether an account has a password, locked or not.
fn has_hash(account: &host::User) -> bool {
    account.password.as_ref().is_some_and(is_hash)
}

/// Whether there is anything but lock marks.
fn is_hash(hash: &Blob) -> bool {
    !bare(hash).is_empty()
}

/// What stands behind the lock marks.
fn bare(hash: &Blob) -> &[u8] {
    let hash = hash.bytes().unwrap_or_default();
    &hash[hash.iter().take_while(|byte| **byte == b'!').count()..]
}

/// What is wrong with a password hash. The hash itself must not be in the sentence.
fn hash_fault(hash: &str) -> Option<Fault> {
    if hash.contains([':', '\n']) {
        return Some(Fault::new("`password` may hold no `:` and no line break"));
    }
    if hash.starts_with('!') && hash.len() > 1 {
        return Some(
            Fault::new("`password` begins with `!`, which locks it")
                .hint("give the bare hash, and the action `lock` where it is to be locked"),
        );
    }
    // DES hashes have 13 characters of a small alphabet; newer ones begin with `$`; `*` and `!` match no password.
    let des = hash.len() == 13 && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    let known = hash.starts_with('$') || hash.starts_with('_') || ["*", "!", "!!"].contains(&hash) || des;
    (!known).then(|| {
        Fault::new("`password` is no password hash")
            .hint("`openssl passwd -6` and `mkpasswd` print one; the password itself is never stored")
    })
}

#[cfg(test)]
mod tests {
    use super::{Create, Lock, Manage, Modify, Unlock, User, name_fault};
    use crate::{
        host::{self, Dry, Fake, Probe as _},
        resource::{Resource, Step, step},
        resources::trial::done,
        values::{Blob, Mode},
    };

    fn faults(user: &User) -> Vec<String> {
        user.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names() {
        for good in ["root", "www-data", "_apt", "systemd-network", "a.b", "machine$"] {
            assert_eq!(name_fault("user", good), None, "{good}");
        }
        for bad in ["", "-a", "a b", "a:b", "1000", "a\n", "x".repeat(33).as_str()] {
            assert!(name_fault("user", bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn what_only_root_may_read_of_an_account_is_no_guess_in_a_plan() {
        let account = host::User {
            name: "bob".to_owned(),
            uid: Some(1000),
            group: Some("root".to_owned()),
            comment: String::new(),
            home: None,
            shell: None,
            password: None,
            locked: false,
            expires: None,
            inactive: None,
        };
        let fake = Fake::new().with_account(account).with_unreadable("/etc/shadow").as_user(1000);
        for (user, action) in [
            (User::named("bob"), Lock),
            (User::named("bob"), Unlock),
            (User::named("bob").password("$6$salt$hash"), Modify),
        ] {
            let mut dry = Dry::new(&fake);
            assert!(step(&user, action, &mut dry).is_err());
            assert_eq!(host::Host::take_doubts(&mut dry), ["cannot read `/etc/shadow`: permission denied"]);
        }
    }

    #[test]
    fn a_shell_that_is_none_is_warned_of() {
        let program = |mode| host::Entry {
            kind: host::EntryKind::File { content: Blob::from("") },
            mode: Mode::from(mode),
            owner: "root".to_owned(),
            group: "root".to_owned(),
        };
        let machine = Fake::new()
            .with_entry("/usr/bin/good", program(0o755))
            .with_entry("/etc/plain", program(0o644))
            .with_link("/bin", "usr/bin");
        let notes = |shell: &str, action| User::named("bob").shell(shell).notes_for(action, &machine).unwrap();
        let warning = |text: &str| vec![(host::LogLevel::Warn, text.to_owned())];
        assert_eq!(notes("/bin/good", Create), []);
        assert_eq!(
            notes("/bin/zsh", Create),
            warning("the shell `/bin/zsh` does not exist: nobody can log in with it")
        );
        assert_eq!(
            notes("/etc/plain", Create),
            warning("the shell `/etc/plain` cannot be executed: nobody can log in with it")
        );
        assert_eq!(notes("/bin/zsh", Lock), []);
        assert_eq!(notes("/bin/zsh", Manage), [], "there is no such account");
    }

    #[test]
    fn a_lock_mark_alone_is_a_password_that_is_locked() {
        for (hash, locked) in [("$6$salt$old", false), ("$6$salt$old", true), ("*", false)] {
            let account = Fake::new().with_user("bob", 1000).user("bob").unwrap().unwrap();
            let account = host::User { password: Some(Blob::from(hash)), locked, ..account };
            let mut machine = Fake::new().with_group("bob", 1000).with_account(account.clone());
            let user = User::named("bob").password("!");
            done(&user, Create, &mut machine);
            assert!(machine.user("bob").unwrap().unwrap().locked);
            // So `/etc/shadow` is read.
            let read = host::User { password: Some(Blob::from("")), locked: true, ..account };
            assert!(matches!(step(&user, Create, &mut machine.with_account(read)), Ok(Step::UpToDate)));
        }
    }

    #[test]
    fn a_new_hash_unlocks_only_what_never_had_one() {
        let bob = |hash: &str, locked| {
            let account = Fake::new().with_user("bob", 1000).user("bob").unwrap().unwrap();
            Fake::new().with_group("bob", 1000).with_account(host::User {
                password: Some(Blob::from(hash)),
                locked,
                ..account
            })
        };
        for (hash, locked, stays) in [
            ("$6$salt$old", true, true),
            ("*", true, true),
            ("", true, false),
            ("!", true, false),
            ("$6$salt$old", false, false),
        ] {
            let mut machine = bob(hash, locked);
            let user = User::named("bob").password("$6$salt$new");
            done(&user, Create, &mut machine);
            let account = machine.user("bob").unwrap().unwrap();
            assert_eq!((account.password, account.locked), (Some(Blob::from("$6$salt$new")), stays), "{hash}");
            if stays {
                done(&user, Unlock, &mut machine);
                assert!(!machine.user("bob").unwrap().unwrap().locked);
                assert!(matches!(step(&user, Create, &mut machine), Ok(Step::UpToDate)));
            }
        }
    }

    #[test]
    fn faults_of_a_declaration() {
        assert!(faults(&User::named("deploy").gid(1000).shell("/bin/sh").password("$6$salt$hash")).is_empty());
        assert_eq!(faults(&User::named("deploy").home("srv")), ["`home` must be an absolute path, `srv` is not"]);
        assert_eq!(
            faults(&User::named("deploy").gid("a b")),
            ["`a b` is no group name: letters, digits and `._-$@` are, not digits alone"]
        );
        assert_eq!(
            faults(&User::named("deploy").comment("a:b")),
            ["`comment` may hold no `:` and no line break, `a:b` does"]
        );
        assert_eq!(
            faults(&User::named("deploy").password("canary")),
            ["`password` is no password hash\n\
              hint: `openssl passwd -6` and `mkpasswd` print one; the password itself is never stored"]
        );
        assert_eq!(
            faults(&User::named("deploy").password("!$6$salt$hash")),
            ["`password` begins with `!`, which locks it\n\
              hint: give the bare hash, and the action `lock` where it is to be locked"]
        );
    }
}
