//! A directory that holds JSON files by their names at any depth: roles.
//!
//! Source: `Chef::Role.from_disk`. Hidden files and directories are none, and directories behind links are not entered; two
//! files of one name are an error.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::folders::is_directory;
use crate::{
    Result,
    host::{Entry, EntryKind, Probe},
};

/// What was found in one directory and below it.
#[derive(Default)]
pub(super) struct Tree(BTreeMap<String, Files>);

/// Files of one name.
#[derive(Default)]
pub(super) struct Files {
    pub json: Vec<PathBuf>,
    pub ruby: Vec<PathBuf>,
}

impl Tree {
    /// Looks for files. Nothing is read.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn walk(probe: &dyn Probe, directory: &Path) -> Result<Self> {
        let mut found = Self::default();
        if !is_directory(probe, directory)? {
            return Ok(found);
        }
        let mut left = vec![(directory.to_owned(), probe.list(directory)?)];
        while let Some((directory, names)) = left.pop() {
            for name in names.iter().filter_map(|name| name.to_str()).filter(|name| !name.starts_with('.')) {
                let path = directory.join(name);
                if let Some(name) = name.strip_suffix(".json") {
                    found.0.entry(name.to_owned()).or_default().json.push(path);
                } else if let Some(name) = name.strip_suffix(".rb") {
                    found.0.entry(name.to_owned()).or_default().ruby.push(path);
                } else {
                    // Listed first: of a file that costs less than to look at it, which reads it.
                    let names = probe.list(&path)?;
                    if !names.is_empty()
                        && matches!(probe.entry(&path)?, Some(Entry { kind: EntryKind::Directory, .. }))
                    {
                        left.push((path, names));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The files of this name.
    pub fn get(&self, name: &str) -> Option<&Files> {
        self.0.get(name)
    }

    /// Every name of which there is one in JSON.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, files)| !files.json.is_empty()).map(|(name, _)| &**name)
    }
}
