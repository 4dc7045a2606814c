//! Whether this is a container, a virtual machine or the host of some.
use serde_json::{Map, Value, json};

use super::{
    hardware::{Cpu, Dmi},
    read,
};
use crate::host::Probe;

/// Systems found, each with the role of this machine in it; the innermost comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Virtualization(Vec<(String, &'static str)>);

const GUEST: &str = "guest";
const HOST: &str = "host";

impl Virtualization {
    pub(super) fn read(probe: &dyn Probe, dmi: &Dmi, cpu: &Cpu) -> Self {
        let mut found = Self::default();
        if let Some(container) = container(probe) {
            found.add(&container, GUEST);
        }
        let modules = read::text(probe, "/proc/modules").unwrap_or_default();
        let loaded = |name: &str| modules.lines().any(|line| line.split(' ').next() == Some(name));
        if let Some(machine) = by_dmi(dmi) {
            found.add(machine, GUEST);
        }
        if read::line(probe, "/sys/hypervisor/type").as_deref() == Some("xen") {
            let control = read::text(probe, "/proc/xen/capabilities").is_some_and(|text| text.contains("control_d"));
            found.add("xen", if control { HOST } else { GUEST });
        }
        let model = cpu.processors.first().and_then(|cpu| cpu.get("model_name")).and_then(Value::as_str);
        if model.is_some_and(|model| model.starts_with("QEMU Virtual CPU") || model.starts_with("Common KVM")) {
            found.add("kvm", GUEST);
        }
        if loaded("vboxguest") {
            found.add("vbox", GUEST);
        }
        // A guest that may itself run guests has the device too: the processor tells which it is.
        if read::exists(probe, "/sys/devices/virtual/misc/kvm") {
            if !cpu.hypervisor {
                found.add("kvm", HOST);
            } else if !found.0.iter().any(|(_, role)| *role == GUEST) {
                found.add("kvm", GUEST);
            }
        }
        if loaded("vboxdrv") {
            found.add("vbox", HOST);
        }
        if read::exists(probe, "/proc/bc/0") {
            found.add("openvz", HOST);
        } else if read::exists(probe, "/proc/vz") {
            found.add("openvz", GUEST);
        }
        found
    }

    fn add(&mut self, system: &str, role: &'static str) {
        if !self.0.iter().any(|(known, _)| known == system) {
            self.0.push((system.to_owned(), role));
        }
    }

    /// The innermost system and the role in it.
    pub(super) fn main(&self) -> Option<(&str, &'static str)> {
        self.0.first().map(|(system, role)| (system.as_str(), *role))
    }

    pub(super) fn json(&self) -> Value {
        let systems: Map<_, _> = self.0.iter().map(|(system, role)| (system.clone(), json!(role))).collect();
        match self.main() {
            Some((system, role)) => json!({ "system": system, "role": role, "systems": systems }),
            None => json!({ "systems": systems }),
        }
    }
}

/// ohai's name of the container this is, if it is one.
fn container(probe: &dyn Probe) -> Option<String> {
    let told = read::line(probe, "/run/systemd/container").or_else(|| {
        let environment = read::text(probe, "/proc/1/environ")?;
        environment.split('\0').find_map(|pair| pair.strip_prefix("container=")).map(ToOwned::to_owned)
    });
    if let Some(word) = told.filter(|word| !word.is_empty()) {
        return Some(match word.as_str() {
            "systemd-nspawn" => "nspawn".to_owned(),
            "lxc-libvirt" => "lxc".to_owned(),
            // Tools of the OCI say so when they do not want to be named.
            "oci" if read::exists(probe, "/run/.containerenv") => "podman".to_owned(),
            "oci" => "docker".to_owned(),
            _ => word,
        });
    }
    if read::exists(probe, "/.dockerenv") || read::exists(probe, "/.dockerinit") {
        return Some("docker".to_owned());
    }
    if read::exists(probe, "/run/.containerenv") {
        return Some("podman".to_owned());
    }
    let groups = read::text(probe, "/proc/1/cgroup")?;
    let within = |part: &str| groups.lines().any(|line| line.contains(part));
    let known = [
        ("/docker/", "docker"),
        ("/docker-", "docker"),
        ("/libpod-", "podman"),
        ("/lxc/", "lxc"),
        ("/lxc.payload", "lxc"),
    ];
    known.iter().find(|(part, _)| within(part)).map(|(_, name)| (*name).to_owned())
}

/// The virtual machine that the firmware's texts tell of.
fn by_dmi(dmi: &Dmi) -> Option<&'static str> {
    let vendor = dmi.manufacturer.as_deref().unwrap_or_default();
    let product = dmi.product.as_deref().unwrap_or_default();
    let known: [(&str, &str, &str); 17] = [
        ("OpenStack", "OpenStack", "openstack"),
        ("", "OpenStack", "openstack"),
        ("Xen", "HVM domU", "xen"),
        ("VMware", "VMware", "vmware"),
        ("Microsoft", "Virtual Machine", "hyperv"),
        ("innotek", "VirtualBox", "vbox"),
        ("Oracle Corporation", "VirtualBox", "vbox"),
        ("Amazon EC2", "", "amazonec2"),
        ("Google", "Google Compute Engine", "kvm"),
        ("Parallels", "Parallels", "parallels"),
        ("Veertu", "", "veertu"),
        ("Bochs", "", "kvm"),
        ("QEMU", "", "kvm"),
        ("DigitalOcean", "", "kvm"),
        ("", "KVM", "kvm"),
        ("", "RHEV", "kvm"),
        ("", "BHYVE", "bhyve"),
    ];
    // A bare-metal instance has Amazon's name too.
    if vendor == "Amazon EC2" && product.contains(".metal") {
        return None;
    }
    known.iter().find(|(v, p, _)| vendor.starts_with(v) && product.contains(p)).map(|(_, _, system)| *system)
}
