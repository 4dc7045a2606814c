//! Configuration files that package managers have left beside those in use, from whichever run.
use std::path::Path;

use serde_json::{Value, json};

use crate::host::{EntryKind, Probe, config_leftover};

/// Each such file below `/etc`: its `path`, the `file` it lies beside, and what it `holds`, which is the `package`'s own, or
/// what was there `before`. `null` where there is no `/etc`.
pub(super) fn json(probe: &dyn Probe) -> Value {
    if probe.list(Path::new("/etc")).unwrap_or_default().is_empty() {
        return Value::Null;
    }
    let mut found = Vec::new();
    let mut directories = vec![Path::new("/etc").to_path_buf()];
    while let Some(directory) = directories.pop() {
        for path in probe.list(&directory).unwrap_or_default().into_iter().map(|name| directory.join(name)) {
            match config_leftover(&path.to_string_lossy()) {
                Some((file, true)) => found.push(json!({"path": path, "file": file, "holds": "package"})),
                Some((file, false)) => found.push(json!({"path": path, "file": file, "holds": "before"})),
                // A link may lead anywhere, and to where this came from.
                None if matches!(probe.entry(&path), Ok(Some(entry)) if entry.kind == EntryKind::Directory) => {
                    directories.push(path);
                }
                None => {}
            }
        }
    }
    found.sort_by(|one, other| one["path"].as_str().cmp(&other["path"].as_str()));
    Value::Array(found)
}
