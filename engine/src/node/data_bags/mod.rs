//! Data bags: directories of JSON items, some of them encrypted. `docs/data-bags.md` tells users.
pub mod encrypted;
mod item;
#[cfg(test)]
mod tests;

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use self::{
    encrypted::ItemSecret,
    item::{Item, Needed},
};
use super::{
    folders::{self, Folders},
    json::Document,
};
use crate::{
    Error, Fault, Result,
    host::{Entry, EntryKind, Probe},
};

const SETTING: &str = "data_bag_path";
const SECRET: &str = "encrypted_data_bag_secret";

/// Keys of an item that stay plain text: `id`, and what knife adds to items that it prints.
pub const PLAIN_KEYS: [&str; 3] = ["id", "chef_type", "data_bag"];

/// A place for the directories of pretended bags in messages.
const PRETENDED: &str = "data_bags";

/// The data bags of a node, read when they are asked for.
#[derive(Default)]
pub struct DataBags<'p> {
    probe: Option<&'p dyn Probe>,
    directories: Vec<PathBuf>,
    secret: SecretFile,
    lowest: u64,
    pretended: BTreeMap<String, BTreeMap<String, Arc<Document>>>,
    known_secret: OnceCell<Result<ItemSecret, Fault>>,
    items: RefCell<BTreeMap<(String, String), Arc<Item>>>,
}

/// The file that holds the secret of encrypted items.
#[derive(Clone, Debug)]
pub enum SecretFile {
    /// One that must be there when it is needed.
    Named {
        /// Its path.
        path: PathBuf,
        /// The setting or option that names it.
        by: &'static str,
    },
    /// The first of these that is there.
    Usual(Vec<PathBuf>),
}

impl Default for SecretFile {
    fn default() -> Self {
        Self::Usual(Vec::new())
    }
}

impl<'p> DataBags<'p> {
    /// The bags in these directories, of which the first that has an item counts.
    #[must_use]
    pub fn new(probe: &'p dyn Probe, directories: Vec<PathBuf>, secret: SecretFile) -> Self {
        Self { probe: Some(probe), directories, secret, ..Self::default() }
    }

    /// Reads no encrypted value of a lower version than this.
    #[must_use]
    pub const fn lowest_version(mut self, version: u64) -> Self {
        self.lowest = version;
        self
    }

    /// Pretends that there is an item; its `id` is added.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn pretend(&mut self, bag: &str, item: &str, value: &serde_json::Value) -> Result<()> {
        let mut value = value.clone();
        if let Some(fields) = value.as_object_mut()
            && !fields.contains_key("id")
        {
            fields.insert("id".to_owned(), item.into());
        }
        let path = Path::new(PRETENDED).join(bag).join(format!("{item}.json"));
        let text = serde_json::to_vec_pretty(&value).map_err(|error| Error::failed(error.to_string()))?;
        let document = Document::parse(path, text).map_err(Error::Faults)?;
        self.pretended.entry(bag.to_owned()).or_default().insert(item.to_owned(), Arc::new(document));
        Ok(())
    }

    /// Pretends that this is the secret of encrypted items.
    pub fn pretend_secret(&mut self, secret: ItemSecret) {
        self.known_secret = OnceCell::from(Ok(secret));
    }

    /// Names of all bags, sorted.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn bags(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.pretended.keys().cloned().collect();
        if let Some(probe) = self.probe {
            for directory in &self.directories {
                if !folders::is_directory(probe, directory)? {
                    continue;
                }
                for name in probe.list(directory)? {
                    let Ok(name) = name.into_string() else { continue };
                    if !name.starts_with('.') && folders::is_directory(probe, &directory.join(&name))? {
                        names.push(name);
                    }
                }
            }
        }
        Ok(folders::sorted(names))
    }

    /// Names of the items of a bag, sorted.
    ///
    /// # Errors
    /// That there is no such bag; or that a directory cannot be read.
    pub fn items(&self, bag: &str) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.pretended.get(bag).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        let directories = self.directories_of(bag)?;
        if let Some(folders) = self.folders(&directories) {
            names.extend(folders.names()?);
        }
        Ok(folders::sorted(names))
    }

    /// An item, decrypted.
    ///
    /// # Errors
    /// That there is no such bag or item, or everything that is wrong with it.
    pub fn item(&self, bag: &str, name: &str) -> Result<Arc<Item>> {
        let asked = (bag.to_owned(), name.to_owned());
        if let Some(item) = self.items.borrow().get(&asked) {
            return Ok(Arc::clone(item));
        }
        let document = self.document(bag, name)?;
        let item = Arc::new(Item::open(document, &|| self.secret(), self.lowest).map_err(Error::Faults)?);
        if item.id() != name {
            let (path, id) = (item.document().path().display(), item.id());
            tracing::warn!(
                "item `{name}` of data bag `{bag}` is taken from `{path}`, which has the id `{id}`; a file is named as its id"
            );
        }
        self.items.borrow_mut().insert(asked, Arc::clone(&item));
        Ok(item)
    }

    /// The file of an item as it is, not decrypted: the one of its name; or else, as chef-solo's legacy mode finds it, the one
    /// with its id.
    ///
    /// # Errors
    /// That there is no such bag or item, or that the file is no JSON.
    pub fn document(&self, bag: &str, name: &str) -> Result<Arc<Document>> {
        if let Some(document) = self.pretended.get(bag).and_then(|items| items.get(name)) {
            return Ok(Arc::clone(document));
        }
        let directories = self.directories_of(bag)?;
        let Some(folders) = self.folders(&directories) else {
            let names = self.items(bag)?;
            let fault = Fault::new(format!("data bag `{bag}` has no item `{name}`"));
            return Err(folders::among(fault, name, &names).into());
        };
        if let Some(document) = folders.document(name)? {
            return Ok(Arc::new(document));
        }
        let names = folders.names()?;
        for other in &names {
            // A file that is broken is told to those who ask for it.
            if let Ok(Some(document)) = folders.document(other)
                && item::id_of(document.value()) == Some(name)
            {
                return Ok(Arc::new(document));
            }
        }
        let fault = folders::among(Fault::new(format!("data bag `{bag}` has no item `{name}`")), name, &names);
        Err(folders::looked(fault, &format!("{name}.json"), &directories, SETTING).into())
    }

    /// Where a new item of this name would be: in the bag's first directory, else in the first of all bags.
    #[must_use]
    pub fn path_of_new(&self, bag: &str, name: &str) -> Option<PathBuf> {
        let existing = self.directories_of(bag).ok().and_then(|directories| directories.into_iter().next());
        let directory = existing.or_else(|| Some(self.directories.first()?.join(bag)))?;
        Some(directory.join(format!("{name}.json")))
    }

    /// The secret of encrypted items.
    ///
    /// # Errors
    /// That there is none, or that it cannot be read.
    pub fn secret(&self) -> Result<ItemSecret, Fault> {
        self.known_secret.get_or_init(|| self.read_secret()).clone()
    }

    fn read_secret(&self) -> Result<ItemSecret, Fault> {
        let candidates = match &self.secret {
            SecretFile::Named { path, .. } => std::slice::from_ref(path),
            SecretFile::Usual(paths) => paths.as_slice(),
        };
        for path in candidates {
            let Some(probe) = self.probe else { break };
            let found = folders::followed(probe, path).and_then(|found| Ok((found, folders::read(probe, path)?)));
            let (entry, content) = match found {
                Ok((Some((_, entry)), Some(content))) => (entry, content),
                Ok(_) => continue,
                Err(error) => return Err(said(&error)),
            };
            warn_of_readers(path, &entry);
            return ItemSecret::of_file(&content).ok_or_else(|| {
                Fault::new(format!("the secret of data bags in `{}` is empty", path.display()))
                    .hint("put the secret there that the items were encrypted with")
            });
        }
        let fault = Fault::new("an encrypted item of a data bag needs its secret, and there is none");
        Err(match &self.secret {
            SecretFile::Named { path, by } => {
                fault.hint(format!("`{}`, which `{by}` names, is no file", path.display()))
            }
            SecretFile::Usual(_) => {
                fault.hint(format!("name its file in the settings: `{SECRET} \"/etc/chef/{SECRET}\"`"))
            }
        })
    }

    fn folders<'f>(&'f self, directories: &'f [PathBuf]) -> Option<Folders<'f>> {
        Some(Folders { probe: self.probe?, directories, word: "item" })
    }

    /// The directories of a bag that there are.
    fn directories_of(&self, bag: &str) -> Result<Vec<PathBuf>> {
        folders::check_name("data bag", bag)?;
        let mut found = Vec::new();
        if let Some(probe) = self.probe {
            for directory in self.directories.iter().map(|path| path.join(bag)) {
                if folders::is_directory(probe, &directory)? {
                    found.push(directory);
                }
            }
        }
        if found.is_empty() && !self.pretended.contains_key(bag) {
            let fault = folders::among(Fault::new(format!("there is no data bag `{bag}`")), bag, &self.bags()?);
            return Err(folders::looked(fault, bag, &self.directories, SETTING).into());
        }
        Ok(found)
    }
}

/// Warns of a secret that everybody on the machine can read.
pub(super) fn warn_of_readers(path: &Path, entry: &Entry) {
    if matches!(entry.kind, EntryKind::File { .. }) && entry.mode.bits() & 0o004 != 0 {
        let path = path.display();
        tracing::warn!("`{path}` holds a secret, and everybody on this machine can read it: `chmod 0600 {path}`");
    }
}

/// An error as a fault, where only faults fit.
pub(super) fn said(error: &Error) -> Fault {
    if let Error::Faults(faults) = error
        && let [fault] = faults.as_slice()
    {
        return fault.clone();
    }
    Fault { hints: error.hints(), ..Fault::new(error.to_string()) }
}
