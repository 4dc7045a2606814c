//! `reboot[name]`
use crate::{
    Error, Fault, Result, actions,
    host::{Act, Init, Op, Probe, Reboot as Order},
    properties,
    resource::{Change, Goal, Resource},
    resources::edit::line_fault,
};

/// Why, when the recipe does not say.
const REASON: &str = "asked for by a recipe of brasa";

properties! {
    /// A reboot of the machine. It is scheduled at the very end, when everything is written down and delayed notices are
    /// delivered, and the program ends with the exit code 35, as in Chef, or with 41 when the machine would not schedule it.
    /// Mostly it has the action `nothing`, and whatever needs the reboot notifies it: by itself it would reboot the machine
    /// in every run.
    pub struct Reboot("name") {
        name: String;
        /// How many minutes after the end of the run; at once when not given.
        delay_mins: u32,
        /// Why, for whoever is logged in and for the log.
        reason: String,
    }
    example r#"r.add(Reboot::named("for the new kernel").delay_mins(1_u32));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
        RequestReboot = "request_reboot": "Has the machine rebooted after the run, when that does not fail.",
        RebootNow = "reboot_now": "Has the run end here, and the machine rebooted.",
        Cancel = "cancel": "Takes back what was asked for earlier in this run.",
    }
}
pub use Action::*;

impl Reboot {
    /// A reboot; the name is for reports.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn order(&self, now: bool) -> Op {
        let reason = self.reason.clone().unwrap_or_else(|| REASON.to_owned());
        Op::Act(Act::Reboot(Order { now, delay_mins: self.delay_mins.unwrap_or(0), reason }))
    }
}

fn no_system() -> Error {
    let error = Error::failed("nothing runs here that could be rebooted: there is no running init system");
    error.hint(
        "leave it out in a root directory or a container without one, by a guard as `test -d /run/systemd/system`",
    )
}

impl Resource for Reboot {
    const KIND: &'static str = "reboot";
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let Some(reason) = self.reason.as_deref() else { return Vec::new() };
        let mut faults: Vec<_> = line_fault("reason", reason).into_iter().collect();
        if reason.starts_with('-') {
            let fault = Fault::new("`reason` begins with `-`, which shutdown(8) would take for an option");
            faults.push(fault.hint("begin it with a word"));
        }
        faults
    }

    fn read(&self, _: &dyn Probe) -> Result<()> {
        Ok(())
    }

    fn want(&self, action: Action, (): &(), probe: &dyn Probe) -> Result<Goal<()>> {
        let event = match action {
            Nothing => return Ok(Goal::State(())),
            RequestReboot => "request_reboot",
            RebootNow => "reboot_now",
            Cancel => return Ok(Goal::Event("cancel", ())),
        };
        match probe.init()? {
            // That of a system in a directory is not running.
            Init::OpenRc | Init::SysV if probe.offline() => Err(no_system()),
            Init::Systemd | Init::OpenRc | Init::SysV => Ok(Goal::Event(event, ())),
            Init::SystemdOffline | Init::None => Err(no_system()),
        }
    }

    fn ops(&self, change: &Change<()>) -> Result<Vec<Op>> {
        Ok(match change.event {
            Some("request_reboot") => vec![self.order(false)],
            Some("reboot_now") => vec![self.order(true)],
            Some(_) => vec![Op::Act(Act::CancelReboot)],
            None => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Cancel, Nothing, Reboot, RebootNow, RequestReboot};
    use crate::{
        compile_function,
        converge::{Context, NoLedger},
        event::{Event, Rebooting},
        facts::Facts,
        host::{Fake, Init},
        node::{Attributes, Node},
        recipe::{
            Declare as _, Recipe,
            Timing::{Delayed, Immediately},
        },
        resources::{
            execute::Execute,
            file::File,
            trial::{done, faults, refused},
        },
    };

    fn machine() -> Fake {
        Fake::new().with_init(Init::Systemd)
    }

    #[test]
    fn a_reason_is_no_option_of_shutdown() {
        assert_eq!(
            faults(&Reboot::named("kernel").reason("-h")),
            ["`reason` begins with `-`, which shutdown(8) would take for an option\nhint: begin it with a word"]
        );
    }

    #[test]
    fn it_is_asked_for_and_taken_back() {
        let reboot = Reboot::named("kernel").delay_mins(5_u32).reason("new kernel");
        let mut machine = machine();
        assert_eq!(
            done(&reboot, RequestReboot, &mut machine),
            ["reboot after the run, in 5 minutes, unless it fails: new kernel"]
        );
        assert_eq!(done(&reboot, RebootNow, &mut machine), ["end the run and reboot, in 5 minutes: new kernel"]);
        assert_eq!(done(&reboot, Cancel, &mut machine), ["take back the reboot, if one was asked for"]);
        assert_eq!(done(&reboot, Nothing, &mut machine), [""; 0]);
        assert_eq!(
            refused(&reboot, RequestReboot, &mut Fake::new().with_init(Init::None)),
            "nothing runs here that could be rebooted: there is no running init system\n\
             hint: leave it out in a root directory or a container without one, by a guard as `test -d /run/systemd/system`"
        );
        assert_eq!(faults(&Reboot::named("x").reason("a\nb")), ["reason is more than one line"]);
    }

    /// What a run of this recipe did, what became of the reboot, and what was said of it.
    fn converged(recipe: fn(&mut Recipe) -> crate::Result<()>) -> (Vec<String>, Rebooting, Vec<String>) {
        converged_on(machine(), recipe)
    }

    fn converged_on(
        mut machine: Fake,
        recipe: fn(&mut Recipe) -> crate::Result<()>,
    ) -> (Vec<String>, Rebooting, Vec<String>) {
        let node = Node::new("n", None, Attributes::default(), Facts::new(&machine));
        let run = compile_function(&node, "test::reboot", recipe).unwrap();
        let (mut told, mut reboot) = (Vec::new(), Rebooting::No);
        let mut listen = |event: &Event| match event {
            Event::Noted { message, .. } => told.push((*message).to_owned()),
            Event::Finished { summary, .. } => reboot = summary.reboot,
            _ => {}
        };
        let context = Context { ledger: &mut NoLedger, listen: &mut listen, owed: Vec::new(), stop: &|| None };
        let failed = run.converge(&mut machine, context).err();
        told.extend(failed.iter().map(ToString::to_string));
        (machine.ran().iter().map(ToString::to_string).collect(), reboot, told)
    }

    #[test]
    fn the_end_of_the_run_reboots() {
        let (ran, reboot, told) = converged(|r| {
            let reboot = r.add(Reboot::named("x").delay_mins(1_u32).reason("why").nothing());
            r.add(Execute::new("one", ["one"]).notifies(RequestReboot, reboot, Immediately));
            r.add(Execute::new("two", ["two"]));
            Ok(())
        });
        assert_eq!(ran, ["one", "two", "shutdown -r +1 why"]);
        assert_eq!((reboot, told), (Rebooting::Scheduled, vec!["the machine is rebooted in 1 minute: why".to_owned()]));
    }

    #[test]
    fn a_run_that_fails_does_not_reboot_and_one_may_take_it_back() {
        let (ran, reboot, told) = converged(|r| {
            r.add(Reboot::named("x").action([RequestReboot]));
            r.add(File::at("/no/where").content("x"));
            Ok(())
        });
        assert!(ran.is_empty() && reboot == Rebooting::No, "{ran:?}");
        assert_eq!(told[0], "the machine is not rebooted, as the run failed: asked for by a recipe of brasa");
        let (ran, reboot, told) = converged(|r| {
            r.add(Reboot::named("x").action([RequestReboot, Cancel]));
            Ok(())
        });
        assert!(ran.is_empty() && reboot == Rebooting::No && told.is_empty());
    }

    #[test]
    fn a_reboot_that_cannot_be_scheduled_is_a_failure_of_its_own() {
        let machine = machine().with_answer("shutdown -r +0 why", 1, "");
        let (_, reboot, told) = converged_on(machine, |r| {
            r.add(Reboot::named("x").reason("why").action([RequestReboot]));
            Ok(())
        });
        assert_eq!((reboot, told), (Rebooting::Failed, vec!["command `shutdown -r +0 why` failed".to_owned()]));
    }

    /// Delayed notices are delivered all the same, and one may fail: the machine goes down nevertheless.
    #[test]
    fn what_fails_after_reboot_now_does_not_hide_the_reboot() {
        let (_, reboot, told) = converged(|r| {
            let late = r.add(File::at("/no/where").content("x").nothing());
            r.add(Execute::new("one", ["one"]).notifies(crate::resources::file::Create, late, Delayed));
            r.add(Reboot::named("x").action([RebootNow]));
            Ok(())
        });
        assert_eq!((reboot, told.len()), (Rebooting::Scheduled, 2), "{told:?}");
    }

    #[test]
    fn to_reboot_now_is_to_end_the_run() {
        let (ran, reboot, _) = converged(|r| {
            let late = r.add(Execute::new("late", ["late"]).nothing());
            r.add(Execute::new("one", ["one"]).notifies(crate::resources::execute::Run, late, Delayed));
            r.add(Reboot::named("x").action([RebootNow]));
            r.add(Execute::new("never", ["never"]));
            Ok(())
        });
        assert_eq!(
            (ran, reboot),
            (
                ["one", "late", "shutdown -r +0 'asked for by a recipe of brasa'"].map(str::to_owned).to_vec(),
                Rebooting::Scheduled
            )
        );
    }
}
