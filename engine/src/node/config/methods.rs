//! What Ruby's texts, lists, hashes, numbers and paths can be asked for, as far as settings need it.
use regex_lite::Regex;

use super::{
    Value,
    construct::Construct,
    evaluator::Evaluator,
    parser::Skip,
    paths,
    pattern::Pattern,
    slot::position,
    syntax::{Binary, Block},
};
use crate::host::FileKind;

/// Methods that are read, by what they are asked of.
pub(super) const KNOWN: &[(&str, &[&str])] = &[
    (
        "a string",
        &[
            "[]",
            "capitalize",
            "chomp",
            "delete_prefix",
            "delete_suffix",
            "downcase",
            "empty?",
            "end_with?",
            "gsub",
            "include?",
            "length",
            "lines",
            "lstrip",
            "match?",
            "rstrip",
            "split",
            "start_with?",
            "strip",
            "sub",
            "to_i",
            "to_sym",
            "tr",
            "upcase",
        ],
    ),
    (
        "a list",
        &[
            "[]", "all?", "any?", "compact", "each", "empty?", "find", "first", "flat_map", "flatten", "include?",
            "join", "last", "length", "map", "none?", "reject", "reverse", "select", "sort", "uniq",
        ],
    ),
    (
        "a hash",
        &["[]", "all?", "any?", "dig", "each", "empty?", "fetch", "key?", "keys", "length", "map", "merge", "values"],
    ),
    (
        "a path",
        &[
            "absolute?",
            "basename",
            "cleanpath",
            "directory?",
            "dirname",
            "exist?",
            "expand_path",
            "extname",
            "file?",
            "join",
            "parent",
            "realpath",
            "relative?",
        ],
    ),
    ("a symbol", &["capitalize", "downcase", "empty?", "end_with?", "length", "start_with?", "to_sym", "upcase"]),
    ("a whole number", &["even?", "positive?", "to_i", "zero?"]),
];

/// Methods that every value has, as far as settings need them.
const OF_ALL: [&str; 3] = ["nil?", "tap", "to_s"];

/// The methods of what [`Value::kind`] calls so.
pub(super) fn known(kind: &str) -> impl Iterator<Item = &'static str> + Clone {
    let own = KNOWN.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, own)| *own);
    own.iter().copied().chain(OF_ALL)
}

/// Work that a regular expression is, apart from what it is tried on.
const TO_COMPILE: usize = 10_000;

/// What a method gives: a value, or nothing when there is no such method here.
type Found = Result<Option<Value>, Skip>;

impl Evaluator<'_> {
    pub(super) fn method(
        &mut self,
        receiver: Value,
        name: &str,
        arguments: &[Value],
        block: Option<&Block>,
        at: usize,
    ) -> Result<Value, Skip> {
        if let ("tap", Some(block)) = (name, block) {
            return self.tapped(receiver, block, at);
        }
        let kind = receiver.kind();
        let is_nil = receiver == Value::Nil;
        let found = match (of_all(&receiver, name, arguments), receiver) {
            (Some(value), _) => Some(value),
            (None, Value::String(text)) => self.of_text(&text, name, arguments, at)?,
            (None, Value::Array(items)) => self.of_list(items, name, arguments, block, at)?,
            (None, hash @ Value::Hash(_)) => self.of_hash(&hash, name, arguments, block, at)?,
            (None, Value::Path(path)) => self.of_path(&path, name, arguments, at)?,
            (None, Value::Integer(number)) => of_number(number, name),
            (None, Value::Symbol(word)) => match name {
                "to_sym" => Some(Value::Symbol(word)),
                "downcase" | "upcase" | "capitalize" => {
                    self.of_text(&word, name, arguments, at)?.map(|value| Value::Symbol(value.to_text()))
                }
                "empty?" | "length" | "size" | "start_with?" | "end_with?" => {
                    self.of_text(&word, name, arguments, at)?
                }
                _ => None,
            },
            (None, Value::Nil) => match name {
                "to_a" => Some(Value::Array(Vec::new())),
                "to_i" => Some(Value::Integer(0)),
                "to_h" => Some(Value::Hash(Vec::new())),
                _ => None,
            },
            (None, Value::Pattern(pattern)) => match (name, arguments) {
                ("match?", [text]) => Some(Value::Bool(self.found(text, &pattern, at)?.is_some())),
                _ => None,
            },
            (None, Value::Float(_) | Value::Bool(_) | Value::Constant(_)) => None,
        };
        match found {
            Some(value) => Ok(value),
            None if is_nil => {
                let message = format!("`{name}` is asked of nil");
                let hint = "an environment variable or setting that is not set is nil: give what holds without it, as in \
                            `ENV.fetch(\"NAME\", \"/root\")` or `... || \"/root\"`";
                Err(self.fault(at, message, hint))
            }
            None => Err(self.foreign(at, &Construct::Method(name.to_owned(), kind))),
        }
    }

    fn text<'a>(&mut self, arguments: &'a [Value], number: usize, name: &str, at: usize) -> Result<&'a str, Skip> {
        match arguments.get(number) {
            Some(Value::String(text) | Value::Path(text)) => Ok(text),
            Some(other) => Err(self.no_text(other, name, at)),
            None => Err(self.fault(at, format!("`{name}` needs an argument"), "give it text in quotes")),
        }
    }

    fn regex(&mut self, pattern: &Pattern, text: &str, at: usize) -> Result<Regex, Skip> {
        self.count(TO_COMPILE.saturating_add(pattern.len().saturating_mul(text.len() + 1)), at)?;
        pattern.regex().ok_or_else(|| self.foreign(at, &Construct::Regex))
    }

    /// Where a text matches, in characters; nil matches nothing.
    pub(super) fn found(&mut self, value: &Value, pattern: &Pattern, at: usize) -> Result<Option<usize>, Skip> {
        let (Value::String(text) | Value::Symbol(text) | Value::Path(text)) = value else { return Ok(None) };
        let regex = self.regex(pattern, text, at)?;
        Ok(regex.find(text).map(|found| text[..found.start()].chars().count()))
    }

    /// What texts do with regular expressions.
    fn of_pattern(&mut self, text: &str, name: &str, pattern: &Pattern, more: &[Value], at: usize) -> Found {
        let regex = self.regex(pattern, text, at)?;
        Ok(match (name, more) {
            ("match?", []) => Some(Value::Bool(regex.is_match(text))),
            ("[]", [] | [Value::Integer(_)]) => {
                let group = match more {
                    [Value::Integer(group)] => usize::try_from(*group).unwrap_or(usize::MAX),
                    _ => 0,
                };
                let found = regex.captures(text).and_then(|found| found.get(group));
                Some(found.map_or(Value::Nil, |found| Value::String(found.as_str().to_owned())))
            }
            ("sub" | "gsub", [Value::String(to)]) => {
                self.count((text.len() + 1).saturating_mul(to.len() + 1), at)?;
                // In Ruby a group is `\\1`; a `$` is one.
                let group = Regex::new(r"\\(\d)").expect("a constant");
                let to = group.replace_all(&to.replace('$', "$$"), "$${$1}").into_owned();
                let most = usize::from(name == "sub");
                Some(Value::String(regex.replacen(text, most, to.as_str()).into_owned()))
            }
            ("split", []) if !regex.is_match("") => {
                let mut parts: Vec<_> = regex.split(text).collect();
                while parts.last().is_some_and(|part| part.is_empty()) {
                    parts.pop();
                }
                Some(Value::Array(parts.into_iter().map(|part| Value::String(part.to_owned())).collect()))
            }
            _ => None,
        })
    }

    fn of_text(&mut self, text: &str, name: &str, arguments: &[Value], at: usize) -> Found {
        if let Some((Value::Pattern(pattern), more)) = arguments.split_first() {
            return self.of_pattern(text, name, pattern, more, at);
        }
        let string = |text: &str| Some(Value::String(text.to_owned()));
        let space = |c: char| c.is_whitespace() || c == '\0';
        Ok(match name {
            "strip" => string(text.trim_matches(space)),
            "lstrip" => string(text.trim_start_matches(space)),
            "rstrip" => string(text.trim_end_matches(space)),
            "chomp" if arguments.is_empty() => {
                string(text.strip_suffix("\r\n").or(text.strip_suffix(['\n', '\r'])).unwrap_or(text))
            }
            "chomp" | "delete_suffix" => {
                let end = self.text(arguments, 0, name, at)?;
                string(text.strip_suffix(end).unwrap_or(text))
            }
            "delete_prefix" => {
                let start = self.text(arguments, 0, name, at)?;
                string(text.strip_prefix(start).unwrap_or(text))
            }
            "downcase" => string(&text.to_lowercase()),
            "upcase" => string(&text.to_uppercase()),
            "capitalize" => {
                let mut letters = text.chars();
                let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
                string(&(first + &letters.as_str().to_lowercase()))
            }
            "sub" | "gsub" => {
                let (from, to) = (self.text(arguments, 0, name, at)?, self.text(arguments, 1, name, at)?);
                let count = if name == "sub" { 1 } else { usize::MAX };
                self.count((text.len() + 1).saturating_mul(to.len() + 1), at)?;
                string(&text.replacen(from, to, count))
            }
            "tr" => {
                let (from, to) = (self.text(arguments, 0, name, at)?, self.text(arguments, 1, name, at)?);
                let (mut letters, mut others) = (from.chars(), to.chars());
                match (letters.next(), letters.next(), others.next(), others.next()) {
                    (Some(from), None, Some(to), None) => string(&text.replace(from, to.encode_utf8(&mut [0; 4]))),
                    _ => {
                        return Err(self.fault(
                            at,
                            "`tr` is read for one letter only".to_owned(),
                            "use `.downcase`, `.upcase` or `.gsub(\"a\", \"b\")`",
                        ));
                    }
                }
            }
            "split" => {
                let parts: Vec<&str> = match arguments {
                    [] => text.split_whitespace().collect(),
                    _ => {
                        let by = self.text(arguments, 0, name, at)?;
                        let mut parts: Vec<_> = match by {
                            " " => text.split_whitespace().collect(),
                            by => text.split(by).collect(),
                        };
                        // As Ruby: empty parts at the end are dropped, and so is what an empty separator begins with.
                        while parts.last().is_some_and(|part| part.is_empty()) {
                            parts.pop();
                        }
                        if by.is_empty() && !parts.is_empty() {
                            parts.remove(0);
                        }
                        parts
                    }
                };
                Some(Value::Array(parts.into_iter().map(|part| Value::String(part.to_owned())).collect()))
            }
            "lines" => {
                Some(Value::Array(text.split_inclusive('\n').map(|line| Value::String(line.to_owned())).collect()))
            }
            "to_sym" | "intern" => Some(Value::Symbol(text.to_owned())),
            "to_str" => string(text),
            "to_i" => {
                let start = text.trim_start();
                let digits = start
                    .char_indices()
                    .take_while(|(n, c)| c.is_ascii_digit() || *n == 0 && "+-".contains(*c))
                    .count();
                Some(Value::Integer(start[..digits].parse().unwrap_or_default()))
            }
            "empty?" => Some(Value::Bool(text.is_empty())),
            "length" | "size" => Some(integer(text.chars().count())),
            "include?" => Some(Value::Bool(text.contains(self.text(arguments, 0, name, at)?))),
            "match?" => {
                let pattern = Pattern::new(self.text(arguments, 0, name, at)?, "");
                self.of_pattern(text, name, &pattern, &[], at)?
            }
            // An error that was rescued is its message.
            "message" => string(text),
            "start_with?" | "end_with?" => {
                let mut held = false;
                for number in 0..arguments.len() {
                    let other = self.text(arguments, number, name, at)?;
                    held |= if name == "start_with?" { text.starts_with(other) } else { text.ends_with(other) };
                }
                Some(Value::Bool(held))
            }
            _ => None,
        })
    }

    fn of_list(
        &mut self,
        items: Vec<Value>,
        name: &str,
        arguments: &[Value],
        block: Option<&Block>,
        at: usize,
    ) -> Found {
        if let Some(block) = block {
            return self.each_of(items, name, arguments, block, at);
        }
        Ok(match name {
            "[]" | "at" | "dig" => match arguments {
                [key @ Value::Integer(_)] => {
                    Some(position(key, items.len()).and_then(|place| items.get(place).cloned()).unwrap_or(Value::Nil))
                }
                _ => None,
            },
            "first" if arguments.is_empty() => Some(items.into_iter().next().unwrap_or(Value::Nil)),
            "last" if arguments.is_empty() => Some(items.into_iter().next_back().unwrap_or(Value::Nil)),
            "join" => {
                let between = if arguments.is_empty() { "" } else { self.text(arguments, 0, name, at)? };
                let mut parts = Vec::new();
                flat(items, &mut parts);
                let size = parts.len().saturating_mul(between.len());
                self.count(size, at)?;
                Some(Value::String(parts.iter().map(Value::to_text).collect::<Vec<_>>().join(between)))
            }
            "compact" => Some(Value::Array(items.into_iter().filter(|item| *item != Value::Nil).collect())),
            "flatten" => {
                let mut flattened = Vec::new();
                flat(items, &mut flattened);
                Some(Value::Array(flattened))
            }
            "uniq" => Some(Value::Array(self.unique(items, at)?)),
            "reverse" => Some(Value::Array(items.into_iter().rev().collect())),
            "sort" => {
                let texts: Option<Vec<String>> = items
                    .into_iter()
                    .map(|item| if let Value::String(text) = item { Some(text) } else { None })
                    .collect();
                texts.map(|mut texts| {
                    texts.sort();
                    Value::Array(texts.into_iter().map(Value::String).collect())
                })
            }
            "to_a" | "each" | "map" => Some(Value::Array(items)),
            "empty?" => Some(Value::Bool(items.is_empty())),
            "any?" => Some(Value::Bool(items.iter().any(Value::holds))),
            "none?" => Some(Value::Bool(!items.iter().any(Value::holds))),
            "all?" => Some(Value::Bool(items.iter().all(Value::holds))),
            "length" | "size" | "count" => Some(integer(items.len())),
            "include?" | "member?" => Some(Value::Bool(arguments.first().is_some_and(|wanted| items.contains(wanted)))),
            _ => None,
        })
    }

    /// Methods of lists that take a block.
    fn each_of(&mut self, items: Vec<Value>, name: &str, arguments: &[Value], block: &Block, at: usize) -> Found {
        let (mut kept, mut answers) = (Vec::new(), Vec::new());
        let wanted = match name {
            "map" | "collect" | "flat_map" | "each" | "select" | "filter" | "reject" | "find" | "detect" | "any?"
            | "all?" | "none?" => arguments.is_empty(),
            _ => false,
        };
        if !wanted {
            return Ok(None);
        }
        for item in &items {
            let given: &[Value] = match (block, item) {
                (Block::Of(parameters, _), Value::Array(parts)) if parameters.len() > 1 => parts,
                _ => std::slice::from_ref(item),
            };
            let answer = self.block(block, given, at)?;
            if answer.holds() {
                kept.push(item.clone());
            }
            answers.push(answer);
        }
        Ok(Some(match name {
            "map" | "collect" => Value::Array(answers),
            "flat_map" => Value::Array(answers.iter().flat_map(|answer| answer.each().to_vec()).collect()),
            "each" => Value::Array(items),
            "select" | "filter" => Value::Array(kept),
            "reject" => {
                let pairs = items.into_iter().zip(answers);
                Value::Array(pairs.filter(|(_, answer)| !answer.holds()).map(|(item, _)| item).collect())
            }
            "find" | "detect" => kept.into_iter().next().unwrap_or(Value::Nil),
            "any?" => Value::Bool(!kept.is_empty()),
            "all?" => Value::Bool(kept.len() == items.len()),
            _ => Value::Bool(kept.is_empty()),
        }))
    }

    fn unique(&mut self, items: Vec<Value>, at: usize) -> Result<Vec<Value>, Skip> {
        let mut unique: Vec<Value> = Vec::new();
        for item in items {
            self.count(unique.len(), at)?;
            if !unique.contains(&item) {
                unique.push(item);
            }
        }
        Ok(unique)
    }

    fn of_hash(&mut self, hash: &Value, name: &str, arguments: &[Value], block: Option<&Block>, at: usize) -> Found {
        let Value::Hash(pairs) = hash else { return Ok(None) };
        let first = arguments.first();
        Ok(match name {
            "[]" => first.map(|key| hash.get(key).cloned().unwrap_or(Value::Nil)),
            "dig" => {
                let mut found = Some(hash);
                for key in arguments {
                    found = found.and_then(|hash| hash.get(key));
                }
                Some(found.cloned().unwrap_or(Value::Nil))
            }
            "fetch" => match (first.and_then(|key| hash.get(key)), arguments.get(1), block) {
                (Some(value), ..) => Some(value.clone()),
                (None, Some(other), _) => Some(other.clone()),
                (None, None, Some(block)) => Some(self.block(block, arguments, at)?),
                (None, None, None) => {
                    let shown = first.map(ToString::to_string).unwrap_or_default();
                    let message = format!("the hash has no key `{shown}`");
                    return Err(self.fault(at, message, "give what holds without it: `.fetch(key, value)`"));
                }
            },
            "key?" | "has_key?" | "include?" | "member?" => {
                Some(Value::Bool(first.is_some_and(|key| hash.get(key).is_some())))
            }
            "keys" => Some(Value::Array(pairs.iter().map(|(key, _)| key.clone()).collect())),
            "values" => Some(Value::Array(pairs.iter().map(|(_, value)| value.clone()).collect())),
            "merge" => {
                let mut merged = hash.clone();
                for other in arguments {
                    let Value::Hash(pairs) = other else {
                        return Err(self.fault(at, "`merge` takes a hash".to_owned(), "write `{ key => value }`"));
                    };
                    pairs.iter().cloned().for_each(|(key, value)| merged.put(key, value));
                }
                Some(merged)
            }
            "to_h" | "to_hash" => Some(hash.clone()),
            "empty?" => Some(Value::Bool(pairs.is_empty())),
            "length" | "size" | "count" => Some(integer(pairs.len())),
            "each" | "each_pair" | "map" | "collect" | "any?" | "all?" => {
                let list: Vec<_> =
                    pairs.iter().map(|(key, value)| Value::Array(vec![key.clone(), value.clone()])).collect();
                let each = if name == "each_pair" { "each" } else { name };
                self.of_list(list, each, arguments, block, at)?
            }
            _ => None,
        })
    }

    fn of_path(&mut self, path: &str, name: &str, arguments: &[Value], at: usize) -> Found {
        let found = |path: String| Some(Value::Path(path));
        Ok(match name {
            "to_path" | "to_str" => Some(Value::String(path.to_owned())),
            "dirname" => found(paths::directory(path)),
            "parent" => found(paths::beneath(path, "..")),
            "basename" => {
                let suffix = if arguments.is_empty() { None } else { Some(self.text(arguments, 0, name, at)?) };
                found(paths::name(path, suffix))
            }
            "extname" => Some(Value::String(paths::extension(path))),
            "join" => {
                let mut joined = path.to_owned();
                for number in 0..arguments.len() {
                    joined = paths::beneath(&joined, self.text(arguments, number, name, at)?);
                }
                found(joined)
            }
            "expand_path" => {
                let base = if arguments.is_empty() { None } else { Some(self.text(arguments, 0, name, at)?) };
                found(self.expand(path, base, true, at)?)
            }
            "realpath" => found(self.real(path, at)?),
            "cleanpath" if path.starts_with('/') => found(paths::expand(path, "/")),
            "absolute?" => Some(Value::Bool(path.starts_with('/'))),
            "relative?" => Some(Value::Bool(!path.starts_with('/'))),
            "exist?" | "readable?" => Some(Value::Bool(self.kind_of(path, at)?.is_some())),
            "file?" => Some(Value::Bool(self.kind_of(path, at)? == Some(FileKind::File))),
            "directory?" => Some(Value::Bool(self.kind_of(path, at)? == Some(FileKind::Directory))),
            "mkpath" | "mkdir" => {
                self.note(at, format!("`Pathname#{name}` is not done: reading settings changes nothing"));
                Some(Value::Nil)
            }
            _ => None,
        })
    }

    /// `left OPERATOR right`.
    pub(super) fn binary(&mut self, binary: Binary, left: Value, right: Value, at: usize) -> Result<Value, Skip> {
        let value = match (binary, left, right) {
            (Binary::Match, text, Value::Pattern(pattern)) | (Binary::Match, Value::Pattern(pattern), text) => {
                self.found(&text, &pattern, at)?.map_or(Value::Nil, integer)
            }
            (Binary::NoMatch, text, Value::Pattern(pattern)) | (Binary::NoMatch, Value::Pattern(pattern), text) => {
                Value::Bool(self.found(&text, &pattern, at)?.is_none())
            }
            (Binary::Equal, left, right) => Value::Bool(equal(&left, &right)),
            (Binary::Unequal, left, right) => Value::Bool(!equal(&left, &right)),
            (Binary::Add, Value::String(left), Value::String(right) | Value::Path(right)) => {
                Value::String(left + &right)
            }
            (Binary::Add | Binary::Divide, Value::Path(left), Value::String(right) | Value::Path(right)) => {
                Value::Path(paths::beneath(&left, &right))
            }
            (Binary::Add, Value::Array(mut left), Value::Array(right)) => {
                left.extend(right);
                Value::Array(left)
            }
            (Binary::Append, Value::Array(mut left), right) => {
                left.push(right);
                Value::Array(left)
            }
            (Binary::Append, Value::String(left), Value::String(right)) => Value::String(left + &right),
            (Binary::Subtract, Value::Array(left), Value::Array(right)) => {
                self.count(left.len().saturating_mul(right.len()), at)?;
                Value::Array(left.into_iter().filter(|item| !right.contains(item)).collect())
            }
            (Binary::Intersection, Value::Array(left), Value::Array(right)) => {
                self.count(left.len().saturating_mul(right.len()), at)?;
                Value::Array(left.into_iter().filter(|item| right.contains(item)).collect())
            }
            (Binary::Union, Value::Array(mut left), Value::Array(right)) => {
                left.extend(right);
                Value::Array(self.unique(left, at)?)
            }
            (Binary::Multiply, Value::String(text), Value::Integer(times)) => {
                let times = usize::try_from(times).unwrap_or_default();
                self.count(text.len().saturating_mul(times), at)?;
                Value::String(text.repeat(times))
            }
            (binary, Value::Integer(left), Value::Integer(right)) => match of_numbers(binary, left, right) {
                Some(value) => value,
                None => {
                    let message = format!("`{left} {} {right}` gives no number", binary.sign());
                    return Err(self.fault(at, message, "write the result as a number"));
                }
            },
            (Binary::Less, Value::String(left), Value::String(right)) => Value::Bool(left < right),
            (Binary::LessOrEqual, Value::String(left), Value::String(right)) => Value::Bool(left <= right),
            (Binary::Greater, Value::String(left), Value::String(right)) => Value::Bool(left > right),
            (Binary::GreaterOrEqual, Value::String(left), Value::String(right)) => Value::Bool(left >= right),
            (binary, left, right) => {
                let message = format!("`{}` does not go with {} and {}", binary.sign(), left.kind(), right.kind());
                let hint = if left == Value::Nil || right == Value::Nil {
                    "an environment variable that is not set is nil: give what holds without it, as in \
                     `ENV.fetch(\"NAME\", \"/root\")`"
                } else if left.is_compound() || right.is_compound() {
                    "write the values out, as in `[\"one\", \"two\"]`"
                } else if binary != Binary::Add {
                    "write the value itself"
                } else {
                    "make it text with `.to_s`, or write `\"#{...}\"`"
                };
                return Err(self.fault(at, message, hint));
            }
        };
        Ok(value)
    }
}

/// Methods that every value has.
fn of_all(value: &Value, name: &str, arguments: &[Value]) -> Option<Value> {
    Some(match name {
        "to_s" if arguments.is_empty() => Value::String(value.to_text()),
        "inspect" => Value::String(value.to_string()),
        "nil?" => Value::Bool(*value == Value::Nil),
        "freeze" | "dup" | "clone" | "itself" => value.clone(),
        "==" | "eql?" | "equal?" => Value::Bool(equal(value, arguments.first()?)),
        _ => return None,
    })
}

fn of_number(number: i64, name: &str) -> Option<Value> {
    Some(match name {
        "to_i" => Value::Integer(number),
        "zero?" => Value::Bool(number == 0),
        "positive?" => Value::Bool(number > 0),
        "even?" => Value::Bool(number % 2 == 0),
        _ => return None,
    })
}

/// Ruby's whole numbers: division and remainder go down.
fn of_numbers(binary: Binary, left: i64, right: i64) -> Option<Value> {
    let number = match binary {
        Binary::Add => left.checked_add(right)?,
        Binary::Subtract => left.checked_sub(right)?,
        Binary::Multiply => left.checked_mul(right)?,
        Binary::Divide => {
            let down = i64::from(left.checked_rem(right)? != 0 && (left < 0) != (right < 0));
            left.checked_div(right)? - down
        }
        Binary::Remainder => {
            let remainder = left.checked_rem(right)?;
            if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder }
        }
        Binary::Union => left | right,
        Binary::Intersection => left & right,
        Binary::Append => left.checked_shl(u32::try_from(right).ok().filter(|bits| *bits < 63)?)?,
        Binary::Less => return Some(Value::Bool(left < right)),
        Binary::LessOrEqual => return Some(Value::Bool(left <= right)),
        Binary::Greater => return Some(Value::Bool(left > right)),
        Binary::GreaterOrEqual => return Some(Value::Bool(left >= right)),
        Binary::Equal => return Some(Value::Bool(left == right)),
        Binary::Unequal => return Some(Value::Bool(left != right)),
        Binary::Match | Binary::NoMatch => return None,
    };
    Some(Value::Integer(number))
}

/// Ruby's `==`: numbers by value, everything else by kind and content.
#[allow(clippy::cast_precision_loss, reason = "Ruby compares them so")]
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Integer(whole), Value::Float(number)) | (Value::Float(number), Value::Integer(whole)) => {
            *whole as f64 == *number
        }
        (left, right) => left == right,
    }
}

fn flat(items: Vec<Value>, into: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Array(inner) => flat(inner, into),
            item => into.push(item),
        }
    }
}

fn integer(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
