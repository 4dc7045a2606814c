//! `brasa server`: servers are made, converged and destroyed.
use std::{
    io::{self, IsTerminal},
    path::Path,
};

use brasa::host::{disk, environment, tool::Output as Shown};
use serde_json::{Value, json};

use super::{
    Code, Failure, Output,
    arguments::{Format, OneServer, Remote, Server, ServerPlaces},
    coloured, complain, logging, print, print_json, question,
};
use crate::{
    report::{SCHEMA_VERSION, printable},
    server::{
        description::Description,
        provider::{Machine, Place, Provider, USUAL, there},
        record::{Phase, Record, Records},
        ssh::Ssh,
        steps::Steps,
        user_data::{Pull, user_data},
        work::{Converging, Work, is_young, shown},
    },
};

/// A description, and who is asked.
type Described = (Description, Box<dyn Provider>);

/// Does what was asked of servers.
pub fn server(command: &Server, output: &Output) -> Result<Code, Failure> {
    logging::start(output.log_level, output.log_file.as_deref())?;
    match command {
        Server::Create { of, remote } => create(of, remote, output),
        Server::Converge { of, remote } => converge(of, remote, output),
        Server::List { places } => list(places, output),
        Server::Show { of } => show(of, output),
        Server::Ssh { of, command } => session(of, command),
        Server::Destroy { of, forget: true, .. } => forget(of, output),
        Server::Destroy { of, yes, .. } => destroy(of, *yes, output),
        Server::Test { of, remote, verify, keep } => test(of, remote, verify.as_deref(), *keep, output),
        Server::UserData { of, pull, sha256 } => print_user_data(of, pull.as_deref().zip(sha256.as_deref())),
    }
}

fn create(of: &OneServer, remote: &Remote, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let (mut described, mut provider) = Description::read(&of.places.servers, &of.name, records.directory(), &[])?;
    let steps = steps(&described.name, output);
    let _lock = records.lock(&described.name, "create")?;
    if let Some(record) = records.read(&described.name)?
        && let Some(found) = same_place(&records, of, &record)?
    {
        (described, provider) = found;
    }
    let work = Work { records: &records, described, provider, steps: &steps };
    let (record, code) = work.create(&remote.converging(output))?;
    verdict("create", &record, code, &steps, output)
}

fn converge(of: &OneServer, remote: &Remote, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let (mut described, mut provider) = Description::read(&of.places.servers, &of.name, records.directory(), &[])?;
    let steps = steps(&described.name, output);
    let _lock = records.lock(&described.name, "converge")?;
    let record = recorded(&records, &described.name)?;
    if let Some(found) = same_place(&records, of, &record)? {
        (described, provider) = found;
    }
    let work = Work { records: &records, described, provider, steps: &steps };
    let (record, code) = work.converge(record, &remote.converging(output))?;
    verdict("converge", &record, code, &steps, output)
}

/// A server of the test's own: made, converged twice, checked, and destroyed whatever came of it.
fn test(of: &OneServer, remote: &Remote, verify: Option<&Path>, keep: bool, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let (described, provider) = Description::read(&of.places.servers, &of.name, records.directory(), &[])?;
    let name = described.name.clone();
    let steps = steps(&name, output);
    let _lock = records.lock(&name, "test")?;
    // What is destroyed in the end must be the test's own.
    if records.read(&name)?.is_some() || !provider.find(&name)?.is_empty() {
        return Err(Failure::refused(format!("there is a server `{name}` already, and a test makes its own"))
            .hint(format!("`brasa server destroy {name}` first, or describe another one for tests")));
    }
    let script = verify.map(Path::to_owned).or_else(|| described.verify.clone());
    if let Some(script) = script.as_ref().filter(|script| disk::size(script).is_err()) {
        return Err(Failure::input(format!("the script `{}`, which is to check it, cannot be read", script.display())));
    }
    let work = Work { records: &records, described, provider, steps: &steps };
    let tried = trial(&work, remote, script.as_deref(), output);
    if !keep && let Err(failure) = clean_up(&work) {
        let still = format!("it may still be there: `brasa server destroy {name}` removes it");
        // What went wrong first is told last, as the end of the command.
        if tried.is_ok() {
            return Err(failure.hint(still));
        }
        steps.warn(&format!("it was not cleaned up: {}; {still}", failure.message));
    }
    let code = tried?;
    if output.format != Format::Human {
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "command": "server test",
            "success": code == 0,
            "exit_code": code,
            "name": name,
            "kept": keep,
            "phases": steps.to_json(),
            "seconds": steps.seconds(),
        });
        print_json(&document, output.format)?;
    }
    if code == 0 {
        steps.say(&format!("passed ({:.1} s in all)", steps.seconds()));
    }
    Ok(Code::Of(code))
}

/// Destroys the server of a test, also where a signal asked to stop; a second one stops this too.
fn clean_up(work: &Work<'_>) -> Result<bool, Failure> {
    environment::go_on();
    let record = work.records.read(&work.described.name)?;
    work.destroy(record, true)
}

/// The exit code of what did not go as it should; 0 when all did.
fn trial(work: &Work<'_>, remote: &Remote, script: Option<&Path>, output: &Output) -> Result<u8, Failure> {
    let steps = work.steps;
    let (record, code) = work.create(&remote.converging(output))?;
    if !matches!(code, 0 | 2 | 35) {
        steps.warn(&format!("the first run ended with {code}"));
        return Ok(code);
    }
    let twice = Remote { detailed_exitcode: true, ..remote.clone() };
    let (record, code) = work.converge(record, &twice.converging(output))?;
    if code != 0 {
        let what = if code == 2 { "changed something again".to_owned() } else { format!("ended with {code}") };
        steps.warn(&format!("the second run {what}"));
        return Ok(if code == 2 { 1 } else { code });
    }
    let Some(script) = script else { return Ok(0) };
    match work.verify(&record, script, remote.converging(output).output)? {
        0 => Ok(0),
        code => {
            steps.warn(&format!("`{}` ended with {code}", script.display()));
            Ok(1)
        }
    }
}

impl Remote {
    /// What the run on the machine is told, and where its output goes: a document is alone on standard output.
    pub fn converging(&self, output: &Output) -> Converging {
        let mut arguments = Vec::new();
        if let Some(items) = &self.override_runlist {
            arguments.extend(["-o".to_owned(), items.clone()]);
        }
        if self.detailed_exitcode {
            arguments.push("--detailed-exitcode".to_owned());
        }
        if output.quiet {
            arguments.push("--quiet".to_owned());
        }
        arguments.extend(std::iter::repeat_n("--verbose".to_owned(), usize::from(output.verbose)));
        let json = output.format != Format::Human;
        let terminal = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        if coloured(output.color, terminal) {
            arguments.push("--color=always".to_owned());
        }
        Converging { arguments, output: if json { Shown::Aside } else { Shown::Shown } }
    }
}

/// Tells how it went; the exit code is that of the run on the server.
fn verdict(command: &str, record: &Record, code: u8, steps: &Steps, output: &Output) -> Result<Code, Failure> {
    let name = &record.name;
    if output.format != Format::Human {
        print_json(
            &json!({
                "schema_version": SCHEMA_VERSION,
                "brasa": env!("CARGO_PKG_VERSION"),
                "command": format!("server {command}"),
                "success": matches!(code, 0 | 2 | 35),
                "exit_code": code,
                "server": record.to_json(),
                "phases": steps.to_json(),
                "seconds": steps.seconds(),
            }),
            output.format,
        )?;
    }
    let address = record.addresses.first().map(String::as_str).unwrap_or_default();
    match code {
        0 | 2 | 35 => steps.say(&format!("converged at {address} ({:.1} s in all)", steps.seconds())),
        code => {
            steps.warn(&format!("the run there ended with {code}"));
            complain(&format!(
                "hint: `brasa server ssh {name}` looks at it; `brasa server converge {name}` tries again"
            ));
        }
    }
    Ok(Code::Of(code))
}

fn list(places: &ServerPlaces, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(places.state.as_deref())?;
    let mut names = records.names()?;
    for file in disk::list(&places.servers)? {
        let name = file.to_string_lossy().strip_suffix(".toml").map(str::to_owned);
        names.extend(name.filter(|name| !name.starts_with('.')));
    }
    names.sort();
    names.dedup();
    let (mut rows, mut code, mut asked, mut strays) = (Vec::new(), Code::Success, Vec::new(), Vec::new());
    for name in &names {
        let (row, machines) = match row(&records, places, name, &mut asked) {
            Ok(found) => found,
            Err(failure) => {
                complain(&format!("error: {name}: {}", printable(&failure.message)));
                failure.hints.iter().for_each(|hint| complain(&format!("hint: {}", printable(hint))));
                code = failure.code;
                (Row { name: name.clone(), state: "unknown".to_owned(), ..Row::default() }, Vec::new())
            }
        };
        let provider = row.provider.clone();
        rows.push(row);
        for stray in machines.into_iter().filter(|stray| !names.contains(&stray.name)) {
            // The same place may be written in two ways.
            let key = (provider.clone(), stray.id.clone());
            if strays.contains(&key) {
                continue;
            }
            strays.push(key);
            rows.push(Row {
                name: stray.name,
                provider: provider.clone(),
                state: stray.state.word().to_owned(),
                address: stray.addresses.first().cloned().unwrap_or_default(),
                note: format!("`{}`, neither described nor recorded here", stray.id),
            });
        }
    }
    if output.format != Format::Human {
        let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
        print_json(&json!({"schema_version": SCHEMA_VERSION, "servers": rows}), output.format)?;
        return Ok(code);
    }
    print(&rows.iter().map(|row| row.line(&rows)).collect::<String>())?;
    Ok(code)
}

/// A line of the list.
#[derive(Default)]
struct Row {
    name: String,
    provider: String,
    state: String,
    address: String,
    note: String,
}

impl Row {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "provider": self.provider,
            "state": self.state,
            "address": self.address,
            "note": self.note,
        })
    }

    fn line(&self, all: &[Self]) -> String {
        let width = |of: fn(&Self) -> &String| all.iter().map(|row| of(row).len()).max().unwrap_or_default();
        let (name, provider) = (width(|row| &row.name), width(|row| &row.provider));
        let (state, address) = (width(|row| &row.state), width(|row| &row.address));
        let Self { name: n, provider: p, state: s, address: a, note } = self;
        let line = format!("{n:name$}  {p:provider$}  {s:state$}  {a:address$}  {note}");
        format!("{}\n", printable(line.trim_end()))
    }
}

/// What is known of one name; with it all that its provider has, when that is asked for the first time.
fn row(
    records: &Records,
    places: &ServerPlaces,
    name: &str,
    asked: &mut Vec<String>,
) -> Result<(Row, Vec<Machine>), Failure> {
    let record = records.read(name)?;
    let (described, provider) = known(records, places, name, record.as_ref())?;
    let found = there(&*provider, name, record.as_ref().map_or("", |record| &record.id))?;
    let all = if asked.contains(&described.place) {
        Vec::new()
    } else {
        asked.push(described.place.clone());
        provider.list()?
    };
    let mine = found.iter().find(|machine| record.as_ref().is_some_and(|record| record.is_of(machine)));
    let (state, note) = match (mine.or(found.first()), &record) {
        (Some(machine), Some(record)) if mine.is_some() => (machine.state.word(), record.phase.word().to_owned()),
        (Some(machine), _) => (machine.state.word(), "not recorded here".to_owned()),
        (None, Some(record)) => (unseen(record), "recorded".to_owned()),
        (None, None) => ("absent", String::new()),
    };
    let address = mine.or(found.first()).and_then(|machine| machine.addresses.first().cloned()).unwrap_or_default();
    Ok((Row { name: name.to_owned(), provider: described.provider, state: state.to_owned(), address, note }, all))
}

/// What a recorded server is that its provider does not show: of one that was just asked for nobody can say that it is gone.
fn unseen(record: &Record) -> &'static str {
    if is_young(record) { "unseen" } else { "gone" }
}

/// The description that a server was made by; of one that was not made, that in the directory of descriptions.
fn known(records: &Records, places: &ServerPlaces, name: &str, record: Option<&Record>) -> Result<Described, Failure> {
    let kept = records.description(name);
    match record.map(|record| Ok::<_, Failure>((record, disk::read_limited(&kept, 1 << 20)?))).transpose()? {
        Some((record, Some(text))) => {
            let place = Place { base: &record.base, state: records.directory(), kept: &record.place };
            Description::parse(name.to_owned(), &kept, text, &place)
        }
        Some((record, None)) => Description::read(&places.servers, name, records.directory(), &record.place),
        None => Description::read(&places.servers, name, records.directory(), &[]),
    }
}

/// The description of a recorded server, and its provider at the place where it was made: what the description and the
/// environment say now may lead elsewhere, which is refused as long as it is there. Where it is not, nothing holds it.
fn same_place(records: &Records, of: &OneServer, record: &Record) -> Result<Option<Described>, Failure> {
    let name = &record.name;
    let (described, at_place) = Description::read(&of.places.servers, &of.name, records.directory(), &record.place)?;
    let (kept, provider) = known(records, &of.places, name, Some(record))?;
    if kept.place == described.place && described.moved.is_none() {
        return Ok(Some((described, at_place)));
    }
    // One that was asked for and is not there yet may come.
    let is_there = record.phase == Phase::Asked
        || is_young(record)
        || there(&*provider, name, &record.id)?.iter().any(|machine| record.is_of(machine));
    if !is_there {
        return Ok(None);
    }
    if let Some(moved) = described.moved {
        return Err(Failure::refused(format!("the server `{name}` was made by `{}` {moved}", kept.provider))
            .hint("unset it, or write what holds for this server into its description")
            .hint(format!("or `brasa server destroy {name}` first")));
    }
    let message =
        format!("the server `{name}` was made by `{}` elsewhere than its description says now", kept.provider);
    Err(Failure::refused(message)
        .hint(format!("`{}` is what it was made by; take the change back", records.description(name).display()))
        .hint(format!("or `brasa server destroy {name}` first")))
}

fn show(of: &OneServer, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let name = bare(&of.name);
    let record = records.read(&name)?;
    let (described, provider) = known(&records, &of.places, &name, record.as_ref())?;
    let found = there(&*provider, &name, record.as_ref().map_or("", |record| &record.id))?;
    let machines: Vec<Value> = found
        .iter()
        .map(|machine| {
            json!({
                "id": machine.id,
                "state": machine.state.word(),
                "reason": machine.reason,
                "addresses": machine.addresses,
                "recorded": record.as_ref().is_some_and(|record| record.is_of(machine)),
            })
        })
        .collect();
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "provider": described.provider,
        "record": record.as_ref().map(Record::to_json),
        "machines": machines,
    });
    if output.format != Format::Human {
        print_json(&document, output.format)?;
        return Ok(Code::Success);
    }
    let mut lines = vec![("name", name.clone()), ("provider", described.provider.clone())];
    if let Some(record) = &record {
        let ssh = record.ssh.as_ref().map(|(host, port)| format!("{}@{host} port {port}", record.user));
        lines.extend([("full name", record.fqdn.clone()), ("phase", record.phase.word().to_owned())]);
        lines.extend(ssh.map(|ssh| ("ssh", ssh)));
        lines.push(("kept in", records.of(&name).display().to_string()));
    }
    for machine in &found {
        let reason = machine.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let state = format!("`{}` {}{reason}: {}", machine.id, machine.state.word(), machine.addresses.join(", "));
        lines.push(("server", state));
    }
    if found.is_empty() {
        lines.push(("server", record.as_ref().map_or("not made", unseen).to_owned()));
    }
    print(&lines.iter().map(|(key, value)| format!("{key:9}  {}\n", printable(value))).collect::<String>())?;
    Ok(Code::Success)
}

fn session(of: &OneServer, command: &[String]) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let record = recorded(&records, &bare(&of.name))?;
    if record.ssh.is_none() {
        return Err(Failure::failed(format!("the server `{}` has no address yet", record.name))
            .hint(format!("`brasa server create {}` goes on with it", record.name)));
    }
    let code = Ssh::to(&record, &records.of(&record.name)).session(command)?;
    Ok(Code::Of(code))
}

fn destroy(of: &OneServer, yes: bool, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let name = bare(&of.name);
    let _lock = records.lock(&name, "destroy")?;
    let record = records.read(&name)?;
    let (described, provider) = known(&records, &of.places, &name, record.as_ref())?;
    let steps = steps(&name, output);
    if !yes {
        let found = there(&*provider, &name, record.as_ref().map_or("", |record| &record.id))?;
        let there: Vec<String> =
            found.iter().map(|machine| format!("`{}` at {}", machine.id, shown(machine))).collect();
        let young = record.as_ref().is_some_and(is_young);
        if !there.is_empty() || young {
            let which = if there.is_empty() { "not shown yet".to_owned() } else { there.join(" and ") };
            let what = format!("destroy `{name}`, which is {which} of `{}`?", described.provider);
            match question::ask(&printable(&what), false).map_err(|error| Failure::failed(error.to_string()))? {
                Some(true) => {}
                Some(false) => return Err(Failure::failed("nothing was destroyed")),
                None => {
                    return Err(Failure::usage("`destroy` asks first, and nobody is here to answer")
                        .hint("say `--yes` to destroy without being asked"));
                }
            }
        }
    }
    let work = Work { records: &records, described, provider, steps: &steps };
    let was_there = work.destroy(record, false)?;
    steps.say(if was_there { "destroyed and forgotten" } else { "there is none" });
    destroyed(&name, was_there, false, &steps, output)
}

/// Forgets a server, and asks nobody.
fn forget(of: &OneServer, output: &Output) -> Result<Code, Failure> {
    let records = Records::open(of.places.state.as_deref())?;
    let name = bare(&of.name);
    let _lock = records.lock(&name, "destroy")?;
    let steps = steps(&name, output);
    // What a virtual machine here runs on lies beside its record.
    if records.read(&name).is_ok_and(|record| record.is_some_and(|record| record.provider == USUAL)) {
        return Err(Failure::usage(format!(
            "`{name}` is a virtual machine of this one, and forgotten when it is destroyed"
        ))
        .hint(format!("`brasa server destroy {name}`")));
    }
    // A record that cannot be read is one all the same.
    let was_there = disk::exists(&records.of(&name));
    records.forget(&name)?;
    steps.say(if was_there {
        "forgotten; nobody was asked, and what runs there runs on"
    } else {
        "there is no record"
    });
    destroyed(&name, was_there, true, &steps, output)
}

fn destroyed(name: &str, was_there: bool, forgotten: bool, steps: &Steps, output: &Output) -> Result<Code, Failure> {
    if output.format != Format::Human {
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "command": "server destroy",
            "success": true,
            "exit_code": 0,
            "name": name,
            "was_there": was_there,
            "only_forgotten": forgotten,
            "phases": steps.to_json(),
            "seconds": steps.seconds(),
        });
        print_json(&document, output.format)?;
    }
    Ok(Code::Success)
}

fn print_user_data(of: &OneServer, pull: Option<(&str, &str)>) -> Result<Code, Failure> {
    let described = Description::read_alone(&of.places.servers, &of.name)?;
    if let Some((url, sha256)) = pull {
        let hex = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex {
            return Err(Failure::usage(format!("`{sha256}` is no SHA-256")).hint("`sha256sum brasa` prints it"));
        }
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(Failure::usage(format!("`{url}` is no address that a server can fetch from"))
                .hint("it begins with http:// or https://"));
        }
        if !described.keys.is_empty() {
            complain(
                "warning: the files of `keys` are not in the user-data, which is no place for secrets: put them there otherwise",
            );
        }
    }
    let mut authorized = described.authorized()?;
    if let Some(key) = &described.ssh_key {
        authorized.insert(0, crate::server::ssh::public_key(&crate::server::work::public_half(key))?);
    }
    if authorized.is_empty() && pull.is_none() {
        complain("warning: nobody may log in: name keys by `ssh_key` or `authorized_keys`");
    }
    let pull = pull.map(|(url, sha256)| Pull { url, sha256 });
    print(&user_data(&described, &authorized, None, pull.as_ref())?)?;
    Ok(Code::Success)
}

fn recorded(records: &Records, name: &str) -> Result<Record, Failure> {
    records.read(name)?.ok_or_else(|| {
        Failure::input(format!("there is no record of a server `{name}` in `{}`", records.directory().display()))
            .hint(format!("`brasa server create {name}` makes it, `brasa server list` shows those that there are"))
    })
}

/// A server's name, also where its description was named.
fn bare(name: &str) -> String {
    let path = std::path::Path::new(name);
    match path.extension() {
        Some(end) if end == "toml" => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        Some(_) | None => name.to_owned(),
    }
}

fn steps(name: &str, output: &Output) -> Steps {
    Steps::of(name, output.quiet, complain)
}

/// An entry of `--file` and `--key`: where there, and from where here.
pub fn pairs(written: &[String]) -> Result<Vec<(String, std::path::PathBuf)>, Failure> {
    let mut pairs = Vec::new();
    for entry in written {
        let Some((to, from)) = entry.split_once('=').filter(|(to, from)| to.starts_with('/') && !from.is_empty())
        else {
            return Err(Failure::usage(format!("`{entry}` is not of the form /where/there=from/here")));
        };
        pairs.push((to.to_owned(), from.into()));
    }
    Ok(pairs)
}
