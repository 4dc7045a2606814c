//! Configuration files that a package manager leaves beside the one in use, for the administrator to look at.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use crate::host::config_leftover;

/// Every such file below `/etc`. What cannot be read has none.
pub fn find(root: &Path) -> BTreeSet<PathBuf> {
    let files = WalkDir::new(root.join("etc")).into_iter().filter_map(Result::ok);
    let is_one = |path: &Path| config_leftover(&path.file_name().unwrap_or_default().to_string_lossy()).is_some();
    files.map(walkdir::DirEntry::into_path).filter(|path| is_one(path)).collect()
}

/// What to say of one that is new.
pub fn sentence(path: &Path) -> String {
    let shown = path.display().to_string();
    match config_leftover(&shown) {
        Some((file, false)) => {
            format!("`{file}` is the package's now: what was there is `{shown}`, compare them")
        }
        Some((file, true)) => {
            format!("`{file}` was changed on this machine and is kept: the package's own is `{shown}`, compare them")
        }
        None => format!("`{shown}` is new"),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{find, sentence};

    #[test]
    fn they_are_found_anywhere_below_etc() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/a/b")).unwrap();
        for name in ["etc/a/b/x.conf.dpkg-dist", "etc/y.rpmsave", "etc/a/x.conf", "etc/dpkg-dist"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        let found: Vec<_> = find(root.path()).into_iter().collect();
        assert_eq!(found, ["etc/a/b/x.conf.dpkg-dist", "etc/y.rpmsave"].map(|name| root.path().join(name)));
        assert!(find(Path::new("/no/such/root")).is_empty());
    }

    #[test]
    fn it_is_said_which_is_in_use() {
        assert_eq!(
            sentence(Path::new("/etc/x.rpmnew")),
            "`/etc/x` was changed on this machine and is kept: the package's own is `/etc/x.rpmnew`, compare them"
        );
        assert_eq!(
            sentence(Path::new("/etc/x.dpkg-old")),
            "`/etc/x` is the package's now: what was there is `/etc/x.dpkg-old`, compare them"
        );
    }
}
