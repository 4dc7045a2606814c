//! npm: packages that are there for everybody. Each brings its dependencies inside of it.
use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Context,
    driven::{Call, Installed, Tool, ask, failure},
};
use crate::{
    Error, Result,
    host::{Command, PackageSpec, Scheme, Transaction},
};

pub struct Npm {
    program: String,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Tree {
    #[serde(default)]
    dependencies: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    /// Not there for one that others miss.
    version: Option<String>,
}

impl Npm {
    pub fn new(binary: &Option<PathBuf>, source: &Option<String>) -> Self {
        let program = binary.as_ref().map_or_else(|| "npm".to_owned(), |binary| binary.display().to_string());
        Self { program, source: source.clone() }
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let always = ["--no-update-notifier", "--no-fund", "--no-audit", "--no-progress"];
        [self.program.as_str()].iter().chain(words).chain(&always).map(|word| (*word).to_owned()).collect()
    }

    fn from(&self) -> Vec<String> {
        self.source.iter().flat_map(|source| ["--registry".to_owned(), source.clone()]).collect()
    }

    fn view(&self, package: &str, field: &str) -> Command {
        let mut argv = self.words(&["view", "--json"]);
        argv.extend(self.from());
        argv.extend(["--", package, field].map(str::to_owned));
        Command::new(argv)
    }

    /// The version that would be installed.
    fn offered(&self, context: &Context<'_>, spec: &PackageSpec) -> Result<String> {
        let what = format!("`{}` would refuse `{}`", self.program, spec.name);
        let answer = ask(self, context, &what, &self.view(&spec.joined("@"), "version"))?;
        // A version that does not exist is no answer at all.
        match serde_json::from_str(&answer.stdout) {
            Ok(Json::String(version)) => Ok(version),
            Ok(_) | Err(_) => {
                let version = spec.version.as_deref().unwrap_or("latest");
                Err(Error::failed(format!("{what}: the registry has no version `{version}` of it")))
            }
        }
    }
}

impl Tool for Npm {
    fn name(&self) -> &str {
        &self.program
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        let command = Command::new(self.words(&["ls", "--global", "--json", "--depth", "0"]));
        let answer = context.tools.query(&command)?;
        // One that an earlier resource is to bring: it has nothing yet.
        if answer.code == 127 {
            return Ok(Installed::default());
        }
        // A package that misses something makes the exit code another one, and stands there all the same.
        let tree: Tree = serde_json::from_str(&answer.stdout)
            .map_err(|_| failure(self, "cannot list the packages of npm", &answer))?;
        let versions = tree.dependencies.into_iter().filter_map(|(name, package)| Some((name, package.version?)));
        Ok(Installed { versions: versions.collect(), ..Installed::default() })
    }

    fn scheme(&self) -> Scheme {
        Scheme::Semantic
    }

    /// All but prereleases, which nothing but their exact version asks for.
    fn versions(&self, context: &Context<'_>, name: &str) -> Result<Option<Vec<String>>> {
        let answer = context.tools.query(&self.view(name, "versions"))?;
        Ok(answer.success().then(|| released(&answer.stdout)).flatten())
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        let removal = matches!(call, Call::Remove(_) | Call::Purge(_));
        let mut argv = self.words(&[if removal { "uninstall" } else { "install" }, "--global"]);
        if !removal {
            argv.extend(self.from());
        }
        argv.extend(transaction.options.iter().cloned());
        argv.push("--".to_owned());
        match call {
            Call::Install(specs) => argv.extend(specs.iter().map(|spec| spec.joined("@"))),
            Call::Upgrade(specs) => argv.extend(specs.iter().map(|spec| format!("{}@latest", spec.name))),
            Call::Remove(names) | Call::Purge(names) => argv.extend(names.iter().cloned()),
        }
        Command::new(argv)
    }

    fn rehearse(
        &self,
        context: &Context<'_>,
        call: &Call<'_>,
        _: &Transaction,
    ) -> Result<Vec<(String, Option<String>)>> {
        match call {
            Call::Remove(names) | Call::Purge(names) => Ok(names.iter().map(|name| (name.clone(), None)).collect()),
            Call::Install(specs) | Call::Upgrade(specs) => {
                specs.iter().map(|spec| Ok((spec.name.clone(), Some(self.offered(context, spec)?)))).collect()
            }
        }
    }

    fn unknown(&self, output: &str) -> Vec<String> {
        let rests = output.split('\'').filter_map(|text| text.strip_suffix("@*"));
        rests.map(str::to_owned).collect()
    }

    fn reason(&self, output: &str) -> String {
        let lines = output
            .lines()
            .filter_map(|line| line.strip_prefix("npm ERR! ").or_else(|| line.strip_prefix("npm error ")));
        let noise = ["A complete log", "    /", "404 Note", "404 tarball", "code "];
        let mut said: Vec<&str> =
            lines.filter(|line| !noise.iter().any(|start| line.starts_with(start))).map(str::trim).collect();
        said.retain(|line| !line.is_empty() && *line != "404" && !line.ends_with("-debug-0.log"));
        said.dedup();
        said.join("; ")
    }
}

/// From a list, or from the only version.
fn released(output: &str) -> Option<Vec<String>> {
    let versions = match serde_json::from_str(output).ok()? {
        Json::String(version) => vec![version],
        other => serde_json::from_value(other).ok()?,
    };
    let prerelease = |version: &String| version.split('+').next().is_some_and(|version| version.contains('-'));
    Some(versions.into_iter().filter(|version| !prerelease(version)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Npm, Tool as _, released};

    #[test]
    fn the_versions_on_offer_are_read() {
        assert_eq!(released("[\"1.0.0\", \"1.5.0+a-b\", \"2.0.0-rc.1\"]").unwrap(), ["1.0.0", "1.5.0+a-b"]);
        assert_eq!(released("\"1.0.0\"").unwrap(), ["1.0.0"]);
        assert_eq!(released(""), None);
    }

    #[test]
    fn its_reasons_are_kept() {
        let output = "npm ERR! code E404\nnpm ERR! 404 Not Found - GET http://127.0.0.1:4873/lab-nope - not found\nnpm ERR! 404 \
                      \nnpm ERR! 404  'lab-nope@*' is not in this registry.\nnpm ERR! 404 \nnpm ERR! 404 Note that you can also \
                      install from a\nnpm ERR! 404 tarball, folder, http url, or git url.\n\nnpm ERR! A complete log of this \
                      run can be found in:\nnpm ERR!     /root/.npm/_logs/2026-11-28T19_43_03_506Z-debug-0.log\n";
        let npm = Npm::new(&None, &None);
        assert_eq!(
            npm.reason(output),
            "404 Not Found - GET http://127.0.0.1:4873/lab-nope - not found; 404  'lab-nope@*' is not in this registry."
        );
        assert_eq!(npm.unknown(&npm.reason(output)), ["lab-nope"]);
    }
}
