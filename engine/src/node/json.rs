//! JSON as people write it: `//` and `/* */` comments are read over, every value and key keeps its place, and what is wrong
//! is said with the line it is in. See `docs/decisions/0011-json-reader.md`.
//!
//! Source: RFC 8259 for the grammar; numbers are converted by `serde_json`, so that both agree on every value.
use std::{path::Path, sync::Arc};

use serde_json::{Map, Number, Value, map::Entry};

use super::source::Source;
use crate::{Fault, error::ENOUGH, values::Place};

/// How large and how deep a document may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size in bytes; at most 4 GiB, whatever is written here.
    pub bytes: u64,
    /// How many lists and objects may lie inside each other.
    pub depth: usize,
    /// How many values there may be in all. Each takes some 400 bytes of memory, with its places and what is made of it.
    pub values: usize,
}

/// More values than any node has; small machines have 256 MB.
pub(super) const MOST_VALUES: usize = 250_000;

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, depth: 128, values: MOST_VALUES }
    }
}

impl Limits {
    /// What is wrong with a file of this size, if anything: to be asked before it is read.
    #[must_use]
    pub fn fault(&self, path: &Path, bytes: u64) -> Option<Fault> {
        let limit = self.bytes.min(u64::from(u32::MAX));
        (bytes > limit).then(|| {
            Fault::new(format!("`{}` has {bytes} bytes; brasa reads JSON files of at most {limit}", path.display()))
                .hint("is it the right file? attributes need kilobytes; put larger things beside it, in files of a cookbook")
        })
    }
}

/// A JSON document whose every value and key knows where it was written.
#[derive(Debug)]
pub struct Document {
    value: Value,
    source: Source,
    /// One for each value, in the order of the text; see [`Spot`].
    spots: Vec<Spot>,
}

/// Where a value was written. Its children follow it, so the next sibling is `size` further on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub at: u32,
    /// Of its key, when it has one.
    pub key: u32,
    /// Values in it, itself included.
    pub size: u32,
}

impl Document {
    /// Reads a document within the usual limits. `path` is for messages.
    ///
    /// # Errors
    /// Everything that is wrong up to the first place where the structure is lost; duplicate keys and bad characters do not
    /// lose it.
    pub fn parse(path: impl Into<Arc<Path>>, bytes: Vec<u8>) -> Result<Self, Vec<Fault>> {
        Self::parse_within(path, bytes, &Limits::default())
    }

    /// Reads a document within the limits given.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_within(path: impl Into<Arc<Path>>, bytes: Vec<u8>, limits: &Limits) -> Result<Self, Vec<Fault>> {
        let path = path.into();
        if let Some(fault) = limits.fault(&path, bytes.len() as u64) {
            return Err(vec![fault]);
        }
        let source = Source::of_bytes(path, bytes).map_err(|fault| vec![fault])?;
        let mut reader = Reader::new(&source, limits);
        let value = reader.document();
        let Reader { spots, faults, .. } = reader;
        match value {
            Ok(value) if faults.is_empty() => Ok(Self { value, spots, source }),
            Ok(_) | Err(Stop) => Err(faults),
        }
    }

    /// A document of what another reader read.
    pub(super) const fn assemble(value: Value, source: Source, spots: Vec<Spot>) -> Self {
        Self { value, source, spots }
    }

    /// `{}`, written nowhere.
    #[must_use]
    pub fn empty() -> Self {
        let source = Source::new(Path::new("(none)"), "{}".to_owned());
        Self { value: Value::Object(Map::new()), source, spots: vec![Spot { at: 0, key: NO_KEY, size: 1 }] }
    }

    /// The whole value.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The file as the user named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The whole value with its place, to walk on from.
    #[must_use]
    pub const fn root(&self) -> Located<'_> {
        Located { document: self, value: &self.value, spot: 0 }
    }

    /// The value that a JSON pointer (RFC 6901: `/gems/0/name`) names, with its place.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<Located<'_>> {
        let mut steps = pointer.split('/');
        if steps.next() != Some("") {
            return None;
        }
        steps.try_fold(self.root(), |located, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match located.value {
                Value::Object(_) => located.get(&step),
                Value::Array(_) => located.items().nth(step.parse().ok()?),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            }
        })
    }

    /// Where the value that a JSON pointer names was written.
    #[must_use]
    pub fn place_of(&self, pointer: &str) -> Option<Place> {
        self.at(pointer).map(|located| located.place())
    }

    /// Where the key of the value that a JSON pointer names was written.
    #[must_use]
    pub fn key_place_of(&self, pointer: &str) -> Option<Place> {
        self.at(pointer).and_then(|located| located.key_place())
    }
}

/// A value of a [`Document`] with its place.
#[derive(Clone, Copy, Debug)]
pub struct Located<'d> {
    document: &'d Document,
    value: &'d Value,
    spot: usize,
}

impl<'d> Located<'d> {
    /// The value.
    #[must_use]
    pub const fn value(&self) -> &'d Value {
        self.value
    }

    /// Where it was written.
    #[must_use]
    pub fn place(&self) -> Place {
        self.document.source.place(self.document.spots[self.spot].at as usize)
    }

    /// Where its key was written, when it is the value of one.
    #[must_use]
    pub fn key_place(&self) -> Option<Place> {
        let key = self.document.spots[self.spot].key;
        (key != NO_KEY).then(|| self.document.source.place(key as usize))
    }

    /// The value of a key, when this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        self.entries().find_map(|(name, located)| (name == key).then_some(located))
    }

    /// Keys and values of an object, in the order of the text; nothing for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&'d str, Self)> + use<'d> {
        let entries = self.value.as_object().into_iter().flatten();
        let located = *self;
        entries.scan(self.spot + 1, move |spot, (key, value)| Some((key.as_str(), located.child(spot, value))))
    }

    /// Elements of a list; nothing for anything else.
    pub fn items(&self) -> impl Iterator<Item = Self> + use<'d> {
        let items = self.value.as_array().into_iter().flatten();
        let located = *self;
        items.scan(self.spot + 1, move |spot, value| Some(located.child(spot, value)))
    }

    /// A fault at this value. It does not show the line: neighbours of the value may be secret.
    #[must_use]
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(message).at(self.place())
    }

    fn child(&self, spot: &mut usize, value: &'d Value) -> Self {
        let child = Self { document: self.document, value, spot: *spot };
        *spot += self.document.spots[*spot].size as usize;
        child
    }
}

/// A JSON pointer (RFC 6901) of these keys and indices.
pub(super) fn pointer(path: &[String]) -> String {
    path.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}

/// What a value is, for messages: `a string`, `a list`.
#[must_use]
pub const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

const COMMENTS: &str = "comments are written `// ...` or `/* ... */`";

pub(super) const NO_KEY: u32 = u32::MAX;

/// A fault was recorded after which the structure of the rest cannot be known.
struct Stop;

struct Reader<'s> {
    source: &'s Source,
    text: &'s str,
    at: usize,
    /// Lists and objects that may still be opened.
    depth: usize,
    limits: Limits,
    spots: Vec<Spot>,
    faults: Vec<Fault>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Source, limits: &Limits) -> Self {
        let (limits, depth) = (*limits, limits.depth);
        Self { source, text: source.text(), at: 0, depth, limits, spots: Vec::new(), faults: Vec::new() }
    }

    fn document(&mut self) -> Result<Value, Stop> {
        if self.text.starts_with('\u{feff}') {
            let fault = self.source.fault(0, "the file begins with a byte order mark, which JSON does not allow");
            self.note(fault.hint("save it as UTF-8 without BOM"))?;
            self.at = '\u{feff}'.len_utf8();
        }
        self.skip()?;
        if self.peek().is_none() {
            return Err(self.stop(self.at, "the file is empty; a JSON value was expected", "write at least `{}`"));
        }
        let value = self.value(NO_KEY)?;
        self.skip()?;
        if self.peek().is_some() {
            let found = self.found();
            let message = format!("expected nothing after the end of the document, found {found}");
            return Err(self.stop(
                self.at,
                message,
                "a file holds one JSON value; is there a `}` or `]` too many before it?",
            ));
        }
        Ok(value)
    }

    fn value(&mut self, key: u32) -> Result<Value, Stop> {
        let spot = self.spots.len();
        if spot == self.limits.values {
            let message = format!("there are more than {spot} values in this file");
            return Err(self.stop(self.at, message, "put lists of this size beside it, in files of a cookbook"));
        }
        self.spots.push(Spot { at: short(self.at), key, size: 1 });
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(_) | None => self.word()?,
        };
        self.spots[spot].size = short(self.spots.len() - spot);
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        if self.depth == 0 {
            let message = format!("lists and objects lie more than {} deep in each other", self.limits.depth);
            return Err(self.stop(self.at, message, "is the file whole, or was it made by a program gone wrong?"));
        }
        self.depth -= 1;
        let value = read(self);
        self.depth += 1;
        value
    }

    fn array(&mut self) -> Result<Value, Stop> {
        let open = self.at;
        self.at += 1;
        let mut items = Vec::new();
        self.skip()?;
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.inside(open, b']')?;
            items.push(self.value(NO_KEY)?);
            if !self.another(open, b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Stop> {
        let open = self.at;
        self.at += 1;
        let mut entries = Map::new();
        let mut keys: Vec<u32> = Vec::new();
        self.skip()?;
        if self.eat(b'}') {
            return Ok(Value::Object(entries));
        }
        loop {
            self.inside(open, b'}')?;
            let at = short(self.at);
            let key = self.key()?;
            self.skip()?;
            if !self.eat(b':') {
                return Err(self.no_colon(&key));
            }
            self.skip()?;
            self.inside(open, b'}')?;
            let value = self.value(at)?;
            match entries.entry(key) {
                Entry::Vacant(new) => {
                    keys.push(at);
                    new.insert(value);
                }
                Entry::Occupied(known) => {
                    let key = known.key().clone();
                    let first = entries.keys().position(|known| *known == key).map_or(at, |index| keys[index]);
                    let message =
                        format!("key `{key}` is given twice; the first is at {}", self.source.place(first as usize));
                    let fault = self.source.fault(at as usize, message);
                    self.note(fault.hint("keep the one that is meant"))?;
                }
            }
            if !self.another(open, b'}')? {
                return Ok(Value::Object(entries));
            }
        }
    }

    /// After an element: whether another one follows.
    fn another(&mut self, open: usize, close: u8) -> Result<bool, Stop> {
        let end = self.at;
        self.skip()?;
        if self.eat(close) {
            return Ok(false);
        }
        self.inside(open, close)?;
        let comma = self.at;
        if !self.eat(b',') {
            let close = char::from(close);
            let message = format!("expected `,` or `{close}`, found {}", self.found());
            let hint = match self.peek() {
                Some(b'}' | b']') => format!("what was opened at {} is closed by `{close}`", self.source.place(open)),
                Some(b'#') => COMMENTS.to_owned(),
                Some(_) | None => format!("elements are separated by commas: put one at {}", self.source.place(end)),
            };
            return Err(self.stop(self.at, message, hint));
        }
        self.skip()?;
        if self.peek() != Some(close) {
            return Ok(true);
        }
        let message = format!("a comma before `{}` is not allowed in JSON", char::from(close));
        self.note(self.source.fault(comma, message).hint("remove this comma"))?;
        self.at += 1;
        Ok(false)
    }

    /// Stops when the file ends inside something.
    fn inside(&mut self, open: usize, close: u8) -> Result<(), Stop> {
        if self.at < self.text.len() {
            return Ok(());
        }
        let (what, close) = (if close == b']' { "list" } else { "object" }, char::from(close));
        let message = format!("the file ends inside the {what} that begins at {}", self.source.place(open));
        Err(self.stop(self.at, message, format!("close it with `{close}`; if more is missing, the file was cut off")))
    }

    fn key(&mut self) -> Result<String, Stop> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let rest = &self.text[self.at..];
        let hint = match rest.chars().next() {
            Some('\'') => "strings are written with double quotes".to_owned(),
            Some('#') => COMMENTS.to_owned(),
            Some(first) if first.is_alphabetic() || first == '_' => {
                format!("keys are written with double quotes: `\"{}\"`", plain_word(rest))
            }
            Some(_) | None => "an entry is `\"key\": value`".to_owned(),
        };
        let message = format!("expected a key, found {}", self.found());
        Err(self.stop(self.at, message, hint))
    }

    fn no_colon(&mut self, key: &str) -> Stop {
        let message = format!("expected `:` after the key `{key}`, found {}", self.found());
        let rest = &self.text[self.at..];
        let hint = if rest.starts_with("=>") || rest.starts_with('=') {
            "JSON separates key and value by `:`, as in `\"key\": value`"
        } else {
            "an entry is `\"key\": value`"
        };
        self.stop(self.at, message, hint)
    }

    fn word(&mut self) -> Result<Value, Stop> {
        let rest = &self.text[self.at..];
        let word = plain_word(rest);
        let value = match word {
            "null" => Some(Value::Null),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        };
        if let Some(value) = value {
            self.at += word.len();
            return Ok(value);
        }
        let hint = match word {
            "True" | "TRUE" | "yes" | "on" => "JSON writes `true`".to_owned(),
            "False" | "FALSE" | "no" | "off" => "JSON writes `false`".to_owned(),
            "nil" | "None" | "NULL" | "Null" | "undefined" => "JSON writes `null`".to_owned(),
            "NaN" | "Infinity" => "JSON has no such number; write it as a string".to_owned(),
            "" => match rest.chars().next() {
                Some('\'') => "strings are written with double quotes".to_owned(),
                Some('.' | '+') => "a number begins with a digit or `-`: `0.5`, `1`".to_owned(),
                Some('#') => COMMENTS.to_owned(),
                Some(',' | '}' | ']') => "a value is missing before it".to_owned(),
                Some(_) | None => "a value is a string, number, `true`, `false`, `null`, list or object".to_owned(),
            },
            word => format!("if it is text, quote it: `\"{word}\"`"),
        };
        let message = format!("expected a value, found {}", self.found());
        Err(self.stop(self.at, message, hint))
    }

    fn number(&mut self) -> Result<Number, Stop> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let whole = start + usize::from(bytes[start] == b'-');
        let mut end = digits(whole);
        if end == whole {
            return Err(self.stop(end, "expected a digit after `-`", "a number is written `-1`, `0.5` or `1e3`"));
        }
        if bytes[whole] == b'0' && end > whole + 1 {
            let hint = "leave the zeros out; write a file mode as a string: `\"0644\"`";
            return Err(self.stop(start, "a number must not begin with `0`", hint));
        }
        let mut integer = true;
        if bytes.get(end) == Some(&b'.') {
            integer = false;
            let fraction = end + 1;
            end = digits(fraction);
            if end == fraction {
                return Err(self.stop(end, "expected a digit after the decimal point", "a number is written `0.5`"));
            }
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            integer = false;
            let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            end = digits(exponent);
            if end == exponent {
                return Err(self.stop(end, "expected a digit in the exponent", "a number is written `1e3`"));
            }
        }
        self.at = end;
        let text = &self.text[start..end];
        match text.parse::<Number>() {
            Ok(number) if !integer || text == "-0" || !number.is_f64() => Ok(number),
            Ok(_) | Err(_) => {
                let shown = if text.len() > 40 { format!("{}…", &text[..40]) } else { text.to_owned() };
                let message = format!("number `{shown}` is too large to be kept exactly");
                self.note(self.source.fault(start, message).hint("write it as a string, in double quotes"))?;
                Ok(Number::from(0))
            }
        }
    }

    fn string(&mut self) -> Result<String, Stop> {
        let open = self.at;
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain =
                rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\').unwrap_or(rest.len());
            self.at += plain;
            let plain = &rest[..plain];
            if self.eat(b'"') {
                // Nearly every string is plain to its end.
                return Ok(if string.is_empty() { plain.to_owned() } else { string + plain });
            }
            string.push_str(plain);
            match self.peek() {
                Some(b'\\') => string.push(self.escape(open)?),
                Some(b'\n' | b'\r') => {
                    let hint = "close it with `\"` on the same line; a line break inside a string is written `\\n`";
                    return Err(self.stop(open, "this string does not end on its line", hint));
                }
                Some(control) => {
                    let message = format!("control character U+{control:04X} in a string");
                    let hint = if control == b'\t' {
                        "write it as `\\t`".to_owned()
                    } else {
                        format!("write it as `\\u{control:04x}`")
                    };
                    self.note(self.source.fault(self.at, message).hint(hint))?;
                    self.at += 1;
                }
                None => return Err(self.stop(open, "this string does not end", "close it with `\"`")),
            }
        }
    }

    fn escape(&mut self, open: usize) -> Result<char, Stop> {
        let start = self.at;
        let Some(letter) = self.text[start + 1..].chars().next() else {
            return Err(self.stop(open, "this string does not end", "close it with `\"`"));
        };
        self.at += 1 + letter.len_utf8();
        Ok(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode(start)?,
            '\n' | '\r' => {
                let hint = "close it with `\"` on the same line; a line break inside a string is written `\\n`";
                return Err(self.stop(open, "this string does not end on its line", hint));
            }
            other => {
                let message = format!("`\\{}` is no escape of JSON", other.escape_default());
                let hint = "the escapes are `\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX`; a backslash itself is `\\\\`";
                self.note(self.source.fault(start, message).hint(hint))?;
                other
            }
        })
    }

    /// After `\u`: one character, of one or of two halves.
    fn unicode(&mut self, start: usize) -> Result<char, Stop> {
        let wrong = |message: &str, hint: &str| self.source.fault(start, message).hint(hint);
        let Some(first) = self.hex() else {
            let fault = wrong("`\\u` needs four hex digits", "as in `\\u00e9`; a backslash itself is `\\\\`");
            return self.note(fault).map(|()| char::REPLACEMENT_CHARACTER);
        };
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let back = self.at;
            self.at += 2;
            match self.hex() {
                Some(second) if (0xdc00..0xe000).contains(&second) => {
                    code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                }
                Some(_) | None => self.at = back,
            }
        }
        if let Some(character) = char::from_u32(code) {
            return Ok(character);
        }
        let message = format!("`\\u{first:04x}` is half of a character (a lone surrogate)");
        let hint = "characters beyond U+FFFF are written as two halves, as in `\\ud83d\\ude00`, or as themselves";
        let fault = wrong(&message, hint);
        self.note(fault).map(|()| char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let code =
            digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())??;
        self.at += 4;
        Some(code)
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), Stop> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            if self.peek() != Some(b'/') {
                return Ok(());
            }
            let rest = &self.text[self.at..];
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return Err(self.stop(self.at, "this comment does not end", "close it with `*/`")),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    /// What stands here, for messages.
    fn found(&self) -> String {
        let rest = &self.text[self.at..];
        match rest.chars().next() {
            None => "the end of the file".to_owned(),
            Some('"') => "a string".to_owned(),
            Some('0'..='9' | '-') => "a number".to_owned(),
            Some(character) if character.is_alphabetic() || character == '_' => {
                let word = plain_word(rest);
                let shown: String = word.chars().take(40).collect();
                if shown.len() < word.len() { format!("`{shown}…`") } else { format!("`{word}`") }
            }
            Some(character) if character.is_control() || character.is_whitespace() => {
                format!("the character U+{:04X}", u32::from(character))
            }
            Some(character) => format!("`{character}`"),
        }
    }

    /// Records a fault after which reading goes on, unless there are enough of them.
    fn note(&mut self, fault: Fault) -> Result<(), Stop> {
        self.faults.push(fault);
        if self.faults.len() < ENOUGH { Ok(()) } else { Err(Stop) }
    }

    fn stop(&mut self, offset: usize, message: impl Into<String>, hint: impl Into<String>) -> Stop {
        self.faults.push(self.source.fault(offset, message).hint(hint));
        Stop
    }
}

/// Offsets fit because [`Limits`] keeps documents below 4 GiB.
pub(super) fn short(offset: usize) -> u32 {
    u32::try_from(offset).expect("documents are smaller than 4 GiB")
}

fn plain_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Document, Limits};
    use crate::Fault;

    fn parse(text: impl Into<Vec<u8>>) -> Result<Document, Vec<Fault>> {
        Document::parse(Path::new("dna.json"), text.into())
    }

    fn faults(text: impl Into<Vec<u8>>) -> String {
        let faults = parse(text).expect_err("a fault was expected");
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_and_keys_know_their_places() {
        let document = parse("{\n  \"a/b\": [1, {\"ü\": true, \"x\": []}],\n\t\"c\" : null // end\n}").unwrap();
        assert_eq!(document.value(), &json!({"a/b": [1, {"ü": true, "x": []}], "c": null}));
        let place = |pointer| document.place_of(pointer).map(|place| place.to_string());
        let key = |pointer| document.key_place_of(pointer).map(|place| place.to_string());
        assert_eq!(place("").as_deref(), Some("dna.json:1:1"));
        assert_eq!(key(""), None);
        assert_eq!(key("/a~1b").as_deref(), Some("dna.json:2:3"));
        assert_eq!(place("/a~1b").as_deref(), Some("dna.json:2:10"));
        assert_eq!(place("/a~1b/0").as_deref(), Some("dna.json:2:11"));
        assert_eq!(key("/a~1b/0"), None);
        assert_eq!(place("/a~1b/1/ü").as_deref(), Some("dna.json:2:20"));
        assert_eq!(place("/a~1b/1/x").as_deref(), Some("dna.json:2:31"));
        assert_eq!(key("/c").as_deref(), Some("dna.json:3:2"));
        assert_eq!(place("/c").as_deref(), Some("dna.json:3:8"));
        for absent in ["/d", "/a~1b/2", "/c/0", "c", "/a~1b/x"] {
            assert_eq!(place(absent), None, "{absent}");
        }
    }

    #[test]
    fn comments_are_read_over() {
        let text = "// a\n{ /* b */ \"a\": /**/ [1, // c\n 2 /* , 3 */ ] /* // */ }\n// no line end";
        assert_eq!(parse(text).unwrap().value(), &json!({"a": [1, 2]}));
        assert_eq!(parse(r#"{"url": "http://x/*y*/"}"#).unwrap().value(), &json!({"url": "http://x/*y*/"}));
    }

    /// Input, and all that is said about it.
    const BAD: &[(&str, &str)] = &[
        (
            "",
            "dna.json:1:1: the file is empty; a JSON value was expected
   1 | 
     | ^
hint: write at least `{}`",
        ),
        (
            "  // nothing\n",
            "dna.json:2:1: the file is empty; a JSON value was expected
   2 | 
     | ^
hint: write at least `{}`",
        ),
        (
            "{",
            "dna.json:1:2: the file ends inside the object that begins at dna.json:1:1
   1 | {
     |  ^
hint: close it with `}`; if more is missing, the file was cut off",
        ),
        (
            "{\"a\": 1",
            r#"dna.json:1:8: the file ends inside the object that begins at dna.json:1:1
   1 | {"a": 1
     |        ^
hint: close it with `}`; if more is missing, the file was cut off"#,
        ),
        (
            "[1, 2",
            "dna.json:1:6: the file ends inside the list that begins at dna.json:1:1
   1 | [1, 2
     |      ^
hint: close it with `]`; if more is missing, the file was cut off",
        ),
        (
            "{\"a\": 1,",
            r#"dna.json:1:9: the file ends inside the object that begins at dna.json:1:1
   1 | {"a": 1,
     |         ^
hint: close it with `}`; if more is missing, the file was cut off"#,
        ),
        (
            "{\"a\"",
            r#"dna.json:1:5: expected `:` after the key `a`, found the end of the file
   1 | {"a"
     |     ^
hint: an entry is `"key": value`"#,
        ),
        (
            "{\"a\":",
            r#"dna.json:1:6: the file ends inside the object that begins at dna.json:1:1
   1 | {"a":
     |      ^
hint: close it with `}`; if more is missing, the file was cut off"#,
        ),
        (
            "{\"a\" 1}",
            r#"dna.json:1:6: expected `:` after the key `a`, found a number
   1 | {"a" 1}
     |      ^
hint: an entry is `"key": value`"#,
        ),
        (
            "{\"a\" => 1}",
            r#"dna.json:1:6: expected `:` after the key `a`, found `=`
   1 | {"a" => 1}
     |      ^
hint: JSON separates key and value by `:`, as in `"key": value`"#,
        ),
        (
            "{\"a\": 1,}",
            r#"dna.json:1:8: a comma before `}` is not allowed in JSON
   1 | {"a": 1,}
     |        ^
hint: remove this comma"#,
        ),
        (
            "[1, 2,]",
            "dna.json:1:6: a comma before `]` is not allowed in JSON
   1 | [1, 2,]
     |      ^
hint: remove this comma",
        ),
        (
            "[1,,2]",
            "dna.json:1:4: expected a value, found `,`
   1 | [1,,2]
     |    ^
hint: a value is missing before it",
        ),
        (
            "{\"a\": 1\n \"b\": 2}",
            r#"dna.json:2:2: expected `,` or `}`, found a string
   2 |  "b": 2}
     |  ^
hint: elements are separated by commas: put one at dna.json:1:8"#,
        ),
        (
            "{\n  \"a\": [1, 2}\n}",
            r#"dna.json:2:13: expected `,` or `]`, found `}`
   2 |   "a": [1, 2}
     |             ^
hint: what was opened at dna.json:2:8 is closed by `]`"#,
        ),
        (
            "{a: 1}",
            r#"dna.json:1:2: expected a key, found `a`
   1 | {a: 1}
     |  ^
hint: keys are written with double quotes: `"a"`"#,
        ),
        (
            "{'a': 1}",
            "dna.json:1:2: expected a key, found `'`
   1 | {'a': 1}
     |  ^
hint: strings are written with double quotes",
        ),
        (
            "{\"a\": 'b'}",
            r#"dna.json:1:7: expected a value, found `'`
   1 | {"a": 'b'}
     |       ^
hint: strings are written with double quotes"#,
        ),
        (
            "{\"a\": True, \"b\": 1}",
            r#"dna.json:1:7: expected a value, found `True`
   1 | {"a": True, "b": 1}
     |       ^
hint: JSON writes `true`"#,
        ),
        (
            "{\"a\": nil}",
            r#"dna.json:1:7: expected a value, found `nil`
   1 | {"a": nil}
     |       ^
hint: JSON writes `null`"#,
        ),
        (
            "{\"a\": NaN}",
            r#"dna.json:1:7: expected a value, found `NaN`
   1 | {"a": NaN}
     |       ^
hint: JSON has no such number; write it as a string"#,
        ),
        (
            "{\"a\": word}",
            r#"dna.json:1:7: expected a value, found `word`
   1 | {"a": word}
     |       ^
hint: if it is text, quote it: `"word"`"#,
        ),
        (
            "{\"a\": 1} x",
            r#"dna.json:1:10: expected nothing after the end of the document, found `x`
   1 | {"a": 1} x
     |          ^
hint: a file holds one JSON value; is there a `}` or `]` too many before it?"#,
        ),
        (
            "{\"a\": 1}}",
            r#"dna.json:1:9: expected nothing after the end of the document, found `}`
   1 | {"a": 1}}
     |         ^
hint: a file holds one JSON value; is there a `}` or `]` too many before it?"#,
        ),
        (
            "# comment\n{}",
            "dna.json:1:1: expected a value, found `#`
   1 | # comment
     | ^
hint: comments are written `// ...` or `/* ... */`",
        ),
        (
            "{\"a\": 1, # c\n\"b\": 2}",
            r#"dna.json:1:10: expected a key, found `#`
   1 | {"a": 1, # c
     |          ^
hint: comments are written `// ...` or `/* ... */`"#,
        ),
        (
            "/* open",
            "dna.json:1:1: this comment does not end
   1 | /* open
     | ^
hint: close it with `*/`",
        ),
        (
            "\u{feff}{}",
            "dna.json:1:1: the file begins with a byte order mark, which JSON does not allow
   1 | �{}
     | ^
hint: save it as UTF-8 without BOM",
        ),
        (
            "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}",
            r#"dna.json:3:2: key `a` is given twice; the first is at dna.json:1:2
   3 |  "a": 3}
     |  ^
hint: keep the one that is meant"#,
        ),
        (
            "{\"a\": 0644}",
            r#"dna.json:1:7: a number must not begin with `0`
   1 | {"a": 0644}
     |       ^
hint: leave the zeros out; write a file mode as a string: `"0644"`"#,
        ),
        (
            "[1e400, 123456789012345678901234567890, -0, 0.5]",
            "dna.json:1:2: number `1e400` is too large to be kept exactly
   1 | [1e400, 123456789012345678901234567890, -0, 0.5]
     |  ^
hint: write it as a string, in double quotes
dna.json:1:9: number `123456789012345678901234567890` is too large to be kept exactly
   1 | [1e400, 123456789012345678901234567890, -0, 0.5]
     |         ^
hint: write it as a string, in double quotes",
        ),
        (
            "[-]",
            "dna.json:1:3: expected a digit after `-`
   1 | [-]
     |   ^
hint: a number is written `-1`, `0.5` or `1e3`",
        ),
        (
            "[1.]",
            "dna.json:1:4: expected a digit after the decimal point
   1 | [1.]
     |    ^
hint: a number is written `0.5`",
        ),
        (
            "[1e]",
            "dna.json:1:4: expected a digit in the exponent
   1 | [1e]
     |    ^
hint: a number is written `1e3`",
        ),
        (
            "[.5]",
            "dna.json:1:2: expected a value, found `.`
   1 | [.5]
     |  ^
hint: a number begins with a digit or `-`: `0.5`, `1`",
        ),
        (
            "[\"a\tb\", \"c\u{1}d\"]",
            r#"dna.json:1:4: control character U+0009 in a string
   1 | ["a b", "c�d"]
     |    ^
hint: write it as `\t`
dna.json:1:11: control character U+0001 in a string
   1 | ["a b", "c�d"]
     |           ^
hint: write it as `\u0001`"#,
        ),
        (
            "[\"a\nb\"]",
            r#"dna.json:1:2: this string does not end on its line
   1 | ["a
     |  ^
hint: close it with `"` on the same line; a line break inside a string is written `\n`"#,
        ),
        (
            "[\"abc",
            r#"dna.json:1:2: this string does not end
   1 | ["abc
     |  ^
hint: close it with `"`"#,
        ),
        (
            "[\"abc\\",
            r#"dna.json:1:2: this string does not end
   1 | ["abc\
     |  ^
hint: close it with `"`"#,
        ),
        (
            "[\"\\x\"]",
            r#"dna.json:1:3: `\x` is no escape of JSON
   1 | ["\x"]
     |   ^
hint: the escapes are `\" \\ \/ \b \f \n \r \t \uXXXX`; a backslash itself is `\\`"#,
        ),
        (
            "[\"\\u12\"]",
            r#"dna.json:1:3: `\u` needs four hex digits
   1 | ["\u12"]
     |   ^
hint: as in `\u00e9`; a backslash itself is `\\`"#,
        ),
        (
            "[\"\\ud83d\", \"\\ude00\", \"\\ud83d\\ud83d\"]",
            r#"dna.json:1:3: `\ud83d` is half of a character (a lone surrogate)
   1 | ["\ud83d", "\ude00", "\ud83d\ud83d"]
     |   ^
hint: characters beyond U+FFFF are written as two halves, as in `\ud83d\ude00`, or as themselves
dna.json:1:13: `\ude00` is half of a character (a lone surrogate)
   1 | ["\ud83d", "\ude00", "\ud83d\ud83d"]
     |             ^
hint: characters beyond U+FFFF are written as two halves, as in `\ud83d\ude00`, or as themselves
dna.json:1:23: `\ud83d` is half of a character (a lone surrogate)
   1 | ["\ud83d", "\ude00", "\ud83d\ud83d"]
     |                       ^
hint: characters beyond U+FFFF are written as two halves, as in `\ud83d\ude00`, or as themselves
dna.json:1:29: `\ud83d` is half of a character (a lone surrogate)
   1 | ["\ud83d", "\ude00", "\ud83d\ud83d"]
     |                             ^
hint: characters beyond U+FFFF are written as two halves, as in `\ud83d\ude00`, or as themselves"#,
        ),
        (
            "[\"\u{a0}\"\u{a0}]",
            "dna.json:1:5: expected `,` or `]`, found the character U+00A0\n   1 | [\"\u{a0}\"\u{a0}]\n     |     ^\nhint: elements are separated by commas: put one at dna.json:1:5",
        ),
    ];

    #[test]
    fn bad_input_is_named_with_its_line_and_a_cure() {
        for (input, expected) in BAD {
            assert_eq!(faults(*input), *expected, "for {input:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_have_a_place() {
        insta::assert_snapshot!(faults(b"{\n \"\xc3\xa9\": \"caf\xe9\"}".to_vec()), @r#"
        dna.json:2:11: byte 0xe9 is not UTF-8
           2 |  "é": "caf�"}
             |           ^
        hint: save the file as UTF-8, or convert it: `iconv -f LATIN1 -t UTF-8`
        "#);
        insta::assert_snapshot!(faults(b"\xff\xfe{\0}\0".to_vec()), @"
        dna.json:1:1: the file is UTF-16; it must be UTF-8
        hint: convert it: `iconv -f UTF-16 -t UTF-8 dna.json`
        ");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        for open in ["[", "{\"a\":"] {
            let found = parse(open.repeat(100_000)).expect_err("too deep");
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].message, "lists and objects lie more than 128 deep in each other");
        }
        assert!(parse("[".repeat(128) + &"]".repeat(128)).is_ok());
        assert!(parse("[".repeat(129) + &"]".repeat(129)).is_err());
        insta::assert_snapshot!(Limits::default().fault(Path::new("dna.json"), 1 << 30).unwrap(), @"
        `dna.json` has 1073741824 bytes; brasa reads JSON files of at most 16777216
        hint: is it the right file? attributes need kilobytes; put larger things beside it, in files of a cookbook
        ");
        assert_eq!(Limits::default().fault(Path::new("dna.json"), 16 << 20), None);
        let found = parse(format!("[{}1]", "1,".repeat(250_000))).expect_err("too many");
        assert_eq!(found[0].message, "there are more than 250000 values in this file");
        assert!(parse(format!("[{}1]", "1,".repeat(249_998))).is_ok());
        let limits = Limits { bytes: 3, ..Limits::default() };
        assert!(Document::parse_within(Path::new("f"), b"1234".to_vec(), &limits).is_err());
        assert!(Document::parse_within(Path::new("f"), b"123".to_vec(), &limits).is_ok());
    }

    #[test]
    fn faults_are_not_listed_without_end() {
        let text = format!("{{{}\"b\": 1}}", "\"a\": 1, ".repeat(10_000));
        assert_eq!(parse(text).expect_err("duplicates").len(), 20);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    fn every_place_is_found(document: &Document, pointer: &str, value: &Value) {
        assert_eq!(document.at(pointer).map(|located| located.value()), Some(value), "{pointer}");
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let step = key.replace('~', "~0").replace('/', "~1");
                    every_place_is_found(document, &format!("{pointer}/{step}"), value);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    every_place_is_found(document, &format!("{pointer}/{index}"), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_alike(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let document = parse(text.clone()).unwrap();
            prop_assert_eq!(document.value(), &serde_json::from_str::<Value>(&text).unwrap());
            every_place_is_found(&document, "", document.value());
        }

        #[test]
        fn text_of_json_characters_is_accepted_by_both_or_by_none(
            text in r#"([\[\]{}:, \n]|"[ab]?"|"\\[nu\\/x]?(d83d|0041)?"|-?[0-9]{1,3}(\.[0-9]?)?([eE][+-]?[0-9]?)?|true|false|null|[a-z]){0,12}"#
        ) {
            let theirs = serde_json::from_str::<Value>(&text);
            match parse(text) {
                Ok(document) => prop_assert_eq!(document.value(), &theirs.unwrap()),
                Err(faults) => prop_assert!(
                    theirs.is_err() || faults.iter().all(|fault| fault.message.contains("given twice")),
                    "{:?}", faults
                ),
            }
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), cut in 0_usize..200, flip: u8) {
            let sample = r#"{"a": [1, -2.5e3, "x\ud83d\ude00\n"], /* c */ "b": {"c": null, "d": [true, false]}} // e"#;
            let mut broken = sample.as_bytes()[..cut.min(sample.len())].to_vec();
            broken.extend(&bytes);
            if let Some(byte) = broken.get_mut(cut / 2) {
                *byte ^= flip;
            }
            for input in [broken, bytes] {
                if let Err(faults) = parse(input) {
                    prop_assert!(!faults.is_empty());
                    for fault in faults {
                        prop_assert!(fault.place.is_some() && !fault.hints.is_empty(), "{}", fault);
                    }
                }
            }
        }
    }
}
