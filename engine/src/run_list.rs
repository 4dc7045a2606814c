//! Run-list items into the names of recipes.
use std::collections::{HashMap, HashSet};

use crate::{
    Error, Fault, Result,
    error::ENOUGH,
    node::{Asked, CookbookVersion, Expansion, Named},
    recipe::{Cookbook, RecipeName},
    suggest,
};

/// The recipes that a run-list asks for: `cookbook::recipe`, in order, each once.
///
/// # Errors
/// [`Error::Faults`]: what was wrong with roles and the environment, and every cookbook, recipe and version that is not there,
/// each at its place.
pub fn expand(expansion: &Expansion, cookbooks: &[Cookbook]) -> Result<Vec<String>> {
    let (recipes, faults) = resolve(expansion, cookbooks);
    if faults.is_empty() { Ok(recipes) } else { Err(Error::Faults(faults)) }
}

/// The recipes that there are, and what is wrong with the others.
pub(crate) fn resolve(expansion: &Expansion, cookbooks: &[Cookbook]) -> (Vec<String>, Vec<Fault>) {
    // Of two cookbooks with one name the first counts, as in compile().
    let mut by_name: HashMap<&str, &Cookbook> = HashMap::new();
    for cookbook in cookbooks {
        by_name.entry(cookbook.name()).or_insert(cookbook);
    }
    let (mut recipes, mut known, mut faults) = (Vec::new(), HashSet::new(), expansion.faults.clone());
    for item in &expansion.recipes {
        match recipe_of(&item.named, &by_name, cookbooks) {
            Ok(recipe) => {
                if known.insert(recipe.clone()) {
                    recipes.push(recipe);
                }
            }
            Err(_) if faults.len() >= ENOUGH => break,
            Err(fault) => faults.push(fault.at(item.place.clone())),
        }
    }
    faults.extend(refused_versions(&expansion.asked, &recipes, &by_name));
    (recipes, faults)
}

/// What the environment asks of cookbooks that are used (by the run-list, or by what those depend on) and are not so.
fn refused_versions(asked: &[Asked], recipes: &[String], by_name: &HashMap<&str, &Cookbook>) -> Vec<Fault> {
    let mut used: HashSet<&str> = HashSet::new();
    let mut left: Vec<&str> =
        recipes.iter().map(|recipe| recipe.split_once("::").map_or(&**recipe, |(name, _)| name)).collect();
    while let Some(name) = left.pop() {
        if !used.insert(name) {
            continue;
        }
        left.extend(
            by_name.get(name).into_iter().flat_map(|cookbook| cookbook.depends.iter().map(|wanted| &*wanted.name)),
        );
    }
    let mut faults = Vec::new();
    for Asked { cookbook, text, constraint, place } in asked.iter().filter(|asked| used.contains(&*asked.cookbook)) {
        let Some(version) = by_name.get(&**cookbook).map(|cookbook| cookbook.version()) else { continue };
        if CookbookVersion::parse(version).is_none_or(|version| !constraint.allows(version)) {
            let fault = Fault::new(format!("the environment asks for `{cookbook}` {text}; version {version} is there"));
            faults.push(fault.at(place.clone()).hint("change the environment, or use another version of the cookbook"));
        }
    }
    faults
}

fn recipe_of(named: &Named, by_name: &HashMap<&str, &Cookbook>, cookbooks: &[Cookbook]) -> Result<String, Fault> {
    let (name, version) = match named {
        Named::Recipe { name, version } => (name, version),
        Named::Role { name } => {
            return Err(Fault::new(format!("role `{name}` was not resolved"))
                .hint("name recipes here: roles are files, which only a node has"));
        }
    };
    let Some(RecipeName { cookbook: cookbook_name, recipe }) = RecipeName::parse(name, None) else {
        let fault = Fault::new(format!("`{name}` names no cookbook"));
        return Err(
            fault.hint("`::RECIPE` is a recipe of the cookbook that includes it; write `COOKBOOK::RECIPE` here")
        );
    };
    let Some(cookbook) = by_name.get(cookbook_name) else {
        return Err(unknown_cookbook(name, cookbook_name, cookbooks));
    };
    if !cookbook.recipe_names().any(|known| known == recipe) {
        let fault = Fault::new(format!("cookbook `{cookbook_name}` has no recipe `{recipe}`"));
        let fault = match suggest::nearest(recipe, cookbook.recipe_names()) {
            Some(near) => fault.hint(format!("did you mean `{cookbook_name}::{near}`?")),
            None => fault,
        };
        let all: Vec<_> = cookbook.recipe_names().map(|known| format!("`{cookbook_name}::{known}`")).collect();
        return Err(fault.hint(format!("it has {}", all.join(", "))));
    }
    match version {
        Some(pin) if !same_version(pin, cookbook.version()) => {
            let has = cookbook.version();
            Err(Fault::new(format!("version {pin} of cookbook `{cookbook_name}` is asked for; {has} is there"))
                .hint(format!("ask for `@{has}` or for none, or use the other version of the cookbook")))
        }
        Some(_) | None => Ok(format!("{cookbook_name}::{recipe}")),
    }
}

fn unknown_cookbook(name: &str, cookbook: &str, cookbooks: &[Cookbook]) -> Fault {
    let mut fault = Fault::new(format!("no cookbook `{cookbook}` is on `cookbook_path` or compiled in"));
    if name.contains([',', ' ']) {
        fault = fault.hint("an item names one recipe; write several as `[\"one\", \"two\"]`");
    }
    if name.contains('@') {
        fault = fault.hint("a version is two or three numbers, as in `@1.2.3`");
    }
    if let Some(near) = suggest::nearest(cookbook, cookbooks.iter().map(Cookbook::name)) {
        let whole = name.replacen(cookbook, near, 1);
        fault = fault.hint(format!("did you mean `{whole}`?"));
    } else if let Some(owner) = cookbooks.iter().find(|owner| owner.recipe_names().any(|known| known == cookbook)) {
        // A recipe's name without its cookbook, as in `dynamic_dns`.
        fault = fault.hint(format!("did you mean `{}::{cookbook}`?", owner.name()));
    }
    let all: Vec<_> = cookbooks
        .iter()
        .flat_map(|cookbook| {
            cookbook.recipe_names().map(|recipe| match recipe {
                "default" => format!("`{}`", cookbook.name()),
                recipe => format!("`{}::{recipe}`", cookbook.name()),
            })
        })
        .collect();
    match all.is_empty() {
        true => fault.hint("there is no cookbook at all"),
        false => fault.hint(format!("there are {}", all.join(", "))),
    }
}

/// Whether a pin of two or three numbers names this version; `1.2` is `1.2.0`. A pre-release is no plain version.
fn same_version(pin: &str, version: &str) -> bool {
    let numbers = |version: &str| {
        let mut numbers = [0_u64; 3];
        let mut parts = version.split('.');
        for number in &mut numbers {
            match parts.next().map(str::parse) {
                Some(Ok(part)) => *number = part,
                Some(Err(_)) => return None,
                None => {}
            }
        }
        parts.next().is_none().then_some(numbers)
    };
    match (numbers(pin), numbers(version)) {
        (Some(pin), Some(version)) => pin == version,
        _ => pin == version,
    }
}

#[cfg(test)]
mod tests {
    use super::{expand, same_version};
    use crate::{
        Result,
        node::{Expansion, RunListItem, override_run_list},
        recipe::Cookbook,
    };

    fn cookbooks() -> [Cookbook; 3] {
        [
            Cookbook::new("bind", "1.2.0").recipe("default", |_| Ok(())).recipe("dynamic_dns", |_| Ok(())),
            Cookbook::new("build-essential", "8.2.1").recipe("default", |_| Ok(())),
            Cookbook::new("tools", "0.1.0").recipe("extra", |_| Ok(())),
        ]
    }

    fn expanded(words: &str) -> Result<Vec<String>> {
        expand(&of(override_run_list(words).expect("items")), &cookbooks())
    }

    fn of(recipes: Vec<RunListItem>) -> Expansion {
        Expansion { recipes, ..Expansion::default() }
    }

    #[test]
    fn items_become_recipes_in_order_and_once() {
        assert_eq!(
            expanded("bind::dynamic_dns,build-essential,recipe[bind],bind::default,recipe[bind::dynamic_dns@1.2]")
                .unwrap(),
            ["bind::dynamic_dns", "build-essential::default", "bind::default"]
        );
        assert_eq!(expand(&of(Vec::new()), &cookbooks()).unwrap(), [""; 0]);
    }

    #[test]
    fn everything_that_is_not_compiled_in_is_named_at_once() {
        let error =
            expanded("bnid::dynamic_dns, bind::dynamic_dn,postgresql,dynamic_dns,tools,bind@1.3.0,bind@1,role[web]")
                .unwrap_err();
        insta::assert_snapshot!(error, @"
        -o:1:1: no cookbook `bnid` is on `cookbook_path` or compiled in
        hint: did you mean `bind::dynamic_dns`?
        hint: there are `bind`, `bind::dynamic_dns`, `build-essential`, `tools::extra`
        -o:1:20: cookbook `bind` has no recipe `dynamic_dn`
        hint: did you mean `bind::dynamic_dns`?
        hint: it has `bind::default`, `bind::dynamic_dns`
        -o:1:37: no cookbook `postgresql` is on `cookbook_path` or compiled in
        hint: there are `bind`, `bind::dynamic_dns`, `build-essential`, `tools::extra`
        -o:1:48: no cookbook `dynamic_dns` is on `cookbook_path` or compiled in
        hint: did you mean `bind::dynamic_dns`?
        hint: there are `bind`, `bind::dynamic_dns`, `build-essential`, `tools::extra`
        -o:1:60: cookbook `tools` has no recipe `default`
        hint: it has `tools::extra`
        -o:1:66: version 1.3.0 of cookbook `bind` is asked for; 1.2.0 is there
        hint: ask for `@1.2.0` or for none, or use the other version of the cookbook
        -o:1:77: no cookbook `bind@1` is on `cookbook_path` or compiled in
        hint: a version is two or three numbers, as in `@1.2.3`
        hint: there are `bind`, `bind::dynamic_dns`, `build-essential`, `tools::extra`
        -o:1:84: role `web` was not resolved
        hint: name recipes here: roles are files, which only a node has
        ");
        insta::assert_snapshot!(expanded("::dynamic_dns,bind::").unwrap_err(), @"
        -o:1:1: `::dynamic_dns` names no cookbook
        hint: `::RECIPE` is a recipe of the cookbook that includes it; write `COOKBOOK::RECIPE` here
        -o:1:15: no cookbook `bind::` is on `cookbook_path` or compiled in
        hint: there are `bind`, `bind::dynamic_dns`, `build-essential`, `tools::extra`
        ");
        insta::assert_snapshot!(expand(&of(override_run_list("a").unwrap()), &[]).unwrap_err(), @"
        -o:1:1: no cookbook `a` is on `cookbook_path` or compiled in
        hint: there is no cookbook at all
        ");
    }

    #[test]
    fn pins_compare_numbers() {
        for (pin, version) in [("1.2", "1.2.0"), ("1.2.0", "1.2.0"), ("1.02", "1.2.0")] {
            assert!(same_version(pin, version), "{pin} {version}");
        }
        for (pin, version) in [("1.2", "1.2.1"), ("1.2.0", "1.2.0-pre"), ("1.2", "1.2.0.0")] {
            assert!(!same_version(pin, version), "{pin} {version}");
        }
    }
}
