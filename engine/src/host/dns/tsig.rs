//! Signatures of messages by a shared key. Source: RFC 8945.
use hmac::{Hmac, KeyInit, Mac};

use super::{
    key::{Algorithm, Key},
    message::record,
    name::Name,
};

/// The type of the record that signs.
pub const TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;

/// Seconds by which two clocks may differ.
pub const FUDGE: u16 = 300;

/// How a message is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub key: Name,
    pub algorithm: Name,
    /// Seconds since 1970 by the signer's clock.
    pub time: u64,
    pub fudge: u16,
    pub mac: Vec<u8>,
    /// The message's number before anybody forwarded it.
    pub original: u16,
    /// What was wrong with the signature of the question; 0 when nothing was.
    pub error: u16,
    /// With [`BADTIME`]: the server's clock.
    pub other: Vec<u8>,
}

/// The server computed another signature: another secret.
pub const BADSIG: u16 = 16;
/// The server has no key of this name with this algorithm.
pub const BADKEY: u16 = 17;
/// The clocks are too far apart.
pub const BADTIME: u16 = 18;

impl Signature {
    /// The server's clock, where it told it. Source: RFC 8945, section 5.2.3.
    pub fn server_time(&self) -> Option<u64> {
        let bytes: [u8; 6] = self.other.as_slice().try_into().ok()?;
        Some(bytes.iter().fold(0, |time, byte| time << 8 | u64::from(*byte)))
    }

    /// Whether the answer was signed with the same key: `bytes` end where the signature begins.
    pub fn is_right(&self, bytes: &[u8], key: &Key, request: &[u8]) -> bool {
        if self.key != *key.name() || self.algorithm != key.algorithm().wire_name() {
            return false;
        }
        let Some(unsigned) = without_signature(bytes, self.original) else { return false };
        let variables = variables(key, self.time, self.fudge, self.error, &self.other);
        let length = u16::try_from(request.len()).unwrap_or_default().to_be_bytes();
        compute(key, &[&length, request, &unsigned, &variables]).is_same(&self.mac)
    }
}

/// Signs a message at a time (seconds since 1970), and returns the signature that the answer's builds on.
pub fn sign(message: &mut Vec<u8>, key: &Key, time: u64) -> Vec<u8> {
    let original = [message[0], message[1]];
    let mac = compute(key, &[message, &variables(key, time, FUDGE, 0, &[])]).bytes();
    let mut data = key.algorithm().wire_name().wire().to_vec();
    data.extend_from_slice(&time.to_be_bytes()[2..]);
    data.extend_from_slice(&FUDGE.to_be_bytes());
    data.extend_from_slice(&u16::try_from(mac.len()).unwrap_or_default().to_be_bytes());
    data.extend_from_slice(&mac);
    data.extend_from_slice(&original);
    data.extend_from_slice(&[0; 4]);
    record(message, key.name(), TSIG, CLASS_ANY, 0, &data);
    let additional = u16::from_be_bytes([message[10], message[11]]).wrapping_add(1);
    message[10..12].copy_from_slice(&additional.to_be_bytes());
    mac
}

/// The message as it was before it was signed: its own number, and one record less.
fn without_signature(bytes: &[u8], original: u16) -> Option<Vec<u8>> {
    let mut unsigned = bytes.to_vec();
    let additional = u16::from_be_bytes(unsigned.get(10..12)?.try_into().ok()?).checked_sub(1)?;
    unsigned[..2].copy_from_slice(&original.to_be_bytes());
    unsigned[10..12].copy_from_slice(&additional.to_be_bytes());
    Some(unsigned)
}

/// What is signed beside the message. Source: RFC 8945, section 4.3.3.
fn variables(key: &Key, time: u64, fudge: u16, error: u16, other: &[u8]) -> Vec<u8> {
    let mut variables = key.name().wire().to_vec();
    variables.extend_from_slice(&CLASS_ANY.to_be_bytes());
    variables.extend_from_slice(&[0; 4]);
    variables.extend_from_slice(key.algorithm().wire_name().wire());
    variables.extend_from_slice(&time.to_be_bytes()[2..]);
    for number in [fudge, error, u16::try_from(other.len()).unwrap_or_default()] {
        variables.extend_from_slice(&number.to_be_bytes());
    }
    variables.extend_from_slice(other);
    variables
}

/// A signature that is not compared by looking: how long that takes would tell.
struct Computed(Box<dyn Finish>);

trait Finish {
    fn bytes(&self) -> Vec<u8>;
    fn is_same(&self, other: &[u8]) -> bool;
}

impl<M: Mac + Clone> Finish for M {
    fn bytes(&self) -> Vec<u8> {
        self.clone().finalize().into_bytes().to_vec()
    }

    fn is_same(&self, other: &[u8]) -> bool {
        self.clone().verify_slice(other).is_ok()
    }
}

impl Computed {
    fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }

    fn is_same(&self, other: &[u8]) -> bool {
        self.0.is_same(other)
    }
}

fn compute(key: &Key, parts: &[&[u8]]) -> Computed {
    fn with<M: Mac + KeyInit + Clone + 'static>(secret: &[u8], parts: &[&[u8]]) -> Computed {
        let mut mac = <M as KeyInit>::new_from_slice(secret).expect("a key of any length is one");
        parts.iter().for_each(|part| mac.update(part));
        Computed(Box::new(mac))
    }
    let with = match key.algorithm() {
        Algorithm::Md5 => with::<Hmac<md5::Md5>>,
        Algorithm::Sha1 => with::<Hmac<sha1::Sha1>>,
        Algorithm::Sha224 => with::<Hmac<sha2::Sha224>>,
        Algorithm::Sha256 => with::<Hmac<sha2::Sha256>>,
        Algorithm::Sha384 => with::<Hmac<sha2::Sha384>>,
        Algorithm::Sha512 => with::<Hmac<sha2::Sha512>>,
    };
    with(key.secret(), parts)
}
