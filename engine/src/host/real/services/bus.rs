//! As much of D-Bus as it takes to ask systemd two questions. Source: D-Bus specification 0.43, org.freedesktop.systemd1(5).
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long systemd may take to answer. It loads units from disk for it, and a busy manager answers late.
const PATIENCE: Duration = Duration::from_secs(25);

/// A message may be this large by the specification; more means that the stream is garbled.
const LARGEST: usize = 128 << 20;

const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;

/// An open connection to systemd, its private socket or the system bus.
pub(super) struct Connection {
    stream: UnixStream,
    serial: u32,
    /// On the system bus a message has to be addressed.
    on_bus: bool,
}

/// What went wrong in a call.
#[derive(Debug)]
pub(super) enum Failure {
    /// systemd refused; its error's name.
    Refused(String),
    /// The connection is of no use any more.
    Broken(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// What systemd says of a loaded unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Loaded {
    /// Its real name where the one asked for is an alias.
    pub id: String,
    pub load: String,
    pub active: String,
    pub sub: String,
    /// Number of the job queued for it; 0 is none.
    pub job: u32,
}

impl Connection {
    /// Connects to `/run/systemd/private` (root only), or to the system bus.
    pub(super) fn open(effective_user: u32) -> io::Result<Self> {
        Self::to(Path::new("/run/systemd/private"), false, effective_user)
            .or_else(|_| Self::to(Path::new("/run/dbus/system_bus_socket"), true, effective_user))
    }

    fn to(socket: &Path, on_bus: bool, effective_user: u32) -> io::Result<Self> {
        let connection = Self::over(UnixStream::connect(socket)?, on_bus, effective_user)?;
        tracing::debug!("systemd is asked over `{}`", socket.display());
        Ok(connection)
    }

    fn over(mut stream: UnixStream, on_bus: bool, effective_user: u32) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let identity: String = effective_user.to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        // All at once: systemd leaves a message lying that comes in one piece with `BEGIN`.
        stream.write_all(format!("\0AUTH EXTERNAL {identity}\r\nBEGIN\r\n").as_bytes())?;
        let mut line = Vec::new();
        // Byte by byte: what follows the line belongs to the messages.
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            line.push(byte[0]);
            if line.len() > 1024 {
                return Err(garbled("authentication"));
            }
        }
        if !line.starts_with(b"OK ") {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "systemd does not accept this user"));
        }
        let mut connection = Self { stream, serial: 0, on_bus };
        if on_bus {
            let bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus");
            connection.call(bus, "Hello", "", &[]).map_err(|failure| match failure {
                Failure::Refused(name) => io::Error::other(name),
                Failure::Broken(error) => error,
            })?;
        }
        Ok(connection)
    }

    /// The state of a unit, which systemd loads if it has to.
    pub(super) fn unit(&mut self, name: &str) -> Result<Option<Loaded>, Failure> {
        let mut body = Writer::default();
        body.array(4, |list| list.string(name));
        let reply = self.manager("ListUnitsByNames", "as", &body.0)?;
        let mut reply = Reader::new(&reply.body, reply.little);
        let end = reply.array(8)?;
        if reply.at >= end {
            return Ok(None);
        }
        reply.align(8)?;
        let id = reply.string()?;
        reply.string()?; // description
        let (load, active, sub) = (reply.string()?, reply.string()?, reply.string()?);
        reply.string()?; // the unit it follows
        reply.string()?; // object path
        let job = reply.number()?;
        Ok(Some(Loaded { id, load, active, sub, job }))
    }

    /// Whether a unit starts at boot, in systemd's words; `None` when it has no unit file.
    pub(super) fn file_state(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let mut body = Writer::default();
        body.string(name);
        match self.manager("GetUnitFileState", "s", &body.0) {
            Ok(reply) => Ok(Some(Reader::new(&reply.body, reply.little).string()?)),
            Err(Failure::Refused(error)) if error.ends_with(".FileNotFound") || error.ends_with(".NoSuchUnit") => {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    fn manager(&mut self, member: &str, signature: &str, body: &[u8]) -> Result<Message, Failure> {
        let manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
        self.call(manager, member, signature, body)
    }

    fn call(&mut self, to: (&str, &str, &str), member: &str, signature: &str, body: &[u8]) -> Result<Message, Failure> {
        self.serial += 1;
        let (destination, path, interface) = to;
        let destination = self.on_bus.then_some(destination);
        self.stream.write_all(&call(self.serial, destination, path, interface, member, signature, body))?;
        loop {
            let message = Message::read(&mut self.stream)?;
            // Signals come in between.
            if message.answers != Some(self.serial) {
                continue;
            }
            return match message.kind {
                RETURN => Ok(message),
                ERROR => Err(Failure::Refused(message.error.unwrap_or_default())),
                _ => Err(Failure::Broken(garbled("message type"))),
            };
        }
    }
}

fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("systemd's answer cannot be understood ({what})"))
}

/// A method call, little-endian.
fn call(
    serial: u32,
    destination: Option<&str>,
    path: &str,
    interface: &str,
    member: &str,
    signature: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut message = Writer(vec![b'l', CALL, 0, 1]);
    message.number(u32::try_from(body.len()).unwrap_or(u32::MAX));
    message.number(serial);
    message.array(8, |fields| {
        let mut field = |code: u8, kind: &str, value: &str| {
            fields.align(8);
            fields.0.push(code);
            fields.signature(kind);
            if kind == "g" { fields.signature(value) } else { fields.string(value) }
        };
        field(1, "o", path);
        field(2, "s", interface);
        field(3, "s", member);
        if let Some(destination) = destination {
            field(6, "s", destination);
        }
        if !signature.is_empty() {
            field(8, "g", signature);
        }
    });
    message.align(8);
    message.0.extend_from_slice(body);
    message.0
}

/// Writes values, little-endian. Alignment counts from its start, which the body of a message shares.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn string(&mut self, text: &str) {
        self.number(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, signature: &str) {
        self.0.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.0.extend_from_slice(signature.as_bytes());
        self.0.push(0);
    }

    /// An array whose items are aligned to `to`. Its length counts neither itself nor the padding before the first item.
    fn array(&mut self, to: usize, items: impl FnOnce(&mut Self)) {
        self.number(0);
        let length_at = self.0.len() - 4;
        self.align(to);
        let start = self.0.len();
        items(self);
        let length = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// A message that came in.
struct Message {
    kind: u8,
    little: bool,
    /// Serial of the call that it answers.
    answers: Option<u32>,
    error: Option<String>,
    body: Vec<u8>,
}

impl Message {
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut fixed = [0; 16];
        stream.read_exact(&mut fixed)?;
        let little = match fixed[0] {
            b'l' => true,
            b'B' => false,
            _ => return Err(garbled("byte order")),
        };
        let mut start = Reader::new(&fixed, little);
        start.at = 4;
        let (body, _serial, fields) = (start.number()? as usize, start.number()?, start.number()? as usize);
        if body > LARGEST || fields > LARGEST {
            return Err(garbled("length"));
        }
        // The fields are padded to 8 from the start of the message; they are read with those 16 bytes for their alignment.
        let mut header = fixed.to_vec();
        header.resize(16 + fields.next_multiple_of(8), 0);
        stream.read_exact(&mut header[16..])?;
        let mut message = Self { kind: fixed[1], little, answers: None, error: None, body: vec![0; body] };
        stream.read_exact(&mut message.body)?;
        let mut reader = Reader::new(&header[..16 + fields], little);
        reader.at = 16;
        while reader.at < 16 + fields {
            reader.align(8)?;
            let code = reader.byte()?;
            let kind = reader.signature()?;
            match (code, kind.as_str()) {
                (5, "u") => message.answers = Some(reader.number()?),
                (4, "s") => message.error = Some(reader.string()?),
                (_, "u") => drop(reader.number()?),
                (_, "s" | "o") => drop(reader.string()?),
                (_, "g") => drop(reader.signature()?),
                (_, _) => return Err(garbled("header field")),
            }
        }
        Ok(message)
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    little: bool,
}

impl<'b> Reader<'b> {
    const fn new(bytes: &'b [u8], little: bool) -> Self {
        Self { bytes, at: 0, little }
    }

    fn take(&mut self, count: usize) -> io::Result<&'b [u8]> {
        let end = self.at.checked_add(count).ok_or_else(|| garbled("length"))?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| garbled("length"))?;
        self.at = end;
        Ok(taken)
    }

    fn align(&mut self, to: usize) -> io::Result<()> {
        self.take(self.at.next_multiple_of(to) - self.at).map(drop)
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> io::Result<u32> {
        self.align(4)?;
        let mut raw = [0; 4];
        raw.copy_from_slice(self.take(4)?);
        Ok(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    fn text(&mut self, length: usize) -> io::Result<String> {
        let text = String::from_utf8(self.take(length)?.to_vec()).map_err(|_| garbled("text"))?;
        self.take(1)?;
        Ok(text)
    }

    fn string(&mut self) -> io::Result<String> {
        let length = self.number()? as usize;
        self.text(length)
    }

    fn signature(&mut self) -> io::Result<String> {
        let length = usize::from(self.byte()?);
        self.text(length)
    }

    /// Where an array ends that starts here.
    fn array(&mut self, to: usize) -> io::Result<usize> {
        let length = self.number()? as usize;
        self.align(to)?;
        Ok(self.at + length)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
        thread,
    };

    use super::{Connection, Failure, Loaded, Message, Reader, Writer, call};

    #[test]
    fn a_call_has_the_bytes_of_the_specification() {
        let mut body = Writer::default();
        body.string("a.service");
        let bytes = call(7, None, "/o", "i.f", "M", "s", &body.0);
        let expected: &[&[u8]] = &[
            b"l\x01\x00\x01\x0e\x00\x00\x00\x07\x00\x00\x00\x37\x00\x00\x00",
            b"\x01\x01o\x00\x02\x00\x00\x00/o\x00\x00\x00\x00\x00\x00",
            b"\x02\x01s\x00\x03\x00\x00\x00i.f\x00\x00\x00\x00\x00",
            b"\x03\x01s\x00\x01\x00\x00\x00M\x00\x00\x00\x00\x00\x00\x00",
            b"\x08\x01g\x00\x01s\x00\x00",
            b"\x09\x00\x00\x00a.service\x00",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn an_array_is_as_long_as_its_items() {
        let mut body = Writer::default();
        body.array(4, |list| {
            list.string("ab");
            list.string("c");
        });
        assert_eq!(body.0, b"\x0e\x00\x00\x00\x02\x00\x00\x00ab\x00\x00\x01\x00\x00\x00c\x00");
        let mut reader = Reader::new(&body.0, true);
        assert_eq!(reader.array(4).unwrap(), 18);
        assert_eq!((reader.string().unwrap(), reader.string().unwrap()), ("ab".to_owned(), "c".to_owned()));
        assert!(reader.string().is_err(), "nothing is read past the end");
    }

    #[test]
    fn garbled_messages_are_errors() {
        for bytes in [
            &b"x\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"[..],
            b"l\x02\x00\x01\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00",
            b"l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00\x05\x01u\x00",
            b"l\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00\x04\x01s\x00\xff\xff\xff\xff",
            b"l\x02",
        ] {
            let mut input = bytes;
            assert!(Message::read(&mut input).is_err(), "{bytes:?}");
        }
    }

    fn reply(kind: u8, answers: u32, error: Option<&str>, body: &[u8]) -> Vec<u8> {
        let mut message = Writer(vec![b'l', kind, 1, 1]);
        message.number(u32::try_from(body.len()).unwrap());
        message.number(99);
        message.array(8, |fields| {
            fields.0.push(5);
            fields.signature("u");
            fields.number(answers);
            if let Some(error) = error {
                fields.align(8);
                fields.0.push(4);
                fields.signature("s");
                fields.string(error);
            }
        });
        message.align(8);
        message.0.extend_from_slice(body);
        message.0
    }

    /// A manager that reads the login, then for each answer a call, and answers in order.
    fn manager(answers: Vec<Vec<Vec<u8>>>) -> (UnixStream, thread::JoinHandle<String>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let serve = thread::spawn(move || {
            let mut login = [0; 19];
            theirs.read_exact(&mut login).unwrap();
            theirs.write_all(b"OK 0123\r\n").unwrap();
            let mut begin = [0; 7];
            theirs.read_exact(&mut begin).unwrap();
            assert_eq!(&begin, b"BEGIN\r\n");
            for messages in answers {
                Message::read(&mut theirs).unwrap();
                for message in messages {
                    theirs.write_all(&message).unwrap();
                }
            }
            String::from_utf8_lossy(&login).into_owned()
        });
        (ours, serve)
    }

    #[test]
    fn questions_are_asked_and_answered() {
        let mut units = Writer::default();
        units.array(8, |list| {
            for text in ["named.service", "BIND", "loaded", "active", "running", "", "/o"] {
                list.string(text);
            }
            list.number(3);
            list.string("start");
            list.string("/j");
        });
        let mut state = Writer::default();
        state.string("enabled");
        let mut none = Writer::default();
        none.array(8, |_| {});
        let signal = reply(4, 4711, None, b"");
        let (ours, serve) = manager(vec![
            vec![signal, reply(2, 1, None, &units.0)],
            vec![reply(2, 2, None, &state.0)],
            vec![reply(3, 3, Some("org.freedesktop.DBus.Error.FileNotFound"), b"")],
            vec![reply(3, 4, Some("org.freedesktop.DBus.Error.AccessDenied"), b"")],
            vec![reply(2, 5, None, &none.0)],
        ]);
        let mut connection = Connection::over(ours, false, 0).unwrap();
        let loaded = Loaded {
            id: "named.service".into(),
            load: "loaded".into(),
            active: "active".into(),
            sub: "running".into(),
            job: 3,
        };
        assert_eq!(connection.unit("bind9.service").unwrap(), Some(loaded));
        assert_eq!(connection.file_state("named.service").unwrap().as_deref(), Some("enabled"));
        assert_eq!(connection.file_state("nope.service").unwrap(), None);
        assert!(
            matches!(connection.file_state("x.service"), Err(Failure::Refused(name)) if name.ends_with("AccessDenied"))
        );
        assert_eq!(connection.unit("nope.service").unwrap(), None);
        assert_eq!(serve.join().unwrap(), "\0AUTH EXTERNAL 30\r\n");
        assert!(matches!(connection.unit("x.service"), Err(Failure::Broken(_))), "the manager has gone");
    }
}
