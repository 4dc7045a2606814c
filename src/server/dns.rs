//! The name of a server that is destroyed leaves the DNS with it.
use brasa::host::dns::{Authority, Name, Outcome, RecordType};

use super::description::Dns;
use crate::failure::{Code, Failure};

/// Removes the records of a name, by the key that may change them. True when there were some.
///
/// # Errors
/// What the name server refused, and what could not be asked.
pub fn delete(dns: &Dns, fqdn: &str) -> Result<bool, Failure> {
    let name = |text: &str| -> Result<Name, Failure> {
        text.parse().map_err(|why| Failure::input(format!("`{text}` is no name in the DNS: {why}")))
    };
    let authority = Authority {
        server: dns.server.clone(),
        zone: dns.zone.as_deref().map(name).transpose()?,
        key_file: Some(dns.key.clone()),
        key_name: None,
        algorithm: None,
    };
    let Outcome { changed, .. } = authority.remove(&name(fqdn)?, &RecordType::ALL, false).map_err(|trouble| {
        let mut failure = Failure::from(trouble.error);
        if trouble.unreachable {
            failure.code = Code::Unavailable;
        }
        failure.message = format!("the records of `{fqdn}` stay in the DNS: {}", failure.message);
        failure
    })?;
    Ok(!changed.is_empty())
}
