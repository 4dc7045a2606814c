//! Settings given on the command line, and those that are commands.
use std::{path::Path, sync::Arc};

use super::{Setting, Settings, Value, discretion::is_secret, wrong};
use crate::{Fault, host::Pretended, node::json::Document, values::Place};

impl Settings {
    /// Reads `NAME=VALUE`, the value as YAML. `option` is what it was given with, for messages.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_option(option: &str, given: &str) -> Result<Self, Vec<Fault>> {
        let fault = |message: String| vec![Fault::new(message)];
        let Some((name, value)) = given.split_once('=') else {
            return Err(vec![
                Fault::new(format!("`{option} {given}` has no `=`")).hint(format!("write `{option} NAME=VALUE`")),
            ]);
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(fault(format!("`{option} {given}`: `{name}` is no name of a setting")));
        }
        let value = match value.strip_prefix(':').filter(|word| !word.is_empty() && word.chars().all(plain)) {
            Some(word) => format!(":{word}"),
            None if value.is_empty() => "nil".to_owned(),
            None => {
                let place = format!("{option} {name}=");
                let document = Document::parse_yaml(Path::new(&place), value.as_bytes().to_vec());
                let document = document.map_err(|mut faults| {
                    // What is read is the value alone; which lines hold a secret is told by the name before it.
                    if is_secret(name) || value.contains("://") {
                        faults.iter_mut().for_each(|fault| fault.excerpt = None);
                    }
                    faults
                })?;
                ruby(document.root().value()).ok_or_else(|| {
                    fault(format!("`{option} {name}=...`: a setting is text, a number, a flag, or a list of them"))
                })?
            }
        };
        Self::parse(Path::new(option), format!("{name} {value}\n").into_bytes(), &Pretended::default())
    }

    /// Sets one setting to a text.
    ///
    /// # Errors
    /// When the setting is not one of text.
    pub fn of_text(option: &str, name: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let literal = ruby(&serde_json::Value::String(text.to_owned())).unwrap_or_default();
        let path: Arc<Path> = Path::new(option).into();
        let mut settings =
            Self::parse(Arc::clone(&path), format!("{name} {literal}\n").into_bytes(), &Pretended::default())?;
        // The text is all that stands there; the name of the setting does not.
        for setting in settings.values.values_mut() {
            setting.place = Place::File { path: Arc::clone(&path), line: 1, column: 1 };
        }
        Ok(settings)
    }

    /// Commands: a list whose elements are lines for the shell, or lists of a program and its arguments.
    ///
    /// # Errors
    /// When it is something else: the first element that is.
    pub fn commands(&self, name: &str) -> Result<Vec<Vec<String>>, Fault> {
        self.each_command(name).map_err(super::first)
    }

    /// As [`Settings::commands`], with a fault for each element that is no command.
    pub(super) fn each_command(&self, name: &str) -> Result<Vec<Vec<String>>, Vec<Fault>> {
        let Some(Setting { value, place, elements }) = self.given(name) else { return Ok(Vec::new()) };
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        for (n, item) in value.each().iter().enumerate() {
            match command_of(item) {
                Ok(command) => all.push(command),
                Err((part, wanted, found)) => {
                    let element = if matches!(value, Value::Array(_)) { format!("[{n}]") } else { String::new() };
                    let place = elements.get(n).unwrap_or(place);
                    let fault = wrong(&format!("{name}{element}{part}"), wanted, found, place);
                    faults.push(fault.hint(format!(
                        "write `{name} [\"/usr/local/bin/tell --all\"]` (each a line for the shell), or \
                         `{name} [[\"/usr/local/bin/tell\", \"--all\"]]`; a handler of Chef is a Ruby object, which cannot be run"
                    )));
                }
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }
}

/// A command; else which part of it is wrong, what it had to be, and what it is.
fn command_of(value: &Value) -> Result<Vec<String>, (String, &'static str, &Value)> {
    match value {
        Value::Array(words) if !words.is_empty() => {
            let word =
                |(n, word)| super::text_of(word).map(str::to_owned).ok_or((format!("[{n}]"), "text in quotes", word));
            words.iter().enumerate().map(word).collect()
        }
        value => match super::text_of(value).filter(|line| !line.trim().is_empty()) {
            Some(line) => Ok(shell(line)),
            None => Err((String::new(), "a command", value)),
        },
    }
}

fn shell(line: &str) -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()]
}

/// A value as solo.rb writes it, so that there is one reader of settings.
fn ruby(value: &serde_json::Value) -> Option<String> {
    Some(match value {
        serde_json::Value::Null => "nil".to_owned(),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
        serde_json::Value::String(text) => format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'")),
        serde_json::Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(ruby).collect();
            format!("[{}]", items?.join(", "))
        }
        serde_json::Value::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Settings;
    use crate::host::Pretended;

    fn option(given: &str) -> Result<serde_json::Value, String> {
        match Settings::of_option("--config-option", given) {
            Ok(settings) => Ok(serde_json::to_value(settings).unwrap()),
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn an_option_is_a_setting() {
        for (given, wanted) in [
            ("log_level=:debug", json!({"log_level": ":debug"})),
            ("why_run=true", json!({"why_run": true})),
            ("run_lock_timeout=5", json!({"run_lock_timeout": 5})),
            ("node_name=it's \\#{x}", json!({"node_name": "it's \\#{x}"})),
            ("cookbook_path=[/a, \"/b c\"]", json!({"cookbook_path": ["/a", "/b c"]})),
            ("environment=", json!({"environment": null})),
            ("unknown=1.5", json!({"unknown": 1.5})),
        ] {
            assert_eq!(option(given), Ok(wanted), "{given}");
        }
        for (given, why) in [
            ("log_level", "has no `=`"),
            ("=x", "no name of a setting"),
            ("a b=x", "no name of a setting"),
            ("log_level=:loud", "`log_level`"),
            ("why_run=[", "--config-option"),
            ("ohai={a: 1}", "a setting is text"),
            ("why_run=5", "`why_run`"),
        ] {
            let error = option(given).unwrap_err();
            assert!(error.contains(why), "{given}: {error}");
        }
    }

    #[test]
    fn what_the_command_line_sets_counts_more() {
        let mut settings = Settings::parse(
            std::path::Path::new("solo.rb"),
            b"environment 'a'\nwhy_run true\n".to_vec(),
            &Pretended::default(),
        )
        .unwrap();
        settings.overlay(Settings::of_text("-E", "environment", "b'c").unwrap());
        assert_eq!(settings.text("environment"), Ok(Some("b'c")));
        assert_eq!(settings.flag("why_run"), Ok(Some(true)));
    }

    #[test]
    fn commands_are_lines_or_words() {
        let commands = |text: &str| {
            let path = std::path::Path::new("solo.rb");
            let read = Settings::parse(path, text.as_bytes().to_vec(), &Pretended::default());
            read.map(|settings| settings.commands("report_handlers").unwrap())
        };
        assert_eq!(commands("").unwrap(), Vec::<Vec<String>>::new());
        let two = commands("report_handlers ['tell --all', ['/bin/tell', 'it all']]\n").unwrap();
        assert_eq!(two, [vec!["/bin/sh", "-c", "tell --all"], vec!["/bin/tell", "it all"]]);
        let mut told = String::new();
        for wrong in ["['x', [], '', 5, ['a', 1]]", "5", "' '", "[[[]]]"] {
            let faults = commands(&format!("report_handlers {wrong}\n")).unwrap_err();
            assert!(faults.iter().all(|fault| fault.hints.len() == 1), "{faults:?}");
            let place = |fault: &crate::Fault| fault.place.as_ref().unwrap().to_string();
            faults.iter().for_each(|fault| told += &format!("{}: {}\n", place(fault), fault.message));
        }
        insta::assert_snapshot!(told, @"
        solo.rb:1:23: setting `report_handlers[1]`: expected a command, got an empty list
        solo.rb:1:27: setting `report_handlers[2]`: expected a command, got an empty string
        solo.rb:1:31: setting `report_handlers[3]`: expected a command, got `5`
        solo.rb:1:34: setting `report_handlers[4][1]`: expected text in quotes, got `1`
        solo.rb:1:17: setting `report_handlers`: expected a command, got `5`
        solo.rb:1:17: setting `report_handlers`: expected a command, got an empty string
        solo.rb:1:18: setting `report_handlers[0][0]`: expected text in quotes, got an empty list
        ");
    }
}
