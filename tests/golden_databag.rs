//! What chef-solo made of encrypted items of data bags (`tests/golden/databag`), and what brasa makes of them.
#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

use std::{path::Path, sync::Arc};

use brasa::node::{
    Item,
    data_bags::{ItemSecret, encrypted},
    json::Document,
};
use serde_json::Value;

fn cases() -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/databag");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &Path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read(path))).collect()
}

fn secret(case: &Value) -> ItemSecret {
    ItemSecret::of_file(case["inputs"]["secret_file_content"].as_str().unwrap().as_bytes()).unwrap()
}

fn open(item: &Value, secret: &ItemSecret) -> Result<Value, String> {
    let document = Document::parse(Path::new("item.json"), item.to_string().into_bytes()).unwrap();
    let opened = Item::open(Arc::new(document), &|| Ok(secret.clone()), 0);
    let said = |faults: Vec<brasa::Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    opened.map(|item| item.value().clone()).map_err(said)
}

#[test]
fn items_are_decrypted_as_chef_does() {
    let mut refused = Vec::new();
    for (name, case) in cases() {
        let opened = open(&case["inputs"]["encrypted_item"], &secret(&case));
        match (opened, case["expected"].get("plain_item")) {
            (Ok(item), Some(plain)) => assert_eq!(item, *plain, "{name}"),
            (Err(said), None) => refused.push(format!("{name}: {said}")),
            (Ok(item), None) => panic!("{name} was decrypted: {item}"),
            (Err(said), Some(_)) => panic!("{name}: {said}"),
        }
    }
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn what_is_encrypted_again_is_read_again() {
    for (name, case) in cases() {
        let (Some(plain), secret) = (case["expected"].get("plain_item"), secret(&case)) else { continue };
        let mut number = 0;
        let nonce = || {
            number += 1;
            Ok::<_, ()>([number; encrypted::NONCE])
        };
        let sealed = encrypted::seal_item(plain.as_object().unwrap(), &secret, nonce).unwrap();
        assert_eq!(open(&sealed, &secret).unwrap(), *plain, "{name}");
        let text = sealed.to_string();
        assert!(!text.contains("s3cret") && text.contains("aes-256-gcm"), "{name}: {text}");
    }
}
