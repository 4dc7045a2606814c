//! Every stock kind in one table: data recipes, `brasa explain` and test cases are made from it.
use std::{any::Any, collections::BTreeMap};

use serde_json::{Map, Value as Json};

use super::{
    declared::{AnyAction, Declared, Item},
    of_chef::elsewhere,
};
use crate::{
    Error, Fault,
    host::Probe,
    resource::{Action, Content, Described, Found, PropertyInfo, Resource, position},
    resources::prelude::{
        Alternatives, AptPackage, AptPreference, AptRepository, AptUpdate, ArchiveFile, Bash, Block, ChefSleep,
        CookbookFile, Cron, CronAccess, CronD, Directory, DnfModule, DnsRecord, Execute, File, GemPackage, Git, Group,
        Hostname, HttpRequest, KernelModule, Line, Link, Locale, Log, Mount, NotifyGroup, OpensslEcPrivateKey,
        OpensslRsaPrivateKey, OpensslX509Certificate, OpensslX509Request, Package, Reboot, RemoteDirectory, RemoteFile,
        Script, SelinuxBoolean, SelinuxFcontext, SelinuxPermissive, SelinuxPort, SelinuxState, Service, Setting, Sh,
        SshAuthorizedKey, SshKnownHostsEntry, Sudo, SwapFile, Sysctl, SystemdUnit, Template, Timezone, User,
        UserUlimit, YumRepository,
    },
    resources::{
        package::{FIXED, Fixed},
        remote_directory::Files,
        template::Text,
    },
    suggest,
    values::Blob,
};

/// A kind of resource, as data.
pub struct Kind {
    /// The word before the brackets.
    pub name: &'static str,
    /// What it is, in a few sentences.
    pub about: &'static str,
    /// A recipe line in Rust.
    pub example: &'static str,
    /// What the name in brackets means.
    pub named: &'static str,
    /// The property table of its type.
    table: &'static [PropertyInfo],
    actions: fn() -> Vec<ActionInfo>,
    action_named: fn(&str) -> Option<AnyAction>,
    variant: fn(&str) -> Option<String>,
    bare: fn(&str) -> Box<dyn Making>,
    all: All,
    /// Of a kind that is `package` with the package manager fixed.
    fixed: Option<&'static Fixed>,
}

/// Lists the names of all there are.
type All = fn(&dyn Probe) -> Result<Option<Vec<String>>, Error>;

/// A file or directory that a cookbook brings along, for the kinds whose `source` names one.
#[derive(Default)]
pub(crate) struct Brought {
    /// As faults show it.
    pub name: String,
    pub bytes: Vec<u8>,
    /// In place of the bytes: everything in a directory, by the path from it.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What is wrong with an order.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    pub part: Part,
    pub sentence: String,
}

/// The part of an order that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// The value of this property.
    Property(String),
    /// The file brought along.
    Source,
    /// The n-th action.
    Action(usize),
}

/// An action of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionInfo {
    /// Its word.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// A resource made from data: declared, with its actions.
pub struct Made(pub(crate) Box<dyn Item>);

/// Every stock kind, sorted by name.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    KINDS
}

/// The kind of this name.
///
/// # Errors
/// A sentence with the nearest name, or all of them.
pub fn kind(name: &str) -> Result<&'static Kind, String> {
    KINDS
        .iter()
        .find(|kind| kind.name == name)
        .ok_or_else(|| format!("no kind of resource `{name}`; {}", without(name)))
}

/// What to write in place of a kind that is not there: what does the work of one of Chef's, else the nearest name.
#[must_use]
pub fn without(name: &str) -> String {
    let nearest = || suggest::hint(name, KINDS.iter().map(|kind| kind.name));
    elsewhere(name).map_or_else(nearest, str::to_owned)
}

static KINDS: &[Kind] = &[
    Kind::of::<Alternatives>(),
    Kind::fixed::<0>(),
    Kind::of::<AptPackage>(),
    Kind::of::<AptPreference>(),
    Kind::of::<AptRepository>(),
    Kind::of::<AptUpdate>(),
    Kind::of::<ArchiveFile>(),
    Kind::of::<Bash>(),
    Kind::of::<Block>(),
    Kind::of::<ChefSleep>(),
    Kind::of::<CookbookFile>(),
    Kind::of::<Cron>(),
    Kind::of::<CronAccess>(),
    Kind::of::<CronD>(),
    Kind::of::<Directory>(),
    Kind::of::<DnfModule>(),
    Kind::fixed::<1>(),
    Kind::of::<DnsRecord>(),
    Kind::fixed::<2>(),
    Kind::of::<Execute>(),
    Kind::of::<File>(),
    Kind::of::<GemPackage>(),
    Kind::of::<Git>(),
    Kind::of::<Group>(),
    Kind::of::<Hostname>(),
    Kind::of::<HttpRequest>(),
    Kind::of::<KernelModule>(),
    Kind::of::<Line>(),
    Kind::of::<Link>(),
    Kind::of::<Locale>(),
    Kind::of::<Log>(),
    Kind::of::<Mount>(),
    Kind::of::<NotifyGroup>(),
    Kind::of::<OpensslEcPrivateKey>(),
    Kind::of::<OpensslRsaPrivateKey>(),
    Kind::of::<OpensslX509Certificate>(),
    Kind::of::<OpensslX509Request>(),
    Kind::of::<Package>(),
    Kind::fixed::<3>(),
    Kind::of::<Reboot>(),
    Kind::of::<RemoteDirectory>(),
    Kind::of::<RemoteFile>(),
    Kind::fixed::<4>(),
    Kind::of::<Script>(),
    Kind::of::<SelinuxBoolean>(),
    Kind::of::<SelinuxFcontext>(),
    Kind::of::<SelinuxPermissive>(),
    Kind::of::<SelinuxPort>(),
    Kind::of::<SelinuxState>(),
    Kind::of::<Service>(),
    Kind::of::<Setting>(),
    Kind::of::<Sh>(),
    Kind::fixed::<5>(),
    Kind::of::<SshAuthorizedKey>(),
    Kind::of::<SshKnownHostsEntry>(),
    Kind::of::<Sudo>(),
    Kind::of::<SwapFile>(),
    Kind::of::<Sysctl>(),
    Kind::of::<SystemdUnit>(),
    Kind::of::<Template>(),
    Kind::of::<Timezone>(),
    Kind::of::<User>(),
    Kind::of::<UserUlimit>(),
    Kind::fixed::<6>(),
    Kind::of::<YumRepository>(),
    Kind::fixed::<7>(),
];

impl Kind {
    /// The kind of a Rust type.
    #[must_use]
    pub const fn of<R: Described>() -> Self {
        Self {
            name: R::KIND,
            about: R::ABOUT,
            example: R::EXAMPLE,
            named: R::NAME,
            table: R::PROPERTIES,
            actions: actions::<R>,
            action_named: |word| R::Action::named(word).map(AnyAction::of),
            variant: |word| R::Action::named(word).map(|action| format!("{action:?}")),
            all: R::all,
            bare: |name| Box::new(Declared::from(R::with_name(name))),
            fixed: None,
        }
    }

    /// The nth of the kinds that are `package` with the package manager fixed.
    const fn fixed<const NTH: usize>() -> Self {
        let fixed = &FIXED[NTH];
        Self {
            name: fixed.kind,
            about: fixed.about,
            example: fixed.example,
            all: |probe| FIXED[NTH].all(probe),
            bare: |name| Box::new(Declared::from(FIXED[NTH].make(name.into()))),
            fixed: Some(fixed),
            ..Self::of::<Package>()
        }
    }

    /// An action as recipes in Rust have it, by its module: `file::Create`.
    #[must_use]
    pub fn action_in_rust(&self, word: &str) -> Option<String> {
        let module = if self.fixed.is_some() { Package::KIND } else { self.name };
        (self.variant)(word).map(|variant| format!("{module}::{variant}"))
    }

    /// Every property, in the order of the table.
    pub fn properties(&self) -> impl Iterator<Item = &'static PropertyInfo> + Clone {
        self.table.iter().filter(|property| self.has(property.name))
    }

    /// Its actions; the first one is what happens when a recipe names none.
    #[must_use]
    pub fn actions(&self) -> Vec<ActionInfo> {
        (self.actions)().into_iter().filter(|action| self.has(action.name)).collect()
    }

    fn has(&self, word: &str) -> bool {
        self.fixed.is_none_or(|fixed| !fixed.lacks(word))
    }

    /// For which packages a property or an action is that this kind does not have.
    pub(crate) fn elsewhere(&self, word: &str) -> Option<String> {
        self.fixed.and_then(|fixed| fixed.elsewhere(word))
    }

    /// The names of all there are on a machine; `None` when there is no list of them.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn all(&self, probe: &dyn Probe) -> Result<Option<Vec<String>>, Error> {
        (self.all)(probe)
    }

    /// Declares one with these properties and actions. No action means the default one, `nothing` that it waits to be told.
    ///
    /// # Errors
    /// Everything wrong with properties and actions, a sentence each. What is wrong with the declaration as a whole tells
    /// [`Made::check`].
    pub fn make(&self, name: &str, properties: &Map<String, Json>, actions: &[String]) -> Result<Made, Vec<String>> {
        let made = self.order(name, properties, actions, None);
        made.map(Made).map_err(|wrong| wrong.into_iter().map(|wrong| wrong.sentence).collect())
    }

    /// As [`Kind::make`], with the file that the cookbook brings along, and the part that each fault is about.
    pub(crate) fn order(
        &self,
        name: &str,
        properties: &Map<String, Json>,
        actions: &[String],
        brought: Option<Brought>,
    ) -> Result<Box<dyn Item>, Vec<Wrong>> {
        let mut made = (self.bare)(name);
        let mut faults = Vec::new();
        for (property, value) in properties {
            let set = match self.position(property) {
                Ok(nth) => made.set(nth, value).map_err(|sentence| format!("`{property}`: {sentence}")),
                Err(sentence) => Err(sentence),
            };
            if let Err(sentence) = set {
                faults.push(Wrong { part: Part::Property(property.clone()), sentence });
            }
        }
        if let Some(brought) = brought
            && let Err(sentence) = bring(made.resource_mut(), brought)
        {
            faults.push(Wrong { part: Part::Source, sentence });
        }
        let all = (self.actions)();
        let mut wanted = Vec::new();
        for (index, word) in actions.iter().enumerate().filter(|(_, word)| *word != NOTHING) {
            match all.iter().position(|action| action.name == word && self.has(word)) {
                Some(nth) => wanted.push(nth),
                None => {
                    let known = all.iter().map(|action| action.name).filter(|name| *name != NOTHING && self.has(name));
                    let known = || suggest::hint(word, known.chain([NOTHING]).collect::<Vec<_>>());
                    let hint = self.elsewhere(word).unwrap_or_else(known);
                    let sentence = format!("`{}` has no action `{word}`; {hint}", self.name);
                    faults.push(Wrong { part: Part::Action(index), sentence });
                }
            }
        }
        let nothing = actions.iter().position(|word| word == NOTHING);
        if let Some(index) = nothing.filter(|_| actions.len() > 1) {
            faults.push(Wrong { part: Part::Action(index), sentence: format!("action `{NOTHING}` stands alone") });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if !actions.is_empty() {
            made.ask(&wanted);
        }
        Ok(made)
    }

    /// The action of this word, for a notice.
    pub(crate) fn action_named(&self, word: &str) -> Result<AnyAction, Fault> {
        (self.action_named)(word).filter(|_| self.has(word)).ok_or_else(|| {
            let known = self.actions();
            let known = known.iter().map(|action| action.name).filter(|name| *name != NOTHING);
            let hint = self.elsewhere(word).unwrap_or_else(|| suggest::hint(word, known.collect::<Vec<_>>()));
            Fault::new(format!("`{}` has no action `{word}`", self.name)).hint(hint)
        })
    }

    /// Which of the table a property is, or a sentence with the nearest one.
    fn position(&self, name: &str) -> Result<usize, String> {
        position(self.table, name).ok().filter(|_| self.has(name)).ok_or_else(|| {
            let known = || suggest::hint(name, self.properties().map(|property| property.name));
            format!("no property `{name}`; {}", self.elsewhere(name).unwrap_or_else(known))
        })
    }

    /// The folder of a cookbook in which this kind's `source` is found, when it is a name in one.
    pub(crate) fn source_folder(&self) -> Option<&'static str> {
        match self.name {
            Template::KIND => Some("templates"),
            CookbookFile::KIND | RemoteDirectory::KIND => Some("files"),
            _ => None,
        }
    }

    /// Whether its `source` is a whole directory.
    pub(crate) fn brings_directory(&self) -> bool {
        self.name == RemoteDirectory::KIND
    }
}

impl Made {
    /// `kind[name]`.
    #[must_use]
    pub fn id(&self) -> String {
        self.0.id()
    }

    /// What is wrong with the declaration.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        self.0.check()
    }

    /// How the thing is, as the declaration that would have it so; `None` when the kind leaves nothing to look at.
    ///
    /// # Errors
    /// When the machine cannot be read, or there is a thing of another kind.
    pub fn found(&self, probe: &dyn Probe) -> Result<Option<Found>, Error> {
        self.0.found(probe)
    }
}

fn actions<R: Described>() -> Vec<ActionInfo> {
    R::Action::ALL.iter().map(|(name, _, about)| ActionInfo { name, about }).collect()
}

/// A declaration that is being made from data, whatever its kind.
trait Making: Item {
    /// Sets the n-th property.
    fn set(&mut self, nth: usize, value: &Json) -> Result<(), String>;
    /// Has it do these actions of its kind, by their places in the table.
    fn ask(&mut self, actions: &[usize]);
    fn resource_mut(&mut self) -> &mut dyn Any;
}

impl<R: Described> Making for Declared<R> {
    fn set(&mut self, nth: usize, value: &Json) -> Result<(), String> {
        R::SETTERS[nth](&mut self.resource, value)
    }

    fn ask(&mut self, actions: &[usize]) {
        self.actions = actions.iter().map(|nth| R::Action::ALL[*nth].1).collect();
    }

    fn resource_mut(&mut self) -> &mut dyn Any {
        &mut self.resource
    }
}

/// Gives a resource the content that came with its cookbook.
fn bring(resource: &mut dyn Any, Brought { name, bytes, files }: Brought) -> Result<(), String> {
    if let Some(file) = resource.downcast_mut::<CookbookFile>() {
        file.source = Some(Content::from(bytes));
    } else if let Some(directory) = resource.downcast_mut::<RemoteDirectory>() {
        directory.source = Some(Files(files.into_iter().map(|(path, bytes)| (path, Blob::from(bytes))).collect()));
    } else if let Some(template) = resource.downcast_mut::<Template>() {
        let text = String::from_utf8(bytes).map_err(|_| format!("template `{name}` is not UTF-8"))?;
        template.source = Some(Text::named(name, text));
    } else {
        return Err("this kind takes no file of a cookbook".to_owned());
    }
    Ok(())
}

/// The action that every kind has: it waits to be told.
const NOTHING: &str = "nothing";

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value as Json, json};

    use super::{kind, kinds};

    fn properties(value: Json) -> Map<String, Json> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn made(name: &str, of: Json, actions: &[&str]) -> Result<(String, Vec<&'static str>), Vec<String>> {
        let actions: Vec<_> = actions.iter().map(ToString::to_string).collect();
        let made = kind(name).map_err(|sentence| vec![sentence])?.make("x", &properties(of), &actions)?;
        Ok((made.id(), made.0.actions().iter().map(|action| action.name).collect()))
    }

    #[test]
    fn kinds_are_sorted_and_each_is_explained() {
        let names: Vec<_> = kinds().iter().map(|kind| kind.name).collect();
        assert!(names.is_sorted() && names.len() == 66, "{names:?}");
        for kind in kinds() {
            assert!(kind.about.trim().len() > 20, "{}", kind.name);
            assert!(
                kind.example.starts_with("r.add(") && kind.example.ends_with(");"),
                "{}: {}",
                kind.name,
                kind.example
            );
            assert!(!kind.named.is_empty() && !kind.actions().is_empty(), "{}", kind.name);
            for property in kind.properties() {
                assert!(property.about.trim().ends_with('.'), "{}.{}: {}", kind.name, property.name, property.about);
            }
            for action in kind.actions() {
                assert!(action.about.ends_with('.'), "{}.{}", kind.name, action.name);
            }
        }
    }

    #[test]
    fn a_package_manager_that_is_fixed_is_no_property() {
        let names = |kind_name: &str| -> Vec<&str> {
            kind(kind_name).unwrap().properties().map(|property| property.name).collect()
        };
        let lacks = |kind: &str| -> Vec<&str> {
            names("package").into_iter().filter(|name| !names(kind).contains(name)).collect()
        };
        assert_eq!(lacks("dnf_package"), ["response_file", "provider", "binary"]);
        assert_eq!(names("snap_package"), ["package_name", "options", "timeout"]);
        let actions = |kind_name: &str| -> Vec<&str> {
            kind(kind_name).unwrap().actions().iter().map(|action| action.name).collect()
        };
        assert_eq!(actions("apk_package"), ["install", "upgrade", "remove", "purge"]);
        assert_eq!(actions("dpkg_package").len(), actions("package").len());
        assert_eq!(made("dnf_package", json!({}), &["lock"]), Ok(("dnf_package[x]".into(), vec!["lock"])));
        assert_eq!(
            made("apk_package", json!({"flush_cache": "before", "binary": "/x"}), &["lock"]),
            Err(vec![
                "no property `flush_cache`; it is for packages of dnf, yum".into(),
                "no property `binary`; known are `package_name`, `version`, `options`, `allow_downgrade`, \
                 `allow_removals`, `timeout`"
                    .into(),
                "`apk_package` has no action `lock`; it is for packages of apt, dnf, dpkg, yum, zypper".into(),
            ])
        );
    }

    #[test]
    fn resources_are_made_from_data() {
        assert_eq!(
            made("service", json!({}), &["enable", "start"]),
            Ok(("service[x]".into(), vec!["enable", "start"]))
        );
        assert_eq!(made("package", json!({"version": "1"}), &[]), Ok(("package[x]".into(), vec!["install"])));
        assert_eq!(made("execute", json!({"command": ["a", "b"]}), &["nothing"]), Ok(("execute[x]".into(), vec![])));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let faults = made("user", json!({"shel": "/bin/sh", "uid": "seven"}), &["create", "nothing", "destroy"]);
        assert_eq!(
            faults.unwrap_err(),
            [
                "no property `shel`; did you mean `shell`?",
                "`uid`: expected whole number, found the text `seven`",
                "`user` has no action `destroy`; known are `create`, `remove`, `modify`, `manage`, `lock`, `unlock`, `nothing`",
                "action `nothing` stands alone",
            ]
        );
        assert_eq!(
            made("serivce", json!({}), &[]).unwrap_err(),
            ["no kind of resource `serivce`; did you mean `service`?"]
        );
    }
}
