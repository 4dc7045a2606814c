//! What is used by a process cannot be unmounted: that is told before anything is taken back.
use std::path::{Path, PathBuf};

use super::UndoItem;
use crate::{
    Error, Result,
    host::{EntryKind, MOUNTS, Op, Probe, ServiceVerb, Shape, text},
};

/// Refuses to unmount what is in use. What this undo itself ends or unmounts first is nobody's use.
///
/// # Errors
/// That a process has something of it open, or stands in it; that something is mounted below it.
pub fn require_idle(items: &[UndoItem], probe: &dyn Probe) -> Result<()> {
    let table = text(Path::new(MOUNTS), probe)?.unwrap_or_default();
    let mut gone: Vec<&Path> = Vec::new();
    // Whose processes those are that a service or a package has is not known before they end.
    let mut ends_processes = false;
    for operation in items.iter().flat_map(|item| &item.operations) {
        if matches!(operation, Op::Service { verb: ServiceVerb::Stop, .. } | Op::Packages(_)) {
            ends_processes = true;
        }
        let Op::Kept(kept) = operation else { continue };
        if kept.shape != Shape::Mount || kept.to.is_some() || kept.is_done(probe)? {
            continue;
        }
        let below = kept.below(&table).into_iter().find(|path| !gone.iter().any(|gone| path.starts_with(gone)));
        let why = match below {
            Some(path) => Some((format!("`{}` is mounted below it", path.display()), "unmount that")),
            None if ends_processes => None,
            None => user_of(&kept.path, kept.now_in(&table).as_deref().unwrap_or_default(), probe)
                .map(|user| (format!("{user} uses it"), "end that, or have it leave the directory")),
        };
        if let Some((why, hint)) = why {
            let error = Error::failed(format!("`{}` cannot be unmounted: {why}", kept.path.display()));
            return Err(error.hint(format!("{hint}; nothing was taken back yet")));
        }
        gone.push(&kept.path);
    }
    Ok(())
}

/// A process that uses something below a mount point. Processes come and go: what cannot be read of them is none.
/// Source: proc_pid_cwd(5), proc_pid_fd(5), mount_namespaces(7).
fn user_of(point: &Path, mount: &str, probe: &dyn Probe) -> Option<String> {
    let processes = probe.list(Path::new("/proc")).unwrap_or_default();
    let numbers = processes.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok());
    let link = |path: &Path| match probe.entry(path).ok()??.kind {
        EntryKind::Link { target } => Some(target),
        EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. } => None,
    };
    let below = |path: &Path| link(path).is_some_and(|target| target.starts_with(point));
    let space = link(Path::new("/proc/self/ns/mnt"));
    for number in numbers {
        let process = PathBuf::from(format!("/proc/{number}"));
        // Where one has mounts of its own, what it stands in is another one of the same name, or a copy that the kernel counts.
        let apart =
            link(&process.join("ns/mnt")).is_some_and(|other| space.as_ref().is_some_and(|space| *space != other));
        let table = || text(&process.join("mountinfo"), probe).ok().flatten().unwrap_or_default();
        if apart && !table().lines().any(|line| is_copy(line, mount)) {
            continue;
        }
        let files = process.join("fd");
        let open = probe.list(&files).unwrap_or_default();
        let mut links = ["cwd", "root", "exe"].map(|name| process.join(name)).into_iter();
        if links.any(|link| below(&link)) || open.iter().any(|file| below(&files.join(file))) {
            let name = text(&process.join("comm"), probe).ok().flatten().unwrap_or_default();
            return Some(format!("process {number} (`{}`)", name.trim_end()));
        }
    }
    None
}

/// Whether a line of another table is of a copy of this mount that goes with it, or keeps it busy.
fn is_copy(line: &str, mount: &str) -> bool {
    let place = |line: &str| line.split(' ').skip(2).take(3).map(str::to_owned).collect::<Vec<_>>();
    let tied = line.split(" - ").next().is_some_and(|front| front.contains(" shared:") || front.contains(" master:"));
    tied && place(line) == place(mount)
}
