//! `alternatives[name]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    edit::line_fault,
    entry::{in_the_way, leaf_faults, resolve, stems, text},
};
use crate::{
    Error, Fault, Result, actions,
    facts::{Facts, Family},
    host::{Command, Entry, EntryKind, Foreseen, Op, Probe, Seen},
    properties,
    resource::{Change, Found, Goal, Priority, Resource},
    suggest,
};

/// Where the link of each name leads, which then leads to the choice. Source: update-alternatives(1).
const CHOSEN: &str = "/etc/alternatives";

properties! {
    /// A command that several programs provide, and which of them it is: update-alternatives(1). What is chosen is read from
    /// the files of that program, which alone changes them. Slaves, as manual pages, are not managed: a package brings them.
    pub struct Alternatives("name") {
        name: String;
        /// The name, when it is not the name of the resource: `editor`.
        link_name: String,
        /// The link that people use; `/usr/bin/NAME` when not given.
        link: PathBuf,
        /// The program that is provided.
        path: PathBuf,
        /// How much it is preferred where nobody chose: the highest wins.
        priority: Priority,
    }
    example r#"r.add(Alternatives::named("editor").path("/usr/bin/vim.basic").priority(100));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Install = "install": "Has the program among the alternatives, with this priority.",
        Set = "set": "Has the program chosen, whatever the priorities are.",
        Remove = "remove": "Has the program not among the alternatives.",
        Auto = "auto": "Leaves the choice to the priorities.",
        Refresh = "refresh": "Puts the links right; on the RHEL family only. Counts as a change each time.",
    }
}
pub use Action::*;

/// What is known of the name, as far as an action is about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Who chooses: `auto` or `manual`. `None`: there is no such name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The program that is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<PathBuf>,
    /// The link that people use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
    /// The priority of the program, when it is among the alternatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Every path of the name, as it is to be left.
    #[serde(skip)]
    leaves: Vec<Seen>,
}

/// The file of a name. Source: deb-alternatives sources, `alternative_parse_fileline`; that of chkconfig agrees so far.
#[derive(Debug, PartialEq)]
struct Known {
    mode: String,
    link: PathBuf,
    /// Names of slaves, and their links.
    slaves: Vec<(String, PathBuf)>,
    choices: Vec<Choice>,
}

/// A program among the alternatives.
#[derive(Clone, Debug, PartialEq)]
struct Choice {
    path: PathBuf,
    /// Its priority, with what else stands in that line.
    number: String,
    priority: i32,
    /// What it has for each slave; an empty path where it has nothing.
    slaves: Vec<PathBuf>,
}

impl Known {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (mode, link) = (lines.next()?.to_owned(), lines.next()?.into());
        // Slaves, a name and a link each, up to an empty line; each choice then has a line for every one of them.
        let head: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let slaves: Vec<_> = head.chunks_exact(2).map(|slave| (slave[0].to_owned(), slave[1].into())).collect();
        let mut choices = Vec::new();
        while let Some(path) = lines.next().filter(|line| !line.is_empty()) {
            let number = lines.next()?.to_owned();
            // chkconfig has a family before the number, as `@java@100`, and the name of a service behind it.
            let priority = number.rsplit('@').next()?.split(' ').next()?.parse().ok()?;
            let slaves = lines.by_ref().take(slaves.len()).map(PathBuf::from).collect();
            choices.push(Choice { path: path.into(), number, priority, slaves });
        }
        Some(Self { mode, link, slaves, choices })
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.mode, self.link.display());
        let mut line = |line: &dyn std::fmt::Display| text += &format!("{line}\n");
        for (name, link) in &self.slaves {
            line(name);
            line(&link.display());
        }
        line(&"");
        for Choice { path, number, slaves, .. } in &self.choices {
            line(&path.display());
            line(number);
            slaves.iter().for_each(|slave| line(&slave.display()));
        }
        line(&"");
        text
    }

    fn of(&self, path: &Path) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.path == path)
    }

    fn priority(&self, path: &Path) -> Option<i32> {
        self.of(path).map(|choice| choice.priority)
    }

    /// The program that the priorities lead to: of several with the highest one the first.
    fn best(&self) -> Option<&Choice> {
        self.choices.iter().rev().max_by_key(|choice| choice.priority)
    }

    /// With this program among the alternatives, which brings no slaves.
    fn install(&mut self, path: &Path, priority: i32, link: &Path) {
        self.choices.retain(|choice| choice.path != path);
        let slaves = vec![PathBuf::new(); self.slaves.len()];
        self.choices.push(Choice { path: path.into(), number: priority.to_string(), priority, slaves });
        self.choices.sort_by(|one, other| one.path.cmp(&other.path));
        self.link = link.into();
    }
}

impl Alternatives {
    /// Those of this name, as `editor`.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    fn what(&self) -> &str {
        self.link_name.as_ref().unwrap_or(&self.name)
    }

    fn used(&self) -> PathBuf {
        self.link.clone().unwrap_or_else(|| Path::new("/usr/bin").join(self.what()))
    }

    fn program(&self) -> Result<&PathBuf> {
        self.path.as_ref().ok_or_else(|| no_path().into())
    }

    /// Where the link of this name leads.
    fn choice(&self) -> PathBuf {
        Path::new(CHOSEN).join(self.what())
    }

    fn known(&self, probe: &dyn Probe) -> Result<Option<Known>> {
        let (file, _) = self.file(probe);
        let Some(text) = text(&file, probe)? else { return Ok(None) };
        let broken = || {
            let error = Error::failed(format!("`{}` is not as update-alternatives writes it", file.display()));
            error.hint(format!("look at it, or remove it and `{}` to begin anew", self.choice().display()))
        };
        Known::parse(&text).map(Some).ok_or_else(broken)
    }

    /// The file of this name, and whether the program of the Debian family writes it.
    fn file(&self, probe: &dyn Probe) -> (PathBuf, bool) {
        let debian = Facts::new(probe).family() == Family::Debian;
        let directory = if debian { "/var/lib/dpkg/alternatives" } else { "/var/lib/alternatives" };
        (Path::new(directory).join(self.what()), debian)
    }

    /// Every path of this name as update-alternatives leaves it after an action. Source: update-alternatives(1).
    fn after(&self, action: Action, known: Option<Known>, probe: &dyn Probe) -> Result<Vec<Seen>> {
        let mut known = known.unwrap_or_else(|| Known {
            mode: "auto".to_owned(),
            link: self.used(),
            slaves: Vec::new(),
            choices: Vec::new(),
        });
        let was = known.link.clone();
        let mut chosen = target(&self.choice(), probe)?;
        // Whoever turned the link by hand has chosen; one that leads nowhere is no choice.
        match &chosen {
            Some(path) if known.of(path).is_some() => {}
            Some(path) if resolve(path, probe)?.1.is_some() => "manual".clone_into(&mut known.mode),
            Some(_) | None => "auto".clone_into(&mut known.mode),
        }
        let path = self.path.as_deref();
        match (action, path) {
            (Install, Some(path)) => {
                let priority = self.priority.map_or(0, |Priority(number)| number);
                known.install(path, priority, &self.used());
            }
            (Remove, Some(path)) => {
                known.choices.retain(|choice| choice.path != path);
                if chosen.as_deref() == Some(path) {
                    "auto".clone_into(&mut known.mode);
                }
            }
            (Set, Some(path)) => {
                "manual".clone_into(&mut known.mode);
                chosen = Some(path.to_owned());
            }
            (Auto, _) => "auto".clone_into(&mut known.mode),
            (Install | Remove | Set | Refresh, _) => {}
        }
        if known.mode == "auto" {
            chosen = known.best().map(|choice| choice.path.clone());
        }
        let link = |path: &Path, target: Option<&Path>| {
            let kind = target.map(|target| EntryKind::Link { target: target.to_owned() });
            Seen { path: path.to_owned(), entry: kind.map(|kind| entry(kind, 0o777)) }
        };
        let any = !known.choices.is_empty();
        let text = any.then(|| entry(EntryKind::File { content: known.text().as_str().into() }, 0o644));
        let mut leaves = vec![Seen { path: self.file(probe).0, entry: text }];
        let own = self.choice();
        leaves.push(link(&own, chosen.as_deref().filter(|_| any)));
        leaves.push(link(&known.link, any.then_some(own.as_path())));
        if was != known.link && target(&was, probe)? == Some(own) {
            leaves.push(link(&was, None));
        }
        let choice = chosen.as_deref().and_then(|path| known.of(path));
        for (number, (name, used)) in known.slaves.iter().enumerate() {
            let path = choice.and_then(|choice| choice.slaves.get(number)).map(PathBuf::as_path);
            let there = match path {
                Some(path) => path.is_absolute() && resolve(path, probe)?.1.is_some(),
                None => false,
            };
            let own = Path::new(CHOSEN).join(name);
            leaves.push(link(&own, path.filter(|_| there)));
            // What is no link there is left alone.
            if there || target(used, probe)?.is_some() {
                leaves.push(link(used, there.then_some(own.as_path())));
            }
        }
        Ok(leaves)
    }

    fn require_known<'k>(&self, known: Option<&'k Known>) -> Result<&'k Known> {
        known.ok_or_else(|| {
            let error = Error::failed(format!("there are no alternatives of the name `{}`", self.what()));
            error.hint("put the action `install` in front, or the package that brings them")
        })
    }
}

/// Where a link leads, as written in it; nothing for what is none.
fn target(path: &Path, probe: &dyn Probe) -> Result<Option<PathBuf>> {
    Ok(match probe.entry(path)?.map(|entry| entry.kind) {
        Some(EntryKind::Link { target }) => Some(target),
        Some(EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. }) | None => None,
    })
}

fn entry(kind: EntryKind, mode: u32) -> Entry {
    Entry { kind, mode: mode.into(), owner: "root".to_owned(), group: "root".to_owned() }
}

fn no_path() -> Fault {
    Fault::new("it has no program").hint("say with `path` which one is meant")
}

impl Resource for Alternatives {
    const KIND: &'static str = "alternatives";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let name = self.what();
        if name.is_empty() || name.starts_with(['-', '.']) || name.contains(|c: char| c.is_whitespace() || c == '/') {
            let fault = Fault::new(format!("`{}` is no name of alternatives", name.escape_debug()));
            faults.push(fault.hint("it is a word without `/`, as `editor`; the link is given with `link`"));
        }
        for path in self.link.iter().chain(&self.path) {
            faults.extend(leaf_faults(path));
            faults.extend(line_fault("path", &path.display().to_string()));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        let mut faults = Vec::new();
        if matches!(action, Install | Set | Remove) && self.path.is_none() {
            faults.push(no_path());
        }
        if action == Install && self.priority.is_none() {
            faults.push(Fault::new("it has no priority").hint("say with `priority` how much it is preferred, as 100"));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let Some(known) = self.known(probe)? else { return Ok(State::default()) };
        let priority = self.path.as_ref().and_then(|path| known.priority(path));
        // A link that leads elsewhere is not the one of this name.
        let link = if target(&known.link, probe)? == Some(self.choice()) { Some(known.link) } else { None };
        let leaves = Vec::new();
        Ok(State { mode: Some(known.mode), chosen: target(&self.choice(), probe)?, link, priority, leaves })
    }

    fn read_for(&self, action: Action, probe: &dyn Probe) -> Result<State> {
        let State { mode, chosen, link, priority, .. } = self.read(probe)?;
        // What comes of the choice is the business of update-alternatives, and of the actions that are about it.
        Ok(match action {
            Install => State { link, priority, ..State::default() },
            Set => State { mode, chosen, ..State::default() },
            Remove => State { priority, ..State::default() },
            Auto | Refresh => State { mode, ..State::default() },
        })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let mut names = stems(CHOSEN, "", probe)?;
        // The links of slaves are here too, and are nobody's choice.
        names.retain(|name| Self::named(name.as_str()).known(probe).is_ok_and(|known| known.is_some()));
        Ok(Some(names))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let found = Found::new(Self::KIND, self.what());
        let Some(known) = self.known(probe)? else {
            return Ok(Some(found.unsaid("a choice: there is no such name")));
        };
        let State { chosen, link, .. } = self.read(probe)?;
        let Some(path) = self.path.clone().or_else(|| chosen.clone()) else {
            return Ok(Some(found.unsaid("a choice: its link leads nowhere")));
        };
        let shown = |path: &Path| path.display().to_string();
        let (priority, is_chosen) = (known.priority(&path), chosen.as_ref() == Some(&path));
        let mut found = found.with("path", shown(&path));
        if let Some((link, priority)) = link.zip(priority) {
            found = found.action("install").with("link", shown(&link)).with("priority", priority);
        }
        let others = known.choices.iter().filter(|choice| choice.path != path);
        let others: Vec<_> = others.map(|choice| format!("`{}` ({})", shown(&choice.path), choice.priority)).collect();
        found = match known.mode.as_str() {
            "auto" => found.action("auto"),
            _ if is_chosen => found.action("set"),
            _ => found.unsaid(format!("that `{}` is chosen", shown(&chosen.unwrap_or_default()))),
        };
        if !others.is_empty() {
            found = found.unsaid(format!("the other choices: {}", others.join(", ")));
        }
        Ok(Some(found))
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let mut to = now.clone();
        let known = self.known(probe)?;
        match action {
            Install => {
                let (path, link) = (self.program()?, self.used());
                if resolve(path, probe)?.1.is_none() {
                    let (name, why) = (path.display().to_string(), Some(format!("it is to provide `{}`", self.what())));
                    return Err(Error::Missing { kind: "file", name, why });
                }
                // update-alternatives would warn, leave it and say that all went well.
                if let Some(kind @ (EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. })) =
                    probe.entry(&link)?.map(|entry| entry.kind)
                {
                    return Err(in_the_way(&link, &kind, "link").hint("move it away first: it is to be a link"));
                }
                to = State { link: Some(link), priority: self.priority.map(|Priority(number)| number), ..now.clone() };
            }
            Set => {
                let path = self.program()?;
                let known = self.require_known(known.as_ref())?;
                if known.priority(path).is_none() {
                    let choices: Vec<_> =
                        known.choices.iter().map(|choice| choice.path.display().to_string()).collect();
                    let shown = path.display().to_string();
                    let error = Error::failed(format!("`{shown}` is not among the alternatives of `{}`", self.what()));
                    return Err(error.hint(suggest::hint(&shown, choices.iter().map(String::as_str))));
                }
                to.mode = Some("manual".to_owned());
                to.chosen = Some(path.clone());
            }
            Remove => to.priority = None,
            Auto => {
                self.require_known(known.as_ref())?;
                to.mode = Some("auto".to_owned());
            }
            Refresh => {
                self.require_known(known.as_ref())?;
                if self.file(probe).1 {
                    let error = Error::failed("update-alternatives of the Debian family has no `refresh`");
                    return Err(error.hint("the actions `install`, `set` and `auto` put the links right there"));
                }
                to.leaves = self.after(action, known, probe)?;
                return Ok(Goal::Event("refresh", to));
            }
        }
        if to != *now {
            to.leaves = self.after(action, known, probe)?;
        }
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, event } = change;
        let name = self.what();
        let shown = |path: &Path| path.display().to_string();
        let run = |words: &[&str]| {
            let by = Command::new([&["update-alternatives"], words].concat());
            Ok(vec![Op::Foreseen(Foreseen { by, leaves: to.leaves.clone() })])
        };
        match (from, to) {
            _ if *event == Some("refresh") => run(&["--refresh", name]),
            (_, State { link: Some(link), priority: Some(priority), .. }) => {
                let (link, path) = (shown(link), shown(self.program()?));
                run(&["--install", &link, name, &path, &priority.to_string()])
            }
            (_, State { chosen: Some(chosen), .. }) if from != to => run(&["--set", name, &shown(chosen)]),
            (State { priority: Some(_), .. }, State { priority: None, .. }) => {
                run(&["--remove", name, &shown(self.program()?)])
            }
            (State { mode: from, .. }, State { mode: to, .. }) if from != to => run(&["--auto", name]),
            _ => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Alternatives, Auto, Choice, Install, Known, Refresh, Remove, Set};
    use crate::{
        host::{Dry, Fake, Op, Write},
        resource::{Resource as _, Step, step},
        resources::trial::{faults, faults_of, refused},
        spec::laws,
    };

    const FILE: &str = "/var/lib/dpkg/alternatives/pager";
    const MORE: &str = "/bin/more\n50\n/usr/share/man/man1/more.1.gz\n";
    const HEAD: &str = "/usr/bin/pager\npager.1.gz\n/usr/share/man/man1/pager.1.gz\n\n";

    fn database(path: &str, mode: &str, choices: &str) -> Op {
        Op::Write(Write {
            path: path.into(),
            content: format!("{mode}\n{HEAD}{choices}\n").as_str().into(),
            mode: 0o644.into(),
            owner: "root".into(),
            group: "root".into(),
            backup: 0,
            verify: Vec::new(),
            sensitive: false,
        })
    }

    fn less() -> Alternatives {
        Alternatives::named("pager").path("/usr/bin/less").priority(77)
    }

    fn machine() -> Fake {
        let both = format!("{MORE}/usr/bin/less\n77\n\n");
        let link = |path: &str, target: &str| Op::Link { path: path.into(), target: target.into(), hard: false };
        Fake::new()
            .with_file("/etc/os-release", "ID=debian\n")
            .with_file("/usr/bin/less", "")
            .with_file("/bin/more", "")
            .with_file(FILE, format!("auto\n{HEAD}{MORE}\n").as_str())
            .with_link("/usr/bin/pager", "/etc/alternatives/pager")
            .with_link("/etc/alternatives/pager", "/bin/more")
            .with_effect(
                "update-alternatives --install /usr/bin/pager pager /usr/bin/less 77",
                [
                    database(FILE, "auto", &both),
                    link("/usr/bin/pager", "/etc/alternatives/pager"),
                    link("/etc/alternatives/pager", "/usr/bin/less"),
                ],
            )
            .with_effect(
                "update-alternatives --set pager /bin/more",
                [database(FILE, "manual", &both), link("/etc/alternatives/pager", "/bin/more")],
            )
            .with_effect("update-alternatives --auto pager", [database(FILE, "auto", &both)])
            .with_effect("update-alternatives --remove pager /usr/bin/less", [database(FILE, "auto", MORE)])
    }

    /// The command of an action, which then has nothing more to do.
    fn ran(of: impl Fn() -> Alternatives, action: Action, machine: &mut Fake) -> Vec<String> {
        laws(of(), action, machine);
        let Step::Changed(changed) = step(&of(), action, machine).unwrap() else { return Vec::new() };
        if changed.event.is_none() {
            assert_eq!(step(&of(), action, machine).unwrap(), Step::UpToDate);
        }
        let command =
            |op: &Op| if let Op::Foreseen(foreseen) = op { foreseen.by.to_string() } else { format!("{op:?}") };
        changed.operations.iter().map(command).collect()
    }

    #[test]
    fn a_program_comes_is_chosen_and_goes() {
        let mut machine = machine();
        let more = || Alternatives::named("pager").path("/bin/more");
        let install = "update-alternatives --install /usr/bin/pager pager /usr/bin/less 77";
        assert_eq!(ran(less, Remove, &mut machine), [""; 0]);
        assert_eq!(ran(less, Install, &mut machine), [install]);
        assert_eq!(ran(less, Install, &mut machine), [""; 0]);
        assert_eq!(ran(more, Set, &mut machine), ["update-alternatives --set pager /bin/more"]);
        assert_eq!(ran(more, Set, &mut machine), [""; 0]);
        assert_eq!(ran(more, Auto, &mut machine), ["update-alternatives --auto pager"]);
        assert_eq!(ran(less, Remove, &mut machine), ["update-alternatives --remove pager /usr/bin/less"]);
        // A link that somebody took away or turned is put right.
        ran(less, Install, &mut machine);
        let mut turned = machine.with_link("/usr/bin/pager", "/bin/more");
        assert_eq!(ran(less, Install, &mut turned), [install]);
    }

    #[test]
    fn a_plan_knows_what_becomes_of_links_that_several_share() {
        let mut machine = machine();
        ran(less, Install, &mut machine);
        let more = Alternatives::named("pager").path("/bin/more").priority(50);
        let turned = machine.with_link("/usr/bin/pager", "/bin/more");
        let mut dry = Dry::new(&turned);
        assert!(matches!(step(&less(), Install, &mut dry).unwrap(), Step::Changed(_)));
        assert_eq!(step(&more, Install, &mut dry).unwrap(), Step::UpToDate);
    }

    #[test]
    fn a_choice_is_told_with_what_it_is_chosen_from() {
        let mut machine = machine();
        let told = |of: Alternatives, machine: &Fake| {
            let found = of.found(machine).unwrap().unwrap();
            (found.actions, serde_json::to_string(&found.properties).unwrap(), found.unsaid)
        };
        let pager = || Alternatives::named("pager");
        let more = r#"{"path":"/bin/more","link":"/usr/bin/pager","priority":50}"#;
        assert_eq!(told(pager(), &machine), (vec!["install", "auto"], more.to_owned(), vec![]));
        assert_eq!(Alternatives::all(&machine).unwrap().unwrap(), ["pager"]);
        ran(less, Install, &mut machine);
        ran(|| pager().path("/bin/more"), Set, &mut machine);
        let others = "the other choices: `/usr/bin/less` (77)".to_owned();
        assert_eq!(told(pager(), &machine), (vec!["install", "set"], more.to_owned(), vec![others]));
        let (actions, _, unsaid) = told(pager().path("/usr/bin/less"), &machine);
        assert_eq!((actions, &unsaid[0][..]), (vec!["install"], "that `/bin/more` is chosen"));
        assert_eq!(told(Alternatives::named("editor"), &machine).2, ["a choice: there is no such name"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut machine = machine();
        assert_eq!(
            refused(&less(), Set, &mut machine),
            "`/usr/bin/less` is not among the alternatives of `pager`\nhint: known are `/bin/more`"
        );
        let editor = Alternatives::named("editor").path("/bin/ed").priority(1);
        for action in [Set, Auto] {
            assert_eq!(
                refused(&editor, action, &mut machine),
                "there are no alternatives of the name `editor`\n\
                 hint: put the action `install` in front, or the package that brings them"
            );
        }
        assert!(refused(&editor, Install, &mut machine).starts_with("file `/bin/ed` does not exist"));
        let mut file = machine.clone().with_file("/bin/ed", "").with_file("/usr/bin/editor", "mine");
        assert_eq!(
            refused(&editor, Install, &mut file),
            "`/usr/bin/editor` is a file, not a link\nhint: move it away first: it is to be a link"
        );
        assert!(refused(&less(), Refresh, &mut machine).contains("has no `refresh`"));
        let mut broken = machine.with_file(FILE, "auto\n");
        assert!(refused(&less(), Install, &mut broken).contains("is not as update-alternatives writes it"));
    }

    #[test]
    fn the_file_of_red_hat_is_read_too() {
        let text = "manual\n/usr/bin/java\njre\n/usr/lib/jvm/jre\n\n/usr/lib/jvm/a/java\n@java-1.8@1800 svc\n/usr/lib/jvm/a\n\
                    /usr/lib/jvm/b/java\n-5\n/usr/lib/jvm/b\n";
        let choice = |of: &str, number: &str, priority| Choice {
            path: format!("/usr/lib/jvm/{of}/java").into(),
            number: number.into(),
            priority,
            slaves: vec![format!("/usr/lib/jvm/{of}").into()],
        };
        let known = Known {
            mode: "manual".into(),
            link: "/usr/bin/java".into(),
            slaves: vec![("jre".into(), "/usr/lib/jvm/jre".into())],
            choices: vec![choice("a", "@java-1.8@1800 svc", 1800), choice("b", "-5", -5)],
        };
        assert_eq!(known.text(), format!("{text}\n"));
        assert_eq!(Known::parse(text), Some(known));
        let mut machine = Fake::new()
            .with_file("/etc/os-release", "ID=rhel\n")
            .with_file("/var/lib/alternatives/java", text)
            .with_file("/usr/lib/jvm/b/java", "")
            .with_directory("/usr/bin")
            .with_link("/etc/alternatives/java", "/usr/lib/jvm/b/java");
        let java = || Alternatives::named("java").path("/usr/lib/jvm/b/java");
        assert_eq!(ran(java, Set, &mut machine), [""; 0]);
        assert_eq!(ran(java, Refresh, &mut machine), ["update-alternatives --refresh java"]);
    }

    #[test]
    fn bad_declarations_are_found_before_anything_is_done() {
        for bad in ["", "-x", "a/b", "a b", ".."] {
            assert_eq!(faults(&Alternatives::named(bad)).len(), 1, "{bad:?}");
        }
        assert_eq!(faults(&Alternatives::named("x").path("less").link("/usr/bin/x/")).len(), 2);
        assert_eq!(faults_of(&Alternatives::named("x"), Install).len(), 2);
        assert_eq!(
            faults_of(&Alternatives::named("x"), Set),
            ["it has no program\nhint: say with `path` which one is meant"]
        );
        assert_eq!(faults_of(&Alternatives::named("x"), Auto), [""; 0]);
    }
}
