//! Servers: made by a provider, bootstrapped over SSH, converged, destroyed.
//!
//! | module | what |
//! |---|---|
//! | `keys` | a table of TOML, key by key, with a place for every fault |
//! | `description` | `servers/NAME.toml`: what a server is to be |
//! | `provider` | who makes servers: the trait, and the table of those that are known |
//! | `record` | what is remembered of a server between commands |
#![allow(dead_code, reason = "the commands that use it follow")]

mod description;
mod keys;
mod provider;
mod record;
