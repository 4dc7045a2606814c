//! A property that the kind does not have.
use brasa::prelude::*;

fn recipe(r: &mut Recipe) -> Result<()> {
    r.add(File::at("/etc/motd").onwer("root"));
    Ok(())
}

fn main() {}
