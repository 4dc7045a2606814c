//! `cron[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use super::time_out::TimeOut;
use super::{
    crontab::{self, job_properties},
    edit::{self, Lines, line_fault},
    entry::in_the_way,
    file::{self, File},
};
use crate::{
    Error, Fault, Result, actions,
    host::{EntryKind, Op, Probe},
    resource::{Change, Found, Goal, Resource},
    values::Mode,
};

/// Where crontabs are: on Debian and Alpine, on SUSE, on Red Hat. The first is below the last.
const SPOOLS: [&str; 3] = ["/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron"];

/// What a crontab on Debian begins with: crontab(1) takes up to three comments at the top for its own, and neither shows nor
/// keeps them when somebody edits. Without these the first job would lose its name.
const HEADER: [&str; 3] = [
    "# This crontab was made by brasa. Edit it with crontab(1), so that cron's",
    "# user and mode stay right; lines that brasa does not manage are left alone.",
    "# crontab(1) does not show these three lines, and writes its own for them.",
];

/// In front of the name of a job.
const MARK: &str = "# Chef Name: ";

job_properties! {
    /// A command that cron runs, as lines of a user's crontab(1). They are Chef's, below a line `# Chef Name: NAME`, so that
    /// a job which Chef put there is taken over and does not run twice; the lines of others stay as they are. A second job
    /// of the same name, as an edit by hand may leave it, goes. As in every crontab, an unescaped `%` in the command means
    /// a new line (write `\%`), and variables also hold for the lines below the job.
    pub struct Cron("name") {
        name: String;
    }
    example r#"r.add(Cron::named("backup").minute("30").hour("4").user("deploy").command("/usr/local/bin/backup"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the job in the crontab, as it is said here.",
        Delete = "delete": "Takes the job out of the crontab. One without any line left goes.",
    }
}
pub use Action::*;

/// The crontab in which the job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where it is.
    pub crontab: PathBuf,
    /// What is there.
    #[serde(flatten)]
    pub file: file::State,
}

impl Cron {
    /// The job with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn marker(&self) -> String {
        format!("{MARK}{}", self.name)
    }

    /// The lines of the crontab.
    fn lines_of(state: &State) -> Result<Lines> {
        edit::text(&File::at(&state.crontab), &state.file).map(Lines::of)
    }

    /// What stands in the crontab.
    fn lines(&self) -> Vec<String> {
        let job = self.job();
        let mut lines = vec![self.marker()];
        lines.extend(job.variables(true));
        lines.push(format!("{} {}", job.when(), job.line()));
        lines
    }

    /// Where the n-th line begins the job, the place behind its end.
    fn end(&self, lines: &Lines, start: usize) -> usize {
        let after = || lines.bare().enumerate().skip(start + 1);
        let entry = after().find(|(_, line)| !is_variable(line));
        match entry {
            Some((at, line)) if is_entry(line) => at + 1,
            // Somebody took the command away and left its variables.
            Some((at, _)) => at,
            None => lines.len(),
        }
    }

    /// Puts these lines in the place of the job, or at the end; further jobs of its name go.
    fn put(&self, lines: &mut Lines, job: &[String]) {
        let marker = self.marker();
        let at = |lines: &Lines| lines.bare().rposition(|line| line == marker);
        let mut place = lines.len();
        while let Some(start) = at(lines) {
            lines.replace(start, self.end(lines, start), []);
            place = start;
        }
        lines.replace(place, place, job.iter().map(String::as_str));
    }

    /// Has the job's name be below what crontab(1) on Debian hides.
    fn keep_in_sight(&self, lines: &mut Lines) {
        let top = lines.bare().take_while(|line| line.starts_with('#')).take(HEADER.len()).collect::<Vec<_>>();
        if top.contains(&self.marker().as_str()) {
            lines.replace(0, 0, HEADER);
        } else if top == HEADER && lines.len() == HEADER.len() {
            lines.replace(0, HEADER.len(), []);
        }
    }

    fn goal(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<file::State> {
        let file = File::at(&now.crontab).backup(0_u32);
        match now.file.entry.as_ref().map(|entry| &entry.kind) {
            Some(EntryKind::File { .. }) => {}
            Some(kind @ (EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. })) => {
                return Err(in_the_way(&now.crontab, kind, "file").hint("remove it: cron does not read it"));
            }
            None if action == Delete => return Ok(now.file.clone()),
            None => {}
        }
        let edited = |file: &File, job: &[String]| {
            let mut is_empty = false;
            let goal = edit::goal(file, &now.file, probe, true, |lines| {
                self.put(lines, job);
                if now.crontab.starts_with(SPOOLS[0]) {
                    self.keep_in_sight(lines);
                }
                is_empty = lines.len() == 0;
                Ok(())
            })?;
            let (Goal::State(to) | Goal::Event(_, to)) = goal;
            Ok(if is_empty { file::State::ABSENT } else { to })
        };
        if action == Delete {
            return edited(&file, &[]);
        }
        if let Some(fault) = self.job().lacks_command() {
            return Err(fault.into());
        }
        // cron reads no crontab that is not its user's alone. Source: cron(8).
        let mut file = file.mode(Mode::from(0o600)).owner(self.job().user);
        if now.file.entry.is_none() {
            let Some((_, group)) = spool(probe)? else { return Err(no_cron()) };
            file = file.group(group);
        }
        edited(&file, &self.lines())
    }
}

fn is_variable(line: &str) -> bool {
    let name = line.split_once('=').map_or("", |(name, _)| name.trim());
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_\"'".contains(&byte);
    !name.is_empty() && name.bytes().all(sound)
}

fn is_entry(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// The directory of crontabs, and the group of what is in it.
fn spool(probe: &dyn Probe) -> Result<Option<(&'static str, String)>> {
    for path in SPOOLS {
        if let Some(entry) = probe.entry(path.as_ref())?.filter(|entry| entry.kind == EntryKind::Directory) {
            return Ok(Some((path, entry.group)));
        }
    }
    Ok(None)
}

fn no_cron() -> Error {
    let name = SPOOLS[0].to_owned();
    let error = Error::failed(format!("there is no directory for crontabs: neither `{name}` nor its like exists"));
    error.hint("cron is not installed: declare the package `cron` before it (`cronie` on Red Hat)")
}

impl Resource for Cron {
    const KIND: &'static str = "cron";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = line_fault("name", &self.name).into_iter().collect();
        if self.name.trim() != self.name || self.name.is_empty() {
            let fault = Fault::new(format!("a job cannot be named {:?}", self.name));
            faults.push(fault.hint("its name stands in the crontab: one line, without blanks around it"));
        }
        faults.extend(self.job().check());
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create => self.job().lacks_command().into_iter().collect(),
            Delete => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let user = self.job().user;
        // A crontab bears the name of its user, also where a recipe gives the number.
        let name = probe.user(user)?.map_or_else(|| user.to_owned(), |user| user.name);
        let crontab = Path::new(spool(probe)?.map_or(SPOOLS[0], |(path, _)| path)).join(name);
        Ok(State { file: File::at(&crontab).read(probe)?, crontab })
    }

    /// Those of root, whose crontab is meant where no user is named.
    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let lines = Self::lines_of(&Self::named("").read(probe)?)?;
        let mut names: Vec<String> = Vec::new();
        for name in lines.bare().filter_map(|line| line.strip_prefix(MARK)) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(Some(names))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let state = self.read(probe)?;
        let lines = Self::lines_of(&state)?;
        let found = Found::new(Self::KIND, &self.name).with("user", self.user.clone());
        let marker = self.marker();
        let Some(start) = lines.bare().position(|line| line == marker) else {
            return Ok(Some(found.action("delete")));
        };
        let length = self.end(&lines, start) - start - 1;
        let job: Vec<&str> = lines.bare().skip(start + 1).take(length).collect();
        crontab::told(found, &job).settled::<Self>(Create, probe).map(Some)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        Ok(Goal::State(State { file: self.goal(action, now, probe)?, crontab: now.crontab.clone() }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let file = Change { from: from.file.clone(), to: to.file.clone(), event: None };
        File::at(&to.crontab).backup(0_u32).ops(&file)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Create, Cron, Delete};
    use crate::{
        host::{Entry, EntryKind, Fake},
        resource::Resource as _,
        resources::trial::{done, faults, faults_of, refused, text},
        spec::laws,
    };

    const CRONTAB: &str = "/var/spool/cron/crontabs/deploy";

    #[test]
    fn a_job_is_shown_as_it_stands() {
        let text =
            "# Chef Name: a\nMAILTO=\"\"\nNOTE=a b\n0 4 * * mon run --all\n# Chef Name: b\n@daily  x\n# Chef Name: c\n";
        let machine = machine().with_file(CRONTAB, text);
        let told = |name: &str| {
            let found = Cron::named(name).user("deploy").found(&machine).unwrap().unwrap();
            let json = |map| serde_json::to_value(map).unwrap();
            (json(found.properties), json(found.private), found.actions, found.unsaid)
        };
        let a = told("a");
        assert_eq!(a.0, json!({"user": "deploy", "mailto": "", "minute": "0", "hour": "4", "weekday": "mon"}));
        assert_eq!(a.1, json!({"command": "run --all", "environment": {"NOTE": "a b"}}));
        let (_, _, actions, unsaid) = told("b");
        let otherwise = "how it is written or kept: `create` would change that".to_owned();
        assert_eq!(
            (a.3.as_slice(), actions, unsaid),
            (&[otherwise.clone()][..], vec![], vec![otherwise]),
            "its mode is 0644"
        );
        assert_eq!(told("d").2, ["delete"]);
        assert_eq!(told("c").3.len(), 2);
    }

    fn header() -> String {
        super::HEADER.map(|line| format!("{line}\n")).concat()
    }

    fn machine() -> Fake {
        let directory = |group: &str| Entry {
            kind: EntryKind::Directory,
            mode: 0o1730.into(),
            owner: "root".into(),
            group: group.into(),
        };
        Fake::new()
            .with_entry("/var/spool/cron", directory("root"))
            .with_entry("/var/spool/cron/crontabs", directory("crontab"))
            .with_group("crontab", 101)
            .with_user("deploy", 1000)
    }

    fn holding(text: &str) -> Fake {
        let kind = EntryKind::File { content: text.into() };
        let entry = Entry { kind, mode: 0o600.into(), owner: "deploy".into(), group: "crontab".into() };
        machine().with_entry(CRONTAB, entry)
    }

    fn backup() -> Cron {
        Cron::named("backup").minute(30_u32).hour("4").user("deploy").command("backup --all")
    }

    #[test]
    fn a_job_is_added_changed_and_deleted() {
        let mut machine = machine();
        let made = done(&backup(), Create, &mut machine);
        assert!(made[0].ends_with(" 0600 deploy:crontab backup 0"), "{made:?}");
        assert_eq!(text(&machine, CRONTAB), header() + "# Chef Name: backup\n30 4 * * * backup --all\n");
        let daily = Cron::named("backup").time("daily").user("1000").command("backup");
        done(&daily.mailto("").home("/srv").environment([("A", "b c"), ("D", " e")]), Create, &mut machine);
        assert_eq!(
            text(&machine, CRONTAB),
            header() + "# Chef Name: backup\nMAILTO=\"\"\nHOME=\"/srv\"\nA=b c\nD=\" e\"\n@daily backup\n"
        );
        assert_eq!(done(&backup(), Delete, &mut machine), [format!("remove {CRONTAB} backup 0")]);
        assert_eq!(done(&backup(), Delete, &mut machine), [""; 0]);
    }

    #[test]
    fn lines_of_others_stay_as_they_are() {
        let others = "# Chef Name: backup2\n1 2 3 4 5  x\n\n#30 4 * * * off\nPATH = /bin\n\t@reboot y";
        let mut machine = holding(others);
        done(&backup(), Create, &mut machine);
        assert_eq!(text(&machine, CRONTAB), format!("{others}\n# Chef Name: backup\n30 4 * * * backup --all\n"));
        done(&backup(), Delete, &mut machine);
        assert_eq!(text(&machine, CRONTAB), format!("{others}\n"));
    }

    #[test]
    fn what_was_left_of_a_job_is_taken_over() {
        let job = "A=1\n# Chef Name: backup\n30 4 * * * backup --all\n";
        for (is, wanted) in [
            ("A=1\n# Chef Name: backup\nMAILTO=\"x\"\n@daily y\nB=1\n", format!("{job}B=1\n")),
            ("A=1\n# Chef Name: backup\nMAILTO=\"x\"\n# off\n1 1 1 1 1 z\n", format!("{job}# off\n1 1 1 1 1 z\n")),
            ("A=1\n# Chef Name: backup\nPATH=x", job.to_owned()),
            (
                "A=1\n# Chef Name: backup\n1 1 1 1 1 a\n# mine\n# Chef Name: backup\n2 2 2 2 2 b\n",
                format!("{job}# mine\n"),
            ),
        ] {
            let mut machine = holding(is);
            done(&backup(), Create, &mut machine);
            assert_eq!(text(&machine, CRONTAB), wanted, "{is}");
        }
        assert_eq!(done(&backup(), Create, &mut holding(job)), [""; 0]);
        laws(backup(), Create, &holding("A=1\n"));
        laws(backup(), Delete, &holding(job));
    }

    #[test]
    fn the_name_of_a_job_is_not_where_debians_crontab_hides_it() {
        let job = "# Chef Name: backup\n30 4 * * * backup --all\n";
        let by_crontab = "# DO NOT EDIT THIS FILE\n# (- installed)\n# (Cron version)\n";
        for (is, wanted) in [
            (String::new(), header() + job),
            (job.to_owned(), header() + job),
            (by_crontab.to_owned(), by_crontab.to_owned() + job),
            (header() + job, header() + job),
        ] {
            let mut machine = holding(&is);
            done(&backup(), Create, &mut machine);
            assert_eq!(text(&machine, CRONTAB), wanted, "{is}");
        }
        let mut machine = holding(&(by_crontab.to_owned() + job));
        done(&backup(), Delete, &mut machine);
        assert_eq!(text(&machine, CRONTAB), by_crontab);
    }

    #[test]
    fn each_system_has_its_directory_and_without_cron_there_is_none() {
        let red_hat = Fake::new().with_directory("/var/spool/cron").with_user("deploy", 1000);
        let written = done(&backup(), Create, &mut red_hat.clone());
        assert!(
            written[0].starts_with("write /var/spool/cron/deploy ") && written[0].contains("deploy:root"),
            "{written:?}"
        );
        let none = Fake::new().with_user("deploy", 1000);
        assert_eq!(done(&backup(), Delete, &mut none.clone()), [""; 0]);
        assert_eq!(
            refused(&backup(), Create, &mut none.clone()),
            "there is no directory for crontabs: neither `/var/spool/cron/crontabs` nor its like exists\n\
             hint: cron is not installed: declare the package `cron` before it (`cronie` on Red Hat)"
        );
        assert_eq!(
            refused(&backup().user("eve"), Create, &mut machine()),
            "user `eve` does not exist\nhint: declare the account before it, or correct the name"
        );
        assert_eq!(
            refused(&backup(), Create, &mut machine().with_link(CRONTAB, "/etc/passwd")),
            "`/var/spool/cron/crontabs/deploy` is a symbolic link to `/etc/passwd`, not a file\n\
             hint: remove it: cron does not read it"
        );
    }

    #[test]
    fn what_a_crontab_cannot_say_is_a_fault() {
        assert_eq!(faults(&backup()), [""; 0]);
        assert_eq!(
            faults(&Cron::named("a\nb").user("../root").minute("61").command("x")),
            [
                "name is more than one line",
                "user \"../root\" is no account name",
                "minute `61` is nothing that cron understands\n\
                 hint: 0 to 59, ranges such as `1-5`, steps such as `*/2`, and lists",
            ]
        );
        assert_eq!(faults(&Cron::named(" ")).len(), 1);
        assert_eq!(
            faults_of(&Cron::named("x"), Create),
            ["it has no command\nhint: say with `command` what cron is to run"]
        );
        assert_eq!(Cron::named("x").check_action(Delete), []);
    }
}
