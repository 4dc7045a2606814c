//! `cargo xtask container`: the article's run-list, for people who do not want their machine changed.

use std::process::ExitCode;

use lab::Container;

use crate::Failure;
use crate::steps::step;
use crate::test::build;

pub fn run(arguments: &[&str]) -> Result<ExitCode, Failure> {
    let command: &[&str] = match arguments {
        [] | ["converge"] => &["/usr/local/bin/chef-solo"],
        ["plan"] => &["/usr/local/bin/brasa", "plan"],
        [other, ..] => return Err(format!("`container` takes `converge` or `plan`, not `{other}`")),
    };
    lab::require_root("`cargo xtask container`").map_err(|error| error.to_string())?;
    let binary = step("the static binary", || {
        crate::test::install(false)?;
        build()
    })?;
    let machine = step("a Debian 12 to throw away", || {
        let start = || Container::of(lab::root(lab::DEBIAN)?).repository(&lab::article_repo()?).brasa(&binary).start();
        let machine = start().map_err(|error| error.to_string())?;
        machine.copy_in(lab::workspace().join("nodes/article"), "/etc/chef");
        // With package lists, as an image of a cloud has them, a plan can name every package.
        let lists = machine.run(["apt-get", "-qq", "update"]);
        if lists.code == 0 { Ok(machine) } else { Err(lists.to_string()) }
    })?;
    let words = command.iter().chain(&["-c", "/etc/chef/solo.rb", "-j", "/etc/chef/dna.json"]);
    let line: Vec<&str> = words.copied().collect();
    let code = step(&line.join(" "), || Ok(machine.command(&line).show()))?;
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}
