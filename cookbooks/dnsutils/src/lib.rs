//! dig, nslookup and nsupdate.
use brasa::prelude::*;

/// The cookbook.
#[must_use]
pub fn cookbook() -> Cookbook {
    Cookbook::new("dnsutils", env!("CARGO_PKG_VERSION")).recipe("default", default)
}

/// Installs the DNS client programs of BIND.
///
/// # Errors
/// When the platform is neither of the Debian nor of the RHEL family.
pub fn default(r: &mut Recipe) -> Result<()> {
    let package = match r.node().facts().family() {
        // From Debian 13 on a virtual package of bind9-dnsutils: the package resource resolves it.
        Family::Debian => "dnsutils",
        Family::Rhel | Family::Fedora => "bind-utils",
        Family::Suse | Family::Arch | Family::Alpine | Family::Other => return Err(r.node().unsupported("dnsutils")),
    };
    r.add(Package::named(package));
    Ok(())
}
