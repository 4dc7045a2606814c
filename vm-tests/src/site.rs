//! A machine with a cookbook that a scenario writes anew as it goes.

use crate::binary::binary;
use crate::command::Output;
use crate::container::{Container, ContainerOptions};
use crate::error::Result;

/// Where the recipe is.
pub const RECIPE: &str = "/etc/brasa/cookbooks/site/recipes/default.yml";

/// Starts a container with the program, and a cookbook that is still to be written.
///
/// # Errors
/// As [`ContainerOptions::start`].
pub fn site(options: ContainerOptions) -> Result<Container> {
    let machine = options.brasa(binary()?).start()?;
    machine.write("/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write("/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
    Ok(machine)
}

/// Converges these resources, given as YAML.
///
/// # Panics
/// As [`Container::run`].
#[track_caller]
pub fn converge(machine: &Container, resources: &str) -> Output {
    machine.write(RECIPE, format!("resources:\n{resources}"));
    machine.run(["brasa", "converge", "--detailed-exitcode"])
}

/// Says what converging these resources, given as YAML, would change.
///
/// # Panics
/// As [`Container::run`], and if it fails.
#[track_caller]
pub fn plan(machine: &Container, resources: &str) -> Output {
    machine.write(RECIPE, format!("resources:\n{resources}"));
    machine.run(["brasa", "plan"]).success()
}

/// Converges twice: the first run changes something, the second nothing.
///
/// # Panics
/// If it is otherwise.
#[track_caller]
pub fn settle(machine: &Container, resources: &str) -> Output {
    let first = converge(machine, resources).exits(2);
    converge(machine, resources).success();
    first
}
