//! Processors, memory, mounts and DMI texts, parsed from the kernel's files.
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::read;
use crate::host::Probe;

/// Processors as `/proc/cpuinfo` lists them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cpu {
    /// Each with ohai's names.
    pub processors: Vec<Map<String, Value>>,
    /// Sockets; `None` where the kernel does not number them.
    pub real: Option<usize>,
    /// Cores of all sockets.
    pub cores: Option<usize>,
    /// Whether they say that a hypervisor is below.
    pub hypervisor: bool,
}

impl Cpu {
    pub(super) fn parse(text: &str) -> Self {
        let mut cpu = Self::default();
        let (mut sockets, mut cores) = (BTreeSet::new(), BTreeSet::new());
        for block in text.split("\n\n") {
            let mut processor = Map::new();
            let mut numbered = false;
            for (key, value) in block.lines().filter_map(|line| line.split_once(':')) {
                let (key, value) = (key.trim(), value.trim());
                let name = match key {
                    "processor" => {
                        numbered = true;
                        continue;
                    }
                    "flags" | "Features" => {
                        let flags: Vec<_> = value.split_whitespace().collect();
                        cpu.hypervisor |= flags.contains(&"hypervisor");
                        processor.insert(if key == "flags" { "flags" } else { "features" }.to_owned(), json!(flags));
                        continue;
                    }
                    "vendor_id" => "vendor_id",
                    "cpu family" => "family",
                    "model" => "model",
                    "model name" => "model_name",
                    "stepping" => "stepping",
                    "cpu MHz" => "mhz",
                    "cache size" => "cache_size",
                    "physical id" => "physical_id",
                    "core id" => "core_id",
                    "cpu cores" => "cores",
                    "BogoMIPS" | "bogomips" => "bogomips",
                    _ => continue,
                };
                processor.insert(name.to_owned(), Value::from(value));
            }
            if !numbered {
                continue;
            }
            let id = |name: &str| processor.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
            if let Some(socket) = id("physical_id") {
                cores.extend(id("core_id").map(|core| (socket.clone(), core)));
                sockets.insert(socket);
            }
            cpu.processors.push(processor);
        }
        cpu.real = (!sockets.is_empty()).then_some(sockets.len());
        cpu.cores = (!cores.is_empty()).then_some(cores.len());
        cpu
    }

    pub(super) fn json(&self) -> Value {
        if self.processors.is_empty() {
            return Value::Null;
        }
        let numbered = self.processors.iter().enumerate();
        let mut all: Map<_, _> = numbered.map(|(n, cpu)| (n.to_string(), Value::Object(cpu.clone()))).collect();
        all.insert("total".to_owned(), json!(self.processors.len()));
        all.extend(self.real.map(|real| ("real".to_owned(), json!(real))));
        all.extend(self.cores.map(|cores| ("cores".to_owned(), json!(cores))));
        Value::Object(all)
    }
}

/// ohai's names of the lines of `/proc/meminfo`; a dot opens a group.
const MEMORY: [(&str, &str); 39] = [
    ("MemTotal", "total"),
    ("MemFree", "free"),
    ("MemAvailable", "available"),
    ("Buffers", "buffers"),
    ("Cached", "cached"),
    ("Active", "active"),
    ("Inactive", "inactive"),
    ("HighTotal", "high_total"),
    ("HighFree", "high_free"),
    ("LowTotal", "low_total"),
    ("LowFree", "low_free"),
    ("Dirty", "dirty"),
    ("Writeback", "writeback"),
    ("AnonPages", "anon_pages"),
    ("Mapped", "mapped"),
    ("Slab", "slab"),
    ("SReclaimable", "slab_reclaimable"),
    ("SUnreclaim", "slab_unreclaim"),
    ("PageTables", "page_tables"),
    ("NFS_Unstable", "nfs_unstable"),
    ("Bounce", "bounce"),
    ("CommitLimit", "commit_limit"),
    ("Committed_AS", "committed_as"),
    ("VmallocTotal", "vmalloc_total"),
    ("VmallocUsed", "vmalloc_used"),
    ("VmallocChunk", "vmalloc_chunk"),
    ("SwapCached", "swap.cached"),
    ("SwapTotal", "swap.total"),
    ("SwapFree", "swap.free"),
    ("HugePages_Total", "hugepages.total"),
    ("HugePages_Free", "hugepages.free"),
    ("HugePages_Rsvd", "hugepages.reserved"),
    ("HugePages_Surp", "hugepages.surplus"),
    ("Hugepagesize", "hugepage_size"),
    ("Hugetlb", "hugetlb"),
    ("DirectMap4k", "directmap.4k"),
    ("DirectMap2M", "directmap.2M"),
    ("DirectMap4M", "directmap.4M"),
    ("DirectMap1G", "directmap.1G"),
];

/// Memory with ohai's names, sizes as `"4017152kB"`.
pub(super) fn memory(text: &str) -> Map<String, Value> {
    let mut memory = Map::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let Some((_, name)) = MEMORY.iter().find(|(line, _)| *line == key.trim()) else { continue };
        let value = Value::from(value.split_whitespace().collect::<String>());
        match name.split_once('.') {
            None => {
                memory.insert((*name).to_owned(), value);
            }
            Some((group, name)) => {
                let group = memory.entry(group).or_insert_with(|| json!({}));
                if let Some(group) = group.as_object_mut() {
                    group.insert(name.to_owned(), value);
                }
            }
        }
    }
    memory
}

/// Mounts by device, mount point and pair, with ohai's names. Sizes are left out: asking a network mount may hang.
pub(super) fn filesystem(mounts: &str) -> Value {
    let (mut by_device, mut by_mountpoint, mut by_pair) = (Map::new(), Map::new(), Map::new());
    for line in mounts.lines() {
        let mut fields = line.split(' ').map(unescaped);
        let (Some(device), Some(mount), Some(kind), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let options: Vec<_> = options.split(',').collect();
        let add = |to: &mut Map<String, Value>, key: &str, list: &str, item: &str| {
            let fresh = || json!({ "fs_type": kind, "mount_options": options, list: [] });
            if let Some(items) = to.entry(key).or_insert_with(fresh)[list].as_array_mut() {
                items.push(item.into());
            }
        };
        add(&mut by_device, &device, "mounts", &mount);
        add(&mut by_mountpoint, &mount, "devices", &device);
        let pair = json!({ "device": device, "mount": mount, "fs_type": kind, "mount_options": options });
        by_pair.insert(format!("{device},{mount}"), pair);
    }
    if by_pair.is_empty() {
        return Value::Null;
    }
    json!({ "by_device": by_device, "by_mountpoint": by_mountpoint, "by_pair": by_pair })
}

/// A field of `/proc/mounts`: space, tab, newline and backslash are written in octal. Source: fstab(5).
fn unescaped(field: &str) -> String {
    let mut plain = field.to_owned();
    for (octal, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(octal, character);
    }
    plain
}

/// What the firmware calls this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dmi {
    pub manufacturer: Option<String>,
    pub product: Option<String>,
    pub version: Option<String>,
    pub bios: Option<String>,
    pub asset_tag: Option<String>,
}

impl Dmi {
    pub(super) fn read(probe: &dyn Probe) -> Self {
        let field = |name: &str| read::line(probe, &format!("/sys/class/dmi/id/{name}"));
        Self {
            manufacturer: field("sys_vendor"),
            product: field("product_name"),
            version: field("product_version"),
            bios: field("bios_vendor"),
            asset_tag: field("chassis_asset_tag"),
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut dmi = Map::new();
        let groups = [
            ("system", "manufacturer", &self.manufacturer),
            ("system", "product_name", &self.product),
            ("system", "version", &self.version),
            ("bios", "vendor", &self.bios),
            ("chassis", "asset_tag", &self.asset_tag),
        ];
        for (group, name, value) in groups {
            if let Some(value) = value {
                dmi.entry(group).or_insert_with(|| json!({}))[name] = Value::from(value.as_str());
            }
        }
        if dmi.is_empty() { Value::Null } else { Value::Object(dmi) }
    }

    /// The cloud that the firmware names. Nothing is asked over the network.
    pub(super) fn cloud(&self) -> Option<&'static str> {
        // Azure's machines are told from other Hyper-V ones by this tag alone.
        if self.asset_tag.as_deref() == Some("7783-7084-3265-9085-8269-3286-77") {
            return Some("azure");
        }
        let known = [
            ("Amazon EC2", "ec2"),
            ("Google", "gce"),
            ("DigitalOcean", "digital_ocean"),
            ("OpenStack", "openstack"),
            ("Alibaba Cloud", "alibaba"),
            ("Hetzner", "hetzner"),
            ("Scaleway", "scaleway"),
            ("Linode", "linode"),
            ("Akamai", "linode"),
            ("Vultr", "vultr"),
        ];
        let vendor = self.manufacturer.as_deref()?;
        let amazon = self.bios.as_deref().is_some_and(|bios| bios.contains("Amazon EC2"));
        let named = known.iter().find(|(start, _)| vendor.starts_with(start)).map(|(_, cloud)| *cloud);
        // Older instances run on Xen; their product version ends in `.amazon`.
        let xen = vendor == "Xen" && self.version.as_deref().is_some_and(|version| version.ends_with(".amazon"));
        named.or((amazon || xen).then_some("ec2"))
    }
}
