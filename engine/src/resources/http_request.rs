//! `http_request[name]`
use serde::{Deserialize, Serialize};

use crate::{
    Fault, Result, actions,
    host::{Act, Message, Op, Probe, shown_address},
    properties,
    resource::{Action as _, Change, Content, Environment, Goal, Resource, Value},
    values::Seconds,
};

/// Deadline of a request whose recipe names none.
const TIMEOUT: Seconds = Seconds(60);

properties! {
    /// A request that is sent to a server each time the resource is converged: give a guard, or `nothing` with a notice, so
    /// that it is sent only when it has to be. A plan sends nothing. An answer other than 2xx is a failure; redirections are
    /// followed. Headers, message, and a password or query in the address are shown nowhere.
    pub struct HttpRequest("name") {
        name: String;
        /// The address: http or https.
        url: String,
        /// What is sent along with `post`, `put` and `patch`.
        message: Value<Content>,
        /// Headers of the request, as `Content-Type`.
        headers: Environment,
        /// Deadline of the whole exchange in seconds; 60 when not given.
        timeout: Seconds,
    }
    example r#"r.add(HttpRequest::new("deployed", "https://example.com/hook").message("{}").action([http_request::Post]));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Get = "get": "Sends a GET request.",
        Post = "post": "Sends a POST request.",
        Put = "put": "Sends a PUT request.",
        Patch = "patch": "Sends a PATCH request.",
        Delete = "delete": "Sends a DELETE request.",
        Head = "head": "Sends a HEAD request.",
        Options = "options": "Sends an OPTIONS request.",
    }
}
pub use Action::*;

/// What can be known of a request: nothing, until it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    #[serde(skip)]
    message: Option<Message>,
}

impl HttpRequest {
    /// A request to this address; `name` is what reports call it.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self::bare(name.into()).url(url)
    }
}

const fn takes_message(action: Action) -> bool {
    matches!(action, Post | Put | Patch)
}

impl Resource for HttpRequest {
    const KIND: &'static str = "http_request";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        match self.url.as_deref() {
            None | Some("") => faults.push(Fault::new("it has no url").hint("say with `url` where to send it")),
            Some(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or_default();
                let odd = |c: char| c.is_whitespace() || c.is_control();
                if !matches!(scheme, "http" | "https") || rest.is_empty() || url.contains(odd) {
                    let shown = shown_address(url);
                    faults.push(Fault::new(format!("`{}` is no http or https address", shown.escape_debug())));
                }
            }
        }
        for (name, value) in self.headers.iter().flat_map(|headers| &headers.0) {
            // Source: RFC 9110, sections 5.5 and 5.6.2.
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) || value.contains(|c: char| c.is_control() && c != '\t') {
                let fault = Fault::new(format!("header `{}` cannot be sent", name.escape_debug()));
                faults.push(fault.hint("a name has no blanks or colons, a value is one line"));
            }
        }
        if self.timeout == Some(Seconds(0)) {
            faults.push(Fault::new("`timeout` is 0, so nothing could ever be answered in time"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        let fault = |action: Action| {
            let fault = Fault::new(format!("a `{}` request has no message", action.name()));
            fault.hint("leave `message` out, or put what it says into the address")
        };
        if self.message.is_some() && !takes_message(action) { vec![fault(action)] } else { Vec::new() }
    }

    fn read(&self, _: &dyn Probe) -> Result<State> {
        Ok(State { message: None })
    }

    fn want(&self, action: Action, _: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let body = self.message.as_ref().filter(|_| takes_message(action));
        let message = Message {
            method: action.name().to_uppercase(),
            url: self.url.clone().unwrap_or_default(),
            headers: self.headers.clone().unwrap_or_default().0.into_iter().collect(),
            body: body.map(|message| message.get(probe)).transpose()?.map(|content| content.blob),
            timeout: self.timeout.unwrap_or(TIMEOUT),
        };
        Ok(Goal::Event(action.name(), State { message: Some(message) }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        Ok(change.to.message.iter().map(|message| Op::Act(Act::Send(message.clone()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Get, HttpRequest, Post};
    use crate::{
        host::Fake,
        resource::{lazy, prepare},
        resources::trial::{done, faults, faults_of},
        values::Secret,
    };

    #[test]
    fn it_is_sent_each_time_and_says_nothing_of_what_is_secret() {
        let request = HttpRequest::new("hook", "https://me:canary@h.example/hook?key=canary")
            .headers([("Authorization", "Bearer canary")])
            .message(Secret::from("canary"));
        let sent = ["send POST https://(sensitive)@h.example/hook?(sensitive)"];
        let mut machine = Fake::new();
        assert_eq!(done(&request, Post, &mut machine), sent);
        assert_eq!(done(&request, Post, &mut machine), sent);
        let changed = prepare(&request, Post, false, &machine).unwrap().unwrap().into_changed();
        assert!(!serde_json::to_string(&changed).unwrap().contains("canary"));
        let asks =
            HttpRequest::new("ask", "http://h.example/").message(lazy(|_| -> crate::Result<String> { panic!() }));
        assert_eq!(done(&asks, Get, &mut machine), ["send GET http://h.example/"]);
    }

    #[test]
    fn what_cannot_be_sent_is_a_fault() {
        assert_eq!(faults(&HttpRequest::new("x", "https://h.example/a?b=c").headers([("X-A", "b c")])), [""; 0]);
        assert_eq!(
            faults(&HttpRequest::new("x", "ftp://me:canary@h/").headers([("A b", "canary"), ("C", "d\ne")]).timeout(0)),
            [
                "`ftp://(sensitive)@h/` is no http or https address",
                "header `A b` cannot be sent\nhint: a name has no blanks or colons, a value is one line",
                "header `C` cannot be sent\nhint: a name has no blanks or colons, a value is one line",
                "`timeout` is 0, so nothing could ever be answered in time",
            ]
        );
        assert_eq!(
            faults_of(&HttpRequest::new("x", "http://h/").message("m"), Get),
            ["a `get` request has no message\nhint: leave `message` out, or put what it says into the address"]
        );
        assert_eq!(faults(&HttpRequest::new("x", "")), ["it has no url\nhint: say with `url` where to send it"]);
    }
}
