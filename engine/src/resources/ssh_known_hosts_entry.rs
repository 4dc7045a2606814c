//! `ssh_known_hosts_entry[host]`
use std::{collections::BTreeSet, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::{
    edit,
    entry::{in_the_way, leaf_faults, meta_faults},
    file::{File, State},
    ssh_key::{self, PublicKey},
};
use crate::{
    Fault, Result, actions,
    host::{Entry, EntryKind, Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::Mode,
};

/// The file of all users. Source: ssh_config(5), `GlobalKnownHostsFile`.
const FILE: &str = "/etc/ssh/ssh_known_hosts";

properties! {
    /// A host's public key, in the file by which ssh(1) of every user knows that host. A host may have one key of each type;
    /// lines of others stay. Unlike in Chef, the key has to be given: ssh-keyscan(1) trusts whoever answers. A line in which
    /// the name is hashed is known as one of the host; names are not hashed here.
    pub struct SshKnownHostsEntry("host") {
        name: String;
        /// The host's name or address, when it is not the name of the resource.
        host: String,
        /// Its public key: `ssh-ed25519 AAAA..`, as in the host's `/etc/ssh/ssh_host_ed25519_key.pub`.
        key: String,
        /// The type of the key, when the key is given without: `ssh-ed25519`.
        key_type: String,
        /// The port that its SSH server listens on; 22 when not given.
        port: u32,
        /// The file; `/etc/ssh/ssh_known_hosts` when not given.
        file_location: PathBuf,
        /// Permission bits of the file; 0644 when not given.
        mode: Mode,
        /// Owner of the file; root when not given.
        owner: String,
        /// Group of the file; root when not given.
        group: String,
    }
    example r#"r.add(SshKnownHostsEntry::of("git.example.com").key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the host known by this key, and by no other one of its type.",
        Delete = "delete": "Has the host known by no key: of the type that is given, or of any when none is.",
    }
}
pub use Action::*;

impl SshKnownHostsEntry {
    /// The key of this host.
    #[must_use]
    pub fn of(host: impl Into<String>) -> Self {
        Self::bare(host.into())
    }

    fn who(&self) -> &str {
        self.host.as_ref().unwrap_or(&self.name)
    }

    /// The host as a line names it. Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
    fn pattern(&self) -> String {
        match self.port {
            None | Some(22) => self.who().to_owned(),
            Some(port) => format!("[{}]:{port}", self.who()),
        }
    }

    /// The key in one form, however it was given.
    fn whole_key(&self) -> Option<String> {
        let key = self.key.as_deref()?.trim();
        Some(match &self.key_type {
            Some(kind) if PublicKey::parse(key).is_none() => format!("{kind} {key}"),
            Some(_) | None => key.to_owned(),
        })
    }

    fn file(&self) -> File {
        let path = self.file_location.clone().unwrap_or_else(|| FILE.into());
        let (owner, group) = (self.owner.as_deref().unwrap_or("root"), self.group.as_deref().unwrap_or("root"));
        File::at(path).mode(self.mode.unwrap_or(Mode::from(0o644))).owner(owner).group(group)
    }

    /// A line without this host, if it is one of the type with it: `Some(None)` when nobody is left in it.
    fn without<'l>(&self, line: &'l str, kind: Option<&str>) -> Option<Option<String>> {
        let (hosts, rest) = parted(line)?;
        let key = PublicKey::parse(rest)?;
        let pattern = self.pattern();
        // Names of hosts are the same in capitals, for ssh too.
        let is_it = |host: &&'l str| host.eq_ignore_ascii_case(&pattern) || is_hashed(host, &pattern);
        if !hosts.split(',').any(|host| is_it(&host)) || kind.is_some_and(|kind| kind != key.kind) {
            return None;
        }
        let others: Vec<_> = hosts.split(',').filter(|host| !is_it(host)).collect();
        Some((!others.is_empty()).then(|| format!("{} {rest}", others.join(","))))
    }

    fn known(&self, lines: &mut edit::Lines, kind: Option<&str>, wanted: Option<PublicKey>) {
        let mut found = false;
        for at in (0..lines.len()).rev() {
            let Some(line) = lines.bare().nth(at).map(str::to_owned) else { continue };
            let Some(left) = self.without(&line, kind) else { continue };
            let key = parted(&line).and_then(|(_, rest)| PublicKey::parse(rest));
            if !found && key.zip(wanted).is_some_and(|(key, wanted)| key.body == wanted.body) {
                found = true;
                continue;
            }
            lines.replace(at, at + 1, left.as_deref());
        }
        if let (false, Some(PublicKey { kind, body, .. })) = (found, wanted) {
            lines.put(None, &format!("{} {kind} {body}", self.pattern()));
        }
    }
}

/// Whether a file has the mode and owner that it gets when the recipe gives none.
fn is_usual(entry: &Entry) -> bool {
    entry.mode == Mode::from(0o644) && entry.owner == "root" && entry.group == "root"
}

/// The hosts of a line and what follows them. A line with a mark, as of an authority, is about more than one key.
fn parted(line: &str) -> Option<(&str, &str)> {
    let (hosts, rest) = line.trim().split_once([' ', '\t'])?;
    (!hosts.starts_with(['#', '@'])).then_some((hosts, rest.trim_start()))
}

/// Whether this is the name, hashed with some salt. Source: ssh-keygen(1), `-H`; openssh's `hostfile.c`, `host_hash`.
fn is_hashed(host: &str, name: &str) -> bool {
    let Some((salt, hash)) = host.strip_prefix("|1|").and_then(|rest| rest.split_once('|')) else { return false };
    let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else { return false };
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).expect("a key of any length is one");
    mac.update(name.to_ascii_lowercase().as_bytes());
    mac.verify_slice(&hash).is_ok()
}

impl Resource for SshKnownHostsEntry {
    const KIND: &'static str = "ssh_known_hosts_entry";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let host = self.who();
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || ",#@|[]*?!".contains(c)) {
            let fault = Fault::new(format!("`{}` is no name of a host", host.escape_debug()));
            faults.push(fault.hint("name one host; each has a resource of its own, and the port stands in `port`"));
        }
        if self.port.is_some_and(|port| !(1..=65_535).contains(&port)) {
            faults.push(Fault::new("the port is not between 1 and 65535"));
        }
        let whole = self.whole_key();
        faults.extend(whole.iter().flat_map(|key| ssh_key::faults(key)));
        match (whole.as_deref().and_then(PublicKey::parse), &self.key_type) {
            (Some(key), Some(kind)) if key.kind != kind => {
                faults.push(Fault::new(format!("the key is of the type `{}`, and not `{kind}`", key.kind)));
            }
            (None, Some(kind)) if self.key.is_none() && !ssh_key::TYPES.contains(&kind.as_str()) => {
                let fault = Fault::new(format!("`{}` is no type of a key", kind.escape_debug()));
                faults.push(fault.hint(crate::suggest::hint(kind, ssh_key::TYPES)));
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        faults.extend(self.file_location.as_deref().map(leaf_faults).unwrap_or_default());
        faults.extend(meta_faults(self.mode, self.owner.as_deref(), self.group.as_deref()));
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create if self.key.is_none() => {
                let fault = Fault::new("it has no key");
                vec![fault.hint("give it with `key`: it is the host's `/etc/ssh/ssh_host_ed25519_key.pub`")]
            }
            Create | Delete => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file().read(probe)
    }

    /// Those in the file of all users that stand there by name; a port is no part of it.
    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let file = Self::of("").file();
        let state = file.read(probe)?;
        let text = edit::text(&file, &state)?;
        let hosts = text.lines().filter_map(parted).flat_map(|(hosts, _)| hosts.split(','));
        let named = |host: &&str| Self::of(*host).check().is_empty();
        let hosts: BTreeSet<_> = hosts.filter(named).map(str::to_owned).collect();
        Ok(Some(hosts.into_iter().collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let file = self.file();
        let state = file.read(probe)?;
        let text = edit::text(&file, &state)?;
        let place = self.file_location.as_ref().map(|path| path.display().to_string());
        let found = Found::new(Self::KIND, &self.name).with("host", self.host.clone()).with("port", self.port);
        let mut found = found.with("file_location", place);
        let is_it = |line: &&str| self.without(line, self.key_type.as_deref()).is_some();
        let mut keys = text.lines().filter(is_it).filter_map(parted).filter_map(|(_, key)| PublicKey::parse(key));
        let Some(PublicKey { kind, body, .. }) = keys.next() else {
            return Ok(Some(found.with("key_type", self.key_type.clone()).action("delete")));
        };
        found = found.with("key", format!("{kind} {body}"));
        for more in keys {
            found = found.unsaid(format!("a key of the type `{0}`: ask for it with `key_type={0}`", more.kind));
        }
        if let Some(Entry { mode, owner, group, .. }) = state.entry.filter(|entry| !is_usual(entry)) {
            found = found.with("mode", mode.to_string()).with("owner", owner).with("group", group);
        }
        found.settled::<Self>(Create, probe).map(Some)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        if let Some(kind @ EntryKind::Link { .. }) = now.entry.as_ref().map(|entry| &entry.kind) {
            let error = in_the_way(&self.file().path, kind, "file");
            return Err(error.hint("name the file that it leads to with `file_location`"));
        }
        let whole = self.whole_key();
        let key = whole.as_deref().and_then(PublicKey::parse);
        let kind = key.map(|key| key.kind).or(self.key_type.as_deref());
        let wanted = match action {
            Create => key,
            Delete if now.entry.is_none() => return Ok(Goal::State(now.clone())),
            Delete => None,
        };
        let edit = |lines: &mut edit::Lines| {
            self.known(lines, kind, wanted);
            Ok(())
        };
        edit::edited(&self.file(), now, probe, &edit).map(Goal::State)
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Create, Delete, SshKnownHostsEntry};
    use crate::{
        host::Fake,
        resource::Resource as _,
        resources::{
            ssh_key::tests::{ED25519, OTHER},
            trial::{done, faults, faults_of, text},
        },
        spec::laws,
    };

    const FILE: &str = "/etc/ssh/ssh_known_hosts";

    #[test]
    fn a_host_is_shown_with_its_key() {
        let lines = format!("a.example,[b.example]:2222 {ED25519} x\n|1|AA|BB {OTHER}\n@revoked * {OTHER}\n");
        let machine = Fake::new().with_file(FILE, lines.as_str());
        assert_eq!(SshKnownHostsEntry::all(&machine).unwrap().unwrap(), ["a.example"]);
        let told = |entry: SshKnownHostsEntry| {
            let found = entry.found(&machine).unwrap().unwrap();
            (serde_json::to_value(found.properties).unwrap(), found.actions, found.unsaid)
        };
        assert_eq!(told(SshKnownHostsEntry::of("a.example")), (json!({"key": ED25519}), vec!["create"], vec![]));
        assert_eq!(
            told(SshKnownHostsEntry::of("b.example").port(2222_u32)),
            (json!({"key": ED25519, "port": 2222}), vec!["create"], vec![])
        );
        assert_eq!(told(SshKnownHostsEntry::of("c.example")), (json!({}), vec!["delete"], vec![]));
    }

    fn entry() -> SshKnownHostsEntry {
        SshKnownHostsEntry::of("git.example.com").key(format!("{ED25519} root@git"))
    }

    fn machine(text: &str) -> Fake {
        Fake::new().with_file(FILE, text)
    }

    #[test]
    fn a_host_is_known_by_one_key_of_a_type() {
        let mut empty = Fake::new().with_directory("/etc/ssh");
        laws(entry(), Create, &empty);
        let write = format!("write {FILE} {:?} 0644 root:root backup 5", format!("git.example.com {ED25519}\n"));
        assert_eq!(done(&entry(), Create, &mut empty), [write]);
        let others = format!("# ours\n|1|a=|b= {OTHER}\n@revoked git.example.com {OTHER}\nweb {OTHER}\n");
        let mut machine = machine(&format!("{others}10.0.0.1,git.example.com {OTHER}\n"));
        done(&entry(), Create, &mut machine);
        assert_eq!(text(&machine, FILE), format!("{others}10.0.0.1 {OTHER}\ngit.example.com {ED25519}\n"));
        done(&entry(), Delete, &mut machine);
        assert_eq!(text(&machine, FILE), format!("{others}10.0.0.1 {OTHER}\n"));
        assert_eq!(done(&entry(), Delete, &mut Fake::new()), [""; 0]);
    }

    /// `git.example.com`, and the same at port 2222, as `ssh-keygen -H` wrote them.
    const HASHED: [&str; 2] = [
        "|1|6A747ip0zM9548IdELtd+Zs3h9Y=|2K14aTqIsk+nGOKBy2dEbJmyZrw=",
        "|1|3ILA7ZxzuGFcC+/HqVrnaqjzHdM=|CycT8v2sjpFnC15oMO2vlQm0vYs=",
    ];

    #[test]
    fn a_hashed_name_is_known() {
        let [one, other] = HASHED;
        let mut machine = machine(&format!("{one} {OTHER}\n{other} {OTHER}\n"));
        done(&SshKnownHostsEntry::of("GIT.example.com").key(ED25519), Create, &mut machine);
        assert_eq!(text(&machine, FILE), format!("{other} {OTHER}\nGIT.example.com {ED25519}\n"));
        done(&entry().port(2222_u32), Delete, &mut machine);
        assert_eq!(text(&machine, FILE), format!("GIT.example.com {ED25519}\n"));
        let mut same = super::tests::machine(&format!("{one} {ED25519}\n"));
        assert_eq!(done(&entry(), Create, &mut same), [""; 0]);
    }

    #[test]
    fn a_line_that_says_it_already_is_kept_as_it_is() {
        let line = format!("10.0.0.1,[git.example.com]:2222\t{ED25519} by hand\n");
        let mut machine = machine(&line);
        assert_eq!(done(&entry().port(2222_u32), Create, &mut machine), [""; 0]);
        // The name without a port is another one, and one line is enough.
        done(&entry(), Create, &mut machine);
        let twice = format!("{}[git.example.com]:2222 {ED25519}\n", text(&machine, FILE));
        let mut machine = machine.with_file(FILE, twice.as_str());
        done(&entry().port(2222_u32), Create, &mut machine);
        assert_eq!(
            text(&machine, FILE),
            format!("10.0.0.1 {ED25519} by hand\ngit.example.com {ED25519}\n[git.example.com]:2222 {ED25519}\n")
        );
    }

    #[test]
    fn hosts_and_keys_are_checked() {
        for bad in ["", "a b", "a,b", "[a]:22", "*.x", "!x"] {
            assert_eq!(faults(&SshKnownHostsEntry::of(bad)).len(), 1, "{bad:?}");
        }
        let body = ED25519.split(' ').nth(1).unwrap();
        assert_eq!(faults(&SshKnownHostsEntry::of("a").key(body).key_type("ssh-ed25519")), [""; 0]);
        assert_eq!(faults(&SshKnownHostsEntry::of("a").key(body)).len(), 1);
        assert_eq!(faults(&entry().key_type("ssh-rsa")), ["the key is of the type `ssh-ed25519`, and not `ssh-rsa`"]);
        assert_eq!(faults(&entry().port(0_u32)), ["the port is not between 1 and 65535"]);
        assert_eq!(
            faults_of(&SshKnownHostsEntry::of("a"), Create),
            ["it has no key\nhint: give it with `key`: it is the host's `/etc/ssh/ssh_host_ed25519_key.pub`"]
        );
        assert_eq!(
            faults(&SshKnownHostsEntry::of("a").key_type("ssh-ed2551")),
            ["`ssh-ed2551` is no type of a key\nhint: did you mean `ssh-ed25519`?"]
        );
    }
}
