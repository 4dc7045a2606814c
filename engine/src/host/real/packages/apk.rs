//! apk: state is read natively from its one file of what is installed.
use std::{cmp::Ordering, fs, io, path::Path};

use super::{
    Context, Lists,
    directory::files_in,
    driven::{Call, Installed, Tool, ask},
    has_program,
};
use crate::{
    Error, Result,
    host::{Command, Transaction},
};

/// Where the records of what is installed are: since Alpine 3.23, and before.
const STATE: [&str; 2] = ["usr/lib/apk/db/installed", "lib/apk/db/installed"];

static LISTS: Lists = Lists {
    stamp: "apk-lists.json",
    sources: &["etc/apk/repositories", "etc/apk/repositories.d", "etc/apk/keys"],
    dated: &["etc/apk/repositories", "etc/apk/repositories.d"],
    // A new index takes the place of the old one, which changes the directory.
    hook: "var/cache/apk",
    in_parts: false,
    any: |root| {
        for directory in ["var/cache/apk", "etc/apk/cache"] {
            let is_index = |path: &std::path::PathBuf| {
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"APKINDEX."))
            };
            if files_in(&root.join(directory))?.iter().any(is_index) {
                return Ok(true);
            }
        }
        Ok(false)
    },
};

pub struct Apk;

impl Tool for Apk {
    fn name(&self) -> &str {
        "apk"
    }

    fn absent(&self, root: &Path) -> Option<String> {
        (!has_program(root, "apk")).then(|| "this machine has no `apk`".to_owned())
    }

    fn installed(&self, context: &Context<'_>) -> Result<Installed> {
        for path in STATE.map(|path| context.root.join(path)) {
            match fs::read(&path) {
                Ok(text) => return Ok(parse(&String::from_utf8_lossy(&text))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read", &path)(error)),
            }
        }
        Ok(Installed::default())
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        compare(a, b)
    }

    /// The number of the packaging may be left out.
    fn satisfies(&self, asked: &str, installed: &str) -> bool {
        asked == installed || installed.rsplit_once("-r").is_some_and(|(version, _)| version == asked)
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
        let answer = ask(self, context, "`apk` would refuse", &command(call, transaction, &["--simulate"]))?;
        Ok(answer.stdout.lines().filter_map(step).collect())
    }

    /// What it needs stands before it.
    fn meant(&self, _: &Context<'_>, _: &str, plan: &[(String, String)]) -> Result<Option<(String, String)>> {
        Ok(plan.last().cloned())
    }

    fn unknown(&self, output: &str) -> Vec<String> {
        let lines = output.split(['\n', ';']).filter_map(|line| line.trim().strip_suffix(" (no such package):"));
        lines.map(str::to_owned).collect()
    }

    fn reason(&self, output: &str) -> String {
        let lines = output.lines().skip_while(|line| !line.starts_with("ERROR: "));
        let lines = lines.map(|line| line.trim().trim_start_matches("ERROR: "));
        lines.filter(|line| !line.is_empty() && !line.starts_with("OK: ")).collect::<Vec<_>>().join("; ")
    }

    fn lists(&self) -> Option<&'static Lists> {
        Some(&LISTS)
    }

    fn refresh(&self, _: Option<&Path>) -> Option<Command> {
        Some(Command::new(["apk", "update", "--no-progress", "--wait", WAIT]))
    }
}

/// How long it may wait for its lock, which tells nobody who holds it. In seconds.
const WAIT: &str = "600";

fn command(call: &Call<'_>, transaction: &Transaction, more: &[&str]) -> Command {
    let verb: &[&str] = match call {
        Call::Install(_) | Call::Upgrade(_) => &["add", "--upgrade"],
        Call::Remove(_) => &["del"],
        Call::Purge(_) => &["del", "--purge"],
    };
    let words = ["apk"].iter().chain(verb).chain(&["--no-progress", "--wait", WAIT]).chain(more);
    let mut argv: Vec<String> = words.map(|word| (*word).to_owned()).collect();
    argv.extend(transaction.options.iter().cloned());
    match call {
        Call::Install(specs) | Call::Upgrade(specs) => argv.extend(specs.iter().map(|spec| match &spec.version {
            // Without the number of the packaging, `~` is what matches any.
            Some(version) if !version.contains("-r") => format!("{}~{version}", spec.name),
            Some(_) | None => spec.joined("="),
        })),
        Call::Remove(names) | Call::Purge(names) => argv.extend(names.iter().cloned()),
    }
    Command::new(argv)
}

/// Records of `P:name`, `V:version`, `p:provided ...`, parted by empty lines. Source: apk_db.c of apk-tools.
fn parse(text: &str) -> Installed {
    let mut installed = Installed::default();
    for record in text.split("\n\n") {
        let field = |key: &str| record.lines().find_map(|line| line.strip_prefix(key));
        let (Some(name), Some(version)) = (field("P:"), field("V:")) else { continue };
        for provided in field("p:").unwrap_or_default().split_whitespace() {
            let bare = provided.split(['=', '<', '>', '~']).next().unwrap_or(provided);
            installed.provides.insert(bare.to_owned(), name.to_owned());
        }
        installed.versions.insert(name.to_owned(), version.to_owned());
    }
    installed
}

/// From `(1/2) Upgrading musl (1.2.4-r0 -> 1.2.4-r2)`, or with one version.
fn step(line: &str) -> Option<(String, Option<String>)> {
    let (_, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let mut words = rest.split_whitespace();
    let (verb, name) = (words.next()?, words.next()?);
    let version = words.next_back()?.trim_matches(['(', ')']).to_owned();
    Some((name.to_owned(), (verb != "Purging").then_some(version)))
}

/// Compares part by part, numbers as numbers: `_alpha`, `_beta`, `_pre` and `_rc` come before the version itself, then its
/// packagings (`-r`), then what comes after it.
///
/// Source: APKBUILD(5), pkgver.
fn compare(a: &str, b: &str) -> Ordering {
    /// A number, or the rank of a word; the word; the number after it.
    type Part = (i64, String, i64);
    const END: Part = (-1, String::new(), 0);
    fn part(piece: &str) -> Part {
        let number = |text: &str| if text.is_empty() { 0 } else { text.parse().unwrap_or(i64::MAX) };
        let (digits, rest) = piece.split_at(piece.bytes().take_while(u8::is_ascii_digit).count());
        let (word, after) = rest.split_at(rest.bytes().take_while(|byte| !byte.is_ascii_digit()).count());
        let rank = ["alpha", "beta", "pre", "rc", "r"].iter().position(|known| digits.is_empty() && word == *known);
        let rank = rank.and_then(|rank| i64::try_from(rank).ok()).map(|rank| rank - 5);
        (rank.unwrap_or_else(|| number(digits)), word.to_owned(), number(after))
    }
    let parts = |version: &str| -> Vec<Part> { version.replace('-', "_").split(['.', '_']).map(part).collect() };
    let (mut a, mut b) = (parts(a), parts(b));
    let longest = a.len().max(b.len());
    a.resize(longest, END);
    b.resize(longest, END);
    a.cmp(&b)
}

#[cfg(test)]
mod tests {
    use super::{Apk, Call, Tool as _, command, compare, parse, step};
    use crate::host::{PackageSpec, Provider, Transaction};

    #[test]
    fn the_records_are_read() {
        let text = "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld.so\n\nP:busybox-binsh\n\
                    V:1.36.1-r5\np:/bin/sh cmd:sh=1.36.1-r5\n\n";
        let installed = parse(text);
        assert_eq!(installed.versions.get("musl").map(String::as_str), Some("1.2.4-r2"));
        assert_eq!(installed.provides.get("cmd:sh").map(String::as_str), Some("busybox-binsh"));
        assert_eq!(installed.versions.len(), 2);
    }

    #[test]
    fn its_steps_are_read() {
        let to = |line| step(line).map(|(name, to)| format!("{name} {}", to.unwrap_or_default()));
        assert_eq!(to("(1/2) Installing libfoo (1.0-r0)").as_deref(), Some("libfoo 1.0-r0"));
        assert_eq!(to("(2/2) Upgrading musl (1.2.4-r0 -> 1.2.4-r2)").as_deref(), Some("musl 1.2.4-r2"));
        assert_eq!(to("(1/1) Purging foo (1.0-r0)").as_deref(), Some("foo "));
        assert_eq!(to("OK: 8 MiB in 16 packages"), None);
    }

    #[test]
    fn its_reasons_are_kept() {
        let output = "fetch https://x/APKINDEX.tar.gz\nERROR: unable to select packages:\n  nope (no such package):\n    \
                      required by: world[nope]\n";
        let reason = Apk.reason(output);
        assert_eq!(reason, "unable to select packages:; nope (no such package):; required by: world[nope]");
        assert_eq!(Apk.unknown(&reason), ["nope"]);
    }

    #[test]
    fn versions_are_in_order() {
        for (older, newer) in [
            ("1.2.3-r1", "1.2.3-r2"),
            ("1.9-r0", "1.10-r0"),
            ("1.0_rc1-r0", "1.0-r0"),
            ("1.0_alpha2", "1.0_beta1"),
            ("1.0-r9", "1.0-r10"),
            ("1.0-r0", "1.0.1-r0"),
            ("1.0-r0", "1.0_p1-r0"),
            ("1.0a-r0", "1.0b-r0"),
        ] {
            assert!(compare(older, newer).is_lt(), "{older} {newer}");
        }
        assert!(Apk.satisfies("1.2.3", "1.2.3-r4") && !Apk.satisfies("1.2", "1.2.3-r4"));
    }

    #[test]
    fn a_version_without_the_number_of_the_packaging_is_any_of_it() {
        let spec = |version: &str| PackageSpec { version: Some(version.to_owned()), ..PackageSpec::any("a") };
        let specs = [spec("1.0-r2"), spec("1.0"), PackageSpec::any("b")];
        let command = command(&Call::Install(&specs), &Transaction::new(Provider::Apk), &["--simulate"]);
        assert_eq!(command.argv.join(" "), "apk add --upgrade --no-progress --wait 600 --simulate a=1.0-r2 a~1.0 b");
    }
}
