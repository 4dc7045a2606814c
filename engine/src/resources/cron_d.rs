//! `cron_d[name]`
pub use super::time_out::TimeOut;
use super::{
    crontab::job_properties,
    file::{self, File, MANAGED, State},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Op, Probe},
    resource::{Change, Content, Found, Goal, Resource},
    values::Mode,
};

/// Permission bits when the recipe gives none; Chef's. A command line may hold what is not for everybody.
const MODE: u32 = 0o600;

job_properties! {
    /// A command that cron runs, as a file of its own in `/etc/cron.d`. As in every crontab, an unescaped `%` in the
    /// command means a new line: write `\%`.
    pub struct CronD("name") {
        name: String;
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

    /// What the file says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = MANAGED.to_owned();
        for line in self.comment.iter().flat_map(|comment| comment.lines()) {
            text += format!("# {line}").trim_end();
            text.push('\n');
        }
        for line in self.job().variables(false) {
            text += &line;
            text.push('\n');
        }
        let job = self.job();
        text += &format!("{} {} {}\n", job.when(), job.user, job.line());
        text
    }
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
        faults.extend(self.job().check());
        faults.extend(self.mode.and_then(Mode::fault).map(Fault::new));
        if self.mode.is_some_and(|mode| mode.bits() & 0o022 != 0) {
            let fault = Fault::new("cron ignores a file that others than its owner may write to");
            faults.push(fault.hint("give the mode 0644 or less"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create | CreateIfMissing => self.job().lacks_command().into_iter().collect(),
            Delete => Vec::new(),
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
            let job = self.job();
            if let Some(fault) = job.lacks_command() {
                return Err(fault.into());
            }
            if probe.user(job.user)?.is_none() {
                return Err(Error::Missing { kind: "user", name: job.user.to_owned(), why: None });
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
    use super::{Create, CreateIfMissing, CronD, Delete};
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
