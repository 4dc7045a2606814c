//! Command lines of `apt-get`.
use std::fmt;

use super::quoted;
use crate::host::{Command, ConfigFiles, Transaction};

/// One call of `apt-get`.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    pub verb: &'static str,
    pub purge: bool,
    /// Whether some of the names are to go.
    pub removes: bool,
    pub names: Vec<String>,
}

impl Call {
    /// The command line for it; `more` are options of this call alone.
    pub fn command(&self, transaction: &Transaction, more: &[&str]) -> Command {
        let mut arguments = apt_get();
        arguments.extend(more.iter().map(|option| (*option).to_owned()));
        arguments.extend(match transaction.config_files {
            ConfigFiles::Keep => options(["Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold"]),
            ConfigFiles::Replace => options(["Dpkg::Options::=--force-confnew"]),
        });
        if let Some(recommends) = transaction.recommends {
            arguments.extend(options([format!("APT::Install-Recommends={recommends}").as_str()]));
        }
        if transaction.allow_downgrade {
            arguments.push("--allow-downgrades".to_owned());
        }
        if self.verb == "install" && !transaction.allow_removals && !self.removes {
            arguments.push("--no-remove".to_owned());
        }
        if self.purge && self.verb == "install" {
            arguments.push("--purge".to_owned());
        }
        arguments.extend(transaction.options.iter().cloned());
        arguments.push(self.verb.to_owned());
        arguments.push("--".to_owned());
        arguments.extend(self.names.iter().cloned());
        let mut command = Command::new(arguments);
        environment(&mut command, transaction.config_files);
        command.timeout = transaction.timeout;
        command
    }
}

/// The call in words, for messages.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, quoted(&self.names))
    }
}

pub fn apt_get() -> Vec<String> {
    ["apt-get", "-q", "-y"].map(ToOwned::to_owned).into()
}

pub fn options<const N: usize>(options: [&str; N]) -> Vec<String> {
    options.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]).collect()
}

/// Nobody is there to answer: neither debconf, nor apt-listchanges, needrestart or ucf may ask.
pub fn environment(command: &mut Command, config_files: ConfigFiles) {
    let ucf = match config_files {
        ConfigFiles::Keep => "UCF_FORCE_CONFFOLD",
        ConfigFiles::Replace => "UCF_FORCE_CONFFNEW",
    };
    for (name, value) in [
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("APT_LISTCHANGES_FRONTEND", "none"),
        ("APT_LISTBUGS_FRONTEND", "none"),
        ("NEEDRESTART_MODE", "l"),
        ("NEEDRESTART_SUSPEND", "1"),
        (ucf, "1"),
    ] {
        command.environment.insert(name.to_owned(), value.to_owned());
    }
}
