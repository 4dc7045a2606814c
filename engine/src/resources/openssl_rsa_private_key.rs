//! `openssl_rsa_private_key[path]`
use std::path::PathBuf;

use super::{
    file::State,
    openssl::{CIPHER, Key, LENGTH, Sort, file},
};
use crate::{
    Fault, Result,
    host::{Op, Probe},
    properties,
    resource::{Change, Goal, Resource},
    values::{Mode, Secret},
};

/// Lengths that Chef knows, and the one that is asked for today.
const LENGTHS: [u32; 5] = [1024, 2048, 3072, 4096, 8192];

properties! {
    /// A private key of RSA, made by `openssl` where there is none. One that is there is kept, if openssl can read it. What
    /// is in it is in no report, and nobody but its owner can read it at any moment. A plan makes one too, and throws it away.
    pub struct OpensslRsaPrivateKey("path") {
        path: PathBuf;
        /// How many bits a new one has: 1024, 2048 (when not given), 3072, 4096 or 8192.
        key_length: u32,
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
        /// Whether what is there is replaced when it is no key that openssl can read, or has another length.
        force: bool,
    }
    example r#"r.add(OpensslRsaPrivateKey::at("/etc/ssl/private/web.key").key_length(4096_u32));"#
}

pub use super::openssl_ec_private_key::{Action, Action::*};

impl OpensslRsaPrivateKey {
    /// The key at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn key(&self) -> Key<'_> {
        Key {
            file: file(&self.path, self.mode.unwrap_or(Mode::from(0o600)), self.owner.as_ref(), self.group.as_ref()),
            sort: Sort::Rsa(self.key_length.unwrap_or(LENGTH)),
            password: self.key_pass.as_ref(),
            cipher: self.key_cipher.as_deref().unwrap_or(CIPHER),
            force: self.force.unwrap_or(false),
        }
    }
}

impl Resource for OpensslRsaPrivateKey {
    const KIND: &'static str = "openssl_rsa_private_key";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.key().file.check();
        let length = self.key_length.unwrap_or(LENGTH);
        if !LENGTHS.contains(&length) {
            faults.push(Fault::new(format!("there is no key of {length} bits")).hint("it has 2048, 3072 or 4096"));
        }
        faults.extend(super::openssl_ec_private_key::name_fault("key_cipher", self.key_cipher.as_deref()));
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
