//! Encrypted values as Chef writes them into items of data bags: versions 1, 2 and 3 are read, 3 is written.
//!
//! Source: chef 18, `Chef::EncryptedDataBagItem`. The key is the SHA-256 of the secret; the plain text is the JSON object
//! `{"json_wrapper": VALUE}`; all bytes are base64 with line breaks. Version 1 is AES-256-CBC, version 2 adds an HMAC-SHA-256
//! (keyed with the secret itself) of the base64 text, version 3 is AES-256-GCM without further data.
use std::fmt;

use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, KeyInit, Nonce},
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    Fault,
    node::{
        age,
        json::{self, Located},
    },
    suggest,
};

type Decryptor = cbc::Decryptor<aes::Aes256>;

const CBC: &str = "aes-256-cbc";
const GCM: &str = "aes-256-gcm";

/// Ruby's `Base64.encode64` ends a line after so many characters.
const LINE: usize = 60;

/// Bytes of a nonce of AES-GCM.
pub const NONCE: usize = 12;

/// Ruby pads, and reads what is not padded.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What encrypted items are encrypted with: the content of the file that `encrypted_data_bag_secret` names.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemSecret(Vec<u8>);

impl fmt::Debug for ItemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl ItemSecret {
    /// The secret in the content of its file: blanks and line ends around it do not count, as in Chef. `None` when nothing is
    /// left.
    #[must_use]
    pub fn of_file(content: &[u8]) -> Option<Self> {
        let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0b);
        let start = content.iter().position(|byte| !blank(byte))?;
        let end = content.iter().rposition(|byte| !blank(byte))?;
        Some(Self(content[start..=end].to_vec()))
    }

    fn key(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

/// Whether a value is an encrypted one, by its shape.
#[must_use]
pub fn is_encrypted(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.contains_key("encrypted_data"))
}

const WRONG_KEY: &str = "cannot be decrypted: it was encrypted with another secret, or changed since";
const COMPARE: &str = "compare the file that `encrypted_data_bag_secret` names with the one it was encrypted with";

/// The faults of an item's encrypted values: one for all when none of them could be decrypted, since then it is the secret.
pub(super) fn together(item: Located<'_>, values: usize, faults: Vec<Fault>) -> Vec<Fault> {
    let wrong_key = faults.iter().filter(|fault| fault.message.ends_with(WRONG_KEY)).count();
    if values < 2 || wrong_key < values {
        return faults;
    }
    let fault = item.fault(format!(
        "none of the {values} values of the item can be decrypted: they were encrypted with another secret"
    ));
    vec![fault.hint(COMPARE)]
}

/// Decrypts a value. `key` is what it is the value of, `lowest` the lowest version to be read.
///
/// # Errors
/// What is wrong with it, at its place; nothing of what was decrypted is in the sentence.
pub fn open(key: &str, sealed: Located<'_>, secret: &ItemSecret, lowest: u64) -> Result<Value, Fault> {
    let sealed = Sealed { key, at: sealed };
    let version = sealed.version()?;
    if version < lowest {
        let fault =
            sealed.fault(format!("is encrypted as version {version}, and only {lowest} and above is to be read"));
        return Err(fault
            .hint("encrypt it anew, which writes version 3: `brasa data-bag rekey BAG ITEM`")
            .hint("or lower `data_bag_decrypt_minimum_version`"));
    }
    let cipher = sealed.text("cipher")?;
    let wanted = if version == 3 { GCM } else { CBC };
    if cipher.value() != wanted {
        let named = cipher.value().as_str().unwrap_or_default().escape_debug();
        let fault =
            cipher.fault(format!("`{key}`: cipher `{named}` is not read; in version {version} it is `{wanted}`"));
        return Err(if [CBC, GCM].contains(&cipher.value().as_str().unwrap_or_default()) {
            fault.hint(format!(
                "is the `version` right? version {} goes with this cipher",
                if version == 3 { "2" } else { "3" }
            ))
        } else {
            fault.hint("encrypt it anew with a cipher that Chef 11 or later writes")
        });
    }
    let plain = if version == 3 { sealed.open_gcm(secret)? } else { sealed.open_cbc(secret, version == 2)? };
    let wrapped: Option<Value> = serde_json::from_slice(&plain).ok();
    match wrapped {
        Some(Value::Object(mut fields)) if fields.len() == 1 && fields.contains_key("json_wrapper") => {
            Ok(fields.remove("json_wrapper").unwrap_or_default())
        }
        // Without a checksum the wrong key may well give text: that it is no such JSON is how it is found.
        _ if version == 1 => Err(sealed.wrong_key()),
        _ => Err(sealed.fault("was decrypted, and is not `{\"json_wrapper\": ...}` as Chef writes it")),
    }
}

/// Encrypts a value as version 3. A nonce must never be used twice with one secret: draw it anew for each value.
#[must_use]
pub fn seal(value: &Value, secret: &ItemSecret, nonce: [u8; NONCE]) -> Value {
    let plain = json!({ "json_wrapper": value }).to_string();
    let sealed = Aes256Gcm::new(&secret.key().into()).encrypt(&Nonce::<Aes256Gcm>::from(nonce), plain.as_bytes());
    // The tag is what the crate appends; Chef keeps it by itself.
    let sealed = sealed.expect("memory is there, and no item is as long as 64 GiB");
    let (text, tag) = sealed.split_at(sealed.len() - 16);
    json!({
        "encrypted_data": in_lines(text),
        "iv": in_lines(&nonce),
        "auth_tag": in_lines(tag),
        "version": 3,
        "cipher": GCM,
    })
}

/// Encrypts every value of an item but its `id`; those that are encrypted with age stay as they are. `nonce` gives a new
/// nonce at each call.
///
/// # Errors
/// What `nonce` failed with.
pub fn seal_item<E>(
    item: &Map<String, Value>,
    secret: &ItemSecret,
    mut nonce: impl FnMut() -> Result<[u8; NONCE], E>,
) -> Result<Value, E> {
    let mut sealed = Map::new();
    for (key, value) in item {
        let kept = super::PLAIN_KEYS.contains(&key.as_str()) || age::is_sealed(value);
        let value = if kept { value.clone() } else { seal(value, secret, nonce()?) };
        sealed.insert(key.clone(), value);
    }
    Ok(Value::Object(sealed))
}

fn in_lines(bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

/// An encrypted value with the key it is the value of.
struct Sealed<'d> {
    key: &'d str,
    at: Located<'d>,
}

impl<'d> Sealed<'d> {
    fn fault(&self, what: impl fmt::Display) -> Fault {
        self.at.fault(format!("`{}` {what}", self.key))
    }

    fn wrong_key(&self) -> Fault {
        self.fault(WRONG_KEY).hint(COMPARE)
    }

    fn version(&self) -> Result<u64, Fault> {
        let Some(at) = self.at.get("version") else {
            let fault = self.fault("has no `version`: version 0, as Chef 10 wrote it, is not read");
            return Err(fault.hint("decrypt it with the Chef that wrote it, and encrypt it anew"));
        };
        match at.value().as_u64() {
            Some(version @ 1..=3) => Ok(version),
            _ => {
                let shown = match at.value() {
                    Value::Number(number) => format!("version {number}"),
                    other => format!("a version that is {}", json::kind(other)),
                };
                Err(at.fault(format!("`{}`: {shown} is not known; 1, 2 and 3 are", self.key)))
            }
        }
    }

    /// A field that is text.
    fn text(&self, field: &str) -> Result<Located<'d>, Fault> {
        let Some(at) = self.at.get(field) else {
            let given: Vec<&str> = self.at.entries().map(|(key, _)| key).collect();
            let fault = self.fault(format!("is encrypted, and has no `{field}`"));
            return Err(match suggest::nearest(field, given) {
                Some(near) => fault.hint(format!("is it `{near}`?")),
                None => fault.hint("was the item copied whole?"),
            });
        };
        if at.value().is_string() {
            return Ok(at);
        }
        Err(at.fault(format!("`{}`: `{field}` is text in base64, this is {}", self.key, json::kind(at.value()))))
    }

    fn bytes(&self, field: &str) -> Result<Vec<u8>, Fault> {
        let at = self.text(field)?;
        let text: String = at.value().as_str().unwrap_or_default().split_ascii_whitespace().collect();
        BASE64.decode(&text).map_err(|error| {
            at.fault(format!("`{}`: `{field}` is not base64: {}", self.key, lower_first(&error.to_string())))
        })
    }

    fn bytes_of_length<const N: usize>(&self, field: &str) -> Result<[u8; N], Fault> {
        let bytes = self.bytes(field)?;
        let length = bytes.len();
        bytes.try_into().map_err(|_| {
            let at = self.at.get(field).unwrap_or(self.at);
            at.fault(format!("`{}`: `{field}` has {length} bytes; here it has {N}", self.key))
        })
    }

    fn open_gcm(&self, secret: &ItemSecret) -> Result<Vec<u8>, Fault> {
        let (mut data, nonce) = (self.bytes("encrypted_data")?, self.bytes_of_length::<NONCE>("iv")?);
        data.extend(self.bytes_of_length::<16>("auth_tag")?);
        let opened = Aes256Gcm::new(&secret.key().into()).decrypt(&Nonce::<Aes256Gcm>::from(nonce), data.as_slice());
        opened.map_err(|_| self.wrong_key())
    }

    fn open_cbc(&self, secret: &ItemSecret, signed: bool) -> Result<Vec<u8>, Fault> {
        let (data, iv) = (self.bytes("encrypted_data")?, self.bytes_of_length::<16>("iv")?);
        if signed {
            let given = self.bytes_of_length::<32>("hmac")?;
            let text = self.text("encrypted_data")?.value().as_str().unwrap_or_default();
            let mut hmac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("a key of any length is one");
            hmac.update(text.as_bytes());
            // In constant time.
            hmac.verify_slice(&given).map_err(|_| self.wrong_key())?;
        }
        let decryptor = Decryptor::new(&secret.key().into(), &iv.into());
        decryptor.decrypt_padded_vec::<Pkcs7>(&data).map_err(|_| self.wrong_key())
    }
}

fn lower_first(sentence: &str) -> String {
    let mut chars = sentence.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::{ItemSecret, in_lines, open, seal};
    use crate::node::json::Document;

    fn secret(text: &str) -> ItemSecret {
        ItemSecret::of_file(text.as_bytes()).unwrap()
    }

    fn opened(sealed: &Value, secret: &ItemSecret) -> Result<Value, String> {
        let document = Document::parse(Path::new("i.json"), sealed.to_string().into_bytes()).unwrap();
        open("key", document.root(), secret, 1).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_secret_alone() {
        for value in [json!(null), json!(""), json!("é\n\"x\""), json!(1.5), json!({"a": [1, {"b": true}]})] {
            let sealed = seal(&value, &secret("right"), [7; 12]);
            assert_eq!(opened(&sealed, &secret(" right\n")).unwrap(), value);
            assert!(opened(&sealed, &secret("wrong")).unwrap_err().contains("cannot be decrypted"), "{value}");
        }
    }

    #[test]
    fn a_secret_is_stripped_and_never_shown() {
        assert_eq!(secret("\n\t a b \0\n"), secret("a b"));
        for nothing in ["", " \n", "\0"] {
            assert_eq!(ItemSecret::of_file(nothing.as_bytes()), None);
        }
        assert_eq!(format!("{:?}", secret("canary")), "(secret)");
    }

    #[test]
    fn lines_end_where_ruby_ends_them() {
        assert_eq!(in_lines(&[0; 45]), format!("{}\n", "A".repeat(60)));
        assert_eq!(in_lines(&[0; 48]), format!("{}\nAAAA\n", "A".repeat(60)));
        assert_eq!(in_lines(&[]), "");
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let good = seal(&json!("x"), &secret("right"), [7; 12]);
        let with = |field: &str, value: Value| {
            let mut changed = good.clone();
            changed[field] = value;
            changed
        };
        let without = |field: &str| {
            let mut changed = good.clone();
            changed.as_object_mut().unwrap().shift_remove(field);
            changed
        };
        let cases = [
            without("version"),
            with("version", json!(4)),
            with("version", json!("3")),
            with("version", json!(2)),
            without("cipher"),
            with("cipher", json!("des-ecb")),
            with("cipher", json!(7)),
            without("iv"),
            with("iv", json!("AAAA\n")),
            with("iv", json!("A*==")),
            with("auth_tag", json!("MDAwMDAwMDAwMDAwMDAwMA==\n")),
            with("auth_tag", json!(null)),
            with("encrypted_data", json!("AAAA")),
            with("encrypted_data", json!([])),
        ];
        let said: Vec<_> = cases.iter().map(|sealed| opened(sealed, &secret("right")).unwrap_err()).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
