//! Package managers beside apt and dnf, each the real program on a local source.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, MANAGERS, PACMAN, Result, converge, settle, site};

/// Has the machine say that it is of another distribution: `package` then picks that one's package manager.
fn becomes(machine: &Container, id: &str) {
    machine.sh(&format!("rm -f /etc/os-release; echo 'ID={id}' >/etc/os-release")).success();
}

/// What every package manager of a platform has to do, with the packages of the lab: 1.0 and 2.0 of `lab-app`, which
/// needs `lab-lib`, is `lab-virtual`, and does not go with `lab-conflict`.
fn keeps_packages(machine: &Container, installed: &str, old: &str, [unknown, conflict]: [&str; 2]) {
    let version = || machine.sh(installed).stdout;
    let app = |rest: &str| format!("- {{type: package, name: lab-app{rest}}}\n");
    let write = |resources: &str| {
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
    };

    // A plan tells what comes along, and does nothing.
    write(&app(&format!(", version: '{old}'")));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("lab-lib") && plan.stdout.contains(old), "{plan}");
    assert_eq!(version(), "");
    settle(machine, &app(&format!(", version: '{old}'")));
    assert!(version().starts_with("1.0"), "{}", version());
    // What is there in any version is left alone, and so is a name that it provides.
    converge(machine, &app("")).success();
    converge(machine, &app("").replace("lab-app", "lab-virtual")).success();
    assert!(version().starts_with("1.0"), "{}", version());

    // What is not known, and what is in conflict with it: told by a plan, and the run changes nothing.
    for (name, words) in [("lab-nope", unknown), ("lab-conflict", conflict)] {
        write(&app("").replace("lab-app", name));
        let plan = machine.run(["brasa", "plan"]).exits(1);
        assert!(plan.stderr.contains(words), "{plan}");
        let failed = converge(machine, &app("").replace("lab-app", name)).exits(1);
        assert!(failed.stderr.contains(words), "{failed}");
        assert!(version().starts_with("1.0"), "{}", version());
    }
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", "resources: []\n");
}

/// What they have to do once 2.0 is on offer.
fn follows_versions(machine: &Container, kind: &str, installed: &str) {
    let version = || machine.sh(installed).stdout;
    let app = |rest: &str| format!("- {{type: package, name: lab-app{rest}}}\n");
    converge(machine, &app("")).success();
    assert!(version().starts_with("1.0"), "{}", version());
    machine.write("/etc/lab-app.conf", "mine\n");
    let told = settle(machine, &app(", action: upgrade"));
    assert!(version().starts_with("2.0") && told.stderr.contains("is kept"), "{told}");
    assert_eq!(machine.read("/etc/lab-app.conf"), "mine\n");
    // An older version only when that is said.
    let failed = converge(machine, &app(", version: '1.0'")).exits(1);
    assert!(failed.stderr.contains("allow_downgrade"), "{failed}");

    settle(machine, &format!("- {{type: {kind}, name: lab-app, action: remove}}\n"));
    assert_eq!(version(), "");
    // What was installed is taken away by undo, with what came along.
    converge(machine, &app("")).exits(2);
    assert!(version().starts_with("2.0"), "{}", version());
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(version(), "");
    // A name that it only provides brings it.
    settle(machine, &app("").replace("lab-app", "lab-virtual"));
    assert!(version().starts_with("2.0"), "{}", version());
    // Found, and found again.
    let found = machine.run(["brasa", "resource", "package", "lab-app"]).success().stdout;
    assert!(found.contains("2.0"), "{found}");
    assert!(machine.run(["brasa", "resource", "package"]).success().stdout.contains("lab-lib"));
}

#[test]
fn zypper_keeps_packages() -> Result<()> {
    let repository = lab::rpm_repo()?;
    let at = repository.mount_point();
    let machine = site(Container::of(lab::root(MANAGERS)?).bind(repository.artefact().path(), &at))?;
    becomes(&machine, "opensuse-leap\nID_LIKE=\"suse opensuse\"");
    machine.sh("mkdir -p /etc/rpm /etc/zypp/repos.d; echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros").success();
    machine.sh(&format!("rpm --import {at}/key.asc && rpm -U {at}/lab-base-9-1.noarch.rpm")).success();
    machine.write(
        "/etc/zypp/repos.d/lab.repo",
        format!(
            "[lab]\nname=lab\nbaseurl=file://{at}\nenabled=1\nautorefresh=0\ngpgcheck=1\ngpgkey=file://{at}/key.asc\n"
        ),
    );
    let installed = "rpm -q --qf '%{VERSION}' lab-app | grep -v 'not installed'";
    let words = ["No provider of 'lab-nope' found", "lab-conflict-1.0-1.noarch conflicts with lab-app"];
    keeps_packages(&machine, installed, "1.0", words);
    let app = |action: &str| format!("- {{type: package, name: lab-app, action: {action}}}\n");
    let is_held = || machine.sh("zypper --quiet locks | grep -q lab-app").code == 0;
    settle(&machine, &app("lock"));
    assert!(is_held());
    let refused = converge(&machine, &app("upgrade")).exits(1);
    assert!(refused.stderr.contains("release what is held with action `unlock`"), "{refused}");
    machine.run(["zypper", "--quiet", "removelock", "lab-app"]).success();
    settle(&machine, &app("lock"));
    settle(&machine, &app("unlock"));
    assert!(!is_held());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(is_held());
    machine.run(["zypper", "--quiet", "addlock", "lab-l*"]).success();
    let held = machine.run(["brasa", "resource", "package", "lab-lib"]).success().stdout;
    assert!(held.contains("lock"), "{held}");
    machine.run(["zypper", "--quiet", "removelock", "lab-l*"]).success();
    settle(&machine, &app("unlock"));
    follows_versions(&machine, "zypper_package", installed);

    // A file is installed with what it needs.
    settle(&machine, "- {type: zypper_package, name: lab, package_name: [lab-app, lab-lib], action: remove}\n");
    let file = |version: &str| format!("source: {at}/lab-app-{version}-1.noarch.rpm");
    settle(&machine, &format!("- {{type: zypper_package, name: lab-app, {}}}\n", file("1.0")));
    assert_eq!(machine.sh(installed).stdout.trim(), "1.0");
    settle(&machine, &format!("- {{type: package, name: lab-app, {}, action: upgrade}}\n", file("2.0")));
    machine.run(["rpm", "-q", "lab-lib"]).success();
    // rpm alone, where no dnf is.
    let rpm = |rest: &str| settle(&machine, &format!("- {{type: rpm_package, name: lab-doc, {rest}}}\n"));
    rpm("action: remove");
    rpm(&format!("source: {at}/lab-doc-1.0-1.noarch.rpm"));

    // What is in the way goes by a yes alone, and what is obsolete too; a plan says the same.
    for (gone, name) in [("lab-old", "lab-new"), ("lab-app", "lab-conflict")] {
        if gone == "lab-old" {
            machine.sh(&format!("rpm -i {at}/lab-old-1.0-1.noarch.rpm")).success();
        }
        let has = |name: &str| machine.run(["rpm", "-q", name]).code == 0;
        let of = |rest: &str| format!("- {{type: package, name: {name}{rest}}}\n");
        let refused = converge(&machine, &of("")).exits(1);
        assert!(refused.stderr.contains(gone), "{refused}");
        assert!(machine.run(["brasa", "plan"]).exits(1).stderr.contains(gone));
        assert!(has(gone) && !has(name));
        let plan = lab::plan(&machine, &of(", allow_removals: true"));
        assert!(plan.stdout.contains(&format!("- {gone} ")), "{plan}");
        settle(&machine, &of(", allow_removals: true"));
        assert!(!has(gone) && has(name));
        machine.run(["brasa", "undo", "last"]).success();
        assert!(has(gone) && !has(name), "undo puts it back");
    }

    // A script of the package fails: its words are told.
    let failed = converge(&machine, "- {type: package, name: lab-bad}\n").exits(1);
    assert!(failed.stderr.contains("%prein(lab-bad-1.0-1.noarch) scriptlet failed"), "{failed}");
    Ok(())
}

#[test]
fn pacman_keeps_packages() -> Result<()> {
    let machine = site(Container::of(lab::root(MANAGERS)?))?;
    becomes(&machine, "arch");
    let publish = |version: &str| machine.run(["sh", "-c", PACMAN, "publish", version]).success();
    machine.write(
        "/etc/pacman.conf",
        "[options]\nArchitecture = auto\nSigLevel = Never\n[lab]\nServer = file:///srv/repo\n",
    );
    let installed = "pacman -Q lab-app 2>/dev/null | cut -d' ' -f2";
    publish("1.0-1");
    // There are no lists yet: a plan says so, and the run fetches them.
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", "resources: [{type: package, name: lab-lib}]\n");
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("there are no package lists yet"), "{plan}");
    settle(&machine, "- {type: package, name: lab-lib}\n");
    settle(&machine, "- {type: package, name: lab-lib, action: remove}\n");
    let words = ["target not found: lab-nope", "`lab-conflict` and `lab-app` are in conflict"];
    keeps_packages(&machine, installed, "1.0-1", words);
    // Asked by nobody, it answers itself that what is in the way stays.
    machine.run(["pacman", "-S", "--noconfirm", "lab-conflict"]).exits(1);
    assert!(machine.sh(installed).stdout.starts_with("1.0"));
    publish("2.0-1");
    // Twice: the new list may be of the same second as the old one, which then counts as current.
    machine.run(["pacman", "-Syy"]).success();
    follows_versions(&machine, "pacman_package", installed);

    // A lock that nobody has any more is told, and not waited for.
    let waits = "- {type: package, name: lab-app, action: remove, timeout: 2}\n";
    machine.sh("touch /var/lib/pacman/db.lck").success();
    let failed = converge(&machine, waits).exits(1);
    for words in [
        "pacman's lock `/var/lib/pacman/db.lck` is there, but no process that is running has it",
        "remove `/var/lib/pacman/db.lck` if no package manager is at work",
    ] {
        assert!(failed.stderr.contains(words), "{failed}");
    }
    settle(&machine, "- {type: file, name: /var/lib/pacman/db.lck, action: delete}\n");
    // One that is held is waited for, and its holder named.
    let holder = machine.spawn(["sh", "-c", "exec 3>/var/lib/pacman/db.lck; exec sleep 300"]);
    machine.until("pgrep -x sleep");
    let failed = converge(&machine, waits).exits(1);
    assert!(failed.stderr.contains("pacman's lock `/var/lib/pacman/db.lck` is held by sleep (process "), "{failed}");
    assert!(machine.sh(installed).stdout.starts_with("2.0"));
    machine.run(["pkill", "-x", "sleep"]).success();
    holder.wait();
    settle(&machine, "- {type: file, name: /var/lib/pacman/db.lck, action: delete}\n");
    settle(&machine, waits);
    Ok(())
}

/// Makes wheels by hand: a directory of them is an index for pip.
const WHEELS: &str = r#"
import io, os, tarfile, zipfile
os.makedirs("/srv/wheels", exist_ok=True)
for name, version, *needs in [("lab_lib", "1.0"), ("lab_app", "1.0", "lab-lib"), ("lab_app", "2.0", "lab-lib>=1")]:
    about = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}/__init__.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(f"/srv/wheels/{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
# One that is there as source alone: what it needs is known by running it.
code = "import setuptools\nopen('/root/ran', 'w').close()\nsetuptools.setup(name='lab-source', version='1.0')\n"
with tarfile.open("/srv/wheels/lab-source-1.0.tar.gz", "w:gz") as source:
    for path, text in [("PKG-INFO", "Metadata-Version: 1.0\nName: lab-source\nVersion: 1.0\n"), ("setup.py", code)]:
        about = tarfile.TarInfo(f"lab-source-1.0/{path}")
        about.size = len(text)
        source.addfile(about, io.BytesIO(text.encode()))
"#;

#[test]
fn pip_keeps_the_packages_of_a_virtual_environment() -> Result<()> {
    let machine = site(Container::of(lab::root(MANAGERS)?))?;
    machine.write("/root/wheels.py", WHEELS);
    machine.run(["python3", "/root/wheels.py"]).success();
    let of = |name: &str, rest: &str| {
        format!(
            "- {{type: package, name: {name}, provider: pip, binary: /opt/app/bin/pip, source: /srv/wheels{rest}}}\n"
        )
    };
    let version = || {
        machine
            .sh("/opt/app/bin/python -c 'import importlib.metadata as m; print(m.version(\"lab-app\"))' 2>/dev/null")
            .stdout
    };
    // The environment is to come first: a plan cannot know what pip would do there, and says so.
    let venv = "- {type: execute, name: venv, command: [python3, -m, venv, /opt/app], creates: /opt/app/bin/pip}\n";
    let both = format!("{venv}{}", of("Lab_App", ", version: '1.0'"));
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{both}"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("there is no `/opt/app/bin/pip` yet"), "{plan}");
    settle(&machine, &both);
    assert_eq!(version(), "1.0\n");

    // One name in every spelling, and one version in two.
    converge(&machine, &of("lab.app", ", version: 1.0.0")).success();
    converge(&machine, &of("lab-app", "")).success();
    machine.write(
        "/etc/brasa/cookbooks/site/recipes/default.yml",
        format!("resources:\n{}", of("lab-app", ", action: upgrade")),
    );
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("2.0"), "{plan}");
    settle(&machine, &of("LAB_App", ", action: upgrade"));
    assert_eq!(version(), "2.0\n");
    assert!(converge(&machine, &of("lab-app", ", version: '1.0'")).exits(1).stderr.contains("allow_downgrade"));
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(version(), "1.0\n");
    settle(&machine, &of("lab-app", ", action: remove"));
    assert_eq!(version(), "");
    // Undo takes away what came along, too.
    machine.run(["/opt/app/bin/pip", "uninstall", "--yes", "lab-lib"]).success();
    converge(&machine, &of("lab-app", "")).exits(2);
    machine.run(["brasa", "undo", "last"]).success();
    let left = machine.run(["/opt/app/bin/pip", "list", "--format", "freeze"]).success().stdout;
    assert!(!left.contains("lab"), "{left}");

    let failed = converge(&machine, &of("lab-nope", "")).exits(1);
    assert!(failed.stderr.contains("No matching distribution found for lab-nope"), "{failed}");
    // A plan runs no code of a source package.
    let source = of("lab-source", ", options: [--no-build-isolation]");
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{source}"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("lab-source 1.0") && machine.sh("test -e /root/ran").code == 1, "{plan}");
    settle(&machine, &source);
    machine.run(["test", "-e", "/root/ran"]).success();
    let failed = converge(&machine, &of("lab-source", ", version: '2.0', allow_downgrade: true")).exits(1);
    assert!(failed.stderr.contains("only in 1.0"), "{failed}");
    // The distribution's Python is not pip's: the way out is told, before anything is done.
    let system = "- {type: package, name: lab-app, provider: pip, source: /srv/wheels}\n";
    let failed = converge(&machine, system).exits(1);
    assert!(failed.stderr.contains("PEP 668") && failed.stderr.contains("python3 -m venv"), "{failed}");
    machine.write("/etc/pip.conf", "[install]\nbreak-system-packages = true\n");
    settle(&machine, system);
    Ok(())
}

/// Debian with what installs programs from registries.
const COMPILERS: Base = Base { name: "debian-compilers", suite: "bookworm", packages: &["npm", "cargo"], el: false };

/// A registry of one package in two versions.
const REGISTRY: &str = r#"
const http = require('http'), fs = require('fs'), crypto = require('crypto');
http.createServer((request, response) => {
  const [name, version] = decodeURIComponent(request.url).slice(1).split('/-/');
  if (!name.endsWith('lab-app')) { response.statusCode = 404; return response.end('{"error": "not found"}'); }
  const file = (version) => fs.readFileSync(`/srv/npm/lab-app-${version}.tgz`);
  if (version) return response.end(file(version));
  const versions = {};
  for (const version of ['1.0.0', '2.0.0']) {
    const shasum = crypto.createHash('sha1').update(file(version)).digest('hex');
    versions[version] = {name, version, bin: {'lab-app': 'main.js'}, dist: {tarball: `http://127.0.0.1:4873/${name}/-/${version}`, shasum}};
  }
  response.end(JSON.stringify({name, 'dist-tags': {latest: '2.0.0'}, versions}));
}).listen(4873, '127.0.0.1', () => fs.writeFileSync('/run/registry', ''));
"#;

const TARBALLS: &str = r#"set -e
mkdir -p /srv/npm && cd /srv/npm
for version in 1.0.0 2.0.0; do
    mkdir -p package
    printf '{"name": "lab-app", "version": "%s", "bin": {"lab-app": "main.js"}}' $version >package/package.json
    printf '#!/usr/bin/env node\nconsole.log("%s")\n' $version >package/main.js
    tar -czf lab-app-$version.tgz package
done
"#;

#[test]
fn npm_keeps_global_packages() -> Result<()> {
    let machine = site(Container::of(lab::root(COMPILERS)?))?;
    machine.sh(TARBALLS).success();
    machine.write("/srv/registry.js", REGISTRY);
    let _registry = machine.spawn(["node", "/srv/registry.js"]);
    machine.sh("timeout 60 sh -c 'until [ -e /run/registry ]; do sleep 0.1; done'").success();
    let of = |name: &str, rest: &str| {
        format!("- {{type: package, name: '{name}', provider: npm, source: 'http://127.0.0.1:4873/'{rest}}}\n")
    };
    let version = || machine.sh("lab-app 2>/dev/null").stdout;
    machine.write(
        "/etc/brasa/cookbooks/site/recipes/default.yml",
        format!("resources:\n{}", of("lab-app", ", version: 1.0.0")),
    );
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("1.0.0"), "{plan}");
    assert_eq!(version(), "");
    settle(&machine, &of("lab-app", ", version: 1.0.0"));
    assert_eq!(version(), "1.0.0\n");
    converge(&machine, &of("lab-app", "")).success();
    settle(&machine, &of("lab-app", ", action: upgrade"));
    assert_eq!(version(), "2.0.0\n");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(version(), "1.0.0\n");
    settle(&machine, &of("lab-app", ", action: remove"));
    assert_eq!(version(), "");
    settle(&machine, &of("@lab/lab-app", ""));
    for (name, rest, word) in [("lab-nope", "", "404"), ("lab-app", ", version: 9.9.9", "9.9.9")] {
        let failed = converge(&machine, &of(name, rest)).exits(1);
        assert!(failed.stderr.contains(word), "{failed}");
    }
    Ok(())
}

/// A registry in a directory, which cargo takes in place of crates.io.
const CRATES: &str = r#"set -e
mkdir -p /srv/crates/index/la/b- /root/.cargo
for version in 1.0.0 2.0.0; do
    crate=/tmp/lab-app-$version; mkdir -p $crate/src
    printf '[package]\nname = "lab-app"\nversion = "%s"\nedition = "2021"\n' $version >$crate/Cargo.toml
    printf 'fn main() { println!("%s") }\n' $version >$crate/src/main.rs
    tar -C /tmp -czf /srv/crates/lab-app-$version.crate lab-app-$version
    printf '{"name":"lab-app","vers":"%s","deps":[],"cksum":"%s","features":{},"yanked":false}\n' \
        $version $(sha256sum /srv/crates/lab-app-$version.crate | cut -d' ' -f1) >>/srv/crates/index/la/b-/lab-app
done
printf '[source.crates-io]\nreplace-with = "lab"\n[source.lab]\nlocal-registry = "/srv/crates"\n' >/root/.cargo/config.toml
"#;

#[test]
fn cargo_keeps_programs() -> Result<()> {
    let machine = site(Container::of(lab::root(COMPILERS)?))?;
    machine.sh(CRATES).success();
    let of = |name: &str, rest: &str| format!("- {{type: package, name: {name}, provider: cargo{rest}}}\n");
    let version = || machine.sh("/root/.cargo/bin/lab-app 2>/dev/null").stdout;
    machine.write(
        "/etc/brasa/cookbooks/site/recipes/default.yml",
        format!("resources:\n{}", of("lab-app", ", version: 1.0.0")),
    );
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("1.0.0"), "{plan}");
    settle(&machine, &of("lab-app", ", version: 1.0.0"));
    assert_eq!(version(), "1.0.0\n");
    converge(&machine, &of("lab-app", "")).success();
    settle(&machine, &of("lab-app", ", version: 2.0.0"));
    assert_eq!(version(), "2.0.0\n");
    // This cargo cannot tell the newest version in such a registry.
    let failed = converge(&machine, &of("lab-app", ", action: upgrade")).exits(1);
    assert!(failed.stderr.contains("give the exact version"), "{failed}");
    machine.run(["brasa", "undo", "last"]).success();
    settle(&machine, &of("lab-app", ", action: remove"));
    assert_eq!(version(), "");
    let failed = converge(&machine, &of("lab-nope", ", version: 1.0.0")).exits(1);
    assert!(failed.stderr.contains("lab-nope"), "{failed}");
    Ok(())
}

/// What installs packages from files: `above` brings along what they need, `alone` does not.
fn installs_files(machine: &Container, above: &str, alone: &str, file: &dyn Fn(&str) -> String, installed: &str) {
    let version = || machine.sh(installed).stdout;
    let of = |kind: &str, version: &str, rest: &str| {
        format!("- {{type: {kind}, name: lab-app, source: '{}'{rest}}}\n", file(&format!("lab-app {version}")))
    };
    let plan = |resources: &str| {
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
        machine.run(["brasa", "plan"])
    };

    // Alone, nothing comes along: what is missing is told by a plan and by the run, and nothing is half done.
    let refused = plan(&of(alone, "1.0", ""));
    assert!(refused.code == 1 && refused.stderr.contains("lab-lib"), "{refused}");
    let refused = converge(machine, &of(alone, "1.0", "")).exits(1);
    assert!(refused.stderr.contains("lab-lib") && refused.stderr.contains("which brings that along"), "{refused}");
    assert_eq!(version(), "");

    // The package manager brings it.
    let told = plan(&of(above, "1.0", "")).success();
    assert!(told.stdout.contains("lab-lib"), "{told}");
    settle(machine, &of(above, "1.0", ""));
    assert!(version().starts_with("1.0"), "{}", version());
    // What is there in another version is left alone, and upgraded when that is asked.
    converge(machine, &of(above, "1.1", "")).success();
    settle(machine, &of(alone, "1.1", ", action: upgrade"));
    assert!(version().starts_with("1.1"), "{}", version());
    let older = converge(machine, &of(above, "1.0", ", action: upgrade")).exits(1);
    assert!(older.stderr.contains("allow_downgrade"), "{older}");
    settle(machine, &of(above, "2.0", ", action: upgrade, version: '2.0'"));
    // The file alone says what is in it, also when it is the resource's name.
    converge(machine, &format!("- {{type: {alone}, name: '{}'}}\n", file("lab-app 2.0"))).success();

    let wrong = converge(machine, &of(above, "1.0", ", version: '2.0'")).exits(1);
    assert!(wrong.stderr.contains("holds version `1.0"), "{wrong}");
    let missing = converge(machine, &of(above, "9.9", "")).exits(1);
    assert!(missing.stderr.contains("does not exist"), "{missing}");
    machine.write("/srv/broken", "no package\n");
    let broken = converge(machine, &format!("- {{type: {alone}, name: lab-app, source: /srv/broken}}\n")).exits(1);
    assert!(broken.stderr.contains("`/srv/broken` holds no package that can be read"), "{broken}");

    // dpkg and rpm do not remove what others need either.
    let needed = converge(machine, &format!("- {{type: {alone}, name: lab-lib, action: remove}}\n")).exits(1);
    assert!(needed.stderr.contains("lab-app"), "{needed}");
    settle(machine, &format!("- {{type: {alone}, name: lab-app, action: remove}}\n"));
    assert_eq!(version(), "");
    converge(machine, &of(above, "2.0", "")).exits(2);
    let undone = machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(version(), "", "{undone}");

    // A file that an earlier resource brings: what is in it is not known to a plan, which says so.
    machine.sh(&format!("mkdir -p /srv/mirror && cp {} /srv/mirror/new", file("lab-app 2.0"))).success();
    let end = if alone == "dpkg_package" { "deb" } else { "rpm" };
    let brought = format!(
        "- {{type: remote_file, name: /srv/new.{end}, source: 'file:///srv/mirror/new'}}\n\
         - {{type: {above}, name: lab-app, source: /srv/new.{end}}}\n"
    );
    let told = plan(&brought).success();
    assert!(told.stdout.contains(&format!("`/srv/new.{end}` is to come first")), "{told}");
    settle(machine, &brought);
    assert!(version().starts_with("2.0"), "{}", version());
}

/// dpkg keeps the version of what it has only configuration files of.
const INSTALLED: &str =
    "dpkg-query -W -f '${db:Status-Status} ${Version}' lab-app 2>/dev/null | sed -n 's/^installed //p'";

#[test]
fn debian_packages_come_from_files() -> Result<()> {
    let repository = lab::deb_repo()?;
    let at = repository.mount_point();
    let machine = site(Container::of(lab::root(lab::DEBIAN)?).repository(&repository))?;
    machine.run(["apt-get", "-qq", "update"]).success();
    let file = |app: &str| format!("{at}/{}_all.deb", app.replace(' ', "_"));
    installs_files(&machine, "package", "dpkg_package", &file, INSTALLED);
    settle(&machine, "- {type: dpkg_package, name: lab-app, action: purge}\n");
    assert!(!machine.exists("/etc/lab-app.conf"));
    let file = file("lab-app 1.0");
    settle(&machine, &format!("- {{type: apt_package, name: lab-app, source: '{file}'}}\n"));
    Ok(())
}

#[test]
fn rpm_packages_come_from_files() -> Result<()> {
    let repository = lab::rpm_repo()?;
    let at = repository.mount_point();
    for base in [lab::EL9, lab::FEDORA] {
        let machine = site(Container::of(lab::root(base)?).repository(&repository))?;
        let file = |app: &str| format!("{at}/{}-1.noarch.rpm", app.replace(' ', "-"));
        // Its key is told to dnf with the first package.
        settle(&machine, "- {type: package, name: lab-doc}\n");
        let installed = "rpm -q --qf '%{VERSION}' lab-app | grep -v 'not installed'";
        installs_files(&machine, "dnf_package", "rpm_package", &file, installed);
        // rpm takes away what is obsolete: not unasked.
        machine.sh(&format!("rpm -i {at}/lab-old-1.0-1.noarch.rpm")).success();
        let new = format!("- {{type: rpm_package, name: lab-new, source: '{}'}}\n", file("lab-new 2.0"));
        let refused = converge(&machine, &new).exits(1);
        assert!(refused.stderr.contains("rpm would remove `lab-old`, which nothing asks for"), "{refused}");
        machine.sh("rpm -q lab-old && ! rpm -q lab-new").success();
        let plan = machine.run(["brasa", "plan"]).exits(1);
        let words = "rpm would remove `lab-old`, which nothing asks for";
        assert!(plan.stderr.contains(words), "a plan says the same: {plan}");
        settle(&machine, &format!("- {{type: rpm_package, name: lab-old, action: remove}}\n{new}"));
        // By another package manager, and so not in the same step.
        settle(&machine, "- {type: rpm_package, name: lab-new, action: remove}\n");
        machine.sh(&format!("rpm -i {at}/lab-old-1.0-1.noarch.rpm")).success();
        settle(&machine, &format!("- {{type: dnf_package, name: lab-old, action: remove}}\n{new}"));
        machine.sh("rpm -q lab-new && ! rpm -q lab-old").success();
        settle(&machine, "- {type: yum_package, name: lab-app, action: remove}\n");
    }
    Ok(())
}

/// A pretend `snap`, with the command lines and tables of the real one: snapd itself does not run in a container.
const SNAP: &str = r#"#!/bin/sh
db=/var/lib/pretend-snap; mkdir -p $db
verb=$1; shift
names=; for word; do case $verb$word in
    remove--color*|revert--color*) echo "error: unknown flag \`color'" >&2; exit 1;;
    *--list) list=1;; $verb-*) ;; *) names="$names $word";; esac; done
table() { [ -z "$(ls $db)" ] && { echo "No snaps are installed yet. Try 'snap install hello-world'." >&2; return; }
    echo "Name   Version  Rev  Tracking       Publisher    Notes"
    for name in $(ls $db); do echo "$name  ${1:-$(cat $db/$name)}  42   latest/stable  canonical**  -"; done; }
case $verb in
    list) table;;
    info) for name in $names; do [ $name = hello ] || { echo "error: no snap found for \"$name\"" >&2; exit 1; }
        printf 'name:      hello\nchannels:\n  latest/stable:    2.10 2019-04-17 (38) 98kB -\n'; done;;
    install) for name in $names; do [ $name = hello ] || { echo "error: snap \"$name\" not found" >&2; exit 1; }; echo ${START:-2.9} >$db/$name; done;;
    refresh) if [ "$list" ]; then [ "$(cat $db/hello)" = 2.10 ] && echo 'All snaps up to date.' >&2 || table 2.10; else for name in $names; do echo 2.10 >$db/$name; done; fi;;
    revert) echo 2.9 >$db/${names# };;
    remove) for name in $names; do rm $db/$name; done;;
esac
"#;

#[test]
fn snap_packages_by_a_pretend_program() -> Result<()> {
    let machine = site(Container::of(lab::root(lab::DEBIAN)?))?;
    let snap = |rest: &str| format!("- {{type: snap_package, name: hello{rest}}}\n");
    // Without the program a plan cannot tell, and a run says what is missing.
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{}", snap("")));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("there is no `snap` yet"), "{plan}");
    // Its report is not noted as that of a real one.
    let run = |resources: &str, code: i32| {
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
        machine.sh("brasa converge --detailed-exitcode >/dev/null").exits(code)
    };
    let settle = |resources: &str| {
        run(resources, 2);
        run(resources, 0);
    };
    let failed = run(&snap(""), 1);
    assert!(failed.stderr.contains("there is no program `snap`"), "{failed}");
    machine.write("/usr/bin/snap", SNAP);
    machine.sh("chmod 755 /usr/bin/snap").success();
    let version = || machine.sh("cat /var/lib/pretend-snap/hello 2>/dev/null").stdout;
    settle(&snap(""));
    assert_eq!(version(), "2.9\n");
    settle(&snap(", action: upgrade"));
    assert_eq!(version(), "2.10\n");
    let undo = || machine.run(["brasa", "undo", "last"]).success();
    undo();
    assert_eq!(version(), "2.9\n", "as before the refresh");
    settle(&snap(", action: purge"));
    assert_eq!(version(), "");
    let told = undo();
    assert_eq!(version(), "2.9\n", "as the channel has it: {told}");
    settle(&snap(", action: remove"));
    let failed = run(&snap("").replace("hello", "nope"), 1);
    assert!(failed.stderr.contains("no snap found for \"nope\""), "{failed}");
    Ok(())
}
