//! `apt_preference[name]`

use super::{
    edit::line_fault,
    file::{self, File, MANAGED, State},
};
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Content, Found, Goal, Priority, Resource},
};

/// What a pin can be about. Source: apt_preferences(5).
const PINS: [&str; 3] = ["version", "release", "origin"];

properties! {
    /// Which version or source of packages apt prefers, as a file of its own in `/etc/apt/preferences.d` (0644, root's). It
    /// is called as in Chef: the package's name with `_` for `.` and `wildcard` for `*`, then `.pref`; a `+`, for which apt
    /// ignores a file, becomes `plus`. It holds for the next package that is installed.
    pub struct AptPreference("package name") {
        name: String;
        /// The package, when it is not the name of the resource. `*` stands for anything.
        package_name: String,
        /// Packages by a pattern, or by a regular expression between `/`, in place of the name; the file is called by the
        /// name all the same.
        glob: String,
        /// What is preferred: `version 5.1.*`, `release a=stable-backports` or `origin packages.example.com`.
        pin: String,
        /// How much: 1000 and more also when it is a downgrade (for which a `package` has to have `allow_downgrade`, too), 990 before
        /// the target release, below 0 never.
        pin_priority: Priority,
    }
    example r#"r.add(AptPreference::named("nginx").pin("release a=bookworm-backports").pin_priority(700));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Add = "add": "Has the file exist and say this.",
        Remove = "remove": "Removes the file.",
    }
}
pub use Action::*;

impl AptPreference {
    /// The preference for the package of this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn package(&self) -> &str {
        self.package_name.as_ref().unwrap_or(&self.name)
    }

    fn file(&self) -> File {
        let name = self.package().replace('.', "_").replace('*', "wildcard").replace('+', "plus");
        File::whole(format!("/etc/apt/preferences.d/{name}.pref"))
    }

    /// What the file says, when it can say something.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let (pin, Priority(priority)) = self.pin.as_ref().zip(self.pin_priority)?;
        let packages = self.glob.as_deref().unwrap_or_else(|| self.package());
        Some(format!("{MANAGED}Package: {packages}\nPin: {pin}\nPin-Priority: {priority}\n"))
    }
}

fn incomplete() -> Fault {
    Fault::new("it does not say what is preferred")
        .hint("it takes both `pin`, as `version 5.1.*`, and `pin_priority`, as 700")
}

impl Resource for AptPreference {
    const KIND: &'static str = "apt_preference";
    const BATCH: Option<&'static str> = File::BATCH;
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let package = self.package();
        if package.is_empty() || !package.chars().all(|c| c.is_ascii_alphanumeric() || "_-.*+".contains(c)) {
            let fault = Fault::new(format!("`{}` is no name of a package", package.escape_debug()));
            faults
                .push(fault.hint("letters, digits, `_`, `-`, `.`, `+` and `*` are allowed; write a pattern as `glob`"));
        }
        for (what, text) in [("glob", &self.glob), ("pin", &self.pin)] {
            faults.extend(text.as_ref().and_then(|text| line_fault(what, text)));
        }
        if self.glob.as_ref().is_some_and(|glob| glob.trim().is_empty()) {
            faults.push(Fault::new("`glob` is empty").hint("leave it out to mean the package of the name"));
        }
        if let Some(pin) = &self.pin {
            let (kind, what) = pin.split_once(char::is_whitespace).unwrap_or((pin, ""));
            if !PINS.contains(&kind) || what.trim().is_empty() {
                let fault = Fault::new(format!("pin `{}` is none that apt knows", pin.escape_debug()));
                faults.push(fault.hint("write `version VERSION`, `release a=ARCHIVE` or `origin HOST`"));
            }
        }
        if let Some(Priority(priority)) = self.pin_priority
            && (priority == 0 || i16::try_from(priority).is_err())
        {
            let fault = Fault::new(format!("apt knows no priority {priority}"));
            faults
                .push(fault.hint("it lies between -32768 and 32767, and 0 is none; 1000 and more allows a downgrade"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Add if self.text().is_none() => vec![incomplete()],
            Add | Remove => Vec::new(),
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
            Add => file::Create,
            Remove => file::Delete,
        };
        self.file().goal(action, now, probe, &|| {
            let text = self.text().ok_or_else(incomplete)?;
            Ok(Some(Content::from(text).blob))
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Add, AptPreference, Priority, Remove};
    use crate::{
        host::Fake,
        resource::Property as _,
        resources::trial::{done, faults, faults_of},
    };

    fn nginx() -> AptPreference {
        AptPreference::named("nginx").pin("version 1.22.*").pin_priority(700)
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/etc/apt/preferences.d")
    }

    #[test]
    fn the_file_is_written_or_removed() {
        let text = "# Managed by brasa: changes are overwritten.\\nPackage: nginx\\nPin: version 1.22.*\\nPin-Priority: 700\\n";
        let write = format!("write /etc/apt/preferences.d/nginx.pref \"{text}\" 0644 root:root backup 0");
        let there = machine().with_file("/etc/apt/preferences.d/nginx.pref", "old");
        for mut machine in [machine(), there.clone()] {
            assert_eq!(done(&nginx(), Add, &mut machine).join("; "), write);
        }
        assert_eq!(done(&nginx(), Remove, &mut there.clone()), ["remove /etc/apt/preferences.d/nginx.pref backup 0"]);
        assert_eq!(done(&nginx(), Remove, &mut machine()), [""; 0]);
    }

    #[test]
    fn the_file_has_a_name_that_apt_reads() {
        for (name, file) in [
            ("libc6", "libc6"),
            ("php8.2", "php8_2"),
            ("*", "wildcard"),
            ("linux-*", "linux-wildcard"),
            ("g++", "gplusplus"),
        ] {
            let path = AptPreference::named("by another name").package_name(name).file().path;
            assert_eq!(path.to_str(), Some(format!("/etc/apt/preferences.d/{file}.pref").as_str()));
        }
        let all = nginx().glob("*").pin("origin packages.example.com");
        assert_eq!(faults(&all), [""; 0]);
        assert!(all.text().unwrap().contains("\nPackage: *\nPin: origin packages.example.com\n"));
        assert_eq!(all.file().path.to_str(), Some("/etc/apt/preferences.d/nginx.pref"));
    }

    #[test]
    fn what_apt_would_refuse_or_ignore_is_a_fault() {
        assert_eq!(
            faults(&AptPreference::named("a b").glob(" ").pin("5.1").pin_priority(0)),
            [
                "`a b` is no name of a package\n\
                 hint: letters, digits, `_`, `-`, `.`, `+` and `*` are allowed; write a pattern as `glob`",
                "`glob` is empty\nhint: leave it out to mean the package of the name",
                "pin `5.1` is none that apt knows\nhint: write `version VERSION`, `release a=ARCHIVE` or `origin HOST`",
                "apt knows no priority 0\n\
                 hint: it lies between -32768 and 32767, and 0 is none; 1000 and more allows a downgrade",
            ]
        );
        assert_eq!(faults(&nginx().pin("version 1\nPackage: *")), ["pin is more than one line"]);
        assert_eq!(faults(&nginx().pin("version ").pin_priority(40000)).len(), 2);
        let whole = "it does not say what is preferred\n\
                     hint: it takes both `pin`, as `version 5.1.*`, and `pin_priority`, as 700";
        assert_eq!(faults_of(&AptPreference::named("x").pin("version 1"), Add), [whole]);
        assert_eq!(faults_of(&AptPreference::named("x"), Remove), [""; 0]);
    }

    #[test]
    fn a_priority_may_be_text_as_in_chef() {
        for (json, number) in [(json!(700), 700), (json!("700"), 700), (json!(-1), -1)] {
            assert_eq!(Priority::from_json(&json), Ok(Priority(number)));
        }
        assert_eq!(
            Priority::from_json(&json!("high")).unwrap_err(),
            "expected whole number, also below 0, found the text `high`"
        );
    }
}
