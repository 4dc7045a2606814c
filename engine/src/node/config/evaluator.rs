//! Expressions into values. Nothing is run and nothing is changed: what a file would do beside setting settings is noted, or
//! refused.
use std::collections::{BTreeMap, BTreeSet};

use super::{
    Settings, Value,
    calls::is_library,
    construct::Construct,
    defaults,
    known::KNOWN,
    parser::{KEYWORDS, MOST_FAULTS, Skip},
    paths,
    slot::{Base, Slot, is_without_effect},
    syntax::{Block, Expression, How, Kind, Piece, Target},
};
use crate::{Fault, host::Surroundings, node::source::Source, suggest, values::Place};

/// Constants that have a meaning in solo.rb.
const CONSTANTS: [&str; 4] = ["STDOUT", "STDERR", "OpenSSL::SSL::VERIFY_NONE", "OpenSSL::SSL::VERIFY_PEER"];

/// Constants that hold settings.
pub(super) const CONFIGURATIONS: [&str; 2] = ["Chef::Config", "Ohai::Config"];

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

/// Whether Ruby itself sets this global variable.
fn is_of_ruby(name: &str) -> bool {
    !name[1..].starts_with(|c: char| c.is_alphabetic() || c == '_') || matches!(name, "$LOAD_PATH" | "$PROGRAM_NAME")
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
            let read = self.statement(statement);
            debug_assert!(read.is_ok() || !self.faults.is_empty(), "a setting is lost without a word");
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
            | Kind::Pattern(_)
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
            Kind::Rescue { .. } | Kind::Spoilt(_) => self.value(statement).map(drop),
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
            Kind::Pattern(pattern) => Ok(Value::Pattern(pattern.clone())),
            Kind::Itself => Err(self.foreign(at, &Construct::Special("self".to_owned()))),
            Kind::File => self.file(at).map(Value::String),
            Kind::Directory => Ok(Value::String(paths::directory(&self.file(at)?))),
            Kind::Line => Ok(Value::Integer(match self.source.place(at) {
                Place::File { line, .. } => i64::try_from(line).unwrap_or(i64::MAX),
                Place::Rust(_) => 0,
            })),
            Kind::Constant(name) => self.constant(name, at),
            Kind::Global(name) if matches!(name.as_str(), "$DEBUG" | "$VERBOSE") && !self.has_local(name) => {
                Ok(Value::Bool(false))
            }
            Kind::Global(name) if is_of_ruby(name) && !self.has_local(name) => {
                Err(self.foreign(at, &Construct::Global(name.clone())))
            }
            Kind::Global(name) | Kind::Name(name) => self.name(name, at),
            Kind::List(items) => {
                let items = self.all(items)?;
                self.weighed(Value::Array(items), at)
            }
            Kind::Hash(pairs) => {
                let (mut hash, mut all) = (Value::Hash(Vec::new()), Ok(()));
                for (key, value) in pairs {
                    match (self.value(key), self.value(value)) {
                        (Ok(key), Ok(value)) => hash.put(key, value),
                        (Err(Skip), _) | (_, Err(Skip)) => all = Err(Skip),
                    }
                }
                all?;
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
                let (left, right) = (self.value(left), self.value(right));
                let value = self.binary(*binary, left?, right?, at)?;
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
            Kind::Rescue { body, name, rescue, ensure } => {
                let value = self.rescued(body, name.as_deref(), rescue);
                self.lines(ensure).and(value)
            }
            Kind::Spoilt(names) => {
                self.spoil_names(names, at);
                Err(Skip)
            }
            Kind::Assign(target, how, value) => self.assign(target, *how, value, at),
            Kind::Foreign(construct) => Err(self.foreign(at, construct)),
        }
    }

    /// `begin ... rescue LoadError`: a library that is not there ends the body, as in Ruby.
    fn rescued(&mut self, body: &[Expression], name: Option<&str>, rescue: &[Expression]) -> Result<Value, Skip> {
        let missing = body.iter().enumerate().find_map(|(line, statement)| match &statement.kind {
            Kind::Call(call) if call.receiver.is_none() && call.name == "require" => match call.arguments.as_slice() {
                [Expression { kind: Kind::Text(library), .. }] if !is_library(library) => Some((line, library)),
                _ => None,
            },
            _ => None,
        });
        let Some((line, library)) = missing else { return self.last_of(body) };
        let before = self.lines(&body[..line]);
        self.note(body[line].at, format!("`require` of `{library}` finds nothing: brasa runs no Ruby"));
        if let Some(name) = name {
            self.set_local(name, Some(Value::String(format!("cannot load such file -- {library}"))), body[line].at);
        }
        let value = self.last_of(rescue);
        before.and(value)
    }

    /// Remembers that what these hold is not known, so that their readers are silent.
    fn spoil_names(&mut self, names: &[String], at: usize) {
        for name in names {
            if name.starts_with(char::is_uppercase) {
                self.set_constant(name, None);
            } else if self.has_local(name) || name.starts_with(['$', '@']) {
                self.set_local(name, None, at);
            } else {
                self.failed.insert(name.clone());
            }
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
            let value = local.value.clone().ok_or(Skip)?;
            return self.weighed(value, at);
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
        let known = self.locals.keys().map(String::as_str).chain(KNOWN.iter().map(|known| known.name));
        let near = suggest::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
        if name.starts_with(['$', '@']) {
            let hint = near.unwrap_or_else(|| format!("set it above: `{name} = VALUE`"));
            return Err(self.fault(at, format!("the variable `{name}` is not set"), hint));
        }
        let hint = near.unwrap_or_else(|| format!("text is written in quotes (`\"{name}\"`), a symbol as `:{name}`"));
        Err(self.fault(at, format!("expected a value, found `{name}`"), hint))
    }

    fn constant(&mut self, name: &str, at: usize) -> Result<Value, Skip> {
        if let Some(value) = self.own_constant(name) {
            return value.clone().ok_or(Skip);
        }
        if let Some(value) = defaults::constant(name) {
            return Ok(value);
        }
        match name {
            "RUBY_VERSION" | "RUBY_ENGINE" | "Chef::VERSION" | "Gem::VERSION" => {
                let message = format!("`{name}` is not known: there is no Ruby and no Chef");
                Err(self.fault(at, message, "leave out what asks for it"))
            }
            _ if CONSTANTS.contains(&name) || CONFIGURATIONS.contains(&name) => Ok(Value::Constant(name.to_owned())),
            _ if self.doubt => Err(Skip),
            _ => {
                let own = self.constants.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.as_str());
                let known: Vec<&str> = own.chain(CONSTANTS).collect();
                let hint = suggest::hint(name, known);
                Err(self.fault(at, format!("constant `{name}` is not known"), hint))
            }
        }
    }

    /// A constant that the file itself sets; nothing is known of one in a module that could not be read.
    fn own_constant(&self, name: &str) -> Option<&Option<Value>> {
        let mut modules = name.match_indices("::").filter_map(|(at, _)| self.constants.get(&name[..at]));
        self.constants.get(name).or_else(|| {
            let elsewhere = CONFIGURATIONS.contains(&name) || is_without_effect(name);
            if elsewhere { None } else { modules.find(|module| module.is_none()) }
        })
    }

    pub(super) fn has_constant(&self, name: &str) -> bool {
        self.own_constant(name).is_some()
    }

    /// The constant that an expression is, which the file itself does not set: `Chef::Config`, or a variable that holds it.
    pub(super) fn foreign_constant<'x>(&'x self, expression: &'x Expression) -> Option<&'x str> {
        match &expression.kind {
            Kind::Constant(name) if !self.has_constant(name) => Some(name),
            Kind::Name(name) => match self.locals.get(name)?.value.as_ref()? {
                Value::Constant(constant) if CONFIGURATIONS.contains(&constant.as_str()) => Some(constant),
                _ => None,
            },
            _ => None,
        }
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
        let mut taken = None;
        for (condition, body) in branches {
            if self.value_or_nil(condition).inspect_err(|_| self.doubt = true)?.holds() {
                taken = Some(body);
                break;
            }
        }
        self.taken(taken.map(Vec::as_slice), branches.iter().map(|(_, body)| body.as_slice()), otherwise)
    }

    fn arm<'b>(
        &mut self,
        subject: &Expression,
        arms: &'b [(Vec<Expression>, Vec<Expression>)],
        otherwise: &'b [Expression],
    ) -> Result<&'b [Expression], Skip> {
        let subject = self.value(subject).inspect_err(|_| self.doubt = true)?;
        let mut taken = None;
        for (values, body) in arms {
            if self.is_one_of(&subject, values).inspect_err(|_| self.doubt = true)? {
                taken = Some(body);
                break;
            }
        }
        self.taken(taken.map(Vec::as_slice), arms.iter().map(|(_, body)| body.as_slice()), otherwise)
    }

    fn is_one_of(&mut self, subject: &Value, values: &[Expression]) -> Result<bool, Skip> {
        let at = values.first().map_or(0, |first| first.at);
        for value in self.all(values)? {
            let equal = match &value {
                Value::Pattern(pattern) => self.found(subject, pattern, at)?.is_some(),
                value => value == subject,
            };
            if equal {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The branch to go on in; variables that only others set are `nil`.
    fn taken<'b>(
        &mut self,
        taken: Option<&'b [Expression]>,
        branches: impl Iterator<Item = &'b [Expression]>,
        otherwise: &'b [Expression],
    ) -> Result<&'b [Expression], Skip> {
        for statement in branches.chain([otherwise]).flatten() {
            self.count(1, statement.at)?;
            if let Kind::Assign(Target::Name(name), ..) = &statement.kind
                && !self.has_local(name)
                && !self.failed.contains(name)
            {
                self.set_local(name, Some(Value::Nil), statement.at);
            }
        }
        Ok(taken.unwrap_or(otherwise))
    }

    /// The body of a block, for these arguments.
    pub(super) fn block(&mut self, block: &Block, arguments: &[Value], at: usize) -> Result<Value, Skip> {
        self.count(1, at)?;
        match block {
            Block::Method(name) => {
                let receiver = arguments.first().cloned().unwrap_or(Value::Nil);
                self.method(receiver, name, &[], None, at)
            }
            Block::Of(parameters, body) => self.body_of_block(parameters, body, arguments, at).0,
        }
    }

    /// What the block gives, and what its parameters hold behind it.
    fn body_of_block(
        &mut self,
        parameters: &[String],
        body: &[Expression],
        arguments: &[Value],
        at: usize,
    ) -> (Result<Value, Skip>, Vec<Option<Value>>) {
        let mut outer = Vec::new();
        for (n, parameter) in parameters.iter().enumerate() {
            outer.push(self.locals.remove(parameter));
            self.set_local(parameter, Some(arguments.get(n).cloned().unwrap_or(Value::Nil)), at);
        }
        let value = self.last_of(body);
        let mut left = Vec::new();
        for (parameter, before) in parameters.iter().zip(outer) {
            left.push(self.locals.remove(parameter).and_then(|local| local.value));
            if let Some(before) = before {
                self.locals.insert(parameter.clone(), before);
            }
        }
        (value, left)
    }

    /// `value.tap { |it| ... }`: the value, as the block leaves it.
    pub(super) fn tapped(&mut self, value: Value, block: &Block, at: usize) -> Result<Value, Skip> {
        let Block::Of(parameters, body) = block else {
            self.block(block, std::slice::from_ref(&value), at)?;
            return Ok(value);
        };
        let (done, left) = self.body_of_block(parameters, body, std::slice::from_ref(&value), at);
        done?;
        left.into_iter().next().unwrap_or(Some(value)).ok_or(Skip)
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
            // To find that out was work too.
            self.work = self.work.saturating_add(size);
            let message = "this value is larger than any setting needs".to_owned();
            return Err(self.fault(at, message, "write the values out"));
        }
        self.count(size, at)?;
        Ok(value)
    }

    pub(super) fn foreign(&mut self, at: usize, construct: &Construct) -> Skip {
        match construct {
            // What it would have set may be missing.
            Construct::File(_) | Construct::Loop(_) => self.doubt = true,
            Construct::Definition(word, Some(name)) if word == "def" => self.set_local(name, None, at),
            Construct::Definition(_, Some(name)) => self.set_constant(name, None),
            _ => {}
        }
        self.fault(at, format!("{construct} is Ruby that brasa does not read"), construct.cure())
    }

    pub(super) fn fault(&mut self, at: usize, message: String, hint: impl Into<String>) -> Skip {
        self.faults.push(self.source.fault(at, message).hint(hint));
        Skip
    }

    pub(super) fn set_in_doubt(&mut self) {
        self.doubt = true;
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubt
    }
}
