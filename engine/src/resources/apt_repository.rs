//! `apt_repository[name]`
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{in_the_way, resolve, stems, text_of},
    file::{self, File, MANAGED},
    openpgp,
};
use crate::{
    Error, Fault, Result, actions,
    facts::Facts,
    host::{Entry, EntryKind, Op, Probe, Provider, Request},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::{Blob, Digest, Mode, Seconds, Words},
};

const KEYRINGS: &str = "/etc/apt/keyrings";

const SOURCES: &str = "/etc/apt/sources.list.d";

/// Deadline of fetching a key, which is small.
const TIMEOUT: Seconds = Seconds(60);

properties! {
    /// A source of packages for apt: `/etc/apt/sources.list.d/NAME.sources`, which names with `Signed-By` the key that may
    /// sign it and nothing else. A key that is given as text or by address is kept as `/etc/apt/keyrings/NAME.asc` (`.gpg`
    /// when it is binary). apt then fetches the lists of this source alone, in the same step; when it cannot, the
    /// step fails with apt's reason, and is tried again in the next run. A file `NAME.list` of the same name, as Chef
    /// writes it, is removed.
    pub struct AptRepository("name") {
        name: String;
        /// Name of the file without `.sources`, when it is not the name of the resource.
        repo_name: String,
        /// Where it is, as `https://download.docker.com/linux/debian`.
        uri: String,
        /// The suite, as `bookworm`: the codename of this machine's release when not given. One that ends in `/` is the path
        /// of a flat repository, which has no components.
        distribution: String,
        /// Its parts, as `main`.
        components: Words,
        /// Architectures to take packages of; those of this machine when not given.
        arch: Words,
        /// The key that signs it: the text of the key, an address of it, or the absolute path of a file that is there.
        /// Without it, apt accepts the keys that it trusts for everything. A key from an address without TLS needs
        /// `key_checksum` or `fingerprint`; when neither is given, the server is asked for it in each run.
        key: String,
        /// SHA-256 of the key at the address, in hex.
        key_checksum: Digest,
        /// Fingerprints, of which the key at the address has to have one; of several keys in it each one.
        fingerprint: Words,
        /// Whether packages are taken without any signature.
        trusted: bool,
        /// Whether to take source packages as well.
        deb_src: bool,
        /// Further options as apt's one-line form has them, as `target-=Contents-deb`.
        options: Words,
        /// Whether apt fetches the lists of the source when it changes; it does when not given.
        cache_rebuild: bool,
    }
    example r#"r.add(AptRepository::named("example").uri("https://example.com/debian").components("main").key("/usr/share/keyrings/example.gpg"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Add = "add": "Has the source and its key there, and its lists fetched.",
        Remove = "remove": "Removes the source and its key. Packages that came from it stay.",
    }
}
pub use Action::*;

/// The files of a source, and whether apt has its lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The file in `/etc/apt/sources.list.d`.
    pub source: file::State,
    /// Its key as text.
    pub key: file::State,
    /// Its key in binary form.
    pub binary_key: file::State,
    /// The file in the old form.
    pub list: file::State,
    /// Whether there is a directory for keys: Debian 11 has none.
    pub keyrings: bool,
    /// Whether the lists were fetched since source and key last changed; `None` when nobody asks.
    pub lists_fetched: Option<bool>,
}

/// How the key is given.
enum Key<'a> {
    Text(&'a str),
    Address(&'a str),
    Path(&'a Path),
}

impl AptRepository {
    /// The source with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn file_name(&self) -> &str {
        self.repo_name.as_ref().unwrap_or(&self.name)
    }

    fn listed(&self, form: &str) -> File {
        File::whole(format!("{SOURCES}/{}.{form}", self.file_name()))
    }

    fn keyring(&self, form: &str) -> File {
        File::whole(format!("{KEYRINGS}/{}.{form}", self.file_name()))
    }

    fn given(&self) -> Option<Key<'_>> {
        let key = self.key.as_deref()?;
        Some(match key {
            _ if openpgp::is_armored(key.as_bytes()) => Key::Text(key),
            _ if key.starts_with('/') => Key::Path(Path::new(key)),
            _ => Key::Address(key),
        })
    }

    fn prints(&self) -> impl Iterator<Item = String> {
        let words = self.fingerprint.iter().flat_map(|words| &words.0);
        words.map(|word| word.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase())
    }

    /// What is wrong with a key; `whence` begins the sentence.
    fn judge(&self, key: &Blob, whence: &str) -> Result<()> {
        let bytes = key.bytes().ok_or_else(|| Error::failed(format!("{whence} is larger than any key")))?;
        let found = openpgp::fingerprints(bytes).map_err(|why| Error::failed(format!("{whence} {why}")))?;
        if self.fingerprint.is_none() {
            return Ok(());
        }
        let stranger = found.iter().find(|found| !self.prints().any(|known| known == **found));
        stranger.map_or(Ok(()), |stranger| {
            let error =
                Error::failed(format!("{whence} is or holds the key `{stranger}`, which `fingerprint` does not name"));
            Err(error.hint(
                "ask the owner of the repository, by another way than the one the key came by, whether it is theirs",
            ))
        })
    }

    /// Whether the key on this machine is surely the one at the address, so that nobody need be asked.
    fn proven(&self, now: &file::State) -> Option<Blob> {
        let Some(Entry { kind: EntryKind::File { content }, .. }) = &now.entry else { return None };
        let known = match self.key_checksum {
            Some(checksum) => content.digest() == checksum,
            None => self.fingerprint.is_some() && self.judge(content, "").is_ok(),
        };
        known.then(|| content.clone())
    }

    fn fetch(&self, url: &str, now: &State, probe: &dyn Probe) -> Result<Blob> {
        if let Some(known) = self.proven(&now.key).or_else(|| self.proven(&now.binary_key)) {
            return Ok(known);
        }
        let request = Request {
            url: url.to_owned(),
            checksum: self.key_checksum,
            headers: Vec::new(),
            conditional: true,
            timeout: TIMEOUT,
        };
        let key = probe.fetch(&request)?.content;
        if let Some(checksum) = self.key_checksum
            && key.digest() != checksum
        {
            return Err(Error::failed(format!("`{url}` has the checksum {}, not {checksum}", key.digest())));
        }
        self.judge(&key, &format!("what `{url}` answers"))?;
        Ok(key)
    }

    /// The key that is to be kept here, and the path that `Signed-By` names.
    fn signer(&self, now: &State, probe: &dyn Probe) -> Result<(Option<Blob>, Option<String>)> {
        let key = match self.given() {
            None => return Ok((None, None)),
            Some(Key::Path(path)) => {
                let name = path.display().to_string();
                return match resolve(path, probe)?.1.map(|entry| entry.kind) {
                    Some(EntryKind::File { content }) => {
                        self.judge(&content, &format!("`{name}`"))?;
                        Ok((None, Some(name)))
                    }
                    Some(kind @ (EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. })) => {
                        Err(in_the_way(path, &kind, "file"))
                    }
                    None => Err(Error::failed(format!("there is no key at `{name}`"))
                        .hint("put it there before this, with `cookbook_file` or `remote_file`")),
                };
            }
            Some(Key::Text(text)) => Blob::from(format!("{}\n", text.trim()).as_str()),
            Some(Key::Address(url)) => self.fetch(url, now, probe)?,
        };
        let form = if key.bytes().is_some_and(openpgp::is_armored) { "asc" } else { "gpg" };
        let path = self.keyring(form).path.display().to_string();
        Ok((Some(key), Some(path)))
    }

    /// What the file says. Source: sources.list(5).
    fn text(&self, signer: Option<&str>, probe: &dyn Probe) -> Result<String> {
        let uri = self.uri.as_deref().ok_or_else(incomplete)?;
        let facts = Facts::new(probe);
        let suite = match &self.distribution {
            Some(suite) => suite.as_str(),
            None => facts.os_release("VERSION_CODENAME").ok_or_else(|| {
                Error::failed("this machine's release has no codename (`VERSION_CODENAME` in `/etc/os-release`)")
                    .hint("say with `distribution` which suite is meant")
            })?,
        };
        let join = |words: &Words| words.0.join(" ");
        let types = if self.deb_src == Some(true) { "deb deb-src" } else { "deb" };
        let mut text = format!("{MANAGED}Types: {types}\nURIs: {uri}\nSuites: {suite}\n");
        let mut field = |name: &str, value: Option<String>| {
            text.extend(value.map(|value| format!("{name}: {value}\n")));
        };
        field("Components", self.components.as_ref().map(join));
        field("Architectures", self.arch.as_ref().map(join));
        field("Signed-By", signer.map(str::to_owned));
        field("Trusted", self.trusted.filter(|trusted| *trusted).map(|_| "yes".to_owned()));
        for (name, value) in self.options.iter().flat_map(|options| &options.0).filter_map(|option| long(option)) {
            field(&name, Some(value));
        }
        Ok(text)
    }

    fn key_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let Some(key) = self.given() else { return faults };
        match key {
            Key::Text(text) => {
                let judged = self.judge(&Blob::from(text), "the text of `key`");
                faults.extend(judged.err().map(|error| Fault::new(error.to_string())));
            }
            Key::Path(_) => {}
            Key::Address(url) if url.starts_with("https://") || url.starts_with("file:///") => {}
            Key::Address(url) if url.starts_with("http://") => {
                if self.key_checksum.is_none() && self.fingerprint.is_none() {
                    let fault =
                        Fault::new(format!("the key `{url}` comes over a connection that anybody may have changed"));
                    faults
                        .push(fault.hint("say with `fingerprint` or `key_checksum` which one is meant, or use https"));
                }
            }
            Key::Address(other) => {
                let fault = Fault::new(format!("`{}` is no key", other.escape_debug()));
                faults.push(fault.hint(
                    "the text of a key, its address (`https://..`) or an absolute path are; a key of a cookbook is put in \
                     place by `cookbook_file` first, and a key server is not asked: export the key to a file",
                ));
            }
        }
        if self.trusted == Some(true) {
            faults.push(Fault::new("it has a `key`, and is `trusted` without one").hint("leave one of them out"));
        }
        faults
    }
}

/// A setting of the one-line form as a field and its value: `lang+=de,fr` is `Languages-Add: de fr`.
fn long(option: &str) -> Option<(String, String)> {
    let (name, value) = option.split_once('=')?;
    let (name, suffix) = match (name.strip_suffix('+'), name.strip_suffix('-')) {
        (Some(name), _) => (name, "-Add"),
        (None, Some(name)) => (name, "-Remove"),
        (None, None) => (name, ""),
    };
    let sound = !name.is_empty() && !value.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let field = match name {
        "arch" => "Architectures",
        "lang" => "Languages",
        "target" => "Targets",
        other => other,
    };
    sound.then(|| (format!("{field}{suffix}"), value.replace(',', " ")))
}

/// Fields that have a property.
const OWN: [&str; 7] = ["types", "uris", "suites", "components", "architectures", "signed-by", "trusted"];

fn option_fault(option: &str) -> Option<Fault> {
    let Some((field, _)) = long(option) else {
        let fault = Fault::new(format!("option `{}` is none that apt knows", option.escape_debug()));
        return Some(fault.hint("write `NAME=VALUE`, `NAME+=VALUE` or `NAME-=VALUE`, as `by-hash=no`"));
    };
    OWN.iter().any(|own| own.eq_ignore_ascii_case(&field)).then(|| {
        Fault::new(format!("option `{}` has a property of its own", option.escape_debug()))
            .hint("they are `key`, `trusted`, `arch`, `uri`, `distribution`, `components` and `deb_src`")
    })
}

fn incomplete() -> Fault {
    Fault::new("it has no `uri`").hint("say where the source is, as `https://download.docker.com/linux/debian`")
}

fn uri_fault(uri: &str) -> Option<Fault> {
    let fault = |why: &str, hint: &str| Some(Fault::new(why).hint(hint));
    if let Some(owner) = uri.strip_prefix("ppa:") {
        return fault(
            &format!("`ppa:{}` is a short form that only Ubuntu's own tool knows", owner.escape_debug()),
            "write the address, as `https://ppa.launchpadcontent.net/USER/NAME/ubuntu`, with the component `main` and the \
             `key` that Launchpad shows for it",
        );
    }
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let known = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(known) || rest.is_empty() || uri.contains(char::is_whitespace) {
        return fault(&format!("uri `{}` is no address", uri.escape_debug()), "as `https://example.com/debian`");
    }
    let host = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
    if host.contains('@') {
        return fault(
            "the uri holds a user's name or password, in a file that everybody may read",
            "put them into a file in `/etc/apt/auth.conf.d` (apt_auth.conf(5)), readable for root alone",
        );
    }
    None
}

impl Resource for AptRepository {
    const KIND: &'static str = "apt_repository";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let name = self.file_name();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let fault = Fault::new(format!("`{}` is no name of a file that apt reads", name.escape_debug()));
            faults.push(fault.hint("letters, digits, `_`, `-` and `.` are allowed; give another one as `repo_name`"));
        }
        faults.extend(self.uri.as_deref().and_then(uri_fault));
        let flat = self.distribution.as_ref().is_some_and(|suite| suite.ends_with('/'));
        let none = self.components.as_ref().is_none_or(|words| words.0.is_empty());
        if self.uri.is_some() && flat != none {
            let (what, hint) = if flat {
                ("a `distribution` that ends in `/` is a flat repository, which has no components", "leave them out")
            } else {
                (
                    "it has no `components`",
                    "`main` is what most call theirs; a flat repository has a `distribution` as `./`",
                )
            };
            faults.push(Fault::new(what).hint(hint));
        }
        let words = |what, words: &Option<Words>| -> Vec<Fault> {
            let words = words.iter().flat_map(|words| &words.0);
            let bad = words.filter(|word| word.is_empty() || word.contains(char::is_whitespace));
            bad.map(|word| Fault::new(format!("{word:?} in `{what}` is no word"))).collect()
        };
        faults.extend(words("components", &self.components));
        faults.extend(words("arch", &self.arch));
        for option in self.options.iter().flat_map(|options| &options.0) {
            faults.extend(line_fault("option", option));
            faults.extend(option_fault(option));
        }
        let long_enough = |print: &String| print.len() == 40 || print.len() == 64;
        if let Some(bad) = self.prints().find(|print| !long_enough(print)) {
            let fault = Fault::new(format!("`{bad}` is no whole fingerprint"));
            faults.push(fault.hint("it has 40 digits (or 64): a shorter one can be had by anybody"));
        }
        faults.extend(self.distribution.as_ref().and_then(|suite| line_fault("distribution", suite)));
        faults.extend(self.key_faults());
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Add if self.uri.is_none() => vec![incomplete()],
            Add | Remove => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let source = self.listed("sources");
        let fetched = || probe.source_is_fetched(&Provider::Apt, &source.path);
        Ok(State {
            source: source.read(probe)?,
            key: self.keyring("asc").read(probe)?,
            binary_key: self.keyring("gpg").read(probe)?,
            list: self.listed("list").read(probe)?,
            keyrings: probe.entry(Path::new(KEYRINGS))?.is_some(),
            lists_fetched: self.cache_rebuild.unwrap_or(true).then(fetched).transpose()?,
        })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        stems(SOURCES, ".sources", probe).map(Some)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.file_name());
        let now = self.read(probe)?;
        let Some(text) = text_of(now.source.entry.as_ref()) else {
            return Ok(Some(match now.list.entry {
                Some(_) => found.unsaid("the source in apt's one-line form, which `add` would replace"),
                None => found.settled::<Self>(Remove, probe)?,
            }));
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
        let lines = lines.join("\n");
        let lines = lines.trim();
        // Several stanzas, and a key within the file, are forms that this kind does not write.
        if lines.contains("\n\n") || lines.contains("\n ") {
            return Ok(Some(found.unsaid("what stands in the file: it is in a form that `add` would replace")));
        }
        let mut found = found;
        let mut options = Vec::new();
        for (field, value) in lines.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            let words = || value.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            found = match field.to_ascii_lowercase().as_str() {
                "types" if value == "deb" => found,
                "types" => found.with("deb_src", true),
                "uris" => found.with("uri", value),
                "suites" => found.with("distribution", value),
                "components" => found.with("components", words()),
                "architectures" => found.with("arch", words()),
                "trusted" => found.with("trusted", value == "yes"),
                // A key that is kept by this kind is given by its text: as a path, it would be somebody else's.
                "signed-by" => match text_of(now.key.entry.as_ref()) {
                    Some(key) if self.keyring("asc").path == Path::new(value) => found.with("key", key.trim()),
                    Some(_) | None => found.with("key", value),
                },
                _ => {
                    options.push(format!("{field}={}", words().join(",")));
                    found
                }
            };
        }
        if !options.is_empty() {
            found = found.with("options", options);
        }
        found.settled::<Self>(Add, probe).map(Some)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let (kept, source) = match action {
            Add => {
                let (key, signer) = self.signer(now, probe)?;
                let text = self.text(signer.as_deref(), probe)?;
                (key, Some(Blob::from(text.as_str())))
            }
            Remove => (None, None),
        };
        let armored = kept.as_ref().and_then(Blob::bytes).is_some_and(openpgp::is_armored);
        let (text, binary) = if armored { (kept, None) } else { (None, kept) };
        let keyrings = now.keyrings || text.is_some() || binary.is_some();
        let key = |file: &File, content: Option<Blob>, now: &file::State, there: bool| match content {
            // The directory is made in the same step.
            Some(content) if !there => Ok(file::State { entry: Some(roots(content)), source: None }),
            content => file.becoming(content, now, probe),
        };
        Ok(Goal::State(State {
            lists_fetched: now.lists_fetched.map(|_| source.is_some()),
            source: self.listed("sources").becoming(source, &now.source, probe)?,
            key: key(&self.keyring("asc"), text, &now.key, now.keyrings)?,
            binary_key: key(&self.keyring("gpg"), binary, &now.binary_key, now.keyrings)?,
            list: self.listed("list").becoming(None, &now.list, probe)?,
            keyrings,
        }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = Vec::new();
        if to.keyrings && !from.keyrings {
            let (path, mode) = (KEYRINGS.into(), Mode::from(0o755));
            operations.push(Op::Mkdir { path, mode, owner: "root".to_owned(), group: "root".to_owned() });
        }
        // A key is there before a source names it, and goes after it; two sources of one address would contradict
        // each other.
        let keys = [
            self.keyring("asc").steps(&from.key, &to.key)?,
            self.keyring("gpg").steps(&from.binary_key, &to.binary_key)?,
        ]
        .concat();
        let (put, take): (Vec<Op>, Vec<Op>) = keys.into_iter().partition(|op| !matches!(op, Op::Remove { .. }));
        operations.extend(put);
        operations.extend(self.listed("list").steps(&from.list, &to.list)?);
        operations.extend(self.listed("sources").steps(&from.source, &to.source)?);
        operations.extend(take);
        if to.lists_fetched == Some(true) {
            let source = Some(self.listed("sources").path);
            operations.push(Op::UpdatePackageLists { provider: Provider::Apt, source });
        }
        Ok(operations)
    }
}

/// A file of root's that everybody may read.
fn roots(content: Blob) -> Entry {
    let (owner, group) = ("root".to_owned(), "root".to_owned());
    Entry { kind: EntryKind::File { content }, mode: Mode::from(0o644), owner, group }
}

#[cfg(test)]
mod tests {
    use super::{Add, AptRepository, Remove};
    use crate::{
        host::{Fake, Probe as _, Provider},
        resource::Resource as _,
        resources::{
            openpgp::tests::{FINGERPRINT, KEY},
            trial::{done, faults, faults_of, refused, text},
        },
        spec::laws,
        values::Digest,
    };

    const SOURCE: &str = "/etc/apt/sources.list.d/lab.sources";
    const ASC: &str = "/etc/apt/keyrings/lab.asc";
    const URL: &str = "https://example.com/key";

    fn lab() -> AptRepository {
        AptRepository::named("lab").uri("https://example.com/debian").components(["main", "contrib"])
    }

    fn machine() -> Fake {
        let release = "ID=debian\nVERSION_CODENAME=bookworm\n";
        let machine = Fake::new().with_file("/etc/os-release", release).with_url(URL, KEY);
        machine.with_directory("/etc/apt/sources.list.d")
    }

    fn short(operations: &[String]) -> Vec<&str> {
        let words = |line: &str| line.find(" \"").map_or(line.len(), |at| at);
        operations.iter().map(|line| &line[..words(line)]).collect()
    }

    const FETCH: &str = "UpdatePackageLists { provider: Apt, source: Some(\"/etc/apt/sources.list.d/lab.sources\") }";

    #[test]
    fn a_source_is_told_as_it_is() {
        let described = |machine: &Fake| lab().found(machine).unwrap().unwrap();
        let mut machine = machine();
        assert_eq!(described(&machine).actions, ["remove"]);
        let lab = || self::lab().key(KEY).arch("amd64").options("by-hash=no").deb_src(true);
        done(&lab(), Add, &mut machine);
        let found = described(&machine);
        assert_eq!((&found.actions[..], &found.unsaid[..]), (&["add"][..], &[][..]));
        let properties = serde_json::to_value(&found.properties).unwrap();
        let expected = serde_json::json!({
            "deb_src": true, "uri": "https://example.com/debian", "distribution": "bookworm", "components": ["main", "contrib"],
            "arch": ["amd64"], "key": KEY.trim(), "options": ["by-hash=no"],
        });
        assert_eq!(properties, expected);
        assert_eq!(AptRepository::all(&machine).unwrap().unwrap(), ["lab"]);
        // What somebody else wrote is not as this kind would write it, or not in its form at all.
        let plain = "Types: deb\nURIs: https://example.com/debian\nSuites: bookworm\nComponents: main\n";
        let own = machine.clone().with_file(SOURCE, plain);
        let unsaid = "how it is written or kept: `add` would change that";
        assert_eq!((described(&own).actions, described(&own).unsaid), (vec![], vec![unsaid.to_owned()]));
        let several = machine.with_file(SOURCE, format!("{plain}\n{plain}").as_str());
        assert!(described(&several).properties.is_empty());
    }

    #[test]
    fn a_source_comes_with_its_key_and_its_lists() {
        let mut machine =
            machine().with_file("/etc/apt/sources.list.d/lab.list", "deb https://example.com/debian x main\n");
        let lab = || self::lab().key(URL).fingerprint(FINGERPRINT);
        let operations = done(&lab(), Add, &mut machine);
        assert_eq!(
            short(&operations),
            [
                "mkdir /etc/apt/keyrings 0755 root:root",
                "write /etc/apt/keyrings/lab.asc",
                "remove /etc/apt/sources.list.d/lab.list backup 0",
                "write /etc/apt/sources.list.d/lab.sources",
                FETCH,
            ]
        );
        assert_eq!(text(&machine, ASC), KEY);
        assert_eq!(
            text(&machine, SOURCE),
            "# Managed by brasa: changes are overwritten.\nTypes: deb\nURIs: https://example.com/debian\n\
             Suites: bookworm\nComponents: main contrib\nSigned-By: /etc/apt/keyrings/lab.asc\n"
        );
        assert!(machine.source_is_fetched(&Provider::Apt, SOURCE.as_ref()).unwrap());
        // Drift of either file.
        for path in [ASC, SOURCE] {
            let drift = done(&lab(), Add, &mut machine.clone().with_file(path, "other"));
            assert_eq!(short(&drift), [&format!("write {path}"), FETCH], "{path}");
        }
        laws(lab(), Remove, &machine);
        assert_eq!(
            done(&lab(), Remove, &mut machine),
            [format!("remove {SOURCE} backup 0"), format!("remove {ASC} backup 0")]
        );
        assert_eq!(done(&lab(), Remove, &mut machine), [""; 0]);
    }

    #[test]
    fn a_key_that_is_known_is_not_asked_for_again() {
        let offline = || Fake::debian("12").with_directory("/etc/apt/sources.list.d").with_file(ASC, KEY);
        for lab in [lab().key(URL).fingerprint(FINGERPRINT), lab().key(URL).key_checksum(Digest::of(KEY.as_bytes()))] {
            assert_eq!(short(&done(&lab, Add, &mut offline())), [&format!("write {SOURCE}"), FETCH]);
        }
        refused(&lab().key(URL), Add, &mut offline());
    }

    #[test]
    fn another_key_than_the_one_meant_is_not_put_in_place() {
        let other = "0".repeat(40);
        assert_eq!(
            refused(&lab().key(URL).fingerprint(other.as_str()), Add, &mut machine()),
            format!(
                "what `{URL}` answers is or holds the key `{FINGERPRINT}`, which `fingerprint` does not name\n\
                 hint: ask the owner of the repository, by another way than the one the key came by, whether it is theirs"
            )
        );
        let sentence = refused(&lab().key(URL).key_checksum(Digest::of(b"x")), Add, &mut machine());
        assert!(sentence.contains(&Digest::of(KEY.as_bytes()).to_string()), "{sentence}");
        let page = machine().with_url(URL, "<html>");
        assert_eq!(
            refused(&lab().key(URL), Add, &mut page.clone()),
            format!("what `{URL}` answers is no public key of OpenPGP, or is cut off")
        );
        let missing = refused(&lab().key("/usr/share/keyrings/lab.gpg"), Add, &mut machine());
        assert!(missing.starts_with("there is no key at `/usr/share/keyrings/lab.gpg`\nhint: "), "{missing}");
        let own = machine().with_file("/usr/share/keyrings/lab.gpg", KEY);
        let operations = done(&lab().key("/usr/share/keyrings/lab.gpg"), Add, &mut own.clone());
        assert_eq!(short(&operations), [&format!("write {SOURCE}"), FETCH]);
    }

    #[test]
    fn everything_that_apt_knows_of_a_source_can_be_said() {
        let mut machine = machine();
        let lab = AptRepository::named("by another name")
            .repo_name("lab")
            .uri("file:/srv/lab")
            .distribution("./")
            .trusted(true);
        let lab =
            lab.arch(["amd64", "arm64"]).deb_src(true).options(["target-=Contents-deb", "lang+=de,fr", "by-hash=no"]);
        let lab = lab.cache_rebuild(false);
        assert_eq!(short(&done(&lab, Add, &mut machine)), [format!("write {SOURCE}")]);
        assert_eq!(
            text(&machine, SOURCE),
            "# Managed by brasa: changes are overwritten.\nTypes: deb deb-src\nURIs: file:/srv/lab\nSuites: ./\n\
             Architectures: amd64 arm64\nTrusted: yes\nTargets-Remove: Contents-deb\nLanguages-Add: de fr\nby-hash: no\n"
        );
        let nameless = Fake::new().with_directory("/etc/apt/sources.list.d");
        let sentence = refused(&self::lab(), Add, &mut nameless.clone());
        assert!(sentence.contains("has no codename"), "{sentence}");
    }

    #[test]
    fn what_would_be_unsafe_or_unheard_of_is_a_fault() {
        let first = |lab: &AptRepository| {
            let faults = faults(lab);
            assert_eq!(faults.len(), 1, "{faults:?}");
            faults[0].lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(faults(&lab().key(KEY).fingerprint(FINGERPRINT)), [""; 0]);
        assert_eq!(faults_of(&AptRepository::named("lab"), Add).len(), 1);
        assert_eq!(faults_of(&AptRepository::named("lab"), Remove), [""; 0]);
        for (lab, sentence) in [
            (lab().repo_name("a b"), "`a b` is no name of a file that apt reads"),
            (lab().uri("ppa:me/tool"), "`ppa:me/tool` is a short form that only Ubuntu's own tool knows"),
            (lab().uri("example.com"), "uri `example.com` is no address"),
            (
                lab().uri("https://me:secret@example.com/x"),
                "the uri holds a user's name or password, in a file that everybody may read",
            ),
            (
                lab().distribution("./"),
                "a `distribution` that ends in `/` is a flat repository, which has no components",
            ),
            (AptRepository::named("lab").uri("https://example.com/x"), "it has no `components`"),
            (lab().components(["main contrib"]), "\"main contrib\" in `components` is no word"),
            (lab().options("trusted"), "option `trusted` is none that apt knows"),
            (lab().options("Trusted=yes"), "option `Trusted=yes` has a property of its own"),
            (lab().options("signed-by=/etc/other.asc"), "option `signed-by=/etc/other.asc` has a property of its own"),
            (lab().options("arch=amd64"), "option `arch=amd64` has a property of its own"),
            (
                lab().key("http://example.com/key"),
                "the key `http://example.com/key` comes over a connection that anybody may have changed",
            ),
            (lab().key("E1F958385BFE2B6E"), "`E1F958385BFE2B6E` is no key"),
            (lab().key(URL).fingerprint("E1F9 5838"), "`E1F95838` is no whole fingerprint"),
            (lab().key(URL).trusted(true), "it has a `key`, and is `trusted` without one"),
            (
                lab().key(KEY).fingerprint("0".repeat(40).as_str()),
                &format!("the text of `key` is or holds the key `{FINGERPRINT}`, which `fingerprint` does not name"),
            ),
        ] {
            assert_eq!(first(&lab), sentence);
        }
    }
}
