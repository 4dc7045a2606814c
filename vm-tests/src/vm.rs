//! Throwaway virtual machines: for what a container cannot have, a kernel of its own.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::binary::binary;
use crate::cache::{self, Artefact};
use crate::command::Output;
use crate::container::{buffer, shared, text};
use crate::error::{Error, Result};
use crate::host::{call, need, require_root};
use crate::tested;

/// How long a machine may take to come up. It is emulated: less than a minute on an idle host.
const BOOT_LIMIT: Duration = Duration::from_secs(300);

/// How long one command may run.
const LIMIT: Duration = Duration::from_secs(600);

/// The script that runs commands inside.
const AGENT: &str = include_str!("agent.sh");

/// The script that makes a disk.
const DISK: &str = include_str!("disk.sh");

/// What a virtual machine is to be, before it starts.
#[derive(Clone, Debug)]
pub struct VmOptions {
    root: Artefact,
    kernel_options: String,
    memory: u32,
    life: Duration,
    program: Option<PathBuf>,
}

impl VmOptions {
    /// Adds words to the kernel's command line.
    pub fn kernel_options(mut self, words: &str) -> Self {
        write!(self.kernel_options, " {words}").expect("a String takes all text");
        self
    }

    /// Gives it this many MiB of memory; 512 when not said.
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.memory = mebibytes;
        self
    }

    /// Ends it after this long whatever it does; a quarter of an hour when not said.
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// Puts the program at /usr/local/bin/brasa.
    ///
    /// # Errors
    /// As [`binary`].
    pub fn brasa(mut self) -> Result<Self> {
        self.program = Some(binary()?);
        Ok(self)
    }

    /// Starts the machine and waits until commands can be run in it.
    ///
    /// # Errors
    /// [`Error::NotRoot`]; [`Error::Vm`] with the console's text if it does not come up.
    pub fn start(self) -> Result<Vm> {
        require_root("starting a virtual machine")?;
        need(&[("qemu-system-x86_64", "qemu-system-x86"), ("setpriv", "util-linux")])?;
        let disk = disk(&self.root)?;
        let vm = Vm::launch(&self, disk)?;
        if let Some(program) = &self.program {
            let size = fs::metadata(program).map_err(Error::io(format!("look at `{}`", program.display())))?.len();
            let copy = format!("head -c {size} /dev/vdb >/usr/local/bin/brasa && chmod 755 /usr/local/bin/brasa");
            vm.sh(&copy).success();
        }
        Ok(vm)
    }
}

/// The disk of a root, made once.
fn disk(root: &Artefact) -> Result<Artefact> {
    let recipe = format!("{} {AGENT} {DISK}", root.identity());
    cache::artefact(&format!("{}-disk", root.name()), &recipe, |directory| {
        need(&[("mke2fs", "e2fsprogs"), ("unshare", "util-linux")])?;
        let agent = directory.join("agent.sh");
        fs::write(&agent, AGENT).map_err(Error::io(format!("write `{}`", agent.display())))?;
        let mut command = process::Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "bash", "-c", DISK, "disk"]);
        command.arg(root.path()).arg(&agent).arg(directory.join("image"));
        call("make the disk of a virtual machine", &mut command).map(drop)
    })
}

/// The newest file in a root's /boot whose name begins like this.
fn boot_file(root: &Artefact, beginning: &str) -> Result<PathBuf> {
    let boot = root.path().join("boot");
    let reading = || Error::io(format!("read `{}`", boot.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(&boot).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning)) {
            found.push(path);
        }
    }
    found.sort();
    found.pop().ok_or_else(|| Error::Vm {
        root: root.name().to_owned(),
        reason: format!("its root has no kernel: there is no `{beginning}*` in `{}`", boot.display()),
        console: String::new(),
    })
}

/// A running virtual machine. Dropping it ends it, and so does the end of the thread that started it; nothing that it writes is
/// kept.
#[derive(Debug)]
pub struct Vm {
    qemu: Child,
    channel: Mutex<Channel>,
    root: Artefact,
    until: Instant,
    console: File,
    _disk: Artefact,
}

/// The lab's end of the port.
#[derive(Debug)]
struct Channel {
    incoming: Receiver<Vec<u8>>,
    read: Vec<u8>,
}

impl Vm {
    /// A machine of this root, which has a kernel: one disk, no network, unless told otherwise.
    pub fn of(root: Artefact) -> VmOptions {
        VmOptions {
            root,
            kernel_options: "root=/dev/vda rw console=ttyS0 quiet fsck.mode=skip mitigations=off panic=-1".to_owned(),
            memory: 512,
            life: Duration::from_secs(900),
            program: None,
        }
    }

    fn launch(options: &VmOptions, disk: Artefact) -> Result<Self> {
        let console = buffer("console")?;
        // A host that is itself a guest may have /dev/kvm and be slower by it than without.
        let accelerator = std::env::var("BRASA_VM_ACCEL").unwrap_or_else(|_| "tcg,thread=multi".to_owned());
        // What it writes goes to a file that has no name any more, and it is not to outlive the test that is killed.
        let mut qemu = process::Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", &accelerator, "-smp", "2"]);
        qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none"]);
        qemu.args(["-m", &options.memory.to_string(), "-append", &options.kernel_options]);
        qemu.arg("-kernel").arg(boot_file(&options.root, "vmlinuz-")?);
        qemu.arg("-initrd").arg(boot_file(&options.root, "initrd.img-")?);
        qemu.arg("-drive").arg(drive(&disk.path().join("image"), "snapshot=on"));
        if let Some(program) = &options.program {
            qemu.arg("-drive").arg(drive(program, "readonly=on"));
        }
        qemu.args(["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]);
        qemu.args(["-chardev", "stdio,id=lab,signal=off", "-device", "virtserialport,chardev=lab,name=lab"]);
        qemu.args(["-chardev", "file,id=console,path=/proc/self/fd/2,append=on", "-serial", "chardev:console"]);
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(shared(&console)?);
        let mut qemu = qemu.spawn().map_err(Error::io("start `qemu-system-x86_64`"))?;
        let mut stdout = qemu.stdout.take().expect("it was asked for");
        let (sender, incoming) = mpsc::channel();
        thread::spawn(move || {
            let mut part = vec![0; 64 * 1024];
            while let Ok(size @ 1..) = stdout.read(&mut part) {
                if sender.send(part[..size].to_vec()).is_err() {
                    break;
                }
            }
        });
        let channel = Mutex::new(Channel { incoming, read: Vec::new() });
        let until = Instant::now() + options.life;
        let vm = Self { qemu, channel, root: options.root.clone(), until, console, _disk: disk };
        match vm.receive(Instant::now() + BOOT_LIMIT, |channel, until| channel.line(until)) {
            Ok(word) if word == "ready" => Ok(vm),
            Ok(other) => Err(vm.failure(&format!("it said `{other}` in place of `ready`"))),
            Err(why) => Err(vm.failure(&why)),
        }
    }

    fn failure(&self, reason: &str) -> Error {
        Error::Vm { root: self.root.name().to_owned(), reason: reason.to_owned(), console: self.console() }
    }

    fn receive<T>(
        &self,
        until: Instant,
        what: impl FnOnce(&mut Channel, Instant) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut channel = self.channel.lock().expect("nobody panics with it");
        what(&mut channel, until.min(self.until))
    }

    /// What the console has shown since the start.
    pub fn console(&self) -> String {
        text(&self.console)
    }

    /// Runs a command to its end, with root's usual environment.
    ///
    /// # Panics
    /// If the machine is gone, or the command outlasts ten minutes; a failing command is for the caller to judge.
    #[track_caller]
    pub fn run<Word: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = Word>) -> Output {
        self.ask(words, &[])
    }

    /// Runs a shell script.
    ///
    /// # Panics
    /// As [`Vm::run`].
    #[track_caller]
    pub fn sh(&self, script: &str) -> Output {
        self.run(["sh", "-c", script])
    }

    /// Writes a file, making the directories above it.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let script = r#"mkdir -p "$(dirname "$1")" && cat >"$1""#;
        self.ask(["sh", "-c", script, "write", path], content.as_ref()).success();
    }

    /// Reads a text file.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        self.run(["cat", path]).success().stdout
    }

    #[track_caller]
    fn ask<Word: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = Word>, stdin: &[u8]) -> Output {
        let words: Vec<String> = words.into_iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
        let line = words.join(" ");
        let output = self.exchange(&words, line.clone(), stdin).unwrap_or_else(|why| {
            panic!("`{line}` in a virtual machine of `{}`: {why}\n{}", self.root.name(), self.console());
        });
        tested::note(self.root.name(), &output).unwrap_or_else(|error| panic!("{error}"));
        output
    }

    fn exchange(&self, words: &[String], line: String, stdin: &[u8]) -> Result<Output, String> {
        let started = Instant::now();
        let quoted: Vec<_> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
        let script = format!(
            "cd / && exec env -i LAB=1 HOME=/root TERM=dumb \
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin {}\n",
            quoted.join(" ")
        );
        self.receive(started + LIMIT, |channel, until| {
            let mut port = self.qemu.stdin.as_ref().ok_or("its port is closed")?;
            let head = format!("{} {}\n", script.len(), stdin.len());
            for part in [head.as_bytes(), script.as_bytes(), stdin] {
                port.write_all(part).map_err(|error| format!("it takes no commands: {error}"))?;
            }
            let answer = channel.line(until)?;
            let numbers: Vec<usize> = answer.split(' ').filter_map(|number| number.parse().ok()).collect();
            let &[code, stdout, stderr] = numbers.as_slice() else { return Err(format!("it answered `{answer}`")) };
            let mut text = |size| Ok::<_, String>(String::from_utf8_lossy(&channel.take(size, until)?).into_owned());
            let (stdout, stderr) = (text(stdout)?, text(stderr)?);
            let code = i32::try_from(code).map_err(|error| error.to_string())?;
            Ok(Output { line, code, stdout, stderr, duration: started.elapsed() })
        })
    }
}

impl Channel {
    /// Waits for more, unless it is too late.
    fn more(&mut self, until: Instant) -> Result<(), String> {
        match self.incoming.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(part) => {
                self.read.extend(part);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err("it took too long".to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("it has ended".to_owned()),
        }
    }

    fn take(&mut self, size: usize, until: Instant) -> Result<Vec<u8>, String> {
        while self.read.len() < size {
            self.more(until)?;
        }
        let rest = self.read.split_off(size);
        Ok(std::mem::replace(&mut self.read, rest))
    }

    fn line(&mut self, until: Instant) -> Result<String, String> {
        let end = loop {
            match self.read.iter().position(|byte| *byte == b'\n') {
                Some(at) => break at,
                None => self.more(until)?,
            }
        };
        let line = self.take(end + 1, until)?;
        Ok(String::from_utf8_lossy(&line[..end]).into_owned())
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.qemu.kill());
        drop(self.qemu.wait());
    }
}

/// A drive of qemu's; in its options a comma is written twice.
fn drive(image: &Path, how: &str) -> String {
    format!("file={},if=virtio,format=raw,{how}", image.display().to_string().replace(',', ",,"))
}
