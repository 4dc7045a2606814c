//! Points this host's name at its address, with an update signed by a TSIG key, at boot and whenever the address changes.
use std::path::{Path, PathBuf};

use brasa::{
    host::{Init, LogLevel},
    prelude::*,
    resources::template::Source,
};
use serde::{Deserialize, Serialize};

/// `node["dynamic_dns"]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DynamicDns {
    /// The primary name server of the zone: a name or an address. Without it everything is installed and nothing is sent.
    pub server: Option<String>,
    /// The zone; without it the name server is left to find it.
    pub zone: Option<String>,
    /// The name to keep up to date; this node's fully qualified name when absent.
    pub hostname: Option<String>,
    /// Seconds for which resolvers may keep the record.
    pub ttl: u32,
    /// Keep an AAAA record too. The zone's update policy must grant it.
    pub ipv6: bool,
    /// Interface whose address is published; the one that leads to the name server when absent.
    pub interface: Option<String>,
    /// Public half of the key pair, as dnssec-keygen writes it.
    pub tsig_key: PathBuf,
    /// Private half.
    pub tsig_private: PathBuf,
}

impl Default for DynamicDns {
    fn default() -> Self {
        Self {
            server: None,
            zone: None,
            hostname: None,
            ttl: 60,
            ipv6: false,
            interface: None,
            tsig_key: "/etc/dyndns_keys/tsig.key".into(),
            tsig_private: "/etc/dyndns_keys/tsig.private".into(),
        }
    }
}

impl AttributeSet for DynamicDns {
    const KEY: &'static str = "dynamic_dns";
}

/// What the units and hooks are made from.
#[derive(Clone, Copy, Serialize)]
struct Paths {
    script: &'static str,
}

/// Where the keys lie: uploaded there before the run, as in the article.
const KEYS: &str = "/etc/dyndns_keys";
const SCRIPT: &str = "/usr/local/sbin/dyndns-update";
const UNIT: &str = "dyndns-update.service";
const TIMER: &str = "dyndns-update.timer";

static UPDATER: Source<DynamicDns> =
    Source::new("dyndns-update.sh.tera", include_str!("../templates/dyndns-update.sh.tera"));
static SERVICE: Source<Paths> =
    Source::new("dyndns-update.service.tera", include_str!("../templates/dyndns-update.service.tera"));
static HOOK: Source<Paths> = Source::new("address-hook.sh.tera", include_str!("../templates/address-hook.sh.tera"));

/// Directories whose scripts the system's network tools run when an address came or changed. Each is used where it exists.
const HOOKS: [&str; 4] = [
    "/etc/dhcp/dhclient-exit-hooks.d",
    "/etc/network/if-up.d",
    "/etc/networkd-dispatcher/routable.d",
    "/etc/NetworkManager/dispatcher.d",
];

/// Installs nsupdate, the key directory, the updater script, and the unit and timer that run it at boot and after.
///
/// # Errors
/// Wrong attributes; a platform that is neither of the Debian nor of the RHEL family.
pub fn dynamic_dns(r: &mut Recipe) -> Result<()> {
    r.include(dnsutils::default)?;
    let dns: DynamicDns = r.attributes()?;

    r.add(Directory::at(KEYS).mode(0o700).owner("root").group("root"));
    for key in [&dns.tsig_key, &dns.tsig_private] {
        // Whoever uploads the keys may leave them readable by all.
        r.add(File::at(key).mode(0o600).owner("root").group("root").only_if(exists(key)));
    }
    if dns.server.is_none() {
        r.add(
            Log::new("dynamic_dns.server").message(
                "bind::dynamic_dns: no name server is configured, so no update will be sent; \
                 set `dynamic_dns.server` (and `dynamic_dns.zone`) in dna.json",
            )
            .level(LogLevel::Warn),
        );
    }

    let paths = Paths { script: SCRIPT };
    let script = r.add(
        Template::render(SCRIPT, &UPDATER, dns.clone())?
            .mode(0o755)
            .owner("root")
            .group("root")
            .verify("sh -n %{path}"),
    );
    for directory in HOOKS {
        let hook = Template::render(Path::new(directory).join("dyndns-update"), &HOOK, paths)?;
        r.add(hook.mode(0o755).owner("root").group("root").only_if(exists(directory)));
    }

    let systemd = || when("systemd is here", |probe| Ok(matches!(probe.init()?, Init::Systemd | Init::SystemdOffline)));
    let running = || when("systemd is running", |probe| Ok(probe.init()? == Init::Systemd));
    let service = Template::render("/unused", &SERVICE, paths)?;
    r.add(SystemdUnit::named(UNIT).content(service.text()).action(systemd_unit::Create).only_if(systemd()));
    r.add(
        SystemdUnit::named(TIMER)
            .content(include_str!("../templates/dyndns-update.timer"))
            .action([systemd_unit::Create, systemd_unit::Enable])
            .only_if(systemd()),
    );
    r.add(Service::named(TIMER).action(service::Start).only_if(running()));
    if dns.server.is_some() {
        // A changed script (another server, another name) should not wait for the timer.
        r.add(Service::named(UNIT).nothing().only_if(running()).only_if(exists(&dns.tsig_private)).subscribes(
            service::Restart,
            script,
            Delayed,
        ));
    }
    Ok(())
}
