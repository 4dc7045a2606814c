use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{Facts, Family, span};
use crate::host::{Fake, Init, Interface, Kernel};

fn platform(fake: &Fake) -> (Option<String>, Option<&'static str>, Option<String>, Family) {
    let facts = Facts::new(fake);
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    (owned(facts.platform()), facts.platform_family(), owned(facts.platform_version()), facts.family())
}

fn release(text: &str) -> Fake {
    Fake::new().with_file("/etc/os-release", text)
}

#[test]
fn distributions_have_ohais_names() {
    let alma = "NAME=\"AlmaLinux\"\nVERSION=\"9.3 (Shamrock Pampas Cat)\"\nID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.3\"\n";
    let amazon = "NAME=\"Amazon Linux\"\nVERSION=\"2023\"\nID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n";
    let alpine = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n";
    let centos = "NAME=\"CentOS Linux\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n";
    let testing = "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nVERSION_CODENAME=trixie\nID=debian\n";
    let strange = "ID=mydistro\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=1\n";
    let cases = [
        (Fake::debian("12"), "debian", Some("debian"), Some("12"), Family::Debian),
        (Fake::ubuntu("24.04"), "ubuntu", Some("debian"), Some("24.04"), Family::Debian),
        (Fake::rhel("9"), "redhat", Some("rhel"), Some("9.4"), Family::Rhel),
        (release(alma), "almalinux", Some("rhel"), Some("9.3"), Family::Rhel),
        (release(amazon), "amazon", Some("amazon"), Some("2023"), Family::Rhel),
        (release(alpine), "alpine", Some("alpine"), Some("3.20.3"), Family::Alpine),
        (release("ID=ol\nVERSION_ID=9.4\n"), "oracle", Some("rhel"), Some("9.4"), Family::Rhel),
        (release("ID=sles\nVERSION_ID=15.5\n"), "suse", Some("suse"), Some("15.5"), Family::Suse),
        (release("ID=arch\nBUILD_ID=rolling\n"), "arch", Some("arch"), Some("6.1.0-18-amd64"), Family::Arch),
        (release("ID=fedora\nVERSION_ID=40\n"), "fedora", Some("fedora"), Some("40"), Family::Fedora),
        (release("ID=gentoo\nVERSION_ID=2.15\n"), "gentoo", Some("gentoo"), Some("2.15"), Family::Other),
        (release(strange), "mydistro", Some("debian"), Some("1"), Family::Debian),
        (
            release(centos).with_file("/etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n"),
            "centos",
            Some("rhel"),
            Some("7.9.2009"),
            Family::Rhel,
        ),
        (release(centos), "centos", Some("rhel"), Some("7"), Family::Rhel),
        (
            release(testing).with_file("/etc/debian_version", "trixie/sid\n"),
            "debian",
            Some("debian"),
            Some("trixie/sid"),
            Family::Debian,
        ),
        (
            Fake::new().with_file("/etc/redhat-release", "CentOS release 6.10 (Final)\n"),
            "centos",
            Some("rhel"),
            Some("6.10"),
            Family::Rhel,
        ),
    ];
    for (fake, name, family, version, kind) in cases {
        let expected = (Some(name.to_owned()), family, version.map(ToOwned::to_owned), kind);
        assert_eq!(platform(&fake), expected);
    }
}

#[test]
fn a_bare_root_is_known_by_its_kernel_alone() {
    let bare = Fake::new().with_init(Init::None).with_kernel(Kernel {
        name: "Linux".into(),
        release: "6.1".into(),
        ..Kernel::default()
    });
    let facts = Facts::new(&bare);
    let mut all = facts.to_json();
    let known: Vec<String> =
        all.as_object().unwrap().iter().filter(|(_, v)| !v.is_null()).map(|(n, _)| n.clone()).collect();
    assert_eq!(known, ["os", "os_version", "network", "kernel", "virtualization", "root_group"]);
    assert_eq!(all["network"].take()["default_interface"], Value::Null);
    assert_eq!(all["virtualization"], json!({ "systems": {} }));
    assert_eq!(facts.family(), Family::Other);
    assert_eq!(facts.virtualization_role(), None);
}

#[test]
fn unreadable_files_are_unknown_facts_and_no_command_is_run() {
    let fake = Fake::debian("12").with_unreadable("/etc/os-release").with_unreadable("/proc/cpuinfo");
    let fake = fake.with_unreadable("/usr/lib/os-release");
    let facts = Facts::new(&fake);
    assert!(facts.to_json().is_object());
    assert_eq!((facts.cpu_total(), facts.platform()), (None, Some("debian")));
    assert!(fake.asked().is_empty());
}

#[test]
fn names_come_from_hosts_first() {
    let name = |machine: &str, hosts: &str| {
        let fake = Fake::new().with_hostname(machine).with_file("/etc/hosts", hosts);
        let facts = Facts::new(&fake);
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        (owned(facts.hostname()), owned(facts.fqdn()), owned(facts.domain()))
    };
    let some = |text: &str| Some(text.to_owned());
    let full = (some("web"), some("web.example.com"), some("example.com"));
    assert_eq!(name("web", "127.0.0.1 localhost\n127.0.1.1 web.example.com web\n"), full);
    assert_eq!(name("web", "10.0.0.1 other.example.com web.example.com web # x\n"), full);
    assert_eq!(name("web", "10.0.0.1 web web.example.com\n"), full);
    assert_eq!(name("web.example.com", ""), full);
    assert_eq!(
        name("web", "10.0.0.1 www.example.com\n# 10.0.0.2 web.example.com web\n"),
        (some("web"), some("web"), None)
    );
    assert_eq!(name("web", "10.0.0.1 alias.example.com web\n").1, some("alias.example.com"));
}

#[test]
fn the_address_is_that_of_the_default_route() {
    let interface = |name: &str, addresses: &[(&str, u8)]| Interface {
        name: name.into(),
        hardware_address: Some(format!("02:00:00:00:00:{:02}", name.len())),
        addresses: addresses.iter().map(|(address, bits)| (address.parse().unwrap(), *bits)).collect(),
        up: true,
        loopback: false,
        mtu: Some(1500),
    };
    let interfaces = [
        interface("docker0", &[("172.17.0.1", 16)]),
        interface("ens3", &[("198.51.100.7", 32), ("192.0.2.10", 24), ("fe80::1", 64), ("2001:db8::7", 64)]),
    ];
    let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        docker0\t00000000\t010011AC\t0003\t0\t0\t500\t00000000\t0\t0\t0\n\
        ens3\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
    let fake = Fake::new().with_interfaces(interfaces.clone()).with_file("/proc/net/route", routes);
    let facts = Facts::new(&fake);
    assert_eq!(facts.default_interface(), Some("ens3"));
    assert_eq!(facts.default_gateway(), Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
    assert_eq!(facts.ipaddress(), Some(Ipv4Addr::new(192, 0, 2, 10)));
    assert_eq!(facts.ip6address(), Some("2001:db8::7".parse().unwrap()));
    assert_eq!(facts.macaddress(), Some("02:00:00:00:00:04"));

    let unrouted = Fake::new().with_interfaces(interfaces);
    let facts = Facts::new(&unrouted);
    assert_eq!(facts.ipaddress(), Some(Ipv4Addr::new(172, 17, 0, 1)));
    assert_eq!(facts.default_interface(), None);
    assert_eq!(Facts::new(&Fake::new()).ipaddress(), None);
}

#[test]
fn virtual_machines_and_containers_are_told_apart() {
    let dmi = |vendor: &str, product: &str| {
        Fake::new()
            .with_file("/sys/class/dmi/id/sys_vendor", format!("{vendor}\n").as_str())
            .with_file("/sys/class/dmi/id/product_name", format!("{product}\n").as_str())
    };
    let guest = |name| Some((name, "guest"));
    let cases = [
        (Fake::debian("12"), guest("kvm")),
        (dmi("VMware, Inc.", "VMware Virtual Platform"), guest("vmware")),
        (dmi("innotek GmbH", "VirtualBox"), guest("vbox")),
        (dmi("Microsoft Corporation", "Virtual Machine"), guest("hyperv")),
        (dmi("Microsoft Corporation", "Surface Pro 7"), None),
        (dmi("Xen", "HVM domU"), guest("xen")),
        (dmi("Amazon EC2", "t3.micro"), guest("amazonec2")),
        (dmi("Amazon EC2", "m5.metal"), None),
        (dmi("Dell Inc.", "PowerEdge R640"), None),
        (dmi("Dell Inc.", "PowerEdge R640").with_directory("/sys/devices/virtual/misc/kvm"), Some(("kvm", "host"))),
        (Fake::new().with_file("/run/systemd/container", "systemd-nspawn\n"), guest("nspawn")),
        (Fake::new().with_file("/proc/1/environ", "A=1\0container=lxc\0B=2\0"), guest("lxc")),
        (Fake::new().with_file("/.dockerenv", ""), guest("docker")),
        (Fake::new().with_file("/run/.containerenv", ""), guest("podman")),
        (Fake::new().with_file("/proc/1/cgroup", "12:cpu:/docker/0123abc\n0::/\n"), guest("docker")),
        (Fake::debian("12").with_file("/.dockerenv", ""), guest("docker")),
    ];
    for (fake, expected) in cases {
        assert_eq!(Facts::new(&fake).virtualization_role(), expected);
    }
    let inside = Fake::debian("12").with_file("/.dockerenv", "");
    let systems = Facts::new(&inside).get("virtualization.systems");
    assert_eq!(systems, Some(json!({ "docker": "guest", "kvm": "guest" })));
}

#[test]
fn clouds_are_known_by_their_firmware() {
    let fake = |file: &str, text: &str| Fake::new().with_file(format!("/sys/class/dmi/id/{file}"), text);
    let cases = [
        (fake("sys_vendor", "Amazon EC2\n"), Some("ec2")),
        (fake("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n"), Some("azure")),
        (fake("sys_vendor", "Hetzner\n"), Some("hetzner")),
        (fake("sys_vendor", "Dell Inc.\n"), None),
    ];
    for (fake, expected) in cases {
        assert_eq!(Facts::new(&fake).cloud_provider(), expected);
    }
}

#[test]
fn debian_whole() {
    insta::assert_json_snapshot!(Facts::new(&Fake::debian("12")).to_json());
}

#[test]
fn one_fact_is_got_by_its_name() {
    let fake = Fake::ubuntu("24.04");
    let facts = Facts::new(&fake);
    assert_eq!(facts.get("lsb.codename"), Some(json!("noble")));
    assert_eq!(facts.get("memory.swap.total"), Some(json!("1048576kB")));
    assert_eq!(facts.get("cpu.0.flags.0"), Some(json!("fpu")));
    assert_eq!(facts.get("memory.nope"), None);
    assert_eq!(facts.get("nope"), None);
    assert_eq!(facts.memory_total_kib(), Some(4_017_152));
    assert_eq!((facts.cpu_total(), facts.cpu_real(), facts.cpu_cores()), (Some(2), Some(1), Some(2)));
    assert_eq!(Facts::names().count(), facts.to_json().as_object().unwrap().len());
}

#[test]
fn what_package_managers_left_beside_configuration_files_is_listed() {
    let fake = Fake::new()
        .with_file("/etc/ssh/sshd_config.ucf-dist", "")
        .with_file("/etc/ssh/sshd_config", "")
        .with_file("/etc/lab-app.conf.dpkg-dist", "")
        .with_file("/etc/a/b/c.rpmsave", "")
        .with_file("/etc/dpkg-dist", "")
        .with_file("/srv/x.rpmnew", "");
    let left = |path: &str, file: &str, holds: &str| json!({"path": path, "file": file, "holds": holds});
    assert_eq!(
        Facts::new(&fake).get("config_leftovers"),
        Some(json!([
            left("/etc/a/b/c.rpmsave", "/etc/a/b/c", "before"),
            left("/etc/lab-app.conf.dpkg-dist", "/etc/lab-app.conf", "package"),
            left("/etc/ssh/sshd_config.ucf-dist", "/etc/ssh/sshd_config", "package"),
        ]))
    );
    assert_eq!(Facts::new(&fake).get("config_leftovers.0.holds"), Some(json!("before")));
}

#[test]
fn odd_mounts_and_odd_processors_are_read() {
    let arm = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\nprocessor\t: 1\n\nRevision\t: c03111\n";
    let fake = Fake::new()
        .with_file("/proc/cpuinfo", arm)
        .with_file("/proc/mounts", "//srv/a\\040b /mnt/a\\040b cifs rw 0 0\nbad\n");
    let facts = Facts::new(&fake);
    assert_eq!((facts.cpu_total(), facts.cpu_real(), facts.cpu_cores()), (Some(2), None, None));
    assert_eq!(facts.get("filesystem.by_mountpoint").unwrap()["/mnt/a b"]["devices"], json!(["//srv/a b"]));
}

#[test]
fn spans_are_in_ohais_words() {
    let spans: Vec<_> = [5, 65, 3_605, 93_784].map(span).into();
    assert_eq!(
        spans,
        [
            "05 seconds",
            "01 minutes 05 seconds",
            "01 hours 00 minutes 05 seconds",
            "1 days 02 hours 03 minutes 04 seconds"
        ]
    );
}
