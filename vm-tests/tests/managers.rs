//! Package managers beside apt and dnf, each the real program on a local source.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, Result, converge, settle, site};

/// Debian with the package managers of other distributions.
const MANAGERS: Base = Base {
    name: "debian-managers",
    suite: "bookworm",
    packages: &["zypper", "rpm", "pacman-package-manager", "python3-venv", "python3-pip", "zstd"],
    el: false,
};

/// Has the machine say that it is of another distribution: `package` then picks that one's package manager.
fn becomes(machine: &Container, id: &str) {
    machine.sh(&format!("rm -f /etc/os-release; echo 'ID={id}' >/etc/os-release")).success();
}

/// What every package manager of a platform has to do, with the packages of the lab: 1.0 and 2.0 of `lab-app`, which
/// needs `lab-lib`, is `lab-virtual`, and does not go with `lab-conflict`.
fn keeps_packages(machine: &Container, installed: &str, old: &str) {
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
    for (name, word) in [("lab-nope", "lab-nope"), ("lab-conflict", "conflict")] {
        write(&app("").replace("lab-app", name));
        let plan = machine.run(["brasa", "plan"]);
        assert!(plan.code == 1 && plan.stderr.contains(word), "{plan}");
        let failed = converge(machine, &app("").replace("lab-app", name)).exits(1);
        assert!(failed.stderr.contains(word), "{failed}");
    }
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", "resources: []\n");
}

/// What they have to do once 2.0 is on offer.
fn follows_versions(machine: &Container, installed: &str) {
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

    settle(machine, &app(", action: remove"));
    assert_eq!(version(), "");
    // What was installed is taken away by undo, with what came along.
    converge(machine, &app("")).exits(2);
    assert!(version().starts_with("2.0"), "{}", version());
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(version(), "");
    // Found, and found again.
    converge(machine, &app("")).exits(2);
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
    keeps_packages(&machine, installed, "1.0");
    follows_versions(&machine, installed);

    // A script of the package fails: its words are told.
    let failed = converge(&machine, "- {type: package, name: lab-bad}\n").exits(1);
    assert!(failed.stderr.contains("%prein(lab-bad-1.0-1.noarch) scriptlet failed"), "{failed}");
    Ok(())
}

/// Makes packages and the database of a repository as makepkg and repo-add do.
const PACMAN: &str = r#"set -e
mkdir -p /srv/repo; rm -rf /tmp/db; mkdir /tmp/db
package() { # NAME VERSION FIELD VALUE
    tree=/tmp/tree/$1-$2; rm -rf $tree; mkdir -p $tree/usr/share/lab $tree/etc; echo $2 >$tree/etc/$1.conf; echo $2 >$tree/usr/share/lab/$1
    file=$1-$2-any.pkg.tar.zst
    { printf 'pkgname = %s\npkgver = %s\npkgdesc = synthetic\nurl = http://localhost/\nbuilddate = 1\npackager = Lab\nsize = 10\narch = any\nbackup = etc/%s.conf\n' $1 $2 $1
      [ -z "$3" ] || printf '%s = %s\n' $3 $4; [ $1 != lab-app ] || echo 'provides = lab-virtual'; } >$tree/.PKGINFO
    (cd $tree && tar --zstd -cf /srv/repo/$file $(ls -A))
    mkdir /tmp/db/$1-$2
    { printf '%%FILENAME%%\n%s\n\n%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n%%CSIZE%%\n%s\n\n%%ISIZE%%\n10\n\n%%SHA256SUM%%\n%s\n\n%%ARCH%%\nany\n\n' \
        $file $1 $2 $(stat -c %s /srv/repo/$file) $(sha256sum /srv/repo/$file | cut -d' ' -f1)
      [ -z "$3" ] || printf '%%%sS%%\n%s\n\n' $(echo $3 | tr a-z A-Z) $4; [ $1 != lab-app ] || printf '%%PROVIDES%%\nlab-virtual\n\n'; } >/tmp/db/$1-$2/desc
}
package lab-lib 1.1-1
package lab-app $1 depend lab-lib
package lab-conflict 1.0-1 conflict lab-app
cd /tmp/db && tar -czf /srv/repo/lab.db *
"#;

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
    keeps_packages(&machine, installed, "1.0-1");
    publish("2.0-1");
    machine.run(["pacman", "-Sy"]).success();
    follows_versions(&machine, installed);

    // A lock that nobody has any more is told, and not waited for.
    machine.sh("touch /var/lib/pacman/db.lck").success();
    let failed = converge(&machine, "- {type: package, name: lab-conflict}\n").exits(1);
    assert!(failed.stderr.contains("/var/lib/pacman/db.lck") || failed.stderr.contains("conflict"), "{failed}");
    settle(&machine, "- {type: file, name: /var/lib/pacman/db.lck, action: delete}\n");
    // One that is held is waited for, and its holder named.
    let holder = machine.spawn(["sh", "-c", "exec 3>/var/lib/pacman/db.lck; sleep 300"]);
    let waits = "- {type: package, name: lab-app, action: remove, timeout: 2}\n";
    let mut failed = converge(&machine, waits);
    // The holder may come second.
    if failed.code == 2 {
        failed = converge(&machine, "- {type: package, name: lab-app, timeout: 2}\n");
    }
    assert!(failed.stderr.contains("sh (process ") || failed.stderr.contains("sleep (process "), "{failed}");
    drop(holder);
    Ok(())
}
