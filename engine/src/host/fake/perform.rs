use std::{collections::BTreeSet, io::ErrorKind, path::Path};

use super::{BY_FILE, Fake, Start, Tree, short};
use crate::{
    Error, Result,
    host::{
        AccountChange, Act, Active, Command, Enabled, Entry, EntryKind, Group, Host, Init, Op, PackageChange,
        Performed, Probe, Reboot, Seen, ServiceVerb, Transaction, User, Write,
        account_defaults::{AccountDefaults, SKELETON, group_in_the_way, mailbox},
        inverse::tree,
        unit_name,
    },
    values::{Blob, Mode},
};

impl Host for Fake {
    fn perform(&mut self, op: &Op) -> Result<Performed> {
        self.apply(op)?;
        self.log.performed.push(op.clone());
        Ok(Performed::Done)
    }

    fn as_probe(&self) -> &dyn Probe {
        self
    }

    fn take_package_changes(&mut self) -> Vec<PackageChange> {
        std::mem::take(&mut self.log.package_changes)
    }

    fn take_reboot(&mut self) -> Option<Reboot> {
        self.log.reboot.take()
    }

    fn reboot(&mut self, reboot: &Reboot) -> Result<()> {
        let command = Command::new(["shutdown", "-r", &format!("+{}", reboot.delay_mins), &reboot.reason]);
        self.log.ran.push(command.clone());
        match self.answer(&command) {
            Some(answer) if !answer.success() => Err(Error::failed(format!("command `{command}` failed"))),
            Some(_) | None => Ok(()),
        }
    }
}

impl Fake {
    fn apply(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::Write(write) => self.write(write),
            Op::SetMeta { path, mode, owner, group } => {
                self.check_writable("set mode and owner of", path)?;
                if matches!(self.entry(path)?.map(|entry| entry.kind), Some(EntryKind::Link { .. })) {
                    return Err(Error::failed(format!(
                        "`{}` is a symbolic link, and a link has no mode of its own",
                        path.display()
                    ))
                    .hint("name the file that it leads to"));
                }
                let (owner, group) = (self.owner(owner)?, self.owning_group(group)?);
                self.state.entries.set_meta(path, *mode, &owner, &group)
            }
            Op::Mkdir { path, mode, owner, group } => {
                self.check_writable("make directory", path)?;
                let (owner, group) = (self.owner(owner)?, self.owning_group(group)?);
                self.state.entries.mkdir(path, Entry { kind: EntryKind::Directory, mode: *mode, owner, group })
            }
            Op::Link { path, target, hard } => {
                self.check_writable("link", path)?;
                self.state.entries.link(path, target, *hard)
            }
            Op::Remove { path, recursive, backup: _ } => {
                self.check_writable("remove", path)?;
                self.state.entries.remove(path, *recursive)
            }
            Op::Packages(transaction) => self.packages_change(transaction),
            Op::UpdatePackageLists { provider, source } => {
                self.provider_key(provider)?;
                let fetched = source.as_ref().map(|path| self.source(path)).transpose()?.flatten();
                let packages = self.packages_mut(provider);
                packages.refresh();
                packages.fetched.extend(source.clone().zip(fetched));
                Ok(())
            }
            Op::Service { unit, verb } => self.service_change(unit, *verb),
            Op::Account(change) => self.account_change(change),
            Op::Kept(kept) => {
                kept.by.iter().try_for_each(|command| self.run(command))?;
                let Some(file) = kept.file().map(Path::to_owned) else { return Ok(()) };
                if kept.by.iter().any(|command| self.has_effect(command)) || kept.is_done(self)? {
                    return Ok(());
                }
                match kept.applied(self.entry(&file)?.as_ref()) {
                    Some(entry) if entry.kind == EntryKind::Directory => self.state.entries.mkdir(&file, entry),
                    Some(entry) => self.state.entries.write(&file, entry),
                    None => self.state.entries.remove(&file, false),
                }
            }
            Op::Foreseen(foreseen) => {
                self.run(&foreseen.by)?;
                if self.has_effect(&foreseen.by) {
                    return Ok(());
                }
                for Seen { path, entry } in &foreseen.leaves {
                    match entry {
                        Some(entry) => self.state.entries.put(path, entry.clone()),
                        None if self.entry(path)?.is_some() => self.state.entries.remove(path, false)?,
                        None => {}
                    }
                }
                Ok(())
            }
            Op::Records(change) => {
                let place = super::record_key(&change.authority, &change.name, change.to.kind);
                if change.to.values.is_empty() {
                    self.state.records.remove(&place);
                } else {
                    self.state.records.insert(place, change.to.clone());
                }
                Ok(())
            }
            Op::Run(command) => self.run(command),
            Op::Act(Act::Call(code)) => code.run(self),
            Op::Act(Act::Reboot(reboot)) => {
                self.log.reboot = Some(reboot.clone());
                Ok(())
            }
            Op::Act(Act::CancelReboot) => {
                self.log.reboot = None;
                Ok(())
            }
            Op::Act(Act::Send(_) | Act::Wait { .. }) | Op::Log { .. } => Ok(()),
        }
    }

    pub(super) fn check_writable(&self, doing: &'static str, path: &Path) -> Result<()> {
        if self.state.read_only.iter().any(|directory| path.starts_with(directory)) {
            return Err(Error::io(doing, path)(ErrorKind::ReadOnlyFilesystem.into()));
        }
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Result<()> {
        let Write { path, content, mode, owner, group, backup: _, verify, sensitive: _ } = write;
        self.check_writable("write", path)?;
        let (owner, group) = (self.owner(owner)?, self.owning_group(group)?);
        for line in verify {
            if let Some(answer) = self.answer(&Command::shell(line))
                && !answer.success()
            {
                let how = format!("exited with {}", answer.code);
                return Err(Error::Command { command: line.clone(), how, output: answer.stdout + &answer.stderr });
            }
        }
        let kind = EntryKind::File { content: content.clone() };
        self.state.entries.write(path, Entry { kind, mode: *mode, owner, group })
    }

    /// Whether the test says what a command does: then that shows whether what was foreseen of it is so.
    fn has_effect(&self, command: &Command) -> bool {
        let plain = Command { sensitive: false, ..command.clone() };
        self.state.effects.contains_key(&plain.to_string())
    }

    fn run(&mut self, command: &Command) -> Result<()> {
        self.check_command(command)?;
        self.log.ran.push(command.clone());
        let answer = self.answer(command).unwrap_or_default();
        let plain = Command { sensitive: false, ..command.clone() };
        for operation in self.state.effects.get(&plain.to_string()).cloned().unwrap_or_default() {
            self.apply(&operation)?;
        }
        if command.returns.contains(&answer.code) {
            return Ok(());
        }
        let said = command.without_secrets(&(answer.stdout + &answer.stderr));
        let output = if command.sensitive { String::new() } else { said };
        Err(Error::Command { command: command.to_string(), how: format!("exited with {}", answer.code), output })
    }

    fn packages_change(&mut self, transaction: &Transaction) -> Result<()> {
        self.provider_key(&transaction.provider)?;
        let packages = self.packages_mut(&transaction.provider);
        let changes = packages.carry_out(transaction)?;
        let brings = packages.brings.clone();
        for change in &changes {
            let Some(brought) = brings.get(&change.name) else { continue };
            if change.to.is_none() {
                for unit in brought.services.keys() {
                    self.state.services.remove(&short(unit));
                }
                // Of a removed package the configuration stays, of a purged one nothing does.
                let purged = transaction.purge.contains(&change.name);
                for path in brought.files.keys().filter(|path| purged || !path.starts_with("/etc")) {
                    self.state.entries.remove(path, false).ok();
                }
                continue;
            }
            for name in brought.groups.iter().chain(&brought.users) {
                if !self.state.groups.contains_key(name) {
                    let gid = self.free_gid(true);
                    self.state
                        .groups
                        .insert(name.clone(), Group { name: name.clone(), gid: Some(gid), members: vec![] });
                }
            }
            for name in &brought.users {
                if !self.state.users.contains_key(name) {
                    let user = User {
                        name: name.clone(),
                        uid: Some(self.free_uid(true)),
                        group: Some(name.clone()),
                        comment: String::new(),
                        home: Some("/nonexistent".into()),
                        shell: Some("/usr/sbin/nologin".into()),
                        password: Some(Blob::from("!")),
                        locked: true,
                        expires: None,
                        inactive: None,
                    };
                    self.state.users.insert(name.clone(), user);
                }
            }
            for (path, text) in &brought.files {
                let there = self.state.entries.get(path)?.is_some();
                if !there || !path.starts_with("/etc") {
                    let file = Tree::usual(EntryKind::File { content: Blob::from(text.as_str()) });
                    self.state.entries.put(path, file);
                }
            }
            for (unit, state) in brought.services.iter().filter(|_| change.from.is_none()) {
                // Nothing is started where no init system runs.
                let active = if self.state.init == Init::SystemdOffline { Active::No } else { state.active };
                let service = super::FakeService { enabled: state.enabled, active, by_file: false, ..BY_FILE };
                self.state.services.insert(short(unit), service);
            }
        }
        self.log.package_changes.extend(changes);
        Ok(())
    }

    fn service_change(&mut self, unit: &str, verb: ServiceVerb) -> Result<()> {
        unit_name::whole(unit).map_err(Error::failed)?;
        let cannot = |why: &str| Error::Unsupported(format!("cannot {} `{unit}`: {why}", verb.name()));
        let at_boot = match verb {
            ServiceVerb::Enable | ServiceVerb::Disable | ServiceVerb::Mask | ServiceVerb::Unmask => true,
            ServiceVerb::Start | ServiceVerb::Stop | ServiceVerb::Restart | ServiceVerb::Reload => false,
        };
        match self.state.init {
            Init::None => return Err(cannot("no init system is known here")),
            Init::SystemdOffline if !at_boot => return Err(cannot("systemd does not run here")),
            Init::Systemd | Init::SystemdOffline => {}
            Init::OpenRc | Init::SysV => {
                if matches!(verb, ServiceVerb::Mask | ServiceVerb::Unmask) {
                    return Err(cannot("only systemd masks units"));
                }
            }
        }
        let key = self.service_key(unit);
        let Some(mut service) = self.find_service(unit) else {
            return match verb {
                ServiceVerb::Mask => {
                    let masked = super::FakeService {
                        enabled: Enabled::Masked,
                        by_file: false,
                        hidden: Some(Enabled::No),
                        ..BY_FILE
                    };
                    self.state.services.insert(key, masked);
                    self.log.service_events.push((unit.to_owned(), verb));
                    Ok(())
                }
                ServiceVerb::Unmask => Ok(()),
                ServiceVerb::Enable
                | ServiceVerb::Disable
                | ServiceVerb::Start
                | ServiceVerb::Stop
                | ServiceVerb::Restart
                | ServiceVerb::Reload => Err(Error::Missing { kind: "unit", name: unit.to_owned(), why: None }),
            };
        };
        let masked = service.enabled == Enabled::Masked;
        match verb {
            ServiceVerb::Enable | ServiceVerb::Start | ServiceVerb::Restart if masked => {
                return Err(Error::failed(format!("cannot {} `{unit}`: it is masked", verb.name())));
            }
            ServiceVerb::Enable if service.enabled == Enabled::No => service.enabled = Enabled::Yes,
            ServiceVerb::Disable if service.enabled == Enabled::Yes => service.enabled = Enabled::No,
            ServiceVerb::Enable | ServiceVerb::Disable => {}
            ServiceVerb::Mask if !masked => {
                service.hidden = Some(service.enabled);
                service.enabled = Enabled::Masked;
            }
            ServiceVerb::Unmask if masked => service.enabled = service.hidden.take().unwrap_or(Enabled::No),
            ServiceVerb::Mask | ServiceVerb::Unmask => {}
            ServiceVerb::Reload if service.active != Active::Yes => {
                return Err(Error::failed(format!("cannot reload `{unit}`: it does not run")));
            }
            ServiceVerb::Reload => {}
            ServiceVerb::Start if service.active == Active::Yes => {}
            ServiceVerb::Start | ServiceVerb::Restart => {
                service.active = match service.start {
                    Start::Runs => Active::Yes,
                    Start::Ends => Active::No,
                    Start::Fails => Active::Failed,
                }
            }
            ServiceVerb::Stop => service.active = Active::No,
        }
        let failed = service.active == Active::Failed && matches!(verb, ServiceVerb::Start | ServiceVerb::Restart);
        self.state.services.remove(&key);
        // What a unit file alone tells needs no record: so undoing a change leaves none.
        if !service.by_file || self.find_service(unit).as_ref() != Some(&service) {
            self.state.services.insert(key, service);
        }
        self.log.service_events.push((unit.to_owned(), verb));
        if failed {
            return Err(Error::failed(format!("`{unit}` did not start: it failed")));
        }
        Ok(())
    }

    fn free_uid(&self, system: bool) -> u32 {
        free(self.state.users.values().filter_map(|user| user.uid).collect(), system)
    }

    fn free_gid(&self, system: bool) -> u32 {
        free(self.state.groups.values().filter_map(|group| group.gid).collect(), system)
    }

    fn account_change(&mut self, change: &AccountChange) -> Result<()> {
        match change {
            AccountChange::CreateUser { user, system, manage_home } => self.create_user(user, *system, *manage_home),
            AccountChange::ModifyUser { from, to, manage_home } => self.modify_user(from, to, *manage_home),
            AccountChange::RemoveUser { user, manage_home } => self.remove_user(user, *manage_home),
            AccountChange::CreateGroup { group, system } => {
                if self.state.groups.contains_key(&group.name) {
                    return Err(Error::failed(format!("group `{}` exists already", group.name)));
                }
                self.check_members(group.members.iter())?;
                let gid = self.gid_for(group.gid, *system)?;
                self.insert_group(Group { gid: Some(gid), ..group.clone() });
                Ok(())
            }
            AccountChange::ModifyGroup { from, to } => {
                let now = self.state.groups.get(&from.name).cloned();
                let now = now.ok_or_else(|| missing("group", &from.name))?;
                self.check_members(to.members.iter().filter(|member| !now.members.contains(member)))?;
                let gid = match to.gid {
                    Some(gid) if Some(gid) != now.gid => self.gid_for(Some(gid), false)?,
                    Some(_) | None => now.gid.unwrap_or_default(),
                };
                self.state.groups.remove(&from.name);
                self.insert_group(Group { gid: Some(gid), ..to.clone() });
                Ok(())
            }
            AccountChange::RemoveGroup { group } => {
                if let Some(user) = self.state.users.values().find(|user| user.group.as_ref() == Some(&group.name)) {
                    return Err(Error::failed(format!(
                        "cannot remove group `{}`: it is the primary group of user `{}`",
                        group.name, user.name
                    ))
                    .hint("give the account another `gid`, or remove it, before this"));
                }
                self.state.groups.remove(&group.name).map(drop).ok_or_else(|| missing("group", &group.name))
            }
        }
    }

    fn insert_group(&mut self, mut group: Group) {
        group.members = BTreeSet::from_iter(group.members).into_iter().collect();
        self.state.groups.insert(group.name.clone(), group);
    }

    fn check_members<'m>(&self, mut members: impl Iterator<Item = &'m String>) -> Result<()> {
        match members.find(|name| !self.state.users.contains_key(*name)) {
            Some(name) => Err(missing("user", name)),
            None => Ok(()),
        }
    }

    fn gid_for(&self, wanted: Option<u32>, system: bool) -> Result<u32> {
        let Some(gid) = wanted else { return Ok(self.free_gid(system)) };
        match self.state.groups.values().find(|group| group.gid == Some(gid)) {
            Some(group) => Err(Error::failed(format!("group number {gid} is taken by `{}`", group.name))),
            None => Ok(gid),
        }
    }

    fn uid_for(&self, wanted: Option<u32>, system: bool) -> Result<u32> {
        let Some(uid) = wanted else { return Ok(self.free_uid(system)) };
        match self.state.users.values().find(|user| user.uid == Some(uid)) {
            Some(user) => Err(Error::failed(format!("user number {uid} is taken by `{}`", user.name))),
            None => Ok(uid),
        }
    }

    /// The name of a primary group that has to be there.
    fn primary_group(&self, name: &str) -> Result<String> {
        self.group(name)?.map(|group| group.name).ok_or_else(|| missing("group", name))
    }

    fn create_user(&mut self, user: &User, system: bool, manage_home: bool) -> Result<()> {
        if self.state.users.contains_key(&user.name) {
            return Err(Error::failed(format!("user `{}` exists already", user.name)));
        }
        let uid = self.uid_for(user.uid, system)?;
        let defaults = AccountDefaults::read(self)?;
        let group = match (&user.group, defaults.group()) {
            (Some(group), _) => self.primary_group(group)?,
            (None, Some(usual)) => self.group(usual)?.map_or_else(|| usual.to_owned(), |group| group.name),
            (None, None) if self.state.groups.contains_key(&user.name) => return Err(group_in_the_way(&user.name)),
            (None, None) => {
                let taken = self.state.groups.values().any(|group| group.gid == Some(uid));
                let gid = if taken { self.free_gid(system) } else { uid };
                self.insert_group(Group { name: user.name.clone(), gid: Some(gid), members: Vec::new() });
                user.name.clone()
            }
        };
        let home = user.home.clone().unwrap_or_else(|| defaults.home(&user.name));
        let account = User {
            uid: Some(uid),
            group: Some(group.clone()),
            home: Some(home.clone()),
            shell: Some(user.shell.clone().unwrap_or_else(|| "/bin/sh".into())),
            // Without a hash given nobody can log in by a password.
            locked: user.locked || user.password.is_none(),
            password: Some(user.password.clone().unwrap_or_else(|| Blob::from("!"))),
            ..user.clone()
        };
        if manage_home && self.state.entries.get(&home)?.is_none() {
            let owner = user.name.clone();
            let directory = Entry { kind: EntryKind::Directory, mode: Mode::from(0o700), owner, group };
            let own = |entry: Entry| Entry { owner: directory.owner.clone(), group: directory.group.clone(), ..entry };
            for Seen { path, entry } in tree(Path::new(SKELETON), self)? {
                if let (Ok(name), Some(entry)) = (path.strip_prefix(SKELETON), entry)
                    && name != Path::new("")
                {
                    self.state.entries.put(&home.join(name), own(entry));
                }
            }
            self.state.entries.put(&home, directory);
        }
        self.state.users.insert(user.name.clone(), account);
        Ok(())
    }

    fn modify_user(&mut self, from: &User, to: &User, manage_home: bool) -> Result<()> {
        let now = self.state.users.get(&from.name).cloned().ok_or_else(|| missing("user", &from.name))?;
        let uid = match to.uid {
            Some(uid) if Some(uid) != now.uid => Some(self.uid_for(Some(uid), false)?),
            Some(_) | None => now.uid,
        };
        let group = match &to.group {
            Some(group) => Some(self.primary_group(group)?),
            None => now.group.clone(),
        };
        if let (true, Some(old), Some(new)) = (manage_home, &now.home, &to.home)
            && old != new
            && self.state.entries.get(old)?.is_some()
            && self.state.entries.get(new)?.is_none()
        {
            self.state.entries.rename(old, new);
        }
        let account = User {
            uid,
            group,
            home: to.home.clone().or(now.home),
            shell: to.shell.clone().or(now.shell),
            password: to.password.clone().or(now.password),
            ..to.clone()
        };
        self.state.users.remove(&from.name);
        self.state.users.insert(to.name.clone(), account);
        Ok(())
    }

    fn remove_user(&mut self, user: &User, manage_home: bool) -> Result<()> {
        let gone = self.state.users.remove(&user.name).ok_or_else(|| missing("user", &user.name))?;
        for group in self.state.groups.values_mut() {
            group.members.retain(|member| *member != user.name);
        }
        let primary_elsewhere = self.state.users.values().any(|other| other.group.as_ref() == Some(&user.name));
        let own = self.state.groups.get(&user.name).is_some_and(|group| group.members.is_empty());
        if own && !primary_elsewhere {
            self.state.groups.remove(&user.name);
        }
        if !manage_home {
            return Ok(());
        }
        if let Some((path, entry)) = mailbox(&user.name, self)?
            && entry.owner == user.name
        {
            self.state.entries.remove(&path, false)?;
        }
        match gone.home {
            Some(home) if self.state.entries.get(&home)?.is_some() => self.state.entries.remove(&home, true),
            Some(_) | None => Ok(()),
        }
    }
}

fn missing(kind: &'static str, name: &str) -> Error {
    Error::Missing { kind, name: name.to_owned(), why: None }
}

/// The number that `useradd` and `groupadd` would choose: system ones downwards from 999, others upwards from 1000.
fn free(taken: BTreeSet<u32>, system: bool) -> u32 {
    let mut numbers: Box<dyn Iterator<Item = u32>> =
        if system { Box::new((100..1000).rev()) } else { Box::new(1000..60_000) };
    numbers.find(|number| !taken.contains(number)).unwrap_or(60_000)
}
