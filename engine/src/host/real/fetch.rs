//! Downloads: streamed into brasa's cache, asked for again only when the server says that they changed.
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::{ffi::OsStringExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use super::files::hash;
use crate::{
    Error, Result,
    host::{Fetched, Message, Proxies, Request, disk},
    values::{Blob, Digest},
};

/// Downloads up to this size are handed over in memory.
const IN_MEMORY: u64 = 4 * 1024 * 1024;
/// Attempts at a server that cannot be reached or has trouble of its own.
const ATTEMPTS: u32 = 4;
/// A download is followed to so many other places.
const REDIRECTS: u32 = 10;
/// Where distributions keep the certificates that the administrator trusts.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What is remembered of a download.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    sha256: Option<Digest>,
    size: u64,
}

/// Downloads what `request` asks for.
///
/// # Errors
/// An address of another kind, a server or proxy that cannot be reached or refuses, another checksum than the one asked for.
pub fn fetch(request: &Request, cache: &Path, proxies: &Proxies) -> Result<Fetched> {
    let shown = shown(&request.url);
    let (scheme, rest) = request.url.split_once(':').unwrap_or_default();
    let fetched = match scheme {
        "http" | "https" => {
            let proxy = proxies.of(&request.url);
            over_http(request, &shown, cache, proxy).map_err(|error| match proxy {
                Some(proxy) => error.hint(format!("it was asked for through the proxy `{}`", self::shown(proxy))),
                None => error,
            })?
        }
        "file" => from_file(&file_path(rest))?,
        _ => return Err(Error::failed(format!("cannot download `{shown}`: it is no http, https or file address"))),
    };
    let of = if fetched.not_modified { "is as it was" } else { "was downloaded" };
    tracing::debug!("`{shown}` {of}: {} bytes", fetched.content.size());
    match request.checksum {
        Some(wanted) if fetched.content.digest() != wanted => {
            // It may have been damaged on the way: to be told "not modified" next time would keep the damage.
            disk::remove(&place_of(request, cache).with_extension("json"))?;
            Err(Error::failed(format!(
                "what `{shown}` gave has another checksum: expected {wanted}, got {}",
                fetched.content.digest()
            ))
            .hint("the file at that address has changed, or somebody changed it on the way; nothing was put in place"))
        }
        Some(_) | None => Ok(fetched),
    }
}

/// An address as it may be shown and kept: without the password and the query, which may be secret.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, rest) = match authority.rfind('@') {
        Some(at) => ("(sensitive)", &rest[at..]),
        None => ("", rest),
    };
    match rest.split_once('?') {
        Some((rest, _)) => format!("{scheme}://{user}{rest}?(sensitive)"),
        None => format!("{scheme}://{user}{rest}"),
    }
}

/// The path of a file address. Source: RFC 8089.
fn file_path(rest: &str) -> PathBuf {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(path).as_bytes();
    let mut bytes = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        let digits =
            path.get(at + 1..at + 3).filter(|digits| *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    OsString::from_vec(bytes).into()
}

fn from_file(path: &Path) -> Result<Fetched> {
    // A named pipe would be waited for, and a device like /dev/zero has no end.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(Error::io("read", path))?;
    if !file.metadata().map_err(Error::io("look at", path))?.is_file() {
        return Err(Error::failed(format!("`{}` is not a regular file", path.display())));
    }
    Ok(Fetched { content: blob(&mut file, path)?, not_modified: false })
}

/// A file's content, in memory when it is small.
fn blob(file: &mut File, path: &Path) -> Result<Blob> {
    let size = file.metadata().map_err(Error::io("look at", path))?.len();
    if size <= IN_MEMORY {
        let mut bytes = Vec::new();
        file.take(IN_MEMORY + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        if bytes.len() as u64 <= IN_MEMORY {
            return Ok(Blob::from(bytes));
        }
        file.rewind().map_err(Error::io("read", path))?; // it has grown meanwhile
    }
    let (digest, size) = hash(file).map_err(Error::io("read", path))?;
    Ok(Blob::in_file(path, size, digest))
}

/// Where the download of an address is kept.
fn place_of(request: &Request, cache: &Path) -> PathBuf {
    cache.join("fetch").join(Digest::of(request.url.as_bytes()).to_string())
}

fn over_http(request: &Request, shown: &str, cache: &Path, proxy: Option<&str>) -> Result<Fetched> {
    let directory = cache.join("fetch");
    disk::create_private_dirs(&directory)?;
    let place = place_of(request, cache);
    clean(&directory)?;
    let mut memory = recall(&place);
    if memory.sha256.is_some() && memory.sha256 == request.checksum {
        // What was asked for is at hand, whatever is at that address now: no network is needed.
        let mut file = File::open(&place).map_err(Error::io("read", &place))?;
        return Ok(Fetched { content: blob(&mut file, &place)?, not_modified: true });
    }
    if !request.conditional {
        memory = Memory::default();
    }
    let quoted = |why: String| why.replace(&request.url, shown);
    let deadline = Instant::now() + Duration::from(request.timeout);
    let mut wait = Duration::from_secs(1);
    let mut attempt = 1;
    loop {
        match once(request, &memory, &place, deadline, proxy) {
            Ok(Some(new)) => {
                let json = serde_json::to_vec(&new).map_err(|error| Error::failed(error.to_string()))?;
                disk::write_atomic(&place.with_extension("json"), &json)?;
                let mut file = File::open(&place).map_err(Error::io("read", &place))?;
                return Ok(Fetched { content: blob(&mut file, &place)?, not_modified: false });
            }
            Ok(None) => {
                let mut file = File::open(&place).map_err(Error::io("read", &place))?;
                return Ok(Fetched { content: blob(&mut file, &place)?, not_modified: true });
            }
            Err(Trouble::Cache) => memory = Memory::default(),
            Err(Trouble::Passing(_)) if attempt < ATTEMPTS && Instant::now() + wait < deadline => {
                std::thread::sleep(wait);
                wait *= 2;
                attempt += 1;
            }
            Err(Trouble::Passing(why)) => {
                let tries = if attempt > 1 { format!(" after {attempt} attempts") } else { String::new() };
                return Err(Error::failed(format!("cannot download `{shown}`{tries}: {}", quoted(why)))
                    .hint("is the network up, and the address right?"));
            }
            Err(Trouble::Final(why, hint)) => {
                let error = Error::failed(format!("cannot download `{shown}`: {}", quoted(why)));
                return Err(match hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                });
            }
        }
    }
}

pub(super) enum Trouble {
    /// Trying again may help.
    Passing(String),
    /// It will not.
    Final(String, Option<String>),
    /// What was kept of an earlier download is gone.
    Cache,
}

/// Removes what downloads that were cut off have left; each is named after its process.
fn clean(directory: &Path) -> Result<()> {
    for name in disk::list(directory)? {
        let process = name.to_str().and_then(|name| name.split_once(".partial-")?.1.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            disk::remove(&directory.join(name))?;
        }
    }
    Ok(())
}

/// What an earlier download of this address left, when it is whole.
fn recall(place: &Path) -> Memory {
    let memory = fs::read(place.with_extension("json")).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let memory: Memory = memory.unwrap_or_default();
    let whole = || {
        let mut file = File::open(place).ok()?;
        let (digest, size) = hash(&mut file).ok()?;
        Some(memory.sha256 == Some(digest) && memory.size == size)
    };
    if whole() == Some(true) { memory } else { Memory::default() }
}

/// One attempt. `None` means that the server says nothing has changed.
fn once(
    request: &Request,
    memory: &Memory,
    place: &Path,
    deadline: Instant,
    proxy: Option<&str>,
) -> Result<Option<Memory>, Trouble> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let unusable = |error| Trouble::Final(format!("the proxy cannot be used: {error}"), None);
    let agent = agent(left, proxy, REDIRECTS, roots()).map_err(unusable)?;
    let mut call = agent.get(&request.url);
    for (name, value) in &request.headers {
        call = call.header(name, value);
    }
    if let Some(etag) = &memory.etag {
        call = call.header("If-None-Match", etag);
    }
    if let Some(modified) = &memory.last_modified {
        call = call.header("If-Modified-Since", modified);
    }
    let response = call.call().map_err(trouble)?;
    let status = response.status().as_u16();
    match status {
        200 => {}
        304 if memory.sha256.is_some() && fs::exists(place).unwrap_or(false) => return Ok(None),
        304 => return Err(Trouble::Cache),
        408 | 429 | 500..=599 => return Err(Trouble::Passing(format!("the server answered {}", response.status()))),
        _ => return Err(Trouble::Final(format!("the server answered {}", response.status()), None)),
    }
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let (etag, last_modified) = (header("etag"), header("last-modified"));
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let (sha256, size) = store(&mut body, place)?;
    Ok(Some(Memory { url: shown(&request.url), etag, last_modified, sha256: Some(sha256), size }))
}

/// What speaks HTTP, until so much time has passed, follows so many redirects, and trusts these authorities.
pub(super) fn agent(
    left: Duration,
    proxy: Option<&str>,
    redirects: u32,
    roots: RootCerts,
) -> Result<ureq::Agent, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .max_redirects(redirects)
        .timeout_global(Some(left))
        .timeout_connect(Some(Duration::from_secs(30)))
        .http_status_as_error(false)
        .proxy(proxy.map(ureq::Proxy::new).transpose()?)
        // The file itself is wanted: one that is packed on the way would be unpacked, and its checksum another.
        .accept_encoding("identity")
        .user_agent(concat!("brasa/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots).build());
    Ok(config.build().into())
}

/// Longest answer of a service that is asked for a word, in bytes.
const WORD: u64 = 4096;

/// Asks a service on this machine's own link, once, and returns its status and the beginning of what it says. No proxy can be
/// meant, and no other place. `header` is `NAME: VALUE`, or empty.
///
/// # Errors
/// Why there is no answer.
pub fn ask(method: &str, url: &str, header: &str, deadline: Duration) -> Result<(u16, String), String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(deadline))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("brasa/", env!("CARGO_PKG_VERSION")));
    let agent = ureq::Agent::from(config.build());
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some((name, value)) = header.split_once(": ") {
        request = request.header(name, value);
    }
    let asked = request.body(()).map_err(ureq::Error::from).and_then(|request| agent.run(request));
    let response = asked.map_err(|error| match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => format!("nothing came within {} s", deadline.as_secs()),
        other => other.to_string(),
    })?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    response.into_body().into_reader().take(WORD).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Longest part of an answer that an error quotes, in bytes.
const QUOTED: u64 = 200;

/// Sends a message, once: nobody knows whether a server that did not answer has heard it.
///
/// # Errors
/// A server or proxy that cannot be reached, or that answers with something other than 2xx.
pub fn send(message: &Message, proxies: &Proxies) -> Result<()> {
    let shown = shown(&message.url);
    let proxy = proxies.of(&message.url);
    let fail = |error: ureq::Error| {
        let (Trouble::Passing(why) | Trouble::Final(why, _)) = trouble(error) else { return Error::failed("") };
        let error =
            Error::failed(format!("{} `{shown}` failed: {}", message.method, why.replace(&message.url, &shown)));
        match proxy {
            Some(proxy) => error.hint(format!("it was sent through the proxy `{}`", self::shown(proxy))),
            None => error.hint("is the network up, and the address right?"),
        }
    };
    let mut request = ureq::http::Request::builder().method(message.method.as_str()).uri(&message.url);
    for (name, value) in &message.headers {
        request = request.header(name, value);
    }
    let agent = agent(message.timeout.into(), proxy, REDIRECTS, roots()).map_err(fail)?;
    let bytes = match &message.body {
        Some(body) => Some(body.bytes().ok_or_else(|| Error::failed("the message is too large to be sent"))?),
        None => None,
    };
    let sent = match bytes {
        Some(bytes) => request.body(bytes).map_err(ureq::Error::from).and_then(|request| agent.run(request)),
        None => request.body(()).map_err(ureq::Error::from).and_then(|request| agent.run(request)),
    };
    let response = sent.map_err(fail)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let mut answer = Vec::new();
    // What more the server says only helps to understand: without it the status is told all the same.
    response.into_body().into_reader().take(QUOTED).read_to_end(&mut answer).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer);
    let first = answer.lines().map(str::trim).find(|line| !line.is_empty());
    let said = first.map(|line| format!(": {}", line.escape_debug())).unwrap_or_default();
    Err(Error::failed(format!("{} `{shown}` was answered with {status}{said}", message.method)))
}

fn store(body: &mut impl Read, place: &Path) -> Result<(Digest, u64), Trouble> {
    let disk = |error: io::Error| Trouble::Final(format!("cannot keep it in `{}`: {error}", place.display()), None);
    let partial: PathBuf = place.with_extension(format!("partial-{}", std::process::id()));
    let mut file = File::create(&partial).map_err(disk)?;
    let mut tee = Tee { body, file: &mut file, failed: None };
    let hashed = hash(&mut tee);
    let failed = tee.failed.take();
    let stored = match (hashed, failed) {
        (Ok(hashed), _) => fs::rename(&partial, place).map_err(disk).map(|()| hashed),
        (Err(_), Some(error)) => Err(disk(error)),
        (Err(error), None) => Err(Trouble::Passing(error.to_string())),
    };
    if stored.is_err() {
        fs::remove_file(&partial).unwrap_or_default();
    }
    stored
}

/// Writes to the file whatever is read from the body.
struct Tee<'a, R> {
    body: &'a mut R,
    file: &'a mut File,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        if let Err(error) = self.file.write_all(&buffer[..read]) {
            self.failed = Some(error);
            return Err(io::Error::other("the cache cannot be written"));
        }
        Ok(read)
    }
}

/// The system's certificates, as its administrator wants them; Mozilla's where there are none.
pub(super) fn roots() -> RootCerts {
    BUNDLES.iter().find_map(|bundle| certificates(&fs::read(bundle).ok()?)).unwrap_or(RootCerts::WebPki)
}

/// The certificates of a file in PEM, where it has any.
pub(super) fn certificates(pem: &[u8]) -> Option<RootCerts> {
    let certificates: Vec<_> = ureq::tls::parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    (!certificates.is_empty()).then(|| RootCerts::Specific(Arc::new(certificates)))
}

pub(super) fn trouble(error: ureq::Error) -> Trouble {
    match error {
        ureq::Error::Io(error) => {
            let text = error.to_string();
            // rustls hands its errors over as I/O errors of this kind: what it does not accept it never will.
            if error.kind() == io::ErrorKind::InvalidData || text.contains("certificate") {
                certificate(text)
            } else {
                Trouble::Passing(text)
            }
        }
        ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => Trouble::Passing(error.to_string()),
        other => {
            let text = other.to_string();
            if text.contains("certificate") { certificate(text) } else { Trouble::Final(text, None) }
        }
    }
}

/// A fresh machine's clock may be years off, and then every certificate looks expired or not yet valid.
fn certificate(why: String) -> Trouble {
    /// 2026-01-01: this program is not older than its release.
    const RELEASED: u64 = 1_767_225_600;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let about_time = ["Expired", "NotValidYet", "expired", "not valid yet"].iter().any(|word| why.contains(word));
    let stamp = super::time_stamp(SystemTime::now());
    let says = format!("it says {}-{}-{}", &stamp[..4], &stamp[4..6], &stamp[6..8]);
    let hint = if now < RELEASED {
        Some(format!("the clock of this machine is wrong, {says}; set it (`date`, chrony, systemd-timesyncd)"))
    } else if why.contains("UnknownIssuer") {
        Some("its certificate is from an authority that this machine does not trust".to_owned())
    } else {
        about_time.then(|| format!("the certificate is out of date, or the clock of this machine is wrong: {says}"))
    };
    Trouble::Final(why, hint)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
    };

    use crate::{
        Result,
        host::{Fetched, Proxies, Request},
        values::{Digest, Seconds},
    };

    fn fetch(request: &Request, cache: &std::path::Path) -> Result<Fetched> {
        super::fetch(request, cache, &Proxies::default())
    }

    fn request(url: String) -> Request {
        Request { url, checksum: None, headers: Vec::new(), conditional: true, timeout: Seconds(20) }
    }

    /// A server for so many requests, on loopback; answers with an ETag, and 304 to whoever knows it.
    fn serve(times: usize) -> (String, std::thread::JoinHandle<Vec<u16>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut answers = Vec::new();
            for _ in 0..times {
                let (mut stream, _) = listener.accept().unwrap();
                let mut known = false;
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap().to_lowercase();
                    known |= line == "if-none-match: \"v1\"";
                    if line.is_empty() {
                        break;
                    }
                }
                let answer = if known {
                    "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n"
                } else {
                    "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
                };
                stream.write_all(answer.as_bytes()).unwrap();
                answers.push(if known { 304 } else { 200 });
            }
            answers
        });
        (url, thread)
    }

    #[test]
    fn what_tls_does_not_accept_is_not_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/x", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let (ended, ends) = std::sync::mpsc::channel::<()>();
        let server = std::thread::spawn(move || {
            let mut streams = Vec::new();
            while ends.try_recv().is_err() {
                if let Ok((mut stream, _)) = listener.accept() {
                    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
                    streams.push(stream);
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            streams.len()
        });
        let cache = tempfile::tempdir().unwrap();
        let error = fetch(&request(url.clone()), cache.path()).unwrap_err().to_string();
        ended.send(()).unwrap();
        assert!(error.starts_with(&format!("cannot download `{url}`: ")), "{error}");
        assert!(!error.contains("io:") && !error.contains("attempts"), "{error}");
        assert_eq!(server.join().unwrap(), 1);
    }

    #[test]
    fn why_a_server_cannot_be_reached_is_said_in_the_systems_words() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        drop(listener);
        let cache = tempfile::tempdir().unwrap();
        let error = fetch(&Request { timeout: Seconds(1), ..request(url.clone()) }, cache.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot download `{url}`: Connection refused (os error 111)"));
    }

    #[test]
    fn a_second_download_asks_whether_it_changed() {
        let cache = tempfile::tempdir().unwrap();
        let (url, server) = serve(2);
        let first = fetch(&request(url.clone()), cache.path()).unwrap();
        assert_eq!((first.content.bytes(), first.not_modified), (Some(b"hello".as_slice()), false));
        let second = fetch(&request(url), cache.path()).unwrap();
        assert_eq!((second.content.bytes(), second.not_modified), (Some(b"hello".as_slice()), true));
        assert_eq!(server.join().unwrap(), [200, 304]);
    }

    #[test]
    fn another_checksum_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let (url, server) = serve(1);
        let wanted = Digest::of(b"other");
        let error = fetch(&Request { checksum: Some(wanted), ..request(url) }, cache.path()).unwrap_err();
        assert!(error.to_string().contains("another checksum"), "{error}");
        server.join().unwrap();
    }

    #[test]
    fn a_damaged_download_is_not_remembered_and_a_known_one_takes_no_network() {
        let cache = tempfile::tempdir().unwrap();
        let (url, server) = serve(2);
        let wanted = |text: &str| Request { checksum: Some(Digest::of(text.as_bytes())), ..request(url.clone()) };
        assert!(fetch(&wanted("other"), cache.path()).is_err());
        assert!(!fetch(&wanted("hello"), cache.path()).unwrap().not_modified);
        assert_eq!(server.join().unwrap(), [200, 200], "the server was not asked whether it changed");
        let third = fetch(&wanted("hello"), cache.path()).unwrap();
        assert_eq!((third.content.bytes(), third.not_modified), (Some(b"hello".as_slice()), true));
    }

    /// A proxy that makes one connection; what it was asked, in its head.
    fn proxy() -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let head = |stream: &std::net::TcpStream| -> Vec<String> {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
                lines.take_while(|line| !line.is_empty()).collect()
            };
            let asked = head(&client);
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            head(&client);
            client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nproxy").unwrap();
            asked
        });
        (address, thread)
    }

    #[test]
    fn a_proxy_is_asked_with_the_name_that_is_set() {
        let cache = tempfile::tempdir().unwrap();
        let (address, asked) = proxy();
        let through = Proxies::address(&address, Some("me"), Some("p:w"));
        let set = |scheme: &str| (scheme == "http").then(|| through.clone());
        let proxies = Proxies::new(|_| None, set);
        let fetched = super::fetch(&request("http://host.invalid/file".into()), cache.path(), &proxies).unwrap();
        assert_eq!(fetched.content.bytes(), Some(b"proxy".as_slice()));
        let asked = asked.join().unwrap();
        assert_eq!(asked[0], "CONNECT host.invalid:80 HTTP/1.1");
        // "me:p:w" in base64.
        assert!(asked.iter().any(|line| line.eq_ignore_ascii_case("proxy-authorization: basic bWU6cDp3")), "{asked:?}");
    }

    #[test]
    fn a_proxy_that_fails_is_named_without_its_password() {
        let cache = tempfile::tempdir().unwrap();
        let proxies = Proxies::new(|_| None, |_| Some("http://me:canary@127.0.0.1:1".to_owned()));
        let request = Request { timeout: Seconds(1), ..request("http://host.invalid/file".into()) };
        let error = super::fetch(&request, cache.path(), &proxies).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(
            error.hints().contains(&"it was asked for through the proxy `http://(sensitive)@127.0.0.1:1`".to_owned()),
            "{:?}",
            error.hints()
        );
    }

    #[test]
    fn what_a_killed_download_left_goes() {
        let cache = tempfile::tempdir().unwrap();
        let directory = cache.path().join("fetch");
        crate::host::disk::create_private_dirs(&directory).unwrap();
        // No process has a number above 2^22: proc_sys_kernel(5).
        let ours = format!("a.partial-{}", std::process::id());
        for name in ["a.partial-4194305", &ours, "b.json"] {
            std::fs::write(directory.join(name), "x").unwrap();
        }
        super::clean(&directory).unwrap();
        assert_eq!(crate::host::disk::list(&directory).unwrap(), [ours.as_str(), "b.json"]);
    }

    #[test]
    fn a_query_in_an_address_is_not_shown() {
        use super::shown;
        assert_eq!(shown("http://h.example/a?token=x#part"), "http://h.example/a?(sensitive)");
        assert_eq!(shown("https://me:pw@h.example/a"), "https://(sensitive)@h.example/a");
        assert_eq!(shown("https://h.example"), "https://h.example");
        assert_eq!(shown("/etc/chef/dna.json"), "/etc/chef/dna.json");
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let cache = tempfile::tempdir().unwrap();
        for url in ["http://me:canary@127.0.0.1:1/x@y", "gopher://me:c@nary@h/", "https://me:canary@[bad/x"] {
            let error = fetch(&Request { timeout: Seconds(1), ..request(url.into()) }, cache.path()).unwrap_err();
            let error = error.to_string();
            assert!(!error.contains("nary") && error.contains("://(sensitive)@"), "{error}");
        }
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let cache = tempfile::tempdir().unwrap();
        let pipe = cache.path().join("a pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let pipe = pipe.display().to_string().replace(' ', "%20");
        for url in ["file:///dev/zero".to_owned(), format!("file://{pipe}"), format!("file://localhost{pipe}")] {
            let error = fetch(&request(url), cache.path()).unwrap_err().to_string();
            assert!(error.ends_with("is not a regular file"), "{error}");
        }
    }

    #[test]
    fn files_and_strange_addresses() {
        let cache = tempfile::tempdir().unwrap();
        let file = cache.path().join("source");
        std::fs::write(&file, "text").unwrap();
        let fetched = fetch(&request(format!("file://{}", file.display())), cache.path()).unwrap();
        assert_eq!(fetched.content.bytes(), Some(b"text".as_slice()));
        assert!(fetch(&request("gopher://x/y".into()), cache.path()).unwrap_err().to_string().contains("gopher://x/y"));
    }
}
