use super::{Place, service, write};
use crate::host::{
    Active, Command, Enabled, Fake, Grade, Kept, MOUNTS, Op, PackageSpec, Provider, ServiceVerb, Shape, Transaction,
};

const ROOT: &str = "22 1 253:0 / / rw - ext4 /dev/vda rw\n";

fn machine() -> Fake {
    Fake::new().with_file(MOUNTS, ROOT).with_file("/etc/motd", "welcome\n").with_directory("/srv/data").with_service(
        "named",
        Enabled::No,
        Active::No,
    )
}

fn kept(shape: Shape, path: &str, to: &str, by: &[&str], back: &[&str]) -> Op {
    let commands = |lines: &[&str]| lines.iter().map(|line| Command::new(line.split(' '))).collect();
    let (by, back) = (commands(by), commands(back));
    let (path, key, to) = (path.into(), String::new(), Some(to.to_owned()));
    Op::Kept(Kept { path, shape, key, from: None, to, by, back, left: None, note: None })
}

fn mounted(fstype: &str, source: &str, at: &str) -> Op {
    let line = format!("0 0 0:0 / {at} rw - {fstype} {source} rw");
    let by = format!("mount -t {fstype} -- {source} {at}");
    kept(Shape::Mount, at, &line, &[&by], &[&format!("umount -- {at}")])
}

#[test]
fn what_others_put_into_memory_is_not_lost_unasked() {
    let (place, mut fake) = (Place::new(), machine());
    let run =
        place.run(&mut fake, &[mounted("tmpfs", "tmpfs", "/srv/data"), write("/srv/data/own", "x", 0o644)]).unwrap();
    let plan = place.state.undo_plan(&run, &fake).unwrap();
    assert_eq!((plan.items[1].grade, plan.conflicts.len()), (Grade::BestEffort, 0));
    assert_eq!(plan.items[1].note.as_deref(), Some("what is in `/srv/data` by then is lost: it lies in memory"));
    let mut fake = fake.with_file("/srv/data/precious", "theirs");
    let refused = place.undo(&mut fake, &run, false).unwrap_err().to_string();
    assert!(refused.ends_with("`/srv/data` holds `precious`, which the run did not put there"), "{refused}");
    let undone = place.undo(&mut fake, &run, true).unwrap();
    let again = place.state.undo_plan(&undone.run.unwrap(), &fake).unwrap();
    let note = again.items.iter().find_map(|item| item.note.as_deref());
    assert_eq!(note, Some("what was in `/srv/data` is lost: it is mounted again, and empty"));
}

#[test]
fn what_the_run_started_may_use_what_it_mounted() {
    let used = || machine().with_link("/proc/52/cwd", "/srv/data/x").with_file("/proc/52/comm", "named\n");
    let undo = |fake: &Fake, operations: &[Op], force: bool| {
        let (place, mut fake) = (Place::new(), fake.clone());
        let run = place.run(&mut fake, operations).unwrap();
        place.undo(&mut fake, &run, force).map(|undone| undone.taken_back.len()).map_err(|error| error.to_string())
    };
    let disk = mounted("ext4", "/dev/vdb", "/srv/data");
    let refused = undo(&used(), std::slice::from_ref(&disk), false).unwrap_err();
    assert_eq!(refused, "`/srv/data` cannot be unmounted: process 52 (`named`) uses it");
    assert_eq!(undo(&used(), std::slice::from_ref(&disk), true), Ok(1));
    assert_eq!(undo(&used(), &[disk.clone(), service(ServiceVerb::Start)], false), Ok(2));
    // A service that the undo stops later on still runs by then.
    assert_eq!(undo(&used(), &[service(ServiceVerb::Start), disk.clone()], false), Err(refused));
    let mut daemon = Transaction::new(Provider::Platform);
    daemon.install.push(PackageSpec::any("named"));
    let packaged = used().with_candidate("named", "1").with_lists_age(1_u64);
    assert_eq!(undo(&packaged, &[disk.clone(), Op::Packages(daemon)], false), Ok(2));
    // What a process of another namespace stands in is another mount.
    let elsewhere = used().with_link("/proc/self/ns/mnt", "mnt:[1]").with_link("/proc/52/ns/mnt", "mnt:[2]");
    assert_eq!(undo(&elsewhere, &[disk], false), Ok(1));
}

#[test]
fn what_others_mounted_below_is_named() {
    let (outer, inner) = (mounted("ext4", "/dev/vdb", "/srv/data"), mounted("ext4", "/dev/vdc", "/srv/data/in"));
    let (place, mut fake) = (Place::new(), machine().with_directory("/srv/data/in"));
    let run = place.run(&mut fake, &[outer, inner]).unwrap();
    let table =
        format!("{ROOT}30 22 0:0 / /srv/data rw - ext4 /dev/vdb rw\n31 30 0:0 / /srv/data/in rw - ext4 /dev/vdc rw\n");
    let mut more =
        fake.clone().with_file(MOUNTS, format!("{table}32 30 0:9 / /srv/data/a\\040b rw - tmpfs x rw\n").as_str());
    let refused = place.undo(&mut more, &run, false).unwrap_err().to_string();
    assert_eq!(refused, "`/srv/data` cannot be unmounted: `/srv/data/a b` is mounted below it");
    assert_eq!(place.undo(&mut fake, &run, false).unwrap().taken_back, [2, 1]);
    // What came along with one mount goes with it, and is still where it came from; what is nowhere else is somebody's.
    let line = "0 0 253:0 /opt /srv/data rw - ext4 /dev/vda rw";
    let back = ["mount --make-rslave -- /srv/data", "umount -R -- /srv/data"];
    let whole = kept(Shape::Mount, "/srv/data", line, &["mount -o rbind -- /opt /srv/data"], &back);
    let (place, mut fake) = (Place::new(), machine());
    let run = place.run(&mut fake, &[whole]).unwrap();
    let table = format!("{ROOT}{line}\n33 0 0:9 / /srv/data/sub rw - tmpfs x rw\n");
    let mut more = fake.clone().with_file(MOUNTS, table.as_str());
    let refused = place.undo(&mut more, &run, false).unwrap_err().to_string();
    assert_eq!(refused, "`/srv/data` cannot be unmounted: `/srv/data/sub` is mounted below it");
    let table = format!("{table}34 22 0:9 / /opt/sub rw - tmpfs x rw\n");
    let mut fake = fake.with_file(MOUNTS, table.as_str());
    assert_eq!(place.undo(&mut fake, &run, false).unwrap().taken_back, [1]);
}

#[test]
fn a_swap_file_that_the_kernel_refused_goes_again() {
    let made = "dd if=/dev/zero of=/swap";
    let swap = kept(
        Shape::Swap,
        "/swap",
        "a swap file of 8 MiB, in use",
        &[made, "swapon -- /swap"],
        &["swapoff -- /swap", "rm -- /swap"],
    );
    let fake = machine()
        .with_effect(made, [write("/swap", "", 0o600)])
        .with_effect("rm -- /swap", [super::remove("/swap", false)])
        .with_answer("stat -c %s -- /swap", 0, "8388608\n")
        .with_answer("swapon -- /swap", 255, "swapon failed")
        .with_answer("swapoff -- /swap", 255, "swapoff failed");
    let (place, mut fake) = (Place::new(), fake);
    let before = fake.clone();
    let run = place.run(&mut fake, &[write("/etc/motd", "new", 0o644), swap]).unwrap();
    let undone = place.undo(&mut fake, &run, false).unwrap();
    assert_eq!((undone.taken_back.as_slice(), undone.failed), ([2, 1].as_slice(), 0));
    assert_eq!(fake.differences(&before), [""; 0]);
}
