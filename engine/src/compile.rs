//! Recipes into a [`Run`]: every check that needs no machine is made here, and all faults are collected.
use std::any::TypeId;

use serde::Serialize;

use crate::{
    Error, Fault, Result,
    node::{Levels, Node},
    recipe::{
        Address, Compiling, Cookbook, Declared, Entry, Origin, Recipe, Timing,
        declared::{AnyAction, Item},
    },
    resource::Resource,
    suggest,
    values::Place,
};

/// The compiled run: resources in order, every notice resolved.
pub struct Run {
    pub(crate) entries: Vec<Entry>,
    pub(crate) notices: Vec<Vec<Notice>>,
    recipes: Vec<String>,
    origins: Vec<Origin>,
    attributes: serde_json::Value,
}

/// "Entry number `to` does `action`, at this time."
#[derive(Clone)]
pub(crate) struct Notice {
    pub to: usize,
    pub action: AnyAction,
    pub timing: Timing,
}

impl Notice {
    /// Whether it tells a composite that one of its parts has changed.
    pub fn to_composite(&self) -> bool {
        self.timing == Timing::Immediately && self.action.name == "changed"
    }
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

/// Compiles recipes, named `cookbook::recipe`, in this order.
///
/// # Errors
/// [`Error::Faults`] with everything found wrong: faults of declarations, duplicates, targets that do not exist, attributes.
/// Another error of a recipe function becomes a fault too, so that one failing recipe hides nothing of the others.
pub fn compile(node: &Node, cookbooks: &[Cookbook], recipes: &[String]) -> Result<Run> {
    let mut compiling = Compiling::default();
    compiling.cookbooks = cookbooks.to_vec();
    compiling.levels = Levels::new(node.attributes().tree());
    for cookbook in cookbooks {
        for recipe in &cookbook.recipes {
            let name = format!("{}::{}", cookbook.name, recipe.name);
            if let Some(function) = recipe.function {
                compiling.names.entry(function).or_insert(name);
            }
        }
    }
    for wanted in recipes {
        let cookbook = wanted.split_once("::").map_or(wanted.as_str(), |(cookbook, _)| cookbook);
        Recipe::new(node, &mut compiling).read_attributes(cookbook);
    }
    for wanted in recipes {
        match compiling.find(wanted) {
            Some(recipe) => compile_one(node, &mut compiling, wanted, &*recipe.run),
            None => compiling.faults.push(Fault::new(format!("recipe `{wanted}` is not in this binary"))),
        }
    }
    finish(compiling)
}

/// Compiles one function as a recipe of its own; for tests of recipes that are in no cookbook.
///
/// # Errors
/// As [`compile`].
pub fn compile_function<F>(node: &Node, name: &str, recipe: F) -> Result<Run>
where
    F: Fn(&mut Recipe) -> Result<()> + 'static,
{
    let mut compiling = Compiling::default();
    compiling.levels = Levels::new(node.attributes().tree());
    compiling.names.insert(TypeId::of::<F>(), name.to_owned());
    let recipe = std::cell::Cell::new(Some(recipe));
    compile_one(node, &mut compiling, name, &|r| match recipe.take() {
        Some(recipe) => r.include(recipe),
        None => Ok(()),
    });
    finish(compiling)
}

fn compile_one(node: &Node, compiling: &mut Compiling, name: &str, recipe: &dyn Fn(&mut Recipe) -> Result<()>) {
    match recipe(&mut Recipe::new(node, compiling)) {
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

fn finish(mut compiling: Compiling) -> Result<Run> {
    let mut faults = std::mem::take(&mut compiling.faults);
    let Compiling { entries, by_id, parts, recipes, cookbooks, levels, .. } = compiling;
    let mut origins: Vec<Origin> = Vec::new();
    for recipe in &recipes {
        let name = recipe.split_once("::").map_or(recipe.as_str(), |(name, _)| name);
        let origin =
            cookbooks.iter().find(|cookbook| cookbook.name == name).and_then(|cookbook| cookbook.origin.as_ref());
        origins.extend(origin.filter(|origin| !origins.contains(origin)).cloned());
    }
    let resolve = |address: &Address, place: &Place, sentence: String, faults: &mut Vec<Fault>| {
        let name = match address {
            Address::Index(index) => return Some(*index),
            Address::Name(name) => name,
        };
        let found = by_id.get(name).copied();
        if found.is_none() {
            let mut fault = Fault::new(sentence).at(place.clone());
            let mut known: Vec<_> = by_id.keys().map(String::as_str).collect();
            known.sort_unstable();
            if let Some(near) = suggest::nearest(name, known) {
                let entry = &entries[by_id[near]];
                fault = fault.hint(format!("did you mean `{near}` ({}, {})?", entry.recipe, entry.place));
            }
            faults.push(fault);
        }
        found
    };
    let mut notices: Vec<Vec<Notice>> = entries.iter().map(|_| Vec::new()).collect();
    for (index, entry) in entries.iter().enumerate() {
        for tell in &entry.item.common().notifies {
            let to = if let Address::Name(name) = &tell.to { name.as_str() } else { "" };
            let sentence = format!("{} notifies `{to}`, which no recipe in this run declares", entry.id);
            if let Some(to) = resolve(&tell.to, &tell.place, sentence, &mut faults) {
                notices[index].push(Notice { to, action: tell.action.clone(), timing: tell.timing });
            }
        }
    }
    for (part, whole) in parts {
        if let Some(action) = entries[whole].item.action_named("changed") {
            notices[part].push(Notice { to: whole, action, timing: Timing::Immediately });
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        for listen in &entry.item.common().subscribes {
            let from = if let Address::Name(name) = &listen.from { name.as_str() } else { "" };
            let sentence = format!("{} subscribes to `{from}`, which no recipe in this run declares", entry.id);
            if let Some(from) = resolve(&listen.from, &listen.place, sentence, &mut faults) {
                notices[from].push(Notice { to: index, action: listen.action.clone(), timing: listen.timing });
            }
        }
    }
    if faults.is_empty() {
        Ok(Run { entries, notices, recipes, origins, attributes: levels.merged() })
    } else {
        Err(Error::Faults(faults))
    }
}

impl Run {
    /// `cookbook::recipe` of every recipe, included ones too, in the order in which they were compiled.
    #[must_use]
    pub fn recipes(&self) -> &[String] {
        &self.recipes
    }

    /// The merged attributes as the last recipe left them.
    #[must_use]
    pub const fn attributes(&self) -> &serde_json::Value {
        &self.attributes
    }

    /// Where the cookbooks of those recipes were found that are not compiled in.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.origins
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
