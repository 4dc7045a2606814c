use brasa::{
    host::Real,
    node::Layered,
    prelude::Cookbook,
    recipe::{Kind, kinds},
    suggest,
};
use serde_json::{Value, json};

use super::{
    Code, Failure, Output,
    arguments::{Format, Input},
    logging, print, print_json,
    session::Session,
};
use crate::report::printable;

/// `brasa explain attribute NAME`: every layer that says something of it, lowest first, and which one wins.
pub fn attribute(name: &str, input: &Input, output: &Output, cookbooks: &[Cookbook]) -> Result<Code, Failure> {
    let mut session = Session::open(input)?;
    logging::start(output.log_level, output.log_file.as_deref())?;
    let real = Real::new(session.places.host_settings(), |_| {});
    session.read_dna(input, &real)?;
    let run = session.compile(&session.node(&real)?, cookbooks)?;
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    let (value, layers) = (run.attributes().at(&path), run.attributes().explain(&path));
    if layers.is_empty() {
        let known = run.attributes().tree().as_object().map(|tree| tree.keys().cloned().collect::<Vec<_>>());
        let hint = suggest::hint(path[0].as_str(), known.unwrap_or_default().iter().map(String::as_str));
        return Err(Failure::input(format!("nobody says anything of attribute `{name}`")).hint(hint));
    }
    match output.format {
        Format::Human => print(&layered(name, value.as_ref(), &layers))?,
        Format::Json | Format::Ndjson => print_json(
            &json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "attribute": path,
                "value": value,
                "layers": layers,
            }),
            output.format,
        )?,
    }
    Ok(Code::Success)
}

fn layered(name: &str, value: Option<&Value>, layers: &[Layered]) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), ToString::to_string);
    let width = layers.iter().map(|said| said.layer.len()).max().unwrap_or_default();
    let mut text = String::new();
    for said in layers {
        let place = said.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let wins = if said.decides { "  <- wins: the highest layer that has a value" } else { "" };
        text += &format!("{:<width$}  {}  ({}{place}){wins}\n", said.layer, shown(said.value.as_ref()), said.by);
    }
    text += &format!("{name} = {}\n", shown(value));
    if value.is_some_and(|value| value.is_object() || value.is_array()) {
        text +=
            "objects of all layers are merged; lists are united within default and override, and replaced above that\n";
    }
    printable(&text).into_owned()
}

/// `brasa explain [KIND]`
pub fn explain(kind: Option<&str>, output: &Output) -> Result<Code, Failure> {
    let Some(wanted) = kind else {
        list(output)?;
        return Ok(Code::Success);
    };
    let Some(kind) = kinds().iter().find(|kind| kind.name == wanted) else {
        let hint = suggest::hint(wanted, kinds().iter().map(|kind| kind.name));
        return Err(Failure::usage(format!("there is no kind `{wanted}`")).hint(hint));
    };
    match output.format {
        Format::Human => print(&text(kind))?,
        Format::Json | Format::Ndjson => print_json(&document(kind), output.format)?,
    }
    Ok(Code::Success)
}

fn list(output: &Output) -> Result<(), Failure> {
    match output.format {
        Format::Human => {
            let width = kinds().iter().map(|kind| kind.name.len()).max().unwrap_or_default();
            let lines = kinds().iter().map(|kind| format!("{:<width$}  {}\n", kind.name, first_sentence(kind.about)));
            print(&lines.collect::<String>())
        }
        Format::Json | Format::Ndjson => print_json(&kinds().iter().map(document).collect::<Vec<_>>(), output.format),
    }
}

/// What a kind is, in its first sentence.
fn first_sentence(about: &str) -> String {
    let text = paragraph(about);
    let end = text.find(". ").unwrap_or_else(|| text.trim_end_matches('.').len());
    text[..end].to_owned()
}

/// Doc text as written in the source: one leading blank a line, and line breaks that mean nothing.
fn paragraph(about: &str) -> String {
    about.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn text(kind: &Kind) -> String {
    let mut text = format!("{}[{}]\n\n", kind.name, kind.named);
    for line in about_lines(kind.about) {
        text += &format!("{line}\n");
    }
    text += "\nActions (the first one is the default):\n";
    let width = kind.actions().iter().map(|action| action.name.len()).max().unwrap_or_default();
    for action in kind.actions() {
        text += &format!("  {:<width$}  {}\n", action.name, action.about);
    }
    if !kind.properties.is_empty() {
        text += "\nProperties:\n";
        let width = kind.properties.iter().map(|property| property.name.len()).max().unwrap_or_default();
        for property in kind.properties {
            text += &format!("  {:<width$}  {} ({})\n", property.name, paragraph(property.about), property.kind);
        }
    }
    text += "\nOf every resource: action, only_if, not_if, notifies, subscribes, ignore_failure, retries, retry_delay, sensitive\n";
    text += &format!(
        "\nExample:\n{}\n",
        kind.example.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
    );
    text
}

fn about_lines(about: &str) -> Vec<&str> {
    about.trim_end().lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
}

fn document(kind: &Kind) -> serde_json::Value {
    let actions: Vec<_> =
        kind.actions().iter().map(|action| json!({"name": action.name, "about": action.about})).collect();
    let properties: Vec<_> = kind
        .properties
        .iter()
        .map(|property| json!({"name": property.name, "type": property.kind, "about": paragraph(property.about)}))
        .collect();
    json!({
        "schema_version": crate::report::SCHEMA_VERSION,
        "kind": kind.name,
        "named": kind.named,
        "about": paragraph(kind.about),
        "actions": actions,
        "properties": properties,
        "example": kind.example,
    })
}
