//! systemd: state by D-Bus, changes by systemctl. Source: systemctl(1), org.freedesktop.systemd1(5).
use std::{
    collections::{BTreeSet, HashMap},
    io::ErrorKind,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    LIMIT, Services,
    bus::{Connection, Failure},
    command, scripts, unit_files,
};
use crate::{
    Error, Result,
    host::{Active, Command, Enabled, ServiceState, ServiceVerb},
    values::Seconds,
};

/// How long reading waits for a unit that a job is starting, as right after boot.
const START_WAIT: Duration = Duration::from_secs(90);

/// Between two looks at a unit that is on its way.
const PAUSE: Duration = Duration::from_millis(50);

/// After this a simple service that dies at once has died: systemd calls it started before the program has run.
const SETTLE: Duration = Duration::from_millis(100);

/// A unit as systemd tells of it, by D-Bus or by `systemctl show`.
struct Unit {
    load: String,
    active: String,
    sub: String,
    /// Empty where there is no unit file.
    file_state: String,
    /// Its real name.
    id: String,
    job: bool,
}

/// State of a unit. One that a job is just starting is waited for.
pub(super) fn state(services: &Services, whole: &str) -> Result<ServiceState> {
    let deadline = Instant::now() + START_WAIT;
    loop {
        let unit = read(services, whole)?;
        // Without a job it waits for its next automatic restart, which may go on for ever.
        if unit.active == "activating" && unit.job && Instant::now() < deadline {
            thread::sleep(PAUSE);
            continue;
        }
        return service_state(services, &unit);
    }
}

fn service_state(services: &Services, unit: &Unit) -> Result<ServiceState> {
    let loaded = unit.load != "not-found";
    if !loaded && unit.file_state.is_empty() {
        return Ok(ServiceState::ABSENT);
    }
    let enabled = match unit.file_state.as_str() {
        "enabled" => Enabled::Yes,
        "disabled" | "bad" => Enabled::No,
        // These words tell of other things: links that the next boot does not find, a file that lies elsewhere, another
        // unit that is enabled along. What the files say is whether there is something to enable, and whether that is done.
        "enabled-runtime" | "linked" | "linked-runtime" | "indirect" => {
            match unit_files::state(&services.places(), &unit.id)? {
                ServiceState { exists: true, enabled, .. } => enabled,
                ServiceState { exists: false, .. } => Enabled::Static,
            }
        }
        "masked" | "masked-runtime" => Enabled::Masked,
        "generated" => by_script(services, &unit.id)?,
        _ if unit.load == "masked" => Enabled::Masked,
        // static, transient; or no unit file at all.
        _ => Enabled::Static,
    };
    let active = match unit.active.as_str() {
        "active" | "reloading" | "refreshing" => Active::Yes,
        "activating" => Active::Starting,
        "failed" => Active::Failed,
        _ => Active::No,
    };
    Ok(ServiceState { exists: true, enabled, active })
}

/// Of a unit that was generated from an init script, the links of the run-levels tell.
fn by_script(services: &Services, id: &str) -> Result<Enabled> {
    match id.strip_suffix(".service") {
        Some(name) if services.root.join("etc/init.d").join(name).is_file() => {
            Ok(if scripts::starts_at_boot(&services.root, name)? { Enabled::Yes } else { Enabled::No })
        }
        Some(_) | None => Ok(Enabled::Static),
    }
}

/// Asks systemd, over the connection there is, a new one, or by systemctl where no socket answers.
fn read(services: &Services, whole: &str) -> Result<Unit> {
    let user = rustix::process::geteuid().as_raw();
    let mut kept = services.bus.borrow_mut();
    for _ in 0..2 {
        if services.silent.get() {
            break;
        }
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => match Connection::open(user) {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::debug!("systemd's sockets do not answer, systemctl is asked: {error}");
                    break;
                }
            },
        };
        match ask(&mut connection, whole) {
            Ok(unit) => {
                *kept = Some(connection);
                return Ok(unit);
            }
            // A systemd from before version 230 does not know the question.
            Err(Failure::Refused(error)) => {
                tracing::debug!("systemd refuses to tell of `{whole}`, systemctl is asked: {error}");
                *kept = Some(connection);
                break;
            }
            // A systemd that does not answer once is not waited for again and again.
            Err(Failure::Broken(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                tracing::warn!("systemd does not answer on its socket, systemctl is asked");
                services.silent.set(true);
            }
            // It re-executed itself, perhaps: a new connection will do.
            Err(Failure::Broken(error)) => tracing::debug!("the connection to systemd broke: {error}"),
        }
    }
    drop(kept);
    let shown = show(services, whole)?;
    let field = |name: &str| shown.get(name).cloned().unwrap_or_default();
    Ok(Unit {
        load: field("LoadState"),
        active: field("ActiveState"),
        sub: field("SubState"),
        file_state: field("UnitFileState"),
        id: field("Id"),
        job: !field("Job").is_empty(),
    })
}

fn ask(connection: &mut Connection, whole: &str) -> std::result::Result<Unit, Failure> {
    let loaded = connection.unit(whole)?;
    let id = loaded.as_ref().map_or(whole, |loaded| loaded.id.as_str()).to_owned();
    let file_state = connection.file_state(&id)?.unwrap_or_default();
    Ok(match loaded {
        Some(loaded) => {
            Unit { load: loaded.load, active: loaded.active, sub: loaded.sub, file_state, id, job: loaded.job != 0 }
        }
        None => Unit {
            load: "not-found".to_owned(),
            active: "inactive".to_owned(),
            sub: "dead".to_owned(),
            file_state,
            id,
            job: false,
        },
    })
}

/// What `systemctl show` tells of a unit.
fn show(services: &Services, whole: &str) -> Result<HashMap<String, String>> {
    let properties = "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,CanReload,Type,Result,Job,TriggeredBy,ExecMainPID";
    let argv = ["systemctl", "show", "--no-pager", "-p", properties, "--", whole];
    let answer = services.ask(argv)?;
    if !answer.success() {
        return Err(services.failed(&argv, &answer));
    }
    let pairs = answer.stdout.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Whether a unit can be reloaded: systemd knows it of units that say how.
pub(super) fn reloads(services: &Services, whole: &str) -> Result<bool> {
    Ok(show(services, whole)?.get("CanReload").is_some_and(|can| can == "yes"))
}

/// Changes a unit of the running systemd.
pub(super) fn perform(services: &Services, whole: &str, verb: ServiceVerb) -> Result<()> {
    let mut shown = show(services, whole)?;
    let is = |shown: &HashMap<String, String>, name: &str, value: &str| shown.get(name).is_some_and(|v| v == value);
    // Others may have written unit files too; a unit that is not found may lie there since a moment ago.
    let stale = is(&shown, "NeedDaemonReload", "yes") || is(&shown, "LoadState", "not-found");
    if services.reload_due.get() || stale {
        services.reload_units()?;
        shown = show(services, whole)?;
    }
    let missing = is(&shown, "LoadState", "not-found") && is(&shown, "UnitFileState", "");
    let masks = matches!(verb, ServiceVerb::Mask | ServiceVerb::Unmask);
    if missing && !masks {
        return Err(Error::Missing { kind: "unit", name: whole.to_owned(), why: None });
    }
    let systemctl = |verb: &str| services.change(["systemctl", "--no-ask-password", "--no-pager", verb, "--", whole]);
    let since = SystemTime::now();
    let done = match verb {
        ServiceVerb::Unmask if is(&shown, "UnitFileState", "masked-runtime") => {
            return services.change(["systemctl", "--no-ask-password", "--runtime", "unmask", "--", whole]);
        }
        ServiceVerb::Enable | ServiceVerb::Disable | ServiceVerb::Mask | ServiceVerb::Unmask => {
            // It has systemd read its units again by itself.
            return systemctl(verb.name());
        }
        ServiceVerb::Stop => return systemctl("stop"),
        ServiceVerb::Reload => {
            if !is(&shown, "ActiveState", "active") && !is(&shown, "ActiveState", "reloading") {
                let state = shown.get("ActiveState").map_or("", String::as_str);
                return Err(Error::failed(format!("cannot reload `{whole}`: it does not run (it is {state})")));
            }
            systemctl(if is(&shown, "CanReload", "yes") { "reload" } else { "restart" })
        }
        ServiceVerb::Start | ServiceVerb::Restart => systemctl(verb.name()),
    };
    match done {
        Ok(()) => check_started(services, whole, verb, is(&shown, "Type", "simple"), since),
        Err(Error::Command { command, how, output }) => {
            let output = format!("{output}\n{}", journal(services, whole, since));
            Err(Error::Command { command, how: format!("{how}{}", reason(services, whole, None)), output })
        }
        Err(other) => Err(other),
    }
}

/// `systemctl start` succeeds once a simple service is forked: look whether it stays.
fn check_started(services: &Services, whole: &str, verb: ServiceVerb, simple: bool, since: SystemTime) -> Result<()> {
    if simple {
        thread::sleep(SETTLE);
    }
    let unit = read(services, whole)?;
    if unit.active == "failed" || unit.sub == "auto-restart" {
        return Err(Error::Command {
            command: format!("systemctl {} {whole}", verb.name()),
            how: format!("succeeded, but the unit does not stay up{}", reason(services, whole, Some(&unit))),
            output: journal(services, whole, since),
        });
    }
    Ok(())
}

/// What systemd says of a unit that did not start: `: the unit is failed (failed), result exit-code`. One that is started
/// again and again may be on its way by now: what was seen of it counts.
fn reason(services: &Services, whole: &str, seen: Option<&Unit>) -> String {
    let Ok(shown) = show(services, whole) else { return String::new() };
    let field = |name: &str| shown.get(name).map_or("", String::as_str);
    let result = match field("Result") {
        "" | "success" => String::new(),
        result => format!(", result {result}"),
    };
    let (active, sub) = seen.map_or((field("ActiveState"), field("SubState")), |unit| (&unit.active, &unit.sub));
    format!(": the unit is {active} ({sub}){result}")
}

/// Those of the units that systemd cannot load, and the word it has for that. Whatever else is wrong shows when they start.
pub(super) fn unloadable(services: &Services, units: BTreeSet<String>) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for whole in units {
        let load = read(services, &whole)?.load;
        if matches!(load.as_str(), "bad-setting" | "error") {
            found.push((whole, load));
        }
    }
    Ok(found)
}

/// The last lines of a unit since it was told to start; nothing where there is no journal. Not by the number of the
/// invocation: a line of a process that is gone before journald has looked has none.
fn journal(services: &Services, whole: &str, since: SystemTime) -> String {
    let mut command = Command::new(["journalctl"]);
    command.timeout = Seconds(10).min(LIMIT);
    match &services.owner {
        None => command.argv.extend(["-u".to_owned(), whole.to_owned()]),
        Some(owner) => {
            let shown = show(services, whole);
            let process = shown.as_ref().ok().and_then(|shown| shown.get("ExecMainPID"));
            command.argv.extend(owner.lines_of(whole, process.map_or("0", String::as_str)));
        }
    }
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    command.argv.push(format!("--since=@{}.{:06}", since.as_secs(), since.subsec_micros()));
    // Not `-n 10`: together with `--since` some journalctl take that for the first ones.
    command.argv.extend(["--no-pager", "-o", "cat", "-q"].map(str::to_owned));
    match (services.run)(&command) {
        Ok(answer) if answer.success() => command::last_lines(&answer.stdout),
        Ok(_) => String::new(),
        Err(error) => {
            tracing::debug!("the journal of `{whole}` cannot be read: {error}");
            String::new()
        }
    }
}

/// State of a unit of a systemd that does not run, by what lies on disk.
pub(super) fn offline_state(services: &Services, whole: &str) -> Result<ServiceState> {
    let root = &services.root;
    let state = unit_files::state(&services.places(), whole)?;
    match whole.strip_suffix(".service").filter(|_| services.owner.is_none()) {
        Some(name) if !state.exists && root.join("etc/init.d").join(name).is_file() => {
            let enabled = if scripts::starts_at_boot(root, name)? { Enabled::Yes } else { Enabled::No };
            Ok(ServiceState { exists: true, enabled, active: Active::No })
        }
        Some(_) | None => Ok(state),
    }
}

/// Changes what is enabled or masked where systemd does not run. Exit codes are not to be trusted here: starting
/// something in a chroot succeeds on some machines and does nothing.
pub(super) fn perform_offline(services: &Services, whole: &str, verb: ServiceVerb) -> Result<()> {
    match verb {
        ServiceVerb::Start | ServiceVerb::Stop | ServiceVerb::Restart | ServiceVerb::Reload
            if services.owner.is_some() =>
        {
            return Err(Error::Unsupported(format!(
                "cannot {} `{whole}`: the systemd of its user does not run, so units can only be enabled, disabled and masked",
                verb.name()
            )));
        }
        ServiceVerb::Start | ServiceVerb::Stop | ServiceVerb::Restart | ServiceVerb::Reload => {
            return Err(Error::Unsupported(format!(
                "cannot {} `{whole}`: systemd is installed but does not run here (a container, chroot or image), so units can \
                 only be enabled, disabled and masked",
                verb.name()
            )));
        }
        ServiceVerb::Enable | ServiceVerb::Disable => {
            if !offline_state(services, whole)?.exists {
                return Err(Error::Missing { kind: "unit", name: whole.to_owned(), why: None });
            }
        }
        ServiceVerb::Mask | ServiceVerb::Unmask => {}
    }
    if services.owner.is_some() {
        return services.change(["systemctl", verb.name(), "--", whole]);
    }
    let root = format!("--root={}", services.root.display());
    services.change(["systemctl", &root, verb.name(), "--", whole])
}
