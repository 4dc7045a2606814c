//! Accounts: read natively from the files of `/etc`, changed by shadow's own tools.
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::command::{check, run};
use crate::{
    Error, Result,
    host::{AccountChange, Command, Group, User},
    values::{Blob, Seconds},
};

/// The account databases, read once.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
    user_names: HashMap<u32, String>,
    group_names: HashMap<u32, String>,
    /// Whether names may be known to somebody else than these files: LDAP, sssd, extrausers.
    network: bool,
}

impl Accounts {
    /// Reads `etc/passwd`, `etc/group` and `etc/shadow` below `root`. Missing files are empty.
    ///
    /// # Errors
    /// When a file is there and cannot be read; `shadow` may be unreadable, passwords are unknown then.
    pub fn read(root: &Path) -> Result<Self> {
        let passwd = text(&root.join("etc/passwd"))?;
        let group = text(&root.join("etc/group"))?;
        let shadow = fs::read_to_string(root.join("etc/shadow")).unwrap_or_default();
        let switch = fs::read_to_string(root.join("etc/nsswitch.conf")).unwrap_or_default();
        Ok(Self::parse(&passwd, &group, &shadow, &switch))
    }

    fn parse(passwd: &str, group: &str, shadow: &str, switch: &str) -> Self {
        let groups: Vec<Group> = group.lines().filter_map(parse_group).collect();
        let group_names: HashMap<u32, String> =
            groups.iter().rev().filter_map(|group| Some((group.gid?, group.name.clone()))).collect();
        let passwords: HashMap<&str, &str> = shadow
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(':');
                Some((fields.next()?, fields.next()?))
            })
            .collect();
        let users: Vec<User> = passwd.lines().filter_map(|line| parse_user(line, &group_names, &passwords)).collect();
        let user_names = users.iter().rev().filter_map(|user| Some((user.uid?, user.name.clone()))).collect();
        Self { users, groups, user_names, group_names, network: network(switch) }
    }

    /// An account by name, or by number as text.
    ///
    /// # Errors
    /// When `getent` has to be asked and cannot be.
    pub fn user(&self, name: &str) -> Result<Option<User>> {
        let number: Option<u32> = name.parse().ok();
        let known = |user: &&User| user.name == name || number.is_some() && user.uid == number;
        if let Some(user) = self.users.iter().find(known) {
            return Ok(Some(user.clone()));
        }
        let Some(line) = self.getent("passwd", name)? else { return Ok(None) };
        Ok(parse_user(&line, &self.group_names, &HashMap::new()))
    }

    /// A group by name, or by number as text.
    ///
    /// # Errors
    /// When `getent` has to be asked and cannot be.
    pub fn group(&self, name: &str) -> Result<Option<Group>> {
        let number: Option<u32> = name.parse().ok();
        let known = |group: &&Group| group.name == name || number.is_some() && group.gid == number;
        if let Some(group) = self.groups.iter().find(known) {
            return Ok(Some(group.clone()));
        }
        Ok(self.getent("group", name)?.as_deref().and_then(parse_group))
    }

    /// The name of an owner's number, or the number itself where no account has it.
    #[must_use]
    pub fn user_name(&self, uid: u32) -> String {
        self.user_names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    /// The name of a group's number, or the number itself where no group has it.
    #[must_use]
    pub fn group_name(&self, gid: u32) -> String {
        self.group_names.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
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
    /// is asked, and only where a source beside the files is configured.
    fn getent(&self, database: &str, name: &str) -> Result<Option<String>> {
        if !self.network {
            return Ok(None);
        }
        let mut command = Command::new(["getent", database, name]);
        command.timeout = Seconds(10);
        let answer = run(&command)?;
        Ok((answer.code == 0).then(|| answer.stdout.lines().next().unwrap_or_default().to_owned()))
    }
}

fn text(path: &Path) -> Result<String> {
    match fs::read(path) {
        // Comment fields may hold any bytes.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn parse_user(line: &str, groups: &HashMap<u32, String>, passwords: &HashMap<&str, &str>) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?;
    let _password = fields.next()?;
    let uid = fields.next()?.parse().ok()?;
    let gid: u32 = fields.next()?.parse().ok()?;
    let (comment, home, shell) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    let password = passwords.get(name).copied();
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
    })
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

/// Changes the account databases by shadow's tools.
///
/// # Errors
/// What the tools said; a lock of somebody else that is not let go.
pub fn perform(change: &AccountChange) -> Result<()> {
    match change {
        AccountChange::CreateUser { user, system, manage_home } => create_user(user, *system, *manage_home),
        AccountChange::ModifyUser { from, to, manage_home } => modify_user(from, to, *manage_home),
        AccountChange::RemoveUser { user, manage_home } => {
            let mut argv = vec!["userdel".to_owned()];
            argv.extend(manage_home.then(|| "--remove".to_owned()));
            argv.push(user.name.clone());
            tool(argv, None)
        }
        AccountChange::CreateGroup { group, system } => {
            let mut argv = vec!["groupadd".to_owned()];
            argv.extend(system.then(|| "--system".to_owned()));
            argv.extend(group.gid.iter().flat_map(|gid| ["--gid".to_owned(), gid.to_string()]));
            argv.push(group.name.clone());
            tool(argv, None)?;
            if group.members.is_empty() { Ok(()) } else { members(group) }
        }
        AccountChange::ModifyGroup { from, to } => {
            if let Some(gid) = to.gid
                && to.gid != from.gid
            {
                tool(vec!["groupmod".to_owned(), "--gid".to_owned(), gid.to_string(), to.name.clone()], None)?;
            }
            if from.members == to.members { Ok(()) } else { members(to) }
        }
        AccountChange::RemoveGroup { group } => tool(vec!["groupdel".to_owned(), group.name.clone()], None),
    }
}

fn members(group: &Group) -> Result<()> {
    tool(vec!["gpasswd".to_owned(), "-M".to_owned(), group.members.join(","), group.name.clone()], None)
}

fn create_user(user: &User, system: bool, manage_home: bool) -> Result<()> {
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
    argv.push(user.name.clone());
    tool(argv, None)?;
    password(user)
}

fn modify_user(from: &User, to: &User, manage_home: bool) -> Result<()> {
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
    if argv.len() > 1 {
        argv.push(to.name.clone());
        tool(argv, None)?;
    }
    if to.password != from.password || to.locked != from.locked { password(to) } else { Ok(()) }
}

/// Sets the hash, with its lock mark; by standard input, where no `ps` shows it.
fn password(user: &User) -> Result<()> {
    let Some(hash) = &user.password else {
        return if user.locked {
            tool(vec!["usermod".into(), "--lock".into(), user.name.clone()], None)
        } else {
            Ok(())
        };
    };
    let Some(bytes) = hash.bytes() else {
        return Err(Error::failed(format!("the password hash of `{}` is no longer at hand", user.name)));
    };
    let mut line = format!("{}:{}", user.name, if user.locked { "!" } else { "" }).into_bytes();
    line.extend_from_slice(bytes);
    line.push(b'\n');
    tool(vec!["chpasswd".to_owned(), "--encrypted".to_owned()], Some(line))
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
    use super::{Accounts, network};
    use crate::values::Blob;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice \u{e9},,,:/home/alice:/bin/sh\n+::::::\nbroken\n";
    const GROUP: &str = "root:x:0:\nalice:x:1000:\nadm:x:4:zoe,alice\n";
    const SHADOW: &str = "root:*:19000:0:99999:7:::\nalice:!$6$salt$hash:19000::::::\n";

    #[test]
    fn accounts_are_read_from_the_files() {
        let accounts = Accounts::parse(PASSWD, GROUP, SHADOW, "passwd: files systemd\n");
        let alice = accounts.user("alice").unwrap().unwrap();
        assert_eq!((alice.uid, alice.group.as_deref(), alice.locked), (Some(1000), Some("alice"), true));
        assert_eq!(alice.password, Some(Blob::from("$6$salt$hash")));
        assert_eq!(accounts.user("1000").unwrap(), Some(alice));
        assert_eq!(accounts.user("nobody-here").unwrap(), None);
        assert_eq!(accounts.group("adm").unwrap().unwrap().members, ["alice", "zoe"]);
        assert_eq!((accounts.user_name(0), accounts.user_name(77)), ("root".to_owned(), "77".to_owned()));
        assert!(accounts.uid("ghost").unwrap_err().to_string().contains("user `ghost` does not exist"));
        assert_eq!(accounts.uid("77").unwrap(), 77);
    }

    #[test]
    fn other_sources_of_names_are_noticed() {
        assert!(!network("passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\nhosts: files dns\n"));
        assert!(network("passwd: files sss\n"));
        assert!(network("group: files ldap # comment\n"));
    }
}
