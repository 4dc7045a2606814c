use std::{any::TypeId, borrow::Cow, sync::Arc};

use super::Recipe;
use crate::Result;

pub(crate) type Run = Arc<dyn Fn(&mut Recipe) -> Result<()> + Send + Sync>;

/// A cookbook: a name and its recipes. Its crate's `Cargo.toml` is its `metadata.rb`.
#[derive(Clone)]
pub struct Cookbook {
    pub(crate) name: Cow<'static, str>,
    pub(crate) version: Cow<'static, str>,
    pub(crate) recipes: Vec<RecipeEntry>,
    /// Names of cookbooks whose attributes come first, with the constraint on their version.
    pub(crate) depends: Vec<(String, String)>,
    /// Files of attributes by name, in the order in which they are read.
    pub(crate) attributes: Vec<(String, Run)>,
    /// Where it was found, and whom it hides, when it was found in a directory.
    pub(crate) origin: Option<Origin>,
}

/// Where a cookbook that is data was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// The cookbook.
    pub name: String,
    /// Its directory.
    pub path: String,
    /// Other cookbooks of this name, which it hides: directories, or `compiled in`.
    pub shadows: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct RecipeEntry {
    pub name: Cow<'static, str>,
    /// What it is included by; a recipe that is data is included by its name.
    pub function: Option<TypeId>,
    pub run: Run,
}

impl Cookbook {
    /// An empty cookbook. Give `env!("CARGO_PKG_VERSION")` as its version.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            recipes: Vec::new(),
            depends: Vec::new(),
            attributes: Vec::new(),
            origin: None,
        }
    }

    /// Adds a recipe, which run-lists call `NAME::recipe`; `default` is what the bare cookbook name means.
    #[must_use]
    pub fn recipe<F>(mut self, name: impl Into<Cow<'static, str>>, recipe: F) -> Self
    where
        F: Fn(&mut Recipe) -> Result<()> + Send + Sync + Copy + 'static,
    {
        self.recipes.push(RecipeEntry {
            name: name.into(),
            function: Some(TypeId::of::<F>()),
            run: Arc::new(move |r: &mut Recipe| r.include(recipe)),
        });
        self
    }

    /// Adds a recipe that is data: what it does is known when it is compiled.
    pub(crate) fn written_recipe(
        &mut self,
        name: String,
        recipe: impl Fn(&mut Recipe) -> Result<()> + Send + Sync + 'static,
    ) {
        let whole = format!("{}::{name}", self.name);
        let run = move |r: &mut Recipe| r.enter(&whole, &recipe);
        self.recipes.push(RecipeEntry { name: name.into(), function: None, run: Arc::new(run) });
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Names of its recipes, without the cookbook's.
    pub fn recipe_names(&self) -> impl Iterator<Item = &str> {
        self.recipes.iter().map(|recipe| &*recipe.name)
    }

    /// Where it was found; nothing for a compiled-in one.
    #[must_use]
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}
