//! One entry of a recipe's `resources` as a declared resource.
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::{
    expression::Scope,
    file, notice, search,
    shelf::{Shelf, Shelves},
};
use crate::{
    Fault,
    host::disk,
    node::{
        Node, age,
        json::{self, Located},
    },
    recipe::{
        Loose,
        declared::{Common, Item},
        guard::{Guard, shell, when},
        kinds::{Brought, Kind, Part, kind, without},
    },
    resource::{Environment, Property, Resource as _},
    resources::{command::CommandLine, http_request::HttpRequest},
    suggest,
    values::Seconds,
};

/// What every resource may say beside the properties of its kind.
pub const COMMON: [&str; 13] = [
    "type",
    "name",
    "action",
    "only_if",
    "not_if",
    "notifies",
    "subscribes",
    "ignore_failure",
    "retries",
    "retry_delay",
    "sensitive",
    "for_each",
    "as",
];

/// Properties that in Chef are the name by another word.
const NAMING: [(&str, &str); 12] = [
    ("cookbook_file", "path"),
    ("cron_d", "cron_name"),
    ("directory", "path"),
    ("file", "path"),
    ("git", "destination"),
    ("group", "group_name"),
    ("link", "target_file"),
    ("remote_directory", "path"),
    ("remote_file", "path"),
    ("systemd_unit", "unit_name"),
    ("template", "path"),
    ("user", "username"),
];

/// Properties that may hold a secret: what they become on the machine is not shown when the resource is sensitive. Of the others
/// some stand in messages, and commands in the list of processes.
const HIDING: [&str; 10] =
    ["code", "content", "environment", "headers", "input", "line", "password", "text", "value", "variables"];

/// What a resource is made in: the node, its cookbook and the others.
pub(super) struct Workshop<'w, 'n> {
    pub scope: &'w Scope<'n>,
    pub node: &'w Node<'n>,
    pub shelf: &'w Shelf,
    pub shelves: &'w Shelves,
}

/// Checks what can be seen without working out any expression: kind and keys. `None` when there is no use in going on.
pub(super) fn check(entry: Located<'_>, faults: &mut Vec<Fault>) -> Option<&'static Kind> {
    let Some(of) = entry.get("type") else {
        let fault = entry.fault("a resource needs a `type`");
        let given: Vec<&str> = entry.entries().map(|(key, _)| key).collect();
        let fault = match given.iter().find_map(|key| suggest::nearest(key, ["type", "include_recipe", "attribute"])) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("write `type: file`; or `include_recipe: NAME`, or `attribute: {...}` in its place"),
        };
        faults.push(fault);
        return None;
    };
    let Some(word) = of.value().as_str() else {
        faults.push(of.fault(format!("`type` is the name of a kind, not {}", json::kind(of.value()))));
        return None;
    };
    let found = match kind(word) {
        Ok(found) => found,
        Err(_) => {
            let fault = of.fault(format!("no kind of resource `{word}`"));
            faults.push(fault.hint(without(word)));
            return None;
        }
    };
    if entry.get("name").is_none() {
        let fault = entry.fault(format!("this `{word}` has no `name`"));
        faults.push(fault.hint(format!("its name is the {}", found.named)));
    }
    let named = entry.get("name").is_some();
    let brought = found.source_folder().map_or(&[][..], |_| &["source", "cookbook"]);
    for (key, value) in entry.entries() {
        let known = || found.properties().map(|property| property.name).chain(brought.iter().copied());
        if !COMMON.contains(&key) && !known().any(|name| name == key) {
            let fault = Fault::new(format!("`{word}` has no property `{key}`"));
            let fault = fault.at(value.key_place().unwrap_or_else(|| value.place()));
            let all: Vec<&str> = known().collect();
            if NAMING.contains(&(word, key)) {
                faults.push(fault.hint(format!("its name is the {}: write it as `name`", found.named)));
                continue;
            }
            if let Some(elsewhere) = found.elsewhere(key) {
                faults.push(fault.hint(elsewhere));
                continue;
            }
            faults.push(match suggest::nearest(key, all.iter().copied().chain(COMMON)) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => {
                    fault.hint(suggest::hint(key, all)).hint(format!("`brasa explain {word}` tells what they mean"))
                }
            });
        }
    }
    named.then_some(found)
}

/// Makes the resource. Faults are added; with one of its name, actions or properties nothing is made, else what is left, so that
/// others find it. What its notices name is added to `loose`.
pub(super) fn make(
    workshop: &Workshop<'_, '_>,
    entry: Located<'_>,
    of: &'static Kind,
    loose: &mut Vec<Loose>,
    faults: &mut Vec<Fault>,
) -> Option<Box<dyn Item>> {
    let before = faults.len();
    let value = |key: &str, faults: &mut Vec<Fault>| {
        let found = entry.get(key)?;
        let before = faults.len();
        let value = workshop.scope.shown(found, &format!("`{key}`"), faults);
        (faults.len() == before).then_some((found, value))
    };
    let name = match value("name", faults) {
        Some((at, value)) if faults.len() == before => text_of(at, &value, "`name`", faults).unwrap_or_default(),
        Some(_) | None => String::new(),
    };
    let actions = value("action", faults).map_or_else(Vec::new, |(at, value)| words(at, &value, "`action`", faults));
    let mut properties = Map::new();
    let known = |key: &str| {
        let brought = of.source_folder().is_some() && matches!(key, "source" | "cookbook");
        brought || of.properties().any(|property| property.name == key)
    };
    workshop.scope.took_secret();
    workshop.scope.take_secrets();
    let mut secrets: Vec<&str> = Vec::new();
    for (key, at) in entry.entries().filter(|(key, _)| known(key)) {
        // What a `log` says is there to be read.
        let hiding = HIDING.contains(&key) || (key == "message" && of.name == HttpRequest::KIND);
        let value = if hiding {
            workshop.scope.value(at, faults)
        } else {
            workshop.scope.shown(at, &format!("`{key}`"), faults)
        };
        if workshop.scope.took_secret() {
            secrets.push(key);
        }
        if age::is_sealed(&value) {
            let fault = at.fault(format!("`{key}` is encrypted with age"));
            faults.push(fault.hint("decrypt it: `{{ node.database.password | secret }}`"));
        }
        properties.insert(key.to_owned(), value);
    }
    let hidden = workshop.scope.take_secrets();
    let brought = match of.source_folder() {
        Some(folder) if faults.len() == before => {
            bring(workshop, entry, (of, folder), &name, &actions, &mut properties, faults)
        }
        Some(_) | None => None,
    };
    let unfit = faults.len() > before;
    let by = if name.is_empty() { format!("this `{}`", of.name) } else { format!("{}[{name}]", of.name) };
    let mut common = Common::default();
    for (wanted, key) in [(true, "only_if"), (false, "not_if")] {
        if let Some((at, value)) = value(key, faults) {
            common.guards.extend(guards(at, &value, key, faults).into_iter().map(|guard| (wanted, guard)));
        }
    }
    if let Some((at, value)) = value("notifies", faults) {
        common.notifies = notice::tells(at, &value, &by, loose, faults);
    }
    if let Some((at, value)) = value("subscribes", faults) {
        common.subscribes = notice::listens(at, &value, (of, &by), loose, faults);
    }
    if let Some((at, value)) = value("ignore_failure", faults) {
        // Chef's `quiet` means the same here: a failure that is ignored is told in one line anyway.
        let value = if value == "quiet" { Json::Bool(true) } else { value };
        common.ignore_failure = read(at, &value, "ignore_failure", faults).unwrap_or_default();
    }
    if let Some((at, value)) = value("retries", faults) {
        common.retries = read(at, &value, "retries", faults).unwrap_or_default();
    }
    if let Some((at, value)) = value("retry_delay", faults) {
        common.retry_delay = read::<Seconds>(at, &value, "retry_delay", faults);
    }
    if entry.get("sensitive").is_some() {
        let given = value("sensitive", faults).and_then(|(at, value)| read(at, &value, "sensitive", faults));
        common.sensitive = given.unwrap_or(true);
    }
    common.sensitive |= !secrets.is_empty();
    if unfit {
        return None;
    }
    match of.order(&name, &properties, &actions, brought) {
        Ok(mut item) => {
            *item.common_mut() = common;
            // What declaring it would find is told here, so that no value of a secret gets into a sentence.
            if !hidden.is_empty() && item.check().iter().any(|fault| tells(fault, &hidden)) {
                let keys = secrets.join("`, `");
                let fault = entry.fault(format!("{}: a secret is not what `{keys}` takes", item.id()));
                faults.push(fault.hint("what is wrong is not shown, as words of the secret are in it"));
                return None;
            }
            Some(item)
        }
        Err(wrong) => {
            let at = |part: &Part| match part {
                Part::Property(name) => entry.get(name),
                Part::Source => entry.get("source"),
                Part::Action(index) => entry.get("action").map(|at| at.items().nth(*index).unwrap_or(at)),
            };
            let sentence = |part: &Part, sentence: String| match part {
                Part::Property(name) if secrets.contains(&&**name) => format!("a secret is not what `{name}` takes"),
                Part::Property(_) | Part::Source | Part::Action(_) => sentence,
            };
            faults.extend(wrong.into_iter().map(|wrong| {
                let at = at(&wrong.part).unwrap_or(entry);
                at.fault(sentence(&wrong.part, wrong.sentence))
            }));
            None
        }
    }
}

/// Whether a fault tells anything of these secrets.
fn tells(fault: &Fault, secrets: &[Json]) -> bool {
    fn holds(text: &str, value: &Json) -> bool {
        match value {
            // Sentences may quote a part.
            Json::String(secret) => secret.split_whitespace().any(|word| text.contains(word)),
            Json::Array(items) => items.iter().any(|item| holds(text, item)),
            Json::Object(entries) => {
                entries.iter().any(|(key, value)| text.contains(key.as_str()) || holds(text, value))
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }
    let text = format!("{fault}");
    secrets.iter().any(|value| holds(&text, value))
}

/// The file that `source` names, or the one named as the resource's path ends.
fn bring(
    workshop: &Workshop<'_, '_>,
    entry: Located<'_>,
    (of, folder): (&Kind, &str),
    name: &str,
    actions: &[String],
    properties: &mut Map<String, Json>,
    faults: &mut Vec<Fault>,
) -> Option<Brought> {
    let source = properties.shift_remove("source");
    let owner = properties.shift_remove("cookbook");
    let is_template = folder == "templates";
    let bare = !actions.is_empty() && actions.iter().all(|action| matches!(action.as_str(), "delete" | "nothing"));
    if source.is_none() && bare {
        return is_template.then(Brought::default);
    }
    let (at, names) = match (entry.get("source"), &source) {
        (Some(at), Some(value)) => (at, words(at, value, "`source`", faults)),
        _ => {
            let last = Path::new(name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (entry, vec![if is_template { format!("{last}.tera") } else { last }])
        }
    };
    let shelf = match (entry.get("cookbook"), owner) {
        (Some(at), Some(value)) => {
            let owner = text_of(at, &value, "`cookbook`", faults)?;
            let Some(shelf) = workshop.shelves.get(&owner) else {
                let known = workshop.shelves.names();
                let fault = at.fault(format!("no cookbook `{owner}` with files is on `cookbook_path`"));
                faults.push(fault.hint(suggest::hint(&owner, known)));
                return None;
            };
            shelf
        }
        _ => workshop.shelf,
    };
    if names.is_empty() {
        faults.push(at.fault("`source` names no file"));
        return None;
    }
    if let Some(outside) = names.iter().find(|name| name.starts_with('/') || name.split('/').any(|part| part == "..")) {
        let fault = at.fault(format!("`{outside}` leads out of the cookbook's `{folder}/`"));
        faults.push(fault.hint(format!("put the file into `{folder}/` and name it from there")));
        return None;
    }
    let directory = shelf.directory.join(folder);
    let folders = search::folders(workshop.node.facts());
    let whole = of.brings_directory();
    let is_there = |path: &str| {
        if whole { disk::is_directory(&directory.join(path)) } else { file::is_there(&directory.join(path)) }
    };
    let Some(found) = search::find(&folders, names.iter().map(String::as_str), is_there) else {
        faults.push(not_found(at, &directory, &names, &folders, whole));
        return None;
    };
    if whole {
        let path = directory.join(found);
        let files = file::everything(&path).map_err(|fault| faults.push(fault.at(at.place()))).ok()?;
        return Some(Brought { name: path.display().to_string(), files, ..Brought::default() });
    }
    if is_template && found.ends_with(".erb") {
        let fault = at.fault(format!("`{}` is a template in ERB, which is Ruby", directory.join(&found).display()));
        faults
            .push(fault.hint("write it anew in tera's language, as `NAME.tera`: `<%= @port %>` becomes `{{ port }}`"));
        return None;
    }
    let path = directory.join(&found);
    let bytes = file::content(&path).map_err(|fault| faults.push(fault.at(at.place()))).ok()?;
    if is_template {
        // As in Chef, a template sees the node beside what it is given.
        let text = String::from_utf8_lossy(&bytes);
        let variables = properties.entry("variables").or_insert_with(|| Json::Object(Map::new()));
        if text.contains("node")
            && let Some(variables) = variables.as_object_mut()
            && !variables.contains_key("node")
        {
            variables.insert("node".to_owned(), workshop.scope.node_for(&text));
        }
    }
    Some(Brought { name: path.display().to_string(), bytes, ..Brought::default() })
}

fn not_found(at: Located<'_>, directory: &Path, names: &[String], folders: &[String], whole: bool) -> Fault {
    let shown = names.join("`, `");
    let what = if whole { "directory" } else { "file" };
    let fault = at.fault(format!("no {what} `{shown}` in `{}`", directory.display()));
    let mut there = file::below(directory);
    if whole {
        there = there.iter().filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect();
    }
    let plain: Vec<&str> = there
        .iter()
        .map(|path| folders.iter().find_map(|folder| path.strip_prefix(&format!("{folder}/"))).unwrap_or(path))
        .collect();
    match names.first().and_then(|name| suggest::nearest(name, plain)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => {
            let looked: Vec<_> =
                folders.iter().map(|folder| if folder.is_empty() { "the folder itself" } else { folder }).collect();
            fault.hint(format!("looked into {}", looked.join(", ")))
        }
    }
}

/// Reads a value of a property's type.
fn read<T: Property>(at: Located<'_>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Option<T> {
    T::from_json(value).map_err(|sentence| faults.push(at.fault(format!("`{key}`: {sentence}")))).ok()
}

/// A text; a number is written as one.
pub(super) fn text_of(at: Located<'_>, value: &Json, what: &str, faults: &mut Vec<Fault>) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::String(_) => {
            faults.push(at.fault(format!("{what} is empty")));
            None
        }
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            faults.push(at.fault(format!("{what} must be text, not {}", json::kind(value))));
            None
        }
    }
}

/// The elements of a list, each with its place: that of the whole, when an expression gave it.
pub(super) fn each<'d, 'v>(at: Located<'d>, items: &'v [Json]) -> Vec<(Located<'d>, &'v Json)> {
    let mut places = at.items();
    items.iter().map(|item| (places.next().unwrap_or(at), item)).collect()
}

/// One text or a list of them.
pub(super) fn words(at: Located<'_>, value: &Json, what: &str, faults: &mut Vec<Fault>) -> Vec<String> {
    match value {
        Json::Array(items) => {
            each(at, items).into_iter().filter_map(|(at, item)| text_of(at, item, what, faults)).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            text_of(at, value, what, faults).into_iter().collect()
        }
    }
}

const GUARD: [&str; 6] = ["command", "user", "group", "cwd", "environment", "timeout"];

/// One guard or a list: a shell command, what an expression found true or false, or a command with more to it.
fn guards(at: Located<'_>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Vec<Guard> {
    match value {
        Json::Bool(holds) => {
            let holds = *holds;
            vec![when(format!("`{holds}`, when the recipe was compiled"), move |_| Ok(holds))]
        }
        Json::String(line) if !line.trim().is_empty() => vec![shell(line.clone())],
        Json::Array(items) => {
            each(at, items)
                .into_iter()
                .flat_map(|(at, item)| {
                    if item.is_array() { bad_guard(at, item, key, faults) } else { guards(at, item, key, faults) }
                })
                .collect()
        }
        Json::Object(fields) => {
            let before = faults.len();
            let command = guard_command(at, fields, key, faults);
            let mut guard = Guard::from(command.unwrap_or_else(|| CommandLine::from("")));
            for (field, value) in fields {
                let place = at.get(field).unwrap_or(at);
                let name = format!("{key}.{field}");
                guard = match field.as_str() {
                    "command" => guard,
                    "user" => read::<String>(place, value, &name, faults).into_iter().fold(guard, Guard::user),
                    "group" => read::<String>(place, value, &name, faults).into_iter().fold(guard, Guard::group),
                    "cwd" => read::<String>(place, value, &name, faults).into_iter().fold(guard, Guard::cwd),
                    "environment" => {
                        read::<Environment>(place, value, &name, faults).into_iter().fold(guard, Guard::environment)
                    }
                    "timeout" => read::<Seconds>(place, value, &name, faults).into_iter().fold(guard, Guard::timeout),
                    other => {
                        let place = place.key_place().unwrap_or_else(|| place.place());
                        let fault = Fault::new(format!("a guard has no property `{other}`")).at(place);
                        faults.push(fault.hint(suggest::hint(other, GUARD)));
                        guard
                    }
                };
            }
            if faults.len() > before { Vec::new() } else { vec![guard] }
        }
        Json::String(_) => {
            faults.push(at.fault(format!("`{key}` is empty")));
            Vec::new()
        }
        Json::Null | Json::Number(_) => bad_guard(at, value, key, faults),
    }
}

/// The command of a guard that is an object.
fn guard_command(
    at: Located<'_>,
    fields: &Map<String, Json>,
    key: &str,
    faults: &mut Vec<Fault>,
) -> Option<CommandLine> {
    let Some(value) = fields.get("command") else {
        // A slip of the word is told as an unknown property.
        if fields.keys().all(|field| suggest::nearest(field, GUARD) != Some("command")) {
            faults.push(at.fault(format!("`{key}` needs a `command`")));
        }
        return None;
    };
    let (at, name) = (at.get("command").unwrap_or(at), format!("{key}.command"));
    let command = read::<CommandLine>(at, value, &name, faults)?;
    let is_empty = match &command {
        CommandLine::Shell(line) => line.trim().is_empty(),
        CommandLine::Words(words) => words.first().is_none_or(String::is_empty),
    };
    if is_empty {
        faults.push(at.fault(format!("`{name}` is empty")));
    }
    Some(command)
}

fn bad_guard(at: Located<'_>, value: &Json, key: &str, faults: &mut Vec<Fault>) -> Vec<Guard> {
    let fault = at.fault(format!("`{key}` cannot be {}", json::kind(value)));
    faults
        .push(fault.hint("write a shell command, an expression that is true or false, or `{command: ..., user: ...}`"));
    Vec::new()
}
