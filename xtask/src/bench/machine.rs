//! What a run costs that finds everything right, beside what was promised and what `sh -c true` costs.

use lab::{Container, Output};
use serde_json::{Value, json};

use super::{Figures, figures, part};
use crate::Failure;
use crate::steps::step;
use crate::test::{SIZE_LIMIT, build};

/// Where a bench's settings are in the container.
const HOME: &str = "/root/bench";

/// One thing to measure.
struct Bench {
    name: &'static str,
    /// What is run, once it has converged.
    command: Vec<String>,
    runs: usize,
    /// Milliseconds of processor time at most.
    time: Option<f64>,
    /// MiB of memory at most.
    memory: Option<f64>,
}

pub fn run() -> Result<(), Failure> {
    lab::require_root("`cargo xtask bench`").map_err(|error| error.to_string())?;
    let (brasa, kitchen, measure) = step("static binaries", || {
        crate::test::install(false)?;
        let brasa = build()?;
        Ok((brasa, part("brasa-cli", "--example", "kitchen")?, part("xtask", "--bin", "measure")?))
    })?;
    let size = std::fs::metadata(&brasa).map_err(|error| format!("cannot read `{}`: {error}", brasa.display()))?.len();
    let machine = step("a Debian 12 that has converged to the article's run-list", || {
        let repository = lab::article_repo().map_err(|error| error.to_string())?;
        let root = lab::root(lab::DEBIAN).map_err(|error| error.to_string())?;
        let options = Container::of(root).repository(&repository).brasa(&brasa);
        let options = options.bind(&kitchen, "/usr/local/bin/kitchen").bind(&measure, "/usr/local/bin/measure");
        let machine = options.start().map_err(|error| error.to_string())?;
        machine.copy_in(lab::workspace().join("nodes/article"), "/etc/chef");
        good(machine.run(article()))?;
        Ok(machine)
    })?;

    let mut benches = vec![
        Bench { name: "sh -c true", command: words(&["sh", "-c", "true"]), runs: 51, time: None, memory: None },
        Bench { name: "the article's run-list", command: article(), runs: 31, time: Some(10.0), memory: Some(15.0) },
    ];
    benches.push(prepare(
        &machine,
        "one file",
        "files",
        json!({"files": [{"path": "/srv/one", "content": "one\n"}]}),
        (Some(2.0), None),
    )?);
    let installed = good(machine.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\\n"]))?;
    let names: Vec<_> = installed.lines().filter_map(|line| line.strip_prefix("ii ")).take(100).collect();
    if names.len() != 100 {
        return Err(format!("only {} packages are installed", names.len()));
    }
    benches.push(prepare(
        &machine,
        "100 packages",
        "packages",
        json!({"packages": [{"names": names}]}),
        (Some(6.0), None),
    )?);
    benches.push(prepare(&machine, "1,000 templates", "templates", pages(1_000), (Some(30.0), None))?);
    benches.push(prepare(&machine, "10,000 templates", "templates", pages(10_000), (Some(300.0), Some(64.0)))?);
    println!(
        "{:<24} {:>9} {:>9} {:>7} {:>9} {:>9}",
        "nothing to change", "CPU ms", "at most", "x sh", "MiB", "at most"
    );
    let mut shell = None;
    let (mut missed, _) = print(&machine, &benches, &mut shell)?;

    // With so many units and accounts every run has more to read, so these are made behind the others.
    good(machine.sh(UNITS))?;
    let running = |number| json!({"name": format!("bench-{number}"), "action": ["enable", "start"]});
    let services = json!({"services": (1..=200).map(running).collect::<Vec<_>>()});
    let services = prepare(&machine, "200 services", "services", services, (None, None))?;
    crowd(&machine, 1, 500)?;
    let none = prepare(&machine, "no accounts", "crowd", json!({"crowd": 0}), (None, None))?;
    let many = prepare(&machine, "1,000 accounts", "crowd", json!({"crowd": 500}), (Some(10.0), None))?;
    let (over, times) = print(&machine, &[services, none, many], &mut shell)?;
    missed += over;
    crowd(&machine, 501, 2_000)?;
    let more = prepare(&machine, "4,000 accounts", "crowd", json!({"crowd": 2_000}), (None, None))?;
    let (_, most) = print(&machine, &[more], &mut shell)?;
    let growth = growth(times[1], times[2], most[0]);
    let over = growth > GROWTH;
    missed += usize::from(over);
    println!("{:<24} {growth:>9.2} {GROWTH:>9.2}{}", "4,000 accounts / 1,000", if over { "  over" } else { "" });
    let mebibytes = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    println!("{:<24} {:>46.1} {:>9.0}", "the static binary", mebibytes(size), mebibytes(SIZE_LIMIT));
    if missed > 0 {
        return Err(format!("{missed} figures are over what was promised"));
    }
    Ok(())
}

/// Measures and prints; returns how many are over what was promised, and the CPU times in milliseconds. The first of all is
/// what others are compared with.
fn print(machine: &Container, benches: &[Bench], shell: &mut Option<f64>) -> Result<(usize, Vec<f64>), Failure> {
    let (mut missed, mut times) = (0, Vec::new());
    for bench in benches {
        let figures = bench.measure(machine)?;
        let shell = *shell.get_or_insert(figures.time);
        let over = bench.time.is_some_and(|most| figures.time > most)
            || bench.memory.is_some_and(|most| figures.memory > most);
        missed += usize::from(over);
        times.push(figures.time);
        println!(
            "{:<24} {:>9.2} {:>9} {:>7.1} {:>9.1} {:>9}{}",
            bench.name,
            figures.time,
            limit(bench.time),
            figures.time / shell,
            figures.memory,
            limit(bench.memory),
            if over { "  over" } else { "" }
        );
    }
    Ok((missed, times))
}

impl Bench {
    fn measure(&self, machine: &Container) -> Result<Figures, Failure> {
        let runs = self.runs.to_string();
        let command = ["/usr/local/bin/measure", &runs].into_iter().chain(self.command.iter().map(String::as_str));
        figures(&good(machine.run(command))?)
    }
}

/// Converges a recipe of the example `kitchen` once, and makes sure that it then finds nothing to do.
fn prepare(
    machine: &Container,
    name: &'static str,
    recipe: &str,
    wanted: Value,
    (time, memory): (Option<f64>, Option<f64>),
) -> Result<Bench, Failure> {
    let file = format!("{HOME}/{}.json", name.replace([' ', ','], "-"));
    let dna = json!({"run_list": [format!("kitchen::{recipe}")], "kitchen": wanted});
    machine.write(&file, dna.to_string());
    let command = words(&["/usr/local/bin/kitchen", "converge", "--detailed-exitcode", "-j", &file]);
    let first = machine.run(&command);
    if ![0, 2].contains(&first.code) {
        return Err(format!("{name}: {first}"));
    }
    good(machine.run(&command))?;
    let runs = if time.is_some_and(|time| time > 100.0) { 7 } else { 31 };
    Ok(Bench { name, command, runs, time, memory })
}

fn pages(count: u32) -> Value {
    json!({"templates": {"directory": format!("/srv/{count}-pages"), "count": count, "word": "word"}})
}

/// Services that run and start at boot.
const UNITS: &str = "
    for n in $(seq 200); do
        printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=true\\n[Install]\\nWantedBy=multi-user.target\\n' \
            > /etc/systemd/system/bench-$n.service
    done
    systemctl daemon-reload && systemctl enable -q --now $(seq -f 'bench-%g' 200)";

/// How much more four times as many accounts may cost, the machine's own having become four times as many, too: four times as
/// much where each is looked at once, somewhat more where they are sorted, and the rest for what measuring is off by. Looked up
/// one by one in a file from its beginning, they would cost sixteen times as much.
const GROWTH: f64 = 8.0;

/// How often what a run costs for some is in what it costs for more; what it costs for none is in neither.
fn growth(none: f64, some: f64, more: f64) -> f64 {
    (more - none) / (some - none)
}

/// Users with these numbers, each with a group of its own: two accounts each.
fn crowd(machine: &Container, first: u32, last: u32) -> Result<(), Failure> {
    let script = "
        for n in $(seq FIRST LAST); do
            echo \"crowd$n:x:$((20000 + n)):$((20000 + n))::/home/crowd$n:/bin/sh\" >> /etc/passwd
            echo \"crowd$n:!:20000::::::\" >> /etc/shadow
            echo \"crowd$n:x:$((20000 + n)):\" >> /etc/group
        done";
    good(machine.sh(&script.replace("FIRST", &first.to_string()).replace("LAST", &last.to_string()))).map(drop)
}

fn article() -> Vec<String> {
    words(&["/usr/local/bin/chef-solo", "-c", "/etc/chef/solo.rb", "-j", "/etc/chef/dna.json"])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn good(output: Output) -> Result<String, Failure> {
    if output.code == 0 { Ok(output.stdout) } else { Err(output.to_string()) }
}

fn limit(most: Option<f64>) -> String {
    most.map_or_else(|| "-".to_owned(), |most| format!("{most:.0}"))
}

#[cfg(test)]
mod tests {
    use super::{GROWTH, growth};

    #[test]
    fn what_grows_with_the_square_is_over_and_what_grows_evenly_is_not() {
        let cost = |of_each: f64, of_pairs: f64| {
            let run = |accounts: f64| 1.5 + of_each * accounts + of_pairs * accounts * accounts;
            growth(run(0.0), run(1_000.0), run(4_000.0))
        };
        assert!((cost(0.004, 0.0) - 4.0).abs() < 0.01);
        // Also where half of what a thousand cost is what each costs by itself.
        assert!(cost(0.002, 2e-6) > GROWTH);
    }
}
