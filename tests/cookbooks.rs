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
    let settings = run.get::<Template>("/etc/brasa/ddns.toml").expect("it is declared").text();
    for line in [
        "server = \"ns1.example.com\"\n",
        "zone = \"example.com\"\n",
        "key = \"/etc/dyndns_keys/tsig.private\"\nttl = 120\na = [\"interface\"]\n",
    ] {
        assert!(settings.contains(line), "{settings}");
    }
    let text = script(attributes.clone());
    assert!(
        text.contains("\nexec '/usr/local/bin/brasa' ddns update --config '/etc/brasa/ddns.toml' \"$@\"\n"),
        "{text}"
    );
    assert!(parses(&text), "{text}");

    let attributes = with(attributes, json!({"method": "nsupdate"}));
    let outline = compiled(&Fake::debian("12"), attributes.clone(), "bind::dynamic_dns").outline();
    assert!(outline.starts_with("package[dnsutils] install\n") && !outline.contains("ddns.toml"), "{outline}");
    let text = script(attributes);
    assert!(text.contains("server='ns1.example.com'\n") && text.contains("ttl=120\n"), "{text}");
    assert!(text.contains("\nzone='example.com'\n") && text.contains("\nzone $zone\n"), "{text}");
    assert!(parses(&text), "{text}");
}

/// Attributes of dynamic DNS with more of them.
fn with(mut attributes: Value, more: Value) -> Value {
    let more = more.as_object().expect("it is an object").clone();
    attributes["dynamic_dns"].as_object_mut().expect("it is an object").extend(more);
    attributes
}

#[test]
fn dynamic_dns_takes_its_key_from_the_attributes() {
    let server = json!({"dynamic_dns": {"server": "ns1.example.com"}});
    let key = json!({"key": {"name": "node1.example.com", "secret": "c2VjcmV0IG9mIG5vZGUx"}});
    let run = compiled(&Fake::debian("12"), with(server.clone(), key), "bind::dynamic_dns");
    let outline = run.outline();
    assert!(
        outline
            .contains("file[/etc/dyndns_keys/tsig.conf] create\n  notifies service[dyndns-update.service] to restart"),
        "{outline}"
    );
    let settings = run.get::<Template>("/etc/brasa/ddns.toml").expect("it is declared").text();
    assert!(
        settings.contains("key = \"/etc/dyndns_keys/tsig.conf\"\nkey_name = \"node1.example.com\"\n"),
        "{settings}"
    );
    assert!(!settings.contains("c2VjcmV0"), "{settings}");

    let refused = |more: Value| {
        let refused = spec::compile(&Fake::debian("12"), with(server.clone(), more), &stock(), &["bind::dynamic_dns"]);
        let error = refused.err().expect("it is refused");
        format!("{error} {:?}", error.hints())
    };
    for (wrong, said) in [
        (json!({"key": {"name": "a..b", "secret": "aGk="}}), "`dynamic_dns.key` is none: `name`"),
        (json!({"key": {"name": "a.b", "secret": "canary!"}}), "its secret is not base64"),
        (json!({"key": {"name": "a.b", "secret": "aGk=", "algorithm": "hmac-sha3"}}), "is no algorithm for keys"),
        (json!({"key": {"name": "a.b", "secret": "aGk=", "algoritm": "x"}}), "did you mean `algorithm`"),
        (json!({"method": "chef"}), "did you mean"),
        (json!({"method": "nsupdate", "a": ["metadata"]}), "means nothing to the script around nsupdate"),
        (json!({"a": ["the moon"]}), "`dynamic_dns.a`"),
        (json!({"period": "5min\nExecStart=/bin/x"}), "which is no time"),
    ] {
        let sentence = refused(wrong.clone());
        assert!(sentence.contains(said) || said == "did you mean" && sentence.contains("brasa"), "{wrong}: {sentence}");
        assert!(!sentence.contains("canary"), "{sentence}");
    }
}

#[test]
fn dynamic_dns_without_a_server_sends_nothing() {
    for method in ["brasa", "nsupdate"] {
        let text = script(json!({"dynamic_dns": {"method": method}}));
        assert!(!text.contains("nsupdate -") && !text.contains("exec"), "{text}");
        assert!(parses(&text), "{text}");
    }
}

#[test]
fn hostile_attributes_are_only_words() {
    const HOSTILE: &str = "x'; touch /tmp/owned; $(touch /tmp/owned) `touch /tmp/owned` \"\n";
    for key in ["server", "zone", "hostname", "interface", "tsig_private"] {
        let mut dns = json!({"server": "ns1.example.com", "ipv6": true, "method": "nsupdate"});
        let hostile = if key == "tsig_private" { format!("/etc/{HOSTILE}") } else { HOSTILE.to_owned() };
        dns[key] = json!(hostile);
        let text = script(json!({"dynamic_dns": dns}));
        assert!(parses(&text), "{key}: {text}");
        let quoted = format!("'{}'", hostile.replace('\'', r"'\''"));
        assert!(text.contains(&quoted), "{key}: {text}");
        assert!(!text.replace(&quoted, "").contains("owned"), "{key}: {text}");
    }
    // In TOML too: what is written is read back as it was.
    let dns = json!({"server": HOSTILE, "zone": HOSTILE, "hostname": HOSTILE, "txt": [HOSTILE]});
    let run = compiled(&Fake::debian("12"), json!({"dynamic_dns": dns}), "bind::dynamic_dns");
    let settings = run.get::<Template>("/etc/brasa/ddns.toml").expect("it is declared").text();
    let quoted = json!(HOSTILE).to_string();
    for name in ["server", "zone", "name"] {
        assert!(settings.contains(&format!("\n{name} = {quoted}\n")), "{name}: {settings}");
    }
    assert!(parses(&script(json!({"dynamic_dns": {"server": HOSTILE, "program": HOSTILE}}))));
}

/// A server with a dynamic zone, and the key of one host.
fn dynamic_zone() -> Value {
    json!({"bind": {
        "keys": {"node1.example.com": {"secret": "c2VjcmV0IG9mIG5vZGUx"}},
        "zones": {"example.com": {"address": "192.0.2.53", "grants": [{"key": "node1.example.com"}], "records": ["www 300 IN A 192.0.2.1"]}},
    }})
}

#[test]
fn a_name_server_has_its_zones_and_grants() {
    let mut all = String::new();
    for (name, machine) in [("debian 12", Fake::debian("12")), ("rhel 9", Fake::rhel("9"))] {
        let run = compiled(&machine, dynamic_zone(), "bind::server");
        let outline = run.outline();
        assert_eq!(outline, compiled(&machine, dynamic_zone(), "bind::master").outline());
        all += &format!("# {name}\n{outline}");
        for path in [
            "/etc/bind/named.conf.local",
            "/etc/named/named.conf.local",
            "/etc/bind/named.conf.options",
            "/etc/named.conf",
            "/var/lib/bind/db.example.com",
        ] {
            let Some(text) = run.get::<File>(path).and_then(|file| file.known_content()) else { continue };
            all += &format!("## {path}\n{}", String::from_utf8_lossy(text.blob.bytes().unwrap_or_default()));
        }
    }
    insta::assert_snapshot!("a_name_server", all);
}

#[test]
fn a_name_server_with_faults_is_refused_and_all_of_them_told() {
    let attributes = json!({"bind": {
        "listen_on": ["any; }; options {"],
        "keys": {"a..b": {"secret": "aGk="}, "none.example.com": {}, "bad.example.com": {"secret": "canary!", "algorithm": "rsa"}},
        "zones": {
            "example.com": {
                "primary": "n s", "contact": "a@b@c", "records": ["x\ny"],
                "grants": [{"key": "stranger"}, {"key": "none.example.com", "name": "www.example.org"}, {"key": "none.example.com", "types": ["a;"]}],
            },
            "example.org.": {},
        },
    }});
    let refused = spec::compile(&Fake::debian("12"), attributes, &stock(), &["bind::server"]);
    let text = refused.err().expect("it is refused").to_string();
    insta::assert_snapshot!("a_name_server_with_faults", text);
    assert!(!text.contains("canary"));
}
