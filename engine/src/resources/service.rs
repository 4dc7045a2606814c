//! `service[name]`
use std::borrow::Cow;

use crate::{
    Fault, Result, actions,
    host::{Op, Probe, ServiceVerb, unit_name},
    properties,
    resource::{Change, Found, Goal, Resource},
    resources::unit::{self, UnitState},
};

properties! {
    /// A service of the init system. By default it does nothing by itself and waits to be told: name the actions.
    /// Enabling a unit that has no installation section (`static`) is nothing to do, for something else starts it.
    /// Reloading a service that does not run is nothing to do: it reads its configuration when it is started.
    /// Stopping or disabling a service that does not exist is nothing to do; anything else asked of it is an error.
    pub struct Service("service name") {
        name: String;
        /// The unit, when it differs from the resource's name.
        service_name: String,
        /// The user whose own systemd has the unit; enabled, it starts with that, which is at boot for a user who lingers. Its
        /// resource is then known as `service[USER/NAME]`, which may be its name from the start.
        user: String,
    }
    example r#"r.add(Service::named("named").action([service::Enable, service::Start]));"#
}

actions! {
    /// What can be asked of a service.
    pub enum Action {
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
        Enable = "enable": "Has it start at boot.",
        Disable = "disable": "Has it not start at boot.",
        Start = "start": "Starts it, unless it runs. A oneshot unit needs `RemainAfterExit=yes` for this to hold.",
        Stop = "stop": "Stops it, if it runs.",
        Restart = "restart": "Stops and starts it, each time it is asked.",
        TryRestart = "try_restart": "Restarts it if it runs.",
        Reload = "reload": "If it runs, has it read its configuration again, each time it is asked; restarts it where it cannot do that.",
        ReloadOrRestart = "reload_or_restart": "As `reload`; starts it if it does not run.",
        ReloadOrTryRestart = "reload_or_try_restart": "The same as `reload`, by its long name.",
        Mask = "mask": "Makes it impossible to start.",
        Unmask = "unmask": "Takes the mask away.",
    }
}
pub use Action::*;

impl Service {
    /// The service with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn unit(&self) -> Cow<'_, str> {
        let unit = self.service_name.as_deref().unwrap_or(&self.name);
        self.user.as_ref().map_or(unit.into(), |user| format!("{user}/{unit}").into())
    }
}

impl Resource for Service {
    const KIND: &'static str = "service";
    type Action = Action;
    type State = UnitState;

    fn name(&self) -> String {
        match (&self.service_name, &self.user) {
            (None, Some(_)) => self.unit().into_owned(),
            (_, _) => self.name.clone(),
        }
    }

    fn check(&self) -> Vec<Fault> {
        let unit = self.unit();
        let fault = unit::fault(unit_name::of_user(&unit).1).map(Fault::new);
        fault.into_iter().chain(unit::owner_fault(&unit)).collect()
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Start | Restart | TryRestart | Reload | ReloadOrRestart | ReloadOrTryRestart => {
                unit::no_instance(&self.unit()).into_iter().collect()
            }
            Nothing | Enable | Disable | Stop | Mask | Unmask => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<UnitState> {
        unit::read(&self.unit(), probe)
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        unit::all(probe).map(Some)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let unit = self.unit();
        Ok(Some(unit::found(Found::new(Self::KIND, &*unit), &unit, probe)?))
    }

    fn want(&self, action: Action, now: &UnitState, probe: &dyn Probe) -> Result<Goal<UnitState>> {
        let verb = match action {
            Nothing => return Ok(Goal::State(now.clone())),
            Enable => ServiceVerb::Enable,
            Disable => ServiceVerb::Disable,
            Start => ServiceVerb::Start,
            Stop => ServiceVerb::Stop,
            Restart => ServiceVerb::Restart,
            TryRestart => match unit::try_restart(&self.unit(), now, probe)? {
                Some(verb) => verb,
                None => return Ok(Goal::State(now.clone())),
            },
            ReloadOrRestart => unit::reload_or_restart(now),
            Reload | ReloadOrTryRestart => ServiceVerb::Reload,
            Mask => ServiceVerb::Mask,
            Unmask => ServiceVerb::Unmask,
        };
        unit::want(&self.unit(), verb, now, probe)
    }

    fn ops(&self, change: &Change<UnitState>) -> Result<Vec<Op>> {
        Ok(unit::ops(&self.unit(), change))
    }
}
