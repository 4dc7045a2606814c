//! Values encrypted with age, `{"age": "-----BEGIN AGE ENCRYPTED FILE-----..."}`, and the identities that decrypt them.
//!
//! A tree of attributes holds such a value as it was written: it is decrypted where it becomes a [`Secret`], and nowhere else.
//!
//! Source: <https://age-encryption.org/v1>.
use std::{
    cell::OnceCell,
    fmt,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use age::{
    DecryptError, Decryptor, Encryptor, Identity, Recipient,
    armor::{ArmoredReader, ArmoredWriter, Format},
    x25519,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{data_bags, folders};
use crate::{
    Fault, Result,
    host::Probe,
    values::{ARMORED, BINARY, Place, SEALED, Secret, opening},
};

/// The variable of an environment file that holds identities.
pub const VARIABLE: &str = "AGE_IDENTITY";

/// A decrypted value is at most so long: a key or a certificate, not a disk image.
const MOST_BYTES: u64 = 1 << 20;

/// Whether a value is encrypted with age, by its shape.
#[must_use]
pub fn is_sealed(value: &Value) -> bool {
    let Some(text) = value.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get(SEALED)) else {
        return false;
    };
    text.as_str().is_some_and(|text| [ARMORED, BINARY].iter().any(|begin| text.trim_start().starts_with(begin)))
}

/// Whether a value, or any in it, is encrypted with age.
fn holds_sealed(value: &Value) -> bool {
    match value {
        Value::Object(fields) => is_sealed(value) || fields.values().any(holds_sealed),
        Value::Array(items) => items.iter().any(holds_sealed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Encrypts text for a recipient (`age1...`): the value to write in place of the text.
///
/// # Errors
/// That the recipient is none.
pub fn seal(text: &str, recipient: &str) -> Result<Value, Fault> {
    let recipient: x25519::Recipient = recipient.trim().parse().map_err(|why: &str| {
        let fault = Fault::new(format!("`{}` is no recipient of age: {why}", recipient.trim().escape_debug()));
        if recipient.trim().to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Fault::new("an identity was given where its recipient belongs")
                .hint("the recipient is public and begins with `age1`; `age-keygen -y FILE` prints it")
                .hint("the identity was on a command line, which others can see: make a new one");
        }
        fault.hint("a recipient begins with `age1`; `age-keygen -y FILE` prints that of an identity")
    })?;
    let written = (|| -> std::io::Result<Vec<u8>> {
        let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as &dyn Recipient))
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armored)?;
        writer.write_all(text.as_bytes())?;
        writer.finish()?.finish()
    })();
    let armored = written.map_err(|error| Fault::new(format!("the text cannot be encrypted: {error}")))?;
    Ok(json!({ SEALED: String::from_utf8_lossy(&armored) }))
}

/// Where identities are.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub form: Form,
    /// What names it, for messages: `age_identity_file`.
    pub named_by: String,
    /// Where it is named.
    pub named_at: Option<Place>,
    /// Whether it is an error that it is not there.
    pub required: bool,
}

/// What a file of identities looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As `age-keygen` writes it: an identity a line, and comments.
    Lines,
    /// `KEY=VALUE` lines, as systemd's `EnvironmentFile`; identities are in [`VARIABLE`].
    Variables,
}

/// The identities of a node, read when something encrypted is met.
#[derive(Default)]
pub struct Identities<'p> {
    probe: Option<&'p dyn Probe>,
    sources: Vec<Source>,
    given: Vec<x25519::Identity>,
    keys: OnceCell<Result<Rc<Keys>, Vec<Fault>>>,
}

/// Identities that have been read.
struct Keys {
    identities: Vec<x25519::Identity>,
    /// What to do when there is none.
    hint: String,
}

impl<'p> Identities<'p> {
    /// Those in all of these files.
    #[must_use]
    pub fn new(probe: &'p dyn Probe, sources: Vec<Source>) -> Self {
        Self { probe: Some(probe), sources, ..Self::default() }
    }

    /// Pretends that there is this identity (`AGE-SECRET-KEY-1...`).
    ///
    /// # Errors
    /// That it is none.
    pub fn pretend(&mut self, identity: &str) -> Result<(), Fault> {
        let identity = identity.trim().parse().map_err(|why: &str| Fault::new(format!("no identity of age: {why}")))?;
        self.given.push(identity);
        self.keys.take();
        Ok(())
    }

    /// Decrypts a value.
    ///
    /// # Errors
    /// Why it cannot be; nothing of it is in the sentences.
    pub fn open(&self, sealed: &Value) -> Result<Secret, Vec<Fault>> {
        let keys = self.keys()?;
        let text = sealed.get(SEALED).and_then(Value::as_str).unwrap_or_default();
        keys.open(text).map_err(|why| vec![keys.explained(Fault::new(why))])
    }

    /// Has every [`Secret`] that is read from `value` during `work` decrypted.
    ///
    /// # Errors
    /// What is wrong with the identities, when any is needed; those of `work`.
    pub(crate) fn within<T>(
        &self,
        value: &Value,
        work: impl FnOnce() -> Result<T, Vec<Fault>>,
    ) -> Result<T, Vec<Fault>> {
        if !holds_sealed(value) {
            return opening(
                Rc::new(|_| Err(format!("it is neither text nor encrypted with age: `{ARMORED}` is how that begins"))),
                work,
            );
        }
        let keys = self.keys()?;
        let opener = Rc::clone(&keys);
        let read = opening(Rc::new(move |text| opener.open(text)), work);
        read.map_err(|faults| faults.into_iter().map(|fault| keys.explained(fault)).collect())
    }

    fn keys(&self) -> Result<Rc<Keys>, Vec<Fault>> {
        self.keys.get_or_init(|| self.read().map(Rc::new)).clone()
    }

    fn read(&self) -> Result<Keys, Vec<Fault>> {
        let (mut identities, mut faults) = (self.given.clone(), Vec::new());
        for source in &self.sources {
            let Some(probe) = self.probe else { break };
            let found = folders::followed(probe, &source.path)
                .and_then(|found| Ok(found.zip(folders::read(probe, &source.path)?)));
            match found {
                Ok(Some(((_, entry), content))) => {
                    data_bags::warn_of_readers(&source.path, &entry);
                    identities.extend(identities_in(source, &content, &mut faults));
                }
                Ok(None) if source.required => {
                    let (path, named_by) = (source.path.display(), &source.named_by);
                    let sentence = format!("`{path}`, where `{named_by}` says an identity of age is, is no file");
                    faults.push(Fault { place: source.named_at.clone(), ..Fault::new(sentence) });
                }
                Ok(None) => {}
                Err(error) => faults.push(data_bags::said(&error)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let looked: Vec<String> = self.sources.iter().map(|source| format!("`{}`", source.path.display())).collect();
        let hint = match looked.is_empty() {
            true => "name the file of an identity in the settings: `age_identity_file \"/etc/brasa/age-identity\"`"
                .to_owned(),
            false => format!(
                "looked for an identity in {}; another file is named by `age_identity_file` in the settings",
                looked.join(", ")
            ),
        };
        Ok(Keys { identities, hint })
    }
}

/// Why there is nothing to decrypt with.
const NO_IDENTITY: &str = "it is encrypted with age, and there is no identity to decrypt it with";

impl Keys {
    /// Adds what to do when there is no identity.
    fn explained(&self, fault: Fault) -> Fault {
        if fault.message.ends_with(NO_IDENTITY) { fault.hint(self.hint.clone()) } else { fault }
    }

    fn open(&self, text: &str) -> Result<Secret, String> {
        if self.identities.is_empty() {
            return Err(NO_IDENTITY.to_owned());
        }
        let text = text.trim();
        let bytes = if text.starts_with(ARMORED) {
            text.as_bytes().to_vec()
        } else {
            let joined: String = text.split_ascii_whitespace().collect();
            let damaged = |_| format!("it is no age file: neither `{ARMORED}` nor base64");
            STANDARD.decode(joined).map_err(damaged)?
        };
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(bytes.as_slice())).map_err(|error| cause(&error))?;
        if decryptor.is_scrypt() {
            return Err("it is encrypted with a passphrase, which nobody is there to type; encrypt it for a recipient"
                .to_owned());
        }
        let identities = self.identities.iter().map(|identity| identity as &dyn Identity);
        let reader = decryptor.decrypt(identities).map_err(|error| cause(&error))?;
        let mut plain = Vec::new();
        reader.take(MOST_BYTES + 1).read_to_end(&mut plain).map_err(|_| DAMAGED.to_owned())?;
        if plain.len() as u64 > MOST_BYTES {
            return Err(format!("it has more than {} MiB decrypted, which no value needs", MOST_BYTES >> 20));
        }
        String::from_utf8(plain).map(Secret::from).map_err(|_| "it is not UTF-8 when it is decrypted".to_owned())
    }
}

const DAMAGED: &str = "it is encrypted with age and damaged: it was changed or cut off";

fn cause(error: &DecryptError) -> String {
    match error {
        DecryptError::NoMatchingKeys => "it is encrypted with age for another identity than is there".to_owned(),
        DecryptError::UnknownFormat => "it is written in a version of age that is not known".to_owned(),
        DecryptError::DecryptionFailed
        | DecryptError::ExcessiveWork { .. }
        | DecryptError::InvalidHeader
        | DecryptError::InvalidMac
        | DecryptError::Io(_)
        | DecryptError::KeyDecryptionFailed => DAMAGED.to_owned(),
    }
}

/// The identities in a file. No line of it is shown: it may hold what must not be.
fn identities_in(source: &Source, content: &[u8], faults: &mut Vec<Fault>) -> Vec<x25519::Identity> {
    let path: Arc<Path> = source.path.as_path().into();
    let at = |line: usize| Place::File { path: Arc::clone(&path), line, column: 1 };
    let begins = |begin: &str| content.starts_with(begin.as_bytes());
    if begins(ARMORED) || begins("age-encryption.org/v1") {
        let fault = Fault::new("the identities are themselves encrypted, and nobody is there to type a passphrase");
        faults.push(fault.at(at(1)).hint("decrypt the file: `age -d FILE`, and keep it readable for root alone"));
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(content) else {
        faults.push(Fault::new("a file of identities is text in UTF-8").at(at(1)));
        return Vec::new();
    };
    let (mut identities, before) = (Vec::new(), faults.len());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let words = match source.form {
            Form::Lines => line,
            Form::Variables => match variable(line) {
                Some(value) => value,
                None => continue,
            },
        };
        for word in words.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
            match identity(word) {
                Ok(identity) => identities.push(identity),
                Err(Refused { stop, sentence, hint }) => {
                    faults.push(Fault::new(sentence).at(at(index + 1)).hint(hint));
                    // What follows belongs to the same key.
                    if stop {
                        return identities;
                    }
                }
            }
        }
    }
    if identities.is_empty() && faults.len() == before && source.required {
        let (path, named_by) = (source.path.display(), &source.named_by);
        let sentence = format!("`{path}`, which `{named_by}` names, holds no identity of age");
        let fault = Fault { place: source.named_at.clone(), ..Fault::new(sentence) };
        faults.push(match source.form {
            Form::Lines => fault.hint("an identity is a line `AGE-SECRET-KEY-1...`, as `age-keygen` writes it"),
            Form::Variables => fault.hint(format!("write `{VARIABLE}=AGE-SECRET-KEY-1...` into it")),
        });
    }
    identities
}

/// The value of [`VARIABLE`], when the line sets it.
fn variable(line: &str) -> Option<&str> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let value = value.trim();
    let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    (name.trim() == VARIABLE).then(|| quoted.unwrap_or(value))
}

struct Refused {
    stop: bool,
    sentence: &'static str,
    hint: &'static str,
}

fn identity(word: &str) -> Result<x25519::Identity, Refused> {
    let refused = |stop, sentence, hint| Err(Refused { stop, sentence, hint });
    if let Ok(identity) = word.parse() {
        return Ok(identity);
    }
    let upper = word.to_ascii_uppercase();
    if upper.starts_with("AGE-PLUGIN-") {
        return refused(
            false,
            "an identity of a plugin is not read",
            "encrypt for an identity that `age-keygen` makes",
        );
    }
    if upper.starts_with("-----BEGIN") {
        return refused(
            true,
            "an SSH key is not read as an identity of age",
            "encrypt for an identity that `age-keygen` makes",
        );
    }
    if upper.starts_with("AGE-SECRET-KEY-PQ-") {
        return refused(
            false,
            "a post-quantum identity is not read",
            "encrypt for an identity that `age-keygen` makes without `-pq`",
        );
    }
    if upper.starts_with("AGE1") {
        return refused(false, "this is a recipient, not an identity", "an identity begins with `AGE-SECRET-KEY-1`");
    }
    if upper.starts_with("AGE-SECRET-KEY-") {
        return refused(false, "an identity of age is damaged", "was it copied whole?");
    }
    refused(
        true,
        "this line is no identity of age",
        "an identity is a line `AGE-SECRET-KEY-1...`, as `age-keygen` writes it",
    )
}

impl fmt::Debug for Identities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").field("sources", &self.sources).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::{Form, Identities, STANDARD, Source, is_sealed, seal};
    use crate::{
        Fault,
        host::Fake,
        node::{AttributeSet, Attributes},
        values::Secret,
    };
    use base64::Engine as _;

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Service {
        name: String,
        password: Secret,
        more: Vec<Secret>,
        any: Value,
    }

    impl AttributeSet for Service {
        const KEY: &'static str = "service";
    }

    fn pair() -> (String, String) {
        let identity = age::x25519::Identity::generate();
        (identity.to_string().expose_secret().to_owned(), identity.to_public().to_string())
    }

    fn shown(faults: &[Fault]) -> String {
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn file(path: &str, form: Form) -> Source {
        Source { path: path.into(), form, named_by: "age_identity_file".to_owned(), named_at: None, required: true }
    }

    #[test]
    fn secrets_are_decrypted_and_everything_else_stays_as_it_was() {
        let (identity, recipient) = pair();
        let mut identities = Identities::default();
        identities.pretend(&identity).unwrap();
        let sealed = seal("c4nary\n", &recipient).unwrap();
        assert!(is_sealed(&sealed) && !sealed.to_string().contains("c4nary"));
        let tree = json!({"service": {"password": sealed, "more": ["plain", sealed], "any": {"deep": sealed}}});
        let service: Service = Attributes::from(tree.clone()).read(&identities).unwrap();
        assert_eq!(service.password.expose(), "c4nary\n");
        assert_eq!(service.more.iter().map(Secret::expose).collect::<Vec<_>>(), ["plain", "c4nary\n"]);
        assert_eq!(service.any, tree["service"]["any"]);
        let one = Attributes::from(tree).secret(&["service".into(), "more".into(), "1".into()], &identities);
        assert_eq!(one.unwrap().expose(), "c4nary\n");
    }

    #[test]
    fn the_binary_form_is_read_as_base64() {
        let (identity, recipient) = pair();
        let mut identities = Identities::default();
        identities.pretend(&identity).unwrap();
        let binary = age::encrypt(&recipient.parse::<age::x25519::Recipient>().unwrap(), b"c4nary").unwrap();
        let sealed = json!({"age": STANDARD.encode(binary)});
        assert!(is_sealed(&sealed));
        assert_eq!(identities.open(&sealed).unwrap().expose(), "c4nary");
    }

    #[test]
    fn identities_come_from_files_of_both_forms() {
        let ((one, for_one), (two, for_two)) = (pair(), pair());
        let machine = Fake::debian("12")
            .with_file("/keys", format!("# created: today\n# public key: {for_one}\n{one}\n").as_str())
            .with_file("/env", format!("# x\nHTTP_PROXY=http://x\nexport AGE_IDENTITY=\"{two}\"\n").as_str());
        let identities = Identities::new(&machine, vec![file("/keys", Form::Lines), file("/env", Form::Variables)]);
        for recipient in [for_one, for_two] {
            assert_eq!(identities.open(&seal("x", &recipient).unwrap()).unwrap().expose(), "x");
        }
    }

    #[test]
    fn what_holds_no_identity_is_refused_without_showing_it() {
        let files = [
            ("/empty", Form::Lines, ""),
            ("/unset", Form::Variables, "AGE_IDENTITIES=x\n"),
            ("/plugin", Form::Lines, "AGE-PLUGIN-YUBIKEY-C4NARY\n"),
            ("/ssh", Form::Lines, "-----BEGIN OPENSSH PRIVATE KEY-----\nc4nary\n-----END OPENSSH PRIVATE KEY-----\n"),
            ("/cut", Form::Lines, "# x\nAGE-SECRET-KEY-1C4NARY\n"),
            ("/recipient", Form::Lines, "age1c4nary\n"),
            ("/locked", Form::Lines, "-----BEGIN AGE ENCRYPTED FILE-----\nc4nary\n"),
            ("/other", Form::Lines, "c4nary\nc4nary\n"),
        ];
        let machine = files.iter().fold(Fake::debian("12"), |machine, (path, _, text)| machine.with_file(path, *text));
        let sources = files.iter().map(|(path, form, _)| file(path, *form)).chain([file("/missing", Form::Lines)]);
        let identities = Identities::new(&machine, sources.collect());
        let said = shown(&identities.open(&seal("x", &pair().1).unwrap()).unwrap_err());
        assert!(!said.to_lowercase().contains("c4nary"), "{said}");
        insta::assert_snapshot!(said);
    }

    #[test]
    fn what_cannot_be_decrypted_or_belongs_elsewhere_is_told_at_its_place() {
        let (identity, recipient) = pair();
        let mut identities = Identities::default();
        identities.pretend(&identity).unwrap();
        let good = seal("c4nary", &recipient).unwrap();
        let other = seal("c4nary", &pair().1).unwrap();
        let text = good["age"].as_str().unwrap();
        let cut = json!({"age": format!("{}\n-----END AGE ENCRYPTED FILE-----", &text[..text.len() - 60])});
        let tree = json!({"service": {"password": other, "more": [cut, {"age": "c4nary"}, {"aged": 1}], "name": good}});
        let said = shown(&Attributes::from(tree.clone()).read::<Service>(&identities).unwrap_err());
        assert!(!said.contains("c4nary"), "{said}");
        let none = shown(&Attributes::from(tree).read::<Service>(&Identities::default()).unwrap_err());
        let missing = shown(&Attributes::default().secret(&["a".into()], &identities).unwrap_err());
        let recipients = ["age1x", &identity].map(|recipient| seal("x", recipient).unwrap_err().to_string());
        assert!(!recipients.concat().contains(&identity));
        insta::assert_snapshot!([said, none, missing, recipients.join("\n")].join("\n\n"));
    }

    #[test]
    fn other_objects_with_an_age_are_left_alone() {
        for value in [
            json!({"age": 5}),
            json!({"age": "five"}),
            json!({"name": "bob", "age": "-----BEGIN AGE ENCRYPTED FILE-----"}),
            json!("x"),
        ] {
            assert!(!is_sealed(&value), "{value}");
        }
    }
}
