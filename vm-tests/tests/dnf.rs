//! What is dnf 4's own, on the root that looks like Enterprise Linux 9.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, EL9, Result, converge, settle, site};

fn el9() -> Result<Container> {
    let machine = site(Container::of(lab::root(EL9)?).repository(&lab::rpm_repo()?))?;
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
