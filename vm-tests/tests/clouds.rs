//! Servers made at clouds by the program as people call it, and what clouds refuse. Nothing is reached by SSH here: in its place
//! stands a program that gives up at once, so `create` ends when the provider says that the server runs.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test drives the program from outside")]
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use lab::{Result, clouds};
use serde_json::Value;

/// A user's directory with descriptions, removed at the end.
struct User {
    home: PathBuf,
    binary: PathBuf,
    environment: Vec<(String, String)>,
}

impl Drop for User {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.home).unwrap_or_default();
    }
}

impl User {
    fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        lab::need(&[("ssh-keygen", "openssh-client")])?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("brasa-cloud-user-{}-{number}", std::process::id()));
        let user = Self { home, binary: lab::binary()?, environment: Vec::new() };
        user.write("bin/ssh", "#!/bin/sh\necho 'terminating, there is no way from here' >&2\nexit 255\n");
        fs::set_permissions(user.home.join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        user.write("servers/dna.json", "{\"run_list\": []}\n");
        Ok(user)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn set(&mut self, environment: &[(&str, &str)]) {
        self.environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }

    /// Describes a server; it waits a moment and no longer.
    fn describe(&self, name: &str, provider: &str, seconds: u64, settings: &str) {
        let text = format!(
            "provider = \"{provider}\"\ndna = \"dna.json\"\nfqdn = \"{name}.example.test\"\nready_within = {seconds}\n[{provider}]\n{settings}\n"
        );
        self.write(&format!("servers/{name}.toml"), &text);
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(&self.binary);
        let path = format!("{}:{}", self.home.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.arg("server").args(arguments).arg("--state").arg(self.home.join("state"));
        command.current_dir(&self.home).env_clear().env("PATH", path).env("HOME", &self.home);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Runs to this exit code, with all of this in what it says; the whole of that.
    #[track_caller]
    fn says(&self, arguments: &[&str], code: i32, parts: &[&str]) -> String {
        let (ended, stdout, stderr) = self.run(arguments);
        let all = format!("{arguments:?} ended with {ended}\n{stdout}\n{stderr}");
        assert_eq!(ended, code, "{all}");
        for part in parts {
            assert!(all.contains(part), "`{part}` is not in what it says:\n{all}");
        }
        for (name, value) in &self.environment {
            let secret = ["SECRET", "PASSWORD", "TOKEN", "API_KEY"].iter().any(|part| name.contains(part));
            assert!(!secret || !all.contains(value.as_str()), "it tells the secret {name}:\n{all}");
        }
        stdout + &stderr
    }

    /// What `list` shows, as JSON.
    #[track_caller]
    fn list(&self) -> String {
        let (code, stdout, stderr) = self.run(&["list"]);
        assert_eq!(code, 0, "{stdout}{stderr}");
        stdout
    }

    /// From nothing to nothing: made, seen, not made a second time, destroyed.
    #[track_caller]
    fn lives(&self, name: &str, provider: &str) {
        self.says(&["create", name], 65, &["made (", "no way from here"]);
        let shown = self.says(&["show", name], 0, &["phase      made", "running: "]);
        let line = |text: &str| text.lines().find(|line| line.starts_with("server")).unwrap().to_owned();
        assert!(self.list().contains(&format!("{name}  {provider}  running  ")), "{}", self.list());
        self.says(&["create", name], 65, &["which an earlier command began", "no way from here"]);
        assert_eq!(line(&self.says(&["show", name], 0, &[])), line(&shown), "a second one was made");
        // Who has lost the record finds the server all the same.
        fs::rename(self.home.join("state"), self.home.join("lost")).unwrap();
        self.says(&["create", name], 73, &["that is not recorded here"]);
        fs::rename(self.home.join("lost"), self.home.join("other")).unwrap();
        fs::remove_dir_all(self.home.join("state")).unwrap_or_default();
        fs::rename(self.home.join("other"), self.home.join("state")).unwrap();
        self.says(&["destroy", name, "--yes"], 0, &["destroyed and forgotten"]);
        self.says(&["destroy", name, "--yes"], 0, &["there is none"]);
        self.says(&["show", name], 0, &["not made"]);
    }
}

/// Asks a server of the lab something, and reads the answer.
fn ask(url: &str, token: &str) -> Value {
    let header = format!("x-auth-token: {token}");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--noproxy", "*", "-H", &header, url]);
    serde_json::from_str(&lab::call("ask a cloud", &mut curl).unwrap()).unwrap()
}

#[test]
fn ec2() -> Result<()> {
    let cloud = clouds::ec2()?;
    let mut user = User::new()?;
    let (id, secret) = (cloud.who("id"), cloud.who("secret"));
    // An image that moto has from the beginning; its addresses are anybody's, and private ones nobody's.
    let settings = |more: &str| {
        let image = if more.contains("image") { "" } else { "image = \"ami-785db401\"\n" };
        format!("region = \"us-east-1\"\nendpoint = \"{}\"\naddress = \"private\"\n{image}{more}", cloud.url())
    };
    user.describe("one", "ec2", 2, &settings("[ec2.tags]\nteam = \"lab & co\""));
    user.says(&["create", "one"], 77, &["there are no credentials for AWS", "aws configure"]);

    user.set(&[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", "wrong/secret")]);
    user.says(&["create", "one"], 77, &["(AuthFailure)", "the credentials of the environment"]);
    user.set(&[("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", &secret)]);
    user.says(&["create", "one"], 77, &["(AuthFailure)"]);

    user.set(&[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &secret)]);
    user.lives("one", "ec2");
    // Files that nobody needs may be broken.
    user.write(".aws/credentials", "broken\n");
    user.says(&["list"], 0, &["one  ec2  absent"]);
    user.describe("two", "ec2", 2, &settings("profile = \"work\""));
    user.says(&["create", "two"], 65, &[".aws/credentials:1` is neither a profile nor a setting"]);

    // The same account by a profile, and by a program that a profile names.
    user.set(&[]);
    user.write(".aws/credentials", &format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
    let json = format!("{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\"}}");
    user.write("key.json", &json);
    let file = user.home.join("key.json").display().to_string();
    user.write(".aws/config", &format!("[profile asked]\ncredential_process = cat \"{file}\"\n"));
    for profile in ["work", "asked"] {
        user.describe("two", "ec2", 2, &settings(&format!("profile = \"{profile}\"")));
        user.says(&["create", "two"], 65, &["made (", "no way from here"]);
        user.says(&["destroy", "two", "--yes"], 0, &["destroyed and forgotten"]);
    }
    user.describe("two", "ec2", 2, &settings("profile = \"wrk\""));
    user.says(&["create", "two"], 77, &["there is no AWS profile `wrk`", "did you mean `work`?"]);

    for (what, code, said) in [
        ("image = \"ami-00000000\"", 73, "(InvalidAMIID.NotFound)"),
        ("size = \"t9.enormous\"", 73, "(InvalidInstanceType.NotFound)"),
        ("key = \"nobodys\"", 73, "(InvalidKeyPair.NotFound)"),
        ("subnet = \"subnet-0000000000\"", 73, "(InvalidSubnetID.NotFound)"),
        ("image = \"debian\"", 65, "is no id of an image"),
        ("region = \"us-east-1/x\"", 65, "is no region"),
        ("tags = { \"brasa-name\" = \"x\" }", 65, "by which servers are found again"),
    ] {
        let more = format!("profile = \"work\"\n{what}");
        let text = settings(&more);
        let text = if what.starts_with("region") { text.replace("region = \"us-east-1\"\n", "") } else { text };
        user.describe("three", "ec2", 2, &text);
        user.says(&["create", "three"], code, &[said]);
    }
    // What only the environment said is remembered: another shell looks at the same place.
    let url = cloud.url();
    let shell = |user: &mut User, more: &[(&str, &str)]| {
        let keys = [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
        user.set(&[&keys[..], more].concat());
    };
    shell(&mut user, &[("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", &url)]);
    user.describe("moved", "ec2", 2, "address = \"private\"\nimage = \"ami-785db401\"");
    user.says(&["create", "moved"], 65, &["made (", "no way from here"]);
    shell(&mut user, &[]);
    user.says(&["show", "moved"], 0, &["running: "]);
    user.says(&["converge", "moved"], 65, &["no way from here"]);
    shell(&mut user, &[("AWS_REGION", "eu-central-1")]);
    for command in ["create", "converge"] {
        let why = "was made by `ec2` with the region `us-east-1`, and AWS_REGION says `eu-central-1` now";
        user.says(&[command, "moved"], 73, &[why, "write what holds for this server into its description"]);
    }
    let listed = user.run(&["list"]).1;
    assert!(listed.lines().any(|line| line.starts_with("moved ") && line.contains(" running ")), "{listed}");
    // The same in words of its description is no other place.
    user.describe("moved", "ec2", 2, &settings(""));
    user.says(&["converge", "moved"], 65, &["no way from here"]);
    user.describe("moved", "ec2", 2, "address = \"private\"\nimage = \"ami-785db401\"");
    user.says(&["destroy", "moved", "--yes"], 0, &["destroyed and forgotten"]);
    shell(&mut user, &[("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", &url)]);
    user.says(&["show", "moved"], 0, &["not made"]);
    // A profile of the environment too, which stands for an account.
    user.describe("moved", "ec2", 2, &settings(""));
    user.set(&[("AWS_PROFILE", "work")]);
    user.says(&["create", "moved"], 65, &["made (", "no way from here"]);
    user.set(&[("AWS_PROFILE", "asked")]);
    user.says(&["converge", "moved"], 73, &["with the profile `work`, and AWS_PROFILE says `asked` now"]);
    user.set(&[]);
    user.says(&["destroy", "moved", "--yes"], 0, &["destroyed and forgotten"]);
    fs::remove_file(user.home.join("servers/moved.toml")).unwrap();

    // An authority that AWS's own tools are told of.
    let front = clouds::behind_tls(&cloud)?;
    let private = settings("profile = \"work\"").replace(&url, &front.url().replace("http:", "https:"));
    user.describe("private", "ec2", 2, &private);
    user.says(&["create", "private"], 69, &["UnknownIssuer", "an authority that this machine does not trust"]);
    user.set(&[("AWS_CA_BUNDLE", "/no/such.pem")]);
    user.says(&["create", "private"], 65, &["there is no file `/no/such.pem`, which AWS_CA_BUNDLE names"]);
    user.set(&[("AWS_CA_BUNDLE", &front.who("ca"))]);
    user.says(&["create", "private"], 65, &["made (", "no way from here"]);
    user.says(&["destroy", "private", "--yes"], 0, &["destroyed and forgotten"]);
    fs::remove_file(user.home.join("servers/private.toml")).unwrap();
    user.set(&[]);

    // One that somebody else destroyed: EC2 still tells why.
    user.describe("lost", "ec2", 2, &settings("profile = \"work\""));
    user.says(&["create", "lost"], 65, &["made (", "no way from here"]);
    fs::rename(user.home.join("state"), user.home.join("ours")).unwrap();
    user.says(&["destroy", "lost", "--yes"], 0, &["destroyed and forgotten"]);
    fs::remove_dir_all(user.home.join("state")).unwrap_or_default();
    fs::rename(user.home.join("ours"), user.home.join("state")).unwrap();
    user.says(&["converge", "lost"], 69, &["the server `lost` is gone", "; EC2 says of it: ", "initiated shutdown"]);
    user.says(&["destroy", "lost", "--yes"], 0, &["destroyed and forgotten"]);
    drop(cloud);
    user.describe("four", "ec2", 2, NOBODY);
    user.says(&["create", "four"], 69, &["cannot ask `http://127.0.0.1:9/`", "Connection refused"]);
    Ok(())
}

/// A way to a cloud on which the answer to the first request that begins so is lost; bodies of requests can be looked at.
fn losing(cloud: &str, begin: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let (listener, cloud) = (TcpListener::bind("127.0.0.1:0").unwrap(), cloud.replace("http://", ""));
    let way = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut lost = false;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (request, body) = message(&mut stream);
            let mut there = TcpStream::connect(&cloud).unwrap();
            there.write_all(&request).unwrap();
            let (answer, _) = message(&mut there);
            if !lost && body.starts_with(begin) {
                lost = true;
            } else {
                stream.write_all(&answer).unwrap();
            }
            bodies.lock().unwrap().push(body);
        }
    });
    (way, asked)
}

/// A message of HTTP, whole, and its body.
fn message(stream: &mut TcpStream) -> (Vec<u8>, String) {
    let (mut read, mut whole) = (BufReader::new(stream), Vec::new());
    let mut length = 0;
    loop {
        let mut line = String::new();
        read.read_line(&mut line).unwrap();
        whole.extend(line.as_bytes());
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).unwrap();
    whole.extend(&body);
    (whole, String::from_utf8_lossy(&body).into_owned())
}

/// Lines of `authorized_keys`, each with so much in it that nothing packs.
fn keys(count: usize, random: usize) -> String {
    let mut seed = 20_101_123_u64;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut letter = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[usize::try_from(seed >> 58).unwrap()])
    };
    let line = |_| format!("ssh-ed25519 {:A<68}\n", (0..random).map(|_| letter()).collect::<String>());
    (0..count).map(line).collect()
}

#[test]
fn ec2_is_asked_within_its_limit_and_again_by_the_same_token() -> Result<()> {
    lab::need(&[("curl", "curl")])?;
    let cloud = clouds::ec2()?;
    let mut user = User::new()?;
    user.set(&[("AWS_ACCESS_KEY_ID", &cloud.who("id")), ("AWS_SECRET_ACCESS_KEY", &cloud.who("secret"))]);
    let made = || {
        let data = ask(&format!("{}/moto-api/data.json", cloud.url()), "");
        data["ec2"]["Instance"].as_array().cloned().unwrap_or_default()
    };
    let describe = |name: &str, url: &str, keys: &str| {
        user.write("keys", keys);
        user.describe(
            name,
            "ec2",
            2,
            &format!("region = \"us-east-1\"\nimage = \"ami-785db401\"\nendpoint = \"{url}\""),
        );
        let path = user.home.join(format!("servers/{name}.toml"));
        let text = format!("authorized_keys = [\"{}\"]\n", user.home.join("keys").display());
        fs::write(&path, text + &fs::read_to_string(&path).unwrap()).unwrap();
    };
    // More than it takes, however it is packed: nothing is asked for.
    describe("much", &cloud.url(), &keys(500, 68));
    user.says(&["create", "much"], 65, &["the user-data has ", " bytes, packed; `ec2` takes 16384", "hint: "]);
    assert_eq!(made().len(), 0);
    user.says(&["show", "much"], 0, &["not made"]);
    // What fits when it is packed is packed.
    let (way, asked) = losing(&cloud.url(), "nothing");
    describe("much", &way, &keys(500, 4));
    user.says(&["create", "much"], 65, &["made (", "no way from here"]);
    let asked = asked.lock().unwrap().join("&");
    let packed = asked.split('&').find_map(|part| part.strip_prefix("UserData=")).unwrap_or_default();
    assert!(packed.starts_with("H4sI") && packed.len() < 16_384, "it is gzip, as base64: {packed}");
    user.says(&["destroy", "much", "--yes"], 0, &["destroyed and forgotten"]);

    // The answer is lost, and the request is sent again at once. Moto knows no tokens, so there are two servers: both are ours.
    describe("twice", &losing(&cloud.url(), "Action=RunInstances").0, "");
    user.says(&["create", "twice"], 65, &["made (", "no way from here"]);
    let running: Vec<Value> = made().into_iter().filter(|one| one["state"] == "running").collect();
    let [first, second] = &running[..] else { panic!("{running:#?}") };
    assert_eq!(first["client_token"], second["client_token"]);
    assert_eq!(first["client_token"].as_str().map(str::len), Some(32));
    user.says(&["destroy", "twice", "--yes"], 0, &["destroyed and forgotten"]);
    assert!(made().iter().all(|one| one["state"] == "terminated"), "{:#?}", made());
    Ok(())
}

/// A place where nobody listens.
const NOBODY: &str =
    "region = \"us-east-1\"\nprofile = \"work\"\nimage = \"ami-785db401\"\nendpoint = \"http://127.0.0.1:9\"";

const IMAGE: &str = "image = \"155d900f-4e14-4e4c-a73d-069cbf4541e6\"\n";
const NETWORK: &str = "networks = \"3cb9bc59-5699-4588-a4b1-b87f96708bc6\"\n";

#[test]
fn openstack() -> Result<()> {
    lab::need(&[("curl", "curl")])?;
    let (keystone, nova) = clouds::openstack()?;
    let mut user = User::new()?;
    let url = keystone.url();
    let tiny = format!("{IMAGE}{NETWORK}size = \"m1.tiny\"\n");
    user.describe("one", "openstack", 15, &tiny);
    user.says(&["create", "one"], 77, &["has no OS_AUTH_URL", "`openrc`"]);
    let by_password = |password: &'static str| {
        [
            ("OS_AUTH_URL", url.clone()),
            ("OS_USERNAME", "admin".to_owned()),
            ("OS_PASSWORD", password.to_owned()),
            ("OS_PROJECT_NAME", "admin".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    };
    user.environment = by_password("wrong horse");
    user.says(&["create", "one"], 77, &["gives no token: 401", "the credentials of the environment"]);
    user.environment = by_password("secret");
    user.environment.push(("OS_REGION_NAME".to_owned(), "RegionTwo".to_owned()));
    user.says(&["create", "one"], 65, &["no region `RegionTwo`", "`RegionOne`"]);
    user.environment.pop();
    user.lives("one", "openstack");

    // What the file says goes before what is found in the environment.
    user.set(&[]);
    let (id, secret) = (keystone.who("id"), keystone.who("secret"));
    let yaml = format!(
        "clouds:\n  credential:\n    auth_type: v3applicationcredential\n    auth:\n      auth_url: {url}/v3\n      application_credential_id: {id}\n    region_name: RegionOne\n  \
             token:\n    auth_type: v3token\n    auth:\n      auth_url: {url}\n      token: {}\n      project_name: admin\n",
        keystone.who("token")
    );
    user.write("clouds.yaml", &yaml);
    user.describe("two", "openstack", 15, &format!("cloud = \"credential\"\n{tiny}"));
    user.says(&["create", "two"], 77, &["has no `application_credential_secret`"]);
    user.write(
        "secure.yaml",
        &format!("clouds:\n  credential:\n    auth:\n      application_credential_secret: {secret}\n"),
    );
    for cloud in ["credential", "token"] {
        user.describe("two", "openstack", 15, &format!("cloud = \"{cloud}\"\n{tiny}"));
        user.says(&["create", "two"], 65, &["made (", "no way from here"]);
        user.says(&["destroy", "two", "--yes"], 0, &["destroyed and forgotten"]);
    }
    user.describe("two", "openstack", 15, &format!("cloud = \"tokn\"\n{tiny}"));
    user.says(&["create", "two"], 77, &["there is no cloud `tokn`", "did you mean `token`?"]);

    // Behind an authority that only who names it trusts.
    let fronts = [clouds::behind_tls(&keystone)?, clouds::behind_tls(&nova)?];
    let [url, compute] = fronts.each_ref().map(|front| front.url().replace("http:", "https:"));
    let private = |more: &str| {
        format!(
            "clouds:\n  private:\n    auth: {{auth_url: '{url}', username: admin, password: secret, project_name: admin}}\n{more}\n"
        )
    };
    user.write("clouds.yaml", &private(""));
    user.describe("two", "openstack", 15, &format!("cloud = \"private\"\n{tiny}"));
    user.says(&["create", "two"], 69, &["cannot ask `https://127.0.0.1", "UnknownIssuer", "cacert"]);
    user.write("clouds.yaml", &private("    verify: false"));
    user.says(&["create", "two"], 65, &["says `verify: false`", "`cacert`"]);
    user.write("clouds.yaml", &private("    cacert: nowhere.pem"));
    user.says(&["create", "two"], 65, &["there is no file `nowhere.pem`, which is `cacert` of the cloud `private`"]);
    user.write("clouds.yaml", &private("    cacert: clouds.yaml"));
    user.says(&["create", "two"], 65, &["there is no certificate in `clouds.yaml`"]);
    let both = format!(
        "{}{}",
        fs::read_to_string(fronts[0].who("ca")).unwrap(),
        fs::read_to_string(fronts[1].who("ca")).unwrap()
    );
    user.write("both.pem", &both);
    user.write("clouds.yaml", &private("    cacert: ~/both.pem"));
    user.describe("two", "openstack", 15, &format!("cloud = \"private\"\nendpoint = \"{compute}/v2.1\"\n{tiny}"));
    user.says(&["create", "two"], 65, &["made (", "no way from here"]);
    user.says(&["destroy", "two", "--yes"], 0, &["destroyed and forgotten"]);
    user.environment = by_password("secret");
    user.environment[0].1.clone_from(&url);
    user.describe("two", "openstack", 15, &format!("endpoint = \"{compute}/v2.1\"\n{tiny}"));
    user.says(&["create", "two"], 69, &["UnknownIssuer"]);
    user.environment.push(("OS_CACERT".to_owned(), user.home.join("both.pem").display().to_string()));
    user.says(&["create", "two"], 65, &["made (", "no way from here"]);
    user.environment[0].1 = keystone.url();
    let other = user.says(&["destroy", "two", "--yes"], 73, &["the environment is for `http://127.0.0.1:"]);
    assert!(other.contains(&format!("was made at `{url}`")), "{other}");
    user.environment[0].1.clone_from(&url);
    user.says(&["destroy", "two", "--yes"], 0, &["destroyed and forgotten"]);
    // Who asks for another project must not take it for gone, were it so or not.
    user.environment = by_password("secret");
    user.describe("two", "openstack", 2, &tiny);
    user.says(&["create", "two"], 65, &["made (", "no way from here"]);
    let servers = ask(&format!("{}/v2.1/servers", nova.url()), &keystone.who("token"));
    let server = format!("{}/v2.1/servers/{}", nova.url(), servers["servers"][0]["id"].as_str().unwrap());
    let header = format!("X-Auth-Token: {}", keystone.who("token"));
    let gone = Command::new("curl").args(["-sf", "-X", "DELETE", "-H", &header, &server]).status().unwrap();
    assert!(gone.success());
    user.environment[3].1 = "other".to_owned();
    for command in [&["create", "two"][..], &["converge", "two"], &["destroy", "two", "--yes"]] {
        user.says(command, 73, &["knows nothing of the server `two` (`", "was made with the project `", "--forget"]);
    }
    user.says(&["destroy", "two", "--forget"], 0, &["forgotten; nobody was asked"]);
    user.write("clouds.yaml", &yaml);
    user.set(&[("OS_CLOUD", "credential")]);
    user.describe("two", "openstack", 15, &tiny);
    user.says(&["create", "two"], 65, &["made (", "no way from here"]);
    user.set(&[("OS_CLOUD", "token")]);
    user.says(&["converge", "two"], 73, &["with the cloud `credential`, and OS_CLOUD says `token` now"]);
    user.set(&[]);
    user.says(&["destroy", "two", "--yes"], 0, &["destroyed and forgotten"]);

    let cloud = "cloud = \"credential\"\n";
    for (settings, said) in [
        (format!("{IMAGE}size = \"m1.tiky\"\n"), "did you mean `m1.tiny`?"),
        ("image = \"nothing\"\nsize = \"1\"\n".to_owned(), "the cloud has no image `nothing`"),
        (format!("{}size = \"1\"\n", IMAGE.replace("155d", "255d")), "400 Can not find requested image"),
        ("image = \"fakeimage123456\"\nsize = \"1\"\n".to_owned(), "images `fakeimage123456`"),
        (format!("{tiny}key = \"nobodys\"\n"), "400 Invalid key_name provided."),
    ] {
        user.describe("three", "openstack", 15, &format!("{cloud}{settings}"));
        user.says(&["create", "three"], 73, &[said]);
    }

    user.describe("broken", "openstack", 15, &format!("{cloud}{tiny}[openstack.metadata]\nlab = \"break off\"\n"));
    user.says(&["create", "broken"], 73, &["could not make the server `broken`: ", "the disk is full", "destroyed ("]);
    user.describe("four", "openstack", 15, &format!("{cloud}{tiny}"));
    user.says(&["create", "four"], 65, &["made (", "no way from here"]);
    user.describe("five", "openstack", 15, &format!("{cloud}{tiny}"));
    user.says(&["create", "five"], 65, &["made (", "no way from here"]);
    user.describe("six", "openstack", 15, &format!("{cloud}{tiny}"));
    user.says(&["create", "six"], 73, &["Quota exceeded for instances", "a quota of the project is used up"]);
    user.says(&["show", "six"], 0, &["not made"]);

    // What Nova itself says of it.
    let servers = ask(&format!("{}/v2.1/servers/detail", nova.url()), &keystone.who("token"));
    let five = servers["servers"].as_array().unwrap().iter().find(|one| one["name"] == "five.example.test").unwrap();
    assert_eq!(five["metadata"]["brasa-name"], "five", "{five:#}");
    assert_eq!((&five["metadata"]["managed-by"], &five["flavor"]["id"]), (&Value::from("brasa"), &Value::from("1")));
    user.says(&["destroy", "five", "--yes"], 0, &["destroyed and forgotten"]);
    user.says(&["destroy", "four", "--yes"], 0, &["destroyed and forgotten"]);
    let servers = ask(&format!("{}/v2.1/servers", nova.url()), &keystone.who("token"));
    assert_eq!(servers["servers"], Value::Array(Vec::new()), "something is left running");
    Ok(())
}

#[test]
fn rackspace() -> Result<()> {
    let cloud = clouds::rackspace()?;
    let mut user = User::new()?;
    let settings =
        "region = \"ORD\"\nsize = \"2\"\nimage = \"Debian Testing (Stretch) (PVHVM)\"\naddress = \"private\"\n";
    user.describe("one", "rackspace", 2, settings);
    user.says(&["create", "one"], 77, &["OS_USERNAME or RS_USERNAME"]);
    let url = format!("{}/identity/v2.0", cloud.url());
    user.set(&[("OS_AUTH_URL", &url), ("RS_USERNAME", "lab"), ("RS_API_KEY", "0123456789abcdef")]);
    user.lives("one", "rackspace");

    user.describe("two", "rackspace", 2, &settings.replace("ORD", "ORX"));
    user.says(&["create", "two"], 65, &["no region `ORX`", "did you mean `ORD`?"]);
    user.describe("two", "rackspace", 2, settings);
    user.describe("slow", "rackspace", 2, &format!("{settings}[rackspace.metadata]\nserver_building = \"900\"\n"));
    user.says(&["create", "slow"], 69, &["has no address after 2 s"]);
    user.says(&["destroy", "slow", "--yes"], 0, &["destroyed and forgotten"]);
    user.describe("broken", "rackspace", 2, &format!("{settings}[rackspace.metadata]\nserver_error = \"1\"\n"));
    user.says(&["create", "broken"], 73, &["could not make the server `broken`", "destroyed ("]);
    user.says(&["show", "broken"], 0, &["not made"]);
    let failure = "create_server_failure = '{\"code\": 413, \"message\": \"over limit\"}'";
    user.describe("much", "rackspace", 2, &format!("{settings}[rackspace.metadata]\n{failure}\n"));
    user.says(&["create", "much"], 73, &["413 over limit", "a quota of the project is used up"]);
    assert!(!user.list().contains("running"), "{}", user.list());
    Ok(())
}
