//! What comes out of archives, and what else a file has beside its content, with the real programs that made it so.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, Result, converge, settle, site};

/// Debian with programs that pack, and that show what a file has beside its content.
const BASE: Base = Base {
    name: "debian-files",
    suite: "bookworm",
    packages: &["acl", "attr", "zip", "unzip", "xz-utils", "zstd"],
    el: false,
};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(BASE)?).without_init())
}

#[test]
fn archives_of_every_form_come_out_as_they_went_in() -> Result<()> {
    let machine = machine()?;
    let pack = "cd /usr/share && set -- perl5 zoneinfo/Europe zoneinfo/UTC && tar -cf /srv/a.tar \"$@\" && cd /srv &&
        gzip -k a.tar && xz -k -T2 a.tar && zstd -q a.tar && cd /usr/share && zip -qry /srv/a.zip \"$@\"";
    machine.sh(pack).success();
    for form in ["tar", "tar.gz", "tar.xz", "tar.zst", "zip"] {
        let resource = format!("- {{type: archive_file, name: /srv/a.{form}, destination: /srv/{form}}}\n");
        settle(&machine, &resource);
        for directory in ["perl5", "zoneinfo/Europe"] {
            let (ours, theirs) = (format!("/srv/{form}/{directory}"), format!("/usr/share/{directory}"));
            machine.run(["diff", "-r", "--no-dereference", &ours, &theirs]).success();
        }
        let modes = format!("cd /srv/{form} && find . -type f ! -perm 644 ! -perm 755 | wc -l");
        assert_eq!(machine.sh(&modes).success().stdout, "0\n");
        // What was changed is put right only when it may be.
        machine.sh(&format!("cd /srv/{form} && echo mine > perl5/Debconf/Db.pm && rm zoneinfo/UTC")).success();
        settle(&machine, &resource);
        assert_eq!(machine.read(&format!("/srv/{form}/perl5/Debconf/Db.pm")), "mine\n");
        assert!(machine.exists(&format!("/srv/{form}/zoneinfo/UTC")));
        settle(&machine, &resource.replace('}', ", overwrite: true}"));
        machine.run(["cmp", &format!("/srv/{form}/perl5/Debconf/Db.pm"), "/usr/share/perl5/Debconf/Db.pm"]).success();
        machine.run(["brasa", "undo", "last"]).success();
        assert_eq!(machine.read(&format!("/srv/{form}/perl5/Debconf/Db.pm")), "mine\n");
    }
    settle(
        &machine,
        "- {type: archive_file, name: /srv/a.zip, destination: /srv/new/er, strip_components: 1, owner: www-data}\n",
    );
    assert_eq!(machine.run(["stat", "-c", "%U:%G", "/srv/new/er/Debconf/Db.pm"]).success().stdout, "www-data:root\n");
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!machine.exists("/srv/new"));
    Ok(())
}

#[test]
fn a_large_archive_takes_little_memory_and_a_bomb_none_of_the_disk() -> Result<()> {
    let machine = machine()?;
    let pack =
        "mkdir /srv/big && cd /srv/big && head -c 300M /dev/zero > zero && head -c 60M /dev/urandom > noise && cd .. &&
        tar -cf - big | zstd -q > big.tar.zst && tar -cf - big | gzip -1 > big.tar.gz && rm big/zero";
    machine.sh(pack).success();
    for form in ["tar.zst", "tar.gz"] {
        let resource =
            format!("resources:\n- {{type: archive_file, name: /srv/big.{form}, destination: /srv/{form}}}\n");
        machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", resource);
        let limited = machine.sh("ulimit -v 150000 && brasa converge");
        assert!(limited.success().stdout.contains("1 changed"));
        machine.run(["cmp", "/srv/big/noise", &format!("/srv/{form}/big/noise")]).success();
        assert_eq!(machine.sh(&format!("stat -c %s /srv/{form}/big/zero")).success().stdout, "314572800\n");
        machine.sh(&format!("rm -r /srv/{form}")).success();
    }
    let bomb = "- {type: archive_file, name: /srv/big.tar.gz, destination: /srv/bomb, size_limit: 350}\n";
    let refused = converge(&machine, bomb).exits(1);
    assert!(refused.stderr.contains("more than 367001600 bytes would be unpacked"), "{refused}");
    assert!(!machine.exists("/srv/bomb"));
    Ok(())
}

#[test]
fn a_hostile_archive_leaves_nothing_behind() -> Result<()> {
    let machine = machine()?;
    machine.sh("mkdir -p /srv/in/d && cd /srv/in && echo x > x && echo x > d/x && ln -s /etc l && mkfifo p && ln -s . d/self").success();
    for (pack, why) in [
        ("tar -cPf /srv/a /srv/in/x", "an absolute path"),
        ("tar -cPf /srv/a ../in/x", "holds `..`"),
        ("tar -cf /srv/a x l", "links to `/etc`"),
        ("tar -cf /srv/a x p", "a pipe"),
        ("tar -cf /srv/a --transform=s,^x,l/x, l x", "links to `/etc`"),
        ("tar -cf /srv/a --transform=s,^x,d/self/x, d x", "goes through `d/self`"),
        ("tar -cf /srv/a --transform=s,^x,d, d x", "is a file and a directory"),
        ("tar -czf - x d | head -c 120 > /srv/a", "damaged"),
        ("zip -qry /srv/b.zip x l && mv /srv/b.zip /srv/a", "links to `/etc`"),
        ("cp /bin/true /srv/a", "no archive"),
    ] {
        machine.sh(&format!("rm -f /srv/a; cd /srv/in && {pack}")).success();
        let refused = converge(&machine, "- {type: archive_file, name: /srv/a, destination: /srv/out}\n").exits(1);
        assert!(refused.stderr.contains(why), "{pack}: {refused}");
        assert!(!machine.exists("/srv/out"), "{pack}");
    }
    // A run that was killed is made whole by the next.
    machine.sh("cd /usr/share && tar -czf /srv/a.tar.gz --exclude=localtime zoneinfo").success();
    let resource = "- {type: archive_file, name: /srv/a.tar.gz, destination: /srv/zones}\n";
    machine.write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{resource}"));
    let mut run = machine.spawn(["brasa", "converge"]);
    while run.is_running() && !machine.exists("/srv/zones/zoneinfo/Africa/Cairo") {}
    run.kill();
    converge(&machine, resource);
    converge(&machine, resource).success();
    let diff = ["diff", "-r", "-x", "localtime", "--no-dereference", "/srv/zones/zoneinfo", "/usr/share/zoneinfo"];
    machine.run(diff).success();
    assert_eq!(machine.sh("find /srv/zones -name '.brasa*' | wc -l").success().stdout, "0\n");
    Ok(())
}

/// What a file has beside content, mode and owner.
fn beside(machine: &Container, path: &str) -> String {
    machine.sh(&format!("getfacl -pc {path} && getfattr -dm - {path}")).success().stdout
}

#[test]
fn what_a_file_has_beside_its_content_stays_when_it_is_replaced() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("mkdir /srv/d && echo old > /srv/d/f && setfacl -m u:www-data:rw,g:adm:r /srv/d/f && setfattr -n user.note -v keep /srv/d/f &&
             setfattr -n security.selinux -v system_u:object_r:etc_t:s0 /srv/d/f && setfattr -n trusted.note -v keep /srv/d/f")
        .success();
    let before = beside(&machine, "/srv/d/f");
    for part in ["user:www-data:rw-", "group:adm:r--", "user.note", "security.selinux", "trusted.note"] {
        assert!(before.contains(part), "{part}: {before}");
    }
    settle(&machine, "- {type: file, name: /srv/d/f, content: new}\n");
    assert_eq!((machine.read("/srv/d/f").as_str(), beside(&machine, "/srv/d/f")), ("new", before.clone()));
    settle(&machine, "- {type: line, name: more, path: /srv/d/f, line: more}\n");
    assert_eq!(beside(&machine, "/srv/d/f"), before);
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(beside(&machine, "/srv/d/f"), before);
    // A mode is that of the mask: what the list gives beyond it holds no more.
    settle(&machine, "- {type: file, name: /srv/d/f, content: new, mode: '0640'}\n");
    assert!(beside(&machine, "/srv/d/f").contains("mask::r--"));
    // What is given to a program stays with what it was: another content has not earned it.
    machine.sh("cp /bin/true /srv/d/ping && setcap cap_net_raw+ep /srv/d/ping").success();
    settle(&machine, "- {type: file, name: /srv/d/ping, content: new}\n");
    assert!(!beside(&machine, "/srv/d/ping").contains("security.capability"));
    Ok(())
}

#[test]
fn what_is_in_the_way_of_a_file_goes_only_when_it_may() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("cd /srv && mkdir -p d/e && touch d/e/x && echo target > t && ln -s t l && ln -s nowhere n && mkfifo p")
        .success();
    for (path, what) in
        [("d", "a directory"), ("l", "a symbolic link to `t`"), ("n", "to `nowhere`"), ("p", "a named pipe")]
    {
        let file = format!("- {{type: file, name: /srv/{path}, content: new}}\n");
        let refused = converge(&machine, &file).exits(1);
        assert!(refused.stderr.contains(what), "{refused}");
        settle(&machine, &file.replace('}', ", force_unlink: true}"));
        assert_eq!(machine.sh(&format!("stat -c %F /srv/{path}")).success().stdout, "regular file\n");
    }
    assert_eq!(machine.read("/srv/t"), "target\n", "nothing is written through a link");
    machine.sh("cd /srv && rm l && ln -s t l && rm n && ln -s nowhere n").success();
    let through = "- {type: file, name: /srv/l, content: new, manage_symlink_source: true}\n";
    settle(&machine, through);
    assert_eq!((machine.read("/srv/t").as_str(), machine.run(["readlink", "/srv/l"]).stdout.as_str()), ("new", "t\n"));
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(
        (machine.read("/srv/t").as_str(), machine.run(["readlink", "/srv/l"]).stdout.as_str()),
        ("target\n", "t\n")
    );
    let nowhere = converge(&machine, &through.replace("/l", "/n")).exits(1);
    assert!(nowhere.stderr.contains("leads nowhere"), "{nowhere}");
    Ok(())
}

#[test]
fn a_file_with_several_names_keeps_the_others_as_they_are() -> Result<()> {
    let machine = machine()?;
    machine.sh("cd /srv && echo old > a && ln a b").success();
    let said = settle(&machine, "- {type: file, name: /srv/a, content: new}\n");
    assert!(said.stderr.contains("had 2 names (hard links): the others still name the old content"), "{said}");
    assert_eq!((machine.read("/srv/a").as_str(), machine.read("/srv/b").as_str()), ("new", "old\n"));
    Ok(())
}

#[test]
fn a_file_that_is_a_mount_of_its_own_is_written_in_place() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("cp /etc/hosts /srv/hosts && mount --bind /srv/hosts /etc/hosts && stat -c %i /etc/hosts > /srv/inode")
        .success();
    let hosts = "- {type: file, name: /etc/hosts, content: \"127.0.0.1 localhost\\n\"}\n";
    let said = settle(&machine, hosts);
    assert!(said.stderr.contains("`/etc/hosts` is a mount point of its own, so it is rewritten in place"), "{said}");
    assert_eq!(machine.read("/srv/hosts"), "127.0.0.1 localhost\n");
    assert_eq!(machine.run(["stat", "-c", "%i", "/etc/hosts"]).stdout, machine.read("/srv/inode"));
    settle(&machine, "- {type: line, name: db, path: /etc/hosts, line: 10.0.0.1 db}\n");
    assert_eq!(machine.read("/srv/hosts"), "127.0.0.1 localhost\n10.0.0.1 db\n");
    let refused = converge(&machine, "- {type: file, name: /etc/hosts, action: delete}\n").exits(1);
    assert!(refused.stderr.contains("mount point"), "{refused}");
    assert_eq!(machine.sh("ls -A /etc | grep -c brasa-").stdout, "0\n");
    // Read-only it is refused before anything is done.
    machine.run(["mount", "-o", "remount,bind,ro", "/etc/hosts"]).success();
    let refused = converge(&machine, hosts).exits(1);
    assert!(
        refused.stderr.contains("mounted read-only") && refused.stderr.contains("nothing was changed"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn a_file_that_must_not_be_changed_is_named_before_anything_is_done() -> Result<()> {
    let machine = machine()?;
    machine.sh("mkdir -p /srv/d /srv/a && echo old | tee /srv/f /srv/d/f /srv/log > /srv/a/f").success();
    machine.sh("chattr +i /srv/f /srv/d && chattr +a /srv/log /srv/a").success();
    let first = "- {type: file, name: /srv/first, content: x}\n";
    for (resource, what) in [
        ("{type: file, name: /srv/f, content: new}", "`/srv/f` is immutable"),
        ("{type: file, name: /srv/f, mode: '0600'}", "`/srv/f` is immutable"),
        ("{type: file, name: /srv/f, action: delete}", "`/srv/f` is immutable"),
        ("{type: file, name: /srv/log, content: new}", "`/srv/log` may only be appended to"),
        ("{type: file, name: /srv/d/f, content: new}", "`/srv/d` is immutable"),
        ("{type: file, name: /srv/d/new, content: new}", "`/srv/d` is immutable"),
        ("{type: directory, name: /srv/d/new}", "`/srv/d` is immutable"),
        ("{type: link, name: /srv/d/new, to: f}", "`/srv/d` is immutable"),
        ("{type: file, name: /srv/a/f, content: new}", "`/srv/a` may only be added to"),
    ] {
        let refused = converge(&machine, &format!("{first}- {resource}\n")).exits(1);
        assert!(refused.stderr.contains(what) && refused.stderr.contains("chattr -"), "{resource}: {refused}");
        assert!(
            refused.stderr.contains("nothing was changed") && !machine.exists("/srv/first"),
            "{resource}: {refused}"
        );
    }
    // A command before it may take the mark away.
    let unmark =
        "- {type: execute, name: unmark, command: [chattr, -i, /srv/f]}\n- {type: file, name: /srv/f, content: new}\n";
    converge(&machine, unmark).exits(2);
    machine.sh("echo old > /srv/f && chattr +i /srv/f").success();
    // What is as it should be is nobody's business.
    converge(&machine, "- {type: file, name: /srv/f, content: \"old\\n\"}\n").success();
    Ok(())
}

#[test]
fn contents_are_judged_and_known_by_their_checksum() -> Result<()> {
    let machine = machine()?;
    machine.sh("echo one > /srv/one; sha256sum /srv/one | cut -d' ' -f1 > /srv/sum").success();
    let sum = machine.read("/srv/sum");
    let fetched =
        format!("- {{type: remote_file, name: /srv/f, source: 'file:///srv/one', checksum: {}}}\n", sum.trim());
    settle(&machine, &fetched);
    // With the checksum of what is there, nothing is fetched.
    machine.sh("rm /srv/one").success();
    converge(&machine, &fetched).success();
    machine.sh("echo two > /srv/one; echo drift > /srv/f").success();
    let refused = converge(&machine, &fetched).exits(1);
    assert!(refused.stderr.contains(sum.trim()), "{refused}");
    assert_eq!(machine.read("/srv/f"), "drift\n");
    let judged = "- {type: file, name: /srv/j.sh, content: 'if true; then', verify: 'sh -n %{path}'}\n";
    let refused = converge(&machine, judged).exits(1);
    assert!(refused.stderr.contains("was not accepted by `sh -n %{path}`"), "{refused}");
    assert!(!machine.exists("/srv/j.sh"));
    settle(&machine, &judged.replace("if true; then", "echo yes"));
    // A refusal leaves the file as it is, and what was changed before it is taken back.
    machine.sh("echo drift >> /srv/j.sh; chmod 600 /srv/j.sh; echo old > /srv/first").success();
    let first = "- {type: file, name: /srv/first, content: new}\n- {type: directory, name: /srv/made}\n";
    converge(&machine, &format!("{first}{judged}")).exits(1);
    assert!(machine.read("/srv/j.sh").ends_with("drift\n") && machine.read("/srv/first") == "new");
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.read("/srv/first") == "old\n" && !machine.exists("/srv/made"));
    settle(&machine, &format!("{first}{}", judged.replace("if true; then", "echo yes")));
    assert_eq!(machine.read("/srv/j.sh"), "echo yes");
    Ok(())
}
