//! The cookbook `bind` with a real BIND 9: a server that takes just the updates it grants, and a host whose name follows it.

use std::time::{Duration, Instant};

use lab::{Container, DEBIAN, EL9_DNS, Output, Result};
use serde_json::{Value, json};

/// A machine with the program and the packages of the article, and a run-list.
fn machine() -> Result<Container> {
    let machine = Container::of(lab::root(DEBIAN)?).repository(&lab::article_repo()?).brasa(lab::binary()?).start()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    // A container of the lab has loopback alone. The server is always at one address, and the host's own is another one.
    machine.sh("ip address add 192.0.2.53/32 dev lo && ip link add lab0 type veth peer name lab1").success();
    machine.sh("ip link set lab1 up && ip link set lab0 up").success();
    address(&machine, "192.0.2.10");
    Ok(machine)
}

/// Gives the host this address, in place of the one it had.
fn address(machine: &Container, address: &str) {
    machine.sh(&format!("ip address flush dev lab0 && ip address add {address}/24 dev lab0")).success();
}

fn converge(machine: &Container, attributes: &Value) -> Output {
    machine.write("/etc/brasa/dna.json", attributes.to_string());
    machine.run(["brasa", "converge", "--detailed-exitcode", "-j", "/etc/brasa/dna.json"])
}

/// Converges with a change, and again without one.
fn settle(machine: &Container, attributes: &Value) -> Output {
    let first = converge(machine, attributes).exits(2);
    converge(machine, attributes).success();
    first
}

const SECRET: &str = "aG9sZCB0aGUgbmFtZSBvZiBub2RlMQ==";

fn server() -> Value {
    json!({
        "run_list": ["bind::server", "dnsutils"],
        "bind": {
            "keys": {"node1.example.com": {"secret": SECRET}, "node2.example.com": {"file": "/etc/dyndns_keys/tsig.private"}},
            "zones": {
                "example.com": {"address": "192.0.2.53", "grants": [{"key": "node1.example.com"}, {"key": "node2.example.com", "types": ["A"]}]},
                "static.example": {"records": ["www 300 IN A 192.0.2.1"]},
            },
        },
    })
}

/// What the server answers.
fn answer(machine: &Container, name: &str, kind: &str) -> String {
    machine.run(["dig", "+short", "+time=2", "@127.0.0.1", name, kind]).success().stdout
}

/// What nsupdate says to an update that is signed by this key.
fn update(machine: &Container, key: (&str, &str), line: &str) -> Output {
    let script = format!("server 127.0.0.1\nzone example.com\n{line}\nsend\n");
    machine.write("/root/batch", script);
    machine.run(["nsupdate", "-y", &format!("hmac-sha256:{}:{}", key.0, key.1), "/root/batch"])
}

#[test]
fn a_server_takes_just_the_updates_that_it_grants() -> Result<()> {
    let machine = machine()?;
    machine.run(["brasa", "ddns", "keygen", "node2.example.com", "--directory", "/etc/dyndns_keys"]).success();
    machine.write("/etc/brasa/dna.json", server().to_string());
    let planned = machine.run(["brasa", "plan"]).success();
    assert!(planned.stdout.contains("file[/etc/bind/named.conf.local] create"), "{planned}");
    let converged = settle(&machine, &server());
    assert!(!format!("{converged}{planned}").contains(SECRET), "a secret is shown");
    assert_eq!(machine.run(["systemctl", "is-active", "named"]).stdout, "active\n");
    assert_eq!(answer(&machine, "ns1.example.com", "A"), "192.0.2.53\n");
    assert_eq!(answer(&machine, "www.static.example", "A"), "192.0.2.1\n");
    assert_eq!(machine.run(["stat", "-c", "%a %U:%G", "/etc/bind/brasa.keys"]).success().stdout, "640 root:bind\n");

    let (first, mine) = (("node1.example.com", SECRET), "node1.example.com 60 A 192.0.2.10");
    update(&machine, first, &format!("update add {mine}")).success();
    assert_eq!(answer(&machine, "node1.example.com", "A"), "192.0.2.10\n");
    let stanza = machine.read("/etc/bind/brasa.keys");
    let second = stanza.split('"').skip_while(|word| *word != "node2.example.com").nth(2).expect("it has a secret");
    let second = ("node2.example.com", second);
    update(&machine, second, "update add node2.example.com 60 A 192.0.2.20").success();
    for (key, line) in [
        (first, "update add node1.example.com 60 MX 5 mail.example.com."),
        (first, "update add node2.example.com 60 A 192.0.2.66"),
        (first, "update add www.node1.example.com 60 A 192.0.2.66"),
        (first, "update delete example.com NS"),
        (second, "update add node2.example.com 60 TXT x"),
        (("node1.example.com", "b3RoZXI="), "update delete node1.example.com A"),
        (("node3.example.com", SECRET), "update delete node1.example.com A"),
    ] {
        let refused = update(&machine, key, line);
        let words =
            ["update failed: REFUSED", "; TSIG error with server: tsig indicates error", "update failed: NOTAUTH"];
        assert!(words.iter().any(|word| refused.stderr.contains(word)), "{line}: {refused}");
    }
    assert_eq!(answer(&machine, "node2.example.com", "A"), "192.0.2.20\n");

    // The zone is the server's own from now on, and a run says so by leaving it alone.
    machine.run(["rndc", "sync", "-clean"]).success();
    converge(&machine, &server()).success();
    let pid = machine.run(["systemctl", "show", "-p", "MainPID", "named"]).stdout;
    machine.sh("sed -i 's/ TXT;/;/' /etc/bind/named.conf.local && rndc reload").success();
    assert_ne!(update(&machine, first, "update add node1.example.com 60 TXT hello").code, 0, "the grant is gone");
    converge(&machine, &server()).exits(2);
    update(&machine, first, "update add node1.example.com 60 TXT hello").success();
    assert_eq!(answer(&machine, "node1.example.com", "A"), "192.0.2.10\n", "what was updated is still there");
    assert_eq!(machine.run(["systemctl", "show", "-p", "MainPID", "named"]).stdout, pid, "it was reloaded");

    // Another key and one more zone: the old key is no good any more.
    let mut other = server();
    other["bind"]["keys"]["node1.example.com"]["secret"] = json!("YW5vdGhlciBzZWNyZXQ=");
    other["bind"]["zones"]["more.example"] =
        json!({"primary": "ns.elsewhere.example", "contact": "dns.admin@more.example"});
    settle(&machine, &other);
    assert_ne!(update(&machine, first, "update delete node1.example.com A").code, 0);
    let soa = answer(&machine, "more.example", "SOA");
    assert_eq!(soa, "ns.elsewhere.example. dns\\.admin.more.example. 1 3600 600 1209600 60\n");

    // A key from 2010 is taken, and what it is is said.
    assert!(!format!("{converged}").contains("weak"), "{converged}");
    machine.sh("brasa ddns keygen old.example.com --algorithm hmac-md5 --directory /root/old").success();
    let mut old = other.clone();
    old["bind"]["keys"]["old.example.com"] = json!({"file": "/root/old/tsig.private"});
    let told = "the key `old.example.com` is one for hmac-md5, which is weak";
    let taken = settle(&machine, &old);
    assert!(format!("{taken}").contains(told), "{taken}");
    settle(&machine, &other);

    // A zone that grants nothing any more keeps what it took.
    let mut closed = other.clone();
    closed["bind"]["zones"]["example.com"]["grants"] = json!([]);
    settle(&machine, &closed);
    assert_eq!(answer(&machine, "node2.example.com", "A"), "192.0.2.20\n");
    settle(&machine, &other);

    // What named would not take is not put in place.
    let mut slip = other.clone();
    slip["bind"]["zones"]["example.com"]["grants"][0]["types"] = json!(["BOGUS"]);
    let failed = converge(&machine, &slip).exits(1);
    assert!(failed.stderr.contains("named-checkconf") && failed.stderr.contains("BOGUS"), "{failed}");
    let zones = machine.read("/etc/bind/named.conf.local");
    let mut broken = other.clone();
    broken["bind"]["zones"]["broken.example"] = json!({"records": ["www IN A not.an.address"]});
    let failed = converge(&machine, &broken).exits(1);
    assert!(failed.stderr.contains("named-checkzone broken.example"), "{failed}");
    assert_eq!(machine.read("/etc/bind/named.conf.local"), zones);
    assert_eq!(answer(&machine, "node2.example.com", "A"), "192.0.2.20\n");
    Ok(())
}

/// A real BIND 9 and a real dnf; the package is the lab's own, with EL's user, places and unit.
#[test]
fn a_server_of_the_rhel_family_has_its_own_places() -> Result<()> {
    let machine = Container::of(lab::root(EL9_DNS)?).repository(&lab::rpm_repo()?).brasa(lab::binary()?).start()?;
    // The programs came with a unit of Debian's.
    machine.sh("systemctl -q disable --now named; ip link set lo up").success();
    let mut zones = server();
    zones["run_list"] = json!(["bind::server"]);
    zones["bind"]["keys"] = json!({"node1.example.com": {"secret": SECRET}});
    zones["bind"]["zones"]["example.com"]["grants"] = json!([{"key": "node1.example.com"}]);
    zones["bind"]["zones"]["static.example"]["address"] = json!("192.0.2.53");
    settle(&machine, &zones);
    let owners = "stat -c '%a %U:%G' /etc/named /etc/named/brasa.keys /var/named/dynamic/db.example.com";
    assert_eq!(machine.sh(owners).success().stdout, "750 root:named\n640 root:named\n644 named:named\n");
    assert_eq!(machine.sh("systemctl is-enabled named; systemctl is-active named").stdout, "enabled\nactive\n");
    assert_eq!(machine.sh("ps -o user= -C named").success().stdout, "named\n");
    assert_eq!(answer(&machine, "www.static.example", "A"), "192.0.2.1\n");

    let first = ("node1.example.com", SECRET);
    update(&machine, first, "update add node1.example.com 60 A 192.0.2.10").success();
    assert_ne!(update(&machine, first, "update add node2.example.com 60 A 192.0.2.10").code, 0, "it is not granted");
    assert_eq!(answer(&machine, "node1.example.com", "A"), "192.0.2.10\n");
    let pid = machine.run(["systemctl", "show", "-p", "MainPID", "named"]).stdout;
    zones["bind"]["zones"]["static.example"]["records"] = json!(["www 300 IN A 192.0.2.2"]);
    zones["bind"]["zones"]["static.example"]["serial"] = json!(2);
    settle(&machine, &zones);
    machine.until("test \"$(dig +short @127.0.0.1 www.static.example A)\" = 192.0.2.2");
    assert_eq!(machine.run(["systemctl", "show", "-p", "MainPID", "named"]).stdout, pid, "it was reloaded");
    assert_eq!(answer(&machine, "node1.example.com", "A"), "192.0.2.10\n", "what was updated is still there");
    Ok(())
}

/// What systemd does by itself: the timer, the boot, and what systemd-networkd, ifupdown and others tell of an address.
#[test]
fn a_name_follows_without_being_told() -> Result<()> {
    let mut machine = machine()?;
    let mut host = server();
    host["run_list"] = json!(["bind::server", "dnsutils", "bind::dynamic_dns"]);
    host["bind"]["keys"] = json!({"node1.example.com": {"secret": SECRET}});
    host["bind"]["zones"] = json!({"example.com": {"address": "192.0.2.53", "grants": [{"key": "node1.example.com"}]}});
    host["dynamic_dns"] = json!({
        "server": "127.0.0.1", "hostname": "node1.example.com", "interface": "lab0", "period": "1s",
        "key": {"name": "node1.example.com", "secret": SECRET},
    });
    // A place for the hooks of ifupdown, which has none here.
    machine.sh("mkdir -p /etc/network/if-up.d").success();
    settle(&machine, &host);
    let becomes = |machine: &Container, address: &str| {
        let record = || answer(machine, "node1.example.com", "A");
        let until = Instant::now() + Duration::from_secs(90);
        while record() != format!("{address}\n") {
            assert!(
                Instant::now() < until,
                "the name does not lead to {address} but to `{}`\n{}",
                record(),
                log(machine)
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    address(&machine, "192.0.2.11");
    becomes(&machine, "192.0.2.11");

    // At boot, with a period that nobody lives to see. Networks and addresses of a container are gone with it.
    host["dynamic_dns"]["period"] = json!("10h");
    settle(&machine, &host);
    let network = "ip address add 192.0.2.53/32 dev lo; ip link add lab0 type veth peer name lab1; \
                   ip link set lab1 up; ip link set lab0 up; ip address add 192.0.2.13/24 dev lab0";
    let unit = format!(
        "[Unit]\nDefaultDependencies=no\nBefore=network-pre.target\nWants=network-pre.target\n[Service]\nType=oneshot\n\
         ExecStart=sh -c '{network}'\n[Install]\nWantedBy=sysinit.target\n"
    );
    machine.write("/etc/systemd/system/lab-network.service", unit);
    machine.sh("systemctl -q enable lab-network.service").success();
    machine.reboot()?;
    becomes(&machine, "192.0.2.13");

    // From now on neither timer nor boot: a hook, as ifupdown runs it.
    machine.sh("systemctl stop dyndns-update.timer; systemctl start dyndns-update.service").success();
    address(&machine, "192.0.2.14");
    assert_eq!(answer(&machine, "node1.example.com", "A"), "192.0.2.13\n");
    machine.sh("IFACE=lab0 MODE=start run-parts --exit-on-error /etc/network/if-up.d").success();
    becomes(&machine, "192.0.2.14");

    // systemd-networkd calls nobody: its own notes are watched.
    let network = "[Match]\nName=lab0\n[Network]\nAddress=192.0.2.15/24\nLinkLocalAddressing=no\n";
    machine.write("/etc/systemd/network/lab0.network", network);
    machine.sh("ip address flush dev lab0 && systemctl start systemd-networkd").success();
    becomes(&machine, "192.0.2.15");
    machine.write("/etc/systemd/network/lab0.network", network.replace(".15", ".16"));
    machine.sh("networkctl reload").success();
    becomes(&machine, "192.0.2.16");
    // By hand.
    address(&machine, "192.0.2.17");
    becomes(&machine, "192.0.2.17");
    Ok(())
}

fn log(machine: &Container) -> String {
    machine.sh("journalctl -b --no-pager -n 40; systemctl list-timers --no-pager; ls -l /run/systemd/netif/links; ip address").stdout
}

/// The host itself, whose own server it is here: the key as an attribute, and as the files that the article uploads.
#[test]
fn a_hosts_name_follows_its_address() -> Result<()> {
    let machine = machine()?;
    let mut zone = server();
    zone["bind"]["keys"] = json!({"node1.example.com": {"secret": SECRET}});
    zone["bind"]["zones"] = json!({"example.com": {"address": "192.0.2.53", "grants": [{"key": "node1.example.com"}]}});
    settle(&machine, &zone);

    let mut host = zone.clone();
    host["run_list"] = json!(["bind::server", "bind::dynamic_dns"]);
    host["dynamic_dns"] = json!({
        "server": "192.0.2.53", "hostname": "node1.example.com", "interface": "lab0",
        "key": {"name": "node1.example.com", "secret": SECRET},
    });
    settle(&machine, &host);
    let record = || answer(&machine, "node1.example.com", "A");
    assert_eq!(record(), "192.0.2.10\n");
    assert_eq!(
        machine.run(["stat", "-c", "%a", "/etc/dyndns_keys", "/etc/dyndns_keys/tsig.conf"]).stdout,
        "700\n600\n"
    );
    assert_eq!(machine.run(["systemctl", "is-active", "dyndns-update.timer"]).stdout, "active\n");
    let said = machine.run(["/usr/local/sbin/dyndns-update"]).success().stdout;
    assert!(said.contains("node1.example.com is up to date"), "{said}");

    // Another address, as after the machine was made again, and what the network's hooks then start.
    address(&machine, "192.0.2.11");
    machine.run(["systemctl", "start", "dyndns-update.service"]).success();
    assert_eq!(record(), "192.0.2.11\n");

    // The article's form: a pair of files, put there before the run, and a script that people can read.
    machine.run(["brasa", "ddns", "keygen", "node1.example.com", "--directory", "/root/keys"]).success();
    let secret = machine.sh("sed -n 's/^Key: //p' /root/keys/tsig.private").success().stdout;
    host["bind"]["keys"]["node1.example.com"]["secret"] = json!(secret.trim());
    host["dynamic_dns"] = json!({
        "server": "192.0.2.53", "zone": "example.com", "hostname": "node1.example.com", "interface": "lab0",
        "method": "nsupdate",
    });
    machine.sh("cp /root/keys/tsig.* /etc/dyndns_keys/ && chmod 644 /etc/dyndns_keys/tsig.key /etc/dyndns_keys/tsig.private").success();
    settle(&machine, &host);
    assert_eq!(machine.sh("stat -c %a /etc/dyndns_keys/tsig.key /etc/dyndns_keys/tsig.private").stdout, "600\n600\n");
    address(&machine, "192.0.2.12");
    machine.run(["systemctl", "start", "dyndns-update.service"]).success();
    assert_eq!(record(), "192.0.2.12\n");
    let said = machine.run(["/usr/local/sbin/dyndns-update"]).success().stdout;
    assert!(said.contains("A 192.0.2.12 is up to date"), "{said}");
    Ok(())
}
