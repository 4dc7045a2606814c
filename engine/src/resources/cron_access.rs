//! `cron_access[user]`
use serde::{Deserialize, Serialize};

use super::{
    edit,
    entry::text_of,
    file::{self, File},
};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
};

const ALLOWED: &str = "/etc/cron.allow";
const DENIED: &str = "/etc/cron.deny";

properties! {
    /// Who may have jobs of their own with crontab(1): a line in `/etc/cron.allow` or `/etc/cron.deny`. Where there is a
    /// `cron.allow`, cron lets in who stands in it (and root) and nobody else, and does not look at `cron.deny`. Unlike in
    /// Chef, lines of others stay, a user stands in one of the files only, and a new file has the mode 0644, as crontab(1)
    /// may have to read it for anybody.
    pub struct CronAccess("user") {
        name: String;
        /// The user, when it is not the name of the resource.
        user: String,
    }
    example r#"r.add(CronAccess::of("deploy"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Allow = "allow": "Has the user in `cron.allow`, and not in `cron.deny`.",
        Deny = "deny": "Has the user in `cron.deny`, and not in `cron.allow`.",
    }
}
pub use Action::*;

/// The two files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// `/etc/cron.allow`.
    pub allow: file::State,
    /// `/etc/cron.deny`.
    pub deny: file::State,
}

impl CronAccess {
    /// The access of this user.
    #[must_use]
    pub fn of(user: impl Into<String>) -> Self {
        Self::bare(user.into())
    }

    fn who(&self) -> &str {
        self.user.as_ref().unwrap_or(&self.name)
    }

    fn is_it(&self, line: &str) -> bool {
        line.trim() == self.who()
    }

    fn stands_in(&self, list: &file::State) -> bool {
        text_of(list.entry.as_ref()).is_some_and(|text| text.lines().any(|line| self.is_it(line)))
    }

    fn goal(&self, file: &File, listed: bool, now: &file::State, probe: &dyn Probe) -> Result<file::State> {
        edit::edited(file, now, probe, &|lines| {
            if !listed {
                lines.retain(|line| !self.is_it(line));
            } else if !lines.bare().any(|line| self.is_it(line)) {
                lines.put(None, self.who());
            }
            Ok(())
        })
    }
}

fn list(path: &str) -> File {
    File::at(path).backup(0_u32)
}

impl Resource for CronAccess {
    const KIND: &'static str = "cron_access";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let user = self.who();
        let sound =
            !user.is_empty() && !user.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':' || c == '#');
        let fault = || {
            Fault::new(format!("user {user:?} is no account name"))
                .hint("name one user; each has a resource of its own")
        };
        if sound { Vec::new() } else { vec![fault()] }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        Ok(State { allow: list(ALLOWED).read(probe)?, deny: list(DENIED).read(probe)? })
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.who());
        let now = self.read(probe)?;
        Ok(Some(if self.stands_in(&now.deny) {
            found.action("deny")
        } else if self.stands_in(&now.allow) {
            found.action("allow")
        } else {
            found.unsaid("whether cron lets the user in: no list names it")
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let allowed = action == Allow;
        Ok(Goal::State(State {
            allow: self.goal(&list(ALLOWED), allowed, &now.allow, probe)?,
            deny: self.goal(&list(DENIED), !allowed, &now.deny, probe)?,
        }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let file = |path: &str, from: &file::State, to: &file::State| {
            list(path).ops(&Change { from: from.clone(), to: to.clone(), event: None })
        };
        let mut operations = file(ALLOWED, &from.allow, &to.allow)?;
        operations.extend(file(DENIED, &from.deny, &to.deny)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Allow, CronAccess, Deny};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, text},
    };

    fn machine() -> Fake {
        Fake::new().with_directory("/etc")
    }

    #[test]
    fn a_user_stands_in_one_of_the_files() {
        let access = CronAccess::of("deploy");
        let mut machine = machine();
        assert_eq!(done(&access, Allow, &mut machine), ["write /etc/cron.allow \"deploy\\n\" 0644 root:root backup 0"]);
        assert_eq!(
            done(&access, Deny, &mut machine),
            [
                "write /etc/cron.allow \"\" 0644 root:root backup 0",
                "write /etc/cron.deny \"deploy\\n\" 0644 root:root backup 0"
            ]
        );
        assert_eq!(done(&access, Deny, &mut machine), [""; 0]);
    }

    #[test]
    fn lines_of_others_stay() {
        let mut machine =
            machine().with_file("/etc/cron.allow", "root\ndeploy2").with_file("/etc/cron.deny", " deploy \nx\n");
        done(&CronAccess::of("by another name").user("deploy"), Allow, &mut machine);
        assert_eq!(text(&machine, "/etc/cron.allow"), "root\ndeploy2\ndeploy\n");
        assert_eq!(text(&machine, "/etc/cron.deny"), "x\n");
    }

    #[test]
    fn only_one_account_can_be_meant() {
        for bad in ["", "a b", "a\nb", "a:b", "#a"] {
            assert_eq!(faults(&CronAccess::of(bad)).len(), 1, "{bad:?}");
        }
        assert_eq!(
            faults(&CronAccess::of("a b")),
            ["user \"a b\" is no account name\nhint: name one user; each has a resource of its own"]
        );
        assert_eq!(faults(&CronAccess::of("deploy")), [""; 0]);
    }
}
