//! `notify_group[name]`
use crate::{
    Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Goal, Resource},
};

properties! {
    /// One name for several notices: whoever tells it to run tells all whom it notifies. It changes nothing itself.
    pub struct NotifyGroup("name") {
        name: String;
    }
    example r#"r.add(NotifyGroup::named("certificate changed"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
        Run = "run": "Counts as changed, so that its notices are sent.",
    }
}
pub use Action::*;

impl NotifyGroup {
    /// The group with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }
}

impl Resource for NotifyGroup {
    const KIND: &'static str = "notify_group";
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.name.clone()
    }

    fn read(&self, _: &dyn Probe) -> Result<()> {
        Ok(())
    }

    fn want(&self, action: Action, (): &(), _: &dyn Probe) -> Result<Goal<()>> {
        Ok(match action {
            Nothing => Goal::State(()),
            Run => Goal::Event("run", ()),
        })
    }

    fn ops(&self, _: &Change<()>) -> Result<Vec<Op>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::{Nothing, NotifyGroup, Run};
    use crate::{
        host::Fake,
        resource::{Step, step},
        resources::trial::done,
    };

    #[test]
    fn it_counts_as_changed_and_changes_nothing() {
        let (group, mut machine) = (NotifyGroup::named("x"), Fake::new());
        assert_eq!(done(&group, Run, &mut machine), [""; 0]);
        let Step::Changed(changed) = step(&group, Run, &mut machine).unwrap() else { panic!() };
        assert_eq!((changed.event, changed.operations.len()), (Some("run"), 0));
        assert_eq!(step(&group, Nothing, &mut machine).unwrap(), Step::UpToDate);
    }
}
