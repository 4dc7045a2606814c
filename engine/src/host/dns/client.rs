use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    key::Key,
    message::{CNAME, Message, RecordSet, RecordType, query, query_zone, update},
    name::Name,
    tsig::{self, BADKEY, BADSIG, BADTIME, FUDGE, Signature},
    wire::{Server, datagram, stream},
};
use crate::{Error, host::environment};

/// How long an answer is waited for, before it is asked again. Source: RFC 1035, section 4.2.1, and what resolvers do.
const PATIENCE: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Bytes that every server takes over UDP. Source: RFC 1035, section 2.3.4.
const DATAGRAM: usize = 512;

/// Bytes of a message at most, with room for its signature. Source: RFC 1035, section 4.2.2.
const LARGEST: usize = 65_000;

/// Answers of servers. Source: RFC 1035, section 4.1.1; RFC 2136, section 2.2.
const NXDOMAIN: u16 = 3;
const REFUSED: u16 = 5;
const NOTAUTH: u16 = 9;
const NOTZONE: u16 = 10;

/// Why a server did not do what was asked.
#[derive(Debug)]
pub struct Trouble {
    /// Whether it may be otherwise in a moment: nothing answered.
    pub unreachable: bool,
    /// What to tell.
    pub error: Error,
}

impl Trouble {
    pub(super) fn unreachable(why: String) -> Self {
        Self {
            unreachable: true,
            error: Error::failed(why).hint("check the server's address, and that port 53 is open to here"),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { unreachable: false, error }
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        trouble.error
    }
}

/// Asks one server, signed with one key.
pub struct Client<'c> {
    server: Server,
    key: Option<&'c Key>,
    now: &'c dyn Fn() -> SystemTime,
    /// Seconds by which the server's clock is ahead, once it has said so.
    ahead: Cell<i64>,
    sent: Cell<usize>,
}

impl<'c> Client<'c> {
    /// A client of a server; with a key every message is signed, and every answer has to be.
    #[must_use]
    pub fn new(server: Server, key: Option<&'c Key>, now: &'c dyn Fn() -> SystemTime) -> Self {
        Self { server, key, now, ahead: Cell::new(0), sent: Cell::new(0) }
    }

    /// Messages sent until now.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent.get()
    }

    /// Seconds by which the server's clock turned out to be ahead of this machine's (behind, when negative).
    #[must_use]
    pub fn clock_ahead(&self) -> i64 {
        self.ahead.get()
    }

    /// What the server, which has to be one of the zone's own, has of a name now: a set for each type, in that order.
    ///
    /// # Errors
    /// A server that does not answer, refuses, or has no zone that the name is in; a name that stands for another one.
    pub fn sets(&self, name: &Name, kinds: &[RecordType]) -> Result<Vec<RecordSet>, Trouble> {
        let ask = |kind: &RecordType| {
            let doing = format!("asking for {} of `{name}`", kind.name());
            let answer = self.ask(&doing, false, &|id| query(id, name, kind.number()))?;
            self.authoritative(&answer, name)?;
            let own = answer.answers.into_iter().filter(|record| record.name == *name);
            let (mut ttl, mut values) = (0, Vec::new());
            for record in own {
                if record.kind == CNAME {
                    // An update of one would be taken, and change nothing. Source: RFC 2136, section 3.4.2.2.
                    return Err(Error::failed(format!(
                        "`{name}` is an alias (CNAME), and an alias has no records of its own"
                    ))
                    .hint("remove the alias from its zone first, or keep another name")
                    .into());
                }
                if record.kind == kind.number() {
                    ttl = record.ttl.max(ttl);
                    values.push(record.data);
                }
            }
            Ok(RecordSet::of(*kind, ttl, values))
        };
        kinds.iter().map(ask).collect()
    }

    /// Puts sets in the place of what a name has of these types, in one step.
    ///
    /// # Errors
    /// As the server refuses: nothing of it was done then.
    pub fn replace(&self, zone: &Name, name: &Name, sets: &[RecordSet]) -> Result<(), Trouble> {
        let length = update(0, zone, name, sets).len();
        if length > LARGEST {
            let why =
                format!("what `{name}` is to have takes {length} bytes, and a message has {LARGEST} for it at most");
            return Err(Error::failed(why).into());
        }
        self.ask(&format!("updating `{name}` in the zone `{zone}`"), true, &|id| update(id, zone, name, sets))
            .map(|_| ())
    }

    /// The zone that a name is in, as the server has it.
    ///
    /// # Errors
    /// A server that has none.
    pub fn zone_of(&self, name: &Name) -> Result<Name, Trouble> {
        let answer = self.ask(&format!("asking for the zone of `{name}`"), false, &|id| query_zone(id, name))?;
        self.authoritative(&answer, name)?;
        match answer.zone().map(|(zone, _)| zone.clone()).filter(|zone| name.is_in(zone)) {
            Some(zone) => Ok(zone),
            None => Err(Error::failed(format!("`{}` does not say which zone `{name}` is in", self.server.text()))
                .hint("give the zone")
                .into()),
        }
    }

    fn authoritative(&self, answer: &Message, name: &Name) -> Result<(), Trouble> {
        if answer.is_authoritative() {
            return Ok(());
        }
        let server = self.server.text();
        Err(Error::failed(format!("`{server}` has no zone that `{name}` is in: what it answers is from elsewhere"))
            .hint("give the zone's own primary name server")
            .into())
    }

    /// Asks until there is an answer, each time signed afresh.
    fn ask(&self, doing: &str, updating: bool, message: &dyn Fn(u16) -> Vec<u8>) -> Result<Message, Trouble> {
        let mut last = None;
        for patience in PATIENCE {
            for address in self.server.addresses() {
                let answer = self.once(doing, message, *address, patience);
                match answer.and_then(|answer| self.answered(doing, updating, answer)) {
                    Err(trouble) if trouble.unreachable => last = Some(trouble),
                    other => return other,
                }
            }
        }
        Err(last.unwrap_or_else(|| Trouble::unreachable(format!("`{}` has no address", self.server.text()))))
    }

    fn once(
        &self,
        doing: &str,
        message: &dyn Fn(u16) -> Vec<u8>,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<Message, Trouble> {
        let was_ahead = self.ahead.get();
        let bytes = message(u16::from_be_bytes(environment::random()?));
        let (answer, signature) = self.exchange(doing, bytes.clone(), address, patience)?;
        match self.judge(doing, answer, signature) {
            // A new machine's clock may be far off, and the server has told its own under its signature.
            Err(_) if self.ahead.get() != was_ahead => {
                let (answer, signature) =
                    self.exchange(doing, message(u16::from_be_bytes(environment::random()?)), address, patience)?;
                self.judge(doing, answer, signature)
            }
            judged => judged,
        }
    }

    /// Sends a message, and returns the answer with what became of its signature.
    fn exchange(
        &self,
        doing: &str,
        mut bytes: Vec<u8>,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<(Message, Signed), Trouble> {
        let question = Message::read(&bytes).and_then(|message| message.question);
        let id = u16::from_be_bytes([bytes[0], bytes[1]]);
        let request = self.key.map(|key| tsig::sign(&mut bytes, key, self.time())).unwrap_or_default();
        let fits = |answer: &[u8]| {
            let read = Message::read(answer)?;
            let same = read.question.is_none() || read.question == question;
            (read.id == id && read.is_answer() && same).then_some(read)
        };
        let told = |error: io::Error| {
            Trouble::unreachable(format!(
                "{doing}: the name server `{}` ({address}) {}",
                self.server.text(),
                words(&error)
            ))
        };
        let mut answer = None;
        if bytes.len() <= DATAGRAM {
            self.sent.set(self.sent.get() + 1);
            let over_udp = datagram(address, &bytes, patience, &|answer| fits(answer).is_some()).map_err(told)?;
            answer = fits(&over_udp).filter(|read| !read.is_cut()).map(|read| (read, over_udp));
        }
        let (read, raw) = match answer {
            Some(answer) => answer,
            None => {
                self.sent.set(self.sent.get() + 1);
                let raw = stream(address, &bytes, patience).map_err(told)?;
                let read = fits(&raw).ok_or_else(|| told(io::Error::other("answered with something else")))?;
                (read, raw)
            }
        };
        let signed = match (self.key, &read.signature) {
            (None, _) | (Some(_), None) => Signed::Not,
            (Some(key), Some((signature, at))) => {
                if signature.is_right(&raw[..*at], key, &request) {
                    Signed::Right
                } else {
                    Signed::Wrong
                }
            }
        };
        Ok((read, signed))
    }

    /// Seconds since 1970, by the server's clock as far as it is known.
    fn time(&self) -> u64 {
        let own = (self.now)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        own.saturating_add_signed(self.ahead.get())
    }

    fn judge(&self, doing: &str, answer: Message, signed: Signed) -> Result<Message, Trouble> {
        let server = self.server.text();
        let refused = |why: &str, hint: &str| -> Trouble {
            Error::failed(format!("{doing}: the name server `{server}` {why}")).hint(hint).into()
        };
        let Some(key) = self.key else { return Ok(answer) };
        let signature = answer.signature.as_ref().map(|(signature, _)| signature);
        match (signature.map(|signature| signature.error), signed) {
            (Some(BADSIG), _) => Err(refused(
                &format!("has another secret for the key `{}`", key.name()),
                "compare the key's file with the `key` stanza of the server",
            )),
            (Some(BADKEY), _) => Err(refused(
                &format!("has no key `{}` for {} that may do this", key.name(), key.algorithm()),
                "compare name and algorithm of the key with the `key` stanza of the server, and reload it",
            )),
            (Some(BADTIME), Signed::Right) => Err(self.clock(doing, signature)),
            (Some(0), Signed::Right) => {
                let apart = signature.map_or(0, |signature| signature.time.abs_diff(self.time()));
                if apart > u64::from(FUDGE) {
                    return Err(refused(
                        &format!("signed its answer {apart} s ago or ahead, so it may be an old one"),
                        "set the clocks of both by a time server",
                    ));
                }
                Ok(answer)
            }
            (Some(_), Signed::Wrong | Signed::Not) => Err(refused(
                "gave an answer that another key than ours signed",
                "somebody else may have answered in its place",
            )),
            (Some(code), Signed::Right) => {
                Err(refused(&format!("does not take the signature (code {code})"), "see the server's log"))
            }
            // Knot says of a key that may not do something that it is none.
            (None, _) if answer.code() == NOTAUTH => Err(refused(
                &format!("does not know the key `{}`, or does not let it do this, or has no such zone", key.name()),
                "compare the key and the zone with the server's settings",
            )),
            // A refusal needs no signature: it changes nothing. That there is no such name is an answer like any other.
            (None, _) if ![0, NXDOMAIN].contains(&answer.code()) => Ok(answer),
            (None, _) => Err(refused(
                "gave an answer without a signature",
                "it may know nothing of keys: give the zone's own primary server",
            )),
        }
    }

    fn clock(&self, doing: &str, signature: Option<&Signature>) -> Trouble {
        let server = signature.and_then(Signature::server_time);
        let own = self.time();
        if let Some(ahead) = server.and_then(|server| server.checked_signed_diff(own)) {
            self.ahead.set(self.ahead.get() + ahead);
        }
        let apart = server.map(|server| server.abs_diff(own)).unwrap_or_default();
        Error::failed(format!(
            "{doing}: the clocks of this machine and of `{}` are {apart} s apart",
            self.server.text()
        ))
        .hint(format!("set both by a time server; {FUDGE} s are let pass"))
        .into()
    }

    /// What the server says of the question itself.
    fn answered(&self, doing: &str, updating: bool, answer: Message) -> Result<Message, Trouble> {
        let refuses = match self.key {
            Some(key) => format!("refuses it to the key `{}`", key.name()),
            None => "refuses it to those without a key".to_owned(),
        };
        let (why, hint) = match answer.code() {
            0 => return Ok(answer),
            NXDOMAIN if !updating => return Ok(answer),
            1 => ("does not understand the message", "it may not take updates at all"),
            2 => ("failed", "see its log: the zone may not be loaded, or its file or journal not be writable"),
            4 => ("takes no updates", "give the zone's own primary name server"),
            REFUSED if !updating => (
                refuses.as_str(),
                "it has no such zone, or lets only others ask: give the zone's own primary name server",
            ),
            REFUSED => (
                refuses.as_str(),
                "the zone has to be a dynamic one whose `update-policy` grants this key the name and each of the types",
            ),
            // Knot's word for those who may not.
            NOTAUTH if self.key.is_none() => (
                "takes nothing without a key, or is not the primary server of the zone",
                "give the file with the key that signs updates",
            ),
            NOTAUTH => (
                "is not the primary server of the zone",
                "give the zone's own primary name server, or correct the zone",
            ),
            NOTZONE => ("says that the name is not in the zone", "correct the zone"),
            code => {
                return Err(Error::failed(format!(
                    "{doing}: the name server `{}` answered with code {code}",
                    self.server.text()
                ))
                .into());
            }
        };
        Err(Error::failed(format!("{doing}: the name server `{}` {why}", self.server.text())).hint(hint).into())
    }
}

/// What became of the signature of an answer.
#[derive(Clone, Copy)]
enum Signed {
    Not,
    Right,
    Wrong,
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "does not answer".to_owned(),
        io::ErrorKind::ConnectionRefused => "is not there: nothing listens on that port".to_owned(),
        _ => format!("cannot be asked: {error}"),
    }
}
