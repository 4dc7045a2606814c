//! What brasa reads and works out by itself, held against the programs whose business it is.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use std::{cmp::Ordering, collections::BTreeMap};

use brasa::host::Scheme;
use lab::{Container, DEBIAN, EL9, MANAGERS, Result, SYSTEM};

const PAIRS: usize = 400;

/// Numbers without end, always the same ones.
struct Dice(u64);

impl Dice {
    /// One below `sides`. Source: Knuth, MMIX's linear congruential generator.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn word(&mut self, alphabet: &str, longest: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let length = 1 + self.roll(longest);
        (0..length).map(|_| letters[self.roll(letters.len())]).collect()
    }
}

/// Pairs of versions, some of which are neighbours: one letter apart.
fn pairs(version: &dyn Fn(&mut Dice) -> String) -> Vec<(String, String)> {
    let mut dice = Dice(41);
    let mut pair = |number: usize| {
        let left = version(&mut dice);
        let right = if number.is_multiple_of(3) { left.clone() + &dice.word("0a.", 1) } else { version(&mut dice) };
        (left, right)
    };
    (0..PAIRS).map(&mut pair).collect()
}

/// Compares all pairs as the program of a machine does, which prints a number for each.
fn agree(machine: &Container, pairs: &[(String, String)], script: &str, scheme: Scheme) {
    let lines: String = pairs.iter().map(|(left, right)| format!("{left} {right}\n")).collect();
    machine.write("/root/pairs", lines);
    let told = machine.sh(script).success().stdout;
    let number = |word: &str| word.parse::<i32>().unwrap_or_else(|_| panic!("no number: {word:?} in {told}"));
    let told: Vec<i32> = told.split_whitespace().map(number).collect();
    assert_eq!(told.len(), pairs.len());
    for ((left, right), order) in pairs.iter().zip(told) {
        assert_eq!(scheme.compare(left, right), order.cmp(&0), "{left} and {right}");
    }
    let orders = [Ordering::Less, Ordering::Equal, Ordering::Greater];
    let has = |order: &Ordering| pairs.iter().any(|(left, right)| scheme.compare(left, right) == *order);
    assert!(orders.iter().all(has), "each order is among them");
}

#[test]
fn dpkg_orders_versions_so() -> Result<()> {
    let version = |dice: &mut Dice| {
        let epoch = ["", "", "0:", "1:"][dice.roll(4)];
        let upstream = dice.word("0123abc.+~", 7);
        let revision = if dice.roll(2) == 0 { String::new() } else { format!("-{}", dice.word("01ab.+~", 4)) };
        format!("{epoch}{}{upstream}{revision}", dice.roll(3))
    };
    let script = "while read -r left right; do
            if dpkg --compare-versions $left lt $right; then echo -1
            elif dpkg --compare-versions $left eq $right; then echo 0
            else echo 1; fi
        done < /root/pairs";
    let machine = Container::of(lab::root(DEBIAN)?).without_init().start()?;
    agree(&machine, &pairs(&version), script, Scheme::Debian);
    Ok(())
}

#[test]
fn rpm_orders_versions_so() -> Result<()> {
    let version = |dice: &mut Dice| dice.word("0123456789abc.~^+_", 7);
    let script = "rpm --eval \"%{lua:for line in io.lines('/root/pairs') do
            local blank = line:find(' ', 1, true)
            print(rpm.vercmp(line:sub(1, blank - 1), line:sub(blank + 1)) .. ' ')
        end}\"";
    let machine = Container::of(lab::root(EL9)?).without_init().start()?;
    agree(&machine, &pairs(&version), script, Scheme::Rpm);
    Ok(())
}

#[test]
fn pacman_orders_versions_so() -> Result<()> {
    let version = |dice: &mut Dice| {
        let release = if dice.roll(2) == 0 { String::new() } else { format!("-{}", dice.roll(12)) };
        format!("{}{}{release}", dice.roll(3), dice.word("0123abrc.+_", 6))
    };
    // Debian has the library, and not vercmp.
    let script = "python3 -c 'import ctypes, glob
alpm = ctypes.CDLL(glob.glob(\"/usr/lib/*/libalpm.so.*\")[0])
for line in open(\"/root/pairs\"):
    print(alpm.alpm_pkg_vercmp(*map(str.encode, line.split())))'";
    let machine = Container::of(lab::root(MANAGERS)?).without_init().start()?;
    agree(&machine, &pairs(&version), script, Scheme::Alpm);
    Ok(())
}

#[test]
fn packages_are_there_as_dpkg_says() -> Result<()> {
    let machine = Container::of(lab::root(SYSTEM)?).repository(&lab::deb_repo()?).brasa(lab::binary()?).start()?;
    machine
        .sh("apt-get -qq update && apt-get -qq -y install lab-app lab-small-01 && apt-get -qq -y remove lab-app")
        .success();
    machine.sh("apt-mark -qq hold cron lab-small-01 && dpkg --clear-selections && apt-mark -qq hold sudo").success();
    let format = "${binary:Package} ${Version} ${db:Status-Status} ${db:Status-Want}\\n";
    let told = machine.run(["dpkg-query", "-W", "-f", format]).success().stdout;
    let automatic = machine.run(["apt-mark", "showauto"]).success().stdout;
    let automatic: Vec<&str> = automatic.lines().collect();
    let document = machine.run(["brasa", "resource", "package", "--format", "json"]).success().stdout;
    let document: serde_json::Value = serde_json::from_str(&document).expect("it is JSON");
    let mut found: BTreeMap<String, (String, bool)> = BTreeMap::new();
    for resource in document["resources"].as_array().expect("a list") {
        let text = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
        let held = resource["action"].to_string().contains("lock");
        found.insert(text("name"), (resource["properties"]["version"].as_str().unwrap_or_default().to_owned(), held));
    }
    let (mut asked_for, mut along) = (0, 0);
    for line in told.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, version, status, want] = words[..] else { panic!("{line}") };
        let name = name.split(':').next().unwrap_or(name);
        let there = found.remove(name);
        if status == "installed" && automatic.contains(&name) {
            along += 1;
            assert_eq!(there, None, "what came along comes along again: {line}");
        } else if status == "installed" {
            asked_for += 1;
            assert_eq!(there, Some((version.to_owned(), want == "hold")), "{line}");
        } else {
            assert_eq!(there, None, "{line}");
        }
    }
    assert!(asked_for > 20 && along > 20 && told.contains("config-files"), "{told}");
    assert_eq!(found, BTreeMap::new(), "dpkg knows none of these");
    Ok(())
}
