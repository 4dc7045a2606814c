//! Kinds that make a machine what it is: its name, zone, language, mounts, alternatives and keys, with the real programs
//! that read what they write.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, EL9, Result, converge, last_run, settle, site};

/// Debian with what reads the files of these kinds.
const BASE: Base = Base {
    name: "debian-base",
    suite: "bookworm",
    packages: &["locales", "openssh-server", "openssh-client"],
    el: false,
};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(BASE)?))
}

/// Converges a directory as the system in it, as an image.
fn settle_root(machine: &Container, resources: &str) {
    machine.sh("mkdir -p /srv/root/etc && cp -a /etc/brasa /srv/root/etc/").success();
    machine.write("/srv/root/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resources}"));
    for code in [2, 0] {
        machine.run(["brasa", "converge", "--root", "/srv/root", "--detailed-exitcode"]).exits(code);
    }
}

#[test]
fn a_machine_bears_its_name_now_and_in_its_files() -> Result<()> {
    for base in [BASE, EL9] {
        let machine = site(Container::of(lab::root(base)?))?;
        let before = machine.read("/etc/hosts");
        let name = "- {type: hostname, name: web1, fqdn: web1.lab.example, aliases: [www]}\n";
        settle(&machine, name);
        assert_eq!(machine.run(["hostname"]).success().stdout, "web1\n");
        assert_eq!(machine.run(["hostname", "-f"]).success().stdout, "web1.lab.example\n");
        assert_eq!(machine.run(["hostnamectl", "--static"]).success().stdout, "web1\n");
        let expected = before.replace("127.0.1.1 machine.example.com machine", "127.0.1.1\tweb1.lab.example web1 www");
        assert_eq!(machine.read("/etc/hosts"), expected);
        // Each half is repaired by itself.
        machine.run(["hostname", "dhcp-7"]).success();
        settle(&machine, name);
        assert_eq!(machine.run(["hostname"]).success().stdout, "web1\n");
        machine.sh("echo other > /etc/hostname; sed -i /web1/d /etc/hosts").success();
        settle(&machine, name);
        machine.run(["brasa", "undo", "last"]).success();
        assert_eq!(machine.read("/etc/hostname"), "other\n");
    }
    Ok(())
}

#[test]
fn what_was_renamed_is_taken_back() -> Result<()> {
    let machine = machine()?;
    let (name, hosts) = (machine.run(["hostname"]).stdout, machine.read("/etc/hosts"));
    settle(&machine, "- {type: hostname, name: web1}\n");
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", "resources:\n- {type: hostname, name: web2}\n");
    machine.run(["brasa", "plan"]).success();
    assert_eq!(machine.run(["hostname"]).stdout, "web1\n", "a plan changes nothing");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!((machine.run(["hostname"]).stdout, machine.read("/etc/hosts")), (name, hosts));
    Ok(())
}

#[test]
fn files_that_are_mounted_are_written_where_they_are() -> Result<()> {
    let machine = machine()?;
    machine.sh("for f in hosts hostname; do cp /etc/$f /run/$f; mount --bind /run/$f /etc/$f; done").success();
    settle(&machine, "- {type: hostname, name: web1}\n");
    assert!(machine.read("/run/hosts").contains("127.0.1.1\tweb1\n"));
    assert_eq!(machine.read("/run/hostname"), "web1\n");
    Ok(())
}

#[test]
fn the_name_around_a_root_directory_is_left_alone() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("mkdir -p /srv/root/etc /srv/root/usr/share && cp -a /usr/share/zoneinfo /srv/root/usr/share/ && cp /etc/passwd /etc/group /srv/root/etc/")
        .success();
    machine.sh("printf 'ID=debian\n' > /srv/root/etc/os-release").success();
    let before = machine.run(["hostname"]).stdout;
    settle_root(&machine, "- {type: hostname, name: image}\n- {type: timezone, name: Europe/Berlin}\n");
    assert_eq!(machine.run(["hostname"]).stdout, before);
    assert_eq!(machine.read("/srv/root/etc/hostname"), "image\n");
    assert_eq!(machine.run(["readlink", "/srv/root/etc/localtime"]).stdout, "/usr/share/zoneinfo/Europe/Berlin\n");
    assert_eq!(machine.read("/srv/root/etc/timezone"), "Europe/Berlin\n");
    Ok(())
}

#[test]
fn a_machine_is_in_its_zone() -> Result<()> {
    for base in [BASE, EL9] {
        let machine = site(Container::of(lab::root(base)?))?;
        let zone = "- {type: timezone, name: America/Argentina/Ushuaia}\n";
        let old = machine.run(["readlink", "/etc/localtime"]).stdout;
        settle(&machine, zone);
        machine.run(["brasa", "undo", "last"]).success();
        assert_eq!(machine.run(["readlink", "/etc/localtime"]).stdout, old);
        settle(&machine, zone);
        let shown = machine.run(["timedatectl", "show", "-p", "Timezone", "--value"]).success().stdout;
        assert_eq!(shown, "America/Argentina/Ushuaia\n");
        assert_eq!(machine.run(["date", "-d", "@0", "+%z"]).stdout, "-0300\n");
        // What timedatectl writes means the same; drift is repaired, be it a copy.
        machine.run(["timedatectl", "set-timezone", "America/Argentina/Ushuaia"]).success();
        converge(&machine, zone).success();
        machine.sh("rm /etc/localtime && cp /usr/share/zoneinfo/Asia/Tokyo /etc/localtime").success();
        settle(&machine, zone);
        let refused = converge(&machine, "- {type: timezone, name: Europe/Berln}\n").exits(1);
        assert!(refused.stderr.contains("did you mean `Europe/Berlin`?"), "{refused}");
        let names = machine.read("/etc/timezone");
        assert_eq!(names, "America/Argentina/Ushuaia\n");
    }
    Ok(())
}

#[test]
fn a_machine_speaks_its_language() -> Result<()> {
    let machine = machine()?;
    let locale = "- {type: locale, name: german, lang: de_DE.UTF-8, lc_env: {LC_TIME: en_GB.utf8}}\n";
    machine.sh("printf 'LANGUAGE=\"de\"\nLANG=C.UTF-8\n' > /etc/default/locale").success();
    settle(&machine, locale);
    assert_eq!(machine.read("/etc/default/locale"), "LANGUAGE=\"de\"\nLANG=de_DE.UTF-8\nLC_TIME=en_GB.utf8\n");
    // A session of PAM's has them, and the C library knows them.
    let told = machine.sh("su - root -c 'locale 2>&1' | grep -E 'LANG=|LC_TIME|LC_NUMERIC|annot'").success().stdout;
    assert_eq!(told, "LANG=de_DE.UTF-8\nLC_NUMERIC=\"de_DE.UTF-8\"\nLC_TIME=en_GB.utf8\n");
    // One that went is made again.
    machine.sh("localedef --delete-from-archive en_GB.utf8").success();
    settle(&machine, locale);
    let refused = converge(&machine, "- {type: locale, name: x, lang: de_DX.UTF-8}\n").exits(1);
    assert!(refused.stderr.contains("did you mean `de_DE.UTF-8`?"), "{refused}");
    Ok(())
}

#[test]
fn elsewhere_a_locale_comes_with_its_package() -> Result<()> {
    let machine = site(Container::of(lab::root(EL9)?))?;
    settle(&machine, "- {type: locale, name: plain, lang: C.UTF-8}\n");
    assert_eq!(machine.read("/etc/locale.conf"), "LANG=C.UTF-8\n");
    assert!(machine.run(["localectl", "status"]).success().stdout.contains("LANG=C.UTF-8"));
    let refused = converge(&machine, "- {type: locale, name: german, lang: de_DE.UTF-8}\n").exits(1);
    assert!(refused.stderr.contains("`glibc-langpack-de` on RHEL"), "{refused}");
    Ok(())
}

#[test]
fn file_systems_are_mounted_and_stay_so() -> Result<()> {
    let machine = machine()?;
    let fstab = "# The lab's own.\nproc\t/proc\tproc\tdefaults 0 0\n";
    machine.write("/etc/fstab", fstab);
    machine.sh("mkdir -p '/srv/my data' /srv/bound /opt/a/b && touch /opt/a/b/here").success();
    let mounts = "- {type: mount, name: /srv/my data, device: tmpfs, fstype: tmpfs, options: [size=1m, nodev], action: [mount, enable]}\n\
                  - {type: mount, name: /srv/bound, device: /opt/a/b, options: bind, action: [mount, enable]}\n";
    settle(&machine, mounts);
    let written = format!("{fstab}tmpfs /srv/my\\040data tmpfs size=1m,nodev 0 0\n/opt/a/b /srv/bound none bind 0 0\n");
    assert_eq!(machine.read("/etc/fstab"), written);
    let shown = machine.run(["findmnt", "-n", "-o", "FSTYPE,SIZE", "/srv/my data"]).success().stdout;
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), ["tmpfs", "1M"]);
    assert!(machine.exists("/srv/bound/here"));
    machine.run(["findmnt", "--verify", "--tab-file", "/etc/fstab"]).success();
    // systemd has read the new lines: it has units of them.
    let unit = machine.run(["systemctl", "show", "-p", "FragmentPath", "--value", "srv-bound.mount"]).success();
    assert!(unit.stdout.contains("/generator/"), "{unit}");
    // Each half is repaired by itself; mount(8) reads what was written.
    machine.run(["umount", "/srv/bound"]).success();
    settle(&machine, mounts);
    machine.sh("umount /srv/bound && mount /srv/bound && mountpoint -q /srv/bound").success();
    converge(&machine, mounts).success();
    machine
        .sh("sed -i s/size=1m/size=2m/ /etc/fstab; echo tmpfs /srv/bound tmpfs defaults 0 0 >> /etc/fstab")
        .success();
    settle(&machine, mounts);
    // Of two lines the first counts, for systemd too, and there is one again.
    assert_eq!(machine.read("/etc/fstab"), written);
    // Another mount there is not taken for it.
    let other = "- {type: mount, name: /srv/bound, device: /opt, options: bind}\n";
    let refused = converge(&machine, other).exits(1);
    assert!(refused.stderr.contains("is mounted at `/srv/bound`, and not `/opt`"), "{refused}");
    let remount = mounts.replace("size=1m", "size=3m").replace("[mount, enable]", "remount");
    converge(&machine, remount.lines().next().unwrap_or_default()).exits(2);
    let shown = machine.run(["findmnt", "-n", "-o", "SIZE", "/srv/my data"]).success().stdout;
    assert_eq!(shown.trim(), "3M");
    settle(&machine, &mounts.replace("[mount, enable]", "[umount, disable]"));
    assert_eq!(machine.read("/etc/fstab"), fstab);
    assert_ne!(machine.run(["mountpoint", "-q", "/srv/my data"]).code, 0);
    Ok(())
}

#[test]
fn what_was_mounted_and_unmounted_is_taken_back() -> Result<()> {
    let machine = machine()?;
    machine.sh("mkdir -p '/srv/my data' /srv/bound /srv/image /opt/a/b && touch /opt/a/b/here").success();
    let mounts = "- {type: mount, name: /srv/my data, device: tmpfs, fstype: tmpfs, options: [size=1m, nodev], action: [mount, enable]}\n\
                  - {type: mount, name: /srv/bound, device: /opt/a/b, options: [bind, nosuid], action: [mount, enable]}\n";
    let shown = "for at in '/srv/my data' /srv/bound; do findmnt -n -o SOURCE,TARGET,FSTYPE,OPTIONS \"$at\"; done; cat /etc/fstab";
    let look = || machine.sh(shown).stdout;
    let before = look();
    settle(&machine, mounts);
    let after = look();
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(look(), before);
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(look(), after, "an undo can be taken back");
    // What is unmounted comes back, of what lay in memory it is said that that does not.
    settle(&machine, &mounts.replace("[mount, enable]", "[umount, disable]"));
    assert_eq!(look(), before);
    let undo = machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(look(), after);
    assert!(undo.stdout.contains("what was in `/srv/my data` is lost"), "{undo}");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(look(), before);
    // What is in use is not torn away.
    settle(&machine, mounts);
    let number = last_run(&machine);
    let busy = machine.spawn(["sh", "-c", "cd /srv/bound && echo there > /run/there && exec sleep 1000"]);
    machine.sh("until [ -e /run/there ]; do :; done").success();
    let refused = machine.run(["brasa", "undo", "last"]).exits(1);
    assert!(refused.stderr.contains("`/srv/bound` cannot be unmounted: process "), "{refused}");
    assert!(refused.stderr.contains(" (`sleep`) uses it"), "{refused}");
    assert_eq!(look(), after, "nothing was taken back");
    // Nor by a run.
    let umount = "- {type: mount, name: /srv/bound, action: umount}\n";
    let refused = converge(&machine, umount).exits(1);
    assert!(refused.stderr.contains("/srv/bound: target is busy"), "{refused}");
    assert!(refused.stderr.contains("hint: end what uses it"), "{refused}");
    machine.sh("pkill -x sleep; while pgrep -x sleep; do :; done").success();
    drop(busy);
    // What somebody mounted there since is not unmounted.
    machine.sh("umount /srv/bound && mount -t tmpfs theirs /srv/bound").success();
    let refused = machine.run(["brasa", "undo", number.as_str()]).exits(1);
    assert!(refused.stderr.contains("`/srv/bound` was changed since: `theirs` is mounted there now"), "{refused}");
    machine.run(["umount", "/srv/bound"]).success();
    machine.run(["brasa", "undo", number.as_str()]).success();
    assert_eq!(look(), before);
    Ok(())
}

#[test]
fn what_others_have_of_a_mount_is_not_lost_with_it() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("mkdir -p /srv/data /srv/ro /srv/tree /srv/layers /opt/a/sub && mount -t tmpfs inner /opt/a/sub")
        .success();
    // What others put into memory.
    let data = "- {type: mount, name: /srv/data, device: tmpfs, fstype: tmpfs}\n";
    converge(&machine, data).exits(2);
    machine.sh("echo theirs > /srv/data/precious").success();
    let refused = machine.run(["brasa", "undo", "last"]).exits(1);
    assert!(refused.stderr.contains("`/srv/data` holds `precious`, which the run did not put there"), "{refused}");
    machine.run(["brasa", "undo", "last", "--force"]).success();
    // What is shown for reading only stays so.
    machine.sh("mount --bind /opt/a /srv/ro && mount -o remount,bind,ro /srv/ro").success();
    converge(&machine, "- {type: mount, name: /srv/ro, action: umount}\n").exits(2);
    machine.run(["brasa", "undo", "last"]).success();
    assert_ne!(machine.sh("touch /srv/ro/x").code, 0);
    // A whole tree goes, and stays where it came from.
    converge(&machine, "- {type: mount, name: /srv/tree, device: /opt/a, options: rbind}\n").exits(2);
    machine.run(["mountpoint", "-q", "/srv/tree/sub"]).success();
    machine.run(["brasa", "undo", "last"]).success();
    machine.sh("! mountpoint -q /srv/tree && mountpoint -q /opt/a/sub").success();
    // One lies on the other.
    machine.sh("mount -t tmpfs one /srv/layers && mount -t tmpfs two /srv/layers").success();
    let layers = "findmnt -n -o SOURCE /srv/layers";
    settle(&machine, "- {type: mount, name: /srv/layers, action: umount}\n");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.sh(layers).stdout, "one\ntwo\n");
    // A service of the same run lies in what it mounted: it is stopped first.
    let unit = "[Service]\\nExecStart=/bin/sleep 1000\\nWorkingDirectory=/srv/data\\n";
    machine.sh(&format!("printf '{unit}' > /etc/systemd/system/inside.service && systemctl daemon-reload")).success();
    converge(&machine, &format!("{data}- {{type: service, name: inside, action: start}}\n")).exits(2);
    machine.run(["brasa", "undo", "last"]).success();
    machine.sh("! mountpoint -q /srv/data && ! systemctl is-active -q inside").success();
    Ok(())
}

#[test]
fn alternatives_are_what_update_alternatives_makes_them() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("for n in a b; do printf '#!/bin/sh\necho %s\n' $n > /opt/tool-$n; chmod +x /opt/tool-$n; done")
        .success();
    let tool = |rest: &str| format!("- {{type: alternatives, name: tool, {rest}}}\n");
    let both = tool("path: /opt/tool-a, priority: 10")
        + &tool("path: /opt/tool-b, priority: 20").replace("name: tool", "name: the other, link_name: tool");
    let runs = || machine.run(["tool"]).success().stdout;
    settle(&machine, &both);
    assert_eq!(runs(), "b\n");
    settle(&machine, &tool("path: /opt/tool-a, action: set"));
    assert_eq!(runs(), "a\n");
    let shown = machine.run(["update-alternatives", "--query", "tool"]).success().stdout;
    assert!(shown.contains("Status: manual\nBest: /opt/tool-b\nValue: /opt/tool-a\n"), "{shown}");
    // A link that was turned, and a priority that was changed, are put right: of two that share a link by the first.
    machine.sh("ln -sf /opt/tool-b /usr/bin/tool").success();
    settle(&machine, &both);
    machine.run(["update-alternatives", "--install", "/usr/bin/tool", "tool", "/opt/tool-a", "99"]).success();
    settle(&machine, &both);
    settle(&machine, &tool("action: auto"));
    assert_eq!(runs(), "b\n");
    settle(&machine, &tool("path: /opt/tool-b, action: remove"));
    assert_eq!(runs(), "a\n");
    let refused = converge(&machine, &tool("path: /opt/tool-b, action: set")).exits(1);
    assert!(refused.stderr.contains("is not among the alternatives of `tool`"), "{refused}");
    settle(&machine, &tool("path: /opt/tool-a, action: remove"));
    assert!(!machine.exists("/usr/bin/tool"));
    // One with slaves, as a package brings it, which another program would take away.
    machine
        .sh("mkdir -p /usr/share/man/man1 && touch /usr/share/man/man1/more.1.gz && update-alternatives --auto pager")
        .success();
    assert!(machine.exists("/usr/share/man/man1/pager.1.gz"), "a slave's link");
    let pager = |rest: &str| format!("- {{type: alternatives, name: pager, {rest}}}\n");
    for change in
        ["path: /bin/more, action: set", "path: /opt/tool-a, priority: 999", "path: /bin/more, action: remove"]
    {
        taken_back(&machine, &pager(change));
    }
    // What was chosen since by somebody else stays.
    settle(&machine, &pager("path: /opt/tool-a, priority: 5"));
    machine.run(["update-alternatives", "--set", "pager", "/opt/tool-a"]).success();
    let refused = machine.run(["brasa", "undo", "last"]).exits(1);
    assert!(refused.stderr.contains("`/etc/alternatives/pager` was changed since: its target is another"), "{refused}");
    Ok(())
}

/// Everything that update-alternatives keeps, and the links that it makes.
const KEPT: &str = "cd /var/lib/dpkg/alternatives && grep -r . . | sort && stat -c '%a %U:%G %n' *
    find /etc/alternatives /usr/bin /usr/share/man -lname '/etc/*' -o -path '/etc/alternatives/*' | sort | xargs stat -c '%A %U:%G %N'";

/// Converges, and takes it back: all is as it was, and what the undo did can be taken back, too.
fn taken_back(machine: &Container, resources: &str) {
    let look = || machine.sh(KEPT).success().stdout;
    let before = look();
    settle(machine, resources);
    let after = look();
    assert_ne!(before, after);
    // The last that changed something.
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(look(), before, "{resources}");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(look(), after, "{resources}");
    machine.run(["brasa", "undo", "last"]).success();
}

#[test]
fn ssh_knows_its_hosts_and_lets_in_whom_it_is_told_to() -> Result<()> {
    let machine = machine()?;
    machine.sh("useradd -m -s /bin/sh ann && mkdir -p /run/sshd && /usr/sbin/sshd -p 2222").success();
    machine.sh("ssh-keygen -q -t ed25519 -N '' -C me -f /root/key").success();
    let host = machine.read("/etc/ssh/ssh_host_ed25519_key.pub");
    let key = machine.read("/root/key.pub");
    let known = format!("- {{type: ssh_known_hosts_entry, name: 127.0.0.1, port: 2222, key: '{}'}}\n", host.trim());
    let let_in = |rest: &str| format!("- {{type: ssh_authorized_key, name: ann, key: '{}'{rest}}}\n", key.trim());
    let login = || {
        machine.run(["ssh", "-n", "-i", "/root/key", "-p", "2222", "-o", "BatchMode=yes", "ann@127.0.0.1", "id -un"])
    };
    assert_ne!(login().code, 0, "neither side knows the other");
    settle(&machine, &(known.clone() + &let_in("")));
    assert_eq!(login().success().stdout, "ann\n");
    assert_eq!(
        machine.sh("stat -c '%a %U %G' ~ann/.ssh ~ann/.ssh/authorized_keys").stdout,
        "700 ann ann\n600 ann ann\n"
    );
    settle(&machine, &let_in(", options: ['restrict', 'command=\"echo no more\"'], exclusive: true"));
    assert_eq!(login().success().stdout, "no more\n");
    settle(&machine, &let_in(", action: delete"));
    assert_ne!(login().code, 0);
    // A host that has another key now is not trusted until the recipe says so.
    settle(&machine, &let_in(""));
    machine.sh("ssh-keygen -q -t ed25519 -N '' -f /root/other && rm /root/key.bak 2>/dev/null; true").success();
    let other = machine.read("/root/other.pub");
    settle(&machine, &known.replace(host.trim(), other.trim()));
    assert_ne!(login().code, 0);
    let found =
        machine.run(["ssh-keygen", "-F", "[127.0.0.1]:2222", "-f", "/etc/ssh/ssh_known_hosts"]).success().stdout;
    assert_eq!(found.lines().filter(|line| !line.starts_with('#')).count(), 1, "{found}");
    settle(&machine, "- {type: ssh_known_hosts_entry, name: 127.0.0.1, port: 2222, action: delete}\n");
    assert_eq!(machine.read("/etc/ssh/ssh_known_hosts"), "");
    Ok(())
}

#[test]
fn root_is_not_led_astray_in_a_home() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("useradd -m ann && useradd -m bob && mkdir -p /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/key")
        .success();
    machine
        .sh("su ann -c 'ln -s /root/.ssh ~/.ssh'; su bob -c 'mkdir ~/.ssh && ln -s /etc/shadow ~/.ssh/authorized_keys'")
        .success();
    let shadow = machine.read("/etc/shadow");
    let key = machine.read("/root/key.pub");
    for user in ["ann", "bob"] {
        let resource = format!("- {{type: ssh_authorized_key, name: {user}, key: '{}'}}\n", key.trim());
        let refused = converge(&machine, &resource).exits(1);
        assert!(refused.stderr.contains("nothing is written through it"), "{refused}");
    }
    assert!(!machine.exists("/root/.ssh/authorized_keys"));
    assert_eq!(machine.read("/etc/shadow"), shadow);
    Ok(())
}

#[test]
fn a_swap_file_is_made_whole_or_not_at_all() -> Result<()> {
    // Without an init, as in an image that is built: it is made, and used once the machine boots.
    let image = site(Container::of(lab::root(BASE)?).without_init())?;
    let swap = "- {type: swap_file, name: /srv/swap, size: 16, persist: true}\n";
    settle(&image, swap);
    assert_eq!(image.run(["stat", "-c", "%a %U %s", "/srv/swap"]).success().stdout, "600 root 16777216\n");
    let kind = image.run(["blkid", "-p", "-s", "TYPE", "-o", "value", "/srv/swap"]).success().stdout;
    assert_eq!((kind.as_str(), image.exists("/srv/swap.new")), ("swap\n", false));
    assert!(image.read("/etc/fstab").ends_with("/srv/swap none swap defaults 0 0\n"));
    settle(&image, &swap.replace("16", "20"));
    assert_eq!(image.run(["stat", "-c", "%s", "/srv/swap"]).success().stdout, "20971520\n");
    // One of another size is another one, and the first one is made again.
    let size = || image.run(["stat", "-c", "%a %s", "/srv/swap"]).stdout;
    image.run(["brasa", "undo", "last"]).success();
    assert_eq!(size(), "600 16777216\n");
    converge(&image, swap).success();
    settle(&image, "- {type: swap_file, name: /srv/swap, action: remove}\n");
    assert!(!image.exists("/srv/swap") && !image.read("/etc/fstab").contains("swap"));
    image.run(["brasa", "undo", "last"]).success();
    assert_eq!(size(), "600 16777216\n");
    converge(&image, swap).success();
    image.run(["brasa", "undo", "last"]).success();
    assert!(!image.exists("/srv/swap") && !image.read("/etc/fstab").contains("swap"));
    // The kernel lets no container use one: why is said, and what was made is whole.
    let machine = machine()?;
    let refused = converge(&machine, swap).exits(1);
    assert!(refused.stderr.contains("swapon -- /srv/swap"), "{refused}");
    assert!(machine.exists("/srv/swap") && !machine.read("/etc/fstab").contains("/srv/swap"));
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!machine.exists("/srv/swap"));
    machine.sh("echo mine > /srv/swap").success();
    let refused = converge(&machine, swap).exits(1);
    assert!(refused.stderr.contains("is there, and is no swap area"), "{refused}");
    assert_eq!(machine.read("/srv/swap"), "mine\n");
    Ok(())
}
