//! What a machine looks like, to be compared before and after.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::container::Container;

/// The trees that are looked at.
pub const WATCHED: &[&str] = &["/etc", "/usr/local", "/var/lib", "/root", "/srv", "/opt"];

/// What is left out of them: the program's own state, and what a running system writes by itself.
pub const UNWATCHED: &[&str] = &[
    "/var/lib/brasa",
    "/var/lib/apt/lists",
    "/var/lib/apt/periodic",
    "/var/lib/dpkg/lock",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/triggers/Lock",
    "/var/lib/dnf/history.sqlite",
    "/var/lib/dnf/history.sqlite-shm",
    "/var/lib/dnf/history.sqlite-wal",
    "/var/lib/rpm/rpmdb.sqlite-shm",
    "/var/lib/rpm/rpmdb.sqlite-wal",
    "/var/lib/systemd",
];

/// Every path in [`WATCHED`] with its kind, mode, owner and group, and for files and links the content; and the state of
/// every loaded service. No times: writing the same content again is not a difference, though an atomic writer should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<String, String>,
}

impl Snapshot {
    #[track_caller]
    pub(crate) fn of(container: &Container) -> Self {
        let prune: Vec<String> = UNWATCHED.iter().map(|path| format!("-path {path}")).collect();
        let find = format!("find {} \\( {} \\) -prune -o", WATCHED.join(" "), prune.join(" -o "));
        let mut entries = BTreeMap::new();
        // A directory's size is the file system's business, a link's target its content.
        let listed = container.sh(&format!("{find} -printf '%p\\t%y %04m %U:%G\\t%l\\0'")).success().stdout;
        for line in listed.split_terminator('\0') {
            let (path, rest) = line.split_once('\t').expect("find prints path and facts");
            let (facts, target) = rest.split_once('\t').expect("find prints facts and target");
            let shown = if target.is_empty() { facts.to_owned() } else { format!("{facts} -> {target}") };
            entries.insert(path.to_owned(), shown);
        }
        let hashed = container.sh(&format!("{find} -type f -print0 | xargs -0r sha256sum -z")).success().stdout;
        for line in hashed.split_terminator('\0') {
            let (hash, path) = line.split_once("  ").expect("sha256sum prints hash and path");
            if let Some(entry) = entries.get_mut(path) {
                write!(entry, " {}", &hash[..16]).expect("a String takes all text");
            }
        }
        let units =
            "[ ! -d /run/systemd/system ] || systemctl list-units --type=service --all --plain --no-legend --full";
        for line in container.sh(units).success().stdout.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            // One-shot services come and go by timers; only what runs or has failed is a state to keep.
            if let [unit, _, active, sub, ..] = words[..]
                && (sub == "running" || active == "failed")
            {
                entries.insert(format!("unit {unit}"), format!("{active} {sub}"));
            }
        }
        Self { entries }
    }

    /// How many things it knows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows nothing, which no real system should show.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What one path looked like: kind, mode, owner, and a link's target or the start of a file's hash.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.entries.get(path).map(String::as_str)
    }

    /// What is different later, a line each, sorted: `+ path facts`, `- path facts`, `~ path facts => facts`.
    pub fn difference(&self, later: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, facts) in &self.entries {
            match later.entries.get(path) {
                None => lines.push((path, format!("- {path} {facts}"))),
                Some(now) if now != facts => lines.push((path, format!("~ {path} {facts} => {now}"))),
                Some(_) => {}
            }
        }
        for (path, facts) in &later.entries {
            if !self.entries.contains_key(path) {
                lines.push((path, format!("+ {path} {facts}")));
            }
        }
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// The paths that are different later, sorted.
    pub fn changed(&self, later: &Self) -> Vec<String> {
        let paths = self.entries.keys().chain(later.entries.keys());
        let mut changed: Vec<String> =
            paths.filter(|path| self.entries.get(*path) != later.entries.get(*path)).cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }
}
