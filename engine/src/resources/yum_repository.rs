//! `yum_repository[id]`
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{stems, text_of},
    file::{self, File, MANAGED},
};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe, Provider},
    properties,
    resource::{Change, Environment, Found, Goal, Resource},
    values::{Blob, Mode, Secret, Words},
};

const DIRECTORY: &str = "/etc/yum.repos.d";

properties! {
    /// A repository of packages for dnf and yum: `/etc/yum.repos.d/ID.repo`, with one section. dnf then fetches its lists,
    /// in the same step, and takes the key that `gpgkey` names; when it cannot, the step fails with dnf's reason, and
    /// is tried again in the next run. Settings that are not given are left to dnf, save those whose defaults stand here.
    pub struct YumRepository("id") {
        name: String;
        /// The id, when it is not the name of the resource: letters, digits and `-_.:`.
        repositoryid: String,
        /// What people call it; the id when not given.
        description: String,
        /// Where it is: one address, or several of the same content.
        baseurl: Words,
        /// Address of a list of mirrors.
        mirrorlist: String,
        /// Address of a metalink, which lists mirrors with checksums.
        metalink: String,
        /// Whether it is used; it is when not given.
        enabled: bool,
        /// Whether packages have to be signed; they have to when not given.
        gpgcheck: bool,
        /// Whether its lists have to be signed.
        repo_gpgcheck: bool,
        /// Addresses of the keys that sign it.
        gpgkey: Words,
        /// Packages never to take from it, with `*` for anything.
        exclude: Words,
        /// The only packages to take from it, with `*` for anything.
        includepkgs: Words,
        /// Which repositories come first: 1 before 99, which is dnf's own.
        priority: String,
        /// How dear it is to use, for equal packages; 1000 is dnf's own.
        cost: String,
        /// Proxy to reach it by; `_none_` for none at all.
        proxy: String,
        /// Name of the user for the proxy.
        proxy_username: String,
        /// Password for the proxy. With it, root alone may read the file.
        proxy_password: Secret,
        /// Name of the user of the repository.
        username: String,
        /// Password of that user. With it, root alone may read the file.
        password: Secret,
        /// Whether the server's certificate is judged.
        sslverify: bool,
        /// Certificates of those who may vouch for the server.
        sslcacert: PathBuf,
        /// Certificate to show to the server.
        sslclientcert: PathBuf,
        /// Key of that certificate.
        sslclientkey: PathBuf,
        /// Seconds to wait for an answer.
        timeout: String,
        /// How long its lists count as fresh: seconds, or as `6h`; `never` for ever.
        metadata_expire: String,
        /// Whether other repositories are used when it cannot be reached: a run warns of that, and the next one tries again.
        skip_if_unavailable: bool,
        /// Whether weak and hidden streams of modules give way to its packages.
        module_hotfixes: bool,
        /// Further settings of dnf.conf(5), by their names there.
        options: Environment,
        /// Permission bits of the file; 0644 when not given, and 0600 when it holds a password.
        mode: Mode,
        /// Whether dnf fetches its lists when it changes; it does when not given. Those of one that is not enabled are not.
        make_cache: bool,
    }
    example r#"r.add(YumRepository::named("example").baseurl("https://example.com/el9").gpgkey("https://example.com/key.asc"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the file exist and say this, and its lists fetched.",
        Remove = "remove": "Removes the file. Packages that came from it stay.",
        Makecache = "makecache": "Fetches its lists, each time it is asked.",
        Add = "add": "The same as `create`, by its old name.",
        Delete = "delete": "The same as `remove`, by its old name.",
    }
}
pub use Action::*;

/// The file of a repository, and whether dnf has its lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The file.
    #[serde(flatten)]
    pub file: file::State,
    /// Whether the lists were fetched since it last changed; `None` when nobody asks.
    pub lists_fetched: Option<bool>,
}

impl YumRepository {
    /// The repository with this id.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn id(&self) -> &str {
        self.repositoryid.as_ref().unwrap_or(&self.name)
    }

    fn has_password(&self) -> bool {
        self.password.is_some() || self.proxy_password.is_some()
    }

    fn file(&self) -> File {
        let mode = self.mode.unwrap_or_else(|| Mode::from(if self.has_password() { 0o600 } else { 0o644 }));
        File::whole(format!("{DIRECTORY}/{}.repo", self.id())).mode(mode)
    }

    /// Every setting with its value, in order. Source: dnf.conf(5).
    fn settings(&self) -> Vec<(&str, String)> {
        let flag = |value: bool| Some(if value { "1" } else { "0" }.to_owned());
        let words = |words: &Option<Words>, between: &str| words.as_ref().map(|words| words.0.join(between));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        // A list of addresses goes on in the next line, which begins with a blank.
        let all = [
            ("name", Some(self.description.clone().unwrap_or_else(|| self.id().to_owned()))),
            ("baseurl", words(&self.baseurl, "\n    ")),
            ("mirrorlist", self.mirrorlist.clone()),
            ("metalink", self.metalink.clone()),
            ("enabled", flag(self.enabled.unwrap_or(true))),
            ("gpgcheck", flag(self.gpgcheck.unwrap_or(true))),
            ("repo_gpgcheck", self.repo_gpgcheck.and_then(flag)),
            ("gpgkey", words(&self.gpgkey, "\n    ")),
            ("exclude", words(&self.exclude, " ")),
            ("includepkgs", words(&self.includepkgs, " ")),
            ("priority", self.priority.clone()),
            ("cost", self.cost.clone()),
            ("proxy", self.proxy.clone()),
            ("proxy_username", self.proxy_username.clone()),
            ("proxy_password", secret(&self.proxy_password)),
            ("username", self.username.clone()),
            ("password", secret(&self.password)),
            ("sslverify", self.sslverify.and_then(flag)),
            ("sslcacert", path(&self.sslcacert)),
            ("sslclientcert", path(&self.sslclientcert)),
            ("sslclientkey", path(&self.sslclientkey)),
            ("timeout", self.timeout.clone()),
            ("metadata_expire", self.metadata_expire.clone()),
            ("skip_if_unavailable", self.skip_if_unavailable.and_then(flag)),
            ("module_hotfixes", self.module_hotfixes.and_then(flag)),
        ];
        let mut settings: Vec<_> = all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let more = self.options.iter().flat_map(|options| &options.0);
        settings.extend(more.map(|(key, value)| (key.as_str(), value.clone())));
        settings
    }

    fn text(&self) -> String {
        let lines = self.settings().into_iter().map(|(key, value)| format!("{key}={value}\n"));
        format!("{MANAGED}[{}]\n{}", self.id(), lines.collect::<String>())
    }

    fn fetches(&self) -> bool {
        self.make_cache.unwrap_or(true) && self.enabled.unwrap_or(true)
    }
}

/// Settings that have a property, or are one by another name.
const OWN: [&str; 26] = [
    "name",
    "baseurl",
    "mirrorlist",
    "metalink",
    "enabled",
    "gpgcheck",
    "repo_gpgcheck",
    "gpgkey",
    "exclude",
    "excludepkgs",
    "includepkgs",
    "priority",
    "cost",
    "proxy",
    "proxy_username",
    "proxy_password",
    "username",
    "password",
    "sslverify",
    "sslcacert",
    "sslclientcert",
    "sslclientkey",
    "timeout",
    "metadata_expire",
    "skip_if_unavailable",
    "module_hotfixes",
];

/// The settings of a file that has this section and no other; of a value that goes on, every line.
fn section(text: &str, id: &str) -> Option<Vec<(String, String)>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', ';']));
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut there = false;
    for line in lines {
        if let Some(more) = line.strip_prefix([' ', '\t']) {
            let (_, value) = settings.last_mut()?;
            *value += " ";
            *value += more.trim();
        } else if line.starts_with('[') {
            there = !there && line.trim() == format!("[{id}]");
            there.then_some(())?;
        } else {
            let (key, value) = line.split_once('=').filter(|_| there)?;
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    there.then_some(settings)
}

/// Settings as properties. Passwords are for whoever asks for them.
fn described(mut found: Found, settings: &[(String, String)]) -> Found {
    let mut options = serde_json::Map::new();
    for (key, value) in settings {
        let words = || value.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        found = match key.as_str() {
            "name" => found.with("description", value.as_str()),
            "baseurl" | "gpgkey" | "exclude" | "includepkgs" => found.with(key, words()),
            "excludepkgs" => found.with("exclude", words()),
            "enabled" | "gpgcheck" | "repo_gpgcheck" | "sslverify" | "skip_if_unavailable" | "module_hotfixes" => {
                found.with(key, matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on"))
            }
            "password" | "proxy_password" => {
                found.private.insert(key.clone(), value.as_str().into());
                found
            }
            key if OWN.contains(&key) => found.with(key, value.as_str()),
            key => {
                options.insert(key.to_owned(), value.as_str().into());
                found
            }
        };
    }
    if options.is_empty() { found } else { found.with("options", options) }
}

/// Whether an address says who asks.
fn names_somebody(url: &str) -> bool {
    let host = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    host.is_some_and(|host| host.contains('@'))
}

impl Resource for YumRepository {
    const KIND: &'static str = "yum_repository";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_sensitive(&self) -> bool {
        self.has_password()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let id = self.id();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if id.is_empty() || id == "main" || id.starts_with(['.', '-']) || !id.chars().all(plain) {
            let fault = Fault::new(format!("`{}` is no id of a repository", id.escape_debug()));
            faults.push(
                fault.hint("letters, digits, `-`, `_`, `.` and `:` are allowed, and `main` is dnf's own section"),
            );
        }
        for (key, value) in self.settings() {
            let list = matches!(key, "baseurl" | "gpgkey");
            let word = |word: &str| word.is_empty() || word.contains(char::is_whitespace);
            if list && value.split("\n    ").any(word) {
                faults.push(Fault::new(format!("`{key}` holds what is no address")).hint("give several as a list"));
            } else if !list {
                faults.extend(line_fault(&format!("`{key}`"), &value));
            }
            let address = value.split("\n    ").any(names_somebody);
            if address {
                let fault = Fault::new(format!("`{key}` holds a user's name or password, which reports would show"));
                faults.push(fault.hint(
                    "give them as `username` and `password`, or `proxy_username` and `proxy_password`: then root alone may read the file",
                ));
            }
        }
        for key in self.options.iter().flat_map(|options| options.0.keys()) {
            let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if key.is_empty() || !key.chars().all(known) {
                faults.push(Fault::new(format!("option `{}` is no setting of dnf", key.escape_debug())));
            } else if OWN.iter().any(|own| own.eq_ignore_ascii_case(key)) {
                let fault = Fault::new(format!("`{key}` is a property, and no option"));
                faults.push(fault.hint("a setting that has a property is not given in `options`"));
            }
        }
        let insecure = |url: &&String| url.starts_with("http://") || url.starts_with("ftp://");
        if let Some(url) = self.gpgkey.iter().flat_map(|keys| &keys.0).find(insecure) {
            let fault = Fault::new(format!("the key `{url}` comes over a connection that anybody may have changed"));
            faults.push(fault.hint("use https, or a `file://` that `remote_file` has fetched with its `checksum`"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create | Add if self.baseurl.is_none() && self.mirrorlist.is_none() && self.metalink.is_none() => {
                vec![
                    Fault::new("it does not say where it is").hint("say it with `baseurl`, `mirrorlist` or `metalink`"),
                ]
            }
            Create | Add | Remove | Delete | Makecache => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let file = self.file();
        let fetched = || probe.source_is_fetched(&Provider::Dnf, &file.path);
        Ok(State { file: file.read(probe)?, lists_fetched: self.fetches().then(fetched).transpose()? })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        stems(DIRECTORY, ".repo", probe).map(Some)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.id());
        let Some(entry) = self.file().read(probe)?.entry else {
            return found.settled::<Self>(Remove, probe).map(Some);
        };
        let settings = text_of(Some(&entry)).and_then(|text| section(text, self.id()));
        let Some(settings) = settings else {
            return Ok(Some(found.unsaid("what stands in the file: it is more or other than one section of this id")));
        };
        described(found, &settings).settled::<Self>(Create, probe).map(Some)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let becoming = |content| self.file().becoming(content, &now.file, probe);
        let state = |file, fetched: bool| State { file, lists_fetched: now.lists_fetched.map(|_| fetched) };
        Ok(match action {
            Create | Add => Goal::State(state(becoming(Some(Blob::from(self.text().as_str())))?, true)),
            Remove | Delete => Goal::State(state(becoming(None)?, false)),
            Makecache => Goal::Event("makecache", state(now.file.clone(), true)),
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let mut operations = self.file().steps(&change.from.file, &change.to.file)?;
        if change.to.lists_fetched == Some(true) || change.event.is_some() {
            operations.push(Op::UpdatePackageLists { provider: Provider::Dnf, source: Some(self.file().path) });
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Create, Makecache, Remove, YumRepository};
    use crate::{
        host::{Entry, Fake, Probe as _, Provider},
        resource::Resource as _,
        resources::trial::{done, faults, faults_of, text},
        spec::laws,
        values::{Mode, Secret},
    };

    const FILE: &str = "/etc/yum.repos.d/lab.repo";
    const FETCH: &str = "UpdatePackageLists { provider: Dnf, source: Some(\"/etc/yum.repos.d/lab.repo\") }";

    fn lab() -> YumRepository {
        YumRepository::named("lab").baseurl("https://example.com/el9").gpgkey("https://example.com/key.asc")
    }

    fn machine() -> Fake {
        Fake::rhel("9").with_directory("/etc/yum.repos.d")
    }

    #[test]
    fn a_repository_is_told_as_it_is() {
        let mut machine = machine();
        let told = |machine: &Fake| lab().found(machine).unwrap().unwrap();
        assert_eq!(told(&machine).actions, ["remove"]);
        let declared = || {
            let lab = lab().baseurl(["https://a.example/el9", "https://b.example/el9"]).priority("10").enabled(true);
            lab.password(Secret::from("hush"))
                .username("u")
                .exclude("x*")
                .skip_if_unavailable(true)
                .options([("debuglevel", "3")])
        };
        done(&declared(), Create, &mut machine);
        let found = told(&machine);
        assert_eq!((&found.actions[..], &found.unsaid[..]), (&["create"][..], &[][..]));
        assert_eq!(found.private["password"], "hush");
        let expected = serde_json::json!({
            "description": "lab", "baseurl": ["https://a.example/el9", "https://b.example/el9"], "enabled": true,
            "gpgcheck": true, "gpgkey": ["https://example.com/key.asc"], "exclude": ["x*"], "priority": "10",
            "username": "u", "skip_if_unavailable": true, "options": {"debuglevel": "3"},
        });
        assert_eq!(serde_json::to_value(&found.properties).unwrap(), expected);
        assert_eq!(YumRepository::all(&machine).unwrap().unwrap(), ["lab"]);
        for foreign in ["[lab]\nname=x\n[more]\nname=y\n", "[more]\nname=y\n", "name=x\n", "", "[lab]\nwords\n", " x\n"]
        {
            let found = told(&machine.clone().with_file(FILE, foreign));
            assert!(found.actions.is_empty() && found.properties.is_empty(), "{foreign:?}: {found:?}");
        }
        let own = machine.with_file(FILE, "[lab]\nname = Lab\nbaseurl=https://a.example/\n");
        assert_eq!(told(&own).unsaid, ["how it is written or kept: `create` would change that"]);
    }

    #[test]
    fn a_repository_comes_with_its_lists() {
        let mut machine = machine();
        let write = format!(
            "write {FILE} \"# Managed by brasa: changes are overwritten.\\n[lab]\\nname=lab\\n\
             baseurl=https://example.com/el9\\nenabled=1\\ngpgcheck=1\\ngpgkey=https://example.com/key.asc\\n\" \
             0644 root:root backup 0"
        );
        assert_eq!(done(&lab(), Create, &mut machine), [write.as_str(), FETCH]);
        assert!(machine.source_is_fetched(&Provider::Dnf, FILE.as_ref()).unwrap());
        assert_eq!(done(&lab(), Create, &mut machine.clone().with_file(FILE, "[lab]\n")), [write.as_str(), FETCH]);
        assert_eq!(done(&lab(), Makecache, &mut machine), [FETCH]);
        for action in [Create, Remove] {
            laws(lab(), action, &machine);
        }
        assert_eq!(done(&lab(), Remove, &mut machine), [format!("remove {FILE} backup 0")]);
        assert_eq!(done(&lab(), Action::Delete, &mut machine), [""; 0]);
        let quiet = [lab().enabled(false), lab().make_cache(false)];
        for lab in quiet {
            assert_eq!(done(&lab, Action::Add, &mut self::machine()).len(), 1);
        }
    }

    #[test]
    fn a_password_is_for_root_alone_and_shown_nowhere() {
        let mut machine = machine();
        let lab = lab().username("me").password(Secret::from("hidden")).make_cache(false);
        done(&lab, Create, &mut machine);
        let mode = |machine: &Fake| machine.entry(FILE.as_ref()).unwrap().map(|entry: Entry| entry.mode);
        assert_eq!(mode(&machine), Some(Mode::from(0o600)));
        assert!(text(&machine, FILE).contains("\npassword=hidden\n"));
        assert!(
            crate::resource::Resource::is_sensitive(&lab) && !crate::resource::Resource::is_sensitive(&self::lab())
        );
        assert!(!format!("{lab:?}").contains("hidden"));
    }

    #[test]
    fn every_setting_has_its_line() {
        let mut machine = machine();
        let lab = YumRepository::named("by another name").repositoryid("lab").description("The lab");
        let lab =
            lab.baseurl(["https://a.example.com", "https://b.example.com"]).exclude(["kernel*", "x"]).priority("5");
        let lab = lab.sslverify(true).sslcacert("/etc/ca.pem").timeout("30").options([("throttle", "1M")]);
        done(&lab.make_cache(false), Create, &mut machine);
        assert_eq!(
            text(&machine, FILE),
            "# Managed by brasa: changes are overwritten.\n[lab]\nname=The lab\nbaseurl=https://a.example.com\n    \
             https://b.example.com\nenabled=1\ngpgcheck=1\nexclude=kernel* x\npriority=5\nsslverify=1\n\
             sslcacert=/etc/ca.pem\ntimeout=30\nthrottle=1M\n"
        );
    }

    #[test]
    fn what_dnf_would_misread_is_a_fault() {
        assert_eq!(faults(&lab()), [""; 0]);
        for (lab, sentence) in [
            (lab().repositoryid("main"), "`main` is no id of a repository"),
            (lab().repositoryid("a b"), "`a b` is no id of a repository"),
            (lab().description("a\n[b]"), "`name` is more than one line"),
            (lab().baseurl("https://a https://b"), "`baseurl` holds what is no address"),
            (lab().baseurl("https://me:x@a"), "`baseurl` holds a user's name or password, which reports would show"),
            (
                lab().gpgkey("http://a/key"),
                "the key `http://a/key` comes over a connection that anybody may have changed",
            ),
            (lab().options([("enabled", "0")]), "`enabled` is a property, and no option"),
            (lab().options([("a b", "0")]), "option `a b` is no setting of dnf"),
        ] {
            let all = faults(&lab);
            assert_eq!(all.first().and_then(|fault| fault.lines().next()), Some(sentence), "{all:?}");
        }
        assert_eq!(faults_of(&YumRepository::named("lab"), Create).len(), 1);
        assert_eq!(faults_of(&YumRepository::named("lab"), Remove), [""; 0]);
    }
}
