//! `log[name]`
use crate::{
    Result, actions,
    host::{LogLevel, Op, Probe},
    properties,
    resource::{Change, Goal, Property, Resource, Value},
};

impl Property for LogLevel {
    const TYPE: &'static str = "debug, info, warn or error";

    fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        match value.as_str() {
            Some("debug") => Ok(Self::Debug),
            Some("info") => Ok(Self::Info),
            Some("warn") => Ok(Self::Warn),
            Some("error") => Ok(Self::Error),
            Some(_) | None => Err(format!("expected `debug`, `info`, `warn` or `error`, found {value}")),
        }
    }
}

properties! {
    /// A line for whoever watches the run or reads its report. It changes nothing and counts as no change, so it cannot
    /// notify. A plan shows it too.
    pub struct Log("name") {
        name: String;
        /// The line; the name when not given. `lazy` works it out just before the step.
        message: Value<String>,
        /// `debug`, `info` (when not given), `warn` or `error`.
        level: LogLevel,
    }
    example r#"r.add(Log::new("no server is configured: nothing will be updated").level(LogLevel::Warn));"#
}

actions! {
    /// What can be asked of a log.
    pub enum Action {
        Write = "write": "Says it.",
    }
}
pub use Action::*;

impl Log {
    /// A line by its text, or by a name when `message` says more.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }
}

impl Resource for Log {
    const KIND: &'static str = "log";
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.name.clone()
    }

    fn notes(&self, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let message = match &self.message {
            Some(message) => message.get(probe)?,
            None => self.name.clone(),
        };
        Ok(vec![(self.level.unwrap_or_default(), message)])
    }

    fn read(&self, _: &dyn Probe) -> Result<()> {
        Ok(())
    }

    fn want(&self, _: Action, (): &(), _: &dyn Probe) -> Result<Goal<()>> {
        Ok(Goal::State(()))
    }

    fn ops(&self, _: &Change<()>) -> Result<Vec<Op>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::Log;
    use crate::{
        compile_function,
        converge::{Context, NoLedger},
        event::{Event, Summary},
        host::{Fake, LogLevel},
        node::Node,
        recipe::{Declare as _, Recipe},
        resource::lazy,
    };

    fn recipe(r: &mut Recipe) -> crate::Result<()> {
        r.add(Log::new("plain"));
        r.add(Log::new("name").message("loud").level(LogLevel::Warn));
        r.add(Log::new("later").message(lazy(|probe| Ok(format!("as {}", probe.effective_user())))));
        r.add(Log::new("secret").message("canary").sensitive());
        r.add(Log::new("skipped").only_if(crate::recipe::exists("/nothing")));
        Ok(())
    }

    #[test]
    fn a_line_is_told_and_is_no_change() {
        let run = compile_function(&Node::default(), "test::log", recipe).unwrap();
        let mut told = Vec::new();
        let mut listen = |event: &Event| {
            if let Event::Noted { resource, level, message } = event {
                told.push(format!("{resource} {level:?} {message}"));
            }
        };
        let context = Context { ledger: &mut NoLedger, listen: &mut listen, owed: Vec::new(), stop: &|| None };
        let summary = run.converge(&mut Fake::new(), context).unwrap();
        assert_eq!(summary, Summary { up_to_date: 4, skipped: 1, ..Summary::default() });
        assert_eq!(
            told,
            ["log[plain] Info plain", "log[name] Warn loud", "log[later] Info as 0", "log[secret] Info (sensitive)"]
        );
    }
}
