//! chef-solo's options that do more than choose a file: archives, intervals, settings, handlers.
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::kitchen::{Kitchen, Ran, program};

struct Chef {
    place: Kitchen,
    link: PathBuf,
}

impl Chef {
    /// With these lines in solo.rb, beside those that keep everything in the place.
    fn new(settings: &str) -> Self {
        let place = Kitchen::with(json!({
            "run_list": ["kitchen"],
            "kitchen": {"files": [{"path": "ROOT/srv/motd", "content": "hello\n"}]}
        }));
        let chef = Self { link: place.path("chef-solo"), place };
        symlink(program(), &chef.link).unwrap();
        chef.settings(settings);
        chef
    }

    fn settings(&self, more: &str) {
        let text = format!("state_dir \"ROOT/state\"\ncookbook_path [\"ROOT/repo/cookbooks\"]\n{more}\n");
        self.place.write("solo.rb", text.replace("ROOT", &self.place.root()));
    }

    fn command(&self, more: &[&str]) -> Command {
        let words: Vec<_> = ["-c", "ROOT/solo.rb", "-j", "ROOT/dna.json"].iter().chain(more).copied().collect();
        self.place.command(&self.link, &words)
    }

    fn call(&self, more: &[&str]) -> Ran {
        self.place.ran(&self.command(more).output().unwrap())
    }

    /// An archive of what these files hold.
    fn archive(&self, files: &[(&str, &str)]) -> PathBuf {
        let source = self.place.path("source");
        for (name, text) in files {
            let path = source.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let archive = self.place.path("repo.tar.gz");
        let tar = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&source).arg(".").status().unwrap();
        assert!(tar.success());
        archive
    }
}

const COOKBOOK: [(&str, &str); 2] = [
    ("cookbooks/greet/metadata.json", "{\"name\": \"greet\"}"),
    (
        "cookbooks/greet/recipes/default.yml",
        "resources:\n  - type: log\n    name: greetings from the archive\n    level: warn\n",
    ),
];

/// A server that answers each request with this, and how often it was asked.
fn server(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content)).unwrap_or_default();
            }
        }
    });
    format!("http://{address}/repo.tar.gz")
}

#[test]
fn an_archive_is_unpacked_and_converged_from_a_path_an_address_and_a_setting() {
    let chef = Chef::new("");
    let archive = chef.archive(&COOKBOOK);
    let path = archive.display().to_string();
    let url = server(fs::read(&archive).unwrap());
    for given in [path.clone(), format!("file://{path}"), url, "repo.tar.gz".to_owned()] {
        fs::remove_dir_all(chef.place.path("repo")).unwrap_or_default();
        let ran = chef.call(&["--recipe-url", &given, "-o", "recipe[greet]"]).code(0);
        assert!(ran.stdout.contains("greetings from the archive"), "{given}: {}", ran.whole());
        assert!(chef.place.path("repo/cookbooks/greet/metadata.json").exists(), "{given}");
    }
    fs::remove_dir_all(chef.place.path("repo")).unwrap();
    chef.settings("recipe_url \"ROOT/repo.tar.gz\"");
    let ran = chef.call(&["-o", "greet"]).code(0);
    assert!(ran.stdout.contains("greetings from the archive"), "{}", ran.whole());
}

#[test]
fn a_bad_archive_changes_nothing_and_says_why() {
    let chef = Chef::new("");
    let outside = chef.place.path("source/cookbooks/out");
    fs::create_dir_all(outside.parent().unwrap()).unwrap();
    symlink("../../../etc", outside).unwrap();
    chef.archive(&COOKBOOK);
    let ran = chef.call(&["-r", "ROOT/repo.tar.gz", "-o", "greet"]).code(65);
    assert!(ran.stderr.contains("cookbooks/out` in it links to `../../../etc`, out of it"), "{}", ran.whole());
    assert!(!chef.place.path("repo/cookbooks").exists());
    chef.place.write("repo.tar.gz", "this is no archive");
    let ran = chef.call(&["-r", "ROOT/repo.tar.gz", "-o", "greet"]).code(65);
    assert!(ran.stderr.contains("the archive `ROOT/repo.tar.gz` was not unpacked"), "{}", ran.whole());
    let ran = chef.call(&["-r", "s3://bucket/repo.tar.gz"]).code(65);
    assert!(ran.stderr.contains("no http, https or file address"), "{}", ran.whole());
    chef.call(&["-r", "file:///absent/repo.tar.gz"]).code(65);
    let ran = chef.call(&["-r", "ROOT/absent.tar.gz"]).code(65);
    assert!(ran.stderr.contains("the archive `ROOT/absent.tar.gz` does not exist"), "{}", ran.whole());
    chef.place.write("solo.rb", "");
    let ran = chef.call(&["-r", "ROOT/repo.tar.gz", "-W"]).code(65);
    assert!(ran.stderr.contains("hint: set `cookbook_path"), "{}", ran.whole());
}

#[test]
fn the_repository_is_emptied_only_when_asked_and_only_a_repository() {
    let chef = Chef::new("");
    chef.archive(&COOKBOOK);
    fs::create_dir_all(chef.place.path("repo/cookbooks/old")).unwrap();
    chef.call(&["-r", "ROOT/repo.tar.gz", "-o", "greet"]).code(0);
    assert!(chef.place.path("repo/cookbooks/old").exists());
    chef.call(&["-r", "ROOT/repo.tar.gz", "--delete-entire-chef-repo", "-o", "greet"]).code(0);
    assert!(!chef.place.path("repo/cookbooks/old").exists());
    fs::remove_dir_all(chef.place.path("repo")).unwrap();
    fs::create_dir(chef.place.path("repo")).unwrap();
    chef.place.write("repo/precious", "x");
    let ran = chef.call(&["-r", "ROOT/repo.tar.gz", "--delete-entire-chef-repo", "-o", "greet"]).code(1);
    assert!(ran.stderr.contains("does not look like a repository"), "{}", ran.whole());
    assert!(chef.place.path("repo/precious").exists());
}

#[test]
fn attributes_come_from_an_address_and_from_standard_input() {
    let chef = Chef::new("");
    let dna = fs::read(chef.place.path("dna.json")).unwrap();
    let url = server(dna.clone());
    let file = format!("file://{}/dna.json", chef.place.root());
    for address in [&url, &file] {
        let words = ["-c", "ROOT/solo.rb", "-W", "-j", address];
        let ran = chef.place.ran(&chef.place.command(&chef.link, &words).output().unwrap()).code(0);
        assert!(ran.stdout.contains("srv/motd"), "{address}: {}", ran.whole());
    }
    let mut command = chef.place.command(&chef.link, &["-c", "ROOT/solo.rb", "-W", "-j", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&dna).unwrap();
    let ran = chef.place.wait(child).code(0);
    assert!(ran.stdout.contains("srv/motd"), "{}", ran.whole());
}

#[test]
fn settings_of_the_command_line_count_more() {
    let chef = Chef::new("why_run false\nlockfile \"ROOT/elsewhere\"");
    let ran = chef.call(&["--config-option", "why_run=true", "--config-option", "color=false"]).code(0);
    assert!(ran.stdout.contains("plan: 1 to add"), "{}", ran.whole());
    let ran = chef.call(&["--config-option", "why_run", "--config-option", "log_level=:loud"]).code(65);
    assert!(ran.stderr.contains("has no `=`") && ran.stderr.contains("`log_level`"), "{}", ran.whole());
    chef.call(&["--lockfile", "ROOT/my.lock"]).code(0);
    assert!(chef.place.path("my.lock").exists() && !chef.place.path("elsewhere").exists());
    chef.place.write("solo.rb", "this is (no settings file");
    chef.call(&["-W"]).code(65);
    chef.call(&["-W", "--disable-config"]).code(0);
}

#[test]
fn formatters_and_the_slow_report() {
    let chef = Chef::new("");
    let ran = chef.call(&["-F", "null"]).code(0);
    assert!(!ran.stdout.contains("motd"), "{}", ran.whole());
    let ran = chef.call(&["-F", "minimal"]).code(0);
    assert!(!ran.stdout.contains("motd") && ran.stdout.contains("1 up to date"), "{}", ran.whole());
    let ran = chef.call(&["-F", "doc", "--slow-report", "3"]).code(0);
    let slow = ran.stdout.split("slowest:\n").nth(1).unwrap_or_default();
    assert!(slow.contains("file[ROOT/srv/motd] create (kitchen::default)"), "{}", ran.whole());
    assert!(ran.stdout.matches("motd").count() > 1, "{}", ran.whole());
    let ran = chef.call(&["-F", "loud"]).code(64);
    assert!(ran.stderr.contains("minimal"), "{}", ran.whole());
}

#[test]
fn what_is_ignored_or_refused_says_so_in_one_line() {
    let chef = Chef::new("");
    let ran = chef.call(&["-W", "--minimal-ohai", "-z"]).code(0);
    let notes: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("note: option --")).collect();
    assert_eq!(notes.len(), 2, "{}", ran.whole());
    for words in [&["-d"][..], &["-d", "60"], &["-u", "nobody"], &["--fips"], &["-n", "base"], &["recipe.rb"]] {
        let ran = chef.call(words).code(64);
        let lines = ran.stderr.lines().filter(|line| line.contains("is refused: ")).count();
        assert_eq!((lines, ran.stdout.as_str()), (1, ""), "{words:?}: {}", ran.whole());
    }
    assert!(chef.call(&["-d"]).stderr.contains("packaging/systemd"));
    assert_eq!(chef.place.text("srv/motd"), None);
}

#[test]
fn settings_that_chef_would_heed_are_refused_or_noted() {
    let chef = Chef::new("user 'nobody'\nfips true\npolicy_name 'web'\nnamed_run_list 'base'");
    for words in [&["-W"][..], &[]] {
        let ran = chef.call(words).code(65);
        assert!(
            ran.stderr.contains("solo.rb:3:6: setting `user` is refused: start brasa as that user"),
            "{}",
            ran.whole()
        );
        assert_eq!(ran.stderr.matches("is refused: ").count(), 4, "{}", ran.whole());
    }
    assert_eq!(chef.place.text("srv/motd"), None);
    chef.settings("user nil\nfips false\nssl_verify_mode :verify_none\numask 0022\nsplay 0\nno_proxy ''");
    assert_eq!(chef.call(&["-W"]).code(0).stderr, "");
    chef.settings("ssl_ca_file '/etc/ca.pem'\numask 0077\nlog_location STDERR");
    let ran = chef.call(&["-W"]).code(0);
    let notes = "note: ROOT/solo.rb:3:13: setting `ssl_ca_file` has no effect: servers are verified by the system's certificates\n\
                 note: ROOT/solo.rb:4:7: setting `umask` has no effect: modes are given by resources; commands have `umask`\n\
                 note: ROOT/solo.rb:5:14: setting `log_location` has no effect: the log goes to standard error anyway, the \
                 report to standard output\n";
    assert_eq!(ran.stderr, notes, "{}", ran.whole());
}

#[test]
fn diffs_can_be_left_out() {
    let chef = Chef::new("");
    chef.place.write("srv/motd", "good day\n");
    assert!(chef.call(&["-W"]).code(0).stdout.contains("-good day"));
    chef.settings("diff_disabled true");
    let ran = chef.call(&["-W"]).code(0);
    assert!(ran.stdout.contains("srv/motd") && !ran.stdout.contains("good day"), "{}", ran.whole());
    // Nor does any other report have them.
    for (format, diffs) in [("json", false), ("ndjson", false), ("json", true)] {
        chef.settings(if diffs { "" } else { "diff_disabled true" });
        let words = Kitchen::arguments(&["plan", "--format", format]);
        let ran = chef.place.call(&words).code(0);
        assert!(ran.stdout.contains("srv/motd"), "{}", ran.whole());
        assert_eq!(ran.stdout.contains("good day"), diffs, "{}", ran.whole());
    }
}

#[test]
fn several_places_of_the_log_are_refused_and_words_are_listed() {
    let chef = Chef::new("");
    let ran = chef.call(&["-L", "ROOT/no/such/log"]).code(65);
    assert!(ran.stderr.contains("hint: make the directory `ROOT/no/such`"), "{}", ran.whole());
    let chef = Chef::new("log_location ['ROOT/a.log', STDOUT]");
    let ran = chef.call(&["-W"]).code(65);
    assert!(ran.stderr.contains("solo.rb:3:14: setting `log_location`: 2 places are given"), "{}", ran.whole());
    assert!(chef.call(&["-l", "frob"]).code(64).stderr.contains("auto"));
    assert!(chef.call(&["-F", "frob"]).code(64).stderr.contains("min,"));
}

#[test]
fn settings_are_shown_with_options_and_without_passwords() {
    let chef = Chef::new("http_proxy 'http://user:hunter2@proxy.test'\numask 0022");
    let show = |more: &[&str]| {
        let words = [&["config", "show", "-c", "ROOT/solo.rb"], more].concat();
        chef.place.ran(&chef.place.command(program(), &words).output().unwrap())
    };
    for more in [&[][..], &["--origin"], &["--format", "json"]] {
        let ran = show(more).code(0);
        assert!(!ran.stdout.contains("hunter2") && ran.stdout.contains("0022"), "{}", ran.whole());
    }
    let ran = show(&["--origin", "--config-option", "log_level=:debug"]).code(0);
    let line = ran.stdout.lines().find(|line| line.starts_with("log_level ")).unwrap_or_default();
    assert!(line.contains("command line (--config-option)") && line.contains(":debug"), "{line}");
    show(&["--config-option", "log_level=:loud"]).code(65);
}

#[test]
fn a_missing_secret_is_told_by_the_name_of_its_option() {
    let chef = Chef::new("");
    chef.place.write("item.json", "{\"id\": \"b\", \"x\": 1}");
    fs::create_dir_all(chef.place.path("repo/data_bags/a")).unwrap();
    let words =
        ["data-bag", "encrypt", "a", "b", "-c", "ROOT/solo.rb", "--from", "ROOT/item.json", "--secret-file", "nope"];
    let ran = chef.place.ran(&chef.place.command(program(), &words).output().unwrap()).code(65);
    assert!(ran.stderr.contains("`nope`, which `--secret-file` names, is no file"), "{}", ran.whole());
}

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}

/// Waits until this holds.
#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_interval_runs_again_is_woken_and_ends_after_the_run() {
    let chef = Chef::new("start_handlers [\"echo x >> ROOT/starts\"]");
    let starts = || chef.place.text("starts").unwrap_or_default().lines().count();
    let start = |words: &[&str]| chef.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let child = start(&["-i", "1"]);
    eventually("it runs again and again", || starts() >= 2);
    signal("TERM", child.id());
    chef.place.wait(child).code(0);

    let before = starts();
    let child = start(&["-i", "3600", "-s", "10"]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(starts(), before, "it waits before the first run");
    signal("USR1", child.id());
    eventually("USR1 begins a run", || starts() > before);
    signal("HUP", child.id());
    std::thread::sleep(Duration::from_millis(300));
    signal("INT", child.id());
    let ran = chef.place.wait(child).code(130);
    assert!(ran.stderr.contains("woken by a signal"), "{}", ran.whole());

    let before = starts();
    chef.call(&["-i", "3600", "-s", "3600", "--once"]).code(0);
    assert_eq!(starts(), before + 1);
    chef.call(&["-s", "1"]).code(0);
    assert_eq!(starts(), before + 2, "a splay alone delays the one run");
}

#[test]
fn a_run_that_fails_is_told_and_the_next_one_comes() {
    let chef = Chef::new("exception_handlers [\"echo x >> ROOT/failures\"]");
    chef.place.write("dna.json", "{\"run_list\": [\"recipe[absent]\"]}");
    let child = chef.command(&["-i", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("failures do not end it", || chef.place.text("failures").unwrap_or_default().lines().count() >= 2);
    signal("TERM", child.id());
    let ran = chef.place.wait(child).code(0);
    assert!(ran.stderr.contains("the run ended with exit code 65"), "{}", ran.whole());
}

#[test]
fn handlers_are_given_the_report() {
    let chef = Chef::new(
        "start_handlers ['cat > ROOT/start.json']\nreport_handlers ['cat > ROOT/report.json', ['touch', 'ROOT/words']]\n\
         exception_handlers ['cat > ROOT/exception.json; echo $BRASA_HANDLER > ROOT/kind']",
    );
    let json = |name: &str| -> Option<Value> { chef.place.text(name).map(|text| serde_json::from_str(&text).unwrap()) };
    chef.call(&["-W"]).code(0);
    assert_eq!((json("start.json"), json("report.json")), (None, None), "a plan has no handlers");
    chef.call(&[]).code(0);
    let start = json("start.json").unwrap();
    assert_eq!((&start["event"], &start["recipes"]), (&json!("start"), &json!(["kitchen::default", "kitchen::dish"])));
    let report = json("report.json").unwrap();
    assert_eq!((&report["success"], &report["summary"]["changed"]), (&json!(true), &json!(1)));
    assert!(chef.place.path("words").exists() && json("exception.json").is_none());
    chef.call(&["-o", "recipe[absent]"]).code(65);
    let exception = json("exception.json").unwrap();
    assert_eq!((&exception["success"], &exception["exit_code"]), (&json!(false), &json!(65)));
    assert!(exception["error"]["message"].as_str().unwrap().contains("absent"), "{exception}");
    assert_eq!(chef.place.text("kind").as_deref(), Some("exception\n"));
}

#[test]
fn a_handler_that_fails_changes_nothing_but_is_told() {
    let chef = Chef::new(
        "start_handlers ['echo sorry >&2; exit 3']\nreport_handlers ['no-such-handler-here', 'touch ROOT/second']",
    );
    let ran = chef.call(&[]).code(0);
    assert_eq!(chef.place.text("srv/motd").as_deref(), Some("hello\n"));
    assert!(chef.place.path("second").exists());
    let told: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("warning: the ")).collect();
    assert_eq!(told.len(), 2, "{}", ran.whole());
    assert!(told[0].contains("start handler") && told[0].ends_with("exit code 3: sorry"), "{}", told[0]);
    assert!(told[1].contains("report handler `no-such-handler-here` failed: exit code 127"), "{}", told[1]);
    chef.settings("report_handlers [5]");
    for arguments in [&[][..], &["--why-run"]] {
        let ran = chef.call(arguments).code(65);
        let told = "solo.rb:3:18: setting `report_handlers[0]`: expected a command, got `5`";
        assert!(ran.stderr.contains(told), "{}", ran.whole());
    }
}

#[test]
fn commands_get_the_proxies_that_are_set() {
    let chef = Chef::new(
        "http_proxy 'proxy.example:3128'\nhttp_proxy_user 'me'\nhttp_proxy_pass 'c@nary'\nhttps_proxy 'http://other:1'\nno_proxy '.example.org'",
    );
    let recipe = "resources:\n- {type: execute, name: \"env | grep -i _proxy | sort > ROOT/seen\"}\n";
    fs::create_dir_all(chef.place.path("repo/cookbooks/net/recipes")).unwrap();
    chef.place.write("repo/cookbooks/net/recipes/default.yml", recipe.replace("ROOT", &chef.place.root()));
    chef.place.order(json!({"run_list": ["net"]}));
    // What the environment says counts more, as in Chef.
    let ran = chef.place.ran(&chef.command(&[]).env("HTTPS_PROXY", "http://inherited:2").output().unwrap()).code(0);
    assert!(!ran.whole().contains("nary") && !ran.stderr.contains("note:"), "{}", ran.whole());
    let seen = chef.place.text("seen").unwrap();
    let wanted = [
        "HTTPS_PROXY=http://inherited:2",
        "HTTP_PROXY=http://me:c%40nary@proxy.example:3128",
        "NO_PROXY=.example.org",
        "http_proxy=http://me:c%40nary@proxy.example:3128",
        "https_proxy=http://inherited:2",
        "no_proxy=.example.org",
    ];
    assert_eq!(seen.lines().collect::<Vec<_>>(), wanted);
    let shown = chef.place.call(&["config", "show", "--origin", "-c", "ROOT/solo.rb"]).code(0).whole();
    let line = shown.lines().find(|line| line.starts_with("http_proxy_pass ")).expect("it is set");
    assert!(line.ends_with("  (sensitive)") && !shown.contains("nary"), "{shown}");
}
