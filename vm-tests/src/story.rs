//! The article's story: a server is made by one command, its name is in the DNS; it is destroyed and made again at another
//! address, and the name follows.

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{CLOUD, Container, DEBIAN, article_repo, binary, need, require_root, root, target_directory, workspace};

/// Ends what the provider left running when the story ends, however that comes about: its input is a pipe from here.
const GUARD: &str =
    r#"cat >/dev/null; for id in $(cat "$1"/*/vm.pid 2>/dev/null); do kill -KILL "$id"; done; rm -rf -- "$2""#;

/// How long a server may take to boot, where it is emulated and others use the processor too.
const BOOT: Duration = Duration::from_secs(600);

/// Where the story is told to people: its commands are run as they stand there, on the files that are shown.
const PAGE: &str = "docs/getting-dynamic.md";

/// How the page asks for the name.
const DIG: &str = "dig +short voice1.example.test";

/// What of a Debian takes seconds when it is emulated, and is not what is tested.
const KERNEL_OPTIONS: &str = "root=/dev/vda rw console=ttyS0 quiet fsck.mode=skip mitigations=off net.ifnames=0 \
    systemd.mask=e2scrub_reap.service systemd.mask=apt-daily.timer systemd.mask=apt-daily-upgrade.timer \
    systemd.mask=systemd-journal-flush.service";

/// The desk of whoever makes servers: the page, and descriptions, keys and records.
struct Desk {
    page: String,
    /// Commands of the page that were run.
    ran: Vec<String>,
    directory: PathBuf,
    guard: Child,
}

impl Desk {
    fn new(port: u16) -> Result<Self, String> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| format!("cannot {what}: {error}")
        };
        let lab = |error: crate::Error| error.to_string();
        let page = fs::read_to_string(workspace().join(PAGE)).map_err(failed("read the page"))?;
        let directory = target_directory().map_err(lab)?.join("lab").join(format!("story-{}", std::process::id()));
        fs::create_dir_all(directory.join("servers")).map_err(failed("make a directory"))?;
        let mut guard = Command::new("sh");
        let records = directory.join("state/brasa/servers");
        guard.args(["-c", GUARD, "guard"]).arg(records).arg(&directory).stdin(Stdio::piped());
        let guard = guard.spawn().map_err(failed("start `sh`"))?;
        let desk = Self { page, ran: Vec::new(), directory, guard };
        let image = root(CLOUD).map_err(lab)?;
        // A host that is itself a guest may have /dev/kvm and be slower by it than without.
        let accelerator = std::env::var("BRASA_VM_ACCEL").unwrap_or_else(|_| "tcg,thread=multi".to_owned());
        let image = format!(
            "image = \"{}\"\naccelerator = \"{accelerator}\"\nkernel_options = \"{KERNEL_OPTIONS}\"\n",
            image.path().display()
        );
        let (inside, outside) = (format!("\"10.0.2.2:{port}\""), format!("\"127.0.0.1:{port}\""));
        let server = "\"ns1.example.test\"";
        for (file, text) in [
            ("dna.json", desk.shown("dna.json")?.replace(server, &inside)),
            ("solo.rb", desk.shown("solo.rb")?),
            (
                "servers/voice1.toml",
                desk.shown("servers/voice1.toml")?
                    .replace(server, &outside)
                    .replace("image = \"debian-12.qcow2\"\n", &image),
            ),
        ] {
            fs::write(desk.directory.join(file), text).map_err(failed("write a file of the page"))?;
        }
        Ok(desk)
    }

    /// A file that the page shows: the first block after the words that name it.
    fn shown(&self, file: &str) -> Result<String, String> {
        let missing = || format!("`{PAGE}` does not show `{file}`");
        let (_, after) = self.page.split_once(&format!("`{file}`")).ok_or_else(missing)?;
        let (_, block) = after.split_once("\n```").ok_or_else(missing)?;
        let (_, text) = block.split_once('\n').ok_or_else(missing)?;
        let (text, _) = text.split_once("\n```").ok_or_else(missing)?;
        Ok(format!("{text}\n"))
    }

    /// The commands of the page.
    fn commands(&self) -> Vec<String> {
        self.page
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| ["brasa ", "dig "].iter().any(|program| line.starts_with(program)))
            .map(str::to_owned)
            .collect()
    }

    /// Notes that a command of the page is run.
    fn of_page(&mut self, line: &str) -> Result<(), String> {
        self.ran.push(line.to_owned());
        if self.commands().iter().any(|known| known == line) {
            Ok(())
        } else {
            Err(format!("`{PAGE}` has no `{line}`"))
        }
    }

    /// Runs a command of the page here; what it wrote to both streams. Nobody is there to answer questions.
    fn tells(&mut self, line: &str, code: i32) -> Result<(String, String), String> {
        self.of_page(line)?;
        self.brasa(&line.split(' ').skip(1).collect::<Vec<_>>(), code)
    }

    fn brasa(&self, words: &[&str], code: i32) -> Result<(String, String), String> {
        let (ended, out, errors) = self.attempt(words)?;
        if ended == Some(code) {
            return Ok((out, errors));
        }
        let line = words.join(" ");
        Err(format!("`brasa {line}` ended with {ended:?}, expected {code}\n--- stdout\n{out}--- stderr\n{errors}"))
    }

    fn attempt(&self, words: &[&str]) -> Result<(Option<i32>, String, String), String> {
        let program = binary().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.directory).stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.directory.join("state"));
        let output = command.output().map_err(|error| format!("cannot start the program: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code(), text(&output.stdout), text(&output.stderr)))
    }

    /// Boots the server again while its name is in no DNS: the boot brings the name back by itself.
    fn boots_again(&self, port: u16, record: &dyn Fn() -> String, address: &str) -> Result<(), String> {
        let boot = ["server", "ssh", "voice1", "--", "cat", "/proc/sys/kernel/random/boot_id"];
        let before = self.brasa(&boot, 0)?.0;
        // The connection may end before the command does.
        self.attempt(&["server", "ssh", "voice1", "--", "systemctl stop dyndns-update.timer; reboot"])?;
        let (server, name) = (format!("127.0.0.1:{port}"), "voice1.example.test");
        self.brasa(&["ddns", "delete", name, "--server", &server, "--key", "keys/tsig.private"], 0)?;
        if !record().is_empty() {
            return Err(format!("the name is not gone: {}", record()));
        }
        let until = Instant::now() + BOOT;
        loop {
            let (code, now, _) = self.attempt(&boot)?;
            if code == Some(0) && now != before && record() == address {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("after it was booted again the name leads to `{}`, not to {address}", record()));
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn record(&self) -> PathBuf {
        self.directory.join("state/brasa/servers/voice1")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

/// A port of 127.0.0.1 that nobody has, by neither protocol.
fn free_port() -> Result<u16, String> {
    for _ in 0..100 {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { continue };
        let Ok(address) = listener.local_addr() else { continue };
        if UdpSocket::bind(address).is_ok() {
            return Ok(address.port());
        }
    }
    Err("there is no free port".to_owned())
}

/// A container with a real BIND 9, made by the page's `bind::server`. It shares this machine's network: a virtual machine
/// reaches it as 10.0.2.2.
fn name_server(desk: &mut Desk, port: u16) -> Result<Container, String> {
    let lab = |error: crate::Error| error.to_string();
    let start = || {
        let options = Container::of(root(DEBIAN)?).network().repository(&article_repo()?);
        options.brasa(binary()?).start()
    };
    let machine = start().map_err(lab)?;
    machine.copy_in(desk.directory.join("keys"), "/root/keys");
    let mut attributes: Value =
        serde_json::from_str(&desk.shown("name-server.json")?).map_err(|error| format!("name-server.json: {error}"))?;
    // Here it must not be in the way of this machine's own name server.
    let bind = &mut attributes["bind"];
    (bind["port"], bind["listen_on"], bind["listen_on_v6"]) = (json!(port), json!(["127.0.0.1"]), json!(["none"]));
    bind["zones"]["example.test"]["address"] = json!("127.0.0.1");
    machine.write("/root/name-server.json", attributes.to_string());
    machine.run(["apt-get", "-qq", "update"]).success();
    machine.run(["apt-get", "-qq", "-y", "install", "bind9-dnsutils"]).success();
    let line = "brasa converge -j name-server.json";
    desk.of_page(line)?;
    let converge = || machine.sh(&format!("cd /root && {line} --detailed-exitcode"));
    let (converged, again) = (converge(), converge());
    if (converged.code, again.code) != (2, 0) {
        return Err(format!("the name server: {converged}{again}"));
    }
    Ok(machine)
}

/// Tells the story.
///
/// # Errors
/// What was not as it has to be.
///
/// # Panics
/// As [`Container::run`].
pub(crate) fn article(folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<(), String> {
    require_root("starting a virtual machine").map_err(|error| error.to_string())?;
    let tools = [("qemu-system-x86_64", "qemu-system-x86"), ("mke2fs", "e2fsprogs"), ("ssh", "openssh-client")];
    need(&tools).map_err(|error| error.to_string())?;
    let port = free_port()?;
    let mut desk = Desk::new(port)?;
    tell("a key for the name");
    let (stanza, policy) = desk.tells("brasa ddns keygen voice1.example.test --directory keys", 0)?;
    expect("a stanza", &stanza, "key \"voice1.example.test\" {")?;
    expect("a policy", &policy, "grant voice1.example.test name voice1.example.test A AAAA TXT;")?;
    tell("a name server");
    let names = name_server(&mut desk, port)?;
    let record = || {
        let port = port.to_string();
        names.run(DIG.split(' ').chain(["@127.0.0.1", "-p", &port, "+time=2"])).success().stdout.trim().to_owned()
    };
    desk.of_page(DIG)?;
    let script = fs::read_to_string(folder.join("expect")).map_err(|error| error.to_string())?;
    let script = format!("set -eu\n{script}");

    let mut hosts = Vec::new();
    for (nth, address) in ["10.0.2.15", "10.0.2.16"].into_iter().enumerate() {
        if !record().is_empty() {
            return Err(format!("there is a record before the server is made: {}", record()));
        }
        tell(if nth == 0 { "create" } else { "create again" });
        let (report, said) = desk.tells("brasa server create voice1", 0)?;
        said.lines().filter(|line| line.ends_with(" s)")).for_each(&mut *tell);
        for phase in ["made (", "SSH answers (", "ready (", "uploaded (", "host key replaced ("] {
            expect("a phase", &said, phase)?;
        }
        expect("the address", &said, &format!("converged at {address} ("))?;
        expect("a verdict", &report, " changed, ")?;
        if said.contains("cloud-init ended with errors") {
            return Err(said);
        }
        if record() != address {
            return Err(format!("the name leads to `{}`, and the server is at {address}\n{report}\n{said}", record()));
        }
        let named = desk.tells("brasa server ssh voice1 -- hostname -f", 0)?.0;
        expect("its name", &named, "voice1.example.test\n")?;
        if nth == 0 {
            tell("boot again");
            desk.boots_again(port, &record, address)?;
        }
        desk.brasa(&["server", "ssh", "voice1", "--", &script], 0)?;
        tell("converge again");
        let (unchanged, _) = desk.tells("brasa server converge voice1 --detailed-exitcode", 0)?;
        expect("a run that changes nothing", &unchanged, ": 0 changed, ")?;
        desk.brasa(&["server", "create", "voice1"], 73)?;
        hosts.push(fs::read_to_string(desk.record().join("known_hosts")).map_err(|error| error.to_string())?);
        expect("it among all servers", &desk.brasa(&["server", "list"], 0)?.0, address)?;
        tell("destroy");
        desk.tells("brasa server destroy voice1 --yes", 0)?;
        expect("none among all servers", &desk.brasa(&["server", "list"], 0)?.0, "absent")?;
        if desk.record().exists() {
            return Err("disk and record are still there".to_owned());
        }
    }
    if hosts[0] == hosts[1] {
        return Err("both servers have the same host key".to_owned());
    }
    if !record().is_empty() {
        return Err(format!("the record outlived the server: {}", record()));
    }
    match desk.commands().into_iter().find(|line| !desk.ran.contains(line)) {
        Some(line) => Err(format!("`{PAGE}` has `{line}`, which is not tried")),
        None => Ok(()),
    }
}

fn expect(what: &str, text: &str, part: &str) -> Result<(), String> {
    if text.contains(part) { Ok(()) } else { Err(format!("expected {what}, `{part}`, in\n{text}")) }
}
