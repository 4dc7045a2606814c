//! Ready-made machines, with what a fresh virtual machine of the distribution has.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Fake, Tree};
use crate::{
    host::{Active, Enabled, Entry, EntryKind, Interface, Kernel, Provider},
    values::{Mode, Seconds},
};

const MEMORY: &str = "\
MemTotal:        4017152 kB
MemFree:         2811904 kB
MemAvailable:    3489280 kB
Buffers:           61440 kB
Cached:           737280 kB
SwapCached:            0 kB
Active:           524288 kB
Inactive:         409600 kB
SwapTotal:       1048576 kB
SwapFree:        1048576 kB
Dirty:                64 kB
Slab:             120832 kB
HugePages_Total:       0
HugePages_Free:        0
Hugepagesize:       2048 kB
";

const CPU: &str = "\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz
stepping\t: 4
cpu MHz\t\t: 2095.078
cache size\t: 22528 KB
physical id\t: 0
core id\t\t: 0
cpu cores\t: 2
flags\t\t: fpu vme de pse tsc msr pae mce cx8 sse sse2 ht syscall nx lm hypervisor

processor\t: 1
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz
stepping\t: 4
cpu MHz\t\t: 2095.078
cache size\t: 22528 KB
physical id\t: 0
core id\t\t: 1
cpu cores\t: 2
flags\t\t: fpu vme de pse tsc msr pae mce cx8 sse sse2 ht syscall nx lm hypervisor

";

const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
";

const ROUTES6: &str = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
fe800000000000000000000000000001 00000064 00000001 00000000 00000003     eth0
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 \
00000000000000000000000000000000 00000064 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

impl Fake {
    /// Debian: `12`, `11`, `13`.
    #[must_use]
    pub fn debian(version: &str) -> Self {
        let codename = match version {
            "10" => "buster",
            "11" => "bullseye",
            "12" => "bookworm",
            "13" => "trixie",
            _ => "sid",
        };
        let release = format!(
            "PRETTY_NAME=\"Debian GNU/Linux {version} ({codename})\"\nNAME=\"Debian GNU/Linux\"\n\
             VERSION_ID=\"{version}\"\nVERSION=\"{version} ({codename})\"\nVERSION_CODENAME={codename}\nID=debian\n\
             HOME_URL=\"https://www.debian.org/\"\nSUPPORT_URL=\"https://www.debian.org/support\"\n\
             BUG_REPORT_URL=\"https://bugs.debian.org/\"\n"
        );
        Self::machine(&release, "6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)")
            .with_debian_ways()
            .with_file("/etc/debian_version", format!("{version}.5\n").as_str())
    }

    /// Ubuntu: `24.04`, `22.04`.
    #[must_use]
    pub fn ubuntu(version: &str) -> Self {
        let (codename, words) = match version {
            "20.04" => ("focal", "Focal Fossa"),
            "22.04" => ("jammy", "Jammy Jellyfish"),
            "24.04" => ("noble", "Noble Numbat"),
            _ => ("devel", "development"),
        };
        let release = format!(
            "PRETTY_NAME=\"Ubuntu {version} LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"{version}\"\n\
             VERSION=\"{version} LTS ({words})\"\nVERSION_CODENAME={codename}\nID=ubuntu\nID_LIKE=debian\n\
             HOME_URL=\"https://www.ubuntu.com/\"\nUBUNTU_CODENAME={codename}\nLOGO=ubuntu-logo\n"
        );
        let lsb = format!(
            "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={version}\nDISTRIB_CODENAME={codename}\n\
             DISTRIB_DESCRIPTION=\"Ubuntu {version} LTS\"\n"
        );
        Self::machine(&release, "6.8.0-31-generic", "#31-Ubuntu SMP PREEMPT_DYNAMIC Sat Apr 20 00:40:06 UTC 2024")
            .with_debian_ways()
            .with_file("/etc/debian_version", "trixie/sid\n")
            .with_file("/etc/lsb-release", lsb.as_str())
    }

    /// Red Hat Enterprise Linux: `9`, `9.4`, `8.10`.
    #[must_use]
    pub fn rhel(version: &str) -> Self {
        let version = match version {
            "8" => "8.10",
            "9" => "9.4",
            other => other,
        };
        let major = version.split('.').next().unwrap_or(version);
        let release = format!(
            "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"{version} (Plow)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n\
             VERSION_ID=\"{version}\"\nPLATFORM_ID=\"platform:el{major}\"\n\
             PRETTY_NAME=\"Red Hat Enterprise Linux {version} (Plow)\"\nANSI_COLOR=\"0;31\"\n\
             CPE_NAME=\"cpe:/o:redhat:enterprise_linux:{major}::baseos\"\n"
        );
        let kernel = if major == "8" { "4.18.0-553.el8_10.x86_64" } else { "5.14.0-427.13.1.el9_4.x86_64" };
        Self::machine(&release, kernel, "#1 SMP PREEMPT_DYNAMIC Wed Apr 10 10:29:16 EDT 2024")
            .with_file("/etc/redhat-release", format!("Red Hat Enterprise Linux release {version} (Plow)\n").as_str())
            .with_package_manager(Some(&Provider::Dnf))
            .with_directory("/etc/yum.repos.d")
            .with_group("wheel", 10)
            .with_service("sshd", Enabled::Yes, Active::Yes)
            .with_service("crond", Enabled::Yes, Active::Yes)
            .with_lists_age(Seconds(600))
    }

    fn with_debian_ways(self) -> Self {
        let private = Entry {
            kind: EntryKind::Directory,
            mode: Mode::from(0o700),
            owner: "_apt".to_owned(),
            group: "root".to_owned(),
        };
        self.with_directory("/etc/apt/sources.list.d")
            .with_directory("/etc/apt/keyrings")
            .with_directory("/var/lib/apt/lists")
            .with_entry("/var/lib/apt/lists/partial", private)
            .with_directory("/var/lib/dpkg")
            .with_group("sudo", 27)
            .with_group("adm", 4)
            .with_user("www-data", 33)
            .with_service("ssh", Enabled::Yes, Active::Yes)
            .with_service("cron", Enabled::Yes, Active::Yes)
            .with_lists_age(Seconds(600))
    }

    /// What all of them have: a virtual machine on KVM with one network interface.
    fn machine(os_release: &str, kernel: &str, build: &str) -> Self {
        let node_name = "node1";
        let mut fake = Self::new()
            .with_file("/usr/lib/os-release", os_release)
            .with_link("/etc/os-release", "../usr/lib/os-release")
            .with_hostname(node_name)
            .with_file(
                "/etc/hosts",
                "127.0.0.1\tlocalhost\n127.0.1.1\tnode1.example.com\tnode1\n::1\tlocalhost ip6-localhost\n",
            )
            .with_file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
            .with_link("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
            .with_file("/usr/share/zoneinfo/Etc/UTC", "TZif2")
            .with_file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
            .with_file("/etc/group", "root:x:0:\n")
            .with_file("/etc/resolv.conf", "nameserver 192.0.2.1\nsearch example.com\n")
            .with_file("/etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n")
            .with_file("/proc/1/comm", "systemd\n")
            .with_file("/proc/uptime", "93784.51 180000.02\n")
            .with_file("/proc/meminfo", MEMORY)
            .with_file("/proc/cpuinfo", CPU)
            .with_file(
                "/proc/modules",
                "virtio_net 61440 0 - Live 0x0000000000000000\next4 946176 1 - Live 0x0000000000000000\n",
            )
            .with_file(
                "/proc/mounts",
                "sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0\nproc /proc proc rw,relatime 0 0\n\
                 /dev/vda1 / ext4 rw,relatime,errors=remount-ro 0 0\ntmpfs /run tmpfs rw,nosuid,nodev,mode=755 0 0\n",
            )
            .with_file("/proc/net/route", ROUTES)
            .with_file("/proc/net/ipv6_route", ROUTES6)
            .with_file("/sys/class/dmi/id/sys_vendor", "QEMU\n")
            .with_file("/sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n")
            .with_file("/sys/class/dmi/id/bios_vendor", "SeaBIOS\n")
            .with_link("/bin", "usr/bin")
            .with_link("/sbin", "usr/sbin")
            .with_link("/lib", "usr/lib")
            .with_link("/var/run", "/run")
            .with_user("nobody", 65534)
            .with_service("dbus", Enabled::Static, Active::Yes)
            .with_kernel(Kernel {
                name: "Linux".to_owned(),
                release: kernel.to_owned(),
                version: build.to_owned(),
                machine: "x86_64".to_owned(),
                node_name: node_name.to_owned(),
            })
            .with_interface(Interface {
                name: "lo".to_owned(),
                hardware_address: None,
                addresses: vec![(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)],
                up: true,
                loopback: true,
                mtu: Some(65_536),
            })
            .with_interface(Interface {
                name: "eth0".to_owned(),
                hardware_address: Some("52:54:00:12:34:56".to_owned()),
                addresses: vec![
                    (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), 24),
                    (IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)), 64),
                    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456)), 64),
                ],
                up: true,
                loopback: false,
                mtu: Some(1500),
            });
        for directory in [
            "/boot",
            "/dev",
            "/etc/systemd/system",
            "/etc/default",
            "/etc/cron.d",
            "/etc/sudoers.d",
            "/etc/profile.d",
            "/home",
            "/media",
            "/mnt",
            "/opt",
            "/run/systemd/system",
            "/srv",
            "/usr/bin",
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/usr/local/lib",
            "/usr/share",
            "/usr/lib/systemd/system",
            "/var/cache",
            "/var/lib",
            "/var/log",
            "/var/spool",
        ] {
            fake = fake.with_directory(directory);
        }
        let private = |mode| Entry { mode: Mode::from(mode), ..Tree::usual(EntryKind::Directory) };
        fake.with_entry("/root", private(0o700))
            .with_entry("/tmp", private(0o1777))
            .with_entry("/var/tmp", private(0o1777))
            .with_entry("/etc/ssl/private", private(0o710))
    }
}
