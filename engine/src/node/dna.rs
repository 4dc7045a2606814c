//! dna.json: a run-list, an environment, and attributes.
//!
//! Source: chef-solo 18 (`recipes` and `run_list` are the same key under two names; the forms of an item).
use std::{collections::HashSet, fmt, path::Path, sync::Arc};

use serde_json::{Map, Value};

use super::{
    json::{self, Document, Located},
    source::{Source, position},
};
use crate::{Fault, error::ENOUGH, suggest, values::Place};

/// What dna.json asks for.
#[derive(Debug)]
pub struct Dna {
    /// The items in order; equal ones once.
    pub run_list: Vec<RunListItem>,
    /// `chef_environment`.
    pub environment: Option<String>,
    /// Everything else: an object.
    pub attributes: Value,
    /// Where all of it was written.
    pub document: Arc<Document>,
}

/// What a run without a dna.json has: nothing.
impl Default for Dna {
    fn default() -> Self {
        Self {
            run_list: Vec::new(),
            environment: None,
            attributes: Value::Object(Map::new()),
            document: Arc::new(Document::empty()),
        }
    }
}

/// What an item of a run-list names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// `recipe[NAME]`, `recipe[NAME@VERSION]` or a bare name.
    Recipe {
        /// `cookbook` or `cookbook::recipe`.
        name: String,
        /// The version of the cookbook that is asked for: two or three numbers.
        version: Option<String>,
    },
    /// `role[NAME]`.
    Role {
        /// Its name.
        name: String,
    },
}

/// One item of a run-list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunListItem {
    /// What it names.
    pub named: Named,
    /// Where it was written.
    pub place: Place,
}

/// As Chef writes it: `recipe[bind::dynamic_dns@1.2.0]`.
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe { name, version: None } => write!(f, "recipe[{name}]"),
            Self::Recipe { name, version: Some(version) } => write!(f, "recipe[{name}@{version}]"),
            Self::Role { name } => write!(f, "role[{name}]"),
        }
    }
}

/// Top-level keys that are not attributes.
pub(super) const TAKEN_OUT: [&str; 5] = ["run_list", "recipes", "chef_environment", "policy_name", "policy_group"];

const FORMS: &str = "an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name";

impl Dna {
    /// Takes a document apart. Everything wrong with the keys that are not attributes is added to the faults, each at its
    /// place; the rest is taken, so that what is wrong with that can be told too.
    #[must_use]
    pub fn new(document: Document, faults: &mut Vec<Fault>) -> Self {
        let root = document.root();
        let Value::Object(entries) = root.value() else {
            let found = json::kind(root.value());
            faults.push(root.fault(format!("dna.json is an object, this is {found}")).hint("write at least `{}`"));
            return Self::default();
        };
        let run_list = run_list_of(&root, faults);
        let environment = given(&root, "chef_environment").and_then(|located| match located.value() {
            Value::String(name) if !name.is_empty() => Some(name.clone()),
            other => {
                let message = format!("`chef_environment` is the name of an environment, this is {}", described(other));
                faults.push(located.fault(message));
                None
            }
        });
        for key in ["policy_name", "policy_group"] {
            if let Some(located) = given(&root, key) {
                let fault = located.fault(format!("`{key}` asks for a Policyfile, which brasa does not read"));
                faults.push(fault.hint("remove it, and list the recipes in `run_list`"));
            }
        }
        let attributes: Map<String, Value> = entries
            .iter()
            .filter(|(key, _)| !TAKEN_OUT.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Self { run_list, environment, attributes: Value::Object(attributes), document: Arc::new(document) }
    }

    /// Top-level attributes that look like a slip of a key with a meaning: `run_lst`.
    #[must_use]
    pub fn warnings(&self) -> Vec<Fault> {
        let slips = self.document.root().entries().filter_map(|(key, located)| {
            let known = ["run_list", "recipes", "chef_environment"];
            let near = (!known.contains(&key)).then(|| suggest::nearest(key, known)).flatten()?;
            let fault = Fault::new(format!("`{key}` is taken as an attribute")).hint(format!("did you mean `{near}`?"));
            Some(match located.key_place() {
                Some(place) => fault.at(place),
                None => fault,
            })
        });
        slips.collect()
    }
}

/// Reads the words of `-o`: items separated by commas. Every word that is no item is added to the faults; its place is its column
/// within the option.
#[must_use]
pub fn override_run_list(words: &str, faults: &mut Vec<Fault>) -> Vec<RunListItem> {
    let source = Source::new(Path::new("-o"), words.to_owned());
    let mut items = Items::default();
    let mut at = 0;
    for word in words.split(',') {
        let start = at + word.len() - word.trim_start().len();
        at += word.len() + 1;
        match item_of(word.trim()) {
            Ok(named) => items.push(named, source.place(start)),
            Err(_) if faults.len() >= ENOUGH => break,
            Err(message) => faults.push(source.fault(start, message).hint(cure(word))),
        }
    }
    items.all
}

fn run_list_of(root: &Located, faults: &mut Vec<Fault>) -> Vec<RunListItem> {
    let (recipes, run_list) = (given(root, "recipes"), given(root, "run_list"));
    if let (Some(recipes), Some(run_list)) = (recipes, run_list) {
        let (first, second) = (recipes.key_place(), run_list.key_place());
        let (at, other, word) = if position(first.as_ref()) > position(second.as_ref()) {
            (recipes, second, "run_list")
        } else {
            (run_list, first, "recipes")
        };
        let other = other.map(|place| format!(" at {place}")).unwrap_or_default();
        let message = format!("the run-list is given twice: `{word}`{other} means the same as this");
        faults.push(at.fault(message).hint("keep `run_list`; `recipes` is its old name"));
    }
    let mut items = Items::default();
    if let Some(list) = recipes.or(run_list) {
        match list.value() {
            Value::Array(_) | Value::String(_) | Value::Object(_) => add_items(&list, &mut items, faults),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                let message = format!("a run-list is a list of items, this is {}", json::kind(list.value()));
                faults.push(list.fault(message).hint(FORMS));
            }
        }
    }
    items.all
}

/// The items of a run-list in a role.
pub(super) fn items(list: &Located, faults: &mut Vec<Fault>) -> Vec<RunListItem> {
    let mut items = Items::default();
    match list.value() {
        Value::Array(_) | Value::String(_) | Value::Object(_) => add_items(list, &mut items, faults),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => {
            let message = format!("a run-list is a list of items, this is {}", json::kind(list.value()));
            faults.push(list.fault(message).hint(FORMS));
        }
    }
    items.all
}

/// Adds an item, or (as Chef does) every item of lists inside lists.
fn add_items(located: &Located, items: &mut Items, faults: &mut Vec<Fault>) {
    if faults.len() >= ENOUGH {
        return;
    }
    let named = match located.value() {
        Value::Array(_) => {
            located.items().for_each(|inner| add_items(&inner, items, faults));
            return;
        }
        Value::String(word) => item_of(word),
        Value::Object(entries) => item_of_object(entries),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => {
            Err(format!("{} is no item of a run-list", described(other)))
        }
    };
    match named {
        Ok(named) => items.push(named, located.place()),
        Err(message) => faults.push(located.fault(message).hint(located.value().as_str().map_or(FORMS.into(), cure))),
    }
}

/// What to write in place of a word that is no item.
fn cure(word: &str) -> String {
    let lower = word.trim().to_lowercase();
    if word.contains(',') {
        return "write each item as an element of the list: `[\"one\", \"two\"]`".to_owned();
    }
    match item_of(&lower).or_else(|_| item_of(&format!("{lower}]"))) {
        Ok(named) => format!("did you mean `{named}`?"),
        Err(_) => FORMS.to_owned(),
    }
}

/// Items in order; equal ones are kept once, at their first place.
#[derive(Default)]
struct Items {
    all: Vec<RunListItem>,
    known: HashSet<Named>,
}

impl Items {
    fn push(&mut self, named: Named, place: Place) {
        if self.known.insert(named.clone()) {
            self.all.push(RunListItem { named, place });
        }
    }
}

fn item_of(word: &str) -> Result<Named, String> {
    let inside = |kind: &str| word.strip_prefix(kind)?.strip_prefix('[')?.strip_suffix(']');
    let plain = |name: &str| !name.is_empty() && !name.contains(['[', ']', '\n']);
    let no_item = |why: &str| Err(format!("`{}` is no item of a run-list{why}", word.escape_debug()));
    if let Some(inner) = inside("recipe") {
        return match pinned(inner) {
            (name, version) if plain(name) && !name.contains('@') => {
                Ok(Named::Recipe { name: name.to_owned(), version: version.map(str::to_owned) })
            }
            _ if inner.contains('@') => no_item(": a version is two or three numbers, as in `@1.2.3`"),
            _ => no_item(""),
        };
    }
    if let Some(name) = inside("role") {
        return if plain(name) { Ok(Named::Role { name: name.to_owned() }) } else { no_item("") };
    }
    if word.is_empty() || word.contains(['[', ']']) {
        return no_item("");
    }
    let (name, version) = pinned(word);
    Ok(Named::Recipe { name: name.to_owned(), version: version.map(str::to_owned) })
}

/// Splits `name@1.2.3`; anything else behind an `@` belongs to the name.
fn pinned(word: &str) -> (&str, Option<&str>) {
    let is_version = |version: &str| {
        let parts: Vec<_> = version.split('.').collect();
        matches!(parts.len(), 2 | 3)
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match word.split_once('@') {
        Some((name, version)) if !name.is_empty() && is_version(version) => (name, Some(version)),
        Some(_) | None => (word, None),
    }
}

fn item_of_object(entries: &Map<String, Value>) -> Result<Named, String> {
    let text = |key: &str| entries.get(key).and_then(Value::as_str);
    let name = text("name").filter(|name| !name.is_empty() && !name.contains(['[', ']']));
    let version = match entries.get("version") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(version)) if pinned(&format!("x@{version}")).1.is_some() => Ok(Some(version.clone())),
        Some(other) => Err(format!("a version is two or three numbers in a string, this is {}", described(other))),
    }?;
    match (text("type"), name) {
        (Some("recipe"), Some(name)) => Ok(Named::Recipe { name: name.to_owned(), version }),
        (Some("role"), Some(name)) => Ok(Named::Role { name: name.to_owned() }),
        (Some(_) | None, _) => {
            Err("an item that is an object has a `type` (`recipe` or `role`) and a `name`".to_owned())
        }
    }
}

/// The value of a key, when it is there and not null.
fn given<'d>(root: &Located<'d>, key: &str) -> Option<Located<'d>> {
    root.get(key).filter(|located| !located.value().is_null())
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(text) => format!("`{}`", text.escape_debug()),
        Value::Array(_) | Value::Object(_) => json::kind(value).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{Dna, override_run_list};
    use crate::{Fault, node::json::Document};

    fn dna(text: &str) -> Result<Dna, Vec<Fault>> {
        let document = Document::parse(Path::new("dna.json"), text.into()).expect("well-formed");
        let mut faults = Vec::new();
        let dna = Dna::new(document, &mut faults);
        if faults.is_empty() { Ok(dna) } else { Err(faults) }
    }

    fn shown(faults: &[Fault]) -> String {
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn items(text: &str) -> Vec<String> {
        dna(text).unwrap().run_list.iter().map(|item| format!("{} {}", item.named, item.place)).collect()
    }

    #[test]
    fn the_file_of_the_article() {
        let text =
            r#"{"gems": [{"name": "rake"}], "recipes": ["build-essential", "gems", "bind::dynamic_dns", "dnsutils"]}"#;
        assert_eq!(
            items(text),
            [
                "recipe[build-essential] dna.json:1:42",
                "recipe[gems] dna.json:1:61",
                "recipe[bind::dynamic_dns] dna.json:1:69",
                "recipe[dnsutils] dna.json:1:90"
            ]
        );
        let dna = dna(text).unwrap();
        assert_eq!(dna.attributes, json!({"gems": [{"name": "rake"}]}));
        assert_eq!(dna.environment, None);
        assert_eq!(dna.document.place_of("/gems/0/name").unwrap().to_string(), "dna.json:1:20");
    }

    #[test]
    fn without_a_file_there_is_nothing() {
        let (none, empty) = (Dna::default(), dna("{}").unwrap());
        assert_eq!(
            (none.run_list, none.environment, none.attributes),
            (empty.run_list, empty.environment, empty.attributes)
        );
        assert!(none.document.place_of("").is_some());
    }

    #[test]
    fn every_form_of_an_item() {
        let forms = r#"{"run_list": ["a", "a::x", "a@1.2.3", "recipe[a]", ["recipe[a::x@1.2]", ["role[r]"]],
            {"type": "recipe", "name": "b", "version": "1.0.0"}, {"type": "role", "name": "s"}, "a@1", "a,b"]}"#;
        let named: Vec<_> = dna(forms).unwrap().run_list.iter().map(|item| item.named.to_string()).collect();
        assert_eq!(
            named,
            [
                "recipe[a]",
                "recipe[a::x]",
                "recipe[a@1.2.3]",
                "recipe[a::x@1.2]",
                "role[r]",
                "recipe[b@1.0.0]",
                "role[s]",
                "recipe[a@1]",
                "recipe[a,b]"
            ]
        );
        assert_eq!(items(r#"{"run_list": "a"}"#), ["recipe[a] dna.json:1:14"]);
    }

    #[test]
    fn what_is_absent_or_null_is_empty() {
        assert!(items("{}").is_empty());
        assert!(items(r#"{"run_list": null, "chef_environment": null, "policy_group": null}"#).is_empty());
        assert_eq!(items(r#"{"recipes": null, "run_list": ["a"]}"#), ["recipe[a] dna.json:1:32"]);
        assert_eq!(items(r#"{"recipes": ["a"], "run_list": null}"#), ["recipe[a] dna.json:1:14"]);
    }

    #[test]
    fn the_environment_is_taken_out() {
        let dna = dna(r#"{"chef_environment": "prod", "a": 1}"#).unwrap();
        assert_eq!(dna.environment.as_deref(), Some("prod"));
        assert_eq!(dna.attributes, json!({"a": 1}));
    }

    #[test]
    fn slips_of_keys_are_warned_about() {
        let dna = dna(r#"{"run_lst": ["a"], "gems": []}"#).unwrap();
        assert_eq!(
            shown(&dna.warnings()),
            "dna.json:1:2: `run_lst` is taken as an attribute\nhint: did you mean `run_list`?"
        );
    }

    #[test]
    fn words_of_the_override_keep_their_columns() {
        let items = override_run_list("recipe[a], role[r],b::c", &mut Vec::new());
        let shown: Vec<_> = items.iter().map(|item| format!("{} {}", item.named, item.place)).collect();
        assert_eq!(shown, ["recipe[a] -o:1:1", "role[r] -o:1:12", "recipe[b::c] -o:1:20"]);
    }

    #[test]
    fn bad_words_of_the_override_are_faults() {
        let mut faults = Vec::new();
        let items = override_run_list("a,,recipe[b,c", &mut faults);
        assert_eq!(items.iter().map(|item| item.named.to_string()).collect::<Vec<_>>(), ["recipe[a]", "recipe[c]"]);
        insta::assert_snapshot!(shown(&faults), @"
        -o:1:3: `` is no item of a run-list
           1 | a,,recipe[b,c
             |   ^
        hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
        -o:1:4: `recipe[b` is no item of a run-list
           1 | a,,recipe[b,c
             |    ^
        hint: did you mean `recipe[b]`?
        ");
    }

    const BAD: &[(&str, &str)] = &[
        (
            "[1]",
            "dna.json:1:1: dna.json is an object, this is a list
hint: write at least `{}`",
        ),
        (
            "null",
            "dna.json:1:1: dna.json is an object, this is null
hint: write at least `{}`",
        ),
        (
            "{\"run_list\": 5, \"chef_environment\": 7, \"policy_name\": \"p\"}",
            "dna.json:1:14: a run-list is a list of items, this is a number
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:37: `chef_environment` is the name of an environment, this is `7`
dna.json:1:55: `policy_name` asks for a Policyfile, which brasa does not read
hint: remove it, and list the recipes in `run_list`",
        ),
        (
            "{\"run_list\": {\"a\": 1}}",
            "dna.json:1:14: an item that is an object has a `type` (`recipe` or `role`) and a `name`
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name",
        ),
        (
            "{\"recipes\": [], \"run_list\": [\"a\"]}",
            "dna.json:1:29: the run-list is given twice: `recipes` at dna.json:1:2 means the same as this
hint: keep `run_list`; `recipes` is its old name",
        ),
        (
            "{\"run_list\": [\"Recipe[a]\", \" recipe[a] \", \"recipe[a@1]\", \"recipe[]\", \"role[]\", \"recipe[a\", \"\", \"recipe[a@1.2.3.4]\", \"recipe[a],recipe[b]\"]}",
            r#"dna.json:1:15: `Recipe[a]` is no item of a run-list
hint: did you mean `recipe[a]`?
dna.json:1:28: ` recipe[a] ` is no item of a run-list
hint: did you mean `recipe[a]`?
dna.json:1:43: `recipe[a@1]` is no item of a run-list: a version is two or three numbers, as in `@1.2.3`
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:58: `recipe[]` is no item of a run-list
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:70: `role[]` is no item of a run-list
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:80: `recipe[a` is no item of a run-list
hint: did you mean `recipe[a]`?
dna.json:1:92: `` is no item of a run-list
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:96: `recipe[a@1.2.3.4]` is no item of a run-list: a version is two or three numbers, as in `@1.2.3`
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:117: `recipe[a],recipe[b]` is no item of a run-list
hint: write each item as an element of the list: `["one", "two"]`"#,
        ),
        (
            "{\"run_list\": [\"a\", null, [5, [true]], {\"type\": \"recipe\"}, {\"type\": \"cookbook\", \"name\": \"a\"}, {\"type\": \"recipe\", \"name\": \"a\", \"version\": 1}]}",
            "dna.json:1:20: null is no item of a run-list
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:27: `5` is no item of a run-list
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:31: `true` is no item of a run-list
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:39: an item that is an object has a `type` (`recipe` or `role`) and a `name`
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:59: an item that is an object has a `type` (`recipe` or `role`) and a `name`
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
dna.json:1:94: a version is two or three numbers in a string, this is `1`
hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name",
        ),
        (
            r#"{"run_list": "recipe[a],recipe[b]"}"#,
            r#"dna.json:1:14: `recipe[a],recipe[b]` is no item of a run-list
hint: write each item as an element of the list: `["one", "two"]`"#,
        ),
        (
            r#"{"chef_environment": ""}"#,
            r#"dna.json:1:22: `chef_environment` is the name of an environment, this is an empty string"#,
        ),
    ];

    #[test]
    fn bad_input_is_named_with_its_place() {
        for (input, expected) in BAD {
            assert_eq!(shown(&dna(input).expect_err(input)), *expected, "for {input}");
        }
    }
}
