//! A third party's whole program: one cookbook of its own, `kitchen`, whose recipes do what the node's attributes say.
//! The black-box tests and the benchmarks order from it.
//!
//! ```json
//! {
//!   "run_list": ["kitchen::files", "kitchen::execute"],
//!   "kitchen": {
//!     "files": [{"path": "/srv/motd", "content": "hello\n", "mode": "0644", "notifies": [{"execute": "tell"}]}],
//!     "execute": [{"name": "tell", "command": "echo told >> /srv/log", "action": ["nothing"]}]
//!   }
//! }
//! ```
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use brasa::{
    prelude::*,
    resource::{Action, Resource},
    resources::{command::CommandLine, template::Source},
    values::{Digest, Words},
};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    brasa_cli::run([cookbook()])
}

fn cookbook() -> Cookbook {
    Cookbook::new("kitchen", "1.0.0")
        .recipe("default", default)
        .recipe("accounts", accounts)
        .recipe("crowd", crowd)
        .recipe("directories", directories)
        .recipe("files", files)
        .recipe("templates", templates)
        .recipe("links", links)
        .recipe("remote_files", remote_files)
        .recipe("packages", packages)
        .recipe("services", services)
        .recipe("units", units)
        .recipe("cron", cron)
        .recipe("execute", execute)
        .recipe("notices", notices)
        .recipe("dish", dish)
        .recipe("fail", fail)
        .recipe("panic", panic)
        .recipe("unset", unset)
        .recipe("bags", bags)
}

/// `node["kitchen"]`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Kitchen {
    files: Vec<Item<FileOrder>>,
    directories: Vec<Item<DirectoryOrder>>,
    links: Vec<Item<LinkOrder>>,
    templates: Templates,
    remote_files: Vec<Item<RemoteFileOrder>>,
    packages: Vec<Item<PackageOrder>>,
    services: Vec<Item<ServiceOrder>>,
    units: Vec<Item<UnitOrder>>,
    cron: Vec<Item<CronOrder>>,
    execute: Vec<Item<ExecuteOrder>>,
    notices: Vec<NoticeOrder>,
    dish: Option<DishOrder>,
    groups: Vec<Item<GroupOrder>>,
    /// How many accounts `kitchen::crowd` declares.
    crowd: u32,
    users: Vec<Item<UserOrder>>,
    /// What `kitchen::fail` says before it fails.
    fail: Option<String>,
}

impl AttributeSet for Kitchen {
    const KEY: &'static str = "kitchen";
}

/// What every order may say, beside its own properties.
#[derive(Debug, Serialize, Deserialize)]
struct Item<T> {
    #[serde(flatten)]
    order: T,
    /// Words of actions; the kind's default without any.
    #[serde(default)]
    action: Vec<String>,
    #[serde(default)]
    only_if: Option<String>,
    #[serde(default)]
    not_if: Option<String>,
    #[serde(default)]
    notifies: Vec<Notice>,
    #[serde(default)]
    ignore_failure: bool,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    retry_delay: Option<u64>,
    #[serde(default)]
    sensitive: bool,
}

/// Whom a change is told to: an execute (`run`), or a service (`restart`, or another word).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notice {
    #[serde(default)]
    execute: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    action: Option<String>,
    /// `before`, `immediately` or `delayed`, which it is without.
    #[serde(default)]
    timing: When,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    Before,
    Immediately,
    #[default]
    Delayed,
}

impl From<When> for Timing {
    fn from(when: When) -> Self {
        match when {
            When::Before => Self::Before,
            When::Immediately => Self::Immediately,
            When::Delayed => Self::Delayed,
        }
    }
}

/// Sets a property that the order names.
macro_rules! set {
    ($resource:ident, $order:ident: $($property:ident),*) => {
        $(if let Some(value) = $order.$property {
            $resource = $resource.$property(value);
        })*
    };
}

impl<T> Item<T> {
    /// The order, and what the rest of the item makes of the resource.
    fn split(self) -> (T, Item<()>) {
        let Self { order, action, only_if, not_if, notifies, ignore_failure, retries, retry_delay, sensitive } = self;
        let rest =
            Item { order: (), action, only_if, not_if, notifies, ignore_failure, retries, retry_delay, sensitive };
        (order, rest)
    }
}

impl Item<()> {
    /// Declares a resource with what every order may say.
    fn add<R: Resource>(self, r: &mut Recipe, resource: R) -> Ref<R> {
        let mut declared: Declared<R> = resource.into();
        if self.action == ["nothing"] {
            declared = declared.nothing();
        } else if !self.action.is_empty() {
            declared = declared.action(actions::<R>(r, &self.action));
        }
        if let Some(line) = self.only_if {
            declared = declared.only_if(line);
        }
        if let Some(line) = self.not_if {
            declared = declared.not_if(line);
        }
        for notice in self.notifies {
            let Notice { execute, service, action, timing } = notice;
            let action = |default: &str| vec![action.clone().unwrap_or_else(|| default.to_owned())];
            if let Some(name) = execute {
                for action in actions::<Execute>(r, &action("run")) {
                    declared = declared.notifies(action, id::<Execute>(&name), timing.into());
                }
            }
            if let Some(name) = service {
                for action in actions::<Service>(r, &action("restart")) {
                    declared = declared.notifies(action, id::<Service>(&name), timing.into());
                }
            }
        }
        if self.ignore_failure {
            declared = declared.ignore_failure();
        }
        if self.retries > 0 {
            declared = declared.retries(self.retries);
        }
        if let Some(delay) = self.retry_delay {
            declared = declared.retry_delay(delay);
        }
        if self.sensitive {
            declared = declared.sensitive();
        }
        r.add(declared)
    }
}

/// The actions that these words mean; a word that means none is a fault.
fn actions<R: Resource>(r: &mut Recipe, words: &[String]) -> Vec<R::Action> {
    let mut found = Vec::new();
    for word in words {
        match <R::Action as Action>::named(word) {
            Some(action) => found.push(action),
            None => r.fault(Fault::new(format!("`{}` has no action `{word}`", R::KIND))),
        }
    }
    found
}

/// An id of a name that only the attributes know. It lives as long as the program, which is one run.
fn id<R>(name: &str) -> Id<R> {
    Id::named(name.to_owned().leak())
}

#[derive(Debug, Serialize, Deserialize)]
struct FileOrder {
    path: PathBuf,
    content: Option<String>,
    /// Content that must be shown nowhere.
    secret: Option<Secret>,
    mode: Option<Mode>,
    owner: Option<String>,
    group: Option<String>,
    backup: Option<u32>,
    verify: Option<String>,
    force_unlink: Option<bool>,
    manage_symlink_source: Option<bool>,
}

fn files(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.files {
        let (order, rest) = item.split();
        let mut file = File::at(order.path);
        set!(file, order: content, mode, owner, group, backup, verify, force_unlink, manage_symlink_source);
        if let Some(secret) = order.secret {
            file = file.content(secret);
        }
        rest.add(r, file);
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Login {
    user: String,
    password: Secret,
}

/// Secrets out of a data bag and out of an attribute, each in a file of its own.
fn bags(r: &mut Recipe) -> Result<()> {
    let text = |name: &str| r.attribute(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let (place, owner) = (text("place"), text("owner"));
    let login: Login = r.data_bag_item("passwords", "database")?;
    let key = r.secret("app.key")?;
    for (name, secret) in [(login.user.as_str(), &login.password), ("key", &key)] {
        let file = File::at(format!("{place}/srv/{name}")).content(secret).mode(0o600);
        r.add(file.owner(owner.as_str()).group(owner.as_str()));
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct DirectoryOrder {
    path: PathBuf,
    mode: Option<Mode>,
    owner: Option<String>,
    group: Option<String>,
    recursive: Option<bool>,
}

fn directories(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.directories {
        let (order, rest) = item.split();
        let mut directory = Directory::at(order.path);
        set!(directory, order: mode, owner, group, recursive);
        rest.add(r, directory);
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct LinkOrder {
    path: PathBuf,
    to: Option<PathBuf>,
}

fn links(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.links {
        let (order, rest) = item.split();
        let mut link = Link::at(order.path);
        set!(link, order: to);
        rest.add(r, link);
    }
    Ok(())
}

/// A number of templated files in a directory, which is made too.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Templates {
    directory: PathBuf,
    count: u32,
    /// A word in each of them.
    word: String,
}

#[derive(Serialize)]
struct Page {
    number: u32,
    word: String,
    lines: [u32; 3],
}

static PAGE: Source<Page> = Source::new(
    "page.tera",
    "# page {{ number }}\nword = {{ word }}\n{% for line in lines %}line {{ line }} of page {{ number }}\n{% endfor %}",
);

fn templates(r: &mut Recipe) -> Result<()> {
    let Templates { directory, count, word } = r.attributes::<Kitchen>()?.templates;
    r.add(Directory::at(&directory).mode(0o755).recursive(true));
    for number in 0..count {
        let page = Page { number, word: word.clone(), lines: [1, 2, 3] };
        r.add(Template::render(directory.join(format!("page-{number:05}.conf")), &PAGE, page)?.mode(0o644));
    }
    Ok(())
}

#[derive(Serialize)]
struct Empty {}

static LACKS: Source<Empty> =
    Source::new("unset.tera", "first line\n{% if false %}\n  name = {{ surname }}\n{% endif %}\n");

/// A template that uses a variable which it is not given, in a branch that is not taken.
fn unset(r: &mut Recipe) -> Result<()> {
    r.add(Template::render("/etc/unset.conf", &LACKS, Empty {})?);
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct RemoteFileOrder {
    path: PathBuf,
    source: String,
    checksum: Option<Digest>,
    mode: Option<Mode>,
}

fn remote_files(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.remote_files {
        let (order, rest) = item.split();
        let mut file = RemoteFile::at(order.path).source(order.source);
        set!(file, order: checksum, mode);
        rest.add(r, file);
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct PackageOrder {
    names: Words,
    version: Option<Words>,
    options: Option<Words>,
    timeout: Option<u64>,
}

fn packages(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.packages {
        let (order, rest) = item.split();
        let mut package = Package::all(order.names.0);
        set!(package, order: version, options, timeout);
        rest.add(r, package);
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct ServiceOrder {
    name: String,
}

fn services(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.services {
        let (order, rest) = item.split();
        rest.add(r, Service::named(order.name));
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct UnitOrder {
    name: String,
    content: Option<String>,
}

fn units(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.units {
        let (order, rest) = item.split();
        let mut unit = SystemdUnit::named(order.name);
        set!(unit, order: content);
        rest.add(r, unit);
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct CronOrder {
    name: String,
    command: String,
    minute: Option<String>,
    hour: Option<String>,
    user: Option<String>,
}

fn cron(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.cron {
        let (order, rest) = item.split();
        let mut job = CronD::named(order.name).command(order.command);
        set!(job, order: minute, hour, user);
        rest.add(r, job);
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Shell(String),
    Words(Vec<String>),
}

#[derive(Debug, Serialize, Deserialize)]
struct ExecuteOrder {
    name: String,
    command: Option<Line>,
    creates: Option<PathBuf>,
    cwd: Option<PathBuf>,
    environment: Option<BTreeMap<String, String>>,
    user: Option<String>,
    group: Option<String>,
    umask: Option<Mode>,
    timeout: Option<u64>,
    returns: Option<Vec<i32>>,
    input: Option<Secret>,
}

fn execute(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.execute {
        let (order, rest) = item.split();
        let mut command = Execute::shell(order.name);
        if let Some(line) = order.command {
            command = command.command(match line {
                Line::Shell(line) => CommandLine::Shell(line),
                Line::Words(words) => CommandLine::Words(words),
            });
        }
        set!(command, order: creates, cwd, environment, user, group, umask, timeout, returns, input);
        rest.add(r, command);
    }
    Ok(())
}

/// A file, and a command that its change asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeOrder {
    file: PathBuf,
    content: String,
    /// A line for the shell, which only a notice runs.
    run: String,
    #[serde(default)]
    timing: When,
}

fn notices(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for NoticeOrder { file, content, run, timing } in kitchen.notices {
        let file = File::at(file).content(content);
        r.add(file.notifies(execute::Run, id::<Execute>(&run), timing.into()));
        r.add(Execute::shell(run).nothing());
    }
    Ok(())
}

/// A custom resource made of two files. Whoever cooked it tells its waiter once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DishOrder {
    directory: PathBuf,
    content: String,
    /// A command between the two files.
    #[serde(default)]
    between: Option<String>,
    /// What the waiter runs, at the end.
    run: String,
}

struct Dish {
    order: DishOrder,
}

impl Composite for Dish {
    const KIND: &'static str = "dish";

    fn name(&self) -> String {
        self.order.directory.display().to_string()
    }

    fn declare(&self, r: &mut Recipe) -> Result<()> {
        let DishOrder { directory, content, between, run: _ } = &self.order;
        r.add(File::at(directory.join("starter")).content(content));
        if let Some(line) = between {
            r.add(Execute::shell(line));
        }
        r.add(File::at(directory.join("main")).content(content));
        Ok(())
    }
}

fn dish(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    if let Some(order) = kitchen.dish {
        let run = order.run.clone();
        let dish = r.compose(Dish { order })?;
        r.add(Execute::shell(run).nothing().subscribes(execute::Run, dish, Delayed));
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct GroupOrder {
    name: String,
    gid: Option<u32>,
    members: Option<Words>,
    append: Option<bool>,
    system: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct UserOrder {
    name: String,
    uid: Option<u32>,
    gid: Option<String>,
    comment: Option<String>,
    home: Option<PathBuf>,
    manage_home: Option<bool>,
    shell: Option<PathBuf>,
    password: Option<Secret>,
    system: Option<bool>,
}

fn accounts(r: &mut Recipe) -> Result<()> {
    let kitchen: Kitchen = r.attributes()?;
    for item in kitchen.groups {
        let (order, rest) = item.split();
        let mut group = Group::named(order.name);
        set!(group, order: gid, members, append, system);
        rest.add(r, group);
    }
    for item in kitchen.users {
        let (order, rest) = item.split();
        let mut user = User::named(order.name);
        set!(user, order: uid, gid, comment, home, manage_home, shell, password, system);
        rest.add(r, user);
    }
    Ok(())
}

/// Many accounts, each with a group of its own.
fn crowd(r: &mut Recipe) -> Result<()> {
    for number in 1..=r.attributes::<Kitchen>()?.crowd {
        let name = format!("crowd{number}");
        r.add(Group::named(&name).gid(20_000 + number));
        r.add(User::named(&name).uid(20_000 + number).gid(name.as_str()).shell("/bin/sh"));
    }
    Ok(())
}

/// A command that fails.
fn fail(r: &mut Recipe) -> Result<()> {
    let said = r.attributes::<Kitchen>()?.fail.unwrap_or_else(|| "the kitchen is on fire".to_owned());
    let script = "echo \"$1\" >&2; exit 3";
    r.add(Execute::new("fail", ["sh", "-c", script, "sh", &said]));
    Ok(())
}

/// What no recipe should do.
fn panic(r: &mut Recipe) -> Result<()> {
    files(r)?;
    r.add(RustBlock::new("fall asleep", |_| panic!("the cook fell asleep")));
    Ok(())
}

/// Everything that is ordered, but what fails on purpose.
fn default(r: &mut Recipe) -> Result<()> {
    for recipe in [accounts, directories, files, links, remote_files, packages, units, services, cron, execute, notices]
    {
        recipe(r)?;
    }
    r.include(dish)
}
