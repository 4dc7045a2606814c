use crate::host::PackageChange;

/// Reads the plan that `--assumeno` shows. `from` is filled for removals only: the table does not say what is replaced.
///
/// The table is made for 80 columns: a long name stands alone on its line, the rest of the row on the next.
pub fn plan(output: &str) -> Vec<PackageChange> {
    let mut changes: Vec<PackageChange> = Vec::new();
    let mut section = Section::Other;
    let mut row: Vec<&str> = Vec::new();
    for line in output.lines() {
        let depth = line.len() - line.trim_start().len();
        if depth == 0 || line.trim().is_empty() {
            finish(section, &mut row, &mut changes);
            section = if line.trim().is_empty() { Section::Other } else { Section::of(line) };
        } else if section != Section::Other {
            if depth == 1 {
                finish(section, &mut row, &mut changes);
            }
            // dnf 5 names below a package the one that it replaces.
            if line.trim_start().starts_with("replacing ") {
                finish(section, &mut row, &mut changes);
            } else {
                row.extend(line.split_whitespace());
            }
        }
    }
    finish(section, &mut row, &mut changes);
    changes
}

fn finish(section: Section, row: &mut Vec<&str>, changes: &mut Vec<PackageChange>) {
    if let (&[name, _, version, ..], Section::Installs | Section::Removes) = (row.as_slice(), section) {
        let version = Some(version.strip_prefix("0:").unwrap_or(version).to_owned());
        let (from, to) = if section == Section::Installs { (None, version) } else { (version, None) };
        changes.push(PackageChange { name: name.to_owned(), from, to });
    }
    row.clear();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Installs,
    Removes,
    Other,
}

impl Section {
    fn of(line: &str) -> Self {
        let line = line.trim_end();
        if !line.ends_with(':') {
            return Self::Other;
        }
        let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        if line.contains("Groups") {
            // Names of groups, not of packages.
            Self::Other
        } else if starts(&["Installing", "Upgrading", "Updating", "Downgrading", "Reinstalling"]) {
            Self::Installs
        } else if starts(&["Removing", "Erasing"]) {
            Self::Removes
        } else {
            Self::Other
        }
    }
}

/// Names that the package manager says it does not know.
pub fn unknown(output: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in output.lines() {
        let found = ["No match for argument: ", "No package "]
            .iter()
            .find_map(|start| line.trim().strip_prefix(start))
            .map(|rest| rest.strip_suffix(" available.").unwrap_or(rest).trim());
        if let Some(name) = found
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// What the package manager gives as its reason, in its own words but without table, advice and progress.
pub fn reason(output: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut block = false;
    for line in output.lines() {
        let text = line.trim();
        if block && (line.starts_with(' ') || text.starts_with("Problem")) && !text.is_empty() {
            said.push(text.to_owned());
            continue;
        }
        block = text == "Error:"
            || text.ends_with("Transaction test error:")
            || text.starts_with("Failed to resolve the transaction")
            || text == "Problems:";
        let wanted = ["Error: ", "error: ", "Failed to", "Error in ", "[Errno", "Cannot ", "Transaction failed"];
        if !block
            && let Some(start) = wanted.iter().find(|start| text.contains(*start))
            && !text.starts_with("Error: Unable to find a match")
        {
            let at = text.find(start).unwrap_or(0);
            said.push(text[at..].trim_start_matches("Error: ").trim_start_matches("error: ").to_owned());
        }
    }
    said.dedup();
    said.join("; ")
}

/// What scripts of packages complained about, although the transaction may have gone on.
pub fn scripts(output: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in output.lines() {
        if let Some((_, rest)) = line.split_once('%')
            && rest.contains("scriptlet failed")
        {
            let text = format!("%{}", rest.trim());
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

/// A line of progress, in words and percent: `Installing       : lab-app-1.0-1.noarch   1/2` of dnf 4 and yum,
/// `[1/2] Installing lab-app-0:1.0-1.noarch 100% | ...` of dnf 5.
pub fn step(line: &str) -> Option<(String, f32)> {
    if let Some((count, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        let text = rest.split(" | ").next()?.trim_end_matches(|letter: char| "0123456789% ".contains(letter));
        let mut letters = text.chars();
        let text: String = letters.next()?.to_lowercase().chain(letters).collect();
        return Some((text, share(count)?));
    }
    let (verb, rest) = line.trim().split_once(" : ").map(|(verb, rest)| (verb.trim(), rest.trim()))?;
    let (what, count) = rest.rsplit_once(' ')?;
    Some((format!("{} {}", verb.to_lowercase(), what.trim()), share(count)?))
}

/// `1/2` in percent.
fn share(count: &str) -> Option<f32> {
    let (done, all) = count.split_once('/')?;
    let (done, all): (f32, f32) = (done.trim().parse().ok()?, all.trim().parse().ok()?);
    (all > 0.0).then(|| 100.0 * done / all)
}

#[cfg(test)]
mod tests {
    use super::{plan, reason, scripts, step, unknown};
    use crate::host::PackageChange;

    fn change(name: &str, from: Option<&str>, to: Option<&str>) -> PackageChange {
        PackageChange { name: name.to_owned(), from: from.map(ToOwned::to_owned), to: to.map(ToOwned::to_owned) }
    }

    #[test]
    fn the_plan_of_dnf4_is_read() {
        let output = include_str!("../../../../../tests/captured/dnf4-assumeno.txt");
        assert_eq!(
            plan(output),
            [
                change("lab-small-03", None, Some("1.0-1")),
                change("lab-app", None, Some("2.0-1")),
                change("a-package-with-a-name-too-long-for-its-column", None, Some("1:4.5-6.el9")),
                change("lab-lib", Some("1.1-1"), None),
                change("lab-app", Some("1.0-1"), None),
                change("lab-doc", Some("1.0-1"), None),
            ]
        );
    }

    #[test]
    fn the_plan_of_dnf5_is_read() {
        let output = include_str!("../../../../../tests/captured/dnf5-assumeno.txt");
        assert_eq!(plan(output), [change("lab-app", None, Some("2.0-1")), change("lab-small-03", None, Some("1.0-1"))]);
    }

    #[test]
    fn reasons_are_found() {
        let output = "Last metadata expiration check: 0:00:02 ago.\nError: \n Problem: problem with installed package \
                      lab-app-1.0-1.noarch\n  - package lab-conflict-1.0-1.noarch conflicts with lab-app\n  - conflicting \
                      requests\n(try to add '--allowerasing' to command line)\n";
        assert_eq!(
            reason(output),
            "Problem: problem with installed package lab-app-1.0-1.noarch; - package lab-conflict-1.0-1.noarch conflicts \
             with lab-app; - conflicting requests"
        );
        assert_eq!(unknown("No match for argument: lab-nope\nError: Unable to find a match: lab-nope\n"), ["lab-nope"]);
        assert_eq!(unknown("No package lab-nope available.\n"), ["lab-nope"]);
        assert_eq!(
            scripts(
                "error: %prein(lab-bad-1.0-1.noarch) scriptlet failed, exit status 1\n\nError in PREIN scriptlet\n"
            ),
            ["%prein(lab-bad-1.0-1.noarch) scriptlet failed, exit status 1"]
        );
    }

    #[test]
    fn progress_is_read() {
        assert_eq!(
            step("  Installing       : lab-small-02-1.0-1.noarch                              1/2 "),
            Some(("installing lab-small-02-1.0-1.noarch".to_owned(), 50.0))
        );
        assert_eq!(
            step("[3/4] Installing lab-small-02-0:1.0-1.n 100% |  17.8 KiB/s | 292.0   B |  00m00s"),
            Some(("installing lab-small-02-0:1.0-1.n".to_owned(), 75.0))
        );
        assert_eq!(step("Total size: 12 k"), None);
        assert_eq!(step("Userid     : \"Lab <lab@localhost>\""), None);
    }
}
