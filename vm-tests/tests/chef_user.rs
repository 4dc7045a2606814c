//! A directory as chef-solo's users keep it, on a real systemd: roles, an environment, an encrypted item, a value encrypted with
//! age whose identity is a credential that systemd gives; accounts made by the real `useradd`, and all of it taken back.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, DEBIAN, Output, Result};

const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n";
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const SECRETS: [&str; 2] = ["c4nary-of-age", "c4nary-of-chef"];

const FILES: [(&str, &str); 6] = [
    (
        "solo.rb",
        "root = File.expand_path(\"..\", __FILE__)\nchef_repo_path root\ncookbook_path File.join(root, \"site-cookbooks\")\n",
    ),
    ("environments/production.json", r#"{"name": "production", "override_attributes": {"app": {"user": "deploy"}}}"#),
    ("roles/base.json", r#"{"name": "base", "env_run_lists": {"production": ["recipe[app]"]}, "run_list": []}"#),
    ("site-cookbooks/app/metadata.json", r#"{"name": "app", "version": "1.0.0"}"#),
    ("site-cookbooks/app/attributes/default.yml", "default: {app: {user: nobody, group: app}}\n"),
    (
        "site-cookbooks/app/recipes/default.yml",
        r#"resources:
- {type: group, name: "{{ node.app.group }}", gid: 4242}
- {type: user, name: "{{ node.app.user }}", uid: 4242, gid: "{{ node.app.group }}", manage_home: true, shell: /bin/sh}
- type: file
  name: /etc/app.age
  content: "{{ node.app.key | secret }}"
  owner: "{{ node.app.user }}"
  mode: "0600"
- type: file
  name: /etc/app.bag
  content: "{{ data_bag_item(bag='app', item='database', key='password') }}"
  mode: "0600"
"#,
    ),
];

/// The container with the directory in `/etc/chef`.
fn machine() -> Result<Container> {
    let machine = Container::of(lab::root(DEBIAN)?).brasa(lab::binary()?).start()?;
    for (name, text) in FILES {
        machine.write(&format!("/etc/chef/{name}"), text);
    }
    machine.write("/etc/chef/encrypted_data_bag_secret", "right\n");
    machine.write("/root/identity", IDENTITY);
    machine.sh("chmod 600 /etc/chef/encrypted_data_bag_secret /root/identity").success();
    let [age, chef] = SECRETS;
    let sealed = machine.sh(&format!("printf %s {age} | brasa data-bag encrypt --age {RECIPIENT}")).success().stdout;
    let item = format!(r#"{{"id": "database", "password": "{chef}"}}"#);
    machine.sh(&format!("echo '{item}' | brasa data-bag encrypt app database --from -")).success();
    let dna =
        format!(r#"{{"run_list": ["role[base]"], "chef_environment": "production", "app": {{"key": {sealed}}}}}"#);
    machine.write("/etc/chef/dna.json", dna);
    Ok(machine)
}

/// A run as a unit of systemd: with the identity as a credential, and with nothing else of ours.
fn converge(machine: &Container) -> Output {
    let unit =
        ["systemd-run", "--quiet", "--wait", "--pipe", "--property=LoadCredential=brasa-age-identity:/root/identity"];
    machine.run(unit.iter().chain(&["/usr/local/bin/brasa", "converge", "--detailed-exitcode"]))
}

#[test]
fn a_directory_of_chef_solo_converges_with_a_credential_and_is_taken_back() -> Result<()> {
    let machine = machine()?;
    let before = machine.snapshot();
    // Without the credential nothing begins, and why is said.
    let without = machine.run(["brasa", "converge"]).exits(65);
    let said = "error: /etc/chef/site-cookbooks/app/recipes/default.yml:6:12: what `secret` stands behind: it is encrypted with age, \
                and there is no identity to decrypt it with\nhint: looked for an identity in `/etc/brasa/age-identity`; another file \
                is named by `age_identity_file` in the settings\n";
    assert_eq!(without.stderr, said);
    assert_eq!(machine.run(["getent", "passwd", "deploy"]).code, 2, "nothing was begun");

    let done = converge(&machine).exits(2);
    assert!(done.stdout.contains("user[deploy]"), "the environment chose the user: {done}");
    assert_eq!(machine.read("/etc/app.age"), SECRETS[0]);
    assert_eq!(machine.read("/etc/app.bag"), SECRETS[1]);
    let account = machine.run(["getent", "passwd", "deploy"]).success().stdout;
    assert_eq!(account, "deploy:x:4242:4242::/home/deploy:/bin/sh\n");
    assert_eq!(machine.run(["stat", "-c", "%U %a", "/etc/app.age"]).success().stdout, "deploy 600\n");
    for secret in SECRETS {
        let found = machine.sh(&format!("grep -rl {secret} /var/lib/brasa /var/cache/brasa /var/log /run/brasa; true"));
        assert_eq!(found.stdout, "", "a secret lies where it should not");
        assert!(!format!("{done}").contains(secret), "{done}");
    }
    converge(&machine).success();

    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.run(["getent", "passwd", "deploy"]).code, 2, "the account is gone");
    assert_eq!(machine.run(["getent", "group", "app"]).code, 2, "and its group");
    // Beside brasa's own files: the copies that the tools of accounts keep of what they change, and the unit of the run.
    let is_other = |path: &str| {
        let own = ["/var/lib/brasa", "/var/cache", "/var/log", "/run", "unit run-"];
        let copy = path.starts_with("/etc/") && path.ends_with('-');
        !(copy || own.iter().any(|own| path.contains(own)))
    };
    let left: Vec<_> = before.changed(&machine.snapshot()).into_iter().filter(|path| is_other(path)).collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn a_home_that_was_used_is_not_taken_back() -> Result<()> {
    let machine = machine()?;
    converge(&machine).exits(2);
    machine.write("/home/deploy/thesis.txt", "years of work\n");
    let undo = machine.run(["brasa", "undo", "last"]);
    assert_ne!(undo.code, 0, "{undo}");
    assert!(format!("{undo}").contains("/home/deploy"), "{undo}");
    assert_eq!(machine.read("/home/deploy/thesis.txt"), "years of work\n");
    machine.run(["getent", "passwd", "deploy"]).success();
    Ok(())
}

#[test]
fn a_change_of_secret_that_is_cut_off_can_be_gone_on_with() -> Result<()> {
    let machine = machine()?;
    machine.sh("echo '{\"id\": \"web\", \"word\": \"w\"}' | brasa data-bag encrypt app web --from -").success();
    machine.sh("echo newer > /root/secret && chmod 600 /root/secret").success();
    // What something is mounted over cannot be replaced: the second of two.
    let file = "/etc/chef/data_bags/app/web.json";
    machine.run(["mount", "--bind", file, file]).success();
    let rekey = || machine.run(["brasa", "data-bag", "rekey", "app", "--new-secret-file", "/root/secret"]);
    let failed = rekey();
    assert_ne!(failed.code, 0, "{failed}");
    for said in [
        "\nencrypted anew: `/etc/chef/data_bags/app/database.json`\n",
        "as they were: `/etc/chef/data_bags/app/web.json`\n",
        "\nhint: give the same command again: what is done already is passed over\n",
    ] {
        assert!(failed.stderr.contains(said), "{failed}");
    }
    machine.run(["umount", file]).success();
    let again = rekey().success();
    assert_eq!(again.stderr, "encrypted 1 item of data bag `app` anew; 1 item had the new secret already\n");
    machine.run(["mv", "/root/secret", "/etc/chef/encrypted_data_bag_secret"]).success();
    let shown = machine.run(["brasa", "data-bag", "show", "app", "database"]).success();
    assert!(shown.stdout.contains(SECRETS[1]), "{shown}");
    assert_eq!(machine.sh("ls -A /etc/chef/data_bags/app").success().stdout, "database.json\nweb.json\n");
    Ok(())
}
