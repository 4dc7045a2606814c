//! What can be set: a setting, a part of one, a variable.
use super::{
    Setting, Value,
    evaluator::Evaluator,
    parser::Skip,
    syntax::{Expression, Kind},
};

/// Settings that hold settings of their own: `ohai.disabled_plugins`.
pub(super) const CONTEXTS: &[&str] = &["ohai", "knife", "chef_zero", "data_collector", "chefdk", "chef_cli"];

/// Names whose settings have no effect here.
const WITHOUT_EFFECT: &[&str] = &[
    "Chef::Log",
    "Ohai::Log",
    "Mixlib::Log",
    "Mixlib::Log::Formatter",
    "Chef::Log::Formatter",
    "Logger",
    "Logger::Formatter",
    "STDOUT",
    "STDERR",
    "Encoding",
    "OpenSSL::SSL::SSLContext",
    "OpenSSL::SSL",
    "Gem",
    "Gem.configuration",
    "Chef::Log::Syslog",
    "Ohai",
];

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Base {
    /// `Chef::Config`: the first key names the setting.
    Root,
    Setting(String),
    Local(String),
    Constant(String),
    /// `ENV`.
    Environment,
    /// Something that brasa has no use for, as the loggers of Ruby.
    Nothing(String),
}

/// Something that can be set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub base: Base,
    pub keys: Vec<Value>,
}

impl Slot {
    /// The name of the setting, and the keys in it.
    fn setting(&self) -> Option<(String, &[Value])> {
        match &self.base {
            Base::Setting(name) => Some((name.clone(), &self.keys)),
            Base::Root => self.keys.split_first().map(|(first, rest)| (first.to_text(), rest)),
            Base::Local(_) | Base::Constant(_) | Base::Environment | Base::Nothing(_) => None,
        }
    }
}

pub(super) fn is_without_effect(constant: &str) -> bool {
    WITHOUT_EFFECT.contains(&constant)
}

impl Evaluator<'_> {
    /// What an expression names, when it names something that can be set.
    pub(super) fn slot(&mut self, expression: &Expression) -> Result<Option<Slot>, Skip> {
        let base = match &expression.kind {
            Kind::Itself => Base::Root,
            Kind::Constant(_) | Kind::Name(_) if self.foreign_constant(expression).is_some() => {
                match self.foreign_constant(expression).unwrap_or_default() {
                    "Chef::Config" => Base::Root,
                    "Ohai::Config" => Base::Setting("ohai".to_owned()),
                    "ENV" => Base::Environment,
                    name if is_without_effect(name) => Base::Nothing(name.to_owned()),
                    _ => return Ok(None),
                }
            }
            Kind::Constant(name) => Base::Constant(name.clone()),
            Kind::Name(name) | Kind::Global(name) if self.has_local(name) => Base::Local(name.clone()),
            Kind::Name(name) => Base::Setting(name.clone()),
            Kind::Global(name) => Base::Nothing(name.clone()),
            Kind::Sequence(body) => match body.as_slice() {
                [inner] => return self.slot(inner),
                _ => return Ok(None),
            },
            Kind::Index(receiver, keys) => return self.slot_at(receiver, keys),
            Kind::Call(call) => match &call.receiver {
                Some(receiver) if call.arguments.is_empty() && call.block.is_none() => {
                    if call.name == "config" && receiver.kind == Kind::Constant("Ohai".to_owned()) {
                        Base::Setting("ohai".to_owned())
                    } else {
                        return self.slot_named(receiver, &call.name);
                    }
                }
                Some(_) | None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(Slot { base, keys: Vec::new() }))
    }

    /// `receiver[keys]`.
    pub(super) fn slot_at(&mut self, receiver: &Expression, keys: &[Expression]) -> Result<Option<Slot>, Skip> {
        let Some(mut slot) = self.slot(receiver)? else { return Ok(None) };
        let [key] = keys else { return Ok(None) };
        let key = self.value(key)?;
        // Chef's own settings are found by symbol and text alike.
        let key = match key {
            Value::Symbol(name) if is_context(&slot) => Value::String(name),
            key => key,
        };
        slot.keys.push(key);
        Ok(Some(slot))
    }

    /// `receiver.name`, where that can be set.
    pub(super) fn slot_named(&mut self, receiver: &Expression, name: &str) -> Result<Option<Slot>, Skip> {
        let Some(mut slot) = self.slot(receiver)? else { return Ok(None) };
        let allowed = match &slot.base {
            Base::Root => slot.keys.is_empty() || is_context(&slot),
            Base::Setting(_) => is_context(&slot),
            Base::Nothing(_) => true,
            Base::Local(_) | Base::Constant(_) | Base::Environment => false,
        };
        if !allowed {
            return Ok(None);
        }
        if let Base::Nothing(what) = &mut slot.base {
            *what = format!("{what}.{name}");
        } else {
            slot.keys.push(Value::String(name.to_owned()));
        }
        Ok(Some(slot))
    }

    pub(super) fn read(&mut self, slot: &Slot) -> Option<Value> {
        if let Some((name, keys)) = slot.setting() {
            return inside(&self.settings.get(&name)?.value, keys).cloned();
        }
        match &slot.base {
            Base::Local(name) => inside(&self.local(name)?, &slot.keys).cloned(),
            Base::Constant(name) => inside(&self.constant_value(name)?, &slot.keys).cloned(),
            Base::Environment => Some(self.variable(&slot.keys.first()?.to_text())),
            Base::Nothing(_) | Base::Root | Base::Setting(_) => None,
        }
    }

    /// Whether it may have been set by what could not be read.
    pub(super) fn is_in_doubt(&self, slot: &Slot) -> bool {
        self.is_doubtful()
            || match &slot.base {
                Base::Local(name) => self.has_local(name),
                Base::Constant(name) => self.has_constant(name),
                Base::Root | Base::Setting(_) => slot.setting().is_some_and(|(name, _)| self.failed.contains(&name)),
                Base::Environment | Base::Nothing(_) => false,
            }
    }

    /// Remembers that what is in it is not known, so that its readers are silent.
    pub(super) fn spoil(&mut self, slot: &Slot, at: usize) {
        if let Some((name, _)) = slot.setting() {
            self.failed.insert(name);
            return;
        }
        match &slot.base {
            Base::Local(name) => self.set_local(name, None, at),
            Base::Constant(name) => self.set_constant(name, None),
            Base::Environment | Base::Nothing(_) | Base::Root | Base::Setting(_) => {}
        }
    }

    /// `written` is where the value was written: one expression, or several that make a list.
    pub(super) fn write(&mut self, slot: &Slot, value: Value, written: &[Expression], at: usize) -> Result<(), Skip> {
        if let Some((name, keys)) = slot.setting() {
            let keys = keys.to_vec();
            let before = self.settings.get(&name).map(|setting| setting.value.clone());
            let value = self.inserted(before, &keys, value, at)?;
            self.set(&name, value, written, at);
            return Ok(());
        }
        match &slot.base {
            Base::Local(name) => {
                let before = if slot.keys.is_empty() { None } else { self.local(name) };
                let value = self.inserted(before, &slot.keys, value, at)?;
                self.set_local(name, Some(value), at);
            }
            Base::Constant(name) => {
                let before = self.constant_value(name);
                let value = self.inserted(before, &slot.keys, value, at)?;
                self.set_constant(name, Some(value));
            }
            Base::Environment => {
                let name = slot.keys.first().map(Value::to_text).unwrap_or_default();
                let message = format!("`ENV[{name:?}]` is set for the rest of this file only");
                self.warn(
                    at,
                    message,
                    "set it where brasa is started, or give `environment` to the resources that need it",
                );
                self.environment.insert(name, value);
            }
            Base::Root | Base::Setting(_) | Base::Nothing(_) => {}
        }
        Ok(())
    }

    /// What was there, with the value put in it under these keys.
    fn inserted(&mut self, before: Option<Value>, keys: &[Value], value: Value, at: usize) -> Result<Value, Skip> {
        let Some((key, rest)) = keys.split_first() else { return Ok(value) };
        match before {
            None | Some(Value::Nil) => {
                let inner = self.inserted(None, rest, value, at)?;
                Ok(Value::Hash(vec![(key.clone(), inner)]))
            }
            Some(mut hash @ Value::Hash(_)) => {
                let inner = self.inserted(hash.get(key).cloned(), rest, value, at)?;
                hash.put(key.clone(), inner);
                Ok(hash)
            }
            Some(Value::Array(mut items)) => {
                let place = position(key, items.len()).filter(|place| *place < items.len());
                let Some(place) = place else {
                    let message = format!("a list of {} has no element `{key}`", items.len());
                    return Err(self.fault(at, message, "add one with `<<`"));
                };
                let before = Some(items[place].clone());
                items[place] = self.inserted(before, rest, value, at)?;
                Ok(Value::Array(items))
            }
            Some(other) => {
                let message = format!("`[...] =` sets a part of {}, which has none", other.kind());
                Err(self.fault(at, message, "set the whole value"))
            }
        }
    }

    /// Sets a setting; a name that looks like a slip is warned about.
    pub(super) fn set(&mut self, name: &str, value: Value, written: &[Expression], at: usize) {
        if self.settings.get(name).is_none() {
            self.settings.warn_of_slip(name, self.source.place(at));
        }
        let place = self.source.place(written.first().map_or(at, |first| first.at));
        let literal = match written {
            [Expression { kind: Kind::List(items), .. }] => items.as_slice(),
            several => several,
        };
        // A `*list` in it gives more elements than are written.
        let same = literal.len() == value.each().len() && literal.iter().all(|one| !matches!(one.kind, Kind::Splat(_)));
        let elements = if same { literal.iter().map(|one| self.source.place(one.at)).collect() } else { Vec::new() };
        self.settings.values.insert(name.to_owned(), Setting { value, place, elements });
    }
}

/// Whether the keys of this slot are names of settings.
fn is_context(slot: &Slot) -> bool {
    slot.setting().is_some_and(|(name, _)| CONTEXTS.contains(&name.as_str()))
}

fn inside<'v>(value: &'v Value, keys: &[Value]) -> Option<&'v Value> {
    let Some((key, rest)) = keys.split_first() else { return Some(value) };
    let found = match value {
        Value::Array(items) => items.get(position(key, items.len())?)?,
        value => value.get(key)?,
    };
    inside(found, rest)
}

/// The place of an element; below 0 it is counted from the end.
pub(super) fn position(key: &Value, length: usize) -> Option<usize> {
    let Value::Integer(number) = key else { return None };
    match usize::try_from(*number) {
        Ok(place) => Some(place),
        Err(_) => length.checked_sub(usize::try_from(number.unsigned_abs()).ok()?),
    }
}
