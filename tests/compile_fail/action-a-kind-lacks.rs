//! Packages are not started.
use brasa::prelude::*;

fn recipe(r: &mut Recipe) -> Result<()> {
    r.add(Package::named("bind9").action(service::Start));
    Ok(())
}

fn main() {}
