use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::laws;
use crate::{
    Error,
    host::{Fake, Op},
    recipe::kind,
    resource::Property,
    values::Words,
};

/// A test case of a kind as data: a machine and a resource in, operations or an error out.
///
/// ```json
/// {
///   "about": "an installed package is not touched",
///   "machine": {"packages": {"apt": {"installed": {"vim": {"version": "9.0"}}}}},
///   "resource": {"type": "package", "name": "vim", "action": "install"},
///   "operations": []
/// }
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, a sentence.
    pub about: String,
    /// The machine as it is; an empty one when not given.
    #[serde(default)]
    pub machine: Fake,
    /// `type`, `name`, `action` (one or a list; the kind's default when not given), and the properties.
    pub resource: Map<String, Json>,
    /// Every operation that is to be performed, of all actions.
    #[serde(default)]
    pub operations: Vec<Json>,
    /// The whole error with its hints; operations of actions before the failing one are performed.
    #[serde(default)]
    pub error: Option<String>,
    /// What is to be true of the machine afterwards. Only keys that are named are compared; `null` means absent.
    #[serde(default)]
    pub after: Option<Json>,
}

/// What became of a [`Case`].
#[derive(Debug)]
pub struct Outcome {
    /// Operations performed, of all actions.
    pub operations: Vec<Op>,
    /// How it failed, with hints.
    pub error: Option<String>,
    /// The machine afterwards.
    pub machine: Fake,
    /// Laws that an action broke.
    pub broken: Vec<String>,
}

impl Case {
    /// Carries it out, and checks the laws for each of its actions.
    ///
    /// # Errors
    /// What is wrong with the case itself: no such kind.
    pub fn run(&self) -> Result<Outcome, String> {
        let text = |key: &str| {
            let value = self.resource.get(key).ok_or_else(|| format!("`resource` has no `{key}`"))?;
            String::from_json(value).map_err(|sentence| format!("`{key}`: {sentence}"))
        };
        let kind = kind(&text("type")?)?;
        let name = text("name")?;
        let actions = self.resource.get("action").map(Words::from_json).transpose()?.unwrap_or_default();
        let mut properties = self.resource.clone();
        for key in ["type", "name", "action"] {
            properties.remove(key);
        }
        let mut outcome =
            Outcome { operations: Vec::new(), error: None, machine: self.machine.clone(), broken: Vec::new() };
        let made = match kind.make(&name, &properties, &actions.0) {
            Ok(made) => made,
            Err(sentences) => {
                outcome.error = Some(sentences.join("\n"));
                return Ok(outcome);
            }
        };
        let faults = made.check();
        if !faults.is_empty() {
            outcome.error = Some(Error::Faults(faults).to_string());
            return Ok(outcome);
        }
        for action in made.0.actions() {
            outcome.broken.extend(laws::broken(&*made.0, &action, &outcome.machine));
            match laws::carry(&*made.0, &action, &mut outcome.machine) {
                Ok(done) => outcome.operations.extend(done.operations),
                Err(error) => {
                    let hints = error.hints().into_iter().map(|hint| format!("\nhint: {hint}"));
                    outcome.error = Some(error.to_string() + &hints.collect::<String>());
                    break;
                }
            }
        }
        Ok(outcome)
    }

    /// Runs it and compares everything.
    ///
    /// # Errors
    /// What differs, with the whole of what came out.
    pub fn check(&self) -> Result<(), String> {
        let outcome = self.run()?;
        let mut wrong = outcome.broken.clone();
        let operations = outcome.operations_as_json();
        if operations != self.operations {
            wrong.push(format!("operations are {:#}", Json::Array(operations)));
        }
        if outcome.error != self.error {
            wrong.push(format!("error is {:?}", outcome.error));
        }
        if let Some(after) = &self.after {
            let machine = serde_json::to_value(&outcome.machine).map_err(|error| error.to_string())?;
            differences("", after, &machine, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }
}

impl Outcome {
    /// The operations as a case has them.
    ///
    /// # Panics
    /// When an operation does not serialize, which is a mistake in its definition.
    #[must_use]
    pub fn operations_as_json(&self) -> Vec<Json> {
        self.operations.iter().map(|op| serde_json::to_value(op).expect("an operation serializes")).collect()
    }
}

fn differences(at: &str, wanted: &Json, found: &Json, wrong: &mut Vec<String>) {
    match (wanted, found) {
        (Json::Object(wanted), Json::Object(found)) => {
            for (key, wanted) in wanted {
                differences(&format!("{at}.{key}"), wanted, found.get(key).unwrap_or(&Json::Null), wrong);
            }
        }
        (wanted, found) if wanted == found => {}
        (_, found) => wrong.push(format!("afterwards `{}` is {found}", at.trim_start_matches('.'))),
    }
}
