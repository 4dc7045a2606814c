//! What an update of a name costs that finds nothing to change, beside `nsupdate`, which always sends.

use lab::{Container, DNS};

use super::{Figures, figures, part};
use crate::Failure;
use crate::steps::step;

/// BIND with one zone, whose key may change its own name.
const SETUP: &str = r#"set -e
mkdir -p /srv/bind && cd /srv/bind
tsig-keygen n.example.test >key
printf '$TTL 300\n@ IN SOA ns1 admin 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 127.0.0.1\n' >zone
{
    cat key
    echo 'options { directory "/srv/bind"; pid-file none; session-keyfile "session.key"; managed-keys-directory ".";'
    echo 'recursion no; dnssec-validation no; notify no; listen-on { 127.0.0.1; }; listen-on-v6 { none; }; }; controls { };'
    echo 'zone "example.test" { type primary; file "zone"; update-policy { grant n.example.test name n.example.test A; }; };'
} >named.conf
for how in given found; do
    { echo 'server 127.0.0.1 5300'; [ $how = found ] || echo 'zone example.test'
      printf 'update delete n.example.test A\nupdate add n.example.test 60 A 192.0.2.1\nsend\n'; } >$how
done
"#;

/// Stands between a client and the server, and writes down how many datagrams clients have sent.
const RELAY: &str = r#"
use IO::Socket::INET;
my $in = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1:5300') or die;
my $sent = 0;
$| = 1; print 'ready';
while (defined(my $from = $in->recv(my $message, 65535))) {
    open(my $file, '>', '/srv/sent') or die; print $file ++$sent; close $file;
    my $out = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '127.0.0.1:53') or die;
    $out->send($message);
    $out->recv(my $answer, 65535);
    $in->send($answer, 0, $from);
}
"#;

/// An update without a change is to cost no more than `nsupdate`, of each.
const MOST: f64 = 1.0;

pub fn run() -> Result<(), Failure> {
    lab::require_root("`cargo xtask bench`").map_err(|error| error.to_string())?;
    let told = |error: lab::Error| error.to_string();
    let (brasa, measure) =
        step("static binaries", || Ok((lab::binary().map_err(told)?, part("xtask", "--bin", "measure")?)))?;
    let machine = step("a Debian 12 with BIND 9", || {
        let options = Container::of(lab::root(DNS).map_err(told)?).without_init().brasa(brasa);
        let machine = options.bind(&measure, "/usr/local/bin/measure").start().map_err(told)?;
        good(&machine, &["sh", "-c", SETUP])?;
        Ok(machine)
    })?;
    let mut named = machine.spawn(["named", "-g", "-c", "/srv/bind/named.conf"]);
    named.wait_until(|_, log| log.contains("all zones loaded"));
    let mut relay = machine.spawn(["perl", "-e", RELAY]);
    relay.wait_until(|out, _| out == "ready");

    let own = "brasa ddns update n.example.test --server 127.0.0.1:5300 --key /srv/bind/key --a 192.0.2.1";
    let ways = [
        ("nsupdate, zone given", "nsupdate -k /srv/bind/key /srv/bind/given".to_owned()),
        ("nsupdate", "nsupdate -k /srv/bind/key /srv/bind/found".to_owned()),
        ("ddns update, zone given", format!("{own} --zone example.test")),
        ("ddns update", own.to_owned()),
    ];
    // The record is made first: from then on there is nothing to change.
    good(&machine, &own.split(' ').collect::<Vec<_>>())?;
    println!(
        "{:<24} {:>9} {:>11} {:>9} {:>11} {:>8} {:>11}",
        "a name that is right", "CPU ms", "x nsupdate", "MiB", "x nsupdate", "packets", "x nsupdate"
    );
    let (mut beside, mut missed) = (Vec::new(), 0);
    for (name, command) in &ways {
        let words: Vec<&str> = command.split(' ').collect();
        let before = sent(&machine)?;
        good(&machine, &words)?;
        let packets = sent(&machine)? - before;
        let Figures { time, memory } = figures(&good(&machine, &[&["measure", "31"], words.as_slice()].concat())?)?;
        let (time_of, memory_of, packets_of) = beside.get(beside.len() % 2).copied().unwrap_or((time, memory, packets));
        let ratios = [time / time_of, memory / memory_of, packets / packets_of];
        let over = ratios.iter().any(|ratio| *ratio > MOST);
        missed += usize::from(over);
        println!(
            "{name:<24} {time:>9.2} {:>11.2} {memory:>9.1} {:>11.2} {packets:>8} {:>11.2}{}",
            ratios[0],
            ratios[1],
            ratios[2],
            if over { "  over" } else { "" }
        );
        beside.push((time, memory, packets));
    }
    if missed > 0 { Err(format!("{missed} updates cost more than those of nsupdate")) } else { Ok(()) }
}

/// Datagrams that clients have sent until now.
fn sent(machine: &Container) -> Result<f64, Failure> {
    let printed = good(machine, &["cat", "/srv/sent"])?;
    printed.trim().parse().map_err(|error| format!("the relay wrote `{printed}`: {error}"))
}

fn good(machine: &Container, words: &[&str]) -> Result<String, Failure> {
    let output = machine.run(words);
    if output.code == 0 { Ok(output.stdout) } else { Err(output.to_string()) }
}
