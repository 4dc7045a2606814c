//! A file cannot be restarted.
use brasa::prelude::*;

fn recipe(r: &mut Recipe) -> Result<()> {
    let motd = r.add(File::at("/etc/motd"));
    r.add(File::at("/etc/issue").notifies(service::Restart, motd, Delayed));
    Ok(())
}

fn main() {}
