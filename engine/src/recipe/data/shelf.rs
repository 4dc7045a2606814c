//! The cookbooks in a directory of `cookbook_path`: what each is made of, found without reading any recipe.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{file, metadata, metadata::Metadata};
use crate::{Fault, host::disk, recipe::cookbook::in_ruby};

/// A cookbook's folder.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub name: String,
    pub directory: PathBuf,
    pub metadata: Metadata,
    /// Recipes by their names.
    pub recipes: BTreeMap<String, Written>,
    /// Attribute files by their names, in the order in which Chef loads them: `default` first.
    pub attributes: Vec<(String, Written)>,
    /// What is wrong with the folder itself: told when the cookbook is used.
    pub faults: Vec<Fault>,
}

/// Where a recipe or a file of attributes is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    /// As data.
    Data(PathBuf),
    /// In Ruby, which is not read.
    Ruby(PathBuf),
    /// As data several times.
    Several(Vec<PathBuf>),
}

/// Every cookbook's folder by name: where one's resources find the files of another.
#[derive(Debug, Default)]
pub(super) struct Shelves(BTreeMap<String, Arc<Shelf>>);

impl Shelf {
    /// Looks at a folder; `None` when nothing of a cookbook is in it.
    pub fn open(directory: &Path, folder: &str) -> Option<Self> {
        let mut shelf = Self { name: folder.to_owned(), directory: directory.to_owned(), ..Self::default() };
        let there: Vec<_> =
            metadata::NAMES.iter().map(|name| directory.join(name)).filter(|path| file::is_there(path)).collect();
        let ruby = ["metadata.rb", "recipe.rb"].iter().any(|name| file::is_there(&directory.join(name)));
        match there.as_slice() {
            [] => {}
            [one] => shelf.metadata = Metadata::read(one, &mut shelf.faults),
            several => shelf.faults.push(written_again("the metadata", several)),
        }
        if let Some(name) = &shelf.metadata.name {
            shelf.name.clone_from(name);
        }
        shelf.recipes = written(&directory.join("recipes"), &mut shelf.faults);
        let mut attributes: Vec<_> = written(&directory.join("attributes"), &mut shelf.faults).into_iter().collect();
        attributes.sort_by_key(|(name, _)| name != "default");
        shelf.attributes = attributes;
        let is_cookbook = ruby || !there.is_empty() || !shelf.recipes.is_empty() || !shelf.attributes.is_empty();
        is_cookbook.then_some(shelf)
    }

    /// Whether nothing of it but Ruby says what it does.
    pub fn is_ruby(&self) -> bool {
        let files = || self.recipes.values().chain(self.attributes.iter().map(|(_, written)| written));
        let metadata = || metadata::NAMES.iter().any(|name| file::is_there(&self.directory.join(name)));
        files().all(|written| written.ruby().is_some()) && (files().next().is_some() || !metadata())
    }
}

impl Shelves {
    pub fn insert(&mut self, shelf: Arc<Shelf>) {
        self.0.insert(shelf.name.clone(), shelf);
    }

    pub fn get(&self, name: &str) -> Option<&Shelf> {
        self.0.get(name).map(|shelf| &**shelf)
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl Written {
    /// The path of the data, or why there is none.
    pub fn data(&self, what: &str, shelf: &Shelf, compiled_in: &[String]) -> Result<&Path, Fault> {
        match self {
            Self::Data(path) => Ok(path),
            Self::Several(paths) => Err(written_again(what, paths)),
            Self::Ruby(path) => {
                Err(in_ruby(path, &shelf.name, shelf.is_ruby(), compiled_in.iter().map(String::as_str)))
            }
        }
    }

    /// The file, when it is in Ruby.
    pub fn ruby(&self) -> Option<&Path> {
        match self {
            Self::Ruby(path) => Some(path),
            Self::Data(_) | Self::Several(_) => None,
        }
    }
}

fn written_again(what: &str, paths: &[PathBuf]) -> Fault {
    let times = if paths.len() == 2 { "twice".to_owned() } else { format!("{} times", paths.len()) };
    let mut shown: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    let last = shown.pop().unwrap_or_default();
    let fault = Fault::new(format!("{what} is written {times}: {} and {last}", shown.join(", ")));
    fault.hint("keep the one that is meant")
}

/// Files of recipes or attributes in a folder, by their names without ending. Data counts more than Ruby beside it.
fn written(directory: &Path, faults: &mut Vec<Fault>) -> BTreeMap<String, Written> {
    let mut found: BTreeMap<String, Written> = BTreeMap::new();
    if !disk::is_directory(directory) {
        return found;
    }
    for name in file::names(directory, faults) {
        let path = directory.join(&name);
        let Some((stem, ending)) = name.rsplit_once('.') else { continue };
        let new = match ending {
            "rb" => Written::Ruby(path),
            ending if file::DATA.contains(&ending) => Written::Data(path),
            _ => continue,
        };
        let entry = match (found.remove(stem), new) {
            (None | Some(Written::Ruby(_)), new @ Written::Data(_)) => new,
            (Some(Written::Data(one)), Written::Data(other)) => Written::Several(vec![one, other]),
            (Some(Written::Several(mut paths)), Written::Data(other)) => {
                paths.push(other);
                Written::Several(paths)
            }
            (Some(old), _) => old,
            (None, new) => new,
        };
        found.insert(stem.to_owned(), entry);
    }
    found
}
