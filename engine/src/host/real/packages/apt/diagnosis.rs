use crate::Error;

/// Why apt or dpkg failed, found in what they printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Packages that dpkg gave up on, with its reason and what their script printed.
    pub packages: Vec<Failed>,
    /// The resolver's reasons.
    pub unmet: Vec<String>,
    /// What apt says itself.
    pub errors: Vec<String>,
    warnings: Vec<String>,
}

/// A package that dpkg gave up on.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub name: String,
    /// dpkg's reason.
    pub reason: String,
    /// The last lines that its maintainer script printed.
    pub output: Vec<String>,
}

/// Enough to see what a maintainer script complains about.
const LINES: usize = 15;

impl Diagnosis {
    /// Reads the output (standard output and standard error, in the order in which they were printed).
    pub fn of(output: &str) -> Self {
        let mut found = Self::default();
        let lines: Vec<&str> = output.lines().collect();
        let mut script = 0;
        let mut unmet = false;
        for (n, line) in lines.iter().enumerate() {
            if unmet && line.starts_with(' ') {
                found.unmet.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
                continue;
            }
            unmet = line.starts_with("The following packages have unmet dependencies")
                || (unmet && line.trim().is_empty());
            if ["Setting up ", "Preparing to unpack ", "Unpacking ", "Removing ", "Purging configuration files ", "Processing triggers "]
                .iter()
                .any(|start| line.starts_with(start))
            {
                script = n + 1;
            } else if let Some(rest) = line.strip_prefix("dpkg: error processing ") {
                let reason: Vec<&str> =
                    lines[n + 1..].iter().take_while(|line| line.starts_with(' ')).map(|line| line.trim()).collect();
                let printed = lines[script.max(n.saturating_sub(LINES)).min(n)..n].iter().map(|line| (*line).to_owned());
                found.packages.push(Failed {
                    name: failed_name(rest),
                    reason: reason.join(" "),
                    output: printed.collect(),
                });
                script = n + 1 + reason.len();
            } else if let Some(error) = line.strip_prefix("E: ").or_else(|| line.strip_prefix("dpkg: error: ")) {
                found.errors.push(error.trim().to_owned());
            } else if let Some(warning) = line.strip_prefix("W: ") {
                found.warnings.push(warning.trim().to_owned());
            }
        }
        if !found.packages.is_empty() {
            found.errors.retain(|error| !error.contains("/usr/bin/dpkg returned an error code"));
        }
        found
    }

    /// Whether somebody else held a lock that apt does not wait for.
    pub fn locked(&self) -> bool {
        self.errors.iter().any(|error| {
            error.starts_with("Could not get lock")
                || error.starts_with("Unable to acquire the dpkg frontend lock")
                || error.starts_with("Unable to lock")
        })
    }

    /// Whether a file that the lists promise is not on the server (any more).
    pub fn outdated(&self) -> bool {
        self.errors.iter().any(|error| error.starts_with("Failed to fetch") && error.contains("404"))
    }

    /// Whether a run of dpkg has to be finished first.
    pub fn interrupted(&self) -> bool {
        self.errors.iter().any(|error| error.contains("dpkg was interrupted"))
    }

    /// What failed, in one sentence (and the script's output on lines of its own).
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = self
            .packages
            .iter()
            // A package that only waits for another broken one says nothing new.
            .filter(|failed| self.packages.len() == 1 || !failed.reason.contains("dependency problems"))
            .map(|failed| {
                let printed = if failed.output.is_empty() {
                    String::new()
                } else {
                    format!("; it printed:\n  {}\n", failed.output.join("\n  "))
                };
                format!("`{}`: {}{printed}", failed.name, failed.reason)
            })
            .collect();
        if !self.unmet.is_empty() {
            parts.push(self.unmet.join("; "));
        }
        let errors: Vec<&String> = self
            .errors
            .iter()
            .filter(|error| self.unmet.is_empty() || !error.contains("you have held broken packages"))
            .collect();
        if parts.is_empty() || !errors.is_empty() {
            let mut seen: Vec<&str> = Vec::new();
            for error in errors {
                if !seen.contains(&error.as_str()) {
                    seen.push(error);
                }
            }
            if seen.is_empty() {
                seen.extend(self.warnings.iter().map(String::as_str));
            }
            parts.extend(seen.into_iter().map(ToOwned::to_owned));
        }
        parts.join("; ").replace("\n; ", "\n").trim_end().to_owned()
    }

    /// What to do about it, where that is known.
    pub fn hints(&self) -> Vec<String> {
        let says = |text: &str| self.errors.iter().any(|error| error.contains(text));
        let mut hints = Vec::new();
        if says("Held packages were changed") {
            hints.push("a package is held at its version: release it with `apt-mark unhold NAME`, or leave it out".to_owned());
        }
        if says("Packages were downgraded") {
            hints.push("set `allow_downgrade` on the package to let an older version replace a newer one".to_owned());
        }
        if says("enough free space") || self.packages.iter().any(|failed| failed.reason.contains("No space left")) {
            hints.push("free some space (`apt-get clean` empties apt's download cache) and run again".to_owned());
        }
        if says("Essential packages were removed") {
            hints.push("the change would take away packages that the system needs to work; correct the recipe".to_owned());
        }
        if says("unauthenticated") || says("is not signed") || says("signatures") {
            hints.push("give the repository its key (`signed-by`), so that apt can check what it downloads".to_owned());
        }
        if says("Failed to fetch") || says("Temporary failure resolving") {
            hints.push("check that the machine reaches the package server".to_owned());
        }
        if !self.unmet.is_empty() && hints.is_empty() {
            hints.push("the packages cannot be installed together as they are: leave one out, or remove the one in the way first".to_owned());
        }
        if !self.packages.is_empty() && hints.is_empty() {
            hints.push("correct the cause and run again: the half-configured package is finished first".to_owned());
        }
        hints
    }

    /// As an error; `doing` begins the sentence.
    pub fn error(&self, doing: &str) -> Error {
        let summary = self.summary();
        let message = if summary.is_empty() {
            format!("{doing} and does not say why")
        } else {
            format!("{doing}: {summary}")
        };
        Error::Failed {
            message,
            hints: self.hints(),
        }
    }
}

/// From `package lab-bad:amd64 (--configure):` or `archive /var/cache/apt/archives/lab-bad_1.0_all.deb (--unpack):`.
fn failed_name(rest: &str) -> String {
    let mut words = rest.split_whitespace();
    let kind = words.next();
    let name = words.next().unwrap_or_default();
    let name = if kind == Some("archive") {
        name.rsplit('/').next().unwrap_or(name).split('_').next().unwrap_or(name)
    } else {
        name
    };
    name.to_owned()
}
