//! A host key that came by user-data is one that others may have read: the first converge replaces it, over the connection that
//! the old one vouches for.
use brasa::host::disk;

use super::{
    record::{Record, Records},
    ssh::{KNOWN_HOSTS, Ssh},
    steps::{Patience, Steps},
};
use crate::failure::Failure;

/// The known hosts while the new key is tried.
const NEW_KNOWN_HOSTS: &str = "known_hosts.new";
/// Seconds in which the server must show its new key.
const SHOWING: u64 = 20;

/// Makes the new key beside the old one and prints its public half; nothing where the server has arranged its keys otherwise.
const MAKE: &str = "set -e; f=/etc/ssh/ssh_host_ed25519_key; test -f $f || exit 0; umask 077; rm -f $f.new $f.new.pub; \
                    ssh-keygen -q -t ed25519 -N '' -C '' -f $f.new; cat $f.new.pub";

/// Puts it in place and has the server take it; a connection that stands goes on.
const TAKE: &str = "set -e; f=/etc/ssh/ssh_host_ed25519_key; chmod 644 $f.new.pub; mv -f $f.new.pub $f.pub; mv -f $f.new $f; \
                    rm -f $f-cert.pub; ! command -v restorecon >/dev/null 2>&1 || restorecon $f $f.pub || :; \
                    if test -d /run/systemd/system; then systemctl reload ssh.service 2>/dev/null || \
                    systemctl reload sshd.service 2>/dev/null || :; \
                    else kill -HUP \"$(cat /run/sshd.pid)\" || :; fi";

/// Replaces the key. Cut off anywhere, the known hosts hold whichever key the server shows.
///
/// # Errors
/// That the connection was lost.
pub fn replace(ssh: &Ssh, records: &Records, record: &Record, steps: &Steps) -> Result<(), Failure> {
    let made = ssh.run(MAKE, "making a host key")?;
    let words: Vec<&str> = made.split_whitespace().collect();
    let [kind @ "ssh-ed25519", key, ..] = words.as_slice() else {
        steps.warn("its host key is not /etc/ssh/ssh_host_ed25519_key, and is left as it is");
        return Ok(());
    };
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    if !key.bytes().all(base64) {
        return Err(Failure::failed(format!("`{}` made a host key that is none", record.name)));
    }
    let directory = records.of(&record.name);
    let new = format!("{} {kind} {key}\n", record.fqdn);
    let old = super::bootstrap::input(&directory.join(KNOWN_HOSTS), 1 << 20)?;
    records.put(&record.name, NEW_KNOWN_HOSTS, new.as_bytes())?;
    records.put(&record.name, KNOWN_HOSTS, &[&old, new.as_bytes()].concat())?;
    ssh.run(TAKE, "replacing its host key")?;
    let mut patience = Patience::of(SHOWING);
    while !ssh.shows(&directory.join(NEW_KNOWN_HOSTS))? {
        if !patience.wait()? {
            steps.warn("it does not show its new host key; the one that it was made with is still taken");
            return Ok(());
        }
    }
    records.put(&record.name, KNOWN_HOSTS, new.as_bytes())?;
    disk::remove(&directory.join(NEW_KNOWN_HOSTS))?;
    steps.done("host key replaced");
    Ok(())
}
