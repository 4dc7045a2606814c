//! What every command that compiles needs: settings, dna.json, the node's name, the places of brasa's own files.
use std::{
    cell::{Ref, RefCell},
    path::{Path, PathBuf},
    sync::Arc,
};

use brasa::{
    Error, Fault, Run, compile_run_list,
    facts::Facts,
    host::{
        Bounds, PROXY_SCHEMES, Probe, Proxies, Repair, Request, disk, empty_repository, environment, shown_address,
        unpack,
    },
    node::{
        Attributes, DataBags, Dna, Expansion, Library, Node, RunListItem,
        age::{self, Identities},
        config::{self, LogLocation, Verbosity},
        data_bags::SecretFile,
        json::{Document, Limits},
        override_run_list,
    },
    prelude::Cookbook,
    recipe::data::{self, Found},
    state::State,
    values::{Place, Seconds},
};

use crate::report::printable;

use super::{
    Code, Failure,
    arguments::{Input, Kept, Level, Places},
    complain,
    config::{HOMES, settings},
    question,
};

const STATE: &str = "/var/lib/brasa";
const CACHE: &str = "/var/cache/brasa";
const LOCK: &str = "/run/brasa/lock";
const SECRET: &str = "encrypted_data_bag_secret";
const AGE_IDENTITY: &str = "/etc/brasa/age-identity";
const AGE_CREDENTIAL: &str = "brasa-age-identity";

/// Settings and run-list, read and checked.
pub struct Session {
    pub settings: config::Settings,
    dna: Option<Dna>,
    override_run_list: Option<Vec<RunListItem>>,
    /// What is wrong with both, told with what is wrong with the rest of the input.
    faults: Vec<Fault>,
    node_name: Option<String>,
    expansion: RefCell<Expansion>,
    pub places: Directories,
}

/// Where brasa keeps its own files, and what it reaches other machines by.
pub struct Directories {
    pub state: PathBuf,
    pub cache: PathBuf,
    pub backups: PathBuf,
    pub lock: PathBuf,
    repair: Repair,
    proxies: Proxies,
}

impl Directories {
    /// As asked for on the command line, else as set, else the usual ones.
    pub fn new(places: &Places, settings: &config::Settings) -> Result<Self, Failure> {
        let set = |name: &str| settings.path(name).map_err(|fault| Failure::from(Error::from(fault)));
        // With a state directory of one's own everything of a run stays in it: two such runs do not know each other.
        let moved = places.state_dir.clone().or(set("state_dir")?);
        let state = moved.clone().unwrap_or_else(|| STATE.into());
        let chef = set("cache_path")?;
        let cache = match (set("file_cache_path")?.or(chef.as_ref().map(|path| path.join("cache"))), &moved) {
            (Some(cache), _) => cache,
            (None, Some(state)) => state.join("cache"),
            (None, None) => CACHE.into(),
        };
        let backups = set("file_backup_path")?.or(chef.map(|path| path.join("backup")));
        let backups = backups.unwrap_or_else(|| state.join("backups"));
        let lock = match (set("lockfile")?, &moved) {
            (Some(lock), _) => lock,
            (None, Some(state)) => state.join("lock"),
            (None, None) => LOCK.into(),
        };
        let repair = match settings.package_repair().map_err(|fault| Failure::from(Error::from(fault)))? {
            Some("ask") => {
                Repair::Ask(|left| matches!(question::ask(&format!("{left}: finish it now?"), false), Ok(Some(true))))
            }
            Some("never") => Repair::Never,
            Some(_) | None => Repair::Auto,
        };
        Ok(Self { state, cache, backups, lock, repair, proxies: proxies(settings)? })
    }

    /// Those that the settings name, for commands that need nothing else of them.
    pub fn of(kept: &Kept) -> Result<Self, Failure> {
        Self::new(&kept.places, &settings(kept.config.as_deref())?)
    }

    /// The state directory's content.
    pub fn state(&self) -> State {
        State::at(&self.state)
    }

    /// What the real host needs to know.
    pub fn host_settings(&self) -> brasa::host::Settings {
        brasa::host::Settings {
            state: self.state.clone(),
            cache: self.cache.clone(),
            backups: self.backups.clone(),
            repair: self.repair,
            proxies: self.proxies.clone(),
        }
    }
}

/// The proxies of the environment, and for what it names none those of the settings.
fn proxies(settings: &config::Settings) -> Result<Proxies, Failure> {
    let mut set = Vec::new();
    for scheme in PROXY_SCHEMES {
        let text = |of: &str| settings.text(&format!("{scheme}_proxy{of}")).map_err(Error::from);
        if let Some(address) = text("")?.filter(|address| !address.is_empty()) {
            set.push((scheme, Proxies::address(address, text("_user")?, text("_pass")?)));
        }
    }
    if let Some(hosts) = settings.texts("no_proxy").map_err(Error::from)? {
        set.push(("no", hosts.join(",")));
    }
    Ok(Proxies::new(environment::var, |scheme| Some(set.iter().find(|(of, _)| *of == scheme)?.1.clone())))
}

impl Session {
    /// Reads the settings. What looks like a slip in them is said on standard error.
    pub fn open(input: &Input) -> Result<Self, Failure> {
        let settings = Self::settings(input)?;
        for warning in settings.warnings() {
            complain(&format!("warning: {warning}"));
        }
        let places = Directories::new(&input.places, &settings)?;
        let (node_name, expansion, faults) = (input.node_name.clone(), RefCell::default(), Vec::new());
        Ok(Self { settings, dna: None, override_run_list: None, faults, node_name, expansion, places })
    }

    /// As [`Session::open`], for a run: what no run begins with is refused, and what has no effect is said.
    pub fn for_run(input: &Input) -> Result<Self, Failure> {
        let session = Self::open(input)?;
        let refused = session.settings.refused();
        if !refused.is_empty() {
            return Err(Error::Faults(refused).into());
        }
        for note in session.settings.without_effect() {
            complain(&format!("note: {}", printable(&note.to_string())));
        }
        Ok(session)
    }

    /// The settings of the file, and over them those of the command line.
    pub fn settings(input: &Input) -> Result<config::Settings, Failure> {
        let mut all =
            if input.disable_config { config::Settings::default() } else { settings(input.config.as_deref())? };
        let mut faults = Vec::new();
        let texts = [("-E", "environment", &input.environment), ("--lockfile", "lockfile", &input.lockfile)];
        let texts = texts.into_iter().filter_map(|(option, name, text)| Some((option, name, text.as_ref()?)));
        let given = input
            .config_option
            .iter()
            .map(|given| config::Settings::of_option("--config-option", given))
            .chain(texts.map(|(option, name, text)| config::Settings::of_text(option, name, text)));
        for one in given {
            match one {
                Ok(settings) => all.overlay(settings),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(Error::Faults(faults).into()) }
    }

    /// Unpacks the archive of cookbooks, roles and data that was asked for, where chef-solo does: into the directory that holds
    /// `cookbooks`.
    pub fn unpack(&self, input: &Input, probe: &dyn Probe) -> Result<(), Failure> {
        let set = self.settings.text("recipe_url").map_err(Error::from)?;
        let Some(url) = input.recipe_url.as_deref().or(set) else { return Ok(()) };
        let into = self.repository()?;
        let shown = shown_address(url);
        let address = address_of(url)?;
        if !["http://", "https://", "file:"].iter().any(|scheme| address.starts_with(scheme)) {
            return Err(Failure::input(format!("cannot download `{shown}`: it is no http, https or file address")));
        }
        if !url.contains("://") && !url.starts_with("file:") && !disk::exists(Path::new(url)) {
            return Err(Failure::input(format!("the archive `{shown}` does not exist"))
                .hint("name a tar.gz file, or its address, with --recipe-url"));
        }
        let fetched = probe.fetch(&download(&address)).map_err(|error| {
            let mut failure = Failure::from(error);
            if address.starts_with("file:") && failure.code == Code::Failed {
                failure.code = Code::Input;
            }
            failure
        });
        let blob = fetched?.content;
        if input.empty_repository {
            empty_repository(&into)?;
        }
        let unpacked = unpack(&blob, &into, Bounds::default()).map_err(|error| {
            let told = |error: &dyn std::fmt::Display| format!("the archive `{shown}` was not unpacked: {error}");
            match &error {
                Error::Faults(faults) => faults.iter().flat_map(|fault| &fault.hints).fold(
                    Failure::input(told(&faults.iter().map(|fault| fault.message.as_str()).collect::<String>())),
                    Failure::hint,
                ),
                other => other.hints().into_iter().fold(Failure::failed(told(other)), Failure::hint),
            }
        })?;
        let (files, into) = (unpacked.files, into.display());
        tracing::info!("unpacked {files} files of `{shown}` into `{into}`");
        Ok(())
    }

    /// The repository that the settings name: `chef_repo_path`, else the directory that holds `cookbooks`.
    fn repository(&self) -> Result<PathBuf, Failure> {
        let set = |name: &str| self.settings.paths(name).map_err(|fault| Failure::from(Error::from(fault)));
        if let Some(path) = set("chef_repo_path")?.and_then(|paths| paths.into_iter().next()) {
            return Ok(path);
        }
        let paths = set("cookbook_path")?.unwrap_or_default();
        let named = paths.iter().find(|path| path.file_name().is_some_and(|name| name == "cookbooks"));
        named.and_then(|path| path.parent()).map(Path::to_path_buf).ok_or_else(|| {
            Failure::input("there is no place for the archive of --recipe-url")
                .hint("set `cookbook_path \"/var/chef/cookbooks\"` in the settings: it is unpacked into `/var/chef`")
        })
    }

    /// Reads the run-list and attributes; from a URL by way of `probe`.
    pub fn read_dna(&mut self, input: &Input, probe: &dyn Probe) -> Result<(), Failure> {
        if let Some(items) = &input.override_runlist {
            self.override_run_list = Some(override_run_list(&items.join(","), &mut self.faults));
        }
        let set = self.settings.text("json_attribs").map_err(Error::from)?.map(str::to_owned);
        let Some((name, bytes)) = dna_bytes(input.json_attributes.clone().or(set).as_deref(), probe)? else {
            if self.override_run_list.is_none() {
                complain(
                    "warning: no run-list was given (-j FILE), and neither /etc/brasa/dna.json nor /etc/chef/dna.json is there",
                );
            }
            return Ok(());
        };
        let path: Arc<Path> = Path::new(&name).into();
        let document = Document::parse(path, bytes);
        let document = document.map_err(|wrong| Error::Faults([self.faults.as_slice(), &wrong].concat()))?;
        let dna = Dna::new(document, &mut self.faults);
        for warning in dna.warnings() {
            complain(&format!("warning: {warning}"));
        }
        if dna.run_list.is_empty() && self.override_run_list.is_none() && self.faults.is_empty() {
            complain(&format!("warning: the run-list in `{name}` is empty: there is nothing to do"));
        }
        self.dna = Some(dna);
        Ok(())
    }

    /// The items asked for, in order.
    pub fn run_list(&self) -> &[RunListItem] {
        match (&self.override_run_list, &self.dna) {
            (Some(items), _) => items,
            (None, Some(dna)) => &dna.run_list,
            (None, None) => &[],
        }
    }

    /// The node on this machine.
    pub fn node<'m>(&self, probe: &'m dyn Probe) -> Result<Node<'m>, Failure> {
        let facts = Facts::new(probe);
        let set = self.settings.text("node_name").map_err(Error::from)?.map(str::to_owned);
        let found = || facts.fqdn().or(facts.machinename()).or(facts.hostname()).unwrap_or("localhost").to_owned();
        let name = self.node_name.clone().or(set).unwrap_or_else(found);
        let set = self.settings.text("environment").map_err(Error::from)?.map(str::to_owned);
        // As in Chef, what dna.json says counts more.
        let environment = self.dna.as_ref().and_then(|dna| dna.environment.clone()).or(set);
        let mut attributes = self.dna.as_ref().map_or_else(Attributes::default, Attributes::from).with_tags();
        let (roles, environments) =
            (self.beside_cookbooks("role_path", "roles")?, self.beside_cookbooks("environment_path", "environments")?);
        let library = Library::new(roles, environments, probe);
        let in_environment = environment.as_deref().unwrap_or(Node::NO_ENVIRONMENT);
        let mut expansion = Expansion::of(self.run_list(), in_environment, &library, &mut attributes)?;
        // What has no place of its own is of the environment: it is named in dna.json, in the settings, or by an option.
        if let Some(place) = self.environment_place() {
            let unplaced = expansion.faults.iter_mut().filter(|fault| fault.place.is_none());
            unplaced.for_each(|fault| fault.place = Some(place.clone()));
        }
        expansion.faults.splice(..0, self.faults.iter().cloned());
        attributes.set_automatic(expansion.automatic(&name, in_environment));
        self.expansion.replace(expansion);
        let node = Node::new(name, environment, attributes, facts);
        Ok(node.with_data_bags(self.data_bags(probe, None)?).with_identities(self.identities(probe)?))
    }

    /// Where the environment is named, by what counts.
    fn environment_place(&self) -> Option<Place> {
        let by_dna = self.dna.as_ref().filter(|dna| dna.environment.is_some());
        match by_dna {
            Some(dna) => Some(dna.document.root().get("chef_environment")?.place()),
            None => Some(self.settings.get("environment")?.place.clone()),
        }
    }

    /// The data bags that the settings name; with another file of their secret where one is given.
    pub fn data_bags<'m>(&self, probe: &'m dyn Probe, secret: Option<&Path>) -> Result<DataBags<'m>, Failure> {
        let set = self.settings.path(SECRET).map_err(Error::from)?;
        let secret = match (secret, set) {
            (Some(path), _) => SecretFile::Named { path: path.to_owned(), by: "--secret-file" },
            (None, Some(path)) => SecretFile::Named { path, by: SECRET },
            (None, None) => SecretFile::Usual(HOMES.iter().map(|home| Path::new(home).join(SECRET)).collect()),
        };
        let lowest = self.settings.count("data_bag_decrypt_minimum_version").map_err(Error::from)?.unwrap_or_default();
        let directories = self.beside_cookbooks("data_bag_path", "data_bags")?;
        Ok(DataBags::new(probe, directories, secret).lowest_version(lowest))
    }

    /// The identities of age that the settings and systemd name.
    fn identities<'m>(&self, probe: &'m dyn Probe) -> Result<Identities<'m>, Failure> {
        let mut sources = Vec::new();
        let mut source = |path, form, named_by: &str, required| {
            let named_at =
                self.settings.iter().find(|(name, _)| *name == named_by).map(|(_, setting)| setting.place.clone());
            sources.push(age::Source { path, form, named_by: named_by.to_owned(), named_at, required });
        };
        let files = self.settings.paths("age_identity_file").map_err(Error::from)?;
        let (files, named) = files.map_or_else(|| (vec![AGE_IDENTITY.into()], false), |files| (files, true));
        files.into_iter().for_each(|path| source(path, age::Form::Lines, "age_identity_file", named));
        let credential = self.settings.text("age_identity_credential").map_err(Error::from)?;
        let name = credential.unwrap_or(AGE_CREDENTIAL);
        match environment::var("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty()) {
            Some(directory) => {
                let path = Path::new(&directory).join(name);
                source(path, age::Form::Lines, "age_identity_credential", credential.is_some());
            }
            None if credential.is_some() => complain(&format!(
                "warning: `age_identity_credential` names `{name}`, and systemd gives no credentials (`LoadCredential=`) to this process"
            )),
            None => {}
        }
        if let Some(path) = self.settings.path("age_identity_env_file").map_err(Error::from)? {
            source(path, age::Form::Variables, "age_identity_env_file", true);
        }
        Ok(Identities::new(probe, sources))
    }

    /// What the run-list became when the node was made.
    pub fn expansion(&self) -> Ref<'_, Expansion> {
        self.expansion.borrow()
    }

    /// Directories that stand in the settings, or else beside those of the cookbooks.
    fn beside_cookbooks(&self, setting: &str, folder: &str) -> Result<Vec<PathBuf>, Failure> {
        let set = |name: &str| self.settings.paths(name).map_err(Error::from);
        if let Some(paths) = set(setting)? {
            return Ok(paths);
        }
        let repositories = match (set("chef_repo_path")?, set("cookbook_path")?) {
            (Some(repositories), _) => repositories,
            (None, Some(cookbooks)) => cookbooks.iter().filter_map(|path| Some(path.parent()?.to_owned())).collect(),
            (None, None) => Vec::new(),
        };
        let mut all: Vec<PathBuf> = repositories.iter().map(|repository| repository.join(folder)).collect();
        all.dedup();
        Ok(all)
    }

    /// The run: names to recipes to resources. Every fault is found here.
    pub fn compile(&self, node: &Node, cookbooks: &[Cookbook]) -> Result<Run, Failure> {
        let Found { cookbooks, notes } = data::load(&self.cookbook_path()?, cookbooks);
        for cookbook in &cookbooks {
            tracing::debug!("cookbook `{}` {}", cookbook.name(), cookbook.version());
        }
        let compiled = compile_run_list(node, &cookbooks, &self.expansion.borrow());
        for note in notes {
            // What is not used may be as it likes, unless something is missing.
            let concerns = match (&compiled, &note.cookbook) {
                (Ok(run), Some(name)) => {
                    run.recipes().iter().any(|recipe| recipe.split_once("::").is_some_and(|(of, _)| of == name))
                }
                (Ok(_), None) => false,
                (Err(_), _) => true,
            };
            if concerns {
                complain(&format!("warning: {}", note.sentence));
            }
        }
        let run = compiled?;
        tracing::info!("node `{}` in environment `{}`: {}", node.name(), node.environment(), run.recipes().join(", "));
        for slip in run.slips() {
            let fault = Fault::new(format!("`{}` is taken as an attribute that nothing reads", slip.given));
            let place = self.dna.as_ref().and_then(|dna| dna.document.root().get(&slip.given)?.key_place());
            let fault = place.into_iter().fold(fault, Fault::at);
            complain(&format!("warning: {}", fault.hint(format!("did you mean `{}`?", slip.meant))));
        }
        Ok(run)
    }

    /// The directories that hold cookbooks as data, later ones counting more.
    fn cookbook_path(&self) -> Result<Vec<PathBuf>, Failure> {
        let set = |name: &str| self.settings.paths(name).map_err(Error::from);
        match (set("cookbook_path")?, set("chef_repo_path")?) {
            (Some(paths), _) => Ok(paths),
            (None, Some(repositories)) => Ok(repositories.iter().map(|path| path.join("cookbooks")).collect()),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// Whether the settings turn this on.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.settings.flag(name).map_err(Error::from)?.unwrap_or_default())
    }

    /// Seconds to wait for another run, where the settings say how many.
    pub fn run_lock_timeout(&self) -> Result<Option<u64>, Failure> {
        Ok(self.settings.count("run_lock_timeout").map_err(Error::from)?)
    }

    /// The log level that the settings ask for, when they do.
    pub fn log_level(&self) -> Result<Option<Level>, Failure> {
        let level = self.settings.log_level().map_err(Error::from)?;
        Ok(level.and_then(|level| {
            Some(match level {
                Verbosity::Trace => Level::Trace,
                Verbosity::Debug => Level::Debug,
                Verbosity::Info => Level::Info,
                Verbosity::Warn => Level::Warn,
                Verbosity::Error => Level::Error,
                Verbosity::Fatal => Level::Fatal,
                Verbosity::Auto => return None,
            })
        }))
    }

    /// The file that the settings send the log to, when they do.
    pub fn log_file(&self) -> Result<Option<PathBuf>, Failure> {
        let locations = self.settings.log_locations().map_err(Error::from)?.unwrap_or_default();
        if let ([_, _, ..], Some(setting)) = (locations.as_slice(), self.settings.get("log_location")) {
            let fault = Fault::new(format!("setting `log_location`: {} places are given", locations.len()));
            let fault = fault
                .at(setting.place.clone())
                .hint("name one: report and log are written to one place; with a path, both to that file");
            return Err(Error::from(fault).into());
        }
        Ok(locations.into_iter().find_map(|location| match location {
            LogLocation::File(path) => Some(path),
            LogLocation::Stdout | LogLocation::Stderr | LogLocation::Syslog => None,
        }))
    }
}

/// The bytes of dna.json and the name to call it by.
fn dna_bytes(given: Option<&str>, probe: &dyn Probe) -> Result<Option<(String, Vec<u8>)>, Failure> {
    let limit = Limits::default().bytes;
    let name = match given {
        Some(name) => name.to_owned(),
        None => match HOMES.iter().map(|home| format!("{home}/dna.json")).find(|path| disk::exists(Path::new(path))) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    if name == "-" {
        return Ok(Some(("standard input".to_owned(), disk::read_standard_input(limit)?)));
    }
    if ["http://", "https://", "file:"].iter().any(|scheme| name.starts_with(scheme)) {
        let fetched = probe.fetch(&download(&name))?;
        let Some(bytes) = fetched.content.bytes() else {
            return Err(Failure::input(format!(
                "what `{name}` gave has {} bytes: too much for a dna.json",
                fetched.content.size()
            )));
        };
        return Ok(Some((shown_address(&name), bytes.to_vec())));
    }
    if let Some((scheme, _)) = name.split_once("://").filter(|_| !disk::exists(Path::new(&name))) {
        return Err(Failure::input(format!("run-list and attributes cannot be read from a `{scheme}:` address"))
            .hint("`http:`, `https:` and `file:` addresses, files and `-` (standard input) are read"));
    }
    if disk::is_directory(Path::new(&name)) {
        return Err(Failure::input(format!("`{name}` is a directory, not a file with a run-list"))
            .hint("name the file in it, as in `-j DIR/dna.json`"));
    }
    match disk::read_limited(Path::new(&name), limit)? {
        Some(bytes) => Ok(Some((name, bytes))),
        None => Err(Failure::input(format!("`{name}` does not exist"))
            .hint("name the file with the run-list and attributes with -j")),
    }
}

fn download(url: &str) -> Request {
    Request { url: url.to_owned(), checksum: None, headers: Vec::new(), conditional: false, timeout: Seconds(300) }
}

/// An address, or a path made into one.
fn address_of(given: &str) -> Result<String, Failure> {
    if given.contains("://") || given.starts_with("file:") {
        return Ok(given.to_owned());
    }
    let path = match (Path::new(given).is_absolute(), environment::current_dir()) {
        (true, _) => PathBuf::from(given),
        (false, Some(here)) => here.join(given),
        (false, None) => return Err(Failure::input(format!("`{given}` is relative to a directory that is gone"))),
    };
    let path = path.to_str().ok_or_else(|| Failure::input(format!("`{given}`: a path here is UTF-8")))?;
    Ok(format!("file://{}", path.replace('%', "%25")))
}

/// The command line as the history shows it. Attributes never stand in it, so it holds no secret.
pub fn command_line() -> String {
    environment::arguments().iter().map(|word| shown_address(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
