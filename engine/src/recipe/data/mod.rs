//! Cookbooks as data: directories on `cookbook_path` with recipes in YAML or JSON. `docs/data-cookbooks.md` tells authors.
//!
//! | module | what |
//! |---|---|
//! | [`load()`] | directories into [`Cookbook`](super::Cookbook)s; no recipe is read before it is needed |
//! | `shelf`, `metadata`, `file` | what lies in a cookbook's directory |
//! | `list`, `order`, `notice` | the `resources` of a recipe, one of them, its notices |
//! | `attributes` | files of attributes, and writes of them in recipes |
//! | `expression`, `secrets` | `{{ node.name }}`, `{{ secret(path="app.key") }}` |
//! | `search` | where templates and files are looked for |
mod attributes;
mod expression;
mod file;
mod list;
mod load;
mod metadata;
mod notice;
mod order;
mod search;
mod secrets;
mod shelf;

pub use load::{Found, Note, load};
pub use order::COMMON;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make their own directories")]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};
    use serde_json::{Value, json};

    use super::load;
    use crate::{
        compile,
        facts::Facts,
        host::Fake,
        node::{Attributes, Node},
    };

    /// Words that recipes are made of, and what people put in their place.
    fn value() -> impl Strategy<Value = Value> {
        const WORDS: &[&str] = &[
            "file",
            "log",
            "service",
            "template",
            "/x",
            "{{ node.a }}",
            "{{ node.a",
            "{% for x in node.a %}",
            "service[x]",
            "[",
            "restart",
            "nothing",
            "create",
            "item",
            "default",
            "::x",
            "made",
            "../x",
            "",
            "é",
        ];
        let leaf = prop_oneof![
            proptest::sample::select(WORDS).prop_map(Value::from),
            any::<i16>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            const KEYS: &[&str] = &[
                "resources",
                "type",
                "name",
                "action",
                "only_if",
                "not_if",
                "notifies",
                "subscribes",
                "for_each",
                "as",
                "include_recipe",
                "attribute",
                "level",
                "path",
                "op",
                "value",
                "content",
                "mode",
                "variables",
                "source",
                "command",
                "retries",
                "sensitive",
                "cookbook",
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((proptest::sample::select(KEYS), inner), 0..6).prop_map(|entries| {
                    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Value>()
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(41), failure_persistence: None, cases: 256, ..ProptestConfig::default()
        })]

        #[test]
        fn no_recipe_and_no_attributes_panic(entries in proptest::collection::vec(value(), 0..4), attributes in value()) {
            let directory = tempfile::TempDir::new().unwrap();
            for folder in ["recipes", "attributes", "templates"] {
                std::fs::create_dir_all(directory.path().join("made").join(folder)).unwrap();
            }
            let write = |name: &str, value: &Value| std::fs::write(directory.path().join("made").join(name), value.to_string()).unwrap();
            write("recipes/default.json", &json!({"resources": entries}));
            write("recipes/x.yml", &json!({"resources": entries}));
            write("attributes/default.yml", &attributes);
            let found = load(&[directory.path().to_owned()], &[]);
            let machine = Fake::debian("12");
            let node = Node::new("test", None, Attributes::from(json!({"a": [1, "b"]})), Facts::new(&machine));
            for recipe in ["made::default", "made::x"] {
                match compile(&node, &found.cookbooks, &[recipe.to_owned()]) {
                    Ok(run) => prop_assert_eq!(run.recipes()[0].as_str(), recipe),
                    Err(error) => prop_assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
}
