//! `brasa ddns`: a host's own name in a zone of dynamic DNS.
mod keygen;
mod settings;

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use brasa::host::dns::{self, Data, Name, Outcome, RecordSet, RecordType, Server, Source, Trouble, Ttls};
use serde_json::{Value, json};

use self::settings::Settings;
use super::{
    Code, Failure, Output,
    arguments::{Ddns, DdnsUpdate, DdnsZone, Format},
    complain, logging, print, print_json,
};
use crate::report::{SCHEMA_VERSION, printable};

/// Where it is remembered what servers made of the times that they were told.
const STATE: &str = "/var/lib/brasa";
/// Longest pause between two attempts, in seconds.
const LONGEST_PAUSE: u64 = 30;

/// Does what was asked of a name.
pub fn ddns(command: &Ddns, output: &Output) -> Result<Code, Failure> {
    logging::start(output.log_level, output.log_file.as_deref())?;
    match command {
        Ddns::Keygen { name, algorithm, directory } => keygen::keygen(name, algorithm, directory, output),
        Ddns::Update(options) if options.print_nsupdate => nsupdate(options),
        Ddns::Update(options) => update(options, output),
        Ddns::Delete { name, types, zone } => delete(name, types, zone, output),
    }
}

fn update(options: &DdnsUpdate, output: &Output) -> Result<Code, Failure> {
    let settings = Settings::of(&options.zone, Some(options))?;
    let state = options.zone.places.state_dir.as_deref().unwrap_or(STATE.as_ref());
    let ttls = Ttls::open(state, &settings.authority.server, &settings.name);
    let dry = options.zone.dry_run;
    let outcome = patiently(&settings, &options.zone, output, &|| {
        let (sets, missing) = sets(&settings)?;
        let missing = match missing {
            Some(missing) if sets.is_empty() => return Err(missing),
            other => other,
        };
        let outcome = settings.authority.bring(&settings.name, &sets, Some(&ttls), dry)?;
        if let Err(why) = ttls.keep(&outcome) {
            note(output, &format!("the server's own TTL cannot be remembered, so it is told again next time: {why}"));
        }
        match missing {
            None => Ok(outcome),
            // One address does not wait for the other.
            Some(missing) => {
                if !outcome.changed.is_empty() {
                    note(output, &line(&settings.name, &settings.authority.server, &outcome, dry));
                }
                Err(missing)
            }
        }
    })?;
    report("update", &settings, &outcome, dry, output)
}

fn delete(name: &str, types: &[String], zone: &DdnsZone, output: &Output) -> Result<Code, Failure> {
    let only_name = DdnsUpdate { name: Some(name.to_owned()), ..DdnsUpdate::default() };
    let settings = Settings::of(zone, Some(&only_name))?;
    let kinds: Result<Vec<RecordType>, Failure> = types.iter().map(|text| kind(text)).collect();
    let kinds = kinds?;
    let outcome =
        patiently(&settings, zone, output, &|| settings.authority.remove(&settings.name, &kinds, zone.dry_run))?;
    report("delete", &settings, &outcome, zone.dry_run, output)
}

fn kind(text: &str) -> Result<RecordType, Failure> {
    let known = RecordType::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
    known.ok_or_else(|| Failure::usage(format!("`{text}` is no type that can be removed: A, AAAA and TXT are")))
}

/// Tries until it is done, refused, or the time is over.
fn patiently(
    settings: &Settings,
    zone: &DdnsZone,
    output: &Output,
    attempt: &dyn Fn() -> Result<Outcome, Trouble>,
) -> Result<Outcome, Failure> {
    // What is wrong with the key's file does not get better by waiting.
    if let Some(weakness) = settings.authority.key()?.and_then(|key| key.algorithm().weakness()) {
        note(output, &format!("the key is one for {weakness}"));
    }
    let deadline = Instant::now() + settings::duration(zone.wait.as_deref())?;
    let mut pause = 1;
    loop {
        let trouble = match attempt() {
            Ok(outcome) => return Ok(outcome),
            Err(trouble) => trouble,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if !trouble.unreachable || left.is_zero() {
            return Err(failure(trouble));
        }
        if pause == 1 {
            note(output, &format!("waiting, and trying again: {}", trouble.error));
        }
        thread::sleep(Duration::from_secs(pause).min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn failure(trouble: Trouble) -> Failure {
    let Trouble { unreachable, error } = trouble;
    let failure = Failure::from(error);
    if unreachable { Failure { code: Code::Unavailable, ..failure } } else { failure }
}

/// What the name is to have, as far as it is known, and why it is not.
fn sets(settings: &Settings) -> Result<(Vec<RecordSet>, Option<Trouble>), Trouble> {
    // The server's place is needed for the address that leads to it alone.
    let leads =
        |sources: &Option<Vec<Source>>| sources.iter().flatten().any(|source| matches!(source, Source::Interface(_)));
    let server = if leads(&settings.four) || leads(&settings.six) {
        Server::find(&settings.authority.server)?.addresses().to_vec()
    } else {
        Vec::new()
    };
    let (mut sets, mut missing) = (Vec::new(), None);
    for (kind, sources) in [(RecordType::A, &settings.four), (RecordType::Aaaa, &settings.six)] {
        if let Some(sources) = sources {
            match address(kind, sources, &server, settings.ttl) {
                Ok(set) => sets.push(set),
                Err(trouble) => missing = missing.or(Some(trouble)),
            }
        }
    }
    if let Some(texts) = &settings.txt {
        let values = texts.iter().map(|text| Data::text(text)).collect();
        sets.push(RecordSet::of(RecordType::Txt, settings.ttl, values));
    }
    Ok((sets, missing))
}

fn address(kind: RecordType, sources: &[Source], server: &[SocketAddr], ttl: u32) -> Result<RecordSet, Trouble> {
    let found = dns::address(sources, kind == RecordType::Aaaa, server)?;
    let values = found.into_iter().map(|address| match address {
        IpAddr::V4(four) => Data::A(four),
        IpAddr::V6(six) => Data::Aaaa(six),
    });
    Ok(RecordSet::of(kind, ttl, values.collect()))
}

/// `--print-nsupdate`
fn nsupdate(options: &DdnsUpdate) -> Result<Code, Failure> {
    let settings = Settings::of(&options.zone, Some(options))?;
    let (sets, missing) = sets(&settings).map_err(failure)?;
    missing.map_or(Ok(()), |trouble| Err(failure(trouble)))?;
    let server = Server::find(&settings.authority.server).map_err(failure)?;
    let mut batch = String::new();
    if let Some(address) = server.addresses().first() {
        batch += &format!("server {} {}\n", address.ip(), address.port());
    }
    if let Some(zone) = &settings.authority.zone {
        batch += &format!("zone {zone}.\n");
    }
    for RecordSet { kind, ttl, values, .. } in &sets {
        let (name, kind) = (&settings.name, kind.name());
        batch += &format!("update delete {name}. {kind}\n");
        for value in values {
            batch += &format!("update add {name}. {ttl} {kind} {value}\n");
        }
    }
    print(&(batch + "send\n"))?;
    Ok(Code::Success)
}

fn note(output: &Output, text: &str) {
    if !output.quiet {
        complain(&format!("note: {}", printable(text)));
    }
}

fn report(command: &str, settings: &Settings, outcome: &Outcome, dry: bool, output: &Output) -> Result<Code, Failure> {
    let Settings { name, authority, .. } = settings;
    if outcome.clock_ahead != 0 {
        let (apart, way) =
            (outcome.clock_ahead.unsigned_abs(), if outcome.clock_ahead > 0 { "ahead of" } else { "behind" });
        let server = &authority.server;
        note(output, &format!("the clock of `{server}` is {apart} s {way} this machine's: set both by a time server"));
    }
    for (set, after) in outcome.changed.iter().zip(&outcome.after) {
        if !set.values.is_empty() && set.ttl != after.ttl {
            let (kind, after) = (set.kind.name(), after.ttl);
            note(output, &format!("the server keeps {kind} for {after} s, whatever it is told"));
        }
    }
    match output.format {
        Format::Human if output.quiet => {}
        Format::Human => print(&(printable(&line(name, &authority.server, outcome, dry)).into_owned() + "\n"))?,
        Format::Json | Format::Ndjson => print_json(&document(command, settings, outcome, dry), output.format)?,
    }
    Ok(Code::Success)
}

/// In an order of its own: that of a server changes from answer to answer.
fn texts(set: &RecordSet) -> Vec<String> {
    let mut texts: Vec<String> = set.values.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts
}

fn values(set: &RecordSet) -> String {
    let values = texts(set);
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn line(name: &Name, server: &str, outcome: &Outcome, dry: bool) -> String {
    let of = |found: &RecordSet| outcome.changed.iter().find(|set| set.kind == found.kind);
    let one = |found: &RecordSet| {
        let (kind, was) = (found.kind.name(), values(found));
        match of(found) {
            None => format!("{kind} {was}"),
            Some(set) if set.has_values_of(found) => format!("{kind} {was} (ttl {} -> {})", found.ttl, set.ttl),
            Some(set) => format!("{kind} {was} -> {}", values(set)),
        }
    };
    let all: Vec<String> = outcome.before.iter().map(one).collect();
    let verdict = match (outcome.changed.is_empty(), dry) {
        (true, _) => "is up to date",
        (false, false) => "was changed",
        (false, true) => "would be changed",
    };
    format!("{name} {verdict} at {server}: {}", all.join("; "))
}

fn document(command: &str, settings: &Settings, outcome: &Outcome, dry: bool) -> Value {
    let record = |found: &RecordSet| {
        let changed = outcome.changed.iter().find(|set| set.kind == found.kind);
        let after = outcome.after.iter().find(|set| set.kind == found.kind).or(changed).unwrap_or(found);
        json!({
            "type": found.kind.name(),
            "changed": changed.is_some(),
            "before": texts(found),
            "before_ttl": found.ttl,
            "values": texts(after),
            "ttl": after.ttl,
        })
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "brasa": env!("CARGO_PKG_VERSION"),
        "command": format!("ddns {command}"),
        "success": true,
        "name": settings.name.to_string(),
        "server": settings.authority.server,
        "changed": !outcome.changed.is_empty(),
        "dry_run": dry,
        "records": outcome.before.iter().map(record).collect::<Vec<_>>(),
        "clock_ahead": outcome.clock_ahead,
        "messages": outcome.sent,
    })
}
