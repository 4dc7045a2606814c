//! The name of a server that is destroyed leaves the DNS with it.
use super::description::Dns;
use crate::failure::Failure;

/// Removes the records of a name, by the key that may change them.
///
/// # Errors
/// What the name server refused, and what could not be asked.
pub fn delete(dns: &Dns, fqdn: &str) -> Result<(), Failure> {
    let mut message = format!("the records of `{fqdn}` stay in the DNS: this program cannot remove them yet");
    if let Some(server) = &dns.server {
        message += &format!(" at `{server}`");
    }
    Err(Failure::failed(message).hint(format!("remove them by `nsupdate -k {}`", dns.key.display())))
}
