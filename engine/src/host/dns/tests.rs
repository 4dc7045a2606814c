use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, UdpSocket},
    time::{Duration, SystemTime},
};

use super::{
    Algorithm, Client, Data, Key, Name, RecordSet, RecordType, Server, Source, address,
    message::{Message, query, update},
    source::metadata,
    tsig::{self, Signature},
};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[test]
fn names_are_read_and_shown() {
    assert_eq!(name("Node1.Example.COM.").to_string(), "node1.example.com");
    assert_eq!(name("."), name("."));
    assert!(name("a.b.c").is_in(&name("b.c")) && name("b.c").is_in(&name("b.c")) && name("b.c").is_in(&name(".")));
    assert!(!name("ab.c").is_in(&name("b.c")) && !name("c").is_in(&name("b.c")));
    let wrong = |text: &str| text.parse::<Name>().unwrap_err();
    assert_eq!(wrong("a..b"), "it has an empty label: two dots follow each other, or it begins with one");
    assert!(wrong("ä.example").contains("`xn--`") && wrong("").contains("label") && wrong("a b").contains("' '"));
    assert!(wrong(&"x".repeat(64)).contains("64 characters"));
    assert!(wrong(&vec!["x".repeat(60); 5].join(".")).contains("255 bytes"));
}

#[test]
fn an_update_is_one_message() {
    let sets = [
        RecordSet::of(RecordType::A, 60, vec![Data::A([192, 0, 2, 1].into())]),
        RecordSet::of(RecordType::Aaaa, 60, Vec::new()),
    ];
    let bytes = update(0x0102, &name("example.com"), &name("n.example.com"), &sets);
    let head = [1, 2, 0x28, 0, 0, 1, 0, 0, 0, 3, 0, 0];
    assert_eq!(bytes[..12], head);
    let host = b"\x01n\x07example\x03com\0";
    let rest = [
        &b"\x07example\x03com\0\0\x06\0\x01"[..],
        host,
        b"\0\x01\0\xff\0\0\0\0\0\0",
        host,
        b"\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01",
        host,
        b"\0\x1c\0\xff\0\0\0\0\0\0",
    ];
    assert_eq!(bytes[12..], rest.concat());
}

#[test]
fn long_text_is_cut_into_parts() {
    let Data::Txt(parts) = Data::text(&"x".repeat(600)) else { panic!() };
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [255, 255, 90]);
    assert_eq!(Data::text("a\"\u{1b}[2J").to_string(), r#""a\"\027[2J""#);
    let long = Data::text(&"y".repeat(256)).to_string();
    assert_eq!(long, format!("\"{}\" \"y\"", "y".repeat(255)));
}

#[test]
fn sets_are_compared_as_sets() {
    let set = |ttl, addresses: &[[u8; 4]]| {
        RecordSet::of(RecordType::A, ttl, addresses.iter().map(|octets| Data::A((*octets).into())).collect())
    };
    let two = [[192, 0, 2, 1], [192, 0, 2, 2]];
    assert!(set(60, &two).says(&set(60, &[two[1], two[0], two[1]])));
    assert!(!set(60, &two).says(&set(61, &two)) && !set(60, &two).says(&set(60, &two[..1])));
    assert!(set(0, &[]).says(&set(60, &[])));
    let forced = RecordSet { told: Some(900), ..set(300, &two) };
    assert!(forced.says(&set(900, &two)) && forced.says(&set(300, &two)) && !forced.says(&set(600, &two)));
    assert!(!forced.says(&set(900, &two[..1])));
}

/// An answer with a name that is told by a place before it.
const ANSWER: &[u8] = b"\x01\x02\x84\0\0\x01\0\x02\0\x01\0\0\x01n\x07example\x03com\0\0\x01\0\x01\
    \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01\
    \xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x06\x02ab\x02cd\
    \xc0\x0e\0\x06\0\x01\0\0\0\x3c\0\x07\x02ns\xc0\x0e\0\0";

#[test]
fn an_answer_is_read() {
    let read = Message::read(ANSWER).unwrap();
    assert!(read.is_answer() && read.is_authoritative() && !read.is_cut() && read.code() == 0);
    assert_eq!(read.question, Some((name("n.example.com"), 1)));
    assert_eq!(read.answers[0].data, Data::A([192, 0, 2, 1].into()));
    assert_eq!(read.answers[1].data, Data::Txt(vec![b"ab".to_vec(), b"cd".to_vec()]));
    assert_eq!(read.zone(), Some((&name("example.com"), &name("ns.example.com"))));
}

#[test]
fn no_answer_does_harm() {
    for length in 0..ANSWER.len() {
        assert!(Message::read(&ANSWER[..length]).is_none(), "{length}");
    }
    // Every byte in turn: read or refused, and never a panic or a loop.
    for at in 0..ANSWER.len() {
        for byte in [0, 1, 12, 63, 64, 0xc0, 0xff] {
            let mut changed = ANSWER.to_vec();
            changed[at] = byte;
            Message::read(&changed);
        }
    }
    let mut circle = query(1, &name("a"), 1);
    circle[5] = 2;
    circle.extend(b"\xc0\x13\xc0\x11\0\x01\0\x01");
    assert!(Message::read(&circle).is_none());
}

/// What Python's `hmac` makes of the same bytes, by RFC 8945, section 4.3.
const SIGNED: [&str; 6] = [
    "be791e47fdfa19acc4bdd0d010dd76b0",
    "c09ba0ce2d03a66515e5b6fd0acb492a83c1753d",
    "1e718f2b1fd22d3f940a594bb3a5e0d8fb14e70f391ad33e592d05bb",
    "96190db10fd3be5814e5a2af21d9bb6278a37bf560f4d25d61652accb700a54f",
    "a2ca2b68bb702b6bd909c8c13fcea11ccfd8ecba6562b42dbf644bd057e378e9d94fd6969a94ba84c553481fbe08218e",
    "b5c635877533028e6823859b71c2cc94d2763476ce81f18e4feac8f38b673bfa7dc92425f0f001bb2140cf3f1762e3dbea8bc9a51234c51565c6d917089fd425",
];
const TIME: u64 = 1_700_000_000;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn messages_are_signed_with_every_algorithm() {
    for (algorithm, signed) in Algorithm::ALL.into_iter().zip(SIGNED) {
        let key = Key::new(name("k.example.com"), algorithm, b"secret".to_vec());
        let mut message = query(7, &name("n.example.com"), 1);
        let unsigned = message.clone();
        let mac = tsig::sign(&mut message, &key, TIME);
        assert_eq!((mac.len(), &mac), (algorithm.length(), &bytes(signed)), "{algorithm}");
        let (signature, at) = Message::read(&message).unwrap().signature.unwrap();
        assert_eq!((signature.time, signature.mac, signature.error), (TIME, mac, 0));
        assert_eq!(message[12..at], unsigned[12..]);
    }
}

#[test]
fn only_an_answer_to_the_question_by_the_same_key_is_right() {
    let key = Key::new(name("k.example.com"), Algorithm::Sha256, b"secret".to_vec());
    let mut answer = query(7, &name("n.example.com"), 1);
    answer[2] = 0x84;
    answer[7] = 1;
    answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
    let request = bytes(SIGNED[3]);
    let signature = Signature {
        key: key.name().clone(),
        algorithm: name("hmac-sha256"),
        time: TIME,
        fudge: 300,
        // By Python again.
        mac: bytes("46c7847d8f7358bafe9ad9a9f975cad1c79677b3c34e816c3d937ac4a8d685d3"),
        original: 7,
        error: 0,
        other: Vec::new(),
    };
    // With its signature an answer has one record more.
    answer[11] = 1;
    assert!(signature.is_right(&answer, &key, &request));
    let another = Key::new(name("k.example.com"), Algorithm::Sha256, b"secreT".to_vec());
    assert!(!signature.is_right(&answer, &another, &request));
    assert!(!signature.is_right(&answer, &key, &request[1..]), "it answers something else");
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        // A forwarder may change the number: the one that was signed stands in the signature.
        assert_eq!(signature.is_right(&changed, &key, &request), at < 2, "{at}");
    }
    let cut = Signature { mac: signature.mac[..16].to_vec(), ..signature.clone() };
    assert!(!cut.is_right(&answer, &key, &request));
    let later = Signature { time: TIME + 1, ..signature };
    assert!(!later.is_right(&answer, &key, &request));
}

#[test]
fn keys_are_read_in_each_form() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let secret = "YrVW9yP6gNMA7VbcU/r2mSIwYnFj/XkCDd6QuqOHE26/ipnrPy+eXrKrUyaFhB2XWNdVLUX7QCUkfhg4zN5YiA==";
    // As dnssec-keygen cut it into two words.
    let public = format!("n.example.com. IN KEY 0 3 157 {} {}\n", &secret[..56], &secret[56..]);
    let public = file("tsig.key", &public);
    let private = format!("Private-key-format: v1.3\nAlgorithm: 157 (HMAC_MD5)\nKey: {secret}\nBits: AAA=\n");
    let private = file("tsig.private", &private);
    let key = Key::read(&private, None, None).unwrap();
    assert_eq!((key.name(), key.algorithm()), (&name("n.example.com"), Algorithm::Md5));
    assert_eq!(Key::read(&public, None, None).unwrap(), key);
    // The article prints it without a blank.
    let tight = file("tight.private", &format!("Private-key-format: v1.2\nAlgorithm:157 (HMAC_MD5)\nKey:{secret}\n"));
    assert_eq!(Key::read(&tight, Some(&name("n.example.com")), None).unwrap(), key);
    let nameless = Key::read(&tight, None, None).unwrap_err().to_string();
    assert!(nameless.contains("tight.key") && !nameless.contains(&secret[..20]), "{nameless}");

    let stanzas = format!(
        "// keys\n# key \"no\" {{\n/* key x {{ }}; */ key \"N.example.com.\" {{ algorithm HMAC-MD5.SIG-ALG.REG.INT; secret \"{secret}\"; \
         }};\nkey other {{\n\tsecret {secret};\n\talgorithm hmac-sha512;\n}};\n"
    );
    let stanzas = file("keys.conf", &stanzas);
    assert_eq!(Key::read(&stanzas, Some(&name("n.example.com")), None).unwrap(), key);
    let which = Key::read(&stanzas, None, None).unwrap_err().to_string();
    assert!(
        which.ends_with("there are several keys in it (`n.example.com`, `other`): give the name of the one"),
        "{which}"
    );
    let bare = file("bare", &format!("{secret}\n"));
    assert_eq!(Key::read(&bare, Some(&name("n.example.com")), Some(Algorithm::Md5)).unwrap(), key);
    // What is written is read again.
    let again = file("again.conf", &key.stanza());
    assert_eq!(Key::read(&again, None, None).unwrap(), key);
    file("pair.key", &key.public_file());
    assert_eq!(Key::read(&file("pair.private", &key.private_file()), None, None).unwrap(), key);

    for (text, why) in [
        ("key a { algorithm hmac-sha256; };", "has no `secret`"),
        ("key a { algorithm hmac-sha257; secret \"AAAA\"; };", "`hmac-sha257` is no algorithm"),
        ("key a { algorithm hmac-sha256; secret \"A!\"; };", "is not base64"),
        ("key a { secret \"é", "has no `algorithm`"),
        ("key { \"", "there is no `key NAME"),
        ("/*/ key a { */ {", "there is no `key NAME"),
        ("options { };", "there is no `key NAME"),
        ("Private-key-format: v1.3\nAlgorithm: 8 (RSASHA256)\n", "its algorithm is `8`"),
        ("n. IN KEY 512 3 163", "its secret is empty"),
        ("AAAA", "nothing says the key's name"),
    ] {
        let told = Key::read(&file("wrong", text), None, None).unwrap_err().to_string();
        assert!(told.contains(why), "{text}: {told}");
    }
    let other = Key::read(&bare, Some(&name("n")), None).unwrap();
    assert_eq!(other.algorithm(), Algorithm::Sha256);
    let told = Key::read(&public, Some(&name("x.example.com")), None).unwrap_err().to_string();
    assert!(told.contains("its name is `n.example.com`, and that of `x.example.com` is wanted"), "{told}");
}

#[test]
fn sources_are_told_by_words() {
    let four = |text: &str| Source::parse(text, false);
    assert_eq!(four("interface:eth0"), Ok(Source::Interface(Some("eth0".into()))));
    assert_eq!(four("metadata:private"), Ok(Source::Metadata { private: true }));
    assert_eq!(Source::parse("2001:db8::1", true), Ok(Source::Fixed("2001:db8::1".parse().unwrap())));
    assert_eq!(four("2001:db8::1"), Err("`2001:db8::1` is no address of IPv4".into()));
    assert_eq!(four("0.0.0.0"), Err("`0.0.0.0` is no address that a machine can have".into()));
    for wrong in ["", "interface:", "eth0", "Metadata"] {
        assert!(
            four(wrong)
                .unwrap_err()
                .starts_with(&format!("`{wrong}` is no source of an address; there are `interface`"))
        );
    }
}

#[test]
fn the_first_source_that_has_an_address_is_taken() {
    let fixed = || Source::Fixed([192, 0, 2, 1].into());
    let nowhere = || Source::Interface(Some("no-such".into()));
    let found = |sources: &[Source]| address(sources, false, &[]).map_err(|trouble| trouble.error.to_string());
    assert_eq!(found(&[nowhere(), fixed(), Source::Absent]), Ok(Some([192, 0, 2, 1].into())));
    let bare = || Source::Interface(Some("lo".into()));
    assert_eq!(found(&[bare(), Source::Absent, fixed()]), Ok(None));
    let told = found(&[nowhere(), Source::Absent, fixed()]).unwrap_err();
    assert!(told.starts_with("no IPv4 address is found: there is no interface `no-such`"), "{told}");
    let told = found(&[bare(), nowhere()]).unwrap_err();
    assert!(
        told.starts_with(
            "no IPv4 address is found: the interface `lo` has no IPv4 address that others can use; there is no"
        ),
        "{told}"
    );
}

/// A metadata service that knows these paths; it ends with the test's process.
fn service(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let line = head[0].trim_end_matches(" HTTP/1.1");
            let known = answers.iter().find(|(asked, _)| {
                let (asked, header) = asked.split_once('|').unwrap_or((asked, ""));
                line == asked && (header.is_empty() || head.iter().any(|line| line.eq_ignore_ascii_case(header)))
            });
            let (status, body) = known.map_or(("404 Not Found", "no 192.0.2.99"), |(_, body)| ("200 OK", *body));
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                .unwrap();
        }
    });
    base
}

#[test]
fn each_cloud_tells_the_address() {
    for (answers, six, told) in [
        (
            &[
                ("PUT /latest/api/token|x-aws-ec2-metadata-token-ttl-seconds: 60", "TOKEN\n"),
                ("GET /latest/meta-data/public-ipv4|x-aws-ec2-metadata-token: TOKEN", "192.0.2.1"),
            ][..],
            false,
            Ok("192.0.2.1"),
        ),
        (
            &[
                ("PUT /latest/api/token", "T"),
                ("GET /latest/meta-data/ipv6|x-aws-ec2-metadata-token: T", "2001:db8::1"),
            ],
            true,
            Ok("2001:db8::1"),
        ),
        (&[("GET /latest/meta-data/public-ipv4", "192.0.2.2\n")], false, Ok("192.0.2.2")),
        (&[("GET /metadata/v1/interfaces/public/0/ipv4/address", "192.0.2.3")], false, Ok("192.0.2.3")),
        (&[("GET /hetzner/v1/metadata/public-ipv4", "192.0.2.4")], false, Ok("192.0.2.4")),
        (
            &[(
                "GET /computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip|metadata-flavor: Google",
                "192.0.2.5",
            )],
            false,
            Ok("192.0.2.5"),
        ),
        (
            &[(
                "GET /metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress?api-version=2021-02-01&format=text\
                 |metadata: true",
                "192.0.2.6",
            )],
            false,
            Ok("192.0.2.6"),
        ),
        // OpenStack says so when there is no floating address.
        (
            &[("GET /latest/meta-data/public-ipv4", "")],
            false,
            Err("the metadata service tells no public IPv4 address of this machine"),
        ),
        (
            &[("GET /latest/meta-data/public-ipv4", "100.64.0.1")],
            false,
            Err(
                "the metadata service tells `100.64.0.1`, which is one of a private network (`metadata:private` takes that too)",
            ),
        ),
        (
            &[("GET /latest/meta-data/public-ipv4", "169.254.1.1")],
            false,
            Err("the metadata service tells no useful address: `169.254.1.1` holds on its own link only"),
        ),
    ] {
        let told = told.map(|address| address.parse().unwrap()).map_err(str::to_owned);
        assert_eq!(metadata(&service(answers), six, false), told, "{answers:?}");
    }
    let base = service(&[("GET /latest/meta-data/public-ipv4", "10.0.0.1")]);
    assert_eq!(metadata(&base, false, true), Ok([10, 0, 0, 1].into()));
    let told = metadata("http://127.0.0.1:1", false, false).unwrap_err();
    assert_eq!(told, "no metadata service answers at `http://127.0.0.1:1`: Connection refused (os error 111)");
}

/// A datagram made from a question.
type Answer = fn(&[u8]) -> Vec<u8>;

/// What a client with a key makes of a server that sends these for every question.
fn told_by(answers: &[Answer]) -> String {
    let answers = answers.to_vec();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut question).unwrap();
            for answer in &answers {
                socket.send_to(&answer(&question[..length]), from).unwrap();
            }
        }
    });
    // Over a stream it promises more than it gives.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"\xff\xffshort").unwrap();
        }
    });
    let key = Key::new(name("k.example.com"), Algorithm::Sha256, b"secret".to_vec());
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(TIME);
    let client = Client::new(Server::find(&address.to_string()).unwrap(), Some(&key), &now);
    let trouble = client.sets(&name("n.example.com"), &[RecordType::A]).unwrap_err();
    trouble.error.to_string().replace(&address.to_string(), "HERE")
}

/// The question as an answer that says yes to it, without its signature.
fn echo(question: &[u8]) -> Vec<u8> {
    let (_, at) = Message::read(question).unwrap().signature.unwrap();
    let mut answer = question[..at].to_vec();
    (answer[2], answer[11]) = (0x84, 0);
    answer
}

#[test]
fn only_a_signed_answer_to_the_question_counts() {
    let before = "asking for A of `n.example.com`: the name server `HERE`";
    let other_number = |question: &[u8]| {
        let mut answer = echo(question);
        answer[0] ^= 1;
        answer
    };
    let other_name = |question: &[u8]| {
        let mut answer = echo(question);
        answer[13] = b'm';
        answer
    };
    // What answers something else is passed over, and so is the question itself when it comes back.
    assert_eq!(
        told_by(&[|_| vec![0xff; 40], |question| question.to_vec(), |_| Vec::new(), echo]),
        format!("{before} gave an answer without a signature")
    );
    let told = told_by(&[other_number, other_name, echo]);
    assert_eq!(told, format!("{before} gave an answer without a signature"));
    let other_key: Answer = |question| {
        let mut answer = echo(question);
        let key = Key::new(name("k.example.com"), Algorithm::Sha256, b"secreT".to_vec());
        tsig::sign(&mut answer, &key, TIME);
        answer
    };
    let told = told_by(&[other_key]);
    assert_eq!(told, format!("{before} gave an answer that another key than ours signed"));
    let cut: Answer = |question| {
        let mut answer = echo(question);
        answer[2] |= 2;
        answer
    };
    let told = told_by(&[cut]);
    assert!(told.starts_with(&format!("{before} (HERE) cannot be asked: ")), "{told}");
    let refused: Answer = |question| {
        let mut answer = echo(question);
        answer[3] = 5;
        answer
    };
    let told = told_by(&[refused]);
    assert_eq!(told, format!("{before} refuses it to the key `k.example.com`"));
    // That there is no such name would have a record count as removed.
    let no_name: Answer = |question| {
        let mut answer = echo(question);
        answer[3] = 3;
        answer
    };
    assert_eq!(told_by(&[no_name]), format!("{before} gave an answer without a signature"));
}
