//! Accounts with shadow's real tools: memberships and the end of an account, made, repaired and taken back.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Base, Container, DEBIAN, Output, Result, SYSTEM};

const RECIPE: &str = "/etc/brasa/cookbooks/site/recipes/default.yml";

fn converge(machine: &Container, resources: &str) -> Output {
    machine.write(RECIPE, format!("resources:\n{resources}"));
    machine.run(["brasa", "converge", "--detailed-exitcode"])
}

fn machine() -> Result<Container> {
    of(DEBIAN)
}

fn of(base: Base) -> Result<Container> {
    let machine = Container::of(lab::root(base)?).brasa(lab::binary()?).start()?;
    machine.write("/etc/brasa/solo.rb", "cookbook_path '/etc/brasa/cookbooks'\n");
    machine.write("/etc/brasa/dna.json", r#"{"run_list": ["site"]}"#);
    machine.write("/etc/brasa/cookbooks/site/metadata.json", r#"{"name": "site", "version": "1.0.0"}"#);
    Ok(machine)
}

/// What is refused before the first change, in a plan too.
fn refused(machine: &Container, resources: &str, why: &str) {
    let marker = "- {type: file, name: /tmp/first, content: x}\n";
    let refused = converge(machine, &format!("{marker}{resources}")).exits(1);
    assert!(refused.stderr.contains(why), "{refused}");
    assert!(refused.stderr.contains("nothing was changed: this was found before the first change"), "{refused}");
    let plan = machine.run(["brasa", "plan"]).exits(1);
    assert!(plan.stdout.contains(why), "{plan}");
}

#[test]
fn a_home_that_is_in_the_way_or_belongs_to_another_stays() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("useradd -d /srv/shared shar; mkdir /srv/shared; touch /srv/shared/keep; useradd -m mv1; mkdir /srv/ex")
        .success();
    let accounts = || machine.sh("cat /etc/passwd; ls /srv/shared /home/mv1").success().stdout;
    let before = accounts();
    let remove = "- {type: user, name: shar, manage_home: true, action: remove}\n";
    refused(&machine, remove, "the home `/srv/shared` of `shar` belongs to `root`");
    let moves = "- {type: user, name: mv1, home: /srv/ex, manage_home: true}\n";
    refused(&machine, moves, "the home of `mv1` cannot be moved to `/srv/ex`: a directory is there");
    assert_eq!(accounts(), before);
    machine.sh("useradd -m -d /srv/two a1; useradd -d /srv/two a2; useradd -d / rooty; chown mv1 /srv/ex").success();
    for (name, why) in [
        ("a1", "the home `/srv/two` of `a1` is that of `a2` too"),
        ("rooty", "the home `/` of `rooty` is a directory of the system"),
    ] {
        refused(&machine, &format!("- {{type: user, name: {name}, manage_home: true, action: remove}}\n"), why);
    }
    machine.sh("test -e /srv/two; rmdir /srv/ex").success();
    converge(&machine, moves).exits(2);
    converge(&machine, moves).success();
    assert_eq!(machine.sh("stat -c %U /srv/ex; test -e /home/mv1 || echo moved").success().stdout, "mv1\nmoved\n");
    Ok(())
}

#[test]
fn a_tool_that_fails_when_the_account_is_changed_has_changed_it() -> Result<()> {
    let machine = machine()?;
    // A mailbox of somebody else is left alone, and userdel fails for it when the account is gone.
    machine.sh("useradd -m mel; touch /var/mail/mel; chown root: /var/mail/mel").success();
    let remove = "- {type: execute, name: told, command: echo told >>/tmp/told, action: nothing}\n\
                  - {type: user, name: mel, manage_home: true, action: remove, notifies: [run, 'execute[told]', immediately]}\n";
    let removed = converge(&machine, remove).exits(2);
    assert!(removed.stdout.contains("- user[mel] remove"), "{removed}");
    let all = format!("{}{}", removed.stdout, removed.stderr);
    assert!(all.contains("/var/mail/mel not owned by mel, not removing"), "{removed}");
    assert!(all.contains("the account is as asked for all the same"), "{removed}");
    assert_eq!(machine.sh("cat /tmp/told; getent passwd mel; ls /home").exits(0).stdout, "told\n");
    converge(&machine, remove).success();
    Ok(())
}

#[test]
fn what_is_put_into_a_home_is_foreseen_wherever_it_will_be() -> Result<()> {
    let machine = machine()?;
    for (name, base) in [("deploy", "/home"), ("other", "/srv/homes")] {
        machine.sh(&format!("mkdir -p {base}; echo HOME={base} >/etc/default/useradd"));
        let home = format!("{base}/{name}");
        let resources = format!(
            "- {{type: user, name: {name}, manage_home: true}}\n\
             - {{type: directory, name: {home}/bin, owner: {name}, group: {name}}}\n\
             - {{type: file, name: {home}/.bashrc, owner: {name}, content: ours}}\n\
             - {{type: file, name: {home}/.profile, action: create_if_missing, content: ours}}\n\
             - {{type: ssh_authorized_key, name: {name}, key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz}}\n\
             - {{type: execute, name: touch made, user: {name}, cwd: {home}, creates: {home}/made}}\n"
        );
        machine.write(RECIPE, format!("resources:\n{resources}"));
        let plan = machine.run(["brasa", "plan"]).success();
        assert!(!plan.stdout.contains(".profile"), "/etc/skel has one: {plan}");
        converge(&machine, &resources).exits(2);
        converge(&machine, &resources).success();
        let files = machine.sh(&format!("cd {home}; stat -c '%n %U %G' bin .ssh/authorized_keys made; cat .bashrc"));
        let files = files.success().stdout;
        assert_eq!(
            files,
            format!("bin {name} {name}\n.ssh/authorized_keys {name} {name}\nmade {name} {name}\nours"),
            "{home}"
        );
        // An account that is gone lets nobody in.
        machine.run(["userdel", "--remove", name]).success();
        let delete = resources.lines().find(|line| line.contains("ssh_authorized_key")).unwrap();
        converge(&machine, &format!("{}\n", delete.replace("key: ", "action: delete, key: "))).success();
    }
    Ok(())
}

#[test]
fn a_group_of_the_users_name_is_its_primary_group_when_it_is_named() -> Result<()> {
    let machine = machine()?;
    let user = "- {type: group, name: team}\n- {type: user, name: team}\n";
    refused(&machine, user, "cannot make user `team`: `useradd` makes a group of this name with it, and there is one");
    machine.run(["groupadd", "pre"]).success();
    refused(&machine, "- {type: user, name: pre}\n", "hint: set `gid` to `pre`");
    let with_group = "- {type: user, name: pre, gid: pre}\n";
    converge(&machine, with_group).exits(2);
    converge(&machine, with_group).success();
    let group = machine.run(["getent", "group", "pre"]).success().stdout;
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.sh("getent passwd pre; getent group pre").success().stdout, group, "userdel took it along");
    // Who came into it meanwhile stays: it is left by userdel then.
    converge(&machine, with_group).exits(2);
    machine.sh("useradd other && usermod -aG pre other").success();
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.run(["getent", "group", "pre"]).success().stdout.ends_with(":other\n"));
    // Whose name is in the list of its own group, too.
    machine.sh("useradd -m twice && usermod -aG twice twice").success();
    let twice = || machine.sh("getent passwd twice; getent group twice; id -Gn twice").stdout;
    let before = twice();
    converge(&machine, "- {type: user, name: twice, action: remove, manage_home: true}\n").exits(2);
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(twice(), before);
    // Without private groups it is in nobody's way.
    machine.sh("sed -i 's/^USERGROUPS_ENAB.*/USERGROUPS_ENAB no/' /etc/login.defs").success();
    converge(&machine, user).exits(2);
    converge(&machine, user).success();
    assert_eq!(machine.run(["id", "-gn", "team"]).success().stdout, "users\n");
    Ok(())
}

#[test]
fn a_group_is_managed_though_a_member_is_gone() -> Result<()> {
    let machine = machine()?;
    machine.sh("useradd ann; useradd bob; groupadd docker; sed -i 's/^docker:.*/&ghost/' /etc/group").success();
    let members = || machine.sh("getent group docker | cut -d: -f4 | tr , '\\n' | sort | paste -sd,").success().stdout;
    for (resource, left) in [
        ("{type: group, name: docker, append: true, members: [ann]}", "ann,ghost\n"),
        ("{type: user, name: bob, groups: [docker]}", "ann,bob,ghost\n"),
        ("{type: group, name: docker, append: true, excluded_members: [ann]}", "bob,ghost\n"),
    ] {
        let resource = format!("- {resource}\n");
        let before = members();
        converge(&machine, &resource).exits(2);
        assert_eq!(members(), left);
        converge(&machine, &resource).success();
        machine.run(["brasa", "undo", "last"]).success();
        assert_eq!(members(), before);
        converge(&machine, &resource).exits(2);
    }
    let exactly = "- {type: group, name: docker, members: [ann, bob]}\n";
    converge(&machine, exactly).exits(2);
    converge(&machine, exactly).success();
    assert_eq!(members(), "ann,bob\n");
    let undone = machine.run(["brasa", "undo", "last"]).success();
    let told = "no members of group `docker` again: `ghost`, for no account is named so";
    assert!(format!("{}{}", undone.stdout, undone.stderr).contains(told), "{undone}");
    assert_eq!(members(), "bob\n");
    Ok(())
}

#[test]
fn mail_goes_and_comes_back_with_its_account() -> Result<()> {
    let machine = machine()?;
    machine
        .sh("useradd -m pat; echo dear >/var/mail/pat; chown pat:mail /var/mail/pat; chmod 660 /var/mail/pat; \
             chage -M 90 pat; echo pat:300000:65536 >/etc/subuid")
        .success();
    let mail = || machine.sh("cat /var/mail/pat; stat -c '%U %G %a' /var/mail/pat");
    let before = mail().success().stdout;
    let remove = "- {type: user, name: pat, manage_home: true, action: remove}\n";
    machine.write(RECIPE, format!("resources:\n{remove}"));
    let plan = machine.run(["brasa", "plan"]).success();
    let told = "the mail in `/var/mail/pat` goes with the account";
    assert!(format!("{}{}", plan.stdout, plan.stderr).contains(told), "{plan}");
    converge(&machine, remove).exits(2);
    mail().exits(1);
    let undo = machine.run(["brasa", "undo", "last", "--dry-run"]).success().stdout;
    let lost = "of user `pat` stays lost: the limits of its password's age, its ranges in `/etc/subuid`";
    assert!(undo.contains(lost), "{undo}");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(mail().success().stdout, before);
    Ok(())
}

#[test]
fn a_large_home_is_not_kept_and_the_plan_says_so() -> Result<()> {
    let machine = machine()?;
    machine.sh("useradd -m big; head -c 70M /dev/zero >/home/big/70M; useradd -m few; echo x >/home/few/x; chown few /home/few/x").success();
    let remove = |name: &str| format!("- {{type: user, name: {name}, manage_home: true, action: remove}}\n");
    let said = "`/home/big` is too large to be kept: an undo brings the account back, and not its files";
    machine.write(RECIPE, format!("resources:\n{}", remove("big")));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(format!("{}{}", plan.stdout, plan.stderr).contains(said), "{plan}");
    converge(&machine, &remove("big")).exits(2);
    assert_eq!(machine.sh("du -sm /var/lib/brasa | cut -f1").success().stdout.trim(), "1", "megabytes");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.sh("stat -c %U /home/big; ls -A /home/big").success().stdout, "big\n");
    let removed = converge(&machine, &remove("few")).exits(2);
    assert!(!format!("{}{}", removed.stdout, removed.stderr).contains("too large"), "{removed}");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.sh("cat /home/few/x; stat -c %U /home/few/x").success().stdout, "x\nfew\n");
    Ok(())
}

#[test]
fn a_locked_password_stays_locked_with_a_new_hash() -> Result<()> {
    let machine = machine()?;
    machine.sh("useradd bob; echo 'bob:$6$abc$xyz' | chpasswd -e; usermod -L bob; useradd new").success();
    let hash = |name: &str| machine.sh(&format!("getent shadow {name} | cut -d: -f2")).success().stdout;
    let password = |name: &str, actions: &str| {
        format!("- {{type: user, name: {name}, password: '$6$abc$new', action: {actions}}}\n")
    };
    converge(&machine, &password("bob", "create")).exits(2);
    converge(&machine, &password("bob", "create")).success();
    assert_eq!(hash("bob"), "!$6$abc$new\n");
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(hash("bob"), "!$6$abc$xyz\n");
    converge(&machine, &password("bob", "[create, unlock]")).exits(2);
    converge(&machine, &password("bob", "[create, unlock]")).success();
    assert_eq!(hash("bob"), "$6$abc$new\n");
    converge(&machine, &password("new", "create")).exits(2);
    converge(&machine, &password("new", "create")).success();
    assert_eq!(hash("new"), "$6$abc$new\n", "it had none that could have been locked");
    Ok(())
}

#[test]
fn no_password_at_all_can_be_asked_for() -> Result<()> {
    let machine = machine()?;
    machine.sh("useradd old; echo 'old:$6$abc$xyz' | chpasswd -e; useradd shut; echo 'shut:$6$abc$xyz' | chpasswd -e; usermod -L shut").success();
    for (name, hash) in [("new", "!"), ("star", "*"), ("old", "!"), ("shut", "!"), ("shut", "*")] {
        let resource = format!("- {{type: user, name: {name}, password: '{hash}'}}\n");
        converge(&machine, &resource).exits(2);
        assert!(converge(&machine, &resource).success().stdout.contains("0 changed"));
    }
    Ok(())
}

#[test]
fn a_plan_refuses_what_the_tools_would_and_warns_of_a_shell() -> Result<()> {
    let machine = machine()?;
    machine.sh("groupadd team; useradd -g team ann").success();
    let group = "- {type: group, name: team, action: remove}\n";
    refused(&machine, group, "cannot remove group `team`: it is the primary group of user `ann`");
    refused(&machine, "- {type: user, name: root, action: remove}\n", "`root` is the superuser");
    // What is gone, or has another group, by then is in nobody's way.
    converge(&machine, &format!("- {{type: user, name: ann, gid: users}}\n{group}")).exits(2);
    let shell = "- {type: user, name: ann, shell: /bin/zsh}\n";
    let told = converge(&machine, shell).exits(2);
    let warning = "the shell `/bin/zsh` does not exist: nobody can log in with it";
    assert!(format!("{}{}", told.stdout, told.stderr).contains(warning), "{told}");
    assert!(converge(&machine, shell).success().stdout.contains("0 changed"));
    // In a plan a package may still bring it.
    let package = "- {type: execute, name: install -m 755 /bin/sh /bin/fish, creates: /bin/fish}\n";
    machine
        .write(RECIPE, format!("resources:\n{package}- {{type: user, name: ann, shell: /bin/fish, comment: Ann}}\n"));
    let plan = machine.run(["brasa", "plan"]).success();
    assert!(!format!("{}{}", plan.stdout, plan.stderr).contains("nobody can log in"), "{plan}");
    assert!(plan.stdout.contains("will    user[ann]"), "{plan}");
    Ok(())
}

#[test]
fn what_a_name_service_knows_is_not_changed() -> Result<()> {
    let machine = of(SYSTEM)?;
    machine.write("/var/lib/extrausers/passwd", "netu:x:7001:7001:Net:/home/netu:/bin/bash\n");
    machine.write("/var/lib/extrausers/group", "netg:x:7001:netu\n");
    machine
        .sh("sed -i -E 's/^(passwd|group):.*/\\1: files extrausers/' /etc/nsswitch.conf; id netu; useradd ann")
        .success();
    let user = "`netu` comes from the name service, not from /etc/passwd";
    let group = "`netg` comes from the name service, not from /etc/group";
    for (resource, why) in [
        ("{type: user, name: netu, shell: /bin/sh}", user),
        ("{type: user, name: netu, password: '$6$salt$hash'}", user),
        ("{type: user, name: netu, action: lock}", user),
        ("{type: user, name: netu, action: remove}", user),
        ("{type: group, name: netg, append: true, members: [root]}", group),
        ("{type: user, name: ann, append: true, groups: [netg]}", group),
        ("{type: group, name: netg, action: remove}", group),
    ] {
        refused(&machine, &format!("- {resource}\n"), why);
    }
    let as_it_is = "- {type: user, name: netu, shell: /bin/bash}\n- {type: group, name: netg, gid: 7001}\n";
    converge(&machine, as_it_is).success();
    let member = "- {type: group, name: staff, append: true, members: [netu]}\n";
    converge(&machine, member).exits(2);
    converge(&machine, member).success();
    assert_eq!(machine.run(["id", "-nG", "netu"]).success().stdout, "netg staff\n");
    Ok(())
}

#[test]
fn an_account_has_its_groups_and_its_end() -> Result<()> {
    let machine = machine()?;
    let files = || machine.sh("cat /etc/passwd /etc/group /etc/shadow | sort").success().stdout;
    let groups = || machine.run(["id", "-nG", "ana"]).success().stdout;
    let ends = || machine.sh("getent shadow ana | cut -d: -f7,8").success().stdout;
    let before = files();

    let ana = "- {type: user, name: ana, groups: [staff, adm], expire_date: 2027-03-31, inactive: 30}\n";
    converge(&machine, ana).exits(2);
    converge(&machine, ana).success();
    assert_eq!(groups(), "ana adm staff\n");
    assert_eq!(ends(), "30:20908\n", "days since 1970");
    assert!(machine.run(["chage", "-l", "ana"]).success().stdout.contains("Mar 31, 2027"));
    let described = machine.run(["brasa", "resource", "user", "ana"]).success().stdout;
    assert!(
        described.contains("    expire_date: \"2027-03-31\"\n    inactive: 30\n    groups: [adm, staff]\n"),
        "{described}"
    );

    // Drift of each part is repaired.
    machine.sh("gpasswd -d ana staff; gpasswd -a ana sudo; usermod -e '' -f -1 ana").success();
    assert_eq!(ends(), ":\n");
    converge(&machine, ana).exits(2);
    assert_eq!((groups().as_str(), ends().as_str()), ("ana adm staff\n", "30:20908\n"));
    let more = "- {type: user, name: ana, groups: [sudo], append: true, expire_date: never, inactive: never}\n";
    converge(&machine, more).exits(2);
    converge(&machine, more).success();
    assert_eq!((groups().as_str(), ends().as_str()), ("ana adm sudo staff\n", ":\n"));
    let missing = converge(&machine, "- {type: user, name: ana, groups: [nowhere]}\n").exits(1);
    assert!(missing.stderr.contains("group `nowhere` does not exist: `ana` is to be a member of it"), "{missing}");

    let history = machine.run(["brasa", "history", "--format", "json"]).success().stdout;
    // A run that changed nothing has no number to be taken back by.
    let runs: Vec<_> = history.split("\"run\": \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(runs.len(), 3, "{history}");
    for run in runs.iter().rev() {
        machine.run(["brasa", "undo", run]).success();
    }
    assert_eq!(files(), before);
    Ok(())
}
