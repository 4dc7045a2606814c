//! `sudo[name]`
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::{
    edit::line_fault,
    entry::leaf_faults,
    file::{self, File, MANAGED, State},
};
use crate::{
    Error, Fault, Result, actions,
    host::{EntryKind, LogLevel, Op, Probe},
    properties,
    resource::{Change, Content, Found, Goal, Property, Resource},
    values::{Mode, Words},
};

/// Permission bits: sudo's own, and Chef's.
const MODE: u32 = 0o440;

/// Names for lists of commands. From data, as in Chef: `[{"name": "WEB", "command_list": ["/usr/bin/systemctl restart web"]}]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(Vec<(String, Words)>);

impl<N: Into<String>, C: Into<Words>, const LENGTH: usize> From<[(N, C); LENGTH]> for Aliases {
    fn from(aliases: [(N, C); LENGTH]) -> Self {
        Self(aliases.into_iter().map(|(name, commands)| (name.into(), commands.into())).collect())
    }
}

impl Property for Aliases {
    const TYPE: &'static str = "list of objects of `name` and `command_list`";

    fn from_json(value: &Json) -> Result<Self, String> {
        let wrong = |found: &Json| format!("expected {}, found {found}", Self::TYPE);
        let one = |alias: &Json| {
            let object = alias.as_object().filter(|object| object.len() == 2).ok_or_else(|| wrong(alias))?;
            let (name, commands) = object.get("name").zip(object.get("command_list")).ok_or_else(|| wrong(alias))?;
            Ok((String::from_json(name)?, Words::from_json(commands)?))
        };
        value.as_array().ok_or_else(|| wrong(value))?.iter().map(one).collect::<Result<_, String>>().map(Self)
    }
}

properties! {
    /// Who may do what by sudo, as a file of its own in `/etc/sudoers.d` (0440, root's). sudo ignores files with a `.` or
    /// `~` in their name: each becomes `__`, as in Chef. `visudo` judges the file before it is put in place; unlike in
    /// Chef, it is an error when there is no visudo. For rules of another form, use a `template` with
    /// `verify`.
    pub struct Sudo("name") {
        name: String;
        /// Name of the file, when it is not the name of the resource.
        filename: String,
        /// Users that the rules are for: a list, or text with commas.
        users: Words,
        /// More users, by Chef's other word for them.
        user: Words,
        /// Groups that the rules are for: a list, or text with commas. A leading `%` may be left out.
        groups: Words,
        /// More groups, by Chef's other word for them.
        group: Words,
        /// Commands with their full paths, or names of aliases; `ALL` when not given.
        commands: Words,
        /// The machine that the rules hold on; `ALL` when not given.
        host: String,
        /// As whom the commands may be run, as `root` or `www:adm`; `ALL` when not given.
        runas: String,
        /// Whether no password is asked for.
        nopasswd: bool,
        /// Whether the commands are kept from running others.
        noexec: bool,
        /// Whether the caller may bring an environment (`sudo -E`).
        setenv: bool,
        /// Settings for these users and groups, as `!requiretty`.
        defaults: Words,
        /// Names for lists of commands, which `commands` may then use. Written in capitals.
        command_aliases: Aliases,
        /// Variables that everybody's environment keeps.
        env_keep_add: Words,
        /// Variables that nobody's environment keeps any more.
        env_keep_subtract: Words,
        /// The program that judges the file; `/usr/sbin/visudo` when not given.
        visudo_binary: PathBuf,
        /// The directory that `sudoers` and `sudoers.d` are in; `/etc` when not given.
        config_prefix: PathBuf,
    }
    example r#"r.add(Sudo::named("deploy").users("deploy").commands("/usr/bin/systemctl restart web").nopasswd(true));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Create = "create": "Has the file exist and say this.",
        Delete = "delete": "Removes the file.",
        Install = "install": "The same as `create`, by its old name.",
        Remove = "remove": "The same as `delete`, by its old name.",
    }
}
pub use Action::*;

impl Sudo {
    /// The file of this name in `/etc/sudoers.d`.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn prefix(&self) -> &Path {
        self.config_prefix.as_deref().unwrap_or_else(|| Path::new("/etc"))
    }

    fn visudo(&self) -> &Path {
        self.visudo_binary.as_deref().unwrap_or_else(|| Path::new("/usr/sbin/visudo"))
    }

    fn file_name(&self) -> String {
        self.filename.as_ref().unwrap_or(&self.name).replace(['.', '~'], "__")
    }

    fn file(&self) -> File {
        let path = self.prefix().join("sudoers.d").join(self.file_name());
        let file = File::at(path).mode(Mode::from(MODE)).owner("root").group("root").backup(0_u32);
        file.verify(format!("{} -cf %{{path}}", self.visudo().display()))
    }

    /// Groups with their `%`, then users.
    fn whom(&self) -> Vec<String> {
        let listed = |one: &Option<Words>, other: &Option<Words>| -> Vec<String> {
            let words = [one, other].into_iter().flatten().flat_map(|words| &words.0);
            words.flat_map(|word| word.split(',')).map(|name| name.trim().to_owned()).collect()
        };
        let groups = listed(&self.groups, &self.group).into_iter();
        let groups = groups.map(|name| if name.starts_with('%') { name } else { format!("%{name}") });
        groups.chain(listed(&self.users, &self.user)).collect()
    }

    fn says_nothing(&self) -> bool {
        let empty = |words: &Option<Words>| words.as_ref().is_none_or(|words| words.0.is_empty());
        self.whom().is_empty() && empty(&self.env_keep_add) && empty(&self.env_keep_subtract)
    }

    fn has_rules(&self) -> bool {
        [&self.commands, &self.defaults].into_iter().flatten().any(|words| !words.0.is_empty())
    }

    fn granted(&self) -> Words {
        self.commands.clone().unwrap_or_else(|| "ALL".into())
    }

    /// What the file says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = MANAGED.to_owned();
        let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a String takes any text");
        for (name, commands) in self.command_aliases.iter().flat_map(|aliases| &aliases.0) {
            line(format_args!("Cmnd_Alias {} = {}", name.to_uppercase(), commands.0.join(", ")));
        }
        for (sign, words) in [('+', &self.env_keep_add), ('-', &self.env_keep_subtract)] {
            for word in words.iter().flat_map(|words| &words.0) {
                line(format_args!("Defaults env_keep {sign}= \"{word}\""));
            }
        }
        let whom = self.whom().join(",");
        if whom.is_empty() {
            return text;
        }
        let tags: String = [(self.noexec, "NOEXEC:"), (self.nopasswd, "NOPASSWD:"), (self.setenv, "SETENV:")]
            .into_iter()
            .filter_map(|(on, tag)| on.unwrap_or(false).then_some(tag))
            .collect();
        let all = |what: &Option<String>| what.clone().unwrap_or_else(|| "ALL".to_owned());
        for command in self.granted().0 {
            line(format_args!("{whom} {}=({}) {tags}{command}", all(&self.host), all(&self.runas)));
        }
        if let Some(defaults) = self.defaults.as_ref().filter(|defaults| !defaults.0.is_empty()) {
            line(format_args!("Defaults:{whom} {}", defaults.0.join(",")));
        }
        text
    }

    /// Every text that becomes a part of a line.
    fn parts(&self) -> Vec<(&'static str, &str)> {
        let lists = [
            ("command", &self.commands),
            ("default", &self.defaults),
            ("variable", &self.env_keep_add),
            ("variable", &self.env_keep_subtract),
        ];
        let lists = lists
            .into_iter()
            .flat_map(|(what, words)| words.iter().flat_map(|words| &words.0).map(move |word| (what, word)));
        let aliases = self.command_aliases.iter().flat_map(|aliases| &aliases.0);
        let aliases = aliases.flat_map(|(_, commands)| commands.0.iter().map(|command| ("command", command)));
        let words = [("host", &self.host), ("runas", &self.runas)];
        let words = words.into_iter().filter_map(|(what, word)| Some((what, word.as_ref()?)));
        lists.chain(aliases).chain(words).map(|(what, text)| (what, text.as_str())).collect()
    }
}

/// Whether a name can stand in a list of users: a blank in it takes a `\` before it.
fn is_name(name: &str) -> bool {
    let unescaped = name.replace("\\ ", "");
    !matches!(name, "" | "%")
        && !unescaped.contains(|c: char| c.is_whitespace() || c.is_control() || "=():\"".contains(c))
}

fn is_alias(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn nothing_said() -> Fault {
    Fault::new("it says nothing")
        .hint("name `users` or `groups`, or variables with `env_keep_add` or `env_keep_subtract`")
}

impl Resource for Sudo {
    const KIND: &'static str = "sudo";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let name = self.file_name();
        if name.is_empty() || name.contains(|c: char| c == '/' || c.is_control()) {
            faults.push(
                Fault::new(format!("{name:?} is no name of a file")).hint("say with `filename` how it is called"),
            );
        }
        for path in [self.visudo(), self.prefix()] {
            faults.extend(leaf_faults(path));
        }
        let visudo = self.visudo().display().to_string();
        if !visudo.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte)) {
            faults.push(Fault::new(format!("visudo_binary `{}` is no plain path", visudo.escape_debug())));
        }
        for name in self.whom().iter().filter(|name| !is_name(name)) {
            let fault = Fault::new(format!("{name:?} is no name of a user or group"));
            faults.push(fault.hint("a name, `%group`, `#number` or `ALL`; a blank in it takes a `\\` before it"));
        }
        for (what, text) in self.parts() {
            faults.extend(line_fault(what, text));
            if text.trim().is_empty() || text.ends_with('\\') {
                let fault = Fault::new(format!("{what} {text:?} is nothing that can stand in a line of sudoers"));
                faults.push(
                    fault.hint("leave it out, or give it whole: a `\\` at the end would join the next line to it"),
                );
            }
            let not_in_front = matches!(what, "host" | "runas") && text.contains(['(', ')', '=']);
            if not_in_front || what == "variable" && text.contains('"') {
                faults.push(Fault::new(format!("{what} `{}` cannot be written in sudoers", text.escape_debug())));
            }
        }
        for (name, commands) in self.command_aliases.iter().flat_map(|aliases| &aliases.0) {
            if !is_alias(name) {
                let fault = Fault::new(format!("`{}` is no name of an alias", name.escape_debug()));
                faults.push(fault.hint("it begins with a letter; letters, digits and `_` follow"));
            }
            if commands.0.is_empty() {
                faults.push(Fault::new(format!("alias `{}` names no command", name.escape_debug())));
            }
        }
        if self.whom().is_empty() && self.has_rules() {
            let fault = Fault::new("its commands and defaults are nobody's");
            faults.push(fault.hint("name with `users` or `groups` whom they are for"));
        }
        if self.granted().0.is_empty() {
            faults.push(Fault::new("`commands` is empty").hint("leave it out for `ALL`, or use the action `delete`"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            // Of rules for nobody the check of the declaration tells already.
            Create | Install if self.says_nothing() && !self.has_rules() => vec![nothing_said()],
            Create | Install | Delete | Remove => Vec::new(),
        }
    }

    fn notes(&self, probe: &dyn Probe) -> Result<Vec<(LogLevel, String)>> {
        let main = self.prefix().join("sudoers");
        let Some(EntryKind::File { content }) = probe.entry(&main)?.map(|entry| entry.kind) else {
            return Ok(Vec::new());
        };
        let includes = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("includedir");
        if self.says_nothing() || content.bytes().is_none_or(includes) {
            return Ok(Vec::new());
        }
        let (main, file) = (main.display(), self.file().path.display().to_string());
        Ok(vec![(LogLevel::Warn, format!("`{main}` has no line `@includedir`, so sudo does not look at `{file}`"))])
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file().read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        self.file().found(probe)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let action = match action {
            Create | Install => file::Create,
            Delete | Remove => file::Delete,
        };
        self.file().goal(action, now, probe, &|| {
            if self.says_nothing() {
                return Err(nothing_said().into());
            }
            let new = Content::from(self.text()).blob;
            let old = now.entry.as_ref().map(|entry| &entry.kind);
            let same = matches!(old, Some(EntryKind::File { content }) if *content == new);
            if !same && probe.entry(self.visudo())?.is_none() {
                let visudo = self.visudo().display();
                let error = Error::failed(format!(
                    "there is no `{visudo}` that could judge the file before it is put in place"
                ));
                return Err(error.hint("declare `package[sudo]` before it, or say with `visudo_binary` where it is"));
            }
            Ok(Some(new))
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Aliases, Create, Delete, Install, Remove, Sudo};
    use crate::{
        host::Fake,
        resource::{Described as _, Property as _, Resource as _},
        resources::trial::{done, faults, faults_of, refused},
    };

    fn deploy() -> Sudo {
        Sudo::named("deploy").users("deploy")
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/etc/sudoers.d").with_file("/usr/sbin/visudo", "")
    }

    #[test]
    fn the_file_is_judged_and_written_or_removed() {
        let text = "# Managed by brasa: changes are overwritten.\\ndeploy ALL=(ALL) ALL\\n";
        let write = format!(
            "write /etc/sudoers.d/deploy \"{text}\" 0440 root:root backup 0 verify /usr/sbin/visudo -cf %{{path}}"
        );
        let there = machine().with_file("/etc/sudoers.d/deploy", "old");
        for action in [Create, Install] {
            assert_eq!(done(&deploy(), action, &mut machine()).join("; "), write);
            assert_eq!(done(&deploy(), action, &mut there.clone()).join("; "), write);
        }
        for action in [Delete, Remove] {
            assert_eq!(done(&deploy(), action, &mut there.clone()), ["remove /etc/sudoers.d/deploy backup 0"]);
            assert_eq!(done(&deploy(), action, &mut machine()), [""; 0]);
        }
        // Others are not to be read in one go with it: each is judged as it stands.
        assert_eq!(deploy().batch(), None);
    }

    #[test]
    fn without_visudo_nothing_is_put_in_place() {
        let mut machine = Fake::new().with_directory("/etc/sudoers.d");
        assert_eq!(
            refused(&deploy(), Create, &mut machine),
            "there is no `/usr/sbin/visudo` that could judge the file before it is put in place\n\
             hint: declare `package[sudo]` before it, or say with `visudo_binary` where it is"
        );
        let mut machine =
            machine.with_answer("/usr/sbin/visudo -cf %{path}", 1, "parse error").with_file("/usr/sbin/visudo", "");
        let error = crate::resource::step(&deploy(), Create, &mut machine).unwrap_err();
        assert!(error.to_string().contains("parse error"), "{error}");
    }

    #[test]
    fn all_that_is_said_is_in_the_file() {
        let sudo = Sudo::named("web.team")
            .users("alice, bob")
            .user("carol")
            .groups(["web", "%adm"])
            .commands(["WEB", "/usr/bin/id -u"])
            .host("web1")
            .runas("www:adm")
            .nopasswd(true)
            .noexec(true)
            .setenv(true)
            .defaults(["!requiretty", "timestamp_timeout=0"])
            .command_aliases([("web", ["/usr/bin/systemctl restart web", "/usr/bin/systemctl reload web"])])
            .env_keep_add("HTTP_PROXY")
            .env_keep_subtract("HOME");
        assert_eq!(faults(&sudo), [""; 0]);
        assert_eq!(sudo.file_name(), "web__team");
        let whom = "%web,%adm,alice,bob,carol";
        assert_eq!(
            sudo.text(),
            format!(
                "# Managed by brasa: changes are overwritten.\n\
                 Cmnd_Alias WEB = /usr/bin/systemctl restart web, /usr/bin/systemctl reload web\n\
                 Defaults env_keep += \"HTTP_PROXY\"\n\
                 Defaults env_keep -= \"HOME\"\n\
                 {whom} web1=(www:adm) NOEXEC:NOPASSWD:SETENV:WEB\n\
                 {whom} web1=(www:adm) NOEXEC:NOPASSWD:SETENV:/usr/bin/id -u\n\
                 Defaults:{whom} !requiretty,timestamp_timeout=0\n"
            )
        );
        let only = Sudo::named("proxy").env_keep_add(["A", "B"]);
        assert_eq!(faults_of(&only, Create), [""; 0]);
        assert_eq!(
            only.text(),
            "# Managed by brasa: changes are overwritten.\nDefaults env_keep += \"A\"\nDefaults env_keep += \"B\"\n"
        );
    }

    #[test]
    fn a_main_file_that_does_not_look_here_is_told_of() {
        let deaf = machine().with_file("/etc/sudoers", "root ALL=(ALL) ALL\n");
        let notes = deploy().notes(&deaf).unwrap();
        let sentence = "`/etc/sudoers` has no line `@includedir`, so sudo does not look at `/etc/sudoers.d/deploy`";
        assert_eq!(notes, [(crate::host::LogLevel::Warn, sentence.to_owned())]);
        assert_eq!(Sudo::named("deploy").notes(&deaf).unwrap(), []);
        let fine = machine().with_file("/etc/sudoers", "@includedir /etc/sudoers.d\n");
        assert_eq!(deploy().notes(&fine).unwrap(), []);
    }

    #[test]
    fn aliases_are_objects_as_in_chef() {
        let wanted = Aliases::from([("WEB", ["/bin/a", "/bin/b"])]);
        assert_eq!(Aliases::from_json(&json!([{"name": "WEB", "command_list": ["/bin/a", "/bin/b"]}])), Ok(wanted));
        for bad in [json!("WEB"), json!([{"name": "WEB"}]), json!([{"name": "WEB", "command_list": 1.5}]), json!([1])] {
            assert!(Aliases::from_json(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_would_change_the_meaning_of_a_line_is_a_fault() {
        let faults_of_users = |users: &str| faults(&Sudo::named("x").users(users)).len();
        for good in ["bob", "%adm", "#1000", "ALL", "EXAMPLE\\bob", "domain\\ users", "+net", "!bob"] {
            assert_eq!(faults_of_users(good), 0, "{good}");
        }
        for bad in ["", "bob ALL", "bob=", "bob,,eve", "a\nb", "bob:eve"] {
            assert_eq!(faults_of_users(bad), 1, "{bad:?}");
        }
        let sudo = deploy()
            .filename("a/b")
            .host("ALL=(ALL) NOPASSWD:")
            .commands(["/bin/a\nALL", "/bin/b \\", " "])
            .command_aliases([("1st", Vec::<String>::new())])
            .env_keep_add("A\"B")
            .visudo_binary("/bin/true; rm");
        assert_eq!(
            faults(&sudo),
            [
                "\"a/b\" is no name of a file\nhint: say with `filename` how it is called",
                "visudo_binary `/bin/true; rm` is no plain path",
                "command is more than one line",
                "command \"/bin/b \\\\\" is nothing that can stand in a line of sudoers\n\
                 hint: leave it out, or give it whole: a `\\` at the end would join the next line to it",
                "command \" \" is nothing that can stand in a line of sudoers\n\
                 hint: leave it out, or give it whole: a `\\` at the end would join the next line to it",
                "variable `A\\\"B` cannot be written in sudoers",
                "host `ALL=(ALL) NOPASSWD:` cannot be written in sudoers",
                "`1st` is no name of an alias\nhint: it begins with a letter; letters, digits and `_` follow",
                "alias `1st` names no command",
            ]
        );
        assert_eq!(
            faults(&Sudo::named("x").commands("/bin/a")),
            ["its commands and defaults are nobody's\nhint: name with `users` or `groups` whom they are for"]
        );
        assert_eq!(
            faults_of(&Sudo::with_name("x"), Create),
            [
                "it says nothing\nhint: name `users` or `groups`, or variables with `env_keep_add` or `env_keep_subtract`"
            ]
        );
        assert_eq!(faults_of(&Sudo::with_name("x"), Delete), [""; 0]);
    }
}
