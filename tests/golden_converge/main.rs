//! The order of actions that Chef's runner takes, case by case (`tests/golden/converge`), and where ours differs on purpose
//! (`tests/golden/differences.md`).
//!
//! Two things of Chef have no event here, so they are left out of what is compared: action `nothing` (a resource without
//! actions has no turn), and the trial pass before a `before` notice (the first half of a step only reads, so trying it is
//! no event; Chef counts what it tried as updated even if it is skipped then).
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

mod kinds;
#[path = "../tally/mod.rs"]
mod tally;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, atomic::AtomicUsize},
};

use brasa::{
    Error, Result, compile,
    converge::{Context, NoLedger},
    event::{Cause, Event, Outcome},
    host::{Dry, Fake, Host, Op, Probe, Write},
    prelude::{Cookbook, Recipe},
    recipe::Timing,
    spec,
    values::Blob,
};
use kinds::{Described, OWN, Scope, World, declare};
use serde::{Deserialize, Serialize};
use tally::Tally;

#[derive(Deserialize)]
struct Case {
    name: String,
    group: String,
    inputs: Inputs,
    expected_events: Vec<Happened>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Inputs {
    resources: Vec<Described>,
    #[serde(default)]
    why_run: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Happened {
    resource: String,
    action: String,
    result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing)]
    why_run: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retries_left: Option<u32>,
}

#[derive(Deserialize)]
struct Expected {
    updated_resources: Vec<String>,
    flags: BTreeSet<String>,
    #[serde(default)]
    error: Option<Failed>,
    /// What compile-time resources do while recipes are read.
    #[serde(default)]
    events_before_converge: Vec<Happened>,
}

#[derive(Deserialize)]
struct Failed {
    class: String,
    message: String,
}

/// What our engine made of a case, or what Chef did, in the same words.
#[derive(Debug, PartialEq, Serialize)]
struct Ran {
    events: Vec<Happened>,
    updated: Vec<String>,
    flags: BTreeSet<String>,
    error: Option<Fate>,
}

/// How a run failed, as far as classes of two programs can be compared.
#[derive(Debug, PartialEq, Serialize)]
enum Fate {
    /// Before anything was done.
    Refused,
    /// With this resource's failure.
    Failed(String),
    /// With several.
    Several,
}

type Part = (Vec<Described>, Scope, Arc<World>);

thread_local! {
    /// The case being compiled: recipes, each with its resources. Recipes are functions, which capture nothing.
    static RECIPES: RefCell<Vec<Part>> = const { RefCell::new(Vec::new()) };
}

fn recipe<const N: usize>(r: &mut Recipe) -> Result<()> {
    let Some((resources, scope, world)) = RECIPES.with_borrow(|recipes| recipes.get(N).cloned()) else { return Ok(()) };
    resources.iter().try_for_each(|resource| declare(resource, &world, &scope, r))
}

/// Resources in recipes in which no name comes twice: twice in one recipe is an error here, in two recipes it is not.
fn recipes(resources: &[Described]) -> Vec<Vec<Described>> {
    let mut recipes: Vec<Vec<Described>> = vec![Vec::new()];
    let mut names = HashSet::new();
    for resource in resources {
        if !names.insert(resource.id()) {
            recipes.push(Vec::new());
            names = HashSet::from([resource.id()]);
        }
        if let Some(last) = recipes.last_mut() {
            last.push(resource.clone());
        }
    }
    recipes
}

fn machine(resources: &[Described]) -> Fake {
    let mut fake = Fake::new().with_directory("/flags").with_answer("fail-after", 1, "");
    for resource in resources {
        for (command, files) in resource.effects() {
            let write = |path: PathBuf| {
                Op::Write(Write {
                    path,
                    content: Blob::from("on\n"),
                    mode: 0o644.into(),
                    owner: "root".into(),
                    group: "root".into(),
                    backup: 0,
                    verify: Vec::new(),
                    sensitive: false,
                })
            };
            let above = |path: &PathBuf| path.parent().map(Path::to_path_buf);
            fake = files.iter().filter_map(above).fold(fake, Fake::with_directory);
            fake = fake.with_effect(command, files.into_iter().map(write));
        }
        for line in resource.guard_lines() {
            let output = Command::new("/bin/sh").args(["-c", &line]).output().expect("there is a shell");
            fake = fake.with_answer(line, output.status.code().unwrap_or(-1), "");
        }
    }
    fake
}

/// Follows events: which belong to parts, and which resources of the run were changed.
struct Watch<'c> {
    resources: &'c [Described],
    /// Composites that are acting, outermost first.
    acting: Vec<&'c Described>,
    events: Vec<Happened>,
    /// Recipe and name of what changed in the run itself.
    updated: HashSet<(String, String)>,
}

impl<'c> Watch<'c> {
    fn find(&self, id: &str) -> Option<&'c Described> {
        let inside = self.acting.iter().rev().flat_map(|whole| whole.inner.iter());
        inside.chain(self.resources).find(|resource| resource.id() == id)
    }

    /// The composite that has a part of this name.
    fn whole(&self, id: &str, below: usize) -> Option<usize> {
        let own = id.ends_with(&format!("[{OWN}]"));
        self.acting[..below].iter().rposition(|whole| own || whole.inner.iter().any(|part| part.id() == id))
    }

    fn changed(&mut self, id: &str, recipe: &str) {
        let (mut id, mut below) = (id.to_owned(), self.acting.len());
        while let Some(at) = self.whole(&id, below) {
            id = self.acting[at].id();
            below = at;
        }
        self.updated.insert((recipe.to_owned(), id));
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Begun { resource, .. } => {
                self.acting.extend(self.find(resource).filter(|found| !found.inner.is_empty()));
            }
            Event::Retried { resource, action, left, .. } => self.push(Happened {
                resource: (*resource).to_owned(),
                action: (*action).to_owned(),
                result: "failed_retriable".to_owned(),
                via: None,
                from: None,
                why_run: false,
                retries_left: Some(left + 1),
            }),
            Event::Ended { resource, action, recipe, cause, outcome, .. } => {
                if let Some(at) = self.acting.iter().rposition(|whole| whole.id() == *resource) {
                    self.acting.truncate(at);
                }
                let result = match outcome {
                    Outcome::Changed { .. } => {
                        self.changed(resource, recipe);
                        "updated"
                    }
                    Outcome::UpToDate { .. } => "up_to_date",
                    Outcome::Skipped { .. } => "skipped",
                    Outcome::Failed { .. } => "failed",
                    Outcome::Unknown { .. } => "unknown",
                };
                let (via, from) = match cause {
                    Cause::Declared => (None, None),
                    Cause::Notified { timing: Timing::Delayed, .. } => (Some("delayed"), None),
                    Cause::Notified { timing: Timing::Immediately, by } => (Some("immediate"), Some(*by)),
                    Cause::Notified { timing: Timing::Before, by } => (Some("before"), Some(*by)),
                    Cause::Owed { .. } => (Some("owed"), None),
                };
                self.push(Happened {
                    resource: (*resource).to_owned(),
                    action: (*action).to_owned(),
                    result: result.to_owned(),
                    via: via.map(str::to_owned),
                    from: from.map(str::to_owned),
                    why_run: false,
                    retries_left: None,
                });
            }
            Event::Started { .. }
            | Event::Owed { .. }
            | Event::Noted { .. }
            | Event::Progress(_)
            | Event::Finished { .. } => {}
        }
    }

    fn push(&mut self, happened: Happened) {
        if !happened.resource.ends_with(&format!("[{OWN}]")) {
            self.events.push(happened);
        }
    }
}

impl Case {
    /// Compiles and converges it with our engine.
    fn run(&mut self) -> Ran {
        Described::number(&mut self.inputs.resources, &AtomicUsize::new(0));
        let resources = &self.inputs.resources;
        let world = Arc::new(World::new(self.inputs.why_run));
        let (scope, recipes) = (Scope::default().inside(resources), recipes(resources));
        let count = recipes.len();
        RECIPES.set(recipes.iter().map(|recipe| (recipe.clone(), scope.clone(), Arc::clone(&world))).collect());
        let cookbook = Cookbook::new("case", "1.0.0")
            .recipe("r0", recipe::<0>)
            .recipe("r1", recipe::<1>)
            .recipe("r2", recipe::<2>)
            .recipe("r3", recipe::<3>);
        assert!(count <= 4, "{}: a name comes {count} times", self.name);
        let names: Vec<String> = (0..count).map(|n| format!("case::r{n}")).collect();
        let mut fake = machine(resources);
        let pretend = fake.clone();
        let compiled = compile(&spec::node(&pretend, serde_json::json!({})), &[cookbook], &names);
        let run = match compiled {
            Ok(run) => run,
            Err(error) => {
                assert!(matches!(error, Error::Faults(_)), "{}: {error}", self.name);
                let (events, updated, flags) = (Vec::new(), Vec::new(), world.flags());
                return Ran { events, updated, flags, error: Some(Fate::Refused) };
            }
        };
        let mut watch = Watch { resources, acting: Vec::new(), events: Vec::new(), updated: HashSet::new() };
        let mut listen = |event: &Event| watch.event(event);
        let context = Context { ledger: &mut NoLedger, listen: &mut listen, owed: Vec::new(), stop: &|| None };
        let below = fake.clone();
        let outcome = if self.inputs.why_run {
            run.converge(&mut Dry::new(&below) as &mut dyn Host, context)
        } else {
            run.converge(&mut fake, context)
        };
        let mut flags = world.flags();
        flags.extend(
            fake.list("/flags".as_ref())
                .expect("it is there")
                .into_iter()
                .map(|name| name.to_string_lossy().into_owned()),
        );
        let in_order = recipes.iter().enumerate().flat_map(|(n, recipe)| {
            let updated = &watch.updated;
            recipe.iter().map(Described::id).filter(move |id| updated.contains(&(format!("case::r{n}"), id.clone())))
        });
        let updated = in_order.collect();
        let error = outcome.err().map(|error| match error {
            Error::Several(_) => Fate::Several,
            Error::Step { id, .. } => Fate::Failed(id),
            other => Fate::Failed(other.to_string()),
        });
        Ran { events: watch.events, updated, flags, error }
    }

    /// Whether Chef counts a resource as updated because of a trial pass alone.
    fn only_tried(&self, id: &str) -> bool {
        let updated = |tried: bool| {
            move |event: &&Happened| event.resource == id && event.result == "updated" && event.why_run == tried
        };
        self.expected_events.iter().any(|event| updated(true)(&event))
            && !self.expected_events.iter().any(|event| updated(false)(&event))
    }

    /// What Chef made of it.
    fn chef(&self) -> Ran {
        let seen = |happened: &&Happened| happened.action != "nothing" && !happened.why_run;
        let before = self.expected.events_before_converge.iter().filter(seen);
        let events: Vec<_> = before.chain(self.expected_events.iter().filter(seen)).cloned().collect();
        let error = self.expected.error.as_ref().map(|error| match error.message.split_once(" had an error: ") {
            _ if error.class == "Chef::Exceptions::MultipleFailures" => Fate::Several,
            Some((resource, _)) => Fate::Failed(resource.to_owned()),
            None => Fate::Refused,
        });
        let Expected { updated_resources, flags, .. } = &self.expected;
        let updated = updated_resources.iter().filter(|id| !self.only_tried(id)).cloned().collect();
        Ran { events, updated, flags: flags.clone(), error }
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn cases() -> Vec<Case> {
    let mut paths: Vec<_> = fs::read_dir(golden().join("converge"))
        .expect("the cases are there")
        .map(|entry| entry.expect("they can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read(path).expect("a case can be read");
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}

#[test]
fn actions_come_in_chefs_order() {
    let mut tally = Tally::of("converge");
    let all = cases();
    let names: BTreeSet<_> = all.iter().map(|case| case.name.clone()).collect();
    assert_eq!(names.len(), all.len(), "two cases have one name");
    for mut case in all {
        let (ours, chefs) = (case.run(), case.chef());
        let difference = (ours != chefs).then(|| {
            let shown = |result: &Ran| serde_json::to_string_pretty(result).expect("it serializes");
            format!("--- ours\n{}\n--- Chef's\n{}", shown(&ours), shown(&chefs))
        });
        tally.count(&case.group, &case.name, difference);
    }
    tally.finish(82);
}
