//! pacman: state is read natively from its database of what is installed.
use std::{fs, path::Path};

use super::{
    Context, Lists,
    directory::files_in,
    driven::{Call, Installed, Tool, ask},
    has_program, locks,
};
use crate::{
    Error, Result,
    host::{Command, Scheme, Transaction},
};

/// The database of what is installed, a directory for each package.
const STATE: &str = "var/lib/pacman/local";

/// The lock: a file that is there. Source: libalpm, `alpm_trans_init`.
const LOCK: &str = "var/lib/pacman/db.lck";

static LISTS: Lists = Lists {
    stamp: "pacman-lists.json",
    sources: &["etc/pacman.conf", "etc/pacman.d"],
    // A new list takes the place of the old one, which changes the directory.
    hook: |root| super::lists::modified(&root.join("var/lib/pacman/sync")),
    in_parts: true,
    any: |root| {
        let lists = files_in(&root.join("var/lib/pacman/sync"))?;
        Ok(lists.iter().any(|path| path.extension().is_some_and(|end| end == "db")))
    },
};

/// What describes a package that would be installed.
const FORMAT: [&str; 2] = ["--print-format", "%n %v"];

pub struct Pacman;

impl Tool for Pacman {
    fn name(&self) -> &str {
        "pacman"
    }

    fn absent(&self, root: &Path) -> Option<String> {
        (!has_program(root, "pacman")).then(|| "this machine has no `pacman`".to_owned())
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        let mut installed = Installed::default();
        for directory in files_in(&context.root.join(STATE))? {
            let path = directory.join("desc");
            // Beside the packages lies a file with the version of the format.
            let text = match fs::read(&path) {
                Ok(text) => String::from_utf8_lossy(&text).into_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => continue,
                Err(error) => return Err(Error::io("read", &path)(error)),
            };
            let one = |field: &str| values(&text, field).next();
            let (Some(name), Some(version)) = (one("NAME"), one("VERSION")) else {
                return Err(Error::failed(format!("`{}` has neither name nor version", path.display()))
                    .hint("pacman's database is damaged: install the package anew with pacman"));
            };
            for provided in values(&text, "PROVIDES") {
                let bare = provided.split(['=', '<', '>']).next().unwrap_or(provided);
                installed.provides.insert(bare.to_owned(), name.to_owned());
            }
            installed.versions.insert(name.to_owned(), version.to_owned());
        }
        Ok(installed)
    }

    fn scheme(&self) -> Scheme {
        Scheme::Alpm
    }

    /// The number of the packaging may be left out. Source: alpm `_alpm_depcmp`.
    fn satisfies(&self, asked: &str, installed: &str) -> bool {
        asked == installed || installed.rsplit_once('-').is_some_and(|(version, _)| version == asked)
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        let verb = match call {
            Call::Install(_) | Call::Upgrade(_) => "-S",
            Call::Remove(_) => "-R",
            Call::Purge(_) => "-Rn",
        };
        arguments(&[verb, "--noconfirm", "--noprogressbar"], call, transaction)
    }

    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>> {
        let removal = matches!(call, Call::Remove(_) | Call::Purge(_));
        let verb = if removal { "-Rp" } else { "-Sp" };
        let command = arguments(&[verb, FORMAT[0], FORMAT[1]], call, transaction);
        let answer = ask(self, context, "`pacman` would refuse", &command)?;
        let plan = answer.stdout.lines().filter_map(|line| line.split_once(' '));
        let plan: Vec<_> =
            plan.map(|(name, version)| (name.to_owned(), (!removal).then(|| version.to_owned()))).collect();
        if !removal {
            self.refuse_conflicts(context, &plan)?;
        }
        Ok(plan)
    }

    /// What it needs stands before it.
    fn meant(&self, _: &Context<'_>, _: &str, plan: &[(String, String)]) -> Result<Option<(String, String)>> {
        Ok(plan.last().cloned())
    }

    fn unknown(&self, output: &str) -> Vec<String> {
        output
            .split("target not found: ")
            .skip(1)
            .filter_map(|rest| rest.split([';', '\n']).next())
            .map(str::to_owned)
            .collect()
    }

    fn reason(&self, output: &str) -> String {
        let reasons = output.lines().filter_map(|line| {
            let line = line.trim();
            line.find("error: ")
                .map(|at| &line[at + 7..])
                .or_else(|| line.strip_prefix(":: ").filter(|line| !line.ends_with(']')))
        });
        let mut said: Vec<&str> = reasons.filter(|line| !line.ends_with("...")).collect();
        said.dedup();
        said.join("; ")
    }

    fn held(&self, root: &Path) -> Result<Option<(String, String)>> {
        let path = root.join(LOCK);
        let Ok(lock) = fs::metadata(&path) else { return Ok(None) };
        let what = format!("pacman's lock `/{LOCK}`");
        match locks::process_with(&lock, &|_| true) {
            Some(process) => Ok(Some((what, locks::describe(process)))),
            // It was taken away in the meantime, or is one that nobody will take away.
            None if !path.exists() => Ok(None),
            None => Err(Error::failed(format!("{what} is there, but no process that is running has it: one has died"))
                .hint(format!("remove `/{LOCK}` if no package manager is at work"))),
        }
    }

    fn lists(&self) -> Option<&'static Lists> {
        Some(&LISTS)
    }

    fn refresh(&self, _: Option<&Path>) -> Option<Command> {
        Some(Command::new(["pacman", "-Sy", "--noconfirm", "--noprogressbar"]))
    }
}

impl Pacman {
    /// Refuses what pacman refuses only when it is at work: one that is installed is in conflict with one to come.
    fn refuse_conflicts(&self, context: &Context<'_>, plan: &[(String, Option<String>)]) -> Result<()> {
        if plan.is_empty() {
            return Ok(());
        }
        let installed = self.installed(context)?;
        let names = plan.iter().map(|(name, _)| name.as_str());
        let command = Command::new(["pacman", "-Si"].into_iter().chain(names));
        let answer = ask(self, context, "cannot ask `pacman`", &command)?;
        let mut name = "";
        for (key, value) in answer.stdout.lines().filter_map(|line| line.split_once(" : ")) {
            match key.trim() {
                "Name" => name = value.trim(),
                "Conflicts With" => {
                    let conflict = value
                        .split_whitespace()
                        .find(|other| installed.versions.contains_key(*other) && *other != name);
                    if let Some(other) = conflict {
                        return Err(Error::failed(format!(
                            "`pacman` would refuse: `{name}` and `{other}` are in conflict"
                        ))
                        .hint("leave one out, or remove the one in the way first"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn arguments(words: &[&str], call: &Call<'_>, transaction: &Transaction) -> Command {
    let mut argv: Vec<String> = ["pacman"].iter().chain(words).map(|word| (*word).to_owned()).collect();
    argv.extend(transaction.options.iter().cloned());
    argv.push("--".to_owned());
    match call {
        Call::Install(specs) | Call::Upgrade(specs) => argv.extend(specs.iter().map(|spec| spec.joined("="))),
        Call::Remove(names) | Call::Purge(names) => argv.extend(names.iter().cloned()),
    }
    Command::new(argv)
}

/// The lines below `%FIELD%`, to the next empty one.
fn values<'t>(text: &'t str, field: &str) -> impl Iterator<Item = &'t str> {
    let head = format!("%{field}%");
    text.lines().skip_while(move |line| *line != head).skip(1).take_while(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Pacman, Tool as _, values};

    #[test]
    fn a_description_is_read() {
        let text =
            "%NAME%\nlab-app\n\n%VERSION%\n1.0-1\n\n%PROVIDES%\nlab-virtual=3\nlab-other\n\n%DEPENDS%\nlab-lib\n";
        assert_eq!(values(text, "PROVIDES").collect::<Vec<_>>(), ["lab-virtual=3", "lab-other"]);
        assert_eq!(values(text, "NAME").next(), Some("lab-app"));
        assert_eq!(values(text, "CONFLICTS").next(), None);
    }

    #[test]
    fn versions_and_names() {
        assert!(Pacman.satisfies("1.0", "1.0-1") && Pacman.satisfies("1.0-1", "1.0-1"));
        assert!(!Pacman.satisfies("1", "1.0-1") && !Pacman.satisfies("1.0-2", "1.0-1"));
        assert!(Pacman.scheme().compare("1:1.0-1", "2.0-1").is_gt());
        assert_eq!(Pacman.unknown("`pacman` would refuse: target not found: a; target not found: b"), ["a", "b"]);
    }

    #[test]
    fn its_reasons_are_kept() {
        let output = "resolving dependencies...\n:: lab-conflict and lab-app are in conflict. Remove lab-app? [y/N] error: \
                      unresolvable package conflicts detected\nerror: failed to prepare transaction (conflicting \
                      dependencies)\n\n:: lab-conflict and lab-app are in conflict\n";
        assert_eq!(
            Pacman.reason(output),
            "unresolvable package conflicts detected; failed to prepare transaction (conflicting dependencies); \
             lab-conflict and lab-app are in conflict"
        );
    }
}
