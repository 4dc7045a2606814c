//! What the kinds of SELinux share: whether it is there, whether the kernel has it, and where its policy lies.
use std::path::{Path, PathBuf};

use super::entry::{resolve, text};
use crate::{
    Error, Fault, Result,
    host::{Command, Probe},
};

/// Whether it is on at boot, and by which policy. Source: selinux_config(5).
pub(crate) const CONFIG: &str = "/etc/selinux/config";
/// Where the running kernel shows it. Source: selinux(8).
pub(crate) const KERNEL: &str = "/sys/fs/selinux";

/// What a setting of the main file says: of the mode the first line counts, of the policy the last.
pub(crate) fn set_in<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut values =
        text.lines().filter_map(|line| Some(line.trim_start().strip_prefix(key)?.strip_prefix('=')?.trim()));
    if key == "SELINUX" { values.next() } else { values.next_back() }
}

/// That there is no SELinux, and what to do.
pub(crate) fn absent() -> Error {
    Error::failed(format!("SELinux is not installed: there is no `{CONFIG}`")).hint(
        "declare its packages before this: on the Debian family `selinux-basics` and `selinux-policy-default`, on the RHEL \
         family `selinux-policy-targeted`",
    )
}

/// The mode that the kernel is in, `enforcing` or `permissive`. `None`: it runs without SELinux, or is another's.
pub(crate) fn running(probe: &dyn Probe) -> Result<Option<&'static str>> {
    if probe.offline() {
        return Ok(None);
    }
    let shown = text(&Path::new(KERNEL).join("enforce"), probe)?;
    Ok(shown.map(|shown| if shown.trim() == "0" { "permissive" } else { "enforcing" }))
}

/// The policy that is configured.
pub(crate) struct Policy {
    /// Its name, as `targeted`.
    pub name: String,
    /// Whether the kernel is to take changes over at once.
    pub runs: bool,
}

impl Policy {
    /// The one of this machine.
    ///
    /// # Errors
    /// That there is none, and what to do.
    pub fn of(probe: &dyn Probe) -> Result<Self> {
        let text = text(Path::new(CONFIG), probe)?.ok_or_else(absent)?;
        let name = set_in(&text, "SELINUXTYPE").filter(|name| !name.is_empty()).unwrap_or("targeted").to_owned();
        Ok(Self { name, runs: running(probe)?.is_some() })
    }

    /// A file of the policy, as `contexts/files/file_contexts`.
    pub fn file(&self, below: &str) -> PathBuf {
        Path::new("/etc/selinux").join(&self.name).join(below)
    }

    /// The directory that semanage keeps its own files in. Source: semanage.conf(5), `store-root`.
    ///
    /// # Errors
    /// That there is none, and what to do.
    pub fn store(&self, probe: &dyn Probe) -> Result<PathBuf> {
        let settings = text(Path::new("/etc/selinux/semanage.conf"), probe)?.unwrap_or_default();
        let value = |line: &'_ str| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "store-root").then(|| value.trim().to_owned())
        };
        let set = settings.lines().find_map(value);
        let roots: Vec<&str> = set.as_deref().into_iter().chain(["/var/lib/selinux", "/etc/selinux"]).collect();
        for root in &roots {
            let active = Path::new(root).join(&self.name).join("active");
            if probe.entry(&active)?.is_some() {
                return Ok(active);
            }
        }
        let name = &self.name;
        let sentence =
            format!("the policy `{name}` has no store: there is no `{name}/active` in `{}`", roots.join("`, `"));
        Err(Error::failed(sentence)
            .hint(format!("declare the package of the policy before this, or correct `{CONFIG}`")))
    }

    /// A command of semanage or setsebool, which leaves the kernel alone where that does not have this policy.
    pub fn command(&self, program: &[&str], words: &[&str]) -> Command {
        let unloaded: &[&str] = if self.runs { &[] } else { &["-N"] };
        Command::new([program, unloaded, words].concat())
    }
}

/// Refuses where a program is missing.
///
/// # Errors
/// Which one, and the package that brings it.
pub(crate) fn require(program: &str, package: &str, probe: &dyn Probe) -> Result<()> {
    for directory in ["/usr/sbin", "/sbin", "/usr/bin"] {
        if resolve(&Path::new(directory).join(program), probe)?.1.is_some() {
            return Ok(());
        }
    }
    Err(Error::failed(format!("there is no `{program}`, which changes SELinux's policy"))
        .hint(format!("declare the package `{package}` before this")))
}

/// The package of semanage, on Debian and from RHEL 8 on.
pub(crate) const SEMANAGE: &str = "policycoreutils-python-utils";

/// What is wrong with a word of the policy: a type, a switch.
pub(crate) fn word_fault(what: &str, word: &str) -> Option<Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let sound = word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(plain);
    (!sound).then(|| Fault::new(format!("`{}` is no {what}", word.escape_debug())))
}

/// In place of a context: none is given. Source: file_contexts(5).
pub(crate) const NO_LABEL: &str = "<<none>>";

/// The type in a context, `user:role:type:range`, or the word in its place.
pub(crate) fn type_in(context: &str) -> &str {
    context.split(':').nth(2).unwrap_or(context)
}

/// The context at the end of a line.
pub(crate) fn context_in(line: &str) -> &str {
    line.split_whitespace().next_back().unwrap_or_default()
}

/// A context of this type, otherwise as the one that there was, or as semanage makes one.
pub(crate) fn context_of(was: Option<&str>, kind: &str, ranges: bool) -> String {
    let new = if ranges { "system_u:object_r:t:s0" } else { "system_u:object_r:t" };
    let mut parts: Vec<&str> = was.filter(|was| was.contains(':')).unwrap_or(new).splitn(4, ':').collect();
    match parts.get_mut(2).filter(|_| kind != NO_LABEL) {
        Some(part) => {
            *part = kind;
            parts.join(":")
        }
        None => kind.to_owned(),
    }
}

/// Whether contexts have a range, as `s0`, by the rules for files that the policy brings.
pub(crate) fn has_ranges(rules: &str) -> bool {
    rules.lines().next().is_none_or(|line| context_in(line).matches(':').count() > 2)
}
