use std::{
    any::TypeId,
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{AttributeFile, Recipe};
use crate::{Fault, Result, suggest, values::Place};

type Run = Arc<dyn Fn(&mut Recipe) -> Result<()> + Send + Sync>;
type Load = Arc<dyn Fn(&mut AttributeFile) -> Result<()> + Send + Sync>;

/// A cookbook: a name and its recipes. Its crate's `Cargo.toml` is its `metadata.rb`.
#[derive(Clone)]
pub struct Cookbook {
    pub(crate) name: Cow<'static, str>,
    pub(crate) version: Cow<'static, str>,
    pub(crate) recipes: Vec<RecipeEntry>,
    /// Cookbooks whose attributes are loaded before its own, each with what is asked of its version.
    pub(crate) depends: Vec<Dependency>,
    pub(crate) attributes: Vec<AttributeEntry>,
    /// Where it was found, and whom it hides, when it was found in a directory.
    pub(crate) origin: Option<Origin>,
    /// Its directory, when nothing of it but Ruby says what it does.
    pub(crate) ruby: Option<PathBuf>,
}

/// A cookbook that another depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependency {
    pub name: String,
    /// What is asked of its version.
    pub version: String,
    /// Where metadata names it.
    pub place: Option<Place>,
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
    /// Its file, when it is in Ruby and cannot be run.
    pub ruby: Option<PathBuf>,
    pub run: Run,
}

/// What every version is.
pub(crate) const ANY_VERSION: &str = ">= 0.0.0";

#[derive(Clone)]
pub(crate) struct AttributeEntry {
    pub name: Cow<'static, str>,
    pub run: Load,
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
            ruby: None,
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
            ruby: None,
            run: Arc::new(move |r: &mut Recipe| r.include(recipe)),
        });
        self
    }

    /// Adds a recipe that other recipes include by its name: one that is made while the program runs.
    #[must_use]
    pub fn recipe_by_name(
        mut self,
        name: impl Into<String>,
        recipe: impl Fn(&mut Recipe) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.written_recipe(name.into(), None, recipe);
        self
    }

    /// Adds a recipe that is data: what it does is known when it is compiled. One in Ruby comes with its file.
    pub(crate) fn written_recipe(
        &mut self,
        name: String,
        ruby: Option<PathBuf>,
        recipe: impl Fn(&mut Recipe) -> Result<()> + Send + Sync + 'static,
    ) {
        let whole = format!("{}::{name}", self.name);
        let run = move |r: &mut Recipe| r.enter(&whole, &recipe);
        self.recipes.push(RecipeEntry { name: name.into(), function: None, ruby, run: Arc::new(run) });
    }

    /// Names cookbooks whose attributes are loaded before those of this one.
    #[must_use]
    pub fn depends<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let any = |name: N| Dependency { name: name.into(), version: ANY_VERSION.to_owned(), place: None };
        self.depends.extend(names.into_iter().map(any));
        self
    }

    /// Adds a file of attributes. All of a cookbook are loaded before any recipe is compiled, `default` first, then by
    /// their names.
    #[must_use]
    pub fn attributes<F>(mut self, file: impl Into<Cow<'static, str>>, load: F) -> Self
    where
        F: Fn(&mut AttributeFile) -> Result<()> + Send + Sync + 'static,
    {
        self.attributes.push(AttributeEntry { name: file.into(), run: Arc::new(load) });
        self.attributes
            .sort_by(|one, other| (one.name != "default", &one.name).cmp(&(other.name != "default", &other.name)));
        self
    }

    /// Names of its attribute files, in the order in which they are loaded.
    pub fn attribute_files(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|file| &*file.name)
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

    /// Names of its recipes that can be run, without the cookbook's.
    pub fn recipe_names(&self) -> impl Iterator<Item = &str> {
        self.recipes.iter().filter(|recipe| recipe.ruby.is_none()).map(|recipe| &*recipe.name)
    }

    /// Why it has no such recipe that can be run, when it has none. `all` are the cookbooks that there are.
    pub(crate) fn lacks(&self, recipe: &str, all: &[Self]) -> Option<Fault> {
        let name = &self.name;
        let compiled_in = all.iter().filter(|cookbook| cookbook.origin.is_none()).map(Self::name);
        let in_ruby = |path: &Path| in_ruby(path, name, self.ruby.is_some(), compiled_in);
        if let Some(known) = self.recipes.iter().find(|known| known.name == recipe) {
            return known.ruby.as_deref().map(in_ruby);
        }
        if let Some(directory) = &self.ruby {
            let fault = in_ruby(directory);
            return Some(Fault { message: format!("cookbook `{name}` in {}", fault.message), ..fault });
        }
        let fault = Fault::new(format!("cookbook `{name}` has no recipe `{recipe}`"));
        let fault = match suggest::nearest(recipe, self.recipe_names()) {
            Some(near) => fault.hint(format!("did you mean `{name}::{near}`?")),
            None => fault,
        };
        let known: Vec<_> = self.recipe_names().map(|known| format!("`{name}::{known}`")).collect();
        Some(fault.hint(match known.is_empty() {
            true => "it has no recipe at all".to_owned(),
            false => format!("it has {}", known.join(", ")),
        }))
    }

    /// Where it was found; nothing for a compiled-in one.
    #[must_use]
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}

/// What is said of a file or directory in Ruby that a run needs, by whether all of its cookbook is so.
pub(super) fn in_ruby<'n>(
    path: &Path,
    cookbook: &str,
    whole: bool,
    compiled_in: impl Iterator<Item = &'n str>,
) -> Fault {
    let fault = Fault::new(format!("`{}` is written in Ruby, which brasa does not run", path.display()));
    if !whole {
        return fault.hint(format!("write it as data: `{}`", path.with_extension("yml").display()));
    }
    let fault = match suggest::nearest(cookbook, compiled_in) {
        Some(near) => fault.hint(format!("cookbook `{near}` is compiled in: name it in the run-list")),
        None => fault,
    };
    fault.hint(format!(
        "write it anew: `brasa new cookbook {cookbook} --data` makes a start in YAML, `--rust` one in Rust"
    ))
}
