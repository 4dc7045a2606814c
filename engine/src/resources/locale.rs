//! `locale[name]`
use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    edit,
    entry::text,
    file::{self, File},
};
use crate::{
    Error, Fault, Result, actions,
    facts::{Facts, Family},
    host::{Command, Op, Probe},
    properties,
    resource::{Change, Environment, Found, Goal, Resource},
    suggest,
};

/// What locales can be made, where they are made on the machine: `de_DE.UTF-8 UTF-8`.
const SUPPORTED: &str = "/usr/share/i18n/SUPPORTED";
/// Those to be made, in lines of the same form. Source: locale-gen(8).
const TO_MAKE: &str = "/etc/locale.gen";

/// What `lc_env` may set: every category. Source: locale(7).
const CATEGORIES: [&str; 12] = [
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
];

properties! {
    /// The language of this machine, for every session and service that has none of its own: `/etc/default/locale` on the
    /// Debian family, `/etc/locale.conf` elsewhere. A locale that is not there is made by locale-gen(8) where there is one,
    /// with its line in `/etc/locale.gen`; elsewhere its package has to be declared before. Unlike in Chef, variables that
    /// are not named stay as they are, and the running process keeps its own.
    pub struct Locale("name") {
        name: String;
        /// `LANG`: the locale of every category that has none of its own, as `de_DE.UTF-8`.
        lang: String,
        /// Locales of categories, as `LC_TIME: en_GB.UTF-8`.
        lc_env: Environment,
    }
    example r#"r.add(Locale::named("german").lang("de_DE.UTF-8").lc_env([("LC_MESSAGES", "C.UTF-8")]));"#
}

actions! {
    /// What can be asked of it.
    pub enum Action {
        Update = "update": "Has the locales there, and the file say this.",
    }
}
pub use Action::*;

/// The file, and what it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The file with the variables.
    #[serde(flatten)]
    pub file: file::State,
    /// `/etc/locale.gen`, where locales are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_make: Option<file::State>,
    /// Locales that are named and not there.
    pub missing: Vec<String>,
    /// The file's path: it is another one on each family.
    #[serde(skip)]
    path: &'static str,
}

impl Locale {
    /// Settings of this name, which means nothing else.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::bare(name.into())
    }

    /// Variables and their values, in the order in which new ones are written.
    fn variables(&self) -> Vec<(&str, &str)> {
        let lang = self.lang.as_deref().map(|lang| ("LANG", lang));
        let categories = self.lc_env.iter().flat_map(|environment| &environment.0);
        lang.into_iter().chain(categories.map(|(name, value)| (name.as_str(), value.as_str()))).collect()
    }

    /// Every locale that is named, once.
    fn locales(&self) -> Vec<&str> {
        let mut locales: Vec<_> = self.variables().into_iter().map(|(_, value)| value).collect();
        locales.sort_unstable();
        locales.dedup();
        locales
    }

    fn missing(&self, probe: &dyn Probe) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        let mut known = None;
        for locale in self.locales() {
            // These are a part of the C library.
            if matches!(locale, "C" | "POSIX")
                || probe.entry(&Path::new("/usr/lib/locale").join(normal(locale)))?.is_some()
            {
                continue;
            }
            let known = match &mut known {
                Some(known) => known,
                // One archive holds the others, and only the C library knows its form.
                none => none.insert(probe.query(&Command::new(["locale", "-a"]))?.stdout),
            };
            if !known.lines().any(|line| normal(line) == normal(locale)) {
                missing.push(locale.to_owned());
            }
        }
        Ok(missing)
    }

    /// The line of `/etc/locale.gen` for a locale.
    fn line(locale: &str, supported: &str) -> Result<String> {
        let names = supported.lines().filter_map(|line| line.split_whitespace().next());
        let is_it = |line: &&str| line.split_whitespace().next().is_some_and(|name| normal(name) == normal(locale));
        match supported.lines().find(is_it) {
            Some(line) => Ok(line.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => {
                let hint = match suggest::nearest(locale, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("`{SUPPORTED}` lists those that there are"),
                };
                Err(Error::failed(format!("there is no locale `{locale}`")).hint(hint))
            }
        }
    }
}

/// A locale as the C library compares its names: `de_DE.UTF-8` and `de_DE.utf8` are one.
fn normal(locale: &str) -> String {
    let Some((language, rest)) = locale.split_once('.') else { return locale.to_owned() };
    let (codeset, modifier) = match rest.split_once('@') {
        Some((codeset, modifier)) => (codeset, format!("@{modifier}")),
        None => (rest, String::new()),
    };
    let codeset: String = codeset.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{language}.{}{modifier}", codeset.to_ascii_lowercase())
}

fn at(path: &str) -> File {
    File::at(path).backup(0_u32).manage_symlink_source(true)
}

/// What a line assigns to a variable, without quotes.
fn assigned<'l>(line: &'l str, variable: &str) -> Option<&'l str> {
    let value = line.trim_start().strip_prefix(variable)?.strip_prefix('=')?;
    Some(value.trim().trim_matches(['"', '\'']))
}

impl Resource for Locale {
    const KIND: &'static str = "locale";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (variable, value) in self.variables() {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
            if value.is_empty() || !value.chars().all(plain) {
                let fault = Fault::new(format!("{variable} `{}` is no locale", value.escape_debug()));
                faults.push(fault.hint("write it as `de_DE.UTF-8`"));
            }
            if variable == "LC_ALL" {
                let fault = Fault::new("LC_ALL overrides every other setting, that of users too");
                faults.push(fault.hint("set `lang`, and in `lc_env` the categories that differ"));
            } else if variable != "LANG" && !CATEGORIES.contains(&variable) {
                let fault = Fault::new(format!("`{}` is no category of a locale", variable.escape_debug()));
                faults.push(fault.hint(suggest::hint(variable, CATEGORIES)));
            }
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Update if self.variables().is_empty() => {
                vec![Fault::new("it sets nothing").hint("give `lang`, as `de_DE.UTF-8`")]
            }
            Update => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        let debian = Facts::new(probe).family() == Family::Debian;
        let path = if debian { "/etc/default/locale" } else { "/etc/locale.conf" };
        let missing = self.missing(probe)?;
        let makes = text(Path::new(SUPPORTED), probe)?.is_some();
        let to_make = if makes { Some(at(TO_MAKE).read(probe)?) } else { None };
        Ok(State { file: at(path).read(probe)?, to_make, missing, path })
    }

    fn all(_: &dyn Probe) -> Result<Option<Vec<String>>> {
        Ok(Some(vec!["system".to_owned()]))
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let own = text(Path::new(self.read(probe)?.path), probe)?.unwrap_or_default();
        let says =
            |variable| own.lines().rev().find_map(|line| assigned(line, variable)).filter(|value| !value.is_empty());
        let mut found = Found::new(Self::KIND, self.name());
        let mut same = Self::named(self.name());
        if let Some(lang) = says("LANG") {
            found = found.with("lang", lang);
            same = same.lang(lang);
        }
        let set: BTreeMap<String, String> =
            CATEGORIES.iter().filter_map(|name| Some(((*name).to_owned(), says(name)?.to_owned()))).collect();
        if !set.is_empty() {
            found = found.with("lc_env", serde_json::json!(set));
            same = same.lc_env(set);
        }
        if says("LC_ALL").is_some() {
            found = found.unsaid("`LC_ALL`, which overrides all of it");
        }
        if same.variables().is_empty() {
            return Ok(Some(found.unsaid("a language: none is set")));
        }
        // What it finds there, it must leave as it is.
        let now = same.read(probe)?;
        let sound = same.check().is_empty()
            && same.want(Update, &now, probe).is_ok_and(|goal| goal == Goal::State(now.clone()));
        Ok(Some(if sound { found.action("update") } else { found.unsaid("that a locale it names is not there") }))
    }

    fn want(&self, _: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let mut to = State { missing: Vec::new(), ..now.clone() };
        match (&now.to_make, now.missing.first()) {
            (_, None) => {}
            (None, Some(missing)) => {
                let error = Error::failed(format!(
                    "locale `{missing}` is not there, and there is no `{SUPPORTED}` to make it from"
                ));
                let language = missing.split(['_', '.']).next().unwrap_or_default();
                return Err(error.hint(format!(
                    "declare the package that has it before this: `locales` on Debian, `glibc-langpack-{language}` on RHEL"
                )));
            }
            (Some(file), Some(_)) => {
                let supported = text(Path::new(SUPPORTED), probe)?.unwrap_or_default();
                let lines =
                    now.missing.iter().map(|locale| Self::line(locale, &supported)).collect::<Result<Vec<_>>>()?;
                to.to_make = Some(edit::edited(&at(TO_MAKE), file, probe, &|text| {
                    for line in &lines {
                        let bare = |text: &str| text.trim_start_matches(['#', ' ']).trim_end().to_owned();
                        let found = text.bare().position(|text| bare(text) == *line);
                        text.put(found, line);
                    }
                    Ok(())
                })?);
            }
        }
        to.file = edit::edited(&at(now.path), &now.file, probe, &|lines| {
            for (variable, value) in self.variables() {
                // A shell takes the last one.
                let found = lines.bare().rposition(|line| assigned(line, variable).is_some());
                let says = found.and_then(|at| lines.bare().nth(at)).and_then(|line| assigned(line, variable));
                if says != Some(value) {
                    lines.put(found, &format!("{variable}={value}"));
                }
            }
            Ok(())
        })?;
        Ok(Goal::State(to))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        let Change { from, to, .. } = change;
        let file = |path: &str, from: &file::State, to: &file::State| {
            at(path).ops(&Change { from: from.clone(), to: to.clone(), event: None })
        };
        let mut operations = Vec::new();
        if let (Some(from), Some(to)) = (&from.to_make, &to.to_make) {
            operations.extend(file(TO_MAKE, from, to)?);
        }
        if from.missing != to.missing {
            operations.push(Op::Run(Command::new(["locale-gen"])));
        }
        operations.extend(file(from.path, &from.file, &to.file)?);
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::{Locale, Update, normal};
    use crate::{
        host::{Fake, Op},
        resource::{Resource as _, Step, step},
        resources::trial::{done, faults, faults_of, refused, text},
        spec::laws,
    };

    const SUPPORTED: &str = "de_DE.UTF-8 UTF-8\nde_DE ISO-8859-1\nen_GB.UTF-8 UTF-8\n";

    fn machine() -> Fake {
        Fake::new()
            .with_file("/etc/os-release", "ID=debian\n")
            .with_directory("/etc/default")
            .with_directory("/usr/lib/locale/C.utf8")
            .with_answer("locale -a", 0, "C\nC.utf8\nPOSIX\nen_GB.utf8\n")
    }

    fn making() -> Fake {
        machine()
            .with_file("/usr/share/i18n/SUPPORTED", SUPPORTED)
            .with_file("/etc/locale.gen", "# Those to be made.\n# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n")
    }

    #[test]
    fn what_is_found_is_a_declaration_that_leaves_it_alone() {
        let machine = |text: &str| {
            Fake::debian("12").with_file("/etc/default/locale", text).with_answer("locale -a", 0, "C\nde_DE.utf8\n")
        };
        let found = |text: &str| Locale::named("own").found(&machine(text)).unwrap().unwrap();
        let german = found("# LANG=x\nLANG=C\nLANG=\"de_DE.UTF-8\"\nLC_TIME=C\n");
        assert_eq!(
            (serde_json::to_value(&german.properties).unwrap(), german.actions),
            (serde_json::json!({"lang": "de_DE.UTF-8", "lc_env": {"LC_TIME": "C"}}), vec!["update"])
        );
        assert_eq!(found("").unsaid, ["a language: none is set"]);
        assert_eq!(found("LANG=xx_XX.UTF-8\n").actions, [""; 0]);
        assert_eq!(found("LANG=C\nLC_ALL=C\n").unsaid, ["`LC_ALL`, which overrides all of it"]);
    }

    #[test]
    fn variables_that_are_not_named_stay() {
        let british = Locale::named("british").lang("C.UTF-8").lc_env([("LC_TIME", "en_GB.UTF-8")]);
        let mut machine = machine().with_file("/etc/default/locale", "# here\nLANGUAGE=de\nLANG=\"en_GB.UTF-8\"\n");
        done(&british, Update, &mut machine);
        assert_eq!(text(&machine, "/etc/default/locale"), "# here\nLANGUAGE=de\nLANG=C.UTF-8\nLC_TIME=en_GB.UTF-8\n");
        let mut quoted = machine.with_file("/etc/default/locale", "LANG=\"C.UTF-8\"\nLC_TIME='en_GB.UTF-8'\n");
        assert_eq!(done(&british, Update, &mut quoted), [""; 0]);
    }

    #[test]
    fn each_family_has_its_file_and_a_link_is_followed() {
        let mut red_hat = machine().with_file("/etc/os-release", "ID=rhel\n");
        let write = "write /etc/locale.conf \"LANG=C.UTF-8\\n\" 0644 root:root backup 0";
        assert_eq!(done(&Locale::named("x").lang("C.UTF-8"), Update, &mut red_hat), [write]);
        let linked = machine().with_file("/etc/locale.conf", "").with_link("/etc/default/locale", "../locale.conf");
        laws(Locale::named("x").lang("C.UTF-8"), Update, &linked);
        assert_eq!(done(&Locale::named("x").lang("C.UTF-8"), Update, &mut linked.clone()), [write]);
    }

    #[test]
    fn a_locale_that_is_not_there_is_made() {
        let german = || Locale::named("german").lang("de_DE.UTF-8");
        let made = Op::Mkdir {
            path: "/usr/lib/locale/de_DE.utf8".into(),
            mode: 0o755.into(),
            owner: "root".into(),
            group: "root".into(),
        };
        let mut machine = making().with_effect("locale-gen", [made]);
        laws(german(), Update, &machine);
        let Step::Changed(changed) = step(&german(), Update, &mut machine).unwrap() else { panic!("it is to be made") };
        assert!(changed.fields.iter().any(|field| field.name == "missing"), "{:?}", changed.fields);
        assert_eq!(step(&german(), Update, &mut machine).unwrap(), Step::UpToDate);
        let list = "# Those to be made.\nde_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n";
        assert_eq!(text(&machine, "/etc/locale.gen"), list);
        assert_eq!(text(&machine, "/etc/default/locale"), "LANG=de_DE.UTF-8\n");
        assert_eq!(german().read(&machine).unwrap().missing, [""; 0]);
    }

    #[test]
    fn one_that_cannot_be_made_is_refused() {
        assert_eq!(
            refused(&Locale::named("x").lang("de_DX.UTF-8"), Update, &mut making()),
            "there is no locale `de_DX.UTF-8`\nhint: did you mean `de_DE.UTF-8`?"
        );
        assert_eq!(
            refused(&Locale::named("x").lang("de_DE.UTF-8"), Update, &mut machine()),
            "locale `de_DE.UTF-8` is not there, and there is no `/usr/share/i18n/SUPPORTED` to make it from\n\
             hint: declare the package that has it before this: `locales` on Debian, `glibc-langpack-de` on RHEL"
        );
    }

    #[test]
    fn only_locales_and_categories_are_taken() {
        assert_eq!(faults_of(&Locale::named("x"), Update), ["it sets nothing\nhint: give `lang`, as `de_DE.UTF-8`"]);
        for bad in ["", "de DE", "x\ny", "$(id)", "\"C\""] {
            assert_eq!(faults(&Locale::named("x").lang(bad)).len(), 1, "{bad:?}");
        }
        assert_eq!(
            faults(&Locale::named("x").lc_env([("LC_ALL", "C")])),
            ["LC_ALL overrides every other setting, that of users too\n\
              hint: set `lang`, and in `lc_env` the categories that differ"]
        );
        assert_eq!(
            faults(&Locale::named("x").lc_env([("LC_TIMES", "C")])),
            ["`LC_TIMES` is no category of a locale\nhint: did you mean `LC_TIME`?"]
        );
        assert_eq!(normal("de_DE.ISO-8859-15@euro"), "de_DE.iso885915@euro");
    }
}
