//! Archives of cookbooks, roles and data: taken out whole or not at all, and never out of the directory they are put into.
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, Cursor, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink},
    path::{Component, Path, PathBuf},
};

use tar::EntryType;

use super::{disk, real::files::temporary_name};
use crate::{Error, Fault, Result, values::Blob};

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of the archive as it comes.
    pub packed: u64,
    /// Bytes of everything in it.
    pub unpacked: u64,
    /// Files, directories and links.
    pub entries: usize,
    /// Directories inside each other.
    pub depth: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { packed: 256 << 20, unpacked: 1 << 30, entries: 100_000, depth: 64 }
    }
}

/// What was taken out of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Files and links.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
}

/// What stands at a path of the archive.
#[derive(Clone, Debug)]
enum Piece {
    Directory,
    /// A file in the staging directory; whether it may be executed.
    File {
        staged: PathBuf,
        executable: bool,
    },
    Link(PathBuf),
}

/// Takes a tar archive, compressed with gzip or not, out into a directory, which is made when it is not there.
///
/// The whole archive is judged before anything in the directory is touched; then files take the places of those of the same name,
/// one by one. What is there beside them stays. Owners, times and special modes in the archive do not count.
///
/// # Errors
/// An absolute path, `..`, a link that leads out of the directory or through another link, a device or pipe, more than the bounds,
/// a damaged archive: nothing has been changed then. What the system refused; a link in the directory where the archive has a directory.
pub fn unpack(archive: &Blob, into: &Path, bounds: Bounds) -> Result<Unpacked> {
    if archive.size() > bounds.packed {
        return Err(too_much(format!("it has {} bytes, and {} are the most", archive.size(), bounds.packed)));
    }
    disk::create_dirs(into)?;
    let staging = into.join(temporary_name("unpack".as_ref()));
    DirBuilder::new().mode(0o700).create(&staging).map_err(Error::io("make the directory", &staging))?;
    let done = stage(archive, &staging, bounds).and_then(|(pieces, unpacked)| {
        place(&pieces, into)?;
        Ok(unpacked)
    });
    let cleared = fs::remove_dir_all(&staging).map_err(Error::io("remove", &staging));
    done.and_then(|unpacked| cleared.map(|()| unpacked))
}

/// Empties a directory that is about to be filled from an archive. Only one that looks like a repository of cookbooks.
///
/// # Errors
/// When it does not look like one; what the system refused.
pub fn empty_repository(directory: &Path) -> Result<()> {
    let names = disk::list(directory)?;
    let known = ["cookbooks", "site-cookbooks", "roles", "environments", "data_bags"];
    let real = disk::is_directory(directory) && directory.parent().is_some_and(|above| above.parent().is_some());
    if names.is_empty() {
        return Ok(());
    }
    if !real || !names.iter().any(|name| known.iter().any(|known| name == known)) {
        let message =
            format!("`{}` does not look like a repository of cookbooks, so it is not emptied", directory.display());
        return Err(Error::failed(message)
            .hint("it would have a directory `cookbooks`; empty it by hand if it is the right place"));
    }
    for name in names {
        let path = directory.join(name);
        let metadata = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
        let removed = if metadata.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

fn open(archive: &Blob) -> Result<Box<dyn Read + '_>> {
    let mut raw: Box<dyn Read + '_> = match (archive.bytes(), archive.path()) {
        (Some(bytes), _) => Box::new(Cursor::new(bytes)),
        (None, Some(path)) => Box::new(BufReader::new(File::open(path).map_err(Error::io("read", path))?)),
        (None, None) => return Err(Error::failed("the archive's content is not at hand")),
    };
    let mut magic = [0; 2];
    let mut got = 0;
    while got < 2 {
        match raw.read(&mut magic[got..]).map_err(damaged)? {
            0 => break,
            more => got += more,
        }
    }
    let whole = Cursor::new(magic).take(got as u64).chain(raw);
    Ok(if magic == [0x1f, 0x8b] { Box::new(flate2::read::MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

fn damaged(error: io::Error) -> Error {
    wrong(format!("it is damaged, or no tar archive: {error}"), "make it with `tar -czf FILE.tar.gz DIRECTORY`")
}

fn too_much(what: String) -> Error {
    wrong(format!("it is too large: {what}"), "is it the right archive? leave out what no recipe uses")
}

fn refused(path: &Path, why: &str) -> Error {
    wrong(format!("`{}` in it {why}", path.display()), "nothing of it was put in place")
}

/// The archive is wrong input: nothing has been changed.
fn wrong(message: String, hint: &str) -> Error {
    Error::Faults(vec![Fault::new(message).hint(hint)])
}

/// Reads the whole archive, its files into `staging`.
fn stage(archive: &Blob, staging: &Path, bounds: Bounds) -> Result<(BTreeMap<PathBuf, Piece>, Unpacked)> {
    // Headers come on top of contents: at most three blocks for each entry, and the name.
    let most = bounds.unpacked + bounds.entries as u64 * 8192;
    let mut tar = tar::Archive::new(open(archive)?.take(most));
    let mut pieces: BTreeMap<PathBuf, Piece> = BTreeMap::new();
    let mut unpacked = Unpacked::default();
    let mut count = 0;
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            continue;
        }
        count += 1;
        if count > bounds.entries {
            return Err(too_much(format!("it has more than {} entries", bounds.entries)));
        }
        let named = entry.path().map_err(damaged)?.into_owned();
        let path = inside(&named, bounds.depth)?;
        if path.as_os_str().is_empty() {
            continue; // the directory itself
        }
        let through =
            path.ancestors().skip(1).find(|above| !matches!(pieces.get(*above), None | Some(Piece::Directory)));
        if let Some(above) = through {
            return Err(refused(&path, &format!("goes through `{}`, which is no directory", above.display())));
        }
        let piece = match kind {
            EntryType::Directory => Piece::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let left = bounds.unpacked - unpacked.bytes;
                if entry.size() > left {
                    return Err(too_much(format!("more than {} bytes would be unpacked", bounds.unpacked)));
                }
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
                let staged = staging.join(count.to_string());
                unpacked.bytes += copy(&mut entry, &staged, executable, left)?;
                Piece::File { staged, executable }
            }
            EntryType::Link => {
                let target = entry.link_name().map_err(damaged)?.unwrap_or_default();
                let target = inside(&target, bounds.depth)?;
                let Some(Piece::File { staged: from, executable }) = pieces.get(&target).cloned() else {
                    return Err(refused(
                        &path,
                        &format!("is a hard link to `{}`, which is no file of it", target.display()),
                    ));
                };
                let staged = staging.join(count.to_string());
                let mut file = File::open(&from).map_err(Error::io("read", &from))?;
                unpacked.bytes += copy(&mut file, &staged, executable, bounds.unpacked - unpacked.bytes)?;
                Piece::File { staged, executable }
            }
            EntryType::Symlink => {
                let target = entry.link_name().map_err(damaged)?.unwrap_or_default().into_owned();
                stays_inside(&path, &target)?;
                Piece::Link(target)
            }
            _ => return Err(refused(&path, "is a device, a pipe or something else that is no file")),
        };
        if !matches!(piece, Piece::Directory) {
            unpacked.files += 1;
            if pieces.keys().any(|below| below != &path && below.starts_with(&path)) {
                return Err(refused(&path, "is a file and a directory"));
            }
        }
        pieces.insert(path, piece);
    }
    if count == 0 {
        return Err(wrong("it is empty".to_owned(), "make it with `tar -czf FILE.tar.gz DIRECTORY`"));
    }
    Ok((pieces, unpacked))
}

/// A path of an archive as one below the directory.
fn inside(named: &Path, depth: usize) -> Result<PathBuf> {
    let mut path = PathBuf::new();
    for component in named.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::Prefix(_) => return Err(refused(named, "is an absolute path")),
            Component::ParentDir => return Err(refused(named, "holds `..`")),
        }
    }
    if path.components().count() > depth {
        return Err(refused(named, &format!("lies more than {depth} directories deep")));
    }
    Ok(path)
}

/// Where a symbolic link leads: `..` only at its beginning, and not above the directory. Then it cannot leave it, whatever
/// other links stand in it.
fn stays_inside(link: &Path, target: &Path) -> Result<()> {
    let mut above = link.components().count() - 1;
    let mut down = false;
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => down = true,
            Component::ParentDir if !down && above > 0 => above -= 1,
            Component::ParentDir => return Err(refused(link, &format!("links to `{}`, out of it", target.display()))),
            Component::RootDir | Component::Prefix(_) => {
                return Err(refused(link, &format!("links to `{}`, an absolute path", target.display())));
            }
        }
    }
    if target.as_os_str().is_empty() { Err(refused(link, "is a link to nothing")) } else { Ok(()) }
}

fn copy(from: &mut impl Read, staged: &Path, executable: bool, most: u64) -> Result<u64> {
    let mode = if executable { 0o755 } else { 0o644 };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(staged).map_err(Error::io("write", staged))?;
    // What cannot be read is the archive's fault, what cannot be written the disk's: the first is far more likely.
    let written = io::copy(&mut from.take(most + 1), &mut file).map_err(damaged)?;
    if written > most {
        return Err(too_much("its files are larger than it says".to_owned()));
    }
    file.sync_data().map_err(Error::io("write", staged))?;
    Ok(written)
}

/// Puts everything in its place. Directories come before what is in them, as their paths sort before.
fn place(pieces: &BTreeMap<PathBuf, Piece>, into: &Path) -> Result<()> {
    let mut made: HashSet<PathBuf> = HashSet::new();
    for (path, piece) in pieces {
        let above: Vec<_> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
        for above in above.into_iter().rev() {
            if made.insert(above.to_path_buf()) {
                directory(&into.join(above))?;
            }
        }
        let target = into.join(path);
        match piece {
            Piece::Directory => {
                if made.insert(path.clone()) {
                    directory(&target)?;
                }
            }
            Piece::File { staged, .. } => {
                fs::rename(staged, &target).map_err(Error::io("write", &target))?;
            }
            Piece::Link(to) => {
                match fs::symlink_metadata(&target) {
                    Ok(there) if there.is_dir() => return Err(in_the_way(&target, "a directory")),
                    Ok(_) => fs::remove_file(&target).map_err(Error::io("remove", &target))?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Error::io("look at", &target)(error)),
                }
                symlink(to, &target).map_err(Error::io("link", &target))?;
            }
        }
    }
    Ok(())
}

fn directory(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(there) => Err(in_the_way(path, if there.is_symlink() { "a link" } else { "a file" })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o755).create(path).map_err(Error::io("make the directory", path))
        }
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

fn in_the_way(path: &Path, what: &str) -> Error {
    Error::failed(format!("{what} is in the way at `{}`", path.display()))
        .hint("remove it, or unpack into another directory")
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, path::Path};

    use tar::{Builder, EntryType, Header};
    use tempfile::TempDir;

    use super::{Bounds, Unpacked, empty_repository, unpack};
    use crate::{Result, values::Blob};

    enum Item<'a> {
        File(&'a str, &'a str),
        Link(&'a str, &'a str),
        Hard(&'a str, &'a str),
        Other(&'a str, EntryType),
    }

    /// An archive, with names that its builder would refuse.
    fn archive(items: &[Item]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for item in items {
            let (name, kind, target, content) = match item {
                Item::File(name, content) => (*name, EntryType::Regular, "", *content),
                Item::Link(name, target) => (*name, EntryType::Symlink, *target, ""),
                Item::Hard(name, target) => (*name, EntryType::Link, *target, ""),
                Item::Other(name, kind) => (*name, *kind, "", ""),
            };
            let mut header = Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(0o4755);
            header.set_size(content.len() as u64);
            let old = header.as_old_mut();
            old.name[..name.len()].copy_from_slice(name.as_bytes());
            old.linkname[..target.len()].copy_from_slice(target.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn compressed(bytes: &[u8]) -> Blob {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        Blob::from(encoder.finish().unwrap())
    }

    fn taken_out(items: &[Item], into: &Path) -> Result<Unpacked> {
        unpack(&compressed(&archive(items)), into, Bounds::default())
    }

    fn names(place: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(place)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_repository_comes_out_and_what_was_there_stays() {
        use std::os::unix::fs::PermissionsExt;
        let place = TempDir::new().unwrap();
        let into = place.path().join("repo");
        fs::create_dir_all(into.join("cookbooks/app")).unwrap();
        fs::write(into.join("cookbooks/app/old"), "old").unwrap();
        fs::write(into.join("solo.rb"), "mine").unwrap();
        let items = [
            Item::Other("./", EntryType::Directory),
            Item::Other("cookbooks/", EntryType::Directory),
            Item::File("./cookbooks/app/old", "new"),
            Item::File("cookbooks/app/recipes/default.yml", "resources: []\n"),
            Item::Link("cookbooks/app/current", "recipes/default.yml"),
            Item::Link("cookbooks/site", "../cookbooks/app"),
            Item::Hard("cookbooks/app/same", "cookbooks/app/old"),
        ];
        let unpacked = taken_out(&items, &into).unwrap();
        assert_eq!(unpacked, Unpacked { files: 5, bytes: 20 });
        assert_eq!(fs::read_to_string(into.join("cookbooks/app/old")).unwrap(), "new");
        assert_eq!(fs::read_to_string(into.join("cookbooks/app/same")).unwrap(), "new");
        assert_eq!(fs::read_to_string(into.join("cookbooks/site/current")).unwrap(), "resources: []\n");
        assert_eq!(fs::read_to_string(into.join("solo.rb")).unwrap(), "mine");
        let mode = fs::metadata(into.join("cookbooks/app/old")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7000, 0, "no special modes");
        assert_eq!(names(&into), ["cookbooks", "solo.rb"], "nothing is left of the staging");
        taken_out(&items, &into).unwrap();
        assert_eq!(unpack(&Blob::from(archive(&items)), &into, Bounds::default()).unwrap(), unpacked);
    }

    #[test]
    fn what_leads_out_is_refused_and_nothing_is_touched() {
        let good = || Item::File("cookbooks/good", "good");
        let cases: Vec<(Vec<Item>, &str)> = vec![
            (vec![good(), Item::File("/etc/cron.d/x", "x")], "absolute path"),
            (vec![good(), Item::File("cookbooks/../../x", "x")], "holds `..`"),
            (vec![good(), Item::Link("cookbooks/x", "/etc")], "absolute path"),
            (vec![good(), Item::Link("cookbooks/x", "../../etc")], "out of it"),
            (vec![Item::Link("a", "b/c/up"), Item::Link("b/c/up", "../.."), Item::Link("x", "b/c/up/..")], "out of it"),
            (vec![good(), Item::Link("cookbooks/x", "d"), Item::File("cookbooks/x/y", "x")], "goes through"),
            (vec![good(), Item::File("cookbooks/good/y", "x")], "goes through"),
            (vec![Item::File("a/b", "x"), Item::Link("a", "b")], "a file and a directory"),
            (vec![good(), Item::Hard("x", "/etc/shadow")], "absolute path"),
            (vec![good(), Item::Hard("x", "cookbooks/absent")], "no file of it"),
            (vec![good(), Item::Other("x", EntryType::Char)], "device"),
            (vec![good(), Item::Other("x", EntryType::Block)], "device"),
            (vec![good(), Item::Other("x", EntryType::Fifo)], "pipe"),
            (vec![good(), Item::Link("x", "")], "link to nothing"),
            (vec![], "empty"),
        ];
        for (items, why) in cases {
            let place = TempDir::new().unwrap();
            let error = taken_out(&items, place.path()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}: {why}");
            assert_eq!(names(place.path()), [""; 0], "{why}");
        }
    }

    #[test]
    fn a_link_that_stands_there_is_not_followed() {
        let (place, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), place.path().join("cookbooks")).unwrap();
        let error = taken_out(&[Item::File("cookbooks/x", "x")], place.path()).unwrap_err().to_string();
        assert!(error.contains("a link is in the way"), "{error}");
        assert_eq!(names(elsewhere.path()), [""; 0]);
    }

    #[test]
    fn what_is_too_large_or_damaged_is_refused() {
        let place = TempDir::new().unwrap();
        let bounds = Bounds { packed: 4096, unpacked: 10_000, entries: 3, depth: 2 };
        let zeros = "0".repeat(20_000);
        let refused =
            |items: &[Item]| unpack(&compressed(&archive(items)), place.path(), bounds).unwrap_err().to_string();
        assert!(refused(&[Item::File("bomb", &zeros)]).contains("more than 10000 bytes"));
        assert!(refused(&[Item::File("a/b/c", "x")]).contains("more than 2 directories deep"));
        let many = [Item::File("a", ""), Item::File("b", ""), Item::File("c", ""), Item::File("d", "")];
        assert!(refused(&many).contains("more than 3 entries"));
        let large = Blob::from(vec![0; 5000]);
        assert!(unpack(&large, place.path(), bounds).unwrap_err().to_string().contains("5000 bytes"));
        let whole = compressed(&archive(&[Item::File("a", &zeros)]));
        let bytes = whole.bytes().unwrap();
        for damaged in
            [&bytes[..bytes.len() / 2], b"no archive at all, only text that is a bit longer", b"\x1f\x8b", b""]
        {
            let error = unpack(&Blob::from(damaged.to_vec()), place.path(), Bounds::default());
            assert!(error.is_err(), "{damaged:?}");
        }
        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn only_a_repository_is_emptied() {
        let place = TempDir::new().unwrap();
        let repository = place.path().join("repo");
        empty_repository(&repository).unwrap();
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("precious"), "x").unwrap();
        assert!(empty_repository(&repository).unwrap_err().to_string().contains("does not look like"));
        fs::create_dir(repository.join("cookbooks")).unwrap();
        empty_repository(&repository).unwrap();
        assert_eq!(names(&repository), [""; 0]);
        assert!(empty_repository(Path::new("/")).is_err());
    }
}
