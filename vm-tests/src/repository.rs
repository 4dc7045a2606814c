//! A local source of packages, and how a container comes to use it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache::{self, Artefact};
use crate::error::{Error, Result};
use crate::host::call;
use crate::signing::{self, EXPIRED, Keyring, THEN};

/// A local repository. It is seen in containers below `/lab`, whatever the path on the host, where `_apt` can read it.
#[derive(Clone, Debug)]
pub struct Repository {
    artefact: Artefact,
    kind: Kind,
}

/// Who reads the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Apt,
    Dnf,
    Gems,
}

impl Repository {
    pub(crate) fn apt(artefact: Artefact) -> Self {
        Self { artefact, kind: Kind::Apt }
    }

    pub(crate) fn dnf(artefact: Artefact) -> Self {
        Self { artefact, kind: Kind::Dnf }
    }

    pub(crate) fn gems(artefact: Artefact) -> Self {
        Self { artefact, kind: Kind::Gems }
    }

    /// Its files on the host.
    pub fn artefact(&self) -> &Artefact {
        &self.artefact
    }

    /// Where containers see it.
    pub fn mount_point(&self) -> String {
        mount_point(self.artefact.name())
    }

    /// A shell script that makes a container use this repository.
    pub(crate) fn setup(&self) -> String {
        let (name, at) = (self.artefact.name(), self.mount_point());
        let (file, text) = match self.kind {
            Kind::Apt => (
                format!("/etc/apt/sources.list.d/lab-{name}.sources"),
                format!("Types: deb\nURIs: file:{at}\nSuites: ./\nSigned-By: {at}/key.asc"),
            ),
            Kind::Dnf => (
                format!("/etc/yum.repos.d/lab-{name}.repo"),
                format!(
                    "[lab-{name}]\nname=lab-{name}\nbaseurl=file://{at}\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n\
                     gpgkey=file://{at}/key.asc"
                ),
            ),
            Kind::Gems => ("/etc/gemrc".to_owned(), format!("---\n:sources:\n- file://{at}/")),
        };
        format!("cat >{file} <<'END'\n{text}\nEND\n")
    }

    /// Whether apt reads it: then the system's own sources have to go, which are out of reach without a network.
    pub(crate) fn is_apt(&self) -> bool {
        self.kind == Kind::Apt
    }
}

/// A shell script that takes the sources of apt, and what it knows of them, away.
pub(crate) const FORGET_APT_SOURCES: &str =
    "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin\n";

/// Where containers see the repository `name`.
pub(crate) fn mount_point(name: &str) -> String {
    format!("/lab/{name}")
}

/// Makes a flat, signed apt repository of the .deb files in `directory`.
pub(crate) fn index_apt(directory: &Path) -> Result<()> {
    let doing = "index an apt repository";
    let write = |name: &str, text: String| {
        fs::write(directory.join(name), text).map_err(Error::io(format!("write `{}`", directory.join(name).display())))
    };
    let packages = call(doing, Command::new("apt-ftparchive").args(["packages", "."]).current_dir(directory))?;
    write("Packages", packages)?;
    let mut release = Command::new("apt-ftparchive");
    release.args(["-o", "APT::FTPArchive::Release::Origin=Lab", "-o", "APT::FTPArchive::Release::Suite=lab"]);
    let release = call(doing, release.args(["release", "."]).current_dir(directory))?;
    write("Release", release)?;
    let keyring = Keyring::with_key()?;
    call(doing, keyring.gpg().args(["--clearsign", "--output", "InRelease", "Release"]).current_dir(directory))?;
    publish_key(directory)
}

/// An apt repository whose signature was good once: its key has expired.
///
/// # Errors
/// [`Error`] if a tool that it needs cannot be had or fails.
pub fn expired_repo() -> Result<Repository> {
    let source = crate::deb::deb_repo()?;
    let recipe = format!("{}\n{THEN}", source.artefact().path().display());
    let artefact = cache::artefact("expired", &recipe, |directory| {
        for name in ["lab-doc_1.0_all.deb", "Packages", "Release"] {
            let doing = || Error::io(format!("copy `{name}`"));
            fs::copy(source.artefact().path().join(name), directory.join(name)).map_err(doing())?;
        }
        let keyring = Keyring::expired()?;
        let doing = "sign with a key that has expired";
        let sign = ["--clearsign", "--output", "InRelease", "Release"];
        call(doing, keyring.gpg().args([EXPIRED, THEN]).args(sign).current_dir(directory))?;
        let export = ["--armor", "--output", "key.asc", "--export"];
        call(doing, keyring.gpg().args(export).current_dir(directory)).map(drop)
    })?;
    Ok(Repository::apt(artefact))
}

/// The dnf repository of one package, with an index that is signed with a key that has expired since.
///
/// # Errors
/// [`Error`] if a tool that it needs cannot be had or fails.
pub fn expired_rpm_repo() -> Result<Repository> {
    let source = crate::rpm::rpm_repo()?;
    let recipe = format!("{}\n{THEN}, dnf", source.artefact().path().display());
    let artefact = cache::artefact("expired-rpm", &recipe, |directory| {
        let name = "lab-doc-1.0-1.noarch.rpm";
        let doing = || Error::io(format!("copy `{name}`"));
        fs::copy(source.artefact().path().join(name), directory.join(name)).map_err(doing())?;
        call("index the RPM", Command::new("createrepo_c").arg("--quiet").arg(directory))?;
        let keyring = Keyring::expired()?;
        let doing = "sign with a key that has expired";
        let sign = ["--armor", "--detach-sign", "repodata/repomd.xml"];
        call(doing, keyring.gpg().args([EXPIRED, THEN]).args(sign).current_dir(directory))?;
        let export = ["--armor", "--output", "key.asc", "--export"];
        call(doing, keyring.gpg().args(export).current_dir(directory)).map(drop)
    })?;
    Ok(Repository::dnf(artefact))
}

/// Puts the public half of the lab's key beside a repository.
pub(crate) fn publish_key(directory: &Path) -> Result<()> {
    let target = directory.join("key.asc");
    let copied = fs::copy(signing::key()?.path().join("public.asc"), &target);
    copied.map(drop).map_err(Error::io(format!("write `{}`", target.display())))
}
