use brasa::{host::Real, prelude::Cookbook};
use serde_json::json;

use super::{
    Code, Failure, Output,
    arguments::{Format, Input},
    logging, print, print_json,
    session::Session,
};

/// `brasa check`: compiles, and says that there is no fault.
pub fn check(input: &Input, output: &Output, cookbooks: &[Cookbook]) -> Result<Code, Failure> {
    let mut session = Session::for_run(input)?;
    logging::start(output.log_level, output.log_file.as_deref())?;
    let real = Real::new(session.places.host_settings(), |_| {});
    session.read_dna(input, &real)?;
    let run = session.compile(&session.node(&real)?, cookbooks)?;
    let (recipes, resources) = (run.recipes().len(), run.len());
    match output.format {
        Format::Human if output.quiet => {}
        Format::Human => print(&format!("no fault found: {recipes} recipes, {resources} resources\n"))?,
        Format::Json | Format::Ndjson => {
            print_json(
                &json!({
                    "schema_version": crate::report::SCHEMA_VERSION,
                    "recipes": run.recipes(),
                    "resources": resources,
                }),
                output.format,
            )?;
        }
    }
    Ok(Code::Success)
}
