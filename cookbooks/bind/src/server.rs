//! A primary name server: its zones, and who may change which names in them.
use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use brasa::{
    Fault,
    host::{Probe, dns},
    prelude::*,
    values::Secret,
};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::NAMED;

/// `node["bind"]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bind {
    /// Port to answer at.
    pub port: u16,
    /// IPv4 addresses to answer at.
    pub listen_on: Vec<String>,
    /// IPv6 addresses to answer at.
    pub listen_on_v6: Vec<String>,
    /// Who may ask.
    pub allow_query: Vec<String>,
    /// Who may have a whole zone: addresses, or `key NAME`.
    pub allow_transfer: Vec<String>,
    /// Whether questions about other zones are answered too, for those of `allow_recursion`.
    pub recursion: bool,
    /// For whom.
    pub allow_recursion: Vec<String>,
    /// Name servers that are asked in place of the root's.
    pub forwarders: Vec<String>,
    /// Keys by their names, which are names of hosts.
    pub keys: IndexMap<String, SharedKey>,
    /// Zones by their names.
    pub zones: IndexMap<String, Zone>,
}

impl Default for Bind {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            port: 53,
            listen_on: words(&["any"]),
            listen_on_v6: words(&["any"]),
            allow_query: words(&["any"]),
            allow_transfer: words(&["none"]),
            recursion: false,
            allow_recursion: words(&["localhost", "localnets"]),
            forwarders: Vec::new(),
            keys: IndexMap::new(),
            zones: IndexMap::new(),
        }
    }
}

impl AttributeSet for Bind {
    const KEY: &'static str = "bind";
}

/// A key that signs updates: its secret, or a file on this machine that has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedKey {
    /// What it signs with; hmac-sha256 when neither this nor the file says.
    pub algorithm: Option<String>,
    /// The secret, as base64.
    pub secret: Option<Secret>,
    /// A file in any of the forms that BIND's own programs write, as `/etc/dyndns_keys/tsig.private`.
    pub file: Option<PathBuf>,
}

/// A zone that this server is the primary of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Zone {
    /// The name of this server, as it stands in the zone; `ns1` in the zone when absent.
    pub primary: Option<String>,
    /// Its address, where that name is in the zone; this machine's own when absent.
    pub address: Option<IpAddr>,
    /// Further name servers.
    pub nameservers: Vec<String>,
    /// Who answers for the zone, as a mail address.
    pub contact: Option<String>,
    /// Number of the zone file's version, which has to grow when `records` change and other servers copy the zone.
    pub serial: u32,
    /// Seconds for which records may be kept that do not say it themselves.
    pub ttl: u32,
    /// Seconds for which it may be kept that there is no such name: a name that comes later is not seen before.
    pub negative_ttl: u32,
    /// Lines of the first zone file, as `www 300 IN A 192.0.2.1`.
    pub records: Vec<String>,
    /// Who may change which names. A zone that grants something is dynamic: its file is the server's own from then on.
    pub grants: Vec<Grant>,
    /// Who may have the whole zone, in place of the server's `allow_transfer`.
    pub allow_transfer: Option<Vec<String>>,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            primary: None,
            address: None,
            nameservers: Vec::new(),
            contact: None,
            serial: 1,
            ttl: 3600,
            negative_ttl: 60,
            records: Vec::new(),
            grants: Vec::new(),
            allow_transfer: None,
        }
    }
}

/// Lets a key change the records of one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Name of the key.
    pub key: String,
    /// The name; that of the key when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Types of records.
    #[serde(default = "usual_types")]
    pub types: Vec<String>,
}

fn usual_types() -> Vec<String> {
    ["A", "AAAA", "TXT"].map(str::to_owned).to_vec()
}

/// Where the platform's package keeps things.
struct Places {
    package: &'static str,
    /// The directory of settings.
    settings: &'static str,
    /// The directory that the server may write zones to.
    zones: &'static str,
    /// The user that it runs as.
    user: &'static str,
}

const DEBIAN: Places = Places { package: "bind9", settings: "/etc/bind", zones: "/var/lib/bind", user: "bind" };
const RHEL: Places = Places { package: "bind", settings: "/etc/named", zones: "/var/named/dynamic", user: "named" };

/// What may stand in a list of addresses: `any`, `192.0.2.0/24`, `!2001:db8::/32`, `key NAME`.
fn is_match(text: &str) -> bool {
    let bare = text.strip_prefix('!').unwrap_or(text);
    let bare = bare.strip_prefix("key ").unwrap_or(bare);
    !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || ".:/_-%".contains(c))
}

/// A name as it stands in zone files: whole, with the dot at its end.
fn whole(name: &str, zone: &str) -> String {
    if name.ends_with('.') {
        return name.to_owned();
    }
    let in_zone = name == zone || name.ends_with(&format!(".{zone}"));
    if in_zone || name.contains('.') { format!("{name}.") } else { format!("{name}.{zone}.") }
}

fn is_in(name: &str, zone: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == zone || name.ends_with(&format!(".{zone}"))
}

/// A mail address as it stands in a zone file: a dot in the part before the `@` has a `\` before it.
fn mailbox(address: &str, zone: &str) -> String {
    match address.split_once('@') {
        Some((local, domain)) => format!("{}.{}.", local.replace('.', "\\."), domain.trim_end_matches('.')),
        None => whole(address, zone),
    }
}

fn listed(words: &[String]) -> String {
    words.iter().map(|word| format!("{word}; ")).collect()
}

impl Bind {
    /// What is wrong with it, before anything is done.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let named = |name: &str| name.trim_end_matches('.').parse::<dns::Name>().map(drop);
        let lists = [
            ("listen_on", &self.listen_on),
            ("listen_on_v6", &self.listen_on_v6),
            ("allow_query", &self.allow_query),
            ("allow_transfer", &self.allow_transfer),
            ("allow_recursion", &self.allow_recursion),
            ("forwarders", &self.forwarders),
        ];
        let of_zones = self.zones.values().filter_map(|zone| Some(("allow_transfer", zone.allow_transfer.as_ref()?)));
        for (what, list) in lists.into_iter().chain(of_zones) {
            for word in list.iter().filter(|word| !is_match(word)) {
                let fault = Fault::new(format!("`{}` in `bind.{what}` is no address", word.escape_debug()));
                faults.push(fault.hint("as `any`, `none`, `192.0.2.1`, `192.0.2.0/24`, `!192.0.2.7` or `key NAME`"));
            }
        }
        for (name, key) in &self.keys {
            let fault = |why: String| Fault::new(format!("`bind.keys.{}` {why}", name.escape_debug()));
            if let Err(why) = named(name) {
                faults.push(fault(format!("is no name of a key: {why}")));
                continue;
            }
            if let Some(Err(why)) = key.algorithm.as_ref().map(|word| word.parse::<dns::Algorithm>()) {
                faults.push(fault(format!("has another algorithm: {why}")));
            }
            match (&key.secret, &key.file) {
                (Some(_), Some(_)) => faults.push(fault("has a `secret` and a `file`".to_owned()).hint("give one")),
                (None, None) => faults.push(
                    fault("has no secret".to_owned())
                        .hint("give it as `secret` (`brasa ddns keygen` makes one), or the `file` that has it"),
                ),
                (Some(_), None) => {
                    faults.extend(key.given(name).err().map(|why| fault(format!("cannot be used: {why}"))))
                }
                (None, Some(_)) => {}
            }
        }
        for (name, zone) in &self.zones {
            faults.extend(zone.faults(name, &self.keys));
        }
        faults
    }
}

impl SharedKey {
    fn algorithm(&self) -> Option<dns::Algorithm> {
        self.algorithm.as_ref().and_then(|word| word.parse().ok())
    }

    /// The key whose secret stands in the attributes.
    fn given(&self, name: &str) -> Result<dns::Key, String> {
        let secret = self.secret.as_ref().map_or("", Secret::expose);
        let name = name.trim_end_matches('.').parse::<dns::Name>()?;
        dns::Key::of_base64(name, self.algorithm().unwrap_or(dns::Algorithm::Sha256), secret)
    }

    /// The key, from wherever it is.
    fn key(&self, name: &str, probe: &dyn Probe) -> Result<dns::Key> {
        let Some(file) = &self.file else { return self.given(name).map_err(Error::failed) };
        let wanted = name.trim_end_matches('.').parse::<dns::Name>().map_err(Error::failed)?;
        dns::Key::found(file, Some(&wanted), self.algorithm(), probe)
    }
}

/// The keys that should be replaced. What is wrong with one is told where it is used.
fn weak(keys: &IndexMap<String, SharedKey>, probe: &dyn Probe) -> Vec<String> {
    let weakness = |(name, key): (&String, &SharedKey)| {
        let weakness = key.key(name, probe).ok()?.algorithm().weakness()?;
        Some(format!("`{name}` is one for {weakness}"))
    };
    keys.iter().filter_map(weakness).collect()
}

impl Zone {
    fn faults(&self, zone: &str, keys: &IndexMap<String, SharedKey>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |why: String, hint: &str| {
            let fault = Fault::new(format!("`bind.zones.{}` {why}", zone.escape_debug()));
            faults.push(if hint.is_empty() { fault } else { fault.hint(hint) });
        };
        if let Err(why) = zone.parse::<dns::Name>().map(drop) {
            fault(format!("is no name of a zone: {why}"), "");
        } else if zone.ends_with('.') {
            fault("ends in a dot".to_owned(), "leave it out: `example.com`");
        }
        let names =
            self.primary.iter().chain(&self.nameservers).chain(self.grants.iter().flat_map(|grant| &grant.name));
        for name in names {
            if let Err(why) = name.trim_end_matches('.').parse::<dns::Name>() {
                fault(format!("has `{}`, which is no name: {why}", name.escape_debug()), "");
            }
        }
        let contact = self.contact.iter().filter(|text| {
            let (local, domain) = text.split_once('@').unwrap_or(("x", text));
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c));
            local.is_empty() || domain.is_empty() || !plain(local) || !plain(domain)
        });
        for contact in contact {
            fault(format!("has the contact `{}`, which is no mail address", contact.escape_debug()), "");
        }
        for record in self.records.iter().filter(|record| record.trim().is_empty() || record.contains(char::is_control))
        {
            fault(format!("has the record {record:?}, which is no line"), "as `www 300 IN A 192.0.2.1`");
        }
        for grant in &self.grants {
            if !keys.keys().any(|key| key.trim_end_matches('.') == grant.key.trim_end_matches('.')) {
                let hint = "name it in `bind.keys`, with its secret or its file";
                fault(format!("grants something to the key `{}`, which is not there", grant.key.escape_debug()), hint);
            }
            let name = self.granted(grant, zone);
            if !is_in(&name, zone) {
                fault(
                    format!("grants `{}`, which is not in it", name.escape_debug()),
                    "give a `name` in the zone: that of the key is taken when there is none",
                );
            }
            for kind in &grant.types {
                if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
                    fault(format!("grants the type `{}`, which is none", kind.escape_debug()), "as `A`, `AAAA`, `TXT`");
                }
            }
            if grant.types.is_empty() {
                fault("has a grant of no type".to_owned(), "as `[\"A\", \"AAAA\"]`; leave it out for A, AAAA and TXT");
            }
        }
        faults
    }

    fn granted(&self, grant: &Grant, zone: &str) -> String {
        whole(grant.name.as_ref().unwrap_or(&grant.key), zone)
    }

    /// What the server's settings say of it.
    fn settings(&self, zone: &str, file: &Path) -> String {
        // `master`, as every release of BIND has it: `primary` came with 9.14.
        let mut text = format!("zone \"{zone}\" {{\n\ttype master;\n\tfile \"{}\";\n", file.display());
        if !self.grants.is_empty() {
            text += "\tupdate-policy {\n";
            for grant in &self.grants {
                let (key, name) = (grant.key.trim_end_matches('.'), self.granted(grant, zone));
                text += &format!("\t\tgrant {key}. name {name} {};\n", grant.types.join(" "));
            }
            text += "\t};\n";
        }
        if let Some(transfer) = &self.allow_transfer {
            text += &format!("\tallow-transfer {{ {}}};\n", listed(transfer));
        }
        text + "};\n"
    }

    /// The zone file: of a zone that takes updates the first one.
    fn file(&self, zone: &str, own: Option<Ipv4Addr>) -> Result<String, Fault> {
        let primary = whole(self.primary.as_deref().unwrap_or("ns1"), zone);
        let contact = mailbox(self.contact.as_deref().unwrap_or("hostmaster"), zone);
        let mut text = format!(
            "$ORIGIN {zone}.\n$TTL {}\n@ IN SOA {primary} {contact} {} 3600 600 1209600 {}\n@ IN NS {primary}\n",
            self.ttl, self.serial, self.negative_ttl
        );
        for server in &self.nameservers {
            text += &format!("@ IN NS {}\n", whole(server, zone));
        }
        if is_in(&primary, zone) && !self.records.iter().any(|record| of_name(record, &primary, zone)) {
            let address = self.address.or(own.map(IpAddr::V4)).ok_or_else(|| {
                Fault::new(format!("`bind.zones.{zone}`: this machine has no address for `{primary}`"))
                    .hint("give it as `address`, or name as `primary` a server outside of the zone")
            })?;
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            text += &format!("{primary} IN {kind} {address}\n");
        }
        for record in &self.records {
            text += &format!("{record}\n");
        }
        Ok(text)
    }
}

/// Whether a line of a zone file is about a name.
fn of_name(record: &str, name: &str, zone: &str) -> bool {
    record.split_whitespace().next().is_some_and(|first| whole(first, zone) == name)
}

/// Installs BIND as the primary server of the zones of `bind.zones`, each of which takes just the updates that its grants allow.
///
/// # Errors
/// A platform that is neither of the Debian nor of the RHEL family. What is wrong with the attributes is told all at once.
pub fn server(r: &mut Recipe) -> Result<()> {
    let family = r.node().facts().family();
    let places = match family {
        Family::Debian => &DEBIAN,
        Family::Rhel | Family::Fedora => &RHEL,
        Family::Suse | Family::Arch | Family::Alpine | Family::Other => return Err(r.node().unsupported("bind")),
    };
    let bind: Bind = r.attributes()?;
    let faults = bind.faults();
    if !faults.is_empty() {
        faults.into_iter().for_each(|fault| r.fault(fault));
        return Ok(());
    }
    let own = r.node().facts().ipaddress();
    r.add(Package::named(places.package));
    if family != Family::Debian {
        // Debian's package has it; here the one file of settings would have everything.
        r.add(Directory::at(places.settings).mode(0o750).owner("root").group(places.user));
    }

    let of_settings = |name: &str| Path::new(places.settings).join(name);
    let (keys_file, zones_file) = (of_settings("brasa.keys"), of_settings("named.conf.local"));
    if !bind.keys.is_empty() {
        let (asked, told) = (bind.keys.clone(), bind.keys.clone());
        let message = lazy(move |probe| Ok(format!("bind::server: the key {}", weak(&told, probe).join("; the key "))));
        let log = Log::new("bind.keys").message(message).level(LogLevel::Warn);
        r.add(log.only_if(when("a key is weak", move |probe| Ok(!weak(&asked, probe).is_empty()))));
    }
    let keys = bind.keys.clone();
    let content = lazy(move |probe| {
        let stanzas = keys.iter().map(|(name, key)| key.key(name, probe).map(|key| key.stanza()));
        let stanzas = stanzas.collect::<Result<String>>()?;
        Ok(Secret::from(format!("{MANAGED}{stanzas}")))
    });
    let keys = r.add(
        File::at(&keys_file)
            .content(content)
            .mode(0o640)
            .owner("root")
            .group(places.user)
            .verify("named-checkconf %{path}"),
    );

    let mut text = format!("{MANAGED}include \"{}\";\n", keys_file.display());
    for (name, zone) in &bind.zones {
        let file = Path::new(places.zones).join(format!("db.{}", name.replace('/', "_")));
        // What named puts updates into before it writes the file anew.
        let journal = PathBuf::from(format!("{}.jnl", file.display()));
        text += &zone.settings(name, &file);
        match zone.file(name, own) {
            Ok(content) => {
                let file = File::at(file).content(content).mode(0o644).owner(places.user).group(places.user);
                let file = file.verify(format!("named-checkzone {name} %{{path}}"));
                // A zone that takes updates is written by the server alone, and by nobody beside it: also when it has taken
                // some, and grants nothing any more.
                if zone.grants.is_empty() {
                    let file = file.action(file::Create).not_if(exists(&journal));
                    r.add(file.notifies(service::Reload, NAMED, Delayed));
                } else {
                    r.add(file.action(file::CreateIfMissing).notifies(service::Reload, NAMED, Delayed));
                }
            }
            Err(fault) => r.fault(fault),
        }
    }
    let root = |path: &Path| File::at(path).mode(0o644).owner("root").group(places.user);
    let zones = r.add(root(&zones_file).content(text).verify("named-checkconf %{path}"));
    let options = match family {
        Family::Debian => root(&of_settings("named.conf.options")).content(bind.options("/var/cache/bind", "")),
        _ => root(Path::new("/etc/named.conf")).content(bind.options(
            "/var/named",
            &format!(
                "include \"/etc/named.rfc1912.zones\";\ninclude \"/etc/named.root.key\";\ninclude \"{}\";\n",
                zones_file.display()
            ),
        )),
    };
    let options = r.add(options.verify("named-checkconf %{path}"));
    r.add(
        Service::named(NAMED.name())
            .action([service::Enable, service::Start])
            .subscribes(service::Reload, keys, Delayed)
            .subscribes(service::Reload, zones, Delayed)
            .subscribes(service::Reload, options, Delayed),
    );
    Ok(())
}

/// The first line of every file.
const MANAGED: &str = "// Managed by brasa (bind::server): changes are overwritten.\n";

impl Bind {
    /// The settings of the server itself.
    fn options(&self, directory: &str, after: &str) -> String {
        let mut text = format!("{MANAGED}options {{\n\tdirectory \"{directory}\";\n");
        let mut list = |name: &str, words: &[String]| text += &format!("\t{name} {{ {}}};\n", listed(words));
        let port = if self.port == 53 { String::new() } else { format!(" port {}", self.port) };
        list(&format!("listen-on{port}"), &self.listen_on);
        list(&format!("listen-on-v6{port}"), &self.listen_on_v6);
        list("allow-query", &self.allow_query);
        list("allow-transfer", &self.allow_transfer);
        if !self.forwarders.is_empty() {
            list("forwarders", &self.forwarders);
        }
        if self.recursion {
            list("allow-recursion", &self.allow_recursion);
        }
        text += &format!("\trecursion {};\n", if self.recursion { "yes" } else { "no" });
        // What the packages of both families have.
        text += "\tdnssec-validation auto;\n};\n";
        text + after
    }
}
