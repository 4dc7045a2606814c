use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// A private directory of brasa's own.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Opens it, making it (0700) with its missing parents when it is not there. One that is there keeps its mode: it may be
    /// somebody else's.
    ///
    /// # Errors
    /// When it is a link or no directory, or belongs to somebody else, who could then rewrite what is kept in it.
    pub fn private(path: impl Into<PathBuf>) -> Result<Self> {
        let directory = Self { path: path.into() };
        make(&directory.path)?;
        directory.mode()?;
        Ok(directory)
    }

    /// Takes wider permissions away. Only for a directory that is known to be ours.
    ///
    /// # Errors
    /// What the system refused.
    pub fn close(&self) -> Result<()> {
        if self.mode()? & 0o077 == 0 {
            return Ok(());
        }
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))
            .map_err(Error::io("set the mode of", &self.path))
    }

    /// Opens it for reading; `None` when there is none.
    ///
    /// # Errors
    /// As [`Directory::private`].
    pub fn existing(path: impl Into<PathBuf>) -> Result<Option<Self>> {
        let directory = Self { path: path.into() };
        match fs::symlink_metadata(&directory.path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("look at", &directory.path)(error)),
        }
        directory.mode()?;
        Ok(Some(directory))
    }

    /// Its permission bits; that it is a directory and belongs to us is insisted on.
    ///
    /// # Errors
    /// As [`Directory::private`].
    pub fn mode(&self) -> Result<u32> {
        let found = fs::symlink_metadata(&self.path).map_err(Error::io("look at", &self.path))?;
        let shown = self.path.display();
        if !found.is_dir() {
            return Err(Error::failed(format!("`{shown}` is no directory, so nothing can be kept in it"))
                .hint(format!("move it away, or keep the state elsewhere than in `{shown}`")));
        }
        let me = rustix::process::geteuid().as_raw();
        if found.uid() != me && me != 0 || me == 0 && found.uid() != 0 {
            let owner = found.uid();
            return Err(Error::failed(format!(
                "`{shown}` belongs to user number {owner}, not to {me} who runs this: what is kept in it cannot be trusted"
            ))
            .hint(format!("run as its owner, or `chown {me}` it if its content is known to be good")));
        }
        Ok(found.mode() & 0o7777)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names in it, sorted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(Error::io("read", &self.path))? {
            let entry = entry.map_err(Error::io("read", &self.path))?;
            // Names of ours are plain text: another one is somebody else's.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a whole file of ours; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Reads the last `bytes` of a file of ours, and says whether that is all of it; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_end(&self, name: impl AsRef<Path>, bytes: u64) -> Result<Option<(Vec<u8>, bool)>> {
        use std::io::{Read, Seek, SeekFrom};
        let path = self.path.join(name);
        let mut file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let mut read = || {
            let start = file.metadata()?.len().saturating_sub(bytes);
            file.seek(SeekFrom::Start(start))?;
            let mut end = Vec::new();
            file.read_to_end(&mut end)?;
            Ok((end, start == 0))
        };
        read().map(Some).map_err(Error::io("read", &path))
    }
}

/// Makes a directory (0700) with its missing parents; one that is there is left as it is.
///
/// # Errors
/// What the system refused.
pub fn make(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).create(parent).map_err(Error::io("make directory", parent))?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::io("make directory", path)(error)),
    }
}
