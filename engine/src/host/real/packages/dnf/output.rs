use super::{
    changes::{Does, Row},
    query::Installed,
};

/// Reads the plan that `--assumeno` shows: dnf 4 does not say which version is replaced.
/// What a package of another name replaces, which it obsoletes, is removed.
///
/// The table is made for 80 columns: a long name stands alone on its line, the rest of the row on the next. That of microdnf
/// has name, version and architecture in one word.
pub fn plan(output: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut replaced: Vec<Installed> = Vec::new();
    let mut section = None;
    let mut row: Vec<&str> = Vec::new();
    let mut whole = false;
    for line in output.lines() {
        whole |= line.split_whitespace().eq(["Package", "Repository", "Size"]);
        let depth = line.len() - line.trim_start().len();
        if depth == 0 || line.trim().is_empty() {
            finish(section, &mut row, &mut rows);
            section = if line.trim().is_empty() { None } else { of_section(line) };
        } else if let Some(does) = section {
            if depth == 1 {
                finish(section, &mut row, &mut rows);
            }
            // Below a package stands what it replaces: an older one of its own name too, with dnf 5.
            if let Some(rest) = line.trim_start().strip_prefix("replacing ") {
                finish(section, &mut row, &mut rows);
                replaced.extend(if whole { parted(rest.trim()) } else { replacing(rest) });
            } else if whole {
                let package = line.split_whitespace().next().and_then(parted);
                rows.extend(package.map(|package| Row { package, does }));
            } else {
                row.extend(line.split_whitespace());
            }
        }
    }
    finish(section, &mut row, &mut rows);
    for package in replaced {
        if !rows.iter().any(|other| other.package.name == package.name) {
            rows.push(Row { package, does: Does::Go });
        }
    }
    rows
}

/// `NAME-VERSION-RELEASE.ARCH`, as microdnf has it.
fn parted(word: &str) -> Option<Installed> {
    let (rest, architecture) = word.rsplit_once('.')?;
    let mut parts = rest.rsplitn(3, '-');
    let (release, version, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Installed::new(name, architecture, &format!("{version}-{release}")))
}

/// `NAME.ARCH VERSION` of dnf 4 and yum, `NAME ARCH VERSION REPOSITORY SIZE` of dnf 5.
fn replacing(rest: &str) -> Option<Installed> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (name, architecture, version) = match words.as_slice() {
        &[full, version] => full.rsplit_once('.').map(|(name, architecture)| (name, architecture, version))?,
        &[name, architecture, version, ..] => (name, architecture, version),
        &[] | &[_] => return None,
    };
    Some(Installed::new(name, architecture, version))
}

fn finish(section: Option<Does>, row: &mut Vec<&str>, rows: &mut Vec<Row>) {
    if let (&[name, architecture, version, ..], Some(does)) = (row.as_slice(), section) {
        rows.push(Row { package: Installed::new(name, architecture, version), does });
    }
    row.clear();
}

/// What becomes of the packages below a line; `None` where those are none.
fn of_section(line: &str) -> Option<Does> {
    let line = line.trim_end();
    let lower = line.to_ascii_lowercase();
    // Names of groups and profiles, and of repositories with dnf 5.
    let others =
        lower.contains("groups") || lower.contains("module profiles") || line.starts_with("Updating and loading");
    if others || !line.ends_with(':') {
        return None;
    }
    let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    if starts(&["Installing"]) {
        Some(Does::Come)
    } else if starts(&["Upgrading", "Updating", "Downgrading", "Reinstalling"]) {
        Some(Does::Replace)
    } else {
        starts(&["Removing", "Erasing"]).then_some(Does::Go)
    }
}

/// Names that the package manager says it does not know.
pub fn unknown(output: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in output.lines() {
        let found = ["No match for argument: ", "No package ", "error: No package "]
            .iter()
            .find_map(|start| line.trim().strip_prefix(start))
            .map(|rest| rest.strip_suffix(" available.").unwrap_or(rest).trim())
            // microdnf.
            .map(|rest| rest.strip_prefix("matches '").and_then(|rest| rest.strip_suffix('\'')).unwrap_or(rest));
        if let Some(name) = found
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// Whether the package manager goes on without a repository that it cannot read.
pub fn leaves_out(output: &str) -> bool {
    // dnf 4, and dnf 5, which says so by its reasons alone. That one of several mirrors failed is none.
    let of_mirror = |why: &str| why.starts_with("Status code:") || why.starts_with("Curl error");
    output.lines().any(|line| {
        line.starts_with("Ignoring repositories:") || line.strip_prefix(">>> ").is_some_and(|why| !of_mirror(why))
    })
}

/// What the package manager gives as its reason, in its own words but without table, advice and progress.
pub fn reason(output: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut block = false;
    // dnf 5 does not indent what follows.
    let mut flat = false;
    for line in output.lines() {
        let text = line.trim();
        flat &= !text.is_empty() && !text.starts_with("You can try");
        if flat || (block && (line.starts_with(' ') || text.starts_with("Problem")) && !text.is_empty()) {
            said.push(text.trim_start_matches("Error: ").to_owned());
            continue;
        }
        flat = text.starts_with("Failed to resolve the transaction");
        block = text == "Error:" || text.ends_with("Transaction test error:") || text == "Problems:";
        let wanted = [
            "Error: ",
            "error: ",
            "Failed to",
            "Error in ",
            "[Errno",
            "Cannot ",
            "Transaction failed",
            "[RPM] ",
            "Downloading successful, but",
            "Curl error",
            "Status code: ",
        ];
        if !block
            && !flat
            && let Some(at) = wanted.iter().filter_map(|start| text.find(start)).min()
            && !text.starts_with("Error: Unable to find a match")
        {
            let text =
                ["Error: ", "error: ", "[RPM] "].iter().fold(&text[at..], |text, word| text.trim_start_matches(word));
            said.push(text.to_owned());
            // dnf 5 says below it what rpm found wrong.
            block = text.starts_with("Transaction failed");
        }
    }
    said.dedup();
    // dnf 5 says a reason, and then what failed for that reason.
    let all = said.clone();
    said.retain(|text| !all.iter().any(|other| other.len() > text.len() && other.ends_with(text.as_str())));
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
    use super::{Does, leaves_out, reason, scripts, step, unknown};

    /// The rows of a plan, each with the sign for what becomes of it.
    fn plan(output: &str) -> Vec<String> {
        let row = |row: super::Row| {
            let sign = match row.does {
                Does::Come => "+",
                Does::Replace => "=",
                Does::Go => "-",
            };
            format!("{sign} {} {}", row.package.full(), row.package.version())
        };
        super::plan(output).into_iter().map(row).collect()
    }

    #[test]
    fn the_plan_of_dnf4_is_read() {
        let output = include_str!("../../../../../tests/captured/dnf4-assumeno.txt");
        assert_eq!(
            plan(output),
            [
                "+ lab-small-03.noarch 1.0-1",
                "= lab-app.noarch 2.0-1",
                "= a-package-with-a-name-too-long-for-its-column.noarch 1:4.5-6.el9",
                "- lab-lib.noarch 1.1-1",
                "- lab-app.noarch 1.0-1",
                "- lab-doc.noarch 1.0-1",
            ]
        );
    }

    #[test]
    fn the_plan_of_dnf5_is_read() {
        let output = include_str!("../../../../../tests/captured/dnf5-assumeno.txt");
        assert_eq!(plan(output), ["= lab-app.noarch 2.0-1", "+ lab-small-03.noarch 1.0-1"]);
    }

    #[test]
    fn what_a_package_of_another_name_replaces_is_removed() {
        let four = "Upgrading:\n lab-new            noarch            2.0-1            lab-rpm            6.2 k\n     \
                    replacing  lab-old.noarch 1.0-1\n\nTransaction Summary\n";
        let five = "Upgrading:\n lab-new             noarch 0:2.0-1 lab-rpm      4.0   B\n   replacing lab-new noarch \
                    0:1.0-1 <unknown>    4.0   B\n   replacing lab-old noarch 0:1.0-1 <unknown>    4.0   B\n\n";
        for output in [four, five] {
            assert_eq!(plan(output), ["= lab-new.noarch 2.0-1", "- lab-old.noarch 1.0-1"]);
        }
        // One that comes in a newer version itself stays.
        let split = "Upgrading:\n lab-new  noarch  2.0-1  lab-rpm  6.2 k\n     replacing  lab-old.noarch 1.0-1\n lab-old  \
                     noarch  2.0-1  lab-rpm  6.2 k\n";
        assert_eq!(plan(split), ["= lab-new.noarch 2.0-1", "= lab-old.noarch 2.0-1"]);
    }

    #[test]
    fn what_is_no_package_is_not_in_the_plan() {
        let output = "Updating and loading repositories:\n lab-rpm                                100% | 194.3 KiB/s |   4.7 \
                      KiB |  00m00s\nRepositories loaded.\nPackage            Arch   Version Repository      Size\n\
                      Installing group/module packages:\n lab-small-01      noarch 0:1.0-1 lab-rpm      4.0   B\nInstalling \
                      groups dependencies:\n Lab Tools (small)                                    \nInstalling environmental \
                      groups:\n Lab System and more                                          \n\nTransaction Summary:\n \
                      Installing:         1 package\n";
        assert_eq!(plan(output), ["+ lab-small-01.noarch 1.0-1"]);
    }

    #[test]
    fn repositories_that_are_left_out_are_seen() {
        let four = "Error: Failed to download metadata for repo 'gone': Cannot download repomd.xml: Cannot download \
                    repodata/repomd.xml: All mirrors were tried\nIgnoring repositories: gone\n";
        let five = "Updating and loading repositories:\n gone      ???% |   0.0   B/s |  -1.0   B |  ?     \n>>> Usable URL \
                    not found\nRepositories loaded.\n";
        assert!(leaves_out(four) && leaves_out(five));
        assert!(!leaves_out("Updating and loading repositories:\nRepositories loaded.\n"));
        assert!(!leaves_out("Last metadata expiration check: 0:00:01 ago on Sun Nov 29 00:26:35 2026.\n"));
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
        let output = "Updating and loading repositories:\nRepositories loaded.\nFailed to resolve the transaction:\nProblem: \
                      problem with installed package\n  - conflicting requests\nYou can try to add to command line:\n  \
                      --allowerasing to allow removing of installed packages to resolve problems\n";
        assert_eq!(reason(output), "Problem: problem with installed package; - conflicting requests");
        let output = "Running transaction\nTransaction failed: Rpm transaction failed.\n  - installing package \
                      lab-doc-1.0-1.noarch needs 4KB more space on the /usr/share/lab filesystem\n";
        assert_eq!(
            reason(output),
            "Transaction failed: Rpm transaction failed.; - installing package lab-doc-1.0-1.noarch needs 4KB more space on the \
             /usr/share/lab filesystem"
        );
        let output = "Failed to resolve the transaction:\nArgument 'lab-app-2.0' matches only packages excluded by \
                      versionlock.\n";
        assert_eq!(reason(output), "Argument 'lab-app-2.0' matches only packages excluded by versionlock.");
        let output = ">>> Running %pre scriptlet: lab-bad-0:1.0-1.noarch\n>>> Error in %pre scriptlet: lab-bad-0:1.0-1.noarch\n\
                      >>> [RPM] %prein(lab-bad-1.0-1.noarch) scriptlet failed, exit status 1\nTransaction failed: Rpm \
                      transaction failed.\n";
        assert_eq!(
            reason(output),
            "Error in %pre scriptlet: lab-bad-0:1.0-1.noarch; %prein(lab-bad-1.0-1.noarch) scriptlet failed, exit status 1; \
             Transaction failed: Rpm transaction failed."
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
    fn a_repository_whose_signature_is_bad_is_named() {
        let five = "Updating and loading repositories:\n lab                                    100% |  58.3 KiB/s |   4.7 KiB |  \
                    00m00s\n>>> repomd.xml GPG signature verification error: Signing key not found\nFailed to download metadata \
                    (baseurl: \"file:///srv/rpm\") for repository \"lab-rpm\": repomd.xml GPG signature verification error: \
                    Signing key not found\n";
        assert_eq!(
            reason(five),
            "Failed to download metadata (baseurl: \"file:///srv/rpm\") for repository \"lab-rpm\": repomd.xml GPG signature \
             verification error: Signing key not found"
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
