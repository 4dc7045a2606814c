//! Directories that hold JSON files by their names: roles, environments, items of data bags.
use std::path::{Path, PathBuf};

use super::json::Document;
use crate::{
    Error, Fault, Result,
    host::{Entry, EntryKind, Probe},
    suggest,
};

/// So many names are listed in a hint.
const MOST_NAMES: usize = 20;

/// Links are followed so far.
const MOST_LINKS: usize = 8;

/// The directories that hold files of one sort; the first that has one counts.
pub(super) struct Folders<'f> {
    pub probe: &'f dyn Probe,
    pub directories: &'f [PathBuf],
    /// What such a file is called: `role`.
    pub word: &'static str,
}

impl Folders<'_> {
    /// The file of this name, when there is one.
    ///
    /// # Errors
    /// A name that is none, a file in Ruby, everything wrong with the file; or that a directory cannot be read.
    pub fn document(&self, name: &str) -> Result<Option<Document>> {
        check_name(self.word, name)?;
        for directory in self.directories {
            let path = directory.join(format!("{name}.json"));
            if let Some(bytes) = read(self.probe, &path)? {
                return Document::parse(path, bytes).map(Some).map_err(Error::Faults);
            }
            let ruby = directory.join(format!("{name}.rb"));
            if read(self.probe, &ruby)?.is_some() {
                return Err(in_ruby(self.word, name, &ruby).into());
            }
        }
        Ok(None)
    }

    /// Names of the files in all directories, sorted, each once.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for directory in self.directories {
            if is_directory(self.probe, directory)? {
                let files = self.probe.list(directory)?;
                names.extend(files.iter().filter_map(|name| name.to_str()?.strip_suffix(".json")).map(str::to_owned));
            }
        }
        Ok(sorted(names))
    }

    /// That there is no file of this name, with what there is.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn missing(&self, name: &str, setting: &str) -> Result<Fault> {
        Ok(missing(self.word, name, &self.names()?, self.directories, setting))
    }
}

/// That there is no file of this name, with what there is.
pub(super) fn missing(word: &str, name: &str, names: &[String], directories: &[PathBuf], setting: &str) -> Fault {
    let fault = among(Fault::new(format!("there is no {word} `{name}`")), name, names);
    looked(fault, &format!("{name}.json"), directories, setting)
}

/// That a file cannot be used.
pub(super) fn in_ruby(word: &str, name: &str, path: &Path) -> Fault {
    let fault = Fault::new(format!("`{}` is written in Ruby, which brasa does not run", path.display()));
    fault.hint(format!("write {word} `{name}` as JSON in `{}`", path.with_extension("json").display()))
}

/// `a` or `an`.
pub(super) fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Refuses what cannot be the name of a file.
pub(super) fn check_name(word: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        let fault = Fault::new(format!("`{}` is no name of {} {word}", name.escape_debug(), article(word)));
        return Err(fault.hint("a name is one of a file, without directories").into());
    }
    Ok(())
}

/// Adds which names there are: the nearest one, or else all.
pub(super) fn among(fault: Fault, name: &str, names: &[String]) -> Fault {
    if let Some(near) = suggest::nearest(name, names.iter().map(String::as_str)) {
        return fault.hint(format!("did you mean `{near}`?"));
    }
    if names.is_empty() {
        return fault;
    }
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    fault.hint(format!("there are {}", shown.join(", ")))
}

/// Adds where something was looked for, or which setting would say where.
pub(super) fn looked(fault: Fault, file: &str, directories: &[PathBuf], setting: &str) -> Fault {
    if directories.is_empty() {
        let folder = format!("{}s", setting.strip_suffix("_path").unwrap_or(setting));
        return fault.hint(format!("say in the settings where they are: `{setting} \"/var/chef-solo/{folder}\"`"));
    }
    let shown: Vec<String> = directories.iter().map(|path| format!("`{}`", path.display())).collect();
    fault.hint(format!("looked for `{file}` in {}", shown.join(", ")))
}

/// The bytes of a file, also behind links; `None` when there is no file.
pub(super) fn read(probe: &dyn Probe, path: &Path) -> Result<Option<Vec<u8>>> {
    let Some((path, Entry { kind: EntryKind::File { content }, .. })) = followed(probe, path)? else { return Ok(None) };
    let Some(bytes) = content.bytes() else {
        let fault = Fault::new(format!("`{}` is too large", path.display()));
        return Err(fault.hint("is it the right file?").into());
    };
    tracing::debug!("read `{}`", path.display());
    Ok(Some(bytes.to_vec()))
}

/// What is at a path, or where the links there lead, with the path of that.
pub(super) fn followed(probe: &dyn Probe, path: &Path) -> Result<Option<(PathBuf, Entry)>> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match probe.entry(&path)? {
            Some(Entry { kind: EntryKind::Link { target }, .. }) => {
                path = path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target));
            }
            Some(entry) => return Ok(Some((path, entry))),
            None => return Ok(None),
        }
    }
    Ok(None)
}

pub(super) fn is_directory(probe: &dyn Probe, path: &Path) -> Result<bool> {
    Ok(matches!(followed(probe, path)?, Some((_, Entry { kind: EntryKind::Directory, .. }))))
}

pub(super) fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}
