use std::path::{Path, PathBuf};

use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::json;

use super::{KNOWN, LogLocation, Settings, Value, Verbosity};
use crate::{Fault, host::Pretended};

fn parse(text: impl Into<Vec<u8>>) -> Result<Settings, Vec<Fault>> {
    Settings::parse(Path::new("solo.rb"), text.into(), &Pretended::default())
}

fn shown(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_file_of_the_article() {
    let text = "file_cache_path \"/tmp/chef-solo\"\ncookbook_path [\"/var/chef-solo/site-cookbooks\", \
        \"/var/chef-solo/cookbooks\"]\nlog_level :info\nlog_location STDOUT\nssl_verify_mode :verify_none\n";
    let settings = parse(text).unwrap();
    assert_eq!(settings.path("file_cache_path").unwrap(), Some(PathBuf::from("/tmp/chef-solo")));
    assert_eq!(
        settings.paths("cookbook_path").unwrap(),
        Some(vec!["/var/chef-solo/site-cookbooks".into(), "/var/chef-solo/cookbooks".into()])
    );
    assert_eq!(settings.log_level().unwrap(), Some(Verbosity::Info));
    assert_eq!(settings.log_locations().unwrap(), Some(vec![LogLocation::Stdout]));
    assert_eq!(settings.get("log_level").unwrap().place.to_string(), "solo.rb:3:11");
    assert!(settings.warnings().is_empty());
    assert_eq!(settings.ignored().map(|(name, ..)| name).collect::<Vec<_>>(), ["ssl_verify_mode"]);
    assert_eq!(
        serde_json::to_value(&settings).unwrap(),
        json!({
            "file_cache_path": "/tmp/chef-solo",
            "cookbook_path": ["/var/chef-solo/site-cookbooks", "/var/chef-solo/cookbooks"],
            "log_level": ":info",
            "log_location": "STDOUT",
            "ssl_verify_mode": ":verify_none"
        })
    );
}

#[test]
fn every_form_of_a_value() {
    let text = r##"
=begin
b "not read"
=end
s1 'it\'s \\ \n #{x}' # behind
s2 "tab\t quote\" hash \#{x} \x41\101\u00e9\u{1f600}\e[0m"; s3 ""
n1 10
n2 -5
n3 1_000
n4 0644
n5 0x1f
f1 0.5
f2 1e3
t true
f(false)
z nil
y :"two words"
l [
  "a", # first

  'b',
  [:c, 1],
]
c(
  "x"
)
k OpenSSL::SSL::VERIFY_NONE
o $stdout
w "one \
line"
node_name nil
__END__
anything (goes
"##;
    let settings = parse(text.replace("\\\\", "\\")).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    assert_eq!(
        serde_json::to_value(&settings).unwrap(),
        json!({
            "s1": r"it's \ \n #{x}",
            "s2": "tab\t quote\" hash #{x} AAé😀\u{1b}[0m", "s3": "",
            "n1": 10, "n2": -5, "n3": 1000, "n4": 420, "n5": 31, "f1": 0.5, "f2": 1000.0, "t": true, "f": false, "z": null,
            "y": ":two words", "l": ["a", "b", [":c", 1]], "c": "x", "k": "OpenSSL::SSL::VERIFY_NONE", "o": "STDOUT",
            "w": "one line", "node_name": null
        })
    );
    assert_eq!(settings.text("node_name"), Ok(None));
    assert_eq!(settings.get("l").unwrap().value.to_string(), r#"["a", "b", [:c, 1]]"#);
}

#[test]
fn the_last_one_counts() {
    let settings = parse("log_level :info\r\nlog_level :debug\r\n").unwrap();
    assert_eq!(settings.get("log_level").unwrap().value, Value::Symbol("debug".into()));
    assert_eq!(settings.iter().count(), 1);
}

#[test]
fn names_close_to_known_ones_are_warned_about() {
    let settings = parse("cookbok_path '/a'\nmy_own 5\n").unwrap();
    assert_eq!(
        shown(settings.warnings()),
        "solo.rb:1:1: setting `cookbok_path` is not known and has no effect\nhint: did you mean `cookbook_path`?"
    );
    assert_eq!(settings.get("my_own").unwrap().value, Value::Integer(5));
}

#[test]
fn locations_of_the_log() {
    let settings = parse("log_location [STDERR, :syslog, '/var/log/x']").unwrap();
    let expected = vec![LogLocation::Stderr, LogLocation::Syslog, LogLocation::File("/var/log/x".into())];
    assert_eq!(settings.log_locations().unwrap(), Some(expected));
}

#[test]
fn places_of_the_log_that_change_nothing_are_noted() {
    for (text, noted) in [
        ("log_location STDERR", Some("the log goes to standard error anyway, the report to standard output")),
        ("log_location [:syslog]", Some("the log goes to standard error, which systemd keeps in the journal")),
        ("log_location STDOUT", None),
        ("log_location '/var/log/x'", None),
        ("log_location nil", None),
    ] {
        let notes = parse(text).unwrap().without_effect();
        let wanted = noted.map(|why| format!("solo.rb:1:14: setting `log_location` has no effect: {why}"));
        assert_eq!(shown(&notes), wanted.unwrap_or_default(), "{text}");
    }
}

#[test]
fn methods_that_are_named_as_known_are_read() {
    for (kind, value) in [
        ("a string", "'a'"),
        ("a list", "['a']"),
        ("a hash", "{ 'a' => 'b' }"),
        ("a path", "Pathname('/a')"),
        ("a symbol", ":a"),
        ("a whole number", "1"),
        ("nil", "nil"),
    ] {
        for name in super::methods::known(kind) {
            let read = |rest: &str| parse(format!("x = {value}\nnote x.{name}{rest}"));
            let forms = ["", "('a')", "(0)", "('a', 'b')", "(/a/)", " { |a| a }"];
            let refused = |rest: &&str| {
                read(rest).is_err_and(|faults| shown(&faults).contains("is Ruby that brasa does not read"))
            };
            assert!(!forms.iter().all(refused), "`{name}` of {kind}");
        }
    }
}

#[test]
fn each_known_setting_is_there_once() {
    let mut names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KNOWN.len());
}

#[test]
fn wrong_types_are_found_at_once() {
    let text = "file_cache_path :x\ncookbook_path [1]\nlog_level :lound\nlog_level 5\nwhy_run 'yes'\n\
        log_location 7\nrun_lock_timeout -1\nnode_name [\"a\"]\njson_attribs STDOUT\nlockfile ''\nenvironment FOO";
    insta::assert_snapshot!(shown(&parse(text).unwrap_err()), @"
    solo.rb:1:17: setting `file_cache_path`: expected a path in quotes, got `:x`
    solo.rb:2:16: setting `cookbook_path[0]`: expected a path in quotes, got `1`
    solo.rb:4:11: setting `log_level`: expected a symbol, got `5`
    hint: known are `auto`, `trace`, `debug`, `info`, `warn`, `error`, `fatal`
    solo.rb:5:9: setting `why_run`: expected `true` or `false`, got a string
    solo.rb:6:14: setting `log_location`: expected `STDOUT`, `STDERR`, `:syslog` or a path in quotes, or a list of them, got `7`
    solo.rb:7:18: setting `run_lock_timeout`: expected a whole number, 0 or more, got `-1`
    solo.rb:8:11: setting `node_name`: expected a string, got a list
    solo.rb:9:14: setting `json_attribs`: expected a string, got `STDOUT`
    solo.rb:10:10: setting `lockfile`: expected a path in quotes, got an empty string
    solo.rb:11:13: constant `FOO` is not known
      11 | environment FOO
         |             ^
    hint: known are `STDOUT`, `STDERR`, `OpenSSL::SSL::VERIFY_NONE`, `OpenSSL::SSL::VERIFY_PEER`
    ");
    insta::assert_snapshot!(shown(&parse("log_level :inf").unwrap_err()), @"
    solo.rb:1:11: setting `log_level`: `:inf` is not known
    hint: did you mean `info`?
    ");
}

const BAD: &[&str] = &[
    "log_level",
    "cookbook_path %w[/a it's]\nnope nope",
    "file_cache_path \"/a\" + base",
    "if true\n  log_level :info\nelse\n  log_level\nend\nlog_level",
    "end",
    "options({ :a => })",
    "options key:",
    "cookbook_path [\"/a\"",
    "log_level(:info",
    "number 12x",
    "log_level :info :debug",
    "/regex it's/",
    "name $variable",
    "\"text\"",
    "=begin\nnever ended",
    "path \"\\xff \\u{}\"",
    "café é°",
    "a <<~TEXT\n  never ended",
    "list.each do |x\nend",
    "x = 5\nx.foo\nx[1] = 2\n\"a\".tr('a-z', 'b')",
    "return",
    "x += 1\nx.push(1)",
];

#[test]
fn ruby_that_is_not_read_is_named_with_what_to_write_instead() {
    let all: Vec<_> =
        BAD.iter().map(|text| format!("{text}\n-> {}\n", shown(&parse(*text).expect_err(text)))).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_is_not_done_is_noted() {
    let text = "require 'fileutils'\nFileUtils.mkdir_p '/a'\nChef::Log.level = :info\n$stdout.sync = true\nlog_level = :info\n\
        ENV['A'] = 'b'\nChef::Log.info 'x'\n$: << '/lib'\n";
    let settings = parse(text).unwrap();
    insta::assert_snapshot!(shown(settings.notes()));
    insta::assert_snapshot!(shown(settings.warnings()));
    assert_eq!(settings.iter().count(), 0);
}

#[test]
fn the_readers_of_types() {
    let settings = parse(
        "umask '0027'\nreport_handlers '/bin/report'\nssl_verify_mode OpenSSL::SSL::VERIFY_NONE\nrole_path %w[/a /b]\n\
         require 'pathname'\nfile_cache_path Pathname.new('/c')\ninterval 5",
    )
    .unwrap();
    assert_eq!(settings.mode("umask"), Ok(Some(0o027)));
    assert_eq!(settings.texts("report_handlers"), Ok(Some(vec!["/bin/report"])));
    assert_eq!(settings.verification("ssl_verify_mode"), Ok(Some(false)));
    assert_eq!(settings.paths("role_path"), Ok(Some(vec!["/a".into(), "/b".into()])));
    assert_eq!(settings.absolute_path("file_cache_path"), Ok(Some("/c".into())));
    assert_eq!(settings.count("interval"), Ok(Some(5)));
    assert_eq!(settings.texts("start_handlers"), Ok(None));
}

#[test]
fn a_toml_file_sets_the_same() {
    let text = "log_level = \":info\"\ncookbook_path = [\"/a\", \"/b\"]\nrun_lock_timeout = 5\nohai.disabled_plugins = [\":Passwd\"]\n\
        note = \": no symbol\"\n[knife]\nregion = \"x\"\n";
    let toml = Settings::parse_toml(Path::new("brasa.toml"), text.into()).unwrap();
    assert_eq!(toml.get("cookbook_path").unwrap().place.to_string(), "brasa.toml:2:17");
    assert_eq!(toml.log_level(), Ok(Some(Verbosity::Info)));
    let mut both = parse("log_level :debug\nnode_name 'a'").unwrap();
    both.overlay(toml);
    assert_eq!(
        serde_json::to_value(&both).unwrap(),
        json!({
            "log_level": ":info", "node_name": "a", "cookbook_path": ["/a", "/b"], "run_lock_timeout": 5,
            "ohai": {"disabled_plugins": [":Passwd"]}, "note": ": no symbol", "knife": {"region": "x"}
        })
    );
    let elements = Settings::parse_toml(Path::new("brasa.toml"), "role_path = [\n  '/a',\n  5\n]".into()).unwrap_err();
    assert_eq!(shown(&elements), "brasa.toml:3:3: setting `role_path[1]`: expected a path in quotes, got `5`");
    let bad = "log_level = info\ncolor = 5\nfile_cache_path = \"x\"\nbig = 99999999999999999999\nlist = [1, nan]\ncolor = true\n";
    insta::assert_snapshot!(shown(&Settings::parse_toml(Path::new("brasa.toml"), bad.into()).unwrap_err()));
    for text in ["a = ".to_owned() + &"[".repeat(100_000), "[a.".repeat(10_000), vec!["a"; 50_000].join(".") + " = 1"] {
        assert!(Settings::parse_toml(Path::new("brasa.toml"), text.into_bytes()).is_err());
    }
}

#[test]
fn depth_size_and_encoding_are_bounded() {
    assert!(parse("a ".to_owned() + &"[".repeat(100_000)).is_err());
    assert!(parse("a ".to_owned() + &"[".repeat(64) + &"]".repeat(64)).is_ok());
    assert!(parse(vec![b'#'; 2 << 20]).is_err());
    assert_eq!(
        shown(&parse(b"a 'x\xe9'".to_vec()).unwrap_err()).lines().next(),
        Some("solo.rb:1:5: byte 0xe9 is not UTF-8")
    );
}

/// The same cases every time.
fn fixed() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(31), failure_persistence: None, cases: 2000, ..ProptestConfig::default() }
}

/// Pieces of Ruby, to be put together at random.
const PIECES: &[&str] = &[
    "x",
    "log_level",
    "cookbook_path",
    " ",
    " ",
    " ",
    "\n",
    "\n",
    ";",
    "=",
    "||=",
    "+=",
    "<<",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "|x|",
    ",",
    ":a",
    "'t'",
    "\"",
    "#{",
    "}",
    "\"a#{x}\"",
    "1",
    "0x",
    "1.5",
    "if ",
    "unless ",
    "else\n",
    "elsif ",
    "end\n",
    "case ",
    "when ",
    "begin\n",
    "rescue ",
    "do ",
    "def ",
    "while ",
    ".map",
    ".each",
    "&.",
    ".",
    "::",
    "File",
    ".join",
    "ENV",
    "['A']",
    "Chef::Config",
    "[:a]",
    "__FILE__",
    "__dir__",
    "%w[a b]",
    "%W[#{x}]",
    "%i(a)",
    "<<~A",
    "\nA\n",
    "?",
    " : ",
    "!",
    "&&",
    "||",
    "==",
    "-",
    "*",
    "/",
    "/x/",
    "/(a|b)+/i",
    ".sub(/a/, '\\\\1')",
    "defined? ",
    "Chef::Config",
    "=~",
    "nil",
    "true",
    "self",
    "puts ",
    "require ",
    "and ",
    "not ",
    "@a",
    "$a",
    "=>",
    "a: ",
    "->",
    "&:b",
    "*x",
    "ohai.",
    "é",
    "\\",
    "`",
    "#",
    "=begin\n",
    "=end\n",
    "__END__",
    ".to_s",
    ".split",
    ".gsub",
    "Pathname.new",
    "x = ",
    "x ",
    "return",
];

proptest! {
    #![proptest_config(fixed())]

    #[test]
    fn pieces_of_ruby_never_panic(picked in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = picked.iter().map(|piece| PIECES[*piece]).collect();
        if let Err(faults) = parse(text) {
            prop_assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()));
        }
    }

    #[test]
    fn nothing_panics(text in r#"([a-z]{1,3}|[A-Z]::?|[ \n\t;,.]|[\[\](){}<>=|&!?%/`~^*+-]|["'][a\\#{}é]{0,3}["']?|:[a"]|[0-9]{1,3}[._xe]?|<<~A|=begin|__END__|\PC){0,20}"#) {
        if let Err(faults) = parse(text) {
            prop_assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()));
        }
    }

    #[test]
    fn text_comes_back(text: String) {
        let quoted = text.replace('\\', "\\\\").replace('\'', "\\'");
        prop_assume!(!text.contains('\0'));
        let settings = parse(format!("a '{quoted}'")).unwrap();
        prop_assert_eq!(&settings.get("a").unwrap().value, &Value::String(text));
    }
}

#[test]
fn faults_show_no_password() {
    let all = [
        "http_proxy_pass \"hunter2\" + 5",
        "https_proxy \"https://u:hunter2@h\" + 1",
        "http_proxy_pass hunter2",
        "http_proxy_pass :hunter2",
        "http_proxy_pass(\n  \"hunter2\" + 5\n)",
        "http_proxy_pass <<~X\n  hunter2 #{nope}\n  X",
        "http_proxy_pass = \"hunter2\"\nlog_level 5",
        "Chef::Config[:http_proxy_pass] = 'hunter2' + 5",
        "http_proxy_pass 'hunter2",
        "ftp_proxy_pass %q(hunter2) x",
    ];
    let mut told = String::new();
    for text in all {
        let faults = parse(text).unwrap_err();
        told += &format!("{}\n", shown(&faults));
    }
    for text in
        ["http_proxy_pass = \"hunter2\" x", "http_proxy = \"http://u:hunter2@h", "http_proxy_pass = [\"hunter2\"]"]
    {
        told += &format!("{}\n", shown(&Settings::parse_toml(Path::new("brasa.toml"), text.into()).unwrap_err()));
    }
    for given in ["http_proxy_pass=[hunter2", "http_proxy_pass={hunter2: 1}", "http_proxy_pass=[hunter2]"] {
        told += &format!("{}\n", shown(&Settings::of_option("--config-option", given).unwrap_err()));
    }
    told += &format!("{}\n", shown(&parse(b"http_proxy_pass 'hunter2\xff'".as_slice()).unwrap_err()));
    told += &shown(parse("http_proxy_pass = \"hunter2\"").unwrap().warnings());
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told);
    // The lines around it are shown.
    let faults = shown(&parse("http_proxy_pass 'hunter2'\nlog_level 'a' + 5\n").unwrap_err());
    assert!(faults.contains("2 | log_level 'a' + 5"), "{faults}");
}

#[test]
fn each_slip_of_a_toml_file_is_told_once() {
    let mut told = String::new();
    for text in [
        "cookbook_path = [\"/a\"\nlog_level = \":info\"\ncolor = true\nwhy_run = 5\n",
        "color = true\nnode_name = \"a\"\ncolor = false\n",
        "log_level = :info\ncolor = yes\nnode_name = web1\n",
        "node_name = \"web1\ncolor = 5\n",
        "node_name = 'web1\ncolor = 5\n",
        "cookbook_path \"/a\"\nlog_level = \":info\"\n",
        "ohai = { a = 1\ncolor = 5\n",
        "[ohai\na = 1\n",
        "cookbook_path = [\"/a\" \"/b\"]\ncolor = 5",
        "cookbook_path =\ncolor = 5",
        "[a]\nb = 1\nb = 2\n[a]\n",
        "a = 1 # x\n? = 2\nnode name = 'x'\n",
    ] {
        told += &format!("{}\n\n", shown(&Settings::parse_toml(Path::new("brasa.toml"), text.into()).unwrap_err()));
    }
    insta::assert_snapshot!(told);
}
