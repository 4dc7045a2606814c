//! The provider `exec`: a program of the user's own makes the servers. It reads one JSON object and prints one; `docs/servers.md`
//! has the protocol. It is not trusted further than to make servers: what it prints is looked at before it is used.
use std::{path::PathBuf, time::Duration};

use brasa::{
    Error,
    host::tool::{Input, Tool},
    values::base64,
};
use serde_json::{Value, json};

use super::{
    keys::Keys,
    provider::{Limit, Machine, Place, Provider, State, Wanted},
    ssh::last_line,
};
use crate::{
    failure::{Code, Failure},
    report::printable,
};

/// Seconds for one request, where the description does not say.
const TIMEOUT: u64 = 120;
/// Bytes of user-data, where the description does not say.
const USER_DATA: u64 = 65_536;
/// Characters of an id or a reason.
const LONGEST: usize = 1024;
/// Servers in one answer.
const MOST: usize = 10_000;

struct Exec {
    argv: Vec<String>,
    timeout: u64,
    limit: Limit,
    settings: Value,
}

/// Reads the table `exec`.
pub fn open(keys: &mut Keys<'_>, place: &Place<'_>) -> Box<dyn Provider> {
    let mut argv = keys.texts("command");
    if argv.is_empty() {
        keys.fault("command", "is missing", "name the program and its arguments: `command = [\"./provider.py\"]`");
    }
    if let Some(program) = argv.first_mut().filter(|program| program.contains('/')) {
        *program = place.path(program).to_string_lossy().into_owned();
    }
    let timeout = keys.number("timeout", 1..=86_400).unwrap_or(TIMEOUT);
    let bytes = keys.number("user_data_bytes", 1..=16 << 20).unwrap_or(USER_DATA);
    let limit = Limit { bytes: usize::try_from(bytes).unwrap_or(usize::MAX), gzip: keys.flag("user_data_gzip") };
    let settings = keys.value("settings").cloned().unwrap_or_else(|| json!({}));
    Box::new(Exec { argv, timeout, limit, settings })
}

impl Provider for Exec {
    fn limit(&self) -> Limit {
        self.limit
    }

    fn create(&self, wanted: &Wanted<'_>) -> Result<Machine, Failure> {
        let mut request = json!({
            "name": wanted.name,
            "fqdn": wanted.fqdn,
            "token": wanted.token,
            "authorized_key": wanted.authorized_key,
        });
        match std::str::from_utf8(wanted.user_data) {
            Ok(text) => request["user_data"] = json!(text),
            Err(_) => request["user_data_base64"] = json!(base64(wanted.user_data)),
        }
        let answer = self.ask("create", request)?;
        let machine = self.one(&answer)?.ok_or_else(|| self.strange("it has no `machine`"))?;
        for (what, is, wanted) in [("name", &machine.name, wanted.name), ("token", &machine.token, wanted.token)] {
            if !is.is_empty() && is != wanted {
                return Err(self.strange(&format!("it has a machine with another {what} than was asked for: `{is}`")));
            }
        }
        Ok(machine)
    }

    fn keeps_tokens(&self) -> bool {
        true
    }

    fn find(&self, name: &str) -> Result<Vec<Machine>, Failure> {
        let answer = self.ask("find", json!({"name": name}))?;
        Ok(self.many(&answer)?.into_iter().filter(|machine| machine.name == name).collect())
    }

    fn look(&self, id: &str) -> Result<Option<Machine>, Failure> {
        match self.one(&self.ask("look", json!({"id": id}))?)? {
            Some(other) if other.id != id => {
                Err(self.strange(&format!("`{id}` was asked for, and it tells of `{}`", other.id)))
            }
            machine => Ok(machine),
        }
    }

    fn list(&self) -> Result<Vec<Machine>, Failure> {
        self.many(&self.ask("list", json!({}))?)
    }

    fn destroy(&self, id: &str) -> Result<(), Failure> {
        self.ask("destroy", json!({"id": id})).map(drop)
    }
}

impl Exec {
    fn ask(&self, action: &str, mut request: Value) -> Result<Value, Failure> {
        request["version"] = json!(1);
        request["action"] = json!(action);
        request["settings"] = self.settings.clone();
        let program = self.program();
        let text = request.to_string() + "\n";
        let tool = Tool { input: Input::Bytes(text.as_bytes()), apart: true, ..Tool::new(&self.argv, self.timeout) };
        let ended = tool.run().map_err(|error| match error {
            Error::Missing { kind: "program", name, .. } => {
                Failure::input(format!("there is no program `{name}` that makes servers"))
                    .hint("`exec.command` names it; a path starts in the directory of the description")
            }
            Error::Timeout { limit, .. } => {
                let limit = Duration::from(limit).as_secs();
                Failure::unavailable(format!(
                    "`{program}` did not answer to `{action}` within {limit} s and was stopped"
                ))
                .hint("give it more by `exec.timeout`")
            }
            other => other.into(),
        })?;
        let said = last_line(&ended.stderr);
        let answer = serde_json::from_slice::<Value>(&ended.stdout);
        if let Ok(Some(error)) = answer.as_ref().map(|answer| answer.get("error")) {
            return Err(self.told(action, error));
        }
        if ended.code != 0 {
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            return Err(Failure::failed(format!("`{program}` ended `{action}` with {}{said}", ended.code)));
        }
        match answer {
            Ok(answer @ Value::Object(_)) => Ok(answer),
            Ok(_) => Err(self.strange("it is no object")),
            Err(_) if ended.stdout.trim_ascii().is_empty() => Err(self.strange("it is empty")),
            Err(error) => {
                let start: String = String::from_utf8_lossy(&ended.stdout).chars().take(60).collect();
                Err(self.strange(&format!("it is no JSON: {error}; it begins `{}`", printable(&start))))
            }
        }
    }

    /// What the program says went wrong.
    fn told(&self, action: &str, error: &Value) -> Failure {
        let text = |key: &str| error[key].as_str().map(|text| cut(text).to_owned());
        let message = text("message").or_else(|| error.as_str().map(|text| cut(text).to_owned()));
        let message = format!("`{}` {action}: {}", self.program(), message.as_deref().unwrap_or("it does not say why"));
        let code = match error["kind"].as_str() {
            Some("denied") => Code::Denied,
            Some("refused") => Code::Refused,
            Some("unavailable") => Code::Unavailable,
            Some("input") => Code::Input,
            Some(_) | None => Code::Failed,
        };
        let failure = Failure { code, ..Failure::failed(message) };
        text("hint").into_iter().fold(failure, Failure::hint)
    }

    fn one(&self, answer: &Value) -> Result<Option<Machine>, Failure> {
        match answer.get("machine") {
            None => Err(self.strange("it has no `machine`")),
            Some(Value::Null) => Ok(None),
            Some(machine) => read(machine).map(Some).map_err(|why| self.strange(&why)),
        }
    }

    fn many(&self, answer: &Value) -> Result<Vec<Machine>, Failure> {
        let machines = answer["machines"].as_array().ok_or_else(|| self.strange("it has no list `machines`"))?;
        if machines.len() > MOST {
            return Err(self.strange("it has more machines than anybody has"));
        }
        machines.iter().map(read).collect::<Result<_, _>>().map_err(|why| self.strange(&why))
    }

    fn strange(&self, why: &str) -> Failure {
        Failure::failed(format!("the answer of `{}` cannot be used: {why}", self.program()))
            .hint("the protocol of `exec` is told in docs/servers.md")
    }

    fn program(&self) -> String {
        let path = PathBuf::from(self.argv.first().map_or("", String::as_str));
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A machine as the program tells of it.
fn read(value: &Value) -> Result<Machine, String> {
    let text = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() > LONGEST || text.contains(char::is_control) => {
            Err(format!("`{key}` is too long or has control characters"))
        }
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` is no text")),
    };
    if !value.is_object() {
        return Err("a machine is no object".to_owned());
    }
    let id = text("id")?.filter(|id| !id.is_empty()).ok_or("a machine has no `id`")?;
    let word = text("state")?.ok_or_else(|| format!("machine `{id}` has no `state`"))?;
    let state = State::ALL.into_iter().find(|state| state.word() == word).ok_or_else(|| {
        let known = State::ALL.map(|state| format!("`{}`", state.word())).join(", ");
        format!("machine `{id}` has the state `{word}`; known are {known}")
    })?;
    let host = |text: &Value| -> Result<String, String> {
        let text = text.as_str().ok_or_else(|| format!("an address of machine `{id}` is no text"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_%".contains(c);
        if text.is_empty() || text.len() > 255 || text.starts_with('-') || !text.chars().all(plain) {
            return Err(format!("machine `{id}` has an address that is none: `{}`", printable(cut(text))));
        }
        Ok(text.to_owned())
    };
    let addresses = match value.get("addresses") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.iter().take(MOST).map(host).collect::<Result<_, _>>()?,
        Some(_) => return Err(format!("`addresses` of machine `{id}` is no list")),
    };
    let ssh = match value.get("ssh") {
        None | Some(Value::Null) => None,
        Some(ssh) => {
            let port = ssh["port"].as_u64().map_or(Ok(22), |port| u16::try_from(port).map_err(|_| port));
            let port = port.map_err(|port| format!("the port of machine `{id}` is none: {port}"))?;
            Some((host(&ssh["host"])?, port))
        }
    };
    let (name, token) = (text("name")?.unwrap_or_default(), text("token")?.unwrap_or_default());
    Ok(Machine { id, name, token, state, reason: text("reason")?, addresses, ssh })
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn a_machine_that_cannot_be_one_is_refused() {
        let machine = |key: &str, value: serde_json::Value| {
            let mut machine = json!({"id": "1", "name": "a", "state": "running", "addresses": ["192.0.2.1"]});
            machine[key] = value;
            read(&machine).map(|machine| format!("{:?} {:?}", machine.addresses, machine.ssh)).unwrap_or_else(|why| why)
        };
        assert_eq!(machine("reason", json!(null)), r#"["192.0.2.1"] None"#);
        assert_eq!(machine("ssh", json!({"host": "a.b", "port": 2222})), r#"["192.0.2.1"] Some(("a.b", 2222))"#);
        for (key, value, why) in [
            ("id", json!(""), "a machine has no `id`"),
            ("id", json!(7), "`id` is no text"),
            ("id", json!("x\u{1b}[2J"), "`id` is too long or has control characters"),
            (
                "state",
                json!("up"),
                "machine `1` has the state `up`; known are `building`, `running`, `stopped`, `failed`, `going`",
            ),
            ("addresses", json!("192.0.2.1"), "`addresses` of machine `1` is no list"),
            ("addresses", json!(["-oProxyCommand=id"]), "machine `1` has an address that is none: `-oProxyCommand=id`"),
            ("addresses", json!(["a b"]), "machine `1` has an address that is none: `a b`"),
            ("ssh", json!({"host": "a", "port": 70000}), "the port of machine `1` is none: 70000"),
            ("ssh", json!("a"), "an address of machine `1` is no text"),
        ] {
            assert_eq!(machine(key, value), why);
        }
    }
}
