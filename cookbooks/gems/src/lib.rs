//! Ruby gems listed in the node's attributes, as in `{"gems": [{"name": "rake"}, {"name": "thor", "version": "1.3.0"}]}`.
use brasa::prelude::*;
use serde::{Deserialize, Serialize};

/// The cookbook.
#[must_use]
pub fn cookbook() -> Cookbook {
    Cookbook::new("gems", env!("CARGO_PKG_VERSION")).recipe("default", default)
}

/// `node["gems"]`: the gems to install, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gems(pub Vec<Gem>);

/// One gem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gem {
    /// Its name.
    pub name: String,
    /// The exact version; any installed one will do without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A gem server in place of the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl AttributeSet for Gems {
    const KEY: &'static str = "gems";
}

/// Installs ruby and rubygems by the platform's package manager, then the gems.
///
/// # Errors
/// Wrong attributes; a platform that is neither of the Debian nor of the RHEL family.
pub fn default(r: &mut Recipe) -> Result<()> {
    let gems: Gems = r.attributes()?;
    let packages: &[&str] = match r.node().facts().family() {
        // rubygems is part of ruby (or provided by it) on every supported release.
        Family::Debian => &["ruby", "ruby-dev"],
        Family::Rhel | Family::Fedora => &["ruby", "rubygems", "ruby-devel"],
        Family::Suse | Family::Arch | Family::Alpine | Family::Other => return Err(r.node().unsupported("gems")),
    };
    r.add(Package::all(packages.iter().copied()));
    let mut seen: Vec<Gem> = Vec::new();
    for gem in gems.0 {
        if seen.contains(&gem) {
            continue;
        }
        // Several versions of a gem may be there side by side: each is a resource of its own.
        let again = seen.iter().any(|other| other.name == gem.name);
        seen.push(gem.clone());
        let mut package = match &gem.version {
            Some(version) if again => GemPackage::named(format!("{}-{version}", gem.name)).package_name(gem.name),
            Some(_) | None if again => continue, // any version will do, and one is asked for already
            Some(_) | None => GemPackage::named(gem.name),
        };
        if let Some(version) = gem.version {
            package = package.version(version);
        }
        if let Some(source) = gem.source {
            package = package.source(source);
        }
        r.add(package);
    }
    Ok(())
}
