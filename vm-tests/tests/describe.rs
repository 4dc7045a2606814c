//! A whole machine described by `brasa resource`, and converged by its own description.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, ContainerOptions, EL9, Result, SYSTEM};

const KINDS: [&str; 8] = ["package", "group", "user", "service", "hostname", "timezone", "mount", "alternatives"];

/// A machine whose recipe is what it is, as it says of these kinds.
fn described(options: ContainerOptions, before: &str, kinds: &[&str]) -> Result<(Container, String)> {
    let machine = options.brasa(lab::binary()?).start()?;
    machine.sh(before).success();
    machine.write("/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write("/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
    let mut recipe = "resources:\n".to_owned();
    for kind in kinds {
        let said = machine.run(["brasa", "resource", kind]).success().stdout;
        let entries = said.strip_prefix("resources:\n").expect("it is a recipe").to_owned();
        assert!(entries.contains(&format!("  - type: {kind}\n")), "{kind}: {entries}");
        recipe += &entries;
    }
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", &recipe);
    let planned = machine.run(["brasa", "plan", "--detailed-exitcode"]).success();
    assert!(planned.stdout.starts_with("plan: 0 to add, 0 to change, 0 to remove; "), "{planned}");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    Ok((machine, recipe))
}

#[test]
fn debian_is_converged_by_its_own_description() -> Result<()> {
    let before = "useradd -m -s /bin/bash deploy && mkdir -p /srv/scratch && echo 'tmpfs /srv/scratch tmpfs size=1m,mode=0755 0 0' >> /etc/fstab && mount /srv/scratch && systemctl mask --now apt-daily.timer && systemctl disable --now cron";
    let (machine, recipe) = described(Container::of(lab::root(SYSTEM)?), before, &KINDS)?;
    assert!(recipe.contains("    name: cron\n    action: [disable, stop]\n"), "{recipe}");
    let scratch = "    name: /srv/scratch\n    action: [enable, mount]\n    device: tmpfs\n    fstype: tmpfs\n";
    assert!(recipe.contains(scratch), "{recipe}");
    let pager = machine.run(["brasa", "resource", "alternatives", "pager"]).success().stdout;
    assert!(pager.contains("    action: [install, auto]\n    path: /bin/more\n    link: /usr/bin/pager\n"), "{pager}");
    // It brings back what is taken away.
    machine.sh("umount /srv/scratch && userdel deploy && systemctl enable --now cron").success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    let cron = machine.run(["brasa", "resource", "service", "cron", "--as", "rust"]).success().stdout;
    assert_eq!(cron, "r.add(Service::named(\"cron\").action([service::Disable, service::Stop]));\n");
    machine.run(["id", "-u", "deploy"]).success();
    machine.run(["mountpoint", "/srv/scratch"]).success();
    Ok(())
}

#[test]
fn enterprise_linux_is_described_by_its_own_package_manager() -> Result<()> {
    let repository = lab::rpm_repo()?;
    let options = Container::of(lab::root(EL9)?).repository(&repository);
    let (_, recipe) = described(options, "dnf -y -q install lab-app", &["package"])?;
    assert!(recipe.contains("\n  - type: package\n    name: lab-app\n    action: install\n    version: "), "{recipe}");
    // Debian's packages, of which this laboratory is built, are none of dnf's.
    assert!(!recipe.contains("name: dpkg\n"), "{recipe}");
    Ok(())
}
