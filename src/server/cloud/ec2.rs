//! The provider `ec2`: Amazon EC2, and what speaks as it does.
//!
//! Source: Amazon EC2 API Reference (version 2016-11-15): RunInstances, DescribeInstances, TerminateInstances, "Error codes".
use std::cell::OnceCell;

use brasa::{
    host::{
        environment,
        http::{Authorities, Call},
        time_stamp,
    },
    values::base64,
};

use super::{
    AGAIN, MANAGED, NAME, SECONDS, TOKEN, ask, aws, beginning, cut, endpoint, escaped, in_order, is_address,
    is_passing, prefers_private, signature::Signature, xml::Element,
};
use crate::{
    failure::{Code, Failure},
    server::{
        keys::Keys,
        provider::{Kept, Limit, Machine, Place, Provider, State, Wanted},
    },
};

/// The version of the API.
const VERSION: &str = "2016-11-15";
/// Bytes of user-data, before they are encoded.
const USER_DATA: usize = 16_384;
/// The size, where the description does not say.
const SIZE: &str = "t3.micro";
/// States of a server that is not gone.
const THERE: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];
/// What may be asked, all in all.
const PERMISSIONS: &str = "ec2:RunInstances, ec2:CreateTags, ec2:DescribeInstances and ec2:TerminateInstances";

struct Ec2 {
    image: String,
    size: String,
    region: Option<String>,
    profile: Option<String>,
    endpoint: Option<String>,
    key: Option<String>,
    subnet: Option<String>,
    security_groups: Vec<String>,
    instance_profile: Option<String>,
    tags: Vec<(String, String)>,
    private_first: bool,
    session: OnceCell<Session>,
}

/// Whom is asked, and who asks.
struct Session {
    url: String,
    host: String,
    region: String,
    account: aws::Account,
    authorities: Option<Authorities>,
    place: Kept,
}

/// Reads the table `ec2`.
pub fn open(keys: &mut Keys<'_>, place: &Place<'_>) -> Box<dyn Provider> {
    let image = keys.required("image", "name an image of a system with cloud-init, by its id: `image = \"ami-...\"`");
    if !image.is_empty() && !image.starts_with("ami-") {
        keys.fault(
            "image",
            format!("is no id of an image: `{image}`"),
            "it begins with `ami-`, and belongs to a region",
        );
    }
    let region = keys.text("region").map(str::to_owned);
    if let Some(region) = region.as_deref().filter(|region| !is_region(region)) {
        keys.fault("region", format!("is no region: `{region}`"), "as `eu-central-1`");
    }
    let tags = keys.pairs("tags");
    if let Some((tag, _)) = tags.iter().find(|(tag, _)| [MANAGED.0, NAME, TOKEN].contains(&tag.as_str())) {
        keys.fault("tags", format!("has the tag `{tag}`, by which servers are found again"), "choose another one");
    }
    let mut text = |key| keys.text(key).map(str::to_owned);
    Box::new(Ec2 {
        image: image.to_owned(),
        size: text("size").unwrap_or_else(|| SIZE.to_owned()),
        profile: text("profile").or_else(|| place.kept("profile")),
        key: text("key"),
        subnet: text("subnet"),
        instance_profile: text("instance_profile"),
        security_groups: keys.texts("security_groups"),
        endpoint: endpoint(keys).or_else(|| place.kept("endpoint")),
        private_first: prefers_private(keys),
        region: region.or_else(|| place.kept("region")),
        tags,
        session: OnceCell::new(),
    })
}

/// Whether it can be a region: it becomes a part of a host's name.
fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

impl Provider for Ec2 {
    fn limit(&self) -> Limit {
        Limit { bytes: USER_DATA, gzip: true }
    }

    fn create(&self, wanted: &Wanted<'_>) -> Result<Machine, Failure> {
        let mut form = Form::of("RunInstances");
        for (key, value) in [
            ("ImageId", self.image.as_str()),
            ("InstanceType", &self.size),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            // The same token never makes a second server.
            ("ClientToken", wanted.token),
            ("UserData", &base64(wanted.user_data)),
            // A page that a program on the server fetches must not lead to its credentials.
            ("MetadataOptions.HttpTokens", "required"),
            ("MetadataOptions.HttpEndpoint", "enabled"),
        ] {
            form.add(key, value);
        }
        for (key, value) in
            [("KeyName", &self.key), ("SubnetId", &self.subnet), ("IamInstanceProfile.Name", &self.instance_profile)]
        {
            form.add_some(key, value.as_deref());
        }
        for (at, group) in self.security_groups.iter().enumerate() {
            form.add(&format!("SecurityGroupId.{}", at + 1), group);
        }
        let given = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let name = self.tags.iter().all(|(key, _)| key != "Name").then_some(("Name", wanted.fqdn));
        let ours = [MANAGED, (NAME, wanted.name), (TOKEN, wanted.token)];
        form.add("TagSpecification.1.ResourceType", "instance");
        for (at, (key, value)) in ours.into_iter().chain(name).chain(given).enumerate() {
            form.add(&format!("TagSpecification.1.Tag.{}.Key", at + 1), key);
            form.add(&format!("TagSpecification.1.Tag.{}.Value", at + 1), value);
        }
        let answer = self.ask(&form)?;
        let made = answer.items("instancesSet").first().and_then(|instance| self.machine(instance));
        let made = made.ok_or_else(|| Failure::failed("EC2 made a server and did not say which"))?;
        // The answer need not have the tags yet.
        Ok(Machine { name: wanted.name.to_owned(), token: wanted.token.to_owned(), ..made })
    }

    fn keeps_tokens(&self) -> bool {
        true
    }

    fn find(&self, name: &str) -> Result<Vec<Machine>, Failure> {
        self.those(&[(&format!("tag:{NAME}"), &[name])])
    }

    fn place(&self) -> Result<Kept, Failure> {
        Ok(self.session()?.place.clone())
    }

    fn look(&self, id: &str) -> Result<Option<Machine>, Failure> {
        let found = self.instance(id)?;
        Ok(found.and_then(|instance| self.machine(&instance)).filter(|machine| machine.state != State::Failed))
    }

    fn list(&self) -> Result<Vec<Machine>, Failure> {
        self.those(&[(&format!("tag:{}", MANAGED.0), &[MANAGED.1])])
    }

    fn destroy(&self, id: &str) -> Result<(), Failure> {
        let mut form = Form::of("TerminateInstances");
        form.add("InstanceId.1", id);
        match self.ask(&form) {
            Err(failure) if is_unknown(&failure) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Why a server is gone that nobody destroyed: a volume that could not be made, a quota, a fault of the host.
    fn last_words(&self, _: &str, id: &str) -> Option<String> {
        let instance = self.instance(id).ok()??;
        Some(format!("EC2 says of it: {}", cut(instance.text_at(&["stateReason", "message"])?)))
    }
}

impl Ec2 {
    /// The servers that fit these filters and are there.
    fn those(&self, filters: &[(&str, &[&str])]) -> Result<Vec<Machine>, Failure> {
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut form = Form::of("DescribeInstances");
            let there: (&str, &[&str]) = ("instance-state-name", &THERE);
            for (at, (name, values)) in filters.iter().chain([&there]).enumerate() {
                form.add(&format!("Filter.{}.Name", at + 1), name);
                for (nth, value) in values.iter().enumerate() {
                    form.add(&format!("Filter.{}.Value.{}", at + 1, nth + 1), value);
                }
            }
            form.add_some("NextToken", next.as_deref());
            let answer = self.ask(&form)?;
            let instances = answer.items("reservationSet").iter().flat_map(|one| one.items("instancesSet"));
            found.extend(instances.filter_map(|instance| self.machine(instance)));
            next = answer.text_at(&["nextToken"]).map(str::to_owned);
            if next.is_none() {
                return Ok(found.into_iter().filter(|machine: &Machine| machine.state != State::Failed).collect());
            }
        }
    }

    /// The instance of this id, also one that is gone and is still told of.
    fn instance(&self, id: &str) -> Result<Option<Element>, Failure> {
        let mut form = Form::of("DescribeInstances");
        form.add("InstanceId.1", id);
        match self.ask(&form) {
            Err(failure) if is_unknown(&failure) => Ok(None),
            Err(failure) => Err(failure),
            Ok(answer) => {
                let reservation = answer.items("reservationSet").first();
                Ok(reservation.and_then(|one| one.items("instancesSet").first()).cloned())
            }
        }
    }

    /// A server as EC2 tells of it; one that is terminated is `Failed`, which nobody outside sees.
    fn machine(&self, instance: &Element) -> Option<Machine> {
        let tag = |key: &str| {
            let found = instance.items("tagSet").iter().find(|tag| tag.text_at(&["key"]) == Some(key));
            found.and_then(|tag| tag.text_at(&["value"])).unwrap_or_default().to_owned()
        };
        let state = match instance.text_at(&["instanceState", "name"])? {
            "pending" => State::Building,
            "running" => State::Running,
            "shutting-down" => State::Going,
            "terminated" => State::Failed,
            _ => State::Stopped,
        };
        let interfaces = instance.items("networkInterfaceSet").iter();
        let six =
            interfaces.flat_map(|one| one.items("ipv6AddressesSet")).filter_map(|one| one.text_at(&["ipv6Address"]));
        let four = ["ipAddress", "privateIpAddress"].into_iter().filter_map(|key| instance.text_at(&[key]));
        Some(Machine {
            id: instance.text_at(&["instanceId"])?.to_owned(),
            name: tag(NAME),
            token: tag(TOKEN),
            state,
            reason: instance.text_at(&["stateReason", "message"]).map(|text| cut(text).to_owned()),
            addresses: in_order(four.chain(six), self.private_first),
            ssh: None,
        })
    }

    /// Credentials and region, looked for once.
    fn session(&self) -> Result<&Session, Failure> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let account = match self.profile {
            Some(_) => None,
            None => aws::Account::of_environment()?,
        };
        let region = self.region.clone().or_else(aws::region_of_environment);
        // What the environment says needs no files: whoever has both may have broken ones.
        let mut place = Kept::new();
        let (account, region) = match (account, region) {
            (Some(account), Some(region)) => (account, Some(region)),
            (account, region) => {
                let files = aws::Files::read(self.profile.as_deref())?;
                if account.is_none() {
                    place.push(("profile".to_owned(), files.profile().to_owned()));
                }
                (account.map_or_else(|| files.account(), Ok)?, region.or_else(|| files.region()))
            }
        };
        let region = region.ok_or_else(|| {
            Failure::input("there is no region to ask EC2 in")
                .hint("name it in the description: `region = \"eu-central-1\"`, or set AWS_REGION")
        })?;
        if !is_region(&region) {
            return Err(Failure::input(format!("`{region}` is no region of AWS")).hint("as `eu-central-1`"));
        }
        let named = ["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"].into_iter().find_map(environment::var);
        let named = self.endpoint.clone().or_else(|| named.filter(|url| !url.is_empty()));
        place.push(("region".to_owned(), region.clone()));
        // Keys for a session are others each time.
        place.extend(account.token.is_none().then(|| ("account".to_owned(), account.id.clone())));
        let url = named.unwrap_or_else(|| {
            let end = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://ec2.{region}.amazonaws.com{end}")
        });
        if !is_address(&url) {
            return Err(Failure::input("AWS_ENDPOINT_URL is no http or https address"));
        }
        let url = url.trim_end_matches('/').to_owned();
        place.push(("endpoint".to_owned(), url.clone()));
        let host = url.split('/').nth(2).unwrap_or_default().to_owned();
        let authorities = aws::authorities()?;
        Ok(self.session.get_or_init(|| Session { url, host, region, account, authorities, place }))
    }

    fn ask(&self, form: &Form) -> Result<Element, Failure> {
        let Session { url, host, region, account, authorities, .. } = self.session()?;
        let stamp = time_stamp(environment::now());
        let stamp = format!("{}T{}Z", &stamp[..8], &stamp[8..]);
        let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap_or_default());
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", host.as_str()),
            ("x-amz-date", &stamp),
        ];
        headers.extend(account.token.as_ref().map(|token| ("x-amz-security-token", token.expose())));
        let body = form.0.as_bytes();
        let signature = Signature { id: &account.id, secret: &account.secret, region, service: "ec2", stamp: &stamp };
        let authorization = signature.authorization("POST", &path, &headers, body);
        headers.push(("authorization", &authorization));
        let url = format!("{}{path}", url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"));
        // All of it may be asked twice: a token makes one server, however often it is shown.
        let call = Call {
            method: "POST",
            url: &url,
            headers: &headers,
            body,
            seconds: SECONDS,
            authorities: authorities.as_ref(),
        };
        let reply = ask(&call, true)?;
        let read = std::str::from_utf8(&reply.body).ok().and_then(Element::parse);
        match read {
            Some(answer) if reply.status == 200 => Ok(answer),
            Some(answer) => Err(self.refusal(reply.status, &answer)),
            None if is_passing(reply.status) => Err(Failure::unavailable(format!(
                "EC2 at `{host}` has trouble: it answered {} for {AGAIN} s",
                reply.status
            ))),
            None => Err(Failure::failed(format!(
                "`{host}` answered {}, and not as EC2 does: {}",
                reply.status,
                beginning(&reply.body)
            ))
            .hint("is the endpoint right, and does no proxy answer in its place?")),
        }
    }

    /// What EC2 says against a request.
    fn refusal(&self, status: u16, answer: &Element) -> Failure {
        // `Response/Errors/Error`, and as newer services have it `ErrorResponse/Error`.
        let error = answer.child("Errors").unwrap_or(answer).child("Error").unwrap_or(answer);
        let code = error.text_at(&["Code"]).unwrap_or("no code");
        let message = format!("EC2: {} ({code})", cut(error.text_at(&["Message"]).unwrap_or("it does not say why")));
        let (source, region) = match self.session.get() {
            Some(session) => (session.account.source.as_str(), session.region.as_str()),
            None => ("", ""),
        };
        let (kind, hint) = kind_of(code, status);
        let failure = Failure { code: kind, ..Failure::failed(message) };
        let hint = hint.replace("{region}", region).replace("{source}", source);
        if hint.is_empty() { failure } else { failure.hint(hint) }
    }
}

/// What an error code means here, and what to do about it.
fn kind_of(code: &str, status: u16) -> (Code, String) {
    let (kind, hint) = match code {
        "RequestExpired" | "ExpiredToken" | "ExpiredTokenException" => {
            (Code::Denied, "the credentials of {source} are over, or the clock of this machine is wrong")
        }
        "AuthFailure"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => (
            Code::Denied,
            "it does not accept the credentials of {source}; is the secret right, and the account allowed in the region `{region}`?",
        ),
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            return (Code::Denied, format!("the credentials of {{source}} need {PERMISSIONS}"));
        }
        "OptInRequired" | "PendingVerification" | "Blocked" => {
            (Code::Denied, "the account must be set right with AWS first")
        }
        "InsufficientInstanceCapacity" | "InsufficientHostCapacity" | "InsufficientCapacity" | "Unsupported" => {
            (Code::Refused, "choose another `size`, or a `subnet` in another zone")
        }
        // It heard the first request then, whose answer was lost.
        "IdempotentParameterMismatch" => (
            Code::Failed,
            "a server was asked for before and described otherwise, and may come yet: describe it as it was, or destroy it first",
        ),
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" => {
            (Code::Unavailable, "too much was asked at once; run again in a while")
        }
        _ if code.ends_with("LimitExceeded") => {
            (Code::Refused, "a quota of the account is used up: destroy servers, or ask for more under Service Quotas")
        }
        _ if code.starts_with("InvalidAMIID") => {
            (Code::Refused, "an image belongs to one region; asked was `{region}`")
        }
        _ if status >= 500 => (Code::Unavailable, "EC2 has trouble of its own; run again in a while"),
        _ => (Code::Refused, ""),
    };
    (kind, hint.to_owned())
}

/// Whether a failure says that there is no such server.
fn is_unknown(failure: &Failure) -> bool {
    failure.message.ends_with("(InvalidInstanceID.NotFound)")
}

/// A request: its parameters as a form.
struct Form(String);

impl Form {
    fn of(action: &str) -> Self {
        let mut form = Self(String::new());
        form.add("Action", action);
        form.add("Version", VERSION);
        form
    }

    fn add(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(key);
        self.0.push('=');
        // As AWS's own tools write a form.
        self.0.push_str(&escaped(value).replace("%20", "+"));
    }

    fn add_some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, kind_of};

    #[test]
    fn a_form_is_encoded_as_signatures_want_it() {
        let mut form = Form::of("X");
        form.add("Filter.1.Name", "tag:brasa-name");
        form.add_some("B", Some("a+b/c=~ é"));
        form.add_some("C", None);
        assert_eq!(form.0, "Action=X&Version=2016-11-15&Filter.1.Name=tag%3Abrasa-name&B=a%2Bb%2Fc%3D~+%C3%A9");
    }

    #[test]
    fn an_error_code_says_who_can_help() {
        let told: Vec<String> = [
            ("AuthFailure", 401),
            ("RequestExpired", 400),
            ("UnauthorizedOperation", 403),
            ("InvalidAMIID.NotFound", 400),
            ("InvalidAMIID.Malformed", 400),
            ("InstanceLimitExceeded", 400),
            ("VcpuLimitExceeded", 400),
            ("RequestLimitExceeded", 503),
            ("InsufficientInstanceCapacity", 500),
            ("InvalidParameterValue", 400),
            ("IdempotentParameterMismatch", 400),
            ("InternalError", 500),
        ]
        .into_iter()
        .map(|(code, status)| {
            let (kind, hint) = kind_of(code, status);
            format!("{code}: {} {hint}", kind.number())
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
