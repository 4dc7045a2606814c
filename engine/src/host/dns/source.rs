//! Where the address comes from that a name is to have.
#![allow(clippy::disallowed_types, reason = "the host is where the network is")]
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use super::client::Trouble;
use crate::{
    Error,
    host::{disk, real},
};

/// One place to look for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This one.
    Fixed(IpAddr),
    /// An interface; without a name that from which the name server is reached.
    Interface(Option<String>),
    /// The address from which the default route leads.
    Route,
    /// What the cloud's metadata service calls the machine's public address; also a private one when that is said.
    Metadata {
        /// Whether an address of a private network will do.
        private: bool,
    },
    /// There is to be no address.
    Absent,
}

/// The words for sources, for messages.
const WORDS: &str = "`interface`, `interface:NAME`, `route`, `metadata`, `metadata:private`, an address, or `none`";

impl Source {
    /// Reads the word for one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, six: bool) -> Result<Self, String> {
        Ok(match text {
            "interface" => Self::Interface(None),
            "route" => Self::Route,
            "metadata" => Self::Metadata { private: false },
            "metadata:private" => Self::Metadata { private: true },
            "none" => Self::Absent,
            _ => match (text.strip_prefix("interface:"), text.parse::<IpAddr>()) {
                (Some(name), _) if !name.is_empty() => Self::Interface(Some(name.to_owned())),
                (_, Ok(address)) if address.is_unspecified() || address.is_multicast() => {
                    return Err(format!("`{text}` is no address that a machine can have"));
                }
                (_, Ok(address)) if address.is_ipv6() == six => Self::Fixed(address),
                (_, Ok(_)) => return Err(format!("`{text}` is no address of {}", version(six))),
                (_, Err(_)) => return Err(format!("`{text}` is no source of an address; there are {WORDS}")),
            },
        })
    }
}

/// Why a source has no address.
enum Lack {
    /// It was looked at, and has none.
    Nothing(String),
    /// It could not be looked at, or does not say which one.
    Unseen(String),
}

const fn version(six: bool) -> &'static str {
    if six { "IPv6" } else { "IPv4" }
}

/// The address by the first source that has one; `None` when there is to be none. `server` is where the name server is.
///
/// # Errors
/// No address, and why of each source.
pub fn address(sources: &[Source], six: bool, server: &[SocketAddr]) -> Result<Option<IpAddr>, Trouble> {
    let (mut why, mut sure) = (Vec::new(), true);
    for source in sources {
        let found = match source {
            // Only where it was seen that there is none: what could not be looked at takes no record away.
            Source::Absent if sure => return Ok(None),
            Source::Absent => break,
            Source::Fixed(address) => Ok(*address),
            Source::Interface(None) => leading(six, server).and_then(|own| steady(own, six, server)),
            Source::Interface(Some(name)) => of_interface(name, six, server),
            Source::Route => leading(six, &[]),
            Source::Metadata { private } => metadata(METADATA, six, *private).map_err(Lack::Unseen),
        };
        match found {
            Ok(address) => return Ok(Some(address)),
            Err(lack) => {
                sure &= matches!(lack, Lack::Nothing(_));
                let (Lack::Nothing(reason) | Lack::Unseen(reason)) = lack;
                why.push(reason);
            }
        }
    }
    let mut error = Error::failed(format!("no {} address is found: {}", version(six), why.join("; ")))
        .hint("the record was left as it is");
    if leading(!six, &[]).is_ok() {
        let option = if six { "--a" } else { "--aaaa" };
        error = error.hint(format!("this machine has an address of {}: {option} is for that", version(!six)));
    }
    Err(Trouble { unreachable: true, error })
}

/// The address this machine would send from; no packet is needed to know that.
fn leading(six: bool, server: &[SocketAddr]) -> Result<IpAddr, Lack> {
    // Any address that only the default route leads to. Source: RFC 5737, RFC 3849.
    let far: SocketAddr = if six {
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 53).into()
    } else {
        (Ipv4Addr::new(192, 0, 2, 1), 53).into()
    };
    // The server may be on this very machine, and that leads nowhere.
    let near = server.iter().find(|address| address.is_ipv6() == six && !address.ip().is_loopback());
    let own: SocketAddr = if six { ([0; 16], 0).into() } else { ([0; 4], 0).into() };
    let connected = UdpSocket::bind(own).and_then(|socket| {
        socket.connect(near.unwrap_or(&far))?;
        socket.local_addr()
    });
    match connected {
        Ok(own) => usable(own.ip()).map(|()| own.ip()).map_err(Lack::Nothing),
        Err(_) => Err(Lack::Nothing(format!("no route of {} leads out of this machine", version(six)))),
    }
}

/// Why nobody else could use an address.
fn usable(address: IpAddr) -> Result<(), String> {
    let why = match address {
        _ if address.is_loopback() => "leads back to the machine itself",
        _ if address.is_unspecified() => "says nothing",
        IpAddr::V4(four) if four.is_link_local() => "holds on its own link only",
        IpAddr::V6(six) if six.is_unicast_link_local() => "holds on its own link only",
        IpAddr::V4(_) | IpAddr::V6(_) => return Ok(()),
    };
    Err(format!("`{address}` {why}"))
}

/// The address of IPv6 that stays: what the machine sends from may be one that it changes every day (RFC 8981).
fn steady(own: IpAddr, six: bool, server: &[SocketAddr]) -> Result<IpAddr, Lack> {
    if !six {
        return Ok(own);
    }
    let interfaces = real::interfaces().map_err(|error| Lack::Unseen(error.to_string()))?;
    match interfaces.iter().find(|interface| interface.addresses.iter().any(|(address, _)| *address == own)) {
        Some(interface) => of_interface(&interface.name, six, server),
        None => Ok(own),
    }
}

fn of_interface(name: &str, six: bool, server: &[SocketAddr]) -> Result<IpAddr, Lack> {
    let interfaces = real::interfaces().map_err(|error| Lack::Unseen(error.to_string()))?;
    let Some(interface) = interfaces.iter().find(|interface| interface.name == name) else {
        let all: Vec<String> = interfaces.iter().map(|interface| format!("`{}`", interface.name)).collect();
        return Err(Lack::Unseen(format!("there is no interface `{name}`; there are {}", all.join(", "))));
    };
    if !interface.up {
        return Err(Lack::Unseen(format!("the interface `{name}` is down")));
    }
    let flags = disk::read_limited("/proc/net/if_inet6".as_ref(), 1 << 20).ok().flatten().unwrap_or_default();
    let flags = String::from_utf8_lossy(&flags);
    let all = interface.addresses.iter().map(|(address, _)| *address);
    let mut found: Vec<(u8, IpAddr)> = all
        .filter(|address| address.is_ipv6() == six && usable(*address).is_ok())
        .filter_map(|address| rank(address, &flags).map(|rank| (rank, address)))
        .collect();
    found.sort_unstable();
    found.dedup();
    let best: Vec<IpAddr> = found.iter().filter(|(rank, _)| *rank == found[0].0).map(|(_, address)| *address).collect();
    match best.as_slice() {
        [] => Err(Lack::Nothing(format!("the interface `{name}` has no {} address that others can use", version(six)))),
        [one] => Ok(*one),
        // The machine's own choice is one that people know.
        several => leading(six, server).ok().filter(|own| several.contains(own)).ok_or_else(|| {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            let all = all.join(", ");
            Lack::Unseen(format!("the interface `{name}` has several addresses ({all}): give the one that is meant"))
        }),
    }
}

/// How good an address of IPv6 is, less is better; `None` for those that do not last. Source: `/proc/net/if_inet6`, whose fifth
/// field holds the flags of rtnetlink(7): temporary 0x01, not yet known to be alone 0x40, running out 0x20, permanent 0x80.
fn rank(address: IpAddr, flags: &str) -> Option<u8> {
    let IpAddr::V6(six) = address else { return Some(0) };
    let digits: String = six.octets().iter().map(|octet| format!("{octet:02x}")).collect();
    let line = flags.lines().find(|line| line.starts_with(&digits));
    let flags = line.and_then(|line| u8::from_str_radix(line.split_whitespace().nth(4)?, 16).ok()).unwrap_or_default();
    let global = six.segments()[0] & 0xe000 == 0x2000;
    (flags & 0x61 == 0).then_some(u8::from(!global) * 2 + u8::from(flags & 0x80 == 0))
}

/// Where clouds tell a machine about itself.
const METADATA: &str = "http://169.254.169.254";
/// A service on the link answers at once, or is not there.
const DEADLINE: Duration = Duration::from_secs(2);

/// What the services are asked: a header that some want, and the paths of both addresses. EC2's own is first; OpenStack has
/// the same one, for floating addresses. Then DigitalOcean, Hetzner, Google, Azure.
const SERVICES: [(&str, &str, &str); 5] = [
    ("", "/latest/meta-data/public-ipv4", "/latest/meta-data/ipv6"),
    ("", "/metadata/v1/interfaces/public/0/ipv4/address", "/metadata/v1/interfaces/public/0/ipv6/address"),
    ("", "/hetzner/v1/metadata/public-ipv4", ""),
    ("Metadata-Flavor: Google", "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip", ""),
    (
        "Metadata: true",
        "/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress?api-version=2021-02-01&format=text",
        "",
    ),
];

/// The address that the metadata service at `base` tells.
pub(super) fn metadata(base: &str, six: bool, private: bool) -> Result<IpAddr, String> {
    let ask = |method: &str, path: &str, header: &str| {
        real::ask(method, &format!("{base}{path}"), header, DEADLINE)
            .map_err(|why| format!("no metadata service answers at `{base}`: {why}"))
    };
    // A token first: version 2 of EC2's service, which gives nothing away to who can only have it asked for an address.
    let (status, token) = ask("PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60")?;
    let token = if status == 200 { format!("X-aws-ec2-metadata-token: {}", token.trim()) } else { String::new() };
    for (header, four_path, six_path) in SERVICES {
        let path = if six { six_path } else { four_path };
        if path.is_empty() {
            continue;
        }
        let (status, text) = ask("GET", path, if header.is_empty() { &token } else { header })?;
        let Ok(address) = text.trim().parse::<IpAddr>() else { continue };
        if status != 200 || address.is_ipv6() != six {
            continue;
        }
        usable(address).map_err(|why| format!("the metadata service tells no useful address: {why}"))?;
        if !private && is_private(address) {
            return Err(format!(
                "the metadata service tells `{address}`, which is one of a private network (`metadata:private` takes that too)"
            ));
        }
        return Ok(address);
    }
    Err(format!("the metadata service tells no public {} address of this machine", version(six)))
}

/// Source: RFC 1918, RFC 6598, RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_private() || (four.octets()[0] == 100 && four.octets()[1] & 0xc0 == 64),
        IpAddr::V6(six) => six.is_unique_local(),
    }
}
