//! How long a job of cron may take: timeout(1), which cron itself has nothing for.
use serde_json::Value as Json;

use crate::{Fault, resource::Property};

/// After what time a job is ended, and how. From data, a number of seconds, a text as `10m`, or an object as Chef has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeOut {
    duration: String,
    preserve_status: bool,
    foreground: bool,
    kill_after: Option<String>,
    signal: Option<String>,
}

impl TimeOut {
    /// Ends the job after this time: seconds, or a number with `s`, `m`, `h` or `d`.
    #[must_use]
    pub fn after(duration: impl Into<String>) -> Self {
        Self { duration: duration.into(), ..Self::default() }
    }

    /// Has the job's own exit code be that of the whole, also when it was ended.
    #[must_use]
    pub const fn preserve_status(mut self) -> Self {
        self.preserve_status = true;
        self
    }

    /// Lets it read from a terminal; its children are not ended with it then.
    #[must_use]
    pub const fn foreground(mut self) -> Self {
        self.foreground = true;
        self
    }

    /// Kills what has not ended so long after the signal.
    #[must_use]
    pub fn kill_after(mut self, duration: impl Into<String>) -> Self {
        self.kill_after = Some(duration.into());
        self
    }

    /// The signal that ends it, by name or number; TERM when not said.
    #[must_use]
    pub fn signal(mut self, signal: impl Into<String>) -> Self {
        self.signal = Some(signal.into());
        self
    }

    /// What is wrong with it, if anything.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let times = [("duration", Some(&self.duration)), ("kill-after", self.kill_after.as_ref())];
        let wrong = times.into_iter().filter_map(|(what, time)| Some((what, time?))).filter(|(_, time)| !is_time(time));
        let mut faults: Vec<_> = wrong
            .map(|(what, time)| {
                Fault::new(format!("`{what}` of `time_out` is no time: {time:?}"))
                    .hint("write seconds, or a number with `s`, `m`, `h` or `d`, as `10m`")
            })
            .collect();
        let sound = |signal: &String| {
            !signal.is_empty() && signal.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-".contains(&byte))
        };
        if let Some(signal) = self.signal.as_ref().filter(|signal| !sound(signal) || signal.starts_with('-')) {
            let fault = Fault::new(format!("`signal` of `time_out` is no signal: {signal:?}"));
            faults.push(fault.hint("write its name or number, as `HUP`"));
        }
        faults
    }

    /// A command line that is ended so. What only a shell understands is left to one.
    pub(crate) fn limit(&self, command: &str, shell: &str) -> String {
        let mut line = "timeout".to_owned();
        if self.preserve_status {
            line += " --preserve-status";
        }
        if self.foreground {
            line += " --foreground";
        }
        // By their short names, which busybox knows too.
        for (option, value) in [("-k", &self.kill_after), ("-s", &self.signal)] {
            if let Some(value) = value {
                line += &format!(" {option} {value}");
            }
        }
        // What follows an unescaped `%` is no part of the command: cron hands it over on standard input.
        let end = first_percent(command).unwrap_or(command.len());
        let (command, input) = command.split_at(end);
        let command = command.trim_start();
        let plain = |c: char| c.is_ascii_alphanumeric() || " _./:,@+=-".contains(c);
        if command.starts_with('/') && command.chars().all(plain) {
            format!("{line} {} {command}{input}", self.duration)
        } else {
            format!("{line} {} {shell} -c '{}'{input}", self.duration, command.replace('\'', r"'\''"))
        }
    }
}

fn is_time(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or(text);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn first_percent(command: &str) -> Option<usize> {
    let bytes = command.as_bytes();
    (0..bytes.len()).find(|&at| bytes[at] == b'%' && (at == 0 || bytes[at - 1] != b'\\'))
}

impl From<&str> for TimeOut {
    fn from(duration: &str) -> Self {
        Self::after(duration)
    }
}

impl From<u32> for TimeOut {
    fn from(seconds: u32) -> Self {
        Self::after(seconds.to_string())
    }
}

impl Property for TimeOut {
    const TYPE: &'static str = "seconds, a time as `10m`, or an object";

    fn from_json(value: &Json) -> Result<Self, String> {
        let Some(object) = value.as_object() else { return time(value).map(Self::after) };
        let mut time_out = Self::default();
        for (key, value) in object {
            match key.as_str() {
                "duration" => time_out.duration = time(value)?,
                "kill-after" | "kill_after" => time_out.kill_after = Some(time(value)?),
                "signal" => time_out.signal = Some(time(value)?),
                "preserve-status" | "preserve_status" => time_out.preserve_status = flag(value)?,
                "foreground" => time_out.foreground = flag(value)?,
                _ => {
                    return Err(format!(
                        "unknown key `{}`; known are `duration`, `preserve-status`, `foreground`, `kill-after` and `signal`",
                        key.escape_debug()
                    ));
                }
            }
        }
        if time_out.duration.is_empty() { Err("its `duration` is missing".to_owned()) } else { Ok(time_out) }
    }
}

/// Chef takes only texts here.
fn flag(value: &Json) -> Result<bool, String> {
    value.as_str().and_then(|text| text.parse().ok()).map_or_else(|| bool::from_json(value), Ok)
}

fn time(value: &Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            Err(format!("expected a number or text, found {value}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::TimeOut;
    use crate::resource::Property as _;

    #[test]
    fn a_plain_command_is_run_by_timeout_itself_and_all_else_by_a_shell() {
        let limit = |command: &str| TimeOut::after("10m").limit(command, "/bin/sh");
        assert_eq!(limit("/usr/bin/backup --to=/srv a"), "timeout 10m /usr/bin/backup --to=/srv a");
        assert_eq!(limit("cd /srv && tar 'a b'"), r"timeout 10m /bin/sh -c 'cd /srv && tar '\''a b'\'''");
        assert_eq!(limit("A=1 /bin/x"), "timeout 10m /bin/sh -c 'A=1 /bin/x'");
        assert_eq!(limit("mail root%hello%"), "timeout 10m /bin/sh -c 'mail root'%hello%");
        assert_eq!(limit(r"/bin/date +\%s"), r"timeout 10m /bin/sh -c '/bin/date +\%s'");
        assert_eq!(limit("/bin/cat%a"), "timeout 10m /bin/cat%a");
    }

    #[test]
    fn everything_can_be_said_in_rust_and_as_data() {
        let rust = TimeOut::after("30").kill_after("5s").signal("HUP").preserve_status().foreground();
        assert_eq!(rust.limit("/x", "/bin/sh"), "timeout --preserve-status --foreground -k 5s -s HUP 30 /x");
        let data =
            json!({"duration": 30, "kill-after": "5s", "signal": "HUP", "preserve-status": true, "foreground": "true"});
        assert_eq!(TimeOut::from_json(&data), Ok(rust));
        assert_eq!(TimeOut::from_json(&json!(30)), Ok(TimeOut::from(30_u32)));
        assert_eq!(TimeOut::from_json(&json!("1h")), Ok(TimeOut::from("1h")));
        for (bad, sentence) in [
            (json!({"signal": "HUP"}), "its `duration` is missing"),
            (json!(true), "expected a number or text, found true"),
            (
                json!({"durations": 1}),
                "unknown key `durations`; known are `duration`, `preserve-status`, `foreground`, `kill-after` and `signal`",
            ),
        ] {
            assert_eq!(TimeOut::from_json(&bad), Err(sentence.to_owned()));
        }
    }

    #[test]
    fn what_timeout_would_not_take_is_a_fault() {
        let faults =
            |time_out: TimeOut| time_out.faults().iter().map(|fault| fault.message.clone()).collect::<Vec<_>>();
        for good in ["1", "0.5", "10m", "1.5h", "2d", "3s"] {
            assert_eq!(faults(TimeOut::after(good)), [""; 0], "{good}");
        }
        for bad in ["", "m", "-1", "1w", "1 2", "1;x", ".5"] {
            assert_eq!(faults(TimeOut::after(bad)), [format!("`duration` of `time_out` is no time: {bad:?}")]);
        }
        assert_eq!(faults(TimeOut::after("1").kill_after("x").signal("9 x")).len(), 2);
        assert_eq!(faults(TimeOut::after("1").kill_after("2").signal("RTMIN+1")), [""; 0]);
    }
}
