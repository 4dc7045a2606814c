//! Zip archives by their central directory. Source: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 to 4.5.
use std::{
    ffi::OsStr,
    io::{self, BufReader, Read, SeekFrom},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    sync::Arc,
};

use super::{Archive, Judge, Part, Piece, Seekable, damaged, measured, refused, wrong};
use crate::{
    Result,
    values::{Blob, Source as _},
};

/// The longest end record: 22 bytes and a comment.
const LONGEST_END: u64 = 22 + 0xffff;

/// Longest target of a symbolic link.
const LONGEST_TARGET: u64 = 4096;

/// One entry of the central directory.
struct Header {
    name: Vec<u8>,
    flags: u64,
    method: u64,
    checksum: u64,
    packed: u64,
    size: u64,
    /// Type and permission bits as of Unix; 0 when a system without them packed it.
    mode: u32,
    at: u64,
}

/// Reads the whole zip archive.
pub fn read(archive: &Arc<Archive>, judge: &mut Judge) -> Result<()> {
    let mut raw = archive.raw()?;
    let (at, entries) = directory(&mut *raw, archive.content.size()).map_err(damaged)?;
    raw.seek(SeekFrom::Start(at)).map_err(damaged)?;
    let mut headers = BufReader::new(raw);
    for _ in 0..entries {
        let header = header(&mut headers).map_err(damaged)?;
        add(archive, header, judge)?;
    }
    Ok(())
}

fn add(archive: &Arc<Archive>, header: Header, judge: &mut Judge) -> Result<()> {
    let named = PathBuf::from(OsStr::from_bytes(&header.name));
    let Some(path) = judge.path(&named)? else { return Ok(()) };
    let mode = |usual| if header.mode & 0o7777 == 0 { usual } else { header.mode & 0o7777 };
    let kind = header.mode & 0o170_000;
    if header.name.ends_with(b"/") && matches!(kind, 0 | 0o040_000) {
        return judge.add(path, Piece::Directory { mode: mode(0o755) });
    }
    if !matches!(kind, 0 | 0o100_000 | 0o120_000) {
        return Err(refused(&path, "is a device, a pipe or something else that is no file"));
    }
    if header.flags & 1 != 0 {
        return Err(wrong("it is encrypted".to_owned(), "pack it anew without a password"));
    }
    if !matches!(header.method, 0 | 8) {
        let why = format!("`{}` in it is compressed by the method {}", path.display(), header.method);
        return Err(wrong(why, "pack it anew with `zip -Z deflate`, or as tar"));
    }
    judge.room(header.size)?;
    let mut raw = archive.raw()?;
    let at = content_at(&mut *raw, header.at).map_err(damaged)?;
    let part = Part { archive: Arc::clone(archive), at, length: header.packed, deflated: header.method == 8 };
    let mut bytes = part.open().map_err(damaged)?;
    if kind == 0o120_000 {
        let mut target = Vec::new();
        bytes.take(LONGEST_TARGET).read_to_end(&mut target).map_err(damaged)?;
        return judge.add_link(path, PathBuf::from(OsStr::from_bytes(&target)));
    }
    let mut checked = Checked { from: &mut *bytes, checksum: flate2::Crc::new() };
    let digest = measured(&mut checked, header.size, &path)?;
    if u64::from(checked.checksum.sum()) != header.checksum {
        return Err(refused(&path, "is damaged: its checksum differs"));
    }
    drop(bytes);
    let content = Blob::part(Arc::new(part), header.size, digest);
    judge.add(path, Piece::File { content, mode: mode(0o644), at })
}

/// Reads along, and works out the checksum that zip has.
struct Checked<'r> {
    from: &'r mut dyn Read,
    checksum: flate2::Crc,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.checksum.update(&buffer[..read]);
        Ok(read)
    }
}

/// Where the central directory begins, and how many entries it has.
fn directory(raw: &mut dyn Seekable, size: u64) -> io::Result<(u64, u64)> {
    let start = size.saturating_sub(LONGEST_END);
    raw.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    raw.take(LONGEST_END).read_to_end(&mut tail)?;
    let end = tail.windows(22).rposition(|window| {
        window.starts_with(b"PK\x05\x06")
            && number(&window[4..6]) == 0
            && number(&window[8..10]) == number(&window[10..12])
    });
    let end = end.ok_or_else(|| invalid("it has no end"))?;
    let record = &tail[end..];
    let (entries, at) = (number(&record[10..12]), number(&record[16..20]));
    if entries != 0xffff && at != 0xffff_ffff {
        return Ok((at, entries));
    }
    let locator = end.checked_sub(20).map(|at| &tail[at..end]).filter(|found| found.starts_with(b"PK\x06\x07"));
    let Some(locator) = locator else { return Ok((at, entries)) };
    raw.seek(SeekFrom::Start(number(&locator[8..16])))?;
    let mut large = [0; 56];
    raw.read_exact(&mut large)?;
    if !large.starts_with(b"PK\x06\x06") {
        return Err(invalid("its end leads nowhere"));
    }
    Ok((number(&large[48..56]), number(&large[32..40])))
}

fn header(from: &mut dyn Read) -> io::Result<Header> {
    let mut fixed = [0; 46];
    from.read_exact(&mut fixed)?;
    if !fixed.starts_with(b"PK\x01\x02") {
        return Err(invalid("its directory is no directory"));
    }
    let field = |at: usize, length: usize| number(&fixed[at..at + length]);
    let mut bytes = |length: u64| {
        let mut bytes = Vec::new();
        from.take(length).read_to_end(&mut bytes).map(|_| bytes)
    };
    let name = bytes(field(28, 2))?;
    let extra = bytes(field(30, 2))?;
    bytes(field(32, 2))?;
    let mut header = Header {
        name,
        flags: field(8, 2),
        method: field(10, 2),
        checksum: field(16, 4),
        packed: field(20, 4),
        size: field(24, 4),
        // 3: Unix, 19: Darwin.
        mode: if matches!(fixed[5], 3 | 19) { u32::try_from(field(40, 2)).unwrap_or_default() } else { 0 },
        at: field(42, 4),
    };
    let mut large = extra_field(&extra, 1);
    for value in [&mut header.size, &mut header.packed, &mut header.at] {
        if *value == 0xffff_ffff
            && let Some((first, rest)) = large.split_at_checked(8)
        {
            (*value, large) = (number(first), rest);
        }
    }
    Ok(header)
}

/// The extra field of this number.
fn extra_field(mut extra: &[u8], id: u64) -> &[u8] {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let length = usize::try_from(number(&head[2..])).unwrap_or(usize::MAX);
        let Some((field, rest)) = rest.split_at_checked(length) else { break };
        if number(&head[..2]) == id {
            return field;
        }
        extra = rest;
    }
    &[]
}

/// Where the content begins whose own header stands here.
fn content_at(raw: &mut dyn Seekable, at: u64) -> io::Result<u64> {
    raw.seek(SeekFrom::Start(at))?;
    let mut fixed = [0; 30];
    raw.read_exact(&mut fixed)?;
    if !fixed.starts_with(b"PK\x03\x04") {
        return Err(invalid("its directory leads nowhere"));
    }
    Ok(at + 30 + number(&fixed[26..28]) + number(&fixed[28..30]))
}

/// A number, its lowest byte first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
