use std::{
    borrow::Cow,
    ffi::OsStr,
    io::{self, Read},
    mem,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    sync::Arc,
};

use tar::{EntryType, PaxExtensions};

use super::{Archive, Judge, Part, Piece, damaged, decoder::Compression, measured, refused, short, wrong};
use crate::{Result, values::Blob};

/// Bytes of a header that extends the next one: a long name, or all that pax says.
const EXTENSION: u64 = 64 << 10;

/// Reads the whole tar archive.
pub fn read(archive: &Arc<Archive>, compression: Compression, judge: &mut Judge) -> Result<()> {
    // Headers come on top of contents: at most three blocks for each entry, and the name.
    let most = judge.bounds.unpacked.saturating_add(judge.bounds.entries as u64 * 8192);
    let mut tar = tar::Archive::new(archive.stream(compression)?.take(most));
    let mut said = Extended::default();
    // Raw, since extensions would be read before anybody could say how long they may be.
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XGlobalHeader => continue,
            EntryType::GNULongName => {
                said.long_name = Some(text(&mut entry)?);
                continue;
            }
            EntryType::GNULongLink => {
                said.long_target = Some(text(&mut entry)?);
                continue;
            }
            EntryType::XHeader => {
                said.read_pax(&extension(&mut entry)?)?;
                continue;
            }
            _ => {}
        }
        let said = mem::take(&mut said);
        let named = said.long_name.or(said.name).map_or_else(|| entry.path().map(Cow::into_owned), Ok);
        let named = named.map_err(damaged)?;
        let mode = entry.header().mode().map_err(damaged)? & 0o7777;
        let is_link = matches!(kind, EntryType::Link | EntryType::Symlink);
        let target = match said.long_target.or(said.target) {
            Some(target) => target,
            None => entry.link_name().map_err(damaged)?.filter(|_| is_link).unwrap_or_default().into_owned(),
        };
        let Some(path) = judge.path(&named)? else { continue };
        match kind {
            EntryType::Directory => judge.add(path, Piece::Directory { mode })?,
            EntryType::Regular | EntryType::Continuous => {
                let (at, length) = (entry.raw_file_position(), entry.size());
                if said.is_sparse {
                    return Err(refused(&path, "is a sparse file: pack it without `--sparse`"));
                }
                if said.size.is_some_and(|size| size != length) {
                    return Err(refused(&path, "has two sizes"));
                }
                judge.room(length)?;
                let digest = measured(&mut entry, length, &path)?;
                let part = Part { archive: Arc::clone(archive), at, length, deflated: false };
                judge.add(path, Piece::File { content: Blob::part(Arc::new(part), length, digest), mode, at })?;
            }
            EntryType::Link => {
                let target = judge.inside(&target)?;
                let Some(Piece::File { content, mode, at }) = judge.contents.pieces.get(&target).cloned() else {
                    let why = format!("is a hard link to `{}`, which is no file of it", target.display());
                    return Err(refused(&path, &why));
                };
                judge.room(content.size())?;
                judge.add(path, Piece::File { content, mode, at })?;
            }
            EntryType::Symlink => judge.add_link(path, target)?,
            EntryType::GNUSparse => return Err(refused(&path, "is a sparse file: pack it without `--sparse`")),
            _ => return Err(refused(&path, "is a device, a pipe or something else that is no file")),
        }
    }
    if said != Extended::default() {
        return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
    }
    // What follows its end holds the checksum of the whole.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(())
}

/// What is said of the next entry before its own header.
#[derive(Debug, Default, PartialEq)]
struct Extended {
    /// GNU's.
    long_name: Option<PathBuf>,
    long_target: Option<PathBuf>,
    /// Those of pax.
    name: Option<PathBuf>,
    target: Option<PathBuf>,
    size: Option<u64>,
    is_sparse: bool,
}

impl Extended {
    fn read_pax(&mut self, bytes: &[u8]) -> Result<()> {
        for extension in PaxExtensions::new(bytes) {
            let extension = extension.map_err(damaged)?;
            let value = extension.value_bytes();
            match extension.key_bytes() {
                b"path" => self.name = Some(path(value)?),
                b"linkpath" => self.target = Some(path(value)?),
                b"size" => {
                    let size = extension.value().ok().and_then(|size| size.parse().ok());
                    self.size = Some(size.ok_or_else(|| damaged(io::ErrorKind::InvalidData.into()))?);
                }
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(())
    }
}

/// The content of an entry that extends the next one.
fn extension<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>> {
    let size = entry.size();
    if size > EXTENSION {
        let why = format!("what it says of one entry has {size} bytes, and {EXTENSION} are the most");
        return Err(wrong(why, "is it the right archive?"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(damaged)?;
    Ok(bytes)
}

fn text<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<PathBuf> {
    let bytes = extension(entry)?;
    path(bytes.strip_suffix(b"\0").unwrap_or(&bytes))
}

fn path(bytes: &[u8]) -> Result<PathBuf> {
    let path = PathBuf::from(OsStr::from_bytes(bytes));
    short(&path).map(|()| path)
}
