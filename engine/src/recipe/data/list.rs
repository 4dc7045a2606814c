//! A recipe as data: its `resources`, one after the other.
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{
    attributes,
    expression::Scope,
    file, order,
    order::Workshop,
    shelf::{Shelf, Shelves},
};
use crate::{
    Error, Fault, Result,
    error::ENOUGH,
    node::{
        json::{self, Located},
        position,
    },
    recipe::{
        Recipe, Unmade,
        kinds::{Kind, kind},
    },
    suggest,
    values::Place,
};

/// A `for_each` takes so many rounds at most: more is a slip.
const MOST_ROUNDS: usize = 100_000;

/// What an entry of `resources` is.
enum Entry {
    Resource(&'static Kind),
    Include,
    Attribute,
}

/// Declares what the file says.
pub(super) fn compile(r: &mut Recipe<'_>, path: &Path, shelf: &Shelf, shelves: &Shelves) -> Result<()> {
    let mut faults = Vec::new();
    let Some(document) = file::read(path, &mut faults) else {
        r.compiling.unmade.push(Unmade::default());
        return Err(Error::Faults(faults));
    };
    let told = faults.clone();
    let first = r.compiling.faults.len();
    let entries = entries(document.root(), &mut faults);
    let mut checked = Vec::new();
    for entry in entries {
        if faults.len() >= ENOUGH {
            r.compiling.unmade.push(Unmade::default());
            break;
        }
        match kind_of(entry, &mut faults) {
            Some(of) => checked.push((entry, of)),
            None => r.compiling.unmade.push(unmade(entry, None)),
        }
    }
    let node = r.node;
    let mut scope = None;
    for (entry, of) in checked {
        if faults.len() >= ENOUGH {
            r.compiling.unmade.push(Unmade::default());
            break;
        }
        let scope_now = scope.get_or_insert_with(|| Scope::new(node, r.view()));
        let before = faults.len();
        scope_now.took_secret();
        let rounds = rounds(entry, scope_now, &mut faults);
        let secret_rounds = scope_now.took_secret();
        if faults.len() > before {
            // How many there would be, and of what names, nobody knows.
            r.compiling.unmade.extend(match &of {
                Entry::Resource(kind) => Some(Unmade { kind: Some(kind.name.to_owned()), name: None }),
                Entry::Include => Some(Unmade::default()),
                Entry::Attribute => None,
            });
        }
        let word = entry.get("as").and_then(|at| at.value().as_str()).unwrap_or("item");
        if secret_rounds {
            scope_now.set_secret(word);
        }
        // Done when the rounds are over, as the scope does not see it: it would only keep a copy of what was there before.
        let (mut includes, mut writes) = (Vec::new(), Vec::new());
        for (index, round) in rounds.into_iter().enumerate() {
            if faults.len() - before >= ENOUGH || r.compiling.faults.len() - first >= ENOUGH {
                break;
            }
            if let Some(item) = &round {
                scope_now.set(word, item);
                scope_now.set("index", &json!(index));
            }
            match of {
                Entry::Resource(kind) => {
                    let workshop = Workshop { scope: scope_now, node, shelf, shelves };
                    let (mut loose, told) = (Vec::new(), faults.len());
                    match order::make(&workshop, entry, kind, &mut loose, &mut faults) {
                        Some(item) => {
                            r.declare(item, entry.place());
                        }
                        None => r
                            .compiling
                            .unmade
                            .push(Unmade { kind: Some(kind.name.to_owned()), ..unmade(entry, Some(scope_now)) }),
                    }
                    if faults.len() > told {
                        r.compiling.loose.extend(loose);
                    }
                }
                Entry::Include => {
                    let told = faults.len();
                    includes.extend(included(entry, scope_now, &mut faults));
                    if faults.len() > told {
                        r.compiling.unmade.push(Unmade::default());
                    }
                }
                Entry::Attribute => {
                    let at = entry.get("attribute").unwrap_or(entry);
                    writes.extend(attributes::write(at, scope_now, &mut faults));
                }
            }
        }
        scope_now.unset(word);
        scope_now.unset("index");
        if !includes.is_empty() || !writes.is_empty() {
            scope = None;
        }
        writes.into_iter().for_each(|write| r.write_attribute(write));
        for (place, name) in includes {
            if faults.len() - before >= ENOUGH {
                r.compiling.unmade.push(Unmade::default());
                break;
            }
            include(r, &place, &name, &mut faults);
        }
        // Each round may have met the same fault.
        let mut new: Vec<Fault> = Vec::new();
        for fault in faults.drain(before..) {
            if !new.contains(&fault) {
                new.push(fault);
            }
        }
        faults.extend(new);
    }
    // What declaring found is among them already, what was included came before; this file's are told from top to bottom.
    let mut all = r.compiling.faults.split_off(first);
    all.extend(faults);
    let (mut mine, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|fault| matches!(&fault.place, Some(Place::File { path: of, .. }) if **of == *path));
    file::without_follow_ups(&mut mine, &told);
    mine.sort_by_key(|fault| position(fault.place.as_ref()));
    for fault in others.into_iter().chain(mine) {
        // What is wrong with a file that several expressions ask for is told once.
        if !r.compiling.faults.contains(&fault) {
            r.compiling.faults.push(fault);
        }
    }
    Ok(())
}

/// What a faulty entry would have declared, as far as it says so.
fn unmade(entry: Located<'_>, scope: Option<&Scope<'_>>) -> Unmade {
    let text = |key: &str| {
        let at = entry.get(key)?;
        let value = match scope {
            Some(scope) => scope.value(at, &mut Vec::new()),
            None => at.value().clone(),
        };
        match value {
            Json::String(text) if scope.is_some() || !text.contains("{{") => Some(text),
            Json::Number(number) => Some(number.to_string()),
            Json::String(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        }
    };
    // A kind that is none may have been meant as any.
    let kind = entry.get("type").and_then(|at| at.value().as_str()).filter(|word| kind(word).is_ok());
    Unmade { kind: kind.map(str::to_owned), name: text("name") }
}

/// The entries of the top-level `resources`.
fn entries<'d>(root: Located<'d>, faults: &mut Vec<Fault>) -> Vec<Located<'d>> {
    const FORM: &str = "a recipe is `resources:`, and below it a list of `- type: KIND`, `name: NAME` and properties";
    if !root.value().is_object() {
        faults.push(root.fault(format!("a recipe is an object, not {}", json::kind(root.value()))).hint(FORM));
        return Vec::new();
    }
    for (key, value) in root.entries().filter(|(key, _)| *key != "resources") {
        let fault = Fault::new(format!("a recipe has no `{key}`"));
        let fault = fault.at(value.key_place().unwrap_or_else(|| value.place()));
        faults.push(match suggest::nearest(key, ["resources"]) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(FORM),
        });
    }
    match root.get("resources") {
        Some(list) if list.value().is_array() => list.items().collect(),
        // `resources:` with nothing below it.
        Some(list) if list.value().is_null() => Vec::new(),
        Some(list) => {
            faults.push(list.fault(format!("`resources` is a list, not {}", json::kind(list.value()))).hint(FORM));
            Vec::new()
        }
        None => {
            if root.entries().next().is_none() {
                faults.push(root.fault("the recipe has no `resources`").hint(FORM));
            }
            Vec::new()
        }
    }
}

/// What an entry is, checked as far as that needs no node.
fn kind_of(entry: Located<'_>, faults: &mut Vec<Fault>) -> Option<Entry> {
    if !entry.value().is_object() {
        let fault = entry.fault(format!("a resource is an object, not {}", json::kind(entry.value())));
        faults.push(fault.hint("write `- type: KIND` and below it, indented as far, its properties"));
        return None;
    }
    if let Some(at) = entry.get("as")
        && !at.value().as_str().is_some_and(is_word)
    {
        let fault = at.fault("`as` is a word of letters, digits and `_` that expressions then use");
        faults.push(fault.hint("as in `as: site`, used as `{{ site.name }}`"));
        return None;
    }
    for (key, of) in [("include_recipe", Entry::Include), ("attribute", Entry::Attribute)] {
        if entry.get(key).is_some() {
            for (other, value) in entry.entries().filter(|(other, _)| ![key, "for_each", "as"].contains(other)) {
                let fault = Fault::new(format!("`{key}` takes no `{other}` beside it"));
                let fault = fault.at(value.key_place().unwrap_or_else(|| value.place()));
                faults.push(fault.hint("begin another entry with `-`"));
            }
            return Some(of);
        }
    }
    order::check(entry, faults).map(Entry::Resource)
}

fn is_word(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !["node", "index"].contains(&text)
}

/// What each round of an entry is about: once and nothing without `for_each`.
fn rounds(entry: Located<'_>, scope: &Scope<'_>, faults: &mut Vec<Fault>) -> Vec<Option<Json>> {
    let Some(at) = entry.get("for_each") else { return vec![None] };
    let before = faults.len();
    let rounds: Vec<Option<Json>> = match scope.value(at, faults) {
        _ if faults.len() > before => Vec::new(),
        Json::Array(items) => items.into_iter().map(Some).collect(),
        Json::Object(entries) => {
            entries.into_iter().map(|(key, value)| Some(json!({"key": key, "value": value}))).collect()
        }
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => {
            let fault = at.fault(format!("`for_each` takes a list or an object, not {}", json::kind(&other)));
            faults.push(
                fault.hint("as in `for_each: \"{{ node.sites }}\"`; of what may be absent, `{{ node.sites or [] }}`"),
            );
            Vec::new()
        }
    };
    if rounds.len() > MOST_ROUNDS {
        faults.push(at.fault(format!("`for_each` has {} rounds; more than {MOST_ROUNDS} are a slip", rounds.len())));
        return Vec::new();
    }
    rounds
}

/// The recipes that an entry includes, each with its place. A faulty one hides no other.
fn included(entry: Located<'_>, scope: &Scope<'_>, faults: &mut Vec<Fault>) -> Vec<(Place, String)> {
    const KEY: &str = "`include_recipe`";
    let Some(at) = entry.get("include_recipe") else { return Vec::new() };
    let (mut found, first, is_list) = (Vec::new(), faults.len(), at.value().is_array());
    let parts: Vec<Located<'_>> = if is_list { at.items().collect() } else { vec![at] };
    for part in parts {
        let before = faults.len();
        if before - first >= ENOUGH {
            break;
        }
        let value = scope.shown(part, KEY, faults);
        if faults.len() == before {
            let names = match is_list {
                true => order::text_of(part, &value, KEY, faults).into_iter().collect(),
                false => order::words(part, &value, KEY, faults),
            };
            found.extend(names.into_iter().map(|name| (part.place(), name)));
        }
    }
    found
}

fn include(r: &mut Recipe<'_>, place: &Place, name: &str, faults: &mut Vec<Fault>) {
    match r.include_recipe(name) {
        Ok(()) => {}
        Err(Error::Faults(more)) => {
            r.compiling.unmade.push(Unmade::default());
            faults.extend(
                more.into_iter().map(|fault| if fault.place.is_some() { fault } else { fault.at(place.clone()) }),
            );
        }
        Err(error) => {
            r.compiling.unmade.push(Unmade::default());
            let mut fault = Fault::new(error.to_string()).at(place.clone());
            fault.hints = error.hints();
            faults.push(fault);
        }
    }
}
