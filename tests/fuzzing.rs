//! What is fuzzed (`fuzz/src/lib.rs`), without a fuzzer: every file of the corpora, and some thousands of copies of them with a
//! few bytes changed, always the same ones. Nothing panics, and none costs more than its size explains: what is counted is not
//! time but what is asked of the allocator.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use brasa::node::json::Document;
use targets::TARGETS;

/// Inputs made of the corpus of each target; with `FUZZ_ROUNDS=100000` more of them.
const ROUNDS: u32 = 1500;

/// What any input may cost, and what each of its bytes may on top: bytes asked of the allocator. Who writes in solo.rb lists of
/// themselves comes to the bounds that it sets for values; they are wider.
const AT_LEAST: u64 = 48 << 20;
const AT_LEAST_OF_SOLO_RB: u64 = 256 << 20;
const FOR_EACH_BYTE: u64 = 64 << 10;

/// xorshift64*: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % below.max(1)
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A file of the corpus with something done to it, once or a few times.
fn changed(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    const TELLING: &[u8] = b"\0\n\r\t \"'`\\/[]{}()<>:,.#%&*!|?-+=@$~_09aAeExX\x7f\x80\xbf\xc3\xed\xef\xf0\xff";
    let mut bytes = corpus[dice.throw(corpus.len())].clone();
    for _ in 0..=dice.throw(4) {
        let at = dice.throw(bytes.len() + 1);
        let end = (at + 1 + dice.throw(16)).min(bytes.len()).max(at);
        match dice.throw(6) {
            0 => drop(bytes.splice(at..end, [])),
            1 => bytes.insert(at, TELLING[dice.throw(TELLING.len())]),
            2 if at < bytes.len() => bytes[at] = TELLING[dice.throw(TELLING.len())],
            3 if at < bytes.len() => bytes[at] ^= 1 << dice.throw(8),
            4 => {
                let piece: Vec<u8> = bytes[at..end].to_vec();
                for _ in 0..1 + dice.throw(20) {
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
            _ => {
                let other = &corpus[dice.throw(corpus.len())];
                let from = dice.throw(other.len() + 1);
                let to = (from + 1 + dice.throw(64)).min(other.len()).max(from);
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

/// Bytes that a target asked of the allocator for an input.
fn cost(target: fn(&[u8]), input: &[u8]) -> u64 {
    allocation_counter::measure(|| target(input)).bytes_total
}

fn bounded(name: &str, target: fn(&[u8]), input: &[u8]) -> u64 {
    let cost = cost(target, input);
    let at_least = if name == "solo_rb" { AT_LEAST_OF_SOLO_RB } else { AT_LEAST };
    let most = at_least + FOR_EACH_BYTE * input.len() as u64;
    let shown = String::from_utf8_lossy(input);
    assert!(cost <= most, "{name}: {cost} bytes of memory for {} bytes: {shown}", input.len());
    cost
}

#[test]
fn no_input_panics_or_costs_too_much() {
    let rounds = std::env::var("FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("FUZZ_ROUNDS is a number"));
    let most = AtomicU64::new(0);
    thread::scope(|scope| {
        for (name, target) in TARGETS {
            let most = &most;
            scope.spawn(move || {
                let corpus = corpus(name);
                assert!(corpus.len() >= 8, "{name} has too small a corpus");
                let mut dice = Dice(20_101_123);
                let rounds = match name {
                    // Values that are made of themselves take long, and what lies on a disk does.
                    "solo_rb" => rounds / 15,
                    "archive" | "recipe" => rounds / 5,
                    _ => rounds,
                };
                let made = (0..rounds).map(|_| changed(&corpus, &mut dice));
                let inputs = corpus.iter().cloned().chain(made.collect::<Vec<_>>());
                let dearest = inputs.map(|input| bounded(name, target, &input)).max().unwrap_or_default();
                println!("{name}: {} files, {rounds} changed ones, {dearest} bytes at most", corpus.len());
                most.fetch_max(dearest, Ordering::Relaxed);
            });
        }
    });
    assert!(most.into_inner() > 0, "nothing was counted");
}

/// What is encrypted in the corpora gets as far as being decrypted.
#[test]
fn what_is_encrypted_for_the_fuzzers_is_read() {
    let count = |name, read: fn(&[u8]) -> bool| corpus(name).iter().filter(|bytes| read(bytes)).count();
    assert_eq!(count("encrypted_item", targets::item_is_read), 9);
    assert_eq!(count("age_value", targets::value_is_opened), 6);
}

/// Inputs of any length, each of a kind that costs the square of its length when something is done wrong.
fn shapes(length: usize) -> Vec<(&'static str, &'static str, String)> {
    let list = |item: &dyn Fn(usize) -> String| (0..length).map(item).collect::<Vec<_>>().join(", ");
    let lines = |line: &dyn Fn(usize) -> String| (0..length).map(line).collect::<String>();
    let mut all = Vec::new();
    let mut add = |what: &'static str, targets: &[&'static str], text: String| {
        all.extend(targets.iter().map(|target| (*target, what, text.clone())));
    };
    add("deep lists", &["json", "yaml", "brasa_toml", "solo_rb"], "[".repeat(length));
    add("deep lists, closed", &["json", "yaml"], "[".repeat(length) + &"]".repeat(length));
    add("deep objects", &["json", "yaml"], "{\"a\":".repeat(length));
    add("deep blocks", &["yaml", "recipe"], "- ".repeat(length));
    add("deep parentheses", &["solo_rb"], format!("a {}", "(".repeat(length)));
    add("deep expression", &["recipe"], format!("resources:\n- type: log\n  name: \"{{{{ {}\"\n", "(".repeat(length)));
    add("one long line", &["json", "yaml", "solo_rb"], format!("[{}]", list(&|item| format!("\"é{item}\""))));
    add("a long run-list", &["json"], format!("{{\"run_list\": [{}]}}", list(&|item| format!("\"a{item}\""))));
    add("a wrong run-list", &["json"], format!("{{\"run_list\": [{}]}}", list(&|item| format!("\"]{item}\""))));
    add("a long override", &["run_list"], list(&|item| format!("a{item}")));
    add("many keys", &["json", "yaml"], format!("{{{}}}", list(&|item| format!("\"k{item}\": {item}"))));
    add("a key again and again", &["json", "yaml"], format!("{{{}}}", list(&|_| "\"k\": 1".to_owned())));
    add("a long key", &["json"], format!("{{\"{0}\": 1, \"{0}\": 2}}", "k".repeat(length)));
    add("a long word", &["json", "yaml", "solo_rb", "run_list"], "x".repeat(length));
    add("a long number", &["json", "yaml", "brasa_toml"], format!("[{}]", "9".repeat(length)));
    add("many settings", &["brasa_toml"], lines(&|line| format!("k{line} = {line}\n")));
    add("many settings", &["solo_rb"], lines(&|line| format!("k{line} {line}\n")));
    add("many variables", &["solo_rb"], lines(&|line| format!("k{} = k{line}\n", line + 1)));
    add("many wrong lines", &["json", "yaml", "brasa_toml", "solo_rb"], lines(&|_| "= ]\n".to_owned()));
    add("many comments", &["json"], "/**/".repeat(length) + "1");
    add("many resources", &["recipe"], "resources:\n".to_owned() + &lines(&|_| "- 1\n".to_owned()));
    let rounds =
        format!("resources:\n- type: flie\n  name: x\n- type: log\n  for_each: [{}]\n", list(&|_| "1".to_owned()));
    add("many wrong rounds", &["recipe"], rounds + "  name: \"{{ none }}\"\n");
    let attributes = format!("resources: []\n%%%\ndefault: {{{}}}\n", list(&|item| format!("a{item}: {item}")));
    add("many attributes", &["recipe"], attributes);
    let attributes =
        format!("resources: []\n%%%\ndefault: {{{}}}\n", list(&|item| format!("a{item}: '{{{{ node.x or 1 }}}}'")));
    add("many worked out attributes", &["recipe"], attributes);
    let writes =
        format!("resources: []\n%%%\n[{}]\n", list(&|item| format!("{{level: default, path: a.b{item}, value: 1}}")));
    add("many writes", &["recipe"], writes);
    let entries = list(&|item| format!("{{name: a{item}}}"));
    let notices = "resources:\n".to_owned()
        + &lines(&|line| {
            format!("- {{type: log, name: a{line}, notifies: {{action: write, resource: 'log[a{}]'}}}}\n", line / 2)
        });
    add("many notices", &["recipe"], notices);
    add("many objects", &["yaml"], format!("[{entries}]"));
    let aliases = format!("- &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n{}", lines(&|_| "- *a\n".to_owned()));
    add("many aliases", &["yaml"], aliases);
    add("many merges", &["yaml"], format!("- &a {{b: 1}}\n{}", lines(&|_| "- {<<: *a, c: 1}\n".to_owned())));
    all
}

/// Nanoseconds of processor time of this thread. Source: the kernel's `Documentation/scheduler/sched-stats.rst`.
fn processor_time() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// Four times as much input costs about four times as much. What is allocated is counted exactly; for what is only gone through
/// again and again there is the processor's time, with so much room that a busy machine does not matter.
#[test]
fn cost_grows_as_the_input_does() {
    const LENGTH: usize = 1_000;
    let mut wrong = Vec::new();
    for ((name, what, small), (_, _, large)) in shapes(LENGTH).into_iter().zip(shapes(4 * LENGTH)) {
        let (_, target) = TARGETS.into_iter().find(|(target, _)| *target == name).expect("a target");
        let begun = processor_time();
        let first = cost(target, small.as_bytes());
        let between = processor_time();
        let second = cost(target, large.as_bytes());
        let (fast, slow) = (between - begun, processor_time() - between);
        println!("{name}, {what}: {first} and {second} bytes, {} and {} ms", fast / 1_000_000, slow / 1_000_000);
        if second > 6 * first.max(4 << 20) || slow > 12 * fast.max(50_000_000) {
            let times = format!("{} ms and {} ms", fast / 1_000_000, slow / 1_000_000);
            wrong.push(format!("{name}, {what}: {first} and {second} bytes, {times}"));
        }
    }
    assert!(wrong.is_empty(), "costs grow faster than inputs:\n{}", wrong.join("\n"));
}

/// Each link of a chain of merges holds all that the links before it hold: the square of their number, up to a bound.
#[test]
fn a_chain_of_merges_is_refused_in_time() {
    let links: String = (0..100_000).map(|link| format!("- &a{} {{<<: *a{link}, k{link}: 1}}\n", link + 1)).collect();
    let text = format!("- &a0 {{b: 1}}\n{links}");
    let faults = Document::parse_yaml(Path::new("any.yml"), text.clone().into_bytes()).expect_err("it is too much");
    assert!(faults[0].message.contains("stand for more than anybody would write"), "{faults:?}");
    let cost = cost(targets::yaml, text.as_bytes());
    assert!(cost < 400 << 20, "{cost} bytes of memory");
}

#[test]
fn what_is_nested_a_hundred_thousand_deep_is_refused() {
    for (name, what, text) in shapes(100_000).into_iter().filter(|(_, what, _)| what.starts_with("deep")) {
        let (_, target) = TARGETS.into_iter().find(|(target, _)| *target == name).expect("a target");
        println!("{name}: {what}");
        target(text.as_bytes());
    }
}
