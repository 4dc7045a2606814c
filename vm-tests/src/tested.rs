//! What the scenarios have changed on real systems: noted as they run, for the table in `docs/tested.md`.
use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{Error, Output, Result, binary::target_directory};

/// Where it is noted: an empty file `KIND@PLATFORM` for each.
///
/// # Errors
/// When cargo does not tell its target directory.
pub fn directory() -> Result<PathBuf> {
    Ok(target_directory()?.join("lab/tested"))
}

/// Columns of the table.
pub const PLATFORMS: [&str; 4] = ["Debian 12", "Debian 13", "EL 9", "Fedora"];

/// The platform that a root of this name is.
fn platform(root: &str) -> &'static str {
    let nth = ["debian-13", "el9", "fedora"].iter().position(|name| root.starts_with(name));
    PLATFORMS[nth.map_or(0, |nth| nth + 1)]
}

/// Kinds that a report says were changed.
fn changed(report: &str) -> Vec<String> {
    match serde_json::from_str(report) {
        Ok(document) => of_document(&document),
        Err(_) => of_text(report).map(str::to_owned).collect(),
    }
}

fn of_document(report: &Value) -> Vec<String> {
    let actions = report["actions"].as_array().filter(|_| report["dry"] == false).into_iter().flatten();
    let changed = actions.filter(|action| action["outcome"] == "changed");
    changed.filter_map(|action| Some(action["resource"].as_str()?.split_once('[')?.0.to_owned())).collect()
}

fn of_text(report: &str) -> impl Iterator<Item = &str> {
    // The verdict is only there when the run came to its end.
    let ended = report.lines().any(|line| line.starts_with("converged in ") || line.starts_with("failed after "));
    report.lines().filter(move |_| ended).filter_map(|line| {
        let id = ["  + ", "  ~ ", "  - "].iter().find_map(|sign| line.strip_prefix(sign))?;
        let kind = id.split_once('[')?.0;
        (!id.ends_with(" failed") && kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
            .then_some(kind)
    })
}

/// Notes what a run has changed, if the output is that of one.
pub(crate) fn note(root: &str, output: &Output) -> Result<()> {
    for kind in changed(&output.stdout) {
        let directory = directory()?;
        let failed = |path: &PathBuf| Error::io(format!("note `{}`", path.display()));
        fs::create_dir_all(&directory).map_err(failed(&directory))?;
        let file = directory.join(format!("{kind}@{}", platform(root)));
        fs::write(&file, "").map_err(failed(&file))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn what_a_report_says_was_changed_is_noted() {
        let report = "  + file[/etc/motd] create\n      +kind[of content]\n  ~ service[x] start failed\n  ~ service[y] start\n  - user[ana] remove\n  + openssl_x509_request[/x] create\nfailed after 1 s: ...\n";
        assert_eq!(changed(report), ["file", "service", "user", "openssl_x509_request"]);
        assert_eq!(changed("will\n  + file[/etc/motd] create\nplan: 1 to add\n").len(), 0, "a plan changes nothing");
        let document = |dry| {
            format!(
                r#"{{"dry": {dry}, "actions": [{{"resource": "link[/x]", "outcome": "changed"}}, {{"resource": "file[/y]", "outcome": "up_to_date"}}]}}"#
            )
        };
        assert_eq!((changed(&document(false)), changed(&document(true)).len()), (vec!["link".to_owned()], 0));
    }
}
