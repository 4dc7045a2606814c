//! The user's own editor.
use std::{
    path::Path,
    process::Command,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::consts::SIGQUIT;

use super::environment;
use crate::{Error, Result};

/// Has the user edit a file by this command, a line for the shell, as `$EDITOR` holds one. Signals that the terminal sends
/// meanwhile are for the editor: what is to be cleared away afterwards is not left because of them.
///
/// # Errors
/// That it could not be started, or ended in another way than well.
pub fn edit(command: &str, path: &Path) -> Result<()> {
    if let Some(signal) = environment::stop_signal() {
        return Err(Error::Interrupted(signal));
    }
    let quit = signal_hook::flag::register(SIGQUIT, Arc::new(AtomicBool::new(false)));
    let status = Command::new("/bin/sh").arg("-c").arg(format!("{command} \"$@\"")).arg("sh").arg(path).status();
    if let Ok(watch) = quit {
        signal_hook::low_level::unregister(watch);
    }
    let status = status.map_err(Error::io("start a shell for the editor", "/bin/sh"))?;
    if status.success() {
        return Ok(());
    }
    let how = match status.code() {
        Some(code) => format!("exited with {code}"),
        None => "was ended by a signal".to_owned(),
    };
    Err(Error::Command { command: command.to_owned(), how, output: String::new() })
}
