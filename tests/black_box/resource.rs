//! `brasa resource`: what is there, as a recipe that finds nothing to do.
use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::kitchen::Kitchen;

/// Texts that a language of recipes could read as something else.
const TEXTS: [&str; 15] = [
    "welcome\n",
    "no line break at the end",
    "",
    "\n",
    "two\n\nparagraphs\n",
    "ends in blank lines\n\n\n",
    "  begins with blanks\n",
    "\ttabs\tand trailing blanks  \n",
    "carriage\r\nreturns\r\n",
    "{{ node.name }} and {% if %} and {# this #}\n",
    "{{{ x }}} {% raw %} {% endraw %} {{ y }}{",
    "# a comment: yes\n- [a, b]\nkey: \"value\" 'other' \\n\n",
    "true",
    "0644",
    "umlauts äöü, a bell \u{7}, a next line \u{85}, an escape \u{1b}[2J\n",
];

fn call(place: &Kitchen, words: &[&str]) -> String {
    let words: Vec<&str> = ["resource"].iter().chain(words).copied().collect();
    let said = place.call(&words).code(0);
    assert_eq!(said.stderr, "", "{words:?}");
    said.stdout
}

#[test]
fn what_it_prints_is_a_recipe_that_finds_nothing_to_do() {
    let place = Kitchen::with(json!({"run_list": ["found"]}));
    fs::create_dir_all(place.path("cookbooks/found/recipes")).unwrap();
    place.write("solo.rb", format!("cookbook_path \"{}/cookbooks\"\n", place.root()));
    std::os::unix::fs::symlink("text-0", place.path("srv/leads to")).unwrap();
    let mut recipe = "resources:\n".to_owned();
    let mut add = |words: &[&str]| {
        let said = call(&place, words);
        recipe += said.strip_prefix("resources:\n").expect("it begins a recipe");
    };
    for (number, text) in TEXTS.iter().enumerate() {
        let name = format!("srv/text-{number}");
        place.write(&name, text);
        fs::set_permissions(place.path(&name), fs::Permissions::from_mode(0o604)).unwrap();
        add(&["file", &format!("ROOT/{name}")]);
    }
    add(&["file", "ROOT/srv/no file"]);
    add(&["file", "ROOT/srv/{{ 1 + 1 }}"]);
    add(&["directory", "ROOT/srv"]);
    add(&["link", "ROOT/srv/leads to"]);
    add(&["setting", "a key", "path=ROOT/srv/text-10", "key=key", "separator=: "]);
    add(&["user", "root"]);
    add(&["group", "root"]);
    assert!(!recipe.contains('\u{1b}') && !recipe.contains('\u{85}'), "nothing in it moves a terminal");
    place.write("cookbooks/found/recipes/default.yml", recipe.replace("ROOT", &place.root()));

    let nothing = format!("converged in TIME: 0 changed, {} up to date, 0 skipped\n", TEXTS.len() + 7);
    assert_eq!(place.converge().code(0).stdout, nothing, "{recipe}");
    for number in 0..TEXTS.len() {
        place.write(&format!("srv/text-{number}"), "drifted");
    }
    place.converge().code(0);
    for (number, text) in TEXTS.iter().enumerate() {
        assert_eq!(place.text(&format!("srv/text-{number}")).as_deref(), Some(*text));
    }
}

#[test]
fn it_prints_lines_of_rust_and_json() {
    let place = Kitchen::with(json!({}));
    place.write("srv/motd", "say \"hello\"\n\\o/");
    fs::set_permissions(place.path("srv/motd"), fs::Permissions::from_mode(0o000)).unwrap();
    assert!(call(&place, &["file", "ROOT/srv/motd", "--as", "rust"]).contains(".mode(0o0000)"));
    fs::set_permissions(place.path("srv/motd"), fs::Permissions::from_mode(0o4755)).unwrap();
    let file = call(&place, &["file", "ROOT/srv/motd", "--as", "rust"]);
    let line = "r.add(File::at(\"ROOT/srv/motd\").mode(0o4755).owner(";
    assert!(file.starts_with(line), "{file}");
    assert!(file.ends_with(").content(\"say \\\"hello\\\"\\n\\\\o/\"));\n"), "{file}");
    let gone = call(&place, &["link", "ROOT/srv/gone", "--as", "rust"]);
    assert_eq!(gone, "r.add(Link::at(\"ROOT/srv/gone\").action(link::Delete));\n");
    let package = call(&place, &["package", "no-such-package", "--as", "rust"]);
    assert_eq!(package, "r.add(Package::named(\"no-such-package\").action(package::Remove));\n");
    let document = place.call(&["resource", "user", "root", "--format", "json"]).code(0).json();
    assert_eq!(document["schema_version"], json!(1));
    assert_eq!(document["resources"][0]["type"], json!("user"));
    assert_eq!(document["resources"][0]["properties"]["uid"], json!(0));
}

#[test]
fn what_not_everybody_may_read_is_shown_only_when_asked_for() {
    let place = Kitchen::with(json!({}));
    place.write("srv/key", "hunter2");
    fs::set_permissions(place.path("srv/key"), fs::Permissions::from_mode(0o640)).unwrap();
    let hidden = call(&place, &["file", "ROOT/srv/key"]);
    assert!(!hidden.contains("hunter2"), "{hidden}");
    assert!(
        hidden.ends_with("    # not said: `content`, which is not for everybody; `--private` shows it\n"),
        "{hidden}"
    );
    place.write("srv/key", "password=hunter2\n");
    let setting = call(&place, &["setting", "x", "path=ROOT/srv/key", "key=password", "separator=="]);
    assert!(setting.contains("not said: `value`") && !setting.contains("hunter2"), "{setting}");
    place.write("srv/key", "hunter2");
    let shown = call(&place, &["file", "ROOT/srv/key", "--private"]);
    assert!(shown.ends_with("    content: hunter2\n"), "{shown}");
}

#[test]
fn all_of_a_kind_are_listed() {
    let place = Kitchen::with(json!({}));
    let accounts = fs::read_to_string("/etc/passwd").unwrap().lines().count();
    assert_eq!(call(&place, &["user"]).lines().filter(|line| *line == "  - type: user").count(), accounts);
    assert!(call(&place, &["group"]).contains("\n    name: root\n"));
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let place = Kitchen::with(json!({}));
    for (words, code, sentence) in [
        (&["fil", "x"][..], 64, "error: there is no kind `fil`\nhint: did you mean `file`?\n"),
        (
            &["file"],
            64,
            "error: no list of each `file` is kept on a machine\nhint: name one, as in `brasa resource file NAME`\n",
        ),
        (
            &["execute", "ls"],
            64,
            "error: `execute` cannot be shown: it does something once, or what is there does not tell how it was asked for\n\
             hint: kinds of things that are there can be shown: `file`, `package`, `service`, `user` and others\n",
        ),
        (
            &["remote_directory", "/x"],
            64,
            "error: `remote_directory` cannot be shown: it does something once, or what is there does not tell how it was \
             asked for\n\
             hint: kinds of things that are there can be shown: `file`, `package`, `service`, `user` and others\n",
        ),
        (
            &["file", "relative"],
            64,
            "error: file[relative]: path `relative` is relative\nhint: a run has no current directory to start from: write it from the root, as `/etc/motd`\n",
        ),
        (&["file", "/x", "mode"], 64, "error: `mode` is no property with a value\nhint: write it as `key=Port`\n"),
        (&["file", "/x", "moed=1"], 64, "error: no property `moed`; did you mean `mode`?\n"),
        (
            &["file", "ROOT/srv"],
            1,
            "error: `ROOT/srv` is a directory, not a file\nhint: ask for `directory` in place of `file`\n",
        ),
    ] {
        let words: Vec<&str> = ["resource"].iter().chain(words).copied().collect();
        let refused = place.call(&words).code(code);
        assert_eq!((refused.stderr.as_str(), refused.stdout.as_str()), (sentence, ""), "{words:?}");
    }
}

/// Lines as `--as rust` prints them, of each kind that is shown with each property that it has: that they compile is all that is
/// asked of them.
#[allow(dead_code, reason = "nobody is so managed")]
fn lines(r: &mut brasa::prelude::Recipe) {
    use brasa::prelude::*;
    include!("resource.in")
}
