use std::path::{Path, PathBuf};

use brasa::{
    Result,
    host::{
        disk,
        dns::{Name, Outcome, RecordSet},
    },
};

const DIRECTORY: &str = "/var/lib/brasa";
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
    pub fn open(directory: Option<&Path>, server: &str, name: &Name) -> Self {
        let path = directory.unwrap_or(DIRECTORY.as_ref()).join("ddns-ttls");
        // Whoever may not read it sends an update too many.
        let bytes = disk::read_limited(&path, LIMIT).ok().flatten().unwrap_or_default();
        let lines = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        Self { path, lines, begin: format!("{server} {name} ") }
    }

    fn line(&self, wanted: &RecordSet, given: u32) -> String {
        format!("{}{} {} {given}", self.begin, wanted.kind.name(), wanted.ttl)
    }

    /// Whether what the server has will do.
    pub fn same(&self, found: &RecordSet, wanted: &RecordSet) -> bool {
        found.says(wanted) || (found.has_values_of(wanted) && self.lines.contains(&self.line(wanted, found.ttl)))
    }

    /// Remembers what the server made of the times that it was told.
    pub fn keep(&self, outcome: &Outcome) -> Result<()> {
        let mut lines = self.lines.clone();
        for (wanted, after) in outcome.changed.iter().zip(&outcome.after) {
            let begin = format!("{}{} ", self.begin, wanted.kind.name());
            lines.retain(|line| !line.starts_with(&begin));
            if !wanted.values.is_empty() && wanted.ttl != after.ttl {
                lines.push(self.line(wanted, after.ttl));
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
