//! The project's own chores, one file per command.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "chores drive cargo and containers from outside and are no part of the program"
)]

mod bench;
mod container;
mod docs;
mod example;
mod scenario;
mod steps;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--fast] [FILTER]      installs what it needs, then checks and tests everything (as root: it starts containers)
                              --fast    without the static binary and the containers; needs no root
                              FILTER    only the tests whose name contains it
  container [converge|plan]   converges the article's run-list in a throwaway container, with the static binary (as root)
  scenario [NAME...]          runs scenarios of vm-tests/scenarios in throwaway machines, all without a name (as root)
  bench [PART]                measures, beside what was promised; all parts without one
                              compile   reading and compiling a large repository, beside a plain parse of its bytes
                              golden    how many of chef-solo's cases come out as with chef-solo
                              machine   runs that find nothing to change, in a container (as root)
  docs [--check]              makes the reference pages in docs/reference, or only says which are out of date
";

/// What a failed command says, for a person.
type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.split_first() {
        Some((&"test", rest)) => test::run(rest),
        Some((&"container", rest)) => container::run(rest),
        Some((&"scenario", rest)) => scenario::run(rest),
        Some((&"bench", rest)) => bench::run(rest),
        Some((&"docs", rest)) => docs::run(rest),
        Some((&("help" | "--help" | "-h"), _)) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some((other, _)) => Err(format!("unknown command `{other}`\n{USAGE}")),
        None => Err(USAGE.to_owned()),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
