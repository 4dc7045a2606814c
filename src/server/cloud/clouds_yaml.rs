//! Settings of OpenStack, from the places where its own tools look: `OS_*` in the environment, and `clouds.yaml`, with
//! `secure.yaml` for what nobody else may read.
//!
//! Source: openstacksdk, "Configuring OpenStack SDK Applications".
use std::path::{Path, PathBuf};

use brasa::{
    Error,
    host::{disk, environment, http::Authorities},
    node::json::Document,
    suggest,
};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The files have at most so many bytes.
const LIMIT: u64 = 1 << 20;

/// Settings of one cloud: who asks, where, and in which region.
pub struct Settings {
    /// Those of a file, `auth` among the others; without them the environment's.
    file: Option<Map<String, Value>>,
    /// The cloud of the file.
    pub cloud: Option<String>,
    /// What variables of the environment begin with.
    prefixes: &'static [&'static str],
    /// Where they are from, for messages.
    pub source: String,
}

/// A variable of the environment that says something.
fn var(name: &str) -> Option<String> {
    environment::var(name).filter(|value| !value.trim().is_empty())
}

impl Settings {
    /// Reads those of the cloud of this name, else of that which `OS_CLOUD` names, else those of the environment, whose
    /// variables begin with one of `prefixes`.
    ///
    /// # Errors
    /// That there is no such cloud, or that its file cannot be read.
    pub fn read(cloud: Option<&str>, prefixes: &'static [&'static str]) -> Result<Self, Failure> {
        let Some(name) = cloud.map(str::to_owned).or_else(|| var("OS_CLOUD")) else {
            return Ok(Self { file: None, cloud: None, prefixes, source: "the environment".to_owned() });
        };
        let Some((path, document)) = find("OS_CLIENT_CONFIG_FILE", "clouds.yaml")? else {
            return Err(Failure::denied(format!("there is no `clouds.yaml`, in which the cloud `{name}` would be"))
                .hint("it is looked for here, in ~/.config/openstack and in /etc/openstack; OS_CLIENT_CONFIG_FILE names another place"));
        };
        let secure = find("OS_CLIENT_SECURE_FILE", "secure.yaml")?;
        let secure = secure.as_ref().and_then(|(_, document)| document.at(&pointer(&name)));
        let Some(Value::Object(found)) = document.at(&pointer(&name)).map(|cloud| cloud.value()) else {
            let all = document.root().value()["clouds"].as_object();
            let names: Vec<&str> = all.into_iter().flat_map(|clouds| clouds.keys()).map(String::as_str).collect();
            return Err(Failure::denied(format!("there is no cloud `{name}` in `{}`", path.display()))
                .hint(suggest::hint(&name, names)));
        };
        let mut flat = Map::new();
        for cloud in [Some(found), secure.and_then(|cloud| cloud.value().as_object())].into_iter().flatten() {
            flat.extend(cloud.clone());
            flat.extend(cloud.get("auth").and_then(Value::as_object).cloned().unwrap_or_default());
        }
        let source = format!("the cloud `{name}` of `{}`", path.display());
        Ok(Self { file: Some(flat), cloud: Some(name), prefixes, source })
    }

    /// A setting, under the first of these names that has it.
    pub fn get(&self, names: &[&str]) -> Option<String> {
        names
            .iter()
            .find_map(|name| match &self.file {
                Some(file) => match file.get(*name)? {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    Value::Bool(flag) => Some(flag.to_string()),
                    _ => None,
                },
                None => {
                    let name = name.to_ascii_uppercase();
                    self.prefixes.iter().find_map(|prefix| var(&format!("{prefix}{name}")))
                }
            })
            .filter(|text| !text.trim().is_empty())
    }

    /// Whom to trust in place of those that the system trusts.
    ///
    /// # Errors
    /// That the file of certificates cannot be read or has none; that the cloud is not to be looked at closely, which is refused:
    /// whoever answers in its place would have the password, and could be the server.
    pub fn authorities(&self) -> Result<Option<Authorities>, Failure> {
        let source = &self.source;
        for (name, unsafe_when) in [("verify", ["false", "no", "off", "0"]), ("insecure", ["true", "yes", "on", "1"])] {
            let set = self.get(&[name]).unwrap_or_default().to_ascii_lowercase();
            if unsafe_when.contains(&set.as_str()) {
                let message = format!("{source} says `{name}: {set}`, and no password is sent to whoever answers");
                return Err(Failure::input(message)
                    .hint("take it away, and name the certificates of the cloud's authority by `cacert` (OS_CACERT)"));
            }
        }
        let Some(written) = self.get(&["cacert"]).or_else(|| var("OS_CACERT")) else { return Ok(None) };
        let path = match (written.strip_prefix("~/"), var("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            (_, _) => PathBuf::from(&written),
        };
        let Some(pem) = disk::read_limited(&path, LIMIT)? else {
            return Err(Failure::input(format!("there is no file `{written}`, which is `cacert` of {source}")));
        };
        let authorities = Authorities::from_pem(&pem);
        authorities.map(Some).ok_or_else(|| {
            Failure::input(format!("there is no certificate in `{written}`, which is `cacert` of {source}"))
                .hint("it is to be in PEM: `-----BEGIN CERTIFICATE-----`")
        })
    }

    /// A setting that must be there.
    ///
    /// # Errors
    /// That it is not.
    pub fn need(&self, names: &[&str]) -> Result<String, Failure> {
        self.get(names).ok_or_else(|| {
            let name = match &self.file {
                Some(_) => format!("`{}`", names[0]),
                None => {
                    let name = |prefix: &&str| format!("{prefix}{}", names[0].to_ascii_uppercase());
                    self.prefixes.iter().map(name).collect::<Vec<_>>().join(" or ")
                }
            };
            Failure::denied(format!("the credentials for OpenStack are not whole: {} has no {name}", self.source)).hint(
                match &self.file {
                    Some(_) => "the file for the cloud, as its web page offers it, has all that is needed",
                    None => "name a cloud of clouds.yaml by `cloud` in the description or by OS_CLOUD, or load the cloud's `openrc` file",
                },
            )
        })
    }
}

/// Where in the file a cloud stands.
fn pointer(name: &str) -> String {
    format!("/clouds/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The first file of this name that is there.
fn find(variable: &str, name: &str) -> Result<Option<(PathBuf, Document)>, Failure> {
    let home = var("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&var("HOME")?).join(".config")));
    let usual = [
        var(variable).map(PathBuf::from),
        environment::current_dir().map(|here| here.join(name)),
        home.map(|home| home.join("openstack").join(name)),
        Some(Path::new("/etc/openstack").join(name)),
    ];
    for path in usual.into_iter().flatten() {
        if let Some(bytes) = disk::read_limited(&path, LIMIT)? {
            let document = Document::parse_yaml(path.as_path(), bytes).map_err(Error::Faults)?;
            return Ok(Some((path, document)));
        }
    }
    Ok(None)
}
