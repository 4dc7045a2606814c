use std::path::Path;

use brasa::host::disk;

use super::{Code, Failure, print, table};

/// `brasa man [--out DIR]`
pub fn man(out: Option<&Path>) -> Result<Code, Failure> {
    let command = table();
    let Some(directory) = out else {
        print(&String::from_utf8_lossy(&page(command)?))?;
        return Ok(Code::Success);
    };
    disk::create_dirs(directory)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("brasa-{}", subcommand.get_name());
        let text = page(subcommand.clone().display_name(name.clone()))?;
        disk::write_atomic(&directory.join(format!("{name}.1")), &text)?;
    }
    disk::write_atomic(&directory.join("brasa.1"), &page(command)?)?;
    Ok(Code::Success)
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let wrong = |error: std::io::Error| Failure::failed(format!("cannot make the manual page: {error}"));
    clap_mangen::Man::new(command).render(&mut text).map_err(wrong)?;
    Ok(text)
}
