//! `notifies` and `subscribes` of data recipes: `[restart, "service[web]", delayed]`, or an object that says the same.
use serde_json::Value as Json;

use super::order::each;
use crate::{
    Fault,
    node::json::{self, Located},
    recipe::{
        Loose, NOTIFIES, SUBSCRIBES,
        declared::{AnyAction, Listen, Tell, Timing},
        kinds::{Kind, kind, without},
        reference::Address,
    },
    suggest,
    values::Place,
};

const FORM: &str =
    "write `[ACTION, \"KIND[NAME]\", TIMING]`, as in `[restart, \"service[web]\", delayed]`, or a list of such";
const FIELDS: [&str; 3] = ["action", "resource", "timing"];

/// A notice as it is written: an action, whom it is about, and when, as far as that is understood.
struct Written {
    action: Option<(Place, String)>,
    resources: Vec<(Place, &'static Kind, String)>,
    timing: Option<Timing>,
}

/// Those who are told. Every one that `by` names is added to `loose`, also by a faulty notice.
pub(super) fn tells(
    at: Located<'_>,
    value: &Json,
    by: &str,
    loose: &mut Vec<Loose>,
    faults: &mut Vec<Fault>,
) -> Vec<Tell> {
    let mut tells = Vec::new();
    for Written { action, resources, timing } in notices(at, value, "notifies", faults) {
        for (place, kind, id) in resources {
            loose.push(Loose { by: by.to_owned(), verb: NOTIFIES, to: id.clone(), place: place.clone() });
            if let (Some(action), Some(timing)) = (action_of(action.as_ref(), kind, faults), timing) {
                tells.push(Tell { place, to: Address::Name(id), action, timing });
            }
        }
    }
    tells
}

/// Those who are listened to, by a resource of this kind. They are added to `loose` too.
pub(super) fn listens(
    at: Located<'_>,
    value: &Json,
    (of, by): (&Kind, &str),
    loose: &mut Vec<Loose>,
    faults: &mut Vec<Fault>,
) -> Vec<Listen> {
    let mut listens = Vec::new();
    for Written { action, resources, timing } in notices(at, value, "subscribes", faults) {
        let action = action_of(action.as_ref(), of, faults);
        for (place, _, id) in resources {
            loose.push(Loose { by: by.to_owned(), verb: SUBSCRIBES, to: id.clone(), place: place.clone() });
            if let (Some(action), Some(timing)) = (action.clone(), timing) {
                listens.push(Listen { place, from: Address::Name(id), action, timing });
            }
        }
    }
    listens
}

fn action_of(action: Option<&(Place, String)>, of: &Kind, faults: &mut Vec<Fault>) -> Option<AnyAction> {
    let (place, word) = action?;
    of.action_named(word).map_err(|fault| faults.push(fault.at(place.clone()))).ok()
}

fn notices(at: Located<'_>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Vec<Written> {
    let several = value.as_array().filter(|items| items.iter().all(|item| item.is_array() || item.is_object()));
    let Some(items) = several else { return one(at, value, key, faults).into_iter().collect() };
    each(at, items).into_iter().filter_map(|(at, item)| one(at, item, key, faults)).collect()
}

fn one(at: Located<'_>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Option<Written> {
    let (action, resource, timing) = match value {
        Json::Array(parts) if (2..=3).contains(&parts.len()) => {
            let parts = each(at, parts);
            (parts.first().copied(), parts.get(1).copied(), parts.get(2).copied())
        }
        Json::Object(fields) => {
            for (field, _) in at.entries().filter(|(field, _)| !FIELDS.contains(field)) {
                let place = at.get(field).and_then(|at| at.key_place()).unwrap_or_else(|| at.place());
                let fault = Fault::new(format!("a notice has no property `{field}`")).at(place);
                faults.push(fault.hint(suggest::hint(field, FIELDS)));
            }
            let part = |field: &str| Some((at.get(field).unwrap_or(at), fields.get(field)?));
            if part("action").is_none() || part("resource").is_none() {
                faults.push(at.fault(format!("`{key}` needs an `action` and a `resource`")));
            }
            (part("action"), part("resource"), part("timing"))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            faults.push(at.fault(format!("`{key}` does not say who does what")).hint(FORM));
            return None;
        }
    };
    let action = action.and_then(|(at, action)| match action.as_str() {
        Some(word) => Some((at.place(), word.to_owned())),
        None => {
            faults.push(at.fault(format!("the action in `{key}` is a word, not {}", json::kind(action))).hint(FORM));
            None
        }
    });
    let ids = match resource {
        Some((at, Json::Array(ids))) => each(at, ids),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let resources = ids.into_iter().filter_map(|(at, id)| resource_of(at, id, key, faults)).collect();
    Some(Written { action, resources, timing: timing_of(timing, faults) })
}

fn resource_of(
    at: Located<'_>,
    id: &Json,
    key: &str,
    faults: &mut Vec<Fault>,
) -> Option<(Place, &'static Kind, String)> {
    let parts = id.as_str().and_then(|id| id.strip_suffix(']')?.split_once('['));
    let Some((word, name)) = parts.filter(|(word, name)| !word.is_empty() && !name.is_empty()) else {
        let shown = id.as_str().map_or_else(|| json::kind(id).to_owned(), |text| format!("`{text}`"));
        faults.push(at.fault(format!("`{key}` names a resource as `KIND[NAME]`, not {shown}")).hint(FORM));
        return None;
    };
    match kind(word) {
        Ok(kind) => Some((at.place(), kind, format!("{word}[{name}]"))),
        Err(_) => {
            let fault = at.fault(format!("no kind of resource `{word}`"));
            faults.push(fault.hint(without(word)));
            None
        }
    }
}

fn timing_of(timing: Option<(Located<'_>, &Json)>, faults: &mut Vec<Fault>) -> Option<Timing> {
    let Some((at, value)) = timing else { return Some(Timing::Delayed) };
    let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &*word {
        "before" => Some(Timing::Before),
        "immediately" | "immediate" => Some(Timing::Immediately),
        "delayed" => Some(Timing::Delayed),
        _ => {
            let fault = at.fault(format!("no such time for a notice: `{word}`"));
            faults.push(fault.hint(suggest::hint(&word, ["before", "immediately", "delayed"])));
            None
        }
    }
}
