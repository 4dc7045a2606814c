//! The program that changes packages, and which generation of it: they differ in words, in files and in what they print.
use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{super::has_program, quoted};
use crate::{Error, Result};

/// Programs that can change packages, the preferred ones first.
pub const PROGRAMS: [&str; 4] = ["dnf", "dnf5", "yum", "microdnf"];

/// What a program is, by whatever name it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// yum 3, of Enterprise Linux 7.
    Three,
    /// dnf 4.
    Four,
    /// microdnf, which is made of the libraries of dnf 4 and has few of its words.
    Micro,
    /// dnf 5, which Fedora 41 and later call `dnf`, `yum` and `microdnf` too.
    Five,
}

/// A program, by the name that it is called by.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    pub generation: Generation,
}

impl Program {
    /// The one to call.
    pub fn of(root: &Path) -> Result<Self> {
        let name = PROGRAMS.into_iter().find(|program| has_program(root, program)).ok_or_else(|| {
            let names = quoted(&PROGRAMS.map(str::to_owned));
            Error::Unsupported(format!("this machine has none of {names}: its packages cannot be changed"))
        })?;
        let generation = match own_name(root, name).as_deref() {
            Some(own) if own.starts_with("dnf5") => Generation::Five,
            // What is called yum later is a link to dnf.
            Some("yum") => Generation::Three,
            Some("microdnf") => Generation::Micro,
            Some(_) | None => Generation::Four,
        };
        Ok(Self { name, generation })
    }

    pub fn is_five(self) -> bool {
        self.generation == Generation::Five
    }

    pub fn is_yum(self) -> bool {
        self.generation == Generation::Three
    }

    pub fn is_micro(self) -> bool {
        self.generation == Generation::Micro
    }

    /// What microdnf has no word for, said before anything is done.
    pub fn lacks(self, what: &str) -> Result<()> {
        if !self.is_micro() {
            return Ok(());
        }
        Err(Error::failed(format!("`{self}` cannot {what}"))
            .hint("install `dnf`, by a resource before this one or by hand: it is used in its place then"))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The name of the file that links lead to in the end. They are followed by hand: those of another root lead into it.
fn own_name(root: &Path, name: &str) -> Option<String> {
    let places = ["usr/bin", "usr/sbin", "bin", "sbin"].map(|directory| root.join(directory).join(name));
    let mut path: PathBuf = places.into_iter().find(|path| path.symlink_metadata().is_ok())?;
    // As many as the kernel follows.
    for _ in 0..40 {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = match target.strip_prefix("/") {
            Ok(below) => root.join(below),
            Err(_) => path.parent()?.join(target),
        };
    }
    Some(path.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::{Generation, Program};

    #[test]
    fn generations_are_told_by_what_links_lead_to() {
        for (file, links, name, generation) in [
            ("dnf-3", &[("dnf", "dnf-3"), ("yum", "dnf-3")][..], "dnf", Generation::Four),
            ("dnf", &[("yum", "dnf")], "dnf", Generation::Four),
            ("yum", &[], "yum", Generation::Three),
            ("dnf-3", &[("yum", "./dnf-3")], "yum", Generation::Four),
            ("dnf5", &[("dnf", "dnf5"), ("yum", "dnf")], "dnf", Generation::Five),
            (
                "dnf5",
                &[("yum", "/etc/alternatives/yum"), ("../../etc/alternatives/yum", "/usr/bin/dnf5")],
                "dnf5",
                Generation::Five,
            ),
            ("dnf5", &[], "dnf5", Generation::Five),
            ("microdnf", &[], "microdnf", Generation::Micro),
            ("dnf-3", &[("dnf", "dnf-3"), ("microdnf", "/elsewhere/microdnf")], "dnf", Generation::Four),
        ] {
            let root = tempfile::tempdir().unwrap();
            let programs = root.path().join("usr/bin");
            fs::create_dir_all(&programs).unwrap();
            fs::create_dir_all(root.path().join("etc/alternatives")).unwrap();
            fs::write(programs.join(file), "").unwrap();
            for (link, target) in links {
                symlink(target, programs.join(link)).unwrap();
            }
            let program = Program::of(root.path()).unwrap();
            assert_eq!((program.name, program.generation), (name, generation), "{file} {links:?}");
        }
        let nothing = Program::of(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(nothing.starts_with("this machine has none of `dnf`, `dnf5`, `yum`, `microdnf`"), "{nothing}");
    }
}
