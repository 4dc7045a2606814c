//! Who asks an OpenStack cloud: a token, and where Nova is.
//!
//! Source: OpenStack, "Identity API v3", Authentication; Rackspace, "Identity API 2.0", Authenticate with an API key.
use brasa::{
    host::http::{Authorities, Call, Reply},
    suggest,
    values::Secret,
};
use serde_json::{Value, json};

use super::{SECONDS, ask, beginning, clouds_yaml::Settings, is_address, is_passing, openstack::said};
use crate::{failure::Failure, server::provider::Kept};

/// Rackspace's own.
const RACKSPACE: &str = "https://identity.api.rackspacecloud.com/v2.0";

/// A token, and where it serves.
pub struct Session {
    /// What stands for the credentials for a while.
    pub token: Secret,
    /// Nova's address, without a slash at its end.
    pub compute: String,
    /// Where the credentials are from, for messages.
    pub source: String,
    /// Whom to trust in place of those that the system trusts.
    pub authorities: Option<Authorities>,
    /// By what it was found.
    pub place: Kept,
}

/// What is asked for.
pub struct Wish<'a> {
    /// The name of a cloud in `clouds.yaml`.
    pub cloud: Option<&'a str>,
    /// The region.
    pub region: Option<&'a str>,
    /// Keystone's address, where a server is known to be in its cloud.
    pub auth_url: Option<&'a str>,
    /// Nova's address, where the catalog is not to be asked.
    pub endpoint: Option<&'a str>,
    /// Whether it is Rackspace, which has an older form of it.
    pub rackspace: bool,
}

impl Wish<'_> {
    /// Gets a token.
    ///
    /// # Errors
    /// [`Failure::denied`] for credentials that are missing or not accepted, [`Failure::input`] where the region is not known,
    /// [`Failure::unavailable`] when Keystone cannot be reached.
    pub fn session(&self) -> Result<Session, Failure> {
        let prefixes: &[&str] = if self.rackspace { &["OS_", "RS_"] } else { &["OS_"] };
        let settings = Settings::read(self.cloud, prefixes)?;
        let kind = settings.get(&["auth_type", "auth_plugin"]).unwrap_or_default();
        let rackspace = self.rackspace || kind == "rackspace_apikey";
        let url = match settings.get(&["auth_url"]) {
            None if rackspace => RACKSPACE.to_owned(),
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => settings.need(&["auth_url"])?,
        };
        if !is_address(&url) {
            return Err(Failure::input(format!(
                "the address of Keystone in {} is no http or https address",
                settings.source
            )));
        }
        if let Some(known) = self.auth_url.filter(|known| *known != url) {
            let source = &settings.source;
            return Err(Failure::refused(format!("the server was made at `{known}`, and {source} is for `{url}`"))
                .hint("take the credentials by which it was made")
                .hint("when it is gone for good, `brasa server destroy NAME --forget` forgets it"));
        }
        let authorities = settings.authorities()?;
        let trusted = authorities.as_ref();
        let Entry { token, places, project } =
            if rackspace { by_key(&settings, &url, trusted)? } else { by_keystone(&settings, &url, &kind, trusted)? };
        let region = self.region.map(str::to_owned).or_else(|| settings.get(&["region_name"]));
        let region = region.or_else(|| match &places[..] {
            [(only, _)] => Some(only.clone()),
            _ => None,
        });
        let place = [
            ("cloud", settings.cloud.clone()),
            ("region", region.clone()),
            ("auth_url", Some(url)),
            ("project", project),
        ];
        let place = place.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        let compute = match (self.endpoint, &region) {
            (Some(endpoint), _) => endpoint.to_owned(),
            (None, Some(region)) => {
                let known: Vec<String> = places.iter().map(|(name, _)| name.clone()).collect();
                let place = places.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(region));
                place.map(|(_, url)| url).ok_or_else(|| {
                    Failure::input(format!("the cloud has no region `{region}` with servers"))
                        .hint(suggest::hint(region, known.iter().map(String::as_str)))
                })?
            }
            (None, None) if places.is_empty() => {
                return Err(Failure::input("the cloud's catalog has no Nova (`compute`) for this project")
                    .hint("is the project named? name the address by `endpoint` if it is not in the catalog"));
            }
            (None, None) => {
                let names: Vec<String> = places.iter().map(|(name, _)| format!("`{name}`")).collect();
                return Err(Failure::input("the cloud has several regions")
                    .hint(format!("name one by `region` in the description: {}", names.join(", "))));
            }
        };
        let compute = compute.trim_end_matches('/').to_owned();
        if !is_address(&compute) {
            return Err(Failure::failed("the address of Nova in the cloud's catalog is no http or https address"));
        }
        Ok(Session { token, compute, source: settings.source, authorities, place })
    }
}

/// What a token opens.
struct Entry {
    token: Secret,
    /// The regions that have Nova, each with its address.
    places: Vec<(String, String)>,
    /// The id of the project whose servers are seen.
    project: Option<String>,
}

/// Keystone v3: by password, by an application credential, by a token.
fn by_keystone(settings: &Settings, url: &str, kind: &str, trusted: Option<&Authorities>) -> Result<Entry, Failure> {
    let mut auth = json!({"identity": identity(settings, kind)?});
    if auth["identity"]["methods"][0] != "application_credential"
        && let Some(scope) = scope(settings)
    {
        auth["scope"] = scope;
    }
    let base = url.strip_suffix("/v2.0").or_else(|| url.strip_suffix("/v3")).unwrap_or(url);
    let reply = post(&format!("{base}/v3/auth/tokens"), &json!({"auth": auth}), trusted)?;
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let token = reply.header("x-subject-token").filter(|_| reply.status == 201);
    let token = token.ok_or_else(|| refusal(&reply, &answer, url, settings))?;
    let interface = settings.get(&["interface", "endpoint_type"]).unwrap_or_else(|| "public".to_owned());
    let interface = interface.trim_end_matches("URL");
    let services = answer["token"]["catalog"].as_array().into_iter().flatten();
    let compute = services.filter(|service| service["type"] == "compute");
    let ends = compute.flat_map(|service| service["endpoints"].as_array().into_iter().flatten());
    let fitting = ends.filter(|end| end["interface"] == interface);
    let places = fitting.filter_map(|end| {
        Some((end["region"].as_str().or(end["region_id"].as_str())?.to_owned(), end["url"].as_str()?.to_owned()))
    });
    let project = answer["token"]["project"]["id"].as_str().map(str::to_owned);
    Ok(Entry { token: token.into(), places: places.collect(), project })
}

/// Who it is.
fn identity(settings: &Settings, kind: &str) -> Result<Value, Failure> {
    let application = settings.get(&["application_credential_id", "application_credential_name"]);
    if kind.ends_with("applicationcredential") || kind.ends_with("application_credential") || application.is_some() {
        let secret = settings.need(&["application_credential_secret"])?;
        let credential = match settings.get(&["application_credential_id"]) {
            Some(id) => json!({"id": id, "secret": secret}),
            None => json!({
                "name": settings.need(&["application_credential_id", "application_credential_name"])?,
                "user": user(settings)?,
                "secret": secret,
            }),
        };
        return Ok(json!({"methods": ["application_credential"], "application_credential": credential}));
    }
    let by_token = kind.ends_with("token") || (kind.is_empty() && settings.get(&["password"]).is_none());
    if let Some(token) = settings.get(&["token"]).filter(|_| by_token) {
        return Ok(json!({"methods": ["token"], "token": {"id": token}}));
    }
    if !["", "password", "v3password", "v2password"].contains(&kind) {
        return Err(Failure::denied(format!("{} logs in by `{kind}`, which is not spoken here", settings.source))
            .hint("`openstack application credential create NAME` makes credentials that serve"));
    }
    let mut user = user(settings)?;
    user["password"] = json!(settings.need(&["password"])?);
    Ok(json!({"methods": ["password"], "password": {"user": user}}))
}

fn user(settings: &Settings) -> Result<Value, Failure> {
    Ok(match settings.get(&["user_id"]) {
        Some(id) => json!({"id": id}),
        None => json!({
            "name": settings.need(&["username", "user_name"])?,
            "domain": domain(settings, &["user_domain_id", "domain_id", "default_domain_id"], &["user_domain_name", "domain_name", "default_domain_name"]),
        }),
    })
}

fn scope(settings: &Settings) -> Option<Value> {
    if let Some(id) = settings.get(&["project_id", "tenant_id"]) {
        return Some(json!({"project": {"id": id}}));
    }
    let name = settings.get(&["project_name", "tenant_name"])?;
    let domain = domain(
        settings,
        &["project_domain_id", "domain_id", "default_domain_id"],
        &["project_domain_name", "domain_name", "default_domain_name"],
    );
    Some(json!({"project": {"name": name, "domain": domain}}))
}

/// A domain; the usual one where none is named.
fn domain(settings: &Settings, ids: &[&str], names: &[&str]) -> Value {
    match (settings.get(ids), settings.get(names)) {
        (Some(id), _) => json!({"id": id}),
        (None, Some(name)) => json!({"name": name}),
        (None, None) => json!({"id": "default"}),
    }
}

/// Rackspace's Identity v2: by the key of an account.
fn by_key(settings: &Settings, url: &str, trusted: Option<&Authorities>) -> Result<Entry, Failure> {
    let (user, key) = (settings.need(&["username"])?, settings.need(&["api_key"])?);
    let body = json!({"auth": {"RAX-KSKEY:apiKeyCredentials": {"username": user, "apiKey": key}}});
    let reply = post(&format!("{url}/tokens"), &body, trusted)?;
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let access = &answer["access"];
    let token = access["token"]["id"].as_str().filter(|_| reply.status == 200);
    let token = token.ok_or_else(|| refusal(&reply, &answer, url, settings))?;
    let services = access["serviceCatalog"].as_array().into_iter().flatten();
    // There is an older kind of servers beside, of the type `compute` too.
    let compute = services.filter(|service| service["name"] == "cloudServersOpenStack");
    let ends = compute.flat_map(|service| service["endpoints"].as_array().into_iter().flatten());
    let places =
        ends.filter_map(|end| Some((end["region"].as_str()?.to_owned(), end["publicURL"].as_str()?.to_owned())));
    let project = access["token"]["tenant"]["id"].as_str().map(str::to_owned);
    Ok(Entry { token: token.into(), places: places.collect(), project })
}

fn post(url: &str, body: &Value, authorities: Option<&Authorities>) -> Result<Reply, Failure> {
    let headers = [("content-type", "application/json"), ("accept", "application/json")];
    let body = body.to_string();
    let call = Call { method: "POST", url, headers: &headers, body: body.as_bytes(), seconds: SECONDS, authorities };
    ask(&call, true).map_err(|failure| match failure.message.contains("UnknownIssuer") {
        true => {
            failure.hint("name the file with the authority's certificate by `cacert` in clouds.yaml, or by OS_CACERT")
        }
        false => failure,
    })
}

/// Why there is no token.
fn refusal(reply: &Reply, answer: &Value, url: &str, settings: &Settings) -> Failure {
    // An answer that all is well may have a token in it.
    let said = match said(answer) {
        Some(said) => said.to_owned(),
        None if reply.status < 300 => "and an answer that has none".to_owned(),
        None => beginning(&reply.body),
    };
    let message = format!("`{url}` gives no token: {} {said}", reply.status);
    match reply.status {
        401 | 403 => Failure::denied(message).hint(format!(
            "it does not accept the credentials of {}: user, domain, project or secret are wrong",
            settings.source
        )),
        status if is_passing(status) => {
            Failure::unavailable(message).hint("the cloud has trouble of its own; run again in a while")
        }
        400 => Failure::denied(message).hint(format!("it does not understand the credentials of {}", settings.source)),
        _ => Failure::failed(message).hint("is the `auth_url` right? it ends in `/v3`, or in nothing"),
    }
}
