//! `brasa resource`: how a thing is, as the recipe that would have it so.
use brasa::{
    host::{Probe, Real, Settings},
    recipe::{Kind, without},
    resource::{Environment, Found, Property as _},
    resources::{
        prelude::{DeviceType, LinkType},
        selinux_fcontext::FileType,
        user::ExpireDate,
    },
    values::{Day, Digest, Mode},
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

/// What it cannot say, each in a line of its own.
fn comments(found: &Found, sign: &str) -> String {
    let line = |sentence: &String| format!("{sign} not said: {}\n", sentence.replace(char::is_control, " "));
    unsaid(found).iter().map(line).collect()
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
    text + &comments(found, "    #")
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
    let Value::String(text) = value else { return flow(value) };
    let text = literal(text);
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    let block = text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\t', '\n']);
    if block && text.chars().all(plain) {
        let lines = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("\n      {line}") });
        return format!("|{}", lines.collect::<String>());
    }
    scalar(&text)
}

/// A value in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(&literal(text)),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", scalar(&literal(key)), flow(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
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

/// A recipe's line in Rust, or a comment where there is none.
fn rust(found: &Found) -> String {
    let line = line(found).unwrap_or_else(|missing| {
        let id = format!("{}[{}]", found.kind, found.name);
        format!("// not said: {}, for Rust has no form of it without `{missing}`", id.escape_debug())
    });
    line + "\n" + &comments(found, "//")
}

/// # Errors
/// The property whose value is missing, or has no form.
fn line<'f>(found: &'f Found) -> Result<String, &'f str> {
    let Ok(kind) = brasa::recipe::kind(found.kind) else { return Err("type") };
    let type_of = |name: &str| kind.properties().find(|property| property.name == name).map_or("", |of| of.kind);
    let value_of = |name: &'f str, value| rust_value(type_of(name), value).ok_or(name);
    let arguments = arguments(kind.name);
    // What is to go is not asked for its value.
    let goes = matches!(found.actions[..], ["absent" | "unset"]);
    let mut values = Vec::new();
    for name in arguments {
        values.push(match found.properties.get(*name) {
            Some(value) => value_of(name, value)?,
            None if *name == NAME => named(kind.name, &found.name),
            None if goes => format!("{:?}", ""),
            None => return Err(name),
        });
    }
    let mut line = format!("r.add({}({})", constructor(kind), values.join(", "));
    if kind.name == "selinux_port" && found.name.contains('-') {
        line += &format!(".port({:?})", found.name);
    }
    for (name, value) in found.properties.iter().filter(|(name, _)| !arguments.contains(&name.as_str())) {
        line += &format!(".{name}({})", value_of(name, value)?);
    }
    let asked: Vec<_> = found.actions.iter().filter_map(|word| kind.action_in_rust(word)).collect();
    match asked.as_slice() {
        [] => line += ".nothing()",
        [_] if found.actions[0] == kind.actions()[0].name => {}
        [one] => line += &format!(".action({one})"),
        several => line += &format!(".action([{}])", several.join(", ")),
    }
    Ok(line + ");")
}

/// In place of a property: the name.
const NAME: &str = "name";

/// What the function that makes one takes, in this order.
fn arguments(kind: &str) -> &'static [&'static str] {
    match kind {
        "block" => &["path", NAME],
        "line" => &["path", "line"],
        "setting" => &["path", "key", "value"],
        _ => &[NAME],
    }
}

/// The name, as that function takes it. A range of ports is made by its first one.
fn named(kind: &str, name: &str) -> String {
    match name.split('-').next() {
        Some(port) if kind == "selinux_port" => port.to_owned(),
        Some(_) | None => format!("{name:?}"),
    }
}

/// The function that makes one, as the kind's example has it: `File::at`.
fn constructor(kind: &Kind) -> String {
    let call = kind.example.strip_prefix("r.add(").unwrap_or(kind.example);
    let name = call.split('(').next().unwrap_or_default();
    name.strip_suffix("::all").map_or_else(|| name.to_owned(), |kind| format!("{kind}::named"))
}

/// A value, as the setter of a property of this type takes it; `None` when it has no form in Rust.
fn rust_value(of: &str, value: &Value) -> Option<String> {
    Some(match value {
        Value::String(mode) if of == Mode::TYPE => format!("0o{mode}"),
        Value::String(text) if of == ExpireDate::TYPE => {
            let day = Day::parse(text).ok()?;
            format!("Day({}) /* {day} */", day.0)
        }
        Value::String(_) if of == FileType::TYPE => {
            format!("selinux_fcontext::FileType::{:?}", FileType::from_json(value).ok()?)
        }
        Value::String(_) if of == DeviceType::TYPE => format!("DeviceType::{:?}", DeviceType::from_json(value).ok()?),
        Value::String(_) if of == LinkType::TYPE => format!("LinkType::{:?}", LinkType::from_json(value).ok()?),
        Value::String(_) if of == Digest::TYPE => return None,
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) if of == u32::TYPE => format!("{number}_u32"),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) if items.is_empty() => "Vec::<String>::new()".to_owned(),
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| rust_value("", item)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(entries) if of == Environment::TYPE && !entries.is_empty() => {
            let pair = |(name, value): (&String, &Value)| Some(format!("({name:?}, {:?})", value.as_str()?));
            format!("[{}]", entries.iter().map(pair).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Value::Null | Value::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests;
