//! `openssl_x509_certificate[path]`
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

pub use super::openssl_x509_request::{Action, Action::*, State};
use super::{
    entry::leaf_faults,
    openssl::{PASSWORD, Question, may_be_put, public},
    openssl_x509_request::{
        KeyType, OpensslX509Request, Says, WITH_CONFIG, content, escaped, required, told, with_request_properties,
    },
};
use crate::{
    Error, Fault, Result,
    host::{Op, Probe},
    resource::{Change, Goal, Property, Resource},
    values::{Blob, Secret},
};

/// Days that a certificate holds, when the recipe does not say; Chef's.
const EXPIRE: u32 = 365;

/// Further extensions of a certificate, by openssl's names. From data, as in Chef: `{"keyUsage": {"values":
/// ["digitalSignature"], "critical": true}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(BTreeMap<String, String>);

impl<N: Into<String>, V: Into<String>, const LENGTH: usize> From<[(N, V); LENGTH]> for Extensions {
    fn from(extensions: [(N, V); LENGTH]) -> Self {
        Self(extensions.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Property for Extensions {
    const TYPE: &'static str = "object of objects of `values` and `critical`";

    fn from_json(value: &Json) -> Result<Self, String> {
        let wrong = |found: &Json| format!("expected {}, found {found}", Self::TYPE);
        let one = |(name, extension): (&String, &Json)| {
            let values = extension.get("values").ok_or_else(|| wrong(extension))?;
            let mut words = crate::values::Words::from_json(values)?.0;
            match extension.get("critical") {
                Some(Json::Bool(true)) => words.insert(0, "critical".to_owned()),
                Some(Json::Bool(false)) | None => {}
                Some(other) => return Err(wrong(other)),
            }
            Ok((name.clone(), words.join(",")))
        };
        value.as_object().ok_or_else(|| wrong(value))?.iter().map(one).collect::<Result<_, String>>().map(Self)
    }
}

with_request_properties! {
    /// A certificate and, where there is none, its private key, made by `openssl`: signed by itself, or by a certificate
    /// authority whose key is here. One that is there is kept while it says what is declared, is of the key that is there,
    /// and is not to be renewed; otherwise it is made anew, by the same key.
    pub struct OpensslX509Certificate("path") extends request: OpensslX509Request {
        /// How many days a new one holds; 365 when not given.
        expire: u32,
        /// How many days before its end it is made anew; never when not given.
        renew_before_expiry: u32,
        /// Further extensions of a new one, as `("keyUsage", "critical,digitalSignature")`. Those of one that is there are
        /// not compared.
        extensions: Extensions,
        /// The certificate of the authority that signs.
        ca_cert_file: PathBuf,
        /// The private key of the authority that signs.
        ca_key_file: PathBuf,
        /// The password of that key.
        ca_key_pass: Secret,
        /// A request that it is made by, in place of a key: its subject is that of the request. It takes an authority.
        csr_file: PathBuf,
    }
    example r#"r.add(OpensslX509Certificate::at("/etc/ssl/web.pem").common_name("www.example.com").renew_before_expiry(30_u32));"#
}

/// What a certificate says.
const SHOW: [&str; 13] = [
    "openssl",
    "x509",
    "-in",
    "/dev/stdin",
    "-noout",
    "-subject",
    "-issuer",
    "-nameopt",
    "utf8,sname,sep_multiline",
    "-enddate",
    "-ext",
    "subjectAltName",
    "-pubkey",
];

/// What a request says.
const SHOW_REQUEST: [&str; 9] =
    ["openssl", "req", "-in", "/dev/stdin", "-noout", "-subject", "-nameopt", "utf8,sname,sep_multiline", "-pubkey"];

/// Signs, with everything that is no secret in the environment.
const SIGN: &str = "exec \"$@\" -set_serial \"0x0$(openssl rand -hex 15 </dev/null)\" 3<<A 4<<B 5<<C\n\
                    $BRASA_CONFIG\nA\n$BRASA_CA\nB\n$BRASA_REQUEST\nC";

/// Who it is for, and by which key.
struct Applicant {
    subject: Vec<String>,
    /// The key in PEM.
    public: String,
}

impl OpensslX509Certificate {
    /// The certificate at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(OpensslX509Request::at(path))
    }

    /// Lines of extensions, the usual ones where no other was asked for.
    fn extension_lines(&self) -> String {
        let asked = self.extensions.clone().unwrap_or_default().0;
        let usual: &[(&str, &str)] = if self.ca_key_file.is_some() {
            &[("subjectKeyIdentifier", "hash"), ("authorityKeyIdentifier", "keyid,issuer")]
        } else {
            &[("basicConstraints", "critical,CA:TRUE"), ("subjectKeyIdentifier", "hash")]
        };
        let usual = usual.iter().filter(|(name, _)| !asked.contains_key(*name));
        let usual: String = usual.map(|(name, value)| format!("{name}={value}\n")).collect();
        // Openssl would put environment variables in place of `$ENV::NAME`: the password is in one.
        usual + &asked.iter().map(|(name, value)| format!("{name}={}\n", escaped(value))).collect::<String>()
    }

    fn text(path: &Path, why: &str, probe: &dyn Probe) -> Result<String> {
        let content = required(path, why, probe)?;
        Ok(content.bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned())
    }

    /// Subject and key of the request that is given.
    fn by_request(&self, probe: &dyn Probe) -> Result<Option<Applicant>> {
        let Some(path) = &self.csr_file else { return Ok(None) };
        let request = required(path, "the certificate is made by it", probe)?;
        match told(&SHOW_REQUEST, &request, probe)? {
            Some(text) => {
                let subject = Says::read(&text, "").subject;
                Ok(Some(Applicant { subject, public: super::openssl::block(&text, "PUBLIC KEY").to_owned() }))
            }
            None => Err(Error::failed(format!("`{}` is no request for a certificate", path.display()))),
        }
    }

    fn made(&self, key: Option<&Blob>, probe: &dyn Probe) -> Result<Blob> {
        let (days, password) = (self.expire.unwrap_or(EXPIRE).to_string(), format!("env:{PASSWORD}"));
        let config = self.request.config(&self.extension_lines());
        let mut environment = vec![("BRASA_CONFIG", config)];
        let common = ["-utf8", "-config", "/dev/fd/3"];
        let nothing = Blob::from("");
        let key = key.unwrap_or(&nothing);
        let made = match (&self.ca_key_file, &self.ca_cert_file) {
            (Some(ca_key), Some(ca)) => {
                let request = match &self.csr_file {
                    Some(path) => Self::text(path, "the certificate is made by it", probe)?,
                    None => self.request.made(key, probe)?,
                };
                let why = "the certificate is signed by it";
                environment.extend([("BRASA_CA", Self::text(ca, why, probe)?), ("BRASA_REQUEST", request)]);
                let signer = required(ca_key, why, probe)?;
                let mut words = vec!["/bin/sh", "-c", SIGN, "sh", "openssl", "x509", "-req", "-sha256"];
                words.extend(["-days", &days, "-CA", "/dev/fd/4", "-CAkey", "/dev/stdin", "-passin", &password]);
                words.extend(["-extfile", "/dev/fd/3", "-extensions", "ext", "-in", "/dev/fd/5"]);
                let password = self.ca_key_pass.as_ref();
                Question { words: &words, input: signer.bytes(), password, environment: &environment }.ask(probe)?
            }
            (_, _) => {
                let mut words = vec!["/bin/sh", "-c", WITH_CONFIG, "sh", "openssl", "req", "-new", "-x509", "-sha256"];
                words.extend(["-days", &days, "-key", "/dev/stdin", "-passin", &password, "-extensions", "ext"]);
                words.extend(common);
                let password = self.request.key_pass.as_ref();
                Question { words: &words, input: key.bytes(), password, environment: &environment }.ask(probe)?
            }
        };
        made.map(|text| Blob::from(text.as_str()))
            .map_err(|why| Error::failed(format!("openssl made no certificate: {why}")))
    }

    /// Whether the end is so near that it is made anew.
    fn is_due(&self, says: &Says, probe: &dyn Probe) -> bool {
        let Some(days) = self.renew_before_expiry else { return false };
        let now = probe.now().duration_since(std::time::SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        says.expires.is_some_and(|end| u64::from(end.0) < now / 86_400 + u64::from(days))
    }
}

impl Resource for OpensslX509Certificate {
    const KIND: &'static str = "openssl_x509_certificate";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.request.name()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.request.faults();
        for path in [&self.ca_key_file, &self.ca_cert_file, &self.csr_file].into_iter().flatten() {
            faults.extend(leaf_faults(path));
        }
        if self.ca_key_file.is_some() != self.ca_cert_file.is_some() {
            faults.push(Fault::new("an authority has both a certificate and a key").hint(
                "say both `ca_cert_file` and `ca_key_file`, or neither of them for a certificate that is signed by itself",
            ));
        }
        match (&self.csr_file, self.request.subject().is_empty()) {
            (Some(_), _) if self.ca_key_file.is_none() => {
                faults.push(Fault::new("a request is signed by an authority").hint("name its `ca_key_file`"));
            }
            (Some(_), false) => faults
                .push(Fault::new("a request says itself whom it is for").hint("leave `common_name` and the like out")),
            (None, true) => {
                faults.push(Fault::new("it does not say what it is for").hint("name it with `common_name`"));
            }
            (Some(_), true) | (None, false) => {}
        }
        let expire = self.expire.unwrap_or(EXPIRE);
        if expire == 0 || self.renew_before_expiry.is_some_and(|days| days >= expire) {
            faults.push(
                Fault::new("it would be made anew in each run").hint("`expire` is more than `renew_before_expiry`"),
            );
        }
        for (name, value) in self.extensions.iter().flat_map(|extensions| &extensions.0) {
            // What begins with a dot is a directive, as `.include`.
            let known = name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
            if !known || value.contains(|c: char| c.is_control()) {
                faults.push(Fault::new(format!("`{}` is no extension", name.escape_debug())));
            }
            if name == "subjectAltName" {
                faults.push(Fault::new("`subjectAltName` is no further extension").hint("say `subject_alt_name`"));
            }
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let mut state = self.request.read_by(&SHOW, &self.request.key(KeyType::Rsa), probe)?;
        if let (Some(applicant), Some(says), Some(there)) =
            (self.by_request(probe)?, &mut state.says, content(&state.file))
        {
            let text = told(&SHOW, there, probe)?.unwrap_or_default();
            *says = Says::read(&text, &applicant.public);
        }
        Ok(state)
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let applicant = self.by_request(probe)?;
        let key = match &applicant {
            Some(_) => now.key.clone(),
            None => self.request.key(KeyType::Rsa).wanted(&now.key, probe)?,
        };
        let subject = applicant.as_ref().map_or_else(|| self.request.subject(), |given| given.subject.clone());
        let issuer = match &self.ca_cert_file {
            Some(path) => {
                let ca = required(path, "the certificate is signed by it", probe)?;
                told(&SHOW, &ca, probe)?.map(|text| Says::read(&text, "").subject).ok_or_else(|| {
                    Error::failed(format!("`{}` is no certificate that openssl can read", path.display()))
                })?
            }
            None => subject.clone(),
        };
        let wanted = Says { subject, issuer, names: self.request.names(), of_this_key: true, expires: None };
        let is_wanted = |says: &Says| Says { expires: None, ..says.clone() } == wanted;
        let kept = now.says.as_ref().filter(|says| is_wanted(says) && key == now.key && !self.is_due(says, probe));
        let (certificate, says) = match (kept, content(&now.file)) {
            (Some(says), Some(there)) => (there.clone(), says.clone()),
            (_, _) => {
                // What is in the way is told first.
                may_be_put(&self.request.file(), &now.file, probe)?;
                let made = self.made(content(&key), probe)?;
                let public = match (applicant, content(&key)) {
                    (Some(applicant), _) => applicant.public,
                    (None, Some(key)) => public(key, self.request.key_pass.as_ref(), "the key", probe)?.0,
                    (None, None) => String::new(),
                };
                let says = Says::read(&told(&SHOW, &made, probe)?.unwrap_or_default(), &public);
                if !is_wanted(&says) {
                    let (said, told) = (says.to_string(), wanted.to_string());
                    let error = Error::failed(format!("openssl made a certificate for {said}; it was told {told}"));
                    return Err(error.hint("openssl 1.1.1 or later is needed"));
                }
                (made, says)
            }
        };
        let file = self.request.file().becoming(Some(certificate), &now.file, probe)?;
        Ok(Goal::State(State { key, file, says: Some(says) }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = self.request.key(KeyType::Rsa).steps(&from.key, &to.key)?;
        operations.extend(self.request.file().steps(&from.file, &to.file)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, Extensions, OpensslX509Certificate};
    use crate::{
        host::Fake,
        resource::{Property as _, prepare},
        resources::trial::{faults, refused},
    };

    fn web() -> OpensslX509Certificate {
        OpensslX509Certificate::at("/etc/ssl/web.pem").common_name("www.example.com")
    }

    #[test]
    fn what_openssl_is_told_means_what_was_said() {
        let odd = web().org("A \"b\" 'c' #1 $HOME \\x").subject_alt_name(["IP:2001:db8::1", "DNS:a"]);
        let odd = odd.extensions([("keyUsage", "critical,digitalSignature")]);
        assert_eq!(
            odd.request.config(&odd.extension_lines()),
            "[req]\nprompt=no\nstring_mask=utf8only\ndistinguished_name=dn\n[dn]\nO=A \\\"b\\\" \\'c\\' \\#1 \\$HOME \\\\x\n\
             CN=www.example.com\n[ext]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n\
             keyUsage=critical,digitalSignature\nsubjectAltName=@names\n[names]\nDNS.0=a\nIP.1=2001:db8::1\n"
        );
        let own = web().extensions([("basicConstraints", "CA:FALSE")]).extension_lines();
        assert_eq!(own, "subjectKeyIdentifier=hash\nbasicConstraints=CA:FALSE\n");
        let env = web().extensions([("nsComment", "$ENV::BRASA_KEY_PASS ${ENV::A}")]).extension_lines();
        assert!(env.ends_with("\nnsComment=\\$ENV::BRASA_KEY_PASS \\${ENV::A}\n"), "{env}");
        let chef = serde_json::json!({"keyUsage": {"values": ["a", "b"], "critical": true}});
        assert_eq!(Extensions::from_json(&chef), Ok([("keyUsage", "critical,a,b")].into()));
        assert!(Extensions::from_json(&serde_json::json!({"keyUsage": "a"})).is_err());
    }

    #[test]
    fn what_openssl_prints_is_read() {
        let text = "subject=\n    C=DE\n    CN=a=b, c\nissuer=\n    CN=CA\nnotAfter=Dec  1 20:20:33 2026 GMT\n\
                    X509v3 Subject Alternative Name: \n    IP Address:2001:DB8:0:0:0:0:0:1, DNS:a\n\
                    -----BEGIN PUBLIC KEY-----\nkey\n-----END PUBLIC KEY-----\n";
        let key = "-----BEGIN PUBLIC KEY-----\nkey\n-----END PUBLIC KEY-----";
        let says = super::Says::read(text, key);
        assert_eq!(says.subject, ["C=DE", "CN=a=b, c"]);
        assert_eq!((says.issuer.as_slice(), says.of_this_key), (["CN=CA".to_owned()].as_slice(), true));
        assert_eq!(says.names, ["DNS:a", "IP:2001:db8::1"]);
        assert_eq!(says.expires.unwrap().to_string(), "2026-12-01");
        assert!(!super::Says::read(text, "").of_this_key);
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        assert_eq!(faults(&web().subject_alt_name(["DNS:a", "IP:::1", "email:a@b"])), [""; 0]);
        let none = OpensslX509Certificate::at("/etc/ssl/web.pem");
        assert_eq!(faults(&none), ["it does not say what it is for\nhint: name it with `common_name`"]);
        let bad = web().country("Germany").city(" x").subject_alt_name(["a", "IP:x", "DNS:a,b"]).ca_key_file("/ca.key");
        assert_eq!(faults(&bad).len(), 6, "{:?}", faults(&bad));
        assert_eq!(faults(&web().expire(30_u32).renew_before_expiry(30_u32)).len(), 1);
        assert_eq!(faults(&web().csr_file("/a.csr")).len(), 1);
        assert_eq!(faults(&web().org("a\nb")).len(), 1);
        assert_eq!(faults(&web().extensions([(".include", "/etc")])), ["`.include` is no extension"]);
    }

    #[test]
    fn what_is_not_there_is_said_before_anything_is_done() {
        let signed = || web().ca_cert_file("/ca.pem").ca_key_file("/ca.key");
        let machine = || Fake::new().with_directory("/etc/ssl").with_file("/etc/ssl/web.key", "key");
        let pkey = "openssl pkey -in /dev/stdin -passin env:BRASA_KEY_PASS -pubout -text_pub";
        let mut machine = machine().with_answer(pkey, 0, "Modulus:");
        assert_eq!(
            refused(&signed(), Create, &mut machine),
            "file `/ca.pem` does not exist: the certificate is signed by it"
        );
        assert!(prepare(&signed().csr_file("/a.csr"), Create, false, &machine).is_err());
    }
}
