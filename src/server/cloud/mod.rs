//! Clouds: providers that are asked over HTTP.
//!
//! | module | what |
//! |---|---|
//! | `ec2` | Amazon EC2 and what speaks as it does: the query API |
//! | `aws` | its accounts: environment, profiles, `credential_process` |
//! | `signature` | its signatures: AWS Signature Version 4 |
//! | `xml` | its answers |
//! | `openstack` | Nova, and Rackspace's older form of it |
//! | `keystone` | who asks there: Keystone v3, Rackspace's Identity v2 |
//! | `clouds_yaml` | credentials from `OS_*` and `clouds.yaml` |
mod aws;
mod clouds_yaml;
pub mod ec2;
mod keystone;
pub mod openstack;
mod signature;
mod xml;

use std::net::IpAddr;

use brasa::host::http::{Call, Reply};

use super::{keys::Keys, steps::Patience};
use crate::failure::{Code, Failure};

/// The tag, or the key of metadata, by which a server of brasa is known, and its value.
const MANAGED: (&str, &str) = ("managed-by", "brasa");
/// The one with the server's name.
const NAME: &str = "brasa-name";
/// The one with its token.
const TOKEN: &str = "brasa-token";
/// Seconds for one request.
const SECONDS: u64 = 60;
/// Seconds for which a question is asked again, when the cloud has trouble or is not reached.
const AGAIN: u64 = 5;
/// Characters quoted of what a cloud says.
const QUOTED: usize = 500;

/// Asks a cloud. With `again`, which is for what may be asked twice, trouble that may pass is waited for.
fn ask(call: &Call<'_>, again: bool) -> Result<Reply, Failure> {
    let mut patience = Patience::of(AGAIN);
    loop {
        let asked = call.ask();
        let passing = asked.as_ref().map_or(true, |reply| is_passing(reply.status));
        if !(again && passing && patience.wait()?) {
            return asked.map_err(|error| Failure { code: Code::Unavailable, ..Failure::from(error) });
        }
    }
}

/// Whether a status is of trouble that may pass by itself.
const fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500..=599)
}

/// What a cloud says, cut to what people read.
fn cut(text: &str) -> &str {
    let text = text.trim();
    text.char_indices().nth(QUOTED).map_or(text, |(end, _)| &text[..end])
}

/// The beginning of an answer that is not what was expected, for a message.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)]).into_owned();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(
        || "it is empty".to_owned(),
        |line| format!("it begins `{}`", line.chars().take(80).collect::<String>()),
    )
}

/// Text as it may stand in a query or a form. Source: RFC 3986, section 2.3.
fn escaped(text: &str) -> String {
    let mut whole = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => whole.push(char::from(byte)),
            other => whole.push_str(&format!("%{other:02X}")),
        }
    }
    whole
}

/// Reads which kind of address to connect to: whether the private ones go first.
fn prefers_private(keys: &mut Keys<'_>) -> bool {
    match keys.text("address") {
        None | Some("public") => false,
        Some("private") => true,
        Some(other) => {
            keys.fault("address", format!("is to be `public` or `private`, not `{other}`"), "");
            false
        }
    }
}

/// Reads an address that requests go to instead of the usual one.
fn endpoint(keys: &mut Keys<'_>) -> Option<String> {
    let written = keys.text("endpoint")?;
    if !is_address(written) {
        keys.fault("endpoint", "is no http or https address", "as `https://ec2.example.com`, without a password");
    }
    Some(written.trim_end_matches('/').to_owned())
}

/// Whether requests can go there; a password in it would be shown in messages.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']) && !rest.contains(char::is_control)
    })
}

/// The addresses of a server in the order in which they are to be tried; what is no address is left out. Those that came first
/// stay first among equals.
fn in_order<'a>(addresses: impl Iterator<Item = &'a str>, private_first: bool) -> Vec<String> {
    let mut ranked: Vec<(u8, String)> = Vec::new();
    for address in addresses.filter_map(|text| text.parse::<IpAddr>().ok()) {
        let rank = match address {
            IpAddr::V4(four) => u8::from((four.is_private() || four.is_link_local()) != private_first),
            IpAddr::V6(_) => 2,
        };
        let text = address.to_string();
        if !ranked.iter().any(|(_, other)| *other == text) {
            ranked.push((rank, text));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::{in_order, is_address};

    #[test]
    fn the_address_to_connect_to_comes_first() {
        let all = ["10.0.0.5", "2001:db8::1", "-oProxyCommand=id", "192.0.2.7", "10.0.0.5", "192.168.1.1"];
        let order = |private| in_order(all.into_iter(), private).join(" ");
        assert_eq!(order(false), "192.0.2.7 10.0.0.5 192.168.1.1 2001:db8::1");
        assert_eq!(order(true), "10.0.0.5 192.168.1.1 192.0.2.7 2001:db8::1");
    }

    #[test]
    fn an_endpoint_is_an_address_without_secrets() {
        for (text, good) in [
            ("http://127.0.0.1:5000", true),
            ("https://ec2.example.com/api", true),
            ("https://", false),
            ("ftp://a", false),
            ("ec2.example.com", false),
            ("https://me:secret@a", false),
            ("https://a?x=1", false),
        ] {
            assert_eq!(is_address(text), good, "{text}");
        }
    }
}
