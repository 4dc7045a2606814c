use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use sha2::{Digest as _, Sha256};

use super::Directory;
use crate::{
    Error, Result,
    host::disk,
    values::{Blob, Digest, Held},
};

/// Largest content that is read back into memory, in bytes.
const MEMORY: u64 = 1 << 20;

/// How many files are synced at the same time: a file system commits those of one moment together.
const POOL: usize = 8;

/// Contents by their SHA-256, each once: what files held before they were changed.
#[derive(Clone, Debug)]
pub struct Store {
    directory: Directory,
}

impl Store {
    /// Opens the store at `path`, making it when it is not there.
    ///
    /// # Errors
    /// As [`Directory::private`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Directory::private(path).map(|directory| Self { directory })
    }

    fn place(&self, digest: Digest) -> PathBuf {
        self.directory.path().join(digest.to_string())
    }

    /// Keeps contents durably; those it has already cost nothing.
    ///
    /// # Errors
    /// When one cannot be read or written, or is not what its checksum says: then none may be relied on.
    pub fn keep(&self, contents: &[Blob]) -> Result<()> {
        let mut missing: Vec<&Blob> = Vec::new();
        for blob in contents {
            let digest = blob.digest();
            let kept = match fs::metadata(self.place(digest)) {
                Ok(found) => found.len() == blob.size(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(Error::io("look at", self.place(digest))(error)),
            };
            if !kept && !missing.iter().any(|other| other.digest() == digest) {
                missing.push(blob);
            }
        }
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            while let Some(blob) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.keep_one(blob)?;
            }
            Ok(())
        };
        match missing.len() {
            0 => return Ok(()),
            1 => work()?,
            many => std::thread::scope(|scope| {
                let workers: Vec<_> = (0..POOL.min(many)).map(|_| scope.spawn(work)).collect();
                workers.into_iter().try_for_each(|worker| {
                    worker.join().unwrap_or_else(|_| Err(Error::failed("a thread that keeps contents ended early")))
                })
            })?,
        }
        disk::sync_dir(self.directory.path())
    }

    fn keep_one(&self, blob: &Blob) -> Result<()> {
        let (digest, place) = (blob.digest(), self.place(blob.digest()));
        let temporary = self.directory.path().join(format!(".{digest}.new"));
        let copied = || -> Result<Digest> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)
                .map_err(Error::io("write", &temporary))?;
            let digest = match blob.held() {
                Held::Memory(bytes) => {
                    file.write_all(bytes).map_err(Error::io("write", &temporary))?;
                    digest
                }
                Held::File(from) => stream(&mut open(from)?, from, &mut file)?,
                Held::Part(part) => {
                    let mut bytes = part.open().map_err(Error::io("read", part.path()))?;
                    stream(&mut *bytes, part.path(), &mut file)?
                }
                Held::Nowhere => {
                    return Err(Error::failed(format!("content {} is nowhere to be had", digest.short())));
                }
            };
            file.sync_all().map_err(Error::io("sync", &temporary))?;
            Ok(digest)
        };
        let kept = copied().and_then(|found| {
            if found != digest {
                return Err(Error::failed("a file changed while its content was being kept; run again"));
            }
            fs::rename(&temporary, &place).map_err(Error::io("rename", &temporary))
        });
        if kept.is_err()
            && let Err(error) = disk::remove(&temporary)
        {
            tracing::warn!("{error}");
        }
        kept
    }

    /// The content with its bytes: in memory when small, else in the store's own file.
    ///
    /// # Errors
    /// When the store does not have it, or it is damaged.
    pub fn fetch(&self, known: &Blob) -> Result<Blob> {
        let place = self.place(known.digest());
        if known.size() > MEMORY {
            let mut nowhere = io::sink();
            let found = stream(&mut open(&place)?, &place, &mut nowhere)?;
            return if found == known.digest() {
                Ok(Blob::in_file(place, known.size(), found))
            } else {
                Err(damaged(&place))
            };
        }
        let blob = Blob::from(fs::read(&place).map_err(Error::io("read the kept content", &place))?);
        if blob.digest() == known.digest() { Ok(blob) } else { Err(damaged(&place)) }
    }

    /// Whether it has this content.
    #[must_use]
    pub fn has(&self, known: &Blob) -> bool {
        fs::metadata(self.place(known.digest())).is_ok_and(|found| found.len() == known.size())
    }

    /// Removes every content that `wanted` does not want, and what broken-off writes left. Returns how many.
    ///
    /// # Errors
    /// When the directory cannot be read or a file not be removed.
    pub fn collect(&self, wanted: impl Fn(Digest) -> bool) -> Result<usize> {
        let mut removed = 0;
        for name in self.directory.names()? {
            let stays = match Digest::parse(&name) {
                Some(digest) => wanted(digest),
                None => !(name.starts_with('.') && name.ends_with(".new")),
            };
            if !stays {
                disk::remove(&self.directory.path().join(name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn damaged(place: &Path) -> Error {
    Error::failed(format!("the kept content `{}` is damaged: its checksum differs", place.display()))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io("read", path))
}

/// Copies a file without holding it in memory, and returns its SHA-256.
fn stream(file: &mut dyn Read, from: &Path, into: &mut dyn io::Write) -> Result<Digest> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).map_err(Error::io("read", from))?;
        if read == 0 {
            return Ok(Digest::from_raw(hash.finalize().into()));
        }
        hash.update(&buffer[..read]);
        into.write_all(&buffer[..read]).map_err(Error::io("copy", from))?;
    }
}
