//! `user_ulimit[user]`
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::file::{self, File, MANAGED, State};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Content, Found, Goal, Property, Resource},
};

/// A number, `unlimited`, `infinity` or -1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit(String);

impl From<&str> for Limit {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Limit {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<u32> for Limit {
    fn from(number: u32) -> Self {
        Self(number.to_string())
    }
}

impl Property for Limit {
    const TYPE: &'static str = "whole number or `unlimited`";

    fn from_json(value: &Json) -> Result<Self, String> {
        String::from_json(value).map(Self).map_err(|_| format!("expected {}, found {value}", Self::TYPE))
    }
}

properties! {
    /// What a user's sessions may use, as a file of its own in `/etc/security/limits.d` (0644, root's), which pam_limits(8)
    /// reads at the next login; services of systemd have limits of their own. Each resource has a limit that is both soft
    /// and hard, or the two apart. Unlike in Chef, which leaves out some that it accepts, every one is written.
    pub struct UserUlimit("user") {
        name: String;
        /// The user, when it is not the name of the resource: also `*` for all, or `@group`.
        username: String,
        /// Name of the file; `NAME_limits.conf` when not given, and `00_all_limits.conf` for `*`. It ends in `.conf`, which
        /// is added where it does not.
        filename: String,
        /// Address space, in KiB.
        as_limit: Limit,
        /// Its soft limit.
        as_soft_limit: Limit,
        /// Its hard limit.
        as_hard_limit: Limit,
        /// Open files.
        filehandle_limit: Limit,
        /// Its soft limit.
        filehandle_soft_limit: Limit,
        /// Its hard limit.
        filehandle_hard_limit: Limit,
        /// Processes.
        process_limit: Limit,
        /// Its soft limit.
        process_soft_limit: Limit,
        /// Its hard limit.
        process_hard_limit: Limit,
        /// Locked files.
        locks_limit: Limit,
        /// Memory that is kept from being swapped, in KiB.
        memory_limit: Limit,
        /// Logins at a time.
        maxlogins_limit: Limit,
        /// Its soft limit.
        maxlogins_soft_limit: Limit,
        /// Its hard limit.
        maxlogins_hard_limit: Limit,
        /// Memory of POSIX message queues, in bytes.
        msgqueue_limit: Limit,
        /// Its soft limit.
        msgqueue_soft_limit: Limit,
        /// Its hard limit.
        msgqueue_hard_limit: Limit,
        /// Size of a core file, in KiB.
        core_limit: Limit,
        /// Its soft limit.
        core_soft_limit: Limit,
        /// Its hard limit.
        core_hard_limit: Limit,
        /// Time on the processor, in minutes.
        cpu_limit: Limit,
        /// Its soft limit.
        cpu_soft_limit: Limit,
        /// Its hard limit.
        cpu_hard_limit: Limit,
        /// Signals that wait.
        sigpending_limit: Limit,
        /// Its soft limit.
        sigpending_soft_limit: Limit,
        /// Its hard limit.
        sigpending_hard_limit: Limit,
        /// Stack, in KiB.
        stack_limit: Limit,
        /// Its soft limit.
        stack_soft_limit: Limit,
        /// Its hard limit.
        stack_hard_limit: Limit,
        /// Resident memory, in KiB; the kernel of today does not look at it.
        rss_limit: Limit,
        /// Its soft limit.
        rss_soft_limit: Limit,
        /// Its hard limit.
        rss_hard_limit: Limit,
        /// Real-time priority.
        rtprio_limit: Limit,
        /// Its soft limit.
        rtprio_soft_limit: Limit,
        /// Its hard limit.
        rtprio_hard_limit: Limit,
        /// Address space, in KiB: `as_limit` by another name.
        virt_limit: Limit,
    }
    example r#"r.add(UserUlimit::of("tomcat").filehandle_limit(8192).process_limit("unlimited"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the file exist and say this.",
        Delete = "delete": "Removes the file.",
    }
}
pub use Action::*;

/// One resource: its word in the file and in the properties, and its limits: both, soft, hard.
struct Row<'r> {
    item: &'static str,
    property: &'static str,
    limits: [Option<&'r Limit>; 3],
}

impl UserUlimit {
    /// The limits of this user.
    #[must_use]
    pub fn of(user: impl Into<String>) -> Self {
        Self::bare(user.into())
    }

    fn who(&self) -> &str {
        self.username.as_ref().unwrap_or(&self.name)
    }

    fn file_name(&self) -> String {
        match &self.filename {
            Some(name) if name.ends_with(".conf") => name.clone(),
            Some(name) => format!("{name}.conf"),
            None if self.who() == "*" => "00_all_limits.conf".to_owned(),
            None => format!("{}_limits.conf", self.who()),
        }
    }

    fn file(&self) -> File {
        File::whole(format!("/etc/security/limits.d/{}", self.file_name()))
    }

    /// Words of the file. Source: limits.conf(5).
    fn rows(&self) -> [Row<'_>; 14] {
        fn row<'r>(item: &'static str, property: &'static str, limits: [&'r Option<Limit>; 3]) -> Row<'r> {
            Row { item, property, limits: limits.map(Option::as_ref) }
        }
        [
            row("as", "as", [&self.as_limit, &self.as_soft_limit, &self.as_hard_limit]),
            row(
                "nofile",
                "filehandle",
                [&self.filehandle_limit, &self.filehandle_soft_limit, &self.filehandle_hard_limit],
            ),
            row("nproc", "process", [&self.process_limit, &self.process_soft_limit, &self.process_hard_limit]),
            row("locks", "locks", [&self.locks_limit, &None, &None]),
            row("memlock", "memory", [&self.memory_limit, &None, &None]),
            row(
                "maxlogins",
                "maxlogins",
                [&self.maxlogins_limit, &self.maxlogins_soft_limit, &self.maxlogins_hard_limit],
            ),
            row("msgqueue", "msgqueue", [&self.msgqueue_limit, &self.msgqueue_soft_limit, &self.msgqueue_hard_limit]),
            row("core", "core", [&self.core_limit, &self.core_soft_limit, &self.core_hard_limit]),
            row("cpu", "cpu", [&self.cpu_limit, &self.cpu_soft_limit, &self.cpu_hard_limit]),
            row(
                "sigpending",
                "sigpending",
                [&self.sigpending_limit, &self.sigpending_soft_limit, &self.sigpending_hard_limit],
            ),
            row("stack", "stack", [&self.stack_limit, &self.stack_soft_limit, &self.stack_hard_limit]),
            row("rss", "rss", [&self.rss_limit, &self.rss_soft_limit, &self.rss_hard_limit]),
            row("rtprio", "rtprio", [&self.rtprio_limit, &self.rtprio_soft_limit, &self.rtprio_hard_limit]),
            row("as", "virt", [&self.virt_limit, &None, &None]),
        ]
    }

    fn sets_nothing(&self) -> bool {
        self.rows().iter().all(|row| row.limits.iter().all(Option::is_none))
    }

    /// What the file says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = MANAGED.to_owned();
        for Row { item, limits, .. } in self.rows() {
            for (kind, limit) in ["-", "soft", "hard"].into_iter().zip(limits) {
                let Some(Limit(limit)) = limit else { continue };
                writeln!(text, "{} {kind} {item} {limit}", self.who()).expect("a String takes any text");
            }
        }
        text
    }
}

fn is_limit(text: &str) -> bool {
    matches!(text, "unlimited" | "infinity" | "-1")
        || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn no_limit() -> Fault {
    Fault::new("it sets no limit").hint("say which, as `filehandle_limit`; `brasa explain user_ulimit` lists them")
}

impl Resource for UserUlimit {
    const KIND: &'static str = "user_ulimit";
    const BATCH: Option<&'static str> = File::BATCH;
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let user = self.who();
        if user.is_empty() || user.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
            let fault = Fault::new(format!("{user:?} is nobody whom pam_limits knows"));
            faults.push(fault.hint("name a user, a `@group`, or `*` for all"));
        }
        let file = self.file_name();
        if file.contains(|c: char| c == '/' || c.is_control()) {
            faults.push(
                Fault::new(format!("{file:?} is no name of a file")).hint("say with `filename` how it is called"),
            );
        }
        for Row { property, limits, .. } in self.rows() {
            for (part, limit) in ["", "_soft", "_hard"].into_iter().zip(limits) {
                let Some(Limit(limit)) = limit else { continue };
                if !is_limit(limit) {
                    let fault = Fault::new(format!("{property}{part}_limit `{}` is no limit", limit.escape_debug()));
                    faults.push(fault.hint("a whole number, or `unlimited`"));
                }
            }
            if let [Some(_), soft, hard] = limits
                && (soft.is_some() || hard.is_some())
            {
                let fault = Fault::new(format!("`{property}_limit` is both the soft and the hard limit"));
                faults
                    .push(fault.hint(format!("leave it out, or `{property}_soft_limit` and `{property}_hard_limit`")));
            }
        }
        if self.virt_limit.is_some()
            && [&self.as_limit, &self.as_soft_limit, &self.as_hard_limit].iter().any(|limit| limit.is_some())
        {
            faults.push(Fault::new("`virt_limit` and `as_limit` are the same").hint("leave one of them out"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create if self.sets_nothing() => vec![no_limit()],
            Create | Delete => Vec::new(),
        }
    }

    fn batch(&self) -> Option<&'static str> {
        Self::BATCH
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file().read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        self.file().found(probe)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let action = match action {
            Create => file::Create,
            Delete => file::Delete,
        };
        self.file().goal(action, now, probe, &|| {
            if self.sets_nothing() {
                return Err(no_limit().into());
            }
            Ok(Some(Content::from(self.text()).blob))
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Create, Delete, Limit, UserUlimit};
    use crate::{
        host::Fake,
        resource::{Described as _, Property as _},
        resources::trial::{done, faults, faults_of},
    };

    fn machine() -> Fake {
        Fake::new().with_directory("/etc/security/limits.d")
    }

    #[test]
    fn the_file_is_written_or_removed() {
        let tomcat = UserUlimit::of("tomcat").filehandle_limit(8192_u32);
        let path = "/etc/security/limits.d/tomcat_limits.conf";
        let text = "# Managed by brasa: changes are overwritten.\\ntomcat - nofile 8192\\n";
        let there = machine().with_file(path, "old");
        for mut machine in [machine(), there.clone()] {
            let write = format!("write {path} \"{text}\" 0644 root:root backup 0");
            assert_eq!(done(&tomcat, Create, &mut machine).join("; "), write);
        }
        assert_eq!(done(&tomcat, Delete, &mut there.clone()), [format!("remove {path} backup 0")]);
        assert_eq!(done(&tomcat, Delete, &mut machine()), [""; 0]);
    }

    #[test]
    fn every_limit_has_a_line() {
        let mut ulimit = UserUlimit::of("x");
        let limits = || UserUlimit::PROPERTIES.iter().filter(|property| property.name.ends_with("_limit"));
        for property in limits() {
            ulimit.set(property.name, &json!("unlimited")).unwrap();
        }
        assert_eq!(ulimit.text().lines().count(), 1 + limits().count());
        let apart = UserUlimit::of("@web").core_soft_limit(0_u32).core_hard_limit("unlimited").memory_limit("64");
        assert_eq!(faults(&apart), [""; 0]);
        assert_eq!(
            apart.text(),
            "# Managed by brasa: changes are overwritten.\n\
             @web - memlock 64\n@web soft core 0\n@web hard core unlimited\n"
        );
    }

    #[test]
    fn the_file_is_called_as_in_chef() {
        let file = |ulimit: UserUlimit| ulimit.file_name();
        assert_eq!(file(UserUlimit::of("*")), "00_all_limits.conf");
        assert_eq!(file(UserUlimit::of("by another name").username("tomcat")), "tomcat_limits.conf");
        assert_eq!(file(UserUlimit::of("x").filename("90-x")), "90-x.conf");
        assert_eq!(file(UserUlimit::of("x").filename("90-x.conf")), "90-x.conf");
    }

    #[test]
    fn what_pam_would_misread_is_a_fault() {
        let ulimit = UserUlimit::of("a b")
            .filename("../x")
            .core_limit("lots")
            .core_soft_limit(1_u32)
            .virt_limit("5")
            .as_hard_limit("-2");
        assert_eq!(
            faults(&ulimit),
            [
                "\"a b\" is nobody whom pam_limits knows\nhint: name a user, a `@group`, or `*` for all",
                "\"../x.conf\" is no name of a file\nhint: say with `filename` how it is called",
                "as_hard_limit `-2` is no limit\nhint: a whole number, or `unlimited`",
                "core_limit `lots` is no limit\nhint: a whole number, or `unlimited`",
                "`core_limit` is both the soft and the hard limit\n\
                 hint: leave it out, or `core_soft_limit` and `core_hard_limit`",
                "`virt_limit` and `as_limit` are the same\nhint: leave one of them out",
            ]
        );
        assert_eq!(
            faults_of(&UserUlimit::of("x"), Create),
            ["it sets no limit\nhint: say which, as `filehandle_limit`; `brasa explain user_ulimit` lists them"]
        );
        assert_eq!(faults_of(&UserUlimit::of("x"), Delete), [""; 0]);
        assert_eq!(Limit::from_json(&json!(8192)), Ok(Limit("8192".to_owned())));
        assert_eq!(Limit::from_json(&json!(-1)), Ok(Limit("-1".to_owned())));
        assert_eq!(Limit::from_json(&json!(true)).unwrap_err(), "expected whole number or `unlimited`, found true");
    }
}
