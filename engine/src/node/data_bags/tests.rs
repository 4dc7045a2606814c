use serde::Deserialize;
use serde_json::{Value, json};

use super::{DataBags, ItemSecret, SecretFile, encrypted};
use crate::{
    Error,
    host::Fake,
    node::age::Identities,
    values::{Mode, Secret},
};

fn machine() -> Fake {
    let encrypted = sealed(&json!({"id": "database", "login": {"user": "app", "port": 5, "word": "c4nary"}}));
    Fake::debian("12")
        .with_file("/a/users/bob.json", r#"{"id": "bob", "shell": "/bin/sh"} // a comment"#)
        .with_file("/a/users/alice.json", r#"{"id": "alice"}"#)
        .with_file("/b/users/bob.json", r#"{"id": "bob", "shell": "hidden"}"#)
        .with_file("/b/users/carol.json", r#"{"id": "carol"}"#)
        .with_file("/b/users/file.json", r#"{"id": "dave"}"#)
        .with_file("/b/users/ruby.rb", "")
        .with_file("/b/passwords/database.json", encrypted.to_string().as_str())
        .with_file("/secret", "right\n")
        .with_file("/other", "wrong")
        .with_file("/empty", "\n")
}

fn sealed(item: &Value) -> Value {
    let secret = ItemSecret::of_file(b"right").unwrap();
    let mut number = 0;
    let nonce = || {
        number += 1;
        Ok::<_, ()>([number; encrypted::NONCE])
    };
    encrypted::seal_item(item.as_object().unwrap(), &secret, nonce).unwrap()
}

fn bags<'m>(machine: &'m Fake, secret: &str) -> DataBags<'m> {
    let secret = if secret.is_empty() {
        SecretFile::Usual(Vec::new())
    } else {
        SecretFile::Named { path: secret.into(), by: "encrypted_data_bag_secret" }
    };
    DataBags::new(machine, vec!["/a".into(), "/b".into(), "/not-there".into()], secret)
}

fn refused<T>(read: Result<T, Error>) -> String {
    read.err().expect("a fault was expected").to_string()
}

#[test]
fn bags_and_items_are_found_in_all_directories_and_the_first_counts() {
    let machine = machine();
    let bags = bags(&machine, "");
    assert_eq!(bags.bags().unwrap(), ["passwords", "users"]);
    assert_eq!(bags.items("users").unwrap(), ["alice", "bob", "carol", "file"]);
    assert_eq!(bags.item("users", "bob").unwrap().value(), &json!({"id": "bob", "shell": "/bin/sh"}));
    assert_eq!(bags.item("users", "carol").unwrap().id(), "carol");
    assert_eq!(bags.item("users", "file").unwrap().id(), "dave");
    assert_eq!(bags.item("users", "dave").unwrap().document().path().display().to_string(), "/b/users/file.json");
    assert!(!bags.item("users", "bob").unwrap().is_encrypted());
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let machine = machine();
    let bags = bags(&machine, "");
    let said = [
        refused(bags.item("users", "bbo")),
        refused(bags.item("users", "zoe")),
        refused(bags.item("usrs", "bob")),
        refused(bags.items("groups")),
        refused(bags.item("users", "ruby")),
        refused(bags.item("users", "../x")),
        refused(bags.item(".", "x")),
        refused(DataBags::default().item("users", "bob")),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_secret_is_needed_and_its_faults_are_told() {
    let machine = machine();
    let item = |secret| bags(&machine, secret).item("passwords", "database");
    let opened = item("/secret").unwrap();
    assert!(opened.is_encrypted());
    assert_eq!(opened.value()["login"]["word"], "c4nary");
    assert!(!format!("{opened:?}").contains("c4nary"));
    let lowest = bags(&machine, "/secret").lowest_version(4).item("passwords", "database");
    let said = [item(""), item("/other"), item("/empty"), item("/missing"), lowest].map(refused);
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_wrong_with_an_item_is_told_all_at_once() {
    let mixed = {
        let mut item = sealed(&json!({"id": "mixed", "a": 1, "b": 2}));
        item["plain"] = json!("text");
        item["b"]["auth_tag"] = json!("MDAwMDAwMDAwMDAwMDAwMA==\n");
        item["a"]["version"] = json!(9);
        item.to_string()
    };
    let files = [
        ("list", "[1]"),
        ("no-id", "{\"a\": 1}"),
        ("number", "{\"id\": 5}"),
        ("bad-id", "{\"id\": \"a b\"}"),
        ("comma", "{\"id\": \"comma\",\n}"),
        ("mixed", mixed.as_str()),
    ];
    let machine =
        files.iter().fold(machine(), |machine, (name, text)| machine.with_file(format!("/a/wrong/{name}.json"), *text));
    let bags = bags(&machine, "/secret");
    let said: Vec<_> = files.iter().map(|(name, _)| refused(bags.item("wrong", name))).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[derive(Debug, Deserialize)]
struct Database {
    login: Login,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    user: String,
    port: u16,
    word: Secret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is read in vain")]
struct Person {
    shell: Mode,
    uid: u32,
    groups: Vec<String>,
}

#[test]
fn an_item_is_read_as_a_type_and_what_was_decrypted_is_never_in_a_fault() {
    let none = Identities::default();
    let machine = machine();
    let database: Database = bags(&machine, "/secret").item("passwords", "database").unwrap().read(&none).unwrap();
    let Login { user, port, word } = database.login;
    assert_eq!((user.as_str(), port, word.expose()), ("app", 5, "c4nary"));

    let wrong = [
        ("a", json!({"login": {"user": ["c4nary"], "port": "c4nary", "word": 4}})),
        ("b", json!({"login": {"user": "x", "port": 1, "word": "x", "c4nary": 1}})),
        ("c", json!({"login": "c4nary"})),
        ("d", json!({"shell": "c4nary", "uid": "c4nary", "groups": ["a", 5]})),
    ];
    let mut bags = bags(&machine, "/secret");
    for (name, item) in &wrong {
        let mut item = item.clone();
        item["id"] = json!(name);
        bags.pretend("wrong", name, &sealed(&item)).unwrap();
    }
    bags.pretend("wrong", "e", &json!({"shell": "99999", "uid": "x", "grups": [], "groups": ["a", 5]})).unwrap();
    let fault = |name, read: fn(&super::Item) -> Option<Error>| {
        read(&bags.item("wrong", name).unwrap()).expect("a fault").to_string()
    };
    let database = |item: &super::Item| item.read::<Database>(&Identities::default()).err().map(Error::Faults);
    let person = |item: &super::Item| item.read::<Person>(&Identities::default()).err().map(Error::Faults);
    let said =
        [fault("a", database), fault("b", database), fault("c", database), fault("d", person), fault("e", person)];
    assert!(!said.concat().contains("c4nary"), "{said:?}");
    insta::assert_snapshot!(said.join("\n"));
}
