//! What subscribes names an action of its own, not of what it listens to.
use brasa::prelude::*;

fn recipe(r: &mut Recipe) -> Result<()> {
    let motd = r.add(File::at("/etc/motd"));
    r.add(Service::named("named").subscribes(file::Create, motd, Delayed));
    Ok(())
}

fn main() {}
