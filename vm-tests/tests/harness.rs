//! The lab proves itself: what the scenarios rest on.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it looks at the host from outside the program"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use lab::{Artefact, Container, DEBIAN, EL9, Result, Signal};

const INSTALL: [&str; 7] = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", "install", "lab-app"];

fn debian() -> Result<Artefact> {
    lab::root(DEBIAN)
}

/// The container's directory on the host, its mounts as the host sees them, and the processes that name it.
fn traces(name: &str) -> (bool, Vec<String>, Vec<String>) {
    let directory = lab_directory().join("containers").join(name);
    let mounts = fs::read_to_string("/proc/self/mounts").expect("the mount table can be read");
    let mounts = mounts.lines().filter(|line| line.contains(name)).map(str::to_owned).collect();
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc can be read").flatten() {
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default().replace('\0', " ");
        if line.contains(&format!("--machine={name} ")) {
            processes.push(line);
        }
    }
    (directory.exists(), mounts, processes)
}

fn lab_directory() -> PathBuf {
    let root = debian().expect("the root is there");
    root.path().parent().expect("a root lies in the lab").to_owned()
}

/// All processes in the container's process namespace, as the host counts them.
fn processes_of(leader: u32) -> usize {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(ours) = namespace(&leader.to_string()) else {
        return 0;
    };
    let all = fs::read_dir("/proc").expect("/proc can be read").flatten();
    all.filter(|entry| entry.file_name().to_str().and_then(namespace) == Some(ours.clone())).count()
}

#[test]
fn boots_a_systemd_that_answers() -> Result<()> {
    let machine = Container::of(debian()?).start()?;
    assert_eq!(machine.run(["cat", "/proc/1/comm"]).success().stdout, "systemd\n");
    assert_eq!(machine.run(["systemctl", "is-active", "dbus.socket"]).success().stdout, "active\n");
    assert_eq!(machine.run(["systemctl", "list-units", "--failed", "--no-legend"]).success().stdout, "");
    assert_eq!(machine.run(["hostname", "--fqdn"]).success().stdout, "machine.example.com\n");
    Ok(())
}

#[test]
fn runs_without_an_init_too() -> Result<()> {
    let machine = Container::of(debian()?).without_init().start()?;
    assert!(!machine.exists("/run/systemd/system"));
    machine.write("/srv/a/b", "kept between commands\n");
    assert_eq!(machine.read("/srv/a/b"), "kept between commands\n");
    assert!(!debian()?.path().join("srv/a").exists(), "the root itself stays as it is");
    Ok(())
}

#[test]
fn commands_report_how_they_ended() -> Result<()> {
    let machine = Container::of(debian()?).without_init().start()?;
    let output = machine.sh("echo out; echo err >&2; exit 7").exits(7);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(machine.sh("kill -9 $$").code, 137);
    assert_eq!(machine.run_bare_env(["/usr/bin/env"]).success().stdout, "");
    assert_eq!(machine.command(["/usr/bin/env"]).bare_env().env("A", "b c").run().success().stdout, "A=b c\n");
    assert_eq!(machine.command(["cat"]).stdin("through\n").run().success().stdout, "through\n");
    assert_eq!(machine.run(["cat"]).success().stdout, "", "no input means an empty one");
    machine.sh("sleep 1000 &").success();
    Ok(())
}

#[test]
fn a_command_that_hangs_is_ended() -> Result<()> {
    let machine = Container::of(debian()?).without_init().start()?;
    let hang = || machine.command(["sh", "-c", "echo begun; sleep 1000"]).limit(Duration::from_millis(300)).run();
    let message = catch_unwind(AssertUnwindSafe(hang)).expect_err("it does not return");
    let message = message.downcast_ref::<String>().expect("the panic has a message");
    assert!(message.contains("killed after 0 s") && message.contains("begun"), "{message}");
    assert_eq!(machine.sh("echo still usable").success().stdout, "still usable\n");
    Ok(())
}

#[test]
fn background_commands_can_be_killed() -> Result<()> {
    let machine = Container::of(debian()?).start()?;
    let mut writer =
        machine.spawn(["sh", "-c", "trap '' TERM; while :; do echo tick | tee -a /srv/ticks; sleep 0.01; done"]);
    writer.wait_until(|stdout, _| stdout.lines().count() > 3);
    writer.signal(Signal::TERM);
    assert!(writer.is_running(), "it ignores SIGTERM");
    let output = writer.kill();
    assert_eq!(output.code, 137);
    let written = machine.read("/srv/ticks").lines().count();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(machine.read("/srv/ticks").lines().count(), written, "nobody writes any more");
    Ok(())
}

#[test]
fn apt_installs_from_the_local_repository_without_a_network() -> Result<()> {
    let machine = Container::of(debian()?).repository(&lab::deb_repo()?).start()?;
    assert_eq!(machine.sh("ls /sys/class/net").success().stdout, "lo\n");
    machine.run(["apt-get", "-qq", "update"]).success();
    machine.run(INSTALL).success();
    assert_eq!(machine.read("/etc/lab-app.conf"), "shipped=2\n");
    assert_eq!(machine.run(["systemctl", "is-active", "lab-app"]).success().stdout, "active\n");
    assert_eq!(machine.run(["systemctl", "is-enabled", "lab-app"]).success().stdout, "enabled\n");
    let bad = machine.run(["apt-get", "-qq", "-y", "install", "lab-bad"]);
    assert_eq!(bad.code, 100, "{bad}");
    Ok(())
}

#[test]
fn dnf_installs_from_the_local_repository_without_a_network() -> Result<()> {
    let machine = Container::of(lab::root(EL9)?).repository(&lab::rpm_repo()?).start()?;
    machine.run(["dnf", "-y", "-q", "install", "lab-app-1.0"]).success();
    assert_eq!(machine.run(["rpm", "-q", "lab-app"]).success().stdout, "lab-app-1.0-1.noarch\n");
    machine.run(["systemctl", "enable", "--now", "lab-app"]).success();
    assert_eq!(machine.run(["systemctl", "is-active", "lab-app"]).success().stdout, "active\n");
    assert!(machine.read("/etc/os-release").contains("ID=\"rhel\""));
    Ok(())
}

#[test]
fn apt_installs_the_articles_packages_without_a_network() -> Result<()> {
    let machine = Container::of(debian()?).repository(&lab::article_repo()?).start()?;
    machine.run(["apt-get", "-qq", "update"]).success();
    let simulate = ["apt-get", "-qq", "--print-uris", "-y", "install"];
    let uris = machine.run(simulate.iter().chain(lab::ARTICLE_PACKAGES)).success().stdout;
    assert!(uris.lines().count() > 50 && uris.lines().all(|line| line.starts_with("'file:/lab/article/")), "{uris}");
    let install = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install dnsutils cron";
    machine.sh(install).success();
    assert_eq!(machine.run(["systemctl", "is-active", "cron"]).success().stdout, "active\n");
    machine.run(["nsupdate", "-V"]).success();
    Ok(())
}

#[test]
fn gems_install_from_the_local_source_without_a_network() -> Result<()> {
    let (packages, gems) = (lab::article_repo()?, lab::gem_repo()?);
    let machine = Container::of(debian()?).without_init().repository(&packages).repository(&gems).start()?;
    machine.sh("apt-get -qq update && apt-get -qq -y --no-install-recommends install ruby").success();
    machine.run(["gem", "install", "--no-document", "lab_gem", "--version", "1.0.0"]).success();
    assert_eq!(machine.run(["gem", "list", "--exact", "lab_gem"]).success().stdout, "lab_gem (1.0.0)\n");
    machine.run(["gem", "install", "--no-document", "lab_gem"]).success();
    assert_eq!(machine.run(["gem", "list", "--exact", "lab_gem"]).success().stdout, "lab_gem (1.1.0, 1.0.0)\n");
    Ok(())
}

#[test]
fn a_small_disk_gets_full() -> Result<()> {
    let machine = Container::of(debian()?).without_init().disk_size("8m").start()?;
    let output = machine.sh("dd if=/dev/zero of=/srv/big bs=1M count=20").exits(1);
    assert!(output.stderr.contains("No space left on device"), "{output}");
    Ok(())
}

#[test]
fn a_snapshot_shows_what_was_touched_and_nothing_else() -> Result<()> {
    let machine = Container::of(debian()?).repository(&lab::deb_repo()?).start()?;
    machine.sh("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install lab-app").success();
    machine.write("/etc/lab/file", "one\n");
    machine.sh("ln -s file /etc/lab/link; touch /etc/lab/gone").success();
    let before = machine.snapshot();
    assert!(before.len() > 500, "{} entries", before.len());
    machine.sh("touch /etc/lab/file; apt-get -qq update; apt-get -qq -s install lab-doc").success();
    assert_eq!(before.difference(&machine.snapshot()), Vec::<String>::new());
    machine.write("/etc/lab/file", "two\n");
    machine
        .sh("chmod 700 /etc/lab; ln -sfn /dev/null /etc/lab/link; rm /etc/lab/gone; touch '/etc/lab/new one'")
        .success();
    machine.run(["systemctl", "stop", "lab-app"]).success();
    let after = machine.snapshot();
    assert_eq!(
        before.changed(&after),
        ["/etc/lab", "/etc/lab/file", "/etc/lab/gone", "/etc/lab/link", "/etc/lab/new one", "unit lab-app.service"]
    );
    assert_eq!(before.difference(&after)[0], "~ /etc/lab d 0755 0:0 => d 0700 0:0");
    assert_eq!(before.difference(&after)[3], "~ /etc/lab/link l 0777 0:0 -> file => l 0777 0:0 -> /dev/null");
    Ok(())
}

#[test]
fn trees_are_copied_in() -> Result<()> {
    let machine = Container::of(debian()?).without_init().start()?;
    let source = lab::workspace().join("nodes/article");
    machine.copy_in(&source, "/etc/chef");
    let original = fs::read_to_string(source.join("dna.json")).expect("the article's input is there");
    assert_eq!(machine.read("/etc/chef/dna.json"), original);
    Ok(())
}

#[test]
fn several_containers_live_side_by_side() -> Result<()> {
    let root = debian()?;
    let machines = [
        Container::of(root.clone()).start()?,
        Container::of(root.clone()).start()?,
        Container::of(root).on_disk().start()?,
    ];
    for machine in &machines {
        machine.write("/srv/name", machine.name());
    }
    for machine in &machines {
        assert_eq!(machine.read("/srv/name"), machine.name());
    }
    Ok(())
}

#[test]
fn nothing_is_left_of_a_dropped_container() -> Result<()> {
    for on_disk in [false, true] {
        let options = Container::of(debian()?);
        let machine = if on_disk { options.on_disk() } else { options }.start()?;
        let (name, leader) = (machine.name().to_owned(), machine.leader());
        machine.sh("sleep 1000 & setsid sleep 1000 & echo x >/srv/x").success();
        assert!(processes_of(leader) > 3);
        let (directory, mounts, processes) = traces(&name);
        assert!(directory && mounts.is_empty() && !processes.is_empty(), "{mounts:?} {processes:?}");
        drop(machine);
        assert_eq!(traces(&name), (false, vec![], vec![]));
        assert_eq!(processes_of(leader), 0);
    }
    Ok(())
}

#[test]
fn nothing_is_left_after_a_panic() -> Result<()> {
    let mut seen = (String::new(), 0);
    let scenario = AssertUnwindSafe(|| {
        let machine = Container::of(debian().expect("the root is there")).start().expect("it starts");
        seen = (machine.name().to_owned(), machine.leader());
        machine.run(["false"]).success();
    });
    catch_unwind(scenario).expect_err("`false` does not succeed");
    assert_eq!(traces(&seen.0), (false, vec![], vec![]));
    assert_eq!(processes_of(seen.1), 0);
    Ok(())
}

/// Set in the process that is to hold a container until it is killed.
const HOLD: &str = "LAB_HOLD_A_CONTAINER";

#[test]
fn nothing_is_left_when_the_test_itself_is_killed() -> Result<()> {
    if std::env::var_os(HOLD).is_some() {
        let machine = Container::of(debian()?).on_disk().start()?;
        println!("holding {} {}", machine.name(), machine.leader());
        std::thread::sleep(Duration::from_secs(600));
    }
    let mut holder = Command::new(std::env::current_exe().expect("a process knows its own program"));
    holder.args(["--exact", "nothing_is_left_when_the_test_itself_is_killed", "--nocapture"]);
    let mut holder = holder.env(HOLD, "1").stdout(Stdio::piped()).spawn().expect("a test program starts");
    let stdout = BufReader::new(holder.stdout.take().expect("stdout is a pipe"));
    let lines = stdout.lines().map(|line| line.expect("a test program writes text"));
    let line =
        lines.filter_map(|line| Some(line.split_once("holding ")?.1.to_owned())).next().expect("it says what it holds");
    let (name, leader) = line.split_once(' ').expect("name and leader");
    let leader = leader.parse().expect("a process id");
    assert!(processes_of(leader) > 3);
    holder.kill().and_then(|()| holder.wait()).expect("it can be killed");
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        traces(name) == (false, vec![], vec![]) && processes_of(leader) == 0
    });
    assert!(gone, "{:?}, {} processes", traces(name), processes_of(leader));
    Ok(())
}

#[test]
fn a_container_that_ends_by_itself_says_so() -> Result<()> {
    let machine = Container::of(debian()?).start()?;
    let (name, leader) = (machine.name().to_owned(), machine.leader());
    machine.run(["systemctl", "poweroff"]);
    let gone = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        processes_of(leader) == 0 && !traces(&name).0
    });
    assert!(gone, "its leash tidied up behind it");
    assert_ne!(machine.run(["true"]).code, 0);
    Ok(())
}

#[test]
fn a_root_that_cannot_boot_shows_why() -> Result<()> {
    let machine = Container::of(debian()?).bind("/nonexistent/lab", "/srv/x").start();
    let message = machine.expect_err("there is nothing to bind").to_string();
    assert!(message.starts_with("container of `debian` did not start: it ended with exit status"), "{message}");
    assert!(message.contains("/nonexistent/lab"), "{message}");
    Ok(())
}
