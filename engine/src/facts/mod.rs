//! What is known of the machine, under ohai's names.
//!
//! Read through a [`Probe`] alone, each fact when it is first asked for, and never again during a run. A file that is
//! missing or cannot be read means that the fact is not known: `None`, never an error and never an invented value. No
//! command is run and nothing is asked over the network.
mod hardware;
mod leftovers;
mod network;
mod platform;
mod read;
#[cfg(test)]
mod tests;
mod virtualization;

use std::{
    cell::OnceCell,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use serde_json::{Map, Value, json};

pub use self::platform::Family;
use self::{
    hardware::{Cpu, Dmi},
    network::Network,
    platform::Platform,
    virtualization::Virtualization,
};
use crate::host::{Init, Interface, Kernel, Probe};

/// What is known of the machine.
pub struct Facts<'m> {
    probe: &'m dyn Probe,
    os_release: OnceCell<Vec<(String, String)>>,
    platform: OnceCell<Platform>,
    kernel: OnceCell<Option<Kernel>>,
    network: OnceCell<Network>,
    cpu: OnceCell<Cpu>,
    memory: OnceCell<Map<String, Value>>,
    dmi: OnceCell<Dmi>,
    virtualization: OnceCell<Virtualization>,
    fqdn: OnceCell<Option<String>>,
    init_package: OnceCell<Option<String>>,
    machine_id: OnceCell<Option<String>>,
    timezone: OnceCell<Option<String>>,
    root_group: OnceCell<Option<String>>,
    uptime: OnceCell<Option<u64>>,
}

type Read = fn(&Facts) -> Value;

/// Every fact by its name, in the order of [`Facts::to_json`].
const ALL: [(&str, Read); 34] = [
    ("platform", |facts| json!(facts.platform())),
    ("platform_family", |facts| json!(facts.platform_family())),
    ("platform_version", |facts| json!(facts.platform_version())),
    ("os", |facts| json!(facts.os())),
    ("os_version", |facts| json!(facts.os_version())),
    ("hostname", |facts| json!(facts.hostname())),
    ("machinename", |facts| json!(facts.machinename())),
    ("fqdn", |facts| json!(facts.fqdn())),
    ("domain", |facts| json!(facts.domain())),
    ("ipaddress", |facts| json!(facts.ipaddress())),
    ("ip6address", |facts| json!(facts.ip6address())),
    ("macaddress", |facts| json!(facts.macaddress())),
    ("network", |facts| facts.network_json()),
    ("kernel", |facts| facts.kernel_json()),
    ("cpu", |facts| facts.cpu().json()),
    ("memory", |facts| facts.memory_json()),
    ("virtualization", |facts| facts.virtualization().json()),
    ("cloud", |facts| facts.cloud_provider().map_or(Value::Null, |provider| json!({ "provider": provider }))),
    ("dmi", |facts| facts.dmi().json()),
    ("filesystem", |facts| facts.mounts().as_deref().map_or(Value::Null, hardware::filesystem)),
    ("init_package", |facts| json!(facts.init_package())),
    ("service_manager", |facts| json!(facts.service_manager().and_then(init_name))),
    ("lsb", |facts| facts.lsb_json()),
    ("os_release", |facts| facts.os_release_json()),
    ("machine_id", |facts| json!(facts.machine_id())),
    ("uptime", |facts| json!(facts.uptime_seconds().map(span))),
    ("uptime_seconds", |facts| json!(facts.uptime_seconds())),
    ("time", |facts| facts.timezone().map_or(Value::Null, |zone| json!({ "timezone": zone }))),
    ("timezone", |facts| json!(facts.timezone())),
    ("root_group", |facts| json!(facts.root_group())),
    ("shells", |facts| facts.shells_json()),
    ("fips", |facts| facts.fips_json()),
    ("selinux", |facts| facts.selinux_json()),
    ("config_leftovers", |facts| leftovers::json(facts.probe)),
];

impl<'m> Facts<'m> {
    /// The facts of a machine. Nothing is read yet.
    #[must_use]
    pub const fn new(probe: &'m dyn Probe) -> Self {
        Self {
            probe,
            os_release: OnceCell::new(),
            platform: OnceCell::new(),
            kernel: OnceCell::new(),
            network: OnceCell::new(),
            cpu: OnceCell::new(),
            memory: OnceCell::new(),
            dmi: OnceCell::new(),
            virtualization: OnceCell::new(),
            fqdn: OnceCell::new(),
            init_package: OnceCell::new(),
            machine_id: OnceCell::new(),
            timezone: OnceCell::new(),
            root_group: OnceCell::new(),
            uptime: OnceCell::new(),
        }
    }

    /// The distribution, as `debian`, `ubuntu`, `redhat`, `amazon`.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        self.platform_cell().name.as_deref()
    }

    /// ohai's word for the family, as `debian`, `rhel`, `amazon`.
    #[must_use]
    pub fn platform_family(&self) -> Option<&'static str> {
        self.platform_cell().family
    }

    /// The family.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.platform_family())
    }

    /// The version of the distribution, as `12`, `24.04`, `9.4`; the kernel's release where there is none (rolling).
    #[must_use]
    pub fn platform_version(&self) -> Option<&str> {
        self.platform_cell().version.as_deref()
    }

    /// The operating system: `linux`.
    #[must_use]
    pub fn os(&self) -> Option<String> {
        self.kernel().map(|kernel| kernel.name.to_lowercase())
    }

    /// The release of the kernel.
    #[must_use]
    pub fn os_version(&self) -> Option<&str> {
        self.kernel().map(|kernel| kernel.release.as_str())
    }

    /// What `uname` tells.
    #[must_use]
    pub fn kernel(&self) -> Option<&Kernel> {
        self.kernel.get_or_init(|| self.probe.kernel().ok()).as_ref()
    }

    /// The name of this machine up to the first dot.
    #[must_use]
    pub fn hostname(&self) -> Option<&str> {
        self.machinename()?.split('.').next()
    }

    /// The whole node name: what `hostname` prints.
    #[must_use]
    pub fn machinename(&self) -> Option<&str> {
        self.kernel().map(|kernel| kernel.node_name.as_str()).filter(|name| !name.is_empty())
    }

    /// The name with its domain by `/etc/hosts`, or the node name where that tells none. DNS is never asked.
    #[must_use]
    pub fn fqdn(&self) -> Option<&str> {
        let find = || {
            let (machine, short) = (self.machinename()?, self.hostname()?);
            if machine.contains('.') {
                return Some(machine.to_owned());
            }
            let hosts = read::text(self.probe, "/etc/hosts");
            let whole = hosts.and_then(|hosts| network::name_in_hosts(&hosts, machine, short));
            Some(whole.unwrap_or_else(|| machine.to_owned()))
        };
        self.fqdn.get_or_init(find).as_deref()
    }

    /// What follows the first dot of [`Facts::fqdn`].
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.fqdn()?.split_once('.').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
    }

    /// The IPv4 address of the default route's interface.
    #[must_use]
    pub fn ipaddress(&self) -> Option<Ipv4Addr> {
        self.network().address()
    }

    /// A global IPv6 address of the default route's interface.
    #[must_use]
    pub fn ip6address(&self) -> Option<Ipv6Addr> {
        self.network().address6()
    }

    /// The hardware address of the default interface.
    #[must_use]
    pub fn macaddress(&self) -> Option<&str> {
        self.network().default_interface()?.hardware_address.as_deref()
    }

    /// Network interfaces.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.network().interfaces
    }

    /// The interface of the default route.
    #[must_use]
    pub fn default_interface(&self) -> Option<&str> {
        self.network().route.as_ref().map(|route| route.interface.as_str())
    }

    /// The gateway of the default route.
    #[must_use]
    pub fn default_gateway(&self) -> Option<IpAddr> {
        self.network().route.as_ref()?.gateway
    }

    /// Number of processors that the kernel uses.
    #[must_use]
    pub fn cpu_total(&self) -> Option<usize> {
        Some(self.cpu().processors.len()).filter(|count| *count > 0)
    }

    /// Number of processor sockets.
    #[must_use]
    pub fn cpu_real(&self) -> Option<usize> {
        self.cpu().real
    }

    /// Number of processor cores.
    #[must_use]
    pub fn cpu_cores(&self) -> Option<usize> {
        self.cpu().cores
    }

    /// Memory in KiB.
    #[must_use]
    pub fn memory_total_kib(&self) -> Option<u64> {
        self.memory().get("total")?.as_str()?.strip_suffix("kB")?.parse().ok()
    }

    /// The innermost virtualization system and whether this is its `guest` or its `host`.
    #[must_use]
    pub fn virtualization_role(&self) -> Option<(&str, &'static str)> {
        self.virtualization().main()
    }

    /// The cloud that the firmware names, as `ec2`, `gce`, `azure`.
    #[must_use]
    pub fn cloud_provider(&self) -> Option<&'static str> {
        self.dmi().cloud()
    }

    /// The name of process 1, as `systemd`, `init`.
    #[must_use]
    pub fn init_package(&self) -> Option<&str> {
        self.init_package.get_or_init(|| read::line(self.probe, "/proc/1/comm")).as_deref()
    }

    /// What starts and stops services here, which process 1 of a container need not be.
    #[must_use]
    pub fn service_manager(&self) -> Option<Init> {
        self.probe.init().ok()
    }

    /// The id of this installation, 32 hex digits.
    #[must_use]
    pub fn machine_id(&self) -> Option<&str> {
        let places = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
        // An image that has not booted yet says `uninitialized`.
        let id = |place: &&str| read::line(self.probe, place).filter(|id| id != "uninitialized");
        self.machine_id.get_or_init(|| places.iter().find_map(id)).as_deref()
    }

    /// Seconds since boot.
    #[must_use]
    pub fn uptime_seconds(&self) -> Option<u64> {
        let find = || read::line(self.probe, "/proc/uptime")?.split('.').next()?.parse().ok();
        *self.uptime.get_or_init(find)
    }

    /// The time zone by its name, as `Europe/Vienna`.
    #[must_use]
    pub fn timezone(&self) -> Option<&str> {
        let find = || {
            let target = read::link(self.probe, "/etc/localtime");
            let name = target.and_then(|target| {
                let target = target.to_str()?.to_owned();
                target.split_once("zoneinfo/").map(|(_, name)| name.to_owned())
            });
            name.or_else(|| read::line(self.probe, "/etc/timezone"))
        };
        self.timezone.get_or_init(find).as_deref()
    }

    /// The name of group 0.
    #[must_use]
    pub fn root_group(&self) -> Option<&str> {
        let find = || self.probe.group("0").ok().flatten().map(|group| group.name);
        self.root_group.get_or_init(find).as_deref()
    }

    /// A field of `/etc/os-release`, as `VERSION_CODENAME`.
    #[must_use]
    pub fn os_release(&self, key: &str) -> Option<&str> {
        self.os_release_cell().iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The names of all facts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(name, _)| *name)
    }

    /// A fact by its name; a dot goes into it, as in `network.default_interface`. Reads nothing else.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        let mut parts = name.split('.');
        let first = parts.next()?;
        let (_, read) = ALL.iter().find(|(known, _)| *known == first)?;
        let found = parts.try_fold(read(self), |value, part| match value {
            Value::Object(mut map) => map.remove(part),
            Value::Array(mut items) => {
                let n: usize = part.parse().ok()?;
                (n < items.len()).then(|| items.swap_remove(n))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        });
        found.filter(|value| !value.is_null())
    }

    /// All facts; what is not known is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        ALL.iter().map(|(name, read)| ((*name).to_owned(), read(self))).collect()
    }

    fn os_release_cell(&self) -> &[(String, String)] {
        self.os_release.get_or_init(|| {
            let places = ["/etc/os-release", "/usr/lib/os-release"];
            let text = places.iter().find_map(|place| read::text(self.probe, place));
            text.map(|text| read::assignments(&text)).unwrap_or_default()
        })
    }

    fn platform_cell(&self) -> &Platform {
        self.platform.get_or_init(|| platform::platform(self.os_release_cell(), self.os_version(), self.probe))
    }

    fn network(&self) -> &Network {
        self.network.get_or_init(|| Network::read(self.probe))
    }

    fn cpu(&self) -> &Cpu {
        self.cpu.get_or_init(|| read::text(self.probe, "/proc/cpuinfo").as_deref().map(Cpu::parse).unwrap_or_default())
    }

    fn memory(&self) -> &Map<String, Value> {
        self.memory.get_or_init(|| {
            read::text(self.probe, "/proc/meminfo").as_deref().map(hardware::memory).unwrap_or_default()
        })
    }

    fn dmi(&self) -> &Dmi {
        self.dmi.get_or_init(|| Dmi::read(self.probe))
    }

    fn virtualization(&self) -> &Virtualization {
        self.virtualization.get_or_init(|| Virtualization::read(self.probe, self.dmi(), self.cpu()))
    }

    fn mounts(&self) -> Option<String> {
        read::text(self.probe, "/proc/mounts")
    }

    fn memory_json(&self) -> Value {
        if self.memory().is_empty() { Value::Null } else { Value::Object(self.memory().clone()) }
    }

    fn kernel_json(&self) -> Value {
        let Some(kernel) = self.kernel() else { return Value::Null };
        let modules = read::text(self.probe, "/proc/modules").map(|text| {
            let module = |line: &str| {
                let mut fields = line.split(' ');
                let (name, size, references) = (fields.next()?, fields.next()?, fields.next()?);
                Some((name.to_owned(), json!({ "size": size, "refcount": references })))
            };
            text.lines().filter_map(module).collect::<Map<_, _>>()
        });
        json!({
            "name": kernel.name,
            "release": kernel.release,
            "version": kernel.version,
            "machine": kernel.machine,
            "processor": kernel.machine,
            "os": if self.family() == Family::Alpine { "Linux" } else { "GNU/Linux" },
            "modules": modules,
        })
    }

    fn network_json(&self) -> Value {
        let network = self.network();
        let interfaces: Map<_, _> =
            network.interfaces.iter().map(|interface| (interface.name.clone(), interface_json(interface))).collect();
        let name = |route: &Option<network::Route>| route.as_ref().map(|route| route.interface.clone());
        let gateway = |route: &Option<network::Route>| route.as_ref().and_then(|route| route.gateway);
        json!({
            "interfaces": interfaces,
            "default_interface": name(&network.route),
            "default_gateway": gateway(&network.route),
            "default_inet6_interface": name(&network.route6),
            "default_inet6_gateway": gateway(&network.route6),
        })
    }

    /// From `/etc/lsb-release`, or what `lsb_release` itself makes of os-release where that file is not.
    fn lsb_json(&self) -> Value {
        let told = read::text(self.probe, "/etc/lsb-release").map(|text| read::assignments(&text)).unwrap_or_default();
        let field = |key: &str, or: &str| {
            let told = told.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            told.or_else(|| self.os_release(or)).filter(|value| !value.is_empty()).map(ToOwned::to_owned)
        };
        let id = field("DISTRIB_ID", "ID").map(|id| {
            let mut letters = id.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        });
        let lsb = [
            ("id", id),
            ("release", field("DISTRIB_RELEASE", "VERSION_ID")),
            ("codename", field("DISTRIB_CODENAME", "VERSION_CODENAME")),
            ("description", field("DISTRIB_DESCRIPTION", "PRETTY_NAME")),
        ];
        let known: Map<_, _> =
            lsb.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect();
        if known.is_empty() { Value::Null } else { Value::Object(known) }
    }

    fn os_release_json(&self) -> Value {
        let field = |(key, value): &(String, String)| {
            let key = key.to_lowercase();
            let value =
                if key == "id_like" { json!(value.split_whitespace().collect::<Vec<_>>()) } else { json!(value) };
            (key, value)
        };
        let fields: Map<_, _> = self.os_release_cell().iter().map(field).collect();
        if fields.is_empty() { Value::Null } else { Value::Object(fields) }
    }

    fn shells_json(&self) -> Value {
        read::text(self.probe, "/etc/shells").map_or(Value::Null, |text| {
            json!(text.lines().map(str::trim).filter(|line| line.starts_with('/')).collect::<Vec<_>>())
        })
    }

    fn fips_json(&self) -> Value {
        let enabled = read::line(self.probe, "/proc/sys/crypto/fips_enabled").map(|flag| flag == "1");
        enabled.map_or(Value::Null, |enabled| json!({ "kernel": { "enabled": enabled } }))
    }

    fn selinux_json(&self) -> Value {
        let mode = match read::line(self.probe, "/sys/fs/selinux/enforce").as_deref() {
            Some("1") => "enforcing",
            Some("0") => "permissive",
            Some(_) | None => return Value::Null,
        };
        json!({ "status": { "selinux_status": "enabled", "current_mode": mode } })
    }
}

const fn init_name(init: Init) -> Option<&'static str> {
    match init {
        Init::Systemd => Some("systemd"),
        Init::SystemdOffline => Some("systemd_offline"),
        Init::OpenRc => Some("openrc"),
        Init::SysV => Some("sysvinit"),
        Init::None => None,
    }
}

fn interface_json(interface: &Interface) -> Value {
    let mut addresses = Map::new();
    if let Some(hardware) = &interface.hardware_address {
        addresses.insert(hardware.clone(), json!({ "family": "lladdr" }));
    }
    for (address, bits) in &interface.addresses {
        let about = match address {
            IpAddr::V4(four) => {
                let mask = Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0));
                let scope = if four.is_loopback() { "Node" } else { "Global" };
                json!({ "family": "inet", "prefixlen": bits.to_string(), "netmask": mask, "scope": scope })
            }
            IpAddr::V6(six) => {
                let scope = match () {
                    () if six.is_loopback() => "Node",
                    () if six.is_unicast_link_local() => "Link",
                    () => "Global",
                };
                json!({ "family": "inet6", "prefixlen": bits.to_string(), "scope": scope })
            }
        };
        addresses.insert(address.to_string(), about);
    }
    let encapsulation = match &interface.hardware_address {
        _ if interface.loopback => Some("Loopback"),
        Some(_) => Some("Ethernet"),
        None => None,
    };
    let mut flags = Vec::new();
    flags.extend(interface.loopback.then_some("LOOPBACK"));
    flags.extend(interface.up.then_some("UP"));
    json!({
        "addresses": addresses,
        "encapsulation": encapsulation,
        "flags": flags,
        "mtu": interface.mtu.map(|mtu| mtu.to_string()),
        "state": if interface.up { "up" } else { "down" },
    })
}

/// A span of time in ohai's words: leading zero units are left out.
fn span(seconds: u64) -> String {
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest:02} seconds"),
        (0, 0, _) => format!("{minutes:02} minutes {rest:02} seconds"),
        (0, _, _) => format!("{hours:02} hours {minutes:02} minutes {rest:02} seconds"),
        (_, _, _) => format!("{days} days {hours:02} hours {minutes:02} minutes {rest:02} seconds"),
    }
}
