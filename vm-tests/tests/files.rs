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
