//! `timezone[Area/City]`
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    entry::{in_the_way, resolve},
    file::{self, File},
};
use crate::{
    Error, Fault, Result, actions,
    facts::{Facts, Family},
    host::{Entry, EntryKind, Op, Probe},
    properties,
    resource::{Change, Content, Found, Goal, Resource},
    suggest,
};

const LOCALTIME: &str = "/etc/localtime";
const NAMED: &str = "/etc/timezone";
/// Where the zones are. Source: tzfile(5), localtime(5).
const ZONES: &str = "/usr/share/zoneinfo";

properties! {
    /// The time zone of this machine: `/etc/localtime` as a link to the zone's file, and on the Debian family
    /// `/etc/timezone` with its name. Both are read and written without timedatectl(1), so that it works where no system runs,
    /// too. Programs that run keep the zone that they began with until they are restarted.
    pub struct Timezone("Area/City") {
        name: String;
        /// The zone, when it is not the name of the resource.
        timezone: String,
    }
    example r#"r.add(Timezone::of("Europe/Berlin"));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Set = "set": "Has the machine in this zone.",
    }
}
pub use Action::*;

/// The link, and the file with the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The zone that `/etc/localtime` leads to, or what is there in place of such a link.
    pub localtime: Option<String>,
    /// `/etc/timezone`.
    #[serde(flatten)]
    pub file: file::State,
}

impl Timezone {
    /// This zone, as `Europe/Berlin`.
    #[must_use]
    pub fn of(zone: impl Into<String>) -> Self {
        Self::bare(zone.into())
    }

    fn zone(&self) -> &str {
        self.timezone.as_ref().unwrap_or(&self.name)
    }

    /// Refuses a zone that is not there, and names the nearest.
    fn require_zone(&self, probe: &dyn Probe) -> Result<()> {
        let path = Path::new(ZONES).join(self.zone());
        match resolve(&path, probe)?.1.map(|entry| entry.kind) {
            Some(EntryKind::File { .. }) => return Ok(()),
            Some(EntryKind::Directory | EntryKind::Link { .. } | EntryKind::Other { .. }) | None => {}
        }
        if resolve(Path::new(ZONES), probe)?.1.is_none() {
            let error = Error::failed(format!("there are no time zones here: there is no `{ZONES}`"));
            return Err(error.hint("declare the package `tzdata` before it"));
        }
        let error = Error::failed(format!("there is no time zone `{}` in `{ZONES}`", self.zone()));
        Err(error.hint(self.nearest(probe)?))
    }

    /// A sentence with the zone that was probably meant: each part that is not there is a slip of one that is.
    fn nearest(&self, probe: &dyn Probe) -> Result<String> {
        let mut found = PathBuf::new();
        for part in self.zone().split('/') {
            let directory = Path::new(ZONES).join(&found);
            let names: Vec<_> =
                probe.list(&directory)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
            let Some(near) = names
                .iter()
                .find(|name| *name == part)
                .map(String::as_str)
                .or_else(|| suggest::nearest(part, names.iter().map(String::as_str)))
            else {
                return Ok(format!(
                    "`timedatectl list-timezones` or `ls {}` lists those that there are",
                    directory.display()
                ));
            };
            found.push(near);
        }
        if found == Path::new(self.zone()) {
            return Ok(format!("it is a directory: name a zone in it, `ls {ZONES}/{}` lists them", self.zone()));
        }
        Ok(format!("did you mean `{}`?", found.display()))
    }
}

fn named_file() -> File {
    File::at(NAMED).backup(0_u32)
}

impl Resource for Timezone {
    const KIND: &'static str = "timezone";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let zone = self.zone();
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-_".contains(c);
        let sound = |part: &str| !part.is_empty() && part.chars().all(plain);
        let fault = || {
            let fault = Fault::new(format!("`{}` is no name of a time zone", zone.escape_debug()));
            fault.hint("write it as `Europe/Berlin` or `Etc/UTC`")
        };
        if zone.split('/').all(sound) { Vec::new() } else { vec![fault()] }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let leads = resolve(Path::new(LOCALTIME), probe)?.1.is_some();
        let localtime = probe.entry(Path::new(LOCALTIME))?.map(|Entry { kind, .. }| match kind {
            // timedatectl writes the link relative, and the directory has another name here and there.
            EntryKind::Link { target } => {
                let target = target.display().to_string();
                if !leads {
                    return format!("(a link to `{target}`, which is not there)");
                }
                target.rsplit_once("zoneinfo/").map_or(target.clone(), |(_, zone)| zone.to_owned())
            }
            EntryKind::File { .. } | EntryKind::Directory | EntryKind::Other { .. } => format!("(a {})", kind.noun()),
        });
        Ok(State { localtime, file: named_file().read(probe)? })
    }

    fn all(probe: &dyn Probe) -> Result<Option<Vec<String>>> {
        let zone = Self::of("UTC").read(probe)?.localtime;
        Ok(Some(zone.into_iter().filter(|zone| !zone.starts_with('(')).collect()))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let now = self.read(probe)?;
        let zone = now.localtime.as_deref().filter(|zone| !zone.starts_with('('));
        let Some(zone) = zone else {
            return Ok(Some(Found::new(Self::KIND, self.zone()).unsaid("a zone: `/etc/localtime` leads to none")));
        };
        let (found, of_zone) = (Found::new(Self::KIND, zone), Self::of(zone));
        let same = of_zone.want(Set, &now, probe).is_ok_and(|goal| goal == Goal::State(now.clone()));
        Ok(Some(if same { found.action("set") } else { found.unsaid("that `/etc/timezone` names another zone") }))
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.require_zone(probe)?;
        if let Some(Entry { kind: kind @ (EntryKind::Directory | EntryKind::Other { .. }), .. }) =
            probe.entry(Path::new(LOCALTIME))?
        {
            return Err(in_the_way(Path::new(LOCALTIME), &kind, "link"));
        }
        // Where others have the file, it must not name another zone.
        let mut file = now.file.clone();
        if file.entry.is_some() || Facts::new(probe).family() == Family::Debian {
            let content = || Ok(Some(Content::from(format!("{}\n", self.zone())).blob));
            let (Goal::State(to) | Goal::Event(_, to)) = named_file().goal(file::Create, &now.file, probe, &content)?;
            file = to;
        }
        Ok(Goal::State(State { localtime: Some(self.zone().to_owned()), file }))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let mut operations = Vec::new();
        if from.localtime != to.localtime {
            // A copy of the zone, which a link does not replace.
            if from.localtime.as_deref() == Some("(a file)") {
                operations.push(Op::Remove { path: LOCALTIME.into(), recursive: false, backup: 0 });
            }
            let target = Path::new(ZONES).join(self.zone());
            operations.push(Op::Link { path: LOCALTIME.into(), target, hard: false });
        }
        let file = Change { from: from.file.clone(), to: to.file.clone(), event: None };
        operations.extend(named_file().ops(&file)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Set, Timezone};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, refused},
        spec::laws,
    };

    fn zones(id: &str) -> Fake {
        Fake::new()
            .with_file("/usr/share/zoneinfo/Europe/Berlin", "TZif2")
            .with_link("/usr/share/zoneinfo/Europe/Busingen", "Zurich")
            .with_file("/usr/share/zoneinfo/Europe/Zurich", "TZif2")
            .with_file("/usr/share/zoneinfo/Etc/UTC", "TZif2")
            .with_file("/etc/os-release", format!("ID={id}\n").as_str())
    }

    const LINK: &str = "link /etc/localtime -> /usr/share/zoneinfo/Europe/Berlin";
    const FILE: &str = "write /etc/timezone \"Europe/Berlin\\n\" 0644 root:root backup 0";

    fn berlin() -> Timezone {
        Timezone::of("Europe/Berlin")
    }

    #[test]
    fn a_zone_is_a_link_and_on_debian_a_name() {
        let mut machine = zones("debian");
        laws(berlin(), Set, &machine);
        assert_eq!(done(&berlin(), Set, &mut machine), [LINK, FILE]);
        let mut relative = machine.with_link("/etc/localtime", "../usr/share/zoneinfo/Europe/Berlin");
        assert_eq!(done(&berlin(), Set, &mut relative), [""; 0]);
        assert_eq!(done(&Timezone::of("x").timezone("Europe/Busingen"), Set, &mut relative).len(), 2);
        let mut drifted = relative.with_file("/etc/timezone", "Etc/UTC\n");
        assert_eq!(done(&berlin(), Set, &mut drifted), [LINK, FILE]);
    }

    #[test]
    fn elsewhere_the_name_is_kept_true_only_where_there_is_one() {
        assert_eq!(done(&berlin(), Set, &mut zones("rhel")), [LINK]);
        assert_eq!(done(&berlin(), Set, &mut zones("rhel").with_file("/etc/timezone", "Etc/UTC\n")), [LINK, FILE]);
        let mut copied = zones("rhel").with_file("/etc/localtime", "TZif2");
        laws(berlin(), Set, &copied);
        assert_eq!(done(&berlin(), Set, &mut copied), ["remove /etc/localtime backup 0", LINK]);
        assert_eq!(
            refused(&berlin(), Set, &mut zones("rhel").with_directory("/etc/localtime")),
            "`/etc/localtime` is a directory, not a link"
        );
    }

    #[test]
    fn a_zone_that_is_not_there_is_refused_with_the_nearest() {
        let hint = |zone: &str| {
            let text = refused(&Timezone::of(zone), Set, &mut zones("debian"));
            let (sentence, hint) = text.split_once("\nhint: ").unwrap();
            assert_eq!(sentence, format!("there is no time zone `{zone}` in `/usr/share/zoneinfo`"));
            hint.to_owned()
        };
        assert_eq!(hint("Europe/Berln"), "did you mean `Europe/Berlin`?");
        assert_eq!(hint("Europ/Zurihc"), "did you mean `Europe/Zurich`?");
        assert_eq!(hint("Europe"), "it is a directory: name a zone in it, `ls /usr/share/zoneinfo/Europe` lists them");
        assert_eq!(
            hint("Europe/Atlantis"),
            "`timedatectl list-timezones` or `ls /usr/share/zoneinfo/Europe` lists those that there are"
        );
        assert_eq!(
            refused(&berlin(), Set, &mut Fake::new().with_directory("/etc")),
            "there are no time zones here: there is no `/usr/share/zoneinfo`\n\
             hint: declare the package `tzdata` before it"
        );
        for bad in ["", "/etc/passwd", "../../etc/passwd", "Europe/", "a b", "a\n"] {
            assert_eq!(faults(&Timezone::of(bad)).len(), 1, "{bad:?}");
        }
    }
}
