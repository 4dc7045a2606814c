//! Run-list items into the names of recipes.
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Error, Fault, Result,
    error::ENOUGH,
    node::{Asked, CookbookVersion, Expansion, Named, position},
    recipe::{Cookbook, RecipeName},
    suggest,
    values::Place,
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
    (recipes, by_file(faults))
}

/// Faults of one file together, from top to bottom; the files in the order in which they were read.
fn by_file(mut faults: Vec<Fault>) -> Vec<Fault> {
    let file = |fault: &Fault| match &fault.place {
        Some(Place::File { path, .. }) => Some(Arc::clone(path)),
        Some(Place::Rust(_)) | None => None,
    };
    let files: Vec<_> = faults.iter().map(file).collect();
    // What has no place comes first.
    faults.sort_by_cached_key(|fault| {
        let file = file(fault);
        let read = file.and_then(|file| files.iter().position(|other| other.as_ref() == Some(&file)));
        (read, position(fault.place.as_ref()))
    });
    faults
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
    if let Some(fault) = cookbook.lacks(recipe, cookbooks) {
        return Err(fault);
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
        fault = fault
            .hint("an item names one recipe; several are `[\"one\", \"two\"]` in a file, and `one,two` behind `-o`");
    }
    if name.contains('@') {
        fault = fault.hint("a version is two or three numbers, as in `@1.2.3`");
    }
    let runnable = cookbooks.iter().filter(|known| known.ruby.is_none());
    if let Some(near) = suggest::nearest(cookbook, runnable.map(Cookbook::name)) {
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
        host::Fake,
        node::{Attributes, Expansion, Library, override_run_list},
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
        expand(&of(words), &cookbooks())
    }

    fn of(words: &str) -> Expansion {
        let mut faults = Vec::new();
        let recipes = if words.is_empty() { Vec::new() } else { override_run_list(words, &mut faults) };
        Expansion { recipes, faults, ..Expansion::default() }
    }

    #[test]
    fn items_become_recipes_in_order_and_once() {
        assert_eq!(
            expanded("bind::dynamic_dns,build-essential,recipe[bind],bind::default,recipe[bind::dynamic_dns@1.2]")
                .unwrap(),
            ["bind::dynamic_dns", "build-essential::default", "bind::default"]
        );
        assert_eq!(expanded("").unwrap(), [""; 0]);
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
        insta::assert_snapshot!(expand(&of("a"), &[]).unwrap_err(), @"
        -o:1:1: no cookbook `a` is on `cookbook_path` or compiled in
        hint: there is no cookbook at all
        ");
    }

    #[test]
    fn what_is_no_item_hides_nothing_that_is_missing() {
        let role = r#"{"run_list": ["recipe[", "role[none]", 7, "bind::x"], "descriptoin": ""}"#;
        let machine = Fake::debian("12")
            .with_directory("/roles")
            .with_file("/roles/web.json", role)
            .with_file("/roles/db.json", r#"{"default_attributes": 5, "run_list": ["nothing"]}"#)
            .with_directory("/environments")
            .with_file("/environments/prod.json", r#"{"cookbook_versions": {"bind": "> 2.0", "a": "~> x", "c": 5}}"#);
        let (mut attributes, mut faults) = (Attributes::default(), Vec::new());
        let items = override_run_list("recipe[a, role[web], role[db], role[gone],bind", &mut faults);
        let library = Library::new(vec!["/roles".into()], vec!["/environments".into()], &machine);
        let mut expansion = Expansion::of(&items, "prod", &library, &mut attributes).unwrap();
        expansion.faults.splice(..0, faults);
        let said = expand(&expansion, &cookbooks()).unwrap_err().to_string();
        let said: Vec<&str> = said.lines().filter(|line| line.starts_with(['-', '/', 'h'])).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        -o:1:1: `recipe[a` is no item of a run-list
        hint: did you mean `recipe[a]`?
        -o:1:32: there is no role `gone`
        hint: there are `db`, `web`
        hint: looked for `gone.json` in `/roles`
        /environments/prod.json:1:32: the environment asks for `bind` > 2.0; version 1.2.0 is there
        hint: change the environment, or use another version of the cookbook
        /environments/prod.json:1:46: `~> x` is no version constraint: it is `=`, `<`, `>`, `<=`, `>=` or `~>` and two or three numbers
        hint: as in `"~> 1.2"`
        /environments/prod.json:1:59: what is asked of `c` is text, this is a number
        hint: as in `"~> 1.2"`
        /roles/web.json:1:15: `recipe[` is no item of a run-list
        hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
        /roles/web.json:1:26: there is no role `none`
        hint: there are `db`, `web`
        hint: looked for `none.json` in `/roles`
        /roles/web.json:1:40: `7` is no item of a run-list
        hint: an item is `recipe[NAME]`, `recipe[COOKBOOK::RECIPE@1.2.3]`, `role[NAME]` or a bare recipe name
        /roles/web.json:1:43: cookbook `bind` has no recipe `x`
        hint: it has `bind::default`, `bind::dynamic_dns`
        /roles/web.json:1:55: a role has no `descriptoin`
        hint: did you mean `description`?
        /roles/db.json:1:24: `default_attributes` is an object of attributes, this is a number
        /roles/db.json:1:40: no cookbook `nothing` is on `cookbook_path` or compiled in
        hint: there are `bind`, `bind::dynamic_dns`, `build-essential`, `tools::extra`
        "#);
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
