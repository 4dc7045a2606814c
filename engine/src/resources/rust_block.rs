//! `rust_block[name]`: what no kind can say, in Rust. Only recipes in Rust have it.
use std::{fmt, sync::Arc};

use crate::{
    Result, actions,
    host::{Act, Code, Op, Probe},
    resource::{Change, Goal, Resource},
};

#[doc = include_str!("rust_block.md")]
///
/// ```
/// use brasa::prelude::*;
///
/// fn recipe(r: &mut Recipe) -> Result<()> {
///     r.add(RustBlock::new("wake the cache", |_| Ok(())).nothing());
///     Ok(())
/// }
/// ```
pub struct RustBlock(Code);

actions! {
    /// What can be asked of it.
    pub enum Action {
        Run = "run": "Runs it.",
    }
}
pub use Action::*;

/// What it is, for `brasa explain`.
pub const ABOUT: &str = include_str!("rust_block.md");

/// How it is declared.
pub const EXAMPLE: &str = r#"r.add(RustBlock::new("wake the cache", |_| Ok(())).nothing());"#;

impl RustBlock {
    /// Code that may read the machine; `name` is what reports call it.
    #[must_use]
    pub fn new(name: impl Into<String>, code: impl Fn(&dyn Probe) -> Result<()> + Send + Sync + 'static) -> Self {
        Self(Code::new(name.into(), Arc::new(code)))
    }
}

impl fmt::Debug for RustBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Resource for RustBlock {
    const KIND: &'static str = "rust_block";
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.0.name.clone()
    }

    fn read(&self, _: &dyn Probe) -> Result<()> {
        Ok(())
    }

    fn want(&self, _: Action, (): &(), _: &dyn Probe) -> Result<Goal<()>> {
        Ok(Goal::Event("run", ()))
    }

    fn ops(&self, _: &Change<()>) -> Result<Vec<Op>> {
        Ok(vec![Op::Act(Act::Call(self.0.clone()))])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::{Run, RustBlock};
    use crate::{
        Error,
        host::{Dry, Fake, Host as _, Op, Probe as _},
        resource::{Resource as _, step},
        resources::trial::{done, refused},
    };

    #[test]
    fn it_runs_when_it_is_converged_and_not_in_a_plan() {
        let times = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&times);
        let block = RustBlock::new("count", move |probe| {
            assert!(probe.entry("/etc".as_ref())?.is_some());
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let machine = Fake::new().with_directory("/etc");
        let mut dry = Dry::new(&machine);
        step(&block, Run, &mut dry).unwrap();
        dry.entry("/etc/new".as_ref()).unwrap();
        let doubts = dry.take_doubts();
        assert_eq!(doubts, ["`rust_block[count]` is to be run and may bring `/etc/new`"]);
        assert_eq!(times.load(Ordering::Relaxed), 0);
        assert_eq!(done(&block, Run, &mut machine.clone()), ["run rust_block[count], whose effect no plan can show"]);
        assert_eq!(times.load(Ordering::Relaxed), 2, "once, and the second time too");
    }

    #[test]
    fn what_it_fails_with_is_the_failure() {
        let block = RustBlock::new("x", |_| Err(Error::failed("no luck")));
        assert_eq!(refused(&block, Run, &mut Fake::new()), "no luck");
        // Of a journal comes only its name.
        let written =
            serde_json::to_string(&block.ops(&crate::resource::Change { from: (), to: (), event: None }).unwrap());
        let read: Vec<Op> = serde_json::from_str(&written.unwrap()).unwrap();
        let error = Fake::new().perform(&read[0]).unwrap_err();
        assert_eq!(error.to_string(), "the code of `rust_block[x]` is not at hand");
    }
}
