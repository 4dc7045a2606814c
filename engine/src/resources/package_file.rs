//! Packages in files: what is in one, asked of the program that knows its format.
use std::path::Path;

use crate::{
    Error, Fault, Result,
    host::{Candidate, Command, Probe, Provider},
};

/// Formats of files with packages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Deb,
    Rpm,
}

impl Format {
    /// By what installs it, or else by the end of its name.
    fn of(file: &Path, provider: &Provider) -> Option<Self> {
        match provider {
            Provider::Apt | Provider::Dpkg => Some(Self::Deb),
            Provider::Dnf | Provider::Rpm | Provider::Zypper => Some(Self::Rpm),
            Provider::Platform => match file.extension()?.to_str()? {
                "deb" => Some(Self::Deb),
                "rpm" => Some(Self::Rpm),
                _ => None,
            },
            Provider::Pacman
            | Provider::Apk
            | Provider::Gem { .. }
            | Provider::Pip { .. }
            | Provider::Npm { .. }
            | Provider::Cargo { .. }
            | Provider::Snap => None,
        }
    }
}

/// What is wrong with a file as the source of packages of these names.
pub fn faults(file: &Path, names: &[String], provider: &Provider) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !file.is_absolute() {
        faults.push(Fault::new(format!("`source` must be an absolute path, `{}` is not", file.display())));
    }
    if names.len() > 1 {
        faults.push(Fault::new(format!("`source` is one file, and {} packages are named", names.len())));
    }
    if Format::of(file, provider).is_none() {
        let fault = match provider {
            Provider::Platform => format!("`{}` is neither a `.deb` nor a `.rpm`", file.display()),
            other => format!("packages of {} are not installed from files", other.name()),
        };
        faults.push(Fault::new(fault));
    }
    faults
}

/// Name and version of the package in a file. In a plan the file may still have to come: then what its name says, and no
/// version.
pub fn read(file: &Path, names: &[String], provider: &Provider, probe: &dyn Probe) -> Result<Candidate> {
    let path = file.display().to_string();
    let answer = match Format::of(file, provider) {
        Some(Format::Deb) => {
            let words =
                ["dpkg-deb", "--show", "--showformat=${Package} ${Version} ${Architecture}", "--", path.as_str()];
            probe.query(&Command::new(words))?
        }
        Some(Format::Rpm) => {
            let format = "--qf=%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH}";
            let words = ["rpm", "-qp", "--nomanifest", format, "--", path.as_str()];
            probe.query(&Command::new(words))?
        }
        None => return Ok(guess(file, names)),
    };
    if let Some((name, version)) = answer.stdout.trim().split_once(' ').filter(|_| answer.success()) {
        let (version, architecture) = version.split_once(' ').unwrap_or((version, "all"));
        let version = version.strip_prefix("0:").unwrap_or(version);
        let name = match Format::of(file, provider) {
            Some(Format::Rpm) if beside(architecture, provider, probe)? => format!("{name}.{architecture}"),
            Some(Format::Deb) if architecture != "all" && foreign(architecture, probe)? => {
                format!("{name}:{architecture}")
            }
            Some(_) | None => name.to_owned(),
        };
        return Ok(Candidate { name, version: version.to_owned() });
    }
    // Nothing was asked, or the file is not there yet.
    if answer.success() || (answer.stderr.contains("No such file") && probe.entry(file)?.is_some()) {
        return Ok(guess(file, names));
    }
    if answer.stderr.contains("No such file") {
        let why = Some("it says which package is meant".to_owned());
        return Err(Error::Missing { kind: "file", name: path, why });
    }
    Err(Error::failed(format!("`{path}` holds no package that can be read: {}", answer.stderr.trim()))
        .hint("compare its size and checksum with those of where it comes from"))
}

/// Whether an architecture is another one than dpkg's own, under which a bare name finds nothing.
fn foreign(architecture: &str, probe: &dyn Probe) -> Result<bool> {
    let answer = probe.query(&Command::new(["dpkg", "--print-architecture"]))?;
    let native = answer.stdout.trim();
    Ok(answer.success() && !native.is_empty() && native != architecture)
}

/// Whether an architecture is the second one of a machine, whose packages lie beside others of the same names. zypper knows
/// packages by their names alone.
fn beside(architecture: &str, provider: &Provider, probe: &dyn Probe) -> Result<bool> {
    const OLD: [&str; 4] = ["i386", "i486", "i586", "i686"];
    if !OLD.contains(&architecture) || probe.provider(provider)? == Provider::Zypper {
        return Ok(false);
    }
    let answer = probe.query(&Command::new(["rpm", "--eval", "%{_arch}"]))?;
    let native = answer.stdout.trim();
    Ok(answer.success() && !native.is_empty() && !OLD.contains(&native))
}

/// The name as it is given, or as a path begins: `NAME_VERSION_ARCH.deb`, `NAME-VERSION-RELEASE.ARCH.rpm`.
fn guess(file: &Path, names: &[String]) -> Candidate {
    let named = names.first().filter(|name| !name.starts_with('/')).cloned();
    let name = named.unwrap_or_else(|| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let bare = stem.split('_').next().unwrap_or(&stem);
        bare.rsplitn(3, '-').nth(2).filter(|_| *bare == stem).unwrap_or(bare).to_owned()
    });
    Candidate { name, version: String::new() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{faults, guess};
    use crate::host::Provider;

    #[test]
    fn a_name_is_guessed_from_the_file() {
        for (path, name) in [
            ("/srv/lab-app_1.0_all.deb", "lab-app"),
            ("/srv/lab-app-1.0-1.noarch.rpm", "lab-app"),
            ("/srv/x.deb", "x"),
            ("/srv/my-tool.deb", "my-tool"),
        ] {
            assert_eq!(guess(Path::new(path), &[path.to_owned()]).name, name, "{path}");
            assert_eq!(guess(Path::new(path), &["given".to_owned()]).name, "given");
        }
    }

    #[test]
    fn what_cannot_be_a_source() {
        let all = |path: &str, provider| -> Vec<String> {
            faults(Path::new(path), &["a".to_owned()], &provider).iter().map(ToString::to_string).collect()
        };
        assert!(all("/a.deb", Provider::Platform).is_empty() && all("/a", Provider::Dpkg).is_empty());
        assert_eq!(all("a.deb", Provider::Apt), ["`source` must be an absolute path, `a.deb` is not"]);
        assert_eq!(all("/a.zip", Provider::Platform), ["`/a.zip` is neither a `.deb` nor a `.rpm`"]);
        assert_eq!(all("/a.apk", Provider::Apk), ["packages of apk are not installed from files"]);
    }
}
