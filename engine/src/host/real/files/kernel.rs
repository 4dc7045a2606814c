//! Settings of the running kernel: files of `/proc/sys`, which are written where they are and in one go.
use std::path::Path;

use rustix::{
    fs::{Access, AtFlags, Mode as Bits, OFlags},
    io::Errno,
};

use super::failed;
use crate::{Error, Result, host::Write};

/// The machine's name, which has a system call of its own.
const NAME: &str = "/proc/sys/kernel/hostname";

/// Whether a path is a setting of the kernel.
pub fn is_setting(path: &Path) -> bool {
    path.starts_with("/proc/sys")
}

/// Whether a path is a setting that root may set though it is mounted read-only.
pub fn is_settable_anyhow(path: &Path) -> bool {
    path == Path::new(NAME) && rustix::process::geteuid().is_root()
}

/// Gives a setting its value. Nothing is staged, synced or backed up: there is no file, and mode and owner are the kernel's.
///
/// # Errors
/// What the kernel refused: it has no such setting, it may not be set here, the value is none.
pub fn set(write: &Write) -> Result<()> {
    let Write { path, content, .. } = write;
    let Some(value) = content.bytes() else {
        return Err(Error::failed(format!("what `{}` is to hold is too large for a setting", path.display())));
    };
    // Containers may set their own name, and see the kernel's settings read-only.
    if path == Path::new(NAME) {
        return rustix::system::sethostname(value.trim_ascii_end()).map_err(failed("set", path));
    }
    // No `CREATE`: what the kernel does not have cannot be made.
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Bits::empty()).map_err(failed("set", path))?;
    loop {
        // A value in two parts would be two values.
        return match rustix::io::write(&fd, value) {
            Ok(written) if written == value.len() => Ok(()),
            Ok(written) => {
                let (path, all) = (path.display(), value.len());
                Err(Error::failed(format!("the kernel took only {written} of {all} bytes for `{path}`")))
            }
            Err(Errno::INTR) => continue,
            Err(Errno::INVAL) => {
                let shown = String::from_utf8_lossy(value);
                let error = Error::failed(format!("the kernel refuses `{}` for `{}`", shown.trim(), path.display()));
                Err(error.hint("it is out of its range, or of another form"))
            }
            Err(error) => Err(failed("set", path)(error)),
        };
    }
}

/// Whether this user may set it: the directories of `/proc/sys` say nothing about that.
pub fn settable(path: &Path) -> Result<()> {
    rustix::fs::accessat(rustix::fs::CWD, path, Access::WRITE_OK, AtFlags::EACCESS).map_err(failed("set", path))
}
