//! Clouds on loopback: moto as EC2 (which checks signatures), the real Nova with its fake hypervisor and the real Keystone, and mimic as
//! Rackspace. Each runs in one process, and ends with the test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cache::{self, Artefact};
use crate::error::{Error, Result};
use crate::host::{call, find, need};

/// What is installed.
const REQUIREMENTS: &str = include_str!("clouds/requirements.txt");
/// What starts it.
const SCRIPTS: [(&str, &str); 5] = [
    ("hold.sh", include_str!("clouds/hold.sh")),
    ("moto_lab.py", include_str!("clouds/moto_lab.py")),
    ("keystone_lab.py", include_str!("clouds/keystone_lab.py")),
    ("nova_lab.py", include_str!("clouds/nova_lab.py")),
    ("tls_lab.py", include_str!("clouds/tls_lab.py")),
];

/// How long a server may take to come up: the machine may have other things to do.
const LIMIT: Duration = Duration::from_secs(180);

/// A server that runs as long as this value lives.
pub struct Cloud {
    port: u16,
    who: Value,
    log: PathBuf,
    holder: Child,
    // Its end is what ends the server.
    leash: Option<ChildStdin>,
    _made: [Artefact; 2],
}

impl Cloud {
    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it says of who may ask: `id`, `secret`, `token`.
    ///
    /// # Panics
    /// If it says nothing of the kind.
    pub fn who(&self, key: &str) -> String {
        self.who[key].as_str().unwrap_or_else(|| panic!("the server names no `{key}`: {}", self.who)).to_owned()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn start(port: u16, environment: &[(&str, String)], command: &[&str]) -> Result<Self> {
        let (installed, scripts) = (installed()?, scripts()?);
        let script = |name: &str| scripts.path().join(name).display().to_string();
        let directory = std::env::temp_dir().join(format!("brasa-cloud-{}-{port}", std::process::id()));
        let mut holder = Command::new("sh");
        holder.arg(script("hold.sh")).arg(&directory).arg(installed.path().join("bin/python")).args(["-W", "ignore"]);
        for word in command {
            match word.strip_prefix("bin/") {
                Some(_) => holder.arg(installed.path().join(word)),
                None if word.ends_with(".py") => holder.arg(script(word)),
                None => holder.arg(word),
            };
        }
        holder.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
        // A proxy of the machine has no business between here and here.
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            holder.env_remove(name);
        }
        // An interrupt from the keyboard is for the test, whose end is told by the pipe.
        holder.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut holder = holder.spawn().map_err(Error::io("start a cloud"))?;
        let leash = holder.stdin.take();
        Ok(Self { port, who: Value::Null, log: directory.join("log"), holder, leash, _made: [installed, scripts] })
    }

    /// Waits until it answers, and has said who may ask if it is to.
    fn ready(mut self, told: bool) -> Result<Self> {
        let (started, who) = (Instant::now(), self.log.with_file_name("who.json"));
        loop {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && (!told || who.exists()) {
                let text = fs::read(&who).unwrap_or_default();
                self.who = serde_json::from_slice(&text).unwrap_or_default();
                return Ok(self);
            }
            if started.elapsed() > LIMIT || self.log.with_file_name("ended").exists() {
                let log = self.log();
                let lines: Vec<&str> = log.lines().collect();
                return Err(Error::Call {
                    doing: "start a cloud".to_owned(),
                    command: self.log.display().to_string(),
                    status: "no answer".to_owned(),
                    output: lines[lines.len().saturating_sub(30)..].join("\n"),
                });
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.leash.take());
        drop(self.holder.wait());
    }
}

/// Amazon EC2 as moto has it; [`Cloud::who`] has `id` and `secret` of an access key that may do everything with servers.
///
/// # Errors
/// If it cannot be installed, or does not come up.
pub fn ec2() -> Result<Cloud> {
    let port = free_port()?;
    Cloud::start(port, &[], &["moto_lab.py", &port.to_string()])?.ready(true)
}

/// Keystone and Nova, in this order. User, password and project of the former are `admin`, `secret` and `admin`;
/// [`Cloud::who`] has `id` and `secret` of an application credential, and a `token`. Two servers may be made.
///
/// # Errors
/// If they cannot be installed, or do not come up.
pub fn openstack() -> Result<(Cloud, Cloud)> {
    let (keystone, nova) = (free_port()?, free_port()?);
    let (port, other) = (keystone.to_string(), nova.to_string());
    let scripts = scripts()?.path().display().to_string();
    let environment =
        [("PORT", other.clone()), ("KEYSTONE", format!("http://127.0.0.1:{keystone}")), ("PYTHONPATH", scripts)];
    let keystone = Cloud::start(keystone, &[], &["keystone_lab.py", &port, &other])?;
    let nova = Cloud::start(nova, &environment, &["-m", "testtools.run", "nova_lab.Serve.test_serve"])?;
    Ok((keystone.ready(true)?, nova.ready(false)?))
}

/// TLS in front of a cloud; [`Cloud::who`] has `ca`, the file with the certificate of its authority.
///
/// # Errors
/// If it does not come up.
pub fn behind_tls(cloud: &Cloud) -> Result<Cloud> {
    need(&[("openssl", "openssl")])?;
    let port = free_port()?;
    Cloud::start(port, &[], &["tls_lab.py", &port.to_string(), &cloud.port.to_string()])?.ready(true)
}

/// Rackspace as mimic has it: any user and key are accepted, and what the metadata of a server says goes wrong does.
///
/// # Errors
/// If it cannot be installed, or does not come up.
pub fn rackspace() -> Result<Cloud> {
    let port = free_port()?;
    let listen = format!("tcp:{port}:interface=127.0.0.1");
    Cloud::start(port, &[], &["bin/twistd", "-n", "--pidfile=", "mimic", "--realtime", "--listen", &listen])?
        .ready(false)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(listener.map_err(Error::io("find a free port"))?.port())
}

/// What starts them.
fn scripts() -> Result<Artefact> {
    let recipe: String = SCRIPTS.iter().map(|(_, text)| *text).collect();
    cache::artefact("cloud-scripts", &recipe, |directory| {
        SCRIPTS.iter().try_for_each(|(name, text)| write(&directory.join(name), text))
    })
}

/// All three with their libraries, from PyPI. Nothing in it is run by the path that it has while it is made.
///
/// # Errors
/// [`Error::Call`] if a tool or PyPI fails.
pub fn installed() -> Result<Artefact> {
    let python = || find("python3").unwrap_or_else(|| PathBuf::from("python3"));
    need(&[("python3", "python3")])?;
    let version = call("ask Python's version", Command::new(python()).args(["-c", "import sys; print(sys.version)"]))?;
    cache::artefact("clouds", &format!("2 {version} {REQUIREMENTS}"), |directory| {
        if call("look for venv", Command::new(python()).args(["-c", "import ensurepip, venv"])).is_err() {
            need(&[("/usr/share/doc/python3-venv", "python3-venv")])?;
        }
        call("make a place for Python", Command::new(python()).args(["-m", "venv"]).arg(directory))?;
        write(&directory.join("requirements.txt"), REQUIREMENTS)?;
        let mut install = Command::new(directory.join("bin/python"));
        // Each version is told, and that of testtools is a newer one than mimic asks for: Nova needs it.
        install.args(["-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--disable-pip-version-check", "-r"]);
        call("install clouds", install.arg(directory.join("requirements.txt")))?;
        let ask = "import site; print(site.getsitepackages()[0])";
        let packages = call("find them", Command::new(directory.join("bin/python")).args(["-c", ask]))?;
        // Nova's tests look for its `api-paste.ini` beside its code.
        let etc = Path::new(packages.trim()).join("etc");
        fs::create_dir_all(&etc).map_err(Error::io("make a directory"))?;
        std::os::unix::fs::symlink("../../../../etc/nova", etc.join("nova")).map_err(Error::io("make a link"))
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::io(format!("write `{}`", path.display())))
}
