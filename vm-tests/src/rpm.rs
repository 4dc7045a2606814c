//! The dnf repository of the same synthetic packages as RPMs.
//!
//! `lab-base` stands for the distribution: it provides /bin/sh and system-release, so that scriptlets and `$releasever`
//! resolve in a root whose own files did not come from RPMs. `lab-bad` is refused by its `%pre`; there is no `lab-ask`. From
//! 2.0 on `lab-new` obsoletes `lab-old`. `lab-multi` is there for two architectures, and of `lab-kernel` several versions may
//! lie side by side. The
//! group `lab-tools` has two of the small packages, and the environment `lab-system` has that group. The module `lab-web`
//! has the streams 1 and 2, each with its own version of the package of that name.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache;
use crate::deb::app_unit;
use crate::error::{Error, Result};
use crate::host::{call, need};
use crate::repository::{Repository, publish_key};
use crate::signing::{self, Keyring, SIGNER};

const APP_INSTALLED: &str = "if [ -d /run/systemd/system ]; then systemctl daemon-reload; [ $1 = 1 ] || systemctl try-restart lab-app.service; fi";

const APP_LEAVING: &str =
    "if [ $1 = 0 ] && [ -d /run/systemd/system ]; then systemctl disable --now lab-app.service; fi";

/// BIND 9 as EL's package has it: whom it runs as, and where. Its programs are those of the base system `el9-dns`.
const NAMED: &str = "[Unit]\nAfter=network.target\n[Service]\nExecStartPre=install -d -o named -g named /run/named\n\
    ExecStart=/usr/sbin/named -f -u named -c /etc/named.conf\nExecReload=kill -HUP $MAINPID\n[Install]\nWantedBy=multi-user.target\n";

const NAMED_USER: &str =
    "getent passwd named >/dev/null || useradd --system --user-group --no-create-home --home-dir /var/named named";

const NAMED_PLACES: &str = "install -d -o root -g named -m 1770 /var/named; install -d -o named -g named -m 770 /var/named/dynamic; \
    [ ! -d /run/systemd/system ] || systemctl daemon-reload";

/// The name of a package that no column of a table has room for.
pub const LONG_NAME: &str = "lab-with-a-name-that-is-longer-than-any-column-for-names-in-a-table-of-dnf";

const GROUPS: &str = "<comps><group><id>lab-tools</id><name>Lab Tools (small)</name><default>true</default>\
    <uservisible>true</uservisible><packagelist><packagereq type='mandatory'>lab-small-01</packagereq>\
    <packagereq type='mandatory'>lab-small-02</packagereq></packagelist></group>\
    <environment><id>lab-system</id><name>Lab System</name><grouplist><groupid>lab-tools</groupid></grouplist></environment>\
    </comps>\n";

/// A stream of the module `lab-web`; its number stands for `{}`. A stream for `noarch` would be for no machine.
const STREAM: &str = r#"---
document: modulemd
version: 2
data:
  name: lab-web
  stream: "{}"
  version: 1
  context: "00000001"
  arch: ARCH
  summary: A synthetic module
  description: A synthetic module.
  license: {module: [MIT]}
  profiles:
    server: {rpms: [lab-web]}
    minimal: {rpms: [lab-web-minimal]}
  artifacts: {rpms: ["lab-web-0:{}.0-1.noarch", "lab-web-minimal-0:{}.0-1.noarch"]}
...
"#;

/// The signed dnf repository of synthetic packages.
///
/// # Errors
/// [`Error`] if a tool that it needs cannot be had or fails.
pub fn rpm_repo() -> Result<Repository> {
    need(&[("rpmbuild", "rpm"), ("rpmsign", "rpm"), ("createrepo_c", "createrepo-c"), ("gpg", "gnupg")])?;
    let recipe = format!("{}\n{}\n{}", signing::key()?.identity(), include_str!("rpm.rs"), app_unit("1.0"));
    let artefact = cache::artefact("rpm", &recipe, |directory| {
        for package in packages() {
            package.build(directory)?;
        }
        cache::remove(&directory.join("build"))?;
        sign(directory)?;
        publish_key(directory)
    })?;
    Ok(Repository::dnf(artefact))
}

fn packages() -> Vec<Package> {
    let mut all = vec![
        Package::new("lab-base", "9").tag("Provides: /bin/sh").tag("Provides: system-release = 9, redhat-release = 9"),
        Package::new("lab-lib", "1.0"),
        Package::new("lab-lib", "1.1"),
    ];
    for version in ["1.0", "1.1", "2.0"] {
        all.push(
            Package::new("lab-app", version)
                .tag("Requires: lab-lib >= 1.0")
                .tag("Recommends: lab-doc")
                .tag("Provides: lab-virtual")
                .file("/etc/lab-app.conf", &format!("shipped={}\n", &version[..1]))
                .file("/usr/lib/systemd/system/lab-app.service", &app_unit(version))
                .script("post", APP_INSTALLED)
                .script("preun", APP_LEAVING),
        );
    }
    for name in ["lab-web", "lab-web-minimal"] {
        all.extend(["1.0", "2.0"].map(|version| Package::new(name, version)));
    }
    all.push(Package::new("lab-doc", "1.0"));
    all.push(Package::new("lab-other", "1.0").tag("Provides: lab-virtual"));
    all.push(Package::new("lab-conflict", "1.0").tag("Conflicts: lab-app"));
    all.push(Package::new("lab-old", "1.0"));
    all.push(Package::new("lab-new", "1.0"));
    all.push(Package::new("lab-new", "2.0").tag("Obsoletes: lab-old < 2"));
    all.push(Package::new("lab-epoch", "0.9").tag("Epoch: 1"));
    all.push(Package::new("lab-bad", "1.0").script("pre", "[ -e /etc/lab-bad.ok ]"));
    all.push(Package::new("lab-slow", "1.0").script("post", "sleep 3"));
    all.push(
        Package::new("bind", "9.18")
            .file("/etc/named.conf", "options { directory \"/var/named\"; };\n")
            .file("/etc/named.rfc1912.zones", "// zones of RFC 1912\n")
            .file("/etc/named.root.key", "// the root's key is built in\n")
            .file("/usr/lib/systemd/system/named.service", NAMED)
            .script("pre", NAMED_USER)
            .script("post", NAMED_PLACES),
    );
    all.extend(["i686", "x86_64"].map(|architecture| Package { architecture, ..Package::new("lab-multi", "1.0") }));
    all.extend(["1.0", "2.0"].map(|version| {
        let file = vec![(format!("/usr/share/lab/kernel-{version}"), format!("{version}\n"))];
        Package { files: file, ..Package::new("lab-kernel", version) }.tag("Provides: installonlypkg(kernel)")
    }));
    all.push(Package::new(LONG_NAME, "1.0"));
    all.extend((1..=10).map(|number| Package::new(format!("lab-small-{number:02}"), "1.0")));
    all
}

fn stream(number: &str) -> String {
    STREAM.replace("{}", number).replace("ARCH", std::env::consts::ARCH)
}

/// Signs the packages, indexes them and signs the index.
fn sign(directory: &Path) -> Result<()> {
    let keyring = Keyring::with_key()?;
    let reading = || Error::io(format!("read `{}`", directory.display()));
    let mut packages = Vec::new();
    for entry in fs::read_dir(directory).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        if path.extension().is_some_and(|extension| extension == "rpm") {
            packages.push(path);
        }
    }
    let mut sign = Command::new("rpmsign");
    sign.env("GNUPGHOME", keyring.home()).args(["--define", &format!("_gpg_name {SIGNER}")]);
    if let Some(gpg) = crate::host::find("gpg") {
        sign.args(["--define", &format!("__gpg {}", gpg.display())]);
    }
    sign.args(["--define", "_gpg_digest_algo sha256", "--addsign"]).args(packages);
    call("sign the RPMs", &mut sign)?;
    let write = |name: &str, text: &str| {
        fs::write(directory.join(name), text).map_err(Error::io(format!("write `{}`", directory.join(name).display())))
    };
    write("comps.xml", GROUPS)?;
    call("index the RPMs", Command::new("createrepo_c").args(["--quiet", "-g", "comps.xml"]).arg(directory))?;
    write("modules.yaml", &["1", "2"].map(stream).concat())?;
    let mut modules = Command::new("modifyrepo_c");
    modules.arg("--mdtype=modules").arg(directory.join("modules.yaml")).arg(directory.join("repodata"));
    call("add the modules to the index", &mut modules)?;
    let index = directory.join("repodata/repomd.xml");
    call("sign the index of the RPMs", keyring.gpg().args(["--armor", "--detach-sign"]).arg(index))?;
    Ok(())
}

/// A package about to be built.
struct Package {
    name: String,
    version: &'static str,
    architecture: &'static str,
    tags: Vec<&'static str>,
    files: Vec<(String, String)>,
    scripts: Vec<(&'static str, &'static str)>,
}

impl Package {
    fn new(name: impl Into<String>, version: &'static str) -> Self {
        let name = name.into();
        let marker = (format!("/usr/share/lab/{name}"), format!("{version}\n"));
        Self { name, version, architecture: "noarch", tags: Vec::new(), files: vec![marker], scripts: Vec::new() }
    }

    fn tag(mut self, line: &'static str) -> Self {
        self.tags.push(line);
        self
    }

    fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    fn script(mut self, name: &'static str, body: &'static str) -> Self {
        self.scripts.push((name, body));
        self
    }

    /// Writes `NAME-VERSION-1.ARCHITECTURE.rpm` into `directory`.
    fn build(&self, directory: &Path) -> Result<()> {
        let doing = format!("build the RPM `{}`", self.name);
        let build = directory.join("build");
        fs::create_dir_all(&build).map_err(Error::io(&doing))?;
        let file = build.join("package.spec");
        fs::write(&file, self.spec()).map_err(Error::io(&doing))?;
        let mut rpmbuild = Command::new("rpmbuild");
        rpmbuild.args(["--quiet", "-bb", "--target", self.architecture]);
        for define in [
            format!("_topdir {}", build.display()),
            // Debian's default is in the home directory.
            format!("_dbpath {}", build.join("db").display()),
            format!("_rpmdir {}", directory.display()),
            "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned(),
            "_binary_payload w0.gzdio".to_owned(),
            // Nothing to strip or compress, and Debian's hooks would look for tools of EL.
            "__os_install_post %{nil}".to_owned(),
        ] {
            rpmbuild.args(["--define", &define]);
        }
        call(&doing, rpmbuild.arg(&file)).map(drop)
    }

    fn spec(&self) -> String {
        let mut spec =
            format!("Name: {}\nVersion: {}\nRelease: 1\nSummary: synthetic\nLicense: MIT\n", self.name, self.version);
        for tag in &self.tags {
            spec.push_str(tag);
            spec.push('\n');
        }
        spec.push_str("%description\nSynthetic test package.\n%install\n");
        let mut listed = String::new();
        for (path, content) in &self.files {
            let (directory, _) = path.rsplit_once('/').expect("a path of a package is absolute");
            write!(spec, "install -d %{{buildroot}}{directory}\ncat >%{{buildroot}}{path} <<'END'\n{content}END\n")
                .expect("a String takes all text");
            let mark = if path.starts_with("/etc/") { "%config(noreplace) " } else { "" };
            listed.push_str(&format!("{mark}{path}\n"));
        }
        for (name, body) in &self.scripts {
            spec.push_str(&format!("%{name}\n{body}\n"));
        }
        spec + "%files\n" + &listed
    }
}
