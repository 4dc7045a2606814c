use std::collections::HashMap;

use super::{super::Tools, status::provided};
use crate::{
    Error, Result,
    host::{Candidate, Command},
};

/// What apt knows of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// There is no such name.
    Unknown,
    /// A package that no source offers (any more), or that a pin forbids.
    NotOffered,
    /// A name without a package of its own, provided by several: apt wants to be told which.
    Ambiguous(Vec<String>),
    /// A package that can be installed.
    Known {
        /// The package, and its version.
        candidate: Candidate,
        /// All versions on offer, best first.
        versions: Vec<String>,
    },
}

impl Resolution {
    /// The package to be installed, when there is exactly one.
    pub fn candidate(self) -> Option<Candidate> {
        match self {
            Self::Known { candidate, .. } => Some(candidate),
            Self::Unknown | Self::NotOffered | Self::Ambiguous(_) => None,
        }
    }
}

/// Asks apt about all names in one call, and once or twice more about those that are virtual.
pub fn resolve(tools: &dyn Tools, names: &[String]) -> Result<Vec<Resolution>> {
    let valid: Vec<&str> = names.iter().map(String::as_str).filter(|name| valid_name(name)).collect();
    let policies = policy(tools, &valid)?;
    let without: Vec<&str> = valid
        .iter()
        .copied()
        .filter(|name| find(&policies, name).is_some_and(|policy| policy.versions.is_empty()))
        .collect();
    let providers = providers(tools, &without)?;
    let single: Vec<&str> = providers
        .values()
        .filter_map(|names| match names.as_slice() {
            [only] => Some(only.as_str()),
            [] | [_, ..] => None,
        })
        .collect();
    let of_providers = policy(tools, &single)?;
    Ok(names
        .iter()
        .map(|name| match find(&policies, name) {
            None => Resolution::Unknown,
            Some(policy) if policy.candidate.is_some() => policy.resolution(name),
            Some(_) => match providers.get(name.as_str()).map(Vec::as_slice) {
                Some([only]) => {
                    find(&of_providers, only).map_or(Resolution::NotOffered, |policy| policy.resolution(only))
                }
                Some([]) | None => Resolution::NotOffered,
                Some(several) => Resolution::Ambiguous(several.to_vec()),
            },
        })
        .collect())
}

/// Whether apt takes the text as a name and nothing else: no pattern, no suite, no task, no leading option.
///
/// A trailing `-` or `+`, which apt may take for an order to remove or install, is caught later, because `g++` is a
/// name: only a name that apt knows exactly is ever handed to it.
///
/// Source: Debian policy 5.6.1; apt-get(8) "install".
pub fn valid_name(name: &str) -> bool {
    let (bare, architecture) = match name.split_once(':') {
        Some((bare, architecture)) => (bare, Some(architecture)),
        None => (name, None),
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bare.len() > 1
        && bare.bytes().next().is_some_and(lower)
        && bare.bytes().all(|byte| lower(byte) || b"+.-".contains(&byte))
        && architecture.is_none_or(|text| !text.is_empty() && text.bytes().all(|byte| lower(byte) || byte == b'-'))
}

/// Whether the text can be a version.
pub fn valid_version(version: &str) -> bool {
    version.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+:~-".contains(&byte))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Policy {
    name: String,
    candidate: Option<String>,
    versions: Vec<String>,
}

impl Policy {
    fn resolution(&self, name: &str) -> Resolution {
        self.candidate.as_ref().map_or(Resolution::NotOffered, |version| Resolution::Known {
            candidate: Candidate { name: name.to_owned(), version: version.clone() },
            versions: self.versions.clone(),
        })
    }
}

/// apt leaves out the architecture where it is this machine's own.
fn find<'a>(policies: &'a [Policy], name: &str) -> Option<&'a Policy> {
    let bare = name.split_once(':').map(|(bare, _)| bare);
    policies
        .iter()
        .find(|policy| policy.name == name)
        .or_else(|| policies.iter().find(|policy| Some(policy.name.as_str()) == bare))
}

fn policy(tools: &dyn Tools, names: &[&str]) -> Result<Vec<Policy>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    Ok(parse_policy(&cache(tools, "policy", names)?))
}

fn providers(tools: &dyn Tools, names: &[&str]) -> Result<HashMap<String, Vec<String>>> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(parse_showpkg(&cache(tools, "showpkg", names)?))
}

/// `apt-cache` exits with 100 when a single name is unknown, so that only its output counts.
fn cache(tools: &dyn Tools, verb: &str, names: &[&str]) -> Result<String> {
    let command = Command::new(["apt-cache", "-q", verb, "--"].into_iter().chain(names.iter().copied()));
    let answer = tools.query(&command)?;
    let trouble: Vec<&str> = answer
        .stderr
        .lines()
        .filter(|line| {
            line.starts_with("E: ") && !line.contains("No packages found") && !line.contains("Unable to locate")
        })
        .collect();
    if !answer.success() && !trouble.is_empty() {
        return Err(Error::failed(format!("`apt-cache {verb}` failed: {}", trouble.join("; ").replace("E: ", "")))
            .hint("`apt-get check` tells whether apt's sources and its cache are sound"));
    }
    Ok(answer.stdout)
}

fn parse_policy(output: &str) -> Vec<Policy> {
    let mut policies: Vec<Policy> = Vec::new();
    let mut table = false;
    for line in output.lines() {
        if !line.starts_with(' ') {
            table = false;
            policies.extend(line.strip_suffix(':').map(|name| Policy { name: name.to_owned(), ..Policy::default() }));
            continue;
        }
        let Some(policy) = policies.last_mut() else { continue };
        if let Some(version) = line.strip_prefix("  Candidate: ") {
            policy.candidate = Some(version.to_owned()).filter(|version| version != "(none)");
        } else if line.starts_with("  Version table:") {
            table = true;
        } else if table && (line.starts_with(" *** ") || (line.starts_with("     ") && !line.starts_with("      "))) {
            policy.versions.extend(line[5..].split_whitespace().next().map(ToOwned::to_owned));
        }
    }
    policies
}

fn parse_showpkg(output: &str) -> HashMap<String, Vec<String>> {
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    let mut package = String::new();
    let mut listing = false;
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("Package: ") {
            name.trim().clone_into(&mut package);
            listing = false;
        } else if line.starts_with("Reverse Provides:") {
            listing = true;
            all.entry(package.clone()).or_default();
        } else if listing && let Some(provider) = provided(line).next() {
            let names = all.entry(package.clone()).or_default();
            if names.iter().all(|name| name != provider) {
                names.push(provider.to_owned());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Policy, parse_policy, parse_showpkg, valid_name, valid_version};

    #[test]
    fn only_names_are_names() {
        for good in ["g++", "libstdc++6", "ruby3.1", "0ad", "libc6:i386", "libc6:any", "lab-sm.ll"] {
            assert!(valid_name(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "-y",
            "Ruby",
            "a b",
            "lab*",
            "lab^",
            "lab/stable",
            "lab=1",
            "/tmp/x.deb",
            "libc6:",
            "?true",
            "a|b",
            "lab_x",
            "-o",
            "lab:I386",
            "ab\nc",
        ] {
            assert!(!valid_name(bad), "{bad}");
        }
        for good in ["1.0", "1:2.3~rc1-4+b1"] {
            assert!(valid_version(good), "{good}");
        }
        for bad in ["", "-1", "1.0 2", "1*", "1.0/x", "$(id)"] {
            assert!(!valid_version(bad), "{bad}");
        }
    }

    #[test]
    fn policy_is_read() {
        let output = "lab-app:\n  Installed: 1.0\n  Candidate: 2.0\n  Version table:\n     2.0 500\n        500 file:/lab ./ \
                      Packages\n     1.1 500\n        500 file:/lab ./ Packages\n *** 1.0 500\n        500 file:/lab ./ \
                      Packages\n        100 /var/lib/dpkg/status\nlab-virtual:\n  Installed: (none)\n  Candidate: (none)\n  \
                      Version table:\nlibc6:i386:\n  Installed: (none)\n  Candidate: 2.36-9\n  Version table:\n     2.36-9 \
                      500\n        500 http://x/debian bookworm/main i386 Packages\n";
        let policy = |name: &str, candidate: Option<&str>, versions: &[&str]| Policy {
            name: name.to_owned(),
            candidate: candidate.map(ToOwned::to_owned),
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        };
        assert_eq!(
            parse_policy(output),
            [
                policy("lab-app", Some("2.0"), &["2.0", "1.1", "1.0"]),
                policy("lab-virtual", None, &[]),
                policy("libc6:i386", Some("2.36-9"), &["2.36-9"]),
            ]
        );
    }

    #[test]
    fn providers_are_read_once_each() {
        let output = "Package: lab-virtual\nVersions: \n\nReverse Depends: \nDependencies: \nProvides: \nReverse Provides: \n\
                      lab-other 1.0 (= )\nlab-app 2.0 (= )\nlab-app 1.0 (= )\nPackage: dnsutils\nVersions: \n\nReverse \
                      Depends: \n  foo,dnsutils\nDependencies: \nProvides: \nReverse Provides: \nbind9-dnsutils 1:9.20.11-4 \
                      (= 1:9.20.11-4)\n";
        let providers = parse_showpkg(output);
        assert_eq!(providers["lab-virtual"], ["lab-other", "lab-app"]);
        assert_eq!(providers["dnsutils"], ["bind9-dnsutils"]);
    }
}
