//! Names in dynamic zones, with the real name servers that take updates: BIND 9 and Knot.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::{Container, DNS, Output, Result, Running, converge, plan, settle, site};
use serde_json::Value;

const ALGORITHMS: [&str; 6] = ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// BIND's zones: keys may change their own names, and nothing else; the second takes no updates, and the third caps TTLs.
const NAMED: &str = r#"
options {
    directory "/srv/bind"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory ".";
    recursion no; dnssec-validation no; notify no; listen-on { 127.0.0.1; }; listen-on-v6 { ::1; };
};
controls { };
zone "example.test" { type primary; file "example.db"; update-policy { grant *.example.test self *.example.test A AAAA TXT; }; };
zone "fixed.test" { type primary; file "fixed.db"; };
zone "short.test" { type primary; file "short.db"; max-zone-ttl 300; allow-update { key hmac-sha256.example.test; }; };
"#;

const ZONE: &str =
    "$TTL 300\n@ IN SOA ns1 admin 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 127.0.0.1\nalias IN CNAME ns1\n";

/// A machine with addresses that lead out of it, and with the keys of all algorithms in `/srv/bind/keys`.
fn machine() -> Result<Container> {
    let machine = site(Container::of(lab::root(DNS)?).without_init())?;
    machine
        .sh("set -e
            ip addr add 203.0.113.5/24 dev lo
            ip addr add 2001:db8:1::5/64 dev lo nodad
            ip route add default dev lo src 203.0.113.5
            ip -6 route add default dev lo src 2001:db8:1::5
            mkdir -p /srv/bind/keys /srv/knot/db")
        .success();
    for algorithm in ALGORITHMS {
        let name = format!("{algorithm}.example.test");
        machine.sh(&format!("tsig-keygen -a {algorithm} {name} >/srv/bind/keys/{algorithm}")).success();
    }
    for zone in ["example", "fixed", "short"] {
        machine.write(&format!("/srv/bind/{zone}.db"), ZONE);
    }
    machine.write("/srv/bind/named.conf", NAMED);
    machine.sh("cat /srv/bind/keys/* >>/srv/bind/named.conf && named-checkconf /srv/bind/named.conf").success();
    Ok(machine)
}

fn until_it_answers(machine: &Container, server: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let asked = ["dig", "+short", "+time=1", "+tries=1", server, "example.test", "SOA"];
    // What it prints of a failure stands on standard output too.
    while !machine.run(asked).stdout.starts_with("ns1.") {
        assert!(Instant::now() < deadline, "`{server}` does not answer");
        thread::sleep(Duration::from_millis(50));
    }
}

fn bind<'m>(machine: &'m Container, environment: &[&str]) -> Running<'m> {
    let words = ["env"].iter().chain(environment).chain(&["named", "-g", "-c", "/srv/bind/named.conf"]);
    let running = machine.spawn(words);
    until_it_answers(machine, "@127.0.0.1");
    running
}

/// Knot with one key, `k.example.test`, whose secret stands alone in `/srv/knot/secret`.
fn knot<'m>(machine: &'m Container, before: &[&str]) -> Running<'m> {
    machine
        .sh("cd /srv/knot && keymgr -t k.example.test hmac-sha256 >keys && sed -n 's/ *secret: //p' keys >secret")
        .success();
    let keys = machine.read("/srv/knot/keys");
    machine.write("/srv/knot/example.test.zone", ZONE);
    machine.write(
        "/srv/knot/knot.conf",
        format!(
            "server:\n  rundir: /srv/knot\n  listen: 127.0.0.3@53\ndatabase:\n  storage: /srv/knot/db\n{keys}\
             acl:\n  - id: own\n    key: k.example.test\n    action: update\n    update-owner: key\n    \
             update-owner-match: equal\n    update-type: [A, AAAA, TXT]\n\
             zone:\n  - domain: example.test\n    storage: /srv/knot\n    acl: own\n"
        ),
    );
    let running = machine.spawn(before.iter().chain(&["knotd", "-c", "/srv/knot/knot.conf"]));
    until_it_answers(machine, "@127.0.0.3");
    running
}

fn ddns(machine: &Container, line: &str) -> Output {
    machine.run(["brasa", "ddns"].into_iter().chain(line.split_whitespace()))
}

/// An update at BIND, with the key of hmac-sha256 and its name.
fn update(machine: &Container, rest: &str) -> Output {
    ddns(machine, &format!("update hmac-sha256.example.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256 {rest}"))
}

fn answer(machine: &Container, server: &str, name: &str, kind: &str) -> String {
    let asked = machine.run(["dig", "+noall", "+answer", "+tcp", server, name, kind]).success();
    let mut lines: Vec<String> =
        asked.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines.join("\n")
}

fn serial(machine: &Container, server: &str) -> String {
    machine.run(["dig", "+short", server, "example.test", "SOA"]).success().stdout
}

fn refused(output: Output, code: i32, message: &str) {
    let output = output.exits(code);
    assert!(output.stderr.contains(message), "expected {message:?}: {output}");
    // One line of an error, and what to do.
    assert_eq!(output.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{output}");
    assert!(output.stdout.is_empty(), "{output}");
}

#[test]
fn bind_takes_all_algorithms_and_a_second_run_sends_nothing() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    for algorithm in ALGORITHMS {
        let name = format!("{algorithm}.example.test");
        let line = format!("update {name} -s 127.0.0.1 -k /srv/bind/keys/{algorithm}");
        let first = ddns(&machine, &line).success();
        assert_eq!(first.stdout, format!("{name} was changed at 127.0.0.1: A none -> 203.0.113.5\n"));
        assert_eq!(first.stderr.contains("hmac-md5, which is weak"), algorithm == "hmac-md5", "{first}");
        assert_eq!(answer(&machine, "@127.0.0.1", &name, "A"), format!("{name}. 60 IN A 203.0.113.5"));
        let before = serial(&machine, "@127.0.0.1");
        let second = ddns(&machine, &line).success();
        assert_eq!(second.stdout, format!("{name} is up to date at 127.0.0.1: A 203.0.113.5\n"));
        assert_eq!(serial(&machine, "@127.0.0.1"), before);
    }
    Ok(())
}

#[test]
fn addresses_and_texts_go_in_one_message() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    let long = "x".repeat(700);
    let all = format!("--a route --aaaa interface:lo --txt one --txt {long} --format json");
    let name = "hmac-sha256.example.test";
    let plan: Value = serde_json::from_str(&update(&machine, &format!("{all} -n")).success().stdout).unwrap();
    assert_eq!((&plan["changed"], &plan["dry_run"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(answer(&machine, "@127.0.0.1", name, "ANY"), "");
    let begin = serial(&machine, "@127.0.0.1");
    let done: Value = serde_json::from_str(&update(&machine, &all).success().stdout).unwrap();
    assert_eq!(done["records"][1]["values"][0], "2001:db8:1::5");
    let texts = answer(&machine, "@127.0.0.1", name, "TXT");
    let parts = format!("\"{0}\" \"{0}\" \"{1}\"", "x".repeat(255), "x".repeat(190));
    assert_eq!(texts, format!("{name}. 60 IN TXT \"one\"\n{name}. 60 IN TXT {parts}"));
    let number = |soa: &str| soa.split(' ').nth(2).unwrap().parse::<u32>().unwrap();
    assert_eq!(number(&serial(&machine, "@127.0.0.1")), number(&begin) + 1, "one update for three types");
    let again: Value = serde_json::from_str(&update(&machine, &all).success().stdout).unwrap();
    assert_eq!(again["changed"], false);
    // A question for each type; the answer with the texts does not fit into a datagram, and is asked for again.
    assert_eq!(again["messages"], 4, "{again}");
    // What is not asked for is left, and what is not granted is not touched.
    update(&machine, "--a 192.0.2.7").success();
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), format!("{name}. 60 IN A 192.0.2.7"));
    assert_eq!(answer(&machine, "@127.0.0.1", name, "AAAA"), format!("{name}. 60 IN AAAA 2001:db8:1::5"));
    // One address does not wait for the other; and a source that fails removes nothing.
    let half = update(&machine, "--a 192.0.2.8 --aaaa interface:none");
    refused(half, 69, "no IPv6 address is found: there is no interface `none`; there are `lo`");
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), format!("{name}. 60 IN A 192.0.2.8"));
    assert_eq!(answer(&machine, "@127.0.0.1", name, "AAAA"), format!("{name}. 60 IN AAAA 2001:db8:1::5"));
    // What cannot be looked at takes no record away, what is seen to be without an address does.
    let unseen = update(&machine, "--aaaa interface:none,none");
    refused(unseen, 69, "no IPv6 address is found: there is no interface `none`; there are `lo`");
    machine.sh("ip link add bare0 type veth peer name bare1 && ip link set bare0 up").success();
    update(&machine, "--aaaa interface:bare0,none").success();
    assert_eq!(answer(&machine, "@127.0.0.1", name, "AAAA"), "");
    let line = format!("delete {name} -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256");
    assert!(ddns(&machine, &line).success().stdout.contains("was changed"));
    assert!(ddns(&machine, &line).success().stdout.contains("is up to date"));
    assert_eq!(answer(&machine, "@127.0.0.1", name, "TXT"), "");
    Ok(())
}

#[test]
fn a_ttl_that_the_server_forces_is_sent_once() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    update(&machine, "").success();
    let changed = update(&machine, "--ttl 30").success();
    assert!(changed.stdout.ends_with("A 203.0.113.5 (ttl 60 -> 30)\n"), "{changed}");
    let line = "update n.short.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256 --ttl 900";
    let first = ddns(&machine, line).success();
    assert!(first.stderr.contains("note: the server keeps A for 300 s, whatever it is told"), "{first}");
    assert_eq!(answer(&machine, "@127.0.0.1", "n.short.test", "A"), "n.short.test. 300 IN A 203.0.113.5");
    assert_eq!(machine.read("/var/lib/brasa/ddns-ttls"), "127.0.0.1 n.short.test A 900 300\n");
    assert!(ddns(&machine, line).success().stdout.contains("is up to date"));
    // Another wish is tried again.
    assert!(ddns(&machine, &line.replace("900", "600")).success().stderr.contains("keeps A for 300 s"));
    // A recipe's record settles by the same memory, and an undo goes back to what was asked for before.
    let record = |address: &str, ttl: u32| {
        format!(
            "- {{type: dns_record, name: r.short.test, values: {address}, ttl: {ttl}, server: 127.0.0.1, key_file: /srv/bind/keys/hmac-sha256}}\n"
        )
    };
    settle(&machine, &record("192.0.2.1", 900));
    assert_eq!(answer(&machine, "@127.0.0.1", "r.short.test", "A"), "r.short.test. 300 IN A 192.0.2.1");
    settle(&machine, &record("192.0.2.2", 600));
    let line = "update r.short.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256 --a 192.0.2.2 --ttl 600";
    assert!(ddns(&machine, line).success().stdout.contains("is up to date"));
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(answer(&machine, "@127.0.0.1", "r.short.test", "A"), "r.short.test. 300 IN A 192.0.2.1");
    converge(&machine, &record("192.0.2.1", 900)).success();
    // Who asks for the time that the server forces has it; a time that it takes is told.
    converge(&machine, &record("192.0.2.1", 300)).success();
    settle(&machine, &record("192.0.2.1", 60));
    assert_eq!(answer(&machine, "@127.0.0.1", "r.short.test", "A"), "r.short.test. 60 IN A 192.0.2.1");
    Ok(())
}

#[test]
fn each_refusal_is_told_in_its_own_words() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    let key = machine.read("/srv/bind/keys/hmac-sha256");
    let name = "hmac-sha256.example.test";
    let secret = key.split('"').nth(3).unwrap();
    machine.write("/k/secret", key.replace(secret, &format!("AAAA{}", &secret[4..])));
    machine.write("/k/algorithm", key.replace("algorithm hmac-sha256", "algorithm hmac-sha512"));
    machine.write("/k/name", key.replace(name, "unknown.example.test"));
    machine.write("/k/word", key.replace("algorithm hmac-sha256", "algorithm hmac-sha257"));
    let with = |key: &str, rest: &str| ddns(&machine, &format!("update {name} -s 127.0.0.1 -k {key} {rest}"));
    refused(with("/k/secret", ""), 1, "has another secret for the key `hmac-sha256.example.test`");
    refused(with("/k/algorithm", ""), 1, "has no key `hmac-sha256.example.test` for hmac-sha512");
    refused(with("/k/name", ""), 1, "has no key `unknown.example.test` for hmac-sha256");
    refused(with("/k/word", ""), 1, "`hmac-sha257` is no algorithm for keys");
    refused(with("/k/nothing", ""), 1, "`/k/nothing` does not exist");
    refused(with("/srv/bind/named.conf", ""), 1, "there are several keys in it (`hmac-md5.example.test`, ");
    let other = "update other.example.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256";
    refused(ddns(&machine, other), 1, "refuses it to the key `hmac-sha256.example.test`");
    refused(ddns(&machine, &format!("update {name} -s 127.0.0.1")), 1, "refuses it to those without a key");
    let fixed = "update n.fixed.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256";
    refused(ddns(&machine, fixed), 1, "hint: the zone has to be a dynamic one");
    refused(update(&machine, "--zone test"), 1, "is not the primary server of the zone");
    refused(update(&machine, "--zone fixed.test"), 1, "`hmac-sha256.example.test` is not in the zone `fixed.test`");
    let nowhere = "update n.elsewhere.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256";
    refused(ddns(&machine, nowhere), 1, "hint: it has no such zone");
    let alias = "update alias.example.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256";
    refused(ddns(&machine, alias), 1, "`alias.example.test` is an alias (CNAME)");
    // A server that is not there, that says nothing, and that has no such name.
    let at = |server: &str| ddns(&machine, &format!("update {name} -s {server} -k /srv/bind/keys/hmac-sha256"));
    refused(at("127.0.0.9"), 69, "nothing listens on that port");
    let mut silent = machine.spawn([
        "perl",
        "-MIO::Socket::INET",
        "-e",
        "$s = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.8:53') or die; \
         $| = 1; print 'ready'; sleep",
    ]);
    silent.wait_until(|stdout, _| stdout == "ready");
    refused(at("127.0.0.8"), 69, "does not answer");
    refused(at("no-such.invalid"), 69, "`no-such.invalid` cannot be found");
    // Addresses.
    machine
        .sh("ip addr add 203.0.113.6/32 dev lo && ip addr add 198.51.100.1/24 dev lo && ip route del default")
        .success();
    refused(update(&machine, "--a route"), 69, "no route of IPv4 leads out");
    refused(update(&machine, "--a route"), 69, "hint: this machine has an address of IPv6: --aaaa is for that");
    refused(update(&machine, "--a interface:lo"), 69, "has several addresses (198.51.100.1, 203.0.113.5, 203.0.113.6)");
    update(&machine, "--aaaa route").success();
    machine
        .sh("ip -6 route add default dev lo src 2001:db8:1::5 || true; ip -6 addr flush dev lo scope global")
        .success();
    refused(update(&machine, "--aaaa interface:lo"), 69, "the interface `lo` has no IPv6 address that others can use");
    refused(update(&machine, "--a 2001:db8::1"), 64, "`2001:db8::1` is no address of IPv4");
    Ok(())
}

/// A metadata service as EC2 has it in version 2: nothing is told without a token.
const METADATA: &str = r#"
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => '169.254.169.254:80', Listen => 5, ReuseAddr => 1) or die;
$| = 1; print 'ready';
while (my $client = $server->accept) {
    my $head = '';
    while (my $line = <$client>) { last if $line =~ /^\s*$/; $head .= $line }
    my ($status, $body) = ('401 Unauthorized', '');
    if ($head =~ m{^PUT /latest/api/token } and $head =~ /^x-aws-ec2-metadata-token-ttl-seconds: \d/mi) {
        ($status, $body) = ('200 OK', 'the-token');
    } elsif ($head =~ /^x-aws-ec2-metadata-token: the-token\s*$/mi) {
        ($status, $body) = $head =~ m{^GET /latest/meta-data/public-ipv4 } ? ('200 OK', '198.51.100.7') : ('404 Not Found', '');
    }
    print $client "HTTP/1.1 $status\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    close $client;
}
"#;

#[test]
fn a_cloud_tells_the_address_and_no_proxy_is_asked_for_it() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    machine.sh("ip addr add 169.254.169.254/32 dev lo").success();
    let mut service = machine.spawn(["perl", "-e", METADATA]);
    service.wait_until(|stdout, _| stdout == "ready");
    let line = "brasa ddns update hmac-sha256.example.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256 --a metadata";
    let asked = machine.command(line.split(' ')).env("http_proxy", "http://127.0.0.1:1").run().success();
    assert!(asked.stdout.ends_with("A none -> 198.51.100.7\n"), "{asked}");
    refused(update(&machine, "--aaaa metadata"), 69, "the metadata service tells no public IPv6 address");
    service.kill();
    refused(update(&machine, "--a metadata"), 69, "no metadata service answers at `http://169.254.169.254`");
    Ok(())
}

#[test]
fn settings_are_read_and_options_go_first() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    let file = "server = \"127.0.0.1\"\nname = \"hmac-sha256.example.test\"\nkey = \"/srv/bind/keys/hmac-sha256\"\n\
                a = [\"interface:no\", \"192.0.2.1\"]\ntxt = \"text\"\nttl = 120\n";
    machine.write("/etc/brasa/ddns.toml", file);
    let done = ddns(&machine, "update").success();
    let told = "hmac-sha256.example.test was changed at 127.0.0.1: A none -> 192.0.2.1; TXT none -> \"text\"\n";
    assert_eq!(done.stdout, told);
    assert!(answer(&machine, "@127.0.0.1", "hmac-sha256.example.test", "A").contains(" 120 IN A"));
    assert!(
        ddns(&machine, "update --a 192.0.2.2 -n").success().stdout.contains("A 192.0.2.1 -> 192.0.2.2; TXT \"text\"\n")
    );
    // What nsupdate is given does the same.
    let batch = ddns(&machine, "update --a 192.0.2.3 --txt a --print-nsupdate").success().stdout;
    machine.command(["nsupdate", "-k", "/srv/bind/keys/hmac-sha256"]).stdin(batch).run().success();
    assert!(ddns(&machine, "update --a 192.0.2.3 --txt a").success().stdout.contains("is up to date"));
    for (line, told) in [
        ("servr = \"x\"", "line 1: there is no setting `servr`"),
        ("ttl = \"x\"", "line 1: `ttl` has to be a number of seconds"),
        ("\na = [1]", "line 2: `a` has to be a text or a list of texts"),
        ("name = \"n.test\"\na = \"eth0\"", "`eth0` is no source of an address"),
        ("a = ", "line 1: this is no TOML"),
        ("name = \"a..b\"", "`a..b` is no name: it has an empty label"),
    ] {
        machine
            .write("/x.toml", format!("{line}\n{}", if line.starts_with("servr") { "" } else { "\nserver = \"x\"" }));
        refused(ddns(&machine, "update -c /x.toml"), 65, told);
    }
    Ok(())
}

#[test]
fn waiting_ends_when_the_server_comes() -> Result<()> {
    let machine = machine()?;
    let words = "brasa ddns update hmac-sha256.example.test -s 127.0.0.1 -k /srv/bind/keys/hmac-sha256 --wait 10m";
    let mut waiting = machine.spawn(words.split(' '));
    waiting.wait_until(|_, stderr| stderr.contains("waiting, and trying again"));
    let _bind = bind(&machine, &[]);
    let done = waiting.wait().success();
    assert!(done.stdout.contains("was changed"), "{done}");
    Ok(())
}

/// A library that has a program see the clock an hour ahead: libfaketime and the allocator of BIND do not go together.
const AHEAD: &str = r#"
struct time { long seconds, nanoseconds; };
int clock_gettime(int clock, struct time *time) {
    long out;
    __asm__ volatile("syscall" : "=a"(out) : "a"(228L), "D"((long)clock), "S"(time) : "rcx", "r11", "memory");
    if (clock == 0 || clock == 5) time->seconds += 3600;
    return (int)out;
}
"#;

#[test]
fn another_clock_is_told_and_got_over() -> Result<()> {
    let machine = machine()?;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("ahead.c"), AHEAD).unwrap();
    let compile = |from: &Path, to: &Path| {
        Command::new("cc").args(["-shared", "-fPIC", "-nostdlib", "-O1", "-o"]).arg(to).arg(from).status().unwrap()
    };
    assert!(compile(&path("ahead.c"), &path("ahead.so")).success());
    machine.copy_in(path("ahead.so"), "/srv/ahead.so");
    let _bind = bind(&machine, &["LD_PRELOAD=/srv/ahead.so"]);
    let first = update(&machine, "").success();
    assert!(first.stdout.contains("was changed"), "{first}");
    assert!(first.stderr.contains("note: the clock of `127.0.0.1` is 3600 s ahead of this machine's"), "{first}");
    let _knot = knot(&machine, &["faketime", "-f", "-1h"]);
    let line = "update k.example.test -s 127.0.0.3 -k /srv/knot/secret --key-name k.example.test";
    let first = ddns(&machine, line).success();
    assert!(first.stderr.contains("note: the clock of `127.0.0.3` is 3600 s behind this machine's"), "{first}");
    assert!(ddns(&machine, line).success().stdout.contains("is up to date"));
    Ok(())
}

#[test]
fn knot_takes_updates_and_refuses_them() -> Result<()> {
    let machine = machine()?;
    let _knot = knot(&machine, &[]);
    let at = |name: &str, rest: &str| {
        ddns(&machine, &format!("update {name} -s 127.0.0.3 -k /srv/knot/secret --key-name k.example.test {rest}"))
    };
    let long = format!("--aaaa 2001:db8::9 --txt {}", "y".repeat(700));
    assert!(at("k.example.test", &long).success().stdout.contains("was changed"));
    let before = serial(&machine, "@127.0.0.3");
    assert!(at("k.example.test", &long).success().stdout.contains("is up to date"));
    assert_eq!(serial(&machine, "@127.0.0.3"), before);
    assert!(answer(&machine, "@127.0.0.3", "k.example.test", "TXT").contains("yyy"));
    refused(at("other.example.test", ""), 1, "has no key `k.example.test` for hmac-sha256 that may do this");
    refused(at("k.example.test", "--algorithm hmac-sha1"), 1, "has no key `k.example.test` for hmac-sha1");
    refused(ddns(&machine, "update k.example.test -s 127.0.0.3"), 1, "takes nothing without a key");
    Ok(())
}

#[test]
fn keys_are_made_as_both_sides_read_them() -> Result<()> {
    let machine = machine()?;
    for algorithm in ALGORITHMS {
        let made = ddns(&machine, &format!("keygen new-{algorithm}.example.test -a {algorithm} -d /keys/{algorithm}"));
        let made = made.success();
        assert!(
            made.stderr
                .contains(&format!("grant new-{algorithm}.example.test name new-{algorithm}.example.test A AAAA TXT;"))
        );
        assert_eq!(made.stderr.contains("hmac-md5 is weak"), algorithm == "hmac-md5", "{made}");
        machine.sh(&format!("cat >>/srv/bind/named.conf <<'E'\n{}E", made.stdout)).success();
    }
    assert_eq!(machine.sh("stat -c %a /keys/hmac-sha256 /keys/hmac-sha256/*").stdout, "700\n600\n600\n");
    let again = ddns(&machine, "keygen new.example.test -d /keys/hmac-sha256");
    refused(again, 1, "`/keys/hmac-sha256/tsig.key` is there already, and a key is never overwritten");
    machine.sh("rm /keys/hmac-sha256/tsig.key; cp /keys/hmac-sha256/tsig.private /before").success();
    refused(ddns(&machine, "keygen new.example.test -d /keys/hmac-sha256"), 1, "is there already");
    machine.sh("cmp /before /keys/hmac-sha256/tsig.private && [ ! -e /keys/hmac-sha256/tsig.key ]").success();
    refused(ddns(&machine, "keygen new.example.test -a rsa -d /new"), 64, "`rsa` is no algorithm for keys");
    refused(ddns(&machine, "keygen 'a..b' -d /new"), 64, "is no name for a key");
    assert!(!machine.exists("/new"));
    let _bind = bind(&machine, &[]);
    for algorithm in ALGORITHMS.into_iter().filter(|algorithm| *algorithm != "hmac-sha256") {
        let name = format!("new-{algorithm}.example.test");
        let key = format!("/keys/{algorithm}/tsig.private");
        ddns(&machine, &format!("update {name} -s 127.0.0.1 -k {key} --a 192.0.2.1")).success();
        let batch = format!("server 127.0.0.1\nzone example.test\nupdate add {name}. 60 TXT nsupdate\nsend\n");
        machine.command(["nsupdate", "-k", &key]).stdin(batch).run().success();
        assert!(answer(&machine, "@127.0.0.1", &name, "TXT").contains("nsupdate"));
    }
    Ok(())
}

#[test]
fn a_recipe_keeps_records_and_an_undo_takes_them_back() -> Result<()> {
    let machine = machine()?;
    let _bind = bind(&machine, &[]);
    let name = "hmac-sha256.example.test";
    let record = |rest: &str| {
        format!(
            "- {{type: dns_record, name: r, record_name: {name}, server: 127.0.0.1, key_file: /srv/bind/keys/hmac-sha256{rest}}}\n"
        )
    };
    let two = record(", values: [192.0.2.2, 192.0.2.1], ttl: 120");
    assert!(plan(&machine, &two).stdout.contains("192.0.2.1"));
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), "");
    settle(&machine, &two);
    let have = format!("{name}. 120 IN A 192.0.2.1\n{name}. 120 IN A 192.0.2.2");
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), have);
    // Drift is seen and repaired; other types are not touched.
    update(&machine, "--a 192.0.2.99 --txt kept").success();
    settle(&machine, &two);
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), have);
    assert!(answer(&machine, "@127.0.0.1", name, "TXT").contains("kept"));
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), format!("{name}. 60 IN A 192.0.2.99"));
    // What somebody else changed since is not taken back.
    settle(&machine, &two);
    update(&machine, "--a 192.0.2.98").success();
    let kept = machine.run(["brasa", "undo", "last"]).exits(1);
    assert!(kept.stderr.contains("192.0.2.98") || kept.stdout.contains("192.0.2.98"), "{kept}");
    settle(&machine, &record(", action: delete"));
    assert_eq!(answer(&machine, "@127.0.0.1", name, "A"), "");
    let text = record(", record_type: TXT, values: \"v=spf1 -all\"");
    let settled = settle(&machine, &text);
    assert!(!format!("{settled}").contains("weak"), "{settled}");
    let old = settle(&machine, &text.replace("hmac-sha256", "hmac-md5"));
    assert_eq!(format!("{old}").matches("hmac-md5` is one for hmac-md5, which is weak").count(), 1, "{old}");
    // The server's word is the run's failure, and the key is in no report.
    let secret = machine.read("/srv/bind/keys/hmac-sha256").split('"').nth(3).unwrap().to_owned();
    let other = text.replace(&format!("record_name: {name}"), "record_name: other.example.test");
    let failed = converge(&machine, &other).exits(1);
    assert!(failed.stderr.contains("refuses it to the key `hmac-sha256.example.test`"), "{failed}");
    assert!(!failed.stderr.contains(&secret) && !failed.stdout.contains(&secret));
    assert!(!machine.sh("cat /var/lib/brasa/*/* 2>/dev/null").stdout.contains(&secret));
    // A key that an earlier step brings is not there yet in a plan.
    machine.sh("cp /srv/bind/keys/hmac-sha256 /key").success();
    let brought = "- {type: file, name: /new-key, content: x}\n".to_owned()
        + &text.replace("/srv/bind/keys/hmac-sha256", "/new-key");
    let planned = plan(&machine, &brought);
    assert!(planned.stdout.contains("unless an earlier step changes that"), "{planned}");
    Ok(())
}
