//! `notifies` and `subscribes` of data recipes: `[restart, "service[web]", delayed]`, or an object that says the same.
use serde_json::Value as Json;

use crate::{
    Fault,
    node::json::{self, Located},
    recipe::{
        declared::{Listen, Tell, Timing},
        kinds::{Kind, kind, kinds},
        reference::Address,
    },
    suggest,
};

const FORM: &str =
    "write `[ACTION, \"KIND[NAME]\", TIMING]`, as in `[restart, \"service[web]\", delayed]`, or a list of such";
const FIELDS: [&str; 3] = ["action", "resource", "timing"];

/// A notice as it is written: an action, whom it is about, and when.
struct Written {
    action: String,
    resources: Vec<(&'static Kind, String)>,
    timing: Timing,
}

/// Those who are told.
pub(super) fn tells(at: Located<'_>, value: &Json, faults: &mut Vec<Fault>) -> Vec<Tell> {
    let mut tells = Vec::new();
    for (at, written) in notices(at, value, "notifies", faults) {
        for (kind, id) in written.resources {
            match kind.action_named(&written.action) {
                Ok(action) => {
                    tells.push(Tell { place: at.place(), to: Address::Name(id), action, timing: written.timing });
                }
                Err(sentence) => faults.push(at.fault(sentence)),
            }
        }
    }
    tells
}

/// Those who are listened to, by a resource of this kind.
pub(super) fn listens(at: Located<'_>, value: &Json, of: &Kind, faults: &mut Vec<Fault>) -> Vec<Listen> {
    let mut listens = Vec::new();
    for (at, written) in notices(at, value, "subscribes", faults) {
        match of.action_named(&written.action) {
            Ok(action) => listens.extend(written.resources.into_iter().map(|(_, id)| Listen {
                place: at.place(),
                from: Address::Name(id),
                action: action.clone(),
                timing: written.timing,
            })),
            Err(sentence) => faults.push(at.fault(sentence)),
        }
    }
    listens
}

fn notices<'d>(at: Located<'d>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Vec<(Located<'d>, Written)> {
    let several = value.as_array().filter(|items| items.iter().all(|item| item.is_array() || item.is_object()));
    let Some(items) = several else {
        return one(at, value, key, faults).map(|written| (at, written)).into_iter().collect();
    };
    let mut places = at.items();
    let mut found = Vec::new();
    for item in items {
        let at = places.next().unwrap_or(at);
        found.extend(one(at, item, key, faults).map(|written| (at, written)));
    }
    found
}

fn one(at: Located<'_>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Option<Written> {
    let (action, resource, timing) = match value {
        Json::Array(parts) if (2..=3).contains(&parts.len()) => (&parts[0], &parts[1], parts.get(2)),
        Json::Object(fields) => {
            for (field, _) in at.entries().filter(|(field, _)| !FIELDS.contains(field)) {
                let place = at.get(field).and_then(|at| at.key_place()).unwrap_or_else(|| at.place());
                let fault = Fault::new(format!("a notice has no property `{field}`")).at(place);
                faults.push(fault.hint(suggest::hint(field, FIELDS)));
            }
            match (fields.get("action"), fields.get("resource")) {
                (Some(action), Some(resource)) => (action, resource, fields.get("timing")),
                _ => {
                    faults.push(at.fault(format!("`{key}` needs an `action` and a `resource`")));
                    return None;
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            faults.push(at.fault(format!("`{key}` does not say who does what")).hint(FORM));
            return None;
        }
    };
    let Some(action) = action.as_str() else {
        faults.push(at.fault(format!("the action in `{key}` is a word, not {}", json::kind(action))).hint(FORM));
        return None;
    };
    let resources = match resource {
        Json::Array(ids) => ids.iter().filter_map(|id| resource_of(at, id, key, faults)).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            resource_of(at, resource, key, faults).into_iter().collect()
        }
    };
    Some(Written { action: action.to_owned(), resources, timing: timing_of(at, timing, faults)? })
}

fn resource_of(at: Located<'_>, id: &Json, key: &str, faults: &mut Vec<Fault>) -> Option<(&'static Kind, String)> {
    let parts = id.as_str().and_then(|id| id.strip_suffix(']')?.split_once('['));
    let Some((word, name)) = parts.filter(|(word, name)| !word.is_empty() && !name.is_empty()) else {
        let shown = id.as_str().map_or_else(|| json::kind(id).to_owned(), |text| format!("`{text}`"));
        faults.push(at.fault(format!("`{key}` names a resource as `KIND[NAME]`, not {shown}")).hint(FORM));
        return None;
    };
    match kind(word) {
        Ok(kind) => Some((kind, format!("{word}[{name}]"))),
        Err(_) => {
            let fault = at.fault(format!("no kind of resource `{word}`"));
            faults.push(fault.hint(suggest::hint(word, kinds().iter().map(|kind| kind.name))));
            None
        }
    }
}

fn timing_of(at: Located<'_>, timing: Option<&Json>, faults: &mut Vec<Fault>) -> Option<Timing> {
    let word = match timing {
        None => return Some(Timing::Delayed),
        Some(value) => value.as_str().unwrap_or_default(),
    };
    let timing = match word {
        "before" => Timing::Before,
        "immediately" | "immediate" => Timing::Immediately,
        "delayed" => Timing::Delayed,
        _ => {
            let fault = at.fault(format!("no such time for a notice: `{word}`"));
            faults.push(fault.hint(suggest::hint(word, ["before", "immediately", "delayed"])));
            return None;
        }
    };
    Some(timing)
}
