//! `secret(path=...)`, `value | secret`, `data_bag_item(bag=..., item=..., key=...)` and `data_bag(bag=...)` in expressions.
//!
//! What tera calls outlives every node, so it cannot hold one. It asks instead, and the text is rendered again when the scope
//! has answered for it from its node.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;
use tera::{Kwargs, State, Tera, TeraResult};

use crate::{
    Error, Fault,
    node::{Attributes, Node, View, age},
};

/// What expressions have beside what templates have.
pub(super) const WORDS: [(&str, &str); 4] =
    [("filter", "secret"), ("function", "data_bag"), ("function", "data_bag_item"), ("function", "secret")];

/// Something that only the node knows.
#[derive(Clone, Debug, PartialEq)]
enum Question {
    /// The attribute at this path, as a secret.
    Attribute(String),
    /// What this value is, decrypted.
    Value(Json),
    /// An item, or what is in it at a path.
    Item {
        bag: String,
        item: String,
        key: Option<String>,
    },
    Items {
        bag: String,
    },
}

impl Question {
    /// Whether what is asked for stands in a text word for word: then no secret made it.
    fn is_written_in(&self, text: &str) -> bool {
        let written = |word: &str| ['\'', '"', '`'].iter().any(|quote| text.contains(&format!("{quote}{word}{quote}")));
        match self {
            Self::Attribute(path) => written(path),
            Self::Value(_) => true,
            Self::Item { bag, item, key } => {
                written(bag) && written(item) && key.as_ref().is_none_or(|key| written(key))
            }
            Self::Items { bag } => written(bag),
        }
    }

    /// The fault of a question that a secret may be part of.
    fn unanswered(&self) -> Fault {
        let call = match self {
            Self::Attribute(_) => "secret(path=(sensitive))",
            Self::Value(_) => "(sensitive) | secret",
            Self::Item { key: None, .. } => "data_bag_item(bag=(sensitive), item=(sensitive))",
            Self::Item { key: Some(_), .. } => "data_bag_item(bag=(sensitive), item=(sensitive), key=(sensitive))",
            Self::Items { .. } => "data_bag(bag=(sensitive))",
        };
        let fault = Fault::new(format!("in an expression: there is nothing at `{call}`, or it cannot be read"));
        fault.hint("the names are not shown, as a secret may be among them")
    }
}

enum Answer {
    Open(tera::Value),
    Secret(tera::Value),
    Wrong(Vec<Fault>),
}

/// Where expressions ask, and find what was answered.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Sheet>>);

#[derive(Default)]
struct Sheet {
    answers: Vec<(Question, Answer)>,
    /// Not answered yet.
    open: Vec<Question>,
    /// Whether a secret was handed out since this was last asked.
    secret: bool,
    faults: Vec<Fault>,
    /// What is being rendered.
    text: String,
}

impl Desk {
    /// Has expressions of `tera` ask here.
    pub fn serve(&self, tera: &mut Tera) {
        let desk = self.clone();
        tera.register_function("secret", move |words: Kwargs, _: &State| {
            desk.ask(Question::Attribute(words.must_get::<String>("path")?))
        });
        let desk = self.clone();
        tera.register_filter("secret", move |value: &tera::Value, _: Kwargs, _: &State| {
            let value = serde_json::to_value(value).map_err(|error| tera::Error::message(error.to_string()))?;
            desk.ask(Question::Value(value))
        });
        let desk = self.clone();
        tera.register_function("data_bag_item", move |words: Kwargs, _: &State| {
            let (bag, item) = (words.must_get::<String>("bag")?, words.must_get::<String>("item")?);
            desk.ask(Question::Item { bag, item, key: words.get::<String>("key")? })
        });
        let desk = self.clone();
        tera.register_function("data_bag", move |words: Kwargs, _: &State| {
            desk.ask(Question::Items { bag: words.must_get::<String>("bag")? })
        });
    }

    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        // What a panic left is as good as any: it is only read to be reported.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, question: Question) -> TeraResult<tera::Value> {
        let sheet = &mut *self.sheet();
        match sheet.answers.iter().find(|(known, _)| *known == question) {
            Some((_, Answer::Open(value))) => Ok(value.clone()),
            Some((_, Answer::Secret(value))) => {
                sheet.secret = true;
                Ok(value.clone())
            }
            Some((_, Answer::Wrong(_))) if sheet.secret && !question.is_written_in(&sheet.text) => {
                sheet.faults = vec![question.unanswered()];
                Err(tera::Error::message("cannot be answered"))
            }
            Some((_, Answer::Wrong(faults))) => {
                sheet.faults.clone_from(faults);
                Err(tera::Error::message("cannot be answered"))
            }
            None => {
                sheet.open.push(question);
                Err(tera::Error::message("is not answered yet"))
            }
        }
    }

    /// Renders this text until nothing is asked any more.
    ///
    /// # Errors
    /// What is wrong with an answer; else tera's own error.
    pub fn render(
        &self,
        text: &str,
        node: &Node<'_>,
        attributes: &View,
        render: impl Fn() -> TeraResult<String>,
    ) -> Result<String, Unrendered> {
        text.clone_into(&mut self.sheet().text);
        loop {
            let rendered = render();
            let open = std::mem::take(&mut self.sheet().open);
            if open.is_empty() {
                let faults = std::mem::take(&mut self.sheet().faults);
                return match rendered {
                    Ok(text) => Ok(text),
                    Err(error) if faults.is_empty() => Err(Unrendered::Tera(error)),
                    Err(_) => Err(Unrendered::Asked(faults)),
                };
            }
            for question in open {
                let answer = answer(&question, node, attributes);
                self.sheet().answers.push((question, answer));
            }
        }
    }

    /// Says that a secret was handed out.
    pub fn mark(&self) {
        self.sheet().secret = true;
    }

    /// Whether a secret was handed out since this was last asked.
    pub fn took_secret(&self) -> bool {
        std::mem::take(&mut self.sheet().secret)
    }

    /// Whether a secret was handed out since that was last asked.
    pub fn has_secret(&self) -> bool {
        self.sheet().secret
    }
}

/// Why a text was not rendered.
pub(super) enum Unrendered {
    Tera(tera::Error),
    Asked(Vec<Fault>),
}

fn answer(question: &Question, node: &Node<'_>, attributes: &View) -> Answer {
    let given = |value: Json, secret: bool| match tera::Value::try_from_serializable(&value) {
        Ok(value) if secret => Answer::Secret(value),
        Ok(value) => Answer::Open(value),
        Err(error) => Answer::Wrong(vec![Fault::new(error.to_string())]),
    };
    let secret = |read: Result<crate::values::Secret, Vec<Fault>>| match read {
        Ok(secret) => given(secret.expose().into(), true),
        Err(faults) => Answer::Wrong(faults),
    };
    match question {
        Question::Attribute(path) => {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            secret(Attributes::from(attributes.whole()).secret(&path, node.identities()))
        }
        Question::Value(Json::String(text)) => given(text.as_str().into(), true),
        Question::Value(value) if age::is_sealed(value) => {
            secret(node.identities().open(value).map_err(of("what `secret` stands behind")))
        }
        Question::Value(_) => Answer::Wrong(vec![
            Fault::new("what `secret` stands behind is neither text nor encrypted with age")
                .hint("as in `{{ node.database.password | secret }}`, where that is text or `{\"age\": \"...\"}`"),
        ]),
        Question::Item { bag, item, key } => match (node.data_bags().item(bag, item), key) {
            (Ok(item), Some(key)) => {
                let path: Vec<String> = key.split('.').map(str::to_owned).collect();
                match item.at(&path) {
                    Ok(value) if age::is_sealed(value) => {
                        let named = format!("`{key}` of item `{item}` in bag `{bag}`", item = item.id());
                        secret(node.identities().open(value).map_err(of(&named)))
                    }
                    Ok(value) => given(value.clone(), item.is_secret(&path)),
                    Err(mut fault) => {
                        // It is the recipe that asks for what is not there.
                        let written = fault.place.take().map(|place| format!("the item is at {place}"));
                        Answer::Wrong(vec![written.into_iter().fold(fault, Fault::hint)])
                    }
                }
            }
            (Ok(item), None) => given(item.value().clone(), item.is_encrypted()),
            (Err(error), _) => Answer::Wrong(faults_of(error)),
        },
        Question::Items { bag } => match node.data_bags().items(bag) {
            Ok(names) => given(names.into(), false),
            Err(error) => Answer::Wrong(faults_of(error)),
        },
    }
}

/// Says what faults are of.
fn of(named: &str) -> impl FnOnce(Vec<Fault>) -> Vec<Fault> {
    let named = named.to_owned();
    move |faults| {
        let with = |fault: Fault| match &fault.place {
            None => Fault { message: format!("{named}: {}", fault.message), ..fault },
            Some(_) => fault,
        };
        faults.into_iter().map(with).collect()
    }
}

fn faults_of(error: Error) -> Vec<Fault> {
    match error {
        Error::Faults(faults) => faults,
        error => vec![Fault { hints: error.hints(), ..Fault::new(error.to_string()) }],
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make their own directories")]
mod tests {
    use serde_json::{Value, json};

    use super::super::load;
    use crate::{
        Error, Run, compile,
        host::Fake,
        node::{
            Node, age,
            data_bags::{ItemSecret, encrypted},
        },
        prelude::File,
        spec,
    };

    const SECRET: &str = "right";
    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    fn recipient() -> String {
        IDENTITY.parse::<::age::x25519::Identity>().unwrap().to_public().to_string()
    }

    fn sealed(item: &Value) -> Value {
        let (mut number, secret) = (0, ItemSecret::of_file(SECRET.as_bytes()).unwrap());
        let nonce = || {
            number += 1;
            Ok::<_, ()>([number; encrypted::NONCE])
        };
        encrypted::seal_item(item.as_object().unwrap(), &secret, nonce).unwrap()
    }

    fn node(machine: &Fake) -> Node<'_> {
        let key = age::seal("c4nary", &recipient()).unwrap();
        let item = sealed(&json!({"id": "web", "users": [{"name": "c4nary", "word": "c4nary-word"}], "port": 80}));
        spec::node(machine, json!({"app": {"key": key, "plain": "c4nary", "port": 80}}))
            .with_data_bag_item("users", "bob", &json!({"shell": "/bin/sh", "key": key}))
            .and_then(|node| node.with_data_bag_item("passwords", "web", &item))
            .and_then(|node| node.with_data_bag_secret(SECRET))
            .and_then(|node| node.with_age_identity(IDENTITY))
            .unwrap()
    }

    fn compiled(resources: &Value) -> Result<Run, Error> {
        let directory = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join("made").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("recipes/default.json", &json!({ "resources": resources }).to_string());
        write("templates/word.tera", "word = {{ word }}\n");
        write("templates/app.tera", "app = {{ node.app }}\n");
        write("templates/both.tera", "{% if q == node.app.plain %}{{ throw(message=q) }}{% endif %}\n");
        let found = load(&[directory.path().to_owned()], &[]);
        let machine = Fake::debian("12");
        compile(&node(&machine), &found.cookbooks, &["made::default".to_owned()])
            .map_err(|error| Error::failed(error.to_string().replace(&directory.path().display().to_string(), "ROOT")))
    }

    fn sensitive(run: &Run) -> Vec<bool> {
        run.entries.iter().map(|entry| entry.item.common().sensitive).collect()
    }

    #[test]
    fn a_secret_arrives_and_makes_its_resource_sensitive() {
        let run = compiled(&json!([
            {"type": "file", "name": "/a", "content": "{{ secret(path=\"app.key\") }}"},
            {"type": "file", "name": "/b", "content": "{{ node.app.key | secret }}!"},
            {"type": "file", "name": "/c", "content": "{{ data_bag_item(bag=\"users\", item=\"bob\", key=\"key\") }}"},
            {"type": "file", "name": "/d", "content": "{{ data_bag_item(bag=\"passwords\", item=\"web\", key=\"users.0.word\") }}"},
            {"type": "file", "name": "/e", "content": "{{ secret(path=\"app.plain\") }}"},
            {"type": "file", "name": "/f-{{ index }}", "content": "{{ user.word }}", "as": "user",
             "for_each": "{{ data_bag_item(bag=\"passwords\", item=\"web\", key=\"users\") }}"},
            {"type": "template", "name": "/g", "source": "word.tera",
             "variables": {"word": "{{ secret(path=\"app.key\") }}"}},
            {"type": "execute", "name": "h", "command": "true", "environment": {"KEY": "{{ secret(path=\"app.key\") }}"}},
            {"type": "file", "name": "/i", "content": "{{ data_bag_item(bag=\"users\", item=\"bob\", key=\"shell\") }}"},
            {"type": "file", "name": "/k", "content": "{% set bob = data_bag_item(bag=\"users\", item=\"bob\") %}{{ bob.key | secret }}"},
            {"type": "file", "name": "/j", "content": "{{ data_bag(bag=\"users\") | join(sep=\",\") }} {{ node.app.port }}"},
        ]));
        let run = run.unwrap();
        assert_eq!(sensitive(&run), [true, true, true, true, true, true, true, true, false, true, false]);
        let text = |path: &str| {
            let content = run.get::<File>(path).unwrap().known_content().unwrap();
            String::from_utf8_lossy(content.blob.bytes().unwrap()).into_owned()
        };
        assert_eq!(text("/a"), "c4nary");
        assert_eq!(text("/b"), "c4nary!");
        assert_eq!(text("/c"), "c4nary");
        assert_eq!(text("/d"), "c4nary-word");
        assert_eq!(text("/e"), "c4nary");
        assert_eq!(text("/f-0"), "c4nary-word");
        assert_eq!((text("/i").as_str(), text("/j").as_str()), ("/bin/sh", "bob 80"));
        assert!(!serde_json::to_string(&run.outlines()).unwrap().contains("c4nary"));
    }

    #[test]
    fn a_secret_goes_nowhere_else() {
        let word = "{{ secret(path=\"app.key\") }}";
        let resources = json!([
            {"type": "file", "name": format!("/{word}")},
            {"type": "file", "name": "/a", "mode": word},
            {"type": "file", "name": "/b", "owner": format!("{word} x")},
            {"type": "file", "name": "/c", "only_if": word},
            {"type": "file", "name": "/d", "notifies": [word]},
            {"type": "template", "name": "/e", "source": word},
            {"type": "file", "name": "/{{ item.name }}", "for_each": "{{ data_bag_item(bag=\"passwords\", item=\"web\", key=\"users\") }}"},
            {"include_recipe": word},
            {"attribute": {"level": "default", "path": "app.copy", "value": word}},
            {"type": "file", "name": "/f", "content": "{{ secret(path=\"app.kye\") }}"},
            {"type": "file", "name": "/g", "content": "{{ secret(path=\"app.port\") }}"},
            {"type": "file", "name": "/h", "content": "{{ node.app.key }}"},
            {"type": "file", "name": "/i", "content": "key = {{ node.app.key }}"},
            {"type": "file", "name": "/j", "content": "key = {{ node.app }}"},
            {"type": "template", "name": "/k", "source": "app.tera"},
            {"type": "file", "name": "/l", "content": "{{ secret(path=\"app.key\") | int }}"},
            {"type": "file", "name": "/m", "content": "{{ data_bag_item(bag=\"users\", item=\"bbo\", key=\"shell\") }}"},
            {"type": "file", "name": "/n", "content": "{{ data_bag_item(bag=\"usres\", item=\"bob\", key=\"shell\") }}"},
            {"type": "file", "name": "/o", "content": "{{ data_bag_item(bag=\"users\") }}"},
            {"type": "file", "name": "/p", "content": "{{ node.app.port | secret }}"},
            {"type": "file", "name": "/q", "content": "{{ data_bag_item(bag=\"passwords\", item=\"web\", key=\"nothing\") }}"},
            {"type": "file", "name": "/r", "content": "{{ data_bag(bag=secret(path='app.key')) }}"},
            {"type": "file", "name": "/s", "content": "{{ data_bag_item(bag='users', item=secret(path='app.key')) }}"},
            {"type": "file", "name": "/t", "content": "{{ data_bag_item(bag='users', item='bob', key=secret(path='app.key')) }}"},
            {"type": "file", "name": "/u", "content": "{{ secret(path=secret(path='app.key')) }}"},
            {"type": "file", "name": "/v", "content": "{{ data_bag(bag=item.word) }}",
             "for_each": "{{ data_bag_item(bag='passwords', item='web', key='users') }}"},
            {"type": "file", "name": "/w", "content": "{{ secret(path='app.key') }} {{ secret(path='app.kye') }}"},
            {"type": "file", "name": "/x", "content": "{{ throw(message=secret(path='app.key')) }}"},
            {"type": "file", "name": "/y", "owner": "{{ throw(message=secret(path='app.key')) }}"},
            {"type": "template", "name": "/z", "source": "app.tera", "variables": {"q": word}},
            {"type": "template", "name": "/z", "source": "both.tera", "variables": {"q": word}}
        ]);
        let each: Vec<String> = resources
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| {
                compiled(&json!([resource]))
                    .err()
                    .map_or_else(|| format!("taken: {resource}"), |error| error.to_string())
            })
            .collect();
        let said = each.join("\n");
        assert!(!said.contains("c4nary"), "{said}");
        insta::assert_snapshot!(said);
    }
}
