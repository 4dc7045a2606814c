//! Services are not started while packages are installed into another root: `policy-rc.d` says so to their scripts.
use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Where `invoke-rc.d` asks. Source: invoke-rc.d(8).
const PATH: &str = "usr/sbin/policy-rc.d";

/// Who asks.
const ASKER: &str = "usr/sbin/invoke-rc.d";

/// Says no to everything. By its comment one that a killed run left is known.
const TEXT: &str = "#!/bin/sh\n# Of brasa: nothing is started while packages are installed into this root.\nexit 101\n";

/// There as long as it lives.
pub struct Policy(Option<PathBuf>);

impl Policy {
    /// Puts it into a root that is not the one that runs, unless that has one of its own. One that a killed run left goes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hold(root: &Path, another: bool) -> Result<Self> {
        let path = root.join(PATH);
        let own = fs::read_to_string(&path).is_ok_and(|text| text == TEXT);
        if own {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        if !another || !root.join(ASKER).exists() {
            return Ok(Self(None));
        }
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path) {
            Ok(mut file) => {
                file.write_all(TEXT.as_bytes()).map_err(Error::io("write", &path))?;
                Ok(Self(Some(path)))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self(None)),
            Err(error) => Err(Error::io("write", path)(error)),
        }
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!("`{}` keeps services from starting and cannot be removed: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{ASKER, PATH, Policy, TEXT};

    #[test]
    fn it_is_there_as_long_as_it_is_needed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(PATH);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(root.path().join(ASKER), "").unwrap();
        let held = Policy::hold(root.path(), true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        drop(held);
        assert!(!path.exists());
        drop(Policy::hold(root.path(), false).unwrap());
        assert!(!path.exists());
        // One that a killed run left goes, also when the system runs by now.
        for another in [true, false] {
            fs::write(&path, TEXT).unwrap();
            drop(Policy::hold(root.path(), another).unwrap());
            assert!(!path.exists());
        }
        // The administrator's own stays.
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        drop(Policy::hold(root.path(), true).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
    }
}
