//! What is dnf 4's own, on the root that looks like Enterprise Linux 9, and modules, with dnf 5 too.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, EL9, FEDORA, Result, converge, settle, site};

fn el9() -> Result<Container> {
    of(EL9)
}

fn of(base: Base) -> Result<Container> {
    let machine = site(Container::of(lab::root(base)?).repository(&lab::rpm_repo()?))?;
    machine.run(["dnf", "-q", "-y", "makecache"]).success();
    Ok(machine)
}

#[test]
fn the_list_of_versionlock_is_read_as_dnf_reads_it() -> Result<()> {
    let machine = el9()?;
    let app = |rest: &str| format!("- {{type: package, name: lab-app, {rest}}}\n");
    let version = || machine.sh("rpm -q --qf '%{VERSION}' lab-app").stdout;
    settle(&machine, &app("version: '1.0'"));
    machine.sh("sed -i 's|^locklist.*|locklist = /etc/other.list|' /etc/dnf/plugins/versionlock.conf").success();
    // A pattern of names, in another list than the usual one.
    machine.write("/etc/other.list", "# of the administrator\nlab-*-0:1.0*\n");
    let refused = converge(&machine, &app("action: upgrade")).exits(1);
    assert!(refused.stderr.contains("package `lab-app` is held at version `1.0"), "{refused}");
    let refused = converge(&machine, &app("action: unlock")).exits(1);
    assert!(refused.stderr.contains("`lab-app` is still held, by `lab-*-0:1.0*`"), "{refused}");
    // What cannot be read is not guessed at.
    machine.write("/etc/other.list", "lab-ap[pq]-0:1.0-1.*\n");
    let refused = converge(&machine, &app("action: upgrade")).exits(1);
    assert!(refused.stderr.contains("the line `lab-ap[pq]-0:1.0-1.*` of `/etc/other.list`"), "{refused}");
    // A name alone is about all of its versions, and holds none of them.
    machine.write("/etc/other.list", "lab-app\n");
    settle(&machine, &app("action: upgrade"));
    assert_eq!(version(), "2.0");
    // dnf takes that for a lock all the same, and adds none.
    let refused = converge(&machine, &app("action: lock")).exits(1);
    assert!(refused.stderr.contains("already locked in equivalent form: lab-app"), "{refused}");
    machine.write("/etc/other.list", "");
    settle(&machine, &app("action: lock"));
    assert_eq!(machine.read("/etc/other.list").lines().last(), Some("lab-app-0:2.0-1.*"));
    settle(&machine, &app("action: [unlock, remove]"));
    Ok(())
}

#[test]
fn a_stream_of_a_module_decides_which_version_comes() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        let module = |name: &str, rest: &str| format!("- {{type: dnf_module, name: 'lab-web{name}'{rest}}}\n");
        let package = "- {type: package, name: lab-web}\n";
        let version = || machine.sh("rpm -q --qf '%{VERSION}' lab-web").stdout;
        let enabled =
            || machine.sh("dnf -q module list --enabled lab-web | sed -n 's/^lab-web \\([0-9]*\\) .*/\\1/p'").stdout;

        let both = format!("{}{package}", module(":1", ""));
        let plan = lab::plan(&machine, &both);
        assert!(plan.stdout.contains("dnf -y module enable lab-web:1"), "{plan}");
        assert_eq!(enabled(), "", "a plan changes nothing");
        // The package comes from the stream that the same run has enabled.
        settle(&machine, &both);
        assert_eq!((enabled().as_str(), version().as_str()), ("1\n", "1.0"));

        // Another stream only when that is said; the plan says how.
        let refused = converge(&machine, &module(":2", "")).exits(1);
        assert!(refused.stderr.contains("has the stream `1` enabled"), "{refused}");
        let switch = module(":2", ", allow_stream_switch: true");
        let plan = lab::plan(&machine, &switch);
        for words in ["dnf -y module reset lab-web", "dnf -y module enable lab-web:2"] {
            assert!(plan.stdout.contains(words), "{plan}");
        }
        settle(&machine, &switch);
        assert_eq!((enabled().as_str(), version().as_str()), ("2\n", "1.0"));
        settle(&machine, "- {type: package, name: lab-web, action: upgrade}\n");
        assert_eq!(version(), "2.0");

        // Somebody resets it.
        machine.run(["dnf", "-q", "-y", "module", "reset", "lab-web"]).success();
        settle(&machine, &module("", ", stream: '2'"));
        let found = machine.run(["brasa", "resource", "dnf_module"]).success().stdout;
        assert!(found.contains("lab-web:2"), "{found}");
        settle(&machine, &module("", ", action: disable"));
        assert_eq!(enabled(), "");
        settle(&machine, &module("", ", action: reset"));

        for (name, words) in [(":3", "it has `1`, `2`"), ("-no:1", "module `lab-web-no` does not exist")] {
            let refused = converge(&machine, &module(name, "")).exits(1);
            assert!(refused.stderr.contains(words), "{refused}");
        }
    }
    Ok(())
}

const SLOW: &str = "- {type: package, name: lab-slow}\n- {type: package, name: lab-small-01}\n";

#[test]
fn a_lock_of_dnf_is_waited_for_and_its_holder_named() -> Result<()> {
    let machine = el9()?;
    let small = |rest: &str| format!("- {{type: package, name: lab-small-02{rest}}}\n");
    let other = machine.spawn(["dnf", "-y", "install", "lab-slow"]);
    // It stands still in the script of the package for as long as it takes to look.
    machine.until("pkill -STOP -x sleep");
    let refused = converge(&machine, &small(", timeout: 10")).exits(1);
    assert!(refused.stderr.contains("lock `/var/lib/rpm/.rpm.lock` is held by dnf (process "), "{refused}");
    machine.run(["pkill", "-CONT", "-x", "sleep"]).success();
    // In time, it is waited for.
    settle(&machine, &small(""));
    other.wait().success();
    machine.run(["rpm", "-q", "lab-slow", "lab-small-02"]).success();
    Ok(())
}

#[test]
fn a_dnf_that_is_killed_leaves_what_the_next_run_finishes() -> Result<()> {
    // Only the package manager is killed, then the run too.
    for (killed, ends) in
        [("dnf sleep", "`dnf` did not come to its end"), ("brasa dnf sleep", "the last run did not end")]
    {
        let machine = el9()?;
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{SLOW}"));
        let run = machine.spawn(["brasa", "converge"]);
        machine.until("pkill -STOP -x sleep");
        machine.sh(&format!("for name in {killed}; do pkill -9 -x $name; done; sleep 0.2; true")).success();
        let first = run.wait();
        // The lock of who is gone, and a history without an end, are in nobody's way.
        assert!(machine.run(["dnf", "history", "info", "last"]).success().stdout.contains("Failure"));
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{SLOW}"));
        let next = machine.run(["brasa", "converge"]).success();
        assert!(format!("{first}{next}").contains(ends), "{first}{next}");
        machine.run(["rpm", "-q", "lab-slow", "lab-small-01"]).success();
        machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    }
    Ok(())
}

#[test]
fn a_foreign_key_installs_nothing_and_is_named() -> Result<()> {
    for (base, words) in [
        (EL9, "repomd.xml GPG signature verification error: Bad GPG signature"),
        (FEDORA, "\"lab-rpm\": repomd.xml GPG signature verification error: Signing key not found"),
    ] {
        let machine = site(Container::of(lab::root(base)?).repository(&lab::rpm_repo()?))?;
        let key = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/src/resources/openpgp-key.asc"));
        machine.write("/root/wrong.asc", key.expect("a key of nobody here"));
        let uses = "/etc/yum.repos.d/lab-rpm.repo";
        machine
            .sh(&format!("cp {uses} /root/right && sed -i 's|^gpgkey.*|gpgkey=file:///root/wrong.asc|' {uses}"))
            .success();
        let doc = "- {type: package, name: lab-doc}\n";
        for _ in 0..2 {
            let failed = converge(&machine, doc).exits(1);
            assert!(failed.stderr.contains(words), "{failed}");
            assert_ne!(machine.run(["rpm", "-q", "lab-doc"]).code, 0, "nothing was installed");
        }
        machine.sh(&format!("cp /root/right {uses}")).success();
        settle(&machine, doc);
    }
    Ok(())
}

#[test]
fn a_key_that_has_expired_installs_nothing() -> Result<()> {
    // dnf 4 does not say what is wrong with a signature.
    for (base, words) in [
        (EL9, "Bad GPG signature"),
        (
            FEDORA,
            "\"lab-expired-rpm\": repomd.xml GPG signature verification error: Bad PGP signature: key has expired",
        ),
    ] {
        let machine = site(Container::of(lab::root(base)?).repository(&lab::expired_rpm_repo()?))?;
        let failed = converge(&machine, "- {type: package, name: lab-doc}\n").exits(1);
        assert!(failed.stderr.contains(words), "{failed}");
        assert_ne!(machine.run(["rpm", "-q", "lab-doc"]).code, 0, "nothing was installed");
    }
    Ok(())
}

#[test]
fn a_name_that_no_repository_has_is_told_before_the_first_change() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        // The file of the repository is as new as its lists, which is where their age tells nothing.
        machine.sh("touch /etc/yum.repos.d/*").success();
        let file = "- {type: file, name: /etc/first, content: x}\n";
        let unknown = format!("{file}- {{type: package, name: LAB-APP}}\n");
        for command in ["plan", "converge"] {
            machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{unknown}"));
            let refused = machine.run(["brasa", command]).exits(1);
            assert!(refused.stderr.contains("package `LAB-APP` does not exist: no enabled repository"), "{refused}");
            assert!(!machine.exists("/etc/first"), "nothing was changed: {refused}");
        }
        // A repository that cannot be read may have it.
        machine
            .write("/etc/yum.repos.d/gone.repo", "[gone]\nname=gone\nbaseurl=file:///nowhere\nskip_if_unavailable=1\n");
        let plan = lab::plan(&machine, &unknown);
        assert!(plan.stdout.contains("+ LAB-APP (newest)"), "{plan}");
        machine.sh("rm /etc/yum.repos.d/gone.repo").success();
        // And so may one that is to come.
        let source = "- {type: file, name: /etc/yum.repos.d/new.repo, content: \"[new]\\nbaseurl=file:///new\\n\"}\n";
        let plan = lab::plan(&machine, &format!("{source}- {{type: package, name: LAB-APP}}\n"));
        assert!(plan.stdout.contains("because `/etc/yum.repos.d/new.repo` is to be written first"), "{plan}");
    }
    Ok(())
}

#[test]
fn of_several_providers_the_one_that_dnf_takes_counts() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        let package = "- {type: package, name: lab-virtual}\n";
        let plan = lab::plan(&machine, package);
        let providers = ["lab-app", "lab-other"];
        let planned = providers.map(|name| plan.stdout.contains(&format!("+ {name} ")));
        assert!(planned[0] != planned[1], "one of them comes: {plan}");
        settle(&machine, package);
        let there = providers.map(|name| machine.run(["rpm", "-q", name]).code == 0);
        assert_eq!(there, planned, "the one that was planned is there, on {}: {plan}", base.name);
    }
    Ok(())
}

#[test]
fn a_capability_of_a_version_is_compared_by_it() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        let package = |bound: &str| format!("- {{type: package, name: 'lab-lib {bound}'}}\n");
        settle(&machine, &package(">= 1.0"));
        assert_eq!(machine.sh("rpm -q --qf '%{VERSION}' lab-lib").stdout, "1.1");
        for bound in ["= 1.1", "> 1.0", "< 2", "<= 1.1-1"] {
            converge(&machine, &package(bound)).success();
        }
        assert!(converge(&machine, &package("> 2")).exits(1).stderr.contains("lab-lib > 2"));
    }
    Ok(())
}

#[test]
fn what_is_newer_than_all_on_offer_stays() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        let upgrade = |rest: &str| format!("- {{type: package, name: lab-app.noarch, action: upgrade{rest}}}\n");
        let version = || machine.sh("rpm -q --qf '%{VERSION}' lab-app").stdout;
        settle(&machine, "- {type: package, name: lab-app.noarch, version: '1.0'}\n");
        let plan = lab::plan(&machine, &upgrade(""));
        assert!(plan.stdout.contains("lab-app.noarch 1.0-1 -> 2.0-1"), "{plan}");
        settle(&machine, &upgrade(""));
        assert_eq!(version(), "2.0");
        // The repository has that no more.
        machine.sh("echo 'excludepkgs=lab-app-2.0*' >>/etc/yum.repos.d/lab-rpm.repo").success();
        converge(&machine, &upgrade("")).success();
        assert_eq!(version(), "2.0", "on {}", base.name);
        settle(&machine, &upgrade(", allow_downgrade: true"));
        assert_eq!(version(), "1.1", "on {}", base.name);
    }
    Ok(())
}

#[test]
fn packages_of_one_name_are_told_apart() -> Result<()> {
    let at = lab::rpm_repo()?.mount_point();
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        let package = |name: &str, rest: &str| format!("- {{type: package, name: {name}{rest}}}\n");
        let there = |name: &str| {
            let told = machine.sh(&format!("rpm -qa --qf '%{{VERSION}}.%{{ARCH}}\\n' {name} | sort")).success().stdout;
            told.lines().collect::<Vec<_>>().join(" ")
        };
        let undo = || machine.run(["brasa", "undo", "last"]).success();
        let multi = || there("lab-multi");
        let (one, both) = ("1.0.x86_64", "1.0.i686 1.0.x86_64");
        settle(&machine, &package("lab-multi.x86_64", ""));
        let plan = lab::plan(&machine, &package("lab-multi.i686", ""));
        assert!(plan.stdout.contains("+ lab-multi.i686 1.0-1"), "{plan}");
        let told = settle(&machine, &package("lab-multi.i686", ""));
        assert!(told.stdout.contains("1 package change:"), "{told}");
        assert_eq!(multi(), both);
        undo();
        assert_eq!(multi(), one, "on {}", base.name);
        // In a file, it is the same package.
        let file = format!("- {{type: package, name: lab-multi, source: '{at}/lab-multi-1.0-1.i686.rpm'}}\n");
        settle(&machine, &file);
        assert_eq!(multi(), both);
        settle(&machine, &package("lab-multi.i686", ", action: remove"));
        assert_eq!(multi(), one);
        undo();
        assert_eq!(multi(), both, "on {}", base.name);
        settle(&machine, &package("lab-multi", ", action: remove"));
        assert_eq!(multi(), "");
        undo();
        assert_eq!(multi(), both, "on {}", base.name);

        let kernel = || there("lab-kernel");
        settle(&machine, &package("lab-kernel", ", version: '1.0'"));
        settle(&machine, &package("lab-kernel", ", action: upgrade"));
        assert_eq!(kernel(), "1.0.noarch 2.0.noarch");
        undo();
        assert_eq!(kernel(), "1.0.noarch", "on {}", base.name);
    }
    Ok(())
}

/// Stands in for a program and notes that it was called.
const COUNTED: &str = "#!/bin/sh\necho \"${0##*/} $1 $2\" >>/run/calls\nexec \"$0.real\" \"$@\"\n";

#[test]
fn one_query_tells_that_there_is_nothing_to_do() -> Result<()> {
    for base in [EL9, FEDORA] {
        let machine = of(base)?;
        let names =
            (1..=10).map(|number| format!("lab-small-{number:02}")).chain(["lab-app".into(), "lab-epoch".into()]);
        let packages: String = names.map(|name| format!("- {{type: package, name: {name}}}\n")).collect();
        settle(&machine, &packages);
        for program in ["rpm", "dnf"] {
            machine.sh(&format!("mv /usr/bin/{program} /usr/bin/{program}.real")).success();
            machine.write(&format!("/usr/bin/{program}"), COUNTED);
        }
        machine.sh("chmod 755 /usr/bin/rpm /usr/bin/dnf").success();
        converge(&machine, &packages).success();
        assert_eq!(machine.read("/run/calls"), "rpm -q -a\n", "twelve packages, on {}", base.name);
        // What is no package's own name is asked about by itself.
        converge(&machine, "- {type: package, name: /etc/lab-app.conf}\n- {type: package, name: lab-app}\n").success();
        assert_eq!(machine.read("/run/calls"), "rpm -q -a\nrpm -q -a\nrpm -q --whatprovides\n", "on {}", base.name);
    }
    Ok(())
}
