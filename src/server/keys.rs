//! A table of a TOML file, read key by key: what was asked for is what is known, and all else is a slip.
use brasa::{
    Fault,
    node::json::{Document, Located, kind},
    suggest,
};
use serde_json::Value;

/// A table whose keys are asked for one by one; [`Keys::end`] finds those that nobody asked for.
pub struct Keys<'d> {
    /// What it is called in messages: empty for the file itself, else as `local`.
    name: String,
    table: Option<Located<'d>>,
    /// Where a fault is that has no place in the table: the table itself, or what it would be in.
    around: Located<'d>,
    asked: Vec<&'static str>,
    /// What is wrong so far, in the order in which it was found.
    pub faults: Vec<Fault>,
}

impl<'d> Keys<'d> {
    /// The whole document.
    pub fn of(document: &'d Document) -> Self {
        let around = document.root();
        Self { name: String::new(), table: Some(around), around, asked: Vec::new(), faults: Vec::new() }
    }

    /// The value of a key, where it is there and of this type.
    fn take<T>(&mut self, key: &'static str, wanted: &str, of: impl Fn(&'d Value) -> Option<T>) -> Option<T> {
        self.asked.push(key);
        let located = self.table?.get(key)?;
        let found = of(located.value());
        if found.is_none() {
            let message = format!("`{}` is to be {wanted}, not {}", self.named(key), found_kind(located.value()));
            self.faults.push(located.fault(message));
        }
        found
    }

    /// Text.
    pub fn text(&mut self, key: &'static str) -> Option<&'d str> {
        self.take(key, "text", Value::as_str)
    }

    /// A list of texts; one text is a list of itself.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let texts = |value: &Value| match value {
            Value::String(text) => Some(vec![text.clone()]),
            other => other.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        };
        self.take(key, "text, or a list of texts", texts).unwrap_or_default()
    }

    /// A whole number within these bounds.
    pub fn number(&mut self, key: &'static str, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let number = self.take(key, "a whole number", |value| value.as_number()?.as_i64())?;
        let fits = u64::try_from(number).ok().filter(|number| bounds.contains(number));
        if fits.is_none() {
            self.fault(key, format!("is to be from {} to {}, not {number}", bounds.start(), bounds.end()), "");
        }
        fits
    }

    /// A flag; false when it is not there.
    pub fn flag(&mut self, key: &'static str) -> bool {
        self.take(key, "true or false", Value::as_bool).unwrap_or_default()
    }

    /// A table of texts, in the order of the file.
    pub fn pairs(&mut self, key: &'static str) -> Vec<(String, String)> {
        let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        self.take(key, "a table of texts", |value| value.as_object()?.iter().map(pair).collect()).unwrap_or_default()
    }

    /// The table below a key; an empty one where there is none. What is wrong in it is handed back by [`Keys::close`].
    pub fn table(&mut self, key: &'static str) -> Self {
        let there = self.take(key, "a table", |value| value.is_object().then_some(())).is_some();
        let table = self.table.filter(|_| there).and_then(|table| table.get(key));
        let around = table.unwrap_or(self.around);
        Self { name: self.named(key), table, around, asked: Vec::new(), faults: Vec::new() }
    }

    /// Whether the file has it.
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// The value as it was written, of whatever type.
    pub fn value(&mut self, key: &'static str) -> Option<&'d Value> {
        self.take(key, "", Some)
    }

    /// Notes that the value of a key is wrong: `why` goes on from the key's name, an empty hint is none.
    pub fn fault(&mut self, key: &str, why: impl AsRef<str>, hint: &str) {
        let fault = Fault::new(format!("`{}` {}", self.named(key), why.as_ref()));
        let fault = if hint.is_empty() { fault } else { fault.hint(hint) };
        let place = self.table.and_then(|table| table.get(key)).unwrap_or(self.around).place();
        self.faults.push(fault.at(place));
    }

    /// The text of a key that must be there.
    pub fn required(&mut self, key: &'static str, hint: &str) -> &'d str {
        let before = self.faults.len();
        self.text(key).unwrap_or_else(|| {
            if self.faults.len() == before {
                self.fault(key, "is missing", hint);
            }
            ""
        })
    }

    /// Ends the reading of a table below this one.
    pub fn close(&mut self, below: Self) {
        self.faults.extend(below.end());
    }

    /// All that is wrong, and every key that nobody asked for.
    pub fn end(mut self) -> Vec<Fault> {
        let slips = self.table.into_iter().flat_map(|table| table.entries());
        for (key, located) in slips.filter(|(key, _)| !self.asked.contains(key)) {
            let fault = Fault::new(format!("there is no key `{}`", self.named(key)));
            let fault = fault.hint(suggest::hint(key, self.asked.iter().copied()));
            let place = located.key_place().unwrap_or_else(|| located.place());
            self.faults.push(fault.at(place));
        }
        self.faults
    }

    fn named(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// What a value is, in the words of TOML.
const fn found_kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a table",
        Value::String(_) => "text",
        other => kind(other),
    }
}
