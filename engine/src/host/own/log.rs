use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// A file that only grows: lines are appended in one write each, and made durable on demand.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// Whether a line was appended since the last sync.
    dirty: bool,
}

impl Log {
    /// Makes a new one.
    ///
    /// # Errors
    /// When it is there already, or cannot be made.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = private_file(&path, true).map_err(Error::io("make", &path))?;
        Ok(Self { path, file, dirty: false })
    }

    /// Opens one to append to, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn append_to(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let file = opened.map_err(Error::io("open", &path))?;
        Ok(Self { path, file, dirty: false })
    }

    /// Appends whole lines (each ending in a line feed).
    ///
    /// # Errors
    /// When not all of it could be written; what was is cut off again, so that no half line stays.
    pub fn append(&mut self, lines: &[u8]) -> Result<()> {
        let written = self.file.metadata().and_then(|before| {
            self.dirty = true;
            self.file.write_all(lines).inspect_err(|_| {
                // The error reported is the one of the write; a half line that stays is dropped when read.
                if let Err(error) = self.file.set_len(before.len()) {
                    tracing::warn!("a half line stays in `{}`: {error}", self.path.display());
                }
            })
        });
        written.map_err(Error::io("write", &self.path))
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn sync(&mut self) -> Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        }
        Ok(())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

pub(super) fn private_file(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    if new {
        options.append(true).create_new(true)
    } else {
        options.write(true).create(true).truncate(true)
    };
    options.open(path)
}
