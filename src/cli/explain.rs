use brasa::{
    facts::Facts,
    host::Real,
    node::Layered,
    prelude::Cookbook,
    recipe::{Kind, kinds, without},
    resource::Action as _,
    resources::rust_block,
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
    let path = keys(name).map_err(|fault| Failure::usage(fault).hint("write `at.port`, or `at[\"dot.key\"]`"))?;
    let mut session = Session::open(input)?;
    logging::start(output.log_level, output.log_file.as_deref())?;
    let real = Real::new(session.places.host_settings(), |_| {});
    session.read_dna(input, &real)?;
    let node = session.node(&real)?;
    let run = session.compile(&node, cookbooks)?;
    let mut attributes = run.attributes().clone();
    if let Some(fact) = Facts::names().find(|fact| *fact == path[0])
        && let Some(value) = node.facts().get(fact)
    {
        attributes.add_automatic(fact, value);
    }
    let (value, layers) = (attributes.found(&path), attributes.explain(&path));
    if layers.is_empty() {
        let nobody = Failure::input(format!("nobody says anything of attribute `{name}`"));
        // Its first keys may be there.
        let beside = (1..path.len()).rev().find_map(|length| {
            let (parent, value) = (path[..length].join("."), attributes.found(&path[..length])?);
            Some(value.as_object()?.keys().map(|key| format!("{parent}.{key}")).collect::<Vec<_>>())
        });
        if let Some(names) = beside.filter(|names| !names.is_empty()) {
            return Err(nobody.hint(suggest::hint(name, names.iter().map(String::as_str))));
        }
        let tree = attributes.tree().as_object();
        let mut known: Vec<&str> = tree.into_iter().flat_map(|tree| tree.keys().map(String::as_str)).collect();
        // Not all that is known of a machine: only what is much like it.
        known.extend(suggest::nearest(path[0].as_str(), Facts::names()));
        let hint = suggest::hint(path[0].as_str(), known.iter().copied());
        return Err(nobody.hint(hint));
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

/// The keys of an attribute: `at.port`, and `at["dot.key"]` where a dot is part of one.
fn keys(name: &str) -> Result<Vec<String>, String> {
    let wrong = |rest: &str| format!("`{name}` is no name of an attribute: what `{rest}` is cannot be told");
    let (mut keys, mut rest, mut key_follows) = (Vec::new(), name, true);
    loop {
        let quoted = [("[\"", "\"]"), ("['", "']")]
            .into_iter()
            .find_map(|(open, close)| Some((rest.strip_prefix(open)?, close)));
        if let Some((inside, close)) = quoted {
            let (key, behind) = inside.split_once(close).ok_or_else(|| wrong(rest))?;
            keys.push(key.to_owned());
            rest = behind;
        } else if key_follows {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            keys.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else {
            return Err(wrong(rest));
        }
        if rest.is_empty() {
            return Ok(keys);
        }
        let behind_dot = rest.strip_prefix('.');
        key_follows = behind_dot.is_some();
        rest = behind_dot.unwrap_or(rest);
    }
}

fn layered(name: &str, value: Option<&Value>, layers: &[Layered]) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), ToString::to_string);
    let width = layers.iter().map(|said| said.layer.len()).max().unwrap_or_default();
    let mut text = String::new();
    for said in layers {
        let place = said.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let around = said.around.as_ref().map(|name| format!("{name} = ")).unwrap_or_default();
        let outcome = said.outcome.as_ref().map(|outcome| format!("; {outcome}")).unwrap_or_default();
        let wins = said.why.as_ref().map(|why| format!("  <- wins: {why}")).unwrap_or_default();
        let value = shown(said.value.as_ref());
        text += &format!("{:<width$}  {around}{value}  ({}{place}{outcome}){wins}\n", said.layer, said.by);
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
    if wanted == "attribute" {
        return Err(Failure::usage("`explain attribute` is not told which: a KEY is missing")
            .hint("as in `brasa explain attribute bind.dynamic_dns.ttl`"));
    }
    if wanted == "rust_block" {
        return code(output);
    }
    let Some(kind) = kinds().iter().find(|kind| kind.name == wanted) else {
        let hint = without(wanted);
        return Err(Failure::usage(format!("there is no kind `{wanted}`")).hint(hint));
    };
    match output.format {
        Format::Human => print(&text(kind))?,
        Format::Json | Format::Ndjson => print_json(&document(kind), output.format)?,
    }
    Ok(Code::Success)
}

/// The one kind that data recipes do not have: it is code, with one action and no property.
fn code(output: &Output) -> Result<Code, Failure> {
    let [(action, _, does)] = rust_block::Action::ALL else { unreachable!("code has one thing to be done: to run") };
    let (about, example) = (rust_block::ABOUT, rust_block::EXAMPLE);
    match output.format {
        Format::Human => print(&format!(
            "rust_block[name]\n\n{about}\nActions (the first one is the default):\n  {action}  {does}\n\nExample:\n    {example}\n"
        ))?,
        Format::Json | Format::Ndjson => {
            let document = json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "kind": "rust_block",
                "named": "name",
                "about": paragraph(about),
                "actions": [{"name": action, "about": does}],
                "properties": [],
                "example": example,
            });
            print_json(&document, output.format)?;
        }
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
    if let Some(width) = kind.properties().map(|property| property.name.len()).max() {
        text += "\nProperties:\n";
        for property in kind.properties() {
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
        .properties()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_attributes_are_taken_apart() {
        for (name, made) in [
            ("at.port", &["at", "port"][..]),
            ("at[\"dot.key\"]", &["at", "dot.key"]),
            ("['a.b'].c[\"d e\"][\"\"]", &["a.b", "c", "d e", ""]),
            ("at.[\"x\"].list.0", &["at", "x", "list", "0"]),
            ("a.", &["a", ""]),
        ] {
            assert_eq!(keys(name).unwrap(), made, "{name}");
        }
        for (name, rest) in [("a[b]", "[b]"), ("a[\"b", "[\"b"), ("a['b']c", "c")] {
            let sentence = format!("`{name}` is no name of an attribute: what `{rest}` is cannot be told");
            assert_eq!(keys(name), Err(sentence));
        }
    }
}
