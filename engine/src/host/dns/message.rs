//! Messages of the domain name system, as far as a host's own name needs them. Source: RFC 1035, RFC 2136.
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{
    name::Name,
    tsig::{Signature, TSIG},
};

const SOA: u16 = 6;
/// Of names that stand for another one.
pub const CNAME: u16 = 5;
const CLASS_IN: u16 = 1;
const CLASS_ANY: u16 = 255;
const HEADER: usize = 12;
/// The operation code of an update, at its place in the flags.
const UPDATE: u16 = 5 << 11;

/// The types of records that a host's name has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// An address of IPv4.
    #[default]
    A,
    /// Text.
    Txt,
    /// An address of IPv6.
    Aaaa,
}

impl RecordType {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::A, Self::Aaaa, Self::Txt];

    /// The number in messages.
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Txt => 16,
            Self::Aaaa => 28,
        }
    }

    /// As zone files have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Txt => "TXT",
            Self::Aaaa => "AAAA",
        }
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// An address of IPv4.
    A(Ipv4Addr),
    /// An address of IPv6.
    Aaaa(Ipv6Addr),
    /// Text, in parts of at most 255 bytes.
    Txt(Vec<Vec<u8>>),
    /// Where a zone begins, and its primary server.
    Soa(Name),
    /// What is of no interest here.
    Other,
}

impl Data {
    /// Text cut into parts.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Txt(if text.is_empty() { vec![Vec::new()] } else { text.as_bytes().chunks(255).map(Vec::from).collect() })
    }

    fn wire(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().into(),
            Self::Aaaa(address) => address.octets().into(),
            Self::Txt(parts) => parts
                .iter()
                .flat_map(|part| {
                    let length = u8::try_from(part.len()).unwrap_or(u8::MAX);
                    [length].into_iter().chain(part.iter().copied().take(usize::from(length)))
                })
                .collect(),
            Self::Soa(_) | Self::Other => Vec::new(),
        }
    }
}

/// As zone files have it; text without what a terminal would take for orders.
impl std::fmt::Display for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
            Self::Txt(parts) => {
                for (n, part) in parts.iter().enumerate() {
                    f.write_str(if n > 0 { " \"" } else { "\"" })?;
                    for byte in part {
                        match byte {
                            b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                            0x20..=0x7e => write!(f, "{}", char::from(*byte))?,
                            _ => write!(f, "\\{byte:03}")?,
                        }
                    }
                    f.write_str("\"")?;
                }
                Ok(())
            }
            Self::Soa(primary) => primary.fmt(f),
            Self::Other => f.write_str("?"),
        }
    }
}

/// All records of one type that a name has; none means that there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: RecordType,
    /// Seconds for which resolvers may keep them.
    pub ttl: u32,
    /// What they say, in no order.
    pub values: Vec<Data>,
    /// Seconds that the server was told for it, where it is known to keep a time of its own whatever it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<u32>,
}

impl RecordSet {
    /// All that a name is to have, or has, of a type.
    #[must_use]
    pub const fn of(kind: RecordType, ttl: u32, values: Vec<Data>) -> Self {
        Self { kind, ttl, values, told: None }
    }

    /// Whether both say the same, for the same time: also where the server was told that time and keeps its own.
    #[must_use]
    pub fn says(&self, other: &Self) -> bool {
        let same_time = self.ttl == other.ttl || self.told == Some(other.ttl);
        self.has_values_of(other) && (self.values.is_empty() || same_time)
    }

    /// Whether both say the same, in whatever order.
    #[must_use]
    pub fn has_values_of(&self, other: &Self) -> bool {
        let sorted = |set: &Self| {
            let mut values = set.values.clone();
            values.sort();
            values.dedup();
            values
        };
        sorted(self) == sorted(other)
    }
}

/// A question about a name.
pub fn query(id: u16, name: &Name, kind: u16) -> Vec<u8> {
    let mut message = header(id, 0, [1, 0, 0, 0]);
    question(&mut message, name, kind);
    message
}

/// A question for the zone that a name is in.
pub fn query_zone(id: u16, name: &Name) -> Vec<u8> {
    query(id, name, SOA)
}

/// An update in which each set takes the place of what is there. It is carried out as a whole or not at all.
///
/// Source: RFC 2136, section 2.5: deletion of a set (2.5.2), then additions (2.5.1).
pub fn update(id: u16, zone: &Name, name: &Name, sets: &[RecordSet]) -> Vec<u8> {
    let records: usize = sets.iter().map(|set| 1 + set.values.len()).sum();
    let records = u16::try_from(records).unwrap_or(u16::MAX);
    let mut message = header(id, UPDATE, [1, 0, records, 0]);
    question(&mut message, zone, SOA);
    for set in sets {
        record(&mut message, name, set.kind.number(), CLASS_ANY, 0, &[]);
        for value in &set.values {
            record(&mut message, name, set.kind.number(), CLASS_IN, set.ttl, &value.wire());
        }
    }
    message
}

fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect()
}

fn question(message: &mut Vec<u8>, name: &Name, kind: u16) {
    message.extend_from_slice(name.wire());
    message.extend([kind, CLASS_IN].into_iter().flat_map(u16::to_be_bytes));
}

/// Appends a record.
pub fn record(message: &mut Vec<u8>, name: &Name, kind: u16, class: u16, ttl: u32, data: &[u8]) {
    message.extend_from_slice(name.wire());
    message.extend([kind, class].into_iter().flat_map(u16::to_be_bytes));
    message.extend_from_slice(&ttl.to_be_bytes());
    message.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend_from_slice(data);
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub name: Name,
    pub kind: u16,
    pub ttl: u32,
    pub data: Data,
}

/// A signature, and where it begins.
type Signed = (Signature, usize);

/// An answer, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: u16,
    flags: u16,
    /// What was asked: name and type.
    pub question: Option<(Name, u16)>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    /// How it is signed, and where the signature begins.
    pub signature: Option<Signed>,
}

impl Message {
    /// Whether it is an answer at all.
    pub const fn is_answer(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Whether the server is one of the zone's own.
    pub const fn is_authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// Whether the rest of it has to be asked for over TCP.
    pub const fn is_cut(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// The response code.
    pub const fn code(&self) -> u16 {
        self.flags & 0x000f
    }

    /// Reads one; `None` when it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0 };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let mut question = None;
        for _ in 0..counts[0] {
            let (name, kind) = (reader.name()?, reader.u16()?);
            reader.u16()?;
            question.get_or_insert((name, kind));
        }
        let (answers, _) = reader.records(counts[1])?;
        let (authorities, _) = reader.records(counts[2])?;
        let (_, signature) = reader.records(counts[3])?;
        Some(Self { id, flags, question, answers, authorities, signature })
    }

    /// The zone that the server told, and its primary server.
    pub fn zone(&self) -> Option<(&Name, &Name)> {
        self.answers.iter().chain(&self.authorities).find_map(|record| match &record.data {
            Data::Soa(primary) => Some((&record.name, primary)),
            Data::A(_) | Data::Aaaa(_) | Data::Txt(_) | Data::Other => None,
        })
    }
}

struct Reader<'m> {
    bytes: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A name, which may go on at an earlier place of the message. Each leap goes backwards, so that there is an end.
    fn name(&mut self) -> Option<Name> {
        let mut labels: Vec<&[u8]> = Vec::new();
        let mut after = None;
        let mut bound = self.at;
        loop {
            match self.u8()? {
                0 => break,
                high @ 0xc0.. => {
                    let to = usize::from(high & 0x3f) << 8 | usize::from(self.u8()?);
                    after.get_or_insert(self.at);
                    if to >= bound || to < HEADER {
                        return None;
                    }
                    (bound, self.at) = (to, to);
                }
                length @ 1..=63 => labels.push(self.take(usize::from(length))?),
                _ => return None,
            }
            if labels.len() > 127 {
                return None;
            }
        }
        self.at = after.unwrap_or(self.at);
        Name::of_labels(labels)
    }

    /// Records, and the signature that may be the last of them.
    fn records(&mut self, count: u16) -> Option<(Vec<Record>, Option<Signed>)> {
        let (mut records, mut signature) = (Vec::new(), None);
        for left in (0..count).rev() {
            let begin = self.at;
            let name = self.name()?;
            let (kind, class, ttl, length) = (self.u16()?, self.u16()?, self.u32()?, self.u16()?);
            let end = self.at + usize::from(length);
            if kind == TSIG {
                // Only at the very end it signs the message. Source: RFC 8945, section 5.1.
                if left > 0 || end != self.bytes.len() {
                    return None;
                }
                signature = Some((self.signature(name)?, begin));
            } else {
                // What is of another class is nothing that was asked for.
                let data = if class == CLASS_IN { self.data(kind, end)? } else { Data::Other };
                records.push(Record { name, kind, ttl, data });
            }
            if end > self.bytes.len() || (kind == TSIG && self.at != end) {
                return None;
            }
            self.at = end;
        }
        Some((records, signature))
    }

    fn data(&mut self, kind: u16, end: usize) -> Option<Data> {
        let of = |kind: RecordType| kind.number();
        Some(match kind {
            kind if kind == of(RecordType::A) => {
                let octets: [u8; 4] = self.bytes.get(self.at..end)?.try_into().ok()?;
                Data::A(octets.into())
            }
            kind if kind == of(RecordType::Aaaa) => {
                let octets: [u8; 16] = self.bytes.get(self.at..end)?.try_into().ok()?;
                Data::Aaaa(octets.into())
            }
            kind if kind == of(RecordType::Txt) => {
                let mut parts = Vec::new();
                while self.at < end {
                    let length = usize::from(self.u8()?);
                    parts.push(self.take(length).filter(|_| self.at <= end)?.to_vec());
                }
                Data::Txt(parts)
            }
            SOA => Data::Soa(self.name()?),
            _ => Data::Other,
        })
    }

    fn signature(&mut self, key: Name) -> Option<Signature> {
        let algorithm = self.name()?;
        let (high, low) = (self.u16()?, self.u32()?);
        let time = u64::from(high) << 32 | u64::from(low);
        let (fudge, length) = (self.u16()?, self.u16()?);
        let mac = self.take(usize::from(length))?.to_vec();
        let (original, error, length) = (self.u16()?, self.u16()?, self.u16()?);
        let other = self.take(usize::from(length))?.to_vec();
        Some(Signature { key, algorithm, time, fudge, mac, original, error, other })
    }
}
