//! What a unit of the init system is and how actions change it: shared by `service` and `systemd_unit`.
use std::{fmt, path::Path};

use serde::{Deserialize, Serialize};

use super::entry::resolve;
use crate::{
    Error, Fault, Result,
    host::{Active, Command, Enabled, Entry, EntryKind, Init, Op, Probe, ServiceVerb, unit_name},
    resource::{Change, Found, Goal},
};

/// A unit as it is, or as an action wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    /// At boot.
    pub boot: Boot,
    /// Now.
    pub running: Running,
    /// Whether the init system knows it. Never wanted, only looked at.
    #[serde(skip)]
    pub exists: bool,
}

/// What happens to a unit at boot.
#[derive(Clone, Copy, Debug, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boot {
    /// It is started.
    Enabled,
    /// It is not started.
    Disabled,
    /// It has no installation section: something else starts it.
    Static,
    /// It cannot be started by anything.
    Masked,
    /// A wish that anything but `Masked` fulfils: what a mask hides shows only when it is gone.
    Unmasked,
}

impl PartialEq for Boot {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unmasked, Self::Masked) | (Self::Masked, Self::Unmasked) => false,
            (Self::Unmasked, Self::Enabled | Self::Disabled | Self::Static | Self::Unmasked)
            | (Self::Enabled | Self::Disabled | Self::Static, Self::Unmasked) => true,
            (
                Self::Enabled | Self::Disabled | Self::Static | Self::Masked,
                Self::Enabled | Self::Disabled | Self::Static | Self::Masked,
            ) => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Running {
    /// It runs.
    Running,
    /// It is on its way up.
    Starting,
    /// It does not run.
    Stopped,
    /// It does not run because it failed.
    Failed,
    /// A wish that anything but `Failed` fulfils: it was started, and a oneshot may have ended since.
    Started,
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Started, Self::Failed) | (Self::Failed, Self::Started) => false,
            (Self::Started, Self::Running | Self::Starting | Self::Stopped | Self::Started)
            | (Self::Running | Self::Starting | Self::Stopped, Self::Started) => true,
            (
                Self::Running | Self::Starting | Self::Stopped | Self::Failed,
                Self::Running | Self::Starting | Self::Stopped | Self::Failed,
            ) => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl UnitState {
    /// Of a unit that was not asked about.
    pub(crate) const UNKNOWN: Self = Self { boot: Boot::Disabled, running: Running::Stopped, exists: false };
}

/// Reads a unit.
pub(crate) fn read(unit: &str, probe: &dyn Probe) -> Result<UnitState> {
    let state = probe.service(unit)?;
    Ok(UnitState {
        boot: match state.enabled {
            Enabled::Yes => Boot::Enabled,
            Enabled::No => Boot::Disabled,
            Enabled::Static => Boot::Static,
            Enabled::Masked => Boot::Masked,
        },
        running: match state.active {
            Active::Yes => Running::Running,
            Active::Starting => Running::Starting,
            Active::No => Running::Stopped,
            Active::Failed => Running::Failed,
        },
        exists: state.exists,
    })
}

/// With what is known of a unit: how it is at boot, and now.
pub(crate) fn found(mut found: Found, unit: &str, probe: &dyn Probe) -> Result<Found> {
    let UnitState { boot, running, exists } = read(unit, probe)?;
    if !exists {
        found = found.unsaid("what it does: the init system knows no such unit");
    }
    found = match boot {
        Boot::Enabled => found.action("enable"),
        Boot::Disabled => found.action("disable"),
        Boot::Masked => found.action("mask"),
        Boot::Static => {
            found.unsaid("whether it starts at boot: something else decides that, it has no installation section")
        }
        Boot::Unmasked => found,
    };
    Ok(match running {
        Running::Running | Running::Starting | Running::Started => found.action("start"),
        Running::Stopped => found.action("stop"),
        Running::Failed => found.action("stop").unsaid("that it has failed"),
    })
}

/// Scripts that are no services. `halt` of Red Hat halts the machine whatever it is told, so they are not to be asked how they are.
const OTHERS: [&str; 12] = [
    "README",
    "bootclean.sh",
    "functions",
    "halt",
    "killall",
    "kudzu",
    "linuxconf",
    "rc",
    "rcS",
    "reboot",
    "single",
    "skeleton",
];

/// The services of the init system.
pub(crate) fn all(probe: &dyn Probe) -> Result<Vec<String>> {
    match probe.init()? {
        Init::Systemd | Init::SystemdOffline => unit_files(probe),
        Init::OpenRc => {
            let names = listing(&["rc-service", "--list"], probe)?;
            Ok(names.lines().filter(|name| !OTHERS.contains(name)).map(str::to_owned).collect())
        }
        Init::SysV => scripts(probe),
        Init::None => Err(not_listed("there is no init system here that brasa knows")),
    }
}

fn not_listed(why: &str) -> Error {
    Error::failed(format!("the services cannot be listed: {why}")).hint("name one, as in `brasa resource service cron`")
}

fn listing(words: &[&str], probe: &dyn Probe) -> Result<String> {
    let answer = probe.query(&Command::new(words.iter().copied()))?;
    if !answer.success() {
        return Err(not_listed(&format!("`{} {}` does not answer", words[0], words[1])));
    }
    Ok(answer.stdout)
}

/// The scripts of System V, as `service --status-all` asks them. Source: service(8) of Debian and of Red Hat.
fn scripts(probe: &dyn Probe) -> Result<Vec<String>> {
    const LEFT: [&str; 8] = [".dpkg-dist", ".dpkg-new", ".dpkg-old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", "~"];
    let place = Path::new("/etc/init.d");
    let mut names = Vec::new();
    for name in probe.list(place)?.into_iter().filter_map(|name| name.into_string().ok()) {
        let left = name.starts_with('.') || LEFT.iter().any(|end| name.ends_with(end));
        if left || OTHERS.contains(&&*name) || fault(&name).is_some() {
            continue;
        }
        let is_script = |entry: Entry| matches!(entry.kind, EntryKind::File { .. }) && entry.mode.bits() & 0o111 != 0;
        if resolve(&place.join(&name), probe)?.1.is_some_and(is_script) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The services that have a unit file, without those that need an instance.
fn unit_files(probe: &dyn Probe) -> Result<Vec<String>> {
    let words = ["systemctl", "list-unit-files", "--type=service", "--no-legend", "--no-pager", "--plain"];
    let files = listing(&words, probe)?;
    let units = files.lines().filter_map(|line| {
        let mut columns = line.split_whitespace();
        let unit = columns.next()?.strip_suffix(".service")?;
        // Another name of a unit that is told of by its own.
        (columns.next() != Some("alias")).then_some(unit)
    });
    Ok(units.filter(|unit| !unit.ends_with('@')).map(str::to_owned).collect())
}

/// The verb of `try_restart`; `None` when there is nothing to restart.
///
/// # Errors
/// When there is no such unit.
pub(crate) fn try_restart(unit: &str, now: &UnitState, probe: &dyn Probe) -> Result<Option<ServiceVerb>> {
    refuse_unless_there(unit, ServiceVerb::Restart, now, probe)?;
    Ok((now.running == Running::Running).then_some(ServiceVerb::Restart))
}

/// The verb of `reload_or_restart`, which starts what does not run.
pub(crate) fn reload_or_restart(now: &UnitState) -> ServiceVerb {
    if now.running == Running::Running { ServiceVerb::Reload } else { ServiceVerb::Restart }
}

/// Where `reenable` leads; `None` when there is nothing to enable.
///
/// # Errors
/// As for `enable`.
pub(crate) fn reenable(unit: &str, now: &UnitState, probe: &dyn Probe) -> Result<Option<UnitState>> {
    let (Goal::State(to) | Goal::Event(_, to)) = want(unit, ServiceVerb::Enable, now, probe)?;
    Ok((to.boot == Boot::Enabled && now.boot != Boot::Static).then_some(to))
}

/// Where `verb` leads from `now`.
///
/// A unit that cannot be reloaded is restarted, and a plan says so where the init system knows it before.
/// A unit that does not exist is stopped, disabled and not masked; all else asked of it is an error. Enabling a unit
/// without an installation section is nothing to do: something else starts it, `systemctl enable` succeeds on it
/// without any effect, and recipes that say `[Enable, Start]` of every service hold for `dbus` too.
pub(crate) fn want(unit: &str, verb: ServiceVerb, now: &UnitState, probe: &dyn Probe) -> Result<Goal<UnitState>> {
    let boot = |boot| Goal::State(UnitState { boot, ..now.clone() });
    let running = |running| UnitState { running, ..now.clone() };
    Ok(match verb {
        ServiceVerb::Enable => {
            refuse_unless_there(unit, verb, now, probe)?;
            match now.boot {
                Boot::Enabled | Boot::Static => Goal::State(now.clone()),
                Boot::Disabled | Boot::Unmasked => boot(Boot::Enabled),
                Boot::Masked => return Err(masked(unit, verb)),
            }
        }
        ServiceVerb::Disable => match now.boot {
            Boot::Enabled => boot(Boot::Disabled),
            Boot::Disabled | Boot::Static | Boot::Masked | Boot::Unmasked => Goal::State(now.clone()),
        },
        ServiceVerb::Start => {
            refuse_unless_there(unit, verb, now, probe)?;
            match now.running {
                Running::Running => Goal::State(now.clone()),
                Running::Starting | Running::Stopped | Running::Failed | Running::Started => {
                    refuse_unless_startable(unit, verb, now, probe)?;
                    Goal::State(running(Running::Running))
                }
            }
        }
        ServiceVerb::Stop => match now.running {
            Running::Stopped | Running::Failed => Goal::State(now.clone()),
            Running::Running | Running::Starting | Running::Started => Goal::State(running(Running::Stopped)),
        },
        ServiceVerb::Restart => {
            refuse_unless_there(unit, verb, now, probe)?;
            refuse_unless_startable(unit, verb, now, probe)?;
            // What ran must run again; what did not may be a oneshot that ends at once.
            let after = match now.running {
                Running::Running => Running::Running,
                Running::Starting | Running::Stopped | Running::Failed | Running::Started => Running::Started,
            };
            Goal::Event("restart", running(after))
        }
        ServiceVerb::Reload => {
            refuse_unless_there(unit, verb, now, probe)?;
            match now.running {
                Running::Running if probe.reloads(unit)? == Some(false) => Goal::Event("restart", now.clone()),
                Running::Running => Goal::Event("reload", now.clone()),
                // It reads its configuration when it is started; a reload never starts anything.
                Running::Starting | Running::Stopped | Running::Failed | Running::Started => Goal::State(now.clone()),
            }
        }
        ServiceVerb::Mask => {
            refuse_without_init(unit, verb, probe)?;
            if now.boot != Boot::Masked {
                refuse_to_hide_a_file(unit, verb, probe)?;
            }
            boot(Boot::Masked)
        }
        ServiceVerb::Unmask => match now.boot {
            Boot::Masked => boot(Boot::Unmasked),
            Boot::Enabled | Boot::Disabled | Boot::Static | Boot::Unmasked => Goal::State(now.clone()),
        },
    })
}

/// The operations of a change.
pub(crate) fn ops(unit: &str, change: &Change<UnitState>) -> Vec<Op> {
    let operation = |verb| Op::Service { unit: unit.to_owned(), verb };
    let mut operations = Vec::new();
    if change.event == Some("reenable") && change.from.boot == change.to.boot {
        operations.extend([ServiceVerb::Disable, ServiceVerb::Enable].map(operation));
    }
    if change.from.boot != change.to.boot {
        operations.push(operation(match change.to.boot {
            Boot::Enabled => ServiceVerb::Enable,
            Boot::Disabled | Boot::Static => ServiceVerb::Disable,
            Boot::Masked => ServiceVerb::Mask,
            Boot::Unmasked => ServiceVerb::Unmask,
        }));
    }
    match change.event {
        Some("restart") => operations.push(operation(ServiceVerb::Restart)),
        Some("reload") => operations.push(operation(ServiceVerb::Reload)),
        Some(_) | None if change.from.running != change.to.running => {
            operations.push(operation(match change.to.running {
                Running::Running | Running::Starting | Running::Started => ServiceVerb::Start,
                Running::Stopped | Running::Failed => ServiceVerb::Stop,
            }));
        }
        Some(_) | None => {}
    }
    operations
}

/// What is wrong with a unit's name, if anything.
pub(crate) fn fault(unit: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    if unit.is_empty() || unit.starts_with('-') || !unit.chars().all(known) {
        Some(format!("`{unit}` is no unit name: letters, digits and `:-_.\\@` are allowed, and no `-` in front"))
    } else {
        None
    }
}

/// What is wrong with the user whose unit it is, if anything.
pub(crate) fn owner_fault(address: &str) -> Option<Fault> {
    let user = unit_name::of_user(address).0?;
    unit_name::whole(&format!("{user}/x"))
        .err()
        .map(|_| Fault::new(format!("`{address}` is no unit of a user, which is `USER/UNIT`")))
}

/// What is wrong with having this unit run: of a template only instances do. Source: systemd.unit(5).
pub(crate) fn no_instance(unit: &str) -> Option<Fault> {
    let (prefix, kind) = unit.split_once('@')?;
    (kind.is_empty() || kind.starts_with('.')).then(|| {
        Fault::new(format!("`{unit}` is a template, of which only instances run"))
            .hint(format!("name one, as in `{prefix}@NAME{kind}`"))
    })
}

fn refuse_unless_there(unit: &str, verb: ServiceVerb, now: &UnitState, probe: &dyn Probe) -> Result<()> {
    refuse_without_init(unit, verb, probe)?;
    // A mask may stand for a unit that is not installed.
    if now.exists || now.boot == Boot::Masked {
        return Ok(());
    }
    Err(Error::Missing {
        kind: "unit",
        name: unit.to_owned(),
        why: Some(format!("the init system knows no such unit, so there is nothing to {}", verb.name())),
    })
}

fn refuse_without_init(unit: &str, verb: ServiceVerb, probe: &dyn Probe) -> Result<()> {
    if let (Some(user), of_user) = unit_name::of_user(unit)
        && probe.user(user)?.is_none()
    {
        let why = Some(format!("unit `{of_user}` is to {} for this user", Passive(verb)));
        return Err(Error::Missing { kind: "user", name: user.to_owned(), why });
    }
    match probe.init()? {
        Init::Systemd | Init::SystemdOffline | Init::OpenRc | Init::SysV => Ok(()),
        Init::None => Err(Refused { unit, verb }.because("there is no init system here that brasa knows")),
    }
}

/// A mask is a link where the administrator's own unit file would be, and does not take its place.
fn refuse_to_hide_a_file(unit: &str, verb: ServiceVerb, probe: &dyn Probe) -> Result<()> {
    let Ok(whole) = unit_name::whole(unit) else { return Ok(()) };
    let path = match unit_name::of_user(&whole) {
        (None, name) => Path::new("/etc/systemd/system").join(name),
        (Some(user), name) => match probe.user(user)?.and_then(|user| user.home) {
            Some(home) => home.join(".config/systemd/user").join(name),
            None => return Ok(()),
        },
    };
    match probe.entry(&path)?.map(|entry| entry.kind) {
        Some(EntryKind::File { .. }) => {
            let reason = format!("its own file is in the place of a mask, `{}`", path.display());
            let error = Error::failed(format!("unit `{unit}` cannot {}: {reason}", Passive(verb)));
            Err(error.hint("disable and stop it, or delete that file"))
        }
        Some(_) | None => Ok(()),
    }
}

fn refuse_unless_startable(unit: &str, verb: ServiceVerb, now: &UnitState, probe: &dyn Probe) -> Result<()> {
    match probe.init()? {
        Init::OpenRc | Init::SysV if probe.offline() => {
            return Err(Refused { unit, verb }.because(
                "this is a system in a directory, that does not run; services can be enabled there, not started",
            ));
        }
        Init::OpenRc if probe.entry(Path::new("/run/openrc/softlevel"))?.is_none() => {
            return Err(Refused { unit, verb }.because(
                "OpenRC is installed but did not boot this system, as in a chroot or an image that is being built; \
                 services can be enabled there, not started",
            ));
        }
        Init::Systemd | Init::OpenRc | Init::SysV => {}
        Init::None => return Err(Refused { unit, verb }.because("there is no init system here that brasa knows")),
        Init::SystemdOffline => {
            return Err(Refused { unit, verb }.because(
                "systemd is installed but not running, as in a chroot, a container or an image that is being built; \
                 units can be enabled and masked there, not started",
            ));
        }
    }
    if now.boot == Boot::Masked {
        return Err(masked(unit, verb));
    }
    match unit_name::of_user(unit).0 {
        Some(user) if !manager_runs(user, probe)? => {
            let reason = format!(
                "the systemd of user `{user}` does not run, for nobody is logged in as this user; units can be enabled and \
                 masked there, not started"
            );
            let error = Error::failed(format!("unit `{unit}` cannot {}: {reason}", Passive(verb)));
            Err(error.hint(format!("`loginctl enable-linger {user}` has it run from now on, and from each boot")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a user's own systemd runs.
fn manager_runs(user: &str, probe: &dyn Probe) -> Result<bool> {
    let uid = probe.user(user)?.and_then(|account| account.uid);
    // The place of an account that is yet to be made has no number.
    let place = uid.map_or_else(|| user.to_owned(), |uid| uid.to_string());
    Ok(probe.entry(&Path::new("/run/user").join(place).join("systemd/private"))?.is_some())
}

fn masked(unit: &str, verb: ServiceVerb) -> Error {
    Error::failed(format!("unit `{unit}` is masked, so it cannot {}", Passive(verb)))
        .hint("put the action `unmask` in front, as in `[unmask, enable]`")
}

struct Refused<'a> {
    unit: &'a str,
    verb: ServiceVerb,
}

impl Refused<'_> {
    fn because(&self, reason: &str) -> Error {
        Error::Unsupported(format!("unit `{}` cannot {}: {reason}", self.unit, Passive(self.verb)))
    }
}

struct Passive(ServiceVerb);

impl fmt::Display for Passive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ServiceVerb::Enable => "be enabled",
            ServiceVerb::Disable => "be disabled",
            ServiceVerb::Start => "be started",
            ServiceVerb::Stop => "be stopped",
            ServiceVerb::Restart => "be restarted",
            ServiceVerb::Reload => "be reloaded",
            ServiceVerb::Mask => "be masked",
            ServiceVerb::Unmask => "be unmasked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Boot, Running, UnitState, all, fault, no_instance, ops};
    use crate::{
        host::{Entry, EntryKind, Fake, Init, Op, ServiceVerb},
        resource::Change,
    };

    const STOPPED: UnitState = UnitState { boot: Boot::Disabled, running: Running::Stopped, exists: true };

    fn verbs(from: UnitState, to: UnitState, event: Option<&'static str>) -> Vec<ServiceVerb> {
        ops("x", &Change { from, to, event })
            .into_iter()
            .map(|op| match op {
                Op::Service { verb, .. } => verb,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_wish_is_fulfilled_by_all_but_one() {
        assert!(Boot::Unmasked == Boot::Enabled && Boot::Static == Boot::Unmasked && Boot::Unmasked != Boot::Masked);
        assert!(Boot::Enabled != Boot::Disabled && Boot::Masked == Boot::Masked);
        assert!(Running::Started == Running::Stopped && Running::Failed != Running::Started);
        assert!(Running::Running != Running::Stopped);
    }

    #[test]
    fn each_difference_is_one_verb() {
        let enabled = UnitState { boot: Boot::Enabled, ..STOPPED };
        let masked = UnitState { boot: Boot::Masked, ..STOPPED };
        let unmasked = UnitState { boot: Boot::Unmasked, ..STOPPED };
        let running = UnitState { running: Running::Running, ..STOPPED };
        let started = UnitState { running: Running::Started, ..STOPPED };
        assert_eq!(verbs(STOPPED, enabled.clone(), None), [ServiceVerb::Enable]);
        assert_eq!(verbs(enabled.clone(), STOPPED, None), [ServiceVerb::Disable]);
        assert_eq!(verbs(enabled, masked.clone(), None), [ServiceVerb::Mask]);
        assert_eq!(verbs(masked, unmasked, None), [ServiceVerb::Unmask]);
        assert_eq!(verbs(STOPPED, running.clone(), None), [ServiceVerb::Start]);
        assert_eq!(verbs(running.clone(), STOPPED, None), [ServiceVerb::Stop]);
        assert_eq!(verbs(STOPPED, started, Some("restart")), [ServiceVerb::Restart]);
        assert_eq!(verbs(running.clone(), running, Some("reload")), [ServiceVerb::Reload]);
    }

    #[test]
    fn scripts_are_listed_as_the_init_system_lists_them() {
        let mut machine = Fake::new().with_directory("/etc/init.d/depend").with_link("/etc/init.d/alias", "cron");
        for (name, mode) in [
            ("cron", 0o755),
            ("halt", 0o755),
            ("functions.sh", 0o755),
            ("cron.dpkg-old", 0o755),
            ("notes", 0o644),
            (".depend.start", 0o755),
        ] {
            let entry = Entry {
                kind: EntryKind::File { content: "".into() },
                mode: mode.into(),
                owner: "root".into(),
                group: "root".into(),
            };
            machine = machine.with_entry(format!("/etc/init.d/{name}"), entry);
        }
        assert_eq!(all(&machine.clone().with_init(Init::SysV)).unwrap(), ["alias", "cron", "functions.sh"]);
        machine = machine.with_answer("rc-service --list", 0, "cron\nhalt\nhwclock\n");
        assert_eq!(all(&machine.clone().with_init(Init::OpenRc)).unwrap(), ["cron", "hwclock"]);
        assert_eq!(
            all(&machine.with_init(Init::None)).unwrap_err().to_string(),
            "the services cannot be listed: there is no init system here that brasa knows"
        );
    }

    #[test]
    fn names() {
        assert_eq!(fault("getty@tty1.service"), None);
        assert_eq!(fault("dev-disk-by\\x2duuid.swap"), None);
        for bad in ["", "-f", "a b", "a/b", "x;y"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        for (unit, wrong) in [("getty@", true), ("getty@.service", true), ("getty@tty1.service", false), ("x", false)] {
            assert_eq!(no_instance(unit).is_some(), wrong, "{unit}");
        }
    }
}
