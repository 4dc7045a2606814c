//! apk: state is read natively from its one file of what is installed.
use std::{fs, io, path::Path};

use super::{
    Context, Lists,
    directory::files_in,
    driven::{Call, Installed, Tool, ask},
    has_program, locks,
};
use crate::{
    Error, Result,
    host::{Command, Scheme, Transaction},
};

/// Where the records of what is installed are: since Alpine 3.23, and before.
const STATE: [&str; 2] = ["usr/lib/apk/db/installed", "lib/apk/db/installed"];

/// Its locks, whole files: since apk 3, and before. Source: `apk_db_open` of apk-tools, which takes them with flock(2).
const LOCKS: [&str; 2] = ["run/apk/db.lock", "lib/apk/db/lock"];

static LISTS: Lists = Lists {
    stamp: "apk-lists.json",
    sources: &["etc/apk/repositories", "etc/apk/repositories.d"],
    // A new index takes the place of the old one, which changes the directory.
    hook: |root| super::lists::modified(&root.join("var/cache/apk")),
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

    fn scheme(&self) -> Scheme {
        Scheme::Apk
    }

    fn versions(&self, context: &Context<'_>, name: &str) -> Result<Option<Vec<String>>> {
        let answer = context.tools.query(&Command::new(["apk", "policy", name]))?;
        Ok(answer.success().then(|| offered(&answer.stdout)))
    }

    fn command(&self, call: &Call<'_>, transaction: &Transaction) -> Command {
        command(call, transaction, &[])
    }

    /// What came along with others, and is in conflict with what is to come or needed by nothing then.
    fn removes(&self) -> bool {
        true
    }

    fn held(&self, root: &Path) -> Result<Option<(String, String)>> {
        let holder = |path: &&str| {
            let holder = locks::flocked(&root.join(path))?;
            Some((format!("apk's lock `/{path}`"), locks::describe(holder)))
        };
        Ok(LOCKS.iter().find_map(holder))
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
        let mut before: Vec<&str> = output.split(" (no such package)").collect();
        before.pop();
        before.into_iter().filter_map(|text| text.split_whitespace().next_back()).map(str::to_owned).collect()
    }

    fn reason(&self, output: &str) -> String {
        let lines = output.lines().skip_while(|line| !line.starts_with("ERROR: "));
        let lines = lines.map(|line| line.trim().trim_start_matches("ERROR: "));
        let said: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("OK: ")).collect();
        said.join("; ").replace(":; ", ": ")
    }

    fn lists(&self) -> Option<&'static Lists> {
        Some(&LISTS)
    }

    fn refresh(&self, _: Option<&Path>) -> Option<Command> {
        Some(Command::new(["apk", "update", "--no-progress", "--wait", WAIT]))
    }
}

/// How long it may wait itself for a lock that is taken later, or whose holder cannot be seen. In seconds.
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

/// From `apk policy`: versions, and where each is from below it.
fn offered(output: &str) -> Vec<String> {
    let lines = output.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    lines.filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

/// From `(1/2) Upgrading musl (1.2.4-r0 -> 1.2.4-r2)`, or with one version.
fn step(line: &str) -> Option<(String, Option<String>)> {
    let (_, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let mut words = rest.split_whitespace();
    let (verb, name) = (words.next()?, words.next()?);
    let version = words.next_back()?.trim_matches(['(', ')']).to_owned();
    Some((name.to_owned(), (verb != "Purging").then_some(version)))
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs, path::PathBuf};

    use super::{
        super::{Packages, Tools},
        Apk, Call, Tool as _, command, offered, parse, step,
    };
    use crate::{
        Error, Result,
        host::{Answer, Command, PackageSpec, Provider, Transaction},
        values::Seconds,
    };

    /// A machine on which `apk` prints what the real one does, and changes its file of what is installed.
    struct Pretend {
        root: tempfile::TempDir,
        said: RefCell<Vec<String>>,
    }

    impl Pretend {
        fn new(installed: &str) -> Self {
            let machine = Self { root: tempfile::tempdir().unwrap(), said: RefCell::default() };
            for (path, text) in
                [("sbin/apk", ""), ("lib/apk/db/installed", installed), ("var/cache/apk/APKINDEX.x", "")]
            {
                let path = machine.path(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            machine
        }

        fn path(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn packages(&self) -> Packages {
            Packages::new(self.root.path(), self.path("state"))
        }
    }

    impl Tools for Pretend {
        fn query(&self, command: &Command) -> Result<Answer> {
            let line = command.argv.join(" ");
            let answer =
                |code, stdout: &str, stderr: &str| Ok(Answer { code, stdout: stdout.into(), stderr: stderr.into() });
            if line.ends_with(" nope") {
                let text =
                    "ERROR: unable to select packages:\n  nope (no such package):\n    required by: world[nope]\n";
                return answer(1, "", text);
            }
            assert!(line.contains("--simulate"), "{line}");
            if line.ends_with(" libnew") {
                return answer(0, "(1/2) Purging libold (1.0-r0)\n(2/2) Installing libnew (1.0-r0)\nOK: 9 MiB\n", "");
            }
            answer(
                0,
                "(1/2) Upgrading musl (1.2.4-r0 -> 1.2.4-r2)\n(2/2) Installing nginx (1.24.0-r7)\nOK: 9 MiB in 17 packages\n",
                "",
            )
        }

        fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            self.said.borrow_mut().push(command.argv.join(" "));
            let text = if command.argv[1] == "add" { "P:musl\nV:1.2.4-r2\n\nP:nginx\nV:1.24.0-r7\n\n" } else { MUSL };
            fs::write(self.path("lib/apk/db/installed"), text).unwrap();
            Ok(Answer::default())
        }
    }

    const MUSL: &str = "P:musl\nV:1.2.4-r0\np:so:libc.musl-x86_64.so.1=1\n\n";

    #[test]
    fn packages_come_and_go() {
        let machine = Pretend::new(MUSL);
        let packages = machine.packages();
        let mut transaction = Transaction::new(Provider::Platform);
        transaction.install = vec![PackageSpec::any("nginx")];
        let told = |changes: Vec<crate::host::PackageChange>| -> Vec<String> {
            let version = |version: Option<String>| version.unwrap_or_else(|| "-".to_owned());
            changes.into_iter().map(|c| format!("{} {} {}", c.name, version(c.from), version(c.to))).collect()
        };
        let planned = packages.simulate(&machine, &transaction).unwrap();
        assert_eq!(told(planned), ["musl 1.2.4-r0 1.2.4-r2", "nginx - 1.24.0-r7"]);
        packages.perform(&machine, &transaction, &|_| {}).unwrap();
        assert_eq!(told(packages.take_changes()), ["musl 1.2.4-r0 1.2.4-r2", "nginx - 1.24.0-r7"]);
        // Once it is there, only an upgrade is left of the same.
        transaction.install = vec![PackageSpec { version: Some("1.24.0".to_owned()), ..PackageSpec::any("nginx") }];
        packages.perform(&machine, &transaction, &|_| {}).unwrap();
        (transaction.install, transaction.purge) = (Vec::new(), vec!["nginx".to_owned(), "absent".to_owned()]);
        packages.perform(&machine, &transaction, &|_| {}).unwrap();
        let said =
            ["apk add --upgrade --no-progress --wait 600 nginx", "apk del --purge --no-progress --wait 600 nginx"];
        assert_eq!(*machine.said.borrow(), said);
    }

    #[test]
    fn what_nobody_asked_to_remove_goes_by_a_yes_alone() {
        let machine = Pretend::new("P:libold\nV:1.0-r0\n\n");
        let packages = machine.packages();
        let mut transaction = Transaction::new(Provider::Apk);
        transaction.install = vec![PackageSpec::any("libnew")];
        let refused = packages.perform(&machine, &transaction, &|_| {}).unwrap_err().to_string();
        assert_eq!(refused, "apk would remove `libold`, which nothing asks for");
        assert!(machine.said.borrow().is_empty(), "{:?}", machine.said);
        transaction.allow_removals = true;
        // This one brings something else, which is found out afterwards.
        packages.perform(&machine, &transaction, &|_| {}).unwrap_err();
        assert_eq!(*machine.said.borrow(), ["apk add --upgrade --no-progress --wait 600 libnew"]);
    }

    #[test]
    fn its_lock_is_waited_for_and_the_holder_named() {
        for path in super::LOCKS {
            let machine = Pretend::new(MUSL);
            let path = machine.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let lock = fs::File::create(&path).unwrap();
            lock.lock().unwrap();
            let install = vec![PackageSpec::any("nginx")];
            let transaction = Transaction { install, timeout: Seconds(0), ..Transaction::new(Provider::Apk) };
            let locked = machine.packages().perform(&machine, &transaction, &|_| {}).unwrap_err();
            let Error::Locked { what, holder, .. } = &locked else { panic!("{locked}") };
            assert!(what.starts_with("apk's lock `/") && what.contains("lock"), "{what}");
            assert!(holder.contains(&format!("(process {}", std::process::id())), "{holder}");
            lock.unlock().unwrap();
            machine.packages().perform(&machine, &transaction, &|_| {}).unwrap();
        }
    }

    #[test]
    fn what_it_refuses_is_an_error() {
        let machine = Pretend::new(MUSL);
        let mut transaction = Transaction::new(Provider::Apk);
        transaction.install = vec![PackageSpec::any("nope")];
        let refused = machine.packages().simulate(&machine, &transaction).unwrap_err().to_string();
        assert_eq!(
            refused,
            "`apk` would refuse: unable to select packages: nope (no such package): required by: world[nope]"
        );
        // One that is not known is no candidate, and no error either.
        let names = ["nope".to_owned(), "musl".to_owned()];
        assert!(machine.packages().candidates(&machine, &Provider::Apk, &names[..1]).unwrap()[0].is_none());
        transaction.install = vec![PackageSpec { version: Some("1.2.3-r9".to_owned()), ..PackageSpec::any("musl") }];
        let older = machine.packages().simulate(&machine, &transaction).unwrap_err().to_string();
        assert!(older.contains("newer than `1.2.3-r9`"), "{older}");
        for bad in ["-x", "a b", "x;y"] {
            transaction.install = vec![PackageSpec::any(bad)];
            let refused = machine.packages().perform(&machine, &transaction, &|_| {}).unwrap_err().to_string();
            assert!(refused.contains("is no name of a package of apk"), "{refused}");
        }
    }

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
        assert_eq!(reason, "unable to select packages: nope (no such package): required by: world[nope]");
        assert_eq!(Apk.unknown(&reason), ["nope"]);
    }

    #[test]
    fn the_number_of_the_packaging_may_be_left_out() {
        assert!(Apk.satisfies("1.2.3", "1.2.3-r4") && !Apk.satisfies("1.2", "1.2.3-r4"));
    }

    #[test]
    fn its_policy_is_read() {
        let output = "nginx policy:\n  1.24.0-r7:\n    lib/apk/db/installed\n    https://x/v3.18/main\n  1.26.0-r0:\n    \
                      https://x/edge/main\n";
        assert_eq!(offered(output), ["1.24.0-r7", "1.26.0-r0"]);
    }

    #[test]
    fn a_version_without_the_number_of_the_packaging_is_any_of_it() {
        let spec = |version: &str| PackageSpec { version: Some(version.to_owned()), ..PackageSpec::any("a") };
        let specs = [spec("1.0-r2"), spec("1.0"), PackageSpec::any("b")];
        let command = command(&Call::Install(&specs), &Transaction::new(Provider::Apk), &["--simulate"]);
        assert_eq!(command.argv.join(" "), "apk add --upgrade --no-progress --wait 600 --simulate a=1.0-r2 a~1.0 b");
    }
}
