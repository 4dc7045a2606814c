use super::{Code, Failure, print, table};

/// `brasa completions SHELL`
pub fn completions(shell: clap_complete::Shell) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut table(), "brasa", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Code::Success)
}
