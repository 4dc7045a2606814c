use super::super::removals;
use crate::Error;

/// Why apt or dpkg failed, found in what they printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Packages that dpkg gave up on, with its reason and what their script printed.
    pub packages: Vec<Failed>,
    /// The resolver's reasons.
    pub unmet: Vec<String>,
    /// Packages that would go, where none may.
    pub removals: Vec<String>,
    /// What apt says itself.
    pub errors: Vec<String>,
    warnings: Vec<String>,
    /// The last lines, for when nothing else is understood.
    tail: Vec<String>,
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

/// How many of the dependencies that are not met are told: of a library that all need there are hundreds.
const UNMET: usize = 8;

impl Diagnosis {
    /// Reads the output (standard output and standard error, in the order in which they were printed).
    pub fn of(output: &str) -> Self {
        let mut found = Self::default();
        let lines: Vec<&str> = output.lines().collect();
        let mut script = 0;
        let mut unmet = false;
        let mut removals = false;
        for (n, line) in lines.iter().enumerate() {
            if removals && line.starts_with(' ') {
                found.removals.extend(line.split_whitespace().map(|name| name.trim_end_matches('*').to_owned()));
                continue;
            }
            removals = line.starts_with("The following packages will be REMOVED");
            if unmet && line.starts_with(' ') {
                found.unmet.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
                continue;
            }
            unmet =
                line.starts_with("The following packages have unmet dependencies") || (unmet && line.trim().is_empty());
            if [
                "Setting up ",
                "Preparing to unpack ",
                "Unpacking ",
                "Removing ",
                "Purging configuration files ",
                "Processing triggers ",
            ]
            .iter()
            .any(|start| line.starts_with(start))
            {
                script = n + 1;
            } else if let Some(rest) = line.strip_prefix("dpkg: error processing ") {
                let reason: Vec<&str> =
                    lines[n + 1..].iter().take_while(|line| line.starts_with(' ')).map(|line| line.trim()).collect();
                let printed =
                    lines[script.max(n.saturating_sub(LINES)).min(n)..n].iter().map(|line| (*line).to_owned());
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
        let last = lines.iter().rev().filter(|line| !line.trim().is_empty()).take(LINES);
        found.tail = last.map(|line| (*line).to_owned()).collect();
        found.tail.reverse();
        if !found.packages.is_empty() {
            found.errors.retain(|error| !error.contains("/usr/bin/dpkg returned an error code"));
        }
        found
    }

    /// Whether somebody else held a lock that apt does not wait for.
    pub fn locked(&self) -> bool {
        // "Unable to lock" and "Unable to acquire" follow it, but also where a lock may not be opened at all.
        self.errors.iter().any(|error| error.starts_with("Could not get lock"))
    }

    /// Whether a file that the lists promise is not on the server (any more).
    pub fn outdated(&self) -> bool {
        let gone = ["404", "File not found", "Hash Sum mismatch", "unexpected size"];
        self.errors
            .iter()
            .any(|error| error.starts_with("Failed to fetch") && gone.iter().any(|why| error.contains(why)))
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
            let more = self.unmet.len().saturating_sub(UNMET);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            parts.push(self.unmet[..self.unmet.len().min(UNMET)].join("; ") + &more);
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
            hints.push(
                "a package is held at its version: release it with `apt-mark unhold NAME`, or leave it out".to_owned(),
            );
        }
        if says("Packages were downgraded") {
            hints.push("set `allow_downgrade` on the package to let an older version replace a newer one".to_owned());
        }
        if says("enough free space") || self.packages.iter().any(|failed| failed.reason.contains("No space left")) {
            hints.push("free some space (`apt-get clean` empties apt's download cache) and run again".to_owned());
        }
        if says("Permission denied") || says("are you root") {
            hints.push("run as root".to_owned());
        }
        if says("Essential packages were removed") {
            hints.push(
                "the change would take away packages that the system needs to work; correct the recipe".to_owned(),
            );
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
        if self.errors.iter().any(|error| error.contains("remove is disabled")) {
            return removals("apt", &self.removals);
        }
        let summary = self.summary();
        let message = match (summary.is_empty(), self.tail.is_empty()) {
            (false, _) => format!("{doing}: {summary}"),
            (true, false) => format!("{doing}; it printed:\n  {}", self.tail.join("\n  ")),
            (true, true) => format!("{doing}, without a word"),
        };
        Error::Failed { message, hints: self.hints() }
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

#[cfg(test)]
mod tests {
    use super::Diagnosis;

    #[test]
    fn of_many_needs_the_first_are_told() {
        let needs: String =
            (1..=20).map(|n| format!(" a{n} : Depends: b but it is not going to be installed\n")).collect();
        let output = format!(
            "The following packages have unmet dependencies:\n{needs}E: Unable to correct problems, you have held broken packages.\n"
        );
        let told = Diagnosis::of(&output).error("apt would refuse").to_string();
        assert!(told.contains("a8 : ") && !told.contains("a9 : ") && told.contains("; and 12 more"), "{told}");
    }

    #[test]
    fn a_failing_script_is_quoted() {
        let output = "Selecting previously unselected package lab-bad.\nPreparing to unpack .../lab-bad_1.0_all.deb ...\nUnpacking \
                      lab-bad (1.0) ...\nSetting up lab-dep (1.0) ...\nfine\nSetting up lab-bad (1.0) ...\nstarting\ncannot \
                      reach the database\ndpkg: error processing package lab-bad (--configure):\n installed lab-bad package \
                      post-installation script subprocess returned error exit status 7\ndpkg: dependency problems prevent \
                      configuration of lab-user:\n lab-user depends on lab-bad; however:\n  Package lab-bad is not configured \
                      yet.\n\ndpkg: error processing package lab-user (--configure):\n dependency problems - leaving \
                      unconfigured\nErrors were encountered while processing:\n lab-bad\n lab-user\nE: Sub-process \
                      /usr/bin/dpkg returned an error code (1)\n";
        let diagnosis = Diagnosis::of(output);
        assert_eq!(
            diagnosis.error("apt failed").to_string(),
            "apt failed: `lab-bad`: installed lab-bad package post-installation script subprocess returned error exit status \
             7; it printed:\n  starting\n  cannot reach the database"
        );
        assert_eq!(
            diagnosis.hints(),
            ["correct the cause and run again: the half-configured package is finished first"]
        );
    }

    #[test]
    fn a_file_of_two_packages_is_named() {
        let output = "Unpacking lab-b (1.0) ...\ndpkg: error processing archive /tmp/apt-dpkg-install-x/lab-b_1.0_all.deb \
                      (--unpack):\n trying to overwrite '/usr/share/lab/a', which is also in package lab-a 1.0\nE: Sub-process \
                      /usr/bin/dpkg returned an error code (1)\n";
        assert_eq!(
            Diagnosis::of(output).summary(),
            "`lab-b`: trying to overwrite '/usr/share/lab/a', which is also in package lab-a 1.0"
        );
    }

    #[test]
    fn the_resolvers_reason_is_kept_without_its_preface() {
        let output = "Some packages could not be installed. This may mean that you have\nrequested an impossible \
                      situation\nThe following packages have unmet dependencies:\n lab-conflict : Conflicts: lab-app\n                \
                      Depends: lab-x but it is not installable\nE: Unable to correct problems, you have held broken packages.\n";
        let diagnosis = Diagnosis::of(output);
        assert_eq!(diagnosis.summary(), "lab-conflict : Conflicts: lab-app; Depends: lab-x but it is not installable");
        assert_eq!(diagnosis.hints().len(), 1);
    }

    #[test]
    fn what_can_be_tried_again_is_recognised() {
        let locked = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (apt-get)\n";
        let forbidden = "E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)\nE: Unable to lock \
                         directory /var/lib/apt/lists/\n";
        let outdated = "Err:1 http://deb x\nE: Failed to fetch http://deb/x.deb  404  Not Found [IP: ::1 80]\n";
        let interrupted =
            "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n";
        assert_eq!(Diagnosis::of(forbidden).hints(), ["run as root"]);
        for (text, expected) in [
            (locked, [true, false, false]),
            (forbidden, [false, false, false]),
            (outdated, [false, true, false]),
            (interrupted, [false, false, true]),
        ] {
            let found = Diagnosis::of(text);
            assert_eq!([found.locked(), found.outdated(), found.interrupted()], expected, "{text}");
        }
    }
}
