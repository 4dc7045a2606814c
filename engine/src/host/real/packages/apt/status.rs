use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    super::{Tools, difference, directory::files_in},
    marks::Marks,
};
use crate::{
    Error, Result,
    host::{Command, PackageChange, PackageState},
};

/// dpkg's database: every package that it knows, as `/var/lib/dpkg/status` and the updates beside it have it.
///
/// The format is internal by dpkg's manual but has not changed for decades, and libapt reads it too; reading it costs a
/// tenth of starting `dpkg-query`, which is asked only when the files are not understood.
/// All fields are ranges of one text, so that parsing a thousand packages allocates next to nothing.
///
/// Source: dpkg(1) "PACKAGE STATES", deb-src-control(5), dpkg's `doc/triggers.txt`.
#[derive(Debug, Default)]
pub struct Database {
    text: String,
    entries: Vec<Entry>,
    by_name: HashMap<Box<str>, Vec<usize>>,
    native: String,
    marks: Marks,
    /// Whether dpkg's own journal (`updates/`) holds work that is not in the status file yet.
    pub unmerged: bool,
    /// Whether it is an image without dpkg: packages are recorded but cannot be changed.
    pub read_only: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Range<usize>,
    version: Range<usize>,
    architecture: Range<usize>,
    provides: Range<usize>,
    held: bool,
    reinstall: bool,
    state: State,
}

/// The third word of a package's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotInstalled,
    ConfigFiles,
    HalfInstalled,
    Unpacked,
    HalfConfigured,
    TriggersAwaited,
    TriggersPending,
    Installed,
}

impl State {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "installed" => Self::Installed,
            "config-files" => Self::ConfigFiles,
            "not-installed" => Self::NotInstalled,
            "half-installed" => Self::HalfInstalled,
            "unpacked" => Self::Unpacked,
            "half-configured" => Self::HalfConfigured,
            "triggers-awaited" => Self::TriggersAwaited,
            "triggers-pending" => Self::TriggersPending,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::NotInstalled => "not-installed",
            Self::ConfigFiles => "config-files",
            Self::HalfInstalled => "half-installed",
            Self::Unpacked => "unpacked",
            Self::HalfConfigured => "half-configured",
            Self::TriggersAwaited => "triggers-awaited",
            Self::TriggersPending => "triggers-pending",
            Self::Installed => "installed",
        }
    }

    /// Its files are there, whether or not it is configured.
    const fn unpacked(self) -> bool {
        match self {
            Self::NotInstalled | Self::ConfigFiles | Self::HalfInstalled => false,
            Self::Unpacked | Self::HalfConfigured | Self::TriggersAwaited | Self::TriggersPending | Self::Installed => {
                true
            }
        }
    }
}

impl Database {
    /// Reads the database below `root`; an empty one when there is none.
    ///
    /// # Errors
    /// A file that is there but cannot be read, or that neither we nor `dpkg-query` understand.
    pub fn read(root: &Path, tools: &dyn Tools) -> Result<Self> {
        let directory = root.join("var/lib/dpkg");
        let status = directory.join("status");
        let Some(mut text) = read_text(&status)? else {
            return Self::read_distroless(&directory.join("status.d"));
        };
        let updates = update_files(&directory.join("updates"))?;
        for update in &updates {
            text.push_str("\n\n");
            // A file that has vanished since was merged by a running dpkg: its stanza is in a newer status file, and
            // whoever changes packages reads again under dpkg's lock.
            text.push_str(&read_text(update)?.unwrap_or_default());
        }
        match Self::parse(text) {
            Ok(database) => Ok(Self { unmerged: !updates.is_empty(), marks: Marks::read(root)?, ..database }),
            Err(trouble) => Ok(Self { marks: Marks::read(root)?, ..Self::ask(tools, &status, &trouble)? }),
        }
    }

    /// Distroless images have one file for each package and neither dpkg nor a `Status` field.
    fn read_distroless(directory: &Path) -> Result<Self> {
        let mut text = String::new();
        for path in files_in(directory)? {
            if path.extension().is_some_and(|extension| extension == "md5sums") {
                continue;
            }
            text.push_str(&read_text(&path)?.unwrap_or_default());
            text.push_str("\n\n");
        }
        let database = Self::parse(text).map_err(|trouble| {
            Error::failed(format!("cannot read the package records in `{}`: {trouble}", directory.display()))
        })?;
        Ok(Self { read_only: !database.entries.is_empty(), ..database })
    }

    fn ask(tools: &dyn Tools, status: &Path, trouble: &str) -> Result<Self> {
        let format = "Package: ${Package}\nStatus: ${Status}\nVersion: ${Version}\nArchitecture: ${Architecture}\n\
                      Provides: ${Provides}\n\n";
        let answer = tools.query(&Command::new(["dpkg-query", "-W", "-f", format]))?;
        let hopeless = |reason: &str| {
            Error::failed(format!("cannot read `{}`: {trouble}; {reason}", status.display()))
                .hint("compare it with `/var/lib/dpkg/status-old`, which dpkg keeps, and repair it by hand")
        };
        if !answer.success() {
            return Err(hopeless(&format!("`dpkg-query` says: {}", answer.stderr.trim())));
        }
        Self::parse(answer.stdout).map_err(|trouble| hopeless(&format!("nor is `dpkg-query` understood: {trouble}")))
    }

    /// Reads stanzas. Of two with the same name and architecture the later one counts.
    fn parse(text: String) -> Result<Self, String> {
        let mut entries: Vec<Entry> = Vec::with_capacity(text.len() / 800);
        let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::with_capacity(text.len() / 800);
        for stanza in Stanzas::of(&text) {
            let entry = stanza?;
            let same = by_name.entry(text[entry.name.clone()].into()).or_default();
            match same.iter().find(|&&n| text[entries[n].architecture.clone()] == text[entry.architecture.clone()]) {
                Some(&n) => entries[n] = entry,
                None => {
                    same.push(entries.len());
                    entries.push(entry);
                }
            }
        }
        let native = by_name
            .get("dpkg")
            .into_iter()
            .flatten()
            .map(|&n| &text[entries[n].architecture.clone()])
            .next()
            .or_else(|| {
                let own = |entry: &&Entry| !matches!(&text[entry.architecture.clone()], "all" | "");
                entries.iter().find(own).map(|entry| &text[entry.architecture.clone()])
            })
            .unwrap_or_default()
            .to_owned();
        Ok(Self { text, entries, by_name, native, ..Self::default() })
    }

    /// State of a package by the name a recipe uses: `name` (of this machine's architecture) or `name:architecture`.
    pub fn state(&self, name: &str) -> PackageState {
        let (bare, architecture) = name.split_once(':').unwrap_or((name, "native"));
        let architecture = if architecture == "native" { &self.native } else { architecture };
        let mut named = self.by_name.get(bare).into_iter().flatten().map(|&n| &self.entries[n]);
        let entry = named.find(|entry| self.is_of(entry, architecture));
        let mut state = entry.map(|entry| self.state_of(entry)).unwrap_or_default();
        if state.version.is_none() && state.broken.is_none() {
            state.provided_by = self.provider_of(bare, architecture);
        }
        state
    }

    /// Whether two names are of one package: that of this machine's own architecture may be said with it or without.
    pub fn same(&self, one: &str, other: &str) -> bool {
        fn bare<'n>(name: &'n str, native: &str) -> &'n str {
            match name.split_once(':') {
                Some((bare, architecture)) if architecture == native || architecture == "native" => bare,
                Some(_) | None => name,
            }
        }
        bare(one, &self.native) == bare(other, &self.native)
    }

    /// Whether a package is of an architecture, `all` being this machine's own.
    fn is_of(&self, entry: &Entry, architecture: &str) -> bool {
        let own = &self.text[entry.architecture.clone()];
        architecture == "any" || own == architecture || (own == "all" && architecture == self.native)
    }

    fn state_of(&self, entry: &Entry) -> PackageState {
        let version = entry.state.unpacked().then(|| self.text[entry.version.clone()].to_owned());
        let (name, architecture) = (&self.text[entry.name.clone()], &self.text[entry.architecture.clone()]);
        PackageState {
            versions: version.iter().cloned().collect(),
            // The mark of one that was removed by dpkg alone is left until apt writes its own.
            automatic: version.is_some() && self.marks.automatic(name, architecture, &self.native),
            version,
            provided_by: None,
            config_files: entry.state == State::ConfigFiles,
            broken: entry.broken(),
            held: entry.held,
        }
    }

    fn provider_of(&self, name: &str, architecture: &str) -> Option<String> {
        self.entries
            .iter()
            .filter(|entry| entry.state == State::Installed && !entry.provides.is_empty())
            .filter(|entry| self.is_of(entry, architecture))
            .find(|entry| provided(&self.text[entry.provides.clone()]).any(|provided| provided == name))
            .map(|entry| self.text[entry.name.clone()].to_owned())
    }

    /// Packages that wait for `dpkg --configure -a`, with their state.
    pub fn unconfigured(&self) -> Vec<(String, &'static str)> {
        self.having(|entry| entry.state.unpacked() && entry.state != State::Installed)
    }

    /// Packages that only a new installation can repair: dpkg was ended in the middle of unpacking them.
    pub fn half_installed(&self) -> Vec<(String, &'static str)> {
        self.having(|entry| entry.state == State::HalfInstalled || (entry.reinstall && !entry.state.unpacked()))
    }

    fn having(&self, filter: impl Fn(&Entry) -> bool) -> Vec<(String, &'static str)> {
        let named = |entry: &Entry| (self.name_of(entry), entry.state.name());
        self.entries.iter().filter(|entry| filter(entry)).map(named).collect()
    }

    /// What is different in a later reading, by name.
    pub fn changes(&self, later: &Self) -> Vec<PackageChange> {
        let versions = |database: &Self| -> BTreeMap<String, String> {
            let present = database.entries.iter().filter(|entry| entry.state.unpacked());
            present.map(|entry| (database.name_of(entry), database.text[entry.version.clone()].to_owned())).collect()
        };
        difference(&versions(self), &versions(later))
    }

    /// The name, with the architecture where that is not this machine's own.
    fn name_of(&self, entry: &Entry) -> String {
        let name = &self.text[entry.name.clone()];
        let architecture = &self.text[entry.architecture.clone()];
        if architecture == "all" || architecture == self.native {
            name.to_owned()
        } else {
            format!("{name}:{architecture}")
        }
    }
}

impl Entry {
    fn broken(&self) -> Option<String> {
        let mut why = match self.state {
            State::NotInstalled | State::ConfigFiles | State::Installed => String::new(),
            State::HalfInstalled => "half-installed: its unpacking was interrupted".to_owned(),
            State::Unpacked => "unpacked but not configured".to_owned(),
            State::HalfConfigured => "half-configured: its configuration was interrupted or failed".to_owned(),
            State::TriggersAwaited => "waiting for triggers of other packages".to_owned(),
            State::TriggersPending => "triggered but not processed".to_owned(),
        };
        if self.reinstall {
            let separator = if why.is_empty() { "" } else { "; " };
            write!(why, "{separator}it has to be reinstalled").expect("writing to a string does not fail");
        }
        (!why.is_empty()).then_some(why)
    }
}

/// Names in a `Provides` field: `a, b (= 1.2), c:any`.
pub fn provided(field: &str) -> impl Iterator<Item = &str> {
    field.split(',').filter_map(|one| {
        let name = one.split_whitespace().next()?;
        Some(name.split_once(':').map_or(name, |(name, _)| name))
    })
}

struct Stanzas<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Stanzas<'a> {
    const fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Stanzas<'_> {
    type Item = Result<Entry, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = Fields::default();
        let mut any = false;
        while self.at < self.text.len() {
            let start = self.at;
            let end = self.text[start..].find('\n').map_or(self.text.len(), |n| start + n);
            self.at = end + 1;
            let line = &self.text.as_bytes()[start..end];
            match line.first() {
                None if any => break,
                None => {}
                // A continuation: only the first line of a field matters here, except that `Provides` is one line by
                // dpkg's own writing.
                Some(b' ' | b'\t') if any => {}
                Some(_) => {
                    any = true;
                    if let Err(trouble) = fields.take(self.text, start..end) {
                        return Some(Err(trouble));
                    }
                }
            }
        }
        any.then(|| fields.finish(self.text))
    }
}

#[derive(Default)]
struct Fields {
    name: Range<usize>,
    version: Range<usize>,
    architecture: Range<usize>,
    provides: Range<usize>,
    status: Option<Range<usize>>,
}

impl Fields {
    fn take(&mut self, text: &str, line: Range<usize>) -> Result<(), String> {
        let field = |name: &str| -> Option<Range<usize>> {
            let value = text[line.clone()].strip_prefix(name)?.strip_prefix(':')?;
            let trimmed = value.trim_start();
            let start = line.end - trimmed.len();
            Some(start..start + trimmed.trim_end().len())
        };
        // The first byte decides for nearly all lines, which are of no interest.
        let place = match text.as_bytes()[line.start] {
            b'P' => field("Package")
                .map(|value| (&mut self.name, value.clone()))
                .or_else(|| field("Provides").map(|value| (&mut self.provides, value))),
            b'V' => field("Version").map(|value| (&mut self.version, value)),
            b'A' => field("Architecture").map(|value| (&mut self.architecture, value)),
            b'S' => {
                if let Some(value) = field("Status") {
                    self.status = Some(value);
                    return Ok(());
                }
                None
            }
            _ => None,
        };
        match place {
            Some((place, value)) => *place = value,
            None if text[line.clone()].contains(':') => {}
            None => return Err(format!("the line `{}` has no field name", &text[line])),
        }
        Ok(())
    }

    fn finish(self, text: &str) -> Result<Entry, String> {
        if self.name.is_empty() {
            return Err("a stanza has no `Package` field".to_owned());
        }
        let (held, reinstall, state) = match self.status {
            None => (false, false, State::Installed),
            Some(status) => {
                let status = &text[status];
                let mut words = status.split_whitespace();
                let (Some(want), Some(flag), Some(state), None) =
                    (words.next(), words.next(), words.next().and_then(State::parse), words.next())
                else {
                    return Err(format!("package `{}` has the unknown status `{status}`", &text[self.name]));
                };
                (want == "hold", flag == "reinstreq", state)
            }
        };
        Ok(Entry {
            name: self.name,
            version: self.version,
            architecture: self.architecture,
            provides: self.provides,
            held,
            reinstall,
            state,
        })
    }
}

fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        // Maintainers' names of old packages may be in any encoding; nothing read here depends on them.
        Ok(bytes) => Ok(Some(
            String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Finished entries of dpkg's journal are named by digits; `tmp.i` is one being written.
fn update_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_in(directory)?;
    files.retain(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::Database;
    use crate::{
        Result,
        host::{Answer, Command, PackageChange, PackageState, real::packages::Tools},
    };

    /// `dpkg-query` as a machine without it has it, or with a given answer.
    struct Query(Option<&'static str>);

    impl Tools for Query {
        fn query(&self, command: &Command) -> Result<Answer> {
            assert_eq!(command.argv[0], "dpkg-query");
            let (code, stdout) = self.0.map_or((127, ""), |text| (0, text));
            Ok(Answer { code, stdout: stdout.to_owned(), stderr: "not found".to_owned() })
        }

        fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            self.query(command)
        }
    }

    fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn stanza(name: &str, status: &str, version: &str, more: &str) -> String {
        format!("Package: {name}\nStatus: {status}\nVersion: {version}\n{more}Description: x\n a: b\n .\n more\n\n")
    }

    const AMD64: &str = "Architecture: amd64\n";
    const ALL: &str = "Architecture: all\n";

    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let status = [
            stanza("dpkg", "install ok installed", "1.22.6", AMD64),
            stanza("libc6", "install ok installed", "2.36-9", "Architecture: amd64\nMulti-Arch: same\n"),
            stanza("libc6", "install ok installed", "2.36-8", "Architecture: i386\nMulti-Arch: same\n"),
            stanza(
                "mawk",
                "hold ok installed",
                "1.3.4",
                "Architecture: amd64\nProvides: awk, posix-awk (= 1), x:any\n",
            ),
            stanza("foreign", "install ok installed", "1", "Architecture: i386\n"),
            stanza("gone", "deinstall ok config-files", "3.0", "Architecture: all\nProvides: never\n"),
            stanza("never-was", "unknown ok not-installed", "", AMD64),
            stanza("half", "install reinstreq half-installed", "1.0", ALL),
            stanza("stuck", "install ok half-configured", "1.0", ALL),
            stanza("fresh", "install ok unpacked", "1.0", ALL),
            stanza("waits", "install ok triggers-awaited", "1.0", ALL),
        ]
        .concat();
        put(root.path(), "var/lib/dpkg/status", status);
        root
    }

    fn state_of(root: &Path, name: &str) -> PackageState {
        Database::read(root, &Query(None)).unwrap().state(name)
    }

    fn installed(version: &str) -> PackageState {
        PackageState {
            version: Some(version.to_owned()),
            versions: vec![version.to_owned()],
            ..PackageState::default()
        }
    }

    #[test]
    fn every_state_is_told() {
        let root = machine();
        let state = |name| state_of(root.path(), name);
        let broken = |version: &str, why: &str| PackageState { broken: Some(why.to_owned()), ..installed(version) };
        assert_eq!(state("dpkg"), installed("1.22.6"));
        assert_eq!(state("mawk"), PackageState { held: true, ..installed("1.3.4") });
        assert_eq!(state("gone"), PackageState { config_files: true, ..PackageState::default() });
        assert_eq!(state("never-was"), PackageState::default());
        assert_eq!(state("unheard-of"), PackageState::default());
        assert_eq!(
            state("half"),
            PackageState {
                broken: Some("half-installed: its unpacking was interrupted; it has to be reinstalled".to_owned()),
                ..PackageState::default()
            }
        );
        assert_eq!(state("stuck"), broken("1.0", "half-configured: its configuration was interrupted or failed"));
        assert_eq!(state("fresh"), broken("1.0", "unpacked but not configured"));
        assert_eq!(state("waits"), broken("1.0", "waiting for triggers of other packages"));
        let marks = ["mawk\nArchitecture: amd64", "gone\nArchitecture: amd64", "foreign\nArchitecture: i386"];
        let marks = marks.map(|package| format!("Package: {package}\nAuto-Installed: 1\n\n"));
        put(root.path(), "var/lib/apt/extended_states", marks.concat());
        assert!(state("mawk").automatic && state("foreign:i386").automatic && !state("dpkg").automatic);
        assert!(!state("gone").automatic, "what is not there did not come along");
        let database = Database::read(root.path(), &Query(None)).unwrap();
        let named = |name: &str, state| (name.to_owned(), state);
        assert_eq!(
            database.unconfigured(),
            [named("stuck", "half-configured"), named("fresh", "unpacked"), named("waits", "triggers-awaited")]
        );
        assert_eq!(database.half_installed(), [named("half", "half-installed")]);
    }

    #[test]
    fn a_name_means_this_machines_architecture() {
        let root = machine();
        let state = |name| state_of(root.path(), name).version;
        assert_eq!(state("libc6").as_deref(), Some("2.36-9"));
        assert_eq!(state("libc6:amd64").as_deref(), Some("2.36-9"));
        assert_eq!(state("libc6:i386").as_deref(), Some("2.36-8"));
        assert_eq!(state("libc6:arm64"), None);
        assert_eq!(state("foreign"), None);
        assert_eq!(state("foreign:i386").as_deref(), Some("1"));
        assert_eq!(state("fresh:amd64").as_deref(), Some("1.0"), "`all` is native");
    }

    #[test]
    fn a_virtual_name_is_satisfied_by_an_installed_provider() {
        let root = machine();
        let provider = |name| state_of(root.path(), name).provided_by;
        for name in ["awk", "posix-awk", "x"] {
            assert_eq!(provider(name).as_deref(), Some("mawk"), "{name}");
        }
        assert_eq!(provider("never"), None);
        assert_eq!(provider("mawk"), None);
        assert_eq!(provider("posix"), None);
    }

    #[test]
    fn the_journal_of_dpkg_is_merged() {
        let root = machine();
        put(root.path(), "var/lib/dpkg/updates/0001", stanza("stuck", "install ok installed", "1.0", ALL));
        put(root.path(), "var/lib/dpkg/updates/0000", stanza("stuck", "install ok unpacked", "1.0", ALL));
        put(root.path(), "var/lib/dpkg/updates/0002", stanza("new", "install ok installed", "7", AMD64));
        put(root.path(), "var/lib/dpkg/updates/tmp.i", "Pack");
        let database = Database::read(root.path(), &Query(None)).unwrap();
        assert!(database.unmerged);
        assert_eq!(database.state("stuck"), installed("1.0"));
        assert_eq!(database.state("new"), installed("7"));
        let mut changes = Database::read(machine().path(), &Query(None)).unwrap().changes(&database);
        assert_eq!(changes.pop(), Some(PackageChange { name: "new".to_owned(), from: None, to: Some("7".to_owned()) }));
        assert_eq!(changes, []);
    }

    #[test]
    fn other_encodings_and_missing_ends_do_no_harm() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "var/lib/dpkg/status",
            b"Package: old\nMaintainer: J\xf6rg\nStatus: install ok installed\nVersion: 1",
        );
        assert_eq!(state_of(root.path(), "old"), installed("1"));
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_to_dpkg() {
        let root = tempfile::tempdir().unwrap();
        for text in
            ["Package: a\nStatus: install ok unheard-of\n", "Status: install ok installed\n", "Package: a\nrubbish\n"]
        {
            put(root.path(), "var/lib/dpkg/status", text);
            let answer = "Package: a\nStatus: install ok installed\nVersion: 5\nArchitecture: all\nProvides: \n\n";
            let database = Database::read(root.path(), &Query(Some(answer))).unwrap();
            assert_eq!(database.state("a"), installed("5"));
            let error = Database::read(root.path(), &Query(None)).unwrap_err();
            assert!(error.to_string().contains("`dpkg-query` says: not found"), "{error}");
        }
    }

    #[test]
    fn images_without_dpkg_are_read_only() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n");
        put(root.path(), "var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\nArchitecture: all\n");
        put(root.path(), "var/lib/dpkg/status.d/base.md5sums", "0123  usr/share/x\n");
        let database = Database::read(root.path(), &Query(None)).unwrap();
        assert!(database.read_only);
        assert_eq!(database.state("tzdata"), installed("2024a"));
        let empty = tempfile::tempdir().unwrap();
        assert!(!Database::read(empty.path(), &Query(None)).unwrap().read_only);
    }
}
