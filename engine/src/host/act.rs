use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use super::{Grade, Probe, shown_address};
use crate::{
    Error, Result,
    values::{Blob, Seconds},
};

/// What is done once and leaves nothing on the machine that could be read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Sends a request to a server.
    Send(Message),
    /// Lets time pass.
    Wait {
        /// How much.
        seconds: Seconds,
    },
    /// Runs code of a recipe.
    Call(Code),
    /// Asks for a reboot, which the end of the run carries out.
    Reboot(Reboot),
    /// Takes that back.
    CancelReboot,
}

/// A reboot that a run asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// Whether the run ends here, and does so also when something failed. Otherwise only a run that succeeds reboots.
    pub now: bool,
    /// Minutes from the end of the run.
    pub delay_mins: u32,
    /// Why.
    pub reason: String,
}

impl Reboot {
    /// When, as people say it.
    #[must_use]
    pub fn when(&self) -> String {
        match self.delay_mins {
            0 => "at once".to_owned(),
            1 => "in 1 minute".to_owned(),
            minutes => format!("in {minutes} minutes"),
        }
    }
}

impl Act {
    /// How well it can be taken back, and what people should know of that.
    #[must_use]
    pub fn undo(&self) -> (Grade, String) {
        match self {
            Self::Send(message) if matches!(message.method.as_str(), "GET" | "HEAD" | "OPTIONS") => {
                (Grade::Needless, format!("{message} asked for something"))
            }
            Self::Send(message) => (Grade::Impossible, format!("{message} was sent: nobody can take it back")),
            Self::Wait { .. } => (Grade::Needless, "time has passed".to_owned()),
            Self::Reboot(_) | Self::CancelReboot => (Grade::Needless, "a reboot leaves things as they are".to_owned()),
            Self::Call(code) => (Grade::Impossible, format!("`{code}` was run: nobody knows how to take it back")),
        }
    }
}

/// As people say it.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(message) => write!(f, "send {message}"),
            Self::Wait { seconds } => write!(f, "wait {seconds}"),
            Self::Reboot(reboot @ Reboot { now: true, reason, .. }) => {
                write!(f, "end the run and reboot, {}: {reason}", reboot.when())
            }
            Self::Reboot(reboot) => {
                write!(f, "reboot after the run, {}, unless it fails: {}", reboot.when(), reboot.reason)
            }
            Self::CancelReboot => f.write_str("take back the reboot, if one was asked for"),
            Self::Call(code) => write!(f, "run {code}, whose effect no plan can show"),
        }
    }
}

type Closure = Arc<dyn Fn(&dyn Probe) -> Result<()> + Send + Sync>;

/// Code of a recipe. Of one that was written out there is only the name.
#[derive(Clone, Serialize, Deserialize)]
pub struct Code {
    /// What the recipe calls it.
    pub name: String,
    #[serde(skip)]
    closure: Option<Closure>,
}

impl Code {
    /// Code that may read the machine, and do to it whatever Rust can.
    #[must_use]
    pub fn new(name: String, closure: Closure) -> Self {
        Self { name, closure: Some(closure) }
    }

    /// Runs it.
    ///
    /// # Errors
    /// What it fails with.
    pub fn run(&self, probe: &dyn Probe) -> Result<()> {
        match &self.closure {
            Some(closure) => closure(probe),
            None => Err(Error::failed(format!("the code of `{self}` is not at hand"))),
        }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rust_block[{}]", self.name)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A request to a server. Values of its headers, its body, and what is secret in its address are never written out.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Message {
    /// `GET`, `POST`.
    pub method: String,
    /// `http:` or `https:` address.
    pub url: String,
    /// Headers; of one that was written out there are only the names.
    #[serde(default, skip)]
    pub headers: Vec<(String, String)>,
    /// What is sent along.
    #[serde(default, skip)]
    pub body: Option<Blob>,
    /// Deadline of the whole exchange.
    pub timeout: Seconds,
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("method", &self.method)?;
        map.serialize_entry("url", &shown_address(&self.url))?;
        if !self.headers.is_empty() {
            map.serialize_entry("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())?;
        }
        if let Some(body) = &self.body {
            map.serialize_entry("bytes", &body.size())?;
        }
        map.serialize_entry("timeout", &self.timeout)?;
        map.end()
    }
}

/// `POST https://example.com/deploys`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, shown_address(&self.url))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Message};
    use crate::host::Op;

    #[test]
    fn what_is_secret_in_a_message_is_written_out_nowhere() {
        let message = Message {
            method: "POST".into(),
            url: "https://me:canary@h.example/hook?token=canary".into(),
            headers: vec![("Authorization".into(), "Bearer canary".into())],
            body: Some("canary".into()),
            timeout: crate::values::Seconds(5),
        };
        let op = Op::Act(Act::Send(message.clone()));
        let written = serde_json::to_string(&op).unwrap();
        assert_eq!(
            written,
            r#"{"op":"act","act":"send","method":"POST","url":"https://(sensitive)@h.example/hook?(sensitive)","headers":["Authorization"],"bytes":6,"timeout":5}"#
        );
        assert!(!format!("{op:?} {message}").contains("canary"));
        let read: Op = serde_json::from_str(&written).unwrap();
        assert!(matches!(read, Op::Act(Act::Send(message)) if message.body.is_none()));
    }
}
