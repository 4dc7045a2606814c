//! The program as its users meet it: whole runs of the binary in directories of its own, without a network.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

mod bad_input;
mod chef_options;
mod chef_solo;
mod commands;
mod data_bags;
mod data_cookbooks;
mod explain_attribute;
mod formats;
mod interruption;
mod kitchen;
mod panic;
mod resource;
mod secrets;
mod servers;
mod words;
