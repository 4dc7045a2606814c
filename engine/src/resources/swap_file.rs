//! `swap_file[path]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    entry::{leaf_faults, require_parent, resolve, text, text_of},
    file,
    fstab::{self, Line},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Entry, Init, Kept, Op, Probe, Shape, plain, swap_line},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::{Mode, Seconds},
};

const MIB: u64 = 1024 * 1024;
/// Size of a page: the first one holds what mkswap(8) writes and is not counted.
const PAGE_KIB: u64 = 4;

properties! {
    /// A file that the machine swaps to. It is made beside its place and moved there when it is whole, readable by root alone.
    /// Where systemd runs it is put to use; in a root directory it is made only. How willingly the machine swaps is a
    /// setting of the kernel: `sysctl[vm.swappiness]`. Unlike in Chef, a file of another size is made anew, what is there and no
    /// swap area is never overwritten, and `remove` takes the line of `/etc/fstab` with it.
    pub struct SwapFile("path") {
        path: PathBuf;
        /// Its size in MiB.
        size: u32,
        /// Whether it is used after the next boot, too: a line in `/etc/fstab`. When not given, that file is left alone.
        persist: bool,
        /// How long making it may take; 600 when not given.
        timeout: Seconds,
    }
    example r#"r.add(SwapFile::at("/swapfile").size(2048_u32).persist(true));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has it there with this size, and in use.",
        Remove = "remove": "Has it not in use, not there, and not in `/etc/fstab`.",
    }
}
pub use Action::*;

/// The file, its use, and `/etc/fstab`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Size of the swap area in MiB. `None`: there is none.
    pub size: Option<u64>,
    /// Whether it is in use. `None`: that is not this machine's to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<bool>,
    /// `/etc/fstab`.
    pub fstab: file::State,
    /// How its place is filled: by file system.
    #[serde(skip)]
    filling: Filling,
}

/// How a file without holes is made. Source: swapon(8), "NOTES"; btrfs(5), "SWAPFILE SUPPORT".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Filling {
    /// By writing it.
    #[default]
    Written,
    /// By writing it, when the file system was told not to copy what is written.
    InPlace,
    /// By reserving it, which takes no time.
    Reserved,
}

impl SwapFile {
    /// The file at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(path.into())
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn is_own(&self, line: &Line) -> bool {
        line.fstype == "swap" && Path::new(&line.device) == self.path
    }

    /// Its size as the kernel tells it, when it is in use.
    fn in_use(&self, probe: &dyn Probe) -> Result<Option<u64>> {
        // Whatever `/proc` there is in a root directory, it is that of the machine around it.
        let table = if probe.offline() { None } else { text(Path::new("/proc/swaps"), probe)? }.unwrap_or_default();
        let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let is_it = |row: &Vec<&str>| row.first().is_some_and(|path| Path::new(&plain(path)) == self.path);
        let kib = row.filter(|row| row.len() > 2).find(is_it).and_then(|row| row[2].parse::<u64>().ok());
        Ok(kib.map(|kib| (kib + PAGE_KIB).div_ceil(1024)))
    }

    /// The size of a swap area that is not in use. It is not read as a file: that would take its whole length.
    fn lying(&self, probe: &dyn Probe) -> Result<Option<u64>> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let name = self.path.file_name().unwrap_or_default();
        if !probe.list(parent)?.iter().any(|other| other == name) {
            return Ok(None);
        }
        let path = self.shown();
        let kind = probe.query(&Command::new(["blkid", "-p", "-s", "TYPE", "-o", "value", "--", &path]))?;
        if kind.code == 127 {
            let error = Error::failed(format!("whether `{path}` is a swap area cannot be seen: there is no `blkid`"));
            return Err(error.hint("declare the package `util-linux` before it"));
        }
        if kind.stdout.trim() != "swap" {
            let error = Error::failed(format!("`{path}` is there, and is no swap area"));
            return Err(error.hint("choose another path, or move it away"));
        }
        let size = probe.query(&Command::new(["stat", "-c", "%s", "--", &path]))?;
        Ok(size.stdout.trim().parse::<u64>().ok().map(|bytes| bytes.div_ceil(MIB)))
    }

    fn filling(&self, probe: &dyn Probe) -> Result<Filling> {
        let rows = fstab::mounts(probe)?.unwrap_or_default();
        Ok(match fstab::holding(&self.path, &rows).map(|row| row.fstype.as_str()) {
            Some("ext4" | "xfs") => Filling::Reserved,
            Some("btrfs") => Filling::InPlace,
            Some(_) | None => Filling::Written,
        })
    }

    /// Refuses a directory in which others could put something in the file's place.
    fn require_safe_parent(&self, probe: &dyn Probe) -> Result<()> {
        require_parent(&self.path, probe)?;
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        match resolve(parent, probe)?.1 {
            Some(Entry { mode, owner, .. }) if owner != "root" || mode.bits() & 0o022 != 0 => {
                let error = Error::failed(format!("others than root may write to `{}`", parent.display()));
                Err(error
                    .hint("what the memory of every program is written to has to lie where only root can reach it"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The commands that lead from one state to another.
    fn commands(&self, from: &State, to: &State) -> Vec<Command> {
        let (path, new) = (self.shown(), format!("{}.new", self.shown()));
        let run = |words: &[&str]| Command::new(words.iter().copied());
        let anew = from.size != to.size;
        let mut commands = Vec::new();
        // First the new one: there is to be room for both before the old one goes.
        if let (true, Some(size)) = (anew, to.size) {
            commands.extend(self.made(&new, size, to.filling));
        }
        if from.used == Some(true) && (anew || to.used == Some(false)) {
            commands.push(run(&["swapoff", "--", &path]));
        }
        match (anew, to.size) {
            (true, Some(_)) => commands.push(run(&["mv", "-T", "--", &new, &path])),
            (true, None) => commands.push(run(&["rm", "--", &path])),
            (false, _) => {}
        }
        if to.used == Some(true) && (anew || from.used == Some(false)) {
            commands.push(run(&["swapon", "--", &path]));
        }
        commands
    }

    /// The commands that make it beside its place.
    fn made(&self, new: &str, size: u64, filling: Filling) -> Vec<Command> {
        let count = format!("count={size}");
        let (of, length) = (format!("of={new}"), format!("{size}M"));
        let write = || vec!["dd", "if=/dev/zero", &of, "bs=1M", &count, "conv=fsync", "status=none"];
        let mut commands = vec![vec!["rm", "-f", "--", new]];
        match filling {
            Filling::Written => commands.push(write()),
            Filling::InPlace => commands.extend([vec!["touch", "--", new], vec!["chattr", "+C", "--", new], write()]),
            Filling::Reserved => commands.push(vec!["fallocate", "-l", &length, "--", new]),
        }
        commands.push(vec!["mkswap", "--", new]);
        let timeout = self.timeout.unwrap_or(Seconds(600));
        let umask = Some(Mode::from(0o077));
        commands.into_iter().map(|words| Command { timeout, umask, ..Command::new(words) }).collect()
    }
}

fn no_size() -> Fault {
    Fault::new("it has no size").hint("say with `size` how many MiB it is to have")
}

impl Resource for SwapFile {
    const KIND: &'static str = "swap_file";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.shown()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = leaf_faults(&self.path);
        if self.size == Some(0) {
            faults.push(Fault::new("its size is 0"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create if self.size.is_none() => vec![no_size()],
            Create | Remove => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let in_use = self.in_use(probe)?;
        let size = if in_use.is_some() { in_use } else { self.lying(probe)? };
        // A root directory that is worked on has no memory of its own.
        let used = (!probe.offline() && probe.init()? == Init::Systemd).then_some(in_use.is_some());
        Ok(State { size, used, fstab: fstab::file().read(probe)?, filling: Filling::default() })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let used = if probe.offline() { None } else { text(Path::new("/proc/swaps"), probe)? }.unwrap_or_default();
        let rows = used.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut files: Vec<_> = rows.filter(|row| row.get(1) == Some(&"file")).map(|row| plain(row[0])).collect();
        let table = fstab::file().read(probe)?;
        let lines = text_of(table.entry.as_ref()).unwrap_or_default().lines().filter_map(Line::parse);
        let files_of_table = lines.filter(|line| line.fstype == "swap" && line.device.starts_with('/'));
        files.extend(files_of_table.map(|line| line.device).filter(|file| !file.starts_with("/dev/")));
        files.sort();
        files.dedup();
        Ok(Some(files))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let now = self.read(probe)?;
        let found = Found::new(Self::KIND, self.path.display().to_string());
        let Some(size) = now.size else { return Ok(Some(found.action("remove"))) };
        let persist = fstab::has(&now.fstab, &|line| self.is_own(line))?;
        let found = found.with("size", size).with("persist", persist.then_some(true));
        Ok(Some(if now.used == Some(false) { found.unsaid("that it is not in use") } else { found.action("create") }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let is_own = |line: &Line| self.is_own(line);
        let mut to = now.clone();
        match action {
            Create => {
                to.size = Some(self.size.map(u64::from).ok_or_else(no_size)?);
                to.used = now.used.map(|_| true);
                if now.size != to.size {
                    self.require_safe_parent(probe)?;
                }
                if self.persist.unwrap_or(false) && !fstab::has(&now.fstab, &is_own)? {
                    let [point, fstype, options] = ["none", "swap", "defaults"].map(str::to_owned);
                    let line = Line { device: self.shown(), point, fstype, options, dump: 0, pass: 0 };
                    to.fstab = fstab::with(&line, &now.fstab, probe, &is_own)?;
                }
            }
            Remove => {
                to.size = None;
                to.used = now.used.map(|_| false);
                to.fstab = fstab::without(None, &now.fstab, probe, &is_own)?;
            }
        }
        if now.size != to.size {
            to.filling = self.filling(probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = Vec::new();
        if (from.size, from.used) != (to.size, to.used) {
            let line = |state: &State| state.size.map(|size| swap_line(size, state.used == Some(true)));
            let anew = from.size.is_some() && from.size != to.size;
            operations.push(Op::Kept(Kept {
                path: self.path.clone(),
                shape: Shape::Swap,
                key: String::new(),
                from: line(from),
                to: line(to),
                by: self.commands(from, to),
                back: self.commands(to, &State { filling: to.filling, ..from.clone() }),
                left: None,
                note: anew.then(|| format!("`{}` is made anew, and is another by its UUID", self.shown())),
            }));
        }
        let file = Change { from: from.fstab.clone(), to: to.fstab.clone(), event: None };
        operations.extend(fstab::file().ops(&file)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Create, Remove, SwapFile};
    use crate::{
        host::{Entry, EntryKind, Fake, Init, Op},
        resource::{Step, step},
        resources::trial::{faults, faults_of, refused, text},
        spec::laws,
    };

    const NONE: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const BLKID: &str = "blkid -p -s TYPE -o value -- /swap";
    const STAT: &str = "stat -c %s -- /swap";

    fn swap() -> SwapFile {
        SwapFile::at("/swap").size(64_u32).persist(true)
    }

    fn link(path: &str, target: &str) -> Op {
        Op::Link { path: path.into(), target: target.into(), hard: false }
    }

    fn machine(fstype: &str) -> Fake {
        let used = format!("{NONE}/swap                                   file\t\t65532\t\t0\t\t-2\n");
        Fake::new()
            .with_file("/proc/self/mountinfo", format!("22 1 253:0 / / rw - {fstype} /dev/vda rw\n").as_str())
            .with_link("/proc/swaps", "/proc/none")
            .with_file("/proc/none", NONE)
            .with_file("/proc/used", used.as_str())
            .with_file("/etc/fstab", "# static\n")
            .with_effect("mv -T -- /swap.new /swap", [link("/swap", "a swap area")])
            .with_effect("swapon -- /swap", [link("/proc/swaps", "/proc/used")])
            .with_effect("swapoff -- /swap", [link("/proc/swaps", "/proc/none")])
            .with_effect("rm -- /swap", [Op::Remove { path: "/swap".into(), recursive: false, backup: 0 }])
            .with_answer(BLKID, 0, "swap\n")
            .with_answer(STAT, 0, "67108864\n")
    }

    /// The commands of an action, which then has nothing more to do.
    fn ran(swap: impl Fn() -> SwapFile, action: Action, machine: &mut Fake) -> Vec<String> {
        laws(swap(), action, machine);
        let Step::Changed(changed) = step(&swap(), action, machine).unwrap() else { return Vec::new() };
        assert_eq!(step(&swap(), action, machine).unwrap(), Step::UpToDate);
        let commands = |op: &Op| if let Op::Kept(kept) = op { kept.by.clone() } else { Vec::new() };
        changed.operations.iter().flat_map(commands).map(|command| command.to_string()).collect()
    }

    #[test]
    fn it_is_made_used_and_removed() {
        let mut machine = machine("ext4");
        assert_eq!(
            ran(swap, Create, &mut machine),
            [
                "rm -f -- /swap.new",
                "fallocate -l 64M -- /swap.new",
                "mkswap -- /swap.new",
                "mv -T -- /swap.new /swap",
                "swapon -- /swap"
            ]
        );
        assert_eq!(text(&machine, "/etc/fstab"), "# static\n/swap none swap defaults 0 0\n");
        // A line in other words will do.
        let mut machine =
            machine.with_file("/etc/fstab", "/swap swap swap sw,pri=5\n").with_link("/proc/swaps", "/proc/none");
        assert_eq!(ran(swap, Create, &mut machine), ["swapon -- /swap"]);
        assert_eq!(ran(|| SwapFile::at("/swap"), Remove, &mut machine), ["swapoff -- /swap", "rm -- /swap"]);
        assert_eq!(text(&machine, "/etc/fstab"), "");
    }

    #[test]
    fn each_file_system_has_its_way() {
        let filled = |fstype: &str| ran(swap, Create, &mut machine(fstype))[1..].to_vec();
        let dd = "dd if=/dev/zero of=/swap.new bs=1M count=64 conv=fsync status=none";
        assert_eq!(filled("xfs")[0], "fallocate -l 64M -- /swap.new");
        assert_eq!(filled("btrfs")[..3], ["touch -- /swap.new", "chattr +C -- /swap.new", dd]);
        assert_eq!(filled("ext3")[0], dd);
    }

    #[test]
    fn one_of_another_size_is_made_anew() {
        let grown = machine("ext4").with_link("/swap", "a swap area").with_link("/proc/swaps", "/proc/used");
        let Step::Changed(changed) = step(&swap().size(128_u32), Create, &mut grown.clone()).unwrap_or(Step::UpToDate)
        else {
            // The pretended kernel goes on telling the old size, which is found.
            assert!(step(&swap().size(128_u32), Create, &mut grown.clone()).unwrap_err().to_string().contains("size"));
            return;
        };
        panic!("{changed:?}");
    }

    #[test]
    fn in_an_image_it_is_made_only() {
        let mut image = machine("ext4").with_init(Init::SystemdOffline).without("/proc/swaps");
        assert_eq!(ran(swap, Create, &mut image).last().unwrap(), "mv -T -- /swap.new /swap");
        assert_eq!(ran(swap, Remove, &mut image), ["rm -- /swap"]);
        // The `/proc` that an image may have mounted tells of the machine around it.
        let used = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swap file\t\t65532\t\t0\t\t-2\n";
        let mut image = machine("ext4").without("/proc/swaps").with_file("/proc/swaps", used).as_image();
        assert_eq!(ran(swap, Create, &mut image).last().unwrap(), "mv -T -- /swap.new /swap");
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_made_anew() {
        let mut blind = machine("ext4").with_file("/swap", "").with_answer(BLKID, 127, "");
        assert_eq!(
            refused(&swap(), Action::Create, &mut blind),
            "whether `/swap` is a swap area cannot be seen: there is no `blkid`\n\
             hint: declare the package `util-linux` before it"
        );
    }

    #[test]
    fn what_is_no_swap_area_and_what_others_reach_is_refused() {
        let mut other = machine("ext4").with_file("/swap", "mine").with_answer(BLKID, 2, "");
        assert_eq!(
            refused(&swap(), Create, &mut other),
            "`/swap` is there, and is no swap area\nhint: choose another path, or move it away"
        );
        let open =
            Entry { kind: EntryKind::Directory, mode: 0o1777.into(), owner: "root".into(), group: "root".into() };
        let mut tmp = machine("ext4").with_entry("/tmp", open);
        assert!(
            refused(&SwapFile::at("/tmp/swap").size(1_u32), Create, &mut tmp)
                .starts_with("others than root may write to `/tmp`\n")
        );
        assert_eq!(faults(&SwapFile::at("swap").size(0_u32)).len(), 2);
        assert_eq!(
            faults_of(&SwapFile::at("/swap"), Create),
            ["it has no size\nhint: say with `size` how many MiB it is to have"]
        );
    }
}
