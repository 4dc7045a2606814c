//! The two kinds that the cases are made of, as a cookbook author would write them.
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use brasa::{
    Error, Result,
    host::{Command, Op, Probe as Machine},
    recipe::{Composed, Composite, Declare, Declared, Guard, Id, Recipe, Timing, shell, when},
    resource::{Action as _, Change, Goal, Resource},
    values::Seconds,
};
use serde::Deserialize;

brasa::actions! {
    /// What can be asked of a probe.
    pub enum Action {
        Run = "run": "-", Start = "start": "-", Stop = "stop": "-", Restart = "restart": "-", Reload = "reload": "-",
        Enable = "enable": "-", Create = "create": "-", Delete = "delete": "-",
    }
}

/// A resource as a case describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Described {
    pub r#type: Kind,
    pub name: String,
    action: Words,
    updates: Vec<String>,
    only_first: Vec<String>,
    fails: Vec<String>,
    fail_times: usize,
    fail_after: serde_json::Value,
    sets: Vec<String>,
    sets_early: Vec<String>,
    only_if: Vec<serde_json::Value>,
    not_if: Vec<serde_json::Value>,
    notifies: Vec<Notice>,
    subscribes: Vec<Notice>,
    delayed_action: Option<Words>,
    ignore_failure: serde_json::Value,
    retries: u32,
    retry_delay: u64,
    /// A recipe never touches the machine while it is compiled, so there is nothing that could be done about it.
    #[allow(dead_code, reason = "it is in the cases")]
    compile_time: bool,
    pub inner: Vec<Described>,
    /// Which of all resources of the case it is: two of one name remember different things.
    #[serde(skip)]
    number: usize,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Probe,
    TwoPass,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Several(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Self::One("run".to_owned())
    }
}

impl Words {
    fn list(&self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word.clone()],
            Self::Several(words) => words.clone(),
        }
    }
}

/// `[action, resource or resources, timing]`; without a timing it is delayed.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Notice {
    Timed(String, Words, String),
    Delayed(String, Words),
}

/// What is not in the machine's state: how often something was tried, and flags set by what changes nothing.
#[derive(Default)]
pub struct World {
    why_run: bool,
    flags: Mutex<BTreeSet<String>>,
    tried: Mutex<HashMap<usize, usize>>,
}

impl World {
    pub fn new(why_run: bool) -> Self {
        Self { why_run, ..Self::default() }
    }

    pub fn flags(&self) -> BTreeSet<String> {
        self.flags.lock().expect("nobody panics with it").clone()
    }

    fn set(&self, flags: &[String]) {
        if !self.why_run {
            self.flags.lock().expect("nobody panics with it").extend(flags.iter().cloned());
        }
    }
}

fn flag_file(flag: &str) -> PathBuf {
    PathBuf::from(format!("/flags/{flag}"))
}

impl Described {
    pub fn id(&self) -> String {
        match self.r#type {
            Kind::Probe => format!("probe[{}]", self.name),
            Kind::TwoPass => format!("two_pass[{}]", self.name),
        }
    }

    /// Numbers all resources.
    pub fn number(resources: &mut [Self], next: &AtomicUsize) {
        for resource in resources {
            resource.number = next.fetch_add(1, Ordering::Relaxed);
            Self::number(&mut resource.inner, next);
        }
    }

    fn command(&self, action: &str) -> Command {
        Command::new(["effect".to_owned(), self.number.to_string(), action.to_owned()])
    }

    fn done_file(&self, action: &str) -> PathBuf {
        PathBuf::from(format!("/done/{}/{action}", self.number))
    }

    /// What the commands of its actions do: the files that flags and "done once" are.
    pub fn effects(&self) -> Vec<(String, Vec<PathBuf>)> {
        let own = Action::ALL.iter().map(|(word, _, _)| {
            let flags = self.sets.iter().chain(&self.sets_early).map(|flag| flag_file(flag));
            (self.command(word).to_string(), flags.chain([self.done_file(word)]).collect())
        });
        own.chain(self.inner.iter().flat_map(Self::effects)).collect()
    }

    /// Commands of guards, here and in the parts.
    pub fn guard_lines(&self) -> Vec<String> {
        let own = self.only_if.iter().chain(&self.not_if).filter_map(|guard| guard.as_str()?.strip_prefix("sh:"));
        own.map(str::to_owned).chain(self.inner.iter().flat_map(Self::guard_lines)).collect()
    }

    fn fails_after(&self, action: Action) -> bool {
        match &self.fail_after {
            serde_json::Value::Array(actions) => actions.iter().any(|word| word == action.name()),
            value => value == true,
        }
    }

    /// A composite's own doings stand in a part of its own, after the others.
    fn own_part(&self) -> Option<Self> {
        let does = !self.updates.is_empty()
            || !self.only_first.is_empty()
            || !self.fails.is_empty()
            || !self.sets.is_empty()
            || !self.sets_early.is_empty()
            || self.fail_times > 0;
        does.then(|| Self {
            name: OWN.to_owned(),
            action: Words::default(),
            inner: Vec::new(),
            only_if: Vec::new(),
            not_if: Vec::new(),
            notifies: Vec::new(),
            subscribes: Vec::new(),
            delayed_action: None,
            ignore_failure: serde_json::Value::Null,
            retries: 0,
            ..self.clone()
        })
    }
}

/// Name of the part that a composite's own doings stand in.
pub const OWN: &str = "(its own)";

/// A resource without parts.
pub struct Leaf<const TWO: bool> {
    described: Described,
    world: Arc<World>,
}

const fn word(two_pass: bool) -> &'static str {
    if two_pass { "two_pass" } else { "probe" }
}

impl<const TWO: bool> Resource for Leaf<TWO> {
    const KIND: &'static str = word(TWO);
    type Action = Action;
    type State = ();

    fn name(&self) -> String {
        self.described.name.clone()
    }

    fn read(&self, _: &dyn Machine) -> Result<()> {
        Ok(())
    }

    fn want(&self, action: Action, (): &(), probe: &dyn Machine) -> Result<Goal<()>> {
        let this = &self.described;
        let has = |words: &[String]| words.iter().any(|word| word == action.name());
        let tried = {
            let mut tried = self.world.tried.lock().expect("nobody panics with it");
            let tried = tried.entry(this.number).or_default();
            *tried += 1;
            *tried
        };
        if has(&this.fails) || tried <= this.fail_times {
            self.world.set(&this.sets_early);
            return Err(Error::failed(format!("planned failure of {} {}", this.id(), action.name())));
        }
        let first = has(&this.only_first) && probe.entry(&this.done_file(action.name()))?.is_none();
        if has(&this.updates) || first || this.fails_after(action) {
            return Ok(Goal::Event(action.name(), ()));
        }
        self.world.set(&this.sets);
        self.world.set(&this.sets_early);
        Ok(Goal::State(()))
    }

    fn ops(&self, change: &Change<()>) -> Result<Vec<Op>> {
        let word = change.event.unwrap_or_default();
        let mut operations = vec![Op::Run(self.described.command(word))];
        if Action::named(word).is_some_and(|action| self.described.fails_after(action)) {
            operations.push(Op::Run(Command::new(["fail-after"])));
        }
        Ok(operations)
    }
}

/// A resource with parts.
pub struct Nest<const TWO: bool> {
    described: Described,
    world: Arc<World>,
    outside: Scope,
}

impl<const TWO: bool> Composite for Nest<TWO> {
    const KIND: &'static str = word(TWO);
    const UNIFIED: bool = !TWO;

    fn name(&self) -> String {
        self.described.name.clone()
    }

    fn declare(&self, recipe: &mut Recipe) -> Result<()> {
        let mut parts = self.described.inner.clone();
        parts.extend(self.described.own_part());
        let scope = self.outside.inside(&parts);
        parts.iter().try_for_each(|part| declare(part, &self.world, &scope, recipe))
    }
}

/// Which names are composites: a notice is typed by what it is sent to.
#[derive(Clone, Default)]
pub struct Scope(HashMap<String, bool>);

impl Scope {
    pub fn inside(&self, resources: &[Described]) -> Self {
        let mut scope = self.clone();
        scope.0.extend(resources.iter().map(|resource| (resource.id(), !resource.inner.is_empty())));
        scope
    }
}

/// Declares a resource of a case.
pub fn declare(described: &Described, world: &Arc<World>, scope: &Scope, recipe: &mut Recipe) -> Result<()> {
    match (described.r#type, described.inner.is_empty()) {
        (Kind::Probe, true) => leaf::<false>(described, world, scope, recipe),
        (Kind::TwoPass, true) => leaf::<true>(described, world, scope, recipe),
        (Kind::Probe, false) => nest::<false>(described, world, scope, recipe),
        (Kind::TwoPass, false) => nest::<true>(described, world, scope, recipe),
    }
}

fn leaf<const TWO: bool>(described: &Described, world: &Arc<World>, scope: &Scope, recipe: &mut Recipe) -> Result<()> {
    let resource = Leaf::<TWO> { described: described.clone(), world: Arc::clone(world) };
    let declared = common(resource.into(), described, world, scope, recipe);
    recipe.add(declared);
    Ok(())
}

fn nest<const TWO: bool>(described: &Described, world: &Arc<World>, scope: &Scope, recipe: &mut Recipe) -> Result<()> {
    let (described, world, outside) = (described.clone(), Arc::clone(world), scope.clone());
    let whole = Composed::of(Nest::<TWO> { described: described.clone(), world: Arc::clone(&world), outside });
    let declared = common(whole.into(), &described, &world, scope, recipe);
    recipe.compose(declared).map(|_| ())
}

/// The actions that words mean; `nothing` is none. A word that is no action would not compile in Rust, and is a fault of a
/// recipe that is data.
fn actions<R: Resource>(words: &[String], id: &str, recipe: &mut Recipe) -> Vec<R::Action> {
    let mut actions = Vec::new();
    for word in words.iter().filter(|word| *word != "nothing") {
        match R::Action::named(word) {
            Some(action) => actions.push(action),
            None => recipe.fault(brasa::Fault::new(format!("{id} has no action `{word}`"))),
        }
    }
    actions
}

fn timing(word: &str, recipe: &mut Recipe) -> Timing {
    match word {
        "before" => Timing::Before,
        "immediate" | "immediately" => Timing::Immediately,
        "delayed" => Timing::Delayed,
        other => {
            recipe.fault(brasa::Fault::new(format!("there is no timing `{other}`")));
            Timing::Delayed
        }
    }
}

fn common<R: Resource>(
    mut declared: Declared<R>,
    described: &Described,
    world: &Arc<World>,
    scope: &Scope,
    recipe: &mut Recipe,
) -> Declared<R> {
    let id = described.id();
    declared = declared.action(actions::<R>(&described.action.list(), &id, recipe));
    for guard in &described.only_if {
        declared = declared.only_if(guarded(guard, world));
    }
    for guard in &described.not_if {
        declared = declared.not_if(guarded(guard, world));
    }
    for (word, to, when) in described.notifies.iter().flat_map(Notice::each) {
        let when = timing(&when, recipe);
        declared = match (to.starts_with("two_pass["), scope.0.get(&to) == Some(&true)) {
            (false, false) => notify::<R, Leaf<false>>(declared, &word, &to, when, recipe),
            (true, false) => notify::<R, Leaf<true>>(declared, &word, &to, when, recipe),
            (false, true) => notify::<R, Composed<Nest<false>>>(declared, &word, &to, when, recipe),
            (true, true) => notify::<R, Composed<Nest<true>>>(declared, &word, &to, when, recipe),
        };
    }
    for (word, from, when) in described.subscribes.iter().flat_map(Notice::each) {
        let when = timing(&when, recipe);
        for action in actions::<R>(&[word], &id, recipe) {
            let name = name(&from);
            declared = if from.starts_with("two_pass[") {
                declared.subscribes(action, Id::<Leaf<true>>::named(name), when)
            } else {
                declared.subscribes(action, Id::<Leaf<false>>::named(name), when)
            };
        }
    }
    if let Some(words) = &described.delayed_action {
        declared = declared.delayed_action(actions::<R>(&words.list(), &id, recipe));
    }
    if described.ignore_failure == true || described.ignore_failure == "quiet" {
        declared = declared.ignore_failure();
    }
    declared.retries(described.retries).retry_delay(Seconds(described.retry_delay))
}

impl Notice {
    /// Action, resource and timing, for each resource.
    fn each(&self) -> Vec<(String, String, String)> {
        let (action, resources, timing) = match self {
            Self::Timed(action, resources, timing) => (action, resources, timing.as_str()),
            Self::Delayed(action, resources) => (action, resources, "delayed"),
        };
        resources.list().into_iter().map(|resource| (action.clone(), resource, timing.to_owned())).collect()
    }
}

fn notify<R: Resource, T: Resource>(
    declared: Declared<R>,
    word: &str,
    to: &str,
    timing: Timing,
    recipe: &mut Recipe,
) -> Declared<R> {
    let mut declared = declared;
    for action in actions::<T>(&[word.to_owned()], to, recipe) {
        declared = declared.notifies(action, Id::<T>::named(name(to)), timing);
    }
    declared
}

/// The words inside the brackets. Exported names are constants; a few of a test may as well live for ever.
fn name(id: &str) -> &'static str {
    let inside = id.split_once('[').map_or(id, |(_, rest)| rest);
    Box::leak(inside.strip_suffix(']').unwrap_or(inside).to_owned().into_boxed_str())
}

fn guarded(guard: &serde_json::Value, world: &Arc<World>) -> Guard {
    let text = guard.as_str().unwrap_or_default();
    if let Some(line) = text.strip_prefix("sh:") {
        return shell(line);
    }
    let (flag, wanted) = match (text.strip_prefix("flag:"), text.strip_prefix("!flag:")) {
        (Some(flag), _) => (flag.to_owned(), true),
        (None, Some(flag)) => (flag.to_owned(), false),
        (None, None) => {
            let holds = *guard == serde_json::Value::Bool(true);
            return when(guard.to_string(), move |_| Ok(holds));
        }
    };
    let world = Arc::clone(world);
    when(text, move |probe| {
        let on = world.flags().contains(&flag) || probe.entry(&flag_file(&flag))?.is_some();
        Ok(on == wanted)
    })
}
