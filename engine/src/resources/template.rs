//! `template[path]`: a file whose content is rendered when the recipe is compiled.
use std::{
    borrow::Cow,
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde::Serialize;
use serde_json::Value as Json;
use tera::{Context, Tera};

pub use super::file::{
    Action,
    Action::{Create, CreateIfMissing, Delete, Touch},
};
use super::{
    file::{File, State, with_file_properties},
    rendering::{Wrong, bounded, engine, excerpt, find_variable, hidden, known_words, wrong},
};
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
mod tests;
