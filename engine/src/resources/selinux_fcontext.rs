//! `selinux_fcontext[expression]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{resolve, text},
    selinux::{NO_LABEL, Policy, SEMANAGE, context_in, context_of, has_ranges, require, type_in, word_fault},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Command, Kept, LogLevel, Op, Probe, Shape, line_of},
    properties,
    resource::{Change, Found, Goal, Property, Resource},
};

/// What kind of files a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileType {
    /// All.
    #[default]
    All,
    /// Regular files.
    Regular,
    /// Directories.
    Directory,
    /// Character devices.
    CharacterDevice,
    /// Block devices.
    BlockDevice,
    /// Sockets.
    Socket,
    /// Symbolic links.
    Link,
    /// Named pipes.
    Pipe,
}

impl FileType {
    /// Each with semanage's letter, and the word in its file. Source: semanage-fcontext(8), file_contexts(5).
    const WORDS: [(Self, &str, &str); 8] = [
        (Self::All, "a", ""),
        (Self::Regular, "f", "--"),
        (Self::Directory, "d", "-d"),
        (Self::CharacterDevice, "c", "-c"),
        (Self::BlockDevice, "b", "-b"),
        (Self::Socket, "s", "-s"),
        (Self::Link, "l", "-l"),
        (Self::Pipe, "p", "-p"),
    ];

    fn letter(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, ..)| *kind == self).map_or("a", |(_, letter, _)| letter)
    }

    fn flag(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(.., flag)| flag)
    }
}

impl Property for FileType {
    const TYPE: &'static str = "a, f, d, c, b, s, l or p";

    fn from_json(value: &serde_json::Value) -> Result<Self, String> {
        let known = |word: &str| Self::WORDS.iter().find(|(_, letter, _)| *letter == word).map(|(kind, ..)| *kind);
        value.as_str().and_then(known).ok_or_else(|| format!("expected {}, found {value}", Self::TYPE))
    }
}

properties! {
    /// A rule of which label files get whose path an expression matches. The administrator's rules are read from
    /// `contexts/files/file_contexts.local` of the policy, and changed by semanage(8). Where the kernel has SELinux, files that
    /// are there and that the rule is for get their label in the same step, by restorecon(8), and again when it is undone;
    /// labels that were changed since are not looked at. An expression that may match anywhere is not searched for: a warning
    /// says so.
    pub struct SelinuxFcontext("expression") {
        name: String;
        /// The expression, when it is not the name of the resource: `/srv/www(/.*)?`.
        file_spec: String,
        /// The type that they get, as `httpd_sys_content_t`, or `<<none>>`: no label is given to them.
        secontext: String,
        /// Files of one kind only: f (regular), d (directories), c and b (devices), s (sockets), l (links), p (pipes); a when
        /// not given, which is all.
        file_type: FileType,
    }
    example r#"r.add(SelinuxFcontext::matching("/srv/www(/.*)?").secontext("httpd_sys_content_t"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Manage = "manage": "Has them get this label.",
        Add = "add": "Has them get this label where there is no such rule; one that is there is left as it is.",
        Modify = "modify": "Has a rule that is there give this label.",
        Delete = "delete": "Removes the administrator's rule. What the policy itself says stays.",
    }
}
pub use Action::*;

/// The rule of the administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The type that it gives. `None`: there is none.
    pub secontext: Option<String>,
    #[serde(skip)]
    there: There,
}

/// What else is to be known of it.
#[derive(Clone, Debug, Default)]
struct There {
    file: PathBuf,
    line: Option<String>,
    /// The context that the policy itself gives by the same expression.
    of_policy: Option<String>,
    /// Whether contexts have a range, as `s0`.
    ranges: bool,
    /// Whether the kernel takes it over.
    runs: bool,
    relabel: Option<Command>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.secontext == other.secontext
    }
}

/// Where the files are that an expression matches.
#[derive(Debug, PartialEq)]
enum Reach {
    /// This path alone.
    One(PathBuf),
    /// It, and everything below.
    Tree(PathBuf),
    /// Some below this directory.
    Below(PathBuf),
}

/// Reads the beginning of an expression that means itself.
fn reach(expression: &str) -> Reach {
    let mut literal = String::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()).filter(|c| c.is_ascii_punctuation());
        let (c, taken) = match escaped {
            Some(c) => (c, 2),
            None if "\\.^$?*+|[({".contains(first) => break,
            None => (first, first.len_utf8()),
        };
        // What may be missing or come again is not sure to be there.
        if rest[taken..].starts_with(['?', '*', '+', '{']) {
            break;
        }
        literal.push(c);
        rest = &rest[taken..];
    }
    match rest {
        _ if expression.contains('|') => Reach::Below("/".into()),
        "" => Reach::One(literal.into()),
        "(/.*)?" => Reach::Tree(literal.into()),
        _ => Reach::Below(Path::new(&literal[..literal.rfind('/').map_or(0, |at| at.max(1))]).into()),
    }
}

impl SelinuxFcontext {
    /// The rule of this expression.
    #[must_use]
    pub fn matching(expression: impl Into<String>) -> Self {
        Self::bare(expression.into())
    }

    fn expression(&self) -> &str {
        self.file_spec.as_ref().unwrap_or(&self.name)
    }

    fn kind(&self) -> FileType {
        self.file_type.unwrap_or_default()
    }

    fn key(&self) -> String {
        format!("{} {}", self.expression(), self.kind().flag()).trim_end().to_owned()
    }

    /// What labels the files that are there, when they can be told.
    fn relabel(&self, probe: &dyn Probe) -> Result<Option<Command>> {
        let there = |path: &Path| Ok::<_, Error>(resolve(path, probe)?.1.is_some());
        let shown = |path: &Path| path.display().to_string();
        Ok(match reach(self.expression()) {
            Reach::One(path) if there(&path)? => Some(Command::new(["restorecon", "-i", &shown(&path)])),
            Reach::Tree(path) if there(&path)? => Some(Command::new(["restorecon", "-i", "-R", &shown(&path)])),
            Reach::Below(path) if path != Path::new("/") && there(&path)? => {
                let expression = self.expression();
                let matching =
                    ["find", &shown(&path), "-regextype", "posix-egrep", "-regex", expression].map(str::to_owned);
                let each = ["-exec", "restorecon", "-i", "{}", "+"].map(str::to_owned);
                Some(Command::new(matching.into_iter().chain(each)))
            }
            Reach::One(_) | Reach::Tree(_) | Reach::Below(_) => None,
        })
    }

    /// A command of semanage about this rule.
    fn semanage(&self, there: &There, what: &[&str]) -> Command {
        let policy = Policy { name: String::new(), runs: there.runs };
        let words = [what, &["-f", self.kind().letter(), self.expression()]].concat();
        policy.command(&["semanage", "fcontext"], &words)
    }

    /// The command that has the rule give this context, where there is one by now, or none.
    fn giving(&self, there: &There, context: &str, exists: bool) -> Command {
        let mut what = vec![if exists || there.of_policy.is_some() { "-m" } else { "-a" }, "-t", type_in(context)];
        let parts: Vec<&str> = context.splitn(4, ':').collect();
        // What semanage would give by itself need not be said.
        if let Some(user) = parts.first().filter(|user| parts.len() > 1 && **user != "system_u") {
            what.extend(["-s", user]);
        }
        if let Some(range) = parts.get(3).filter(|range| **range != "s0") {
            what.extend(["-r", range]);
        }
        self.semanage(there, &what)
    }
}

impl Resource for SelinuxFcontext {
    const KIND: &'static str = "selinux_fcontext";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let expression = self.expression();
        if !expression.starts_with('/') || expression.contains(char::is_whitespace) {
            let fault = Fault::new(format!("`{}` is no expression for paths", expression.escape_debug()));
            faults.push(fault.hint("it begins with `/` and holds no blanks, as `/srv/www(/.*)?`"));
        }
        faults.extend(line_fault("expression", expression));
        if let Some(context) = self.secontext.as_deref().filter(|context| *context != NO_LABEL) {
            let fault = word_fault("type of files", context);
            faults.extend(fault.map(|fault| fault.hint("write the type alone, as `httpd_sys_content_t`")));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Manage | Add | Modify if self.secontext.is_none() => {
                vec![Fault::new("it has no label").hint("say with `secontext` which type the files get")]
            }
            Manage | Add | Modify | Delete => Vec::new(),
        }
    }

    fn notes(&self, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        if !Policy::of(probe)?.runs {
            let note = "files get their labels when this system is booted with SELinux and relabelled".to_owned();
            return Ok(vec![(LogLevel::Info, note)]);
        }
        if reach(self.expression()) != Reach::Below("/".into()) {
            return Ok(Vec::new());
        }
        let note =
            "it may match anywhere, so files that are there keep their labels: `restorecon -R` on their directory";
        Ok(vec![(LogLevel::Warn, format!("{note} changes them"))])
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let policy = Policy::of(probe)?;
        let file = policy.file("contexts/files/file_contexts.local");
        let line = line_of(&text(&file, probe)?.unwrap_or_default(), &self.key()).map(str::to_owned);
        let whole = text(&policy.file("contexts/files/file_contexts"), probe)?.unwrap_or_default();
        let of_policy = line_of(&whole, &self.key()).map(|line| context_in(line).to_owned());
        let ranges = has_ranges(&whole);
        let relabel = if policy.runs { self.relabel(probe)? } else { None };
        let secontext = line.as_deref().map(|line| type_in(context_in(line)).to_owned());
        Ok(State { secontext, there: There { file, line, of_policy, ranges, runs: policy.runs, relabel } })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let file = Policy::of(probe)?.file("contexts/files/file_contexts.local");
        let text = text(&file, probe)?.unwrap_or_default();
        // One of a certain kind of files is not told by its expression alone.
        let names = text.lines().filter(|line| !line.starts_with('#') && line.split_whitespace().count() == 2);
        Ok(Some(names.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.expression());
        let found = match self.kind().letter() {
            "a" => found,
            letter => found.with("file_type", letter),
        };
        Ok(Some(match self.read(probe)?.secontext {
            Some(context) => found.with("secontext", context).action("manage"),
            None => found.action("delete"),
        }))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let of_policy = now.there.of_policy.as_deref().map(|context| type_in(context).to_owned());
        let given = now.secontext.clone().or(of_policy);
        let mut to = now.clone();
        match (action, given) {
            (Delete, _) => to.secontext = None,
            (Manage | Modify, Some(given)) if Some(&given) != self.secontext.as_ref() => {
                to.secontext.clone_from(&self.secontext);
            }
            (Manage | Add, None) => to.secontext.clone_from(&self.secontext),
            (Manage | Modify | Add, Some(_)) | (Modify, None) => {}
        }
        if to != *now {
            require("semanage", SEMANAGE, probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let there = &from.there;
        let before = there.line.as_deref().map(context_in);
        let whole = |context: &&str| context.contains(':');
        let base = before.filter(whole).or(there.of_policy.as_deref());
        let after = to.secontext.as_deref().map(|wanted| context_of(base, wanted, there.ranges));
        let command = |context: Option<&str>, exists: bool| match context {
            Some(context) => self.giving(there, context, exists),
            None => self.semanage(there, &["-d"]),
        };
        let both = |first: Command| std::iter::once(first).chain(there.relabel.clone()).collect();
        let line = |context: String| format!("{} {context}", self.key());
        Ok(vec![Op::Kept(Kept {
            path: there.file.clone(),
            shape: Shape::Line,
            key: self.key(),
            from: there.line.clone(),
            to: after.clone().map(line),
            by: both(command(after.as_deref(), before.is_some())),
            back: both(command(before, after.is_some())),
            left: None,
            note: None,
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::{Add, Delete, FileType, Manage, Modify, Reach, SelinuxFcontext, reach};
    use crate::{
        host::Fake,
        resource::Resource as _,
        resources::trial::{done, faults, faults_of, refused, text},
        spec::laws,
    };

    const LOCAL: &str = "/etc/selinux/default/contexts/files/file_contexts.local";

    fn rule() -> SelinuxFcontext {
        SelinuxFcontext::matching("/srv/www(/.*)?").secontext("httpd_t")
    }

    fn offline() -> Fake {
        Fake::new()
            .with_file("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=default\n")
            .with_file(
                "/etc/selinux/default/contexts/files/file_contexts",
                "/.*\tsystem_u:object_r:default_t:s0\n/srv/ftp\t-d\tsystem_u:object_r:ftp_t:s0\n",
            )
            .with_file("/usr/sbin/semanage", "")
    }

    fn machine() -> Fake {
        offline().with_file("/sys/fs/selinux/enforce", "1").with_directory("/srv/www")
    }

    #[test]
    fn a_rule_comes_changes_and_goes_and_the_files_with_it() {
        let mut machine = machine();
        for action in [Manage, Add, Modify, Delete] {
            laws(rule(), action, &machine);
        }
        let semanage =
            |what: &str| format!("run semanage fcontext {what} -f a '/srv/www(/.*)?', run restorecon -i -R /srv/www");
        assert_eq!(done(&rule(), Modify, &mut machine), [""; 0]);
        assert_eq!(done(&rule(), Manage, &mut machine), [semanage("-a -t httpd_t")]);
        assert_eq!(text(&machine, LOCAL), "/srv/www(/.*)? system_u:object_r:httpd_t:s0\n");
        let other = rule().secontext("ftp_t");
        laws(rule().secontext("ftp_t"), Manage, &machine);
        assert_eq!(done(&other, Add, &mut machine), [""; 0]);
        assert_eq!(done(&other, Modify, &mut machine), [semanage("-m -t ftp_t")]);
        assert_eq!(done(&other, Delete, &mut machine), [semanage("-d")]);
        assert_eq!(done(&other, Delete, &mut machine), [""; 0]);
    }

    #[test]
    fn a_rule_of_the_policy_is_changed_and_not_made_again() {
        let mut machine = machine();
        let ftp = SelinuxFcontext::matching("/srv/ftp").file_type(FileType::Directory).secontext("ftp_t");
        assert_eq!(done(&ftp, Manage, &mut machine), [""; 0]);
        assert_eq!(done(&ftp, Delete, &mut machine), [""; 0]);
        let other = || SelinuxFcontext::matching("/srv/ftp").file_type(FileType::Directory).secontext("http_t");
        assert_eq!(done(&other(), Add, &mut machine), [""; 0]);
        laws(other(), Manage, &machine);
        assert_eq!(done(&other(), Manage, &mut machine), ["run semanage fcontext -m -t http_t -f d /srv/ftp"]);
        let user = "/srv/ftp -d staff_u:object_r:x_t:s0:c1\n";
        let mut theirs = self::machine().with_file(LOCAL, user);
        assert_eq!(
            done(&other(), Manage, &mut theirs),
            ["run semanage fcontext -m -t http_t -s staff_u -r s0:c1 -f d /srv/ftp"]
        );
        assert_eq!(text(&theirs, LOCAL), user.replace("x_t", "http_t"));
    }

    #[test]
    fn without_a_kernel_the_rule_alone_is_made() {
        let mut machine = offline();
        assert_eq!(
            done(&rule(), Manage, &mut machine),
            ["run semanage fcontext -N -a -t httpd_t -f a '/srv/www(/.*)?'"]
        );
        assert!(refused(&rule(), Manage, &mut Fake::new()).contains("SELinux is not installed"));
        let bare = Fake::new().with_file("/etc/selinux/config", "SELINUXTYPE=default\n");
        assert!(refused(&rule(), Manage, &mut bare.clone()).ends_with("`policycoreutils-python-utils` before this"));
    }

    #[test]
    fn where_the_files_are_is_read_from_the_expression() {
        assert_eq!(reach("/srv/www(/.*)?"), Reach::Tree("/srv/www".into()));
        assert_eq!(reach(r"/srv/a\.b"), Reach::One("/srv/a.b".into()));
        assert_eq!(reach("/srv/www/[^/]+/log"), Reach::Below("/srv/www".into()));
        assert_eq!(reach("/srv/wwws?"), Reach::Below("/srv".into()));
        assert_eq!(reach("/srv/a|/opt/b"), Reach::Below("/".into()));
        for anywhere in ["/.*\\.php", "/[a-z]+/x", "/a?"] {
            assert_eq!(reach(anywhere), Reach::Below("/".into()), "{anywhere}");
            let rule = SelinuxFcontext::matching(anywhere).secontext("x_t");
            assert_eq!(rule.notes(&machine()).unwrap().len(), 1);
        }
        assert_eq!(rule().notes(&machine()).unwrap(), []);
    }

    #[test]
    fn bad_declarations_are_found_before_anything_is_done() {
        assert_eq!(faults(&SelinuxFcontext::matching("srv x").secontext("a:b:c")).len(), 2);
        assert_eq!(faults(&SelinuxFcontext::matching("/x").secontext("<<none>>")), [""; 0]);
        assert_eq!(faults_of(&SelinuxFcontext::matching("/x"), Manage).len(), 1);
        assert_eq!(faults_of(&SelinuxFcontext::matching("/x"), Delete), [""; 0]);
    }
}
