//! The program: everything that is not needed to write a cookbook.
//!
//! | module | what |
//! |---|---|
//! | [`run`] | what a binary hands its cookbooks to |
//! | `cli` | arguments, one file for each command, exit codes, the chef-solo face |
//! | `server` | servers that are made, converged and destroyed; providers |
//! | `failure` | why the program ends, and its exit codes |
//! | [`report`] | human, json, ndjson: listeners to the engine's events |
mod cli;
mod failure;
pub mod report;
mod server;

pub use cli::run;

/// musl's own allocator asks the system for memory and gives it back at nearly every step: half of what a run costs that
/// finds nothing to do.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;
