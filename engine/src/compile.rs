//! Recipes into a [`Run`]: every check that needs no machine is made here, and all faults are collected.
use std::{
    any::TypeId,
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Error, Fault, Result,
    node::{Attributes, Expansion, Node},
    recipe::{
        Acts, Address, Compiling, Cookbook, Declared, Entry, Loader, Loose, NOTIFIES, Origin, Recipe, SUBSCRIBES, Slip,
        Timing, Unmade,
        declared::{AnyAction, Item},
    },
    resource::Resource,
    run_list, suggest,
    values::Place,
};

/// The compiled run: resources in order, every notice resolved.
pub struct Run {
    pub(crate) entries: Vec<Entry>,
    pub(crate) notices: Vec<Vec<Notice>>,
    wanted: Vec<String>,
    recipes: Vec<String>,
    origins: Vec<Origin>,
    attributes: Attributes,
    attribute_files: Vec<String>,
    slips: Vec<Slip>,
}

/// "Entry number `to` does `action`, at this time."
#[derive(Clone)]
pub(crate) struct Notice {
    pub to: usize,
    pub action: AnyAction,
    pub timing: Timing,
}

/// A resource of a compiled run, as `inspect` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outline {
    /// `kind[name]`.
    pub id: String,
    /// Actions in order; empty when it acts only on notice.
    pub actions: Vec<&'static str>,
    /// The recipe that declares it.
    pub recipe: String,
    /// Where.
    pub place: Place,
    /// The composite it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// Whom it tells.
    pub notifies: Vec<OutlineNotice>,
}

/// A notice of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutlineNotice {
    /// The resource told.
    pub to: String,
    /// What it then does.
    pub action: &'static str,
    /// When.
    pub timing: Timing,
}

/// Expands a run-list and compiles its recipes. Names that are missing are told together with what is wrong in the recipes that
/// are there.
///
/// # Errors
/// As [`expand`](crate::expand) and [`compile`].
pub fn compile_run_list(node: &Node, cookbooks: &[Cookbook], expansion: &Expansion) -> Result<Run> {
    let (recipes, mut missing) = run_list::resolve(expansion, cookbooks);
    if missing.is_empty() {
        return compile(node, cookbooks, &recipes);
    }
    // Without the attributes of a role, everything that reads them would be blamed.
    if expansion.faults.is_empty()
        && let Err(Error::Faults(more)) = compile_some(node, cookbooks, &recipes, false)
    {
        missing.extend(more);
    }
    Err(Error::Faults(missing))
}

/// Compiles recipes, named `cookbook::recipe`, in this order.
///
/// # Errors
/// [`Error::Faults`] with everything found wrong: faults of declarations, duplicates, targets that do not exist, attributes.
/// Another error of a recipe function becomes a fault too, so that one failing recipe hides nothing of the others.
pub fn compile(node: &Node, cookbooks: &[Cookbook], recipes: &[String]) -> Result<Run> {
    compile_some(node, cookbooks, recipes, true)
}

/// `whole` when these are all recipes that the run was to have; else what they name may be in another one.
fn compile_some(node: &Node, cookbooks: &[Cookbook], recipes: &[String], whole: bool) -> Result<Run> {
    let mut attributes = node.attributes().clone();
    let versions = cookbooks.iter().map(|cookbook| (cookbook.name.to_string(), json!({ "version": cookbook.version })));
    attributes.add_automatic("cookbooks", Value::Object(versions.collect()));
    let mut loader = Loader::new(cookbooks.to_vec(), attributes);
    for wanted in recipes {
        loader.cookbook(node, wanted.split_once("::").map_or(wanted, |(cookbook, _)| cookbook));
    }
    let mut compiling = Compiling {
        cookbooks: loader.cookbooks,
        attributes: loader.attributes,
        attribute_files: loader.loaded,
        faults: loader.faults,
        unmade: if whole { Vec::new() } else { vec![Unmade::default()] },
        ..Compiling::default()
    };
    for cookbook in cookbooks {
        for recipe in &cookbook.recipes {
            let name = format!("{}::{}", cookbook.name, recipe.name);
            if let Some(function) = recipe.function {
                compiling.names.entry(function).or_insert(name);
            }
        }
    }
    for wanted in recipes {
        match compiling.find(wanted) {
            Some(recipe) => compile_one(node, &mut compiling, wanted, &*recipe.run),
            None => compiling.faults.push(Fault::new(format!("recipe `{wanted}` is in no cookbook"))),
        }
    }
    finish(compiling, recipes.to_vec())
}

/// Compiles one function as a recipe of its own; for tests of recipes that are in no cookbook.
///
/// # Errors
/// As [`compile`].
pub fn compile_function<F>(node: &Node, name: &str, recipe: F) -> Result<Run>
where
    F: Fn(&mut Recipe) -> Result<()> + 'static,
{
    let mut compiling = Compiling { attributes: node.attributes().clone(), ..Compiling::default() };
    compiling.names.insert(TypeId::of::<F>(), name.to_owned());
    let recipe = std::cell::Cell::new(Some(recipe));
    compile_one(node, &mut compiling, name, &|r| match recipe.take() {
        Some(recipe) => r.include(recipe),
        None => Ok(()),
    });
    finish(compiling, vec![name.to_owned()])
}

fn compile_one(node: &Node, compiling: &mut Compiling, name: &str, recipe: &dyn Fn(&mut Recipe) -> Result<()>) {
    let compiled = recipe(&mut Recipe::new(node, compiling));
    if compiled.is_err() {
        // What it would have gone on to declare nobody knows.
        compiling.unmade.push(Unmade::default());
    }
    match compiled {
        Ok(()) => {}
        Err(Error::Faults(faults)) => {
            for fault in faults {
                // Two recipes may read the same attributes: one fault is enough.
                if !compiling.faults.contains(&fault) {
                    compiling.faults.push(fault);
                }
            }
        }
        Err(error) => {
            let mut fault = Fault::new(format!("recipe `{name}`: {error}"));
            fault.hints = error.hints();
            compiling.faults.push(fault);
        }
    }
}

fn finish(mut compiling: Compiling, wanted: Vec<String>) -> Result<Run> {
    let mut faults = std::mem::take(&mut compiling.faults);
    let Compiling { entries, by_id, unmade, loose, slips, recipes, cookbooks, attributes, attribute_files, .. } =
        compiling;
    let mut origins: Vec<Origin> = Vec::new();
    for recipe in &recipes {
        let name = recipe.split_once("::").map_or(recipe.as_str(), |(name, _)| name);
        let origin =
            cookbooks.iter().find(|cookbook| cookbook.name == name).and_then(|cookbook| cookbook.origin.as_ref());
        origins.extend(origin.filter(|origin| !origins.contains(origin)).cloned());
    }
    let names = Names { entries: &entries, by_id: &by_id, unmade: &unmade, missed: RefCell::default() };
    // As in Chef resources of one name share their notices: whichever of them changes, all that were asked for are sent.
    let mut first: HashMap<(Option<usize>, &str), usize> = HashMap::new();
    let firsts: Vec<usize> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| *first.entry((entry.whole, entry.id.as_str())).or_insert(index))
        .collect();
    let mut shared: Vec<Vec<Notice>> = entries.iter().map(|_| Vec::new()).collect();
    for (index, entry) in entries.iter().enumerate() {
        for tell in &entry.item.common().notifies {
            if let Some(to) = names.resolve(&tell.to, entry, NOTIFIES, &tell.place, &mut faults) {
                if tell.timing == Timing::Before {
                    faults.extend(names.too_late(index, to, &tell.place));
                }
                shared[firsts[index]].push(Notice { to, action: tell.action.clone(), timing: tell.timing });
            }
        }
        for listen in &entry.item.common().subscribes {
            if let Some(from) = names.resolve(&listen.from, entry, SUBSCRIBES, &listen.place, &mut faults) {
                if listen.timing == Timing::Before {
                    faults.extend(names.too_late(from, index, &listen.place));
                }
                let notice = Notice { to: index, action: listen.action.clone(), timing: listen.timing };
                shared[firsts[from]].push(notice);
            }
        }
    }
    for Loose { by, verb, to, place } in &loose {
        if names.find(to, None).is_none() {
            faults.extend(names.missing(to, by, verb, place));
        }
    }
    for (entry, notices) in entries.iter().zip(&shared) {
        let delayed = entry.item.common().delayed.iter().map(|action| (entry, action));
        for (asked, action) in notices.iter().map(|notice| (&entries[notice.to], &notice.action)).chain(delayed) {
            for fault in asked.item.check_asked(action) {
                let fault = Fault { message: format!("{}: {}", asked.id, fault.message), ..fault };
                let place = fault.place.clone().unwrap_or_else(|| asked.place.clone());
                let fault = fault.at(place);
                // What it does by itself was checked when it was declared.
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
    }
    let notices = firsts.iter().map(|first| shared[*first].clone()).collect();
    if faults.is_empty() {
        let slips = slips.into_inner();
        Ok(Run { entries, notices, wanted, recipes, origins, attributes, attribute_files, slips })
    } else {
        Err(Error::Faults(faults))
    }
}

/// Everything declared, to look up what notices point at.
struct Names<'a> {
    entries: &'a [Entry],
    by_id: &'a HashMap<(Option<usize>, String), usize>,
    unmade: &'a [Unmade],
    /// Names that were missed, and where: one line that declares several resources has one fault.
    missed: RefCell<HashSet<(Place, String)>>,
}

impl Names<'_> {
    /// The entry that an address means for `asking`: among the parts of its composite first, then further out.
    fn resolve(
        &self,
        address: &Address,
        asking: &Entry,
        verb: &str,
        place: &Place,
        faults: &mut Vec<Fault>,
    ) -> Option<usize> {
        let name = match address {
            Address::Index(index) => return Some(*index),
            Address::Name(name) => name,
        };
        let found = self.find(name, asking.whole);
        if found.is_none() {
            faults.extend(self.missing(name, &asking.id, verb, place));
        }
        found
    }

    fn find(&self, name: &str, mut scope: Option<usize>) -> Option<usize> {
        loop {
            if let Some(found) = self.by_id.get(&(scope, name.to_owned())) {
                return Some(*found);
            }
            scope = self.entries[scope?].whole;
        }
    }

    /// That nothing of this name is there, unless a faulty declaration may have been meant to make it.
    fn missing(&self, name: &str, by: &str, verb: &str, place: &Place) -> Option<Fault> {
        if self.unmade.iter().any(|unmade| unmade.may_be(name))
            || !self.missed.borrow_mut().insert((place.clone(), name.to_owned()))
        {
            return None;
        }
        let sentence = format!("{by} {verb} `{name}`, which no recipe in this run declares");
        Some(self.hint(name, Fault::new(sentence).at(place.clone())))
    }

    fn hint(&self, name: &str, fault: Fault) -> Fault {
        let hidden = self.entries.iter().find(|entry| entry.id == name).and_then(|entry| entry.whole);
        if let Some(whole) = hidden.map(|whole| &self.entries[whole]) {
            return fault.hint(format!("it is a part of {0}, which only that can name: name `{0}`", whole.id));
        }
        let mut known: Vec<_> =
            self.entries.iter().filter(|entry| entry.whole.is_none()).map(|entry| entry.id.as_str()).collect();
        known.sort_unstable();
        let near =
            suggest::nearest(name, known.iter().copied()).and_then(|near| self.by_id.get(&(None, near.to_owned())));
        match near.map(|near| &self.entries[*near]) {
            Some(near) => fault.hint(format!("did you mean `{}` ({}, {})?", near.id, near.recipe, near.place)),
            None => {
                let kind = &name[..name.find('[').unwrap_or(name.len())];
                let same = |id: &&&str| id.strip_prefix(kind).is_some_and(|rest| rest.starts_with('['));
                let mut there: Vec<String> = known.iter().filter(same).map(|id| format!("`{id}`")).collect();
                there.dedup();
                there.truncate(20);
                match there.is_empty() {
                    true => fault.hint("declare it, or take the notice away"),
                    false => fault.hint(format!("declare it; of this kind there are {}", there.join(", "))),
                }
            }
        }
    }

    /// A part told `before` by a later part of a unified composite has acted already.
    fn too_late(&self, from: usize, to: usize, place: &Place) -> Option<Fault> {
        let whole = self.entries[from].whole.filter(|whole| self.entries[to].whole == Some(*whole) && to < from)?;
        if self.entries[whole].acts != (Acts::ByParts { unified: true }) {
            return None;
        }
        let (from, to, whole) = (&self.entries[from].id, &self.entries[to].id, &self.entries[whole].id);
        let sentence = format!("{from} tells {to} `before` it acts, but {to} is an earlier part of {whole}");
        let hint = format!("declare {to} after {from}, or make {whole} not unified (`const UNIFIED: bool = false`)");
        Some(Fault::new(sentence).at(place.clone()).hint(hint))
    }
}

impl Run {
    /// `cookbook::recipe` of every recipe, included ones too, in the order in which they were compiled.
    #[must_use]
    pub fn recipes(&self) -> &[String] {
        &self.recipes
    }

    /// Where the cookbooks of those recipes were found that are not compiled in.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The recipes that were asked for, in order.
    #[must_use]
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }

    /// The node's attributes as they were when all recipes were compiled.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Attribute files, `cookbook::file`, in the order in which they were loaded.
    #[must_use]
    pub fn attribute_files(&self) -> &[String] {
        &self.attribute_files
    }

    /// Attributes under a key that looks like a slip of one that a recipe reads.
    #[must_use]
    pub fn slips(&self) -> &[Slip] {
        &self.slips
    }

    /// How many resources there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no resource at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The last declared resource of kind `R` with this name: what a test of a recipe asks for.
    #[must_use]
    pub fn get<R: Resource>(&self, name: &str) -> Option<&R> {
        let id = format!("{}[{name}]", R::KIND);
        let entry = self.entries.iter().rev().find(|entry| entry.id == id)?;
        let item: &dyn Item = &*entry.item;
        item.as_any().downcast_ref::<Declared<R>>().map(Declared::resource)
    }

    /// Every resource, in order.
    #[must_use]
    pub fn outlines(&self) -> Vec<Outline> {
        let notice = |notice: &Notice| OutlineNotice {
            to: self.entries[notice.to].id.clone(),
            action: notice.action.name,
            timing: notice.timing,
        };
        self.entries
            .iter()
            .zip(&self.notices)
            .map(|(entry, notices)| Outline {
                id: entry.id.clone(),
                actions: entry.actions().iter().map(|action| action.name).collect(),
                recipe: entry.recipe.clone(),
                place: entry.place.clone(),
                part_of: entry.whole.map(|whole| self.entries[whole].id.clone()),
                notifies: notices.iter().map(notice).collect(),
            })
            .collect()
    }

    /// One line for each resource and notice: what a snapshot test of a recipe compares.
    #[must_use]
    pub fn outline(&self) -> String {
        let mut text = String::new();
        for outline in self.outlines() {
            let actions = if outline.actions.is_empty() { "nothing".to_owned() } else { outline.actions.join("+") };
            text += &format!("{} {actions}\n", outline.id);
            for notice in outline.notifies {
                text += &format!("  notifies {} to {} ({})\n", notice.to, notice.action, notice.timing);
            }
        }
        text
    }
}
