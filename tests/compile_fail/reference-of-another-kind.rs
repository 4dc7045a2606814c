//! A service's action needs a reference to a service.
use brasa::prelude::*;

fn recipe(r: &mut Recipe) -> Result<()> {
    let directory = r.add(Directory::at("/srv"));
    r.add(File::at("/etc/issue").notifies(service::Reload, directory, Immediately));
    Ok(())
}

fn main() {}
