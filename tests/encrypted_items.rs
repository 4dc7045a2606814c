//! The corpora of the fuzzers of encrypted values, and what becomes of them when bytes are changed: nothing panics, every fault
//! of an item has a place, and no identity gets into a sentence.
#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use brasa::{
    host::Fake,
    node::{
        Item,
        age::{Form, Identities, Source},
        data_bags::{ItemSecret, encrypted},
        json::Document,
    },
};
use proptest::{prelude::*, test_runner::RngSeed};

const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{name}");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn items() -> &'static [Vec<u8>] {
    static ITEMS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ITEMS.get_or_init(|| corpus("encrypted_item"))
}

fn values() -> &'static [Vec<u8>] {
    static VALUES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    VALUES.get_or_init(|| corpus("age_value"))
}

/// What the fuzzer asks of an item; whether it was read.
fn item_is_harmless(bytes: Vec<u8>) -> bool {
    let Ok(document) = Document::parse(Path::new("item.json"), bytes) else { return false };
    let secret = ItemSecret::of_file(b"correct horse battery staple").unwrap();
    let open = |document| Item::open(Arc::new(document), &|| Ok(secret.clone()), 0);
    match open(document) {
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()), "{faults:?}");
            false
        }
        Ok(item) => {
            let fields = item.value().as_object().unwrap();
            let sealed = encrypted::seal_item(fields, &secret, || Ok::<_, ()>([0; encrypted::NONCE])).unwrap();
            let document = Document::parse(Path::new("item.json"), sealed.to_string().into_bytes()).unwrap();
            assert_eq!(open(document).unwrap().id(), item.id());
            true
        }
    }
}

/// What the fuzzer asks of a value and of a file of identities; whether it was decrypted.
fn text_is_harmless(text: &str) -> bool {
    let mut identities = Identities::default();
    identities.pretend(IDENTITY).unwrap();
    let sealed = serde_json::json!({ "age": text });
    let opened = identities.open(&sealed);
    let machine = Fake::debian("12").with_file("/keys", text);
    for form in [Form::Lines, Form::Variables] {
        let source = Source { path: "/keys".into(), form, named_by: "test".to_owned(), named_at: None, required: true };
        let faults = Identities::new(&machine, vec![source]).open(&serde_json::json!({"age": ""})).unwrap_err();
        assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.to_string().contains("GFPYYSJZ")), "{faults:?}");
    }
    opened.is_ok()
}

#[test]
fn the_corpora_of_the_fuzzers_are_harmless() {
    let read = items().iter().filter(|bytes| item_is_harmless((*bytes).clone())).count();
    assert_eq!(read, 9);
    let opened = values().iter().filter(|bytes| text_is_harmless(&String::from_utf8_lossy(bytes))).count();
    assert_eq!(opened, 6);
}

/// Bytes of a corpus after some changes: a byte replaced, a stretch taken out or doubled.
fn changed(mut bytes: Vec<u8>, changes: &[(u16, u8, u8)]) -> Vec<u8> {
    for (at, what, length) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(*at) % bytes.len();
        let end = (at + usize::from(*length)).min(bytes.len());
        match what % 4 {
            0 | 1 => bytes[at] = *length,
            2 => drop(bytes.drain(at..end)),
            _ => {
                let stretch = bytes[at..end].to_vec();
                bytes.splice(at..at, stretch);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(51), failure_persistence: None, cases: 1024, ..ProptestConfig::default()
    })]

    #[test]
    fn changed_items_are_harmless(index: usize, changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 1..6)) {
        item_is_harmless(changed(items()[index % items().len()].clone(), &changes));
    }

    #[test]
    fn changed_values_are_harmless(index: usize, changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 0..4)) {
        let bytes = changed(values()[index % values().len()].clone(), &changes);
        text_is_harmless(&String::from_utf8_lossy(&bytes));
    }
}
