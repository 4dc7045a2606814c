//! Proxies: what downloads and commands reach other machines by.

/// Schemes that a proxy may be set for.
pub const SCHEMES: [&str; 3] = ["ftp", "http", "https"];

/// The proxies of this run, as the environment has them (`http_proxy`, `no_proxy` and the like). Source: curl(1), ENVIRONMENT.
#[derive(Clone, Default)]
pub struct Proxies {
    /// Variables, in small letters, and their values.
    variables: Vec<(String, String)>,
}

impl Proxies {
    /// Those of the environment, by way of `variable`, and where it has none those that `set` gives: the address of a scheme's
    /// proxy, or with the scheme `no` the hosts that none is used for.
    pub fn new(variable: impl Fn(&str) -> Option<String>, set: impl Fn(&str) -> Option<String>) -> Self {
        let one = |scheme: &str| {
            let name = format!("{scheme}_proxy");
            let value = variable(&name).or_else(|| variable(&name.to_uppercase())).or_else(|| set(scheme))?;
            Some((name, value))
        };
        Self { variables: SCHEMES.iter().chain(&["all", "no"]).filter_map(|scheme| one(scheme)).collect() }
    }

    /// A proxy's address with a scheme, and with who asks in it.
    #[must_use]
    pub fn address(text: &str, user: Option<&str>, password: Option<&str>) -> String {
        let (scheme, host) = text.split_once("://").unwrap_or(("http", text));
        let Some(user) = user.filter(|user| !user.is_empty()) else { return format!("{scheme}://{host}") };
        let password = password.map(|password| format!(":{}", escaped(password))).unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        format!("{scheme}://{}{password}@{host}", escaped(user))
    }

    /// Variables for commands: programs look for them in small letters, or in capitals.
    pub fn variables(&self) -> impl Iterator<Item = (String, &str)> {
        self.variables
            .iter()
            .flat_map(|(name, value)| [(name.clone(), value.as_str()), (name.to_uppercase(), value.as_str())])
    }

    /// The address of the proxy for an address, when there is to be one.
    #[must_use]
    pub fn of(&self, url: &str) -> Option<&str> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.strip_prefix('[') {
            Some(host) => host.split(']').next()?,
            None => host.split(':').next()?,
        };
        let value = |name: &str| Some(self.variables.iter().find(|(set, _)| set == name)?.1.as_str());
        let excepted = |hosts: &str| hosts.split([',', ' ']).any(|hosts| covers(hosts, host));
        if value("no_proxy").is_some_and(excepted) {
            return None;
        }
        let own = format!("{}_proxy", scheme.to_ascii_lowercase());
        value(&own).or_else(|| value("all_proxy")).filter(|address| !address.is_empty())
    }
}

/// Whether a host is one of `pattern`: all (`*`), this one, or those below this domain (`.example.org`, `*.example.org`, and as
/// programs commonly have it `example.org` too).
fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.trim().to_ascii_lowercase(), host.to_ascii_lowercase());
    let domain = pattern.trim_start_matches('*').trim_start_matches('.');
    match host.strip_suffix(domain) {
        Some(_) if domain.is_empty() => pattern == "*",
        Some(below) => below.is_empty() || below.ends_with('.'),
        None => false,
    }
}

/// Text as it may stand before the `@` of an address. Source: RFC 3986, section 2.3.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::Proxies;

    /// Proxies of variables alone.
    fn of(variables: &[(&str, &str)]) -> Proxies {
        let value = |name: &str| Some(variables.iter().find(|(set, _)| *set == name)?.1.to_owned());
        Proxies::new(value, |_| None)
    }

    #[test]
    fn the_environment_counts_more_than_what_is_set() {
        let variable = |name: &str| match name {
            "HTTP_PROXY" => Some("http://environment:1".to_owned()),
            "ftp_proxy" => Some(String::new()),
            _ => None,
        };
        let proxies = Proxies::new(variable, |scheme| Some(format!("http://{scheme}:2")));
        assert_eq!(proxies.of("http://a"), Some("http://environment:1"));
        assert_eq!(proxies.of("HTTPS://a"), Some("http://https:2"));
        assert_eq!(proxies.of("ftp://a"), None);
        let https: Vec<_> = proxies.variables().filter(|(name, _)| name.eq_ignore_ascii_case("https_proxy")).collect();
        assert_eq!(https, [("https_proxy".to_owned(), "http://https:2"), ("HTTPS_PROXY".to_owned(), "http://https:2")]);
    }

    #[test]
    fn some_hosts_are_reached_without() {
        for (excepted, host, through) in [
            ("", "example.org", true),
            ("*", "example.org", false),
            ("example.org", "EXAMPLE.org", false),
            ("other, Example.org", "www.example.org:8080", false),
            ("*.example.org", "www.example.org", false),
            (".example.org", "badexample.org", true),
            ("example.org", "example.org.evil", true),
            ("::1", "[::1]:80", false),
            ("10.1.2.3", "user:secret@10.1.2.3", false),
        ] {
            let proxies = of(&[("http_proxy", "http://proxy:3128"), ("no_proxy", excepted)]);
            assert_eq!(proxies.of(&format!("http://{host}/x")).is_some(), through, "`{excepted}` and {host}");
        }
        assert_eq!(of(&[("all_proxy", "socks5://proxy")]).of("https://a/b"), Some("socks5://proxy"));
        assert_eq!(of(&[("http_proxy", "http://proxy")]).of("no address"), None);
    }

    #[test]
    fn who_asks_stands_in_the_address() {
        assert_eq!(Proxies::address("proxy:3128", None, Some("x")), "http://proxy:3128");
        assert_eq!(Proxies::address("https://proxy", Some("me"), None), "https://me@proxy");
        assert_eq!(Proxies::address("http://old@proxy/", Some("m e"), Some("a:b@c")), "http://m%20e:a%3Ab%40c@proxy/");
    }
}
