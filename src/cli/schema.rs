//! `brasa schema`: JSON Schemas for editors, made from the property tables.
use brasa::recipe::{Kind, kinds};
use serde_json::{Map, Value, json};

use super::{
    Code, Failure,
    arguments::{Format, SchemaOf},
    print, print_json,
};

const RECIPE: &str = include_str!("schema/recipe.json");
const RESOURCE: &str = include_str!("schema/resource.json");
const ATTRIBUTES: &str = include_str!("schema/attributes.json");
const METADATA: &str = include_str!("schema/metadata.json");
/// Whatever `Dna` takes, and nothing else: `tests/schema.rs` runs both on the same documents.
const DNA: &str = include_str!("schema/dna.json");
const REPORT: &str = include_str!("../../docs/report.schema.json");

/// `brasa schema [FILE]`
pub fn schema(of: SchemaOf) -> Result<Code, Failure> {
    match of {
        SchemaOf::Recipe => print_json(&recipe(), Format::Json)?,
        SchemaOf::Attributes => print(ATTRIBUTES)?,
        SchemaOf::Metadata => print(METADATA)?,
        SchemaOf::Dna => print(DNA)?,
        SchemaOf::Report => print(REPORT)?,
    }
    Ok(Code::Success)
}

/// A schema, or a part of one, that is written here as text.
fn part(text: &str) -> Value {
    serde_json::from_str(text).expect("the parts of schemas are JSON")
}

/// What stands in every recipe, and after it the kinds.
fn recipe() -> Value {
    let mut schema = part(RECIPE);
    for kind in kinds() {
        schema["$defs"][kind.name] = resource(kind);
        if let Some(entries) = schema["properties"]["resources"]["items"]["oneOf"].as_array_mut() {
            entries.push(reference(kind.name));
        }
    }
    schema
}

fn reference(definition: &str) -> Value {
    json!({"$ref": format!("#/$defs/{definition}")})
}

/// What this schema allows, or an expression.
fn or_expression(key: &str, of: Value) -> Value {
    json!({key: [of, reference("expression")]})
}

/// A kind, by its property table.
fn resource(kind: &Kind) -> Value {
    let brings = matches!(kind.name, "template" | "cookbook_file" | "remote_directory");
    let mut properties = Map::new();
    let mut put = |name: &str, about: &str, mut schema: Value| {
        schema["description"] = about.into();
        properties.insert(name.to_owned(), schema);
    };
    put("type", &flat(kind.about), json!({"const": kind.name}));
    put("name", kind.named, part(of_words("text")));
    let words =
        kind.actions().into_iter().map(|action| action.name).filter(|name| *name != "nothing").chain(["nothing"]);
    let action = or_expression("oneOf", json!({"enum": words.collect::<Vec<_>>()}));
    put(
        "action",
        "What it does; several are carried out in order.",
        json!({"anyOf": [action, {"type": "array", "items": action}]}),
    );
    for property in kind.properties() {
        // Of a template or file that comes along, the recipe names the file and not its text.
        if brings && property.name == "source" {
            let about = "The name of the file or directory, as it is searched for in the cookbook.";
            put("source", about, or_expression("anyOf", reference("words")));
        } else {
            put(property.name, &flat(property.about), or_expression("anyOf", part(of_words(property.kind))));
        }
    }
    if brings {
        put("cookbook", "The cookbook that has the file.", json!({"type": "string"}));
    }
    let mut schema = part(RESOURCE);
    if let Some(common) = schema["properties"].as_object_mut() {
        properties.append(common);
        *common = properties;
    }
    schema
}

fn flat(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The schema of a property's type, which the table has in words.
fn of_words(words: &str) -> &'static str {
    match words {
        "text" => r##"{"type": ["string", "integer"]}"##,
        "path" | "octal mode" | "SHA-256 in hex" | "secret text" | "template text" => r##"{"type": "string"}"##,
        "true or false" => r##"{"type": "boolean"}"##,
        "whole number" | "seconds" | "whole number, also below 0" => r##"{"type": "integer"}"##,
        "list of words" | "line for the shell, or list of words" => r##"{"$ref": "#/$defs/words"}"##,
        "list of whole numbers" => {
            r##"{"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}"##
        }
        "object of text values" | "object" => r##"{"type": "object"}"##,
        "text, or an object of sections" => r##"{"type": ["string", "object"]}"##,
        "day as `2027-03-31`, or `never`" => r##"{"type": "string"}"##,
        "number of days, or `never`" => r##"{"type": ["string", "integer"]}"##,
        "name or number of a group" | "number or crontab field" => r##"{"type": ["string", "integer"]}"##,
        "seconds, a time as `10m`, or an object" => r##"{"type": ["string", "integer", "object"]}"##,
        "whole number or `unlimited`" => r##"{"type": ["string", "integer"]}"##,
        "text, a number, or a list of them" => r##"{"type": ["string", "integer", "array"]}"##,
        "list of objects of `name` and `command_list`" => r##"{"type": "array", "items": {"type": "object"}}"##,
        "true, false or `auto`" => r##"{"enum": [true, false, "auto"]}"##,
        "rsa or ec" => r##"{"enum": ["rsa", "ec"]}"##,
        "object of objects of `values` and `critical`" => r##"{"type": "object"}"##,
        "true or false, or `on` or `off`" => r##"{"enum": [true, false, "on", "off"]}"##,
        "a, f, d, c, b, s, l or p" => r##"{"enum": ["a", "f", "d", "c", "b", "s", "l", "p"]}"##,
        "symbolic or hard" => r##"{"enum": ["symbolic", "hard"]}"##,
        "device, label or uuid" => r##"{"enum": ["device", "label", "uuid"]}"##,
        "debug, info, warn or error" => r##"{"enum": ["debug", "info", "warn", "error"]}"##,
        // A kind may have a type of its own: whatever it takes, the kind itself checks it.
        _ => r##"{}"##,
    }
}

#[cfg(test)]
mod tests {
    use brasa::recipe::{data::COMMON, kinds};

    use super::{of_words, recipe};

    #[test]
    fn the_type_of_every_property_is_known() {
        let types = kinds().iter().flat_map(|kind| kind.properties()).map(|property| property.kind);
        let unknown: Vec<_> = types.filter(|words| of_words(words) == "{}").collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn every_resource_may_say_what_all_may_say() {
        let schema = recipe();
        for kind in kinds() {
            for key in COMMON {
                let pointer = format!("/$defs/{}/properties/{key}", kind.name);
                assert!(schema.pointer(&pointer).is_some(), "{pointer}");
            }
        }
    }
}
