//! Compilers and what is needed to build software from source.
use brasa::prelude::*;

/// The cookbook.
#[must_use]
pub fn cookbook() -> Cookbook {
    Cookbook::new("build-essential", env!("CARGO_PKG_VERSION")).recipe("default", default)
}

/// Installs a C and C++ compiler, make, autoconf, flex and bison.
///
/// # Errors
/// None of its own.
pub fn default(r: &mut Recipe) -> Result<()> {
    let packages: &[&str] = match r.node().facts().family() {
        Family::Debian => &["build-essential", "binutils-doc", "autoconf", "flex", "bison"],
        Family::Rhel | Family::Fedora => &["gcc", "gcc-c++", "kernel-devel", "make", "autoconf", "flex", "bison"],
        Family::Suse | Family::Arch | Family::Alpine | Family::Other => {
            return Err(r.node().unsupported("build-essential"));
        }
    };
    r.add(Package::all(packages.iter().copied()));
    Ok(())
}
