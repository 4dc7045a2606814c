//! `template[path]`: a file whose content is rendered when the recipe is compiled.
use std::{
    borrow::Cow,
    fmt, io,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use serde::Serialize;
use serde_json::Value as Json;
use tera::{Context, ErrorKind, Kwargs, Tera, TeraResult};

pub use super::file::{
    Action,
    Action::{Create, CreateIfMissing, Delete, Touch},
};
use super::file::{File, State, with_file_properties};
use crate::{
    Error, Fault, Result,
    host::{Op, Probe},
    resource::{Change, Content, Found, Goal, Property, Resource},
    suggest,
    values::{Place, is_printed},
};

/// A template's text with the type of the variables it takes. Declare it as a `static`, not a `const`: then it is parsed
/// once however often it is rendered.
///
/// ```
/// use brasa::prelude::*;
///
/// #[derive(serde::Serialize)]
/// struct Motd<'a> {
///     name: &'a str,
/// }
/// static MOTD: template::Source<Motd> = template::Source::new("motd.tera", "Welcome to {{ name }}\n");
///
/// let motd = Template::render("/etc/motd", &MOTD, Motd { name: "web1" })?.mode(0o644);
/// assert_eq!(motd.text(), "Welcome to web1\n");
/// # Ok::<(), Error>(())
/// ```
pub struct Source<V> {
    text: Text,
    variables: PhantomData<fn(V)>,
}

impl<V> Source<V> {
    /// A template by its name, which faults show, and its text, which usually is `include_str!("../templates/NAME")`.
    #[must_use]
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self { text: Text::new(Cow::Borrowed(name), Cow::Borrowed(text)), variables: PhantomData }
    }
}

/// The text of a template, parsed when it is first rendered.
pub struct Text {
    name: Cow<'static, str>,
    text: Cow<'static, str>,
    parsed: OnceLock<Result<Parsed, Vec<Fault>>>,
}

struct Parsed {
    tera: Tera,
    /// Every variable the template uses, in whatever branch.
    variables: Vec<String>,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({})", self.name)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(Cow::Borrowed("source"), Cow::Owned(text))
    }
}

impl Property for Text {
    const TYPE: &'static str = "template text";

    fn from_json(value: &Json) -> Result<Self, String> {
        String::from_json(value).map(Self::from)
    }
}

/// Variables of a template that is given as data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables(serde_json::Map<String, Json>);

impl From<serde_json::Map<String, Json>> for Variables {
    fn from(variables: serde_json::Map<String, Json>) -> Self {
        Self(variables)
    }
}

impl Property for Variables {
    const TYPE: &'static str = "object";

    fn from_json(value: &Json) -> Result<Self, String> {
        value.as_object().cloned().map(Self).ok_or_else(|| format!("expected an object, found {value}"))
    }
}

with_file_properties! {
    /// A file rendered from a template (tera's language, which is that of Jinja2). It is rendered when the recipe is
    /// compiled: a variable that the template uses and the recipe does not give is found before anything is changed, also
    /// in a branch that is not taken. Filters beside tera's: `sh` quotes a value (or each of a list) for a shell, `json`
    /// writes it as JSON. Nothing is escaped for HTML. A template with a secret in it should be declared `sensitive`.
    pub struct Template("path") extends file: File {
        /// The template's text. Rust recipes give it by `Template::render`.
        source: Text,
        /// The variables. Rust recipes give a struct to `Template::render`.
        variables: Variables,
    }
    example r#"r.add(Template::render("/etc/motd", &MOTD, Motd { name: "web1" })?.mode(0o644));"#
}

impl Template {
    /// The file at this absolute path, with the template rendered from the fields of `variables`. A field that may be
    /// absent must be serialized all the same, as `null`.
    ///
    /// # Errors
    /// [`Error::Faults`]: a variable that `variables` lacks, a mistake in the template, each with its name and line.
    pub fn render<V: Serialize>(path: impl Into<PathBuf>, source: &Source<V>, variables: V) -> Result<Self> {
        let text = source.text.render(&variables, short_type_name::<V>()).map_err(Error::Faults)?;
        Ok(Self::bare(File::at(path).content(text)))
    }

    /// The rendered text; empty when the template is not rendered yet because it is given as data.
    #[must_use]
    pub fn text(&self) -> &str {
        let bytes = self.file.known_content().and_then(|content| content.blob.bytes()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn content(&self) -> Result<Content, Vec<Fault>> {
        match (self.file.known_content(), &self.source) {
            (Some(content), _) => Ok(content.clone()),
            (None, Some(source)) => {
                let none = Variables::default();
                let variables = self.variables.as_ref().unwrap_or(&none);
                source.render(&variables.0, "variables").map(Content::from)
            }
            (None, None) => {
                Err(vec![Fault::new("it has no source").hint("give the template's text as its property `source`")])
            }
        }
    }
}

/// `Script` for `bind::dynamic_dns::Script<'_>`.
fn short_type_name<V>() -> &'static str {
    let name = std::any::type_name::<V>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

impl Text {
    const fn new(name: Cow<'static, str>, text: Cow<'static, str>) -> Self {
        Self { name, text, parsed: OnceLock::new() }
    }

    /// A text by the name that faults show.
    pub(crate) const fn named(name: String, text: String) -> Self {
        Self::new(Cow::Owned(name), Cow::Owned(text))
    }

    fn parsed(&self) -> Result<&Parsed, Vec<Fault>> {
        self.parsed.get_or_init(|| self.parse()).as_ref().map_err(Vec::clone)
    }

    fn parse(&self) -> Result<Parsed, Vec<Fault>> {
        let mut tera = engine();
        tera.add_raw_template(&self.name, &self.text).map_err(|error| self.faults(&error))?;
        let variables = tera.get_template_variables(&self.name).map_err(|error| self.faults(&error))?;
        let mut variables: Vec<String> = variables.into_iter().map(str::to_owned).collect();
        variables.sort_unstable();
        Ok(Parsed { tera, variables })
    }

    fn render<V: Serialize + ?Sized>(&self, variables: &V, of: &str) -> Result<String, Vec<Fault>> {
        let parsed = self.parsed()?;
        let value = tera::Value::try_from_serializable(variables).map_err(|error| self.faults(&error))?;
        let Some(fields) = value.as_map() else {
            let message = format!("template `{}`: its variables are no struct or map: {}", self.name, value.name());
            return Err(vec![Fault::new(message)]);
        };
        let mut known: Vec<&str> = fields.keys().filter_map(|key| key.as_str()).collect();
        known.sort_unstable();
        let unknown = parsed.variables.iter().filter(|used| known.binary_search(&used.as_str()).is_err());
        let mut unknown: Vec<_> = unknown.map(|used| (find_variable(&self.text, used), used)).collect();
        unknown.sort_unstable();
        let mut faults = Vec::new();
        for (place, used) in unknown {
            let message = format!("template `{}` uses `{used}`, which `{of}` does not have", self.name);
            faults.push(self.fault_at(message, place).hint(suggest::hint(used, known.iter().copied())));
        }
        if let Some(path) = hidden(&value) {
            let message =
                format!("template `{}`: variable `{path}` is a secret, which prints as `(secret)`", self.name);
            faults.push(Fault::new(message).hint("give its text, `.expose()`, and declare the template `sensitive`"));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let context = Context::from_serialize(&value).map_err(|error| self.faults(&error))?;
        let rendered = bounded(&parsed.tera, &self.text, |tera, output| tera.render_to(&self.name, &context, output))
            .map_err(|error| self.faults(&error))?;
        if is_printed(&rendered) && !is_printed(&self.text) {
            let fault =
                Fault::new(format!("template `{}` prints a value that is encrypted with age as it is", self.name));
            let fault = fault
                .hint("give it decrypted: in a data recipe, `variables: {password: \"{{ node.password | secret }}\"}`");
            return Err(vec![
                fault.hint("in Rust, a field that is a `Secret`, `.expose()`, in a template that is `sensitive`"),
            ]);
        }
        Ok(rendered)
    }

    /// What tera found wrong, each with the line of the template.
    fn faults(&self, error: &tera::Error) -> Vec<Fault> {
        let fault = |Wrong { sentence, offset }| {
            let fault = self.fault_at(format!("template `{}`: {sentence}", self.name), offset);
            known_words(&sentence, &[]).into_iter().fold(fault, Fault::hint)
        };
        wrong(error, &self.text).into_iter().map(fault).collect()
    }

    fn fault_at(&self, message: String, offset: Option<usize>) -> Fault {
        let mut fault = Fault::new(message);
        if let Some((line, column, excerpt)) = offset.and_then(|offset| excerpt(&self.text, offset)) {
            fault.excerpt = Some(excerpt);
            fault.place = Some(Place::File { path: Path::new(&*self.name).into(), line, column });
        }
        fault
    }
}

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
const WORDS: [(&str, &str); 3] = [
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
fn hidden(value: &tera::Value) -> Option<String> {
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
fn find_variable(text: &str, variable: &str) -> Option<usize> {
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

impl Resource for Template {
    const KIND: &'static str = "template";
    const BATCH: Option<&'static str> = File::BATCH;
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.file.name()
    }

    fn batch(&self) -> Option<&'static str> {
        self.file.batch()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.file.check();
        match self.content() {
            Err(more) => faults.extend(more),
            // Of a content that is there already, the file has told.
            Ok(content) if self.file.known_content().is_none() => {
                faults.extend(self.file.checksum_fault(Some(&content)));
            }
            Ok(_) => {}
        }
        faults
    }

    fn is_sensitive(&self) -> bool {
        self.file.is_sensitive()
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file.read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        self.file.found(probe)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.file.goal(action, now, probe, &|| self.content().map(|content| Some(content.blob)).map_err(Error::Faults))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file.ops(change)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::{Source, Template, Text};
    use crate::{
        Error,
        resource::{Described as _, Resource as _},
        values::Secret,
    };

    #[derive(Serialize)]
    struct Script<'a> {
        hostname: &'a str,
        servers: Vec<&'a str>,
        ttl: Option<u32>,
    }

    const SCRIPT: Script = Script { hostname: "it's", servers: vec![], ttl: None };

    fn faults<V: Serialize>(text: &'static str, variables: V) -> Vec<String> {
        match Template::render("/x", &Source::<V>::new("ddns.tera", text), variables) {
            Err(Error::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
            Err(error) => panic!("{error}"),
            Ok(template) => panic!("rendered {}", template.text()),
        }
    }

    #[test]
    fn text_is_rendered_without_escaping_for_html() {
        static SOURCE: Source<Script> = Source::new(
            "a",
            "<{{ hostname }}>{% for s in servers %} {{ s }}{% endfor %}{% if ttl %}{{ ttl }}{% endif %}\n",
        );
        let script = Script { hostname: "a & \"b\"", servers: vec!["x", "y"], ttl: None };
        assert_eq!(Template::render("/x", &SOURCE, script).unwrap().text(), "<a & \"b\"> x y\n");
    }

    #[test]
    fn values_are_quoted_for_a_shell_and_for_json() {
        static SOURCE: Source<Script> = Source::new(
            "a",
            "{{ hostname | sh }} {{ servers | sh }} {{ ttl | sh }} {{ hostname | json }} {{ servers | json }}",
        );
        let script = Script { hostname: "it's $HOME", servers: vec!["a b", "c"], ttl: Some(60) };
        let text = r#"'it'\''s $HOME' 'a b' 'c' '60' "it's $HOME" ["a b","c"]"#;
        assert_eq!(Template::render("/x", &SOURCE, script).unwrap().text(), text);
    }

    #[test]
    fn what_would_take_all_time_or_memory_is_refused() {
        for (text, said) in [
            (
                "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}",
                "template `t`: `range` gives more than 100000 numbers in this text, all calls together",
            ),
            ("{{ range(end=9000000000000000000) }}", "`range` gives more than 100000 numbers"),
            ("{{ range(end=2, step_by=0) }}", "`step_by` of `range` is 0"),
            ("{{ range(start=2, end=1) }}", "`start` of `range` is greater than `end`"),
            (
                "{% for a in range(end=300) %}{% for b in v %}{{ b }}{% endfor %}{% endfor %}",
                "template `t`: this becomes more than 16 MiB of text",
            ),
        ] {
            let text = Text::named("t".to_owned(), text.to_owned());
            let faults = text.render(&json!({"v": ["x".repeat(60_000)]}), "variables").unwrap_err();
            assert!(faults[0].message.contains(said), "{}", faults[0]);
        }
        let text = "{{ range(end=3) }} {{ range(start=5, end=1, step_by=-2) }} {{ range(end=100000 - 5) | length }}";
        let text = Text::named("t".to_owned(), text.to_owned());
        for _ in 0..2 {
            assert_eq!(text.render(&json!({}), "variables").unwrap(), "[0, 1, 2] [5, 3] 99995");
        }
    }

    #[test]
    fn every_unknown_variable_is_found_also_in_a_branch_that_is_not_taken() {
        let text = "host {{ hostname }}\n{% if false %}\n\t{{ hostnme }} {{ x.zone }}\n{% endif %}\n";
        assert_eq!(
            faults(text, SCRIPT),
            [
                "ddns.tera:3:5: template `ddns.tera` uses `hostnme`, which `Script` does not have\n\
                 3 | \t{{ hostnme }} {{ x.zone }}\n  | \t   ^\n\
                 hint: did you mean `hostname`?",
                "ddns.tera:3:19: template `ddns.tera` uses `x`, which `Script` does not have\n\
                 3 | \t{{ hostnme }} {{ x.zone }}\n  | \t                 ^\n\
                 hint: known are `hostname`, `servers`, `ttl`",
            ]
        );
    }

    #[test]
    fn the_place_of_a_variable_is_not_that_of_a_word_like_it() {
        let text = "zone {{ hostname }}{{ \"zone\" }}{{ hostname | replace(from=\"a\", to=zone) }}";
        assert!(faults(text, SCRIPT)[0].starts_with("ddns.tera:1:67: "), "{:?}", faults(text, SCRIPT));
    }

    #[test]
    fn a_mistake_in_the_template_is_shown_with_its_line() {
        assert_eq!(
            faults("a\n{% if ttl %}\nb\n", SCRIPT),
            ["ddns.tera:2:13: template `ddns.tera`: unexpected end of input\n2 | {% if ttl %}\n  |             ^"]
        );
        assert_eq!(
            faults("a\n  {{ hostname.first }}\n", SCRIPT),
            [
                "ddns.tera:2:15: template `ddns.tera`: field `first` is not defined\n2 |   {{ hostname.first }}\n  |               ^"
            ]
        );
    }

    #[test]
    fn every_unknown_filter_test_and_function_is_told_with_what_is_known() {
        let text = "é {{ hostname | uper }}\n{% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}";
        insta::assert_snapshot!(faults(text, SCRIPT).join("\n"), @"
        ddns.tera:1:17: template `ddns.tera`: unknown filter `uper`
        1 | é {{ hostname | uper }}
          |                 ^
        hint: did you mean `upper`?
        ddns.tera:2:14: template `ddns.tera`: unknown test `evn`
        2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
          |              ^
        hint: did you mean `even`?
        ddns.tera:2:23: template `ddns.tera`: unknown function `rang`
        2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
          |                       ^
        hint: did you mean `range`?
        ddns.tera:2:57: template `ddns.tera`: unknown filter `nope`
        2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
          |                                                         ^
        hint: known are `abs`, `capitalize`, `default`, `escape`, `escape_html`, `escape_xml`, `first`, `float`, `get`, `group_by`, `indent`, `int`, `join`, `json`, `keys`, `last`, `length`, `lower`, `newlines_to_br`, `nth`, `pairs`, `pluralize`, `replace`, `reverse`, `round`, `safe`, `sh`, `sort`, `split`, `str`, `title`, `trim`, `trim_end`, `trim_start`, `truncate`, `unique`, `upper`, `values`, `wordcount`
        ddns.tera:2:67: template `ddns.tera`: unknown function `x`
        2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
          |                                                                   ^
        hint: known are `range`, `throw`
        ");
    }

    #[test]
    fn every_word_that_hints_name_is_one() {
        let mut tera = super::engine();
        for (sort, words) in super::WORDS {
            for word in words.split(' ') {
                let text = match sort {
                    "filter" => format!("{{{{ 1 | {word} }}}}"),
                    "test" => format!("{{{{ 1 is {word} }}}}"),
                    _ => format!("{{{{ {word}() }}}}"),
                };
                assert!(tera.add_raw_template("x", &text).is_ok(), "{sort} {word}");
            }
        }
    }

    #[test]
    fn a_secret_is_not_printed_as_a_placeholder() {
        #[derive(Serialize)]
        struct Key {
            tsig: Inner,
        }
        #[derive(Serialize)]
        struct Inner {
            secret: Secret,
        }
        let key = Key { tsig: Inner { secret: "canary".into() } };
        assert_eq!(
            faults("{{ tsig.secret }}", key),
            ["template `ddns.tera`: variable `tsig.secret` is a secret, which prints as `(secret)`\n\
              hint: give its text, `.expose()`, and declare the template `sensitive`"]
        );
    }

    #[test]
    fn variables_must_be_named() {
        assert_eq!(faults("x", 7), ["template `ddns.tera`: its variables are no struct or map: i64"]);
    }

    #[test]
    fn a_source_is_parsed_once() {
        static SOURCE: Source<Script> = Source::new("a", "{{ hostname }}");
        let parsed = || std::ptr::from_ref(SOURCE.text.parsed().unwrap());
        let first = parsed();
        Template::render("/x", &SOURCE, SCRIPT).unwrap();
        assert_eq!(parsed(), first);
    }

    #[test]
    fn data_gives_the_text_and_the_variables_and_what_every_file_has() {
        let mut template = Template::with_name("/etc/motd");
        assert_eq!(template.check()[0].message, "it has no source");
        template.set("source", &json!("{{ greeting }} {{ nam }}\n")).unwrap();
        template.set("variables", &json!({"greeting": "hello", "name": "web1"})).unwrap();
        template.set("mode", &json!("0600")).unwrap();
        let faults: Vec<_> = template.check().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            ["source:1:19: template `source` uses `nam`, which `variables` does not have\n\
              1 | {{ greeting }} {{ nam }}\n  |                   ^\nhint: did you mean `name`?"]
        );
        assert_eq!(template.file.mode, Some(0o600.into()));
        let names: Vec<_> = Template::PROPERTIES.iter().map(|property| property.name).collect();
        assert_eq!(
            names,
            [
                "source",
                "variables",
                "mode",
                "owner",
                "group",
                "checksum",
                "backup",
                "verify",
                "manage_symlink_source",
                "force_unlink"
            ]
        );
        assert_eq!(template.set("moed", &json!("0600")), Err("no property `moed`; did you mean `mode`?".to_owned()));
    }
}
