//! `group[name]`
use serde::{Deserialize, Serialize};

use crate::{
    Error, Fault, Result, actions,
    host::{self, AccountChange, Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    resources::{name_service, user::name_fault},
    values::Words,
};

properties! {
    /// A local group. Only the properties that are named are compared and changed.
    pub struct Group("group name") {
        name: String;
        /// Number of the group; `groupadd` chooses one when not given.
        gid: u32,
        /// Its supplementary members: exactly these, or with `append` at least these. They must exist,
        /// but for those who are members already.
        members: Words,
        /// Whether other members are left as they are. False when not given.
        append: bool,
        /// With `append`: who must not be a member.
        excluded_members: Words,
        /// Whether its number comes from the range of system groups when it is made. False when not given.
        system: bool,
    }
    example r#"r.add(Group::named("docker").members(["deploy"]).append(true));"#
}

actions! {
    /// What can be asked of a group.
    pub enum Action {
        Create = "create": "Makes it, or changes what differs.",
        Remove = "remove": "Removes it.",
        Modify = "modify": "Changes what differs; it is an error when there is no such group.",
        Manage = "manage": "Changes what differs, when there is such a group.",
    }
}
pub use Action::*;

/// The group, as far as the resource names its properties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether there is such a group.
    pub exists: bool,
    /// Number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Supplementary members, sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// The whole group: what operations start from. Not compared.
    #[serde(skip)]
    pub group: Option<host::Group>,
}

impl State {
    const ABSENT: Self = Self { exists: false, gid: None, members: None, group: None };
}

impl Group {
    /// The group with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn wanted(&self, now: &State, probe: &dyn Probe) -> Result<State> {
        let members = if self.names_members() { Some(self.wanted_members(now, probe)?) } else { None };
        Ok(State { exists: true, gid: self.gid, members, group: now.group.clone() })
    }

    const fn names_members(&self) -> bool {
        self.members.is_some() || self.excluded_members.is_some()
    }

    fn wanted_members(&self, now: &State, probe: &dyn Probe) -> Result<Vec<String>> {
        let listed = |words: &Option<Words>| words.clone().unwrap_or_default().0;
        let present = now.group.as_ref().map(|group| group.members.clone()).unwrap_or_default();
        let mut members = listed(&self.members);
        if self.append == Some(true) {
            let excluded = listed(&self.excluded_members);
            members.extend(present.iter().filter(|member| !excluded.contains(member)).cloned());
        }
        members.sort();
        members.dedup();
        for member in &members {
            if !present.contains(member) && probe.user(member)?.is_none() {
                return Err(Error::Missing {
                    kind: "user",
                    name: member.clone(),
                    why: Some(format!("it is to be a member of the group `{}`", self.name)),
                });
            }
        }
        Ok(members)
    }
}

impl Resource for Group {
    const KIND: &'static str = "group";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = name_fault("group", &self.name).into_iter().map(Fault::new).collect();
        let words = |words: &'_ Option<Words>| words.clone().unwrap_or_default().0;
        let excluded = words(&self.excluded_members);
        for member in words(&self.members).iter().chain(&excluded) {
            faults.extend(name_fault("user", member).map(Fault::new));
        }
        for member in words(&self.members).iter().filter(|member| excluded.contains(member)) {
            faults.push(Fault::new(format!("`{member}` is in `members` and in `excluded_members`")));
        }
        if self.excluded_members.is_some() && self.append != Some(true) {
            faults.push(
                Fault::new("`excluded_members` has no meaning without `append`")
                    .hint("without `append` the members are exactly those in `members`"),
            );
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let Some(group) = probe.group(&self.name)? else { return Ok(State::ABSENT) };
        Ok(State {
            exists: true,
            gid: self.gid.and(group.gid),
            members: self.names_members().then(|| {
                let mut members = group.members.clone();
                members.sort();
                members
            }),
            group: Some(group),
        })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        probe.own_groups().map(Some)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, &self.name);
        Ok(Some(match probe.group(&self.name)? {
            None => found.action("remove"),
            Some(group) => found.action("create").with("gid", group.gid).with("members", group.members),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let to = match action {
            Create => self.wanted(now, probe)?,
            Modify if !now.exists => {
                return Err(Error::Missing {
                    kind: "group",
                    name: self.name.clone(),
                    why: Some("there is nothing to modify; `create` makes it".to_owned()),
                });
            }
            Modify => self.wanted(now, probe)?,
            Manage if now.exists => self.wanted(now, probe)?,
            Manage => now.clone(),
            Remove => State::ABSENT,
        };
        if now.exists && to != *now {
            name_service::refuse_group(&self.name, probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let whole = |base: host::Group| host::Group {
            gid: change.to.gid.or(base.gid),
            members: change.to.members.clone().unwrap_or(base.members),
            name: base.name,
        };
        let bare = || host::Group { name: self.name.clone(), gid: None, members: Vec::new() };
        Ok(vec![Op::Account(match (&change.from.group, change.to.exists) {
            (None, true) => AccountChange::CreateGroup { group: whole(bare()), system: self.system.unwrap_or(false) },
            (Some(from), true) => AccountChange::ModifyGroup { from: from.clone(), to: whole(from.clone()) },
            (Some(group), false) => AccountChange::RemoveGroup { group: group.clone() },
            (None, false) => return Ok(Vec::new()),
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::Group;
    use crate::resource::Resource;

    fn faults(group: &Group) -> Vec<String> {
        group.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn faults_of_a_declaration() {
        let docker = || Group::named("docker").members(["a", "b"]);
        assert!(faults(&docker().append(true).excluded_members("c")).is_empty());
        assert_eq!(
            faults(&docker().append(true).excluded_members("b")),
            ["`b` is in `members` and in `excluded_members`"]
        );
        assert_eq!(
            faults(&docker().excluded_members("c")),
            ["`excluded_members` has no meaning without `append`\n\
              hint: without `append` the members are exactly those in `members`"]
        );
        assert_eq!(
            faults(&Group::named("a group")),
            ["`a group` is no group name: letters, digits and `._-$@` are, not digits alone"]
        );
    }
}
