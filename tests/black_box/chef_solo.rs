//! The chef-solo face: the program called by a link of that name.
use std::{os::unix::fs::symlink, path::PathBuf};

use serde_json::json;

use crate::kitchen::{Kitchen, Ran, program};

struct Chef {
    place: Kitchen,
    link: PathBuf,
}

impl Chef {
    fn new() -> Self {
        let place = Kitchen::with(json!({
            "recipes": ["kitchen::files"],
            "kitchen": {"files": [{"path": "ROOT/srv/motd", "content": "hello\n"}]}
        }));
        place.write(
            "solo.rb",
            format!(
                "# one setting a line\nfile_cache_path \"{0}/cache\"\nfile_backup_path \"{0}/backup\"\nlockfile \"{0}/lock\"\n\
                 cookbook_path [\"{0}/site-cookbooks\", \"{0}/cookbooks\"]\nlog_level :info\nlog_location STDOUT\n\
                 ssl_verify_mode :verify_none\n",
                place.root()
            ),
        );
        let link = place.path("chef-solo");
        symlink(program(), &link).unwrap();
        Self { place, link }
    }

    fn call(&self, words: &[&str]) -> Ran {
        self.place.ran(&self.place.command(&self.link, words).output().unwrap())
    }
}

/// Why-run needs no state directory, so it leaves the machine's own alone.
#[test]
fn the_articles_call_is_understood() {
    let chef = Chef::new();
    let before = chef.place.tree();
    let words = ["-c", "ROOT/solo.rb", "-j", "ROOT/dna.json", "-W"];
    let ran = chef.call(&words).code(0);
    assert!(ran.stdout.contains("file[ROOT/srv/motd]") && ran.stdout.contains("plan: 1 to add"), "{}", ran.whole());
    assert_eq!(chef.place.tree(), before);
    for more in [
        &["-l", "debug"][..],
        &["-N", "stove"],
        &["--no-color"],
        &["--color"],
        &["--once"],
        &["-F", "doc"],
        &["--force-formatter"],
        &["--legacy-mode"],
        &["--chef-license", "accept"],
    ] {
        let all: Vec<_> = words.iter().chain(more).copied().collect();
        let again = chef.call(&all).code(0);
        assert!(again.stdout.contains("motd"), "{more:?}: {}", again.whole());
        assert_eq!(again.stdout.contains('\x1b'), more == ["--color"], "{more:?}: {}", again.whole());
    }
}

#[test]
fn the_run_list_can_be_replaced() {
    let chef = Chef::new();
    let ran = chef.call(&["-c", "ROOT/solo.rb", "-j", "ROOT/dna.json", "-W", "-o", "recipe[kitchen::links]"]).code(0);
    assert!(!ran.stdout.contains("motd"), "{}", ran.whole());
    assert!(ran.stdout.contains("plan: 0 to add"), "{}", ran.whole());
}

#[test]
fn the_log_goes_to_a_file_when_asked() {
    let chef = Chef::new();
    let ran = chef.call(&["-c", "ROOT/solo.rb", "-j", "ROOT/dna.json", "-W", "-L", "ROOT/log"]).code(0);
    assert_eq!(ran.stdout, "");
    assert!(chef.place.text("log").unwrap().contains("motd"));
}

#[test]
fn help_version_and_what_is_wrong() {
    let chef = Chef::new();
    let help = chef.call(&["--help"]).code(0).stdout;
    for option in ["-c", "-j", "-o", "-W", "-l", "-L", "-N", "--color", "--no-color", "--once"] {
        assert!(help.contains(option), "{option}: {help}");
    }
    assert!(chef.call(&["--version"]).code(0).stdout.starts_with("chef-solo "));
    let unknown = chef.call(&["--nonsense"]).code(64);
    assert!(unknown.stdout.is_empty() && unknown.stderr.contains("--nonsense"), "{}", unknown.whole());
    chef.call(&["-l", "loud"]).code(64);
}
