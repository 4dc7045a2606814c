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
        if found.uid() != me { Err(foreign(&self.path, found.uid(), me)) } else { Ok(found.mode() & 0o7777) }
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

/// What is in a directory of `owner` cannot be trusted by `me`, and whoever is not root has no right to take it either.
fn foreign(path: &Path, owner: u32, me: u32) -> Error {
    let shown = path.display();
    let named = |user: u32| if user == 0 { "root".to_owned() } else { format!("user number {user}") };
    let hint = match (owner, me) {
        (0, _) => "run it as root (`sudo`)".to_owned(),
        (_, 0) => format!("run it as its owner, or `chown root {shown}` if its content is known to be good"),
        (_, _) => "run it as its owner, or name a directory of yours".to_owned(),
    };
    let sentence = match me {
        0 => format!("`{shown}` belongs to {}, not to root who runs this: its content cannot be trusted", named(owner)),
        _ => format!("`{shown}` belongs to {}, and {} who runs this may not use it", named(owner), named(me)),
    };
    Error::failed(sentence).hint(hint)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::foreign;

    #[test]
    fn only_root_is_told_to_take_what_is_not_its_own() {
        let told = |owner, me| {
            let error = foreign(Path::new("/var/lib/brasa"), owner, me);
            format!("{error}\n{}", error.hints().join("\n"))
        };
        insta::assert_snapshot!([told(0, 65534), told(1000, 0), told(1000, 65534)].join("\n"), @"
        `/var/lib/brasa` belongs to root, and user number 65534 who runs this may not use it
        run it as root (`sudo`)
        `/var/lib/brasa` belongs to user number 1000, not to root who runs this: its content cannot be trusted
        run it as its owner, or `chown root /var/lib/brasa` if its content is known to be good
        `/var/lib/brasa` belongs to user number 1000, and user number 65534 who runs this may not use it
        run it as its owner, or name a directory of yours
        ");
    }
}
