//! YAML into the same [`Document`] as JSON: every value and key keeps its place. See `docs/decisions/0040-yaml.md`.
//!
//! Read is YAML 1.2's core schema. What older readers, Chef's among them, take otherwise (`yes`, `0644`) is refused with
//! what to write instead, so that a file never means two things.
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    rc::Rc,
    sync::Arc,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::{
    json::{Document, MOST_VALUES, NO_KEY, Spot, short},
    source::Source,
};
use crate::{Fault, error::ENOUGH};

/// A YAML file is at most so many bytes long: it is written by people.
pub const MOST_BYTES: u64 = 4 << 20;
/// Lists and objects may lie so deep in each other, aliases counted.
const MOST_DEPTH: usize = 64;
/// All aliases together may stand for so many bytes and values.
const MOST_REPEATED: usize = 4 << 20;
impl Document {
    /// Reads a YAML document; `path` is for messages.
    ///
    /// # Errors
    /// What is wrong, each at its place; after a fault of the syntax nothing more is read.
    pub fn parse_yaml(path: impl Into<Arc<Path>>, bytes: Vec<u8>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let read = Self::read_yaml(path, bytes, &mut faults);
        read.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// The same, as far as it can be read: what is wrong is added to the faults. In place of a value that is refused stands
    /// what was most likely meant, so that the rest can be checked.
    pub(crate) fn read_yaml(path: impl Into<Arc<Path>>, bytes: Vec<u8>, faults: &mut Vec<Fault>) -> Option<Self> {
        let path = path.into();
        if bytes.len() as u64 > MOST_BYTES {
            let shown = path.display();
            let fault =
                Fault::new(format!("`{shown}` has {} bytes; a YAML file has at most {MOST_BYTES}", bytes.len()))
                    .hint("is it the right file? larger things belong into `files/` of a cookbook");
            faults.push(fault);
            return None;
        }
        let source = Source::of_bytes(path, bytes).map_err(|fault| faults.push(fault)).ok()?;
        let mut reader = Reader::new(&source);
        let node = reader.document();
        faults.append(&mut reader.faults);
        let mut flat = Flat { spots: Vec::new(), repeated: 0 };
        let value = flat.value(&node.ok()?, NO_KEY, false).map_err(|at| faults.push(too_much(&source, at))).ok()?;
        Some(Self::assemble(value, source, flat.spots))
    }
}

fn too_much(source: &Source, at: usize) -> Fault {
    let fault = source.fault(at, "the aliases of this file stand for more than anybody would write");
    fault.hint("write the values out where they are needed")
}

/// A fault was recorded after which the rest cannot be read.
struct Stop;

struct Node {
    at: usize,
    /// Levels below it, itself included: bounded, so that no walk over it runs out of stack.
    depth: usize,
    content: Content,
}

enum Content {
    Scalar(Value),
    List(Vec<Rc<Node>>),
    /// Keys with their places.
    Entries(Vec<(String, usize, Rc<Node>)>),
}

struct Reader<'s> {
    source: &'s Source,
    parser: Parser<'s, StrInput<'s>>,
    /// Bytes before the text that the parser got: a byte order mark.
    skipped: usize,
    /// Byte offset of each character; absent when all are ASCII.
    offsets: Option<Vec<u32>>,
    anchors: HashMap<usize, Rc<Node>>,
    open: usize,
    /// Entries that `<<` took over, and bytes of their keys.
    repeated: usize,
    /// Values so far, each counted once.
    values: usize,
    faults: Vec<Fault>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Source) -> Self {
        let text = source.text();
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let offsets = (!body.is_ascii()).then(|| body.char_indices().map(|(at, _)| short(at)).collect());
        Self {
            source,
            parser: Parser::new_from_str(body),
            skipped: text.len() - body.len(),
            offsets,
            anchors: HashMap::new(),
            open: 0,
            repeated: 0,
            values: 0,
            faults: Vec::new(),
        }
    }

    fn document(&mut self) -> Result<Rc<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                other if root.is_none() => root = Some(self.node(other, span)?),
                _ => {
                    let at = self.at(span.start);
                    return Err(self.stop(at, "a second document begins here", "a file holds one; remove the `---`"));
                }
            }
        }
        Ok(root.unwrap_or_else(|| Rc::new(Node { at: 0, depth: 1, content: Content::Scalar(Value::Null) })))
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = self.at(*error.marker());
                let message = format!("not YAML: {}", error.info());
                let hint = self.syntax_hint(at);
                Err(self.stop(at, message, hint))
            }
            None => Err(self.stop(self.source.text().len(), "the file ends too early", "is it whole?")),
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span) -> Result<Rc<Node>, Stop> {
        let at = self.at(span.start);
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (Content::Scalar(self.scalar(&text, style, tag.as_deref(), at)?), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.untagged(tag.as_deref(), "seq", at)?;
                (self.nested(at, Self::list)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.untagged(tag.as_deref(), "map", at)?;
                (self.nested(at, Self::entries)?, anchor)
            }
            Event::Alias(anchor) => {
                return match self.anchors.get(&anchor) {
                    Some(node) => Ok(Rc::clone(node)),
                    None => Err(self.stop(at, "an alias inside of what it stands for has no end", "write it out")),
                };
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.stop(at, "a value was expected", "write it, or `null`")),
        };
        let below = match &content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(|item| item.depth).max().unwrap_or_default(),
            Content::Entries(entries) => entries.iter().map(|(_, _, node)| node.depth).max().unwrap_or_default(),
        };
        if below >= MOST_DEPTH {
            return Err(self.too_deep(at));
        }
        self.values += 1;
        if self.values > MOST_VALUES {
            let message = format!("there are more than {MOST_VALUES} values in this file");
            return Err(self.stop(at, message, "put lists of this size beside it, in files of the cookbook"));
        }
        let node = Rc::new(Node { at, depth: below + 1, content });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn nested(&mut self, at: usize, read: fn(&mut Self) -> Result<Content, Stop>) -> Result<Content, Stop> {
        if self.open == MOST_DEPTH {
            return Err(self.too_deep(at));
        }
        self.open += 1;
        let content = read(self);
        self.open -= 1;
        content
    }

    fn too_deep(&mut self, at: usize) -> Stop {
        let message = format!("lists and objects lie more than {MOST_DEPTH} deep in each other");
        self.stop(at, message, "is the file whole, or was it made by a program gone wrong?")
    }

    fn list(&mut self) -> Result<Content, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Content::List(items)),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn entries(&mut self) -> Result<Content, Stop> {
        let mut entries: Vec<(String, usize, Rc<Node>)> = Vec::new();
        let mut keys: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<Rc<Node>> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let at = self.at(span.start);
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, _, _) => {
                    let plain = style == ScalarStyle::Plain;
                    if plain && (text.is_empty() || text == "~") {
                        self.note(self.source.fault(at, "a key is missing").hint("an entry is `key: value`"))?;
                    }
                    if plain && text == "<<" {
                        let (event, span) = self.next()?;
                        let node = self.node(event, span)?;
                        self.merge(&node, &mut merged)?;
                        continue;
                    }
                    text.into_owned()
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Alias(_)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..) => {
                    let text = self.source.text();
                    return Err(if text[..at].ends_with('{') && text[at..].starts_with('{') {
                        let hint = "a value that begins with `{{` must be quoted: `\"{{ node.name }}\"`";
                        self.stop(at - 1, "`{{` without quotes begins two objects", hint)
                    } else {
                        self.stop(at, "a key must be text", "write the key as a word, or quote it")
                    });
                }
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span)?;
            if let Some(first) = keys.get(&key) {
                let message = format!("key `{key}` is given twice; the first is at {}", self.source.place(*first));
                self.note(self.source.fault(at, message).hint("keep the one that is meant"))?;
            } else {
                keys.insert(key.clone(), at);
                entries.push((key, at, node));
            }
        }
        let mut seen: HashSet<String> = keys.into_keys().collect();
        for node in merged {
            if let Content::Entries(more) = &node.content {
                for (key, at, value) in more {
                    // Each may have been taken over from another that took it over.
                    self.repeated += 1 + key.len();
                    if self.repeated > MOST_REPEATED {
                        self.faults.push(too_much(self.source, node.at));
                        return Err(Stop);
                    }
                    if seen.insert(key.clone()) {
                        entries.push((key.clone(), *at, Rc::clone(value)));
                    }
                }
            }
        }
        Ok(Content::Entries(entries))
    }

    /// `<<: *other`: entries that are taken over from other objects.
    fn merge(&mut self, node: &Rc<Node>, merged: &mut Vec<Rc<Node>>) -> Result<(), Stop> {
        let objects = match &node.content {
            Content::List(items) => items.clone(),
            Content::Scalar(_) | Content::Entries(_) => vec![Rc::clone(node)],
        };
        for object in objects {
            if matches!(object.content, Content::Entries(_)) {
                merged.push(object);
            } else {
                let fault = self.source.fault(object.at, "`<<` takes over the entries of an object; this is none");
                self.note(fault.hint("name an anchored object, as in `<<: *defaults`"))?;
            }
        }
        Ok(())
    }

    fn untagged(&mut self, tag: Option<&Tag>, usual: &str, at: usize) -> Result<(), Stop> {
        let Some(tag) = tag else { return Ok(()) };
        if (tag.is_yaml_core_schema() && tag.suffix == usual) || (tag.handle.is_empty() && tag.suffix == "!") {
            return Ok(());
        }
        let fault = self.source.fault(at, format!("tag `{tag}` means nothing here"));
        self.note(fault.hint("remove it; text is made by quotes"))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: usize) -> Result<Value, Stop> {
        if style != ScalarStyle::Plain || tag.is_some() {
            self.untagged(tag, "str", at)?;
            return Ok(Value::String(text.to_owned()));
        }
        let (value, message, hint) = match plain(text) {
            Plain::Value(value) => return Ok(value),
            Plain::Truth(word) => (
                Value::Bool(word),
                format!("`{text}` is `{word}` to some readers of YAML and text to others"),
                format!("write `{word}`, or `\"{text}\"` if text is meant"),
            ),
            Plain::Zeros => (
                Value::String(text.to_owned()),
                format!("`{text}` is an octal number to some readers of YAML and a decimal one to others"),
                format!("write `\"{text}\"` if text or a file mode is meant, else leave the zeros out"),
            ),
            Plain::NoNumber => (
                Value::String(text.to_owned()),
                format!("`{text}` is no number that can be used here"),
                "write it as text".to_owned(),
            ),
        };
        let fault = self.source.fault(at, message).hint(hint);
        self.note(fault)?;
        Ok(value)
    }

    /// The byte offset of a character of the parser's.
    fn at(&self, marker: Marker) -> usize {
        let end = self.source.text().len();
        match &self.offsets {
            None => (self.skipped + marker.index()).min(end),
            Some(offsets) => offsets.get(marker.index()).map_or(end, |at| self.skipped + *at as usize),
        }
    }

    /// What is most often wrong where the syntax is.
    fn syntax_hint(&self, at: usize) -> &'static str {
        let before = self.source.text().get(..at).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let rest = self.source.text().get(at..).unwrap_or_default();
        let line_rest = rest.lines().next().unwrap_or_default();
        let indent = line.chars().chain(line_rest.chars()).take_while(|c| c.is_whitespace());
        if indent.into_iter().any(|c| c == '\t') {
            "YAML is indented by spaces, never by tabs"
        } else {
            "look at the indentation, and quote text that holds `: ` or ` #`, or begins with one of ``{}[]&*#?|-<>=!%@` ``"
        }
    }

    fn note(&mut self, fault: Fault) -> Result<(), Stop> {
        self.faults.push(fault);
        if self.faults.len() < ENOUGH { Ok(()) } else { Err(Stop) }
    }

    fn stop(&mut self, at: usize, message: impl Into<String>, hint: impl Into<String>) -> Stop {
        self.faults.push(self.source.fault(at, message).hint(hint));
        Stop
    }
}

/// What a scalar without quotes is.
enum Plain {
    Value(Value),
    /// A truth value of YAML 1.1 only.
    Truth(bool),
    /// A number that begins with a zero.
    Zeros,
    /// Infinite, or not a number.
    NoNumber,
}

fn plain(text: &str) -> Plain {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Plain::Truth(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Plain::Truth(false),
        ".nan" | ".NaN" | ".NAN" => return Plain::NoNumber,
        _ if matches!(text.trim_start_matches(['-', '+']), ".inf" | ".Inf" | ".INF") => return Plain::NoNumber,
        _ => return number(text),
    };
    Plain::Value(value)
}

fn number(text: &str) -> Plain {
    let string = || Plain::Value(Value::String(text.to_owned()));
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return match u64::from_str_radix(digits, radix) {
                Ok(number) if !digits.starts_with('+') => Plain::Value(Value::Number(number.into())),
                Ok(_) | Err(_) => string(),
            };
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = unsigned.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'-' | b'+'));
    let begins = unsigned.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    if !numeric || !begins || !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return string();
    }
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 1 && unsigned.starts_with('0') {
        return if digits == unsigned.len() { Plain::Zeros } else { string() };
    }
    // What remains differs from JSON in a leading `+`, and in digits that may be missing on one side of the point.
    let sign = if text.starts_with('-') { "-" } else { "" };
    let (mantissa, exponent) = unsigned.split_at(unsigned.find(['e', 'E']).unwrap_or(unsigned.len()));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    let written = if mantissa.contains('.') || !exponent.is_empty() {
        format!("{sign}{whole}.{fraction}{exponent}")
    } else {
        format!("{sign}{whole}")
    };
    serde_json::from_str::<Number>(&written).map_or_else(|_| string(), |number| Plain::Value(Value::Number(number)))
}

/// The tree as one value, with a spot for each value of it.
struct Flat {
    spots: Vec<Spot>,
    /// Bytes and values that came by aliases.
    repeated: usize,
}

impl Flat {
    /// The value of a node, or the place where there are too many of them. `again`: reached by an alias.
    fn value(&mut self, node: &Rc<Node>, key: u32, again: bool) -> Result<Value, usize> {
        let again = again || Rc::strong_count(node) > 1;
        let spot = self.spots.len();
        self.spots.push(Spot { at: short(node.at), key, size: 1 });
        let value = match &node.content {
            Content::Scalar(value) => {
                self.count(again, value.as_str().map_or(0, str::len), node.at)?;
                value.clone()
            }
            Content::List(items) => {
                self.count(again, 0, node.at)?;
                Value::Array(items.iter().map(|item| self.value(item, NO_KEY, again)).collect::<Result<_, _>>()?)
            }
            Content::Entries(entries) => {
                self.count(again, 0, node.at)?;
                let mut object = Map::new();
                for (key, at, node) in entries {
                    self.count(again, key.len(), *at)?;
                    object.insert(key.clone(), self.value(node, short(*at), again)?);
                }
                Value::Object(object)
            }
        };
        self.spots[spot].size = short(self.spots.len() - spot);
        Ok(value)
    }

    fn count(&mut self, again: bool, bytes: usize, at: usize) -> Result<(), usize> {
        if again {
            self.repeated += bytes + 32;
        }
        if self.repeated > MOST_REPEATED { Err(at) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, path::Path};

    use proptest::{prelude::*, test_runner::RngSeed};
    use serde_json::{Value, json};

    use super::Document;

    fn read(text: &str) -> Value {
        match Document::parse_yaml(Path::new("f.yml"), text.into()) {
            Ok(document) => document.value().clone(),
            Err(faults) => panic!("{faults:?}"),
        }
    }

    fn faults(text: &str) -> Vec<String> {
        match Document::parse_yaml(Path::new("f.yml"), text.into()) {
            Ok(document) => panic!("read as {}", document.value()),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn values_are_those_of_the_core_schema() {
        let text = "a: 1\nb: -1.5\nc: .5\nd: 1e3\ne: 0x1f\nf: 0o17\ng: true\nh: ~\ni:\nj: text here\nk: '1'\n\
                    l: [1, two, {x: y}]\nm: |\n  a\n  b\nn: >-\n  c\n  d\no: 1.2.3\np: 2024-01-01\nq: +5\nr: 12:30\n\
                    s: !!str 5\n8080: port\nt: '-'\nu: 1.\nv: e5\nx: y\n";
        let wanted = json!({
            "a": 1, "b": -1.5, "c": 0.5, "d": 1000.0, "e": 31, "f": 15, "g": true, "h": null, "i": null,
            "j": "text here", "k": "1", "l": [1, "two", {"x": "y"}], "m": "a\nb\n", "n": "c d", "o": "1.2.3",
            "p": "2024-01-01", "q": 5, "r": "12:30", "s": "5", "8080": "port", "t": "-", "u": 1.0, "v": "e5",
            "x": "y",
        });
        assert_eq!(read(text), wanted);
        assert_eq!(read(""), Value::Null);
        assert_eq!(read("# nothing\n"), Value::Null);
        assert_eq!(read("\u{feff}a: é\nb: 1\n"), json!({"a": "é", "b": 1}));
    }

    #[test]
    fn every_value_and_key_has_its_place() {
        let text = "# é\nresources:\n  - type: file\n    name: /étc/motd\n    list: [é, {a: b}]\n";
        let document = Document::parse_yaml(Path::new("f.yml"), text.into()).unwrap();
        let place = |pointer: &str| document.place_of(pointer).unwrap().to_string();
        assert_eq!(place("/resources"), "f.yml:3:3");
        assert_eq!(place("/resources/0/name"), "f.yml:4:11");
        assert_eq!(place("/resources/0/list/1/a"), "f.yml:5:19");
        assert_eq!(document.key_place_of("/resources/0/list/1/a").unwrap().to_string(), "f.yml:5:16");
        assert_eq!(document.key_place_of("/resources").unwrap().to_string(), "f.yml:2:1");
    }

    #[test]
    fn anchors_and_merges_are_resolved() {
        let text =
            "base: &b {mode: '0644', owner: root}\none: *b\ntwo: {<<: *b, owner: www}\nthree: {<<: [*b, {x: 1}]}\n";
        let wanted = json!({
            "base": {"mode": "0644", "owner": "root"},
            "one": {"mode": "0644", "owner": "root"},
            "two": {"owner": "www", "mode": "0644"},
            "three": {"mode": "0644", "owner": "root", "x": 1},
        });
        assert_eq!(read(text), wanted);
        let document = Document::parse_yaml(Path::new("f.yml"), text.into()).unwrap();
        assert_eq!(document.place_of("/one/mode").unwrap().to_string(), "f.yml:1:17");
        assert_eq!(document.place_of("/two/owner").unwrap().to_string(), "f.yml:3:22");
    }

    #[test]
    fn what_means_two_things_is_refused_all_at_once() {
        insta::assert_snapshot!(
            faults("a: yes\nb: 0644\nc: .inf\nd: !ruby/object x\na: 1\n<<: 5\n? ~\n: 1\n").join("\n")
        );
    }

    #[test]
    fn what_is_not_yaml_says_where_and_why() {
        let texts = [
            "a: {{ node.name }}\n",
            "a:\n\t- b\n",
            "a: b: c\n",
            "a: [1, 2\n",
            "a: 1\n---\nb: 2\n",
            "{[a]: 1}\n",
            "a: *nowhere\n",
            "a: &x [*x]\n",
            "a: \"\\q\"\n",
            "a: 'open\n",
            "\u{0}",
        ];
        let mut said = String::new();
        for text in texts {
            writeln!(said, "{}", faults(text).join("\n")).unwrap();
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn no_file_takes_more_than_its_share() {
        let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for n in 1..40 {
            writeln!(bomb, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(", ")).unwrap();
        }
        assert!(faults(&bomb)[0].contains("the aliases of this file"), "{:?}", faults(&bomb));
        let mut chain = "a0: &a0 [x]\n".to_owned();
        for n in 1..100_000 {
            writeln!(chain, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
        }
        assert!(faults(&chain)[0].contains("more than 64 deep"));
        for open in ["[", "{a: ", "- ", "? ", "[{a: "] {
            assert!(!faults(&open.repeat(100_000)).is_empty());
        }
        assert!(faults(&" ".repeat(5 << 20))[0].contains("has 5242880 bytes"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(40), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_panics(text in "[-a-c0-9 \n\t:{}\\[\\],&*#?|<>=!%@'\"é~.]{0,60}") {
            if let Ok(document) = Document::parse_yaml(Path::new("f"), text.into_bytes()) {
                prop_assert!(document.root().place().to_string().starts_with("f:"));
            }
        }

        #[test]
        fn json_is_yaml(value in proptest::collection::btree_map("[a-zA-Z é]{1,6}", proptest::collection::vec(any::<i64>(), 0..4), 0..5)) {
            let text = serde_json::to_string(&value).unwrap();
            let read = Document::parse_yaml(Path::new("f"), text.clone().into_bytes()).unwrap();
            prop_assert_eq!(read.value(), &serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
