//! `cron_d[name]`
use std::fmt::Write as _;

use super::file::{self, File, MANAGED, State};
use crate::{
    Error, Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Content, Environment, Found, Goal, Property, Resource},
    values::Mode,
};

/// Permission bits when the recipe gives none; Chef's. A command line may hold what is not for everybody.
const MODE: u32 = 0o600;

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

properties! {
    /// A command that cron runs, as a file of its own in `/etc/cron.d`. As in every crontab, an unescaped `%` in the
    /// command means a new line: write `\%`.
    pub struct CronD("name") {
        name: String;
        /// The command line, for `/bin/sh` unless `shell` names another.
        command: String,
        /// Minute, 0 to 59; each when not given.
        minute: Field,
        /// Hour, 0 to 23; each when not given.
        hour: Field,
        /// Day of the month, 1 to 31; each when not given.
        day: Field,
        /// Month, 1 to 12 or `jan` to `dec`; each when not given.
        month: Field,
        /// Day of the week, 0 to 7 (both are Sunday) or `sun` to `sat`; each when not given.
        weekday: Field,
        /// A time that has a name, in place of the five fields: `reboot`, `hourly`, `daily`, `weekly`, `monthly`, `yearly`.
        time: String,
        /// Who runs it; root when not given.
        user: String,
        /// Whom cron sends the output; nobody when empty.
        mailto: String,
        /// Directories in which commands are searched (`PATH`).
        path: String,
        /// The shell that runs the command.
        shell: String,
        /// Further variables of its environment.
        environment: Environment,
        /// A line, or several, for whoever reads the file.
        comment: String,
        /// Permission bits of the file; 0600 when not given.
        mode: Mode,
    }
    example r#"r.add(CronD::named("backup").minute("30").hour("4").command("/usr/local/sbin/backup"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the file exist and say this.",
        CreateIfMissing = "create_if_missing": "Makes the file when there is none; one that is there is left as it is.",
        Delete = "delete": "Removes the file.",
    }
}
pub use Action::*;

impl CronD {
    /// The file `/etc/cron.d/NAME`.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn file(&self) -> File {
        let mode = self.mode.unwrap_or(Mode::from(MODE));
        File::at(format!("/etc/cron.d/{}", self.name)).mode(mode).owner("root").group("root").backup(0_u32)
    }

    fn lacks_command(&self) -> bool {
        self.command.as_ref().is_none_or(|command| command.trim().is_empty())
    }

    fn runs_as(&self) -> &str {
        self.user.as_deref().unwrap_or("root")
    }

    /// The five fields with their names and the numbers and words they may have.
    #[allow(clippy::type_complexity, reason = "a table: name, value, least, most, words")]
    fn fields(&self) -> [(&'static str, Option<&Field>, u32, u32, &'static [&'static str]); 5] {
        [
            ("minute", self.minute.as_ref(), 0, 59, &[]),
            ("hour", self.hour.as_ref(), 0, 23, &[]),
            ("day", self.day.as_ref(), 1, 31, &[]),
            ("month", self.month.as_ref(), 1, 12, &MONTHS),
            ("weekday", self.weekday.as_ref(), 0, 7, &DAYS),
        ]
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        let own = [("MAILTO", &self.mailto), ("PATH", &self.path), ("SHELL", &self.shell)];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let more =
            self.environment.iter().flat_map(|more| &more.0).map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain(more).collect()
    }

    /// What the file says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = MANAGED.to_owned();
        for line in self.comment.iter().flat_map(|comment| comment.lines()) {
            text += format!("# {line}").trim_end();
            text.push('\n');
        }
        for (name, value) in self.variables() {
            let quote = quote_for(value).unwrap_or_default();
            writeln!(text, "{name}={quote}{value}{quote}").expect("a String takes any text");
        }
        match &self.time {
            Some(time) => text += &format!("@{}", time.trim_start_matches('@')),
            None => {
                let fields = self.fields().map(|(_, field, ..)| field.map_or("*", |field| field.0.as_str()));
                text += &fields.join(" ");
            }
        }
        writeln!(text, " {} {}", self.runs_as(), self.command.as_deref().unwrap_or_default()).expect("as above");
        text
    }
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

fn no_command() -> Fault {
    Fault::new("it has no command").hint("say with `command` what cron is to run")
}

impl Resource for CronD {
    const KIND: &'static str = "cron_d";
    const BATCH: Option<&'static str> = File::BATCH;
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || !self.name.chars().all(known) {
            let fault = Fault::new(format!("cron ignores a file named {:?}", self.name));
            faults.push(fault.hint("letters, digits, `_` and `-` are allowed, and no dot"));
        }
        let plain: [(&str, &Option<String>); 6] = [
            ("command", &self.command),
            ("user", &self.user),
            ("mailto", &self.mailto),
            ("path", &self.path),
            ("shell", &self.shell),
            ("time", &self.time),
        ];
        for (what, value) in plain {
            if value.as_ref().is_some_and(|value| value.contains(['\n', '\r', '\0'])) {
                faults.push(Fault::new(format!("{what} is more than one line")).hint("put it into a script"));
            }
        }
        if self.runs_as().is_empty() || self.runs_as().contains(char::is_whitespace) {
            faults.push(Fault::new(format!("user {:?} is no account name", self.runs_as())));
        }
        for (name, value) in self.variables() {
            let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !sound || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                faults.push(Fault::new(format!("`{}` is no name of a variable", name.escape_debug())));
            }
            if quote_for(value).is_none() || value.contains(['\n', '\r', '\0']) {
                let message = format!("the value of `{}` cannot be written in a crontab", name.escape_debug());
                faults.push(Fault::new(message).hint("it takes one line, and not both kinds of quotes: use a script"));
            }
        }
        for (what, field, least, most, words) in self.fields() {
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
        if let Some(time) = &self.time {
            let word = time.trim_start_matches('@');
            if !TIMES.contains(&word) {
                let fault = Fault::new(format!("time `{}` is none that cron knows", time.escape_debug()));
                faults.push(fault.hint(crate::suggest::hint(word, TIMES)));
            }
            if self.fields().iter().any(|(_, field, ..)| field.is_some()) {
                faults.push(Fault::new("it has both a `time` and fields").hint("leave one of them out"));
            }
        }
        faults.extend(self.mode.and_then(Mode::fault).map(Fault::new));
        if self.mode.is_some_and(|mode| mode.bits() & 0o022 != 0) {
            let fault = Fault::new("cron ignores a file that others than its owner may write to");
            faults.push(fault.hint("give the mode 0644 or less"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create | CreateIfMissing if self.lacks_command() => vec![no_command()],
            Create | CreateIfMissing | Delete => Vec::new(),
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
            CreateIfMissing => file::CreateIfMissing,
            Delete => file::Delete,
        };
        self.file().goal(action, now, probe, &|| {
            if self.lacks_command() {
                return Err(no_command().into());
            }
            if probe.user(self.runs_as())?.is_none() {
                return Err(Error::Missing { kind: "user", name: self.runs_as().to_owned(), why: None });
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
    use super::{Create, CreateIfMissing, CronD, Delete, is_field};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, faults_of, refused},
    };

    #[test]
    fn the_file_is_written_left_or_removed() {
        let cron = || CronD::named("x").time("daily").command("true");
        let machine = Fake::new().with_directory("/etc/cron.d");
        let text = "# Managed by brasa: changes are overwritten.\\n@daily root true\\n";
        let write = format!("write /etc/cron.d/x \"{text}\" 0600 root:root backup 0");
        let there = machine.clone().with_file("/etc/cron.d/x", "old");
        for mut machine in [machine.clone(), there.clone()] {
            assert_eq!(done(&cron(), Create, &mut machine).join("; "), write);
        }
        assert_eq!(done(&cron(), CreateIfMissing, &mut there.clone()), Vec::<String>::new());
        assert_eq!(done(&cron(), Delete, &mut there.clone()), ["remove /etc/cron.d/x backup 0"]);
        assert_eq!(
            refused(&cron().user("backup"), Create, &mut machine.clone()),
            "user `backup` does not exist\nhint: declare the account before it, or correct the name"
        );
        assert_eq!(
            faults_of(&CronD::named("x"), Create),
            ["it has no command\nhint: say with `command` what cron is to run"]
        );
        assert_eq!(
            refused(&cron(), Create, &mut Fake::new()),
            "directory `/etc/cron.d` does not exist: `/etc/cron.d/x` is to be in it\n\
             hint: declare the directory before it, or make it `recursive`"
        );
    }

    #[test]
    fn the_file_has_all_that_is_said_and_ends_in_a_new_line() {
        let cron = CronD::named("backup")
            .minute(30_u32)
            .hour("4-6/2")
            .weekday("mon")
            .user("backup")
            .mailto("")
            .path("/usr/sbin:/usr/bin")
            .environment([("NOTE", "  in quotes "), ("PLAIN", "a b"), ("SAID", "\"yes\"")])
            .comment("Nightly.\n\nSee the manual.")
            .command("/usr/local/sbin/backup --all");
        assert_eq!(faults(&cron), Vec::<String>::new());
        assert_eq!(
            cron.text(),
            "# Managed by brasa: changes are overwritten.\n# Nightly.\n#\n# See the manual.\n\
             MAILTO=\"\"\nPATH=/usr/sbin:/usr/bin\nNOTE=\"  in quotes \"\nPLAIN=a b\nSAID='\"yes\"'\n\
             30 4-6/2 * * mon backup /usr/local/sbin/backup --all\n"
        );
    }

    #[test]
    fn a_time_that_has_a_name() {
        for time in ["reboot", "@reboot"] {
            let cron = CronD::named("x").time(time).command("true");
            assert_eq!(faults(&cron), Vec::<String>::new());
            assert_eq!(cron.text(), "# Managed by brasa: changes are overwritten.\n@reboot root true\n");
        }
    }

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

    #[test]
    fn what_cron_would_ignore_or_misread_is_a_fault() {
        let cron = CronD::named("back.up").minute("60").month("foo").command("a\nb").time("dayly").mode(0o666);
        assert_eq!(
            faults(&cron),
            [
                "cron ignores a file named \"back.up\"\nhint: letters, digits, `_` and `-` are allowed, and no dot",
                "command is more than one line\nhint: put it into a script",
                "minute `60` is nothing that cron understands\n\
                 hint: 0 to 59, ranges such as `1-5`, steps such as `*/2`, and lists",
                "month `foo` is nothing that cron understands\n\
                 hint: 1 to 12 or `jan` to `dec`, ranges such as `1-5`, steps such as `*/2`, and lists",
                "time `dayly` is none that cron knows\nhint: did you mean `daily`?",
                "it has both a `time` and fields\nhint: leave one of them out",
                "cron ignores a file that others than its owner may write to\nhint: give the mode 0644 or less",
            ]
        );
        let cron = CronD::named("x").user("a b").environment([("A-B", "1"), ("Q", "'\"")]).command("true");
        assert_eq!(
            faults(&cron),
            [
                "user \"a b\" is no account name",
                "`A-B` is no name of a variable",
                "the value of `Q` cannot be written in a crontab\n\
                 hint: it takes one line, and not both kinds of quotes: use a script",
            ]
        );
    }
}
