use super::{Place, write};
use crate::host::{Command, Fake, Grade, Kept, MOUNTS, Op, Shape};

const ROOT: &str = "22 1 253:0 / / rw - ext4 /dev/vda rw\n";

fn machine() -> Fake {
    Fake::new().with_file(MOUNTS, ROOT).with_directory("/srv/data")
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
