//! A place in which the example program `kitchen` runs: its own directory, its own state, its own dna.json.
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The example program. Cargo builds examples only when all targets are tested, so it is asked for here.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let brasa = Path::new(env!("CARGO_BIN_EXE_brasa"));
        let profile = brasa.parent().expect("a binary is in a directory");
        let program = profile.join("examples/kitchen");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--example", "kitchen"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the example `kitchen` is built");
        program
    })
}

pub struct Kitchen {
    directory: TempDir,
}

/// How a run ended, with the place called `ROOT`, times `TIME`, runs `RUN`, lines of the example `PLACE`.
#[derive(Debug, PartialEq)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// All of it, to be compared.
    pub fn whole(&self) -> String {
        let code = self.code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        let mut whole = format!("exit {code}\n");
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                whole += &format!("--- {name}\n{text}");
            }
        }
        whole
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.whole()))
    }

    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.whole());
        self
    }
}

impl Kitchen {
    /// With this in dna.json; `ROOT` in it is the place.
    pub fn with(dna: Value) -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let kitchen = Self { directory };
        kitchen.write("solo.rb", "");
        fs::create_dir(kitchen.path("srv")).unwrap();
        kitchen.order(dna);
        kitchen
    }

    /// Puts this into dna.json. What has no owner belongs to whoever runs the tests.
    pub fn order(&self, mut dna: Value) {
        let me = fs::metadata(self.directory.path()).unwrap();
        for kind in ["files", "directories"] {
            let orders = dna.pointer_mut(&format!("/kitchen/{kind}")).and_then(Value::as_array_mut);
            for item in orders.into_iter().flatten() {
                for (key, id) in [("owner", me.uid()), ("group", me.gid())] {
                    if item.get(key).is_none() {
                        item[key] = json!(id.to_string());
                    }
                }
            }
        }
        self.write("dna.json", dna.to_string().replace("ROOT", &self.root()));
    }

    pub fn root(&self) -> String {
        self.directory.path().display().to_string()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// The program with these arguments (`ROOT` in them is the place) and an empty environment.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments.iter().map(|word| word.replace("ROOT", &self.root())));
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).current_dir(self.directory.path());
        command
    }

    pub fn ran(&self, output: &Output) -> Ran {
        let shown = |bytes: &[u8]| redacted(&String::from_utf8_lossy(bytes).replace(&self.root(), "ROOT"));
        Ran { code: output.status.code(), stdout: shown(&output.stdout), stderr: shown(&output.stderr) }
    }

    pub fn call(&self, arguments: &[&str]) -> Ran {
        self.ran(&self.command(program(), arguments).output().unwrap())
    }

    /// The command's words, then what names this place.
    pub fn arguments<'a>(words: &[&'a str]) -> Vec<&'a str> {
        let here = ["-c", "ROOT/solo.rb", "-j", "ROOT/dna.json", "--state-dir", "ROOT/state"];
        words.iter().copied().chain(here).collect()
    }

    pub fn here(&self, words: &[&str]) -> Ran {
        self.call(&Self::arguments(words))
    }

    pub fn converge(&self) -> Ran {
        self.here(&["converge"])
    }

    pub fn plan(&self) -> Ran {
        self.here(&["plan"])
    }

    /// The same as [`Self::call`] by somebody who is not root; the place must let others in.
    pub fn call_as_nobody(&self, arguments: &[&str]) -> Ran {
        if !is_root(self) {
            return self.call(arguments);
        }
        // Where the program was built may be closed to others.
        let copy = self.path("kitchen");
        fs::copy(program(), &copy).unwrap();
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "ROOT/kitchen"];
        let words: Vec<&str> = nobody.iter().chain(arguments).copied().collect();
        let ran = self.ran(&self.command(Path::new("setpriv"), &words).output().unwrap());
        fs::remove_file(copy).unwrap();
        ran
    }

    /// Sets the mode of something in the place.
    pub fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A run in the background.
    pub fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(program(), &Self::arguments(words));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn wait(&self, child: Child) -> Ran {
        self.ran(&child.wait_with_output().unwrap())
    }

    /// Waits until there is a file of this name.
    #[track_caller]
    pub fn await_file(&self, name: &str) {
        for _ in 0..600 {
            if self.path(name).exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("`{name}` did not appear");
    }

    /// Everything in the place: mode, and content or target.
    pub fn tree(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        fn walk(directory: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                if meta.is_dir() {
                    walk(&path, found);
                }
                found.insert(path, (meta.permissions().mode(), content));
            }
        }
        let mut found = BTreeMap::new();
        walk(self.directory.path(), &mut found);
        found
    }
}

/// Whether the tests run as root, without which some faults cannot be brought about.
pub fn is_root(place: &Kitchen) -> bool {
    fs::metadata(place.directory.path()).unwrap().uid() == 0
}

/// `in 85 ms` and `after 1.2 s` become `in TIME` and `after TIME`, dates `DATE`.
fn redacted(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut line = line.to_owned();
        for word in [" in ", " after "] {
            let Some(at) = line.find(word).map(|at| at + word.len()) else { continue };
            let rest = &line[at..];
            let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
            let unit = rest[number..].trim_start();
            let after = ["ms", "s"].into_iter().find_map(|name| unit.strip_prefix(name));
            if let Some(after) = after.filter(|after| number > 0 && after.starts_with([':', ' ', ')'])) {
                line = format!("{}TIME{after}", &line[..at]);
            }
        }
        if let Some(at) = line.find(SOURCE).map(|at| at + SOURCE.len()) {
            let place =
                line[at..].len() - line[at..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').len();
            line.replace_range(at..at + place, "PLACE:");
        }
        for (like, name) in [(DATE, "DATE"), (RUN, "RUN")] {
            while let Some(at) = find(&line, like) {
                line.replace_range(at..at + like.len(), name);
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// A slip of a line in the example is no other output.
const SOURCE: &str = "examples/kitchen.rs:";
const DATE: &str = "0000-00-00 00:00:00";
const RUN: &str = "000000-00000000000000";

/// Where digits stand as in `like`.
fn find(line: &str, like: &str) -> Option<usize> {
    let fits = |bytes: &[u8]| {
        bytes.iter().zip(like.bytes()).all(|(is, like)| if like == b'0' { is.is_ascii_digit() } else { *is == like })
    };
    line.as_bytes().windows(like.len()).position(fits)
}
