//! Data bags and values encrypted with age: how they are made, how recipes get them, and that they go nowhere else.
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::kitchen::{Kitchen, Ran, program};

const CANARY: &str = "c4nary-in-the-mine";
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

const RECIPE: &str = r#"
resources:
  - type: file
    name: "{{ node.place }}/srv/one"
    content: "word = {{ data_bag_item(bag='passwords', item='database', key='password') }}\n"
    owner: "{{ node.owner }}"
    group: "{{ node.owner }}"
    mode: "0600"
  - type: template
    name: "{{ node.place }}/srv/two"
    source: two.tera
    variables: {word: "{{ secret(path='app.key') }}"}
    owner: "{{ node.owner }}"
    group: "{{ node.owner }}"
    mode: "0600"
  - type: execute
    name: three
    command: 'printf %s "$WORD" | wc -c > "$PLACE/srv/three"; echo "$WORD"; echo "$WORD" >&2'
    environment: {WORD: "{{ node.app.key | secret }}", PLACE: "{{ node.place }}"}
"#;

fn place() -> Kitchen {
    let place = Kitchen::with(json!({}));
    for folder in [
        "data_bags/passwords",
        "data_bags/users",
        "cookbooks/site/recipes",
        "cookbooks/site/templates/default",
        "roles",
    ] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    place.write("secret", "right\n");
    place.write("identity", format!("# made for tests\n{IDENTITY}\n"));
    for name in ["secret", "identity"] {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    settings(&place, &[]);
    place.write("data_bags/users/bob.json", "{\"id\": \"bob\", /* a shell */ \"shell\": \"/bin/sh\"}\n");
    place.write("cookbooks/site/recipes/default.yml", RECIPE);
    place.write("cookbooks/site/templates/default/two.tera", "word = {{ word }}\n");
    place
}

/// The usual settings but for these.
fn settings(place: &Kitchen, others: &[(&str, &str)]) {
    let usual = [
        ("cookbook_path", "cookbooks"),
        ("data_bag_path", "data_bags"),
        ("role_path", "roles"),
        ("encrypted_data_bag_secret", "secret"),
        ("age_identity_file", "identity"),
    ];
    let mut text = String::new();
    for (name, value) in usual {
        let value = others.iter().find(|(other, _)| *other == name).map_or(value, |(_, value)| value);
        if !value.is_empty() {
            text += &format!("{name} \"{}/{value}\"\n", place.root());
        }
    }
    place.write("solo.rb", text);
}

/// A run of `data-bag` with this on standard input, and this editor.
fn bag(place: &Kitchen, words: &[&str], input: &str, editor: &str) -> Ran {
    let sealing = words.contains(&"--age");
    let mut arguments = vec!["data-bag"];
    arguments.extend(words);
    if !sealing {
        arguments.extend(["-c", "ROOT/solo.rb"]);
    }
    fs::create_dir_all(place.path("runtime")).unwrap();
    let mut command = place.command(program(), &arguments);
    command.env("EDITOR", editor).env("XDG_RUNTIME_DIR", place.path("runtime")).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    place.ran(&child.wait_with_output().unwrap())
}

fn sealed(place: &Kitchen, text: &str) -> Value {
    let made = bag(place, &["encrypt", "--age", RECIPIENT], text, "").code(0);
    assert!(!made.whole().contains(text.trim()));
    made.json()
}

/// The orders of a run that uses a secret of every sort.
fn order(place: &Kitchen, run_list: &[&str]) {
    let owner = fs::metadata(place.path("srv")).unwrap().uid().to_string();
    let key = sealed(place, &format!("{CANARY}\n"));
    let role = json!({"default_attributes": {"app": {"key": key}}, "run_list": run_list});
    place.write("roles/app.json", format!("// a role\n{role}"));
    place.order(json!({
        "run_list": ["role[app]"],
        "place": "ROOT",
        "owner": owner,
        "kitchen": {"files": [{"path": "ROOT/srv/secret", "secret": key, "mode": "0600"}]},
    }));
}

fn item(place: &Kitchen) {
    let item = json!({"id": "database", "user": "login", "password": CANARY, "more": {"deep": [CANARY]}});
    let made = bag(place, &["encrypt", "passwords", "database", "--from", "-"], &item.to_string(), "").code(0);
    assert!(!made.whole().contains(CANARY));
}

fn holders(place: &Kitchen, text: &str) -> Vec<(String, u32)> {
    place
        .tree()
        .into_iter()
        .filter(|(_, (_, content))| content.windows(text.len()).any(|bytes| bytes == text.as_bytes()))
        .map(|(path, (mode, _))| (path.strip_prefix(place.path("")).unwrap().display().to_string(), mode & 0o777))
        .collect()
}

#[test]
fn a_secret_reaches_its_files_and_no_other_place() {
    let place = place();
    item(&place);
    order(&place, &["site", "kitchen::bags", "kitchen::files"]);
    let said = |words: &[&str]| {
        let ran = place.here(words);
        assert!(!ran.whole().contains(CANARY), "{words:?}: {}", ran.whole());
        ran
    };
    for format in ["human", "json", "ndjson"] {
        for words in [
            &["check"][..],
            &["inspect"],
            &["explain", "attribute", "app.key"],
            &["explain", "attribute", "kitchen"],
            &["plan", "-vv"],
        ] {
            said(&[words, &["--format", format, "--log-level", "trace"]].concat()).code(0);
        }
    }
    for (format, files) in [("human", true), ("json", false), ("ndjson", false)] {
        said(&["converge", "-vv", "--format", format, "--log-level", "trace"]).code(0);
        if files {
            for name in ["one", "two", "login", "key", "secret"] {
                fs::write(place.path("srv").join(name), "before\n").unwrap();
            }
        }
    }
    for words in [&["history"][..], &["show", "1", "-vv"], &["show", "2", "--format", "json"], &["undo", "1", "-n"]] {
        let ran = place.call(&[words, &["--state-dir", "ROOT/state"]].concat());
        assert!(!ran.whole().contains(CANARY), "{words:?}: {}", ran.whole());
    }
    let files = ["srv/key", "srv/login", "srv/one", "srv/secret", "srv/two"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(holders(&place, CANARY), files);
    assert_eq!(place.text("srv/key").unwrap(), CANARY);
    assert_eq!(place.text("srv/two").unwrap(), format!("word = {CANARY}\n"));
    assert_eq!(place.text("srv/three").unwrap().trim(), CANARY.len().to_string());
}

/// A judge of content that quotes what it refuses, of each kind that writes files, where everybody may read the file.
#[test]
fn what_a_judge_says_of_a_secret_goes_nowhere() {
    let place = place();
    item(&place);
    let owner = fs::metadata(place.path("srv")).unwrap().uid().to_string();
    let common = format!("owner: '{owner}', group: '{owner}', ignore_failure: true, verify: \"cat %{{path}}; false\"");
    let recipe = r#"
resources:
  - {type: file, name: "{{ node.place }}/srv/one", content: "{{ secret(path='app.key') }}", COMMON}
  - {type: template, name: "{{ node.place }}/srv/two", source: two.tera, variables: {word: "{{ secret(path='app.key') }}"}, COMMON}
  - {type: file, name: "{{ node.place }}/srv/three", content: "{{ node.app.key | secret }} and more", COMMON}
"#;
    place.write("cookbooks/site/recipes/default.yml", recipe.replace("COMMON", &common));
    order(&place, &["site"]);
    for format in ["human", "json", "ndjson"] {
        let ran = place.here(&["converge", "--format", format, "-vv", "--log-level", "trace"]).code(0);
        assert!(!ran.whole().contains(CANARY), "{}", ran.whole());
        assert!(ran.whole().matches("(not shown: sensitive)").count() >= 3, "{}", ran.whole());
    }
    assert_eq!(holders(&place, CANARY), []);
}

#[test]
fn identities_come_from_systemd_and_from_an_environment_file_too() {
    let place = place();
    item(&place);
    order(&place, &["kitchen::bags"]);
    settings(&place, &[("age_identity_file", "")]);
    let refused = place.here(&["check"]).code(65);
    assert!(refused.stderr.contains("encrypted with age, and there is no identity"), "{}", refused.whole());

    fs::create_dir(place.path("credentials")).unwrap();
    fs::copy(place.path("identity"), place.path("credentials/brasa-age-identity")).unwrap();
    let mut command = place.command(program(), &Kitchen::arguments(&["check"]));
    let ran = place.ran(&command.env("CREDENTIALS_DIRECTORY", place.path("credentials")).output().unwrap());
    ran.code(0);

    place.write("environment", format!("PROXY=none\nAGE_IDENTITY={IDENTITY}\n"));
    let settings =
        place.text("solo.rb").unwrap() + &format!("age_identity_env_file \"{}/environment\"\n", place.root());
    place.write("solo.rb", settings);
    place.here(&["check"]).code(0);
}

#[test]
fn items_are_encrypted_shown_edited_and_encrypted_anew() {
    let place = place();
    assert_eq!(bag(&place, &["show"], "", "").code(0).stdout, "passwords\nusers\n");
    assert_eq!(bag(&place, &["show", "users"], "", "").code(0).stdout, "bob\n");

    // Plain text stays as it is written, comments and all.
    bag(&place, &["edit", "users", "bob"], "", "sed -i s,/bin/sh,/bin/bash,").code(0);
    let plain = "{\"id\": \"bob\", /* a shell */ \"shell\": \"/bin/bash\"}\n";
    assert_eq!(place.text("data_bags/users/bob.json").unwrap(), plain);

    fs::set_permissions(place.path("data_bags/users/bob.json"), fs::Permissions::from_mode(0o640)).unwrap();
    bag(&place, &["encrypt", "users", "bob"], "", "").code(0);
    let encrypted = place.text("data_bags/users/bob.json").unwrap();
    assert!(encrypted.contains("\"version\": 3") && !encrypted.contains("/bin/"), "{encrypted}");
    assert_eq!(fs::metadata(place.path("data_bags/users/bob.json")).unwrap().mode() & 0o777, 0o640);
    let again = bag(&place, &["encrypt", "users", "bob"], "", "").code(0);
    assert!(again.stderr.contains("encrypted already"));

    // A value that is not edited keeps its text; the editor sees plain text in a file that is nobody else's.
    let editor = "f() { stat -c %a \"$1\" \"$(dirname \"$1\")\" > seen; cat \"$1\" >> seen; sed -i 's/\"id\"/\"more\": \"c4nary\", \"id\"/' \"$1\"; }; f";
    bag(&place, &["edit", "users", "bob"], "", editor).code(0);
    assert_eq!(place.text("seen").unwrap(), "600\n700\n{\n  \"id\": \"bob\",\n  \"shell\": \"/bin/bash\"\n}\n");
    let (old, new): (Value, Value) = (
        serde_json::from_str(&encrypted).unwrap(),
        serde_json::from_str(&place.text("data_bags/users/bob.json").unwrap()).unwrap(),
    );
    assert_eq!(old["shell"], new["shell"]);
    fs::remove_file(place.path("seen")).unwrap();
    assert!(holders(&place, "c4nary").is_empty());

    let shown = bag(&place, &["show", "users", "bob", "--format", "json"], "", "").code(0).json();
    assert_eq!(shown["value"], json!({"id": "bob", "shell": "/bin/bash", "more": "c4nary"}));
    assert_eq!(shown["encrypted"], true);

    place.write("new-secret", "newer\n");
    let rekeyed = bag(&place, &["rekey", "users", "--new-secret-file", "ROOT/new-secret"], "", "").code(0);
    assert_eq!(rekeyed.stderr, "encrypted 1 item of data bag `users` anew\n");
    let rekeyed = bag(&place, &["rekey", "users", "--new-secret-file", "ROOT/new-secret"], "", "").code(0);
    assert!(rekeyed.stderr.contains("1 item had the new secret already"), "{}", rekeyed.whole());
    bag(&place, &["show", "users", "bob"], "", "").code(65);
    fs::rename(place.path("new-secret"), place.path("secret")).unwrap();
    let shown = bag(&place, &["show", "users", "bob"], "", "").code(0);
    assert!(shown.stdout.contains("/bin/bash"));

    // A new item, in a new bag.
    let editor = "f() { printf '{\"id\": \"x\", \"a\": \"c4nary\"}' > \"$1\"; }; f";
    bag(&place, &["edit", "fresh", "x"], "", editor).code(0);
    assert_eq!(fs::metadata(place.path("data_bags/fresh/x.json")).unwrap().mode() & 0o777, 0o600);
    assert!(holders(&place, "c4nary").is_empty());
    assert_eq!(fs::read_dir(place.path("runtime")).unwrap().count(), 0);
}

#[test]
fn what_is_edited_badly_is_not_saved_and_not_left() {
    let place = place();
    item(&place);
    let before = place.text("data_bags/passwords/database.json");
    for (editor, code, said) in [
        ("false", 1, "error: command `false` exited with 1\nhint: nothing was saved"),
        ("nosuch-editor-here", 1, "exited with 127"),
        ("truncate -s 30", 65, "error: database.json (edited):3:"),
        ("truncate -s 0", 65, "error: database.json (edited):1:1: the file is empty"),
        (
            "sed -i 's/\"id\"/\"di\"/'",
            65,
            "error: database.json (edited):1:1: the item has no `id`\nhint: write `\"id\": \"database\"`",
        ),
        ("sed -i 's/\"database\"/\"other\"/'", 65, "the `id` is another than `database`\n"),
        ("sed -i 's/\"deep\"/\"encrypted_data\"/'", 65, "`more` looks encrypted"),
        ("true", 0, "nothing was changed\n"),
    ] {
        let ran = bag(&place, &["edit", "passwords", "database"], "", editor).code(code);
        assert!(ran.stderr.contains(said), "{editor}: {}", ran.whole());
        assert!(!ran.whole().contains(CANARY), "{editor}: {}", ran.whole());
        assert_eq!(place.text("data_bags/passwords/database.json"), before);
        assert_eq!(fs::read_dir(place.path("runtime")).unwrap().count(), 0, "{editor}");
    }
    assert!(holders(&place, CANARY).is_empty());
}

/// On a terminal, made by script(1), a slip is asked about; what was typed is there when one goes on.
#[test]
fn on_a_terminal_a_slip_may_be_mended() {
    let place = place();
    item(&place);
    fs::create_dir_all(place.path("runtime")).unwrap();
    let before = place.text("data_bags/passwords/database.json");
    // Spoils the text at first, mends what it left the next time.
    let editor = "f() { if [ -e ROOT/once ]; then sed -i 's/login.*$/admin\",/' \"$1\"; else touch ROOT/once; sed -i 's/login.*$/login/' \"$1\"; fi; }; f";
    for (answer, code, changed) in [("n\n", 65, false), ("y\n", 0, true)] {
        let words = format!("{} data-bag edit passwords database -c ROOT/solo.rb", program().display());
        let mut command = place.command("script".as_ref(), &["-qec", &words, "/dev/null"]);
        command.env("EDITOR", editor.replace("ROOT", &place.root())).env("XDG_RUNTIME_DIR", place.path("runtime"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(answer.as_bytes()).unwrap();
        let ran = place.ran(&child.wait_with_output().unwrap()).code(code);
        assert!(ran.stdout.contains("error: database.json (edited):"), "{}", ran.whole());
        assert!(ran.stdout.contains("edit it again? (n gives up what was edited) [Y/n] "), "{}", ran.whole());
        assert!(!ran.stdout.contains(CANARY), "{}", ran.whole());
        assert_eq!(place.text("data_bags/passwords/database.json") != before, changed);
        assert_eq!(fs::read_dir(place.path("runtime")).unwrap().count(), 0);
        fs::remove_file(place.path("once")).unwrap();
    }
    let shown = bag(&place, &["show", "passwords", "database"], "", "").code(0);
    assert!(shown.stdout.contains("\"user\": \"admin\""), "{}", shown.whole());
}

#[test]
fn what_cannot_be_done_with_bags_is_told() {
    let place = place();
    item(&place);
    place.write("wrong", "wrong");
    place.write("empty", "\n");
    place.write("data_bags/users/broken.json", "{\"id\": \"broken\",\n \"word\": \"c4nary\",}");
    let cases: &[(&[&str], &str, i32)] = &[
        (&["show", "usres"], "", 65),
        (&["show", "users", "bbo"], "", 65),
        (&["show", "../users"], "", 65),
        (&["show", "passwords", "database", "--secret-file", "ROOT/wrong"], "", 65),
        (&["show", "passwords", "database", "--secret-file", "ROOT/empty"], "", 65),
        (&["show", "passwords", "database", "--secret-file", "ROOT/missing"], "", 65),
        (&["encrypt", "users", "carol"], "", 65),
        (&["encrypt", "users", "carol", "--from", "ROOT/missing"], "", 65),
        (&["encrypt", "users", "carol", "--from", "-"], "[\"c4nary\"]", 65),
        (&["encrypt", "users", "carol", "--from", "-"], "{\"a\": \"c4nary\"}", 65),
        (&["encrypt", "users", "carol", "--from", "-"], "{\"id\": \"carol\", \"a\": \"c4nary\"", 65),
        (&["encrypt", "users", "a b", "--from", "-"], "{\"id\": \"a b\"}", 65),
        (&["encrypt", "--age", "age1x"], "c4nary", 65),
        (&["rekey", "passwords", "--new-secret-file", "ROOT/empty"], "", 65),
        (&["rekey", "users"], "", 65),
    ];
    let mut said = String::new();
    for (words, input, code) in cases {
        let ran = bag(&place, words, input, "").code(*code);
        said += &format!("$ {}\n{}", words.join(" "), ran.stderr);
    }
    insta::assert_snapshot!("data_bags_refused", said);
    let untold = said.replace("2 |  \"word\": \"c4nary\",}", "");
    assert!(!untold.contains("c4nary"), "{said}");
}

#[test]
fn a_recipe_without_its_secrets_is_refused_before_anything_is_changed() {
    let place = place();
    item(&place);
    order(&place, &["site", "kitchen::bags", "kitchen::files"]);
    let refused = |others: &[(&str, &str)]| {
        settings(&place, others);
        let ran = place.here(&["converge"]).code(65);
        assert!(!ran.whole().contains(CANARY));
        assert_eq!(fs::read_dir(place.path("srv")).unwrap().count(), 0);
        ran.stderr
    };
    let said = [
        refused(&[("encrypted_data_bag_secret", "missing")]),
        refused(&[("age_identity_file", "missing")]),
        refused(&[("age_identity_file", "secret")]),
        refused(&[("data_bag_path", "missing")]),
    ];
    insta::assert_snapshot!("data_bags_recipes_refused", said.join("\n"));
}
