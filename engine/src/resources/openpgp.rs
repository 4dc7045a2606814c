//! Public keys of OpenPGP, as far as it takes to know which ones they are.
//!
//! Source: RFC 9580, sections 4.2 (packets), 5.5.4 (fingerprints), 6.2 (armor).
use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// How an armored public key begins.
pub(crate) const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Whether it is text, and not the packets themselves.
pub(crate) fn is_armored(key: &[u8]) -> bool {
    key.trim_ascii_start().starts_with(ARMOR.as_bytes())
}

/// Fingerprints of the primary keys, in capitals; at least one.
///
/// # Errors
/// Why this is no public key, a sentence without a subject.
pub(crate) fn fingerprints(key: &[u8]) -> Result<Vec<String>, String> {
    let bytes = if is_armored(key) { unarmored(&String::from_utf8_lossy(key))? } else { key.to_vec() };
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (tag, body, after) = packet(rest).ok_or("is no public key of OpenPGP, or is cut off")?;
        match tag {
            5 | 7 => return Err("is a secret key, which belongs nowhere but to its owner".to_owned()),
            6 => found.push(fingerprint(body)?),
            _ => {}
        }
        rest = after;
    }
    if found.is_empty() { Err("holds no public key of OpenPGP".to_owned()) } else { Ok(found) }
}

/// How an armored public key ends.
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// The packets of every armored block in a text.
///
/// Line by line, and with nothing left over: what another reader takes for a key must not be taken for a remark here.
fn unarmored(text: &str) -> Result<Vec<u8>, String> {
    enum At {
        Outside,
        Headers,
        Body,
        Checksum,
    }
    let damaged = || "is an armored key that is damaged".to_owned();
    let (mut at, mut bytes, mut body) = (At::Outside, Vec::new(), String::new());
    for line in text.lines().map(str::trim_end) {
        at = match at {
            At::Outside if line.is_empty() => At::Outside,
            At::Outside if line == ARMOR => At::Headers,
            At::Outside => return Err("has text beside the armored key: leave only the key".to_owned()),
            At::Headers if line.is_empty() => At::Body,
            At::Headers if line.contains(": ") && !line.contains("-----") => At::Headers,
            At::Body | At::Checksum if line == END => {
                bytes.extend(STANDARD.decode(&body).map_err(|_| damaged())?);
                body.clear();
                At::Outside
            }
            // A checksum, which nobody has to heed.
            At::Body if line.starts_with('=') && line.len() == 5 => At::Checksum,
            At::Body if !line.is_empty() => {
                body.push_str(line);
                At::Body
            }
            At::Headers | At::Body | At::Checksum => return Err(damaged()),
        };
    }
    if matches!(at, At::Outside) { Ok(bytes) } else { Err(damaged()) }
}

/// The first packet: its tag and body, and what follows. Keys have no packets of unknown length.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
    let (tag, (length, width)) = if head & 0xc0 == 0xc0 {
        let &first = rest.first()?;
        let first_number = usize::from(first);
        let length = match first {
            0..=191 => (first_number, 1),
            192..=223 => (((first_number - 192) << 8) + usize::from(*rest.get(1)?) + 192, 2),
            224..=254 => return None,
            255 => (number(rest.get(1..5)?), 5),
        };
        (head & 0x3f, length)
    } else if head & 0x80 != 0 && head & 3 != 3 {
        let width = 1 << (head & 3);
        ((head >> 2) & 0xf, (number(rest.get(..width)?), width))
    } else {
        return None;
    };
    let body = rest.get(width..)?.get(..length)?;
    Some((tag, body, &rest[width + length..]))
}

fn fingerprint(body: &[u8]) -> Result<String, String> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let hash: Vec<u8> = match body.first() {
        Some(4) => Sha1::new().chain_update([0x99]).chain_update(&length[2..]).chain_update(body).finalize().to_vec(),
        Some(6) => Sha256::new().chain_update([0x9b]).chain_update(length).chain_update(body).finalize().to_vec(),
        Some(version) => return Err(format!("is a key of version {version}: versions 4 and 6 are known")),
        None => return Err("holds an empty key".to_owned()),
    };
    let mut text = String::new();
    hash.iter().for_each(|byte| write!(text, "{byte:02X}").expect("text takes everything"));
    Ok(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{ARMOR, fingerprints, unarmored};

    /// A key of curve 25519, made with GnuPG for this test, and its fingerprint by GnuPG.
    pub(crate) const KEY: &str = include_str!("openpgp-key.asc");
    pub(crate) const FINGERPRINT: &str = "8D21EC86F7E75822D929C1679891EC161B1917C4";

    #[test]
    fn a_key_is_known_by_its_fingerprint_in_either_form() {
        assert_eq!(fingerprints(KEY.as_bytes()), Ok(vec![FINGERPRINT.to_owned()]));
        let binary = unarmored(KEY).unwrap();
        assert_eq!(fingerprints(&binary), Ok(vec![FINGERPRINT.to_owned()]));
        let two = [binary.as_slice(), &binary].concat();
        assert_eq!(fingerprints(&two).unwrap().len(), 2);
        assert_eq!(fingerprints(format!("{KEY}\n{KEY}").as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn no_key_hides_beside_the_one_that_is_seen() {
        let (_, inside) = KEY.split_once("\n\n").unwrap();
        for hidden in [
            format!("{ARMOR}\nComment: -----END\n\n{inside}{KEY}"),
            format!("{ARMOR}\nComment: x\n-----END PGP PUBLIC KEY BLOCK-----\n\n{inside}{KEY}"),
            format!("{KEY}\n{inside}"),
            format!(" {KEY}{KEY}"),
            KEY.replace("-----END", "mQ==\n-----END"),
            KEY.replace("-----END PGP PUBLIC KEY BLOCK-----", ""),
            KEY.replacen("\n\n", "\n", 1),
            format!("{KEY}-----BEGIN PGP MESSAGE-----\n"),
        ] {
            assert!(fingerprints(hidden.as_bytes()).is_err(), "{hidden}");
        }
        assert!(fingerprints(KEY.replace('\n', "\r\n").as_bytes()).is_ok());
        assert!(fingerprints(KEY.replacen("\n\n", "\nVersion: GnuPG v2\n\n", 1).as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let binary = unarmored(KEY).unwrap();
        for bad in [b"".as_slice(), b"<html>not found</html>", &binary[..binary.len() - 1], &[0xff], &[0xc6, 255]] {
            assert!(fingerprints(bad).is_err(), "{bad:?}");
        }
        let mut secret = binary;
        secret[0] = 0x94;
        assert!(fingerprints(&secret).unwrap_err().starts_with("is a secret key"));
        assert!(fingerprints(KEY.replace('=', "*").replace("mD", "m!").as_bytes()).is_err());
        assert!(STANDARD.decode("!").is_err());
    }
}
