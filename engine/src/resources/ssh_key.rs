//! Public keys of SSH, for the kinds that write them into a file.
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::Fault;

/// Types of keys that may be given. Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
pub(crate) const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// A public key as it stands in a file: `ssh-ed25519 AAAA.. comment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey<'t> {
    pub kind: &'t str,
    pub body: &'t str,
    pub comment: &'t str,
}

impl<'t> PublicKey<'t> {
    /// Reads one that begins with its type, which may be one of those that are no longer made.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (kind, rest) = text.trim().split_once([' ', '\t'])?;
        let rest = rest.trim_start();
        let (body, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let known = TYPES.contains(&kind) || kind == "ssh-dss";
        (known && !body.is_empty()).then_some(Self { kind, body, comment: comment.trim() })
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<Fault> {
        let wrong = |why: &str| {
            let beginning: String = self.body.chars().take(12).collect();
            let fault = Fault::new(format!("key `{} {}..` {why}", self.kind, beginning.escape_debug()));
            Some(fault.hint("give the whole line of the file that ends in `.pub`"))
        };
        if !TYPES.contains(&self.kind) {
            return wrong("is of a type that is no longer accepted");
        }
        let Ok(bytes) = STANDARD.decode(self.body) else { return wrong("is not whole: it is no base64") };
        // It begins with its type once more: the length in four bytes, and the word. Source: RFC 4253, 6.6.
        let length = u32::try_from(self.kind.len()).unwrap_or_default().to_be_bytes();
        let begins = bytes.starts_with(&[&length, self.kind.as_bytes()].concat());
        let more = bytes.len() > length.len() + self.kind.len();
        if begins && more { None } else { wrong("is of another type, or no key at all") }
    }
}

/// What is wrong with text that is to be a key, as a whole.
pub(crate) fn faults(text: &str) -> Vec<Fault> {
    match PublicKey::parse(text) {
        // What it is must not be shown: it may be a private key.
        None => {
            vec![Fault::new("a key is no public key of SSH").hint("it begins with its type, as `ssh-ed25519 AAAA..`")]
        }
        Some(_) if text.trim().contains(['\n', '\r', '\0']) => vec![Fault::new("a key is more than one line")],
        Some(key) => key.fault().into_iter().collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{PublicKey, faults};

    pub const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPDtw0CXOv3+cZAGVZSKZCstLkew2rsNy7vKLgh2tNVz";
    pub const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM8ixT7KyDCbWnXe+hTh0cZF0LakfBZpZx+IpsTd0YIi";

    #[test]
    fn a_key_is_read_with_its_comment() {
        let body = ED25519.split(' ').nth(1).unwrap();
        let key = PublicKey { kind: "ssh-ed25519", body, comment: "ann at work" };
        assert_eq!(PublicKey::parse(&format!(" {ED25519}  ann at work\n")), Some(key));
        for none in ["", "ssh-ed25519", "# x", "no-pty ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----"] {
            assert_eq!(PublicKey::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_no_whole_key_is_found() {
        let shown = |text: &str| faults(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(ED25519), [""; 0]);
        let hint = "\nhint: give the whole line of the file that ends in `.pub`";
        let cut = &ED25519[..ED25519.len() - 3];
        assert_eq!(shown(cut), [format!("key `ssh-ed25519 AAAAC3NzaC1l..` is not whole: it is no base64{hint}")]);
        let other = ED25519.replace("ssh-ed25519 ", "ssh-rsa ");
        assert_eq!(shown(&other), [format!("key `ssh-rsa AAAAC3NzaC1l..` is of another type, or no key at all{hint}")]);
        assert_eq!(shown(&format!("ssh-dss {}", &ED25519[12..])).len(), 1);
        assert_eq!(shown(&format!("{ED25519} a\n{OTHER}")), ["a key is more than one line"]);
        assert_eq!(
            shown("-----BEGIN OPENSSH PRIVATE KEY-----\ncanary"),
            ["a key is no public key of SSH\nhint: it begins with its type, as `ssh-ed25519 AAAA..`"]
        );
    }
}
