//! The examples that `brasa explain` shows: each one compiles, and declares a resource that nothing is wrong with.
mod recipe;

use brasa::{compile_function, node::Node, recipe::kinds};

/// A line of code without the blanks and commas that a formatter adds or takes away.
fn bare(code: &str) -> String {
    code.replace([' ', '\n'], "").replace(",)", ")").replace(",]", "]").replace(",}", "}")
}

#[test]
fn each_kind_has_an_example_here() {
    let recipe = bare(include_str!("recipe.rs"));
    let missing: Vec<_> =
        kinds().iter().filter(|kind| !recipe.contains(&bare(kind.example))).map(|kind| kind.name).collect();
    assert!(missing.is_empty(), "put the examples of {missing:?} into recipe.rs as they are");
}

#[test]
fn nothing_is_wrong_with_them() {
    let run = compile_function(&Node::default(), "examples", recipe::examples).unwrap();
    let declared: Vec<String> = run.outlines().into_iter().map(|outline| outline.id).collect();
    for kind in kinds() {
        assert!(declared.iter().any(|id| id.starts_with(&format!("{}[", kind.name))), "{}", kind.name);
    }
}
