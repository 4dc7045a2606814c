//! Who makes servers: one small trait, and the table of those that are known.
use std::path::{Path, PathBuf};

use brasa::{host::environment, node::json::Document, suggest};
use serde_json::Value;

use super::{
    cloud::{ec2, openstack},
    exec,
    keys::Keys,
    local,
};
use crate::failure::Failure;

/// Something that makes servers: a cloud, a hypervisor, a user's own program.
///
/// It keeps nothing: what there is, it asks. A server that it makes carries its name and its token in some way that survives
/// this program (a tag, metadata, the command line of a process), so that it is found when the record of it is lost or was never
/// finished.
pub trait Provider {
    /// What it takes as user-data.
    fn limit(&self) -> Limit;

    /// Begins to make a server and returns at once, or as soon as there is an id: [`Provider::look`] tells when it runs. Called
    /// again with the same token it makes no second one, where the provider can know.
    ///
    /// # Errors
    /// [`Failure::denied`] for credentials that are missing or wrong, [`Failure::refused`] for an unknown image or size and for
    /// a quota that is used up, [`Failure::unavailable`] when it cannot be reached. Nothing was made then that `find` does not
    /// find.
    fn create(&self, wanted: &Wanted<'_>) -> Result<Machine, Failure>;

    /// Whether it makes one server of one token however often it is asked.
    fn keeps_tokens(&self) -> bool {
        false
    }

    /// Seconds in which it must show what it has just made.
    fn lag(&self) -> u64 {
        30
    }

    /// Every server of this name that brasa made and that is not gone, whatever its state; the provider is asked, never a record.
    ///
    /// # Errors
    /// As [`Provider::create`].
    fn find(&self, name: &str) -> Result<Vec<Machine>, Failure>;

    /// The server of this id; `None` when it is gone.
    ///
    /// # Errors
    /// As [`Provider::create`].
    fn look(&self, id: &str) -> Result<Option<Machine>, Failure>;

    /// Where it makes servers, as far as it was found elsewhere than in its table too: keys and values that [`Place::kept`] hands
    /// back, so that another environment leads to the same place.
    ///
    /// # Errors
    /// As [`Provider::create`].
    fn place(&self) -> Result<Kept, Failure> {
        Ok(Kept::new())
    }

    /// Every server that brasa made there.
    ///
    /// # Errors
    /// As [`Provider::create`].
    fn list(&self) -> Result<Vec<Machine>, Failure>;

    /// Begins to destroy a server; that it is gone already is as good. `look` tells when it is.
    ///
    /// # Errors
    /// As [`Provider::create`].
    fn destroy(&self, id: &str) -> Result<(), Failure>;

    /// What the provider knows of a server that does not come up, and what that is: `the end of its console:` and lines, say.
    fn last_words(&self, _name: &str, _id: &str) -> Option<String> {
        None
    }
}

/// Keys of a place by which it is told whose servers are seen there.
const ASKERS: [&str; 2] = ["account", "project"];

/// How who asks now differs from who made a server, as far as both are known.
///
/// # Errors
/// As [`Provider::create`].
pub fn other_asker(provider: &dyn Provider, then: &[(String, String)]) -> Result<Option<String>, Failure> {
    if then.is_empty() {
        return Ok(None);
    }
    let now = provider.place()?;
    Ok(ASKERS.iter().find_map(|key| {
        let then = kept(then, key)?;
        let now = kept(&now, key).unwrap_or("another one");
        (then != now).then(|| format!("it was made with the {key} `{then}`, and is asked for with `{now}`"))
    }))
}

/// Goes on knowing who made a server where who asks now does not tell.
pub fn keep_asker(now: &mut Kept, then: Kept) {
    let unknown = |key: &String| ASKERS.contains(&key.as_str());
    let untold: Vec<_> = then.into_iter().filter(|(key, _)| unknown(key) && kept(now, key).is_none()).collect();
    now.extend(untold);
}

/// The end of a console as [`Provider::last_words`]; nothing where it is empty.
pub fn end_of_console(end: &str) -> Option<String> {
    (!end.trim().is_empty()).then(|| format!("the end of its console:\n{end}"))
}

/// What there is of a server: all that has its name, and the one of this id also where it is not found by its name.
///
/// # Errors
/// As [`Provider::create`].
pub fn there(provider: &dyn Provider, name: &str, id: &str) -> Result<Vec<Machine>, Failure> {
    let mut found = provider.find(name)?;
    if !id.is_empty() && found.iter().all(|machine| machine.id != id) {
        found.extend(provider.look(id)?);
    }
    Ok(found)
}

/// What a server is to be, as far as its provider is concerned. Image, size and what else the provider needs to know it has read
/// from its own table when it was opened.
pub struct Wanted<'a> {
    /// The name of its description, unique for one user: letters, digits, `-`, `.` and `_`.
    pub name: &'a str,
    /// Its fully qualified name.
    pub fqdn: &'a str,
    /// 32 hexadecimal digits, new for each making: what makes a repeated request the same one, and the instance-id where the
    /// provider leaves that to us.
    pub token: &'a str,
    /// cloud-init's user-data, within [`Provider::limit`]; packed by gzip where the limit asked for it.
    pub user_data: &'a [u8],
    /// The same key as in the user-data, as a line of `authorized_keys`, for providers that want one.
    pub authorized_key: &'a str,
}

/// A server as its provider sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The provider's id.
    pub id: String,
    /// The name it was made by.
    pub name: String,
    /// The token it was made by; empty where the provider does not keep it.
    pub token: String,
    /// How it is.
    pub state: State,
    /// Why it is so, in the provider's words, where it says.
    pub reason: Option<String>,
    /// Its addresses, the one to connect to first; none as long as it has none.
    pub addresses: Vec<String>,
    /// Where SSH is reached when that is another place than port 22 of the first address: host and port.
    pub ssh: Option<(String, u16)>,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being made, or starts.
    Building,
    /// It runs, as far as the provider knows.
    Running,
    /// It is there and does not run.
    Stopped,
    /// It will not run any more: the provider says why.
    Failed,
    /// It is being destroyed.
    Going,
}

impl State {
    /// Its word, in reports and in what a user's program answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Going => "going",
        }
    }

    /// All of them.
    pub const ALL: [Self; 5] = [Self::Building, Self::Running, Self::Stopped, Self::Failed, Self::Going];
}

/// What is taken as user-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes at most, as they are handed to [`Provider::create`].
    pub bytes: usize,
    /// Whether it may be packed by gzip, which cloud-init unpacks.
    pub gzip: bool,
}

/// Keys by which a place was found, with what they were then.
pub type Kept = Vec<(String, String)>;

/// What every provider may use to read its own table.
pub struct Place<'a> {
    /// The directory of the description: relative paths in it start here.
    pub base: &'a Path,
    /// The directory of all servers' records, for a provider that keeps something beside them.
    pub state: &'a Path,
    /// Where a server is that is recorded: it goes before the environment, and after the table.
    pub kept: &'a [(String, String)],
}

impl Place<'_> {
    /// What is remembered of a key.
    pub fn kept(&self, key: &str) -> Option<String> {
        kept(self.kept, key).map(str::to_owned)
    }

    /// A path of the description: absolute, below the home directory by `~/`, or relative to the description.
    pub fn path(&self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), environment::var("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            (_, _) => self.base.join(written),
        }
    }
}

/// Reads a provider's own table, named as the provider. What is wrong with it is noted there; nothing is asked and no
/// credentials are looked for yet, which the first request does.
type Open = fn(&mut Keys<'_>, &Place<'_>) -> Box<dyn Provider>;

/// Those that are known, by name.
const PROVIDERS: &[(&str, Open)] = &[
    ("local", local::open),
    ("exec", exec::open),
    ("ec2", ec2::open),
    ("openstack", openstack::open),
    ("rackspace", openstack::rackspace),
];

/// The provider of a description when it names none.
pub const USUAL: &str = "local";

/// Keys of the providers' tables by which they ask somebody else, or for somebody else.
const PLACES: [&str; 6] = ["command", "settings", "cloud", "profile", "region", "endpoint"];

/// Variables of the environment by which a provider finds what its table does not say.
const VARIABLES: [(&str, &str, &[&str]); 7] = [
    ("ec2", "region", &["AWS_REGION", "AWS_DEFAULT_REGION"]),
    ("ec2", "profile", &["AWS_PROFILE"]),
    ("ec2", "endpoint", &["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"]),
    ("openstack", "cloud", &["OS_CLOUD"]),
    ("openstack", "region", &["OS_REGION_NAME"]),
    ("rackspace", "cloud", &["OS_CLOUD"]),
    ("rackspace", "region", &["OS_REGION_NAME", "RS_REGION_NAME"]),
];

fn kept<'k>(kept: &'k [(String, String)], key: &str) -> Option<&'k str> {
    kept.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// A provider's name with what its table, or else the record, says of the place where its servers are, to be compared.
pub fn place(name: &str, document: &Document, remembered: &[(String, String)]) -> String {
    let table = &document.root().value()[name];
    let of = |key| table.get(key).cloned().or_else(|| kept(remembered, key).map(Value::from));
    let said = PLACES.iter().filter_map(|key| Some(format!("{key}={}", of(key)?)));
    std::iter::once(name.to_owned()).chain(said).collect::<Vec<_>>().join(" ")
}

/// What the environment says now of the place, where it is another one than that of the record and the table says nothing.
pub fn moved(name: &str, document: &Document, remembered: &[(String, String)]) -> Option<String> {
    let table = &document.root().value()[name];
    // What is in a cloud's file is not looked for in the environment.
    let by_file = table.get("cloud").is_some() || kept(remembered, "cloud").is_some();
    VARIABLES.iter().filter(|(of, key, _)| *of == name && table.get(key).is_none()).find_map(|(_, key, variables)| {
        let then = kept(remembered, key).filter(|_| !(by_file && *key == "region"))?;
        let set = |variable: &&&str| environment::var(variable).filter(|value| !value.trim().is_empty());
        let variable = variables.iter().find(|variable| set(variable).is_some())?;
        let now = set(&variable).filter(|now| now.trim_end_matches('/') != then)?;
        // An address may have a password in it.
        let now = if now.contains('@') { "another one".to_owned() } else { format!("`{now}`") };
        let then = if then.contains('@') { String::new() } else { format!(" `{then}`") };
        Some(format!("with the {key}{then}, and {variable} says {now} now"))
    })
}

/// Opens the provider that the description names by its key `provider`.
pub fn open(description: &mut Keys<'_>, place: &Place<'_>) -> Option<(String, Box<dyn Provider>)> {
    let name = description.text("provider").unwrap_or(USUAL);
    let names = PROVIDERS.iter().map(|(name, _)| *name);
    let mut opened = None;
    for (known, open) in PROVIDERS {
        // Another provider's table is no slip: who tries a second one keeps the first one's.
        let mut table = description.table(known);
        if name == *known {
            let provider = open(&mut table, place);
            description.close(table);
            opened = Some((name.to_owned(), provider));
        }
    }
    if opened.is_none() {
        description.fault("provider", format!("names no provider: `{name}`"), &suggest::hint(name, names));
    }
    opened
}

/// Takes no notice of the provider that a description names, and of the tables of all of them.
pub fn pass_over(description: &mut Keys<'_>) {
    description.text("provider");
    for (known, _) in PROVIDERS {
        description.table(known);
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Kept, Limit, Machine, Provider, Wanted, other_asker};

    struct Cloud(Kept);

    impl Provider for Cloud {
        fn limit(&self) -> Limit {
            Limit { bytes: 0, gzip: false }
        }
        fn create(&self, _: &Wanted<'_>) -> Result<Machine, Failure> {
            Err(Failure::failed("not asked"))
        }
        fn find(&self, _: &str) -> Result<Vec<Machine>, Failure> {
            Ok(Vec::new())
        }
        fn look(&self, _: &str) -> Result<Option<Machine>, Failure> {
            Ok(None)
        }
        fn place(&self) -> Result<Kept, Failure> {
            Ok(self.0.clone())
        }
        fn list(&self) -> Result<Vec<Machine>, Failure> {
            Ok(Vec::new())
        }
        fn destroy(&self, _: &str) -> Result<(), Failure> {
            Ok(())
        }
    }

    #[test]
    fn who_asks_is_compared_as_far_as_it_is_known() {
        let place = |pairs: &[(&str, &str)]| -> Kept {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let differs = |now: &[(&str, &str)], then: &[(&str, &str)]| {
            other_asker(&Cloud(place(now)), &place(then)).map_err(|failure| failure.message).unwrap()
        };
        let region = ("region", "a");
        assert_eq!(differs(&[("account", "AKIA1")], &[]), None, "a record of before");
        assert_eq!(differs(&[("account", "AKIA1"), region], &[("account", "AKIA1"), ("region", "b")]), None);
        assert_eq!(differs(&[("account", "AKIA1")], &[region]), None, "it was made with keys of a session");
        assert_eq!(
            differs(&[("project", "p2")], &[("project", "p1")]).as_deref(),
            Some("it was made with the project `p1`, and is asked for with `p2`")
        );
        assert!(differs(&[region], &[("account", "AKIA1")]).is_some(), "keys of a session may be anybody's");
    }
}
