//! Kinds that put files and other people's work in place, with the real programs that give and take them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, Result, converge, settle, site};

/// Debian with git, and what packs and unpacks archives.
const DEPLOY: Base = Base {
    name: "debian-deploy",
    suite: "bookworm",
    packages: &["git", "openssh-client", "unzip", "xz-utils", "zip", "zstd"],
    el: false,
};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(DEPLOY)?))
}

#[test]
fn a_directory_of_the_cookbook_is_put_in_place() -> Result<()> {
    let machine = machine()?;
    machine.run(["useradd", "-r", "www"]).success();
    let files = "/etc/brasa/cookbooks/site/files/default/www";
    machine.sh(&format!("mkdir -p {files}/css && cd {files} && echo 1 > index.html && echo 2 > css/.hidden")).success();
    machine.sh(&format!("cd {files} && printf '\\0\\377' > css/binary && chmod 755 css/binary")).success();
    let resource = |rest: &str| {
        format!(
            "- {{type: remote_directory, name: /srv/www, owner: www, files_owner: www, files_mode: '0640'{rest}}}\n"
        )
    };
    settle(&machine, &resource(""));
    machine.run(["diff", "-r", files, "/srv/www"]).success();
    let state = || machine.sh("cd /srv/www && find . -printf '%p %m %u\\n' | sort").success().stdout;
    let good = "\
        . 755 www\n./css 755 www\n./css/.hidden 640 www\n./css/binary 640 www\n./index.html 640 www\n";
    assert_eq!(state(), good);
    // Drift is repaired; what is not of the cookbook stays until it is to be purged.
    let drift = "cd /srv/www && rm index.html && echo x >> css/.hidden && chmod 600 css/binary";
    machine.sh(drift).success();
    machine.sh("mkdir -p /srv/www/own/deep /precious && touch /srv/www/own/deep/x /precious/x").success();
    machine.sh("ln -s /precious /srv/www/out").success();
    settle(&machine, &resource(""));
    assert!(machine.exists("/srv/www/own/deep/x"));
    machine
        .write("/etc/brasa/cookbooks/site/recipes/default.yml", format!("resources:\n{}", resource(", purge: true")));
    let plan = machine.run(["brasa", "plan"]).success();
    for path in ["/srv/www/out", "/srv/www/own/deep/x", "/srv/www/own/deep", "/srv/www/own"] {
        assert!(plan.stdout.contains(path), "{plan}");
    }
    settle(&machine, &resource(", purge: true"));
    assert_eq!(state(), good);
    assert!(machine.exists("/precious/x"));
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.exists("/srv/www/own/deep/x"));
    settle(&machine, &resource(", action: delete"));
    assert!(!machine.exists("/srv/www"));
    let refused = converge(&machine, &resource(", source: wwww")).exits(65);
    assert!(refused.stderr.contains("no directory `wwww` in"), "{refused}");
    Ok(())
}
