//! `gem_package[name]`
use std::path::PathBuf;

use crate::{
    Fault, Result, actions,
    host::{Op, Probe, Provider, Transaction},
    properties,
    resource::{Change, Goal, Resource},
    resources::selection::{Aim, Presences, Selection},
    values::{Seconds, Words},
};

properties! {
    /// Ruby gems, for all users. Several versions of a gem lie side by side: with a version, `install` adds it and
    /// `remove` takes it away alone; without one, any installed version counts, and all are removed.
    pub struct GemPackage("gem name") {
        names: Words;
        /// The gems, when they differ from the resource's name.
        package_name: Words,
        /// The exact version: one for all names, or one for each (an empty one means any).
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

impl GemPackage {
    /// The gem with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(Words(vec![name.into()]))
    }

    /// Several gems in one transaction; the resource's name is theirs, joined by `, `.
    #[must_use]
    pub fn all<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::bare(names.into_iter().collect())
    }

    fn selection(&self) -> Selection<'_> {
        let provider = Provider::Gem { binary: self.gem_binary.clone(), source: self.source.clone() };
        let mut settings = Transaction::new(provider);
        settings.options = self.options.clone().unwrap_or_default().0;
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        Selection::new(self.package_name.as_ref().unwrap_or(&self.names), self.version.as_ref(), settings)
    }
}

impl Resource for GemPackage {
    const KIND: &'static str = "gem_package";
    /// Not joined with the platform's packages: those may bring the very Ruby that gems are looked up in.
    const BATCH: Option<&'static str> = Some("gems");
    type Action = Action;
    type State = Presences;

    fn name(&self) -> String {
        self.names.0.join(", ")
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.selection().check(name_fault);
        if let Some(binary) = &self.gem_binary
            && !binary.is_absolute()
        {
            faults.push(Fault::new(format!("`gem_binary` must be an absolute path, `{}` is not", binary.display())));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<Presences> {
        self.selection().read(probe)
    }

    fn want(&self, action: Action, now: &Presences, probe: &dyn Probe) -> Result<Goal<Presences>> {
        let aim = match action {
            Install => Aim::Install,
            Upgrade => Aim::Upgrade,
            Remove => Aim::Remove,
        };
        self.selection().want(aim, now, probe)
    }

    fn ops(&self, change: &Change<Presences>) -> Result<Vec<Op>> {
        Ok(self.selection().ops(change))
    }
}

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
