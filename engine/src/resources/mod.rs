//! The stock kinds, one file each.
pub mod alternatives;
mod answers;
pub mod apt_package;
pub mod apt_preference;
pub mod apt_repository;
pub mod apt_update;
pub mod archive_file;
pub mod block;
pub mod chef_sleep;
pub mod command;
pub mod cookbook_file;
pub mod cron;
pub mod cron_access;
pub mod cron_d;
mod crontab;
pub mod directory;
pub mod dnf_module;
pub mod dns_record;
mod edit;
mod entry;
pub mod execute;
pub mod file;
mod fstab;
pub mod gem_package;
pub mod git;
mod git_address;
pub mod group;
mod home;
pub mod hostname;
pub mod http_request;
pub mod kernel_module;
pub mod line;
pub mod link;
pub mod locale;
pub mod log;
pub mod mount;
mod name_service;
pub mod notify_group;
mod openpgp;
mod openssl;
pub mod openssl_ec_private_key;
pub mod openssl_rsa_private_key;
pub mod openssl_x509_certificate;
pub mod openssl_x509_request;
pub mod package;
mod package_file;
pub mod presence;
mod preset;
mod private_key;
pub mod reboot;
pub mod remote_directory;
pub mod remote_file;
pub(crate) mod rendering;
pub mod rust_block;
pub mod script;
pub mod selection;
mod selinux;
pub mod selinux_boolean;
pub mod selinux_fcontext;
pub mod selinux_permissive;
pub mod selinux_port;
pub mod selinux_state;
pub mod service;
pub mod setting;
pub mod ssh_authorized_key;
mod ssh_key;
pub mod ssh_known_hosts_entry;
pub mod sudo;
pub mod swap_file;
pub mod sysctl;
pub mod systemd_unit;
pub mod template;
mod time_out;
pub mod timezone;
#[cfg(test)]
mod trial;
pub mod unit;
mod unit_text;
mod unit_verify;
pub mod user;
pub mod user_ulimit;
pub mod yum_repository;

/// What a cookbook imports of the kinds: each type, and a module of the same name with its actions.
pub mod prelude {
    pub use super::{
        alternatives::{self, Alternatives},
        apt_package::{self, AptPackage},
        apt_preference::{self, AptPreference},
        apt_repository::{self, AptRepository},
        apt_update::{self, AptUpdate},
        archive_file::{self, ArchiveFile, Overwrite},
        block::{self, Block},
        chef_sleep::{self, ChefSleep},
        cookbook_file::{self, CookbookFile},
        cron::{self, Cron},
        cron_access::{self, CronAccess},
        cron_d::{self, CronD},
        directory::{self, Directory},
        dnf_module::{self, DnfModule},
        dns_record::{self, DnsRecord},
        execute::{self, Execute},
        file::{self, File},
        gem_package::{self, GemPackage},
        git::{self, Git},
        group::{self, Group},
        hostname::{self, Hostname},
        http_request::{self, HttpRequest},
        kernel_module::{self, KernelModule},
        line::{self, Line},
        link::{self, Link, LinkType},
        locale::{self, Locale},
        log::{self, Log},
        mount::{self, DeviceType, Mount},
        notify_group::{self, NotifyGroup},
        openssl_ec_private_key::{self, OpensslEcPrivateKey},
        openssl_rsa_private_key::{self, OpensslRsaPrivateKey},
        openssl_x509_certificate::{self, OpensslX509Certificate},
        openssl_x509_request::{self, KeyType, OpensslX509Request},
        package::{
            self, ApkPackage, DnfPackage, DpkgPackage, Package, PacmanPackage, RpmPackage, SnapPackage, YumPackage,
            ZypperPackage,
        },
        reboot::{self, Reboot},
        remote_directory::{self, RemoteDirectory},
        remote_file::{self, RemoteFile},
        rust_block::{self, RustBlock},
        script::{self, Bash, Script, Sh},
        selinux_boolean::{self, SelinuxBoolean},
        selinux_fcontext::{self, SelinuxFcontext},
        selinux_permissive::{self, SelinuxPermissive},
        selinux_port::{self, SelinuxPort},
        selinux_state::{self, SelinuxState},
        service::{self, Service},
        setting::{self, Setting},
        ssh_authorized_key::{self, SshAuthorizedKey},
        ssh_known_hosts_entry::{self, SshKnownHostsEntry},
        sudo::{self, Sudo},
        swap_file::{self, SwapFile},
        sysctl::{self, Sysctl},
        systemd_unit::{self, SystemdUnit},
        template::{self, Template},
        timezone::{self, Timezone},
        user::{self, User},
        user_ulimit::{self, UserUlimit},
        yum_repository::{self, YumRepository},
    };
    pub use crate::host::LogLevel;
}
