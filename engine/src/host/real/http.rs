//! Questions to the interfaces of other programs: one request, one answer, whatever its status.
use std::{io::Read, time::Duration};

use ureq::tls::RootCerts;

use super::fetch::{Trouble, agent, certificates, roots, shown, trouble};
use crate::{
    Error, Result,
    host::{Proxies, environment},
};

/// An answer has at most so many bytes.
const MOST: u64 = 32 << 20;

/// A request. It is sent once, and goes to no other host: headers may hold what only this one is to see.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The address.
    pub url: &'a str,
    /// Headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty for none.
    pub body: &'a [u8],
    /// Seconds for all of it.
    pub seconds: u64,
    /// Who is trusted, in place of those that the system trusts.
    pub authorities: Option<&'a Authorities>,
}

/// Authorities whose certificates are trusted.
#[derive(Clone, Debug)]
pub struct Authorities(RootCerts);

impl Authorities {
    /// Those of a file in PEM; `None` when there is no certificate in it.
    #[must_use]
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        certificates(pem).map(Self)
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status: a redirect is one too, and is not followed.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    headers: ureq::http::HeaderMap,
}

impl Reply {
    /// A header, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Call<'_> {
    /// Asks, by way of the proxies of the environment.
    ///
    /// # Errors
    /// An address that is none, a server or proxy that cannot be reached or does not answer in time. What the server says, of
    /// whatever status, is no error.
    pub fn ask(&self) -> Result<Reply> {
        let proxies = Proxies::new(environment::var, |_| None);
        let proxy = proxies.of(self.url);
        self.through(proxy).map_err(|error| {
            let shown = shown(self.url);
            let (why, hint) = match trouble(error) {
                Trouble::Passing(why) => (why, None),
                Trouble::Final(why, hint) => (why, hint),
                Trouble::Cache => (String::new(), None),
            };
            let error = Error::failed(format!("cannot ask `{shown}`: {}", why.replace(self.url, &shown)));
            match (hint, proxy) {
                (Some(hint), _) => error.hint(hint),
                (None, Some(proxy)) => {
                    error.hint(format!("it was asked through the proxy `{}`", super::fetch::shown(proxy)))
                }
                (None, None) => error.hint("is the network up, and the address right?"),
            }
        })
    }

    fn through(&self, proxy: Option<&str>) -> Result<Reply, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(self.method).uri(self.url);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let agent = agent(
            Duration::from_secs(self.seconds),
            proxy,
            0,
            self.authorities.map_or_else(roots, |own| own.0.clone()),
        )?;
        let response = match self.body {
            [] => agent.run(request.body(())?)?,
            body => agent.run(request.body(body)?)?,
        };
        let (about, body) = response.into_parts();
        let mut bytes = Vec::new();
        body.into_with_config().limit(MOST).reader().read_to_end(&mut bytes)?;
        Ok(Reply { status: about.status.as_u16(), body: bytes, headers: about.headers })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
    };

    use super::Call;

    /// Answers one request with this, and gives back what was asked.
    fn answering(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v3?secret=1", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 4096];
            let mut read = 0;
            while !asked[..read].ends_with(b"end") {
                read += stream.read(&mut asked[read..]).unwrap();
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked[..read].to_vec()).unwrap()
        });
        (url, thread)
    }

    fn call(url: &str) -> Call<'_> {
        Call {
            method: "POST",
            url,
            headers: &[("x-auth-token", "t0ken")],
            body: b"the end",
            seconds: 20,
            authorities: None,
        }
    }

    #[test]
    fn a_status_is_an_answer_and_a_redirect_is_not_followed() {
        let (url, server) = answering(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/other\r\nX-Subject-Token: abc\r\nContent-Length: 4\r\n\r\nbody",
        );
        let reply = call(&url).ask().unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (302, &b"body"[..]));
        assert_eq!((reply.header("x-subject-token"), reply.header("x-other")), (Some("abc"), None));
        let asked = server.join().unwrap();
        assert!(
            asked.starts_with("POST /v3?secret=1 HTTP/1.1\r\n") && asked.contains("x-auth-token: t0ken"),
            "{asked}"
        );
    }

    #[test]
    fn who_cannot_be_reached_is_told_without_the_query() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("http://{}/v3", listener.local_addr().unwrap());
        drop(listener);
        let error = call(&format!("{host}?secret=1")).ask().unwrap_err();
        assert_eq!(error.to_string(), format!("cannot ask `{host}?(sensitive)`: Connection refused (os error 111)"));
        let error = call("no address").ask().unwrap_err().to_string();
        assert!(error.starts_with("cannot ask `no address`: "), "{error}");
    }
}
