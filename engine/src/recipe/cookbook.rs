use std::any::TypeId;

use super::Recipe;
use crate::Result;

type Run = Box<dyn Fn(&mut Recipe) -> Result<()> + Send + Sync>;

/// A cookbook: a name and its recipes. Its crate's `Cargo.toml` is its `metadata.rb`.
pub struct Cookbook {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) recipes: Vec<RecipeEntry>,
}

pub(crate) struct RecipeEntry {
    pub name: &'static str,
    pub function: TypeId,
    pub run: Run,
}

impl Cookbook {
    /// An empty cookbook. Give `env!("CARGO_PKG_VERSION")` as its version.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version, recipes: Vec::new() }
    }

    /// Adds a recipe, which run-lists call `NAME::recipe`; `default` is what the bare cookbook name means.
    #[must_use]
    pub fn recipe<F>(mut self, name: &'static str, recipe: F) -> Self
    where
        F: Fn(&mut Recipe) -> Result<()> + Send + Sync + Copy + 'static,
    {
        self.recipes.push(RecipeEntry {
            name,
            function: TypeId::of::<F>(),
            run: Box::new(move |r: &mut Recipe| r.include(recipe)),
        });
        self
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> &'static str {
        self.version
    }

    /// Names of its recipes, without the cookbook's.
    pub fn recipe_names(&self) -> impl Iterator<Item = &'static str> {
        self.recipes.iter().map(|recipe| recipe.name)
    }
}
