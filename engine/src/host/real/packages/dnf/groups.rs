//! Groups of packages, `@NAME`, and environments, which are groups of groups, `@^NAME`: dnf and yum remember which were
//! installed.
use std::path::Path;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::{Context, directory::text_of},
    Program, failure, joined,
};
use crate::{Error, Result, host::Command};

/// What stands for the version of a group that is there.
pub const INSTALLED: &str = "installed";

/// Where dnf 5 remembers them, in a file of each kind.
const STATE: &str = "usr/lib/sysimage/libdnf5";
const KEPT: [(&str, &str); 2] = [("groups", "@"), ("environments", "@^")];

/// Whether a name is that of a group.
pub fn is(name: &str) -> bool {
    name.starts_with('@')
}

/// The word for a group: dnf 4 tells environments by no sign, and takes the sign for a part of the name.
pub fn word(program: Program, name: &str) -> String {
    match name.strip_prefix("@^") {
        Some(environment) if !program.is_five() && !program.is_yum() => format!("@{environment}"),
        Some(_) | None => name.to_owned(),
    }
}

/// Groups that are installed.
pub fn installed(context: &Context<'_>) -> Result<Vec<String>> {
    let program = Program::of(context.root)?;
    program.lacks("install groups of packages")?;
    if program.is_five() {
        return kept(context.root);
    }
    // dnf 4 takes the words of yum; of its own options it refuses these together.
    let words = [program.name, "-q", "group", "list", "hidden", "installed", "ids"];
    let answer = context.tools.query(&Command::new(words))?;
    if !answer.success() {
        return Err(failure(&format!("cannot ask `{program}` which groups are installed"), &joined(&answer)));
    }
    Ok(of_list(&answer.stdout))
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

/// From the files of dnf 5: no program is asked.
fn kept(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (kind, sign) in KEPT {
        let path = format!("{STATE}/{kind}.toml");
        let Some(text) = text_of(&root.join(&path))? else { continue };
        if let Some(DeValue::Table(of_kind)) = table(&path, &text)?.get(kind).map(Spanned::get_ref) {
            names.extend(of_kind.keys().map(|name| format!("{sign}{}", name.get_ref())));
        }
    }
    Ok(names)
}

/// Reads a file of dnf 5.
pub fn table<'a>(path: &str, text: &'a str) -> Result<DeTable<'a>> {
    DeTable::parse(text)
        .map(Spanned::into_inner)
        .map_err(|error| Error::failed(format!("`/{path}` is not as dnf writes it: {}", error.message())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{STATE, kept, of_list};

    #[test]
    fn installed_groups_are_read() {
        let output = "Installed Environment Groups:\n   Lab System (lab-system)\nInstalled Groups:\n   Lab Tools (all of \
                      them) (lab-tools)\nAvailable Groups:\n   Other (lab-other)\n";
        assert_eq!(of_list(output), ["@^lab-system", "@lab-tools"]);
    }

    #[test]
    fn what_dnf5_keeps_is_read() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(kept(root.path()).unwrap(), Vec::<String>::new());
        let write = |name: &str, text: &str| fs::write(root.path().join(STATE).join(name), text).unwrap();
        fs::create_dir_all(root.path().join(STATE)).unwrap();
        write(
            "groups.toml",
            "version = \"1.0\"\n\n[groups]\n[groups.lab-tools]\npackage_types = [\"mandatory\"]\npackages = \
             [\"lab-small-01\", \"lab-small-02\"]\nuserinstalled = true\n",
        );
        write("environments.toml", "version = \"1.0\"\n\n[environments]\nlab-system = {groups = [\"lab-tools\"]}\n");
        assert_eq!(kept(root.path()).unwrap(), ["@lab-tools", "@^lab-system"]);
        write("groups.toml", "version = \n");
        let told = kept(root.path()).unwrap_err().to_string();
        assert!(told.starts_with("`/usr/lib/sysimage/libdnf5/groups.toml` is not as dnf writes it: "), "{told}");
    }
}
