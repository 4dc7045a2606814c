//! SELinux: a kernel that has it, Debian's own policy, and the real programs that change both.

use lab::{Container, KERNEL, Result, Vm, converge, plan, prepare_site, settle, site};

const KINDS: &str = "
- {type: selinux_state, name: mode, action: enforcing}
- {type: selinux_boolean, name: ssh_sysadm_login, value: false}
- {type: selinux_fcontext, name: '/srv/www(/.*)?', secontext: httpd_sys_content_t}
";

/// Of what is new, the policy has a label of its own, other than that of its directory. What is replaced keeps the label that it has.
const FILES: &str = "
- {type: file, name: /etc/hosts.new, content: new}
- {type: file, name: /etc/shadow-, mode: '0600', content: ''}
- {type: directory, name: /var/www}
- {type: file, name: /srv/www/index.html, content: new}
- {type: file, name: /etc/motd, content: replaced}
";

/// Emulated, each call of semanage takes half a minute: so they are few, and all of it is one story.
#[test]
fn selinux_is_as_it_is_declared_and_new_files_have_the_labels_of_its_policy() -> Result<()> {
    let vm = Vm::of(lab::root(KERNEL)?).kernel_options("security=selinux").brasa()?.start()?;
    prepare_site(&vm);
    let boolean = || vm.read("/sys/fs/selinux/booleans/ssh_sysadm_login");
    let rules = "/etc/selinux/default/contexts/files/file_contexts.local";
    let label = |path: &str| vm.run(["stat", "-c", "%C", path]).success().stdout.trim_end().to_owned();
    vm.sh("mkdir -p /srv/www && echo old >/srv/www/old && rm -f /etc/shadow- && chcon -t etc_runtime_t /etc/motd")
        .success();
    assert_eq!((vm.run(["getenforce"]).stdout.trim(), boolean().as_str()), ("Permissive", "1 1"));

    let planned = plan(&vm, KINDS).stdout;
    for line in [
        "run setenforce 1",
        "run setsebool ssh_sysadm_login off",
        "run setsebool -P ssh_sysadm_login off",
        "semanage fcontext -a -t httpd_sys_content_t -f a '/srv/www(/.*)?', then restorecon -i -R /srv/www",
    ] {
        assert!(planned.contains(line), "{planned}");
    }
    assert_eq!(
        (vm.run(["getenforce"]).stdout.trim(), boolean().as_str()),
        ("Permissive", "1 1"),
        "a plan changes nothing"
    );

    let all = format!("{KINDS}{FILES}");
    converge(&vm, &all).exits(2);
    assert_eq!((vm.run(["getenforce"]).stdout.trim(), boolean().as_str()), ("Enforcing", "0 0"));
    assert!(vm.read("/etc/selinux/config").contains("\nSELINUX=enforcing\n# SELINUXTYPE= can"));
    assert!(vm.read(rules).ends_with("/srv/www(/.*)?    system_u:object_r:httpd_sys_content_t:s0\n"));
    assert_eq!(vm.sh("tail -n 1 /var/lib/selinux/default/active/booleans.local").stdout, "ssh_sysadm_login=0\n");
    for (path, kind) in [
        ("/srv/www/old", "httpd_sys_content_t"),
        ("/srv/www/index.html", "httpd_sys_content_t"),
        ("/etc/shadow-", "shadow_t"),
        ("/var/www", "httpd_sys_content_t"),
        ("/etc/motd", "etc_runtime_t"),
    ] {
        let context = label(path);
        assert!(context.contains(&format!(":{kind}:")), "{path} is {context}");
    }
    let wrong =
        vm.sh("restorecon -n -v -F /etc/hosts.new /etc/shadow- /srv/www/index.html; restorecon -n -v -R -F /var/www");
    assert_eq!(wrong.success().stdout, "", "each new file has the label that the policy has for it");
    converge(&vm, &all).success();

    // Drift of each, in both places where semanage keeps a rule.
    vm.sh(&format!(
        "setenforce 0 && setsebool ssh_sysadm_login on && \
         sed -i 's/httpd_sys_content_t/var_t/' {rules} /var/lib/selinux/default/active/file_contexts.local && \
         chcon -t var_t /srv/www/old"
    ))
    .success();
    let repaired = converge(&vm, KINDS).exits(2);
    assert!(!repaired.stdout.contains("setsebool -P"), "the half that is right is left alone: {repaired}");
    assert_eq!((vm.run(["getenforce"]).stdout.trim(), boolean().as_str()), ("Enforcing", "0 0"));
    assert!(label("/srv/www/old").contains(":httpd_sys_content_t:"));

    let undone = vm.run(["brasa", "undo", "last"]).success();
    assert!(vm.read(rules).ends_with(":var_t:s0\n"), "{undone}");
    assert!(label("/srv/www/old").contains(":var_t:"), "{undone}");
    assert_eq!((vm.run(["getenforce"]).stdout.trim(), boolean().as_str()), ("Permissive", "1 1"));
    Ok(())
}

/// Here all of it is as quick as the machine is, so this is where a rule comes, changes and goes.
#[test]
fn without_a_kernel_that_has_it_the_policy_is_changed_for_the_next_boot() -> Result<()> {
    let machine = site(Container::of(lab::root(KERNEL)?))?;
    let rules = || machine.read("/etc/selinux/default/contexts/files/file_contexts.local");
    let switches = || machine.sh("tail -n 1 /var/lib/selinux/default/active/booleans.local").success().stdout;
    let rule = |kind: &str| format!("/srv/www(/.*)?    system_u:object_r:{kind}:s0\n");
    let said = settle(&machine, KINDS);
    assert!(format!("{said}").contains("the kernel runs without SELinux, which only a reboot changes"), "{said}");
    assert!(machine.read("/etc/selinux/config").contains("\nSELINUX=enforcing\n# SELINUXTYPE= can"));
    assert_eq!(switches(), "ssh_sysadm_login=0\n");
    assert!(rules().ends_with(&rule("httpd_sys_content_t")));

    // Drift by the administrator's own tools, which have the last word on what they read and write.
    let drift = "setsebool -P -N ssh_sysadm_login on && semanage fcontext -N -m -t var_t '/srv/www(/.*)?'";
    machine.sh(drift).success();
    settle(&machine, KINDS);
    assert!(rules().ends_with(&rule("httpd_sys_content_t")));
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!((switches().as_str(), rules().ends_with(&rule("var_t"))), ("ssh_sysadm_login=1\n", true));

    // What was changed since is not lost by an undo.
    machine.sh("semanage fcontext -N -m -t etc_t '/srv/www(/.*)?'").success();
    let directories = "- {type: selinux_fcontext, name: /srv/www, file_type: d, secontext: public_content_t}\n";
    settle(&machine, directories);
    machine.sh("semanage fcontext -N -m -f d -t etc_t /srv/www").success();
    let refused = machine.run(["brasa", "undo", "last"]).exits(1);
    assert!(refused.stderr.contains("it says `/srv/www -d system_u:object_r:etc_t:s0` now"), "{refused}");
    settle(&machine, &directories.replace('}', ", action: delete}"));
    assert_eq!(rules().lines().last(), rule("etc_t").lines().next());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(rules().contains("/srv/www -d system_u:object_r:etc_t:s0\n"), "{}", rules());

    // A rule of the policy itself is overridden, and what semanage refuses is told.
    settle(&machine, "- {type: selinux_fcontext, name: /root/restore, file_type: d, secontext: etc_t}\n");
    let wrong = converge(&machine, "- {type: selinux_fcontext, name: /srv/x, secontext: no_such_t}\n").exits(1);
    assert!(wrong.stderr.contains("Type no_such_t is invalid"), "{wrong}");
    let wrong = converge(&machine, "- {type: selinux_boolean, name: no_such, value: true}\n").exits(1);
    assert!(wrong.stderr.contains("no_such is not defined"), "{wrong}");
    Ok(())
}

#[test]
fn ports_get_types_and_types_are_let_go() -> Result<()> {
    let machine = site(Container::of(lab::root(KERNEL)?))?;
    let port = |port: &str, rest: &str| format!("- {{type: selinux_port, name: {port}, protocol: tcp, {rest}}}\n");
    let ports = || machine.sh("grep -v -e '^#' -e '^$' /var/lib/selinux/default/active/ports.local").stdout;
    // One that nobody has, a range, and one that the policy has of another type.
    let three = ["5678", "5680-5690", "443"].map(|number| port(number, "secontext: dns_port_t")).concat();
    settle(&machine, &three);
    let line = |number: &str, kind: &str| format!("portcon tcp {number} system_u:object_r:{kind}:s0\n");
    let lines = |kind: &str| ["443", "5678", "5680 - 5690"].map(|number| line(number, kind));
    let shown = ports();
    assert!(lines("dns_port_t").iter().all(|line| shown.contains(line)), "{shown}");
    machine.sh("semanage port -N -m -t http_port_t -p tcp 5678").success();
    settle(&machine, &three);
    machine.run(["brasa", "undo", "last"]).success();
    assert!(ports().contains(&line("5678", "http_port_t")), "{}", ports());
    // What the policy itself says is enough, and comes back by an undo.
    converge(&machine, &port("80", "secontext: http_port_t")).success();
    settle(&machine, &port("443", "action: delete"));
    assert!(!ports().contains("tcp 443"), "{}", ports());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(ports().contains(&line("443", "dns_port_t")), "{}", ports());

    settle(&machine, &port("5678", "action: delete"));
    machine.run(["brasa", "undo", "last"]).success();
    assert!(ports().contains(&line("5678", "http_port_t")), "{}", ports());

    let module = "/var/lib/selinux/default/active/modules/400/permissive_sshd_t";
    let listed = || machine.run(["semanage", "permissive", "-l", "-n"]).success().stdout.contains("sshd_t");
    settle(&machine, "- {type: selinux_permissive, name: sshd_t}\n");
    assert!(machine.exists(module) && listed());
    machine.run(["brasa", "undo", "last"]).success();
    assert!(!machine.exists(module) && !listed());
    machine.sh("semanage permissive -N -a sshd_t").success();
    settle(&machine, "- {type: selinux_permissive, name: sshd_t, action: delete}\n");
    assert!(!machine.exists(module));
    Ok(())
}
