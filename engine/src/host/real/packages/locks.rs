use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};

use super::directory::{files_in, text_of};
use crate::{Error, Result, host::Progress, values::Seconds};

/// How often the locks are looked at, and how often waiting is told.
const POLL: Duration = Duration::from_millis(200);
const TELL: Duration = Duration::from_secs(5);

/// Waits until none of the locks (a path below the root, and the words for it) is held. Returns whether one was.
///
/// Locks are never deleted: a held one has a living holder, and one that is not held is in nobody's way.
///
/// # Errors
/// [`Error::Locked`] when the deadline passes.
pub fn wait(
    root: &Path,
    locks: &[(&str, &str)],
    started: Instant,
    deadline: Instant,
    progress: &dyn Fn(&Progress),
) -> Result<bool> {
    wait_for(started, deadline, progress, &|| first_held(root, locks))
}

/// Waits until `held` names neither a lock nor its holder any more.
pub fn wait_for(
    started: Instant,
    deadline: Instant,
    progress: &dyn Fn(&Progress),
    held: &dyn Fn() -> Result<Option<(String, String)>>,
) -> Result<bool> {
    let mut told: Option<Instant> = None;
    while let Some((what, holder)) = held()? {
        let now = Instant::now();
        let waited = now.duration_since(started).as_secs();
        if now >= deadline {
            return Err(Error::Locked { what, holder, waited: Seconds(waited) });
        }
        if told.is_none_or(|last| now.duration_since(last) >= TELL) {
            told = Some(now);
            progress(&Progress::Waiting { what, holder, waited });
        }
        thread::sleep(POLL.min(deadline.duration_since(now)));
    }
    Ok(told.is_some())
}

/// The first of the locks that is held, and its holder, in words.
pub fn first_held(root: &Path, locks: &[(&str, &str)]) -> Result<Option<(String, String)>> {
    for (path, what) in locks {
        if let Some(holder) = holder(&root.join(path))? {
            return Ok(Some((format!("{what} `/{path}`"), holder)));
        }
    }
    Ok(None)
}

/// The living process whose number is in a file; a file left behind by one that is gone is no lock.
pub fn process_in(path: &Path) -> Result<Option<i32>> {
    let Some(text) = text_of(path)? else { return Ok(None) };
    Ok(text.trim().parse().ok().filter(|process: &i32| Path::new("/proc").join(process.to_string()).exists()))
}

/// A process that has a file open, and of which what the kernel tells of that open file is `as_wanted`.
pub fn process_with(file: &fs::Metadata, as_wanted: &dyn Fn(&str) -> bool) -> Option<i32> {
    let has = |process: &Path, open: PathBuf| {
        let same = fs::metadata(&open).is_ok_and(|one| (one.dev(), one.ino()) == (file.dev(), file.ino()));
        let told = || fs::read_to_string(process.join("fdinfo").join(open.file_name()?)).ok();
        same && as_wanted(&told().unwrap_or_default())
    };
    files_in(Path::new("/proc")).ok()?.iter().find_map(|process| {
        let number = process.file_name()?.to_str()?.parse().ok()?;
        let mut open = fs::read_dir(process.join("fd")).ok()?.flatten();
        open.any(|one| has(process, one.path())).then_some(number)
    })
}

/// The process that holds a lock on a whole file, as flock(2) makes them; `None` when nobody does, or it cannot be seen.
///
/// Source: proc_pid_fdinfo(5), `lock`. `/proc/locks` tells them by the number of a device, which on an overlay is another.
pub fn flocked(path: &Path) -> Option<i32> {
    let locked = |told: &str| told.lines().any(|line| line.starts_with("lock:") && line.contains(" FLOCK "));
    process_with(&fs::metadata(path).ok()?, &locked)
}

/// Who holds the lock on a file; `None` when nobody does, or the file is not there.
fn holder(path: &Path) -> Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Who may not look at the lock may not take it either: the package manager says so better.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock))
        .map_err(|error| Error::io("look at the lock", path)(error.into()))?;
    if lock.l_type == libc::F_UNLCK as libc::c_short {
        return Ok(None);
    }
    Ok(Some(describe(lock.l_pid)))
}

/// A process in words: `apt-get (process 812, running for 40 s)`. A number below 1 is a process of another container.
pub fn describe(process: i32) -> String {
    if process < 1 {
        return "a process of another container".to_owned();
    }
    let directory = Path::new("/proc").join(process.to_string());
    let Ok(name) = fs::read_to_string(directory.join("comm")) else {
        return format!("process {process}");
    };
    let age = fs::read_to_string(directory.join("stat"))
        .ok()
        .zip(fs::read_to_string("/proc/uptime").ok())
        .and_then(|(stat, uptime)| age(&stat, &uptime));
    let age = age.map(|seconds| format!(", running for {seconds} s")).unwrap_or_default();
    format!("{} (process {process}{age})", name.trim_end())
}

/// Seconds since a process started: its 22nd field, in ticks of which Linux shows user space always 100 a second.
///
/// Source: proc_pid_stat(5), proc_uptime(5).
fn age(stat: &str, uptime: &str) -> Option<u64> {
    let fields = &stat[stat.rfind(')')? + 1..];
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let up: u64 = uptime.split('.').next()?.parse().ok()?;
    Some(up.saturating_sub(ticks / 100))
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        fs::File,
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::{super::apt::UPDATING, age, wait};
    use crate::{Error, host::Progress};

    #[test]
    fn the_age_is_read_behind_any_name() {
        let stat = "812 (odd ) name) S 1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12300 1 2";
        assert_eq!(age(stat, "163.55 300.00\n"), Some(40));
    }

    #[test]
    fn a_whole_file_is_locked_by_one_that_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(super::flocked(file.path()), None, "one that is open is not locked");
        file.as_file().lock().unwrap();
        assert_eq!(super::flocked(file.path()), Some(std::process::id().cast_signed()));
        // Who waits for it does not have it.
        file.as_file().unlock().unwrap();
        assert_eq!(super::flocked(file.path()), None);
        assert_eq!(super::flocked(&file.path().join("nothing")), None);
    }

    #[test]
    fn a_free_lock_or_none_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let silent = |_: &Progress| panic!("nothing to tell");
        wait(root.path(), &UPDATING, now, now, &silent).unwrap();
        std::fs::create_dir_all(root.path().join("var/lib/apt/lists")).unwrap();
        File::create(root.path().join(UPDATING[0].0)).unwrap();
        wait(root.path(), &UPDATING, now, now, &silent).unwrap();
    }

    /// A lock of one's own process is not seen, so another one takes it, as apt does: with `fcntl`.
    #[test]
    fn a_held_lock_names_its_holder() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("var/lib/apt/lists")).unwrap();
        let path = root.path().join(UPDATING[0].0);
        File::create(&path).unwrap();
        let script = "use Fcntl; open(F, '+<', $ARGV[0]); my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); \
                      fcntl(F, F_SETLK, $lock) or die; print qq(held\n); close(STDOUT); sleep 30";
        let mut holder = Command::new(which::which("perl").expect("perl, which takes the lock, is installed"))
            .args(["-e", script])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut printed = String::new();
        std::io::Read::read_to_string(holder.stdout.as_mut().unwrap(), &mut printed).unwrap();
        assert_eq!(printed, "held\n");
        let told = RefCell::new(Vec::new());
        let now = Instant::now();
        let outcome = wait(root.path(), &UPDATING, now, now + Duration::from_millis(300), &|progress| {
            told.borrow_mut().push(progress.clone());
        });
        let id = holder.id();
        holder.kill().unwrap();
        holder.wait().unwrap();
        let Err(Error::Locked { what, holder, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(what, "apt's lock `/var/lib/apt/lists/lock`");
        assert!(holder.starts_with(&format!("perl (process {id}, running for ")), "{holder}");
        assert!(matches!(told.borrow().as_slice(), [Progress::Waiting { waited: 0, .. }]));
    }
}
