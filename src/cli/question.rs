//! Questions to whoever sits at the terminal.
use std::io::{self, BufRead, IsTerminal, Write};

/// Asks for a yes or no, where somebody is there to answer. `None` when nobody is, or nothing was answered at all; an empty
/// line is the answer `usual`.
pub fn ask(question: &str, usual: bool) -> io::Result<Option<bool>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    let mut out = io::stderr().lock();
    write!(out, "{question} {} ", if usual { "[Y/n]" } else { "[y/N]" }).and_then(|()| out.flush())?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Ok(None);
    }
    Ok(Some(match answer.trim().to_ascii_lowercase().chars().next() {
        Some('y') => true,
        Some('n') => false,
        Some(_) | None => usual,
    }))
}
