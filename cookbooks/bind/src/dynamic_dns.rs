//! Points this host's name at its address, with an update signed by a TSIG key, at boot and whenever the address changes.
use std::path::{Path, PathBuf};

use brasa::{
    Fault,
    host::{Init, LogLevel, dns, environment},
    prelude::*,
    resources::template::Source,
    values::Secret,
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
    /// Where the IPv4 address comes from, the first source that has one: see `brasa ddns update`. In place of `interface`.
    pub a: Option<Vec<String>>,
    /// The same for IPv6. In place of `ipv6`.
    pub aaaa: Option<Vec<String>>,
    /// Texts to publish beside the addresses.
    pub txt: Option<Vec<String>>,
    /// How long after an update the next one follows, as systemd writes it.
    pub period: String,
    /// Who sends the update.
    pub method: Method,
    /// The key that signs it, with its secret; else it is one that was put into the two files below.
    pub key: Option<OwnKey>,
    /// Public half of the key pair, as dnssec-keygen writes it.
    pub tsig_key: PathBuf,
    /// Private half.
    pub tsig_private: PathBuf,
    /// The program that sends the update; that of this run when absent.
    pub program: Option<PathBuf>,
}

/// Who sends the update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `brasa ddns update`.
    #[default]
    Brasa,
    /// A script around dig and nsupdate, which are installed for it.
    Nsupdate,
}

/// A key whose secret stands in the attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnKey {
    /// Its name, as the name server has it.
    pub name: String,
    /// What it signs with; hmac-sha256 when absent.
    #[serde(default)]
    pub algorithm: Option<String>,
    /// The secret, as base64.
    pub secret: Secret,
}

impl OwnKey {
    fn key(&self) -> Result<dns::Key, String> {
        let name = self.name.trim_end_matches('.').parse::<dns::Name>().map_err(|why| format!("`name`: {why}"))?;
        let algorithm = self.algorithm.as_ref().map_or(Ok(dns::Algorithm::Sha256), |word| word.parse())?;
        dns::Key::of_base64(name, algorithm, self.secret.expose())
    }
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
            a: None,
            aaaa: None,
            txt: None,
            period: "5min".to_owned(),
            method: Method::Brasa,
            key: None,
            tsig_key: "/etc/dyndns_keys/tsig.key".into(),
            tsig_private: "/etc/dyndns_keys/tsig.private".into(),
            program: None,
        }
    }
}

impl AttributeSet for DynamicDns {
    const KEY: &'static str = "dynamic_dns";
}

/// What the units and hooks are made from.
#[derive(Clone, Serialize)]
struct Unit {
    script: &'static str,
    service: &'static str,
    /// After the script, with a blank before it.
    arguments: &'static str,
    period: String,
}

/// What the script and the settings of `brasa ddns update` are made from.
#[derive(Clone, Serialize)]
struct Update {
    program: PathBuf,
    settings: &'static str,
    server: Option<String>,
    zone: Option<String>,
    hostname: Option<String>,
    key: PathBuf,
    key_name: Option<String>,
    ttl: u32,
    a: Vec<String>,
    aaaa: Option<Vec<String>>,
    txt: Option<Vec<String>>,
}

/// What the script around nsupdate is made from.
#[derive(Clone, Serialize)]
struct Nsupdate {
    server: Option<String>,
    zone: Option<String>,
    hostname: Option<String>,
    interface: Option<String>,
    ipv6: bool,
    ttl: u32,
    tsig_private: PathBuf,
}

/// Where the keys lie: uploaded there before the run, as in the article.
const KEYS: &str = "/etc/dyndns_keys";
const SCRIPT: &str = "/usr/local/sbin/dyndns-update";
const SETTINGS: &str = "/etc/brasa/ddns.toml";
const UNIT: &str = "dyndns-update.service";
const TIMER: &str = "dyndns-update.timer";
/// systemd-networkd calls no scripts, and writes down what it made of each interface.
const PATH: &str = "dyndns-update.path";

static UPDATER: Source<Update> =
    Source::new("dyndns-update.sh.tera", include_str!("../templates/dyndns-update.sh.tera"));
static SETTING: Source<Update> = Source::new("ddns.toml.tera", include_str!("../templates/ddns.toml.tera"));
static NSUPDATE: Source<Nsupdate> =
    Source::new("dyndns-nsupdate.sh.tera", include_str!("../templates/dyndns-nsupdate.sh.tera"));
static SERVICE: Source<Unit> =
    Source::new("dyndns-update.service.tera", include_str!("../templates/dyndns-update.service.tera"));
static EVERY: Source<Unit> =
    Source::new("dyndns-update.timer.tera", include_str!("../templates/dyndns-update.timer.tera"));
static WATCH: Source<Unit> =
    Source::new("dyndns-update.path.tera", include_str!("../templates/dyndns-update.path.tera"));
static HOOK: Source<Unit> = Source::new("address-hook.sh.tera", include_str!("../templates/address-hook.sh.tera"));

/// Directories whose scripts the system's network tools run when an address came or changed. Each is used where it exists.
const HOOKS: [&str; 4] = [
    "/etc/dhcp/dhclient-exit-hooks.d",
    "/etc/network/if-up.d",
    "/etc/networkd-dispatcher/routable.d",
    "/etc/NetworkManager/dispatcher.d",
];

impl DynamicDns {
    /// What is wrong with it, before anything is done.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(Err(why)) = self.key.as_ref().map(OwnKey::key) {
            faults.push(Fault::new(format!("`dynamic_dns.key` is none: {why}")).hint("`brasa ddns keygen` makes one"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || " .".contains(c);
        if self.period.is_empty() || !self.period.chars().all(plain) {
            let fault =
                Fault::new(format!("`dynamic_dns.period` is `{}`, which is no time", self.period.escape_debug()));
            faults.push(fault.hint("as `5min` or `1h`: systemd.time(7)"));
        }
        let of_nsupdate = self.method == Method::Nsupdate;
        for (name, given) in [("a", self.a.is_some()), ("aaaa", self.aaaa.is_some()), ("txt", self.txt.is_some())] {
            if given && of_nsupdate {
                let fault = Fault::new(format!("`dynamic_dns.{name}` means nothing to the script around nsupdate"));
                faults.push(fault.hint("leave it out, or leave `method` out: `brasa ddns update` knows it"));
            }
        }
        for (name, sources, six) in [("a", &self.a, false), ("aaaa", &self.aaaa, true)] {
            for source in sources.iter().flatten() {
                let wrong = dns::Source::parse(source, six).err();
                faults.extend(wrong.map(|why| Fault::new(format!("`dynamic_dns.{name}`: {why}"))));
            }
        }
        faults
    }

    fn key_file(&self) -> PathBuf {
        match &self.key {
            Some(_) => Path::new(KEYS).join("tsig.conf"),
            None => self.tsig_private.clone(),
        }
    }

    fn update(&self) -> Update {
        let interface =
            || vec![self.interface.as_ref().map_or("interface".to_owned(), |name| format!("interface:{name}"))];
        Update {
            // One that was started from where it was built is not where it will be at the next boot.
            program: self.program.clone().unwrap_or_else(|| {
                let own = environment::program().filter(|path| path.starts_with("/usr") || path.starts_with("/opt"));
                own.unwrap_or_else(|| "/usr/local/bin/brasa".into())
            }),
            settings: SETTINGS,
            server: self.server.clone(),
            zone: self.zone.clone(),
            hostname: self.hostname.clone(),
            key: self.key_file(),
            key_name: self.key.as_ref().map(|key| key.name.clone()),
            ttl: self.ttl,
            a: self.a.clone().unwrap_or_else(interface),
            aaaa: self.aaaa.clone().or_else(|| self.ipv6.then(interface)),
            txt: self.txt.clone(),
        }
    }

    fn nsupdate(&self) -> Nsupdate {
        let Self { server, zone, hostname, interface, ipv6, ttl, .. } = self.clone();
        Nsupdate { server, zone, hostname, interface, ipv6, ttl, tsig_private: self.key_file() }
    }
}

/// Has this host's name kept at its address: a key directory, the settings of `brasa ddns update` (or a script around nsupdate),
/// and the unit and timer that run it at boot, when an address changes, and from time to time.
///
/// # Errors
/// Wrong attributes; a platform that is neither of the Debian nor of the RHEL family.
pub fn dynamic_dns(r: &mut Recipe) -> Result<()> {
    match r.node().facts().family() {
        Family::Debian | Family::Rhel | Family::Fedora => {}
        Family::Suse | Family::Arch | Family::Alpine | Family::Other => return Err(r.node().unsupported("bind")),
    }
    let dns: DynamicDns = r.attributes()?;
    let faults = dns.faults();
    if !faults.is_empty() {
        faults.into_iter().for_each(|fault| r.fault(fault));
        return Ok(());
    }
    if dns.method == Method::Nsupdate {
        r.include(dnsutils::default)?;
    }
    let warn = |r: &mut Recipe, name: &'static str, message: &str| {
        r.add(Log::new(name).message(message).level(LogLevel::Warn));
    };

    r.add(Directory::at(KEYS).mode(0o700).owner("root").group("root"));
    let mut changed = Vec::new();
    if let Some(Ok(key)) = dns.key.as_ref().map(OwnKey::key) {
        if let Some(weakness) = key.algorithm().weakness() {
            warn(r, "dynamic_dns.key", &format!("bind::dynamic_dns: the key is one for {weakness}"));
        }
        let stanza = Secret::from(key.stanza());
        changed.push(r.add(File::at(dns.key_file()).content(stanza).mode(0o600).owner("root").group("root")));
    }
    for key in [&dns.tsig_key, &dns.tsig_private] {
        // Whoever uploads the keys may leave them readable by all.
        r.add(File::at(key).mode(0o600).owner("root").group("root").only_if(exists(key)));
    }
    if dns.server.is_none() {
        warn(
            r,
            "dynamic_dns.server",
            "bind::dynamic_dns: no name server is configured, so no update will be sent; \
             set `dynamic_dns.server` (and `dynamic_dns.zone`) in dna.json",
        );
    }

    let update = dns.update();
    let mut templates = Vec::new();
    let script = match dns.method {
        Method::Brasa => Template::render(SCRIPT, &UPDATER, update.clone())?,
        Method::Nsupdate => Template::render(SCRIPT, &NSUPDATE, dns.nsupdate())?,
    };
    let script = script.mode(0o755).owner("root").group("root").verify("sh -n %{path}");
    if dns.method == Method::Brasa && dns.server.is_some() {
        // Only that it is there: who may look into it is not for this recipe to say.
        r.add(Directory::at("/etc/brasa"));
        let settings = Template::render(SETTINGS, &SETTING, update)?;
        templates.push(r.add(settings.mode(0o644).owner("root").group("root")));
    }
    templates.push(r.add(script));

    // At boot the network may not be there yet. The script around nsupdate has its own patience.
    let arguments = if dns.method == Method::Brasa && dns.server.is_some() { " --wait 2m" } else { "" };
    let unit = Unit { script: SCRIPT, service: UNIT, arguments, period: dns.period.clone() };
    for directory in HOOKS {
        let hook = Template::render(Path::new(directory).join("dyndns-update"), &HOOK, unit.clone())?;
        r.add(hook.mode(0o755).owner("root").group("root").only_if(exists(directory)));
    }

    let systemd = || when("systemd is here", |probe| Ok(matches!(probe.init()?, Init::Systemd | Init::SystemdOffline)));
    let running = || when("systemd is running", |probe| Ok(probe.init()? == Init::Systemd));
    let service = Template::render("/unused", &SERVICE, unit.clone())?;
    r.add(SystemdUnit::named(UNIT).content(service.text()).action(systemd_unit::Create).only_if(systemd()));
    for (name, source) in [(TIMER, &EVERY), (PATH, &WATCH)] {
        let text = Template::render("/unused", source, unit.clone())?;
        r.add(
            SystemdUnit::named(name)
                .content(text.text())
                .action([systemd_unit::Create, systemd_unit::Enable])
                .only_if(systemd()),
        );
        r.add(Service::named(name).action(service::Start).only_if(running()));
    }
    if dns.server.is_some() {
        // Another server, another name, another key should not wait for the timer.
        let key = dns.key_file();
        let mut update = Service::named(UNIT).nothing().only_if(running()).only_if(exists(&key));
        for template in templates {
            update = update.subscribes(service::Restart, template, Delayed);
        }
        for file in changed {
            update = update.subscribes(service::Restart, file, Delayed);
        }
        r.add(update);
    }
    Ok(())
}
