//! Settings files of every level of Ruby, with what they set or why they are refused beside each: `NAME.rb` with `NAME.json`
//! or, in `refused`, `NAME.txt`. `UPDATE=1` writes the texts anew, to be read before they are committed.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use brasa::{
    host::{FileKind, Pretended},
    node::config::Settings,
};

const LEVELS: [(&str, &str); 5] = [
    ("a", "literals, symbols, lists, constants"),
    ("b", "variables, paths, interpolation"),
    ("c", "parentheses, hashes, words, environment"),
    ("d", "<<, []=, modifiers, ||, require"),
    ("e", "blocks, files, Pathname, map"),
];

fn directory(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/solo_rb").join(of)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rb"));
    files.sort();
    files
}

/// A machine that is the same everywhere.
fn surroundings() -> Pretended {
    let mut pretended = Pretended { host_name: "web1.example.org".to_owned(), ..Pretended::default() };
    for (name, value) in [("HOME", "/root"), ("CHEF_ENV", "staging")] {
        pretended.variables.insert(name.to_owned(), value.to_owned());
    }
    for path in ["/etc/chef", "/srv", "/srv/cookbooks", "/var/chef"] {
        pretended.files.insert(path.into(), FileKind::Directory);
    }
    for path in ["/etc/chef/solo.rb", "/etc/chef/encrypted_data_bag_secret", "/etc/hostname"] {
        pretended.files.insert(path.into(), FileKind::File);
    }
    pretended.contents.insert("/etc/hostname".into(), "web1\n".to_owned());
    pretended
}

fn read(file: &Path) -> Result<Settings, String> {
    let settings = Settings::parse(Path::new("/etc/chef/solo.rb"), fs::read(file).unwrap(), &surroundings());
    settings.map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect())
}

#[test]
fn every_level_is_read() {
    let mut wrong = String::new();
    for (level, what) in LEVELS {
        let files = files(&directory(level));
        let mut passed = 0;
        for file in &files {
            let expected: serde_json::Value =
                serde_json::from_slice(&fs::read(file.with_extension("json")).unwrap()).unwrap();
            match read(file) {
                Ok(settings) if serde_json::to_value(&settings).unwrap() == expected => passed += 1,
                Ok(settings) => {
                    let found = serde_json::to_string_pretty(&settings).unwrap();
                    wrong += &format!("{}: found {found}\n", file.display());
                }
                Err(faults) => wrong += &format!("{}: {faults}\n", file.display()),
            }
        }
        println!("golden solo.rb/{} ({what}): {passed} of {}", level.to_uppercase(), files.len());
        assert!(files.len() >= 12, "level {level} has too few cases");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_not_read_is_refused_with_place_and_cure() {
    let files = files(&directory("refused"));
    let mut wrong = String::new();
    for file in &files {
        let Err(faults) = read(file) else { panic!("{} is read", file.display()) };
        for line in faults.lines().filter(|line| !line.starts_with([' ', 'h'])) {
            assert!(line.starts_with("/etc/chef/solo.rb:"), "{}: {line}", file.display());
        }
        let text = file.with_extension("txt");
        if env::var_os("UPDATE").is_some() {
            fs::write(&text, &faults).unwrap();
        }
        let expected = fs::read_to_string(&text).unwrap_or_default();
        if expected != faults {
            wrong += &format!("{}: expected\n{expected}found\n{faults}\n", file.display());
        }
    }
    println!("solo.rb refused: {} files", files.len());
    assert!(files.len() >= 12);
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the fuzzer found or starts from: nothing panics, and every fault has a place.
#[test]
fn the_corpus_of_the_fuzzer_is_harmless() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/solo_rb");
    let entries: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!entries.is_empty());
    for file in entries {
        let read = Settings::parse(Path::new("solo.rb"), fs::read(&file).unwrap(), &surroundings());
        if let Err(faults) = read {
            assert!(!faults.is_empty() && faults.iter().all(|fault| fault.place.is_some()), "{}", file.display());
        }
    }
}
