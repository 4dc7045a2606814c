//! Labels of new files where the kernel has SELinux: a file that is made gets one by its directory and its maker, and is given the
//! one that the policy has for its path before anything else may need it.
use std::{
    cell::{OnceCell, RefCell},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::command;
use crate::{
    Error, Result,
    host::{Command, LogLevel, Progress, environment},
};

/// What the kernel shows only when it has SELinux.
const ENFORCE: &str = "/sys/fs/selinux/enforce";

/// Gives labels to what is read on its standard input, a path each, ended by NUL; also the user and the role. Source: restorecon(8).
const PROGRAM: [&str; 6] = ["restorecon", "-F", "-i", "-0", "-f", "-"];

/// The files that are new and have no label of their own yet.
#[derive(Default)]
pub struct Labels {
    needed: OnceCell<bool>,
    new: RefCell<Vec<PathBuf>>,
}

impl Labels {
    /// Asked once: of a kernel without SELinux there is one look, and never anything else.
    fn needed(&self) -> bool {
        *self.needed.get_or_init(|| !environment::in_another_root() && rustix::fs::stat(ENFORCE).is_ok())
    }

    /// Notes paths at which something is about to be made; what is there keeps the label that it has.
    pub fn coming<'p>(&self, paths: impl IntoIterator<Item = &'p Path>) {
        if self.needed() {
            let made = paths.into_iter().filter(|path| rustix::fs::lstat(*path).is_err());
            self.new.borrow_mut().extend(made.map(Path::to_owned));
        }
    }

    /// Gives what was made its labels, all at once.
    pub fn settle(&self, tell: &dyn Fn(&Progress)) -> Result<()> {
        let new = self.new.take();
        if new.is_empty() {
            return Ok(());
        }
        let stdin = new.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        let restore = Command { stdin: Some(stdin), ..Command::new(PROGRAM) };
        let answer = command::run_endable(&restore)?;
        let first = new[0].display();
        let what = match new.len() - 1 {
            0 => format!("`{first}`"),
            more => format!("`{first}` and {more} more"),
        };
        match answer.code {
            0 => Ok(()),
            127 => {
                let message =
                    format!("{what} may have no right label for SELinux: there is no `restorecon`, which gives it");
                tell(&Progress::Note { level: LogLevel::Warn, message });
                Ok(())
            }
            code => {
                let said = command::last_lines(&format!("{}\n{}", answer.stdout, answer.stderr));
                let error = Error::failed(format!(
                    "{what} did not get their labels: restorecon ended with {code}; it said:\n{said}"
                ));
                Err(error.hint("the files are in place; `restorecon -F` on them shows what keeps it from it"))
            }
        }
    }
}
