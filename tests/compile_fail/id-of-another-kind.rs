//! An exported id says of what kind it is.
use brasa::prelude::*;

const NAMED: Id<Service> = Id::named("named");

fn recipe(r: &mut Recipe) -> Result<()> {
    r.add(File::at("/etc/named.conf").notifies(execute::Run, NAMED, Delayed));
    Ok(())
}

fn main() {}
