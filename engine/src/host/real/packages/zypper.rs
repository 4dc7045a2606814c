//! zypper: state is read from rpm's database, as for dnf; what it would do is read from its own summary.
use std::path::Path;

use super::{
    Context, Lists,
    directory::{files_in, text_of},
    dnf::query,
    driven::{Call, Installed, Tool, failure},
    has_program, locks,
};
use crate::{
    Result,
    host::{Command, Scheme, Transaction},
};

/// rpm's lock, at its two places.
const LOCKS: [(&str, &str); 2] =
    [("var/lib/rpm/.rpm.lock", "rpm's lock"), ("usr/lib/sysimage/rpm/.rpm.lock", "rpm's lock")];

/// zypp's own lock: a file that holds the number of the process.
const PROCESS_FILE: &str = "run/zypp.pid";

/// What is held: stanzas of fields, as zypper's `addlock` writes them.
const HOLDS: &str = "etc/zypp/locks";

static LISTS: Lists = Lists {
    stamp: "zypper-lists.json",
    sources: &["etc/zypp/repos.d", "etc/zypp/services.d"],
    hook: |root| super::lists::modified(&root.join("var/cache/zypp/raw")),
    in_parts: true,
    any: |root| Ok(files_in(&root.join("var/cache/zypp/raw"))?.iter().any(|path| path.is_dir())),
};

pub struct Zypper;

impl Tool for Zypper {
    fn name(&self) -> &str {
        "zypper"
    }

    fn absent(&self, root: &Path) -> Option<String> {
        let missing = ["zypper", "rpm"].into_iter().find(|program| !has_program(root, program))?;
        Some(format!("this machine has no `{missing}`: zypper's packages cannot be managed here"))
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        Ok(Installed { versions: query::all(context.tools)?, ..Installed::default() })
    }

    fn provider(&self, context: &Context<'_>, _: &Installed, name: &str) -> Result<Option<String>> {
        Ok(query::states(context.tools, &[name.to_owned()], None)?.remove(0).provided_by)
    }

    fn scheme(&self) -> Scheme {
        Scheme::Rpm
    }

    fn versions(&self, context: &Context<'_>, name: &str) -> Result<Option<Vec<String>>> {
        let words = ["zypper", "--xmlout", "--non-interactive", "search", "--details", "--match-exact", "--", name];
        let answer = context.tools.query(&Command::new(words))?;
        Ok(answer.success().then(|| offered(&answer.stdout)))
    }

    fn removes(&self) -> bool {
        true
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        command(call, transaction, &[])
    }

    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>> {
        let answer = context.tools.query(&command(call, transaction, &["--dry-run"]))?;
        // From 100 on it says more of a success; what it does not know is the exception.
        if !answer.success() && !(100..=107).contains(&answer.code) || answer.code == UNKNOWN {
            return Err(failure(self, "`zypper` would refuse", &answer));
        }
        Ok(plan(&answer.stdout))
    }

    fn meant(&self, context: &Context<'_>, name: &str, plan: &[(String, String)]) -> Result<Option<(String, String)>> {
        let words =
            ["--xmlout", "--non-interactive", "--no-refresh", "search", "--provides", "--match-exact", "--", name];
        let answer = context.tools.query(&Command::new(["zypper"].into_iter().chain(words)))?;
        let lines = answer.stdout.lines().filter_map(|line| line.trim().strip_prefix("<solvable "));
        let providers: Vec<&str> = lines.filter_map(|attributes| attribute(attributes, "name")).collect();
        Ok(plan.iter().find(|(name, _)| providers.contains(&name.as_str())).cloned())
    }

    fn unknown(&self, output: &str) -> Vec<String> {
        output.split("No provider of '").skip(1).filter_map(|rest| rest.split('\'').next()).map(str::to_owned).collect()
    }

    fn reason(&self, output: &str) -> String {
        reason(output)
    }

    fn cure(&self, output: &str) -> Option<String> {
        let held = output.contains("remove lock to allow");
        held.then(|| "release what is held with action `unlock` before, or leave it out".to_owned())
    }

    fn holds(&self, root: &Path) -> Result<Option<Vec<String>>> {
        Ok(Some(locked(&text_of(&root.join(HOLDS))?.unwrap_or_default())))
    }

    fn hold(&self, names: &[String], held: bool) -> Option<Command> {
        let words = ["zypper", "--xmlout", "--non-interactive", if held { "addlock" } else { "removelock" }, "--"];
        Some(Command::new(words.into_iter().chain(names.iter().map(String::as_str))))
    }

    fn held(&self, root: &Path) -> Result<Option<(String, String)>> {
        if let Some(held) = locks::first_held(root, &LOCKS)? {
            return Ok(Some(held));
        }
        let process = locks::process_in(&root.join(PROCESS_FILE))?;
        Ok(process.map(|process| (format!("zypp's lock `/{PROCESS_FILE}`"), locks::describe(process))))
    }

    fn lists(&self) -> Option<&'static Lists> {
        Some(&LISTS)
    }

    fn refresh(&self, source: Option<&Path>) -> Option<Command> {
        let id = source.and_then(Path::file_stem).and_then(|stem| stem.to_str());
        Some(Command::new(["zypper", "--xmlout", "--non-interactive", "refresh"].into_iter().chain(id)))
    }
}

/// The exit code for a name that nothing has. Source: zypper(8), ZYPPER_EXIT_INF_CAP_NOT_FOUND.
const UNKNOWN: i32 = 104;

fn command(call: &Call<'_>, transaction: &Transaction, more: &[&str]) -> Command {
    let mut argv: Vec<String> = ["zypper", "--xmlout", "--non-interactive"].map(str::to_owned).into();
    match call {
        Call::Install(specs) | Call::Upgrade(specs) => {
            argv.extend(["install", "--auto-agree-with-licenses"].map(str::to_owned));
            if transaction.allow_downgrade {
                argv.push("--oldpackage".to_owned());
            }
            if transaction.allow_removals {
                argv.push("--force-resolution".to_owned());
            }
            match transaction.recommends {
                Some(true) => argv.push("--recommends".to_owned()),
                Some(false) => argv.push("--no-recommends".to_owned()),
                None => {}
            }
            argv.extend(more.iter().map(|word| (*word).to_owned()));
            argv.extend(transaction.options.iter().cloned());
            argv.push("--".to_owned());
            argv.extend(specs.iter().map(|spec| spec.joined("=")));
        }
        // What was configured stays where rpm leaves it, whatever is asked.
        Call::Remove(names) | Call::Purge(names) => {
            argv.push("remove".to_owned());
            argv.extend(more.iter().map(|word| (*word).to_owned()));
            argv.extend(transaction.options.iter().cloned());
            argv.push("--".to_owned());
            argv.extend(names.iter().cloned());
        }
    }
    let mut command = Command::new(argv);
    // zypper gives up at once when another one works, also on a dry run.
    command.environment.insert("ZYPP_LOCK_TIMEOUT".to_owned(), "600".to_owned());
    command
}

/// The names that are held, or patterns of them. A stanza that is about one version, repository or kind of thing holds no
/// package for good.
fn locked(text: &str) -> Vec<String> {
    let stanzas = text.split("\n\n");
    let name = |stanza: &str| {
        let fields: Vec<(&str, &str)> = stanza
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let field = |name: &str| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
        let narrow = ["repo", "version", "solvable_arch"].iter().any(|name| field(name).is_some());
        let of_packages = field("type").is_none_or(|kind| kind == "package");
        let globs = field("match_type").is_none_or(|kind| kind == "glob" || kind == "exact");
        field("solvable_name").filter(|_| of_packages && globs && !narrow).map(str::to_owned)
    };
    stanzas.filter_map(name).collect()
}

/// The packages in a summary, by the section that they stand in.
fn plan(output: &str) -> Vec<(String, Option<String>)> {
    let mut removal = false;
    let mut plan = Vec::new();
    for line in output.lines().map(str::trim) {
        if line.starts_with("<to-") {
            removal = line.starts_with("<to-remove");
        } else if let Some(attributes) = line.strip_prefix("<solvable type=\"package\" ")
            && let (Some(name), Some(version)) = (attribute(attributes, "name"), attribute(attributes, "edition"))
        {
            plan.push((name.to_owned(), (!removal).then(|| version.strip_prefix("0:").unwrap_or(version).to_owned())));
        }
    }
    plan
}

/// From a detailed search: a line for each version in each repository.
fn offered(output: &str) -> Vec<String> {
    let lines = output.lines().filter_map(|line| line.trim().strip_prefix("<solvable "));
    let packages = lines.filter(|line| attribute(line, "kind") == Some("package"));
    packages.filter_map(|line| attribute(line, "edition")).map(str::to_owned).collect()
}

fn attribute<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

/// Errors, and what stands between what is installed and what is to be.
fn reason(output: &str) -> String {
    let parts = ["<message type=\"error\">", "<description>"].into_iter().flat_map(|start| {
        output
            .split(start)
            .skip(1)
            .filter_map(|rest| rest.split("</").next())
            .filter(|text| start.starts_with("<m") || text.starts_with("Problem: "))
    });
    let noise = ["rpm: ", "Please see the above", "Installation has been aborted", "Solution "];
    let lines = parts.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
    let mut said: Vec<String> =
        lines.filter(|line| !noise.iter().any(|start| line.starts_with(start))).map(plain).collect();
    said.dedup();
    said.join("; ")
}

/// Text without the escapes of XML.
fn plain(text: &str) -> String {
    [("&apos;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign))
}

#[cfg(test)]
mod tests {
    use super::{Tool as _, Zypper, locked, offered, plan, reason};

    #[test]
    fn what_is_held_is_read() {
        let text = "\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: lab-app\n\ntype: pattern\nsolvable_name: \
                    base\n\ntype: package\nmatch_type: glob\nsolvable_name: kernel*\n\ntype: package\nrepo: lab\nsolvable_name: \
                    lab-lib\n";
        assert_eq!(locked(text), ["lab-app", "kernel*"]);
    }

    #[test]
    fn the_versions_on_offer_are_read() {
        let output = "<search-result version=\"0.0\">\n<solvable-list>\n<solvable status=\"installed\" name=\"lab-app\" \
                      kind=\"package\" edition=\"1.5-1\" arch=\"noarch\" repository=\"lab\"/>\n<solvable \
                      status=\"not-installed\" name=\"lab-app\" kind=\"srcpackage\" edition=\"1.6-1\"/>\n<solvable \
                      status=\"other-version\" name=\"lab-app\" kind=\"package\" edition=\"2.0-1\"/>\n</solvable-list>\n";
        assert_eq!(offered(output), ["1.5-1", "2.0-1"]);
    }

    #[test]
    fn the_summary_is_read() {
        let output = "<install-summary packages-to-change=\"3\">\n<to-upgrade>\n<solvable type=\"package\" name=\"lab-app\" \
                      edition=\"2.0-1\" arch=\"noarch\" edition-old=\"1.0-1\" summary=\"synthetic\">\n<description>Synthetic \
                      test package.</description></solvable>\n</to-upgrade>\n<to-install>\n<solvable type=\"package\" \
                      name=\"lab-lib\" edition=\"1:1.1-1\" arch=\"noarch\"/>\n<solvable type=\"patch\" name=\"p\" \
                      edition=\"1\"/>\n</to-install>\n<to-remove>\n<solvable type=\"package\" name=\"lab-doc\" \
                      edition=\"1.0-1\" arch=\"noarch\"/>\n</to-remove>\n";
        let change = |name: &str, to: Option<&str>| (name.to_owned(), to.map(str::to_owned));
        assert_eq!(
            plan(output),
            [change("lab-app", Some("2.0-1")), change("lab-lib", Some("1:1.1-1")), change("lab-doc", None)]
        );
    }

    #[test]
    fn reasons_are_found() {
        let conflict = "<prompt id=\"1\">\n<description>Problem: lab-conflict-1.0-1.noarch conflicts with lab-app provided by \
                        lab-app-1.0-1.noarch\n Solution 1: deinstallation of lab-app-1.0-1.noarch\n</description>\n";
        assert_eq!(
            reason(conflict),
            "Problem: lab-conflict-1.0-1.noarch conflicts with lab-app provided by lab-app-1.0-1.noarch"
        );
        let unknown = "<message type=\"error\">No provider of &apos;lab-nope&apos; found.</message>";
        assert_eq!(reason(unknown), "No provider of 'lab-nope' found.");
        assert_eq!(Zypper.unknown(&reason(unknown)), ["lab-nope"]);
        let script = "<message type=\"error\">Installation of lab-bad-1.0-1.noarch failed:\nError: Subprocess failed. Error: RPM \
                      failed: rpm: RPM should not\nrpm: However assuming\nerror: %prein(lab-bad-1.0-1.noarch) scriptlet \
                      failed, exit status 1\n</message>";
        assert!(reason(script).contains("%prein(lab-bad-1.0-1.noarch) scriptlet failed"), "{}", reason(script));
    }
}
