//! The lab: real operating systems in throwaway containers, for scenarios that need a real package manager or init.
//!
//! ```text
//! cache      $BRASA_LAB or target/lab: what is made once and kept, each with the hash of its recipe in its name
//! roots      base systems: Debian 12, the same made to look like EL 9 with a real dnf 4, and a newer one as Fedora with dnf 5
//! deb rpm    signed local repositories of synthetic packages (lab-app, lab-bad, lab-slow, ..)
//! article    a signed local repository of the real Debian packages that the article's run-list needs
//! gems       a local gem source
//! container  a throwaway overlay of a root, booted with systemd or not; gone when dropped, also after a panic or a kill
//! vm         a virtual machine of a root that has a kernel, emulated; gone when dropped, or when the test is
//! command    commands in a container: run, run in the background, kill -9
//! snapshot   every path that a run must not touch, to compare before and after
//! scenario   a folder with a node's files and what has to be so when it has converged
//! story      the article from end to end: a name server, a server that comes and goes, and its name
//! site       a machine with a cookbook that a scenario writes as it goes
//! clouds     EC2, OpenStack and Rackspace on loopback, the real ones where there is one
//! binary     the program as it is shipped: static, release
//! ```
//!
//! A scenario reads:
//!
//! ```ignore
//! let machine = Container::of(lab::root(lab::DEBIAN)?).brasa(lab::binary()?).repository(&lab::deb_repo()?).start()?;
//! machine.run(["apt-get", "-qq", "update"]).success();
//! ```
//!
//! Everything needs root on a Debian or Ubuntu host; what the host lacks is installed with `apt-get`. Nothing here
//! needs a network once the cache is filled, and containers have none unless they ask for it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "test machinery: it drives containers from outside and is no part of the program"
)]

mod article;
mod binary;
mod cache;
pub mod clouds;
mod command;
mod container;
mod deb;
mod error;
mod gems;
mod host;
mod repository;
mod roots;
mod rpm;
pub mod scenario;
mod signing;
mod site;
mod snapshot;
mod sshd;
mod story;
pub mod tested;
mod vm;

pub use article::{ARTICLE_PACKAGES, article_repo};
pub use binary::{binary, kitchen, target_directory, workspace};
pub use cache::Artefact;
pub use command::{Command, Output, Running};
pub use container::{Container, ContainerOptions};
pub use deb::deb_repo;
pub use error::{Error, Result};
pub use gems::gem_repo;
pub use host::{announce, call, find, need, require_root};
pub use repository::{Repository, expired_repo, expired_rpm_repo};
pub use roots::{Base, CLOUD, DEBIAN, DEBIAN13, DNS, EL9, EL9_DNS, FEDORA, KERNEL, MANAGERS, PACMAN, SYSTEM, root};
pub use rpm::{LONG_NAME, rpm_repo};
pub use rustix::process::Signal;
pub use site::{Machine, converge, cycle, last_run, plan, prepare_site, settle, site};
pub use snapshot::{Snapshot, UNWATCHED, WATCHED};
pub use sshd::SshMachine;
pub use vm::{Vm, VmOptions};
