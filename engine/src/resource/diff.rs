use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::Value as Json;
use similar::{
    DiffOp,
    algorithms::{Capture, Compact, Replace, myers},
    udiff::UnifiedHunkHeader,
};

use crate::values::Blob;

/// One property that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Its name; parts of a nested one are joined by dots.
    pub name: String,
    /// As it is; null when absent.
    pub from: Json,
    /// As it should be; null when absent.
    pub to: Json,
}

/// `mode 0600 -> 0644`, for people.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.name, Plain(&self.from), Plain(&self.to))
    }
}

struct Plain<'a>(&'a Json);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Json::Null => f.write_str("(none)"),
            Json::String(text) => f.write_str(text),
            Json::Bool(true) => f.write_str("yes"),
            Json::Bool(false) => f.write_str("no"),
            Json::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if n == 0 { "" } else { ", " }, Plain(item))?;
                }
                Ok(())
            }
            Json::Number(_) | Json::Object(_) => write!(f, "{}", self.0),
        }
    }
}

/// Differing fields of two states, found on their serialized form.
///
/// A nested difference is named by its path; of a content only the checksum is compared.
///
/// # Panics
/// When a state does not serialize, which is a mistake in its kind.
pub fn diff<S: Serialize>(from: &S, to: &S) -> Vec<Field> {
    let json = |state: &S| serde_json::to_value(state).expect("a state serializes");
    let mut fields = Vec::new();
    walk("", &json(from), &json(to), &mut fields);
    fields
}

fn walk(path: &str, from: &Json, to: &Json, fields: &mut Vec<Field>) {
    match (from, to) {
        (from, to) if from == to => {}
        (Json::Object(a), Json::Object(b)) if !a.contains_key("sha256") => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, a.get(key).unwrap_or(&Json::Null), b.get(key).unwrap_or(&Json::Null), fields);
            }
        }
        // A thing that appears or goes: one field for each of its properties reads better than one lump of JSON.
        (Json::Null, Json::Object(b)) if !b.contains_key("sha256") => {
            for (key, to) in b {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, &Json::Null, to, fields);
            }
        }
        (Json::Object(a), Json::Null) if !a.contains_key("sha256") => {
            for (key, from) in a {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, from, &Json::Null, fields);
            }
        }
        (from, to) => fields.push(Field { name: path.to_owned(), from: short(from), to: short(to) }),
    }
}

/// A checksum object becomes the first six digits, as Chef shows it.
fn short(value: &Json) -> Json {
    match value.get("sha256").and_then(Json::as_str) {
        Some(digest) => Json::String(digest.chars().take(6).collect()),
        None => value.clone(),
    }
}

/// Largest content of which a line diff is shown, in bytes.
const DIFF_LIMIT: u64 = 1_000_000;

/// A unified diff (three lines of context) from `old` (`None`: there was no file) to `new`, or `None` when there is
/// nothing to show: the contents are equal, binary, or too large.
#[must_use]
pub fn unified(path: &str, old: Option<&Blob>, new: &Blob) -> Option<String> {
    let text = |blob: &Blob| -> Option<String> {
        let bytes = blob.bytes().filter(|_| blob.size() <= DIFF_LIMIT)?;
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    let old = old.map_or(Some(String::new()), text)?;
    let new = text(new)?;
    if old == new {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let mut shown = format!("--- {path}\n+++ {path}\n");
    for hunk in hunks(&old, &new) {
        shown += &format!("{}\n", UnifiedHunkHeader::new(&hunk));
        for part in hunk {
            let sides: &[_] = match part {
                DiffOp::Equal { .. } => &[(' ', &old, part.old_range())],
                DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                    &[('-', &old, part.old_range()), ('+', &new, part.new_range())]
                }
            };
            for (sign, lines, range) in sides {
                for line in &lines[range.clone()] {
                    shown.push(*sign);
                    shown += line;
                    if !line.ends_with('\n') {
                        shown += "\n\\ No newline at end of file\n";
                    }
                }
            }
        }
    }
    Some(shown)
}

/// What differs, with three lines around it. Lines are compared as numbers: the crate's own comparison of texts is compiled for a
/// dozen types of text, which weighs 0.7 MB in the program.
fn hunks(old: &[&str], new: &[&str]) -> Vec<Vec<DiffOp>> {
    fn numbered<'l>(lines: &[&'l str], known: &mut HashMap<&'l str, usize>) -> Vec<usize> {
        let mut number = |line| {
            let next = known.len();
            *known.entry(line).or_insert(next)
        };
        lines.iter().map(|line| number(*line)).collect()
    }
    let mut known = HashMap::new();
    let (old, new) = (numbered(old, &mut known), numbered(new, &mut known));
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut found = Compact::new(Replace::new(Capture::new()), &old[..], &new[..]);
    let done = myers::diff_deadline(&mut found, &old[..], 0..old.len(), &new[..], 0..new.len(), Some(deadline));
    match done {
        Ok(()) => found.into_inner().into_inner().into_grouped_ops(3),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{diff, unified};
    use crate::values::Blob;

    #[test]
    fn nested_differences_are_named_by_path() {
        let fields =
            diff(&json!({"a": {"b": 1, "c": 2}, "d": null}), &json!({"a": {"b": 1, "c": 3}, "d": {"e": true}}));
        let shown: Vec<_> = fields.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.c 2 -> 3", "d.e (none) -> yes"]);
    }

    #[test]
    fn content_is_shown_by_its_checksum() {
        let fields = diff(&json!({"content": null}), &json!({"content": Blob::from("x")}));
        assert_eq!(fields[0].to_string(), "content (none) -> 2d7116");
    }

    #[test]
    fn a_diff_of_lines() {
        let shown = unified("/etc/motd", Some(&Blob::from("a\nb\n")), &Blob::from("a\nc\n")).unwrap();
        assert_eq!(shown, "--- /etc/motd\n+++ /etc/motd\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        let shown = unified("x", Some(&Blob::from("1\n2\n3\n4\n5\n6\nend")), &Blob::from("1\n2\n3\n4\n5\n6\nend\n7\n"))
            .unwrap();
        assert_eq!(shown, "--- x\n+++ x\n@@ -4,4 +4,5 @@\n 4\n 5\n 6\n-end\n\\ No newline at end of file\n+end\n+7\n");
        assert_eq!(unified("x", None, &Blob::from("a\n")).unwrap(), "--- x\n+++ x\n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("x", None, &Blob::from(vec![0, 1])), None);
        assert_eq!(unified("x", Some(&Blob::from("a")), &Blob::from("a")), None);
    }
}
