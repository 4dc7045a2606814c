use std::{
    io::{self, Read},
    sync::Arc,
};

use tar::EntryType;

use super::{Archive, Judge, Part, Piece, damaged, decoder::Compression, measured, refused};
use crate::{Result, values::Blob};

/// Reads the whole tar archive.
pub fn read(archive: &Arc<Archive>, compression: Compression, judge: &mut Judge) -> Result<()> {
    // Headers come on top of contents: at most three blocks for each entry, and the name.
    let most = judge.bounds.unpacked.saturating_add(judge.bounds.entries as u64 * 8192);
    let mut tar = tar::Archive::new(archive.stream(compression)?.take(most));
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let named = entry.path().map_err(damaged)?.into_owned();
        let mode = entry.header().mode().map_err(damaged)? & 0o7777;
        let is_link = matches!(kind, EntryType::Link | EntryType::Symlink);
        let target = entry.link_name().map_err(damaged)?.filter(|_| is_link).unwrap_or_default().into_owned();
        let Some(path) = judge.path(&named)? else { continue };
        match kind {
            EntryType::Directory => judge.add(path, Piece::Directory { mode })?,
            EntryType::Regular | EntryType::Continuous => {
                let (at, length) = (entry.raw_file_position(), entry.size());
                if is_sparse(&mut entry)? {
                    return Err(refused(&path, "is a sparse file: pack it without `--sparse`"));
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
    // What follows its end holds the checksum of the whole.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(())
}

fn is_sparse<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<bool> {
    let Some(extensions) = entry.pax_extensions().map_err(damaged)? else { return Ok(false) };
    for extension in extensions {
        if extension.map_err(damaged)?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}
