//! `selinux_permissive[type]`
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::selinux::{Policy, SEMANAGE, require, word_fault};
use crate::{
    Fault, Result, actions,
    host::{Kept, Op, Probe, Shape},
    properties,
    resource::{Change, Found, Goal, Resource},
};

/// Before the type, in the name of the module that semanage makes, and its place among the modules. Source: seobject.py.
const MODULES: &str = "modules/400";
const PREFIX: &str = "permissive_";

properties! {
    /// A type of processes that the policy is not enforced on: what it forbids them is noted only. Whether it is so is read from
    /// the policy's modules, and changed by semanage(8), which takes some seconds to build the policy anew. What the policy
    /// itself, or a module of another name, has permissive is not looked at.
    pub struct SelinuxPermissive("type") {
        name: String;
        /// The type, when it is not the name of the resource: `httpd_t`.
        context: String,
    }
    example r#"r.add(SelinuxPermissive::of("httpd_t"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Add = "add": "Has nothing kept from happening that processes of this type do.",
        Delete = "delete": "Has the policy enforced on them, too.",
    }
}
pub use Action::*;

/// Whether it is so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whether the policy is not enforced on it.
    pub permissive: bool,
    /// The module's directory, and whether the kernel takes it over.
    #[serde(skip)]
    module: (PathBuf, bool),
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.permissive == other.permissive
    }
}

impl SelinuxPermissive {
    /// The type with this name.
    #[must_use]
    pub fn of(kind: impl Into<String>) -> Self {
        Self::bare(kind.into())
    }

    fn what(&self) -> &str {
        self.context.as_ref().unwrap_or(&self.name)
    }
}

impl Resource for SelinuxPermissive {
    const KIND: &'static str = "selinux_permissive";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let fault = word_fault("type of processes", self.what());
        fault.map(|fault| fault.hint("write the type alone, as `httpd_t`")).into_iter().collect()
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let policy = Policy::of(probe)?;
        let module = policy.store(probe)?.join(MODULES).join(format!("{PREFIX}{}", self.what()));
        Ok(State { permissive: probe.entry(&module)?.is_some(), module: (module, policy.runs) })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let modules = probe.list(&Policy::of(probe)?.store(probe)?.join(MODULES))?;
        let names = modules.into_iter().filter_map(|name| name.into_string().ok());
        Ok(Some(names.filter_map(|name| Some(name.strip_prefix(PREFIX)?.to_owned())).collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let action = if self.read(probe)?.permissive { "add" } else { "delete" };
        Ok(Some(Found::new(Self::KIND, self.what()).action(action)))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let to = State { permissive: action == Add, ..now.clone() };
        if to != *now {
            require("semanage", SEMANAGE, probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let (path, runs) = change.from.module.clone();
        let policy = Policy { name: String::new(), runs };
        let line = |there: bool| there.then(String::new);
        let command = |there: bool| {
            let flag = if there { "-a" } else { "-d" };
            vec![policy.command(&["semanage", "permissive"], &[flag, self.what()])]
        };
        let (from, to) = (change.from.permissive, change.to.permissive);
        Ok(vec![Op::Kept(Kept {
            path,
            shape: Shape::Directory,
            key: String::new(),
            from: line(from),
            to: line(to),
            by: command(to),
            back: command(from),
            left: None,
            note: None,
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::{Add, Delete, SelinuxPermissive};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, refused},
        spec::laws,
    };

    fn machine() -> Fake {
        Fake::new()
            .with_file("/etc/selinux/config", "SELINUXTYPE=default\n")
            .with_directory("/var/lib/selinux/default/active/modules/400")
            .with_file("/usr/sbin/semanage", "")
    }

    #[test]
    fn a_type_is_let_go_and_bound_again() {
        let (of, mut machine) = (|| SelinuxPermissive::of("sshd_t"), machine());
        laws(of(), Add, &machine);
        assert_eq!(done(&of(), Delete, &mut machine), [""; 0]);
        assert_eq!(done(&of(), Add, &mut machine), ["run semanage permissive -N -a sshd_t"]);
        laws(of(), Delete, &machine);
        let mut running = machine.with_file("/sys/fs/selinux/enforce", "1");
        assert_eq!(done(&of(), Delete, &mut running), ["run semanage permissive -d sshd_t"]);
        assert!(refused(&of(), Add, &mut Fake::new()).contains("SELinux is not installed"));
        assert_eq!(faults(&SelinuxPermissive::of("a:b")).len(), 1);
    }
}
