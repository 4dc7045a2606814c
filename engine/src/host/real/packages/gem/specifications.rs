use std::path::{Path, PathBuf};

use super::super::directory::files_in;
use crate::Result;
use crate::host::versions::gem::compare;

/// Directories of installed gems' specifications for the platform's own Ruby, without asking it: starting Ruby costs
/// more than everything else that a run without changes does.
///
/// Source: Debian's `rubygems-integration` package, Fedora's `rubygems` package, Ruby's own defaults.
pub fn platform_directories(root: &Path) -> Result<Vec<PathBuf>> {
    const PARENTS: [&str; 5] = [
        "usr/share/rubygems-integration",
        "var/lib/gems",
        "usr/lib/ruby/gems",
        "usr/lib64/ruby/gems",
        "usr/share/ruby/gems",
    ];
    const HOMES: [&str; 3] = ["usr/share/gems", "usr/local/share/gems", "usr/lib64/gems"];
    let version = ruby_version(root);
    let mut homes: Vec<PathBuf> = HOMES.iter().map(|home| root.join(home)).collect();
    let mut parents: Vec<PathBuf> = PARENTS.iter().map(|parent| root.join(parent)).collect();
    // Gems with compiled parts, below the name of the architecture.
    parents
        .extend(files_in(&root.join("usr/lib"))?.into_iter().map(|directory| directory.join("rubygems-integration")));
    for parent in parents {
        homes.extend(files_in(&parent)?.into_iter().filter(|home| {
            let name = home.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name == "all" || version.as_deref().is_none_or(|version| same_series(name, version))
        }));
    }
    Ok(homes.iter().flat_map(|home| specifications_of(home)).collect())
}

/// The two directories in a gem home.
pub fn specifications_of(home: &Path) -> [PathBuf; 2] {
    [home.join("specifications"), home.join("specifications/default")]
}

/// `3.1`, by the link that Debian's `ruby` is; `None` where there is but one Ruby anyway.
fn ruby_version(root: &Path) -> Option<String> {
    let target = std::fs::read_link(root.join("usr/bin/ruby")).ok()?;
    let version = target.file_name()?.to_str()?.strip_prefix("ruby")?.to_owned();
    (!version.is_empty()).then_some(version)
}

/// Whether a directory's name (`3.1`, `3.1.0`) is of the series `3.1`.
fn same_series(name: &str, series: &str) -> bool {
    name.strip_prefix(series).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// File names of all specifications in the directories, without their ending.
pub fn read(directories: &[PathBuf]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for directory in directories {
        all.extend(files_in(directory)?.iter().filter_map(|path| {
            path.file_name().and_then(|name| name.to_str()?.strip_suffix(".gemspec")).map(ToOwned::to_owned)
        }));
    }
    Ok(all)
}

/// Versions of a gem among the specifications, oldest first.
pub fn versions(specifications: &[String], name: &str) -> Vec<String> {
    let mut versions: Vec<String> = specifications
        .iter()
        .filter_map(|file| version(file.strip_prefix(name)?.strip_prefix('-')?))
        .map(ToOwned::to_owned)
        .collect();
    versions.sort_by(|a, b| compare(a, b).then_with(|| a.cmp(b)));
    versions.dedup();
    versions
}

/// The version in `VERSION[-PLATFORM]`; `None` when it is the rest of a longer name (`rack` in `rack-test-2.1.0`).
fn version(text: &str) -> Option<&str> {
    let (version, platform) =
        text.split_once('-').map_or((text, None), |(version, platform)| (version, Some(platform)));
    let number = version.bytes().next()?.is_ascii_digit()
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let platform = platform.is_none_or(|platform| platform.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    // A name may hold a number of its own (`net-2-http-1.0`): what follows a platform is never a version.
    let last = text.rsplit('-').next()?;
    let tail_is_version = last != version && last.contains('.') && last.bytes().next()?.is_ascii_digit();
    (number && platform && !tail_is_version).then_some(version)
}

/// Name and version of every specification; where several splits are possible the first that makes sense.
pub fn split(file: &str) -> Option<(&str, &str)> {
    file.match_indices('-').find_map(|(at, _)| Some((&file[..at], version(&file[at + 1..])?)))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::{platform_directories, read, split, versions};

    #[test]
    fn names_and_versions_are_told_apart() {
        let files: Vec<String> = [
            "rack-2.2.9",
            "rack-2.2.10",
            "rack-3.0.0.rc1",
            "rack-3.0.0",
            "rack-test-2.1.0",
            "nokogiri-1.15.4-x86_64-linux",
            "net-ssh-7.0.1",
            "foo-2-1.0",
            "rack-2.2.9",
        ]
        .map(ToOwned::to_owned)
        .into();
        assert_eq!(versions(&files, "rack"), ["2.2.9", "2.2.10", "3.0.0.rc1", "3.0.0"]);
        assert_eq!(versions(&files, "rack-test"), ["2.1.0"]);
        assert_eq!(versions(&files, "nokogiri"), ["1.15.4"]);
        assert_eq!(versions(&files, "net-ssh"), ["7.0.1"]);
        assert_eq!(versions(&files, "net"), [""; 0]);
        assert_eq!(versions(&files, "foo"), [""; 0]);
        assert_eq!(versions(&files, "foo-2"), ["1.0"]);
        assert_eq!(split("nokogiri-1.15.4-x86_64-linux"), Some(("nokogiri", "1.15.4")));
        assert_eq!(split("rack-test-2.1.0"), Some(("rack-test", "2.1.0")));
    }

    #[test]
    fn only_the_current_series_of_ruby_counts() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        for path in [
            "var/lib/gems/3.1.0/specifications/new-1.0.gemspec",
            "var/lib/gems/2.7.0/specifications/old-1.0.gemspec",
            "usr/share/rubygems-integration/all/specifications/rake-13.0.6.gemspec",
            "usr/share/rubygems-integration/3.1.0/specifications/some-1.gemspec",
            "usr/lib/x86_64-linux-gnu/rubygems-integration/3.1.0/specifications/msgpack-1.4.2.gemspec",
            "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec",
            "usr/share/gems/specifications/other-5.0.gemspec",
        ] {
            put(path);
        }
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        symlink("ruby3.1", root.path().join("usr/bin/ruby")).unwrap();
        let mut found = read(&platform_directories(Path::new(root.path())).unwrap()).unwrap();
        found.sort();
        assert_eq!(found, ["json-2.6.1", "msgpack-1.4.2", "new-1.0", "other-5.0", "rake-13.0.6", "some-1"]);
    }
}
