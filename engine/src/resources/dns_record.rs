//! `dns_record[name]`
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::entry::path_faults;
use crate::{
    Fault, Result, actions,
    host::{
        Op, Probe,
        dns::{Algorithm, Authority, Data, Name, RecordChange, RecordSet, RecordType},
    },
    properties,
    resource::{Change, Goal, Resource},
    values::{Seconds, Words},
};

/// Seconds for which resolvers keep a record, when nothing else is said.
const TTL: u64 = 3600;
/// Seconds at most. Source: RFC 2181, section 8.
const LONGEST: u64 = 0x7fff_ffff;

properties! {
    /// What a name has of one type in a zone that takes updates signed with a key (RFC 2136, RFC 8945). The zone's primary name
    /// server is asked and changed, from the machine that converges; nothing is sent where nothing differs. Chef has no such kind.
    pub struct DnsRecord("name") {
        name: String;
        /// The name that has the records, when it is not the name of the resource.
        record_name: String,
        /// `A`, `AAAA` or `TXT`; `A` when not given.
        record_type: String,
        /// All that it is to have of this type: addresses, or texts.
        values: Words,
        /// Seconds for which resolvers may keep them; 3600 when not given.
        ttl: Seconds,
        /// The zone's primary name server: a name or an address, with `:PORT` when that is not 53.
        server: String,
        /// The zone; the server is asked when not given.
        zone: String,
        /// The file with the key: `tsig.private` beside `tsig.key`, a `key` stanza, or the secret alone. Without it nothing is signed.
        key_file: PathBuf,
        /// The key's name, where the file does not say it or has several.
        key_name: String,
        /// The key's algorithm, where the file does not say it, as `hmac-sha256`.
        algorithm: String,
    }
    example r#"r.add(
    DnsRecord::of("www.example.com")
        .values(["192.0.2.10", "192.0.2.11"])
        .server("ns1.example.com")
        .key_file("/etc/dyndns_keys/tsig.private"),
);"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the name have these values of the type, and no others.",
        Delete = "delete": "Has the name have nothing of the type.",
    }
}
pub use Action::*;

/// What the name has of the type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// As zone files have it, sorted.
    pub values: Vec<String>,
    /// Seconds for which resolvers keep it, or those that a server was told which keeps a time of its own; `None`: there is
    /// nothing.
    pub ttl: Option<u32>,
    #[serde(skip)]
    set: RecordSet,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values && self.ttl == other.ttl
    }
}

impl State {
    fn of(set: RecordSet) -> Self {
        let mut values: Vec<String> = set.values.iter().map(ToString::to_string).collect();
        values.sort_unstable();
        values.dedup();
        let ttl = set.told.unwrap_or(set.ttl);
        Self { ttl: (!values.is_empty()).then_some(ttl), values, set }
    }
}

impl DnsRecord {
    /// The record of this name.
    #[must_use]
    pub fn of(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn owner(&self) -> Result<Name, Fault> {
        name_of(self.record_name.as_ref().unwrap_or(&self.name))
    }

    fn kind(&self) -> Result<RecordType, Fault> {
        let Some(text) = &self.record_type else { return Ok(RecordType::A) };
        let known = RecordType::ALL.into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| {
            Fault::new(format!("`{}` is no type of record that is known here", text.escape_debug()))
                .hint("there are `A`, `AAAA` and `TXT`")
        })
    }

    fn wanted(&self) -> Result<RecordSet, Fault> {
        let kind = self.kind()?;
        let data = |text: &String| {
            let wrong = |what: &str| Fault::new(format!("`{}` is no address of {what}", text.escape_debug()));
            match kind {
                RecordType::A => text.parse().map(Data::A).map_err(|_| wrong("IPv4")),
                RecordType::Aaaa => text.parse().map(Data::Aaaa).map_err(|_| wrong("IPv6")),
                RecordType::Txt => Ok(Data::text(text)),
            }
        };
        let values = self.values.iter().flat_map(|values| &values.0).map(data).collect::<Result<_, _>>()?;
        let ttl = self.ttl.map_or(TTL, |ttl| ttl.0);
        let ttl = u32::try_from(ttl).ok().filter(|ttl| u64::from(*ttl) <= LONGEST);
        let ttl = ttl.ok_or_else(|| Fault::new(format!("a `ttl` has at most {LONGEST} seconds")))?;
        Ok(RecordSet::of(kind, ttl, values))
    }

    fn authority(&self) -> Result<Authority, Fault> {
        let Some(server) = self.server.clone().filter(|server| !server.is_empty()) else {
            return Err(Fault::new("no `server` is given").hint("give the zone's primary name server"));
        };
        let algorithm = self.algorithm.as_deref().map(str::parse::<Algorithm>).transpose().map_err(Fault::new)?;
        let zone = self.zone.as_ref().map(|zone| name_of(zone)).transpose()?;
        let owner = self.owner()?;
        if let Some(zone) = zone.as_ref().filter(|zone| !owner.is_in(zone)) {
            return Err(Fault::new(format!("`{owner}` is not in the zone `{zone}`")));
        }
        Ok(Authority {
            server,
            zone,
            key_file: self.key_file.clone(),
            key_name: self.key_name.as_ref().map(|name| name_of(name)).transpose()?,
            algorithm,
        })
    }
}

fn name_of(text: &str) -> Result<Name, Fault> {
    text.parse().map_err(|why| Fault::new(format!("`{}` is no name: {why}", text.escape_debug())))
}

impl Resource for DnsRecord {
    const KIND: &'static str = "dns_record";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.key_file.iter().flat_map(|path| path_faults(path)).collect();
        faults.extend(self.authority().err());
        faults.extend(self.wanted().err());
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        if action == Delete || self.values.as_ref().is_some_and(|values| !values.0.is_empty()) {
            return Vec::new();
        }
        vec![Fault::new("no `values` are given").hint("give what the name is to have, or use the action `delete`")]
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        probe.records(&self.authority()?, &self.owner()?, self.kind()?).map(State::of)
    }

    fn want(&self, action: Action, now: &State, _: &dyn Probe) -> Result<Goal<State>> {
        let wanted = self.wanted()?;
        // Who asks for the very time that the server forces has it.
        if action == Create && now.set.says(&wanted) {
            return Ok(Goal::State(now.clone()));
        }
        Ok(Goal::State(State::of(match action {
            Create => wanted,
            Delete => RecordSet { ttl: 0, values: Vec::new(), ..wanted },
        })))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        Ok(vec![Op::Records(RecordChange {
            authority: self.authority()?,
            name: self.owner()?,
            from: change.from.set.clone(),
            to: change.to.set.clone(),
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, Delete, DnsRecord};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, faults_of},
        spec::laws,
    };

    #[test]
    fn a_name_has_what_it_is_to_have() {
        let of = |values: &[&str]| DnsRecord::of("www.example.com").server("ns1").ttl(60).values(values);
        let mut machine = Fake::new();
        laws(of(&["192.0.2.1"]), Create, &machine);
        let two = ["set A of www.example.com to 192.0.2.2, 192.0.2.1 for 60 s at ns1"];
        assert_eq!(done(&of(&["192.0.2.2", "192.0.2.1"]), Create, &mut machine), two);
        // In whatever order.
        assert_eq!(done(&of(&["192.0.2.1", "192.0.2.2"]), Create, &mut machine), [""; 0]);
        laws(of(&["192.0.2.1"]), Create, &machine);
        laws(of(&[]), Delete, &machine);
        // Types and names are each for themselves.
        let text = || of(&["a \"b\""]).record_type("TXT");
        let set = [r#"set TXT of www.example.com to "a \"b\"" for 60 s at ns1"#];
        assert_eq!(done(&text(), Create, &mut machine), set);
        assert_eq!(done(&of(&[]), Delete, &mut machine), ["remove A of www.example.com at ns1"]);
        assert_eq!(done(&text(), Create, &mut machine), [""; 0]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let of = || DnsRecord::of("n").server("ns1");
        assert_eq!(faults(&of()), [""; 0]);
        assert_eq!(faults_of(&of(), Create).len(), 1);
        assert_eq!(faults_of(&of(), Delete).len(), 0);
        assert!(faults(&DnsRecord::of("n"))[0].starts_with("no `server` is given"));
        assert_eq!(faults(&of().values("2001:db8::1")), ["`2001:db8::1` is no address of IPv4"]);
        assert_eq!(faults(&of().values("192.0.2.1").record_type("AAAA")), ["`192.0.2.1` is no address of IPv6"]);
        assert!(faults(&of().record_type("MX"))[0].contains("there are `A`, `AAAA` and `TXT`"));
        assert_eq!(faults(&of().zone("example.com")), ["`n` is not in the zone `example.com`"]);
        assert_eq!(faults(&of().ttl(1 << 31)), ["a `ttl` has at most 2147483647 seconds"]);
        assert!(faults(&of().algorithm("md6"))[0].starts_with("`md6` is no algorithm for keys"));
        assert_eq!(faults(&of().key_file("key")).len(), 1);
    }
}
