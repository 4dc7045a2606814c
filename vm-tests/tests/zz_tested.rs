//! The table of what was changed on which real system. Its name has it run behind all other scenarios.
#![allow(clippy::disallowed_methods, reason = "test machinery: it looks at the machine from outside the program")]

use std::{collections::BTreeSet, fs, path::Path};

use lab::{Result, tested};

const BEGIN: &str = "| kind |";

/// Names of what is in a directory, without their ends.
fn names(directory: &Path, end: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let names = entries.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_suffix(end).map(str::to_owned)).collect()
}

fn table(noted: &BTreeSet<String>) -> String {
    let platforms = tested::PLATFORMS;
    let mut table =
        format!("{BEGIN} pretend machine | {} |\n|---|---|{}\n", platforms.join(" | "), "---|".repeat(platforms.len()));
    for kind in names(&lab::workspace().join("docs/reference/kinds"), ".md") {
        let cases = names(&lab::workspace().join("tests/cases").join(&kind), ".json").len();
        let real = platforms.map(|platform| if noted.contains(&format!("{kind}@{platform}")) { "yes" } else { "-" });
        if kind != "README" {
            table += &format!("| `{kind}` | {cases} cases | {} |\n", real.join(" | "));
        }
    }
    table
}

#[test]
fn the_table_in_the_docs_is_what_was_done() -> Result<()> {
    let page = lab::workspace().join("docs/tested.md");
    let text = fs::read_to_string(&page).expect("docs/tested.md is there");
    let (head, shown) = text.split_once(BEGIN).expect("the page holds the table");
    let shown = format!("{BEGIN}{shown}");
    let wanted = table(&names(&tested::directory()?, ""));
    lab::announce(&format!("what was changed on real systems\n{wanted}"));
    // A part of the suite has seen a part of it.
    if std::env::var_os("BRASA_WHOLE_SUITE").is_none() {
        return Ok(());
    }
    if std::env::var_os("UPDATE_TESTED").is_some() {
        fs::write(&page, format!("{head}{wanted}")).expect("docs/tested.md can be written");
        return Ok(());
    }
    assert_eq!(shown, wanted, "`UPDATE_TESTED=1 cargo xtask test` writes docs/tested.md anew");
    Ok(())
}
