//! pip: the packages of one Python, or of one virtual environment.
use std::path::PathBuf;

use serde::Deserialize;

use super::{
    Context,
    directory::files_in,
    driven::{Call, Installed, Tool, failure},
};
use crate::{
    Error, Result,
    host::{Command, PackageSpec, Scheme, Transaction},
};

pub struct Pip {
    program: String,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    version: String,
}

/// What `pip install --report` writes. Source: pip's "Installation Report", version 1.
#[derive(Deserialize)]
struct Report {
    install: Vec<Planned>,
}

#[derive(Deserialize)]
struct Planned {
    metadata: Listed,
}

impl Pip {
    pub fn new(binary: &Option<PathBuf>, source: &Option<String>) -> Self {
        let program = binary.as_ref().map_or_else(|| "pip".to_owned(), |binary| binary.display().to_string());
        Self { program, source: source.clone() }
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let always = ["--disable-pip-version-check", "--no-input", "--no-color"];
        [self.program.as_str()].iter().chain(words).chain(&always).map(|word| (*word).to_owned()).collect()
    }

    fn from(&self) -> Vec<String> {
        let words = match self.source.as_ref().map(|source| source.strip_prefix("file://").unwrap_or(source)) {
            Some(directory) if directory.starts_with('/') => vec!["--no-index", "--find-links", directory],
            Some(url) => vec!["--index-url", url],
            None => Vec::new(),
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Asks for the versions on offer; pip has this since 21.2.
    fn index(&self, name: &str) -> Command {
        let mut argv = self.words(&["index", "versions"]);
        argv.extend(self.from());
        argv.extend(["--".to_owned(), name.to_owned()]);
        Command::new(argv)
    }

    /// What would be installed, where pip cannot rehearse it: what comes along is not known.
    fn without_rehearsal(&self, context: &Context<'_>, specs: &[PackageSpec]) -> Result<Vec<(String, Option<String>)>> {
        let version = |spec: &PackageSpec| {
            let what = format!("`{}` would refuse", self.program);
            let answer = context.tools.query(&self.index(&spec.name))?;
            match &spec.version {
                // A pip that cannot tell the versions may have this one all the same.
                Some(asked) if answer.stderr.contains(NO_INDEX) => Ok(asked.clone()),
                Some(asked) => match available(&answer.stdout) {
                    Some(versions) if versions.iter().any(|one| self.satisfies(asked, one)) => Ok(asked.clone()),
                    Some(versions) => Err(Error::failed(format!(
                        "{what}: `{}` is not on offer in version `{asked}`, only in {}",
                        spec.name,
                        versions.join(", ")
                    ))),
                    None => Err(failure(self, &what, &answer)),
                },
                None => latest(&answer.stdout).map(str::to_owned).ok_or_else(|| failure(self, &what, &answer)),
            }
        };
        specs.iter().map(|spec| Ok((self.key(&spec.name), Some(version(spec)?)))).collect()
    }

    fn arguments(&self, call: &Call<'_>, transaction: &Transaction, more: &[&str]) -> Command {
        let mut argv = match call {
            Call::Install(_) => self.words(&["install"]),
            Call::Upgrade(_) => self.words(&["install", "--upgrade"]),
            Call::Remove(_) | Call::Purge(_) => self.words(&["uninstall", "--yes"]),
        };
        argv.extend(more.iter().map(|word| (*word).to_owned()));
        if let Call::Install(_) | Call::Upgrade(_) = call {
            argv.extend(self.from());
        }
        argv.extend(transaction.options.iter().cloned());
        argv.push("--".to_owned());
        match call {
            Call::Install(specs) | Call::Upgrade(specs) => argv.extend(specs.iter().map(|spec| spec.joined("=="))),
            Call::Remove(names) | Call::Purge(names) => argv.extend(names.iter().cloned()),
        }
        Command::new(argv)
    }

    /// Refuses to plan what pip refuses only when it is at work: to change what the distribution's packages are. Of a
    /// virtual environment, and of a Python that somebody built, pip is free to.
    ///
    /// Source: PEP 668.
    fn refuse_external(&self, context: &Context<'_>, transaction: &Transaction) -> Result<()> {
        let of_system =
            ["pip", "/usr/bin/pip", "/usr/bin/pip3", "/bin/pip", "/bin/pip3"].contains(&self.program.as_str());
        if !of_system || transaction.options.iter().any(|option| option == "--break-system-packages") {
            return Ok(());
        }
        let pythons = files_in(&context.root.join("usr/lib"))?;
        if !pythons.iter().any(|python| python.join("EXTERNALLY-MANAGED").exists()) {
            return Ok(());
        }
        let configured = context.tools.query(&Command::new(self.words(&["config", "list"])))?;
        if !breaks_system(&configured.stdout) {
            return Err(Error::failed(format!("`{}` would refuse: {EXTERNAL}", self.program)).hint(VENV));
        }
        Ok(())
    }
}

/// What a pip before 22.2 says of `--dry-run`.
const NO_REHEARSAL: &str = "no such option: ";

/// What a pip before 21.2 says of `pip index`.
const NO_INDEX: &str = "unknown command \"index\"";

/// What pip says where nothing will do: a name that the index does not have, or has as source alone.
const NO_MATCH: &str = "No matching distribution found for ";

/// From the first line of `pip index versions`: `NAME (VERSION)`.
fn latest(output: &str) -> Option<&str> {
    output.lines().find_map(|line| line.split_once(" (")?.1.strip_suffix(')'))
}

/// From its second line: `Available versions: VERSION, VERSION`.
fn available(output: &str) -> Option<Vec<String>> {
    let list = output.lines().find_map(|line| line.strip_prefix("Available versions: "))?;
    Some(list.split(", ").map(str::to_owned).collect())
}

/// Whether pip's own settings, from its files and its environment, let it change what the distribution manages.
fn breaks_system(settings: &str) -> bool {
    settings.lines().filter_map(|line| line.split_once('=')).any(|(name, value)| {
        let value = value.trim_matches(['\'', '"']).to_ascii_lowercase();
        name.ends_with(".break-system-packages") && ["1", "true", "yes", "on", "y", "t"].contains(&value.as_str())
    })
}

const EXTERNAL: &str = "this Python's packages are managed by the distribution (PEP 668)";
const VENV: &str = "make a virtual environment (`python3 -m venv DIR`) and name its program as `binary` (`DIR/bin/pip`), or take \
                    the distribution's own package";

impl Tool for Pip {
    fn name(&self) -> &str {
        &self.program
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        let command = Command::new(self.words(&["list", "--format", "json"]));
        let answer = context.tools.query(&command)?;
        // One that an earlier resource is to bring: it has nothing yet.
        if answer.code == 127 {
            return Ok(Installed::default());
        }
        let listed: Result<Vec<Listed>, _> = serde_json::from_str(&answer.stdout);
        match listed {
            Ok(listed) if answer.success() => {
                let versions = listed.into_iter().map(|one| (self.key(&one.name), one.version)).collect();
                Ok(Installed { versions, ..Installed::default() })
            }
            Ok(_) | Err(_) => Err(failure(self, "cannot list the packages of Python", &answer)),
        }
    }

    /// Source: PEP 503.
    fn key(&self, name: &str) -> String {
        let mut key = String::with_capacity(name.len());
        for letter in name.chars() {
            match letter {
                '-' | '_' | '.' if key.ends_with('-') => {}
                '-' | '_' | '.' => key.push('-'),
                other => key.push(other.to_ascii_lowercase()),
            }
        }
        key
    }

    fn scheme(&self) -> Scheme {
        Scheme::Python
    }

    fn versions(&self, context: &Context<'_>, name: &str) -> Result<Option<Vec<String>>> {
        let answer = context.tools.query(&self.index(name))?;
        Ok(answer.success().then(|| available(&answer.stdout)).flatten())
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        self.arguments(call, transaction, &[])
    }

    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        transaction: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>> {
        self.refuse_external(context, transaction)?;
        let specs = match call {
            Call::Remove(names) | Call::Purge(names) => {
                return Ok(names.iter().map(|name| (self.key(name), None)).collect());
            }
            Call::Install(specs) | Call::Upgrade(specs) => *specs,
        };
        // To know what a source package needs, pip runs its code, which a plan must not.
        let wheels = ["--dry-run", "--quiet", "--only-binary", ":all:", "--report", "-"];
        let command = self.arguments(call, transaction, &wheels);
        let what = format!("`{}` would refuse", self.program);
        let answer = context.tools.query(&command)?;
        if answer.stderr.contains(NO_REHEARSAL) || (!answer.success() && answer.stderr.contains(NO_MATCH)) {
            return self.without_rehearsal(context, specs);
        }
        if !answer.success() {
            return Err(failure(self, &what, &answer));
        }
        let report: Report = serde_json::from_str(&answer.stdout)
            .map_err(|error| Error::failed(format!("cannot read what `{}` reports: {error}", self.program)))?;
        Ok(report.install.into_iter().map(|one| (self.key(&one.metadata.name), Some(one.metadata.version))).collect())
    }

    fn unknown(&self, output: &str) -> Vec<String> {
        let starts = output.split(NO_MATCH).skip(1);
        starts.filter_map(|rest| rest.split([' ', ';', '\n', '=']).next()).map(str::to_owned).collect()
    }

    fn reason(&self, output: &str) -> String {
        if output.contains("externally-managed-environment") {
            return EXTERNAL.to_owned();
        }
        let mut said: Vec<&str> = output.lines().filter_map(|line| line.trim().strip_prefix("ERROR: ")).collect();
        said.dedup();
        let said = said.join("; ");
        // pip says that an index has nothing of the name also when it could not ask.
        match output.split_once("connection broken by ").and_then(|(_, rest)| rest.lines().next()) {
            Some(broken) => format!("the index cannot be reached ({broken}); {said}"),
            None => said,
        }
    }

    fn cure(&self, output: &str) -> Option<String> {
        if output.contains("externally-managed-environment") {
            Some(VENV.to_owned())
        } else if output.contains(NO_INDEX) {
            Some(
                "this pip is too old to tell the newest version: give the exact one, or install a newer pip first"
                    .to_owned(),
            )
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Call, Pip, Tool as _, available, breaks_system, latest};
    use crate::host::{PackageSpec, Provider, Transaction};

    #[test]
    fn names_and_versions() {
        let pip = Pip::new(&None, &None);
        assert_eq!(pip.key("Zope._Interface"), "zope-interface");
        assert!(pip.satisfies("1.0", "1.0.0") && !pip.satisfies("1.0", "1.0.1"));
        let output = "ERROR: Could not find a version that satisfies the requirement nope (from versions: none)\nERROR: No \
                      matching distribution found for nope\n";
        assert_eq!(pip.unknown(&pip.reason(output)), ["nope"]);
        let versions = "lab-app (2.0)\nAvailable versions: 2.0, 1.0\n  INSTALLED: 1.0\n";
        assert_eq!(latest(versions), Some("2.0"));
        assert_eq!(available(versions).unwrap(), ["2.0", "1.0"]);
        assert!(breaks_system(":env:.no-input='1'\nglobal.break-system-packages='true'\n"));
        assert!(!breaks_system("global.break-system-packages='false'\nglobal.index-url='https://x/?break=1'\n"));
    }

    #[test]
    fn a_directory_is_a_source_too() {
        let spec = [PackageSpec { version: Some("1.0".to_owned()), ..PackageSpec::any("lab-app") }];
        let line = |source: &str| {
            let pip = Pip::new(&Some(PathBuf::from("/opt/v/bin/pip")), &Some(source.to_owned()));
            pip.command(&Call::Install(&spec), &Transaction::new(Provider::Platform)).argv[5..].join(" ")
        };
        assert_eq!(line("/srv/wheels"), "--no-index --find-links /srv/wheels -- lab-app==1.0");
        assert_eq!(line("file:///srv/wheels"), line("/srv/wheels"));
        assert_eq!(
            line("https://pypi.example.com/simple"),
            "--index-url https://pypi.example.com/simple -- lab-app==1.0"
        );
    }
}
