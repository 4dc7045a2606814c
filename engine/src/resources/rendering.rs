//! Tera as templates and expressions have it: its filters, its bounds, and what it finds wrong.
use std::{
    borrow::Cow,
    io,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use tera::{ErrorKind, Kwargs, Tera, TeraResult};

use crate::suggest;

/// Tera as templates and expressions have it.
pub(crate) fn engine() -> Tera {
    let mut tera = Tera::new();
    // These are configuration files: there is no HTML to be made safe.
    tera.autoescape_on(Vec::<&str>::new());
    tera.register_filter("sh", |value: &tera::Value, _: Kwargs, _: &tera::State| shell_words(value));
    tera.register_filter("json", |value: &tera::Value, _: Kwargs, _: &tera::State| {
        serde_json::to_string(value).map_err(|error| tera::Error::message(format!("cannot be JSON: {error}")))
    });
    tera
}

/// A text becomes at most so many bytes.
const MOST_BYTES: usize = 16 << 20;
/// In one text `range` counts so far at most, all calls together.
const MOST_NUMBERS: usize = 100_000;

/// Renders `text`, so that a slip in it costs no more time and memory than there is.
pub(crate) fn bounded(
    tera: &Tera,
    text: &str,
    render: impl FnOnce(&Tera, &mut Output) -> TeraResult<()>,
) -> TeraResult<String> {
    let mut output = Output::default();
    let rendered = if text.contains("range") {
        let (mut counting, left) = (tera.clone(), AtomicUsize::new(MOST_NUMBERS));
        counting.register_function("range", move |words: Kwargs, _: &tera::State| range(&words, &left));
        render(&counting, &mut output)
    } else {
        render(tera, &mut output)
    };
    if output.is_full {
        return Err(tera::Error::message(format!("this becomes more than {} MiB of text", MOST_BYTES >> 20)));
    }
    rendered?;
    String::from_utf8(output.bytes).map_err(|error| tera::Error::message(error.to_string()))
}

/// What a rendering writes, up to a limit.
#[derive(Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MOST_BYTES {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tera's `range`, which takes what it gives from what is left.
fn range(words: &Kwargs, left: &AtomicUsize) -> TeraResult<Vec<i64>> {
    let (start, end) = (words.get::<i64>("start")?.unwrap_or_default(), words.must_get::<i64>("end")?);
    let step = words.get::<i64>("step_by")?.unwrap_or(1);
    if step == 0 {
        return Err(tera::Error::message("`step_by` of `range` is 0"));
    }
    if step > 0 && start > end {
        return Err(tera::Error::message("`start` of `range` is greater than `end`"));
    }
    let mut numbers = Vec::new();
    let mut next = Some(start);
    while let Some(number) = next.filter(|number| if step > 0 { *number < end } else { *number > end }) {
        if left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            let message = format!("`range` gives more than {MOST_NUMBERS} numbers in this text, all calls together");
            return Err(tera::Error::message(message));
        }
        numbers.push(number);
        next = number.checked_add(step);
    }
    Ok(numbers)
}

/// Line and column of an offset in a text, and the line with a caret below it.
pub(crate) fn excerpt(text: &str, offset: usize) -> Option<(usize, usize, String)> {
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    let margin = " ".repeat(line.to_string().len());
    let indent: String = shown.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    Some((line, column, format!("{line} | {shown}\n{margin} | {indent}^")))
}

/// Something that tera found wrong.
pub(crate) struct Wrong {
    pub sentence: String,
    /// Where in the text, when that is known.
    pub offset: Option<usize>,
}

/// What tera found wrong in a text, from top to bottom.
pub(crate) fn wrong(error: &tera::Error, text: &str) -> Vec<Wrong> {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            vec![Wrong { sentence: lower_first(report.message()), offset: Some(report.span().range.start) }]
        }
        // Tera's list may grow. Unknown filters and the like come as drawn reports in one message: `error: SENTENCE`, below it
        // `--> NAME:LINE:COLUMN`.
        _ => {
            let message = error.to_string();
            let report = |report: &str| {
                let (line, drawn) = report.split_once('\n').unwrap_or((report, ""));
                let place = drawn.trim_start().strip_prefix("--> ").and_then(|line| line.lines().next());
                Wrong {
                    sentence: lower_first(line.strip_prefix("error: ").unwrap_or(line)),
                    offset: place.and_then(|place| offset_of(text, place)),
                }
            };
            let mut all: Vec<Wrong> = message.split("\n\nerror: ").map(report).collect();
            all.sort_by_key(|wrong| wrong.offset);
            all
        }
    }
}

/// The offset of a place that ends in `:LINE:COLUMN`.
fn offset_of(text: &str, place: &str) -> Option<usize> {
    let mut parts = place.rsplit(':');
    let mut number = || parts.next()?.parse::<usize>().ok()?.checked_sub(1);
    let (column, line) = (number()?, number()?);
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let column: usize = text.get(start..)?.chars().take(column).map(char::len_utf8).sum();
    Some(start + column)
}

/// What may stand in templates, by the words of tera's sentences; tera does not list what it has.
pub(crate) const WORDS: [(&str, &str); 3] = [
    (
        "filter",
        "abs capitalize default escape escape_html escape_xml first float get group_by indent int join json keys last length \
         lower newlines_to_br nth pairs pluralize replace reverse round safe sh sort split str title trim trim_end \
         trim_start truncate unique upper values wordcount",
    ),
    (
        "test",
        "array bool containing defined divisible_by ending_with even float integer iterable map none number odd \
         starting_with string undefined",
    ),
    ("function", "range throw"),
];

/// What to write in place of a filter, test or function that is not known; `more` are further ones, each with its sort.
pub(crate) fn known_words(sentence: &str, more: &[(&str, &str)]) -> Option<String> {
    let (sort, rest) = sentence.strip_prefix("unknown ")?.split_once(" `")?;
    let (_, words) = WORDS.iter().find(|(known, _)| *known == sort)?;
    let more = more.iter().filter(|(of, _)| *of == sort).map(|(_, word)| *word);
    Some(suggest::hint(rest.trim_end_matches('`'), words.split(' ').chain(more)))
}

fn lower_first(sentence: &str) -> String {
    let mut chars = sentence.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Quotes a value for a shell: text as one word, a list as its words.
fn shell_words(value: &tera::Value) -> String {
    let quote = |value: &tera::Value| {
        let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    match value.as_array() {
        Some(items) => items.iter().map(quote).collect::<Vec<_>>().join(" "),
        None => quote(value),
    }
}

/// The path of the first variable that is a `Secret`, by what it serializes as.
pub(crate) fn hidden(value: &tera::Value) -> Option<String> {
    if let Some(fields) = value.as_map() {
        return fields.iter().find_map(|(key, value)| {
            let key = key.as_str().unwrap_or("?");
            hidden(value).map(|rest| if rest.is_empty() { key.to_owned() } else { format!("{key}.{rest}") })
        });
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(hidden);
    }
    (value.as_str() == Some("(secret)")).then(String::new)
}

/// Where a template first uses a variable. Tera lists the variables without their places.
pub(crate) fn find_variable(text: &str, variable: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(open) = ["{{", "{%"].iter().filter_map(|tag| text[from..].find(tag)).min() {
        let start = from + open + 2;
        let close = if text[from + open..].starts_with("{{") { "}}" } else { "%}" };
        let end = text[start..].find(close).map_or(text.len(), |end| start + end);
        if let Some(at) = find_word(&text[start..end], variable) {
            return Some(start + at);
        }
        from = end;
    }
    None
}

/// The word, where it stands by itself: not in quotes, not behind a dot, not the name of an argument.
fn find_word(expression: &str, word: &str) -> Option<usize> {
    let (mut quote, mut before) = (None, ' ');
    let part = |c: char| c.is_alphanumeric() || c == '_';
    for (at, c) in expression.char_indices() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if "\"'`".contains(c) => quote = Some(c),
            None if expression[at..].starts_with(word) && !part(before) && before != '.' => {
                let after = &expression[at + word.len()..];
                let next = after.trim_start();
                let argument = next.starts_with('=') && !next.starts_with("==");
                if !after.starts_with(part) && !argument {
                    return Some(at);
                }
            }
            None => {}
        }
        before = c;
    }
    None
}
