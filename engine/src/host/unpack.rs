//! Archives of cookbooks, roles and data: taken out whole or not at all, and never out of the directory they are put into.
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use super::{
    archive::{Bounds, Contents, Piece, contents},
    disk,
    real::files::{copy_content, temporary_name},
};
use crate::{Error, Result, values::Blob};

/// What was taken out of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Files and links.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
}

/// Takes an archive out into a directory, which is made when it is not there.
///
/// The whole archive is judged before anything in the directory is touched; then files take the places of those of the same name,
/// one by one. What is there beside them stays. Owners, times and special modes in the archive do not count.
///
/// # Errors
/// An absolute path, `..`, a link that leads out of the directory or through another link, a device or pipe, more than the bounds,
/// a damaged archive: nothing has been changed then. What the system refused; a link in the directory where the archive has a directory.
pub fn unpack(archive: &Blob, into: &Path, bounds: Bounds) -> Result<Unpacked> {
    let Contents { pieces, files, bytes } = contents(archive, bounds, 0)?;
    disk::create_dirs(into)?;
    let staging = into.join(temporary_name("unpack".as_ref()));
    DirBuilder::new().mode(0o700).create(&staging).map_err(Error::io("make the directory", &staging))?;
    let done = stage(&pieces, &staging).and_then(|()| place(&pieces, &staging, into));
    let cleared = fs::remove_dir_all(&staging).map_err(Error::io("remove", &staging));
    done.and(cleared).map(|()| Unpacked { files, bytes })
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

/// Where a file lies until all are there: by its number among the pieces.
fn staged(staging: &Path, number: usize) -> PathBuf {
    staging.join(number.to_string())
}

/// Copies the files into `staging`, in the order in which the archive has them.
fn stage(pieces: &BTreeMap<PathBuf, Piece>, staging: &Path) -> Result<()> {
    let mut files: Vec<_> = pieces
        .values()
        .enumerate()
        .filter_map(|(number, piece)| match piece {
            Piece::File { content, mode, at } => Some((*at, number, content, mode & 0o111 != 0)),
            Piece::Directory { .. } | Piece::Link(_) => None,
        })
        .collect();
    files.sort_unstable_by_key(|(at, number, ..)| (*at, *number));
    for (_, number, content, executable) in files {
        let path = staged(staging, number);
        let mode = if executable { 0o755 } else { 0o644 };
        let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let mut file = made.map_err(Error::io("write", &path))?;
        copy_content(content, &mut file, &path)?;
        file.sync_data().map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// Puts everything in its place. Directories come before what is in them, as their paths sort before.
fn place(pieces: &BTreeMap<PathBuf, Piece>, staging: &Path, into: &Path) -> Result<()> {
    let mut made: HashSet<PathBuf> = HashSet::new();
    for (number, (path, piece)) in pieces.iter().enumerate() {
        let above: Vec<_> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
        for above in above.into_iter().rev() {
            if made.insert(above.to_path_buf()) {
                directory(&into.join(above))?;
            }
        }
        let target = into.join(path);
        match piece {
            Piece::Directory { .. } => {
                if made.insert(path.clone()) {
                    directory(&target)?;
                }
            }
            Piece::File { .. } => {
                fs::rename(staged(staging, number), &target).map_err(Error::io("write", &target))?;
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
        let bounds = Bounds { packed: 4096, unpacked: 10_000, entries: 3, depth: 2, ..Bounds::default() };
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
