//! What is used by a process cannot be unmounted: that is told before anything is taken back.
use std::path::{Path, PathBuf};

use super::UndoItem;
use crate::{
    Error, Result,
    host::{EntryKind, Op, Probe, Shape, text},
};

/// Refuses to unmount what is in use.
///
/// # Errors
/// That a process has something of it open, or stands in it.
pub fn require_idle(items: &[UndoItem], probe: &dyn Probe) -> Result<()> {
    for operation in items.iter().flat_map(|item| &item.operations) {
        let Op::Kept(kept) = operation else { continue };
        if kept.shape == Shape::Mount && kept.to.is_none() && !kept.is_done(probe)? {
            let Some(user) = user_of(&kept.path, probe) else { continue };
            let error = Error::failed(format!("`{}` cannot be unmounted: {user} uses it", kept.path.display()));
            return Err(error.hint("end that, or have it leave the directory; nothing was taken back yet"));
        }
    }
    Ok(())
}

/// A process that uses something below a mount point. Processes come and go: what cannot be read of them is none.
/// Source: proc_pid_cwd(5), proc_pid_fd(5).
fn user_of(point: &Path, probe: &dyn Probe) -> Option<String> {
    let processes = probe.list(Path::new("/proc")).unwrap_or_default();
    let numbers = processes.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok());
    let below = |path: &Path| match probe.entry(path).ok().flatten().map(|entry| entry.kind) {
        Some(EntryKind::Link { target }) => target.starts_with(point),
        Some(EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. }) | None => false,
    };
    for number in numbers {
        let process = PathBuf::from(format!("/proc/{number}"));
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
