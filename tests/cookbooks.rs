//! The stock cookbooks, compiled for pretend nodes: what they declare on each family of platforms.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]
use std::{
    io::Write,
    process::{Command, Stdio},
};

use brasa::{
    Run,
    host::Fake,
    prelude::{Cookbook, File, SystemdUnit, Template},
    spec,
};
use serde_json::{Value, json};

fn stock() -> [Cookbook; 4] {
    [build_essential::cookbook(), gems::cookbook(), bind::cookbook(), dnsutils::cookbook()]
}

fn machines() -> [(&'static str, Fake); 3] {
    [("debian 12", Fake::debian("12")), ("ubuntu 24.04", Fake::ubuntu("24.04")), ("rhel 9", Fake::rhel("9"))]
}

#[track_caller]
fn compiled(machine: &Fake, attributes: Value, recipe: &str) -> Run {
    spec::compile(machine, attributes, &stock(), &[recipe]).unwrap_or_else(|error| panic!("{recipe}: {error}"))
}

#[test]
fn each_recipe_on_each_platform() {
    let mut all = String::new();
    for recipe in ["build-essential", "dnsutils", "gems", "bind", "bind::dynamic_dns"] {
        for (name, machine) in machines() {
            all += &format!("# {recipe} on {name}\n{}", compiled(&machine, json!({}), recipe).outline());
        }
    }
    insta::assert_snapshot!("each_recipe_on_each_platform", all);
}

#[test]
fn another_platform_is_refused() {
    let machine = Fake::new().with_file("/etc/os-release", "ID=arch\nNAME=\"Arch Linux\"\n");
    for recipe in ["build-essential", "dnsutils", "gems", "bind", "bind::dynamic_dns"] {
        let refused = spec::compile(&machine, json!({}), &stock(), &[recipe]).err().map(|error| error.to_string());
        let sentence = refused.unwrap_or_else(|| panic!("{recipe} is compiled"));
        let name = recipe.split("::").next().unwrap_or(recipe);
        assert!(sentence.contains("arch") && sentence.contains(name) || sentence.contains("dnsutils"), "{sentence}");
    }
}

#[test]
fn gems_are_installed_after_ruby_with_their_versions() {
    let attributes = json!({"gems": [{"name": "rake"}, {"name": "thor", "version": "1.3.0"}]});
    assert_eq!(
        compiled(&Fake::debian("12"), attributes.clone(), "gems").outline(),
        "package[ruby, ruby-dev] install\ngem_package[rake] install\ngem_package[thor] install\n"
    );
    let versions = json!({"gems": [
        {"name": "thor", "version": "1.3.0"}, {"name": "thor", "version": "1.2.0"}, {"name": "thor"},
        {"name": "thor", "version": "1.3.0"},
    ]});
    assert_eq!(
        compiled(&Fake::debian("12"), versions, "gems").outline(),
        "package[ruby, ruby-dev] install\ngem_package[thor] install\ngem_package[thor-1.2.0] install\n"
    );
    let run = compiled(&Fake::rhel("9"), attributes, "gems");
    assert!(run.outline().starts_with("package[ruby, rubygems, ruby-devel] install\n"), "{}", run.outline());
    for (wrong, said) in [
        (json!({"gems": [{"nam": "rake"}]}), "did you mean `name`"),
        (json!({"gems": [{"name": 3}]}), "gems[0]"),
        (json!({"gems": "rake"}), "`gems`"),
    ] {
        let error = spec::compile(&Fake::debian("12"), wrong, &stock(), &["gems"]).err().expect("it is refused");
        let whole = format!("{error} {:?}", error.hints());
        assert!(whole.contains(said), "{said}: {whole}");
    }
}

const SCRIPT: &str = "/usr/local/sbin/dyndns-update";

fn script(attributes: Value) -> String {
    let run = compiled(&Fake::debian("12"), attributes, "bind::dynamic_dns");
    run.get::<Template>(SCRIPT).expect("it is declared").text().to_owned()
}

/// Whether a shell takes the text.
fn parses(text: &str) -> bool {
    let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    shell.wait().unwrap().success()
}

#[test]
fn dynamic_dns_with_a_server_is_run_when_its_script_changes() {
    let attributes = json!({"dynamic_dns": {"server": "ns1.example.com", "zone": "example.com", "ttl": 120}});
    let run = compiled(&Fake::debian("12"), attributes.clone(), "bind::dynamic_dns");
    insta::assert_snapshot!("dynamic_dns_with_a_server", run.outline());
    assert!(run.get::<SystemdUnit>("dyndns-update.timer").is_some());
    for key in ["/etc/dyndns_keys/tsig.key", "/etc/dyndns_keys/tsig.private"] {
        assert!(run.get::<File>(key).is_some(), "{key}");
    }
    let text = script(attributes);
    assert!(text.contains("server='ns1.example.com'\n") && text.contains("ttl=120\n"), "{text}");
    assert!(text.contains("\nzone='example.com'\n") && text.contains("\nzone $zone\n"), "{text}");
    assert!(parses(&text), "{text}");
}

#[test]
fn dynamic_dns_without_a_server_sends_nothing() {
    let text = script(json!({}));
    assert!(!text.contains("nsupdate -"), "{text}");
    assert!(parses(&text), "{text}");
}

#[test]
fn hostile_attributes_are_only_words() {
    const HOSTILE: &str = "x'; touch /tmp/owned; $(touch /tmp/owned) `touch /tmp/owned` \"\n";
    for key in ["server", "zone", "hostname", "interface", "tsig_private"] {
        let mut dns = json!({"server": "ns1.example.com", "ipv6": true});
        let hostile = if key == "tsig_private" { format!("/etc/{HOSTILE}") } else { HOSTILE.to_owned() };
        dns[key] = json!(hostile);
        let text = script(json!({"dynamic_dns": dns}));
        assert!(parses(&text), "{key}: {text}");
        let quoted = format!("'{}'", hostile.replace('\'', r"'\''"));
        assert!(text.contains(&quoted), "{key}: {text}");
        assert!(!text.replace(&quoted, "").contains("owned"), "{key}: {text}");
    }
}
