use brasa::{host::Real, prelude::Cookbook};
use serde_json::json;

use super::{
    Code, Failure, Output,
    arguments::{Format, Input},
    logging, print, print_json,
    session::Session,
};
use crate::report::{hides, printable};

/// `brasa inspect`: the node as compile() sees it.
pub fn inspect(input: &Input, output: &Output, cookbooks: &[Cookbook]) -> Result<Code, Failure> {
    let mut session = Session::open(input)?;
    logging::start(output.log_level, output.log_file.as_deref())?;
    let real = Real::new(session.places.host_settings(), |_| {});
    session.read_dna(input, &real)?;
    let node = session.node(&real)?;
    let run = session.compile(&node, cookbooks)?;
    let recipes = run.wanted();
    let items: Vec<_> = session.run_list().iter().map(|item| item.named.to_string()).collect();
    match output.format {
        Format::Human => {
            let mut text = format!("node        {}\nenvironment {}\n", node.name(), node.environment());
            let attributes = serde_json::to_string_pretty(run.attributes().tree());
            let attributes = attributes.map_err(|error| Failure::failed(error.to_string()))?;
            text += &format!("run-list    {}\nrecipes     {}\n", items.join(", "), recipes.join(", "));
            text += &format!("attributes  {attributes}\n\n");
            for origin in run.origins() {
                let hides = hides(origin).map(|which| format!(", {which}")).unwrap_or_default();
                text += &format!("cookbook    {} from {}{hides}\n", origin.name, origin.path);
            }
            text += &run.outline();
            print(&printable(&text))?;
        }
        Format::Json | Format::Ndjson => {
            let mut document = json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "name": node.name(),
                "environment": node.environment(),
                "run_list": items,
                "recipes": recipes,
                "loaded_recipes": run.recipes(),
                "roles": session.expansion().roles,
                "attributes": run.attributes().tree(),
                "resources": run.outlines(),
            });
            if !run.origins().is_empty() {
                document["cookbooks"] = json!(run.origins());
            }
            print_json(&document, output.format)?;
        }
    }
    Ok(Code::Success)
}
