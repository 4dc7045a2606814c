//! What package managers are asked for and what they do: versions, holds, groups, answers to debconf, and failures.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, DEBIAN, EL9, FEDORA, Result, SYSTEM, converge, settle, site};

/// Whether dpkg has `lab-doc`, whole.
const DOC_OF_DPKG: &str = "dpkg-query -W -f '${db:Status-Abbrev}' lab-doc | grep -q '^ii'";

fn debian() -> Result<Container> {
    let machine = site(Container::of(lab::root(DEBIAN)?).repository(&lab::deb_repo()?))?;
    machine.run(["apt-get", "-qq", "update"]).success();
    Ok(machine)
}

fn of_rpm(base: Base) -> Result<Container> {
    let machine = site(Container::of(lab::root(base)?).repository(&lab::rpm_repo()?))?;
    machine.run(["dnf", "-q", "-y", "makecache"]).success();
    Ok(machine)
}

/// The life of packages on a machine where nothing is in the way any more: planned, there, taken away by somebody, there
/// again, undone. `there` is the question whether they are, `away` takes them away.
fn comes_and_goes(machine: &Container, resources: &str, there: &str, away: &str) {
    let is = || machine.sh(there).code == 0;
    let plan = lab::plan(machine, resources);
    assert!(plan.stdout.contains("+ will") && !is(), "{plan}");
    settle(machine, resources);
    assert!(is());
    machine.sh(away).success();
    assert!(!is());
    settle(machine, resources);
    assert!(is());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!is());
}

/// Takes `lab-doc` away, by whichever package manager is there.
const AWAY: &str = "if command -v dnf; then dnf -q -y remove lab-doc; else apt-get -qq -y remove lab-doc; fi";

/// Bounds, holds and their undo; `version` tells that of `lab-app`, `held` whether it is held, `release` does away with it.
fn bounds_and_holds(machine: &Container, version: &str, held: &str, release: &str) {
    let app = |rest: &str| format!("- {{type: package, name: lab-app, {rest}}}\n");
    let version = || machine.sh(version).success().stdout.trim().to_owned();
    let is_held = || machine.sh(held).code == 0;

    let bounded = app("version: '~> 1.0'");
    let plan = lab::plan(machine, &bounded);
    assert!(plan.stdout.contains("1.1"), "the plan names the version that will come: {plan}");
    settle(machine, &bounded);
    assert!(version().starts_with("1.1"), "{}", version());
    settle(machine, &app("version: '< 1.1', allow_downgrade: true"));
    assert!(version().starts_with("1.0"), "{}", version());
    let refused = converge(machine, &app("version: '>= 3'")).exits(1);
    assert!(refused.stderr.contains("`>= 3`") && refused.stderr.contains("2.0"), "{refused}");

    let lock = app("version: '~> 1.0', action: [install, lock]");
    settle(machine, &lock);
    assert!(is_held());
    let refused = converge(machine, &app("action: upgrade")).exits(1);
    assert!(refused.stderr.contains("package `lab-app` is held at version `1.0"), "{refused}");
    assert!(version().starts_with("1.0"));
    // Somebody lets it go.
    machine.sh(release).success();
    assert!(!is_held());
    settle(machine, &lock);
    assert!(is_held());
    settle(machine, &app("action: unlock"));
    assert!(!is_held());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(is_held(), "undo holds it again");
    converge(machine, &app("action: [unlock, upgrade, lock]")).exits(2);
    assert!(version().starts_with("2.0") && is_held(), "{}", version());
    settle(machine, &app("action: [unlock, remove]"));
}

#[test]
fn apt_keeps_to_bounds_and_holds() -> Result<()> {
    let version = "dpkg-query -W -f '${Version}' lab-app";
    bounds_and_holds(&debian()?, version, "apt-mark showhold | grep -qx lab-app", "apt-mark -qq unhold lab-app");
    Ok(())
}

#[test]
fn what_has_a_name_that_another_provides_goes_all_the_same() -> Result<()> {
    let machine = debian()?;
    let cat = |rest: &str| format!("- {{type: package, name: lab-cat{rest}}}\n");
    let status = || machine.sh("dpkg-query -W -f '${db:Status-Status}' lab-cat 2>/dev/null").stdout;
    let gone = || ["", "not-installed"].contains(&status().as_str()) && !machine.exists("/etc/lab-cat.conf");
    settle(&machine, &cat(""));
    settle(&machine, "- {type: package, name: lab-cat-new}\n");
    settle(&machine, &cat(", action: remove"));
    assert_eq!(status(), "config-files");
    converge(&machine, &cat("")).success();
    settle(&machine, &cat(", action: purge"));
    assert!(gone(), "{}", status());
    settle(&machine, &cat(", version: '1.0'"));
    settle(&machine, &cat(", action: purge"));
    assert!(gone(), "{}", status());
    Ok(())
}

/// Of a package that came along with another one: once a recipe names it, nothing takes it away with that. `alone` installs
/// `lab-app` and takes it away again, which leaves `lab-lib`; `cleans` tells what a clean-up would take.
fn what_is_named_stays(machine: &Container, alone: &str, cleans: &str) {
    let goes = || machine.sh(cleans).stdout.contains("lab-lib");
    let lib = "- {type: package, name: lab-lib}\n";
    machine.sh(alone).success();
    assert!(goes());
    let plan = lab::plan(machine, lib);
    assert!(
        plan.stdout.contains(", automatically installed") && plan.stdout.contains(", marked as manually installed"),
        "{plan}"
    );
    assert!(plan.stdout.contains("      mark lab-lib as manually installed with the package manager\n"), "{plan}");
    assert!(goes(), "a plan marks nothing");
    settle(machine, lib);
    assert!(!goes());
    let undo = machine.run(["brasa", "undo", "last", "--dry-run"]).success();
    assert!(undo.stdout.contains("mark lab-lib as automatically installed with the package manager"), "{undo}");
    machine.run(["brasa", "undo", "last"]).success();
    assert!(goes());
    // An upgrade names it too, and undo puts the mark back with the version.
    let older = machine.sh(&format!("{cleans} | grep lab-lib")).success().stdout;
    settle(machine, "- {type: package, name: lab-lib, action: upgrade}\n");
    assert!(!goes());
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.sh(&format!("{cleans} | grep lab-lib")).success().stdout, older);
    // It is known beforehand of what comes along in the same run.
    settle(machine, "- {type: package, name: lab-lib, action: remove}\n");
    let both =
        format!("- {{type: package, name: lab-app, install_recommends: false}}\n- {{type: log, name: between}}\n{lib}");
    let first = settle(machine, &both);
    assert!(
        first.stdout.contains("package[lab-lib] install") && first.stdout.contains("as manually installed"),
        "{first}"
    );
}

#[test]
fn what_came_along_for_apt_stays_once_it_is_named() -> Result<()> {
    let machine = debian()?;
    let alone = "apt-get -qq -y --no-install-recommends install lab-app lab-lib=1.0 && apt-mark -qq auto lab-lib && apt-get \
                 -qq -y remove lab-app";
    what_is_named_stays(&machine, alone, "apt-get -qq -s autoremove");
    Ok(())
}

#[test]
fn what_came_along_for_dnf5_stays_once_it_is_named() -> Result<()> {
    let alone = "dnf -q -y --setopt=install_weak_deps=False install lab-app lab-lib-1.0 && dnf -q -y mark dependency lab-lib && \
                 dnf -q -y remove --no-autoremove lab-app";
    let machine = of_rpm(FEDORA)?;
    what_is_named_stays(&machine, alone, "dnf -q --assumeno autoremove 2>&1");
    // A removal takes along what nothing needs any more, though not what the same run has marked or brings back.
    let (lib, app) = ("- {type: package, name: lab-lib}\n", "- {type: package, name: lab-app, action: remove}\n");
    let log = "- {type: log, name: between}\n";
    for resources in [format!("{lib}{app}"), format!("{lib}{log}{app}"), format!("{app}{lib}")] {
        machine.sh("dnf -q -y --setopt=install_weak_deps=False install lab-app").success();
        machine.sh("dnf -q -y mark dependency lab-lib").success();
        if resources.starts_with(lib) {
            let plan = lab::plan(&machine, &resources);
            assert!(plan.stdout.contains("- lab-app ") && !plan.stdout.contains("- lab-lib "), "{plan}");
        }
        settle(&machine, &resources);
        machine.sh("rpm -q lab-lib && ! rpm -q lab-app").success();
    }
    Ok(())
}

/// The version of `lab-app` that rpm has.
const APP_OF_RPM: &str = "rpm -q --qf '%{VERSION}-%{RELEASE}' lab-app";

#[test]
fn dnf_keeps_to_bounds_and_holds() -> Result<()> {
    let held = "dnf -q versionlock list | grep -q '^lab-app-'";
    bounds_and_holds(&of_rpm(EL9)?, APP_OF_RPM, held, "dnf -q versionlock delete lab-app");
    Ok(())
}

#[test]
fn dnf5_keeps_to_bounds_and_holds() -> Result<()> {
    let held = "dnf -q versionlock list | grep -qx 'Package name: lab-app'";
    bounds_and_holds(&of_rpm(FEDORA)?, APP_OF_RPM, held, "dnf -q versionlock delete lab-app");
    Ok(())
}

#[test]
fn answers_reach_debconf_before_the_package_asks() -> Result<()> {
    let machine = debian()?;
    let ask = |port: &str, rest: &str| {
        format!("- {{type: package, name: lab-ask, response_file: 'lab-ask lab-ask/port string {port}', {rest}}}\n")
    };
    let port = || machine.read("/etc/lab-ask.port");
    machine.write("/etc/apt/apt.conf.d/99-environment", "DPkg::Post-Invoke {\"env >/srv/environment\";};\n");
    settle(&machine, &ask("8080", "action: install"));
    assert_eq!(port(), "port=8080\n");
    // Nobody asks a question: needrestart, apt-listchanges and debconf are told so.
    let environment = machine.read("/srv/environment");
    for word in ["NEEDRESTART_MODE=", "APT_LISTCHANGES_FRONTEND=none", "DEBIAN_FRONTEND=noninteractive"] {
        assert!(environment.contains(word), "{word} is not in {environment}");
    }
    // Somebody else is in debconf's database, who would make `debconf-set-selections` end at once.
    settle(&machine, &ask("8080", "action: purge"));
    let holder = machine.spawn(["flock", "/var/cache/debconf/config.dat", "sleep", "600"]);
    machine.until("! flock -n /var/cache/debconf/config.dat true");
    let asked = format!("resources:\n{}", ask("7070", "action: install"));
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", asked);
    let mut run = machine.spawn(["brasa", "converge"]);
    let told = "waiting for debconf's lock `/var/cache/debconf/config.dat`, held by";
    run.wait_until(|_, stderr| stderr.contains(told));
    machine.sh("pkill -f '[s]leep 600'").success();
    drop(holder.wait());
    assert_eq!(run.wait().code, 0);
    assert_eq!(port(), "port=7070\n");
    // What is installed keeps its answers until it is told to ask again.
    assert_eq!(converge(&machine, &ask("9090", "action: install")).code, 0);
    let told = settle(&machine, &ask("9090", "action: reconfig"));
    assert!(told.stdout.contains("with other answers"), "{told}");
    assert_eq!(port(), "port=9090\n");
    machine.sh("echo 'lab-ask lab-ask/port string 1' | debconf-set-selections").success();
    settle(&machine, &ask("9090", "action: reconfig"));
    settle(&machine, &ask("9090", "action: purge"));
    let secret = ask("s3cret", "action: install").replace("lab-ask/port string", "lab-ask/word password");
    let told = settle(&machine, &secret);
    assert!(!format!("{told}").contains("s3cret"), "{told}");
    assert_eq!(machine.sh("grep -rl s3cret /var/lib/brasa /var/log; true").success().stdout, "");
    Ok(())
}

/// What one resource brings along may be what the next one is about.
#[test]
fn a_neighbour_is_judged_by_what_came_before_it() -> Result<()> {
    for (machine, there) in
        [(debian()?, "dpkg -s NAME 2>/dev/null | grep -q ' installed$'"), (of_rpm(EL9)?, "rpm -q NAME")]
    {
        let is = |name: &str| machine.sh(&there.replace("NAME", name)).code == 0;
        let both = "- {type: package, name: lab-app, install_recommends: true}\n- {type: package, name: lab-doc, action: remove}\n";
        let plan = lab::plan(&machine, both);
        assert!(plan.stdout.contains("- will") && plan.stdout.contains("package[lab-doc] remove"), "{plan}");
        settle(&machine, both);
        assert!(is("lab-app") && !is("lab-doc"));
        let twice = "- {type: package, name: old, package_name: lab-app, version: '1.0', allow_downgrade: true}\n\
                     - {type: package, name: new, package_name: lab-app, action: upgrade}\n";
        converge(&machine, twice).exits(2);
        assert!(machine.run(["brasa", "resource", "package", "lab-app"]).success().stdout.contains("2.0"));
    }
    Ok(())
}

#[test]
fn a_group_of_dnf_is_there_or_not() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of_rpm(base)?;
        let members = || machine.sh("rpm -q lab-small-01 lab-small-02 >/dev/null").code == 0;
        // An environment is a group of groups.
        for name in ["@lab-tools", "@^lab-system"] {
            let group = |rest: &str| format!("- {{type: package, name: '{name}', {rest}}}\n");
            let plan = lab::plan(&machine, &group("action: install"));
            assert!(plan.stdout.contains("lab-small-01 1.0-1") && plan.stdout.contains("lab-small-02 1.0-1"), "{plan}");
            assert!(
                !plan.stdout.contains("(small)") && !plan.stdout.contains("Lab "),
                "groups are no packages: {plan}"
            );
            settle(&machine, &group("action: install"));
            assert!(members());
            machine.run(["brasa", "undo", "last"]).success();
            assert!(!members(), "{name} of {}", base.name);
            settle(&machine, &group("action: install"));
            settle(&machine, &group("action: remove"));
            assert!(!members());
            let refused = converge(&machine, &group("action: install").replace("lab-", "lab-no-")).exits(1);
            assert!(refused.stderr.contains("lab-no-"), "{refused}");
        }
    }
    Ok(())
}

#[test]
fn a_package_of_another_architecture_is_one_of_its_own() -> Result<()> {
    let machine = debian()?;
    machine.run(["dpkg", "--add-architecture", "i386"]).success();
    machine.run(["apt-get", "-qq", "update"]).success();
    let foreign = |action: &str| format!("- {{type: package, name: 'lab-foreign:i386', action: {action}}}\n");
    let there = "dpkg -s lab-foreign:i386 2>/dev/null | grep -q ' installed$'";
    comes_and_goes(&machine, &foreign("install"), there, "apt-get -qq -y remove lab-foreign:i386");
    settle(&machine, &foreign("[install, lock]"));
    assert!(machine.run(["apt-mark", "showhold"]).success().stdout.contains("lab-foreign:i386"));
    settle(&machine, &foreign("[unlock, purge]"));
    assert_eq!(machine.sh("dpkg -l lab-foreign:i386 2>/dev/null | grep lab-foreign").stdout, "");
    Ok(())
}

#[test]
fn a_package_that_was_being_unpacked_is_put_in_anew() -> Result<()> {
    let machine = debian()?;
    let other = machine.spawn(["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install lab-still"]);
    machine.until("grep -q 'half-installed lab-still' /var/log/dpkg.log");
    machine.sh("for name in apt-get dpkg; do pkill -9 -x $name; done; sleep 0.2; true").success();
    other.wait();
    assert!(machine.sh("dpkg --audit").success().stdout.contains("lab-still"), "it is there in part");
    let small = "- {type: package, name: lab-small-01}\n";
    let told = settle(&machine, small);
    assert!(format!("{told}").contains("`lab-still` is half-installed"), "{told}");
    assert_eq!(machine.sh("dpkg --audit").success().stdout, "");
    machine.run(["dpkg", "-s", "lab-still", "lab-small-01"]).success();
    Ok(())
}

/// Waits until dpkg has begun to configure `lab-slow`, which takes three seconds.
fn until_slow(machine: &Container) {
    machine.until("grep -q 'half-configured lab-slow' /var/log/dpkg.log");
}

#[test]
fn an_unattended_upgrade_is_waited_for_and_named() -> Result<()> {
    let machine = site(Container::of(lab::root(SYSTEM)?).repository(&lab::deb_repo()?))?;
    machine.run(["apt-get", "-qq", "update"]).success();
    let app = |rest: &str| format!("- {{type: package, name: lab-app{rest}}}\n");
    settle(&machine, &app(", version: '1.0'"));
    machine.write("/etc/apt/apt.conf.d/99lab", "Unattended-Upgrade::Origins-Pattern { \"origin=*\"; };\nDPkg::Pre-Invoke { \"test ! -e /run/slow || sleep 8\"; };\n");
    machine.write("/run/slow", "");
    let other = machine.spawn(["unattended-upgrade"]);
    machine.until("pgrep -x -f 'sleep 8'");
    // Who does not want to wait for long is told whom it would have been for, and nothing was done.
    let failed = converge(&machine, &app("").replace("lab-app", "lab-small-01, timeout: 1"));
    assert!(failed.code == 1 && failed.stderr.contains("unattended-upgr (process "), "{failed}");
    assert_ne!(machine.run(["dpkg", "-s", "lab-small-01"]).code, 0);
    let told = settle(&machine, &app("").replace("lab-app", "lab-small-01"));
    assert!(told.stderr.contains("waiting for ") && told.stderr.contains("held by unattended-upgr"), "{told}");
    let other = other.wait();
    assert_eq!(other.code, 0, "it was left in peace: {other}");
    // What it did meanwhile is what the next run finds.
    let found = machine.run(["brasa", "resource", "package", "lab-app"]).success().stdout;
    assert!(found.contains("2.0"), "{found}");
    Ok(())
}

/// `flock` of the shell is a lock of another kind than apt's, which apt does not see; neither is it waited for here.
#[test]
fn a_lock_that_apt_does_not_see_is_in_nobodys_way() -> Result<()> {
    let machine = debian()?;
    let other = machine.spawn(["flock", "/var/lib/dpkg/lock-frontend", "sleep", "300"]);
    machine.until("! flock -n /var/lib/dpkg/lock-frontend true");
    machine.run(["apt-get", "-qq", "-y", "install", "lab-small-01"]).success();
    let told = settle(&machine, "- {type: package, name: lab-small-02, timeout: 30}\n");
    assert!(!told.stderr.contains("waiting"), "{told}");
    drop(other);
    Ok(())
}

#[test]
fn an_apt_that_is_killed_is_told_and_repaired() -> Result<()> {
    let slow = "- {type: package, name: lab-slow}\n- {type: package, name: lab-small-01}\n";
    // Only the package manager is killed, then the run too.
    for (killed, of_run) in [("apt-get dpkg", true), ("brasa apt-get dpkg", false)] {
        let machine = debian()?;
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{slow}"));
        let run = machine.spawn(["brasa", "converge"]);
        until_slow(&machine);
        machine.sh(&format!("for name in {killed}; do pkill -9 -x $name; done; sleep 0.2; true")).success();
        let run = run.wait();
        // A run that lives on repairs it itself; else the next one does, and knows why.
        let told = if of_run {
            assert_eq!(run.code, 0, "{run}");
            run
        } else {
            assert_ne!(machine.sh("dpkg --audit").success().stdout, "", "dpkg is in the middle of something");
            let next = machine.run(["brasa", "converge"]).success();
            assert!(format!("{next}").contains("the last run did not end"), "{next}");
            next
        };
        let repaired = "an earlier run of dpkg was not finished (`lab-slow` is half-configured)";
        assert!(format!("{told}").contains(repaired), "{told}");
        assert_eq!(machine.sh("dpkg --audit").success().stdout, "");
        machine.run(["dpkg", "-s", "lab-slow", "lab-small-01"]).success();
        machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
        // Also of a run that was killed it is known what came by it.
        let undone = machine.run(["brasa", "undo", if of_run { "last" } else { "1" }]).success();
        assert_eq!(machine.sh("dpkg-query -W -f '${db:Status-Abbrev}' lab-small-01 | grep ^ii").stdout, "", "{undone}");
    }
    Ok(())
}

#[test]
fn an_interrupted_dpkg_is_left_alone_until_somebody_agrees() -> Result<()> {
    let machine = debian()?;
    let other = machine.spawn(["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install lab-slow"]);
    until_slow(&machine);
    machine.sh("pkill -9 -x apt-get; pkill -9 -x dpkg; sleep 0.2; true").success();
    drop(other.wait());
    let small = "- {type: package, name: lab-small-01}\n";
    let setting = |word: &str| {
        machine.write("/etc/brasa/solo.rb", format!("cookbook_path '/etc/brasa/cookbooks'\npackage_repair :{word}\n"));
    };
    // Told before anything is changed, whether or not packages are: files, in front of what is refused.
    let file = "- {type: file, name: /srv/first, content: x}\n";
    setting("never");
    let told = "an earlier run of dpkg was not finished (`lab-slow` is half-configured";
    for recipe in
        [&format!("{file}{small}"), &format!("{file}- {{type: dpkg_package, name: lab-lib, action: remove}}\n{small}")]
    {
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{recipe}"));
        let plan = machine.run(["brasa", "plan"]).exits(1);
        assert!(plan.stderr.contains(told) && plan.stdout.contains("that cannot be done"), "{plan}");
        let refused = converge(&machine, recipe).exits(1);
        assert!(refused.stderr.contains("nothing was changed") && !machine.exists("/srv/first"), "{refused}");
    }
    let nothing = converge(&machine, "- {type: package, name: bash}\n").success();
    assert_eq!(nothing.stderr.matches(told).count(), 1, "{nothing}");
    // Where nobody can answer, to ask is to refuse.
    for word in ["never", "ask"] {
        setting(word);
        let refused = converge(&machine, small).exits(1);
        assert!(
            refused.stderr.contains("not finished: `lab-slow` is half-configured")
                && refused.stderr.contains("dpkg --configure -a"),
            "{refused}"
        );
    }
    let answered = |answer: &str| {
        machine.sh(&format!("printf '{answer}\\n' | script -qec 'brasa converge --detailed-exitcode' /dev/null"))
    };
    let refused = answered("n");
    assert!(refused.stdout.contains("finish it now? [y/N]") && refused.code == 1, "{refused}");
    assert_ne!(machine.sh("dpkg --audit").success().stdout, "");
    let agreed = answered("y");
    assert!(agreed.stdout.contains("finish it now? [y/N]") && agreed.code == 2, "{agreed}");
    assert_eq!(machine.sh("dpkg --audit").success().stdout, "");
    machine.run(["dpkg", "-s", "lab-slow", "lab-small-01"]).success();
    setting("sometimes");
    assert!(converge(&machine, small).exits(65).stderr.contains("package_repair"));

    // What was there and broken is made whole, and is not upgraded by that.
    setting("auto");
    machine.sh("apt-get -qq -y install lab-app=1.0 && sed -i '/^Package: lab-app$/,/^$/s/ok installed/ok half-configured/' /var/lib/dpkg/status").success();
    let app = "- {type: package, name: lab-app}\n";
    let plan = lab::plan(&machine, app);
    assert!(!plan.stdout.contains("2.0"), "{plan}");
    settle(&machine, app);
    let state = || machine.sh("dpkg-query -W -f '${db:Status-Status} ${Version}' lab-app").success().stdout;
    assert_eq!(state(), "installed 1.0");
    machine.sh("sed -i '/^Package: lab-app$/,/^$/s/ok installed/ok half-configured/' /var/lib/dpkg/status").success();
    settle(&machine, "- {type: package, name: lab-app, action: upgrade}\n");
    assert_eq!(state(), "installed 2.0");
    Ok(())
}

/// Fills the place where `lab-doc` puts its file: unpacking finds no room.
fn a_full_disk(machine: &Container, there: &str) {
    let doc = "- {type: package, name: lab-doc}\n";
    machine
        .sh("mkdir -p /usr/share/lab && mount -t tmpfs -o size=4k lab /usr/share/lab && yes | head -c 4096 >/usr/share/lab/full")
        .success();
    let failed = converge(machine, doc).exits(1);
    let told = ["No space left on device", "on the /usr/share/lab filesystem"];
    assert!(told.iter().any(|told| failed.stderr.contains(told)), "{failed}");
    assert_ne!(machine.sh(there).code, 0, "it does not count as installed");
    machine.sh("umount /usr/share/lab").success();
    comes_and_goes(machine, doc, there, AWAY);
}

#[test]
fn a_disk_that_fills_while_a_package_is_unpacked() -> Result<()> {
    let machine = debian()?;
    a_full_disk(&machine, DOC_OF_DPKG);
    assert_eq!(machine.sh("dpkg --audit").success().stdout, "");
    a_full_disk(&of_rpm(EL9)?, "rpm -q lab-doc");
    a_full_disk(&of_rpm(FEDORA)?, "rpm -q lab-doc");
    Ok(())
}

const DOC_IN_RPM: &str = "/lab/rpm/lab-doc-1.0-1.noarch.rpm";

#[test]
fn a_repository_that_lies_about_a_checksum_installs_nothing() -> Result<()> {
    let doc = "- {type: package, name: lab-doc}\n";
    for (machine, at, uses, there) in [
        (debian()?, "/lab/deb/lab-doc_1.0_all.deb", "/etc/apt/sources.list.d/lab-deb.sources", DOC_OF_DPKG),
        (of_rpm(EL9)?, DOC_IN_RPM, "/etc/yum.repos.d/lab-rpm.repo", "rpm -q lab-doc"),
        (of_rpm(FEDORA)?, DOC_IN_RPM, "/etc/yum.repos.d/lab-rpm.repo", "rpm -q lab-doc"),
    ] {
        let (from, file) = at.rsplit_once('/').unwrap_or_default();
        let lists = "if command -v dnf; then dnf -q -y makecache; else apt-get -qq update; fi";
        // One has another size than was promised, the other only another content.
        for lie in ["printf x >>", "printf x | dd status=none bs=1 seek=300 conv=notrunc of="] {
            machine.sh(&format!("rm -rf /srv/liar && cp -r {from} /srv/liar && {lie}/srv/liar/{file}")).success();
            machine.sh(&format!("sed -i 's|{from}$|/srv/liar|' {uses}; {lists}")).success();
            let failed = converge(&machine, doc).exits(1);
            let told = failed.stderr.to_lowercase();
            let words = ["hash sum mismatch", "unexpected size", "checksum", "digest"];
            assert!(words.iter().any(|word| told.contains(word)), "it says what does not match: {failed}");
            assert_ne!(machine.sh(there).code, 0, "nothing was installed");
        }
        machine.sh(&format!("sed -i 's|/srv/liar|{from}|' {uses}; {lists}")).success();
        comes_and_goes(&machine, doc, there, AWAY);
    }
    Ok(())
}

#[test]
fn a_key_that_has_expired_is_named() -> Result<()> {
    let repository = lab::expired_repo()?;
    let machine = site(Container::of(lab::root(DEBIAN)?).repository(&repository))?;
    let at = repository.mount_point();
    for resources in [
        "- {type: package, name: lab-doc}\n".to_owned(),
        format!(
            "- {{type: apt_repository, name: old, uri: 'file:{at}', distribution: ./, key: 'file://{at}/key.asc'}}\n"
        ),
    ] {
        let failed = converge(&machine, &resources).exits(1);
        assert!(failed.stderr.contains("EXPKEYSIG") || failed.stderr.contains("expired"), "{failed}");
        machine.sh("rm -f /etc/apt/sources.list.d/lab-expired.sources").success();
    }
    assert_ne!(machine.sh(DOC_OF_DPKG).code, 0);
    Ok(())
}

#[test]
fn an_installation_removes_nothing_that_nobody_asked_to_remove() -> Result<()> {
    for (machine, there, words) in [
        (debian()?, "dpkg-query -W -f '${db:Status-Abbrev}' NAME | grep -q '^ii'", "would remove `lab-app`"),
        (of_rpm(EL9)?, "rpm -q NAME >/dev/null", "conflicts with lab-app"),
        (of_rpm(FEDORA)?, "rpm -q NAME >/dev/null", "conflicts with lab-app"),
    ] {
        let has = |name: &str| machine.sh(&there.replace("NAME", name)).code == 0;
        let conflict = |rest: &str| format!("- {{type: package, name: lab-conflict, {rest}}}\n");
        let app = |action: &str| format!("- {{type: package, name: lab-app, action: {action}}}\n");
        settle(&machine, &app("install"));
        let plan = machine.run(["brasa", "plan"]).success();
        assert!(plan.stdout.contains("0 to change"), "{plan}");
        let refused = converge(&machine, &conflict("action: install")).exits(1);
        assert!(refused.stderr.contains(words), "{refused}");
        let plan = machine.run(["brasa", "plan"]);
        assert!(plan.stdout.contains(words), "a plan says the same: {plan}");
        assert!(has("lab-app") && !has("lab-conflict"));
        // With a yes it goes, and the plan names it.
        let allowed = conflict("allow_removals: true");
        let plan = lab::plan(&machine, &allowed);
        assert!(plan.stdout.contains("- lab-app"), "{plan}");
        settle(&machine, &allowed);
        assert!(!has("lab-app") && has("lab-conflict"));
        machine.run(["brasa", "undo", "last"]).success();
        assert!(has("lab-app") && !has("lab-conflict"), "undo puts it back");
        // Both in one transaction, when both are asked for; nothing else may go with them.
        settle(&machine, &format!("{}{}", app("remove"), conflict("action: install")));
        assert!(!has("lab-app") && has("lab-conflict"));
    }
    Ok(())
}

#[test]
fn an_undo_leaves_what_others_did_with_packages_since() -> Result<()> {
    for (machine, there, manager) in [
        (debian()?, "dpkg-query -W -f '${db:Status-Abbrev}' NAME | grep -q '^ii'", "apt-get -qq -y"),
        (of_rpm(EL9)?, "rpm -q NAME >/dev/null", "dnf -q -y"),
        (of_rpm(FEDORA)?, "rpm -q NAME >/dev/null", "dnf -q -y"),
    ] {
        let has = |name: &str| machine.sh(&there.replace("NAME", name)).code == 0;
        let by_hand = |words: &str| machine.sh(&format!("{manager} {words}")).success();
        let undo = |words: &str| machine.sh(&format!("brasa undo {words}"));
        // Somebody installs what needs a package of the run.
        settle(&machine, "- {type: package, name: lab-lib}\n");
        by_hand("install lab-app");
        let told = undo("last --dry-run").success();
        assert!(told.stdout.contains("! `lab-app` would go with it, and the run did not bring it"), "{told}");
        let refused = undo("last").exits(1);
        assert!(
            refused.stderr.contains("`lab-app` would go with it") && refused.stderr.contains("--force"),
            "{refused}"
        );
        assert!(has("lab-app") && has("lab-lib"));
        undo("last --force").success();
        assert!(!has("lab-app") && !has("lab-lib"));
        // Somebody upgrades what the run brought.
        let old = "- {type: package, name: lab-app, version: '1.0', install_recommends: false}\n";
        settle(&machine, old);
        by_hand("install lab-app lab-small-01");
        let refused = undo("last").exits(1);
        let words = "`lab-app` is installed in version `2.0";
        assert!(
            refused.stderr.contains(words) && refused.stderr.contains("the run left it installed in version `1.0"),
            "{refused}"
        );
        assert!(has("lab-app") && has("lab-lib"));
        // Put back as the run left it, it is the run's own.
        converge(&machine, &old.replace("version", "allow_downgrade: true, version")).exits(2);
        undo("3").success();
        assert!(!has("lab-app") && !has("lab-lib") && has("lab-small-01"));
    }
    Ok(())
}

/// dnf takes what is obsolete away without a word, in an upgrade as in an installation.
#[test]
fn what_a_package_obsoletes_goes_by_a_yes_alone() -> Result<()> {
    const RPMS: &str = "/lab/rpm/lab-old-1.0-1.noarch.rpm";
    for base in [EL9, FEDORA] {
        let machine = of_rpm(base)?;
        let has = |name: &str| machine.run(["rpm", "-q", name]).code == 0;
        let new = |rest: &str| format!("- {{type: package, name: lab-new, {rest}}}\n");
        machine.run(["rpm", "-i", RPMS]).success();
        for (before, action) in
            [("true", "install"), ("rpm -i --nosignature /lab/rpm/lab-new-1.0-1.noarch.rpm", "upgrade")]
        {
            machine.sh(before).success();
            let refused = converge(&machine, &new(&format!("action: {action}"))).exits(1);
            let words = "dnf would remove `lab-old`, which nothing asks for";
            assert!(refused.stderr.contains(words) && refused.stderr.contains("`allow_removals`"), "{refused}");
            let plan = machine.run(["brasa", "plan"]).exits(1);
            assert!(plan.stderr.contains(words), "a plan says the same: {plan}");
            assert!(has("lab-old") && !has("lab-new-2.0"));
            // With a yes it goes, and the plan names it.
            let allowed = new(&format!("action: {action}, allow_removals: true"));
            let plan = lab::plan(&machine, &allowed);
            assert!(plan.stdout.contains("- lab-old 1.0-1") && plan.stdout.contains("2.0-1"), "{plan}");
            settle(&machine, &allowed);
            assert!(!has("lab-old") && has("lab-new-2.0"));
            machine.run(["brasa", "undo", "last"]).success();
            assert!(has("lab-old") && !has("lab-new-2.0"), "undo puts it back");
            assert_eq!(has("lab-new-1.0"), action == "upgrade");
        }
        // It is asked for where a resource of its own removes it.
        settle(&machine, &format!("- {{type: package, name: lab-old, action: remove}}\n{}", new("action: upgrade")));
        assert!(!has("lab-old") && has("lab-new-2.0"));
        // And in a step before, which a plan takes into account.
        settle(&machine, "- {type: package, name: lab-new, action: remove}\n");
        machine.run(["rpm", "-i", RPMS]).success();
        let before = "- {type: package, name: lab-old, action: remove}\n- {type: log, name: between}\n";
        settle(&machine, &format!("{before}{}", new("action: install")));
        assert!(!has("lab-old") && has("lab-new-2.0"));
    }
    Ok(())
}

#[test]
fn a_broken_script_of_a_package_is_quoted_and_its_neighbour_is_installed() -> Result<()> {
    for (machine, has, words) in [
        (debian()?, "dpkg-query -W -f '${db:Status-Abbrev}' NAME | grep -q '^ii'", "exit status 7"),
        (of_rpm(EL9)?, "rpm -q NAME >/dev/null", "%prein"),
        (of_rpm(FEDORA)?, "rpm -q NAME >/dev/null", "%prein"),
    ] {
        let is = |name: &str| machine.sh(&has.replace("NAME", name)).code == 0;
        let both = "- {type: package, name: lab-small-04}\n- {type: package, name: lab-bad}\n";
        let failed = converge(&machine, both).exits(1);
        assert!(failed.stderr.contains("lab-bad") && failed.stderr.contains(words), "{failed}");
        assert!(is("lab-small-04") && !is("lab-bad"));
        machine.write("/etc/lab-bad.ok", "");
        let bad = "- {type: package, name: lab-bad}\n";
        comes_and_goes(&machine, bad, &has.replace("NAME", "lab-bad"), &AWAY.replace("lab-doc", "lab-bad"));
    }
    Ok(())
}

#[test]
fn what_was_left_beside_configuration_files_is_listed_when_asked() -> Result<()> {
    for (machine, end) in [(debian()?, ".dpkg-dist"), (of_rpm(EL9)?, ".rpmnew"), (of_rpm(FEDORA)?, ".rpmnew")] {
        let left = || machine.run(["brasa", "facts", "config_leftovers", "--format", "ndjson"]).success().stdout;
        assert_eq!(left(), "{\"config_leftovers\":[]}\n");
        settle(&machine, "- {type: package, name: lab-app, version: '1.0'}\n");
        machine.write("/etc/lab-app.conf", "mine\n");
        let told = settle(&machine, "- {type: package, name: lab-app, action: upgrade}\n");
        assert!(told.stderr.contains("`/etc/lab-app.conf` was changed on this machine and is kept"), "{told}");
        // A later run says nothing of it.
        let quiet = converge(&machine, "- {type: package, name: lab-small-01}\n").exits(2);
        assert!(!quiet.stderr.contains("lab-app.conf"), "{quiet}");
        let expected = format!(
            "{{\"config_leftovers\":[{{\"path\":\"/etc/lab-app.conf{end}\",\"file\":\"/etc/lab-app.conf\",\"holds\":\"package\"}}]}}\n"
        );
        assert_eq!(left(), expected);
    }
    Ok(())
}

#[test]
fn lists_are_fetched_anew_where_that_is_asked_for() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of_rpm(base)?;
        let told = settle(&machine, "- {type: dnf_package, name: lab-small-03, flush_cache: [before, after]}\n");
        assert_eq!(told.stdout.matches("refresh the package lists of dnf").count(), 2, "{told}");
        machine.run(["rpm", "-q", "lab-small-03"]).success();
    }
    Ok(())
}
