//! The BIND name server, and a host's own name in a dynamic zone.
use brasa::prelude::*;

mod dynamic_dns;
mod server;
pub use dynamic_dns::{DynamicDns, dynamic_dns};
pub use server::{Bind, Grant, SharedKey, Zone, server};

/// The cookbook.
#[must_use]
pub fn cookbook() -> Cookbook {
    let bind = Cookbook::new("bind", env!("CARGO_PKG_VERSION")).recipe("default", default);
    // `master` is what primary servers were called, and what Chef's cookbooks have.
    bind.recipe("server", server).recipe("master", server).recipe("dynamic_dns", dynamic_dns)
}

/// The name server's unit, for notices from other cookbooks.
pub const NAMED: Id<Service> = Id::named("named");

/// Installs the BIND name server, and has it running now and at boot.
///
/// # Errors
/// When the platform is neither of the Debian nor of the RHEL family.
pub fn default(r: &mut Recipe) -> Result<()> {
    let package = match r.node().facts().family() {
        Family::Debian => "bind9",
        Family::Rhel | Family::Fedora => "bind",
        Family::Suse | Family::Arch | Family::Alpine | Family::Other => return Err(r.node().unsupported("bind")),
    };
    r.add(Package::named(package));
    r.add(Service::named(NAMED.name()).action([service::Enable, service::Start]));
    Ok(())
}
