//! The settings files, and `brasa config show`.
use std::path::{Path, PathBuf};

use brasa::{
    Error, Fault,
    host::{Process, disk, shown_address},
    node::config::{Fate, KNOWN, MOST_BYTES, Setting, Settings, Shape, Value as Given},
};
use serde_json::{Value, json};

use super::{
    Code, Failure, Output,
    arguments::{Colour, Format, Input},
    complain, print, print_json,
    session::Session,
};
use crate::report::printable;

/// Where settings are looked for when they are not named.
pub const HOMES: [&str; 2] = ["/etc/brasa", "/etc/chef"];
const RUBY: &str = "solo.rb";
const TOML: &str = "brasa.toml";

/// The settings of all files that belong together: solo.rb, `solo.d/*.rb` beside it, brasa.toml beside it, each above the one
/// before it. Without a name those of the first usual place that has any; none is no settings.
pub fn settings(given: Option<&Path>) -> Result<Settings, Failure> {
    let (ruby, toml) = match given {
        Some(path) if path.extension().is_some_and(|extension| extension == "toml") => (None, Some(path.to_owned())),
        Some(path) => (Some(path.to_owned()), Some(path.with_file_name(TOML)).filter(|path| disk::exists(path))),
        None => usual_files(),
    };
    let (mut all, mut faults) = (Settings::default(), Vec::new());
    let mut directory = None;
    if let Some(path) = &ruby {
        lay(&mut all, &mut faults, Settings::parse(path.as_path(), bytes_of(path)?, &Process));
        let beside = path.parent().unwrap_or(Path::new("")).join("solo.d");
        directory = Some(all.path("solo_d_dir").map_err(Error::from)?.unwrap_or(beside));
    }
    if let Some(directory) = directory.filter(|directory| disk::is_directory(directory)) {
        for name in disk::list(&directory)? {
            let path = directory.join(name);
            if path.extension().is_some_and(|extension| extension == "rb") {
                lay(&mut all, &mut faults, Settings::parse(path.as_path(), bytes_of(&path)?, &Process));
            }
        }
    }
    if let Some(path) = &toml {
        lay(&mut all, &mut faults, Settings::parse_toml(path.as_path(), bytes_of(path)?));
    }
    if faults.is_empty() { Ok(all) } else { Err(Error::Faults(faults).into()) }
}

fn usual_files() -> (Option<PathBuf>, Option<PathBuf>) {
    let there = |home: &str, name| Some(Path::new(home).join(name)).filter(|path| disk::exists(path));
    let both = HOMES.iter().map(|home| (there(home, RUBY), there(home, TOML)));
    both.into_iter().find(|(ruby, toml)| ruby.is_some() || toml.is_some()).unwrap_or_default()
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Failure> {
    if disk::is_directory(path) {
        return Err(Failure::input(format!("`{}` is a directory, not a settings file", path.display()))
            .hint("name the file in it, as in `-c DIR/solo.rb`"));
    }
    match disk::read_limited(path, MOST_BYTES)? {
        Some(bytes) => Ok(bytes),
        None => Err(Failure::input(format!("the settings file `{}` does not exist", path.display()))
            .hint("name another with -c, or leave -c out to use the defaults")),
    }
}

fn lay(all: &mut Settings, faults: &mut Vec<Fault>, read: Result<Settings, Vec<Fault>>) {
    match read {
        Ok(settings) => all.overlay(settings),
        Err(more) => faults.extend(more),
    }
}

/// A setting as it is shown: its value, or in words what holds without it.
struct Row {
    name: String,
    value: Result<Value, &'static str>,
    shown: String,
    origin: String,
    unused: Option<&'static str>,
}

/// `brasa config show [--origin]`
pub fn show(input: &Input, origin: bool, output: &Output) -> Result<Code, Failure> {
    let settings = Session::settings(input)?;
    for warning in settings.warnings() {
        complain(&format!("warning: {}", printable(&warning.to_string())));
    }
    for note in settings.notes() {
        complain(&format!("note: {}", printable(&note.to_string())));
    }
    if origin {
        show_rows(&rows(&settings, input, output)?, output)?;
        return Ok(Code::Success);
    }
    match output.format {
        Format::Json => {
            let all: serde_json::Map<_, _> =
                settings.iter().map(|(name, setting)| (name.to_owned(), document(name, setting))).collect();
            print_json(&all, output.format)?;
        }
        Format::Ndjson => {
            let lines: String = settings
                .iter()
                .map(|(name, setting)| format!("{}\n", json!({ "name": name, "value": document(name, setting) })))
                .collect();
            print(&lines)?;
        }
        Format::Human => {
            let lines: String = settings
                .iter()
                .map(|(name, setting)| format!("{name} {}\n", printable(&shown(name, setting))))
                .collect();
            print(&lines)?;
        }
    }
    Ok(Code::Success)
}

/// Every setting: those that are set in the order of their files, then what holds for the others.
fn rows(settings: &Settings, input: &Input, output: &Output) -> Result<Vec<Row>, Failure> {
    let given = given(input, output);
    let reason = |name: &str| {
        let known = KNOWN.iter().find(|known| known.name == name);
        match known.map(|known| known.fate) {
            Some(Fate::Used) => None,
            Some(Fate::Ignored(why) | Fate::Noted(why) | Fate::Refused(why)) => Some(why),
            None => Some("no setting of this name is known"),
        }
    };
    let mut rows = Vec::new();
    for (name, setting) in settings.iter() {
        if given.iter().any(|(given, ..)| *given == name) {
            continue;
        }
        rows.push(Row {
            name: name.to_owned(),
            value: Ok(document(name, setting)),
            shown: shown(name, setting),
            origin: origin(setting),
            unused: reason(name),
        });
    }
    for (name, value, option) in &given {
        rows.push(Row {
            name: (*name).to_owned(),
            value: Ok(value.clone()),
            shown: value.to_string(),
            origin: format!("command line ({option})"),
            unused: reason(name),
        });
    }
    for known in KNOWN.iter().filter(|known| known.fate == Fate::Used) {
        if rows.iter().all(|row| row.name != known.name) {
            rows.push(Row {
                name: known.name.to_owned(),
                value: Err(known.default),
                shown: known.default.to_owned(),
                origin: "default".to_owned(),
                unused: None,
            });
        }
    }
    Ok(rows)
}

/// A value without what may be secret of the addresses in it.
fn discreet(value: &Given) -> Given {
    match value {
        Given::String(text) => Given::String(shown_address(text)),
        Given::Array(items) => Given::Array(items.iter().map(discreet).collect()),
        Given::Hash(pairs) => Given::Hash(pairs.iter().map(|(key, value)| (key.clone(), discreet(value))).collect()),
        other => other.clone(),
    }
}

/// A value that is not shown as it is kept: permission bits as they are written, a secret not at all.
fn special(name: &str, setting: &Setting) -> Option<String> {
    let known = KNOWN.iter().find(|known| known.name == name)?;
    match (known.shape, &setting.value) {
        (Shape::Mode, Given::Integer(bits)) => Some(format!("{bits:04o}")),
        (Shape::Secret, _) => Some("(sensitive)".to_owned()),
        _ => None,
    }
}

/// As solo.rb writes it.
fn shown(name: &str, setting: &Setting) -> String {
    special(name, setting).unwrap_or_else(|| discreet(&setting.value).to_string())
}

/// As JSON has it.
fn document(name: &str, setting: &Setting) -> Value {
    special(name, setting).map_or_else(|| json!(discreet(&setting.value)), Value::from)
}

/// Where a value was written: an option, or a place in a file.
fn origin(setting: &Setting) -> String {
    let place = setting.place.to_string();
    match place.split_once(':') {
        Some((option, _)) if option.starts_with('-') => format!("command line ({option})"),
        _ => place,
    }
}

/// What the command line sets, and by which option.
fn given(input: &Input, output: &Output) -> Vec<(&'static str, Value, &'static str)> {
    let path = |path: &PathBuf| Value::from(path.to_string_lossy().into_owned());
    let color = match output.color {
        Colour::Auto => None,
        Colour::Always => Some(Value::from(true)),
        Colour::Never => Some(Value::from(false)),
    };
    let level = output.log_level.map(|level| Value::from(format!(":{level:?}").to_lowercase()));
    [
        ("json_attribs", input.json_attributes.clone().map(Value::from), "--json-attributes"),
        ("node_name", input.node_name.clone().map(Value::from), "--node-name"),
        ("state_dir", input.places.state_dir.as_ref().map(path), "--state-dir"),
        ("log_level", level, "--log-level"),
        ("log_location", output.log_file.as_ref().map(path), "--log-file"),
        ("color", color, "--color"),
    ]
    .into_iter()
    .filter_map(|(name, value, option)| Some((name, value?, option)))
    .collect()
}

fn show_rows(rows: &[Row], output: &Output) -> Result<(), Failure> {
    let document = |row: &Row| {
        let mut document = json!({ "name": row.name, "origin": row.origin, "used": row.unused.is_none() });
        match (&row.value, row.unused) {
            (Ok(value), Some(why)) => {
                document["value"] = value.clone();
                document["why"] = Value::from(why);
            }
            (Ok(value), None) => document["value"] = value.clone(),
            (Err(default), _) => document["default"] = Value::from(*default),
        }
        document
    };
    match output.format {
        Format::Json => print_json(
            &json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "settings": rows.iter().map(document).collect::<Vec<_>>(),
            }),
            output.format,
        ),
        Format::Ndjson => print(&rows.iter().map(|row| format!("{}\n", document(row))).collect::<String>()),
        Format::Human => {
            let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or_default();
            let names = width(|row| &row.name);
            let origins = width(|row| &row.origin);
            let lines = rows.iter().map(|row| {
                let unused = row.unused.map(|why| format!(" (not used: {why})")).unwrap_or_default();
                let shown = printable(&row.shown);
                format!("{:names$}  {:origins$}  {shown}{unused}\n", row.name, printable(&row.origin))
            });
            print(&lines.collect::<String>())
        }
    }
}
