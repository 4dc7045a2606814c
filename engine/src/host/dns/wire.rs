//! Where messages go, and how.
#![allow(clippy::disallowed_types, reason = "the host is where the network is")]
use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket},
    time::{Duration, Instant},
};

use super::{client::Trouble, name::Name};
use crate::Error;

/// A name server, found.
#[derive(Clone, Debug)]
pub struct Server {
    /// As it was given.
    text: String,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Finds a server by `NAME`, `NAME:PORT`, `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; the port is 53 when none is given.
    ///
    /// # Errors
    /// A text that is none of these; a name that cannot be resolved, which may be so until the network is up.
    pub fn find(text: &str) -> Result<Self, Trouble> {
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let found = match (bracketed.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
            (Ok(address), _) => Ok(vec![SocketAddr::new(address, 53)]),
            (Err(_), Ok(address)) => Ok(vec![address]),
            (Err(_), Err(_)) => {
                let (name, port) = text.rsplit_once(':').unwrap_or((text, "53"));
                let (Ok(_), Ok(port)) = (name.parse::<Name>(), port.parse::<u16>()) else {
                    return Err(Error::failed(format!("`{text}` is no name server: give a name or an address")).into());
                };
                (name, port).to_socket_addrs().map(Iterator::collect)
            }
        };
        match found {
            Ok(addresses) if !addresses.is_empty() => Ok(Self { text: text.to_owned(), addresses }),
            Ok(_) => Err(Trouble::unreachable(format!("the name server `{text}` has no address"))),
            Err(error) => Err(Trouble::unreachable(format!("the name server `{text}` cannot be found: {error}"))),
        }
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its addresses, the first to be asked first.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Sends a datagram and waits for one that fits: others may be forged, or late.
pub fn datagram(
    address: SocketAddr,
    message: &[u8],
    patience: Duration,
    fits: &dyn Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let own: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(own)?;
    socket.connect(address)?;
    socket.send(message)?;
    let deadline = Instant::now() + patience;
    let mut answer = vec![0; 65535];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.recv(&mut answer)?;
        if fits(&answer[..length]) {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

/// Sends a message over a stream, and reads the one that comes back. Source: RFC 1035, section 4.2.2.
pub fn stream(address: SocketAddr, message: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_write_timeout(Some(patience))?;
    let length = u16::try_from(message.len()).map_err(|_| io::Error::other("a message is at most 65535 bytes"))?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())?;
    let mut length = [0; 2];
    read(&mut stream, &mut length, deadline)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    read(&mut stream, &mut answer, deadline)?;
    Ok(answer)
}

/// Fills a buffer until a moment: one who sends byte by byte would be waited for all day.
fn read(stream: &mut TcpStream, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => buffer = &mut buffer[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
