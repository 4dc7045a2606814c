//! `mount[mount point]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{in_the_way, path_faults, resolve, text, text_of},
    file,
    fstab::{self, Line, Row, node, same_device},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, EntryKind, Kept, MOUNTS, Op, Probe, Shape, is_memory},
    properties,
    resource::{Change, Found, Goal, Property, Resource},
    values::Words,
};

/// What names the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceType {
    /// Its path, a server's directory, or a word for what has none, as `tmpfs`.
    #[default]
    Device,
    /// The label of the file system on it.
    Label,
    /// The UUID of the file system on it.
    Uuid,
}

impl Property for DeviceType {
    const TYPE: &'static str = "device, label or uuid";

    fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        match value.as_str() {
            Some("device") => Ok(Self::Device),
            Some("label") => Ok(Self::Label),
            Some("uuid") => Ok(Self::Uuid),
            Some(_) | None => Err(format!("expected `device`, `label` or `uuid`, found {value}")),
        }
    }
}

properties! {
    /// A file system at its place: whether it is mounted now, and its line in `/etc/fstab`, which has it mounted at boot.
    /// What is mounted is told by the kernel, whatever name a device goes by; mount(8) and umount(8) change it. All other
    /// lines of `/etc/fstab` stay as they are. Unlike in Chef, the line with this mount point is the one that is managed, with
    /// whatever device: of several the first, which is the one that counts at boot, and the others go. A mount point at which
    /// something else is mounted is refused. Options other than those of what is mounted take effect at the next mount, or with
    /// `remount`.
    pub struct Mount("mount point") {
        name: String;
        /// The directory, when it is not the name of the resource; of a bind mount it may be a file.
        mount_point: PathBuf,
        /// What is mounted: a device's path, label or UUID, a server's directory, the directory of a bind mount, or `tmpfs`.
        device: String,
        /// `device` (when not given), `label` or `uuid`.
        device_type: DeviceType,
        /// Type of the file system; found out by mount(8) when not given.
        fstype: String,
        /// Options, as `[noatime, nofail]`; `defaults` when not given. No passwords: the kernel shows them to everybody.
        options: Words,
        /// Whether dump(8) backs it up; 0 when not given.
        dump: u32,
        /// When fsck(8) checks it at boot. When not given, 2 for a block device and 0 for what is none.
        pass: u32,
    }
    example r#"r.add(Mount::at("/srv").device("/dev/vdb1").fstype("ext4").action([mount::Mounted, mount::Enable]));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Mounted = "mount": "Has it mounted now.",
        Umount = "umount": "Has it mounted no longer.",
        Unmount = "unmount": "The same as `umount`.",
        Remount = "remount": "Gives it its options anew while it stays mounted. Counts as a change each time.",
        Enable = "enable": "Has its line in `/etc/fstab`.",
        Disable = "disable": "Removes its line from `/etc/fstab`.",
    }
}
pub use Action::*;

/// What is mounted, and the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The device that is mounted there, if it matters.
    pub device: Option<String>,
    /// `/etc/fstab`, if it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fstab: Option<file::State>,
    /// The change of what is mounted, with the way back.
    #[serde(skip)]
    way: Option<Kept>,
}

impl Mount {
    /// What is mounted at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into().display().to_string())
    }

    fn point(&self) -> &Path {
        self.mount_point.as_deref().unwrap_or_else(|| Path::new(&self.name))
    }

    /// The device as fstab(5) and mount(8) take it.
    fn named(&self) -> Option<String> {
        let device = self.device.as_ref()?;
        Some(match self.device_type.unwrap_or_default() {
            DeviceType::Device => device.clone(),
            DeviceType::Label => format!("LABEL={device}"),
            DeviceType::Uuid => format!("UUID={device}"),
        })
    }

    fn all_options(&self) -> String {
        let words: Vec<_> = self.options.iter().flat_map(|options| &options.0).map(String::as_str).collect();
        if words.is_empty() { "defaults".to_owned() } else { words.join(",") }
    }

    fn is_bind(&self) -> bool {
        self.all_options().split(',').any(|option| matches!(option, "bind" | "rbind"))
    }

    fn kind(&self) -> &str {
        self.fstype.as_deref().unwrap_or(if self.is_bind() { "none" } else { "auto" })
    }

    fn line(&self, device: String) -> Line {
        let is_block = !self.is_bind() && (device.starts_with("/dev/") || device.contains('='));
        Line {
            device,
            point: self.point().display().to_string(),
            fstype: self.kind().to_owned(),
            options: self.all_options(),
            dump: self.dump.unwrap_or(0),
            pass: self.pass.unwrap_or(if is_block { 2 } else { 0 }),
        }
    }

    fn is_own(&self, line: &Line) -> bool {
        // As paths: a slash at the end means nothing.
        Path::new(&line.point) == self.point()
    }

    /// The device at the mount point: this one's own name for it, or the kernel's for another one.
    fn mounted(&self, probe: &dyn Probe) -> Result<Option<String>> {
        let unseen = |why: &str| {
            Error::failed(why).hint("in a root directory or an image, `enable` and `disable` do without it")
        };
        // What the kernel tells is of the machine around a system in a directory, and so would be what is mounted in there.
        if probe.offline() {
            return Err(unseen(
                "this is a system in a directory, that does not run, so nothing is mounted or unmounted in it",
            ));
        }
        let rows = fstab::mounts(probe)?;
        let rows = rows.ok_or_else(|| unseen(&format!("what is mounted cannot be seen: there is no `{MOUNTS}`")))?;
        let point = resolve(self.point(), probe)?.0;
        // What was mounted last lies on top. Where something is only to be mounted once it is used, nothing is yet.
        let there = |row: &&Row| row.point == point && row.fstype != "autofs";
        let Some(top) = rows.iter().rfind(there) else { return Ok(None) };
        let device = self.named();
        Ok(Some(match device {
            Some(device) if self.is_it(&device, top, &rows, probe)? => device,
            Some(_) | None => top.source.clone(),
        }))
    }

    fn is_it(&self, device: &str, top: &Row, rows: &[Row], probe: &dyn Probe) -> Result<bool> {
        if self.is_bind() {
            let source = resolve(Path::new(device), probe)?.0;
            let Some(below) = fstab::holding(&source, rows) else { return Ok(false) };
            let rest = source.strip_prefix(&below.point).unwrap_or(&source);
            return Ok(top.number == below.number && top.root == below.root.join(rest));
        }
        if device == top.source || device.trim_end_matches('/') == top.source {
            return Ok(true);
        }
        let looped = Path::new("/sys/dev/block").join(&top.number).join("loop/backing_file");
        let file = if top.source.starts_with("/dev/loop") { text(&looped, probe)? } else { None };
        let file = file.as_deref().map(|file| Path::new(file.trim_end_matches('\n')));
        // Before its links are followed: to look at an image is to read all of it.
        if file == Some(Path::new(device)) {
            return Ok(true);
        }
        let Some(own) = node(device, probe)? else {
            // The word for what has no device is anybody's choice; a server's directory is not.
            return Ok(!device.contains(['/', ':', '=']) && self.kind() == top.fstype);
        };
        Ok(file == Some(&own) || same_device(&top.source, device, probe)?)
    }

    /// Mounting a device there, as far as the kernel's line for it can be foreseen.
    fn mounting(&self, device: &str, probe: &dyn Probe) -> Result<Kept> {
        let point = resolve(self.point(), probe)?.0;
        let mut row = Row {
            number: "0:0".to_owned(),
            root: "/".into(),
            options: "rw".to_owned(),
            more: "rw".to_owned(),
            fstype: self.kind().to_owned(),
            source: node(device, probe)?.map_or_else(|| device.to_owned(), |node| node.display().to_string()),
            point: point.clone(),
        };
        let rows = fstab::mounts(probe)?.unwrap_or_default();
        let source = resolve(Path::new(device), probe)?.0;
        if let (true, Some(below)) = (self.is_bind(), fstab::holding(&source, &rows)) {
            row.root = below.root.join(source.strip_prefix(&below.point).unwrap_or(&source));
            row.number.clone_from(&below.number);
            row.source.clone_from(&below.source);
            row.fstype.clone_from(&below.fstype);
        }
        let (at, options) = (self.point().display().to_string(), self.all_options());
        let kind = Some(self.kind()).filter(|kind| !matches!(*kind, "auto" | "none"));
        let by = mount_command(kind, Some(options.as_str()).filter(|options| *options != "defaults"), device, &at);
        let mut back = vec![Command::new(["umount", "--", &at])];
        if options.split(',').any(|option| option == "rbind") {
            // Else what is unmounted here is unmounted where it came from, too. Source: mount_namespaces(7), "MS_SLAVE".
            let apart = Command::new(["mount", "--make-rslave", "--", &at]);
            back = vec![apart, Command::new(["umount", "-R", "--", &at])];
        }
        Ok(kept(point, None, Some(row.text()), vec![by], back))
    }

    /// Unmounting what is there, all that lies on each other, and how to have it back: by what the kernel tells of it.
    /// Where nothing shows the way back, there are no commands for it.
    fn unmounting(&self, there: &str, probe: &dyn Probe) -> Result<Kept> {
        let point = resolve(self.point(), probe)?.0;
        let rows = fstab::mounts(probe)?.unwrap_or_default();
        let layers: Vec<&Row> = rows.iter().filter(|row| row.point == point && row.fstype != "autofs").collect();
        let at = self.point().display().to_string();
        let mut back = Some(Vec::new());
        for row in &layers {
            if let Some(device) = self.named()
                && !self.is_it(&device, row, &rows, probe)?
            {
                let below = &row.source;
                let error = Error::failed(format!("below `{there}`, `{below}` is mounted at `{at}`, too"));
                return Err(error.hint("leave out `device`, which has all of them unmounted"));
            }
            let again = mounted_again(row, &rows, &at, probe)?;
            back = back.zip(again).map(|(mut back, again)| {
                back.push(again);
                back
            });
        }
        let by = layers.iter().map(|_| Command::new(["umount", "--", &at])).collect();
        let line = text(Path::new(MOUNTS), probe)?.unwrap_or_default();
        let mut way = kept(point, None, None, by, back.unwrap_or_default());
        way.from = way.now_in(&line);
        way.note = (layers.len() > 1).then(|| {
            format!(
                "{} mounts lay on each other at `{at}`: what the kernel told of them is mounted again",
                layers.len()
            )
        });
        Ok(way)
    }

    /// Refuses what mount(8) would fail at.
    fn require_both(&self, device: &str, probe: &dyn Probe) -> Result<()> {
        let point = self.point();
        let missing = |kind, path: &Path, why: &str| {
            let (name, why) = (path.display().to_string(), Some(why.to_owned()));
            Err(Error::Missing { kind, name, why })
        };
        // `//server/share` is a share of CIFS, and no path.
        let is_path = device.starts_with('/') && !device.starts_with("//");
        if is_path && resolve(Path::new(device), probe)?.1.is_none() {
            let error = Error::failed(format!("there is no `{device}` to be mounted at `{}`", point.display()));
            return Err(error.hint("correct the device, or have it appear before this"));
        }
        match resolve(point, probe)?.1.map(|entry| entry.kind) {
            Some(EntryKind::Directory) => Ok(()),
            Some(EntryKind::File { .. }) if self.is_bind() => Ok(()),
            Some(kind) => Err(in_the_way(point, &kind, "directory")),
            None if point == Path::new("/") => Ok(()),
            None => missing("directory", point, &format!("`{device}` is to be mounted at it")),
        }
    }
}

/// The command that mounts what a line of the kernel's table tells. `None`: nothing shows it any more.
fn mounted_again(row: &Row, rows: &[Row], at: &str, probe: &dyn Probe) -> Result<Option<Command>> {
    // A part of another file system, unless that has names for its parts; and all of one that would come anew, and empty.
    let others = || rows.iter().filter(|other| other.number == row.number && other.point != row.point);
    // Of a file system that others may write to, the kernel makes no second mount for reading only but as a bind.
    let has = |options: &str, word: &str| options.split(',').any(|option| option == word);
    let only_here = has(&row.options, "ro") && has(&row.more, "rw") && others().any(|other| other.root == row.root);
    let anew_and_empty = is_memory(&row.fstype) && others().next().is_some();
    if (row.root != Path::new("/") && row.fstype != "btrfs") || anew_and_empty || only_here {
        let Some(other) = others().find(|other| row.root.starts_with(&other.root)) else { return Ok(None) };
        let rest = row.root.strip_prefix(&other.root).unwrap_or(&row.root);
        let source = if rest == Path::new("") { other.point.clone() } else { other.point.join(rest) };
        let mut options = row.options(false);
        options.insert(0, "bind");
        return Ok(Some(mount_command(None, Some(&options.join(",")), &source.display().to_string(), at)));
    }
    // What a program shows as a file system tells the kernel other options than it takes.
    let mut options = row.options(!row.fstype.starts_with("fuse"));
    // A loop device that mount(8) made goes with the mount.
    let looped = Path::new("/sys/dev/block").join(&row.number).join("loop");
    let goes = row.source.starts_with("/dev/loop")
        && text(&looped.join("autoclear"), probe)?.is_some_and(|set| set.trim() == "1");
    let file = if goes { text(&looped.join("backing_file"), probe)? } else { None };
    if file.is_some() {
        options.push("loop");
    }
    let source = file.as_deref().map_or(row.source.as_str(), |file| file.trim_end_matches('\n'));
    // Which program shows a disk is found by what is on it.
    let kind = Some(row.fstype.as_str()).filter(|kind| *kind != "fuseblk");
    Ok(Some(mount_command(kind, Some(&options.join(",")), source, at)))
}

fn mount_command(kind: Option<&str>, options: Option<&str>, source: &str, point: &str) -> Command {
    let mut words = vec!["mount"];
    words.extend(kind.iter().flat_map(|kind| ["-t", *kind]));
    words.extend(options.iter().flat_map(|options| ["-o", *options]));
    words.extend(["--", source, point]);
    Command::new(words)
}

fn kept(path: PathBuf, from: Option<String>, to: Option<String>, by: Vec<Command>, back: Vec<Command>) -> Kept {
    Kept { path, shape: Shape::Mount, key: String::new(), from, to, by, back, left: None, note: None }
}

fn no_device() -> Fault {
    Fault::new("it has no device").hint("say with `device` what is to be mounted")
}

impl Resource for Mount {
    const KIND: &'static str = "mount";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = path_faults(self.point());
        let words = [("device", self.device.as_deref()), ("fstype", self.fstype.as_deref())];
        let options =
            self.options.iter().flat_map(|options| &options.0).map(|option| ("option", Some(option.as_str())));
        for (what, word) in words.into_iter().chain(options) {
            let Some(word) = word else { continue };
            if word.is_empty() || word.starts_with('-') || (what != "device" && word.contains(char::is_whitespace)) {
                faults.push(Fault::new(format!("{what} {word:?} is none")));
            }
            faults.extend(line_fault(what, word));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Mounted | Enable if self.device.is_none() => vec![no_device()],
            Mounted | Enable | Umount | Unmount | Remount | Disable => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        Ok(State { device: self.mounted(probe)?, fstab: Some(fstab::file().read(probe)?), way: None })
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        match action {
            Mounted | Umount | Unmount | Remount => Ok(State { device: self.mounted(probe)?, fstab: None, way: None }),
            Enable | Disable => Ok(State { device: None, fstab: Some(fstab::file().read(probe)?), way: None }),
        }
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let table = fstab::file().read(probe)?;
        let lines = text_of(table.entry.as_ref()).unwrap_or_default().lines().filter_map(Line::parse);
        let points = lines.map(|line| line.point).filter(|point| point.starts_with('/'));
        Ok(Some(points.collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.point().display().to_string());
        let table = fstab::file().read(probe)?;
        let lines = text_of(table.entry.as_ref()).unwrap_or_default().lines();
        let line = lines.filter_map(Line::parse).find(|line| self.is_own(line));
        // Of a root directory that does not run, what its table says is all there is.
        let running = !probe.offline() && fstab::mounts(probe)?.is_some();
        let there = if running { self.mounted(probe)? } else { None };
        let Some(Line { device, fstype, options, dump, pass, .. }) = line else {
            let point = resolve(self.point(), probe)?.0;
            let rows = fstab::mounts(probe)?.unwrap_or_default();
            // Of a bind mount the kernel names the file system, and not the directory.
            return Ok(Some(match rows.iter().rfind(|row| there.is_some() && row.point == point) {
                Some(row) if row.root == Path::new("/") => {
                    found.action("mount").with("device", row.source.as_str()).with("fstype", row.fstype.as_str())
                }
                Some(row) => found.unsaid(format!("that `{}` of `{}` is there", row.root.display(), row.source)),
                None if running => found.action("umount").action("disable"),
                None => found.action("disable"),
            }));
        };
        let of_line = Self::at(self.point()).device(device.as_str()).fstype(fstype.as_str());
        let of_line = of_line.options(options.split(',').map(str::to_owned).collect::<Words>());
        let mounted = running && of_line.mounted(probe)?.as_ref() == Some(&device);
        let options: Vec<_> = options.split(',').map(str::to_owned).collect();
        let found = found.with("device", device).with("fstype", fstype).with("options", options);
        let found = found.with("dump", dump).with("pass", pass).action("enable");
        Ok(Some(match there {
            Some(_) if mounted => found.action("mount"),
            Some(other) => found.unsaid(format!("that `{other}` is mounted there")),
            None if running => found.action("umount"),
            None => found,
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let mut to = now.clone();
        let device = self.named();
        let is_it = device.is_none() || now.device == device;
        match action {
            Mounted => match (&now.device, &device) {
                (_, None) => return Err(no_device().into()),
                (None, Some(device)) => {
                    self.require_both(device, probe)?;
                    to.way = Some(self.mounting(device, probe)?);
                    to.device = Some(device.clone());
                }
                (Some(there), Some(device)) if there != device => {
                    let point = self.point().display();
                    let error = Error::failed(format!("`{there}` is mounted at `{point}`, and not `{device}`"));
                    return Err(error.hint("unmount that first, or choose another mount point"));
                }
                (Some(_), Some(_)) => {}
            },
            Umount | Unmount if is_it && let Some(there) = &now.device => {
                to.way = Some(self.unmounting(there, probe)?);
                to.device = None;
            }
            Remount if is_it && now.device.is_some() => return Ok(Goal::Event("remount", to)),
            Umount | Unmount | Remount => {}
            Enable => {
                let line = self.line(device.ok_or_else(no_device)?);
                to.fstab = now
                    .fstab
                    .as_ref()
                    .map(|now| fstab::with(&line, now, probe, &|line| self.is_own(line)))
                    .transpose()?;
            }
            Disable => {
                let device = device.as_deref();
                let without = |now| fstab::without(device, now, probe, &|line| self.is_own(line));
                to.fstab = now.fstab.as_ref().map(without).transpose()?;
            }
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, event } = change;
        let point = self.point().display().to_string();
        let mut operations = Vec::new();
        match (&to.way, &from.device, &to.device) {
            (Some(way), _, _) if way.back.is_empty() => operations.extend(way.by.iter().cloned().map(Op::Run)),
            (Some(way), _, _) => operations.push(Op::Kept(way.clone())),
            (None, Some(_), Some(_)) if *event == Some("remount") => {
                let options = format!("remount,{}", self.all_options());
                operations.push(Op::Run(Command::new(["mount", "-o", &options, "--", &point])));
            }
            (None, _, _) => {}
        }
        if let (Some(from), Some(to)) = (&from.fstab, &to.fstab) {
            operations.extend(fstab::file().ops(&Change { from: from.clone(), to: to.clone(), event: None })?);
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, DeviceType, Disable, Enable, Mount, Mounted, Remount, State, Umount, Unmount};
    use crate::{
        host::{Command, Fake, MOUNTS, Op},
        resource::{Resource as _, Step, step},
        resources::trial::{done, faults, faults_of, refused, text},
        spec::laws,
    };

    const TABLE: &str = "22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                     23 22 0:5 / /dev rw shared:2 - devtmpfs udev rw\n\
                     24 22 0:30 / /tmp rw shared:3 - tmpfs tmpfs rw\n\
                     25 22 253:16 / /srv/my\\040data rw - ext4 /dev/vdb rw\n\
                     26 22 253:0 /opt/a/b /mnt/bound rw - ext4 /dev/vda rw\n\
                     27 22 7:0 / /mnt/image rw - squashfs /dev/loop0 ro\n\
                     28 22 0:40 / /srv/new rw - autofs systemd-1 rw\n";

    fn machine() -> Fake {
        Fake::new()
            .with_file("/proc/self/mountinfo", TABLE)
            .with_file(
                "/etc/fstab",
                "# static\n/dev/vda / ext4 errors=remount-ro 0 1\n\nUUID=1\t/home\text4\tdefaults\t0\t2\n",
            )
            .with_file("/dev/vdb", "")
            .with_file("/dev/vdc1", "")
            .with_link("/dev/disk/by-label/data", "../../vdb")
            .with_link("/dev/disk/by-uuid/1", "../../vdc1")
            .with_link("/dev/disk/by-label/image", "../../loop0")
            .with_file("/dev/loop0", "")
            .with_directory("/srv/my data")
            .with_directory("/srv/new")
            .with_directory("/opt/a/b")
            .with_directory("/mnt/bound")
            .with_file("/sys/dev/block/7:0/loop/backing_file", "/srv/image.sqfs\n")
            .with_file("/srv/image.sqfs", "")
    }

    /// The commands of an action, which then has nothing more to do.
    fn ran(mount: &Mount, action: Action, machine: &mut Fake) -> Vec<String> {
        let Step::Changed(changed) = step(mount, action, machine).unwrap() else { return Vec::new() };
        if changed.event.is_none() {
            assert_eq!(step(mount, action, machine).unwrap(), Step::UpToDate);
        }
        let command = |op: &Op| match op {
            Op::Run(command) => command.to_string(),
            Op::Kept(kept) => kept.by[0].to_string(),
            op => format!("{op:?}"),
        };
        changed.operations.iter().map(command).collect()
    }

    #[test]
    fn it_is_mounted_and_unmounted() {
        let command = "mount -t ext4 -o noatime,nofail -- /dev/vdc1 /srv/new";
        let mut machine = machine();
        let mount = || Mount::at("/srv/new").device("/dev/vdc1").fstype("ext4").options(["noatime", "nofail"]);
        laws(mount(), Mounted, &machine);
        assert_eq!(ran(&mount(), Remount, &mut machine), [""; 0]);
        assert_eq!(ran(&mount(), Mounted, &mut machine), [command]);
        assert_eq!(ran(&mount(), Mounted, &mut machine), [""; 0]);
        assert_eq!(ran(&mount(), Remount, &mut machine), ["mount -o remount,noatime,nofail -- /srv/new"]);
        // By another name it is the same device, and another device is none of its business.
        let uuid = Mount::at("/srv/new").device("1").device_type(DeviceType::Uuid);
        assert_eq!(ran(&uuid, Mounted, &mut machine), [""; 0]);
        let other = Mount::at("/srv/new").device("/dev/vdb");
        assert_eq!(ran(&other, Unmount, &mut machine), [""; 0]);
        assert_eq!(
            refused(&other, Mounted, &mut machine),
            "`/dev/vdc1` is mounted at `/srv/new`, and not `/dev/vdb`\n\
         hint: unmount that first, or choose another mount point"
        );
        assert_eq!(ran(&Mount::at("/srv/new"), Umount, &mut machine), ["umount -- /srv/new"]);
    }

    #[test]
    fn what_the_kernel_tells_counts_and_not_what_was_foreseen() {
        let mount = || Mount::at("/srv/new").device("/dev/vdc1").fstype("ext4");
        let command = "mount -t ext4 -- /dev/vdc1 /srv/new";
        let becomes = |line: &str| {
            let effect = Op::Link { path: MOUNTS.into(), target: "/proc/after".into(), hard: false };
            let table = format!("{TABLE}{line}\n");
            let machine = machine().without(MOUNTS).with_link(MOUNTS, "/proc/before").with_file("/proc/before", TABLE);
            machine.with_file("/proc/after", table.as_str()).with_effect(command, [effect])
        };
        let told = "40 22 8:33 / /srv/new rw,relatime shared:9 - ext4 /dev/vdc1 rw,discard";
        assert_eq!(ran(&mount(), Mounted, &mut becomes(told)), [command]);
        let failed = step(&mount(), Mounted, &mut becomes("")).unwrap_err().to_string();
        assert!(failed.contains("did not reach the state asked for"), "{failed}");
    }

    #[test]
    fn each_of_several_layers_is_unmounted() {
        let layers = |more: &str| machine().with_file("/proc/self/mountinfo", format!("{TABLE}{more}").as_str());
        let one = "30 22 0:50 / /srv/new rw - tmpfs one rw\n";
        let two = format!("{one}31 30 0:51 / /srv/new rw,nodev - tmpfs two rw,size=4k\n");
        let plain = || Mount::at("/srv/new");
        let Step::Changed(changed) = step(&plain(), Umount, &mut layers(&two)).unwrap() else { panic!() };
        let [Op::Kept(kept)] = changed.operations.as_slice() else { panic!("{changed:?}") };
        let words = |commands: &[Command]| commands.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(words(&kept.by), ["umount -- /srv/new", "umount -- /srv/new"]);
        let back = ["mount -t tmpfs -o rw -- one /srv/new", "mount -t tmpfs -o rw,nodev,size=4k -- two /srv/new"];
        assert_eq!(words(&kept.back), back);
        // What another device has below is none of its business, and in the way.
        let mixed = format!("30 22 253:16 / /srv/new rw - ext4 /dev/vdb rw\n{one}");
        assert_eq!(
            refused(&plain().device("tmpfs").fstype("tmpfs"), Umount, &mut layers(&mixed)),
            "below `tmpfs`, `/dev/vdb` is mounted at `/srv/new`, too\n\
             hint: leave out `device`, which has all of them unmounted"
        );
        assert_eq!(ran(&plain(), Umount, &mut layers(&mixed)).len(), 1);
    }

    #[test]
    fn what_is_written_elsewhere_and_read_here_comes_back_as_a_bind() {
        let back = |options: &str, more: &str| {
            let line = format!("30 22 253:16 / /srv/new {options} - ext4 /dev/vdb {more}\n");
            let mut machine = machine().with_file("/proc/self/mountinfo", format!("{TABLE}{line}").as_str());
            let Step::Changed(changed) = step(&Mount::at("/srv/new"), Umount, &mut machine).unwrap() else { panic!() };
            let [Op::Kept(kept)] = changed.operations.as_slice() else { panic!("{changed:?}") };
            kept.back[0].to_string()
        };
        assert_eq!(back("ro,relatime", "rw"), "mount -o bind,ro,relatime -- '/srv/my data' /srv/new");
        assert_eq!(back("rw,relatime", "rw"), "mount -t ext4 -o rw,relatime -- /dev/vdb /srv/new");
        assert_eq!(back("ro", "ro"), "mount -t ext4 -o ro -- /dev/vdb /srv/new");
    }

    #[test]
    fn what_is_mounted_is_known_by_any_name() {
        let there = |mount: Mount| mount.read_for(Mounted, &machine()).unwrap().device == mount.named();
        assert!(there(Mount::at("/srv/my data").device("data").device_type(DeviceType::Label)));
        assert!(there(Mount::at("/srv/my data/").device("/dev/vdb")));
        assert!(there(Mount::at("/tmp").device("none").fstype("tmpfs")));
        assert!(there(Mount::at("/mnt/bound").device("/opt/a/b").options("bind")));
        assert!(there(Mount::at("/mnt/image").device("/srv/image.sqfs").options("loop")));
        assert!(there(Mount::at("/mnt/image").device("image").device_type(DeviceType::Label)));
        assert!(!there(Mount::at("/mnt/bound").device("/opt/a").options("bind")));
        assert!(!there(Mount::at("/mnt/image").device("/dev/vdb")));
        assert!(!there(Mount::at("/tmp").device("server:/export").fstype("nfs")));
        let state = Mount::at("/mnt/bound").device("/opt/a").options("bind").read(&machine()).unwrap();
        assert!(matches!(state, State { device: Some(device), fstab: Some(_), .. } if device == "/dev/vda"));
    }

    #[test]
    fn what_cannot_be_mounted_is_refused_beforehand() {
        assert_eq!(
            refused(&Mount::at("/srv/new").device("/dev/vdx"), Mounted, &mut machine()),
            "there is no `/dev/vdx` to be mounted at `/srv/new`\nhint: correct the device, or have it appear before this"
        );
        assert_eq!(
            refused(&Mount::at("/srv/none").device("/dev/vdb"), Mounted, &mut machine()),
            "directory `/srv/none` does not exist: `/dev/vdb` is to be mounted at it\n\
         hint: declare the directory before it, or make it `recursive`"
        );
        assert_eq!(
            refused(&Mount::at("/etc/fstab").device("/dev/vdb"), Mounted, &mut machine()),
            "`/etc/fstab` is a file, not a directory"
        );
        assert_eq!(
            refused(&Mount::at("/srv").device("/dev/vdb"), Mounted, &mut Fake::new()),
            "what is mounted cannot be seen: there is no `/proc/self/mountinfo`\n\
         hint: in a root directory or an image, `enable` and `disable` do without it"
        );
    }

    #[test]
    fn its_line_is_managed_and_all_others_stay() {
        let mut machine = machine();
        let before = text(&machine, "/etc/fstab");
        let new = || Mount::at("/srv/my data").device("data").device_type(DeviceType::Label).fstype("ext4");
        laws(new(), Enable, &machine);
        assert_eq!(done(&new(), Enable, &mut machine).len(), 1);
        assert_eq!(text(&machine, "/etc/fstab"), format!("{before}LABEL=data /srv/my\\040data ext4 defaults 0 2\n"));
        // The same device by another name is no difference, other options are.
        assert_eq!(done(&Mount::at("/home").device("/dev/vdc1").fstype("ext4"), Enable, &mut machine), [""; 0]);
        done(&Mount::at("/home/").device("/dev/vdb").fstype("ext4").options("ro").dump(1_u32), Enable, &mut machine);
        assert!(text(&machine, "/etc/fstab").contains("\n/dev/vdb /home/ ext4 ro 1 2\nLABEL=data "));
        assert_eq!(done(&Mount::at("/home").device("/dev/vdc1"), Disable, &mut machine), [""; 0]);
        done(&Mount::at("/home"), Disable, &mut machine);
        done(&new(), Disable, &mut machine);
        assert_eq!(text(&machine, "/etc/fstab"), "# static\n/dev/vda / ext4 errors=remount-ro 0 1\n\n");
    }

    #[test]
    fn what_is_no_block_device_is_not_checked_at_boot() {
        let mut machine = Fake::new().with_directory("/etc");
        done(&Mount::at("/run/x").device("tmpfs").fstype("tmpfs").options(["size=1m"]), Enable, &mut machine);
        done(&Mount::at("/srv").device("/opt").options("bind"), Enable, &mut machine);
        assert_eq!(text(&machine, "/etc/fstab"), "tmpfs /run/x tmpfs size=1m 0 0\n/opt /srv none bind 0 0\n");
        // Of several lines with the mount point the first counts at boot, whatever its device.
        let two = "# a\na:/x /srv nfs defaults 0 0\nc:/x /opt nfs defaults 0 0\nb:/x /srv nfs noauto 0 0\n";
        let enabled = |mount: Mount| {
            let mut machine = Fake::new().with_file("/etc/fstab", two);
            done(&mount, Enable, &mut machine);
            text(&machine, "/etc/fstab")
        };
        let at = || Mount::at("/srv").fstype("nfs");
        let rest = "c:/x /opt nfs defaults 0 0\n";
        assert_eq!(enabled(at().device("a:/x").options("ro")), format!("# a\na:/x /srv nfs ro 0 0\n{rest}"));
        assert_eq!(enabled(at().device("a:/x")), format!("# a\na:/x /srv nfs defaults 0 0\n{rest}"));
        assert_eq!(enabled(at().device("b:/x").options("noauto")), format!("# a\nb:/x /srv nfs noauto 0 0\n{rest}"));
    }

    #[test]
    fn bad_declarations_are_found_before_anything_is_done() {
        assert_eq!(faults(&Mount::at("srv").device("/dev/vdb")).len(), 1);
        for mount in [
            Mount::at("/srv").device(""),
            Mount::at("/srv").device("-a"),
            Mount::at("/srv").fstype("a b"),
            Mount::at("/srv").options(["a\tb"]),
        ] {
            assert_eq!(faults(&mount).len(), 1, "{mount:?}");
        }
        assert_eq!(
            faults_of(&Mount::at("/srv"), Enable),
            ["it has no device\nhint: say with `device` what is to be mounted"]
        );
        assert_eq!(faults_of(&Mount::at("/srv"), Umount), [""; 0]);
    }
}
