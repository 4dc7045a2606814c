//! The provider `local`: virtual machines of qemu on this machine, for trying things out. No account, no daemon: a server is a
//! process, and what there is of it stands on the command line of that process.
use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use brasa::{
    Error,
    host::{
        disk, own,
        processes::{self, Running},
        tool::Tool,
    },
};

use super::{
    keys::Keys,
    provider::{Limit, Machine, Place, Provider, State, Wanted, end_of_console},
    ssh::last_line,
};
use crate::{failure::Failure, report::printable};

/// The program that is the machine.
const QEMU: &str = "qemu-system-x86_64";
/// The file that holds the process' number: by its path, which is on the command line, a machine is known.
const PID: &str = "vm.pid";
/// Files of a machine in its directory.
const FILES: [&str; 4] = [PID, "disk", "console", "monitor"];
/// cloud-init's files.
const SEED: &str = "seed";
/// The addresses that are given, by their last number: qemu itself has the first ones.
const ADDRESSES: std::ops::RangeInclusive<u8> = 15..=250;
/// Of an image that has a kernel beside it.
const KERNEL_OPTIONS: &str = "root=/dev/vda rw console=ttyS0 quiet";
/// Bytes of a socket's path. Source: unix(7), `sun_path`.
const LONGEST_SOCKET: usize = 107;
/// Bytes of the console that are shown.
const CONSOLE: u64 = 2000;

struct Local {
    state: PathBuf,
    image: PathBuf,
    kernel: Option<PathBuf>,
    initrd: Option<PathBuf>,
    kernel_options: String,
    memory: u64,
    processors: u64,
    accelerator: Option<String>,
    address: Option<Ipv4Addr>,
    options: Vec<String>,
}

/// Reads the table `local`.
pub fn open(keys: &mut Keys<'_>, place: &Place<'_>) -> Box<dyn Provider> {
    let image = keys.required(
        "image",
        "name a disk image of a system with cloud-init, or the directory of one: `image = \"debian.qcow2\"`",
    );
    let image = place.path(image);
    let kernel = keys.text("kernel").map(|path| place.path(path));
    let initrd = keys.text("initrd").map(|path| place.path(path));
    let kernel_options = keys.text("kernel_options").unwrap_or(KERNEL_OPTIONS).to_owned();
    let memory = keys.number("memory", 128..=1 << 20).unwrap_or(1024);
    let processors = keys.number("processors", 1..=256).unwrap_or(2);
    let accelerator = keys.text("accelerator").map(str::to_owned);
    let address = keys.text("address").and_then(|written| {
        let address = written.parse().ok().filter(|address: &Ipv4Addr| ADDRESSES.contains(&address.octets()[3]));
        if address.is_none() {
            let (first, last) = (ADDRESSES.start(), ADDRESSES.end());
            let why = format!("is to be an IPv4 address whose last number is from {first} to {last}, not `{written}`");
            keys.fault("address", why, "as `10.0.2.77`; without it each server gets another one than the last");
        }
        address
    });
    let options = keys.texts("options");
    let state = place.state.to_owned();
    Box::new(Local { state, image, kernel, initrd, kernel_options, memory, processors, accelerator, address, options })
}

impl Provider for Local {
    fn limit(&self) -> Limit {
        Limit { bytes: 1 << 20, gzip: false }
    }

    fn lag(&self) -> u64 {
        0
    }

    fn create(&self, wanted: &Wanted<'_>) -> Result<Machine, Failure> {
        if let Some(machine) = self.find(wanted.name)?.into_iter().find(|machine| machine.token == wanted.token) {
            return Ok(machine);
        }
        let directory = self.state.join(wanted.name);
        disk::create_private_dirs(&directory.join(SEED))?;
        let meta_data = format!("instance-id: {}\nlocal-hostname: {}\n", wanted.token, wanted.fqdn);
        for (name, bytes) in
            [("user-data", wanted.user_data), ("meta-data", meta_data.as_bytes()), ("vendor-data", b"")]
        {
            disk::write_atomic(&directory.join(SEED).join(name), bytes)?;
        }
        let address = self.next_address(wanted.name)?;
        let mut words = self.machine(wanted, &directory)?;
        words.extend(self.system(&directory)?);
        words.extend(self.options.iter().cloned());
        for _ in 0..3 {
            let port = processes::free_port()?;
            let mut argv = words.clone();
            argv.extend(["-nic".to_owned(), network(address, port)]);
            let ended = Tool::new(&argv, 120).run().map_err(no_tool)?;
            if ended.code == 0 {
                disk::write_atomic(&self.last_address(wanted.name), address.to_string().as_bytes())?;
                return self.find(wanted.name)?.into_iter().next().ok_or_else(|| {
                    Failure::refused(format!("the virtual machine ended at once{}", self.end_of_console(wanted.name)))
                });
            }
            // Somebody else took the port meanwhile.
            if !ended.stderr.contains("host forwarding") {
                return Err(Failure::refused(format!("`{QEMU}` does not start: {}", last_line(&ended.stderr))));
            }
        }
        Err(Failure::unavailable("no port of this machine stays free for SSH"))
    }

    fn find(&self, name: &str) -> Result<Vec<Machine>, Failure> {
        Ok(self.list()?.into_iter().filter(|machine| machine.name == name).collect())
    }

    fn look(&self, id: &str) -> Result<Option<Machine>, Failure> {
        // By its id it is ours wherever its files are: the directory of the records may have been moved since.
        Ok(processes::running(QEMU)?.iter().filter_map(machine_of).map(|(machine, _)| machine).find(|one| one.id == id))
    }

    fn list(&self) -> Result<Vec<Machine>, Failure> {
        let all = processes::running(QEMU)?;
        let ours = all.iter().filter_map(machine_of).filter(|(_, directory)| directory.parent() == Some(&self.state));
        Ok(ours.map(|(machine, _)| machine).collect())
    }

    fn destroy(&self, id: &str) -> Result<(), Failure> {
        for running in processes::running(QEMU)? {
            if let Some((_, directory)) = machine_of(&running).filter(|(machine, _)| machine.id == id) {
                processes::end(&running)?;
                for file in FILES {
                    disk::remove(&directory.join(file))?;
                }
                disk::remove_dir(&directory.join(SEED))?;
            }
        }
        Ok(())
    }

    fn last_words(&self, name: &str, _id: &str) -> Option<String> {
        end_of_console(&self.end_of_console(name))
    }
}

impl Local {
    /// What every machine has.
    fn machine(&self, wanted: &Wanted<'_>, directory: &Path) -> Result<Vec<String>, Failure> {
        let (memory, processors) = (self.memory.to_string(), self.processors.to_string());
        // A token's digits are those of a UUID.
        let digits = |part: std::ops::Range<usize>| wanted.token.get(part).unwrap_or_default();
        let uuid = [0..8, 8..12, 12..16, 16..20, 20..32].map(digits).join("-");
        let seed =
            format!("file=fat:{},if=virtio,format=vvfat,readonly=on,label=cidata", doubled(&directory.join(SEED)));
        let file = |name: &str| directory.join(name).to_string_lossy().into_owned();
        // A socket's path is short; without a monitor the machine is as good.
        let monitor = directory.join("monitor");
        let monitor = match monitor.as_os_str().len() {
            ..=LONGEST_SOCKET => format!("unix:{},server=on,wait=off", doubled(&monitor)),
            _ => "none".to_owned(),
        };
        let mut words = vec![QEMU.to_owned()];
        let accelerators =
            self.accelerator.as_deref().map_or_else(|| vec!["kvm", "tcg,thread=multi"], |named| vec![named]);
        words.extend(accelerators.into_iter().flat_map(|name| ["-accel".to_owned(), name.to_owned()]));
        for (option, value) in [
            ("-name", format!("brasa-{}", wanted.name)),
            ("-uuid", uuid),
            ("-pidfile", file(PID)),
            ("-smp", processors),
            ("-m", memory),
            ("-display", "none".to_owned()),
            ("-device", "virtio-rng-pci".to_owned()),
            ("-serial", format!("file:{}", file("console"))),
            ("-monitor", monitor),
        ] {
            words.extend([option.to_owned(), value]);
        }
        words.extend(["-nodefaults", "-no-user-config", "-daemonize"].map(str::to_owned));
        // The disk comes first, and is the one that is booted; see `system`.
        words.extend(["-drive".to_owned(), self.disk(directory)?, "-drive".to_owned(), seed]);
        Ok(words)
    }

    /// A disk of its own: what is written goes into a file beside the record, the image stays as it is.
    fn disk(&self, directory: &Path) -> Result<String, Failure> {
        let target = directory.join("disk");
        let written = target.to_string_lossy().into_owned();
        let image = self.image.to_string_lossy().into_owned();
        disk::remove(&target)?;
        let (words, format) = if disk::is_directory(&self.image) {
            let used = tool(&["du", "-sm", &image], "look at")?;
            let used: u64 = used.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(2048);
            let size = format!("{}M", used * 3 / 2 + 512);
            (["mke2fs", "-q", "-t", "ext4", "-d", &image, &written, &size].map(str::to_owned).to_vec(), "raw")
        } else if disk::exists(&self.image) {
            let about = tool(&["qemu-img", "info", "--output=json", &image], "look at")?;
            let about: serde_json::Value = serde_json::from_str(&about).unwrap_or_default();
            let format = about["format"].as_str().unwrap_or("raw").to_owned();
            (
                ["qemu-img", "create", "-q", "-f", "qcow2", "-F", &format, "-b", &image, &written]
                    .map(str::to_owned)
                    .to_vec(),
                "qcow2",
            )
        } else {
            return Err(Failure::refused(format!("there is no image `{image}`"))
                .hint("`image` in the table `local` names a disk image, or the directory of a system with a kernel"));
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        tool(&words, "make a disk of")?;
        Ok(format!("file={},if=virtio,format={format},discard=unmap,cache=unsafe", doubled(&target)))
    }

    /// What starts the system: the kernel that is named, that of a directory, or what the disk itself has.
    fn system(&self, _directory: &Path) -> Result<Vec<String>, Failure> {
        let (kernel, initrd) = if disk::is_directory(&self.image) && self.kernel.is_none() {
            let boot = self.image.join("boot");
            let names = disk::list(&boot)?;
            let newest = |start: &str| {
                let name = names.iter().rfind(|name| name.to_string_lossy().starts_with(start));
                name.map(|name| boot.join(name))
            };
            let kernel = newest("vmlinuz-").ok_or_else(|| {
                Failure::refused(format!("`{}` has no kernel: there is no `boot/vmlinuz-*`", self.image.display()))
                    .hint("install one in it (linux-image-cloud-amd64), or name one by `kernel`")
            })?;
            (Some(kernel), newest("initrd.img-").or_else(|| newest("initramfs-")))
        } else {
            (self.kernel.clone(), self.initrd.clone())
        };
        let Some(kernel) = kernel else { return Ok(Vec::new()) };
        let mut words = vec!["-kernel".to_owned(), kernel.to_string_lossy().into_owned()];
        words.extend(
            initrd.into_iter().flat_map(|initrd| ["-initrd".to_owned(), initrd.to_string_lossy().into_owned()]),
        );
        words.extend(["-append".to_owned(), self.kernel_options.clone()]);
        Ok(words)
    }

    fn last_address(&self, name: &str) -> PathBuf {
        self.state.join(format!(".{name}.address"))
    }

    /// The address that is asked for, else another one than the last server of this name had.
    fn next_address(&self, name: &str) -> Result<Ipv4Addr, Failure> {
        if let Some(address) = self.address {
            return Ok(address);
        }
        let last = disk::read_limited(&self.last_address(name), 64)?.unwrap_or_default();
        let last: Option<Ipv4Addr> = String::from_utf8_lossy(&last).trim().parse().ok();
        let next = last.map(|last| last.octets()[3].saturating_add(1)).filter(|next| ADDRESSES.contains(next));
        Ok(Ipv4Addr::new(10, 0, 2, next.unwrap_or(*ADDRESSES.start())))
    }

    fn end_of_console(&self, name: &str) -> String {
        let end = own::Directory::existing(self.state.join(name)).ok().flatten();
        let end = end.and_then(|directory| directory.read_end("console", CONSOLE).ok().flatten());
        end.map(|(bytes, _)| printable(String::from_utf8_lossy(&bytes).replace('\r', "").trim()).into_owned())
            .unwrap_or_default()
    }
}

/// The machine behind a process, when brasa made it, and the directory with its files.
fn machine_of(running: &Running) -> Option<(Machine, PathBuf)> {
    let directory = Path::new(running.after("-pidfile")?);
    let directory = directory.parent().filter(|_| directory.ends_with(PID))?;
    let id = running.after("-uuid")?.to_owned();
    let network = running.after("-nic")?;
    let part = |key: &str| network.split(',').find_map(|part| part.strip_prefix(key));
    let port = part("hostfwd=tcp:127.0.0.1:")?.strip_suffix("-:22")?.parse().ok()?;
    let machine = Machine {
        token: id.replace('-', ""),
        id,
        name: directory.file_name()?.to_str()?.to_owned(),
        state: State::Running,
        reason: None,
        addresses: vec![part("dhcpstart=")?.to_owned()],
        ssh: Some(("127.0.0.1".to_owned(), port)),
    };
    Some((machine, directory.to_owned()))
}

/// qemu's own network: the machine has this address in it, and its port 22 is a port of ours.
fn network(address: Ipv4Addr, port: u16) -> String {
    let [a, b, c, _] = address.octets();
    format!(
        "user,model=virtio-net-pci,net={a}.{b}.{c}.0/24,host={a}.{b}.{c}.2,dns={a}.{b}.{c}.3,dhcpstart={address},\
         hostfwd=tcp:127.0.0.1:{port}-:22"
    )
}

/// A path in an option of qemu's, where a comma is written twice.
fn doubled(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// Runs a program that must succeed; what it printed.
fn tool(words: &[&str], doing: &str) -> Result<String, Failure> {
    let argv: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let ended = Tool::new(&argv, 600).run().map_err(no_tool)?;
    if ended.code == 0 {
        return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
    }
    Err(Failure::refused(format!("`{}` cannot {doing} the image: {}", words[0], last_line(&ended.stderr))))
}

fn no_tool(error: Error) -> Failure {
    match error {
        Error::Missing { kind: "program", name, .. } => {
            let package = match name.as_str() {
                "qemu-img" => "qemu-utils (qemu-img)",
                "mke2fs" => "e2fsprogs",
                _ => "qemu-system-x86 (qemu-kvm)",
            };
            Failure::input(format!("there is no `{name}` on this machine, which the provider `local` needs"))
                .hint(format!("install the package {package}"))
        }
        other => other.into(),
    }
}
