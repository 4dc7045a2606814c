//! Expressions into values. Nothing is run and nothing is changed: what a file would do beside setting settings is noted, or
//! refused.
use std::collections::{BTreeMap, BTreeSet};

use super::{
    Settings, Value,
    construct::Construct,
    defaults,
    known::KNOWN,
    parser::{KEYWORDS, MOST_FAULTS, Skip},
    paths,
    slot::{Base, Slot},
    syntax::{Block, Expression, How, Kind, Piece, Target},
};
use crate::{Fault, host::Surroundings, node::source::Source, suggest, values::Place};

/// Constants that have a meaning in solo.rb.
const CONSTANTS: [&str; 4] = ["STDOUT", "STDERR", "OpenSSL::SSL::VERIFY_NONE", "OpenSSL::SSL::VERIFY_PEER"];

/// Values and bytes in one value, at most.
const MOST_SIZE: usize = 1 << 20;
/// Lists in each other in one value, at most.
const MOST_DEPTH: usize = 100;
/// Steps and copied bytes for one file, at most.
const MOST_WORK: usize = 4 << 20;

/// A variable of the file.
struct Local {
    /// Nothing where it could not be read.
    value: Option<Value>,
    at: usize,
    used: bool,
}

pub(super) struct Evaluator<'e> {
    pub(super) source: &'e Source,
    pub(super) around: &'e dyn Surroundings,
    pub(super) settings: &'e mut Settings,
    faults: &'e mut Vec<Fault>,
    locals: BTreeMap<String, Local>,
    constants: BTreeMap<String, Option<Value>>,
    /// What the file itself set in `ENV`.
    pub(super) environment: BTreeMap<String, Value>,
    /// Settings whose value could not be read.
    pub(super) failed: BTreeSet<String>,
    /// Whether a condition could not be read: what it would have set may be missing.
    doubt: bool,
    work: usize,
}

impl<'e> Evaluator<'e> {
    pub fn new(
        source: &'e Source,
        around: &'e dyn Surroundings,
        settings: &'e mut Settings,
        faults: &'e mut Vec<Fault>,
    ) -> Self {
        Self {
            source,
            around,
            settings,
            faults,
            locals: BTreeMap::new(),
            constants: BTreeMap::new(),
            environment: BTreeMap::new(),
            failed: BTreeSet::new(),
            doubt: false,
            work: 0,
        }
    }

    /// Reads a whole file.
    pub fn run(&mut self, statements: &[Expression]) {
        for statement in statements {
            if self.faults.len() >= MOST_FAULTS || self.work >= MOST_WORK {
                return;
            }
            if self.statement(statement).is_err() {
                continue;
            }
        }
        for (name, local) in &self.locals {
            if !local.used && KNOWN.iter().any(|known| known.name == name) {
                let message = format!("`{name} = ...` sets a variable of Ruby, not the setting");
                let warning = self.source.fault(local.at, message);
                self.settings.warnings.push(warning.hint(format!("a setting is written without `=`: `{name} VALUE`")));
            }
        }
    }

    /// A line of its own, whose value nobody uses.
    fn statement(&mut self, statement: &Expression) -> Result<(), Skip> {
        match &statement.kind {
            Kind::Name(name) if !self.locals.contains_key(name) && !KEYWORDS.contains(&name.as_str()) => {
                if matches!(name.as_str(), "puts" | "p" | "print") {
                    return Ok(());
                }
                if matches!(name.as_str(), "raise" | "fail" | "abort" | "exit") {
                    return Err(self.ends_here(name, None, statement.at));
                }
                let message = format!("setting `{name}` has no value");
                Err(self.fault(statement.at, message, format!("write `{name} VALUE`")))
            }
            Kind::Text(_)
            | Kind::Template(_)
            | Kind::Symbol(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Bool(_)
            | Kind::Nil
            | Kind::Constant(_)
            | Kind::List(_)
            | Kind::Hash(_) => {
                let message = "expected the name of a setting".to_owned();
                Err(self.fault(statement.at, message, "a line is `setting value`"))
            }
            Kind::Choose(branches, otherwise) => {
                let body = self.branch(branches, otherwise)?;
                self.lines(body)
            }
            Kind::Case(subject, arms, otherwise) => {
                let body = self.arm(subject, arms, otherwise)?;
                self.lines(body)
            }
            Kind::Sequence(body) => self.lines(body),
            Kind::Itself
            | Kind::File
            | Kind::Directory
            | Kind::Line
            | Kind::Global(_)
            | Kind::Name(_)
            | Kind::Splat(_)
            | Kind::Call(_)
            | Kind::Index(..)
            | Kind::Not(_)
            | Kind::Binary(..)
            | Kind::And(..)
            | Kind::Or(..)
            | Kind::Assign(..)
            | Kind::Foreign(_) => self.value(statement).map(drop),
        }
    }

    /// All lines, also behind one that fails: its fault is recorded.
    fn lines(&mut self, body: &[Expression]) -> Result<(), Skip> {
        let mut all = Ok(());
        for statement in body {
            all = self.statement(statement).and(all);
        }
        all
    }

    /// The value of the last line.
    pub(super) fn last_of(&mut self, body: &[Expression]) -> Result<Value, Skip> {
        let Some((last, before)) = body.split_last() else { return Ok(Value::Nil) };
        self.lines(before)?;
        self.value(last)
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value, Skip> {
        self.count(1, expression.at)?;
        let at = expression.at;
        match &expression.kind {
            Kind::Text(text) => Ok(Value::String(text.clone())),
            Kind::Template(pieces) => self.template(pieces, at),
            Kind::Symbol(name) => Ok(Value::Symbol(name.clone())),
            Kind::Integer(number) => Ok(Value::Integer(*number)),
            Kind::Float(number) => Ok(Value::Float(*number)),
            Kind::Bool(flag) => Ok(Value::Bool(*flag)),
            Kind::Nil => Ok(Value::Nil),
            Kind::Itself => Err(self.foreign(at, &Construct::Special("self".to_owned()))),
            Kind::File => self.file(at).map(Value::String),
            Kind::Directory => Ok(Value::String(paths::directory(&self.file(at)?))),
            Kind::Line => Ok(Value::Integer(match self.source.place(at) {
                Place::File { line, .. } => i64::try_from(line).unwrap_or(i64::MAX),
                Place::Rust(_) => 0,
            })),
            Kind::Constant(name) => self.constant(name, at),
            Kind::Global(name) => Err(self.foreign(at, &Construct::Global(name.clone()))),
            Kind::Name(name) => self.name(name, at),
            Kind::List(items) => {
                let items = self.all(items)?;
                self.weighed(Value::Array(items), at)
            }
            Kind::Hash(pairs) => {
                let mut hash = Value::Hash(Vec::new());
                for (key, value) in pairs {
                    let (key, value) = (self.value(key)?, self.value(value)?);
                    hash.put(key, value);
                }
                self.weighed(hash, at)
            }
            Kind::Splat(list) => self.value(list),
            Kind::Call(call) => {
                let value = self.call(call)?;
                self.weighed(value, at)
            }
            Kind::Index(receiver, keys) => self.index(receiver, keys, at),
            Kind::Not(negated) => Ok(Value::Bool(!self.value(negated)?.holds())),
            Kind::Binary(super::syntax::Binary::Append, list, item) => self.append(list, item, at),
            Kind::Binary(binary, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                let value = self.binary(*binary, left, right, at)?;
                self.weighed(value, at)
            }
            Kind::And(left, right) => {
                let left = self.value(left)?;
                if left.holds() { self.value(right) } else { Ok(left) }
            }
            Kind::Or(left, right) => {
                let left = self.value_or_nil(left)?;
                if left.holds() { Ok(left) } else { self.value(right) }
            }
            Kind::Choose(branches, otherwise) => {
                let body = self.branch(branches, otherwise)?;
                self.last_of(body)
            }
            Kind::Case(subject, arms, otherwise) => {
                let body = self.arm(subject, arms, otherwise)?;
                self.last_of(body)
            }
            Kind::Sequence(body) => self.last_of(body),
            Kind::Assign(target, how, value) => self.assign(target, *how, value, at),
            Kind::Foreign(construct) => Err(self.foreign(at, construct)),
        }
    }

    /// A setting that was not set is `nil` on the left of `||`.
    fn value_or_nil(&mut self, expression: &Expression) -> Result<Value, Skip> {
        match &expression.kind {
            Kind::Name(name) if self.is_unset(name) => Ok(Value::Nil),
            _ => self.value(expression),
        }
    }

    fn is_unset(&self, name: &str) -> bool {
        !self.locals.contains_key(name)
            && self.settings.get(name).is_none()
            && !self.failed.contains(name)
            && KNOWN.iter().any(|known| known.name == name)
    }

    /// Several values; `*list` gives all of its own.
    pub(super) fn all(&mut self, expressions: &[Expression]) -> Result<Vec<Value>, Skip> {
        let (mut values, mut failed) = (Vec::new(), false);
        for expression in expressions {
            match (self.value(expression), &expression.kind) {
                (Ok(Value::Array(items)), Kind::Splat(_)) => values.extend(items),
                (Ok(Value::Nil), Kind::Splat(_)) => {}
                (Ok(value), _) => values.push(value),
                (Err(Skip), _) => failed = true,
            }
        }
        if failed { Err(Skip) } else { Ok(values) }
    }

    fn template(&mut self, pieces: &[Piece], at: usize) -> Result<Value, Skip> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Code(body) => text.push_str(&self.last_of(body)?.to_text()),
            }
        }
        self.weighed(Value::String(text), at)
    }

    fn name(&mut self, name: &str, at: usize) -> Result<Value, Skip> {
        if let Some(local) = self.locals.get_mut(name) {
            local.used = true;
            return local.value.clone().ok_or(Skip);
        }
        if let Some(setting) = self.settings.get(name) {
            let value = setting.value.clone();
            return self.weighed(value, at);
        }
        if self.failed.contains(name) || self.doubt {
            return Err(Skip);
        }
        match name {
            "config_file" => return self.file(at).map(Value::String),
            "config_dir" => return Ok(Value::String(paths::directory(&self.file(at)?))),
            "puts" | "p" | "print" => return Ok(Value::Nil),
            "raise" | "fail" | "abort" | "exit" => return Err(self.ends_here(name, None, at)),
            _ => {}
        }
        if let Some(value) = defaults::of(name) {
            return Ok(value);
        }
        if KNOWN.iter().any(|known| known.name == name) {
            let message = format!("setting `{name}` is read before it is set");
            return Err(self.fault(at, message, format!("set it above: `{name} VALUE`")));
        }
        let hint = match suggest::nearest(name, self.locals.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("text is written in quotes (`\"{name}\"`), a symbol as `:{name}`"),
        };
        Err(self.fault(at, format!("expected a value, found `{name}`"), hint))
    }

    fn constant(&mut self, name: &str, at: usize) -> Result<Value, Skip> {
        if let Some(value) = self.constants.get(name) {
            return value.clone().ok_or(Skip);
        }
        match name {
            "File::SEPARATOR" | "File::Separator" => Ok(Value::String("/".to_owned())),
            _ if CONSTANTS.contains(&name) => Ok(Value::Constant(name.to_owned())),
            _ if self.doubt => Err(Skip),
            _ => {
                let known: Vec<&str> = self.constants.keys().map(String::as_str).chain(CONSTANTS).collect();
                let hint = suggest::hint(name, known);
                Err(self.fault(at, format!("constant `{name}` is not known"), hint))
            }
        }
    }

    pub(super) fn has_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    pub(super) fn has_local(&self, name: &str) -> bool {
        self.locals.contains_key(name)
    }

    pub(super) fn set_local(&mut self, name: &str, value: Option<Value>, at: usize) {
        let used = self.locals.get(name).is_some_and(|local| local.used);
        self.locals.insert(name.to_owned(), Local { value, at, used });
    }

    pub(super) fn set_constant(&mut self, name: &str, value: Option<Value>) {
        self.constants.insert(name.to_owned(), value);
    }

    pub(super) fn local(&mut self, name: &str) -> Option<Value> {
        let local = self.locals.get_mut(name)?;
        local.used = true;
        local.value.clone()
    }

    pub(super) fn constant_value(&self, name: &str) -> Option<Value> {
        self.constants.get(name).cloned().flatten()
    }

    fn branch<'b>(
        &mut self,
        branches: &'b [(Expression, Vec<Expression>)],
        otherwise: &'b [Expression],
    ) -> Result<&'b [Expression], Skip> {
        for (condition, body) in branches {
            let held = self.value_or_nil(condition).inspect_err(|_| self.doubt = true)?.holds();
            if held {
                return Ok(body);
            }
        }
        Ok(otherwise)
    }

    fn arm<'b>(
        &mut self,
        subject: &Expression,
        arms: &'b [(Vec<Expression>, Vec<Expression>)],
        otherwise: &'b [Expression],
    ) -> Result<&'b [Expression], Skip> {
        let subject = self.value(subject).inspect_err(|_| self.doubt = true)?;
        for (values, body) in arms {
            if self.all(values).inspect_err(|_| self.doubt = true)?.contains(&subject) {
                return Ok(body);
            }
        }
        Ok(otherwise)
    }

    /// The body of a block, for these arguments.
    pub(super) fn block(&mut self, block: &Block, arguments: &[Value], at: usize) -> Result<Value, Skip> {
        self.count(1, at)?;
        match block {
            Block::Method(name) => {
                let receiver = arguments.first().cloned().unwrap_or(Value::Nil);
                self.method(receiver, name, &[], None, at)
            }
            Block::Of(parameters, body) => {
                let mut outer = Vec::new();
                for (n, parameter) in parameters.iter().enumerate() {
                    outer.push(self.locals.remove(parameter));
                    self.set_local(parameter, Some(arguments.get(n).cloned().unwrap_or(Value::Nil)), at);
                }
                let value = self.last_of(body);
                for (parameter, before) in parameters.iter().zip(outer) {
                    self.locals.remove(parameter);
                    if let Some(before) = before {
                        self.locals.insert(parameter.clone(), before);
                    }
                }
                value
            }
        }
    }

    fn assign(&mut self, target: &Target, how: How, value: &Expression, at: usize) -> Result<Value, Skip> {
        let slot = match target {
            Target::Name(name) => Some(Slot { base: Base::Local(name.clone()), keys: Vec::new() }),
            Target::Constant(name) => Some(Slot { base: Base::Constant(name.clone()), keys: Vec::new() }),
            Target::Index(receiver, keys) => self.slot_at(receiver, keys)?,
            Target::Attribute(receiver, name) => self.slot_named(receiver, name)?,
        };
        let Some(slot) = slot else {
            let construct = match target {
                Target::Attribute(_, name) => Construct::Call(format!("{name}=")),
                Target::Name(name) | Target::Constant(name) => Construct::Call(format!("{name} =")),
                Target::Index(..) => Construct::Call("[]=".to_owned()),
            };
            return Err(self.foreign(at, &construct));
        };
        if let Base::Nothing(what) = &slot.base {
            let what = format!("`{what}` is set, which has no effect here");
            self.note(at, what);
            return Ok(Value::Nil);
        }
        let before = self.read(&slot);
        let result = match (how, before) {
            (How::Plain, _) => self.value(value),
            (How::Or, Some(before)) if before.holds() => Ok(before),
            (How::Or, _) => self.value(value),
            (How::And, before) => match before.unwrap_or(Value::Nil) {
                before if before.holds() => self.value(value),
                before => Ok(before),
            },
            (How::By(binary), Some(before)) => {
                self.value(value).and_then(|other| self.binary(binary, before, other, at))
            }
            (How::By(binary), None) => {
                if self.is_in_doubt(&slot) {
                    Err(Skip)
                } else {
                    let message = format!("`{}=` changes a variable that is not set", binary.sign());
                    Err(self.fault(at, message, "set it above; a list in a setting grows by `setting << value`"))
                }
            }
        };
        let result = result.and_then(|value| self.weighed(value, at));
        match result {
            Ok(result) => {
                self.write(&slot, result.clone(), std::slice::from_ref(value), at)?;
                Ok(result)
            }
            Err(Skip) => {
                self.spoil(&slot, at);
                Err(Skip)
            }
        }
    }

    /// The file's own absolute path, as Ruby gives it to a file that Chef reads.
    pub(super) fn file(&mut self, at: usize) -> Result<String, Skip> {
        let path = self.source.path().to_string_lossy().into_owned();
        self.absolute(&path, at)
    }

    /// A path seen from the directory this process was started in.
    pub(super) fn absolute(&mut self, path: &str, at: usize) -> Result<String, Skip> {
        if path.starts_with('/') {
            return Ok(paths::expand(path, "/"));
        }
        let here = self.here(at)?;
        Ok(paths::expand(path, &here))
    }

    /// The directory this process was started in.
    pub(super) fn here(&mut self, at: usize) -> Result<String, Skip> {
        match self.around.current_directory() {
            Some(path) => Ok(path.to_string_lossy().into_owned()),
            None => {
                let message = "the directory brasa was started in is gone".to_owned();
                Err(self.fault(at, message, "start it in another, or write an absolute path"))
            }
        }
    }

    /// An environment variable, as the file sees it.
    pub(super) fn variable(&self, name: &str) -> Value {
        match self.environment.get(name) {
            Some(value) => value.clone(),
            None => self.around.variable(name).map_or(Value::Nil, Value::String),
        }
    }

    pub(super) fn ends_here(&mut self, word: &str, message: Option<&Value>, at: usize) -> Skip {
        let said = message.map(|message| format!(": {}", message.to_text())).unwrap_or_default();
        self.fault(at, format!("the file ends here on purpose (`{word}`){said}"), "see to what its condition asks for")
    }

    pub(super) fn note(&mut self, at: usize, message: impl Into<String>) {
        if self.settings.notes.len() < MOST_FAULTS {
            self.settings.notes.push(Fault::new(message).at(self.source.place(at)));
        }
    }

    pub(super) fn warn(&mut self, at: usize, message: impl Into<String>, hint: &str) {
        self.settings.warnings.push(self.source.fault(at, message).hint(hint));
    }

    /// Counts work, so that no file keeps the program busy for long.
    pub(super) fn count(&mut self, work: usize, at: usize) -> Result<(), Skip> {
        let before = self.work;
        self.work = before.saturating_add(work);
        if self.work < MOST_WORK {
            return Ok(());
        }
        if before >= MOST_WORK {
            return Err(Skip);
        }
        Err(self.fault(at, "this file takes too many steps to read".to_owned(), "write the values out"))
    }

    /// Refuses values that grow out of bounds.
    pub(super) fn weighed(&mut self, value: Value, at: usize) -> Result<Value, Skip> {
        let (size, depth) = value.weight();
        if size > MOST_SIZE || depth > MOST_DEPTH {
            let message = "this value is larger than any setting needs".to_owned();
            return Err(self.fault(at, message, "write the values out"));
        }
        self.count(size, at)?;
        Ok(value)
    }

    pub(super) fn foreign(&mut self, at: usize, construct: &Construct) -> Skip {
        self.fault(at, format!("{construct} is Ruby that brasa does not read"), construct.cure())
    }

    pub(super) fn fault(&mut self, at: usize, message: String, hint: impl Into<String>) -> Skip {
        self.faults.push(self.source.fault(at, message).hint(hint));
        Skip
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubt
    }
}
