//! `brasa server` as far as it goes without a server: descriptions, a provider that talks nonsense, user-data.
use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::kitchen::{Kitchen, Ran};

fn site(description: &str) -> Kitchen {
    let place = Kitchen::with(json!({"run_list": []}));
    std::fs::create_dir(place.path("servers")).unwrap();
    place.write("servers/web.toml", description);
    place
}

fn server(place: &Kitchen, words: &[&str]) -> Ran {
    place.call(&[&["server"], words, &["--servers", "ROOT/servers", "--state", "ROOT/state/servers"]].concat())
}

#[test]
fn a_description_is_read_to_its_end_and_every_fault_has_its_place() {
    let told = |description: &str| server(&site(description), &["create", "web"]).code(65).stderr;
    insta::assert_snapshot!(told(
        "provider = \"exec\"\nfqdm = \"web.example.com\"\nready_within = 0\nuser = \"ro ot\"\nssh_key = 7\n\
         [files]\n\"etc/motd\" = \"motd\"\n\"/a/../b\" = \"b\"\n[keys]\nx = 1\n[dns]\nserver = \"ns1\"\n[exec]\ncomand = \"./x\"\n"
    ), @r#"
    error: ROOT/servers/web.toml:1:1: `dna` is missing
    hint: name the file with the run-list: `dna = "dna.json"`
    ROOT/servers/web.toml:2:1: there is no key `fqdm`
    hint: did you mean `fqdn`?
    ROOT/servers/web.toml:3:16: `ready_within` is to be from 1 to 86400, not 0
    ROOT/servers/web.toml:4:8: `user` is no user's name: `ro ot`
    hint: it has letters, digits, `-`, `.` and `_`
    ROOT/servers/web.toml:5:11: `ssh_key` is to be text, not a number
    ROOT/servers/web.toml:6:1: `files` names a place that is no absolute path: `etc/motd`
    hint: begin it with `/`, without `..`
    ROOT/servers/web.toml:6:1: `files` names a place that is no absolute path: `/a/../b`
    hint: begin it with `/`, without `..`
    ROOT/servers/web.toml:9:1: `keys` is to be a table of texts, not a table
    ROOT/servers/web.toml:11:1: `dns.key` is missing
    hint: name the key file: `key = "tsig.private"`
    ROOT/servers/web.toml:13:1: `exec.command` is missing
    hint: name the program and its arguments: `command = ["./provider.py"]`
    ROOT/servers/web.toml:14:1: there is no key `exec.comand`
    hint: did you mean `command`?
    "#);
    insta::assert_snapshot!(told("dna = \"dna.json\"\nprovider = \"exce\"\nfqdn = \"-a.b\"\n"), @"
    error: ROOT/servers/web.toml:2:12: `provider` names no provider: `exce`
    hint: did you mean `exec`?
    ROOT/servers/web.toml:3:8: `fqdn` is no host name: `-a.b`
    hint: it has letters, digits, `-` and `.`
    ");
    insta::assert_snapshot!(told("dna = \"dna.json\"\n[local]\naddress = \"10.0.2.3\"\nmemory = \"1G\"\n"), @r#"
    error: ROOT/servers/web.toml:2:1: `local.image` is missing
    hint: name a disk image of a system with cloud-init, or the directory of one: `image = "debian.qcow2"`
    ROOT/servers/web.toml:3:11: `local.address` is to be an IPv4 address whose last number is from 15 to 250, not `10.0.2.3`
    hint: as `10.0.2.77`; without it each server gets another one than the last
    ROOT/servers/web.toml:4:10: `local.memory` is to be a whole number, not text
    "#);
    insta::assert_snapshot!(told("dna = dna.json\nfqdn = \"a\nuser = root\n"), @r#"
    error: ROOT/servers/web.toml:1:7: this is no TOML: text is written in quotes
       1 | dna = dna.json
         |       ^
    hint: write `"dna.json"`
    ROOT/servers/web.toml:2:10: this is no TOML: invalid basic string, expected `"`
       2 | fqdn = "a
         |          ^
    hint: close the text with `"`; a backslash in it is `\\`
    ROOT/servers/web.toml:3:8: this is no TOML: text is written in quotes
       3 | user = root
         |        ^
    hint: write `"root"`
    "#);
    insta::assert_snapshot!(told("dna = [\"a\"]\nlocal = \"x\"\n"), @r#"
    error: ROOT/servers/web.toml:1:1: `local.image` is missing
    hint: name a disk image of a system with cloud-init, or the directory of one: `image = "debian.qcow2"`
    ROOT/servers/web.toml:1:7: `dna` is to be text, not a list
    ROOT/servers/web.toml:2:9: `local` is to be a table, not text
    "#);
    let place = site("");
    let said = |words: &[&str], code: i32| server(&place, words).code(code).stderr;
    insta::assert_snapshot!(said(&["create", "no-such"], 65), @r#"
    error: there is no description `ROOT/servers/no-such.toml` of a server
    hint: write one: `dna = "dna.json"` is the least; `brasa server create --help` tells more
    "#);
    insta::assert_snapshot!(said(&["create", "../web"], 65), @"
    error: `../web` cannot be the name of a server
    hint: a name has letters, digits, `-`, `.` and `_`, begins with a letter or a digit, and has at most 63 characters
    ");
    insta::assert_snapshot!(said(&["converge", "web"], 65), @r#"
    error: ROOT/servers/web.toml:1:1: `local.image` is missing
    hint: name a disk image of a system with cloud-init, or the directory of one: `image = "debian.qcow2"`
    ROOT/servers/web.toml:1:1: `dna` is missing
    hint: name the file with the run-list: `dna = "dna.json"`
    "#);
    assert!(!place.path("state/servers/web").exists(), "nothing is recorded of what was never asked for");
}

/// A provider that answers what stands in a file.
fn answering(answer: &[u8], then: &str) -> Kitchen {
    let place = site("dna = \"../dna.json\"\nprovider = \"exec\"\n[exec]\ncommand = [\"../cloud\"]\ntimeout = 1\n");
    place.write(
        "cloud",
        format!("#!/bin/sh\ncat >\"$(dirname \"$0\")/request\"\ncat \"$(dirname \"$0\")/answer\"\n{then}\n"),
    );
    std::fs::set_permissions(place.path("cloud"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(place.path("answer"), answer).unwrap();
    place
}

#[test]
fn what_a_users_provider_answers_is_looked_at_before_it_is_used() {
    let mut all = String::new();
    let deep = "[".repeat(100_000);
    let machine =
        |rest: &str| format!("{{\"machines\":[{{\"id\":\"1\",\"name\":\"web\",\"state\":\"running\"{rest}}}]}}");
    for (answer, then) in [
        ("", ""),
        ("", "echo no credentials >&2; exit 4"),
        ("hello \u{1b}[2J there", ""),
        ("[]", ""),
        ("{}", ""),
        ("{\"machines\":{}}", ""),
        ("{\"machines\":[7]}", ""),
        ("{\"machines\":[{\"id\":\"1\"}]}", ""),
        (deep.as_str(), ""),
        (machine(",\"addresses\":[\"-oProxyCommand=touch /tmp/x\"]").as_str(), ""),
        (machine(",\"ssh\":{\"host\":\"a;b\"}").as_str(), ""),
        (
            "{\"error\":{\"kind\":\"denied\",\"message\":\"the token has \\u001b[31mexpired\",\"hint\":\"log in again\"}}",
            "",
        ),
        ("{\"error\":{\"kind\":\"unavailable\"}}", "exit 9"),
        ("{\"error\":\"plain\"}", ""),
        ("", "sleep 60"),
    ] {
        let ran = server(&answering(answer.as_bytes(), then), &["create", "web"]);
        let shown: String = answer.chars().take(40).collect();
        let given = format!("{} {then}", shown.escape_debug());
        all += &format!("--- {}\nexit {}\n{}", given.trim(), ran.code.unwrap(), ran.stderr);
    }
    insta::assert_snapshot!(all, @r#"
    --- 
    exit 1
    error: the answer of `cloud` cannot be used: it is empty
    hint: the protocol of `exec` is told in docs/servers.md
    --- echo no credentials >&2; exit 4
    exit 1
    error: `cloud` ended `find` with 4: no credentials
    --- hello \u{1b}[2J there
    exit 1
    error: the answer of `cloud` cannot be used: it is no JSON: expected value at line 1 column 1; it begins `hello \u{1b}[2J there`
    hint: the protocol of `exec` is told in docs/servers.md
    --- []
    exit 1
    error: the answer of `cloud` cannot be used: it is no object
    hint: the protocol of `exec` is told in docs/servers.md
    --- {}
    exit 1
    error: the answer of `cloud` cannot be used: it has no list `machines`
    hint: the protocol of `exec` is told in docs/servers.md
    --- {\"machines\":{}}
    exit 1
    error: the answer of `cloud` cannot be used: it has no list `machines`
    hint: the protocol of `exec` is told in docs/servers.md
    --- {\"machines\":[7]}
    exit 1
    error: the answer of `cloud` cannot be used: a machine is no object
    hint: the protocol of `exec` is told in docs/servers.md
    --- {\"machines\":[{\"id\":\"1\"}]}
    exit 1
    error: the answer of `cloud` cannot be used: machine `1` has no `state`
    hint: the protocol of `exec` is told in docs/servers.md
    --- [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
    exit 1
    error: the answer of `cloud` cannot be used: it is no JSON: recursion limit exceeded at line 1 column 128; it begins `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`
    hint: the protocol of `exec` is told in docs/servers.md
    --- {\"machines\":[{\"id\":\"1\",\"name\":\"web\",\"sta
    exit 1
    error: the answer of `cloud` cannot be used: machine `1` has an address that is none: `-oProxyCommand=touch /tmp/x`
    hint: the protocol of `exec` is told in docs/servers.md
    --- {\"machines\":[{\"id\":\"1\",\"name\":\"web\",\"sta
    exit 1
    error: the answer of `cloud` cannot be used: machine `1` has an address that is none: `a;b`
    hint: the protocol of `exec` is told in docs/servers.md
    --- {\"error\":{\"kind\":\"denied\",\"message\":\"the
    exit 77
    error: `cloud` find: the token has \u{1b}[31mexpired
    hint: log in again
    --- {\"error\":{\"kind\":\"unavailable\"}} exit 9
    exit 69
    error: `cloud` find: it does not say why
    --- {\"error\":\"plain\"}
    exit 1
    error: `cloud` find: plain
    --- sleep 60
    exit 69
    error: `cloud` did not answer to `find` within 1 s and was stopped
    hint: give it more by `exec.timeout`
    "#);
    let flood = answering(b"", "head -c 3000000 /dev/zero");
    let flooded = server(&flood, &["create", "web"]).code(1).stderr;
    assert!(flooded.starts_with("error: the answer of `cloud` cannot be used: it is no JSON"), "{flooded}");
    let none = site("dna = \"../dna.json\"\nprovider = \"exec\"\n[exec]\ncommand = \"./no-such\"\n");
    insta::assert_snapshot!(server(&none, &["create", "web"]).code(65).stderr, @"
    error: there is no program `ROOT/servers/./no-such` that makes servers
    hint: `exec.command` names it; a path starts in the directory of the description
    ");
}

#[test]
fn a_users_provider_is_asked_in_json() {
    let place = answering(b"{\"machines\":[]}", "");
    place.write(
        "servers/web.toml",
        "dna = \"../dna.json\"\nprovider = \"exec\"\n[exec]\ncommand = [\"../cloud\"]\nsettings = {zone = \"a\", size = 2}\n",
    );
    server(&place, &["destroy", "web"]).code(0);
    let request: Value = serde_json::from_str(&place.text("request").unwrap()).unwrap();
    assert_eq!(request, json!({"version": 1, "action": "find", "name": "web", "settings": {"zone": "a", "size": 2}}));
    assert_eq!(server(&place, &["list"]).code(0).stdout, "web  exec  absent\n");
}

#[test]
fn user_data_is_printed_for_other_tools_and_holds_nothing_secret() {
    let place = site(
        "dna = \"../dna.json\"\nfqdn = \"web.example.com\"\nauthorized_keys = [\"ssh-ed25519 AAAA ops\", \"../more.pub\"]\n\
         [files]\n\"/etc/motd\" = \"../motd\"\n[keys]\n\"/etc/key\" = \"../key\"\n",
    );
    place.write("more.pub", "# those of the others\nssh-rsa BBBB x@y\n\n");
    place.write("motd", "hello: \"there\"\n");
    place.write("key", "c4nary");
    let plain = server(&place, &["user-data", "web"]).code(0).stdout;
    let (head, body) = plain.split_once('\n').unwrap();
    let config: Value = serde_json::from_str(body).unwrap();
    assert_eq!(head, "#cloud-config");
    assert_eq!(config["users"][0]["ssh_authorized_keys"], json!(["ssh-ed25519 AAAA ops", "ssh-rsa BBBB x@y"]));
    assert_eq!((&config["hostname"], &config["fqdn"]), (&json!("web"), &json!("web.example.com")));
    assert!(config.get("ssh_keys").is_none() && config.get("write_files").is_none());

    let sha = "0".repeat(64);
    let url = "https://example.com/brasa";
    let pulled = server(&place, &["user-data", "web", "--pull", url, "--sha256", &sha]).code(0);
    assert!(pulled.stderr.contains("warning: the files of `keys` are not in the user-data"), "{}", pulled.stderr);
    assert!(!pulled.whole().contains("c4nary"));
    let config: Value = serde_json::from_str(pulled.stdout.split_once('\n').unwrap().1).unwrap();
    assert_eq!(config["runcmd"], json!([["/usr/local/sbin/brasa-bootstrap", "-s", sha, "-u", url]]));
    let paths: Vec<&str> =
        config["write_files"].as_array().unwrap().iter().filter_map(|file| file["path"].as_str()).collect();
    assert_eq!(paths, ["/usr/local/sbin/brasa-bootstrap", "/etc/brasa/dna.json", "/etc/motd"]);
    assert_eq!(config["write_files"][2]["content"], "hello: \"there\"\n");

    for (words, code, why) in [
        (
            &["--pull", "ftp://x", "--sha256", sha.as_str()][..],
            64,
            "`ftp://x` is no address that a server can fetch from",
        ),
        (&["--pull", url, "--sha256", "abc"][..], 64, "`abc` is no SHA-256"),
        (&["--pull", url][..], 64, "--sha256"),
    ] {
        let ran = server(&place, &[&["user-data", "web"], words].concat()).code(code);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    place.write("more.pub", "-----BEGIN OPENSSH PRIVATE KEY-----\nc4nary\n");
    let private = server(&place, &["user-data", "web"]).code(65).stderr;
    assert!(private.contains("`authorized_keys` names a private key") && !private.contains("c4nary"), "{private}");
}

#[test]
fn bootstrap_looks_before_it_connects() {
    let place = site("");
    let said = |words: &[&str], code: i32| place.call(&[&["bootstrap"], words].concat()).code(code).stderr;
    insta::assert_snapshot!(said(&["box", "-j", "ROOT/no-such", "-c", "ROOT/none.rb"], 65), @"
    error: `ROOT/none.rb` does not exist
    `ROOT/no-such` does not exist
    hint: relative paths start in the directory of the description
    ");
    insta::assert_snapshot!(said(&["-j", "ROOT/dna.json", "--", "-oProxyCommand=x"], 64), @"
    error: `-oProxyCommand=x` is no machine's name
    hint: name it as ssh does: HOST, USER@HOST, or a name in ~/.ssh/config
    ");
    insta::assert_snapshot!(said(&["box", "-j", "ROOT/dna.json", "--key", "etc/x=y"], 64), @"error: `etc/x=y` is not of the form /where/there=from/here");
}

/// A process that looks as a virtual machine does; it ends with the test.
fn machine(pidfile: &std::path::Path) -> Child {
    let mut command = Command::new("sh");
    command.arg0("qemu-system-x86_64").args(["-c", "read never", "-pidfile"]).arg(pidfile);
    command.args(["-uuid", "00112233-4455-6677-8899-aabbccddeeff", "-nic"]);
    command.arg("user,dhcpstart=10.0.2.77,hostfwd=tcp:127.0.0.1:2222-:22").stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_virtual_machine_is_found_however_the_directory_of_its_record_is_written() {
    let place = site("dna = \"../dna.json\"\n[local]\nimage = \"none\"\n");
    let state = place.path("state/servers").canonicalize().unwrap_or_else(|_| place.path("state/servers"));
    std::fs::create_dir_all(state.join("web")).unwrap();
    std::os::unix::fs::symlink(place.path("state"), place.path("linked")).unwrap();
    let mut running = machine(&state.canonicalize().unwrap().join("web/vm.pid"));
    for written in ["ROOT/state/servers", "ROOT/servers/../state/servers", "ROOT/linked/servers"] {
        let listed = place.call(&["server", "list", "--servers", "ROOT/servers", "--state", written]).code(0).stdout;
        assert_eq!(listed, "web  local  running  10.0.2.77  not recorded here\n", "{written}");
    }
    assert!(running.try_wait().unwrap().is_none());

    // The whole directory is moved while it runs: its id tells that it is the one.
    let record = json!({
        "version": 1, "name": "web", "fqdn": "web", "provider": "local", "token": "00112233445566778899aabbccddeeff",
        "phase": "converged", "id": "00112233-4455-6677-8899-aabbccddeeff", "addresses": [], "ssh": {"host": "127.0.0.1", "port": 2222}, "user": "root",
        "ssh_key": null, "base": place.path("servers"), "since": 0,
    });
    std::fs::create_dir_all(place.path("moved/web")).unwrap();
    place.write("moved/web/server.json", record.to_string());
    let moved = |words: &[&str]| {
        place.call(&[&["server"], words, &["--servers", "ROOT/servers", "--state", "ROOT/moved"]].concat()).code(0)
    };
    assert_eq!(moved(&["list"]).stdout, "web  local  running  10.0.2.77  converged\n");
    let gone = moved(&["destroy", "web", "--yes"]).stderr;
    assert!(gone.contains("destroyed and forgotten"), "{gone}");
    assert!(!running.wait().unwrap().success(), "it was ended, and did not end by itself");
    assert!(!place.path("moved/web").exists());
}

#[test]
fn servers_that_nobody_described_are_listed_of_every_place_once() {
    let place = answering(b"", "");
    for zone in ["a", "b"] {
        place.write(
            &format!("servers/in-{zone}.toml"),
            format!("dna = \"../dna.json\"\nprovider = \"exec\"\n[exec]\ncommand = \"../cloud\"\nsettings = {{zone = \"{zone}\"}}\n"),
        );
    }
    std::fs::remove_file(place.path("servers/web.toml")).unwrap();
    let one = |name: &str| format!("{{\"id\":\"{name}\",\"name\":\"{name}\",\"state\":\"running\"}}");
    let script = format!(
        "#!/bin/sh\nrequest=$(cat)\ncase $request in\n*'\"find\"'*) echo '{{\"machines\":[]}}' ;;\n\
         *'\"zone\":\"a\"'*) echo '{{\"machines\":[{both},{a}]}}' ;;\n*) echo '{{\"machines\":[{both},{b}]}}' ;;\nesac\n",
        both = one("both"),
        a = one("lost-a"),
        b = one("lost-b")
    );
    place.write("cloud", script);
    insta::assert_snapshot!(server(&place, &["list"]).code(0).stdout, @"
    in-a    exec  absent
    both    exec  running    `both`, neither described nor recorded here
    lost-a  exec  running    `lost-a`, neither described nor recorded here
    in-b    exec  absent
    lost-b  exec  running    `lost-b`, neither described nor recorded here
    ");
}
