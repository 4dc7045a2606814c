use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use brasa::{
    facts::Facts,
    host::{
        Real, disk,
        dns::{Authority, Name, Source},
    },
    suggest,
};
use toml::de::{DeTable, DeValue};

use super::super::{
    Failure,
    arguments::{DdnsUpdate, DdnsZone},
};

/// Where settings are when nobody says where.
const FILE: &str = "/etc/brasa/ddns.toml";
/// Bytes of settings at most.
const LIMIT: u64 = 1 << 20;
/// Seconds for which resolvers may keep a record whose address may change.
const TTL: u32 = 60;
/// What can be set.
const NAMES: [&str; 10] = ["server", "zone", "name", "key", "key_name", "algorithm", "ttl", "a", "aaaa", "txt"];

/// What a name is to have, and where: from options and the settings file, all of it checked.
pub struct Settings {
    pub authority: Authority,
    pub name: Name,
    pub ttl: u32,
    /// Sources of the IPv4 address; `None`: its record is none of ours. The same below.
    pub four: Option<Vec<Source>>,
    pub six: Option<Vec<Source>>,
    pub txt: Option<Vec<String>>,
}

impl Settings {
    pub fn of(zone: &DdnsZone, update: Option<&DdnsUpdate>) -> Result<Self, Failure> {
        let file = File::read(zone.config.as_deref())?;
        let one = |option: Option<&String>, name: &str| option.cloned().or_else(|| file.one(name));
        let update = update.cloned().unwrap_or_default();
        let Some(server) = one(zone.server.as_ref(), "server") else {
            return Err(file.wrong(false, "no name server is given").hint(format!(
                "give the zone's primary name server by --server, or by `server = \"...\"` in `{}`",
                file.path.display()
            )));
        };
        let name_of = |option: Option<&String>, name: &str| match one(option, name) {
            Some(text) => match text.parse::<Name>() {
                Ok(name) => Ok(Some(name)),
                Err(why) => Err(file.wrong(option.is_some(), format!("`{text}` is no name: {why}"))),
            },
            None => Ok(None),
        };
        let algorithm = one(zone.algorithm.as_ref(), "algorithm")
            .map(|text| text.parse().map_err(|why: String| file.wrong(zone.algorithm.is_some(), why)));
        let authority = Authority {
            server,
            zone: name_of(zone.zone.as_ref(), "zone")?,
            key_file: zone.key.clone().or_else(|| file.one("key").map(PathBuf::from)),
            key_name: name_of(zone.key_name.as_ref(), "key_name")?,
            algorithm: algorithm.transpose()?,
        };
        let name = match name_of(update.name.as_ref(), "name")? {
            Some(name) => name,
            None => own_name()?,
        };
        let ttl = match (update.ttl, file.one("ttl")) {
            (Some(ttl), _) => ttl,
            (None, Some(text)) => {
                text.parse().map_err(|_| file.wrong(false, format!("`{text}` is no number of seconds for `ttl`")))?
            }
            (None, None) => TTL,
        };
        if ttl > i32::MAX.unsigned_abs() {
            // Source: RFC 2181, section 8.
            return Err(file.wrong(update.ttl.is_some(), format!("{ttl} s are more than a record may be kept")));
        }
        let sources = |option: &Option<Vec<String>>, name: &str| -> Result<Option<Vec<Source>>, Failure> {
            let Some(texts) = option.clone().or_else(|| file.many(name)) else { return Ok(None) };
            let wrong = |why: String| file.wrong(option.is_some(), why);
            if texts.is_empty() {
                return Err(wrong(format!("`{name}` has no source; to remove the record, give `none`")));
            }
            texts
                .iter()
                .map(|text| Source::parse(text, name == "aaaa").map_err(wrong))
                .collect::<Result<_, _>>()
                .map(Some)
        };
        let four = sources(&update.four, "a")?;
        let six = sources(&update.six, "aaaa")?;
        let txt = update.txt.clone().or_else(|| file.many("txt"));
        let nothing = four.is_none() && six.is_none() && txt.is_none();
        let four = if nothing { Some(vec![Source::Interface(None)]) } else { four };
        Ok(Self { authority, name, ttl, four, six, txt })
    }
}

fn own_name() -> Result<Name, Failure> {
    let real = Real::new(brasa::host::Settings::default(), |_| {});
    let facts = Facts::new(&real);
    let name = facts.fqdn().filter(|name| name.contains('.')).and_then(|name| name.parse().ok());
    name.ok_or_else(|| {
        Failure::input("this machine has no name with a domain")
            .hint("give the name that is to lead here, or put one with its domain into /etc/hosts")
    })
}

/// How long to go on trying: seconds, or a number with `s`, `m` or `h`.
pub fn duration(text: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = number.parse::<u32>().ok().zip(factor).map(|(number, factor)| u64::from(number) * factor);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no duration")).hint("give seconds, or a number with s, m or h, as 5m")
    })
}

/// The settings file: each setting as a list of texts.
struct File {
    path: PathBuf,
    there: bool,
    values: Vec<(String, Vec<String>)>,
}

impl File {
    fn read(given: Option<&Path>) -> Result<Self, Failure> {
        let path = given.unwrap_or(FILE.as_ref()).to_owned();
        let mut file = Self { path, there: true, values: Vec::new() };
        let Some(bytes) = disk::read_limited(&file.path, LIMIT)? else {
            file.there = false;
            return match given {
                Some(path) => Err(Failure::input(format!("there is no settings file `{}`", path.display()))),
                None => Ok(file),
            };
        };
        let text = String::from_utf8(bytes).map_err(|_| file.wrong(false, "it is not UTF-8"))?;
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            file.wrong(false, format!("line {}: this is no TOML: {}", line(at), error.message()))
        })?;
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            let at = line(key.span().start);
            if !NAMES.contains(&name) {
                let unknown = file.wrong(false, format!("line {at}: there is no setting `{name}`"));
                return Err(unknown.hint(suggest::hint(name, NAMES)));
            }
            let listed = ["a", "aaaa", "txt"].contains(&name);
            let texts = match value.get_ref() {
                DeValue::String(text) if name != "ttl" => Some(vec![text.to_string()]),
                DeValue::Integer(number) if name == "ttl" => Some(vec![number.as_str().to_owned()]),
                DeValue::Array(items) if listed => items
                    .iter()
                    .map(|item| match item.get_ref() {
                        DeValue::String(text) => Some(text.to_string()),
                        _ => None,
                    })
                    .collect(),
                _ => None,
            };
            let wanted = match (name, listed) {
                ("ttl", _) => "a number of seconds",
                (_, true) => "a text or a list of texts",
                (_, false) => "a text",
            };
            let texts = texts.ok_or_else(|| file.wrong(false, format!("line {at}: `{name}` has to be {wanted}")))?;
            file.values.push((name.to_owned(), texts));
        }
        Ok(file)
    }

    fn many(&self, name: &str) -> Option<Vec<String>> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, texts)| texts.clone())
    }

    fn one(&self, name: &str) -> Option<String> {
        self.many(name)?.into_iter().next()
    }

    /// What is wrong with an option, or with the file when there is one.
    fn wrong(&self, option: bool, message: impl Into<String>) -> Failure {
        match (option, self.there) {
            (true, _) => Failure::usage(message),
            (false, true) => Failure::input(format!("{} (settings: `{}`)", message.into(), self.path.display())),
            (false, false) => Failure::input(message),
        }
    }
}
