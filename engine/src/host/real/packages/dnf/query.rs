use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::super::Tools;
use super::changes::Row;
use crate::{
    Error, Result,
    host::{
        Candidate, Command, PackageState,
        versions::rpm::{self, compare},
    },
};

/// The mark at the start tells our lines from rpm's sentences about what is missing, which are on the same stream.
const FORMAT: &str = "=\\t%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\n";

/// All that a package provides, a line each.
const PROVIDED: &str = "[=\\t%{=NAME}\\t%{PROVIDENAME}\\t%{PROVIDEVERSION}\\n]";

/// A name that nothing has, put between the names asked for: rpm's sentence about it parts their answers.
pub const DIVIDER: &str = "brasa-divider";

/// A package as rpm or a repository describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: String,
    version: String,
    architecture: String,
}

impl Installed {
    pub fn new(name: &str, architecture: &str, version: &str) -> Self {
        let version = version.strip_prefix("0:").unwrap_or(version).to_owned();
        Self { name: name.to_owned(), version, architecture: architecture.to_owned() }
    }

    /// `[EPOCH:]VERSION-RELEASE`.
    pub fn version(&self) -> String {
        self.version.clone()
    }

    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Whether it takes the place of another one when that is upgraded to it.
    pub fn replaces(&self, other: &Self) -> bool {
        let any = "noarch";
        let fits = self.architecture == other.architecture || self.architecture == any || other.architecture == any;
        self.name == other.name && fits
    }

    /// Whether a name that a recipe uses means this package: NAME, NAME.ARCH, or either with a version.
    pub fn answers(&self, asked: &str) -> bool {
        let Some(rest) = asked.strip_prefix(&self.name) else { return false };
        let rest = rest.strip_suffix(&format!(".{}", self.architecture)).unwrap_or(rest);
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|version| rpm::matches(version, &self.version))
    }

    /// As dnf 5 remembers it: NAME.ARCH.
    pub fn full(&self) -> String {
        format!("{}.{}", self.name, self.architecture)
    }

    /// As a candidate for a name that was asked for: its own in other words, or one that it provides.
    pub fn candidate(&self, asked: &str) -> Candidate {
        let name = if self.answers(asked) { asked } else { &self.name };
        Candidate { name: name.to_owned(), version: self.version.clone() }
    }
}

/// The newest of some; of equal ones that for this machine, which is never the 32-bit one.
pub fn newest<'a>(packages: impl Iterator<Item = &'a Installed>) -> Option<&'a Installed> {
    packages.max_by(|a, b| {
        compare(&a.version, &b.version).then_with(|| (a.architecture != "i686").cmp(&(b.architecture != "i686")))
    })
}

/// Which of several providers of a capability comes by a plan that was asked for the capability alone.
pub fn chosen(plan: &[Row], providers: &[Installed]) -> Option<Candidate> {
    let provides = |row: &&Row| row.comes() && providers.iter().any(|one| one.name == row.package.name);
    plan.iter().find(provides).map(|row| row.package.candidate(&row.package.name))
}

/// State of packages: one call for all names where what is installed is not known, and one more for those that are no
/// installed package's own name.
pub fn states(tools: &dyn Tools, names: &[String], known: Option<&[Installed]>) -> Result<Vec<PackageState>> {
    marked_states(tools, names, known, &|_| false)
}

/// As [`states`], with whether any of the packages that a name means came along with others, by `automatic`.
pub fn marked_states(
    tools: &dyn Tools,
    names: &[String],
    known: Option<&[Installed]>,
    automatic: &dyn Fn(&Installed) -> bool,
) -> Result<Vec<PackageState>> {
    for name in names {
        valid(name)?;
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let plain = |name: &&String| !name.starts_with('/') && !name.contains(' ');
    let asked = match known {
        Some(_) => Vec::new(),
        None => rpm(tools, &[], names.iter().filter(plain).map(String::as_str))?.concat(),
    };
    let installed = known.unwrap_or(&asked);
    let own = |name: &str| -> Vec<&Installed> { installed.iter().filter(|one| one.answers(name)).collect() };
    let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| own(name).is_empty()).collect();
    let (compared, bare): (Vec<&str>, Vec<&str>) = missing.into_iter().partition(|name| name.contains(' '));
    let mut provided = rpm(tools, &["--whatprovides"], bare.iter().flat_map(|name| [*name, DIVIDER]))?.into_iter();
    let mut compared = providing(tools, &compared)?.into_iter();
    Ok(names
        .iter()
        .map(|name| {
            let mut found = own(name);
            if found.is_empty() {
                let provided_by = if name.contains(' ') {
                    compared.next().flatten()
                } else {
                    provided.next().and_then(|packages| packages.into_iter().next()).map(|one| one.name)
                };
                return PackageState { provided_by, ..PackageState::default() };
            }
            found.sort_by(|a, b| compare(&a.version, &b.version));
            let mut versions: Vec<String> = found.iter().map(|one| one.version.clone()).collect();
            versions.dedup();
            let automatic = found.iter().any(|one| automatic(one));
            PackageState { version: versions.last().cloned(), versions, automatic, ..PackageState::default() }
        })
        .collect())
}

/// The installed package that provides each `CAPABILITY SIGN VERSION`: rpm compares none by itself.
fn providing(tools: &dyn Tools, names: &[&str]) -> Result<Vec<Option<String>>> {
    let ask = |name: &&str| {
        let mut words = name.split(' ');
        let [Some(capability), Some(sign), Some(asked)] = [words.next(), words.next(), words.next()] else {
            return Ok(None);
        };
        let command = Command::new(["rpm", "-q", "--whatprovides", "--qf", PROVIDED, "--", capability]);
        let answer = tools.query(&command)?;
        let provides = |line: &&str| {
            let mut fields = line.split('\t').skip(2);
            let version = if fields.next() == Some(capability) { fields.next() } else { None };
            // As for rpm, what is provided without a version is of every one.
            version.is_some_and(|version| version.is_empty() || meets(compare(version, asked), sign))
        };
        let line = answer.stdout.lines().filter(|line| line.starts_with("=\t")).find(provides);
        Ok(line.and_then(|line| line.split('\t').nth(1)).map(ToOwned::to_owned))
    };
    names.iter().map(ask).collect()
}

/// Whether a comparison is as a sign of rpm's says.
pub fn meets(order: Ordering, sign: &str) -> bool {
    match order {
        Ordering::Less => sign.contains('<'),
        Ordering::Equal => sign.contains('='),
        Ordering::Greater => sign.contains('>'),
    }
}

/// Those of some packages that are installed, by their own names.
pub fn named<'a>(tools: &dyn Tools, names: impl Iterator<Item = &'a str>) -> Result<Vec<Installed>> {
    let names: BTreeSet<&str> = names.collect();
    Ok(rpm(tools, &[], names.into_iter())?.concat())
}

/// All installed packages.
pub fn whole(tools: &dyn Tools) -> Result<Vec<Installed>> {
    Ok(rpm(tools, &["-a"], std::iter::empty())?.concat())
}

/// Versions of all installed packages by name, the newest of each.
pub fn all(tools: &dyn Tools) -> Result<BTreeMap<String, String>> {
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    for one in whole(tools)? {
        let newest = versions.entry(one.name).or_insert_with(|| one.version.clone());
        if compare(newest, &one.version).is_lt() {
            *newest = one.version;
        }
    }
    versions.remove("gpg-pubkey");
    Ok(versions)
}

/// Asks rpm; the answers are parted where it says that the divider is missing.
fn rpm<'a>(tools: &dyn Tools, options: &[&str], names: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<Installed>>> {
    let names: Vec<&str> = names.collect();
    if names.is_empty() && !options.contains(&"-a") {
        return Ok(Vec::new());
    }
    let arguments = ["rpm", "-q"].iter().chain(options).chain(&["--qf", FORMAT, "--"]).chain(&names);
    let command = Command::new(arguments.copied());
    let answer = tools.query(&command)?;
    // The exit code is the number of names that are missing: an answer without a word is the only sign of trouble.
    if answer.stdout.is_empty() && !answer.success() {
        return Err(Error::failed(format!("cannot read rpm's database: {}", answer.stderr.trim()))
            .hint("`rpm -qa` and `rpm --rebuilddb` tell more about it"));
    }
    Ok(answer.stdout.split_inclusive('\n').fold(vec![Vec::new()], |mut parts, line| {
        match one(line) {
            Some(package) => parts.last_mut().expect("there is a first part").push(package),
            None if line.contains(DIVIDER) => parts.push(Vec::new()),
            None => {}
        }
        parts
    }))
}

/// Reads lines of [`FORMAT`].
pub fn parse(output: &str) -> Vec<Installed> {
    output.lines().filter_map(one).collect()
}

fn one(line: &str) -> Option<Installed> {
    let mut fields = line.trim_end().strip_prefix("=\t")?.split('\t');
    let (name, epoch, version, release, architecture) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let epoch = if matches!(epoch, "0" | "(none)" | "") { String::new() } else { format!("{epoch}:") };
    Some(Installed {
        name: name.to_owned(),
        version: format!("{epoch}{version}-{release}"),
        architecture: architecture.to_owned(),
    })
}

/// From a line of `yum list available`: `NAME.ARCH  VERSION  REPOSITORY`.
pub fn available(output: &str, name: &str) -> Option<Candidate> {
    output.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (full, version) = (words.next()?, words.next()?);
        let (own, _) = full.rsplit_once('.')?;
        (own == name || full == name).then(|| Candidate {
            name: name.to_owned(),
            version: version.strip_prefix("0:").unwrap_or(version).to_owned(),
        })
    })
}

/// Refuses what rpm or dnf would take for a pattern, an option, a group or a file to be installed.
pub fn valid(name: &str) -> Result<()> {
    let fault =
        |why: &str, hint: &str| Err(Error::failed(format!("`{name}` is not a package name for dnf: {why}")).hint(hint));
    let good = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"/_(".contains(&byte))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._/()@:=~^<>- ".contains(&byte));
    if good {
        Ok(())
    } else {
        fault("it holds a sign that a name cannot have", "patterns are not taken: name each package")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{DIVIDER, available, chosen, parse, states, valid};
    use crate::{
        Result,
        host::{Answer, Command, PackageState, real::packages::Tools},
    };

    /// Answers with captured texts, one after the other.
    struct Captured(RefCell<Vec<(String, Answer)>>);

    impl Tools for Captured {
        fn query(&self, command: &Command) -> Result<Answer> {
            let (line, answer) = self.0.borrow_mut().remove(0);
            assert_eq!(command.argv.join(" "), line);
            Ok(answer)
        }

        fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            self.query(command)
        }
    }

    #[test]
    fn two_calls_answer_for_all_names() {
        let names = ["lab-app", "lab-nope", "lab-epoch", "lab-virtual", "/etc/lab-app.conf"].map(ToOwned::to_owned);
        let format = super::FORMAT;
        let answer = |code, stdout: &str| Answer { code, stdout: stdout.to_owned(), stderr: String::new() };
        let tools = Captured(RefCell::new(vec![
            (
                format!("rpm -q --qf {format} -- lab-app lab-nope lab-epoch lab-virtual"),
                answer(
                    2,
                    "=\tlab-app\t0\t1.0\t1\tnoarch\npackage lab-nope is not installed\n=\tlab-epoch\t1\t0.9\t1\tnoarch\n\
                     package lab-virtual is not installed\n",
                ),
            ),
            (
                format!(
                    "rpm -q --whatprovides --qf {format} -- lab-nope {DIVIDER} lab-virtual {DIVIDER} /etc/lab-app.conf \
                     {DIVIDER}"
                ),
                answer(
                    4,
                    "no package provides lab-nope\nno package provides brasa-divider\n=\tlab-app\t0\t1.0\t1\tnoarch\n\
                     =\tlab-other\t0\t1.0\t1\tnoarch\nno package provides brasa-divider\n=\tlab-app\t0\t1.0\t1\tnoarch\nno \
                     package provides brasa-divider\n",
                ),
            ),
        ]));
        let installed = |version: &str| PackageState {
            version: Some(version.to_owned()),
            versions: vec![version.to_owned()],
            ..PackageState::default()
        };
        let provided = || PackageState { provided_by: Some("lab-app".to_owned()), ..PackageState::default() };
        assert_eq!(
            states(&tools, &names, None).unwrap(),
            [installed("1.0-1"), PackageState::default(), installed("1:0.9-1"), provided(), provided()]
        );
    }

    #[test]
    fn of_several_providers_that_of_the_plan_is_chosen() {
        let providers =
            parse("=\tlab-other\t0\t1.0\t1\tnoarch\n\n=\tlab-app\t0\t1.0\t1\tnoarch\n=\tlab-app\t0\t2.0\t1\tnoarch\n");
        let plan = || super::super::output::plan(include_str!("../../../../../tests/captured/dnf4-assumeno.txt"));
        let candidate = chosen(&plan(), &providers).map(|one| (one.name, one.version));
        assert_eq!(candidate, Some(("lab-app".to_owned(), "2.0-1".to_owned())));
        // What goes, or does not come, is none.
        assert_eq!(chosen(&plan(), &parse("=\tlab-lib\t0\t1.1\t1\tnoarch\n")), None);
        assert_eq!(chosen(&[], &providers), None);
    }

    #[test]
    fn a_capability_is_compared_by_the_version_that_is_provided() {
        let provided = "=\tlab-json\tperl(JSON)\t4.10\n=\tlab-json\tlab-json\t1:4.10-3\n=\tlab-json\tperl(Any)\t\n";
        for (name, expected) in [
            ("perl(JSON) >= 4", true),
            ("perl(JSON) >= 4.9", true),
            ("perl(JSON) > 4.10", false),
            ("perl(JSON) = 4.10-1", true),
            ("perl(JSON) < 4.10", false),
            ("perl(JSON) <= 5", true),
            ("perl(Any) >= 9", true),
            ("lab-json >= 5", true),
            ("lab-json > 1:5", false),
        ] {
            let (capability, _) = name.split_once(' ').unwrap();
            let line = format!("rpm -q --whatprovides --qf {} -- {capability}", super::PROVIDED);
            let answer = Answer { code: 0, stdout: provided.to_owned(), stderr: String::new() };
            let tools = Captured(RefCell::new(vec![(line, answer)]));
            let state = states(&tools, &[name.to_owned()], None).unwrap().remove(0);
            assert_eq!(state.provided_by.as_deref(), expected.then_some("lab-json"), "{name}");
        }
    }

    #[test]
    fn the_list_of_yum_3_is_read() {
        let output = "Available Packages\nhttpd.x86_64    2.4.6-99.el7   updates\nbind.x86_64  32:9.11.4-26  base\n";
        let version = |name| available(output, name).map(|candidate| candidate.version);
        assert_eq!(version("httpd").as_deref(), Some("2.4.6-99.el7"));
        assert_eq!(version("bind").as_deref(), Some("32:9.11.4-26"));
        assert_eq!(version("http"), None);
    }

    #[test]
    fn only_names_are_names() {
        for good in
            ["httpd", "glibc.i686", "perl(Foo::Bar)", "/usr/bin/dig", "gcc-c++", "NetworkManager", "webserver >= 2"]
        {
            assert!(valid(good).is_ok(), "{good}");
        }
        for bad in ["", "-y", "foo*", "a;b", "[ab]"] {
            assert!(valid(bad).is_err(), "{bad}");
        }
    }
}
