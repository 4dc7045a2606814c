use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// How often a lock that somebody holds is tried again.
const POLL: Duration = Duration::from_millis(100);

/// An advisory lock on a file (`flock`), held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path` and writes `label` into it; waits at most `wait`. `None`, with the holder's label, when
    /// somebody else has it. `listen` hears the holder's label while waiting, and may end it by returning false.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub fn take(
        path: &Path,
        label: &str,
        wait: Duration,
        listen: &mut dyn FnMut(&str, Duration) -> bool,
    ) -> Result<std::result::Result<Self, String>> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = opened.map_err(Error::io("open the lock", path))?;
        let started = Instant::now();
        loop {
            match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::io("lock", path)(error.into())),
            }
            let mut holder = String::new();
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(0))
                .and_then(|_| file.read_to_end(&mut bytes))
                .map_err(Error::io("read", path))?;
            holder.push_str(&String::from_utf8_lossy(&bytes));
            let waited = started.elapsed();
            if waited >= wait || !listen(&holder, waited) {
                return Ok(Err(holder));
            }
            std::thread::sleep(POLL.min(wait - waited));
        }
        let mut labelled = || -> io::Result<()> {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(label.as_bytes())
        };
        labelled().map_err(Error::io("write", path))?;
        Ok(Ok(Self { _file: file }))
    }
}
