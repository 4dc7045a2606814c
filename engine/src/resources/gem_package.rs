//! `gem_package[name]`
use std::path::PathBuf;

use crate::{
    Fault, actions,
    host::{Provider, Transaction},
    properties,
    resource::Content,
    resources::selection::{self, Aim, packages},
    values::{Seconds, Words},
};

properties! {
    /// Ruby gems, for all users. Several versions of a gem lie side by side: with a version, `install` adds it and
    /// `remove` takes it away alone; without one, any installed version counts, and all are removed.
    pub struct GemPackage("gem name") {
        names: Words;
        /// The gems, when they differ from the resource's name.
        package_name: Words,
        /// The version, a pattern (`1.2*`) or bounds (`~> 1.2`, `>= 1.2, < 2`): one for all names, or one for each (an empty
        /// one means any). What is installed and meets it stays; else the newest that meets it is put in.
        version: Words,
        /// The `gem` program; the one on `PATH` when not given.
        gem_binary: PathBuf,
        /// The gem server, in place of the configured ones.
        source: String,
        /// Further options for gem's command line, a word each.
        options: Words,
        /// Deadline in seconds; 3600 when not given.
        timeout: Seconds,
    }
    example r#"r.add(GemPackage::named("rake").version("13.0.6"));"#
}

actions! {
    /// What can be asked of gems.
    pub enum Action {
        Install = "install": "Installs what is not installed; with a version, that version beside others.",
        Upgrade = "upgrade": "Installs, or adds the newest version on offer.",
        Remove = "remove": "Removes the version named, or all.",
    }
}
pub use Action::*;

impl From<Action> for Aim {
    fn from(action: Action) -> Self {
        match action {
            Install => Self::Install,
            Upgrade => Self::Upgrade,
            Remove => Self::Remove,
        }
    }
}

impl GemPackage {
    fn settings(&self) -> Transaction {
        let provider = Provider::Gem { binary: self.gem_binary.clone(), source: self.source.clone() };
        let mut settings = Transaction::new(provider);
        settings.options = self.options.clone().unwrap_or_default().0;
        settings
    }

    const fn file(&self) -> Option<&std::path::Path> {
        None
    }

    const fn flush(&self) -> Option<&Words> {
        None
    }

    const fn answers(&self) -> Option<&Content> {
        None
    }

    fn own_faults(&self) -> Vec<Fault> {
        let relative = self.gem_binary.as_ref().filter(|binary| !binary.is_absolute());
        let fault = |binary: &PathBuf| {
            Fault::new(format!("`gem_binary` must be an absolute path, `{}` is not", binary.display()))
        };
        relative.map(fault).into_iter().chain(selection::told_source(self.source.as_deref())).collect()
    }
}

// Not joined with the platform's packages: those may bring the very Ruby that gems are looked up in.
packages!(GemPackage, "gem_package", batch "gems");

/// What is wrong with the name of a gem.
///
/// Source: RubyGems, `Gem::Specification::VALID_NAME_PATTERN`.
fn name_fault(name: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let sound = name.chars().all(known) && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (!sound).then(|| format!("`{name}` is no name of a gem: letters, digits and `._-` are"))
}

#[cfg(test)]
mod tests {
    use super::{GemPackage, name_fault};
    use crate::resource::Resource;

    #[test]
    fn names() {
        assert_eq!(name_fault("rails-i18n_x.y"), None);
        for bad in ["", "-v", "a b", "a:1", "../a"] {
            assert_eq!(name_fault(bad), Some(format!("`{bad}` is no name of a gem: letters, digits and `._-` are")));
        }
    }

    #[test]
    fn the_program_is_named_by_its_whole_path() {
        let faults = GemPackage::named("rake").gem_binary("gem3.1").check();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].message, "`gem_binary` must be an absolute path, `gem3.1` is not");
    }
}
