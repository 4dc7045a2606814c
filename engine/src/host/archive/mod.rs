//! Archives: judged as a whole before anything of them is used, and read in a stream, whatever their size.
mod decoder;
mod tape;
#[cfg(test)]
mod tests;
mod zip;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    ops::Bound,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use self::decoder::Compression;
use super::real::files::hash;
use crate::{
    Error, Fault, Result,
    values::{Blob, Digest, Held, Source},
};

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
    /// What to do about an archive that holds more.
    pub hint: &'static str,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            packed: 256 << 20,
            unpacked: 1 << 30,
            entries: 100_000,
            depth: 64,
            hint: "is it the right archive? leave out of it what is not needed",
        }
    }
}

impl Bounds {
    fn exceeded(&self, what: &str) -> Error {
        wrong(format!("it is too large: {what}"), self.hint)
    }
}

/// What is in an archive, by the path from the directory that it is unpacked into.
#[derive(Debug, Default)]
pub struct Contents {
    /// Each thing once: of several of the same name, the last.
    pub pieces: BTreeMap<PathBuf, Piece>,
    /// Files and links.
    pub files: usize,
    /// Bytes of the files.
    pub bytes: u64,
}

/// What stands at a path of an archive.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A directory.
    Directory {
        /// Its permission bits, special ones too.
        mode: u32,
    },
    /// A file.
    File {
        /// What is in it, to be read out of the archive.
        content: Blob,
        /// Its permission bits, special ones too.
        mode: u32,
        /// Where its content stands in the archive: read in this order, the archive is read once.
        at: u64,
    },
    /// A symbolic link.
    Link(PathBuf),
}

/// Lists what is in an archive: tar, plain or compressed with gzip, xz or zstd, or zip. The first `strip` parts of each path are
/// left out, and with them what has no others. Nothing is written, and no more of it held in memory than names.
///
/// # Errors
/// An absolute path, `..`, a link that leads out of the directory or through another link, a device or pipe, more than the
/// bounds, something damaged: [`Error::Faults`] with one. What the system refused.
pub fn contents(archive: &Blob, bounds: Bounds, strip: usize) -> Result<Contents> {
    if archive.size() > bounds.packed {
        return Err(bounds.exceeded(&format!("it has {} bytes, and {} are the most", archive.size(), bounds.packed)));
    }
    let archive = Arc::new(Archive::open(archive)?);
    let mut judge = Judge { bounds, strip, contents: Contents::default(), count: 0 };
    match archive.form {
        Form::Zip => zip::read(&archive, &mut judge)?,
        Form::Tar(compression) => tape::read(&archive, compression, &mut judge)?,
    }
    if judge.count == 0 {
        return Err(wrong("it is empty".to_owned(), MAKE_IT));
    }
    Ok(judge.contents)
}

const MAKE_IT: &str = "make it with `tar -czf FILE.tar.gz DIRECTORY`";

/// Bytes of a path, with the zero at its end. Source: limits.h of Linux.
const PATH_MAX: usize = 4096;

/// How its entries are laid out.
#[derive(Clone, Copy, Debug)]
enum Form {
    Zip,
    Tar(Compression),
}

/// An archive that is read.
struct Archive {
    content: Blob,
    form: Form,
    /// How far a stream of it was read that goes on there.
    open: Mutex<Option<(u64, Stream)>>,
}

type Stream = Box<dyn Read + Send>;

/// What can be read from any place of it.
trait Seekable: Read + Seek + Send {}
impl<T: Read + Seek + Send> Seekable for T {}

impl Archive {
    fn open(content: &Blob) -> Result<Self> {
        let archive = Self { content: content.clone(), form: Form::Zip, open: Mutex::default() };
        let mut magic = Vec::new();
        archive.raw()?.take(6).read_to_end(&mut magic).map_err(damaged)?;
        let form = match magic.as_slice() {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Form::Zip,
            [0x1f, 0x8b, ..] => Form::Tar(Compression::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Form::Tar(Compression::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Form::Tar(Compression::Zstd),
            [b'B', b'Z', b'h', ..] => return Err(unknown("bzip2")),
            [b'7', b'z', 0xbc, 0xaf, ..] => return Err(unknown("7z")),
            [b'R', b'a', b'r', b'!', ..] => return Err(unknown("rar")),
            _ => Form::Tar(Compression::None),
        };
        Ok(Self { form, ..archive })
    }

    fn raw(&self) -> Result<Box<dyn Seekable>> {
        Ok(match self.content.held() {
            Held::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Held::File(path) => Box::new(BufReader::new(File::open(path).map_err(Error::io("read", path))?)),
            Held::Part(_) | Held::Nowhere => return Err(Error::failed("the archive's content is not at hand")),
        })
    }

    /// Everything in it, one after the other.
    fn stream(&self, compression: Compression) -> Result<Stream> {
        Ok(compression.decoder(self.raw()?))
    }
}

/// The content of one file in an archive.
struct Part {
    archive: Arc<Archive>,
    /// Where it begins: of a tar archive in what comes out of it, of a zip archive in itself.
    at: u64,
    /// How many bytes it has there.
    length: u64,
    /// Whether they are compressed by themselves.
    deflated: bool,
}

impl Source for Part {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        let Form::Tar(compression) = self.archive.form else {
            let mut raw = self.archive.raw().map_err(io::Error::other)?;
            raw.seek(SeekFrom::Start(self.at))?;
            let bytes = raw.take(self.length);
            return Ok(if self.deflated {
                Box::new(flate2::read::DeflateDecoder::new(bytes))
            } else {
                Box::new(bytes)
            });
        };
        let open = self.archive.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (position, mut stream) = match open {
            Some((position, stream)) if position <= self.at => (position, stream),
            Some(_) | None => (0, self.archive.stream(compression).map_err(io::Error::other)?),
        };
        let skipped = io::copy(&mut stream.by_ref().take(self.at - position), &mut io::sink())?;
        if skipped < self.at - position {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Box::new(Reading { part: self, stream: Some(stream), read: 0 }))
    }

    fn path(&self) -> &Path {
        self.archive.content.path().unwrap_or(Path::new("an archive"))
    }
}

/// A part that is read; the next one goes on where this one ends.
struct Reading<'p> {
    part: &'p Part,
    stream: Option<Stream>,
    read: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        let read = stream.take(self.part.length - self.read).read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let stream = self.stream.take().map(|stream| (self.part.at + self.read, stream));
        *self.part.archive.open.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }
}

/// What is accepted of an archive, entry by entry.
struct Judge {
    bounds: Bounds,
    strip: usize,
    contents: Contents,
    count: usize,
}

impl Judge {
    /// Where an entry of this name goes; `None` for the directory itself, and for what has no name but what is left out.
    fn path(&mut self, named: &Path) -> Result<Option<PathBuf>> {
        self.count += 1;
        if self.count > self.bounds.entries {
            return Err(self.bounds.exceeded(&format!("it has more than {} entries", self.bounds.entries)));
        }
        let path = self.inside(named)?;
        let pieces = &self.contents.pieces;
        let through =
            path.ancestors().skip(1).find(|above| !matches!(pieces.get(*above), None | Some(Piece::Directory { .. })));
        match through {
            Some(above) => Err(refused(&path, &format!("goes through `{}`, which is no directory", above.display()))),
            None => Ok((!path.as_os_str().is_empty()).then_some(path)),
        }
    }

    /// A path of an archive as one below the directory.
    fn inside(&self, named: &Path) -> Result<PathBuf> {
        short(named)?;
        let mut path = PathBuf::new();
        let mut left_out = 0;
        for component in named.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(_) if left_out < self.strip => left_out += 1,
                Component::Normal(name) => path.push(name),
                Component::RootDir | Component::Prefix(_) => return Err(refused(named, "is an absolute path")),
                Component::ParentDir => return Err(refused(named, "holds `..`")),
            }
        }
        let depth = self.bounds.depth;
        if path.components().count() > depth {
            return Err(refused(named, &format!("lies more than {depth} directories deep")));
        }
        Ok(path)
    }

    /// That so many bytes more may come out of it.
    fn room(&self, bytes: u64) -> Result<()> {
        if bytes > self.bounds.unpacked - self.contents.bytes {
            return Err(self.bounds.exceeded(&format!("more than {} bytes would be unpacked", self.bounds.unpacked)));
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf, piece: Piece) -> Result<()> {
        let both = || Err(refused(&path, "is a file and a directory"));
        let pieces = &mut self.contents.pieces;
        match &piece {
            Piece::Directory { .. } => {
                if matches!(pieces.get(&path), Some(Piece::File { .. } | Piece::Link(_))) {
                    return both();
                }
            }
            Piece::File { .. } | Piece::Link(_) => {
                let below = pieces.range::<Path, _>((Bound::Excluded(path.as_path()), Bound::Unbounded)).next();
                let is_directory = matches!(pieces.get(&path), Some(Piece::Directory { .. }));
                if is_directory || below.is_some_and(|(below, _)| below.starts_with(&path)) {
                    return both();
                }
                self.contents.files += 1;
            }
        }
        if let Piece::File { content, .. } = &piece {
            self.contents.bytes += content.size();
        }
        pieces.insert(path, piece);
        Ok(())
    }

    fn add_link(&mut self, path: PathBuf, target: PathBuf) -> Result<()> {
        short(&target)?;
        stays_inside(&path, &target)?;
        self.add(path, Piece::Link(target))
    }
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

/// That a path is none that no system takes: it is not even shown.
fn short(path: &Path) -> Result<()> {
    match path.as_os_str().len() {
        length @ PATH_MAX.. => {
            Err(wrong(format!("a path in it has {length} bytes, and {} are the most", PATH_MAX - 1), MAKE_IT))
        }
        _ => Ok(()),
    }
}

/// Checksum of exactly so many bytes.
fn measured(from: &mut dyn Read, size: u64, path: &Path) -> Result<Digest> {
    let (digest, read) = hash(&mut from.take(size.saturating_add(1))).map_err(damaged)?;
    if read == size { Ok(digest) } else { Err(refused(path, "has another size than the archive says")) }
}

fn damaged(error: io::Error) -> Error {
    wrong(format!("it is damaged, or no archive: {error}"), MAKE_IT)
}

fn unknown(form: &str) -> Error {
    wrong(format!("it is of the form {form}"), "pack it anew: tar, plain or with gzip, xz or zstd, and zip are read")
}

fn refused(path: &Path, why: &str) -> Error {
    wrong(format!("`{}` in it {why}", path.display()), "nothing of it was put in place")
}

/// The archive is wrong input: nothing has been changed. No name in it makes a second line of the message.
fn wrong(message: String, hint: &str) -> Error {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let message: String = message.chars().map(shown).collect();
    Error::Faults(vec![Fault::new(message).hint(hint)])
}

/// Bytes packed by gzip (RFC 1952).
///
/// # Errors
/// None that memory does not bring about.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = io::Write::write_all(&mut encoder, bytes).and_then(|()| encoder.finish());
    packed.map_err(|error| Error::failed(format!("cannot pack by gzip: {error}")))
}
