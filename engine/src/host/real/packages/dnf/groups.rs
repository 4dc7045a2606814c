//! Groups of packages, `@NAME`: dnf and yum remember which were installed.
use super::{super::Context, failure, joined, program};
use crate::{Result, host::Command};

/// What stands for the version of a group that is there.
pub const INSTALLED: &str = "installed";

/// The command that holds packages.
pub const VERSIONLOCK: &str = "versionlock";

/// Whether a name is that of a group.
pub fn is(name: &str) -> bool {
    name.starts_with('@')
}

/// Groups that are installed, `@NAME` for each; environments, which are groups of groups, as `@^NAME`.
pub fn installed(context: &Context<'_>) -> Result<Vec<String>> {
    let (program, _) = program(context.root)?;
    let five = program == "dnf5";
    // dnf 4 takes the words of yum; of its own options it refuses these together.
    let words: &[&str] = if five { &["--installed", "--hidden"] } else { &["hidden", "installed", "ids"] };
    let words = [program, "-q", "group", "list"].into_iter().chain(words.iter().copied());
    let answer = context.tools.query(&Command::new(words))?;
    if !answer.success() {
        return Err(failure(&format!("cannot ask `{program}` which groups are installed"), &joined(&answer)));
    }
    Ok(if five { of_table(&answer.stdout) } else { of_list(&answer.stdout) })
}

/// From lines as `   Lab Tools (lab-tools)` below `Installed Groups:` or `Installed Environment Groups:`.
fn of_list(output: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut sign = None;
    for line in output.lines() {
        if !line.starts_with(' ') {
            let heading = line.to_ascii_lowercase();
            let environment = heading.contains("environment");
            sign = heading.starts_with("installed").then_some(if environment { "@^" } else { "@" });
        } else if let (Some(sign), Some((_, id))) = (sign, line.trim_end().rsplit_once('(')) {
            names.push(format!("{sign}{}", id.trim_end_matches(')')));
        }
    }
    names
}

/// From rows as `lab-tools   Lab Tools   yes` of dnf 5.
fn of_table(output: &str) -> Vec<String> {
    let rows = output.lines().filter(|line| line.trim_end().ends_with(" yes"));
    rows.filter_map(|line| line.split_whitespace().next()).map(|id| format!("@{id}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{of_list, of_table};

    #[test]
    fn installed_groups_are_read() {
        let output = "Installed Environment Groups:\n   Lab System (lab-system)\nInstalled Groups:\n   Lab Tools (all of \
                      them) (lab-tools)\nAvailable Groups:\n   Other (lab-other)\n";
        assert_eq!(of_list(output), ["@^lab-system", "@lab-tools"]);
        let table = "ID                   Name                     Installed\nlab-tools            Lab Tools                yes\n\
                     lab-other            Other                    no\n";
        assert_eq!(of_table(table), ["@lab-tools"]);
    }
}
