//! What the kinds that write jobs for cron share: the time, the command and its environment. Source: crontab(5).
use serde_json::Map;

use super::time_out::TimeOut;
use crate::{
    Fault,
    resource::{Environment, Found, Property},
};

/// Times that have a name. Source: crontab(5).
const TIMES: [&str; 8] = ["reboot", "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One of the five fields of a time, as `*/15`, `1-5` or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(String);

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<u32> for Field {
    fn from(number: u32) -> Self {
        Self(number.to_string())
    }
}

impl Property for Field {
    const TYPE: &'static str = "number or crontab field";

    fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        match (value.as_u64(), value.as_str()) {
            (Some(number), _) => Ok(Self(number.to_string())),
            (None, Some(text)) => Ok(Self(text.to_owned())),
            (None, None) => Err(format!("expected a number or a crontab field as text, found {value}")),
        }
    }
}

/// Defines a kind that is a job of cron: its own properties, and after them those that every such kind has.
macro_rules! job_properties {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident($named:literal) { $($own:tt)* }
        example $example:literal
    ) => {
        $crate::properties! {
            $(#[doc = $about])+
            pub struct $name($named) { $($own)* }
            example $example
            shared {
                /// The command line, for `/bin/sh` unless `shell` names another.
                command: String,
                /// Minute, 0 to 59; each when not given.
                minute: $crate::resources::crontab::Field,
                /// Hour, 0 to 23; each when not given.
                hour: $crate::resources::crontab::Field,
                /// Day of the month, 1 to 31; each when not given.
                day: $crate::resources::crontab::Field,
                /// Month, 1 to 12 or `jan` to `dec`; each when not given.
                month: $crate::resources::crontab::Field,
                /// Day of the week, 0 to 7 (both are Sunday) or `sun` to `sat`; each when not given.
                weekday: $crate::resources::crontab::Field,
                /// A time that has a name, in place of the five fields: `reboot`, `hourly`, `daily`, `weekly`, `monthly`,
                /// `yearly`.
                time: String,
                /// Who runs it; root when not given.
                user: String,
                /// Whom cron sends the output; nobody when empty.
                mailto: String,
                /// Directories in which commands are searched (`PATH`).
                path: String,
                /// The shell that runs the command.
                shell: String,
                /// The directory it runs in (`HOME`); the user's own when not given.
                home: String,
                /// How long it may take, in seconds or as `10m`; or an object with `duration` and, as timeout(1) has them,
                /// `preserve-status`, `foreground`, `kill-after`, `signal`.
                time_out: $crate::resources::time_out::TimeOut,
                /// Further variables of its environment.
                environment: $crate::resource::Environment,
            }
        }

        impl $name {
            fn job(&self) -> $crate::resources::crontab::Job<'_> {
                $crate::resources::crontab::Job {
                    command: self.command.as_deref(),
                    fields: [&self.minute, &self.hour, &self.day, &self.month, &self.weekday].map(Option::as_ref),
                    time: self.time.as_deref(),
                    user: self.user.as_deref().unwrap_or("root"),
                    settings: [&self.mailto, &self.path, &self.shell, &self.home].map(Option::as_deref),
                    environment: self.environment.as_ref(),
                    time_out: self.time_out.as_ref(),
                }
            }
        }
    };
}
pub(crate) use job_properties;

/// The five fields: name, least, most, words.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day", 1, 31, &[]),
    ("month", 1, 12, &MONTHS),
    ("weekday", 0, 7, &DAYS),
];

/// Variables that cron itself heeds, in Chef's order.
const SETTINGS: [&str; 4] = ["MAILTO", "PATH", "SHELL", "HOME"];

/// What a recipe says of a job.
pub(crate) struct Job<'a> {
    pub command: Option<&'a str>,
    pub fields: [Option<&'a Field>; 5],
    pub time: Option<&'a str>,
    pub user: &'a str,
    pub settings: [Option<&'a str>; 4],
    pub environment: Option<&'a Environment>,
    pub time_out: Option<&'a TimeOut>,
}

impl Job<'_> {
    /// What is wrong with asking for a job without a command.
    pub fn lacks_command(&self) -> Option<Fault> {
        let lacks = self.command.is_none_or(|command| command.trim().is_empty());
        lacks.then(|| Fault::new("it has no command").hint("say with `command` what cron is to run"))
    }

    /// The command line, as a crontab has it.
    pub fn line(&self) -> String {
        let [.., shell, _] = self.settings;
        let command = self.command.unwrap_or_default();
        self.time_out.map_or_else(|| command.to_owned(), |limit| limit.limit(command, shell.unwrap_or("/bin/sh")))
    }

    fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        SETTINGS.into_iter().zip(self.settings).filter_map(|(name, value)| Some((name, value?)))
    }

    fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.into_iter().flat_map(|more| &more.0).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A line for each variable. With `quoted`, what cron itself heeds has quotes also where it needs none, as Chef writes it.
    pub fn variables(&self, quoted: bool) -> Vec<String> {
        let line = |name: &str, value: &str, quoted: bool| {
            let quote = match quote_for(value) {
                Some("") if quoted => "\"",
                quote => quote.unwrap_or_default(),
            };
            format!("{name}={quote}{value}{quote}")
        };
        let own = self.settings().map(|(name, value)| line(name, value, quoted));
        own.chain(self.environment().map(|(name, value)| line(name, value, false))).collect()
    }

    /// When it runs, as a crontab has it.
    pub fn when(&self) -> String {
        match self.time {
            Some(time) => format!("@{}", time.trim_start_matches('@')),
            None => self.fields.map(|field| field.map_or("*", |field| field.0.as_str())).join(" "),
        }
    }

    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let settings = ["mailto", "path", "shell", "home"].into_iter().zip(self.settings);
        let plain = [("command", self.command), ("user", Some(self.user)), ("time", self.time)];
        for (what, value) in plain.into_iter().chain(settings) {
            if value.is_some_and(|value| value.contains(['\n', '\r', '\0'])) {
                faults.push(Fault::new(format!("{what} is more than one line")).hint("put it into a script"));
            }
        }
        faults.extend(self.time_out.into_iter().flat_map(TimeOut::faults));
        if self.user.is_empty()
            || self.user.contains(|c: char| c.is_whitespace() || c == '/')
            || self.user.starts_with('.')
        {
            faults.push(Fault::new(format!("user {:?} is no account name", self.user)));
        }
        for (name, value) in self.settings().chain(self.environment()) {
            let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !sound || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                faults.push(Fault::new(format!("`{}` is no name of a variable", name.escape_debug())));
            }
            if quote_for(value).is_none() || value.contains(['\n', '\r', '\0']) {
                let message = format!("the value of `{}` cannot be written in a crontab", name.escape_debug());
                faults.push(Fault::new(message).hint("it takes one line, and not both kinds of quotes: use a script"));
            }
        }
        for (field, (what, least, most, words)) in self.fields.into_iter().zip(FIELDS) {
            let Some(field) = field else { continue };
            if !is_field(&field.0, least, most, words) {
                let message = format!("{what} `{}` is nothing that cron understands", field.0.escape_debug());
                let or_words = match (words.first(), words.last()) {
                    (Some(first), Some(last)) => format!(" or `{first}` to `{last}`"),
                    (Some(_) | None, _) => String::new(),
                };
                let hint = format!("{least} to {most}{or_words}, ranges such as `1-5`, steps such as `*/2`, and lists");
                faults.push(Fault::new(message).hint(hint));
            }
        }
        if let Some(time) = self.time {
            let word = time.trim_start_matches('@');
            if !TIMES.contains(&word) {
                let fault = Fault::new(format!("time `{}` is none that cron knows", time.escape_debug()));
                faults.push(fault.hint(crate::suggest::hint(word, TIMES)));
            }
            if self.fields.iter().any(Option::is_some) {
                faults.push(Fault::new("it has both a `time` and fields").hint("leave one of them out"));
            }
        }
        faults
    }
}

/// A job by its lines: its variables, and the command. What it runs is not for everybody, as no crontab is.
pub(crate) fn told(mut found: Found, job: &[&str]) -> Found {
    let Some((entry, variables)) = job.split_last() else { return found.unsaid("what it runs: nothing") };
    let mut environment = Map::new();
    for (name, value) in variables.iter().filter_map(|line| line.split_once('=')) {
        let (name, value) = (name.trim(), value.trim());
        let bare = |quote| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        let value = bare('"').or_else(|| bare('\'')).unwrap_or(value);
        if SETTINGS.contains(&name) {
            found = found.with(&name.to_lowercase(), value);
        } else {
            environment.insert(name.to_owned(), value.into());
        }
    }
    let mut rest = entry.trim_start();
    let mut word = || {
        let (word, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        rest = after.trim_start();
        word
    };
    if entry.trim_start().starts_with('@') {
        found = found.with("time", word().trim_start_matches('@'));
    } else {
        for (name, ..) in FIELDS {
            let field = word();
            found = if field == "*" { found } else { found.with(name, field) };
        }
    }
    found.private.insert("command".to_owned(), rest.into());
    if !environment.is_empty() {
        found.private.insert("environment".to_owned(), environment.into());
    }
    found
}

/// The quotes that a value needs in a crontab; `None` when none will do. Source: crontab(5).
fn quote_for(value: &str) -> Option<&'static str> {
    let plain = !value.is_empty() && value.trim() == value && !value.contains(['\'', '"']);
    match (plain, value.contains('"'), value.contains('\'')) {
        (true, ..) => Some(""),
        (false, false, _) => Some("\""),
        (false, true, false) => Some("'"),
        (false, true, true) => None,
    }
}

/// Whether a field is what cron understands: `*`, numbers, words, ranges, steps, and lists of them.
fn is_field(text: &str, least: u32, most: u32, words: &[&str]) -> bool {
    let number = |text: &str| -> Option<u32> {
        if let Some(at) = words.iter().position(|word| word.eq_ignore_ascii_case(text)) {
            return u32::try_from(at).ok().map(|at| at + least);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|number| (least..=most).contains(number))
    };
    text.split(',').all(|item| {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let step_is_right = step.is_none_or(|step| step.parse().is_ok_and(|step: u32| (1..=most).contains(&step)));
        let (range_is_right, is_range) = match range.split_once('-') {
            _ if range == "*" => (true, true),
            Some((from, to)) => (number(from).zip(number(to)).is_some_and(|(from, to)| from <= to), true),
            None => (number(range).is_some(), false),
        };
        range_is_right && step_is_right && (is_range || step.is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::is_field;

    #[test]
    fn fields() {
        for good in ["*", "*/15", "0", "59", "0-10", "0-30/5", "1,2,40-50", "05"] {
            assert!(is_field(good, 0, 59, &[]), "{good}");
        }
        for bad in ["", "60", "-1", "a", "5/2", "*/0", "10-5", "1,", "1-", "* *", "+5", "*/", "1-2-3", "~"] {
            assert!(!is_field(bad, 0, 59, &[]), "{bad}");
        }
        assert!(is_field("Jan,dec", 1, 12, &super::MONTHS) && is_field("mon-fri", 0, 7, &super::DAYS));
        assert!(!is_field("0", 1, 12, &super::MONTHS) && !is_field("8", 0, 7, &super::DAYS));
    }
}
