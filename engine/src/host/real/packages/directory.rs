use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Files in a directory, sorted; none when there is no such directory.
pub fn files_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io("list", directory)(error)),
    };
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(Error::io("list", directory))?;
    files.sort();
    Ok(files)
}

/// What is in a file; `None` when there is none, or nothing that this user may read. What is no text in it is in nobody's
/// way: package managers do not mind it in what they remember either.
pub fn text_of(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}
