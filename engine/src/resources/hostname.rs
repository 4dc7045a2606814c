//! `hostname[name]`
use std::{net::IpAddr, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    edit,
    entry::text_of,
    file::{self, File},
};
use crate::{
    Fault, Result, actions,
    host::{Entry, EntryKind, Init, Op, Probe, Write},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::{Blob, Words},
};

const NAME: &str = "/etc/hostname";
const HOSTS: &str = "/etc/hosts";
/// The running name, as a setting of the kernel.
const RUNNING: &str = "/proc/sys/kernel/hostname";
/// Longest name that the kernel takes, in bytes. Source: hostname(7), `HOST_NAME_MAX`.
const LONGEST: usize = 64;
/// Longest part of a name between dots, in bytes. Source: hostname(7).
const LONGEST_LABEL: usize = 63;
/// The host itself, where no address of its own is there to stay. Source: Debian Reference 5.1.1, "The hostname resolution".
const OWN: &str = "127.0.1.1";

properties! {
    /// The name of this machine: `/etc/hostname`, the running name where systemd runs, and the line of `/etc/hosts` by which
    /// the machine finds its own names. In a root directory, and in a container without systemd, the files alone are
    /// managed. Other lines of both files stay as they are. Unlike in Chef, the line's address is 127.0.1.1 when none is
    /// given: the address that the machine has today may be another one tomorrow.
    pub struct Hostname("hostname") {
        name: String;
        /// The name, when it is not the name of the resource: `web1`, or with its domain as `web1.example.com`.
        hostname: String,
        /// The name with its domain, which comes first in the line of `/etc/hosts`: `web1.example.com`.
        fqdn: String,
        /// Further names in that line.
        aliases: Words,
        /// The address in that line; 127.0.1.1 when not given.
        ipaddress: String,
    }
    example r#"r.add(Hostname::named("web1").fqdn("web1.example.com"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Set = "set": "Has the machine bear this name, now and after each boot.",
    }
}
pub use Action::*;

/// The two files, and the running name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// `/etc/hostname`.
    pub file: file::State,
    /// `/etc/hosts`.
    pub hosts: file::State,
    /// The running name. `None`: it is not this machine's to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// How the kernel shows it.
    #[serde(skip)]
    shown: Option<Entry>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.hosts == other.hosts && self.running == other.running
    }
}

impl Hostname {
    /// This name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn what(&self) -> &str {
        self.hostname.as_ref().unwrap_or(&self.name)
    }

    fn address(&self) -> &str {
        self.ipaddress.as_deref().unwrap_or(OWN)
    }

    /// Every name in the line of `/etc/hosts`, the one with the domain first, each once.
    fn names(&self) -> Vec<&str> {
        let short = self.what().split('.').next().unwrap_or_default();
        let aliases = self.aliases.iter().flat_map(|aliases| &aliases.0).map(String::as_str);
        let mut names = Vec::new();
        for name in self.fqdn.as_deref().into_iter().chain([self.what()]).chain(aliases).chain([short]) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

fn named_file() -> File {
    File::at(NAME).backup(0_u32).manage_symlink_source(true)
}

fn hosts_file() -> File {
    File::at(HOSTS).manage_symlink_source(true)
}

/// What a line of a file of the system says, in words, without its comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or_default().split_whitespace()
}

/// What is wrong with a name of a machine. Source: hostname(7).
fn name_fault(what: &str, name: &str) -> Option<Fault> {
    let sound = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let length = 1..=LONGEST_LABEL;
        length.contains(&label.len()) && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    let fault = || {
        let fault = Fault::new(format!("{what} `{}` is no name of a machine", name.escape_debug()));
        fault.hint("its parts are letters, digits and `-`, 63 of them at most, with a dot between parts")
    };
    (!name.split('.').all(sound)).then(fault)
}

impl Resource for Hostname {
    const KIND: &'static str = "hostname";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let aliases = self.aliases.iter().flat_map(|aliases| &aliases.0).map(|alias| ("alias", alias.as_str()));
        let fqdn = self.fqdn.as_deref().map(|fqdn| ("fqdn", fqdn));
        let names = [("hostname", self.what())].into_iter().chain(fqdn).chain(aliases);
        let mut faults: Vec<_> = names.filter_map(|(what, name)| name_fault(what, name)).collect();
        if self.what().len() > LONGEST {
            faults.push(Fault::new(format!("hostname `{}` is longer than {LONGEST} characters", self.what())));
        }
        match self.address().parse::<IpAddr>() {
            Ok(address) if address.to_string() == "127.0.0.1" || address.to_string() == "::1" => {
                let fault = Fault::new(format!("the line of {address} is that of `localhost`"));
                faults.push(fault.hint(format!("leave `ipaddress` out: the machine's names are then those of {OWN}")));
            }
            Ok(_) => {}
            Err(_) => faults.push(Fault::new(format!("`{}` is no address", self.address().escape_debug()))),
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        // A root directory that is worked on shares the name of the machine around it.
        let shown =
            if !probe.offline() && probe.init()? == Init::Systemd { probe.entry(Path::new(RUNNING))? } else { None };
        let running = match shown.as_ref().map(|entry| &entry.kind) {
            Some(EntryKind::File { content }) => {
                Some(String::from_utf8_lossy(content.bytes().unwrap_or_default()).trim().to_owned())
            }
            Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => None,
        };
        Ok(State { file: named_file().read(probe)?, hosts: hosts_file().read(probe)?, running, shown })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let file = named_file().read(probe)?;
        let name = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let text = text_of(file.entry.as_ref()).unwrap_or_default();
        Ok(Some(text.lines().map(str::trim).find(name).map(str::to_owned).into_iter().collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let now = self.read(probe)?;
        let named = text_of(now.file.entry.as_ref())
            .and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')));
        let Some(name) = named else {
            return Ok(Some(Found::new(Self::KIND, self.what()).unsaid("a name: `/etc/hostname` has none")));
        };
        let found = Found::new(Self::KIND, name);
        let same = Self::named(name).want(Set, &now, probe)? == Goal::State(now);
        Ok(Some(if same { found.action("set") } else { found.unsaid("that the running name or `/etc/hosts` differs") }))
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let file = edit::edited(&named_file(), &now.file, probe, &|lines| {
            // Lines that begin with `#` are comments, and the first other one is the name. Source: hostname(5).
            let at = lines.bare().position(|line| !line.trim().is_empty() && !line.starts_with('#'));
            if at.and_then(|at| lines.bare().nth(at)).is_none_or(|line| line.trim() != self.what()) {
                lines.put(at, self.what());
            }
            Ok(())
        })?;
        let hosts = edit::edited(&hosts_file(), &now.hosts, probe, &|lines| {
            let (address, names) = (self.address(), self.names());
            let is_its = |line: &str| words(line).next() == Some(address);
            let of_loopback = |line: &str| words(line).next().is_some_and(|word| word.starts_with("127."));
            let at = lines.bare().position(is_its);
            let says = |line: &str| words(line).skip(1).eq(names.iter().copied());
            if at.and_then(|at| lines.bare().nth(at)).is_some_and(says) {
                return Ok(());
            }
            let behind = lines.bare().rposition(of_loopback).map_or(lines.len(), |last| last + 1);
            let (start, end) = at.map_or((behind, behind), |at| (at, at + 1));
            let line = format!("{address}\t{}", names.join(" "));
            lines.replace(start, end, [line.as_str()]);
            Ok(())
        })?;
        let running = now.running.is_some().then(|| self.what().to_owned());
        Ok(Goal::State(State { file, hosts, running, shown: now.shown.clone() }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let file = |file: &File, from: &file::State, to: &file::State| {
            file.ops(&Change { from: from.clone(), to: to.clone(), event: None })
        };
        // First the line: with it the new name is known from the moment that the machine bears it.
        let mut operations = file(&hosts_file(), &from.hosts, &to.hosts)?;
        operations.extend(file(&named_file(), &from.file, &to.file)?);
        if let (true, Some(name), Some(shown)) = (from.running != to.running, &to.running, &from.shown) {
            let Entry { mode, owner, group, .. } = shown.clone();
            operations.push(Op::Write(Write {
                path: RUNNING.into(),
                content: Blob::from(format!("{name}\n").as_str()),
                mode,
                owner,
                group,
                backup: 0,
                verify: Vec::new(),
                sensitive: false,
            }));
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Hostname, Set};
    use crate::{
        host::{Fake, Init},
        resources::trial::{done, faults, text},
        spec::laws,
    };

    const HOSTS: &str = "# mine\n127.0.0.1 localhost # always\n\n::1 localhost\n10.0.0.9 db\n";

    fn machine() -> Fake {
        Fake::new().with_file("/etc/hostname", "old\n").with_file("/etc/hosts", HOSTS)
    }

    fn running(fake: Fake) -> Fake {
        fake.with_file("/proc/sys/kernel/hostname", "old\n")
    }

    #[test]
    fn a_machine_is_named_in_its_files_and_as_it_runs() {
        let name = || Hostname::named("web1").fqdn("web1.example.com").aliases(["www"]);
        let mut machine = running(machine());
        laws(name(), Set, &machine);
        let did = done(&name(), Set, &mut machine);
        assert_eq!(
            did[1..],
            [
                "write /etc/hostname \"web1\\n\" 0644 root:root backup 0",
                "write /proc/sys/kernel/hostname \"web1\\n\" 0644 root:root backup 0"
            ]
        );
        let hosts = "# mine\n127.0.0.1 localhost # always\n127.0.1.1\tweb1.example.com web1 www\n\n::1 localhost\n10.0.0.9 db\n";
        assert_eq!(text(&machine, "/etc/hosts"), hosts);
        // Each half is repaired by itself.
        let mut renamed = machine.with_file("/proc/sys/kernel/hostname", "dhcp-7\n");
        assert_eq!(done(&name(), Set, &mut renamed).len(), 1);
    }

    #[test]
    fn where_the_system_does_not_run_the_name_around_it_is_left_alone() {
        let mut image = running(machine()).with_init(Init::SystemdOffline);
        assert_eq!(done(&Hostname::named("web1"), Set, &mut image).len(), 2);
        assert_eq!(text(&image, "/proc/sys/kernel/hostname"), "old\n");
        let mut empty = Fake::new().with_directory("/etc");
        done(&Hostname::named("web1.example.com"), Set, &mut empty);
        assert_eq!(text(&empty, "/etc/hosts"), "127.0.1.1\tweb1.example.com web1\n");
    }

    #[test]
    fn a_line_that_says_it_already_is_kept_as_it_is() {
        let hosts = "127.0.0.1 localhost\n10.0.0.5   web1.example.com web1   # the lab";
        let name = Hostname::named("web1").fqdn("web1.example.com").ipaddress("10.0.0.5");
        let comment = "# named by hand\n\n web1\n";
        let mut machine = Fake::new().with_file("/etc/hostname", comment).with_file("/etc/hosts", hosts);
        assert_eq!(done(&name, Set, &mut machine), [""; 0]);
        let mut other = machine.with_file("/etc/hostname", "# named by hand\nold");
        done(&name, Set, &mut other);
        assert_eq!(text(&other, "/etc/hostname"), "# named by hand\nweb1\n");
        done(&Hostname::named("db1").ipaddress("10.0.0.5"), Set, &mut other);
        assert_eq!(text(&other, "/etc/hosts"), "127.0.0.1 localhost\n10.0.0.5\tdb1\n");
    }

    #[test]
    fn names_and_addresses_are_checked() {
        for bad in ["", "a b", "a_b", "-a", "a-", "a..b", "a.", &"x".repeat(64)] {
            assert_eq!(faults(&Hostname::named(bad)).len(), 1, "{bad:?}");
        }
        assert_eq!(faults(&Hostname::named(format!("{}.{}", "x".repeat(40), "y".repeat(40)))).len(), 1);
        assert_eq!(faults(&Hostname::named("a").fqdn("a b").aliases(["_"])).len(), 2);
        assert_eq!(faults(&Hostname::named("a").ipaddress("10.0.0")), ["`10.0.0` is no address"]);
        assert_eq!(
            faults(&Hostname::named("a").ipaddress("::1")),
            ["the line of ::1 is that of `localhost`\n\
              hint: leave `ipaddress` out: the machine's names are then those of 127.0.1.1"]
        );
        assert_eq!(faults(&Hostname::named("web1.example.com")), [""; 0]);
    }
}
