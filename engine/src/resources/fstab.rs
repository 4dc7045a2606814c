//! What is mounted and what is to be at boot: the kernel's table, and lines of `/etc/fstab`.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    edit,
    entry::{resolve, text},
    file::{self, File},
};
use crate::{
    Result,
    host::{Command, MOUNTS, Probe, escaped, plain},
};

/// What may be given in place of a device's path, and where udev shows it. Source: fstab(5), blkid(8).
const TAGS: [(&str, &str); 4] = [
    ("LABEL=", "/dev/disk/by-label"),
    ("UUID=", "/dev/disk/by-uuid"),
    ("PARTLABEL=", "/dev/disk/by-partlabel"),
    ("PARTUUID=", "/dev/disk/by-partuuid"),
];

/// A line of fstab(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub device: String,
    pub point: String,
    pub fstype: String,
    pub options: String,
    pub dump: u32,
    pub pass: u32,
}

impl Line {
    /// A comment, an empty line and what has no mount point are none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(plain);
        let device = words.next().filter(|device| !device.starts_with('#'))?;
        let mut or = |default: &str| words.next().unwrap_or_else(|| default.to_owned());
        let (point, fstype, options) = (or(""), or("auto"), or("defaults"));
        let mut number = || or("0").parse().unwrap_or_default();
        let line = Self { device, point, fstype, options, dump: number(), pass: number() };
        (!line.point.is_empty()).then_some(line)
    }

    fn text(&self) -> String {
        let Self { device, point, fstype, options, dump, pass } = self;
        let words = [device, point, fstype, options].map(|word| escaped(word)).join(" ");
        format!("{words} {dump} {pass}")
    }

    /// Whether both mean the same, however a device is named.
    fn means(&self, other: &Self, probe: &dyn Probe) -> Result<bool> {
        let alike = Self { device: other.device.clone(), point: other.point.clone(), ..self.clone() };
        Ok(alike == *other && same_device(&self.device, &other.device, probe)?)
    }
}

/// The device that is meant, links followed; `None` for what is no device at all, as `tmpfs` or a server's directory.
pub(crate) fn node(device: &str, probe: &dyn Probe) -> Result<Option<PathBuf>> {
    let Some((value, directory)) = TAGS.iter().find_map(|(tag, at)| Some((device.strip_prefix(tag)?, at))) else {
        return Ok(if device.starts_with('/') { Some(resolve(Path::new(device), probe)?.0) } else { None });
    };
    let value = value.trim_matches('"');
    let shown = value.chars().fold(String::new(), |text, c| match c {
        c if c.is_alphanumeric() || "#+-.:=@_".contains(c) => text + c.encode_utf8(&mut [0; 4]),
        c => text + &format!("\\x{:02x}", u32::from(c)),
    });
    if let (path, Some(_)) = resolve(&Path::new(directory).join(shown), probe)? {
        return Ok(Some(path));
    }
    // Where no udev runs.
    let answer = probe.query(&Command::new(["findfs", device]))?;
    Ok(answer.success().then(|| PathBuf::from(answer.stdout.trim_end())))
}

/// Whether two names are those of one device.
pub(crate) fn same_device(one: &str, other: &str, probe: &dyn Probe) -> Result<bool> {
    if one == other {
        return Ok(true);
    }
    let one = node(one, probe)?;
    Ok(one.is_some() && one == node(other, probe)?)
}

/// A line of the kernel's table. Source: proc_pid_mountinfo(5).
pub(crate) struct Row {
    /// Numbers of the device, as `8:1`.
    pub number: String,
    /// What part of the file system it is.
    pub root: PathBuf,
    pub point: PathBuf,
    /// Options of the mount.
    pub options: String,
    /// Options of the file system, which all its mounts have in common.
    pub more: String,
    pub fstype: String,
    pub source: String,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(2).map(plain);
        let mut back = back.split(' ').map(plain);
        let (number, root, point) = (front.next()?, front.next()?.into(), front.next()?.into());
        let (options, fstype, source) = (front.next()?, back.next()?, back.next()?);
        let more = back.next().unwrap_or_default();
        Some(Self { number, root, point, options, more, fstype, source })
    }

    /// The line that the kernel would have, as far as it can be known beforehand.
    pub fn text(&self) -> String {
        let Self { number, root, point, options, more, fstype, source } = self;
        let [root, point] = [root, point].map(|path| escaped(&path.display().to_string()));
        format!("0 0 {number} {root} {point} {options} - {} {} {more}", escaped(fstype), escaped(source))
    }

    /// The options as mount(8) takes them, those of the file system only if asked for.
    pub fn options(&self, all: bool) -> Vec<&str> {
        let mut options: Vec<&str> = self.options.split(',').collect();
        if all {
            options.extend(self.more.split(',').filter(|option| !option.is_empty()));
        }
        // The last one would count, and a mount for reading only may be one of a file system that is not.
        let read_only = options.contains(&"ro");
        let mut seen = BTreeSet::new();
        // What SELinux adds to the list is no option that it takes.
        options.retain(|option| *option != "seclabel" && !(read_only && *option == "rw") && seen.insert(*option));
        options
    }
}

/// What is mounted, the last on top; `None` where that cannot be seen.
pub(crate) fn mounts(probe: &dyn Probe) -> Result<Option<Vec<Row>>> {
    Ok(text(Path::new(MOUNTS), probe)?.map(|table| table.lines().filter_map(Row::parse).collect()))
}

/// The mount in which a path without links lies.
pub(crate) fn holding<'r>(path: &Path, rows: &'r [Row]) -> Option<&'r Row> {
    rows.iter().filter(|row| path.starts_with(&row.point)).max_by_key(|row| row.point.as_os_str().len())
}

/// The file.
pub(crate) fn file() -> File {
    File::at("/etc/fstab").manage_symlink_source(true)
}

/// The file with this line in place of the first one that is its own, which is the one that mount(8), swapon(8) and
/// systemd go by. The others go: they would be mounted on top of it, or not at all. Source: mount(8), systemd-fstab-generator(8).
pub(crate) fn with(
    line: &Line,
    now: &file::State,
    probe: &dyn Probe,
    is_own: &dyn Fn(&Line) -> bool,
) -> Result<file::State> {
    edit::edited(&file(), now, probe, &|lines| {
        let own = own(lines, is_own);
        for (at, _) in own.iter().skip(1).rev() {
            lines.replace(*at, at + 1, []);
        }
        let first = own.first();
        if !first.map(|(_, there)| there.means(line, probe)).transpose()?.unwrap_or(false) {
            lines.put(first.map(|(at, _)| *at), &line.text());
        }
        Ok(())
    })
}

/// The file without its own lines, those of another device excepted.
pub(crate) fn without(
    device: Option<&str>,
    now: &file::State,
    probe: &dyn Probe,
    is_own: &dyn Fn(&Line) -> bool,
) -> Result<file::State> {
    edit::edited(&file(), now, probe, &|lines| {
        let mut gone = Vec::new();
        for (at, line) in own(lines, is_own) {
            if device.map_or(Ok(true), |device| same_device(device, &line.device, probe))? {
                gone.push(at);
            }
        }
        for at in gone.into_iter().rev() {
            lines.replace(at, at + 1, []);
        }
        Ok(())
    })
}

/// Whether it has a line of its own.
pub(crate) fn has(now: &file::State, is_own: &dyn Fn(&Line) -> bool) -> Result<bool> {
    Ok(!own(&edit::Lines::of(edit::text(&file(), now)?), is_own).is_empty())
}

fn own(lines: &edit::Lines, is_own: &dyn Fn(&Line) -> bool) -> Vec<(usize, Line)> {
    let parsed = lines.bare().enumerate().filter_map(|(at, text)| Some((at, Line::parse(text)?)));
    parsed.filter(|(_, line)| is_own(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Line, node, same_device};
    use crate::host::{Fake, escaped, plain};

    #[test]
    fn words_are_written_as_the_kernel_writes_them() {
        for (word, written) in [("/srv/a b", "/srv/a\\040b"), ("a\\b#", "a\\134b\\043"), ("/ä\t", "/ä\\011")] {
            assert_eq!(escaped(word), written);
            assert_eq!(plain(written), word);
        }
        for odd in ["\\", "\\9", "\\04", "\\xyz", "a\\"] {
            assert_eq!(plain(odd), odd);
        }
    }

    #[test]
    fn lines_are_read_with_what_they_leave_out() {
        let line = Line::parse("  /dev/sda1\t/srv\\040x  ext4 ").unwrap();
        assert_eq!(line.text(), "/dev/sda1 /srv\\040x ext4 defaults 0 0");
        for none in ["", "# /dev/sda1 /srv", "  #x", "/dev/sda1"] {
            assert_eq!(Line::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_device_has_many_names() {
        let machine = Fake::new()
            .with_file("/dev/vdb1", "")
            .with_link("/dev/disk/by-label/my\\x20data", "../../vdb1")
            .with_link("/dev/disk/by-uuid/0a-1b", "../../vdb1")
            .with_link("/dev/data", "vdb1")
            .with_answer("findfs UUID=0a-2b", 1, "")
            .with_answer("findfs UUID=0a-2c", 127, "")
            .with_answer("findfs LABEL=far", 0, "/dev/vdc\n");
        for name in ["LABEL=my data", "LABEL=\"my data\"", "UUID=0a-1b", "/dev/data"] {
            assert!(same_device(name, "/dev/vdb1", &machine).unwrap(), "{name}");
        }
        assert!(!same_device("UUID=0a-2b", "/dev/vdb1", &machine).unwrap());
        assert!(!same_device("UUID=0a-2c", "/dev/vdb1", &machine).unwrap(), "without findfs there is no mount either");
        assert!(!same_device("tmpfs", "none", &machine).unwrap());
        assert_eq!(node("LABEL=far", &machine).unwrap(), Some("/dev/vdc".into()));
        assert_eq!(node("server:/export", &machine).unwrap(), None);
    }
}
