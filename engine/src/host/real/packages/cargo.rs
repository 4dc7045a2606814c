//! cargo: programs that it builds from crates and puts beside itself.
use std::path::PathBuf;

use super::{
    Context,
    driven::{Call, Installed, Tool, ask, failure},
};
use crate::{
    Result,
    host::{Answer, Command, PackageSpec, Scheme, Transaction},
};

pub struct Cargo {
    program: String,
    source: Option<String>,
}

impl Cargo {
    pub fn new(binary: &Option<PathBuf>, source: &Option<String>) -> Self {
        let program = binary.as_ref().map_or_else(|| "cargo".to_owned(), |binary| binary.display().to_string());
        Self { program, source: source.clone() }
    }

    fn words(&self, words: &[&str], from: bool) -> Vec<String> {
        let source = self.source.iter().filter(|_| from).flat_map(|source| ["--index", source]);
        [self.program.as_str()].iter().chain(words).copied().chain(source).map(str::to_owned).collect()
    }

    fn info(&self, context: &Context<'_>, asked: &str) -> Result<Answer> {
        context.tools.query(&Command::new(self.words(&["info", "--quiet", asked], true)))
    }

    /// Refuses a version that the registry does not have. A cargo before 1.82 is not asked: it tells the newest alone.
    fn check(&self, context: &Context<'_>, spec: &PackageSpec) -> Result<()> {
        let info = self.info(context, &spec.joined("@"))?;
        if info.success()
            || info.code == 127
            || info.stderr.contains("no such command")
            || info.stderr.contains("no such subcommand")
        {
            return Ok(());
        }
        Err(failure(self, &format!("`{}` would refuse `{}`", self.program, spec.joined("@")), &info))
    }

    /// The newest version in the registry: by `info`, or by `search` before cargo 1.82.
    fn latest(&self, context: &Context<'_>, name: &str) -> Result<String> {
        let info = self.info(context, name)?;
        if let Some(version) = info.stdout.lines().find_map(|line| line.strip_prefix("version: ")) {
            return Ok(version.split(' ').next().unwrap_or(version).to_owned());
        }
        let what = format!("cannot ask `{}` for the newest version of `{name}`", self.program);
        let found = ask(self, context, &what, &Command::new(self.words(&["search", "--limit", "1", name], true)))?;
        let version = found.stdout.lines().find_map(|line| {
            let (found, rest) = line.split_once(" = \"")?;
            (found == name).then(|| rest.split('"').next())?
        });
        version.map(str::to_owned).ok_or_else(|| failure(self, &format!("{what}: no crate has this name"), &info))
    }
}

impl Tool for Cargo {
    fn name(&self) -> &str {
        &self.program
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        let answer = context.tools.query(&Command::new(self.words(&["install", "--list"], false)))?;
        // One that an earlier resource is to bring: it has nothing yet.
        if answer.code == 127 {
            return Ok(Installed::default());
        }
        if !answer.success() {
            return Err(failure(self, "cannot list what cargo has installed", &answer));
        }
        Ok(Installed { versions: answer.stdout.lines().filter_map(listed).collect(), ..Installed::default() })
    }

    fn scheme(&self) -> Scheme {
        Scheme::Semantic
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        let mut argv;
        match call {
            Call::Install(specs) | Call::Upgrade(specs) => {
                argv = self.words(&["install", "--quiet"], true);
                argv.extend(transaction.options.iter().cloned());
                argv.push("--".to_owned());
                argv.extend(specs.iter().map(|spec| spec.joined("@")));
            }
            Call::Remove(names) | Call::Purge(names) => {
                argv = self.words(&["uninstall", "--quiet", "--"], false);
                argv.extend(names.iter().cloned());
            }
        }
        Command::new(argv)
    }

    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>> {
        // Options may name another source, of which only the installation knows.
        let elsewhere = ["--registry", "--index", "--git", "--path", "--offline"];
        let elsewhere =
            transaction.options.iter().any(|option| elsewhere.iter().any(|other| option.starts_with(other)));
        let version = |spec: &PackageSpec| match &spec.version {
            Some(version) if elsewhere => Ok(version.clone()),
            Some(version) => self.check(context, spec).map(|()| version.clone()),
            None => self.latest(context, &spec.name),
        };
        match call {
            Call::Remove(names) | Call::Purge(names) => Ok(names.iter().map(|name| (name.clone(), None)).collect()),
            Call::Install(specs) | Call::Upgrade(specs) => {
                specs.iter().map(|spec| Ok((spec.name.clone(), Some(version(spec)?)))).collect()
            }
        }
    }

    fn reason(&self, output: &str) -> String {
        let lines = output.lines().map(str::trim).skip_while(|line| !line.starts_with("error: "));
        let lines =
            lines.filter(|line| !line.is_empty() && !line.starts_with("Caused by") && !line.starts_with("Summary"));
        lines.map(|line| line.trim_start_matches("error: ")).take(12).collect::<Vec<_>>().join("; ")
    }

    fn cure(&self, output: &str) -> Option<String> {
        let asked = output.contains("no such subcommand") || output.contains("does not support API commands");
        asked.then(|| "a cargo before 1.82 tells versions of some registries only: give the exact version".to_owned())
    }
}

/// From `ripgrep v14.1.0:`, or `NAME vVERSION (SOURCE):`; below it, indented, stand its programs.
fn listed(line: &str) -> Option<(String, String)> {
    let mut words = line.strip_suffix(':').filter(|line| !line.starts_with(' '))?.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((name.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Call, Cargo, Tool as _, listed};
    use crate::{
        Result,
        host::{
            Answer, Command, PackageSpec, Provider, Transaction,
            real::packages::{Packages, Tools},
        },
    };

    /// A cargo that ends so.
    struct Says(i32, &'static str);

    impl Tools for Says {
        fn query(&self, command: &Command) -> Result<Answer> {
            assert_eq!(command.argv.join(" "), "cargo info --quiet lab-app@9.0.0");
            Ok(Answer { code: self.0, stderr: self.1.to_owned(), ..Answer::default() })
        }

        fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            self.query(command)
        }
    }

    #[test]
    fn a_version_that_nobody_has_is_told_beforehand() {
        let planned = |says: Says| {
            let root = tempfile::tempdir().unwrap();
            let packages = Packages::new(root.path(), root.path().join("state"));
            let spec = [PackageSpec { version: Some("9.0.0".to_owned()), ..PackageSpec::any("lab-app") }];
            let cargo = Cargo::new(&None, &None);
            let none = Transaction::new(Provider::Platform);
            let rehearsed = cargo.rehearse(&packages.context(&says, &|_| {}), &Call::Install(&spec), &none);
            rehearsed.map(|plan| format!("{plan:?}")).unwrap_or_else(|error| error.to_string())
        };
        let comes = r#"[("lab-app", Some("9.0.0"))]"#;
        assert_eq!(planned(Says(0, "")), comes);
        // It does not tell of any version.
        for old in ["error: no such subcommand: `info`\n", "error: no such command: `info`\n"] {
            assert_eq!(planned(Says(101, old)), comes);
        }
        assert_eq!(
            planned(Says(101, "error: could not find `lab-app@9.0.0` in registry `lab`\n")),
            "`cargo` would refuse `lab-app@9.0.0`: could not find `lab-app@9.0.0` in registry `lab`"
        );
    }

    #[test]
    fn the_list_is_read() {
        let pair = |line: &str| listed(line).map(|(name, version)| format!("{name} {version}"));
        assert_eq!(pair("ripgrep v14.1.0:").as_deref(), Some("ripgrep 14.1.0"));
        assert_eq!(pair("x v0.1.0 (/srv/x):").as_deref(), Some("x 0.1.0"));
        assert_eq!(pair("    rg"), None);
    }

    #[test]
    fn its_reasons_are_kept() {
        let output = "    Updating index\nerror: could not find `lab-nope` in registry `lab` with version `*`\n";
        assert_eq!(
            Cargo::new(&None, &None).reason(output),
            "could not find `lab-nope` in registry `lab` with version `*`"
        );
    }
}
