//! The apt repository of synthetic packages: small, and each with one trait that a package manager's client must handle.
//!
//! `lab-app` 1.0, 1.1, 2.0 (depends on `lab-lib`, recommends `lab-doc`, provides `lab-virtual`, a configuration file that
//! changes in 2.0, a systemd unit), `lab-other` (a second provider of `lab-virtual`), `lab-conflict` (with `lab-app`),
//! `lab-cat` (with a configuration file) and `lab-cat-new`, which provides its name,
//! `lab-daemon` (starts its own script of System V), `lab-epoch` 1:0.9, `lab-bad` (stays half-configured until /etc/lab-bad.ok exists), `lab-slow` (holds dpkg's locks for
//! 3 s), `lab-still` (stands for 3 s before it is unpacked), `lab-foreign` (of i386), `lab-ask` (a debconf question),
//! `lab-small-01` to `-10`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::cache;
use crate::error::{Error, Result};
use crate::host::{call, need};
use crate::repository::{Repository, index_apt};
use crate::signing;

const APP_INSTALLED: &str = r#"if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
[ "$1" != configure ] || [ -n "$2" ] || deb-systemd-helper enable lab-app.service >/dev/null || :
if [ -d /run/systemd/system ]; then deb-systemd-invoke start lab-app.service; fi"#;

const APP_LEAVING: &str = "if [ -d /run/systemd/system ]; then deb-systemd-invoke stop lab-app.service; fi";

const DAEMON: &str = r#"### BEGIN INIT INFO
# Provides: lab-daemon
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
echo "$1" >>/var/lab-daemon.log"#;

const ASK_TEMPLATE: &str = "Template: lab-ask/port\nType: string\nDefault: 80\nDescription: Port?\n";

const ASK_QUESTION: &str = ". /usr/share/debconf/confmodule\ndb_input high lab-ask/port || :; db_go || :";

const ASK_ANSWER: &str = r#". /usr/share/debconf/confmodule
db_get lab-ask/port; echo "port=$RET" >/etc/lab-ask.port"#;

/// The signed apt repository of synthetic packages.
///
/// # Errors
/// [`Error`] if a tool that it needs cannot be had or fails.
pub fn deb_repo() -> Result<Repository> {
    need(&[("apt-ftparchive", "apt-utils"), ("dpkg-deb", "dpkg"), ("gpg", "gnupg")])?;
    let recipe = format!("{}\n{}", signing::key()?.identity(), include_str!("deb.rs"));
    let artefact = cache::artefact("deb", &recipe, |directory| {
        for package in packages() {
            package.build(directory)?;
        }
        index_apt(directory)
    })?;
    Ok(Repository::apt(artefact))
}

fn packages() -> Vec<Package> {
    let mut all = vec![Package::new("lab-lib", "1.0"), Package::new("lab-lib", "1.1")];
    for version in ["1.0", "1.1", "2.0"] {
        all.push(
            Package::new("lab-app", version)
                .field("Depends: lab-lib (>= 1.0), init-system-helpers")
                .field("Recommends: lab-doc")
                .field("Provides: lab-virtual")
                .file("etc/lab-app.conf", &format!("shipped={}\n", &version[..1]))
                .file("usr/lib/systemd/system/lab-app.service", &app_unit(version))
                .script("postinst", APP_INSTALLED)
                .script("prerm", APP_LEAVING),
        );
    }
    all.push(Package::new("lab-doc", "1.0"));
    all.push(Package::new("lab-cat", "1.0").file("etc/lab-cat.conf", "shipped\n"));
    all.push(Package::new("lab-cat-new", "2.0").field("Provides: lab-cat"));
    all.push(Package::new("lab-other", "1.0").field("Provides: lab-virtual"));
    all.push(
        Package::new("lab-daemon", "1.0")
            .field("Depends: init-system-helpers")
            .script("../etc/init.d/lab-daemon", DAEMON)
            .script("postinst", "update-rc.d lab-daemon defaults; invoke-rc.d lab-daemon start"),
    );
    all.push(Package::new("lab-conflict", "1.0").field("Conflicts: lab-app"));
    all.push(Package::new("lab-epoch", "1:0.9"));
    all.push(Package::new("lab-bad", "1.0").script("postinst", "[ -e /etc/lab-bad.ok ] || exit 7"));
    all.push(Package::new("lab-slow", "1.0").script("postinst", "sleep 3"));
    all.push(Package::new("lab-still", "1.0").script("preinst", "sleep 3"));
    all.push(Package { architecture: "i386", ..Package::new("lab-foreign", "1.0") });
    all.push(
        Package::new("lab-ask", "1.0")
            .field("Depends: debconf")
            .file("DEBIAN/templates", ASK_TEMPLATE)
            .script("config", ASK_QUESTION)
            .script("postinst", ASK_ANSWER),
    );
    all.extend((1..=10).map(|number| Package::new(format!("lab-small-{number:02}"), "1.0")));
    all
}

/// The systemd unit of `lab-app`, in both repositories.
pub(crate) fn app_unit(version: &str) -> String {
    format!(
        "[Unit]\nDescription=Lab {version}\n[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

/// A package about to be built.
struct Package {
    name: String,
    version: &'static str,
    architecture: &'static str,
    fields: Vec<&'static str>,
    files: Vec<(&'static str, String)>,
    scripts: Vec<(&'static str, &'static str)>,
}

impl Package {
    fn new(name: impl Into<String>, version: &'static str) -> Self {
        Self {
            name: name.into(),
            version,
            architecture: "all",
            fields: Vec::new(),
            files: Vec::new(),
            scripts: Vec::new(),
        }
    }

    fn field(mut self, line: &'static str) -> Self {
        self.fields.push(line);
        self
    }

    fn file(mut self, path: &'static str, content: &str) -> Self {
        self.files.push((path, content.to_owned()));
        self
    }

    fn script(mut self, name: &'static str, body: &'static str) -> Self {
        self.scripts.push((name, body));
        self
    }

    /// Writes `NAME_VERSION_ARCHITECTURE.deb` into `directory`.
    fn build(&self, directory: &Path) -> Result<()> {
        let tree = directory.join("tree");
        self.lay_out(&tree).map_err(Error::io(format!("lay out the package `{}`", self.name)))?;
        let (_, plain_version) = self.version.split_once(':').unwrap_or(("", self.version));
        let file = directory.join(format!("{}_{plain_version}_{}.deb", self.name, self.architecture));
        let mut build = Command::new("dpkg-deb");
        build.args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(file);
        call(&format!("build the package `{}`", self.name), &mut build)?;
        cache::remove(&tree)
    }

    fn lay_out(&self, tree: &Path) -> std::io::Result<()> {
        let control = tree.join("DEBIAN");
        fs::create_dir_all(&control)?;
        fs::create_dir_all(tree.join("usr/share/lab"))?;
        fs::write(tree.join("usr/share/lab").join(&self.name), format!("{}\n", self.version))?;
        let mut about = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Lab <lab@localhost>\nSection: misc\nPriority: optional\n",
            self.name, self.version, self.architecture
        );
        for field in &self.fields {
            about.push_str(field);
            about.push('\n');
        }
        about.push_str("Description: synthetic test package\n");
        fs::write(control.join("control"), about)?;
        let mut configuration = String::new();
        for (path, content) in &self.files {
            let file = tree.join(path);
            fs::create_dir_all(file.parent().expect("a file of a package lies in a directory"))?;
            fs::write(&file, content)?;
            if path.starts_with("etc/") {
                configuration.push_str(&format!("/{path}\n"));
            }
        }
        if !configuration.is_empty() {
            fs::write(control.join("conffiles"), configuration)?;
        }
        for (name, body) in &self.scripts {
            let file = control.join(name);
            fs::create_dir_all(file.parent().expect("a script lies in a directory"))?;
            fs::write(&file, format!("#!/bin/sh\nset -e\n{body}\n"))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}
