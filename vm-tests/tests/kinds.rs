//! The kinds of every day, all in one recipe, on each platform: converged, converged again, drifted, repaired.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, ContainerOptions, DEBIAN, EL9, Result};

const SITE: &str = "/etc/brasa/cookbooks/site";

const RECIPE: &str = r#"resources:
  - {type: directory, name: /srv/site/conf, recursive: true, mode: "0750"}
  - {type: file, name: /srv/site/conf/app.ini, content: "[net]\nport = 80\n", action: create_if_missing}
  - {type: setting, name: port, path: /srv/site/conf/app.ini, section: net, key: port, value: "8080"}
  - {type: line, name: /etc/hosts.site, path: /srv/site/conf/hosts, line: "10.0.0.1 db", create_file: true}
  - {type: block, name: site, path: /srv/site/conf/hosts, text: "10.0.0.2 web\n10.0.0.3 mail\n"}
  - {type: link, name: /srv/current, to: /srv/site}
  - {type: link, name: /srv/site/conf/hard, to: /srv/site/conf/app.ini, link_type: hard}
  - {type: cookbook_file, name: /srv/site/logo, source: logo}
  - {type: template, name: /srv/site/page, source: page.tera, variables: {name: site}}
  - {type: remote_file, name: /srv/site/copy, source: "file:///etc/os-release"}
  - {type: group, name: crew, gid: 4200}
  - {type: user, name: ana, uid: 4201, gid: crew, home: /srv/ana, manage_home: true, shell: /bin/sh}
  - {type: bash, name: by bash, code: "echo $((6 * 7)) > /srv/site/bash", creates: /srv/site/bash}
  - {type: script, name: by awk, interpreter: awk, flags: [-f, /dev/stdin], code: "BEGIN { print 42 > \"/srv/site/awk\" }", creates: /srv/site/awk}
  - {type: execute, name: once, command: [touch, /srv/site/once], creates: /srv/site/once}
  - {type: sh, name: as ana, code: "id -un > /srv/ana/who", user: ana, creates: /srv/ana/who}
  - {type: log, name: all is well}
"#;

fn machine(options: ContainerOptions) -> Result<Container> {
    let machine = options.brasa(lab::binary()?).start()?;
    machine.write("/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write(&format!("{SITE}/metadata.json"), r#"{"name": "site", "version": "1.0.0"}"#);
    machine.write(&format!("{SITE}/files/default/logo"), b"\x00\xff");
    machine.write(&format!("{SITE}/templates/default/page.tera"), "welcome to {{ name }}\n");
    machine.sh("mkdir -p /srv").success();
    Ok(machine)
}

fn every_kind(options: ContainerOptions) -> Result<()> {
    let machine = machine(options)?;
    machine.write(&format!("{SITE}/recipes/default.yml"), RECIPE);
    machine.run(["brasa", "plan", "--detailed-exitcode"]).exits(2);
    let first = machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    let second = machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert!(second.stdout.contains(": 0 changed, "), "{first}\n{second}");
    let state = "cd /srv && cat site/conf/app.ini site/conf/hosts site/page site/bash site/awk ana/who && readlink current && \
                 stat -c '%h %U:%G %a %n' site/conf site/conf/hard site/logo ana && cmp site/copy /etc/os-release && id ana";
    let wanted = machine.sh(state).success().stdout;
    assert!(wanted.starts_with("[net]\nport = 8080\n10.0.0.1 db\n"), "{wanted}");
    assert!(wanted.contains("\nwelcome to site\n42\n42\nana\n/srv/site\n"), "{wanted}");

    let drift = "cd /srv && sed -i s/8080/1/ site/conf/app.ini && echo '10.0.0.9 evil' > site/conf/hosts && rm current site/logo && \
                 ln site/copy site/conf/other && echo x > site/page && chmod 777 site/conf && usermod -s /bin/false ana && rm site/bash && : > site/copy";
    machine.sh(drift).success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    let repaired = machine.sh(state).success().stdout;
    for line in wanted.lines().filter(|line| !line.contains("site/conf")) {
        assert!(repaired.lines().any(|found| found == line), "{line}\n{repaired}");
    }
    assert_eq!(
        machine.sh("cd /srv/site && tail -n +2 conf/hosts; stat -c %a conf").success().stdout.lines().last(),
        Some("750")
    );
    Ok(())
}

#[test]
fn the_kinds_of_every_day_on_debian() -> Result<()> {
    every_kind(Container::of(lab::root(DEBIAN)?))
}

#[test]
fn the_kinds_of_every_day_on_enterprise_linux() -> Result<()> {
    every_kind(Container::of(lab::root(EL9)?))
}

#[test]
fn packages_of_apt_alone_and_lists() -> Result<()> {
    let machine = machine(Container::of(lab::root(DEBIAN)?).repository(&lab::deb_repo()?))?;
    let recipe = "resources:\n  - {type: apt_update, name: lists, action: periodic, frequency: 3600}\n  - {type: apt_package, name: lab-app}\n";
    machine.write(&format!("{SITE}/recipes/default.yml"), recipe);
    machine.sh("rm -rf /var/lib/apt/lists/*").success();
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    machine.run(["dpkg-query", "-W", "lab-app", "lab-lib"]).success();
    machine.run(["brasa", "undo", "last"]).success();
    assert_ne!(machine.sh("dpkg-query -W -f '${db:Status-Status}' lab-app | grep -x installed").code, 0);
    Ok(())
}

#[test]
fn gems_of_a_source_of_ones_own() -> Result<()> {
    let (packages, gems) = (lab::article_repo()?, lab::gem_repo()?);
    let machine = machine(Container::of(lab::root(DEBIAN)?).repository(&packages).repository(&gems))?;
    let recipe = |gem: &str| {
        let recipe =
            format!("resources:\n  - {{type: package, name: ruby}}\n  - {{type: gem_package, name: lab_gem, {gem}}}\n");
        machine.write(&format!("{SITE}/recipes/default.yml"), recipe);
    };
    let installed = || machine.run(["gem", "list", "--local", "--exact", "lab_gem"]).success().stdout;
    recipe("version: 1.0.0");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(installed(), "lab_gem (1.0.0)\n");
    recipe("action: upgrade");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(installed(), "lab_gem (1.1.0, 1.0.0)\n");
    recipe("action: remove, version: 1.0.0");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    assert_eq!(installed(), "lab_gem (1.1.0)\n");
    // One version in two spellings.
    recipe("version: '1.0'");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(installed(), "lab_gem (1.1.0, 1.0.0)\n");
    recipe("action: remove, version: '~> 1.0'");
    machine.run(["brasa", "converge", "--detailed-exitcode"]).exits(2);
    machine.run(["brasa", "converge", "--detailed-exitcode"]).success();
    assert_eq!(installed(), "\n");
    Ok(())
}
