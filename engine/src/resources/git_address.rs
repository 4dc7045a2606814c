//! Addresses of repositories, and what of them is secret.

/// An address, and what of it is secret.
pub(crate) struct Address<'a> {
    pub whole: &'a str,
    /// Without the user's name and password, where it is one of http: a token may be either.
    pub clean: String,
    pub credentials: Option<&'a str>,
}

impl<'a> Address<'a> {
    pub fn of(whole: &'a str) -> Self {
        let parts = whole.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        let plain = || Self { whole, clean: whole.to_owned(), credentials: None };
        let Some((scheme, rest)) = parts else { return plain() };
        let host = rest.find('/').unwrap_or(rest.len());
        match rest[..host].rfind('@') {
            Some(at) => {
                Self { whole, clean: format!("{scheme}://{}", &rest[at + 1..]), credentials: Some(&rest[..at]) }
            }
            None => plain(),
        }
    }
}

/// What of credentials must not be shown, as it is written in an address and as it is meant. A user's name alone may be a token;
/// beside a password it is a secret only where it is too long for a name.
pub(crate) fn secrets(credentials: &str) -> Vec<String> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let user = if password.is_empty() || user.len() > 32 { user } else { "" };
    let written = [credentials, user, password];
    written.into_iter().flat_map(|text| [text.to_owned(), meant(text)]).filter(|text| !text.is_empty()).collect()
}

/// What a part of an address stands for. Source: RFC 3986, section 2.1.
pub(crate) fn meant(written: &str) -> String {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
