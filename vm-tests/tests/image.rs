//! A system in a directory, converged from outside: an image build. Nothing of the machine around it leaks in or out.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, EL9, FEDORA, MANAGERS, Result, SYSTEM};

const RECIPE: &str = "resources:
  - {type: package, name: lab, package_name: [lab-app, lab-daemon]}
  - {type: group, name: crew, gid: 4200}
  - {type: user, name: ana, uid: 4201, gid: crew, groups: [adm]}
  - {type: file, name: /etc/motd, content: \"welcome\\n\", owner: ana, group: crew}
  - {type: systemd_unit, name: bell.service, action: [create, enable], content: \"[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n\"}
  - {type: service, name: lab-app, action: enable}
  - {type: user, name: bob, uid: 4202, manage_home: true}
  - {type: systemd_unit, name: web.service, user: bob, action: [create, enable], content: \"[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=default.target\\n\"}
  - {type: sysctl, name: vm.swappiness, value: 7}
  - {type: kernel_module, name: loop, options: [max_loop=4]}
  - {type: cron_d, name: night, minute: 0, hour: 3, command: /bin/true}
";

/// What of the machine around the image must not change.
const AROUND: &str = "cat /etc/passwd /etc/group /etc/shadow /proc/sys/vm/swappiness /var/lib/dpkg/status /var/lib/apt/extended_states; \
                      ls -R /etc/systemd /etc/sysctl.d /etc/modprobe.d /etc/cron.d; systemctl list-units --no-legend 'lab*' 'bell*'";

#[test]
fn an_image_is_converged_from_outside() -> Result<()> {
    let machine = Container::of(lab::root(SYSTEM)?).repository(&lab::deb_repo()?).brasa(lab::binary()?).start()?;
    // The image is a copy of the machine's own files, with the kernel's file systems of the machine around it.
    machine
        .sh("mkdir /image && cp -a /bin /sbin /lib /lib64 /usr /etc /var /image 2>/dev/null; \
             rm /image/sbin/runlevel && printf '#!/bin/sh\necho N 2\n' >/image/sbin/runlevel && chmod 755 /image/sbin/runlevel && \
             cd /image && mkdir -p tmp run root home proc sys dev srv && chmod 1777 /image/tmp && \
             mount --rbind /proc /image/proc && mount --bind /dev /image/dev && \
             for path in $(grep -rhoE '(file|copy):[^ ]+' /etc/apt/sources.list* | cut -d: -f2); do \
                 mkdir -p /image$path && mount --bind $path /image$path; done")
        .success();
    machine.write("/image/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/image/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write("/image/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
    machine.write("/image/etc/brasa/cookbooks/site/recipes/default.yml", RECIPE);
    let around = || machine.sh(AROUND).success().stdout;
    let before = around();

    machine
        .sh("echo inner >/image/etc/hostname; printf '127.0.1.1\\tinner.example.com inner\\n' >>/image/etc/hosts")
        .success();
    let facts = machine.run(["brasa", "--root", "/image", "facts", "hostname", "fqdn", "ipaddress"]).stdout;
    assert!(facts.contains("inner.example.com") && !facts.contains("127."), "{facts}");
    let outside = machine.run(["brasa", "facts", "hostname"]).success().stdout;
    assert!(!outside.contains("inner"), "{outside}");
    // Without what the kernel gives, the image's programs would fail for reasons that they do not know.
    machine.sh("umount -l /image/dev").success();
    let bare = machine.run(["brasa", "--root", "/image", "converge"]).exits(1);
    assert!(bare.stderr.contains("there is no `/dev/null` in the other root"), "{bare}");
    machine.sh("mount --bind /dev /image/dev").success();

    machine.run(["brasa", "--root", "/image", "plan", "--detailed-exitcode"]).exits(2);
    assert_ne!(machine.run(["test", "-e", "/image/etc/bell.conf"]).code, 0);
    machine.run(["brasa", "--root", "/image", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "--root", "/image", "converge", "--detailed-exitcode"]).success();
    assert_eq!(around(), before, "nothing leaks out");

    assert!(machine.read("/image/etc/passwd").contains("\nana:x:4201:4200:"));
    assert!(machine.read("/image/etc/group").contains("\nadm:x:4:ana\n"));
    assert_eq!(machine.run(["stat", "-c", "%u:%g", "/image/etc/motd"]).success().stdout, "4201:4200\n");
    for unit in ["bell", "lab-app"] {
        let link = format!("/image/etc/systemd/system/multi-user.target.wants/{unit}.service");
        machine.run(["test", "-L", &link]).success();
    }
    machine.run(["chroot", "/image", "dpkg-query", "-W", "lab-app", "lab-daemon"]).success();
    // What came along in there is marked in there, once it is named.
    let marks = || machine.run(["chroot", "/image", "apt-mark", "showauto", "lab-lib"]).success().stdout;
    assert_eq!(marks(), "lab-lib\n");
    let named = format!("{RECIPE}  - {{type: package, name: lab-lib}}\n");
    machine.write("/image/etc/brasa/cookbooks/site/recipes/default.yml", named);
    machine.run(["brasa", "--root", "/image", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "--root", "/image", "converge", "--detailed-exitcode"]).success();
    assert_eq!(marks(), "");
    machine.run(["brasa", "--root", "/image", "undo", "last"]).success();
    assert_eq!(marks(), "lab-lib\n");
    // A script that its package starts wherever it may is not started in an image.
    machine.run(["test", "!", "-e", "/image/var/lab-daemon.log"]).success();
    machine.run(["test", "!", "-e", "/image/usr/sbin/policy-rc.d"]).success();
    machine.run(["chroot", "/image", "invoke-rc.d", "lab-daemon", "start"]).success();
    assert_eq!(machine.read("/image/var/lab-daemon.log"), "start\n", "and would have been");
    let own = "/image/home/bob/.config/systemd/user/default.target.wants/web.service";
    assert_eq!(machine.run(["stat", "-c", "%u", own]).success().stdout, "4202\n");
    assert!(machine.read("/image/etc/sysctl.d/99-chef-vm.swappiness.conf").ends_with("\nvm.swappiness = 7\n"));
    assert!(machine.read("/image/etc/modules-load.d/loop.conf").ends_with("\nloop\n"));

    // What needs a system that runs is refused, and says so.
    let start = RECIPE.replace("name: lab-app, action: enable", "name: lab-app, action: start");
    machine.write("/image/etc/brasa/cookbooks/site/recipes/default.yml", start);
    let refused = machine.run(["brasa", "--root", "/image", "converge"]).exits(1);
    assert!(
        refused.stderr.contains("unit `lab-app` cannot be started: systemd is installed but not running"),
        "{refused}"
    );
    assert!(refused.stderr.contains("nothing was changed"), "{refused}");
    let mount =
        RECIPE.to_owned() + "  - {type: mount, name: /srv, device: tmpfs, fstype: tmpfs, action: [enable, mount]}\n";
    machine.write("/image/etc/brasa/cookbooks/site/recipes/default.yml", mount);
    let refused = machine.run(["brasa", "--root", "/image", "converge"]).exits(1);
    assert!(refused.stderr.contains("`enable` and `disable` do without it"), "{refused}");
    assert!(!machine.read("/proc/self/mountinfo").contains(" /image/srv "), "it is mounted outside");
    assert_eq!(around(), before, "nothing leaks out");
    Ok(())
}

/// A copy of the machine's own files below `/image`, with the kernel's file systems and a cookbook of the image's own.
fn image(machine: &Container, resources: &str) {
    machine
        .sh("mkdir /image && cp -a /bin /sbin /lib /lib64 /usr /etc /var /image 2>/dev/null; \
             cd /image && mkdir -p tmp run root home proc sys dev srv && chmod 1777 tmp && \
             mount --rbind /proc proc && mount --bind /dev dev")
        .success();
    machine.write("/image/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/image/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write("/image/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
    declare(machine, resources);
}

fn declare(machine: &Container, resources: &str) {
    machine.write("/image/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
}

fn brasa(machine: &Container, words: &[&str]) -> lab::Output {
    machine.run([&["brasa", "--root", "/image"], words].concat())
}

fn inside(machine: &Container, command: &str) -> lab::Output {
    machine.run(["chroot", "/image", "sh", "-c", command])
}

/// A package comes, is taken away by somebody, comes again, and is taken back; around the image all stays as it is.
fn packages_of_an_image(machine: &Container, asks: &str, takes_away: &str, around: &str) {
    let around = || machine.sh(around).success().stdout;
    let before = around();
    assert_ne!(inside(machine, asks).code, 0);
    assert!(brasa(machine, &["plan"]).success().stdout.contains("package[lab-app] install"));
    assert_ne!(inside(machine, asks).code, 0, "a plan does nothing");
    brasa(machine, &["converge", "--detailed-exitcode"]).exits(2);
    brasa(machine, &["converge", "--detailed-exitcode"]).success();
    inside(machine, asks).success();
    inside(machine, takes_away).success();
    brasa(machine, &["converge", "--detailed-exitcode"]).exits(2);
    inside(machine, asks).success();
    brasa(machine, &["undo", "last"]).success();
    assert_ne!(inside(machine, asks).code, 0);
    brasa(machine, &["undo", "last"]).success();
    inside(machine, asks).success();
    assert_eq!(around(), before, "nothing leaks out");
}

/// What of a machine with dnf must not change.
const AROUND_DNF: &str = "set -e; cat /etc/passwd /etc/group /etc/shadow; rpm -qa | sort; ls -R /etc/systemd /etc/dnf; \
                          find /var/lib -path '*/dnf*' -o -path '*/brasa*'";

fn with_dnf(base: Base, lock: &str) -> Result<()> {
    let machine = Container::of(lab::root(base)?).repository(&lab::rpm_repo()?).brasa(lab::binary()?).start()?;
    image(
        &machine,
        "  - {type: package, name: lab-app, version: '1.1', action: [install, lock]}
  - {type: user, name: ana, uid: 4201}
  - {type: service, name: lab-app, action: enable}
",
    );
    machine
        .sh("for path in $(grep -rhoE '^baseurl=file://[^ ]+' /etc/yum.repos.d | sed 's|.*file://||'); do \
                 mkdir -p /image$path && mount --bind $path /image$path; done")
        .success();
    let plan = brasa(&machine, &["plan"]).success();
    let why = "because there are no package lists yet: dependencies and versions are not known";
    assert!(plan.stdout.contains(why), "{plan}");
    packages_of_an_image(&machine, "rpm -q lab-app lab-lib", "rpm -e --noplugins lab-app", AROUND_DNF);
    assert!(inside(&machine, "rpm -q lab-app").success().stdout.starts_with("lab-app-1.1-1"));
    assert!(machine.read(&format!("/image/etc/dnf/{lock}")).contains("lab-app"));
    machine.run(["test", "-L", "/image/etc/systemd/system/multi-user.target.wants/lab-app.service"]).success();
    Ok(())
}

#[test]
fn an_image_of_enterprise_linux_is_converged_from_outside() -> Result<()> {
    with_dnf(EL9, "plugins/versionlock.list")
}

#[test]
fn an_image_of_fedora_is_converged_from_outside() -> Result<()> {
    with_dnf(FEDORA, "versionlock.toml")
}

/// What of a machine of Debian must not change, whose image is of another distribution.
const AROUND_OTHERS: &str = "cat /etc/os-release; sha256sum /var/lib/dpkg/status; rpm -qa 2>&1 | sort; pacman -Q 2>&1; \
                             find /etc/zypp /etc/pacman* /var/lib/pacman /var/cache/zypp /var/lib/rpm /var/cache/pacman 2>&1; true";

const APP: &str = "  - {type: package, name: lab-app}\n";

#[test]
fn an_image_of_opensuse_is_converged_from_outside() -> Result<()> {
    let repository = lab::rpm_repo()?;
    let at = repository.mount_point();
    let options = Container::of(lab::root(MANAGERS)?).bind(repository.artefact().path(), &at);
    let machine = options.brasa(lab::binary()?).start()?;
    image(&machine, APP);
    machine.sh(&format!("mkdir -p /image{at} && mount --bind {at} /image{at}")).success();
    inside(&machine, "rm -f /etc/os-release; printf 'ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n' >/etc/os-release")
        .success();
    inside(&machine, "mkdir -p /etc/rpm /etc/zypp/repos.d; echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros").success();
    inside(&machine, &format!("rpm --import {at}/key.asc && rpm -U {at}/lab-base-9-1.noarch.rpm")).success();
    machine.write(
        "/image/etc/zypp/repos.d/lab.repo",
        format!(
            "[lab]\nname=lab\nbaseurl=file://{at}\nenabled=1\nautorefresh=0\ngpgcheck=1\ngpgkey=file://{at}/key.asc\n"
        ),
    );
    packages_of_an_image(&machine, "rpm -q lab-app lab-lib", "rpm -e lab-app", AROUND_OTHERS);
    Ok(())
}

#[test]
fn an_image_of_arch_is_converged_from_outside() -> Result<()> {
    let machine = Container::of(lab::root(MANAGERS)?).brasa(lab::binary()?).start()?;
    image(&machine, APP);
    inside(&machine, "rm -f /etc/os-release; echo ID=arch >/etc/os-release").success();
    inside(&machine, &lab::PACMAN.replace("$1 depend", "2.0-1 depend")).success();
    machine.write(
        "/image/etc/pacman.conf",
        "[options]\nArchitecture = auto\nSigLevel = Never\n[lab]\nServer = file:///srv/repo\n",
    );
    packages_of_an_image(&machine, "pacman -Q lab-app lab-lib", "pacman -R --noconfirm lab-app", AROUND_OTHERS);
    Ok(())
}
