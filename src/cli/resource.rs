//! `brasa resource`: how a thing is, as the recipe that would have it so.
use brasa::{
    host::{Probe, Real, Settings},
    recipe::{Kind, without},
    resource::Found,
    values::Day,
};
use serde_json::{Map, Value, json};

use super::{
    Code, Failure, Output,
    arguments::{Format, Language, Present},
    print, print_json,
};
use crate::report::{SCHEMA_VERSION, printable};

/// `brasa resource KIND [NAME] [PROPERTY=VALUE...]`
pub fn resource(present: &Present, output: &Output) -> Result<Code, Failure> {
    let kind = kind(&present.kind)?;
    let properties = present.properties.iter().map(|given| property(given)).collect::<Result<Map<_, _>, _>>()?;
    let real = Real::new(Settings::default(), |_| {});
    let names = match &present.name {
        Some(name) => vec![name.clone()],
        None => kind.all(&real)?.ok_or_else(|| {
            Failure::usage(format!("no list of each `{}` is kept on a machine", kind.name))
                .hint(format!("name one, as in `brasa resource {} NAME`", kind.name))
        })?,
    };
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let mut found = look(kind, &name, &properties, &real)?;
        if present.private {
            found.properties.append(&mut found.private);
        }
        all.push(found);
    }
    match (output.format, present.language) {
        (Format::Json | Format::Ndjson, _) => {
            let resources: Vec<_> = all.iter().map(document).collect();
            print_json(&json!({"schema_version": SCHEMA_VERSION, "resources": resources}), output.format)?;
        }
        (Format::Human, Language::Yaml) => {
            let entries: String = all.iter().map(yaml).collect();
            print(&printable(&format!("resources:\n{entries}")))?;
        }
        (Format::Human, Language::Rust) => print(&printable(&all.iter().map(rust).collect::<String>()))?,
    }
    Ok(Code::Success)
}

fn kind(name: &str) -> Result<&'static Kind, Failure> {
    brasa::recipe::kind(name).map_err(|_| {
        let hint = without(name);
        Failure::usage(format!("there is no kind `{name}`")).hint(hint)
    })
}

fn property(given: &str) -> Result<(String, Value), Failure> {
    let (name, value) = given.split_once('=').ok_or_else(|| {
        Failure::usage(format!("`{given}` is no property with a value")).hint("write it as `key=Port`")
    })?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

fn look(kind: &Kind, name: &str, properties: &Map<String, Value>, probe: &dyn Probe) -> Result<Found, Failure> {
    let made = kind
        .make(name, properties, &["nothing".to_owned()])
        .map_err(|sentences| Failure::usage(sentences.join("; ")))?;
    if let Some(fault) = made.check().into_iter().next() {
        return Err(Failure::usage(format!("{}: {fault}", made.id())));
    }
    made.found(probe)?.ok_or_else(|| {
        let why = "it does something once, or what is there does not tell how it was asked for";
        Failure::usage(format!("`{}` cannot be shown: {why}", kind.name))
            .hint("kinds of things that are there can be shown: `file`, `package`, `service`, `user` and others")
    })
}

fn document(found: &Found) -> Value {
    json!({
        "type": found.kind,
        "name": found.name,
        "action": actions(found),
        "properties": found.properties,
        "unsaid": unsaid(found),
    })
}

/// What is asked of it; `nothing` when no action has it so.
fn actions(found: &Found) -> Vec<&'static str> {
    if found.actions.is_empty() { vec!["nothing"] } else { found.actions.clone() }
}

fn unsaid(found: &Found) -> Vec<String> {
    let private =
        found.private.keys().map(|name| format!("`{name}`, which is not for everybody; `--private` shows it"));
    found.unsaid.iter().cloned().chain(private).collect()
}

fn yaml(found: &Found) -> String {
    let mut text = format!("  - type: {}\n    name: {}\n", found.kind, scalar(&literal(&found.name)));
    text += &match actions(found).as_slice() {
        [one] => format!("    action: {one}\n"),
        several => format!("    action: [{}]\n", several.join(", ")),
    };
    for (name, value) in &found.properties {
        text += &format!("    {name}: {}\n", yaml_value(value));
    }
    unsaid(found).iter().fold(text, |text, sentence| format!("{text}    # not said: {sentence}\n"))
}

/// A text that means itself: in texts of recipes `{{`, `{%` and `{#` begin an expression.
fn literal(text: &str) -> String {
    let (mut literal, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let (before, from) = rest.split_at(at);
        let (sign, after) = from.split_at(2);
        literal += &format!("{before}{{{{ \"{sign}\" }}}}");
        rest = after;
    }
    literal + rest
}

/// A value as a recipe has it.
fn yaml_value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => literal(text),
        Value::Array(items) => return format!("[{}]", items.iter().map(yaml_item).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return value.to_string(),
    };
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    let block = text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\t', '\n']);
    if block && text.chars().all(plain) {
        let lines = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("\n      {line}") });
        return format!("|{}", lines.collect::<String>());
    }
    scalar(&text)
}

fn yaml_item(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| scalar(&literal(text)))
}

/// A text that YAML reads as this very text.
fn scalar(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/_.-@+".contains(c);
    let word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&text.to_lowercase().as_str());
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    if begins && !word && text.chars().all(safe) {
        return text.to_owned();
    }
    // A JSON string is one of YAML too, but leaves some control characters as they are.
    let shown = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Value::from(text).to_string().chars().map(shown).collect()
}

fn rust(found: &Found) -> String {
    let Ok(kind) = brasa::recipe::kind(found.kind) else { return String::new() };
    let mut line = format!("r.add({}({:?})", constructor(kind), found.name);
    for (name, value) in &found.properties {
        let of = kind.properties().find(|property| property.name == name).map_or("", |property| property.kind);
        line += &format!(".{name}({})", rust_value(of, value));
    }
    let asked: Vec<_> = found.actions.iter().map(|word| format!("{}::{}", kind.name, camel(word))).collect();
    match asked.as_slice() {
        [] => line += ".nothing()",
        [_] if found.actions[0] == kind.actions()[0].name => {}
        [one] => line += &format!(".action({one})"),
        several => line += &format!(".action([{}])", several.join(", ")),
    }
    let line = line + ");\n";
    unsaid(found).iter().fold(line, |text, sentence| format!("{text}// not said: {sentence}\n"))
}

/// The function that makes one, as the kind's example has it: `File::at`.
fn constructor(kind: &Kind) -> String {
    let call = kind.example.strip_prefix("r.add(").unwrap_or(kind.example);
    let name = call.split('(').next().unwrap_or_default();
    name.strip_suffix("::all").map_or_else(|| name.to_owned(), |kind| format!("{kind}::named"))
}

fn camel(word: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    word.split('_').filter(|part| !part.is_empty()).map(capital).collect()
}

fn rust_value(of: &str, value: &Value) -> String {
    match value {
        Value::String(mode) if of == "octal mode" => format!("0o{mode}"),
        Value::String(text) if of.starts_with("day ") => {
            Day::parse(text).map_or_else(|_| format!("{text:?}"), |day| format!("Day({}) /* {day} */", day.0))
        }
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => format!("{number}_u32"),
        Value::Array(items) if items.is_empty() => "Vec::<String>::new()".to_owned(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| rust_value("", item)).collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => value.to_string(),
    }
}
