//! The key that signs the lab's repositories.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cache::{self, Artefact};
use crate::error::{Error, Result};
use crate::host::{announce, call, need};

/// The name on the key.
pub(crate) const SIGNER: &str = "lab@localhost";

/// Options of gpg for a time at which the key of [`Keyring::expired`] was good.
pub(crate) const EXPIRED: &str = "--faked-system-time";
pub(crate) const THEN: &str = "20200115T000000";

/// The lab's key: `public.asc` and `secret.asc`, without a passphrase. One for all repositories, so that a root which
/// trusts it need not be made anew with each of them.
pub(crate) fn key() -> Result<Artefact> {
    need(&[("gpg", "gnupg")])?;
    // RSA: rpm of EL 9 does not know the newer kinds everywhere.
    cache::artefact("key", "rsa2048 sign never, 1", |directory| {
        let keyring = Keyring::empty()?;
        let doing = "make the lab's signing key";
        call(doing, keyring.gpg().args(["--quick-gen-key", "Lab <lab@localhost>", "rsa2048", "sign", "never"]))?;
        call(doing, keyring.gpg().args(["--armor", "--output"]).arg(directory.join("public.asc")).arg("--export"))?;
        let secret = directory.join("secret.asc");
        call(doing, keyring.gpg().args(["--armor", "--output"]).arg(secret).arg("--export-secret-keys"))?;
        Ok(())
    })
}

/// A throwaway GnuPG home. It lies in the temporary directory because the agent's socket has to fit into 108 bytes.
pub(crate) struct Keyring(PathBuf);

impl Keyring {
    fn empty() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lab-gpg.{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = std::env::temp_dir().join(name);
        cache::remove(&home)?;
        fs::DirBuilder::new().mode(0o700).create(&home).map_err(Error::io(format!("make `{}`", home.display())))?;
        Ok(Self(home))
    }

    /// A keyring with a key that could sign in January 2020, as gpg does when it takes it to be then.
    pub(crate) fn expired() -> Result<Self> {
        let keyring = Self::empty()?;
        let mut make = keyring.gpg();
        make.args([EXPIRED, THEN, "--quick-gen-key", "Old <old@localhost>", "rsa2048", "sign", "2020-02-01"]);
        call("make a key that has expired", &mut make)?;
        Ok(keyring)
    }

    /// A keyring that can sign with the lab's key.
    pub(crate) fn with_key() -> Result<Self> {
        let key = key()?;
        let keyring = Self::empty()?;
        call("load the signing key", keyring.gpg().arg("--import").arg(key.path().join("secret.asc")))?;
        Ok(keyring)
    }

    /// Its directory, for programs that call gpg themselves.
    pub(crate) fn home(&self) -> &Path {
        &self.0
    }

    /// gpg on this keyring, without questions.
    pub(crate) fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", &self.0).args(["--quiet", "--batch", "--yes", "--pinentry-mode", "loopback"]);
        gpg.args(["--passphrase", ""]);
        gpg
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let stopped =
            call("stop gpg's agent", Command::new("gpgconf").env("GNUPGHOME", &self.0).args(["--kill", "all"]));
        if let Err(error) = stopped.map(drop).and_then(|()| cache::remove(&self.0)) {
            announce(&format!("left behind: {error}"));
        }
    }
}
