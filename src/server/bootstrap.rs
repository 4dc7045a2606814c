//! What is put on a machine so that it converges, and the run itself.
use std::path::{Path, PathBuf};

use brasa::host::{disk, environment, tool::Output};

use super::ssh::{Ssh, shell_word};
use crate::failure::Failure;

/// The script that runs on the machine.
pub const SCRIPT: &str = include_str!("../../packaging/bootstrap.sh");
/// Where it lies there.
pub const SCRIPT_PATH: &str = "/usr/local/sbin/brasa-bootstrap";
/// Where the program lies there.
pub const PROGRAM: &str = "/usr/local/bin/brasa";
/// Run-list and attributes.
pub const DNA: &str = "/etc/brasa/dna.json";
/// Settings.
pub const SOLO: &str = "/etc/brasa/solo.rb";

/// A dna.json or a solo.rb has at most so many bytes.
const LIMIT: u64 = 16 << 20;

/// What goes to a machine.
pub struct Load<'a> {
    /// Run-list and attributes.
    pub dna: &'a Path,
    /// Settings.
    pub solo: Option<&'a Path>,
    /// The program, when it is not the one that runs now.
    pub binary: Option<&'a Path>,
    /// Files and directories: where there, and from where here.
    pub files: &'a [(String, PathBuf)],
    /// Files for root alone.
    pub keys: &'a [(String, PathBuf)],
}

impl Load<'_> {
    /// Finds what is missing here before anything is done there.
    ///
    /// # Errors
    /// Everything that is not there.
    pub fn check(&self) -> Result<(), Failure> {
        let all = self.solo.into_iter().chain(self.binary).chain([self.dna]);
        let more = self.files.iter().chain(self.keys).map(|(_, from)| from.as_path());
        let missing: Vec<String> = all
            .chain(more)
            .filter(|path| !disk::exists(path))
            .map(|path| format!("`{}` does not exist", path.display()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::input(missing.join("\n")).hint("relative paths start in the directory of the description"))
    }

    /// Puts all of it there. Keys go last: they are of no use to a machine that did not take the rest.
    ///
    /// # Errors
    /// What the machine refused, or what could not be read here.
    pub fn upload(&self, ssh: &Ssh, say: &dyn Fn(&str)) -> Result<String, Failure> {
        let binary = self.program()?;
        let sha = disk::checksum(&binary)?.to_string();
        let there = ssh.run(&format!("sha256sum {PROGRAM} 2>/dev/null | cut -d' ' -f1"), "looking for the program")?;
        if there.trim() != sha {
            say("uploading the program");
            ssh.put_file(PROGRAM, 0o755, &binary, false)?;
        }
        say("uploading what it is to converge");
        ssh.put(SCRIPT_PATH, 0o755, SCRIPT.as_bytes(), false)?;
        ssh.put(DNA, 0o600, &input(self.dna, LIMIT)?, false)?;
        if let Some(solo) = self.solo {
            ssh.put(SOLO, 0o644, &input(solo, LIMIT)?, false)?;
        }
        for (entries, mode, private) in [(self.files, 0o644, false), (self.keys, 0o600, true)] {
            for (to, from) in entries {
                if disk::is_directory(from) {
                    ssh.put_tree(to, from, private)?;
                } else {
                    ssh.put_file(to, mode, from, private)?;
                }
            }
        }
        Ok(sha)
    }

    fn program(&self) -> Result<PathBuf, Failure> {
        let own = || environment::program().ok_or_else(|| Failure::failed("this program does not know its own file"));
        self.binary.map_or_else(own, |path| Ok(path.to_owned()))
    }
}

/// Converges the machine; its output is shown as it comes. The exit code is that of the run there.
///
/// # Errors
/// That the connection was lost.
pub fn run(ssh: &Ssh, sha256: &str, arguments: &[String], output: Output) -> Result<u8, Failure> {
    let mut line = format!("{SCRIPT_PATH} -s {sha256} --");
    for word in arguments {
        line += " ";
        line += &shell_word(word);
    }
    ssh.stream(&line, output)
}

/// The bytes of a file that must be there.
///
/// # Errors
/// That it is not, cannot be read, or is too large.
pub fn input(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let bytes = disk::read_limited(path, limit)?;
    bytes.ok_or_else(|| Failure::input(format!("`{}` does not exist", path.display())))
}
