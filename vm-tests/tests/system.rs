//! Kinds that concern the system as a whole, with the real programs that read what they write.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the machine from outside the program"
)]

use lab::{Container, Result, SYSTEM, converge, settle, site};

fn machine() -> Result<Container> {
    site(Container::of(lab::root(SYSTEM)?))
}

#[test]
fn sudo_heeds_the_rules_and_a_wrong_one_is_not_put_in_place() -> Result<()> {
    let machine = machine()?;
    machine.run(["useradd", "-m", "deploy"]).success();
    let rule = "- {type: sudo, name: web.deploy, users: deploy, commands: [/usr/bin/id -u], nopasswd: true}\n";
    settle(&machine, rule);
    let file = "/etc/sudoers.d/web__deploy";
    assert_eq!(machine.run(["stat", "-c", "%a %U %G", file]).success().stdout, "440 root root\n");
    let asked = |command: &str| machine.run(["su", "deploy", "-c", &format!("sudo -n {command}")]);
    assert_eq!(asked("/usr/bin/id -u").success().stdout, "0\n");
    assert_ne!(asked("/usr/bin/id").code, 0, "only what is granted");
    // Drift is repaired.
    machine.sh(&format!("echo 'deploy ALL=(ALL) ALL' >> {file}")).success();
    settle(&machine, rule);
    // What visudo refuses leaves the good file as it is.
    let good = machine.read(file);
    let wrong = rule.replace("/usr/bin/id -u", "id");
    let refused = converge(&machine, &wrong).exits(1);
    assert!(refused.stderr.contains("/usr/sbin/visudo -cf"), "{refused}");
    assert_eq!(machine.read(file), good);
    assert_eq!(machine.sh("ls -A /etc/sudoers.d").success().stdout, "README\nweb__deploy\n");
    settle(&machine, "- {type: sudo, name: web.deploy, action: delete}\n");
    assert_ne!(asked("/usr/bin/id -u").code, 0);
    Ok(())
}

#[test]
fn sysctl_sets_what_the_kernel_of_a_container_lets_be_set_and_says_what_it_does_not() -> Result<()> {
    let machine = machine()?;
    // A container with a network of its own may set that part; the rest belongs to the host.
    let ports = "- {type: sysctl, name: net.ipv4.ip_local_port_range, value: [20000, 30000]}\n";
    let was = machine.read("/proc/sys/net/ipv4/ip_local_port_range");
    settle(&machine, ports);
    machine.run(["brasa", "undo", "last"]).success();
    assert_eq!(machine.read("/proc/sys/net/ipv4/ip_local_port_range"), was);
    settle(&machine, ports);
    let running = || machine.run(["sysctl", "-n", "net.ipv4.ip_local_port_range"]).success().stdout;
    assert_eq!(running(), "20000\t30000\n");
    // The real reader of the file agrees, and drift of either half is repaired.
    let drift = "echo '1024 2048' > /proc/sys/net/ipv4/ip_local_port_range";
    machine.sh(&format!("{drift} && sysctl -p /etc/sysctl.d/99-chef-net.ipv4.ip_local_port_range.conf")).success();
    assert_eq!(running(), "20000\t30000\n");
    machine.sh(drift).success();
    settle(&machine, ports);
    assert_eq!(running(), "20000\t30000\n");
    machine.sh("rm /etc/sysctl.d/99-chef-net.ipv4.ip_local_port_range.conf").success();
    settle(&machine, ports);
    let refused = converge(&machine, "- {type: sysctl, name: net.ipv4.ip_forward, value: many}\n").exits(1);
    assert!(refused.stderr.contains("the kernel refuses `many` for `/proc/sys/net/ipv4/ip_forward`"), "{refused}");
    assert_ne!(machine.run(["test", "-e", "/etc/sysctl.d/99-chef-net.ipv4.ip_forward.conf"]).code, 0);

    let swappiness = "- {type: sysctl, name: vm.swappiness, value: 7}\n";
    let refused = converge(&machine, swappiness).exits(1);
    assert!(refused.stderr.contains("cannot be set here: cannot write `/proc/sys/vm/swappiness`"), "{refused}");
    let lenient = swappiness.replace('}', ", ignore_error: true}");
    let warned = settle(&machine, &lenient);
    assert!(format!("{warned}").contains("it is set at the next boot"), "{warned}");
    assert!(machine.read("/etc/sysctl.d/99-chef-vm.swappiness.conf").ends_with("\nvm.swappiness = 7\n"));
    settle(&machine, "- {type: sysctl, name: vm.swappiness, action: remove}\n");
    Ok(())
}

#[test]
fn modprobe_reads_what_is_written_of_modules() -> Result<()> {
    let machine = machine()?;
    let shown = |line: &str| machine.sh(&format!("modprobe --showconfig | grep -x '{line}'")).code == 0;
    let module = |rest: &str| format!("- {{type: kernel_module, name: lab-module, {rest}}}\n");
    settle(&machine, &module("action: [blacklist, disable]"));
    assert!(shown("blacklist lab_module") && shown("install lab_module /bin/false"));
    settle(&machine, &module("action: [enable, uninstall]"));
    assert!(!shown("blacklist lab_module") && !shown("install lab_module /bin/false"));
    // The kernel is the host's, and has no such module: why is said, and nothing is to be loaded at boot.
    let refused = converge(&machine, &module("options: [size=4]")).exits(1);
    assert!(refused.stderr.contains("Module lab-module not found"), "{refused}");
    assert!(shown("options lab_module size=4"));
    assert_ne!(machine.run(["test", "-e", "/etc/modules-load.d/lab-module.conf"]).code, 0);
    Ok(())
}

#[test]
fn apt_prefers_what_it_is_told_to() -> Result<()> {
    let repository = lab::deb_repo()?;
    let machine = site(Container::of(lab::root(SYSTEM)?).repository(&repository))?;
    machine.run(["apt-get", "-qq", "update"]).success();
    let candidate = || machine.sh("apt-cache policy lab-app | sed -n 's/ *Candidate: //p'").success().stdout;
    let newest = candidate();
    let preference = "- {type: apt_preference, name: lab-app, pin: version 1.0*, pin_priority: 1001}\n";
    settle(&machine, preference);
    assert!(candidate().starts_with("1.0") && candidate() != newest, "{} in place of {newest}", candidate());
    machine.run(["rm", "/etc/apt/preferences.d/lab-app.pref"]).success();
    // In one run too: candidates that were read before count no longer.
    let small = "- {type: package, name: lab-small-01}\n";
    settle(&machine, &format!("{small}{preference}- {{type: package, name: lab-app}}\n"));
    let version = machine.sh("dpkg-query -W -f '${Version}' lab-app").success().stdout;
    assert!(version.starts_with("1.0"), "{version}");
    settle(&machine, "- {type: apt_preference, name: lab-app, action: remove}\n");
    assert_eq!(candidate(), newest);
    Ok(())
}

#[test]
fn a_session_has_the_limits_of_its_user() -> Result<()> {
    let machine = machine()?;
    machine.run(["useradd", "-m", "deploy"]).success();
    settle(
        &machine,
        "- {type: user_ulimit, name: deploy, filehandle_limit: 321, core_soft_limit: 0, core_hard_limit: unlimited}\n",
    );
    let session = || machine.run(["su", "deploy", "-c", "ulimit -n; ulimit -Sc; ulimit -Hc"]).success().stdout;
    assert_eq!(session(), "321\n0\nunlimited\n");
    settle(&machine, "- {type: user_ulimit, name: deploy, action: delete}\n");
    assert_ne!(session().lines().next(), Some("321"));
    Ok(())
}

#[test]
fn crontab_lets_in_whom_it_is_told_to() -> Result<()> {
    let machine = machine()?;
    machine.sh("useradd -m deploy && useradd -m eve").success();
    let may = |user: &str| {
        let asked = machine.run(["su", user, "-c", "crontab -l"]);
        assert_ne!(asked.code, 0, "there is no crontab to show: {asked}");
        !asked.stderr.contains("not allowed")
    };
    settle(&machine, "- {type: cron_access, name: eve, action: deny}\n");
    assert!(may("deploy") && !may("eve"));
    settle(&machine, "- {type: cron_access, name: deploy}\n");
    assert!(may("deploy") && !may("eve"));
    settle(&machine, "- {type: cron_access, name: eve}\n- {type: cron_access, name: deploy, action: deny}\n");
    assert!(!may("deploy") && may("eve"));
    Ok(())
}

#[test]
fn cron_runs_the_job_of_a_crontab_and_the_lines_of_others_stay() -> Result<()> {
    let machine = machine()?;
    machine.run(["useradd", "-m", "deploy"]).success();
    let listed = || machine.run(["crontab", "-u", "deploy", "-l"]).success().stdout;
    // What Chef has left there, and somebody's own line.
    let own = "# mine\n@yearly   true\n";
    let put = |text: &str| machine.sh(&format!("printf '%b' '{text}' | crontab -u deploy -")).success();
    put(&format!("{own}# Chef Name: clock\nMAILTO=\"root\"\n0 0 1 1 * false\n"));
    let job = "- {type: cron, name: clock, user: deploy, mailto: '', command: date >> ran, environment: {NOTE: a b}}\n";
    settle(&machine, job);
    let written = format!("{own}# Chef Name: clock\nMAILTO=\"\"\nNOTE=a b\n* * * * * date >> ran\n");
    assert_eq!(listed(), written);
    // crontab(1) accepts it, and puts it there just as it was.
    let file = "/var/spool/cron/crontabs/deploy";
    let state = || machine.run(["stat", "-c", "%a %U", file]).success().stdout;
    let before = state();
    machine.sh("crontab -u deploy -l | crontab -u deploy -").success();
    assert_eq!((before.as_str(), state().as_str()), ("600 deploy\n", "600 deploy\n"));
    converge(&machine, job).success();
    // Drift is repaired.
    machine.sh(&format!("sed -i 's/^\\* /5 /' {file} && chmod 644 {file}")).success();
    settle(&machine, job);
    assert_eq!((listed(), state()), (written.clone(), before));
    // The real cron heeds it.
    machine
        .sh("n=0; until test -s /home/deploy/ran; do n=$((n + 1)); test $n -lt 80 || exit 1; sleep 1; done")
        .success();
    settle(&machine, "- {type: cron, name: clock, user: deploy, action: delete}\n");
    assert_eq!(listed(), own);
    let weekly = "- {type: cron, name: root's own, command: 'true', time: weekly}\n";
    settle(&machine, weekly);
    // Debian's crontab(1) hides comments at the top: the job's name must not be one.
    assert_eq!(machine.run(["crontab", "-l"]).success().stdout, "# Chef Name: root's own\n@weekly true\n");
    machine.sh("crontab -l | crontab -").success();
    converge(&machine, weekly).success();
    machine.run(["crontab", "-r"]).success();
    settle(&machine, weekly);
    let undone = machine.run(["brasa", "undo", "last"]).success();
    assert_ne!(machine.run(["crontab", "-l"]).code, 0, "{undone}");
    settle(&machine, weekly);
    settle(&machine, "- {type: cron, name: root's own, action: delete}\n");
    assert_ne!(machine.run(["crontab", "-l"]).code, 0);
    // What is in a crontab is shown, so that it is found as it is.
    settle(&machine, job);
    let shown = machine.run(["brasa", "resource", "cron", "clock", "user=deploy", "--private"]).success().stdout;
    assert!(shown.contains("command: \"date >> ran\"") && !shown.contains("not said"), "{shown}");
    converge(&machine, shown.trim_start_matches("resources:\n")).success();
    // A job that takes too long is ended, with what it started. What follows `%` is still its input.
    let limited = "- {type: cron, name: slow, time: yearly, command: 'cat > /root/read; sleep 77 && true%so it is', time_out: {duration: 1, kill-after: 5s, signal: INT}}\n\
                   - {type: cron_d, name: quick, time: yearly, command: '/bin/sleep 78', time_out: 0.5}\n";
    settle(&machine, limited);
    let slow = machine.run(["crontab", "-l"]).success().stdout;
    let slow = slow.lines().find_map(|line| line.strip_prefix("@yearly ")).unwrap_or_default().to_owned();
    let (command, input) = slow.split_once('%').unwrap_or_default();
    machine.write("/root/slow", command);
    assert_eq!(machine.sh(&format!("echo '{input}' | sh /root/slow")).code, 124, "{slow}");
    assert_eq!(machine.read("/root/read"), "so it is\n");
    let quick = machine.read("/etc/cron.d/quick").replace("@yearly root ", "");
    machine.write("/root/quick", &quick);
    assert_eq!(machine.run(["sh", "/root/quick"]).code, 124, "{quick}");
    assert_ne!(machine.sh("pgrep -f 'sleep 7[78]'").code, 0);
    machine.run(["brasa", "undo", "last"]).success();
    assert!(machine.run(["crontab", "-l"]).code != 0 && !machine.exists("/etc/cron.d/quick"));
    Ok(())
}
