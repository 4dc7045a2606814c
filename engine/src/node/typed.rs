//! Reading a part of a node's attributes as a cookbook's own type.
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    age::Identities,
    attributes::Attributes,
    merge,
    reading::{self, Reading, got, without_hidden, written},
    source::position,
};
use crate::{
    Fault, suggest,
    values::{Place, Secret},
};

/// A cookbook's typed attributes: a struct whose `Default` holds the cookbook's defaults.
///
/// Give the struct, and every struct in it, `#[serde(default, deny_unknown_fields)]`: then a slip in a key is found, and a
/// field that holds a [`Secret`](crate::values::Secret) can be left out. What is not given keeps the value it has in
/// `Default`, also inside nested structs. A value that is encrypted with age is decrypted into a `Secret` alone.
pub trait AttributeSet: Default + Serialize + DeserializeOwned {
    /// The key in dna.json that holds them; dots lead into objects: `gems`, `bind.dynamic_dns`.
    const KEY: &'static str;
}

impl Attributes {
    /// The attributes of a cookbook: an object under its key is merged over the defaults, anything else replaces them. What is
    /// encrypted with age is decrypted by `identities`.
    ///
    /// # Errors
    /// Every key the cookbook does not have and every value of another type, each at its place.
    pub fn read<A: AttributeSet>(&self, identities: &Identities<'_>) -> Result<A, Vec<Fault>> {
        let steps: Vec<String> = A::KEY.split('.').map(str::to_owned).collect();
        for length in 1..steps.len() {
            match self.at(&steps[..length]) {
                None => return Ok(A::default()),
                Some(Value::Object(_)) => {}
                Some(other) => {
                    let name = steps[..length].join(".");
                    let fault = Fault::new(format!("`{name}`: expected an object, got {}", got(&other)));
                    return Err(vec![match self.place(&steps[..length]) {
                        Some(place) => fault.at(place),
                        None => fault,
                    }]);
                }
            }
        }
        if self.at(&steps).is_none() {
            return Ok(A::default());
        }
        let defaults = serde_json::to_value(A::default())
            .map_err(|error| vec![Fault::new(format!("the defaults of `{}` are no JSON: {error}", A::KEY))])?;
        // The type's own defaults are the lowest of all: what hides a value of them hides it as a whole.
        let given = self.over(&steps, &without_hidden(&defaults).unwrap_or(Value::Null)).unwrap_or(Value::Null);
        let below = Below { attributes: self, key: &steps };
        identities.within(&given, || reading::read(&below, &defaults, given.clone())).map_err(
            |mut faults: Vec<Fault>| {
                faults.sort_by_key(|fault| position(fault.place.as_ref()));
                faults
            },
        )
    }
}

impl Attributes {
    /// The text at a path as a secret, decrypted by `identities` when it is encrypted with age.
    ///
    /// # Errors
    /// That there is nothing, that it is no text, or that it cannot be decrypted.
    pub(crate) fn secret(&self, path: &[String], identities: &Identities<'_>) -> Result<Secret, Vec<Fault>> {
        // In the merged tree a number leads into a list.
        let Some(value) = merge::at(self.tree(), path).cloned() else {
            let name = written("", path);
            let fault = Fault::new(format!("there is no attribute `{name}`, which a secret was to be in"));
            let (last, parent) = path.split_last().map_or(("", path), |(last, parent)| (last.as_str(), parent));
            let there = merge::at(self.tree(), parent);
            let known = there.and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
            let near = suggest::nearest(last, known.map(String::as_str));
            return Err(vec![match near {
                Some(near) => {
                    fault.hint(format!("did you mean `{}`?", written("", &[parent, &[near.to_owned()]].concat())))
                }
                None => {
                    fault.hint("write `{\"age\": \"...\"}` there; `brasa data-bag encrypt --age RECIPIENT` makes it")
                }
            }]);
        };
        let below = Below { attributes: self, key: path };
        identities.within(&value, || reading::read(&below, &Value::Null, value.clone()))
    }
}

/// Attributes below a key.
struct Below<'a> {
    attributes: &'a Attributes,
    key: &'a [String],
}

impl Reading for Below<'_> {
    const WORD: &'static str = "attribute";
    const STRICT: bool = true;

    fn name(&self, steps: &[String]) -> String {
        written(&self.key.join("."), steps)
    }

    fn place(&self, steps: &[String]) -> Option<Place> {
        self.attributes.place(&[self.key, steps].concat())
    }

    fn key_place(&self, steps: &[String]) -> Option<Place> {
        self.attributes.key_place(&[self.key, steps].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::{AttributeSet, Attributes};
    use crate::{
        Fault,
        node::{Dna, age::Identities, json::Document},
        values::{Mode, Secret},
    };

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct DynamicDns {
        server: Option<String>,
        ttl: u32,
        secret: Secret,
        mode: Mode,
        retry: Retry,
        records: BTreeMap<String, String>,
        kind: KeyKind,
        hosts: Vec<Host>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Retry {
        times: u8,
        wait: f64,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Host {
        name: String,
        port: u16,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum KeyKind {
        HmacSha256,
        HmacSha512,
    }

    impl Default for Retry {
        fn default() -> Self {
            Self { times: 1, wait: 0.5 }
        }
    }

    impl Default for DynamicDns {
        fn default() -> Self {
            Self {
                server: None,
                ttl: 300,
                secret: Secret::from("preset"),
                mode: Mode::from(0o600),
                retry: Retry { times: 3, wait: 2.0 },
                records: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
                kind: KeyKind::HmacSha256,
                hosts: Vec::new(),
            }
        }
    }

    impl AttributeSet for DynamicDns {
        const KEY: &'static str = "bind.dynamic_dns";
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Gems(Vec<Gem>);

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Gem {
        name: String,
        #[serde(default)]
        version: Option<String>,
    }

    impl AttributeSet for Gems {
        const KEY: &'static str = "gems";
    }

    fn read<A: AttributeSet>(text: &str) -> Result<A, Vec<Fault>> {
        let document = Document::parse(Path::new("dna.json"), text.into()).expect("well-formed");
        Attributes::from(&Dna::new(document, &mut Vec::new())).read(&Identities::default())
    }

    fn faults<A: AttributeSet + std::fmt::Debug>(text: &str) -> String {
        let faults = read::<A>(text).expect_err("a fault was expected");
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_not_given_keeps_its_default_also_inside_and_also_when_secret() {
        let dns: DynamicDns =
            read(r#"{"bind": {"dynamic_dns": {"ttl": 60, "retry": {"wait": 1}, "records": {"b": "2"}}}}"#).unwrap();
        let records = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        let expected = DynamicDns { ttl: 60, retry: Retry { times: 3, wait: 1.0 }, records, ..DynamicDns::default() };
        assert_eq!(dns, expected);
        assert_eq!(dns.secret.expose(), "preset");
        for nothing in ["{}", r#"{"bind": {}}"#, r#"{"bind": {"dynamic_dns": {}}}"#] {
            assert_eq!(read::<DynamicDns>(nothing).unwrap(), DynamicDns::default(), "{nothing}");
        }
    }

    #[test]
    fn lists_replace_and_secrets_arrive() {
        let gems: Gems = read(r#"{"gems": [{"name": "rake"}, {"name": "rack", "version": "3"}]}"#).unwrap();
        let gem = |name: &str, version: Option<&str>| Gem { name: name.into(), version: version.map(Into::into) };
        assert_eq!(gems, Gems(vec![gem("rake", None), gem("rack", Some("3"))]));
        let tree = json!({"bind": {"dynamic_dns": {"secret": "canary", "kind": "hmac_sha512"}}});
        let dns: DynamicDns = Attributes::from(tree).read(&Identities::default()).unwrap();
        assert_eq!((dns.secret.expose(), dns.kind), ("canary", KeyKind::HmacSha512));
    }

    #[test]
    fn all_faults_are_found_each_at_its_place() {
        let text = r#"{"bind": {"dynamic_dns": {
            "tll": 5,
            "ttl": "canary",
            "server": 5,
            "secret": ["canary"],
            "mode": "99999",
            "retry": {"tims": 4, "times": 256},
            "records": {"x": null},
            "kind": "hmac_sha256x",
            "hosts": [{"name": "a", "port": -1}, {"name": "b"}, {"nmae": "c"}, 7, {"port": true}],
            "completely_else": true
        }}}"#;
        let found = faults::<DynamicDns>(text);
        assert!(!found.contains("canary"), "{found}");
        insta::assert_snapshot!(found, @"
        dna.json:2:13: unknown attribute `bind.dynamic_dns.tll`
        hint: did you mean `ttl`?
        dna.json:3:20: `bind.dynamic_dns.ttl`: expected a whole number, 0 or more, got a string
        dna.json:4:23: `bind.dynamic_dns.server`: expected a string, got the number `5`
        dna.json:5:23: `bind.dynamic_dns.secret`: expected a string, got a list
        dna.json:6:21: `bind.dynamic_dns.mode`: `99999` is no octal number from `0` to `7777`
        dna.json:7:23: unknown attribute `bind.dynamic_dns.retry.tims`
        hint: did you mean `times`?
        dna.json:7:43: `bind.dynamic_dns.retry.times`: expected a whole number from 0 to 255, got the number `256`
        dna.json:8:30: `bind.dynamic_dns.records.x`: expected a string, got null
        hint: leave the key out to keep the cookbook's default
        dna.json:9:21: `bind.dynamic_dns.kind`: `hmac_sha256x` is not known
        hint: did you mean `hmac_sha256`?
        dna.json:10:45: `bind.dynamic_dns.hosts[0].port`: expected a whole number from 0 to 65535, got the number `-1`
        dna.json:10:66: unknown attribute `bind.dynamic_dns.hosts[2].nmae`
        hint: did you mean `name`?
        dna.json:10:80: `bind.dynamic_dns.hosts[3]`: expected an object, got the number `7`
        dna.json:10:92: `bind.dynamic_dns.hosts[4].port`: expected a whole number from 0 to 65535, got true
        dna.json:11:13: unknown attribute `bind.dynamic_dns.completely_else`
        hint: known are `server`, `ttl`, `secret`, `mode`, `retry`, `records`, `kind`, `hosts`
        ");
    }

    #[test]
    fn faults_of_lists_and_of_the_way_there() {
        insta::assert_snapshot!(faults::<Gems>(r#"{"gems": {"name": "rake"}}"#), @"dna.json:1:10: `gems`: expected a list, got an object");
        insta::assert_snapshot!(faults::<Gems>(r#"{"gems": [{"nam": "rake"}, {"name": "a", "version": 1.0}, "rack"]}"#), @"
        dna.json:1:11: `gems[0].name` is missing
        dna.json:1:12: unknown attribute `gems[0].nam`
        hint: did you mean `name`?
        dna.json:1:53: `gems[1].version`: expected a string, got the number `1.0`
        dna.json:1:59: `gems[2]`: expected an object, got a string
        ");
        insta::assert_snapshot!(faults::<DynamicDns>(r#"{"bind": {"dynamic_dns": null}}"#), @"
        dna.json:1:26: `bind.dynamic_dns`: expected an object, got null
        hint: leave the key out to keep the cookbook's default
        ");
        insta::assert_snapshot!(faults::<DynamicDns>(r#"{"bind": 5}"#), @"dna.json:1:10: `bind`: expected an object, got the number `5`");
        let nowhere = Attributes::from(json!({"gems": 1})).read::<Gems>(&Identities::default()).unwrap_err();
        assert_eq!(nowhere[0].to_string(), "`gems`: expected a list, got the number `1`");
    }
}
