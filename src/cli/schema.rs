//! `brasa schema`: JSON Schemas for editors, made from the property tables.
use brasa::recipe::{Kind, kinds};
use serde_json::{Map, Value, json};

use super::{
    Code, Failure,
    arguments::{Format, SchemaOf},
    print, print_json,
};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
const REPORT: &str = include_str!("../../docs/report.schema.json");
const LEVELS: [&str; 5] = ["default", "force_default", "normal", "override", "force_override"];

/// `brasa schema [FILE]`
pub fn schema(of: SchemaOf) -> Result<Code, Failure> {
    match of {
        SchemaOf::Recipe => print_json(&recipe(), Format::Json)?,
        SchemaOf::Attributes => print_json(&attributes(), Format::Json)?,
        SchemaOf::Metadata => print_json(&metadata(), Format::Json)?,
        SchemaOf::Dna => print_json(&dna(), Format::Json)?,
        SchemaOf::Report => print(REPORT)?,
    }
    Ok(Code::Success)
}

fn recipe() -> Value {
    let mut defs = common();
    let mut entries = vec![json!({"$ref": "#/$defs/include_recipe"}), json!({"$ref": "#/$defs/attribute"})];
    for kind in kinds() {
        entries.push(json!({"$ref": format!("#/$defs/{}", kind.name)}));
        defs.insert(kind.name.to_owned(), resource(kind));
    }
    json!({
        "$schema": DRAFT,
        "title": "A recipe of brasa as data",
        "type": "object",
        "required": ["resources"],
        "additionalProperties": false,
        "properties": {"resources": {"type": ["array", "null"], "items": {"oneOf": entries}}},
        "$defs": defs,
    })
}

/// What recipes of all kinds refer to.
fn common() -> Map<String, Value> {
    let words = json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "integer"]}}]});
    let word = |about: &str| json!({"type": "string", "description": about});
    let defs = json!({
        "expression": {"description": "Worked out when the recipe is compiled.", "type": "string", "pattern": "\\{[{%]"},
        "words": words,
        "for_each": {
            "description": "The entry is taken once for each element of this list, or each key and value of this object.",
            "oneOf": [{"type": ["array", "object"]}, {"$ref": "#/$defs/expression"}],
        },
        "as": word("What expressions call the element; `item` without it."),
        "guard": {
            "oneOf": [
                {"type": ["string", "boolean"]},
                {
                    "type": "object",
                    "required": ["command"],
                    "additionalProperties": false,
                    "properties": {
                        "command": {"$ref": "#/$defs/words"},
                        "user": {"type": "string"},
                        "group": {"type": "string"},
                        "cwd": {"type": "string"},
                        "environment": {"type": "object"},
                        "timeout": {"type": ["integer", "string"]},
                    },
                },
            ],
        },
        "guards": {"oneOf": [{"$ref": "#/$defs/guard"}, {"type": "array", "items": {"$ref": "#/$defs/guard"}}]},
        "timing": {"enum": ["before", "immediately", "immediate", "delayed"]},
        "notice": {
            "description": "`[ACTION, \"KIND[NAME]\", TIMING]`, or an object that says the same.",
            "oneOf": [
                {"type": "array"},
                {
                    "type": "object",
                    "required": ["action", "resource"],
                    "additionalProperties": false,
                    "properties": {
                        "action": {"type": "string"},
                        "resource": {"$ref": "#/$defs/words"},
                        "timing": {"$ref": "#/$defs/timing"},
                    },
                },
            ],
        },
        "include_recipe": {
            "description": "Compiles another recipe here, if it has not been compiled yet.",
            "type": "object",
            "required": ["include_recipe"],
            "additionalProperties": false,
            "properties": {
                "include_recipe": {"$ref": "#/$defs/words"},
                "for_each": {"$ref": "#/$defs/for_each"},
                "as": {"$ref": "#/$defs/as"},
            },
        },
        "attribute": {
            "description": "Writes an attribute while the recipe is compiled.",
            "type": "object",
            "required": ["attribute"],
            "additionalProperties": false,
            "properties": {
                "attribute": {"$ref": "#/$defs/write"},
                "for_each": {"$ref": "#/$defs/for_each"},
                "as": {"$ref": "#/$defs/as"},
            },
        },
        "write": write(),
    });
    let Value::Object(defs) = defs else { return Map::new() };
    defs
}

/// One write of an attribute.
fn write() -> Value {
    json!({
        "type": "object",
        "required": ["path"],
        "additionalProperties": false,
        "properties": {
            "level": {"enum": LEVELS},
            "path": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "integer"]}}]},
            "value": {},
            "op": {"enum": [
                "set", "unless", "push", "replace", "bang", "write", "remove", "rm", "remove_level", "rm_level", "delete_key",
            ]},
        },
    })
}

/// A kind, by its property table.
fn resource(kind: &Kind) -> Value {
    let actions: Vec<&str> =
        kind.actions().iter().map(|action| action.name).filter(|name| *name != "nothing").collect();
    let action = json!({"oneOf": [
        {"enum": actions.iter().chain(&["nothing"]).collect::<Vec<_>>()},
        {"$ref": "#/$defs/expression"},
    ]});
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({"const": kind.name, "description": about(kind.about)}));
    properties.insert("name".to_owned(), json!({"type": ["string", "integer"], "description": kind.named}));
    let several = json!({"anyOf": [action, {"type": "array", "items": action}]});
    properties.insert("action".to_owned(), several);
    for property in kind.properties {
        // Of a template or file that comes along, the recipe names the file and not its text.
        let brought = property.name == "source" && matches!(kind.name, "template" | "cookbook_file");
        let of = if brought { json!({"$ref": "#/$defs/words"}) } else { of_words(property.kind) };
        let text = if brought {
            "The file's name, as it is searched for in the cookbook.".to_owned()
        } else {
            about(property.about)
        };
        let schema = json!({"description": text, "anyOf": [of, {"$ref": "#/$defs/expression"}]});
        properties.insert(property.name.to_owned(), schema);
    }
    if matches!(kind.name, "template" | "cookbook_file") {
        properties
            .insert("cookbook".to_owned(), json!({"type": "string", "description": "The cookbook that has the file."}));
    }
    for (name, schema) in [
        ("only_if", json!({"$ref": "#/$defs/guards"})),
        ("not_if", json!({"$ref": "#/$defs/guards"})),
        ("notifies", json!({"$ref": "#/$defs/notice"})),
        ("subscribes", json!({"$ref": "#/$defs/notice"})),
        ("ignore_failure", json!({"oneOf": [{"type": "boolean"}, {"const": "quiet"}, {"$ref": "#/$defs/expression"}]})),
        ("retries", json!({"oneOf": [{"type": "integer"}, {"$ref": "#/$defs/expression"}]})),
        ("retry_delay", json!({"oneOf": [{"type": "integer"}, {"$ref": "#/$defs/expression"}]})),
        ("sensitive", json!({"oneOf": [{"type": "boolean"}, {"$ref": "#/$defs/expression"}]})),
        ("for_each", json!({"$ref": "#/$defs/for_each"})),
        ("as", json!({"$ref": "#/$defs/as"})),
    ] {
        properties.insert(name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "required": ["type", "name"],
        "additionalProperties": false,
        "properties": properties,
    })
}

fn about(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The schema of a property's type, which the table has in words.
fn of_words(words: &str) -> Value {
    match words {
        "text" => json!({"type": ["string", "integer"]}),
        "path" | "octal mode" | "SHA-256 in hex" | "secret text" | "template text" => {
            json!({"type": "string"})
        }
        "true or false" => json!({"type": "boolean"}),
        "whole number" | "seconds" => json!({"type": "integer"}),
        "list of words" | "line for the shell, or list of words" => json!({"$ref": "#/$defs/words"}),
        "list of whole numbers" => {
            json!({"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]})
        }
        "object of text values" | "object" => json!({"type": "object"}),
        "text, or an object of sections" => json!({"type": ["string", "object"]}),
        "name or number of a group" | "number or crontab field" => json!({"type": ["string", "integer"]}),
        "whole number or `unlimited`" => json!({"type": ["string", "integer"]}),
        "text, a number, or a list of them" => json!({"type": ["string", "integer", "array"]}),
        "list of objects of `name` and `command_list`" => json!({"type": "array", "items": {"type": "object"}}),
        "symbolic or hard" => json!({"enum": ["symbolic", "hard"]}),
        "debug, info, warn or error" => json!({"enum": ["debug", "info", "warn", "error"]}),
        // A kind may have a type of its own: whatever it takes, the kind itself checks it.
        _ => json!({}),
    }
}

fn attributes() -> Value {
    let levels: Map<String, Value> =
        LEVELS.iter().map(|level| ((*level).to_owned(), json!({"type": "object"}))).collect();
    json!({
        "$schema": DRAFT,
        "title": "Attributes of a cookbook of brasa as data",
        "oneOf": [
            {"type": "object", "additionalProperties": false, "properties": levels},
            {"type": "array", "items": {"oneOf": [
                {"$ref": "#/$defs/write"},
                {
                    "type": "object",
                    "required": ["include_attribute"],
                    "additionalProperties": false,
                    "properties": {"include_attribute": {"type": "string"}},
                },
            ]}},
            {"type": "null"},
        ],
        "$defs": {"write": write()},
    })
}

fn metadata() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "Metadata of a cookbook",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "depends": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "string"}}]},
        },
    })
}

/// Whatever `Dna` takes, and nothing else: `tests/schema.rs` runs both on the same documents.
fn dna() -> Value {
    const NAME: &str = r"^[^\[\]]+$";
    const VERSION: &str = r"^[0-9]+\.[0-9]+(\.[0-9]+)?$";
    const ITEM: &str = r"^(recipe\[[^\[\]@\n]+(@[0-9]+\.[0-9]+(\.[0-9]+)?)?\]|role\[[^\[\]\n]+\]|[^\[\]]+)$";
    let run_list = |about: &str| json!({"description": about, "anyOf": [{"$ref": "#/$defs/items"}, {"type": "null"}]});
    let absent = |key: &str| json!({"properties": {key: {"type": "null"}}});
    let policy = json!({"description": "Policyfiles are not read.", "type": "null"});
    json!({
        "$schema": DRAFT,
        "title": "dna.json: the run-list and attributes of a node",
        "type": "object",
        "properties": {
            "run_list": run_list("What to do: recipes and roles."),
            "recipes": run_list("The old name of `run_list`."),
            "chef_environment": {"type": ["string", "null"], "pattern": r"^[\s\S]+$"},
            "policy_name": policy,
            "policy_group": policy,
        },
        "anyOf": [absent("run_list"), absent("recipes")],
        "$defs": {
            "items": {"anyOf": [
                {"type": "string", "pattern": ITEM},
                {
                    "type": "object",
                    "required": ["type", "name"],
                    "properties": {
                        "type": {"enum": ["recipe", "role"]},
                        "name": {"type": "string", "pattern": NAME},
                        "version": {"type": ["string", "null"], "pattern": VERSION},
                    },
                },
                {"type": "array", "items": {"$ref": "#/$defs/items"}},
            ]},
        },
    })
}

#[cfg(test)]
mod tests {
    use brasa::recipe::{data::COMMON, kinds};
    use serde_json::json;

    use super::{of_words, recipe};

    #[test]
    fn the_type_of_every_property_is_known() {
        let types = kinds().iter().flat_map(|kind| kind.properties).map(|property| property.kind);
        let unknown: Vec<_> = types.filter(|words| of_words(words) == json!({})).collect();
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
