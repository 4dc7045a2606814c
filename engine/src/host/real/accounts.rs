//! Accounts: read natively from the files of `/etc`, changed by shadow's own tools.
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use super::command::{check, run};
use crate::{
    Error, Result,
    host::{AccountChange, Command, Group, LogLevel, Progress, User},
    values::{Blob, Day, Seconds},
};

/// The account databases, read once.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
    /// Where in these a name stands: the first of several.
    user_places: HashMap<String, usize>,
    group_places: HashMap<String, usize>,
    /// Of each member, where the groups stand that have it.
    memberships: HashMap<String, Vec<usize>>,
    user_names: HashMap<u32, String>,
    group_names: HashMap<u32, String>,
    /// Whether names may be known to somebody else than these files: LDAP, sssd, extrausers.
    network: bool,
    /// What the name service answered, for each database and name: `None` where it knows none.
    answers: RefCell<HashMap<(&'static str, String), Option<String>>>,
}

impl Accounts {
    /// Reads `etc/passwd`, `etc/group` and `etc/shadow` below `root`. Missing files are empty.
    ///
    /// # Errors
    /// When a file is there and cannot be read; `shadow` may be unreadable, passwords are unknown then.
    pub fn read(root: &Path) -> Result<Self> {
        let passwd = text(&root.join("etc/passwd"))?;
        let group = text(&root.join("etc/group"))?;
        let shadow = match text(&root.join("etc/shadow")) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => String::new(),
            shadow => shadow?,
        };
        let switch = text(&root.join("etc/nsswitch.conf"))?;
        Ok(Self::parse(&passwd, &group, &shadow, &switch))
    }

    fn parse(passwd: &str, group: &str, shadow: &str, switch: &str) -> Self {
        let groups: Vec<Group> = group.lines().filter_map(parse_group).collect();
        let group_names: HashMap<u32, String> =
            groups.iter().rev().filter_map(|group| Some((group.gid?, group.name.clone()))).collect();
        let passwords = shadow.lines().filter_map(parse_shadow).collect();
        let users: Vec<User> = passwd.lines().filter_map(|line| parse_user(line, &group_names, &passwords)).collect();
        let user_names = users.iter().rev().filter_map(|user| Some((user.uid?, user.name.clone()))).collect();
        let mut memberships: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, group) in groups.iter().enumerate() {
            for member in &group.members {
                memberships.entry(member.clone()).or_default().push(at);
            }
        }
        let user_places = places(users.iter().map(|user| &user.name));
        let group_places = places(groups.iter().map(|group| &group.name));
        Self {
            users,
            groups,
            user_places,
            group_places,
            memberships,
            user_names,
            group_names,
            network: network(switch),
            answers: RefCell::default(),
        }
    }

    /// An account by name, or by number as text.
    ///
    /// # Errors
    /// When `getent` has to be asked and cannot be.
    pub fn user(&self, name: &str) -> Result<Option<User>> {
        let named = self.own_user(name);
        // Names of digits alone are names first, as for chown(1).
        let number = || name.parse().ok().and_then(|uid| self.users.iter().find(|user| user.uid == Some(uid)));
        if let Some(user) = named.or_else(number) {
            return Ok(Some(user.clone()));
        }
        let Some(line) = self.getent("passwd", name)? else { return Ok(None) };
        let Some(mut user) = parse_user(&line, &self.group_names, &HashMap::new()) else { return Ok(None) };
        // The group may be as unknown to the files as the user.
        if let Some(gid) = user.group.as_deref().and_then(|group| group.parse().ok()) {
            user.group = Some(self.group_name(gid)?);
        }
        Ok(Some(user))
    }

    /// A group by name, or by number as text.
    ///
    /// # Errors
    /// When `getent` has to be asked and cannot be.
    pub fn group(&self, name: &str) -> Result<Option<Group>> {
        let named = self.own_group(name);
        let number = || name.parse().ok().and_then(|gid| self.groups.iter().find(|group| group.gid == Some(gid)));
        if let Some(group) = named.or_else(number) {
            return Ok(Some(group.clone()));
        }
        Ok(self.getent("group", name)?.as_deref().and_then(parse_group))
    }

    /// An account of the files, not of a name service.
    fn own_user(&self, name: &str) -> Option<&User> {
        self.user_places.get(name).map(|at| &self.users[*at])
    }

    /// A group of the files, not of a name service.
    fn own_group(&self, name: &str) -> Option<&Group> {
        self.group_places.get(name).map(|at| &self.groups[*at])
    }

    /// Whether there is a group of this name, and of this number where one is asked for.
    fn has_gid(&self, group: &Group) -> bool {
        self.own_group(&group.name).is_some_and(|now| group.gid.is_none() || now.gid == group.gid)
    }

    /// Whether there is this account, but for its password.
    fn has(&self, user: &User) -> Result<bool> {
        let Some(now) = self.own_user(&user.name) else { return Ok(false) };
        let same_group = match (&user.group, &now.group) {
            (Some(wanted), Some(group)) => self.gid(wanted)? == self.gid(group)?,
            (Some(_) | None, Some(_) | None) => user.group.is_none(),
        };
        let open = |user: &User| (user.comment.clone(), user.expires, user.inactive);
        Ok(same_group
            && open(now) == open(user)
            && (user.uid.is_none() || now.uid == user.uid)
            && (user.home.is_none() || now.home == user.home)
            && (user.shell.is_none() || now.shell == user.shell))
    }

    /// The names of the accounts in the files, in their order.
    pub fn own_users(&self) -> Vec<String> {
        self.users.iter().map(|user| user.name.clone()).collect()
    }

    /// The names of the groups in the files, in their order.
    pub fn own_groups(&self) -> Vec<String> {
        self.groups.iter().map(|group| group.name.clone()).collect()
    }

    /// The names of the groups with this member, sorted.
    pub fn groups_of(&self, member: &str) -> Vec<String> {
        let of_member = self.memberships.get(member).into_iter().flatten();
        let mut names: Vec<_> = of_member.map(|at| self.groups[*at].name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The name of an owner's number, or the number itself where no account has it.
    ///
    /// # Errors
    /// When `getent` has to be asked and cannot be.
    pub fn user_name(&self, uid: u32) -> Result<String> {
        match self.user_names.get(&uid) {
            Some(name) => Ok(name.clone()),
            None => self.name_of("passwd", uid),
        }
    }

    /// The name of a group's number, or the number itself where no group has it.
    ///
    /// # Errors
    /// When `getent` has to be asked and cannot be.
    pub fn group_name(&self, gid: u32) -> Result<String> {
        match self.group_names.get(&gid) {
            Some(name) => Ok(name.clone()),
            None => self.name_of("group", gid),
        }
    }

    fn name_of(&self, database: &'static str, number: u32) -> Result<String> {
        let line = self.getent(database, &number.to_string())?;
        let name = line.as_deref().and_then(|line| line.split(':').next()).filter(|name| !name.is_empty());
        Ok(name.map_or_else(|| number.to_string(), str::to_owned))
    }

    /// The number of an owner given by name or number.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such account.
    pub fn uid(&self, name: &str) -> Result<u32> {
        match self.user(name)?.and_then(|user| user.uid) {
            Some(uid) => Ok(uid),
            None => name.parse().map_err(|_| Error::Missing { kind: "user", name: name.to_owned(), why: None }),
        }
    }

    /// The number of a group given by name or number.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such group.
    pub fn gid(&self, name: &str) -> Result<u32> {
        match self.group(name)?.and_then(|group| group.gid) {
            Some(gid) => Ok(gid),
            None => name.parse().map_err(|_| Error::Missing { kind: "group", name: name.to_owned(), why: None }),
        }
    }

    /// Asks the name service for what the files do not have. A static binary has no name service of its own, so `getent`
    /// is asked, once for each name, and only where a source beside the files is configured.
    fn getent(&self, database: &'static str, name: &str) -> Result<Option<String>> {
        // No account is named like an option.
        if !self.network || name.starts_with('-') {
            return Ok(None);
        }
        let question = (database, name.to_owned());
        if let Some(known) = self.answers.borrow().get(&question) {
            return Ok(known.clone());
        }
        let mut command = Command::new(["getent", database, name]);
        command.timeout = Seconds(10);
        // 2: the name is not known. Source: getent(1).
        command.returns = vec![0, 2];
        let answer = check(&command, run(&command)?)?;
        let line = (answer.code == 0).then(|| answer.stdout.lines().next().unwrap_or_default().to_owned());
        self.answers.borrow_mut().insert(question, line.clone());
        Ok(line)
    }
}

fn places<'n>(names: impl DoubleEndedIterator<Item = &'n String> + ExactSizeIterator) -> HashMap<String, usize> {
    names.enumerate().rev().map(|(at, name)| (name.clone(), at)).collect()
}

fn text(path: &Path) -> Result<String> {
    match fs::read(path) {
        // Comment fields may hold any bytes.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn parse_user(line: &str, groups: &HashMap<u32, String>, passwords: &HashMap<&str, Secrets<'_>>) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?;
    let _password = fields.next()?;
    let uid = fields.next()?.parse().ok()?;
    let gid: u32 = fields.next()?.parse().ok()?;
    let (comment, home, shell) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    let shadow = passwords.get(name);
    let password = shadow.map(|shadow| shadow.hash);
    let some = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    Some(User {
        name: name.to_owned(),
        uid: Some(uid),
        group: Some(groups.get(&gid).cloned().unwrap_or_else(|| gid.to_string())),
        comment: comment.to_owned(),
        home: some(home),
        shell: some(shell),
        // The lock mark is told apart from the hash, so that locking does not look like another password.
        password: password.map(|hash| Blob::from(hash.trim_start_matches('!'))),
        locked: password.is_some_and(|hash| hash.starts_with('!')),
        expires: shadow.and_then(|shadow| shadow.expires),
        inactive: shadow.and_then(|shadow| shadow.inactive),
    })
}

/// What `/etc/shadow` knows of an account.
struct Secrets<'t> {
    hash: &'t str,
    inactive: Option<u32>,
    expires: Option<Day>,
}

/// Source: shadow(5).
fn parse_shadow(line: &str) -> Option<(&str, Secrets<'_>)> {
    let fields: Vec<&str> = line.split(':').collect();
    let number = |nth: usize| fields.get(nth).and_then(|field| field.parse().ok());
    Some((fields.first()?, Secrets { hash: fields.get(1)?, inactive: number(6), expires: number(7).map(Day) }))
}

fn parse_group(line: &str) -> Option<Group> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?;
    let _password = fields.next()?;
    let gid = fields.next()?.parse().ok()?;
    let members = fields.next().unwrap_or_default();
    let mut members: Vec<String> = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
    members.sort_unstable();
    Some(Group { name: name.to_owned(), gid: Some(gid), members })
}

/// Whether `nsswitch.conf` names a source of accounts that is not a file of `/etc`.
fn network(switch: &str) -> bool {
    switch
        .lines()
        .filter_map(|line| line.split('#').next()?.split_once(':'))
        .filter(|(database, _)| matches!(database.trim(), "passwd" | "group"))
        .flat_map(|(_, sources)| sources.split_whitespace())
        .any(|source| !source.starts_with('[') && !matches!(source, "files" | "compat" | "systemd"))
}

/// Changes the account databases by shadow's tools. `tell` hears what a tool left undone.
///
/// # Errors
/// What the tools said, where the accounts are not as asked for then; a lock of somebody else that is not let go.
pub fn perform(change: &AccountChange, tell: &dyn Fn(&Progress)) -> Result<()> {
    match change {
        AccountChange::CreateUser { user, .. } => judge_password(user)?,
        AccountChange::ModifyUser { from, to, .. } if password_differs(from, to) => judge_password(to)?,
        AccountChange::ModifyUser { .. }
        | AccountChange::RemoveUser { .. }
        | AccountChange::CreateGroup { .. }
        | AccountChange::ModifyGroup { .. }
        | AccountChange::RemoveGroup { .. } => {}
    }
    let shadow = Shadow { tell };
    match change {
        AccountChange::CreateUser { user, system, manage_home } => shadow.create_user(user, *system, *manage_home),
        AccountChange::ModifyUser { from, to, manage_home } => shadow.modify_user(from, to, *manage_home),
        AccountChange::RemoveUser { user, manage_home } => {
            let mut argv = vec!["userdel".to_owned()];
            argv.extend(manage_home.then(|| "--remove".to_owned()));
            argv.extend(["--".to_owned(), user.name.clone()]);
            shadow.run(argv, None, &|accounts| Ok(accounts.own_user(&user.name).is_none()))
        }
        AccountChange::CreateGroup { group, system } => {
            let mut argv = vec!["groupadd".to_owned()];
            argv.extend(system.then(|| "--system".to_owned()));
            argv.extend(group.gid.iter().flat_map(|gid| ["--gid".to_owned(), gid.to_string()]));
            argv.extend(["--".to_owned(), group.name.clone()]);
            shadow.run(argv, None, &|accounts| Ok(accounts.has_gid(group)))?;
            if group.members.is_empty() { Ok(()) } else { shadow.members(&[], group) }
        }
        AccountChange::ModifyGroup { from, to } => {
            if let Some(gid) = to.gid
                && to.gid != from.gid
            {
                let argv = ["groupmod", "--gid", &gid.to_string(), "--", &to.name].map(str::to_owned);
                shadow.run(argv.to_vec(), None, &|accounts| Ok(accounts.has_gid(to)))?;
            }
            if from.members == to.members { Ok(()) } else { shadow.members(&from.members, to) }
        }
        AccountChange::RemoveGroup { group } => {
            let argv = ["groupdel", "--", &group.name].map(str::to_owned).to_vec();
            shadow.run(argv, None, &|accounts| Ok(accounts.own_group(&group.name).is_none()))
        }
    }
}

/// Shadow's tools.
struct Shadow<'t> {
    tell: &'t dyn Fn(&Progress),
}

impl Shadow<'_> {
    /// Runs one of them, and judges it by the accounts as they are then: usermod and userdel say that they failed, because of
    /// a home or a mailbox, when the account is changed already.
    fn run(&self, argv: Vec<String>, stdin: Option<Vec<u8>>, as_asked: &Judge<'_>) -> Result<()> {
        self.settle(tool(argv, stdin), &|| as_asked(&Accounts::read(Path::new("/"))?))
    }

    fn settle(&self, ended: Result<()>, as_asked: &dyn Fn() -> Result<bool>) -> Result<()> {
        match ended {
            Err(error @ Error::Command { .. }) if as_asked()? => {
                let message = format!("{error}\nthe account is as asked for all the same");
                (self.tell)(&Progress::Note { level: LogLevel::Warn, message });
                Ok(())
            }
            ended => ended,
        }
    }

    /// All of them at once, unless one that stays is known to nobody any more: gpasswd takes no list with such a name.
    fn members(&self, from: &[String], group: &Group) -> Result<()> {
        let before: BTreeSet<&String> = from.iter().collect();
        let wanted: BTreeSet<&String> = group.members.iter().collect();
        let all_known = wanted.is_disjoint(&before) || {
            let accounts = Accounts::read(Path::new("/"))?;
            // Of whom a name service does not tell, gpasswd may not know either.
            wanted.intersection(&before).all(|member| accounts.user(member).is_ok_and(|user| user.is_some()))
        };
        if all_known {
            let argv = ["gpasswd", "-M", &group.members.join(","), "--", &group.name].map(str::to_owned).to_vec();
            let as_asked = |now: &Group| now.members.iter().collect::<BTreeSet<_>>() == wanted;
            return self.run(argv, None, &|accounts| Ok(accounts.own_group(&group.name).is_some_and(as_asked)));
        }
        let added = wanted.difference(&before).map(|member| ("-a", *member));
        for (option, member) in before.difference(&wanted).map(|member| ("-d", *member)).chain(added) {
            let argv = ["gpasswd", option, member, "--", &group.name].map(str::to_owned).to_vec();
            let as_asked = |now: &Group| now.members.contains(member) == (option == "-a");
            self.run(argv, None, &|accounts| Ok(accounts.own_group(&group.name).is_some_and(as_asked)))?;
        }
        Ok(())
    }

    fn create_user(&self, user: &User, system: bool, manage_home: bool) -> Result<()> {
        let mut argv = vec!["useradd".to_owned()];
        argv.extend(system.then(|| "--system".to_owned()));
        argv.push(if manage_home { "--create-home" } else { "--no-create-home" }.to_owned());
        if let Some(uid) = user.uid {
            argv.extend(["--uid".to_owned(), uid.to_string()]);
        }
        if let Some(group) = &user.group {
            argv.extend(["--gid".to_owned(), group.clone()]);
        }
        if !user.comment.is_empty() {
            argv.extend(["--comment".to_owned(), user.comment.clone()]);
        }
        if let Some(home) = &user.home {
            argv.extend(["--home-dir".to_owned(), home.display().to_string()]);
        }
        if let Some(shell) = &user.shell {
            argv.extend(["--shell".to_owned(), shell.display().to_string()]);
        }
        argv.extend(ageing(None, user));
        argv.extend(["--".to_owned(), user.name.clone()]);
        self.run(argv, None, &|accounts| accounts.has(user))?;
        self.password(user)
    }

    fn modify_user(&self, from: &User, to: &User, manage_home: bool) -> Result<()> {
        let mut argv = vec!["usermod".to_owned()];
        if let Some(uid) = to.uid
            && to.uid != from.uid
        {
            argv.extend(["--uid".to_owned(), uid.to_string()]);
        }
        if let Some(group) = &to.group
            && to.group != from.group
        {
            argv.extend(["--gid".to_owned(), group.clone()]);
        }
        if to.comment != from.comment {
            argv.extend(["--comment".to_owned(), to.comment.clone()]);
        }
        if let Some(home) = &to.home
            && to.home != from.home
        {
            argv.extend(["--home".to_owned(), home.display().to_string()]);
            argv.extend(manage_home.then(|| "--move-home".to_owned()));
        }
        if let Some(shell) = &to.shell
            && to.shell != from.shell
        {
            argv.extend(["--shell".to_owned(), shell.display().to_string()]);
        }
        argv.extend(ageing(Some(from), to));
        if argv.len() > 1 {
            argv.extend(["--".to_owned(), to.name.clone()]);
            self.run(argv, None, &|accounts| accounts.has(to))?;
        }
        if password_differs(from, to) { self.password(to) } else { Ok(()) }
    }

    /// Sets the hash, with its lock mark; by standard input, where no `ps` shows it.
    fn password(&self, user: &User) -> Result<()> {
        let Some(hash) = &user.password else {
            let argv = ["usermod", "--lock", "--", &user.name].map(str::to_owned).to_vec();
            let locked = |accounts: &Accounts| Ok(accounts.own_user(&user.name).is_some_and(|now| now.locked));
            return if user.locked { self.run(argv, None, &locked) } else { Ok(()) };
        };
        let Some(bytes) = hash.bytes() else {
            return Err(Error::failed(format!("the password hash of `{}` is no longer at hand", user.name)));
        };
        let mark = if user.locked && !bytes.starts_with(b"!") { "!" } else { "" };
        let mut line = format!("{}:{mark}", user.name).into_bytes();
        line.extend_from_slice(bytes);
        line.push(b'\n');
        let argv = vec!["chpasswd".to_owned(), "--encrypted".to_owned()];
        self.run(argv, Some(line), &|accounts| {
            Ok(accounts.own_user(&user.name).is_some_and(|now| !password_differs(now, user)))
        })
    }
}

/// Whether the accounts are as asked for.
type Judge<'j> = dyn Fn(&Accounts) -> Result<bool> + 'j;

/// Options for the end of an account that differs. Source: usermod(8).
fn ageing(from: Option<&User>, to: &User) -> Vec<String> {
    let (expires, inactive) = from.map_or((None, None), |from| (from.expires, from.inactive));
    let mut words = Vec::new();
    if to.expires != expires {
        words.extend(["--expiredate".to_owned(), to.expires.map(|day| day.to_string()).unwrap_or_default()]);
    }
    if to.inactive != inactive {
        words.extend(["--inactive".to_owned(), to.inactive.map_or_else(|| "-1".to_owned(), |days| days.to_string())]);
    }
    words
}

fn password_differs(from: &User, to: &User) -> bool {
    to.password != from.password || to.locked != from.locked
}

/// Refuses, before anything is done, what would open an account to everybody or change another one.
fn judge_password(user: &User) -> Result<()> {
    let Some(hash) = &user.password else { return Ok(()) };
    if hash.size() == 0 && !user.locked {
        return Err(Error::failed(format!(
            "`{}` has no password: unlocked, anybody could log in as this user",
            user.name
        ))
        .hint("give it a `password` (a hash); keys for ssh work while the password is locked"));
    }
    // chpasswd reads a line for each account.
    if hash.bytes().is_some_and(|hash| hash.iter().any(|byte| matches!(byte, b':' | b'\n' | 0))) {
        return Err(Error::failed(format!("the password hash of `{}` holds a `:` or a line break", user.name)));
    }
    Ok(())
}

/// Runs one of shadow's tools; tries again while somebody else holds the lock of the account files.
fn tool(argv: Vec<String>, stdin: Option<Vec<u8>>) -> Result<()> {
    let mut command = Command::new(argv);
    command.timeout = Seconds(120);
    command.sensitive = stdin.is_some();
    command.stdin = stdin;
    let mut wait = Duration::from_millis(100);
    loop {
        let answer = run(&command)?;
        let locked = answer.code != 0 && (answer.stderr.contains("cannot lock") || answer.stderr.contains("try again"));
        if !locked || wait > Duration::from_secs(10) {
            return check(&command, answer).map(|_| ());
        }
        std::thread::sleep(wait);
        wait *= 2;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{Accounts, Shadow, network, perform};
    use crate::{
        Error,
        host::{AccountChange, Group, Progress, User},
        values::{Blob, Day},
    };

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice \u{e9},,,:/home/alice:/bin/sh\n+::::::\nbroken\n";
    const GROUP: &str = "root:x:0:\nalice:x:1000:\nadm:x:4:zoe,alice\n";
    const SHADOW: &str = "root:*:19000:0:99999:7:::\nalice:!$6$salt$hash:19000::::30:20178:\n";

    #[test]
    fn accounts_are_read_from_the_files() {
        let accounts = Accounts::parse(PASSWD, GROUP, SHADOW, "passwd: files systemd\n");
        let alice = accounts.user("alice").unwrap().unwrap();
        assert_eq!((alice.uid, alice.group.as_deref(), alice.locked), (Some(1000), Some("alice"), true));
        assert_eq!(alice.password, Some(Blob::from("$6$salt$hash")));
        assert_eq!((alice.expires, alice.inactive), (Some(Day(20_178)), Some(30)));
        assert_eq!(accounts.user("1000").unwrap(), Some(alice));
        assert_eq!(accounts.user("nobody-here").unwrap(), None);
        assert_eq!(accounts.group("adm").unwrap().unwrap().members, ["alice", "zoe"]);
        assert_eq!((accounts.groups_of("alice"), accounts.groups_of("root")), (vec!["adm".to_owned()], vec![]));
        assert_eq!((accounts.user_name(0).unwrap(), accounts.user_name(77).unwrap()), ("root".into(), "77".into()));
        assert!(accounts.uid("ghost").unwrap_err().to_string().contains("user `ghost` does not exist"));
        assert_eq!(accounts.uid("77").unwrap(), 77);
    }

    #[test]
    fn other_sources_of_names_are_noticed() {
        assert!(!network("passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\nhosts: files dns\n"));
        assert!(network("passwd: files sss\n"));
        assert!(network("group: files ldap # comment\n"));
    }

    #[test]
    fn the_name_service_is_asked_once_and_for_numbers_too() {
        // The files know nobody here, so that the machine's own `getent` has to answer; it knows root everywhere.
        let accounts = Accounts::parse("", "", "", "passwd: files sss\n");
        assert_eq!(accounts.user_name(0).unwrap(), "root");
        assert_eq!(accounts.user("root").unwrap().unwrap().group.as_deref(), Some("root"));
        assert_eq!(accounts.user("no-such-user-here").unwrap(), None);
        assert_eq!(accounts.group_name(4_000_000_000).unwrap(), "4000000000");
        let known = accounts.answers.borrow();
        assert_eq!(known[&("passwd", "no-such-user-here".to_owned())], None);
        assert_eq!(known.len(), 5, "{known:?}");
    }

    #[test]
    fn a_tool_is_judged_by_the_accounts_and_not_by_its_exit_code() {
        let told = RefCell::new(Vec::new());
        let tell = |progress: &Progress| {
            if let Progress::Note { message, .. } = progress {
                told.borrow_mut().push(message.clone());
            }
        };
        let shadow = Shadow { tell: &tell };
        let failed = || Error::Command {
            command: "userdel --remove -- ex".to_owned(),
            how: "exited with 12".to_owned(),
            output: "userdel: /srv/ex not owned by ex, not removing\n".to_owned(),
        };
        assert!(shadow.settle(Err(failed()), &|| Ok(false)).is_err());
        assert!(shadow.settle(Ok(()), &|| Ok(false)).is_ok(), "the step itself reads back");
        assert!(told.borrow().is_empty());
        shadow.settle(Err(failed()), &|| Ok(true)).unwrap();
        assert_eq!(
            *told.borrow(),
            ["command `userdel --remove -- ex` exited with 12; it printed:\n\
              userdel: /srv/ex not owned by ex, not removing\n\
              the account is as asked for all the same"]
        );
    }

    #[test]
    fn an_account_is_as_asked_for_when_all_that_was_named_is_there() {
        let accounts = Accounts::parse(PASSWD, GROUP, SHADOW, "");
        let alice = accounts.user("alice").unwrap().unwrap();
        assert!(accounts.has(&alice).unwrap());
        let by_number = User { group: Some("1000".to_owned()), uid: None, home: None, shell: None, ..alice.clone() };
        assert!(accounts.has(&by_number).unwrap());
        for other in [
            User { name: "bob".to_owned(), ..alice.clone() },
            User { home: Some("/srv".into()), ..alice.clone() },
            User { group: Some("adm".to_owned()), ..alice.clone() },
            User { expires: None, ..alice.clone() },
            User { uid: Some(7), ..alice },
        ] {
            assert!(!accounts.has(&other).unwrap(), "{other:?}");
        }
        let group = |name: &str, gid| Group { name: name.to_owned(), gid, members: Vec::new() };
        assert!(accounts.has_gid(&group("adm", None)) && accounts.has_gid(&group("adm", Some(4))));
        assert!(!accounts.has_gid(&group("adm", Some(5))) && !accounts.has_gid(&group("none", None)));
    }

    #[test]
    fn a_name_of_digits_is_a_name_first() {
        let passwd = "one:x:1000:0::/:/bin/sh\n1000:x:7:0::/:/bin/sh\n";
        let accounts = Accounts::parse(passwd, "", "", "");
        assert_eq!(accounts.uid("1000").unwrap(), 7);
    }

    #[test]
    fn what_would_open_an_account_is_refused_before_anything_is_done() {
        let user = |hash: &str, locked| User {
            name: "no-such-user-here".to_owned(),
            uid: None,
            group: None,
            comment: String::new(),
            home: None,
            shell: None,
            password: Some(Blob::from(hash)),
            locked,
            expires: None,
            inactive: None,
        };
        let from = user("", true);
        for (hash, why) in [
            ("", "`no-such-user-here` has no password: unlocked, anybody could log in as this user"),
            ("x\nroot:", "the password hash of `no-such-user-here` holds a `:` or a line break"),
        ] {
            let change = AccountChange::ModifyUser { from: from.clone(), to: user(hash, false), manage_home: false };
            assert_eq!(perform(&change, &|_| {}).unwrap_err().to_string(), why);
            let change = AccountChange::CreateUser { user: user(hash, false), system: false, manage_home: false };
            assert_eq!(perform(&change, &|_| {}).unwrap_err().to_string(), why);
        }
    }
}
