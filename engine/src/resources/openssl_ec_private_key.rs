//! `openssl_ec_private_key[path]`
use std::path::PathBuf;

use super::{
    file::State,
    openssl::{CIPHER, CURVE, Key, Sort, file},
};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Goal, Resource},
    values::{Mode, Secret},
};

properties! {
    /// A private key on an elliptic curve, made by `openssl` where there is none. One that is there is kept, if openssl can
    /// read it. What is in it is in no report, and nobody but its owner can read it at any moment. A plan makes one too, and
    /// throws it away.
    pub struct OpensslEcPrivateKey("path") {
        path: PathBuf;
        /// The curve of a new one by openssl's name: `prime256v1` (when not given), `secp384r1`, `secp521r1` or another.
        key_curve: String,
        /// The password that it is encrypted with.
        key_pass: Secret,
        /// What a new one with a password is encrypted with; `aes-256-cbc` when not given.
        key_cipher: String,
        /// Name or number of the owner. A new one belongs to root; one that is there keeps its owner.
        owner: String,
        /// Name or number of the group. A new one belongs to root's; one that is there keeps its group.
        group: String,
        /// Permission bits; 0600 when not given.
        mode: Mode,
        /// Whether what is there is replaced when it is no key that openssl can read, or on another curve.
        force: bool,
    }
    example r#"r.add(OpensslEcPrivateKey::at("/etc/ssl/private/web.key").key_curve("secp384r1"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has a key be there.",
    }
}
pub use Action::*;

/// What is wrong with a name that openssl is given.
pub(crate) fn name_fault(what: &str, name: Option<&str>) -> Option<Fault> {
    let known = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let wrong = name.filter(|name| !known(name))?;
    Some(Fault::new(format!("{what} `{}` is no name that openssl has", wrong.escape_debug())))
}

impl OpensslEcPrivateKey {
    /// The key at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn key(&self) -> Key<'_> {
        Key {
            file: file(&self.path, self.mode.unwrap_or(Mode::from(0o600)), self.owner.as_ref(), self.group.as_ref()),
            sort: Sort::Ec(self.key_curve.as_deref().unwrap_or(CURVE)),
            password: self.key_pass.as_ref(),
            cipher: self.key_cipher.as_deref().unwrap_or(CIPHER),
            force: self.force.unwrap_or(false),
        }
    }
}

impl Resource for OpensslEcPrivateKey {
    const KIND: &'static str = "openssl_ec_private_key";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.key().file.check();
        faults.extend(name_fault("key_curve", self.key_curve.as_deref()));
        faults.extend(name_fault("key_cipher", self.key_cipher.as_deref()));
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.key().file.read(probe)
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.key().wanted(now, probe).map(Goal::State)
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.key().steps(&change.from, &change.to)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::openssl_rsa_private_key::OpensslRsaPrivateKey, Create, OpensslEcPrivateKey};
    use crate::{
        host::Fake,
        resource::{prepare, step},
        resources::trial::{done, faults, refused},
    };

    const NEW: &str = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n";
    const ASKED: &str = "openssl pkey -in /dev/stdin -passin env:BRASA_KEY_PASS -pubout -text_pub";

    fn ec() -> OpensslEcPrivateKey {
        OpensslEcPrivateKey::at("/etc/ssl/web.key")
    }

    fn machine() -> Fake {
        Fake::new()
            .with_directory("/etc/ssl")
            .with_answer("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1", 0, NEW)
            .with_answer("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp384r1", 0, NEW)
            .with_answer(
                "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-256-cbc -pass env:BRASA_KEY_PASS",
                0,
                NEW,
            )
            .with_answer(ASKED, 0, "Public-Key: (256 bit)\nASN1 OID: prime256v1\n")
    }

    #[test]
    fn a_key_is_made_once_and_shown_nowhere() {
        let written = format!("write /etc/ssl/web.key {NEW:?} 0600 root:root backup 5");
        assert_eq!(done(&ec(), Create, &mut machine()), [written.as_str()]);
        let rsa = OpensslRsaPrivateKey::at("/etc/ssl/web.key").key_pass("pw-canary");
        assert_eq!(done(&rsa, Create, &mut machine()), [written.as_str()]);
        let changed = prepare(&ec(), Create, false, &machine()).unwrap().unwrap().into_changed();
        let told = serde_json::to_string(&changed).unwrap();
        assert!(!told.contains("canary") && changed.diffs.is_empty(), "{told}");
        // One that is there stays, and nobody but its owner reads it.
        let mut open = machine().with_file("/etc/ssl/web.key", "another key");
        assert_eq!(done(&ec().key_curve("secp384r1"), Create, &mut open), ["set /etc/ssl/web.key 0600 root:root"]);
    }

    #[test]
    fn a_curve_is_known_by_each_of_its_names() {
        let p256 = "Public-Key: (256 bit)\nASN1 OID: prime256v1\nNIST CURVE: P-256\n";
        let there = machine().with_answer(ASKED, 0, p256).with_file("/etc/ssl/web.key", "a key");
        for (curve, writes) in [("P-256", false), ("PRIME256V1", false), ("secp384r1", true)] {
            let key = ec().force(true).key_curve(curve);
            let pending = prepare(&key, Create, false, &there).unwrap().unwrap();
            assert_eq!(format!("{:?}", pending.operations()).contains("Write"), writes, "{curve}");
        }
    }

    #[test]
    fn what_is_no_key_is_replaced_only_when_asked() {
        let there = || machine().with_file("/etc/ssl/web.key", "no key");
        let mut broken = there().with_answer(ASKED, 1, "");
        assert_eq!(
            refused(&ec(), Create, &mut broken),
            "`/etc/ssl/web.key` is no private key that openssl can read: it failed without a word\n\
             hint: is `key_pass` its password? a resource of the key itself makes it anew with `force`; or remove it"
        );
        assert!(prepare(&ec().force(true), Create, false, &broken).unwrap().is_some());
        assert!(prepare(&ec().force(true), Create, false, &there()).unwrap().is_some(), "its mode is too wide");
        let other = ec().force(true).key_curve("secp384r1");
        let pending = prepare(&other, Create, false, &there()).unwrap().unwrap();
        assert!(format!("{:?}", pending.operations()).contains("Write"), "it is on another curve");
        assert!(step(&ec(), Create, &mut Fake::new()).unwrap_err().to_string().contains("/etc/ssl"));
        assert_eq!(
            refused(&ec(), Create, &mut machine().with_answer(ASKED, 127, "").with_file("/etc/ssl/web.key", "x")),
            "there is no program `openssl` here\nhint: declare the package `openssl` before it"
        );
    }

    #[test]
    fn bad_declarations_are_found_without_a_machine() {
        assert_eq!(faults(&ec()), [""; 0]);
        assert_eq!(
            faults(&ec().key_curve("x;y").key_cipher("")),
            ["key_curve `x;y` is no name that openssl has", "key_cipher `` is no name that openssl has"]
        );
        assert_eq!(
            faults(&OpensslRsaPrivateKey::at("/x").key_length(1000_u32)),
            ["there is no key of 1000 bits\nhint: it has 2048, 3072 or 4096"]
        );
    }
}
