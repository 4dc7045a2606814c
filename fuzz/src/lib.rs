//! What is fuzzed: each function takes any bytes whatever, and panics when something is wrong. `fuzz_targets/NAME.rs` hands one
//! to the fuzzer; the ordinary tests (`tests/fuzzing.rs`) run each over its corpus and over changed copies of it.
#![allow(clippy::disallowed_methods, reason = "what is fuzzed here reads files, which have to be made")]

use std::{fs, path::Path, sync::Arc};

use brasa::{
    Error, Fault, compile,
    facts::Facts,
    host::{Bounds, Fake, Pretended, unpack},
    node::{
        Attributes, Constraint, CookbookVersion, Dna, Expansion, Item, Library, Node,
        age::{Form, Identities, Source},
        config::Settings,
        data_bags::{ItemSecret, encrypted},
        json::{Document, Located},
        override_run_list,
    },
    recipe::{
        Cookbook, RecipeName,
        data::{self, Found},
    },
    resource::prepare,
    resources::prelude::{AptRepository, apt_repository},
    run_list,
    values::Blob,
};

/// Takes any bytes whatever, and panics when something is wrong.
pub type Target = fn(&[u8]);

/// What is fuzzed, by the names of the corpora.
pub const TARGETS: [(&str, Target); 10] = [
    ("age_value", age_value),
    ("archive", archive),
    ("brasa_toml", brasa_toml),
    ("encrypted_item", encrypted_item),
    ("json", json),
    ("openpgp_key", openpgp_key),
    ("recipe", recipe),
    ("run_list", run_list),
    ("solo_rb", solo_rb),
    ("yaml", yaml),
];

/// All that is said of one input: nobody reads more.
const MOST_SAID: usize = 512 << 10;

/// What is said of an input that is refused, and that not too much of it is said.
fn bounded(faults: &[Fault]) {
    assert!(!faults.is_empty(), "refused without a word");
    let said: usize = faults.iter().map(|fault| fault.to_string().len()).sum();
    assert!(said <= MOST_SAID, "{said} bytes are said in {} faults", faults.len());
}

/// The same, where each fault must have a place.
fn placed(faults: &[Fault]) {
    bounded(faults);
    assert!(faults.iter().all(|fault| fault.place.is_some()), "a fault without a place: {faults:?}");
}

/// Visits every value with its place.
fn walk(located: Located<'_>) {
    assert!(!located.place().to_string().is_empty());
    located.items().for_each(walk);
    for (_, value) in located.entries() {
        assert!(value.key_place().is_some(), "a key without a place");
        walk(value);
    }
}

/// JSON with comments: as a document, as dna.json, and as a role.
pub fn json(bytes: &[u8]) {
    match Document::parse(Path::new("dna.json"), bytes.to_vec()) {
        Ok(document) => {
            // What plain JSON is, means what it means to everybody.
            if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
                assert_eq!(document.value(), &value);
            }
            walk(document.root());
            let mut faults = Vec::new();
            let dna = Dna::new(document, &mut faults);
            if !faults.is_empty() {
                placed(&faults);
            }
            let attributes = Attributes::from(&dna);
            assert!(attributes.tree().is_object());
            let warnings = dna.warnings();
            assert!(warnings.is_empty() || warnings.iter().all(|warning| warning.place.is_some()));
        }
        Err(faults) => {
            bounded(&faults);
            return;
        }
    }
    let machine = Fake::debian("12").with_directory("/roles").with_file("/roles/any.json", bytes.to_vec());
    let library = Library::new(vec!["/roles".into()], vec!["/roles".into()], &machine);
    let mut attributes = Attributes::default();
    let items = override_run_list("role[any]", &mut Vec::new());
    for environment in ["_default", "any"] {
        match Expansion::of(&items, environment, &library, &mut attributes) {
            Ok(expansion) if expansion.faults.is_empty() => {}
            Ok(expansion) => bounded(&expansion.faults),
            Err(error) => panic!("what is wrong in a file is a fault of the expansion, not `{error}`"),
        }
    }
}

/// YAML as a document.
pub fn yaml(bytes: &[u8]) {
    match Document::parse_yaml(Path::new("any.yml"), bytes.to_vec()) {
        Ok(document) => walk(document.root()),
        Err(faults) => bounded(&faults),
    }
}

/// The line between the parts of an input of several files.
const NEXT: &[u8] = b"\n%%%\n";

/// A cookbook as data: its recipe, and below lines of `%%%` its attributes, its metadata and a template.
pub fn recipe(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let cookbook = directory.path().join("any");
    let mut rest = bytes;
    for file in ["recipes/default.yml", "attributes/default.yml", "metadata.yml", "templates/any.tera"] {
        let end = rest.windows(NEXT.len()).position(|window| window == NEXT);
        let (part, others) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + NEXT.len()..]));
        let path = cookbook.join(file);
        fs::create_dir_all(path.parent().expect("a file lies in something")).expect("a directory can be made");
        if !part.is_empty() {
            fs::write(&path, part).expect("a file can be written");
        }
        rest = others;
    }
    let Found { cookbooks, .. } = data::load(&[directory.path().to_owned()], &[]);
    let machine = Fake::debian("12");
    let attributes = Attributes::from(serde_json::json!({"app": {"port": 80, "names": ["a", "b"]}}));
    let node = Node::new("any", None, attributes, Facts::new(&machine));
    let recipes: Vec<String> = cookbooks.iter().map(|cookbook| format!("{}::default", cookbook.name())).collect();
    match compile(&node, &cookbooks, &recipes) {
        Ok(run) => assert_eq!(run.recipes().len(), recipes.len()),
        Err(Error::Faults(faults)) => bounded(&faults),
        Err(other) => panic!("what is found in compiling is a fault, not `{other}`"),
    }
}

/// solo.rb.
pub fn solo_rb(bytes: &[u8]) {
    if let Err(faults) = Settings::parse(Path::new("solo.rb"), bytes.to_vec(), &Pretended::default()) {
        placed(&faults);
    }
}

/// brasa.toml.
pub fn brasa_toml(bytes: &[u8]) {
    if let Err(faults) = Settings::parse_toml(Path::new("brasa.toml"), bytes.to_vec()) {
        placed(&faults);
    }
}

/// Items of a run-list, names of recipes, versions and constraints, and settings of the command line: one in each line, and each
/// as all of these.
pub fn run_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let cookbooks = [
        Cookbook::new("app", "1.2.0").recipe("default", |_| Ok(())).recipe("web", |_| Ok(())),
        Cookbook::new("base", "0.1.0").recipe("default", |_| Ok(())),
    ];
    for line in text.lines() {
        let mut faults = Vec::new();
        let recipes = override_run_list(line, &mut faults);
        let expansion = Expansion { recipes, faults, ..Expansion::default() };
        match run_list::expand(&expansion, &cookbooks) {
            Ok(recipes) => assert!(recipes.len() <= 3, "{recipes:?}"),
            Err(Error::Faults(faults)) => placed(&faults),
            Err(other) => panic!("a name that is not there is a fault, not `{other}`"),
        }
        if let Some(RecipeName { cookbook, recipe }) = RecipeName::parse(line, Some("current")) {
            assert!(cookbook == "current" || line.starts_with(cookbook), "{line}");
            assert!(recipe == "default" || line.ends_with(recipe), "{line}");
        }
        if let (Ok(asked), Some(version)) = (Constraint::parse(line), CookbookVersion::parse("1.2.3")) {
            std::hint::black_box(asked.allows(version));
        }
        if let Some(version) = CookbookVersion::parse(line) {
            let same = Constraint::parse(&format!("= {version}")).expect("a version is a constraint");
            assert!(same.allows(version), "{line}");
        }
        if let Err(faults) = Settings::of_option("--config-option", line) {
            bounded(&faults);
        }
    }
}

/// An item of a data bag, encrypted in any version: what is read can be written, and read again.
pub fn encrypted_item(bytes: &[u8]) {
    item_is_read(bytes);
}

/// The same; whether it was read.
pub fn item_is_read(bytes: &[u8]) -> bool {
    let Ok(document) = Document::parse(Path::new("item.json"), bytes.to_vec()) else { return false };
    let secret = ItemSecret::of_file(b"correct horse battery staple").expect("there is text");
    let open = |document| Item::open(Arc::new(document), &|| Ok(secret.clone()), 0);
    match open(document) {
        Err(faults) => {
            placed(&faults);
            false
        }
        Ok(item) => {
            let fields = item.value().as_object().expect("an item is an object");
            let nonce = || Ok::<_, ()>([0; encrypted::NONCE]);
            let sealed = encrypted::seal_item(fields, &secret, nonce).expect("nonces are there").to_string();
            let document = Document::parse(Path::new("item.json"), sealed.into_bytes()).expect("it is JSON");
            assert_eq!(open(document).expect("it was just encrypted").id(), item.id());
            true
        }
    }
}

/// A value encrypted with age, and the same text as a file of identities: no identity gets into a sentence.
pub fn age_value(bytes: &[u8]) {
    value_is_opened(bytes);
}

/// The same; whether it was decrypted.
pub fn value_is_opened(bytes: &[u8]) -> bool {
    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut identities = Identities::default();
    identities.pretend(IDENTITY).expect("it is one");
    let opened = identities.open(&serde_json::json!({ "age": text }));
    if let Err(faults) = &opened {
        bounded(faults);
    }
    let machine = Fake::debian("12").with_file("/keys", text);
    for form in [Form::Lines, Form::Variables] {
        let source = Source { path: "/keys".into(), form, named_by: "test".to_owned(), named_at: None, required: true };
        let nothing = serde_json::json!({"age": ""});
        let faults = Identities::new(&machine, vec![source]).open(&nothing).expect_err("nothing is no value");
        bounded(&faults);
        assert!(faults.iter().all(|fault| !fault.to_string().contains("GFPYYSJZ")), "{faults:?}");
    }
    opened.is_ok()
}

/// An archive of a repository: whatever is in it, nothing comes out beside the directory that it is unpacked into.
pub fn archive(bytes: &[u8]) {
    let outside = tempfile::tempdir().expect("a directory can be made");
    let into = outside.path().join("into");
    fs::create_dir(&into).expect("a directory can be made");
    let bounds = Bounds { packed: 1 << 20, unpacked: 1 << 20, entries: 200, depth: 8, ..Bounds::default() };
    let unpacked = unpack(&Blob::from(bytes.to_vec()), &into, bounds);
    let beside: Vec<_> = fs::read_dir(outside.path()).expect("it can be listed").collect();
    assert_eq!(beside.len(), 1, "something came out beside: {beside:?}");
    let whole = into.canonicalize().expect("it is there");
    inside(&into, &whole);
    match unpacked {
        Ok(unpacked) => assert!(unpacked.bytes <= bounds.unpacked, "{unpacked:?}"),
        Err(error) => assert!(error.to_string().len() <= MOST_SAID, "too much is said"),
    }
}

/// A file as the key of a repository: whatever is in it, it is not the key with this fingerprint, which nobody has.
pub fn openpgp_key(bytes: &[u8]) {
    let machine = Fake::debian("12").with_directory("/etc/apt/sources.list.d").with_file("/key", bytes.to_vec());
    let source = |fingerprint: Option<&str>| {
        let source = AptRepository::named("any").uri("https://example.com/debian").components("main").key("/key");
        match fingerprint {
            Some(fingerprint) => {
                prepare(&source.fingerprint(fingerprint), apt_repository::Add, false, &machine).map(drop)
            }
            None => prepare(&source, apt_repository::Add, false, &machine).map(drop),
        }
    };
    let error = source(Some("0000000000000000000000000000000000000000")).expect_err("nobody has this key");
    assert!(error.to_string().len() <= MOST_SAID, "too much is said");
    if source(None).is_err() {
        assert!(!error.to_string().contains("is or holds the key"), "{error}");
    }
}

/// Nothing below a directory leads out of it.
fn inside(directory: &Path, whole: &Path) {
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let kind = fs::symlink_metadata(&path).expect("it is there").file_type();
        if kind.is_dir() {
            inside(&path, whole);
        } else if let (true, Ok(target)) = (kind.is_symlink(), path.canonicalize()) {
            assert!(target.starts_with(whole), "`{}` leads to `{}`", path.display(), target.display());
        }
    }
}
