//! Kinds that concern package managers, with real apt and dnf on signed repositories.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, Result, converge, settle, site};

/// A container that sees a repository and has no source that can be reached.
fn without_sources(root: lab::Artefact, repository: &lab::Repository) -> Result<Container> {
    let machine = site(Container::of(root).bind(repository.artefact().path(), &repository.mount_point()))?;
    machine
        .sh("rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin")
        .success();
    Ok(machine)
}

#[test]
fn apt_uses_a_repository_that_a_recipe_adds() -> Result<()> {
    let repository = lab::deb_repo()?;
    let machine = without_sources(lab::root(lab::DEBIAN)?, &repository)?;
    let at = repository.mount_point();
    let source =
        |rest: &str| format!("- {{type: apt_repository, name: lab, uri: 'file:{at}', distribution: ./, {rest}}}\n");
    let good = source(&format!("key: 'file://{at}/key.asc'"));
    let app = "- {type: package, name: lab-app}\n";

    // A machine without `/etc/apt/keyrings`, as Debian 11, and with what Chef has left.
    machine.sh("rm -rf /etc/apt/keyrings").success();
    machine.write("/etc/apt/sources.list.d/lab.list", format!("deb [trusted=yes] file:{at} ./\n"));
    // A plan knows neither versions nor dependencies yet, and says so; it changes nothing.
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{good}{app}"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(plan.stdout.contains("the package lists are to be refreshed first"), "{plan}");
    assert!(machine.exists("/etc/apt/sources.list.d/lab.list") && !machine.exists("/etc/apt/keyrings"));
    settle(&machine, &format!("{good}{app}"));
    let version = || machine.sh("dpkg-query -W -f '${Version}' lab-app").success().stdout;
    assert_eq!(version(), "2.0");
    assert_eq!(machine.sh("ls /etc/apt/sources.list.d").success().stdout, "lab.sources\n");
    let stat = machine.sh("stat -c '%a %U %G' /etc/apt/keyrings /etc/apt/keyrings/lab.asc").success().stdout;
    assert_eq!(stat, "755 root root\n644 root root\n");
    machine.run(["apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update"]).success();

    // In whatever order with `apt_update`, also beside a pin: a second run finds nothing to do, and the plan knew.
    let (update, pin) = (
        "- {type: apt_update, name: lists, action: periodic, frequency: 3600}\n",
        "- {type: apt_preference, name: lab-doc, pin: version 1.0, pin_priority: '900'}\n",
    );
    machine.sh(&format!("ln -s {at} /srv/base")).success();
    for order in [format!("{update}{good}{pin}"), format!("{good}{pin}{update}")] {
        machine.sh("rm -rf /etc/apt/sources.list.d/* /etc/apt/keyrings /etc/apt/preferences.d/*").success();
        machine.write("/etc/apt/sources.list.d/base.list", "deb [trusted=yes] file:/srv/base ./\n");
        settle(&machine, &order);
    }
    machine.sh("rm /etc/apt/sources.list.d/base.list").success();

    // Lists that are gone are fetched again, and so are those of a source that somebody changed.
    for drift in ["rm -rf /var/lib/apt/lists/*", "echo X: y >>/etc/apt/sources.list.d/lab.sources"] {
        machine.sh(drift).success();
        settle(&machine, &good);
        assert!(machine.sh("apt-cache policy lab-app").success().stdout.contains(&format!("file:{at}")));
    }

    // apt does not accept the key: the run fails with apt's words, and so does the next one.
    let key = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/src/resources/openpgp-key.asc"));
    machine.write("/root/wrong.asc", key.expect("a key of nobody here"));
    let wrong = source("key: 'file:///root/wrong.asc'");
    for _ in 0..2 {
        let failed = converge(&machine, &wrong).exits(1);
        assert!(failed.stderr.contains("apt cannot use the source `/etc/apt/sources.list.d/lab.sources`"), "{failed}");
        assert!(failed.stderr.contains("NO_PUBKEY") || failed.stderr.contains("not signed"), "{failed}");
    }
    settle(&machine, &good);

    // A place where nothing is, and a source that contradicts another one.
    let nowhere = source("key: 'file:///root/wrong.asc'").replace(&at, "/srv/nowhere");
    let failed = converge(&machine, &nowhere).exits(1);
    assert!(failed.stderr.contains("/srv/nowhere"), "{failed}");
    settle(&machine, &good);
    let twice = source(&format!("key: {at}/key.asc")).replace("name: lab", "name: twice");
    let failed = converge(&machine, &twice).exits(1);
    assert!(failed.stderr.contains("Conflicting values set for option"), "{failed}");
    settle(&machine, &twice.replace('}', ", action: remove}"));

    // Without a signature that apt knows, when that is said. (It never goes from a signed source to an unsigned one.)
    machine.sh("rm -rf /var/lib/apt/lists/*").success();
    settle(&machine, &source("trusted: true"));

    // Removal, and undo.
    settle(&machine, &source("action: remove"));
    assert_eq!(machine.sh("ls /etc/apt/sources.list.d /etc/apt/keyrings").success().stdout.matches("lab").count(), 0);
    assert!(!machine.sh("apt-cache policy lab-app").success().stdout.contains(&format!("file:{at}")));
    converge(&machine, &good).exits(2);
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!machine.exists("/etc/apt/sources.list.d/lab.sources") && !machine.exists("/etc/apt/keyrings/lab.asc"));
    Ok(())
}

#[test]
fn dnf_uses_a_repository_that_a_recipe_adds() -> Result<()> {
    uses_a_repository(lab::EL9, "Failed to download metadata for repo 'lab'")
}

#[test]
fn dnf5_uses_a_repository_that_a_recipe_adds() -> Result<()> {
    uses_a_repository(lab::FEDORA, "Failed to download metadata")
}

/// `fails` is what dnf says of a repository that is not there.
fn uses_a_repository(base: lab::Base, fails: &str) -> Result<()> {
    let repository = lab::rpm_repo()?;
    let root = Container::of(lab::root(base)?).bind(repository.artefact().path(), &repository.mount_point());
    let machine = site(root)?;
    let at = repository.mount_point();
    let source = |rest: &str| format!("- {{type: yum_repository, name: lab, baseurl: 'file://{at}', {rest}}}\n");
    let good = source(&format!("gpgkey: 'file://{at}/key.asc', repo_gpgcheck: true"));
    settle(&machine, &format!("{good}- {{type: package, name: lab-app}}\n"));
    assert!(machine.run(["rpm", "-q", "lab-app"]).success().stdout.starts_with("lab-app-2.0-1"));
    assert_eq!(machine.sh("stat -c '%a %U %G' /etc/yum.repos.d/lab.repo").success().stdout, "644 root root\n");
    let drift = "echo enabled=0 >>/etc/yum.repos.d/lab.repo";
    machine.sh(drift).success();
    settle(&machine, &good);
    assert!(machine.run(["dnf", "-q", "repolist", "--enabled"]).success().stdout.contains("lab"));

    // Where nothing is, the run fails with dnf's words, and so does the next one.
    let nowhere = good.replace(&format!("baseurl: 'file://{at}'"), "baseurl: 'file:///srv/nowhere'");
    for _ in 0..2 {
        let failed = converge(&machine, &nowhere).exits(1);
        assert!(failed.stderr.contains("`dnf makecache` failed: ") && failed.stderr.contains(fails), "{failed}");
    }
    // One that says itself that this is no fault is asked again by the next run.
    let passed_over = nowhere.replace("gpgkey", "skip_if_unavailable: true, gpgkey");
    for _ in 0..2 {
        let told = converge(&machine, &passed_over).exits(2);
        assert!(told.stderr.contains("goes on without the repository `lab`, which cannot be read: "), "{told}");
    }
    settle(&machine, &good);

    // A password is in the file, which root alone may read, and nowhere else.
    let secret = source("username: me, password: s3cret-word, enabled: false");
    let told = settle(&machine, &secret);
    assert!(!format!("{told}").contains("s3cret-word"), "{told}");
    assert_eq!(machine.sh("stat -c %a /etc/yum.repos.d/lab.repo").success().stdout, "600\n");
    assert_eq!(machine.sh("grep -rl s3cret-word /var/log /var/lib/brasa; true").success().stdout, "");
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.read("/etc/yum.repos.d/lab.repo").contains("repo_gpgcheck=1"));
    assert_eq!(converge(&machine, &source("action: makecache")).code, 2);
    settle(&machine, &source("action: remove"));
    assert!(!machine.exists("/etc/yum.repos.d/lab.repo"));
    Ok(())
}
