//! A secret reaches the one file that it is for, and no other place.
use brasa::values::Digest;
use serde_json::json;

use crate::kitchen::Kitchen;

const CANARY: &str = "c4nary-in-the-mine";

#[test]
fn a_secret_is_in_no_sink() {
    let place = Kitchen::with(json!({
        "run_list": ["kitchen"],
        "kitchen": {
            "files": [
                {"path": "ROOT/srv/secret", "secret": CANARY, "mode": "0600"},
                {"path": "ROOT/srv/sensitive", "content": format!("key = {CANARY}\n"), "mode": "0600", "sensitive": true}
            ],
            "execute": [
                {"name": "login", "command": ["sh", "-c", "cat > /dev/null; echo $TOKEN", CANARY], "input": CANARY,
                 "environment": {"TOKEN": CANARY}, "sensitive": true},
                {"name": "logout", "command": ["sh", "-c", format!("echo {CANARY}; exit 3")], "sensitive": true}
            ]
        }
    }));
    // Whoever has the checksum of a weak password has the password.
    let checksums =
        [CANARY.to_owned(), format!("key = {CANARY}\n")].map(|text| Digest::of(text.as_bytes()).to_string());
    let said = |words: &[&str]| {
        let ran = place.here(words);
        for told in [CANARY].into_iter().chain(checksums.iter().map(String::as_str)) {
            assert!(!ran.whole().contains(told), "{words:?}: {}", ran.whole());
        }
        ran
    };
    for format in ["human", "json", "ndjson"] {
        said(&["plan", "-vv", "--format", format, "--log-level", "trace"]);
    }
    for format in ["human", "json", "ndjson"] {
        said(&["converge", "-vv", "--format", format, "--log-level", "trace"]).code(1);
        std::fs::remove_file(place.path("srv/secret")).unwrap();
    }
    for words in [&["history"][..], &["show", "1", "-vv"], &["show", "1", "--format", "json"], &["undo", "1", "-n"]] {
        let ran = place.call(&[words, &["--state-dir", "ROOT/state"]].concat()).code(0);
        assert!(!ran.whole().contains(CANARY), "{words:?}: {}", ran.whole());
    }
    let holders: Vec<_> = place
        .tree()
        .into_iter()
        .filter(|(_, (_, content))| content.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes()))
        .map(|(path, (mode, _))| (path.strip_prefix(place.path("")).unwrap().display().to_string(), mode & 0o777))
        .collect();
    let order = ("dna.json".to_owned(), 0o644);
    assert_eq!(holders, [order, ("srv/sensitive".to_owned(), 0o600)]);
}
