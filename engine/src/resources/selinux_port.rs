//! `selinux_port[port]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    entry::text,
    selinux::{Policy, SEMANAGE, context_in, context_of, has_ranges, require, type_in, word_fault},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Kept, Op, Probe, Shape, line_of},
    properties,
    resource::{Change, Found, Goal, Resource},
};

/// Where protocols have their numbers: semanage asks there, and fails without.
const PROTOCOLS: &str = "/etc/protocols";

properties! {
    /// Which type a port of the network has, so that a service may listen on it. The administrator's ports are read from the file
    /// that semanage(8) keeps; of one that is not among them, semanage is asked what the policy itself says of just this port or
    /// range. It alone changes them.
    pub struct SelinuxPort("port") {
        name: String;
        /// The port, or a range as `8000-8010`, when it is not the name of the resource.
        port: String,
        /// `tcp` or `udp`.
        protocol: String,
        /// The type that it has, as `http_port_t`.
        secontext: String,
    }
    example r#"r.add(SelinuxPort::numbered(8443).protocol("tcp").secontext("http_port_t"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Manage = "manage": "Has it be of this type.",
        Add = "add": "Has it be of this type where it has none; another that it has is left as it is.",
        Modify = "modify": "Has a port that has a type be of this one.",
        Delete = "delete": "Removes what the administrator has set. What the policy itself says stays.",
    }
}
pub use Action::*;

/// The port as the administrator has set it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The type. `None`: nobody has set one.
    pub secontext: Option<String>,
    #[serde(skip)]
    there: There,
}

/// What else is to be known of it.
#[derive(Clone, Debug, Default)]
struct There {
    file: PathBuf,
    line: Option<String>,
    ranges: bool,
    runs: bool,
    /// Whether the policy itself says something of it, where that was asked.
    of_policy: bool,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.secontext == other.secontext
    }
}

impl SelinuxPort {
    /// The port with this number.
    #[must_use]
    pub fn numbered(port: u16) -> Self {
        Self::bare(port.to_string())
    }

    fn what(&self) -> &str {
        self.port.as_ref().unwrap_or(&self.name)
    }

    fn transport(&self) -> &str {
        self.protocol.as_deref().unwrap_or_default()
    }

    /// The words before the context, as libsemanage writes them.
    fn key(&self) -> String {
        format!("portcon {} {}", self.transport(), self.what().replace('-', " - "))
    }

    fn numbers(&self) -> Option<(u16, u16)> {
        let (low, high) = self.what().split_once('-').unwrap_or((self.what(), self.what()));
        let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == text);
        Some((number(low)?, number(high)?))
            .filter(|(low, high)| low <= high && (low < high || !self.what().contains('-')))
    }

    /// The type that the policy has for just this port or range.
    fn of_policy(&self, probe: &dyn Probe) -> Result<Option<String>> {
        let list = Command::new(["semanage", "port", "-l", "-n"]);
        let answer = probe.query(&list)?;
        if !answer.success() {
            let said = answer.stderr.trim();
            return Err(Error::Command {
                command: list.to_string(),
                how: format!("exited with {}", answer.code),
                output: said.to_owned(),
            });
        }
        let is_it = |line: &&str| {
            let mut words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty()).skip(1);
            words.next() == Some(self.transport()) && words.any(|port| port == self.what())
        };
        Ok(answer.stdout.lines().find(is_it).and_then(|line| Some(line.split_whitespace().next()?.to_owned())))
    }
}

impl Resource for SelinuxPort {
    const KIND: &'static str = "selinux_port";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.numbers().is_none() {
            let fault = Fault::new(format!("`{}` is no port", self.what().escape_debug()));
            faults.push(fault.hint("it is a number up to 65535, or two as `8000-8010`"));
        }
        if !matches!(self.transport(), "tcp" | "udp") {
            let fault = match self.transport() {
                "" => Fault::new("it has no protocol"),
                other => Fault::new(format!("`{}` is no protocol with ports", other.escape_debug())),
            };
            faults.push(fault.hint("say with `protocol` which: `tcp` or `udp`"));
        }
        let fault = self.secontext.as_deref().and_then(|context| word_fault("type of ports", context));
        faults.extend(fault.map(|fault| fault.hint("write the type alone, as `http_port_t`")));
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Manage | Add | Modify if self.secontext.is_none() => {
                vec![Fault::new("it has no type").hint("say with `secontext` of which type the port is")]
            }
            Manage | Add | Modify | Delete => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let policy = Policy::of(probe)?;
        let file = policy.store(probe)?.join("ports.local");
        let line = line_of(&text(&file, probe)?.unwrap_or_default(), &self.key()).map(str::to_owned);
        let ranges = has_ranges(&text(&policy.file("contexts/files/file_contexts"), probe)?.unwrap_or_default());
        let secontext = line.as_deref().map(|line| type_in(context_in(line)).to_owned());
        Ok(State { secontext, there: There { file, line, ranges, runs: policy.runs, of_policy: false } })
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.what()).with("protocol", self.transport());
        Ok(Some(match self.read(probe)?.secontext {
            Some(context) => found.with("secontext", context).action("manage"),
            None => found.action("delete"),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let mut to = now.clone();
        let wanted = if action == Delete { None } else { self.secontext.clone() };
        if now.secontext != wanted {
            require("semanage", SEMANAGE, probe)?;
            if probe.entry(Path::new(PROTOCOLS))?.is_none() {
                let error = Error::failed(format!(
                    "there is no `{PROTOCOLS}`, in which semanage looks up `{}`",
                    self.transport()
                ));
                return Err(error
                    .hint("declare the package that brings it before this: `netbase`, or `setup` on the RHEL family"));
            }
            let of_policy = if now.secontext.is_none() { self.of_policy(probe)? } else { None };
            to.there.of_policy = of_policy.is_some();
            match (action, now.secontext.clone().or(of_policy)) {
                (Delete, _) | (Manage | Add, None) => to.secontext = wanted,
                (Manage | Modify, Some(given)) if wanted != Some(given.clone()) => to.secontext = wanted,
                (Manage | Modify | Add, Some(_)) | (Modify, None) => {}
            }
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let there = &from.there;
        let policy = Policy { name: String::new(), runs: there.runs };
        let before = there.line.as_deref().map(context_in);
        let after = to.secontext.as_deref().map(|wanted| context_of(before, wanted, there.ranges));
        let command = |flag: &str, context: Option<&str>| {
            let mut words = vec![flag];
            words.extend(context.into_iter().flat_map(|context| ["-t", type_in(context)]));
            let range = context.and_then(|context| context.splitn(4, ':').nth(3));
            words.extend(range.filter(|range| *range != "s0").into_iter().flat_map(|range| ["-r", range]));
            words.extend(["-p", self.transport(), self.what()]);
            policy.command(&["semanage", "port"], &words)
        };
        let forth = match after.as_deref() {
            Some(context) if before.is_some() || to.there.of_policy => command("-m", Some(context)),
            Some(context) => command("-a", Some(context)),
            None => command("-d", None),
        };
        let back = match (before, &after) {
            (None, _) => command("-d", None),
            (Some(_), Some(_)) => command("-m", before),
            // What is set hides whether the policy itself says something of the port, and then it cannot be added.
            (Some(_), None) => Command::shell(format!("{} || {}", command("-a", before), command("-m", before))),
        };
        Ok(vec![Op::Kept(Kept {
            path: there.file.clone(),
            shape: Shape::Line,
            key: self.key(),
            from: there.line.clone(),
            to: after.clone().map(|context| format!("{} {context}", self.key())),
            by: vec![forth],
            back: vec![back],
            left: None,
            note: None,
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::{Add, Delete, Manage, Modify, SelinuxPort};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, faults_of, refused, text},
        spec::laws,
    };

    const LOCAL: &str = "/var/lib/selinux/default/active/ports.local";
    const LIST: &str =
        "http_port_t    tcp      80, 81, 443\nvnc_port_t     tcp      5900-5983\ndns_port_t     udp      53\n";

    fn port() -> SelinuxPort {
        SelinuxPort::numbered(5678).protocol("tcp").secontext("http_port_t")
    }

    fn machine() -> Fake {
        Fake::new()
            .with_file("/etc/selinux/config", "SELINUXTYPE=default\n")
            .with_file("/etc/protocols", "")
            .with_directory("/var/lib/selinux/default/active")
            .with_file("/usr/sbin/semanage", "")
            .with_file("/sys/fs/selinux/enforce", "1")
            .with_answer("semanage port -l -n", 0, LIST)
    }

    #[test]
    fn a_port_gets_a_type_another_and_none() {
        let mut machine = machine();
        laws(port(), Manage, &machine);
        assert_eq!(done(&port(), Modify, &mut machine), [""; 0]);
        assert_eq!(done(&port(), Manage, &mut machine), ["run semanage port -a -t http_port_t -p tcp 5678"]);
        assert_eq!(text(&machine, LOCAL), "portcon tcp 5678 system_u:object_r:http_port_t:s0\n");
        let other = || port().secontext("dns_port_t");
        laws(other(), Manage, &machine);
        assert_eq!(done(&other(), Add, &mut machine), [""; 0]);
        assert_eq!(done(&other(), Modify, &mut machine), ["run semanage port -m -t dns_port_t -p tcp 5678"]);
        laws(other(), Delete, &machine);
        assert_eq!(done(&other(), Delete, &mut machine), ["run semanage port -d -p tcp 5678"]);
        assert_eq!(done(&other(), Delete, &mut machine), [""; 0]);
    }

    #[test]
    fn what_the_policy_itself_says_is_overridden_or_enough() {
        let of = |what: &str, kind: &str| SelinuxPort::bare("x".to_owned()).port(what).protocol("tcp").secontext(kind);
        assert_eq!(done(&of("443", "http_port_t"), Manage, &mut machine()), [""; 0]);
        assert_eq!(done(&of("443", "dns_port_t"), Add, &mut machine()), [""; 0]);
        laws(of("443", "dns_port_t"), Manage, &machine());
        assert_eq!(
            done(&of("443", "dns_port_t"), Manage, &mut machine()),
            ["run semanage port -m -t dns_port_t -p tcp 443"]
        );
        let mut ranged = machine();
        assert_eq!(
            done(&of("5900-5983", "x_t"), Modify, &mut ranged),
            ["run semanage port -m -t x_t -p tcp 5900-5983"]
        );
        assert_eq!(text(&ranged, LOCAL), "portcon tcp 5900 - 5983 system_u:object_r:x_t:s0\n");
    }

    #[test]
    fn bad_declarations_are_found_before_anything_is_done() {
        for bad in ["0", "65536", "80-79", "80-80", "080", "http", "1-2-3"] {
            assert_eq!(faults(&port().port(bad)).len(), 1, "{bad}");
        }
        assert_eq!(faults(&SelinuxPort::numbered(1)).len(), 1);
        assert_eq!(faults(&port().protocol("sctp").secontext("a:b:c")).len(), 2);
        assert_eq!(faults_of(&SelinuxPort::numbered(1).protocol("tcp"), Manage).len(), 1);
        assert!(refused(&port(), Manage, &mut Fake::new()).contains("SELinux is not installed"));
    }
}
