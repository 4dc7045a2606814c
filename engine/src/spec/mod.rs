//! The test kit for cookbooks and kinds: recipes compiled for pretend nodes, laws that every kind keeps, cases as data.
//!
//! A recipe's test compiles it for a pretend machine, and asks what it declares:
//!
//! ```
//! use brasa::{compile_function, host::Fake, prelude::*, spec};
//!
//! fn motd(r: &mut Recipe) -> Result<()> {
//!     let family = r.node().facts().platform_family().unwrap_or("unknown");
//!     r.add(File::at("/etc/motd").content(format!("one of the {family} family\n")).mode(0o644));
//!     Ok(())
//! }
//!
//! let machine = Fake::debian("12");
//! let run = compile_function(&spec::node(&machine, serde_json::json!({})), "motd", motd)?;
//! assert_eq!(run.outline(), "file[/etc/motd] create\n");
//! assert!(run.get::<File>("/etc/motd").is_some());
//!
//! let machine = spec::converged(&run, &machine)?;
//! assert_eq!(spec::text(&machine, "/etc/motd")?.as_deref(), Some("one of the debian family\n"));
//! # Ok::<(), Error>(())
//! ```
mod case;
mod laws;
mod pretend;

use std::path::Path;

use serde_json::Value as Json;

pub use case::{Case, Outcome};
pub use laws::laws;

use crate::{
    Error, Result, Run,
    converge::{Context, NoLedger},
    facts::Facts,
    host::{EntryKind, Fake, Probe},
    node::{Attributes, Expansion, Node, override_run_list},
    recipe::Cookbook,
    run_list::expand,
};

/// A pretend node on a pretend machine, named `test`, with these attributes as dna.json would have them. Items of data bags are
/// added by [`Node::with_data_bag_item`].
#[must_use]
pub fn node(machine: &Fake, attributes: Json) -> Node<'_> {
    Node::new("test", None, Attributes::from(attributes), Facts::new(machine))
}

/// A run-list compiled for a pretend node on a pretend machine, by `cookbook::recipe`, as the program would.
///
/// # Errors
/// [`Error::Faults`]: everything that is wrong with run-list, attributes and declarations.
pub fn compile(machine: &Fake, attributes: Json, cookbooks: &[Cookbook], recipes: &[&str]) -> Result<Run> {
    compile_for(&node(machine, attributes), cookbooks, recipes)
}

/// A run-list compiled for a pretend node that was given more, as data bags.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(node: &Node<'_>, cookbooks: &[Cookbook], recipes: &[&str]) -> Result<Run> {
    let mut faults = Vec::new();
    let recipes = recipes.iter().flat_map(|item| override_run_list(item, &mut faults)).collect();
    let expansion = Expansion { recipes, faults, ..Expansion::default() };
    crate::compile(node, cookbooks, &expand(&expansion, cookbooks)?)
}

/// The machine as a run leaves it. A second run must find nothing to do.
///
/// # Errors
/// What a resource failed with; or what the second run still changed.
pub fn converged(run: &Run, machine: &Fake) -> Result<Fake> {
    let mut machine = machine.clone();
    let again = |machine: &mut Fake| {
        let context = Context { ledger: &mut NoLedger, listen: &mut |_| {}, owed: Vec::new(), stop: &|| None };
        run.converge(machine, context)
    };
    again(&mut machine)?;
    let first = machine.clone();
    again(&mut machine)?;
    let differences = machine.differences(&first);
    if differences.is_empty() {
        Ok(machine)
    } else {
        Err(Error::failed(format!("the second run still changes the machine: {}", differences.join(", "))))
    }
}

/// The text of a file, or `None` when there is no file at `path`.
///
/// # Errors
/// When it cannot be looked at.
pub fn text(machine: &Fake, path: impl AsRef<Path>) -> Result<Option<String>> {
    Ok(match machine.entry(path.as_ref())?.map(|entry| entry.kind) {
        Some(EntryKind::File { content }) => content.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => None,
    })
}
