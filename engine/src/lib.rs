//! brasa's engine: what a cookbook is written against.
//!
//! The one idea: **a resource never touches the machine. It reads, and it returns operations as data. One host performs
//! them.** So plan, journal, undo and tests are decorators around one loop, written once.
//!
//! Floors, each importing only lower ones:
//!
//! | floor | modules | what |
//! |---|---|---|
//! | 0 | [`values`], [`Error`], [`suggest`] | small types, errors, "did you mean" |
//! | 1 | [`host`] | the only door to the machine: [`host::Probe`] reads, [`host::Host`] performs [`host::Op`]s |
//! | 2 | [`resource`], [`facts`] | the trait of a kind and its `step`; what is known of the machine |
//! | 3 | `resources` | one file per kind |
//! | 4 | [`node`], [`recipe`] | input; what a recipe function sees |
//! | 5 | [`expand`], [`compile`](compile()), [`converge`], [`event`] | names to functions to a [`Run`]; the loop; what happens |
//! | 6 | `state`, `spec` | lock, journal, history; the test kit for cookbooks |
mod compile;
pub mod converge;
mod error;
pub mod event;
pub mod facts;
pub mod host;
pub mod node;
pub mod recipe;
pub mod resource;
pub mod resources;
pub mod run_list;
pub mod spec;
pub mod state;
pub mod suggest;
pub mod values;

pub use compile::{Outline, OutlineNotice, Run, compile, compile_function, compile_run_list};
pub use error::{Error, Fault, Kind, Result, may_be_more};
pub use run_list::expand;
#[doc(hidden)]
pub use serde_json as __serde_json;

/// What a cookbook imports.
pub mod prelude {
    pub use crate::{
        Error, Fault, Result,
        facts::Family,
        files,
        node::{AttributeSet, Node},
        recipe::{
            AttributeFile, Composed, Composite, Cookbook, Declare, Declared, Guard, Id, Recipe, Ref, Timing,
            Timing::{Before, Delayed, Immediately},
            exists, shell, when,
        },
        resource::lazy,
        resources::prelude::*,
        values::{Day, Mode, Seconds, Secret},
    };
}
