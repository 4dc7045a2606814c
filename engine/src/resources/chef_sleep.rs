//! `chef_sleep[seconds]`
use crate::{
    Fault, Result, actions,
    host::{Act, Op, Probe},
    properties,
    resource::{Change, Goal, Resource},
    values::Seconds,
};

properties! {
    /// A wait, each time it is converged: for what has no better sign of being ready. A signal that ends the run ends it
    /// too, and a plan does not wait.
    pub struct ChefSleep("number of seconds, or any text with `seconds`") {
        name: String;
        /// How long; the name when not given.
        seconds: Seconds,
    }
    example r#"r.add(ChefSleep::of(5).nothing());"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Sleep = "sleep": "Waits.",
    }
}
pub use Action::*;

impl ChefSleep {
    /// A wait of so many seconds.
    #[must_use]
    pub fn of(seconds: impl Into<Seconds>) -> Self {
        let seconds = seconds.into();
        Self::bare(seconds.0.to_string()).seconds(seconds)
    }

    fn wanted(&self) -> Option<Seconds> {
        self.seconds.or_else(|| self.name.trim().parse().ok().map(Seconds))
    }
}

impl Resource for ChefSleep {
    const KIND: &'static str = "chef_sleep";
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let fault = || {
            Fault::new(format!("`{}` is no number of seconds", self.name.escape_debug()))
                .hint("have the number as its name, or give `seconds`")
        };
        if self.wanted().is_none() { vec![fault()] } else { Vec::new() }
    }

    fn read(&self, _: &dyn Probe) -> Result<()> {
        Ok(())
    }

    fn want(&self, _: Action, (): &(), _: &dyn Probe) -> Result<Goal<()>> {
        Ok(Goal::Event("sleep", ()))
    }

    fn ops(&self, _: &Change<()>) -> Result<Vec<Op>> {
        Ok(vec![Op::Act(Act::Wait { seconds: self.wanted().unwrap_or(Seconds(0)) })])
    }
}

#[cfg(test)]
mod tests {
    use super::{ChefSleep, Sleep};
    use crate::{
        host::Fake,
        resource::Described as _,
        resources::trial::{done, faults},
    };

    #[test]
    fn it_waits_as_long_as_it_is_told() {
        let mut machine = Fake::new();
        assert_eq!(done(&ChefSleep::of(5), Sleep, &mut machine), ["wait 5 s"]);
        assert_eq!(done(&ChefSleep::with_name("7"), Sleep, &mut machine), ["wait 7 s"]);
        assert_eq!(done(&ChefSleep::with_name("for dns").seconds(1), Sleep, &mut machine), ["wait 1 s"]);
        assert_eq!(
            faults(&ChefSleep::with_name("a while")),
            ["`a while` is no number of seconds\nhint: have the number as its name, or give `seconds`"]
        );
    }
}
