use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::directory::files_in;
use crate::{
    Error, Result,
    values::{Digest, Seconds},
};

/// Where a package manager keeps its lists, and what decides which lists there should be.
#[derive(Debug)]
pub struct Lists {
    /// The name of our own stamp in the engine's state directory. apt keeps none: the times of its lists are the
    /// server's, and stay as they are when nothing is new there.
    pub stamp: &'static str,
    /// Files, and directories of files, that name the sources.
    pub sources: &'static [&'static str],
    /// When the system itself has refreshed them, as far as it tells.
    pub hook: fn(&Path) -> Result<Option<SystemTime>>,
    /// Whether each source has lists of its own that may be missing: that there are some says nothing of the others until
    /// all were fetched once.
    pub in_parts: bool,
    /// Whether there is any list.
    pub any: fn(&Path) -> Result<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    /// Seconds since 1970.
    refreshed: u64,
    /// The files with the sources that were asked, and what was in them.
    sources: BTreeMap<PathBuf, Digest>,
}

/// Seconds since the lists were refreshed. `None` asks for a refresh: there are no lists (images ship none), nobody
/// knows how old they are, they are of the future (the clock was wrong), or the sources have changed since.
pub fn age(lists: &Lists, root: &Path, state: &Path, now: SystemTime) -> Result<Option<Seconds>> {
    if !(lists.any)(root)? {
        return Ok(None);
    }
    let stamp: Option<Stamp> = read_stamp(&state.join(lists.stamp))?;
    let mut newest = None;
    if let Some(stamp) = stamp
        && covers(&stamp, lists, root, state)?
    {
        newest = Some(UNIX_EPOCH + Duration::from_secs(stamp.refreshed));
    }
    let hook = (lists.hook)(root)?;
    if let Some(hook) = hook
        && changed(lists, root)?.is_none_or(|changed| changed <= hook)
    {
        newest = newest.max(Some(hook));
    }
    Ok(newest.and_then(|newest| now.duration_since(newest).ok()).map(|age| Seconds(age.as_secs())))
}

/// Whether the lists of every source are there: those of the stamp, and those that were fetched by themselves since.
fn covers(stamp: &Stamp, lists: &Lists, root: &Path, state: &Path) -> Result<bool> {
    for (source, digest) in sources(lists, root)? {
        if stamp.sources.get(&source) != Some(&digest) && !is_fetched(root, state, &source)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes that the lists have just been refreshed.
pub fn stamp(lists: &Lists, root: &Path, state: &Path, now: SystemTime) -> Result<()> {
    let stamp = Stamp {
        refreshed: now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        sources: sources(lists, root)?,
    };
    let text = serde_json::to_vec(&stamp).expect("a number and a digest can always be written as JSON");
    keep(state, lists.stamp, &text)
}

fn keep(state: &Path, name: &str, text: &[u8]) -> Result<()> {
    fs::create_dir_all(state).map_err(Error::io("make the directory", state))?;
    // Another name first, so that a reader never sees half a stamp; the name is ours alone below our directory.
    let draft = state.join(format!("{name}.{}", std::process::id()));
    let mut file = fs::File::create(&draft).map_err(Error::io("create", &draft))?;
    file.write_all(text).map_err(Error::io("write", &draft))?;
    fs::rename(&draft, state.join(name)).map_err(Error::io("rename", &draft))
}

/// Our record of the sources whose lists were fetched one by one.
const FETCHED: &str = "package-sources.json";

/// A source whose lists were fetched.
#[derive(Debug, Serialize, Deserialize)]
struct Fetched {
    /// Of its file and its keys, as they were then.
    digest: Digest,
    /// The lists.
    files: Vec<PathBuf>,
}

/// Notes that the lists of one source have just been fetched into `files`.
pub fn fetched(root: &Path, state: &Path, source: &Path, files: Vec<PathBuf>) -> Result<()> {
    let Some(digest) = source_digest(root, source)? else { return Ok(()) };
    let mut all: BTreeMap<PathBuf, Fetched> = read_stamp(&state.join(FETCHED))?.unwrap_or_default();
    all.retain(|source, _| inside(root, source).exists());
    all.insert(source.to_owned(), Fetched { digest, files });
    keep(state, FETCHED, &serde_json::to_vec(&all).expect("digests and the paths of a source can be written as JSON"))
}

/// Whether the lists of a source were fetched as it is now, and are there.
pub fn is_fetched(root: &Path, state: &Path, source: &Path) -> Result<bool> {
    let all: BTreeMap<PathBuf, Fetched> = read_stamp(&state.join(FETCHED))?.unwrap_or_default();
    let Some(known) = all.get(source) else { return Ok(false) };
    // Links too: apt keeps no copy of the lists of a directory on this machine.
    let there = |file: &PathBuf| fs::symlink_metadata(inside(root, file)).is_ok();
    Ok(source_digest(root, source)? == Some(known.digest) && known.files.iter().all(there))
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Of the file of a source, with the keys that it names by path.
fn source_digest(root: &Path, source: &Path) -> Result<Option<Digest>> {
    let Some(text) = content(&inside(root, source))? else { return Ok(None) };
    let mut hasher = Sha256::new();
    let said = String::from_utf8_lossy(&text);
    let keys = said.lines().filter_map(|line| line.strip_prefix("Signed-By:")).flat_map(str::split_whitespace);
    for key in keys.filter(|key| key.starts_with('/')) {
        hasher.update(content(&inside(root, Path::new(key)))?.unwrap_or_default());
    }
    hasher.update(&text);
    Ok(Some(Digest::from_raw(hasher.finalize().into())))
}

fn read_stamp<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        // A stamp that is not understood is none: the lists are refreshed and it is written again.
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        // Whoever may not read it does not know how old the lists are.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// The files with sources, as paths of the machine, and what is in them.
fn sources(lists: &Lists, root: &Path) -> Result<BTreeMap<PathBuf, Digest>> {
    let mut found = BTreeMap::new();
    for path in lists.sources {
        let path = root.join(path);
        for file in files_in(&path)?.into_iter().chain([path]) {
            let Some(content) = content(&file)? else { continue };
            let name = Path::new("/").join(file.strip_prefix(root).unwrap_or(&file));
            found.insert(name, Digest::of(&content));
        }
    }
    Ok(found)
}

/// When the newest of the sources was changed.
fn changed(lists: &Lists, root: &Path) -> Result<Option<SystemTime>> {
    let mut newest = None;
    for path in lists.sources {
        let path = root.join(path);
        for file in files_in(&path)?.into_iter().chain([path]) {
            newest = newest.max(modified(&file)?);
        }
    }
    Ok(newest)
}

fn content(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        // Whoever plans without being root knows of it what was known when it was fetched.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// When a file was changed; `None` when there is none.
pub fn modified(path: &Path) -> Result<Option<SystemTime>> {
    match fs::metadata(path).and_then(|data| data.modified()) {
        Ok(time) => Ok(Some(time)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        time::{Duration, SystemTime},
    };

    use super::{super::apt::LISTS, age, fetched, is_fetched, stamp};
    use crate::values::Seconds;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "etc/apt/sources.list.d/debian.sources", "Types: deb\n");
        put(root.path(), "var/lib/apt/lists/mirror_dists_x_binary-amd64_Packages.lz4", "");
        root
    }

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn lists_of_unknown_age_ask_for_a_refresh() {
        let (root, state) = (root(), tempfile::tempdir().unwrap());
        assert_eq!(age(&LISTS, root.path(), state.path(), SystemTime::now()).unwrap(), None);
    }

    #[test]
    fn our_own_stamp_gives_the_age() {
        let (root, state) = (root(), tempfile::tempdir().unwrap());
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        stamp(&LISTS, root.path(), &state.path().join("deep/er"), then).unwrap();
        stamp(&LISTS, root.path(), state.path(), then).unwrap();
        let at = |seconds| age(&LISTS, root.path(), state.path(), then + Duration::from_secs(seconds)).unwrap();
        assert_eq!(at(0), Some(Seconds(0)));
        assert_eq!(at(90), Some(Seconds(90)));
        assert_eq!(
            age(&LISTS, root.path(), state.path(), then - Duration::from_secs(1)).unwrap(),
            None,
            "a stamp of the future"
        );
        put(root.path(), "etc/apt/sources.list.d/more.sources", "Types: deb\n");
        assert_eq!(at(90), None, "other sources");
        fs::remove_file(root.path().join("etc/apt/sources.list.d/more.sources")).unwrap();
        assert_eq!(at(90), Some(Seconds(90)));
        fs::remove_dir_all(root.path().join("var/lib/apt/lists")).unwrap();
        assert_eq!(at(90), None, "no lists");
    }

    #[test]
    fn the_stamp_of_the_system_counts_unless_the_sources_are_newer() {
        let (root, state) = (root(), tempfile::tempdir().unwrap());
        put(root.path(), "var/lib/apt/periodic/update-success-stamp", "");
        let soon = SystemTime::now() + Duration::from_secs(100);
        let seconds = age(&LISTS, root.path(), state.path(), soon).unwrap().unwrap().0;
        assert!((99..=101).contains(&seconds), "{seconds}");
        let file =
            fs::File::options().write(true).open(root.path().join("etc/apt/sources.list.d/debian.sources")).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(50)).unwrap();
        assert_eq!(age(&LISTS, root.path(), state.path(), soon).unwrap(), None);
    }

    #[test]
    fn a_source_counts_as_fetched_until_it_its_key_or_its_lists_change() {
        let (root, state) = (root(), tempfile::tempdir().unwrap());
        let (source, key, list) =
            ("etc/apt/sources.list.d/x.sources", "etc/apt/keyrings/x.asc", "var/lib/apt/lists/x_Packages");
        let path = |path: &str| Path::new("/").join(path);
        let known = || is_fetched(root.path(), state.path(), &path(source)).unwrap();
        let fetch = || fetched(root.path(), state.path(), &path(source), vec![path(list)]).unwrap();
        assert!(!known(), "it is not there");
        for (changed, text) in
            [(source, "Types: deb\nSigned-By: /etc/apt/keyrings/x.asc\n"), (key, "one"), (key, "two")]
        {
            put(root.path(), changed, text);
            put(root.path(), list, "");
            assert!(!known(), "{changed} is new");
            fetch();
            assert!(known(), "{changed}");
        }
        fs::remove_file(root.path().join(list)).unwrap();
        assert!(!known(), "its lists are gone");
        put(root.path(), list, "");
        fs::remove_file(root.path().join(source)).unwrap();
        assert!(!known(), "it is gone");
    }
}
