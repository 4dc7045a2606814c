//! `samples/` was made by GNU tar 1.35, xz 5.8, zstd 1.5, bzip2 1.0 and Info-ZIP 3.0.
use std::{io::Read, path::Path, sync::Arc};

use super::{Bounds, Contents, Piece, contents};
use crate::{
    Error,
    values::{Blob, Held},
};

macro_rules! sample {
    ($name:literal) => {
        ($name, include_bytes!(concat!("samples/", $name)).as_slice())
    };
}

fn listed(bytes: &[u8]) -> Result<Contents, String> {
    contents(&Blob::from(bytes.to_vec()), Bounds::default(), 0).map_err(said)
}

fn said(error: Error) -> String {
    let Error::Faults(faults) = error else { panic!("{error}") };
    faults.iter().map(ToString::to_string).collect()
}

fn read(content: &Blob) -> String {
    let Held::Part(part) = content.held() else { panic!("{content:?}") };
    let mut text = String::new();
    part.open().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(Blob::from(text.as_str()), *content, "the checksum is that of what is read");
    text
}

fn shown(contents: &Contents) -> Vec<String> {
    let one = |(path, piece): (&std::path::PathBuf, &Piece)| match piece {
        Piece::Directory { mode } => format!("{}/ {mode:o}", path.display()),
        Piece::File { content, mode, .. } => format!("{} {mode:o} {:?}", path.display(), read(content)),
        Piece::Link(target) => format!("{} -> {}", path.display(), target.display()),
    };
    contents.pieces.iter().map(one).collect()
}

#[test]
fn what_real_programs_pack_is_read() {
    for (name, bytes) in [
        sample!("app.tar.gz"),
        sample!("app.tar.xz"),
        sample!("app.tar.zst"),
        sample!("frames.tar.zst"),
        sample!("app.zip"),
    ] {
        let contents = listed(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((contents.files, contents.bytes), (4, 31), "{name}");
        assert_eq!(
            shown(&contents),
            [
                "app/ 775",
                "app/README 664 \"hello\\n\"",
                "app/bin/ 775",
                "app/bin/run 4775 \"#!/bin/sh\\necho run\\n\"",
                "app/lib/ 755",
                "app/lib/link -> ../README",
                "app/lib/same 664 \"hello\\n\""
            ],
            "{name}"
        );
    }
    assert_eq!(shown(&listed(sample!("large.zip").1).unwrap()), ["app/README 664 \"hello\\n\""]);
    for (name, bytes) in [sample!("gnu.tar.gz"), sample!("pax.tar.gz")] {
        let long = format!("long/{}/ä", "n".repeat(120));
        assert!(listed(bytes).unwrap().pieces.contains_key(Path::new(&long)), "{name}");
    }
}

#[test]
fn parts_are_read_in_any_order_and_half() {
    for (name, bytes) in [sample!("app.tar.zst"), sample!("app.zip")] {
        let contents = listed(bytes).unwrap();
        let file = |path: &str| match &contents.pieces[Path::new(path)] {
            Piece::File { content, .. } => content.clone(),
            piece => panic!("{piece:?}"),
        };
        let (first, last) = (file("app/README"), file("app/bin/run"));
        let Held::Part(part) = first.held() else { panic!("{name}") };
        for _ in 0..2 {
            let mut two = [0; 2];
            part.open().unwrap().read_exact(&mut two).unwrap();
            assert_eq!(&two, b"he", "{name}");
            assert_eq!((read(&last).len(), read(&first).len()), (19, 6), "{name}");
        }
    }
}

#[test]
fn leading_directories_are_left_out() {
    let listed = |strip| contents(&Blob::from(sample!("app.tar.gz").1.to_vec()), Bounds::default(), strip).unwrap();
    let names = |strip| listed(strip).pieces.keys().map(|path| path.display().to_string()).collect::<Vec<_>>();
    assert_eq!(names(1), ["README", "bin", "bin/run", "lib", "lib/link", "lib/same"]);
    assert_eq!(names(3), [""; 0]);
    // The link would lead out by then.
    let two = contents(&Blob::from(sample!("app.tar.gz").1.to_vec()), Bounds::default(), 2);
    assert!(said(two.unwrap_err()).contains("links to `../README`, out of it"));
}

#[test]
fn what_cannot_be_read_is_said() {
    for ((name, bytes), why) in [
        (sample!("app.tar.bz2"), "of the form bzip2"),
        (sample!("secret.zip"), "encrypted"),
        (sample!("sparse.tar.gz"), "is a sparse file"),
        (sample!("paxsparse.tar.gz"), "is a sparse file"),
        (("text", b"<html>404 not found</html>"), "damaged, or no archive"),
        (("nothing", b""), "it is empty"),
    ] {
        let error = listed(bytes).unwrap_err();
        assert!(error.contains(why), "{name}: {error}");
    }
}

#[test]
fn a_part_of_an_archive_is_no_archive() {
    for (name, bytes) in [sample!("app.tar.gz"), sample!("app.tar.xz"), sample!("app.tar.zst"), sample!("app.zip")] {
        for length in 0..bytes.len() {
            assert!(listed(&bytes[..length]).is_err(), "{name}: the first {length} bytes");
        }
    }
}

/// A zip archive of one file, stored, whose parts are named here.
fn zip(name: &str, mode: u32, size: u32, content: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(content);
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let common = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &checksum.sum().to_le_bytes(),
        &length,
        &size.to_le_bytes(),
        &[u8::try_from(name.len()).unwrap(), 0, 0, 0],
    ]
    .concat();
    let mut zip = [b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat();
    let directory = u32::try_from(zip.len()).unwrap().to_le_bytes();
    zip.extend([&b"PK\x01\x02\x1e\x03"[..], &common, &[0; 6], &(mode << 16).to_le_bytes(), &[0; 4]].concat());
    zip.extend(name.as_bytes());
    let length = u32::try_from(46 + name.len()).unwrap().to_le_bytes();
    zip.extend([&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &length, &directory, &[0, 0]].concat());
    zip
}

#[test]
fn a_zip_that_lies_is_refused() {
    assert_eq!(shown(&listed(&zip("a", 0o100_640, 2, b"hi")).unwrap()), ["a 640 \"hi\""]);
    assert_eq!(shown(&listed(&zip("a", 0, 2, b"hi")).unwrap()), ["a 644 \"hi\""]);
    assert_eq!(shown(&listed(&zip("d/a", 0o120_777, 1, b"b")).unwrap()), ["d/a -> b"]);
    for (bytes, why) in [
        (zip("../a", 0o100_644, 2, b"hi"), "holds `..`"),
        (zip("../a\nb", 0o100_644, 2, b"hi"), r"`../a\nb` in it holds `..`"),
        (zip("/a", 0o100_644, 2, b"hi"), "an absolute path"),
        (zip("a", 0o120_777, 4, b"/etc"), "links to `/etc`"),
        (zip("a", 0o120_777, 0, b""), "a link to nothing"),
        (zip("a", 0o020_644, 2, b"hi"), "is a device"),
        (zip("a", 0o100_644, 9, b"hi"), "another size"),
        (zip("a", 0o100_644, 1, b"hi"), "another size"),
        (zip("a", 0o100_644, u32::MAX - 1, b"hi"), "too large"),
    ] {
        let error = listed(&bytes).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
    let mut damaged = zip("a", 0o100_644, 2, b"hi");
    damaged[32] ^= 1;
    assert!(listed(&damaged).unwrap_err().contains("its checksum differs"));
}

#[test]
fn a_large_archive_is_not_held_in_memory() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("large.tar");
    let mut builder = tar::Builder::new(std::fs::File::create(&path).unwrap());
    for name in ["a", "b", "c"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(3 << 20);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, std::io::repeat(name.as_bytes()[0]).take(3 << 20)).unwrap();
    }
    builder.finish().unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    let digest = Blob::from(std::fs::read(&path).unwrap()).digest();
    let contents = contents(&Blob::in_file(&path, size, digest), Bounds::default(), 0).unwrap();
    for piece in contents.pieces.values() {
        let Piece::File { content, .. } = piece else { panic!("{piece:?}") };
        let Held::Part(part) = content.held() else { panic!("{content:?}") };
        assert_eq!(std::io::copy(&mut Arc::clone(part).open().unwrap(), &mut std::io::sink()).unwrap(), 3 << 20);
    }
}

/// An entry that says of itself that it has so many bytes.
fn entry(kind: tar::EntryType, name: &str, size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    [header.as_bytes(), content, &vec![0; content.len().next_multiple_of(512) - content.len()]].concat()
}

#[test]
fn headers_that_extend_others_are_bounded() {
    use tar::EntryType as Kind;
    let whole = |kind, content: &[u8]| entry(kind, "x", content.len() as u64, content);
    let pax = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
        whole(Kind::XHeader, format!("{length}{rest}").as_bytes())
    };
    let file = entry(Kind::Regular, "a", 2, b"hi");
    let read = |extension: Vec<u8>| listed(&[extension, file.clone()].concat());
    let long = "n/".repeat(60) + "a";
    let name = |extension| shown(&read(extension).unwrap()).concat();
    assert_eq!(name(whole(Kind::GNULongName, format!("{long}\0").as_bytes())), format!("{long} 644 \"hi\""));
    assert_eq!(name(pax("path", &long)), format!("{long} 644 \"hi\""));
    assert_eq!(name(pax("size", "2")), "a 644 \"hi\"");
    let gibibyte = |kind| entry(kind, "x", 1 << 30, b"");
    let path = "n".repeat(4096);
    for (extension, why) in [
        (gibibyte(Kind::GNULongName), "has 1073741824 bytes, and 65536 are the most"),
        (gibibyte(Kind::GNULongLink), "has 1073741824 bytes, and 65536 are the most"),
        (gibibyte(Kind::XHeader), "has 1073741824 bytes, and 65536 are the most"),
        (whole(Kind::GNULongName, path.as_bytes()), "a path in it has 4096 bytes, and 4095 are the most"),
        (whole(Kind::GNULongLink, path.as_bytes()), "a path in it has 4096 bytes, and 4095 are the most"),
        (pax("path", &path), "a path in it has 4096 bytes, and 4095 are the most"),
        (pax("size", "1"), "`a` in it has two sizes"),
        (pax("size", "much"), "it is damaged"),
        (pax("GNU.sparse.major", "1"), "is a sparse file"),
    ] {
        let error = read(extension).unwrap_err();
        assert!(error.contains(why) && error.len() < 200, "{why}: {error}");
    }
    let last = listed(&[file.clone(), whole(Kind::GNULongName, b"b")].concat());
    assert!(last.unwrap_err().contains("it is damaged"));
}
