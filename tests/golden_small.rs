//! What chef-solo takes version constraints and names of recipes for (`tests/golden/small`), and what brasa does.
//! The third table there, `file_specificity`, is tested beside the code it is about.
#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

mod tally;

use brasa::{
    node::{Constraint, CookbookVersion},
    recipe::RecipeName,
};
use serde::Deserialize;
use serde_json::Value;
use tally::Tally;

#[derive(Deserialize)]
struct Constraints {
    versions: Vec<String>,
    cases: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    constraint: String,
    /// Absent when Chef refuses it.
    satisfied_by: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Names {
    cases: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    current_cookbook: Option<String>,
    cookbook: Option<String>,
    recipe: Option<String>,
    error: Option<Value>,
}

fn difference<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Option<String> {
    (found != expected).then(|| format!("    expected {expected:?}, found {found:?}"))
}

#[test]
fn constraints_and_names_are_what_chef_takes_them_for() {
    let mut tally = Tally::of("small");
    let table: Constraints = serde_json::from_str(include_str!("golden/small/version_constraints.json")).unwrap();
    for Asked { constraint, satisfied_by } in table.cases {
        let found = Constraint::parse(&constraint).ok().map(|parsed| {
            let allowed = |version: &&String| CookbookVersion::parse(version).is_some_and(|known| parsed.allows(known));
            table.versions.iter().filter(allowed).cloned().collect()
        });
        tally.count("version_constraints", &constraint, difference(&found, &satisfied_by));
    }
    let table: Names = serde_json::from_str(include_str!("golden/small/recipe_names.json")).unwrap();
    for Named { name, current_cookbook, cookbook, recipe, error } in table.cases {
        let found = RecipeName::parse(&name, current_cookbook.as_deref());
        let found = found.map(|RecipeName { cookbook, recipe }| (cookbook.to_owned(), recipe.to_owned()));
        let expected = cookbook.zip(recipe);
        assert_eq!(expected.is_none(), error.is_some(), "{name}");
        let shown = format!("{name} in {}", current_cookbook.as_deref().unwrap_or("none"));
        tally.count("recipe_names", &shown, difference(&found, &expected));
    }
    tally.finish(42);
}
