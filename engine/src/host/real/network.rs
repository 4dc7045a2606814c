//! The kernel and its network interfaces.
use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags, sys::socket::SockaddrStorage};

use crate::{
    Error, Result,
    host::{Interface, Kernel},
};

/// What `uname` tells.
#[must_use]
pub fn kernel() -> Kernel {
    let uname = rustix::system::uname();
    let text = |value: &std::ffi::CStr| value.to_string_lossy().into_owned();
    Kernel {
        name: text(uname.sysname()),
        release: text(uname.release()),
        version: text(uname.version()),
        machine: text(uname.machine()),
        node_name: text(uname.nodename()),
    }
}

/// The name that a system which does not run will have; nothing when it has none yet.
///
/// Source: hostname(5): lines that begin with `#` are comments.
#[must_use]
pub fn name_of_image() -> String {
    let text = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default().to_owned()
}

/// Network interfaces with their addresses, by name.
///
/// # Errors
/// When the system does not tell them.
pub fn interfaces() -> Result<Vec<Interface>> {
    let addresses =
        getifaddrs().map_err(|error| Error::failed(format!("cannot list the network interfaces: {error}")))?;
    let mut interfaces: BTreeMap<String, Interface> = BTreeMap::new();
    for address in addresses {
        let name = address.interface_name;
        let interface = interfaces.entry(name.clone()).or_insert_with(|| Interface { name, ..Interface::default() });
        interface.up |= address.flags.contains(InterfaceFlags::IFF_UP);
        interface.loopback |= address.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let Some(storage) = address.address else { continue };
        if let Some(ip) = ip(&storage) {
            let bits = address.netmask.as_ref().and_then(self::ip).map_or(0, prefix);
            interface.addresses.push((ip, bits));
        } else if let Some(hardware) = storage.as_link_addr().and_then(|link| link.addr())
            && hardware != [0; 6]
        {
            let digits: Vec<String> = hardware.iter().map(|byte| format!("{byte:02X}")).collect();
            interface.hardware_address = Some(digits.join(":"));
        }
    }
    let mut interfaces: Vec<Interface> = interfaces.into_values().collect();
    for interface in &mut interfaces {
        let mtu = fs::read_to_string(Path::new("/sys/class/net").join(&interface.name).join("mtu"));
        interface.mtu = mtu.ok().and_then(|mtu| mtu.trim().parse().ok());
    }
    Ok(interfaces)
}

fn ip(storage: &SockaddrStorage) -> Option<IpAddr> {
    let four = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    four.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => Ipv4Addr::to_bits(mask).count_ones(),
        IpAddr::V6(mask) => Ipv6Addr::to_bits(mask).count_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_loopback_is_there() {
        let interfaces = super::interfaces().unwrap();
        let loopback = interfaces.iter().find(|interface| interface.loopback).expect("a loopback interface");
        assert!(loopback.addresses.contains(&("127.0.0.1".parse().unwrap(), 8)), "{loopback:?}");
        assert_eq!(super::kernel().name, "Linux");
    }
}
