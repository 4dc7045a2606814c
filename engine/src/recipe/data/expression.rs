//! `{{ node.name }}` in the text of a data recipe: tera's expressions over the node.
use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeSet,
};

use serde_json::{Map, Value as Json};
use tera::{Context, Kwargs, Tera};

use super::secrets::{Desk, Unrendered, WORDS};
use crate::{
    Fault,
    error::ENOUGH,
    facts::Facts,
    node::{Node, View, json::Located},
    resources::rendering::{self, Wrong},
    suggest,
    values::is_printed,
};

/// What expressions see: `node`, and what `for_each` gives.
pub(super) struct Scope<'n> {
    tera: Tera,
    node: &'n Node<'n>,
    /// The attributes as they are when the scope is made.
    attributes: View,
    /// What `node` holds so far: merging attributes and reading facts costs time, so only what texts mention.
    known: RefCell<Known>,
    context: RefCell<Context>,
    described: OnceCell<()>,
    desk: Desk,
    /// Words whose values are secret.
    secret_words: RefCell<Vec<String>>,
    /// What texts with a secret in them became, since this was last asked.
    secrets: RefCell<Vec<Json>>,
}

/// What is asked of the node.
#[derive(Default)]
struct Known {
    facts: Vec<&'static str>,
    attributes: Used,
}

impl<'n> Scope<'n> {
    /// The node with these merged attributes.
    pub fn new(node: &'n Node<'n>, attributes: View) -> Self {
        let mut tera = rendering::engine();
        // By way of JSON a number stays a number, and a list a list.
        tera.register_filter("typed", |value: &tera::Value, _: Kwargs, _: &tera::State| {
            if value.is_undefined() {
                return Err(tera::Error::message("not defined"));
            }
            serde_json::to_string(value).map_err(|error| tera::Error::message(error.to_string()))
        });
        let desk = Desk::default();
        desk.serve(&mut tera);
        Self {
            tera,
            node,
            desk,
            secret_words: RefCell::default(),
            secrets: RefCell::default(),
            attributes,
            known: RefCell::default(),
            context: RefCell::new(Context::new()),
            described: OnceCell::new(),
        }
    }

    /// Gives a word a value until it is taken back.
    pub fn set(&self, word: &str, value: &Json) {
        self.context.borrow_mut().insert(word.to_owned(), value);
    }

    /// Says that the values of a word are secret.
    pub fn set_secret(&self, word: &str) {
        self.secret_words.borrow_mut().push(word.to_owned());
    }

    /// Takes a word back.
    pub fn unset(&self, word: &str) {
        self.context.borrow_mut().remove(word);
        self.secret_words.borrow_mut().retain(|secret| secret != word);
    }

    /// Whether there is a secret in anything that was worked out since this was last asked.
    pub fn took_secret(&self) -> bool {
        self.desk.took_secret()
    }

    /// What texts with a secret in them became since this was last asked.
    pub fn take_secrets(&self) -> Vec<Json> {
        self.secrets.take()
    }

    /// The node for a template with this text.
    pub fn node_for(&self, text: &str) -> Json {
        self.mention(text);
        self.node_with(&self.known.borrow())
    }

    /// As [`Scope::value`], of what is shown to everybody: a secret in it is a fault.
    pub fn shown(&self, located: Located<'_>, what: &str, faults: &mut Vec<Fault>) -> Json {
        let (before, told) = (self.took_secret(), faults.len());
        let value = self.value(located, faults);
        if self.took_secret() && faults.len() == told {
            let fault = located.fault(format!("{what} would show a secret to everybody"));
            faults.push(
                fault.hint("a secret goes into properties that make the machine's state, as `content` or `variables`"),
            );
        }
        if before {
            self.desk.mark();
        }
        value
    }

    /// A value with every expression in it worked out. Faults are added; the value is then of no use.
    pub fn value(&self, located: Located<'_>, faults: &mut Vec<Fault>) -> Json {
        let most = faults.len() + ENOUGH;
        self.worked_out(located, most, faults)
    }

    /// The same, until there are so many faults in all.
    fn worked_out(&self, located: Located<'_>, most: usize, faults: &mut Vec<Fault>) -> Json {
        if faults.len() >= most {
            return Json::Null;
        }
        match located.value() {
            Json::String(text) => match self.text(text) {
                Ok(value) => value,
                Err(wrong) => {
                    faults.extend(placed(wrong, located));
                    Json::Null
                }
            },
            Json::Array(_) => located.items().map(|item| self.worked_out(item, most, faults)).collect(),
            Json::Object(_) => {
                let mut object = Map::new();
                for (key, value) in located.entries() {
                    let value = self.worked_out(value, most, faults);
                    match self.key(key) {
                        Ok(key) => {
                            object.insert(key, value);
                        }
                        Err(wrong) => faults.extend(placed(wrong, located)),
                    }
                }
                Json::Object(object)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => located.value().clone(),
        }
    }

    fn key(&self, key: &str) -> Result<String, Vec<Fault>> {
        match self.text(key)? {
            Json::String(key) => Ok(key),
            other => Ok(other.to_string()),
        }
    }

    /// A text worked out: of any type when it is one expression and nothing else, else text.
    fn text(&self, text: &str) -> Result<Json, Vec<Fault>> {
        if !["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
            return Ok(Json::String(text.to_owned()));
        }
        let before = self.took_secret();
        let value = self.of_expressions(text);
        if self.desk.has_secret()
            && let Ok(value) = &value
        {
            self.secrets.borrow_mut().push(value.clone());
        }
        if before {
            self.desk.mark();
        }
        value
    }

    fn of_expressions(&self, text: &str) -> Result<Json, Vec<Fault>> {
        self.mention(text);
        // Whether an expression really uses the word does not matter: too much care does no harm.
        if self.secret_words.borrow().iter().any(|word| text.contains(word.as_str())) {
            self.desk.mark();
        }
        if let Some(word) = self.unknown_word(text) {
            let fault = Fault::new(format!("in an expression: variable `{word}` is not defined"));
            return Err(vec![fault.hint(self.instead_of(&word))]);
        }
        let Some(expression) = alone(text) else { return self.render(text).map(Json::String) };
        let typed = format!("{{% set value_of_expression = {expression} %}}{{{{ value_of_expression | typed }}}}");
        match self.rendered(&typed).ok().and_then(|json| serde_json::from_str(&json).ok()) {
            Some(value) => Ok(value),
            // Rendered as it was written, the fault points into what was written.
            None => self.render(text).map(Json::String),
        }
    }

    /// A word that is nothing here, in a text that gives something else for what is absent: it would always give that.
    fn unknown_word(&self, text: &str) -> Option<String> {
        if ![" or ", "defined", "default"].iter().any(|word| text.contains(word)) {
            return None;
        }
        let mut tera = self.tera.clone();
        // What cannot be read at all is told when it is rendered.
        tera.add_raw_template("expression", text).ok()?;
        let context = self.context.borrow();
        let words = tera.get_template_variables("expression").ok()?;
        words.into_iter().filter(|word| !context.contains_key(word)).min().map(str::to_owned)
    }

    /// What to write in place of a variable that is not there.
    fn instead_of(&self, word: &str) -> String {
        match self.attributes.below(word) {
            Some(_) => format!("attributes are below `node`: `{{{{ node.{word} }}}}`"),
            None => {
                format!("attributes are below `node`, as in `{{{{ node.{word} }}}}`; `for_each` makes the word `item`")
            }
        }
    }

    fn rendered(&self, text: &str) -> Result<String, Unrendered> {
        let render = || {
            let context = self.context.borrow();
            rendering::bounded(&self.tera, text, |tera, output| tera.render_str_to(text, &context, false, output))
        };
        self.desk.render(text, self.node, &self.attributes, render)
    }

    fn render(&self, text: &str) -> Result<String, Vec<Fault>> {
        let rendered = self.rendered(text).or_else(|error| match error {
            Unrendered::Tera(_) => {
                // What it should have said may be near to something that it does not mention.
                self.know(&Used::All, text);
                self.rendered(text)
            }
            asked @ Unrendered::Asked(_) => Err(asked),
        });
        let error = match rendered {
            Ok(rendered) if is_printed(&rendered) && !is_printed(text) => {
                let fault = Fault::new("in an expression: a value that is encrypted with age is printed as it is");
                return Err(vec![fault.hint("decrypt it: `{{ node.database.password | secret }}`")]);
            }
            Ok(rendered) => return Ok(rendered),
            Err(Unrendered::Asked(faults)) => return Err(faults),
            Err(Unrendered::Tera(error)) => error,
        };
        Err(rendering::wrong(&error, text).into_iter().map(|wrong| self.fault(&wrong, text)).collect())
    }

    /// What tera found wrong, with what to do about it.
    fn fault(&self, Wrong { sentence, offset }: &Wrong, text: &str) -> Fault {
        let excerpt = offset.and_then(|offset| rendering::excerpt(text, offset)).map(|(_, _, shown)| shown);
        if let Some(known) = rendering::known_words(sentence, &WORDS) {
            return Fault { excerpt, ..Fault::new(format!("in an expression: {sentence}")) }.hint(known);
        }
        if self.desk.has_secret() {
            // Tera's sentences may hold values.
            let fault = Fault::new("in an expression: what is to be made of a secret cannot be worked out");
            return Fault { excerpt, ..fault };
        }
        let (sentence, known) = sentence.split_once(". Available ").unwrap_or((sentence, ""));
        let fault = Fault { excerpt, ..Fault::new(format!("in an expression: {sentence}")) };
        let known = known.split_once(": ").map_or("", |(_, known)| known).split(", ");
        match (sentence.split('`').nth(1), sentence.ends_with("is not defined")) {
            (Some(name), true) => match suggest::nearest(name, known) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None if sentence.starts_with("variable") => fault.hint(self.instead_of(name)),
                None => {
                    let fault =
                        fault.hint("`brasa inspect --format json` shows the attributes, `brasa facts` the facts");
                    match if_there(text, name) {
                        Some(path) => {
                            fault.hint(format!("of what may be absent write `{{{{ {path} or \"something else\" }}}}`"))
                        }
                        None => fault,
                    }
                }
            },
            _ => match offset.and_then(|offset| by_name(text, offset)) {
                Some(call) => fault.hint(format!("arguments have names: `{call}`")),
                None => fault,
            },
        }
    }

    /// Makes `node` hold what a text mentions of it.
    fn mention(&self, text: &str) {
        self.know(&Used::by(text), text);
    }

    fn know(&self, used: &Used, text: &str) {
        let mut known = self.known.borrow_mut();
        let before = known.facts.len();
        let new: Vec<_> = Facts::names().filter(|name| text.contains(name) && !known.facts.contains(name)).collect();
        known.facts.extend(new);
        let more = known.attributes.add(used) || known.facts.len() > before;
        if more || self.described.set(()).is_ok() {
            self.context.borrow_mut().insert("node", &self.node_with(&known));
        }
    }

    /// What is known by itself counts more than what was written, as in Chef.
    fn node_with(&self, known: &Known) -> Json {
        let mut node = match &known.attributes {
            Used::All => match self.attributes.whole() {
                Json::Object(tree) => tree,
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
            },
            Used::Keys(keys) => {
                keys.iter().filter_map(|key| Some((key.clone(), self.attributes.below(key)?))).collect()
            }
        };
        for name in &known.facts {
            if let Some(value) = self.node.facts().get(name) {
                node.insert((*name).to_owned(), value);
            }
        }
        node.insert("name".to_owned(), self.node.name().into());
        node.insert("chef_environment".to_owned(), self.node.environment().into());
        node.insert("environment".to_owned(), self.node.environment().into());
        Json::Object(node)
    }
}

/// Faults at the place of what they are about, unless they have one of their own.
fn placed(faults: Vec<Fault>, located: Located<'_>) -> impl Iterator<Item = Fault> {
    let place = located.place();
    faults.into_iter().map(move |fault| if fault.place.is_some() { fault } else { fault.at(place.clone()) })
}

/// Which attributes a text may use.
#[derive(Debug, PartialEq)]
enum Used {
    /// Those below these keys of the root.
    Keys(BTreeSet<String>),
    /// Any.
    All,
}

impl Default for Used {
    fn default() -> Self {
        Self::Keys(BTreeSet::new())
    }
}

impl Used {
    /// Those of a text: `node.app` and `node["app"]` are about `app` alone. Where `node` stands in any other way, or text is
    /// brought in from elsewhere, it may be any.
    fn by(text: &str) -> Self {
        const ELSEWHERE: [&str; 4] = ["include", "import", "extends", "__tera"];
        if ELSEWHERE.iter().any(|word| text.contains(word)) {
            return Self::All;
        }
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut keys = BTreeSet::new();
        for (at, node) in text.match_indices("node") {
            let after = &text[at + node.len()..];
            if text[..at].ends_with(in_word) || after.starts_with(in_word) {
                continue;
            }
            match key_in(after.trim_start()) {
                Some(key) => keys.insert(key.to_owned()),
                None => return Self::All,
            };
        }
        Self::Keys(keys)
    }

    /// Adds others; whether any is new.
    fn add(&mut self, more: &Self) -> bool {
        match (&mut *self, more) {
            (Self::All, _) => false,
            (Self::Keys(_), Self::All) => {
                *self = Self::All;
                true
            }
            (Self::Keys(keys), Self::Keys(more)) => {
                let before = keys.len();
                keys.extend(more.iter().cloned());
                keys.len() > before
            }
        }
    }
}

/// The path in a text that has this name in it, asked so that it may be absent: `node.web.port` without `web` is
/// `node.web?.port`.
fn if_there(text: &str, name: &str) -> Option<String> {
    let in_path = |c: char| c.is_alphanumeric() || "_.?".contains(c);
    text.split(|c| !in_path(c)).find_map(|path| {
        let steps: Vec<&str> = path.split('.').collect();
        let absent = steps.iter().skip(1).position(|step| step.trim_end_matches('?') == name)? + 1;
        let asked = steps.iter().enumerate().map(|(number, step)| {
            let plain = step.trim_end_matches('?');
            if number >= absent && number + 1 < steps.len() { format!("{plain}?") } else { (*step).to_owned() }
        });
        Some(asked.collect::<Vec<_>>().join("."))
    })
}

/// The call around an offset with names for its arguments, which Chef's has not: `data_bag_item('users', 'bob')`.
fn by_name(text: &str, offset: usize) -> Option<String> {
    const CALLS: [(&str, &[&str]); 3] =
        [("data_bag_item", &["bag", "item"]), ("data_bag", &["bag"]), ("secret", &["path"])];
    let (before, _) = text.get(..offset)?.rsplit_once('(')?;
    let (name, names) = CALLS.into_iter().find(|(name, _)| before.ends_with(name))?;
    let (given, _) = text[before.len() + 1..].split_once(')')?;
    if given.trim().is_empty() || given.contains('=') {
        return None;
    }
    let written: Vec<_> =
        names.iter().zip(given.split(',')).map(|(name, value)| format!("{name}={}", value.trim())).collect();
    Some(format!("{name}({})", written.join(", ")))
}

/// The key in `.key` or `["key"]`.
fn key_in(after: &str) -> Option<&str> {
    if let Some(rest) = after.strip_prefix('.') {
        let rest = rest.trim_start();
        let key = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
        return (!key.is_empty()).then_some(key);
    }
    let rest = after.strip_prefix('[')?.trim_start();
    let quote = rest.chars().next().filter(|c| "\"'`".contains(*c))?;
    let (key, rest) = rest[1..].split_once(quote)?;
    (!key.contains('\\') && rest.trim_start().starts_with(']')).then_some(key)
}

/// The expression in a text that is one expression and nothing else, not even a blank around it.
fn alone(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let mut quote = None;
    let mut last = ' ';
    for c in inner.chars() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if "\"'`".contains(c) => quote = Some(c),
            None if (c == '{' || c == '}') && last == c => return None,
            None => {}
        }
        last = c;
    }
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    Some(inner.strip_suffix('-').unwrap_or(inner))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{Scope, Used, alone, if_there};
    use crate::{
        host::Fake,
        node::{Attributes, json::Document},
        spec,
    };

    #[test]
    fn expressions_keep_their_type_and_text_stays_text() {
        let machine = Fake::debian("12");
        let attributes = json!({"app": {"port": 80, "hosts": ["a", "b"], "on": true, "none": null}});
        let node = spec::node(&machine, attributes.clone());
        let scope = Scope::new(&node, Attributes::from(attributes).view());
        scope.set("item", &json!({"name": "x"}));
        for (written, wanted) in [
            ("plain", json!("plain")),
            ("{{ node.app.port }}", json!(80)),
            ("{{- node.app.port + 1 -}}", json!(81)),
            (" {{ node.app.port }}", json!(" 80")),
            ("{{ node.app.port }}\n", json!("80\n")),
            ("  {{- node.app.port -}}\n", json!("80")),
            ("{{ node[\"app\"].hosts }}", json!(["a", "b"])),
            ("{{ node.app.on }}", json!(true)),
            ("{{ node.app.none }}", json!(null)),
            ("{{ node.app.port }}{{ node.app.port }}", json!("8080")),
            ("port {{ node.app.port }}", json!("port 80")),
            ("{{ node.name }}", json!("test")),
            ("{{ node.platform_family }}", json!("debian")),
            ("{{ node.platform_family == \"debian\" }}", json!(true)),
            ("{{ item.name }}", json!("x")),
            ("{{ \"}}\" }}", json!("}}")),
            ("{{ node.app.hosts | join(sep=\",\") }}", json!("a,b")),
            ("{{ node.app.absent or 7 }}", json!(7)),
            ("{% raw %}{{ x }}{% endraw %}", json!("{{ x }}")),
            ("{% if node.app.on %}on{% endif %}", json!("on")),
        ] {
            let text = json!(written).to_string();
            let document = Document::parse(Path::new("f"), text.into_bytes()).unwrap();
            let mut faults = Vec::new();
            assert_eq!(scope.value(document.root(), &mut faults), wanted, "{written}: {faults:?}");
            assert!(faults.is_empty(), "{written}: {faults:?}");
        }
    }

    #[test]
    fn what_cannot_be_worked_out_has_a_place_and_shows_the_expression() {
        let machine = Fake::debian("12");
        let node = spec::node(&machine, json!({"app": {"port": 80}}));
        let scope = Scope::new(&node, node.attributes().view());
        let text = "a: '{{ node.app.prot }}'\nb: ['{{ node.app.port', '{{ nod.app }}']\nc: '{{ node.app | nofilter }}'\n\
            d: '{{ node.app.port | sercet }}, {{ data_bag_itm() or node.app is maap }}'\n";
        let text = format!("{text}e: [\"{{{{ data_bag_item('u', 'bob') }}}}\", \"{{{{ data_bag(u) }}}}\"]\n");
        let document = Document::parse_yaml(Path::new("f.yml"), text.into()).unwrap();
        let mut faults = Vec::new();
        scope.value(document.root(), &mut faults);
        let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn what_a_text_uses_of_the_node_is_seen_or_may_be_anything() {
        for (text, keys) in [
            ("{{ a.b }}", &[][..]),
            ("{{ node.a.b }}{{ node . c }}{{ nodes }}{{ my_node.x }}", &["a", "c"]),
            ("{{ node['a b'].c }}{{ node[ \"d\" ] }}{{ node[`e`].f }}", &["a b", "d", "e"]),
        ] {
            assert_eq!(Used::by(text), Used::Keys(keys.iter().map(|key| (*key).to_owned()).collect()), "{text}");
        }
        for text in [
            "{{ node }}",
            "{{ node | json_encode }}",
            "{% for key, value in node %}{% endfor %}",
            "{% set n = node %}{{ n.a }}",
            "{{ node[item].b }}",
            "{{ node['a' ~ item] }}",
            "{{ node['a\\'b'] }}",
            "{{ node.a }}{{ node?.b }}",
            "{% include 'x' %}{{ node.a }}",
            "{{ __tera_context }}",
        ] {
            assert_eq!(Used::by(text), Used::All, "{text}");
        }
    }

    #[test]
    fn every_way_to_the_node_finds_all_of_it() {
        let machine = Fake::debian("12");
        let attributes = json!({"app": {"port": 80}, "site": {"name": "x"}});
        let node = spec::node(&machine, attributes.clone());
        let scope = Scope::new(&node, Attributes::from(attributes).view());
        for (written, wanted) in [
            ("{{ node.site.name }}", json!("x")),
            ("{{ node['app'].port }}", json!(80)),
            ("{% set n = node %}{{ n.site.name }}", json!("x")),
            ("{% for key, value in node %}{% if key == 'app' %}{{ value.port }}{% endif %}{% endfor %}", json!("80")),
        ] {
            assert_eq!(scope.text(written).unwrap(), wanted, "{written}");
            let fresh = Scope::new(&node, node.attributes().view());
            assert_eq!(fresh.text(written).unwrap(), wanted, "{written}, alone");
        }
    }

    #[test]
    fn what_may_be_absent_is_asked_for_by_its_whole_path() {
        assert_eq!(if_there("a {{ node.web.port }}", "web").unwrap(), "node.web?.port");
        assert_eq!(if_there("{{ node.web.port or 1 }}", "port").unwrap(), "node.web.port");
        assert_eq!(if_there("{{ node['a'].b }}", "a"), None);
        let machine = Fake::debian("12");
        let node = spec::node(&machine, json!({"app": {"port": 80}}));
        let scope = Scope::new(&node, node.attributes().view());
        for (written, wanted) in [
            ("{{ node.web?.port or 'none' }}", json!("none")),
            ("{{ node.web?.port?.x or 7 }}", json!(7)),
            ("{% if node.web?.port is defined %}y{% else %}n{% endif %}", json!("n")),
            ("{% for p in node.app.list or [1] %}{{ loop.index }}{{ p or 'x' }}{% endfor %}", json!("11")),
            ("{% set n = node %}{{ n.app.port or 1 }}", json!("80")),
        ] {
            assert_eq!(scope.text(written).unwrap(), wanted, "{written}");
        }
        let said = scope.text("{{ port or 'none' }}").unwrap_err();
        assert_eq!(said[0].message, "in an expression: variable `port` is not defined");
    }

    #[test]
    fn an_expression_alone_is_told_from_text() {
        assert_eq!(alone("{{ a }}"), Some(" a "));
        assert_eq!(alone("{{ a }} "), None);
        assert_eq!(alone("\n{{ a }}"), None);
        assert_eq!(alone("{{ a }}{{ b }}"), None);
        assert_eq!(alone("x {{ a }}"), None);
        assert_eq!(alone("{{ '}}{{' }}"), Some(" '}}{{' "));
    }
}
