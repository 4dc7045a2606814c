//! Kinds that Chef has and recipes as data do not, and what does their work here.

/// By their names in Chef; one that ends in `*` is any with that beginning.
const ELSEWHERE: &[(&str, &str)] = &[
    ("breakpoint", "nothing stops a run: `brasa plan` shows what it would do"),
    ("build_essential", "name the compilers as packages of the platform, with `package`"),
    ("chef_gem", "there is no Ruby in brasa; `gem_package` is for the machine's own Ruby"),
    ("chef_handler", "handlers are commands that the settings name"),
    ("chocolatey_*", "brasa is not for Windows"),
    ("csh", "use `script` with `interpreter`"),
    ("dsc_*", "brasa is not for Windows"),
    ("homebrew_*", "brasa is not for macOS"),
    ("ifconfig", "write the network manager's own files with `file` or `template`, and notify its service"),
    ("ksh", "use `script` with `interpreter`"),
    ("launchd", "brasa is not for macOS"),
    ("macos_*", "brasa is not for macOS"),
    ("ohai", "facts are read when they are asked for, so there is nothing to read again"),
    ("ohai_hint", "facts need no hints; what a recipe has to know is an attribute"),
    ("perl", "use `script` with `interpreter`"),
    ("powershell_*", "brasa is not for Windows"),
    ("python", "use `script` with `interpreter`"),
    ("registry_key", "brasa is not for Windows"),
    ("route", "write the network manager's own files with `file` or `template`, and notify its service"),
    ("ruby", "use `script` with `interpreter`"),
    ("ruby_block", "use `rust_block`, which only recipes in Rust have, or a command with `execute`"),
    ("rust_block", "only recipes in Rust have it: `r.add(RustBlock::new(\"NAME\", |probe| ...))` runs code each time"),
    ("subversion", "use `execute` with a guard"),
    ("windows_*", "brasa is not for Windows"),
];

/// What to do without a kind of this name.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    let is_it = |known: &str| known.strip_suffix('*').map_or(known == name, |start| name.starts_with(start));
    ELSEWHERE.iter().find(|(known, _)| is_it(known)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::{ELSEWHERE, elsewhere};
    use crate::recipe::kinds;

    #[test]
    fn the_page_for_chef_users_tells_the_same() {
        let page = include_str!("../../../docs/chef.md");
        let missing: Vec<_> = ELSEWHERE
            .iter()
            .map(|(name, hint)| format!("| `{name}` | {} |", hint.replace('|', "\\|")))
            .filter(|row| !page.contains(row.as_str()))
            .collect();
        assert!(missing.is_empty(), "{}", missing.join("\n"));
    }

    #[test]
    fn what_is_there_is_not_elsewhere() {
        assert_eq!(kinds().iter().find(|kind| elsewhere(kind.name).is_some()).map(|kind| kind.name), None);
        assert_eq!(elsewhere("windows_service"), Some("brasa is not for Windows"));
        assert_eq!(elsewhere("rout"), None);
    }
}
