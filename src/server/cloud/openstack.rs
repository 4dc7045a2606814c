//! The providers `openstack` and `rackspace`: Nova.
//!
//! Source: OpenStack, "Compute API" (without a microversion: 2.1); Rackspace, "Cloud Servers API v2".
use std::{cell::RefCell, rc::Rc};

use brasa::{
    host::http::{Call, Reply},
    suggest,
    values::base64,
};
use serde_json::{Map, Value, json};

use super::{
    MANAGED, NAME, SECONDS, TOKEN, ask, beginning, cut, endpoint, escaped, in_order, is_passing,
    keystone::{Session, Wish},
    prefers_private,
};
use crate::{
    failure::Failure,
    server::{
        keys::Keys,
        provider::{Kept, Limit, Machine, Place, Provider, State, Wanted, end_of_console},
    },
};

/// Bytes of user-data whose base64 has the 65535 bytes that Nova takes.
const USER_DATA: usize = 65_535 / 4 * 3;
/// Lines of a console.
const LINES: u64 = 30;

struct OpenStack {
    /// `openstack` or `rackspace`.
    name: &'static str,
    rackspace: bool,
    cloud: Option<String>,
    region: Option<String>,
    /// Keystone's address, where it is known already.
    auth_url: Option<String>,
    endpoint: Option<String>,
    image: String,
    size: String,
    networks: Vec<String>,
    security_groups: Vec<String>,
    key: Option<String>,
    zone: Option<String>,
    config_drive: bool,
    metadata: Vec<(String, String)>,
    private_first: bool,
    session: RefCell<Option<Rc<Session>>>,
}

/// Reads the table `openstack`.
pub fn open(keys: &mut Keys<'_>, place: &Place<'_>) -> Box<dyn Provider> {
    Box::new(nova(keys, place, "openstack", false))
}

/// Reads the table `rackspace`.
pub fn rackspace(keys: &mut Keys<'_>, place: &Place<'_>) -> Box<dyn Provider> {
    Box::new(nova(keys, place, "rackspace", true))
}

fn nova(keys: &mut Keys<'_>, place: &Place<'_>, name: &'static str, rackspace: bool) -> OpenStack {
    let image =
        keys.required("image", "name an image of a system with cloud-init, by name or id: `image = \"debian-12\"`");
    let size = keys.required("size", "name a flavor, by name or id: `size = \"m1.small\"`");
    let metadata = keys.pairs("metadata");
    if let Some((key, _)) = metadata.iter().find(|(key, _)| [MANAGED.0, NAME, TOKEN].contains(&key.as_str())) {
        keys.fault("metadata", format!("has `{key}`, by which servers are found again"), "choose another key");
    }
    let (image, size) = (image.to_owned(), size.to_owned());
    let mut text = |key| keys.text(key).map(str::to_owned);
    let (cloud, region, key, zone) = (text("cloud"), text("region"), text("key"), text("availability_zone"));
    OpenStack {
        name,
        rackspace,
        cloud: cloud.or_else(|| place.kept("cloud")),
        region: region.or_else(|| place.kept("region")),
        auth_url: place.kept("auth_url"),
        endpoint: endpoint(keys),
        image,
        size,
        networks: keys.texts("networks"),
        security_groups: keys.texts("security_groups"),
        key,
        zone,
        // Rackspace has no metadata service: user-data gets there by a drive alone.
        config_drive: keys.flag("config_drive") || rackspace,
        metadata,
        private_first: prefers_private(keys),
        session: RefCell::new(None),
    }
}

impl Provider for OpenStack {
    fn limit(&self) -> Limit {
        Limit { bytes: USER_DATA, gzip: true }
    }

    fn create(&self, wanted: &Wanted<'_>) -> Result<Machine, Failure> {
        // Nova knows no tokens of requests: whether one was heard is seen by what there is.
        let there = self.find(wanted.name)?.into_iter().find(|machine| machine.token == wanted.token);
        if let Some(machine) = there {
            return Ok(machine);
        }
        let mut metadata: Map<String, Value> =
            self.metadata.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        for (key, value) in [MANAGED, (NAME, wanted.name), (TOKEN, wanted.token)] {
            metadata.insert(key.to_owned(), json!(value));
        }
        let mut server = json!({
            "name": wanted.fqdn,
            "imageRef": self.image()?,
            "flavorRef": self.flavor()?,
            "metadata": metadata,
            "user_data": base64(wanted.user_data),
        });
        let list = |key: &str, texts: &[String]| texts.iter().map(|text| json!({key: text})).collect::<Value>();
        if !self.networks.is_empty() {
            server["networks"] = list("uuid", &self.networks);
        }
        if !self.security_groups.is_empty() {
            server["security_groups"] = list("name", &self.security_groups);
        }
        if self.config_drive {
            server["config_drive"] = json!(true);
        }
        for (key, value) in [("key_name", &self.key), ("availability_zone", &self.zone)] {
            if let Some(value) = value {
                server[key] = json!(value);
            }
        }
        let answer = self.json("POST", "/servers", Some(&json!({"server": server})))?;
        let id = answer["server"]["id"]
            .as_str()
            .ok_or_else(|| Failure::failed("Nova made a server and did not say which"))?;
        Ok(Machine {
            id: id.to_owned(),
            name: wanted.name.to_owned(),
            token: wanted.token.to_owned(),
            state: State::Building,
            reason: None,
            addresses: Vec::new(),
            ssh: None,
        })
    }

    fn find(&self, name: &str) -> Result<Vec<Machine>, Failure> {
        Ok(self.list()?.into_iter().filter(|machine| machine.name == name).collect())
    }

    fn place(&self) -> Result<Kept, Failure> {
        let known = self.session.borrow().clone();
        Ok(known.map_or_else(|| self.log_in(), Ok)?.place.clone())
    }

    fn look(&self, id: &str) -> Result<Option<Machine>, Failure> {
        let reply = self.ask("GET", &format!("/servers/{}", plain(id)), None)?;
        if reply.status == 404 {
            return Ok(None);
        }
        Ok(self.machine(&self.read(&reply)?["server"]))
    }

    fn list(&self) -> Result<Vec<Machine>, Failure> {
        // Metadata cannot be asked for, and names may be changed by their owner: all are looked at.
        let (mut found, mut seen) = (Vec::new(), String::new());
        loop {
            let from = if seen.is_empty() { String::new() } else { format!("?marker={seen}") };
            let answer = self.json("GET", &format!("/servers/detail{from}"), None)?;
            let servers = answer["servers"].as_array().map_or(&[][..], Vec::as_slice);
            let ours = servers.iter().filter(|server| server["metadata"][MANAGED.0] == MANAGED.1);
            found.extend(ours.filter_map(|server| self.machine(server)));
            let more =
                answer["servers_links"].as_array().is_some_and(|links| links.iter().any(|link| link["rel"] == "next"));
            let last = servers.last().and_then(|server| server["id"].as_str()).map(plain);
            match last.filter(|last| more && !last.is_empty()) {
                // What is overlooked would be made a second time.
                Some(last) if last == seen => {
                    return Err(Failure::failed(format!("Nova of `{}` has no end of its list of servers", self.name))
                        .hint(
                            "it gives the same page again and again: is `endpoint` right, and does no proxy answer?",
                        ));
                }
                Some(last) => seen = last,
                None => return Ok(found),
            }
        }
    }

    fn destroy(&self, id: &str) -> Result<(), Failure> {
        let reply = self.ask("DELETE", &format!("/servers/{}", plain(id)), None)?;
        if matches!(reply.status, 200..=299 | 404) { Ok(()) } else { Err(self.refusal(&reply)) }
    }

    fn last_words(&self, _: &str, id: &str) -> Option<String> {
        let wish = json!({"os-getConsoleOutput": {"length": LINES}});
        let answer = self.json("POST", &format!("/servers/{}/action", plain(id)), Some(&wish)).ok()?;
        end_of_console(answer["output"].as_str()?)
    }
}

impl OpenStack {
    /// The id of the image: what looks like one is one.
    fn image(&self) -> Result<String, Failure> {
        if is_uuid(&self.image) {
            return Ok(self.image.clone());
        }
        let answer = self.json("GET", &format!("/images?name={}", escaped(&self.image)), None)?;
        let named = entries(&answer["images"]).filter(|(_, name)| *name == self.image).collect::<Vec<_>>();
        match named[..] {
            [(id, _)] => Ok(id.to_owned()),
            [] => {
                let all = self.json("GET", "/images", None)?;
                let names: Vec<&str> = entries(&all["images"]).map(|(_, name)| name).collect();
                Err(Failure::refused(format!("the cloud has no image `{}`", self.image))
                    .hint(suggest::hint(&self.image, names)))
            }
            [..] => {
                let ids: Vec<&str> = named.iter().map(|(id, _)| *id).collect();
                Err(Failure::refused(format!("the cloud has {} images `{}`", ids.len(), self.image))
                    .hint(format!("name one by its id: {}", ids.join(", "))))
            }
        }
    }

    /// The id of the flavor.
    fn flavor(&self) -> Result<String, Failure> {
        let answer = self.json("GET", "/flavors", None)?;
        let found = entries(&answer["flavors"]).find(|(id, name)| *id == self.size || *name == self.size);
        found.map(|(id, _)| id.to_owned()).ok_or_else(|| {
            let names: Vec<&str> = entries(&answer["flavors"]).map(|(_, name)| name).collect();
            Failure::refused(format!("the cloud has no flavor `{}`", self.size)).hint(suggest::hint(&self.size, names))
        })
    }

    /// A server as Nova tells of it; `None` when it is gone and still told of.
    fn machine(&self, server: &Value) -> Option<Machine> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let state = match server["status"].as_str()? {
            "DELETED" | "SOFT_DELETED" => return None,
            _ if server["OS-EXT-STS:task_state"] == "deleting" => State::Going,
            "ACTIVE" | "PASSWORD" => State::Running,
            "ERROR" => State::Failed,
            "SHUTOFF" | "STOPPED" | "PAUSED" | "SUSPENDED" | "SHELVED" | "SHELVED_OFFLOADED" | "RESCUE" => {
                State::Stopped
            }
            _ => State::Building,
        };
        let nets = server["addresses"].as_object().into_iter().flatten();
        let all: Vec<&Value> = nets.flat_map(|(_, list)| list.as_array().into_iter().flatten()).collect();
        let floating = all.iter().filter(|one| one["OS-EXT-IPS:type"] == "floating").map(|one| &one["addr"]);
        let access = [&server["accessIPv4"], &server["accessIPv6"]];
        let ordered = floating.chain(access).chain(all.iter().map(|one| &one["addr"])).filter_map(Value::as_str);
        Some(Machine {
            id: server["id"].as_str()?.to_owned(),
            name: text(&server["metadata"][NAME]),
            token: text(&server["metadata"][TOKEN]),
            state,
            reason: server["fault"]["message"].as_str().map(|text| cut(text).to_owned()),
            addresses: in_order(ordered, self.private_first),
            ssh: None,
        })
    }

    /// Asks, and reads the answer.
    fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.read(&self.ask(method, path, body)?)
    }

    fn read(&self, reply: &Reply) -> Result<Value, Failure> {
        if !(200..300).contains(&reply.status) {
            return Err(self.refusal(reply));
        }
        serde_json::from_slice(&reply.body).map_err(|error| {
            Failure::failed(format!("Nova's answer is no JSON: {error}; {}", beginning(&reply.body)))
                .hint("is the endpoint right, and does no proxy answer in its place?")
        })
    }

    /// Asks with a token; with a new one when the old one is over.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        let known = self.session.borrow().clone();
        let session = known.map_or_else(|| self.log_in(), Ok)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let once = |session: &Session| {
            let Session { token, compute, authorities, .. } = session;
            let headers = [
                ("x-auth-token", token.expose()),
                ("content-type", "application/json"),
                ("accept", "application/json"),
            ];
            let (url, body) = (format!("{compute}{path}"), body.as_bytes());
            let authorities = authorities.as_ref();
            let call = Call { method, url: &url, headers: &headers, body, seconds: SECONDS, authorities };
            // A second request for a server would make a second one.
            ask(&call, method != "POST")
        };
        let reply = once(&session)?;
        if reply.status != 401 {
            return Ok(reply);
        }
        once(&*self.log_in()?)
    }

    fn log_in(&self) -> Result<Rc<Session>, Failure> {
        let wish = Wish {
            cloud: self.cloud.as_deref(),
            region: self.region.as_deref(),
            auth_url: self.auth_url.as_deref(),
            endpoint: self.endpoint.as_deref(),
            rackspace: self.rackspace,
        };
        let session = Rc::new(wish.session()?);
        self.session.replace(Some(Rc::clone(&session)));
        Ok(session)
    }

    /// What Nova says against a request.
    fn refusal(&self, reply: &Reply) -> Failure {
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let why = said(&answer).map_or_else(|| beginning(&reply.body), str::to_owned);
        let message = format!("Nova of `{}`: {} {why}", self.name, reply.status);
        let session = self.session.borrow();
        let source = session.as_ref().map_or("", |session| session.source.as_str());
        let quota = why.to_ascii_lowercase();
        let quota = reply.status == 413 || quota.contains("quota") || quota.contains("limit exceeded");
        match reply.status {
            403 | 409 | 413 if quota => Failure::refused(message)
                .hint("a quota of the project is used up: destroy servers, choose a smaller `size`, or ask for more"),
            401 | 403 => Failure::denied(message).hint(format!(
                "the credentials of {source} may not do this; they need the role `member` in the project"
            )),
            status if is_passing(status) => {
                Failure::unavailable(message).hint("the cloud has trouble of its own; run again in a while")
            }
            _ => Failure::refused(message),
        }
    }
}

/// The message in an answer of OpenStack's: `{"badRequest": {"message": ..}}`, `{"error": {"message": ..}}`, `{"message": ..}`.
pub fn said(answer: &Value) -> Option<&str> {
    let inside = answer.as_object()?.values().next().and_then(|inner| inner["message"].as_str());
    inside.or_else(|| answer["message"].as_str()).map(cut)
}

/// Ids and names of a list.
fn entries(list: &Value) -> impl Iterator<Item = (&str, &str)> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| Some((one["id"].as_str()?, one["name"].as_str().unwrap_or_default())))
}

/// An id as it may stand in a path: one that would lead elsewhere is none.
fn plain(id: &str) -> String {
    id.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter)).collect()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        path::Path,
        rc::Rc,
    };

    use brasa::node::json::Document;
    use serde_json::json;

    use super::{Keys, Place, Provider as _, Session, USER_DATA, base64, is_uuid, nova, plain, said};

    #[test]
    fn the_limit_is_that_of_base64() {
        assert!(base64(&vec![0; USER_DATA]).len() <= 65_535 && base64(&vec![0; USER_DATA + 3]).len() > 65_535);
    }

    #[test]
    fn what_it_says_is_found_in_every_form() {
        for (answer, wanted) in [
            (json!({"badRequest": {"code": 400, "message": " no \n"}}), Some("no")),
            (json!({"error": {"message": "who?", "title": "Unauthorized"}}), Some("who?")),
            (json!({"code": 413, "message": "over limit"}), Some("over limit")),
            (json!({}), None),
            (json!("text"), None),
        ] {
            assert_eq!(said(&answer), wanted, "{answer}");
        }
    }

    #[test]
    fn a_list_that_does_not_end_is_not_taken_for_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let body = r#"{"servers": [{"id": "x"}], "servers_links": [{"rel": "next"}]}"#;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                lines.map_while(Result::ok).find(|line| line.is_empty());
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                    .unwrap();
            }
        });
        let place = Place { base: Path::new(""), state: Path::new(""), kept: &[] };
        let document = Document::parse_toml(Path::new("x.toml"), b"image = 'i'\nsize = 's'\n".to_vec()).unwrap();
        let mut nova = nova(&mut Keys::of(&document), &place, "openstack", false);
        let session = Session {
            token: "token".into(),
            compute: url,
            source: String::new(),
            authorities: None,
            place: Vec::new(),
        };
        nova.session = RefCell::new(Some(Rc::new(session)));
        let told = nova.list().map(|found| found.len()).map_err(|failure| failure.message);
        assert_eq!(told, Err("Nova of `openstack` has no end of its list of servers".to_owned()));
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        assert_eq!(plain("../os-quota-sets?x"), "os-quota-setsx");
        assert!(is_uuid("155d900f-4e14-4e4c-a73d-069cbf4541e6") && !is_uuid("debian-12"));
    }
}
