use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use super::{
    attributes, file, list,
    shelf::{Shelf, Shelves, Written},
};
use crate::{
    Fault,
    host::disk,
    recipe::{AttributeFile, Cookbook, Origin},
};

/// What the directories of `cookbook_path` hold.
#[derive(Default)]
pub struct Found {
    /// Those that are found, and the compiled-in ones that none of them hides.
    pub cookbooks: Vec<Cookbook>,
    /// What deserves a look: directories that are not there, Ruby beside what is used.
    pub notes: Vec<Note>,
}

/// What deserves a look.
pub struct Note {
    /// The cookbook that it is about; who does not use it need not be told.
    pub cookbook: Option<String>,
    /// The sentence.
    pub sentence: String,
}

/// A cookbook without a version in its metadata has Chef's.
const NO_VERSION: &str = "0.0.0";

/// Finds the cookbooks in these directories. Of two with one name the one in the later directory counts, and any counts more
/// than the one compiled in; a cookbook in Ruby counts less than all others. Recipes are read when they are compiled, so that
/// a broken cookbook that nobody asks for does no harm.
#[must_use]
pub fn load(directories: &[PathBuf], compiled_in: &[Cookbook]) -> Found {
    let mut notes = Vec::new();
    let mut by_name: BTreeMap<String, (Shelf, Vec<String>)> = BTreeMap::new();
    let names: Vec<String> = compiled_in.iter().map(|cookbook| cookbook.name().to_owned()).collect();
    for directory in directories {
        if !disk::is_directory(directory) {
            let what = if disk::exists(directory) { "is no directory" } else { "is not there" };
            notes.push(note(None, format!("`{}` of `cookbook_path` {what}", directory.display())));
            continue;
        }
        for shelf in shelves_in(directory, &mut notes) {
            let shown = shelf.directory.display().to_string();
            let ruby = shelf.is_ruby();
            if ruby && names.contains(&shelf.name) {
                let sentence =
                    format!("`{shown}` is written in Ruby; the compiled-in cookbook `{}` is used", shelf.name);
                notes.push(note(Some(shelf.name), sentence));
                continue;
            }
            match by_name.remove(&shelf.name) {
                Some((other, mut hidden)) if !ruby || other.is_ruby() => {
                    hidden.push(other.directory.display().to_string());
                    by_name.insert(shelf.name.clone(), (shelf, hidden));
                }
                Some((other, hidden)) => {
                    let used = other.directory.display();
                    let sentence =
                        format!("`{shown}` is written in Ruby; `{used}` is used for cookbook `{}`", shelf.name);
                    notes.push(note(Some(shelf.name), sentence));
                    by_name.insert(other.name.clone(), (other, hidden));
                }
                None => {
                    by_name.insert(shelf.name.clone(), (shelf, Vec::new()));
                }
            }
        }
    }
    let all: Arc<OnceLock<Shelves>> = Arc::default();
    let mut shelves = Shelves::default();
    let mut cookbooks = Vec::new();
    let known: Arc<[String]> = names.into();
    for (name, (shelf, mut shadows)) in by_name {
        if known.contains(&name) {
            shadows.push("compiled in".to_owned());
        }
        let shelf = Arc::new(shelf);
        let origin = Origin { name, path: shelf.directory.display().to_string(), shadows };
        cookbooks.push(cookbook(&shelf, origin, &all, &known));
        shelves.insert(shelf);
    }
    all.get_or_init(|| shelves);
    let hidden: Vec<String> = cookbooks.iter().map(|cookbook: &Cookbook| cookbook.name().to_owned()).collect();
    cookbooks.extend(compiled_in.iter().filter(|cookbook| hidden.iter().all(|name| name != cookbook.name())).cloned());
    Found { cookbooks, notes }
}

const fn note(cookbook: Option<String>, sentence: String) -> Note {
    Note { cookbook, sentence }
}

/// The cookbooks in one directory. Two of one name there are a slip that only who uses them is told.
fn shelves_in(directory: &Path, notes: &mut Vec<Note>) -> Vec<Shelf> {
    let mut faults = Vec::new();
    let mut found: Vec<Shelf> = Vec::new();
    for folder in file::names(directory, &mut faults) {
        let path = directory.join(&folder);
        if !disk::is_directory(&path) {
            continue;
        }
        let Some(mut shelf) = Shelf::open(&path, &folder) else { continue };
        if let Some(other) = found.iter().find(|other| other.name == shelf.name) {
            let (one, two) = (other.directory.display(), shelf.directory.display());
            let fault = Fault::new(format!("`{one}` and `{two}` both call themselves `{}`", shelf.name));
            shelf.faults.push(fault.hint("give one of them another `name` in its metadata"));
            found.retain(|other| other.name != shelf.name);
        }
        found.push(shelf);
    }
    notes.extend(faults.into_iter().map(|fault| note(None, fault.message)));
    found
}

fn cookbook(shelf: &Arc<Shelf>, origin: Origin, all: &Arc<OnceLock<Shelves>>, compiled_in: &Arc<[String]>) -> Cookbook {
    let version = shelf.metadata.version.clone().unwrap_or_else(|| NO_VERSION.to_owned());
    let mut cookbook = Cookbook::new(shelf.name.clone(), version);
    for (name, written) in &shelf.recipes {
        let (shelf, all, compiled_in, written) =
            (Arc::clone(shelf), Arc::clone(all), Arc::clone(compiled_in), Written::clone(written));
        let whole = format!("recipe `{}::{name}`", shelf.name);
        let ruby = written.ruby().map(Path::to_owned);
        cookbook.written_recipe(name.clone(), ruby, move |r| {
            // A slip in the metadata hides none in the recipe.
            for fault in &shelf.faults {
                if !r.compiling.faults.contains(fault) {
                    r.compiling.faults.push(fault.clone());
                }
            }
            let path = written.data(&whole, &shelf, &compiled_in)?;
            let none = Shelves::default();
            list::compile(r, path, &shelf, all.get().unwrap_or(&none))
        });
    }
    for (name, written) in &shelf.attributes {
        let what = format!("file of attributes `{}::{name}`", shelf.name);
        let (shelf, compiled_in, written) = (Arc::clone(shelf), Arc::clone(compiled_in), Written::clone(written));
        cookbook = cookbook.attributes(name.clone(), move |a: &mut AttributeFile| {
            let path = written.data(&what, &shelf, &compiled_in)?;
            attributes::read(a, path)
        });
    }
    cookbook.depends.clone_from(&shelf.metadata.depends);
    cookbook.origin = Some(origin);
    cookbook.ruby = shelf.is_ruby().then(|| shelf.directory.clone());
    cookbook
}
