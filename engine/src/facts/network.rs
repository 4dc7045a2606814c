//! Which addresses this machine is reached by.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::read;
use crate::host::{Interface, Probe};

/// A default route.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    pub interface: String,
    pub gateway: Option<IpAddr>,
}

/// What the routes and interfaces say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Network {
    pub interfaces: Vec<Interface>,
    pub route: Option<Route>,
    pub route6: Option<Route>,
}

const UP: u32 = 0x1;
const GATEWAY: u32 = 0x2;
const REJECT: u32 = 0x200;

impl Network {
    pub(super) fn read(probe: &dyn Probe) -> Self {
        Self {
            interfaces: probe.interfaces().unwrap_or_default(),
            route: read::text(probe, "/proc/net/route").as_deref().and_then(default_route),
            route6: read::text(probe, "/proc/net/ipv6_route").as_deref().and_then(default_route6),
        }
    }

    fn interface(&self, route: Option<&Route>) -> Option<&Interface> {
        let route = route?;
        self.interfaces.iter().find(|interface| interface.name == route.interface)
    }

    /// The interface of the default route; without one, the first that has an address for others.
    pub(super) fn default_interface(&self) -> Option<&Interface> {
        let reached = |interface: &&Interface| {
            interface.up && !interface.loopback && interface.addresses.iter().any(|(address, _)| is_global(address))
        };
        self.interface(self.route.as_ref())
            .or_else(|| self.interface(self.route6.as_ref()))
            .or_else(|| self.interfaces.iter().find(reached))
    }

    /// The IPv4 address of the default route's interface: of several the one in the gateway's network.
    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        let of = |interface: &Interface| -> Vec<(Ipv4Addr, u8)> {
            let v4 = |(address, bits): &(IpAddr, u8)| match address {
                IpAddr::V4(address) => Some((*address, *bits)),
                IpAddr::V6(_) => None,
            };
            interface.addresses.iter().filter_map(v4).collect()
        };
        let addresses = match self.interface(self.route.as_ref()) {
            Some(interface) => of(interface),
            None => {
                let mut others = self.interfaces.iter().filter(|interface| interface.up && !interface.loopback);
                others.find_map(|interface| Some(of(interface)).filter(|addresses| !addresses.is_empty()))?
            }
        };
        let beside = |(address, bits): &&(Ipv4Addr, u8)| match self.route.as_ref().and_then(|route| route.gateway) {
            Some(IpAddr::V4(gateway)) => {
                let shift = 32 - u32::from((*bits).min(32));
                let network = |address: Ipv4Addr| u64::from(address.to_bits()) >> shift;
                network(*address) == network(gateway)
            }
            Some(IpAddr::V6(_)) | None => false,
        };
        addresses.iter().find(beside).or_else(|| addresses.first()).map(|(address, _)| *address)
    }

    /// A global IPv6 address of the default interface.
    pub(super) fn address6(&self) -> Option<Ipv6Addr> {
        let interface = self.interface(self.route6.as_ref()).or_else(|| self.default_interface())?;
        interface.addresses.iter().find_map(|(address, _)| match address {
            IpAddr::V6(six) if is_global(address) => Some(*six),
            IpAddr::V6(_) | IpAddr::V4(_) => None,
        })
    }
}

/// Whether other machines may reach it: neither loopback nor link-local.
fn is_global(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => !four.is_loopback() && !four.is_link_local(),
        IpAddr::V6(six) => !six.is_loopback() && !six.is_unicast_link_local(),
    }
}

/// Source: Documentation/networking/proc_net_route; numbers are in hex, addresses in the machine's byte order.
fn default_route(table: &str) -> Option<Route> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, metric, mask, ..] = fields[..] else { return None };
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let flags = hex(flags)?;
        if hex(destination)? != 0 || hex(mask)? != 0 || flags & UP == 0 || flags & REJECT != 0 {
            return None;
        }
        let gateway = (flags & GATEWAY != 0).then(|| hex(gateway)).flatten();
        let gateway = gateway.map(|raw| IpAddr::from(raw.to_ne_bytes()));
        Some((metric.parse::<u32>().ok()?, Route { interface: interface.to_owned(), gateway }))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, route)| route)
}

fn default_route6(table: &str) -> Option<Route> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [destination, bits, _, _, gateway, metric, _, _, flags, interface] = fields[..] else { return None };
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let flags = hex(flags)?;
        let anywhere = bits == "00" && u128::from_str_radix(destination, 16).ok()? == 0;
        if !anywhere || flags & UP == 0 || flags & REJECT != 0 || interface == "lo" {
            return None;
        }
        let gateway = u128::from_str_radix(gateway, 16).ok().filter(|_| flags & GATEWAY != 0);
        let gateway = gateway.map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits)));
        Some((hex(metric)?, Route { interface: interface.to_owned(), gateway }))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, route)| route)
}

/// The whole name of this machine by `/etc/hosts`: the first name with a dot on a line that names it, best one that
/// begins with its short name.
pub(super) fn name_in_hosts(hosts: &str, machine: &str, short: &str) -> Option<String> {
    let mut second_best = None;
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let names: Vec<_> = line.split_whitespace().skip(1).collect();
        if !names.iter().any(|name| *name == machine || *name == short) {
            continue;
        }
        let mut whole = names.iter().filter(|name| name.contains('.') && !name.ends_with(".localdomain"));
        let own = |name: &&&str| name.split('.').next() == Some(short);
        if let Some(name) = whole.clone().find(own) {
            return Some((*name).to_owned());
        }
        second_best = second_best.or_else(|| whole.next().map(|name| (*name).to_owned()));
    }
    second_best
}
