//! A validator of JSON Schema, as far as our schemas need one.
use regex_lite::Regex;
use serde_json::Value;

/// As much of JSON Schema as our schemas use. Any other keyword is a fault, so that none is passed over.
pub struct Schema<'s>(pub &'s Value);

impl Schema<'_> {
    pub fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" => {}
                "$ref" => {
                    let pointer = wanted.as_str().and_then(|to| to.strip_prefix('#')).expect("a place in this schema");
                    faults.extend(self.faults(self.0.pointer(pointer).expect(pointer), value));
                }
                "const" if wanted != value => faults.push(format!("{value} is not {wanted}")),
                "enum" if !list(wanted).contains(value) => faults.push(format!("{value} is none of {wanted}")),
                "const" | "enum" => {}
                "type" => {
                    let types = wanted.as_array().map_or_else(|| vec![wanted], |types| types.iter().collect());
                    if !types.iter().any(|wanted| is(wanted.as_str().expect("a type is a word"), value)) {
                        faults.push(format!("{value} is no {wanted}"));
                    }
                }
                "required" => {
                    let absent =
                        list(wanted).iter().filter(|key| value.get(key.as_str().unwrap_or_default()).is_none());
                    faults.extend(absent.map(|key| format!("{key} is absent")));
                }
                "properties" => {
                    for (key, schema) in wanted.as_object().expect("properties are an object") {
                        faults.extend(value.get(key).into_iter().flat_map(|value| self.faults(schema, value)));
                    }
                }
                "additionalProperties" => {
                    assert_eq!(wanted, false, "only `false` is known to this test");
                    let known = schema.get("properties").and_then(Value::as_object);
                    let is_known = |key: &String| known.is_some_and(|known| known.contains_key(key));
                    let more = value.as_object().into_iter().flatten().filter(|(key, _)| !is_known(key));
                    faults.extend(more.map(|(key, _)| format!("{key} is not known")));
                }
                "pattern" => {
                    let pattern =
                        Regex::new(wanted.as_str().expect("a pattern is text")).expect("a pattern can be read");
                    if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                        faults.push(format!("{value} does not match {wanted}"));
                    }
                }
                "anyOf" => {
                    if !list(wanted).iter().any(|schema| self.faults(schema, value).is_empty()) {
                        faults.push(format!("none of the choices holds for {value}"));
                    }
                }
                "items" => faults.extend(list(value).iter().flat_map(|item| self.faults(wanted, item))),
                "allOf" => faults.extend(list(wanted).iter().flat_map(|schema| self.faults(schema, value))),
                "oneOf" => {
                    let each: Vec<_> = list(wanted).iter().map(|schema| self.faults(schema, value)).collect();
                    if each.iter().filter(|faults| faults.is_empty()).count() != 1 {
                        faults.push(format!("not exactly one of the choices holds: {each:?}"));
                    }
                }
                other => faults.push(format!("keyword {other} is not known to this test")),
            }
        }
        faults
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is(wanted: &str, value: &Value) -> bool {
    match wanted {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
