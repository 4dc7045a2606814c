use std::path::{Path, PathBuf};

use super::{authority::Outcome, message::RecordSet, name::Name};
use crate::{Result, host::disk};

/// Bytes of the file at most.
const LIMIT: u64 = 1 << 20;

/// Times that servers give records whatever they are told: without them such a record would be sent again for ever. Each is a
/// line of one file: server, name, type, the seconds that were asked for, those that the server gave.
pub struct Ttls {
    path: PathBuf,
    lines: Vec<String>,
    begin: String,
}

impl Ttls {
    /// Reads what is remembered of a name at a server, in brasa's directory of state.
    #[must_use]
    pub fn open(directory: &Path, server: &str, name: &Name) -> Self {
        let path = directory.join("ddns-ttls");
        // Whoever may not read it sends an update too many.
        let bytes = disk::read_limited(&path, LIMIT).ok().flatten().unwrap_or_default();
        let lines = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        Self { path, lines, begin: format!("{server} {name} ") }
    }

    /// Notes in a set that was found what the server was told, where it keeps a time of its own.
    pub(super) fn note(&self, found: &mut RecordSet) {
        let begin = format!("{}{} ", self.begin, found.kind.name());
        let asked_and_given = self.lines.iter().find_map(|line| line.strip_prefix(&begin)?.split_once(' '));
        let number = |text: &str| text.parse::<u32>().ok();
        found.told = asked_and_given
            .filter(|(_, given)| number(given) == Some(found.ttl) && !found.values.is_empty())
            .and_then(|(asked, _)| number(asked));
    }

    /// Remembers what the server made of the times that it was told.
    ///
    /// # Errors
    /// What the system refused.
    pub fn keep(&self, outcome: &Outcome) -> Result<()> {
        let mut lines = self.lines.clone();
        for (wanted, after) in outcome.changed.iter().zip(&outcome.after) {
            let begin = format!("{}{} ", self.begin, wanted.kind.name());
            lines.retain(|line| !line.starts_with(&begin));
            if !wanted.values.is_empty() && wanted.ttl != after.ttl {
                lines.push(format!("{begin}{} {}", wanted.ttl, after.ttl));
            }
        }
        if lines == self.lines {
            return Ok(());
        }
        if let Some(directory) = self.path.parent() {
            disk::create_private_dirs(directory)?;
        }
        disk::write_atomic(&self.path, (lines.join("\n") + "\n").as_bytes())
    }
}
