/// A recipe's name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecipeName<'n> {
    /// The cookbook.
    pub cookbook: &'n str,
    /// The recipe in it.
    pub recipe: &'n str,
}

impl<'n> RecipeName<'n> {
    /// Reads `COOKBOOK::RECIPE`, `COOKBOOK` for its `default`, or `::RECIPE` of the current cookbook; `None` when it is the last
    /// and there is no current cookbook.
    ///
    /// Source: chef-solo 18, measured (`tests/golden/small/recipe_names.json`): what holds no whole name beside the `::` is the
    /// name of a cookbook, with the colons.
    #[must_use]
    pub fn parse(name: &'n str, current: Option<&'n str>) -> Option<Self> {
        match name.split_once("::") {
            Some(("", recipe)) if !recipe.is_empty() => Some(Self { cookbook: current?, recipe }),
            Some((cookbook, recipe)) if !cookbook.is_empty() && !recipe.is_empty() => Some(Self { cookbook, recipe }),
            Some(_) | None => Some(Self { cookbook: name, recipe: "default" }),
        }
    }
}
