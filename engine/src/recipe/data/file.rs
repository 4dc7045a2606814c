//! Files of a cookbook: JSON and YAML become one kind of [`Document`], others are bytes.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Fault,
    host::disk,
    node::json::{Document, Limits},
};

/// A file or template that comes with a cookbook is at most so many bytes long.
const MOST_BYTES: u64 = 64 << 20;

/// Endings of the files that hold data.
pub(super) const DATA: [&str; 3] = ["json", "yml", "yaml"];

/// Reads a data file by its ending, as far as it can be read: what is wrong is added to the faults.
pub(super) fn read(path: &Path, faults: &mut Vec<Fault>) -> Option<Document> {
    let name: Arc<Path> = path.into();
    let bytes = bytes(path, Limits::default().bytes).map_err(|fault| faults.push(fault)).ok()?;
    if path.extension().is_some_and(|ending| ending == "json") {
        Document::parse(name, bytes).map_err(|more| faults.extend(more)).ok()
    } else {
        Document::read_yaml(name, bytes, faults)
    }
}

/// Takes away what was found wrong at a place that is told of already: the value there is only what may have been meant.
pub(super) fn without_follow_ups(faults: &mut Vec<Fault>, told: &[Fault]) {
    faults.retain(|fault| told.contains(fault) || told.iter().all(|told| told.place != fault.place));
}

/// Reads a file that a resource names.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, Fault> {
    bytes(path, MOST_BYTES)
}

fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let fault = |sentence: String| Fault::new(sentence);
    match disk::read_limited(path, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(fault(format!("`{}` is not there any more", path.display()))),
        Err(Error::Faults(faults)) => Err(faults.into_iter().next().unwrap_or_else(|| fault("unreadable".to_owned()))),
        Err(error) => {
            let mut fault = fault(error.to_string());
            fault.hints = error.hints();
            Err(fault)
        }
    }
}

/// Everything in a directory, by the path from it: hidden files too, and what a link to a file leads to.
pub(super) fn everything(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let mut files = BTreeMap::new();
    let mut left = MOST_BYTES;
    let mut folders = vec![(directory.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for name in disk::list(&folder).map_err(|error| Fault::new(error.to_string()))? {
            let path = folder.join(&name);
            let Some(shown) = name.to_str().map(|name| format!("{prefix}{name}")) else {
                return Err(Fault::new(format!("`{}` has a name that is not UTF-8", path.display())));
            };
            if disk::is_directory(&path) {
                if disk::is_link(&path) {
                    let fault = Fault::new(format!("`{}` is a link to a directory", path.display()));
                    return Err(fault.hint("put the files themselves there"));
                }
                folders.push((path, shown + "/"));
                continue;
            }
            let bytes = bytes(&path, left)?;
            left -= bytes.len() as u64;
            files.insert(shown, bytes);
        }
    }
    Ok(files)
}

/// Names in a directory that are UTF-8 and not hidden, sorted; none when it cannot be read, with the fault.
pub(super) fn names(directory: &Path, faults: &mut Vec<Fault>) -> Vec<String> {
    match disk::list(directory) {
        Ok(names) => {
            let names = names.into_iter().filter_map(|name| name.into_string().ok());
            names.filter(|name| !name.starts_with('.')).collect()
        }
        Err(error) => {
            faults.push(Fault::new(error.to_string()));
            Vec::new()
        }
    }
}

/// Files below a directory by their path from it, two folders deep: what a hint chooses from.
pub(super) fn below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut unreadable = Vec::new();
    let mut folders: Vec<(PathBuf, String)> = vec![(directory.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for name in names(&folder, &mut unreadable) {
            let (path, shown) = (folder.join(&name), format!("{prefix}{name}"));
            if disk::is_directory(&path) {
                if prefix.matches('/').count() < 2 {
                    folders.push((path, format!("{shown}/")));
                }
            } else {
                found.push(shown);
            }
        }
    }
    found.sort_unstable();
    found
}

/// Whether there is something at a path that may be read as a file.
pub(super) fn is_there(path: &Path) -> bool {
    disk::exists(path) && !disk::is_directory(path)
}
