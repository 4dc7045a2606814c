//! Base systems: directories that containers are overlays of.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache::{self, Artefact};
use crate::error::{Error, Result};
use crate::host::{call, need, require_root};
use crate::repository::mount_point;
use crate::rpm::rpm_repo;
use crate::signing;

/// What a base system is made of.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// Its name in the cache.
    pub name: &'static str,
    /// The Debian release.
    pub suite: &'static str,
    /// Packages beside the minimal base and systemd.
    pub packages: &'static [&'static str],
    /// Whether it is made to look like EL 9, or with dnf 5 like Fedora, and trusts the lab's key.
    pub el: bool,
}

/// Debian 12 with systemd.
pub const DEBIAN: Base = Base { name: "debian", suite: "bookworm", packages: &[], el: false };

/// Debian 13 with systemd.
pub const DEBIAN13: Base = Base { name: "debian-13", suite: "trixie", packages: &[], el: false };

/// Debian with what administers a whole system, and a name service that is but two files elsewhere.
pub const SYSTEM: Base = Base {
    name: "debian-system",
    suite: "bookworm",
    packages: &["cron", "kmod", "libnss-extrausers", "sudo", "unattended-upgrades"],
    el: false,
};

/// Debian with the package managers of other distributions.
pub const MANAGERS: Base = Base {
    name: "debian-managers",
    suite: "bookworm",
    packages: &["zypper", "rpm", "pacman-package-manager", "python3-venv", "python3-pip", "zstd"],
    el: false,
};

/// Debian with the name servers BIND 9 and Knot, and what lets one of them see another time.
pub const DNS: Base = Base {
    name: "debian-dns",
    suite: "bookworm",
    packages: &["bind9", "bind9-dnsutils", "bind9-utils", "faketime", "knot"],
    el: false,
};

/// A real dnf 4 and rpm with EL's settings and identity. Its base files come from Debian; there is no SELinux.
pub const EL9: Base = Base { name: "el9", suite: "bookworm", packages: &["dnf", "dnf-plugins-core", "rpm"], el: true };

/// The same with the programs of BIND 9, which are Debian's: `bind` of the dnf repository has what else belongs to it in EL.
pub const EL9_DNS: Base = Base {
    name: "el9-dns",
    suite: "bookworm",
    packages: &["dnf", "dnf-plugins-core", "rpm", "bind9", "bind9-utils", "bind9-dnsutils"],
    el: true,
};

/// A real dnf 5 and rpm 6 with Fedora's settings and identity. Its base files come from Debian's testing.
pub const FEDORA: Base = Base { name: "fedora", suite: "forky", packages: &["dnf5", "rpm"], el: true };

/// Debian 12 with a kernel, for virtual machines, and with SELinux's policy and programs.
pub const KERNEL: Base = Base {
    name: "debian-selinux",
    suite: "bookworm",
    packages: &["linux-image-cloud-amd64", "netbase", "policycoreutils-python-utils", POLICY, "udev"],
    el: false,
};

/// What a cloud's image is made of: a kernel, cloud-init, SSH; and what the article's run-list installs, which takes many
/// minutes where the processor is emulated.
pub const CLOUD: Base = Base {
    name: "debian-cloud",
    suite: "bookworm",
    packages: &[
        "cloud-init",
        "linux-image-cloud-amd64",
        "netplan.io",
        "openssh-server",
        "sudo",
        "udev",
        "python3-minimal",
        "build-essential",
        "binutils-doc",
        "autoconf",
        "flex",
        "bison",
        "ruby",
        "ruby-dev",
        "dnsutils",
    ],
    el: false,
};

/// In every base system: an init, what packages' scripts expect, and enough to look around.
const COMMON: &[&str] = &["systemd-sysv", "dbus", "apt-utils", "passwd", "procps", "iproute2", "ca-certificates"];

/// Packages that are, or bring, another init than systemd.
const OTHER_INITS: &[&str] = &["sysvinit-core", "openrc"];

/// Debian's policy of SELinux.
const POLICY: &str = "selinux-policy-default";

/// Installs packages as mmdebstrap would: without questions, services, recommended packages or what is left of fetching.
const GROW: &str = r#"set -e
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -qq update
apt-get -qq -o Dpkg::Options::=--force-unsafe-io install -y --no-install-recommends "$@" >/dev/null
apt-get clean
rm /usr/sbin/policy-rc.d
"#;

/// Gives every file of a root its label by this policy; no kernel with SELinux is needed for it, but /proc, which is not the
/// root's own.
const LABEL: &str = "mount -t proc proc \"$1/proc\" && chroot \"$1\" setfiles -F -e /proc -e /sys -e /dev \
                     /etc/selinux/default/contexts/files/file_contexts /";

/// What brings cloud-init.
const CLOUD_INIT: &str = "cloud-init";

/// Leaves out modules of cloud-init that scenarios do not need: emulated, each stage costs half a minute.
const FEW_MODULES: &str = "printf '%s\\n' 'cloud_config_modules: [runcmd]' 'cloud_final_modules: [scripts-user]' \
                           >\"$1/etc/cloud/cloud.cfg.d/99-lab.cfg\"";

/// Makes a Debian with dnf look like EL 9, with EL's defaults in place of Debian's own.
const EL_SETUP: &str = r#"set -e
mkdir -p /etc/yum.repos.d /etc/rpm /etc/dnf/plugins
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
printf '[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n' >/etc/dnf/dnf.conf
printf '[main]\nenabled=0\n' >/etc/dnf/plugins/local.conf
rm -f /etc/os-release
printf 'NAME="Lab Linux"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\nPLATFORM_ID="platform:el9"\nPRETTY_NAME="Lab Linux 9.4"\n' >/etc/os-release
echo 'Lab Linux release 9.4' >/etc/redhat-release
ln -sf dnf /usr/bin/yum
rpm --import "$1/key.asc"
rpm --quiet -U "$1/lab-base-9-1.noarch.rpm"
"#;

/// The same for dnf 5, which Fedora has under the names of the older ones.
const FEDORA_SETUP: &str = r#"
mkdir -p /etc/dnf/libdnf5-plugins
printf '[main]\nenabled=0\n' >/etc/dnf/libdnf5-plugins/local.conf
printf 'NAME="Lab Linux"\nID=fedora\nVERSION_ID=43\nPLATFORM_ID="platform:f43"\nPRETTY_NAME="Lab Linux 43"\n' >/etc/os-release
ln -sf dnf5 /usr/bin/dnf
ln -sf dnf5 /usr/bin/yum
"#;

/// Returns a base system, making it if it is not in the cache (half a minute to two).
///
/// # Errors
/// [`Error::NotRoot`]; [`Error::Call`] if the mirror or a tool fails.
pub fn root(base: Base) -> Result<Artefact> {
    require_root("making a base system")?;
    let mut recipe = format!("{base:?} {COMMON:?} 3\n");
    if base.packages.contains(&CLOUD_INIT) {
        recipe.push_str(FEW_MODULES);
    }
    if base.el {
        recipe.push_str(&signing::key()?.identity());
        recipe.push_str(&setup(base));
    }
    cache::artefact(base.name, &recipe, |directory| {
        need(&[("mmdebstrap", "mmdebstrap"), ("systemd-nspawn", "systemd-container")])?;
        fill(base, directory)?;
        finish(directory).map_err(Error::io(format!("finish the base system `{}`", base.name)))?;
        if base.el { look_like_el(base, directory) } else { Ok(()) }
    })
}

/// Puts the packages of a base system into an empty directory: from nothing, or where `debian` holds most of it, into a copy of that.
fn fill(base: Base, directory: &Path) -> Result<()> {
    let grown = base.suite == DEBIAN.suite && base.name != DEBIAN.name && !other_init(base);
    if grown {
        grow(base, directory)?
    } else {
        bootstrap(base, directory)?
    }
    for (package, hook) in [(POLICY, LABEL), (CLOUD_INIT, FEW_MODULES)] {
        if base.packages.contains(&package) {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-c", hook, "hook"]).arg(directory);
            call(&format!("set up `{package}` in the base system `{}`", base.name), &mut command)?;
        }
    }
    Ok(())
}

/// Where another init is asked for, systemd is not installed beside it.
fn other_init(base: Base) -> bool {
    base.packages.iter().any(|package| OTHER_INITS.contains(package))
}

fn bootstrap(base: Base, directory: &Path) -> Result<()> {
    let mirror = mirror()?;
    let common = COMMON.iter().filter(|package| !(other_init(base) && **package == "systemd-sysv"));
    let packages = common.chain(base.packages).copied().collect::<Vec<_>>().join(",");
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--mode=root", "--variant=minbase", "--format=directory", "--skip=cleanup/apt/lists"]);
    command.arg(format!("--include={packages}"));
    // A mirror frozen at a date serves lists that have expired.
    command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    command.arg("--aptopt=Acquire::Retries \"5\"");
    for option in [
        "path-exclude=/usr/share/man/*",
        "path-exclude=/usr/share/doc/*",
        "path-include=/usr/share/doc/*/copyright",
        "force-unsafe-io",
    ] {
        command.arg(format!("--dpkgopt={option}"));
    }
    // mmdebstrap wants to make the directory itself, or to find it empty.
    command.arg(base.suite).arg(directory).arg(mirror);
    call(&format!("make the base system `{}`", base.name), &mut command).map(drop)
}

/// Installs the packages in a copy of `debian`: a third of the time, as most of a base system is the same in all of them.
fn grow(base: Base, directory: &Path) -> Result<()> {
    let what = format!("make the base system `{}`", base.name);
    let debian = root(DEBIAN)?;
    let mut copy = Command::new("cp");
    copy.args(["-a", "--reflink=auto"]).arg(debian.path().join(".")).arg(directory);
    call(&what, &mut copy)?;
    let mut install = nspawn(directory);
    install.args(["--resolv-conf=copy-host", "sh", "-c", GROW, "grow"]).args(base.packages);
    call(&what, &mut install).map(drop)
}

/// A command in a base system that is being made; its words and options follow.
fn nspawn(directory: &Path) -> Command {
    let mut command = Command::new("systemd-nspawn");
    command.args(["--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--as-pid2", "--console=pipe"]);
    command.arg("-D").arg(directory);
    command
}

/// The Debian mirror that the host uses, or the public one: `$BRASA_MIRROR` overrides both.
fn mirror() -> Result<String> {
    if let Ok(mirror) = std::env::var("BRASA_MIRROR") {
        return Ok(mirror);
    }
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
        "Origin: Debian",
        "Component: main",
    ]);
    let listed = call("read the host's package sources", &mut targets)?;
    Ok(listed.lines().next().unwrap_or("http://deb.debian.org/debian").to_owned())
}

fn finish(directory: &Path) -> std::io::Result<()> {
    // Only the making was to be fast and unsafe: containers are to behave as shipped.
    let options = directory.join("etc/dpkg/dpkg.cfg.d/99mmdebstrap");
    let text = fs::read_to_string(&options)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("force-unsafe-io")).collect();
    fs::write(&options, kept.join("\n") + "\n")?;
    // mmdebstrap copies these from the host; scenarios are to see the same machine everywhere.
    fs::write(directory.join("etc/hostname"), "machine\n")?;
    fs::write(
        directory.join("etc/hosts"),
        "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 machine.example.com machine\n",
    )?;
    fs::write(directory.join("etc/resolv.conf"), "")?;
    // Empty: a new id at each boot.
    fs::write(directory.join("etc/machine-id"), "")
}

/// What makes it look like EL, or like Fedora.
fn setup(base: Base) -> String {
    let five = base.packages.contains(&"dnf5");
    EL_SETUP.to_owned() + if five { FEDORA_SETUP } else { "" }
}

fn look_like_el(base: Base, directory: &Path) -> Result<()> {
    let repository = rpm_repo()?;
    let at = mount_point(repository.artefact().name());
    let mut command = nspawn(directory);
    command.arg("--private-network").arg(format!("--bind-ro={}:{at}", repository.artefact().path().display()));
    command.args(["sh", "-c", &setup(base), "setup", &at]);
    call(&format!("make the base system `{}` look like EL", base.name), &mut command).map(drop)
}

/// Makes packages and the database of a repository as makepkg and repo-add do.
pub const PACMAN: &str = r#"set -e
mkdir -p /srv/repo; rm -rf /tmp/db; mkdir /tmp/db
package() { # NAME VERSION FIELD VALUE
    tree=/tmp/tree/$1-$2; rm -rf $tree; mkdir -p $tree/usr/share/lab $tree/etc; echo $2 >$tree/etc/$1.conf; echo $2 >$tree/usr/share/lab/$1
    file=$1-$2-any.pkg.tar.zst
    { printf 'pkgname = %s\npkgver = %s\npkgdesc = synthetic\nurl = http://localhost/\nbuilddate = 1\npackager = Lab\nsize = 10\narch = any\nbackup = etc/%s.conf\n' $1 $2 $1
      [ -z "$3" ] || printf '%s = %s\n' $3 $4; [ $1 != lab-app ] || echo 'provides = lab-virtual'; } >$tree/.PKGINFO
    (cd $tree && tar --zstd -cf /srv/repo/$file $(ls -A))
    mkdir /tmp/db/$1-$2
    { printf '%%FILENAME%%\n%s\n\n%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n%%CSIZE%%\n%s\n\n%%ISIZE%%\n10\n\n%%SHA256SUM%%\n%s\n\n%%ARCH%%\nany\n\n' \
        $file $1 $2 $(stat -c %s /srv/repo/$file) $(sha256sum /srv/repo/$file | cut -d' ' -f1)
      [ -z "$3" ] || printf '%%%sS%%\n%s\n\n' $(echo $3 | tr a-z A-Z) $4; [ $1 != lab-app ] || printf '%%PROVIDES%%\nlab-virtual\n\n'; } >/tmp/db/$1-$2/desc
}
package lab-lib 1.1-1
package lab-app $1 depend lab-lib
package lab-conflict 1.0-1 conflict lab-app
cd /tmp/db && tar -czf /srv/repo/lab.db *
"#;
