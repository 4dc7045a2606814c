//! Which distribution this is. Source of the mapping: ohai's platform plugin, by its documentation.
use super::read;
use crate::host::Probe;

/// Families of distributions: who shares file places, package manager and habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Debian, Ubuntu and what is made from them.
    Debian,
    /// Red Hat Enterprise Linux, its rebuilds and Amazon Linux.
    Rhel,
    /// Fedora.
    Fedora,
    /// SUSE Linux Enterprise and openSUSE.
    Suse,
    /// Arch Linux.
    Arch,
    /// Alpine.
    Alpine,
    /// Any other, or none that is known.
    Other,
}

/// The platform in ohai's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Platform {
    /// As `debian`, `redhat`.
    pub name: Option<String>,
    /// As `debian`, `rhel`, `amazon`.
    pub family: Option<&'static str>,
    /// As `12`, `9.4`.
    pub version: Option<String>,
}

impl Family {
    /// What ohai's word for a family means here.
    pub(super) fn of(word: Option<&str>) -> Self {
        match word {
            Some("debian") => Self::Debian,
            Some("rhel" | "amazon") => Self::Rhel,
            Some("fedora") => Self::Fedora,
            Some("suse") => Self::Suse,
            Some("arch") => Self::Arch,
            Some("alpine") => Self::Alpine,
            Some(_) | None => Self::Other,
        }
    }
}

/// ohai's name of the family that a platform belongs to.
fn family_of(platform: &str) -> Option<&'static str> {
    Some(match platform {
        "debian" | "ubuntu" | "linuxmint" | "raspbian" | "cumulus" | "kali" | "pop" | "devuan" | "zorin"
        | "elementary" => "debian",
        "redhat"
        | "centos"
        | "oracle"
        | "almalinux"
        | "rocky"
        | "scientific"
        | "cloudlinux"
        | "enterpriseenterprise"
        | "xenserver"
        | "xcp-ng"
        | "alibabalinux"
        | "sangoma"
        | "clearos"
        | "parallels"
        | "ibm_powerkvm"
        | "bigip"
        | "eurolinux"
        | "virtuozzo"
        | "nexus_centos" => "rhel",
        "amazon" => "amazon",
        "fedora" | "arista_eos" => "fedora",
        "suse" | "opensuse" | "opensuseleap" | "opensuse-tumbleweed" | "sled" | "sles" => "suse",
        "arch" | "manjaro" | "antergos" => "arch",
        "gentoo" => "gentoo",
        "slackware" => "slackware",
        "alpine" => "alpine",
        "exherbo" => "exherbo",
        "clearlinux" => "clearlinux",
        "mangeia" => "mandriva",
        _ => return None,
    })
}

/// ohai's name of a platform by the `ID` of os-release.
fn name_of(id: &str) -> &str {
    match id {
        "rhel" => "redhat",
        "amzn" => "amazon",
        "ol" => "oracle",
        "sles" | "sles_sap" => "suse",
        "opensuse-leap" => "opensuseleap",
        "archarm" => "arch",
        "alinux" => "alibabalinux",
        "cumulus-linux" => "cumulus",
        "xenenterprise" => "xenserver",
        other => other,
    }
}

pub(super) fn platform(os_release: &[(String, String)], kernel_release: Option<&str>, probe: &dyn Probe) -> Platform {
    let field = |key: &str| {
        os_release.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    };
    let Some(id) = field("ID") else { return without_os_release(probe) };
    let name = name_of(id);
    let like = || field("ID_LIKE").into_iter().flat_map(str::split_whitespace).find_map(|id| family_of(name_of(id)));
    let version = match (name, field("VERSION_ID")) {
        // os-release of CentOS has the major version only.
        ("centos", major) => {
            let full = read::line(probe, "/etc/redhat-release").and_then(|line| version_in(&line));
            full.or_else(|| major.map(ToOwned::to_owned))
        }
        (_, Some(version)) => Some(version.to_owned()),
        // Debian's testing and unstable have no version; the file says `trixie/sid`.
        ("debian", None) => read::line(probe, "/etc/debian_version"),
        // A rolling distribution has no version of its own.
        (_, None) => kernel_release.map(ToOwned::to_owned),
    };
    Platform { name: Some(name.to_owned()), family: family_of(name).or_else(like), version }
}

/// Distributions from before os-release (2012): CentOS 6 and its time.
fn without_os_release(probe: &dyn Probe) -> Platform {
    if let Some(line) = read::line(probe, "/etc/redhat-release") {
        let known = [
            ("Red Hat", "redhat"),
            ("CentOS", "centos"),
            ("Fedora", "fedora"),
            ("Scientific", "scientific"),
            ("CloudLinux", "cloudlinux"),
        ];
        let name = known.iter().find(|(start, _)| line.starts_with(start)).map(|(_, name)| *name);
        return Platform {
            name: name.map(ToOwned::to_owned),
            family: name.and_then(family_of),
            version: version_in(&line),
        };
    }
    if let Some(version) = read::line(probe, "/etc/alpine-release") {
        return Platform { name: Some("alpine".to_owned()), family: Some("alpine"), version: Some(version) };
    }
    match read::line(probe, "/etc/debian_version") {
        Some(version) => Platform { name: Some("debian".to_owned()), family: Some("debian"), version: Some(version) },
        None => Platform::default(),
    }
}

/// The version in `CentOS Linux release 7.9.2009 (Core)`.
fn version_in(line: &str) -> Option<String> {
    let (_, after) = line.split_once("release ")?;
    let version: String = after.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (!version.is_empty()).then_some(version)
}
