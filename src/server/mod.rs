//! Servers: made by a provider, bootstrapped over SSH, converged, destroyed.
//!
//! | module | what |
//! |---|---|
//! | `keys` | a table of TOML, key by key, with a place for every fault |
//! | `description` | `servers/NAME.toml`: what a server is to be |
//! | `provider` | who makes servers: the trait, and the table of those that are known |
//! | `cloud` | clouds, asked over HTTP |
//! | `local` `exec` | virtual machines of this machine; a program of the user's own |
//! | `record` | what is remembered of a server between commands |
//! | `user_data` | what cloud-init is told |
//! | `ssh` `host_key` | the system's ssh, uploads, keys of hosts |
//! | `bootstrap` | what is put on a machine so that it converges |
//! | `work` `steps` | a command on one server, and what is told of it |
//! | `dns` | the name of a server that is destroyed |
pub mod bootstrap;
mod cloud;
pub mod description;
mod dns;
mod exec;
mod host_key;
mod keys;
mod local;
pub mod provider;
pub mod record;
pub mod ssh;
pub mod steps;
pub mod user_data;
pub mod work;
