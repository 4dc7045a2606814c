use brasa::{
    host::Fake,
    recipe::{Kind, kinds},
    resource::{Environment, Found, Priority, Property as _, PropertyInfo},
    resources::{
        prelude::{DeviceType, LinkType},
        selinux_boolean::Switch,
        selinux_fcontext::FileType,
        user::{ExpireDate, Inactive},
    },
    values::{Digest, Mode, Seconds, Words},
};
use serde_json::{Map, Value, json};

use super::{arguments, rust, yaml};

/// What `tests/black_box` compiles. `UPDATE=1` writes it anew.
const LINES: &str = include_str!("../../../tests/black_box/resource.in");

/// A value that this property may have.
fn value(of: &PropertyInfo) -> Value {
    let words = [
        (bool::TYPE, json!(true)),
        (Switch::TYPE, json!(true)),
        (u32::TYPE, json!(5)),
        (Seconds::TYPE, json!(5)),
        (Inactive::TYPE, json!(5)),
        (Priority::TYPE, json!(-5)),
        (Mode::TYPE, json!("0640")),
        (ExpireDate::TYPE, json!("2027-03-31")),
        (FileType::TYPE, json!("f")),
        (DeviceType::TYPE, json!("uuid")),
        (LinkType::TYPE, json!("hard")),
        (Words::TYPE, json!(["a", "b"])),
        (Environment::TYPE, json!({"A": "1", "B": "\"2\""})),
    ];
    words.into_iter().find(|(kind, _)| *kind == of.kind).map_or_else(|| "a".into(), |(_, value)| value)
}

/// Whether things of this kind are shown, by its own name.
fn is_shown(kind: &Kind) -> bool {
    let Ok(made) = kind.make("/x", &Map::new(), &["nothing".to_owned()]) else { panic!("{}", kind.name) };
    match made.found(&Fake::new()) {
        Ok(None) => false,
        Ok(Some(found)) => found.kind == kind.name,
        Err(_) => true,
    }
}

/// Things of this kind: with all that it can say, and with nothing that it need not say. A checksum is not read from a machine.
fn shown(kind: &Kind) -> [Found; 3] {
    let properties = kind.properties().filter(|property| property.kind != Digest::TYPE);
    let properties = properties.map(|property| (property.name.to_owned(), value(property)));
    let actions = kind.actions().iter().map(|action| action.name).collect();
    let name = if kind.name == "selinux_port" { "8443" } else { "/x" };
    let whole = Found { properties: properties.collect(), actions, ..Found::new(kind.name, name) };
    let mut least = Found { actions: whole.actions.iter().copied().rev().take(1).collect(), ..whole.clone() };
    least.properties.retain(|name, _| arguments(kind.name).contains(&name.as_str()));
    let nothing = Found { actions: Vec::new(), ..least.clone() };
    [whole, least, nothing]
}

#[test]
#[allow(clippy::disallowed_methods, reason = "test machinery: it writes a file of the tests anew")]
fn each_line_in_rust_is_one_that_is_compiled() {
    let kinds = kinds().iter().filter(|kind| is_shown(kind));
    let lines: String = kinds.flat_map(shown).map(|found| rust(&found)).collect();
    assert!(!lines.contains("// not said"), "{lines}");
    let lines = format!("{{\n{lines}}}\n");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write("tests/black_box/resource.in", &lines).unwrap();
    } else {
        assert_eq!(lines, LINES);
    }
}

#[test]
fn a_line_in_rust_is_made_by_the_function_of_its_kind() {
    let setting = Found::new("setting", "a key").with("path", "/etc/x").with("section", "s").with("key", "k");
    let line = Found::new("line", "x").with("path", "/etc/x").with("matching", "^a");
    let port = |name| Found::new("selinux_port", name).with("protocol", "tcp").action("delete");
    for (found, expected) in [
        (
            setting.clone().with("value", "1").action("set"),
            "r.add(Setting::in_file(\"/etc/x\", \"k\", \"1\").section(\"s\"));\n",
        ),
        (
            setting.clone().action("unset"),
            "r.add(Setting::in_file(\"/etc/x\", \"k\", \"\").section(\"s\").action(setting::Unset));\n",
        ),
        (
            Found { private: json!({"value": "1"}).as_object().unwrap().clone(), ..setting.action("set") },
            "// not said: setting[a key], for Rust has no form of it without `value`\n\
             // not said: `value`, which is not for everybody; `--private` shows it\n",
        ),
        (
            line.clone().action("absent"),
            "r.add(Line::in_file(\"/etc/x\", \"\").matching(\"^a\").action(line::Absent));\n",
        ),
        (
            line.unsaid("which\nline"),
            "// not said: line[x], for Rust has no form of it without `line`\n// not said: which line\n",
        ),
        (
            Found::new("block", "b").with("path", "/etc/x").with("text", "a\n").action("present"),
            "r.add(Block::in_file(\"/etc/x\", \"b\").text(\"a\\n\"));\n",
        ),
        (port("8443"), "r.add(SelinuxPort::numbered(8443).protocol(\"tcp\").action(selinux_port::Delete));\n"),
        (
            port("8000-8010"),
            "r.add(SelinuxPort::numbered(8000).port(\"8000-8010\").protocol(\"tcp\").action(selinux_port::Delete));\n",
        ),
        (
            Found::new("dnf_package", "httpd").action("remove"),
            "r.add(DnfPackage::named(\"httpd\").action(package::Remove));\n",
        ),
        (
            Found::new("mount", "/srv").with("device", "tmpfs").action("enable").action("mount"),
            "r.add(Mount::at(\"/srv\").device(\"tmpfs\").action([mount::Enable, mount::Mounted]));\n",
        ),
        (
            Found::new("yum_repository", "a\nb").with("options", json!({})).action("create"),
            "// not said: yum_repository[a\\nb], for Rust has no form of it without `options`\n",
        ),
    ] {
        assert_eq!(rust(&found), expected);
    }
}

#[test]
fn texts_within_a_value_of_yaml_mean_themselves() {
    let found = Found::new("cron", "a").with("environment", json!({"A": "{{ b }}", "{% c": "no"}));
    let found = found.with("list", json!([["{{"], 1]));
    assert_eq!(
        yaml(&found),
        "  - type: cron\n    name: a\n    action: nothing\n    \
         environment: {A: \"{{ \\\"{{\\\" }} b }}\", \"{{ \\\"{%\\\" }} c\": \"no\"}\n    \
         list: [[\"{{ \\\"{{\\\" }}\"], 1]\n"
    );
}
